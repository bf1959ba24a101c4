"""Evolutions under sums of Paulis as the product formulas that they are synthesized by.

Qiskit tells such a gate by its exact matrix, but devices run its definition, which differs where terms do not
commute. A distributed circuit runs the definition as well, and is to be compared with that.
"""

from __future__ import annotations

from typing import Any

from qiskit.circuit import AnnotatedOperation, ControlFlowOp, QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate

from quantumlink.distributed.tasks import synthesized
from quantumlink.exact import UnsupportedOperation


def synthesized_evolutions(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with the definitions of its evolutions, and of what they are a part of; itself if it has none."""
    if not any(_evolves(step.operation) for step in circuit.data if not step.is_standard_gate()):
        return circuit
    result = circuit.copy_empty_like()
    for step in circuit.data:
        operation = step.operation
        if not _evolves(operation):
            result.append(step)
        elif isinstance(operation, ControlFlowOp):
            blocks = [synthesized_evolutions(block) for block in operation.blocks]
            result.append(step.replace(operation=operation.replace_blocks(blocks)))
        else:
            told = synthesized(operation) if isinstance(operation, AnnotatedOperation) else operation.definition
            if told is None:
                raise UnsupportedOperation(
                    f"{operation.name!r} cannot be distributed: Qiskit does not synthesize it"
                )
            inner = synthesized_evolutions(told)
            result.compose(inner, step.qubits, step.clbits, inplace=True)
    return result


def _evolves(operation: Any) -> bool:
    """Whether an operation is an evolution, or is made of one."""
    if isinstance(operation, PauliEvolutionGate):
        return True
    if isinstance(operation, ControlFlowOp):
        parts = [step.operation for block in operation.blocks for step in block.data if not step.is_standard_gate()]
        return any(map(_evolves, parts))
    if isinstance(operation, AnnotatedOperation):
        return _evolves(operation.base_op)
    definition = getattr(operation, "definition", None)
    if definition is None:
        return False
    return any(_evolves(step.operation) for step in definition.data if not step.is_standard_gate())
