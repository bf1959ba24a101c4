"""Tries of an operation, one after the other, until one succeeds."""

from __future__ import annotations

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.readings.forecasting.meeting import Ensemble, trimmed
from quantumlink.timing.arrivals import Moments, later_gamma

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding."""


def certain(tries: Ensemble, accepted: FloatArray) -> tuple[Moments, FloatArray]:
    """The tries that succeed, whatever it takes."""
    pairs = tries.pairs / accepted[:, None, None]
    return tries.moments._replace(masses=pairs[..., 0]), pairs


def repeated(tries: Ensemble, accepted: FloatArray, lag_s: FloatArray) -> tuple[Moments, FloatArray]:
    """The moments and pairs of the first try that succeeds; after a failure and a lag the next one begins."""
    moments = tries.moments
    return trimmed(
        *repeated_by_row(
            tries,
            accepted,
            lag_s,
            rows=(moments.first, tries.pairs, moments.masses * moments.points_s),
            of=np.arange(len(accepted)),
        )
    )


def repeated_by_row(
    tries: Ensemble,
    accepted: FloatArray,
    lag_s: FloatArray,
    *,
    rows: tuple[int, FloatArray, FloatArray],
    of: IndexArray,
) -> tuple[int, FloatArray, FloatArray]:
    """As `repeated`, of tries that succeed in several ways, a row each.

    Args:
        tries: all of each alternative, shape (n, ...).
        accepted: shape (n,).
        lag_s: shape (n,), how long after a failure the next try begins.
        rows: the first cell; pairs of the first try, shape (rows, cells, k); masses times moments.
        of: shape (rows,), of which alternative each row is.

    Returns:
        As ``rows``, of the first try that succeeds.
    """
    start, pairs, weighted = rows
    if not (1.0 - accepted > IMPOSSIBLE).any():
        return rows
    later, failed = _later_tries(tries, accepted, lag_s)
    state = pairs.sum(axis=1) / accepted[of][:, None]
    first = min(start, later.first)
    last = max(start + pairs.shape[1], later.first + later.masses.shape[1])
    total = np.zeros((len(of), last - first, pairs.shape[2]))
    times = np.zeros((len(of), last - first))
    mine = slice(start - first, start - first + pairs.shape[1])
    others = slice(later.first - first, later.first - first + later.masses.shape[1])
    total[:, mine] += pairs
    times[:, mine] += weighted
    masses = (failed[:, None] * later.masses)[of]
    total[:, others] += masses[..., None] * state[:, None]
    times[:, others] += masses * state[:, :1] * later.points_s[of]
    return first, total, times


def _later_tries(tries: Ensemble, accepted: FloatArray, lag_s: FloatArray) -> tuple[Moments, FloatArray]:
    """When tries after the first one succeed, and how probably the first one fails."""
    moments = tries.moments
    failed = np.maximum(1.0 - accepted, 0.0)
    weighted = moments.masses * moments.points_s
    lucky, lucky_square = weighted.sum(axis=1), (weighted * moments.points_s).sum(axis=1)
    share = np.where(failed > IMPOSSIBLE, failed, 1.0)
    lost = np.maximum((tries.mean_s - lucky) / share, tries.earliest_s) + lag_s
    # Of what a failure takes: its variance does not mind the lag.
    spread = np.maximum((tries.square - lucky_square) / share - (lost - lag_s) ** 2, 0.0)
    mean = lost / accepted + lucky / accepted
    own = np.maximum(lucky_square / accepted - (lucky / accepted) ** 2, 0.0)
    variance = spread / accepted + lost**2 * failed / accepted**2 + own
    return later_gamma(2 * tries.earliest_s + lag_s, mean, variance), failed
