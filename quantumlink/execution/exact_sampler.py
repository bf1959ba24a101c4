"""`ExactSampler`: exact outcome probabilities of a dynamic, noisy circuit, then drawn.

A million shots cost what one costs. It fits circuits that entangle few qubits at a time, however many they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, BitArray, DataBin, PrimitiveJob, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers import SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub

from quantumlink import validation
from quantumlink.exact import branches, interpreter_size
from quantumlink.rewrites.noise_model import inlined_noise, readout_errors

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

BoolArray = npt.NDArray[np.bool_]

MAX_COEFFICIENTS = 4**13
"""Most coefficients over all branches that are followed: half a gigabyte."""


class ExactSampler(BaseSamplerV2):
    """A sampler that knows the exact probability of every outcome.

    It takes what `quantumlink.exact.branches` takes: gates, mid-circuit measurement, `if_test`, reset, Kraus
    and Pauli channels, Aer's inlined errors; and an Aer ``NoiseModel`` of one's own, readout errors included.

    Args:
        default_shots: shots of a PUB that names none.
        seed: makes the draws repeatable.
        noise_model: an Aer noise model, by instruction names and qubit indices of the circuits as given.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.cx(0, 1), circuit.measure_all()
    >>> counts = ExactSampler(seed=1).run([circuit], shots=1_000_000).result()[0].data.meas.get_counts()
    >>> sorted(counts), sum(counts.values())
    (['00', '11'], 1000000)
    """

    def __init__(
        self, *, default_shots: int = 1024, seed: int | None = None, noise_model: NoiseModel | None = None
    ) -> None:
        self._default_shots = validation.count("default_shots", default_shots, at_least=1)
        self._seed = seed
        self._noise_model = noise_model

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Sample PUBs, as any V2 sampler does: parameter arrays are broadcast.

        Raises:
            ValueError: if shots are not positive, or a circuit is too large to follow exactly.
            UnsupportedOperation: on an operation that has no rule, by name.
        """
        shots = self._default_shots if shots is None else validation.count("shots", shots, at_least=1)
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        for pub in coerced:
            _check_size(pub.circuit)
        job: PrimitiveJob[PrimitiveResult[SamplerPubResult]] = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: list[SamplerPub]) -> PrimitiveResult[SamplerPubResult]:
        streams = np.random.SeedSequence(self._seed).spawn(len(pubs))
        results = [self._run_pub(pub, np.random.default_rng(s)) for pub, s in zip(pubs, streams, strict=True)]
        return PrimitiveResult(results, metadata={"version": 2})

    def _run_pub(self, pub: SamplerPub, rng: np.random.Generator) -> SamplerPubResult:
        circuits = pub.parameter_values.bind_all(pub.circuit)
        bits = np.zeros((*pub.shape, pub.shots, pub.circuit.num_clbits), dtype=bool)
        for index in np.ndindex(pub.shape):
            bits[index] = draw_bits(circuits[index], pub.shots, rng, noise_model=self._noise_model)
        clbit_of = {clbit: i for i, clbit in enumerate(pub.circuit.clbits)}
        data = {
            register.name: BitArray.from_bool_array(bits[..., [clbit_of[c] for c in register]], order="little")
            for register in pub.circuit.cregs
        }
        metadata = {"shots": pub.shots, "circuit_metadata": pub.circuit.metadata}
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)


def draw_bits(
    circuit: QuantumCircuit,
    shots: int,
    rng: np.random.Generator,
    *,
    keep: Iterable[int] | None = None,
    noise_model: NoiseModel | None = None,
) -> BoolArray:
    """Draw the classical bits of a bound circuit from their exact distribution.

    Args:
        circuit: the circuit, parameters bound.
        shots: number of draws.
        rng: source of the draws.
        keep: the bits wanted (by index), all if None; the fewer, the fewer branches.
        noise_model: an Aer noise model.

    Returns:
        Shape (shots, clbits), clbit 0 first, in random order; bits that are not kept are False.
    """
    kept = sorted(range(circuit.num_clbits) if keep is None else set(keep))
    readout = {}
    if noise_model is not None:
        readout = readout_errors(noise_model, circuit.num_qubits)
        circuit = inlined_noise(circuit, noise_model)
    found = branches(circuit, keep=kept, readout=readout)
    records = np.array(list(found), dtype=bool).reshape(len(found), len(kept))
    weights = np.clip([float(tensor.reshape(())) for tensor in found.values()], 0.0, None)
    counts = rng.multinomial(shots, weights / weights.sum())
    bits = np.zeros((shots, circuit.num_clbits), dtype=bool)
    bits[:, kept] = rng.permutation(np.repeat(records, counts, axis=0))
    return bits


def _check_size(circuit: QuantumCircuit) -> None:
    size = interpreter_size(circuit)
    if size.coefficients > MAX_COEFFICIENTS:
        raise ValueError(
            f"the circuit is too large to be followed exactly: up to {size.qubits} qubits are entangled at one "
            f"time and {size.bits} measured bits are kept, at most 4^13 coefficients (say 10 qubits with 6 bits) "
            f"are followed; CliffordSampler or Aer's SamplerV2 may take it"
        )
