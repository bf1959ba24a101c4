"""Sparse codes made of shifted identity matrices: quick to make, to apply, and to decode.

A small matrix says which of some blocks of bits meet in which blocks of parities; each of its ones stands for an
identity matrix whose columns are turned by a shift of its own. So whatever is done to a bit is done alike
to all bits of a block, which lie side by side in memory.

The degrees of the bits are published ones. Bits of degree two are chained (block row j and j + 1) and close no
cycle among themselves. The others take the rows with fewest bits so far and shifts that close no cycle of length
four, nor of length six among bits of low degree (few errors on such a cycle would go unnoticed by all parities but
a few), as far as that goes.

**Rates.** Some pairs of block rows are joined: only the sum of their parities is told at first. To the decoder
the parities of the first row of each pair are one more block of bits, of which nothing is known (a *punctured*
block) until they are told.

References:
    M. Fossorier, IEEE Trans. Inf. Theory 50, 1788 (2004), codes from shifted identity matrices.
    T. Richardson, R. Urbanke, Modern Coding Theory, Cambridge University Press (2008), irregular codes.
    D. Elkouss, J. Martinez-Mateo, V. Martin, IEEE Wireless Commun. Lett. 1, 585 (2012), which bits to puncture.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import inf
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.reconciliation.degree_distributions import degrees

Places = NDArray[np.int64]

_LOW = 4  # bits of no higher degree close no cycle among themselves of 2·_STEPS + 2 or fewer edges
_STEPS = 2
_ROOM = 500  # parities; among fewer there is no avoiding such cycles
_TRIES = 40  # shifts tried for an edge before a short cycle is put up with
_MOST_DEGREE = 40


@dataclass(frozen=True, eq=False)
class LiftedCode:
    """A parity-check matrix of blocks, row by row; the punctured blocks of bits come last."""

    lift: int
    """Bits of a block."""
    blocks: int
    """Blocks of bits, without punctured ones."""
    pairs: Places
    """Rows joined, shape (pairs, 2)."""
    starts: Places
    """Edges of row i are starts[i] … starts[i + 1] − 1."""
    columns: Places
    """The block of bits of each edge."""
    shifts: Places
    """Parity z of the row has bit (z + shift) mod lift of the block."""

    @property
    def rows(self) -> int:
        """Blocks of parities."""
        return len(self.starts) - 1

    @cached_property
    def told_first(self) -> Places:
        """Rows whose parities, or sums with their partners', are told at once."""
        return np.setdiff1d(np.arange(self.rows), self.pairs[:, 0])

    def parities(self, bits: Bits) -> Bits:
        """The parities of bits.

        Args:
            bits: shape (blocks, lift), or (blocks + pairs, lift) for those with the punctured blocks.

        Returns:
            Shape (rows, lift).
        """
        sums = np.zeros((self.rows, self.lift), dtype=np.uint8)
        if (kernel := compiled()) is not None:
            kernel.add_parities(self.starts, self.columns, self.shifts, bits, sums)
            return sums
        row = np.repeat(np.arange(self.rows), np.diff(self.starts))
        for i, column, shift in zip(row, self.columns, self.shifts, strict=True):
            if column < len(bits):
                sums[i, : self.lift - shift] ^= bits[column, shift:]
                sums[i, self.lift - shift :] ^= bits[column, :shift]
        return sums

    def joined(self, parities: Bits) -> Bits:
        """What is told first, of the parities of all rows; shape (rows told first, lift)."""
        sums = parities.copy()
        sums[self.pairs[:, 1]] ^= parities[self.pairs[:, 0]]
        return sums[self.told_first]

    def targets(self, told: Bits) -> Bits:
        """Of what was told first, the parities of all rows where punctured blocks count as bits."""
        parities = np.zeros((self.rows, self.lift), dtype=np.uint8)
        parities[self.told_first] = told
        return parities


@lru_cache(maxsize=1)
def compiled() -> ModuleType | None:
    """The loops compiled by numba, None where it is not installed."""
    try:
        from quantumlink.distillation.reconciliation import compiled_propagation
    except ImportError:
        warnings.warn(
            "LDPC reconciliation is several times slower without numba: pip install quantumlink[ldpc]", stacklevel=2
        )
        return None
    return compiled_propagation


@lru_cache(maxsize=64)  # the error rate of each block is told a little differently
def lifted_code(blocks: int, lift: int, rows: int, joined: int) -> LiftedCode:
    """The code of a shape, the same each time: public like any code.

    Args:
        blocks: blocks of bits.
        lift: bits of a block.
        rows: blocks of parities, at least 3 and fewer than blocks.
        joined: pairs of rows whose sum is told at first, at most rows // 2.

    Raises:
        ValueError: if the shape is out of range.
    """
    if not 3 <= rows < blocks or not 0 <= joined <= rows // 2 or lift < 1:
        raise ValueError(
            f"a code needs at least 3 rows and more blocks, and no more pairs than rows // 2, got {rows} rows, "
            f"{blocks} blocks of {lift} and {joined} pairs"
        )
    rng = np.random.default_rng([blocks, lift, rows, joined])
    # bits of high degree close short cycles where blocks are short
    most = min(rows, _MOST_DEGREE if lift >= 64 else max(10, int(np.sqrt(blocks * lift / 40))))
    weights = degrees(blocks, rate=1 - (rows - joined) / blocks, most=max(most, 2))
    row, column, shift = _edges(weights, rows, lift, rng)
    pairs = _pairs(rows, joined, int(np.count_nonzero(weights == 2)), rng)
    row = np.concatenate([row, pairs.ravel()])
    column = np.concatenate([column, np.repeat(blocks + np.arange(joined), 2)])
    shift = np.concatenate([shift, np.zeros(2 * joined, dtype=np.int64)])
    # neighbors in the chain are no neighbors in the order in which rows are worked on
    row, pairs = (place[...] for place in _renamed(rng.permutation(rows), row, pairs))
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(rows + 1))
    return LiftedCode(lift, blocks, pairs, starts, column[order], shift[order])


