"""`prepare`: a program becomes a device's own circuit, on the qubits and by the corrections that suit it best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.compilation import Compiled, compiled, placed
from quantumlink.execution.preparation.cost import FEEDFORWARD_LATENCY_S, Cost
from quantumlink.execution.preparation.lint import lint
from quantumlink.execution.preparation.lowering import (
    LOWERINGS,
    MEDIA,
    Lowered,
    Lowering,
    Medium,
    lowered,
)
from quantumlink.execution.preparation.placement import Placement
from quantumlink.execution.preparation.prepared import Choice, Prepared
from quantumlink.execution.preparation.recipe import recipe_of
from quantumlink.program import Program, RandomSetting
from quantumlink.rewrites import reuse_qubits

RANDOMIZATIONS = 100
"""Draws of the random parameters for each basis, unless the user says otherwise."""

MAX_DEFERRED_ESTIMATE = 12
"""Most qubits for which the cost of deferring is estimated beside a frame, which is always cheaper."""

NO_DIFFERENCE = 1e-9
"""Log fidelities nearer than that are equal: then the lowering that is named first is taken."""

FloatArray = npt.NDArray[np.float64]


def prepare(
    program: Program,
    backend: BackendV2,
    *,
    bases: Sequence[str] = ("XX", "YY", "ZZ"),
    corrections: Lowering | Literal["auto"] = "auto",
    medium: Medium = "drop",
    initial_layout: Sequence[int] | None = None,
    optimization_level: int = 3,
    randomizations: int | None = None,
    feedforward_latency_s: float = FEEDFORWARD_LATENCY_S,
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Prepared:
    """Prepare a program for a device: an ISA circuit, and how to read it.

    The noise of the program's nodes is not in the circuit, the device has its own. `Delay` stays, rounded up to
    the device's clock.

    Args:
        program: a composed program with two ends.
        backend: a device, or a simulator that has a coupling map.
        bases: two-letter labels of X, Y, Z; the rightmost letter belongs to the left end.
        corrections: ``"frame"``, ``"feedforward"``, ``"sequential"``, ``"deferred"`` (see
            `quantumlink.execution.preparation.lowering`), or ``"auto"``: of those that the target can do the one
            with the best expected fidelity; ``prepared.choices`` tells what each would cost. The estimate charges a
            deferred circuit for readouts that nobody needs, so `predict` may put it higher; it is no network then,
            for it needs gates between the nodes.
        medium: ``"drop"`` leaves the Pauli channels of the link out, and the report says so; ``"play"`` makes
            rotations of them, with angles drawn at random for each row of the PUB. The rotations are as noisy as
            the device's gates are.
        initial_layout: physical qubits to be used as they are, one for each qubit of the lowered program.
        optimization_level: of Qiskit's pass manager, 0 to 3.
        randomizations: rows of random parameters for each basis, where there are any (100 by default). The runs
            of one row share their draw, so the more rows the better: with few of them the spread of the result is
            larger than its interval says.
        feedforward_latency_s: assumed time from a measurement to the gate that depends on it.
        options: for the runtime's sampler, kept for the submission: e.g.
            ``{"dynamical_decoupling": {"enable": True}}``.
        seed: makes routing and random draws repeatable.

    Raises:
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
    validation.instance("program", program, Program, "a Program (compose makes one of a link)")
    _check_backend(backend)
    labels = _checked_bases(bases, program)
    kept_options = _checked_options(options)
    validation.choice("medium", medium, MEDIA)
    validation.choice("corrections", corrections, ("auto", *LOWERINGS))
    level = validation.count("optimization_level", optimization_level)
    if level > 3:
        raise ValueError(f"optimization_level must be 0, 1, 2 or 3, got {optimization_level!r}")
    latency_s = validation.number("feedforward_latency_s", feedforward_latency_s, at_least=0.0)
    seed = validation.seed("seed", seed)
    _check_size(program, backend)
    chosen, told, choices, candidates = _chosen(program, corrections, medium, backend, latency_s, seed)
    layout = None if initial_layout is None else _checked_layout(initial_layout, told, backend)
    built = compiled(
        told.program.circuit,
        backend,
        initial_layout=layout,
        candidates=candidates,
        optimization_level=level,
        seed=seed,
        latency_s=latency_s,
    )
    rows = _randomizations(randomizations, told.program.random_settings)
    rng = np.random.default_rng(None if seed is None else [seed, 2])
    source = f"{backend.name}, qubits {', '.join(map(str, built.layout))}, corrections {chosen!r}"
    recipe = recipe_of(
        told.program, built.circuit, told.end_bits, [label for label in labels for _ in range(rows)], source
    )
    table = _table(told, built, labels, rows, rng)
    lint([(built.circuit, table)], backend.target)
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
        options=kept_options,
        _table=table,
    )


