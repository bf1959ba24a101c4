"""What each task needs: the node where it is done, and the copies that have to be there."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Container
from functools import cached_property
from typing import TypeAlias

from quantumlink.distributed.demands import followed
from quantumlink.distributed.plans import Plan
from quantumlink.distributed.tasks import Move

CopyAt: TypeAlias = tuple[int, int]
"""A copy: of which group, at which node."""


class Needs:
    """The needs of a plan's tasks. Those that read two wires may be done elsewhere than planned."""

    def __init__(self, plan: Plan) -> None:
        self._groups, self._at = plan.groups, plan.at
        self.node: list[int] = []
        """Where each task is done."""
        self.copies: list[tuple[CopyAt, ...]] = []
        """What each needs there."""
        self._read(plan)
        self.uses = Counter(copy for needs in self.copies for copy in needs)
        """How many tasks to come need each copy."""
        # What is to become the wire is used once more, by the move.
        after = followed(plan.tasks, plan.groups)
        becomes = ((group, plan.at[next_]) for group, next_ in enumerate(after) if next_ >= 0)
        self.becomes = frozenset(copy for copy in becomes if copy in self.uses)
        """The copies that are to become their wires."""
        self.uses.update(self.becomes)
        self._sum: Counter[CopyAt] = Counter()
        for number, needs in enumerate(self.copies):
            for copy in needs:
                self._sum[copy] += number
        self.finished = bytearray(len(plan.tasks))
        """Which tasks are done."""

    def _read(self, plan: Plan) -> None:
        groups, at, where = plan.groups, plan.at, plan.where
        group_of, axis = groups.group_of_stage, groups.axis
        for task, stages in zip(plan.tasks, groups.stages, strict=True):
            if len(stages) < 2 or isinstance(task.operation, Move):
                self.node.append(at[group_of[stages[0]]] if stages else -1)
                self.copies.append(())
                continue
            own = tuple([group_of[stage] for stage in stages])
            nodes = [at[g] for g in own]
            if nodes.count(nodes[0]) == len(nodes):
                self.node.append(nodes[0])
                self.copies.append(())
                continue
            node = where[own if len(own) > 2 or own[0] < own[1] else own[::-1]]
            self.node.append(node)
            self.copies.append(tuple([(g, node) for g in own if at[g] != node and axis[g]]))

    def other_way(self, number: int) -> CopyAt | None:
        """The one copy with which a task could be done at its other end; None if it reads not just two wires."""
        copies = self.copies[number]
        if len(copies) != 1:
            return None
        own = self._groups.groups(number)
        if len(own) != 2:
            return None
        (group, node), axis = copies[0], self._groups.axis
        if not (axis[own[0]] and axis[own[1]]):
            return None
        other = own[1] if own[0] == group else own[0]
        return (other, self._at[group]) if self._at[other] == node else None

    def put(self, number: int, copy: CopyAt) -> None:
        """Have a task done where this one copy is."""
        for before in self.copies[number]:
            self.served(number, before)
        self.node[number], self.copies[number] = copy[1], (copy,)
        self.uses[copy] += 1
        self._sum[copy] += number
        if "_users" in self.__dict__:
            insort(self._users[copy], number, key=lambda task: -task)

    def served(self, number: int, copy: CopyAt) -> None:
        """A task needs a copy no more."""
        self.uses[copy] -= 1
        self._sum[copy] -= number

    def mean_use(self, copy: CopyAt) -> float:
        """Where the tasks to come that need a copy stand on average, as they were written."""
        return self._sum[copy] / (self.uses[copy] - (copy in self.becomes))

    def next_use(self, copy: CopyAt) -> int:
        """The first task, as they were written, that still needs a copy."""
        tasks = self._users[copy]
        while tasks and (self.finished[tasks[-1]] or copy not in self.copies[tasks[-1]]):
            tasks.pop()
        return tasks[-1] if tasks else len(self.copies)

    @cached_property
    def _users(self) -> dict[CopyAt, list[int]]:
        """The tasks that need each copy, the last first."""
        found: dict[CopyAt, list[int]] = defaultdict(list)
        for number in range(len(self.copies) - 1, -1, -1):
            for copy in self.copies[number]:
                found[copy].append(number)
        return found

    def are_there(self, number: int, live: Container[CopyAt]) -> bool:
        """Whether all copies that a task needs are there."""
        return all(copy in live for copy in self.copies[number])
