"""`ExactSampler`: exact outcome probabilities of a dynamic, noisy circuit, then drawn.

A million shots cost what one costs. It fits circuits that entangle few qubits at a time, however many they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, BitArray, DataBin, PrimitiveJob, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers import SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.exact import (
    MAX_ACTIVE_QUBITS,
    MAX_BRANCHES,
    UnsupportedOperation,
    independent_outcomes,
    sampling_size,
)
from quantumlink.execution.aer_limits import unknown_to_aer
from quantumlink.execution.pubs import coerced_pubs, warn_of_empty_results
from quantumlink.rewrites.noise_model import inlined_noise, readout_errors

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel


MAX_BITS = MAX_BRANCHES.bit_length() - 1
"""Most measured bits that are kept at one time: each doubles the branches, of which 2¹⁶ take some seconds."""

MAX_COEFFICIENTS = 4**13
"""Most coefficients over all branches that are followed: half a gigabyte."""


class ExactSampler(BaseSamplerV2):
    """A sampler that knows the exact probability of every outcome.

    It takes what `quantumlink.exact.branches` takes: gates, mid-circuit measurement and reset, `if_test`, `switch`,
    loops, classical variables and `store`, Kraus and Pauli channels, Aer's inlined errors; and an Aer noise model
    of one's own, readout errors included. What shares no qubit and no bit is drawn independently, and what is
    certain costs nothing: only entangled qubits, and random bits that are kept, have a limit.

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
        self._seed = validation.seed("seed", seed)
        if noise_model is not None:
            from qiskit_aer.noise import NoiseModel

            validation.instance("noise_model", noise_model, NoiseModel, "an Aer NoiseModel or None")
        self.noise_model = noise_model
        """The noise model that acts, by the names of instructions."""

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Sample PUBs, as any V2 sampler does: parameter arrays are broadcast.

        Raises:
            ValueError: if shots are not positive, or parameter values do not fit their circuit.
            UnsupportedOperation: if a circuit is too large to follow exactly, or on an operation that has no rule:
                which, on which qubits, where, and which sampler may take it.
        """
        coerced = coerced_pubs(pubs, self._default_shots if shots is None else shots)
        warn_of_empty_results(coerced)
        for i, pub in enumerate(coerced):
            refusal = exact_refusal(pub.circuit, noise_model=self.noise_model)
            if refusal is not None:
                raise UnsupportedOperation(
                    f"ExactSampler cannot follow the circuit of pub {i}: {refusal}; "
                    f"{who_else(pub.circuit, refusal)}"
                )
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
            bits[index] = draw_bits(circuits[index], pub.shots, rng, noise_model=self.noise_model)
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
    drawn = np.zeros((shots, circuit.num_clbits), dtype=bool)
    for bits, found in independent_outcomes(circuit, kept, readout=readout):
        records = np.array(list(found), dtype=bool).reshape(len(found), len(bits))
        weights = np.clip(list(found.values()), 0.0, None)
        counts = rng.multinomial(shots, weights / weights.sum())
        drawn[:, bits] = rng.permutation(np.repeat(records, counts, axis=0))
    return drawn


def exact_refusal(
    circuit: QuantumCircuit,
    *,
    keep: Iterable[int] | None = None,
    limit: int = MAX_COEFFICIENTS,
    noise_model: NoiseModel | None = None,
) -> str | None:
    """Why a circuit cannot be followed exactly, or None if it can.

    Args:
        circuit: the circuit; its parameters may be unbound.
        keep: the bits wanted (by index), all if None.
        limit: most coefficients over all branches.
        noise_model: an Aer noise model, whose readout errors make bits random.

    Returns:
        The operation that has no rule, or the one at which most qubits are entangled, with its qubits and place.

    >>> circuit = QuantumCircuit(20)
    >>> _ = circuit.h(0), [circuit.cx(0, i) for i in range(1, 20)], circuit.measure_all()
    >>> exact_refusal(circuit)
    "up to 20 qubits are entangled at one time (most at 'cx' on qubits 0, 19, circuit.data[19]) and ...
    """
    misread = () if noise_model is None else readout_errors(noise_model, circuit.num_qubits)
    try:
        size = sampling_size(circuit, keep, misread=misread)
    except UnsupportedOperation as error:
        return f"{error}{_place_of_refused(circuit)}"
    if size.coefficients <= limit and size.qubits <= MAX_ACTIVE_QUBITS and size.bits <= MAX_BITS:
        return None
    exponent = (limit.bit_length() - 1) // 2
    return (
        f"up to {size.qubits} qubits are entangled at one time (most at {_where(circuit, size.place)}) and "
        f"{size.bits} measured bits are kept, at most 4^{exponent} coefficients (say {exponent - 1} qubits with 2 "
        f"bits), and at most {MAX_BITS} bits, are followed"
    )


def who_else(circuit: QuantumCircuit, refusal: str) -> str:
    """Which sampler may take a circuit that cannot be followed exactly; only what is true of it."""
    unknown = unknown_to_aer(circuit)
    if refusal.startswith("no rule"):
        return (
            f"Aer's SamplerV2 cannot take {unknown} either" if unknown else "Aer's SamplerV2 knows more operations"
        )
    clifford = "CliffordSampler can if it is Clifford with Pauli noise"
    if unknown:
        return f"{clifford}; Aer's SamplerV2 cannot take {unknown}"
    return f"{clifford}, else Aer's SamplerV2"


def _where(circuit: QuantumCircuit, place: int) -> str:
    instruction = circuit.data[place]
    indices = [str(circuit.find_bit(q).index) for q in instruction.qubits]
    on = f" on qubit{'s' * (len(indices) > 1)} {', '.join(indices)}" * bool(indices)
    return f"{instruction.name!r}{on}, circuit.data[{place}]"


def _place_of_refused(circuit: QuantumCircuit) -> str:
    """Where the first instruction is that has no rule."""
    for place, instruction in enumerate(circuit.data):
        alone = circuit.copy_empty_like()
        alone.append(instruction)
        try:
            sampling_size(alone, ())
        except UnsupportedOperation:
            return f": {_where(circuit, place)}"
        except Exception:  # a break, say, whose loop is elsewhere
            continue
    return ""
