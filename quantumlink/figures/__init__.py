"""Figures that draw themselves in a notebook, and the one style that all pictures share."""

from quantumlink.figures.figure import Figure, figure_of, letters, one_axes, picture, points, several_axes
from quantumlink.figures.room import fits, folded, inches_of, legend_columns
from quantumlink.figures.style import DARK, Palette, color_scale, curve, palette

__all__ = [
    "DARK",
    "Figure",
    "Palette",
    "color_scale",
    "curve",
    "figure_of",
    "fits",
    "folded",
    "inches_of",
    "legend_columns",
    "letters",
    "one_axes",
    "palette",
    "picture",
    "points",
    "several_axes",
]
