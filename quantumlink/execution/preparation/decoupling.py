"""Pulses in idle time: sequences that refocus slow drifts of a waiting qubit, as ordinary gates between delays.

The runtime's own decoupling takes no circuit with conditions. Here the waits are those of the latest schedule, the
wait for feed-forward among them, and every `Delay`. A sequence of n pulses divides a wait into n + 1 pauses, the
first and the last half as long as the others, in whole ticks of the device's clock; what is left over stays at the
end, without a pulse. It is the identity, and fits into the wait: nothing else happens later. Pauses are numbers,
not Qiskit's stretches: no target states that its device resolves those, and nothing here could time or run them.

Relaxation by T1 and T2 is as strong with pulses as without, and pulses err: under it alone decoupling never helps.
What it takes away is dephasing by noise that is slow beside the wait: a frequency that is constant within a run and
normally distributed over runs, so that a free wait of t leaves the coherence exp(−(t/T)²). A gain is predicted only
from that T, stated or measured (Ramsey beside echo); without it the word is "not predicted".

Reference:
    L. Viola, E. Knill, S. Lloyd, Phys. Rev. Lett. 82, 2417 (1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, floor, lcm, log, pi
from typing import Literal, get_args

from qiskit.circuit import Delay, Gate, QuantumCircuit, Qubit
from qiskit.circuit.library import RZGate, SXGate, XGate

from quantumlink import validation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.schedule import latest_schedule

PulseSequence = Literal["XX", "XpXm", "XY4"]
DecouplingChoice = Literal["XX", "XpXm", "XY4", "auto"]
"""A sequence for every wait that holds it, or XX where a gain is predicted."""

DECOUPLINGS: tuple[DecouplingChoice, ...] = get_args(DecouplingChoice)

_UNFLIPPED = ("measure", "reset")
"""How the names of operations begin after which a qubit holds no phase to be kept."""


@dataclass(frozen=True)
class Decoupling:
    """What was put into the idle time of a circuit."""

    sequence: DecouplingChoice
    waits: int
    """Waits that hold pulses."""
    pulses: int
    """Pulses in them."""
    seconds: float
    """Their length in all, over the qubits."""
    log_errors: float
    """The natural logarithm of the pulses' own fidelity, as if waiting went on beneath them."""
    log_gain: float | None
    """The natural logarithm by which the expected fidelity grows, None if it is not predicted."""

    def __str__(self) -> str:
        told = f"{self.sequence}: {self.pulses} pulses in {self.waits} waits of {self.seconds * 1e6:.3g} µs in all"
        if self.log_gain is None:
            return f"{told}; gain not predicted, as no low-frequency dephasing is stated"
        return f"{told}; predicted gain: expected fidelity × {exp(self.log_gain):.4f}"


def decoupled(
    circuit: QuantumCircuit,
    calibration: Calibration,
    choice: DecouplingChoice,
    *,
    latency_s: float,
    dephasing_s: float | Mapping[int, float] | None = None,
) -> tuple[QuantumCircuit, Decoupling]:
    """Put pulses into the idle time of an ISA circuit.

    Args:
        circuit: an ISA circuit, on all the device's qubits; its parameters may be free.
        calibration: the device's figures.
        choice: the sequence for every wait that holds it; ``"auto"``: XX, where a gain is predicted.
        latency_s: of the feed-forward.
        dephasing_s: T of the low-frequency dephasing, of all qubits or by physical qubit.

    Returns:
        The circuit with pulses, and what was done.
    """
    schedule = latest_schedule(circuit, calibration.assumed_duration_s, latency_s=latency_s)
    filler = _Filler(circuit, calibration, choice, dephasing_s)
    result = circuit.copy_empty_like()
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    touched: set[Qubit] = set()
    for instruction, waits in zip(circuit.data, schedule.waits_s, strict=True):
        is_delay = instruction.name == "delay" and not instruction.operation.is_parameterized()
        if is_delay and instruction.qubits[0] in touched:
            [qubit] = instruction.qubits
            whole = calibration.delay_s(instruction.operation)
            pieces = filler.pieces(qubit_of[qubit], whole, fill=True)
            for piece in pieces or [instruction.operation]:
                result.append(piece, [qubit])
        else:
            result.append(instruction)
        for qubit, wait in zip(instruction.qubits, waits, strict=True):
            if instruction.name.startswith(_UNFLIPPED):
                touched.discard(qubit)
            elif instruction.name != "barrier" and not is_delay:
                touched.add(qubit)
            if wait > 0 and qubit in touched and not is_delay:
                for piece in filler.pieces(qubit_of[qubit], wait, fill=False) or ():
                    result.append(piece, [qubit])
    return result, filler.told()


