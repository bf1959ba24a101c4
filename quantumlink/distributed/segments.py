"""Where each wire is in each of its groups: a search on the exact cost of copies and moves.

Runs of groups of one wire, or of two that change places, are annealed (`quantumlink.distributed.run_annealing`). A
wire is brought over right before the first joint task of a group, at one pair; a copy that the group before has at
the new node becomes the wire, and costs nothing then. No node holds more wires in any layer than it has room for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.compiled_annealing import compiled_anneal, has_numba
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.run_annealing import DRAWS, RUN, Wires, Work, anneal

WORTH_COMPILING_S = 2.0
"""Searches that may take so long are compiled: the first time ever, that takes some 15 seconds more."""

WORTH_COMPILING = 100
"""Groups below which a search is over soon anyway."""

PLAIN, COMPILED = 64, 4096
"""How many proposals pass between two looks at the clock."""

WHOLE = 0.1
"""How often a wire that may move is moved for the whole time."""

Temperature = Callable[[float], float]
"""The temperature, in pairs, when a share of the search is over."""


class RunSearch:
    """A search that can go on.

    Args:
        demands: what is asked.
        machine: where.
        own: of each wire its groups that joint tasks belong to, in order, each with the layer in which it begins.
        at: the node of each group to begin with.
        home: and of each wire.
        fixed: wires that begin at given nodes.
        moving: whether wires without groups stay; otherwise they are placed where room is left.
        budget_s: about how long it will go on.
    """

    def __init__(
        self,
        demands: Demands,
        machine: Machine,
        own: Sequence[Sequence[tuple[int, int]]],
        at: Sequence[int],
        home: Sequence[int],
        fixed: Mapping[int, int],
        *,
        moving: bool,
        budget_s: float,
    ) -> None:
        groups = sum(map(len, own))
        self.compiled = has_numba() and budget_s >= WORTH_COMPILING_S and groups >= WORTH_COMPILING
        self._home, self._fixed, self._machine, self._moving = list(home), fixed, machine, moving
        self._own = [[group for group, _ in row] for row in own]
        self._starts = [[0, *(layer for _, layer in row[1:])] if row else [] for row in own]
        self._layers = 1 + max((layer for row in own for _, layer in row), default=0) if moving else 1
        self._cost = CoverCost(demands, machine, at, compiled=self.compiled)
        self._room = self._left(at)
        self._unit = min((d for row in machine.distance for d in row if d > 0), default=1.0)
        self.best = self._total()
        """The least cost, moves counted."""
        self.found: list[int] = list(at)
        """The node of each group then."""

    @property
    def fits(self) -> bool:
        """Whether no node holds too many to begin with."""
        return bool(self._room.min(initial=0) >= 0)

    @property
    def proposals(self) -> int:
        """One for each group and node that it could be at."""
        return len(self._machine.computing) * sum(map(len, self._own))

    def run(self, rng: np.random.Generator, most: float, budget_s: float, temperature: Temperature) -> float:
        """Anneal for a number of proposals or a time; the least cost so far."""
        acting = [wire for wire, own in enumerate(self._own) if own]
        if not acting or len(self._machine.computing) < 2 or budget_s <= 0:
            return self.best
        began, share, done = perf_counter(), 0.0, 0
        search, keep, size = self._search()
        given, state, wires, work = self._prepared(keep)
        now = self._total()
        while share < 1 and self.best > 0:
            hot = temperature(share) * self._unit
            draws = keep(rng.random(size * DRAWS))
            now, best = search(
                given, state, wires, work, draws, WHOLE if self._moving else 1.0, hot, hot, now, self.best
            )
            if best < self.best:
                self.best, self.found = best, [int(node) for node in work.found]
            done += size
            share = max((perf_counter() - began) / budget_s, done / most)
        return self.best

    def table(self) -> IntArray:
        """The node of each wire in each layer, shape (layers, wires)."""
        rows = np.empty((self._layers, len(self._home)), dtype=np.int64)
        rows[:] = self._home
        for wire, own in enumerate(self._own):
            for group, start in zip(own, self._starts[wire], strict=True):
                rows[start:, wire] = self.found[group]
        return rows

    def home(self) -> IntArray:
        """The node of each wire, of wires that stay."""
        home = [self.found[own[0]] if own else -1 for own in self._own]
        room = list(self._machine.room)
        for wire, own in enumerate(self._own):
            if not own and wire in self._fixed:
                home[wire] = self._fixed[wire]
            if home[wire] >= 0:
                room[home[wire]] -= 1
        for wire, node in enumerate(home):
            if node < 0:
                here = self._home[wire]
                home[wire] = here if room[here] > 0 else next(v for v, free in enumerate(room) if free > 0)
                room[home[wire]] -= 1
        return np.array(home, dtype=np.int64)

    def _search(self) -> tuple[Callable[..., tuple[float, float]], Callable[[Any], Any], int]:
        if self.compiled:
            return compiled_anneal(), np.asarray, COMPILED
        return anneal, lambda array: np.asarray(array).tolist(), PLAIN

    def _prepared(self, keep: Callable[[Any], Any]) -> tuple[Any, Any, Wires, Work]:
        def kept(values: Sequence[int]) -> Any:
            return keep(np.array(values, dtype=np.int64))

        count = len(self.found)
        wires = Wires(
            kept([0, *np.cumsum([len(own) for own in self._own])]),
            kept([group for own in self._own for group in own]),
            kept([layer for row in self._starts for layer in row]),
            kept([wire for wire, own in enumerate(self._own) if own]),
            kept([wire in self._fixed for wire in range(len(self._own))]),
            kept(self._machine.computing),
            self._layers,
            keep(self._room.ravel()) if self.compiled else self._plain_room(),
        )
        moved, where, old = (kept([0] * count) for _ in range(3))
        work = Work(kept([0] * (2 * RUN)), moved, where, old, kept(self.found))
        return self._cost.given, self._cost.state, wires, work

    def _plain_room(self) -> list[int]:
        """As a list that goes on from run to run."""
        if "_rows" not in self.__dict__:
            self._rows: list[int] = self._room.ravel().tolist()
        return self._rows

    def _left(self, at: Sequence[int]) -> IntArray:
        """The room at each node in each layer."""
        room = np.repeat(np.array(self._machine.room, dtype=np.int64)[:, None], self._layers, axis=1)
        for wire, own in enumerate(self._own):
            for i, group in enumerate(own if self._moving else own[:1]):
                end = self._starts[wire][i + 1] if self._moving and i + 1 < len(own) else self._layers
                room[at[group], self._starts[wire][i] : end] -= 1
            if not own and (self._moving or wire in self._fixed):
                room[self._home[wire]] -= 1
        return room

    def _total(self) -> float:
        """What copies and moves cost now."""
        at, distance = self._cost.at, self._machine.distance
        moves = [(at[a], at[b]) for own in self._own for a, b in pairwise(own)]
        return self._cost.total + float(sum(distance[a][b] for a, b in moves if a != b))
