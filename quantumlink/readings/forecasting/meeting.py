"""Stages whose pairs wait for one another: when all are there, and what is made of them then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.forecasting.products import Contraction
from quantumlink.readings.forecasting.renewal import Failures
from quantumlink.readings.forecasting.stages import Stage
from quantumlink.readings.forecasting.waits import held_pair, left_within, sums_until, waited_until
from quantumlink.readings.forecasting.windows import Counted, Pairs, Window, filled, later
from quantumlink.timing.arrivals import Moments, points_of
from quantumlink.timing.attempts import IN_STEP

RARE = 1e-7
"""What is less probable than this, at the beginning of a distribution, is put together in one cell."""

LAST = 1e-13
"""Likewise at its end."""

ROUNDED = 1e-10
"""Fewer failures than that, among tries in one cell, are not told from rounding."""


class Disturbance(NamedTuple):
    """What a node's attempts for one stage do to a pair of another one that it stores."""

    by: int
    """Which stage the attempts are for."""
    rates: FloatArray
    """Shape (1, 16): the rates at which coefficients fall while attempts are made."""
    once: FloatArray
    """Shape (16,): factors for attempts that the duration does not tell of."""
    period_s: float
    """How long a round of them takes."""


class Waiting:
    """A stage as what it waits for sees it: when its pairs can be used, and how they decay until they are.

    Args:
        stage: the stage.
        lag_s: shape (n,), how much later than its clock its pairs can be used, after what is common to all.
        left_until_s: shape (n,), how long the left qubit waits further once both pairs can be used.
        right_until_s: shape (n,), likewise the right qubit.
        timed: whether time is known at all.
        disturbed: what attempts for the others do to it: see `Disturbance`.
        in_turn: whether the pairs are made one after the other: then clocks are no moments on one grid.
    """

    def __init__(
        self,
        stage: Stage,
        lag_s: FloatArray,
        left_until_s: FloatArray,
        right_until_s: FloatArray,
        *,
        timed: bool,
        disturbed: Sequence[Disturbance] = (),
        in_turn: bool = False,
    ) -> None:
        self.held = held = held_pair(stage.ends[0].memory, stage.ends[1].memory, stage.support)
        coefficients = stage.supported(held.support)
        if held.from_pauli is not None:
            coefficients = coefficients @ held.from_pauli.T
        self.rates, self.squares = np.zeros((1, len(held.support))), np.zeros((1, len(held.support)))
        self.lag_s, self.herald_s = lag_s, stage.attempts.herald_s
        self.early_s = np.zeros(1)
        """How much earlier than the grid tells its pairs can be used, shape (n or 1,)."""
        pairs = Pairs(stage.first, stage.points_s, coefficients)
        self.behind_s = lag_s - stage.left_since_s, lag_s - stage.right_since_s
        """Of each qubit, shape (n,): since when it waits, before its pair can be used."""
        if timed:
            if not in_turn:
                self.early_s = np.maximum(-lag_s, 0.0)
                pairs = later(pairs, np.maximum(lag_s, 0.0))
            waits = (
                np.maximum(lag_s + left_until_s - stage.left_since_s, 0.0),
                np.maximum(lag_s + right_until_s - stage.right_since_s, 0.0),
            )
            self.bare = pairs
            pairs = pairs._replace(coefficients=held.held(pairs.coefficients, *waits))
            self.rates, self.squares = held.further(*waits)
        self.pairs = pairs
        self.disturbed = [
            (one.by, one.rates[:, list(held.support)], one.once[list(held.support)], one.period_s)
            for one in disturbed
        ]
        """By which of the others, at which rates, shape (n or 1, k), and by which factors besides, shape (k,); how
        long a round of attempts takes."""

    @property
    def out_of_step(self) -> bool:
        """Whether attempts disturb it that are more or fewer than their duration tells."""
        return any(np.abs(once - 1).max() > IN_STEP for _, _, once, _ in self.disturbed)

    def disturbed_by(self, other: int) -> tuple[FloatArray | float, FloatArray | float]:
        """What attempts for another one add to the rates, and factors that come once."""
        rates: FloatArray | float = 0.0
        once: FloatArray | float = 1.0
        for by, more, factor, _ in self.disturbed:
            if by == other:
                rates, once = rates + more, once * factor
        return rates, once

    @property
    def counted(self) -> Counted:
        """Its pairs on the grid."""
        return Counted(self.pairs, self.early_s)

    @property
    def points_s(self) -> FloatArray:
        """Shape (n, cells): when its pairs are there."""
        return self.pairs.points_s

    @property
    def coefficients(self) -> FloatArray:
        """Shape (n, cells, k): what they are when they have waited for what they wait for anyway."""
        return self.pairs.coefficients


