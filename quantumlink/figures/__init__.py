"""Figures that draw themselves in a notebook, and the one style that all pictures share."""

from quantumlink.figures.figure import Figure, figure_of, one_axes, several_axes
from quantumlink.figures.style import DARK, Palette, curve, palette

__all__ = ["DARK", "Figure", "Palette", "curve", "figure_of", "one_axes", "palette", "several_axes"]
