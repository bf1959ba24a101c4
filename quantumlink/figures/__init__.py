"""Figures that draw themselves in a notebook, and the one style that all pictures share."""

from quantumlink.figures.figure import Figure, figure_of, one_axes, picture, points, several_axes
from quantumlink.figures.style import DARK, Palette, color_scale, curve, palette

__all__ = [
    "DARK",
    "Figure",
    "Palette",
    "color_scale",
    "curve",
    "figure_of",
    "one_axes",
    "palette",
    "picture",
    "points",
    "several_axes",
]
