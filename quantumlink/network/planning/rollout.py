"""Building a plan over years: what to build first, and what it serves then.

An integer programme over years: what stands and is lit by each year, how many channels a link has by then, and
which demands are served. What is spent by a year is no more than the budgets up to it. A demand is served when
all its paths are there with the pairs that they take. Most is served, summed over the years and weighted; of
equal answers, that which spends least early.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from quantumlink import validation
from quantumlink.network.integer_programme import IntegerProgramme
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.plan import NetworkPlan

SPENDING = 1e-4
"""How much what is spent counts beside the least of what is served, where weights are not the same."""


@dataclass(frozen=True)
class Year:
    """What is done in one year."""

    number: int
    """From 1 on."""
    built: tuple[str, ...]
    """Names of sites at which something is put."""
    links: tuple[tuple[str, str, int], ...]
    """Links that get channels, and how many."""
    spent: float
    served: tuple[Demand, ...]
    """Who is served from then on, those of the years before included."""


def roll_out(
    plan: NetworkPlan,
    *,
    budget_per_year: float,
    years: int,
    weights: Mapping[Demand, float] | None = None,
    time_limit_s: float = 60.0,
) -> tuple[Year, ...]:
    """What to build first under a budget; what is not spent is kept for later.

    Prices are those of the plan on average; running costs are not among them. If interrupted by Ctrl-C, the best
    that was found comes back, with a warning.

    Args:
        plan: what there shall be in the end.
        budget_per_year: for building.
        years: how many.
        weights: how much each demand of the plan counts; all the same if None.
        time_limit_s: how long to look.

    Raises:
        ValueError: if a number is out of range, weights are not those of the plan's demands, or nothing was found
            in time.
        TypeError: if the plan is none, or weights are no mapping.
    """
    validation.instance("plan", plan, NetworkPlan, "a NetworkPlan, as plan_network returns")
    budget = validation.positive("budget_per_year", budget_per_year)
    validation.count("years", years, at_least=1)
    limit_s = validation.positive("time_limit_s", time_limit_s)
    return _Schedule(plan, budget, years, _worth(plan.problem.demands, weights)).solved(limit_s)


def _worth(demands: Sequence[Demand], weights: Any) -> list[float]:
    """How much each demand counts, in their order."""
    if weights is None:
        return [1.0] * len(demands)
    validation.instance("weights", weights, Mapping, "a mapping from the plan's demands to numbers")
    missing, strange = [d for d in demands if d not in weights], [d for d in weights if d not in demands]
    if missing or strange:
        told = [f"{d!r} has none" for d in missing] + [f"{d!r} is not among them" for d in strange]
        raise ValueError(f"weights must have a number for each of the plan's demands: {'; '.join(told)}")
    return [validation.positive(f"weights: that of {demand!r}", weights[demand]) for demand in demands]


class _Schedule:
    """The programme: for each thing and demand one variable a year."""

    def __init__(self, plan: NetworkPlan, budget: float, years: int, worth: Sequence[float]) -> None:
        self._plan, self._years, self._worth = plan, years, worth
        self._price: dict[Hashable, float] = plan.pieces()
        upper = dict.fromkeys(self._price, 1.0)
        upper |= {("link", i): float(link.channels) for i, link in enumerate(plan.links)}
        demands = plan.problem.demands
        self._things: list[Hashable] = [*self._price, *(("demand", i) for i in range(len(demands)))]
        self._place = {thing: i for i, thing in enumerate(self._things)}
        self._upper = np.array([upper.get(thing, 1.0) for thing in self._things] * years)
        self._rows: list[tuple[dict[int, float], float]] = []
        for year in range(years):
            own = {self._at(thing, year): price for thing, price in self._price.items() if price}
            self._rows.append((own, budget * (year + 1) * (1 + 1e-9)))
            self._rows += [({self._at(t, year - 1): 1.0, self._at(t, year): -1.0}, 0.0)
                           for t in self._things if year]  # fmt: skip
            self._need(year)

    def _at(self, thing: Hashable, year: int) -> int:
        return year * len(self._things) + self._place[thing]

    def _need(self, year: int) -> None:
        plan, number = self._plan, {id(d): i for i, d in enumerate(self._plan.problem.demands)}
        loads: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for path in plan.paths:
            served = self._at(("demand", number[id(path.demand)]), year)
            things = dict.fromkeys(thing for thing in plan.pieces_of(path) if thing in self._place)
            self._rows += [({served: 1.0, self._at(thing, year): -1.0}, 0.0) for thing in things]
            for link, takes in zip(path.links, path.takes_hz, strict=True):
                loads[link][served] += takes
        for link, users in loads.items():
            rate = plan.links[link].rate_hz
            if rate is not None and any(users.values()):
                row = dict(users)
                row[self._at(("link", link), year)] = -rate * plan.problem.limits.use * (1 + 1e-9)
                self._rows.append((row, 0.0))

    def solved(self, time_limit_s: float) -> tuple[Year, ...]:
        n = len(self._things)
        goal = np.zeros(n * self._years)
        spent = max(sum(p * u for p, u in zip(self._price.values(), self._upper, strict=False)), 1e-300)
        # What is served comes first: sums of it differ by the least weight at least where all are the same.
        spending = min(self._worth) * (0.5 if len(set(self._worth)) == 1 else SPENDING)
        for year in range(self._years):
            for i, worth in enumerate(self._worth):
                goal[self._at(("demand", i), year)] = -worth
            for thing, price in self._price.items():
                goal[self._at(thing, year)] = spending * (price + 1e-9 * spent) / spent / self._years
        entries = [(r, c, v) for r, (row, _) in enumerate(self._rows) for c, v in row.items()]
        rows, columns, values = zip(*entries, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self._rows), len(goal)))
        programme = IntegerProgramme(
            goal, np.ones(len(goal)), (np.zeros(len(goal)), self._upper), matrix,
            np.full(len(self._rows), -np.inf), np.array([most for _, most in self._rows]),
        )  # fmt: skip
        found = programme.solve(time_limit_s, 1e-9)
        if found.interrupted and found.x is None:
            raise KeyboardInterrupt
        if found.x is None:
            raise ValueError(f"no roll-out was found within time_limit_s={time_limit_s:g}: look longer")
        if found.interrupted:
            warnings.warn("interrupted: this is the best roll-out found so far", UserWarning, stacklevel=3)
        done = np.round(found.x.reshape(self._years, n)).astype(int)
        return tuple(self._year(i, done) for i in range(self._years))

    def _year(self, year: int, done: np.ndarray) -> Year:
        before = done[year - 1] if year else np.zeros_like(done[0])
        new = {thing: int(done[year][i] - before[i]) for thing, i in self._place.items()}
        links = self._plan.links
        spent = sum(price * new[thing] for thing, price in self._price.items())
        built = [site for site in self._plan.built if new.get(("site", site), 0)]
        grown = [(links[i].a, links[i].b, n) for i in range(len(links)) if (n := new["link", i])]
        served = [d for i, d in enumerate(self._plan.problem.demands) if done[year][self._place["demand", i]]]
        return Year(year + 1, tuple(built), tuple(grown), spent, tuple(served))
