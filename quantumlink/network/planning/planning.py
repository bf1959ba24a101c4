"""`plan_network`: where to build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.answers import Answer, PathFound
from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.equipment import Parts, checked_parts
from quantumlink.network.planning.greedy import Greedy
from quantumlink.network.planning.judging import Judge
from quantumlink.network.planning.limits import Limits
from quantumlink.network.planning.places import Places, places_of
from quantumlink.network.planning.plan import NetworkPlan, planned
from quantumlink.network.planning.programme import Programme

KINDS = ("pairs", "key")
"""Kinds of demands that can be planned for."""


class NoPlan(ValueError):
    """There is no plan; the text says which condition is in the way."""


def plan_network(
    sites: Any,
    fibres: Any,
    demands: Sequence[Demand],
    *,
    parts: Any = None,
    costs: Costs,
    max_link_km: float | None = None,
    max_repeaters: int | None = None,
    paths: int = 1,
    paths_per_repeater: int | None = None,
    wavelengths: int | None = None,
    most_channels: int | None = None,
    budget: float | None = None,
    use: float = 1.0,
    gap: float = 1e-6,
    time_limit_s: float = 60.0,
    name: str = "plan",
) -> NetworkPlan:
    """The cheapest network that serves all demands: what stands where, which fibres are lit, who goes where.

    Links run along the shortest fibre between two sites. Each demand goes over ``paths`` paths that have no device
    in common, so that one fewer may fail; each path alone carries the demand's rate, in the mean and where nothing
    has to wait (as in `Network.capacity`), and reaches its floor of fidelity, by the exact state of `evaluate`.
    A demand without a rate wants to be connected. See `quantumlink.network.planning` for the model.

    Args:
        sites: `Site` or `Node` objects, names, or a mapping from names to positions (latitude, longitude). A name
            alone is an end if a demand ends there, else a place for a repeater or a trusted node.
        fibres: `Fibre` objects or triples (site, site, kilometers); and `ElementaryLink` objects for what does not
            run through fibre, such as a satellite's.
        demands: what is wanted, at least one `Demand`.
        parts: what it is built from: an `Equipment`, its arguments, or an object of your own with the methods
            ``node(site, role)`` and ``link(left, right, length_km)``; `Equipment()` if None.
        costs: the prices.
        max_link_km: the longest elementary link.
        max_repeaters: most devices on a path.
        paths: disjoint paths of each demand.
        paths_per_repeater: most paths that one device serves.
        wavelengths: channels that fit into a pair of fibres; more need another pair. None for as many as wanted.
        most_channels: most channels of one elementary link.
        budget: the most that building may cost.
        use: share of a link's pairs that is planned with, in (0, 1]; less leaves room for waiting.
        gap: relative difference from the optimum that is accepted as none.
        time_limit_s: how long to look; then the best plan found comes back, which says how far it may be from the
            optimum.
        name: of the network.

    Raises:
        ValueError: if a price or a limit is out of range, a name is unknown, or the ends of a demand are not
            connected.
        NoPlan: if there is no plan; conditions in the way are told.

    >>> plan = plan_network(["a", "r", "s", "b"], [("a", "r", 60), ("r", "b", 50), ("a", "s", 40), ("s", "b", 90)],
    ...                     [Demand("a", "b")], costs=Costs(repeater=1.0), max_link_km=80)
    >>> plan
    <NetworkPlan: 1 repeater, cost 1, proven>
    >>> plan.network.route("a", "b")
    <Swap a–b via r, 2 elementary pairs>
    """
    limits = Limits(
        max_link_km, max_repeaters, paths, paths_per_repeater, wavelengths, most_channels, budget, use, gap
    )
    problem = problem_of(sites, fibres, demands, parts, costs, limits, name)
    return solve(problem, validation.positive("time_limit_s", time_limit_s))


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that a plan is made from."""

    places: Places
    demands: tuple[Demand, ...]
    parts: Parts
    costs: Costs
    limits: Limits
    name: str


def checked_demands(demands: Any) -> tuple[Demand, ...]:
    """The demands, one at least; one that is listed twice becomes two, for plans tell them apart."""
    if isinstance(demands, Demand):
        demands = (demands,)
    wanted = tuple(validation.sequence("demands", demands, "Demand objects"))
    if not wanted:
        raise ValueError("demands must hold at least one Demand, got none")
    for i, demand in enumerate(wanted):
        validation.instance(f"demands[{i}]", demand, Demand, "a Demand")
    return tuple(
        replace(demand) if any(demand is x for x in wanted[:i]) else demand for i, demand in enumerate(wanted)
    )


