"""The expanded form: which circuits `quantumlink.rewrites.expansion` leaves as they are, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    Delay,
    IfElseOp,
    QuantumCircuit,
    Store,
)
from qiskit.circuit.classical import expr

from quantumlink.exact.condition_forms import compared
from quantumlink.exact.conditions import Condition, check_condition, condition_bits
from quantumlink.exact.expressions import cells_of
from quantumlink.exact.transfer import device_operation


def writes(instruction: CircuitInstruction) -> set[Clbit]:
    """The classical bits that an instruction of an expanded circuit may write, told in the circuit's own bits."""
    operation = instruction.operation
    if isinstance(operation, Store):  # its bits are not among the instruction's
        return {cell for cell in cells_of(operation.lvalue) if isinstance(cell, Clbit)}
    if not isinstance(operation, IfElseOp):
        return set(instruction.clbits).union(*(writes(i) for b in getattr(operation, "blocks", ()) for i in b.data))
    return {bit for block in operation.blocks for inner in block.data for bit in writes(inner)}


def reads(instruction: CircuitInstruction) -> set[Clbit]:
    """The classical bits that the conditions of an instruction of an expanded circuit read, at any depth."""
    operation = instruction.operation
    if not isinstance(operation, IfElseOp):
        return set()
    inside = {bit for block in operation.blocks for inner in block.data for bit in reads(inner)}
    return condition_bits(operation.condition) | inside


def is_expanded(circuit: QuantumCircuit, keep: Callable[[str], bool]) -> bool:
    """Whether a circuit is expanded.

    Args:
        circuit: any circuit.
        keep: which of a device's own names for measurement and reset may stay.

    Raises:
        UnsupportedOperation: if a condition has no one meaning.
    """
    return all(_stays(instruction, keep) for instruction in circuit.data)


def _stays(instruction: CircuitInstruction, keep: Callable[[str], bool]) -> bool:
    name = instruction.name
    if instruction.is_standard_gate() or name in ("measure", "reset", "barrier"):
        return True
    operation = instruction.operation
    # Names are told apart faster than classes.
    if not instruction.clbits and name not in ("delay", "store") and not instruction.is_control_flow():
        return device_operation(operation) is None or keep(name)
    if isinstance(operation, Delay):
        return not isinstance(operation.duration, expr.Value)
    if isinstance(operation, IfElseOp):
        return _if_stays(instruction, operation, keep)
    if isinstance(operation, ControlFlowOp):
        return False
    if isinstance(operation, Store):
        return compared(operation.rvalue) is operation.rvalue
    return keep(name) and device_operation(operation) is not None


def _if_stays(instruction: CircuitInstruction, operation: IfElseOp, keep: Callable[[str], bool]) -> bool:
    condition = operation.condition
    check_condition(condition)
    bits = cells(condition)
    if not bits.issubset(instruction.clbits) or constant(condition) is not None:
        return False
    if compared(condition) is not condition:
        return False
    for block in operation.blocks:
        if all(inner.is_standard_gate() for inner in block.data):
            continue
        same = tuple(block.clbits) == instruction.clbits and tuple(block.qubits) == instruction.qubits
        if not (same and not block.num_identifiers and is_expanded(block, keep)):
            return False
    return True


def cells(condition: Condition) -> set[Any]:
    """The bits and variables that a condition reads."""
    return condition_bits(condition) if isinstance(condition, tuple) else set(cells_of(condition))


def registers_of(condition: Condition) -> list[ClassicalRegister]:
    """The registers that a condition names, each once."""
    if isinstance(condition, tuple):
        return [condition[0]] if isinstance(condition[0], ClassicalRegister) else []
    named = [node.var for node in expr.iter_vars(condition)]
    return [register for register in dict.fromkeys(named) if isinstance(register, ClassicalRegister)]


def constant(condition: Condition) -> bool | None:
    """The value of a condition that its form decides."""
    if isinstance(condition, tuple):
        target, value = condition
        return False if isinstance(target, ClassicalRegister) and int(value) >> len(target) else None
    return bool(condition.value) if isinstance(condition, expr.Value) else None
