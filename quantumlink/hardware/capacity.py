"""The most that a lossy medium can carry without a repeater.

References:
    S. Pirandola, R. Laurenza, C. Ottaviani, L. Banchi, Nat. Commun. 8, 15043 (2017): the PLOB bound.
"""

from __future__ import annotations

from quantumlink import validation
from quantumlink.rates import plob_rate


def plob_bits(transmittance: float) -> float:
    """The most secret bits (or pairs) per use and mode without a repeater, −log₂(1 − η) (Pirandola et al. 2017).

    Args:
        transmittance: η, the fraction of photons that arrive, in [0, 1].

    Raises:
        ValueError: if it lies outside [0, 1].

    >>> round(plob_bits(0.1), 6)
    0.152003
    """
    return float(plob_rate(validation.probability("transmittance", transmittance)))
