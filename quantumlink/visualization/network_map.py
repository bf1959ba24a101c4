"""A network as a map: nodes where they are, elementary links colored by their rate or fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from quantumlink import validation
from quantumlink.figures import (
    color_scale,
    figure_of,
    inches_of,
    legend_columns,
    letters,
    one_axes,
    palette,
    picture,
    points,
)
from quantumlink.hardware import DualDownlink, SatellitePass
from quantumlink.link import Link
from quantumlink.network import Route
from quantumlink.visualization.coastlines import draw_coastlines
from quantumlink.visualization.globe import middle, on_a_map
from quantumlink.visualization.map_labels import label_nodes
from quantumlink.visualization.map_sheet import Sheet, is_in_space, nodes_on_the_way, sheet_of, size_in
from quantumlink.visualization.satellite_tracks import footprint, track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    from quantumlink.arrays import FloatArray
    from quantumlink.network import Capacity, Network

MapColor = Literal["fidelity", "rate_hz"]
"""What the color of a link shows: the fidelity with which its pairs arrive, or how many arrive per second."""

MAP_COLORS: tuple[MapColor, ...] = get_args(MapColor)

MANY_NODES = 25
"""In networks of more nodes, those on a straight way between two others are small and have no name."""

ROOMY_NODES = 60
"""Of more nodes with a marker of full size, all are smaller."""

_MARKERS = {"end": "o", "repeater": "s", "trusted": "D", "satellite": "*"}
_RIM_POINTS = 3.2
"""Width of a link with its rim."""

LEAST_SPAN = 0.01
"""The scale of fidelities spans so much at least."""

LEAST_RATIO = 2.0
"""The scale of rates ends so many times as high as it begins, at least."""

Drawable = Link | Route | Sequence[str] | Sequence[Route]
"""A route to be shown: a link, a `Route`, names of nodes in turn; or several routes."""


@picture
def draw_network(
    network: Network,
    *,
    color_by: MapColor = "fidelity",
    route: Drawable | None = None,
    capacity: Capacity | None = None,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw a network: a map if its nodes have positions, a layout of the graph otherwise.

    On a map, links are great circles, in degrees of longitude and latitude, above coasts and borders. What has no
    position, as a satellite, stands amid its neighbors, or without any where a circular orbit has it at its epoch;
    links over satellites are dashed. Of a pass, the way of the point below is drawn, and from where the satellite
    is seen at its culmination. A kind of node has its marker. Names that would cover others, or that a link would
    strike through, are left out.

    Args:
        network: the network.
        color_by: ``"fidelity"`` or ``"rate_hz"`` (on a logarithmic scale); gray where it is not known.
        route: a link, a `Route`, or names of nodes in turn, to be underlaid by a colored band; or several routes,
            each with its own, the first one on top.
        capacity: what `Network.capacity` found for this network: the color shows how much of every link's pairs
            is used, from 0 to 1, whatever ``color_by`` is.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches; as the map needs it if None.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if ``color_by`` is unknown, the capacity is that of another network, or the route names an
            unknown node, or ``size`` is not two lengths or given beside ``ax``.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.network import Network
    >>> vienna, graz = Node("vienna", position=(48.21, 16.37)), Node("graz", position=(47.07, 15.44))
    >>> figure = draw_network(Network([vienna, graz], [ElementaryLink(vienna, graz, fidelity=0.9)], "austria"))
    >>> figure.axes[0].get_title()
    'austria: 2 nodes, 1 elementary link'
    """
    from matplotlib.colors import Normalize

    validation.choice("color_by", color_by, MAP_COLORS)
    ways = [_steps(network, way) for way in _listed(route)]
    sheet = sheet_of(network)
    axes = one_axes(ax, size, size_in(network, sheet))
    for number, way in reversed(list(enumerate(ways))):
        _draw_band(axes, network, sheet, way, number, alone=len(ways) == 1)
    values = _values(network, color_by) if capacity is None else _used(network, capacity)
    known = [value for value in values if value is not None]
    norm = _norm(known, color_by) if capacity is None else Normalize(0, 1)
    _draw_links(axes, network, sheet, values, norm)
    small = nodes_on_the_way(network, sheet) if len(network.nodes) > MANY_NODES else set()
    _draw_nodes(axes, network, sheet, small)
    if sheet.positions is not None:
        _draw_passes(axes, network)
    _finish(axes, network, sheet, ways)
    _draw_legend(axes, own=ax is None)
    if norm is not None:
        _draw_scale(axes, norm, color_by if capacity is None else None)
    ends = [name for way in ways for name in _ends(way)]
    names = sorted(set(network.nodes) - small - set(ends), key=len)
    label_nodes(
        axes, sheet.places, [*dict.fromkeys(ends), *names], always=ends, lines=_in_the_way(network, sheet, ways)
    )
    return figure_of(axes)


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


