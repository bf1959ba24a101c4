"""From a circuit and a machine to events: the candidates, and the cheapest of them that fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from time import perf_counter

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.distributed.bounds import lower_bound
from quantumlink.distributed.cover import Cover, Where, exact_cover
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.events import Copy, Teleport, cost_of_pairs
from quantumlink.distributed.groups import Groups, groups_of
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.moving import moving_plans
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.placement import Placement, SearchedPlacement
from quantumlink.distributed.plans import DoesNotFit, Plan, Schedule, Scheduled
from quantumlink.distributed.proof import can_flow
from quantumlink.distributed.schedule import list_schedule
from quantumlink.distributed.sharing import shared_plan
from quantumlink.distributed.tasks import Tasks, tasks_of
from quantumlink.distributed.trees import Trees, steiner_tree

MAX_MIGRATED = 40_000
"""Most joint tasks for which moves are looked for."""


MAX_BOUNDED = 7
"""Most qubits for which a lower bound is looked at before moves are looked for."""

MAX_BOUNDED_CLIFFORD = 100
"""The same for Clifford circuits."""

SCHEDULED = 3
"""How many of the plans with moves are put in order, to see what they cost then."""


@dataclass(frozen=True)
class Methods:
    """How a circuit is distributed: each can be replaced by one of your own of the same call."""

    placement: Placement = field(default_factory=SearchedPlacement)
    """Which node holds which qubit."""
    cover: Cover = exact_cover
    """Where each joint gate is done."""
    schedule: Schedule = list_schedule
    """In which order, with which copies open."""
    trees: Trees = steiner_tree
    """Along which ways copies of a qubit are brought to several nodes."""

    def __post_init__(self) -> None:
        for each in fields(self):
            method = getattr(self, each.name)
            if not callable(method) or isinstance(method, type):
                raise TypeError(
                    f"{each.name} must be a method that is called as those of quantumlink.distributed are, an "
                    f"object or a function; got {method!r}"
                )


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to distribute a circuit."""

    tasks: Tasks
    """The circuit as tasks."""
    plan: Plan
    """Where each is done; with moves, if wires move."""
    scheduled: Scheduled
    """What happens, in order."""

    @property
    def ebits(self) -> int:
        """How many pairs between two nodes it spends; copies that are only passed on are part of another."""
        spent = [event for event in self.scheduled.events if isinstance(event, Copy | Teleport)]
        return sum(not (isinstance(event, Copy) and event.relay) for event in spent)

    def cost(self, machine: Machine) -> float:
        """What its pairs cost."""
        return cost_of_pairs(self.scheduled.events, machine.distance)


def candidates(
    circuit: QuantumCircuit,
    machine: Machine,
    circuits: PairCircuits,
    fixed: Mapping[int, int],
    methods: Methods,
    *,
    live_copies: int | None,
    migrate: bool,
    seed: int,
    budget_s: float,
) -> list[Candidate]:
    """The candidates that fit, at least one.

    Raises:
        ValueError: if none fits.
    """
    found: list[Candidate] = []
    reasons: list[DoesNotFit] = []
    ends_at = perf_counter() + budget_s
    tasks = tasks_of(circuit)
    several = _has_blocks(tasks)
    for whole in (True, False) if several else (True,):
        if found and (budget_s == 0 or not found[0].ebits):
            break  # the first solution is asked for, and there is one; or there is nothing to save
        if not whole:
            tasks = tasks_of(circuit, keep_wide=False, keep_blocks=False)
        left = max(ends_at - perf_counter(), 0.0)
        share = left * _whole_share(tasks) if whole and several else left
        moving = migrate and share > 0 and _joint(tasks) <= MAX_MIGRATED
        began = perf_counter()
        try:
            own = share * (_static_share(tasks) if moving else 1.0)
            static = _static(tasks, machine, circuits, fixed, methods, live_copies, seed, own)
            found.append(static)
            found += _sharing([static.plan], tasks, machine, circuits, methods, live_copies)
            if moving and not _at_bound(static, machine, seed):
                left = max(share - (perf_counter() - began), 0.0)
                plans = moving_plans(static.plan, machine, fixed, methods.cover, seed=seed, budget_s=left)
                found += _scheduled(plans, tasks, machine, circuits, methods, live_copies)
                found += _sharing(plans, tasks, machine, circuits, methods, live_copies)
        except DoesNotFit as error:
            reasons.append(error)
    if not found:
        raise ValueError(str(reasons[-1])) from reasons[-1]
    return found


def _sharing(
    plans: Sequence[Plan],
    tasks: Tasks,
    machine: Machine,
    circuits: PairCircuits,
    methods: Methods,
    live_copies: int | None,
) -> list[Candidate]:
    """The same plans with copies along trees, where links can be shared: beside the others."""
    shared = [shared_plan(plan, machine, methods.trees) for plan in plans[:SCHEDULED]]
    return _scheduled([p for p in shared if p is not None], tasks, machine, circuits, methods, live_copies)


