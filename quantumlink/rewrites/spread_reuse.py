"""Qubits reused by a circuit that is spread over many of them: see `quantumlink.rewrites.qubit_reuse`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from qiskit.circuit import CircuitInstruction


@dataclass
class Plan:
    """Who lives where."""

    order: list[int]
    """The steps in the order in which they are done."""
    places: dict[int, int] = field(default_factory=dict)
    """The place of each original qubit, in the order of birth."""
    tenants: list[list[int]] = field(default_factory=list)
    """For each place the qubits that live there, one after the other."""

    def settle(self, qubit: int, place: int) -> None:
        """Let a qubit live at a place, which may be the next new one."""
        if place == len(self.tenants):
            self.tenants.append([])
        self.tenants[place].append(qubit)
        self.places[qubit] = place


def spread_plan(
    steps: Sequence[CircuitInstruction], qubits: Sequence[tuple[int, ...]], kept: set[int], at_most: int
) -> Plan | None:
    """A plan for as many places as there may be.

    Args:
        steps: instructions in an order that may be kept.
        qubits: of each step.
        kept: qubits whose place is theirs to the end.
        at_most: places.

    Returns:
        None if births in the written order need more.
    """
    return _Spreading(steps, qubits, kept, at_most).plan()


class _Spreading:
    def __init__(
        self, steps: Sequence[CircuitInstruction], qubits: Sequence[tuple[int, ...]], kept: set[int], at_most: int
    ) -> None:
        self._steps, self._qubits, self._kept, self._at_most = steps, qubits, kept, at_most
        self._plan = Plan([])
        self._left = Counter(q for each in qubits for q in each)
        self._meets: dict[int, set[int]] = {}
        for each in qubits:
            for q in each:
                self._meets.setdefault(q, set()).update(p for p in each if p != q)
        self._near: dict[int, set[int]] = {}
        """By place the places whose tenants it shared gates with."""
        self._depth: Counter[object] = Counter()
        """Layers so far, of places and of classical bits."""
        self._free: set[int] = set()
        self._waits_for, self._after = self._order_of_wires()

    def plan(self) -> Plan | None:
        """Whatever needs no new qubit at once, births in the written order."""
        ready = [i for i, count in enumerate(self._waits_for) if count == 0]
        heapify(ready)
        held: list[int] = []  # ready, but for births
        while ready or held:
            if ready and not self._unborn(ready[0]):
                self._run(heappop(ready), ready)
            elif ready:
                heappush(held, heappop(ready))
            elif self._settled(held[0]):
                self._run(heappop(held), ready)
            else:
                return None
        unused = sorted(self._kept - set(self._plan.places))
        return self._plan if all(self._settle(q) for q in unused) else None

    def _order_of_wires(self) -> tuple[list[int], list[list[int]]]:
        last: dict[object, int] = {}
        waits_for, after = [0] * len(self._steps), [list[int]() for _ in self._steps]
        for i, step in enumerate(self._steps):
            wires: tuple[object, ...] = (*self._qubits[i], *step.clbits)
            for before in {last[wire] for wire in wires if wire in last}:
                waits_for[i] += 1
                after[before].append(i)
            last.update(dict.fromkeys(wires, i))
        return waits_for, after

    def _unborn(self, step: int) -> bool:
        return any(q not in self._plan.places for q in self._qubits[step])

    def _settled(self, step: int) -> bool:
        return all(self._settle(q) for q in self._qubits[step] if q not in self._plan.places)

    def _settle(self, qubit: int) -> bool:
        """Whether a place was found: a new one, or the one free earliest beside whom it meets, or anywhere."""
        if len(self._plan.tenants) < self._at_most:
            place = len(self._plan.tenants)
        elif self._free:
            living = [self._plan.places[q] for q in self._meets.get(qubit, ()) if self._is_living(q)]
            beside = self._free.intersection(*(self._near.get(p, set()) for p in living)) if living else set[int]()
            place = min(beside or self._free, key=lambda p: (self._depth[p], -p))
            self._free.remove(place)
        else:
            return False
        self._plan.settle(qubit, place)
        return True

    def _is_living(self, qubit: int) -> bool:
        return qubit in self._plan.places and (self._left[qubit] > 0 or qubit in self._kept)

    def _run(self, step: int, ready: list[int]) -> None:
        plan = self._plan
        plan.order.append(step)
        there = [plan.places[q] for q in self._qubits[step]]
        for place in there:
            self._near.setdefault(place, set()).update(p for p in there if p != place)
        wires = [*there, *self._steps[step].clbits]
        layer = 1 + max((self._depth[wire] for wire in wires), default=0)
        for wire in wires:
            self._depth[wire] = layer
        for q in self._qubits[step]:
            self._left[q] -= 1
            if self._left[q] == 0 and q not in self._kept:
                self._free.add(plan.places[q])
        for after in self._after[step]:
            self._waits_for[after] -= 1
            if self._waits_for[after] == 0:
                heappush(ready, after)
