"""Groups: maximal runs of tasks that read a wire along one axis, and so can share one copy of it.

Tasks of a *stage* commute on their wire. Where a task turns the axis around (X within a run along Z) a new stage
begins, but the group goes on: every copy is flipped with the wire. A group whose axis is empty is one task that
does not only read.

Reference:
    P. Andres-Martinez, C. Heunen, Phys. Rev. A 100, 032308 (2019): one pair for all gates of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quantumlink.distributed.collecting import collector_paused
from quantumlink.distributed.tasks import Task


@dataclass(frozen=True)
class Groups:
    """The groups of a list of tasks."""

    stages: tuple[tuple[int, ...], ...]
    """Of each task, the stage on each of its wires."""
    group_of_stage: tuple[int, ...]
    """The group that each stage belongs to."""
    stages_of_wire: tuple[tuple[int, ...], ...]
    """The stages of each wire, in order."""
    tasks_of_stage: tuple[int, ...]
    """How many tasks each stage has."""
    wire: tuple[int, ...]
    """The wire of each group."""
    axis: tuple[str, ...]
    """The axis of each group, ``"Z"``, ``"X"`` or ``"Y"``; empty where a task does not only read."""
    turning: frozenset[int]
    """The tasks that turn the axis of their group around."""

    def groups(self, task: int) -> tuple[int, ...]:
        """The group of a task on each of its wires."""
        return tuple([self.group_of_stage[stage] for stage in self.stages[task]])


@collector_paused()
def groups_of(tasks: Sequence[Task], num_wires: int) -> Groups:
    """The groups of the tasks, each as long as it can be.

    >>> from qiskit.circuit import QuantumCircuit
    >>> from quantumlink.distributed.tasks import tasks_of
    >>> circuit = QuantumCircuit(3)
    >>> _ = circuit.cx(0, 1), circuit.x(0), circuit.cx(0, 2), circuit.h(0), circuit.cx(0, 2)
    >>> found = groups_of(tasks_of(circuit).tasks, 3)
    >>> [group for group in range(len(found.wire)) if found.wire[group] == 0], found.axis[0]
    ([0, 3, 4], 'Z')
    """
    return _Grouping(num_wires).run(tasks)


class _Grouping:
    def __init__(self, num_wires: int) -> None:
        self.open: list[str] = [""] * num_wires
        """The axes that the current group of each wire may still have."""
        self.stage = [-1] * num_wires
        self.group_of_stage: list[int] = []
        self.stages_of_wire: list[list[int]] = [[] for _ in range(num_wires)]
        self.count: list[int] = []
        self.wire: list[int] = []
        self.axes: list[str] = []
        self.turning: set[int] = set()

    def run(self, tasks: Sequence[Task]) -> Groups:
        stages = []
        for number, task in enumerate(tasks):
            own = []
            alone = task.operation.name == "delay"
            for wire, axes, turns in zip(task.wires, task.axes, task.turns, strict=True):
                own.append(self._place(number, wire, axes, turns, alone))
            stages.append(tuple(own))
        return Groups(
            tuple(stages),
            tuple(self.group_of_stage),
            tuple(map(tuple, self.stages_of_wire)),
            tuple(self.count),
            tuple(self.wire),
            tuple(axes[:1] for axes in self.axes),
            frozenset(self.turning),
        )

    def _place(self, number: int, wire: int, axes: str, turns: str, alone: bool) -> int:
        """The stage of a task on a wire; one that is alone in its stage waits where it was written."""
        stage, now = self.stage[wire], self.open[wire]
        if now:
            left = now if now == axes else "".join([axis for axis in now if axis in axes])
            if left:
                if left != now:
                    self._narrow(wire, left)
                if alone:
                    return self._alone(wire)
                self.count[stage] += 1
                return stage
            turned = "".join([axis for axis in now if axis in turns])
            if turned:
                self._narrow(wire, turned)
                self.turning.add(number)
                return self._alone(wire)
        self.wire.append(wire)
        self.axes.append(axes)
        self.open[wire] = axes
        opened = self._stage(wire, len(self.wire) - 1)
        if alone:
            self._stage(wire, len(self.wire) - 1)
            self.count[-1] = 0
        return opened

    def _alone(self, wire: int) -> int:
        """A stage of one task within the wire's group, and one after it for those to come."""
        group = self.group_of_stage[self.stage[wire]]
        own = self._stage(wire, group)
        self._stage(wire, group)
        self.count[-1] = 0
        return own

    def _narrow(self, wire: int, axes: str) -> None:
        self.open[wire] = axes
        self.axes[self.group_of_stage[self.stage[wire]]] = axes

    def _stage(self, wire: int, group: int) -> int:
        self.group_of_stage.append(group)
        self.count.append(1)
        self.stages_of_wire[wire].append(len(self.group_of_stage) - 1)
        self.stage[wire] = len(self.group_of_stage) - 1
        return self.stage[wire]
