"""Stations on the ground, and at which elevation and distance they see a point."""

from __future__ import annotations

from typing import Literal

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware.orbit import EARTH_RADIUS_KM

Earth = Literal["sphere", "ellipsoid"]
"""What stations stand on: a sphere of 6371 km, or the ellipsoid of WGS 84."""

Position = tuple[float, float]

_EQUATOR_KM, _FLATTENING = 6378.137, 1 / 298.257_223_563


def up_at(position: Position) -> FloatArray:
    """The unit vector to the zenith at a latitude and longitude in degrees."""
    latitude, longitude = np.radians(position)
    level = np.cos(latitude)
    return np.array([level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)])


def place_km(position: Position, earth: Earth) -> FloatArray:
    """Where a place at sea level is, in km.

    >>> place_km((0.0, 90.0), "sphere").round(6).tolist(), place_km((90.0, 0.0), "ellipsoid").round(3).tolist()
    ([0.0, 6371.0, 0.0], [0.0, 0.0, 6356.752])
    """
    up = up_at(position)
    if earth == "sphere":
        return EARTH_RADIUS_KM * up
    squared = _FLATTENING * (2 - _FLATTENING)
    curvature = _EQUATOR_KM / np.sqrt(1 - squared * up[2] ** 2)
    return np.asarray(curvature * up * [1, 1, 1 - squared])


def seen_from(position: Position, earth: Earth, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Elevation in degrees, negative below the horizon, and distance in km of points (…, 3)."""
    return seen_along(points - place_km(position, earth), up_at(position))


def seen_along(way: FloatArray, up: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same of ways (…, 3) from stations with these zeniths, which broadcast."""
    distance = np.linalg.norm(way, axis=-1)
    # Half-angle form: no cancellation where a satellite is overhead.
    aside = np.linalg.norm(way / distance[..., None] - up, axis=-1)
    return np.asarray(90.0 - 2 * np.degrees(np.arcsin(np.clip(aside / 2, 0, 1)))), distance


def latitude_longitude(points: FloatArray) -> FloatArray:
    """Below which place of a round Earth points (…, 3) are: (…, 2), in degrees."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))], axis=-1)
