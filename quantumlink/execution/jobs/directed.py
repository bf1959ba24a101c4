"""Directed execution: circuits in annotated boxes, which IBM's Executor runs instead of its sampler.

Boxes say which gates and measurements are twirled, and how. samplomatic builds two things of them: a template, a
circuit without boxes whose rotations are parameters, and a samplex, from which the service draws these for each
randomization. Both stand in the job file, so what is sent is what was checked. Flips of twirled measurements come
back beside the bits, and are undone here.

Boxes that want values for each run are refused: a basis to change to, a noise to inject. The bases of a program are
parameters of its gates, and noise is not known here. The boxing itself refuses conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from math import ceil, prod
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.transpiler import PassManager

from quantumlink.arrays import FloatArray
from quantumlink.execution.preparation.linting import NotSubmittable
from quantumlink.execution.preparation.options_lint import against_conditions

_FLIPS = "measurement_flips."
_VALUES = "parameter_values"
_LEAST_SHOTS, _MOST_DRAWS = 64, 32
"""Of one randomization, and how many of these: the rule of the runtime's options for twirling."""


@dataclass(frozen=True)
class DirectedPub:
    """A template, and from what its parameters are drawn."""

    template: QuantumCircuit
    samplex_text: str
    """The samplex as JSON."""
    table: FloatArray | None
    """The program's own parameters, shape (rows, parameters), or None."""
    shots: int
    """Of each row, over all randomizations."""
    tag: str


def boxed(circuit: QuantumCircuit, boxes: PassManager) -> tuple[QuantumCircuit, str]:
    """The template of a circuit that was put into boxes, and its samplex as JSON.

    Args:
        circuit: in the instructions of the device.
        boxes: puts its instructions into annotated boxes.

    Raises:
        ImportError: if samplomatic is not there.
        NotSubmittable: if there are no boxes then, they cannot be built, or they want values for each run.
    """
    if find_spec("samplomatic") is None:
        raise ImportError("directed execution needs samplomatic, which comes with pip install 'quantumlink[ibm]'")
    where = f"circuit {circuit.name!r} in boxes"
    try:
        told = boxes.run(circuit)
        template, samplex = import_module("samplomatic").build(told)
        text = import_module("samplomatic.serialization").samplex_to_json(samplex)
    except Exception as error:
        raise NotSubmittable([f"{where}: {type(error).__name__}: {error}"]) from error
    names = [parameter.name for parameter in circuit.parameters]
    if [parameter.name for parameter in told.parameters] != names or told.cregs != circuit.cregs:
        raise NotSubmittable([f"{where}: its parameters or registers are no longer those of the program"])
    if "box" not in told.count_ops():
        raise NotSubmittable([f"{where}: the pass manager made no box"])
    wanted = sorted(spec.name for spec in samplex.inputs().specs if spec.name != _VALUES)
    if wanted:
        raise NotSubmittable([f"{where}: its annotations want values for each run: {', '.join(wanted)}"])
    return template, str(text)


def check_directed(options: Mapping[str, Any]) -> None:
    """Refuse options of the sampler that boxes stand in for.

    Raises:
        ValueError: if they ask for twirling or decoupling by the client.
    """
    if asked := against_conditions(options):
        raise ValueError(f"options ask for the runtime's {asked} where boxes= says what is done: take one of them")


def run_directed(
    mode: Any,
    pubs: Sequence[DirectedPub],
    options: Mapping[str, Any],
    *,
    dry_run: bool = False,
    seed: int | None = None,
) -> Any:
    """Give PUBs, all with the same shots and tag, to the runtime's Executor.

    Args:
        mode: a backend of the runtime, or a session or batch of the user's.
        pubs: of one job.
        options: of the runtime's sampler; of its twirling the numbers of randomizations and of their shots.
        dry_run: whether the service is only to check and time it.
        seed: of a simulation on this machine.
    """
    from qiskit_ibm_runtime import Executor, QuantumProgram

    samplex_from_json = import_module("samplomatic.serialization").samplex_from_json

    draws, shots = _randomizations(pubs[0].shots, options.get("twirling") or {})
    program = QuantumProgram(shots=shots, passthrough_data={"quantumlink": pubs[0].tag})
    for pub in pubs:
        values = {} if pub.table is None else {_VALUES: pub.table}
        rows = () if pub.table is None else pub.table.shape[:-1]
        samplex = samplex_from_json(pub.samplex_text)
        samplex.finalize()
        program.append_samplex_item(pub.template, samplex, values, shape=(draws, *rows))
    kept = {name: value for name, value in options.items() if name in _OF_THE_EXECUTOR}
    if "execution" in kept:
        kept["execution"] = {name: value for name, value in kept["execution"].items() if name != "meas_type"}
    executor = Executor(mode, options=kept)
    executor.options.environment.job_tags = [*executor.options.environment.job_tags, pubs[0].tag]
    if seed is not None:
        executor.options.simulator.seed_simulator = seed
    if dry_run:
        executor.options.execution.scheduler_timing = True
    return executor.run(program, dry_run=dry_run)


_OF_THE_EXECUTOR = ("environment", "execution", "experimental", "max_execution_time", "simulator")


def _randomizations(shots: int, twirling: Mapping[str, Any]) -> tuple[int, int]:
    """How many randomizations, and how many shots of each: at least the shots in all."""
    draws, each = twirling.get("num_randomizations", "auto"), twirling.get("shots_per_randomization", "auto")
    if draws == "auto":
        each = max(_LEAST_SHOTS, ceil(shots / _MOST_DRAWS)) if each == "auto" else int(each)
        return ceil(shots / each), each
    least = ceil(shots / int(draws))
    return int(draws), least if each == "auto" else max(least, int(each))


def sampled(result: Any) -> Any:
    """A result of the Executor as the sampler would have told it; what is another's result stays as it is.

    Returns:
        Bits of shape (rows, randomizations times shots, bits), the flips of twirled measurements undone.
    """
    if type(result).__name__ != "QuantumProgramResult":
        return result
    told = result.passthrough_data if isinstance(result.passthrough_data, Mapping) else {}
    return PrimitiveResult([_item(item, told.get("quantumlink")) for item in result])


def _item(item: Any, tag: str | None) -> SamplerPubResult:
    bits = {}
    rows: tuple[int, ...] = ()
    for name in item:
        if name.startswith(_FLIPS):
            continue
        found = np.asarray(item[name], dtype=bool)
        if _FLIPS + name in item:
            found = found ^ np.asarray(item[_FLIPS + name], dtype=bool)
        rows = found.shape[1:-2]
        found = np.moveaxis(found, 0, -3)
        found = found.reshape(*rows, prod(found.shape[-3:-1]), found.shape[-1])
        bits[name] = BitArray.from_bool_array(found, order="little")
    metadata: dict[str, Any] = {"circuit_metadata": {} if tag is None else {"quantumlink": tag}}
    timing = getattr(getattr(item, "metadata", None), "scheduler_timing", None)
    if timing is not None:
        told = {"timing": timing.timing, "circuit_duration": timing.circuit_duration}
        metadata["compilation"] = {"scheduler_timing": told}
    return SamplerPubResult(DataBin(**bits, shape=rows), metadata)
