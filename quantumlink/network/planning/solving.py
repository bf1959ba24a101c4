"""Solving: the cheapest answer to a problem, and a cost that none falls below."""

from __future__ import annotations

from math import inf
from time import monotonic

from quantumlink.network.planning.answers import Answer, PathFound
from quantumlink.network.planning.greedy import Greedy
from quantumlink.network.planning.judging import Judge
from quantumlink.network.planning.problem import Problem
from quantumlink.network.planning.programme import Programme


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
    at_least = programme.fixed
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
            enough = best.value < inf if first else best.value - at_least <= problem.limits.gap * best.value
            if enough or not programme.learn(answer.paths, roles):
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
