"""An engine where a sampler is asked for: jobs are sent to samplers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qiskit.primitives import BaseSamplerV2, BitArray, DataBin, PrimitiveJob, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers import SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub

from quantumlink.execution.engine import Engine, Setting, checked_run, seed_of_run
from quantumlink.execution.pubs import coerced_pubs, warn_of_empty_results


class EngineSampler(BaseSamplerV2):
    """A sampler that draws from an `Engine`, each circuit in a run of its own.

    Args:
        engine: what circuits run on, seeded already.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Sample PUBs, as any V2 sampler does; 1,024 shots where none are named."""
        coerced = coerced_pubs(pubs, 1024 if shots is None else shots)
        warn_of_empty_results(coerced)
        job: PrimitiveJob[PrimitiveResult[SamplerPubResult]] = PrimitiveJob(self._run, coerced)
        job._submit()
        return job

    def _run(self, pubs: list[SamplerPub]) -> PrimitiveResult[SamplerPubResult]:
        return PrimitiveResult([self._run_pub(i, pub) for i, pub in enumerate(pubs)], metadata={"version": 2})

    def _run_pub(self, number: int, pub: SamplerPub) -> SamplerPubResult:
        circuit = pub.circuit
        table = pub.parameter_values.as_array(circuit.parameters).reshape(-1, circuit.num_parameters)
        settings = [Setting(row, pub.shots) for row in table]
        engine = self._engine.seeded(seed_of_run(self._engine.seed, number))
        found = [bits[: pub.shots] for bits in checked_run(engine, circuit, settings, range(circuit.num_clbits))]
        places = {clbit: i for i, clbit in enumerate(circuit.clbits)}
        data: dict[str, Any] = {}
        for register in circuit.cregs:
            rows = [BitArray.from_bool_array(bits[:, [places[c] for c in register]], "little") for bits in found]
            data[register.name] = BitArray.concatenate([row.reshape(1) for row in rows]).reshape(pub.shape)
        metadata = {"shots": pub.shots, "circuit_metadata": circuit.metadata}
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)
