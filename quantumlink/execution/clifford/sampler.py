"""`CliffordSampler`: a Qiskit SamplerV2 over stim."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.primitives import (
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    SamplerPubLike,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub

from quantumlink import validation
from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.clifford.branching import Branching, branching
from quantumlink.execution.clifford.compiled import Compiled
from quantumlink.execution.clifford.compiler import compiled
from quantumlink.execution.clifford.noise import ModelNoise
from quantumlink.execution.clifford.steps import RefusedStep, Step, bind, located, read
from quantumlink.execution.pubs import coerced_pubs, warn_of_empty_results

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel


UNPACKED_AT_ONCE = 1 << 20
"""Bits that are told apart at one time, a byte each, while registers are packed."""


NO_STIM = "stim is not installed (pip install stim; for Linux on aarch64 it is built from its source)"


class CliffordSampler(BaseSamplerV2):
    """Samples Clifford circuits with Pauli noise and feed-forward, of any size.

    Takes, once its parameters are bound, a circuit of

    - gates that are Clifford at their angles, also as composites or unitaries;
    - measurements and resets (also ``measure_2``, ``reset_2``, ``measure_reset``), barriers and delays (which do
      nothing by themselves);
    - `if_test`, `switch`, `for_loop`, `while_loop`, `box`, classical variables and `store`, around all of these;
    - noise: ``pauli_channel``, and Aer's inlined errors and `NoiseModel` if they are mixtures of Clifford gates and
      resets, readout errors included (they drive the feed-forward).

    Where only Paulis are conditional or random, all shots run as one, and a shot costs little more than its bits.
    Where anything else is, shots that go different ways are followed in groups of their own: as exact, and slower.

    Everything else is refused by name with an `UnsupportedOperation`, raised by the job's ``result()``.

    Bits are exact samples; one seed gives the same bits in each run (on one machine, with one release of stim).
    PUBs and parameter settings have independent streams. What was translated once is sampled again at once,
    also by another sampler of the same process.

    Args:
        default_shots: the shots of a PUB that names none, at least 1.
        seed: a whole number, or None for a new one in each run.
        noise_model: an Aer noise model, applied by Aer's rules to the circuit as it is.

    Raises:
        TypeError, ValueError: if an argument is of the wrong kind or out of range.
        UnsupportedOperation: if the noise model holds custom passes or joint readout errors.
        ImportError: if stim is not installed.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.cx(0, 1)
    >>> circuit.measure_all()
    >>> result = CliffordSampler(seed=7).run([circuit], shots=1000).result()
    >>> sorted(result[0].data.meas.get_counts())
    ['00', '11']
    """

    def __init__(
        self, *, default_shots: int = 1024, seed: int | None = None, noise_model: NoiseModel | None = None
    ) -> None:
        self._default_shots = validation.count("default_shots", default_shots, at_least=1)
        self._seed = None if seed is None else validation.count("seed", seed)
        if noise_model is not None:
            from qiskit_aer.noise import NoiseModel

            validation.instance("noise_model", noise_model, NoiseModel, "an Aer NoiseModel or None")
        if find_spec("stim") is None:
            raise ImportError(f"CliffordSampler cannot run here: {NO_STIM}")
        self._noise, self._model = ModelNoise(noise_model), noise_model

    @property
    def noise_model(self) -> NoiseModel | None:
        """The noise model that acts, by the names of instructions."""
        return self._model

    @property
    def default_shots(self) -> int:
        """The shots of a PUB that names none."""
        return self._default_shots

    @property
    def seed(self) -> int | None:
        """The seed, or None."""
        return self._seed

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Sample circuits.

        Args:
            pubs: circuits, or tuples (circuit, parameter values, shots) as for any SamplerV2; values of shape
                (..., parameters) are broadcast.
            shots: the shots of PUBs that name none.

        Returns:
            A job whose result has, for each PUB, one `BitArray` for each classical register, by name.

        Raises:
            ValueError: if shots are not positive, or parameter values do not fit their circuit.
        """
        coerced = coerced_pubs(pubs, self._default_shots if shots is None else shots)
        warn_of_empty_results(coerced)
        job: PrimitiveJob[PrimitiveResult[SamplerPubResult]] = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: list[SamplerPub]) -> PrimitiveResult[SamplerPubResult]:
        entropy = np.random.SeedSequence(self._seed).entropy
        results = [
            self._run_pub(pub, np.random.SeedSequence(entropy, spawn_key=(i,))) for i, pub in enumerate(pubs)
        ]
        return PrimitiveResult(results, metadata={"version": 2})

    def _run_pub(self, pub: SamplerPub, seed: np.random.SeedSequence) -> SamplerPubResult:
        circuit, shots = pub.circuit, pub.shots
        steps = _read_or_none(circuit, self._noise)
        parameters = list(circuit.parameters)
        count = int(np.prod(pub.shape))
        table = np.asarray(pub.parameter_values.as_array(parameters), dtype=float).reshape(count, len(parameters))
        arrays: dict[str, npt.NDArray[np.uint8]] = {}
        if not count:  # an empty array of parameter values has an empty result
            arrays = {r.name: np.empty((0, shots, (r.size + 7) // 8), dtype=np.uint8) for r in circuit.cregs}
            table = table[:0, :0]
        # Equal settings differ in nothing but their shots: they are drawn together.
        rows, groups = _distinct(table)
        for row, places, child in zip(rows, groups, seed.spawn(len(rows)), strict=True):
            bits = _ready(circuit, steps, row, self._noise, self._model).sample(len(places) * shots, child)
            for name, packed in _registers(circuit, bits, len(places) * shots):
                drawn = packed.reshape(len(places), shots, packed.shape[1])
                if len(rows) == 1:
                    arrays[name] = drawn
                    continue
                if name not in arrays:
                    arrays[name] = np.empty((count, *drawn.shape[1:]), dtype=np.uint8)
                arrays[name][places] = drawn
        data = {
            register.name: BitArray(
                arrays[register.name].reshape(*pub.shape, *arrays[register.name].shape[1:]), register.size
            )
            for register in circuit.cregs
        }
        metadata = {"shots": shots, "circuit_metadata": circuit.metadata}
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)


def clifford_refusal(circuit: QuantumCircuit, table: FloatArray, *, at_once: bool = False) -> str | None:
    """Why `CliffordSampler` cannot take a circuit with these parameter values, or None if it can.

    Args:
        circuit: the circuit, its noise written into it.
        table: shape (settings, parameters): each setting is looked at.
        at_once: whether all shots must run as one, which only Paulis may be conditional or random for.
    """
    if find_spec("stim") is None:
        return NO_STIM
    noise = ModelNoise(None)
    parameters = list(circuit.parameters)
    try:
        steps = read(circuit, noise) if at_once else _read_or_none(circuit, noise)
        if at_once:
            _at_once(circuit, steps or [], table[0], noise)
        else:
            _ready(circuit, steps, table[0], noise, None)
        for row in _distinct(table)[0] if parameters else ():
            bind(steps or [], dict(zip(parameters, row, strict=True)))
    except RefusedStep as error:
        return str(located(error, circuit, noise))
    except UnsupportedOperation as error:
        return str(error)
    return None


def _read_or_none(circuit: QuantumCircuit, noise: ModelNoise) -> list[Step] | None:
    try:
        return read(circuit, noise)
    except UnsupportedOperation:
        return None  # what is the matter is found again, or shots are followed in groups


def _ready(
    circuit: QuantumCircuit,
    steps: list[Step] | None,
    row: FloatArray,
    noise: ModelNoise,
    model: NoiseModel | None,
) -> Compiled | Branching:
    """The circuit in the fast form if it has one, else in groups of shots."""
    try:
        return _at_once(circuit, read(circuit, noise) if steps is None else steps, row, noise)
    except UnsupportedOperation as error:
        bound = circuit.assign_parameters(row) if circuit.num_parameters else circuit
        found = branching(bound, model, error)
    return found


def _at_once(circuit: QuantumCircuit, steps: list[Step], row: FloatArray, noise: ModelNoise) -> Compiled:
    parameters = list(circuit.parameters)
    try:
        bound = bind(steps, dict(zip(parameters, row, strict=True))) if parameters else tuple(steps)
        return compiled(bound, circuit.num_clbits)
    except RefusedStep as error:
        raise located(error, circuit, noise) from error


def _distinct(table: FloatArray) -> tuple[FloatArray, list[IndexArray]]:
    """The distinct rows of a table, and where each of them stands."""
    if not table.shape[1]:
        return table[:1], [np.arange(len(table))][: len(table)]
    rows, which, number = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    return rows, np.split(np.argsort(which.ravel(), kind="stable"), np.cumsum(number)[:-1])


def _registers(
    circuit: QuantumCircuit, bits: npt.NDArray[np.uint8], shots: int
) -> Iterable[tuple[str, npt.NDArray[np.uint8]]]:
    """Each register's bits as Qiskit packs them: shape (shots, bytes), bit 0 the lowest of the last byte."""
    index = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    by_size: dict[int, list[ClassicalRegister]] = {}
    for register in circuit.cregs:
        by_size.setdefault(register.size, []).append(register)
    for size, registers in by_size.items():
        step = max(1, UNPACKED_AT_ONCE // max(1, size * shots))
        for start in range(0, len(registers), step):
            some = registers[start : start + step]
            rows = bits[[index[c] for register in some for c in register]]
            values = np.unpackbits(rows, axis=1, count=shots, bitorder="little").reshape(len(some), size, shots)
            packed = np.zeros((len(some), (size + 7) // 8, shots), dtype=np.uint8)
            for j in reversed(range(size)):
                byte = packed[:, -1 - j // 8]
                byte += byte  # doubling is several times as fast as numpy's shift
                byte |= values[:, j]
            for register, array in zip(some, np.ascontiguousarray(packed.transpose(0, 2, 1)), strict=True):
                yield register.name, array
