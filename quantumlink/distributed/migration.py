"""Migration: qubits that move for good, one pair a move, where that is cheaper than coming and going.

Joint tasks are told in layers. A table says at which node each wire is in each layer; it is annealed, interval by
interval of one wire or of two that change places, on moves plus what the joint tasks of a layer cost at different
nodes (two pairs where neither qubit is only read, a share of one where a copy serves a group). What it found is
then counted exactly, and used only if it is cheaper.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp
from time import perf_counter

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.groups import Groups
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.tasks import Move, Task

HOT, WARM = 1.0, 0.15
"""The temperature in the beginning, in pairs, where no gate is only read, and where some are, and a placement that
stays is a good start; it falls evenly to nothing."""

CHECK_EVERY = 64
"""How many proposals pass between two looks at the clock."""

PROPOSALS = 400
"""Proposals for each wire and layer, at an effort of 1."""

LONGEST = 12
"""The longest interval that is proposed often, in joint tasks of a wire."""


def layers_of(tasks: Sequence[Task], num_wires: int) -> list[int]:
    """The layer of each task: a joint one ends the layer of its wires, what else there is comes before the next."""
    level = [0] * num_wires
    bits: dict[int, int] = {}
    found = []
    for task in tasks:
        own = max([level[w] for w in task.wires] + [bits.get(b, 0) for b in (*task.reads, *task.writes)], default=0)
        found.append(own)
        after = own + 1 if len(task.wires) > 1 else own
        for w in task.wires:
            level[w] = after
        for b in (*task.reads, *task.writes):
            bits[b] = max(bits.get(b, 0), own)
    return found


def migrated(
    tasks: Sequence[Task],
    groups: Groups,
    layers: Sequence[int],
    machine: Machine,
    home: Sequence[int],
    fixed: Mapping[int, int],
    *,
    sharing: float,
    effort: float,
    seed: int,
    budget_s: float,
) -> IntArray:
    """The node of each wire in each layer: shape (layers, wires).

    Args:
        tasks: the tasks.
        groups: their groups.
        layers: the layer of each task.
        machine: where.
        home: a placement to begin with.
        fixed: wires that begin at given nodes.
        sharing: how much of its group's copy a task is thought to share: 1 for an equal part, 0 for nothing.
        effort: how many proposals, 1 for `PROPOSALS`.
        seed: makes the search repeatable, as far as the time allows.
        budget_s: how long to search at most.
    """
    search = _Table(tasks, groups, layers, machine, home, fixed, sharing)
    return search.run(np.random.default_rng([seed, 17]), effort, budget_s)


def with_moves(tasks: Sequence[Task], layers: Sequence[int], table: IntArray) -> tuple[list[Task], list[int]]:
    """The tasks layer by layer, with moves before layers as a table says, and the layer of each.

    Moves that were there are left out.
    """
    result: list[Task] = []
    found: list[int] = []
    order = sorted((i for i, t in enumerate(tasks) if not isinstance(t.operation, Move)), key=lambda i: layers[i])
    reached = 0
    for i in order:
        while reached < min(layers[i], len(table) - 1):
            reached += 1
            wires = np.flatnonzero(table[reached] != table[reached - 1]).tolist()
            if wires:
                nodes = tuple(int(table[reached, w]) for w in wires)
                none = ("",) * len(wires)
                result.append(Task(Move(nodes), tuple(wires), (), none, none, None, (), ()))
                found.append(reached)
        result.append(tasks[i])
        found.append(layers[i])
    return result, found


class _Table:
    """The node of each wire in each layer, under annealing."""

    def __init__(
        self,
        tasks: Sequence[Task],
        groups: Groups,
        layers: Sequence[int],
        machine: Machine,
        home: Sequence[int],
        fixed: Mapping[int, int],
        sharing: float,
    ) -> None:
        joint = [i for i, task in enumerate(tasks) if len(task.wires) > 1]
        self._count = max((layers[i] for i in joint), default=0) + 1
        self._wires = len(home)
        self._nodes = machine.computing
        self._distance = [list(row) for row in machine.distance]
        held = Counter(home)
        self._table = [list(home) for _ in range(self._count)]
        self._room = [[room - held[v] for v, room in enumerate(machine.room)] for _ in range(self._count)]
        self._fixed = frozenset(fixed)
        self._partners: list[list[list[tuple[int, float]]]] = [
            [[] for _ in range(self._wires)] for _ in range(self._count)
        ]
        sizes = Counter(g for i in joint for g in groups.groups(i))
        for i in joint:
            own = groups.groups(i)
            reading = [sizes[g] for g in own if groups.axis[g]]
            weight = 2.0 if not reading else 1.0 / max(reading) ** sharing
            for a, w in enumerate(tasks[i].wires):
                for other in tasks[i].wires[:a]:
                    self._partners[layers[i]][w].append((other, weight))
                    self._partners[layers[i]][other].append((w, weight))

        self._hot = WARM if any(sizes[g] and groups.axis[g] for g in sizes) else HOT
        self._acts = [
            [layer for layer in range(self._count) if self._partners[layer][w]] for w in range(self._wires)
        ]

    def run(self, rng: np.random.Generator, effort: float, budget_s: float) -> IntArray:
        """Anneal; the best table."""
        began, share, proposed = perf_counter(), 0.0, 0
        limit = effort * PROPOSALS * self._count * self._wires
        cost, best, found = 0.0, 0.0, [list(row) for row in self._table]
        while share < 1 and self._count > 1 and len(self._nodes) > 1:
            temperature = self._hot * (1 - share) + 1e-6
            draws = rng.random((CHECK_EVERY, 6)).tolist()
            for draw in draws:
                change = self._propose(draw, temperature)
                cost += change
                if cost < best - 1e-9:
                    best, found = cost, [list(row) for row in self._table]
            proposed += CHECK_EVERY
            share = max((perf_counter() - began) / budget_s if budget_s else 1.0, proposed / limit)
        return np.array(found, dtype=np.int64)

    def _propose(self, draw: Sequence[float], temperature: float) -> float:
        """One proposal, taken or not; the change of the cost."""
        wire = int(draw[0] * self._wires)
        acts = self._acts[wire]
        if not acts:
            return 0.0
        one = int(draw[1] * len(acts))
        many = one + 1 + int(draw[2] ** 3 * (LONGEST if draw[5] < 0.9 else len(acts)))
        first = acts[one] if one else 0
        last = acts[many] if many < len(acts) else self._count
        here = self._table[first][wire]
        other = int(draw[3] * self._wires) if draw[5] < 0.6 else -1
        chosen = self._nodes[int(draw[3] * len(self._nodes))]
        there = self._table[first][other] if other >= 0 else chosen
        if there == here or (first == 0 and (wire in self._fixed or other in self._fixed)):
            return 0.0
        end = first
        while (
            end < last
            and self._table[end][wire] == here
            and (self._table[end][other] == there if other >= 0 else self._room[end][there] > 0)
        ):
            end += 1
        if end == first:
            return 0.0
        wires = (wire,) if other < 0 else (wire, other)
        before = self._cost(wires, first, end)
        self._set(wires, (here, there), first, end)
        change = self._cost(wires, first, end) - before
        if change <= 0 or draw[4] < exp(-change / temperature):
            return change
        self._set(wires, (there, here), first, end)
        return 0.0

    def _set(self, wires: Sequence[int], nodes: tuple[int, int], first: int, last: int) -> None:
        here, there = nodes
        for layer in range(first, last):
            self._table[layer][wires[0]] = there
            if len(wires) == 2:
                self._table[layer][wires[1]] = here
            else:
                self._room[layer][here] += 1
                self._room[layer][there] -= 1

    def _cost(self, wires: Sequence[int], first: int, last: int) -> float:
        """What the joint tasks and the moves of some wires cost over an interval and its ends."""
        total, table, distance = 0.0, self._table, self._distance
        for wire in wires:
            acts = self._acts[wire]
            for layer in acts[bisect_left(acts, first) : bisect_left(acts, last)]:
                row = table[layer]
                at = row[wire]
                for other, weight in self._partners[layer][wire]:
                    if len(wires) == 1 or other not in wires:
                        total += weight * distance[at][row[other]]
            # Within the interval the wire is at one node.
            for layer in (first, last):
                if 0 < layer < self._count:
                    total += distance[table[layer - 1][wire]][table[layer][wire]]
        return total
