"""Operations on stages: all alternatives at once, over all moments at which their pairs are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation, known_operation
from quantumlink.readings.forecasting.by_lag import joined_by_lag
from quantumlink.readings.forecasting.in_turn import left_out, made_in_turn
from quantumlink.readings.forecasting.joining import Joining
from quantumlink.readings.forecasting.meeting import Meeting, each_with_each
from quantumlink.readings.forecasting.products import Summed
from quantumlink.readings.forecasting.repeating import accepted_of, certain, repeated
from quantumlink.readings.forecasting.stages import Stage

_SWAP = known_operation("entanglement_swap")


def swapped(left: Stage, right: Stage, operation: Operation = _SWAP) -> Stage:
    """Each alternative of the left stage joined with that of the right one."""
    return joined(operation, left, right)


def joined(operation: Operation, *stages: Stage, in_turn: bool = False) -> Stage:
    """Each alternative of some stages made into one pair by an operation.

    Args:
        operation: what is done; it delivers a pair.
        stages: the links that it consumes, as many alternatives of each.
        in_turn: whether they are made one after the other, those before held meanwhile.

    Of one alternative it is known at which lags its ends know of it; of several, which are compared, the mean.
    """
    timed, alone = all(stage.timed for stage in stages), len(stages[0]) == 1
    if timed and alone and any(stage.lagging is not None for stage in stages):
        return joined_by_lag(operation, stages, in_turn=in_turn)
    step = Joining(operation, stages, in_turn=in_turn, in_the_mean=not alone)
    if not timed:
        tries = Meeting(*step.waiting).tried(step.join)
        accepted = accepted_of(tries.pairs)
        return step.result(*certain(tries, accepted), accepted)
    if alone and not in_turn and (step.late or any(waiting.out_of_step for waiting in step.waiting)):
        return joined_by_lag(operation, stages, in_turn=in_turn)
    if not (step.operation.may_fail or in_turn):
        return step.result(*Meeting(*step.waiting).joined(step.join), np.ones(len(stages[0])))
    tries = (
        made_in_turn(step.waiting, step.join, alone=alone) if in_turn else Meeting(*step.waiting).tried(step.join)
    )
    accepted = accepted_of(tries.pairs)
    made = step.result(*repeated(tries, accepted, np.maximum(*step.lags_s)), accepted)
    return replace(made, left_out=left_out(step.waiting, step.join)) if in_turn and alone else made


def swapped_each_with_each(
    left: Stage, right: Stage, choose: Callable[[FloatArray, FloatArray], IndexArray] | None = None
) -> tuple[Stage, IndexArray, IndexArray]:
    """Every alternative of the left stage joined with every one of the right one, or some of them.

    Args:
        left: the stage on the left.
        right: the stage on the right.
        choose: tells from the mean states, shape (n, 16), and mean times, shape (n,), of all of them, which to go
            on with, by index; None for all. Pairs that come in one cell of the grid of times do not wait in these.

    Returns:
        The stage; and of each of its alternatives, which one of the left and which of the right stage it joins.
    """
    first, second = (index.ravel() for index in np.indices((len(left), len(right))))
    if choose is not None:
        chosen = choose(*_outlook(left, right))
        first, second = first[chosen], second[chosen]
    return joined(_SWAP, left.take(first), right.take(second)), first, second


def _outlook(left: Stage, right: Stage) -> tuple[FloatArray, FloatArray]:
    """About what swaps of every alternative with every one make, by products of matrices: states and mean times."""
    every = [np.zeros(len(stage), dtype=np.intp) for stage in (left, right)]
    # What a side waits for does not depend on the alternatives of the other one.
    common_s = np.minimum(left.right_lag_s.min(keepdims=True), right.left_lag_s.min(keepdims=True))
    ours = Joining(_SWAP, (left, right.take(every[0])), common_s=common_s, in_the_mean=True)
    theirs = Joining(_SWAP, (left.take(every[1]), right), common_s=common_s, in_the_mean=True)
    join = ours.join
    assert isinstance(join, Summed)
    (first, first_earlier), (second, second_earlier), edges = each_with_each(ours.waiting[0], theirs.waiting[1])
    pairs = np.zeros((len(left), len(right), len(join.support)))
    for i, j, weights in zip(*join.places, join.weights, strict=True):
        met = first[..., i] @ second_earlier[..., j].T + first_earlier[..., i] @ second[..., j].T
        pairs += met[..., None] * weights
    vectors = np.zeros((len(left) * len(right), 16))
    vectors[:, list(join.support)] = pairs.reshape(len(vectors), -1)
    masses = first[..., 0] * edges, second[..., 0] * edges
    times = masses[0] @ second_earlier[..., 0].T + first_earlier[..., 0] @ masses[1].T
    times += np.maximum(ours.lags_s[0][:, None], theirs.lags_s[1])
    if ours.operation.may_fail:  # qubits may be lost: about as many tries as that takes
        accepted = ours.operation.success_probability
        return vectors / accepted, times.ravel() / accepted
    return vectors, times.ravel()
