"""`prepare`: a program becomes a device's own circuit, on the qubits and by the corrections that suit it best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from qiskit.circuit import CircuitInstruction, Parameter, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.exact.transfer import device_operation
from quantumlink.execution.bases import checked_bases
from quantumlink.execution.own_noise import LINKS_CHANNELS, own_noise_of
from quantumlink.execution.preparation.arguments import (
    check_backend,
    check_size,
    checked_layout,
    checked_options,
    own_noise,
)
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.choosing_lowering import chosen_lowering
from quantumlink.execution.preparation.compilation import Compiled, compiled
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S, cost_of
from quantumlink.execution.preparation.decoupling import (
    DECOUPLINGS,
    Decoupling,
    DecouplingChoice,
    checked_dephasing,
    decoupled,
)
from quantumlink.execution.preparation.linting import lint
from quantumlink.execution.preparation.lowering import (
    LOWERINGS,
    MEDIA,
    Lowered,
    Lowering,
    Medium,
)
from quantumlink.execution.preparation.mid_circuit import (
    MID_CIRCUIT,
    Kind,
    MidCircuit,
    chosen_variants,
    with_variants,
)
from quantumlink.execution.preparation.options_lint import against_conditions
from quantumlink.execution.preparation.prepared import Prepared
from quantumlink.execution.preparation.recipe import recipe_of
from quantumlink.execution.preparation.snapshot import calibrated_at
from quantumlink.execution.preparation.spectators import spectators_of, with_spectators
from quantumlink.execution.preparation.waits import stratified, with_played_waits, without_drawn_waits
from quantumlink.link import Link
from quantumlink.program import Program, RandomSetting
from quantumlink.readings import compose
from quantumlink.rewrites import ordered_bits

RANDOMIZATIONS = 100
"""Draws of the random parameters for each basis, unless the user says otherwise."""


def prepare(
    program: Program | Link,
    backend: BackendV2,
    *,
    bases: Sequence[str] | None = None,
    corrections: Lowering | Literal["auto"] = "auto",
    medium: Medium = "drop",
    initial_layout: Sequence[int] | None = None,
    optimization_level: int = 3,
    randomizations: int | None = None,
    feedforward_latency_s: float = FEEDFORWARD_LATENCY_S,
    options: Mapping[str, Any] | None = None,
    pass_manager: PassManager | None = None,
    mid_circuit: MidCircuit = "auto",
    spectators: bool | Sequence[int] = False,
    decoupling: DecouplingChoice | None = None,
    low_frequency_dephasing_s: float | Mapping[int, float] | None = None,
    seed: int | None = None,
) -> Prepared:
    """Prepare a program for a device: an ISA circuit, and how to read it.

    Classical bits are brought into one order first (`quantumlink.rewrites.ordered_bits`); composites that hold
    some, `switch` and bounded loops are told step by step, and ``measure_2``, ``reset_2`` and ``measure_reset`` as
    the measurement and the reset that every target has. The noise of the program's nodes is not in the circuit,
    the device has its own. `Delay` stays, rounded up to
    the device's clock.

    Args:
        program: a composed program, or a link to be composed.
        backend: a device, or a simulator that has a coupling map.
        bases: labels of X, Y, Z, a letter for each end; the rightmost belongs to the first, left one. If None,
            those that the fidelity needs.
        corrections: ``"frame"``, ``"feedforward"``, ``"sequential"``, ``"deferred"`` (see
            `quantumlink.execution.preparation.lowering`), or ``"auto"``: of those that the target can do the one
            with the best expected fidelity; ``prepared.choices`` tells what each would cost. The estimate charges a
            deferred circuit for readouts that nobody needs, so `predict` may put it higher; it is no network then,
            for it needs gates between the nodes.
        medium: ``"drop"`` leaves the Pauli channels of the link out, and the waits of a timeline, whose lengths are
            drawn (`compose`), and the report says so; ``"play"`` makes rotations of them, with angles drawn at
            random for each row of the PUB: of a timeline each row plays one history, with the memories' decay as
            its Pauli twirl. The rotations are as noisy as the device's gates are.
        initial_layout: physical qubits to be used as they are, one for each qubit of the lowered program.
        optimization_level: of Qiskit's pass manager, 0 to 3.
        randomizations: rows of random parameters for each basis, where there are any (100 by default). The runs
            of one row share their draw, so the more rows the better: with few of them the spread of the result is
            larger than its interval says.
        feedforward_latency_s: assumed time from a measurement to the gate that depends on it.
        options: for the runtime's sampler, kept for the submission: e.g.
            ``{"dynamical_decoupling": {"enable": True}}``. The runtime does not decouple or twirl circuits with
            conditions: with such options no lowering that has any is taken.
        pass_manager: one of the user's, which makes the device's circuit in place of our search and Qiskit's preset
            passes; what it makes is checked as everything else is. Not together with ``initial_layout``.
        mid_circuit: ``"auto"`` measures in the middle of the circuit, and resets, by a faster variant of the
            device's, ``measure_2`` and ``reset_2``, on the qubits where the expected fidelity is higher with it
            (`quantumlink.execution.preparation.mid_circuit`), unless the runtime is to decouple or twirl;
            ``"measure"`` never does either.
        spectators: whether the neighbors of the qubits in use are measured too, after everything else, so that runs
            in which one of them flipped can be dropped (`Job.quiet_runs`); or which physical qubits.
        decoupling: pulses in the idle time, also in the wait for feed-forward and in delays, as ordinary gates:
            ``"XX"``, ``"XpXm"`` or ``"XY4"`` in every wait that holds it, or ``"auto"``: where a gain is predicted.
            See `quantumlink.execution.preparation.decoupling`; not together with the runtime's own.
        low_frequency_dephasing_s: from which that gain is predicted: the time T of exp(−(t/T)²), by which slow
            noise dephases a free wait of t; of all qubits, or by physical qubit. `predict` includes it.
        seed: makes routing and random draws repeatable.

    Raises:
        NotSubmittable: if what a pass manager made is not what the target takes.
        TypeError: if the program, the backend or the options are none.
        ValueError: if an argument is out of range, the link is too long for the device, or the backend is a
            simulator without a coupling map.
        UnsupportedOperation: if the target cannot do the corrections, naming why.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> from quantumlink.readings import compose
    >>> a, r, b = Node("alice"), Node("relay"), Node("bob")
    >>> link = swap(ElementaryLink(a, r), ElementaryLink(r, b))
    >>> device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)
    >>> prepared = prepare(compose(link), device, seed=1)
    >>> prepared.corrections, prepared.cost.two_qubit_gates, prepared.settings().shape
    ('frame', 3, (3, 4))
    """
    if isinstance(program, Link):
        program = compose(program)
    validation.instance("program", program, Program, "a Program or a link")
    check_backend(backend)
    if pass_manager is not None:
        validation.instance("pass_manager", pass_manager, PassManager, "a PassManager of Qiskit, or None")
        if initial_layout is not None:
            raise ValueError(f"initial_layout must be None where a pass_manager places, got {list(initial_layout)}")
    if decoupling is not None:
        validation.choice("decoupling", decoupling, DECOUPLINGS)
        if kept_by_options := against_conditions(options if isinstance(options, Mapping) else None):
            raise ValueError(
                f"decoupling={decoupling!r} puts pulses of ours where options ask for the runtime's "
                f"{kept_by_options}: take one of them"
            )
    dephasing_s = checked_dephasing(low_frequency_dephasing_s)
    again = partial(
        _again,
        program,
        bases=bases,
        corrections=corrections,
        medium=medium,
        initial_layout=initial_layout,
        optimization_level=optimization_level,
        randomizations=randomizations,
        feedforward_latency_s=feedforward_latency_s,
        options=options,
        mid_circuit=mid_circuit,
        spectators=spectators,
        decoupling=decoupling,
        low_frequency_dephasing_s=low_frequency_dephasing_s,
        seed=seed,
    )
    variants = _variants(program.circuit)
    program = ordered_bits(program)
    labels = checked_bases(program, bases)
    kept_options = checked_options(options)
    validation.choice("medium", medium, MEDIA)
    validation.choice("corrections", corrections, ("auto", *LOWERINGS))
    validation.choice("mid_circuit", mid_circuit, MID_CIRCUIT)
    if not isinstance(spectators, bool):
        validation.instance("spectators", spectators, Sequence, "True, False, or a list of physical qubits")
    level = validation.count("optimization_level", optimization_level)
    if level > 3:
        raise ValueError(f"optimization_level must be 0, 1, 2 or 3, got {optimization_level!r}")
    latency_s = validation.number("feedforward_latency_s", feedforward_latency_s, at_least=0.0)
    seed = validation.seed("seed", seed)
    check_size(program, backend)
    if randomizations is not None:
        randomizations = validation.many("randomizations", randomizations)
    dropped = own_noise_of(program)
    drawn_waits = sum(instruction.operation.is_parameterized() for instruction in _delays(program))
    if medium == "play":
        waits_rng = np.random.default_rng(None if seed is None else [seed, 3])
        program = with_played_waits(program, randomizations or RANDOMIZATIONS, waits_rng)
        dropped = tuple(name for name in own_noise_of(program) if name != LINKS_CHANNELS)
    else:
        program = without_drawn_waits(program)
    chosen, told, choices, candidates = chosen_lowering(
        program, corrections, medium, backend, latency_s, seed, against_conditions(kept_options)
    )
    layout = None if initial_layout is None else checked_layout(initial_layout, told, backend)
    built = compiled(
        told.program.circuit,
        backend,
        initial_layout=layout,
        candidates=candidates,
        optimization_level=level,
        seed=seed,
        latency_s=latency_s,
        pass_manager=pass_manager,
    )
    measured_by: dict[int, str] = {}
    reset_by: dict[int, str] = {}
    # Aer knows no variants; nor do the runtime's passes that such options ask for.
    unknown = own_noise(backend) is not None or against_conditions(kept_options)
    if mid_circuit == "auto" and pass_manager is None and not unknown:
        built, measured_by = _by_variants(built, backend, latency_s, "measure")
        built, reset_by = _by_variants(built, backend, latency_s, "reset")
    pulses = None
    if decoupling is not None:
        built, pulses = _decoupled(built, backend, decoupling, latency_s, dephasing_s)
    watching = spectators_of(built.circuit, Calibration(backend.target), spectators)
    watched, spectator_bits = with_spectators(built.circuit, watching)
    built = replace(built, circuit=watched)
    rows = _randomizations(randomizations, told.program.random_settings)
    rng = np.random.default_rng(None if seed is None else [seed, 2])
    source = f"{backend.name}, qubits {', '.join(map(str, built.layout))}, corrections {chosen!r}"
    row_bases = [label for label in labels for _ in range(rows)]
    recipe = recipe_of(told.program, built.circuit, told.end_bits, row_bases, source, told.conditional, dropped)
    recipe = replace(recipe, spectators=spectator_bits)
    table = _table(told, built, labels, rows, rng)
    lint([(built.circuit, table)], backend.target, options=kept_options)
    names = [instruction.name for instruction in program.circuit.data]
    return Prepared(
        circuit=built.circuit,
        lowered=told,
        recipe=recipe,
        layout=built.layout,
        final_layout=built.final_layout,
        backend_name=backend.name,
        target=backend.target,
        corrections=chosen,
        choices=tuple(replace(c, cost=built.cost) if c.corrections == chosen else c for c in choices),
        medium=medium,
        cost=built.cost,
        plain_cost=built.plain,
        origin=built.origin,
        randomizations=rows,
        latency_s=latency_s,
        delay_rounding_s=built.delay_rounding_s,
        dropped_channels=names.count("pauli_channel") if medium == "drop" else 0,
        drawn_waits=drawn_waits,
        noise_model=own_noise(backend),
        told_plainly=tuple(sorted(variants - {*measured_by.values(), *reset_by.values()})),
        measured_by=measured_by,
        reset_by=reset_by,
        spectators=watching,
        options=kept_options,
        calibrated_at=calibrated_at(backend),
        again=again if pass_manager is None else None,
        decoupling=pulses,
        low_frequency_dephasing_s=dephasing_s,
        _table=table,
    )


def _variants(circuit: QuantumCircuit) -> set[str]:
    """The names of a device's own measurements and resets in a circuit, at any depth."""
    found = set()
    for instruction in circuit.data:
        if device_operation(instruction.operation) is not None and instruction.name not in ("measure", "reset"):
            found.add(instruction.name)
        inner = [*getattr(instruction.operation, "blocks", ())]
        if instruction.clbits and not inner and getattr(instruction.operation, "definition", None) is not None:
            inner.append(instruction.operation.definition)
        found |= {name for block in inner for name in _variants(block)}
    return found