def _band_points(number: int) -> float:
    return points(9 + 4 * min(number, 4))


def _draw_band(
    axes: Axes, network: Network, sheet: Sheet, steps: Sequence[tuple[str, str]], number: int, *, alone: bool
) -> None:
    """A route as a band below its links; of several, the later ones are wider, so that all are seen."""
    on_way = {frozenset(step) for step in steps}
    label: str | None = "route" if alone else f"route {number + 1}"
    for link in network.links:
        if frozenset((link.left.name, link.right.name)) in on_way:
            colors = palette(axes)
            bands = (colors.orange, colors.sky, colors.purple, colors.green, colors.amber, colors.slate)
            color = bands[number % len(bands)]
            width = _band_points(number)
            line = sheet.line(link)
            axes.plot(*line.T, color=color, alpha=0.45, lw=width, solid_capstyle="round", zorder=1, label=label)
            label = None  # one entry in the legend is enough


def _in_the_way(
    network: Network, sheet: Sheet, ways: Sequence[Sequence[tuple[str, str]]]
) -> list[tuple[FloatArray, float]]:
    """All links with their widths, those with a band as wide as the widest one."""
    band = {frozenset(step): _band_points(number) for number, way in enumerate(ways) for step in way}
    return [
        (sheet.line(link), band.get(frozenset((link.left.name, link.right.name)), points(_RIM_POINTS)))
        for link in network.links
    ]


# --- what is drawn


def _draw_links(
    axes: Axes, network: Network, sheet: Sheet, values: Sequence[float | None], norm: Normalize | None
) -> None:
    """All links, the highest values on top; gray where nothing is known. A rim keeps pale ones off the ground."""
    from matplotlib import rcParams
    from matplotlib.patheffects import withStroke

    label: str | None = "over a satellite"
    rim = [withStroke(linewidth=points(_RIM_POINTS), foreground=rcParams["text.color"], alpha=0.5)]
    for link, value in sorted(zip(network.links, values, strict=True), key=lambda pair: pair[1] or 0.0):
        color = palette(axes).slate if norm is None or value is None else color_scale(axes)(norm(value))
        style, name = ("--", label) if is_in_space(link) else ("-", None)
        axes.plot(*sheet.line(link).T, color=color, lw=points(2), ls=style, zorder=2, label=name, path_effects=rim)
        label = None if name else label


def _draw_passes(axes: Axes, network: Network) -> None:
    """Tracks and footprints of the passes over stations; where two stations see one, as if over their middle."""
    color = palette(axes).amber
    names: list[str | None] = ["way of a satellite in a pass", "seen at its culmination"]
    for link in network.links:
        stations = [end.position for end in link.ends if end.position is not None]
        if not isinstance(link.medium, SatellitePass | DualDownlink) or not stations:
            continue
        over = link.medium if isinstance(link.medium, SatellitePass) else link.medium.left
        way, seen = (on_a_map(line(over, middle(stations))) for line in (track, footprint))
        axes.plot(*way.T, color=color, lw=points(2.5), alpha=0.8, zorder=1.5, label=names[0])
        axes.plot(*seen.T, color=color, lw=points(0.8), ls=":", zorder=1.5, label=names[1])
        names = [None, None]


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
    """The scale of the colors, never so narrow that it shows differences that mean nothing."""
    from matplotlib.colors import LogNorm, Normalize

    if not known:
        return None
    low, high = min(known), max(known)
    if color_by == "rate_hz":
        widen = max(1.0, LEAST_RATIO * low / high) ** 0.5
        return LogNorm(low / widen, high * widen)
    top = min(1.0, high + max(0.0, LEAST_SPAN - (high - low)) / 2)
    return Normalize(min(low, top - LEAST_SPAN), top)


