"""What a satellite sends down, and what a station counts: weak pulses with decoys, or one photon of each pair.

Both hold for all stations that the satellite passes: telescopes, detectors and filters are the same everywhere. The
sky adds its light: by night that of a clear night of full moon, by day a hundred thousand times as much
(`SKY_RADIANCE`).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, fields, replace
from math import prod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.hardware.arms import Arms
from quantumlink.hardware.background_light import SKY_RADIANCE, TimeOfDay, background_rate_hz
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.free_space import FreeSpace
from quantumlink.hardware.optics import Optics, decibels
from quantumlink.hardware.pair_source import MidpointSource
from quantumlink.hardware.said import said

Kind = Literal["decoys", "pairs"]

Sight = tuple[FloatArray, FloatArray]
"""Distance and elevation of a satellite."""


@dataclass(frozen=True, repr=False)
class _Downlink:
    """Telescopes, detectors and filters."""

    optics: Optics
    """The telescopes and the air between them."""
    detector: Detector
    """The receiver of a station, by the darkest sky that its dark counts are told for."""
    _: KW_ONLY
    field_of_view_rad: float = 5e-5
    """Full angle of the cone that a station's telescope sees."""
    filter_nm: float = 1.0
    """Width of its spectral filter in nm."""
    by_day: bool = False
    """Whether it is used by day."""
    z_probability: float = 0.5
    """With which each end chooses the key basis."""

    def __post_init__(self) -> None:
        validation.instance("optics", self.optics, Optics, "an Optics")
        validation.instance("detector", self.detector, Detector, "a Detector")
        for name in ("field_of_view_rad", "filter_nm"):
            object.__setattr__(self, name, validation.positive(name, getattr(self, name)))
        validation.flags(self, "by_day")
        object.__setattr__(self, "z_probability", validation.tolerance("z_probability", self.z_probability))

    __repr__ = said

    def transmittance(self, distance_km: ArrayLike, elevation_deg: ArrayLike) -> FloatArray:
        """The share of photons that get to a station's detectors, turbulence left out as in any downlink."""
        calm = replace(self.optics, seeing_rad=0.0)
        return np.asarray(prod(calm.transmitted(distance_km, np.clip(elevation_deg, 0, 90)).values()))

    def lit(self, time_of_day: TimeOfDay) -> Detector:
        """The receiver with the sky's light added."""
        stray = background_rate_hz(
            SKY_RADIANCE[time_of_day],
            wavelength_nm=self.optics.wavelength_nm,
            receiver_diameter_m=self.optics.receiver_diameter_m,
            receiver_obscuration_m=self.optics.receiver_obscuration_m,
            field_of_view_rad=self.field_of_view_rad,
            filter_nm=self.filter_nm,
            efficiency=self.optics.optics_efficiency,
        )
        return self.detector.with_background(self.detector.background_rate_hz + self.detector.efficiency * stray)


