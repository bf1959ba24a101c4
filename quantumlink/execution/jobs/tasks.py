"""What a job runs and how it is read: of a link, a program, a prepared program, or a session."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from qiskit.circuit import IfElseOp, QuantumCircuit, Reset
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager, Target

from quantumlink import validation
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.bases import checked_bases
from quantumlink.execution.jobs.directed import boxed, check_directed
from quantumlink.execution.jobs.machine import IBMMachine, LocalMachine, Machine
from quantumlink.execution.jobs.pubs_on_file import PubOnFile
from quantumlink.execution.jobs.readers import Analyst, told_analyst
from quantumlink.execution.mitigation import calibration_of
from quantumlink.execution.own_noise import own_noise_of
from quantumlink.execution.preparation import FEEDFORWARD_LATENCY_S, Prepared, compiled, lint, prepare
from quantumlink.execution.preparation.linting import broadcast_bits
from quantumlink.execution.preparation.lowering import Lowered, lowered
from quantumlink.execution.preparation.options_lint import against_conditions
from quantumlink.execution.preparation.recipe import recipe_of
from quantumlink.link import Link
from quantumlink.link.arriving_pair import ARRIVALS
from quantumlink.program import Program
from quantumlink.readings import compose

DEFAULT_SHOTS = 4096

_UNLIMITED = 2**62


@dataclass(frozen=True)
class Task:
    """PUBs with equal shots, and how to read them."""

    title: str
    pubs: tuple[PubOnFile, ...]
    shots: int
    """Of each row."""
    reader: Mapping[str, Any]
    broadcast_bits: tuple[int, ...]
    """Of each PUB how many bits its conditions read."""
    layout: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    latency_s: float = FEEDFORWARD_LATENCY_S
    """Of the feed-forward, as it is assumed or was measured."""


def task_of(
    what: Any,
    machine: Machine,
    *,
    bases: Sequence[str] | None,
    shots: int | None,
    options: Mapping[str, Any] | None,
    seed: int | None,
    mitigate_readout: bool | Literal["balanced"] = False,
    boxes: PassManager | None = None,
) -> Task:
    """What to run for the user.

    Args:
        what: a link, a program, a prepared program, or a session.
        machine: on what.
        bases: for a link or a program.
        shots: for each basis; a session knows its own.
        options: of the runtime's sampler.
        seed: for the preparation.
        mitigate_readout: whether calibration circuits are run beside a program, and whether in balanced states.
        boxes: puts the circuits into annotated boxes, for the runtime's Executor.

    Raises:
        TypeError: if it is none of these.
        NotSubmittable: if the circuits cannot be put into boxes.
        ValueError: if an argument is not for this kind.
    """
    if boxes is not None:
        plain = task_of(
            what, machine, bases=bases, shots=shots, options=options, seed=seed, mitigate_readout=mitigate_readout
        )
        return _directed(plain, machine, boxes)
    asked = _checked_options(machine, options)
    if isinstance(what, Link):
        what = compose(what)
    if isinstance(what, Program | Prepared):
        shots = validation.many("shots", DEFAULT_SHOTS if shots is None else shots)
    if isinstance(what, Program):
        labels = checked_bases(what, bases)
        _warn_of_dropped_noise(what, machine)
        if machine.backend is None:
            return _bare_task(what, labels, int(shots or 0), mitigate_readout, asked)
        prepared = prepare(what, machine.backend, bases=labels, seed=seed, options=asked)
        return _prepared_task(prepared, machine, int(shots or 0), mitigate_readout, asked)
    if isinstance(what, Prepared):
        if bases is not None:
            raise ValueError(f"bases were chosen when the program was prepared, so they cannot be {bases!r} now")
        told = _checked_options(machine, options, what.options)
        if what.decoupling is not None and "decoupling" in (asked_for := against_conditions(told)):
            raise ValueError(
                f"options ask for the runtime's {asked_for} where the program was prepared with pulses of ours "
                f"(decoupling={what.decoupling.sequence!r}): take one of them"
            )
        return _prepared_task(what, machine, int(shots or 0), mitigate_readout, told)
    if isinstance(what, Analyst):
        if bases is not None or shots is not None:
            raise ValueError("bases and shots are the session's own: leave them out")
        if mitigate_readout:
            raise ValueError(
                "a key is never mitigated: correcting averages does not correct its bits, and an error of the "
                "readout may be the eavesdropper's; leave mitigate_readout out"
            )
        return _analyst_task(what, machine, seed, asked)
    raise TypeError(
        f"a job can be submitted of a link, a Program, what prepare returned, or a session with circuits(), "
        f"analyse(result) and to_dict(); got {what!r} ({type(what).__name__})"
    )


def _directed(task: Task, machine: Machine, boxes: PassManager) -> Task:
    """The same with each circuit in boxes, as it is checked for the device."""
    backend = machine.backend
    if backend is None or not (
        isinstance(machine, IBMMachine) or type(backend).__module__.startswith("qiskit_ibm_runtime")
    ):
        raise ValueError(
            f"boxes are for IBM's Executor, which a backend of its client has, not {machine.where.backend}"
        )
    check_directed(task.options)
    pubs = []
    for pub in task.pubs:
        template, samplex = boxed(pub.circuit, boxes)
        drawn = np.zeros((1, template.num_parameters)) if template.num_parameters else None
        lint([(template, drawn, task.shots)], backend.target, max_executions=_UNLIMITED)
        pubs.append(pub.with_samplex(template, samplex))
    return replace(task, pubs=tuple(pubs))


def _warn_of_dropped_noise(program: Program, machine: Machine) -> None:
    """Who prepares a program chooses its medium; who does not may take the machine's noise for the program's."""
    if dropped := own_noise_of(program):
        instead = (
            "prepare(program, backend, medium='play') plays the links' channels there, medium='drop' says that "
            "this is meant; "
            if machine.backend is not None
            else ""
        )
        warnings.warn(
            f"{machine.where.backend} plays its own noise, if any: what the program has of its own is dropped, "
            f"{', '.join(dropped)}. {instead}sample plays all of it on this machine",
            UserWarning,
            stacklevel=4,
        )


def _prepared_task(
    prepared: Prepared,
    machine: Machine,
    shots: int,
    mitigate_readout: bool | Literal["balanced"],
    options: Mapping[str, Any],
) -> Task:
    name = machine.where.backend
    if machine.backend is not None and not _plays(machine, prepared.backend_name):
        raise ValueError(f"this was prepared for {prepared.backend_name}, it cannot run on {name}")
    [(circuit, table, row_shots)] = prepared.pubs(shots)
    reader: dict[str, Any] = {"kind": "recipe", "data": prepared.recipe.to_dict()}
    pubs: list[tuple[QuantumCircuit, Any]] = [(circuit, table)]
    if mitigate_readout:
        balanced = mitigate_readout == "balanced"
        found = calibration_of(
            circuit,
            prepared.recipe,
            shots=shots,
            row_shots=row_shots,
            balanced=balanced,
            target=prepared.target,
        )
        reader["calibration"] = found.to_dict()
        pubs += found.circuits(circuit.num_qubits, prepared.target)
    title = " – ".join(prepared.program.ends)
    task = _task(title, pubs, row_shots, reader, machine.backend, options, prepared.layout)
    return replace(task, latency_s=prepared.latency_s)


def _plays(machine: Machine, device: str) -> bool:
    """Whether a machine is this device, or Aer's simulator of it (which then checks the instructions itself)."""
    name = machine.where.backend
    if machine.backend is not None and machine.backend.name == device:
        return True
    return name == device or (isinstance(machine, LocalMachine) and name == f"aer_simulator_from({device})")


