"""Pairs of many trials at once: where each is in time, and in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.hardware import Memory
from quantumlink.readings.timeline.disturbing import SideBySide, attempts_meanwhile, tried
from quantumlink.readings.timeline.plan import Elementary, Joining
from quantumlink.readings.waiting import qubit_disturbed
from quantumlink.timing.course import latest

ATTEMPTS, PARTNER, MESSAGES, OPERATIONS, RETRIES, CUTOFFS = range(6)
"""What time is spent on: the rows of ``Pairs.spent``."""


@dataclass(eq=False)
class Pairs:
    """One state of k ends in each of n trials; times in ticks of the plan from a common zero."""

    made: FloatArray
    """Shape (n,): when it was heralded, or its last measurement was done."""
    known: FloatArray
    """Shape (k, n): when each end knows that it has it, corrected."""
    since: FloatArray
    """Shape (k, n): until when each end's waiting is accounted for in the state."""
    states: FloatArray
    """Shape (4^k, n): normalized Pauli coefficients."""
    spent: FloatArray
    """Shape (6, n): what the time until ``made`` was spent on; adds up to it."""
    heard: FloatArray
    """Shape (k, n): when each end knows whether it is a success; later than ``known`` where they go on before."""
    accepted: FloatArray
    """Shape (n,): the probability of that, as far as nothing was begun again yet."""
    tried: FloatArray
    """Shape (nodes, n): how many attempts each node made for it whose memory they disturb."""
    waits: tuple[FloatArray, ...] = ()
    """Of each operation, children before parents, how long its links' qubits waited: shape (qubits, n); none if
    nothing is recorded."""
    attempts: tuple[FloatArray, ...] = ()
    """Likewise, how many attempts for others they were stored through."""
    moments: tuple[FloatArray, ...] = ()
    """Likewise, when: shape (2 + qubits + ends, n), its begin and its last measurement, when each end of its links
    knew that it had its qubit, and when each end knows of what is made."""

    @classmethod
    def heralded(cls, link: Elementary, made: FloatArray) -> Pairs:
        """An elementary link's pairs, heralded at these moments."""
        spent = np.zeros((6, len(made)))
        spent[ATTEMPTS], spent[MESSAGES] = made - link.herald, link.herald
        states = np.repeat(link.coefficients[:, None], len(made), axis=1)
        known = np.array([made + move for move in link.moves])
        since = known - link.stored
        return cls(made, known, since, states, spent, known.copy(), np.ones(len(made)), tried(link, made))

    @property
    def ready(self) -> FloatArray:
        """Shape (n,): when all ends know that they have it."""
        return np.asarray(self.known.max(axis=0))

    def there(self, ends: Sequence[int]) -> FloatArray:
        """Shape (n,): when all of these ends know that they have it."""
        return np.asarray(latest([self.known[end] for end in ends]))

    def spent_until(self, time: FloatArray) -> FloatArray:
        """What the time was spent on until it was known at some place: messages, after it was made."""
        spent = self.spent.copy()
        spent[MESSAGES] += time - self.made
        return spent

    def later(self, time: FloatArray, spent: FloatArray, tried: FloatArray | float = 0.0) -> Pairs:
        """The same that much later, the time before spent as shape (6, n) says, and so many attempts made."""
        return Pairs(
            self.made + time,
            self.known + time,
            self.since + time,
            self.states,
            self.spent + spent,
            self.heard + time,
            self.accepted,
            self.tried + tried,
            self.waits,
            self.attempts,
            tuple(rows + time for rows in self.moments),
        )

    def in_seconds(self, tick_s: float) -> Pairs:
        """The same, times in seconds in place of ticks; waits are in seconds anyway."""
        if tick_s == 1.0:
            return self
        numbers: dict[str, Any] = {name: getattr(self, name) for name in ("states", "accepted", "tried", *_RECORDS)}
        numbers["moments"] = tuple(rows * tick_s for rows in self.moments)
        times = {name: getattr(self, name) * tick_s for name in _ARRAYS if name not in numbers}
        return Pairs(**numbers, **times)

    def take(self, index: IndexArray | slice) -> Pairs:
        """Some trials."""
        arrays: dict[str, Any] = {name: getattr(self, name)[..., index] for name in _ARRAYS}
        for name in _RECORDS:
            arrays[name] = tuple(rows[:, index] for rows in getattr(self, name))
        return Pairs(**arrays)

    def replace(self, index: IndexArray, others: Pairs) -> None:
        """Put others in the place of those of some trials, in this very object."""
        for name in _ARRAYS:
            getattr(self, name)[..., index] = getattr(others, name)
        for name in _RECORDS:
            for mine, other in zip(getattr(self, name), getattr(others, name), strict=True):
                mine[:, index] = other

    @staticmethod
    def joined(parts: Sequence[Pairs]) -> Pairs:
        """Trials one after the other."""
        if len(parts) == 1:
            return parts[0]
        arrays: dict[str, Any] = {}
        for name in _ARRAYS:
            arrays[name] = np.concatenate([getattr(part, name) for part in parts], axis=-1)
        for name in _RECORDS:
            every = zip(*(getattr(part, name) for part in parts), strict=True)
            arrays[name] = tuple(np.concatenate(rows, axis=-1) for rows in every)
        return Pairs(**arrays)


