"""The order that tasks have to keep: stage after stage on each wire, and bits written before they are read."""

from __future__ import annotations

from collections import defaultdict, deque

from quantumlink.distributed.plans import Plan
from quantumlink.distributed.tasks import Move


class Order:
    """Which tasks may be done: those whose wires have come to their stage, and whose classical bits are there."""

    def __init__(self, plan: Plan) -> None:
        self._tasks = plan.tasks
        self._groups = groups = plan.groups
        self._pending = [len(stages) for stages in groups.stages]
        self._after: dict[int, list[int]] = defaultdict(list)
        self._bits()
        self._members: list[list[int]] = [[] for _ in groups.group_of_stage]
        for number, stages in enumerate(groups.stages):
            for stage in stages:
                self._members[stage].append(number)
        self._left = list(groups.tasks_of_stage)
        self._wire_of_stage = [groups.wire[group] for group in groups.group_of_stage]
        self._at = [0] * len(groups.stages_of_wire)
        self._open = len(plan.tasks)
        self.ready: deque[int] = deque(n for n, waiting in enumerate(self._pending) if not waiting)
        for wire in range(len(self._at)):
            self._enter(wire)

    def done(self, number: int) -> None:
        """A task is done: what waited for it may be."""
        self._open -= 1
        for stage in self._groups.stages[number]:
            self._left[stage] -= 1
            if not self._left[stage]:
                wire = self._wire_of_stage[stage]
                self._at[wire] += 1
                self._enter(wire)
        for other in self._after.get(number, ()):
            self._fewer(other)

    def check_done(self) -> None:
        """Nothing was forgotten."""
        if self._open:
            raise AssertionError(f"{self._open} tasks were never done")

    def _enter(self, wire: int) -> None:
        stages = self._groups.stages_of_wire[wire]
        while self._at[wire] < len(stages):
            stage = stages[self._at[wire]]
            if self._left[stage]:
                for number in self._members[stage]:
                    self._fewer(number)
                return
            self._at[wire] += 1

    def _fewer(self, number: int) -> None:
        self._pending[number] -= 1
        if not self._pending[number]:
            self.ready.append(number)

    def _bits(self) -> None:
        """Who reads a bit comes after who writes it; and moves come one after the other."""
        writer: dict[int, int] = {}
        readers: dict[int, list[int]] = defaultdict(list)
        last_move = -1
        for number, task in enumerate(self._tasks):
            before: set[int] = set()
            if isinstance(task.operation, Move):
                if last_move >= 0:
                    before.add(last_move)
                last_move = number
            for bit in task.reads:
                if bit in writer:
                    before.add(writer[bit])
                readers[bit].append(number)
            for bit in task.writes:
                if bit in writer:
                    before.add(writer[bit])
                before.update(readers.pop(bit, ()))
                writer[bit] = number
            before.discard(number)
            for other in before:
                self._after[other].append(number)
            self._pending[number] += len(before)
