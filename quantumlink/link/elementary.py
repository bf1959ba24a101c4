"""Elementary links: two nodes, the medium between them, and how their pairs come about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, log1p
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.hardware import Detector, Medium, Node, NodeSource, SatellitePass, Source
from quantumlink.hardware.bell_diagonal import werner
from quantumlink.hardware.medium import as_medium
from quantumlink.hardware.pauli_coefficients import (
    bell_coefficients,
    coefficients_of,
    density_matrices,
    populations_and_rest,
    read_state,
)
from quantumlink.hardware.source import detector_pair, heralded, turned, turned_source
from quantumlink.link.tree import Link

if TYPE_CHECKING:
    from qiskit.quantum_info import DensityMatrix


@dataclass(frozen=True)
class Attempts:
    """How pairs of an elementary link come about: independent attempts, one after the other."""

    success_probability: float | None
    """Probability that an attempt delivers a pair, in (0, 1]; None for pairs at random moments (exponential)."""
    time_s: float
    """Duration of one attempt in seconds; of pairs at random moments, the mean time from one to the next."""

    @property
    def rate_hz(self) -> float:
        """Pairs per second, if attempts never pause."""
        return (self.success_probability or 1.0) / self.time_s

    def at_once(self, tries: int) -> Attempts:
        """Rounds of so many attempts at once, of which one has to succeed.

        >>> Attempts(0.5, 1.0).at_once(3)
        Attempts(success_probability=0.875, time_s=1.0)
        """
        if self.success_probability is None:
            return Attempts(None, self.time_s / tries)
        if tries == 1 or self.success_probability == 1:
            return self
        # 1 − (1 − p)^m without losing the digits of a small p.
        return Attempts(-expm1(tries * log1p(-self.success_probability)), self.time_s)


@dataclass(frozen=True, eq=False, repr=False)
class ElementaryLink(Link):
    """Two nodes and the medium between them; the pair arrives in its stated state, or in that of its source.

    The state is Werner of the given fidelity, or Bell-diagonal, or any that two qubits can have; with none of
    them, a perfect Φ⁺. With a source, state, success probability and attempt time follow from source, medium and
    detectors.

    Args:
        left: one node.
        right: the other node.
        medium: what lies between them, or None.
        fidelity: fidelity F to Φ⁺ of a Werner state, in [1/4, 1].
        bell_diagonal: populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), summing to 1.
        state: any state of two qubits, the left end's as qubit 0 (the least significant, as in Qiskit): a
            `DensityMatrix`, a `Statevector`, whatever else has ``to_operator()`` (a `SparsePauliOp`, a
            `PairState`), or an array of shape (4, 4) or (4,).
        rate_hz: pairs delivered per second, if known.
        success_probability: probability that one attempt delivers a pair, in (0, 1]; see `attempts`.
        attempt_time_s: duration of one attempt in seconds, above zero; see `attempts`.
        source: how the pairs come about, such as `MidpointSource`; needs a medium, and takes the place of
            the state, the rate and the attempts.
        detector: the source's detectors: one for all, or one each for the left and the right end; ideal if
            None.
        multiplexing: how many modes are tried at once in each attempt, at least 1.
        classical_delay_s: how long messages take from end to end, where they do not travel as the light does: over
            a detour, or through equipment that takes its time. The medium's delay if None.
        heralded_s: how long after an attempt began both ends know of it; not before it ends, if that is later. See
            `herald_delay_s`. A source says it itself.

    Raises:
        ValueError: if a value is out of range, several states are given, ``state`` is not one (its trace is not 1,
            it is not Hermitian or not positive: the text says which, and by how much), a source is given beside
            what it decides or can never succeed, or the nodes have one name.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> link = ElementaryLink(Node("alice"), Node("bob"), Fiber(25), fidelity=0.97)
    >>> [round(population, 4) for population in link.bell_diagonal]
    [0.97, 0.01, 0.01, 0.01]

    >>> from quantumlink.hardware import MidpointSource
    >>> link = ElementaryLink(Node("alice"), Node("bob"), Fiber(25), source=MidpointSource(fidelity=0.98))
    >>> round(link.fidelity, 4), round(link.success_probability, 4)
    (0.98, 0.3162)
    """

    medium: Medium | None
    """What lies between the nodes, or None."""
    bell_diagonal: tuple[float, float, float, float]
    """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻): all of the state if it `is_bell_diagonal`."""
    rate_hz: float | None
    """Pairs delivered per second, if known."""
    success_probability: float | None
    """Probability that one attempt delivers a pair, if stated."""
    attempt_time_s: float | None
    """Duration of one attempt in seconds, if stated."""
    source: Source | None
    """How the pairs come about, if stated."""
    detector: Detector | tuple[Detector, Detector] | None
    """The source's detectors: one for all, or one each for the left and the right end."""
    multiplexing: int
    """How many modes are tried at once in each attempt."""
    classical_delay_s: float | None
    """How long messages take from end to end in seconds; None for as long as light through the medium."""
    heralded_s: float | None
    """How long after an attempt began both ends know of it in seconds, if stated or told by the source."""
    _density: tuple[complex, ...] | None
    """The density matrix row by row where the state is not Bell-diagonal, else None."""

    def __init__(
        self,
        left: Node,
        right: Node,
        medium: Medium | None = None,
        *,
        fidelity: float | None = None,
        bell_diagonal: Sequence[float] | None = None,
        state: Any = None,
        rate_hz: float | None = None,
        success_probability: float | None = None,
        attempt_time_s: float | None = None,
        source: Source | None = None,
        detector: Detector | Sequence[Detector] | None = None,
        multiplexing: int = 1,
        classical_delay_s: float | None = None,
        heralded_s: float | None = None,
    ) -> None:
        validation.instance("left", left, Node, "a Node")
        validation.instance("right", right, Node, "a Node")
        if left.name == right.name:
            raise ValueError(f"a link needs two different nodes, got {left.name!r} twice")
        if medium is not None:
            as_medium("medium", medium, otherwise=", or None")
        multiplexing = validation.count("multiplexing", multiplexing, at_least=1)
        if multiplexing > 1 and rate_hz is not None:
            raise ValueError(
                f"multiplexing={multiplexing} with rate_hz={rate_hz!r}: a rate counts the pairs of all modes; give "
                "success_probability and attempt_time_s of one mode instead"
            )
        if classical_delay_s is not None:
            classical_delay_s = validation.number("classical_delay_s", classical_delay_s, at_least=0.0)
        _check_way(left, right, medium, source)
        detectors = None if detector is None else detector_pair(detector)
        density: ComplexArray | None = None
        if source is not None:
            decided = {
                "fidelity": fidelity,
                "bell_diagonal": bell_diagonal,
                "state": state,
                "rate_hz": rate_hz,
                "success_probability": success_probability,
                "attempt_time_s": attempt_time_s,
                "heralded_s": heralded_s,
            }
            pair = heralded(source, medium, detectors, decided)
            success_probability, attempt_time_s = pair.success_probability, pair.attempt_time_s
            assert medium is not None
            light_s = medium.delay_s
            heralded_s = pair.known_s(light_s, light_s if classical_delay_s is None else classical_delay_s)
            if pair.waits:
                attempt_time_s = heralded_s
            populations, density = validation.populations("bell_diagonal", pair.bell_diagonal), pair.density
        else:
            if detector is not None:
                raise ValueError(f"detector={detector!r} needs a source whose photons it counts, got source=None")
            populations, density = _stated(fidelity, bell_diagonal, state)
        if rate_hz is not None:
            rate_hz = validation.number("rate_hz", rate_hz, at_least=0.0)
        if success_probability is not None:
            success_probability = validation.positive("success_probability", success_probability, at_most=1.0)
        if attempt_time_s is not None:
            attempt_time_s = validation.positive("attempt_time_s", attempt_time_s)
        if heralded_s is not None:
            heralded_s = validation.number("heralded_s", heralded_s, at_least=0.0)
        for name, value in (
            ("left", left),
            ("right", right),
            ("pairs", 1),
            ("medium", medium),
            ("bell_diagonal", populations),
            ("rate_hz", rate_hz),
            ("success_probability", success_probability),
            ("attempt_time_s", attempt_time_s),
            ("source", source),
            ("detector", detectors),
            ("multiplexing", multiplexing),
            ("classical_delay_s", classical_delay_s),
            ("heralded_s", heralded_s),
            ("_density", None if density is None else tuple(density.ravel().tolist())),
        ):
            object.__setattr__(self, name, value)

    @property
    def ends(self) -> tuple[Node, Node]:
        """The two end nodes, left and right."""
        return self.left, self.right

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺ with which the pair arrives."""
        return self.bell_diagonal[0]

    @property
    def is_bell_diagonal(self) -> bool:
        """Whether the state is a mixture of the four Bell states, `bell_diagonal`."""
        return self._density is None

    @property
    def coefficients(self) -> FloatArray:
        """Shape (16,): Tr(P⊗Q·ρ) of the state in which the pair arrives, the left qubit's P as the higher digit."""
        if self._density is None:
            return bell_coefficients(self.bell_diagonal)
        return coefficients_of(np.array(self._density).reshape(4, 4))

    @property
    def move_factors(self) -> FloatArray | None:
        """Shape (16,): what moving both halves into their memories leaves of each coefficient; None: all of it."""
        lost = [node.memory.move_depolarizing for node in self.ends]
        if not any(lost):
            return None
        left, right = (np.array([1.0, *(1 - x,) * 3]) for x in lost)
        return np.outer(left, right).ravel()

    @property
    def state(self) -> DensityMatrix:
        """The state in which the pair arrives, the left end as qubit 0."""
        from qiskit.quantum_info import DensityMatrix

        if self._density is None:
            return DensityMatrix(density_matrices(self.coefficients))
        return DensityMatrix(np.array(self._density).reshape(4, 4))

    def reversed(self) -> ElementaryLink:
        """The same link, told from the other end."""
        if self.source is not None and self.medium is not None:
            detector = self.detector[::-1] if isinstance(self.detector, tuple) else self.detector
            return ElementaryLink(
                self.right,
                self.left,
                turned(self.medium),
                source=turned_source(self.source, self.medium, self.detector),
                detector=detector,
                multiplexing=self.multiplexing,
                classical_delay_s=self.classical_delay_s,
            )
        return ElementaryLink(
            self.right,
            self.left,
            turned(self.medium),
            bell_diagonal=self.bell_diagonal if self.is_bell_diagonal else None,
            state=None if self.is_bell_diagonal else self.state.reverse_qargs(),
            rate_hz=self.rate_hz,
            success_probability=self.success_probability,
            attempt_time_s=self.attempt_time_s,
            multiplexing=self.multiplexing,
            classical_delay_s=self.classical_delay_s,
            heralded_s=self.heralded_s,
        )

    @property
    def delay_s(self) -> float:
        """How long a message takes from one end to the other, in seconds; a medium that is None takes no time."""
        if self.classical_delay_s is not None:
            return self.classical_delay_s
        return 0.0 if self.medium is None else self.medium.delay_s

    @property
    def herald_delay_s(self) -> float:
        """How soon an attempt can be heralded after it began, in seconds.

        It is ``heralded_s``, if that is stated or told by the source: a photon goes the way, or half of it, and
        messages tell the ends that do not know. Else light goes half of the way, messages the rest.
        """
        if self.heralded_s is not None:
            return self.heralded_s
        light_s = 0.0 if self.medium is None else self.medium.delay_s
        return light_s if self.classical_delay_s is None else (light_s + self.classical_delay_s) / 2

    @property
    def attempts(self) -> Attempts | None:
        """How pairs come about, None if nothing is known of it.

        What is stated holds. Of what is not: the probability is the medium's transmittance (a photon from the
        middle of the link, or two that meet there, arrive with it), or what ``rate_hz`` makes of the attempt
        time; the time is ``heralded_s``, or the medium's delay (photons go half of the way, messages the other
        half), or with a ``classical_delay_s`` the mean of both. A source whose attempts wait for messages waits as
        long as these take. A ``rate_hz`` alone, or one that a single attempt cannot reach, is a stream of pairs at
        random moments.
        With ``multiplexing`` m, an attempt tries m modes and delivers with probability 1 − (1 − p)^m; should
        more than one succeed, one pair is kept.
        """
        probability, time_s = self.success_probability, self.attempt_time_s
        told = self.medium is not None or self.heralded_s is not None
        if time_s is None and told and self.herald_delay_s > 0:
            time_s = self.herald_delay_s
        if probability is None and self.rate_hz is not None:
            if time_s is None or self.rate_hz * time_s > 1:
                return Attempts(None, 1 / self.rate_hz) if self.rate_hz else None
            probability = self.rate_hz * time_s
        if probability is None and self.medium is not None:
            probability = self.medium.transmittance
        if time_s is None and probability is not None and self.rate_hz:
            time_s = probability / self.rate_hz
        if not probability or time_s is None:
            return None
        return Attempts(probability, time_s).at_once(self.multiplexing)

    def _own_fields(self) -> tuple[object, ...]:
        return (
            self.left,
            self.right,
            self.medium,
            self.bell_diagonal,
            self._density,
            self.rate_hz,
            self.success_probability,
            self.attempt_time_s,
            self.source,
            self.detector,
            self.multiplexing,
            self.classical_delay_s,
            *(() if self.heralded_s is None else (self.heralded_s,)),
        )

    def _facts(self) -> list[tuple[str, str]]:
        rows = [("medium", "none" if self.medium is None else repr(self.medium))]
        rows += [("source", repr(self.source))] if self.source is not None else []
        rows.append(("arrives with fidelity", f"{self.fidelity:.6g}"))
        if self.attempts is not None:
            rows.append(("pairs a second", f"{self.attempts.rate_hz:.4g}"))
        return rows

    def __repr__(self) -> str:
        return f"<ElementaryLink {self.left}–{self.right}, fidelity {self.fidelity:.6g}>"


