"""The problem of planning a network: all that a plan is made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.equipment import Parts, checked_parts
from quantumlink.network.planning.limits import Limits
from quantumlink.network.planning.places import Places, places_of

KINDS = ("pairs", "key")
"""Kinds of demands that can be planned for."""


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