def problem_of(sites: Any, fibres: Any, demands: Any, parts: Any, costs: Any, limits: Limits, name: str) -> Problem:
    """The problem, checked."""
    wanted = checked_demands(demands)
    for i, demand in enumerate(wanted):
        if demand.kind not in KINDS:
            raise ValueError(f"demands[{i}] ({demand.name}) must be of the kind pairs or key here")
        if demand.rate_hz is None and not demand.is_saturated:
            raise ValueError(f"demands[{i}] ({demand.name}) must say what it wants by rate_hz, or nothing")
    validation.instance("costs", costs, Costs, "Costs")
    validation.instance("name", name, str, "the name of the network")
    places = places_of(sites, fibres, wanted)
    for i, demand in enumerate(wanted):
        for end in (demand.a, demand.b):
            validation.choice(f"demands[{i}]: a node", end, places.index)
    return Problem(places, wanted, checked_parts(parts), costs, limits, name)


def solve(problem: Problem, time_limit_s: float) -> NetworkPlan:
    """The plan, or why there is none."""
    from quantumlink.network.planning.refusal import why_there_is_none

    programme, answer, at_least = optimum(problem, time_limit_s)
    if answer is None:
        raise NoPlan(why_there_is_none(problem, time_limit_s))
    if answer.value == inf:
        raise NoPlan(
            f"no plan was found within time_limit_s={time_limit_s:g}, though there may be one: look longer, or "
            f"with fewer sites or a shorter max_link_km"
        )
    return planned(problem, programme, answer, at_least)


def optimum(
    problem: Problem, time_limit_s: float, *, first: bool = False
) -> tuple[Programme, Answer | None, float]:
    """The programme, its answer (none if there is none), and a cost that no plan falls below."""
    ends = monotonic() + time_limit_s
    spans = problem.places.spans(problem.limits.max_link_km)
    judge = Judge(problem.places, spans, problem.parts)
    _check_rates(problem, judge)
    programme = Programme(problem.places, problem.demands, judge, problem.costs, problem.limits)
    known = Greedy(programme).answer()
    best = Answer((), {}, inf, -inf)
    if known is not None:
        best = Answer(*known, programme.cost_of(*known), -inf)
        if first and best.value < inf:
            return programme, best, -inf
    at_least = -inf
    while True:
        answer = programme.solve(ends - monotonic(), best.value, first=first)
        if answer is None:
            return programme, (best if best.value < inf else None), at_least
        at_least = max(at_least, answer.at_least)
        if answer.value == inf:
            return programme, best, at_least
        roles = {site: answer.roles[site] for path in answer.paths for site in path.sites[1:-1]}
        if not _grown(programme, answer.paths, roles):
            own = programme.cost_of(answer.paths, roles)
            if own <= best.value:
                best = Answer(answer.paths, roles, own, at_least)
            return programme, best, at_least
        if monotonic() >= ends:
            return programme, best, at_least


def _grown(programme: Programme, paths: tuple[PathFound, ...], roles: dict[int, str]) -> bool:
    """Whether an answer does not hold, and the programme now knows why."""
    grown, most = False, programme.limits.max_repeaters
    if most is not None and any(len(path.sites) > most + 2 for path in paths):
        grown = programme.count_hops()
    for path in paths:
        splits = [s for s in path.sites[1:-1] if roles[s] == "trusted"]
        found = programme.judge.judge(programme.demands[path.demand], path.sites, path.spans, splits)
        if not found.good:
            programme.exclude(path, *found.bad_segment)
            grown = True
        else:
            grown |= programme.charge(path, found.needs, splits)
    return grown


def _check_rates(problem: Problem, judge: Judge) -> None:
    if not any(demand.rate_hz for demand in problem.demands):
        return
    for i, span in enumerate(judge.spans):
        if judge.rate_hz(i) is None:
            names = problem.places.sites[span.a].name, problem.places.sites[span.b].name
            raise ValueError(
                f"demands want rates, but the link {'–'.join(names)} does not say how its pairs come: parts must "
                f"give a source, or a success_probability with an attempt_time_s"
            )
