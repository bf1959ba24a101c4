"""Optical fibre: what a length of it transmits, how long light takes, and what becomes of the polarization.

References:
    S. Pirandola, R. Laurenza, C. Ottaviani, L. Banchi, Nat. Commun. 8, 15043 (2017): the PLOB bound.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from math import exp, expm1

from quantumlink import validation
from quantumlink.circuits import PauliChannel
from quantumlink.hardware.capacity import plob_bits
from quantumlink.hardware.raman import ClassicalSignal, photons_per_s, raman_coefficient, scattered_watts
from quantumlink.hardware.said import said

SPEED_OF_LIGHT_KM_S = 299_792.458
"""Speed of light in vacuum, km/s (exact, SI)."""


@dataclass(frozen=True, repr=False)
class Fiber:
    """A fibre of some length.

    Args:
        length_km: length in km, zero or more.
        attenuation_db_per_km: loss in dB/km; 0.2 is common at 1550 nm.
        group_index: group index of the glass, at least 1; 1.468 is common at 1550 nm.
        connectors: how many connectors and splices are on the way.
        connector_loss_db: the loss of each in dB; 0.3 is a common datasheet value.
        depolarization_per_km: γ in 1/km: with probability 1 − exp(−γL) the polarization is random.
        dephasing_per_km: δ in 1/km: the coherence between the two polarizations falls by exp(−δL).
        traffic: classical signals in the same fibre, whose Raman scattering is its background: see
            `background_hz`.
        wavelength_nm: of the quantum light, for that.
        filter_nm: width of the receiver's filter in nm, for that.

    Raises:
        ValueError: if a value is out of its range.
        TypeError: if it is not a number.

    >>> Fiber(length_km=50).transmittance
    0.1
    >>> round(Fiber(50).delay_s * 1e6, 1)  # microseconds
    244.8
    >>> Fiber(50, connectors=2).losses_db
    {'fiber': 10.0, 'connectors': 0.6}
    """

    length_km: float
    """Length in km."""
    attenuation_db_per_km: float = 0.2
    """Loss in dB/km."""
    group_index: float = 1.468
    """Group index: the speed of light in vacuum over that in the fibre."""
    _: KW_ONLY
    connectors: int = 0
    """How many connectors and splices are on the way."""
    connector_loss_db: float = 0.3
    """The loss of each connector in dB."""
    depolarization_per_km: float = 0.0
    """γ in 1/km: the polarization is random with probability 1 − exp(−γL)."""
    dephasing_per_km: float = 0.0
    """δ in 1/km: coherence falls by exp(−δL)."""

    traffic: tuple[ClassicalSignal, ...] = ()
    """Classical signals in the same fibre."""
    wavelength_nm: float = 1550.0
    """Wavelength of the quantum light in nm."""
    filter_nm: float = 0.1
    """Width of the receiver's filter in nm."""

    def __post_init__(self) -> None:
        numbers = ("length_km", "attenuation_db_per_km", "connector_loss_db", "depolarization_per_km")
        for name in (*numbers, "dephasing_per_km"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        object.__setattr__(self, "group_index", validation.number("group_index", self.group_index, at_least=1.0))
        object.__setattr__(self, "connectors", validation.count("connectors", self.connectors))
        for name in ("wavelength_nm", "filter_nm"):
            object.__setattr__(self, name, validation.positive(name, getattr(self, name)))
        signals = [self.traffic] if isinstance(self.traffic, ClassicalSignal) else self.traffic
        for signal in validation.sequence("traffic", signals, "classical signals"):
            validation.instance("traffic", signal, ClassicalSignal, "classical signals")
        object.__setattr__(self, "traffic", tuple(signals))

    __repr__ = said

    @property
    def losses_db(self) -> dict[str, float]:
        """The loss in dB by its causes: fibre and connectors."""
        fiber = self.attenuation_db_per_km * self.length_km
        return {"fiber": fiber, "connectors": self.connectors * self.connector_loss_db}

    @property
    def loss_db(self) -> float:
        """The whole loss in dB."""
        return sum(self.losses_db.values())

    @property
    def transmittance(self) -> float:
        """The fraction of photons that arrive, η = 10^(−loss/10)."""
        return float(10 ** (-self.loss_db / 10))

    @property
    def background_hz(self) -> float:
        """Photons per second that the traffic scatters into the receiver's filter, before its detectors.

        Sources and detectors that are given this fibre count them, each with the detector's efficiency. Of a
        station in the middle both halves' arrive, each as if it had the traffic's full power.
        """
        watts = 0.0
        for signal in self.traffic:
            beta = signal.raman_per_km_nm
            if beta is None:
                beta = raman_coefficient(signal.wavelength_nm, self.wavelength_nm)
            watts += scattered_watts(
                signal,
                beta,
                length_km=self.length_km,
                quantum_db_per_km=self.attenuation_db_per_km,
                filter_nm=self.filter_nm,
            )
        return photons_per_s(watts, self.wavelength_nm)

    @property
    def delay_s(self) -> float:
        """The time of flight in seconds, L·n/c."""
        return self.length_km * self.group_index / SPEED_OF_LIGHT_KM_S

    @property
    def channel(self) -> PauliChannel | None:
        """What the fibre does to the polarization of a photon that arrives; None if nothing.

        X and Y shrink by exp(−(γ + δ)L), Z by exp(−γL).
        """
        if not self.length_km * (self.depolarization_per_km + self.dephasing_per_km):
            return None
        random = -expm1(-self.depolarization_per_km * self.length_km)
        flipped = -expm1(-self.dephasing_per_km * self.length_km) / 2
        kept = exp(-self.depolarization_per_km * self.length_km)
        return PauliChannel(random / 4, random / 4, random / 4 + kept * flipped)

    @property
    def plob_bits(self) -> float:
        """The most secret bits per use without a repeater, −log₂(1 − η) (Pirandola et al. 2017)."""
        return plob_bits(self.transmittance)

    def half(self) -> Fiber:
        """One of its two equal halves: half the length and half of the connectors' loss."""
        return replace(self, length_km=self.length_km / 2, connector_loss_db=self.connector_loss_db / 2)
