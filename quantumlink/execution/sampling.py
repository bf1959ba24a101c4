"""Running a program: on an engine of this machine under its own noise, or on any sampler of the user's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.circuits import BASIS_ANGLES
from quantumlink.execution.bases import checked_bases
from quantumlink.execution.engine import Engine, EngineName, Setting, checked_run, named_or_own_engine, seed_of_run
from quantumlink.execution.engine_choice import bits_that_matter, local_engine
from quantumlink.execution.engines import ExactEngine, given_engine
from quantumlink.execution.measured_ends import Angles, with_ends_measured
from quantumlink.execution.own_noise import own_noise_of, relaxes
from quantumlink.execution.preparation.lowering import without_conditions
from quantumlink.execution.records import Recorder, bit_names
from quantumlink.execution.samples import NoiseSource, Outcomes, Samples
from quantumlink.link import Link
from quantumlink.program import Program, RandomSetting
from quantumlink.progress import track
from quantumlink.readings import compose
from quantumlink.rewrites import add_noise, clifford_rotations, ordered_bits, without_medium

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel


def sample(
    program: Program | Link,
    bases: Sequence[str] | None = None,
    *,
    shots: int = 20_000,
    seed: int | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    engine: EngineName | str | Engine | None = None,
    noise: NoiseSource | None = None,
    noisy_ends: bool = False,
    twirl_relaxation: bool = False,
    keep: Sequence[str] = (),
) -> Samples:
    """Run a program and measure its ends.

    Args:
        program: a composed program, or a link to be composed.
        bases: labels of X, Y, Z such as ``"ZZ"``, a letter for each end; the rightmost belongs to the first, left
            one. If None, what the fidelity needs: ``"XX"``, ``"YY"``, ``"ZZ"`` of a pair, all bases that tell a
            stabilizer of the state where there are other than two ends.
        shots: number of runs for each basis, at least 1.
        seed: makes the local run, the random parameters and a transpilation repeatable; a sampler of the
            user's brings its own.
        sampler: a `BaseSamplerV2` (given circuits as they are, unless it tells its backend), a `BackendV2`
            (circuits are transpiled for it), a `Session` or `Batch` of one, or None for an engine of this machine.
        engine: ``"exact"`` (exact probabilities), ``"clifford"`` (stim: Clifford gates and Pauli noise) or
            ``"aer"``, an `Engine` of your own or the name of a registered one; None for the fastest of this machine
            that takes the circuit as it is. ``samples.engine`` says which it was, and why.
        noise: ``"program"``: the noise of the program's nodes and media is written into the circuit, which
            needs Aer underneath; ``"sampler"``: the circuit runs bare, under whatever noise the sampler
            has. By default the first on Aer, `ExactSampler` and `CliffordSampler` (a noise model of theirs acts
            besides), the second elsewhere: then ``samples.dropped`` says what did not act, and a warning does.
        noisy_ends: whether the ends' processors also disturb this measurement. By default they do not, so
            that what is measured is the link's state, as `evaluate` predicts it.
        twirl_relaxation: whether memories relax by the Pauli twirl of what they do, so that stim can run them: an
            approximation without the pull to |0⟩ (`quantumlink.rewrites.add_noise`). The samples then say so.
        keep: classical bits that ``samples.records`` and ``samples.where`` are to know, by register and place, such
            as ``["swap_0[1]"]``. Only the exact engine leaves any out: it follows those bits alone that acceptance,
            frame and ends read.

    Raises:
        ValueError: if there are no shots or bases, a basis is not a label of its kind, there is no bit of a name
            that is to be kept, a device is asked to play
            the program's noise, both a sampler and an engine are given, or the engine cannot take the circuit:
            which operation, on which qubits, where, and which engine can.
        TypeError: if the sampler is none.
        UnsupportedOperation: if the classical bits cannot be brought into one order (`ordered_bits`), or a device
            has no `if_test` (or no reset) and the program cannot do without.

    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.hardware import Node
    >>> samples = sample(ElementaryLink(Node("alice"), Node("bob"), fidelity=0.9), shots=2000, seed=7)
    >>> samples.fidelity().covers(0.9), samples.acceptance.best
    (True, 1.0)
    """
    if isinstance(program, Link):
        program = compose(program)
    validation.instance("program", program, Program, "a Program or a link")
    program = ordered_bits(program)
    labels = checked_bases(program, bases)
    shots = validation.many("shots", shots)
    seed = validation.seed("seed", seed)
    asked = None if engine is None else named_or_own_engine(engine)
    if asked is not None and sampler is not None:
        raise ValueError(f"engine must be None where a sampler is given, got {engine!r} and {sampler!r}")
    brought = asked if isinstance(asked, Engine) else sampler
    given = None if brought is None else given_engine(brought, seed)
    player = type(brought).__name__
    default: NoiseSource = "program" if given is None else given.noise
    source: NoiseSource = default if noise is None else noise
    validation.choice("noise", source, get_args(NoiseSource))
    if source == "program" and given is not None and given.has_target:
        raise ValueError(
            f"noise='program' is written into the circuit, which only Aer can run; {player} has "
            f"noise of its own: use noise='sampler'"
        )
    for_device = given is not None and given.has_target
    if given is not None and given.operations is not None:
        program = without_conditions(program, given.operations)
    dropped = own_noise_of(program) if source == "sampler" else ()
    if dropped and noise is None:
        warnings.warn(
            f"{player} plays its own noise, if any: what the program has of its own is dropped, "
            f"{', '.join(dropped)}. noise='sampler' says that this is meant; an engine of this machine, Aer, "
            f"ExactSampler and CliffordSampler play it",
            UserWarning,
            stacklevel=2,
        )
    twirled = twirl_relaxation and relaxes(program)
    if twirled and source == "sampler":
        raise ValueError("twirl_relaxation is for noise='program': with noise='sampler' no memory relaxes")
    # The draws of settings and those of outcomes need streams of their own.
    rng = np.random.default_rng(None if seed is None else [seed, 1])
    counts = {label: np.zeros(2 ** len(program.ends), dtype=int) for label in labels}
    plan, ran = dict.fromkeys(labels, shots), dict.fromkeys(labels, 0)
    own_names = bit_names(program.circuit, {})
    kept = [own_names.index(validation.choice("keep", name, own_names)) for name in keep]
    recorder = Recorder(tuple(program.ends), own_names)
    histories = _histories(program, plan, rng) if source == "program" else [(program, plan)]
    steps = track(histories, "playing histories") if len(histories) > 1 else histories
    for number, (bound, shares) in enumerate(steps):
        own = seed_of_run(given.seed if seed is None and given is not None else seed, number)
        measured, angles = _measured(bound, source, noisy_ends, for_device, twirled)
        if given is not None and given.noise_model is not None:
            _check_names(given.noise_model, bound.circuit, measured.circuit)
        settings = [(label, s) for label, n in shares.items() for s in _settings(measured, angles, label, n, rng)]
        plain = [setting for _, setting in settings]
        if given is None:
            name = None if isinstance(asked, Engine) else asked
            runner, form = local_engine(measured, plain, own, name, kept)
        else:
            runner, form = given.seeded(own), measured
        there = list(range(form.circuit.num_clbits))
        if isinstance(runner, ExactEngine):
            there = sorted({*bits_that_matter(form), *kept})
        results = checked_run(runner, form.circuit, plain, there)
        first = form.circuit.num_clbits - len(form.ends)  # the ends' register was added last
        every = bit_names(form.circuit, {end: first + i for i, end in enumerate(form.ends)})
        names = [every[bit] for bit in there]
        for (label, _), bits in zip(settings, results, strict=True):
            ran[label] += len(bits)  # a device that twirls may give more than it was asked for
            accepted, values = _read(form, bits, label)
            counts[label] += np.bincount(values[accepted], minlength=len(counts[label]))
            recorder.add(label, names, bits[:, there], accepted, values)
    if not any(found.any() for found in counts.values()):
        warnings.warn(
            f"none of {shots * len(labels)} runs was accepted by the program's heralds: it succeeds rarely, or "
            f"never, and these samples say nothing of its state",
            UserWarning,
            stacklevel=2,
        )
    outcomes: dict[str, Outcomes] = {label: tuple(found.tolist()) for label, found in counts.items()}
    ends, told = tuple(program.ends), runner.reason
    return Samples(
        ends, outcomes, ran, source, told, twirled, program.stabilizers, dropped, recorded=recorder.recorded()
    )


def _histories(
    program: Program, shots: dict[str, int], rng: np.random.Generator
) -> list[tuple[Program, dict[str, int]]]:
    """The programs to run where waiting times are drawn anew in every run, and the shots of each basis for each.

    What a wait does to a memory depends on how long it is, so noise can only be written to a bound circuit.
    """
    waits = program.waiting_parameters
    drawn = [setting for setting in program.random_settings if waits.intersection(setting.parameters)]
    if not drawn:
        return [(program, shots)]
    others = tuple(setting for setting in program.random_settings if setting not in drawn)
    shares: dict[tuple[int, ...], dict[str, int]] = {}
    for label, number in shots.items():
        for rows, count in _draws(drawn, number, rng):
            if count:
                shares.setdefault(rows, {})[label] = count
    bound = (program.circuit.assign_parameters(_row_values(drawn, rows)) for rows in shares)
    programs = (replace(program, circuit=circuit, random_settings=others) for circuit in bound)
    return list(zip(programs, shares.values(), strict=True))


def _row_values(settings: Sequence[RandomSetting], rows: Sequence[int]) -> dict[Parameter, float]:
    chosen = zip(settings, rows, strict=True)
    return {p: value for s, row in chosen for p, value in zip(s.parameters, s.rows[row], strict=True)}


def _measured(
    program: Program, source: NoiseSource, noisy_ends: bool, for_device: bool, twirled: bool = False
) -> tuple[Program, list[Angles]]:
    """The program as it will run, its ends measured along parameterized directions."""
    if source == "sampler":
        bare = with_ends_measured(without_medium(program))
        form = bare.program if for_device else clifford_rotations(bare.program)
        return form, list(bare.angles.values())
    if noisy_ends:
        measured = with_ends_measured(program)
        noisy = add_noise(measured.program, twirl_relaxation=twirled)
    else:
        measured = with_ends_measured(add_noise(program, twirl_relaxation=twirled))
        noisy = measured.program
    return clifford_rotations(noisy), list(measured.angles.values())


def _check_names(model: NoiseModel, told: QuantumCircuit, runs: QuantumCircuit) -> None:
    """Refuse an error on an instruction of the program that is no longer there where the model acts.

    Raises:
        ValueError: if there is one.
    """
    lost = (_names(told) - _names(runs)).intersection(model.noise_instructions)
    if lost:
        raise ValueError(
            f"the sampler's noise model has errors on {', '.join(sorted(map(repr, lost)))}, gone where "
            f"the program's own noise is written in: name the parts in the model, or say noise='sampler'"
        )


def _names(circuit: QuantumCircuit) -> set[str]:
    """The names of a circuit's instructions at any depth of control flow, labels too, as noise models have them."""
    found: set[str] = set()
    for instruction in circuit.data:
        found |= {instruction.name, instruction.label or instruction.name}
        for block in getattr(instruction.operation, "blocks", ()):
            found |= _names(block)
    return found


