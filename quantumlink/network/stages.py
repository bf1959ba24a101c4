"""Links with their time: swaps and purifications of many alternatives at once, by exact maps, waiting included.

A `Stage` holds alternatives for one stretch of a path: how each one's pair looks, and when it is there. This is the
timing that routes and strategies are scored by; its assumptions, which `forecast` repeats for the reader:

- A node without a number of memories has as many as needed: all pairs that a purification needs are made side by
  side. With a number, pairs of one elementary link are made one after the other, each by as many attempts at once
  as there are places left while the others are held.
- An elementary pair is there at its herald: at the end of the attempt that made it or, where attempts follow one
  another faster than light goes from end to end, the medium's delay after that attempt's start. It has its stated
  state then. Pairs that are stated to come at random moments, by a rate, come without a herald.
- A swap happens as soon as both its pairs are there. The earlier pair waits, and with it both its memories.
- Waiting is counted to first order: each pair waits for its *mean* time, E[max(T₁, T₂)] − E[T₁]. Coherence falls
  off convexly with time, so that the mean of the states is a little better than this state of the mean time.
- A swap's result travels to both ends of the new pair at the speed of the media. Nobody waits for it but a
  purification and the two users at the end. It is taken to leave when the last swap is done.
- A purification that fails starts all its pairs again; its parties wait for each other's result.
- Gates and readout take the time that the processors say, once for every operation in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quantumlink.circuits import PurificationProtocol
from quantumlink.hardware import Node, Processor
from quantumlink.link import Attempts, ElementaryLink
from quantumlink.network.arrivals import (
    CELLS,
    FloatArray,
    means_of_later_s,
    means_s,
    of_attempts,
    of_repetitions,
    variances,
)
from quantumlink.readings.maps import PairMap, purification_map, swap_map
from quantumlink.readings.state import BELL_SIGNS
from quantumlink.readings.waiting import waited

IndexArray = npt.NDArray[np.int64]

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Alternatives for the link between two nodes; n of them, on the same stretch of the same path."""

    ends: tuple[Node, Node]
    """The left and the right end."""
    delay_s: float
    """Time of flight from end to end along the path."""
    vectors: FloatArray
    """Shape (n, 16): normalized Pauli coefficients of the pair at the moment it is there."""
    success: FloatArray
    """Shape (n,): the probability that all heralds accept at once."""
    arrived: FloatArray
    """Shape (n, CELLS): when it is there, see `arrivals`."""
    mean_s: FloatArray
    """Shape (n,): mean time until it is there; NaN where nothing is known of it."""
    left_lag_s: FloatArray
    """Shape (n,): how much later the left end knows its corrections."""
    right_lag_s: FloatArray
    """Shape (n,): how much later the right end knows its corrections."""
    overlap_s: FloatArray
    """Shape (n,): how much of the mean time is shared with the pairs before and after: the way of the heralds in a
    stream. Pairs follow one another that much sooner than the first one comes."""
    left_memories: IndexArray
    """Shape (n,): how many qubits the left end holds at once."""
    right_memories: IndexArray
    """Shape (n,): how many qubits the right end holds at once."""

    def __len__(self) -> int:
        return len(self.mean_s)

    def take(self, chosen: IndexArray | npt.NDArray[np.bool_]) -> Stage:
        """Some of the alternatives, by index or mask."""
        arrays: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        return replace(self, **arrays)

    @property
    def fidelity(self) -> FloatArray:
        """Shape (n,): fidelity to Φ⁺."""
        found: FloatArray = (1 + self.vectors[:, [5, 10, 15]] @ BELL_SIGNS[0]) / 4
        return found


_ARRAYS = tuple(field.name for field in fields(Stage) if field.name not in ("ends", "delay_s"))


def stacked(stages: list[Stage]) -> Stage:
    """The alternatives of several stages of one stretch, one after the other."""
    first = stages[0]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(s, name) for s in stages]) for name in _ARRAYS}
    return replace(first, **arrays)


