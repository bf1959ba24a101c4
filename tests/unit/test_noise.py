"""The noise rewrite against Aer's own noise model on the same circuit: density matrices, nothing sampled.

The rewrite writes errors into the circuit; Aer's `NoiseModel` adds them while it runs. Both must give the same
state. Dynamic circuits are compared branch by branch, where Aer's conditional states are exact too.
"""

from itertools import product
from math import exp

import numpy as np
import pytest
from oracles.density import deferred, odd, pauli_coefficients
from qiskit.circuit import ClassicalRegister, Delay, Gate, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import CCXGate, UnitaryGate
from qiskit.quantum_info import Operator, random_unitary
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)

import quantumlink as ql
from quantumlink.circuits import PauliChannel, bell_pair
from quantumlink.exact import UnsupportedOperation, branches, outcome_probabilities
from quantumlink.rewrites import add_noise, noisy_circuit

# Rounding of some hundred products of matrices with entries below 1.
EXACT = 1e-10

ONE = ["h", "s", "sdg", "t", "sx", "sxdg", "x", "y", "z", "id"]
ROTATIONS = ["rx", "ry", "rz", "p"]
TWO = ["cx", "cz", "cy", "swap"]

READOUTS = {"alice": [[0.98, 0.02], [0.07, 0.93]], "bob": 0.04}
ALICE = ql.Node("alice", processor=ql.Processor(0.03, 0.08, READOUTS["alice"]))
BOB = ql.Node("bob", processor=ql.Processor(0.01, 0.05, READOUTS["bob"]))
NODES = (ALICE, ALICE, BOB, BOB)
PAIRS = ((0, 1), (1, 0), (2, 3), (3, 2))


def aer_noise_model(nodes=NODES, pairs=PAIRS):
    """The same noise as Aer's own model: errors by gate name and qubit."""
    model = NoiseModel()
    for qubit, node in enumerate(nodes):
        error = depolarizing_error(node.processor.depolarizing_1q, 1)
        model.add_quantum_error(error, [*ONE, *ROTATIONS, "u"], [qubit])
        model.add_readout_error(ReadoutError(node.processor.confusion), [qubit])
    for pair in (pair for pair in pairs if max(pair) < len(nodes)):
        error = depolarizing_error(nodes[pair[0]].processor.depolarizing_2q, 2)
        model.add_quantum_error(error, TWO, list(pair))
    return model


def aer_state(circuit, noise_model=None):
    saved = circuit.copy()
    saved.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=noise_model, fusion_enable=False)
    return np.asarray(simulator.run(saved, shots=1).result().data()["density_matrix"])


def random_gates(circuit, rng, count, pairs=PAIRS):
    """Append gates on the qubits of these pairs."""
    qubits = sorted({q for pair in pairs for q in pair})
    for _ in range(count):
        kind, qubit = rng.integers(4), int(rng.choice(qubits))
        if kind == 0:
            getattr(circuit, rng.choice(ONE))(qubit)
        elif kind == 1:
            getattr(circuit, rng.choice(ROTATIONS))(rng.uniform(0, 6), qubit)
        elif kind == 2:
            circuit.u(*rng.uniform(0, 6, 3), qubit)
        else:
            getattr(circuit, rng.choice(TWO))(*pairs[rng.integers(len(pairs))])


# --- gates


@pytest.mark.parametrize("number", range(6))
def test_gate_noise_is_aers(number, rng):
    circuit = QuantumCircuit(4)
    random_gates(circuit, rng, 30)
    noisy = noisy_circuit(circuit, NODES)
    np.testing.assert_allclose(aer_state(noisy), aer_state(circuit, aer_noise_model()), rtol=0, atol=EXACT)


def test_ideal_nodes_add_nothing():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.delay(1, 0, "s")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    assert noisy_circuit(circuit, (ql.Node("a"),) * 2) == circuit