def _scheduled(
    plans: Sequence[Plan],
    tasks: Tasks,
    machine: Machine,
    circuits: PairCircuits,
    methods: Methods,
    live_copies: int | None,
) -> list[Candidate]:
    result = []
    for plan in plans[:SCHEDULED]:
        with suppress(DoesNotFit):
            scheduled = check_schedule(methods.schedule(plan, machine, circuits, live_copies))
            result.append(Candidate(tasks, plan, scheduled))
    return result


def _at_bound(candidate: Candidate, machine: Machine, seed: int) -> bool:
    """Whether no protocol is cheaper that starts and ends with this placement, as far as that is quickly known."""
    circuit = candidate.tasks.circuit
    if not candidate.ebits:
        return True
    if circuit.num_qubits > (MAX_BOUNDED_CLIFFORD if can_flow(circuit) else MAX_BOUNDED):
        return False
    start = [place.node for place in candidate.scheduled.start]
    end = [candidate.scheduled.end[wire].node for wire in candidate.tasks.wire_of_qubit]
    least = min(d for row in machine.distance for d in row if d > 0)
    return candidate.cost(machine) <= lower_bound(circuit, start, end, seed) * least


def _joint(tasks: Tasks) -> int:
    return sum(len(task.wires) > 1 for task in tasks.tasks)


def _whole_share(tasks: Tasks) -> float:
    """Of the time, what goes to gates kept whole, before smaller ones are tried: much where few could be read."""
    joint = [task for task in tasks.tasks if len(task.wires) > 1]
    blocks = sum(not any(task.axes) for task in joint) / max(len(joint), 1)
    return 0.95 if blocks > 0.5 else 0.75


def _static_share(tasks: Tasks) -> float:
    """Of the time, what goes to a placement that stays: little where no gate reads its qubits."""
    joint = [task for task in tasks.tasks if len(task.wires) > 1]
    reading = sum(any(task.axes) for task in joint)
    return 0.1 + 0.25 * reading / max(len(joint), 1)


def _has_blocks(tasks: Tasks) -> bool:
    return any(len(t.wires) > 2 or (len(t.wires) == 2 and not all(t.axes)) for t in tasks.tasks)


def _static(
    tasks: Tasks,
    machine: Machine,
    circuits: PairCircuits,
    fixed: Mapping[int, int],
    methods: Methods,
    live_copies: int | None,
    seed: int,
    budget_s: float,
) -> Candidate:
    num_wires = tasks.circuit.num_qubits
    groups = groups_of(tasks.tasks, num_wires)
    demands = demands_of(tasks.tasks, groups, num_wires)
    home = methods.placement(demands, machine, fixed, seed=seed, budget_s=budget_s)
    check_placement(home, machine, fixed, num_wires)
    at = [home[wire] for wire in groups.wire]
    where = methods.cover(demands, machine, at)
    if methods.cover is not exact_cover:
        check_cover(where, tasks, groups, at, machine)
    plan = Plan(tasks.tasks, groups, at, home, where)
    return Candidate(tasks, plan, check_schedule(methods.schedule(plan, machine, circuits, live_copies)))


def check_schedule(found: object) -> Scheduled:
    """Refuse what is no schedule.

    Raises:
        TypeError: if so.
    """
    if not isinstance(found, Scheduled):
        raise TypeError(f"the schedule method must return a quantumlink.distributed.plans.Scheduled, got {found!r}")
    return found


def check_placement(home: Sequence[int], machine: Machine, fixed: Mapping[int, int], num_wires: int) -> None:
    """Refuse what a method of a user's got wrong.

    Raises:
        ValueError: if a wire has no node, a node holds too many, or one that was fixed was moved.
    """
    whole = isinstance(home, Sequence) and all(isinstance(node, (int, np.integer)) for node in home)
    if not whole or len(home) != num_wires or not all(0 <= node < len(machine.nodes) for node in home):
        raise ValueError(f"the placement method must give a node for each of {num_wires} wires, got {home!r}")
    for node, count in Counter(home).items():
        if count > machine.room[node]:
            raise ValueError(
                f"the placement method puts {count} wires at node {machine.nodes[node].name!r}, which holds "
                f"{machine.room[node]}"
            )
    for wire, node in fixed.items():
        if home[wire] != node:
            raise ValueError(f"the placement method moved wire {wire}, which was fixed")


def check_cover(where: Where, tasks: Tasks, groups: Groups, at: Sequence[int], machine: Machine) -> None:
    """Refuse a cover of a user's that leaves a task out, or does one at no node.

    Raises:
        ValueError: if so, by the task.
        TypeError: if it is no mapping.
    """
    if not isinstance(where, Mapping):
        raise TypeError(f"the cover method must return a mapping from groups to nodes, got {where!r}")
    for number, task in enumerate(tasks.tasks):
        own = groups.groups(number)
        nodes = {at[group] for group in own}
        if len(nodes) < 2:
            continue
        key = own if len(own) > 2 or own[0] < own[1] else own[::-1]
        node = where.get(key)
        if node is None or not 0 <= node < len(machine.nodes):
            raise ValueError(
                f"the cover method must give a node for the groups {key} of {task.operation.name!r} "
                f"(task {number}), got {node!r}"
            )
