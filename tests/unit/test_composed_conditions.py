"""Conditions within others after `QuantumCircuit.compose`, which tells them in the circuit's bits."""

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr

from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.exact_sampler import ExactSampler
from quantumlink.rewrites.expansion import expanded_circuit

CONDITIONS = {
    "bit": lambda c: (c[0], 1),
    "register": lambda c: (c, 1),
    "expression": lambda c: expr.bit_and(c[0], expr.bit_not(c[1])),
    "number": lambda c: expr.equal(c, 1),
    "parity": lambda c: expr.bit_xor(c[0], c[1]),
    "another number": lambda c: (c, 2),
}
SAMPLERS = [ExactSampler, CliffordSampler]


def part(kind):
    """Qubit 1 is flipped if the condition holds, which is asked twice, of 0 and 1 in the two bits."""
    c = ClassicalRegister(2, "c")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), c, ClassicalRegister(1, "told"))
    circuit.x(0)
    circuit.measure(0, 0)
    condition = CONDITIONS[kind](c)
    with circuit.if_test((c[0], 1)), circuit.if_test(condition):
        circuit.x(1)
    circuit.measure(1, 2)
    return circuit


def told(sampler, circuit, register):
    [result] = sampler(seed=1).run([circuit], shots=8).result()
    return set(result.data[register].get_counts())


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions_within_others_hold_as_in_the_part(kind, order, sampler):
    holds = "0" if kind == "another number" else "1"
    assert told(sampler, part(kind), "told") == {holds}
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "d"), ClassicalRegister(1, "end"))
    circuit.compose(part(kind), [0, 1], [*order, 2], inplace=True)
    for same in (circuit, expanded_circuit(circuit)):
        assert told(sampler, same, "end") == {holds}


@pytest.mark.parametrize("kind", ["register", "expression", "number", "parity"])
def test_bits_of_one_name_that_are_two_bits_are_refused(kind):
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "c"), ClassicalRegister(1, "end"))
    circuit.compose(part(kind), [0, 1], [0, 1, 2], inplace=True)  # in their own order nothing is in question
    assert told(ExactSampler, circuit, "end") == told(CliffordSampler, circuit, "end") == {"1"}
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "c"), ClassicalRegister(1, "end"))
    circuit.compose(part(kind), [0, 1], [1, 0, 2], inplace=True)
    rule = r"within a block reads .*which is one bit in the block and another one in the circuit.*another name"
    for sampler in SAMPLERS:
        with pytest.raises(UnsupportedOperation, match=rule):
            sampler(seed=1).run([circuit], shots=8).result()
    with pytest.raises(UnsupportedOperation, match=rule):
        expanded_circuit(circuit)
