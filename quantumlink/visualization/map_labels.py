"""Names on a map: each where it covers no other, no node and no link, and left out where there is no such place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantumlink.figures import figure_of, letters, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

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
    figure_of(axes).draw_without_rendering()  # from here on, data coordinates have their final pixels
    pixels = figure_of(axes).dpi / 72
    drawn = _Drawn.of([(axes.transData.transform(line), width * pixels / 2) for line, width in lines])
    nodes = np.array([axes.transData.transform(place) for place in places.values()]).reshape(-1, 2)
    half = points(_NODE_POINTS) * pixels
    free = np.hstack([nodes - half, nodes + half])
    taken: list[FloatArray] = []
    written = []
    for name in names:
        others = free[[other != name for other in places]]
        offset = _offset(axes, name, places[name], np.vstack([*taken, others]), drawn, always=name in always)
        if offset is not None:
            text = _at(axes, name, places[name], offset)
            taken.append(np.asarray(text.get_window_extent().extents).reshape(1, 4))
            written.append(text)
    return written


class _Drawn(NamedTuple):
    """Segments that no name may lie on, in pixels."""

    starts: FloatArray
    """Shape (n, 2)."""
    steps: FloatArray
    """From start to end, shape (n, 2)."""
    halves: FloatArray
    """Half their widths, shape (n, 1)."""
    pieces: NDArray[np.intp]
    """Which piece of a line each is of, shape (n,)."""

    @classmethod
    def of(cls, lines: Sequence[tuple[FloatArray, float]]) -> _Drawn:
        """Of lines with nan between their pieces, and half their widths."""
        parts = [cls(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 1)), np.empty(0, dtype=np.intp))]
        before = 0
        for line, half in lines:
            gap = np.isnan(line[:, 0]) | np.isnan(line[:, 1])
            both = ~(gap[:-1] | gap[1:])
            piece = (before + np.cumsum(gap))[:-1][both]
            parts.append(cls(line[:-1][both], np.diff(line, axis=0)[both], np.full((piece.size, 1), half), piece))
            before += len(line)
        return cls(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def near(self, box: FloatArray) -> _Drawn:
        """Those that may have a part within a box (x0, y0, x1, y1)."""
        ends = self.starts + self.steps
        low, high = np.minimum(self.starts, ends) - self.halves, np.maximum(self.starts, ends) + self.halves
        keep = ((low <= box[2:]) & (box[:2] <= high)).all(axis=1)
        return _Drawn(self.starts[keep], self.steps[keep], self.halves[keep], self.pieces[keep])

    def crossing(self, box: FloatArray) -> int:
        """How many pieces, as wide as they are, have a part within a box (x0, y0, x1, y1)."""
        lower, upper = box[:2] - self.halves - self.starts, box[2:] + self.halves - self.starts
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = lower / self.steps, upper / self.steps
        still = self.steps == 0  # along this axis: within for the whole way, or never
        inside = (lower <= 0) & (upper >= 0)
        enter = np.where(still, np.where(inside, 0, np.inf), np.minimum(one, other))
        leave = np.where(still, np.where(inside, 1, -np.inf), np.maximum(one, other))
        hit = np.maximum(enter.max(axis=1), 0) <= np.minimum(leave.min(axis=1), 1)
        return np.unique(self.pieces[hit]).size


def _offset(axes: Axes, name: str, place: Place, taken: FloatArray, drawn: _Drawn, *, always: bool) -> Place | None:
    """Where the name stands: at the first free side; if there is none, nowhere, or where it covers least."""
    trial = _at(axes, name, place, (0.0, 0.0))
    size = np.asarray(trial.get_window_extent().size)
    trial.remove()
    at = axes.transData.transform(place)
    pixels = figure_of(axes).dpi / 72
    reach = size + points(_GAPS[-1]) * pixels + _MARGIN_PIXELS
    drawn = drawn.near(np.concatenate([at - reach, at + reach]))
    fewest: tuple[int, Place] | None = None
    for gap, side in product(_GAPS, _SIDES):
        offset = (points(gap) * side[0], points(gap) * side[1])
        corner = at + np.array(offset) * pixels + size * (np.array(side) - 1) / 2
        box = np.concatenate([corner - _MARGIN_PIXELS, corner + size + _MARGIN_PIXELS])
        if not (
            axes.bbox.x0 <= box[0] and box[2] <= axes.bbox.x1 and axes.bbox.y0 <= box[1] and box[3] <= axes.bbox.y1
        ):
            continue
        covered = np.count_nonzero((taken[:, :2] <= box[2:]).all(axis=1) & (box[:2] <= taken[:, 2:]).all(axis=1))
        worth = 10 * int(covered) + drawn.crossing(box)
        if not worth:
            return offset
        if fewest is None or worth < fewest[0]:
            fewest = (worth, offset)
    return (fewest[1] if fewest else (points(_GAPS[0]), points(_GAPS[0]))) if always else None


def _at(axes: Axes, name: str, place: Place, offset: Place) -> Annotation:
    (horizontal, _), (_, vertical) = (_ALIGNED[int(np.sign(along))] for along in offset)
    text = axes.annotate(
        name,
        place,
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=letters(8),
        zorder=6,
        parse_math=False,
    )
    text.set_in_layout(False)  # or a name at the border would move everything that was measured
    return text
