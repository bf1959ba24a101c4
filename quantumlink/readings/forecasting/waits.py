"""Waits: what memories do to a pair while it waits for another, integrated over when both are there.

A pair is held in Pauli coefficients of two qubits. In the basis in which relaxation is diagonal (Z less what it
tends to), waiting for a time t multiplies every coefficient by exp(−r·t − q·t²); q is of Gaussian dephasing. All
pairs that are there by a cell of the grid of times, each with its waiting since, are then sums that each cell hands
on to the next: no pair of moments is looked at, but for Gaussian dephasing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.hardware import Memory


class HeldPair:
    """How a pair decays whose qubits are in two memories; ``support`` says which of 16 coefficients there are."""

    def __init__(self, left: Memory, right: Memory, support: tuple[int, ...]) -> None:
        self.support = support
        """The coefficients that there may be once it has waited."""
        places = np.array(support)
        self.ideal = left.is_ideal and right.is_ideal
        rates, squares = zip(*map(_by_pauli, (left, right)), strict=True)
        ours, theirs = places // 4, places % 4
        self.rates = np.array([rates[0][ours], rates[1][theirs]])
        """Shape (2, coefficients): r of the left and the right qubit."""
        self.squares = np.array([squares[0][ours], squares[1][theirs]])
        """Shape (2, coefficients): q of the left and the right qubit."""
        self.gaussian = bool(self.squares.any())
        lift = np.kron(*(_lift(memory) for memory in (left, right)))[np.ix_(places, places)]
        self.to_pauli: FloatArray | None = lift if left.relaxes or right.relaxes else None
        """Shape (coefficients, coefficients): from the basis of decay to Pauli's; None: it is the same."""
        self.from_pauli: FloatArray | None = np.linalg.inv(lift) if self.to_pauli is not None else None

    def held(self, coefficients: FloatArray, left_s: FloatArray, right_s: FloatArray) -> FloatArray:
        """Pairs in the basis of decay after a wait: shape (n, cells, coefficients), times of shape (n,)."""
        if self.ideal:
            return coefficients
        kept: FloatArray = np.exp(-self.exponents(left_s, right_s))
        return coefficients * kept[:, None, :]

    def exponents(self, left_s: FloatArray, right_s: FloatArray) -> FloatArray:
        """−ln of what a wait leaves of each coefficient: shape (n, coefficients), times of shape (n,)."""
        times = np.stack([left_s, right_s], axis=-1)
        found: FloatArray = times @ self.rates + times**2 @ self.squares
        return found

    def further(self, left_s: FloatArray, right_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shape (n or 1, coefficients): r and q of further waits, after the qubits have waited so long."""
        rates, squares = self.rates.sum(axis=0)[None], self.squares.sum(axis=0)[None]
        if not self.gaussian:
            return rates, squares
        times = np.stack([left_s, right_s], axis=-1)
        return rates + 2 * times @ self.squares, np.repeat(squares, len(times), axis=0)


@lru_cache(maxsize=4096)
def held_pair(left: Memory, right: Memory, support: tuple[int, ...]) -> HeldPair:
    """How a pair decays that comes with these coefficients."""
    present = np.zeros((4, 4), dtype=bool)
    present.reshape(16)[list(support)] = True
    if left.relaxes:
        present[3] |= present[0]
    if right.relaxes:
        present[:, 3] |= present[:, 0]
    return HeldPair(left, right, tuple(np.flatnonzero(present).tolist()))


def _by_pauli(memory: Memory) -> tuple[FloatArray, FloatArray]:
    """R and q of a qubit's I, X, Y, Z: −ln of what is left is r·t + q·t²."""
    one, two = (np.array(memory.exponents(t), dtype=float) for t in (1.0, 2.0))
    squares = np.maximum((two - 2 * one) / 2, 0.0)
    if not memory.gaussian_s < np.inf:
        squares[:] = 0.0
    rates = one - squares
    pick = np.array([0, 0, 1])
    return np.append(0.0, rates[pick]), np.append(0.0, squares[pick])


def _lift(memory: Memory) -> FloatArray:
    """From (I, X, Y, Z − s·I) to (I, X, Y, Z), where s is what ⟨Z⟩ tends to."""
    lift = np.eye(4)
    if memory.relaxes:
        lift[3, 0] = 1 / (1 + memory.t1_s / memory.depolarizing_s)
    return lift


def sums_until(
    edges_s: FloatArray, points_s: FloatArray, coefficients: FloatArray, rates: FloatArray
) -> FloatArray:
    """Of each cell, all that is there by its end, each having waited until then.

    Args:
        edges_s: shape (cells + 1,), the borders of the cells.
        points_s: shape (n, cells).
        coefficients: shape (n, cells, k), at those points.
        rates: shape (n or 1, k).

    Returns:
        Shape (n, cells, k).
    """
    cells = points_s.shape[1]
    if not rates.any():
        return np.cumsum(coefficients, axis=1)
    # A point that stands for all that is late may be behind its cell.
    wait = np.maximum(edges_s[1:] - points_s, 0.0)
    sums: FloatArray = coefficients * np.exp(-wait[..., None] * rates[:, None, :])
    gap = np.exp(-np.diff(edges_s)[:, None] * rates[:, None, :])
    step = 1
    while step < cells:  # every cell hands on to the one twice as far as before
        sums[:, step:] += gap[:, step:] * sums[:, :-step]
        gap[:, step:] = gap[:, step:] * gap[:, :-step]
        step *= 2
    return sums


def waited_until(
    edges_s: FloatArray,
    points_s: FloatArray,
    coefficients: FloatArray,
    until_s: FloatArray,
    rates: FloatArray,
    squares: FloatArray,
    within: FloatArray,
) -> FloatArray:
    """All that is there by given moments, one in each cell, each having waited until then.

    Args:
        edges_s: shape (cells + 1,), the borders of the cells.
        points_s: shape (n, cells), when pairs are there.
        coefficients: shape (n, cells, k), in the basis of decay.
        until_s: shape (n, cells), a moment in each cell.
        rates: shape (n or 1, k), r.
        squares: shape (n or 1, k), q.
        within: shape (n, cells, k), how much of each cell's own pairs is there by its moment, after waiting:
            see `left_within`.

    Returns:
        Shape (n, cells, k).
    """
    result: FloatArray = coefficients * within
    if squares.any():
        return result + _one_by_one(points_s, coefficients, until_s, rates, squares)
    sums = sums_until(edges_s, points_s, coefficients, rates)
    if not rates.any():
        result[:, 1:] += sums[:, :-1]
        return result
    since = np.maximum(until_s - edges_s[:-1], 0.0)
    result[:, 1:] += sums[:, :-1] * np.exp(-since[:, 1:, None] * rates[:, None, :])
    return result


def left_within(
    wait_s: FloatArray, filled: BoolArray, widths_s: FloatArray, rates: FloatArray, squares: FloatArray
) -> FloatArray:
    """How much of a cell's pairs comes before the cell's moment, and is left after waiting until then.

    Args:
        wait_s: shape (n, cells), from their point to the moment, below zero if they are late; what counts where the
            two do not fill the cell, as one attempt of a clock does not.
        filled: shape (n, cells), where both are anywhere in the cell: half of the pairs come first, and wait for as
            long as two even distributions are apart.
        widths_s: shape (cells,).
        rates: shape (n or 1, k), r.
        squares: shape (n or 1, k), q.

    Returns:
        Shape (n, cells, k).
    """
    lost = np.where(wait_s >= 0, wait_s, np.inf)[..., None]
    there = lost < np.inf
    wait = np.where(there, lost, 0.0)
    left: FloatArray = np.where(there, np.exp(-wait * (rates[:, None, :] + squares[:, None, :] * wait)), 0.0)
    if not filled.any():
        return left
    u = widths_s[:, None] * rates[:, None, :]
    if not squares.any():
        return np.where(filled[..., None], _apart(u), left)
    v = widths_s[:, None] ** 2 * squares[:, None, :]
    even = sum(w * np.exp(-x * (u + x * v)) for x, w in zip(*_EVENLY_APART, strict=True))
    return np.where(filled[..., None], np.where((v > 0) & (u + v < RESOLVED), even, _apart(u + v)), left)


def _apart(decay: FloatArray) -> FloatArray:
    """What is left of half of all, after as long as two even distributions in [0, 1] are apart."""
    lost = (decay + np.expm1(-decay)) / np.where(decay > 0, decay, 1.0) ** 2
    return np.where(decay < 1e-3, 0.5 - decay / 6, lost)


def _evenly_apart(points: int) -> tuple[list[float], list[float]]:
    """Gauss's rule for how far two even distributions in [0, 1] are apart, the one before the other: 1 − x."""
    roots, weights = np.polynomial.legendre.leggauss(points)
    apart = (roots + 1) / 2
    return apart.tolist(), (weights / 2 * (1 - apart)).tolist()


_EVENLY_APART = _evenly_apart(16)

RESOLVED = 50.0
"""Faster decay than that within a cell is as good as exponential."""


def _one_by_one(
    points_s: FloatArray, coefficients: FloatArray, until_s: FloatArray, rates: FloatArray, squares: FloatArray
) -> FloatArray:
    """What comes from the cells before, where decay is not exponential: every moment with every one before it."""
    result = np.empty_like(coefficients)
    before = np.tri(points_s.shape[1], k=-1, dtype=bool)
    rates, squares = (np.broadcast_to(x, (len(points_s), x.shape[1])) for x in (rates, squares))
    for row in range(len(points_s)):
        wait = np.maximum(until_s[row][:, None] - points_s[row], 0.0)
        known: dict[tuple[float, float], FloatArray] = {}
        for k, pair in enumerate(zip(rates[row].tolist(), squares[row].tolist(), strict=True)):
            if pair not in known:
                known[pair] = np.where(before, np.exp(-pair[0] * wait - pair[1] * wait**2), 0.0)
            result[row, :, k] = known[pair] @ coefficients[row, :, k]
    return result