def _check_way(left: Node, right: Node, medium: Any, source: Any) -> None:
    """Refuse a source on the ground for photons that come down, and one aloft for those that go up."""
    if not isinstance(medium, SatellitePass) or not isinstance(source, NodeSource):
        return
    aloft = [end.name for end in (left, right) if end.role == "satellite" or end.orbit is not None]
    sender = (left if source.at == "left" else right).name
    if len(aloft) == 1 and (sender in aloft) != (medium.direction == "downlink"):
        from_where = f"the satellite {aloft[0]!r}" if medium.direction == "downlink" else "the ground"
        raise ValueError(
            f"source must be where the photons leave, those of this medium, direction={medium.direction!r}, leave "
            f"{from_where}; got at={source.at!r}, which is {sender!r}"
        )


def _stated(
    fidelity: float | None, bell_diagonal: Sequence[float] | None, state: Any
) -> tuple[tuple[float, float, float, float], ComplexArray | None]:
    """The populations of a state that is given, and all of it where they do not tell all."""
    given = {"fidelity": fidelity, "bell_diagonal": bell_diagonal, "state": state}
    several = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if len(several) > 1:
        raise ValueError(f"give fidelity or bell_diagonal, not both, or state alone; got {', '.join(several)}")
    if state is not None:
        return populations_and_rest(read_state("state", state))
    if bell_diagonal is not None:
        return validation.populations("bell_diagonal", bell_diagonal), None
    return werner(
        1.0 if fidelity is None else validation.number("fidelity", fidelity, at_least=0.25, at_most=1.0)
    ), None


def arriving_coefficients(links: Sequence[ElementaryLink]) -> FloatArray:
    """Shape (n, 16): the `coefficients` of many links at once."""
    vectors = bell_coefficients([link.bell_diagonal for link in links])
    for row, link in enumerate(links):
        if link._density is not None:
            vectors[row] = link.coefficients
    return vectors


def moved(links: Sequence[ElementaryLink]) -> FloatArray | None:
    """Shape (n, 16): the `move_factors` of many links at once; None if no pair is moved."""
    if not any(link.left.memory.move_depolarizing or link.right.memory.move_depolarizing for link in links):
        return None
    factors = [link.move_factors for link in links]
    return np.array([np.ones(16) if each is None else each for each in factors])