def elementary(link: ElementaryLink, at_once: int = 1) -> Stage:
    """The one alternative of an elementary link that makes some attempts at once."""
    vector = np.zeros((1, 4, 4))
    vector[0, 0, 0] = 1.0
    vector[0, [1, 2, 3], [1, 2, 3]] = np.array(link.bell_diagonal) @ BELL_SIGNS
    attempts = link.attempts
    delay = 0.0 if link.medium is None else link.medium.delay_s
    arrived, mean, herald = np.zeros(CELLS), np.nan, 0.0
    if attempts is not None:
        herald = max(delay - attempts.time_s, 0.0) if attempts.success_probability is not None else 0.0
        arrived, mean = of_attempts(_side_by_side(attempts, at_once), herald_s=herald)
    one, none = np.ones(1, dtype=np.int64), np.zeros(1)
    return Stage(
        ends=(link.left, link.right),
        delay_s=delay,
        vectors=vector.reshape(1, 16),
        success=np.ones(1),
        arrived=arrived[None],
        mean_s=np.array([mean]),
        left_lag_s=none,
        right_lag_s=none,
        overlap_s=np.array([herald]),
        left_memories=one,
        right_memories=one,
    )


def swapped(left: Stage, right: Stage) -> Stage:
    """Each alternative of the left stage joined with that of the right one."""
    both, mean = _both(left, right)
    return _joined(left, right, both, mean)


def swapped_each_with_each(
    left: Stage, right: Stage, choose: Callable[[Stage], IndexArray] | None = None
) -> tuple[Stage, IndexArray, IndexArray]:
    """Every alternative of the left stage joined with every one of the right one, or some of them.

    Args:
        left: the stage on the left.
        right: the stage on the right.
        choose: tells from all of them, ``arrived`` left out, which to go on with, by index; None for all.

    Returns:
        The stage; and of each of its alternatives, which one of the left and which of the right stage it joins.
    """
    first, second = (index.ravel() for index in np.indices((len(left), len(right))))
    if choose is None:
        return swapped(left.take(first), right.take(second)), first, second
    # Distributions are by far the largest arrays: they are made for those alone that are chosen.
    one, other = (replace(stage, arrived=stage.arrived[:, :0]) for stage in (left, right))
    one, other = one.take(first), other.take(second)
    mean = np.maximum(means_of_later_s(left.arrived, right.arrived).ravel(), np.maximum(one.mean_s, other.mean_s))
    found = _joined(one, other, one.arrived, mean)
    chosen = choose(found)
    first, second = first[chosen], second[chosen]
    return replace(found.take(chosen), arrived=left.arrived[first] * right.arrived[second]), first, second


def _joined(left: Stage, right: Stage, both: FloatArray, mean: FloatArray) -> Stage:
    """Swaps of which it is known when both pairs are there."""
    outer = (left.ends[0], right.ends[1])
    relay = left.ends[1]
    wait_left, wait_right = mean - left.mean_s, mean - right.mean_s
    first, second = _held(left, wait_left, wait_left), _held(right, wait_right, wait_right)
    vectors = _mapped(swap_map(outer[0].processor, relay.processor, outer[1].processor), first, second)
    operation = _duration(relay.processor)
    return Stage(
        ends=outer,
        delay_s=left.delay_s + right.delay_s,
        vectors=vectors / vectors[:, :1],
        success=left.success * right.success,
        arrived=both,
        mean_s=mean,
        left_lag_s=np.maximum(left.left_lag_s, left.delay_s + right.left_lag_s) + operation,
        right_lag_s=np.maximum(right.right_lag_s, right.delay_s + left.right_lag_s) + operation,
        overlap_s=np.zeros(len(mean)),
        left_memories=left.left_memories,
        right_memories=right.right_memories,
    )


