"""Demands: what two nodes want of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.network.graph import Graph
from quantumlink.network.load.arrivals import Periodic, Poisson, checked_times

DemandKind = Literal["pairs", "key", "ghz"]
"""Entangled pairs from end to end; secret bits, which may also pass through trusted nodes; or GHZ states."""

DEMAND_KINDS: tuple[DemandKind, ...] = get_args(DemandKind)


@dataclass(frozen=True, repr=False)
class Demand:
    """What two nodes want: entangled pairs, or a key; or what several want, a GHZ state.

    At most one of ``rate_hz``, ``count``, ``requests`` and an ``arrivals`` of one's own says how much is wanted,
    and when; with none of them, as much as there can be. A unit is a pair, a secret bit, or a GHZ state.

    >>> Demand("alice", "bob", kind="key", rate_hz=100.0)
    Demand('alice', 'bob', kind='key', rate_hz=100.0)
    >>> Demand("alice", "bob", requests=[0.0, (1.5, 20)], deadline_s=0.5)
    Demand('alice', 'bob', requests=((0.0, 1), (1.5, 20)), deadline_s=0.5)

    Raises:
        ValueError: if an argument is out of range, nodes are the same, or arguments do not go together.
        TypeError: if a node is no name, or ``arrivals`` has no method ``times_s``.
    """

    a: str
    """Name of one node."""
    b: str
    """Name of the other; demands have no direction."""
    kind: DemandKind = "pairs"
    """``"pairs"``, ``"key"`` or ``"ghz"``."""
    rate_hz: float | None = None
    """Pairs, secret bits or GHZ states that are wanted each second; None for as many as there can be."""
    min_fidelity: float | None = None
    """Least fidelity to Φ⁺ of the pairs; of a key over trusted nodes, of the pairs of every segment; of a GHZ
    state, of the pairs that it is made of."""
    count: int | None = None
    """How many are wanted, all from the beginning on."""
    requests: Any = None
    """A timed list: moments in seconds, or pairs (moment, how many)."""
    deadline_s: float | None = None
    """How long after it came a request is given up; None for never."""
    priority: int = 0
    """Of several demands, those of the higher priority come first, whatever the policy."""
    arrivals: Any = None
    """How requests come: ``"poisson"`` (that is meant by a rate alone) or ``"periodic"`` with ``rate_hz``, or an
    object as in `quantumlink.network.load.arrivals`."""
    others: tuple[str, ...] = ()
    """Names of the further nodes of a GHZ state; the first node, ``a``, is where it is made."""

    def __post_init__(self) -> None:
        others = tuple(validation.sequence("others", self.others, "names of nodes"))
        object.__setattr__(self, "others", others)
        for name, value in (("a", self.a), ("b", self.b), *(("others", node) for node in others)):
            validation.instance(name, value, str, "the name of a node")
        if self.a == self.b:
            raise ValueError(f"a demand needs two different nodes, got {self.a!r} twice")
        if len({self.a, self.b, *others}) < 2 + len(others):
            raise ValueError(f"a demand needs different nodes, got {(self.a, self.b, *others)!r}")
        validation.choice("kind", self.kind, DEMAND_KINDS)
        if (self.kind == "ghz") != bool(others):
            raise ValueError(
                f"others names the further nodes of kind='ghz', one or more; got {others!r} with kind={self.kind!r}"
            )
        if self.rate_hz is not None:
            object.__setattr__(self, "rate_hz", validation.positive("rate_hz", self.rate_hz))
        if self.min_fidelity is not None:
            object.__setattr__(self, "min_fidelity", validation.probability("min_fidelity", self.min_fidelity))
        if self.count is not None:
            object.__setattr__(self, "count", validation.many("count", self.count))
        if self.requests is not None:
            object.__setattr__(self, "requests", _requests(self.requests))
        if self.deadline_s is not None:
            object.__setattr__(self, "deadline_s", validation.positive("deadline_s", self.deadline_s))
        validation.plain(self)
        object.__setattr__(self, "priority", validation.whole("priority", self.priority))
        self._check_arrivals()

    def _check_arrivals(self) -> None:
        own = self.arrivals is not None and not isinstance(self.arrivals, str)
        given = [name for name in ("rate_hz", "count", "requests") if getattr(self, name) is not None]
        given += ["arrivals"] if own else []
        if len(given) > 1:
            raise ValueError(
                f"give at most one of rate_hz, count, requests and an own arrivals; got {', '.join(given)}"
            )
        if isinstance(self.arrivals, str):
            validation.choice("arrivals", self.arrivals, ("poisson", "periodic"))
            if self.rate_hz is None:
                raise ValueError(f"arrivals={self.arrivals!r} needs rate_hz, got None")
        elif own and not callable(getattr(self.arrivals, "times_s", None)):
            raise TypeError(f"arrivals must have a method times_s(duration_s, rng), got {self.arrivals!r}")
        if self.deadline_s is not None and not given:
            raise ValueError(
                f"deadline_s={self.deadline_s!r} is for requests: give rate_hz, count, requests or arrivals too"
            )

    @property
    def name(self) -> str:
        """The demand in a few words."""
        return f"{'–'.join(self.nodes)}, {self.kind}"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of all its nodes."""
        return (self.a, self.b, *self.others)

    @property
    def is_saturated(self) -> bool:
        """Whether as much is wanted as there can be."""
        return all(x is None for x in (self.rate_hz, self.count, self.requests, self.arrivals))

    def times_s(self, duration_s: float, rng: np.random.Generator) -> FloatArray:
        """When units are asked for, in seconds and in order; none if as much is wanted as there can be."""
        if self.count is not None:
            return np.zeros(self.count)
        if self.requests is not None:
            times = np.repeat([time for time, _ in self.requests], [number for _, number in self.requests])
            return np.asarray(times[times <= duration_s], dtype=float)
        arrivals = self.arrivals
        if self.rate_hz is not None:
            arrivals = Periodic(1 / self.rate_hz) if arrivals == "periodic" else Poisson(self.rate_hz)
        return np.zeros(0) if arrivals is None else checked_times(arrivals, duration_s, rng)

    def __repr__(self) -> str:
        usual = {field.name: field.default for field in fields(self)}
        told = [f"{name}={getattr(self, name)!r}" for name in list(usual)[2:] if getattr(self, name) != usual[name]]
        return f"Demand({', '.join([repr(self.a), repr(self.b), *told])})"


