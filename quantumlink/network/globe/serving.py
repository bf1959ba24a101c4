"""Who is served: which satellite looks at which station when, and which keys are handed on to whom.

In each slice of time a satellite has one telescope and a station has ``telescopes``; the shares of the slice that
they look at each other are at most so many together. A demand of two nodes is served

- by a trusted satellite that has a key with a station of either (it announces their XOR), and by fibre between the
  nodes and their stations, every trusted node on the way handing the key on;
- by pairs from a satellite to two such stations;
- by fibre alone, where there is some.

Keys are stored aboard and on the ground for the whole time looked at, so what is made before may be used after. All
of this is one linear programme (with ``choose``, a mixed-integer one), solved by HiGHS. Fibre between two nodes is
the route of the highest key rate, `Network.key_route`, each segment shared by all demands; a demand goes over one
satellite, not from satellite to ground to satellite.

What a slice is worth in the programme is its asymptotic key, scaled so that all slices of a satellite and a station
are worth the finite key of them all. What comes out is then proven anew: finite keys of the slices that were really
used, handed on as best they can. The programme's optimum stands beside it, so that what finite blocks cost is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.network.globe.keys import SatelliteKeys, Slice, asymptotic_bits, secret_length
from quantumlink.network.globe.programme import Answer, Choice, Pool, Programme, Way
from quantumlink.network.load import Demand
from quantumlink.network.network import Network
from quantumlink.tables import html_table

Aim = Literal["share", "total"]
"""What is best: the largest multiple of what is wanted that all can have, or the most bits together."""


@dataclass(frozen=True)
class Look:
    """A satellite and a station, or two, that look at each other for a share of a slice of time."""

    satellite: str
    stations: tuple[str, ...]
    start_s: float
    """When the slice begins, in seconds since 2000-01-01 12:00 UTC."""
    share: float
    """The share of the slice that is used."""


@dataclass(frozen=True, repr=False)
class Served:
    """What each demand gets, by finite keys."""

    demands: tuple[Demand, ...]
    """What was wanted."""
    bits: tuple[int, ...]
    """Secret bits that each gets in the time looked at."""
    limit_bits: float
    """What all get together by the programme's own count."""
    out_of_reach: tuple[Demand, ...]
    """Demands that no satellite and no fibre serves, whoever looks at whom; the others share without them."""
    by_fiber: tuple[int, ...]
    """Of the bits, those that no satellite has seen."""
    duration_s: float
    """The time looked at, in seconds."""
    looks: tuple[Look, ...]
    """Who looks at whom when."""
    pools: Mapping[tuple[str, ...], int]
    """Secret bits of each satellite with each station, of pairs, and of segments of fibre."""
    stations: tuple[str, ...]
    """The stations that are used; with ``choose``, those that were chosen."""
    proven: bool
    """Whether the programme was solved to its optimum."""

    @property
    def total_bits(self) -> int:
        """Bits of all demands together."""
        return sum(self.bits)

    @property
    def bits_per_day(self) -> tuple[float, ...]:
        """Bits of each demand a day."""
        return tuple(bits * 86_400 / self.duration_s for bits in self.bits)

    def __repr__(self) -> str:
        return f"<Served: {self.total_bits:.4g} secret bits for {len(self.demands)} demands>"

    def _repr_html_(self) -> str:
        rows = [
            (f"{demand.a} – {demand.b}", f"{bits:.4g} bits a day")
            for demand, bits in zip(self.demands, self.bits_per_day, strict=True)
        ]
        return html_table(f"served by {len(self.stations)} stations", rows)


