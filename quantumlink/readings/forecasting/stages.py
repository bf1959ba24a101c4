"""Links with their time: operations on many alternatives at once, by exact maps, waiting integrated.

A `Stage` holds alternatives for one stretch of a path: when each one's pair is there, and in which state it then
is. The state depends on the moment: a pair that had to wait for its parts has decayed more. So of every cell of the
grid of times (see `quantumlink.timing.arrivals`) the mean state is kept, and stages are joined over all moments
of all. This is the timeline's own timing with its default options, and the two agree; see
`quantumlink.readings.timeline` for what happens when. What is not exact:

- moments are points in cells, what all of a link's moments have in common not counted;
- tries that follow failures are on a grid of equal steps, see `quantumlink.readings.forecasting.renewal`: two that
  failed equally often come together, if tries hardly differ in how long they take, and do not wait for each other;
- where alternatives of pairs that are made one after the other are compared, they have mean states and moments are
  gamma distributed; so are pairs in turn that `quantumlink.readings.forecasting.in_turn` does not follow, of which
  a forecast warns;
- an end that is told of a swap before it knows of its own pair (its half is still being moved, see
  ``Memory.move_s``) knows of both at a lag that depends on how long the pair waited: some lags stand for all, see
  `quantumlink.readings.forecasting.lateness`, and fewer where links of many lags meet, see
  `quantumlink.readings.forecasting.by_lag`; where several alternatives are compared, the mean of all does;
- of attempts that disturb what a node stores (`Memory.per_attempt`), where two links' attempts do not go in step,
  how they stand to each other is taken not to depend on the wait. Where it is not known when they are made, that is
  refused.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IndexArray
from quantumlink.hardware import Node
from quantumlink.hardware.pauli_coefficients import FIDELITY_SIGNS
from quantumlink.link import ElementaryLink
from quantumlink.readings.forecasting.waits import held_pair
from quantumlink.timing.arrivals import EDGES_S, Moments, of_rounds
from quantumlink.timing.attempts import Rounds, rounds_of, whole_attempts


@dataclass(frozen=True)
class Attempting:
    """How attempts are made for the pairs of a stage, as far as that is known."""

    at: frozenset[str] = frozenset()
    """The nodes that make them."""
    rate_hz: float | None = None
    """How many are made a second, from its start to the first herald; None if that is not known."""
    further: float = 0.0
    """How many more than that are made until the herald is there: whole ones."""
    rounds: Rounds | None = None
    """How they go, if they are of a clock."""
    at_once: int = 1
    """How many are made in a round."""

    @property
    def period_s(self) -> float:
        """The duration of a round; 0 if there are none."""
        return 0.0 if self.rounds is None else self.rounds.time_s

    @property
    def herald_s(self) -> float:
        """How much later than its round a pair is heralded."""
        return 0.0 if self.rounds is None else self.rounds.herald_s


@dataclass(frozen=True, eq=False)
class Stage:
    """Alternatives for the link between two nodes; n of them, on the same stretch of the same path.

    Each has a moment, its *clock*; when an end knows of the pair and since when its qubit waits are lags behind it.
    What all moments of an alternative have in common, as the way of a herald, is in the lags: the grid, whose cells
    are a tenth of a moment wide, resolves only what the clock counts.
    """

    ends: tuple[Node, Node]
    """The left and the right end."""
    delay_s: float
    """Time of flight from end to end along the path."""
    support: tuple[int, ...]
    """Which of the 16 Pauli coefficients there may be."""
    first: int
    """The first cell of the window of times."""
    points_s: FloatArray
    """Shape (n, cells): the mean clock of each cell."""
    pairs: FloatArray
    """Shape (n, cells, coefficients): mean Pauli coefficients of each cell, times its probability."""
    timed: bool
    """Whether it is known when pairs come; if not, nobody waits."""
    success: FloatArray
    """Shape (n,): the probability that all heralds accept at once."""
    left_lag_s: FloatArray
    """Shape (n,): how much later than the clock the left end knows of the pair, corrected."""
    right_lag_s: FloatArray
    """Shape (n,): how much later the right end does."""
    left_since_s: FloatArray
    """Shape (n,): how much later than the clock the left qubit's waiting, not yet accounted for, begins."""
    right_since_s: FloatArray
    """Shape (n,): how much later the right qubit's does."""
    overlap_s: FloatArray
    """Shape (n,): how much of the mean time is shared with the pairs before and after: the way of the heralds in a
    stream. Pairs follow one another that much sooner than the first one comes."""
    left_memories: IndexArray
    """Shape (n,): how many qubits the left end holds at once."""
    right_memories: IndexArray
    """Shape (n,): how many qubits the right end holds at once."""
    attempts: Attempting = Attempting()
    """Where attempts are made for it, and how."""
    lagging: Stage | None = None
    """Where an end may know of the one alternative at several lags: a row for each; masses add up to 1. What
    stands here is then their sum and their mean."""
    left_out: float = 0.0
    """By about which part coherences are too low, as its pairs are made in turn and not followed: the order."""

    def __len__(self) -> int:
        return len(self.success)

    def take(self, chosen: IndexArray | BoolArray) -> Stage:
        """Some of the alternatives, by index or mask, with the mean lags of their ends."""
        arrays: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        return replace(self, **arrays, lagging=None)

    @cached_property
    def vectors(self) -> FloatArray:
        """Shape (n, 16): Pauli coefficients of the mean pair, waiting not counted that is still to come."""
        vectors = np.zeros((len(self), 16))
        vectors[:, list(self.support)] = self.pairs.sum(axis=1)
        return vectors

    @cached_property
    def mean_s(self) -> FloatArray:
        """Shape (n,): the mean of the clock; NaN where nothing is known of it."""
        if not self.timed:
            return np.full(len(self), np.nan)
        return (self.pairs[..., 0] * self.points_s).sum(axis=1)  # type: ignore[no-any-return]

    @property
    def fidelity(self) -> FloatArray:
        """Shape (n,): fidelity to Φ⁺."""
        return self.vectors @ FIDELITY_SIGNS

    def supported(self, support: tuple[int, ...]) -> FloatArray:
        """``pairs`` with more coefficients, which vanish: shape (n, cells, coefficients)."""
        if support == self.support:
            return self.pairs
        wider = np.zeros((*self.pairs.shape[:2], len(support)))
        wider[..., [support.index(s) for s in self.support]] = self.pairs
        return wider

    def windowed(self, first: int, last: int) -> Stage:
        """The same in a wider window of cells."""
        cells, n = self.points_s.shape[1], len(self)
        points = np.repeat(EDGES_S[None, first:last], n, axis=0)
        pairs = np.zeros((n, last - first, len(self.support)))
        mine = slice(self.first - first, self.first - first + cells)
        points[:, mine], pairs[:, mine] = self.points_s, self.pairs
        return replace(self, first=first, points_s=points, pairs=pairs)

    def arrived(self, cells: IndexArray) -> FloatArray:
        """Shape (n, cells): at least the probability that an end knows of the pair by the end of each cell.

        The first cell of the window may hold what is earlier.
        """
        rows = self.by_lag
        lag_s = np.minimum(rows.left_lag_s, rows.right_lag_s).min()
        clocks = EDGES_S[cells + 1] - lag_s
        own = np.searchsorted(EDGES_S, clocks, side="left") - 1 - self.first
        total = np.cumsum(self.pairs[..., 0], axis=1)
        found: FloatArray = np.where(clocks > 0, total[:, np.clip(own, 0, total.shape[1] - 1)], 0.0)
        return found

    def reversed(self) -> Stage:
        """The same from the other end."""
        turned = [4 * (s % 4) + s // 4 for s in self.support]
        order = np.argsort(turned)
        return replace(
            self,
            ends=self.ends[::-1],
            support=tuple(turned[i] for i in order),
            pairs=self.pairs[..., order],
            left_lag_s=self.right_lag_s,
            right_lag_s=self.left_lag_s,
            left_since_s=self.right_since_s,
            right_since_s=self.left_since_s,
            left_memories=self.right_memories,
            right_memories=self.left_memories,
            lagging=None if self.lagging is None else self.lagging.reversed(),
        )

    def scaled(self, factors: FloatArray) -> Stage:
        """Its pairs times factors of shape (n,)."""
        return replace(self, pairs=self.pairs * factors[:, None, None])

    def with_lags(self, lagging: Stage | None) -> Stage:
        """The same, with the lags at which its ends may know of it."""
        return replace(self, lagging=lagging)

    @property
    def by_lag(self) -> Stage:
        """A row for each lag at which its ends may know of it."""
        return self if self.lagging is None else self.lagging


_ARRAYS = tuple(
    field.name
    for field in fields(Stage)
    if field.name not in ("ends", "delay_s", "support", "first", "timed", "attempts", "lagging", "left_out")
)


def stacked(stages: list[Stage]) -> Stage:
    """The alternatives of several stages of one stretch, one after the other, with the mean lags of their ends."""
    support = tuple(sorted(set().union(*(stage.support for stage in stages))))
    first, last = min(s.first for s in stages), max(s.first + s.points_s.shape[1] for s in stages)
    alike = [
        replace(stage, pairs=stage.supported(support), support=support).windowed(first, last) for stage in stages
    ]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(s, name) for s in alike]) for name in _ARRAYS}
    return replace(alike[0], **arrays, lagging=None)


