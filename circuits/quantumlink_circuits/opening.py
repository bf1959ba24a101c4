"""Composite instructions in a circuit, told part by part: what they write and what they join is then in sight."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import ControlFlowOp, Instruction, QuantumCircuit, Store


def opened(circuit: QuantumCircuit) -> QuantumCircuit:
    """A copy of a circuit in which what `QuantumCircuit.to_instruction` made is told part by part, at any depth.

    Raises:
        ValueError: if it computes with classical values: conditions may, and heralds are parities.

    >>> part = QuantumCircuit(1, 1, name="read")
    >>> _ = part.h(0), part.measure(0, 0)
    >>> whole = QuantumCircuit(2, 2)
    >>> _ = whole.append(part.to_instruction(), [1], [0])
    >>> [step.name for step in opened(whole).data]
    ['h', 'measure']
    """
    if _computes(circuit):
        raise ValueError(
            f"the circuit {circuit.name!r} has classical variables or stores, which links do not follow: let "
            f"conditions read the measured bits, and heralds and frames name their parities"
        )
    if not _has_composites(circuit):
        return circuit.copy()
    result = circuit.copy_empty_like()
    for step in circuit.data:
        operation = step.operation
        if _is_composite(operation):
            result.compose(opened(operation.definition), step.qubits, step.clbits, inplace=True)
        elif isinstance(operation, ControlFlowOp):
            blocks = [opened(block) for block in operation.blocks]
            result.append(operation.replace_blocks(blocks), step.qubits, step.clbits)
        else:
            result.append(step)
    return result


def _computes(circuit: QuantumCircuit) -> bool:
    return bool(circuit.num_identifiers) or any(
        isinstance(step.operation, Store) or any(map(_computes, getattr(step.operation, "blocks", ())))
        for step in circuit.data
        if not step.is_standard_gate()
    )


def _is_composite(operation: Any) -> bool:
    # Gates stay whole: errors go by their names. Kinds of their own know what they are.
    return type(operation) is Instruction and operation.definition is not None


def _has_composites(circuit: QuantumCircuit) -> bool:
    return any(
        _is_composite(step.operation) or any(map(_has_composites, getattr(step.operation, "blocks", ())))
        for step in circuit.data
        if not step.is_standard_gate()
    )
