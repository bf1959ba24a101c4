"""Where satellites, stations and the Sun are: orbits by closed formulas or by two-line elements.

Everything is in a frame that turns with the Earth, x to longitude 0, z to the north pole, in km; times are seconds
since `clock.J2000`. A circular orbit goes round a round Earth of 6371 km, as `SatellitePass` has it; a two-line
element set goes round the ellipsoid, on which stations then stand by their geodetic latitude.
"""

from quantumlink.hardware.astronomy.circular import CircularOrbit, sun_synchronous, walker
from quantumlink.hardware.astronomy.clock import seconds_of, utc_of
from quantumlink.hardware.astronomy.ground import Earth, place_km, seen_from
from quantumlink.hardware.astronomy.path import Orbit
from quantumlink.hardware.astronomy.sun import in_shadow, sun_elevation_deg
from quantumlink.hardware.astronomy.tle import TleOrbit

__all__ = [
    "CircularOrbit",
    "Earth",
    "Orbit",
    "TleOrbit",
    "in_shadow",
    "place_km",
    "seconds_of",
    "seen_from",
    "sun_elevation_deg",
    "sun_synchronous",
    "utc_of",
    "walker",
]
