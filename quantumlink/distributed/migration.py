"""Migration: qubits that move for good, one pair a move, where that is cheaper than coming and going.

Joint tasks are told in layers; a table says at which node each wire is in each layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from qiskit.circuit import CircuitInstruction, Gate

from quantumlink.arrays import IntArray
from quantumlink.distributed.groups import Groups
from quantumlink.distributed.tasks import Move, Task


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


def runs_of(
    tasks: Sequence[Task], groups: Groups, layers: Sequence[int], num_wires: int
) -> tuple[list[list[tuple[int, int]]], tuple[int, ...]]:
    """Of each wire its groups that joint tasks belong to, with the layers in which they begin; and what may follow.

    Returns:
        The groups of each wire in order, each with its layer; and of each group the next one of its wire, if a
        copy of the former may become the wire then, or -1.
    """
    own: list[list[tuple[int, int]]] = [[] for _ in range(num_wires)]
    after = [-1] * len(groups.wire)
    blocked = [False] * num_wires
    shifted = set(_shifted(tasks, num_wires))
    for number, task in enumerate(tasks):
        joint = len(task.wires) > 1
        for wire, group in zip(task.wires, groups.groups(number), strict=True):
            last = own[wire][-1][0] if own[wire] else -1
            if not joint:
                blocked[wire] |= group != last and number not in shifted
            elif group != last:
                if last >= 0 and groups.axis[last] and not blocked[wire]:
                    after[last] = group
                own[wire].append((group, layers[number]))
                blocked[wire] = False
            else:
                blocked[wire] = False
    return own, tuple(after)


def _shifted(tasks: Sequence[Task], num_wires: int) -> Iterator[int]:
    """Gates on one wire that may as well be done right before its next joint task."""
    waiting: list[list[int]] = [[] for _ in range(num_wires)]
    for number, task in enumerate(tasks):
        if len(task.wires) > 1:
            for wire in task.wires:
                yield from waiting[wire]
                waiting[wire].clear()
        elif task.wires:
            step = task.operation
            gate = isinstance(step, CircuitInstruction) and (
                step.is_standard_gate() or isinstance(step.operation, Gate)
            )
            free = gate and task.condition is None and not task.clbits
            if free:
                waiting[task.wires[0]].append(number)
            else:
                waiting[task.wires[0]].clear()


def with_moves(tasks: Sequence[Task], layers: Sequence[int], table: IntArray) -> list[Task]:
    """The tasks layer by layer, with moves before layers as a table says.

    A wire moves before the gates on it alone that come before its next joint task, where these may wait.
    """
    late = list(layers)
    following: dict[int, int] = {}
    shifted = set(_shifted(tasks, table.shape[1]))
    for number in range(len(tasks) - 1, -1, -1):
        task = tasks[number]
        if len(task.wires) > 1:
            following.update(dict.fromkeys(task.wires, layers[number]))
        elif number in shifted:
            late[number] = following[task.wires[0]]
    result: list[Task] = []
    reached = 0
    for i in sorted(range(len(tasks)), key=lambda i: late[i]):
        while reached < min(late[i], len(table) - 1):
            reached += 1
            wires = np.flatnonzero(table[reached] != table[reached - 1]).tolist()
            if wires:
                nodes = tuple(int(table[reached, w]) for w in wires)
                none = ("",) * len(wires)
                result.append(Task(Move(nodes), tuple(wires), (), none, none, None, (), ()))
        result.append(tasks[i])
    return result
