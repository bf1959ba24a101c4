"""Pairs at random moments, found as coincidences: a continuously pumped source between two receivers with clocks.

Pairs are made at random moments, B a second. Either end writes down when which of its detectors clicked; two clicks
within a coincidence window t_c are taken for a pair. With η the efficiency of either arm (medium and detector), D
the noise counts of a receiver, k its detectors and τ the dead time of each,

    S  = (η·B + D) / (1 + (η·B + D)·τ/k)                     singles of one end
    C  = B·η_A·η_B·erf(√ln2·t_c/Δ)·(S_A/S'_A)·(S_B/S'_B)     pairs found, S' the singles without dead time
    A  = S_A·S_B·t_c                                         accidentals, whose bits agree by chance

a second; Δ is the full width at half maximum of the difference in time: the jitter of both receivers and the
correlation time of the pair, added as squares. It holds as long as a window hardly ever has two clicks of one end.

Reference:
    S. P. Neumann, T. Scheidl, M. Selimovic, M. Pivoluska, B. Liu, M. Bohmann, R. Ursin, Phys. Rev. A 104, 022406
        (2021): a model of key distribution with continuous-wave pumped sources, and an experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, hypot, log, sqrt

from quantumlink import validation
from quantumlink.hardware.arms import arms_of
from quantumlink.hardware.bell_diagonal import combined, through, werner
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.source import Detectors, Outcome, PhotonicSource, detector_pair

_MOST_CLICKS = 0.1


@dataclass(frozen=True)
class Coincidences:
    """What two receivers of one source count, per second."""

    left_hz: float
    """Clicks of the left end."""
    right_hz: float
    """Clicks of the right end."""
    pairs_hz: float
    """Coincidences of the two photons of a pair."""
    accidental_hz: float
    """Coincidences of clicks that have nothing to do with each other."""

    @property
    def rate_hz(self) -> float:
        """All coincidences."""
        return self.pairs_hz + self.accidental_hz


@dataclass(frozen=True, kw_only=True, repr=False)
class ContinuousSource(PhotonicSource):
    """A source in the middle that makes pairs at random moments; either photon goes one half of the medium.

    The detectors have the coincidence window, their noise counts, and for each of their elements jitter and dead
    time. As a source of an `ElementaryLink`, an attempt is one coincidence window, of which both ends know
    when either has told the other of its clicks; a round of a session such as
    `BBM92` is a pair of the link, that is, a coincidence.

    Args:
        pair_rate_hz: pairs made per second, above 0.
        fidelity: of a pair as it is made (Werner), in [1/4, 1].
        coupling_efficiency: probability that a photon gets into the medium, in (0, 1].
        correlation_time_s: full width at half maximum of the time between the photons of a pair on arrival, by
            the source and by dispersion.

    Raises:
        ValueError: if a value is out of its range, or ``clock_hz`` or ``preparation_s`` is given: nothing is timed.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> end = Detector(0.6, dark_count_rate_hz=500, jitter_s=0.5e-9, dead_time_s=45e-9, elements=4, window_s=1e-9)
    >>> found = ContinuousSource(pair_rate_hz=1e6).coincidences(Fiber(100), detector=end)
    >>> round(found.pairs_hz), round(found.accidental_hz, 1)
    (3250, 3.7)
    """

    pair_rate_hz: float
    """Pairs made per second."""
    fidelity: float = 1.0
    """Fidelity F of a pair as it is made, a Werner state."""
    coupling_efficiency: float = 1.0
    """Probability that a photon of the pair gets into the medium."""
    correlation_time_s: float = 0.0
    """Full width at half maximum of the time between the photons of a pair, in seconds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clock_hz is not None or self.preparation_s:
            raise ValueError(
                f"a continuous source has no attempts to time: leave out clock_hz and preparation_s, got "
                f"{self.clock_hz!r} and {self.preparation_s!r}"
            )
        fidelity = validation.number("fidelity", self.fidelity, at_least=0.25, at_most=1.0)
        object.__setattr__(self, "fidelity", fidelity)
        object.__setattr__(self, "pair_rate_hz", validation.positive("pair_rate_hz", self.pair_rate_hz))
        coupling = validation.positive("coupling_efficiency", self.coupling_efficiency, at_most=1.0)
        object.__setattr__(self, "coupling_efficiency", coupling)
        width = validation.number("correlation_time_s", self.correlation_time_s, at_least=0.0)
        object.__setattr__(self, "correlation_time_s", width)

    def reversed(self) -> ContinuousSource:
        """The same source: it is in the middle."""
        return self

    def coincidences(self, medium: Medium, *, detector: Detectors = None) -> Coincidences:
        """What both ends count per second.

        Args:
            medium: what lies between the two ends; `Arms` where the ways from the middle differ.
            detector: one for both, or one each for the left and the right end, of one ``window_s``.

        Raises:
            ValueError: if the windows differ or are 0, or hold more than 0.1 clicks of one end on average.
            TypeError: if the medium has no middle, or an argument is of the wrong kind.
        """
        given = detector_pair(detector)
        ends = (given, given) if isinstance(given, Detector) else given
        window = ends[0].window_s
        if ends[1].window_s != window:
            raise ValueError(f"detector: both ends need one window_s, got {window:g} and {ends[1].window_s:g} s")
        if not window:
            raise ValueError("detector: window_s must be above 0, for in no time there is no coincidence; got 0")
        arms, singles, pairs = arms_of(medium), [], self.pair_rate_hz
        for arm, bare in zip((arms.left, arms.right), ends, strict=True):
            end = bare.beside(arm)
            eta = self.coupling_efficiency * arm.transmittance * end.efficiency
            all_hz = eta * self.pair_rate_hz + end.dark_count_rate_hz + end.background_rate_hz
            counted_hz = end.count_rate_hz(all_hz)
            if counted_hz * window > _MOST_CLICKS:
                raise ValueError(
                    f"a window of {window:g} s holds {counted_hz * window:.3g} clicks of one end on average, at "
                    f"most {_MOST_CLICKS} are reckoned with: take a smaller window_s or fewer pairs"
                )
            singles.append(counted_hz)
            pairs *= eta * (counted_hz / all_hz if all_hz else 1.0)
        width = hypot(*(end.jitter_s for end in ends), self.correlation_time_s)
        kept = erf(sqrt(log(2)) * window / width) if width else 1.0
        return Coincidences(singles[0], singles[1], pairs * kept, singles[0] * singles[1] * window)

    def clicks(self, medium: Medium, detector: Detector | tuple[Detector, Detector]) -> tuple[float, float, float]:
        """The probabilities, of one window, that both ends click, that the left one does, that the right does."""
        found = self.coincidences(medium, detector=detector)
        window = (detector if isinstance(detector, Detector) else detector[0]).window_s
        return found.rate_hz * window, found.left_hz * window, found.right_hz * window

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""
        found = self.coincidences(medium, detector=detectors)
        ends = (detectors, detectors) if isinstance(detectors, Detector) else detectors
        contrast = (1 - 2 * ends[0].misalignment) * (1 - 2 * ends[1].misalignment)
        arms, window = arms_of(medium), ends[0].window_s
        errors = combined(through(arms.left.channel), through(arms.right.channel))
        state = combined(werner(self.fidelity), errors)
        good, total = found.pairs_hz * window * contrast, found.rate_hz * window
        return Outcome(good, state, total, arms.longer_s, arms.delay_s, window)