def _requests(value: Any) -> tuple[tuple[float, int], ...]:
    """A timed list, in order."""
    found = []
    for item in validation.sequence("requests", value, "moments in seconds, or pairs (moment, how many)"):
        time, number = item if isinstance(item, (tuple, list)) and len(item) == 2 else (item, 1)
        moment = validation.number("requests: a moment", time, at_least=0.0)
        found.append((moment, validation.count("requests: how many", number, at_least=1)))
    if not found:
        raise ValueError("requests must hold at least one moment, got none")
    return tuple(sorted(found))


def checked_demands(network: Graph, demands: Any, kinds: Sequence[str] = ("pairs", "key")) -> tuple[Demand, ...]:
    """Demands on a network, at least one.

    Raises:
        TypeError: unless it is a list of demands.
        ValueError: if it is empty, or a demand's node is unknown, or its kind is none of those.
    """
    validation.instance("network", network, Graph, "a Network")
    if isinstance(demands, Demand):
        demands = (demands,)
    found: Sequence[Any] = validation.sequence("demands", demands, "Demand objects")
    if not found:
        raise ValueError("demands must hold at least one Demand, got none")
    for i, demand in enumerate(found):
        validation.instance(f"demands[{i}]", demand, Demand, "a Demand")
        for name in ("a", "b"):
            validation.choice(f"demands[{i}].{name}", getattr(demand, name), network.nodes)
        for other in demand.others:
            validation.choice(f"demands[{i}].others", other, network.nodes)
        if demand.kind not in kinds:
            raise ValueError(f"demands[{i}] ({demand.name}) must be of the kind {' or '.join(kinds)} here")
    return tuple(found)
