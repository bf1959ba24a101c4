"""The environment of a link by the hour: temperature, sky and weather, and what they do to its parts.

What is assumed, each a field that can be measured instead:

- Dark counts double for every so many kelvin of a detector that is not cooled apart from its surroundings.
- A fibre's optical length grows with temperature, by some parts in 10⁶ a kelvin; while the temperature changes, the
  phase between two ways drifts by 2π·n·L/λ of that, and so the interference of single photons needs recalibration.
- Polarization in a fibre turns at random: its angle spreads as a random walk, by D·√(L·t) since the last
  recalibration. A photon then goes to the wrong detector with probability (1 − exp(−2σ²))/2.
- Outside, a receiver sees the sky's radiance by the hour, and weather takes its share of the light.

References:
    A. Hartog, A. Conduit, D. Payne, Opt. Quantum Electron. 11, 265 (1979): delay and temperature of fibres.
    Y.-Y. Ding et al., Opt. Lett. 42, 1023 (2017): polarization of installed fibres.
    M. Er-long et al., New J. Phys. 7, 215 (2005): the sky by day and by night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import pairwise
from math import cos, expm1, inf, log, log1p, log10, pi, sqrt
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.hardware.background_light import SKY_RADIANCE
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.fiber import Fiber
from quantumlink.hardware.free_space import FreeSpace

_SERIES = ("temperature_c", "sky_radiance", "weather_transmittance")


@dataclass(frozen=True)
class Conditions:
    """How it is at one hour."""

    hour: float
    """The hour."""
    temperature_c: float
    """Temperature in °C."""
    warming_k_per_s: float
    """How fast it rises, in kelvin per second."""
    sky_radiance: float
    """Radiance of the sky in W/(m²·sr·nm)."""
    weather_transmittance: float
    """Share of the light that the weather lets through."""

    def __post_init__(self) -> None:
        for name in ("hour", "temperature_c", "warming_k_per_s"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        radiance = validation.number("sky_radiance", self.sky_radiance, at_least=0.0)
        object.__setattr__(self, "sky_radiance", radiance)
        validation.probabilities(self, "weather_transmittance")


@dataclass(frozen=True)
class Environment:
    """A time series of conditions, between its hours linear, that sets the parameters of links.

    Args:
        hours: when the values hold, in hours, rising; before the first and after the last one they stay.
        temperature_c: at each hour in °C; one number for always.
        sky_radiance: at each hour in W/(m²·sr·nm), see `SKY_RADIANCE`; one number for always.
        weather_transmittance: at each hour, of light from the zenith through the weather, in [0, 1]; one number for
            always.
        reference_c: the temperature at which parts have the parameters they state.
        doubling_k: by how many kelvin dark counts double; infinity for a detector cooled apart.
        expansion_per_k: relative growth of a fibre's optical length per kelvin.
        polarization_drift: D in rad/√(km·s), of the polarization's angle in a fibre.
        recalibration_s: time from one recalibration to the next.
        calibration_s: how long one takes; no pairs are made meanwhile.
        wavelength_nm: of the photons whose phase matters.
        field_of_view_rad: full angle of the cone of sky that receivers in the open see; 0 if no sky light counts.
        filter_nm: width of their spectral filter in nm.

    Raises:
        ValueError: if hours do not rise, a series is of another length, or a value is out of its range.
        TypeError: if a value is of the wrong kind.

    >>> day = Environment([0, 12, 24], temperature_c=[5, 25, 5])
    >>> day.at(6).temperature_c, round(day.at(6).warming_k_per_s * 3600, 3)
    (15.0, 1.667)
    """

    hours: Sequence[float]
    """When the values hold, in hours."""
    temperature_c: float | Sequence[float] = 20.0
    """Temperature at each hour in °C."""
    sky_radiance: float | Sequence[float] = 0.0
    """Radiance of the sky at each hour in W/(m²·sr·nm)."""
    weather_transmittance: float | Sequence[float] = 1.0
    """What weather lets through at each hour."""
    _: KW_ONLY
    reference_c: float = 20.0
    """The temperature at which parts are as they state."""
    doubling_k: float = 8.0
    """By how many kelvin dark counts double."""
    expansion_per_k: float = 7e-6
    """Relative growth of a fibre's optical length per kelvin."""
    polarization_drift: float = 0.0
    """Drift of the polarization in rad/√(km·s)."""
    recalibration_s: float = inf
    """Time from one recalibration to the next."""
    calibration_s: float = 0.0
    """How long one takes."""
    wavelength_nm: float = 1550.0
    """Wavelength of the photons whose phase matters."""
    field_of_view_rad: float = 0.0
    """Full angle of the cone of sky that receivers see."""
    filter_nm: float = 1.0
    """Width of their spectral filter in nm."""

    def __post_init__(self) -> None:
        hours = [validation.number("hours", hour) for hour in validation.sequence("hours", self.hours, "hours")]
        if not hours or any(later <= earlier for earlier, later in pairwise(hours)):
            raise ValueError(f"hours must be rising numbers, at least one; got {self.hours!r}")
        object.__setattr__(self, "hours", tuple(hours))
        bounds = {
            "temperature_c": (-273.15, None),
            "sky_radiance": (0.0, None),
            "weather_transmittance": (0.0, 1.0),
        }
        for name, (least, most) in bounds.items():
            object.__setattr__(self, name, self._series(name, least, most))
        for name in ("doubling_k", "recalibration_s", "wavelength_nm"):
            object.__setattr__(self, name, validation.lifetime(name, getattr(self, name)))
        object.__setattr__(self, "filter_nm", validation.positive("filter_nm", self.filter_nm))
        for name in ("polarization_drift", "calibration_s", "field_of_view_rad"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        for name in ("reference_c", "expansion_per_k"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        if self.calibration_s >= self.recalibration_s:
            raise ValueError(
                f"calibration_s must be shorter than recalibration_s, got {self.calibration_s:g} and "
                f"{self.recalibration_s:g}"
            )

    def _series(self, name: str, least: float | None, most: float | None) -> tuple[float, ...]:
        given: Any = getattr(self, name)
        values = [given] * len(self.hours) if np.ndim(given) == 0 else list(given)
        if len(values) != len(self.hours):
            raise ValueError(f"{name} must have a value for each of the {len(self.hours)} hours, got {given!r}")
        return tuple(validation.number(name, value, at_least=least, at_most=most) for value in values)

    @classmethod
    def clear_day(
        cls,
        *,
        mean_c: float = 15.0,
        swing_k: float = 6.0,
        sunrise_h: float = 6.0,
        sunset_h: float = 18.0,
        **more: Any,
    ) -> Environment:
        """A clear day by the quarter of an hour: warmest at three, bright between sunrise and sunset.

        Args:
            mean_c: the mean temperature in °C.
            swing_k: how far it goes up and down from that in kelvin.
            sunrise_h: hour of sunrise.
            sunset_h: hour of sunset, later than sunrise.
            more: the other arguments.
        """
        if not sunrise_h < sunset_h:
            raise ValueError(f"sunset_h must be later than sunrise_h, got {sunset_h!r} and {sunrise_h!r}")
        hours = np.arange(0, 24.25, 0.25)
        temperature = [mean_c + swing_k * cos(2 * pi * (hour - 15) / 24) for hour in hours]
        height = np.sin(pi * np.clip((hours - sunrise_h) / (sunset_h - sunrise_h), 0, 1))
        radiance = SKY_RADIANCE["night"] + (SKY_RADIANCE["day"] - SKY_RADIANCE["night"]) * height
        return cls(hours.tolist(), temperature, radiance.tolist(), **more)

    def at(self, hour: float) -> Conditions:
        """How it is at some hour."""
        now = validation.number("hour", hour)
        found = {name: float(np.interp(now, self.hours, getattr(self, name))) for name in _SERIES}
        step = min(0.01, min(np.diff(self.hours), default=1.0) / 4)
        around = np.interp([now - step, now + step], self.hours, self.temperature_c)
        return Conditions(now, warming_k_per_s=float(np.diff(around)[0]) / (2 * step * 3600), **found)

    def detector(self, detector: Detector, hour: float) -> Detector:
        """A detector at some hour: its dark counts by temperature."""
        warmer = (self.at(hour).temperature_c - self.reference_c) / self.doubling_k
        return replace(detector, dark_count_rate_hz=detector.dark_count_rate_hz * 2**warmer)

    def medium(self, medium: Any, hour: float) -> Any:
        """A medium at some hour: the length of a fibre and the turning of its polarization, the weather in the air.

        Raises:
            TypeError: if it is neither a `Fiber` nor `FreeSpace`, nor None.
        """
        now = self.at(hour)
        if isinstance(medium, Fiber):
            longer = 1 + self.expansion_per_k * (now.temperature_c - self.reference_c)
            turned = self.polarization_error(medium.length_km)
            # Random by σ² in either plane: as depolarization, whose error is (1 − e^(−γL))/2.
            extra = -log1p(-2 * turned) / medium.length_km if turned and medium.length_km else 0.0
            gamma = medium.depolarization_per_km + extra
            return replace(medium, group_index=medium.group_index * longer, depolarization_per_km=gamma)
        if isinstance(medium, FreeSpace):
            if not now.weather_transmittance:
                raise ValueError(f"at hour {hour:g} the weather lets no light through")
            loss = -10 * log10(now.weather_transmittance)
            return replace(medium, zenith_loss_db=medium.zenith_loss_db + loss)
        if medium is None:
            return None
        raise TypeError(f"an environment knows what it does to Fiber and FreeSpace, got {medium!r}")

    def polarization_error(self, length_km: float) -> float:
        """The mean probability that a photon is read wrong between two recalibrations, by turned polarization."""
        if not self.polarization_drift:
            return 0.0
        self._recalibrated("the polarization of fibres turns (polarization_drift)")
        # The mean of (1 − e^(−2D²Lt))/2 over the time since the last one.
        most = 2 * self.polarization_drift**2 * length_km * self.recalibration_s
        return (1 + expm1(-most) / most) / 2 if most else 0.0

    def phase_jitter_rad(self, length_km: float, group_index: float, hour: float) -> float:
        """Root mean square of the phase between the two ways that has drifted since the last recalibration.

        The drift is linear in time, from zero to the whole interval: of a largest phase φ it is φ/√3.
        """
        return self._largest_phase_rad(length_km, group_index, hour) / sqrt(3)

    def phase_coherence(self, length_km: float, group_index: float, hour: float) -> float:
        """The mean cosine of that phase, sin φ/φ: what drift leaves of the coherence; of long intervals below zero.

        A Gaussian jitter as large as `phase_jitter_rad` would leave exp(−φ²/6), more than that.
        """
        return float(np.sinc(self._largest_phase_rad(length_km, group_index, hour) / pi))

    def _largest_phase_rad(self, length_km: float, group_index: float, hour: float) -> float:
        """The phase just before a recalibration."""
        rate = abs(self.at(hour).warming_k_per_s) * abs(self.expansion_per_k)
        if not rate:
            return 0.0
        self._recalibrated("the temperature, and with it the phase, changes")
        turns = group_index * length_km * 1e3 / (self.wavelength_nm * 1e-9)
        return 2 * pi * turns * rate * self.recalibration_s

    def _recalibrated(self, why: str) -> None:
        if self.recalibration_s == inf:
            raise ValueError(f"recalibration_s must be finite where {why}, got infinity")

    @property
    def duty(self) -> float:
        """The share of the time in which pairs are made: the rest is calibration."""
        return 1 - self.calibration_s / self.recalibration_s

    def recalibration_for(self, length_km: float, error: float) -> float:
        """The longest time from one recalibration to the next with so small an error by turned polarization.

        Args:
            length_km: length of the fibre in km.
            error: the largest error at its end, in (0, 1/2).
        """
        error = validation.positive("error", error, at_most=0.5)
        spread = 2 * self.polarization_drift**2 * validation.number("length_km", length_km, at_least=0.0)
        return -log(1 - 2 * error) / spread if spread and error < 0.5 else inf
