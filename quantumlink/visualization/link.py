"""Pictures: the tree of a link, and everything that one run of a link showed.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.execution import Samples
from quantumlink.link import ElementaryLink, Join, Link, Swap, chain, distinct_links, pairs_text
from quantumlink.program import Program
from quantumlink.readings import compose, evaluate, fold
from quantumlink.readings.folding import Folded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from qiskit.circuit import QuantumCircuit

EXACT, MEASURED, FAINT = "#1f4e79", "#d1651a", "#9aa5b1"
_CORRELATORS = ("XX", "YY", "ZZ")


MAX_LABELED_NODES = 30
"""Most nodes for which a picture of a tree has room for captions."""

MAX_INCHES = 50.0
"""Longest side of a picture of a tree."""

MAX_DRAWN_QUBITS = 16
"""Most qubits of a circuit that a picture of a run shows."""


def draw(link: Link) -> Figure:
    """The tree of a link: nodes from left to right, elementary links at the bottom, what is made of them above.

    Every level is labelled with what happens there and with the exact fidelity after it: to Φ⁺ or, of other than
    two ends, to what perfect links would give.

    Raises:
        TypeError: if it is no link.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> draw(swap(ElementaryLink(a, r), ElementaryLink(r, b))).get_axes()[0].get_title()
    'a–b: 2 elementary pairs, fidelity 1.0000'
    """
    from quantumlink.figures import Figure

    validation.instance("link", link, Link, "a link")
    names = _nodes_along(link)
    x_of = {name: i for i, name in enumerate(names)}
    places = _places(link, x_of)
    height = 1 + max(places.values())
    width = max(6.0, 2.0 * len(names), 0.14 * sum(map(len, names)))
    size = (min(width, MAX_INCHES), min(1.6 + 0.75 * height, MAX_INCHES))
    _draw_tree((figure := Figure(figsize=size, layout="constrained")).add_subplot(), link, x_of, places)
    return figure


def draw_run(link: Link, samples: Samples) -> Figure:
    """One picture of a run: the composed circuit, the fidelity along the chain, exact and measured correlations.

    Args:
        link: the link that was run.
        samples: what `sample` measured of it, in the bases XX, YY and ZZ.
    """
    from quantumlink.figures import Figure

    program = compose(link)
    figure = Figure(figsize=(13.5, 9.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1.25, 1.0])
    _draw_circuit(figure.add_subplot(grid[0, :]), program)
    _draw_fidelity_along(figure.add_subplot(grid[1, 0]), link)
    _draw_correlations(figure.add_subplot(grid[1, 1]), link, samples)
    figure.suptitle(f"{link.left} – {link.right}", fontsize=15, fontweight="bold", parse_math=False)
    return figure


def _draw_circuit(axes: Axes, program: Program) -> None:
    axes.set_axis_off()
    size = f"{program.circuit.num_qubits} qubits, depth {program.circuit.depth()}"
    axes.set_title(f"the composed circuit: {size}", fontsize=11)
    if program.circuit.num_qubits > MAX_DRAWN_QUBITS:
        axes.text(0.5, 0.5, f"a circuit of {size}: too large to be read in a picture", ha="center", va="center")
        return
    # Drawn on a figure of its own and put here as an image: Qiskit's text does not shrink with its boxes.
    axes.imshow(_image_of(program.circuit), aspect="equal")


def _image_of(circuit: QuantumCircuit) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from quantumlink.figures import Figure

    columns = 4 + circuit.depth()
    figure = Figure(figsize=(0.75 * columns + 2, 0.72 * (circuit.num_qubits + 2)), dpi=150, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # its methods are not typed
    circuit.draw("mpl", ax=figure.add_subplot(), fold=-1, idle_wires=False, style="iqp", scale=1.0)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _draw_fidelity_along(axes: Axes, link: Link) -> None:
    hops = _hops(link)
    prefixes = [chain(hops[: i + 1], order="sequential") for i in range(len(hops))]
    fidelities = [evaluate(prefix).fidelity for prefix in prefixes]
    labels = [str(hops[0].left), *(str(hop.right) for hop in hops)]
    axes.plot(range(len(labels)), [1.0, *fidelities], "o-", color=EXACT)
    for i, fidelity in enumerate(fidelities, start=1):
        axes.annotate(f"{fidelity:.4f}", (i, fidelity), textcoords="offset points", xytext=(0, 9), ha="center")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.4, len(labels) - 0.6)
    low = min(fidelities)
    axes.set_ylim(max(0.0, low - 0.35 * (1 - low) - 0.005), 1 + 0.25 * (1 - low) + 0.005)
    axes.set_ylabel("fidelity to Φ⁺")
    axes.set_title(f"exact fidelity of the pair {labels[0]}–node, swap by swap", fontsize=11)
    axes.grid(alpha=0.3)


def _draw_correlations(axes: Axes, link: Link, samples: Samples) -> None:
    state = evaluate(link)
    exact = [state.expectation(label) for label in _CORRELATORS]
    found = [samples.expectation(label) for label in _CORRELATORS]
    places = np.arange(len(_CORRELATORS))
    axes.bar(places, exact, width=0.55, color=EXACT, alpha=0.75, label="exact")
    errors = [[x.best - x.low for x in found], [x.high - x.best for x in found]]
    axes.errorbar(
        places, [x.best for x in found], yerr=errors, fmt="o", capsize=5, color=MEASURED, label="measured, 95 %"
    )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(places, [f"⟨{label}⟩" for label in _CORRELATORS])
    axes.set_ylim(-1.05, 1.05)
    axes.set_title("correlations of the two ends", fontsize=11)
    axes.legend(loc="lower left")
    axes.grid(axis="y", alpha=0.3)


def _hops(link: Link) -> list[Link]:
    """The links that the swaps of a tree join, left to right: the elementary or purified ones."""
    hops: list[Link] = []
    stack = [link]
    while stack:
        part = stack.pop()
        if isinstance(part, Swap):
            stack.extend((part.right_link, part.left_link))
        elif isinstance(part, ElementaryLink | Join):
            hops.append(part)
        else:
            raise TypeError(f"nothing is known of links of the kind {type(part).__name__}: {part!r}")
    return hops


def _nodes_along(link: Link) -> list[str]:
    names = {link.left.name: None}
    for leaf in link.elementary_links():
        names.setdefault(leaf.left.name)
        names.setdefault(leaf.right.name)
    return list(names)


def _places(link: Link, x_of: dict[str, int]) -> dict[int, int]:
    """The level of each distinct part, by its ``id``.

    Children stand below their parents, and on one level no two parts cover each other.
    """
    levels: dict[int, int] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    for part in distinct_links(link):
        reach = [x_of[node.name] for node in part.ends]
        low, high = min(reach), max(reach)
        level = 1 + max((levels[id(child)] for child in part.children), default=-1)
        while any(low < b and a < high for a, b in spans.get(level, [])):
            level += 1
        spans.setdefault(level, []).append((low, high))
        levels[id(part)] = level
    return levels


def _draw_tree(axes: Axes, link: Link, x_of: dict[str, int], places: dict[int, int]) -> None:
    states = fold(link)
    labeled = len(x_of) <= MAX_LABELED_NODES
    for part in distinct_links(link):
        reach, y = sorted(x_of[node.name] for node in part.ends), places[id(part)]
        x0, x1 = reach[0], reach[-1]
        color = EXACT if part.children else FAINT
        axes.plot(reach, [y] * len(reach), "o-", color=color, linewidth=2.2, markersize=5)
        if not labeled:
            continue
        axes.annotate(
            f"{_caption(part)}F = {_fidelity(part, states)}",
            ((x0 + x1) / 2, y),
            textcoords="offset points",
            xytext=(0, 5),
            ha="center",
            fontsize=9,
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        )
    top = max(places.values())
    for name, x in x_of.items():
        axes.plot([x, x], [-0.2, top + 0.3], color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
        if labeled or name in (link.left.name, link.right.name):
            axes.annotate(name, (x, -0.35), ha="center", va="top", fontweight="bold", parse_math=False)
    axes.set_ylim(-0.9, top + 0.6)
    axes.set_xlim(-0.5, len(x_of) - 0.5)
    axes.set_axis_off()
    title = f"{'–'.join(link.end_labels)}: {pairs_text(link.pairs)}, fidelity {_fidelity(link, states)}"
    axes.set_title(title, parse_math=False, wrap=True)


def _fidelity(part: Link, states: Mapping[int, Folded]) -> str:
    """To Φ⁺, or of other than two ends to what perfect links would give; a dash where that is not told."""
    if len(part.ends) == 2:
        return f"{states[id(part)].fidelity:.4f}"
    try:
        return f"{float(evaluate(part).fidelity):.4f}"
    except ValueError:  # more ends than are told, or perfect links would give a mixed state
        return "–"


def _caption(part: Link) -> str:
    if not part.children:
        length = getattr(getattr(part, "medium", None), "length_km", None)
        return "" if length is None else f"{length:g} km, "
    return f"{part.caption}: "
