"""What more would cost: plans for more traffic and for better pairs, and those of them that nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.plan import NetworkPlan
from quantumlink.network.planning.planning import NoPlan, plan_network
from quantumlink.progress import track


@dataclass(frozen=True, eq=False)
class FrontPoint:
    """A plan for so many times the traffic, and pairs that are so good."""

    scale: float
    """What every demand gets of its rate."""
    min_fidelity: float | None
    """The least fidelity of all pairs; None for that of each demand."""
    plan: NetworkPlan


def pareto_front(
    sites: Any,
    fibres: Any,
    demands: Sequence[Demand],
    *,
    scales: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    fidelities: Sequence[float | None] = (None,),
    **options: Any,
) -> tuple[FrontPoint, ...]:
    """Plans of which none costs less and gives as much: cost against rate and fidelity, the cheapest first.

    Args:
        sites: as for `plan_network`, as are fibres, demands and options.
        fibres: see there.
        demands: see there; each must have a rate.
        scales: by how much the rates are multiplied.
        fidelities: least fidelities of all pairs, in the place of the demands' own; None for these.
        options: of `plan_network`.

    Raises:
        NoPlan: if there is no plan for any of them.
        ValueError: as `plan_network` does.
    """
    for scale in validation.sequence("scales", scales, "numbers"):
        validation.positive("scales", scale)
    if any(demand.rate_hz is None for demand in demands):
        raise ValueError("demands must all have a rate_hz, for scales to multiply")
    cases = [(scale, floor) for floor in fidelities for scale in scales]
    found, refusal = [], None
    for scale, floor in track(cases, "planning"):
        wanted = [replace(d, rate_hz=(d.rate_hz or 0.0) * scale,
                          min_fidelity=d.min_fidelity if floor is None else floor) for d in demands]  # fmt: skip
        try:
            found.append(FrontPoint(scale, floor, plan_network(sites, fibres, wanted, **options)))
        except NoPlan as error:
            refusal = error
    if not found and refusal is not None:
        raise refusal
    kept = [point for point in found if not any(_beats(other, point) for other in found)]
    return tuple(sorted(kept, key=lambda point: (point.plan.cost, -point.scale)))


def _beats(one: FrontPoint, other: FrontPoint) -> bool:
    ours = one.plan.cost, -one.scale, -(one.min_fidelity or 0.0)
    theirs = other.plan.cost, -other.scale, -(other.min_fidelity or 0.0)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))
