"""Sequential tests on a stream of errors, with exact run lengths.

`SequentialTest` (Wald's SPRT) answers once: baseline or attack. `CusumChart` watches for ever and alarms when the
rate has risen. Both walk on whole numbers (see `BernoulliScore`), so their error probabilities and run lengths are
solutions of a sparse linear system, not simulations.

References:
    A. Wald, Ann. Math. Stat. 16, 117 (1945).
    E. S. Page, Biometrika 41, 100 (1954).
    D. Brook, D. A. Evans, Biometrika 59, 539 (1972): run lengths from a Markov chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import Literal

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray, IntArray
from quantumlink.monitoring.score import BernoulliScore

MAX_STATES = 200_000
"""Longest walk whose run length is solved for (a second or two)."""


class WalkTooLong(ValueError):
    """The states of a walk are too many to solve for its run length."""


Verdict = Literal["baseline", "attack"]


@dataclass(frozen=True)
class SequentialTest:
    """Wald's sequential probability ratio test: as few rounds as possible for the stated error probabilities.

    The walk ends with ``"attack"`` at ``upper`` and with ``"baseline"`` at ``-lower``.

    >>> test = SequentialTest.design(0.02, 0.06, false_alarm=1e-3, missed=1e-2)
    >>> test.false_alarm_probability(0.02) <= 1e-3, round(test.expected_rounds(0.02))
    (True, 245)
    """

    score: BernoulliScore
    """What each round adds."""
    upper: int
    """Where the test says attack."""
    lower: int
    """Minus this is where it says baseline."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.counts(self, "upper", "lower", at_least=1)

    @classmethod
    def design(
        cls, baseline: float, attack: float, *, false_alarm: float = 1e-6, missed: float = 1e-3
    ) -> SequentialTest:
        """The test with Wald's thresholds ln A = ln((1 − β)/α) and ln B = ln(β/(1 − α)), rounded outwards.

        Wald's thresholds keep the errors near α and β; they are moved up, if need be, until the exact probabilities
        keep to them.

        Args:
            baseline: error rate of the undisturbed link, in (0, 1/2).
            attack: error rate to be told from it.
            false_alarm: α, probability of ``"attack"`` at the baseline, in (0, 1).
            missed: β, probability of ``"baseline"`` at the attack rate, in (0, 1).

        Raises:
            ValueError: if an argument is out of range.
        """
        alpha, beta = validation.tolerance("false_alarm", false_alarm), validation.tolerance("missed", missed)
        if alpha + beta >= 1:
            raise ValueError(f"false_alarm and missed must sum to less than 1, got {alpha:g} + {beta:g}")
        score = BernoulliScore.between(baseline, attack)
        upper = ceil(log((1 - beta) / alpha) / score.unit)
        test = cls(score, upper, ceil(-log(beta / (1 - alpha)) / score.unit))
        while True:
            # What is missed counts at the rate asked for: the score's own may lie above it, where less is missed.
            alarmed, missing = test.false_alarm_probability(baseline), 1 - test.false_alarm_probability(attack)
            if alarmed <= alpha and missing <= beta:
                return test
            test = cls(score, test.upper + (alarmed > alpha), test.lower + (missing > beta))

    def run(self, errors: npt.ArrayLike) -> tuple[Verdict | None, int]:
        """The verdict on a stream, and how many rounds it took (all of them, if there is none yet).

        Args:
            errors: shape (rounds,), 1 where the two ends differ.
        """
        walk = np.cumsum(scores_of(errors, self.score))
        ended = np.flatnonzero((walk >= self.upper) | (walk <= -self.lower))
        if not len(ended):
            return None, len(walk)
        first = int(ended[0])
        return ("attack" if walk[first] > 0 else "baseline"), first + 1

    def false_alarm_probability(self, error_rate: float) -> float:
        """The exact probability of ``"attack"`` at some error rate (at the baseline: the false-alarm rate)."""
        return float(self._solve(error_rate, hit=1.0, step=0.0))

    def expected_rounds(self, error_rate: float) -> float:
        """The exact mean number of rounds to a verdict at some error rate."""
        return float(self._solve(error_rate, hit=0.0, step=1.0))

    def _solve(self, error_rate: float, hit: float, step: float) -> float:
        rate = validation.probability("error_rate", error_rate)
        size = self.upper + self.lower - 1
        values = _solved(size, self.score, rate, floor=False, hit=hit, step=step)
        return float(values[self.lower - 1])


