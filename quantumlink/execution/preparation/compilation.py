"""From a circuit to a device's own instructions: the best of our placements and of Qiskit's.

Every candidate is really compiled, by Qiskit's preset pass managers, and its cost is read off the result. Beside
the candidates from `placement` stands a plain transpilation at level 3 without a placement: what is chosen never
has more two-qubit gates than that, and among those the best expected fidelity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qiskit.circuit import IfElseOp, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import Target, generate_preset_pass_manager

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S, Cost, cost_of
from quantumlink.execution.preparation.delays import in_target_units
from quantumlink.execution.preparation.placement import Placement, interactions, placements
from quantumlink.progress import track
from quantumlink.rewrites import deferred_circuit

PLAIN_LEVEL = 3
CANDIDATES = 3
"""Placements that are compiled to find the best."""

MAX_COMPARED = 100
"""Most qubits for which a circuit that needs no routing here is transpiled plainly too, for comparison."""

_PAIRWISE = ("cx", "rz", "sx", "x", "u", "id")


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A circuit in a device's instructions."""

    circuit: QuantumCircuit
    """The ISA circuit, on all the device's qubits."""
    layout: tuple[int, ...]
    """For each qubit of the circuit as given the physical qubit where it starts."""
    final_layout: tuple[int, ...]
    """The same at the end: routing may have moved it."""
    cost: Cost
    """What it costs, by the target's calibration."""
    origin: str
    """Whose placement it is: ``"search"``, ``"plain"`` (Qiskit's, at level 3) or ``"given"``."""
    plain: Cost | None
    """The cost of the plain transpilation, None if none was needed."""
    delay_rounding_s: float
    """The most by which a delay was lengthened to fit the target's clock, in seconds."""

    def __repr__(self) -> str:
        return f"<Compiled {self.circuit.name!r} on qubits {list(self.layout)} ({self.origin}): {self.cost}>"


def placed(
    circuit: QuantumCircuit, backend: BackendV2, *, latency_s: float = FEEDFORWARD_LATENCY_S, best: int = CANDIDATES
) -> list[Placement]:
    """The best placements of a circuit on a device, best first, before anything is compiled.

    Args:
        circuit: the circuit; parameters may be free.
        backend: the device.
        latency_s: of the feed-forward, in seconds.
        best: how many placements at most.
    """
    calibration = Calibration(backend.target)
    wanted = interactions(_pairwise(circuit), calibration, latency_s=latency_s)
    return placements(wanted, calibration, best=best)


def compiled(
    circuit: QuantumCircuit,
    backend: BackendV2,
    *,
    initial_layout: Sequence[int] | None = None,
    candidates: Sequence[Placement] | None = None,
    compare_plain: bool = True,
    optimization_level: int = 3,
    seed: int | None = None,
    latency_s: float = FEEDFORWARD_LATENCY_S,
) -> Compiled:
    """Compile any circuit for a device, on the qubits that suit it best.

    Pauli channels are dropped; where the target has no `if_test` (or no reset) and the circuit needs it,
    measurements are deferred.

    Args:
        circuit: the circuit; parameters may be free.
        backend: the device.
        initial_layout: physical qubits to be used as they are, one for each of the circuit's qubits.
        candidates: placements to be compiled, of which the best is taken; those of `placed` if None.
        compare_plain: whether a plain transpilation is a candidate too.
        optimization_level: of Qiskit's pass manager for our candidates, 0 to 3.
        seed: makes routing repeatable.
        latency_s: of the feed-forward, in seconds.

    Raises:
        ValueError: if the circuit needs more qubits than the device has, or a delay is a parameter.
        UnsupportedOperation: if measurements have to be deferred and cannot be.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.circuits import bell_measurement
    >>> device = GenericBackendV2(3, coupling_map=[[0, 1], [1, 2]], seed=1)
    >>> compiled(bell_measurement(), device, seed=1).cost.two_qubit_gates
    1
    """
    calibration = Calibration(backend.target)
    circuit = _for_target(_without_channels(circuit), backend.target)
    if circuit.num_qubits > calibration.num_qubits:
        raise ValueError(
            f"the circuit needs {circuit.num_qubits} qubits, {backend.name} has {calibration.num_qubits}"
        )
    timed, rounding = in_target_units(circuit, backend.target)
    builder = _Builder(timed, backend, calibration, seed, latency_s, rounding)
    if initial_layout is not None:
        return builder.build(initial_layout, optimization_level, "given")
    found = placed(timed, backend, latency_s=latency_s) if candidates is None else list(candidates)
    return _best(builder, found, optimization_level, compare_plain=compare_plain)


def _best(builder: _Builder, found: list[Placement], level: int, *, compare_plain: bool) -> Compiled:
    tried: list[tuple[Placement | None, int]] = [(placement, level) for placement in found]
    fits = bool(found) and found[0].missing == 0
    if not found or (compare_plain and not (fits and builder.circuit.num_qubits > MAX_COMPARED)):
        tried.append((None, PLAIN_LEVEL))
    built = []
    for placement, at_level in track(tried, "transpiling"):
        physical, origin = (None, "plain") if placement is None else (placement.physical, "search")
        built.append(builder.build(physical, at_level, origin))
    plain = next((b.cost for b in built if b.origin == "plain"), None)
    if plain is not None:
        built = [b for b in built if b.cost.two_qubit_gates <= plain.two_qubit_gates]
    chosen = max(built, key=lambda b: (b.cost.log_fidelity, -b.cost.two_qubit_gates))
    return replace(chosen, plain=plain)


class _Builder:
    def __init__(
        self,
        circuit: QuantumCircuit,
        backend: BackendV2,
        calibration: Calibration,
        seed: int | None,
        latency_s: float,
        rounding_s: float,
    ) -> None:
        self.circuit = circuit
        self._backend, self._calibration = backend, calibration
        self._seed, self._latency_s, self._rounding_s = seed, latency_s, rounding_s

    def build(self, physical: Sequence[int] | None, level: int, origin: str) -> Compiled:
        manager = generate_preset_pass_manager(
            level,
            backend=self._backend,
            initial_layout=None if physical is None else list(physical),
            seed_transpiler=self._seed,
        )
        isa = manager.run(self.circuit)
        cost = cost_of(isa, self._calibration, latency_s=self._latency_s)
        if isa.layout is None:
            start = end = list(range(self.circuit.num_qubits))
        else:
            start = isa.layout.initial_index_layout(filter_ancillas=True)
            end = isa.layout.final_index_layout(filter_ancillas=True)
        return Compiled(isa, tuple(start), tuple(end), cost, origin, None, self._rounding_s)


def _without_channels(circuit: QuantumCircuit) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name != "pauli_channel":
            result.append(instruction)
    return result


def _for_target(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    names = {instruction.name for instruction in circuit.data}
    lacking = [name for name in ("if_else", "reset") if name in names and name not in target.operation_names]
    return deferred_circuit(circuit) if lacking else circuit


def _pairwise(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in gates on at most two qubits, for counting who meets whom."""
    small = all(
        len(instruction.qubits) <= 2 or isinstance(instruction.operation, IfElseOp) or instruction.name == "barrier"
        for instruction in circuit.data
    )
    plain = small and all(instruction.name != "bell_pair" for instruction in circuit.data)
    if plain and not any(isinstance(i.operation, IfElseOp) for i in circuit.data):
        return circuit
    return generate_preset_pass_manager(1, basis_gates=list(_PAIRWISE)).run(circuit)
