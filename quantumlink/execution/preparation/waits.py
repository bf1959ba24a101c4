"""Waiting memories of a timeline, whose times differ from run to run: no device takes a delay that is a parameter.

A program with a timeline draws one trial's history for every run. On a device each row of the one PUB plays one
history: as the Paulis that the waits of that history make of their memories, drawn with their probabilities (the
memory's relaxation by its Pauli twirl: its pull to |0⟩ is left out), or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from qiskit.circuit import Delay, Parameter, QuantumCircuit, Qubit

from quantumlink.hardware import Memory
from quantumlink.program import HANDED_ON, Program, RandomSetting
from quantumlink.rewrites.delay_times import SECONDS
from quantumlink.rewrites.hardware_errors import twirled_weights
from quantumlink.rewrites.playing_channels import PAULI_ANGLES


def without_drawn_waits(program: Program) -> Program:
    """The program without delays whose lengths are drawn, and without their draws."""
    waiting = program.waiting_parameters
    if not waiting:
        return program
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        if not _is_drawn(instruction.operation):
            circuit.append(instruction)
    rest = tuple(s for s in program.random_settings if not waiting.intersection(s.parameters))
    return replace(program, circuit=circuit, random_settings=rest)


def with_played_waits(program: Program, rows: int, rng: np.random.Generator) -> Program:
    """The program with rotations for delays whose lengths are drawn: as many joint draws of history and Paulis.

    Args:
        program: with a timeline or without.
        rows: how many draws.
        rng: of the draws. Histories are stratified: each as often as it should be, up to one row.
    """
    waiting = program.waiting_parameters
    if not waiting:
        return program
    drawn = [setting for setting in program.random_settings if waiting.intersection(setting.parameters)]
    values: dict[Parameter, np.ndarray] = {}
    for setting in drawn:
        chosen = np.array(setting.rows)[stratified(setting.weights, rows, rng)]
        values.update(zip(setting.parameters, chosen.T, strict=True))
    circuit = program.circuit.copy_empty_like()
    parameters: list[Parameter] = []
    columns: list[np.ndarray] = []
    for instruction, memory in zip(program.circuit.data, _memories(program), strict=True):
        if not _is_drawn(instruction.operation):
            circuit.append(instruction)
        elif memory is not None and not memory.is_ideal:
            times = _bound(instruction.operation, values)
            paulis = np.array([_drawn_pauli(twirled_weights(memory, time), rng) for time in times])
            angles = (Parameter(f"wait_x_{len(parameters)}"), Parameter(f"wait_z_{len(parameters)}"))
            circuit.rx(angles[0], instruction.qubits[0])
            circuit.rz(angles[1], instruction.qubits[0])
            parameters += angles
            columns += list(np.array(PAULI_ANGLES)[paulis].T)
    rest = tuple(setting for setting in program.random_settings if setting not in drawn)
    if not parameters:
        return replace(program, circuit=circuit, random_settings=rest)
    played = RandomSetting(tuple(parameters), tuple(map(tuple, np.array(columns).T.tolist())))
    return replace(program, circuit=circuit, random_settings=(*rest, played))


def stratified(weights: Sequence[float], number: int, rng: np.random.Generator) -> np.ndarray:
    """Draws with these weights, each as often as it should be, up to one."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(number)) / number * edges[-1]
    drawn = np.minimum(np.searchsorted(edges, points, side="right"), len(edges) - 1)
    return rng.permutation(drawn)


def _drawn_pauli(weights: tuple[float, float, float], rng: np.random.Generator) -> int:
    return int(rng.choice(4, p=[1 - sum(weights), *weights]))


def _is_drawn(operation: object) -> bool:
    return isinstance(operation, Delay) and operation.is_parameterized()


def _bound(delay: Delay, values: dict[Parameter, np.ndarray]) -> np.ndarray:
    """The delay's length in seconds in each row."""
    duration = delay.duration
    names = list(duration.parameters)
    scale = SECONDS[delay.unit]
    rows = zip(*(values[p].tolist() for p in names), strict=True)
    return np.array([scale * float(duration.bind(dict(zip(names, row, strict=True)))) for row in rows])


def _memories(program: Program) -> Iterator[Memory | None]:
    """For each instruction the memory of the node that holds its first qubit then."""
    circuit: QuantumCircuit = program.circuit
    turns: dict[Qubit, list[Memory]] = {
        qubit: [node.memory for node in (*program.earlier_nodes.get(i, ()), program.nodes[i])]
        for i, qubit in enumerate(circuit.qubits)
    }
    for instruction in circuit.data:
        qubit = next(iter(instruction.qubits), None)
        if qubit is None:
            yield None
            continue
        if instruction.name == "reset" and getattr(instruction.operation, "label", None) == HANDED_ON:
            turns[qubit].pop(0)
        yield turns[qubit][0]