_RECORDS = ("waits", "attempts", "moments")
_ARRAYS = tuple(field.name for field in fields(Pairs) if field.name not in _RECORDS)


def begins(step: Joining, parts: Sequence[Pairs]) -> FloatArray:
    """When an operation begins, shape (n,): when each site that acts knows that it has all its qubits."""
    return step.course.begins(_own(step, parts, acting=True))


def held_until(step: Joining, parts: Sequence[Pairs], at: FloatArray) -> FloatArray:
    """Until when the qubits that the links bring wait for an operation that begins at some time: (qubits, n)."""
    known = step.course.known(_own(step, parts, acting=False), at)
    return step.course.held(step.qubits, known, at)


def operated(
    step: Joining,
    parts: Sequence[Pairs],
    at: FloatArray,
    *,
    record: bool,
    optimistic: bool = False,
    others: SideBySide | None = None,
) -> Pairs:
    """What an operation makes if it succeeds; ``accepted`` tells how probably it does.

    Args:
        step: the operation.
        parts: what it consumes.
        at: shape (n,), when its operations begin.
        record: whether waits are kept.
        optimistic: whether ends go on before they know that it succeeded.
        others: the attempts that are made side by side, if any.
    """
    course, operation = step.course, step.link.operation
    known = course.known(_own(step, parts, acting=False), at)
    done = at + max((course.done[s] for s in course.acting), default=0.0)
    until = course.held(step.qubits, known, at)
    waits = waiting_times(step, parts, until)
    attempts = attempts_meanwhile(step, parts, until, others)
    states, accepted = joined_states(step, [part.states for part in parts], waits, attempts)
    told = np.array([known[s] for s in course.ends])
    since = course.held(operation.outputs, known, at)
    if not step.may_fail:
        accepted = np.ones(len(at))
    heard = told.copy()
    if optimistic:  # else what failed has begun again, and all know of it
        heard = _heard_of_all(step, parts, told)
        accepted = reduce(np.multiply, [accepted, *(part.accepted for part in parts)])
    own_known = since.copy() if optimistic else told
    moments = np.concatenate([[at, done], *(part.known for part in parts), own_known]) if record else at
    return Pairs(
        done,
        own_known,
        since,
        states,
        _spent(step, parts, at, done),
        heard,
        accepted,
        reduce(np.add, [part.tried for part in parts]),
        (*(rows for part in parts for rows in part.waits), waits) if record else (),
        (*(rows for part in parts for rows in part.attempts), _counts(attempts, waits)) if record else (),
        (*(rows for part in parts for rows in part.moments), moments) if record else (),
    )


def _heard_of_all(step: Joining, parts: Sequence[Pairs], told: FloatArray) -> FloatArray:
    """When each end knows whether this and all below succeeded, shape (k, n): some end of each link tells it."""
    course, operation = step.course, step.link.operation
    found = []
    for site, own in zip(course.ends, told, strict=True):
        words = [
            reduce(
                np.minimum,
                [
                    mine + course.ways[operation.site_of_qubit[q], site]
                    for mine, q in zip(part.heard, qubits, strict=True)
                ],
            )
            for part, qubits in zip(parts, operation.inputs, strict=True)
        ]
        found.append(reduce(np.maximum, [own, *words]))
    return np.array(found)


def _counts(attempts: FloatArray | None, waits: FloatArray) -> FloatArray:
    return np.zeros(waits.shape) if attempts is None else attempts


def waiting_times(step: Joining, parts: Sequence[Pairs], until: FloatArray) -> FloatArray:
    """How long the links' qubits wait until they are operated on: shape (qubits, n), in seconds."""
    since = np.concatenate([part.since for part in parts])
    # Sums of times in another order differ by rounding: never less than zero.
    waits: FloatArray = np.maximum(until - since, 0.0) * step.ticks.tick_s
    return waits


