"""Operations on stages whose ends may know at several lags: a row for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.readings.forecasting.in_turn import left_out, made_in_turn
from quantumlink.readings.forecasting.joining import Joining
from quantumlink.readings.forecasting.lateness import NEGLIGIBLE, LateMeeting, lags_together
from quantumlink.readings.forecasting.meeting import failures, trimmed
from quantumlink.readings.forecasting.renewal import Failures, Rows
from quantumlink.readings.forecasting.repeating import accepted_of, until_success
from quantumlink.readings.forecasting.stages import Stage
from quantumlink.readings.forecasting.waits import held_pair
from quantumlink.timing.arrivals import points_of

KEPT_LAGS = 8
"""Into how many ranges of one length, and how many of one probability, an end's lags are split that an operation
hands on, beside the least one."""

MOST_ROWS = 512
"""Rows of all links with one another; if there would be more, fewer lags of each link stand for all."""


class _Tried(NamedTuple):
    """First tries of an operation, a row for each of the ways in which they come."""

    made: Rows
    """What succeeds."""
    failed: Failures
    """Shape (rows, cells): when those are known that fail."""
    lags_s: FloatArray
    """Shape (4, rows): when the left and the right end know, since when their qubits wait."""


def joined_by_lag(operation: Operation, stages: tuple[Stage, ...], *, in_turn: bool) -> Stage:
    """As `quantumlink.readings.forecasting.joins.joined`, where ends may know at several lags.

    Args:
        operation: what is done; it delivers a pair.
        stages: the links that it consumes, all timed, of one alternative.
        in_turn: whether they are made one after the other.
    """
    rows = _combined(_fewer(operation, [stage.by_lag for stage in stages], in_turn=in_turn))
    tried = _in_turn(operation, rows) if in_turn else _side_by_side(operation, rows)
    step = Joining(operation, rows, in_turn=in_turn)
    accepted = np.ones(1)
    lags_s, made = _together(tried)
    if step.operation.may_fail or in_turn:
        accepted = accepted_of(tried.made[1].sum(axis=0, keepdims=True))
        made = until_success(made, accepted, tried.failed)
    stage = _by_lag(step, stages, made, accepted, lags_s)
    return replace(stage, left_out=left_out(step.waiting, step.join)) if in_turn else stage


def _combined(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Rows of each stage, every one with every one of the others."""
    index = np.array(list(product(*(range(len(stage)) for stage in stages))), dtype=np.intp)
    return tuple(stage.take(index[:, i]) for i, stage in enumerate(stages))


def _fewer(operation: Operation, stages: list[Stage], *, in_turn: bool) -> list[Stage]:
    """The same rows, or fewer for about the same lags where there would be too many of all links together."""
    if prod(map(len, stages)) <= MOST_ROWS:
        return stages
    acting, site_of = operation.sites_that_act, operation.site_of_qubit
    # A pair that waits until both its ends know of it has one lag: the later one.
    both = [
        all(site_of[q] in acting for q in qubits) or (in_turn and i < len(stages) - 1)
        for i, qubits in enumerate(operation.inputs)
    ]
    lagging = [_known_by_both(stage) if wait else stage for stage, wait in zip(stages, both, strict=True)]
    for kept in range(KEPT_LAGS, 0, -1):
        fewer = [_alike(stage, kept) for stage in lagging]
        if prod(map(len, fewer)) <= MOST_ROWS:
            break
    return fewer


def _known_by_both(stage: Stage) -> Stage:
    """The same, known when both ends know."""
    lag_s = np.maximum(stage.left_lag_s, stage.right_lag_s)
    return replace(stage, left_lag_s=lag_s, right_lag_s=lag_s)


_LAGS = ("left_lag_s", "right_lag_s", "left_since_s", "right_since_s")


def _alike(stage: Stage, kept: int) -> Stage:
    """Rows of about the same lags together, each with what it has decayed until then."""
    weights = stage.pairs[..., 0].sum(axis=1)
    lags_s = np.array([getattr(stage, name) for name in _LAGS])
    group = lags_together(lags_s[:2], weights, kept)
    means_s = np.array([_summed(lag * weights, group) for lag in lags_s]) / _summed(weights, group)
    held = held_pair(stage.ends[0].memory, stage.ends[1].memory, stage.support)
    decayed = held.exponents(*(lags_s[:2] - lags_s[2:])) - held.exponents(*(means_s[:2] - means_s[2:]))[group]
    pairs = stage.supported(held.support)
    if held.from_pauli is not None:
        pairs = pairs @ held.from_pauli.T
    pairs = _summed(pairs * np.exp(-decayed)[:, None], group)
    if held.to_pauli is not None:
        pairs = pairs @ held.to_pauli.T
    points_s = points_of(stage.first, pairs[..., 0], _summed(stage.pairs[..., 0] * stage.points_s, group))
    rows = replace(stage.take(np.unique(group, return_index=True)[1]), support=held.support, pairs=pairs)
    return replace(rows, points_s=points_s, **dict(zip(_LAGS, means_s, strict=True)))


