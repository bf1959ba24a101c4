"""Where a circuit goes on a device: placements found by a beam search, weighted by the calibration.

The circuit's interaction graph says which qubits share gates, and how often. Its qubits are placed one after the
other, each beside those that it shares gates with and that are placed already: so a chain becomes a line, a node's
qubits stay one patch, and a place that the device has no room for costs the swaps that routing will need. Of all
partial placements the best few are kept, a bounded number of them with the same qubit placed last, so that lines
that end in a corner do not crowd out the others. What counts is the sum of the logarithms of the fidelities of
gates, readouts and waits that the placement would use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import log
from statistics import median

import rustworkx as rx
from qiskit.circuit import CircuitInstruction, IfElseOp, QuantumCircuit

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.schedule import latest_schedule

BEAM_WIDTH = 1000
"""Partial placements that are kept at each step."""

SAME_LAST = 10
"""Of those, most that placed the last qubit at the same place."""

NEW_STARTS = 16
"""Places that are tried for the first qubit of a further part, which shares no gates with the parts before."""

SWAP_GATES = 3
"""Two-qubit gates of a routed swap."""

_Partial = tuple[float, tuple[int, ...], frozenset[int]]


@dataclass(frozen=True)
class Placement:
    """Physical qubits for a circuit's qubits."""

    physical: tuple[int, ...]
    """For each qubit of the circuit its physical qubit."""
    score: float
    """The sum of logarithms that the search maximized."""
    missing: int
    """Pairs of interacting qubits that are not neighbors: without any, nothing has to be routed."""


@dataclass(frozen=True)
class Interactions:
    """What a circuit asks of each qubit and each pair."""

    pairs: Counter[tuple[int, int]]
    """Two-qubit gates, by the pair's qubits in ascending order."""
    readouts: Counter[int]
    """Measurements of each qubit."""
    resets: frozenset[int]
    """Qubits that are reset."""
    waits_s: Counter[int]
    """Seconds that each qubit waits, at typical durations."""
    num_qubits: int
    """Qubits of the circuit."""

    @property
    def order(self) -> list[int]:
        """The order in which qubits are placed: from an end, always next to most of those that are placed."""
        near: dict[int, set[int]] = {q: set() for q in range(self.num_qubits)}
        for a, b in self.pairs:
            near[a].add(b)
            near[b].add(a)
        left, order = set(near), list[int]()
        turn: dict[int, int] = {}
        while left:
            touched = [q for q in left if near[q] & turn.keys()]
            if touched:
                # Most placed neighbors first; of equals the one beside the latest, so that a line is followed.
                chosen = max(
                    touched,
                    key=lambda q: (len(near[q] & turn.keys()), max(turn[n] for n in near[q] & turn.keys()), -q),
                )
            else:
                chosen = min(left, key=lambda q: (len(near[q]) == 0, len(near[q]), q))
            turn[chosen] = len(order)
            order.append(chosen)
            left.discard(chosen)
        return order


def interactions(circuit: QuantumCircuit, calibration: Calibration, *, latency_s: float) -> Interactions:
    """What a circuit of gates on at most two qubits asks for.

    Args:
        circuit: the circuit before it has a place; a ``swap`` counts as three gates.
        calibration: the device's figures, of which typical durations are taken.
        latency_s: of the feed-forward, in seconds.
    """
    single, double, measure = calibration.typical

    def duration(instruction: CircuitInstruction, qubits: Sequence[int]) -> float:
        if instruction.name == "delay":
            return calibration.delay_s(instruction.operation)
        if instruction.name in ("measure", "reset"):
            return measure
        return single if len(qubits) == 1 else double

    pairs: Counter[tuple[int, int]] = Counter()
    readouts: Counter[int] = Counter()
    resets: set[int] = set()
    _count(circuit, list(range(circuit.num_qubits)), pairs, readouts, resets)
    schedule = latest_schedule(circuit, duration, latency_s=latency_s)
    waits_s: Counter[int] = Counter()
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    for instruction, waits in zip(circuit.data, schedule.waits_s, strict=True):
        for qubit, wait in zip(instruction.qubits, waits, strict=True):
            waits_s[qubit_of[qubit]] += wait  # type: ignore[assignment]
        if instruction.name == "delay":
            waits_s[qubit_of[instruction.qubits[0]]] += duration(instruction, ())  # type: ignore[assignment]
    return Interactions(pairs, readouts, frozenset(resets), waits_s, circuit.num_qubits)


