"""Disturbing: what attempts for one stage do to the pairs of another one that the same node stores.

Attempts that follow one another evenly are a rate of dephasing while they go on. That is exact where attempts of
both links go in step, or where one begins when the other's pair is there; else their mean number is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Memory, Node
from quantumlink.readings.forecasting.meeting import Disturbance
from quantumlink.readings.forecasting.stages import Stage

LEAST_KEPT = 1e-300
"""What attempts leave of coherence at least, so that rates are finite."""


def disturbances(
    stages: Sequence[Stage], used_s: Sequence[FloatArray], *, in_turn: bool
) -> list[tuple[Disturbance, ...]]:
    """Of each stage, what attempts for the others do to its pairs.

    Args:
        stages: those that an operation consumes.
        used_s: of each, shape (n,), how much later than its clock its pairs can be used.
        in_turn: whether they are made one after the other.

    Raises:
        ValueError: if a node's attempts are not known, and disturb what it stores.
    """
    found = []
    for i, stage in enumerate(stages):
        mine = []
        for j, other in enumerate(stages):
            if j == i or (in_turn and j < i):
                continue
            for end, node in enumerate(stage.ends):
                if node.memory.per_attempt > 0 and node.name in other.attempts.at:
                    _check(node, stage, other, side_by_side=not in_turn, stages=len(stages))
                    mine.append(_disturbance(j, other, end, node.memory, used_s[j] if in_turn else None))
        found.append(tuple(mine))
    return found


def _disturbance(by: int, other: Stage, end: int, memory: Memory, used_s: FloatArray | None) -> Disturbance:
    attempts = other.attempts
    assert attempts.rate_hz is not None
    lost = -log(max(1 - 2 * memory.per_attempt, LEAST_KEPT))
    flips = np.array([0.0, 1.0, 1.0, 0.0])
    places = np.kron(flips, np.ones(4)) if end == 0 else np.kron(np.ones(4), flips)
    # In turn, all that is made for it counts, and what comes after its herald is no attempt.
    further = 0.0 if used_s is None else attempts.further - attempts.rate_hz * float(used_s[0])
    return Disturbance(by, lost * attempts.rate_hz * places[None], np.where(places > 0, exp(-lost * further), 1.0))


def _check(node: Node, stage: Stage, other: Stage, *, side_by_side: bool, stages: int) -> None:
    """Refuse attempts of which it is not known how many are made while a pair waits."""
    between = "–".join(end.name for end in other.ends)
    if other.attempts.rate_hz is None:
        why = f"how many attempts {node.name!r} makes for {between} is not known without sampling"
    elif side_by_side and (stages > 2 or stage.attempts.rate_hz is None):
        why = f"{node.name!r} makes attempts for {between} while others come and go"
    else:
        return
    raise ValueError(
        f"{why}, and each disturbs what it stores (per_attempt={node.memory.per_attempt:g}): forecasts know the "
        f"attempts of elementary links that wait for each other, or that are made in turn (storage= and "
        f"communication=1); simulate knows more"
    )
