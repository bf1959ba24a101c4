"""What a circuit does as plain values, equal for equal circuits: operations compare, and are cached, by content."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from qiskit.circuit import Clbit, IfElseOp, QuantumCircuit


def content_of(circuit: QuantumCircuit) -> tuple[Hashable, ...]:
    """What a circuit does, equal for equal circuits: instructions on indices, values in full."""
    return (circuit.num_qubits, circuit.num_clbits, float(circuit.global_phase or 0.0), *_steps(circuit))


def _steps(circuit: QuantumCircuit) -> Iterable[Hashable]:
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = tuple(circuit.find_bit(q).index for q in instruction.qubits)
        clbits = tuple(circuit.find_bit(c).index for c in instruction.clbits)
        if isinstance(operation, IfElseOp):
            blocks = tuple(tuple(_steps(block)) for block in operation.blocks)
            told: Hashable = (_condition(circuit, operation.condition), blocks)
        else:
            told = (*map(_value, getattr(operation, "params", ())), *_composite(operation))
        yield (instruction.name, getattr(operation, "label", None), qubits, clbits, told)


def _composite(operation: Any) -> Iterable[Hashable]:
    """What tells apart two operations of one name: their class, control state, and parts."""
    kind = getattr(operation, "base_class", type(operation))
    yield f"{kind.__module__}.{kind.__qualname__}"
    yield getattr(operation, "ctrl_state", None)
    error = getattr(operation, "_quantum_error", None)
    if error is not None:
        yield repr(error)
    if not str(kind.__module__).startswith("qiskit.circuit.library.standard_gates"):
        definition = getattr(operation, "definition", None)
        if isinstance(definition, QuantumCircuit):
            yield content_of(definition)


def _value(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, QuantumCircuit):
        return content_of(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _condition(circuit: QuantumCircuit, condition: Any) -> Hashable:
    if isinstance(condition, tuple):
        target, value = condition
        bits = [target] if isinstance(target, Clbit) else list(target)
        return (tuple(circuit.find_bit(bit).index for bit in bits), int(value))
    return _expression(circuit, condition)


def _expression(circuit: QuantumCircuit, node: Any) -> Hashable:
    told: list[Hashable] = [type(node).__name__, str(getattr(node, "op", "")), str(node.type)]
    if hasattr(node, "var"):
        bits = [node.var] if isinstance(node.var, Clbit) else list(node.var)
        told.append(tuple(circuit.find_bit(bit).index for bit in bits))
    if hasattr(node, "value"):
        told.append(node.value)
    told.extend(
        _expression(circuit, getattr(node, part))
        for part in ("left", "right", "operand", "target", "index")
        if hasattr(node, part)
    )
    return tuple(told)
