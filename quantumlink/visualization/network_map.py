"""A network as a map: nodes where they are, elementary links colored by their rate or fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from quantumlink.network import Network

MapColor = Literal["fidelity", "rate_hz"]
"""What the color of a link shows: the fidelity with which its pairs arrive, or how many arrive per second."""

MAP_COLORS: tuple[MapColor, ...] = get_args(MapColor)

_MARKERS = {"end": "o", "repeater": "s", "trusted": "D", "satellite": "*"}
_UNKNOWN = "#9aa5b1"
_ARC_POINTS = 60

FloatArray = npt.NDArray[np.float64]


def draw_network(
    network: Network, *, color_by: MapColor = "fidelity", route: Link | Sequence[str] | None = None
) -> Figure:
    """Draw a network: a map if its nodes have positions, a layout of the graph otherwise.

    On a map, links are great circles, in degrees of longitude and latitude; satellites stand where their
    position says, usually the ground point below them. Every kind of node has its marker.

    Args:
        network: the network.
        color_by: ``"fidelity"`` or ``"rate_hz"`` (on a logarithmic scale); gray where it is not known.
        route: a link, or names of nodes in turn, to be drawn bold.

    Raises:
        ValueError: if ``color_by`` is unknown, or the route names an unknown node.

    >>> from quantumlink.network import Network
    >>> vienna, graz = Node("vienna", position=(48.21, 16.37)), Node("graz", position=(47.07, 15.44))
    >>> figure = draw_network(Network([vienna, graz], [ElementaryLink(vienna, graz, fidelity=0.9)], "austria"))
    >>> figure.axes[0].get_title()
    'austria: 2 nodes, 1 elementary link'
    """
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure

    validation.choice("color_by", color_by, MAP_COLORS)
    bold = _steps_of(network, route)
    places, on_map = _places(network)
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    axes = figure.add_subplot()
    values = [_value(link, color_by) for link in network.links]
    known = [value for value in values if value is not None and value > 0]
    norm: Normalize | None = None
    if known:
        low, high = min(known), max(known)
        if color_by == "rate_hz":
            norm = LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)
        else:
            norm = Normalize(low, high) if high > low else Normalize(low - 0.01, min(1.0, high + 0.01))
    for link, value in zip(network.links, values, strict=True):
        _draw_link(axes, link, places, on_map, value, norm, frozenset((link.left.name, link.right.name)) in bold)
    _draw_nodes(axes, network, places)
    _finish(figure, axes, network, on_map, norm, color_by)
    return figure


def great_circle(start: tuple[float, float], stop: tuple[float, float], points: int = _ARC_POINTS) -> FloatArray:
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
    latitude = np.degrees(np.arcsin(np.clip(line[:, 2], -1, 1)))
    return np.stack([latitude, np.degrees(np.arctan2(line[:, 1], line[:, 0]))], axis=1)


def _unit_vector(position: tuple[float, float]) -> FloatArray:
    latitude, longitude = np.radians(position)
    return np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])


def _steps_of(network: Network, route: Link | Sequence[str] | None) -> set[frozenset[str]]:
    if route is None:
        return set()
    if isinstance(route, Link):
        return {frozenset((link.left.name, link.right.name)) for link in route.elementary_links()}
    names = validation.sequence("route", route, "names")
    return {frozenset(step) for step in pairwise(validation.choice("route", name, network.nodes) for name in names)}


def _value(link: ElementaryLink, color_by: MapColor) -> float | None:
    if color_by == "fidelity":
        return link.fidelity
    attempts = link.attempts
    return None if attempts is None else attempts.rate_hz


def _places(network: Network) -> tuple[dict[str, tuple[float, float]], bool]:
    """Where each node stands, x first, and whether that is a map."""
    positions = {name: node.position for name, node in network.nodes.items() if node.position is not None}
    if len(positions) == len(network.nodes):
        return {name: (longitude, latitude) for name, (latitude, longitude) in positions.items()}, True
    import rustworkx as rx

    graph: rx.PyGraph[str, None] = rx.PyGraph()
    index = {name: graph.add_node(name) for name in network.nodes}
    graph.add_edges_from_no_data([(index[link.left.name], index[link.right.name]) for link in network.links])
    layout = rx.spring_layout(graph, seed=1)
    return {name: (float(layout[i][0]), float(layout[i][1])) for name, i in index.items()}, False


def _draw_link(
    axes: Axes,
    link: ElementaryLink,
    places: dict[str, tuple[float, float]],
    on_map: bool,
    value: float | None,
    norm: Normalize | None,
    bold: bool,
) -> None:
    from matplotlib import colormaps

    color = _UNKNOWN if norm is None or not value else colormaps["viridis"](norm(value))
    line = np.array([places[link.left.name], places[link.right.name]])
    if on_map:
        assert link.left.position is not None
        assert link.right.position is not None
        line = great_circle(link.left.position, link.right.position)[:, ::-1]
        # A line across the date line is drawn in two pieces.
        jumps = np.flatnonzero(np.abs(np.diff(line[:, 0])) > 180) + 1
        line = np.insert(line, jumps, np.nan, axis=0)
    in_space = "satellite" in (link.left.role, link.right.role)
    axes.plot(*line.T, color=color, lw=4.5 if bold else 1.8, ls="--" if in_space else "-", zorder=2 + bold)


def _draw_nodes(axes: Axes, network: Network, places: dict[str, tuple[float, float]]) -> None:
    for role, marker in _MARKERS.items():
        members: list[Node] = [node for node in network.nodes.values() if node.role == role]
        if members:
            x, y = zip(*(places[node.name] for node in members), strict=True)
            size = 130 if marker == "*" else 42
            axes.scatter(x, y, s=size, marker=marker, color="white", edgecolor="black", zorder=5, label=role)
    if len(network.nodes) <= 60:
        for name, place in places.items():
            text = axes.annotate(name, place, xytext=(5, 5), textcoords="offset points", fontsize=8, zorder=6)
            text.set_parse_math(False)


def _finish(
    figure: Figure, axes: Axes, network: Network, on_map: bool, norm: Normalize | None, color_by: MapColor
) -> None:
    from matplotlib.cm import ScalarMappable

    links = f"{len(network.links)} elementary link" + ("" if len(network.links) == 1 else "s")
    axes.set_title(f"{network.name}: {len(network.nodes)} nodes, {links}", parse_math=False)
    axes.margins(0.08)
    if on_map:
        axes.set_xlabel("longitude (°)")
        axes.set_ylabel("latitude (°)")
        axes.grid(alpha=0.25)
        latitudes = [node.position[0] for node in network.nodes.values() if node.position]
        # A degree of longitude is shorter away from the equator.
        axes.set_aspect(1 / max(0.2, float(np.cos(np.radians(np.mean(latitudes))))), adjustable="box")
    else:
        axes.set_axis_off()
    axes.legend(loc="best", frameon=True, fontsize=8)
    if norm is not None:
        text = "fidelity of an elementary pair" if color_by == "fidelity" else "elementary pairs per second"
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=text, shrink=0.8)
