"""A matplotlib figure that a notebook shows by itself: made without pyplot, it belongs to no global state."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from threading import RLock
from typing import Any, ParamSpec, TypeVar

from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure as _Figure
from matplotlib.figure import SubFigure

from quantumlink import validation

Size = tuple[float, float]
"""Width and height in inches."""


MAX_INCHES = 200.0
"""Longest side of a picture."""

LEAST_LETTERS = 5.0
"""Letters of a small picture do not get smaller than so many points."""

_SHRINKING = (
    "font.size",
    "axes.linewidth",
    "axes.titlesize",
    "axes.labelsize",
    "axes.titlepad",
    "axes.labelpad",
    "errorbar.capsize",
    "figure.constrained_layout.h_pad",
    "figure.constrained_layout.w_pad",
    "figure.titlesize",
    "grid.linewidth",
    "legend.fontsize",
    "lines.linewidth",
    "lines.markeredgewidth",
    "lines.markersize",
    "patch.linewidth",
    *(f"{x}tick.{part}" for x in "xy" for part in ("labelsize", "major.size", "major.width", "major.pad")),
    *(f"{x}tick.{part}" for x in "xy" for part in ("minor.size", "minor.width", "minor.pad")),
)
"""Settings of matplotlib in points or inches, or in words relative to these."""

_one_at_a_time = RLock()
"""Matplotlib's settings are those of all threads: two pictures at once would give back one another's."""

_Arguments = ParamSpec("_Arguments")
_Drawn = TypeVar("_Drawn")


def picture(draw: Callable[_Arguments, _Drawn]) -> Callable[_Arguments, _Drawn]:
    """Make a drawing function give matplotlib's settings back as they were: letters of small pictures are smaller.

    What draws with `one_axes` or `several_axes` is decorated so. Of several threads one draws at a time.
    """

    @wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Drawn:
        with _one_at_a_time, rc_context():
            return draw(*args, **kwargs)

    return drawn


def letters(size: float) -> float:
    """A size of letters as `points` gives it, but none that nobody reads."""
    return max(points(size), min(size, LEAST_LETTERS))


def points(size: float) -> float:
    """A size of letters, markers or gaps where letters have ten points, in what the picture's letters have."""
    return size * float(rcParams["font.size"]) / 10


class Figure(_Figure):
    """A figure that draws itself where it is the result of a notebook's cell."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def one_axes(ax: Axes | None, size: Size | None, natural: Size) -> Axes:
    """The axes of a picture of one panel: those given, or the only ones of a new figure.

    Args:
        ax: of a figure of the user's.
        size: width and height of a new figure in inches.
        natural: that size, unless another is asked for.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if ``size`` is not two lengths, or given beside ``ax``.
    """
    if ax is None:
        return _new(size, natural).add_subplot()
    _given(ax, size)
    return ax


def several_axes(ax: Axes | None, size: Size | None, natural: Size) -> Figure | SubFigure:
    """Where a picture of several panels is drawn: in place of the axes given, or in a new figure.

    Args:
        ax: one of a grid of subplots; it is removed, and the panels stand where it stood.
        size: width and height of a new figure in inches.
        natural: that size, unless another is asked for.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if ``ax`` is not one of a grid, or ``size`` is not two lengths, or both are given.
    """
    if ax is None:
        return _new(size, natural)
    _given(ax, size)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must be one of a grid of subplots, whose place several panels can take "
            "(figure.subplots or figure.add_subplot), got axes at a place of their own"
        )
    owner = ax.figure
    ax.remove()
    return owner.add_subfigure(place)


def figure_of(drawn: Axes | _Figure | SubFigure) -> _Figure:
    """The whole figure that something belongs to."""
    while not isinstance(drawn, _Figure):
        drawn = drawn.figure
    return drawn


def _given(ax: Axes, size: Size | None) -> None:
    validation.instance("ax", ax, Axes, "matplotlib's Axes, or None")
    if size is not None:
        raise ValueError(f"size is that of a new figure, and ax belongs to one already: got size={size!r} and ax")


def _new(size: Size | None, natural: Size) -> Figure:
    """A figure; where it is smaller than is natural, so are letters, markers and gaps, while these can be read."""
    sides = _size(size, natural)
    settings: Any = rcParams  # which are typed by name
    readable = LEAST_LETTERS / float(settings["font.size"])
    share = min(1.0, max(readable, min(sides[0] / natural[0], sides[1] / natural[1])))
    for name in _SHRINKING if share < 1 else ():
        if not isinstance(settings[name], str | None):
            settings[name] *= share
    return Figure(figsize=sides, layout="constrained")


def _size(size: Size | None, natural: Size) -> Size:
    if size is None:
        return natural
    sides = tuple(validation.sequence("size", size, "a width and a height in inches"))
    if len(sides) != 2:
        raise ValueError(f"size must be a width and a height in inches, got {size!r}")
    width, height = (validation.number("size", side, at_least=0.5, at_most=MAX_INCHES) for side in sides)
    return width, height