def serve_keys(
    keys: SatelliteKeys,
    demands: Iterable[Demand | tuple[str, str]],
    *,
    network: Network | None = None,
    aim: Aim = "share",
    choose: int | None = None,
    telescopes: int = 1,
    time_limit_s: float = 60.0,
) -> Served:
    """Decide which satellite looks at which station when, and serve demands with the keys.

    Args:
        keys: what satellites and stations could do.
        demands: of kind ``"key"``, or two names each: stations, or nodes of the network that a station's fibre
            reaches. Of what wants ``rate_hz``, no more than it times the time is served.
        network: fibre, with the stations among its nodes; none if None.
        aim: ``"share"`` for the largest multiple of its demand that all can have (of equal parts where no rate is
            wanted) and then the most; ``"total"`` for the most bits together, whoever gets them.
        choose: how many stations may be used; all if None.
        telescopes: satellites that a station can look at at once.
        time_limit_s: for the programme's search.

    Raises:
        ValueError: if a demand is of another kind or ends at a node that is unknown or that no station's fibre
            reaches, there are none, or an argument is out of range.
        TypeError: if an argument is of the wrong kind.
    """
    validation.instance("keys", keys, SatelliteKeys, "what satellite_keys gives")
    if network is not None:
        validation.instance("network", network, Network, "a Network or None")
    validation.choice("aim", aim, get_args(Aim))
    telescopes = validation.count("telescopes", telescopes, at_least=1)
    names = tuple(keys.passes.stations)
    if choose is not None:
        validation.count("choose", choose, at_least=1)
        if choose > len(names):
            raise ValueError(f"choose must be at most the {len(names)} stations that there are, got {choose}")
    limit = validation.positive("time_limit_s", time_limit_s)
    wanted = _demands(demands, keys, network)
    ground = _Ground(keys, network)
    by_pool: dict[Pool, list[Slice]] = {}
    for one in keys.slices:
        by_pool.setdefault((one.satellite, *one.stations), []).append(one)
    ways = _ways(wanted, ground, by_pool)
    bits = [None if d.rate_hz is None else d.rate_hz * keys.passes.duration_s for d in wanted]
    choices = _choices(keys, by_pool)
    programme = Programme(ways, bits, ground.stored, [c for c, _ in choices], telescopes, names, choose)
    plan = programme.solve(fair=aim == "share", time_limit_s=limit)
    pools = _finite(keys, choices, plan) | {pool: _whole(value) for pool, value in ground.stored.items()}
    again = Programme(ways, bits, {pool: float(value) for pool, value in pools.items()})
    found = again.solve(fair=aim == "share", time_limit_s=limit)
    return _served(keys, wanted, ways, choices, plan, found, pools)


class _Ground:
    """Which stations a node reaches by fibre, and how much key that brings."""

    def __init__(self, keys: SatelliteKeys, network: Network | None) -> None:
        self._keys, self._network = keys, network
        self.stored: dict[Pool, float] = {}
        self._found: dict[tuple[str, str], tuple[Pool, ...] | None] = {}

    def fiber(self, a: str, b: str) -> tuple[Pool, ...] | None:
        """The pools of the segments from one node to another; None if there is no way, none if they are one."""
        if a == b:
            return ()
        if self._network is None:
            return None
        ends = (min(a, b), max(a, b))
        if ends not in self._found:
            self._found[ends] = self._searched(*ends)
        return self._found[ends]

    def _searched(self, a: str, b: str) -> tuple[Pool, ...] | None:
        network = self._network
        if network is None or a not in network.nodes or b not in network.nodes:
            return None
        if not any({a, b} <= set(group) for group in network.groups()):
            return None
        try:
            route = network.key_route(a, b)
        except ValueError:  # no key comes through
            return None
        pools = []
        for segment, found in zip(route.segments, route.forecasts, strict=True):
            one, other = sorted((segment.left.name, segment.right.name))
            pool = ("fiber", one, other)
            self.stored[pool] = (found.secret_key_rate_hz or 0.0) * self._keys.passes.duration_s
            pools.append(pool)
        return tuple(pools)


def _demands(
    demands: Iterable[Demand | tuple[str, str]], keys: SatelliteKeys, network: Network | None
) -> tuple[Demand, ...]:
    if isinstance(demands, (str, Demand)) or not isinstance(demands, Iterable):
        raise TypeError(f"demands must be a list of demands, got {demands!r}")
    found = []
    known = [*keys.passes.stations, *(network.nodes if network is not None else ())]
    for one in demands:
        if not isinstance(one, Demand):
            ends = validation.sequence("demands", one, "demands, or two names each")
            if len(ends) != 2:
                raise ValueError(f"demands must hold demands, or two names each, got {one!r}")
            one = Demand(ends[0], ends[1], kind="key")
        if one.kind != "key":
            raise ValueError(f"demands must be of kind 'key', got {one!r}")
        for end in (one.a, one.b):
            validation.choice("demands", end, known)
        found.append(one)
    if not found:
        raise ValueError("demands must hold at least one demand, got none")
    return tuple(found)


