"""What a dry run says of a job: that the service takes it, and when everything would happen, beside our estimate.

The service's scheduler tells of each circuit the duration and a table of its instructions, both in dt. The wait for
feed-forward is read from that table: from the end of the last measurement before a conditional instruction to that
instruction. The format is documented as experimental: what is not understood is told as unknown.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantumlink import validation
from quantumlink.execution.jobs.job_file import JobRecord
from quantumlink.tables import html_table

NEAR = 0.05
"""Relative difference up to which the seconds by the scheduler's times are as they were estimated."""

_MAIN = "main"
_COLUMNS = 6


@dataclass(frozen=True, repr=False)
class Timing:
    """The scheduler's times of a job's circuits, and beside them what was assumed before it was asked."""

    durations_s: tuple[float | None, ...]
    """Of each PUB the duration of its circuit, None if it was not told."""
    feedforward_latency_s: float | None
    """The time from the end of a measurement to what depends on it; None if nothing does, or it is not known."""
    estimated_qpu_s: float | None = None
    """The service's own estimate of the job's quantum seconds, None if it gave none."""
    assumed_s: tuple[float, ...] = ()
    """Of each PUB the duration of its circuit by our own schedule; empty if the job file does not tell."""
    assumed_latency_s: float | None = None
    """The latency that this schedule assumes."""
    estimate_s: float | None = None
    """Quantum seconds as they were estimated from our schedule (`Job.estimate_s`)."""
    executions: tuple[int, ...] = field(default=(), compare=False)
    """Of each PUB how often it runs: rows times shots."""

    @property
    def scheduled_s(self) -> float | None:
        """The same estimate with the scheduler's durations; None if one of them, or the estimate, is not known."""
        if self.estimate_s is None or len(self.assumed_s) != len(self.durations_s):
            return None
        total = self.estimate_s
        for runs, told, assumed in zip(self.executions, self.durations_s, self.assumed_s, strict=True):
            if told is None:
                return None
            total += runs * (told - assumed)
        return total

    @property
    def difference(self) -> float | None:
        """By which part of it the estimate must grow to be that by the scheduler's times; None if not known."""
        scheduled = self.scheduled_s
        return None if scheduled is None or not self.estimate_s else scheduled / self.estimate_s - 1

    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """As text: what it is, as it was assumed, as the service tells it."""
        assumed = self.assumed_s or (None,) * len(self.durations_s)
        found = [
            (f"circuit {number}", _microseconds(ours), _microseconds(told) or "not told")
            for number, (ours, told) in enumerate(zip(assumed, self.durations_s, strict=True))
        ]
        latency = _microseconds(self.feedforward_latency_s)
        found.append(
            ("feed-forward latency", _microseconds(self.assumed_latency_s), latency or "none, or not told")
        )
        if self.estimate_s is not None:
            by_scheduler = "not told" if self.scheduled_s is None else f"{self.scheduled_s:.4g} s"
            found.append(("quantum seconds by the rule", f"{self.estimate_s:.4g} s", by_scheduler))
        if self.estimated_qpu_s is not None:
            found.append(("quantum seconds, the service's estimate", "", f"{self.estimated_qpu_s:.4g} s"))
        return tuple(found)

    def _repr_html_(self) -> str:
        rows = [(name, f"{told}, assumed {ours}" if ours else told) for name, ours, told in self.rows()]
        return html_table("times of a dry run", rows)

    def __repr__(self) -> str:
        told = "; ".join(
            f"{name} {told}" + (f" (assumed {ours})" if ours else "") for name, ours, told in self.rows()
        )
        return f"<Timing: {told}>"


