"""The moments of passes: where the satellite is, whether the sky is dark and clear, slice by slice of time.

Time is cut into slices of equal length from the start. A slice of a pass is the part of it in one slice of time; it
is sampled at the middles of steps of at most five seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.hardware import Node
from quantumlink.hardware.astronomy import seen_from, sun_elevation_deg
from quantumlink.network.globe.overpasses import Overpasses
from quantumlink.network.globe.weather import HOUR_S, Weather

STEP_S = 5.0
"""The coarsest step within a slice, in seconds."""


@dataclass(frozen=True)
class Sky:
    """What the sky over each station is like."""

    passes: Overpasses
    weather: Weather | None
    twilight_deg: float
    _drawn: dict[str, FloatArray] = field(default_factory=dict)

    def dark(self, station: str, times: FloatArray) -> BoolArray:
        """Whether the Sun is below the twilight's elevation."""
        position: Any = self.passes.stations[station].position
        return np.asarray(sun_elevation_deg(times, position) < self.twilight_deg)

    def passed(self, station: str, times: FloatArray) -> FloatArray:
        """What the clouds let pass, in [0, 1]."""
        if self.weather is None:
            return np.ones_like(times)
        if station not in self._drawn:  # once, or a sky without a seed would change from pass to pass
            self._drawn[station] = self.weather.passed(station, self.passes.duration_s / HOUR_S)
        by_hour = self._drawn[station]
        hour = ((times - self.passes.start_s) / HOUR_S).astype(int)
        return np.asarray(by_hour[np.clip(hour, 0, len(by_hour) - 1)])


@dataclass(frozen=True)
class Moments:
    """Samples of one span of time, each of the same length."""

    times: FloatArray
    """Seconds since 2000-01-01 12:00 UTC."""
    step_s: FloatArray
    """How long each stands for."""
    slices: FloatArray
    """The number of the slice of time in which each is."""

    def sight(self, satellite: Node, station: Node) -> tuple[FloatArray, FloatArray]:
        """Distance in km and elevation in degrees."""
        orbit: Any = satellite.orbit
        position: Any = station.position
        elevation, distance = seen_from(position, orbit.earth, orbit.places_km(self.times))
        return distance, elevation


def sampled(start_s: float, stop_s: float, origin_s: float, slice_s: float) -> Moments:
    """The middles of the steps of a span of time, no step across the border of two slices."""
    first, last = int((start_s - origin_s) // slice_s), ceil((stop_s - origin_s) / slice_s)
    borders = origin_s + slice_s * np.arange(first, last + 1)
    borders[0], borders[-1] = start_s, stop_s
    times, steps, slices = [], [], []
    for i, (low, high) in enumerate(pairwise(borders)):
        count = max(1, ceil((high - low) / STEP_S))
        width = (high - low) / count
        times.append(low + width * (np.arange(count) + 0.5))
        steps.append(np.full(count, width))
        slices.append(np.full(count, first + i))
    return Moments(np.concatenate(times), np.concatenate(steps), np.concatenate(slices))
