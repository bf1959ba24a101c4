"""What makes a route the best one, and how good a route can at most become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from quantumlink.hardware.fiber import SPEED_OF_LIGHT_KM_S
from quantumlink.link import ElementaryLink
from quantumlink.network.geography import great_circle_km
from quantumlink.rates import secret_fraction
from quantumlink.readings.forecasting import Forecast

Objective = Literal["secret_key_rate", "rate", "fidelity", "latency", "length", "hops"]
"""What is best: most secret bits or pairs a second, the best pairs, the first pair soonest, the shortest way, or
the fewest links. Ties go to the higher fidelity (for the fidelity: to the lower latency), then to fewer links."""

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

TIMED = ("secret_key_rate", "rate", "latency")
"""Objectives that need to know how every link's pairs come."""

Score = tuple[float, float, float]
"""Three numbers, compared in turn; more is better."""


def score(by: Objective, found: Forecast, hops: tuple[ElementaryLink, ...]) -> Score:
    """How good a path is."""
    latency = float("inf") if found.latency_s is None else found.latency_s
    if by == "fidelity":
        return found.fidelity, -latency, -float(len(hops))
    first = {
        "secret_key_rate": (found.secret_key_rate_hz or 0.0),
        "rate": (found.rate_hz or 0.0),
        "latency": -latency,
        "length": -sum(length_km(hop) for hop in hops),
        "hops": -float(len(hops)),
    }
    return first[by], found.fidelity, -float(len(hops))


class Limits(NamedTuple):
    """What paths with a common beginning can at most reach."""

    latency_s: float
    """No path is faster, and none of two links or more makes pairs more often."""
    correlations: Sequence[float]
    """|⟨XX⟩|, |⟨YY⟩| and |⟨ZZ⟩| of no path are larger."""
    length_km: float
    """No path is shorter."""
    hops: float
    """No path has fewer."""


def bound(by: Objective, limits: Limits) -> Score:
    """A score that no such path of two links or more exceeds.

    A single link may make pairs more often than one in a latency: see `Forecast.rate_hz`.
    """
    x, y, z = limits.correlations
    fidelity = (1 + x + y + z) / 4
    latency = max(limits.latency_s, 1e-300)
    if by == "fidelity":
        return fidelity, -limits.latency_s, -limits.hops
    if by == "secret_key_rate":
        first = secret_fraction((1 - z) / 2, (1 - x) / 2) / latency
    elif by == "rate":
        first = 1 / latency
    else:
        first = -{"latency": limits.latency_s, "length": limits.length_km, "hops": limits.hops}[by]
    return first, fidelity, -limits.hops


def length_km(link: ElementaryLink) -> float:
    """The length of a link: of its fibre or beam, else over ground, else as far as light gets in its delay."""
    for name in ("length_km", "distance_km"):
        value = getattr(link.medium, name, None)
        if value is not None:
            return float(value)
    if link.left.position is not None and link.right.position is not None:
        return great_circle_km(link.left.position, link.right.position)
    return 0.0 if link.medium is None else link.medium.delay_s * SPEED_OF_LIGHT_KM_S
