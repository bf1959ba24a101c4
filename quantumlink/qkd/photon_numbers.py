"""Distributions of photon numbers: what loss does to them."""

from __future__ import annotations

import numpy as np

from quantumlink.arrays import FloatArray

Floats = FloatArray


def thinned(photons: Floats, transmittance: float, *, most: int | None = None) -> Floats:
    """How many photons arrive, each with the transmittance, if so many were sent.

    Args:
        photons: probability of 0, 1, 2, … photons sent.
        transmittance: in [0, 1].
        most: the largest number of arriving photons to tell; what lies beyond is cut off (by default nothing).

    >>> thinned(np.array([0.0, 0.0, 1.0]), 0.5).round(9).tolist()
    [0.25, 0.5, 0.25]
    """
    from scipy.stats import binom

    sent = np.arange(len(photons))
    arriving = np.arange(len(photons) if most is None else min(most + 1, len(photons)))
    return np.asarray(binom.pmf(arriving[:, None], sent, transmittance) @ photons)
