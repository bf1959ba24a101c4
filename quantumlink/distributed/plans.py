"""Plans: tasks, and where each is to be done; and what comes of them, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quantumlink.distributed.cover import Cover, Where
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.events import Event, Place
from quantumlink.distributed.groups import Groups, groups_of
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.tasks import Move, Task
from quantumlink.distributed.trees import Trees, single_paths


class DoesNotFit(ValueError):
    """A task needs more communication qubits than a node has."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Tasks with their groups, and where each is to be done."""

    tasks: Sequence[Task]
    """The tasks."""
    groups: Groups
    """Their groups."""
    at: Sequence[int]
    """The node of each group's wire."""
    home: Sequence[int]
    """The node of each wire in the beginning."""
    where: Where
    """Where the tasks on several nodes are done."""
    trees: Trees = single_paths
    """Along which ways copies of one group are brought to several nodes."""


@dataclass(frozen=True, eq=False)
class Scheduled:
    """What the nodes do, in order."""

    events: tuple[Event, ...]
    """The events."""
    start: tuple[Place, ...]
    """Where each wire is in the beginning."""
    end: tuple[Place, ...]
    """Where each wire is in the end."""
    computing: tuple[int, ...]
    """How many computing qubits each node uses."""
    communicating: tuple[int, ...]
    """How many communication qubits each node uses."""


class Schedule(Protocol):
    """A method that puts tasks and copies in order."""

    def __call__(self, plan: Plan, machine: Machine, circuits: PairCircuits, live_copies: int | None) -> Scheduled:
        """The events of a plan; at most ``live_copies`` copies at a node at one time."""


def plan_of(tasks: Sequence[Task], home: Sequence[int], machine: Machine, cover: Cover) -> Plan:
    """Where each task is done, wires beginning at home and moved by tasks that say so."""
    groups = groups_of(tasks, len(home))
    now, at = list(home), [0] * len(groups.wire)
    for number, task in enumerate(tasks):
        for wire, group in zip(task.wires, groups.groups(number), strict=True):
            at[group] = now[wire]
        if isinstance(task.operation, Move):
            for wire, node in zip(task.wires, task.operation.nodes, strict=True):
                now[wire] = node
    return Plan(tasks, groups, at, home, cover(demands_of(tasks, groups, len(home)), machine, at))
