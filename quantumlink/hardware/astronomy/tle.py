"""Two-line element sets, propagated by SGP4 (the extra ``orbits``); nothing is downloaded.

References:
    D. A. Vallado, P. Crawford, R. Hujsak, T. S. Kelso, AIAA 2006-6753: Revisiting Spacetrack Report #3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware.astronomy.clock import julian_date, turned_with_earth
from quantumlink.hardware.astronomy.ground import Earth
from quantumlink.hardware.orbit import EARTH_RADIUS_KM, LOWEST_ORBIT_KM
from quantumlink.hardware.said import said

LENGTH = 69
"""Characters of a line; the last is its checksum."""


@dataclass(frozen=True, repr=False)
class TleOrbit:
    """An orbit as two lines of elements, which are good for some days around their epoch.

    The frame of SGP4 (true equator, mean equinox) is turned by mean sidereal time; polar motion, some 10 m, is left
    out.

    Args:
        line1: the first line, 69 characters.
        line2: the second line, 69 characters.

    Raises:
        ValueError: if a line is of another length, does not begin as it should, or its checksum is wrong; if the
            lines are of two satellites; if the elements make no orbit.
        TypeError: if a line is no text.
        ModuleNotFoundError: if it is asked where the satellite is, and ``sgp4`` is not installed.
    """

    line1: str
    """The first line."""
    line2: str
    """The second line."""

    earth: ClassVar[Earth] = "ellipsoid"
    """What it goes around."""

    def __post_init__(self) -> None:
        for number, name in enumerate(("line1", "line2"), start=1):
            object.__setattr__(self, name, _checked(name, getattr(self, name), number))
        one, other = self.line1[2:7], self.line2[2:7]
        if one != other:
            raise ValueError(f"line2 must be of the same satellite as line1, {one.strip()}, got {other.strip()}")

    __repr__ = said

    @property
    def inclination_deg(self) -> float:
        """Inclination in degrees."""
        return float(self.line2[8:16])

    @property
    def period_s(self) -> float:
        """A day over the mean motion, in seconds."""
        return 86_400.0 / float(self.line2[52:63])

    @property
    def altitude_km(self) -> float:
        """Mean altitude over a round Earth of 6371 km."""
        return float(self._satellite.a * self._satellite.radiusearthkm) - EARTH_RADIUS_KM

    def places_km(self, time_s: ArrayLike) -> FloatArray:
        """Where it is at these times, (…, 3) in km, in the frame that turns with the Earth.

        Raises:
            ValueError: if SGP4 finds no orbit at one of them, as after its decay.
        """
        times = np.asarray(time_s, dtype=np.float64)
        whole, broken = julian_date(times.ravel())
        errors, places, _ = self._satellite.sgp4_array(whole, broken)
        if np.any(errors):
            raise ValueError(self._no_orbit(int(errors[np.flatnonzero(errors)[0]])))
        fixed = np.asarray(places, dtype=np.float64).reshape((*times.shape, 3))
        return turned_with_earth(fixed, times)

    @cached_property
    def _satellite(self) -> Any:
        try:
            from sgp4.api import Satrec
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "two-line elements need the package sgp4: pip install 'quantumlink[orbits]'", name="sgp4"
            ) from error
        found = Satrec.twoline2rv(self.line1, self.line2)
        if found.error:
            raise ValueError(self._no_orbit(found.error))
        if found.altp * found.radiusearthkm < LOWEST_ORBIT_KM:
            raise ValueError(
                f"line2 must be an orbit outside the atmosphere, got a perigee "
                f"{found.altp * found.radiusearthkm:.0f} km above the ground"
            )
        return found

    def _no_orbit(self, error: int) -> str:
        from sgp4.api import SGP4_ERRORS

        return f"line1 and line2 of satellite {self.line1[2:7].strip()} make no orbit: {SGP4_ERRORS[error]}"


def checksum(line: str) -> int:
    """The last digit that a line should have: its digits and a one for each minus, modulo 10.

    >>> checksum("1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  292")
    7
    """
    return sum(int(letter) if letter.isdigit() else letter == "-" for letter in line[: LENGTH - 1]) % 10


def _checked(name: str, value: Any, number: int) -> str:
    validation.instance(name, value, str, f"line {number} of a two-line element set")
    line = value.strip()
    if len(line) != LENGTH or not line.isascii():
        raise ValueError(f"{name} must have {LENGTH} characters, got {len(line)}: {value!r}")
    if not line.startswith(f"{number} "):
        raise ValueError(f"{name} must begin with '{number} ', got {value!r}")
    if line[-1] != str(checksum(line)):
        raise ValueError(f"{name} must end with its checksum {checksum(line)}, got {line[-1]!r}: {value!r}")
    return str(line)
