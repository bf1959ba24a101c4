"""The picture of a monitor: charts with thresholds above, error rates in blocks below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from quantumlink.monitoring.monitor import Monitor

POINTS = 2_000
"""Most points of a line, and most rounds that are looked at one by one."""

BLOCKS = 60
"""Blocks in which the error rate is shown."""


def draw_monitor(monitor: Monitor) -> Figure:
    """The charts of all streams: see `Monitor.plot`."""
    from quantumlink.figures import Figure

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for number, (name, chart) in enumerate(monitor.charts.items()):
        color = f"C{number}"
        walk, errors = monitor.walk(name), monitor.errors(name)
        if not len(walk):
            continue
        stride = -(-len(walk) // POINTS)
        starts = np.arange(0, len(walk), stride)
        # The highest value of each stretch: no alarm disappears between two points.
        above.plot(starts, np.maximum.reduceat(walk, starts), color=color, lw=1, label=name)
        above.axhline(chart.threshold, color=color, ls="--", lw=1)
        edges = np.unique(np.linspace(0, len(errors), min(BLOCKS, len(errors)) + 1).astype(int))
        rates = np.add.reduceat(errors.astype(int), edges[:-1]) / np.diff(edges)
        below.stairs(rates, edges, color=color, label=name)
        below.axhline(chart.score.baseline, color=color, ls=":", lw=1)
    for alarm in monitor.alarms:
        for axes in (above, below):
            axes.axvline(alarm.round, color="firebrick", lw=1.2)
        above.axvline(alarm.change.round, color="firebrick", lw=0.8, ls=":")
    above.set_ylabel("CUSUM W (alarm at the dashed line)")
    below.set_ylabel("error rate")
    below.set_xlabel("compared round")
    below.set_ylim(bottom=0)
    above.legend(loc="upper left", frameon=False)
    number = len(monitor.alarms)
    alarms = f"{number} alarm{'' if number == 1 else 's'}"
    above.set_title(f"{alarms} in {monitor.rounds()} rounds (red; dotted: estimated change)")
    return figure
