"""The picture of a distributed circuit: nodes on a circle, and the pairs between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import TYPE_CHECKING

from quantumlink.figures import figure_of, one_axes, palette, picture, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    axes = one_axes(ax, size, (6, 5))
    color, ground = palette(axes).blue, axes.get_facecolor()
    angles = {name: 2 * pi * i / len(qubits) for i, name in enumerate(qubits)}
    at = {name: (cos(angle), sin(angle)) for name, angle in angles.items()}
    most = max(pairs.values(), default=1)
    for (a, b), count in pairs.items():
        (x, y), (u, v) = at[a], at[b]
        axes.plot([x, u], [y, v], color=color, linewidth=points(1 + 5 * count / most), zorder=1)
        axes.annotate(str(count), ((x + u) / 2, (y + v) / 2), ha="center", va="center", backgroundcolor=ground)
    for name, (computing, communicating) in qubits.items():
        axes.annotate(
            f"{name}\n{computing} + {communicating}",
            at[name],
            ha="center",
            va="center",
            bbox={"boxstyle": "round", "facecolor": ground, "edgecolor": color},
        )
    number = sum(pairs.values())
    ebits = "1 e-bit" if number == 1 else f"{number} e-bits"
    axes.set_title(f"{ebits}; qubits that compute + qubits for pairs", wrap=True)
    axes.set_xlim(-1.4, 1.4)
    axes.set_ylim(-1.3, 1.3)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure_of(axes)
