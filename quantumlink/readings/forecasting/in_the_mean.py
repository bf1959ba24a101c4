"""Pairs made one after the other, in the mean: for comparing, and where not all moments can be followed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.forecasting.meeting import ROUNDED, Ensemble, Waiting, earliest_moment
from quantumlink.readings.forecasting.products import Contraction
from quantumlink.readings.forecasting.renewal import Failures
from quantumlink.timing.arrivals import later_gamma


def in_turn_in_the_mean(stages: Sequence[Waiting], join: Contraction) -> Ensemble:
    """As `quantumlink.readings.forecasting.in_turn.made_in_turn`, with mean states and gamma distributed moments.

    Moments are sums of clocks, as there.

    Mean states wait for as long as the others take. That this depends on how long a pair took itself is left out,
    and so is, of more than three pairs, that the first ones wait for the same: pairs come out as too decayed.
    """
    *held, last = stages
    wait = (last.points_s + last.lag_s[:, None])[..., None]
    times = [_moments_of(stage.coefficients[..., 0], stage.points_s) for stage in held]
    waited = []
    for i, stage in enumerate(held):
        pair, rates, squares = stage.coefficients.sum(axis=1, keepdims=True), stage.rates, stage.squares
        for j, (other, (mean_s, *_)) in enumerate(zip(held[i + 1 :], times[i + 1 :], strict=True), i + 1):
            more, once = stage.disturbed_by(j)
            points_s = (other.points_s + other.lag_s[:, None])[..., None]
            kept = np.exp(-(rates + more)[:, None] * points_s - squares[:, None] * points_s**2)
            pair = pair * once * (other.coefficients[..., :1] * kept).sum(axis=1, keepdims=True)
            rates = rates + 2 * squares * (mean_s + other.lag_s)[:, None]
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
    return Ensemble(moments, pairs, failed)


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


def blurred(stages: Sequence[Waiting]) -> float:
    """By about which part coherences come out too low: half of the variance of −ln of what is left.

    Of products of all pairs, which wait for the same.
    """
    mean_s, variance = 0.0, 0.0
    for stage in stages[1:]:
        masses = stage.coefficients[..., 0]
        mean, square, _ = (each / masses.sum(axis=1) for each in _moments_of(masses, stage.points_s))
        mean_s, variance = mean_s + (mean + stage.lag_s).max(), variance + np.maximum(square - mean**2, 0.0).max()
    slopes = [stage.rates.max() + 2 * stage.squares.max() * mean_s for stage in stages[:-1]]
    return float(sum(slopes) ** 2 * variance / 2)
