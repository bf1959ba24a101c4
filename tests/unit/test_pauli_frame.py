"""The Pauli frame: corrections that leave the circuit still act, exactly, on what the bits mean.

Composed links, and random Clifford circuits with Pauli feed-forward: the sequential, the gathered and the
frame program must give the same state for the ends and the same acceptance. Evaluated by deferred measurement
on Aer (`oracles.density`), not by the library.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.density import odd, program_state
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit_aer.noise import amplitude_damping_error

import quantumlink as ql
from quantumlink.circuits import PauliChannel, bell_pair
from quantumlink.exact import UnsupportedOperation
from quantumlink.rewrites import add_noise, feedforward, pauli_frame

# Both sides are exact; rounding of some hundred products.
EXACT = 1e-9

IDEAL = ql.Node("anywhere")


def has_feedforward(program):
    return any(instruction.name == "if_else" for instruction in program.circuit.data)


def assert_same_state(program, other):
    (mine, success), (theirs, wanted) = program_state(program), program_state(other)
    assert success == pytest.approx(wanted, abs=EXACT)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=EXACT)


# --- composed links


def a_chain(hops, processor=None, **options):
    nodes = [ql.Node(f"n{i}", processor=processor or ql.Processor()) for i in range(hops + 1)]
    states = [(0.8, 0.1, 0.06, 0.04), (0.7, 0.05, 0.2, 0.05), (0.9, 0.02, 0.03, 0.05), (0.75, 0.1, 0.1, 0.05)]
    links = [ql.ElementaryLink(*nodes[i : i + 2], bell_diagonal=states[i]) for i in range(hops)]
    return ql.chain(links, **options)


def swapped_then_purified():
    return ql.purify(a_chain(2), a_chain(2))


# One-qubit gates without noise: then the three programs are noisy in the same places.
QUIET_CORRECTIONS = ql.Processor(depolarizing_2q=0.05, readout_error=[[0.98, 0.02], [0.07, 0.93]])
LINKS = {
    "swap": lambda: a_chain(2),
    "sequential chain": lambda: a_chain(4, order="sequential"),
    "balanced chain": lambda: a_chain(4, order="balanced"),
    "purified hops": lambda: a_chain(2, purify_rounds=1),
    "swaps, then DEJMPS": swapped_then_purified,
    "noisy gates and readout": lambda: a_chain(3, QUIET_CORRECTIONS),
    "noise and purification": lambda: a_chain(2, QUIET_CORRECTIONS, purify_rounds=1),
}


@pytest.mark.parametrize("name", LINKS)
def test_the_three_kinds_of_corrections_give_one_state(name):
    link = LINKS[name]()
    sequential, gathered, frame = (
        ql.compose(link, corrections=kind) for kind in ("sequential", "feedforward", "frame")
    )
    assert has_feedforward(sequential)
    assert has_feedforward(gathered)
    assert not has_feedforward(frame)
    assert frame.frame
    assert not gathered.frame
    assert_same_state(gathered, sequential)
    assert_same_state(frame, sequential)
    for program in (sequential, gathered, frame):
        assert ql.evaluate(program).fidelity == pytest.approx(ql.evaluate(link).fidelity, abs=EXACT)


def test_gathered_corrections_come_last_and_are_not_nested():
    program = ql.compose(a_chain(4), corrections="feedforward")
    names = [instruction.name for instruction in program.circuit.data]
    assert names.count("if_else") == 2  # one X, one Z, at one end
    assert set(names[-2:]) == {"if_else"}
    for instruction in program.circuit.data:
        if instruction.name == "if_else":
            (block,) = instruction.operation.blocks
            assert [inner.name for inner in block.data] in (["x"], ["z"])


def test_the_frame_is_the_parity_of_all_the_swaps():
    # By hand: the swaps of a chain add up, X with their parities, Z with their phases, all at the right end.
    program = ql.compose(a_chain(4), corrections="frame")
    parities, phases = [], []
    for index, bit in enumerate(program.circuit.clbits):
        ((register, place),) = program.circuit.find_bit(bit).registers
        assert register.name.startswith("swap_")
        (phases if place == 0 else parities).append(index)
    assert program.frame["n4"].x == tuple(parities)
    assert program.frame["n4"].z == tuple(phases)
    left = program.frame.get("n0")
    assert left is None or (left.x, left.z) == ((), ())


@pytest.mark.parametrize("by", ["entanglement_swap", "linear_optics_swap"])
def test_a_frame_composed_at_once_is_that_of_the_composed_circuit(by):
    a, r, b = (ql.Node(name) for name in "arb")
    left, right = ql.ElementaryLink(a, r, fidelity=0.9), ql.ElementaryLink(r, b, fidelity=0.8)
    link = ql.swap(ql.purify(left, left), right, by=by)
    for corrections, rewrite in (("frame", pauli_frame), ("feedforward", feedforward)):
        at_once = ql.compose(link, corrections=corrections)
        later = rewrite(ql.compose(link))
        assert at_once.circuit == later.circuit
        assert (at_once.frame, at_once.heralds, at_once.ends) == (later.frame, later.heralds, later.ends)


def test_noise_on_corrections_is_what_tells_the_three_apart():
    # X and Z at each of three swaps fire half the time each; gathered, once each; as a frame, never.
    processor = ql.Processor(depolarizing_1q=0.1)
    nodes = [ql.Node(f"n{i}", processor=processor if i > 0 else ql.Processor()) for i in range(5)]
    links = [ql.ElementaryLink(*nodes[i : i + 2]) for i in range(4)]
    link = ql.chain(links, order="sequential")
    hadamards = 0.9**3  # λx and λy: one at each relay, in all three
    half = 0.95
    for kind, corrected in (("sequential", half**6), ("feedforward", half**2), ("frame", 1.0)):
        state = ql.evaluate(ql.compose(link, corrections=kind))
        assert state.expectation("ZZ") == pytest.approx(corrected, abs=EXACT)
        assert state.expectation("XX") == pytest.approx(hadamards * corrected, abs=EXACT)


def test_a_twirl_in_between_is_refused_and_named():
    link = ql.purify(a_chain(2), a_chain(2), protocol="bbpssw")
    for kind in ("frame", "feedforward"):
        with pytest.raises(UnsupportedOperation, match="'u'"):
            ql.compose(link, corrections=kind)


def test_a_frame_that_stood_there_before_goes_on():
    # Rewritten twice: nothing is left to rewrite, and the frame is kept.
    once = ql.compose(a_chain(3), corrections="frame")
    twice = pauli_frame(once)
    assert twice.frame == once.frame
    assert_same_state(twice, once)
    assert_same_state(feedforward(once), once)


# --- random Clifford programs with Pauli feed-forward


def random_program(rng):
    """Four qubits, two of them ends; four measurements, corrections of every kind on any qubit, one herald."""
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(3, "c"), ClassicalRegister(1, "d"))
    alive, written = list(range(4)), []
    one, two = ["h", "s", "sdg", "sx", "sxdg", "x", "y", "z"], ["cx", "cz", "cy", "swap", "ecr", "iswap", "dcx"]

    def gates(count):
        for _ in range(count):
            if rng.random() < 0.5 and len(alive) > 1:
                a, b = rng.choice(alive, 2, replace=False).tolist()
                getattr(circuit, rng.choice(two))(a, b)
            else:
                getattr(circuit, rng.choice(one))(int(rng.choice(alive)))

    def correct():
        bits = rng.choice(written, rng.integers(1, len(written) + 1), replace=False).tolist()
        condition = odd([circuit.clbits[i] for i in bits])
        with circuit.if_test(condition):
            for _ in range(rng.integers(1, 3)):
                getattr(circuit, rng.choice(["x", "y", "z"]))(int(rng.choice(alive)))

    gates(8)
    for bit in rng.permutation(4).tolist():
        qubit = int(rng.choice(alive))
        circuit.append(PauliChannel(*rng.dirichlet([1, 1, 1, 5])[:3]), [qubit])
        circuit.measure(qubit, bit)
        written.append(bit)
        if qubit not in (0, 1) and rng.random() < 0.5:
            alive.remove(qubit)
        elif rng.random() < 0.3:
            circuit.reset(qubit)
        for _ in range(rng.integers(0, 3)):
            correct()
        gates(3)
    correct()
    herald = tuple(rng.choice(4, 2, replace=False).tolist())
    return ql.Program(circuit, {"left": 0, "right": 1}, (IDEAL,) * 4, (herald,))


@pytest.mark.parametrize("number", range(12))
def test_random_clifford_programs(number, rng):
    program = random_program(rng)
    while program_state(program)[1] < 1e-3:  # never accepted, but for rounding
        program = random_program(rng)
    for rewritten in (pauli_frame(program), feedforward(program)):
        assert_same_state(rewritten, program)
        assert ql.evaluate(rewritten).fidelity == pytest.approx(ql.evaluate(program).fidelity, abs=EXACT)


def test_a_remembered_x_changes_the_meaning_of_a_later_measurement():
    # By hand: bit 1 of the original is bit 1 xor bit 0 of the frame program, in the heralds too.
    circuit = QuantumCircuit(4, 2)
    circuit.append(bell_pair().to_gate(label="pair"), [0, 1])
    circuit.h(2)
    circuit.measure(2, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(3)
    circuit.measure(3, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(1)
    nodes = (ql.Node("a"), ql.Node("b"), IDEAL, IDEAL)
    program = ql.Program(circuit, {"a": 0, "b": 1}, nodes, heralds=((1,),))
    frame = pauli_frame(program)
    assert frame.heralds == ((0, 1),)
    assert frame.frame["b"].x == (0, 1)
    assert_same_state(frame, program)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    gates=st.lists(st.sampled_from(["h", "s", "sdg", "sx", "sxdg", "cx", "cz", "cy", "swap", "dcx"]), max_size=8),
    letter=st.sampled_from("xyz"),
)
def test_a_remembered_pauli_goes_through_any_clifford_gates(gates, letter):
    # One correction, then gates: what is left is the Pauli that the gates make of it. The state before is not
    # symmetric under any Pauli, but for the T, which comes before the correction.
    circuit = QuantumCircuit(3, 1)
    circuit.h([0, 1, 2])
    circuit.t(0)
    circuit.cx(0, 1)
    circuit.t(1)
    circuit.measure(2, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        getattr(circuit, letter)(0)
    for i, gate in enumerate(gates):
        qubits = [i % 2] if gate in ("h", "s", "sdg", "sx", "sxdg") else [i % 2, 1 - i % 2]
        getattr(circuit, gate)(*qubits)
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("a"), ql.Node("b"), IDEAL))
    assert_same_state(pauli_frame(program), program)


def test_a_condition_on_a_bit_that_is_measured_only_later_never_holds():
    # The bit is 0 until then: the correction never fires, whatever the later outcome.
    circuit = QuantumCircuit(3, 1)
    circuit.append(bell_pair().to_gate(label="pair"), [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.x(2)
    circuit.measure(2, 0)
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("a"), ql.Node("b"), IDEAL))
    assert ql.evaluate(program).fidelity == pytest.approx(1, abs=EXACT)
    try:
        frame = pauli_frame(program)
    except UnsupportedOperation:
        return
    assert_same_state(frame, program)


def test_a_reset_forgets_the_correction():
    circuit = QuantumCircuit(3, 1)
    circuit.h(2)
    circuit.measure(2, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.reset(1)
    circuit.append(bell_pair().to_gate(label="pair"), [0, 1])
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("a"), ql.Node("b"), IDEAL))
    frame = pauli_frame(program)
    assert frame.frame["b"].x == frame.frame["b"].z == ()
    assert_same_state(frame, program)


# --- refusals


def _refused(build):
    circuit = QuantumCircuit(QuantumRegister(4, "q"), ClassicalRegister(2, "c"))
    circuit.h([0, 1, 2, 3])
    circuit.measure(2, 0)
    circuit.measure(3, 1)
    build(circuit)
    nodes = (ql.Node("a"), ql.Node("b"), IDEAL, IDEAL)
    return ql.Program(circuit, {"a": 0, "b": 1}, nodes)


def _correction(circuit, gate="x", condition=None, *args):
    with circuit.if_test((circuit.clbits[0], 1) if condition is None else condition):
        getattr(circuit, gate)(*args, 1)


def _then(name, *args):
    def build(circuit):
        _correction(circuit)
        getattr(circuit, name)(*args, 1)

    return build


def _over_what_is_needed(circuit):
    _correction(circuit)
    circuit.measure(2, 0)


def _damping(circuit):
    _correction(circuit)
    circuit.append(amplitude_damping_error(0.1).to_instruction(), [1])


def _nested(circuit):
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(1)


REFUSED = {
    "a correction that is no Pauli": (lambda c: _correction(c, "h"), "'h'"),
    "a rotation as a correction": (lambda c: _correction(c, "rx", None, 0.3), "'rx'"),
    "a conditional reset": (lambda c: _correction(c, "reset"), "'reset'"),
    "a condition on a register": (lambda c: _correction(c, "x", (c.cregs[0], 1)), "if_else"),
    "an and": (lambda c: _correction(c, "x", expr.logic_and(*c.clbits)), "if_else"),
    "T behind a correction": (_then("t"), "'t'"),
    "a rotation behind a correction": (_then("ry", 0.3), "'ry'"),
    "Toffoli behind a correction": (_then("ccx", 2, 0), "'ccx'"),
    "damping behind a correction": (_damping, "quantum_channel"),
    "a bit written over that is needed": (_over_what_is_needed, "'measure'"),
    "nested conditions": (_nested, "'if_else'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_frame_is_refused_by_name(name):
    build, text = REFUSED[name]
    program = _refused(build)
    for rewrite in (pauli_frame, feedforward):
        with pytest.raises(UnsupportedOperation, match=text):
            rewrite(program)


def test_gates_that_no_correction_meets_may_be_anything():
    circuit = QuantumCircuit(3, 1)
    circuit.h([0, 2])
    circuit.t(0)
    circuit.cx(0, 1)
    circuit.rx(0.3, 1)
    circuit.measure(2, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(1)
    circuit.t(0)  # not on the corrected qubit
    program = ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("a"), ql.Node("b"), IDEAL))
    assert_same_state(pauli_frame(program), program)


def test_noise_is_written_after_the_frame():
    # A program that is noisy already has operations that no Pauli may pass: refused rather than guessed.
    noisy = add_noise(ql.compose(a_chain(3, ql.Processor(depolarizing_2q=0.1))))
    with pytest.raises(UnsupportedOperation, match="quantum_channel"):
        pauli_frame(noisy)
