"""Demands: what the tasks ask of more than one wire, told once for all tasks that ask the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.distributed.collecting import collector_paused
from quantumlink.distributed.groups import Groups
from quantumlink.distributed.tasks import Move, Task


@dataclass(frozen=True, eq=False)
class Demands:
    """The joint tasks, those on the same groups told once.

    A *pair* reads both of its wires; of a *held* one only the first wire is read, the second must be there itself;
    a *block* reads none of its two wires; all others are *wide*.
    """

    num_wires: int
    """How many wires there are."""
    wire: IntArray
    """The wire of each group."""
    pairs: IntArray
    """Shape (n, 2): the groups of each pair."""
    held: IntArray
    """Shape (n, 2): the group that is read, and that of the wire that must be there."""
    blocks: IntArray
    """Shape (n, 3): two wires, and how many blocks they share."""
    block_groups: IntArray
    """Shape (n, 2): the groups of each block, every one told."""
    wide: tuple[tuple[int, ...], ...]
    """The groups of each wide task."""
    reading: tuple[bool, ...]
    """Of each group, whether its wire is only read."""
    after: tuple[int, ...]
    """Of each group, the next one of its wire if that moves in between, and a copy there becomes the wire: such a
    copy costs nothing. -1 if not."""


@collector_paused()
def demands_of(tasks: Sequence[Task], groups: Groups, num_wires: int) -> Demands:
    """The demands of the tasks."""
    reading = tuple([bool(axis) for axis in groups.axis])
    pairs: dict[tuple[int, ...], None] = {}
    held: dict[tuple[int, ...], None] = {}
    blocks: dict[tuple[int, int], int] = {}
    every: list[tuple[int, ...]] = []
    wide: dict[tuple[int, ...], None] = {}
    group_of = groups.group_of_stage
    for task, stages in zip(tasks, groups.stages, strict=True):
        if len(stages) < 2 or isinstance(task.operation, Move):
            continue
        own = tuple([group_of[stage] for stage in stages])
        if len(own) > 2:
            wide[own] = None
            continue
        a, b = own
        if reading[a] and reading[b]:
            pairs[own if a < b else (b, a)] = None
        elif reading[a]:
            held[own] = None
        elif reading[b]:
            held[b, a] = None
        else:
            wires = (min(task.wires), max(task.wires))
            blocks[wires] = blocks.get(wires, 0) + 1
            every.append(own)
    return Demands(
        num_wires,
        np.array(groups.wire, dtype=np.int64),
        _array(list(pairs), 2),
        _array(list(held), 2),
        _array([(a, b, n) for (a, b), n in blocks.items()], 3),
        _array(every, 2),
        tuple(wide),
        reading,
        followed(tasks, groups),
    )


def followed(tasks: Sequence[Task], groups: Groups) -> tuple[int, ...]:
    """Of each group that is read right before a move the one after the move, else -1."""
    after = [-1] * len(groups.wire)
    for number, task in enumerate(tasks):
        if not isinstance(task.operation, Move):
            continue
        for wire, stage in zip(task.wires, groups.stages[number], strict=True):
            stages = groups.stages_of_wire[wire]
            place = stages.index(stage)
            if 0 < place < len(stages) - 1 and groups.axis[groups.group_of_stage[stages[place - 1]]]:
                after[groups.group_of_stage[stages[place - 1]]] = groups.group_of_stage[stages[place + 1]]
    return tuple(after)


def _array(rows: Sequence[Sequence[int]], width: int) -> IntArray:
    return np.array(rows, dtype=np.int64).reshape(-1, width)
