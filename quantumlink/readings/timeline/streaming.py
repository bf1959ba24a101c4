"""Streams: many pairs one after the other, while links go on making more as far as memories allow.

- **Places.** An elementary link has as many places as the smaller of its two nodes has for it
  (`Node.memories`). Each place makes attempts of its own, one after the other; an attempt takes its place until
  its herald is there, so that as many attempts are in flight as there are places. A pair keeps its place until
  both of its halves were used; then the place goes on. Where no node says how many it has, there are as many as
  needed: attempts follow one another without a pause, however far light has to go.
- **Spares** are buffered: an operation takes the pair of each link that was heralded first, the others wait.
- **What may have to begin again** (operations that may fail, links that are made in turn, all of it with a cut-off)
  is made one pair after the other, each begun with nothing when the one before was used.
- **The users** take each pair when both know of it.
- **In levels** the operations of a level begin when the last of them could, for each pair that is delivered.
- **Optimistic purification**: ends go on as soon as their gates are done, and what they used goes on too. When all
  messages are there, all know whether everything succeeded; if not, the pair is thrown away, and the next one, on
  its way by then, takes its turn.
- **Storage and disturbing attempts** are known where the whole link is made one pair after the other.

What an operation takes and when does not depend on what comes later, so all trials go through the stream together.

References:
    O. A. Collins, S. D. Jenkins, A. Kuzmich, T. A. B. Kennedy, Phys. Rev. Lett. 98, 060502 (2007): places in
        parallel.
    F. Baccelli, G. Cohen, G. J. Olsder, J.-P. Quadrat, Synchronization and Linearity (1992): operations that wait
        for one another, as recurrences of maxima and sums.
"""

from __future__ import annotations

from functools import reduce
from typing import Protocol

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.progress import track
from quantumlink.readings.timeline.drawing import Drawing
from quantumlink.readings.timeline.histories import delivered_states
from quantumlink.readings.timeline.pairs import Pairs, begins, held_until, operated
from quantumlink.readings.timeline.plan import Elementary, Joining, Plan
from quantumlink.readings.timeline.planning import MOST_TRIES

Half = tuple[int, int]
"""Which source's pair, and which end of it."""


class Source(Protocol):
    """Where a stream's pairs come from."""

    def take(self) -> Pairs:
        """The pair of each trial that is there first."""

    def free(self, time: FloatArray) -> None:
        """The pairs that were taken last were used at these times."""


class Streaming:
    """Pairs of one link in some trials, in turn.

    Args:
        plan: the link.
        drawing: draws what may have to begin again.
        rng: where randomness comes from.
        trials: how many trials there are.
        optimistic: whether ends go on with what may still fail.
    """

    def __init__(
        self, plan: Plan, drawing: Drawing, rng: np.random.Generator, trials: int, *, optimistic: bool
    ) -> None:
        self._plan, self._rng, self._trials, self._optimistic = plan, rng, trials, optimistic
        self._names, self._groups = drawing.groups(plan)
        leaves = [part for part in drawing.region(plan) if not drawing.is_plain(part)]
        self._sources: list[Source] = [
            _attempting(part, rng, trials) if isinstance(part, Elementary) else _Repeated(part, drawing, trials)
            for part in leaves
        ]

    def next(self) -> tuple[FloatArray, FloatArray, BoolArray]:
        """The next try of each trial: when all ends know of it, its state then, and whether it succeeded.

        Returns:
            Shapes (n,), (4^ends, n) and (n,).
        """
        used = [np.zeros(self._trials) for _ in self._sources]
        made: dict[int, _Made] = {}
        for number, (name, source) in enumerate(zip(self._names, self._sources, strict=True)):
            pairs = source.take()
            made[name] = pairs, tuple((number, end) for end in range(len(pairs.known)))
        for steps in self._groups:
            at = reduce(np.maximum, [begins(step, [made[child][0] for child in below]) for _, step, below in steps])
            for name, step, below in steps:
                made[name] = self._operated(step, [made.pop(child) for child in below], at, used)
        ((pairs, halves),) = made.values()
        success = np.ones(self._trials, dtype=bool)
        if self._optimistic:  # in the end all know whether everything succeeded
            np.maximum(pairs.known, pairs.heard, out=pairs.known)
            success = self._rng.random(self._trials) < pairs.accepted
        states = delivered_states(self._plan, pairs)
        for half in halves:
            _use(used, half, pairs.ready)
        for source, time in zip(self._sources, used, strict=True):
            source.free(time)
        return pairs.ready * self._plan.ticks.tick_s, states, success

    def _operated(self, part: Joining, below: list[_Made], at: FloatArray, used: list[FloatArray]) -> _Made:
        parts = [pairs for pairs, _ in below]
        operation = part.link.operation
        held = dict(zip(part.qubits, (half for _, halves in below for half in halves), strict=True))
        until = dict(zip(part.qubits, held_until(part, parts, at), strict=True))
        for qubit, half in held.items():
            if qubit not in operation.outputs:
                _use(used, half, until[qubit])
        made = operated(part, parts, at, record=False, optimistic=self._optimistic)
        return made, tuple(held.get(q) for q in operation.outputs)


