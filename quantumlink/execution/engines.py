"""Engines: what a program's settings are run on, and whose noise acts there.

Aer's shots are independent within one run, but seeded one after the other: shot j of circuit i starts from
seed + i + j. Circuits of one run, and runs with neighboring seeds, thus repeat each other's random numbers
(seen in Aer 0.18 for circuits that are simulated shot by shot). So each setting gets a run and a seed of its own.

What `sample` takes for one basis of a chain, 10,000 shots, in CPU seconds (``python
tests/benchmarks/test_engine_memory.py`` prints the whole table, with the peak memory of each):

| noise, corrections      | engine   |   2 links |    4 |    8 |   16 |   64 |  256 | 1,000 links |
|-------------------------|----------|-----------|------|------|------|------|------|-------------|
| Paulis, frame           | exact    |      0.05 | 0.08 | 0.08 | 0.11 | 0.29 | 0.99 | 3.7, 262 MB |
|                         | clifford |      0.06 | 0.06 | 0.07 | 0.07 | 0.11 | 0.29 | 0.8, 255 MB |
|                         | aer      |      0.06 | 0.34 |  3.1 |  4.3 |   13 |      |             |
| relaxation, frame       | exact    |      0.05 | 0.08 | 0.08 | 0.13 | 0.35 |  1.3 | 5.1, 259 MB |
|                         | aer      |      0.09 | 0.44 |  3.9 |  5.9 |   17 |      |             |
| relaxation, each swap   | exact    |      0.05 | 0.07 | 0.08 | 0.10 | 0.26 | 0.83 | 3.3, 211 MB |
|                         | aer      |       2.6 |  3.1 |  5.1 |  8.4 |   32 |      |             |

Aer runs in the forms of `quantumlink.execution.aer_plans` here, in 105–140 MB; left to itself it asks for 2⁴⁰
amplitudes at 20 links. The first call of each engine is counted, imports included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import ControlFlowOp, Gate, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit.transpiler import Target, generate_preset_pass_manager

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.aer_limits import lost_by_truncation, on_single_bits, spelt_for_aer, unknown_to_aer
from quantumlink.execution.engine import Engine, Setting, checked_engine
from quantumlink.execution.exact_sampler import draw_bits
from quantumlink.execution.samples import NoiseSource
from quantumlink.progress import track
from quantumlink.rewrites.noise_model import check_error_sizes

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel
    from qiskit_aer.primitives import SamplerV2 as AerSampler

AER_METHODS = (
    "automatic",
    "statevector",
    "density_matrix",
    "stabilizer",
    "extended_stabilizer",
    "matrix_product_state",
    "tensor_network",
)
"""The methods of Aer that sample."""


@dataclass(frozen=True)
class ExactEngine(Engine):
    """Draws from exact probabilities: for circuits that entangle few qubits at a time."""

    seed: int | None = None
    """Of its draws."""
    reason: str = field(default="exact: given", compare=False)
    """Why it was chosen."""

    noise = "program"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", validation.seed("seed", self.seed))

    def run(self, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]) -> list[BoolArray]:
        """See `Engine.run`."""
        rng = np.random.default_rng(self.seed)
        return [
            draw_bits(circuit.assign_parameters(setting.values), setting.shots, rng, keep=keep)
            for setting in track(settings, "following every branch")
        ]


@dataclass(frozen=True)
class CliffordEngine(Engine):
    """Stim, by way of `CliffordSampler`: circuits of any size with Clifford gates and Pauli noise."""

    seed: int | None = None
    """Of its draws."""
    reason: str = field(default="clifford: given", compare=False)
    """Why it was chosen."""

    noise = "program"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", validation.seed("seed", self.seed))

    def run(self, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]) -> list[BoolArray]:
        """See `Engine.run`."""
        from quantumlink.execution.clifford import CliffordSampler

        return _run_pubs(CliffordSampler(seed=self.seed), circuit, settings)


@dataclass(frozen=True)
class AerEngine(Engine):
    """Aer on this machine, each setting in a run with an independent seed."""

    method: str = "automatic"
    """How Aer follows the state, one of `AER_METHODS`."""
    seed: int | None = None
    """Of its draws."""
    reason: str = field(default="aer: given", compare=False)
    """Why it was chosen."""

    noise = "program"

    def __post_init__(self) -> None:
        validation.choice("method", self.method, AER_METHODS)
        object.__setattr__(self, "seed", validation.seed("seed", self.seed))

    def sampler(self, seed: int) -> AerSampler:
        """What one run draws from."""
        from qiskit_aer.primitives import SamplerV2

        return SamplerV2(seed=seed, options={"backend_options": {"method": self.method}})

    def run(self, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]) -> list[BoolArray]:
        """See `Engine.run`. Single shots cannot repeat each other, so they share one run.

        Raises:
            UnsupportedOperation: on what Aer cannot take, some of which would end this process.
        """
        circuit = on_single_bits(circuit)
        unknown = unknown_to_aer(circuit)
        if unknown:
            raise UnsupportedOperation(f"Aer cannot take {unknown}: without a sampler one that can is found")
        if self.noise_model is not None:
            check_error_sizes(circuit, self.noise_model)
        circuit = spelt_for_aer(circuit, self.method)
        seeds = np.random.SeedSequence(self.seed).generate_state(len(settings) + 1, dtype=np.uint32) >> 1
        bits: list[BoolArray | None] = [None] * len(settings)
        single = [i for i, setting in enumerate(settings) if setting.shots == 1]
        repeated = [i for i, setting in enumerate(settings) if setting.shots > 1]
        groups = ([single] if single else []) + [[i] for i in repeated]
        keep_all = lost_by_truncation(circuit)
        for group in track(groups, "sampling on Aer"):
            sampler = self.sampler(int(seeds[-1] if group is single else seeds[group[0]]))
            if keep_all:
                sampler.options.run_options = {**(sampler.options.run_options or {}), "enable_truncation": False}
            found = _run_pubs(sampler, circuit, [settings[i] for i in group])
            for i, array in zip(group, found, strict=True):
                bits[i] = array
        return [array for array in bits if array is not None]


@dataclass(frozen=True, eq=False)
class GivenAerEngine(AerEngine):
    """An Aer of the user's, with whatever noise model it has."""

    make_sampler: Callable[[int], AerSampler] | None = None
    """What one run draws from, by its seed."""
    noise_model: NoiseModel | None = None

    def sampler(self, seed: int) -> AerSampler:
        """See `AerEngine.sampler`."""
        return super().sampler(seed) if self.make_sampler is None else self.make_sampler(seed)


