"""Schedules: tasks and copies in an order that fits into the nodes' communication qubits.

List scheduling: what needs no new pair is done as soon as it may be; then the copy is opened that most of the
waiting tasks wait for. A copy is taken away after its last task, or earlier where its place is needed, that one
whose next task is the farthest: then it is paid for again. Where there is room for few copies, two more orders are
made, in which those for tasks that were written early come first, and the cheapest is taken. And a task is done at
its other end, if the copy that is needed there happens to be open.

Reference:
    L. A. Belady, IBM Syst. J. 5, 78 (1966): what is needed latest gives way, the order being given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from math import inf
from typing import Literal, NamedTuple

from quantumlink.distributed.collecting import collector_paused
from quantumlink.distributed.events import Copy, Do, Event, Place, Settle, TakeOver, Teleport, Uncopy, cost_of_pairs
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.needs import CopyAt, Needs
from quantumlink.distributed.order import Order
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.plans import DoesNotFit, Plan, Scheduled
from quantumlink.distributed.slots import Slots
from quantumlink.distributed.tasks import Move, Task
from quantumlink.distributed.trees import single_paths, way_from

ROOM_TO_PASS_ON = 2
"""Free qubits for pairs of a node where a tree branches: one for the copy, one for the next pair."""

First = Literal["most", "early", "early on average"]
"""Which copies are opened first: those for most waiting tasks, or for early ones, as they were written."""

ORDERS: tuple[First, ...] = ("most", "early", "early on average")

MAX_CONSIDERED = 48
"""Most copies that are compared before one is opened."""


@collector_paused()
def list_schedule(plan: Plan, machine: Machine, circuits: PairCircuits, live_copies: int | None) -> Scheduled:
    """The schedule of the module; where there is room for few copies, the cheapest of three orders.

    Raises:
        DoesNotFit: if a task needs more communication qubits than a node has.
    """
    few = min(inf if live_copies is None else live_copies, *machine.communication) < inf
    found: list[Scheduled] = []
    reasons: list[DoesNotFit] = []
    for first in ORDERS if few else ORDERS[:1]:
        try:
            found.append(_Scheduling(plan, machine, circuits, live_copies, few=few, first=first).run())
        except DoesNotFit as error:
            reasons.append(error)
    if not found:
        raise reasons[0]
    return min(found, key=lambda one: cost_of_pairs(one.events, machine.distance))


class _Live(NamedTuple):
    """A copy that is there."""

    number: int
    group: int
    node: int
    place: Place


class _Scheduling:
    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        circuits: PairCircuits,
        live_copies: int | None,
        *,
        few: bool,
        first: First,
    ) -> None:
        self._plan, self._machine, self._circuits = plan, machine, circuits
        self._limit = inf if live_copies is None else live_copies
        self._data = Slots(machine.room, False)
        self._pairs = Slots(machine.communication, True)
        self._place = [self._data.take(node) for node in plan.home]
        self._start = tuple(self._place)
        self._events: list[Event] = []
        self._live: dict[tuple[int, int], _Live] = {}
        self._live_at: list[dict[tuple[int, int], None]] = [{} for _ in machine.nodes]
        self._live_of: dict[int, list[int]] = defaultdict(list)
        self._opened = 0
        self._needs = Needs(plan)
        self._uses = self._needs.uses
        self._nodes_of: dict[int, list[int]] = defaultdict(list)
        for group, node in self._uses:
            self._nodes_of[group].append(node)
        self._waiting: dict[CopyAt, dict[int, None]] = {}
        """The tasks that wait for each copy."""
        self._could: dict[CopyAt, dict[int, None]] = defaultdict(dict)
        """Waiting tasks that could be done with each copy, elsewhere than planned."""
        self._order = Order(plan)
        self._first = first
        self._few = few
        self._alone = plan.trees is single_paths
        """Whether copies come each on its own way."""

    def run(self) -> Scheduled:
        order = self._order
        while True:
            while order.ready:
                number = order.ready.popleft()
                needs = self._needs.copies[number]
                if not needs or all(copy in self._live for copy in needs):
                    self._do(number)
                else:
                    self._wait(number)
            if not self._waiting:
                break
            self._serve()
        order.check_done()
        return Scheduled(
            tuple(self._events),
            self._start,
            tuple(self._place),
            tuple(self._data.used),
            tuple(self._pairs.used),
        )

    def _wait(self, number: int) -> None:
        if self._few:
            other = self._needs.other_way(number)
            if other is not None:
                if other in self._live:
                    self._needs.put(number, other)
                    self._do(number)
                    return
                self._could[other][number] = None
        for copy in self._needs.copies[number]:
            if copy not in self._live:
                self._waiting.setdefault(copy, {})[number] = None

    def _serve(self) -> None:
        """Open what the task needs for whose copy most are waiting, and do it."""
        if self._few:
            copy = max(islice(self._waiting, MAX_CONSIDERED), key=self._worth_opening)
        else:
            sizes = [len(tasks) for tasks in islice(self._waiting.values(), MAX_CONSIDERED)]
            copy = next(islice(self._waiting, sizes.index(max(sizes)), None))
        number = next(iter(self._waiting[copy]))
        needs = self._needs.copies[number]
        for _ in range(2):  # the second may have driven out the first
            for own in needs:
                if own not in self._live:
                    self._open(own, needs)
        if not all(own in self._live for own in needs):
            raise self._too_small(number)
        self._do_waiting(needs)

    def _worth_opening(self, copy: CopyAt) -> tuple[bool, float, float]:
        """Rather where there is room; rather one that need not stay for tasks to come; then by the order."""
        waiting, room = self._waiting[copy], self._has_place(copy[1])
        left = self._uses[copy] - len(waiting)
        if self._first == "most":
            return room, -left, len(waiting)
        if self._first == "early":
            return room and not left, 0, -min(waiting)
        return room, not left, -self._needs.mean_use(copy)

    def _has_place(self, node: int) -> bool:
        """Whether a copy can come to a node and none be driven out."""
        return len(self._live_at[node]) < self._limit and self._pairs.spare(node) >= 1

    def _do_waiting(self, opened: Sequence[CopyAt]) -> None:
        for copy in opened:
            for number in list(self._waiting.get(copy, ())):
                if self._needs.are_there(number, self._live):
                    self._wait_no_more(number)
                    self._do(number)
            for number in list(self._could.get(copy, ())):
                if copy in self._live:
                    self._wait_no_more(number)
                    self._needs.put(number, copy)
                    self._do(number)

    def _wait_no_more(self, number: int) -> None:
        for own in self._needs.copies[number]:
            tasks = self._waiting.get(own)
            if tasks is not None:
                tasks.pop(number, None)
                if not tasks:
                    del self._waiting[own]
        if self._few and (other := self._needs.other_way(number)) is not None:
            self._could[other].pop(number, None)

    def _too_small(self, number: int) -> DoesNotFit:
        task = self._plan.tasks[number]
        node = self._machine.nodes[self._needs.node[number]]
        return DoesNotFit(
            f"{task.operation.name!r} on {len(task.wires)} qubits (task {number}) does not fit into the "
            f"communication qubits of node {node.name!r} and its neighbors: {node.name!r} has {node.communication}"
        )

    # Pairs.

    def _pair(
        self, source: int, target: int, keep: Sequence[tuple[int, int]]
    ) -> tuple[tuple[Place, ...], tuple[int, int]]:
        """Qubits for a link's circuit; live copies but those to be kept make room."""
        circuit = self._circuits.of(source, target)
        for node, count in circuit.asked:
            if count > self._machine.communication[node]:
                a, b, at = (self._machine.nodes[v].name for v in (source, target, node))
                few = f"node {at!r} has {self._machine.communication[node]} communication qubits, too few"
                raise DoesNotFit(f"{few}: a pair {a}–{b} (swapped, purified, encoded) takes {count} there")
            if self._pairs.spare(node) < count:
                self._make_room(node, count, keep)
        return tuple([self._pairs.take(node) for node in circuit.nodes]), circuit.ends

    def _make_room(self, node: int, count: int, keep: Sequence[tuple[int, int]]) -> None:
        while self._pairs.spare(node) < count:
            self._drive_out(node, keep)

    def _drive_out(self, node: int, keep: Sequence[tuple[int, int]]) -> None:
        candidates = [copy for copy in self._live_at[node] if copy not in keep]
        if not candidates:
            few = f"node {self._machine.nodes[node].name!r} has {self._machine.communication[node]} communication"
            raise DoesNotFit(f"{few} qubits, too few for the pairs that one operation needs there at one time")
        self._close(max(candidates, key=lambda c: (self._needs.next_use(c), -self._uses[c], self._live[c].number)))

    def _free(self, pair: Sequence[Place], but: int) -> None:
        for i, place in enumerate(pair):
            if i != but:
                self._pairs.give(place)

    def _open(self, copy: tuple[int, int], keep: Sequence[tuple[int, int]]) -> None:
        """Bring a copy to a node, along the tree to all nodes that wait for copies of its group."""
        group, node = copy
        roots = frozenset((self._plan.at[group], *self._live_of[group]))
        asked = frozenset((node,) if self._alone else (node, *self._awaited(group)))
        way = way_from(self._plan.trees(self._machine, roots, asked), roots, node)
        source = way[0]
        for following in way[1:]:
            if following in self._live_of[group]:
                source = following  # it came on another way meanwhile
            elif following == node or self._has_room(following):
                kept = (*keep, (group, source), (group, node))
                self._bring(group, source, following, kept, relay=not self._uses[group, following])
                source = following
        self._pass_on(group)

    def _awaited(self, group: int) -> list[int]:
        """The nodes where tasks wait for copies of a group."""
        copies = [(group, v) for v in self._nodes_of.get(group, ())]
        return [c[1] for c in copies if self._uses[c] > (c in self._needs.becomes) and c not in self._live]

    def _has_room(self, node: int) -> bool:
        """Whether a node can pass a copy on, and none need make room."""
        return self._pairs.spare(node) >= ROOM_TO_PASS_ON and len(self._live_at[node]) < self._limit

    def _bring(self, group: int, source: int, node: int, keep: Sequence[tuple[int, int]], *, relay: bool) -> None:
        while len(self._live_at[node]) >= self._limit:
            self._drive_out(node, keep)
        pair, ends = self._pair(source, node, keep)
        wire, axis = self._plan.groups.wire[group], self._plan.groups.axis[group]
        root = self._place[wire] if source == self._plan.at[group] else self._live[group, source].place
        self._events.append(Copy(self._opened, axis, root, pair, ends, wire, relay))
        self._free(pair, ends[1])
        self._live[group, node] = _Live(self._opened, group, node, pair[ends[1]])
        self._live_at[node][group, node] = None
        self._live_of[group].append(node)
        self._opened += 1

    def _pass_on(self, group: int) -> None:
        """Take copies away that no task uses any more, and that no copy to come is made of."""
        for node in list(self._live_of[group]):
            if not self._uses[group, node] and not self._is_passed_on(group, node):
                self._close((group, node))

    def _is_passed_on(self, group: int, node: int) -> bool:
        """Whether another node waits for a copy that is nearest from here."""
        if self._alone:
            return False
        distance = self._machine.distance
        others = [self._plan.at[group], *(v for v in self._live_of[group] if v != node)]
        return any(distance[node][v] < min(distance[o][v] for o in others) for v in self._awaited(group))

    def _close(self, copy: tuple[int, int]) -> None:
        live = self._live.pop(copy)
        del self._live_at[live.node][copy]
        self._live_of[live.group].remove(live.node)
        wire = self._plan.groups.wire[live.group]
        axis = self._plan.groups.axis[live.group]
        self._events.append(Uncopy(live.number, axis, live.place, self._place[wire], wire))
        self._pairs.give(live.place)

    # Tasks.

    def _do(self, number: int) -> None:
        task, groups = self._plan.tasks[number], self._plan.groups
        self._needs.finished[number] = True
        if isinstance(task.operation, Move):
            self._move(task.wires, task.operation.nodes)
        elif len(task.wires) < 2:
            flipped: tuple[tuple[str, Place], ...] = ()
            if number in groups.turning:
                group = groups.groups(number)[0]
                flipped = tuple((groups.axis[group], self._live[group, v].place) for v in self._live_of[group])
            self._events.append(Do(number, (self._place[task.wires[0]],) if task.wires else (), flipped))
        else:
            self._do_joint(number, task)
        for copy in self._needs.copies[number]:
            self._needs.served(number, copy)
            if not self._uses[copy]:
                self._pass_on(copy[0])
        self._order.done(number)

    def _do_joint(self, number: int, task: Task) -> None:
        node, needs, at = self._needs.node[number], self._needs.copies[number], self._plan.at
        places = [self._place[wire] for wire in task.wires]
        visitors: list[int] = []
        if needs or any(place.node != node for place in places):
            for i, g in enumerate(self._plan.groups.groups(number)):
                if (g, node) in needs:
                    places[i] = self._live[g, node].place
                elif at[g] != node:
                    visitors.append(i)
        for i in visitors:
            wire = task.wires[i]
            pair, ends = self._pair(self._place[wire].node, node, needs)
            self._events.append(Teleport(wire, self._place[wire], pair, ends, None))
            self._free(pair, ends[1])
            places[i] = pair[ends[1]]
        self._events.append(Do(number, tuple(places)))
        for i in visitors:
            wire = task.wires[i]
            pair, ends = self._pair(node, self._place[wire].node, needs)
            self._events.append(Teleport(wire, places[i], pair, ends, self._place[wire]))
            self._free(pair, -1)
            self._pairs.give(places[i])

    def _move(self, wires: Sequence[int], nodes: Sequence[int]) -> None:
        """Bring wires to other nodes; where none has room, one waits on its half of a pair."""
        left = {w: node for w, node in zip(wires, nodes, strict=True) if self._place[w].node != node}
        landed: dict[int, Place] = {}
        while left:
            wire = next((w for w, node in left.items() if self._data.spare(node) > 0), None)
            if wire is None:
                wire = next(iter(left))
            node = left.pop(wire)
            source = self._place[wire]
            live = None
            for copy, one in [(c, one) for c, one in self._live.items() if self._wire_of(c[0]) == wire]:
                if copy[1] == node:
                    live = one
                else:
                    self._close(copy)
            if live is not None:
                self._take_over(wire, live)
                landed[wire] = live.place
                self._data.give(source)
                self._settle(landed)
                continue
            pair, ends = self._pair(source.node, node, ())
            if self._data.spare(node) > 0:
                target = self._data.take(node)
                self._events.append(Teleport(wire, source, pair, ends, target))
                self._free(pair, -1)
                self._place[wire] = target
            else:
                self._events.append(Teleport(wire, source, pair, ends, None))
                self._free(pair, ends[1])
                landed[wire] = pair[ends[1]]
            self._data.give(source)
            self._settle(landed)
        for place in landed.values():
            limit = self._machine.room[place.node]
            raise DoesNotFit(f"the plan holds more qubits at node number {place.node} than the {limit} it has")

    def _wire_of(self, group: int) -> int:
        return self._plan.groups.wire[group]

    def _take_over(self, wire: int, live: _Live) -> None:
        """A copy becomes the wire."""
        del self._live[live.group, live.node], self._live_at[live.node][live.group, live.node]
        self._live_of[live.group].remove(live.node)
        axis = self._plan.groups.axis[live.group]
        self._events.append(TakeOver(live.number, axis, live.place, self._place[wire], wire))

    def _settle(self, landed: dict[int, Place]) -> None:
        """What waits goes on where there is room now."""
        for wire, place in list(landed.items()):
            if self._data.spare(place.node) > 0:
                target = self._data.take(place.node)
                self._events.append(Settle(wire, place, target))
                self._pairs.give(place)
                self._place[wire] = target
                del landed[wire]
