"""The result: what is built where, what it serves, what it costs."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.network import Network
from quantumlink.network.planning.costs import PRICES, Costs, Counts
from quantumlink.network.planning.places import Fibre
from quantumlink.network.planning.problem import Problem
from quantumlink.network.planning.programme import Programme
from quantumlink.network.planning.refusal import NoPlan, why_there_is_none
from quantumlink.network.planning.solving import Outcome, optimum
from quantumlink.tables import html_table

YEAR_S = 365.25 * 24 * 3600.0
"""Seconds in a Julian year."""


@dataclass(frozen=True)
class PlannedPath:
    """How a demand is served."""

    demand: Demand
    sites: tuple[str, ...]
    """Where something stands, from end to end."""
    trusted: tuple[str, ...]
    """Those of them that are trusted."""
    length_km: float
    fidelity: float
    """Of its pairs, nothing having to wait; of a key over trusted nodes, of the worst segment's."""
    links: tuple[int, ...]
    """Numbers of its links in ``NetworkPlan.links``."""
    takes_hz: tuple[float, ...]
    """For each of them, how many pairs a second it takes."""


@dataclass(frozen=True)
class PlannedLink:
    """An elementary link that is built."""

    a: str
    b: str
    fibres: tuple[int, ...]
    """Numbers of the fibres that it runs through, among those that were given."""
    length_km: float
    channels: int
    rate_hz: float | None
    """Pairs a second of one channel; None if unknown."""


