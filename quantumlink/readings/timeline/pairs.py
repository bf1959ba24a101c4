"""Pairs of many trials at once: where each is in time, and in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from quantumlink.readings.timeline.plan import Joining
from quantumlink.readings.waiting import waited

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]

ATTEMPTS, PARTNER, MESSAGES, OPERATIONS, RETRIES, CUTOFFS = range(6)
"""What time is spent on: the rows of ``Pairs.spent_s``."""


@dataclass(eq=False)
class Pairs:
    """One pair in each of n trials; times in seconds from a common zero."""

    made: FloatArray
    """Shape (n,): when it was heralded, or its last measurement was done."""
    left_ready: FloatArray
    """Shape (n,): when the left end knows that it has the pair, corrected."""
    right_ready: FloatArray
    """Shape (n,): when the right end does."""
    left_since: FloatArray
    """Shape (n,): until when the left qubit's waiting is accounted for in the state."""
    right_since: FloatArray
    """Shape (n,): likewise for the right qubit."""
    states: FloatArray
    """Shape (16, n): normalized Pauli coefficients."""
    spent_s: FloatArray
    """Shape (6, n): what the time until ``made`` was spent on; adds up to it."""
    waits: tuple[FloatArray, ...]
    """Of each swap and purification, children before parents, how long its four qubits waited: shape (4, n);
    none if nothing is recorded."""

    @property
    def ready(self) -> FloatArray:
        """Shape (n,): when both ends know that they have the pair."""
        return np.maximum(self.left_ready, self.right_ready)

    def spent_until(self, time_s: FloatArray) -> FloatArray:
        """What the time was spent on until the pair was known at some place: messages, after it was made."""
        spent = self.spent_s.copy()
        spent[MESSAGES] += time_s - self.made
        return spent

    def later(self, time_s: FloatArray, spent_s: FloatArray) -> Pairs:
        """The same pairs that much later, the time before spent as shape (6, n) says."""
        return Pairs(
            self.made + time_s,
            self.left_ready + time_s,
            self.right_ready + time_s,
            self.left_since + time_s,
            self.right_since + time_s,
            self.states,
            self.spent_s + spent_s,
            self.waits,
        )

    def take(self, index: IndexArray | slice) -> Pairs:
        """The pairs of some trials."""
        arrays = {name: getattr(self, name)[..., index] for name in _ARRAYS}
        return Pairs(waits=tuple(rows[:, index] for rows in self.waits), **arrays)

    def replace(self, index: IndexArray, others: Pairs) -> None:
        """Put other pairs in the place of those of some trials, in this very object."""
        for name in _ARRAYS:
            getattr(self, name)[..., index] = getattr(others, name)
        for mine, other in zip(self.waits, others.waits, strict=True):
            mine[:, index] = other

    @staticmethod
    def joined(parts: Sequence[Pairs]) -> Pairs:
        """Trials one after the other."""
        if len(parts) == 1:
            return parts[0]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in _ARRAYS}
        waits = tuple(np.concatenate(rows, axis=-1) for rows in zip(*(part.waits for part in parts), strict=True))
        return Pairs(waits=waits, **arrays)


_ARRAYS = tuple(field.name for field in fields(Pairs) if field.name != "waits")


def swapped(step: Joining, left: Pairs, right: Pairs, at: FloatArray, *, record: bool) -> Pairs:
    """The pairs that a swap makes of two, its operations beginning at the moments ``at``, shape (n,)."""
    done = at + step.durations_s[0]
    # No end corrects before it has heard of all that its own pair needs.
    left_known = np.maximum(done + step.delays_s[0], left.left_ready) + step.corrections_s[0]
    right_known = np.maximum(done + step.delays_s[1], right.right_ready) + step.corrections_s[1]
    waits = waiting_times(left, right, (left_known, done, done, right_known))
    states, _ = joined_states(step, left.states, right.states, waits)
    return Pairs(
        done,
        left_known,
        right_known,
        left_known.copy(),  # `replace` writes into each of them
        right_known.copy(),
        states,
        _spent(step, (left, left.right_ready), (right, right.left_ready), at, done),
        (*left.waits, *right.waits, waits) if record else (),
    )


def purified(step: Joining, kept: Pairs, spent: Pairs, at: FloatArray, *, record: bool) -> tuple[Pairs, FloatArray]:
    """The pairs that a purification keeps if it succeeds, and the probability that it does, shape (n,).

    Its operations begin at the moments ``at``, shape (n,).
    """
    left_done, right_done = at + step.durations_s[0], at + step.durations_s[1]
    waits = waiting_times(kept, spent, (left_done, right_done, left_done, right_done))
    states, accepted = joined_states(step, kept.states, spent.states, waits)
    made = np.maximum(left_done, right_done)
    pairs = Pairs(
        made,
        np.maximum(left_done, right_done + step.delays_s[0]),
        np.maximum(right_done, left_done + step.delays_s[1]),
        left_done,
        right_done,
        states,
        _spent(step, (kept, kept.ready), (spent, spent.ready), at, made),
        (*kept.waits, *spent.waits, waits) if record else (),
    )
    return pairs, accepted


def waiting_times(first: Pairs, second: Pairs, until: tuple[FloatArray, ...]) -> FloatArray:
    """How long the four qubits of two pairs wait until they are operated on: shape (4, n)."""
    since = (first.left_since, first.right_since, second.left_since, second.right_since)
    # Sums of times in another order differ by rounding: never less than zero.
    return np.maximum(np.array(until) - np.array(since), 0.0)


def joined_states(
    step: Joining, first: FloatArray, second: FloatArray, waits: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The states, shape (16, n), that two pairs become after waiting, and the probability of that, shape (n,)."""
    joined = step.map(
        waited(first.T, *step.memories[:2], waits[0], waits[1]).T,
        waited(second.T, *step.memories[2:], waits[2], waits[3]).T,
    )
    accepted = joined[0].copy()
    # What can never succeed is never accepted; its state is not looked at.
    joined /= np.where(accepted > 0, accepted, 1.0)
    return joined, accepted


_Known = tuple[Pairs, FloatArray]
"""Pairs, and when they are known where they are needed."""


def _spent(step: Joining, first: _Known, second: _Known, at: FloatArray, done: FloatArray) -> FloatArray:
    """What the time until ``done`` was spent on: as the two pairs did on average, and the earlier one's waiting."""
    pairs, there = second
    spent = pairs.spent_until(there)
    if step.side_by_side:  # else the second pair's time contains the first one's
        spent = (spent + first[0].spent_until(first[1])) / 2
        there = (there + first[1]) / 2
    spent[PARTNER] += at - there
    spent[OPERATIONS] += done - at
    return spent
