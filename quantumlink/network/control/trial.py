"""One trial: the arrays of its state, and the loop from chunk to chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

import numpy as np

from quantumlink.network.control.advancing import advance
from quantumlink.network.control.beginning import first_state, with_requests
from quantumlink.network.control.compiling import Packed, compile_now, compiled_advance
from quantumlink.network.control.ghz import Fusion, GhzTotals
from quantumlink.network.control.policies import Load, Policy
from quantumlink.network.control.tables import (
    ARMS,
    DIRTY,
    EPS,
    FINISHED,
    FREE_PAIRS,
    FULL_ARMS,
    FULL_HEAP,
    FULL_POOL,
    FULL_RECORDS,
    GIVEN,
    HEAP,
    NONE,
    RECORDS,
    Floats,
    Ints,
    State,
    Tables,
)

PART_S = 0.1
"""About how long a trial is played until it can be interrupted."""

FASTER = 8
"""By how much the slots that are played at one time may grow."""


Way = Literal["compiled", "together", "alone"]
"""How trials are played: by the compiled loop, many of them together in numpy, or each alone in plain Python."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What every trial of a run has in common, and can be sent to another process."""

    tables: Tables
    """Those of a trial without requests and changes."""
    policy: Policy
    demands: int
    entropy: int
    requests: Callable[[np.random.Generator], list[Floats]]
    """The moments of each flow's requests in one trial, in slots."""
    changes: Callable[[np.random.Generator], list[tuple[float, int, int, int]]]
    """The changes from outside in one trial: slot, kind, what, state; in order."""
    slot_s: float
    way: Way
    most_records: int
    fusions: tuple[Fusion, ...] = ()
    """The GHZ states of demands."""


@dataclass(eq=False)
class TrialResult:
    """What one trial counted, as plain arrays."""

    slots: float
    """How many slots were played."""
    counted: Ints
    left: int
    """Pairs that there are at the end."""
    link_counts: Ints
    link_waits: Floats
    node_time: Floats
    node_counts: Ints
    served: Ints
    blocked: Ints
    latency: Floats
    fidelity: Floats
    states: Floats
    waiting: Ints
    """Requests that still wait."""
    record_flow: Ints
    record_route: Ints
    record_times: Floats
    record_fidelity: Floats
    asked: Ints
    """Requests that came, of each flow."""
    ghz: tuple[GhzTotals, ...] = ()
    """Sums over the GHZ states of each demand of such."""


@dataclass(eq=False)
class Records:
    """The deliveries of a trial, as far as they are kept, and its GHZ states."""

    fusions: tuple[Fusion, ...]
    ghz: tuple[GhzTotals, ...]
    parts: list[tuple[Any, ...]] = field(default_factory=list)
    kept: int = 0

    @classmethod
    def none(cls, setting: Setting) -> Records:
        """Of no deliveries."""
        batches = setting.tables.batches
        return cls(setting.fusions, tuple(GhzTotals.none(fusion, batches) for fusion in setting.fusions))

    def put_away(self, S: State, most: int) -> None:
        """Take what the loop has noted, at most so many in all."""
        self._work_out(S)
        n = min(int(S.numbers[RECORDS]), most - self.kept)
        rows = (S.record_flow, S.record_route, S.record_times, S.record_fidelity)
        self.parts.append(tuple(row[:n].copy() for row in rows))
        self.kept += n
        S.numbers[RECORDS] = 0

    def _work_out(self, S: State) -> None:
        """The GHZ states of the pairs that were put down, and their fidelities in the records."""
        arms, recorded = int(S.numbers[ARMS]), S.record_flow[: S.numbers[RECORDS]]
        S.numbers[ARMS] = 0
        for fusion, totals in zip(self.fusions, self.ghz, strict=True):
            n, flows = fusion.arms, S.arm_flow[:arms]
            own = np.flatnonzero((flows >= fusion.first) & (flows < fusion.first + fusion.arms))
            vectors = S.arm_vector[own].reshape(-1, n, 16)
            waits = S.arm_waits[own].reshape(-1, n, 2)
            fidelities = totals.add(fusion, S.arm_batch[own[::n]], vectors, waits)
            told = np.flatnonzero(recorded == fusion.first)
            S.record_fidelity[told] = fidelities[: len(told)]

    def joined(self) -> tuple[Any, ...]:
        """Flows, routes, times and fidelities of all."""
        return tuple(np.concatenate(column) for column in zip(*self.parts, strict=True))