@dataclass(frozen=True, eq=False)
class NetworkPlan:
    """What to build: see `plan_network`."""

    network: Network
    """What is built, as a network: it loads, simulates, draws. A link of several channels is there as often."""
    built: dict[str, str]
    """What stands where, beside the ends."""
    paths: tuple[PlannedPath, ...]
    links: tuple[PlannedLink, ...]
    lit: dict[Fibre, int]
    """How many pairs of fibres are lit, of each fibre that is used."""
    counts: Counts
    at_least: float
    """No plan costs less."""
    problem: Problem
    extras: float
    """What sites cost beside the usual prices."""
    interrupted: bool = False
    """Whether Ctrl-C was pressed while cheaper plans were looked for."""

    @property
    def costs(self) -> Costs:
        """The prices."""
        return self.problem.costs

    @property
    def items(self) -> dict[str, float]:
        """What everything costs to build, by what it is; learning included."""
        extra = {"sites": self.extras} if self.extras else {}
        return {**self.costs.items(self.counts), **extra}

    @property
    def cost(self) -> float:
        """What building costs."""
        return sum(self.items.values())

    @property
    def gap(self) -> float:
        """How far the cost may be from that of the best plan, relative to it."""
        return max(0.0, (self.cost - self.at_least) / self.cost) if self.cost else 0.0

    @property
    def proven(self) -> bool:
        """Whether no plan costs less."""
        return self.gap <= self.problem.limits.gap + 1e-9

    @property
    def limit(self) -> str:
        """In words, whether a plan may cost less."""
        stopped = "interrupted, " if self.interrupted else ""
        return "proven" if self.proven else f"{stopped}at least {self.at_least:.6g}"

    def total(self, years: float) -> float:
        """What building costs, and running for some years."""
        return self.cost * (1 + self.costs.opex_per_year * validation.number("years", years, at_least=0.0))

    def cost_per_unit(self, years: float) -> dict[Demand, float]:
        """What a pair or secret bit of each demand costs over some years, if all of it is used.

        Demands share what they use: a link by the pairs that they take of it (equally, if none), a device,
        a station and a fibre equally by paths. Demands without a rate are left out; of equal ones it is the mean.
        """
        validation.positive("years", years)
        shares = self._shares()
        scale = self.total(years) / self.cost if self.cost else 0.0
        paid, units = defaultdict[Demand, float](float), defaultdict[Demand, float](float)
        for demand, share in zip(self.problem.demands, shares, strict=True):
            if demand.rate_hz:
                paid[demand] += share * scale
                units[demand] += demand.rate_hz * years * YEAR_S
        return {demand: paid[demand] / units[demand] for demand in paid}

    def sensitivity(
        self, change: float = 0.2, *, replan: bool = False, time_limit_s: float = 60.0
    ) -> dict[str, tuple[float, float]]:
        """The cost if each price by itself is lower, and higher, by some share; the largest effect first.

        Args:
            change: by what share, in (0, 1].
            replan: whether the best plan under each price is looked for; else this plan is built whatever it costs.
            time_limit_s: how long each may be looked for.
        """
        validation.positive("change", change, at_most=1.0)
        found = {}
        for price in PRICES:
            each = getattr(self.costs, price)
            if not each:
                continue
            ends = []
            for factor in (1 - change, 1 + change):
                values = {p: getattr(self.costs, p) for p in (*PRICES, "opex_per_year", "learning_rate")}
                others = any(values[p] for p in PRICES if p != price)
                if factor == 0 and not others:
                    ends.append(self.extras)
                    continue
                costs = Costs(**{**values, price: each * factor})
                if replan:
                    other = solve(replace(self.problem, costs=costs), time_limit_s)
                    if other.interrupted:
                        raise KeyboardInterrupt
                    ends.append(other.cost)
                else:
                    ends.append(sum(costs.items(self.counts).values()) + self.extras)
            found[price] = (ends[0], ends[1])
        return dict(sorted(found.items(), key=lambda item: item[1][0] - item[1][1]))

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data, as ``quantumlink build --json`` prints it."""
        return {
            "cost": self.cost,
            "at_least": self.at_least,
            "gap": self.gap,
            "proven": self.proven,
            "interrupted": self.interrupted,
            "items": self.items,
            "counts": vars(self.counts),
            "built": self.built,
            "links": [vars(link) | {"fibres": list(link.fibres)} for link in self.links],
            "fibres": [{"between": [f.a, f.b], "length_km": f.length_km, "pairs": n} for f, n in self.lit.items()],
            "paths": [
                {"a": path.demand.a, "b": path.demand.b, "kind": path.demand.kind, "wants_hz": path.demand.rate_hz,
                 "sites": list(path.sites), "trusted": list(path.trusted), "length_km": path.length_km,
                 "fidelity": path.fidelity, "takes_hz": list(path.takes_hz)}
                for path in self.paths
            ],
        }  # fmt: skip

    def pieces(self) -> dict[Hashable, float]:
        """What is built piece by piece, and what each costs: sites, channels, fibres."""
        items = self.items
        each = {price: items.get(price, 0.0) / max(self.counts.of(price), 1e-300) for price in PRICES}
        extra = {site.name: site.extra for site in self.problem.places.sites}
        found: dict[Hashable, float] = {}
        for name in self.network.nodes:
            own = each[self.built[name]] + extra[name] if name in self.built else 0.0
            station = each["ground_station"] if name in self._stations else 0.0
            found["site", name] = each["node"] + own + station
        found |= {("link", i): each["source"] for i in range(len(self.links))}
        return found | {("fibre", f): each["fibre_per_km"] * f.length_km * n for f, n in self.lit.items()}

    def pieces_of(self, path: PlannedPath) -> list[Hashable]:
        """What a path uses of them."""
        found: list[Hashable] = [("site", site) for site in path.sites]
        found += [("link", link) for link in path.links]
        fibres = self.problem.places.fibres
        return found + [("fibre", fibres[f]) for link in path.links for f in self.links[link].fibres]

    def _shares(self) -> list[float]:
        """What each demand has to pay for building."""
        shares = [0.0] * len(self.problem.demands)
        number = {id(demand): i for i, demand in enumerate(self.problem.demands)}
        uses: dict[Hashable, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for path in self.paths:
            takes: dict[Hashable, float] = {
                ("link", i): amount for i, amount in zip(path.links, path.takes_hz, strict=True)
            }
            for piece in self.pieces_of(path):
                uses[piece][number[id(path.demand)]] += (takes[piece] or 1e-9) if piece in takes else 1.0
        channels: dict[Hashable, int] = {("link", i): link.channels for i, link in enumerate(self.links)}
        for piece, price in self.pieces().items():
            for user, amount in uses[piece].items():
                shares[user] += price * channels.get(piece, 1) * amount / sum(uses[piece].values())
        return shares

    @property
    def _stations(self) -> set[str]:
        found = set()
        for span in self.problem.places.spans(0.0):
            for i in (span.a, span.b) if span.is_from_space else ():
                if "satellite" not in self.problem.places.sites[i].hosts:
                    found.add(self.problem.places.sites[i].name)
        ends = {end for link in self.links if not link.fibres for end in (link.a, link.b)}
        return found & ends

    def __repr__(self) -> str:
        names = {"repeater": "repeater", "trusted": "trusted node", "satellite": "satellite"}
        told = []
        for role, name in names.items():
            if number := getattr(self.counts, role):
                told.append(f"{number} {name}{'' if number == 1 else 's'}")
        return f"<NetworkPlan: {', '.join(told) or 'no device'}, cost {self.cost:.6g}, {self.limit}>"

    def _repr_html_(self) -> str:
        rows = [(name, f"{cost:.6g}") for name, cost in self.items.items()]
        rows.append(("in all", f"{self.cost:.6g} ({self.limit})"))
        rows += [(role, ", ".join(s for s, r in self.built.items() if r == role)) for role in
                 sorted(set(self.built.values()))]  # fmt: skip
        return html_table(f"plan {self.problem.name}", rows)


def solve(problem: Problem, time_limit_s: float) -> NetworkPlan:
    """The plan, or why there is none."""
    outcome = optimum(problem, time_limit_s)
    if outcome.impossible:
        raise NoPlan(why_there_is_none(problem, time_limit_s))
    if not outcome.found:
        raise NoPlan(
            f"no plan was found within time_limit_s={time_limit_s:g}, though there may be one: look longer, or "
            f"with fewer sites or a shorter max_link_km"
        )
    plan = planned(problem, outcome)
    if plan.interrupted:
        warnings.warn(
            f"interrupted: this plan costs {plan.cost:.6g}, and none costs less than {plan.at_least:.6g}",
            UserWarning,
            stacklevel=3,
        )
    return plan


def planned(problem: Problem, outcome: Outcome) -> NetworkPlan:
    """The cheapest plan that was found."""
    programme, answer = outcome.programme, outcome.best
    judge, places = programme.judge, problem.places
    channels = programme.channels_for(answer.paths, answer.roles)
    assert channels is not None
    number = {span: i for i, span in enumerate(channels)}
    names = [site.name for site in places.sites]
    paths = []
    for path in answer.paths:
        demand = problem.demands[path.demand]
        splits = [s for s in path.sites[1:-1] if answer.roles[s] == "trusted"]
        found = judge.judge(demand, path.sites, path.spans, splits)
        takes = tuple((demand.rate_hz or 0.0) * need for need in found.needs)
        length = sum(judge.spans[s].length_km for s in path.spans)
        own = tuple(number[s] for s in path.spans)
        inner, trusted = tuple(names[s] for s in path.sites), tuple(names[s] for s in splits)
        paths.append(PlannedPath(demand, inner, trusted, length, found.fidelity, own, takes))
    links = tuple(
        PlannedLink(names[judge.spans[s].a], names[judge.spans[s].b], judge.spans[s].fibres,
                    judge.spans[s].length_km, n, judge.rate_hz(s))
        for s, n in channels.items()
    )  # fmt: skip
    lit = {places.fibres[f]: n for f, n in programme.lit_by(channels).items()}
    roles = list(answer.roles.values())
    ends = {name for demand in problem.demands for name in (demand.a, demand.b)}
    counts = Counts(
        node=len(ends | {names[site] for site in answer.roles}),
        repeater=roles.count("repeater"),
        trusted=roles.count("trusted"),
        satellite=roles.count("satellite"),
        ground_station=len(programme.stations(channels)),
        source=sum(channels.values()),
        fibre_km=sum(f.length_km * n for f, n in lit.items()),
    )
    built = {names[site]: role for site, role in sorted(answer.roles.items())}
    extras = sum(places.sites[site].extra for site in answer.roles)
    network = _network(problem, programme, channels, answer.roles)
    return NetworkPlan(
        network, built, tuple(paths), links, lit, counts, outcome.at_least, problem, extras,
        interrupted=outcome.interrupted,
    )  # fmt: skip


def _network(problem: Problem, programme: Programme, channels: dict[int, int], roles: dict[int, str]) -> Network:
    judge, nodes = programme.judge, {}
    for span in channels:
        for site in (judge.spans[span].a, judge.spans[span].b):
            nodes[site] = judge.node(site, roles.get(site, "end"))
    links = []
    for span, number in channels.items():
        place = judge.spans[span]
        ends = nodes[place.a], nodes[place.b]
        links += [place.given or problem.parts.link(*ends, place.length_km)] * number
    return Network([nodes[site] for site in sorted(nodes)], links, problem.name)
