"""A timeline's waits in a circuit: delays whose durations are parameters, and a row of values for each trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit, Qubit

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.link import Link
from quantumlink.program import RandomSetting
from quantumlink.readings.timeline import Timeline


class Waits:
    """The waiting times of a timeline's trials.

    Args:
        link: the link.
        timeline: what was simulated of it.

    Raises:
        TypeError: if that is no timeline.
        ValueError: if it is of another link, or holds what no delay tells.
    """

    def __init__(self, link: Link, timeline: Timeline) -> None:
        validation.instance("timeline", timeline, Timeline, "a Timeline of this link, or None")
        if timeline.link != link:
            raise ValueError(f"timeline must be of the link {link!r}, got one of {timeline.link!r}")
        histories = timeline.histories()
        if any(attempts.any() for attempts in histories.attempts_by_operation):
            raise ValueError(
                f"timeline holds attempts that disturb stored qubits (per_attempt), and a delay says how long "
                f"these wait, not how many attempts are made meanwhile: compose {link!r} without it, or evaluate "
                f"it with hold_s and hold_attempts"
            )
        operations = [waits.T for waits in histories.by_operation]
        weights = 1 / histories.accepted
        self._probabilities = weights / weights.sum()
        self._columns = iter([*operations, histories.last_s.T])
        self._parameters: list[Parameter] = []
        self._table: list[FloatArray] = []

    def delay(self, circuit: QuantumCircuit, qubits: Sequence[Qubit]) -> None:
        """Let these qubits wait for the next of the operations' waiting times."""
        for qubit, times in zip(qubits, next(self._columns), strict=True):
            if times.any():
                parameter = Parameter(f"wait_{len(self._parameters):05d}")
                circuit.delay(parameter, qubit, unit="s")
                self._parameters.append(parameter)
                self._table.append(times)

    def setting(self) -> tuple[RandomSetting, ...]:
        """What a run draws: the waiting times of one trial. Nothing if no qubit ever waits."""
        if not self._table:
            return ()
        rows = tuple(tuple(row) for row in np.array(self._table).T.tolist())
        return (RandomSetting(tuple(self._parameters), rows, tuple(self._probabilities.tolist())),)