def _by_variants(
    built: Compiled, backend: BackendV2, latency_s: float, kind: Kind
) -> tuple[Compiled, dict[int, str]]:
    calibration = Calibration(backend.target)
    chosen = chosen_variants(built.circuit, calibration, latency_s=latency_s, kind=kind)
    if not chosen:
        return built, {}
    circuit = with_variants(built.circuit, backend.target, chosen, kind)
    return replace(built, circuit=circuit, cost=cost_of(circuit, calibration, latency_s=latency_s)), chosen


def _decoupled(
    built: Compiled,
    backend: BackendV2,
    choice: DecouplingChoice,
    latency_s: float,
    dephasing_s: float | Mapping[int, float] | None,
) -> tuple[Compiled, Decoupling]:
    calibration = Calibration(backend.target)
    circuit, told = decoupled(built.circuit, calibration, choice, latency_s=latency_s, dephasing_s=dephasing_s)
    cost = cost_of(circuit, calibration, latency_s=latency_s)
    # Some targets state errors of gates that are less than the relaxation meanwhile: pulses are no shield from it.
    cost = replace(cost, log_fidelity=built.cost.log_fidelity + told.log_errors)
    return replace(built, circuit=circuit, cost=cost), told


def _again(program: Program, backend: BackendV2, **arguments: Any) -> Prepared:
    return prepare(program, backend, **arguments)


