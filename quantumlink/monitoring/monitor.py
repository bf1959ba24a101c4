"""The monitor: watches the compared bits of a link, basis by basis, and acts when their error rate rises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.monitoring.change import ChangeEstimate, estimate_change
from quantumlink.monitoring.charts import CusumChart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Policy = Literal["record", "pause", "abort"]
"""What an alarm does: only stand in the list, stop until `Monitor.resume`, or stop for good."""

POLICIES: tuple[Policy, ...] = get_args(Policy)

State = Literal["running", "paused", "aborted"]


@dataclass(frozen=True)
class Alarm:
    """An alarm of a `Monitor`.

    >>> import numpy as np
    >>> import quantumlink as ql
    >>> monitor = ql.qkd.Monitor(0.02, attack=0.25)
    >>> (alarm,) = monitor.update(np.ones(50, dtype=int))  # nothing but errors
    >>> alarm.stream, alarm.round < 10
    ('errors', True)
    """

    stream: str
    """The stream whose error rate rose, such as a basis."""
    round: int
    """The round of that stream at which the chart alarmed (0 is the first one)."""
    change: ChangeEstimate
    """When the rise began and how far it went, as far as the rounds up to the alarm tell."""
    baseline: float
    """The stream's error rate without disturbance."""

    @property
    def delay(self) -> int:
        """Rounds from the estimated change to the alarm."""
        return self.round - self.change.round

    def __str__(self) -> str:
        rate = self.change.error_rate
        return (
            f"stream {self.stream!r}: the error rate rose from {self.baseline:.4f} to {float(rate):.4f} "
            f"[{rate.low:.4f}, {rate.high:.4f}] around round {self.change.round}, "
            f"alarm at round {self.round}; {_MANNERS[self.change.manner]}"
        )


_MANNERS = {
    "sudden": "the rise was sudden, as when an attack begins",
    "gradual": "the rise was gradual, as when a device drifts",
    "undecided": "whether the rise was sudden or gradual cannot be told yet",
}


