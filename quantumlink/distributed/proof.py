"""Proofs that a distributed circuit does what the circuit does, in tiers.

1. *linear*, always: every task once, in an order that only exchanges what commutes; every operation within one
   node, on a wire's own qubit or on a copy of it that is open and tells the axis that the task reads. The gadgets
   themselves are proven in the test suite; so this is a proof by induction over the events.
2. *flows*: all stabilizer flows of a Clifford circuit without measurements of its own, of any size.
3. *state*: one random state, followed through all outcome records, with perfect links. Two instruments that agree
   on a random state agree, but for a set of measure zero. Where too many outcomes had to be told apart at one time,
   some of them are drawn: then it is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.distributed.building import Built
from quantumlink.distributed.collecting import collector_paused
from quantumlink.distributed.events import Copy, Do, Place, Settle, TakeOver, Teleport, Uncopy
from quantumlink.distributed.following import Following, TooManyOutcomes, amplitudes, parallel
from quantumlink.distributed.following_order import emptied_sooner
from quantumlink.distributed.plans import Plan, Scheduled
from quantumlink.distributed.tasks import Move, Tasks

Word = Literal["proven", "sampled"]

MAX_STATE_QUBITS = 22
"""Most qubits, those for pairs counted, whose state is followed."""

MAX_BRANCHES = 2**12
"""Most outcomes that are told apart at one time."""

MIN_BRANCHES = 2**4
"""So many are told apart in any case: as many as a teleportation has, twice."""

MAX_STATE_WORK = 2**33
"""Most amplitudes that are touched over all gates by one outcome: about half a minute."""

MAX_BRANCHED_WORK = 2**30
"""The same by all outcomes together: fewer are told apart at one time where it would be more."""


@dataclass(frozen=True)
class Proof:
    """What was shown, and how."""

    tiers: tuple[str, ...]
    """Of ``"linear"``, ``"flows"``, ``"state"``, those that were passed."""
    word: Word
    """``"proven"``, or ``"sampled"`` where outcomes were drawn."""
    records: int
    """How many outcome records of the state's measurements were covered, 0 where it was not followed."""
    left_out: tuple[str, ...]
    """Tiers that were not tried, and why."""

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        told = f", {self.records} outcome records" if self.records else ""
        return f"<Proof: {self.word} ({', '.join(self.tiers)}{told})>"


class NotTheSame(AssertionError):
    """The distributed circuit does not do what the circuit does."""


@collector_paused()
def check_linear(plan: Plan, scheduled: Scheduled) -> None:
    """Tier 1.

    Raises:
        NotTheSame: at the first event that is not allowed.
    """
    _Linear(plan, scheduled).check()