def _kinds(network: Network) -> dict[str, tuple[str, str]]:
    """Of each node, its marker and what the legend calls it."""
    flying = {end.name for link in network.links if is_in_space(link) for end in link.ends if end.position is None}
    kinds = {}
    for name, node in network.nodes.items():
        if name in flying and node.role != "satellite":
            kinds[name] = ("*", f"satellite ({node.role})")
        else:
            kinds[name] = (_MARKERS[node.role], node.role)
    return kinds


def _draw_nodes(axes: Axes, network: Network, sheet: Sheet, small: set[str]) -> None:
    from matplotlib import rcParams

    kinds, ink = _kinds(network), rcParams["text.color"]
    crowd = min(1.0, max(0.3, ROOMY_NODES / max(1, len(network.nodes) - len(small))))
    for kind in sorted(set(kinds.values()), key=lambda kind: kind[1]):
        marker, label = kind
        for tiny in (False, True):
            members = [name for name in network.nodes if kinds[name] == kind and (name in small) == tiny]
            if members:
                x, y = zip(*(sheet.places[name] for name in members), strict=True)
                size = crowd * points(1) ** 2 * (10 if tiny else 130 if marker == "*" else 42)
                shown = f"{label}, on the way" if tiny else label
                axes.scatter(
                    x, y, s=size, marker=marker, color=axes.get_facecolor(), edgecolor=ink, zorder=5, label=shown
                )


def _finish(axes: Axes, network: Network, sheet: Sheet, ways: Sequence[Sequence[tuple[str, str]]]) -> None:
    links = f"{len(network.links)} elementary link" + ("" if len(network.links) == 1 else "s")
    title = f"{network.name}: {len(network.nodes)} node{'' if len(network.nodes) == 1 else 's'}, {links}"
    if len(ways) == 1:
        title += f"; route {' – '.join(_ends(ways[0]))}, {len(ways[0])} hop" + ("" if len(ways[0]) == 1 else "s")
    axes.set_title(title, parse_math=False, wrap=True)
    axes.margins(0.1)
    if sheet.positions is not None:
        axes.set_xlabel("longitude (°)")
        axes.set_ylabel("latitude (°)")
        axes.grid(alpha=0.25)
        axes.set_aspect(sheet.aspect, adjustable="box")
        draw_coastlines(axes)
    else:
        axes.set_axis_off()


def _draw_legend(axes: Axes, *, own: bool) -> None:
    """Below the map of a figure of its own, otherwise beside what is drawn."""
    from matplotlib import rcParams
    from matplotlib.lines import Line2D

    entries = dict(sorted(zip(*axes.get_legend_handles_labels()[::-1], strict=True)))
    for name, handle in entries.items():
        if isinstance(handle, Line2D) and handle.get_linestyle() in ("-", "--") and not name.startswith("way"):
            # The bands' widths, and the value of one of many links, mean nothing here.
            band = handle.get_linestyle() == "-"
            color = handle.get_color() if band else rcParams["text.color"]
            entries[name] = Line2D([], [], color=color, alpha=handle.get_alpha(), lw=points(5 if band else 1.5))
            entries[name].set_linestyle(handle.get_linestyle())
    handles, names = list(entries.values()), list(entries)
    if own:
        size = letters(8)
        columns = legend_columns(names, inches_of(figure_of(axes))[0], size)
        figure_of(axes).legend(handles, names, loc="outside lower center", ncols=columns, fontsize=size)
    else:
        axes.legend(handles, names, fontsize=letters(7))


def _draw_scale(axes: Axes, norm: Normalize, color_by: MapColor | None) -> None:
    """The scale of the colors; of the links' use if they show nothing else."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    texts = {"fidelity": "fidelity of an elementary pair", "rate_hz": "elementary pairs per second"}
    text = texts[color_by] if color_by else "share of the elementary pairs that is used"
    bar = axes.figure.colorbar(ScalarMappable(norm, color_scale(axes)), ax=axes, label=text, shrink=0.85)
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
