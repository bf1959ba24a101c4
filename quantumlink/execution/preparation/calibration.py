"""What a target says of its qubits: errors, durations and lifetimes; where it says nothing, nothing goes wrong.

Errors of gates are average gate infidelities r, as IBM reports them; what is multiplied up here are process
(entanglement) fidelities, 1 − r·(d+1)/d in d dimensions.

Reference:
    M. A. Nielsen, Phys. Lett. A 303, 249 (2002), on the two fidelities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, isfinite, log
from statistics import median

import rustworkx as rx
from qiskit.circuit import CircuitInstruction, Instruction
from qiskit.transpiler import Target

SMALLEST_FIDELITY = 1e-6
"""What a broken gate or readout counts as, so that logarithms stay finite."""

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
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
                if len(qubits) == 2:
                    edge = (min(qubits), max(qubits))
                    best[edge] = max(best.get(edge, -inf), log(self.gate_fidelity(name, qubits)))
        if anywhere:  # a gate that every pair has, with no error stated
            pairs = ((a, b) for a in range(self.num_qubits) for b in range(a))
            best.update({(b, a): best.get((b, a), 0.0) for a, b in pairs})
        graph.add_edges_from([(*edge, weight) for edge, weight in best.items()])
        return graph

    @cached_property
    def distances(self) -> dict[int, dict[int, int]]:
        """Steps on the coupling map between two qubits; pairs that no path joins are missing."""
        lengths = rx.all_pairs_dijkstra_path_lengths(self.coupling, lambda _: 1.0)
        return {a: {b: round(steps) for b, steps in row.items()} | {a: 0} for a, row in lengths.items()}

    def gate_fidelity(self, name: str, qubits: Sequence[int]) -> float:
        """Process fidelity of a gate; 1 where the target states no error."""
        error = self._property(name, qubits, "error")
        factor = _PAIR_INFIDELITY if len(qubits) == 2 else _SINGLE_INFIDELITY
        return max(SMALLEST_FIDELITY, 1 - factor * error)

    def readout_fidelity(self, qubit: int) -> float:
        """The probability that a measurement is read right, averaged over both values."""
        return max(SMALLEST_FIDELITY, 1 - self._property("measure", (qubit,), "error"))

    def waiting_fidelity(self, qubit: int, seconds: float) -> float:
        """Process fidelity of waiting, (1 + e^(−t/T1) + 2e^(−t/T2))/4."""
        t1, t2 = self.lifetimes(qubit)
        return max(SMALLEST_FIDELITY, (1 + exp(-seconds / t1) + 2 * exp(-seconds / t2)) / 4)

    def lifetimes(self, qubit: int) -> tuple[float, float]:
        """T1 and T2 in seconds, T2 cut at 2·T1; infinite where nothing is stated."""
        properties = self.target.qubit_properties
        stated = None if properties is None else properties[qubit]
        t1, t2 = (getattr(stated, name, None) or inf for name in ("t1", "t2"))
        return t1, min(t2, 2 * t1)

    def duration_s(self, instruction: CircuitInstruction, qubits: Sequence[int]) -> float:
        """How long an operation takes on these qubits; 0 where nothing is stated."""
        if instruction.name == "delay":
            return self.delay_s(instruction.operation)
        return self._property(instruction.name, qubits, "duration")

    def delay_s(self, delay: Instruction) -> float:
        """The length of a `Delay` in seconds.

        Raises:
            ValueError: if it is counted in dt and the target does not say how long that is.
        """
        if delay.unit in _SECONDS:
            return float(delay.duration) * _SECONDS[delay.unit]
        if self.target.dt is None:
            raise ValueError(f"a delay of {delay.duration} dt has no length: the target does not state dt")
        return float(delay.duration) * float(self.target.dt)

    @cached_property
    def typical(self) -> tuple[float, float, float]:
        """Median durations in seconds of a one-qubit gate, of a two-qubit gate and of a measurement."""
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        for name in self.target.operation_names:
            for qubits, properties in (self.target[name] or {}).items():
                duration = getattr(properties, "duration", None)
                if qubits and duration and name not in ("reset", "delay"):
                    found[2 if name == "measure" else len(qubits) - 1 if len(qubits) <= 2 else 1].append(duration)
        single, double, measure = (median(values) if values else 0.0 for values in found)
        return single, double, measure

    def _property(self, name: str, qubits: Sequence[int], which: str) -> float:
        if not self.can(name):
            return 0.0
        properties = (self.target[name] or {}).get(tuple(qubits))
        value = getattr(properties, which, None)
        return float(value) if value is not None and isfinite(value) else 0.0