class _Stream:
    """The rounds of one stream, kept in the pieces in which they came."""

    def __init__(self, chart: CusumChart) -> None:
        self.chart = chart
        self.rounds = 0
        self.since = 0
        self._w = 0
        self._errors: list[npt.NDArray[np.uint8]] = []
        self._walks: list[IntArray] = []
        self._recent: list[npt.NDArray[np.uint8]] = []

    def watch(self, errors: npt.NDArray[Any]) -> tuple[int, bool]:
        """Take rounds up to the first alarm: how many, and whether there was one."""
        walk = self.chart.walk(errors, self._w)
        over = np.flatnonzero(walk >= self.chart.threshold)
        taken = int(over[0]) + 1 if len(over) else len(walk)
        piece = errors[:taken].astype(np.uint8)
        self._walks.append(walk[:taken])
        self._errors.append(piece)
        self._recent.append(piece)
        self.rounds += taken
        self._w = 0 if len(over) else int(walk[-1]) if taken else self._w
        return taken, bool(len(over))

    def change(self) -> ChangeEstimate:
        """What the rounds since the last alarm say."""
        found = estimate_change(np.concatenate(self._recent), self.chart.score.baseline)
        return replace(found, round=found.round + self.since)

    def restart(self) -> None:
        """Begin to look for the next change."""
        self._recent, self.since = [], self.rounds

    def errors(self) -> npt.NDArray[np.uint8]:
        """All rounds."""
        return np.concatenate([np.zeros(0, dtype=np.uint8), *self._errors])

    def walk(self) -> IntArray:
        """W after each round."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self._walks])


class Monitor:
    """Watches error rates in real time with one CUSUM chart a stream.

    The mean number of rounds between false alarms is designed, and exact, for the monitor as a whole: each of k
    charts gets k times as long. It watches the *disclosed* bits, so it spends no key.

    An alarm says that the rate rose, not who did it: a sudden rise fits an attack that begins, a gradual one a
    drift, and an attacker may imitate a drift.

    Args:
        baseline: error rate of the undisturbed link, in (0, 1/2); or one a stream, such as
            ``{"Z": 0.01, "X": 0.02}``.
        attack: error rate that is to be found soon, above the baselines.
        rounds_between_false_alarms: mean number of rounds until a false alarm, where each round is watched in every
            stream. Where it is in one of k streams only, as with bases, the mean is k times as long.
        policy: ``"record"``, ``"pause"`` or ``"abort"``: what an alarm does.
        on_alarm: called with each `Alarm`, such as one that reroutes; whatever it raises reaches the caller of
            `update`, after the alarm is on record.

    Raises:
        ValueError: if an argument is out of range.

    >>> rng = np.random.default_rng(7)
    >>> monitor = Monitor(0.02, attack=0.06, policy="pause")
    >>> monitor.update(rng.random(20_000) < 0.02)
    []
    >>> (alarm,) = monitor.update(rng.random(20_000) < 0.07)  # somebody listens
    >>> monitor.state, 20_000 <= alarm.round < 22_000
    ('paused', True)
    """

    def __init__(
        self,
        baseline: float | Mapping[str, float],
        *,
        attack: float,
        rounds_between_false_alarms: float = 1e6,
        policy: Policy = "pause",
        on_alarm: Callable[[Alarm], object] | None = None,
    ) -> None:
        baselines = dict(baseline) if isinstance(baseline, Mapping) else {"errors": baseline}
        if not baselines:
            raise ValueError("baseline must name at least one stream, got none")
        validation.choice("policy", policy, POLICIES)
        if on_alarm is not None and not callable(on_alarm):
            raise TypeError(f"on_alarm must be callable or None, got {on_alarm!r}")
        between = validation.number("rounds_between_false_alarms", rounds_between_false_alarms, at_least=1.0)
        self._streams = {
            name: _Stream(CusumChart.design(rate, attack, rounds_between_false_alarms=between * len(baselines)))
            for name, rate in baselines.items()
        }
        self.policy: Policy = policy
        self.alarms: list[Alarm] = []
        """All alarms so far."""
        self._on_alarm = on_alarm
        self._state: State = "running"

    @property
    def charts(self) -> dict[str, CusumChart]:
        """The chart of each stream."""
        return {name: stream.chart for name, stream in self._streams.items()}

    @property
    def state(self) -> State:
        """``"running"``, ``"paused"`` or ``"aborted"``."""
        return self._state

    def rounds(self, stream: str | None = None) -> int:
        """How many rounds of a stream were watched (of all of them, if None)."""
        if stream is None:
            return sum(each.rounds for each in self._streams.values())
        return self._known(stream)[1].rounds

    def update(self, errors: npt.ArrayLike, stream: str | None = None) -> list[Alarm]:
        """Watch further rounds of a stream, in the order in which they happened.

        Rounds after one that pauses or aborts are not watched: they should not have been run.

        Args:
            errors: shape (rounds,), 1 where the two ends differ.
            stream: which stream; may be left out if there is only one.

        Returns:
            The alarms among these rounds.

        Raises:
            ValueError: if the errors are not bits, or the stream is unknown.
            RuntimeError: if the monitor is paused or aborted.
        """
        name, watched = self._known(stream)
        if self._state != "running":
            hint = "resume() lets it go on" if self._state == "paused" else "this link is given up"
            raise RuntimeError(f"the monitor is {self._state} since its last alarm ({self.alarms[-1]}); {hint}")
        pending = np.asarray(errors)
        found: list[Alarm] = []
        while True:
            taken, alarmed = watched.watch(pending)
            if alarmed:
                found.append(self._alarm(name, watched))
            pending = pending[taken:]
            if not alarmed or self._state != "running" or not len(pending):
                return found

    def resume(self) -> None:
        """Go on after a pause, every chart from zero.

        Raises:
            RuntimeError: unless the monitor is paused.
        """
        if self._state != "paused":
            raise RuntimeError(f"only a paused monitor can go on, this one is {self._state}")
        self._state = "running"

    def change(self, stream: str | None = None) -> ChangeEstimate:
        """When a stream's rate rose, how far and how, by all its rounds since its last alarm.

        Raises:
            ValueError: if there are no rounds since then.
        """
        watched = self._known(stream)[1]
        if watched.rounds == watched.since:
            raise ValueError("no rounds were watched since the last alarm")
        return watched.change()

    def plot(self, *, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Figure:
        """The charts over their rounds, with thresholds, alarms, and the error rate in blocks.

        Args:
            ax: one of a grid of subplots, in whose place to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Raises:
            TypeError: if ``ax`` is no axes.
            ValueError: if ``ax`` is not one of a grid, or ``size`` is not two lengths or given beside ``ax``.
        """
        from quantumlink.monitoring.plot import Watched, draw_monitor

        streams = {
            name: Watched(self.walk(name), self.errors(name), chart.threshold, chart.score.baseline)
            for name, chart in self.charts.items()
        }
        alarms = [(alarm.round, alarm.change.round) for alarm in self.alarms]
        return draw_monitor(streams, alarms, self.rounds(), ax, size)

    def walk(self, stream: str | None = None) -> IntArray:
        """W after each round of a stream: shape (rounds,)."""
        return self._known(stream)[1].walk()

    def errors(self, stream: str | None = None) -> npt.NDArray[np.uint8]:
        """The watched rounds of a stream, 1 where the ends differ: shape (rounds,)."""
        return self._known(stream)[1].errors()

    def _known(self, stream: str | None) -> tuple[str, _Stream]:
        if stream is None:
            if len(self._streams) > 1:
                raise ValueError(f"say which stream: {', '.join(self._streams)}")
            return next(iter(self._streams.items()))
        return stream, self._streams[validation.choice("stream", stream, self._streams)]

    def _alarm(self, name: str, stream: _Stream) -> Alarm:
        alarm = Alarm(name, stream.rounds - 1, stream.change(), stream.chart.score.baseline)
        self.alarms.append(alarm)
        stream.restart()
        if self.policy != "record":
            self._state = "paused" if self.policy == "pause" else "aborted"
        if self._on_alarm is not None:
            self._on_alarm(alarm)
        return alarm

    def __repr__(self) -> str:
        names = ", ".join(self._streams)
        return f"<Monitor {names}: {self._state}, {self.rounds()} rounds, {len(self.alarms)} alarms>"
