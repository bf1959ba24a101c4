"""Ends that hear of their own pair late: how much of that a wait for the other pairs hides, in the mean.

So are alternatives compared; what is told of one is by `quantumlink.readings.forecasting.lateness`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.forecasting.stages import Stage


class Clock:
    """When a stage's pairs can be used.

    Args:
        stage: the stage, of n alternatives.
        lag_s: shape (n,), how much later than its clock its pairs can be used.
    """

    def __init__(self, stage: Stage, lag_s: FloatArray) -> None:
        self._stage, self._lag_s = stage, lag_s

    def moments(self, row: int) -> tuple[FloatArray, FloatArray]:
        """Of one alternative: the moments, which rise, and their probabilities."""
        masses = self._stage.pairs[row, :, 0]
        there = masses > 0
        return self._stage.points_s[row, there] + self._lag_s[row], masses[there] / masses[there].sum()


def heard_s(clocks: Sequence[Clock], link: int, own_s: FloatArray, told_s: FloatArray) -> FloatArray:
    """When an end has heard of its own pair and of the others, after all can be used: shape (n,), the mean.

    Its pair waits for the others, and what it has to hear of its own is on its way meanwhile.

    Args:
        clocks: when the pairs can be used.
        link: which of them is the end's own.
        own_s: shape (n,), when it hears of its own pair, after that can be used.
        told_s: shape (n,), when it hears of the others, after all can be used.
    """
    heard, told_s = own_s.copy(), np.broadcast_to(told_s, own_s.shape)
    for row in np.flatnonzero(own_s > told_s).tolist():
        mine_s, mine = clocks[link].moments(row)
        others_s, others = _latest([clock.moments(row) for i, clock in enumerate(clocks) if i != link])
        waits_s = np.maximum(others_s[None, :] - mine_s[:, None], 0.0)
        heard[row] = mine @ np.maximum(own_s[row] - waits_s, told_s[row]) @ others
    return heard


def _latest(several: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """The latest of some independent moments: when, and with what probability."""
    if len(several) == 1:
        return several[0]
    points = np.unique(np.concatenate([moments for moments, _ in several]))
    below = np.ones(len(points))
    for moments, masses in several:
        sums = np.concatenate([[0.0], np.cumsum(masses)])
        below *= sums[np.searchsorted(moments, points, side="right")]
    return points, np.diff(below, prepend=0.0)
