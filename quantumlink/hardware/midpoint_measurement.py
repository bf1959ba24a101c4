"""Both nodes send a photon entangled with their memory; a station in the middle measures the two together.

See `one_photon` for schemes in which the photon's number, not its polarization, is entangled with the memory.

The two photons meet on a 50:50 beam splitter. Which detectors click tells a Bell state of the memories, and a
Pauli correction makes Φ⁺ of it; the populations given are those after it.

*Two photons* (`MidpointBellMeasurement`), polarization qubits, four detectors (two ports, H and V). Two clicks of
opposite polarization are Ψ⁻ (in different ports) or Ψ⁺ (in one port); Φ± go to one detector and fail: at most ½ of
the attempts succeed. With η the probability that a photon is counted at all, d that of a noise count per
detector and window, V the visibility of the interference, the heralds (exactly two clicks, opposite) are

    η_Aη_B·½·(1−d)²                      Φ⁺ with (1+V)/2, Φ⁻ with (1−V)/2
    η_Aη_B·½·½(1+V)·2d(1−d)²             Ψ⁺ and Ψ⁻ equally: both photons in one detector, and a noise count
    [η_A(1−η_B)+η_B(1−η_A)]·2d(1−d)²     maximally mixed: one photon, and a noise count
    (1−η_A)(1−η_B)·4d²(1−d)²             maximally mixed: two noise counts

and the errors of the memories' photons and of the media apply to the first two.

References:
    S. L. Braunstein, A. Mann, Phys. Rev. A 51, R1727 (1995); N. Lütkenhaus, J. Calsamiglia, K.-A. Suominen,
    Phys. Rev. A 59, 3295 (1999): half of the Bell states by linear optics.
    J. Brendel, N. Gisin, W. Tittel, H. Zbinden, Phys. Rev. Lett. 82, 2594 (1999): time bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import expm1

import numpy as np

from quantumlink import validation
from quantumlink.hardware.arms import arms_of
from quantumlink.hardware.bell_diagonal import Populations, combined, through, werner
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.source import Outcome, PhotonicSource, single


@dataclass(frozen=True, kw_only=True, repr=False)
class MidpointBellMeasurement(PhotonicSource):
    """Both ends send a photon of a pair; a Bell measurement by linear optics in the middle.

    An attempt lasts until both photons have arrived and the result is back: the way of one arm, twice; or
    1/``clock_hz``. The detector's noise counts are those of the station, shared by its four detectors; its
    misalignment applies to either photon.

    Args:
        fidelity: of memory and photon at either end (Werner), in [1/4, 1].
        visibility: of the interference of the two photons (Hong–Ou–Mandel), in [0, 1].
        emission_efficiency: probability that a photon is emitted and gets into the medium, in (0, 1].
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> pair = MidpointBellMeasurement(visibility=0.9).herald(Fiber(50))
    >>> round(pair.success_probability, 12), [round(p, 12) for p in pair.bell_diagonal]
    (0.05, [0.95, 0.05, 0.0, 0.0])
    """

    fidelity: float = 1.0
    """Fidelity of memory and photon at either end, a Werner state."""
    visibility: float = 1.0
    """Visibility of the interference of the two photons."""
    emission_efficiency: float = 1.0
    """Probability that a photon is emitted and gets into the medium."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fidelity = validation.number("fidelity", self.fidelity, at_least=0.25, at_most=1.0)
        object.__setattr__(self, "fidelity", fidelity)
        object.__setattr__(self, "visibility", validation.probability("visibility", self.visibility))
        emitted = validation.positive("emission_efficiency", self.emission_efficiency, at_most=1.0)
        object.__setattr__(self, "emission_efficiency", emitted)

    def reversed(self) -> MidpointBellMeasurement:
        """The same source: it is in the middle."""
        return self

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""
        arms = arms_of(medium)
        detector = single(detectors, type(self).__name__).beside(arms.left, arms.right)
        counted = self.emission_efficiency * detector.efficiency
        left, right = counted * arms.left.transmittance, counted * arms.right.transmittance
        noise = self._noise(detector)
        quiet = (1 - noise) ** 2
        both, one = left * right, left * (1 - right) + right * (1 - left)
        apart = both / 2 * quiet
        bunched = both / 2 * (1 + self.visibility) / 2 * 2 * noise * quiet
        accidents = (2 * one + 4 * (1 - left) * (1 - right) * noise) * noise * quiet
        good, wrong = (1 + self.visibility) / 2 * apart, (1 - self.visibility) / 2 * apart
        heralded = apart + bunched
        errors = self._errors(arms.left, detector), self._errors(arms.right, detector)
        state = _normalized(good, wrong, bunched / 2, bunched / 2)
        state = combined(state, combined(*errors))
        return Outcome(heralded, state, heralded + accidents, arms.longer_s, arms.longer_s)

    def _noise(self, detector: Detector) -> float:
        """The probability of a noise count in one of the four places where a photon may be counted."""
        return detector.noise_probability_each(4)

    def _errors(self, medium: Medium, detector: Detector) -> Populations:
        """What becomes of Φ⁺ by the errors of one memory's photon on its way."""
        # Wrong with e_d in every basis: Werner, 1 − 2e_d of it left.
        aligned = werner(1 - 1.5 * detector.misalignment)
        return combined(combined(werner(self.fidelity), through(medium.channel)), aligned)


