"""Pictures: the tree of a link, and everything that one run of a link showed.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from quantumlink import validation
from quantumlink.execution import Samples
from quantumlink.figures import (
    figure_of,
    fits,
    folded,
    inches_of,
    letters,
    one_axes,
    palette,
    picture,
    points,
    several_axes,
)
from quantumlink.figures.style import DARK_GROUND
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

_LEAST_POINTS = 5.0
"""No letter of a caption is smaller; captions that have no room then are left out."""

_LINE_INCHES = 0.14
"""How high a line of a caption is."""

_MARK_INCHES = 0.12
"""How high a link is, with the gap to its caption."""

_BOLD_INCHES = 0.105
"""How wide a letter of a node's name is."""

_NAME_LINES = 5
"""Names that need more lines are tilted."""

_TOLD_POINTS = 8
"""Most points of a curve that have room for their values."""

_PANEL_SHARE = 0.4
"""How much of the width one of two panels has between its axes."""

_CIRCUIT_SHARE = 0.45
"""How much of the height a circuit has."""

_IMAGE_DPI = 150

_CIRCUIT_POINTS = 13.0
"""How large Qiskit writes."""

_LEAST_CIRCUIT_POINTS = 3.5
"""Circuits whose letters would be smaller are not drawn."""

_NAME_IN_A_FORMULA = re.compile(r"\$\{(.*?)\}(?:_\{(\d+)\})?\$")
"""The name of a register as Qiskit writes it, with a qubit's number below."""

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

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
    captions = _captions(link, x_of, step) if len(names) <= MAX_LABELED_NODES else {}
    lines = max((text.count("\n") + 1 for text in captions.values()), default=1)
    levels = 1 + max(places.values())
    below = _below(names, step) if captions else 0.0
    natural = (max(6.0, step * len(names)), 1.6 + (0.55 + 0.2 * lines) * levels + below)
    axes = one_axes(ax, size, (min(natural[0], MAX_INCHES), min(natural[1], MAX_INCHES)))
    if captions:
        width, height = (
            inches / points(1.0) for inches in inches_of(axes if isinstance(ax, Axes) else axes.figure)
        )
        step = min(step, width / len(names))
        level = (height - _below(names, step) - (0.6 if isinstance(ax, Axes) else 1.6)) / levels
        captions = _captions(link, x_of, step, most_lines=int((level - _MARK_INCHES) / _LINE_INCHES))
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

    >>> import quantumlink as ql
    >>> link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    >>> figure = draw_run(link, ql.sample(link, shots=100, seed=1))
    >>> [axes.get_title() for axes in figure.axes]
    ['the composed circuit: 2 qubits, depth 2', 'exact fidelity of the pair a–node, swap by swap',
     'correlations of the two ends']
    """
    program = compose(link)
    readable = program.circuit.num_qubits <= MAX_DRAWN_QUBITS
    canvas = several_axes(ax, size, (13.5, 9.5 if readable else 5.6))
    width, height = inches_of(canvas)
    image = _image_of(program.circuit, rcParams["figure.facecolor"]) if readable else None
    if image is not None:
        shown = min(width / image.shape[1], _CIRCUIT_SHARE * height / image.shape[0]) * _IMAGE_DPI
        image = image if shown * _CIRCUIT_POINTS >= _LEAST_CIRCUIT_POINTS else None
    grid = canvas.add_gridspec(2, 2, height_ratios=[0.12 if image is None else 1.25, 1.0])
    _draw_circuit(canvas.add_subplot(grid[0, :]), program, image)
    _draw_fidelity_along(canvas.add_subplot(grid[1, 0]), link, _PANEL_SHARE * width)
    _draw_correlations(canvas.add_subplot(grid[1, 1]), link, samples, _PANEL_SHARE * width)
    title = f"{link.left} – {link.right}, waiting not included"
    canvas.suptitle(title, fontsize=letters(15), fontweight="bold", parse_math=False, wrap=True)
    return figure_of(canvas)


def _draw_circuit(axes: Axes, program: Program, image: NDArray[np.uint8] | None) -> None:
    axes.set_axis_off()
    size = f"{program.circuit.num_qubits} qubits, depth {program.circuit.depth()}"
    axes.set_title(f"the composed circuit: {size}", fontsize=letters(11))
    if image is None:
        axes.text(0.5, 0.5, "too large to be read in this picture", ha="center", va="center")
    else:
        axes.imshow(image, aspect="equal")


def _image_of(circuit: QuantumCircuit, ground: Any) -> NDArray[np.uint8]:
    """The drawing as an image: Qiskit's text does not shrink with its boxes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from quantumlink.figures import Figure

    columns = 4 + circuit.depth()
    size = (0.75 * columns + 2, 0.72 * (circuit.num_qubits + 2))
    figure = Figure(figsize=size, dpi=_IMAGE_DPI, layout="constrained", facecolor=ground)
    canvas: Any = FigureCanvasAgg(figure)  # its methods are not typed
    axes = figure.add_subplot(facecolor=ground)
    dark = palette(axes) is DARK_GROUND
    style: Any = {"name": "iqp-dark" if dark else "iqp", "backgroundcolor": to_hex(ground)}
    circuit.draw("mpl", ax=axes, fold=-1, idle_wires=False, style=style, scale=1.0)
    for text in axes.texts:
        if name := _NAME_IN_A_FORMULA.fullmatch(text.get_text()):  # whose hyphens would be minus signs
            text.set_parse_math(False)
            text.set_text(name[1].replace("\\", "") + (name[2] or "").translate(_BELOW))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _draw_fidelity_along(axes: Axes, link: Link, room: float) -> None:
    hops = _hops(link)
    prefixes = [chain(hops[: i + 1], order="sequential") for i in range(len(hops))]
    fidelities = [evaluate(prefix).fidelity for prefix in prefixes]
    labels = [str(hops[0].left), *(str(hop.right) for hop in hops)]
    axes.plot(range(len(labels)), [1.0, *fidelities], "o-", color=palette(axes).blue, markersize=points(4))
    told = range(1, len(labels)) if len(hops) <= _TOLD_POINTS else (len(hops),)
    for i in told:
        text = f"{fidelities[i - 1]:.4f}"
        # Beside the point: above it the falling line would strike the number through.
        gap = (points(3), points(3))
        axes.annotate(text, (i, fidelities[i - 1]), textcoords="offset points", xytext=gap, fontsize=letters(10))
    _name_places(axes, labels, room)
    axes.set_xlim(-0.6, (len(labels) - 0.4) + 0.13 * len(labels))
    low = min(fidelities)
    axes.set_ylim(max(0.0, low - 0.35 * (1 - low) - 0.005), 1.0 + 0.02 * (1 - low))
    axes.set_ylabel("fidelity to Φ⁺")
    title = f"exact fidelity of the pair {labels[0]}–node, swap by swap"
    axes.set_title(folded(title, 1.15 * room, letters(11)), fontsize=letters(11), pad=points(10))
    axes.grid(alpha=0.3)


