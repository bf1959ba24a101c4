"""A network as a map: nodes where they are, elementary links colored by their rate or fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware import DualDownlink, InterSatelliteLink, SatellitePass
from quantumlink.link import ElementaryLink, Link
from quantumlink.network import Route
from quantumlink.visualization.globe import Position, great_circle, with_moving
from quantumlink.visualization.map_labels import label_nodes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from quantumlink.network import Capacity, Network

MapColor = Literal["fidelity", "rate_hz"]
"""What the color of a link shows: the fidelity with which its pairs arrive, or how many arrive per second."""

MAP_COLORS: tuple[MapColor, ...] = get_args(MapColor)

MANY_NODES = 25
"""In networks of more nodes, those on a straight way between two others are small and have no name."""

_MARKERS = {"end": "o", "repeater": "s", "trusted": "D", "satellite": "*"}
_UNKNOWN = "#9aa5b1"
_BANDS = ("#f4b183", "#9dc3e6", "#c5b0d5", "#a9d18e", "#e8a0bf", "#d6cfa0")
_STRAIGHT = np.cos(np.radians(15.0))

Drawable = Link | Route | Sequence[str] | Sequence[Route]
"""A route to be shown: a link, a `Route`, names of nodes in turn; or several routes."""


@dataclass(frozen=True)
class _Sheet:
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
        line = great_circle(self.positions[ends[0]], self.positions[ends[1]])[:, ::-1]
        # A line across the date line is drawn in two pieces.
        jumps = np.flatnonzero(np.abs(np.diff(line[:, 0])) > 180) + 1
        pieces: FloatArray = np.insert(line, jumps, np.nan, axis=0)
        return pieces


def draw_network(
    network: Network,
    *,
    color_by: MapColor = "fidelity",
    route: Drawable | None = None,
    capacity: Capacity | None = None,
) -> Figure:
    """Draw a network: a map if its nodes have positions, a layout of the graph otherwise.

    On a map, links are great circles, in degrees of longitude and latitude. What has no position, as a
    satellite, stands amid its neighbors; links over satellites are dashed. Every kind of node has its marker.
    Names that would cover others are left out.

    Args:
        network: the network.
        color_by: ``"fidelity"`` or ``"rate_hz"`` (on a logarithmic scale); gray where it is not known.
        route: a link, a `Route`, or names of nodes in turn, to be underlaid by a colored band; or several routes,
            each with its own, the first one on top.
        capacity: what `Network.capacity` found for this network: the color shows how much of every link's pairs
            is used, from 0 to 1, whatever ``color_by`` is.

    Raises:
        ValueError: if ``color_by`` is unknown, the capacity is that of another network, or the route names an
            unknown node.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.network import Network
    >>> vienna, graz = Node("vienna", position=(48.21, 16.37)), Node("graz", position=(47.07, 15.44))
    >>> figure = draw_network(Network([vienna, graz], [ElementaryLink(vienna, graz, fidelity=0.9)], "austria"))
    >>> figure.axes[0].get_title()
    'austria: 2 nodes, 1 elementary link'
    """
    from matplotlib.colors import Normalize

    from quantumlink.figures import Figure

    validation.choice("color_by", color_by, MAP_COLORS)
    ways = [_steps(network, way) for way in _listed(route)]
    sheet = _sheet(network)
    figure = Figure(figsize=_size(network, sheet), layout="constrained")
    axes = figure.add_subplot()
    for number, way in reversed(list(enumerate(ways))):
        _draw_band(axes, network, sheet, way, number, alone=len(ways) == 1)
    values = _values(network, color_by) if capacity is None else _used(network, capacity)
    known = [value for value in values if value is not None]
    norm = _norm(known, color_by) if capacity is None else Normalize(0, 1)
    _draw_links(axes, network, sheet, values, norm)
    small = _on_the_way(network, sheet) if len(network.nodes) > MANY_NODES else set()
    _draw_nodes(axes, network, sheet, small)
    _finish(figure, axes, network, sheet)
    if norm is not None:
        _draw_scale(figure, axes, norm, color_by if capacity is None else None)
    ends = [name for way in ways for name in _ends(way)]
    names = sorted(set(network.nodes) - small - set(ends), key=len)
    label_nodes(axes, sheet.places, [*dict.fromkeys(ends), *names], always=ends)
    return figure


# --- routes


def _listed(route: Drawable | None) -> list[Link | Route | Sequence[str]]:
    if route is None:
        return []
    if isinstance(route, Link | Route):
        return [route]
    items = validation.sequence("route", route, "names or routes")
    if items and all(isinstance(item, Route) for item in items):
        return list(items)
    return [items]


def _steps(network: Network, route: Link | Route | Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of nodes between which a route goes."""
    if isinstance(route, Link):
        return [(link.left.name, link.right.name) for link in route.elementary_links()]
    names = route.nodes if isinstance(route, Route) else route
    return list(pairwise(validation.choice("route", name, network.nodes) for name in names))