class Trial:
    """One trial by itself, played part by part.

    Args:
        setting: what all trials have in common.
        number: which one, from 0.
    """

    trials = 1

    def __init__(self, setting: Setting, number: int) -> None:
        self._setting = setting
        rng = np.random.default_rng(np.random.SeedSequence(setting.entropy, spawn_key=(number,)))
        self._tables = with_requests(setting, rng)
        compiled = setting.way == "compiled"
        self._loop = _Loop(self._tables, first_state(self._tables, setting), rng, compiled=compiled)
        self._records = Records.none(setting)
        self._last, self._done, self._step = int(np.floor(self._tables.horizon + EPS)) + 1, 0, 1

    @property
    def done(self) -> float:
        """How much of it is played."""
        return self._done / self._last

    def go_on(self) -> None:
        """Play some more of it, for about `PART_S`; does nothing once all is played."""
        begun = perf_counter()
        until = begun + PART_S
        while self._done < self._last:
            stop = min(self._done + self._step, self._last)
            if self._setting.policy.code == GIVEN:
                stop = asked(self._setting, self._tables, self._loop.S, self._done, self._last)
            _advance(self._loop, self._setting, stop, self._records)
            self._done = stop
            now = perf_counter()
            took, begun = max(now - begun, 1e-6), now
            self._step = max(min(int(self._step * PART_S / (2 * took)), FASTER * self._step, self._last), 1)
            if now >= until:
                return

    def results(self) -> list[TrialResult]:
        """What was counted so far."""
        self._records.put_away(self._loop.S, self._setting.most_records)
        slots = self._tables.horizon if self._done == self._last else float(self._done)
        return [result_of(self._tables, self._loop.S, self._records, min(slots, self._tables.horizon))]


def ready(setting: Setting) -> None:
    """Compile the loop now, if it is to be compiled: once a process, or once for all if it was kept on disk."""
    if setting.way == "compiled":
        compile_now(setting.tables, first_state(setting.tables, setting))


class _Loop:
    """The loop and its state, compiled or not."""

    def __init__(self, T: Tables, S: State, rng: np.random.Generator, *, compiled: bool) -> None:
        self._T, self._rng = T, rng
        self._compiled = compiled_advance(T, S) if compiled else None
        self.change(S)

    def change(self, S: State) -> None:
        """Go on with other arrays."""
        self._packed = None if self._compiled is None else Packed.of(self._T, S)
        self.S = S if self._packed is None else self._packed.S

    def go(self, stop: int) -> int:
        """Go on until a slot, or until there is no room; says which."""
        if self._compiled is None or self._packed is None:
            return advance(self._T, self.S, self._rng, stop)
        packed = self._packed
        return self._compiled(packed.O, packed.I, packed.F, self._rng, stop)


def _advance(loop: _Loop, setting: Setting, stop: int, records: Records) -> None:
    while (why := loop.go(stop)) != FINISHED:
        S = loop.S
        if why in (FULL_RECORDS, FULL_ARMS):
            records.put_away(S, setting.most_records)
            if why == FULL_RECORDS and records.kept >= setting.most_records:
                loop.change(S._replace(record_flow=S.record_flow[:0]))
        elif why == FULL_POOL:
            loop.change(_larger_pool(S))
        elif why == FULL_HEAP:
            grown = {n: np.concatenate([getattr(S, n), getattr(S, n)]) for n in S._fields if n.startswith("heap_")}
            loop.change(S._replace(**grown))


