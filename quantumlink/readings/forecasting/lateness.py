"""Ends that know of their own pair late: what they are told of an operation waits for that, or comes after it.

A half that is moved for longer than the one at the relay (`Memory.move_s`), or that is corrected for longer, is not
there yet when the relay has swapped. Its end knows of both at max(own, told): the more its pair waited for the
others, the less is left of what it has to hear of its own. So the wait D of a pair for the others is split into
windows. What decays while it waits is integrated over all D; how late the end
then knows is taken to be the mean of each window. Lags that a later operation needs are rows of their own, see
`quantumlink.readings.forecasting.stages.Stage.lagging`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.readings.forecasting.joining import ROUNDING
from quantumlink.readings.forecasting.meeting import Latest, Meeting, Waiting
from quantumlink.readings.forecasting.products import Contraction
from quantumlink.timing.attempts import whole_attempts

WINDOWS = 12
"""Into how many windows of one length, and how many of one probability, the waits are split after which an end
still has to hear of its own pair."""

WITHIN = 32
"""Waits that stand for all those within one cell."""

NEGLIGIBLE = 1e-14
"""The weight of lags that are not handed on."""

Untils = Callable[[int, int, FloatArray], tuple[FloatArray, FloatArray]]
"""Of a row, a link and how long its pair waits: until when its two qubits do, after the clock."""


class Case(NamedTuple):
    """Tries in which one pair is the last and the others waited for about so long: a row each."""

    tries: tuple[int, FloatArray, FloatArray, FloatArray, FloatArray]
    """What is made: see `Meeting.tries_of`."""
    waits_s: list[FloatArray]
    """Of each link, shape (rows,): how long its pair waited, in the mean."""


class LateMeeting(Meeting):
    """Stages whose pairs are made side by side, some of whose ends know late.

    Args:
        stages: of each, what it waits for.
        late_s: of each, shape (ends, rows): how long its pair has to wait until its end knows no later than it is
            told.
        untils: see `Untils`.
    """

    def __init__(self, stages: Sequence[Waiting], late_s: Sequence[FloatArray], untils: Untils) -> None:
        super().__init__(*stages)
        self._stages, self._late_s, self._untils = stages, late_s, untils
        self._bare = [self.window.placed(stage.bare, stage.early_s)[1] for stage in stages]

    def cases(self, join: Contraction) -> list[Case]:
        """All tries, by which pair is the last one and how long the others waited."""
        found = []
        for last, latest in enumerate(self._latest):
            split = [
                [(pairs, within, np.zeros(len(latest.points_s)))] if j == last else self._windows(last, j)
                for j, (pairs, within) in enumerate(zip(latest.pairs, latest.within, strict=True))
            ]
            for chosen in product(*split):
                pairs, within, waits_s = map(list, zip(*chosen, strict=True))
                part = Latest(latest.points_s, pairs, within)
                tries = self.tries_of([part], join)
                if (tries[3] > 0).any():
                    found.append(Case(tries, waits_s))
        return found

    def _windows(self, last: int, j: int) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """The pairs of one stage that wait for the last one, within the cell, and mean waits: by windows."""
        latest, late_s = self._latest[last], self._late_s[j]
        rows = (
            np.arange(late_s.shape[1]) if self._stages[j].out_of_step else np.flatnonzero((late_s > 0).any(axis=0))
        )
        pairs, within = latest.pairs[j], latest.within[j]
        n, cells, k = pairs.shape
        if not len(rows):
            return [(pairs, within, np.zeros(n))]
        count = 2 * WINDOWS + len(late_s) + 1
        split = [np.zeros((count, n, cells, k)) for _ in range(2)]
        split[0][-1], split[1][-1] = pairs, within
        means = np.zeros((count, n))
        for row in rows.tolist():
            for parts in split:
                parts[:, row] = 0.0
            waits = self._waits(row, last, j)
            edges = waits.edges(late_s[:, row])
            window = np.searchsorted(edges, waits.times_s, side="right")
            kept = self._kept(row, last, j, waits)
            place = (window * cells + waits.cells).ravel()
            for c in range(k):
                for parts, amount in zip(split, (kept[..., c], kept[..., c] * waits.within), strict=True):
                    sums = np.bincount(place, amount.ravel(), minlength=(len(edges) + 1) * cells)
                    parts[: len(edges) + 1, row, :, c] = sums.reshape(-1, cells)
            masses = np.bincount(window, waits.masses, minlength=len(edges) + 1)
            total = np.bincount(window, waits.masses * waits.times_s, minlength=len(edges) + 1)
            means[: len(edges) + 1, row] = np.where(masses > 0, total / np.where(masses > 0, masses, 1.0), 0.0)
        return list(zip(*split, means, strict=True))

    def _kept(self, row: int, last: int, j: int, waits: _Waits) -> FloatArray:
        """What is left of the pairs that wait so long: shape (waits, k)."""
        stage = self._stages[j]
        pairs = self._bare[j][row][waits.sources] * waits.shares[:, None]
        since_s = [behind[row] for behind in stage.behind_s]
        held_s = [
            np.maximum(until + waits.times_s + behind, 0.0)
            for until, behind in zip(self._untils(row, j, waits.times_s), since_s, strict=True)
        ]
        rates, squares = stage.held.rates, stage.held.squares
        exponent = sum(
            held[:, None] * rates[end] + held[:, None] ** 2 * squares[end] for end, held in enumerate(held_s)
        )
        kept: FloatArray = pairs * np.exp(-exponent - self._lost(row, last, j, waits))
        return kept

    def _lost(self, row: int, last: int, j: int, waits: _Waits) -> FloatArray | float:
        """What attempts for the last one take meanwhile, −ln of it: shape (waits, k).

        Whole ones count; where there are many in a cell, how they stand to each other is known in the mean.
        """
        stage = self._stages[j]
        lost: FloatArray | float = 0.0
        for by, rates, once, period_s in stage.disturbed:
            if by != last:
                continue
            usable = self._there[last][0][row][waits.cells]
            heralds = usable - self._stages[last].lag_s[row] + self._stages[last].herald_s
            mine = usable - waits.times_s - stage.lag_s[row] + stage.herald_s
            count = np.maximum(whole_attempts(heralds / period_s) - whole_attempts(mine / period_s), 0.0)
            many = self._even[last][row][waits.cells] | self._even[j][row][waits.sources]
            evenly = rates * waits.times_s[:, None] - np.log(np.maximum(once, 1e-300))
            lost = lost + np.where(many[:, None], evenly, rates * period_s * count[:, None])
        return lost

    def _waits(self, row: int, last: int, j: int) -> _Waits:
        """All waits of a stage's pair for the last one."""
        until_s, points_s = self._there[last][0][row], self._there[j][0][row]
        masses, other = self._there[last][1][row, :, 0], self._there[j][1][row, :, 0]
        even, filled = self._even[last][row], self._even[j][row]
        halves = [self._widths / (2 * np.sqrt(3)) * which for which in (even, filled)]
        late, early = np.nonzero(np.tri(len(until_s), k=-1, dtype=bool) & (masses[:, None] > 0) & (other > 0))
        apart = until_s[late] - points_s[early]
        found = []
        for signs in product((-1, 1), repeat=2):  # of two even distributions, Gauss's two points each
            times_s = np.maximum(apart + signs[0] * halves[0][late] + signs[1] * halves[1][early], 0.0)
            found.append((times_s, late, early, 0.25, 0.0))
        both = np.flatnonzero(even & filled)
        for part in range(WITHIN):  # the difference of two that are anywhere in one cell
            u = 1 - np.sqrt(1 - (part + 0.5) / WITHIN)
            found.append((u * self._widths[both], both, both, 0.5 / WITHIN, 1.0))
        wait = until_s - points_s
        single = np.flatnonzero(~(even & filled) & ((wait > 0) if j < last else (wait >= 0)))
        found.append((wait[single], single, single, 1.0, 0.0))
        return _Waits.of(found, masses, other)


