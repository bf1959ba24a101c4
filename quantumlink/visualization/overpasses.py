"""Satellites over stations: passes over a day as a chart, and on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.figures import curve, figure_of, letters, one_axes, palette, picture, points
from quantumlink.hardware.astronomy import seen_from, sun_elevation_deg, utc_of
from quantumlink.hardware.astronomy.ground import latitude_longitude
from quantumlink.network import Overpasses
from quantumlink.visualization.coastlines import draw_coastlines
from quantumlink.visualization.globe import destination, on_a_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_CHART_S = 3 * 86_400.0
"""A chart shows so much time at most, from the beginning on."""

MOST_NAMED = 6
"""Satellites of more have no names of their own in a legend."""

_STEP_S = 20.0

_BORDER_DEG = 150.0
"""Names of stations beyond this longitude, east or west, end or begin at it."""


@picture
def draw_overpasses(
    passes: Overpasses,
    *,
    twilight_deg: float = -12.0,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw when stations see satellites: a row a station, a bar a pass, as high as the satellite rises.

    The ground is shaded where the Sun is up; passes by night stand out. Of more than three days the first three are
    shown.

    Args:
        passes: what `find_overpasses` gives.
        twilight_deg: elevation of the Sun below which it is night.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``passes`` or ``ax`` are of another kind.
        ValueError: if ``size`` is not two lengths, or given beside ``ax``.

    >>> from quantumlink.hardware import CircularOrbit, Node
    >>> from quantumlink.network import Network, find_overpasses
    >>> sky = Node("sat", role="satellite", orbit=CircularOrbit(altitude_km=500, inclination_deg=97.4))
    >>> ground = Node("graz", position=(47.1, 15.4), role="trusted")
    >>> day = find_overpasses(Network([sky, ground], []), ["graz"], start="2026-03-20", min_elevation_deg=20)
    >>> draw_overpasses(day).axes[0].get_title()
    'passes above 20°: filled by night, hollow by day; full height is the zenith'
    """
    validation.instance("passes", passes, Overpasses, "what find_overpasses gives")
    shown_s = min(passes.duration_s, LONGEST_CHART_S)
    axes = one_axes(ax, size, (9.0, 1.2 + 0.55 * len(passes.stations)))
    colors = palette(axes)
    times = passes.start_s + np.linspace(0, shown_s, 721)
    hours = (times - passes.start_s) / 3600
    for row, (name, station) in enumerate([*passes.stations.items()][::-1]):
        position: Any = station.position
        day = sun_elevation_deg(times, position) >= twilight_deg
        axes.fill_between(hours, row, row + 1, where=list(day), color=colors.amber, alpha=0.16, lw=0, step="mid")
        for one in passes.over(name):
            begin = (one.rise_s - passes.start_s) / 3600
            if begin * 3600 >= shown_s:
                continue
            dark = float(sun_elevation_deg(one.culmination_s, position)) < twilight_deg
            # Five minutes are hardly a line on a day's axis: no bar is thinner than one.
            width = max(one.duration_s / 3600, shown_s / 3600 / 400)
            height = 0.9 * one.max_elevation_deg / 90
            look: dict[str, Any] = (
                {"color": colors.blue} if dark else {"facecolor": "none", "edgecolor": colors.slate}
            )
            axes.bar(begin, height, width, bottom=row, align="edge", lw=points(0.8), **look)
        axes.axhline(row, color=colors.faint, lw=points(0.6))
    axes.set_yticks([row + 0.45 for row in range(len(passes.stations))], [*passes.stations][::-1])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, shown_s / 3600), ylim=(0, len(passes.stations)))
    axes.set_xlabel(f"hours after {utc_of(passes.start_s)}")
    least = sorted(set(passes.min_elevation_deg.values()))
    mask = f"{least[0]:g}°" if len(least) == 1 else f"{least[0]:g} to {least[-1]:g}°"
    axes.set_title(
        f"passes above {mask}: filled by night, hollow by day; full height is the zenith",
        fontsize=letters(10),
        wrap=True,
    )
    return figure_of(axes)


