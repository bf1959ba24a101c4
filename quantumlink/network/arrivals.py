"""When pairs are there: distributions of random moments, as arrays on one grid of times.

The moment at which a link has its pair is a random time T. It is kept as its distribution function P(T ≤ t)
averaged over the cells of a fixed grid, equally spaced in the logarithm of time. The moment at which *both* of
two links have theirs is then a product of two arrays, and a mean is a sum. A single time's mean is exact; means
of maxima err by less than 10⁻³ of themselves (checked against closed forms), of times that hardly vary by up to
3 %, half a cell.

Geometric attempts, and repetitions until a purification succeeds, are taken as a delay followed by an
exponential of the same mean. For attempts its rate is −ln(1 − p) an attempt, so that the maximum of geometric
times keeps its mean too: the exponential's next multiple of the attempt time *is* geometric.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quantumlink.link import Attempts

FloatArray = npt.NDArray[np.float64]

CELLS_PER_DECADE = 32
FIRST_S, LAST_S = 1e-9, 1e8
"""Times outside of this are not resolved."""

EDGES_S: FloatArray = np.concatenate(
    [[0.0], np.geomspace(FIRST_S, LAST_S, 1 + CELLS_PER_DECADE * round(np.log10(LAST_S / FIRST_S)))]
)
"""Borders of the cells in seconds."""

WIDTHS_S: FloatArray = np.diff(EDGES_S)
SQUARES: FloatArray = np.diff(EDGES_S**2)
CELLS = len(WIDTHS_S)


def delayed_exponential(delay_s: FloatArray, mean_s: FloatArray) -> FloatArray:
    """The distribution of a fixed delay followed by an exponential time.

    Args:
        delay_s: shape (n,), at least 0.
        mean_s: shape (n,), mean of the exponential alone; 0 for none.

    Returns:
        Shape (n, CELLS): P(T ≤ t), averaged over each cell.
    """
    after = np.maximum(EDGES_S - delay_s[:, None], 0.0)
    mean = mean_s[:, None]
    # ∫P(T > t)dt from 0 to each border
    survived = np.minimum(EDGES_S, delay_s[:, None]) - mean * np.expm1(-after / np.where(mean > 0, mean, 1.0))
    return np.clip(1.0 - np.diff(survived, axis=1) / WIDTHS_S, 0.0, 1.0)


def of_attempts(attempts: Attempts, *, herald_s: float = 0.0) -> tuple[FloatArray, float]:
    """The moment of the first success, shape (CELLS,), and its mean in seconds.

    Args:
        attempts: the attempts, the first of which begins at time 0.
        herald_s: how long after its attempt's end a success is known.
    """
    mean = 1.0 / attempts.rate_hz
    p = attempts.success_probability
    spread = mean
    if p is not None:
        spread = attempts.time_s / -np.log1p(-p) if p < 1 else 0.0
    delay = mean - spread + herald_s
    return delayed_exponential(np.array([delay]), np.array([spread]))[0], mean + herald_s


def of_repetitions(mean_s: FloatArray, variance: FloatArray, success: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The moment of the first success of tries of a random duration.

    Args:
        mean_s: shape (n,), mean duration of a try.
        variance: shape (n,), its variance in s².
        success: shape (n,), the probability that a try succeeds.

    Returns:
        The distribution, shape (n, CELLS), with the right mean and (as far as a delay allows) the right variance
        σ²/a + μ²·(1 − a)/a² of a geometric sum; and the means μ/a, shape (n,).
    """
    mean = mean_s / success
    spread = np.sqrt(variance / success + mean_s**2 * (1 - success) / success**2)
    spread = np.minimum(spread, mean)
    return delayed_exponential(mean - spread, spread), mean


def means_s(arrived: FloatArray) -> FloatArray:
    """Mean times in seconds: shape (n, CELLS) to (n,)."""
    return (1.0 - arrived) @ WIDTHS_S


def means_of_later_s(first: FloatArray, second: FloatArray) -> FloatArray:
    """Mean times in seconds until both are there, of each with each: shapes (n, CELLS), (m, CELLS) to (n, m).

    E[max] = E[T₁] + E[T₂] − E[min], the last one a product of matrices: far quicker than `means_s` of n·m arrays.
    """
    survived, other = 1.0 - first, 1.0 - second
    means: FloatArray = (survived @ WIDTHS_S)[:, None] + other @ WIDTHS_S - (survived * WIDTHS_S) @ other.T
    return means


def variances(arrived: FloatArray) -> FloatArray:
    """Variances in s²: shape (n, CELLS) to (n,)."""
    survived = 1.0 - arrived
    return np.maximum(survived @ SQUARES - (survived @ WIDTHS_S) ** 2, 0.0)
