"""When stations see satellites: passes over a day, and the times that two stations have in common.

Elevations are sampled at least eighty times an orbit; between samples, each highest and lowest point is found by
golden sections, and each crossing of the station's least elevation by bisection, to a microsecond. A pass that
begins before the time looked at, or ends after it, is cut there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, overload

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.hardware import Node
from quantumlink.hardware.astronomy import place_km, seconds_of, utc_of
from quantumlink.hardware.astronomy.ground import seen_along, up_at
from quantumlink.network.graph import Graph
from quantumlink.tables import html_table

LONGEST_S = 366 * 86_400.0
"""The longest time looked at, in seconds."""

_SAMPLES_AN_ORBIT = 80
_COARSEST_S = 60.0
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Overpass:
    """One pass of a satellite over a station."""

    satellite: str
    """The satellite's name."""
    station: str
    """The station's name."""
    rise_s: float
    """When it comes above the station's least elevation, in seconds since 2000-01-01 12:00 UTC."""
    culmination_s: float
    """When it is highest."""
    set_s: float
    """When it goes below."""
    max_elevation_deg: float
    """Its highest elevation in degrees."""
    min_distance_km: float
    """Its distance then, in km."""

    def __post_init__(self) -> None:
        for name in ("rise_s", "culmination_s", "set_s", "max_elevation_deg"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        distance = validation.number("min_distance_km", self.min_distance_km, at_least=0.0)
        object.__setattr__(self, "min_distance_km", distance)
        if self.set_s < self.rise_s:
            raise ValueError(f"set_s must not be before rise_s={self.rise_s!r}, got {self.set_s!r}")

    @property
    def duration_s(self) -> float:
        """Its time in seconds."""
        return self.set_s - self.rise_s

    @property
    def rise(self) -> str:
        """When it begins, as an ISO time (UTC)."""
        return utc_of(self.rise_s)

    def __repr__(self) -> str:
        return (
            f"<Overpass of {self.satellite} over {self.station}, {self.rise}, {self.duration_s:.0f} s up to "
            f"{self.max_elevation_deg:.1f}°>"
        )


@dataclass(frozen=True)
class Window:
    """A time in which two stations see one satellite."""

    satellite: str
    """The satellite's name."""
    stations: tuple[str, str]
    """The stations' names."""
    start_s: float
    """When it begins, in seconds since 2000-01-01 12:00 UTC."""
    stop_s: float
    """When it ends."""

    def __post_init__(self) -> None:
        for name in ("start_s", "stop_s"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        if self.stop_s < self.start_s:
            raise ValueError(f"stop_s must not be before start_s={self.start_s!r}, got {self.stop_s!r}")

    @property
    def duration_s(self) -> float:
        """Its time in seconds."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, repr=False)
class Overpasses(Sequence[Overpass]):
    """All passes of some satellites over some stations, by the time at which they begin.

    >>> from quantumlink.hardware import CircularOrbit, Node
    >>> from quantumlink.network import Network, find_overpasses
    >>> sky = Node("sat", role="satellite", orbit=CircularOrbit(altitude_km=500, inclination_deg=97.4))
    >>> ground = Node("graz", position=(47.1, 15.4), role="trusted")
    >>> day = find_overpasses(Network([sky, ground], []), ["graz"], start="2026-03-20", min_elevation_deg=20)
    >>> len(day), all(one.max_elevation_deg >= 20 for one in day.over("graz"))
    (3, True)
    """

    satellites: Mapping[str, Node]
    """The satellites by name."""
    stations: Mapping[str, Node]
    """The stations by name."""
    start_s: float
    """When the time looked at begins, in seconds since 2000-01-01 12:00 UTC."""
    duration_s: float
    """How long it is, in seconds."""
    min_elevation_deg: Mapping[str, float]
    """The least elevation of each station."""
    passes: tuple[Overpass, ...]
    """The passes."""

    @overload
    def __getitem__(self, index: int) -> Overpass: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Overpass, ...]: ...
    def __getitem__(self, index: int | slice) -> Overpass | tuple[Overpass, ...]:
        return self.passes[index]

    def __len__(self) -> int:
        return len(self.passes)

    def __iter__(self) -> Iterator[Overpass]:
        return iter(self.passes)

    def over(self, station: str) -> tuple[Overpass, ...]:
        """The passes over one station.

        Raises:
            ValueError: if there is no such station.
        """
        validation.choice("station", station, self.stations)
        return tuple(one for one in self.passes if one.station == station)

    def common(self, a: str, b: str) -> tuple[Window, ...]:
        """The times in which two stations see the same satellite.

        Raises:
            ValueError: if a station is unknown, or both are the same.
        """
        if a == b:
            raise ValueError(f"b must be another station than a, got {b!r} twice")
        ends: dict[str, tuple[list[Overpass], list[Overpass]]] = {}
        for i, station in enumerate((a, b)):
            for one in self.over(station):
                ends.setdefault(one.satellite, ([], []))[i].append(one)
        found = [
            Window(satellite, (a, b), max(one.rise_s, other.rise_s), min(one.set_s, other.set_s))
            for satellite, (left, right) in ends.items()
            for one in left
            for other in right
            if max(one.rise_s, other.rise_s) < min(one.set_s, other.set_s)
        ]
        return tuple(sorted(found, key=lambda window: window.start_s))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every two stations."""
        return tuple(combinations(self.stations, 2))

    def covered_s(self, station: str) -> float:
        """For how long a station sees any satellite, in seconds; times with several count once."""
        spans = sorted((one.rise_s, one.set_s) for one in self.over(station))
        covered, reached = 0.0, -np.inf
        for rise, fall in spans:
            covered += max(0.0, fall - max(rise, reached))
            reached = max(reached, fall)
        return float(covered)

    def __repr__(self) -> str:
        return (
            f"<Overpasses: {len(self)} of {len(self.satellites)} satellites over {len(self.stations)} stations in "
            f"{self.duration_s / 3600:g} h>"
        )

    def _repr_html_(self) -> str:
        days = self.duration_s / 86_400
        rows = [
            (name, f"{len(self.over(name)) / days:.1f} passes a day, {self.covered_s(name) / days / 60:.0f} min")
            for name in self.stations
        ]
        return html_table(f"{len(self.satellites)} satellites from {utc_of(self.start_s)}", rows)


def find_overpasses(
    satellites: Graph | Iterable[Node],
    stations: Iterable[Node | str] | None = None,
    *,
    start: Any,
    duration_s: float = 86_400.0,
    min_elevation_deg: float | Mapping[str, float] = 20.0,
) -> Overpasses:
    """Find the passes of satellites over stations.

    Args:
        satellites: nodes that have an ``orbit``; or a network, of which they are taken.
        stations: nodes that have a ``position``; of a network, names of such nodes, or None for all of them.
        start: when to begin: an ISO time (UTC), a datetime, or seconds since 2000-01-01 12:00 UTC.
        duration_s: for how long, up to 366 days.
        min_elevation_deg: from which on a satellite is used, in [0, 90) degrees, for all stations or by name.

    Raises:
        ValueError: if there are no satellites or stations, a name is unknown or there twice, an elevation is out of
            its range, or the time has no end.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.hardware import CircularOrbit
    >>> leo = Node("leo", role="satellite", orbit=CircularOrbit(500, 97.4))
    >>> vienna = Node("vienna", position=(48.2, 16.4))
    >>> find_overpasses([leo], [vienna], start="2026-03-20", min_elevation_deg=20)
    <Overpasses: 2 of 1 satellites over 1 stations in 24 h>
    """
    sky, ground = _nodes(satellites, stations)
    begin = seconds_of("start", start)
    length = validation.positive("duration_s", duration_s)
    if length > LONGEST_S:
        raise ValueError(f"duration_s must be at most {LONGEST_S:.0f} (366 days), got {duration_s!r}")
    seconds_of("start + duration_s", begin + length)
    masks = _masks(min_elevation_deg, ground)
    found = [one for satellite in sky.values() for one in _passes_of(satellite, ground, masks, begin, length)]
    found.sort(key=lambda one: (one.rise_s, one.satellite, one.station))
    return Overpasses(sky, ground, begin, length, masks, tuple(found))


def _nodes(
    satellites: Graph | Iterable[Node], stations: Iterable[Node | str] | None
) -> tuple[dict[str, Node], dict[str, Node]]:
    if isinstance(satellites, Graph):
        known = satellites.nodes
        sky = [node for node in known.values() if node.orbit is not None]
        wanted = list(known.values()) if stations is None else _named(stations, known)
        ground = [node for node in wanted if stations is not None or node.position is not None]
    else:
        sky = [validation.instance("satellites", x, Node, "nodes, or a network") for x in _listed(satellites)]
        if stations is None:
            raise ValueError("stations must be given where satellites is no network, got None")
        ground = _named(stations, {})
    if not sky:
        raise ValueError("satellites must have at least one node with an orbit, got none")
    if not ground:
        raise ValueError("stations must have at least one node with a position, got none")
    for node in sky:
        if node.orbit is None:
            raise ValueError(f"satellites must have an orbit, {node.name!r} has none")
    for node in ground:
        if node.position is None:
            raise ValueError(f"stations must have a position, {node.name!r} has none")
    return _by_name("satellites", sky), _by_name("stations", ground)


def _named(stations: Iterable[Node | str], known: Mapping[str, Node]) -> list[Node]:
    found = []
    for station in _listed(stations):
        if isinstance(station, str):
            station = known[validation.choice("stations", station, known)]
        found.append(validation.instance("stations", station, Node, "nodes, or names of nodes of a network"))
    return found


def _listed(values: Any) -> list[Any]:
    if isinstance(values, (str, Node)) or not isinstance(values, Iterable):
        raise TypeError(f"satellites and stations must be lists of nodes, got {values!r}")
    return list(values)


def _by_name(what: str, nodes: Iterable[Node]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in nodes:
        if node.name in found:
            raise ValueError(f"{what} must have names of their own, {node.name!r} is there twice")
        found[node.name] = node
    return found


def _masks(given: float | Mapping[str, float], stations: Mapping[str, Node]) -> dict[str, float]:
    if isinstance(given, Mapping):
        for name in given:
            validation.choice("min_elevation_deg", name, stations)
    wanted = {name: given.get(name, 20.0) if isinstance(given, Mapping) else given for name in stations}
    for name, value in wanted.items():
        wanted[name] = validation.number("min_elevation_deg", value, at_least=0.0, at_most=90.0)
        if wanted[name] == 90.0:
            raise ValueError(f"min_elevation_deg must be below 90, got {value!r}: nothing is ever above the zenith")
    return wanted


@dataclass(frozen=True)
class _Horizons:
    """One satellite over several stations."""

    orbit: Any
    grounds: FloatArray
    ups: FloatArray
    masks: FloatArray

    def seen(self, who: Any, times: FloatArray, places: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Elevation and distance from stations by their numbers, one a time."""
        points = self.orbit.places_km(times) if places is None else places
        return seen_along(points - self.grounds[who], self.ups[who])

    def above(self, who: Any, times: FloatArray, places: FloatArray | None = None) -> FloatArray:
        """How far above the least elevation."""
        return np.asarray(self.seen(who, times, places)[0] - self.masks[who])


def _passes_of(
    satellite: Node, stations: Mapping[str, Node], masks: Mapping[str, float], start: float, length: float
) -> list[Overpass]:
    """The passes of one satellite."""
    orbit: Any = satellite.orbit
    positions: list[Any] = [station.position for station in stations.values()]
    horizons = _Horizons(
        orbit,
        np.stack([place_km(position, orbit.earth) for position in positions]),
        np.stack([up_at(position) for position in positions]),
        np.array([masks[name] for name in stations]),
    )
    step = min(_COARSEST_S, orbit.period_s / _SAMPLES_AN_ORBIT, length / 2)
    times = np.linspace(start, start + length, int(np.ceil(length / step)) + 1)
    places = orbit.places_km(times)
    margins = [horizons.above(who, times, places) for who in range(len(positions))]
    sampled = _with_extremes(horizons, times, margins)
    who, rises, highest, falls = _spans(horizons, sampled)
    elevation, distance = horizons.seen(who, highest)
    names = list(stations)
    return [
        Overpass(satellite.name, names[i], *map(float, numbers))
        for i, *numbers in zip(who, rises, highest, falls, elevation, distance, strict=True)
    ]


def _with_extremes(
    horizons: _Horizons, times: FloatArray, margins: Sequence[FloatArray]
) -> list[tuple[FloatArray, FloatArray]]:
    """Times and margins of each station, with the highest and lowest points between samples added."""
    turning, rising = [], []
    for seen in margins:
        rises = np.sign(np.diff(seen))
        turns = np.flatnonzero(rises[:-1] * rises[1:] < 0) + 1
        turning.append(turns)
        rising.append(rises[turns - 1])
    who = np.repeat(np.arange(len(margins)), [len(turns) for turns in turning])
    turns, sign = np.concatenate(turning), np.concatenate(rising)
    # A maximum of the one sign is a minimum of the other.
    low, high = times[turns - 1], times[turns + 1]
    for _ in range(36):  # 120 s · 0.618³⁶ is below 4 µs
        width = high - low
        left, right = high - _GOLDEN * width, low + _GOLDEN * width
        first = sign * horizons.above(who, left) > sign * horizons.above(who, right)
        low, high = np.where(first, low, left), np.where(first, right, high)
    extremes = (low + high) / 2
    found = horizons.above(who, extremes)
    sampled = []
    for number, seen in enumerate(margins):
        every = np.concatenate([times, extremes[who == number]])
        order = np.argsort(every, kind="stable")
        sampled.append((every[order], np.concatenate([seen, found[who == number]])[order]))
    return sampled


def _spans(
    horizons: _Horizons, sampled: Sequence[tuple[FloatArray, FloatArray]]
) -> tuple[IndexArray, FloatArray, FloatArray, FloatArray]:
    """Which station sees the satellite rise, highest, and set, and when."""
    changing = [np.flatnonzero((margins[1:] > 0) != (margins[:-1] > 0)) for _, margins in sampled]
    who = np.repeat(np.arange(len(sampled)), [len(changes) for changes in changing])
    low, high = (
        np.concatenate([times[changes + late] for (times, _), changes in zip(sampled, changing, strict=True)])
        for late in (0, 1)
    )
    rising = horizons.above(who, low) <= 0
    for _ in range(27):  # 60 s / 2²⁷ is below 0.5 µs
        middle = (low + high) / 2
        late = (horizons.above(who, middle) > 0) == rising
        low, high = np.where(late, low, middle), np.where(late, middle, high)
    crossings = (low + high) / 2
    spans: list[tuple[int, float, float, float]] = []
    for number, ((times, margins), changes) in enumerate(zip(sampled, changing, strict=True)):
        edges = [times[0], *crossings[who == number], times[-1]]
        parts = np.split(np.arange(len(times)), changes + 1)
        for begin, end, part in zip(edges[:-1], edges[1:], parts, strict=True):
            best = part[np.argmax(margins[part])]
            if margins[best] > 0:
                spans.append((number, float(begin), float(times[best]), float(end)))
    numbers, *columns = zip(*spans, strict=True) if spans else ((), (), (), ())
    rises, highest, falls = (np.array(column, dtype=np.float64) for column in columns)
    return np.array(numbers, dtype=np.intp), rises, highest, falls
