"""The Sun by a closed formula: how high it stands over a place, and which satellites are in the Earth's shadow.

Reference:
    The Astronomical Almanac, page C5: low-precision formulas, good to 0.01° from 1950 to 2050.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.hardware.astronomy.clock import DAY_S, turned_with_earth
from quantumlink.hardware.astronomy.ground import place_km
from quantumlink.hardware.orbit import EARTH_RADIUS_KM

Position = tuple[float, float]


def sun_direction(time_s: ArrayLike) -> FloatArray:
    """Unit vectors (…, 3) to the Sun, in the frame that turns with the Earth.

    Longitude on the ecliptic L + 1.915°·sin g + 0.020°·sin 2g, with mean longitude L = 280.460° + 0.9856474°·d and
    mean anomaly g = 357.528° + 0.9856003°·d; obliquity 23.439° − 0.0000004°·d; d days since J2000.
    """
    days = np.asarray(time_s, dtype=np.float64) / DAY_S
    anomaly = np.radians(357.528 + 0.985_600_3 * days)
    longitude = np.radians(280.460 + 0.985_647_4 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    fixed = np.stack(
        [np.cos(longitude), np.cos(tilt) * np.sin(longitude), np.sin(tilt) * np.sin(longitude)], axis=-1
    )
    return turned_with_earth(fixed, time_s)


def sun_elevation_deg(time_s: ArrayLike, position: Position) -> FloatArray:
    """How high the Sun's center stands over a place (latitude, longitude), without refraction; negative by night.

    >>> from quantumlink.hardware.astronomy.clock import seconds_of
    >>> noon = seconds_of("time", "2026-06-21T12:02:00Z")
    >>> round(float(sun_elevation_deg(noon, (51.48, 0.0))), 1)  # Greenwich, 90 − 51.48 + 23.44
    62.0
    """
    up = place_km(position, "sphere") / EARTH_RADIUS_KM
    return np.asarray(np.degrees(np.arcsin(np.clip(sun_direction(time_s) @ up, -1, 1))))


def in_shadow(place: FloatArray, time_s: ArrayLike) -> BoolArray:
    """Whether points (…, 3) in km are in the Earth's shadow, taken as a cylinder.

    A low orbit crosses the penumbra, which is left out, in some ten seconds.
    """
    sun = sun_direction(time_s)
    along = np.sum(place * sun, axis=-1)
    beside = np.linalg.norm(place - along[..., None] * sun, axis=-1)
    return np.asarray((along < 0) & (beside < EARTH_RADIUS_KM))