def _pairs(rows: int, count: int, chained: int, rng: np.random.Generator) -> Places:
    """Pairs of rows to join, far from each other in the chain.

    The bits between two joined rows, together, are in none of the parities that are told: they must be many.
    """
    near: list[list[int]] = [[other for other in (row - 1, row + 1) if 0 <= other < rows] for row in range(rows)]
    if chained < rows - 1:
        near[chained].remove(chained + 1)
        near[chained + 1].remove(chained)
    free = rng.permutation(rows).tolist()
    pairs: list[tuple[int, int]] = []
    for _ in range(count):
        first = free.pop()
        distance = _distances(near, first)
        second = max(free, key=lambda row: distance[row])
        free.remove(second)
        pairs.append((first, second))
        near[first].append(second)
        near[second].append(first)
    return np.array(pairs, dtype=np.int64).reshape(count, 2)


def _distances(near: list[list[int]], start: int) -> list[float]:
    """Steps from one row to each, infinite where there is no way."""
    distance = [inf] * len(near)
    front, steps = [start], 0
    while front:
        for row in front:
            distance[row] = steps
        steps += 1
        front = [b for b in dict.fromkeys(b for a in front for b in near[a]) if distance[b] == inf]
    return distance


def _renamed(names: Places, *arrays: Places) -> tuple[Places, ...]:
    return tuple(names[array] for array in arrays)


def _edges(weights: Places, rows: int, lift: int, rng: np.random.Generator) -> tuple[Places, Places, Places]:
    """Row, column and shift of each edge."""
    graph = _Graph(rows, lift)
    chained = min(int(np.count_nonzero(weights == 2)), rows - 1)
    weights[chained:] = np.maximum(weights[chained:], 3)  # one more would close a cycle with the chain
    found: list[tuple[int, int, int]] = []
    for column, weight in enumerate(weights.tolist()):
        places = [column, column + 1] if column < chained else [None] * weight
        edges: list[tuple[int, int]] = []
        reached: dict[int, set[tuple[int, int]]] = {}
        for place in places:
            for attempt in range(_TRIES):
                row = graph.light_row(edges, attempt / _TRIES, rng) if place is None else place
                turn = int(rng.integers(lift))
                if weight <= _LOW and row not in reached and rows * lift >= _ROOM:
                    reached[row] = graph.reached(row)
                if not graph.closes_cycle(row, turn, edges, reached.get(row, set())):
                    break
            edges.append((row, turn))
            graph.load[row] += 1
        graph.add(edges)
        found += [(row, column, turn) for row, turn in edges]
    row_of, column_of, shift = np.array(found, dtype=np.int64).T
    return row_of, column_of, shift


class _Graph:
    """What is known of a code in the making, to close no short cycle with the next edge."""

    def __init__(self, rows: int, lift: int) -> None:
        self.load = np.zeros(rows, dtype=np.int64)
        """Edges of each row."""
        self._lift = lift
        self._taken = np.zeros((rows, rows, lift), dtype=np.bool_)
        """The turns by which two rows already share a bit."""
        self._low: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
        """From each row the rows, and the turns, to which a bit of low degree leads."""

    def light_row(self, edges: list[tuple[int, int]], spread: float, rng: np.random.Generator) -> int:
        """A row of few edges, none of these; the larger the spread, the more edges it may have."""
        free = self.load + (1 + 4 * spread) * rng.random(len(self.load))
        free[[row for row, _ in edges]] = np.inf
        return int(free.argmin())

    def reached(self, row: int) -> set[tuple[int, int]]:
        """The rows and turns to which a few bits of low degree lead from parity 0 of a row."""
        seen = {(row, 0)}
        front = [(row, 0)]
        for _ in range(_STEPS):
            ahead = []
            for here, turn in front:
                for there, more in self._low[here]:
                    if (node := (there, (turn + more) % self._lift)) not in seen:
                        seen.add(node)
                        ahead.append(node)
            front = ahead
        return seen

    def closes_cycle(
        self, row: int, turn: int, edges: list[tuple[int, int]], reached: set[tuple[int, int]]
    ) -> bool:
        """Whether one more edge of a column closes a short cycle with the edges that it has."""
        return any(
            self._taken[row, other, (turn - its) % self._lift] or (other, (turn - its) % self._lift) in reached
            for other, its in edges
        )

    def add(self, edges: list[tuple[int, int]]) -> None:
        """Take note of a whole column."""
        for row, turn in edges:
            for other, its in edges:
                self._taken[row, other, (turn - its) % self._lift] = True
                if row != other and len(edges) <= _LOW:
                    self._low[row].append((other, (turn - its) % self._lift))
