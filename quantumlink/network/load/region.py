"""What lies within a region on the globe: nodes, and links along the great circles between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware.orbit import EARTH_RADIUS_KM
from quantumlink.network.graph import Graph


def struck(network: Graph, position: Any, radius_km: float) -> tuple[list[str], list[int]]:
    """Names of the nodes within a radius, and numbers of the links that pass through it between other nodes.

    Raises:
        ValueError: if a node has no position, or an argument is out of range.
    """
    latitude, longitude = _place(position)
    center = _direction(latitude, longitude)
    radius = validation.positive("radius_km", radius_km) / EARTH_RADIUS_KM
    lost = [name for name, node in network.nodes.items() if node.position is None]
    if lost:
        raise ValueError(
            f"a region needs to know where all nodes are, and {len(lost)} have no position: {', '.join(lost[:8])}"
        )
    places = {name: _direction(*node.position) for name, node in network.nodes.items() if node.position}
    nodes = [name for name, place in places.items() if _angle(center, place) <= radius]
    links = [
        i
        for i, link in enumerate(network.links)
        if not {end.name for end in link.ends} & set(nodes)
        and _angle_to_arc(center, *(places[end.name] for end in link.ends)) <= radius
    ]
    return nodes, links


def _place(position: Any) -> tuple[float, float]:
    values = validation.sequence("position", position, "two numbers, latitude and longitude in degrees")
    if len(values) != 2:
        raise ValueError(f"position must be latitude and longitude in degrees, got {position!r}")
    latitude = validation.number("position[0] (latitude)", values[0], at_least=-90, at_most=90)
    return latitude, validation.number("position[1] (longitude)", values[1], at_least=-180, at_most=180)


def _direction(latitude: float, longitude: float) -> FloatArray:
    """The unit vector from the Earth's center to a place."""
    north, east = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def _angle(one: FloatArray, other: FloatArray) -> float:
    return float(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other))


def _angle_to_arc(point: FloatArray, start: FloatArray, end: FloatArray) -> float:
    """The angle between a place and the nearest of a great circle's arc between two others."""
    normal = np.cross(start, end)
    length = np.linalg.norm(normal)
    nearest = min(_angle(point, start), _angle(point, end))
    if length < 1e-12:
        return nearest
    normal /= length
    beside = point - (point @ normal) * normal  # onto the plane of the great circle
    within = np.cross(start, beside) @ normal >= 0 and np.cross(beside, end) @ normal >= 0
    return float(abs(np.arcsin(np.clip(point @ normal, -1, 1)))) if within else nearest
