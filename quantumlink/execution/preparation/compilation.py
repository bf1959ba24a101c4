"""From a circuit to a device's own instructions: the best of our placements and of Qiskit's.

Every candidate is really compiled, by Qiskit's preset pass managers, and its cost is read off the result. Beside
the candidates from `placement` stands a plain transpilation at level 3 without a placement: what is chosen never
has more two-qubit gates than that, and among those the best expected fidelity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qiskit.circuit import IfElseOp, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager, Target, generate_preset_pass_manager

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S, Cost, cost_of
from quantumlink.execution.preparation.delays import in_target_units
from quantumlink.execution.preparation.placement import Interactions, Placement, interactions, no_place, placements
from quantumlink.execution.preparation.turning import Turned
from quantumlink.link.arriving_pair import ARRIVALS
from quantumlink.progress import track
from quantumlink.rewrites import deferred_circuit

PLAIN_LEVEL = 3
CANDIDATES = 3
"""Placements that are compiled to find the best."""

MAX_COMPARED = 100
"""Most qubits for which a circuit that needs no routing here is transpiled plainly too, for comparison."""

_PAIRWISE = ("cx", "rz", "sx", "x", "u", "id")


class NoPlace(ValueError):
    """A circuit that a device has no room for, whatever its number of qubits."""


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
    """Whose placement it is: ``"search"``, ``"plain"`` (Qiskit's level 3), ``"given"`` or ``"pass manager"``."""
    plain: Cost | None
    """The cost of the plain transpilation, None if none was needed."""
    delay_rounding_s: float
    """The most by which a delay was lengthened to fit the target's clock, in seconds."""

    def __repr__(self) -> str:
        return f"<Compiled {self.circuit.name!r} on qubits {list(self.layout)} ({self.origin}): {self.cost}>"


def is_device(backend: BackendV2) -> bool:
    """Whether circuits have to be prepared for a backend: not for a simulator that takes any circuit.

    A device may have no coupling map: in an ion trap every pair has a gate.
    """
    simulates = type(backend).__module__.split(".")[0] == "qiskit_aer" or backend.target.num_qubits is None
    return not simulates or backend.coupling_map is not None


def backend_of(sampler: BaseSamplerV2) -> BackendV2 | None:
    """The backend that a sampler runs on, if it tells it."""
    found = getattr(sampler, "backend", None)
    found = found() if callable(found) else found
    if found is None and type(sampler).__module__.split(".")[0] == "qiskit_aer":
        found = getattr(sampler, "_backend", None)  # Aer 0.18 has no public name for it
    return found if isinstance(found, BackendV2) else None


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
    pass_manager: PassManager | None = None,
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
        pass_manager: one of the user's, that makes the device's circuit of it in place of ours; no placement is
            searched then.

    Raises:
        ValueError: if the circuit needs more qubits than the device has, or a delay is a parameter.
        NoPlace: if the device does not join or measure as many, or no placement could be compiled.
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
    if pass_manager is not None:
        return builder.built(pass_manager, "pass manager")
    if initial_layout is not None:
        return _as_given(builder, initial_layout, optimization_level)
    found = placed(timed, backend, latency_s=latency_s) if candidates is None else list(candidates)
    return _best(builder, found, optimization_level, compare_plain=compare_plain)


def _as_given(builder: _Builder, layout: Sequence[int], level: int) -> Compiled:
    dumb = builder.unmeasurable(layout)
    if dumb:
        raise NoPlace(
            f"initial_layout={list(layout)} has no room for the circuit: {builder.device} does not measure "
            f"{', '.join(map(str, dumb))}, where it is to be measured"
        )
    try:
        return builder.build(layout, level, "given")
    except QiskitError as error:
        raise NoPlace(
            f"initial_layout={list(layout)} has no room for the circuit on {builder.device}: {_told(error)}"
        ) from error


def _best(builder: _Builder, found: list[Placement], level: int, *, compare_plain: bool) -> Compiled:
    tried: list[tuple[Placement | None, int]] = [(placement, level) for placement in found]
    fits = bool(found) and found[0].missing == 0
    if not found or (compare_plain and not (fits and builder.circuit.num_qubits > MAX_COMPARED)):
        tried.append((None, PLAIN_LEVEL))
    built, failures = [], []
    for placement, at_level in track(tried, "transpiling"):
        physical, origin = (None, "plain") if placement is None else (placement.physical, "search")
        try:
            built.append(builder.build(physical, at_level, origin))
        except QiskitError as error:  # a place that the calibration praises may have a gate that is broken
            failures.append(error)
    if not built:
        why = builder.no_place() or "; ".join(dict.fromkeys(map(_told, failures)))
        raise NoPlace(
            f"{builder.device} has no room for the circuit {builder.circuit.name!r}: {why}"
        ) from failures[0]
    plain = next((b.cost for b in built if b.origin == "plain"), None)
    if plain is not None:
        built = [b for b in built if b.cost.two_qubit_gates <= plain.two_qubit_gates]
    chosen = max(built, key=lambda b: (b.cost.log_fidelity, -b.cost.two_qubit_gates))
    return replace(chosen, plain=plain)


def _told(error: QiskitError) -> str:
    return str(error.message).strip()


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

    @property
    def device(self) -> str:
        """Its name."""
        return str(self._backend.name)

    def no_place(self) -> str:
        """Why there is no place, in words; empty if it is not known."""
        return no_place(self._asked(), self._calibration)

    def unmeasurable(self, layout: Sequence[int]) -> list[int]:
        """Physical qubits that are to be measured and cannot be."""
        readouts = self._asked().readouts
        serves = self._calibration.serves
        return [q for i, q in enumerate(layout) if readouts[i] and not serves(q, measured=True, is_reset=False)]

    def _asked(self) -> Interactions:
        return interactions(_pairwise(self.circuit), self._calibration, latency_s=self._latency_s)

    def build(self, physical: Sequence[int] | None, level: int, origin: str) -> Compiled:
        manager = generate_preset_pass_manager(
            level,
            backend=self._backend,
            initial_layout=None if physical is None else list(physical),
            seed_transpiler=self._seed,
        )
        try:
            return self.built(manager, origin)
        except QiskitError:
            manager.post_routing = PassManager([Turned(self._backend.target)])
            return self.built(manager, origin)

    def built(self, manager: PassManager, origin: str) -> Compiled:
        """What a pass manager makes of the circuit."""
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
    plain = small and all(instruction.name not in ARRIVALS for instruction in circuit.data)
    if plain and not any(isinstance(i.operation, IfElseOp) for i in circuit.data):
        return circuit
    return generate_preset_pass_manager(1, basis_gates=list(_PAIRWISE)).run(circuit)
