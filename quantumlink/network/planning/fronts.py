"""What more would cost: plans for more traffic and for better pairs, and those of them that nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.plan import NetworkPlan
from quantumlink.network.planning.planning import plan_network
from quantumlink.network.planning.problem import checked_demands
from quantumlink.network.planning.refusal import NoPlan
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

    If interrupted by Ctrl-C, those that were found, with a warning; the last says that it was interrupted.

    Args:
        sites: as for `plan_network`, as are fibres, demands and options.
        fibres: see there.
        demands: see there; each must have a rate.
        scales: by how much the rates are multiplied.
        fidelities: least fidelities of all pairs, in the place of the demands' own; None for these.
        options: of `plan_network`.

    Raises:
        NoPlan: if there is no plan for any of them.
        ValueError: as `plan_network` does; also if a scale or a fidelity is out of range, or there is none.
        TypeError: if demands, scales or fidelities are no lists of what they should be.
    """
    demands = checked_demands(demands)
    if any(demand.rate_hz is None for demand in demands):
        raise ValueError("demands must all have a rate_hz, for scales to multiply")
    factors = [validation.positive(f"scales[{i}]", x) for i, x in _each("scales", scales, "numbers")]
    floors = [
        None if x is None else validation.probability(f"fidelities[{i}]", x)
        for i, x in _each("fidelities", fidelities, "numbers in [0, 1], or None")
    ]
    cases = [(scale, floor) for floor in dict.fromkeys(floors) for scale in dict.fromkeys(factors)]
    found, refusal = [], None
    for scale, floor in track(cases, "planning"):
        wanted = [replace(d, rate_hz=(d.rate_hz or 0.0) * scale,
                          min_fidelity=d.min_fidelity if floor is None else floor) for d in demands]  # fmt: skip
        try:
            found.append(FrontPoint(scale, floor, plan_network(sites, fibres, wanted, **options)))
        except NoPlan as error:
            refusal = error
        if found and found[-1].plan.interrupted:
            break
    if not found and refusal is not None:
        raise refusal
    kept = [point for point in found if not any(_beats(other, point) for other in found)]
    return tuple(sorted(kept, key=lambda point: (point.plan.cost, -point.scale)))


def _each(name: str, values: Any, what: str) -> list[tuple[int, Any]]:
    """The values with their places, one at least."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if not (found := list(enumerate(validation.sequence(name, listed, what)))):
        raise ValueError(f"{name} must hold at least one value, got none")
    return found


def _beats(one: FrontPoint, other: FrontPoint) -> bool:
    ours, theirs = _figures(one), _figures(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _figures(point: FrontPoint) -> tuple[float, ...]:
    """What shall be small: the cost, and of what every demand gets the negative, by its own floor if need be."""
    floors = [-(demand.min_fidelity or 0.0) for demand in point.plan.problem.demands]
    return (point.plan.cost, -point.scale, *floors)
