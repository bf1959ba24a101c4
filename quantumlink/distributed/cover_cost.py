"""What a choice of nodes for all groups costs, exactly for tasks on two wires, and quickly again after a change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed import cover_arrays
from quantumlink.distributed.cover import matched
from quantumlink.distributed.cover_arrays import NOW, Given, State
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine

NOTED = 16
"""How many entries are noted for each group, to be taken back."""


class CoverCost:
    """The cost of groups at nodes.

    Args:
        demands: what is asked.
        machine: where.
        at: the node of each group.
        compiled: whether the state is kept in arrays, for compiled functions, and not in lists.
    """

    def __init__(
        self,
        demands: Demands,
        machine: Machine,
        at: Sequence[int],
        *,
        compiled: bool = False,
    ) -> None:
        self._demands, self._size = demands, len(machine.nodes)
        self._distance = np.array(machine.distance)
        self._first = np.array(at, dtype=np.int64)
        self._after = np.array(demands.after, dtype=np.int64)
        self._compiled = compiled
        self._wide = [*demands.wide, *map(tuple, demands.held.tolist())]

    @property
    def at(self) -> Any:
        """The node of each group."""
        return self.state.at if self._begun else self._first.tolist()

    @property
    def total(self) -> float:
        """What it costs."""
        return float(self.state.total[NOW]) if self._begun else self._beginning[0]

    def change(self, moves: Iterable[tuple[int, int]]) -> float:
        """Put some groups at other nodes; the cost afterwards."""
        moved = dict(moves)
        groups, where = list(moved), list(moved.values())
        return cover_arrays.change(self.given, self.state, groups, where, len(groups))

    def undo(self) -> None:
        """Take the last change back.

        Raises:
            ValueError: if it was too large for that.
        """
        if not cover_arrays.undo(self.state):
            raise ValueError("the last change was too large to be taken back")

    @property
    def _begun(self) -> bool:
        return "state" in self.__dict__

    @cached_property
    def given(self) -> Given:
        """What does not change."""
        demands, count = self._demands, len(self._first)
        pairs, blocks = demands.pairs, demands.block_groups
        members = np.array([(g, n) for n, key in enumerate(self._wide) for g in key], dtype=np.int64).reshape(-1, 2)
        before = np.full(count, -1)
        known = self._after >= 0
        before[self._after[known]] = np.flatnonzero(known)
        wide_at = np.concatenate([[0], np.cumsum([len(key) for key in self._wide], dtype=np.int64)])
        held = np.arange(len(self._wide)) >= len(demands.wide)
        arrays = (
            self._distance.ravel(),
            np.array(demands.reading, dtype=np.int64),
            self._after,
            before,
            *_lists(np.concatenate([pairs, pairs[:, ::-1]]), count),
            wide_at.astype(np.int64),
            members[:, 0].copy(),
            held.astype(np.int64),
            *_lists(members, count),
            *_lists(np.concatenate([blocks, blocks[:, ::-1]]), count),
        )
        return Given(self._size, *(self._kept(array) for array in arrays))

    @cached_property
    def state(self) -> State:
        """What changes."""
        total, forced, chosen, mate = self._beginning
        groups, vertices, tasks = len(self._first), len(forced), max(len(self._wide), 1)
        noted = NOTED * groups + 4096
        sizes = (vertices, groups, groups, groups, groups, vertices, tasks, tasks, 4)
        empty = [np.zeros(size, dtype=np.int64) for size in sizes]
        totals = np.array([total, total])
        journal = [np.zeros(size, dtype=np.int64) for size in (noted, noted, noted + 1)]
        arrays = (self._first.copy(), mate, forced, chosen, *empty, totals, *journal)
        return State(*(self._kept(array) for array in arrays))

    def _kept(self, array: Any) -> Any:
        return np.ascontiguousarray(array) if self._compiled else array.tolist()

    @cached_property
    def _beginning(self) -> tuple[float, IntArray, IntArray, IntArray]:
        """The cost, how many tasks force each vertex, where they are done, and what each vertex is matched with."""
        at, K, distance = self._first, self._size, self._distance
        forced = np.zeros(len(at) * K, dtype=np.int64)
        chosen = np.full(max(len(self._wide), 1), -1, dtype=np.int64)
        mate = np.full(len(at) * K, -1, dtype=np.int64)
        free = np.zeros(len(at) * K, dtype=bool)
        known = np.flatnonzero(self._after >= 0)
        free[known * K + at[self._after[known]]] = True
        total = 0.0
        for number, key in enumerate(self._wide):
            node = self._done_at(number, key)
            for g in key:
                if at[g] != node:
                    chosen[number] = node
                    forced[g * K + node] += 1
                    if forced[g * K + node] == 1 and not free[g * K + node]:
                        total += distance[at[g], node]
        ends = at[self._demands.block_groups]
        total += 2 * float(distance[ends[:, 0], ends[:, 1]].sum())
        total += self._match(self._demands.pairs, (forced > 0) | free, mate)
        return total, forced, chosen, mate

    def _done_at(self, number: int, key: tuple[int, ...]) -> int:
        nodes = [int(self._first[g]) for g in key]
        if number >= len(self._demands.wide):
            return nodes[1]
        fixed = [node for g, node in zip(key, nodes, strict=True) if not self._demands.reading[g]]
        return fixed[0] if fixed else max(nodes, key=lambda v: (nodes.count(v), v))

    def _match(self, pairs: IntArray, covered: Any, mate: IntArray) -> float:
        """Largest matchings from nothing; what they cost."""
        if not len(pairs):
            return 0.0
        at, K, total = self._first, self._size, 0.0
        ends = at[pairs]
        turned = ends[:, 0] > ends[:, 1]
        edges = np.where(turned[:, None], pairs[:, ::-1], pairs)
        ends = np.sort(ends, axis=1)
        open_ = (ends[:, 0] != ends[:, 1]) & ~covered[edges[:, 0] * K + ends[:, 1]]
        open_ &= ~covered[edges[:, 1] * K + ends[:, 0]]
        code = ends[:, 0] * K + ends[:, 1]
        for value in np.unique(code[open_]).tolist():
            u, v = divmod(value, K)
            left, right, partner = matched(edges[open_ & (code == value)])
            a, b = left[partner >= 0], right[partner[partner >= 0]]
            mate[a * K + v], mate[b * K + u] = b, a
            total += len(a) * float(self._distance[u, v])
        return total


def _lists(rows: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Of pairs (number, entry) the entries of each number in a row, and where each begins."""
    order = np.argsort(rows[:, 0], kind="stable")
    starts = np.searchsorted(rows[order, 0], np.arange(count + 1))
    return starts.astype(np.int64), rows[order, 1].copy()
