"""The medium taken out: what a machine that has noise of its own is given to run."""

from __future__ import annotations

from dataclasses import replace

from quantumlink.program import Program


def without_medium(program: Program) -> Program:
    """The program with perfect elementary pairs: ``bell_pair`` as its gates, every Pauli channel dropped."""
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        if instruction.name == "bell_pair":
            definition = instruction.operation.definition
            for part in definition.data:
                qubits = [instruction.qubits[definition.find_bit(q).index] for q in part.qubits]
                circuit.append(part.operation, qubits)
        elif instruction.name != "pauli_channel":
            circuit.append(instruction)
    return replace(program, circuit=circuit)
