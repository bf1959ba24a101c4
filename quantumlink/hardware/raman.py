"""Classical traffic in the same fibre: the photons that it scatters into a quantum channel (spontaneous Raman).

A signal of power P at its start scatters, per km and nm of the receiver's filter, the share β of its power. With
the attenuations α_c of the signal and α_q of the quantum channel (natural, 1/km), over a length L there arrive

    forward (both the same way)   P·β·Δλ·(e^(−α_c·L) − e^(−α_q·L))/(α_q − α_c),  P·β·Δλ·L·e^(−α·L) if they are equal
    backward (against each other) P·β·Δλ·(1 − e^(−(α_c + α_q)L))/(α_c + α_q)

and so many photons of hc/λ a second. β follows from the Raman gain of silica, as thirteen vibrations, and from how
many phonons there are: n + 1 towards longer wavelengths, n towards shorter ones.

References:
    P. Eraerds, N. Walenta, M. Legré, N. Gisin, H. Zbinden, New J. Phys. 12, 063027 (2010): beside data.
    D. Hollenbeck, C. D. Cantrell, J. Opt. Soc. Am. B 19, 2886 (2002): the Raman response of silica.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, log, pi
from typing import Literal, get_args

import numpy as np

from quantumlink import validation

Direction = Literal["forward", "backward"]
"""Whether a signal goes the same way as the quantum light, or against it."""

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

PEAK_GAIN_PER_W_KM = 0.42
"""Raman gain of a standard fibre at its peak, averaged over polarizations, for light of about 1450 nm."""

_PLANCK, _LIGHT, _BOLTZMANN = 6.626_070_15e-34, 299_792_458.0, 1.380_649e-23
_PEAK_PUMP_NM = 1450.0

# Hollenbeck and Cantrell's vibrations: place, Gaussian and Lorentzian width in 1/cm, and intensity.
_PLACES = (56.25, 100, 231.25, 362.5, 463, 497, 611.5, 691.67, 793.67, 835.5, 930, 1080, 1215)
_GAUSSIAN = (52.1, 110.42, 175, 162.5, 135.33, 24.5, 41.5, 155, 59.5, 64.3, 150, 91, 160)
_LORENTZIAN = (17.37, 38.81, 58.33, 54.17, 45.11, 8.17, 13.83, 51.67, 19.83, 21.43, 50, 30.33, 53.33)
_INTENSITIES = (1, 11.4, 36.67, 67.67, 74, 4.5, 6.8, 4.6, 4.2, 4.5, 2.7, 3.1, 3)


@dataclass(frozen=True)
class ClassicalSignal:
    """A classical channel in a fibre.

    Args:
        power_mw: the power at its start in mW.
        wavelength_nm: in nm.
        direction: ``"forward"`` if it goes the same way as the quantum light, or ``"backward"``.
        attenuation_db_per_km: its loss; that of the fibre if None.
        raman_per_km_nm: β in 1/(km·nm) where it was measured; by the Raman gain of silica if None.

    Raises:
        ValueError: if a value is out of its range.
        TypeError: if it is of the wrong kind.

    >>> from quantumlink.hardware import ClassicalSignal
    >>> ClassicalSignal(power_mw=1.0, wavelength_nm=1310.0).direction
    'forward'
    """

    power_mw: float
    """Power at its start in mW."""
    wavelength_nm: float
    """Wavelength in nm."""
    direction: Direction = "forward"
    """Whether it goes the same way as the quantum light."""
    attenuation_db_per_km: float | None = None
    """Loss in dB/km; that of the fibre if None."""
    raman_per_km_nm: float | None = None
    """Share of its power scattered per km and nm; by the Raman gain if None."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "power_mw", validation.number("power_mw", self.power_mw, at_least=0.0))
        object.__setattr__(self, "wavelength_nm", validation.positive("wavelength_nm", self.wavelength_nm))
        validation.choice("direction", self.direction, DIRECTIONS)
        for name in ("attenuation_db_per_km", "raman_per_km_nm"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, validation.number(name, value, at_least=0.0))


