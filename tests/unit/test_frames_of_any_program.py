"""Pauli frames of circuits as other people write them, against an enumeration of all their histories.

`oracles.dynamic_circuits` follows density matrices and knows no frame, no parity and no expansion.
"""

from random import Random

import numpy as np
import pytest
from oracles.dynamic_circuits import delivered, histories
from oracles.random_circuits import FRAMES, Palette, random_circuit, random_program
from qiskit.circuit import ClassicalRegister, Instruction, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import CASE_DEFAULT
from qiskit.circuit.library import PauliGate

import quantumlink as ql
from quantumlink.circuits import bell_pair
from quantumlink.exact import UnsupportedOperation
from quantumlink.rewrites import feedforward, framed_circuit, pauli_frame

EXACT = 1e-9

ANY_CONDITION = Palette(clifford=True, conditional=("x", "y", "z", "block"), loops=True)
CONTROL_FLOW = {"if_else", "switch_case", "for_loop", "while_loop", "box"}


def assert_same_frame(circuit: QuantumCircuit) -> None:
    """The static circuit, read by its parities and corrected by its frames, is the original, record by record."""
    framed = framed_circuit(circuit)
    assert not CONTROL_FLOW.intersection(framed.circuit.count_ops())
    found: dict[tuple[int, ...], np.ndarray] = {}
    for record, state in histories(framed.circuit).items():
        told = tuple(sum(record[i] for i in parity) % 2 for parity in framed.bits)
        corrected = QuantumCircuit(circuit.num_qubits)
        for qubit, frame in enumerate(framed.frames):
            if sum(record[i] for i in frame.x) % 2:
                corrected.x(qubit)
            if sum(record[i] for i in frame.z) % 2:
                corrected.z(qubit)
        (state,) = histories(corrected, state).values()
        found[told] = found.get(told, 0) + state
    wanted = histories(circuit)
    for record in {*found, *wanted}:
        np.testing.assert_allclose(found.get(record, 0), wanted.get(record, 0), rtol=0, atol=EXACT)


def start(clbits=2, cregs=()):
    """Three qubits in no symmetric state; qubit 2 and then its remainder are measured into the first two bits."""
    circuit = QuantumCircuit(3)
    circuit.add_register(*(cregs or [ClassicalRegister(clbits, "c")]))
    circuit.h([0, 1, 2])
    circuit.t([0, 1])
    circuit.cx(0, 1)
    circuit.rx(0.3, 1)
    for bit in range(2):
        circuit.h(2)
        circuit.ry(0.4, 2)
        circuit.measure(2, bit)
    return circuit


def bit_0(circuit):
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(0)


def not_bit(circuit):
    with circuit.if_test(expr.bit_not(circuit.clbits[1])):
        circuit.y(1)


def equal_true(circuit):
    with circuit.if_test(expr.equal(circuit.clbits[0], True)):
        circuit.z(0)


def else_branch(circuit):
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.z(1)
        circuit.y(0)


def register_values(circuit):
    # None of the three is a parity; together they are X on bit 0 and Z on bit 1.
    for value, gates in ((1, "x"), (2, "z"), (3, "xz")):
        with circuit.if_test((circuit.cregs[0], value)):
            for gate in gates:
                getattr(circuit, gate)(0)


def switched(circuit):
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1):
            circuit.x(0)
        with case(2):
            circuit.z(0)
        with case(3):
            circuit.y(0)


def switched_bit(circuit):
    with circuit.switch(circuit.clbits[1]) as case:
        with case(0):
            circuit.x(0)
        with case(case.DEFAULT):
            circuit.z(1)


def default_only(circuit):
    body = QuantumCircuit(1)
    body.x(0)
    circuit.switch(circuit.clbits[0], [(CASE_DEFAULT, body)], [1], [])


def loop(circuit):
    with circuit.for_loop(range(3)) as _, circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)


def nested(circuit):
    # An and, and an and with the negation: together a bit.
    for value in (0, 1):
        with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], value)):
            circuit.x(1)


