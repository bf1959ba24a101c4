"""Attacks on how a receiver really works: pulses with several photons, and detectors that can be blinded.

References:
    G. Brassard, N. Lütkenhaus, T. Mor, B. C. Sanders, Phys. Rev. Lett. 85, 1330 (2000): photon-number splitting.
    L. Lydersen et al., Nat. Photonics 4, 686 (2010): blinding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import ClassVar

import numpy as np
from qiskit.circuit import QuantumCircuit, QuantumRegister

from quantumlink import validation
from quantumlink.circuits import intercept_resend
from quantumlink.program import RandomSetting
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper, Floats, renamed
from quantumlink.qkd.eavesdropping.information import EveInformation
from quantumlink.qkd.eavesdropping.overheard import Overheard
from quantumlink.qkd.photon_numbers import thinned


@dataclass(frozen=True)
class PhotonNumberSplitting(Eavesdropper):
    """Count the photons of a pulse without touching them, keep one where there are several, block single ones.

    What is left goes to Bob through a medium of her own. She measures her photon once the basis is announced, so
    she knows every bit of a pulse with several photons, and makes no error at all.

    Args:
        fraction: share of the pulses she attacks, in [0, 1].
        blocked: share of the single photons that she stops, in [0, 1]; None for as many as leaves Bob the count
            rate that he expects of signal pulses (decoy pulses then give her away).
        transmittance: of her medium, in [0, 1]; with None it is lossless, or, where single photons alone cannot
            make up for that, as lossy as leaves Bob the count rate he expects.

    Raises:
        ValueError: if a value is out of range, or the session sends single photons.

    >>> PhotonNumberSplitting(0.5)
    PhotonNumberSplitting(fraction=0.5, blocked=None, transmittance=None)
    """

    blocked: float | None = None
    """Share of the single photons that she stops."""
    transmittance: float | None = None
    """Of her own medium."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("blocked", "transmittance"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, validation.probability(name, getattr(self, name)))

    def circuit(self) -> QuantumCircuit:
        """Nothing: what she lets pass she does not touch."""
        return QuantumCircuit(QuantumRegister(1, "signal"), name="photon_number_splitting")

    def tuned(self, session: Overheard) -> Eavesdropper:
        """With numbers in the place of None, and Bob's detectors counted in.

        Raises:
            ValueError: if the session sends single photons.
        """
        if not session.has_pulses:
            raise ValueError(
                f"eavesdropper {self!r} splits pulses, and {type(session).__name__} sends single photons: "
                f"use DecoyBB84"
            )
        efficiency, photons = session.receiver.efficiency, session.photons()[0][1]
        natural = 1 - thinned(photons, session.medium.transmittance * efficiency)[0]
        passes = (1.0 if self.transmittance is None else self.transmittance) * efficiency
        blocked = self.blocked
        if blocked is None:
            several = 1 - self._with(1.0, passes).arrivals(photons, 1.0)[0]
            every = 1 - self._with(0.0, passes).arrivals(photons, 1.0)[0]
            blocked = 1.0 if every <= several else float(np.clip((every - natural) / (every - several), 0.0, 1.0))
            if several > natural and self.transmittance is None:
                passes = self._lossy(photons, natural, passes)
        return self._with(blocked, passes)

    def _with(self, blocked: float, passes: float) -> PhotonNumberSplitting:
        return replace(self, blocked=blocked, transmittance=passes)

    def _lossy(self, photons: Floats, natural: float, passes: float) -> float:
        """The transmittance at which pulses of several photons alone give the natural count rate, by bisection."""
        low, high = 0.0, passes
        for _ in range(60):
            middle = (low + high) / 2
            gain = 1 - self._with(1.0, middle).arrivals(photons, 1.0)[0]
            low, high = (middle, high) if gain < natural else (low, middle)
        return low

    def arrivals(self, photons: Floats, transmittance: float) -> Floats:
        """What is left of each pulse, through her medium in the place of the given one."""
        if self.blocked is None or self.transmittance is None:
            return thinned(photons, transmittance)
        left = np.zeros(max(len(photons) - 1, 2))
        left[0] = photons[0]
        if len(photons) > 1:
            left[0] += photons[1] * self.blocked
            left[1] += photons[1] * (1 - self.blocked)
        left[1 : len(photons) - 1] += photons[2:]
        return thinned(left, self.transmittance)

    def information(self, session: Overheard) -> EveInformation:
        """All of the bits of pulses with several photons that she attacked, nothing of the others."""
        share = session.attacked_share()
        known = share * session.several_photons_share(attacked=True)
        return EveInformation(holevo=known, mutual=known, guess=(1 + known) / 2, attacked=share)


@dataclass(frozen=True)
class DetectorBlinding(Eavesdropper):
    """Blind Bob's detectors by bright light, and make them click at will: a model of a broken receiver.

    She measures each qubit in Z or X, and sends a bright pulse that clicks only if Bob measures in the same basis:
    his bit is hers. She sends twice as often as photons would have arrived, so that the count rate stays, up to
    where it cannot. There are no errors, and she knows everything.

    No bound covers it: each assumes that a click has nothing to do with the basis that was chosen. The
    session says so and gives no key, though the numbers look perfect.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].

    Raises:
        ValueError: if the fraction is out of range, or Bob's settings are not named bases.

    >>> DetectorBlinding(0.1).outside_model
    'clicks depend on the basis that Bob chose (blinded detectors): look for bright light at the receiver'
    """

    outside_model: ClassVar[str | None] = (
        "clicks depend on the basis that Bob chose (blinded detectors): look for bright light at the receiver"
    )

    def circuit(self) -> QuantumCircuit:
        """Intercept and resend, the angle of her basis as a parameter."""
        return renamed(intercept_resend(phi=0.0), {"q": "signal"}, name="detector_blinding")

    def settings(self) -> tuple[RandomSetting, ...]:
        """Z or X."""
        (theta,) = self.circuit().parameters
        return (RandomSetting((theta,), ((0.0,), (pi / 2,))),)

    def tuned(self, session: Overheard) -> Eavesdropper:
        """The same, if Bob's settings are named bases and his clicks are all hers.

        Raises:
            ValueError: if they are not.
        """
        if not session.names_bases:
            raise ValueError(
                f"eavesdropper {self!r} needs a protocol with bases, {type(session).__name__} has none"
            )
        return self

    def arrivals(self, photons: Floats, transmittance: float) -> Floats:
        """A pulse that may click, twice as often as a photon would have arrived."""
        gain = min(1.0, 2 * (1 - float(thinned(photons, transmittance)[0]) / max(photons.sum(), 1e-300)))
        return np.array([1 - gain, gain]) * float(photons.sum())

    def responds(self, basis: str | None, draw: int) -> float:
        """Whether Bob's basis is hers."""
        return float(basis == ("Z", "X")[draw])
