"""Passes of satellites on a map: the way of the point below, and from where the satellite is seen."""

from __future__ import annotations

from math import asin, cos, degrees, radians

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware import CircularOrbit, SatellitePass
from quantumlink.hardware.astronomy import seconds_of
from quantumlink.hardware.astronomy.ground import latitude_longitude
from quantumlink.hardware.orbit import central_angle_deg
from quantumlink.visualization.globe import Position, bearing_deg, destination

TRACK_POINTS = 41
CIRCLE_POINTS = 90


def heading_deg(latitude_deg: float, inclination_deg: float | None) -> float:
    """Where a satellite flies at a latitude, in degrees clockwise from north: sin h = cos i / cos φ.

    Due north where the orbit's inclination is not known; due east or west beyond the latitudes that it reaches.

    >>> round(heading_deg(0, 97.4), 1), heading_deg(48, None)
    (-7.4, 0.0)
    """
    if inclination_deg is None:
        return 0.0
    ratio = cos(radians(inclination_deg)) / max(cos(radians(latitude_deg)), 1e-9)
    return degrees(asin(min(1.0, max(-1.0, ratio))))


def below(orbit: CircularOrbit) -> Position:
    """The point below a satellite at the epoch of its orbit."""
    latitude, longitude = latitude_longitude(orbit.places_km(seconds_of("epoch", orbit.epoch)))
    return float(latitude), float(longitude)


def culmination(over: SatellitePass, station: Position) -> Position:
    """The point below the satellite when the station sees it highest: east of a way that leads north.

    A pass says how high it is, not on which side: the other side is as right.
    """
    away = float(central_angle_deg(over.altitude_km, over.max_elevation_deg))
    return destination(station, heading_deg(station[0], over.inclination_deg) + 90.0, away)


def track(over: SatellitePass, station: Position) -> FloatArray:
    """The points below the satellite while it is used, shape (n, 2), latitude and longitude in degrees.

    A great circle; the Earth does not turn below it.
    """
    below = culmination(over, station)
    half = degrees(over.duration_s * over.angular_speed_rad_s / 2)
    if over.max_elevation_deg == 90.0:
        heading = heading_deg(station[0], over.inclination_deg)
    else:  # it is nearest where its way is at right angles to the way to the station
        heading = bearing_deg(below, station) + 90.0
    return np.array([destination(below, heading, step) for step in np.linspace(-half, half, TRACK_POINTS)])


def footprint(over: SatellitePass, station: Position) -> FloatArray:
    """From where it stands high enough at the culmination: a circle, shape (n, 2), latitude and longitude."""
    below = culmination(over, station)
    reach = float(central_angle_deg(over.altitude_km, over.min_elevation_deg))
    return np.array([destination(below, angle, reach) for angle in np.linspace(0, 360, CIRCLE_POINTS)])
