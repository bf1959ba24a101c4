"""Devices for tests: a few good qubits of a backend, as a backend of its own with that one's noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import rustworkx as rx
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import QubitProperties, Target

from quantumlink import validation


class RestrictedDevice(BackendV2):
    """Some qubits of a backend, numbered anew from 0; runs here, on Aer, with the noise that the target states.

    Args:
        backend: the whole device.
        qubits: which of its qubits, in the order of their new numbers.
    """

    def __init__(self, backend: BackendV2, qubits: Sequence[int]):
        super().__init__(
            name=f"{backend.name}_{len(qubits)}q", description=f"qubits {list(qubits)} of {backend.name}"
        )
        self.qubits_of_the_whole = tuple(qubits)
        self._target = restricted_target(backend.target, qubits)

    @property
    def target(self) -> Target:
        """What the kept qubits can do, how well and how fast."""
        return self._target

    @property
    def max_circuits(self) -> int | None:
        """No limit."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024, seed_simulator=None)

    def run(self, run_input: QuantumCircuit | Iterable[QuantumCircuit], **options: Any) -> Any:
        """Run circuits on Aer with this device's noise model.

        Args:
            run_input: one circuit or several.
            options: of Aer's backend, such as ``shots`` and ``seed_simulator``.
        """
        from qiskit_aer import AerSimulator
        from qiskit_aer.noise import NoiseModel

        simulator = AerSimulator(noise_model=NoiseModel.from_backend(self))
        given = {name: value for name, value in {**self.options.__dict__, **options}.items() if value is not None}
        return simulator.run(run_input, **given)


def restricted_device(backend: BackendV2, qubits: int | Sequence[int]) -> RestrictedDevice:
    """A few qubits of a backend, as a small and quick device with the same calibration.

    Args:
        backend: a device or a fake one, whose target names its qubits.
        qubits: which of its qubits, or how many: then a connected set is grown, from the best pair on, by the
            edges of least error.

    Raises:
        ValueError: if there are not as many connected qubits, or a qubit is not one of the backend's.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> restricted_device(GenericBackendV2(20, seed=1), 4).num_qubits
    4
    """
    total = backend.target.num_qubits
    if isinstance(qubits, int):
        chosen = _grown(backend.target, validation.count("qubits", qubits, at_least=1))
    else:
        chosen = list(qubits)
        if len(set(chosen)) != len(chosen) or not chosen or not all(0 <= q < total for q in chosen):
            raise ValueError(f"qubits must name qubits of 0 to {total - 1}, each once; got {qubits!r}")
    return RestrictedDevice(backend, chosen)


def restricted_target(target: Target, qubits: Sequence[int]) -> Target:
    """The part of a target that acts on these qubits only, numbered in their order."""
    place = {qubit: i for i, qubit in enumerate(qubits)}
    properties = target.qubit_properties
    result = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        granularity=target.granularity,
        min_length=target.min_length,
        pulse_alignment=target.pulse_alignment,
        acquire_alignment=target.acquire_alignment,
        qubit_properties=None if properties is None else [properties[q] or QubitProperties() for q in qubits],
    )
    for name in target.operation_names:
        operation, entries = target.operation_from_name(name), target[name]
        if entries is None or None in entries:  # everywhere, such as control flow
            result.add_instruction(operation, name=name)
            continue
        kept = {
            tuple(place[q] for q in where): props for where, props in entries.items() if set(where) <= set(place)
        }
        if kept:
            result.add_instruction(operation, kept, name=name)
    return result


def _grown(target: Target, size: int) -> list[int]:
    """A connected set of qubits: the edge of least error, and then again and again the least that leads out."""
    errors: dict[tuple[int, int], float] = {}
    for name in target.operation_names:
        for where, props in (target[name] or {}).items():
            if where is not None and len(where) == 2:
                error = 1.0 if props is None or props.error is None else float(props.error)
                edge = (min(where), max(where))
                errors[edge] = min(errors.get(edge, 1.0), error)
    graph = rx.PyGraph()
    graph.add_nodes_from(range(target.num_qubits))
    graph.add_edges_from([(a, b, error) for (a, b), error in errors.items()])
    room = [part for part in rx.connected_components(graph) if len(part) >= size]
    if not room:
        largest = max(map(len, rx.connected_components(graph)), default=0)
        raise ValueError(
            f"qubits must be at most {largest}, the most that are connected on this device; got {size}"
        )
    inside = {q for part in room for q in part}
    usable = sorted((error, edge) for edge, error in errors.items() if edge[0] in inside)
    chosen = list(usable[0][1])[:size] if usable else [min(inside)]
    while len(chosen) < size:
        a, b = next(edge for _, edge in usable if (edge[0] in chosen) != (edge[1] in chosen))
        chosen.append(b if a in chosen else a)
    return chosen
