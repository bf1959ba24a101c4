"""Why there is no plan: which conditions are in the way, found by relaxing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from quantumlink.network.planning.problem import Problem
from quantumlink.network.planning.solving import optimum

FREE: dict[str, Any] = {
    "max_link_km": None,
    "max_repeaters": None,
    "paths": 1,
    "paths_per_repeater": None,
    "most_channels": None,
    "budget": None,
    "min_fidelity": None,
}
"""What each condition is when it is none."""


class NoPlan(ValueError):
    """There is no plan; the text says which condition is in the way."""


def why_there_is_none(problem: Problem, time_limit_s: float) -> str:
    """The text of the refusal.

    Every condition that stands in the way by itself is told, with the nearest value that would do; else a smallest
    set of them that have to give way together.
    """
    given = [name for name in FREE if _value(problem, name) != FREE[name]]
    alone = [name for name in given if _feasible(_with(problem, name, FREE[name]), time_limit_s)]
    if alone:
        told = "; or ".join(_nearest(problem, name, time_limit_s) for name in alone)
        return f"there is no plan; one condition is in the way: {told}"
    loose = problem
    for name in given:
        loose = _with(loose, name, FREE[name])
    if not _feasible(loose, time_limit_s):
        return f"there is no plan, whatever the limits: {_unserved(loose, time_limit_s)}"
    together = list(given)
    for name in given:  # put back what can stay
        back = _with(loose, name, _value(problem, name))
        if _feasible(back, time_limit_s):
            loose = back
            together.remove(name)
    told = ", ".join(f"{name}={_value(problem, name):g}" for name in together)
    return f"there is no plan; several conditions are in the way together: {told}"


def _value(problem: Problem, name: str) -> Any:
    if name != "min_fidelity":
        return getattr(problem.limits, name)
    return max((demand.min_fidelity for demand in problem.demands if demand.min_fidelity), default=None)


def _with(problem: Problem, name: str, value: Any) -> Problem:
    if name != "min_fidelity":
        return replace(problem, limits=replace(problem.limits, **{name: value}))
    if value is None:
        return replace(problem, demands=tuple(replace(d, min_fidelity=None) for d in problem.demands))
    return replace(problem, demands=tuple(replace(d, min_fidelity=d.min_fidelity and min(d.min_fidelity, value))
                                          for d in problem.demands))  # fmt: skip


def _feasible(problem: Problem, time_limit_s: float) -> bool:
    return optimum(problem, time_limit_s, first=True).found


def _nearest(problem: Problem, name: str, time_limit_s: float) -> str:
    """What would do."""
    value = _value(problem, name)
    if name == "budget":
        cost = optimum(_with(problem, name, None), time_limit_s).best.value
        return f"budget is {value:g}, the cheapest plan found without it costs {cost:.6g}"
    if name == "paths":
        would = next(k for k in range(value - 1, 0, -1) if _feasible(_with(problem, name, k), time_limit_s))
        return f"paths is {value}, {would} would do"
    if name == "min_fidelity":
        floors = np.round(np.arange(value, 0.25, -0.001), 6)[1:]
        would = _first(problem, name, floors.tolist(), time_limit_s)
        return f"min_fidelity is {value:g}, {would:g} would do" if would else f"min_fidelity is {value:g}"
    tried: Sequence[Any]
    if name == "max_link_km":
        lengths = problem.places.distances_km
        tried = sorted({float(x) for x in lengths[np.isfinite(lengths)] if x > value})
    elif name == "max_repeaters":
        tried = range(value + 1, len(problem.places.sites))
    elif name == "most_channels":
        tried = [value * 2**i for i in range(1, 20)]
    else:
        tried = range(value + 1, len(problem.demands) * problem.limits.paths + 1)
    would = _first(problem, name, tried, time_limit_s)
    return f"{name} is {value:g}" + ("" if would is None else f", {would:g} would do")


def _first(problem: Problem, name: str, values: Sequence[Any], time_limit_s: float) -> Any:
    """The first value that would do; from it on all would."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if _feasible(_with(problem, name, values[middle]), time_limit_s):
            high = middle
        else:
            low = middle + 1
    return values[low] if low < len(values) else None


def _unserved(problem: Problem, time_limit_s: float) -> str:
    """Whom nothing serves even alone."""
    for demand in problem.demands:
        if not _feasible(replace(problem, demands=(demand,)), time_limit_s):
            what = "no path of sites at which something may stand joins them"
            if demand.kind == "key":
                what += " and yields a key"
            return f"{demand.name} cannot be served even alone: {what}, with these parts"
    return "demands cannot be served together"