def _chosen(
    program: Program,
    corrections: Lowering | Literal["auto"],
    medium: Medium,
    backend: BackendV2,
    latency_s: float,
    seed: int | None,
) -> tuple[Lowering, Lowered, tuple[Choice, ...], list[Placement]]:
    """The lowering that was asked for, or the best one by its estimated cost; and where it may go."""
    possible, choices = _possible(program, corrections, medium, backend)
    if not possible:
        notes = "; ".join(f"{choice.corrections}: {choice.note}" for choice in choices)
        raise UnsupportedOperation(f"no way of applying the corrections is possible on {backend.name}: {notes}")
    size = Calibration(backend.target).num_qubits
    regions: dict[bool, list[Placement]] = {}
    best: tuple[float, Lowering] | None = None
    for lowering, told in possible.items():
        circuit, deferred = told.program.circuit, lowering == "deferred"
        if circuit.num_qubits > size:
            choices.append(Choice(lowering, None, f"impossible: it takes {circuit.num_qubits} qubits"))
            continue
        if best is not None and deferred and circuit.num_qubits > MAX_DEFERRED_ESTIMATE:
            choices.append(Choice(lowering, None, f"not estimated: {circuit.num_qubits} qubits"))
            continue
        if deferred not in regions:  # the other lowerings ask for the same pairs of the same qubits
            regions[deferred] = placed(circuit, backend, latency_s=latency_s)
        fidelity = 0.0
        cost = None
        if len(possible) > 1:
            cost = _quick_cost(told, backend, regions[deferred], latency_s, seed)
            fidelity = cost.log_fidelity
        choices.append(Choice(lowering, cost))
        if best is None or fidelity > best[0] + NO_DIFFERENCE:
            best = fidelity, lowering
    if best is None:
        raise ValueError(_too_long(next(iter(possible.values())).program, backend))
    choices.sort(key=lambda choice: LOWERINGS.index(choice.corrections))
    chosen = best[1]
    return chosen, possible[chosen], tuple(choices), regions[chosen == "deferred"]


def _possible(
    program: Program, corrections: Lowering | Literal["auto"], medium: Medium, backend: BackendV2
) -> tuple[dict[Lowering, Lowered], list[Choice]]:
    """The lowerings that can be had, and why the others cannot."""
    possible: dict[Lowering, Lowered] = {}
    choices: list[Choice] = []
    for lowering in LOWERINGS if corrections == "auto" else (corrections,):
        try:
            possible[lowering] = lowered(program, lowering, medium, backend.target)
        except UnsupportedOperation as error:
            if corrections != "auto":
                raise UnsupportedOperation(
                    f"corrections={corrections!r} is impossible on {backend.name}: {error}"
                ) from error
            choices.append(Choice(lowering, None, f"impossible: {error}"))
    return possible, choices


def _quick_cost(
    told: Lowered, backend: BackendV2, region: list[Placement], latency_s: float, seed: int | None
) -> Cost:
    """The cost at the best placement, after little optimization."""
    return compiled(
        told.program.circuit,
        backend,
        candidates=region[:1],
        compare_plain=False,
        optimization_level=1,
        seed=seed,
        latency_s=latency_s,
    ).cost


