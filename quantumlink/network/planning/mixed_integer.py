"""Integer programmes that grow: variables from 0 on with prices, rows of conditions, and their least cost by HiGHS.

References:
    Q. Huangfu, J. A. J. Hall, Math. Prog. Comput. 10, 119 (2018): HiGHS.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from math import inf
from typing import Self

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from quantumlink.arrays import FloatArray

Terms = Iterable[tuple[int, float]]


@dataclass(frozen=True)
class Found:
    """What was found."""

    x: FloatArray | None
    """The best variables; None if there are none, or none were found."""
    value: float
    at_least: float
    """No variables cost less."""
    impossible: bool
    """Whether there are none."""


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

    def least(self, time_limit_s: float, gap: float) -> Found:
        """The variables that cost least.

        Args:
            time_limit_s: how long to look.
            gap: relative difference from the least that is accepted as none.
        """
        rows, columns, values = zip(*self._entries, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self._low), len(self._prices)))
        found = milp(
            np.array(self._prices), integrality=np.array(self._whole), bounds=Bounds(0, np.array(self._upper)),
            constraints=LinearConstraint(matrix, self._low, self._high),
            options={"time_limit": time_limit_s, "mip_rel_gap": gap},
        )  # fmt: skip
        bound = getattr(found, "mip_dual_bound", None)
        at_least = -inf if bound is None else float(bound)
        if found.x is None:
            return Found(None, inf, at_least, found.status == 2)
        return Found(found.x, float(found.fun), at_least, impossible=False)
