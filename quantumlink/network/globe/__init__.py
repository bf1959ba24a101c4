"""Satellites over stations: when they are seen, what keys they bring, whom these serve.

1. `find_overpasses` finds the passes of satellites (nodes with an ``orbit``) over stations (nodes with a
   ``position``), and the times in which two stations see the same satellite.
2. `satellite_keys` fills them with light: sky, weather, counts, and finite keys.
3. `serve_keys` says which satellite looks at which station when, and how much key each pair of stations gets;
   with ``choose=k`` also which k stations to build.

A satellite with a `DecoyDownlink` makes a key with each station that it passes, stores it, and announces the XOR of
two: it must be trusted. One with a `PairDownlink` sends pairs to two stations at once and need not be.
"""

from quantumlink.network.globe.keys import KeyBlock, SatelliteKeys, satellite_keys
from quantumlink.network.globe.overpasses import Overpass, Overpasses, Window, find_overpasses
from quantumlink.network.globe.serving import Served, serve_keys
from quantumlink.network.globe.weather import Weather

__all__ = [
    "KeyBlock",
    "Overpass",
    "Overpasses",
    "SatelliteKeys",
    "Served",
    "Weather",
    "Window",
    "find_overpasses",
    "satellite_keys",
    "serve_keys",
]
