"""Circular orbits over a spherical Earth: angles, distances, and how fast a satellite passes.

All angles are in degrees, distances in km, and functions take numbers or numpy arrays.

References:
    J. R. Wertz, W. J. Larson (eds.), Space Mission Analysis and Design, ch. 5: the geometry.
    I. Ali, N. Al-Dhahir, J. E. Hershey, IEEE Trans. Commun. 46, 309 (1998): passes over a rotating Earth.
"""

from __future__ import annotations

from math import cos, inf, pi, radians

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.arrays import FloatArray

EARTH_RADIUS_KM = 6371.0
"""Mean radius of the Earth, km."""

EARTH_GM_KM3_S2 = 398_600.4418
"""The Earth's gravitational parameter, km³/s² (WGS 84)."""

EARTH_ROTATION_RAD_S = 7.292_115e-5
"""The Earth's rotation against the stars, rad/s (WGS 84)."""

LOWEST_ORBIT_KM = 100.0
"""Below this altitude the atmosphere ends an orbit at once."""


def slant_range_km(altitude_km: ArrayLike, elevation_deg: ArrayLike) -> FloatArray:
    """Distance to a satellite, √((R + h)² − R²cos²θ) − R·sinθ.

    >>> round(float(slant_range_km(500, 90)), 6), round(float(slant_range_km(500, 10)), 1)
    (500.0, 1694.6)
    """
    orbit, theta = EARTH_RADIUS_KM + np.asarray(altitude_km, dtype=np.float64), np.radians(elevation_deg)
    level, up = EARTH_RADIUS_KM * np.cos(theta), EARTH_RADIUS_KM * np.sin(theta)
    return np.asarray(np.sqrt(orbit**2 - level**2) - up)


def central_angle_deg(altitude_km: float, elevation_deg: ArrayLike) -> FloatArray:
    """Angle at the Earth's middle between a station and the point under a satellite seen at that elevation."""
    theta = np.radians(elevation_deg)
    ratio = EARTH_RADIUS_KM / (EARTH_RADIUS_KM + altitude_km)
    return np.asarray(np.degrees(np.arccos(ratio * np.cos(theta)) - theta))


def elevation_and_range(altitude_km: float, central_angle: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Elevation in degrees (negative below the horizon) and distance in km at a central angle in degrees."""
    angle, orbit = np.radians(central_angle), EARTH_RADIUS_KM + altitude_km
    # Half-angle form of the cosine rule: no cancellation when the satellite is overhead.
    chord = 4 * EARTH_RADIUS_KM * orbit * np.sin(angle / 2) ** 2
    distance = np.sqrt(altitude_km**2 + chord)
    up = orbit * np.cos(angle) - EARTH_RADIUS_KM
    return np.asarray(np.degrees(np.arctan2(up, orbit * np.sin(angle)))), np.asarray(distance)


def angular_speed_rad_s(altitude_km: float, inclination_deg: float | None = None) -> float:
    """How fast a satellite goes round, √(GM/r³); with an inclination, less the turning of the Earth below.

    ω − ω_E·cos(i) is the speed against the ground on average over an orbit (Ali et al. 1998), good for passes
    that are short beside a day; a retrograde orbit (i > 90°) passes faster.
    """
    speed = (EARTH_GM_KM3_S2 / (EARTH_RADIUS_KM + altitude_km) ** 3) ** 0.5
    if inclination_deg is None:
        return float(speed)
    return float(speed - EARTH_ROTATION_RAD_S * cos(radians(inclination_deg)))


def period_s(altitude_km: float) -> float:
    """The time of one orbit, 2π·√(r³/GM)."""
    return 2 * pi / angular_speed_rad_s(altitude_km)


def lowest_altitude_km(altitude_km: float, other_altitude_km: float, distance_km: float) -> float:
    """How close to the ground the straight line between two satellites comes; −inf if there is no such line.

    There is none if the distance is less than the difference of the altitudes, or more than the sum of the
    two distances from the Earth's middle.
    """
    one, other = EARTH_RADIUS_KM + altitude_km, EARTH_RADIUS_KM + other_altitude_km
    if not abs(one - other) <= distance_km <= one + other:
        return -inf
    if not distance_km:
        return altitude_km
    # Where along the line, from the first satellite, the Earth's middle is nearest.
    foot = (one**2 - other**2 + distance_km**2) / (2 * distance_km)
    if not 0 <= foot <= distance_km:
        return min(altitude_km, other_altitude_km)
    return float(max(0.0, one**2 - foot**2) ** 0.5) - EARTH_RADIUS_KM
