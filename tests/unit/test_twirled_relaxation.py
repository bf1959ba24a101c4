"""The Pauli twirl of relaxation: the channel itself, the noise rewrite that writes it, and the samples that say it.

Exact against Qiskit's Pauli transfer matrices, against the average over Paulis, and against closed forms.
"""

from dataclasses import replace
from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import PTM, Kraus, SuperOp

import quantumlink as ql
from quantumlink.exact import branches
from quantumlink.rewrites import noisy_circuit
from quantumlink.rewrites.hardware_errors import relaxation, twirled_relaxation

# Rounding of some products of small matrices.
EXACT = 1e-9
# Aer leaves out Kraus operators of weight 1e-8 and less.
KRAUS = 1e-7
MEMORY = ql.Memory(t1_s=3.0, t2_s=4.0)
TIMES = st.floats(1e-6, 1e3)


def waiting(program, time_s=0.5):
    """The program with a wait after each elementary pair."""
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        circuit.append(instruction)
        if instruction.name == "bell_pair":
            for qubit in instruction.qubits:
                circuit.delay(time_s, qubit, unit="s")
    return replace(program, circuit=circuit)


def hops(number, memory=MEMORY):
    nodes = [ql.Node(f"n{i}", memory=memory) for i in range(number + 1)]
    return [ql.ElementaryLink(a, b, fidelity=0.9) for a, b in pairwise(nodes)]


@settings(max_examples=60, deadline=None)
@given(t1=TIMES, ratio=st.floats(1e-3, 2.0), time_s=TIMES)
def test_the_twirl_is_the_diagonal_of_relaxation(t1, ratio, time_s):
    """Qiskit's Pauli transfer matrices of both channels, and the channel as Kraus operators from the formula."""
    memory = ql.Memory(t1_s=t1, t2_s=ratio * t1)
    exactly, twirled = relaxation(memory, time_s), twirled_relaxation(memory, time_s)
    full = PTM(SuperOp(exactly)).data.real
    shrink = [1, exp(-time_s / memory.t2_s), exp(-time_s / memory.t2_s), exp(-time_s / memory.t1_s)]
    np.testing.assert_allclose(PTM(SuperOp(twirled)).data.real, np.diag(shrink), rtol=0, atol=EXACT)
    np.testing.assert_allclose(PTM(SuperOp(twirled)).data.real, np.diag(np.diag(full)), rtol=0, atol=KRAUS)
    # The average over the four Paulis, each before and after.
    paulis = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
    operators = [p @ k @ p / 2 for k in Kraus(SuperOp(exactly)).data for p in paulis]
    np.testing.assert_allclose(SuperOp(Kraus(operators)).data, SuperOp(twirled).data, rtol=0, atol=KRAUS)


@pytest.mark.parametrize(("t1", "t2"), [(np.inf, 2.0), (3.0, 6.0), (3.0, 2.0), (3.0, 1e-3)])
def test_what_the_twirl_keeps_and_loses(t1, t2):
    memory, time_s = ql.Memory(t1_s=t1, t2_s=t2), 1.7
    shrink_x, shrink_z = exp(-time_s / t2), exp(-time_s / t1)
    full = PTM(SuperOp(relaxation(memory, time_s))).data.real
    kept = PTM(SuperOp(twirled_relaxation(memory, time_s))).data.real
    np.testing.assert_allclose(kept, np.diag([1, shrink_x, shrink_x, shrink_z]), rtol=0, atol=EXACT)
    lost = np.zeros((4, 4))
    lost[3, 0] = 1 - shrink_z
    np.testing.assert_allclose(full - kept, lost, rtol=0, atol=EXACT)


def test_ideal_memories_and_no_time_have_no_twirl():
    assert twirled_relaxation(ql.Memory(), 1.0) is None
    assert twirled_relaxation(MEMORY, 0.0) is None


def waiting_pair(t1, t2, time_s):
    nodes = [ql.Node(name, memory=ql.Memory(t1_s=t1, t2_s=t2)) for name in "ab"]
    return waiting(ql.compose(ql.ElementaryLink(*nodes)), time_s)


def test_a_waiting_pair_exactly_and_twirled(seed):
    """Φ⁺ with both halves waiting: γ = 1 − e^(−t/T1). Exactly [1 + γ² + (1−γ)²]/4 + e^(−2t/T2)/2; twirled the
    correlators are e^(−2t/T2), e^(−2t/T2), e^(−2t/T1)."""
    t1, t2, time_s = 1.0, 0.8, 0.6
    gamma, phase = 1 - exp(-time_s / t1), exp(-2 * time_s / t2)
    wanted = {
        False: (1 + gamma**2 + (1 - gamma) ** 2) / 4 + phase / 2,
        True: (1 + 2 * phase + (1 - gamma) ** 2) / 4,
    }
    assert wanted[False] - wanted[True] == pytest.approx(gamma**2 / 4)  # what the twirl costs here
    program = waiting_pair(t1, t2, time_s)
    for twirled, engine in ((False, None), (True, None), (True, "clifford"), (True, "aer"), (False, "aer")):
        samples = ql.sample(program, shots=100_000, seed=seed, twirl_relaxation=twirled, engine=engine)
        assert samples.twirled_relaxation is twirled
        # Hoeffding at 1e-6 for each of three correlators: 0.0174 at 100,000 shots; a quarter of each in F.
        assert abs(samples.fidelity() - wanted[twirled]) < 3 * 0.0174 / 4


def test_the_samples_say_that_they_are_twirled():
    program = waiting_pair(1.0, 1.0, 0.5)
    twirled = ql.sample(program, "ZZ", shots=10, seed=1, twirl_relaxation=True)
    exactly = ql.sample(program, "ZZ", shots=10, seed=1)
    assert "Pauli-twirled" in repr(twirled)
    assert "Pauli-twirled" in twirled._repr_html_()
    assert "twirled" not in repr(exactly)
    assert (twirled + twirled).twirled_relaxation
    with pytest.raises(ValueError, match=r"one program.*relaxation twirled"):
        twirled + exactly


def test_where_nothing_relaxes_nothing_is_twirled():
    still = ql.compose(ql.chain(hops(1)))
    ideal = waiting(ql.compose(ql.chain(hops(1, memory=ql.Memory()))))
    for program in (still, ideal):
        samples = ql.sample(program, "ZZ", shots=10, seed=1, twirl_relaxation=True)
        assert not samples.twirled_relaxation


def test_the_twirl_reaches_into_blocks_and_reused_qubits():
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.reset(0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.delay(1.0, 0, unit="s")
    node = ql.Node("n", memory=ql.Memory(t1_s=2.0, t2_s=1.0))
    noisy = noisy_circuit(circuit, (node,), twirl_relaxation=True)
    noisy.add_register(ClassicalRegister(1, "end"))
    noisy.measure(0, 1)
    found = {record: float(p.reshape(())) for record, p in branches(noisy).items()}
    flip = (1 - exp(-0.5)) / 2  # X or Y
    assert found == pytest.approx({(0, 0): 0.5, (1, 1): 0.5 * (1 - flip), (1, 0): 0.5 * flip}, abs=EXACT)
    lean = ql.compose(ql.chain(hops(6)), reuse_qubits=True)
    assert ql.sample(waiting(lean), "ZZ", shots=10, seed=1, twirl_relaxation=True).twirled_relaxation