@dataclass(frozen=True, kw_only=True, repr=False)
class TimeBinMeasurement(MidpointBellMeasurement):
    """The same with photons in an early or a late time bin, two detectors in the middle.

    Two clicks in different bins, of one detector or of both, are Ψ⁺ or Ψ⁻. Each bin is a window of the detector.
    The polarization does not matter, and so a medium's errors of it do not; the phase between the bins does: a
    misaligned photon is one of the wrong phase.

    Args:
        phase_jitter_rad: standard deviation of the phase between the two bins, of both ends together, in radians;
            the coherence falls by exp(−σ²/2).
        one_detector_twice: whether a detector can click in both bins; if it is dead in the second one, only Ψ⁻ is
            heralded, half as often.
        fidelity: of memory and photon at either end (Werner), in [1/4, 1].
        visibility: of the interference of the two photons (Hong–Ou–Mandel), in [0, 1].
        emission_efficiency: probability that a photon is emitted and gets into the medium, in (0, 1].
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> pair = TimeBinMeasurement(one_detector_twice=False).herald(Fiber(50))
    >>> round(pair.success_probability, 12), round(pair.fidelity, 12)
    (0.025, 1.0)
    """

    phase_jitter_rad: float = 0.0
    """Standard deviation of the phase between the bins in radians."""
    one_detector_twice: bool = True
    """Whether one detector can click in both bins."""

    def __post_init__(self) -> None:
        super().__post_init__()
        jitter = validation.number("phase_jitter_rad", self.phase_jitter_rad, at_least=0.0)
        object.__setattr__(self, "phase_jitter_rad", jitter)
        validation.flags(self, "one_detector_twice")

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""
        found = super().attempt(medium, detectors)
        # All of it alike: of noise counts, too, half would be the same detector's.
        share = 1.0 if self.one_detector_twice else 0.5
        dephased = -expm1(-(self.phase_jitter_rad**2) / 2) / 2
        assert not isinstance(found.state, np.ndarray)
        state = combined(found.state, (1 - dephased, dephased, 0.0, 0.0))
        return replace(found, good=share * found.good, state=state, total=share * found.total)

    def _noise(self, detector: Detector) -> float:
        return detector.noise_probability_each(2)

    def _errors(self, medium: Medium, detector: Detector) -> Populations:
        wrong = detector.misalignment
        return combined(werner(self.fidelity), (1 - wrong, wrong, 0.0, 0.0))


def _normalized(a: float, b: float, c: float, d: float) -> Populations:
    # Rounding may leave a population that vanishes a little below zero.
    a, b, c, d = (max(0.0, population) for population in (a, b, c, d))
    whole = a + b + c + d
    return (a / whole, b / whole, c / whole, d / whole) if whole else (0.25, 0.25, 0.25, 0.25)