def _settings(
    program: Program,
    angles: list[Angles],
    label: str,
    shots: int,
    rng: np.random.Generator,
) -> list[Setting]:
    """The settings in which one basis is measured, and their shares of the shots."""
    column = {parameter: i for i, parameter in enumerate(program.circuit.parameters)}
    values = np.zeros(len(column))
    for (theta, phi), letter in zip(angles, reversed(label), strict=True):
        values[column[theta]], values[column[phi]] = BASIS_ANGLES[letter]
    settings = []
    for draw, count in _draws(program.random_settings, shots, rng):
        drawn = values.copy()
        for setting, row in zip(program.random_settings, draw, strict=True):
            drawn[[column[p] for p in setting.parameters]] = setting.rows[row]
        settings.append(Setting(drawn, count))
    return settings


def _draws(
    random: Sequence[RandomSetting], shots: int, rng: np.random.Generator
) -> list[tuple[tuple[int, ...], int]]:
    """Rows of the random settings, one for each of them, and how many of the shots use them.

    Where the shots go round all combinations of equally likely rows, each gets its equal share and the rest
    is drawn (stratified: as unbiased as independent draws, and no noisier). Otherwise each shot draws.
    """
    sizes = [len(setting.rows) for setting in random]
    combinations = prod(sizes)
    if combinations <= shots and all(setting.probabilities is None for setting in random):
        share, rest = divmod(shots, combinations)
        extra = set(rng.choice(combinations, rest, replace=False).tolist())
        every = product(*map(range, sizes))
        return [(draw, share + (i in extra)) for i, draw in enumerate(every)]
    columns = [rng.choice(len(setting.rows), shots, p=setting.weights) for setting in random]
    drawn, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return [(tuple(row), count) for row, count in zip(drawn.tolist(), counts.tolist(), strict=True)]


def _read(program: Program, bits: BoolArray, label: str) -> tuple[BoolArray, npt.NDArray[np.int_]]:
    """Of each run whether it is accepted, and its outcome after the frame, the first end's bit as the lowest."""
    first = program.circuit.num_clbits - len(program.ends)  # the ends' register was added last
    value = np.zeros(bits.shape[:-1], dtype=int)
    for i, (end, letter) in enumerate(zip(program.ends, reversed(label), strict=True)):
        value += (bits[..., first + i] ^ program.flips(bits, end, letter)).astype(int) << i
    return program.accepted(bits), value