def _bare_task(
    program: Program,
    labels: Sequence[str],
    shots: int,
    mitigate_readout: bool | Literal["balanced"],
    options: Mapping[str, Any],
) -> Task:
    """For a sampler without a target: the program without its medium, its gates as they are."""
    told = _lowered_anyhow(program)
    if told.program.random_settings:
        raise ValueError(
            "a program that draws its parameters anew in every run (a twirl, or pairs in a stated state) needs a "
            "backend, or a sampler with a target, whose rows are drawn when it is prepared; this sampler has none"
        )
    circuit = told.program.circuit.decompose(list(ARRIVALS))
    table = np.zeros((len(labels), circuit.num_parameters))
    column = {parameter: i for i, parameter in enumerate(circuit.parameters)}
    for row, label in zip(table, labels, strict=True):
        for pair, letter in zip(told.angles.values(), reversed(label), strict=True):
            for parameter, angle in zip(pair, BASIS_ANGLES[letter], strict=True):
                row[column[parameter]] = angle
    source, dropped = "a sampler without a target", own_noise_of(program)
    recipe = recipe_of(told.program, circuit, told.end_bits, labels, source, told.conditional, dropped)
    reader: dict[str, Any] = {"kind": "recipe", "data": recipe.to_dict()}
    pubs: list[tuple[QuantumCircuit, Any]] = [(circuit, table)]
    if mitigate_readout:
        balanced = mitigate_readout == "balanced"
        found = calibration_of(circuit, recipe, shots=shots, row_shots=shots, balanced=balanced)
        reader["calibration"] = found.to_dict()
        pubs += found.circuits(circuit.num_qubits, None)
    return _task(" – ".join(program.ends), pubs, shots, reader, None, options)


