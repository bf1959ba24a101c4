"""Low-frequency dephasing written into a circuit: what a frequency that is constant within a run does to waits.

Of each qubit the frequency is normally distributed over runs, so that a free wait of t leaves the coherence
exp(−(t/T)²), as `quantumlink.execution.preparation.decoupling` takes it. The waits of a *stretch*, between two
operations that turn the qubit out of Z, add up, and count backwards after each flip: a stretch of the signed length
τ leaves exp(−(τ/T)²), and nothing is lost where pulses refocus it. That is one phase flip of probability
(1 − exp(−(τ/T)²))/2 at its end; a measurement or a reset at its end needs none.

Assumptions: the frequency is drawn anew from stretch to stretch, and for each qubit by itself; it acts while qubits
wait, not during gates or in conditional blocks, which end a stretch; no error of a gate flips the qubit within one.
The first does not hold where a qubit waits before and after a turn: which qubits these are is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import expm1, isclose

from qiskit.circuit import CircuitInstruction, Instruction, QuantumCircuit, Qubit

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.schedule import latest_schedule

DephasingTimes = float | Mapping[int, float]
"""T in seconds, of all qubits or by physical qubit."""

_DIAGONAL = {
    "rz",
    "z",
    "s",
    "sdg",
    "t",
    "tdg",
    "p",
    "u1",
    "cz",
    "cp",
    "crz",
    "rzz",
    "ccz",
    "id",
    "delay",
    "barrier",
}
_FLIPS = {"x", "y"}
_FORGETS = ("measure", "reset")
"""How the names of measurements and resets begin."""


def dephased(
    circuit: QuantumCircuit, calibration: Calibration, dephasing_s: DephasingTimes, *, latency_s: float
) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """An ISA circuit with a phase flip at the end of each stretch, and the physical qubits that have several.

    Args:
        circuit: an ISA circuit, on all the device's qubits; its parameters may be free.
        calibration: the device's figures.
        dephasing_s: T of the low-frequency dephasing, in seconds; qubits without one are left alone.
        latency_s: of the feed-forward, in seconds.
    """
    waits = latest_schedule(circuit, calibration.duration_s, latency_s=latency_s).waits_s
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    halves = _halves_of_flips(circuit, waits)
    signed: dict[Qubit, float] = {}  # the length of each qubit's stretch so far; missing before its first gate
    stretches = [0] * circuit.num_qubits
    result = circuit.copy_empty_like()

    def close(qubit: Qubit) -> None:
        error = _flip(signed.pop(qubit, 0.0), time_of(dephasing_s, qubit_of[qubit]))
        if error is not None:
            stretches[qubit_of[qubit]] += 1
            result.append(error, [qubit])

    for i, instruction in enumerate(circuit.data):
        for qubit in instruction.qubits:
            _before(instruction, qubit, halves.get((i, qubit)), signed, close)
        result.append(instruction)
        told = calibration.delay_s(instruction.operation) if instruction.name == "delay" else 0.0
        for qubit, wait in zip(instruction.qubits, waits[i], strict=True):
            if qubit in signed:
                signed[qubit] += wait + told
    for qubit in list(signed):
        close(qubit)
    return result, tuple(q for q, count in enumerate(stretches) if count > 1)


def time_of(dephasing_s: DephasingTimes, qubit: int) -> float | None:
    """T of a physical qubit, None if none is stated."""
    return dephasing_s.get(qubit) if isinstance(dephasing_s, Mapping) else dephasing_s


def _before(
    instruction: CircuitInstruction,
    qubit: Qubit,
    half: int | None,
    signed: dict[Qubit, float],
    close: Callable[[Qubit], None],
) -> None:
    """What an instruction means to the stretch that comes to it."""
    if instruction.name in _DIAGONAL or half == 0:
        return
    if instruction.name in _FLIPS or half == 1:
        if qubit in signed:
            signed[qubit] = -signed[qubit]
        return
    if instruction.name.startswith(_FORGETS):
        signed.pop(qubit, None)
        return
    close(qubit)
    signed[qubit] = 0.0


def _halves_of_flips(circuit: QuantumCircuit, waits: tuple[tuple[float, ...], ...]) -> dict[tuple[int, Qubit], int]:
    """Pairs of SX one after the other, without a wait between, that make a flip: the first is 0, the second 1."""
    halves: dict[tuple[int, Qubit], int] = {}
    open_at: dict[Qubit, int] = {}
    for i, (instruction, after) in enumerate(zip(circuit.data, waits, strict=True)):
        if instruction.name != "sx":
            for qubit in instruction.qubits:
                open_at.pop(qubit, None)
            continue
        [qubit] = instruction.qubits
        if qubit in open_at:
            halves[open_at.pop(qubit), qubit], halves[i, qubit] = 0, 1
        elif isclose(after[0], 0.0, abs_tol=1e-15):
            open_at[qubit] = i
    return halves


def _flip(seconds: float, t: float | None) -> Instruction | None:
    from qiskit_aer.noise import pauli_error

    if t is None or not seconds:
        return None
    probability = -expm1(-((seconds / t) ** 2)) / 2
    return pauli_error([("Z", probability), ("I", 1 - probability)]).to_instruction() if probability > 0 else None
