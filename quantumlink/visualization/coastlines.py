"""Coasts and borders under a map.

The lines are those of Natural Earth, 1:50 million, which is in the public domain (naturalearthdata.com), as the
npm package ``world-atlas`` 2.0.2 packs them, rounded to 0.02° (about 2 km), without the seams along the date line.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantumlink.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS_A_DEGREE = 50
"""The lines' points lie on a grid of so many steps."""


@cache
def lines(kind: Literal["coast", "border"]) -> tuple[FloatArray, ...]:
    """All coasts or all borders between countries: of each line its points, shape (n, 2), longitude and latitude.

    >>> len(lines("coast")), lines("border")[0].shape[1]
    (1599, 2)
    """
    with (files("quantumlink.visualization") / "natural_earth_50m.npz").open("rb") as file, np.load(file) as stored:
        steps, points = stored[f"{kind}_steps"].astype(int), stored[f"{kind}_points"].astype(int)
    # Each line begins with a step from (0, 0).
    return tuple(np.cumsum(line, axis=0) / STEPS_A_DEGREE for line in np.split(steps, np.cumsum(points)[:-1]))


def draw_coastlines(axes: Axes) -> None:
    """Draw what lies within the limits of the axes, in degrees of longitude and latitude, and keep these limits."""
    from matplotlib.collections import LineCollection

    from quantumlink.figures import palette, points

    color = palette(axes).slate
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    for kind, style, opacity in (("coast", "solid", 1.0), ("border", (0, (3, 2)), 0.8)):
        seen = [
            line
            for line in lines(kind)
            if (line.min(axis=0) <= (east, north)).all() and (line.max(axis=0) >= (west, south)).all()
        ]
        drawn = LineCollection(
            seen, colors=color, linestyles=style, linewidths=points(0.6), alpha=opacity, zorder=0
        )
        axes.add_collection(drawn, autolim=False)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