def test_a_rewrite_leaves_the_original_alone():
    circuit = QuantumCircuit(1, 1, metadata={"heralds": [[0]]})
    circuit.h(0)
    circuit.measure(0, 0)
    before = circuit.copy()
    noisy = noisy_circuit(circuit, (ALICE,))
    assert circuit == before
    assert noisy.metadata == {"heralds": [[0]]}


def test_a_gate_with_a_definition_is_noisy_part_by_part():
    inner = QuantumCircuit(2, name="entangle")
    inner.h(0)
    inner.cx(0, 1)
    inner.rz(0.3, 1)
    circuit = QuantumCircuit(2)
    circuit.append(inner.to_gate(), [1, 0])
    noisy = aer_state(noisy_circuit(circuit, NODES[:2]))
    wanted = aer_state(circuit.decompose(), aer_noise_model(NODES[:2]))
    np.testing.assert_allclose(noisy, wanted, rtol=0, atol=EXACT)


def test_a_gate_given_as_a_matrix_acts_as_that_matrix(rng):
    # However it is decomposed: without noise it must be what it was.
    circuit = QuantumCircuit(2)
    circuit.append(UnitaryGate(random_unitary(2, seed=rng)), [0])
    circuit.append(UnitaryGate(random_unitary(4, seed=rng)), [1, 0])
    ideal = noisy_circuit(circuit, (ql.Node("a"),) * 2)
    assert Operator(ideal).equiv(Operator(circuit))
    # A one-qubit matrix is one gate: one error behind it.
    single = QuantumCircuit(1)
    single.append(UnitaryGate(random_unitary(2, seed=rng)), [0])
    errors = [x for x in noisy_circuit(single, NODES[:1]).data if x.name == "quantum_channel"]
    assert len(errors) == 1


def test_channels_and_resets_stay_and_the_medium_is_a_pauli_error():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.append(PauliChannel(0.1, 0.05, 0.2), [0])
    circuit.append(amplitude_damping_error(0.3).to_instruction(), [0])
    circuit.ry(0.4, 1)
    circuit.reset(1)
    wanted = QuantumCircuit(2)
    wanted.h(0)
    error = pauli_error([("X", 0.1), ("Y", 0.05), ("Z", 0.2), ("I", 0.65)])
    wanted.append(error.to_instruction(), [0])
    wanted.append(amplitude_damping_error(0.3).to_instruction(), [0])
    wanted.ry(0.4, 1)
    wanted.reset(1)
    noisy = aer_state(noisy_circuit(circuit, NODES[:2]))
    np.testing.assert_allclose(noisy, aer_state(wanted, aer_noise_model(NODES[:2])), rtol=0, atol=EXACT)


def test_a_pair_across_nodes_arrives_without_gate_noise():
    circuit = QuantumCircuit(2)
    circuit.append(bell_pair().to_gate(label="pair"), [0, 1])
    found = aer_state(noisy_circuit(circuit, (ALICE, BOB)))
    wanted = np.zeros((4, 4))
    wanted[np.ix_([0, 3], [0, 3])] = 0.5
    np.testing.assert_allclose(found, wanted, rtol=0, atol=EXACT)


# --- readout


def test_aer_reads_its_readout_matrix_as_true_then_read():
    # The convention on which the comparisons rest, seen where nothing is random: 0 is always read as 1.
    model = NoiseModel()
    model.add_readout_error(ReadoutError([[0, 1], [0, 1]]), [0])
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    assert AerSimulator(noise_model=model).run(circuit, shots=10).result().get_counts() == {"1": 10}


@pytest.mark.parametrize(
    ("a", "b"), [(0.0, 0.0), (0.1, 0.1), (0.02, 0.3), (0.3, 0.02), (0, 0.2), (1, 0), (0.9, 0.8), (1, 1), (0.7, 0.2)]
)
def test_readout_errors_flip_what_is_read(a, b):
    # a: 0 read as 1; b: 1 read as 0. For each true value, exactly.
    node = ql.Node("a", processor=ql.Processor(readout_error=[[1 - a, a], [b, 1 - b]]))
    for true, wrong in ((0, a), (1, b)):
        circuit = QuantumCircuit(1, 1)
        if true:
            circuit.x(0)
        circuit.measure(0, 0)
        found = outcome_probabilities(noisy_circuit(circuit, (node,)))
        assert found.get((1 - true,), 0) == pytest.approx(wrong, abs=EXACT)


