"""A satellite that sends one photon of each pair to either of two stations: two passes at one time.

References:
    J. Yin et al., Science 356, 1140 (2017): entanglement over 1203 km by two downlinks from one satellite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from math import acos, cos, radians, sin

import numpy as np

from quantumlink import validation
from quantumlink.circuits import PauliChannel
from quantumlink.hardware.arms import Arms
from quantumlink.hardware.optics import decibels
from quantumlink.hardware.orbit import EARTH_RADIUS_KM, central_angle_deg
from quantumlink.hardware.satellite import PassSeries, SatellitePass, quadrature


@dataclass(frozen=True)
class DualDownlink:
    """One satellite above two stations, over the time in which both see it: the medium of a `MidpointSource`.

    The distance of the stations and the two culminations fix how long after the left station the right
    one sees the satellite highest. Time counts from the middle between the two culminations.

    Args:
        left: the pass over the left station.
        right: the pass over the right station, of the same altitude and inclination.
        station_distance_km: from station to station along the ground.
        same_side: whether the satellite passes both stations on the same side (as seen along its way), rather
            than between them.

    Raises:
        ValueError: if the passes are not of one satellite, are uplinks, cannot be that far apart, or have no
            time in common.
        TypeError: if an argument is of the wrong kind.

    >>> telescopes = dict(wavelength_nm=810, divergence_rad=10e-6, divergence_angle="full", receiver_diameter_m=1.2)
    >>> over = SatellitePass(500, max_elevation_deg=40, **telescopes)
    >>> both = DualDownlink(over, over, station_distance_km=1203)
    >>> round(both.duration_s), round(both.at(0).left.distance_km)
    (335, 800)
    """

    left: SatellitePass
    """The pass over the left station."""
    right: SatellitePass
    """The pass over the right station."""
    _: KW_ONLY
    station_distance_km: float
    """From station to station along the ground, in km."""
    same_side: bool = False
    """Whether the satellite passes both stations on the same side."""

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            arm = validation.instance(name, getattr(self, name), SatellitePass, "a SatellitePass")
            if arm.direction != "downlink":
                raise ValueError(f"{name} must be a downlink, got direction={arm.direction!r}")
        for name in ("altitude_km", "inclination_deg"):
            one, other = getattr(self.left, name), getattr(self.right, name)
            if one != other:
                raise ValueError(f"both passes must be of one satellite: {name} is {one} and {other}")
        distance = validation.positive("station_distance_km", self.station_distance_km)
        object.__setattr__(self, "station_distance_km", distance)
        validation.flags(self, "same_side")
        start, stop = self.window_s
        if not start < stop:
            raise ValueError(
                f"the satellite is never seen from both stations at once: at station_distance_km="
                f"{self.station_distance_km:g} it culminates {self.lag_s:.0f} s later at the "
                f"right, in passes of {self.left.duration_s:.0f} s and {self.right.duration_s:.0f} s"
            )

    @property
    def lag_s(self) -> float:
        """How long after the left culmination the right one is, in seconds."""
        beside = [radians(float(central_angle_deg(arm.altitude_km, arm.max_elevation_deg))) for arm in self._passes]
        if not self.same_side:
            beside[1] = -beside[1]
        apart = self.station_distance_km / EARTH_RADIUS_KM
        # Spherical law of cosines, with the orbit as equator; clipped for rounding where both culminate at once.
        along = (cos(apart) - sin(beside[0]) * sin(beside[1])) / (cos(beside[0]) * cos(beside[1]))
        if along > 1 + 1e-9 or along < -1 or apart > np.pi:
            least, most = sorted(abs(beside[0] + sign * beside[1]) * EARTH_RADIUS_KM for sign in (-1, 1))
            raise ValueError(
                f"station_distance_km={self.station_distance_km:g} does not fit the two passes: with culminations "
                f"at {self.left.max_elevation_deg:g} and {self.right.max_elevation_deg:g} degrees, the stations "
                f"are at least {least if self.same_side else most:.1f} km apart"
            )
        return acos(min(1.0, along)) / self.left.angular_speed_rad_s

    @property
    def window_s(self) -> tuple[float, float]:
        """When both stations see the satellite: from, to."""
        (left, right), lag = (arm.duration_s / 2 for arm in self._passes), self.lag_s / 2
        return max(-lag - left, lag - right), min(-lag + left, lag + right)

    @property
    def duration_s(self) -> float:
        """The time in which both stations see the satellite, in seconds."""
        start, stop = self.window_s
        return stop - start

    def at(self, time_s: float) -> Arms:
        """The two paths at one moment.

        Raises:
            ValueError: if a station does not see the satellite then.
        """
        time = validation.number("time_s", time_s)
        return Arms(self.left.at(time + self.lag_s / 2), self.right.at(time - self.lag_s / 2))

    def series(self, *, step_s: float = 1.0) -> tuple[PassSeries, PassSeries]:
        """Both passes moment by moment, every ``step_s`` seconds in the time in common; times as in `at`."""
        start, stop = self.window_s
        times = np.arange(start, stop, validation.positive("step_s", step_s))
        left = self.left.sampled(times + self.lag_s / 2, shown_s=times)
        return left, self.right.sampled(times - self.lag_s / 2, shown_s=times)

    @cached_property
    def moments(self) -> tuple[tuple[float, Arms], ...]:
        """Shares of the time in common, summing to 1, and the two paths in each."""
        return tuple((share, self.at(time)) for share, time in quadrature(*self.window_s))

    def integrate(self, rate_hz: Callable[[Arms], float]) -> float:
        """What a rate that depends on the two paths adds up to: ∫ rate dt over the time in common."""
        return self.duration_s * sum(share * rate_hz(arms) for share, arms in self.moments)

    @property
    def transmittance(self) -> float:
        """The fraction of pairs both of whose photons arrive, the mean over the time in common."""
        return float(sum(share * arms.transmittance for share, arms in self.moments))

    @property
    def loss_db(self) -> float:
        """The loss in dB of the mean transmittance, both arms together."""
        return decibels(self.transmittance)

    @property
    def delay_s(self) -> float:
        """The time from station to station by way of the satellite, in seconds, the mean."""
        return float(sum(share * arms.delay_s for share, arms in self.moments))

    @property
    def channel(self) -> PauliChannel | None:
        """What both downlinks together do to the polarization; None if nothing."""
        return self.at(sum(self.window_s) / 2).channel

    @property
    def plob_bits(self) -> float:
        """The most secret bits per pair sent: the mean of what the weaker of the two arms could carry."""
        return float(sum(share * arms.plob_bits for share, arms in self.moments))

    def reversed(self) -> DualDownlink:
        """The same, told from the other end: time runs backwards, which no mean notices."""
        return DualDownlink(
            self.right, self.left, station_distance_km=self.station_distance_km, same_side=self.same_side
        )

    @property
    def _passes(self) -> tuple[SatellitePass, SatellitePass]:
        return self.left, self.right