def _ends(steps: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return (steps[0][0], steps[-1][1]) if steps else ()


def _draw_band(
    axes: Axes, network: Network, sheet: _Sheet, steps: Sequence[tuple[str, str]], number: int, *, alone: bool
) -> None:
    """A route as a band below its links; of several, the later ones are wider, so that all are seen."""
    on_way = {frozenset(step) for step in steps}
    label: str | None = "route" if alone else f"route {number + 1}"
    for link in network.links:
        if frozenset((link.left.name, link.right.name)) in on_way:
            color = _BANDS[number % len(_BANDS)]
            width = 9 + 4 * min(number, 4)
            line = sheet.line(link)
            axes.plot(*line.T, color=color, lw=width, solid_capstyle="round", zorder=1, label=label)
            label = None  # one entry in the legend is enough


# --- places


def _sheet(network: Network) -> _Sheet:
    known = {name: node.position for name, node in network.nodes.items() if node.position is not None}
    positions = None
    if 2 * len(known) > len(network.nodes):
        positions = with_moving(known, _neighbors(network))
    if positions is not None:
        places = {name: (longitude, latitude) for name, (latitude, longitude) in positions.items()}
        # A degree of longitude is shorter away from the equator.
        mean = float(np.mean([latitude for latitude, _ in known.values()]))
        return _Sheet(places, positions, 1 / max(0.2, float(np.cos(np.radians(mean)))))
    import rustworkx as rx

    graph: rx.PyGraph[str, None] = rx.PyGraph()
    index = {name: graph.add_node(name) for name in network.nodes}
    graph.add_edges_from_no_data([(index[link.left.name], index[link.right.name]) for link in network.links])
    layout = rx.spring_layout(graph, seed=1)
    return _Sheet({name: (float(layout[i][0]), float(layout[i][1])) for name, i in index.items()}, None, 1.0)


def _neighbors(network: Network) -> dict[str, list[str]]:
    near: dict[str, list[str]] = {name: [] for name in network.nodes}
    for link in network.links:
        near[link.left.name].append(link.right.name)
        near[link.right.name].append(link.left.name)
    return near


def _on_the_way(network: Network, sheet: _Sheet) -> set[str]:
    """Nodes with two neighbors, straight between them on the ground: they are in no other way special."""
    special = {end.name for link in network.links if _in_space(link) for end in link.ends}
    found = set()
    for name, near in _neighbors(network).items():
        if len(near) == 2 and network.nodes[name].role != "end" and name not in special:
            before, here, after = (np.array(sheet.places[at]) for at in (near[0], name, near[1]))
            first, second = ((step * [1.0, sheet.aspect]) for step in (here - before, after - here))
            length = np.linalg.norm(first) * np.linalg.norm(second)
            if length and first @ second > _STRAIGHT * length:
                found.add(name)
    return found


def _size(network: Network, sheet: _Sheet) -> tuple[float, float]:
    """Width and height of the figure in inches, as the map needs it."""
    if sheet.positions is None:
        return 10.0, 6.4
    points = np.concatenate([sheet.line(link) for link in network.links])
    wide, high = (float(side) for side in np.nanmax(points, axis=0) - np.nanmin(points, axis=0))
    ratio = min(max(wide / max(high * sheet.aspect, 1e-9), 0.7), 2.6)
    height = min(max((42.0 / ratio) ** 0.5, 4.4), 7.5)
    return ratio * height + 1.8, height + 0.6


# --- what is drawn


def _draw_links(
    axes: Axes, network: Network, sheet: _Sheet, values: Sequence[float | None], norm: Normalize | None
) -> None:
    """All links, the highest values on top; gray where nothing is known."""
    from matplotlib import colormaps

    label: str | None = "over a satellite"
    for link, value in sorted(zip(network.links, values, strict=True), key=lambda pair: pair[1] or 0.0):
        color = _UNKNOWN if norm is None or value is None else colormaps["viridis"](norm(value))
        style, name = ("--", label) if _in_space(link) else ("-", None)
        axes.plot(*sheet.line(link).T, color=color, lw=2.0, ls=style, zorder=2, label=name)
        label = None if name else label


def _values(network: Network, color_by: MapColor) -> list[float | None]:
    if color_by == "fidelity":
        return [link.fidelity for link in network.links]
    return [None if link.attempts is None else link.attempts.rate_hz or None for link in network.links]


def _used(network: Network, capacity: Capacity) -> list[float | None]:
    """How much of each link is used; None for links that were avoided."""
    found = zip(capacity.numbers, capacity.links, capacity.use, strict=True)
    used: list[float | None] = [None] * len(network.links)
    for number, link, use in found:
        if number >= len(network.links) or network.links[number] != link:
            raise ValueError(f"capacity must be that of {network!r}, got that of another network")
        used[number] = use
    return used


def _norm(known: Sequence[float], color_by: MapColor) -> Normalize | None:
    from matplotlib.colors import LogNorm, Normalize

    if not known:
        return None
    low, high = min(known), max(known)
    if color_by == "rate_hz":
        return LogNorm(low, high) if high > low else LogNorm(low / 2, high * 2)
    return Normalize(low, high) if high > low else Normalize(low - 0.01, min(1.0, high + 0.01))


def _in_space(link: ElementaryLink) -> bool:
    by_medium = isinstance(link.medium, SatellitePass | DualDownlink | InterSatelliteLink)
    return by_medium or "satellite" in (link.left.role, link.right.role)


def _kinds(network: Network) -> dict[str, tuple[str, str]]:
    """Of each node, its marker and what the legend calls it."""
    flying = {end.name for link in network.links if _in_space(link) for end in link.ends if end.position is None}
    kinds = {}
    for name, node in network.nodes.items():
        if name in flying and node.role != "satellite":
            kinds[name] = ("*", f"satellite ({node.role})")
        else:
            kinds[name] = (_MARKERS[node.role], node.role)
    return kinds


def _draw_nodes(axes: Axes, network: Network, sheet: _Sheet, small: set[str]) -> None:
    kinds = _kinds(network)
    for kind in sorted(set(kinds.values()), key=lambda kind: kind[1]):
        marker, label = kind
        for tiny in (False, True):
            members = [name for name in network.nodes if kinds[name] == kind and (name in small) == tiny]
            if members:
                x, y = zip(*(sheet.places[name] for name in members), strict=True)
                size = 10 if tiny else 130 if marker == "*" else 42
                shown = f"{label}, on the way" if tiny else label
                axes.scatter(x, y, s=size, marker=marker, color="white", edgecolor="black", zorder=5, label=shown)


def _finish(figure: Figure, axes: Axes, network: Network, sheet: _Sheet) -> None:
    links = f"{len(network.links)} elementary link" + ("" if len(network.links) == 1 else "s")
    axes.set_title(f"{network.name}: {len(network.nodes)} nodes, {links}", parse_math=False)
    axes.margins(0.1)
    if sheet.positions is not None:
        axes.set_xlabel("longitude (°)")
        axes.set_ylabel("latitude (°)")
        axes.grid(alpha=0.25)
        axes.set_aspect(sheet.aspect, adjustable="box")
    else:
        axes.set_axis_off()
    _draw_legend(figure, axes)


def _draw_legend(figure: Figure, axes: Axes) -> None:
    from matplotlib.lines import Line2D

    entries = dict(sorted(zip(*axes.get_legend_handles_labels()[::-1], strict=True)))
    for name, handle in entries.items():
        if isinstance(handle, Line2D):
            # The bands' widths, and the value of one of many links, mean nothing here.
            band = handle.get_linestyle() == "-"
            entries[name] = Line2D([], [], color=handle.get_color() if band else "black", lw=5 if band else 1.5)
            entries[name].set_linestyle(handle.get_linestyle())
    columns = min(len(entries), 5)
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns, fontsize=8)


def _draw_scale(figure: Figure, axes: Axes, norm: Normalize, color_by: MapColor | None) -> None:
    """The scale of the colors; of the links' use if they show nothing else."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    texts = {"fidelity": "fidelity of an elementary pair", "rate_hz": "elementary pairs per second"}
    text = texts[color_by] if color_by else "share of the elementary pairs that is used"
    bar = figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=text, shrink=0.85)
    assert norm.vmin is not None
    assert norm.vmax is not None
    if color_by == "rate_hz":
        narrow = norm.vmax < 10 * norm.vmin
        bar.ax.yaxis.set_major_locator(MaxNLocator(5) if narrow else LogLocator(subs=(1.0,)))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _grouped(value)))


def _grouped(value: float) -> str:
    """A number without exponent, its thousands apart."""
    return f"{value:,.0f}".replace(",", " ") if value >= 1 else f"{value:.3g}"