def test_readout_noise_is_aers(rng):
    circuit = QuantumCircuit(4)
    random_gates(circuit, rng, 30)
    model = aer_noise_model()
    true = aer_state(circuit, model).diagonal().real.reshape((2,) * 4).T  # axis q: qubit q
    confusion = [np.asarray(model._local_readout_errors[(q,)].probabilities) for q in range(4)]
    read = np.einsum("abcd,ae,bf,cg,dh->efgh", true, *confusion)
    measured = circuit.copy()
    measured.add_register(ClassicalRegister(4, "c"))
    measured.measure(range(4), range(4))
    found = outcome_probabilities(noisy_circuit(measured, NODES))
    for record in product((0, 1), repeat=4):
        assert found.get(record, 0) == pytest.approx(read[record], abs=EXACT)


def test_a_misread_bit_is_what_feed_forward_acts_on():
    # By hand: qubit 0 is |1⟩ and read as 0 with 0.07; then X does not come.
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    quiet = ql.Node("a", processor=ql.Processor(readout_error=READOUTS["alice"]))
    found = branches(noisy_circuit(circuit, (quiet, quiet)), outputs=[1])
    np.testing.assert_allclose(found[(1,)].ravel(), [0.93, 0, 0, -0.93], rtol=0, atol=EXACT)
    np.testing.assert_allclose(found[(0,)].ravel(), [0.07, 0, 0, 0.07], rtol=0, atol=EXACT)


