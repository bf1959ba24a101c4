"""The options of a network under load, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from quantumlink import validation
from quantumlink.link import ChainOrder
from quantumlink.network.control.flows import ANY_ORDER
from quantumlink.network.control.policies import checked_policy
from quantumlink.network.routing import Plan

Swapping = Literal["asap", "balanced", "sequential", "fidelity"]
"""When nodes swap: as soon as they can; in the order of `chain`; or as soon as they can, but nothing that cannot
reach its demand's floor of fidelity any more, which is dropped."""

SWAPPINGS: tuple[Swapping, ...] = get_args(Swapping)

Taking = Literal["newest", "oldest"]
"""Which of several pairs that would do is taken."""

TAKINGS: tuple[Taking, ...] = get_args(Taking)


@dataclass(frozen=True, eq=False)
class Options:
    """The options of a run, checked."""

    policy: Any
    duration_s: float
    trials: int
    slot_s: float | None
    swapping: Swapping
    take: Taking
    purify_rounds: Any
    protocol: Any
    cutoff_s: float | None
    buffer: int
    in_flight: int | None
    warm_up_s: float
    records: int

    def __post_init__(self) -> None:
        validation.plain(self)
        change = self._change
        change("policy", checked_policy(self.policy))
        change("duration_s", validation.positive("duration_s", self.duration_s))
        change("trials", validation.many("trials", self.trials))
        if self.slot_s is not None:
            change("slot_s", validation.positive("slot_s", self.slot_s))
        validation.choice("swapping", self.swapping, SWAPPINGS)
        validation.choice("take", self.take, TAKINGS)
        if isinstance(self.purify_rounds, str):
            validation.choice("purify_rounds", self.purify_rounds, ("best",))
            if self.swapping in ANY_ORDER:
                change("swapping", "balanced")  # the strategy is the schedule
        else:
            validation.count("purify_rounds", self.purify_rounds)
        if self.cutoff_s is not None:
            change("cutoff_s", validation.lifetime("cutoff_s", self.cutoff_s))
        validation.count("buffer", self.buffer, at_least=1)
        if self.in_flight is not None:
            validation.count("in_flight", self.in_flight, at_least=1)
        warm_up_s = validation.number("warm_up_s", self.warm_up_s, at_least=0.0)
        if warm_up_s >= self.duration_s:
            raise ValueError(
                f"warm_up_s must be shorter than duration_s={self.duration_s:g}, got {self.warm_up_s!r}"
            )
        change("warm_up_s", warm_up_s)
        validation.count("records", self.records)

    def _change(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def plan(self) -> Plan:
        """How paths are used."""
        order: ChainOrder = "sequential" if self.swapping == "sequential" else "balanced"
        rounds = 0 if self.purify_rounds == "best" else self.purify_rounds
        return Plan(order, rounds, self.protocol)
