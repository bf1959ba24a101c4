"""Pictures: the tree of a link, and everything that one run of a link showed.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quantumlink.compose import compose, evaluate
from quantumlink.execution import Samples
from quantumlink.link import ElementaryLink, Link, Purify, Swap, chain, distinct_links
from quantumlink.program import Program

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXACT, MEASURED, FAINT = "#1f4e79", "#d1651a", "#9aa5b1"
_CORRELATORS = ("XX", "YY", "ZZ")


def draw(link: Link) -> Figure:
    """The tree of a link: nodes from left to right, elementary links at the bottom, what is made of them above.

    Every level is labelled with what happens there and with the exact fidelity to Φ⁺ after it.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import swap
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> draw(swap(ElementaryLink(a, r), ElementaryLink(r, b))).get_axes()[0].get_title()
    'a–b: 2 elementary pairs, fidelity 1.0000'
    """
    from matplotlib.figure import Figure

    names = _nodes_along(link)
    levels = _levels(link)
    figure = Figure(figsize=(max(6.0, 2.0 * len(names)), 1.6 + 0.75 * max(levels.values())), layout="constrained")
    _draw_tree(figure.add_subplot(), link, names, levels)
    return figure


def draw_run(link: Link, samples: Samples) -> Figure:
    """One picture of a run: the composed circuit, the fidelity along the chain, exact and measured correlations.

    Args:
        link: the link that was run.
        samples: what `sample` measured of it, in the bases XX, YY and ZZ.
    """
    from matplotlib.figure import Figure

    program = compose(link)
    figure = Figure(figsize=(13.5, 9.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1.25, 1.0])
    _draw_circuit(figure.add_subplot(grid[0, :]), program)
    _draw_fidelity_along(figure.add_subplot(grid[1, 0]), link)
    _draw_correlations(figure.add_subplot(grid[1, 1]), link, samples)
    figure.suptitle(f"{link.left} – {link.right}", fontsize=15, fontweight="bold")
    return figure


def _draw_circuit(axes: Axes, program: Program) -> None:
    program.circuit.draw("mpl", ax=axes, fold=-1, idle_wires=False, style="iqp")
    axes.set_title(
        f"the composed circuit: {program.circuit.num_qubits} qubits, depth {program.circuit.depth()}", fontsize=11
    )


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
    axes.legend(loc="lower right")
    axes.grid(axis="y", alpha=0.3)


def _hops(link: Link) -> list[Link]:
    """The links that the swaps of a tree join, left to right: the elementary or purified ones."""
    hops, stack = [], [link]
    while stack:
        part = stack.pop()
        if isinstance(part, Swap):
            stack.extend((part.right_link, part.left_link))
        else:
            hops.append(part)
    return hops


def _nodes_along(link: Link) -> list[str]:
    names = {link.left.name: None}
    for leaf in link.elementary_links():
        names.setdefault(leaf.left.name)
        names.setdefault(leaf.right.name)
    return list(names)


def _levels(link: Link) -> dict[int, int]:
    levels: dict[int, int] = {}
    for part in distinct_links(link):
        levels[id(part)] = 1 + max((levels[id(child)] for child in part.children), default=-1)
    return levels


def _draw_tree(axes: Axes, link: Link, names: list[str], levels: dict[int, int]) -> None:
    place = {name: i for i, name in enumerate(names)}
    top = max(levels.values())
    for part in distinct_links(link):
        x0, x1, y = place[part.left.name], place[part.right.name], levels[id(part)]
        color = FAINT if isinstance(part, ElementaryLink) else EXACT
        axes.plot([x0, x1], [y, y], "o-", color=color, linewidth=2.2, markersize=5)
        fidelity = evaluate(part).fidelity
        axes.annotate(
            f"{_caption(part)}F = {fidelity:.4f}",
            ((x0 + x1) / 2, y),
            textcoords="offset points",
            xytext=(0, 5),
            ha="center",
            fontsize=9,
        )
    for name, x in place.items():
        axes.axvline(x, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
        axes.annotate(name, (x, -0.35), ha="center", va="top", fontweight="bold")
    axes.set_ylim(-0.9, top + 0.6)
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.set_axis_off()
    state = evaluate(link)
    axes.set_title(f"{link.left}–{link.right}: {link.pairs} elementary pairs, fidelity {state.fidelity:.4f}")


def _caption(part: Link) -> str:
    if isinstance(part, Swap):
        return f"swap at {part.relay}: "
    if isinstance(part, Purify):
        return f"{part.protocol}: "
    length = getattr(getattr(part, "medium", None), "length_km", None)
    return "" if length is None else f"{length:g} km, "
