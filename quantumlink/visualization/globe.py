"""Places on the globe: great circles, middles, and where to draw what has no place of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quantumlink.arrays import FloatArray

Position = tuple[float, float]
"""Latitude and longitude in degrees."""

ARC_POINTS = 60


def great_circle(start: Position, stop: Position, points: int = ARC_POINTS) -> FloatArray:
    """Points on the shortest way over the globe: shape (points, 2), latitude and longitude in degrees.

    >>> great_circle((0, 0), (0, 90), 3).round(6).tolist()
    [[0.0, 0.0], [0.0, 45.0], [0.0, 90.0]]
    """
    a, b = _unit_vector(start), _unit_vector(stop)
    angle = np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)
    share = np.linspace(0, 1, points)[:, None]
    if angle < 1e-9 or angle > np.pi - 1e-9:  # one point, or two with no shortest way between them
        straight: FloatArray = np.asarray(start) + share * (np.asarray(stop) - np.asarray(start))
        return straight
    line = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return np.stack(_latitude_longitude(line), axis=1)


def destination(start: Position, bearing_deg: float, angle_deg: float) -> Position:
    """Where a great circle leads: the angle at the Earth's middle, the bearing clockwise from north.

    >>> [round(degrees, 6) for degrees in destination((0, 0), 90, 45)]
    [0.0, 45.0]
    """
    latitude, longitude = np.radians(start)
    bearing, angle = np.radians(bearing_deg), np.radians(angle_deg)
    north = np.array(
        [-np.sin(latitude) * np.cos(longitude), -np.sin(latitude) * np.sin(longitude), np.cos(latitude)]
    )
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    way = np.cos(bearing) * north + np.sin(bearing) * east
    reached, around = _latitude_longitude(np.cos(angle) * _unit_vector(start) + np.sin(angle) * way)
    return float(reached), float(around)


def bearing_deg(start: Position, stop: Position) -> float:
    """Where the great circle to another place leads at its start, in degrees clockwise from north.

    >>> bearing_deg((0, 0), (0, 45)), bearing_deg((10, 20), (30, 20))
    (90.0, 0.0)
    """
    (here, there), around = np.radians([start[0], stop[0]]), np.radians(stop[1] - start[1])
    east = np.sin(around) * np.cos(there)
    north = np.cos(here) * np.sin(there) - np.sin(here) * np.cos(there) * np.cos(around)
    return float(np.degrees(np.arctan2(east, north)))


def on_a_map(line: FloatArray) -> FloatArray:
    """Points (latitude, longitude) as x and y of a map, cut by a nan where a line crosses the date line.

    >>> on_a_map(np.array([[0.0, 179.0], [0.0, -179.0]])).tolist()
    [[179.0, 0.0], [nan, nan], [-179.0, 0.0]]
    """
    placed = line[:, ::-1]
    jumps = np.flatnonzero(np.abs(np.diff(placed[:, 0])) > 180) + 1
    pieces: FloatArray = np.insert(placed, jumps, np.nan, axis=0)
    return pieces


def middle(positions: Sequence[Position]) -> Position:
    """The point of the globe nearest to all of them together: their mean as vectors, or the first if that is none.

    >>> middle([(0, 0), (0, 90)])
    (0.0, 45.0)
    """
    mean = np.mean([_unit_vector(position) for position in positions], axis=0)
    if np.linalg.norm(mean) < 1e-9:
        return positions[0]
    latitude, longitude = _latitude_longitude(mean / np.linalg.norm(mean))
    return float(latitude.round(9)), float(longitude.round(9))


def with_moving(
    known: Mapping[str, Position], neighbors: Mapping[str, Sequence[str]]
) -> dict[str, Position] | None:
    """Positions of all nodes, those without one (satellites) drawn amid their neighbors, clear of others.

    Args:
        known: the positions there are.
        neighbors: of every node.

    Returns:
        The positions; None if a node is not connected with any that has one.
    """
    found = dict(known)
    while waiting := [name for name in neighbors if name not in found]:
        near = {name: [found[other] for other in neighbors[name] if other in found] for name in waiting}
        placed = {name: middle(positions) for name, positions in near.items() if positions}
        if not placed:
            return None
        for name, position in placed.items():
            found[name] = _moved_apart(position, list(found.values()))
    return found


def _moved_apart(position: Position, others: Sequence[Position]) -> Position:
    """The position, shifted in latitude until it stands apart from all others."""
    latitudes, longitudes = np.array(others).T
    step = 0.08 * max(np.ptp(latitudes), np.ptp(longitudes), 1.0)
    latitude, longitude = position
    towards_equator = -1 if latitude > 0 else 1
    for _ in others:
        if np.hypot(latitudes - latitude, longitudes - longitude).min() > step / 2:
            break
        latitude += towards_equator * step
    return latitude, longitude


def _unit_vector(position: Position) -> FloatArray:
    latitude, longitude = np.radians(position)
    return np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])


def _latitude_longitude(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    latitude = np.degrees(np.arcsin(np.clip(vectors[..., 2], -1, 1)))
    return np.asarray(latitude), np.asarray(np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0])))
