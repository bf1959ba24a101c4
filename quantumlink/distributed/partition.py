"""Placement by hypergraph partitioning: wires are vertices, groups and the wires that they work with hyperedges."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.demands import Demands
from quantumlink.distributed.machine import Machine


@lru_cache(maxsize=1)
def _initialized(module: Any) -> Any:
    return module.initialize(1)  # once a process


def partition(
    module: Any, demands: Demands, machine: Machine, fixed: Mapping[int, int], seed: int
) -> IntArray | None:
    """The node of each wire, by Mt-KaHyPar's deterministic preset; None if it found nothing that fits."""
    nodes = machine.computing
    kahypar = _initialized(module)
    context = kahypar.context_from_preset(module.PresetType.DETERMINISTIC)
    context.logging = False
    module.set_seed(seed % 2**31)
    edges, weights = _hyperedges(demands)
    if not edges:
        return None
    graph = kahypar.create_hypergraph(
        context, demands.num_wires, len(edges), edges, [1] * demands.num_wires, weights
    )
    room = [machine.room[node] for node in nodes]
    context.set_partitioning_parameters(len(nodes), 0.03, module.Objective.KM1)
    context.set_individual_target_block_weights([min(r, demands.num_wires) for r in room])
    if fixed:
        place = {node: i for i, node in enumerate(nodes)}
        graph.add_fixed_vertices(
            [place[fixed[w]] if w in fixed else -1 for w in range(demands.num_wires)], len(nodes)
        )
    found = graph.partition(context)
    home = np.array([nodes[found.block_id(w)] for w in range(demands.num_wires)], dtype=np.int64)
    held = Counter(home.tolist())
    fits = all(held[node] <= machine.room[node] for node in held)
    return home if fits and all(home[w] == node for w, node in fixed.items()) else None


def _hyperedges(demands: Demands) -> tuple[list[list[int]], list[int]]:
    partners: dict[int, set[int]] = defaultdict(set)
    wire = demands.wire.tolist()
    for a, b in [*demands.pairs.tolist(), *demands.held.tolist()]:
        partners[a].add(wire[b])
        partners[b].add(wire[a])
    for key in demands.wide:
        for a in key:
            partners[a].update(wire[b] for b in key if b != a)
    found = Counter(tuple(sorted({wire[group], *others})) for group, others in partners.items())
    for a, b, count in demands.blocks.tolist():
        found[min(a, b), max(a, b)] += 2 * count
    edges = [edge for edge in found if len(edge) > 1]
    return [list(edge) for edge in edges], [found[tuple(edge)] for edge in edges]
