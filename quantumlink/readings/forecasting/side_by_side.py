"""Swaps at many places at once: the same as one after the other, without their overhead.

A search for routes swaps the same few kinds of stages thousands of times, each at another node. Where nothing but
swaps and exponential waits are in play, what differs from place to place are numbers: rates of decay, delays,
entries of the swap's map. So all go through `Meeting` together, a row each. What is not that simple (states that
slow fields dephase, qubits that are lost, ends that hear of their own pair late) is swapped by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.circuits import known_operation
from quantumlink.hardware import Processor
from quantumlink.readings.forecasting.joins import swapped
from quantumlink.readings.forecasting.meeting import Meeting, Waiting, trimmed
from quantumlink.readings.forecasting.products import Contraction, Summed, contraction
from quantumlink.readings.forecasting.stages import Attempting, Stage
from quantumlink.readings.forecasting.waits import HeldPair, held_pair
from quantumlink.readings.forecasting.windows import Pairs, counted_from_s, later
from quantumlink.timing.arrivals import EDGES_S
from quantumlink.timing.course import Course

_SWAP = known_operation("entanglement_swap")

Pair = tuple[Stage, Stage]


def swapped_side_by_side(pairs: Sequence[Pair]) -> list[Stage]:
    """``[swapped(left, right) for left, right in pairs]``, each of one alternative, the places not related."""
    together = [i for i, pair in enumerate(pairs) if len(pairs) > 1 and _is_plain(pair)]
    found: dict[int, Stage] = {}
    if len(together) > 1:
        rows = _Rows([pairs[i] for i in together])
        found = dict(zip(together, rows.swapped(), strict=True))
        for row in np.flatnonzero(rows.heard_late):
            del found[together[row]]
    return [found[i] if i in found else swapped(*pair) for i, pair in enumerate(pairs)]


def _is_plain(pair: Pair) -> bool:
    left, right = pair
    nodes = left.ends[0], left.ends[1], right.ends[1]
    return (
        left.timed
        and right.timed
        and left.lagging is None
        and right.lagging is None
        and len(left) == len(right) == 1
        and all(n.memory.retrieval == 1.0 and n.memory.per_attempt == 0.0 for n in nodes)
        and not any(n.memory.gaussian_s < np.inf for n in nodes)
    )


class _Times(NamedTuple):
    """Of a swap, in seconds: when the relay is done, and how long each end corrects."""

    done: float
    left: float
    right: float


@lru_cache(maxsize=4096)
def _times(processors: tuple[Processor, Processor, Processor]) -> _Times:
    course = Course.of(_SWAP, processors, [np.zeros((2, 2))] * 2)
    # The relay acts and tells, the ends correct: what `_Rows` reckons with.
    assert course.acting == course.telling == (1,)
    assert not course.telling_later
    assert course.until_known == (True, False, False, True)
    return _Times(course.done[1], course.corrections[0], course.corrections[2])


class _Rows:
    """Swaps at many places, a row each."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        lefts, rights = (tuple(stages) for stages in zip(*pairs, strict=True))
        processors = [(x.ends[0].processor, x.ends[1].processor, y.ends[1].processor) for x, y in pairs]
        times = np.array([_times(three) for three in processors])
        left, near = _lags_s(lefts)
        far, right = _lags_s(rights)
        delays = np.array([[x.delay_s, y.delay_s] for x, y in pairs])
        told = times[:, :1] + delays
        own = np.stack([left - near, right - far], axis=1)
        self.heard_late = (own > told).any(axis=1)
        first, second = _held(lefts), _held(rights)
        support = tuple(sorted({s for held in (*first, *second) for s in held.support}))
        pairs_of = [_pairs_of(stages, support) for stages in (lefts, rights)]
        clocks = [(there.points_s, there.coefficients[..., 0]) for there in pairs_of]
        common = counted_from_s(clocks, (near, far))  # waited after they have met
        self._known = np.maximum(own, told) + times[:, 1:] + common[:, None]
        self._delay_s = delays.sum(axis=1)
        done = times[:, 0] + common
        sides = (
            (lefts, pairs_of[0], near - common, self._known[:, 0], done),
            (rights, pairs_of[1], far - common, done, self._known[:, 1]),
        )
        held = [[held_pair(s.ends[0].memory, s.ends[1].memory, support) for s in side[0]] for side in sides]
        self._waiting = [_Waiting(*side, own_held) for side, own_held in zip(sides, held, strict=True)]
        self._join = _Sums([
            contraction(_SWAP, three, (a, b)) for three, a, b in zip(processors, *held, strict=True)
        ])  # fmt: skip

    def swapped(self) -> list[Stage]:
        """The stage of each row."""
        first, total, times = Meeting(*self._waiting).summed(self._join)
        return [self._stage(i, first, total[i : i + 1], times[i : i + 1]) for i in range(len(total))]

    def _stage(self, row: int, first: int, total: FloatArray, times: FloatArray) -> Stage:
        left, right = self._pairs[row]
        moments, pairs = trimmed(first, total, times)
        support = np.array(self._join.support)
        there = np.flatnonzero(pairs.any(axis=(0, 1)))
        known = self._known[row : row + 1]
        return Stage(
            ends=(left.ends[0], right.ends[1]),
            delay_s=float(self._delay_s[row]),
            support=tuple(support[there].tolist()),
            first=moments.first,
            points_s=moments.points_s,
            pairs=pairs[..., there],
            timed=True,
            success=left.success * right.success,
            left_lag_s=known[:, 0],
            right_lag_s=known[:, 1],
            left_since_s=known[:, 0],
            right_since_s=known[:, 1],
            overlap_s=np.zeros(1),
            left_memories=left.left_memories,
            right_memories=right.right_memories,
            attempts=Attempting(left.attempts.at | right.attempts.at),
        )