POOL = ("vector", "made", "since", "known", "bank", "node", "list", "age", "following", "preceding")
"""The fields that have an entry for each place of the pool."""


def _larger_pool(S: State) -> State:
    size, free = len(S.list), int(S.numbers[FREE_PAIRS])
    grown = {name: np.concatenate([getattr(S, name), getattr(S, name)]) for name in POOL}
    grown["list"][size:] = NONE
    spare = np.zeros(2 * size, dtype=np.int64)
    spare[:size] = np.arange(2 * size - 1, size - 1, -1)
    spare[size : size + free] = S.spare[:free]
    S.numbers[FREE_PAIRS] += size
    return S._replace(**grown, spare=spare)


def asked(setting: Setting, T: Tables, S: State, done: int, last: int) -> int:
    """Ask a policy of one's own; up to which slot it need not be asked again."""
    if setting.policy.every_s is not None:
        tell(setting, T, S, float(done))
        return min(done + max(int(setting.policy.every_s / setting.slot_s + EPS), 1), last)
    # It is asked before the one slot in which something happens.
    upcoming = int(S.heap_key[0] >> 1) if S.numbers[HEAP] else last
    stop = min(max(upcoming, done) + 1, last)
    tell(setting, T, S, float(max(stop - 1, 0)))
    return stop


def tell(setting: Setting, T: Tables, S: State, slot: float) -> None:
    """Ask a policy of one's own for its weights."""
    flows = len(T.flow_demand)
    waiting, oldest = np.zeros(setting.demands), np.zeros(setting.demands)
    served = np.full(setting.demands, np.inf)
    priority = np.zeros(setting.demands)
    for flow in range(flows):
        demand = T.flow_demand[flow]
        number = S.arrived[flow] - S.gone[flow]
        if T.flow_saturated[flow]:
            since = S.last_served[flow]
            waiting[demand] = T.window
        else:
            since = T.requests[T.requests_from[flow] + S.gone[flow]] if number else slot
            waiting[demand] = max(waiting[demand], number)
        oldest[demand] = max(oldest[demand], (slot - since) * setting.slot_s)
        served[demand] = min(served[demand], S.served_ever[flow])
        priority[demand] = T.flow_priority[flow]
    load = Load(slot * setting.slot_s, waiting, oldest, served, priority)
    weights = np.asarray(setting.policy.weights(load), dtype=float)
    name = type(setting.policy).__name__
    if weights.shape != (setting.demands,) or np.isnan(weights).any():
        raise ValueError(
            f"{name}.weights must give one number for each of the {setting.demands} demands, got {weights!r}"
        )
    if not np.array_equal(weights, S.weights):
        S.weights[:] = weights
        for route in range(len(T.route_flow)):
            if S.active[route] and not S.dirty[route]:
                S.dirty[route] = True
                S.list_of_dirty[S.numbers[DIRTY]] = route
                S.numbers[DIRTY] += 1


def result_of(T: Tables, S: State, records: Records, slots: float) -> TrialResult:
    """What was counted until some slot, with what is still going on."""
    node_time, link_waits = S.node_time.copy(), S.link_waits.copy()
    for bank, used in enumerate(S.bank_used):
        node_time[T.link_node[bank >> 1, bank & 1]] += used * slots
    link_waits[:, 1] += S.running * slots
    flow, route, times, fidelity = records.joined()
    return TrialResult(
        slots, S.counted.copy(), int(S.size.sum()), S.link_counts.copy(), link_waits, node_time,
        S.node_counts.copy(), S.served.copy(), S.blocked.copy(), S.latency.copy(), S.fidelity.copy(),
        S.states.copy(), S.arrived - S.gone + S.fusing, flow, route, times, fidelity, S.arrived.copy(),
        records.ghz,
    )  # fmt: skip
