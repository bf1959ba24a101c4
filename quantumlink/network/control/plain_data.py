"""A network under load as plain data: what `Performance.as_dict` is made of."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from quantumlink.estimation import Estimate
from quantumlink.link import as_operation
from quantumlink.network.control.policies import Policy
from quantumlink.parts import UnknownPart, place_of, to_data

if TYPE_CHECKING:
    from quantumlink.network.control.options import Options
    from quantumlink.network.control.result import DemandResult

OPTIONS = ("swapping", "take", "purify_rounds", "cutoff_s", "buffer", "in_flight", "warm_up_s")
"""What is told beside the policy and the protocol, as it was given."""


def options_data(options: Options) -> dict[str, Any]:
    """How a network was played; an infinite cut-off is none."""
    given = options.protocol
    told = {name: getattr(options, name) for name in OPTIONS}
    told["protocol"] = given if isinstance(given, str) else as_operation("protocol", given).name
    if told["cutoff_s"] == inf:
        told["cutoff_s"] = None
    return told


def policy_data(policy: Policy) -> dict[str, Any]:
    """A policy with all its settings, as `quantumlink.parts.to_data` tells it.

    One of a class that is not registered, or with settings that have no name, is told by its ``"class"`` and by
    what it prints (``"settings"``); `quantumlink.parts.from_data` refuses to make it again.
    """
    try:
        found: dict[str, Any] = to_data(policy)
    except UnknownPart:
        return {"kind": "policy", "name": None, "class": place_of(type(policy)), "settings": repr(policy)}
    return found


def demand_data(result: DemandResult) -> dict[str, Any]:
    """What one demand got."""
    numbers: dict[str, Estimate | None] = {
        name: getattr(result, name) for name in ("rate_hz", "fidelity", "latency_s", "key_rate_hz")
    }
    return {
        "nodes": list(result.demand.nodes),
        "kind": result.demand.kind,
        "requested": result.requested,
        "served": result.served,
        "blocked": result.blocked,
        "waiting": result.waiting,
        **{name: None if x is None else _interval(x) for name, x in numbers.items()},
    }


def _interval(value: Estimate) -> dict[str, float | None]:
    return {name: x if abs(x) < inf else None for name, x in zip(("low", "best", "high"), value, strict=True)}
