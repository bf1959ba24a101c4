"""When pairs are there: distributions of random moments, as masses in the cells of one grid of times.

The moment at which a pair is there is a random time T after what all its moments have in common, as the way of a
herald, which is kept apart: the grid resolves what differs. Of T is kept, for every cell of a fixed grid, equally
spaced in the logarithm of time, how probable it is that T lies in the cell (its mass), and where in the cell it
then lies on average (its point). So means are exact. Whatever follows treats T as one of these points, which is
exact for the attempts of a clock as long as they are further apart than cells are wide; or as anywhere in its cell,
where neighboring cells hold about as much. Mean waits of one moment for another, and the slowest of many, then err
by some 10⁻⁵ of themselves, what is left of coherence after waits much longer than it by less than 0.003.

Attempts are exactly geometric or exponential. Where distributions are not known but by mean, variance and earliest
moment, as of alternatives whose pairs are made in turn, they are taken as gamma distributions.

Arrays have a row for each of several alternatives and a column for each cell of a window, which begins at the cell
``first``; what is before the window or behind it is in its outermost cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray, IntArray
from quantumlink.timing.attempts import Rounds

CELLS_PER_DECADE = 24
FIRST_S, LAST_S = 1e-14, 1e14
"""Times outside of this are not resolved."""

EDGES_S: FloatArray = np.concatenate(
    [[0.0], np.geomspace(FIRST_S, LAST_S, 1 + CELLS_PER_DECADE * round(np.log10(LAST_S / FIRST_S)))]
)
"""Borders of the cells in seconds."""

CELLS = len(EDGES_S) - 1

EARLY, LATE = 1e-3, 1e-10
"""Quantiles of a distribution behind which cells are taken together."""


class Moments(NamedTuple):
    """Distributions of moments."""

    first: int
    """The first cell of the window."""
    masses: FloatArray
    """Shape (n, cells): the probability of each cell; each row sums to 1."""
    points_s: FloatArray
    """Shape (n, cells): where the mean moment of each cell is; anywhere in the cell if its mass vanishes."""


def cell_of(time_s: float) -> int:
    """The cell in which a time lies."""
    return min(int(np.searchsorted(EDGES_S, time_s, side="right")) - 1, CELLS - 1)


def of_rounds(rounds: Rounds) -> Moments:
    """When the first round ends that delivers a pair; its herald may come ``rounds.herald_s`` later."""
    p = rounds.success_probability
    if p is None:
        return _exponential(rounds.time_s)
    if p == 1:
        return Moments(cell_of(rounds.time_s), np.ones((1, 1)), np.array([[rounds.time_s]]))
    return _geometric(p, rounds.time_s)


def _geometric(p: float, step_s: float) -> Moments:
    """The moments k·step, k = 1, 2, … geometric."""
    decay = log1p(-p)  # of the logarithm of the probability to go on, an attempt
    low, high = (step_s * max(1.0, log1p(-x) / decay) for x in (EARLY, 1 - LATE))
    first, last = cell_of(low), cell_of(high)
    # The numbers of the first attempts in each cell, and of those that follow.
    attempts = np.ceil(EDGES_S[first : last + 1] / step_s)
    attempts[0] = 1.0
    np.maximum(attempts, 1.0, out=attempts)
    number = np.diff(attempts)
    masses = np.exp(decay * (attempts - 1))
    within = np.full(len(attempts), (1 - p) / p)  # what is behind the window goes on for ever
    masses[:-1] *= -np.expm1(decay * number)
    ratio = number * np.exp(decay * number) / np.where(number > 0, -np.expm1(decay * number), 1.0)
    within[:-1] = np.where(number > 0, (1 - p) / p - ratio, 0.0)
    np.maximum(within, 0.0, out=within)
    return Moments(first, masses[None], ((attempts + within) * step_s)[None])


def _exponential(mean_s: float) -> Moments:
    first, last = (cell_of(-mean_s * log1p(-x)) for x in (EARLY, 1 - LATE))
    edges = EDGES_S[first : last + 1].copy()
    edges[0] = 0.0
    width = np.diff(edges) / mean_s
    masses = np.exp(-edges / mean_s)
    masses[:-1] *= -np.expm1(-width)
    points = edges + mean_s
    points[:-1] = edges[:-1] + mean_s * (1 - width / np.expm1(width))
    return Moments(first, masses[None], points[None])


def arrived_by(several: Sequence[Rounds], cells: IntArray) -> FloatArray:
    """Of first heralds, shape (several, cells): the probability to be in one of the cells up to each.

    Of the whole moments, what is before `of_rounds`' window counting as in its first cell.
    """
    p, step, after = (
        np.array([getattr(rounds, name) for rounds in several], dtype=float)[:, None]
        for name in ("success_probability", "time_s", "herald_s")
    )  # NaN where pairs come at random moments
    at_random = np.isnan(p)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.log1p(-np.where(at_random, 0.5, p))
        low, high = (
            np.where(at_random, -step * log1p(-x), after + step * np.maximum(1.0, log1p(-x) / decay))
            for x in (EARLY, 1 - LATE)
        )
    first, last = (np.clip(np.searchsorted(EDGES_S, x, side="right") - 1, 0, CELLS - 1) for x in (low, high))
    ends = EDGES_S[np.maximum(cells, first) + 1]
    with np.errstate(invalid="ignore"):
        attempts = np.maximum(np.ceil((ends - after) / step), 1.0) - 1
        missing = np.where(at_random, np.exp(-ends / step), np.exp(decay * attempts))
    return np.where((cells >= last) | (p == 1), 1.0, 1 - missing)


def later_gamma(earliest_s: FloatArray, mean_s: FloatArray, variance: FloatArray) -> Moments:
    """Gamma distributions that begin at some moments.

    Args:
        earliest_s: shape (n,), the earliest moments.
        mean_s: shape (n,), the mean moments, not earlier.
        variance: shape (n,), in s².
    """
    from scipy.special import gammainc, gammaln

    excess = np.maximum(mean_s - earliest_s, 1e-9 * mean_s)
    shape = np.clip(excess**2 / np.maximum(variance, 1e-300), 1e-3, 1e6)
    scale = excess / shape
    low = np.where(earliest_s > 0, earliest_s, EARLY * excess)
    high = mean_s + 24 * np.maximum(np.sqrt(variance), scale)
    first, last = cell_of(float(low.min())), cell_of(float(high.max()))
    inner = np.maximum(EDGES_S[first + 1 : last + 1] - earliest_s[:, None], 0.0) / scale[:, None]
    k = shape[:, None]
    below = gammainc(k, inner)
    # The incomplete gamma function of k + 1 by that of k.
    step = np.exp(k * np.log(np.where(inner > 0, inner, 1.0)) - inner - gammaln(k + 1))
    moment = below - np.where(inner > 0, step, 0.0)
    masses, moments = (np.maximum(np.diff(x, axis=1, prepend=0.0, append=1.0), 0.0) for x in (below, moment))
    total = earliest_s[:, None] * masses + excess[:, None] * moments
    return Moments(first, masses, points_of(first, masses, total))


def points_of(first: int, masses: FloatArray, first_moments: FloatArray) -> FloatArray:
    """Mean moments of cells, by masses and first moments of shape (n, cells); the lower edges where nothing is."""
    edges = EDGES_S[first : first + masses.shape[1]]
    filled = masses > 0
    points: FloatArray = np.where(filled, first_moments / np.where(filled, masses, 1.0), edges)
    return points
