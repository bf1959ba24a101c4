"""Operations on stages whose ends may know at several lags: a row for each of them."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.readings.forecasting.in_turn import made_in_turn
from quantumlink.readings.forecasting.joining import Joining
from quantumlink.readings.forecasting.lateness import NEGLIGIBLE, LateMeeting, lags_together
from quantumlink.readings.forecasting.meeting import Ensemble, ensemble, trimmed
from quantumlink.readings.forecasting.repeating import repeated_by_row
from quantumlink.readings.forecasting.stages import Lagging, Stage
from quantumlink.timing.arrivals import points_of


class _Tried(NamedTuple):
    """First tries of an operation, a row for each of the ways in which they come."""

    all: Ensemble
    """Of each alternative, shape (n, ...): those ways together."""
    first: int
    """The first cell of the rows."""
    pairs: FloatArray
    """Shape (rows, cells, k): what succeeds."""
    done: FloatArray
    """Shape (rows, cells): its masses times moments."""
    masses: FloatArray
    """Shape (rows,): how probable a try of a row is, whether it succeeds or not."""
    of: IndexArray
    """Shape (rows,): of which alternative each row is."""
    lags_s: FloatArray
    """Shape (4, rows): when the left and the right end know, since when their qubits wait."""


def joined_by_lag(operation: Operation, stages: tuple[Stage, ...], *, in_turn: bool) -> Stage:
    """As `quantumlink.readings.forecasting.joins.joined`, where ends may know at several lags.

    Args:
        operation: what is done; it delivers a pair.
        stages: the links that it consumes, all timed.
        in_turn: whether they are made one after the other.
    """
    of, rows = _combined(stages)
    tried = _in_turn(operation, rows, of) if in_turn else _side_by_side(operation, rows, of)
    step = Joining(operation, rows, in_turn=in_turn, of=of)
    first, pairs, done = tried.first, tried.pairs, tried.done
    accepted = np.ones(len(stages[0]))
    if step.operation.may_fail or in_turn:
        accepted = step.accepted(tried.all)
        lag_s = _lag_of_failures(tried)
        first, pairs, done = repeated_by_row(tried.all, accepted, lag_s, rows=(first, pairs, done), of=tried.of)
    return _by_lag(step, stages, (first, pairs, done), accepted, tried)


def _combined(stages: tuple[Stage, ...]) -> tuple[IndexArray, tuple[Stage, ...]]:
    """Rows of each stage, every one with every one of its alternative, and of which alternative they are."""
    several = [stage.by_lag for stage in stages]
    chosen, of = [], []
    for one in range(len(stages[0])):
        mine = list(product(*(np.flatnonzero(lagging.of == one) for lagging in several)))
        chosen += mine
        of += [one] * len(mine)
    index = np.array(chosen, dtype=np.intp)
    rows = tuple(lagging.stage.take(index[:, i]) for i, lagging in enumerate(several))
    return np.array(of, dtype=np.intp), rows


def _side_by_side(operation: Operation, rows: tuple[Stage, ...], of: IndexArray) -> _Tried:
    step = Joining(operation, rows, of=of)
    meeting = LateMeeting(step.waiting, step.late_s, step.until)
    parts: list[list[FloatArray]] = [[], [], [], []]
    lags_s = []
    for (_, *made), waits_s in meeting.cases(step.join):
        shape = len(of), made[0].shape[1]
        for found, each in zip(parts, made, strict=True):
            found.append(np.broadcast_to(each, (*shape, *each.shape[2:])))
        known_s, since_s = step.after(waits_s)
        lags_s.append(np.array([*known_s, *since_s]))
    all_of = np.tile(of, len(lags_s))
    pairs, done, masses, times = map(np.concatenate, parts)
    sums = [_summed(each, all_of) for each in (pairs, done, masses, times)]
    return _Tried(
        all=ensemble(meeting.first, *sums),
        first=meeting.first,
        pairs=pairs,
        done=done,
        masses=masses.sum(axis=1),
        of=all_of,
        lags_s=np.concatenate(lags_s, axis=1),
    )


def _in_turn(operation: Operation, rows: tuple[Stage, ...], of: IndexArray) -> _Tried:
    """Pairs made in turn: a distribution of moments for each row, which are then mixed."""
    weights = [stage.pairs[..., 0].sum(axis=1) for stage in rows]
    weight = np.prod(weights, axis=0)
    whole = tuple(stage.scaled(1 / mine) for stage, mine in zip(rows, weights, strict=True))
    step = Joining(operation, whole, in_turn=True, of=of)
    tries = made_in_turn(step.waiting, step.join)
    moments = tries.moments
    pairs = tries.pairs * weight[:, None, None]
    done = pairs[..., 0] * moments.points_s
    together = _summed(pairs, of)
    masses = together[..., 0]
    earliest = np.full(len(together), np.inf)
    np.minimum.at(earliest, of, tries.earliest_s)
    mixed = Ensemble(
        moments._replace(masses=masses, points_s=points_of(moments.first, masses, _summed(done, of))),
        together,
        _summed(tries.mean_s * weight, of),
        _summed(tries.square * weight, of),
        earliest,
    )
    lags_s = np.array([*step.lags_s, *step.since_s])
    return _Tried(mixed, moments.first, pairs, done, weight, of, lags_s)


def _lag_of_failures(tried: _Tried) -> FloatArray:
    """Shape (n,): how long after a failure both ends know of it, in the mean."""
    longest = np.maximum(tried.lags_s[0], tried.lags_s[1])
    failed = np.maximum(tried.masses - tried.pairs[..., 0].sum(axis=1), 0.0)
    share = _summed(failed, tried.of)
    mean = _summed(tried.masses * longest, tried.of) / _summed(tried.masses, tried.of)
    return np.where(share > NEGLIGIBLE, _summed(failed * longest, tried.of) / np.maximum(share, NEGLIGIBLE), mean)


def _summed(values: FloatArray, groups: IndexArray) -> FloatArray:
    """Sums over the rows of each group."""
    found = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(found, groups, values)
    return found


def _by_lag(
    step: Joining,
    stages: tuple[Stage, ...],
    made: tuple[int, FloatArray, FloatArray],
    accepted: FloatArray,
    tried: _Tried,
) -> Stage:
    """The stage, rows of about the same lags put together."""
    first, pairs, done = made
    weights = pairs[..., 0].sum(axis=1)
    kept = np.flatnonzero(weights > NEGLIGIBLE)
    pairs, done, weights, of = pairs[kept], done[kept], weights[kept], tried.of[kept]
    lags_s = tried.lags_s[:, kept]
    group = lags_together(lags_s[:2], weights, of)
    together = _summed(weights, group)
    means = np.array([_summed(lag * weights, group) / together for lag in lags_s])
    rows_of = np.zeros(len(together), dtype=np.intp)
    rows_of[group] = of
    moments, rows = trimmed(first, _summed(pairs, group), _summed(done, group))
    all_pairs = _summed(rows, rows_of)
    points = points_of(moments.first, all_pairs[..., 0], _summed(rows[..., 0] * moments.points_s, rows_of))
    whole = moments._replace(masses=all_pairs[..., 0], points_s=points)
    mean_lags = [_summed(lag * together, rows_of) / _summed(together, rows_of) for lag in means]
    stage = step.stage(stages, whole, all_pairs, accepted, mean_lags)
    if len(together) == len(accepted):
        return stage
    by_row = tuple(each.with_lags(None).take(rows_of) for each in stages)
    return stage.with_lags(Lagging(rows_of, step.stage(by_row, moments, rows, accepted[rows_of], list(means))))
