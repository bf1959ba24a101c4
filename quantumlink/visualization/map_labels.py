"""Names on a map: each where it covers no other, no node and no link, and left out where there is no such place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from quantumlink.figures import figure_of, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

    from quantumlink.arrays import FloatArray

    Place = tuple[float, float]

_GAPS = (5.0, 9.0, 14.0, 20.0)
"""Distances of a name from its node, in points; the nearest free place is taken."""

_SIDES = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Where a name may stand, seen from its node; the first free place is taken."""

_ALIGNED = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}

_MARGIN_PIXELS = 1.0
"""Around a name: a later layout moves what is drawn by fractions of a pixel."""

_NODE_POINTS = 3.0
"""Half the width of the square that names keep free around a node."""


def label_nodes(
    axes: Axes,
    places: Mapping[str, Place],
    names: Sequence[str],
    *,
    always: Collection[str] = (),
    lines: Sequence[tuple[FloatArray, float]] = (),
) -> list[Annotation]:
    """Write names beside their places, the first ones first.

    Args:
        axes: a drawing with its final limits.
        places: where all nodes stand, in data coordinates; names keep off them.
        names: which of them to name, the most important one first.
        always: names that are written even where they cover something.
        lines: what no name may lie on: points in data coordinates, each of shape (n, 2), with nan between pieces,
            and how wide they are drawn, in points.
    """
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

    figure_of(axes).draw_without_rendering()  # from here on, data coordinates have their final pixels
    pixels = figure_of(axes).dpi / 72
    drawn = [
        (Path(piece), width * pixels / 2)
        for line, width in lines
        for piece in _pieces(axes.transData.transform(line))
        if len(piece) > 1
    ]
    nodes = {name: axes.transData.transform(place) for name, place in places.items()}
    half = points(_NODE_POINTS) * pixels
    free_of = {name: Bbox.from_extents(x - half, y - half, x + half, y + half) for name, (x, y) in nodes.items()}
    taken: list[Bbox] = []
    written = []
    for name in names:
        others = [box for other, box in free_of.items() if other != name]
        text = _written(axes, name, places[name], [*taken, *others], drawn, always=name in always)
        if text is not None:
            taken.append(text.get_window_extent())
            written.append(text)
    return written


def _pieces(line: FloatArray) -> list[FloatArray]:
    """What lies between the gaps of a line."""
    whole = ~np.isnan(line).any(axis=1)
    cuts = np.flatnonzero(np.diff(whole)) + 1
    return [piece for piece in np.split(line, cuts) if not np.isnan(piece).any()]


def _written(
    axes: Axes, name: str, place: Place, taken: Sequence[Bbox], drawn: Sequence[tuple[Path, float]], *, always: bool
) -> Annotation | None:
    """The name at the first free side; if there is none, nowhere, or where it covers least within the axes."""
    fewest: tuple[int, Place] | None = None
    for gap, side in product(_GAPS, _SIDES):
        offset = (points(gap) * side[0], points(gap) * side[1])
        text = _at(axes, name, place, offset)
        box = text.get_window_extent().padded(_MARGIN_PIXELS)
        within = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 <= axes.bbox.y1
        covered = sum(box.overlaps(other) for other in taken)
        struck = sum(path.intersects_bbox(box.padded(width), filled=False) for path, width in drawn)
        if within and not covered + struck:
            return text
        if within and (fewest is None or 10 * covered + struck < fewest[0]):
            fewest = (10 * covered + struck, offset)
        text.remove()
    return _at(axes, name, place, fewest[1] if fewest else (points(_GAPS[0]), points(_GAPS[0]))) if always else None


def _at(axes: Axes, name: str, place: Place, offset: Place) -> Annotation:
    (horizontal, _), (_, vertical) = (_ALIGNED[int(np.sign(along))] for along in offset)
    text = axes.annotate(
        name,
        place,
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=points(8),
        zorder=6,
        parse_math=False,
    )
    text.set_in_layout(False)  # or a name at the border would move everything that was measured
    return text
