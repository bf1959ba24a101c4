"""What waiting does to qubits, in every kind of memory: closed forms, a master equation, Aer, and all readings."""

import pickle
from itertools import pairwise
from math import exp, inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Pauli, SuperOp
from scipy.linalg import expm

import quantumlink as ql
from quantumlink.network import best_strategy
from quantumlink.readings.waiting import waited
from quantumlink.rewrites import noisy_circuit

EXACT = 1e-9
lives = st.floats(0.05, 20) | st.just(inf)


@st.composite
def memories(draw, gaussian=True):
    t1_s = draw(lives)
    return ql.Memory(
        t1_s,
        draw(lives.filter(lambda t2_s: t2_s <= 2 * t1_s) | st.none()) if t1_s < inf else draw(lives),
        depolarizing_s=draw(lives),
        gaussian_s=draw(lives) if gaussian else inf,
    )


def lindblad(memory, time_s):
    """The transfer matrix by a master equation: jumps σ⁻, Z and a Pauli at random, and Z of the Gaussian decay."""
    sx, sy, sz = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])
    paulis = [np.eye(2), sx, sy, sz]
    dephasing = 1 / memory.t2_s - 1 / (2 * memory.t1_s)
    jumps = [(1 / memory.t1_s, np.array([[0, 1], [0, 0]])), (dephasing / 2, sz)]
    jumps += [(1 / (4 * memory.depolarizing_s), p) for p in (sx, sy, sz)]
    # dc/dt = −2t/G²·c, so that its integral over the wait is (t/G)².
    jumps.append(((time_s / memory.gaussian_s**2) / 2, sz))

    def generator(rho):
        return sum(
            rate * (j @ rho @ j.conj().T - (j.conj().T @ j @ rho + rho @ j.conj().T @ j) / 2) for rate, j in jumps
        )

    matrix = np.array([[np.trace(p @ generator(q)).real / 2 for q in paulis] for p in paulis])
    return expm(matrix * time_s)


def transfer(memory, time_s):
    coherence, kept, gain = map(float, memory.decay(time_s))
    found = np.diag([1, coherence, coherence, kept])
    found[3, 0] = gain
    return found


@settings(deadline=None, max_examples=60)
@given(memory=memories(), time_s=st.floats(0, 10))
def test_decay_solves_the_master_equation(memory, time_s):
    np.testing.assert_allclose(transfer(memory, time_s), lindblad(memory, time_s), rtol=0, atol=EXACT)


@settings(deadline=None, max_examples=60)
@given(memory=memories(), time_s=st.floats(1e-3, 10), twirled=st.booleans())
def test_a_delay_under_noise_is_the_same_channel(memory, time_s, twirled):
    circuit = QuantumCircuit(1)
    circuit.delay(time_s, 0, unit="s")
    noisy = noisy_circuit(circuit, (ql.Node("a", memory=memory),), twirl_relaxation=twirled)
    channel = SuperOp(np.eye(4))
    for instruction in noisy.data:
        if instruction.name != "delay":
            channel = channel.compose(SuperOp(instruction.operation._quantum_error))
    expected = transfer(memory, time_s)
    if twirled:
        expected[3, 0] = 0
    for column, pauli in enumerate("IXYZ"):
        rho = _pauli(pauli) / 2
        after = DensityMatrix(rho).evolve(channel).data
        found = [np.trace(_pauli(p) @ after).real for p in "IXYZ"]
        # Aer leaves out Kraus operators of a weight below 1e-8.
        np.testing.assert_allclose(found, expected[:, column], rtol=0, atol=1e-8)


def _pauli(letter):
    return Pauli(letter).to_matrix()


def held(memory, fidelity, share):
    nodes = [ql.Node(name, memory=memory) for name in "ab"]
    return ql.evaluate(ql.ElementaryLink(*nodes, fidelity=fidelity), hold_s=share).fidelity


def test_worked_werner_pairs_held_at_both_ends():
    w = (4 * 0.95 - 1) / 3
    assert held(ql.Memory(depolarizing_s=1.0), 0.95, 0.5) == pytest.approx(0.507515609, abs=1e-9)
    assert held(ql.Memory(depolarizing_s=1.0), 0.95, 0.5) == pytest.approx((1 + 3 * w * exp(-1)) / 4, abs=1e-12)
    assert held(ql.Memory(t2_s=1.0), 0.95, 0.5) == pytest.approx(0.655010406, abs=1e-9)
    assert held(ql.Memory(gaussian_s=1.0), 0.95, 0.5) == pytest.approx((1 + w + 2 * w * exp(-0.5)) / 4, abs=1e-12)


