"""What a target says of its qubits: errors, durations and lifetimes; and what is made of it where it says nothing.

A figure is *stated* if it is a number that can be one: an error from 0 to 1, a duration of at least 0, a lifetime
above 0 (infinity means no decay). None, NaN and a T1 of 0 are how providers write that something was not measured.
To compare places and circuits, what is not stated counts as twice as bad as the worst that is stated of its kind:
an edge without calibration is never better than one with any. Where nothing of a kind is stated, it makes no
difference. `predict` assumes nothing of the sort: it leaves out what is not stated, and says so.

Errors of gates are average gate infidelities r, as IBM reports them; what is multiplied up here are process
(entanglement) fidelities, 1 − r·(d+1)/d in d dimensions.

Reference:
    M. A. Nielsen, Phys. Lett. A 303, 249 (2002), on the two fidelities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, isfinite, log
from statistics import median
from typing import Any

import rustworkx as rx
from qiskit.circuit import CircuitInstruction, Delay, Instruction
from qiskit.circuit.classical import expr
from qiskit.transpiler import Target

from quantumlink.rewrites.delay_times import SECONDS, is_open_time, time_in_words

SMALLEST_FIDELITY = 1e-6
"""What a broken gate or readout counts as, so that logarithms stay finite."""

UNSTATED = 2.0
"""How many times as bad as the worst that is stated something counts that is not stated."""

_NO_GATES = ("measure", "reset", "delay", "barrier")
"""How the names of operations begin that are no gates: devices have variants, such as ``measure_2``."""

_PAIR_INFIDELITY = 5 / 4
_SINGLE_INFIDELITY = 3 / 2


@dataclass(frozen=True, eq=False)
class Calibration:
    """A target's figures, by physical qubits."""

    target: Target

    @cached_property
    def num_qubits(self) -> int:
        """Qubits of the device.

        Raises:
            ValueError: if the target does not say.
        """
        if self.target.num_qubits is None:
            raise ValueError("the target must say how many qubits it has, got None")
        return int(self.target.num_qubits)

    def can(self, name: str) -> bool:
        """Whether the target lists the operation."""
        return name in self.target.operation_names

    def serves(self, qubit: int, *, measured: bool, is_reset: bool) -> bool:
        """Whether a qubit can be measured, or reset, if that is asked of it.

        A target without a reset at all counts as one that can: circuits that need it are lowered otherwise.
        """
        return (not measured or qubit in self._places["measure"]) and (
            not is_reset or qubit in self._places["reset"]
        )

    @cached_property
    def _places(self) -> dict[str, frozenset[int]]:
        """The qubits that have an operation."""
        everywhere = frozenset(range(self.num_qubits))
        found = {"measure": frozenset[int](), "reset": everywhere}
        for name in found:
            if self.can(name):
                places = self.target[name]
                everyone = places is None or None in places
                found[name] = everywhere if everyone else frozenset(q[0] for q in places if q is not None)
        return found

    @cached_property
    def coupling(self) -> rx.PyGraph[int, float]:
        """The coupling map, undirected; each edge weighs the log process fidelity of its best two-qubit gate."""
        graph: rx.PyGraph[int, float] = rx.PyGraph(multigraph=False)
        graph.add_nodes_from(list(range(self.num_qubits)))
        best: dict[tuple[int, int], float] = {}
        anywhere = False
        for name in self.target.operation_names:
            properties = self.target[name]
            if properties is None or set(properties) == {None}:
                anywhere |= getattr(self.target.operation_from_name(name), "num_qubits", 0) == 2
                continue
            for qubits in properties:
                if qubits is not None and len(qubits) == 2:
                    edge = (min(qubits), max(qubits))
                    best[edge] = max(best.get(edge, -inf), log(self.gate_fidelity(name, qubits)))
        if anywhere:  # a gate that every pair has, with no error stated
            unstated = log(self.gate_fidelity("", (0, 1)))
            pairs = ((a, b) for a in range(self.num_qubits) for b in range(a))
            best.update({(b, a): best.get((b, a), unstated) for a, b in pairs})
        graph.add_edges_from([(*edge, weight) for edge, weight in best.items()])
        return graph

    @cached_property
    def distances(self) -> dict[int, dict[int, int]]:
        """Steps on the coupling map between two qubits; pairs that no path joins are missing."""
        lengths = rx.all_pairs_dijkstra_path_lengths(self.coupling, lambda _: 1.0)
        return {a: {b: round(steps) for b, steps in row.items()} | {a: 0} for a, row in lengths.items()}

    def gate_fidelity(self, name: str, qubits: Sequence[int]) -> float:
        """Process fidelity of a gate; where no error is stated, see the module."""
        error = self.error(name, qubits)
        if error is None:
            error = self._unstated_error(name, len(qubits))
        factor = _PAIR_INFIDELITY if len(qubits) == 2 else _SINGLE_INFIDELITY
        return max(SMALLEST_FIDELITY, 1 - factor * error)

    def readout_fidelity(self, qubit: int, name: str = "measure") -> float:
        """The probability that a measurement is read right, averaged over both values; as `gate_fidelity`."""
        error = self.error(name, (qubit,))
        return max(SMALLEST_FIDELITY, 1 - (self._unstated_error(name, 1) if error is None else error))

    def reset_fidelity(self, qubit: int, name: str = "reset") -> float:
        """The probability that a reset leaves |0⟩: one where no error is stated, as devices state none."""
        return max(SMALLEST_FIDELITY, 1 - (self.error(name, (qubit,)) or 0.0))

    def waiting_fidelity(self, qubit: int, seconds: float) -> float:
        """Process fidelity of waiting, (1 + e^(−t/T1) + 2e^(−t/T2))/4; as `gate_fidelity`."""
        pairs = zip(self.stated_lifetimes(qubit), self._unstated_lifetimes, strict=True)
        t1, t2 = (assumed if stated is None else stated for stated, assumed in pairs)
        t2 = min(t2, 2 * t1)
        return max(SMALLEST_FIDELITY, (1 + exp(-seconds / t1) + 2 * exp(-seconds / t2)) / 4)

    def error(self, name: str, qubits: Sequence[int]) -> float | None:
        """The stated error of an operation on these qubits, None if there is none.

        A one-qubit gate that is stated to take no time is made by software, and errs only if it is stated to.
        """
        key = (name, tuple(qubits))
        if key not in self._errors:
            self._errors[key] = self._read_error(name, qubits)
        return self._errors[key]

    def _read_error(self, name: str, qubits: Sequence[int]) -> float | None:
        error = _number(self._property(name, qubits, "error"), most=1.0)
        if error is None and name.startswith("measure"):
            flips = self.flips(qubits[0], name)
            return None if flips is None else sum(flips) / 2
        virtual = len(qubits) == 1 and self.duration(name, qubits) == 0
        return 0.0 if error is None and virtual else error

    def flips(self, qubit: int, name: str = "measure") -> tuple[float, float] | None:
        """The probabilities of reading 1 for |0⟩ and 0 for |1⟩, None if they are not stated apart."""
        which = ("prob_meas1_prep0", "prob_meas0_prep1")
        up, down = (_number(self._property(name, (qubit,), each), most=1.0) for each in which)
        return None if up is None or down is None else (up, down)

    def duration(self, name: str, qubits: Sequence[int]) -> float | None:
        """The stated duration of an operation on these qubits in seconds, None if there is none."""
        key = (name, tuple(qubits))
        if key not in self._durations:
            self._durations[key] = _number(self._property(name, qubits, "duration"))
        return self._durations[key]

    @cached_property
    def _errors(self) -> dict[tuple[str, tuple[int, ...]], float | None]:
        """What was read already: the search for a place asks for the same figures hundreds of times."""
        return {}

    @cached_property
    def _durations(self) -> dict[tuple[str, tuple[int, ...]], float | None]:
        return {}

    def stated_lifetimes(self, qubit: int) -> tuple[float | None, float | None]:
        """T1 and T2 in seconds as they are stated, each None if it is not."""
        properties = self._qubit_properties
        stated = properties[qubit] if qubit < len(properties) else None
        t1, t2 = (_number(getattr(stated, name, None), finite=False) or None for name in ("t1", "t2"))
        return t1, t2

    @cached_property
    def _qubit_properties(self) -> Sequence[Any]:
        """As the target tells them: it makes the list anew each time that it is asked."""
        return self.target.qubit_properties or ()

    def lifetimes(self, qubit: int) -> tuple[float, float]:
        """T1 and T2 in seconds, T2 cut at 2·T1; infinite where nothing is stated."""
        t1, t2 = (inf if told is None else told for told in self.stated_lifetimes(qubit))
        return t1, min(t2, 2 * t1)

    def duration_s(self, instruction: CircuitInstruction, qubits: Sequence[int]) -> float:
        """How long an operation takes on these qubits; 0 where nothing is stated."""
        if instruction.name == "delay":
            return self.delay_s(instruction.operation)
        return self.duration(instruction.name, qubits) or 0.0

    def assumed_duration_s(self, instruction: CircuitInstruction, qubits: Sequence[int]) -> float:
        """The same; where nothing is stated, as long as the longest that is stated of that operation."""
        if instruction.name == "delay" or self.duration(instruction.name, qubits) is not None:
            return self.duration_s(instruction, qubits)
        return max((told for _, told in self._all_stated(instruction.name, "duration")), default=0.0)

    def delay_s(self, delay: Instruction) -> float:
        """The length of a `Delay` in seconds.

        Raises:
            ValueError: if it is a stretch, or counted in dt and the target does not say how long that is.
        """
        if isinstance(delay.duration, expr.Value):
            delay = Delay(delay.duration.value.value(), unit=delay.duration.value.unit())
        if is_open_time(delay.duration):
            raise ValueError(
                f"a delay must last a number of seconds or dt, got {time_in_words(delay)}: it cannot be timed, "
                f"placed or predicted before"
            )
        if delay.unit in SECONDS:
            return float(delay.duration) * SECONDS[delay.unit]
        if self.target.dt is None:
            raise ValueError(f"a delay of {delay.duration} dt has no length: the target does not state dt")
        return float(delay.duration) * float(self.target.dt)

    @cached_property
    def typical(self) -> tuple[float, float, float]:
        """Median durations in seconds of a one-qubit gate, of a two-qubit gate and of a measurement."""
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        for name in self.target.operation_names:
            for qubits, duration in self._all_stated(name, "duration"):
                if duration and (name == "measure" or not name.startswith(_NO_GATES)):
                    found[2 if name == "measure" else len(qubits) - 1 if len(qubits) <= 2 else 1].append(duration)
        single, double, measure = (median(values) if values else 0.0 for values in found)
        return single, double, measure

    def _unstated_error(self, name: str, num_qubits: int) -> float:
        """What an error that is not stated counts as: by those of the same operation, else of those as wide."""
        if (name, num_qubits) not in self._unstated_errors:
            same = [error for _, error in self._all_stated(name, "error")]
            if not same and not name.startswith("measure"):
                others = (other for other in self.target.operation_names if not other.startswith(_NO_GATES))
                same = [e for other in others for q, e in self._all_stated(other, "error") if len(q) == num_qubits]
            worst = max((error for error in same if error < 1), default=0.0)  # an error of 1: a gate that is broken
            self._unstated_errors[name, num_qubits] = min(UNSTATED * worst, (1 + worst) / 2)
        return self._unstated_errors[name, num_qubits]

    @cached_property
    def _unstated_errors(self) -> dict[tuple[str, int], float]:
        return {}

    @cached_property
    def _unstated_lifetimes(self) -> tuple[float, float]:
        stated = [self.stated_lifetimes(qubit) for qubit in range(self.num_qubits)]
        t1, t2 = (
            min((t for t in times if t is not None), default=inf) / UNSTATED for times in zip(*stated, strict=True)
        )
        return t1, t2

    def _all_stated(self, name: str, which: str) -> Iterator[tuple[tuple[int, ...], float]]:
        """The stated figures of an operation, and where."""
        if not self.can(name) or not isinstance(self.target[name], Mapping):
            return
        for qubits in self.target[name]:
            if qubits is not None:
                told = self.error(name, qubits) if which == "error" else self.duration(name, qubits)
                if told is not None:
                    yield qubits, told

    def _property(self, name: str, qubits: Sequence[int], which: str) -> Any:
        places = self.target[name] if self.can(name) else None
        return getattr(places.get(tuple(qubits)), which, None) if isinstance(places, Mapping) else None


def _number(value: Any, *, most: float = inf, finite: bool = True) -> float | None:
    """A figure of a target, None if it is none: see the module."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= most and (isfinite(number) or not finite) else None
