"""Plans in which wires move for good.

A move costs one pair, a state teleportation. Where a copy of the wire is there already, that one becomes the wire:
the wire's own qubit is measured, and the pair that brought the copy has brought the wire (a copy that serves gates
at both nodes before the move is so paid for once). Where no gate reads its wires, layers of blocks are annealed;
else runs of groups on the exact cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle
from math import inf
from time import perf_counter

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.block_annealing import annealed_blocks
from quantumlink.distributed.cover import Cover
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.migration import layers_of, runs_of, with_moves
from quantumlink.distributed.plans import Plan, plan_of
from quantumlink.distributed.segments import RunSearch
from quantumlink.distributed.tasks import Move, Task

EFFORTS = (20.0, 20.0, 80.0, 80.0, 320.0, 320.0, 1280.0, 1280.0)
"""Proposals for each group and node of one search after the other, as long as longer ones find more."""

PATIENCE = 4
"""So many searches in a row that find nothing are the last ones."""

LAST = 0.5
"""If a search and the next would take more of the time that is left, it is the last one, and takes all of it."""

HOT = (0.3, 0.6)
"""The temperatures in the beginning, in pairs, in turn; each falls evenly to nothing."""


def moving_plans(
    plan: Plan, machine: Machine, fixed: Mapping[int, int], cover: Cover, *, seed: int, budget_s: float
) -> list[Plan]:
    """Plans of the same tasks with moves; none that costs more than the plan itself.

    Args:
        plan: one without moves.
        machine: where.
        fixed: wires that begin at given nodes.
        cover: says where joint tasks are done.
        seed: makes the search repeatable, as far as the time allows.
        budget_s: how long to search at most.
    """
    tasks, ends_at = plan.tasks, perf_counter() + budget_s
    layers = layers_of(tasks, len(plan.home))

    def left() -> float:
        return max(ends_at - perf_counter(), 0.0)

    if only_blocks(tasks):
        table = annealed_blocks(tasks, layers, machine, plan.home, fixed, seed=seed, budget_s=left())
        return _cheaper([_planned(tasks, layers, table, machine, cover)], plan, machine)
    own, after = runs_of(tasks, plan.groups, layers, len(plan.home))
    demands = replace(demands_of(tasks, plan.groups, len(plan.home)), after=after)
    search = RunSearch(demands, machine, own, plan.at, plan.home, fixed, moving=True, budget_s=budget_s)
    if not search.fits:
        return []
    rng = np.random.default_rng([seed, 23])
    vain, pace = 0, inf
    for effort, following, hot in zip(EFFORTS, (*EFFORTS[1:], inf), cycle(HOT), strict=False):
        reached, began = search.best, perf_counter()
        if effort + following > LAST * pace * left():
            effort, hot = inf, HOT[0]
        search.run(rng, effort * search.proposals, left(), partial(_falling, hot))
        pace = effort / (perf_counter() - began)
        vain = 0 if search.best < reached else vain + 1
        if vain == PATIENCE or not left():
            break
    return _cheaper([_planned(tasks, layers, search.table(), machine, cover)], plan, machine)


def _falling(hot: float, share: float) -> float:
    return hot * (1 - share) + 1e-6


def only_blocks(tasks: Sequence[Task]) -> bool:
    """Whether no joint task reads a wire, and none is on more than two."""
    joint = [task for task in tasks if len(task.wires) > 1]
    return not any(len(task.wires) > 2 or any(task.axes) for task in joint)


def cost_of(plan: Plan, machine: Machine) -> float:
    """What copies and moves cost, before third nodes help."""
    cost = CoverCost(demands_of(plan.tasks, plan.groups, len(plan.home)), machine, plan.at).total
    now = list(plan.home)
    for task in plan.tasks:
        if isinstance(task.operation, Move):
            for wire, node in zip(task.wires, task.operation.nodes, strict=True):
                cost += machine.distance[now[wire]][node] if now[wire] != node else 0.0
                now[wire] = node
    return cost if cost < inf else inf


def _cheaper(found: Sequence[Plan], plan: Plan, machine: Machine) -> list[Plan]:
    """Those with moves that cost no more, the cheapest first."""
    limit = cost_of(plan, machine)
    priced = [(cost_of(one, machine), i) for i, one in enumerate(found)]
    return [found[i] for cost, i in sorted(priced) if cost <= limit and found[i].tasks is not plan.tasks]


def _planned(tasks: Sequence[Task], layers: Sequence[int], table: IntArray, machine: Machine, cover: Cover) -> Plan:
    """The plan of a table."""
    return plan_of(with_moves(tasks, layers, table), table[0].tolist(), machine, cover)
