"""Both nodes send a photon entangled with their memory; a station in the middle measures the two together.

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

*One photon* (`SinglePhotonHeralding`), memory and photon in √(1−α)|0⟩|no photon⟩ + √α|1⟩|photon⟩, two detectors.
One click alone makes |01⟩ ± |10⟩, but for the probability of about α that both had sent a photon, |11⟩. An X at one
end turns Ψ⁺ and Ψ⁻ into Φ⁺ and Φ⁻, and |00⟩ and |11⟩ into Ψ± equally; the state is twirled to Bell-diagonal form,
which leaves its fidelity. Its success falls as √η of the whole medium only: the station in the middle does what
a repeater does, and the bound is that of one arm, not of the whole.

References:
    S. L. Braunstein, A. Mann, Phys. Rev. A 51, R1727 (1995); N. Lütkenhaus, J. Calsamiglia, K.-A. Suominen,
    Phys. Rev. A 59, 3295 (1999): half of the Bell states by linear optics.
    C. Cabrillo, J. I. Cirac, P. García-Fernández, P. Zoller, Phys. Rev. A 59, 1025 (1999): one photon.
    P. C. Humphreys et al., Nature 558, 268 (2018): one photon in practice, bright-state population.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from math import exp, sqrt

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

    def _attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        arms, detector = arms_of(medium), single(detectors, type(self).__name__)
        counted = self.emission_efficiency * detector.efficiency
        left, right = counted * arms.left.transmittance, counted * arms.right.transmittance
        noise = detector.noise_probability_each(4)
        quiet = (1 - noise) ** 2
        both, one = left * right, left * (1 - right) + right * (1 - left)
        apart = both / 2 * quiet
        bunched = both / 2 * (1 + self.visibility) / 2 * 2 * noise * quiet
        accidents = (2 * one + 4 * (1 - left) * (1 - right) * noise) * noise * quiet
        good, wrong = (1 + self.visibility) / 2 * apart, (1 - self.visibility) / 2 * apart
        heralded = apart + bunched
        errors = self._errors(arms.left, detector), self._errors(arms.right, detector)
        state = _normalized(good, wrong, bunched / 2, bunched / 2)
        time_s = 2 * max(arms.left.delay_s, arms.right.delay_s)
        return Outcome(heralded, combined(state, combined(*errors)), heralded + accidents, time_s)

    def _errors(self, medium: Medium, detector: Detector) -> Populations:
        """What becomes of Φ⁺ by the errors of one memory's photon on its way."""
        # Wrong with e_d in every basis: Werner, 1 − 2e_d of it left.
        aligned = werner(1 - 1.5 * detector.misalignment)
        return combined(combined(werner(self.fidelity), through(medium.channel)), aligned)


@dataclass(frozen=True, repr=False)
class SinglePhotonHeralding(PhotonicSource):
    """Both ends send a photon with a small amplitude; one click in the middle entangles the memories.

    An attempt lasts until the photons have arrived and the result is back: the way of one arm, twice; or
    1/``clock_hz``. The photon stands for its number, so that a medium's errors of the polarization do not
    matter; noise counts are those of the station, shared by its two detectors. A misaligned photon clicks at the
    wrong one of them.

    Args:
        bright_population: α, the probability that a memory emits, in (0, 1); about the infidelity of the pair.
        visibility: of the interference of two photons (Hong–Ou–Mandel), in [0, 1]; the coherence of the
            pair has its square root.
        phase_jitter_rad: standard deviation of the phase between the two ways in radians; the coherence
            falls by exp(−σ²/2).
        emission_efficiency: probability that an emitted photon gets into the medium, in (0, 1].
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> pair = SinglePhotonHeralding(0.05).herald(Fiber(50))
    >>> round(pair.success_probability, 4), round(pair.fidelity, 4)
    (0.0314, 0.9576)
    """

    bright_population: float
    """α, the probability that a memory emits."""
    _: KW_ONLY
    visibility: float = 1.0
    """Visibility of the interference of two photons."""
    phase_jitter_rad: float = 0.0
    """Standard deviation of the phase between the two ways in radians."""
    emission_efficiency: float = 1.0
    """Probability that an emitted photon gets into the medium."""

    def __post_init__(self) -> None:
        super().__post_init__()
        alpha = validation.positive("bright_population", self.bright_population, at_most=1.0)
        if alpha == 1:
            raise ValueError("bright_population must be below 1, got 1: two bright memories are not entangled")
        object.__setattr__(self, "bright_population", alpha)
        object.__setattr__(self, "visibility", validation.probability("visibility", self.visibility))
        jitter = validation.number("phase_jitter_rad", self.phase_jitter_rad, at_least=0.0)
        object.__setattr__(self, "phase_jitter_rad", jitter)
        emitted = validation.positive("emission_efficiency", self.emission_efficiency, at_most=1.0)
        object.__setattr__(self, "emission_efficiency", emitted)

    def _attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        arms, detector = arms_of(medium), single(detectors, type(self).__name__)
        counted = self.emission_efficiency * detector.efficiency
        left, right = counted * arms.left.transmittance, counted * arms.right.transmittance
        alpha, noise = self.bright_population, detector.noise_probability_each(2)
        dark = 2 * noise * (1 - noise)  # exactly one of the two detectors, without a photon
        quiet = 1 - noise  # the other detector, beside a photon's click
        nothing = (1 - alpha) ** 2 * dark
        one_left = alpha * (1 - alpha) * (left * quiet + (1 - left) * dark)
        one_right = alpha * (1 - alpha) * (right * quiet + (1 - right) * dark)
        bunched = (1 + self.visibility) / 2 * left * right
        arrived = bunched + left * (1 - right) + right * (1 - left)
        two = alpha**2 * (arrived * quiet + (1 - left) * (1 - right) * dark)
        coherence = sqrt(self.visibility) * exp(-(self.phase_jitter_rad**2) / 2) * (1 - 2 * detector.misalignment)
        coherent = alpha * (1 - alpha) * sqrt(left * right) * quiet * coherence
        single_ = (one_left + one_right) / 2
        even = (nothing + two) / 2
        total = nothing + one_left + one_right + two
        state = _normalized(single_ + coherent, single_ - coherent, even, even)
        return Outcome(total, state, total, 2 * max(arms.left.delay_s, arms.right.delay_s))


def _normalized(a: float, b: float, c: float, d: float) -> Populations:
    # Rounding may leave a population that vanishes a little below zero.
    a, b, c, d = (max(0.0, population) for population in (a, b, c, d))
    whole = a + b + c + d
    return (a / whole, b / whole, c / whole, d / whole) if whole else (0.25, 0.25, 0.25, 0.25)
