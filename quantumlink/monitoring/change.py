"""When did the error rate change, how far, and was it at once or little by little?

Three models of the same stream are compared by their highest likelihood: the rate stays; it jumps at some round
(as when somebody begins to listen); it climbs in a straight line from some round on (as when optics drift). What
the data cannot tell apart is called undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.estimation import Estimate, binomial_estimate

Manner = Literal["sudden", "gradual", "undecided"]

DECISIVE = log(20.0)
"""Log-likelihood ratio from which one of two models is preferred (20 to 1)."""

BINS = 400
"""The stream is looked at in that many bins."""

_HIGHEST = 0.5


@dataclass(frozen=True)
class ChangeEstimate:
    """What the stream says about a rise of its error rate."""

    round: int
    """The round from which on the rate is likeliest to have risen (0 is the first one)."""
    error_rate: Estimate
    """The error rate since then, with its interval (conservative only if the moment were known)."""
    manner: Manner
    """Whether the rise was sudden (attack-like), gradual (drift-like), or cannot be told."""
    evidence: float
    """Log-likelihood ratio (nats) of sudden to gradual; its sign says which one is favored."""

    def intercepted_fraction(self, baseline: float) -> float:
        """The fraction ξ of rounds that an intercept-resend attack in random bases would need for this rate.

        A round attacked errs with probability 1/4 + baseline/2 in BB84 (a basis in two is wrong and then
        random), so ξ = (Q − Q₀)/(1/4 − Q₀/2), at most 1.
        """
        excess = max(0.0, float(self.error_rate) - baseline)
        return min(1.0, excess / (0.25 - baseline / 2))


def estimate_change(errors: npt.ArrayLike, baseline: float) -> ChangeEstimate:
    """Where a stream's error rate rose above its baseline.

    Args:
        errors: shape (rounds,), 1 where the two ends differ; at least one round.
        baseline: error rate before the rise, in (0, 1/2).

    Raises:
        ValueError: if the stream is empty or the baseline out of range.

    >>> stream = np.zeros(4000, dtype=int)
    >>> stream[2000::8] = 1  # one error in eight, from the middle on
    >>> stream[:2000:50] = 1  # one in fifty before
    >>> found = estimate_change(stream, baseline=0.02)
    >>> abs(found.round - 2000) < 30, found.manner
    (True, 'sudden')
    """
    array = np.asarray(errors)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"errors must be a one-dimensional array with at least one round, got {array.shape}")
    rate = validation.number("baseline", baseline, at_least=0.0, at_most=0.5)
    if not 0 < rate < 0.5:
        raise ValueError(f"baseline must lie between 0 and 1/2, both excluded; got {baseline!r}")
    edges = np.unique(np.linspace(0, len(array), min(BINS, len(array)) + 1).astype(int))
    wrong = np.add.reduceat(array.astype(np.int64), edges[:-1])
    total = np.diff(edges)
    start, step_gain = _best_step(wrong, total, rate)
    ramp_gain = _best_ramp(wrong, total, edges, rate)
    first = _refined(array, int(edges[start]), int(total.max()), rate)
    later = array[first:]
    evidence = step_gain - ramp_gain
    manner: Manner = "undecided" if abs(evidence) < DECISIVE else ("sudden" if evidence > 0 else "gradual")
    return ChangeEstimate(first, binomial_estimate(int(later.sum()), len(later)), manner, float(evidence))


def _gain(wrong: IntArray, total: IntArray, rate: object, baseline: float) -> object:
    """Log-likelihood of error rates above that of the baseline, bin by bin (broadcasts)."""
    new = np.clip(np.asarray(rate, dtype=float), baseline, _HIGHEST)
    return wrong * np.log(new / baseline) + (total - wrong) * np.log((1 - new) / (1 - baseline))


def _best_step(wrong: IntArray, total: IntArray, baseline: float) -> tuple[int, float]:
    """The bin at which a jump is likeliest, and by how much likelier than none."""
    errors_since = np.cumsum(wrong[::-1])[::-1]
    rounds_since = np.cumsum(total[::-1])[::-1]
    gains = np.asarray(_gain(errors_since, rounds_since, errors_since / rounds_since, baseline))
    best = int(gains.argmax())
    return best, float(gains[best])


def _best_ramp(wrong: IntArray, total: IntArray, edges: npt.NDArray[np.int_], baseline: float) -> float:
    """By how much the likeliest straight climb (start and slope) is likelier than no change."""
    middle = (edges[:-1] + edges[1:]) / 2
    length = float(edges[-1])
    best = 0.0
    for start in np.linspace(0, length, 41)[:-1]:
        into = np.maximum(0.0, middle - start)
        heights = np.geomspace(baseline / 20, 1.0, 60)  # rate above the baseline at the stream's end
        rates = baseline + heights[:, None] * into / (length - start)
        gains = np.asarray(_gain(wrong, total, rates, baseline)).sum(axis=-1)
        best = max(best, float(gains.max()))
    return best


def _refined(array: npt.NDArray[np.generic], near: int, reach: int, baseline: float) -> int:
    """The likeliest round of a jump within some bins of a first guess."""
    low, high = max(0, near - 2 * reach), min(len(array), near + 2 * reach + 1)
    later = int(array[high:].astype(np.int64).sum())
    wrong = later + np.cumsum(array[low:high][::-1].astype(np.int64))[::-1]
    total = np.arange(len(array) - low, len(array) - high, -1)
    gains = np.asarray(_gain(wrong, total, wrong / total, baseline))
    return low + int(gains.argmax())
