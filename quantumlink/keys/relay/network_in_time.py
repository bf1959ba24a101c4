"""A network of relays in time: pools that fill at the rates of their links, consumers that ask, links that fail.

Time goes in steps. In each, links add to their pools, consumers ask for whole keys, and each key is relayed over
the path whose emptiest pool is fullest; a hop uses up as much as it hands on, and 256 bits for the tag of each
message. Higher priorities are served first, within one the least satisfied. What cannot be served at once is
blocked. A link that fails (or alarms) makes nothing, what its pool holds is burnt, and paths lead around it until
it is back.

With ``spread`` n a key goes as n shares over n paths that have no relay in common (XOR): it costs all of them, and
no single relay learns anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from math import inf, nan

import numpy as np
import rustworkx as rx

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.keys.relay.traffic import Consumer

TAG_BITS = 256
_ROUNDS = 4
"""In how many turns the keys of a step are given out, so that nobody takes all."""
_FORBIDDEN = 1e15

Path = tuple[str, ...]


@dataclass(frozen=True)
class LinkFailure:
    """A link that is down (or under alarm) for a time."""

    link: tuple[str, str]
    start_s: float
    end_s: float = inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_s", validation.number("start_s", self.start_s, at_least=0.0))
        end_s = validation.lifetime("end_s", self.end_s)
        if end_s <= self.start_s:
            raise ValueError(f"end_s must be after start_s={self.start_s:g}, got {self.end_s!r}")
        object.__setattr__(self, "end_s", end_s)


@dataclass(frozen=True)
class RelayHistory:
    """What became of it."""

    consumers: tuple[Consumer, ...]
    duration_s: float
    asked_bits: tuple[int, ...]
    """What each consumer asked for."""
    delivered_bits: tuple[int, ...]
    """What it got."""
    first_key_s: tuple[float, ...]
    """When it got its first key; nan if never."""
    recovery_s: tuple[float, ...]
    """For each failure, how long it took until all whose path it had cut got a key again; nan if not all did."""
    at_risk_bits: Mapping[str, int] = field(repr=False)
    """For each relay, the bits of keys that it could read."""
    books: Mapping[str, float] = field(repr=False)
    """Bits of all links: generated, relayed, authentication, burnt, stored."""

    @property
    def blocked_bits(self) -> tuple[int, ...]:
        """What each consumer asked for in vain."""
        return tuple(asked - got for asked, got in zip(self.asked_bits, self.delivered_bits, strict=True))

    @property
    def jain(self) -> float:
        """Jain's index of what consumers got of what they asked for; nan if nobody got any."""
        pairs = zip(self.delivered_bits, self.asked_bits, strict=True)
        shares = np.array([got / asked for got, asked in pairs if asked])
        return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum())) if shares.any() else nan


def simulate_relays(
    rates_bit_s: Mapping[tuple[str, str], float],
    consumers: Sequence[Consumer],
    *,
    duration_s: float,
    step_s: float = 60.0,
    relays: Collection[str] | None = None,
    failures: Sequence[LinkFailure] = (),
    key_bits: int = 256,
    capacity_bits: float = inf,
    spread: int = 1,
    paths: int = 4,
    seed: int | None = None,
) -> RelayHistory:
    """Simulate the relays of a network.

    Args:
        rates_bit_s: secret bits per second of each link, by its two nodes in either order.
        consumers: who wants keys.
        duration_s: for how long.
        step_s: how long a step is.
        relays: the trusted nodes that may relay; all if None.
        failures: links that fail.
        key_bits: size of a key.
        capacity_bits: what the pool of a link holds at most; more is not made.
        spread: over how many disjoint paths each key is split.
        paths: how many paths each consumer may choose from.
        seed: draws how many keys are asked for in a step (Poisson); None asks evenly.

    Raises:
        ValueError: if an argument is out of range, or a consumer's node is on no link.

    >>> told = simulate_relays({("a", "b"): 100.0, ("b", "c"): 50.0},
    ...                        [Consumer(source="a", target="c", wanted_bit_s=20)], duration_s=3600)
    >>> told.delivered_bits, told.at_risk_bits["b"]
    ((71936,), 71936)
    """
    validation.positive("duration_s", duration_s)
    validation.positive("step_s", step_s, at_most=duration_s)
    network = _Network(rates_bit_s, consumers, relays, paths, validation.count("spread", spread, at_least=1))
    for failure in failures:
        network.number(failure.link)
    run = _Run(network, failures, validation.count("key_bits", key_bits, at_least=1), capacity_bits)
    rng = None if seed is None else np.random.default_rng(seed)
    wanted = np.array([consumer.wanted_bit_s for consumer in consumers]) * step_s / key_bits
    owed = np.zeros(len(consumers))
    for step in range(round(duration_s / step_s)):
        if rng is None:
            owed += wanted
            asked = np.floor(owed + 1e-9).astype(int)
            owed -= asked
        else:
            asked = rng.poisson(wanted)
        run.step(step * step_s, step_s, asked)
    return run.history(duration_s)


