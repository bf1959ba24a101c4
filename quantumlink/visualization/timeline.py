"""Pictures of a timeline: how long pairs take, how good they are, and where time and fidelity went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantumlink import validation
from quantumlink.figures import figure_of, folded, inches_of, letters, palette, picture, points, several_axes
from quantumlink.figures.room import LETTER_INCHES
from quantumlink.readings.timeline import Budget, Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from quantumlink.arrays import FloatArray
    from quantumlink.estimation import Estimate

BINS = 50

TAIL = 0.995
"""Latencies beyond this quantile stand in the last bar: rare ones would squeeze all others to the left."""

_EVEN = 0.02
"""Steps are even if the gaps between values are whole ones to this accuracy."""

_MOST_STEPS = 2000
"""Finer steps than so many from end to end are none that a picture shows."""

_PANEL_SHARE = 0.37
"""How much of the width one of two panels has between its axes."""

_NUMBER_LETTERS = 8
"""Letters of a number on an axis, and of the gap to the next."""

_LEGEND_SHARE = 0.75
"""Legends that are wider than this share of their panel stand in lines above what is drawn."""

_UNITS = ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"), (86400.0, "days"))


@picture
def draw_timeline(
    timeline: Timeline, *, budget: bool = True, ax: Axes | None = None, size: tuple[float, float] | None = None
) -> Figure:
    """Draw the distributions of latency and fidelity over all trials, and the mean budgets of both.

    Args:
        timeline: what `simulate` found.
        budget: whether to draw where time and fidelity went; that takes another run of the same trials.
        ax: one of a grid of subplots, in whose place to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if it is no timeline, or ``ax`` no axes.
        ValueError: if ``ax`` is not one of a grid, or ``size`` is not two lengths or given beside ``ax``.

    >>> import quantumlink as ql
    >>> link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), ql.Fiber(50), fidelity=0.98)
    >>> figure = draw_timeline(ql.simulate(link, trials=100, seed=1))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['latency (ms)', 'fidelity to Φ⁺', 'mean latency (ms)', 'mean infidelity']
    """
    validation.instance("timeline", timeline, Timeline, "a Timeline, which simulate returns")
    canvas = several_axes(ax, size, (11, 7.4 if budget else 4.2))
    panels = canvas.subplots(2 if budget else 1, 2, squeeze=False)
    room = _PANEL_SHARE * inches_of(canvas)[0]
    _draw_latencies(panels[0, 0], timeline, room)
    _draw_fidelities(panels[0, 1], timeline, room)
    if budget:
        _draw_budgets(panels[1, 0], panels[1, 1], timeline.budget, room)
    trials = f"{timeline.trials} trial" + ("" if timeline.trials == 1 else "s")
    stopped = f" of {timeline.run.trials}, interrupted" if timeline.interrupted else ""
    title = f"{' – '.join(timeline.link.end_labels)}: {trials}{stopped}, waiting included"
    canvas.suptitle(title, parse_math=False, wrap=True)
    return figure_of(canvas)


def time_unit(typical_s: float) -> tuple[float, str]:
    """The unit, in seconds and in letters, in which such a time is a handy number.

    >>> time_unit(0.02), time_unit(7200), time_unit(0)
    ((0.001, 'ms'), (3600.0, 'h'), (1.0, 's'))
    """
    if not typical_s > 0:
        return 1.0, "s"
    return max((unit for unit in _UNITS if unit[0] <= typical_s), default=_UNITS[0])


def _draw_latencies(axes: Axes, timeline: Timeline, room: float) -> None:
    unit, name = time_unit(timeline.latency_s.best)
    values = timeline.latencies_s / unit
    last = float(np.quantile(values, TAIL, method="lower"))
    beyond = int((values > last).sum())
    _draw_histogram(axes, np.minimum(values, last), palette(axes).blue)
    _mark_mean(axes, timeline.latency_s, unit, name)
    low, high = timeline.latency_quantile_s(0.05) / unit, timeline.latency_quantile_s(0.95) / unit
    axes.axvspan(
        low, high, color=palette(axes).blue, alpha=0.08, label=f"5 % to 95 %: {low:.4g} to {high:.4g} {name}"
    )
    more = f" (last bar: {beyond} up to {values.max():.3g} {name})" if beyond else ""
    what = "a pair" if len(timeline.link.ends) == 2 else "a state of all ends"
    axes.set_title(folded(f"time to {what}{more}", 1.15 * room, letters(11)), fontsize=letters(11))
    axes.set_xlabel(f"latency ({name})")
    _draw_legend(axes, "upper right", room)
    _space_numbers(axes, room)


def _draw_fidelities(axes: Axes, timeline: Timeline, room: float) -> None:
    _draw_histogram(axes, timeline.fidelities, palette(axes).green)
    _mark_mean(axes, timeline.fidelity, 1.0, "")
    pair = len(timeline.link.ends) == 2
    axes.set_xlim(right=min(1.0, axes.get_xlim()[1]))
    title = f"fidelity when {'both' if pair else 'all'} ends know of it"
    axes.set_title(folded(title, 1.15 * room, letters(11)), fontsize=letters(11))
    axes.set_xlabel("fidelity to Φ⁺" if pair else "fidelity to what perfect links would give")
    _draw_legend(axes, "upper left", room)
    _space_numbers(axes, room)


def _draw_legend(axes: Axes, place: Literal["upper left", "upper right"], room: float) -> None:
    """A legend within its panel; where it takes most of the width, what is drawn ends below it."""
    marks, names = axes.get_legend_handles_labels()
    size = letters(8)
    if max(map(len, names)) * LETTER_INCHES * size < _LEGEND_SHARE * room:
        axes.legend(fontsize=size, loc=place)
        return
    names = [_folded(name, 0.8 * room, size) for name in names]
    lines = "".join(names).count("\n") + len(names)
    height = 0.35 * inches_of(figure_of(axes))[1]
    taken = min(0.6, lines * 1.4 * size / 72 / height)
    axes.set_ylim(top=axes.get_ylim()[1] / (1 - taken))
    axes.legend(marks, names, fontsize=size, loc=place, handlelength=1, borderaxespad=0.2, edgecolor="none")


def _folded(text: str, inches: float, size: float) -> str:
    """In lines; an interval or a range stays in one."""
    for apart in (", ", " to ", " %"):
        text = text.replace(apart, apart.replace(" ", "\u00a0"))
    return folded(text, inches, size).replace("\u00a0", " ")


def _space_numbers(axes: Axes, room: float) -> None:
    """No more numbers on the axis than have room side by side."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(max(2, int(room / (LETTER_INCHES * letters(10) * _NUMBER_LETTERS)))))


