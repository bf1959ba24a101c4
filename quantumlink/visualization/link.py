"""Pictures: the tree of a link, and everything that one run of a link showed.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from quantumlink import validation
from quantumlink.execution import Samples
from quantumlink.figures import figure_of, one_axes, palette, picture, points, several_axes
from quantumlink.link import ElementaryLink, Join, Link, Swap, chain, distinct_links, pairs_text
from quantumlink.program import Program
from quantumlink.readings import compose, evaluate, fold
from quantumlink.readings.folding import Folded

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from qiskit.circuit import QuantumCircuit

_CORRELATORS = ("XX", "YY", "ZZ")
MAX_LABELED_NODES = 31
"""Most nodes for which a picture of a tree has room for captions: those of 30 hops."""

_FEW_NODES = 12
"""Up to so many nodes, captions mostly stand in one line."""

MAX_INCHES = 50.0
"""Longest side of a picture of a tree."""

_LETTER_INCHES = 0.0095
"""How wide a letter of one point is."""

_LEAST_POINTS = 4.0
"""No letter of a caption is smaller."""

_BOLD_INCHES = 0.105
"""How wide a letter of a node's name is."""

_NAME_LINES = 5
"""Names that need more lines are tilted."""

_TOLD_POINTS = 8
"""Most points of a curve that have room for their values."""

_UPRIGHT_NAMES = 60
"""Most characters of the nodes' names that stand side by side under an axis."""

MAX_DRAWN_QUBITS = 16
"""Most qubits of a circuit that a picture of a run shows."""


