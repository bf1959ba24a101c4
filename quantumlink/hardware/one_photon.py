"""Schemes in which a memory that is bright sends a photon, and one click in the middle entangles two memories.

Memory and photon are in √(1−α)|0⟩|no photon⟩ + √α|1⟩|photon⟩; the ways meet on a 50:50 beam splitter with two
detectors. One click alone makes |01⟩ + e^(iθ)|10⟩, θ the phase between the ways, but for the probability of about α
that both had sent a photon, |11⟩. An X at one end makes Φ⁺ of Ψ⁺ where θ = 0, and |10⟩ of |11⟩ (left qubit first,
the X at the right end). This is the state that is given, with its |10⟩ and its phase: no mixture of Bell states.
Two such pairs of one θ are distilled to a perfect one by `quantumlink.circuits.epl`, whatever θ is.

Which detectors click: let S₁ be the probability that no photon is counted by one of them, S₀ that none is by
either. Exactly one clicks with 2[(1−d)·S₁ − (1−d)²·S₀], d the probability of a noise count each.

- A bright memory's photon: S₁ = 1 − η/2, S₀ = 1 − η.
- Two memories' photons, V the visibility of their interference, e the probability that a photon goes to the wrong
  detector: S₀ = (1−η_A)(1−η_B), S₁ = S₀ + (1−S₀)/2 − η_Aη_B(1−V(1−2e)²)/4.
- A second photon of a memory that is excited twice, with probability p, is like another independent one, and
  reveals that the memory is bright: the coherence falls by 1 − p.

In two rounds (Barrett and Kok) α = ½, and between them both memories are flipped: each sends a photon in one of the
rounds, |00⟩ and |11⟩ are ruled out but for noise, and the phase drops out if it is the same in both.

References:
    C. Cabrillo, J. I. Cirac, P. García-Fernández, P. Zoller, Phys. Rev. A 59, 1025 (1999): one photon.
    S. D. Barrett, P. Kok, Phys. Rev. A 71, 060310 (2005): two rounds.
    P. C. Humphreys et al., Nature 558, 268 (2018): one photon in practice, bright-state population.
    S. L. N. Hermans et al., New J. Phys. 25, 013011 (2023): double excitation, visibility and phase.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from math import exp, inf, pi, sqrt

import numpy as np

from quantumlink import validation
from quantumlink.hardware.arms import Arms, arms_of
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.pair_source import SIDES, Side
from quantumlink.hardware.source import Outcome, PhotonicSource, single


@dataclass(frozen=True)
class _Round:
    """How often exactly one detector clicks, given which memories are bright."""

    nothing: float
    left: float
    right: float
    both: float
    coherent: float
    """How much of the coherence between the two memories one click leaves, as a probability."""


@dataclass(frozen=True, kw_only=True, repr=False)
class _OnePhoton(PhotonicSource):
    """What the schemes have in common."""

    visibility: float = 1.0
    """Visibility of the interference of two photons."""
    phase_jitter_rad: float = 0.0
    """Standard deviation of the phase in radians."""
    emission_efficiency: float = 1.0
    """Probability that an emitted photon gets into the medium."""
    double_excitation: float = 0.0
    """Probability that a bright memory emits a second photon."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("visibility", "double_excitation"):
            object.__setattr__(self, name, validation.probability(name, getattr(self, name)))
        jitter = validation.number("phase_jitter_rad", self.phase_jitter_rad, at_least=0.0)
        object.__setattr__(self, "phase_jitter_rad", jitter)
        emitted = validation.positive("emission_efficiency", self.emission_efficiency, at_most=1.0)
        object.__setattr__(self, "emission_efficiency", emitted)

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        arms = arms_of(medium)
        detector = single(detectors, type(self).__name__).beside(arms.left, arms.right)
        return self._herald(self._round(arms, detector), arms.longer_s)

    @abstractmethod
    def _herald(self, one: _Round, way_s: float) -> Outcome:
        """What follows of a round and the way of a photon, and of its message."""

    def _round(self, arms: Arms, detector: Detector) -> _Round:
        counted = self.emission_efficiency * detector.efficiency
        left, right = counted * arms.left.transmittance, counted * arms.right.transmittance
        noise, twice = detector.noise_probability_each(2), self.double_excitation
        aligned = 1 - 2 * detector.misalignment

        def one_click(alone: float, silent: float) -> float:
            """Of light at one detector alone, and at none; not one silent less both: that loses faint light."""
            return 2 * (1 - noise) * (alone + noise * silent)

        def from_one(eta: float) -> float:
            return one_click(eta / 2 * (1 + twice - 1.5 * twice * eta), (1 - eta) * (1 - twice * eta))

        silent = (1 - left) * (1 - right)
        together = self.visibility * aligned**2  # how much more often than by chance both are at one detector
        alone = (left + right - left * right) / 2 - left * right * (1 - together) / 4
        # Of second photons: none at one detector, none at both.
        one_dark, both_dark = (
            (1 - twice * left / 2) * (1 - twice * right / 2),
            (1 - twice * left) * (1 - twice * right),
        )
        further = twice / 2 * (left * (1 - twice * right / 2) + right * (1 - twice * left))
        return _Round(
            2 * noise * (1 - noise),
            from_one(left),
            from_one(right),
            one_click(alone * one_dark + silent * further, silent * both_dark),
            sqrt(left * right) * (1 - noise) * sqrt(self.visibility) * (1 - twice) * aligned,
        )


