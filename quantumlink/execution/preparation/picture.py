"""The coupling map with a prepared link on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
import rustworkx as rx
from matplotlib.colors import to_hex, to_rgb
from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.arrays import FloatArray
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.figures import Palette, figure_of, letters, one_axes, palette, picture, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from qiskit.transpiler import Target

_MARKERS = "osDhp8"
"""Each has room for a number."""

MAX_LEGEND = 12
"""Most nodes that the legend names."""


@picture
def draw_on_device(
    target: Target,
    circuit: QuantumCircuit,
    holders: Mapping[int, str],
    title: str,
    *,
    ax: Axes | None,
    size: tuple[float, float] | None,
) -> Figure:
    """The device's coupling map; qubits colored by their node, and the two-qubit gates of the circuit thick.

    Args:
        target: the device.
        circuit: what it is to run.
        holders: of each of its qubits that is used, the node that it stands for; nodes in the legend's order.
        title: what is said above.
        ax: where to draw, or None.
        size: of a new figure, or None.
    """
    graph = Calibration(target).coupling
    places = _unfolded(graph)
    axes = one_axes(ax, size, (8, 8))
    ink = palette(axes)
    axes.set_axis_off()
    for a, b in graph.edge_list():
        axes.plot(*zip(places[a], places[b], strict=True), color=ink.faint, linewidth=points(1), zorder=1)
    for a, b in sorted(used_pairs(circuit)):
        axes.plot(*zip(places[a], places[b], strict=True), color=ink.blue, linewidth=points(4), zorder=2)
    names = list(dict.fromkeys(holders.values()))
    looks = {name: _look(number, ink) for number, name in enumerate(names)}
    for q in range(graph.num_nodes()):
        color, marker = looks[holders[q]] if q in holders else (to_hex(axes.get_facecolor()), "o")
        axes.plot(*places[q], marker, markersize=points(13), color=color, markeredgecolor=ink.slate, zorder=3)
        text: dict[str, Any] = {
            "fontsize": letters(6),
            "ha": "center",
            "va": "center",
            "color": _readable_on(color),
        }
        axes.text(places[q][0], places[q][1], str(q), zorder=4, **text)
    for name in names[:MAX_LEGEND]:
        axes.plot([], [], looks[name][1], color=looks[name][0], label=name)
    title_of_names = "" if len(names) <= MAX_LEGEND else f"of {len(names)} nodes"
    # Beside the qubits: they reach into every corner.
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=letters(8), title=title_of_names)
    axes.set_title(title, parse_math=False, wrap=True)
    return figure_of(axes)


def _look(number: int, ink: Palette) -> tuple[str, str]:
    """Color and marker of a node; with the colors used up, the next marker."""
    colors = astuple(ink)
    return colors[number % len(colors)], _MARKERS[number // len(colors) % len(_MARKERS)]


def _readable_on(color: str) -> str:
    """Black or white, whichever has the higher contrast (WCAG 2.2)."""
    parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(color)]
    bright = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "#000000" if (bright + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _unfolded(graph: rx.PyGraph[int, float]) -> FloatArray:
    """Places in the plane whose distances are near those along the graph, shape (qubits, 2) (classical scaling)."""
    steps = np.asarray(rx.graph_distance_matrix(graph, null_value=float(graph.num_nodes())))
    centered = np.eye(len(steps)) - 1 / len(steps)
    values, vectors = np.linalg.eigh(-centered @ steps**2 @ centered / 2)
    places = np.zeros((len(steps), 2))
    kept = min(2, len(steps))
    places[:, :kept] = vectors[:, -kept:] * np.sqrt(np.clip(values[-kept:], 0.0, None))
    return places


def used_pairs(circuit: QuantumCircuit, outer: list[int] | None = None) -> set[tuple[int, int]]:
    """The pairs of qubits (by index, ascending) that a circuit's gates join."""
    place = list(range(circuit.num_qubits)) if outer is None else outer
    qubit_of = {q: place[i] for i, q in enumerate(circuit.qubits)}
    found: set[tuple[int, int]] = set()
    for instruction in circuit.data:
        qubits = [qubit_of[q] for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            for block in instruction.operation.blocks:
                found |= used_pairs(block, qubits)
        elif len(qubits) == 2 and instruction.name != "barrier":
            found.add((min(qubits), max(qubits)))
    return found