def test_errors_of_paulis_and_readouts_stay_within_the_stabiliser_formalism():
    # Asymmetric readout, too: resets instead of Kraus operators. Aer's stabiliser method takes nothing else.
    circuit = QuantumCircuit(4, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.append(PauliChannel(0.1, 0.1, 0.1), [1])
    circuit.measure([0, 2], [0, 1])
    with circuit.if_test(odd(circuit.clbits)):
        circuit.x(1)
    noisy = noisy_circuit(circuit, NODES)
    assert AerSimulator(method="stabilizer").run(noisy, shots=10).result().success


# --- delays


@pytest.mark.parametrize(("t1", "t2"), [(3e-3, 2e-3), (3e-3, 5e-3), (3e-3, 3e-3)])
def test_delays_relax_as_aers_own_pass_says(t1, t2, rng):
    circuit = QuantumCircuit(2)
    circuit.u(*rng.uniform(0, 3, 3), 0)
    circuit.cx(0, 1)
    circuit.delay(1.2, 0, "ms")
    circuit.delay(700, 1, "us")
    circuit.h(0)
    circuit.delay(0.3, 0, "ms")
    node = ql.Node("a", memory=ql.Memory(t1, t2))
    relaxation = RelaxationNoisePass([t1] * 2, [t2] * 2, dt=1e-9, op_types=Delay)
    wanted = PassManager([relaxation]).run(circuit)
    np.testing.assert_allclose(
        aer_state(noisy_circuit(circuit, (node, node))), aer_state(wanted), rtol=0, atol=EXACT
    )


def test_each_qubit_relaxes_with_its_own_memory():
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.delay(1, 0, "s")
    circuit.delay(1, 1, "s")
    nodes = tuple(ql.Node(name, memory=ql.Memory(t1_s=5, t2_s=t2)) for name, t2 in (("a", 1), ("b", 4)))
    (state,) = branches(noisy_circuit(circuit, nodes), outputs=[0, 1]).values()
    assert state[1, 0].item() == pytest.approx(exp(-1), abs=EXACT)
    assert state[0, 1].item() == pytest.approx(exp(-1 / 4), abs=EXACT)
    assert state[3, 0].item() == pytest.approx(1 - exp(-1 / 5), abs=EXACT)  # ⟨Z⟩ rises towards |0⟩


# --- control flow


def test_noise_reaches_into_every_block_as_aers_does():
    # Aer's state for given outcomes is exact, however many shots went there; 200 see each of four branches
    # (a branch of probability 1/4, roughly, is missed with (3/4)^200 < 1e-24). No readout errors here: with them
    # Aer averages over true outcomes by sampling.
    quiet = tuple(ql.Node(n.name, processor=ql.Processor(0.03, 0.08)) for n in NODES)
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(2, "c"))
    circuit.h([0, 2])
    circuit.cx(0, 1)
    circuit.cx(2, 3)
    circuit.measure([0, 2], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.sx(1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.cx(2, 3)
            circuit.h(3)
    with otherwise:
        circuit.ry(0.3, 3)
    with circuit.if_test((circuit.cregs[0], 3)):
        circuit.t(1)
    with circuit.if_test(odd(circuit.clbits)):
        circuit.h(1)
    saved = circuit.copy()
    saved.save_density_matrix(conditional=True)
    model = aer_noise_model(quiet)
    model._local_readout_errors.clear()
    simulator = AerSimulator(method="density_matrix", noise_model=model, seed_simulator=1)
    data = simulator.run(saved, shots=200).result().data()["density_matrix"]
    found = branches(noisy_circuit(circuit, quiet), outputs=range(4))
    assert len(data) == len(found) == 4
    for key, rho in data.items():
        value = int(key, 16)
        mine = found[value & 1, value >> 1][..., 0]
        wanted = pauli_coefficients(np.asarray(rho), 4)
        np.testing.assert_allclose(mine / mine[0, 0, 0, 0], wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("number", range(4))
def test_whole_noisy_programs_against_deferred_measurement(number, rng):
    # Gates, asymmetric readout, feed-forward on it, else, resets: all at once, by `oracles.density`.
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(2, "c"))
    random_gates(circuit, rng, 10)
    circuit.measure(0, 0)
    circuit.reset(0)
    random_gates(circuit, rng, 5)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        random_gates(circuit, rng, 4)
    with otherwise:
        random_gates(circuit, rng, 4)
    circuit.measure(3, 1)
    with circuit.if_test(odd(circuit.clbits)):
        random_gates(circuit, rng, 4, pairs=((0, 1), (1, 0)))
    found = branches(noisy_circuit(circuit, NODES), outputs=[0, 1, 2])
    for record, rho in deferred(circuit, [0, 1, 2], NODES).by_record().items():
        mine = found.get(record, np.zeros((4, 4, 4))).reshape(4, 4, 4)
        np.testing.assert_allclose(mine, pauli_coefficients(rho, 3), rtol=0, atol=EXACT)


# --- refusals


def _across(circuit):
    circuit.cx(1, 2)


def _three(circuit):
    circuit.append(CCXGate(), [0, 1, 2])


def _three_at_one_node(circuit):
    circuit.add_register(QuantumRegister(1, "more"))
    circuit.append(CCXGate(), [0, 1, 4])


def _opaque(circuit):
    circuit.append(Gate("mystery", 1, []), [0])


def _measured_then(*rest):
    def build(circuit):
        circuit.measure(0, 0)
        name, *arguments = rest
        getattr(circuit, name)(*arguments)

    return build


def _measured_then_corrected(circuit):
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)


def _measured_in_a_block_then_used(circuit):
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.measure(0, 0)
    circuit.h(0)


def _reset_in_a_block_then_used(circuit):
    # Where the condition does not hold, the qubit is still the one that was measured.
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.reset(0)
    circuit.h(0)


def _pair_on_a_measured_qubit(circuit):
    # A pair arrives on qubits in |0⟩; this one is in whatever was measured.
    circuit.measure(0, 0)
    circuit.append(bell_pair().to_gate(label="pair"), [0, 2])


def _channel_on_a_measured_qubit(circuit):
    circuit.measure(0, 0)
    circuit.append(amplitude_damping_error(0.1).to_instruction(), [0])


REFUSED = {
    "a gate across nodes": (_across, ["'cx'", "alice", "bob"]),
    "three qubits of two nodes": (_three, ["'ccx'", "alice", "bob"]),
    "three qubits of one node": (_three_at_one_node, ["'ccx'", "alice"]),
    "an opaque gate": (_opaque, ["'mystery'", "alice"]),
    "a gate on a measured qubit": (_measured_then("h", 0), ["'h'", "alice", "reset"]),
    "a two-qubit gate on a measured qubit": (_measured_then("cx", 1, 0), ["'cx'", "alice", "reset"]),
    "a second measurement": (_measured_then("measure", 0, 1), ["'measure'", "alice", "reset"]),
    "a delay of a measured qubit": (_measured_then("delay", 1, 0, "s"), ["'delay'", "alice", "reset"]),
    "a correction of a measured qubit": (_measured_then_corrected, ["'x'", "alice", "reset"]),
    "measured within a block": (_measured_in_a_block_then_used, ["'h'", "alice", "reset"]),
    "a channel on a measured qubit": (_channel_on_a_measured_qubit, ["'quantum_channel'", "alice", "reset"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused_by_name(name):
    build, texts = REFUSED[name]
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(2, "c"))
    circuit.h(0)
    build(circuit)
    nodes = (*NODES, ALICE)[: circuit.num_qubits]
    with pytest.raises(UnsupportedOperation) as refusal:
        add_noise(ql.Program(circuit, {"alice": 1, "bob": 3}, nodes))
    for text in texts:
        assert text in str(refusal.value)


@pytest.mark.parametrize("build", [_reset_in_a_block_then_used, _pair_on_a_measured_qubit])
def test_what_does_not_always_bring_a_measured_qubit_back_is_refused_or_right(build):
    # The misread qubit itself was flipped, not its record: that must not be seen in what it does later.
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(2, "c"))
    circuit.h(0)
    build(circuit)
    try:
        noisy = noisy_circuit(circuit, NODES)
    except UnsupportedOperation as refusal:
        assert "reset" in str(refusal)
        return
    found = branches(noisy, outputs=[0, 2])
    for record, rho in deferred(circuit, [0, 2], NODES).by_record().items():
        mine = found.get(record, np.zeros((4, 4))).reshape(4, 4)
        np.testing.assert_allclose(mine, pauli_coefficients(rho, 2), rtol=0, atol=EXACT)


def test_a_measured_qubit_may_be_used_again_after_a_reset_or_a_perfect_measurement():
    perfect = ql.Node("perfect", processor=ql.Processor(0.03, 0.08))
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    found = outcome_probabilities(noisy_circuit(circuit, (perfect, perfect)))
    # By hand: the second outcome is the opposite but for the X's error, λ/2 = 0.015.
    assert found[(0, 1)] == pytest.approx(0.5 * 0.985, abs=EXACT)
    assert found[(0, 0)] == pytest.approx(0.5 * 0.015, abs=EXACT)
    reused = QuantumCircuit(1, 2)
    reused.h(0)
    reused.measure(0, 0)
    reused.reset(0)
    reused.barrier()
    reused.x(0)
    reused.measure(0, 1)
    found = outcome_probabilities(noisy_circuit(reused, (ALICE,)))
    one = 0.985 * 0.93 + 0.015 * 0.02  # X's error, then Alice's readout of 1 and of 0
    assert found[(0, 1)] + found[(1, 1)] == pytest.approx(one, abs=EXACT)


def test_the_number_of_nodes_must_fit_the_qubits():
    with pytest.raises(ValueError, match="nodes"):
        ql.Program(QuantumCircuit(2), {"a": 0}, (ALICE,))


def test_loops_are_noisy_in_each_round():
    """Two rounds of a depolarized X, in a `while` that its own bit ends: as written out."""
    node = ql.Node("n", processor=ql.Processor(depolarizing_1q=0.1))
    looped = QuantumCircuit(2, 1)
    looped.x(0)
    looped.measure(0, 0)
    with looped.while_loop((looped.clbits[0], 1)):
        looped.x(0)
        looped.x(1)
        looped.measure(0, 0)
    noisy = noisy_circuit(looped, (node, node))
    (loop,) = [step.operation for step in noisy.data if step.name == "while_loop"]
    assert [step.name for step in loop.blocks[0].data].count("quantum_channel") == 2


def test_what_a_round_measured_the_next_may_not_use():
    node = ql.Node("n", processor=ql.Processor(readout_error=0.1))
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.measure(0, 0)
    with pytest.raises(UnsupportedOperation, match="measured with a readout error and not reset"):
        noisy_circuit(circuit, (node,))


def two_rounds(*, otherwise):
    """A qubit that is measured, and where it was read as 1 reset and measured again; elsewhere perhaps reset."""
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)) as no:
        circuit.reset(0)
        circuit.h(0)
        circuit.measure(0, 1)
        circuit.reset(0)
    if otherwise:
        with no:
            circuit.reset(0)
    return circuit