def _count(
    circuit: QuantumCircuit,
    outer: list[int],
    pairs: Counter[tuple[int, int]],
    readouts: Counter[int],
    resets: set[int],
) -> None:
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        qubits = [qubit_of[q] for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            for block in instruction.operation.blocks:
                _count(block, qubits, pairs, readouts, resets)
        elif instruction.name == "measure":
            readouts[qubits[0]] += 1
        elif instruction.name == "reset":
            resets.add(qubits[0])
        elif len(qubits) == 2 and instruction.name != "barrier":
            pairs[min(qubits), max(qubits)] += SWAP_GATES if instruction.name == "swap" else 1


def placements(asked: Interactions, calibration: Calibration, *, best: int = 3) -> list[Placement]:
    """The best placements found, best first; none if no region of the device is large enough.

    Args:
        asked: what the circuit asks for.
        calibration: the device's figures.
        best: how many placements at most.
    """
    search = _Search(asked, calibration)
    beam = search.run(strict=True) or search.run(strict=False)
    order = search.order
    found = []
    for score, places, _ in sorted(beam, key=lambda partial: (-partial[0], partial[1]))[:best]:
        physical = [0] * len(order)
        for logical, place in zip(order, places, strict=True):
            physical[logical] = place
        missing = sum(not calibration.coupling.has_edge(physical[a], physical[b]) for a, b in asked.pairs)
        found.append(Placement(tuple(physical), score, missing))
    return found


def no_place(asked: Interactions, calibration: Calibration) -> str:
    """Why a circuit has no place on a device, in words; empty if nothing speaks against it.

    What is compared are numbers: of qubits that gates must join, and of those that can be measured and reset.
    """
    serves = calibration.serves
    graph: rx.PyGraph[int, None] = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(asked.num_qubits))
    graph.add_edges_from([(a, b, None) for a, b in asked.pairs])
    wanted = max(rx.connected_components(graph), key=len, default=set())
    measured = [q for q in wanted if asked.readouts[q]]
    islands = rx.connected_components(calibration.coupling)
    island = max(islands, key=len, default=set())
    if len(wanted) > len(island):
        return (
            f"gates must join {len(wanted)} of its qubits, and the largest island of the device's coupling map has "
            f"{len(island)}"
        )
    able = max((sum(serves(q, measured=True, is_reset=False) for q in one) for one in islands), default=0)
    if len(measured) > able:
        return f"{len(measured)} qubits that gates join are measured, and the device measures {able} that it joins"
    everywhere = [q for q in range(calibration.num_qubits) if serves(q, measured=True, is_reset=False)]
    if len(+asked.readouts) > len(everywhere):
        return f"{len(+asked.readouts)} of its qubits are measured, and the device measures {len(everywhere)}"
    return ""


def _thinned(grown: list[_Partial]) -> list[_Partial]:
    grown.sort(key=lambda partial: (-partial[0], partial[1]))
    with_last: Counter[int] = Counter()
    kept = []
    for partial in grown:
        last = partial[1][-1]
        if with_last[last] < SAME_LAST:
            with_last[last] += 1
            kept.append(partial)
            if len(kept) == BEAM_WIDTH:
                break
    return kept