class Ensemble(NamedTuple):
    """Tries of an operation: of all, and of those that succeed."""

    moments: Moments
    """When all pairs can be used, of tries that succeed; masses sum to the probability of that."""
    pairs: FloatArray
    """Shape (n, cells, coefficients): what those make, times its probability."""
    failed: Failures
    """When tries fail, shape (n, cells)."""


class Latest(NamedTuple):
    """The tries in which one stage's pair is the last of all."""

    points_s: FloatArray
    """Shape (n, cells): when it is there."""
    pairs: list[FloatArray]
    """Of each stage, shape (n, cells, k): its pairs that are there by then, after waiting."""
    within: list[FloatArray]
    """Of each stage, what of that comes in the very cell, where both fill it evenly."""


class Meeting:
    """Stages whose pairs are made side by side: each waits for the last one."""

    def __init__(self, *stages: Waiting) -> None:
        self.window = window = Window([w.counted for w in stages])
        self._there = there = [window.placed(w.pairs, w.early_s) for w in stages]
        self._widths = widths = np.diff(window.edges_s)
        self._even = even = [filled(c[..., 0]) for _, c in there]
        self._latest = []
        self._filled = False
        for i, (until_s, mine) in enumerate(there):
            pairs, within = [], []
            for j, (points_s, coefficients) in enumerate(there):
                if j == i:
                    pairs.append(mine)
                    within.append(np.zeros((1, 1, 1)))
                    continue
                more, once = stages[j].disturbed_by(i)
                rates, squares, coefficients = stages[j].rates + more, stages[j].squares, coefficients * once
                # Of several at one moment, the first stage is the last one.
                late = until_s <= points_s if j < i else until_s < points_s
                both = even[i] & even[j]
                wait = np.where(late, -np.inf, until_s - points_s)
                left = left_within(wait, both, widths, rates, squares)
                pairs.append(waited_until(window.edges_s, points_s, coefficients, until_s, rates, squares, left))
                within.append(coefficients * left * both[..., None])
                self._filled |= bool(both.any())
            self._latest.append(Latest(until_s, pairs, within))

    def joined(self, join: Contraction) -> tuple[Moments, FloatArray]:
        """When all are there, and the pairs that are made of them: shape (n, cells, coefficients)."""
        return trimmed(*self.summed(join))

    def summed(self, join: Contraction) -> tuple[int, FloatArray, FloatArray]:
        """The first cell, those pairs in every cell, and their masses times moments."""
        total, times = np.zeros((1, 1, 1)), np.zeros((1, 1))
        for latest in self._latest:
            for place, weight, pairs in self._places(latest):
                made = weight * join(*pairs)
                total = total + made
                times = times + made[..., 0] * (latest.points_s + place * self._widths)
        return self.window.first, total[:, self.window.before :], times[:, self.window.before :]

    def tried(self, join: Contraction) -> Ensemble:
        """The tries of an operation that may fail."""
        return ensemble(*self.tries_of(self._latest, join))

    def tries_of(
        self, several: Sequence[Latest], join: Contraction
    ) -> tuple[int, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Of some tries: as `summed`, and masses and masses times moments of all that are tried."""
        total, done = np.zeros((1, 1, 1)), np.zeros((1, 1))
        masses, times = np.zeros((1, 1)), np.zeros((1, 1))
        for latest in several:
            for place, weight, there in self._places(latest):
                moment = latest.points_s + place * self._widths
                made = weight * join(*there)
                mass = weight * np.prod([state[..., 0] for state in there], axis=0)
                total, done = total + made, done + made[..., 0] * moment
                masses, times = masses + mass, times + mass * moment
        mine = slice(self.window.before, None)
        return self.window.first, total[:, mine], done[:, mine], masses[:, mine], times[:, mine]

    def _places(self, latest: Latest) -> list[tuple[float, float, list[FloatArray]]]:
        """Where in its cell the last pair may come, from the middle, with what weight, and what is then there.

        Where others fill the cell as it does, as many of them come before as the cell goes on: a polynomial of
        which this is Gauss's rule.
        """
        if not self._filled:
            return [(0.0, 1.0, latest.pairs)]
        found = []
        # With a time, that is a polynomial of as many degrees as there are stages.
        roots, weights = _gauss(len(latest.pairs) // 2 + 1)
        for root, weight in zip(roots.tolist(), weights.tolist(), strict=True):
            pairs = [pair + root * part for pair, part in zip(latest.pairs, latest.within, strict=True)]
            found.append((root / 2, weight / 2, pairs))
        return found


def ensemble(first: int, pairs: FloatArray, done: FloatArray, masses: FloatArray, times: FloatArray) -> Ensemble:
    """Of what is made in cells, and of what is tried: see `Meeting.tries_of`."""
    return Ensemble(*trimmed(first, pairs, done), failures(masses, times, pairs, done))


def failures(masses: FloatArray, times: FloatArray, pairs: FloatArray, done: FloatArray) -> Failures:
    """What is tried and does not succeed: see `Meeting.tries_of`."""
    failed = np.maximum(masses - pairs[..., 0], 0.0)
    failed[failed <= ROUNDED * masses] = 0.0
    return Failures(failed, np.maximum(times - done, 0.0))


@cache
def _gauss(points: int) -> tuple[FloatArray, FloatArray]:
    """Gauss's points and weights in [-1, 1]."""
    roots, weights = np.polynomial.legendre.leggauss(points)
    return roots, weights


Half = tuple[FloatArray, FloatArray]
"""Of each cell: what comes in it; and what came in earlier cells and has waited, with half of what comes in it."""


def each_with_each(first: Waiting, second: Waiting) -> tuple[Half, Half, FloatArray]:
    """Two stages of n and m alternatives as factors: every one with every one is a product of matrices.

    As if pairs came in the middle of their cells, and Gaussian dephasing were as slow as it is after a mean wait.

    Returns:
        Of each stage two arrays of shape (n or m, cells, coefficients), and the middles of the cells.
    """
    window = Window([first.counted, second.counted])
    edges = window.edges_s
    middles = (edges[1:] + edges[:-1]) / 2
    halves = []
    means = [(w.coefficients[..., 0] * w.points_s).sum(axis=1).mean() for w in (first, second)]
    for w in (first, second):
        _, there = window.placed(w.pairs, np.zeros(1))
        more = sum((rates for _, rates, *_ in w.disturbed), np.zeros(1))
        rates = w.rates + more + w.squares * abs(means[0] - means[1])
        middle = np.broadcast_to(middles, (len(there), len(middles)))
        sums = sums_until(edges, middle, there, rates)
        earlier = there / 2
        wait = (middles - edges[:-1])[:, None] * rates[:, None, :]
        earlier[:, 1:] += sums[:, :-1] * np.exp(-wait)[:, 1:]
        halves.append((there, earlier))
    return halves[0], halves[1], middles


def earliest_moment(masses: FloatArray, points_s: FloatArray) -> FloatArray:
    """The earliest moment but for rare ones, shape (n,): the same in every window."""
    first = (np.cumsum(masses, axis=1) > RARE).argmax(axis=1)
    return np.take_along_axis(points_s, first[:, None], axis=1)[:, 0]


def trimmed(first: int, pairs: FloatArray, times: FloatArray) -> tuple[Moments, FloatArray]:
    """Moments and pairs, of pairs of shape (n, cells, k) and masses times moments; rare ends put together."""
    total = np.cumsum(pairs[..., 0], axis=1)
    whole = np.maximum(total[:, -1:], 1e-300)
    begin = int(((total / whole).max(axis=0) > RARE).argmax())
    end = int((((whole - total) / whole).max(axis=0) < LAST).argmax()) + 1
    end = max(end, begin + 1)
    if begin or end < pairs.shape[1]:
        pairs, times = _put_together(pairs, begin, end), _put_together(times, begin, end)
    masses = pairs[..., 0]
    return Moments(first + begin, masses, points_of(first + begin, masses, times)), pairs


def _put_together(values: FloatArray, begin: int, end: int) -> FloatArray:
    """The cells from one to another, with all before in the first and all behind in the last of them."""
    kept: FloatArray = values[:, begin:end].copy()
    kept[:, 0] += values[:, :begin].sum(axis=1)
    kept[:, -1] += values[:, end:].sum(axis=1)
    return kept
