"""Operations on stages: all alternatives at once, over all moments at which their pairs are there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation, known_operation
from quantumlink.link.joins import retrieved
from quantumlink.readings.forecasting.disturbing import disturbances
from quantumlink.readings.forecasting.hearing import Clock, heard_s
from quantumlink.readings.forecasting.meeting import (
    Ensemble,
    Meeting,
    Waiting,
    each_with_each,
    made_in_turn,
    trimmed,
)
from quantumlink.readings.forecasting.products import Summed, contraction
from quantumlink.readings.forecasting.stages import Attempting, Stage
from quantumlink.timing.arrivals import Moments, later_gamma
from quantumlink.timing.course import Course

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding."""


_SWAP = known_operation("entanglement_swap")


def swapped(left: Stage, right: Stage, operation: Operation = _SWAP) -> Stage:
    """Each alternative of the left stage joined with that of the right one."""
    return joined(operation, left, right)


def joined(operation: Operation, *stages: Stage, in_turn: bool = False) -> Stage:
    """Each alternative of some stages made into one pair by an operation.

    Args:
        operation: what is done; it delivers a pair.
        stages: the links that it consumes, as many alternatives of each.
        in_turn: whether they are made one after the other, those before held meanwhile.
    """
    step = _Joining(operation, stages, in_turn=in_turn)
    if not step.timed:
        tries = Meeting(*step.waiting).tried(step.join)
        return step.result(*_certain(tries, step.accepted(tries)), step.accepted(tries))
    if not (step.operation.may_fail or in_turn):
        return step.result(*Meeting(*step.waiting).joined(step.join), np.ones(len(stages[0])))
    tries = made_in_turn(step.waiting, step.join) if in_turn else Meeting(*step.waiting).tried(step.join)
    accepted = step.accepted(tries)
    return step.result(*_repeated(tries, accepted, np.maximum(*step.lags_s)), accepted)


