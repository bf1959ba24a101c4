"""Many trials played together, in numpy: each at its own time, all of them step by step at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from quantumlink.network.control import advancing
from quantumlink.network.control.beginning import first_state, with_requests
from quantumlink.network.control.lanes import Draws, Lanes, together
from quantumlink.network.control.lockstep import axes_of, lockstep
from quantumlink.network.control.loop_source import OF_A_TRIAL
from quantumlink.network.control.tables import (
    ARMS,
    DIRTY,
    EPS,
    FREE_PAIRS,
    GIVEN,
    HEAP,
    KINDS,
    NONE,
    NOW,
    RECORDS,
    Ints,
    State,
    Tables,
)
from quantumlink.network.control.trial import (
    PART_S,
    POOL,
    Records,
    Setting,
    Trial,
    TrialResult,
    asked,
    result_of,
)

ROOM = 128
"""Places for pairs of each trial to begin with; they double when they are full."""

PUT_DOWN = 256
"""Records, and pairs of GHZ states, of each trial between two times that they are put away."""

SERVE = 1 + max(KINDS)
"""Beside the kinds of events: looking at routes."""

BYTES = 1 << 28
"""What the state of trials that are played together takes to begin with, at most."""

MOST_TRIALS = 1024
"""Most trials that are played together: more at once are hardly faster, and are begun in one go."""


class Arrays:
    """The state of all trials, and the tables that each has for itself: flat arrays, with a row for each trial.

    Beside an array ``name``: ``row_size.name`` is how long a row is, ``axis0.name``, ``axis1.name`` and
    ``axis2.name`` the lengths of its axes, ``in_rows.name`` the array with its last axis.
    """

    def __init__(self, setting: Setting, tables: Sequence[Tables]) -> None:
        self.lanes = len(tables)
        self._whole: dict[str, Any] = {}
        self._views: dict[int, State] = {}
        self.row_size, self.axis0, self.axis1, self.axis2, self.in_rows = (SimpleNamespace() for _ in range(5))
        changes = max(len(T.changes_at) for T in tables)
        for lane, T in enumerate(tables):
            state = _first(T, setting, changes - len(T.changes_at))
            for name, value in zip(state._fields, state, strict=True):
                if lane == 0:
                    self._whole[name] = np.empty((self.lanes, *value.shape), dtype=value.dtype)
                self._whole[name][lane] = value
        for name in OF_A_TRIAL:
            own = [getattr(T, name) for T in tables]
            whole = np.zeros((self.lanes, max(map(len, own))), dtype=own[0].dtype)
            for lane, value in enumerate(own):
                whole[lane, : len(value)] = value
            self._whole[name] = whole
        for name, value in self._whole.items():
            self.put(name, value)

    def put(self, name: str, value: Any) -> None:
        """Another array in the place of one, shape (lanes, …)."""
        self._whole[name] = value
        self._views.clear()
        setattr(self, name, value.reshape(-1))
        shape = value.shape[1:]
        setattr(self.row_size, name, int(np.prod(shape)))
        for kind, length in zip((self.axis0, self.axis1, self.axis2), shape, strict=False):
            setattr(kind, name, length)
        if len(shape) > 1:
            setattr(self.in_rows, name, value.reshape(-1, shape[-1]))

    def whole(self, name: str) -> Any:
        """An array, shape (lanes, …)."""
        return self._whole[name]

    def of(self, lane: int) -> State:
        """The state of one trial: views."""
        found = self._views.get(lane)
        if found is None:
            found = self._views[lane] = State(*(self._whole[name][lane] for name in State._fields))
        return found

    def larger_pool(self) -> None:
        """Twice as many places for pairs."""
        for name in POOL:
            self.put(name, np.concatenate([self._whole[name]] * 2, axis=1))
        room = self.axis0.spare
        self._whole["list"][:, room:] = NONE
        fresh = np.broadcast_to(np.arange(2 * room - 1, room - 1, -1), (self.lanes, room))
        self.put("spare", np.concatenate([fresh, self._whole["spare"]], axis=1))
        self._whole["numbers"][:, FREE_PAIRS] += room

    def larger_heap(self) -> None:
        """Twice as many places for events."""
        for name in State._fields:
            if name.startswith("heap_"):
                self.put(name, np.concatenate([self._whole[name]] * 2, axis=1))


class Block:
    """Some trials, played together part by part, as `Trial` does one.

    Args:
        setting: what all trials have in common.
        first: the first of them.
        trials: how many.
    """

    def __init__(self, setting: Setting, first: int, trials: int) -> None:
        self._setting, self.trials = setting, trials
        seeds = [np.random.SeedSequence(setting.entropy, spawn_key=(first + i,)) for i in range(trials)]
        generators = [np.random.default_rng(seed) for seed in seeds]
        self._tables = [with_requests(setting, rng) for rng in generators]
        self._rng: Any = Draws(generators)
        self._S: Any = Arrays(setting, self._tables)
        self._T = self._tables[0]
        self._records = [Records.none(setting) for _ in range(trials)]
        self._loop = lockstep(axes_of(self._T, self._S.of(0)))
        self._last = int(np.floor(self._T.horizon + EPS)) + 1
        self._done: Ints = np.zeros(trials, dtype=np.int64)
        """Up to which slot each is played."""
        self._until: Ints = np.full(trials, self._last, dtype=np.int64)
        """Up to which slot it goes on by itself."""
        self._going = Lanes(np.arange(trials))
        if setting.policy.code == GIVEN:
            self._ask(self._going)

    @property
    def done(self) -> float:
        """How much of them is played."""
        if not self._going.size:
            return 1.0
        slots = np.maximum(self._S.whole("numbers")[:, NOW] >> 1, self._done)
        return min(float(slots.mean()) / self._last, 1 - EPS)

    def go_on(self) -> None:
        """Play some more of them, for about `PART_S`; does nothing once all is played."""
        until = perf_counter() + PART_S
        with np.errstate(all="ignore"):  # of lanes for which a value is not meant
            while self._going.size:
                self._turn()
                if perf_counter() >= until:
                    return

    def results(self) -> list[TrialResult]:
        """What was counted so far, each trial up to the end of the slot in which it is."""
        going = self._going
        if going.size:
            now = self._S.whole("numbers")[going.which, NOW] >> 1
            self._until[going.which] = np.minimum(self._until[going.which], now + 1)
            self._last = 0  # nobody is asked any more
            with np.errstate(all="ignore"):
                while self._going.size:
                    self._turn()
        found = []
        for lane, (T, records) in enumerate(zip(self._tables, self._records, strict=True)):
            S = self._S.of(lane)
            records.put_away(S, self._setting.most_records)
            found.append(result_of(T, S, records, min(float(self._done[lane]), T.horizon)))
        return found

    def _turn(self) -> None:
        """One event of the kind for which most trials wait, or a look at their routes, of all that wait for it."""
        self._make_room()
        self._move_on()
        S, L = self._S, self._going
        if not L.size:
            return
        kinds = np.where(self._has_events(L), S.heap_kind.take(L.row(S.row_size.heap_kind)), SERVE)
        kind = int(np.bincount(kinds).argmax())
        those = L.where(kinds == kind)
        if kind != SERVE:
            self._loop["step"](self._T, S, self._rng, those)
            return
        now = S.numbers.take(those.row(S.row_size.numbers) + NOW)
        self._loop["serve"](self._T, S, self._rng, (now >> 1).astype(np.float64), those)

    def _has_events(self, L: Lanes) -> Any:
        """Whether there are events at the moment at which trials are."""
        S, at = self._S, L.row(self._S.row_size.numbers)
        now = S.numbers.take(at + NOW)
        return (S.numbers.take(at + HEAP) > 0) & (S.heap_key.take(L.row(S.row_size.heap_key)) == now)

    def _move_on(self) -> None:
        """Trials with nothing to do go to their next event, or are done as far as they may go."""
        S, L = self._S, self._going
        dirty = S.numbers.take(L.row(S.row_size.numbers) + DIRTY) > 0
        idle, busy = L.parts(np.logical_not(self._has_events(L) | dirty))
        if not idle.size:
            return
        at, key = idle.row(S.row_size.numbers), S.heap_key.take(idle.row(S.row_size.heap_key))
        more = (S.numbers.take(at + HEAP) > 0) & (key < 2 * self._until.take(idle.which))
        moved, stopped = idle.parts(more)
        S.numbers[moved.row(S.row_size.numbers) + NOW] = key[more]
        if stopped.size:
            self._done[stopped.which] = self._until[stopped.which]
            stopped, _ = stopped.parts(self._done.take(stopped.which) < self._last)
            self._ask(stopped)
            self._going = together(busy, moved, stopped)

    def _ask(self, lanes: Lanes) -> None:
        """Ask a policy of one's own, trial by trial."""
        for lane in lanes.which.tolist():
            done = int(self._done[lane])
            self._until[lane] = asked(self._setting, self._tables[lane], self._S.of(lane), done, self._last)

    def _make_room(self) -> None:
        """Room for one more step of every trial, see `advancing.room`."""
        S, numbers = self._S, self._S.whole("numbers")
        if numbers[:, FREE_PAIRS].min() < advancing.ROOM:
            S.larger_pool()
        if numbers[:, HEAP].max() + 2 * S.axis0.running + advancing.ROOM > S.axis0.heap_key:
            S.larger_heap()
        for column, places in ((RECORDS, S.axis0.record_flow), (ARMS, S.axis0.arm_flow)):
            if places and numbers[:, column].max() + advancing.ROOM > places:
                for lane in np.flatnonzero(numbers[:, column] + advancing.ROOM > places).tolist():
                    self._records[lane].put_away(S.of(lane), self._setting.most_records)


def begun(setting: Setting, first: int, trials: int) -> Trial | Block:
    """The next trials from some one on, at most so many: as many as are played together."""
    if setting.way != "together":
        return Trial(setting, first)
    T = with_requests(setting, np.random.default_rng(0))
    alone = sum(array.nbytes for array in _first(T, setting, 0)) + sum(getattr(T, n).nbytes for n in OF_A_TRIAL)
    blocks = ceil(trials * max(alone / BYTES, 1 / MOST_TRIALS))
    return Block(setting, first, ceil(trials / blocks))


def _first(T: Tables, setting: Setting, more: int) -> State:
    return first_state(T, setting, room=ROOM, more=more, records=PUT_DOWN, arms=PUT_DOWN)
