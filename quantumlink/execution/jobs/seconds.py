"""What a job costs in seconds of a quantum computer: an estimate before, the service's account after.

The estimate is the rule that IBM documents for jobs without error mitigation: of each job an overhead of 2 s, and
of each execution (a row of a table, one shot) the length of its circuit and the repetition delay before the next
one; with the usual delay and a circuit of 100 µs that is the guide's short form, 2 s + 0.35 ms for each execution.
The length is that of our own schedule, or the service's from a dry run. It is an estimate, not a price: the service
counts the time for which it kept the machine, which is the wall clock in a session; a job that it divides has the
overhead of each piece.

Reference:
    IBM Quantum documentation, guide "Workload usage", https://quantum.cloud.ibm.com/docs/guides/estimate-job-run-time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.execution.jobs.errors import JobError
from quantumlink.execution.jobs.splitting import Load
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S
from quantumlink.execution.preparation.schedule import latest_schedule

JOB_OVERHEAD_S = 2.0
"""Documented overhead of a job."""

REP_DELAY_S = 250e-6
"""Repetition delay of a backend that does not tell its own."""


class TooExpensive(JobError, ValueError):
    """A job whose estimated seconds are more than was allowed; nothing was written or sent."""


@dataclass(frozen=True)
class Seconds:
    """An estimate of a job's quantum seconds, and what it is made of."""

    total_s: float
    """All of it."""
    executions: int
    """Rows times shots, all parts together."""
    jobs: int
    """Jobs of the service, each with its overhead."""
    rep_delay_s: float
    """Assumed between executions."""

    def __str__(self) -> str:
        return (
            f"about {self.total_s:.3g} s: {self.jobs} jobs of {JOB_OVERHEAD_S:g} s overhead, {self.executions} "
            f"executions with {self.rep_delay_s * 1e6:g} µs between them"
        )


def circuit_length_s(
    circuit: QuantumCircuit, backend: BackendV2, latency_s: float = FEEDFORWARD_LATENCY_S
) -> float:
    """How long one execution of an ISA circuit takes, by our schedule."""
    calibration = Calibration(backend.target)
    return latest_schedule(circuit, calibration.assumed_duration_s, latency_s=latency_s).duration_s


def rep_delay_s(backend: BackendV2, options: Any) -> float:
    """The repetition delay: of the options, else the backend's default, else the usual one."""
    told = (options.get("execution") or {}).get("rep_delay")
    if told is None:
        configuration = getattr(backend, "configuration", None)
        told = getattr(configuration(), "default_rep_delay", None) if callable(configuration) else None
    return float(told) if isinstance(told, int | float) else REP_DELAY_S


def estimated(loads: Sequence[Load], lengths_s: Sequence[float], delay_s: float) -> Seconds:
    """The estimate for parts of PUBs.

    Args:
        loads: what each job runs.
        lengths_s: of each PUB the length of its circuit.
        delay_s: the repetition delay.

    >>> from quantumlink.execution.jobs.splitting import Piece
    >>> print(estimated([Load((Piece(0, 0, 3),), 1000)], [50e-6], 250e-6))
    about 2.9 s: 1 jobs of 2 s overhead, 3000 executions with 250 µs between them
    >>> estimated([Load((Piece(0, 0, 3),), 1000)], [100e-6], REP_DELAY_S).total_s == 2 + 0.00035 * 3000
    True
    """
    validation.number("delay_s", delay_s, at_least=0.0)
    executions, total = 0, JOB_OVERHEAD_S * len(loads)
    for load in loads:
        for piece in load.pieces:
            runs = piece.rows * load.shots
            executions += runs
            total += runs * (lengths_s[piece.pub] + delay_s)
    return Seconds(total, executions, len(loads), delay_s)


def check_budget(estimate: Seconds, max_qpu_s: float) -> None:
    """Refuse what is estimated above a budget.

    Raises:
        TooExpensive: then.
    """
    if estimate.total_s > max_qpu_s:
        raise TooExpensive(
            f"max_qpu_s={max_qpu_s:g} allows less than this takes by the estimate, {estimate}; nothing was sent. "
            f"Fewer shots, bases or randomizations cost less"
        )