def _lags_s(stages: Sequence[Stage]) -> FloatArray:
    """Shape (2, rows): how much later than its clock each stage's left and right end know of it."""
    return np.array([[s.left_lag_s[0] for s in stages], [s.right_lag_s[0] for s in stages]])


def _held(stages: Sequence[Stage]) -> list[HeldPair]:
    return [held_pair(s.ends[0].memory, s.ends[1].memory, s.support) for s in stages]


def _pairs_of(stages: Sequence[Stage], support: tuple[int, ...]) -> Pairs:
    """The pairs of all, a row each."""
    first, last = min(s.first for s in stages), max(s.first + s.points_s.shape[1] for s in stages)
    points_s = np.repeat(EDGES_S[None, first:last], len(stages), axis=0)
    coefficients = np.zeros((len(stages), last - first, len(support)))
    place = {s: i for i, s in enumerate(support)}
    for row, stage in enumerate(stages):
        mine = slice(stage.first - first, stage.first - first + stage.points_s.shape[1])
        points_s[row, mine] = stage.points_s[0]
        coefficients[row, mine, [place[s] for s in stage.support]] = stage.pairs[0].T
    return Pairs(first, points_s, coefficients)


class _Waiting(Waiting):
    """Stages at many places, a row each, that wait for others: see `Waiting`."""

    def __init__(
        self,
        stages: Sequence[Stage],
        pairs: Pairs,
        lag_s: FloatArray,
        left_until_s: FloatArray,
        right_until_s: FloatArray,
        held: Sequence[HeldPair],
    ) -> None:
        if any(h.from_pauli is not None for h in held):
            same = np.eye(len(held[0].support))
            turns = np.array([same if h.from_pauli is None else h.from_pauli for h in held])
            pairs = pairs._replace(coefficients=pairs.coefficients @ turns.transpose(0, 2, 1))
        self.early_s = np.maximum(-lag_s, 0.0)
        pairs = later(pairs, np.maximum(lag_s, 0.0))
        since = np.array([[stage.left_since_s[0], stage.right_since_s[0]] for stage in stages])
        waits = np.maximum(np.stack([lag_s + left_until_s, lag_s + right_until_s], axis=1) - since, 0.0)
        rates = np.array([h.rates for h in held])
        self.pairs = pairs._replace(coefficients=pairs.coefficients * np.exp(-(waits[:, None] @ rates)))
        self.rates, self.squares = rates.sum(axis=1), np.zeros((1, len(held[0].support)))
        self.disturbed = []


class _Sums(Contraction):
    """A map for each row: see `Summed`."""

    def __init__(self, maps: Sequence[Contraction]) -> None:
        kinds: dict[int, int] = {}
        numbers = [kinds.setdefault(id(one), len(kinds)) for one in maps]
        own = {id(one): one for one in maps}
        size = max(max(int(p.max()) for p in one.places) for one in own.values() if isinstance(one, Summed)) + 1
        dense = np.zeros((len(kinds), size, size, 16))
        for key, number in kinds.items():
            one = own[key]
            assert isinstance(one, Summed)
            for k, s in enumerate(one.support):
                dense[number][(*one.places, np.full(len(one.weights), s))] = one.weights[:, k]
        self.support = tuple(np.flatnonzero(dense.any(axis=(0, 1, 2))).tolist())
        self._places = np.nonzero(dense.any(axis=(0, 3)))
        self._weights = dense[:, self._places[0], self._places[1]][:, :, list(self.support)][numbers]

    def __call__(self, *pairs: FloatArray) -> FloatArray:
        """Shapes (rows, cells, k) each to (rows, cells, coefficients)."""
        first, second = pairs
        products = first.take(self._places[0], axis=-1) * second.take(self._places[1], axis=-1)
        made: FloatArray = products @ self._weights
        return made
