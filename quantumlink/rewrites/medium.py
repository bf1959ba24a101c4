"""The medium taken out: what a machine that has noise of its own is given to run."""

from __future__ import annotations

from dataclasses import replace

from qiskit.circuit import ControlFlowOp, QuantumCircuit

from quantumlink.program import Program


def without_medium(program: Program) -> Program:
    """The program with perfect elementary pairs: ``bell_pair`` as its gates, every Pauli channel dropped."""
    return replace(program, circuit=_without_medium(program.circuit))


def _without_medium(source: QuantumCircuit) -> QuantumCircuit:
    circuit = source.copy_empty_like()
    for instruction in source.data:
        operation = instruction.operation
        if instruction.name == "bell_pair":
            definition = operation.definition
            for part in definition.data:
                qubits = [instruction.qubits[definition.find_bit(q).index] for q in part.qubits]
                circuit.append(part.operation, qubits)
        elif isinstance(operation, ControlFlowOp) and operation.blocks:
            blocks = [_without_medium(block) for block in operation.blocks]
            circuit.append(instruction.replace(operation=operation.replace_blocks(blocks)))
        elif instruction.name != "pauli_channel":
            circuit.append(instruction)
    return circuit
