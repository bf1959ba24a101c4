"""Names on a map: each where it covers no other and no node, and left out where there is no such place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

    Place = tuple[float, float]

_GAP = 5.0
"""Distance of a name from its node, in points."""

_SIDES = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Where a name may stand, seen from its node; the first free place is taken."""

_ALIGNED = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}

_NODE_PIXELS = 4.0
"""Half the width of the square that names keep free around a node."""


def label_nodes(
    axes: Axes, places: Mapping[str, Place], names: Sequence[str], *, always: Collection[str] = ()
) -> list[Annotation]:
    """Write names beside their places, the first ones first.

    Args:
        axes: a drawing with its final limits.
        places: where all nodes stand, in data coordinates; names keep off them.
        names: which of them to name, the most important one first.
        always: names that are written even where they cover something.
    """
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()  # from here on, data coordinates have their final pixels
    nodes = {name: axes.transData.transform(place) for name, place in places.items()}
    free_of = {
        name: Bbox.from_extents(x - _NODE_PIXELS, y - _NODE_PIXELS, x + _NODE_PIXELS, y + _NODE_PIXELS)
        for name, (x, y) in nodes.items()
    }
    taken: list[Bbox] = []
    written = []
    for name in names:
        others = [box for other, box in free_of.items() if other != name]
        text = _written(axes, name, places[name], [*taken, *others], always=name in always)
        if text is not None:
            taken.append(text.get_window_extent())
            written.append(text)
    return written


def _written(axes: Axes, name: str, place: Place, taken: Sequence[Bbox], *, always: bool) -> Annotation | None:
    """The name at the first free side; if there is none, nowhere, or at the first side within the axes."""
    inside: tuple[int, int] | None = None
    for side in _SIDES:
        text = _at(axes, name, place, side)
        box = text.get_window_extent()
        within = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 <= axes.bbox.y1
        if within and not any(box.overlaps(other) for other in taken):
            return text
        if within and inside is None:
            inside = side
        text.remove()
    return _at(axes, name, place, inside or _SIDES[0]) if always else None


def _at(axes: Axes, name: str, place: Place, side: tuple[int, int]) -> Annotation:
    (horizontal, _), (_, vertical) = _ALIGNED[side[0]], _ALIGNED[side[1]]
    text = axes.annotate(
        name,
        place,
        xytext=(_GAP * side[0], _GAP * side[1]),
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=8,
        zorder=6,
        parse_math=False,
    )
    text.set_in_layout(False)  # or a name at the border would move everything that was measured
    return text
