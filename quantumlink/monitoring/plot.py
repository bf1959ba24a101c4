"""The picture of a monitor: charts with thresholds above, error rates in blocks below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import IntArray
from quantumlink.estimation import binomial_estimate
from quantumlink.figures import curve, figure_of, palette, picture, points, several_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 2_000
"""Most points of a line, and most rounds that are looked at one by one."""

BLOCKS = 60
"""Blocks in which the error rate is shown."""

_HEADROOM = 1.25
"""How much higher the chart is than what is drawn: room for the legend above the thresholds."""

_LEGEND_COLUMNS = 4


class Watched(NamedTuple):
    """A stream as it is drawn."""

    walk: IntArray
    """W after each round: shape (rounds,)."""
    errors: npt.NDArray[np.uint8]
    """1 where the ends differ: shape (rounds,)."""
    threshold: float
    """The W that is an alarm."""
    baseline: float
    """The error rate that is expected."""


@picture
def draw_monitor(
    streams: Mapping[str, Watched],
    alarms: Sequence[tuple[int, int]],
    rounds: int,
    ax: Axes | None,
    size: tuple[float, float] | None,
) -> Figure:
    """The charts of all streams: see `quantumlink.monitoring.Monitor.plot`.

    Args:
        streams: by name.
        alarms: of each its round, and that of the estimated change.
        rounds: how many were watched.
        ax: where to draw, or None.
        size: of a new figure, or None.
    """
    canvas = several_axes(ax, size, (8, 5.2))
    above, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for number, (name, (walk, errors, threshold, baseline)) in enumerate(streams.items()):
        color, dash = curve(number, above)["color"], curve(number, above)["linestyle"]
        if not len(walk):
            continue
        stride = -(-len(walk) // POINTS)
        starts = np.arange(0, len(walk), stride)
        # The highest value of each stretch: no alarm disappears between two points.
        above.plot(starts, np.maximum.reduceat(walk, starts), color=color, ls=dash, lw=points(1), label=name)
        above.axhline(threshold, color=color, ls="--", lw=points(1))
        edges = np.unique(np.linspace(0, len(errors), min(BLOCKS, len(errors)) + 1).astype(int))
        wrong = np.add.reduceat(errors.astype(int), edges[:-1])
        found = [binomial_estimate(int(w), int(n)) for w, n in zip(wrong, np.diff(edges), strict=True)]
        low, rates, high = np.transpose([list(estimate) for estimate in found])
        below.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.15, lw=0)
        below.stairs(rates, edges, color=color, ls=dash, label=name)
        below.axhline(baseline, color=color, ls=":", lw=points(1))
    for alarm, change in alarms:
        for axes in (above, below):
            axes.axvline(alarm, color=palette(above).wine, lw=points(1.2))
        above.axvline(change, color=palette(above).wine, lw=points(0.8), ls=":")
    above.set_ylabel("CUSUM W (alarm at the dashed line)")
    below.set_ylabel("error rate, 95 %")
    below.set_xlabel("compared round")
    below.set_ylim(bottom=0)
    above.set_ylim(top=_HEADROOM * above.get_ylim()[1])
    above.legend(loc="upper left", frameon=False, ncols=_LEGEND_COLUMNS)
    found_alarms = f"{len(alarms)} alarm{'' if len(alarms) == 1 else 's'}"
    seen = f"{rounds} round{'' if rounds == 1 else 's'}"
    above.set_title(f"{found_alarms} in {seen} (full line; dotted: estimated change)", wrap=True)
    return figure_of(canvas)
