"""Estimates: what a finite number of shots says about a number, always with an interval.

Assumption: shots are independent. Every interval here is two-sided. That of one probability holds its stated
confidence for every true value (Clopper-Pearson). That of a sum of probabilities (`proportions_estimate`) holds it
for every state and all numbers of trials for which its coverage was enumerated, few and none included; that of a
weighted sum (`weighted_estimate`) likewise, and is wider. A combination of any intervals (`affine_estimate`, MOVER)
may fall a little short where events are rare: 95 % stated is 91 % at 0.2 expected errors in each of three.

References:
    C. J. Clopper, E. S. Pearson, Biometrika 26, 404 (1934).
    M. P. Fay, E. J. Feuer, Stat. Med. 16, 791 (1997), on sums of rates: limits from a matched distribution.
    W. James, C. Stein, Proc. Fourth Berkeley Symposium 1, 361 (1961): rates drawn to their common one.
    W. Hoeffding, Ann. Math. Stat. 27, 713 (1956): trials with one mean scatter most if all alike.
    G. Y. Zou, A. Donner, Biometrics 64, 1303 (2008), on combining intervals (MOVER).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil, floor, sqrt
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import BoolArray, FloatArray

CONFIDENCE = 0.95

PRIOR_TRIALS = 3.0
"""Trials at the common rate that are added to each proportion of a sum where its scatter is judged: a proportion of
0 or 1 from few trials would seem to have none. Fewer miss the nominal coverage, by enumeration."""


class Estimate(float):
    """A number with its interval: ``low <= best <= high``.

    It *is* its best value wherever a float is expected, so that it can be compared and plotted, and it
    unpacks as ``low, best, high``. Adding or multiplying an exact number keeps the interval.

    >>> fidelity = Estimate(0.91, 0.93, 0.95)
    >>> fidelity > 0.9, fidelity.low, fidelity.covers(0.94)
    (True, 0.91, True)
    >>> 1 - fidelity
    Estimate(low=0.05, best=0.07, high=0.09)
    """

    __slots__ = ("confidence", "high", "low")

    low: float
    high: float
    confidence: float

    def __new__(cls, low: float, best: float, high: float, confidence: float = CONFIDENCE) -> Estimate:
        """Make an estimate.

        Raises:
            ValueError: unless ``low <= best <= high``.
        """
        if not low <= best <= high:
            raise ValueError(f"an estimate needs low <= best <= high, got {low}, {best}, {high}")
        self = super().__new__(cls, best)
        self.low, self.high, self.confidence = float(low), float(high), float(confidence)
        return self

    @property
    def best(self) -> float:
        """The most likely value."""
        return float(self)

    @property
    def errors(self) -> tuple[float, float]:
        """The distances from the best value down to ``low`` and up to ``high``, as error bars want them."""
        return self.best - self.low, self.high - self.best

    def covers(self, value: float) -> bool:
        """Whether ``value`` lies within the interval (both ends included)."""
        return self.low <= value <= self.high

    # An exact number shifts or scales the interval too; of two estimates only floats come, as nothing is known
    # of how they hang together (see `affine_estimate` for independent ones).
    def _scaled(self, factor: float, shift: float) -> Estimate:
        low, high = sorted((factor * self.low + shift, factor * self.high + shift))
        best = min(max(factor * self.best + shift, low), high)
        return Estimate(low, best, high, self.confidence)

    def __neg__(self) -> Estimate:
        return self._scaled(-1.0, 0.0)

    def __add__(self, other: float) -> float:
        return float.__add__(self, other) if isinstance(other, Estimate) else self._scaled(1.0, float(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> float:
        return float.__sub__(self, other) if isinstance(other, Estimate) else self._scaled(1.0, -float(other))

    def __rsub__(self, other: float) -> float:
        return self._scaled(-1.0, float(other))

    def __mul__(self, other: float) -> float:
        return float.__mul__(self, other) if isinstance(other, Estimate) else self._scaled(float(other), 0.0)

    __rmul__ = __mul__

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.best, self.high))

    def __getnewargs__(self) -> tuple[float, float, float, float]:  # type: ignore[override]
        return (self.low, self.best, self.high, self.confidence)

    def __repr__(self) -> str:
        return f"Estimate(low={self.low:.6g}, best={self.best:.6g}, high={self.high:.6g})"

    def __str__(self) -> str:
        return f"{self.best:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        return f"{self.best:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def binomial_estimate(successes: int, total: int, confidence: float = CONFIDENCE) -> Estimate:
    """A probability from ``successes`` out of ``total`` independent trials (Clopper-Pearson, exact).

    Args:
        successes: trials that succeeded, ``0 <= successes <= total``.
        total: number of trials; with none at all the interval is [0, 1].
        confidence: the probability with which the interval covers the truth, in (0, 1).

    Raises:
        ValueError: if a count or the confidence is out of range.

    >>> binomial_estimate(0, 100)
    Estimate(low=0, best=0, high=0.0362167)
    """
    from scipy.special import betaincinv

    _check_counts(successes, total)
    check_confidence(confidence)
    if total == 0:
        return Estimate(0.0, 0.5, 1.0, confidence)
    tail = (1 - confidence) / 2
    best = successes / total
    low = 0.0 if successes == 0 else float(betaincinv(successes, total - successes + 1, tail))
    high = 1.0 if successes == total else float(betaincinv(successes + 1, total - successes, 1 - tail))
    return Estimate(min(low, best), best, max(high, best), confidence)


def proportions_estimate(
    counts: Sequence[tuple[int, int]],
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    bounds: tuple[float, float] | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """``offset + scale · Σ pᵢ`` of probabilities that were each seen in trials of their own, however few.

    Each limit is a quantile of the beta distribution that has the mean and the variance of the sum, as a confidence
    distribution: for one probability this is Clopper-Pearson, and for equal rates in equally many trials it is that
    of all trials together, which is conservative for unequal rates too (Hoeffding); how unequal they are is judged
    with care where chance alone may have parted them. A probability that was never
    tried may be anything from 0 to 1.

    Args:
        counts: pairs (successes, trials), one for each probability.
        scale: the common factor.
        offset: a constant added to the sum.
        bounds: the physical range of the result; best and interval are clipped into it.
        confidence: the probability with which the interval covers the truth, in (0, 1).

    Raises:
        ValueError: if there are no counts, or a count or the confidence is out of range.

    >>> proportions_estimate([(49, 50), (50, 50), (48, 50)], scale=0.5, offset=-0.5, bounds=(0, 1))  # a fidelity
    Estimate(low=0.913999, best=0.97, high=0.993785)
    >>> proportions_estimate([(0, 0), (0, 0), (0, 0)], scale=0.5, offset=-0.5, bounds=(0, 1))
    Estimate(low=0, best=0.25, high=1)
    """
    if not counts:
        raise ValueError("counts must hold at least one pair (successes, trials), got none")
    for found, trials in counts:
        _check_counts(found, trials)
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    successes = np.array([found for found, trials in counts if trials], dtype=float)
    tried = [trials for _, trials in counts if trials]
    least, most, middle = 0.0, float(len(counts)), (len(counts) - len(tried)) / 2
    if tried:
        limits = lower_limits(np.stack([successes, np.array(tried) - successes], axis=1), tried, tail)
        least, most = float(limits[0]), most - float(limits[1])
        middle += float((successes / tried).sum())
    best = offset + scale * middle
    low, high = sorted((offset + scale * min(least, middle), offset + scale * max(most, middle)))
    return _clipped(low, best, high, bounds, confidence)


def lower_limits(successes: npt.ArrayLike, trials: Sequence[int], tail: float) -> FloatArray:
    """The lower limits of a sum of probabilities that `proportions_estimate` takes, for many outcomes at once.

    A probability whose trials all succeeded, or all failed, may be exactly 1 or 0. The others then carry all that
    is uncertain, and their own limit can be the lower one; the lowest counts.

    Args:
        successes: shape (probabilities, ...).
        trials: of each probability, none of them 0.
        tail: probability with which the limit may lie above the truth.

    Returns:
        Shape (...).
    """
    # Those with most trials come first: they are the ones that a limit is lower without.
    order = np.argsort(np.asarray(trials), kind="stable")[::-1]
    found = np.asarray(successes, dtype=float)[order]
    tried = np.asarray(trials, dtype=float)[order].reshape((len(order),) + (1,) * (found.ndim - 1))
    limits = _matched_limits(found, tried, np.ones(found.shape, dtype=np.bool_), tail)
    # Which of those that never failed, and of those that never succeeded, each is: 1, 2, …; 0 if it is neither.
    ones, zeros = (np.where(sure, np.cumsum(sure, axis=0), 0) for sure in (found == tried, found == 0))
    for one, zero in product(range(len(order)), repeat=2):
        if not 0 < one + zero < len(order):
            continue
        here = (ones.max(axis=0) >= one) & (zeros.max(axis=0) >= zero)
        if here.any():
            left_out = ((ones > 0) & (ones <= one)) | ((zeros > 0) & (zeros <= zero))
            others = _matched_limits(found[:, here], tried.reshape(-1, 1), ~left_out[:, here], tail)
            limits[here] = np.minimum(limits[here], one + others)
    return limits


def _matched_limits(found: FloatArray, tried: FloatArray, taken: BoolArray, tail: float) -> FloatArray:
    """The quantile of the beta distribution that has mean and variance of the sum of those taken."""
    from scipy.special import betaincinv

    number = taken.sum(axis=0)
    rates = np.where(taken, found / tried, 0.0)
    total = rates.sum(axis=0)
    # The sum cannot be told finer than in steps of the proportion with the fewest trials.
    step = 1 / (np.where(taken, tried, np.inf).min(axis=0) + 1 / number)
    mean = total - step * (rates / tried).sum(axis=0) / (taken / tried).sum(axis=0)
    something = np.where(total > 0, total, 1.0)
    # Rates that differ by no more than chance would have it are judged as if they were alike (James and Stein).
    common = (taken * found).sum(axis=0) / (taken * tried).sum(axis=0)
    spread = (taken * tried * (found / tried - common) ** 2).sum(axis=0)
    excess = np.maximum(spread - (number - 1) * common * (1 - common), 0.0)
    weight = np.divide(excess, spread, out=np.zeros_like(spread), where=spread > 0)
    rate = total / number + weight * (found / tried - total / number)
    judged = (tried * rate + PRIOR_TRIALS * total / number) / (tried + PRIOR_TRIALS) * mean / something
    variance = (taken * judged * (1 - judged) / (tried + 2 / number)).sum(axis=0)
    share = np.where(total > 0, mean / number, 0.5)
    size = share * (1 - share) * number**2 / np.where(total > 0, variance, 1.0) - 1
    limits: FloatArray = np.where(total > 0, number * betaincinv(share * size, (1 - share) * size, tail), 0.0)
    return limits


def weighted_estimate(
    terms: Sequence[tuple[float, float, int]],
    *,
    offset: float = 0.0,
    bounds: tuple[float, float] | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """``offset + Σ wᵢ·mᵢ`` of means of numbers in [0, 1], each seen in independent trials of its own.

    Each limit is the wider one of two: of MOVER over the means' own intervals, and of the gamma limits for a
    weighted sum of rare events (Fay and Feuer), told of whichever is rarer, the successes or the failures. A number
    that is no coin is taken for one of its mean, which scatters more; one that was never tried may be anything.

    Args:
        terms: triples (weight, sum of the numbers, trials).
        offset: a constant added to the sum.
        bounds: the physical range of the result; best and interval are clipped into it.
        confidence: the probability with which the interval covers the truth, in (0, 1).

    Raises:
        ValueError: if there are no terms, or a sum, a number of trials or the confidence is out of range.

    >>> weighted_estimate([(0.75, 50, 50), (0.25, 49, 50)])
    Estimate(low=0.937445, best=0.995, high=0.999873)
    """
    if not terms:
        raise ValueError("terms must hold at least one triple (weight, sum, trials), got none")
    check_confidence(confidence)
    means = []
    for weight, total, trials in terms:
        _check_counts(total, trials)
        low = binomial_estimate(floor(total + 1e-9), trials, confidence).low
        high = binomial_estimate(min(ceil(total - 1e-9), trials), trials, confidence).high
        mean = min(max(total / trials, low), high) if trials else 0.5
        means.append((weight, Estimate(low, mean, high, confidence)))
    combined = affine_estimate(means, offset)
    least = offset + sum(min(weight, 0.0) for weight, _, _ in terms)
    # Of each term what adds to the sum, its share in [0, 1], and the weight of one event.
    adding = [(abs(w), m.best if w > 0 else 1 - m.best, n) for (w, m), (_, _, n) in zip(means, terms, strict=True)]
    untried = sum(w for w, _, n in adding if not n)
    fewest, most = _gamma_limits([(w, share, w / n) for w, share, n in adding if n and w], (1 - confidence) / 2)
    low, high = min(combined.low, least + fewest), max(combined.high, least + most + untried)
    return _clipped(low, combined.best, high, bounds, confidence)


def _gamma_limits(tried: list[tuple[float, float, float]], tail: float) -> tuple[float, float]:
    """Limits of a weighted sum of shares, told of whichever is rarer, the events or their absence.

    Args:
        tried: of each share its weight, what was seen of it, and the weight of one event.
        tail: the probability left out on either side.
    """
    from scipy.special import gammaincinv

    if not tried:
        return 0.0, 0.0
    total_weight = sum(w for w, _, _ in tried)
    failing = sum(w * share for w, share, _ in tried) > total_weight / 2
    events = [(w, 1 - share if failing else share, one) for w, share, one in tried]
    mean = sum(w * rate for w, rate, _ in events)
    # Of n trials of rate r as of a coin, but never of none.
    variance = sum(w * rate * one * (1 - rate * w / (w + one)) for w, rate, one in events)
    fewest = variance / mean * float(gammaincinv(mean**2 / variance, tail)) if mean > 0 else 0.0
    step = max(one for _, _, one in events)
    mean, variance = mean + step, variance + step**2
    most = min(variance / mean * float(gammaincinv(mean**2 / variance, 1 - tail)), total_weight)
    return (total_weight - most, total_weight - fewest) if failing else (fewest, most)


def affine_estimate(
    terms: Sequence[tuple[float, Estimate]], offset: float = 0.0, bounds: tuple[float, float] | None = None
) -> Estimate:
    """``offset + Σ cᵢ·xᵢ`` of independent estimates, their intervals combined by MOVER (Zou, Donner 2008).

    Args:
        terms: pairs (coefficient, estimate).
        offset: a constant added to the sum.
        bounds: the physical range of the result; best and interval are clipped into it.

    Raises:
        ValueError: if there are no terms or their confidences differ.
    """
    confidences = {x.confidence for _, x in terms}
    if len(confidences) != 1:
        raise ValueError(f"the estimates need one common confidence, got {sorted(confidences)}")
    best = offset + sum(c * x.best for c, x in terms)
    below = sqrt(sum((c * (x.best - (x.low if c > 0 else x.high))) ** 2 for c, x in terms))
    above = sqrt(sum((c * ((x.high if c > 0 else x.low) - x.best)) ** 2 for c, x in terms))
    return _clipped(best - below, best, best + above, bounds, confidences.pop())


def _clipped(
    low: float, best: float, high: float, bounds: tuple[float, float] | None, confidence: float
) -> Estimate:
    if bounds is not None:
        low, best, high = (min(max(value, bounds[0]), bounds[1]) for value in (low, best, high))
    return Estimate(min(low, best), best, max(high, best), confidence)


def _check_counts(successes: float, total: int) -> None:
    if not 0 <= successes <= total:
        raise ValueError(f"successes must lie in [0, total], got {successes} of {total}")


def check_confidence(confidence: Any) -> None:
    """Refuse what is no confidence: a number strictly between 0 and 1."""
    if isinstance(confidence, bool) or not isinstance(confidence, Real) or not 0 < float(confidence) < 1:
        raise ValueError(f"confidence must be a number strictly between 0 and 1, got {confidence!r}")