def _delays(program: Program) -> list[CircuitInstruction]:
    return [instruction for instruction in program.circuit.data if instruction.name == "delay"]


def _randomizations(wanted: int | None, random: Sequence[RandomSetting]) -> int:
    if not random:
        return 1
    return RANDOMIZATIONS if wanted is None else wanted


def _table(
    told: Lowered, built: Compiled, labels: Sequence[str], rows: int, rng: np.random.Generator
) -> FloatArray:
    column = {parameter: i for i, parameter in enumerate(built.circuit.parameters)}
    table = np.zeros((len(labels), rows, len(column)))
    for block, label in zip(table, labels, strict=True):
        for end, letter in zip(told.angles, reversed(label), strict=True):
            _set(block, column, told.angles[end], np.tile(BASIS_ANGLES[letter], (rows, 1)))
        for setting in told.program.random_settings:
            drawn = stratified(setting.weights, rows, rng)
            _set(block, column, setting.parameters, np.array(setting.rows)[drawn])
    return table.reshape(len(labels) * rows, len(column))


def _set(
    block: FloatArray, column: Mapping[Parameter, int], parameters: Sequence[Parameter], values: FloatArray
) -> None:
    for parameter, of_rows in zip(parameters, values.T, strict=True):
        if parameter in column:  # one that the transpilation removed makes no difference
            block[:, column[parameter]] = of_rows