def _check_backend(backend: BackendV2) -> None:
    if not isinstance(backend, BackendV2):
        raise TypeError(
            f"backend must be a BackendV2, such as QiskitRuntimeService().backend(name) returns; got {backend!r} "
            f"({type(backend).__name__})"
        )
    simulates = type(backend).__module__.split(".")[0] == "qiskit_aer" or backend.target.num_qubits is None
    if simulates and backend.coupling_map is None:
        raise ValueError(
            f"backend must be a device, or a simulator with a device's coupling map (AerSimulator.from_backend "
            f"makes one); {backend.name} has none: use sample(program, sampler=...) there"
        )


def _checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options, after the runtime's own check if it is installed."""
    if options is None:
        return {}
    validation.instance("options", options, Mapping, "a mapping of the runtime sampler's options")
    if find_spec("qiskit_ibm_runtime") is not None:
        models = import_module("qiskit_ibm_runtime.options_models.sampler")
        try:
            models.SamplerOptions(**options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"options must be those of the runtime's sampler: {error}") from error
    return dict(options)


def _checked_bases(bases: Sequence[str], program: Program) -> list[str]:
    if len(program.ends) != 2:
        raise ValueError(f"program must have two ends to be measured in two-letter bases, got {list(program.ends)}")
    labels = [bases] if isinstance(bases, str) else list(validation.sequence("bases", bases, "labels"))
    for label in labels:
        if not isinstance(label, str) or len(label) != 2 or set(label) - set("XYZ"):
            raise ValueError(f"bases must be two-letter labels of X, Y, Z such as 'ZZ'; got {label!r}")
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"bases must hold at least one label, each once; got {labels}")
    return labels


def _checked_layout(layout: Sequence[int], told: Lowered, backend: BackendV2) -> list[int]:
    wanted, there = told.program.circuit.num_qubits, backend.target.num_qubits
    qubits = [validation.count("initial_layout", q) for q in layout]
    if len(qubits) != wanted or len(set(qubits)) != wanted or max(qubits) >= there:
        raise ValueError(
            f"initial_layout must name {wanted} different physical qubits below {there}, one for each qubit of the "
            f"lowered program; got {list(layout)}"
        )
    return qubits


def _check_size(program: Program, backend: BackendV2) -> None:
    if program.circuit.num_qubits > Calibration(backend.target).num_qubits:
        raise ValueError(_too_long(program, backend))


def _too_long(program: Program, backend: BackendV2) -> str:
    """How many qubits there are and would be needed, and what would fit."""
    need, there = program.circuit.num_qubits, Calibration(backend.target).num_qubits
    text = f"the link is too long for {backend.name}: it needs {need} qubits, the device has {there}"
    pairs = sum(instruction.name == "bell_pair" for instruction in program.circuit.data)
    hints = []
    if pairs > 1 and not program.earlier_nodes:
        hints.append(f"a link of up to {there * pairs // need} elementary pairs instead of {pairs}")
    if "reset" in backend.target.operation_names and not program.earlier_nodes:
        try:
            lean = reuse_qubits(program).circuit.num_qubits
        except UnsupportedOperation:
            lean = need
        if lean <= there:
            hints.append(f"the same link with compose(link, reuse_qubits=True), on {lean} qubits")
    return f"{text}; what would fit: {', or '.join(hints)}" if hints else text


def _randomizations(wanted: int | None, random: Sequence[RandomSetting]) -> int:
    if wanted is not None:
        validation.count("randomizations", wanted, at_least=1)
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
            drawn = _drawn(setting, rows, rng)
            _set(block, column, setting.parameters, np.array(setting.rows)[drawn])
    return table.reshape(len(labels) * rows, len(column))


def _set(
    block: FloatArray, column: Mapping[Parameter, int], parameters: Sequence[Parameter], values: FloatArray
) -> None:
    for parameter, of_rows in zip(parameters, values.T, strict=True):
        if parameter in column:  # one that the transpilation removed makes no difference
            block[:, column[parameter]] = of_rows


def _drawn(setting: RandomSetting, rows: int, rng: np.random.Generator) -> npt.NDArray[np.int_]:
    """Draws with the setting's probabilities, stratified: each as often as it should be, up to one row."""
    edges = np.cumsum(setting.weights)
    points = (rng.random() + np.arange(rows)) / rows * edges[-1]
    drawn = np.minimum(np.searchsorted(edges, points, side="right"), len(edges) - 1)
    return rng.permutation(drawn)
