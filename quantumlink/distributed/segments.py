"""Moves between groups: each wire may be at another node in each of its groups, at one pair a move.

Runs of groups of one wire, or of two that change places, are annealed on the exact cost of copies (see
`quantumlink.distributed.cover_cost`) plus that of the moves. A wire is brought over right before the first joint
task of a group; no node holds more wires in any layer than it has room for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import exp
from time import perf_counter

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.groups import Groups
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.tasks import Move, Task

HOT = 0.6
"""The temperature in the beginning, in pairs; it falls evenly to nothing."""

ROUNDS = 200
"""Proposals for each group and node that it could be at, at an effort of 1."""

CHECK_EVERY = 32
"""How many proposals pass between two looks at the clock."""

WHOLE = 0.2
"""How often a wire is moved for the whole time."""


def segmented(
    tasks: Sequence[Task],
    groups: Groups,
    demands: Demands,
    layers: Sequence[int],
    machine: Machine,
    at: Sequence[int],
    home: Sequence[int],
    fixed: Mapping[int, int],
    *,
    effort: float = 1.0,
    seed: int,
    budget_s: float,
) -> IntArray | None:
    """The node of each wire in each layer: shape (layers, wires); None if it does not fit to begin with.

    Args:
        tasks: the tasks, perhaps with moves already.
        groups: their groups.
        demands: what they ask.
        layers: the layer of each task; at most one joint task of a wire is in a layer.
        machine: where.
        at: the node of each group to begin with.
        home: and of each wire.
        fixed: wires that begin at given nodes.
        effort: how many proposals, 1 for `ROUNDS`.
        seed: makes the search repeatable, as far as the time allows.
        budget_s: how long to search at most.
    """
    search = _Segments(tasks, groups, demands, layers, machine, at, home, fixed)
    if not search.fits:
        return None
    search.run(np.random.default_rng([seed, 23]), effort, budget_s)
    return search.table()


class _Segments:
    def __init__(
        self,
        tasks: Sequence[Task],
        groups: Groups,
        demands: Demands,
        layers: Sequence[int],
        machine: Machine,
        at: Sequence[int],
        home: Sequence[int],
        fixed: Mapping[int, int],
    ) -> None:
        self._nodes = machine.computing
        self._distance = machine.distance
        self._fixed = frozenset(fixed)
        self._count = max(layers, default=0) + 1
        first: dict[int, int] = {}
        moved: dict[int, int] = {}
        for number, task in enumerate(tasks):
            if isinstance(task.operation, Move):
                moved.update(dict.fromkeys(task.wires, layers[number]))
            elif len(task.wires) > 1:
                for wire, group in zip(task.wires, groups.groups(number), strict=True):
                    if group not in first:
                        first[group] = moved.pop(wire, layers[number])
        self._groups: list[list[int]] = [[] for _ in home]
        """The groups of each wire that joint tasks belong to, in order."""
        self._starts: list[list[int]] = [[] for _ in home]
        """The layer in which each of them begins; the first in the first layer."""
        for group in sorted(first, key=lambda g: (first[g], g)):
            wire = groups.wire[group]
            self._starts[wire].append(first[group] if self._groups[wire] else 0)
            self._groups[wire].append(group)
        self._home = list(home)
        self._cost = CoverCost(demands, machine, at)
        self._room = [[room] * self._count for room in machine.room]
        self._acting = [wire for wire, own in enumerate(self._groups) if own]
        for wire, own in enumerate(self._groups):
            if not own:
                self._room[home[wire]] = [room - 1 for room in self._room[home[wire]]]
            for i, group in enumerate(own):
                row = self._room[at[group]]
                for layer in range(*self._span(wire, i)):
                    row[layer] -= 1

    @property
    def fits(self) -> bool:
        """Whether no node holds too many."""
        return all(min(row) >= 0 for row in self._room)

    def run(self, rng: np.random.Generator, effort: float, budget_s: float) -> None:
        """Anneal, and go back to the best that was found."""
        if not self._acting or len(self._nodes) < 2:
            return
        began, share, rounds = perf_counter(), 0.0, 0
        limit = effort * ROUNDS * len(self._nodes) * sum(map(len, self._groups))
        now = best = self._cost.total + sum(self._moves(wire, 0, len(self._groups[wire])) for wire in self._acting)
        found = list(self._cost.at)
        while share < 1 and best > 0:
            temperature = HOT * (1 - share) + 1e-6
            for draw in rng.random((CHECK_EVERY, 7)).tolist():
                now = self._propose(draw, temperature, now)
                if now < best - 1e-9:
                    best, found = now, list(self._cost.at)
            rounds += CHECK_EVERY
            share = max((perf_counter() - began) / budget_s if budget_s else 1.0, rounds / limit)
        self._cost.at[:] = found

    def table(self) -> IntArray:
        """The node of each wire in each layer."""
        rows = np.empty((self._count, len(self._home)), dtype=np.int64)
        rows[:] = self._home
        for wire in self._acting:
            for group, start in zip(self._groups[wire], self._starts[wire], strict=True):
                rows[start:, wire] = self._cost.at[group]
        return rows

    def _propose(self, draw: Sequence[float], temperature: float, now: float) -> float:
        """One proposal, taken or not; the cost afterwards."""
        changes = self._drawn(draw)
        if changes is None:
            return now
        at = self._cost.at
        before = sum(self._moves(wire, first, last) for wire, first, last, _ in changes)
        old = [[at[g] for g in self._groups[wire][first:last]] for wire, first, last, _ in changes]
        if not self._fits(changes, old):
            return now
        moves = [(g, node) for wire, first, last, node in changes for g in self._groups[wire][first:last]]
        copies = self._cost.total
        change = self._cost.change(moves) - copies
        change += sum(self._moves(wire, first, last) for wire, first, last, _ in changes) - before
        if change <= 0 or draw[6] < exp(-change / temperature):
            return now + change
        self._cost.undo()
        for (wire, first, last, node), nodes in zip(changes, old, strict=True):
            for i, back in zip(range(first, last), nodes, strict=True):
                self._shift(wire, i, node, back)
        return now

    def _drawn(self, draw: Sequence[float]) -> list[tuple[int, int, int, int]] | None:
        """Runs of groups (wire, first, last + 1) and where they go."""
        wire = self._acting[int(draw[0] * len(self._acting))]
        own = self._groups[wire]
        if draw[1] < WHOLE:
            first, last = 0, len(own)
        else:
            first = int(draw[2] * len(own))
            last = min(len(own), first + 1 + int(draw[3] ** 4 * len(own)))
        here = self._cost.at[own[first]]
        other = self._acting[int(draw[4] * len(self._acting))] if draw[5] < 0.5 else wire
        if other == wire:
            there = self._nodes[int(draw[4] * len(self._nodes))]
            if there == here or (first == 0 and wire in self._fixed):
                return None
            return [(wire, first, last, there)]
        start = self._starts[wire][first]
        end = self._starts[wire][last] if last < len(own) else self._count
        begin = bisect_right(self._starts[other], start) - 1
        until = bisect_right(self._starts[other], max(end - 1, start))
        there = self._cost.at[self._groups[other][begin]]
        if there == here or (first == 0 and wire in self._fixed) or (begin == 0 and other in self._fixed):
            return None
        return [(wire, first, last, there), (other, begin, until, here)]

    def _moves(self, wire: int, first: int, last: int) -> float:
        """What the moves of a wire cost from before a run of groups until after it."""
        own, at = self._groups[wire], self._cost.at
        nodes = [at[g] for g in own[max(first - 1, 0) : last + 1]]
        return sum(self._distance[a][b] for a, b in pairwise(nodes) if a != b)

    def _fits(self, changes: Sequence[tuple[int, int, int, int]], old: Sequence[Sequence[int]]) -> bool:
        """Note who is where; taken back, and False, where a node would hold too many."""
        touched: list[tuple[int, int, int]] = []
        for (wire, first, last, node), nodes in zip(changes, old, strict=True):
            for i, before in zip(range(first, last), nodes, strict=True):
                touched.append((node, *self._shift(wire, i, before, node)))
        if all(min(self._room[node][start:end], default=0) >= 0 for node, start, end in touched):
            return True
        for (wire, first, last, node), nodes in zip(changes, old, strict=True):
            for i, before in zip(range(first, last), nodes, strict=True):
                self._shift(wire, i, node, before)
        return False

    def _shift(self, wire: int, number: int, here: int, there: int) -> tuple[int, int]:
        """Note that a wire is elsewhere during one of its groups; the layers of that."""
        start, end = self._span(wire, number)
        if here != there:
            own, other = self._room[here], self._room[there]
            for layer in range(start, end):
                own[layer] += 1
                other[layer] -= 1
        return start, end

    def _span(self, wire: int, number: int) -> tuple[int, int]:
        """The layers in which a wire is in one of its groups."""
        starts = self._starts[wire]
        return starts[number], starts[number + 1] if number + 1 < len(starts) else self._count
