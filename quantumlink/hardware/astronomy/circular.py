"""Circular orbits of the Kepler problem with the secular drift by the Earth's flattening, and patterns of many.

The node turns by Ω̇ = −(3/2)·J₂·(R_E/a)²·n·cos i, and the argument of latitude by
n + (3/2)·J₂·(R_E/a)²·n·(4cos²i − 1), for n = √(GM/a³) and a circle (Vallado 2013, section 9.4, with e = 0). What
changes within one orbit, drag, the Moon and the Sun are left out: good for statistics over days, not for pointing.

References:
    J. G. Walker, J. Brit. Interplanet. Soc. 37, 559 (1984): the patterns i: t/p/f.
    D. A. Vallado, Fundamentals of Astrodynamics and Applications, 4th ed. (2013).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from math import acos, cos, degrees, radians
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware.astronomy.clock import DAY_S, seconds_of, sidereal_angle_deg, turned_with_earth
from quantumlink.hardware.astronomy.ground import Earth
from quantumlink.hardware.astronomy.sun import sun_direction
from quantumlink.hardware.orbit import EARTH_GM_KM3_S2, EARTH_RADIUS_KM
from quantumlink.hardware.said import said
from quantumlink.hardware.satellite import altitude

J2 = 1.082_626_68e-3
"""How flat the Earth's field is (WGS 84)."""

EQUATOR_KM = 6378.137
"""The radius that J₂ goes with, km."""

HIGHEST_ORBIT_KM = 500_000.0
"""Beyond, the Moon and the Sun decide."""

Pattern = Literal["delta", "star"]
"""Whether a pattern's planes are spread over 360 or 180 degrees."""


@dataclass(frozen=True, repr=False)
class CircularOrbit:
    """A circular orbit.

    Args:
        altitude_km: above a round Earth of 6371 km, 100 to 500,000.
        inclination_deg: against the equator, in [0, 180]; above 90 it runs against the Earth's turning.
        node_deg: right ascension of the ascending node at the epoch, any angle.
        phase_deg: the angle from that node to the satellite at the epoch, any angle.
        epoch: when that is so, an ISO time (UTC).
        precession: whether the Earth's flattening turns the orbit; False for a plain Kepler circle.

    Raises:
        ValueError: if a value is out of its range: an orbit below the ground, …
        TypeError: if one is of another kind.

    >>> orbit = CircularOrbit(500, 97.4)
    >>> round(orbit.period_s), round(orbit.node_drift_deg_per_day, 3)
    (5676, 0.989)
    """

    altitude_km: float
    """Altitude in km."""
    inclination_deg: float
    """Inclination in degrees."""
    _: KW_ONLY
    node_deg: float = 0.0
    """Right ascension of the ascending node at the epoch, in degrees."""
    phase_deg: float = 0.0
    """From that node to the satellite at the epoch, in degrees."""
    epoch: str = "2000-01-01T12:00:00Z"
    """When that is so (UTC)."""
    precession: bool = True
    """Whether the Earth's flattening turns it."""

    earth: ClassVar[Earth] = "sphere"
    """What it goes around."""

    def __post_init__(self) -> None:
        height = altitude("altitude_km", self.altitude_km)
        set_field = object.__setattr__
        set_field(self, "altitude_km", validation.number("altitude_km", height, at_most=HIGHEST_ORBIT_KM))
        tilt = validation.number("inclination_deg", self.inclination_deg, at_least=0.0, at_most=180.0)
        set_field(self, "inclination_deg", tilt)
        for name in ("node_deg", "phase_deg"):
            set_field(self, name, validation.number(name, getattr(self, name)))
        validation.instance("epoch", self.epoch, str, "an ISO time")
        seconds_of("epoch", self.epoch)
        validation.flags(self, "precession")

    __repr__ = said

    @property
    def radius_km(self) -> float:
        """From the Earth's middle."""
        return EARTH_RADIUS_KM + self.altitude_km

    @property
    def mean_motion_rad_s(self) -> float:
        """√(GM/a³)."""
        return float((EARTH_GM_KM3_S2 / self.radius_km**3) ** 0.5)

    @property
    def node_drift_deg_per_day(self) -> float:
        """How fast the node turns."""
        return degrees(-self._flattening * cos(radians(self.inclination_deg))) * DAY_S

    @property
    def phase_rate_rad_s(self) -> float:
        """How fast the satellite moves away from its ascending node."""
        return self.mean_motion_rad_s + self._flattening * (4 * cos(radians(self.inclination_deg)) ** 2 - 1)

    @property
    def period_s(self) -> float:
        """From one passage of the ascending node to the next, in seconds."""
        return 2 * float(np.pi) / self.phase_rate_rad_s

    def places_km(self, time_s: ArrayLike) -> FloatArray:
        """Where it is at these times, (…, 3) in km, in the frame that turns with the Earth."""
        times = np.asarray(time_s, dtype=np.float64)
        since = times - seconds_of("epoch", self.epoch)
        node = np.radians(self.node_deg + self.node_drift_deg_per_day / DAY_S * since)
        phase = radians(self.phase_deg) + self.phase_rate_rad_s * since
        tilt = radians(self.inclination_deg)
        along, across = np.cos(phase), np.sin(phase) * cos(tilt)
        fixed = np.stack(
            [
                np.cos(node) * along - np.sin(node) * across,
                np.sin(node) * along + np.cos(node) * across,
                np.sin(phase) * np.sin(tilt),
            ],
            axis=-1,
        )
        return self.radius_km * turned_with_earth(fixed, times)

    @property
    def _flattening(self) -> float:
        """(3/2)·J₂·(R_E/a)²·n, in rad/s."""
        if not self.precession:
            return 0.0
        return 1.5 * J2 * (EQUATOR_KM / self.radius_km) ** 2 * self.mean_motion_rad_s


