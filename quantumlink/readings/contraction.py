"""Contractions: a primitive's map, restricted to what its inputs can hold, applied to many pairs at once.

A map has 16 × 256 entries. Nearly all are zero where gates are Clifford and errors are Pauli, and of the others few
are met by pairs that are Bell-diagonal. Which coefficients a pair can have is its support: a bit mask of 16 bits,
bit 4P + Q for the coefficient Tr(P⊗Q·ρ).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import BoolArray, FloatArray, IndexArray
from quantumlink.hardware import Memory

BELL_SUPPORT = 1 << 0 | 1 << 5 | 1 << 10 | 1 << 15
"""The support of a Bell-diagonal pair: II, XX, YY, ZZ."""

EVERYTHING = (1 << 16) - 1
"""The support of a pair that may be anything."""

ROUNDING = 1e-15
"""Entries of a map below this are rounding of zero."""

MOST_PRODUCTS = 8192
"""Products of coefficients up to which an operation is kept as a sum over them; else states are carried."""

GENERIC_ROUNDING = 1e-13
"""A coefficient of states in general position below this part of the largest one is rounding of zero."""

CERTAIN = 1e-12
"""A map whose trace row is that close to the identity's never fails: it loses nothing but rounding."""

_ROWS = 1 << 12
"""Pairs of pairs contracted at once: at most 8 MB of products."""


@dataclass(frozen=True, eq=False)
class Contraction:
    """out = Σ_k first[k-th coefficient]·second[k-th coefficient]·weights[k], over products that matter."""

    first: IndexArray
    """Shape (K,): which coefficient of the first pair."""
    second: IndexArray
    """Shape (K,): which coefficient of the second pair."""
    weights: FloatArray
    """Shape (K, 16)."""
    certain: bool
    """Whether it preserves the trace, exactly: its primitive accepts always."""

    @classmethod
    def of(cls, matrix: FloatArray, first_support: int, second_support: int) -> Contraction:
        """The contraction of a map, shape (16, 256), for pairs of given supports."""
        weights = without_rounding(matrix)
        identity = np.zeros(256)
        identity[0] = 1.0
        certain = bool(np.abs(weights[0] - identity).max() < CERTAIN)
        if certain:  # else rounding would add up over a long chain
            weights[0] = identity
        met = np.outer(_bits(first_support), _bits(second_support)).reshape(256)
        columns = np.flatnonzero(met & weights.any(axis=0))
        first, second = np.divmod(columns, 16)
        return cls(first, second, np.ascontiguousarray(weights.T[columns]), certain)

    @cached_property
    def support(self) -> int:
        """What the result can hold."""
        return support_of(np.asarray(self.weights.any(axis=0)))

    def __call__(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Contract pairs, not normalized: shapes (..., 16), with leading axes that broadcast."""
        a, b = first.take(self.first, axis=-1), second.take(self.second, axis=-1)
        products = a * b
        if products.ndim == 2:
            return products @ self.weights
        # One product of two matrices: numpy would make one of each of the leading axes.
        return (products.reshape(-1, len(self.first)) @ self.weights).reshape(*products.shape[:-1], 16)

    def many(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """The same for shapes (n, points, 16), a few at a time: the products take bounded memory."""
        n, points = len(first), max(first.shape[1], second.shape[1])
        step = max(1, _ROWS // max(points, 1))
        if n <= step:
            return self(first, second)
        parts = [self(first[start : start + step], second[start : start + step]) for start in range(0, n, step)]
        return np.concatenate(parts)


def without_rounding(entries: FloatArray) -> FloatArray:
    """Entries of maps, those that are rounding of zero as zero."""
    return np.where(np.abs(entries) > ROUNDING, entries, 0.0)


def support_of(coefficients: npt.NDArray[Any]) -> int:
    """The support of a pair with these coefficients, shape (16,)."""
    return sum(1 << int(i) for i in np.flatnonzero(coefficients))


def relaxed_support(support: int, left: Memory, right: Memory) -> int:
    """The support of a pair that waited: relaxation turns what was I into Z."""
    held = _bits(support).reshape(4, 4).copy()
    if left.relaxes:
        held[3] |= held[0]
    if right.relaxes:
        held[:, 3] |= held[:, 0]
    return support_of(held.reshape(16))


def carried_support(carries: Callable[..., FloatArray], supports: Sequence[int]) -> int:
    """The support of the pair that comes of pairs with those supports.

    A coefficient is told from rounding by carrying states in general position.
    """
    rng = np.random.default_rng(7)
    pairs = [rng.uniform(0.5, 1.0, (3, 16)) * _bits(support) for support in supports]
    found = np.abs(carries(*pairs)).max(axis=0)
    return sum(1 << int(i) for i in np.flatnonzero(found > GENERIC_ROUNDING * found.max()))


def _bits(support: int) -> BoolArray:
    return np.array([support >> i & 1 for i in range(16)], dtype=bool)