def raman_coefficient(signal_nm: float, quantum_nm: float, *, temperature_k: float = 295.0) -> float:
    """β: the share of a signal's power that is scattered to a wavelength, in 1/(km·nm) of bandwidth there.

    Args:
        signal_nm: wavelength of the classical signal in nm.
        quantum_nm: wavelength of the quantum channel in nm.
        temperature_k: of the fibre in kelvin.

    Raises:
        ValueError: if a wavelength is not within [1, 10⁶] nm, or the temperature not positive.

    >>> f"{raman_coefficient(1550, 1540):.1e}"
    '2.9e-09'
    """
    light = {"at_least": 1.0, "at_most": 1e6}
    signal = _LIGHT / (validation.number("signal_nm", signal_nm, **light) * 1e-9)
    quantum = _LIGHT / (validation.number("quantum_nm", quantum_nm, **light) * 1e-9)
    shift = abs(signal - quantum)
    warm = _BOLTZMANN * validation.positive("temperature_k", temperature_k)
    # Gain goes to zero as phonons get many: their product has a limit at the signal itself.
    shift = max(shift, 1e9)
    cold = _PLANCK * shift / warm
    phonons = exp(-cold) / -expm1(-cold)  # none in the cold, where the exponential of the ratio overflows
    gain = PEAK_GAIN_PER_W_KM * _PEAK_PUMP_NM / signal_nm * float(_relative_gain(round(shift / 1e9)))
    hertz_per_nm = _LIGHT / (quantum_nm * 1e-9) ** 2 * 1e-9
    return gain * _PLANCK * quantum * hertz_per_nm * (phonons + (quantum < signal))


def scattered_watts(
    signal: ClassicalSignal, beta: float, *, length_km: float, quantum_db_per_km: float, filter_nm: float
) -> float:
    """The power that arrives at the end of the quantum channel, in watts: see the module."""
    quantum = quantum_db_per_km * log(10) / 10
    own = signal.attenuation_db_per_km
    classical = quantum if own is None else own * log(10) / 10
    if signal.direction == "backward":
        reach = _grown(classical + quantum, length_km)
    else:
        reach = exp(-min(classical, quantum) * length_km) * _grown(abs(classical - quantum), length_km)
    return signal.power_mw * 1e-3 * beta * filter_nm * reach


def photons_per_s(watts: float, wavelength_nm: float) -> float:
    """How many photons of a wavelength a power is, per second."""
    return watts * wavelength_nm * 1e-9 / (_PLANCK * _LIGHT)


def _grown(rate: float, length: float) -> float:
    """(1 − e^(−rate·length))/rate, with its limit."""
    return -expm1(-rate * length) / rate if rate * length > 1e-12 else length


@lru_cache(maxsize=4096)
def _relative_gain(shift_ghz: int) -> float:
    """Raman gain at a shift, the peak's being 1."""
    return max(0.0, _response(shift_ghz * 1e9) / _peak())


@lru_cache(maxsize=1)
def _peak() -> float:
    return max(_response(hertz) for hertz in np.arange(12e12, 15e12, 5e10))


def _response(shift_hz: float) -> float:
    """The imaginary part of the response: the sine transform of thirteen damped vibrations."""
    time = np.arange(0.0, 3e-12, 0.5e-15)
    places, gaussian, lorentzian = (np.array(x)[:, None] * 100 * _LIGHT for x in (_PLACES, _GAUSSIAN, _LORENTZIAN))
    damped = np.exp(-pi * lorentzian * time - (pi * gaussian * time) ** 2 / 4) * np.sin(2 * pi * places * time)
    response = np.array(_INTENSITIES) @ damped
    return float(np.trapezoid(response * np.sin(2 * pi * shift_hz * time), time))