def _name_places(axes: Axes, names: Sequence[str], room: float) -> None:
    """Names under an axis; tilted where they would run into one another, and then every few if need be."""
    step = room / (1.13 * len(names))
    if fits("\n".join(names), step, letters(10)):
        axes.set_xticks(range(len(names)), names)
        return
    every = max(1, ceil(1.3 * letters(8) / 72 / step))
    axes.set_xticks(range(0, len(names), every), names[::every])
    for text in axes.get_xticklabels():
        text.set(rotation=60, ha="right", rotation_mode="anchor", fontsize=letters(8))


def _draw_correlations(axes: Axes, link: Link, samples: Samples, room: float) -> None:
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
    title = folded("correlations of the two ends", 1.15 * room, letters(11))
    axes.set_title(title, fontsize=letters(11), pad=points(10))
    marks, names = axes.get_legend_handles_labels()
    # Under the axis: a bar may be anywhere above it.
    axes.figure.legend(marks, names, loc="outside lower right", ncols=2, fontsize=letters(9))
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
                fontsize=letters(_caption_points(len(x_of), step)),
                linespacing=1.05,
                parse_math=False,
                bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
            )
    top = max(places.values())
    shown, tilted = _names(list(x_of), step)
    tilt = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if tilted else {"ha": "center"}
    for name, x in x_of.items():
        axes.plot([x, x], [-0.2, top + 0.3], color=colors.faint, linestyle=":", linewidth=points(0.8), zorder=0)
        if len(x_of) <= MAX_LABELED_NODES or name in (link.left.name, link.right.name):
            axes.annotate(shown[name], (x, -0.3), va="top", fontweight="bold", parse_math=False, **tilt)
    axes.set_ylim(-0.9, top + 0.75)
    axes.set_xlim(-0.5, len(x_of) - 0.5)
    axes.set_axis_off()
    told = f"fidelity {_fidelity(link, fold(link))} (exact, waiting not included)"
    title = f"{'–'.join(link.end_labels)}: {pairs_text(link.pairs)}, {told}"
    axes.set_title(title, fontsize=letters(10), parse_math=False, wrap=True)


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


def _below(names: Sequence[str], step: float) -> float:
    """Inches that the names of nodes take."""
    shown, tilted = _names(names, step)
    return 0.16 * max(name.count("\n") for name in shown.values()) + (
        0.05 * max(map(len, names)) if tilted else 0.6
    )


def _captions(link: Link, x_of: dict[str, int], step: float, most_lines: int | None = None) -> dict[int, str]:
    """What is written above each distinct part, by its ``id``, in lines that are no longer than the part is.

    With ``most_lines``, what has more lines or one that is longer is left out.
    """
    from textwrap import fill

    states = fold(link)
    letter = _LETTER_INCHES * letters(_caption_points(len(x_of), step)) / points(1.0)
    found = {}
    for part in distinct_links(link):
        reach = [x_of[node.name] for node in part.ends]
        room = step * (max(reach) - min(reach))
        text = f"{_caption(part)}F = {_fidelity(part, states)}"
        bound = text.replace(" = ", "\u00a0=\u00a0").replace(" km", "\u00a0km")  # what no line break parts
        wrapped = fill(bound, max(8, int(room / letter)), break_on_hyphens=False, break_long_words=False)
        fits = max(map(len, wrapped.split("\n"))) * letter <= 1.05 * room and wrapped.count("\n") < (
            most_lines or 0
        )
        if most_lines is None or fits:
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