@dataclass(frozen=True, repr=False)
class DecoyDownlink(_Downlink):
    """Decoy-state BB84 from a satellite to a station: three intensities, two bases.

    The satellite knows every key that it makes.

    Args:
        optics: the telescopes and the air between them.
        detector: of a station; its window is that of a pulse.
        clock_hz: pulses per second.
        intensities: mean photon numbers (signal, decoy, vacuum) as they leave the satellite.
        probabilities: with which each is sent, summing to 1.
        z_probability: with which each end chooses the key basis, in (0, 1).
        field_of_view_rad: full angle of the cone that a station's telescope sees.
        filter_nm: width of its spectral filter in nm.
        by_day: whether it is used by day.

    Raises:
        ValueError: if a value is out of its range.
        TypeError: if a part is of the wrong kind.
    """

    kind: ClassVar[Kind] = "decoys"

    clock_hz: float = field(default=1e8, kw_only=True)
    """Pulses per second."""
    intensities: tuple[float, float, float] = field(default=(0.8, 0.1, 0.0), kw_only=True)
    """Mean photon numbers of signal, decoy and vacuum."""
    probabilities: tuple[float, float, float] = field(default=(0.5, 0.25, 0.25), kw_only=True)
    """With which they are sent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "clock_hz", validation.positive("clock_hz", self.clock_hz))
        for name in ("intensities", "probabilities"):
            values = validation.sequence(name, getattr(self, name), "three numbers (signal, decoy, vacuum)")
            if len(values) != 3:
                raise ValueError(f"{name} must be three numbers (signal, decoy, vacuum), got {values!r}")
            numbers = tuple(validation.number(name, value, at_least=0.0) for value in values)
            object.__setattr__(self, name, numbers)
        signal, decoy, vacuum = self.intensities
        if not (signal > decoy + vacuum and decoy > vacuum):
            raise ValueError(
                f"intensities must be (signal, decoy, vacuum) with signal > decoy + vacuum and decoy > vacuum, "
                f"got {self.intensities!r}"
            )
        if min(self.probabilities) <= 0 or abs(sum(self.probabilities) - 1) > 1e-9:
            raise ValueError(f"probabilities must be above 0 and sum to 1, got {self.probabilities!r}")

    def clicks_hz(self, transmittance: FloatArray, night: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Clicks a second and how many of them err, bases not yet compared: (3, n) each, by intensity.

        Args:
            transmittance: at each moment, (n,).
            night: whether the station is dark, (n,).
        """
        found = np.zeros((2, 3, len(transmittance)))
        for time_of_day, when in (("night", night), ("day", ~night)):
            if not np.any(when):
                continue
            receiver = self.lit(time_of_day)  # type: ignore[arg-type]
            for i, (mean, share) in enumerate(zip(self.intensities, self.probabilities, strict=True)):
                clicks, wrong = receiver.pulse_clicks(
                    transmittance[when], mean, kept=1 - self.optics.depolarization
                )
                found[0, i, when], found[1, i, when] = self.clock_hz * share * clicks, self.clock_hz * share * wrong
        total = found[0].sum(axis=0)
        counted = np.divide(self.detector.count_rate_hz(total), total, out=np.ones_like(total), where=total > 0)
        return found[0] * counted, found[1] * counted


@dataclass(frozen=True, repr=False)
class PairDownlink(_Downlink):
    """BBM92 by pairs of photons, one to each of two stations at the same time; the satellite need not be trusted.

    Args:
        optics: the telescopes and the air between them, the same on both sides.
        detector: of a station; its window is that of a coincidence.
        source: of the pairs, with its ``clock_hz``.
        z_probability: with which each end chooses the key basis, in (0, 1).
        field_of_view_rad: full angle of the cone that a station's telescope sees.
        filter_nm: width of its spectral filter in nm.
        by_day: whether it is used by day.

    Raises:
        ValueError: if a value is out of its range, or the source has no clock.
        TypeError: if a part is of the wrong kind.
    """

    kind: ClassVar[Kind] = "pairs"

    source: MidpointSource = field(
        default_factory=lambda: MidpointSource(pair_probability=0.059, clock_hz=1e8), kw_only=True
    )
    """Of the pairs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.instance("source", self.source, MidpointSource, "a MidpointSource")
        if self.source.clock_hz is None:
            raise ValueError("source must have a clock_hz: pairs leave a satellite by its own clock, got None")

    def coincidences_hz(
        self,
        left: Sight,
        right: Sight,
        night: tuple[BoolArray, BoolArray],
        clear: tuple[FloatArray, FloatArray],
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coincidences a second, before bases are compared, and their error rates in Z and X: (n,) each.

        Args:
            left: distance in km and elevation in degrees from the left station at each moment, (n,) each.
            right: from the right station.
            night: whether the left station is dark, and the right one, (n,) each.
            clear: what the clouds over the left station let pass, and over the right one, in (0, 1], (n,) each.
        """
        lights = {True: self.lit("night"), False: self.lit("day")}
        optics = {one.name: getattr(self.optics, one.name) for one in fields(Optics)} | {"seeing_rad": 0.0}
        clock = float(self.source.clock_hz or 0.0)
        found = np.zeros((3, len(left[0])))
        for i in range(len(left[0])):
            arms = (
                FreeSpace(
                    float(d[i]),
                    elevation_deg=min(90.0, max(0.0, float(e[i]))),
                    **{**optics, "weather_loss_db": self.optics.weather_loss_db + decibels(passed[i])},
                )
                for (d, e), passed in zip((left, right), clear, strict=True)
            )
            detectors = (lights[bool(night[0][i])], lights[bool(night[1][i])])
            pair = self.source.herald(Arms(*arms), detector=detectors)
            _, phase, flip, both = pair.bell_diagonal
            found[:, i] = clock * pair.success_probability, flip + both, phase + both
        return found[0], found[1], found[2]
