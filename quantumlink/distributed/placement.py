"""Placements: which node holds which wire.

Several starts (wires in order; the groups as hyperedges, partitioned by Mt-KaHyPar where it is installed; wires one
after the other next to those they work with) are each improved by annealing on the exact cost, within a time
budget; what the user fixed stays.

References:
    T. Heuer, S. Schlag, "Mt-KaHyPar": multilevel hypergraph partitioning; MIT license.
    S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Science 220, 671 (1983).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.distributed.compiled_annealing import has_numba
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.segments import RunSearch

Fixed = Mapping[int, int]
"""The node of each wire that is fixed."""

WORTH = 2.0
"""Starts that cost more times as much as the best are not annealed."""

ROUNDS = 150
"""Most proposals of one annealing for each wire and node."""

PINS_PER_SECOND = 20_000
"""How large a hypergraph is partitioned in a second (measured)."""


class Placement(Protocol):
    """A method that places wires."""

    def __call__(
        self, demands: Demands, machine: Machine, fixed: Fixed, *, seed: int, budget_s: float
    ) -> tuple[int, ...]:
        """The node of each wire: no more at a node than it has room for; those that are fixed stay."""


@dataclass(frozen=True)
class SearchedPlacement:
    """The best of several starts, each annealed; see the module.

    Args:
        partitioner: whether Mt-KaHyPar is asked for a start: None for where it is installed.
    """

    partitioner: bool | None = None
    """Whether Mt-KaHyPar is asked for a start."""

    def __post_init__(self) -> None:
        if self.partitioner is not None:
            validation.flags(self, "partitioner")

    @property
    def told(self) -> str:
        """What searches, in words; what is missing, too."""
        parts = ["annealing" if has_numba() else "annealing, not compiled (numba is missing)"]
        if self.partitioner is not False:
            missing = _partitioner() is None
            parts.append("no partitioner (Mt-KaHyPar is missing)" if missing else "Mt-KaHyPar where it is in time")
        return "; ".join(parts) + (": pip install quantumlink[distributed]" if "missing" in "".join(parts) else "")

    def __call__(
        self, demands: Demands, machine: Machine, fixed: Fixed, *, seed: int, budget_s: float
    ) -> tuple[int, ...]:
        """The best placement that was found."""
        began = perf_counter()
        starts: list[tuple[float, IntArray]] = []
        for home in self._starts(demands, machine, fixed, seed, budget_s):
            starts.append((CoverCost(demands, machine, home[demands.wire].tolist()).total, home))
            if perf_counter() - began > budget_s:
                break
        starts.sort(key=lambda pair: pair[0])
        best_cost, best = starts[0]
        starts = [start for start in starts if start[0] <= WORTH * best_cost]
        rng = np.random.default_rng(seed)
        for number, (_, home) in enumerate(starts):
            left = budget_s - (perf_counter() - began)
            if best_cost == 0 or left <= 0:
                break
            share = left / (len(starts) - number)
            cost, found = _annealed(demands, machine, fixed, home, rng, share)
            if cost < best_cost - 1e-12:
                best_cost, best = cost, found
        return tuple(best.tolist())

    def _starts(
        self, demands: Demands, machine: Machine, fixed: Fixed, seed: int, budget_s: float
    ) -> Iterator[IntArray]:
        yield in_order(demands.num_wires, machine, fixed)
        if len(demands.pairs) + len(demands.held) + len(demands.blocks) + len(demands.wide) == 0:
            return
        yield next_to_partners(demands, machine, fixed)
        partitioned = self.partitioner if self.partitioner is not None else _partitioner() is not None
        pins = 2 * (len(demands.pairs) + len(demands.held)) + len(demands.blocks)
        if partitioned and len(machine.computing) > 1 and pins <= PINS_PER_SECOND * budget_s:
            found = by_partition(demands, machine, fixed, seed)
            if found is not None:
                yield found


def in_order(num_wires: int, machine: Machine, fixed: Fixed) -> IntArray:
    """Wires in order, nodes filled in proportion to their room."""
    room = _left(machine, fixed)
    free = [wire for wire in range(num_wires) if wire not in fixed]
    shares = _shares(len(free), room)
    home = np.zeros(num_wires, dtype=np.int64)
    for wire, node in fixed.items():
        home[wire] = node
    nodes = [node for node, share in enumerate(shares) for _ in range(share)]
    for wire, node in zip(free, nodes, strict=True):
        home[wire] = node
    return home


def next_to_partners(demands: Demands, machine: Machine, fixed: Fixed) -> IntArray:
    """Wires one after the other, each to the node whose wires it works with most, as long as there is room."""
    weights = _weights(demands)
    room = _left(machine, fixed)
    home = np.full(demands.num_wires, -1, dtype=np.int64)
    for wire, node in fixed.items():
        home[wire] = node
    waiting = {wire for wire in range(demands.num_wires) if wire not in fixed}
    pull: list[Counter[int]] = [Counter() for _ in range(demands.num_wires)]
    for wire, node in fixed.items():
        for other, weight in weights[wire].items():
            pull[other][node] += weight
    node = -1
    while waiting:
        if node < 0 or room[node] == 0:
            node = max((v for v in machine.computing if room[v]), key=lambda v: room[v])
        wire = max(waiting, key=lambda w: (pull[w][node], -sum(pull[w].values()), -w))
        home[wire] = node
        room[node] -= 1
        waiting.discard(wire)
        for other, weight in weights[wire].items():
            pull[other][node] += weight
    return home


def by_partition(demands: Demands, machine: Machine, fixed: Fixed, seed: int) -> IntArray | None:
    """What Mt-KaHyPar makes of the groups as hyperedges; None if it is not there, or found nothing that fits."""
    module = _partitioner()
    if module is None:
        raise ModuleNotFoundError("partitioner=True needs Mt-KaHyPar: install quantumlink[distributed]")
    from quantumlink.distributed.partition import partition

    home = partition(module, demands, machine, fixed, seed)
    return None if home is None else home


@lru_cache(maxsize=1)
def _partitioner() -> Any:
    try:
        import mtkahypar
    except ImportError:
        return None
    return mtkahypar


def _left(machine: Machine, fixed: Fixed) -> list[int]:
    taken = Counter(fixed.values())
    return [room - taken[node] for node, room in enumerate(machine.room)]


def _shares(count: int, room: Sequence[int]) -> list[int]:
    """How many wires each node takes, in proportion to its room, as evenly as possible."""
    total = sum(room)
    shares = [count * r // total if total else 0 for r in room]
    order = sorted(range(len(room)), key=lambda v: (-((count * room[v]) % total if total else 0), v))
    for node in order * 2:
        if sum(shares) == count:
            break
        if shares[node] < room[node]:
            shares[node] += 1
    return shares


def _weights(demands: Demands) -> list[Counter[int]]:
    found: list[Counter[int]] = [Counter() for _ in range(demands.num_wires)]
    joint = [*demands.pairs.tolist(), *demands.held.tolist()]
    wire = demands.wire.tolist()
    rows = [(wire[a], wire[b], 1) for a, b in joint] + demands.blocks.tolist()
    for key in demands.wide:
        rows += [(wire[a], wire[b], 1) for i, a in enumerate(key) for b in key[:i]]
    for a, b, weight in rows:
        found[a][b] += weight
        found[b][a] += weight
    return found


def _annealed(
    demands: Demands, machine: Machine, fixed: Fixed, home: IntArray, rng: np.random.Generator, budget_s: float
) -> tuple[float, IntArray]:
    """Moves of a wire and exchanges of two, on the exact cost."""
    own: list[list[tuple[int, int]]] = [[] for _ in home]
    for group, wire in enumerate(demands.wire.tolist()):
        own[wire].append((group, 0))
    at = home[demands.wire].tolist()
    search = RunSearch(demands, machine, own, at, home.tolist(), fixed, moving=False, budget_s=budget_s)
    hot = max(1.0, 0.05 * search.best)
    most = ROUNDS * len(home) * len(machine.computing)
    cost = search.run(rng, most, budget_s, lambda share: hot * 0.02**share * (1 - share) + 1e-9)
    return cost, search.home()
