"""Covers: where each joint task is done, so that few copies do.

Each task on two nodes is done at one of them, with a copy of the other's wire; a copy serves all tasks of its group
there. For each pair of nodes the fewest copies are a smallest vertex cover of the bipartite graph whose edges are
the tasks (König): exact where tasks read two wires each. Tasks that need more wires, or a third node that has both
copies already, are decided one after the other.

Reference:
    D. König, Matematikai és Fizikai Lapok 38, 116 (1931): a smallest cover is as large as a largest matching.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from quantumlink.arrays import IntArray
from quantumlink.distributed.collecting import collector_paused
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine

Where = Mapping[tuple[int, ...], int]
"""The node at which the tasks on some groups are done, by the groups (of two, the smaller first)."""

MAX_REFINED = 20_000
"""Most joint demands whose cover is improved beyond the exact one of pairs of nodes."""


class Cover(Protocol):
    """A method that says where joint tasks are done."""

    def __call__(self, demands: Demands, machine: Machine, at: Sequence[int]) -> Where:
        """Where the tasks on groups at several nodes are done; ``at`` tells the node of each group's wire."""


def matched(edges: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """A largest matching of a bipartite graph.

    Args:
        edges: shape (n, 2): left and right vertices, by any numbers.

    Returns:
        The left vertices, the right vertices, and of each left one the index of its partner, −1 if none.
    """
    left, rows = np.unique(edges[:, 0], return_inverse=True)
    right, columns = np.unique(edges[:, 1], return_inverse=True)
    graph = csr_array((np.ones(len(edges), dtype=np.int8), (rows, columns)), shape=(len(left), len(right)))
    partner = maximum_bipartite_matching(graph, perm_type="column")
    return left, right, np.asarray(partner, dtype=np.int64)


def smallest_cover(edges: IntArray) -> tuple[set[int], set[int]]:
    """A smallest vertex cover of a bipartite graph: the chosen left and right vertices.

    >>> smallest_cover(np.array([[0, 5], [1, 5], [2, 5], [0, 6]]))
    ({0}, {5})
    """
    left, right, partner = matched(edges)
    at_left = {int(v): i for i, v in enumerate(left)}
    at_right = {int(v): i for i, v in enumerate(right)}
    near: list[list[int]] = [[] for _ in left]
    for a, b in edges.tolist():
        near[at_left[a]].append(at_right[b])
    back = {int(j): i for i, j in enumerate(partner) if j >= 0}
    reached_left = {i for i, j in enumerate(partner) if j < 0}
    reached_right: set[int] = set()
    stack = list(reached_left)
    while stack:  # along alternating paths from what is not matched
        for j in near[stack.pop()]:
            if j not in reached_right:
                reached_right.add(j)
                i = back[j]
                if i not in reached_left:
                    reached_left.add(i)
                    stack.append(i)
    return (
        {int(v) for i, v in enumerate(left) if i not in reached_left},
        {int(right[j]) for j in reached_right},
    )


@collector_paused()
def exact_cover(demands: Demands, machine: Machine, at: Sequence[int]) -> Where:
    """The fewest copies for each pair of nodes; then what wide tasks and third nodes allow."""
    return _Covering(demands, machine, list(at)).run()


class _Covering:
    def __init__(self, demands: Demands, machine: Machine, at: list[int]) -> None:
        self._demands, self._machine, self._at = demands, machine, at
        self._where: dict[tuple[int, ...], int] = {}
        self._copies: set[tuple[int, int]] = set()
        """Pairs (group, node)."""

    def run(self) -> Where:
        at, demands = self._at, self._demands
        # What becomes the wire later on is there in any case.
        self._copies.update((g, at[n]) for g, n in enumerate(demands.after) if n >= 0 and at[n] != at[g])
        for read, there in demands.held.tolist():
            if at[read] != at[there]:
                self._put((read, there), at[there])
        for pair in demands.block_groups.tolist():
            a, b = pair
            if at[a] != at[b]:
                self._where[min(a, b), max(a, b)] = self._block_node(a, b)
        self._wide()
        self._pairs()
        if len(self._where) <= MAX_REFINED:
            self._refine()
        return self._where

    def _block_node(self, a: int, b: int) -> int:
        """Where a block is done: at the node that has more room for the visitor."""
        at, communication = self._at, self._machine.communication
        return at[b] if communication[at[b]] >= communication[at[a]] else at[a]

    def _put(self, key: Sequence[int], node: int) -> None:
        where = tuple(sorted(key)) if len(key) == 2 else tuple(key)
        self._where[where] = node
        self._copies.update((g, node) for g in key if self._at[g] != node and self._demands.reading[g])

    def _wide(self) -> None:
        waiting = [key for key in self._demands.wide if len({self._at[g] for g in key}) > 1]
        for key in waiting:
            fixed = {self._at[g] for g in key if not self._demands.reading[g]}
            nodes = fixed or {self._at[g] for g in key}
            self._put(key, min(nodes, key=lambda v: (self._price(key, v), v)))

    def _price(self, key: Sequence[int], node: int) -> float:
        """What the copies cost that are missing for doing a task at a node."""
        distance = self._machine.distance
        missing = [g for g in key if self._at[g] != node and (g, node) not in self._copies]
        total: float = sum(distance[self._at[g]][node] for g in missing)
        if sum(self._at[g] != node for g in key) > self._machine.communication[node]:
            return float("inf")
        return total

    def _pairs(self) -> None:
        groups = self._demands.pairs
        if not len(groups):
            return
        ends = np.asarray(self._at, dtype=np.int64)[groups]
        crossing = ends[:, 0] != ends[:, 1]
        groups, ends = groups[crossing], ends[crossing]
        # Every edge from its lower node to its higher one.
        turned = ends[:, 0] > ends[:, 1]
        groups = np.where(turned[:, None], groups[:, ::-1], groups)
        ends = np.sort(ends, axis=1)
        size = len(self._machine.nodes)
        code = ends[:, 0] * size + ends[:, 1]
        for value in np.unique(code).tolist():
            self._pair_of_nodes(groups[code == value], *divmod(value, size))

    def _pair_of_nodes(self, edges: IntArray, low: int, high: int) -> None:
        left: set[int] = {g for g, node in self._copies if node == high}
        right: set[int] = {g for g, node in self._copies if node == low}
        rest = np.array([(a, b) for a, b in edges.tolist() if a not in left and b not in right], dtype=np.int64)
        if len(rest):
            more_left, more_right = smallest_cover(rest)
            left, right = left | more_left, right | more_right
        for a, b in edges.tolist():
            self._put((a, b), high if a in left else low)

    def _refine(self) -> None:
        """Do without a copy wherever all that it serves can be done elsewhere at no cost."""
        served: dict[tuple[int, int], list[tuple[int, ...]]] = defaultdict(list)
        for key, node in self._where.items():
            for g in key:
                if self._at[g] != node and self._demands.reading[g]:
                    served[g, node].append(key)
        for copy in sorted(served, key=lambda c: len(served[c])):
            self._drop(copy, served)

    def _drop(self, copy: tuple[int, int], served: dict[tuple[int, int], list[tuple[int, ...]]]) -> None:
        moves: dict[tuple[int, ...], int] = {}
        for key in served[copy]:
            node = self._elsewhere(key, copy)
            if node is None:
                return
            moves[key] = node
        self._copies.discard(copy)
        for key, node in moves.items():
            for g in key:
                before = (g, self._where[key])
                if before in served and key in served[before]:
                    served[before].remove(key)
                if self._at[g] != node:
                    served[g, node].append(key)
            self._where[key] = node

    def _elsewhere(self, key: tuple[int, ...], without: tuple[int, int]) -> int | None:
        reading = self._demands.reading
        if not all(reading[g] for g in key):
            return None
        for node in range(len(self._machine.nodes)):
            if node == self._where[key]:
                continue
            there = (self._at[g] == node or ((g, node) in self._copies and (g, node) != without) for g in key)
            if all(there) and sum(self._at[g] != node for g in key) <= self._machine.communication[node]:
                return node
        return None
