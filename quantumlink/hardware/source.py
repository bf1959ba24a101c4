"""What a source of entanglement says of itself, and the way sources reckon.

A source is told the medium and the detectors, and answers how often an attempt is heralded, how long it
takes, and in which state the two qubits then are. All sources reckon alike: of the heralds, some are as they
should be, in the state made by the source, the media and the detectors; the others are accidents and leave
the qubits maximally mixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from quantumlink import validation
from quantumlink.arrays import ComplexArray
from quantumlink.hardware.arms import arm_moments, moments
from quantumlink.hardware.bell_diagonal import Populations, with_noise
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium, as_medium
from quantumlink.hardware.pauli_coefficients import (
    bell_coefficients,
    density_matrices,
    populations_and_rest,
    read_state,
)
from quantumlink.hardware.said import said

Detectors = Detector | Sequence[Detector] | None
"""One detector for all, one each for the left and the right end, or ideal ones."""


@dataclass(frozen=True)
class HeraldedPair:
    """What one attempt gives."""

    success_probability: float
    """Probability that the attempt is heralded."""
    attempt_time_s: float
    """Duration of the attempt in seconds."""
    bell_diagonal: Populations = None  # type: ignore[assignment]
    """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) of the pair, if heralded."""
    state: InitVar[Any] = None
    """All of its state where that is no mixture of Bell states: a density matrix, the left end as qubit 0."""
    _: KW_ONLY
    heralded_s: float | None = None
    """How long after the attempt began both ends know of it, in seconds; None: light goes half of the way, messages
    the rest."""
    message_s: float = 0.0
    """For how much of ``heralded_s`` messages are on their way, as fast as the light."""
    waits: bool = False
    """Whether the next attempt waits until both ends know of this one."""
    _density: tuple[complex, ...] | None = field(init=False, repr=False)

    def __post_init__(self, state: Any) -> None:
        validation.probabilities(self, "success_probability")
        time_s = validation.number("attempt_time_s", self.attempt_time_s, at_least=0.0)
        object.__setattr__(self, "attempt_time_s", time_s)
        self._check_heralding()
        validation.plain(self)
        density = None
        if state is None and np.ndim(self.bell_diagonal) > 1:  # a density matrix in their place
            state = self.bell_diagonal
            object.__setattr__(self, "bell_diagonal", None)
        if (state is None) == (self.bell_diagonal is None):
            raise ValueError(
                f"a heralded pair has bell_diagonal or a state, one of them; got {self.bell_diagonal!r} and "
                f"{state!r}"
            )
        if state is None:
            populations = validation.populations("bell_diagonal", self.bell_diagonal)
            object.__setattr__(self, "bell_diagonal", populations)
        else:
            populations, density = populations_and_rest(read_state("state", state))
            object.__setattr__(self, "bell_diagonal", populations)
        object.__setattr__(self, "_density", None if density is None else tuple(density.ravel().tolist()))

    def _check_heralding(self) -> None:
        validation.flags(self, "waits")
        known_s = self.heralded_s
        if known_s is not None:
            known_s = validation.number("heralded_s", known_s, at_least=0.0)
            object.__setattr__(self, "heralded_s", known_s)
        if known_s is None and self.waits:
            raise ValueError("an attempt that waits for its herald needs heralded_s, got waits=True and None")
        message_s = validation.number("message_s", self.message_s, at_least=0.0, at_most=known_s or 0.0)
        object.__setattr__(self, "message_s", message_s)

    def known_s(self, light_s: float, message_s: float) -> float | None:
        """How long after the attempt began both ends know of it, messages taking their own time from end to end.

        Args:
            light_s: how long light takes from end to end. If none, messages are taken to go all of the way.
            message_s: how long messages do.
        """
        if self.heralded_s is None or message_s == light_s:
            return self.heralded_s
        share = self.message_s / light_s if light_s else 1.0
        return self.heralded_s - self.message_s + share * message_s

    @property
    def density(self) -> ComplexArray | None:
        """The density matrix, shape (4, 4), where the state is no mixture of Bell states."""
        return None if self._density is None else np.array(self._density).reshape(4, 4)

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return self.bell_diagonal[0]


@runtime_checkable
class Source(Protocol):
    """How the two ends of a link come to be entangled; a user's own class may join ours."""

    def herald(self, medium: Medium, *, detector: Detectors = None) -> HeraldedPair:
        """Success probability, duration and state of one attempt."""
        ...


