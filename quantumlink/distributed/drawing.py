"""The picture of a distributed circuit: nodes on a circle, and the pairs between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import TYPE_CHECKING

from quantumlink.figures import figure_of, one_axes, palette, picture, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UPRIGHT = 0.3
"""Names of nodes so near the circle's axes are centered there."""


@picture
def nodes_and_pairs(
    qubits: Mapping[str, tuple[int, int]],
    pairs: Mapping[tuple[str, str], int],
    ax: Axes | None,
    size: tuple[float, float] | None,
) -> Figure:
    """Nodes with how many qubits they hold; lines as thick as the pairs between two nodes are many.

    Args:
        qubits: of each node, by name: those that compute, and those for pairs.
        pairs: how many are spent between two nodes.
        ax: where to draw, or None.
        size: of a new figure, or None.
    """
    axes = one_axes(ax, size, (max(6.0, 4.0 + 0.17 * max(map(len, qubits))), 5.0))
    color, ground = palette(axes).blue, axes.get_facecolor()
    angles = {name: 2 * pi * i / len(qubits) for i, name in enumerate(qubits)}
    at = {name: (cos(angle), sin(angle)) for name, angle in angles.items()}
    most = max(pairs.values(), default=1)
    share = 0.5 if len(at) <= 3 else 0.36
    for (a, b), count in pairs.items():
        (x, y), (u, v) = at[a], at[b]
        axes.plot([x, u], [y, v], color=color, linewidth=points(1 + 5 * count / most), zorder=1)
        # Not amid them: there all lines across would have their numbers.
        place = (x + share * (u - x), y + share * (v - y))
        box = {"facecolor": ground, "edgecolor": "none", "pad": points(1.5)}
        axes.annotate(str(count), place, ha="center", va="center", bbox=box)
    for name, (computing, communicating) in qubits.items():
        x, y = at[name]
        axes.plot(x, y, "o", color=color, markersize=points(9))
        axes.annotate(  # outside of the circle, so that names of any length have room
            f"{name}\n{computing} + {communicating}",
            at[name],
            (points(9) * x, points(9) * y),
            textcoords="offset points",
            ha="center" if abs(x) < _UPRIGHT else "left" if x > 0 else "right",
            va="center" if abs(y) < _UPRIGHT else "bottom" if y > 0 else "top",
            parse_math=False,
        )
    number = sum(pairs.values())
    ebits = "1 e-bit" if number == 1 else f"{number} e-bits"
    axes.set_title(f"{ebits}; qubits that compute + qubits for pairs", wrap=True)
    axes.set_xlim(-1.1, 1.1)
    axes.set_ylim(-1.1, 1.45)  # the uppermost name stands below the title
    axes.set_aspect("equal")
    axes.axis("off")
    return figure_of(axes)