def _outcome(
    neither: float, left: float, right: float, both: float, coherence: complex, light_s: float, message_s: float
) -> Outcome:
    """Of the memories' bits before the X at the right end: its index is left + 2·right after it."""
    total = neither + left + right + both
    state = np.zeros((4, 4), dtype=np.complex128)
    np.fill_diagonal(state, [right, both, neither, left])
    state[3, 0], state[0, 3] = coherence, np.conj(coherence)
    if not total:
        state, total = np.eye(4, dtype=np.complex128), 0.0
    return Outcome(total, state / np.trace(state), total, light_s, message_s)


@dataclass(frozen=True, repr=False)
class SinglePhotonHeralding(_OnePhoton):
    """Both ends send a photon with a small amplitude; one click in the middle entangles the memories.

    An attempt lasts until the photons have arrived and the result is back: the way of one arm, twice; or
    1/``clock_hz``. The photon stands for its number, so that a medium's errors of the polarization do not
    matter; noise counts are those of the station, shared by its two detectors. A misaligned photon clicks at the
    wrong one of them. Success falls as √η of the whole medium only: the station in the middle does what a
    repeater does, and the bound is that of one arm, not of the whole.

    Args:
        bright_population: α, the probability that a memory emits, in (0, 1); about the infidelity of the pair.
        visibility: of the interference of two photons (Hong–Ou–Mandel), in [0, 1]; the coherence of the
            pair has its square root.
        phase_jitter_rad: standard deviation of the phase between the two ways in radians; the coherence
            falls by exp(−σ²/2).
        phase_rad: the mean phase θ itself, where it is not compensated.
        corrected: ``"left"`` or ``"right"``, the end with the X.
        emission_efficiency: probability that an emitted photon gets into the medium, in (0, 1].
        double_excitation: probability that a bright memory emits a second photon.
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
    phase_rad: float = 0.0
    """Mean phase between the two ways in radians."""
    corrected: Side = "right"
    """At which end the X is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        alpha = validation.positive("bright_population", self.bright_population, at_most=1.0)
        if alpha == 1:
            raise ValueError("bright_population must be below 1, got 1: two bright memories are not entangled")
        object.__setattr__(self, "bright_population", alpha)
        object.__setattr__(self, "phase_rad", validation.number("phase_rad", self.phase_rad))
        validation.choice("corrected", self.corrected, SIDES)

    def reversed(self) -> SinglePhotonHeralding:
        """The same source, of a link told from its other end."""
        return replace(self, phase_rad=-self.phase_rad, corrected="left" if self.corrected == "right" else "right")

    def _herald(self, one: _Round, way_s: float) -> Outcome:
        alpha = self.bright_population
        odd = alpha * (1 - alpha)
        phase = complex(np.exp(1j * self.phase_rad)) * exp(-(self.phase_jitter_rad**2) / 2)
        neither, both = (1 - alpha) ** 2 * one.nothing, alpha**2 * one.both
        left, right = odd * one.left, odd * one.right
        if self.corrected == "left":  # an X at both ends of what the other one gives
            neither, both, left, right, phase = both, neither, right, left, phase.conjugate()
        return _outcome(neither, left, right, both, odd * one.coherent * phase, way_s, way_s)


