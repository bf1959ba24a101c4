"""Plans whose copies share links: where joint tasks are done, if copies of a group come along one tree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from quantumlink.distributed.cover import MAX_REFINED
from quantumlink.distributed.demands import Demands, demands_of
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.plans import Plan
from quantumlink.distributed.trees import Trees, cost_of_tree, single_paths

Key = tuple[int, ...]
"""The groups of a joint task."""

SWEEPS = 3
"""How often all copies are gone through."""


def shared_plan(plan: Plan, machine: Machine, trees: Trees) -> Plan | None:
    """The same tasks and moves, copies along trees, and done where that costs least; None if nothing is shared."""
    if trees is single_paths or not machine.branches or not plan.where or len(plan.where) > MAX_REFINED:
        return None
    demands = demands_of(plan.tasks, plan.groups, len(plan.home))
    return replace(plan, where=_Sharing(demands, machine, plan, trees).run(), trees=trees)


class _Sharing:
    """Tasks are put elsewhere, one by one and with all that a copy serves, as long as that is cheaper."""

    def __init__(self, demands: Demands, machine: Machine, plan: Plan, trees: Trees) -> None:
        self._demands, self._machine, self._at, self._trees = demands, machine, plan.at, trees
        self._where: dict[Key, int] = dict(plan.where)
        self._serves: dict[tuple[int, int], set[Key]] = defaultdict(set)
        """Of each copy (group, node) the tasks that use it."""
        self._copies: dict[int, set[int]] = defaultdict(set)
        """Of each group the nodes with a copy."""
        self._known: dict[tuple[frozenset[int], frozenset[int]], float] = {}
        for key, node in self._where.items():
            self._add(key, node)

    def run(self) -> dict[Key, int]:
        for _ in range(SWEEPS):
            changed = False
            for copy in sorted(self._serves, key=lambda c: (len(self._serves[c]), c)):
                changed = self._moved(copy, sorted(self._serves[copy])) or changed
            if not changed:
                break
        return self._where

    def _moved(self, copy: tuple[int, int], keys: list[Key]) -> bool:
        """Whether all that a copy serves is done elsewhere now."""
        if not keys:
            return False
        before = {key: self._where[key] for key in keys}
        groups = {g for key in keys for g in key}
        cost = sum(map(self._cost, groups))
        for key in keys:
            self._remove(key, before[key])
            found = min(
                (v for v in self._may(key) if v != before[key]),
                key=lambda v: (self._cost_at(key, v), v),
                default=before[key],
            )
            self._add(key, found)
        if sum(map(self._cost, groups)) < cost - 1e-9:
            return True
        for key in keys:
            self._remove(key, self._where[key])
            self._add(key, before[key])
        return False

    def _may(self, key: Key) -> list[int]:
        """The nodes where a task can be done."""
        reading, at = self._demands.reading, self._at
        fixed = {at[g] for g in key if not reading[g]}
        if fixed:
            return sorted(fixed) if len(fixed) == 1 else []
        nodes = {at[g] for g in key}
        for g in key:
            nodes |= self._copies[g]
        room = self._machine.communication
        return [v for v in sorted(nodes) if sum(at[g] != v for g in key) <= room[v]]

    def _cost_at(self, key: Key, node: int) -> float:
        """What more the copies of a task cost if it is done at a node."""
        before = sum(map(self._cost, key))
        self._add(key, node)
        after = sum(map(self._cost, key))
        self._remove(key, node)
        return after - before

    def _add(self, key: Key, node: int) -> None:
        self._where[key] = node
        for g in key:
            if self._at[g] != node and self._demands.reading[g]:
                self._serves[g, node].add(key)
                self._copies[g].add(node)

    def _remove(self, key: Key, node: int) -> None:
        for g in key:
            if self._at[g] != node and self._demands.reading[g]:
                self._serves[g, node].discard(key)
                if not self._serves[g, node]:
                    self._copies[g].discard(node)

    def _cost(self, group: int) -> float:
        """What the copies of a group cost; one that becomes the wire is paid for by the move."""
        nodes = frozenset(self._copies[group])
        if not nodes:
            return 0.0
        home, after = self._at[group], self._demands.after[group]
        roots = frozenset({home} if after < 0 else {home, self._at[after]})
        known = (roots, nodes)
        if known not in self._known:
            self._known[known] = cost_of_tree(self._machine, self._trees(self._machine, roots, nodes))
        return self._known[known]
