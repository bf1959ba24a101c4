"""One operation on stages: what it waits for, what comes after, and when its ends know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.link.joins import retrieved
from quantumlink.readings.forecasting.disturbing import disturbances
from quantumlink.readings.forecasting.hearing import Clock, heard_s
from quantumlink.readings.forecasting.meeting import Waiting
from quantumlink.readings.forecasting.products import contraction
from quantumlink.readings.forecasting.stages import Attempting, Stage
from quantumlink.readings.forecasting.windows import counted_from_s
from quantumlink.timing.arrivals import Moments
from quantumlink.timing.course import Course

ROUNDING = 1e-12
"""Relative: what an end hears later by less than that is not late."""

Both = tuple[FloatArray, FloatArray]
"""Of the left and of the right end, shape (n,) each."""


class Joining:
    """An operation on each alternative of some stages: what it waits for, and what comes after.

    Args:
        operation: what is done.
        stages: what it consumes.
        in_turn: whether they are made one after the other.
        common_s: shape (1,), which lag all have in common, where what is told of one stage must not depend on
            which alternatives of the others it meets.
        in_the_mean: whether ends that know late know after the mean of what it takes.
    """

    def __init__(
        self,
        operation: Operation,
        stages: tuple[Stage, ...],
        *,
        in_turn: bool = False,
        common_s: FloatArray | None = None,
        in_the_mean: bool = False,
    ) -> None:
        nodes = tuple(stages[link].ends[end] for (link, end), *_ in operation.site_ports)
        self.operation = operation = retrieved(operation, nodes)
        processors = tuple(node.processor for node in nodes)
        self._stages = stages
        self._nodes = nodes
        delays = [[[0.0, stage.delay_s], [stage.delay_s, 0.0]] for stage in stages]
        self._course = course = Course.of(operation, processors, delays)
        self.timed = all(stage.timed for stage in stages)
        site_of = operation.site_of_qubit
        untold_s = course.known([-np.inf] * len(course.done), 0.0)
        self._told_s = [float(told) - took for told, took in zip(untold_s, course.corrections, strict=True)]
        lags_s = [(stage.left_lag_s, stage.right_lag_s) for stage in stages]
        holding = [in_turn] * (len(stages) - 1) + [False]
        # When each pair can be used: when all its ends that act know of it; in turn, the next one waits for all.
        used_s = [
            np.maximum.reduce(
                [lag for lag, q in zip(lags, qubits, strict=True) if next_begins or site_of[q] in course.acting]
                or lags
            )
            for lags, qubits, next_begins in zip(lags_s, operation.inputs, holding, strict=True)
        ]
        # What all wait for anyway comes after they have met: so moments keep the resolution that they have.
        if in_turn or not self.timed:
            common = np.zeros(1)
        elif common_s is not None:
            common = common_s
        else:
            common = counted_from_s([(stage.points_s, stage.pairs[..., 0]) for stage in stages], used_s)
        # When each end has heard of its own pair, counted from when that can be used.
        self._own_s = [[lag - used for lag in lags] for lags, used in zip(lags_s, used_s, strict=True)]
        used_s = [lag - common for lag in used_s]
        none = np.zeros(len(stages[0]))
        self._common_s = common + none
        self._from_s = sum(used_s, none) if in_turn else self._common_s
        known_s = self._known([none] * len(stages))
        self.late_s = [
            np.array([self._late(place, lag) for place, lag in ends]) for ends in self._ports(self._own_s)
        ]
        self.late = self.timed and not in_turn and any(late.any() for late in self.late_s)
        if self.late and in_the_mean:
            known_s = self._known_in_the_mean([Clock(*each) for each in zip(stages, used_s, strict=True)])
        self.lags_s, self.since_s = self._lags(known_s)
        disturbed = disturbances(stages, used_s, in_turn=in_turn) if self.timed else [()] * len(stages)
        self.waiting = [
            Waiting(
                stage,
                lag,
                *(course.held_until(q, known_s, 0.0) + self._common_s for q in qubits),
                timed=self.timed,
                disturbed=mine,
                in_turn=in_turn,
            )
            for stage, lag, qubits, mine in zip(stages, used_s, operation.inputs, disturbed, strict=True)
        ]
        self.join = contraction(operation, processors, tuple(waiting.held for waiting in self.waiting))

    def _ports(self, values: Sequence[Sequence[FloatArray]]) -> list[list[tuple[int, FloatArray]]]:
        """Of each link and end: its site, and a value."""
        site_of = self.operation.site_of_qubit
        return [
            [(site_of[q], value) for q, value in zip(qubits, mine, strict=True)]
            for qubits, mine in zip(self.operation.inputs, values, strict=True)
        ]

    def _late(self, site: int, own_s: FloatArray) -> FloatArray:
        """How much later a site would hear of its pair than of the others, if that did not wait for them."""
        told_s = self._told_s[site]
        late_s = own_s - told_s
        least = ROUNDING * (np.abs(own_s) + abs(told_s)) if np.isfinite(told_s) else 0.0
        return np.where(late_s > least, late_s, 0.0)

    def _known(self, waits_s: Sequence[FloatArray], row: int | None = None) -> list[FloatArray]:
        """When each site knows of the result, after all can be used, if the pairs have waited for so long."""
        own_s: list[FloatArray | float] = [-np.inf] * len(self._course.done)
        rows = slice(None) if row is None else row
        for ends, wait_s in zip(self._ports(self._own_s), waits_s, strict=True):
            for site, lag_s in ends:
                own_s[site] = np.maximum(own_s[site], lag_s[rows] - wait_s)
        return self._course.known(own_s, 0.0)

    def _known_in_the_mean(self, clocks: Sequence[Clock]) -> list[FloatArray]:
        """As `_known`, in the mean over all waits."""
        own_s: list[FloatArray | float] = []
        for told_s, ports in zip(self._told_s, self.operation.site_ports, strict=True):
            lag_s = np.maximum.reduce([self._own_s[link][end] for link, end in ports])
            if len(ports) == 1:  # of several pairs the last one is mostly the one that it hears of last
                lag_s = heard_s(clocks, ports[0][0], lag_s, np.array(told_s))
            own_s.append(lag_s)
        return self._course.known(own_s, 0.0)

    def after(self, waits_s: Sequence[FloatArray]) -> tuple[Both, Both]:
        """When both ends know, and since when their qubits then wait: after the clock, each of shape (n,).

        Args:
            waits_s: of each link, shape (n,), how long its pair has waited for the others.
        """
        return self._lags(self._known(waits_s))

    def _lags(self, known_s: Sequence[FloatArray]) -> tuple[Both, Both]:
        course, more = self._course, self._from_s
        (a, b), (left, right) = self.operation.outputs, course.ends
        return (
            (known_s[left] + more, known_s[right] + more),
            (course.held_until(a, known_s, 0.0) + more, course.held_until(b, known_s, 0.0) + more),
        )

    def until(self, row: int, link: int, wait_s: FloatArray) -> Both:
        """Until when a link's qubits wait, after the clock, if its pair has waited for so long: of one row.

        Args:
            row: which one.
            link: which one; the others have not waited.
            wait_s: any shape, which the results have too.
        """
        none = np.zeros(wait_s.shape)
        known_s = self._known([wait_s if i == link else none for i in range(len(self._own_s))], row)
        left, right = (
            self._course.held_until(q, known_s, 0.0) + self._common_s[row] for q in self.operation.inputs[link]
        )
        return left, right

    def result(self, moments: Moments, pairs: FloatArray, accepted: FloatArray) -> Stage:
        """The stage, of when all pairs are there and what they then are together."""
        return self.stage(self._stages, moments, pairs, accepted, (*self.lags_s, *self.since_s))

    def stage(
        self,
        stages: Sequence[Stage],
        moments: Moments,
        pairs: FloatArray,
        accepted: FloatArray,
        lags_s: Sequence[FloatArray],
    ) -> Stage:
        """A stage.

        Args:
            stages: what is consumed, as many alternatives of each.
            moments: when all pairs can be used.
            pairs: what is made of them.
            accepted: shape (n,): the probability that a try succeeds.
            lags_s: shape (4, n): when the left and the right end know, since when their qubits wait.
        """
        left, right = self._course.ends
        return Stage(
            ends=(self._nodes[left], self._nodes[right]),
            delay_s=float(self._course.ways[left, right]),
            support=self.join.support,
            first=moments.first,
            points_s=moments.points_s,
            pairs=pairs,
            timed=self.timed,
            success=np.prod([stage.success for stage in stages], axis=0) * accepted,
            left_lag_s=lags_s[0],
            right_lag_s=lags_s[1],
            left_since_s=lags_s[2],
            right_since_s=lags_s[3],
            overlap_s=np.zeros(len(stages[0])),
            left_memories=self._memories(stages, left),
            right_memories=self._memories(stages, right),
            attempts=Attempting(frozenset().union(*(stage.attempts.at for stage in stages))),
        )

    def _memories(self, stages: Sequence[Stage], site: int) -> IndexArray:
        """Shape (n,): how many qubits a site holds at once if its pairs are made one after the other."""
        ports = self.operation.site_ports[site]
        counts = [(stages[link].left_memories, stages[link].right_memories)[end] for link, end in ports]
        most: IndexArray = np.maximum.reduce([count + held for held, count in enumerate(counts)])
        return most
