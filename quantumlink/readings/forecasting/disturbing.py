"""Disturbing: what attempts for one stage do to the pairs of another one that the same node stores.

Attempts that follow one another evenly are a rate of dephasing while they go on, and only whole ones count. Where
the attempts of two links do not go in step, how far the next one is when a pair is heralded is taken not to depend
on how long the pair then waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log1p

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Memory, Node
from quantumlink.readings.forecasting.meeting import Disturbance
from quantumlink.readings.forecasting.stages import Attempting, Stage
from quantumlink.timing.attempts import IN_STEP, Rounds, whole_attempts

MOST_ATTEMPTS = 4096
"""So many attempts are looked at for how two clocks stand to each other."""

MOST_LOST = 1.0
"""Of −ln of what one attempt leaves of coherence: 0.32 in `Memory.per_attempt`."""

RARE = 1e-9
"""Attempts that are needed less often than that are not."""

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
                    mine.append(_disturbance(j, stage, other, end, node.memory, used_s[j] if in_turn else None))
        found.append(tuple(mine))
    return found


def _disturbance(
    by: int, stage: Stage, other: Stage, end: int, memory: Memory, used_s: FloatArray | None
) -> Disturbance:
    attempts = other.attempts
    assert attempts.rate_hz is not None
    lost = -log(max(1 - 2 * memory.per_attempt, LEAST_KEPT))
    flips = np.array([0.0, 1.0, 1.0, 0.0])
    places = np.kron(flips, np.ones(4)) if end == 0 else np.kron(np.ones(4), flips)
    # In turn, all that is made for it counts, and what comes after its herald is no attempt.
    if used_s is not None:
        once = exp(-lost * (attempts.further - attempts.rate_hz * (float(used_s[0]) - attempts.herald_s)))
    else:
        once = _of_whole_attempts(stage.attempts, attempts, lost)
    return Disturbance(
        by, lost * attempts.rate_hz * places[None], np.where(places > 0, once, 1.0), attempts.period_s
    )


def _of_whole_attempts(mine: Attempting, others: Attempting, lost: float) -> float:
    """What is left as only whole attempts count, compared with attempts at a rate.

    The attempt of the others that goes on when a pair is heralded began before that, and the last one begins before
    its own herald is there: the mean over all attempts in which the pair may have come. Where both come at random
    and an attempt leaves next to nothing, that would say too much of the few waits that are shorter than one.
    """
    assert mine.rounds is not None
    assert others.rounds is not None
    p = mine.rounds.success_probability or 1.0
    attempt = np.arange(1, 1 + (1 if p == 1 else min(MOST_ATTEMPTS, int(np.ceil(log(RARE) / log1p(-p))))))
    periods = (attempt * mine.rounds.time_s + mine.rounds.herald_s) / others.rounds.time_s
    spared = others.at_once * (whole_attempts(periods) - periods)
    weights = (1 - p) ** (attempt - 1.0) * _still_without(others.rounds, periods)
    if not weights.any():
        return 1.0
    bounded = lost if p == 1 else min(lost, MOST_LOST)
    return float(weights @ np.exp(bounded * (spared - others.further)) / weights.sum())


def _still_without(rounds: Rounds, periods: npt.NDArray[np.floating]) -> FloatArray:
    """How probably nothing is heralded by some times, in periods."""
    tried = np.maximum(np.floor(periods - rounds.herald_s / rounds.time_s + IN_STEP), 0.0)
    found: FloatArray = (1 - (rounds.success_probability or 1.0)) ** tried
    return found


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
