"""How the consumers of a network share its links: rates by priority and quota, fair within a priority.

Links make keys at rates; a consumer's keys use up the same rate on each hop of their paths. The plan is a
multicommodity flow, solved exactly by linear programming. Among consumers of one priority it is max-min fair: the
least satisfied gets as much as can be (as a share of what it wants), then the next, and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray

_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Somebody who wants keys between two nodes."""

    source: str
    target: str
    wanted_bit_s: float
    """How much it wants: its quota."""
    priority: int = 0
    """Higher ones are served first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted_bit_s", validation.positive("wanted_bit_s", self.wanted_bit_s))
        object.__setattr__(self, "priority", validation.whole("priority", self.priority))
        if self.source == self.target:
            raise ValueError(f"a consumer needs two nodes, got {self.source!r} twice")


@dataclass(frozen=True)
class TrafficPlan:
    """Who gets how much, by which ways."""

    consumers: tuple[Consumer, ...]
    rates_bit_s: tuple[float, ...]
    """What each consumer gets."""
    flows_bit_s: tuple[dict[tuple[str, str], float], ...] = field(repr=False)
    """For each consumer, what goes from node to node."""

    @property
    def satisfaction(self) -> tuple[float, ...]:
        """What each gets of what it wants, 0 to 1."""
        return tuple(rate / c.wanted_bit_s for rate, c in zip(self.rates_bit_s, self.consumers, strict=True))

    @property
    def jain(self) -> float:
        """Jain's index of the satisfactions: 1 if all are equal, 1/n if one has all, nan if none has any.

        R. Jain, D. Chiu, W. Hawe, DEC-TR-301 (1984).
        """
        shares = np.array(self.satisfaction)
        return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum())) if shares.any() else float("nan")

    def exposure_bit_s(self) -> dict[str, float]:
        """For each node, the rate of keys that it relays and so could read."""
        found: dict[str, float] = {}
        for consumer, flows in zip(self.consumers, self.flows_bit_s, strict=True):
            for (_, to), rate in flows.items():
                if to != consumer.target:
                    found[to] = found.get(to, 0.0) + rate
        return found


def plan_traffic(
    rates_bit_s: Mapping[tuple[str, str], float],
    consumers: Sequence[Consumer],
    *,
    relays: Collection[str] | None = None,
    failed: Collection[tuple[str, str]] = (),
) -> TrafficPlan:
    """Plan who gets how much.

    Args:
        rates_bit_s: secret bits per second of each link, by its two nodes in either order.
        consumers: who wants keys.
        relays: the nodes that may relay (others only begin or end); all if None.
        failed: links that are not to be used, such as those under alarm.

    Raises:
        ValueError: if a consumer's node is on no link, or a rate is negative.
    """
    gone = {frozenset(link) for link in failed}
    rates = {
        (a, b): validation.number("rates_bit_s", rate, at_least=0.0)
        for (a, b), rate in rates_bit_s.items()
        if frozenset((a, b)) not in gone
    }
    known = {name for link in rates_bit_s for name in link}
    for consumer in consumers:
        for name in (consumer.source, consumer.target):
            validation.choice("a consumer's node", name, known)
    program = _Program(rates, tuple(consumers), known if relays is None else set(relays))
    floors = np.zeros(len(consumers))
    fixed = np.zeros(len(consumers), dtype=bool)
    for priority in sorted({consumer.priority for consumer in consumers}, reverse=True):
        open_ones = np.array([consumer.priority == priority for consumer in consumers])
        while open_ones.any():
            floors, settled = program.raise_together(floors, fixed, open_ones)
            fixed |= settled
            open_ones &= ~settled
    return program.plan(floors)


class _Program:
    """The linear programme: a flow for each consumer on each direction of each link."""

    def __init__(
        self, rates: Mapping[tuple[str, str], float], consumers: tuple[Consumer, ...], relays: set[str]
    ) -> None:
        self.consumers = consumers
        self.arcs = [arc for a, b in rates for arc in ((a, b), (b, a))]
        self.capacity = np.array(list(rates.values()))
        names = sorted(
            {name for arc in self.arcs for name in arc} | {n for c in consumers for n in (c.source, c.target)}
        )
        self._node = {name: place for place, name in enumerate(names)}
        self.wanted = np.array([consumer.wanted_bit_s for consumer in consumers])
        self._relays = relays
        self._columns = len(consumers) * len(self.arcs)

    def raise_together(
        self, floors: FloatArray, fixed: BoolArray, rising: BoolArray
    ) -> tuple[FloatArray, BoolArray]:
        """Raise the satisfaction of some together as far as it goes; which of them can rise no further."""
        level = self._most(floors, rising)[0]
        raised = np.where(rising, level, floors)
        settled = np.zeros(len(raised), dtype=bool)
        if level >= 1 - _TOLERANCE:
            return np.where(rising, 1.0, raised), rising.copy()
        for place in np.flatnonzero(rising):
            alone = np.zeros_like(rising)
            alone[place] = True
            settled[place] = self._most(raised, alone)[0] <= raised[place] + 1e-7
        if not settled.any():  # rounding: the least one is at its end
            settled = rising.copy()
        return raised, settled

    def plan(self, shares: FloatArray) -> TrafficPlan:
        """The shortest flows that give these shares."""
        _, flows = self._most(shares * (1 - 1e-9), np.zeros(len(shares), dtype=bool))
        table = (
            flows.reshape(len(self.consumers), len(self.arcs)) if self.arcs else np.zeros((len(self.consumers), 0))
        )
        found = tuple(
            {arc: float(rate) for arc, rate in zip(self.arcs, row, strict=True) if rate > 1e-6 * (1 + want)}
            for row, want in zip(table, self.wanted, strict=True)
        )
        return TrafficPlan(self.consumers, tuple(float(x) for x in shares * self.wanted), found)

    def _most(self, floors: FloatArray, rising: BoolArray) -> tuple[float, FloatArray]:
        """The highest common satisfaction of the rising ones while the others keep theirs, and flows for it."""
        arcs, count, nodes = len(self.arcs), len(self.consumers), len(self._node)
        if not arcs:
            return 0.0, np.zeros(0)
        entries: list[tuple[int, int, float]] = []  # row, column, value
        right = np.zeros(count * nodes)
        for c, consumer in enumerate(self.consumers):
            for a, (start, end) in enumerate(self.arcs):
                entries += [(c * nodes + self._node[start], c * arcs + a, 1.0)]
                entries += [(c * nodes + self._node[end], c * arcs + a, -1.0)]
            for node, sign in ((consumer.source, 1.0), (consumer.target, -1.0)):
                row = c * nodes + self._node[node]
                if rising[c]:
                    entries += [(row, self._columns, -sign * self.wanted[c])]
                else:
                    right[row] = sign * floors[c] * self.wanted[c]
        rows, columns, values = zip(*entries, strict=True)
        balance = coo_matrix((values, (rows, columns)), shape=(count * nodes, self._columns + 1))
        shared = [np.tile(np.arange(arcs) // 2, count), np.arange(self._columns)]
        load = coo_matrix((np.ones(self._columns), shared), shape=(arcs // 2, self._columns + 1))
        any_rising = bool(rising.any())
        cost = np.append(np.full(self._columns, 0.0 if any_rising else 1.0), -1.0 if any_rising else 0.0)
        bounds = [(0, None if self._may_use(c, arc) else 0) for c in self.consumers for arc in self.arcs]
        found = linprog(
            cost, A_ub=load, b_ub=self.capacity, A_eq=balance, b_eq=right, bounds=[*bounds, (0, 1)], method="highs"
        )
        if found.status != 0:
            raise ArithmeticError(f"the linear programme was not solved: {found.message}")
        return float(found.x[-1]), np.asarray(found.x[:-1])

    def _may_use(self, consumer: Consumer, arc: tuple[str, str]) -> bool:
        start, end = arc
        begins = start == consumer.source or start in self._relays
        ends = end == consumer.target or end in self._relays
        return begins and ends and end != consumer.source and start != consumer.target