def timing_again(record: JobRecord) -> Timing:
    """What a job file holds of a dry run.

    Raises:
        KeyError, TypeError, ValueError: if it is nothing of that kind.
    """
    told, assumed, number = record.timing or {}, record.assumed, validation.number
    durations = tuple(None if d is None else number("durations_s", d) for d in told["durations_s"])
    latency_s, estimates = told["feedforward_latency_s"], dict(told.get("estimates_s") or {})
    lengths = () if assumed is None else tuple(number("lengths_s", d) for d in assumed["lengths_s"])
    if len(durations) != len(record.pubs) or (lengths and len(lengths) != len(record.pubs)):
        raise ValueError(f"times of {len(durations)} circuits, where there are {len(record.pubs)}")
    executions = [0] * len(record.pubs)
    for part in record.parts:
        for piece in part.pieces:
            executions[piece.pub] += piece.rows * part.shots
    return Timing(
        durations,
        None if latency_s is None else number("feedforward_latency_s", latency_s),
        sum(number("estimates_s", seconds) for seconds in estimates.values()) if estimates else None,
        lengths,
        None if assumed is None else number("latency_s", assumed["latency_s"]),
        record.estimate_s,
        tuple(executions),
    )


def warn_of_difference(timing: Timing) -> None:
    """Say where the seconds by the scheduler's times are others than were estimated."""
    if timing.difference is not None and abs(timing.difference) > NEAR:
        warnings.warn(
            f"quantum seconds: {timing.estimate_s:.4g} were estimated, {timing.scheduled_s:.4g} by the scheduler's "
            f"times, {timing.difference:+.0%}",
            UserWarning,
            stacklevel=3,
        )


def with_timing(
    earlier: Mapping[str, Any] | None, results: Sequence[Any], pubs: Sequence[int], of: int, dt_s: float | None
) -> dict[str, Any]:
    """The scheduler's times from the result of one part, beside those of others.

    Args:
        earlier: what other parts told, None if this is the first.
        results: of each of the part's PUBs the result, with the scheduler's table in its metadata.
        pubs: which PUBs of the job these are.
        of: how many the job has.
        dt_s: the device's clock.
    """
    durations: list[float | None] = [None] * of if earlier is None else list(earlier["durations_s"])
    latencies = [] if earlier is None else [earlier["feedforward_latency_s"]]
    for number, result in zip(pubs, results, strict=True):
        told = ((getattr(result, "metadata", None) or {}).get("compilation") or {}).get("scheduler_timing") or {}
        duration = told.get("circuit_duration")
        if dt_s is not None and isinstance(duration, int | float):
            durations[number] = duration * dt_s
        latency = feedforward_latency_dt(str(told.get("timing") or ""))
        latencies.append(None if latency is None or dt_s is None else latency * dt_s)
    known = [latency for latency in latencies if latency is not None]
    return {**(earlier or {}), "durations_s": durations, "feedforward_latency_s": min(known, default=None)}


def with_estimate(earlier: Mapping[str, Any] | None, tag: str, seconds: float, of: int) -> dict[str, Any]:
    """The service's own estimate of one part's quantum seconds, beside what else was told."""
    told: dict[str, Any] = {"durations_s": [None] * of, "feedforward_latency_s": None, **(earlier or {})}
    return {**told, "estimates_s": {**dict(told.get("estimates_s") or {}), tag: seconds}}


def _microseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:.4g} µs"


def feedforward_latency_dt(table: str) -> int | None:
    r"""The shortest wait between a measurement and a conditional instruction, in dt; None if there is none.

    The table does not say which bits a condition reads, and of several conditions the later ones wait for others
    too: the shortest wait is the latency, unless some measurement that nothing reads ends just before.

    Args:
        table: lines of branch, instruction, channel, start, duration, pulse.

    >>> feedforward_latency_dt("main,measure_0,Qubit 0,100,50,play\nthen,x_0,Qubit 1,210,10,play")
    60
    """
    rows = [line.split(",") for line in table.splitlines() if line.count(",") == _COLUMNS - 1]
    try:
        timed = [(branch, name, int(start), int(start) + int(length)) for branch, name, _, start, length, _ in rows]
    except ValueError:
        return None
    ends = sorted(end for branch, name, _, end in timed if branch == _MAIN and name.startswith("measure"))
    found = []
    for branch in dict.fromkeys(row[0] for row in timed if row[0] != _MAIN):
        start = min(begin for there, name, begin, _ in timed if there == branch and name != "barrier")
        before = [end for end in ends if end <= start]
        if before:
            found.append(start - before[-1])
    return min(found, default=None)