class _Network:
    """The graph, and the paths of each consumer past what has failed."""

    def __init__(
        self,
        rates: Mapping[tuple[str, str], float],
        consumers: Sequence[Consumer],
        relays: Collection[str] | None,
        paths: int,
        spread: int,
    ) -> None:
        self.consumers, self.spread = tuple(consumers), spread
        self._most = validation.count("paths", paths, at_least=1)
        self.links = list(rates)
        self.rates = np.array([validation.number("rates_bit_s", rate, at_least=0.0) for rate in rates.values()])
        self._numbers = {frozenset(link): number for number, link in enumerate(self.links)}
        if len(self._numbers) < len(self.links):
            raise ValueError("rates_bit_s must name each link once")
        names = sorted({name for link in self.links for name in link})
        for consumer in consumers:
            for name in (consumer.source, consumer.target):
                validation.choice("a consumer's node", name, names)
        self.relays = set(names if relays is None else relays)
        self._place = {name: place for place, name in enumerate(names)}
        self._names = names
        self._graph = rx.PyGraph(multigraph=False)
        self._graph.add_nodes_from(names)
        self._graph.add_edges_from(
            [(self._place[a], self._place[b], number) for number, (a, b) in enumerate(self.links)]
        )
        self._known: dict[tuple[int, frozenset[int]], list[tuple[tuple[Path, IntArray], ...]]] = {}

    def number(self, link: tuple[str, str]) -> int:
        """Number of a link."""
        if (found := self._numbers.get(frozenset(link))) is None:
            raise ValueError(f"a failure must be of one of the links, got {link!r}")
        return found

    def ways(self, consumer: int, down: frozenset[int]) -> list[tuple[tuple[Path, IntArray], ...]]:
        """The ways of a consumer: each a path and its links, or as many disjoint ones as keys are spread over."""
        key = (consumer, down)
        if key not in self._known:
            found = list(self._paths(self.consumers[consumer], down))
            groups = combinations(found, self.spread)
            self._known[key] = [group for group in groups if _disjoint([path for path, _ in group])]
        return self._known[key]

    def _paths(self, consumer: Consumer, down: frozenset[int]) -> Iterator[tuple[Path, IntArray]]:
        """Different paths, short and fast ones first: each found makes its links and relays dearer for the next."""
        with np.errstate(divide="ignore"):
            cost = 1 + self.rates.max(initial=1.0) / np.maximum(self.rates, 1e-12) * 1e-3
        ends = {consumer.source, consumer.target}
        for number, link in enumerate(self.links):
            outside = any(name not in self.relays and name not in ends for name in link)
            if number in down or outside or not self.rates[number]:
                cost[number] = _FORBIDDEN
        seen = set()
        for _ in range(2 * self._most):
            a, b = self._place[consumer.source], self._place[consumer.target]
            route = rx.dijkstra_shortest_paths(self._graph, a, b, weight_fn=lambda number: float(cost[number]))
            if b not in route:
                return
            path = tuple(self._names[place] for place in route[b])
            links = np.array([self._numbers[frozenset(hop)] for hop in pairwise(path)])
            if (cost[links] >= _FORBIDDEN).any():
                return
            if path not in seen:
                seen.add(path)
                yield path, links
            if len(seen) == self._most:
                return
            cost[links] *= 2
            inner = set(path[1:-1])
            for number, link in enumerate(self.links):
                if inner & set(link):
                    cost[number] *= 2