def elementary(link: ElementaryLink, at_once: int = 1) -> Stage:
    """The one alternative of an elementary link that makes some attempts at once."""
    rounds = rounds_of(link, at_once)
    moments = Moments(0, np.ones((1, 1)), np.zeros((1, 1))) if rounds is None else of_rounds(rounds)
    vector = link.coefficients
    if (factors := link.move_factors) is not None:
        vector = vector * factors
    support = tuple(np.flatnonzero(vector).tolist())
    one, none = np.ones(1, dtype=np.intp), np.zeros(1)
    known = [none if rounds is None else np.array([rounds.herald_s + node.memory.move_s]) for node in link.ends]
    return Stage(
        ends=(link.left, link.right),
        delay_s=link.delay_s,
        support=support,
        first=moments.first,
        points_s=moments.points_s,
        pairs=moments.masses[..., None] * vector[list(support)],
        timed=rounds is not None,
        success=np.ones(1),
        left_lag_s=known[0],
        right_lag_s=known[1],
        left_since_s=known[0],
        right_since_s=known[1],
        overlap_s=np.array([0.0 if rounds is None else rounds.herald_s]),
        left_memories=one,
        right_memories=one,
        attempts=_attempting(link, rounds, at_once),
    )


def _attempting(link: ElementaryLink, rounds: Rounds | None, at_once: int) -> Attempting:
    at = frozenset(node.name for node in link.ends)
    if rounds is None or rounds.success_probability is None:
        return Attempting(at)
    behind = rounds.herald_s / rounds.time_s
    return Attempting(
        at, at_once / rounds.time_s, at_once * float(whole_attempts(behind) - behind), rounds, at_once
    )


def delivered(stage: Stage) -> tuple[FloatArray, FloatArray]:
    """When both users know of the pair: vectors, shape (n, 16), and mean times in seconds, shape (n,)."""
    if stage.lagging is not None:
        vectors, times = delivered(stage.lagging)
        return vectors.sum(axis=0, keepdims=True), times.sum(keepdims=True)
    lag = np.maximum(stage.left_lag_s, stage.right_lag_s)
    held = held_pair(stage.ends[0].memory, stage.ends[1].memory, stage.support)
    coefficients = stage.supported(held.support).sum(axis=1, keepdims=True)
    if stage.timed and not held.ideal:
        if held.from_pauli is not None:
            coefficients = coefficients @ held.from_pauli.T
        coefficients = held.held(coefficients, lag - stage.left_since_s, lag - stage.right_since_s)
        if held.to_pauli is not None:
            coefficients = coefficients @ held.to_pauli.T
    vectors = np.zeros((len(stage), 16))
    vectors[:, list(held.support)] = coefficients[:, 0]
    return vectors, stage.mean_s + lag * stage.pairs[..., 0].sum(axis=1)
