"""Tries that follow failures: their moments and pairs as sums over all numbers of failures.

A failure takes a random time D, the try that succeeds a random time T with a pair in a state that depends on T.
After one failure or more that is D ∗ T + D ∗ D ∗ T + …, with masses of D that sum to the probability to fail: under
Fourier's transform D·T / (1 − D). So times are put on a grid of equal steps, each shared by the two nearest ones,
and what is made goes back to the cells of `quantumlink.timing.arrivals`. A factor that falls with time keeps what
is beyond the grid from coming back at its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.timing.arrivals import EDGES_S, FIRST_S, cell_of

STEPS = 2048
"""Of the grid; a mean time has some hundred."""

SPAN = 12.0
"""So many standard deviations behind the mean the grid ends; what is later is put together."""

DAMPED = 8.0
"""−ln of the factor at the end of the grid."""

NOISE = 1e-13
"""What is less probable than this at a moment is rounding."""

RARE = 1e-9
"""What is less probable than this need not be in a cell of its own."""

Rows = tuple[int, FloatArray, FloatArray]
"""The first cell; pairs, shape (rows, cells, k), times their probability; masses times moments, (rows, cells)."""


class Failures(NamedTuple):
    """When tries fail."""

    masses: FloatArray
    """Any shape: probabilities."""
    weighted: FloatArray
    """The same shape: times moments."""


def after_failures(failed: Failures, rows: Rows) -> Rows:
    """The tries that succeed after one failure or more.

    Args:
        failed: when the first try fails, and the next one begins.
        rows: the first tries that succeed, of one alternative in several ways.
    """
    there = failed.masses > 0
    masses = failed.masses[there]
    failures_s = failed.weighted[there] / masses
    _, pairs, weighted = rows
    made = pairs[..., 0]
    success_s = np.where(made > 0, weighted / np.where(made > 0, made, 1.0), 0.0)
    accepted = made.sum()
    masses = masses * ((1.0 - accepted) / masses.sum())
    mean, variance = _moments(masses, failures_s, made, success_s)
    step_s = max(mean + SPAN * variance**0.5, FIRST_S) / STEPS
    damping = np.exp(-DAMPED / STEPS * np.arange(STEPS))
    fails = np.fft.rfft(_spread(failures_s, masses[None], step_s)[0] * damping)
    columns = np.moveaxis(pairs, 2, 1)
    likely = np.flatnonzero(made.sum(axis=1) > NOISE)
    spread = np.array([_spread(success_s[row], columns[row], step_s) for row in likely.tolist()])
    found = np.fft.irfft(np.fft.rfft(spread * damping) * (fails / (1.0 - fails)), STEPS) / damping
    found = np.where(found[:, :1] > NOISE, found, 0.0)
    earliest = failures_s.min() + success_s[made > 0].min()
    start, sums, times = _in_cells(found, step_s, max(earliest - 2 * step_s, step_s / 2))
    told = sums[:, :1] > NOISE
    later = np.zeros((len(pairs), sums.shape[2], pairs.shape[2]))
    done = np.zeros(later.shape[:2])
    later[likely], done[likely] = np.moveaxis(np.where(told, sums, 0.0), 1, 2), np.where(told[:, 0], times, 0.0)
    # What is behind the grid, by all there is: its mass, its state, its mean. If that is rounding, it is anywhere.
    failure = float((masses * failures_s).sum())
    odds = (1.0 - accepted) / accepted
    behind = pairs.sum(axis=1) * odds - later.sum(axis=1)
    behind_s = weighted.sum(axis=1) * odds + made.sum(axis=1) * failure / accepted**2 - done.sum(axis=1)
    mass = behind[:, 0].sum()
    place = cell_of(behind_s.sum() / mass) - start if mass > RARE else int(later[..., 0].sum(axis=0).argmax())
    total = np.zeros((len(pairs), max(place + 1, later.shape[1]), pairs.shape[2]))
    weights = np.zeros(total.shape[:2])
    total[:, : later.shape[1]], weights[:, : later.shape[1]] = later, done
    total[:, place] += behind
    weights[:, place] += behind_s
    return start, total, weights


def _moments(
    masses: FloatArray, failures_s: FloatArray, made: FloatArray, success_s: FloatArray
) -> tuple[float, float]:
    """Mean and variance of when a try succeeds that follows a failure."""
    failed, accepted = masses.sum(), made.sum()
    lost, lucky = (masses * failures_s).sum() / failed, (made * success_s).sum() / accepted
    each = (masses * failures_s**2).sum() / failed - lost**2
    own = (made * success_s**2).sum() / accepted - lucky**2
    variance = each / accepted + lost**2 * failed / accepted**2 + own
    return float(lost / accepted + lucky), float(max(variance, 0.0))


def _spread(times_s: FloatArray, values: FloatArray, step_s: float) -> FloatArray:
    """Values at some times, shape (k, times), on a grid of equal steps: shape (k, steps)."""
    place = times_s / step_s
    below = place.astype(np.intp)
    there = below < STEPS - 1
    below, part, values = below[there], (place - np.floor(place))[there], values[:, there]
    return np.array(
        [
            np.bincount(below, value * (1 - part), STEPS) + np.bincount(below + 1, value * part, STEPS)
            for value in values
        ]
    )


def _in_cells(values: FloatArray, step_s: float, earliest_s: float) -> tuple[int, FloatArray, FloatArray]:
    """The first cell; values on a grid of equal steps, shape (rows, k, steps), in cells; masses times moments."""
    first, last = cell_of(earliest_s), cell_of(step_s * STEPS)
    ends = np.ceil(EDGES_S[first + 1 : last + 1] / step_s).astype(np.intp)
    borders = np.concatenate([[0], np.minimum(ends, STEPS), [STEPS]])
    with_times = np.concatenate([values, values[:, :1] * (step_s * np.arange(STEPS))], axis=1)
    sums = np.zeros((*with_times.shape[:2], STEPS + 1))
    np.cumsum(with_times, axis=2, out=sums[..., 1:])
    found = np.diff(sums[..., borders], axis=2)
    return first, found[:, :-1], found[:, -1]


def added(one: Rows, other: Rows) -> Rows:
    """Both together, in a window that holds both."""
    first, pairs, weighted = stacked([one, other])
    n = len(one[1])
    return first, pairs[:n] + pairs[n:], weighted[:n] + weighted[n:]


def stacked(several: Sequence[Rows]) -> Rows:
    """The rows of several, one after the other, in a window that holds all."""
    first = min(start for start, *_ in several)
    last = max(start + pairs.shape[1] for start, pairs, _ in several)
    count = sum(len(pairs) for _, pairs, _ in several)
    total = np.zeros((count, last - first, several[0][1].shape[2]))
    times = np.zeros((count, last - first))
    row = 0
    for start, pairs, weighted in several:
        mine = slice(row, row + len(pairs)), slice(start - first, start - first + pairs.shape[1])
        total[mine], times[mine] = pairs, weighted
        row += len(pairs)
    return first, total, times
