"""Running a program: on Aer under its own noise, or on any SamplerV2 or backend of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2
from qiskit.providers import BackendV2
from qiskit.transpiler import generate_preset_pass_manager

from quantumlink import validation
from quantumlink.circuits import BASIS_ANGLES, basis_measurement
from quantumlink.compose import compose
from quantumlink.execution.samples import NoiseSource, Samples
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.rewrites import add_noise, clifford_rotations, without_medium

ENDS_REGISTER = "ends"
"""The classical register into which the ends are measured: bit 0 is the left end's."""

BoolArray = npt.NDArray[np.bool_]


def sample(
    program: Program | Link,
    bases: Sequence[str] = ("XX", "YY", "ZZ"),
    *,
    shots: int = 20_000,
    seed: int | None = None,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
    noise: NoiseSource | None = None,
    noisy_ends: bool = False,
) -> Samples:
    """Run a program and measure its two ends.

    Args:
        program: a composed program, or a link to be composed.
        bases: two-letter labels of X, Y, Z such as ``"ZZ"``; the rightmost letter belongs to the left end.
        shots: number of runs for each basis, at least 1.
        seed: makes the local run, the twirls and a transpilation repeatable; a sampler of the user's brings
            its own.
        sampler: a `BaseSamplerV2` (given circuits as they are, unless it tells its backend), a `BackendV2`
            (circuits are transpiled for it), or None for Aer here.
        noise: ``"program"``: the noise of the program's nodes and media is written into the circuit, which
            needs Aer underneath; ``"sampler"``: the circuit runs bare, under whatever noise the sampler
            has. By default the first on Aer, the second elsewhere.
        noisy_ends: whether the ends' processors also disturb this measurement. By default they do not, so
            that what is measured is the link's state, as `evaluate` predicts it.

    Raises:
        ValueError: if there are no shots or bases, or a basis is not a label of its kind.
        TypeError: if the sampler is none.

    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.hardware import Node
    >>> samples = sample(ElementaryLink(Node("alice"), Node("bob"), fidelity=0.9), shots=2000, seed=7)
    >>> samples.fidelity().covers(0.9), samples.acceptance.best
    (True, 1.0)
    """
    if isinstance(program, Link):
        program = compose(program)
    validation.instance("program", program, Program, "a Program or a link")
    labels = _checked_bases(bases)
    shots = validation.count("shots", shots, at_least=1)
    engine = _engine(sampler, seed)
    source: NoiseSource = noise if noise is not None else engine.noise
    validation.choice("noise", source, ("program", "sampler"))
    measured, angles = _measured(program, source, noisy_ends)
    settings = _settings(measured, angles, labels, shots, np.random.default_rng(seed))
    return _run(measured, engine, settings, labels, shots, source)


@dataclass(frozen=True)
class _Engine:
    sampler: BaseSamplerV2
    noise: NoiseSource
    backend: BackendV2 | None
    """What circuits must be transpiled for, or None."""
    seed: int | None


@dataclass(frozen=True)
class _Setting:
    basis: int
    values: npt.NDArray[np.float64]
    """One value for each of the circuit's parameters."""
    shots: int


def _checked_bases(bases: Sequence[str]) -> list[str]:
    labels = [bases] if isinstance(bases, str) else list(bases)
    for label in labels:
        if not isinstance(label, str) or len(label) != 2 or set(label) - set("XYZ"):
            raise ValueError(f"bases must be two-letter labels of X, Y, Z such as 'ZZ'; got {label!r}")
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"bases must hold at least one label, each once; got {labels}")
    return labels


def _engine(sampler: BaseSamplerV2 | BackendV2 | None, seed: int | None) -> _Engine:
    from qiskit_aer import AerSimulator
    from qiskit_aer.primitives import SamplerV2

    if sampler is None:
        return _Engine(SamplerV2(seed=seed), "program", None, seed)
    if isinstance(sampler, AerSimulator):
        return _Engine(SamplerV2.from_backend(sampler, seed=seed), "program", None, seed)
    if isinstance(sampler, SamplerV2):
        return _Engine(sampler, "program", None, seed)
    if isinstance(sampler, BackendV2):
        return _Engine(BackendSamplerV2(backend=sampler, options={"seed_simulator": seed}), "sampler", sampler, seed)
    if isinstance(sampler, BaseSamplerV2):
        backend = getattr(sampler, "backend", None)
        backend = backend() if callable(backend) else backend
        return _Engine(sampler, "sampler", backend if isinstance(backend, BackendV2) else None, seed)
    raise TypeError(
        f"sampler must be a BaseSamplerV2, a BackendV2 or None, got {sampler!r} ({type(sampler).__name__})"
    )