class _Linear:
    def __init__(self, plan: Plan, scheduled: Scheduled) -> None:
        self._plan, self._scheduled = plan, scheduled
        self._place = list(scheduled.start)
        self._copies: dict[int, tuple[int, str, Place]] = {}
        self._at: dict[Place, int] = {}
        self._open: list[dict[int, tuple[str, Place]]] = [{} for _ in scheduled.start]
        """Of each wire its copies, each with its axis and where it is."""
        self._visiting: dict[int, Place] = {}
        self._full = set(scheduled.start)
        self._evicted: set[int] = set()
        self._stage = [-1] * len(scheduled.start)
        self._rank = {stage: i for stages in plan.groups.stages_of_wire for i, stage in enumerate(stages)}
        self._done = [False] * len(plan.tasks)
        self._last_write: dict[int, int] = {}
        self._reads_and_writes = _bit_order(plan)

    def check(self) -> None:
        for event in self._scheduled.events:
            if isinstance(event, Do):
                self._do(event)
            elif isinstance(event, Copy):
                self._copy(event)
            elif isinstance(event, Uncopy):
                self._uncopy(event)
            elif isinstance(event, TakeOver):
                self._take_over(event)
            elif isinstance(event, Settle):
                self._settle(event)
            else:
                self._teleport(event)
        left = [i for i, done in enumerate(self._done) if not done]
        left = [i for i in left if not isinstance(self._plan.tasks[i].operation, Move)]
        if left:
            raise NotTheSame(f"task {left[0]} is never done")
        if self._copies or self._visiting:
            raise NotTheSame("a copy or a visitor is left over in the end")
        if tuple(self._place) != self._scheduled.end:
            raise NotTheSame("the wires do not end where they are said to end")

    def _do(self, event: Do) -> None:
        task = self._plan.tasks[event.task]
        if self._done[event.task]:
            raise NotTheSame(f"task {event.task} is done twice")
        self._done[event.task] = True
        for other in self._reads_and_writes[event.task]:
            if not self._done[other]:
                raise NotTheSame(f"task {event.task} comes before task {other}, whose bit it needs")
        if len({place.node for place in event.places}) > 1:
            raise NotTheSame(f"task {event.task} acts on more than one node")
        for wire, axes, stage, place in zip(
            task.wires, task.axes, self._plan.groups.stages[event.task], event.places, strict=True
        ):
            rank = self._rank[stage]
            if rank < self._stage[wire]:
                raise NotTheSame(f"task {event.task} comes after one that does not commute with it on wire {wire}")
            self._stage[wire] = rank
            own = place == self._visiting.get(wire, self._place[wire])
            if not own and self._copy_axis(wire, place) not in axes:
                raise NotTheSame(f"task {event.task} does not find wire {wire} at {place}")
            self._check_copies(event, wire, axes, task.turns)

    def _copy_axis(self, wire: int, place: Place) -> str:
        number = self._at.get(place)
        if number is None or self._copies[number][0] != wire:
            return "none"
        return self._copies[number][1]

    def _check_copies(self, event: Do, wire: int, axes: str, turns: Sequence[str]) -> None:
        """Open copies stay true: the task reads their axis, or turns it and flips them all."""
        open_copies = set(self._open[wire].values())
        if all(axis in axes for axis, _ in open_copies):
            if event.flipped:
                raise NotTheSame(f"task {event.task} flips copies that it must not")
            return
        turned = turns[0] if len(turns) == 1 else ""
        if not all(axis in turned for axis, _ in open_copies) or set(event.flipped) != open_copies:
            raise NotTheSame(f"task {event.task} spoils an open copy of wire {wire}")

    def _fill(self, pair: Sequence[Place], kept: Place | None) -> None:
        for place in pair:
            if place in self._full:
                raise NotTheSame(f"a pair arrives at {place}, which is not empty")
        if len(set(pair)) != len(pair):
            raise NotTheSame("a pair arrives twice at one qubit")
        if kept is not None:
            self._full.add(kept)

    def _copy(self, event: Copy) -> None:
        if any(axis != event.axis for axis, _ in self._open[event.wire].values()):
            raise NotTheSame(
                f"wire {event.wire} is copied along {event.axis} while a copy along another axis is open"
            )
        source = event.source == self._place[event.wire] or self._copy_axis(event.wire, event.source) == event.axis
        if not source or event.source.node != event.near.node:
            raise NotTheSame(f"copy {event.number} does not start from wire {event.wire}")
        self._fill(event.pair, event.far)
        self._copies[event.number] = (event.wire, event.axis, event.far)
        self._open[event.wire][event.number] = (event.axis, event.far)
        self._at[event.far] = event.number

    def _uncopy(self, event: Uncopy) -> None:
        found = self._copies.pop(event.number, None)
        if found != (event.wire, event.axis, event.place) or event.root != self._place[event.wire]:
            raise NotTheSame(f"copy {event.number} is taken away where it is not")
        del self._at[event.place], self._open[event.wire][event.number]
        self._full.discard(event.place)

    def _take_over(self, event: TakeOver) -> None:
        wire = event.wire
        found = self._copies.pop(event.number, None)
        if found != (wire, event.axis, event.place) or event.root != self._place[wire] or wire in self._visiting:
            raise NotTheSame(f"copy {event.number} becomes wire {wire}, which it does not tell")
        del self._at[event.place], self._open[event.wire][event.number]
        self._visiting[wire] = event.place

    def _teleport(self, event: Teleport) -> None:
        wire = event.wire
        if self._open[wire]:
            raise NotTheSame(f"wire {wire} leaves while a copy of it is open")
        here = self._visiting.get(wire, self._place[wire])
        if event.source != here or event.near.node != here.node:
            raise NotTheSame(f"wire {wire} is not at {event.source}")
        self._fill(event.pair, event.far if event.target is None else event.target)
        self._land(wire, event.target)
        if event.target is None:
            self._visiting[wire] = event.far
            return
        self._full.discard(here)
        if self._visiting.pop(wire, None) is None:
            self._place[wire] = event.target

    def _land(self, wire: int, target: Place | None) -> None:
        """Another's place may be taken while that one is away, and then it may not come back."""
        if target is None:
            return
        if wire in self._visiting and (wire in self._evicted or target != self._place[wire]):
            raise NotTheSame(f"wire {wire} does not come home")
        for other, place in enumerate(self._place):
            if place == target and other != wire and other not in self._evicted:
                if other not in self._visiting:
                    raise NotTheSame(f"wire {wire} goes to {target}, where wire {other} is")
                self._evicted.add(other)

    def _settle(self, event: Settle) -> None:
        wire = event.wire
        if self._visiting.pop(wire, None) != event.source or event.source.node != event.target.node:
            raise NotTheSame(f"wire {wire} is not at {event.source}")
        self._land(-1, event.target)
        self._evicted.discard(wire)
        self._full.discard(event.source)
        self._full.add(event.target)
        self._place[wire] = event.target


