"""What an orbit says of itself."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from quantumlink.arrays import FloatArray
from quantumlink.hardware.astronomy.ground import Earth


@runtime_checkable
class Orbit(Protocol):
    """The way of a satellite: `CircularOrbit`, `TleOrbit`; a user's own class may join them."""

    @property
    def earth(self) -> Earth:
        """What stations stand on: ``"sphere"`` or ``"ellipsoid"``."""
        ...

    @property
    def period_s(self) -> float:
        """The time of one orbit in seconds."""
        ...

    def places_km(self, time_s: ArrayLike) -> FloatArray:
        """Where it is at these times, (…, 3) in km, in the frame that turns with the Earth."""
        ...
