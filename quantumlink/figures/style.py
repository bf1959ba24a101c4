"""The one style of all pictures: colors that color-blind people tell apart, and curves that need no color.

Backgrounds, text and grids are matplotlib's own settings, so a style sheet of the user's is followed; the colors of
what is drawn are chosen for the ground it is drawn on. For pictures on a dark page:

>>> import matplotlib, quantumlink as ql
>>> with matplotlib.rc_context(ql.visualization.DARK):
...     figure = ql.draw(ql.ElementaryLink(ql.Node("a"), ql.Node("b")))
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

Dash = str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Palette:
    """Colors for one ground, as ``#rrggbb``.

    Any two of them are at least 20 apart in CIELAB for people with normal sight and with each of the three kinds of
    color blindness, and all have a contrast of at least 3 to 1 with their ground (WCAG 2.2, 1.4.11).
    """

    blue: str
    """What is computed: exact and predicted values; what comes in."""
    orange: str
    """What is measured or sampled; what is taken away."""
    green: str
    """What is gained in the end: a key, a quality."""
    purple: str
    amber: str
    sky: str
    wine: str
    """An alarm."""
    slate: str
    """What stands back: a baseline, an ideal, what is not known."""

    @property
    def faint(self) -> str:
        """A thin line that only guides the eye."""
        return self.slate + "90"


LIGHT_GROUND = Palette(
    blue="#2940a5",
    orange="#9d2f0a",
    green="#29a857",
    purple="#b65ca5",
    amber="#a59400",
    sky="#4c79ff",
    wine="#722b4d",
    slate="#849386",
)

DARK_GROUND = Palette(
    blue="#427cf1",
    orange="#f16f4e",
    green="#15ff9a",
    purple="#e3d4d5",
    amber="#eebb32",
    sky="#abccff",
    wine="#a25862",
    slate="#8e7ca8",
)

DARK: dict[str, Any] = {
    "figure.facecolor": "#14181d",
    "axes.facecolor": "#14181d",
    "savefig.facecolor": "#14181d",
    "legend.facecolor": "#14181d",
    "text.color": "#e6e9ed",
    "axes.labelcolor": "#e6e9ed",
    "axes.edgecolor": "#8b95a1",
    "xtick.color": "#c3c9d1",
    "ytick.color": "#c3c9d1",
    "grid.color": "#8b95a1",
    "legend.edgecolor": "#8b95a1",
}
"""Settings of matplotlib for pictures on a dark ground: ``with matplotlib.rc_context(DARK): …``."""

_DASHES: tuple[Dash, ...] = (
    "-",
    (0, (6, 2)),
    (0, (1, 1.5)),
    (0, (6, 2, 1, 2)),
    (0, (10, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (3, 3)),
)
_DARKEST = 0.4
"""Where in viridis a color has a contrast of 3 to 1 with `DARK`."""

_MARKERS = "os^DvPX*<>"


def palette(axes: Axes | None = None) -> Palette:
    """The colors for what these axes stand on, or for new figures."""
    from matplotlib import rcParams
    from matplotlib.colors import to_rgba

    ground = rcParams["axes.facecolor"] if axes is None else axes.get_facecolor()
    red, green, blue, opaque = to_rgba(ground)
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return DARK_GROUND if bright < 0.4 and opaque > 0.5 else LIGHT_GROUND


def color_scale(axes: Axes | None = None) -> Colormap:
    """The colors of values of thin lines: viridis, on a dark ground without its darkest third."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    whole = colormaps["viridis"]
    if palette(axes) is LIGHT_GROUND:
        return whole
    return ListedColormap(whole(np.linspace(_DARKEST, 1, whole.N)), "viridis without its darkest third")


def curve(number: int, axes: Axes | None = None) -> dict[str, Any]:
    """How the curve of this number looks, as keywords of ``Axes.plot``: color, dash and marker each tell it apart.

    >>> curve(1)["marker"], curve(1)["linestyle"]
    ('s', (0, (6, 2)))
    """
    colors = astuple(palette(axes))
    return {
        "color": colors[number % len(colors)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
    }
