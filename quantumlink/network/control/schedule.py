"""What is timed in a trial: requests, failures, attacks; and which links are watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, inf
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.hardware.pauli_coefficients import key_errors
from quantumlink.link import ElementaryLink
from quantumlink.monitoring import BernoulliScore
from quantumlink.network.control.happenings import Attack, Outage, RandomFailures, Watch
from quantumlink.network.control.tables import LINK_DOWN, LINK_STATE, LINK_UP, NODE_DOWN, NODE_UP, Floats
from quantumlink.network.control.tabulating import Layout
from quantumlink.network.load.demand import Demand

Change = tuple[float, int, int, int]
"""Slot, kind, what, state."""

LEAST_ERROR = 1e-4
"""A link without errors is watched as if it had this rate."""


@dataclass(frozen=True)
class RequestsOf:
    """The moments of each flow's requests in a trial."""

    demands: tuple[Demand, ...]
    flows: tuple[tuple[int, float], ...]
    """Of each flow, its demand and the secret bits a pair (1 for pairs)."""
    duration_s: float
    slot_s: float

    def __call__(self, rng: np.random.Generator) -> list[Floats]:
        """In slots."""
        times = [demand.times_s(self.duration_s, rng) / self.slot_s for demand in self.demands]
        return [_pairs(times[demand], fraction) for demand, fraction in self.flows]


def _pairs(times: Floats, fraction: float) -> Floats:
    """When pairs are wanted, of when bits are: each pair gives a fraction of a bit."""
    if fraction == 1.0 or not len(times):
        return times
    number = ceil(len(times) / fraction - 1e-9)
    return times[np.minimum((np.arange(number) * fraction).astype(np.int64), len(times) - 1)]


@dataclass(frozen=True, eq=False)
class ChangesOf:
    """The changes from outside in a trial."""

    fixed: tuple[Change, ...]
    failures: tuple[tuple[RandomFailures, tuple[tuple[int, int], ...]], ...]
    """Each with the kinds and numbers of what may fail."""
    duration_s: float
    slot_s: float

    def __call__(self, rng: np.random.Generator) -> list[Change]:
        """In order."""
        found = list(self.fixed)
        for failures, parts in self.failures:
            for kind, number in parts:
                for outage in failures.outages(None, self.duration_s, rng):
                    found += _outage(outage, kind, number, self.slot_s)
        return sorted(found)


@dataclass(frozen=True, eq=False)
class Timed:
    """All that happens from outside, as the loop wants it."""

    changes: ChangesOf
    states: list[list[Floats]]
    """Of each link, further states in which its pairs may arrive."""
    watched: dict[str, Any]
    """The tables of who is watched."""


def timed_changes(layout: Layout, happenings: Sequence[Any], duration_s: float) -> Timed:
    """What happens from outside.

    Raises:
        TypeError: if it is nothing that can happen.
        ValueError: if it names what is not in the network.
    """
    given = validation.sequence("happenings", happenings, "Outage, RandomFailures, Attack and Watch objects")
    fixed: list[Change] = []
    failures = []
    states: list[list[Floats]] = [[] for _ in layout.links]
    attacks: dict[int, list[Attack]] = {}
    watches = []
    for item in given:
        validation.instance("happenings", item, (Outage, RandomFailures, Attack, Watch), "something that happens")  # type: ignore[arg-type]
        if isinstance(item, Outage):
            for kind, number in parts_of(layout, item.what):
                fixed += _outage(item, kind, number, layout.slot_s)
        elif isinstance(item, RandomFailures):
            what = item.what if item.what is not None else tuple(layout.network.links[i] for i in layout.links)
            failures.append((item, tuple(part for each in what for part in parts_of(layout, each))))
        elif isinstance(item, Attack):
            for number in _links(layout, item.what):
                attacks.setdefault(number, []).append(item)
        else:
            watches.append(item)
    for number, own in attacks.items():
        vector = layout.network.links[layout.links[number]].coefficients
        for start_s, attacked in _attacked(vector, own):
            states[number] += [] if attacked is None else [attacked]
            fixed.append(
                (start_s / layout.slot_s, LINK_STATE, number, 0 if attacked is None else len(states[number]))
            )
    changes = ChangesOf(tuple(fixed), tuple(failures), duration_s, layout.slot_s)
    return Timed(changes, states, _watched(layout, watches))


def _attacked(vector: Floats, attacks: Sequence[Attack]) -> list[tuple[float, Floats | None]]:
    """From when on a link's pairs arrive in which state, None for its own; attacks at one time act in turn."""
    found: list[tuple[float, Floats | None]] = []
    for moment in sorted({t for attack in attacks for t in (attack.start_s, attack.end_s) if t < inf}):
        going_on = [attack for attack in attacks if attack.start_s <= moment < attack.end_s]
        found.append((moment, reduce(lambda v, attack: attack.attacked(v), going_on, vector) if going_on else None))
    return found


def parts_of(layout: Layout, what: Any) -> list[tuple[int, int]]:
    """What fails, as kinds (LINK_DOWN, NODE_DOWN) and numbers; none of what plays no part in the run."""
    if isinstance(what, str):
        validation.choice("what", what, layout.network.nodes)
        return [(NODE_DOWN, layout.nodes.index(what))] if what in layout.nodes else []
    return [(LINK_DOWN, number) for number in _links(layout, what)]


def _links(layout: Layout, what: Any) -> list[int]:
    if not isinstance(what, (tuple, list, ElementaryLink)):
        raise TypeError(f"what must be an elementary link or a pair of names of nodes, got {what!r}")
    gone = layout.network.usable([what if isinstance(what, ElementaryLink) else tuple(what)])
    return [i for i, n in enumerate(layout.links) if n not in gone]


def _outage(outage: Outage, kind: int, number: int, slot_s: float) -> list[Change]:
    again = LINK_UP if kind == LINK_DOWN else NODE_UP
    found: list[Change] = [(outage.start_s / slot_s, kind, number, 0)]
    if outage.end_s < inf:
        found.append((outage.end_s / slot_s, again, number, 0))
    return found


def _watched(layout: Layout, watches: Sequence[Watch]) -> dict[str, Any]:
    n = len(layout.links)
    tables = {name: np.zeros(n) for name in ("test_share", "test_error", "test_agreement", "test_repair")}
    tables["test_limit"] = np.full(n, inf)
    for watch in watches:
        what = watch.what if watch.what is not None else tuple(layout.network.links[i] for i in layout.links)
        for number in {i for each in what for i in _links(layout, each)}:
            baseline = float(key_errors(layout.network.links[layout.links[number]].coefficients))
            score = BernoulliScore.between(max(baseline, LEAST_ERROR), watch.attack)
            tables["test_share"][number] = watch.share
            tables["test_error"][number] = score.error * score.unit
            tables["test_agreement"][number] = score.agreement * score.unit
            tables["test_limit"][number] = watch.threshold
            tables["test_repair"][number] = watch.repair_s / layout.slot_s
    return tables
