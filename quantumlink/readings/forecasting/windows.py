"""Windows: the cells in which the pairs of several stages meet, from before all can be there.

Where pairs can only be used a while after others, and by then come much closer together than that, the moments of
all are counted from then on. Who came before has negative moments: their cells are as wide as those of positive
ones, down to the first moment at which all may be there; nothing between matters, as nothing is made before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.timing.arrivals import CELLS, EDGES_S, cell_of, points_of

NEIGHBORLY = 0.2
"""A cell whose neighbors hold less than this part of what it holds is not filled evenly."""


SOON = 0.25
"""A part of all pairs, so many that a grid has to tell of them."""

COARSE = 3.0
"""A grid that begins so many times earlier than some pairs come is too coarse for them."""

NEAR = 30.0
"""What is nearer than such a part of the moments is at one moment."""

NOTHING = 1e-15
"""What is less probable than this is rounding."""

RARE = 1e-9
"""The moment of what is less probable than this is not told exactly."""


class Pairs(NamedTuple):
    """When pairs are there, in cells, and what they are."""

    first: int
    """The first cell."""
    points_s: FloatArray
    """Shape (n, cells)."""
    coefficients: FloatArray
    """Shape (n, cells, k)."""


class Counted(NamedTuple):
    """The pairs of a stage, and from when their moments count."""

    pairs: Pairs
    early_s: FloatArray
    """Shape (n,): how much earlier than that its pairs can be used; in each row, not those of one stage."""


class Window:
    """Cells that hold the moments of several stages."""

    def __init__(self, several: Sequence[Counted]) -> None:
        self.first = min(one.pairs.first for one in several)
        last = max(one.pairs.first + one.pairs.points_s.shape[1] for one in several)
        self.before = 0
        """How many cells there are of negative moments."""
        self.center: IntArray = np.zeros(1, dtype=np.intp)
        """Shape (n,): the first cell in which a pair may be the last one; what is nearer to 0 is at one moment."""
        earliest_s = max(float(one.early_s.max()) for one in several)
        if earliest_s > 0:
            self.center = np.minimum.reduce([_center(one) for one in several])
            least = int(self.center.min())
            self.first = min(self.first, least)
            most = min(max(cell_of(earliest_s) + 1, least), CELLS)
            self.before = most - least + 1
        self.edges_s: FloatArray = EDGES_S[self.first : last + 1]
        """Shape (cells + 1,): the borders of the cells."""
        if self.before:
            self.edges_s = np.concatenate([-EDGES_S[least : most + 1][::-1], self.edges_s])

    def placed(self, pairs: Pairs, early_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points and coefficients of a stage's pairs, so much earlier, in these cells.

        Of a row it does not matter which others there are.
        """
        n, k = len(pairs.points_s), pairs.coefficients.shape[2]
        early_s = np.broadcast_to(early_s, n)
        behind = len(self.edges_s) - 1 - self.before - (pairs.first - self.first) - pairs.points_s.shape[1]
        if pairs.first == self.first and not behind and not self.before:
            return pairs.points_s, pairs.coefficients
        points_s = np.repeat(self.edges_s[None, :-1], n, axis=0)
        coefficients = np.zeros((n, len(self.edges_s) - 1, k))
        begin = self.before + pairs.first - self.first
        mine = slice(begin, begin + pairs.points_s.shape[1])
        points_s[:, mine], coefficients[:, mine] = pairs.points_s, pairs.coefficients
        early = np.flatnonzero(early_s)
        if len(early):
            chosen = Pairs(pairs.first, pairs.points_s[early], pairs.coefficients[early])
            points_s[early], coefficients[early] = self._earlier(chosen, early_s[early], self.center[early])
        return points_s, coefficients

    def _earlier(self, pairs: Pairs, early_s: FloatArray, center: IntArray) -> tuple[FloatArray, FloatArray]:
        """Pairs that come earlier than they are told to; where they fill a cell, evenly in it."""
        first, points_s, coefficients = pairs
        cells = points_s.shape[1]
        own_s = EDGES_S[first : first + cells + 1]
        near_s = EDGES_S[center][:, None]
        borders_s = np.where(np.abs(self.edges_s[1:-1]) < near_s, -near_s, self.edges_s[1:-1])
        ends_s = borders_s + early_s[:, None]
        cell = np.clip(np.searchsorted(own_s, ends_s, side="right") - 1, 0, cells - 1)
        masses = coefficients[..., 0]
        mass, point = (np.take_along_axis(x, cell, axis=1) for x in (masses, points_s))
        evenly = np.take_along_axis(filled(masses), cell, axis=1)
        width = np.diff(own_s)[cell]
        part = np.where(evenly, np.clip((ends_s - own_s[cell]) / width, 0.0, 1.0), point < ends_s)
        columns = np.concatenate([coefficients, (masses * (points_s - early_s[:, None]))[..., None]], axis=2)
        sums = np.zeros((len(points_s), cells + 1, columns.shape[2]))
        np.cumsum(columns, axis=1, out=sums[:, 1:])
        here = np.take_along_axis(columns, cell[..., None], axis=1) * part[..., None]
        # Of what is evenly in a cell, an earlier part is earlier in the mean.
        here[..., -1] -= mass * part * (1 - part) * width / 2 * evenly
        by = np.take_along_axis(sums, cell[..., None], axis=1) + here
        found = np.diff(by, axis=1, prepend=0.0, append=sums[:, -1:])
        placed, moments = found[..., :-1], found[..., -1]
        nothing = placed[..., 0] <= NOTHING
        placed[nothing] = 0.0
        points = np.where(nothing, self.edges_s[:-1], moments / np.where(nothing, 1.0, placed[..., 0]))
        # Where next to nothing is there, its moment is rounding.
        rare = placed[..., 0] < RARE
        np.maximum(points[:, 1:], borders_s, out=points[:, 1:], where=rare[:, 1:])
        np.minimum(points[:, :-1], borders_s, out=points[:, :-1], where=rare[:, :-1])
        return points, placed


