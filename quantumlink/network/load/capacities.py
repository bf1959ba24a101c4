"""What a network can carry: the result of `Network.capacity`.

The model: every link makes its pairs without pause, at the rate of its attempts, and they are swapped and purified
without loss of time; states are those of `evaluate`, nothing having to wait. Memories are as many and as good as
that takes. So a capacity is what no schedule exceeds, whatever its buffers; how near one comes is for a simulation
to say. Links keep their mean rate only, and a demand takes its pairs in any mixture of ways.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.link import ElementaryLink
from quantumlink.network.graph import Avoid, Graph, listed
from quantumlink.network.load.concurrent_flow import GAP, concurrent_flow
from quantumlink.network.load.demand import Demand, checked_demands
from quantumlink.network.load.ways import Ways, pairs_needed
from quantumlink.network.routing import Field, Plan


@dataclass(frozen=True, eq=False)
class Share:
    """What one path carries of a demand."""

    nodes: tuple[str, ...]
    """Names of the nodes in turn."""
    hops: tuple[ElementaryLink, ...]
    """The links in turn, each told from the demand's first node; of equal ones side by side, one for all."""
    rate_hz: float
    """Pairs, or secret bits, a second."""
    fidelity: float
    """Fidelity to Φ⁺ of its pairs, nothing having to wait; of the worst segment where there are trusted nodes."""
    trusted_nodes: tuple[str, ...]
    """Nodes that come to know the key."""


@dataclass(frozen=True, eq=False)
class Supply:
    """What one demand gets while all are served at once."""

    demand: Demand
    rate_hz: float
    """Pairs, or secret bits, a second."""
    shares: tuple[Share, ...]
    """By which paths, the largest first."""

    @property
    def fidelity(self) -> float:
        """Mean fidelity to Φ⁺ of what is delivered, by the shares' rates."""
        return sum(s.fidelity * s.rate_hz for s in self.shares) / sum(s.rate_hz for s in self.shares)