class SamplerEngine(Engine):
    """A sampler of the user's, in one job; circuits are transpiled first if its backend is known."""

    reason: str = ""

    def __init__(
        self, sampler: BaseSamplerV2, backend: BackendV2 | None, seed: int | None, noise: NoiseSource = "sampler"
    ) -> None:
        self._sampler, self._backend, self._seed, self.noise = sampler, backend, seed, noise
        self.has_target = backend is not None
        self.operations = None if backend is None else _operations(sampler, backend)
        self.noise_model = getattr(sampler, "noise_model", None) if noise == "program" else None
        self.reason = f"{type(sampler).__name__}: given"

    def run(self, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]) -> list[BoolArray]:
        """See `Engine.run`.

        Raises:
            ValueError: if the device has no room for the circuit.
        """
        if self._backend is not None:
            circuit = _transpiled(circuit, self._backend, self._seed)
        return _run_pubs(self._sampler, circuit, settings)


def given_engine(sampler: BaseSamplerV2 | BackendV2 | Engine, seed: int | None) -> Engine:
    """The engine for a sampler or backend of the user's, for a `Session` or `Batch` around one, or the one given.

    Aer and the two samplers of this library can play noise that is written into the circuit, and do so unless they
    are told otherwise; whatever noise model they have acts besides. Others have noise of their own, or none.

    Raises:
        TypeError: if it is none of these.
    """
    from qiskit_aer import AerSimulator
    from qiskit_aer.primitives import SamplerV2

    if isinstance(sampler, Engine) or (isinstance(sampler, type) and issubclass(sampler, Engine)):
        return checked_engine("sampler", sampler).seeded(seed)
    sampler = _within(sampler)
    if isinstance(sampler, AerSimulator) and sampler.coupling_map is None:  # with one it plays a device
        model = sampler.options.noise_model
        return GivenAerEngine(
            sampler.options.method,
            seed,
            make_sampler=lambda child: SamplerV2.from_backend(sampler, seed=child),
            noise_model=model,
        )
    if isinstance(sampler, SamplerV2):
        own = sampler.seed if seed is None else seed
        backend = sampler._backend  # has no public name in Aer 0.18
        options = {"run_options": sampler.options.run_options}
        if backend.coupling_map is not None:  # it plays a device, and takes that one's instructions
            return SamplerEngine(SamplerV2.from_backend(backend, seed=own, options=options), backend, own)
        return GivenAerEngine(
            backend.options.method,
            own,
            make_sampler=lambda child: SamplerV2.from_backend(backend, seed=child, options=options),
            noise_model=backend.options.noise_model,
        )
    if isinstance(sampler, BackendV2):
        return SamplerEngine(BackendSamplerV2(backend=sampler, options={"seed_simulator": seed}), sampler, seed)
    if isinstance(sampler, BaseSamplerV2):
        if type(sampler).__module__.startswith(__name__.rpartition(".")[0] + "."):
            return SamplerEngine(sampler, None, seed, "program")
        found = getattr(sampler, "backend", None)
        found = found() if callable(found) else found
        return SamplerEngine(sampler, found if isinstance(found, BackendV2) else None, seed)
    raise TypeError(
        "sampler must be a BaseSamplerV2, a BackendV2, a Session or Batch of one, an Engine, or None; got "
        f"{sampler!r} ({type(sampler).__name__})"
    )