def _side_by_side(operation: Operation, rows: tuple[Stage, ...]) -> _Tried:
    step = Joining(operation, rows)
    meeting = LateMeeting(step.waiting, step.late_s, step.until)
    parts: list[list[FloatArray]] = [[], [], [], []]
    several_s = []
    for (_, *tries), waits_s in meeting.cases(step.join):
        shape = len(rows[0]), tries[0].shape[1]
        for found, each in zip(parts, tries, strict=True):
            found.append(np.broadcast_to(each, (*shape, *each.shape[2:])))
        known_s, since_s = step.after(waits_s)
        several_s.append(np.array([*known_s, *since_s]))
    pairs, done, masses, times = map(np.concatenate, parts)
    lags_s = np.concatenate(several_s, axis=1)
    failed = _known(failures(masses, times, pairs, done), lags_s)
    return _Tried((meeting.window.first, pairs, done), failed, lags_s)


def _in_turn(operation: Operation, rows: tuple[Stage, ...]) -> _Tried:
    """Pairs made in turn: a distribution of moments for each row."""
    weights = [stage.pairs[..., 0].sum(axis=1) for stage in rows]
    weight = np.prod(weights, axis=0)
    whole = tuple(stage.scaled(1 / mine) for stage, mine in zip(rows, weights, strict=True))
    step = Joining(operation, whole, in_turn=True)
    tries = made_in_turn(step.waiting, step.join)
    pairs = tries.pairs * weight[:, None, None]
    lags_s = np.array([*step.lags_s, *step.since_s])
    failed = _known(Failures(*(each * weight[:, None] for each in tries.failed)), lags_s)
    return _Tried((tries.moments.first, pairs, pairs[..., 0] * tries.moments.points_s), failed, lags_s)


def _known(failed: Failures, lags_s: FloatArray) -> Failures:
    """When the later end knows of failures, at the lags of each row."""
    return failed._replace(weighted=failed.weighted + failed.masses * np.maximum(*lags_s[:2])[:, None])


def _summed(values: FloatArray, groups: IndexArray) -> FloatArray:
    """Sums over the rows of each group."""
    found = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(found, groups, values)
    return found


def _together(tried: _Tried) -> tuple[FloatArray, Rows]:
    """Rows of about the same lags together: lags, shape (4, rows), and what is made."""
    first, pairs, done = tried.made
    weights = pairs[..., 0].sum(axis=1)
    kept = np.flatnonzero(weights > NEGLIGIBLE)
    weights, lags_s = weights[kept], tried.lags_s[:, kept]
    group = lags_together(lags_s[:2], weights, KEPT_LAGS)
    means = np.array([_summed(lag * weights, group) for lag in lags_s]) / _summed(weights, group)
    return means, (first, _summed(pairs[kept], group), _summed(done[kept], group))


def _by_lag(
    step: Joining, stages: tuple[Stage, ...], made: Rows, accepted: FloatArray, lags_s: FloatArray
) -> Stage:
    """The stage, of rows that have some lags."""
    moments, pairs = trimmed(*made)
    weights = pairs[..., 0].sum(axis=1)
    all_pairs = pairs.sum(axis=0, keepdims=True)
    done = (pairs[..., 0] * moments.points_s).sum(axis=0, keepdims=True)
    masses = all_pairs[..., 0]
    whole = moments._replace(masses=masses, points_s=points_of(moments.first, masses, done))
    mean_lags = [np.array([lag @ weights / weights.sum()]) for lag in lags_s]
    stage = step.stage(stages, whole, all_pairs, accepted, mean_lags)
    if len(weights) == 1:
        return stage
    of = np.zeros(len(weights), dtype=np.intp)
    by_row = tuple(each.with_lags(None).take(of) for each in stages)
    return stage.with_lags(step.stage(by_row, moments, pairs, accepted[of], list(lags_s)))
