"""Solving: the cheapest answer to a problem, and a cost that none falls below; interrupted, as far as it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from time import monotonic

from quantumlink.interrupts import keep
from quantumlink.network.planning.answers import Answer, PathFound
from quantumlink.network.planning.greedy import Greedy
from quantumlink.network.planning.judging import Judge
from quantumlink.network.planning.problem import Problem
from quantumlink.network.planning.programme import Programme


@dataclass
class Outcome:
    """What is known of a problem's plans."""

    programme: Programme
    best: Answer = field(default_factory=lambda: Answer((), {}, inf, -inf))
    """The cheapest plan that was found; its value is infinite if none was."""
    at_least: float = -inf
    """No plan costs less."""
    impossible: bool = False
    """Whether there is no plan."""
    interrupted: bool = False
    """Whether Ctrl-C was pressed before it was known whether there is a cheaper one."""

    @property
    def found(self) -> bool:
        """Whether there is a plan."""
        return self.best.value < inf

    def try_(self, paths: tuple[PathFound, ...], roles: dict[int, str]) -> None:
        """Keep a plan that holds, if none is cheaper."""
        cost = self.programme.cost_of(paths, roles)
        if cost <= self.best.value and cost < inf:
            self.best = Answer(paths, roles, cost, self.at_least)


def optimum(problem: Problem, time_limit_s: float, *, first: bool = False) -> Outcome:
    """The cheapest plan, or the first that is found.

    Raises:
        KeyboardInterrupt: if it was interrupted before there was a plan.
    """
    ends = monotonic() + time_limit_s
    spans = problem.places.spans(problem.limits.max_link_km)
    judge = Judge(problem.places, spans, problem.parts)
    _check_rates(problem, judge)
    programme = Programme(problem.places, problem.demands, judge, problem.costs, problem.limits)
    outcome = Outcome(programme, at_least=programme.fixed)
    try:
        greedy = Greedy(programme)
        known = greedy.answer()
        if known is not None:
            outcome.try_(*known)
        outcome.interrupted = greedy.interrupted
        while not (outcome.interrupted or (first and outcome.found)) and _look(outcome, problem, ends, first=first):
            pass
    except KeyboardInterrupt:
        outcome.interrupted = True
        keep()
    if outcome.interrupted and not outcome.found:
        raise KeyboardInterrupt
    return outcome


def _look(outcome: Outcome, problem: Problem, ends: float, *, first: bool) -> bool:
    """Solve the programme; says whether it has to be solved again, with what was learnt."""
    programme = outcome.programme
    answer = programme.solve(ends - monotonic(), outcome.best.value, first=first)
    if answer is None:
        outcome.impossible = not outcome.found
        return False
    outcome.at_least = max(outcome.at_least, answer.at_least)
    outcome.interrupted = answer.interrupted
    if answer.value == inf:
        return False
    roles = {site: answer.roles[site] for path in answer.paths for site in path.sites[1:-1]}
    if not _grown(programme, answer.paths, roles):
        outcome.try_(answer.paths, roles)
        best = outcome.best.value
        enough = outcome.found if first else best - outcome.at_least <= problem.limits.gap * best
        if enough or not programme.learn(answer.paths, roles):
            return False
    return not answer.interrupted and monotonic() < ends


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