def _bit_order(plan: Plan) -> list[list[int]]:
    """Of each task, those that must be done before it because of a classical bit."""
    found: list[list[int]] = []
    touched: dict[int, list[tuple[int, bool]]] = {}
    for number, task in enumerate(plan.tasks):
        before: list[int] = []
        for bit in {*task.reads, *task.writes}:
            writes = bit in task.writes
            for other, wrote in reversed(touched.get(bit, ())):
                if wrote or writes:
                    before.append(other)
                if wrote:
                    break
            touched.setdefault(bit, []).append((number, writes))
        found.append(before)
    return found


def check_state(
    tasks: Tasks, built: Built, start: Sequence[int], end: Sequence[int], rng: np.random.Generator
) -> tuple[bool, int]:
    """Tier 3: whether outcomes were drawn, and how many records were covered.

    Args:
        tasks: the circuit.
        built: the distributed circuit, over perfect links.
        start: the qubit at which each of the circuit's qubits is in the beginning.
        end: and in the end.
        rng: draws the state.

    Raises:
        NotTheSame: if they differ.
        TooManyOutcomes: if too many qubits are in use at one time.
    """
    circuit = tasks.circuit
    n = circuit.num_qubits
    state = rng.normal(size=(2,) * n) + 1j * rng.normal(size=(2,) * n)
    state /= np.linalg.norm(state)
    values = {p: float(rng.uniform(0, 2 * np.pi)) for p in circuit.parameters}
    from quantumlink.rewrites import expanded_circuit

    plain = expanded_circuit(circuit.assign_parameters(values))
    whole = built.program.circuit
    drawn = {p: v for s in built.program.random_settings for p, v in zip(s.parameters, s.rows[0], strict=True)}
    whole = whole.assign_parameters({**{p: v for p, v in values.items() if p in whole.parameters}, **drawn})
    whole = emptied_sooner(whole)
    wanted = _following(plain, range(n), state, plain.clbits, None).run(range(n))
    walk = _following(whole, start, state, circuit.clbits, rng)
    found = walk.run(end)
    _compare(wanted, found, walk.sampled)
    return walk.sampled, walk.records


def _following(
    circuit: QuantumCircuit, start: Sequence[int], state: Any, keep: Any, rng: np.random.Generator | None
) -> Following:
    """As many outcomes are told apart at one time as can be followed soon, and those of the circuit itself."""
    work = max(amplitudes(circuit, start), 1)
    if work > MAX_STATE_WORK:
        raise TooManyOutcomes(f"one outcome alone touches {work:.2g} amplitudes, too many to be followed")
    kept = set(keep)
    own = sum(i.name == "measure" and i.clbits[0] in kept for i in circuit.data)
    asked = min(MIN_BRANCHES << min(own, 12), MAX_STATE_WORK // work)
    most = min(MAX_BRANCHES, max(MIN_BRANCHES, asked, MAX_BRANCHED_WORK // work))
    return Following(circuit, start, state, keep=kept, most_branches=most, most_qubits=MAX_STATE_QUBITS, rng=rng)


def _compare(wanted: dict[Any, list[Any]], found: dict[Any, list[Any]], sampled: bool) -> None:
    if not sampled and wanted.keys() != found.keys():
        raise NotTheSame("the distributed circuit has other outcomes than the circuit")
    for record, states in found.items():
        if record not in wanted:
            raise NotTheSame(f"the outcome {record} never happens in the circuit")
        one, other = _mixture(wanted[record]), _mixture(states)
        if sampled:
            one, other = one / np.trace(one).real, other / np.trace(other).real
        if len(states) == len(wanted[record]) == 1 and parallel(states[0], wanted[record][0]):
            a, b = np.linalg.norm(states[0]), np.linalg.norm(wanted[record][0])
            if sampled or abs(a - b) < 1e-6:
                continue
        if np.abs(one - other).max() > 1e-7:
            raise NotTheSame(f"the state after the outcome {record} is another one")


def _mixture(states: Sequence[Any]) -> Any:
    """The Gram-independent description of a mixture: its density matrix in the span of a few random vectors."""
    size = states[0].size
    if size <= 2**10:
        return sum(np.outer(s.ravel(), s.ravel().conj()) for s in states)
    probe = np.random.default_rng(1).normal(size=(8, size))
    return sum(np.outer(v, v.conj()) for v in (probe @ s.ravel() for s in states))


def can_flow(circuit: QuantumCircuit) -> bool:
    """Whether a circuit is made of Clifford gates alone."""
    from quantumlink.distributed.flows import CLIFFORD_GATES

    return not circuit.parameters and all(i.name in CLIFFORD_GATES or i.name == "barrier" for i in circuit.data)


def state_work(built: Built, num_qubits: int) -> int:
    """About how many amplitudes following a state touches."""
    conditions = sum(isinstance(i.operation, IfElseOp) for i in built.program.circuit.data)
    work: int = (len(built.program.circuit.data) + conditions) << (num_qubits + 2)
    return work


__all__ = ["NotTheSame", "Proof", "TooManyOutcomes", "can_flow", "check_linear", "check_state", "state_work"]
