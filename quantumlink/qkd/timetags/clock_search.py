"""Where two lists of clicks fit together: offset and drift of one clock against another, from nothing.

Both lists of a stretch are counted in bins, and the counts correlated by a Fourier transform, for as many drifts as
the stretch can tell apart. Clicks that have nothing to do with each other give every lag a Poisson number μ of
pairs, taken from the lags nearby; where pairs vary more than that, by φ, the tail is that of c/φ against μ/φ. The
least tail found, times the number of lags, drifts and stretches tried, bounds the probability that clicks without
any coincidences give such a peak. Longer stretches and finer bins are tried until that is small enough. Then bins
become finer about the peak, without a transform.

Reference:
    C. Ho, A. Lamas-Linares, C. Kurtsiefer, New J. Phys. 11, 045011 (2009): clocks synchronized by the photons.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter1d
from scipy.stats import poisson

from quantumlink.arrays import FloatArray, IntArray
from quantumlink.qkd.timetags.tags import PS

_SMALLEST, _LARGEST = 1 << 16, 1 << 22
_MOST_CLICKS = 4_000_000
_FIRST_CLICKS = 10_000
_MOST_DIFFERENCES = 4e6
_MOST_WORK = 1 << 28


class NoCommonPeak(ValueError):
    """Two lists of clicks show no coincidences: there is no offset to be told."""


@dataclass(frozen=True)
class Peak:
    """Where coincidences were found, as Bob's reading less Alice's."""

    moment_ps: int
    """On Alice's clock."""
    difference_ps: float
    """At that moment."""
    drift: float
    """By how much the difference grows in a unit of time."""
    stretch_ps: int
    """How long the stretch was that tells."""
    resolution_ps: float
    """How well the difference is known."""
    false_alarm: float
    """Probability at most that clicks without any coincidences give such a peak."""


@dataclass(frozen=True)
class _Level:
    length: int
    stretch_ps: int
    bin_ps: int
    drifts: FloatArray
    lags: int


