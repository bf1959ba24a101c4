"""Histories: how long every qubit waited in every trial, and the states that follow from it.

A history is of the last, accepted try of everything: what came before it left no trace but the time it took.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.timeline.pairs import Pairs, joined_states, waited_ends
from quantumlink.readings.timeline.plan import Elementary, Plan, in_order


def last_waits(pairs: Pairs) -> FloatArray:
    """How long each end's qubit still waits until the last end knows that it has it: shape (k, n)."""
    waits: FloatArray = np.maximum(pairs.ready - pairs.since, 0.0)
    return waits


def delivered_states(plan: Plan, pairs: Pairs) -> FloatArray:
    """The states, shape (4^k, n), when the last end knows that it has its qubit."""
    return _after_last_waits(plan, pairs.states, last_waits(pairs))


def replayed(
    plan: Plan, waits: Sequence[FloatArray], last: FloatArray, attempts: Sequence[FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """The states that come of given waiting times, exactly, and how probably a run of them is accepted.

    Args:
        plan: a plan with the shape of that by which the waiting times were drawn; its hardware may be other.
        waits: ``Pairs.waits``, each of shape (qubits, n).
        last: `last_waits`, shape (k, n).
        attempts: ``Pairs.attempts``, each of shape (qubits, n); None if they disturb nothing.

    Returns:
        States of shape (4^k, n), and the probability, shape (n,), that all operations succeed at once.
    """
    disturbed: Sequence[FloatArray | None] = attempts or [None] * len(waits)
    operations = zip(waits, disturbed, strict=True)
    accepted = np.ones(last.shape[1])
    stack: list[FloatArray] = []
    for part in in_order(plan):
        if isinstance(part, Elementary):
            stack.append(np.repeat(part.coefficients[:, None], last.shape[1], axis=1))
            continue
        count = len(part.children)
        states, succeeded = joined_states(part, stack[-count:], *next(operations))
        del stack[-count:]
        stack.append(states)
        accepted *= succeeded
    return _after_last_waits(plan, stack.pop(), last), accepted


def _after_last_waits(plan: Plan, states: FloatArray, last: FloatArray) -> FloatArray:
    return waited_ends(states, [node.memory for node in plan.link.ends], last, plan.support)