def test_worked_three_pairs_in_depolarizing_memories():
    # Made at 1, 2 and 3 ms; the first two are swapped at 2.5 ms, the third one at 3.5 ms.
    nodes = [ql.Node(name, memory=ql.Memory(depolarizing_s=1.0)) for name in "abcd"]
    one, two, three = (ql.ElementaryLink(*pair, fidelity=0.99) for pair in pairwise(nodes))
    first = ql.swap(one, two)
    # The ends wait on after the first swap: those of the joined pair for another 1 ms.
    holds = {one: 1.5e-3, two: 0.5e-3, three: 0.5e-3, first: 1e-3}
    assert ql.evaluate(first, hold_s={one: 1.5e-3, two: 0.5e-3}).fidelity == pytest.approx(0.977218633, abs=1e-9)
    assert ql.evaluate(ql.swap(first, three), hold_s=holds).fidelity == pytest.approx(0.965373043, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(left=memories(), right=memories(), seed=st.integers(0, 2**31))
def test_composed_with_a_timeline_is_evaluated_with_its_waits(left, right, seed):
    a, r, b = ql.Node("a", memory=left), ql.Node("r", memory=right), ql.Node("b", memory=left)
    times = {"success_probability": 0.5, "attempt_time_s": 0.05}
    link = ql.swap(ql.ElementaryLink(a, r, fidelity=0.95, **times), ql.ElementaryLink(r, b, fidelity=0.9, **times))
    timeline = ql.simulate(link, trials=3, seed=seed)
    program = ql.evaluate(ql.compose(link, timeline=timeline))
    assert program.fidelity == pytest.approx(timeline.fidelity.best, abs=EXACT)


def test_what_is_not_found_fails_and_is_noticed():
    a, b, c = (ql.Node(name, memory=ql.Memory(retrieval=p)) for name, p in (("a", 0.9), ("b", 0.8), ("c", 0.7)))
    left, right = ql.ElementaryLink(a, b, fidelity=0.9), ql.ElementaryLink(b, c, fidelity=0.8)
    perfect = [ql.Node(name) for name in "abc"]
    ideal = [ql.ElementaryLink(*perfect[:2], fidelity=0.9), ql.ElementaryLink(*perfect[1:], fidelity=0.8)]
    # A swap reads the relay's two, a purification the spent pair's, one at each end.
    cases = [
        (ql.swap(left, right), ql.swap(*ideal), 0.8**2),
        (ql.purify(left, left), ql.purify(ideal[0], ideal[0]), 0.9 * 0.8),
        (ql.swap(ql.purify(left, left), right), ql.swap(ql.purify(ideal[0], ideal[0]), ideal[1]), 0.9 * 0.8**3),
    ]
    for link, same, found in cases:
        state, expected = ql.evaluate(link), ql.evaluate(same)
        np.testing.assert_allclose(state.coefficients, expected.coefficients, rtol=0, atol=EXACT)
        assert state.success_probability == pytest.approx(found * expected.success_probability, abs=EXACT)
        program = ql.evaluate(ql.compose(link))
        np.testing.assert_allclose(program.coefficients, state.coefficients, rtol=0, atol=EXACT)
        assert program.success_probability == pytest.approx(state.success_probability, abs=EXACT)
        again = link.with_links(link.links)
        assert again == link
        assert ql.evaluate(again).success_probability == state.success_probability
        assert pickle.loads(pickle.dumps(link)) == link


def waiting(where):
    """A purification of two pairs in which one qubit of the left end waits for 0.5 s, as it is or while turned."""
    circuit = QuantumCircuit(4, 2)
    if where == "in plus":
        circuit.h(0)
    circuit.delay(500, 0, unit="ms")
    if where == "in plus":
        circuit.h(0)
    circuit.cx(0, 2)
    circuit.cx(1, 3)
    circuit.measure([2, 3], [0, 1])
    if where == "in a block":
        del circuit.data[0]
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.delay(0.5, 0, unit="s")
    return ql.Operation(circuit, [(0, 1), (2, 3)], heralds=[[0, 1]])


@pytest.mark.parametrize("where", ["in zero", "in plus", "in a block"])
def test_a_delay_in_an_operation_waits_in_its_nodes_memory(where):
    a, b, c = (ql.Node(name, memory=ql.Memory(t1_s=3, t2_s=1)) for name in "abc")
    pair = ql.ElementaryLink(a, b, fidelity=0.9, success_probability=1.0, attempt_time_s=1.0)
    link = ql.join(waiting(where), pair, pair)
    # By hand: the pair's left qubit through the wait (between Hadamards), then kept where the parities agree.
    decay = transfer(a.memory, 0.5)
    if where == "in plus":
        turn = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0], [0, 1, 0, 0]])
        decay = turn @ decay @ turn
    w = (4 * 0.9 - 1) / 3
    kept = np.diag([1, w, -w, w])
    waited_kept = kept @ decay.T  # rows: b's Pauli, columns: a's
    total = np.zeros((4, 4))
    for parity in (0, 1):
        one = kept if where == "in a block" else waited_kept
        part = _equal_parities(one, kept, parity)
        total += part @ decay.T if where == "in a block" and parity else part
    state = ql.evaluate(link)
    np.testing.assert_allclose(state.coefficients.T, total / total[0, 0], rtol=0, atol=EXACT)
    assert state.success_probability == pytest.approx(total[0, 0], abs=EXACT)
    longer = ql.swap(link, ql.ElementaryLink(b, c, fidelity=0.95))
    for each in (link, longer):
        program = ql.evaluate(ql.compose(each))
        np.testing.assert_allclose(program.coefficients, ql.evaluate(each).coefficients, rtol=0, atol=EXACT)
        for reading in (ql.simulate, ql.forecast):
            with pytest.raises(ValueError, match="has delays in its circuit at nodes whose memories decay"):
                reading(each)
    assert pickle.loads(pickle.dumps(link)) == link


