"""Teleportation, in all its forms, as exact channels; superdense coding as exact records."""

from itertools import product
from math import pi, prod

import numpy as np
import pytest
from oracles.density import deferred
from oracles.stim_circuits import has_flow
from qiskit.circuit import Gate, Measure, Parameter, QuantumCircuit
from qiskit.circuit.library import (
    CCXGate,
    CCZGate,
    CSGate,
    CXGate,
    CZGate,
    GlobalPhaseGate,
    HGate,
    PhaseGate,
    RZGate,
    SGate,
    SXGate,
    TdgGate,
    TGate,
    UnitaryGate,
    XGate,
    ZGate,
)
from qiskit.quantum_info import Operator, Pauli, SuperOp, random_clifford, random_density_matrix, random_unitary
from quantumlink_circuits.channel import PauliChannel, bell_diagonal_channel
from quantumlink_circuits.swapping import entanglement_swap
from quantumlink_circuits.teleporting import (
    chain_teleportation,
    gate_teleportation,
    superdense_coding,
    teleport_half,
    teleportation,
)

from quantumlink.exact import branches, outcome_probabilities
from quantumlink.testing import assert_channel, assert_prepares


def arriving(circuit, channels=()):
    """The circuit behind its pairs Φ⁺, with a channel on the second half of each."""
    result = circuit.copy_empty_like()
    for place, pair in enumerate(circuit.metadata["pairs"]):
        result.h(pair[0])
        result.cx(*pair)
        if channels:
            result.append(channels[place], [pair[1]])
    for instruction in circuit.data:
        result.append(instruction)
    return result


def depolarizing(w):
    return PauliChannel(*[(1 - w) / 4] * 3)


def pauli_superop(px, py, pz):
    weights = {"I": 1 - px - py - pz, "X": px, "Y": py, "Z": pz}
    return SuperOp(sum(weight * SuperOp(Pauli(letter)).data for letter, weight in weights.items()))


def corrections(circuit):
    return [place for place, instruction in enumerate(circuit.data) if instruction.name == "if_else"]


def without(circuit, place):
    result = circuit.copy_empty_like()
    for i, instruction in enumerate(circuit.data):
        if i != place:
            result.append(instruction)
    return result


# --- of a qubit, along a chain


def test_teleportation_through_a_given_pair_and_through_its_own():
    assert_channel(teleportation(), "I", inputs="message", outputs="receiver")
    assert teleportation(prepare_pair=False).metadata == {"pairs": [[1, 2]]}
    assert_channel(arriving(teleportation(prepare_pair=False)), "I", inputs="message", outputs="receiver")


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_chain_teleportation_is_the_identity(n):
    assert_channel(chain_teleportation(n, prepare_pairs=True), "I", inputs="message", outputs="receiver")
    assert_channel(arriving(chain_teleportation(n)), "I", inputs="message", outputs="receiver")


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_flows_of_a_long_chain(n):
    circuit, rest = chain_teleportation(n, prepare_pairs=True), "_" * 2 * n
    for letter in "XYZ":
        assert has_flow(circuit, f"{letter}{rest} -> {rest}{letter}", zeros=range(1, 2 * n + 1))
        assert not has_flow(circuit, f"{letter}{rest} -> -{rest}{letter}", zeros=range(1, 2 * n + 1))


def test_one_hop_is_teleportation():
    one, given = chain_teleportation(1), teleportation(prepare_pair=False)
    assert [(i.operation, [one.find_bit(q).index for q in i.qubits]) for i in one.data] == [
        (i.operation, [given.find_bit(q).index for q in i.qubits]) for i in given.data
    ]
    assert [r.name for r in one.qregs] == [r.name for r in given.qregs]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_noisy_pairs_in_a_chain_are_their_channels_in_a_row(n, rng):
    errors = rng.dirichlet(np.ones(4), n)[:, 1:]
    circuit = arriving(chain_teleportation(n), [PauliChannel(*row) for row in errors])
    wanted = SuperOp(np.eye(4))
    for row in errors:
        wanted = wanted.compose(pauli_superop(*row))
    assert_channel(circuit, wanted, inputs="message", outputs="receiver")


def test_werner_pairs_in_a_chain_depolarize_by_their_product(rng):
    w = rng.uniform(0, 1, 3)
    circuit = arriving(chain_teleportation(3), [depolarizing(x) for x in w])
    found = sum(branches(circuit, inputs=[0], outputs=[6], keep=()).values()).reshape(4, 4)
    assert np.abs(found - np.diag([1, *[prod(w)] * 3])).max() < 1e-12