@dataclass(frozen=True, kw_only=True, repr=False)
class BarrettKok(_OnePhoton):
    """One click in each of two rounds, the memories flipped in between: at most half of the attempts succeed.

    Each memory sends a photon in one of the rounds. An attempt lasts for the way of one arm, twice, and the time
    between the rounds; or 1/``clock_hz``. The rest is as for `SinglePhotonHeralding`; that a first round without a
    click could be broken off is not counted.

    Args:
        visibility: of the interference of two photons (Hong–Ou–Mandel), in [0, 1]; so large is the coherence.
        phase_jitter_rad: standard deviation of how much the phase between the ways changes from the first round to
            the second; the coherence falls by exp(−σ²/2).
        round_s: time between the rounds in seconds.
        emission_efficiency: probability that an emitted photon gets into the medium, in (0, 1].
        double_excitation: probability that a bright memory emits a second photon.
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> pair = BarrettKok(visibility=0.9).herald(Fiber(50))
    >>> round(pair.success_probability, 12), round(pair.fidelity, 12)
    (0.05, 0.95)
    """

    round_s: float = 0.0
    """Time between the rounds in seconds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "round_s", validation.number("round_s", self.round_s, at_least=0.0))

    def reversed(self) -> BarrettKok:
        """The same source: it is in the middle."""
        return self

    def _herald(self, one: _Round, way_s: float) -> Outcome:
        odd, even = one.left * one.right / 4, one.nothing * one.both / 4
        coherence = one.coherent**2 / 4 * exp(-(self.phase_jitter_rad**2) / 2)
        return _outcome(even, odd, odd, even, coherence, way_s + self.round_s, way_s)


def interference_visibility(
    lifetimes_s: tuple[float, float],
    *,
    detuning_hz: float = 0.0,
    dephasing_s: tuple[float, float] = (inf, inf),
    delay_s: float = 0.0,
) -> float:
    """Visibility of the interference of two emitters' photons, by their spectral overlap (Kambs, Becher 2018).

    Exponential wave packets of decay rates γ = 1/lifetime, pure dephasing γ* = 1/time, at Γ = Σγ + 2Σγ* and
    angular detuning Δ: V = 4γ₁γ₂/(γ₁ + γ₂)·Γ/(Γ² + 4Δ²), and exp(−γ·delay) of the earlier one for a delay.

    Args:
        lifetimes_s: of the two excited states in seconds.
        detuning_hz: difference of the two frequencies in Hz (not angular).
        dephasing_s: times of pure dephasing of the two, T2* in seconds.
        delay_s: how much later the second photon begins, in seconds.

    Raises:
        ValueError: if a time is not positive, or a value not finite.

    Reference:
        B. Kambs, C. Becher, New J. Phys. 20, 115003 (2018).

    >>> round(interference_visibility((12e-9, 12e-9), detuning_hz=5e6), 4)
    0.8756
    """
    first, second = (1 / validation.lifetime("lifetimes_s", t) for t in lifetimes_s)
    pure = sum(1 / validation.lifetime("dephasing_s", t) for t in dephasing_s)
    angular = 2 * pi * validation.number("detuning_hz", detuning_hz)
    delay = validation.number("delay_s", delay_s)
    width = first + second + 2 * pure
    overlap = 4 * first * second / (first + second) * width / (width**2 + 4 * angular**2)
    return overlap * exp(-(first if delay > 0 else second) * abs(delay))
