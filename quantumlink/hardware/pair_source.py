"""Sources of photon pairs, in the middle of a link or at one of its nodes.

Each photon that travels ends in a receiver (`Detector`), whose click heralds its arrival; the pair is
heralded when both have clicked. A click without a photon is an accident. The state is that of the two
qubits that such receivers hand on or read: its error rates are those a measurement at the ends finds, noise
counts, misalignment and double clicks included.

A source gives one pair an attempt, or none; or, with ``mean_pairs`` μ, it is parametric down-conversion, whose
two polarizations hold n pairs with probability λⁿ/(1+λ)ⁿ⁺¹ each, λ = μ/2. Then, exactly for threshold detectors
(η efficiencies with the media, Y₀ noise),

    Q = 1 − (1−Y₀ᴬ)/(1+η_Aλ)² − (1−Y₀ᴮ)/(1+η_Bλ)² + (1−Y₀ᴬ)(1−Y₀ᴮ)/(1+(η_A+η_B−η_Aη_B)λ)²
    (1−2E)Q = 2·η_Aη_B·λ(1+λ) / [(1+η_Aλ)(1+η_Bλ)(1+(η_A+η_B−η_Aη_B)λ)]

times the contrast of either detector (Ma, Fung, Lo 2007). Q falls together with 1 − 2E in every basis alike, as
the n-pair states are singlets: the state is the Werner state of these error rates. Errors of the media are taken
to act on all photons of an attempt alike.

References:
    X. Ma, C.-H. F. Fung, H.-K. Lo, Phys. Rev. A 76, 012307 (2007): down-conversion with threshold detectors.
    P. Kok, S. L. Braunstein, Phys. Rev. A 61, 042304 (2000): its photon-number statistics.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.hardware.arms import arms_of
from quantumlink.hardware.bell_diagonal import Populations, combined, through, werner
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.source import Outcome, PhotonicSource

Side = Literal["left", "right"]
"""One of the two ends of a link."""

SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, kw_only=True, repr=False)
class _PairSource(PhotonicSource):
    """What the two sources of pairs have in common."""

    fidelity: float = 1.0
    """Fidelity F of a pair as it is made, a Werner state."""
    pair_probability: float = 1.0
    """Probability that an attempt makes a pair; never more than one."""
    mean_pairs: float | None = None
    """Mean number μ of pairs per attempt, of a source by down-conversion; instead of ``pair_probability``."""
    coupling_efficiency: float = 1.0
    """Probability that a photon of the pair gets into the medium."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fidelity = validation.number("fidelity", self.fidelity, at_least=0.25, at_most=1.0)
        object.__setattr__(self, "fidelity", fidelity)
        for name in ("pair_probability", "coupling_efficiency"):
            object.__setattr__(self, name, validation.positive(name, getattr(self, name), at_most=1.0))
        if self.mean_pairs is None:
            return
        object.__setattr__(self, "mean_pairs", validation.positive("mean_pairs", self.mean_pairs))
        if self.pair_probability != 1:
            raise ValueError(
                f"give pair_probability (a pair at most) or mean_pairs (down-conversion), not both; got "
                f"{self.pair_probability!r} and {self.mean_pairs!r}"
            )

    def clicks(self, medium: Medium, detector: Detector | tuple[Detector, Detector]) -> tuple[float, float, float]:
        """The probabilities, of one attempt, that both ends click, that the left one does, that the right one does.

        Args:
            medium: what lies between the ends.
            detector: one for both, or one each for the left and the right end.
        """
        arms = self._receivers(medium, detector)
        both, _ = self._clicks(*arms)
        p = self.pair_probability
        if self.mean_pairs is None:
            left, right = (p * arm.click + (1 - p) * arm.noise for arm in arms)
        else:
            left, right = (_some_clicks(arm, self.mean_pairs / 2) for arm in arms)
        return both, left, right

    @abstractmethod
    def _receivers(
        self, medium: Medium, detectors: tuple[Detector, Detector] | Detector
    ) -> tuple[_Receiver, _Receiver]:
        """The receivers of the left and of the right end."""

    def _clicks(self, left: _Receiver, right: _Receiver) -> tuple[float, float]:
        """Probability that both click, and the part of it in which the pair is the one that was made."""
        contrast = left.contrast * right.contrast
        if self.mean_pairs is not None:
            return _down_converted(left, right, self.mean_pairs / 2, contrast)
        p = self.pair_probability
        accidents = (1 - p) * left.noise * right.noise
        return p * left.click * right.click + accidents, p * left.eta * right.eta * contrast

    def _outcome(
        self, arms: tuple[_Receiver, _Receiver], errors: Populations, light_s: float, message_s: float
    ) -> Outcome:
        total, good = self._clicks(*arms)
        return Outcome(good, combined(werner(self.fidelity), errors), total, light_s, message_s)


@dataclass(frozen=True)
class _Receiver:
    """One end of a pair: how likely its photon is counted, how likely a noise count, how true its bit."""

    eta: float
    noise: float = 0.0
    contrast: float = 1.0

    @property
    def click(self) -> float:
        """Probability to click if a photon is sent."""
        return self.noise + self.eta * (1 - self.noise)


