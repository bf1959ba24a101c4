"""A distributed circuit in time, many trials at once: pairs come when they come, qubits wait meanwhile.

- A node starts each event as soon as the qubits and the bits that it needs are there; messages take the delay of
  the media along the way, or the ``classical_delay_s`` of a link.
- The attempts at a pair begin when all qubits that it needs are free: pairs wait for gates as well as gates for
  pairs.
- How long a pair takes, and its fidelity then, are drawn from the link's own timeline (`quantumlink.simulate`); a
  link that says nothing of its attempts delivers at once.
- Fidelities are composed: the product over all pairs, gates, readings and waits of the process fidelity of each.
  That errors may cancel, or do no harm, is not counted. The wait of a qubit counts (1 + 2c + k)/4, see
  `quantumlink.hardware.memory`. A gate on n > 2 qubits counts as 2n − 3 gates on two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf, log
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.distributed.events import Copy, Do, Event, Place, Settle, TakeOver, Teleport, Uncopy
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.planning import Candidate
from quantumlink.distributed.tasks import Task
from quantumlink.estimation import Estimate
from quantumlink.link import ElementaryLink, Link, distinct_links
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import simulate
from quantumlink.readings.timeline.result import mean_estimate
from quantumlink.rewrites.delay_times import delay_s

POOL = 2000
"""Most histories of each link from which pairs are drawn."""

CAUSES = ("pairs", "gates", "readout", "waiting")
"""Where fidelity is lost."""


@dataclass(frozen=True, eq=False, repr=False)
class Played:
    """Many runs of a distributed circuit in time."""

    latencies_s: FloatArray
    """Shape (trials,): when the last node was done, in seconds."""
    fidelities: FloatArray
    """Shape (trials,): the composed process fidelity of each run."""
    lost: Mapping[str, float]
    """−ln of what is left of the fidelity after each cause alone, the mean over trials: see `CAUSES`."""
    at_once: tuple[str, ...]
    """Links that say nothing of their attempts, and so were taken to deliver at once."""

    @property
    def trials(self) -> int:
        """How many runs there were."""
        return len(self.latencies_s)

    @cached_property
    def latency_s(self) -> Estimate:
        """The mean latency in seconds."""
        return mean_estimate(self.latencies_s, bounds=(0.0, inf))

    @cached_property
    def fidelity(self) -> Estimate:
        """The mean fidelity."""
        return mean_estimate(self.fidelities, bounds=(0.0, 1.0))

    def latency_quantile_s(self, fraction: float) -> float:
        """The time in seconds within which that fraction of the runs was done."""
        return float(np.quantile(self.latencies_s, fraction))

    def __repr__(self) -> str:
        told = f"latency {self.latency_s.best:.4g} s, fidelity {self.fidelity.best:.4g}"
        return f"<Played: {self.trials} trials, {told}>"


@dataclass(frozen=True)
class EbitDemand:
    """A pair that a distributed circuit needs."""

    source: str
    """The node of the near half."""
    target: str
    """The node of the far half."""
    at_s: float
    """When it is needed first, were all pairs there at once, in seconds from the start."""
    number: int
    """Which of the pairs, in the order in which they are spent."""


def play(candidate: Candidate, machine: Machine, *, trials: int, seed: int) -> Played:
    """Play a distributed circuit many times."""
    player = _Player(candidate, machine, trials, np.random.default_rng([seed, 11]))
    for event in candidate.scheduled.events:
        player.step(event)
    return player.played()


def demands_in_time(
    candidate: Candidate, machine: Machine
) -> tuple[tuple[EbitDemand, ...], Counter[tuple[str, float]]]:
    """When each pair is needed, were all pairs there at once; and all parts: (cause, −ln of fidelity), how many."""
    player = _Player(candidate, machine, 1, None)
    for event in candidate.scheduled.events:
        player.step(event)
    return tuple(player.demands), player.parts


def told(parts: Mapping[tuple[str, float], int], cause: str) -> float:
    """What a cause takes: the sum of −ln of fidelities."""
    return sum(loss * count for (kind, loss), count in parts.items() if kind == cause)


class _Pool:
    """Histories of a link."""

    def __init__(self, link: Link, trials: int, seed: int | None) -> None:
        self.known = seed is not None and all(
            part.attempts is not None for part in distinct_links(link) if isinstance(part, ElementaryLink)
        )
        if self.known:
            timeline = simulate(link, trials=trials, seed=seed)
            self.latencies = timeline.latencies_s
            self.losses = -np.log(np.clip(timeline.fidelities, 1e-300, 1.0))
        else:
            self.latencies = np.zeros(1)
            self.losses = np.array([-log(max(evaluate(link).fidelity, 1e-300))])


class _Player:
    def __init__(
        self, candidate: Candidate, machine: Machine, trials: int, rng: np.random.Generator | None
    ) -> None:
        self._tasks: Sequence[Task] = candidate.plan.tasks
        self._machine, self._trials, self._rng = machine, trials, rng
        zero = np.zeros(trials)
        self._zero = zero
        self._free: dict[Place, FloatArray] = dict.fromkeys(candidate.scheduled.start, zero)
        self._holds: set[Place] = set(candidate.scheduled.start)
        self._idle: dict[int, list[FloatArray]] = {}
        self._bits: dict[int, tuple[FloatArray, int]] = {}
        self._pools: dict[tuple[int, int], _Pool] = {}
        self._end = zero
        self._lost = {cause: np.zeros(trials) for cause in CAUSES}
        self.parts: Counter[tuple[str, float]] = Counter()
        """Gates, readings, and pairs whose time does not matter: the cause, −ln of the fidelity, and how many."""
        self._delays: dict[tuple[int, int], float] = {}
        self.demands: list[EbitDemand] = []
        self._acts: dict[type, Callable[[Any], None]] = {
            Do: self._do,
            Copy: self._copy,
            Uncopy: self._uncopy,
            TakeOver: self._take_over,
            Teleport: self._teleport,
            Settle: self._settle,
        }
        self._gates = [_Gates(node.processor) for node in machine.nodes]

    def step(self, event: Event) -> None:
        """Play one event."""
        self._acts[type(event)](event)

    def played(self) -> Played:
        """What came of it."""
        for place in self._holds:
            self._end = np.maximum(self._end, self._free[place])
        for place in list(self._holds):
            self._wait(place, self._end)
        every = {cause: self._lost[cause] + told(self.parts, cause) for cause in CAUSES}
        fidelities = np.exp(-sum(every.values(), self._zero))
        at_once = sorted(
            f"{self._machine.nodes[a].name}–{self._machine.nodes[b].name}"
            for (a, b), pool in self._pools.items()
            if not pool.known
        )
        lost = {cause: float(values.mean()) for cause, values in every.items()}
        return Played(np.array(self._end), fidelities, lost, tuple(at_once))

    # Parts.

    def _wait(self, place: Place, until: FloatArray) -> None:
        """A qubit that holds a state waits, if its memory is not ideal."""
        memory = self._machine.nodes[place.node].memory
        if memory.is_ideal or place not in self._holds:
            return
        decay = memory.decay(np.maximum(until - self._free[place], 0.0))
        self._lost["waiting"] -= np.log((1 + 2 * decay.coherence + decay.kept) / 4)

    def _begin(self, places: Sequence[Place], at_least: FloatArray) -> FloatArray:
        start = at_least
        for place in places:
            start = np.maximum(start, self._free.get(place, self._zero))
        for place in places:
            self._wait(place, start)
        return start

    def _gate(self, node: int, qubits: int) -> float:
        """The duration of a gate; what it costs is noted."""
        gates = self._gates[node]
        self.parts["gates", gates.loss(qubits)] += 1
        return gates.duration_s(qubits)

    def _read(self, node: int) -> float:
        self.parts["readout", self._gates[node].readout_loss] += 1
        return self._gates[node].readout_s

    def _delay(self, source: int, target: int) -> float:
        key = (source, target)
        if key not in self._delays:
            path = self._machine.paths[key] if source != target else (source,)
            edges = self._machine.edges
            self._delays[key] = sum(edges[min(a, b), max(a, b)].delay_s for a, b in pairwise(path))
        return self._delays[key]

    def _pair(self, event: Copy | Teleport, needed: FloatArray) -> FloatArray:
        """When the pair is there."""
        source, target = event.near.node, event.far.node
        names = self._machine.nodes[source].name, self._machine.nodes[target].name
        self.demands.append(EbitDemand(*names, float(needed[0]), len(self.demands)))
        start = self._zero
        for place in event.pair:
            start = np.maximum(start, self._free.get(place, self._zero))
        pool = self._pools.get((source, target))
        if pool is None:
            seed = None if self._rng is None else int(self._rng.integers(2**31))
            link = self._machine.link(source, target)
            pool = self._pools[source, target] = _Pool(link, min(self._trials, POOL), seed)
        if self._rng is None:
            self.parts["pairs", float(pool.losses[0])] += 1
            return start
        drawn = self._rng.integers(len(pool.latencies), size=self._trials) if len(pool.latencies) > 1 else 0
        self._lost["pairs"] += pool.losses[drawn]
        arrival: FloatArray = start + pool.latencies[drawn]
        for place in event.pair:
            self._free[place] = arrival
        self._holds.add(event.near)
        self._holds.add(event.far)
        return arrival

    # Events.

    def _do(self, event: Do) -> None:
        task = self._tasks[event.task]
        if not event.places:
            return
        node = event.places[0].node
        at_least = self._zero
        for bit in task.reads:
            if bit in self._bits:
                time, owner = self._bits[bit]
                at_least = np.maximum(at_least, time + self._delay(owner, node))
        start = self._begin(event.places, at_least)
        name = task.operation.name
        if name == "measure":
            end = start + self._read(node)
        elif name in ("reset", "delay"):
            end = start + (delay_s(task.operation.operation, "to be played in time") if name == "delay" else 0.0)
        else:
            end = start + self._gate(node, len(event.places))
        for place in event.places:
            self._free[place] = end
        for _, place in event.flipped:
            self._free[place] = self._begin([place], start) + self._gate(place.node, 1)
        for bit in task.writes:
            self._bits[bit] = (end, node)

    def _copy(self, event: Copy) -> None:
        here, there = event.near.node, event.far.node
        arrival = self._pair(event, self._free.get(event.source, self._zero))
        start = self._begin([event.source, event.near], arrival)
        joined = start + self._gate(here, 2)
        if event.axis != "Z":
            self._gate(here, 1)
        self._free[event.source] = joined
        read = joined + self._read(here)
        self._free[event.near] = read
        self._holds.discard(event.near)
        begin = self._begin([event.far], read + self._delay(here, there))
        self._free[event.far] = begin + self._gate(there, 1)
        self._empty(event)

    def _uncopy(self, event: Uncopy) -> None:
        self._measured_out(event.axis, event.place, event.root)

    def _take_over(self, event: TakeOver) -> None:
        self._measured_out(event.axis, event.root, event.place)

    def _measured_out(self, axis: str, gone: Place, kept: Place) -> None:
        """Of a qubit and its copy one is measured, the other corrected."""
        start = self._begin([gone], self._zero)
        turned = start + self._gate(gone.node, 1) if axis == "Z" else start
        read = turned + self._read(gone.node)
        self._free[gone] = read
        self._holds.discard(gone)
        begin = self._begin([kept], read + self._delay(gone.node, kept.node))
        self._free[kept] = begin + self._gate(kept.node, 1)

    def _teleport(self, event: Teleport) -> None:
        here, there = event.near.node, event.far.node
        arrival = self._pair(event, self._free.get(event.source, self._zero))
        start = self._begin([event.source, event.near], arrival)
        read = start + self._gate(here, 2) + self._gate(here, 1) + self._read(here)
        self._read(here)
        for place in (event.source, event.near):
            self._free[place] = read
            self._holds.discard(place)
        begin = self._begin([event.far], read + self._delay(here, there))
        end = begin + self._gate(there, 1) + self._gate(there, 1)
        self._free[event.far] = end
        if event.target is not None:
            landed = self._begin([event.far, event.target], end) + self._gate(there, 2) + self._gate(there, 2)
            self._free[event.far] = self._free[event.target] = landed
            self._holds.discard(event.far)
            self._holds.add(event.target)
        self._empty(event)

    def _settle(self, event: Settle) -> None:
        node = event.target.node
        end = self._begin([event.source, event.target], self._zero) + self._gate(node, 2) + self._gate(node, 2)
        self._free[event.source] = self._free[event.target] = end
        self._holds.discard(event.source)
        self._holds.add(event.target)

    def _empty(self, event: Copy | Teleport) -> None:
        """Qubits of the pair's circuit that hold nothing any more."""
        for place in event.pair:
            if place not in (event.near, event.far):
                self._holds.discard(place)


class _Gates:
    """What a processor's gates cost."""

    def __init__(self, processor: Any) -> None:
        self._durations = {1: processor.gate_1q_s, 2: processor.gate_2q_s}
        self.readout_s: float = processor.readout_s
        (_, a), (b, _) = processor.confusion
        self.readout_loss = -log(max(1 - (a + b) / 2, 1e-300))
        self._losses = {
            1: -log(max(1 - processor.depolarizing_1q * 3 / 4, 1e-300)),
            2: -log(max(1 - processor.depolarizing_2q * 15 / 16, 1e-300)),
        }

    def duration_s(self, qubits: int) -> float:
        """Of a gate on so many qubits."""
        duration: float = self._durations[qubits] if qubits <= 2 else (2 * qubits - 3) * self._durations[2]
        return duration

    def loss(self, qubits: int) -> float:
        """−ln of its process fidelity."""
        return self._losses[qubits] if qubits <= 2 else (2 * qubits - 3) * self._losses[2]
