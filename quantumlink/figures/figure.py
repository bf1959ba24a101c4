"""A matplotlib figure that a notebook shows by itself: made without pyplot, it belongs to no global state."""

from __future__ import annotations

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure as _Figure
from matplotlib.figure import SubFigure

from quantumlink import validation

Size = tuple[float, float]
"""Width and height in inches."""


MAX_INCHES = 200.0
"""Longest side of a picture."""


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
        return Figure(figsize=_size(size, natural), layout="constrained").add_subplot()
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
        return Figure(figsize=_size(size, natural), layout="constrained")
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


def _size(size: Size | None, natural: Size) -> Size:
    if size is None:
        return natural
    sides = tuple(validation.sequence("size", size, "a width and a height in inches"))
    if len(sides) != 2:
        raise ValueError(f"size must be a width and a height in inches, got {size!r}")
    width, height = (validation.number("size", side, at_least=0.5, at_most=MAX_INCHES) for side in sides)
    return width, height