def find_peak(
    alice: IntArray, bob: IntArray, *, max_offset_ps: int, max_drift: float, until_ps: float, false_alarm: float
) -> Peak:
    """The offset and the drift of two clocks.

    Args:
        alice: moments in picoseconds, rising.
        bob: likewise.
        max_offset_ps: how far the clocks may be off.
        max_drift: how much faster one may run.
        until_ps: how fine the bins become.
        false_alarm: the probability to be deceived that is put up with.

    Raises:
        NoCommonPeak: if no stretch shows a peak that chance would not, or there are too many clicks to search.
    """
    middle = int(alice[0] + (alice[-1] - alice[0]) // 2)
    levels, least, tried = _levels(alice, max_offset_ps, max_drift), 1.0, 0
    if not levels:
        rate = len(alice) / max(1, int(alice[-1] - alice[0])) * PS
        raise NoCommonPeak(
            f"{rate:.3g} clicks a second are too many to search ±{max_offset_ps / PS:g} s and a drift of "
            f"±{max_drift:g}: allow a smaller offset or drift"
        )
    for level in levels:
        tried += level.lags * len(level.drifts)
    for level in levels:
        hers = _cut(alice, middle - level.stretch_ps // 2, middle + level.stretch_ps // 2)
        reach = level.stretch_ps // 2 + max_offset_ps
        his = _cut(bob, middle - reach, middle + reach)
        if len(hers) < 2 or len(his) < 2:
            continue
        lag, drift, tail = _correlated(hers - middle, his - middle, level)
        least = min(least, tail * tried)
        if tail * tried <= false_alarm:
            return _refined(alice, bob, middle, level, (lag, drift), until_ps, tail * tried)
    raise NoCommonPeak(
        f"no common peak within ±{max_offset_ps / PS:g} s and a drift of ±{max_drift:g}: clicks without "
        f"coincidences would give the highest peak found with probability {min(least, 1.0):.2g}, allowed are "
        f"{false_alarm:g}. Allow a larger offset or drift, if the clocks may be further off; or the files are "
        "not of one source"
    )


def _levels(alice: IntArray, max_offset_ps: int, max_drift: float) -> list[_Level]:
    span = max(1, int(alice[-1] - alice[0]))
    every = span / len(alice)
    found: list[_Level] = []
    length, clicks = _SMALLEST, _FIRST_CLICKS
    while length <= _LARGEST:
        stretch = int(min(span, max(2 * max_offset_ps, clicks * every), _MOST_CLICKS * every))
        bins = max(1, ceil((stretch + 2 * max_offset_ps) / length))
        half = ceil(max_drift * stretch / bins)
        drifts: FloatArray = np.arange(-half, half + 1, dtype=np.float64) * (bins / max(stretch, 1))
        differences = (stretch / every) ** 2 * 4 * bins / max(stretch, 1)
        if len(drifts) * length <= _MOST_WORK and differences <= _MOST_DIFFERENCES:
            found.append(_Level(length, stretch, bins, drifts, 2 * (max_offset_ps // bins) + 1))
        length, clicks = 4 * length, 4 * clicks
    return found


def _cut(times: IntArray, start: int, end: int) -> IntArray:
    return times[np.searchsorted(times, start) : np.searchsorted(times, end)]


def _correlated(hers: IntArray, his: IntArray, level: _Level) -> tuple[int, float, float]:
    """The best lag in bins, its drift, and how probable a number of pairs so high is at one lag."""
    n, half = level.length, level.lags // 2
    there = fft.rfft(_counted(hers, level), workers=1).conj()
    best, highest = (0, 0.0, 1.0), 0.0
    for drift in level.drifts.tolist():
        bob = his if not drift else his - np.rint(drift * his).astype(np.int64)
        both = fft.irfft(there * fft.rfft(_counted(bob, level), workers=1), n, workers=1)
        pairs = np.concatenate([both[n - half :], both[: half + 1]]).astype(np.float64)
        mean = np.maximum(uniform_filter1d(pairs, min(len(pairs), max(65, len(pairs) // 64)), mode="nearest"), 1e-9)
        score = (pairs - mean) / np.sqrt(mean + 1)
        at = int(np.argmax(score))
        spread = max(1.0, float(np.var((pairs - mean) / np.sqrt(np.maximum(mean, 0.5)))))
        tail = float(poisson.sf(round(float(pairs[at])) / spread - 1, mean[at] / spread))
        height = float(score[at])
        if (tail, -height) < (best[2], -highest):  # tails too small for a number are all alike
            best, highest = (at - half, drift, tail), height
    return best


def _counted(times: IntArray, level: _Level) -> NDArray[np.float32]:
    return np.bincount((times // level.bin_ps) % level.length, minlength=level.length).astype(np.float32)


def _refined(
    alice: IntArray,
    bob: IntArray,
    middle: int,
    level: _Level,
    found: tuple[int, float],
    until_ps: float,
    tail: float,
) -> Peak:
    """The peak in finer and finer bins."""
    hers = _cut(alice, middle - level.stretch_ps // 2, middle + level.stretch_ps // 2)
    step, drift = float(level.bin_ps), found[1]
    center, reach = found[0] * step, 2 * step
    moments, off = differences(hers, bob, middle, center, drift, reach)
    lean = step / level.stretch_ps
    while reach > 2 * until_ps:
        step = reach / 8
        drifts = drift + np.arange(-4, 5) * (2 * lean / 4)
        best = (-1, center, drift)
        for tried in drifts.tolist():
            left = off - (tried - drift) * moments
            places = np.floor((left + reach) / step)
            inside = places[(places >= 0) & (places < 16)].astype(np.int64)
            counts = np.bincount(inside, minlength=16)
            pairs = counts[1:] + counts[:-1]
            at = int(np.argmax(pairs))
            best = max(best, (int(pairs[at]), center - reach + (at + 1) * step, tried))
        off = off + center - best[1] - (best[2] - drift) * moments
        _, center, drift = best
        reach, lean = 3 * step, 3 * lean / 8
        kept = np.abs(off) <= reach + 2 * lean * level.stretch_ps
        moments, off = moments[kept], off[kept]
    for _ in range(4):
        near = np.abs(off) <= until_ps
        if np.count_nonzero(near) < 8:
            break
        slope, mean = np.polyfit(moments[near], off[near], 1)
        off = off - mean - slope * moments
        center, drift = center + float(mean), drift + float(slope)
    return Peak(middle, center, drift, level.stretch_ps, until_ps, tail)


def differences(
    alice: IntArray, bob: IntArray, middle: int, center: float, drift: float, reach: float
) -> tuple[FloatArray, FloatArray]:
    """All pairs of clicks that nearly fit.

    Returns:
        Alice's moment less the middle, and by how much Bob's is later than
        ``moment + center + drift·(moment - middle)``, of all pairs where that is at most ``reach``.
    """
    since = (alice - middle).astype(np.float64)
    expected = alice + np.rint(center + drift * since).astype(np.int64)
    first = np.searchsorted(bob, expected - ceil(reach))
    last = np.searchsorted(bob, expected + ceil(reach), side="right")
    count = last - first
    which = np.repeat(np.arange(len(alice)), count)
    place = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + first[which]
    exact = center + drift * since[which]
    off = (bob[place] - alice[which]).astype(np.float64) - exact
    return since[which], off
