"""Corrections that cost their gate whether they fire or not: gates stay under their condition, noise does not.

A correction is a condition with nothing but gates in its blocks, conditions of the same kind included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from qiskit.circuit import CircuitInstruction, ClassicalRegister, Gate, IfElseOp, QuantumCircuit, Qubit
from qiskit.circuit.classical import expr

from quantumlink.exact.conditions import Condition

_ERROR = "quantum_channel"


def is_correction(operation: IfElseOp) -> bool:
    """Whether a condition has only gates in its blocks."""
    return all(
        part.name == "barrier"
        or isinstance(part.operation, Gate)
        or (isinstance(part.operation, IfElseOp) and is_correction(part.operation))
        for block in operation.blocks
        for part in block.data
    )


def told_apart(noisy: CircuitInstruction, paying: Collection[Qubit]) -> Iterator[CircuitInstruction]:
    """A correction whose blocks are noisy, in parts: errors on qubits that pay in any case are under no condition.

    Args:
        noisy: the correction; all errors in it were put there by its gates.
        paying: the qubits (of those it acts on) at nodes that play their gates in any case.
    """
    operation = noisy.operation
    conditions = (operation.condition, _opposite(operation.condition))
    for condition, block in zip(conditions, operation.blocks, strict=False):
        kept = block.copy_empty_like()
        for part in block.data:
            qubits = tuple(noisy.qubits[block.find_bit(q).index] for q in part.qubits)
            if part.name == _ERROR and set(qubits) <= set(paying):
                yield from _under(noisy, condition, kept)
                kept = block.copy_empty_like()
                yield part.replace(qubits=qubits)
            else:
                kept.append(part)
        yield from _under(noisy, condition, kept)


def _under(noisy: CircuitInstruction, condition: Condition, block: QuantumCircuit) -> Iterator[CircuitInstruction]:
    if block.data:
        yield noisy.replace(operation=IfElseOp(condition, block, label=noisy.operation.label))


def _opposite(condition: Condition) -> Condition:
    if not isinstance(condition, tuple):
        return expr.logic_not(condition)
    target, value = condition
    if isinstance(target, ClassicalRegister):
        return expr.not_equal(expr.lift(target), int(value))
    return target, 1 - int(value)
