"""Intervals of figures from which readout errors were taken out: the shots' share and the calibration's.

Every figure is a sum of ratios of unbiased estimates. Its variance is, to first order, that of the runs (whose
weights are larger than 1, so that it is larger than the raw one) plus that of the calibration, rate by rate. The
interval is normal. So that none is of no width where no error was seen, z² runs at either extreme are counted into
the variance, which is what Wilson's interval does; the best value does not contain them. It is not cut to what is
physical, as that would make it biased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.estimation import Estimate
from quantumlink.execution.mitigation.inversion import Counted

Weights = Callable[[BoolArray, FloatArray], FloatArray]
"""From patterns, shape (patterns, bits), and rates, shape (bits, 2), a weight of each pattern."""


@dataclass(frozen=True)
class Ratio:
    """One term: a coefficient times the ratio of two mean weights."""

    coefficient: float
    runs: tuple[Counted, ...]
    """Of each basis that tells it."""
    numerator: Weights
    denominator: Weights
    lowest: float
    """The least that the ratio can be, −1 for a parity, 0 for a share; the most is 1."""


@dataclass(frozen=True)
class Uncertain:
    """A rate that is known from a calibration: of a qubit, so maybe of several bits."""

    columns: tuple[int, ...]
    side: int
    """0 for |0⟩ read as 1, 1 for |1⟩ read as 0."""
    spread: float
    """Its standard deviation."""


def propagated(
    terms: Sequence[Ratio],
    offset: float,
    rates: FloatArray,
    uncertain: Sequence[Uncertain],
    confidence: float,
) -> Estimate:
    """``offset + Σ coefficient · ratio`` with its interval.

    Args:
        terms: of independent runs.
        offset: a constant.
        rates: (e₀, e₁) of each bit, shape (bits, 2).
        uncertain: which of them are known from how good a calibration.
        confidence: of the interval.

    Raises:
        ValueError: if no run is accepted.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    best, variance = offset, 0.0
    for term in terms:
        value, own = _value(term, rates, z)
        best += term.coefficient * value
        variance += term.coefficient**2 * own
    for each in uncertain:
        ends = []
        for direction in (1, -1):
            shifted = rates.copy()
            shifted[list(each.columns), each.side] += direction * each.spread
            ends.append(sum(term.coefficient * _value(term, shifted, z)[0] for term in terms))
        variance += ((ends[0] - ends[1]) / 2) ** 2
    reach = z * sqrt(variance)
    return Estimate(best - reach, best, best + reach, confidence)


def _value(term: Ratio, rates: FloatArray, z: float) -> tuple[float, float]:
    """The ratio, and the variance that the runs give it."""
    found = [(c, term.numerator(c.bits, rates), term.denominator(c.bits, rates)) for c in term.runs]
    above = sum(float(c.counts @ u) for c, u, _ in found)
    below = sum(float(c.counts @ v) for c, _, v in found)
    if below <= 0:
        raise ValueError("no run is accepted, so there is nothing to estimate")
    ratio = above / below
    variance = 0.0
    for c, u, v in found:
        residuals = u - ratio * v
        variance += float(c.counts @ residuals**2) - float(c.counts @ residuals) ** 2 / c.runs
    largest_u = max(float(np.abs(u).max()) for _, u, _ in found)
    largest_v = max(float(np.abs(v).max()) for _, _, v in found)
    for extreme in (max(largest_u, largest_v), term.lowest * largest_u):
        variance += z * z * (extreme - ratio * largest_v) ** 2
    return ratio, variance / below**2
