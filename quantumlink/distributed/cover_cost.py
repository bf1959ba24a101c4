"""What a choice of nodes for all groups costs, exactly for tasks on two wires, and quickly again after a change.

For each pair of nodes the fewest copies are as many as a largest matching has edges (König). A change of a few
groups frees a few vertices of these matchings and adds a few: one search for an augmenting path from each, one
after the other, makes them largest again (C. Berge, Proc. Natl. Acad. Sci. 43, 842 (1957)).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.cover import matched
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine


class CoverCost:
    """The cost of groups at nodes.

    Args:
        demands: what is asked.
        machine: where.
        at: the node of each group.
    """

    def __init__(self, demands: Demands, machine: Machine, at: Sequence[int]) -> None:
        self._reading = demands.reading
        self._distance = machine.distance
        self._size = len(machine.nodes)
        self.at: list[int] = list(at)
        """The node of each group."""
        self.total = 0.0
        """What it costs."""
        count = len(self.at)
        self._near: list[list[int]] = [[] for _ in range(count)]
        self._mate: list[dict[int, int]] = [{} for _ in range(count)]
        """Of each group, by the other node, the group that its copy there is matched with."""
        self._forced: list[dict[int, int]] = [{} for _ in range(count)]
        """Of each group, by the node, how many tasks need a copy there in any case."""
        self._wide: list[tuple[int, ...]] = [*demands.wide, *map(tuple, demands.held.tolist())]
        self._wide_of: dict[int, list[int]] = {}
        self._copies: list[tuple[tuple[int, int], ...]] = [()] * len(self._wide)
        self._blocks_of: dict[int, list[int]] = {}
        self._absent_groups: set[int] = set()
        self._absent: set[tuple[int, int]] = set()
        """Groups, and copies (group, node), that are added one after the other: the matching is largest without."""
        self._journal: list[tuple[Any, int, Any]] = []
        self._before = 0.0
        for a, b in demands.pairs.tolist():
            self._near[a].append(b)
            self._near[b].append(a)
        for a, b in demands.block_groups.tolist():
            self._blocks_of.setdefault(a, []).append(b)
            self._blocks_of.setdefault(b, []).append(a)
            self.total += 2 * self._distance[self.at[a]][self.at[b]]
        for number, key in enumerate(self._wide):
            for group in key:
                self._wide_of.setdefault(group, []).append(number)
        for number in range(len(self._wide)):
            self._force(number)
        self._match(demands.pairs)
        self._journal.clear()

    def change(self, moves: Iterable[tuple[int, int]]) -> float:
        """Put some groups at other nodes; the cost afterwards."""
        self._journal.clear()
        self._before = self.total
        at, mate, distance = self.at, self._mate, self._distance
        moved = [(g, node) for g, node in moves if at[g] != node]
        wide = sorted({n for g, _ in moved for n in self._wide_of.get(g, ())}) if self._wide else ()
        for number in wide:
            if self._copies[number]:
                self._release(number)
        freed: list[tuple[int, int]] = []
        for g, node in moved:
            u = at[g]
            for v, b in list(mate[g].items()):
                self._set(mate[g], v, None)
                self._set(mate[b], u, None)
                self.total -= distance[u][v]
                freed.append((b, u))
            for b in self._blocks_of.get(g, ()):
                self.total += 2 * (distance[node][at[b]] - distance[u][at[b]])
            self._journal.append((at, g, u))
            at[g] = node
        self._absent_groups.update(g for g, _ in moved)
        self._absent.update(freed)
        for number in wide:
            self._force(number)
        for vertex in freed:
            self._absent.discard(vertex)
            self._augment(*vertex)
        for g, node in moved:
            self._absent_groups.discard(g)
            for v in sorted({at[b] for b in self._near[g]}):
                if v != node:
                    self._augment(g, v)
        return self.total

    def undo(self) -> None:
        """Take the last change back."""
        for place, key, value in reversed(self._journal):
            if value is None:
                del place[key]
            else:
                place[key] = value
        self._journal.clear()
        self.total = self._before

    def _set(self, place: Any, key: int, value: Any) -> None:
        old = place.get(key) if isinstance(place, dict) else place[key]
        self._journal.append((place, key, old))
        if value is None:
            del place[key]
        else:
            place[key] = value

    # Copies that are needed in any case.

    def _force(self, number: int) -> None:
        """Note the copies of a task that does not read one of its wires, or has more than two."""
        key = self._wide[number]
        nodes = [self.at[g] for g in key]
        if nodes.count(nodes[0]) == len(nodes):
            return
        fixed = [node for g, node in zip(key, nodes, strict=True) if not self._reading[g]]
        if len(key) == 2:
            fixed = nodes[1:]
        chosen = fixed[0] if fixed else max(nodes, key=lambda v: (nodes.count(v), v))
        copies = tuple((g, chosen) for g, v in zip(key, nodes, strict=True) if v != chosen)
        self._set(self._copies, number, copies)
        for g, v in copies:
            count = self._forced[g].get(v, 0)
            self._set(self._forced[g], v, count + 1)
            if count:
                continue
            u = self.at[g]
            self.total += self._distance[u][v]
            partner = self._mate[g].get(v)
            if partner is not None:
                self._set(self._mate[g], v, None)
                self._set(self._mate[partner], u, None)
                self.total -= self._distance[u][v]
                self._augment(partner, u)

    def _release(self, number: int) -> None:
        for g, v in self._copies[number]:
            count = self._forced[g][v]
            self._set(self._forced[g], v, count - 1 or None)
            if count == 1:
                self.total -= self._distance[self.at[g]][v]
                self._augment(g, v)
        self._set(self._copies, number, ())

    # Matchings.

    def _match(self, pairs: IntArray) -> None:
        """Largest matchings from nothing."""
        if not len(pairs):
            return
        ends = np.array(self.at, dtype=np.int64)[pairs]
        turned = ends[:, 0] > ends[:, 1]
        edges = np.where(turned[:, None], pairs[:, ::-1], pairs)
        ends = np.sort(ends, axis=1)
        free = ends[:, 0] != ends[:, 1]
        if any(self._forced):
            forced = self._forced
            rows = zip(edges.tolist(), ends.tolist(), strict=True)
            free &= np.array([v not in forced[a] and u not in forced[b] for (a, b), (u, v) in rows])
        code = ends[:, 0] * self._size + ends[:, 1]
        for value in np.unique(code[free]).tolist():
            u, v = divmod(value, self._size)
            left, right, partner = matched(edges[free & (code == value)])
            for a, j in zip(left.tolist(), partner.tolist(), strict=True):
                if j >= 0:
                    self._mate[a][v] = int(right[j])
                    self._mate[int(right[j])][u] = a
                    self.total += self._distance[u][v]

    def _augment(self, start: int, w: int) -> None:
        """Match one more vertex, the copy of a group at a node, if an alternating path leads to a free one."""
        at, mate, near, forced = self.at, self._mate, self._near, self._forced
        u = at[start]
        if u == w or w in mate[start] or w in forced[start] or start in self._absent_groups:
            return
        groups, absent = self._absent_groups, self._absent
        parent: dict[int, int] = {}
        queue = [start]
        for a in queue:
            for b in near[a]:
                if at[b] != w or b in parent or u in forced[b] or b in groups or (b, u) in absent:
                    continue
                parent[b] = a
                other = mate[b].get(u)
                if other is None:
                    self._flip(b, u, w, parent)
                    return
                queue.append(other)

    def _flip(self, b: int, u: int, w: int, parent: dict[int, int]) -> None:
        self.total += self._distance[u][w]
        while True:
            a = parent[b]
            following = self._mate[a].get(w)
            self._set(self._mate[a], w, b)
            self._set(self._mate[b], u, a)
            if following is None:
                return
            b = following
