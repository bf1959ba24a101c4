"""A pair between two devices as a sum of products of states: see `quantumlink.execution.several_devices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import pi, prod

import numpy as np

from quantumlink.arrays import FloatArray

MAX_ENUMERATED = 150
"""Most settings of the cuts that are all run; of more, so many are drawn."""

_STATES = {
    "X": ((pi / 2, 0.0), (pi / 2, pi)),
    "Y": ((pi / 2, pi / 2), (pi / 2, -pi / 2)),
    "Z": ((0.0, 0.0), (pi, 0.0)),
}


@dataclass(frozen=True)
class Setting:
    """What the two halves of a cut pair are prepared in: Bloch angles (θ, φ), and the weight of that."""

    weight: float
    left: tuple[float, float]
    right: tuple[float, float]


def cut_settings(correlations: Sequence[float]) -> tuple[Setting, ...]:
    """A pair of Pauli correlations (t_X, t_Y, t_Z), those of Φ⁺ being 1, as products of states.

    >>> settings = cut_settings([1, 1, 1])
    >>> len(settings), round(sum(s.weight for s in settings), 9), round(sum(abs(s.weight) for s in settings), 9)
    (12, 1.0, 3.0)
    """
    found = []
    for letter, t in zip("XYZ", correlations, strict=True):
        for theta, phi in _STATES[letter]:
            for weight, right in (((1 / 3 + t) / 4, (theta, -phi)), ((1 / 3 - t) / 4, (pi - theta, pi - phi))):
                if abs(weight) > 1e-12:
                    found.append(Setting(weight, (theta, phi), right))
    return tuple(found)


def rows_of_settings(
    correlations: Sequence[tuple[float, ...]], rng: np.random.Generator
) -> tuple[list[tuple[Setting, ...]], FloatArray, bool]:
    """Settings of all cuts, and their weights: all of them, or so many that are drawn."""
    options = [cut_settings(t) for t in correlations]
    if prod(map(len, options)) <= MAX_ENUMERATED:
        rows = list(product(*options))
        return rows, np.array([prod(s.weight for s in row) for row in rows], dtype=np.float64), False
    columns, weights = [], np.full(MAX_ENUMERATED, 1 / MAX_ENUMERATED)
    for several in options:
        sizes = np.array([abs(s.weight) for s in several])
        drawn = rng.choice(len(several), size=MAX_ENUMERATED, p=sizes / sizes.sum())
        weights = weights * np.sign([several[i].weight for i in drawn]) * sizes.sum()
        columns.append([several[i] for i in drawn])
    return list(zip(*columns, strict=True)), weights, True


def gamma_of(correlations: Sequence[float]) -> float:
    """By how much cutting such a pair widens intervals."""
    return sum(abs(setting.weight) for setting in cut_settings(correlations))