def _operations(sampler: BaseSamplerV2, backend: BackendV2) -> frozenset[str]:
    """What the backend can do, but for conditions where options of the sampler take none."""
    from quantumlink.execution.preparation.options_lint import against_conditions

    dump = getattr(getattr(sampler, "options", None), "model_dump", None)  # the runtime's, as plain data
    lacking = {"if_else"} if callable(dump) and against_conditions(dump()) else set()
    return frozenset(backend.target.operation_names) - lacking


def _transpiled(circuit: QuantumCircuit, backend: BackendV2, seed: int | None) -> QuantumCircuit:
    """In the backend's instructions: quickly, and with a search for a place where that fails."""
    from quantumlink.execution.preparation.compilation import compiled

    manager = generate_preset_pass_manager(1, backend=backend, seed_transpiler=seed)
    try:
        found = manager.run(circuit)
    except QiskitError:
        return compiled(circuit, backend, seed=seed).circuit
    # Qiskit takes a gate that a target lists for none of these qubits, and a simulator plays it all the same.
    if _is_possible(found, backend.target, range(found.num_qubits)):
        return found
    return compiled(circuit, backend, seed=seed).circuit


def _is_possible(circuit: QuantumCircuit, target: Target, outer: Sequence[int]) -> bool:
    """Whether a target has a circuit's gates between qubits and its measurements, each where it is asked for."""
    for instruction in circuit.data:
        qubits = tuple(outer[circuit.find_bit(q).index] for q in instruction.qubits)
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            if not all(_is_possible(block, target, qubits) for block in operation.blocks):
                return False
            continue
        asked = (isinstance(operation, Gate) and len(qubits) > 1) or operation.name == "measure"
        if asked and not target.instruction_supported(operation.name, qubits):
            return False
    return True


def _within(sampler: Any) -> Any:
    """What a `Session` or `Batch` of qiskit-ibm-runtime runs on: its backend if that is simulated here."""
    from quantumlink.execution.jobs.connection import runtime_class

    if not runtime_class(sampler, "Session", "Batch"):
        return sampler
    if getattr(sampler.service, "is_local", False):
        return sampler._backend
    from qiskit_ibm_runtime.executor_sampler import Sampler

    return Sampler(mode=sampler)


def _run_pubs(sampler: BaseSamplerV2, circuit: QuantumCircuit, settings: Sequence[Setting]) -> list[BoolArray]:
    """Settings with equal shots share one broadcast PUB, and all PUBs one job."""
    groups: dict[int, list[int]] = {}
    for i, setting in enumerate(settings):
        groups.setdefault(setting.shots, []).append(i)
    pubs: list[tuple[Any, ...]] = []
    for shots, group in groups.items():
        table = np.array([settings[i].values for i in group])
        pubs.append((circuit, table if circuit.num_parameters else None, shots))
    result = sampler.run(pubs).result()
    bits: list[BoolArray | None] = [None] * len(settings)
    for group, pub in zip(groups.values(), result, strict=True):
        arrays = [pub.data[register.name].to_bool_array(order="little") for register in circuit.cregs]
        table = np.concatenate(arrays, axis=-1)
        for i, array in zip(group, table.reshape(len(group), -1, table.shape[-1]), strict=True):
            bits[i] = array
    return [array for array in bits if array is not None]