def _soon_s(points_s: FloatArray, masses: FloatArray) -> FloatArray:
    """When some pairs have come: shape (n,)."""
    total = np.cumsum(masses, axis=1)
    cell = (total >= SOON * total[:, -1:]).argmax(axis=1)
    return np.asarray(points_s[np.arange(len(cell)), cell])


def _center(one: Counted) -> IntArray:
    """Shape (n,): a cell before the first ones in which this stage's pairs are, if they are not earlier."""
    masses = one.pairs.coefficients[..., 0]
    first = one.pairs.first + (masses > 0).argmax(axis=1)
    soon = np.searchsorted(EDGES_S, _soon_s(one.pairs.points_s, masses) / NEAR, side="right") - 1
    found: IntArray = np.where(one.early_s > 0, CELLS, np.maximum(np.minimum(first, soon), 1))
    return found


def counted_from_s(clocks: Sequence[tuple[FloatArray, FloatArray]], used_s: Sequence[FloatArray]) -> FloatArray:
    """From when the moments are counted at which the pairs of several stages can be used: shape (n,).

    From the least of their lags, unless a grid from there on is too coarse for what comes after the largest one.

    Args:
        clocks: of each, points and masses, shape (n, cells).
        used_s: of each, shape (n,), how much later than its clock its pairs can be used.
    """
    least, most = np.asarray(np.minimum.reduce(used_s)), np.asarray(np.maximum.reduce(used_s))
    apart = most - least
    if not apart.any():
        return least
    some_s = np.maximum.reduce([_soon_s(*clock) + lag for clock, lag in zip(clocks, used_s, strict=True)]) - most
    return np.where(COARSE * some_s < apart, most, least)


def filled(masses: FloatArray) -> BoolArray:
    """Which cells a distribution fills: those whose neighbors hold about as much, unlike one attempt of a clock."""
    found = np.zeros(masses.shape, dtype=bool)
    found[:, 1:-1] = np.minimum(masses[:, :-2], masses[:, 2:]) > masses[:, 1:-1] * NEIGHBORLY
    return found


def later(pairs: Pairs, lag_s: FloatArray) -> Pairs:
    """The same pairs some time later; where they fill a cell, evenly in it."""
    if not lag_s.any():
        return pairs
    first, points_s, coefficients = pairs
    masses = coefficients[..., 0]
    n, k = len(masses), coefficients.shape[2]
    rows, cells = np.nonzero(masses)
    even = filled(masses)[rows, cells]
    times_s, amounts = points_s[rows, cells] + lag_s[rows], coefficients[rows, cells]
    begin_s, width_s = EDGES_S[first + cells] + lag_s[rows], np.diff(EDGES_S)[first + cells]
    place = _cells_of(np.where(even, begin_s, times_s))
    # Cells grow wider the later they are: what fills one comes to two at most.
    part = np.where(even, (begin_s + width_s - EDGES_S[place + 1]) / width_s, 0.0)
    over = np.flatnonzero(part > 0)
    part = part[over]
    # An even part is as much earlier or later than all as the other part is long.
    later_s = times_s[over] + (1 - part) * width_s[over] / 2
    times_s[over] -= part * width_s[over] / 2
    place = np.concatenate([place, np.minimum(place[over] + 1, CELLS - 1)])
    times_s, rows = np.concatenate([times_s, later_s]), np.concatenate([rows, rows[over]])
    upper = amounts[over] * part[:, None]
    amounts[over] -= upper
    amounts = np.concatenate([amounts, upper])
    start = int(place.min())
    width = int(place.max()) - start + 1
    place += rows * width - start
    columns = [*amounts.T, amounts[:, 0] * times_s]
    found = [np.bincount(place, x, n * width).astype(float).reshape(n, width) for x in columns]
    moved = np.stack(found[:k], axis=-1)
    return Pairs(start, points_of(start, moved[..., 0], found[k]), moved)


def _cells_of(times_s: FloatArray) -> IntArray:
    """In which cells some moments are."""
    found: IntArray = np.minimum(np.searchsorted(EDGES_S, times_s, side="right"), CELLS) - 1
    return found
