"""The integer programme of a plan: which devices, links and fibres, and over which of them each demand is led.

A demand is a flow of as many units as it has disjoint paths, over places for elementary links (spans), each in
either direction; a device takes at most one unit of each demand. The variables are binary: what stands at a
site, whether a demand goes over a span one way, which spans have a link; and whole: the channels of each link
and the pairs of fibres that are lit. What is linear stands in the programme from the beginning: that flows go
on, devices, channels, fibres, wavelengths, the budget, hops and losses of a demand's paths together. What is
not (the state of each path, the pairs that a secret bit takes, hops path by path) is looked at when there is an
answer; if it does not hold, a row is added that excludes this path and no good one, and it is solved again. Prices
that fall with the number bought are bounded from below, the more closely the more answers there were (`learning`).
So the last answer is optimal for the whole.

References:
    J. Rabbie, K. Chakraborty, G. Avis, S. Wehner, npj Quantum Inf. 8, 5 (2022): placement as a flow.
    R. K. Ahuja, T. L. Magnanti, J. B. Orlin, Network Flows (1993), chapter 16.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import ceil, inf

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.answers import Answer, PathFound
from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.judging import Judge, least_loss
from quantumlink.network.planning.learning import Curve
from quantumlink.network.planning.limits import Limits
from quantumlink.network.planning.mixed_integer import MixedInteger
from quantumlink.network.planning.places import HOSTED, Places


class Programme(MixedInteger):
    """The rows and columns; it grows by what answers show.

    Args:
        places: sites and fibres.
        demands: what is wanted.
        judge: knows the links.
        costs: the prices.
        limits: what a plan must keep to.
    """

    def __init__(
        self, places: Places, demands: Sequence[Demand], judge: Judge, costs: Costs, limits: Limits
    ) -> None:
        self.places, self.demands, self.judge = places, demands, judge
        self.costs, self.limits = costs, limits
        super().__init__()
        self._labels_set = False
        self.counted_links = bool(
            costs.source or costs.fibre_per_km or costs.ground_station or limits.wavelengths or limits.most_channels
            or any(d.rate_hz for d in demands)
        )  # fmt: skip
        self._place_devices()
        self._place_links()
        self._place_stations()
        self._place_flows()
        self._share_devices()
        self._share_links()
        self._curves = self._learned()

    @property
    def fixed(self) -> float:
        """What the demands' ends cost in any case."""
        ends = {name for demand in self.demands for name in demand.nodes}
        return self.costs.node * len(ends)

    def is_open(self, column: int) -> bool:
        """Whether a variable can be other than 0."""
        return self._upper[column] > 0

    def distance_km(self, demand: int) -> float:
        """Kilometers of fibre between a demand's ends."""
        return float(self.places.distances_km[self.ends[demand]])

    def price_of(self, site: int, role: str) -> float:
        """What it costs that something stands at a site, the first of its kind."""
        return float(getattr(self.costs, role)) + self.site_price(site)

    def site_price(self, site: int) -> float:
        """What a site costs, whatever stands there."""
        own = self.places.sites[site]
        node = 0.0 if any(own.name in demand.nodes for demand in self.demands) else self.costs.node
        return node + own.extra

    def _each(self, price: str) -> float:
        """What stands in a column for a device: nothing if its price falls, which is counted in all."""
        return 0.0 if self.costs.learning_rate else float(getattr(self.costs, price))

    def _learned(self) -> list[Curve]:
        if not self.costs.learning_rate:
            return []
        columns = {role: [c for (_, r), c in self.device.items() if r == role] for role in HOSTED}
        columns |= {"ground_station": list(self.station.values()), "source": list(self.channels.values())}
        return [
            Curve(self.costs, price, tuple(own), round(sum(self._upper[c] for c in own)))
            for price, own in columns.items()
            if own and getattr(self.costs, price)
        ]

    def channels_for(self, paths: Iterable[PathFound], roles: dict[int, str]) -> dict[int, int] | None:
        """The channels of each link that is used; None if there would be too many."""
        loads: dict[int, float] = defaultdict(float)
        for path in paths:
            demand = self.demands[path.demand]
            splits = [s for s in path.sites[1:-1] if roles.get(s) == "trusted"]
            needs = self.judge.needs(demand, path.sites, path.spans, splits)
            for span, each in zip(path.spans, needs, strict=True):
                loads[span] += (demand.rate_hz or 0.0) * each
        found = {}
        for span, load in loads.items():
            rate = self.judge.rate_hz(span)
            found[span] = max(ceil(load / (rate * self.limits.use) - 1e-9), 1) if load and rate else 1
        most = self.limits.most_channels
        return None if most is not None and max(found.values(), default=0) > most else found

    def lit_by(self, channels: dict[int, int]) -> dict[int, int]:
        """How many pairs of fibres are lit, of each fibre that is used."""
        over: dict[int, int] = defaultdict(int)
        for span, number in channels.items():
            for fibre in self.judge.spans[span].fibres:
                over[fibre] += number
        most = self.limits.wavelengths
        return {fibre: 1 if most is None else ceil(number / most) for fibre, number in over.items()}

    def counts_of(self, paths: Sequence[PathFound], roles: dict[int, str]) -> dict[str, int]:
        """How many devices a plan needs of each kind; nothing if it needs too many channels."""
        channels = self.channels_for(paths, roles)
        if channels is None:
            return {}
        found: dict[str, int] = Counter(roles.values())
        return found | {"ground_station": len(self.stations(channels)), "source": sum(channels.values())}

    def cost_of(self, paths: Sequence[PathFound], roles: dict[int, str]) -> float:
        """What a plan costs; infinite if it does not hold."""
        channels = self.channels_for(paths, roles)
        if channels is None:
            return inf
        cost = self.fixed + sum(self.site_price(site) for site in roles)
        cost += sum(self.costs.of(price, number) for price, number in self.counts_of(paths, roles).items())
        lit = self.lit_by(channels).items()
        cost += self.costs.fibre_per_km * sum(self.places.fibres[f].length_km * number for f, number in lit)
        return cost if self.limits.budget is None or cost <= self.limits.budget * (1 + 1e-9) else inf

    def stations(self, channels: Iterable[int]) -> set[int]:
        """Sites on the ground at which a given link to or by a satellite ends."""
        found = set()
        for span in channels:
            place = self.judge.spans[span]
            if place.is_from_space:
                found |= {i for i in (place.a, place.b) if "satellite" not in self.places.sites[i].hosts}
        return found

    def solve(self, time_s: float, at_most: float = inf, *, first: bool = False) -> Answer | None:
        """The best answer, none if there is none; its value is infinite if time was over before one was found.

        Args:
            time_s: how long to look.
            at_most: the cost of a plan that is known.
            first: whether the first answer will do.
        """
        budget = inf if self.limits.budget is None else self.limits.budget
        most = min(at_most * (1 + 1e-9) + 1e-9, budget) - self.fixed
        whole = self.twin()
        for curve in self._curves:
            curve.draw(whole, most)
        if most < inf:
            whole.costs_at_most(most)
        found = whole.least(max(time_s, 0.1), 1e9 if first else self.limits.gap)
        at_least, stopped = self.fixed + found.at_least, found.interrupted
        if found.x is None:
            return None if found.impossible else Answer((), {}, inf, at_least, stopped)
        paths, roles = self._paths(found.x), self._roles(found.x)
        return Answer(paths, roles, self.fixed + found.value, at_least, stopped)

    def learn(self, paths: Sequence[PathFound], roles: dict[int, str]) -> bool:
        """From now on prices that fall are exact at what a plan needs; says whether they were not."""
        counts = self.counts_of(paths, roles)
        refined = [curve.refine(counts.get(curve.price, 0)) for curve in self._curves] if counts else []
        return any(refined)

    def exclude(self, path: PathFound, first: int, last: int) -> None:
        """No demand of this kind and floor, or a higher one, has just this stretch of a path as a whole segment."""
        demand = self.demands[path.demand]
        sites, spans = path.sites[first : last + 1], path.spans[first:last]
        for q, other in enumerate(self.demands):
            arcs = [self.arcs.get((q, s, sites[i])) for i, s in enumerate(spans)]
            stricter = (other.min_fidelity or 0.0) >= (demand.min_fidelity or 0.0)
            if other.kind != demand.kind or not stricter or None in arcs:
                continue
            terms, most = [(a, 1.0) for a in arcs if a is not None], len(spans) - 1.0
            # A trusted node within parts the segment; without one at its ends it is no segment.
            splits = [self.device.get((s, "trusted")) for s in sites]
            inner = [(t, -1.0) for t in splits[1:-1] if t is not None and demand.kind == "key"]
            ends = [t for s, t in ((sites[0], splits[0]), (sites[-1], splits[-1])) if s not in self.ends[q]]
            if None in ends or (ends and demand.kind == "pairs"):
                continue
            self.row([*terms, *inner, *((t, 1.0) for t in ends if t is not None)], -inf, most + len(ends))

    def charge(self, path: PathFound, needs: Sequence[float], splits: Sequence[int]) -> bool:
        """From now on a path of a key takes what it takes; says whether it took less before."""
        wanted = self.demands[path.demand].rate_hz
        if not wanted or not self.counted_links:
            return False
        more = [(s, wanted * n - self.needs[path.demand, s]) for s, n in zip(path.spans, needs, strict=True)]
        if all(amount <= 1e-9 * wanted for _, amount in more):
            return False
        key = (path.demand, path.spans, tuple(splits))
        if key in self._charged:
            return False
        self._charged.add(key)
        used = self.column(whole=False)
        arcs = [(self.arcs[path.demand, s, path.sites[i]], 1.0) for i, s in enumerate(path.spans)]
        inner = [s for s in path.sites[1:-1] if (s, "trusted") in self.device]
        terms = [*arcs, *((self.device[s, "trusted"], 1.0 if s in splits else -1.0) for s in inner)]
        self.row([*terms, (used, -1.0)], -inf, len(arcs) - 1 + sum(s in splits for s in inner))
        for span, amount in more:
            rate = self.judge.rate_hz(span)
            assert rate is not None
            self._entries.append((self.load_row[span], used, amount / (rate * self.limits.use)))
        return True

    def count_hops(self) -> bool:
        """Path by path from now on: a device's place along each demand; says whether that is new."""
        if self._labels_set or self.limits.max_repeaters is None:
            return False
        self._labels_set = True
        most = self.limits.max_repeaters
        places: dict[tuple[int, int], int] = {}
        for q, _, here in self.arcs:
            if here != self.ends[q][0] and (q, here) not in places:
                places[q, here] = self.column(upper=most, whole=False)
        for (q, span, here), arc in self.arcs.items():
            there = self.other(span, here)
            if there == self.ends[q][1]:
                continue
            before = [] if here == self.ends[q][0] else [(places[q, here], 1.0)]
            # place(there) ≥ place(here) + 1 where the arc is used
            if (q, there) in places:
                self.row([*before, (places[q, there], -1.0), (arc, most + 1.0)], -inf, most)
        return True

    def _place_devices(self) -> None:
        self.device: dict[tuple[int, str], int] = {}
        for i, site in enumerate(self.places.sites):
            for role in site.hosts:
                self.device[i, role] = self.column(self._each(role) + self.site_price(i))
            if len(site.hosts) > 1:
                self.row([(self.device[i, role], 1.0) for role in site.hosts], 0, 1)

    def _place_links(self) -> None:
        self.link: dict[int, int] = {}
        self.channels: dict[int, int] = {}
        self.lit: dict[int, int] = {}
        if not self.counted_links:
            return
        limits, costs = self.limits, self.costs
        rate = sum(d.rate_hz or 0.0 for d in self.demands) * limits.paths
        for s in range(len(self.judge.spans)):
            each = self.judge.rate_hz(s)
            most = limits.most_channels or (1 if not rate or each is None else max(ceil(50 * rate / each), 1))
            self.link[s] = self.column()
            self.channels[s] = self.column(self._each("source"), most)
            self.row([(self.channels[s], 1.0), (self.link[s], -1.0)], 0, inf)
            self.row([(self.channels[s], 1.0), (self.link[s], -float(most))], -inf, 0)
        through = defaultdict(list)
        for s, span in enumerate(self.judge.spans):
            for f in span.fibres:
                through[f].append(s)
        if costs.fibre_per_km or limits.wavelengths:
            for f, over in through.items():
                price = costs.fibre_per_km * self.places.fibres[f].length_km
                self.lit[f] = self.column(price, inf if limits.wavelengths else 1.0)
                for s in over:
                    self.row([(self.link[s], 1.0), (self.lit[f], -1.0)], -inf, 0)
                if limits.wavelengths:
                    terms = [(self.channels[s], 1.0) for s in over]
                    self.row([*terms, (self.lit[f], -float(limits.wavelengths))], -inf, 0)

    def _place_stations(self) -> None:
        self.station: dict[int, int] = {}
        if not self.costs.ground_station:
            return
        for site in sorted(self.stations(self.link)):
            station = self.station[site] = self.column(self._each("ground_station"))
            for s, span in enumerate(self.judge.spans):
                if span.is_from_space and site in (span.a, span.b):
                    self.row([(self.link[s], 1.0), (station, -1.0)], -inf, 0)

    def _place_flows(self) -> None:
        limits, index = self.limits, self.places.index
        self.ends = [(index[d.a], index[d.b]) for d in self.demands]
        self.arcs: dict[tuple[int, int, int], int] = {}
        """From demand, span and the site where it begins to its column."""
        swaps = {i: self.judge.swap_loss(i) for i, _ in self.device}
        for q, demand in enumerate(self.demands):
            a, b = self.ends[q]
            inner = {i for i, role in self.device if role != "trusted" or demand.kind == "key"}
            out, into = defaultdict(list), defaultdict(list)
            allowed = least_loss(demand)
            losses: list[tuple[int, float]] = []
            for s, span in enumerate(self.judge.spans):
                own = self.judge.loss(s) if np.isfinite(allowed) else 0.0
                if own > allowed + 1e-9:
                    continue
                for here, there in ((span.a, span.b), (span.b, span.a)):
                    if here != b and there != a and (here == a or here in inner) and (there == b or there in inner):
                        arc = self.arcs[q, s, here] = self.column()
                        out[here].append(arc)
                        into[there].append(arc)
                        losses.append((arc, own + (swaps[there] if there != b else 0.0)))
            self.row([(arc, 1.0) for arc in out[a]], limits.paths, limits.paths)
            self.row([(arc, 1.0) for arc in into[b]], limits.paths, limits.paths)
            for site in inner - {a, b}:
                self.row([*((x, 1.0) for x in into[site]), *((x, -1.0) for x in out[site])], 0, 0)
                roles = [r for r in self.places.sites[site].hosts if r != "trusted" or demand.kind == "key"]
                devices = [(self.device[site, role], -1.0) for role in roles]
                self.row([*((x, 1.0) for x in into[site]), *devices], -inf, 0)
            if limits.max_repeaters is not None:
                arcs = [arc for column in out.values() for arc in column]
                self.row([(x, 1.0) for x in arcs], 0, limits.paths * (limits.max_repeaters + 1))
            whole = demand.kind == "pairs" or not any(role == "trusted" for _, role in self.device)
            if np.isfinite(allowed) and whole:
                self.row(losses, -inf, limits.paths * allowed + 1e-9)

    def _share_devices(self) -> None:
        if self.limits.paths_per_repeater is None:
            return
        entering = defaultdict(list)
        for (_, span, here), arc in self.arcs.items():
            entering[self.other(span, here)].append(arc)
        for site in {i for i, _ in self.device}:
            devices = [self.device[site, role] for role in self.places.sites[site].hosts]
            terms = [(arc, 1.0) for arc in entering[site]]
            self.row([*terms, *((d, -float(self.limits.paths_per_repeater)) for d in devices)], -inf, 0)

    def _share_links(self) -> None:
        self.needs: dict[tuple[int, int], float] = {}
        self.load_row: dict[int, int] = {}
        self._charged: set[tuple[int, tuple[int, ...], tuple[int, ...]]] = set()
        if not self.counted_links:
            return
        over = defaultdict(list)
        for (q, span, _), arc in self.arcs.items():
            over[span].append((q, arc))
        for span, users in over.items():
            for q in {q for q, _ in users}:
                # either way, but not both; in spite of what it carries a link that is used is there
                self.row([*((arc, 1.0) for p, arc in users if p == q), (self.link[span], -1.0)], -inf, 0)
            rate = self.judge.rate_hz(span)
            terms = []
            for q, arc in users:
                demand = self.demands[q]
                each = demand.rate_hz or 0.0
                if demand.kind == "key" and each:
                    fraction = self.judge.segment(self.judge.spans[span].a, (span,))[1]
                    each = each / fraction if fraction else inf
                if not np.isfinite(each):
                    self._upper[arc] = 0.0
                    each = 0.0
                self.needs[q, span] = each
                if each and rate is not None:
                    terms.append((arc, each / (rate * self.limits.use)))
            self.load_row[span] = self.row([*terms, (self.channels[span], -1.0)], -inf, 0)

    def other(self, span: int, here: int) -> int:
        """The other end of a span."""
        place = self.judge.spans[span]
        return place.b if place.a == here else place.a

    def _paths(self, x: FloatArray) -> tuple[PathFound, ...]:
        """The paths of an answer; circles, which serve nobody, are left out."""
        steps: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for (q, span, here), arc in self.arcs.items():
            if x[arc] > 0.5:
                steps[q, here].append((span, self.other(span, here)))
        found = []
        for q, (a, b) in enumerate(self.ends):
            for span, there in steps[q, a]:
                sites, spans = [a, there], [span]
                while sites[-1] != b:
                    ((step, onward),) = steps[q, sites[-1]]
                    spans.append(step)
                    sites.append(onward)
                found.append(PathFound(q, tuple(sites), tuple(spans)))
        return tuple(found)

    def _roles(self, x: FloatArray) -> dict[int, str]:
        return {site: role for (site, role), column in self.device.items() if x[column] > 0.5}
