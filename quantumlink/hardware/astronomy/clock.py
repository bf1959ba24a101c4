"""Times as seconds, and how far the Earth has turned.

A time is a number of seconds since J2000, 2000-01-01 12:00 UTC, a day having 86,400 of them: leap seconds are left
out, and UTC is taken for UT1, from which it never differs by more than 0.9 s (0.004° of the Earth's turning).

Reference:
    The Astronomical Almanac; S. Aoki et al., Astron. Astrophys. 105, 359 (1982): mean sidereal time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.arrays import FloatArray
from quantumlink.validation import number

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
"""Time zero."""

DAY_S = 86_400.0
"""Seconds of a day."""

_FARTHEST_S = 50 * 365.25 * DAY_S
"""As far from J2000 as the formulas of this package hold: 1950 to 2050."""


def seconds_of(name: str, time: Any) -> float:
    """A time as seconds since J2000.

    Args:
        name: of the argument, for complaints.
        time: an ISO date or time such as ``"2026-03-20T06:00:00Z"``, UTC unless it says otherwise; a datetime; or
            the number itself.

    Raises:
        ValueError: if it cannot be read, or lies outside 1950 to 2050.
        TypeError: if it is of another kind.

    >>> seconds_of("start", "2000-01-02T12:00:00Z")
    86400.0
    """
    found = time
    if isinstance(time, str):
        try:
            found = datetime.fromisoformat(time)
        except ValueError:
            raise ValueError(f"{name} must be a time such as '2026-03-20T06:00:00Z', got {time!r}") from None
    if isinstance(found, datetime):
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        seconds = (aware - J2000).total_seconds()
    else:
        seconds = number(name, found)
    if abs(seconds) > _FARTHEST_S:
        raise ValueError(f"{name} must lie in 1950 to 2050, where the formulas hold, got {time!r}")
    return seconds


def utc_of(time_s: float) -> str:
    """A time in words, to the second.

    >>> utc_of(86400.4)
    '2000-01-02T12:00:00Z'
    """
    return (J2000 + timedelta(seconds=round(time_s))).strftime("%Y-%m-%dT%H:%M:%SZ")


def julian_date(time_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Whole and broken part of the Julian date."""
    days = np.asarray(time_s, dtype=np.float64) / DAY_S
    whole = np.floor(days)
    return 2_451_545.0 + whole, np.asarray(days - whole)


def sidereal_angle_deg(time_s: ArrayLike) -> FloatArray:
    """Greenwich mean sidereal time as an angle in [0, 360): from the equinox east to longitude 0.

    280.46061837° + 360.98564736629°·d + 0.000387933°·T², d days and T centuries since J2000.

    >>> round(float(sidereal_angle_deg(0.0)), 6)
    280.460618
    """
    days = np.asarray(time_s, dtype=np.float64) / DAY_S
    # Whole turns are taken off first: days times 360 would cost digits.
    turned = 280.460_618_37 + 360 * (days % 1.0) + 0.985_647_366_29 * days + 3.87933e-4 * (days / 36_525) ** 2
    return np.asarray(turned % 360.0)


def turned_with_earth(fixed_to_stars: FloatArray, time_s: ArrayLike) -> FloatArray:
    """Vectors (…, 3) from the frame of the equinox into the one that turns with the Earth."""
    angle = np.radians(sidereal_angle_deg(time_s))
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(fixed_to_stars, -1, 0)
    return np.stack(
        [cosine * x + sine * y, cosine * y - sine * x, np.broadcast_to(z, np.shape(x + angle))], axis=-1
    )