class _Waits(NamedTuple):
    """How long pairs wait for a last one: one after the other."""

    times_s: FloatArray
    """How long."""
    cells: IndexArray
    """In which cell the last one is there."""
    sources: IndexArray
    """From which cell the pair is."""
    shares: FloatArray
    """Which part of what is there in that cell."""
    within: FloatArray
    """1 if more of them are there the later in its cell the last one comes."""
    masses: FloatArray
    """How probable."""

    @classmethod
    def of(
        cls,
        parts: Sequence[tuple[FloatArray, IndexArray, IndexArray, float, float]],
        masses: FloatArray,
        other: FloatArray,
    ) -> _Waits:
        """Those of some kinds."""
        times_s, cells, sources = (np.concatenate([part[i] for part in parts]) for i in range(3))
        counts = [len(part[0]) for part in parts]
        shares, within = (np.repeat([part[i] for part in parts], counts) for i in (3, 4))
        return cls(times_s, cells, sources, shares, within, masses[cells] * other[sources] * shares)

    def edges(self, late_s: FloatArray) -> FloatArray:
        """Where one window ends and the next begins: where an end is no longer late, and evenly before that."""
        bounds = np.unique(late_s[late_s > 0])
        if not len(bounds):
            return bounds
        before = np.flatnonzero(self.times_s < bounds[-1])
        if not len(before):
            return bounds
        found: FloatArray = np.unique(
            np.concatenate([bounds, _borders(self.times_s[before], self.masses[before], WINDOWS)])
        )
        return found


def _borders(values: FloatArray, weights: FloatArray, count: int) -> FloatArray:
    """Between some values: so many ranges of one length, and so many of one weight."""
    likely = weights > NEGLIGIBLE * weights.sum()
    if not likely.any():
        return values[:0]
    values, weights = values[likely], weights[likely]
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    parts = np.arange(1, count) / count
    even = values.min() + parts * (values.max() - values.min())
    return np.concatenate([even, values[order[np.searchsorted(total, total[-1] * parts)]]])


def lags_together(lags_s: FloatArray, weights: FloatArray, kept: int) -> IndexArray:
    """Which rows are handed on together: shape (rows,), numbered from 0.

    Args:
        lags_s: shape (ends, rows).
        weights: shape (rows,).
        kept: into how many ranges of one length, and how many of one weight, the lags of an end are split.
    """
    kinds = np.array([_kinds(lag_s, weights, kept) for lag_s in lags_s])
    return np.unique(kinds, axis=1, return_inverse=True)[1].reshape(-1)


def _kinds(lags_s: FloatArray, weights: FloatArray, kept: int) -> IndexArray:
    """0 for the least lag; the others by the range in which each is."""
    least = lags_s.min()
    longer = lags_s > least + ROUNDING * (abs(least) + np.abs(lags_s))
    found = np.zeros(len(lags_s), dtype=np.intp)
    values = np.unique(lags_s[longer])
    if len(values) > 2 * kept:
        values = np.unique(_borders(lags_s[longer], weights[longer], kept))
    found[longer] = 1 + np.searchsorted(values, lags_s[longer], side="right")
    return found