@picture
def draw_tracks(passes: Overpasses, *, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Figure:
    """Draw satellites on a map: the way below each, thick where a station sees it, and how far stations see.

    Each way is that of one orbit from the beginning on; of each pass in the first day the part in view is drawn.

    Args:
        passes: what `find_overpasses` gives.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``passes`` or ``ax`` are of another kind.
        ValueError: if ``size`` is not two lengths, or given beside ``ax``.

    >>> from quantumlink.hardware import CircularOrbit, Node
    >>> from quantumlink.network import Network, find_overpasses
    >>> sky = Node("sat", role="satellite", orbit=CircularOrbit(altitude_km=500, inclination_deg=97.4))
    >>> ground = Node("graz", position=(47.1, 15.4), role="trusted")
    >>> day = find_overpasses(Network([sky, ground], []), ["graz"], start="2026-03-20", min_elevation_deg=20)
    >>> [text.get_text() for text in draw_tracks(day).axes[0].get_legend().get_texts()]
    ['sat']
    """
    from matplotlib.patheffects import withStroke

    validation.instance("passes", passes, Overpasses, "what find_overpasses gives")
    axes = one_axes(ax, size, (9.0, 4.9))
    colors = palette(axes)
    axes.set(xlim=(-180, 180), ylim=(-90, 90), aspect="equal")
    draw_coastlines(axes)
    few = len(passes.satellites) <= MOST_NAMED
    for number, (name, satellite) in enumerate(passes.satellites.items()):
        orbit: Any = satellite.orbit
        look = {key: value for key, value in curve(number, axes).items() if key != "marker"}
        look = look if few else {"color": colors.blue, "linestyle": "-"}
        once = passes.start_s + np.arange(0, min(orbit.period_s, passes.duration_s), _STEP_S)
        way = on_a_map(latitude_longitude(orbit.places_km(once)))
        axes.plot(*way.T, lw=points(0.7), alpha=0.55, label=name if few else None, **look)
        for one in passes:
            if one.satellite == name and one.rise_s < passes.start_s + 86_400:
                seen = np.linspace(one.rise_s, one.set_s, 15)
                part = on_a_map(latitude_longitude(orbit.places_km(seen)))
                axes.plot(*part.T, lw=points(2.2 if few else 0.9), color=look["color"], solid_capstyle="butt")
    rim = [withStroke(linewidth=points(2.5), foreground=axes.get_facecolor())]  # whatever track is below
    for name, station in passes.stations.items():
        where: Any = station.position
        around = on_a_map(_view(passes, name))
        axes.plot(*around.T, color=colors.orange, lw=points(0.9))
        axes.plot(where[1], where[0], "o", color=colors.orange, ms=points(5), mec=axes.get_facecolor())
        top = (where[1], float(_view(passes, name)[:, 0].max()))
        # Above its circle, where no track is thick; at the map's border, away from that.
        side = "center" if abs(where[1]) < _BORDER_DEG else "right" if where[1] > 0 else "left"
        look = {"fontsize": letters(8), "ha": side, "path_effects": rim, "parse_math": False}
        axes.annotate(name, top, (0, points(2)), textcoords="offset points", zorder=6, **look)
    axes.set(xlabel="longitude (°)", ylabel="latitude (°)")
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks(range(-90, 91, 30))
    axes.set_title(
        f"one orbit from {utc_of(passes.start_s)}; thick: in view of a station in the first day",
        fontsize=letters(10),
        wrap=True,
    )
    if few:
        axes.legend(fontsize=letters(7), loc="lower left", ncols=2)
    return figure_of(axes)


def _view(passes: Overpasses, name: str) -> FloatArray:
    """Above which places a station sees the lowest satellite: a circle, (n, 2), latitude and longitude."""
    orbits: list[Any] = [node.orbit for node in passes.satellites.values()]
    position: Any = passes.stations[name].position
    heights = [float(np.linalg.norm(orbit.places_km(passes.start_s))) for orbit in orbits]
    lowest = min(heights)
    angles = np.radians(np.linspace(0, 180, 2000))
    up = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=-1)
    elevation, _ = seen_from((0.0, 0.0), "sphere", lowest * up)
    reach = float(np.degrees(angles[np.argmax(elevation < passes.min_elevation_deg[name])]))
    return np.array([destination(position, bearing, reach) for bearing in np.linspace(0, 360, 120)])