def _lowered_anyhow(program: Program) -> Lowered:
    anything = Target()
    anything.add_instruction(Reset())
    anything.add_instruction(IfElseOp, name="if_else")
    try:
        return lowered(program, "frame", "drop", anything)
    except UnsupportedOperation as error:
        try:
            return lowered(program, "sequential", "drop", anything)
        except UnsupportedOperation:
            raise error from None


def _analyst_task(analyst: Analyst, machine: Machine, seed: int | None, options: Mapping[str, Any]) -> Task:
    reader = told_analyst(analyst)
    pubs, shots = [], set()
    for circuit, table, number in analyst.circuits():
        shots.add(number)
        pubs.append(_compiled(circuit, table, machine.backend, seed))
    if len(shots) != 1:
        raise ValueError(f"all PUBs of a session must have the same shots, got {sorted(shots)}")
    name = getattr(analyst, "protocol", type(analyst).__name__)
    return _task(str(name), pubs, shots.pop(), reader, machine.backend, options)


def _compiled(
    circuit: QuantumCircuit, table: Any, backend: BackendV2 | None, seed: int | None
) -> tuple[QuantumCircuit, Any]:
    """The circuit in the backend's instructions, if it has any, and its table with the columns in the new order."""
    if backend is None:
        return circuit, table
    told = compiled(circuit, backend, seed=seed).circuit
    if table is None:
        return told, None
    column = {parameter: i for i, parameter in enumerate(circuit.parameters)}
    return told, np.asarray(table)[..., [column[parameter] for parameter in told.parameters]]


def _task(
    title: str,
    pubs: Sequence[tuple[QuantumCircuit, Any]],
    shots: int,
    reader: Mapping[str, Any],
    backend: BackendV2 | None,
    options: Mapping[str, Any],
    layout: tuple[int, ...] = (),
) -> Task:
    if backend is not None:
        for pub in pubs:  # one at a time: what is too much for one job is divided
            lint([(*pub, shots)], backend.target, options=options, max_executions=_UNLIMITED)
    stored = tuple(PubOnFile.of(circuit, table) for circuit, table in pubs)
    bits = tuple(broadcast_bits(circuit) for circuit, _ in pubs)
    return Task(title, stored, shots, reader, bits, layout, options)


def _checked_options(
    machine: Machine, options: Mapping[str, Any] | None, prepared: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The machine's options, those of a preparation, and those given, the later before the earlier."""
    if options is not None:
        validation.instance("options", options, Mapping, "a mapping of the runtime sampler's options")
    merged = _merged(_merged(machine.options, prepared or {}), options or {})
    if not merged:
        return merged
    if isinstance(machine, LocalMachine):
        machine.make_sampler(merged, None)  # refuses what it cannot take
    elif find_spec("qiskit_ibm_runtime") is not None:
        try:
            import_module("qiskit_ibm_runtime.options_models").SamplerOptions(**merged)
        except (TypeError, ValueError) as error:
            raise ValueError(f"options must be those of the runtime's sampler: {error}") from error
    if merged.get("execution", {}).get("meas_type", "classified") != "classified":
        raise ValueError("options must leave meas_type at 'classified': heralds and keys are made of bits")
    try:
        json.dumps(merged)
    except (TypeError, ValueError) as error:
        raise ValueError(f"options must be plain data, as the job file keeps them: {error}") from error
    return merged


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second before the first, group by group."""
    merged = dict(first)
    for name, value in second.items():
        there = merged.get(name)
        merged[name] = _merged(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
    return merged