@dataclass(frozen=True)
class Outcome:
    """The heralds of one attempt: so many as they should be, in this state, of so many in all."""

    good: float
    state: Populations | ComplexArray
    total: float
    light_s: float
    """When all photons have arrived, after the first one left."""
    message_s: float
    """How long messages then go until both ends know."""
    window_s: float | None = None
    """How long an attempt lasts that waits for no message; None: until both ends know."""

    @property
    def heralded(self) -> Populations | ComplexArray:
        """The state given a herald: populations, or a density matrix where they are not all of it."""
        if not isinstance(self.state, np.ndarray):
            return with_noise(self.state, self.good, self.total)
        if not self.total:
            return np.eye(4, dtype=np.complex128) / 4
        share = self.good / self.total
        mixed: ComplexArray = share * self.state + max(0.0, 1 - share) / 4 * np.eye(4, dtype=np.complex128)
        return mixed


@dataclass(frozen=True, kw_only=True, repr=False)
class PhotonicSource(ABC):
    """What our sources have in common."""

    in_the_middle: ClassVar[bool] = True
    """Whether something stands in the middle of the medium."""

    clock_hz: float | None = None
    """Attempts per second, if they follow one another without waiting for messages; None if they wait."""
    preparation_s: float = 0.0
    """Time that each attempt takes before the photons leave, in seconds."""

    def __post_init__(self) -> None:
        if self.clock_hz is not None:
            object.__setattr__(self, "clock_hz", validation.positive("clock_hz", self.clock_hz))
        start = validation.number("preparation_s", self.preparation_s, at_least=0.0)
        object.__setattr__(self, "preparation_s", start)
        if self.clock_hz is not None and self.preparation_s:
            raise ValueError(
                f"give clock_hz or preparation_s, not both; got clock_hz={self.clock_hz:g}, "
                f"preparation_s={self.preparation_s:g}"
            )

    __repr__ = said

    def herald(self, medium: Medium, *, detector: Detectors = None) -> HeraldedPair:
        """What one attempt gives over this medium, the mean over time if that changes.

        Detectors are taken to be ready: what their dead times cost at a high clock is `Detector.count_rate_hz`'s.

        Args:
            medium: what lies between the two ends; `Arms` where the ways from the middle differ.
            detector: one for all, or one each for the left and the right end; ideal if None.

        Raises:
            TypeError: if the medium has no middle and one is needed, or an argument is of the wrong kind.
            ValueError: if two detectors are given to a source that has one station.
        """
        as_medium("medium", medium)
        pair = detector_pair(detector)
        every = arm_moments(medium) if self.in_the_middle else moments(medium)
        outcomes = [(share, self.attempt(moment, pair)) for share, moment in every]
        total = sum(share * outcome.total for share, outcome in outcomes)
        light_s = sum(share * (outcome.light_s + self.preparation_s) for share, outcome in outcomes)
        message_s = sum(share * outcome.message_s for share, outcome in outcomes)
        states = [share * outcome.total * np.asarray(outcome.heralded) for share, outcome in outcomes]
        mean = np.sum(states, axis=0) / total if total else np.asarray(outcomes[0][1].heralded)
        known_s = light_s + message_s
        own_s = 1 / self.clock_hz if self.clock_hz else outcomes[0][1].window_s
        state: Any = mean if mean.ndim == 2 else mean.tolist()
        return HeraldedPair(
            min(1.0, total),
            known_s if own_s is None else own_s,
            state,
            heralded_s=known_s,
            message_s=message_s,
            waits=own_s is None,
        )

    @abstractmethod
    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""


def detector_pair(detector: Any) -> tuple[Detector, Detector] | Detector:
    """The detectors of both ends, or the one for all.

    Raises:
        TypeError: if it is neither a detector, nor two, nor None.
    """
    rule = "a Detector, one each for the left and the right end, or None"
    if detector is None:
        return Detector()
    if isinstance(detector, Detector):
        return detector
    if not isinstance(detector, Sequence) or len(detector) != 2:
        raise TypeError(f"detector must be {rule}, got {detector!r}")
    left, right = (validation.instance("detector", one, Detector, rule) for one in detector)
    return left, right


