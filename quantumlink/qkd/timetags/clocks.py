"""One clock followed by another through all of a run, by the coincidences themselves.

From the peak that `find_peak` found, the difference is followed to both ends of the run, piece by piece. Each
piece is long enough for some hundred coincidences, and what it says must lie within the reach of what the pieces
before it foretell. Pieces that show too few (the light was off, or the lock is lost) are bridged by the drift, and
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.qkd.timetags.clock_search import NoCommonPeak, Peak, differences, find_peak
from quantumlink.qkd.timetags.tags import PS

_PAIRS_A_PIECE: Final = 300
_MOST_PIECES: Final = 5_000
_REMEMBERED: Final = 6
_SIGNIFICANT: Final = 5.0
_SMEARED: Final = 20
"""Windows, each way, in which the pairs of the first stretch are looked for; as many further out are chance."""


@dataclass(frozen=True, eq=False)
class ClockAlignment:
    """How Bob's clock reads against Alice's."""

    moments_ps: FloatArray
    """Moments on Alice's clock, rising, shape (pieces,)."""
    differences_ps: FloatArray
    """Bob's reading less Alice's at each."""
    locked: BoolArray
    """Whether each piece showed coincidences; the others are foretold by their neighbors."""
    drift: float
    """How much faster Bob's clock runs in the middle of the run."""
    false_alarm: float
    """Probability at most that clicks without any coincidences would have been taken to fit."""

    @property
    def offset_s(self) -> float:
        """Bob's reading less Alice's about the middle of the run."""
        return float(self.differences_ps[len(self.differences_ps) // 2]) / PS

    @property
    def locked_share(self) -> float:
        """Share of the pieces that showed coincidences."""
        return float(np.mean(self.locked))

    def to_alice(self, times_ps: ArrayLike) -> IntArray:
        """Bob's readings as Alice's clock would have shown them, in picoseconds."""
        bob = np.asarray(times_ps, dtype=np.int64)
        knots = self.moments_ps + self.differences_ps
        base = float(self.differences_ps[len(self.differences_ps) // 2])
        values = self.differences_ps - base
        if len(knots) == 1:
            slopes = (self.drift, self.drift)
        else:
            every = np.diff(values) / np.diff(knots)
            slopes = (float(every[0]), float(every[-1]))
        readings = bob.astype(np.float64)
        shift = np.interp(readings, knots, values)
        early, late = readings < knots[0], readings > knots[-1]
        shift[early] += slopes[0] * (readings[early] - knots[0])
        shift[late] += slopes[1] * (readings[late] - knots[-1])
        whole = int(np.floor(base))
        found: IntArray = bob - whole - np.rint(shift + (base - whole)).astype(np.int64)
        return found


def align_clocks(
    alice_ps: ArrayLike,
    bob_ps: ArrayLike,
    *,
    window_s: float = 1e-9,
    max_offset_s: float = 1.0,
    max_drift: float = 1e-6,
    false_alarm: float = 1e-9,
) -> ClockAlignment:
    """Find how Bob's clock reads against Alice's, by the coincidences in their clicks.

    Args:
        alice_ps: moments of Alice's detections in picoseconds of her clock, rising.
        bob_ps: moments of Bob's, of his.
        window_s: width of the window in which coincidences will be counted; the full width of the peak or so.
        max_offset_s: how far the clocks may be off, at most 1000 s.
        max_drift: how much faster one may run than the other, at most 1e-4.
        false_alarm: probability, in (0, 1), with which clicks without any coincidences may be taken to fit.

    Raises:
        NoCommonPeak: if the clicks show no coincidences that chance would not.
        ValueError: if an argument is out of range, or moments fall.

    >>> rng = np.random.default_rng(1)
    >>> pairs = np.sort(rng.integers(0, 10**12, 20_000))
    >>> found = align_clocks(pairs, np.rint(pairs * (1 + 2e-7)).astype(np.int64) + 123_456_789)
    >>> round(found.offset_s, 8), round(found.drift, 9), found.false_alarm < 1e-9
    (0.00012356, 2e-07, True)
    """
    alice, bob = _moments("alice_ps", alice_ps), _moments("bob_ps", bob_ps)
    window_ps = validation.positive("window_s", window_s, at_most=1e-3) * PS
    peak = find_peak(
        alice,
        bob,
        max_offset_ps=int(validation.positive("max_offset_s", max_offset_s, at_most=1000.0) * PS),
        max_drift=validation.number("max_drift", max_drift, at_least=0.0, at_most=1e-4),
        until_ps=window_ps,
        false_alarm=validation.tolerance("false_alarm", false_alarm),
    )
    return _followed(alice, bob, peak, window_ps)


def _moments(name: str, values: ArrayLike) -> IntArray:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "ui" or len(array) < 2:
        raise ValueError(f"{name} must be two whole numbers or more, got shape {array.shape} of {array.dtype}")
    array = array.astype(np.int64, copy=False)
    if (array[1:] < array[:-1]).any():
        raise ValueError(f"{name} must not fall")
    return array


@dataclass(frozen=True)
class _Run:
    alice: IntArray
    bob: IntArray
    window_ps: float

    def measure(self, start: int, end: int, center: float, drift: float) -> float | None:
        """By how much Bob is later than foretold in a piece; None if it shows too few coincidences."""
        first, last = np.searchsorted(self.alice, [start, end])
        middle, reach = (start + end) // 2, 4 * self.window_ps
        _, off = differences(self.alice[first:last], self.bob, middle, center, drift, reach)
        if not len(off):
            return None
        # the fullest window within reach, then its mean
        off = np.sort(off)
        held = np.searchsorted(off, off + self.window_ps, side="right") - np.arange(len(off))
        at = float(off[int(np.argmax(held))]) + self.window_ps / 2
        count = int(held.max())
        by_chance = (len(off) - count) / 7
        if count - by_chance < _SIGNIFICANT * sqrt(count + by_chance):
            return None
        for _ in range(3):
            at = float(off[np.abs(off - at) <= self.window_ps].mean())
        return at


def _followed(alice: IntArray, bob: IntArray, peak: Peak, window_ps: float) -> ClockAlignment:
    run = _Run(alice, bob, window_ps)
    half = peak.stretch_ps // 2
    _, off = differences(
        alice[slice(*np.searchsorted(alice, [peak.moment_ps - half, peak.moment_ps + half]))],
        bob,
        peak.moment_ps,
        peak.difference_ps,
        peak.drift,
        2 * _SMEARED * window_ps,
    )
    # a clock that changes its rate smears the peak over the stretch, and there must be no fewer pairs for that
    near = int(np.count_nonzero(np.abs(off) <= _SMEARED * window_ps))
    pairs = max(1.0, 2 * near - len(off))
    span = int(alice[-1] - alice[0]) + 1
    piece = int(min(peak.stretch_ps, max(_PAIRS_A_PIECE * peak.stretch_ps / pairs, span / _MOST_PIECES)))
    piece = max(1, piece)
    forth = _one_way(run, peak, piece, int(alice[-1]), +1)
    back = _one_way(run, peak, piece, int(alice[0]), -1)
    rows = [*reversed(back), *forth]
    locked = np.array([seen for _, _, seen in rows])
    if not locked.any():
        raise NoCommonPeak("a peak was found, and no piece of the run shows coincidences there")
    return ClockAlignment(
        np.array([moment for moment, _, _ in rows]),
        np.array([value for _, value, _ in rows]),
        locked,
        peak.drift,
        peak.false_alarm,
    )


def _one_way(run: _Run, peak: Peak, piece: int, until: int, way: int) -> list[tuple[float, float, bool]]:
    """Moments, differences, and whether coincidences were seen, from the middle outwards."""
    rows: list[tuple[float, float, bool]] = []
    seen: list[tuple[float, float]] = []
    drift, center, at = peak.drift, peak.difference_ps, float(peak.moment_ps)
    start = peak.moment_ps
    while (until - start) * way >= 0:
        end = start + way * piece
        low, high = min(start, end), max(start, end)
        middle = (low + high) / 2
        expected = center + drift * (middle - at)
        error = run.measure(low, high, expected, drift)
        if error is not None:
            seen = [*seen[1 - _REMEMBERED :], (middle, expected + error)]
            center, at = expected + error, middle
            if len(seen) > 2:
                moments, values = np.array(seen).T
                drift, mean = np.polyfit(moments - middle, values - center, 1)
                drift, center = float(drift), center + float(mean)
        rows.append((middle, expected + (error or 0.0), error is not None))
        start = end
    return rows
