"""Which node holds which wire in each layer, for gates on two wires that neither is only read of.

A layer joins every wire with at most one other. Wires (and free places, as wires that cost nothing) change places
within a layer, alone or together with their partners; layers of even and of odd number do not see one another, so
that all proposals of half of the layers are made and decided at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.tasks import Task

HOT, COLD = 0.6, 0.2
"""The temperature in the beginning and in the end, in pairs."""

SWEEPS = 20_000
"""Most proposals for each two joint tasks of a layer."""

CHECK_EVERY = 20
"""How many sweeps pass between two looks at the clock."""

WIDTH = 128
"""How many proposals are made at one time at least: small circuits are annealed several times at once."""

COMES_AND_GOES = 2.0
"""Pairs of a gate on wires at two nodes: one visits the other."""


def annealed_blocks(
    tasks: Sequence[Task],
    layers: Sequence[int],
    machine: Machine,
    home: Sequence[int],
    fixed: Mapping[int, int],
    *,
    seed: int,
    budget_s: float,
) -> IntArray:
    """The node of each wire in each layer: shape (layers, wires).

    Args:
        tasks: tasks on at most two wires.
        layers: the layer of each; at most one joint task of a wire is in a layer.
        machine: where.
        home: a placement to begin with.
        fixed: wires that begin at given nodes.
        seed: makes the search repeatable, as far as the time allows.
        budget_s: how long to search at most.
    """
    search = _Blocks(tasks, layers, machine, home, fixed, np.random.default_rng([seed, 29]))
    return search.run(budget_s)


class _Blocks:
    def __init__(
        self,
        tasks: Sequence[Task],
        layers: Sequence[int],
        machine: Machine,
        home: Sequence[int],
        fixed: Mapping[int, int],
        rng: np.random.Generator,
    ) -> None:
        self._rng, self._wires, self._codes = rng, len(home), len(machine.nodes) + 1
        nodes = len(machine.nodes)
        places, held = list(home), Counter(home)
        for node in range(nodes):
            places += [node] * min(machine.room[node] - held[node], len(home))
        self._free = len(places)
        places += [places[-1]] * (len(places) % 2)  # so that all can be told in twos; no place, and it stays
        count = max(layers, default=0) + 1
        self._width, self._rows = len(places), count + 2
        distance = np.zeros((self._codes, self._codes))
        distance[:nodes, :nodes] = machine.distance
        self._distance = np.where(np.isinf(distance), 1e6, distance).ravel()
        cells, weight = _cells(tasks, layers, count, self._width)
        self._replicas = max(1, -(-WIDTH // max(1, count // 2 * (self._width // 4))))
        state = np.full((self._replicas, self._rows, self._width), nodes, dtype=np.int64)
        state[:, 1:-1] = places
        self._state = state.ravel()
        self._halves = [self._half(cells, weight, parity, frozenset(fixed)) for parity in (0, 1)]

    def _half(self, cells: IntArray, weight: FloatArray, parity: int, fixed: frozenset[int]) -> _Half:
        """The layers of one parity, of all replicas one after the other."""
        own = np.arange(parity, len(cells), 2)
        replica = np.arange(self._replicas)[:, None, None] * self._rows
        rows = (replica + 1 + own[:, None]).reshape(self._replicas, len(own), 1) * self._width
        wires = cells[own].reshape(1, len(own), self._width)
        index = (rows + wires).reshape(-1, self._width)
        real = np.broadcast_to(wires < self._wires, (self._replicas, len(own), self._width)).reshape(index.shape)
        pinned = (np.isin(wires, list(fixed)) & (own[:, None] == 0)) | (wires >= self._free)
        held = np.broadcast_to(pinned, (self._replicas, len(own), self._width)).reshape(index.shape)
        weights = np.broadcast_to(weight[own][None], (self._replicas, len(own), self._width // 2))
        return _Half(
            index,
            np.where(real, index - self._width, 0),  # free places see nothing before or after
            np.where(real, index + self._width, 0),
            held if held.any() else None,
            weights.reshape(len(index), self._width // 2),
        )

    def run(self, budget_s: float) -> IntArray:
        began, share, sweeps = perf_counter(), 0.0, 0
        gained = np.zeros(self._replicas)
        best, found = 0.0, self._table(0)
        while share < 1 and self._rows > 3:
            temperature = HOT * (COLD / HOT) ** share
            for _ in range(CHECK_EVERY):
                for half in self._halves:
                    if len(half.index):
                        gained += self._sweep(half, temperature)
                if gained.min() < best - 1e-9:
                    number = int(gained.argmin())
                    best, found = float(gained[number]), self._table(number)
            sweeps += CHECK_EVERY
            share = max((perf_counter() - began) / budget_s if budget_s else 1.0, sweeps / SWEEPS)
        return found

    def _table(self, replica: int) -> IntArray:
        state = self._state.reshape(self._replicas, self._rows, self._width)
        return np.array(state[replica, 1:-1, : self._wires])

    def _sweep(self, half: _Half, temperature: float) -> FloatArray:
        """Every cell meets another one, and perhaps changes places with it; the change of each replica's cost."""
        rng, cells = self._rng, self._width // 2
        order, turned = rng.permutation(np.arange(cells)), rng.integers(0, 2, size=cells)
        a, b = order[: cells // 2], order[cells // 2 : cells // 2 * 2]
        columns = (2 * a + turned[a], 2 * b + turned[b], 2 * a + 1 - turned[a], 2 * b + 1 - turned[b])
        together = bool(rng.integers(2))
        moved = columns if together else columns[:2]
        state = self._state
        at = [half.index[:, column] for column in columns]
        now = [state[i] for i in at]
        new = [now[1], now[0], now[3], now[2]] if together else [now[1], now[0], now[2], now[3]]
        change = np.zeros(at[0].shape)
        for column, old, other in zip(moved, now, new, strict=False):
            for side in (half.before, half.after):
                code = state[side[:, column]] * self._codes
                change += self._distance[code + other]
                change -= self._distance[code + old]
        for cell, i in ((a, 0), (b, 1)):
            apart = self._distance[new[i] * self._codes + new[i + 2]]
            change += half.weight[:, cell] * (apart - self._distance[now[i] * self._codes + now[i + 2]])
        taken = rng.random(change.shape) < np.exp(np.minimum(-change, 0) / temperature)
        if half.held is not None:
            for column in moved:
                taken &= ~half.held[:, column]
        for place, old, other in zip(at[: len(moved)], now, new, strict=False):
            state[place] = np.where(taken, other, old)
        total: FloatArray = (change * taken).reshape(self._replicas, -1).sum(axis=1)
        return total


class _Half:
    """The layers of one parity: index of each wire's node in the state, two by two as tasks join them."""

    def __init__(
        self,
        index: IntArray,
        before: IntArray,
        after: IntArray,
        held: BoolArray | None,
        weight: FloatArray,
    ) -> None:
        self.index, self.before, self.after, self.held, self.weight = index, before, after, held, weight


def _cells(tasks: Sequence[Task], layers: Sequence[int], count: int, width: int) -> tuple[IntArray, FloatArray]:
    """All wires of each layer two by two, those joined by a task first; and what it costs to have two apart."""
    cells = np.empty((count, width // 2, 2), dtype=np.int64)
    weight = np.zeros((count, width // 2))
    joined: list[list[tuple[int, ...]]] = [[] for _ in range(count)]
    for task, layer in zip(tasks, layers, strict=True):
        if len(task.wires) == 2:
            joined[layer].append(task.wires)
    for layer, pairs in enumerate(joined):
        used = {wire for pair in pairs for wire in pair}
        rest = [wire for wire in range(width) if wire not in used]
        cells[layer] = [*pairs, *_twos(rest)]
        weight[layer, : len(pairs)] = COMES_AND_GOES
    return cells, weight


def _twos(wires: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(wires[::2], wires[1::2], strict=True)