def _draw_histogram(axes: Axes, values: FloatArray, color: str) -> None:
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6 * max(abs(high), 1e-300):  # all but rounding is the same
        axes.bar([high], [1.0], width=0.02 * max(abs(high), 1e-300), color=color, alpha=0.8)
        axes.set_xlim(0.8 * high, 1.2 * high)
    else:
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values, bins=_bins(values).tolist(), weights=weights, color=color, alpha=0.8)
    axes.set_ylabel("share of trials")
    axes.grid(alpha=0.3)


def _bins(values: FloatArray) -> FloatArray:
    """Edges of the bars: of values in even steps each bar holds as many, or some would be empty, others double."""
    low, high = float(values.min()), float(values.max())
    different = np.unique(values)
    gaps = np.diff(different[np.concatenate([[True], np.diff(different) > 1e-9 * (high - low)])])
    steps = (high - low) / gaps.min()
    if np.abs(gaps / gaps.min() - np.round(gaps / gaps.min())).max() > _EVEN or steps > _MOST_STEPS:
        return np.linspace(low, high, BINS + 1)
    held = -(-(round(steps) + 1) // BINS)
    bars = -(-(round(steps) + 1) // held)
    edges: FloatArray = low + gaps.min() * (held * np.arange(bars + 1) - 0.5)
    return edges


def _mark_mean(axes: Axes, mean: Estimate, unit: float, name: str) -> None:
    low, best, high = (value / unit for value in mean)
    interval = f" [{low:.5g}, {high:.5g}]" if np.isfinite(high - low) else ""
    axes.axvline(
        best, color=palette(axes).orange, lw=points(1.8), label=f"mean {best:.5g}{interval} {name}".rstrip()
    )


def _draw_budgets(time_axes: Axes, fidelity_axes: Axes, budget: Budget, room: float) -> None:
    unit, name = time_unit(budget.time.total_s)
    times = {
        field.name.removesuffix("_s"): getattr(budget.time, field.name) / unit for field in fields(budget.time)
    }
    _draw_parts(time_axes, times, palette(time_axes).blue, room)
    time_axes.set_title("where the time went", fontsize=letters(11))
    time_axes.set_xlabel(f"mean latency ({name})")
    lost = {field.name: getattr(budget.fidelity, field.name) for field in fields(budget.fidelity)}
    _draw_parts(fidelity_axes, lost, palette(fidelity_axes).green, room)
    fidelity_axes.set_title("where the fidelity was lost", fontsize=letters(11))
    fidelity_axes.set_xlabel("mean infidelity")


def _draw_parts(axes: Axes, parts: Mapping[str, float], color: str, room: float) -> None:
    """Bars from top to bottom, each with its value and its share of the whole."""
    total = sum(parts.values())
    bars = axes.barh(list(parts), list(parts.values()), color=color, alpha=0.8)
    shares = [f"{value / total:.1%}".replace("%", " %") if total else "" for value in parts.values()]
    labels = [
        f"{value:.3g}, {share}" if value else "0" for value, share in zip(parts.values(), shares, strict=True)
    ]
    axes.bar_label(bars, labels, padding=points(4), fontsize=letters(9))
    axes.invert_yaxis()
    low, high = min(0.0, *parts.values()), max(0.0, *parts.values())
    span = (high - low) or 1.0
    taken = min(0.7, max(map(len, labels)) * LETTER_INCHES * letters(9) / room)  # by the labels
    beside = span * max(0.4, 1.2 * taken / (1 - taken))
    axes.set_xlim(low - (beside if low else 0.0), high + beside)
    _space_numbers(axes, room)
    axes.grid(axis="x", alpha=0.3)