def _ways(wanted: Sequence[Demand], ground: _Ground, by_pool: Mapping[Pool, Sequence[Slice]]) -> list[Way]:
    stations = ground._keys.passes.stations
    ways = []
    for number, demand in enumerate(wanted):
        direct = ground.fiber(demand.a, demand.b)
        if direct is not None:
            ways.append(Way(number, direct))
        near = [
            [(name, pools) for name in stations if (pools := ground.fiber(end, name)) is not None]
            for end in (demand.a, demand.b)
        ]
        for end, found in zip((demand.a, demand.b), near, strict=True):
            if not found and direct is None:
                raise ValueError(
                    f"demands: no fibre leads from {end!r} to any of the stations {', '.join(stations)}"
                )
        for left, to_left in near[0]:
            for right, to_right in near[1]:
                if left == right:
                    continue
                beside = (*to_left, *to_right)
                ways += [Way(number, (*beside, *pools)) for pools in _over(left, right, by_pool)]
    return ways


def _over(left: str, right: str, by_pool: Mapping[Pool, Sequence[Slice]]) -> list[tuple[Pool, ...]]:
    """The pools of each satellite that serves two stations: its two keys, or that of its pairs."""
    pairs = [(pool,) for pool in by_pool if len(pool) == 3 and set(pool[1:]) == {left, right}]
    satellites = dict.fromkeys(pool[0] for pool in by_pool)
    relays = [((name, left), (name, right)) for name in satellites]
    return [*pairs, *(both for both in relays if all(pool in by_pool for pool in both))]


def _choices(keys: SatelliteKeys, by_pool: Mapping[Pool, Sequence[Slice]]) -> list[tuple[Choice, Slice]]:
    found = []
    for pool, slices in by_pool.items():
        link = keys.downlinks[pool[0]]
        worth = np.array([asymptotic_bits(link, one.clicks, keys.proof) for one in slices])
        finite = sum(block.length for block in keys.blocks if (block.satellite, *block.ends) == pool)
        if not finite:
            continue
        worth *= finite / worth.sum()
        for one, bits in zip(slices, worth, strict=True):
            if not bits:  # it is in no block
                continue
            takes = tuple((name, one.number) for name in pool)
            found.append((Choice(pool, float(bits), takes), one))
    return found


def _finite(keys: SatelliteKeys, choices: Sequence[tuple[Choice, Slice]], plan: Answer) -> dict[Pool, int]:
    """Secret bits of what was really looked at."""
    counts: dict[Pool, dict[int, list[np.ndarray]]] = {}
    for (choice, one), used in zip(choices, plan.used, strict=True):
        block = one.overpass if keys.block == "pass" else 0
        counts.setdefault(choice.pool, {}).setdefault(block, []).append(used * one.clicks)
    return {
        pool: sum(
            secret_length(keys.downlinks[pool[0]], np.sum(parts, axis=0), keys.proof)[0]
            for parts in blocks.values()
        )
        for pool, blocks in counts.items()
    }


def _whole(bits: float) -> int:
    """Whole bits, a programme's rounding forgiven."""
    return int(bits + 1e-3)


def _served(
    keys: SatelliteKeys,
    wanted: tuple[Demand, ...],
    ways: Sequence[Way],
    choices: Sequence[tuple[Choice, Slice]],
    plan: Answer,
    found: Answer,
    pools: Mapping[Pool, int],
) -> Served:
    bits, fiber = np.zeros(len(wanted)), np.zeros(len(wanted))
    for way, flow in zip(ways, found.flows, strict=True):
        bits[way.demand] += flow
        if all(pool[0] == "fiber" for pool in way.pools):
            fiber[way.demand] += flow
    origin = keys.passes.start_s
    looks = tuple(
        Look(one.satellite, one.stations, origin + one.number * keys.slice_s, float(used))
        for (_, one), used in zip(choices, plan.used, strict=True)
        if used > 1e-9
    )
    seen = {name for look in looks for name in look.stations}
    chosen = seen if plan.stations is None else plan.stations
    return Served(
        demands=wanted,
        bits=tuple(map(_whole, bits)),
        limit_bits=float(plan.flows.sum()),
        out_of_reach=tuple(demand for i, demand in enumerate(wanted) if i not in plan.reached),
        by_fiber=tuple(map(_whole, fiber)),
        duration_s=keys.passes.duration_s,
        looks=looks,
        pools={pool: value for pool, value in pools.items() if value},
        stations=tuple(name for name in keys.passes.stations if name in chosen),
        proven=plan.proven,
    )