class _Run:
    """The state of a simulation."""

    def __init__(
        self, network: _Network, failures: Sequence[LinkFailure], key_bits: int, capacity_bits: float
    ) -> None:
        self._net, self._failures, self._key_bits = network, failures, key_bits
        if capacity_bits != inf:
            validation.number("capacity_bits", capacity_bits, at_least=0.0)
        self._capacity = capacity_bits
        count = len(network.consumers)
        self._levels = np.zeros(len(network.links))
        self._asked, self._got = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._first = np.full(count, nan)
        self._risk = dict.fromkeys(sorted(network.relays), 0)
        self._books = dict.fromkeys(("generated", "relayed", "authentication", "burnt"), 0.0)
        self._down: frozenset[int] = frozenset()
        self._last: dict[int, tuple[IntArray, ...]] = {}
        self._waiting: dict[int, set[int]] = {}
        self._recovered = [nan] * len(failures)
        self._priority = np.array([consumer.priority for consumer in network.consumers])

    def step(self, start_s: float, step_s: float, asked: IntArray) -> None:
        """One step: failures, supply, then keys."""
        self._fail(start_s)
        supply = self._net.rates * step_s
        supply[list(self._down)] = 0.0
        supply = np.minimum(supply, self._capacity - self._levels)
        self._levels += supply
        self._books["generated"] += float(supply.sum())
        self._asked += asked
        left, end_s = asked.copy(), start_s + step_s
        for priority in np.unique(self._priority)[::-1]:
            served = np.flatnonzero((self._priority == priority) & (asked > 0))
            for turn in range(_ROUNDS, 0, -1):
                satisfied = self._got[served] / self._asked[served]
                for consumer in served[np.argsort(satisfied, kind="stable")]:
                    if share := -(-int(left[consumer]) // turn):
                        left[consumer] -= self._serve(int(consumer), share, end_s)

    def history(self, duration_s: float) -> RelayHistory:
        """The result."""
        bits = self._key_bits
        return RelayHistory(
            consumers=self._net.consumers,
            duration_s=duration_s,
            asked_bits=tuple(int(n) * bits for n in self._asked),
            delivered_bits=tuple(int(n) * bits for n in self._got),
            first_key_s=tuple(float(x) for x in self._first),
            recovery_s=tuple(self._recovered),
            at_risk_bits=self._risk,
            books=self._books | {"stored": float(self._levels.sum())},
        )

    def _fail(self, now_s: float) -> None:
        down = set()
        for place, failure in enumerate(self._failures):
            number = self._net.number(failure.link)
            if failure.start_s <= now_s < failure.end_s:
                down.add(number)
                if place not in self._waiting:
                    cut = {c for c, used in self._last.items() if any(number in links for links in used)}
                    self._waiting[place] = cut
                    self._recovered[place] = nan if cut else 0.0
        for number in down - self._down:
            self._books["burnt"] += float(self._levels[number])
            self._levels[number] = 0.0
        self._down = frozenset(down)

    def _serve(self, consumer: int, keys: int, now_s: float) -> int:
        """Relay up to so many keys, over the fullest ways first; how many came."""
        left = keys
        while left:
            fits, way = max(
                ((self._room(way), -index) for index, way in enumerate(self._net.ways(consumer, self._down))),
                default=(0, 0),
            )
            if not fits:
                break
            used, count = self._net.ways(consumer, self._down)[-way], min(left, fits)
            for _, links in used:
                np.subtract.at(self._levels, links, float(count * self._key_bits + TAG_BITS))
                self._books["relayed"] += float(count * self._key_bits * len(links))
                self._books["authentication"] += float(TAG_BITS * len(links))
            inner = set.intersection(*(set(path[1:-1]) for path, _ in used))
            for name in inner:  # whoever is on all paths can put the shares together
                self._risk[name] += count * self._key_bits
            self._last[consumer] = tuple(links for _, links in used)
            left -= count
        if left < keys:
            self._note(consumer, keys - left, now_s)
        return keys - left

    def _note(self, consumer: int, keys: int, now_s: float) -> None:
        self._got[consumer] += keys
        if np.isnan(self._first[consumer]):
            self._first[consumer] = now_s
        for place, waiting in self._waiting.items():
            if consumer in waiting:
                waiting.discard(consumer)
                if not waiting:
                    self._recovered[place] = now_s - self._failures[place].start_s

    def _room(self, way: tuple[tuple[Path, IntArray], ...]) -> int:
        """How many keys fit through a way now."""
        least = min(float(self._levels[links].min()) for _, links in way)
        return max(0, int((least - TAG_BITS) // self._key_bits))


def _disjoint(paths: Sequence[Path]) -> bool:
    inner = [name for path in paths for name in path[1:-1]]
    direct = sum(len(path) == 2 for path in paths)
    return len(set(inner)) == len(inner) and direct <= 1
