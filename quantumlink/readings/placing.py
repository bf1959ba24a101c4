"""Placing: a primitive's instructions told in the bits of a larger circuit.

What `QuantumCircuit.compose` does, in a fraction of the time, for simple primitives: gates, measurements, resets
and conditions on one bit with only gates in their blocks. Each is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import NamedTuple

from qiskit.circuit import CircuitInstruction, Clbit, IfElseOp, QuantumCircuit, Qubit


class _Step(NamedTuple):
    """An instruction of the primitive, its bits by index."""

    instruction: CircuitInstruction
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    condition: tuple[IfElseOp, int, int] | None
    """Of a condition: what it is, the bit that is asked, and for which value."""


class Primitive:
    """A circuit that is placed often.

    Args:
        circuit: it stays as it is.
    """

    def __init__(self, circuit: QuantumCircuit) -> None:
        self._qubit = {qubit: i for i, qubit in enumerate(circuit.qubits)}
        self._clbit = {clbit: i for i, clbit in enumerate(circuit.clbits)}
        self.is_simple = all(map(_is_simple, circuit.data))
        """Whether `placed` takes it."""
        self._steps = [self._step(instruction) for instruction in circuit.data] if self.is_simple else []

    def placed(
        self, qubits: Sequence[Qubit], clbits: Sequence[Clbit], *, retell: bool
    ) -> Iterator[CircuitInstruction]:
        """Its instructions in these bits, which stand for its own in order.

        Args:
            qubits: as many as it has.
            clbits: as many as it has.
            retell: whether blocks are told in these bits as well: Qiskit's drawer needs them so.
        """
        for instruction, where, bits, condition in self._steps:
            mine, told = tuple([qubits[i] for i in where]), tuple([clbits[i] for i in bits])
            if condition is None:
                yield instruction.replace(qubits=mine, clbits=told)
                continue
            operation, bit, value = condition
            if retell:
                blocks = (_retold(block, mine, told) for block in operation.blocks)
                operation = IfElseOp((clbits[bit], value), *blocks)
            else:  # the same blocks, which Qiskit has checked
                operation = copy(operation)
                operation.condition = (clbits[bit], value)
            yield CircuitInstruction(operation, mine, told)

    def _step(self, instruction: CircuitInstruction) -> _Step:
        condition = None
        if instruction.name == "if_else":  # Qiskit makes one anew each time that it is asked for
            operation = instruction.operation
            bit, value = operation.condition
            condition = operation, self._clbit[bit], value
        return _Step(
            instruction,
            tuple(self._qubit[q] for q in instruction.qubits),
            tuple(self._clbit[c] for c in instruction.clbits),
            condition,
        )


def _is_simple(instruction: CircuitInstruction) -> bool:
    """Whether it is no control flow but a condition on one bit, with only gates in its blocks."""
    if instruction.is_standard_gate():
        return True
    operation = instruction.operation
    if not isinstance(operation, IfElseOp):
        return not getattr(operation, "blocks", None)
    condition = operation.condition
    on_a_bit = isinstance(condition, tuple) and isinstance(condition[0], Clbit)
    inner = (i for block in operation.blocks for i in block.data)
    return on_a_bit and not any(i.clbits or getattr(i.operation, "blocks", None) for i in inner)


def _retold(block: QuantumCircuit, qubits: tuple[Qubit, ...], clbits: tuple[Clbit, ...]) -> QuantumCircuit:
    told = QuantumCircuit(name=block.name)
    for qubit in qubits:  # which are known to differ: Qiskit need not look for each among all others
        told._data.add_qubit(qubit)
    for clbit in clbits:
        told._data.add_clbit(clbit)
    index = {qubit: i for i, qubit in enumerate(block.qubits)}
    for inner in block.data:
        told._append(inner.replace(qubits=tuple([qubits[index[q]] for q in inner.qubits])))
    return told
