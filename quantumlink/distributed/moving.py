"""Plans in which wires move for good: found in several ways, the cheapest kept and improved.

Where no gate reads its wires, layers of blocks are annealed; else intervals of layers by an estimate, then runs of
groups on the exact cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from time import perf_counter

from quantumlink.arrays import IntArray
from quantumlink.distributed.block_annealing import annealed_blocks
from quantumlink.distributed.cover import Cover
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.migration import layers_of, migrated, with_moves
from quantumlink.distributed.plans import Plan, plan_of
from quantumlink.distributed.segments import segmented
from quantumlink.distributed.tasks import Move, Task

SHARINGS = (1.0, 0.0)
"""How much of a copy tasks are thought to share while intervals are looked for, one try each."""


EFFORTS = (0.1, 0.4, 1.6)
"""How long the searches are, one after the other, as long as a longer one finds more."""


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
        return _cheaper([_planned(tasks, layers, table, machine, cover)[0]], plan, machine)
    found: list[tuple[Plan, Sequence[int]]] = [(plan, layers)]
    reached = inf
    for effort in EFFORTS:
        for number, sharing in enumerate(SHARINGS):
            table = migrated(
                tasks,
                plan.groups,
                layers,
                machine,
                plan.home,
                fixed,
                sharing=sharing,
                effort=effort,
                seed=seed,
                budget_s=left() / (len(SHARINGS) - number + 0.6),
            )
            found.append(_planned(tasks, layers, table, machine, cover))
        best = min(found, key=lambda one: cost_of(one[0], machine))
        found.append(_polished(*best, machine, fixed, cover, effort, seed + 1, left()))
        cost = min(cost_of(one, machine) for one, _ in found)
        if cost >= reached or not left():
            break  # four times as much did not help
        reached = cost
    return _cheaper([one for one, _ in found], plan, machine)


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


def _planned(
    tasks: Sequence[Task], layers: Sequence[int], table: IntArray, machine: Machine, cover: Cover
) -> tuple[Plan, list[int]]:
    """The plan of a table, and the layer of each of its tasks."""
    moved, found = with_moves(tasks, layers, table)
    return plan_of(moved, table[0].tolist(), machine, cover), found


def _polished(
    plan: Plan,
    layers: Sequence[int],
    machine: Machine,
    fixed: Mapping[int, int],
    cover: Cover,
    effort: float,
    seed: int,
    budget_s: float,
) -> tuple[Plan, Sequence[int]]:
    """The plan, its groups put at better nodes."""
    demands = demands_of(plan.tasks, plan.groups, len(plan.home))
    table = segmented(
        plan.tasks,
        plan.groups,
        demands,
        layers,
        machine,
        plan.at,
        plan.home,
        fixed,
        effort=effort,
        seed=seed,
        budget_s=budget_s,
    )
    return (plan, layers) if table is None else _planned(plan.tasks, layers, table, machine, cover)