def _equal_parities(kept, spent, parity):
    """What two pairs (rows: b's Pauli) leave of the first one if, after CNOTs, both spent qubits read a bit."""
    paulis = [_pauli(letter) for letter in "IXYZ"]

    def matrix(pair):
        return (
            sum(
                x * np.kron(q, p)
                for q, row in zip(paulis, pair, strict=True)
                for p, x in zip(paulis, row, strict=True)
            )
            / 4
        )

    gates = QuantumCircuit(4)
    gates.cx(0, 2)
    gates.cx(1, 3)
    after = DensityMatrix(np.kron(matrix(spent), matrix(kept))).evolve(gates).data.reshape((4,) * 4)
    place = 3 * parity
    left = after[place, :, place, :]
    return np.array([[np.trace(np.kron(q, p) @ left).real for p in paulis] for q in paulis])


def test_a_delay_in_an_operation_takes_its_time():
    a, b = ql.Node("a"), ql.Node("b")
    pair = ql.ElementaryLink(a, b, success_probability=1.0, attempt_time_s=1.0)
    for where in ("in zero", "in a block"):
        link = ql.join(waiting(where), pair, pair)
        assert ql.simulate(link, trials=5, seed=1).latency_s.best == pytest.approx(1.5, abs=EXACT)
        assert ql.forecast(link).latency_s == pytest.approx(1.5, rel=1e-6)


def test_support_of_a_memory_that_only_depolarizes_stays_small():
    pair = np.diag([1.0, 0.9, -0.9, 0.9]).reshape(16)
    after = waited(pair, ql.Memory(depolarizing_s=1.0), ql.Memory(gaussian_s=2.0), 0.3, 0.4)
    np.testing.assert_array_equal(np.flatnonzero(after), [0, 5, 10, 15])


@pytest.mark.parametrize("name", ["t1_s", "t2_s", "depolarizing_s", "gaussian_s", "retrieval"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "1", None])
def test_times_that_are_none_are_refused(name, value):
    if (name, value) == ("t2_s", None):
        return
    with pytest.raises((TypeError, ValueError), match=name):
        ql.Memory(**{name: value})


def test_it_says_what_was_said_of_it():
    assert repr(ql.Memory()) == "Memory(t1_s=inf, t2_s=inf)"
    assert repr(ql.Memory(depolarizing_s=2)) == "Memory(t1_s=inf, t2_s=inf, depolarizing_s=2.0)"
    assert ql.Memory(gaussian_s=1).is_ideal is False


def test_losses_are_forecast_and_played_in_time():
    a, b, c = ql.Node("a"), ql.Node("b", memory=ql.Memory(retrieval=0.5)), ql.Node("c")
    hops = [ql.ElementaryLink(*ends, fidelity=0.9) for ends in ((a, b), (b, c))]
    timed = [ql.ElementaryLink(*hop.ends, success_probability=1.0, attempt_time_s=1.0) for hop in hops]
    network, link = ql.Network([a, b, c], timed), ql.swap(*timed)
    assert ql.forecast(link).latency_s == pytest.approx(4.0, rel=1e-3)
    assert network.routes("a", "c", 1)[0].forecasts[0].latency_s == pytest.approx(4.0, rel=1e-3)
    assert network.best_strategy("a", "c").rate_hz == pytest.approx(0.25, rel=1e-3)
    assert best_strategy(timed).rate_hz == pytest.approx(0.25, rel=1e-3)
    timeline = ql.simulate(link, trials=4000, seed=1)
    # One try in four finds both of the relay's qubits: a mean of 4 s, standard deviation √12/√4000 s, 4.9 of them.
    assert timeline.latency_s.best == pytest.approx(4.0, abs=4.9 * (12 / 4000) ** 0.5)


def test_qubits_decay_while_gates_run_elsewhere():
    # A swap that starts at once: the relay's CNOT, H and readout take .35 s, the right end's two corrections .1 s.
    nodes = [
        ql.Node(name, ql.Memory(depolarizing_s=2.0), ql.Processor(gate_1q_s=0.05, gate_2q_s=0.2, readout_s=0.1))
        for name in "abc"
    ]
    times = {"success_probability": 1.0, "attempt_time_s": 1.0}
    left, right = (ql.ElementaryLink(*pair, fidelity=0.9, **times) for pair in pairwise(nodes))
    timeline = ql.simulate(ql.swap(left, right), trials=3, seed=1)
    whole = ql.swap(left, right)
    # All four qubits wait for the relay, then the right end for its corrections, and the left one with it.
    exact = ql.evaluate(whole, hold_s={left: 0.35, right: 0.35, whole: 0.1})
    assert timeline.fidelity.best == pytest.approx(exact.fidelity, abs=EXACT)
    assert timeline.fidelity.best < ql.evaluate(whole).fidelity
