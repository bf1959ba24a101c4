"""Optical fibre: what a length of it transmits, and how long light takes.

References:
    S. Pirandola, R. Laurenza, C. Ottaviani, L. Banchi, Nat. Commun. 8, 15043 (2017): the PLOB bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, log1p

from quantumlink import validation
from quantumlink.circuits import PauliChannel

SPEED_OF_LIGHT_KM_S = 299_792.458
"""Speed of light in vacuum, km/s (exact, SI)."""


@dataclass(frozen=True)
class Fiber:
    """A fibre of some length.

    Args:
        length_km: length in km, zero or more.
        attenuation_db_per_km: loss in dB/km; 0.2 is common at 1550 nm.
        group_index: group index of the glass, at least 1; 1.468 is common at 1550 nm.

    Raises:
        ValueError: if a value is out of its range.

    >>> Fiber(length_km=50).transmittance
    0.1
    >>> round(Fiber(50).delay_s * 1e6, 1)  # microseconds
    244.8
    """

    length_km: float
    """Length in km."""
    attenuation_db_per_km: float = 0.2
    """Loss in dB/km."""
    group_index: float = 1.468
    """Group index: the speed of light in vacuum over that in the fibre."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "length_km", validation.number("length_km", self.length_km, at_least=0.0))
        attenuation = validation.number("attenuation_db_per_km", self.attenuation_db_per_km, at_least=0.0)
        object.__setattr__(self, "attenuation_db_per_km", attenuation)
        object.__setattr__(self, "group_index", validation.number("group_index", self.group_index, at_least=1.0))

    @property
    def transmittance(self) -> float:
        """The fraction of photons that arrive, η = 10^(−αL/10)."""
        return float(10 ** (-self.attenuation_db_per_km * self.length_km / 10))

    @property
    def delay_s(self) -> float:
        """The time of flight in seconds, L·n/c."""
        return self.length_km * self.group_index / SPEED_OF_LIGHT_KM_S

    @property
    def channel(self) -> PauliChannel | None:
        """What the fibre does to the polarization of a photon that arrives: nothing."""
        return None

    @property
    def plob_bits(self) -> float:
        """The most secret bits per use without a repeater, −log₂(1 − η) (Pirandola et al. 2017)."""
        if self.transmittance >= 1:
            return inf
        return -log1p(-self.transmittance) / log(2)