class _Search:
    def __init__(self, asked: Interactions, calibration: Calibration) -> None:
        self.order = asked.order
        self._asked, self._calibration = asked, calibration
        coupling = calibration.coupling
        self._near = [list(coupling.neighbors(q)) for q in range(calibration.num_qubits)]
        self._edge = {(a, b): weight for x, y, weight in coupling.weighted_edge_list() for a, b in ((x, y), (y, x))}
        self._typical = median(self._edge.values()) if self._edge else 0.0
        turn = {logical: i for i, logical in enumerate(self.order)}
        self._earlier: list[list[tuple[int, int]]] = [[] for _ in self.order]
        """Of each step, the earlier steps whose qubits share gates with its own, and how many gates."""
        for (a, b), count in asked.pairs.items():
            early, late = sorted((turn[a], turn[b]))
            self._earlier[late].append((early, count))
        self._own: dict[tuple[int, int], float | None] = {}
        self._good = sorted(range(len(self._near)), key=self._quality, reverse=True)

    def _quality(self, place: int) -> float:
        """How good a qubit is to begin at: its readout, and its two best gates."""
        gates = sorted((self._edge[place, near] for near in self._near[place]), reverse=True)[:2]
        return log(self._calibration.readout_fidelity(place)) + sum(gates) - (2 - len(gates))

    def run(self, *, strict: bool) -> list[_Partial]:
        """The complete placements that are left in the end; strict ones need no routing."""
        beam: list[_Partial] = [(0.0, (), frozenset())]
        for step in range(len(self.order)):
            beam = _thinned([partial for old in beam for partial in self._grown(old, step, strict)])
        return beam

    def _grown(self, partial: _Partial, step: int, strict: bool) -> list[_Partial]:
        """The partial placement with the next qubit, at each place that is worth a look."""
        score, places, used = partial
        partners = [(places[early], count) for early, count in self._earlier[step]]
        return [
            (score + gain, (*places, q), used | {q})
            for q in self._candidates(partners, used, strict)
            if (gain := self._gain(q, step, partners)) is not None
        ]

    def _candidates(self, partners: list[tuple[int, int]], used: frozenset[int], strict: bool) -> list[int]:
        if not partners:
            if not used:
                return list(range(len(self._near)))
            serves, asked, logical = self._calibration.serves, self._asked, self.order[len(used)]
            measured, is_reset = asked.readouts[logical] > 0, logical in asked.resets
            free = (q for q in self._good if q not in used and serves(q, measured=measured, is_reset=is_reset))
            return list(islice(free, NEW_STARTS))
        if len(partners) == 1:
            beside = [q for q in self._near[partners[0][0]] if q not in used]
            if beside or strict:
                return beside
        elif strict:
            common = set(self._near[partners[0][0]]).intersection(*(self._near[p] for p, _ in partners[1:]))
            return sorted(common - used)
        found = {q for place, _ in partners for q in self._near[place] if q not in used}
        reach = {place for place, _ in partners}
        seen = set(reach)
        while not found and reach:  # no room beside them: the nearest free ones
            reach = {q for place in reach for q in self._near[place]} - seen
            seen |= reach
            found = reach - used
        return sorted(found)

    def _gain(self, place: int, step: int, partners: list[tuple[int, int]]) -> float | None:
        total = self._alone(self.order[step], place)
        if total is None:
            return None
        for partner, count in partners:
            direct = self._edge.get((place, partner))
            if direct is not None:
                total += count * direct
                continue
            steps = self._calibration.distances[place].get(partner)
            if steps is None:
                return None  # another island of the device
            # Swaps there; whatever is left of them to come back is for the router to find.
            total += (count + SWAP_GATES * (steps - 1)) * min(self._typical, -1e-4)
        return total

    def _alone(self, logical: int, place: int) -> float | None:
        """What the qubit itself costs there; None if it cannot be measured or reset as it must."""
        if (logical, place) not in self._own:
            calibration, asked = self._calibration, self._asked
            readouts = asked.readouts[logical]
            if not calibration.serves(place, measured=readouts > 0, is_reset=logical in asked.resets):
                self._own[logical, place] = None
            else:
                self._own[logical, place] = readouts * log(calibration.readout_fidelity(place)) + log(
                    calibration.waiting_fidelity(place, asked.waits_s[logical])
                )
        return self._own[logical, place]
