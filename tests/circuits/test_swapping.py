"""Swapping: one relay, a chain of them, and many links at one center; exact for every record."""

from functools import reduce
from math import prod

import numpy as np
import pytest
from oracles.density import deferred
from oracles.stim_circuits import has_flow
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import random_unitary
from quantumlink_circuits.channel import bell_diagonal_channel
from quantumlink_circuits.swapping import chain_swap, entanglement_swap, multiway_swap

from quantumlink.exact import branches
from quantumlink.testing import assert_prepares

# Signs of XX, YY, ZZ in Φ⁺, Φ⁻, Ψ⁺, Ψ⁻.
SIGNS = np.array([[1, -1, 1], [-1, 1, 1], [1, 1, -1], [-1, -1, -1]])


def ghz(n):
    ket = np.zeros(2**n)
    ket[[0, -1]] = 0.5**0.5
    return ket


def arriving(circuit, populations=()):
    """The circuit behind its pairs, each of them Bell-diagonal with these populations."""
    result = circuit.copy_empty_like()
    for place, pair in enumerate(circuit.metadata["pairs"]):
        result.h(pair[0])
        result.cx(*pair)
        if len(populations):
            result.append(bell_diagonal_channel(populations[place]), [pair[1]])
    for instruction in circuit.data:
        result.append(instruction)
    return result


def without(circuit, place):
    result = circuit.copy_empty_like()
    for i, instruction in enumerate(circuit.data):
        if i != place:
            result.append(instruction)
    return result


def corrections(circuit):
    return [place for place, instruction in enumerate(circuit.data) if instruction.name == "if_else"]


def averaged(circuit, outputs, inputs=()):
    return sum(branches(circuit, inputs=inputs, outputs=outputs, keep=()).values())


def convolved(first, second):
    """Bell indices (phase, parity) add up bit by bit."""
    return [sum(first[i] * second[i ^ k] for i in range(4)) for k in range(4)]


def werner(w):
    return ((1 + 3 * w) / 4, (1 - w) / 4, (1 - w) / 4, (1 - w) / 4)


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_a_chain_of_perfect_pairs_becomes_one(r, prepared):
    circuit = chain_swap(r, prepare_pairs=True) if prepared else arriving(chain_swap(r))
    assert_prepares(circuit, ghz(2), qubits=["left", "right"])


@pytest.mark.parametrize("r", [1, 2, 7, 40])
def test_flows_of_a_chain(r):
    """XX (and ZZ) of the joined pair is the product of those of all pairs, for any input."""
    circuit = chain_swap(r)
    n = circuit.num_qubits
    for letter in "XZ":
        assert has_flow(circuit, f"{letter * n} -> {letter}{'_' * (n - 2)}{letter}")
        assert not has_flow(circuit, f"{letter * n} -> -{letter}{'_' * (n - 2)}{letter}")


@pytest.mark.parametrize("r", [1, 2, 3])
def test_bell_diagonal_pairs_in_a_chain_convolve(r, rng):
    populations = rng.dirichlet(np.ones(4), r + 1)
    circuit = arriving(chain_swap(r), populations)
    wanted = np.diag([1, *(np.array(reduce(convolved, populations)) @ SIGNS)])
    found = averaged(circuit, [0, circuit.num_qubits - 1]).reshape(4, 4)
    assert np.abs(found - wanted).max() < 1e-12


def test_werner_pairs_in_a_chain_on_an_independent_simulator(rng):
    """Aer's density matrix with deferred measurements: the branch interpreter takes no part."""
    w = rng.uniform(0, 1, 3)
    circuit = arriving(chain_swap(2), [werner(x) for x in w])
    rho = sum(deferred(circuit, outputs=[0, 5]).by_record().values())
    assert (ghz(2) @ rho @ ghz(2)).real == pytest.approx(0.25 + 0.75 * prod(w), abs=1e-9)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_a_chain_in_one_step_is_swap_after_swap(r, rng):
    """On arbitrary, not Bell-diagonal pairs: all measured at once equals corrected one by one."""
    chain = chain_swap(r)
    arrive = QuantumCircuit(chain.num_qubits)
    for pair in chain.metadata["pairs"]:
        arrive.append(random_unitary(4, seed=int(rng.integers(2**31))).to_instruction(), pair)
    once, stepwise = (QuantumCircuit(chain.num_qubits, chain.num_clbits) for _ in range(2))
    for circuit in (once, stepwise):
        circuit.compose(arrive, inplace=True)
    once.compose(chain, range(chain.num_qubits), range(chain.num_clbits), inplace=True)
    for k in range(r):
        qubits = [0, 2 * k + 1, 2 * k + 2, 2 * k + 3]
        stepwise.compose(entanglement_swap(), qubits, [2 * k, 2 * k + 1], inplace=True)
    ends = [0, chain.num_qubits - 1]
    assert np.abs(averaged(once, ends) - averaged(stepwise, ends)).max() < 1e-12