def test_what_was_misread_may_be_reset_in_a_block():
    node = ql.Node("n", processor=ql.Processor(readout_error=[[0.9, 0.1], [0.2, 0.8]]))
    found = outcome_probabilities(noisy_circuit(two_rounds(otherwise=False), (node,)))
    # Read as 0 it stays unread; as 1, the reset qubit is found in either state and misread anew: 0.9/2 + 0.2/2.
    wanted = {(0, 0): 0.2, (1, 0): 0.8 * 0.55, (1, 1): 0.8 * 0.45}
    assert {bits: p for bits, p in found.items() if p} == pytest.approx(wanted, abs=EXACT)


@pytest.mark.parametrize("otherwise", [False, True])
def test_what_was_reset_on_every_way_may_be_used_after_the_block(otherwise):
    node = ql.Node("n", processor=ql.Processor(readout_error=0.1))
    circuit = two_rounds(otherwise=otherwise)
    circuit.x(0)
    if otherwise:
        noisy_circuit(circuit, (node,))
        return
    with pytest.raises(UnsupportedOperation, match="measured with a readout error and not reset"):
        noisy_circuit(circuit, (node,))


def test_a_round_that_breaks_off_may_leave_a_measured_qubit():
    node = ql.Node("n", processor=ql.Processor(readout_error=0.1))
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((0, 0)):
        circuit.h(0)
        circuit.measure(0, 0)
        with circuit.if_test((0, 1)):
            circuit.break_loop()
        circuit.reset(0)
    circuit.x(0)
    with pytest.raises(UnsupportedOperation, match="measured with a readout error and not reset"):
        noisy_circuit(circuit, (node,))


@pytest.mark.parametrize("readout_error", [0.0, 0.1])
def test_large_gates_are_taken_whole_where_gates_are_perfect(readout_error):
    node = ql.Node("n", processor=ql.Processor(readout_error=readout_error))
    circuit = QuantumCircuit(4)
    circuit.ccx(0, 1, 2)
    circuit.cswap(0, 1, 2)
    assert [step.name for step in noisy_circuit(circuit, (node,) * 4).data] == ["ccx", "cswap"]


def test_composite_gates_of_any_size_are_noisy_part_by_part():
    part = QuantumCircuit(3, name="part")
    part.h(0)
    part.cx(0, 1)
    part.cx(1, 2)
    whole, plain = QuantumCircuit(4), QuantumCircuit(4)
    whole.append(part.to_gate(), [3, 1, 2])
    plain.compose(part, [3, 1, 2], inplace=True)
    assert noisy_circuit(whole, (ALICE,) * 4) == noisy_circuit(plain, (ALICE,) * 4)
    larger = QuantumCircuit(3)
    larger.ccx(0, 1, 2)
    with pytest.raises(UnsupportedOperation, match="no noise rule for 'ccx' on 3 qubits"):
        noisy_circuit(larger, (ALICE,) * 3)