def barrier_and_delay(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.barrier()
        circuit.x(0)
        circuit.delay(100, 0)
        circuit.id(1)


def empty(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        pass


def gates_that_are_paulis(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rz(np.pi, 0)
        circuit.append(PauliGate("XZ"), [0, 1])
        circuit.u(np.pi, 0, np.pi, 1)


def never_written(circuit):
    circuit.add_register(ClassicalRegister(1, "late"))
    with circuit.if_test((circuit.cregs[-1], 0)):  # always: so it may hold anything
        circuit.h(0)
        circuit.measure(0, circuit.cregs[-1][0])
    with circuit.if_test((circuit.cregs[-1], 5)):  # never
        circuit.h(1)


def composite(circuit):
    inner = QuantumCircuit(2, 1)
    inner.measure(0, 0)
    with inner.if_test((inner.cregs[0], 1)):
        inner.z(1)
    instruction = Instruction("measured and corrected", 2, 1, [])
    instruction.definition = inner
    circuit.append(instruction, [1, 0], [1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(0)


def devices_own(circuit):
    circuit.append(Instruction("measure_2", 1, 1, []), [1], [1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(0)
    circuit.append(Instruction("reset_2", 1, 0, []), [1])
    circuit.append(Instruction("measure_reset", 1, 1, []), [0], [0])


def measured_in_a_loop(circuit):
    with circuit.for_loop(range(2)):
        circuit.h(1)
        circuit.measure(1, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.z(0)


def written_over(circuit):
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)


def block_of_its_own_bits(circuit):
    body = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "its_own"))
    with body.if_test((body.clbits[0], 1)):
        body.x(0)
    circuit.if_test((circuit.clbits[0], 1), body, [0, 1], [1, 0])
    with circuit.if_test((circuit.clbits[0], 0)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(0)


def condition_without_its_bit(circuit):
    from qiskit.circuit import IfElseOp

    body = QuantumCircuit(1)
    body.x(0)
    circuit.append(IfElseOp((circuit.clbits[0], 1), body), [0], [])


def reset_behind(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.z(1)
    circuit.reset(0)
    circuit.initialize("+", 1)


WRITTEN = [
    bit_0, not_bit, equal_true, else_branch, register_values, switched, switched_bit, default_only, loop, nested,
    barrier_and_delay, empty, gates_that_are_paulis, never_written, composite, devices_own,
    measured_in_a_loop, written_over, block_of_its_own_bits, condition_without_its_bit, reset_behind,
]  # fmt: skip


@pytest.mark.parametrize("build", WRITTEN, ids=lambda build: build.__name__)
def test_a_correction_is_followed_in_whatever_form(build):
    circuit = start()
    build(circuit)
    assert_same_frame(circuit)


def test_a_box_is_its_body():
    boxed, plain = start(), start()
    with boxed.box(), boxed.if_test((boxed.clbits[0], 1)):
        boxed.x(0)
    with plain.if_test((plain.clbits[0], 1)):
        plain.x(0)
    assert framed_circuit(boxed).frames == framed_circuit(plain).frames
    assert framed_circuit(boxed).frames[0].x == (0,)


def test_a_correction_is_never_dropped():
    """The teleported bit of an outer measurement: without its correction the end would be random."""
    circuit = QuantumCircuit(4, 2)
    circuit.append(bell_pair().to_gate(), [0, 1])
    circuit.append(bell_pair().to_gate(), [2, 3])
    circuit.cx(1, 2)
    circuit.h(1)
    inner = QuantumCircuit(2, 2)
    inner.measure([0, 1], [0, 1])
    circuit.append(inner.to_instruction(), [1, 2], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(3)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(3)
    program = ql.Program(circuit, {"a": 0, "b": 3}, tuple(map(ql.Node, "axxb")))
    for rewrite in (pauli_frame, feedforward):
        assert ql.evaluate(rewrite(program)).fidelity == pytest.approx(1, abs=EXACT)


def while_loop(circuit):
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(2)
        circuit.measure(2, 0)


def left_early(circuit):
    with circuit.for_loop(range(3)), circuit.if_test((circuit.clbits[0], 1)):
        circuit.break_loop()


def conditional_measurement(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(1, 1)


def conditional_reset(circuit):
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.reset(1)


def unknown(circuit):
    circuit.append(Instruction("heralded", 1, 1, []), [1], [1])


def stored(circuit):
    circuit.store(circuit.clbits[0], expr.lift(True))


def variable(circuit):
    told = circuit.add_var("told", expr.lift(circuit.clbits[0]))
    with circuit.if_test(told):
        circuit.x(0)


REFUSED = {
    while_loop: "'while_loop'",
    left_early: "'for_loop'",
    conditional_measurement: "'measure'",
    conditional_reset: "'reset'",
    unknown: "'heralded'",
    stored: "'store'",
    variable: "'store'",
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_cannot_be_followed_is_refused_by_name(build):
    circuit = start()
    build(circuit)
    with pytest.raises(UnsupportedOperation, match=REFUSED[build]):
        framed_circuit(circuit)


def test_a_conditional_delay_of_a_noisy_memory_stays_or_is_refused():
    circuit = start()
    barrier_and_delay(circuit)
    noisy = ql.Node("a", memory=ql.Memory(t1_s=1, t2_s=1))
    for first, refused in ((ql.Node("a"), False), (noisy, True)):
        program = ql.Program(circuit, {"a": 0, "b": 1}, (first, ql.Node("b"), ql.Node("c")))
        if refused:
            with pytest.raises(UnsupportedOperation, match="'delay'"):
                pauli_frame(program)
        else:
            pauli_frame(program)


def framed_or_none(rewrite, of):
    try:
        return rewrite(of)
    except UnsupportedOperation:  # what may be refused is told by name above; that little is, below
        return None


def test_random_programs(seed):
    followed = 0
    for number in range(60):
        program = random_program(Random(f"{seed} {number}"), (FRAMES, ANY_CONDITION)[number % 2])
        for rewrite in (pauli_frame, feedforward):
            other = framed_or_none(rewrite, program)
            if other is not None:
                followed += 1
                np.testing.assert_allclose(delivered(other), delivered(program), rtol=0, atol=EXACT)
    assert followed > 30


def test_random_circuits(seed):
    followed = 0
    for number in range(60):
        rng = Random(f"{seed} {number}")
        circuit = random_circuit(rng, (FRAMES, ANY_CONDITION)[number % 2], qubits=rng.randint(1, 3))
        if framed_or_none(framed_circuit, circuit) is not None:
            followed += 1
            assert_same_frame(circuit)
    assert followed > 10