def single(detectors: tuple[Detector, Detector] | Detector, source: str) -> Detector:
    """The one detector of a station.

    Raises:
        ValueError: if two different ones are given.
    """
    if isinstance(detectors, Detector):
        return detectors
    if detectors[0] != detectors[1]:
        raise ValueError(f"detector: {source} has one station in the middle, and so one detector; got two")
    return detectors[0]


@dataclass(frozen=True)
class TurnedSource:
    """A source that does not say what it is from the other end: its own pairs, their ends exchanged."""

    source: Any
    """The source, as it is from its own end."""

    def herald(self, medium: Medium, *, detector: Detectors = None) -> HeraldedPair:
        """What the source gives, told from the other end, as medium and detectors are."""
        others = detector[::-1] if isinstance(detector, Sequence) else detector
        pair: HeraldedPair = self.source.herald(turned(medium), detector=others)
        if pair.density is None:
            return pair
        exchanged = pair.density.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        nothing: Any = None
        return replace(pair, bell_diagonal=nothing, state=exchanged)

    def reversed(self) -> Any:
        """The source itself."""
        return self.source


def turned(part: Any) -> Any:
    """A medium or a source, told from the other end if that makes a difference."""
    return part.reversed() if hasattr(part, "reversed") else part


def turned_source(source: Any, medium: Medium, detector: Detectors) -> Any:
    """A source, told from the other end: by its own ``reversed``, or such that its pairs are the same.

    Args:
        source: the source.
        medium: the medium of its link, not yet turned.
        detector: its detectors, likewise.
    """
    if hasattr(source, "reversed"):
        return source.reversed()
    other = TurnedSource(source)
    behind = detector[::-1] if isinstance(detector, Sequence) else detector
    pairs = [one.herald(turned(medium), detector=behind) for one in (source, other)]
    return source if _alike(*pairs) else other


def _alike(one: HeraldedPair, other: HeraldedPair) -> bool:
    """Whether two heralded pairs differ by rounding at most."""
    mine, others = (
        (pair.success_probability, pair.attempt_time_s, -1.0 if pair.heralded_s is None else pair.heralded_s)
        for pair in (one, other)
    )
    state, another = _state(one), _state(other)
    same = np.allclose(mine, others, rtol=1e-12, atol=0.0) and np.allclose(state, another, rtol=0.0, atol=1e-12)
    return bool(same)


def _state(pair: HeraldedPair) -> ComplexArray:
    """All of its density matrix, shape (4, 4)."""
    whole = pair.density
    return density_matrices(bell_coefficients(pair.bell_diagonal)) if whole is None else whole


def heralded(source: Any, medium: Medium | None, detector: Any, decided: Mapping[str, object]) -> HeraldedPair:
    """What a source makes of a link's medium and detectors: state, success probability and attempt time.

    Raises:
        TypeError: if it is no source.
        ValueError: if something it decides is given as well, there is no medium, or no attempt could succeed
            or take any time.
    """
    if isinstance(source, type) or not isinstance(source, Source):
        raise TypeError(f"source must be a source such as MidpointSource(), got {source!r}")
    both = [f"{name}={value!r}" for name, value in decided.items() if value is not None]
    if both:
        raise ValueError(f"give a source, or what it decides, not both; got {source!r} and {', '.join(both)}")
    if medium is None:
        raise ValueError(f"a source needs a medium for its photons, got medium=None with {source!r}")
    pair = source.herald(medium, detector=detector)
    if not pair.success_probability:
        raise ValueError(f"no attempt ever succeeds: {source!r} over {medium!r}, whose transmittance is too small")
    if not pair.attempt_time_s:
        raise ValueError(f"an attempt takes no time: give clock_hz or preparation_s to {source!r} over {medium!r}")
    validation.populations("bell_diagonal of the source's pair", pair.bell_diagonal)
    validation.positive("success_probability of the source's pair", pair.success_probability, at_most=1.0)
    validation.positive("attempt_time_s of the source's pair", pair.attempt_time_s)
    return pair
