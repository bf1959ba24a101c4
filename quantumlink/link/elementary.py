"""Elementary links: two nodes, the medium between them, and how their pairs come about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, log1p

from quantumlink import validation
from quantumlink.hardware import Detector, Medium, Node, Source
from quantumlink.hardware.medium import as_medium
from quantumlink.hardware.source import detector_pair, heralded, turned
from quantumlink.link.tree import Link


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


@dataclass(frozen=True, eq=False, repr=False)
class ElementaryLink(Link):
    """Two nodes and the medium between them; the pair arrives in its stated state, or in that of its source.

    The state is Werner of the given fidelity, or Bell-diagonal; with neither, a perfect Φ⁺. With a source,
    state, success probability and attempt time follow from source, medium and detectors.

    Args:
        left: one node.
        right: the other node.
        medium: what lies between them, or None.
        fidelity: fidelity F to Φ⁺ of a Werner state, in [1/4, 1].
        bell_diagonal: populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), summing to 1.
        rate_hz: pairs delivered per second, if known.
        success_probability: probability that one attempt delivers a pair, in (0, 1]; see `attempts`.
        attempt_time_s: duration of one attempt in seconds, above zero; see `attempts`.
        source: how the pairs come about, such as `MidpointSource`; needs a medium, and takes the place of
            the state, the rate and the attempts.
        detector: the source's detectors: one for all, or one each for the left and the right end; ideal if
            None.
        multiplexing: how many modes are tried at once in each attempt, at least 1.

    Raises:
        ValueError: if a value is out of range, both states are given, a source is given beside what it decides
            or can never succeed, or the nodes have one name.
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
    """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
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

    def __init__(
        self,
        left: Node,
        right: Node,
        medium: Medium | None = None,
        *,
        fidelity: float | None = None,
        bell_diagonal: Sequence[float] | None = None,
        rate_hz: float | None = None,
        success_probability: float | None = None,
        attempt_time_s: float | None = None,
        source: Source | None = None,
        detector: Detector | Sequence[Detector] | None = None,
        multiplexing: int = 1,
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
        detectors = None if detector is None else detector_pair(detector)
        if source is not None:
            decided = {
                "fidelity": fidelity,
                "bell_diagonal": bell_diagonal,
                "rate_hz": rate_hz,
                "success_probability": success_probability,
                "attempt_time_s": attempt_time_s,
            }
            bell_diagonal, success_probability, attempt_time_s = heralded(source, medium, detectors, decided)
        elif detector is not None:
            raise ValueError(f"detector={detector!r} needs a source whose photons it counts, got source=None")
        if fidelity is not None and bell_diagonal is not None:
            raise ValueError(
                f"give fidelity or bell_diagonal, not both; got fidelity={fidelity!r}, "
                f"bell_diagonal={bell_diagonal!r}"
            )
        if bell_diagonal is None:
            f = 1.0 if fidelity is None else validation.number("fidelity", fidelity, at_least=0.25, at_most=1.0)
            populations = (f, (1 - f) / 3, (1 - f) / 3, (1 - f) / 3)
        else:
            populations = validation.populations("bell_diagonal", bell_diagonal)
        if rate_hz is not None:
            rate_hz = validation.number("rate_hz", rate_hz, at_least=0.0)
        if success_probability is not None:
            success_probability = validation.positive("success_probability", success_probability, at_most=1.0)
        if attempt_time_s is not None:
            attempt_time_s = validation.positive("attempt_time_s", attempt_time_s)
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
        ):
            object.__setattr__(self, name, value)

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺ with which the pair arrives."""
        return self.bell_diagonal[0]

    def reversed(self) -> ElementaryLink:
        """The same link, told from the other end."""
        if self.source is not None:
            detector = self.detector[::-1] if isinstance(self.detector, tuple) else self.detector
            return ElementaryLink(
                self.right,
                self.left,
                turned(self.medium),
                source=turned(self.source),
                detector=detector,
                multiplexing=self.multiplexing,
            )
        return ElementaryLink(
            self.right,
            self.left,
            turned(self.medium),
            bell_diagonal=self.bell_diagonal,
            rate_hz=self.rate_hz,
            success_probability=self.success_probability,
            attempt_time_s=self.attempt_time_s,
            multiplexing=self.multiplexing,
        )

    @property
    def attempts(self) -> Attempts | None:
        """How pairs come about, None if nothing is known of it.

        What is stated holds. Of what is not: the probability is the medium's transmittance (a photon from the
        middle of the link, or two that meet there, arrive with it), or what ``rate_hz`` makes of the attempt
        time; the time is the medium's delay (photons go half of the way, messages the other half). A
        ``rate_hz`` alone, or one that a single attempt cannot reach, is a stream of pairs at random moments.
        With ``multiplexing`` m, an attempt tries m modes and delivers with probability 1 − (1 − p)^m; should
        more than one succeed, one pair is kept.
        """
        probability, time_s = self.success_probability, self.attempt_time_s
        if time_s is None and self.medium is not None and self.medium.delay_s > 0:
            time_s = self.medium.delay_s
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
        if self.multiplexing > 1 and probability < 1:
            # 1 − (1 − p)^m without losing the digits of a small p.
            probability = -expm1(self.multiplexing * log1p(-probability))
        return Attempts(probability, time_s)

    def _own_fields(self) -> tuple[object, ...]:
        return (
            self.left,
            self.right,
            self.medium,
            self.bell_diagonal,
            self.rate_hz,
            self.success_probability,
            self.attempt_time_s,
            self.source,
            self.detector,
            self.multiplexing,
        )

    def __repr__(self) -> str:
        return f"<ElementaryLink {self.left}–{self.right}, fidelity {self.fidelity:.6g}>"
