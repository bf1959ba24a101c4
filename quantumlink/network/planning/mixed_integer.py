"""Integer programmes that grow: variables from 0 on with prices, and rows of conditions."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from math import inf
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from quantumlink.network.integer_programme import IntegerProgramme, Solution

Terms = Iterable[tuple[int, float]]


class MixedInteger:
    """Columns and rows."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, float]] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._prices: list[float] = []
        self._upper: list[float] = []
        self._whole: list[int] = []

    def column(self, price: float = 0.0, upper: float = 1.0, *, whole: bool = True) -> int:
        """A new variable, from 0 on."""
        self._prices.append(price)
        self._upper.append(upper)
        self._whole.append(int(whole))
        return len(self._prices) - 1

    def row(self, terms: Terms, low: float, high: float) -> int:
        """A new condition: the sum of the terms lies between two numbers."""
        number = len(self._low)
        self._entries += [(number, column, value) for column, value in terms]
        self._low.append(low)
        self._high.append(high)
        return number

    def costs_at_most(self, most: float) -> None:
        """A new condition: all that has a price costs no more."""
        self.row(((i, price) for i, price in enumerate(self._prices) if price), -inf, most)

    def twin(self) -> Self:
        """One like this, which grows by itself."""
        other = copy(self)
        for name in ("_entries", "_low", "_high", "_prices", "_upper", "_whole"):
            setattr(other, name, list(getattr(self, name)))
        return other

    def least(self, time_limit_s: float, gap: float) -> Solution:
        """The variables that cost least.

        Args:
            time_limit_s: how long to look.
            gap: relative difference from the least that is accepted as none.
        """
        rows, columns, values = zip(*self._entries, strict=True)
        upper = np.array(self._upper)
        whole = IntegerProgramme(
            np.array(self._prices), np.array(self._whole), (np.zeros(len(upper)), upper),
            csr_array((values, (rows, columns)), shape=(len(self._low), len(upper))),
            np.array(self._low), np.array(self._high),
        )  # fmt: skip
        return whole.solve(time_limit_s, gap)