@dataclass(frozen=True, kw_only=True, repr=False)
class MidpointSource(_PairSource):
    """A source of pairs in the middle: either photon goes one half of the medium.

    An attempt lasts until the photons have arrived and each end has told the other, one and a half times
    the way; or 1/``clock_hz``, its pair then being heralded as late.

    Args:
        fidelity: of a pair as it is made (Werner), in [1/4, 1].
        pair_probability: that an attempt makes a pair, in (0, 1]; never more than one.
        mean_pairs: mean number of pairs per attempt by down-conversion, instead.
        coupling_efficiency: probability that a photon gets into the medium, in (0, 1].
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> pair = MidpointSource(fidelity=0.98).herald(Fiber(50), detector=Detector(0.9))
    >>> round(pair.success_probability, 12), round(pair.fidelity, 12)
    (0.081, 0.98)
    """

    def reversed(self) -> MidpointSource:
        """The same source: it is in the middle."""
        return self

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""
        arms = arms_of(medium)
        errors = combined(through(arms.left.channel), through(arms.right.channel))
        return self._outcome(self._receivers(medium, detectors), errors, arms.longer_s, arms.delay_s)

    def _receivers(
        self, medium: Medium, detectors: tuple[Detector, Detector] | Detector
    ) -> tuple[_Receiver, _Receiver]:
        arms = arms_of(medium)
        left, right = (detectors, detectors) if isinstance(detectors, Detector) else detectors
        return self._receiver(arms.left, left), self._receiver(arms.right, right)

    def _receiver(self, medium: Medium, detector: Detector) -> _Receiver:
        detector = detector.beside(medium)
        eta = self.coupling_efficiency * medium.transmittance * detector.efficiency
        return _Receiver(eta, detector.noise_probability, detector.contrast)


@dataclass(frozen=True, repr=False)
class NodeSource(_PairSource):
    """A source of pairs at one node, which keeps one photon and sends the other all the way.

    One detector stands for the far end, where the photon arrives; the kept photon is stored without loss but
    that of ``kept_efficiency``. With two detectors, both photons are measured on arrival. An attempt lasts
    until the photon has arrived and the message is back, twice the way; or 1/``clock_hz``, its pair then being
    heralded as late. What the kept photon's memory loses meanwhile is not in the state: ``simulate(link,
    stored="attempt")`` counts it.

    Args:
        at: at which end the source is, ``"left"`` or ``"right"``.
        kept_efficiency: probability that the kept photon is stored, and known to be, in (0, 1].
        fidelity: of a pair as it is made (Werner), in [1/4, 1].
        pair_probability: that an attempt makes a pair, in (0, 1]; never more than one.
        mean_pairs: mean number of pairs per attempt by down-conversion, instead.
        coupling_efficiency: probability that the photon sent gets into the medium, in (0, 1].
        clock_hz: attempts per second, if none waits for messages.
        preparation_s: time before the photons leave.

    Raises:
        ValueError: if a value is out of its range, or two that exclude each other are given.
        TypeError: if one is not a number.

    >>> from quantumlink.hardware import Fiber
    >>> NodeSource().herald(Fiber(50)).success_probability
    0.1
    """

    in_the_middle = False

    at: Side = "left"
    """At which end the source is."""
    _: KW_ONLY
    kept_efficiency: float = 1.0
    """Probability that the kept photon is stored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.choice("at", self.at, SIDES)
        kept = validation.positive("kept_efficiency", self.kept_efficiency, at_most=1.0)
        object.__setattr__(self, "kept_efficiency", kept)

    def reversed(self) -> NodeSource:
        """The same source, of a link told from its other end."""
        return replace(self, at="right" if self.at == "left" else "left")

    def attempt(self, medium: Medium, detectors: tuple[Detector, Detector] | Detector) -> Outcome:
        """One attempt over a medium at rest."""
        kept, arriving = self._receivers(medium, detectors)
        if self.at == "right":
            kept, arriving = arriving, kept
        return self._outcome((kept, arriving), through(medium.channel), medium.delay_s, medium.delay_s)

    def _receivers(
        self, medium: Medium, detectors: tuple[Detector, Detector] | Detector
    ) -> tuple[_Receiver, _Receiver]:
        kept = _Receiver(self.kept_efficiency)
        if isinstance(detectors, Detector):
            far = detectors
        else:
            near, far = detectors if self.at == "left" else detectors[::-1]
            kept = _Receiver(self.kept_efficiency * near.efficiency, near.noise_probability, near.contrast)
        far = far.beside(medium)
        eta = self.coupling_efficiency * medium.transmittance * far.efficiency
        arriving = _Receiver(eta, far.noise_probability, far.contrast)
        return (kept, arriving) if self.at == "left" else (arriving, kept)


def _some_clicks(end: _Receiver, pairs: float) -> float:
    """The probability that one end clicks, of ``pairs`` λ in either polarization."""
    a = 1 + end.eta * pairs
    return ((a + 1) * end.eta * pairs + end.noise) / a**2


def _down_converted(left: _Receiver, right: _Receiver, pairs: float, contrast: float) -> tuple[float, float]:
    """Q and (1 − 2E)·Q as at the top of the module, of ``pairs`` λ in either polarization.

    Q is written as a sum of small positive terms, u_A·u_B + …, u = 1 − (1 − Y₀)/(1 + ηλ)² for either end: the
    plain difference would lose its digits where photons are rare.
    """
    a, b = 1 + left.eta * pairs, 1 + right.eta * pairs
    together = left.eta * right.eta * pairs
    either = a + b - 1 - together
    click_a, click_b = _some_clicks(left, pairs), _some_clicks(right, pairs)
    # a·b − either: what the two ends have in common.
    common = together * (1 + pairs)
    silent = (1 - left.noise) * (1 - right.noise)
    total = click_a * click_b + silent * common * (a * b + either) / (a * b * either) ** 2
    return total, 2 * common / (a * b * either) * contrast
