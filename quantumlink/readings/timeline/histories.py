"""Histories: how long every qubit waited in every trial, and the states that follow from it.

A history is of the last, accepted try of everything: what came before it left no trace but the time it took.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quantumlink.readings.timeline.pairs import Pairs, joined_states
from quantumlink.readings.timeline.plan import Elementary, Plan, in_order
from quantumlink.readings.waiting import waited

FloatArray = npt.NDArray[np.float64]


def last_waits(pairs: Pairs) -> FloatArray:
    """How long both qubits still wait until the later end knows that it has the pair: shape (2, n)."""
    waits: FloatArray = np.maximum(pairs.ready - np.array([pairs.left_since, pairs.right_since]), 0.0)
    return waits


def delivered_states(plan: Plan, pairs: Pairs) -> FloatArray:
    """The states, shape (16, n), when the later end knows that it has the pair."""
    return _after_last_waits(plan, pairs.states, last_waits(pairs))


def replayed(plan: Plan, waits: Sequence[FloatArray], last: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The states that come of given waiting times, exactly, and how probably a run of them is accepted.

    Args:
        plan: a plan with the shape of that by which the waiting times were drawn; its hardware may be other.
        waits: ``Pairs.waits``, each of shape (4, n).
        last: `last_waits`, shape (2, n).

    Returns:
        States of shape (16, n), and the probability, shape (n,), that all purifications succeed at once.
    """
    operations = iter(waits)
    accepted = np.ones(last.shape[1])
    stack: list[FloatArray] = []
    for part in in_order(plan):
        if isinstance(part, Elementary):
            stack.append(np.repeat(part.coefficients[:, None], last.shape[1], axis=1))
            continue
        second, first = stack.pop(), stack.pop()
        states, succeeded = joined_states(part, first, second, next(operations))
        stack.append(states)
        accepted *= succeeded
    return _after_last_waits(plan, stack.pop(), last), accepted


def _after_last_waits(plan: Plan, states: FloatArray, last: FloatArray) -> FloatArray:
    left, right = (node.memory for node in plan.link.ends)
    if left.is_ideal and right.is_ideal:
        return states
    found: FloatArray = waited(states.T, left, right, last[0], last[1]).T
    return found