_Made = tuple[Pairs, tuple[Half | None, ...]]
"""Pairs, and where their halves came from."""


def _use(used: list[FloatArray], half: Half | None, time: FloatArray) -> None:
    if half is not None:
        np.maximum(used[half[0]], time, out=used[half[0]])


def one_after_the_other(plan: Plan, drawing: Drawing) -> bool:
    """Whether the whole link is made anew for each pair, begun with nothing when the one before was used."""
    return isinstance(plan, Joining) and not drawing.is_plain(plan)


def delivered(
    plan: Plan, drawing: Drawing, rng: np.random.Generator, trials: int, pairs: int, *, optimistic: bool
) -> tuple[FloatArray, FloatArray]:
    """When each of some pairs is there, shape (trials, pairs), and its state, shape (trials, pairs, 4^ends).

    Raises:
        ValueError: if pairs are accepted too rarely.
    """
    stream = Streaming(plan, drawing, rng, trials, optimistic=optimistic)
    if not optimistic:
        each = [stream.next() for _ in track(range(pairs), "pairs")]
        return np.stack([time for time, *_ in each], axis=1), np.stack([state.T for _, state, _ in each], axis=1)
    tries: list[tuple[FloatArray, FloatArray, BoolArray]] = []
    have = np.zeros(trials, dtype=np.intp)
    while have.min() < pairs:
        tries.append(stream.next())
        have += tries[-1][2]
        if len(tries) > MOST_TRIES / trials * (have.sum() + 1):
            raise ValueError(
                f"{plan.link!r} succeeded {have.sum()} times in {len(tries) * trials} tries, less than once in "
                f"{MOST_TRIES:.0e}: trials would hardly end"
            )
    success = np.array([found for *_, found in tries])
    chosen, which = np.nonzero((success & (np.cumsum(success, axis=0) <= pairs)).T)
    times = np.array([time for time, *_ in tries])[which, chosen].reshape(trials, pairs)
    states = np.stack([state.T for _, state, _ in tries])[which, chosen].reshape(trials, pairs, -1)
    return times, states


class _Repeated:
    """What may have to begin again: one pair after the other."""

    def __init__(self, plan: Plan, drawing: Drawing, trials: int) -> None:
        self._plan, self._drawing, self._free = plan, drawing, np.zeros(trials)

    def take(self) -> Pairs:
        """The next pair, begun when the one before was used."""
        pairs = self._drawing.pairs(self._plan, len(self._free))
        spent = np.zeros((len(pairs.spent), len(self._free)))
        return pairs.later(self._free, spent)

    def free(self, time: FloatArray) -> None:
        """Begin the next one at these times."""
        self._free = time


def _attempting(link: Elementary, rng: np.random.Generator, trials: int) -> Source:
    return _Unlimited(link, rng, trials) if link.places is None else _Places(link, rng, trials)


class _Unlimited:
    """An elementary link with as many places as needed: attempts never pause."""

    def __init__(self, link: Elementary, rng: np.random.Generator, trials: int) -> None:
        self._link, self._rng, self._ended = link, rng, np.zeros(trials)

    def take(self) -> Pairs:
        """The next pair, of the attempts that follow those of the one before."""
        time, p = self._link.time, self._link.success_probability
        number = len(self._ended)
        self._ended = self._ended + (
            self._rng.exponential(time, number) if p is None else time * self._rng.geometric(p, number)
        )
        return Pairs.heralded(self._link, self._ended + self._link.herald)

    def free(self, time: FloatArray) -> None:
        """Nothing: nobody waits for a place."""


class _Places:
    """An elementary link with so many places, each of which makes attempts until it has a pair."""

    def __init__(self, link: Elementary, rng: np.random.Generator, trials: int) -> None:
        assert link.places is not None
        single = link.link.attempts
        assert single is not None
        self._link, self._rng, self._p = link, rng, single.success_probability
        time = link.ticks.count(single.time_s)
        # A clock that is faster than light: the place is taken until the herald is there.
        self._time = time if self._p is None else max(time, link.ticks.count(link.link.herald_delay_s))
        self._made = np.stack([self._needed(trials) for _ in range(link.places)])
        self._taken = np.zeros(trials, dtype=np.intp)

    def _needed(self, number: int) -> FloatArray:
        if self._p is None:
            return np.asarray(self._rng.exponential(self._time, number))
        return np.asarray(self._time * self._rng.geometric(self._p, number))

    def take(self) -> Pairs:
        """The pair that was heralded first."""
        self._taken = self._made.argmin(axis=0)
        return Pairs.heralded(self._link, np.take_along_axis(self._made, self._taken[None], axis=0)[0])

    def free(self, time: FloatArray) -> None:
        """The places of the pairs that were taken go on."""
        np.put_along_axis(self._made, self._taken[None], (time + self._needed(len(time)))[None], axis=0)
