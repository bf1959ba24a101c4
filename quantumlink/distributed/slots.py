"""Places: which qubits of each node are free."""

from __future__ import annotations

from collections.abc import Sequence

from quantumlink.distributed.events import Place
from quantumlink.distributed.plans import DoesNotFit


class Slots:
    """The qubits of one kind at each node."""

    def __init__(self, limits: Sequence[float], holds_pairs: bool) -> None:
        self._limits, self._holds_pairs = limits, holds_pairs
        self._free: list[list[Place]] = [[] for _ in limits]
        self.used = [0] * len(limits)
        """How many qubits each node has used at one time."""

    def spare(self, node: int) -> float:
        """How many are free."""
        return self._limits[node] - self.used[node] + len(self._free[node])

    def take(self, node: int) -> Place:
        """A free one: that of the lowest index.

        Raises:
            DoesNotFit: if there is none.
        """
        if self.spare(node) < 1:
            raise DoesNotFit(
                f"a plan holds more qubits at node number {node} than the {self._limits[node]:g} it has"
            )
        free = self._free[node]
        if free:
            if len(free) > 1:
                free.sort(reverse=True)
            return free.pop()
        self.used[node] += 1
        return Place(node, self.used[node] - 1, self._holds_pairs)

    def give(self, place: Place) -> None:
        """Free it again."""
        self._free[place.node].append(place)