def test_a_chain_on_an_independent_simulator(rng):
    """Aer's density matrix with deferred measurements: the branch interpreter takes no part."""
    circuit = chain_teleportation(2, prepare_pairs=True)
    gate = random_unitary(2, seed=int(rng.integers(2**31)))
    started = circuit.copy_empty_like()
    started.append(gate.to_instruction(), [0])
    for instruction in circuit.data:
        started.append(instruction)
    rho = sum(deferred(started, outputs=[4]).by_record().values())
    ket = gate.data[:, 0]
    assert np.abs(rho - np.outer(ket, ket.conj())).max() < 1e-9


# --- of half a state


@pytest.mark.parametrize("k", [1, 2])
def test_teleport_half_is_the_identity_on_reference_and_message(k):
    wanted = Operator(np.eye(2 ** (k + 1)))
    for circuit in (teleport_half(k), arriving(teleport_half(k, prepare_pair=False))):
        assert_channel(circuit, wanted, inputs=["reference", "message"], outputs=["reference", "receiver"])


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_teleport_half_moves_any_state_with_its_correlations(rank, rng):
    """A mixed state, held by a purification that takes no part."""
    rho = random_density_matrix(4, rank=rank, seed=int(rng.integers(2**31)))
    values, vectors = np.linalg.eigh(rho.data)
    ket = sum(np.sqrt(max(p, 0)) * np.kron(np.eye(4)[i], vectors[:, i]) for i, p in enumerate(values))
    half = teleport_half()
    circuit = QuantumCircuit(half.num_qubits + 2, half.num_clbits)
    # Any unitary whose first column it is; Qiskit's own preparation fails on kets with near-zero parts.
    columns, _ = np.linalg.qr(np.column_stack([ket, rng.normal(size=(16, 15))]))
    circuit.unitary(columns, [0, 1, 4, 5])  # reference, message, and what purifies them
    circuit.compose(half, range(4), range(2), inplace=True)
    assert_prepares(circuit, rho, qubits=[0, 3])


def test_teleport_half_through_a_werner_pair_depolarizes_the_message_alone():
    w = 0.6
    circuit = arriving(teleport_half(prepare_pair=False), [depolarizing(w)])
    wanted = pauli_superop(*[(1 - w) / 4] * 3).tensor(SuperOp(np.eye(4)))
    assert_channel(circuit, wanted, inputs=["reference", "message"], outputs=["reference", "receiver"])


def test_entanglement_swapping_is_its_special_case():
    half, swap = teleport_half(prepare_pair=False), entanglement_swap()
    assert [(i.operation, [half.find_bit(q).index for q in i.qubits]) for i in half.data] == [
        (i.operation, [swap.find_bit(q).index for q in i.qubits]) for i in swap.data
    ]
    assert half.metadata["pairs"] == swap.metadata["pairs"][1:]  # the other pair is the state to teleport


# --- through a gate

UP_TO_THIRD = {
    "t": TGate(),
    "tdg": TdgGate(),
    "s": SGate(),
    "h": HGate(),
    "x": XGate(),
    "z": ZGate(),
    "sx": SXGate(),
    "rz": RZGate(pi / 4),
    "p": PhaseGate(-3 * pi / 4),
    "cx": CXGate(),
    "cz": CZGate(),
    "cs": CSGate(),
}


@pytest.mark.parametrize("name", UP_TO_THIRD)
def test_gate_teleportation_applies_the_gate(name):
    gate = UP_TO_THIRD[name]
    assert_channel(gate_teleportation(gate), gate, inputs="message", outputs="receiver")


@pytest.mark.parametrize("k", [1, 2])
def test_gate_teleportation_of_a_third_level_gate_between_random_cliffords(k, rng):
    def clifford():
        return random_clifford(k, seed=int(rng.integers(2**31))).to_operator()

    middle = Operator(TGate() if k == 1 else CSGate())
    gate = UnitaryGate(clifford() @ middle @ clifford())
    assert_channel(gate_teleportation(gate), gate, inputs="message", outputs="receiver")
    given = gate_teleportation(gate, prepare_pairs=False)
    assert given.metadata == {"pairs": [[k + i, 2 * k + i] for i in range(k)]}
    assert_channel(arriving(given), gate, inputs="message", outputs="receiver")


@pytest.mark.parametrize("gate", [CCXGate(), CCZGate()])
def test_gate_teleportation_of_three_qubits(gate, rng):
    ket = random_unitary(8, seed=int(rng.integers(2**31))).data[:, 0]
    circuit = gate_teleportation(gate)
    whole = circuit.copy_empty_like()
    whole.prepare_state(ket, [0, 1, 2])
    for instruction in circuit.data:
        whole.append(instruction)
    assert_prepares(whole, Operator(gate).data @ ket, qubits="receiver")


