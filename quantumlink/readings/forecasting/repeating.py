"""Tries of an operation, one after the other, until one succeeds.

What comes after failures is followed as it is: see `quantumlink.readings.forecasting.renewal`.
"""

from __future__ import annotations

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.forecasting.meeting import Ensemble, trimmed
from quantumlink.readings.forecasting.renewal import Failures, Rows, added, after_failures, stacked
from quantumlink.timing.arrivals import Moments

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding."""


def certain(tries: Ensemble, accepted: FloatArray) -> tuple[Moments, FloatArray]:
    """The tries that succeed, whatever it takes."""
    pairs = tries.pairs / accepted[:, None, None]
    return tries.moments._replace(masses=pairs[..., 0]), pairs


def accepted_of(pairs: FloatArray) -> FloatArray:
    """Shape (n,): how probably a try succeeds that makes pairs of shape (n, cells, k)."""
    found: FloatArray = np.maximum(pairs[..., 0].sum(axis=1), IMPOSSIBLE)
    return found


def repeated(tries: Ensemble, accepted: FloatArray, lag_s: FloatArray) -> tuple[Moments, FloatArray]:
    """The moments and pairs of the first try that succeeds; after a failure and a lag the next one begins."""
    moments, pairs = tries.moments, tries.pairs
    failed, weighted = tries.failed
    weighted = weighted + failed * lag_s[:, None]
    done = moments.masses * moments.points_s
    several = [
        until_success((moments.first, pairs[i], done[i]), accepted[i], Failures(failed[i], weighted[i]))
        for i in ([j] for j in range(len(accepted)))
    ]
    return trimmed(*stacked(several))


def until_success(rows: Rows, accepted: FloatArray, failed: Failures) -> Rows:
    """The first try that succeeds, of one alternative.

    Args:
        rows: the first tries, if they succeed.
        accepted: shape (1,), how probably they do.
        failed: when it is known that they do not, and the next one begins.
    """
    if IMPOSSIBLE < accepted[0] < 1.0 - IMPOSSIBLE:
        return added(rows, after_failures(failed, rows))
    return rows
