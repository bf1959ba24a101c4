"""The picture of a distributed circuit: nodes on a circle, and the pairs between them."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from quantumlink.distributed.distribution import Distribution


def nodes_and_pairs(distribution: Distribution, ax: Axes | None, size: tuple[float, float] | None) -> Figure:
    """Nodes with how many qubits they hold; lines as thick as the pairs between two nodes are many."""
    from quantumlink.figures import figure_of, one_axes, palette

    axes = one_axes(ax, size, (6, 5))
    color, ground = palette(axes).blue, axes.get_facecolor()
    nodes = distribution.machine.nodes
    at = {node.name: (cos(2 * pi * i / len(nodes)), sin(2 * pi * i / len(nodes))) for i, node in enumerate(nodes)}
    most = max(distribution.ebits_between.values(), default=1)
    for (a, b), count in distribution.ebits_between.items():
        (x, y), (u, v) = at[a], at[b]
        axes.plot([x, u], [y, v], color=color, linewidth=1 + 5 * count / most, zorder=1)
        axes.annotate(str(count), ((x + u) / 2, (y + v) / 2), ha="center", va="center", backgroundcolor=ground)
    used = distribution.candidate.scheduled
    for node, computing, pairs in zip(nodes, used.computing, used.communicating, strict=True):
        axes.annotate(
            f"{node.name}\n{computing} + {pairs}",
            at[node.name],
            ha="center",
            va="center",
            bbox={"boxstyle": "round", "facecolor": ground, "edgecolor": color},
        )
    axes.set_title(f"{distribution.ebits} e-bits; qubits that compute + qubits for pairs")
    axes.set_xlim(-1.4, 1.4)
    axes.set_ylim(-1.3, 1.3)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure_of(axes)
