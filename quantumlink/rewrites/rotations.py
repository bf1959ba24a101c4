"""Rotations spelt so that a stabilizer simulator recognises them gate by gate, also as parameters."""

from __future__ import annotations

from dataclasses import replace

from quantumlink.program import Program


def clifford_rotations(program: Program) -> Program:
    """Each U(θ, φ, λ) with an open parameter as Rz(φ)·S·H·Rz(θ)·H·S†·Rz(λ), up to a global phase.

    With angles that are multiples of π/2 every factor is a Clifford gate. To be used after noise has been
    added, since a rotation is one gate of the processor's, not seven. A U that is bound stays: a sampler may
    have an error on its name.
    """
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        if instruction.name != "u" or not instruction.operation.is_parameterized():
            circuit.append(instruction)
            continue
        theta, phi, lam = instruction.operation.params
        qubit = instruction.qubits[0]
        circuit.rz(lam, qubit)
        circuit.sdg(qubit)
        circuit.h(qubit)
        circuit.rz(theta, qubit)
        circuit.h(qubit)
        circuit.s(qubit)
        circuit.rz(phi, qubit)
    return replace(program, circuit=circuit)
