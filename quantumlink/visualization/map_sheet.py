"""Where the nodes of a network stand on its map, and how large that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware import CircularOrbit, DualDownlink, InterSatelliteLink, SatellitePass
from quantumlink.link import ElementaryLink
from quantumlink.visualization.globe import Position, great_circle, on_a_map, with_moving
from quantumlink.visualization.satellite_tracks import below

if TYPE_CHECKING:
    from quantumlink.network import Network

_STRAIGHT = np.cos(np.radians(15.0))


@dataclass(frozen=True)
class Sheet:
    """Where everything stands."""

    places: dict[str, tuple[float, float]]
    """Of each node, x first."""
    positions: dict[str, Position] | None
    """Of each node on the globe; None if this is no map."""
    aspect: float
    """How much longer a unit of y is drawn than one of x."""

    def line(self, link: ElementaryLink) -> FloatArray:
        """Points of a link, shape (n, 2)."""
        ends = (link.left.name, link.right.name)
        if self.positions is None:
            return np.array([self.places[name] for name in ends])
        return on_a_map(great_circle(self.positions[ends[0]], self.positions[ends[1]]))


def sheet_of(network: Network) -> Sheet:
    """On the globe if most nodes have a position there, else by springs."""
    known = {name: node.position for name, node in network.nodes.items() if node.position is not None}
    positions = None
    linked = {end.name for link in network.links for end in link.ends}
    flying = {
        name: below(node.orbit)
        for name, node in network.nodes.items()
        if name not in linked and isinstance(node.orbit, CircularOrbit)
    }
    if 2 * len(known) > len(network.nodes) - len(flying):
        known |= flying
        positions = with_moving(known, _neighbors(network))
    if positions is not None:
        places = {name: (longitude, latitude) for name, (latitude, longitude) in positions.items()}
        # A degree of longitude is shorter away from the equator.
        mean = float(np.mean([latitude for latitude, _ in known.values()]))
        return Sheet(places, positions, 1 / max(0.2, float(np.cos(np.radians(mean)))))
    import rustworkx as rx

    graph: rx.PyGraph[str, None] = rx.PyGraph()
    index = {name: graph.add_node(name) for name in network.nodes}
    graph.add_edges_from_no_data([(index[link.left.name], index[link.right.name]) for link in network.links])
    layout = rx.spring_layout(graph, seed=1)
    return Sheet({name: (float(layout[i][0]), float(layout[i][1])) for name, i in index.items()}, None, 1.0)


def _neighbors(network: Network) -> dict[str, list[str]]:
    near: dict[str, list[str]] = {name: [] for name in network.nodes}
    for link in network.links:
        near[link.left.name].append(link.right.name)
        near[link.right.name].append(link.left.name)
    return near


def nodes_on_the_way(network: Network, sheet: Sheet) -> set[str]:
    """Nodes with two neighbors, straight between them on the ground: they are in no other way special."""
    special = {end.name for link in network.links if is_in_space(link) for end in link.ends}
    found = set()
    for name, near in _neighbors(network).items():
        if len(near) == 2 and not network.nodes[name].is_user and name not in special:
            before, here, after = (np.array(sheet.places[at]) for at in (near[0], name, near[1]))
            first, second = ((step * [1.0, sheet.aspect]) for step in (here - before, after - here))
            length = np.linalg.norm(first) * np.linalg.norm(second)
            if length and first @ second > _STRAIGHT * length:
                found.add(name)
    return found


def size_in(network: Network, sheet: Sheet) -> tuple[float, float]:
    """Width and height of the figure in inches, as the map needs it."""
    if sheet.positions is None:
        return 10.0, 6.4
    places = np.array([*sheet.places.values()])
    points = np.concatenate([places, *(sheet.line(link) for link in network.links)])
    wide, high = (float(side) for side in np.nanmax(points, axis=0) - np.nanmin(points, axis=0))
    ratio = min(max(wide / max(high * sheet.aspect, 1e-9), 0.7), 2.6)
    height = min(max((42.0 / ratio) ** 0.5, 4.4), 7.5)
    return ratio * height + 1.8, height + 0.6


def is_in_space(link: ElementaryLink) -> bool:
    """Whether a link goes to or by a satellite."""
    by_medium = isinstance(link.medium, SatellitePass | DualDownlink | InterSatelliteLink)
    return by_medium or "satellite" in (link.left.role, link.right.role)
