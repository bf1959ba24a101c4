"""A Gaussian beam from one telescope to another: how much of it is collected, and what takes the rest.

The beam leaves with waist radius w₀ and half-angle θ and has the radius w(z) = √(w₀² + (θz)²) after z, where
its intensity is 1/e² of that on its axis; with θ = λ/(πw₀), the least that diffraction allows, this is the
textbook w₀·√(1 + (z/z_R)²). A receiver of radius a on the axis collects 1 − exp(−2a²/w²).

Jitter moves the axis by a Gaussian of standard deviation σ per axis at the receiver. The mean profile is then
Gaussian again, of radius W with W² = w² + 4σ², so that the mean 1 − exp(−2a²/W²) is exact for any aperture.
(The familiar factor w²/(w² + 4σ²) is its limit for a receiver much smaller than the beam.) Turbulence close to
the transmitter spreads the beam likewise: its long-time mean is the beam convolved with the seeing disk.

References:
    B. E. A. Saleh, M. C. Teich, Fundamentals of Photonics, ch. 3: Gaussian beams.
    D. L. Fried, J. Opt. Soc. Am. 56, 1372 (1966): seeing, and its growth with air mass to the power 3/5.
    F. Kasten, A. T. Young, Appl. Opt. 28, 4735 (1989): air mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware.said import said

DivergenceAngle = Literal["half", "full"]
"""Which angle of the 1/e² cone a divergence is: from its axis, or from edge to edge."""

DIVERGENCE_ANGLES: tuple[DivergenceAngle, ...] = get_args(DivergenceAngle)

_FWHM = 2 * sqrt(2 * log(2))
"""Full width at half maximum of a Gaussian over its standard deviation."""

_DIFFRACTION_ROUNDING = 1e-9
"""How far, relatively, a divergence may be below the limit: written with a rounded π, it is no impossible beam."""


def air_mass(elevation_deg: ArrayLike) -> FloatArray:
    """Air on the way at an elevation, relative to the zenith: 1/(sinθ + 0.50572·(θ° + 6.07995)^−1.6364).

    Kasten and Young (1989), good down to the horizon. The fit gives 0.9997 at the zenith; it is held at 1 there.

    >>> [round(float(x), 3) for x in air_mass([90, 30, 10, 0])]
    [1.0, 1.994, 5.586, 37.92]
    """
    theta = np.asarray(elevation_deg, dtype=np.float64)
    bent = np.sin(np.radians(theta)) + 0.50572 * (theta + 6.07995) ** -1.6364
    return np.asarray(np.maximum(1.0, 1 / bent))


@dataclass(frozen=True, kw_only=True, repr=False)
class Optics:
    """Two telescopes and the air between them: the part of `FreeSpace` that does not move.

    Args:
        wavelength_nm: wavelength in nm, above zero.
        receiver_diameter_m: diameter of the receiving telescope in m, above zero.
        beam_waist_m: radius w₀ of the beam at the transmitter in m, where the intensity is 1/e² of the middle's.
        divergence_rad: 1/e² divergence far away, instead of the waist, or beside it for a beam that spreads
            more than diffraction makes it.
        divergence_angle: ``"half"`` (from the axis) or ``"full"`` (edge to edge); must be said with
            a divergence, as taking one for the other is an error of 6 dB.
        receiver_obscuration_m: diameter of the shadow in the middle of the receiver in m.
        pointing_jitter_rad: standard deviation, per axis, of the direction of the beam.
        seeing_rad: full width at half maximum of a star's image at the zenith above the transmitter, if that
            stands under the atmosphere (one arc second is 4.85e-6); it grows with air mass to the power 3/5.
        zenith_loss_db: loss in the atmosphere towards the zenith in dB; multiplied by the air mass.
        weather_loss_db: haze, thin clouds: further loss on this path in dB.
        optics_efficiency: what both telescopes and couplings let pass, in (0, 1].
        depolarization: probability that the polarization of a photon that arrives is random.
    """

    wavelength_nm: float
    """Wavelength in nm."""
    receiver_diameter_m: float
    """Diameter of the receiving telescope in m."""
    beam_waist_m: float | None = None
    """1/e² radius of the beam at the transmitter in m."""
    divergence_rad: float | None = None
    """1/e² divergence far away, the angle as in ``divergence_angle``."""
    divergence_angle: DivergenceAngle | None = None
    """Which angle the divergence is."""
    receiver_obscuration_m: float = 0.0
    """Diameter of the shadow in the middle of the receiver in m."""
    pointing_jitter_rad: float = 0.0
    """Standard deviation, per axis, of the direction of the beam."""
    seeing_rad: float = 0.0
    """Full width at half maximum of a star's image at the zenith above the transmitter."""
    zenith_loss_db: float = 0.0
    """Loss in the atmosphere towards the zenith in dB."""
    weather_loss_db: float = 0.0
    """Further loss on this path in dB."""
    optics_efficiency: float = 1.0
    """What both telescopes and couplings let pass."""
    depolarization: float = 0.0
    """Probability that the polarization of a photon that arrives is random."""

    def __post_init__(self) -> None:
        for name in ("wavelength_nm", "receiver_diameter_m"):
            object.__setattr__(self, name, validation.positive(name, getattr(self, name)))
        for name in ("beam_waist_m", "divergence_rad"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, validation.positive(name, getattr(self, name)))
        numbers = ("receiver_obscuration_m", "pointing_jitter_rad", "seeing_rad", "zenith_loss_db")
        for name in (*numbers, "weather_loss_db"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        object.__setattr__(self, "depolarization", validation.probability("depolarization", self.depolarization))
        efficiency = validation.positive("optics_efficiency", self.optics_efficiency, at_most=1.0)
        object.__setattr__(self, "optics_efficiency", efficiency)
        if self.receiver_obscuration_m >= self.receiver_diameter_m:
            raise ValueError(
                f"receiver_obscuration_m must be less than the receiver_diameter_m ({self.receiver_diameter_m:g}), "
                f"got {self.receiver_obscuration_m!r}"
            )
        self._check_beam()

    def _check_beam(self) -> None:
        if self.beam_waist_m is None and self.divergence_rad is None:
            raise ValueError("give beam_waist_m, or divergence_rad with its divergence_angle; got neither")
        if self.divergence_rad is None:
            if self.divergence_angle is not None:
                raise ValueError(f"divergence_angle={self.divergence_angle!r} needs divergence_rad, got None")
            return
        if self.divergence_angle is None:
            raise ValueError(
                f"divergence_angle must say which angle divergence_rad={self.divergence_rad!r} is: "
                "'half' (from the axis) or 'full' (edge to edge), of the 1/e² cone"
            )
        validation.choice("divergence_angle", self.divergence_angle, DIVERGENCE_ANGLES)
        if self.beam_waist_m is None:
            return
        least = _half_angle(self.wavelength_nm, self.beam_waist_m)
        if self.half_angle_rad < least * (1 - _DIFFRACTION_ROUNDING):
            raise ValueError(
                f"the beam is narrower than diffraction allows: divergence_rad={self.divergence_rad!r} is a half "
                f"angle of {self.half_angle_rad:.4g} rad, but beam_waist_m={self.beam_waist_m!r} at "
                f"{self.wavelength_nm:g} nm spreads by λ/(π·w₀) = {least:.4g} rad at least"
            )

    @property
    def half_angle_rad(self) -> float:
        """The beam's divergence far away: the half angle of its 1/e² cone."""
        if self.divergence_rad is None:
            return _half_angle(self.wavelength_nm, self.waist_m)
        return self.divergence_rad / 2 if self.divergence_angle == "full" else self.divergence_rad

    @property
    def waist_m(self) -> float:
        """The beam's 1/e² radius at the transmitter; from a divergence alone, what diffraction makes of it."""
        if self.beam_waist_m is not None:
            return self.beam_waist_m
        return _half_angle(self.wavelength_nm, self.half_angle_rad)

    __repr__ = said

    def transmitted(self, distance_km: ArrayLike, elevation_deg: ArrayLike = 90.0) -> dict[str, FloatArray]:
        """What each cause of loss lets pass, in [0, 1]; the product is the transmittance.

        Args:
            distance_km: from telescope to telescope in km; broadcast with the elevations.
            elevation_deg: of the path above the horizon, in degrees.

        Returns:
            By ``"diffraction"``, ``"pointing"``, ``"turbulence"``, ``"atmosphere"``, ``"weather"``, ``"optics"``.
        """
        z, air = np.asarray(distance_km, dtype=np.float64) * 1e3, air_mass(elevation_deg)
        still = self.waist_m**2 + (self.half_angle_rad * z) ** 2
        moving = still + 4 * (self.pointing_jitter_rad * z) ** 2
        spread = moving + 4 * (self.seeing_rad / _FWHM * air**0.6 * z) ** 2
        alone, shaken, all_in_all = (self._collected(square) for square in (still, moving, spread))
        return {
            "diffraction": alone,
            "pointing": _ratio(shaken, alone),
            "turbulence": _ratio(all_in_all, shaken),
            "atmosphere": _passed(self.zenith_loss_db * air),
            "weather": _passed(self.weather_loss_db),
            "optics": np.asarray(self.optics_efficiency),
        }

    def _collected(self, radius_squared: FloatArray) -> FloatArray:
        """The share of a beam of this radius (squared, in m²) that the receiver collects."""
        outer = self.receiver_diameter_m**2 / 2 / radius_squared
        inner = self.receiver_obscuration_m**2 / 2 / radius_squared
        return np.asarray(np.exp(-inner) * -np.expm1(inner - outer))


def decibels(transmitted: Any) -> float:
    """A loss in dB; infinite if nothing passes."""
    with np.errstate(divide="ignore"):
        return abs(float(10 * np.log10(transmitted)))


def _half_angle(wavelength_nm: float, waist_m: float) -> float:
    """λ/(π·w₀); the same formula gives w₀ from the angle."""
    return wavelength_nm * 1e-9 / (pi * waist_m)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.ones_like(whole), where=whole > 0))


def _passed(loss_db: ArrayLike) -> FloatArray:
    return np.asarray(10 ** (-np.asarray(loss_db, dtype=np.float64) / 10))