class _Joining:
    """An operation on each alternative of some stages: what it waits for, and what comes after.

    Args:
        operation: what is done.
        stages: what it consumes.
        in_turn: whether they are made one after the other.
        apart: whether what is told of one stage must not depend on which alternatives of the others it meets.
    """

    def __init__(
        self,
        operation: Operation,
        stages: tuple[Stage, ...],
        *,
        in_turn: bool = False,
        apart: bool = False,
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
        common = np.zeros(1) if in_turn or apart or not self.timed else np.minimum.reduce(used_s)
        used_s = [lag - common for lag in used_s]
        # When a site has heard of its own pairs, counted from when all can be used, if that is soon.
        own_s = [
            np.maximum.reduce([lags_s[link][end] - used_s[link] for link, end in ports]) - common
            for ports in operation.site_ports
        ]
        if self.timed and not in_turn:
            told_s = course.known([-np.inf] * len(own_s), 0.0)
            clocks = [Clock(stage, lag) for stage, lag in zip(stages, used_s, strict=True)]
            for site, ports in enumerate(operation.site_ports):
                if len(ports) == 1:  # of several pairs the last one is mostly the one that it hears of last
                    own_s[site] = heard_s(clocks, ports[0][0], own_s[site], told_s[site] - course.corrections[site])
        known_s = course.known(own_s, 0.0)
        ends, outputs = course.ends, operation.outputs
        none = np.zeros(len(stages[0]))
        self.lags_s = known_s[ends[0]] + common + none, known_s[ends[1]] + common + none
        self._since_s = tuple(course.held_until(q, known_s, 0.0) + common + none for q in outputs)
        disturbed = disturbances(stages, used_s, in_turn=in_turn) if self.timed else [()] * len(stages)
        self.waiting = [
            Waiting(
                stage,
                lag,
                *(course.held_until(q, known_s, 0.0) + common + none for q in qubits),
                timed=self.timed,
                disturbed=mine,
            )
            for stage, lag, qubits, mine in zip(stages, used_s, operation.inputs, disturbed, strict=True)
        ]
        self.join = contraction(operation, processors, tuple(waiting.held for waiting in self.waiting))

    def accepted(self, tries: Ensemble) -> FloatArray:
        """Shape (n,): the probability that a try succeeds."""
        found: FloatArray = np.maximum(tries.pairs[..., 0].sum(axis=1), IMPOSSIBLE)
        return found

    def result(self, moments: Moments, pairs: FloatArray, accepted: FloatArray) -> Stage:
        """The stage, of when all pairs are there and what they then are together."""
        stages, (left, right) = self._stages, self._course.ends
        return Stage(
            ends=(self._nodes[left], self._nodes[right]),
            delay_s=float(self._course.ways[left, right]),
            support=self.join.support,
            first=moments.first,
            points_s=moments.points_s,
            pairs=pairs,
            timed=self.timed,
            success=np.prod([stage.success for stage in stages], axis=0) * accepted,
            left_lag_s=self.lags_s[0],
            right_lag_s=self.lags_s[1],
            left_since_s=self._since_s[0],
            right_since_s=self._since_s[1],
            overlap_s=np.zeros(len(stages[0])),
            left_memories=self._memories(left),
            right_memories=self._memories(right),
            attempts=Attempting(frozenset().union(*(stage.attempts.at for stage in stages))),
        )

    def _memories(self, site: int) -> IndexArray:
        """Shape (n,): how many qubits a site holds at once if its pairs are made one after the other."""
        ports = self.operation.site_ports[site]
        counts = [(self._stages[link].left_memories, self._stages[link].right_memories)[end] for link, end in ports]
        most: IndexArray = np.maximum.reduce([count + held for held, count in enumerate(counts)])
        return most


def _certain(tries: Ensemble, accepted: FloatArray) -> tuple[Moments, FloatArray]:
    """The tries that succeed, whatever it takes."""
    pairs = tries.pairs / accepted[:, None, None]
    return tries.moments._replace(masses=pairs[..., 0]), pairs


def _repeated(tries: Ensemble, accepted: FloatArray, lag_s: FloatArray) -> tuple[Moments, FloatArray]:
    """The moments and pairs of the first try that succeeds; after a failure and a lag the next one begins."""
    moments, pairs = tries.moments, tries.pairs
    failed = np.maximum(1.0 - accepted, 0.0)
    if not (failed > IMPOSSIBLE).any():
        return _certain(tries, accepted)
    weighted = moments.masses * moments.points_s
    lucky, lucky_square = weighted.sum(axis=1), (weighted * moments.points_s).sum(axis=1)
    share = np.where(failed > IMPOSSIBLE, failed, 1.0)
    lost = np.maximum((tries.mean_s - lucky) / share, tries.earliest_s) + lag_s
    # Of what a failure takes: its variance does not mind the lag.
    spread = np.maximum((tries.square - lucky_square) / share - (lost - lag_s) ** 2, 0.0)
    mean = lost / accepted + lucky / accepted
    own = np.maximum(lucky_square / accepted - (lucky / accepted) ** 2, 0.0)
    variance = spread / accepted + lost**2 * failed / accepted**2 + own
    later = later_gamma(2 * tries.earliest_s + lag_s, mean, variance)
    state = pairs.sum(axis=1) / accepted[:, None]
    first = min(moments.first, later.first)
    last = max(m.first + m.masses.shape[1] for m in (moments, later))
    total = np.zeros((len(accepted), last - first, pairs.shape[2]))
    times = np.zeros((len(accepted), last - first))
    mine, others = (slice(m.first - first, m.first - first + m.masses.shape[1]) for m in (moments, later))
    total[:, mine] += pairs
    times[:, mine] += weighted
    masses = failed[:, None] * later.masses
    total[:, others] += masses[..., None] * state[:, None]
    times[:, others] += masses * later.points_s
    return trimmed(first, total, times)


def swapped_each_with_each(
    left: Stage, right: Stage, choose: Callable[[FloatArray, FloatArray], IndexArray] | None = None
) -> tuple[Stage, IndexArray, IndexArray]:
    """Every alternative of the left stage joined with every one of the right one, or some of them.

    Args:
        left: the stage on the left.
        right: the stage on the right.
        choose: tells from the mean states, shape (n, 16), and mean times, shape (n,), of all of them, which to go
            on with, by index; None for all. Pairs that come in one cell of the grid of times do not wait in these.

    Returns:
        The stage; and of each of its alternatives, which one of the left and which of the right stage it joins.
    """
    first, second = (index.ravel() for index in np.indices((len(left), len(right))))
    if choose is not None:
        chosen = choose(*_outlook(left, right))
        first, second = first[chosen], second[chosen]
    return joined(_SWAP, left.take(first), right.take(second)), first, second


def _outlook(left: Stage, right: Stage) -> tuple[FloatArray, FloatArray]:
    """About what swaps of every alternative with every one make, by products of matrices: states and mean times."""
    every = [np.zeros(len(stage), dtype=np.intp) for stage in (left, right)]
    # What a side waits for does not depend on the alternatives of the other one.
    ours = _Joining(_SWAP, (left, right.take(every[0])), apart=True)
    theirs = _Joining(_SWAP, (left.take(every[1]), right), apart=True)
    join = ours.join
    assert isinstance(join, Summed)
    (first, first_earlier), (second, second_earlier), edges = each_with_each(ours.waiting[0], theirs.waiting[1])
    pairs = np.zeros((len(left), len(right), len(join.support)))
    for i, j, weights in zip(*join.places, join.weights, strict=True):
        met = first[..., i] @ second_earlier[..., j].T + first_earlier[..., i] @ second[..., j].T
        pairs += met[..., None] * weights
    vectors = np.zeros((len(left) * len(right), 16))
    vectors[:, list(join.support)] = pairs.reshape(len(vectors), -1)
    masses = first[..., 0] * edges, second[..., 0] * edges
    times = masses[0] @ second_earlier[..., 0].T + first_earlier[..., 0] @ masses[1].T
    times += np.maximum(ours.lags_s[0][:, None], theirs.lags_s[1])
    if ours.operation.may_fail:  # qubits may be lost: about as many tries as that takes
        accepted = ours.operation.success_probability
        return vectors / accepted, times.ravel() / accepted
    return vectors, times.ravel()
