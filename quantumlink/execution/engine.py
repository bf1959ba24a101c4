"""What an engine is: it runs a circuit in many settings and gives the bits. Those of this machine are in `engines`.

A class of your own is a child of `Engine` with a `noise` and a method `run`; registered
(``quantumlink.parts.register("a name")``), it has a name wherever ours have one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.execution.samples import NoiseSource
from quantumlink.parts import named_part, parts_of

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

EngineName = Literal["exact", "clifford", "aer"]
"""The library's engines, of which each is given a program in the form that suits it."""

ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class Setting:
    """One assignment of a circuit's parameters, and how often it runs."""

    values: FloatArray
    """One value for each of the circuit's parameters, in the order of ``circuit.parameters``."""
    shots: int
    """Number of runs."""


class Engine(ABC):
    """Runs a parameterized circuit in many settings. A child says whose `noise` acts, and how to `run`."""

    noise: NoiseSource
    """Whose noise acts unless the user says otherwise: ``"program"``, written into the circuits as channels that
    the engine has to play, or ``"sampler"``, the engine's own, the circuits being bare."""
    seed: int | None = None
    """Of its draws where the caller gives none."""
    has_target: bool = False
    """Whether circuits are transpiled for a device, which has no place for noise written into them."""
    operations: frozenset[str] | None = None
    """The operations of that device, None if there is none."""
    noise_model: NoiseModel | None = None
    """The model of a given sampler, as far as it is known, whose errors act by the names of instructions."""

    @property
    def reason(self) -> str:
        """What it is and why it was chosen, in a few words, as ``samples.engine`` tells."""
        return f"{type(self).__name__}: given"

    @abstractmethod
    def run(self, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]) -> list[BoolArray]:
        """The bits of each setting: Booleans of shape (shots, clbits), clbit 0 first.

        More shots than were asked for are taken as they are: devices that twirl round up.

        Args:
            circuit: its free parameters are ``circuit.parameters``.
            settings: their values, and how often each runs.
            keep: the bits, by index, that matter.

        Raises:
            UnsupportedOperation: on what it cannot run.
        """

    def seeded(self, seed: int | None) -> Engine:
        """The same engine, its draws repeatable by a seed; None leaves it its own.

        A dataclass with a field `seed` is given it, others stay as they are. Each run gets a seed of its own: two
        with the same would repeat each other's random numbers.
        """
        own: Any = self
        names = {field.name for field in fields(own)} if is_dataclass(own) else set()
        return self if seed is None or "seed" not in names else cast(Engine, replace(own, seed=seed))


def seed_of_run(seed: int | None, number: int) -> int | None:
    """The seed of one run of several, from 0; that of the first is theirs."""
    if seed is None or not number:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def checked_run(
    engine: Engine, circuit: QuantumCircuit, settings: Sequence[Setting], keep: Sequence[int]
) -> list[BoolArray]:
    """What an engine gives for each setting, after a look whether it is what `Engine.run` says.

    Raises:
        TypeError: if it is no list of arrays of Booleans.
        ValueError: if there are other than one a setting, or one is of another shape.
    """
    found = engine.run(circuit, settings, keep)
    name = f"{type(engine).__name__}.run"
    if not isinstance(found, (list, tuple)):
        raise TypeError(f"{name} must give a list with an array for each setting, got {type(found).__name__}")
    if len(found) != len(settings):
        raise ValueError(f"{name} must give an array for each of {len(settings)} settings, got {len(found)}")
    for i, (bits, setting) in enumerate(zip(found, settings, strict=True)):
        if not isinstance(bits, np.ndarray) or bits.dtype != np.bool_:
            kind = bits.dtype if isinstance(bits, np.ndarray) else type(bits).__name__
            raise TypeError(f"{name} must give arrays of Booleans, got {kind} for setting {i}")
        wanted = (setting.shots, circuit.num_clbits)
        if bits.ndim != 2 or bits.shape[0] < wanted[0] or bits.shape[1] != wanted[1]:
            raise ValueError(f"{name} must give {wanted} (shots, clbits) for setting {i}, got {bits.shape}")
    return list(found)


def named_or_own_engine(engine: Any) -> EngineName | Engine:
    """An engine as it was asked for: one of this machine by its name, else the object, made of its name if need be.

    Raises:
        ValueError: if nothing is so called, or what is so called cannot be made without further settings.
        TypeError: if it is neither a name nor an engine.
    """
    if isinstance(engine, str):
        if engine in ENGINE_NAMES:
            return engine
        part = named_part("engine", engine)
        try:
            engine = part.make({})
        except (TypeError, KeyError) as error:
            raise ValueError(
                f"engine={part.name!r} cannot be made without settings, give the object: {error}"
            ) from error
    return checked_engine("engine", engine)


def checked_engine(name: str, engine: Any) -> Engine:
    """An engine, after a look whether it says whose noise acts.

    Raises:
        TypeError: if it is none.
        ValueError: if its `noise` is neither.
    """
    if not isinstance(engine, Engine):
        hint = ""
        if isinstance(engine, type) and issubclass(engine, Engine):
            hint = f", an object {engine.__name__}(...) rather than the class"
        elif callable(getattr(engine, "run", None)):
            hint = "; a sampler or a backend is given as sampler="
        raise TypeError(
            f"{name} must be one of {', '.join(parts_of('engine'))}, or an Engine{hint}; got {engine!r} "
            f"({type(engine).__name__})"
        )
    noise = getattr(engine, "noise", None)
    if noise not in get_args(NoiseSource):
        known = " or ".join(map(repr, get_args(NoiseSource)))
        raise ValueError(f"noise of {type(engine).__name__} must be {known}, got {noise!r}")
    return engine
