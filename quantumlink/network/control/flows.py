"""Flows: what demands ask of the network, and the routes that carry it.

A *flow* is a stream of pairs between two nodes. A demand of pairs is one flow; one of a key that passes trusted
nodes has one for each entangled segment, one of GHZ states one for each arm from the center. A flow has routes:
those that are used at once, then those that take over when something fails. Each shares no node with those before
if that can be, else no link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink.link import ElementaryLink, Link, chain
from quantumlink.network.graph import listed
from quantumlink.network.load.capacities import field_for, served
from quantumlink.network.load.demand import Demand
from quantumlink.network.load.ways import Way, Ways
from quantumlink.network.routing import Plan
from quantumlink.network.strategy import best_strategy
from quantumlink.rates import secret_fraction
from quantumlink.readings.exact import evaluate

if TYPE_CHECKING:
    from quantumlink.network.control.policies import Policy
    from quantumlink.network.graph import Avoid
    from quantumlink.network.network import Network

ANY_ORDER = ("asap", "fidelity")
"""Ways of swapping in which any node swaps as soon as it can."""


@dataclass(frozen=True, eq=False)
class FlowRoute:
    """A path that carries a flow, and what is done along it."""

    hops: tuple[ElementaryLink, ...]
    """Its links in turn, each told from the flow's first node."""
    numbers: tuple[int, ...]
    """Their positions in ``Network.links``."""
    link: Link
    """What is made of them."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes in turn."""
        return (self.hops[0].left.name, *(hop.right.name for hop in self.hops))


@dataclass(frozen=True, eq=False)
class Flow:
    """A stream of pairs between two nodes."""

    demand: int
    """The number of the demand that it serves."""
    source: str
    target: str
    routes: tuple[FlowRoute, ...]
    """The preferred ones first."""
    secret_fraction: float
    """Secret bits a pair of the first route, nothing having to wait."""


class Routing:
    """Chooses the routes of flows: those that take least of the links' time for a pair, or a secret bit.

    Args:
        network: the network.
        policy: says how many there are.
        plan: how a path is used; its order is for scheduled swaps.
        strategy: whether each path is used in the best way that `best_strategy` finds.
        avoid: nodes and links that no route uses.
    """

    def __init__(self, network: Network, policy: Policy, plan: Plan, *, strategy: bool, avoid: Avoid) -> None:
        self._network, self._policy, self._plan = network, policy, plan
        self._strategy, self._avoid = strategy, listed("avoid", avoid)
        self._known: dict[tuple[str, str, str, float | None], tuple[FlowRoute, ...]] = {}

    def flows(self, demands: tuple[Demand, ...]) -> list[Flow]:
        """The flows of all demands.

        Raises:
            ValueError: if there is no route, or none is good enough: the best that can be had is told.
        """
        self._field = field_for(self._network, demands, self._plan, self._avoid)
        rates = [edge.link.attempts for edge in self._field.edges]
        self._prices = np.array([1 / attempts.rate_hz for attempts in rates if attempts is not None])
        return [flow for i, demand in enumerate(demands) for flow in self._flows_of(i, demand)]

    def _flows_of(self, number: int, demand: Demand) -> list[Flow]:
        if demand.kind == "ghz":
            return [self._arm(number, demand, far) for far in demand.nodes[1:]]
        found = []
        # A strategy may reach by purification what no path gives by itself, and is asked for it on the path.
        floor = None if self._strategy else demand.min_fidelity
        kind = "pairs" if self._strategy else demand.kind
        whole = self._cheapest(Demand(demand.a, demand.b, kind, min_fidelity=floor))
        for segment in whole.segments:
            own = Demand(segment.link.left.name, segment.link.right.name, kind, min_fidelity=floor)
            routes = self._routes(own, demand)
            fraction = 1.0
            if demand.kind == "key":
                state = evaluate(routes[0].link)
                fraction = secret_fraction(state.qber("Z"), state.qber("X"))
            found.append(Flow(number, own.a, own.b, routes, fraction))
        return found

    def _arm(self, number: int, demand: Demand, far: str) -> Flow:
        """The pairs between the center of a GHZ state and one of the others."""
        own = Demand(demand.a, far, min_fidelity=None if self._strategy else demand.min_fidelity)
        asked = Demand(demand.a, far, min_fidelity=demand.min_fidelity)
        return Flow(number, own.a, own.b, self._routes(own, asked), 1.0)

    def _cheapest(self, demand: Demand) -> Way:
        way = served(Ways(self._field, demand)).cheapest(self._prices).way
        assert way is not None  # else it was refused
        return way

    def _routes(self, own: Demand, demand: Demand) -> tuple[FlowRoute, ...]:
        """The routes of one segment, each sharing no node with those before if that can be, else no link."""
        key = own.a, own.b, demand.kind, demand.min_fidelity
        if key in self._known:
            return self._known[key]
        ways = served(Ways(self._field, own))
        found: list[Way] = []
        while len(found) < self._policy.paths + self._policy.recovery:
            way = self._apart(ways, found)
            if way is None:
                break
            found.append(way)
        self._known[key] = tuple(self._route(way, demand) for way in found)
        return self._known[key]

    def _apart(self, ways: Ways, found: list[Way]) -> Way | None:
        edges = self._field.edges
        taken = {edge for way in found for edge in way.edges}
        inner = {name for way in found for name in way.nodes[1:-1]}
        near = {i for i, edge in enumerate(edges) if inner & {end.name for end in edge.link.ends}}
        for without in (taken | near, taken) if found else (taken,):
            way = ways.cheapest(self._prices, without=without).way
            if way is not None and len(way.segments) == 1:
                return way
        return None

    def _route(self, way: Way, demand: Demand) -> FlowRoute:
        numbers = tuple(self._field.numbers[edge] for edge in way.edges)
        link = self._plan.link(way.hops)
        if self._strategy:
            objective: Any = "secret_key_rate" if demand.kind == "key" else "rate"
            link = best_strategy(way.hops, objective=objective, min_fidelity=demand.min_fidelity).link
        return FlowRoute(way.hops, numbers, link)


def interval_links(hops: tuple[ElementaryLink, ...], plan: Plan) -> list[Link]:
    """What each hop gives where any node may swap first: the hop purified, if asked for."""
    return [chain((hop,), purify_rounds=plan.purify_rounds, protocol=plan.protocol) for hop in hops]
