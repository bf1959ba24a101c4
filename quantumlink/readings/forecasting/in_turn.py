"""Pairs that are made one after the other: when all are there, and what is made of them then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.forecasting.meeting import (
    ROUNDED,
    Ensemble,
    Waiting,
    earliest_moment,
    failures,
    trimmed,
)
from quantumlink.readings.forecasting.products import Contraction, Summed
from quantumlink.readings.forecasting.renewal import Failures
from quantumlink.timing.arrivals import EDGES_S, later_gamma


def made_in_turn(stages: Sequence[Waiting], join: Contraction, *, alone: bool = True) -> Ensemble:
    """The tries of an operation whose pairs are made one after the other, the last one used at once.

    Each begins when the one before is there. Of two pairs every moment of one is combined with every one of the
    other, where each is one alternative. Of more, or where alternatives are compared, mean states wait for as long
    as the others take; that this depends on how long a pair took itself is left out, and so is, of more than three
    pairs, that the first ones wait for the same; moments are gamma distributed.

    Args:
        stages: the pairs, in turn.
        join: what is made of them.
        alone: whether each row is to be followed on its own.
    """
    if alone and len(stages) == 2 and isinstance(join, Summed):
        return _two_in_turn(stages[0], stages[1], join)
    *held, last = stages
    wait = last.points_s[..., None]
    times = [_moments_of(stage.coefficients[..., 0], stage.points_s) for stage in held]
    waited = []
    for i, stage in enumerate(held):
        pair, rates, squares = stage.coefficients.sum(axis=1, keepdims=True), stage.rates, stage.squares
        for j, (other, (mean_s, *_)) in enumerate(zip(held[i + 1 :], times[i + 1 :], strict=True), i + 1):
            more, once = stage.disturbed_by(j)
            points_s = other.points_s[..., None]
            kept = np.exp(-(rates + more)[:, None] * points_s - squares[:, None] * points_s**2)
            pair = pair * once * (other.coefficients[..., :1] * kept).sum(axis=1, keepdims=True)
            rates = rates + 2 * squares * mean_s[:, None]
        more, once = stage.disturbed_by(len(held))
        waited.append(pair * once * np.exp(-(rates + more)[:, None] * wait - squares[:, None] * wait**2))
    made = join(*waited, last.coefficients)
    accepted = made[..., 0].sum(axis=1)
    before, before_first = sum(mean for mean, _, _ in times), sum(first for _, _, first in times)
    spread = sum(square - mean**2 for mean, square, _ in times)
    mean, square, last_first = _moments_of(last.coefficients[..., 0], last.points_s)
    lucky, lucky_square, _ = _moments_of(made[..., 0] / np.maximum(accepted, 1e-300)[:, None], last.points_s)
    variance = spread + lucky_square - lucky**2
    earliest = before_first + last_first
    moments = later_gamma(earliest, before + lucky, np.maximum(variance, 0.0))
    state = made.sum(axis=1)
    pairs = moments.masses[..., None] * state[:, None]
    moments = moments._replace(masses=pairs[..., 0])
    all_square = spread + before**2 + 2 * before * mean + square
    failed = _failed(before + mean, all_square, accepted, (before + lucky, variance), earliest)
    return Ensemble(moments, pairs, before + mean, all_square, earliest, failed)


def _failed(
    mean: FloatArray,
    square: FloatArray,
    accepted: FloatArray,
    lucky: tuple[FloatArray, FloatArray],
    earliest: FloatArray,
) -> Failures:
    """When tries fail, by mean and mean square of all, and mean and variance of those that succeed."""
    share = np.maximum(1.0 - accepted, 0.0)
    part = np.where(share > ROUNDED, share, 1.0)
    lost = np.maximum((mean - accepted * lucky[0]) / part, earliest)
    lost_square = (square - accepted * (lucky[1] + lucky[0] ** 2)) / part
    moments = later_gamma(earliest, lost, np.maximum(lost_square - lost**2, 0.0))
    masses = moments.masses * np.where(share > ROUNDED, share, 0.0)[:, None]
    return Failures(masses, masses * moments.points_s)


def _moments_of(masses: FloatArray, points_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, mean square, and the earliest."""
    weighted = masses * points_s
    return weighted.sum(axis=1), (weighted * points_s).sum(axis=1), earliest_moment(masses, points_s)


def _two_in_turn(held: Waiting, last: Waiting, join: Contraction) -> Ensemble:
    """Two pairs: each moment of the first with each of the second."""
    more, once = held.disturbed_by(1)
    wait = last.points_s[..., None]
    kept = once * np.exp(-(held.rates + more)[:, None] * wait - held.squares[:, None] * wait**2)
    found, moments = [], []
    for row in range(len(wait)):
        times = held.points_s[row][:, None] + last.points_s[row]
        made = join(held.coefficients[row][:, None] * kept[row % len(kept)], last.coefficients[row][None])
        found.append(made.reshape(times.size, -1))
        moments.append(times.ravel())
    cells = np.clip(np.searchsorted(EDGES_S, np.array(moments), side="right") - 1, 0, len(EDGES_S) - 2)
    start, width = int(cells.min()), int(cells.max() - cells.min()) + 1
    pairs, done = np.zeros((len(wait), width, len(join.support))), np.zeros((len(wait), width))
    all_masses, all_times = np.zeros((len(wait), width)), np.zeros((len(wait), width))
    for row, (made, times) in enumerate(zip(found, moments, strict=True)):
        place = cells[row] - start
        tried = np.outer(held.coefficients[row, :, 0], last.coefficients[row, :, 0]).ravel()
        all_masses[row] = np.bincount(place, tried, width)
        all_times[row] = np.bincount(place, tried * times, width)
        for k in range(pairs.shape[2]):
            pairs[row, :, k] = np.bincount(place, made[:, k], width)
        done[row] = np.bincount(place, made[:, 0] * times, width)
    mean, square, first_s = _moments_of(held.coefficients[..., 0], held.points_s)
    mean_last, square_last, first_last_s = _moments_of(last.coefficients[..., 0], last.points_s)
    return Ensemble(
        *trimmed(start, pairs, done),
        mean + mean_last,
        square + 2 * mean * mean_last + square_last,
        first_s + first_last_s,
        failures(all_masses, all_times, pairs, done),
    )