def joined_states(
    step: Joining, states: Sequence[FloatArray], waits: FloatArray, attempts: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """The states, shape (4^outputs, n), that come of some after waiting, and how probably, shape (n,)."""
    held, first = [], 0
    for state, memories, child in zip(states, step.memories, step.children, strict=True):
        last = first + len(memories)
        found = waited_ends(state, memories, waits[first:last], child.support)
        held.append(found if attempts is None else disturbed_ends(found, memories, attempts[first:last]))
        first = last
    joined = step.map(held)
    accepted = joined[0].copy()
    # What can never succeed is never accepted; its state is not looked at.
    joined[step.support] /= np.where(accepted > 0, accepted, 1.0)
    return joined, accepted


def waited_ends(
    states: FloatArray, memories: Sequence[Memory], waits_s: FloatArray, support: IndexArray
) -> FloatArray:
    """States, shape (4^k, n), after each end has waited so long, shape (k, n).

    Args:
        states: they are left as they are.
        memories: that of each end.
        waits_s: times in seconds, at least 0.
        support: the rows of ``states`` that may differ from zero.
    """
    if all(memory.is_ideal for memory in memories):
        return states
    if len(memories) != 2:
        return _many_waited(states, memories, waits_s, support)
    found, held = states.copy(), support.tolist()  # a pair's few rows, one by one
    for weight, memory, wait_s in zip((4, 1), memories, waits_s, strict=True):
        if memory.is_ideal:
            continue
        decay = memory.decay(wait_s)
        for row in held:
            pauli = row // weight % 4
            if pauli:
                found[row] *= decay.kept if pauli == 3 else decay.coherence
        if memory.relaxes:
            fed = [row for row in held if row // weight % 4 == 0]
            for row in fed:
                found[row + 3 * weight] += decay.gain * found[row]
            held = sorted({*held, *(row + 3 * weight for row in fed)})
    return found


def _many_waited(
    states: FloatArray, memories: Sequence[Memory], waits_s: FloatArray, support: IndexArray
) -> FloatArray:
    """States of any number of ends, as `waited_ends` has them: only what may differ from zero is touched."""
    held, rows = support, states[support]
    for end, memory in enumerate(memories):
        if memory.is_ideal:
            continue
        weight = 4 ** (len(memories) - 1 - end)
        pauli, decay = held // weight % 4, memory.decay(waits_s[end])
        fed, gained = held[pauli == 0] + 3 * weight, rows[pauli == 0]
        rows[(pauli == 1) | (pauli == 2)] *= decay.coherence
        rows[pauli == 3] *= decay.kept
        if memory.relaxes:
            before, held_before = rows, held
            held = np.union1d(held, fed)
            rows = np.zeros((len(held), states.shape[1]))
            rows[np.searchsorted(held, held_before)] = before
            rows[np.searchsorted(held, fed)] += decay.gain * gained
    found = np.zeros_like(states)
    found[held] = rows
    return found


def disturbed_ends(states: FloatArray, memories: Sequence[Memory], attempts: FloatArray) -> FloatArray:
    """States, shape (4^k, n), after each end was stored through so many attempts, shape (k, n)."""
    if all(memory.per_attempt == 0 for memory in memories):
        return states
    found = states.T
    for end, memory in enumerate(memories):
        found = qubit_disturbed(found, end, len(memories), memory, attempts[end])
    return found.T


def _own(step: Joining, parts: Sequence[Pairs], *, acting: bool) -> list[FloatArray | float | None]:
    """When each site that acts, or that does not, knows that it has its qubits; None of others."""
    return [
        latest([parts[link].known[end] for link, end in ports]) if acts is acting else None
        for acts, ports in zip(step.acts, step.link.operation.site_ports, strict=True)
    ]


def _spent(step: Joining, parts: Sequence[Pairs], at: FloatArray, done: FloatArray) -> FloatArray:
    """What the time until ``done`` was spent on: as the links did on average, and the earlier ones' waiting."""
    there = [part.there(ends) for part, ends in zip(parts, step.there, strict=True)]
    if step.side_by_side:
        found = reduce(np.add, [part.spent for part in parts[1:]], parts[0].spent.copy())
        came = reduce(np.add, there)
        found[MESSAGES] += came - reduce(np.add, [part.made for part in parts])
        found /= len(parts)
        came = came / len(parts)
    else:  # the last one's time contains that of those before
        found, came = parts[-1].spent_until(there[-1]), there[-1]
    found[PARTNER] += at - came
    found[OPERATIONS] += done - at
    return found
