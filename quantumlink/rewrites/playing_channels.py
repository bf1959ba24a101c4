"""Sampled channels: a Pauli channel becomes rotations whose angles are drawn anew in every run.

So a link's own noise can be played on a machine that knows no channels, by one broadcast circuit. The rotations are
gates, though, and as noisy as that machine's gates are.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi

from qiskit.circuit import IfElseOp, Parameter, QuantumCircuit

from quantumlink.program import Program, RandomSetting
from quantumlink.rewrites.expansion import expanded_circuit

PAULI_ANGLES = ((0.0, 0.0), (pi, 0.0), (pi, pi), (0.0, pi))
"""The angles of Rx and Rz that make I, X, Y (up to a phase) and Z."""


def sampled_channels(program: Program) -> Program:
    """Every ``pauli_channel`` as Rx(a)·Rz(b), with (a, b) drawn with the channel's probabilities.

    Over ideal gates the average over the draws is the channel, exactly.
    """
    circuit, random = sampled_circuit(program.circuit)
    return replace(program, circuit=circuit, random_settings=(*program.random_settings, *random))


def sampled_circuit(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[RandomSetting, ...]]:
    """As `sampled_channels`, for a circuit: the circuit, and the parameters that are to be drawn."""
    random: list[RandomSetting] = []
    return _played(expanded_circuit(circuit, keep=lambda _: True), random), tuple(random)


def _played(circuit: QuantumCircuit, random: list[RandomSetting]) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            blocks = [_played(block, random) for block in operation.blocks]
            result.append(instruction.replace(operation=operation.replace_blocks(blocks)))
            continue
        if instruction.name != "pauli_channel":
            result.append(instruction)
            continue
        px, py, pz = (float(p) for p in instruction.operation.params)
        angles = (Parameter(f"channel_x_{len(random)}"), Parameter(f"channel_z_{len(random)}"))
        result.rx(angles[0], instruction.qubits[0])
        result.rz(angles[1], instruction.qubits[0])
        random.append(RandomSetting(angles, PAULI_ANGLES, (max(0.0, 1 - px - py - pz), px, py, pz)))
    return result