def _measured(
    program: Program, source: NoiseSource, noisy_ends: bool
) -> tuple[Program, list[tuple[Parameter, Parameter]]]:
    """The program as it will run, its ends measured along parameterised directions."""
    angles = [(Parameter(f"theta_{end}"), Parameter(f"phi_{end}")) for end in range(len(program.ends))]

    def with_measurement(of: Program) -> Program:
        circuit = of.circuit.copy()
        register = ClassicalRegister(len(of.ends), ENDS_REGISTER)
        circuit.add_register(register)
        for qubit, bit, (theta, phi) in zip(of.ends.values(), register, angles, strict=True):
            circuit.compose(basis_measurement(theta, phi), [qubit], [bit], inplace=True)
        return replace(of, circuit=circuit)

    if source == "sampler":
        return with_measurement(without_medium(program)), angles
    if noisy_ends:
        return clifford_rotations(add_noise(with_measurement(program))), angles
    return clifford_rotations(with_measurement(add_noise(program))), angles


def _settings(
    program: Program,
    angles: list[tuple[Parameter, Parameter]],
    labels: list[str],
    shots: int,
    rng: np.random.Generator,
) -> list[_Setting]:
    """Every distinct setting of the parameters, with its share of the shots.

    Each run draws the rows of its twirls independently; equal draws are gathered.
    """
    column = {parameter: i for i, parameter in enumerate(program.circuit.parameters)}
    settings = []
    for basis, label in enumerate(labels):
        values = np.zeros(len(column))
        for (theta, phi), letter in zip(angles, reversed(label), strict=True):
            values[column[theta]], values[column[phi]] = BASIS_ANGLES[letter]
        sizes = [len(twirl.settings) for twirl in program.twirls]
        draws, counts = np.unique(rng.integers(0, sizes, (shots, len(sizes))), axis=0, return_counts=True)
        for draw, count in zip(draws, counts, strict=True):
            drawn = values.copy()
            for twirl, row in zip(program.twirls, draw, strict=True):
                drawn[[column[p] for p in twirl.parameters]] = twirl.settings[row]
            settings.append(_Setting(basis, drawn, int(count)))
    return settings


def _run(
    program: Program,
    engine: _Engine,
    settings: list[_Setting],
    labels: list[str],
    shots: int,
    source: NoiseSource,
) -> Samples:
    circuit = program.circuit
    if engine.backend is not None:
        manager = generate_preset_pass_manager(1, backend=engine.backend, seed_transpiler=engine.seed)
        circuit = manager.run(circuit)
    # Settings with equal shots share one broadcast PUB.
    groups: dict[int, list[_Setting]] = {}
    for setting in settings:
        groups.setdefault(setting.shots, []).append(setting)
    order = [program.circuit.parameters[i].name for i in range(program.circuit.num_parameters)]
    pubs = []
    for count, group in groups.items():
        table = np.array([setting.values for setting in group])
        bound = {tuple(order): table} if order else None
        pubs.append((circuit, bound, count))
    result = engine.sampler.run(pubs).result()
    outcomes = np.zeros((len(labels), 4), dtype=int)
    for group, pub in zip(groups.values(), result, strict=True):
        bits = _clbits(pub.data, program.circuit)
        for row, setting in enumerate(group):
            outcomes[setting.basis] += _accepted_outcomes(program, bits[row], labels[setting.basis])
    counted = {label: _four(outcomes[i]) for i, label in enumerate(labels)}
    left, right = program.ends
    return Samples((left, right), counted, dict.fromkeys(labels, shots), source)


def _four(counts: npt.NDArray[np.int_]) -> tuple[int, int, int, int]:
    a, b, c, d = counts.tolist()
    return a, b, c, d


def _clbits(data: Any, circuit: QuantumCircuit) -> BoolArray:
    """All classical bits, shape (settings, shots, clbits), clbit 0 first."""
    arrays = [data[register.name].to_bool_array(order="little") for register in circuit.cregs]
    return np.concatenate(arrays, axis=-1)


def _accepted_outcomes(program: Program, bits: BoolArray, label: str) -> npt.NDArray[np.int_]:
    """Counts of 00, 01, 10, 11 (right end, left end) among the accepted runs of one setting."""
    accepted = program.accepted(bits)
    first = program.circuit.num_clbits - len(program.ends)  # the ends' register was added last
    value = np.zeros(bits.shape[:-1], dtype=int)
    for i, (end, letter) in enumerate(zip(program.ends, reversed(label), strict=True)):
        value += (bits[..., first + i] ^ program.flips(bits, end, letter)) << i
    return np.bincount(value[accepted], minlength=4)