def test_one_relay_is_an_entanglement_swap():
    assert [i.operation for i in chain_swap(1).data] == [i.operation for i in entanglement_swap().data]
    assert chain_swap(1).metadata == entanglement_swap().metadata == {"pairs": [[0, 1], [2, 3]]}


def test_two_links_at_a_center_are_an_entanglement_swap():
    """The same channel, for every input of four qubits, and record by record."""
    swap = branches(entanglement_swap(), inputs=[0, 1, 2, 3], outputs=[0, 3])
    multiway = branches(multiway_swap(2), inputs=[0, 2, 3, 1], outputs=[0, 1])
    assert swap.keys() == multiway.keys()
    for record, tensor in swap.items():
        assert np.abs(tensor - multiway[record]).max() < 1e-12


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_perfect_links_at_a_center_become_a_ghz_state(n, prepared):
    circuit = multiway_swap(n, prepare_pairs=True) if prepared else arriving(multiway_swap(n))
    assert_prepares(circuit, ghz(n), qubits="end")


@pytest.mark.parametrize("n", [2, 3, 10, 40])
def test_flows_of_a_multiway_swap(n):
    circuit = multiway_swap(n)
    rest = "_" * n
    assert has_flow(circuit, f"{'X' * 2 * n} -> {'X' * n}{rest}")
    assert not has_flow(circuit, f"{'X' * 2 * n} -> -{'X' * n}{rest}")
    for k in range(n - 1):
        zz = "_" * k + "ZZ" + "_" * (n - 2 - k)
        assert has_flow(circuit, f"{zz}{zz} -> {zz}{rest}")


@pytest.mark.parametrize("n", [2, 3, 4])
def test_werner_links_at_a_center_follow_the_law(n, rng):
    w = rng.uniform(0, 1, n)
    circuit = arriving(multiway_swap(n), [werner(x) for x in w])
    tensor = averaged(circuit, range(n)).reshape((4,) * n)
    found = 0.0
    for subset in range(2**n):  # stabilizers: even sets of Z, and X everywhere with even sets of Y, −1 for two
        odd = [subset >> k & 1 for k in range(n)]
        if sum(odd) % 2 == 0:
            found += tensor[tuple(3 * bit for bit in odd)]
            found += (-1) ** (sum(odd) // 2) * tensor[tuple(1 + bit for bit in odd)]
    law = (prod((1 + x) / 2 for x in w) + prod((1 - x) / 2 for x in w) + prod(w)) / 2
    assert found / 2**n == pytest.approx(law, abs=1e-12)
    if n == 2:
        assert law == pytest.approx(0.25 + 0.75 * prod(w), abs=1e-12)
    if n == 3:  # Aer's density matrix: the branch interpreter takes no part
        rho = sum(deferred(circuit, outputs=range(n)).by_record().values())
        assert (ghz(n) @ rho @ ghz(n)).real == pytest.approx(law, abs=1e-9)


@pytest.mark.parametrize(
    ("circuit", "ends", "count"),
    [(chain_swap(2), ["left", "right"], 2), (multiway_swap(2), "end", 2), (multiway_swap(4), "end", 4)],
)
def test_every_correction_is_needed(circuit, ends, count):
    whole = arriving(circuit)
    assert len(corrections(whole)) == count
    state = ghz(2 if circuit.name == "chain_swap" else circuit.num_qubits // 2)
    for place in corrections(whole):
        with pytest.raises(AssertionError, match="does not prepare the state"):
            assert_prepares(without(whole, place), state, qubits=ends)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: chain_swap(0), ValueError, "num_relays must be at least 1, got 0"),
        (lambda: chain_swap(1.0), TypeError, "num_relays must be a whole number, got 1.0"),
        (lambda: multiway_swap(1), ValueError, "num_links must be at least 2, got 1"),
        (lambda: multiway_swap(None), TypeError, "num_links must be a whole number, got None"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
