"""Which qubits of a circuit anything is done to, and whether it depends on what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit.circuit import Delay, IfElseOp, QuantumCircuit


def busy_qubits(circuit: QuantumCircuit) -> frozenset[int]:
    """The qubits (by index) that any instruction names, barriers too."""
    return _qubits_of(circuit, lambda _: True)


def acting_qubits(circuit: QuantumCircuit) -> frozenset[int]:
    """The qubits to which anything is done without a condition."""
    return _qubits_of(circuit, lambda i: i.name != "barrier" and not isinstance(i.operation, IfElseOp))


def measured_qubits(circuit: QuantumCircuit) -> frozenset[int]:
    """The qubits that are measured without a condition."""
    return _qubits_of(circuit, lambda instruction: instruction.name == "measure")


def qubits_measured_later(circuit: QuantumCircuit) -> frozenset[int]:
    """The qubits of conditions under which anything is measured."""
    return _qubits_of(circuit, lambda instruction: instruction.name != "measure" and _measures(instruction))


def conditional_qubits(circuit: QuantumCircuit) -> frozenset[int]:
    """The qubits on which something acts under a condition."""
    return _qubits_of(circuit, lambda instruction: isinstance(instruction.operation, IfElseOp))


def waits(circuit: QuantumCircuit) -> bool:
    """Whether there are delays in a circuit."""
    return any(
        (isinstance(step.operation, Delay) and step.operation.duration != 0)
        or any(map(waits, getattr(step.operation, "blocks", ())))
        for step in circuit.data
        if not step.is_standard_gate()
    )


def _measures(instruction: Any) -> bool:
    blocks = getattr(instruction.operation, "blocks", ())
    return instruction.name == "measure" or any(_measures(inner) for block in blocks for inner in block.data)


def _qubits_of(circuit: QuantumCircuit, kind: Callable[[Any], bool]) -> frozenset[int]:
    chosen = (instruction for instruction in circuit.data if kind(instruction))
    return frozenset(circuit.find_bit(q).index for instruction in chosen for q in instruction.qubits)