def purified(kept: Stage, spent: Stage, protocol: PurificationProtocol, *, in_turn: bool) -> Stage:
    """Each alternative of the kept stage improved by that of the spent one.

    Args:
        kept: the pairs that are improved.
        spent: the pairs that are measured, between the same ends.
        protocol: the purification protocol.
        in_turn: whether the kept pair is made first and held while the other is made.
    """
    left, right = kept.ends
    if in_turn:
        mean, spread = kept.mean_s + spent.mean_s, variances(kept.arrived) + variances(spent.arrived)
        wait_kept, wait_spent = spent.mean_s, np.zeros(len(spent))
    else:
        both, mean = _both(kept, spent)
        wait_kept, wait_spent, spread = mean - kept.mean_s, mean - spent.mean_s, variances(both)
    left_lag = np.maximum(kept.left_lag_s, spent.left_lag_s)
    right_lag = np.maximum(kept.right_lag_s, spent.right_lag_s)
    first = _held(kept, wait_kept + left_lag, wait_kept + right_lag)
    second = _held(spent, wait_spent + left_lag, wait_spent + right_lag)
    vectors = _mapped(purification_map(protocol, left.processor, right.processor), first, second)
    accepted = np.maximum(vectors[:, 0], IMPOSSIBLE)
    operation = max(_duration(left.processor), _duration(right.processor))
    message = np.full(len(kept), kept.delay_s)
    tried = mean + np.maximum(left_lag, right_lag) + operation + message
    known = np.isfinite(tried)
    arrived, until = of_repetitions(np.where(known, tried, 0.0), np.where(known, spread, 0.0), accepted)
    result = replace(
        kept,
        vectors=vectors / accepted[:, None],
        success=kept.success * spent.success * accepted,
        arrived=arrived,
        mean_s=np.where(known, until, np.nan),
        left_lag_s=np.zeros(len(kept)),
        right_lag_s=np.zeros(len(kept)),
        overlap_s=np.zeros(len(kept)),
        left_memories=np.maximum(kept.left_memories, spent.left_memories + 1),
        right_memories=np.maximum(kept.right_memories, spent.right_memories + 1),
    )
    return replace(result, vectors=_held(result, message, message))


def delivered(stage: Stage) -> tuple[FloatArray, FloatArray]:
    """When both users know their corrections: vectors, shape (n, 16), and mean times in seconds, shape (n,)."""
    lag = np.maximum(stage.left_lag_s, stage.right_lag_s)
    return _held(stage, lag, lag), stage.mean_s + lag


def _side_by_side(attempts: Attempts, at_once: int) -> Attempts:
    p = attempts.success_probability
    if p is None:
        return Attempts(None, attempts.time_s / at_once)
    return Attempts(1.0 - (1.0 - p) ** at_once if at_once > 1 else p, attempts.time_s)


def _both(first: Stage, second: Stage) -> tuple[FloatArray, FloatArray]:
    """When both are there, and the mean of that moment."""
    both = first.arrived * second.arrived
    mean = np.maximum(means_s(both), np.maximum(first.mean_s, second.mean_s))  # NaN if either is
    return both, mean


def _held(stage: Stage, left_s: FloatArray, right_s: FloatArray) -> FloatArray:
    """The pairs after waiting; where no time is known, none is counted."""
    memories = stage.ends[0].memory, stage.ends[1].memory
    if memories[0].is_ideal and memories[1].is_ideal:
        return stage.vectors
    if np.isnan(left_s).any():
        left_s, right_s = np.nan_to_num(left_s), np.nan_to_num(right_s)
    return waited(stage.vectors, *memories, left_s, right_s)


def _mapped(matrix: PairMap, first: FloatArray, second: FloatArray) -> FloatArray:
    """The map applied to pairs of vectors: shapes (16, 256), (n, 16), (n, 16) to (n, 16)."""
    # Most coefficients vanish in all pairs: four to six of sixteen are left.
    ours, theirs = np.flatnonzero(first.any(axis=0)), np.flatnonzero(second.any(axis=0))
    width = len(ours) * len(theirs)
    part = matrix.reshape(16, 16, 16)[:, ours[:, None], theirs].reshape(16, width)
    both = first[:, ours, None] * second[:, None, theirs]
    return both.reshape(len(first), width) @ part.T


def _duration(processor: Processor) -> float:
    """A CNOT, the rotation before or after it, and the readout."""
    return processor.gate_1q_s + processor.gate_2q_s + processor.readout_s
