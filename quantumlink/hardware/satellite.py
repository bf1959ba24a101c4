"""A satellite that passes over a station: where it is, how much light gets through, and what that adds up to.

The orbit is a circle, the Earth a sphere, and time counts from the culmination, when the satellite is highest.
Within a pass the Earth's rotation is left out, unless the inclination of the orbit is given: then it is
taken into account by the speed over the ground, to some percent of the duration for low orbits.

As a `Medium` a pass is its mean over time, from the satellite's rise above ``min_elevation_deg`` to its setting.

References:
    J. Yin et al., Phys. Rev. Lett. 119, 200501 (2017): a downlink of 29 dB at 530 km to 36 dB at 1000 km.
    S.-K. Liao et al., Nature 549, 43 (2017): the telescopes, and the losses one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields
from functools import cached_property
from math import acos, cos, prod, radians
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import PauliChannel
from quantumlink.hardware.background_light import SKY_RADIANCE, TimeOfDay, background_rate_hz, earth_radiance
from quantumlink.hardware.fiber import SPEED_OF_LIGHT_KM_S
from quantumlink.hardware.free_space import FreeSpace
from quantumlink.hardware.optics import Optics, decibels
from quantumlink.hardware.orbit import (
    EARTH_RADIUS_KM,
    LOWEST_ORBIT_KM,
    angular_speed_rad_s,
    central_angle_deg,
    elevation_and_range,
)

Direction = Literal["downlink", "uplink"]
"""Which way the photons go: to the station, or to the satellite."""

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

NODES = 32
"""Points of a pass at which its means are taken (Gauss–Legendre): twelve digits for a smooth pass."""


@dataclass(frozen=True)
class PassSeries:
    """A pass moment by moment: arrays of one length."""

    time_s: FloatArray
    """Time from the culmination in seconds."""
    elevation_deg: FloatArray
    """Elevation above the horizon in degrees."""
    slant_range_km: FloatArray
    """Distance in km."""
    transmittance: FloatArray
    """Fraction of photons that arrive."""
    delay_s: FloatArray
    """Time of flight in seconds."""

    @property
    def loss_db(self) -> FloatArray:
        """The whole loss in dB."""
        return np.asarray(-10 * np.log10(self.transmittance))

    def __len__(self) -> int:
        return len(self.time_s)

    def __repr__(self) -> str:
        low, high = self.loss_db.min(), self.loss_db.max()
        return f"<PassSeries of {len(self)} moments in {np.ptp(self.time_s):.0f} s, {low:.1f} to {high:.1f} dB>"


@dataclass(frozen=True, repr=False)
class SatellitePass(Optics):
    """One pass of a satellite on a circular orbit over a station.

    Args:
        altitude_km: of the orbit in km, at least 100.
        max_elevation_deg: at the culmination, in degrees; 90 passes overhead.
        min_elevation_deg: from which on the satellite is used, in degrees, zero or more.
        inclination_deg: of the orbit in [0, 180] degrees; if None, the Earth stands still.
        direction: ``"downlink"`` or ``"uplink"``. Turbulence (``seeing_rad``) lies at the transmitter of an
            uplink, and spreads it; a downlink meets it at its very end, where it spreads little.
        wavelength_nm: and all the others are keywords, as described in `Optics`.

    Raises:
        ValueError: if a value is out of its range: an orbit inside the Earth, an elevation below the horizon, …
        TypeError: if one is not a number.

    >>> micius = SatellitePass(500, max_elevation_deg=80, wavelength_nm=850, divergence_rad=10e-6,
    ...                        divergence_angle="full", receiver_diameter_m=1.0, zenith_loss_db=3)
    >>> round(micius.duration_s), round(micius.at(0).distance_km, 1)
    (442, 507.1)
    >>> micius.series(step_s=10)
    <PassSeries of 45 moments in 440 s, 14.3 to 38.1 dB>
    """

    altitude_km: float
    """Altitude of the orbit in km."""
    _: KW_ONLY
    max_elevation_deg: float = 90.0
    """Elevation at the culmination in degrees."""
    min_elevation_deg: float = 10.0
    """Elevation from which on the satellite is used, in degrees."""
    inclination_deg: float | None = None
    """Inclination of the orbit in degrees; None if the Earth stands still."""
    direction: Direction = "downlink"
    """Which way the photons go."""

    def __post_init__(self) -> None:
        super().__post_init__()
        set_field = object.__setattr__
        set_field(self, "altitude_km", altitude("altitude_km", self.altitude_km))
        lowest = validation.number("min_elevation_deg", self.min_elevation_deg, at_least=0.0, at_most=90.0)
        set_field(self, "min_elevation_deg", lowest)
        highest = validation.number("max_elevation_deg", self.max_elevation_deg, at_least=0.0, at_most=90.0)
        set_field(self, "max_elevation_deg", highest)
        if not lowest < highest:
            raise ValueError(
                f"max_elevation_deg must be above min_elevation_deg ({lowest:g}), got {highest:g}: "
                "the satellite is never high enough"
            )
        validation.choice("direction", self.direction, DIRECTIONS)
        if self.inclination_deg is not None:
            tilt = validation.number("inclination_deg", self.inclination_deg, at_least=0.0, at_most=180.0)
            set_field(self, "inclination_deg", tilt)
        if self.angular_speed_rad_s <= 0:
            raise ValueError(
                f"altitude_km={self.altitude_km:g} with inclination_deg={self.inclination_deg}: this satellite is "
                "not faster than the Earth turns, and makes no pass; give the path as FreeSpace"
            )

    @property
    def angular_speed_rad_s(self) -> float:
        """How fast the satellite moves about the Earth's middle, as seen from the ground, in rad/s."""
        return angular_speed_rad_s(self.altitude_km, self.inclination_deg)

    @property
    def ground_track_offset_km(self) -> float:
        """How far from the station, along the ground, the satellite passes at its culmination."""
        return radians(float(central_angle_deg(self.altitude_km, self.max_elevation_deg))) * EARTH_RADIUS_KM

    @property
    def duration_s(self) -> float:
        """The time above ``min_elevation_deg`` in seconds."""
        nearest = cos(radians(float(central_angle_deg(self.altitude_km, self.max_elevation_deg))))
        farthest = cos(radians(float(central_angle_deg(self.altitude_km, self.min_elevation_deg))))
        return 2 * acos(farthest / nearest) / self.angular_speed_rad_s

    def position(self, time_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Elevation in degrees and distance in km at times from the culmination, also before and after the pass."""
        nearest = np.cos(np.radians(central_angle_deg(self.altitude_km, self.max_elevation_deg)))
        along = self.angular_speed_rad_s * np.asarray(time_s, dtype=np.float64)
        # Haversines of the two legs of a right-angled spherical triangle: exact overhead as well.
        half_chord = np.sqrt((1 - nearest) / 2 + nearest * np.sin(along / 2) ** 2)
        return elevation_and_range(self.altitude_km, np.degrees(2 * np.arcsin(np.minimum(1.0, half_chord))))

    def at(self, time_s: float) -> FreeSpace:
        """The path at one moment of the pass.

        Raises:
            ValueError: if the satellite is not above ``min_elevation_deg`` at that time.
        """
        half = self.duration_s / 2
        time = validation.number("time_s", time_s)
        if abs(time) > half * (1 + 1e-9):
            raise ValueError(
                f"time_s must be in [{-half:.3f}, {half:.3f}], while the satellite is above "
                f"{self.min_elevation_deg:g} degrees; got {time_s!r}"
            )
        elevation, distance = self.position(time)
        return FreeSpace(float(distance), elevation_deg=min(90.0, max(0.0, float(elevation))), **self.optics)

    def series(self, *, step_s: float = 1.0) -> PassSeries:
        """The pass moment by moment, every ``step_s`` seconds with the culmination among them.

        Raises:
            ValueError: if the step is not above zero.
        """
        steps = int(self.duration_s / 2 / validation.positive("step_s", step_s))
        return self.sampled(step_s * np.arange(-steps, steps + 1, dtype=np.float64))

    def sampled(self, time_s: FloatArray, *, shown_s: FloatArray | None = None) -> PassSeries:
        """The pass at these times from its culmination; ``shown_s`` are the times by another clock."""
        elevation, distance = self.position(time_s)
        factors = Optics(**self.optics).transmitted(distance, elevation)
        transmittance = np.asarray(np.broadcast_to(prod(factors.values()), time_s.shape))
        times = time_s if shown_s is None else shown_s
        return PassSeries(times, elevation, distance, transmittance, distance / SPEED_OF_LIGHT_KM_S)

    @cached_property
    def moments(self) -> tuple[tuple[float, FreeSpace], ...]:
        """Shares of the pass, summing to 1, and the path in each: sums over them are means over time."""
        half = self.duration_s / 2
        return tuple((share, self.at(time)) for share, time in quadrature(-half, half))

    def integrate(self, rate_hz: Callable[[FreeSpace], float]) -> float:
        """What a rate that depends on the path adds up to in the pass: ∫ rate dt.

        >>> overhead = SatellitePass(500, wavelength_nm=850, beam_waist_m=0.15, receiver_diameter_m=1.0)
        >>> photons = overhead.integrate(lambda path: 1e8 * path.transmittance)
        >>> bool(abs(photons / (1e8 * overhead.transmittance * overhead.duration_s) - 1) < 1e-12)
        True
        """
        return self.duration_s * sum(share * rate_hz(path) for share, path in self.moments)

    @property
    def transmittance(self) -> float:
        """The fraction of photons that arrive, the mean over the pass."""
        return float(sum(share * path.transmittance for share, path in self.moments))

    @property
    def loss_db(self) -> float:
        """The loss in dB of the mean transmittance."""
        return decibels(self.transmittance)

    @property
    def delay_s(self) -> float:
        """The time of flight in seconds, the mean over the pass."""
        return float(sum(share * path.delay_s for share, path in self.moments))

    @property
    def channel(self) -> PauliChannel | None:
        """What happens to the polarization of a photon that arrives; None if nothing."""
        return self.at(0.0).channel

    @property
    def plob_bits(self) -> float:
        """The most secret bits per use without a repeater, the mean of −log₂(1 − η) over the pass."""
        return float(sum(share * path.plob_bits for share, path in self.moments))

    def background_rate_hz(
        self, time_of_day: TimeOfDay, *, field_of_view_rad: float, filter_nm: float, radiance: float | None = None
    ) -> float:
        """Stray photons per second that reach the detectors, for `Detector.with_background`.

        A downlink's receiver looks at the sky, an uplink's at the ground. All the optics' loss is taken to be
        the receiver's, and the detector's efficiency is not in it.

        Args:
            time_of_day: ``"day"`` or ``"night"`` (full moon).
            field_of_view_rad: full angle of the cone the receiver sees.
            filter_nm: width of its spectral filter in nm.
            radiance: of what it sees in W/(m²·sr·nm), if known better than `SKY_RADIANCE` and `earth_radiance`.

        Raises:
            ValueError: if a value is out of its range.
        """
        validation.choice("time_of_day", time_of_day, tuple(SKY_RADIANCE))
        if radiance is None:
            up = self.direction == "uplink"
            radiance = earth_radiance(time_of_day, self.wavelength_nm) if up else SKY_RADIANCE[time_of_day]
        return background_rate_hz(
            radiance,
            wavelength_nm=self.wavelength_nm,
            receiver_diameter_m=self.receiver_diameter_m,
            receiver_obscuration_m=self.receiver_obscuration_m,
            field_of_view_rad=field_of_view_rad,
            filter_nm=filter_nm,
            efficiency=self.optics_efficiency,
        )

    @property
    def optics(self) -> dict[str, Any]:
        """The telescopes' and the air's parameters, as keywords of `FreeSpace`."""
        values = {field.name: getattr(self, field.name) for field in fields(Optics)}
        return values if self.direction == "uplink" else {**values, "seeing_rad": 0.0}


def altitude(name: str, value: Any) -> float:
    """The altitude of an orbit in km, outside the Earth and its atmosphere."""
    result = validation.number(name, value)
    if result < LOWEST_ORBIT_KM:
        where = "inside the Earth" if result <= 0 else "inside the atmosphere"
        raise ValueError(f"{name} must be at least {LOWEST_ORBIT_KM:g}, got {value!r}: an orbit {where}")
    return result


def quadrature(start: float, stop: float) -> list[tuple[float, float]]:
    """Shares, summing to 1, and the points between start and stop whose weighted sum is a mean (Gauss–Legendre)."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    middle, half = (start + stop) / 2, (stop - start) / 2
    return [(float(w) / 2, middle + half * float(x)) for x, w in zip(points, weights, strict=True)]