@picture
def draw(link: Link, *, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Figure:
    """The tree of a link: nodes from left to right, elementary links at the bottom, what is made of them above.

    Every level is labelled with what happens there and with the exact fidelity after it, as if no pair had to wait:
    to Φ⁺ or, of other than two ends, to what perfect links would give.

    Args:
        link: the link.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches; as the link needs it if None.

    Raises:
        TypeError: if it is no link, or ``ax`` no axes.
        ValueError: if ``size`` is not two lengths, or given beside ``ax``.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> draw(swap(ElementaryLink(a, r), ElementaryLink(r, b))).get_axes()[0].get_title()
    'a–b: 2 elementary pairs, fidelity 1.0000 (exact, waiting not included)'
    """
    validation.instance("link", link, Link, "a link")
    names = _nodes_along(link)
    x_of = {name: i for i, name in enumerate(names)}
    places = _places(link, x_of)
    step = _step(names)
    if isinstance(ax, Axes):
        step = min(step, ax.bbox.width / figure_of(ax).dpi / len(names))
    captions = _captions(link, x_of, step) if len(names) <= MAX_LABELED_NODES else {}
    lines = max((text.count("\n") + 1 for text in captions.values()), default=1)
    shown, tilted = _names(names, step)
    below = 0.16 * max(name.count("\n") for name in shown.values()) + (
        0.05 * max(map(len, names)) if tilted else 0.6
    )
    height = 1.6 + (0.55 + 0.2 * lines) * (1 + max(places.values())) + (below if captions else 0)
    width = max(6.0, step * len(names))
    axes = one_axes(ax, size, (min(width, MAX_INCHES), min(height, MAX_INCHES)))
    _draw_tree(axes, link, x_of, places, captions, step)
    return figure_of(axes)


@picture
def draw_run(
    link: Link, samples: Samples, *, ax: Axes | None = None, size: tuple[float, float] | None = None
) -> Figure:
    """One picture of a run: the composed circuit, the fidelity along the chain, exact and measured correlations.

    What is exact knows no waiting, as little as the circuit that was run.

    Args:
        link: the link that was run.
        samples: what `sample` measured of it, in the bases XX, YY and ZZ.
        ax: one of a grid of subplots, in whose place to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if ``ax`` is not one of a grid, or ``size`` is not two lengths or given beside ``ax``.
    """
    program = compose(link)
    readable = program.circuit.num_qubits <= MAX_DRAWN_QUBITS
    canvas = several_axes(ax, size, (13.5, 9.5 if readable else 5.6))
    grid = canvas.add_gridspec(2, 2, height_ratios=[1.25 if readable else 0.12, 1.0])
    _draw_circuit(canvas.add_subplot(grid[0, :]), program, readable)
    _draw_fidelity_along(canvas.add_subplot(grid[1, 0]), link)
    _draw_correlations(canvas.add_subplot(grid[1, 1]), link, samples)
    title = f"{link.left} – {link.right}, waiting not included"
    canvas.suptitle(title, fontsize=points(15), fontweight="bold", parse_math=False, wrap=True)
    return figure_of(canvas)


def _draw_circuit(axes: Axes, program: Program, readable: bool) -> None:
    axes.set_axis_off()
    size = f"{program.circuit.num_qubits} qubits, depth {program.circuit.depth()}"
    axes.set_title(f"the composed circuit: {size}", fontsize=points(11))
    if not readable:
        axes.text(0.5, 0.5, "too large to be read in a picture", ha="center", va="center")
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
    axes.plot(range(len(labels)), [1.0, *fidelities], "o-", color=palette(axes).blue, markersize=points(4))
    told = range(1, len(labels)) if len(hops) <= _TOLD_POINTS else (1, len(hops))
    for i in told:
        text = f"{fidelities[i - 1]:.4f}"
        axes.annotate(text, (i, fidelities[i - 1]), textcoords="offset points", xytext=(0, points(8)), ha="center")
    axes.set_xticks(range(len(labels)), labels)
    _tilt(axes, labels)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    low = min(fidelities)
    axes.set_ylim(max(0.0, low - 0.35 * (1 - low) - 0.005), 1.0 + 0.02 * (1 - low))
    axes.set_ylabel("fidelity to Φ⁺")
    axes.set_title(
        f"exact fidelity of the pair {labels[0]}–node, swap by swap", fontsize=points(11), pad=points(16)
    )
    axes.grid(alpha=0.3)


def _tilted(names: Sequence[str]) -> bool:
    """Whether names are too long to stand side by side."""
    return sum(map(len, names)) > _UPRIGHT_NAMES


def _tilt(axes: Axes, names: Sequence[str]) -> None:
    """Tilt the names under an axis where they would run into one another."""
    if _tilted(names):
        for text in axes.get_xticklabels():
            text.set(rotation=60, ha="right", rotation_mode="anchor", fontsize=points(8))


def _draw_correlations(axes: Axes, link: Link, samples: Samples) -> None:
    colors = palette(axes)
    state = evaluate(link)
    exact = [state.expectation(label) for label in _CORRELATORS]
    found = [samples.expectation(label) for label in _CORRELATORS]
    places = np.arange(len(_CORRELATORS))
    axes.bar(places, exact, width=0.55, color=colors.blue, alpha=0.6, label="exact")
    errors = [[x.best - x.low for x in found], [x.high - x.best for x in found]]
    axes.errorbar(
        places,
        [x.best for x in found],
        yerr=errors,
        fmt="o",
        capsize=points(5),
        color=colors.orange,
        label="measured, 95 %",
    )
    axes.axhline(0, color=colors.slate, linewidth=points(0.8))
    axes.set_xticks(places, [f"⟨{label}⟩" for label in _CORRELATORS])
    axes.set_ylim(-1.05, 1.05)
    axes.set_title("correlations of the two ends", fontsize=points(11), pad=points(16))
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


def _draw_tree(
    axes: Axes, link: Link, x_of: dict[str, int], places: dict[int, int], captions: Mapping[int, str], step: float
) -> None:
    colors = palette(axes)
    for part in distinct_links(link):
        reach, y = sorted(x_of[node.name] for node in part.ends), places[id(part)]
        color = colors.blue if part.children else colors.slate
        axes.plot(reach, [y] * len(reach), "o-", color=color, linewidth=points(2.2), markersize=points(5))
        if id(part) in captions:
            axes.annotate(
                captions[id(part)],
                ((reach[0] + reach[-1]) / 2, y),
                textcoords="offset points",
                xytext=(0, points(4)),
                ha="center",
                fontsize=points(_caption_points(len(x_of), step)),
                linespacing=1.05,
                parse_math=False,
                bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
            )
    top = max(places.values())
    shown, tilted = _names(list(x_of), step)
    tilt = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if tilted else {"ha": "center"}
    for name, x in x_of.items():
        axes.plot([x, x], [-0.2, top + 0.3], color=colors.faint, linestyle=":", linewidth=points(0.8), zorder=0)
        if captions or name in (link.left.name, link.right.name):
            axes.annotate(shown[name], (x, -0.3), va="top", fontweight="bold", parse_math=False, **tilt)
    axes.set_ylim(-0.9, top + 0.75)
    axes.set_xlim(-0.5, len(x_of) - 0.5)
    axes.set_axis_off()
    told = f"fidelity {_fidelity(link, fold(link))} (exact, waiting not included)"
    title = f"{'–'.join(link.end_labels)}: {pairs_text(link.pairs)}, {told}"
    axes.set_title(title, fontsize=points(10), parse_math=False, wrap=True)


def _step(names: Sequence[str]) -> float:
    """Inches from node to node."""
    return 2.0 if len(names) <= _FEW_NODES else 0.72


def _names(names: Sequence[str], step: float) -> tuple[dict[str, str], bool]:
    """Names as they are written, and whether tilted: in lines no longer than a step, where words allow that."""
    from textwrap import wrap

    room = max(1, int(step / _BOLD_INCHES))
    lines = {name: wrap(name, room, break_long_words=False) or [name] for name in names}
    if all(len(found) <= _NAME_LINES and max(map(len, found)) <= room for found in lines.values()):
        return {name: "\n".join(found) for name, found in lines.items()}, False
    return {name: name for name in names}, True


def _caption_points(nodes: int, step: float) -> float:
    """The size of letters: so that a fidelity has room above a link, where they can still be read."""
    return min(9.0 if nodes <= _FEW_NODES else 7.0, max(_LEAST_POINTS, step / (_LETTER_INCHES * len("F = 0.0000"))))


def _captions(link: Link, x_of: dict[str, int], step: float) -> dict[int, str]:
    """What is written above each distinct part, by its ``id``, in lines that are no longer than the part is."""
    from textwrap import fill

    states = fold(link)
    letter = _LETTER_INCHES * _caption_points(len(x_of), step)
    found = {}
    for part in distinct_links(link):
        reach = [x_of[node.name] for node in part.ends]
        room = step * (max(reach) - min(reach))
        text = f"{_caption(part)}F = {_fidelity(part, states)}"
        bound = text.replace(" = ", "\u00a0=\u00a0").replace(" km", "\u00a0km")  # what no line break parts
        wrapped = fill(bound, max(8, int(room / letter)), break_on_hyphens=False, break_long_words=False)
        found[id(part)] = wrapped.replace("\u00a0", " ")
    return found


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