@dataclass(frozen=True, eq=False)
class Cut:
    """The links of least rate together whose loss parts two nodes."""

    rate_hz: float
    """Pairs a second of them all: no demand between the two nodes gets more pairs, or secret bits."""
    links: tuple[ElementaryLink, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Capacity:
    """What a network carries of many demands at once.

    >>> import quantumlink as ql
    >>> from quantumlink.network import Demand
    >>> a, b = ql.Node("a"), ql.Node("b")
    >>> net = ql.Network([a, b], [ql.ElementaryLink(a, b, rate_hz=100)])
    >>> capacity = net.capacity([Demand("a", "b", rate_hz=40)])
    >>> round(capacity.scale, 6), capacity.bottlenecks == net.links
    (2.5, True)
    """

    scale: float
    """Every demand can have this many times what it wants, all at once; one without a rate wants 1 a second."""
    at_most: float
    """No way of sharing gives every demand a larger multiple."""
    supplies: tuple[Supply, ...]
    """What each demand then gets, in the order of the demands."""
    links: tuple[ElementaryLink, ...]
    """The links that may be used."""
    numbers: tuple[int, ...]
    """Their positions in ``Network.links``."""
    use: tuple[float, ...]
    """For each of them, the fraction of its pairs that is used, in [0, 1]."""
    prices: tuple[float, ...]
    """For each of them, how much ``scale`` would grow with one more pair a second: where to build."""

    @property
    def proven(self) -> bool:
        """Whether nothing better exists under the model."""
        return self.at_most <= self.scale * (1 + 10 * GAP)

    @property
    def bottlenecks(self) -> tuple[ElementaryLink, ...]:
        """Links that hold everything up, the most worthwhile to double first."""
        gains = [
            price * link.attempts.rate_hz
            for price, link in zip(self.prices, self.links, strict=True)
            if link.attempts is not None
        ]
        order = sorted(range(len(gains)), key=lambda i: -gains[i])
        return tuple(self.links[i] for i in order if gains[i] > GAP * self.scale)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data, as ``quantumlink network capacity --json`` prints it."""
        return {
            "scale": self.scale,
            "at_most": self.at_most,
            "proven": self.proven,
            "demands": [
                {
                    **_demand_data(supply.demand),
                    "gets_hz": supply.rate_hz,
                    "fidelity": supply.fidelity,
                    "paths": [
                        {"nodes": list(s.nodes), "rate_hz": s.rate_hz, "fidelity": s.fidelity,
                         "trusted": list(s.trusted_nodes)}
                        for s in supply.shares
                    ],
                }
                for supply in self.supplies
            ],
            "links": [
                {"between": [link.left.name, link.right.name], "use": use, "price_s": price}
                for link, use, price in zip(self.links, self.use, self.prices, strict=True)
            ],
        }  # fmt: skip

    def __repr__(self) -> str:
        found = f"{len(self.supplies)} demand{'' if len(self.supplies) == 1 else 's'}"
        return f"<Capacity of {found}: {self.scale:.4g} times what is wanted, at most {self.at_most:.4g}>"


def capacity_of(network: Graph, demands: Any, *, plan: Plan, avoid: Avoid = ()) -> Capacity:
    """The capacity of a network: see `Network.capacity`."""
    wanted = checked_demands(network, demands)
    field = field_for(network, wanted, plan, avoid)
    return capacity_among(network, field, wanted, ways_of(field, wanted))


def ways_of(field: Field, demands: tuple[Demand, ...]) -> list[Ways]:
    """The ways of each demand; of demands that want the same, one object.

    Raises:
        ValueError: if a demand has none.
    """
    known: dict[tuple[str, str, str, float | None], Ways] = {}
    for demand in demands:
        key = (demand.a, demand.b, demand.kind, demand.min_fidelity)
        if key not in known:
            known[key] = served(Ways(field, demand))
    return [known[d.a, d.b, d.kind, d.min_fidelity] for d in demands]


def capacity_among(
    network: Graph, field: Field, demands: tuple[Demand, ...], ways: list[Ways], without: Collection[int] = ()
) -> Capacity:
    """The capacity for demands whose ways are known, without some of the field's edges.

    Equal links side by side are one of their rate together: else each mixture of them would have to be looked for.
    """
    links = [network.links[i] for i in field.numbers]
    alike: dict[ElementaryLink, list[int]] = {}
    for i, link in enumerate(links):
        if i not in without:
            alike.setdefault(link, []).append(i)
    rates = np.array([link.attempts.rate_hz for link in links if link.attempts is not None])
    stands_for = np.arange(len(links))
    for same in alike.values():
        rates[same], stands_for[same] = rates[same].sum(), same[0]
    wanted_hz = np.array([1.0 if demand.rate_hz is None else demand.rate_hz for demand in demands])
    left_out = {*without, *np.flatnonzero(stands_for != np.arange(len(links))).tolist()}
    flow = concurrent_flow(ways, wanted_hz, rates, without=left_out)
    supplies = []
    for demand, each, carried in zip(demands, wanted_hz.tolist(), flow.carried, strict=True):
        shares = tuple(
            Share(way.nodes, way.hops, amount, way.fidelity, tuple(s.link.right.name for s in way.segments[:-1]))
            for way, amount in carried
        )
        supplies.append(Supply(demand, flow.share * each, shares))
    kept = [i for i in range(len(links)) if i not in without]
    use = np.clip(flow.use / rates, 0.0, 1.0)[stands_for[kept]].tolist()
    prices = flow.prices[stands_for[kept]].tolist()
    left, numbers = tuple(links[i] for i in kept), tuple(field.numbers[i] for i in kept)
    return Capacity(flow.share, flow.at_most, tuple(supplies), left, numbers, tuple(use), tuple(prices))


def field_for(network: Graph, demands: tuple[Demand, ...], plan: Plan, avoid: Avoid) -> Field:
    """The links that demands may use.

    Raises:
        ValueError: if a link does not say how its pairs come, or a demand's end is to be avoided.
    """
    avoid = listed("avoid", avoid)
    usable = network.usable(avoid)
    silent = [f"{x.left}–{x.right}" for i, x in enumerate(network.links) if i in usable and x.attempts is None]
    if silent:
        raise ValueError(
            f"{len(silent)} of the links are links of unknown rate: {', '.join(silent[:5])}; give them a rate_hz, "
            f"a success_probability with an attempt_time_s or a source, or avoid them"
        )
    for i, demand in enumerate(demands):
        for name in demand.nodes:
            if name in avoid:
                raise ValueError(f"avoid holds {name!r}, an end of demands[{i}] ({demand.name})")
    return Field(network, demands[0].a, demands[0].b, by="rate", plan=plan, avoid=avoid)


def served(ways: Ways) -> Ways:
    """The same, if the demand can be served at all.

    Raises:
        ValueError: if no path is good enough, with the best that can be had.
    """
    free = np.zeros(len(ways.field.edges))
    found = ways.cheapest(free)
    if found.way is not None:
        return ways
    best, proven = ways.fidelity_bound()
    demand = ways.demand
    what = "yields a key" if demand.kind == "key" else "is good enough"
    floor = "" if demand.min_fidelity is None else f" with fidelity {demand.min_fidelity:g} or better"
    known = "the best there is has" if proven and found.proven else "the best found has"
    raise ValueError(
        f"no path from {demand.a!r} to {demand.b!r} {what}{floor}: {known} fidelity {best:.6f}, even if "
        f"nothing had to wait; purification (purify_rounds) or better links may help"
    )


def min_cut(network: Graph, source: str, target: str, *, plan: Plan, trusting: bool, avoid: Avoid = ()) -> Cut:
    """The least cut between two nodes: see `Network.min_cut`."""
    (demand,) = checked_demands(network, [Demand(source, target, "key" if trusting else "pairs")])
    field = field_for(network, (demand,), plan, avoid)
    search = field.search(source, target, trusting=trusting)
    if search is None:
        raise field.no_route(source, target, trusting=trusting)
    ends = [(node, there, edge) for node, steps in enumerate(search.steps) for edge, there in steps if node < there]
    rates = []
    for _, _, number in ends:
        links = search.edges[number].links
        assert links[0].attempts is not None  # the field was asked to refuse such links
        needs = min(pairs_needed(field.plan.link((link,))) for link in links)
        rates.append(links[0].attempts.rate_hz / needs)
    crossing = _least_cut(len(search.names), [(a, b) for a, b, _ in ends], np.array(rates))
    cut = [search.edges[ends[i][2]].links[0] for i in crossing]
    return Cut(float(sum(rates[i] for i in crossing)), tuple(cut))


def _least_cut(nodes: int, ends: list[tuple[int, int]], rates: FloatArray) -> list[int]:
    """The edges of a least cut between nodes 0 and 1, by a maximum flow along shortest ways that are left.

    J. Edmonds and R. M. Karp, J. ACM 19, 248 (1972); it ends for any real rates.
    """
    room = [[rate, rate] for rate in rates.tolist()]  # along each edge, and against it
    steps: list[list[tuple[int, int, int]]] = [[] for _ in range(nodes)]
    for i, (a, b) in enumerate(ends):
        steps[a].append((i, 0, b))
        steps[b].append((i, 1, a))
    while True:
        came: dict[int, tuple[int, int, int]] = {0: (-1, 0, 0)}
        queue = deque([0])
        while queue and 1 not in came:
            here = queue.popleft()
            for i, way, there in steps[here]:
                if there not in came and room[i][way] > 0:
                    came[there] = (i, way, here)
                    queue.append(there)
        if 1 not in came:
            return [i for i, (a, b) in enumerate(ends) if (a in came) != (b in came)]
        path, node = [], 1
        while node:
            i, way, node = came[node]
            path.append((i, way))
        amount = min(room[i][way] for i, way in path)
        for i, way in path:
            room[i][way] -= amount
            room[i][1 - way] += amount


def _demand_data(demand: Demand) -> dict[str, Any]:
    return {
        "a": demand.a,
        "b": demand.b,
        "kind": demand.kind,
        "wants_hz": demand.rate_hz,
        "min_fidelity": demand.min_fidelity,
    }
