"""What a dry run says of a job: that the service takes it, and when everything would happen.

The service's scheduler tells of each circuit the duration and a table of its instructions, both in dt. The wait for
feed-forward is read from that table: from the end of the last measurement before a conditional instruction to that
instruction. The format is documented as experimental: what is not understood is told as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MAIN = "main"
_COLUMNS = 6


@dataclass(frozen=True)
class Timing:
    """The scheduler's times of a job's circuits."""

    durations_s: tuple[float | None, ...]
    """Of each PUB the duration of its circuit, None if it was not told."""
    feedforward_latency_s: float | None
    """The time from the end of a measurement to what depends on it; None if nothing does, or it is not known."""
    estimated_qpu_s: float | None = None
    """The service's own estimate of the job's quantum seconds, None if it gave none."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "durations_s": list(self.durations_s)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Timing:
        """From JSON."""
        return cls(tuple(told["durations_s"]), told["feedforward_latency_s"], told["estimated_qpu_s"])


def timing_of(results: Sequence[Any], dt_s: float | None, estimated_qpu_s: float | None) -> Timing:
    """Read the scheduler's times from a result.

    Args:
        results: of each PUB the result, with the scheduler's table in its metadata.
        dt_s: the device's clock.
        estimated_qpu_s: as the service gave it.
    """
    durations: list[float | None] = []
    latencies: list[int] = []
    for result in results:
        told = ((getattr(result, "metadata", None) or {}).get("compilation") or {}).get("scheduler_timing") or {}
        duration = told.get("circuit_duration")
        durations.append(None if dt_s is None or not isinstance(duration, int | float) else duration * dt_s)
        latency = feedforward_latency_dt(str(told.get("timing") or ""))
        if latency is not None:
            latencies.append(latency)
    latency_s = None if dt_s is None or not latencies else min(latencies) * dt_s
    return Timing(tuple(durations), latency_s, estimated_qpu_s)


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