def walker(
    satellites: int,
    planes: int,
    phasing: int,
    *,
    altitude_km: float,
    inclination_deg: float,
    pattern: Pattern = "delta",
    node_deg: float = 0.0,
    epoch: str = "2000-01-01T12:00:00Z",
    precession: bool = True,
) -> tuple[CircularOrbit, ...]:
    """The orbits of a Walker pattern i: t/p/f, plane after plane.

    The p planes are spread evenly over 360° (``"delta"``) or 180° (``"star"``), the t/p satellites of each evenly
    along it; from one plane to the next the phase advances by f·360°/t.

    Args:
        satellites: t, in all.
        planes: p, which divides t.
        phasing: f, from 0 to p − 1.
        altitude_km: of all.
        inclination_deg: of all.
        pattern: ``"delta"`` or ``"star"``.
        node_deg: of the first plane.
        epoch: see `CircularOrbit`.
        precession: see `CircularOrbit`.

    Raises:
        ValueError: if the numbers do not go together.

    >>> [(orbit.node_deg, orbit.phase_deg) for orbit in walker(4, 2, 1, altitude_km=500, inclination_deg=60)]
    [(0.0, 0.0), (0.0, 180.0), (180.0, 90.0), (180.0, 270.0)]
    """
    total = validation.count("satellites", satellites, at_least=1)
    p = validation.count("planes", planes, at_least=1)
    if total % p:
        raise ValueError(f"planes must divide the number of satellites, {total}, got {planes!r}")
    f = validation.count("phasing", phasing)
    if f >= p:
        raise ValueError(f"phasing must be from 0 to planes − 1 = {p - 1}, got {phasing!r}")
    validation.choice("pattern", pattern, get_args(Pattern))
    spread, each = (360.0 if pattern == "delta" else 180.0) / p, total // p
    return tuple(
        CircularOrbit(
            altitude_km,
            inclination_deg,
            node_deg=node_deg + plane * spread,
            phase_deg=(360.0 * i / each + 360.0 * f * plane / total) % 360.0,
            epoch=epoch,
            precession=precession,
        )
        for plane in range(p)
        for i in range(each)
    )


def sun_synchronous(
    altitude_km: float, *, node_hour: float, epoch: str = "2000-01-01T12:00:00Z", phase_deg: float = 0.0
) -> CircularOrbit:
    """The orbit whose plane keeps its angle to the Sun, 360° of node drift in a year of 365.2422 days.

    Args:
        altitude_km: of the orbit; up to some 5,970 km there is one.
        node_hour: local solar time at which it goes north over the equator, in [0, 24).
        epoch: when it does so exactly; later within a quarter of an hour, as sundials go.
        phase_deg: see `CircularOrbit`.

    Raises:
        ValueError: if a value is out of its range, or no orbit of that altitude drifts so fast.

    >>> sun_synchronous(500, node_hour=22.5).inclination_deg
    97.374...
    """
    polar = CircularOrbit(altitude_km, 90.0, epoch=epoch)
    hour = validation.number("node_hour", node_hour, at_least=0.0, at_most=24.0)
    cosine = -radians(360 / 365.2422) / DAY_S / polar._flattening
    if cosine < -1:
        raise ValueError(
            f"altitude_km={altitude_km:g} is too high: no orbit's node there drifts as fast as the Sun moves"
        )
    time = seconds_of("epoch", epoch)
    x, y, _ = sun_direction(time)
    # Right ascension of the Sun: its longitude, and how far the Earth has turned.
    sun = degrees(float(np.arctan2(y, x))) + float(sidereal_angle_deg(time))
    return CircularOrbit(
        altitude_km,
        degrees(acos(cosine)),
        node_deg=(sun + 15 * (hour - 12)) % 360.0,
        phase_deg=phase_deg,
        epoch=epoch,
    )