@dataclass(frozen=True)
class CusumChart:
    """Page's CUSUM: W ← max(0, W + score), alarm at W ≥ ``threshold``.

    >>> chart = CusumChart.design(0.02, 0.06, rounds_between_false_alarms=1e6)
    >>> chart.average_run_length(0.02) >= 1e6, round(chart.average_run_length(0.06))
    (True, 333)
    """

    score: BernoulliScore
    """What each round adds."""
    threshold: int
    """Where the chart alarms."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.counts(self, "threshold", at_least=1)

    @classmethod
    def design(cls, baseline: float, attack: float, *, rounds_between_false_alarms: float = 1e6) -> CusumChart:
        """The lowest threshold whose exact mean time between false alarms is at least the one asked for.

        Args:
            baseline: error rate of the undisturbed link, in (0, 1/2).
            attack: error rate that is to be found soon.
            rounds_between_false_alarms: mean number of rounds until the chart alarms at the baseline.

        Raises:
            ValueError: if an argument is out of range, or the chart would be too long to compute.
        """
        wanted = validation.number("rounds_between_false_alarms", rounds_between_false_alarms, at_least=1.0)
        score = BernoulliScore.between(baseline, attack)
        low, high = 0, score.error
        while cls(score, high).average_run_length(score.baseline) < wanted:
            low, high = high, high + max(score.error, high // 2)
        while high - low > 1:
            middle = (low + high) // 2
            long_enough = cls(score, middle).average_run_length(score.baseline) >= wanted
            low, high = (low, middle) if long_enough else (middle, high)
        return cls(score, high)

    def walk(self, errors: npt.ArrayLike, start: int = 0) -> IntArray:
        """W after each round, as if no alarm stopped it: shape (rounds,) to (rounds,).

        Args:
            errors: 1 where the two ends differ.
            start: W before the first round.
        """
        total = start + np.cumsum(scores_of(errors, self.score))
        # W is the sum less its lowest value so far, where that is below zero.
        walk: IntArray = total - np.minimum(np.minimum.accumulate(total), 0)
        return walk

    def average_run_length(self, error_rate: float) -> float:
        """The exact mean number of rounds to an alarm, from W = 0, at some error rate."""
        rate = validation.probability("error_rate", error_rate)
        if rate == 0:
            return float("inf")
        return float(_solved(self.threshold, self.score, rate, floor=True, hit=0.0, step=1.0)[0])


def scores_of(errors: npt.ArrayLike, score: BernoulliScore) -> IntArray:
    """The score of each round: shape (rounds,)."""
    array = np.asarray(errors)
    if array.ndim != 1:
        raise ValueError(f"errors must be a one-dimensional array of bits, got shape {array.shape}")
    if array.size and not np.isin(array, (0, 1)).all():
        raise ValueError("errors must hold only 0 and 1")
    return np.where(array.astype(bool), score.error, -score.agreement).astype(np.int64)


def _solved(size: int, score: BernoulliScore, rate: float, *, floor: bool, hit: float, step: float) -> FloatArray:
    """Expected cost of the walk from each of ``size`` states until it leaves them.

    Each step costs ``step``; leaving at the top costs ``hit``; below the bottom the walk ends, or stays at the
    bottom with ``floor``.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    if size > MAX_STATES:
        raise WalkTooLong(
            f"a walk over {size} states is too long to solve (at most {MAX_STATES}): the two error rates are "
            f"too near to each other, or too small"
        )
    up, down = score.error, score.agreement
    states = np.arange(size)
    higher, lower = states[: max(size - up, 0)], states[down:]
    stays = states[:down] if floor else states[:0]  # below the bottom: back to it
    rows = np.concatenate([states, lower, higher, stays])
    columns = np.concatenate([states, lower - down, higher + up, np.zeros_like(stays)])
    weights = [
        np.ones(size),
        np.full(len(lower), rate - 1),
        np.full(len(higher), -rate),
        np.full(len(stays), rate - 1),
    ]
    matrix = coo_array((np.concatenate(weights), (rows, columns)), shape=(size, size))
    cost = np.full(size, step)
    cost[max(size - up, 0) :] += rate * hit
    solution: FloatArray = splu(matrix.tocsc(), permc_spec="NATURAL").solve(cost)
    return solution
