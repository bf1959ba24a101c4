"""Pairs that are made one after the other: when all are there, and what is made of them then.

Of one alternative every moment of a pair is combined with every one of the next: products of coefficients are what
is carried on, as those before wait for each pair that follows. What decays as exp(−q·t²) feels a wait more after an
earlier one, so of three such pairs every moment of the second is followed by itself. See `followed` for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.readings.forecasting.in_the_mean import blurred, in_turn_in_the_mean
from quantumlink.readings.forecasting.meeting import Ensemble, Waiting, failures, trimmed
from quantumlink.readings.forecasting.products import Contraction, Summed
from quantumlink.timing.arrivals import EDGES_S, points_of


def made_in_turn(stages: Sequence[Waiting], join: Contraction, *, alone: bool = True) -> Ensemble:
    """The tries of an operation whose pairs are made one after the other, the last one used at once.

    Each begins when the one before is there.

    Args:
        stages: the pairs, in turn.
        join: what is made of them.
        alone: whether each row is to be followed on its own.
    """
    if not (alone and isinstance(join, Summed) and followed(stages, join)):
        return in_turn_in_the_mean(stages, join)
    course = _InTurn(stages, join)
    rows = [course.found(row) for row in range(len(stages[0].points_s))]
    first = min(start for start, *_ in rows)
    last = max(start + len(tried) for start, _, tried in rows)
    tried = np.zeros((len(rows), last - first, rows[0][2].shape[1]))
    pairs = np.zeros((len(rows), last - first, rows[0][1].shape[1]))
    for row, (start, made, times) in enumerate(rows):
        mine = slice(start - first, start - first + len(times))
        pairs[row, mine], tried[row, mine] = made, times
    masses, times_s, done = np.moveaxis(tried, 2, 0)
    return Ensemble(*trimmed(first, pairs, done), failures(masses, times_s, pairs, done))


def followed(stages: Sequence[Waiting], join: Contraction) -> bool:
    """Whether pairs made in turn are followed at every moment.

    Not where their states are carried through a circuit, nor where more than three of them wait whose decay is not
    exponential.
    """
    gaussian = any(stage.squares.any() for stage in stages[:-2])
    return isinstance(join, Summed) and not (gaussian and len(stages) > 3)


def left_out(stages: Sequence[Waiting], join: Contraction) -> float:
    """By about which part coherences are too low as pairs made in turn are not followed; 0: they are."""
    return 0.0 if followed(stages, join) else blurred(stages)


class _Products(NamedTuple):
    """Products of the coefficients of the pairs that are there, which the result depends on."""

    before: IndexArray
    """Shape (k,): of each, which product of the pairs but the last one."""
    places: IndexArray
    """Shape (k, pairs): which coefficients."""


class _InTurn:
    """The pairs in turn, and what is made of them."""

    def __init__(self, stages: Sequence[Waiting], join: Summed) -> None:
        self._stages = stages
        # That of the ones tells how probable the moments are.
        self._places = np.vstack([np.zeros((1, len(stages)), dtype=np.intp), np.stack(join.places, axis=1)])
        self._weights = np.vstack([np.zeros((1, len(join.support))), join.weights])
        self._products = [self._of_first(count) for count in range(1, len(stages))]
        self._all = _Products(_index_of(self._places[:, :-1]), self._places)

    def _of_first(self, count: int) -> _Products:
        """The products of the first pairs."""
        places = np.unique(self._places[:, :count], axis=0)
        if count == 1:
            return _Products(np.zeros(len(places), dtype=np.intp), places)
        return _Products(_index_of(places[:, :-1]), places)

    def found(self, row: int) -> tuple[int, FloatArray, FloatArray]:
        """Of one row: the first cell; pairs, shape (cells, k); and three masses, shape (cells, 3).

        Moments are sums of clocks: the lags of all come once the last one is there.

        What is tried, that times its moments, and what succeeds times its moments.
        """
        moments_s, coefficients = self._pair(0, row)
        values = coefficients[:, self._products[0].places[:, 0]]
        last = len(self._stages) - 1
        for count in range(1, last):
            others_s, factors = self._joining(row, count, self._products[count])
            lag_s = float(self._stages[count].lag_s[row])
            if last == 2 and self._stages[0].squares.any():
                return _put_together(
                    [
                        self._last(
                            row, moments_s + other_s, values[:, self._products[1].before] * mine, other_s + lag_s
                        )
                        for other_s, mine in zip(others_s.tolist(), factors, strict=True)
                    ]
                )
            times_s = (moments_s[:, None] + others_s).ravel()
            products = values[:, None, self._products[count].before] * factors
            first, sums = _in_cells(times_s, products.reshape(len(times_s), -1), 0)
            there = sums[:, 0] > 0
            values = sums[there, :-1]
            moments_s = points_of(first, sums[None, :, 0], sums[None, :, -1])[0, there]
        return self._last(row, moments_s, values)

    def _pair(self, link: int, row: int) -> tuple[FloatArray, FloatArray]:
        """The clock of one, where it may be at all, and its coefficients."""
        stage = self._stages[link]
        there = stage.coefficients[row, :, 0] > 0
        return stage.points_s[row, there], stage.coefficients[row, there]

    def _joining(
        self, row: int, count: int, products: _Products, earlier_s: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """The clock of the next pair, and by what each product of those before is then multiplied.

        Args:
            row: which row.
            count: how many pairs are there before.
            products: with the next one.
            earlier_s: how long the first one has waited for others.
        """
        times_s, coefficients = self._pair(count, row)
        factors = coefficients[:, products.places[:, count]]
        waits_s = (times_s + self._stages[count].lag_s[row])[:, None]
        for link, stage in enumerate(self._stages[:count]):
            place = products.places[:, link]
            more, once = stage.disturbed_by(count)
            squares = stage.squares[row % len(stage.squares)]
            rates = stage.rates[row % len(stage.rates)] + more
            rates = np.broadcast_to(rates, (*np.shape(rates)[:-1], len(squares))).reshape(-1, len(squares))
            rates = rates[row % len(rates)] + (2 * squares * earlier_s if link == 0 else 0.0)
            kept = once * np.exp(-waits_s * rates - waits_s**2 * squares)
            factors = factors * kept[:, place]
        return times_s, factors

    def _last(
        self, row: int, moments_s: FloatArray, values: FloatArray, earlier_s: float = 0.0
    ) -> tuple[int, FloatArray, FloatArray]:
        """As `found`, when only the last pair is missing."""
        last = len(self._stages) - 1
        others_s, factors = self._joining(row, last, self._all, earlier_s)
        tells = np.hstack([self._weights, np.zeros((len(self._weights), 1))])  # and whether it is tried at all
        tells[0, -1] = 1.0
        made = np.zeros((values.shape[1], len(others_s), tells.shape[1]))
        np.add.at(made, self._all.before, factors.T[:, :, None] * tells[:, None, :])
        results = (values @ made.reshape(len(made), -1)).reshape(-1, tells.shape[1])
        times_s = (moments_s[:, None] + others_s).ravel()
        first, sums = _in_cells(times_s, results, -1, 0)
        return first, sums[:, :-3], sums[:, -3:]


def _index_of(rows: IndexArray) -> IndexArray:
    """Of each row, which one of the different rows it is, in their order."""
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1], dtype=np.intp).reshape(-1)


def _in_cells(times_s: FloatArray, values: FloatArray, *masses: int) -> tuple[int, FloatArray]:
    """The first cell; in each, sums of values of shape (times, k), and then of some of them times moments."""
    cells = np.clip(np.searchsorted(EDGES_S, times_s, side="right") - 1, 0, len(EDGES_S) - 2)
    first, width = int(cells.min()), int(cells.max() - cells.min()) + 1
    columns = [*values.T, *(values[:, mass] * times_s for mass in masses)]
    return first, np.stack([np.bincount(cells - first, column, width) for column in columns], axis=1)


def _put_together(several: Sequence[tuple[int, FloatArray, FloatArray]]) -> tuple[int, FloatArray, FloatArray]:
    """The sums of several, as of `_InTurn.found`."""
    first = min(start for start, *_ in several)
    last = max(start + len(pairs) for start, pairs, _ in several)
    found = [np.zeros((last - first, several[0][k].shape[1])) for k in (1, 2)]  # type: ignore[union-attr]
    for start, *parts in several:
        for total, part in zip(found, parts, strict=True):
            total[start - first : start - first + len(part)] += part
    return first, found[0], found[1]