class _Filler:
    def __init__(
        self,
        circuit: QuantumCircuit,
        calibration: Calibration,
        choice: DecouplingChoice,
        dephasing_s: float | Mapping[int, float] | None,
    ) -> None:
        self._calibration, self._choice = calibration, choice
        self._dephasing = dephasing_s
        target = calibration.target
        self._dt = None if target.dt is None else float(target.dt)
        self._step = lcm(max(1, int(target.granularity)), max(1, int(target.pulse_alignment)))
        self._waits = self._pulses = 0
        self._seconds = self._gain = self._errors = 0.0
        self._known = True

    def pieces(self, qubit: int, wait_s: float, *, fill: bool) -> list[Gate | Delay] | None:
        """Delays and pulses for a wait, None if it stays as it is; with ``fill`` exactly as long as the wait."""
        sequence: PulseSequence = "XX" if self._choice == "auto" else self._choice
        flips = _flips(sequence, self._calibration, qubit)
        if flips is None:
            return None
        pulse_s = sum(self._calibration.duration(gate.name, (qubit,)) or 0.0 for gate in flips[0])
        pause, unit, left_s = self._pause(wait_s - len(flips) * pulse_s, len(flips))
        if not pause > 0:
            return None
        erring = sum(log(self._calibration.gate_fidelity(gate.name, (qubit,))) for flip in flips for gate in flip)
        gain = self._log_gain(qubit, wait_s, left_s, erring)
        if self._choice == "auto" and not (gain is not None and gain > 0):
            return None
        self._note(len(flips), wait_s, erring, gain)
        found: list[Gate | Delay] = [Delay(pause, unit=unit)]
        for i, flip in enumerate(flips):
            found += [*flip, Delay(pause if i == len(flips) - 1 else 2 * pause, unit=unit)]
        if fill and left_s > 0:
            found.append(Delay(left_s if self._dt is None else round(left_s / self._dt), unit=unit))
        return found

    def told(self) -> Decoupling:
        """What was done."""
        known = self._known and (self._waits > 0 or self._dephasing is not None)
        return Decoupling(
            self._choice, self._waits, self._pulses, self._seconds, self._errors, self._gain if known else None
        )

    def _pause(self, free_s: float, pulses: int) -> tuple[float | int, str, float]:
        """The first pause, its unit, and the seconds that are left over."""
        if free_s <= 0:
            return 0, "dt", 0.0
        if self._dt is None:
            return free_s / (2 * pulses), "s", 0.0
        ticks = self._step * floor(free_s / self._dt / (2 * pulses) / self._step + 1e-9)
        return ticks, "dt", max(0.0, free_s - 2 * pulses * ticks * self._dt)

    def _log_gain(self, qubit: int, wait_s: float, left_s: float, erring: float) -> float | None:
        told = self._dephasing
        t = told.get(qubit) if isinstance(told, Mapping) else told
        if t is None:
            return None
        lost = log(kept_by_dephasing(wait_s, t)) - log(kept_by_dephasing(left_s, t))
        return erring - lost

    def _note(self, pulses: int, wait_s: float, erring: float, gain: float | None) -> None:
        self._waits += 1
        self._pulses += pulses
        self._seconds += wait_s
        self._errors += erring
        self._known &= gain is not None
        self._gain += gain or 0.0


def kept_by_dephasing(seconds: float, dephasing_s: float) -> float:
    """Process fidelity of a free wait under low-frequency dephasing, (1 + exp(−(t/T)²))/2."""
    return (1 + exp(-((seconds / dephasing_s) ** 2))) / 2


def checked_dephasing(value: float | Mapping[int, float] | None) -> float | Mapping[int, float] | None:
    """The T of low-frequency dephasing, of all qubits or by physical qubit.

    Raises:
        TypeError, ValueError: if it is no positive time.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {
            validation.count("low_frequency_dephasing_s", q): validation.lifetime("low_frequency_dephasing_s", t)
            for q, t in value.items()
        }
    return validation.lifetime("low_frequency_dephasing_s", value)


def _flips(sequence: PulseSequence, calibration: Calibration, qubit: int) -> list[list[Gate]] | None:
    """The pulses of a sequence, each as gates of the target; None if the qubit has none for it."""
    target = calibration.target
    if target.instruction_supported("x", (qubit,)):
        flip: list[Gate] = [XGate()]
    elif target.instruction_supported("sx", (qubit,)):
        flip = [SXGate(), SXGate()]
    else:
        return None
    if sequence == "XX":
        return [flip, flip]
    if not target.instruction_supported("rz", (qubit,)):
        return None
    if sequence == "XpXm":
        return [flip, [RZGate(pi), *flip, RZGate(-pi)]]
    turned: list[Gate] = [RZGate(-pi / 2), *flip, RZGate(pi / 2)]
    return [flip, turned, flip, turned]
