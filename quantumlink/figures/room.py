"""How much can be written where: text in lines, and legends in columns, as wide as there is room."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING

from quantumlink.figures.figure import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LETTER_INCHES = 0.0088
"""How wide a letter of one point is, on average."""

_HANDLE_LETTERS = 6
"""Letters that have room where a legend shows a line, and its gaps."""

NARROW_INCHES = 7.0
"""Figures that are narrower have no room for two panels with long names side by side."""


def inches_of(place: Axes | Figure | SubFigure) -> tuple[float, float]:
    """Width and height in inches, before the layout."""
    resolution = figure_of(place).dpi
    return place.bbox.width / resolution, place.bbox.height / resolution


def folded(text: str, inches: float, size: float) -> str:
    r"""A text in lines of so many inches, in letters of so many points; words stay whole.

    >>> folded("time to a pair", 0.5, 5)
    'time to a\npair'
    """
    return fill(text, max(1, int(inches / (LETTER_INCHES * size))), break_long_words=False, break_on_hyphens=False)


def fits(text: str, inches: float, size: float) -> bool:
    """Whether every line of a text has room."""
    return max(map(len, text.split("\n"))) * LETTER_INCHES * size <= inches


def legend_columns(names: Iterable[str], inches: float, size: float, most: int = 4) -> int:
    """Columns of a legend that have room side by side.

    >>> legend_columns(["granted by the bound", "she knows, at most"], 1.5, 5)
    1
    >>> legend_columns(["granted by the bound", "she knows, at most"], 3.4, 5)
    2
    """
    names = list(names)
    widest = max(map(len, names), default=0) + _HANDLE_LETTERS
    return max(1, min(most, len(names), int(inches / (LETTER_INCHES * size * widest))))
