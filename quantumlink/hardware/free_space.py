"""Light through air or vacuum between two telescopes: see `Optics` for the formulas."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from math import prod

from quantumlink import validation
from quantumlink.circuits import PauliChannel
from quantumlink.hardware.capacity import plob_bits
from quantumlink.hardware.fiber import SPEED_OF_LIGHT_KM_S
from quantumlink.hardware.optics import Optics, decibels


@dataclass(frozen=True, repr=False)
class FreeSpace(Optics):
    """A path through air or vacuum.

    Args:
        distance_km: from telescope to telescope in km, zero or more.
        elevation_deg: of the path above the horizon, in [0, 90] degrees; it sets the air mass, by which
            ``zenith_loss_db`` is multiplied.
        wavelength_nm: and all the others are keywords, as described in `Optics`: ``receiver_diameter_m``,
            ``beam_waist_m`` or ``divergence_rad`` with its ``divergence_angle``, ``pointing_jitter_rad``, …

    Raises:
        ValueError: if a value is out of its range, or the beam narrower than diffraction allows.
        TypeError: if one is not a number.

    >>> path = FreeSpace(distance_km=1200, wavelength_nm=850, beam_waist_m=0.15, receiver_diameter_m=1.0)
    >>> round(path.transmittance, 4), round(path.beam_radius_m, 3)
    (0.1008, 2.17)
    >>> {cause: round(loss, 2) for cause, loss in path.losses_db.items() if loss}
    {'diffraction': 9.97}
    """

    distance_km: float
    """From telescope to telescope in km."""
    _: KW_ONLY
    elevation_deg: float = 90.0
    """Of the path above the horizon, in degrees."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance_km", validation.number("distance_km", self.distance_km, at_least=0.0))
        elevation = validation.number("elevation_deg", self.elevation_deg, at_least=0.0, at_most=90.0)
        object.__setattr__(self, "elevation_deg", elevation)
        super().__post_init__()

    @property
    def beam_radius_m(self) -> float:
        """1/e² radius w of the beam at the receiver, in m, jitter and turbulence left out."""
        z = self.distance_km * 1e3
        return float((self.waist_m**2 + (self.half_angle_rad * z) ** 2) ** 0.5)

    @cached_property
    def transmittance(self) -> float:
        """The fraction of photons that arrive, the mean over jitter and turbulence."""
        return float(prod(self.transmitted(self.distance_km, self.elevation_deg).values()))

    @property
    def losses_db(self) -> dict[str, float]:
        """The loss in dB by its causes."""
        factors = self.transmitted(self.distance_km, self.elevation_deg)
        return {cause: decibels(factor) for cause, factor in factors.items()}

    @property
    def loss_db(self) -> float:
        """The whole loss in dB."""
        return decibels(self.transmittance)

    @property
    def delay_s(self) -> float:
        """The time of flight in seconds, in vacuum."""
        return self.distance_km / SPEED_OF_LIGHT_KM_S

    @property
    def channel(self) -> PauliChannel | None:
        """What happens to the polarization of a photon that arrives; None if nothing."""
        if not self.depolarization:
            return None
        return PauliChannel(*[self.depolarization / 4] * 3)

    @property
    def plob_bits(self) -> float:
        """The most secret bits per use without a repeater, −log₂(1 − η) (Pirandola et al. 2017)."""
        return plob_bits(self.transmittance)

    def half(self) -> FreeSpace:
        """The way from its middle to either end, by the same telescopes; weather and depolarization halved.

        Two halves do not multiply to the whole: a beam that starts in the middle spreads less.

        Raises:
            ValueError: if the path leaves the atmosphere: its two halves differ.
        """
        if self.zenith_loss_db or self.seeing_rad:
            raise ValueError(
                "a path through the layers of the atmosphere (zenith_loss_db, seeing_rad) has no equal halves: "
                "give its two arms, Arms(left, right)"
            )
        half_mixed = self.depolarization / (1 + (1 - self.depolarization) ** 0.5)  # 1 − √(1 − λ)
        return replace(
            self,
            distance_km=self.distance_km / 2,
            weather_loss_db=self.weather_loss_db / 2,
            depolarization=half_mixed,
        )