def test_the_corrections_of_t():
    blocks = [gate_teleportation().data[place].operation.blocks[0] for place in corrections(gate_teleportation())]
    assert [[i.name for i in block.data] for block in blocks] == [["x", "s"], ["z"]]
    t, s, x = (Operator(gate).data for gate in (TGate(), SGate(), XGate()))
    assert np.abs(t @ x @ t.conj().T - np.exp(-1j * pi / 4) * s @ x).max() < 1e-12


@pytest.mark.parametrize("gate", [TGate(), CSGate(), HGate()])
def test_every_correction_of_gate_teleportation_is_needed(gate):
    circuit = gate_teleportation(gate)
    assert len(corrections(circuit)) == 2 * gate.num_qubits
    for place in corrections(circuit):
        with pytest.raises(AssertionError, match="differs from what is expected"):
            assert_channel(without(circuit, place), gate, inputs="message", outputs="receiver")


@pytest.mark.parametrize("circuit", [teleportation(), chain_teleportation(3, prepare_pairs=True), teleport_half()])
def test_every_correction_is_needed(circuit):
    assert len(corrections(circuit)) == 2
    for place in corrections(circuit):
        with pytest.raises(AssertionError, match="off by"):
            assert_channel(without(circuit, place), "I", inputs="message", outputs="receiver")


# --- superdense coding


@pytest.mark.parametrize(("phase", "parity"), list(product((0, 1), repeat=2)))
def test_superdense_coding_delivers_both_bits(phase, parity):
    delivered = {(phase, parity): pytest.approx(1)}
    assert outcome_probabilities(superdense_coding(phase, parity)) == delivered
    assert outcome_probabilities(arriving(superdense_coding(phase, parity, prepare_pair=False))) == delivered
    free = superdense_coding()
    bound = free.assign_parameters({"phase_bit": phase, "parity_bit": parity})
    found = {record: p for record, p in outcome_probabilities(bound).items() if p > 1e-12}
    assert found == delivered


@pytest.mark.parametrize(("phase", "parity"), list(product((0, 1), repeat=2)))
def test_superdense_coding_through_a_bell_diagonal_pair_is_its_index_xor_the_message(phase, parity, rng):
    populations = rng.dirichlet(np.ones(4))
    channel = bell_diagonal_channel(populations)
    found = outcome_probabilities(arriving(superdense_coding(phase, parity, prepare_pair=False), [channel]))
    for index, population in enumerate(populations):
        received = (phase ^ index & 1, parity ^ index >> 1)
        assert found[received] == pytest.approx(population, abs=1e-12)


def test_superdense_coding_carries_all_four_messages_of_one_parameter():
    both = Parameter("b")
    circuit = superdense_coding(both, both)
    assert circuit.parameters == {both}
    half = outcome_probabilities(circuit.assign_parameters({both: 0.5}))
    assert list(half.values()) == pytest.approx([0.25] * 4)


# --- refusals


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: chain_teleportation(0), ValueError, "num_hops must be at least 1, got 0"),
        (lambda: chain_teleportation(1.5), TypeError, "num_hops must be a whole number, got 1.5"),
        (lambda: teleport_half(0), ValueError, "num_reference must be at least 1, got 0"),
        (
            lambda: gate_teleportation(RZGate(0.3)),
            ValueError,
            "third level .* 'rz' takes X",
        ),
        (lambda: gate_teleportation(PhaseGate(pi / 8)), ValueError, "third level"),
        (
            lambda: gate_teleportation(ZGate().control(3, annotated=False)),
            ValueError,
            "third level of the Clifford hierarchy",
        ),
        (
            lambda: gate_teleportation(CSGate().control(1, annotated=False)),
            ValueError,
            "third level of the Clifford hierarchy",
        ),
        (lambda: gate_teleportation(RZGate(Parameter("a"))), ValueError, "all parameters bound, got 'rz'"),
        (lambda: gate_teleportation(GlobalPhaseGate(1)), ValueError, "must act on a qubit"),
        (lambda: gate_teleportation(Measure()), TypeError, "must be a Qiskit Gate"),
        (lambda: gate_teleportation(QuantumCircuit(1)), TypeError, "must be a Qiskit Gate"),
        (
            lambda: gate_teleportation(Gate("black_box", 1, [])),
            ValueError,
            "must have a matrix or a definition, got 'black_box'",
        ),
        (lambda: superdense_coding(2, 0), ValueError, "phase must be 0, 1 or a Qiskit parameter, got 2"),
        (lambda: superdense_coding(0, 0.5), ValueError, "parity must be 0, 1 or a Qiskit parameter, got 0.5"),
        (lambda: superdense_coding("0", 0), ValueError, "phase must be 0, 1"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
