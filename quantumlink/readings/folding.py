"""The fold: the states of all parts of a link's tree, from its elementary links upwards, at many points at once.

Parts of one height that need the same map are folded together, so a balanced tree takes a few array operations a
level; each distinct part is folded once, however often it occurs. What does not change from point to point is
folded once for all points, and the points go in chunks, so that memory stays bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from quantumlink.circuits import PurificationProtocol
from quantumlink.hardware import Memory
from quantumlink.link import Link
from quantumlink.progress import track
from quantumlink.readings.contraction import BELL_SUPPORT, Contraction, relaxed_support
from quantumlink.readings.maps import PairMap, purification_map, swap_map
from quantumlink.readings.points import Arrival, Hold, Points
from quantumlink.readings.state import BELL_SIGNS
from quantumlink.readings.tree import MapKey, Tree
from quantumlink.readings.waiting import waited

FloatArray = npt.NDArray[np.float64]

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding, not physics."""

MAX_VECTORS = 1 << 19
"""Most states kept at once of the parts that vary: 64 MB."""

MAX_POINTS = 1 << 10
"""Most points in a chunk: with more, states no longer stay in the caches (measured: three times slower)."""

Rows = int | npt.NDArray[np.intp]
"""Rows of a table: one as a number, which numpy looks up much faster."""


@dataclass(frozen=True, eq=False)
class Folded:
    """What the fold knows of one link of the tree."""

    vector: FloatArray
    """Shape (16,): its normalized Pauli coefficients."""
    accepted: float
    """The probability that its own heralds accept, given that its children's did."""
    success_probability: float
    """The probability that all heralds within it accept."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return float(1 + BELL_SIGNS[0] @ self.vector[[5, 10, 15]]) / 4


def fold(link: Link) -> dict[int, Folded]:
    """The exact state of every distinct link object of a tree, by its ``id``.

    Raises:
        ValueError: if two different nodes share a name, or a purification can never succeed.
    """
    schedule = _Schedule(Tree(link), Points())
    table, _ = schedule.fixed()
    accepted, success = table.accepted[:, 0].tolist(), table.success[:, 0].tolist()
    return {
        id(part): Folded(table.vectors[k, 0], accepted[k], success[k]) for k, part in enumerate(schedule.tree.parts)
    }


def fold_points(tree: Tree, points: Points) -> tuple[FloatArray, FloatArray]:
    """The whole link's states, shape (*points, 16), and success probabilities, shape (*points).

    Raises:
        ValueError: if a purification can never succeed.
    """
    schedule = _Schedule(tree, points)
    size, root = prod(points.shape), len(tree.parts) - 1
    row = schedule.row[root]
    tables = schedule.fixed()
    if not schedule.varies[root]:
        fixed = tables[False]
        vectors, success = np.tile(fixed.vectors[row], (size, 1)), np.repeat(fixed.success[row], size)
    else:
        vectors, success = np.empty((size, 16)), np.empty(size)
        step = max(1, min(size, MAX_POINTS, MAX_VECTORS // schedule.counts[True]))
        moving = _Table(schedule.counts[True], step)
        for start in track(range(0, size, step), "evaluating"):
            chunk = _Chunk(points.shape, start, min(start + step, size))
            part = moving.of(chunk.size)
            schedule.run(True, (tables[False], part), chunk)
            vectors[start : start + step], success[start : start + step] = part.vectors[row], part.success[row]
    return vectors.reshape(*points.shape, 16), success.reshape(points.shape)


class _Table:
    """What is known of some parts at some points."""

    def __init__(self, parts: int, points: int) -> None:
        self.vectors = np.empty((parts, points, 16))
        self.accepted = np.ones((parts, points))
        self.success = np.ones((parts, points))

    def of(self, points: int) -> _Table:
        """A view of the first so many points."""
        view = _Table(0, 0)
        view.vectors, view.accepted, view.success = (
            array[:, :points] for array in (self.vectors, self.accepted, self.success)
        )
        return view


_Tables = tuple[_Table, _Table]
"""Of the parts that are the same at all points, and of those that vary."""


@dataclass(frozen=True)
class _Chunk:
    """Some consecutive points, or a single one for what never varies."""

    shape: tuple[int, ...] = ()
    start: int = 0
    stop: int = 1

    @property
    def size(self) -> int:
        return self.stop - self.start

    def of(self, values: FloatArray, *tail: int) -> FloatArray:
        """The values at these points, shape (points or 1, *tail), of shape (..., *tail)."""
        if values.size == prod(tail):
            return values.reshape(1, *tail)
        index = np.unravel_index(np.arange(self.start, self.stop), self.shape)
        return np.broadcast_to(values, (*self.shape, *tail))[index]

    def name(self, point: int) -> str:
        """Where a point is, for an error text."""
        if not self.shape:
            return ""
        return f" at the point {tuple(int(i) for i in np.unravel_index(self.start + point, self.shape))}"


@dataclass(frozen=True, eq=False)
class _Arrive:
    """Elementary links' pairs arrive."""

    when: int
    rows: npt.NDArray[np.intp]
    varies: bool
    arrival: Arrival | None
    """None: each in its own state, as `vectors` says."""
    vectors: FloatArray | None

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        if self.arrival is None:
            assert self.vectors is not None
            tables[self.varies].vectors[self.rows] = self.vectors[:, None]
            return
        tail = () if self.arrival.werner else (4,)
        found = self.arrival.populations(chunk.of(self.arrival.values, *tail))
        tables[self.varies].vectors[self.rows] = _bell_diagonal(found)


@dataclass(frozen=True, eq=False)
class _Wait:
    """Pairs wait in the same two kinds of memory."""

    when: int
    rows: npt.NDArray[np.intp]
    varies: bool
    memories: tuple[Memory, Memory]
    hold: Hold

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        table, hold = tables[self.varies], self.hold
        times = chunk.of(hold.left_s), chunk.of(hold.right_s)
        table.vectors[self.rows] = waited(table.vectors[self.rows], *self.memories, *times)


@dataclass(eq=False, slots=True)  # not frozen: a sequential chain has one a hop, and a frozen one takes longer
class _Join:
    """Pairs of one height are joined by the same map."""

    when: int
    contraction: Contraction
    first_varies: bool
    second_varies: bool
    varies: bool
    first: Rows
    second: Rows
    result: Rows
    tree: Tree
    places: list[int]
    """Where the results stand in the tree."""

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        a, b, out = tables[self.first_varies], tables[self.second_varies], tables[self.varies]
        first, second, result = self.first, self.second, self.result
        apply = self.contraction if isinstance(result, int) else self.contraction.many
        found = apply(a.vectors[first], b.vectors[second])
        success = a.success[first] * b.success[second]
        if not self.contraction.certain:
            accepted = found[..., 0]
            if accepted.size and accepted.min() < IMPOSSIBLE:
                self._refuse(accepted, chunk)
            found = found / accepted[..., None]
            success = success * accepted
            out.accepted[result] = accepted
        out.vectors[result] = found
        out.success[result] = success

    def _refuse(self, accepted: FloatArray, chunk: _Chunk) -> None:
        part, point = np.argwhere(np.atleast_2d(accepted) < IMPOSSIBLE)[0]
        link = self.tree.parts[self.places[part]]
        raise ValueError(f"this purification can never succeed{chunk.name(int(point))}: {link!r}")


_Step = _Arrive | _Join | _Wait
"""Each has a moment ``when``: at each height, pairs arrive or are joined, then wait."""


class _Schedule:
    """In which steps a tree is folded, and where each part's state is kept."""

    def __init__(self, tree: Tree, points: Points) -> None:
        self.tree = tree
        self.varies: list[bool] = []
        """Whether each part differs from point to point."""
        self.row: list[int] = []
        """The row of each part in the table of those that vary, or of those that do not."""
        self.counts = [0, 0]
        self._maps = _Maps(tree)
        self._hold_of = {k: hold for hold in points.holds for k in hold.parts}
        steps: list[_Step] = [*self._joins(points), *self._arrivals(points), *self._waits()]
        steps.sort(key=attrgetter("when"))
        self._steps: tuple[list[_Step], list[_Step]] = ([], [])
        for step in steps:
            self._steps[step.varies].append(step)

    def fixed(self) -> _Tables:
        """Fold what does not vary; the other table is empty."""
        tables = _Table(self.counts[False], 1), _Table(0, 0)
        self.run(False, tables, _Chunk())
        return tables

    def run(self, varies: bool, tables: _Tables, chunk: _Chunk) -> None:
        """Fold what varies, or what does not."""
        for step in self._steps[varies]:
            step.run(tables, chunk)

    def _joins(self, points: Points) -> Iterator[_Join]:
        """Place every part, and tell which can be folded together."""
        tree, row, varies, counts, hold_of = self.tree, self.row, self.varies, self.counts, self._hold_of
        moving = {k for arrival in points.arrivals if prod(arrival.shape) != 1 for k in arrival.parts}
        level, support = [0] * len(tree.parts), [BELL_SUPPORT] * len(tree.parts)
        groups: dict[tuple[int, Contraction, bool, bool, bool], list[int]] = {}
        contraction_of = self._maps.contraction
        for k, (part, i, j, key) in enumerate(zip(tree.parts, tree.first, tree.second, tree.keys, strict=True)):
            if key is None:
                moves = k in moving
            else:
                contraction = contraction_of(key, support[i], support[j])
                level[k] = 1 + (level[i] if level[i] > level[j] else level[j])
                support[k] = contraction.support
                moves = varies[i] or varies[j]
            if k in hold_of:
                support[k] = relaxed_support(support[k], part.left.memory, part.right.memory)
                moves = moves or prod(hold_of[k].shape) != 1
            varies.append(moves)
            row.append(counts[moves])
            counts[moves] += 1
            if key is not None:
                group = groups.setdefault((level[k], contraction, varies[i], varies[j], moves), [])
                group.append(k)
        self._level = level
        for (height, contraction, a, b, c), places in groups.items():
            first = _rows([row[tree.first[k]] for k in places])
            second = _rows([row[tree.second[k]] for k in places])
            result = _rows([row[k] for k in places])
            yield _Join(3 * height + 1, contraction, a, b, c, first, second, result, tree, places)

    def _arrivals(self, points: Points) -> Iterator[_Arrive]:
        stated = {k for arrival in points.arrivals for k in arrival.parts}
        others = [k for k in self.tree.elementary() if k not in stated]
        for arrival, parts in [*((arrival, arrival.parts) for arrival in points.arrivals), (None, others)]:
            for varies in (False, True):
                mine = [k for k in parts if self.varies[k] == varies]
                if not mine:
                    continue
                vectors = None
                if arrival is None:
                    links = self.tree.parts
                    vectors = _bell_diagonal(np.array([links[k].bell_diagonal for k in mine]))  # type: ignore[attr-defined]
                yield _Arrive(0, np.array([self.row[k] for k in mine]), varies, arrival, vectors)

    def _waits(self) -> Iterator[_Wait]:
        alike: defaultdict[tuple[int, bool, Memory, Memory, Hold], list[int]] = defaultdict(list)
        for k, hold in self._hold_of.items():
            left, right = (node.memory for node in self.tree.parts[k].ends)
            if not (left.is_ideal and right.is_ideal):
                alike[self._level[k], self.varies[k], left, right, hold].append(self.row[k])
        for (level, varies, left, right, hold), rows in alike.items():
            yield _Wait(3 * level + 2, np.array(rows), varies, (left, right), hold)


class _Maps:
    """The contractions of one tree: looked up by numbers, shared by all parts of equal noise."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[tuple[MapKey, int, int], Contraction] = {}
        self._shared: dict[tuple[int, int, int], Contraction] = {}
        self._matrices: list[PairMap] = []  # kept, so that no other one gets their id

    def contraction(self, key: MapKey, first_support: int, second_support: int) -> Contraction:
        """The contraction of a primitive for children of these supports."""
        found = self._known.get((key, first_support, second_support))
        if found is None:
            matrix = self._matrix(key)
            shared = (id(matrix), first_support, second_support)
            if shared not in self._shared:
                self._matrices.append(matrix)
                self._shared[shared] = Contraction.of(matrix, first_support, second_support)
            found = self._known[key, first_support, second_support] = self._shared[shared]
        return found

    def _matrix(self, key: MapKey) -> PairMap:
        primitive, left, relay, right = key
        of = self._tree.processors
        if primitive == "swap":
            return swap_map(of[left], of[relay], of[right])
        protocol: PurificationProtocol = primitive  # type: ignore[assignment]
        return purification_map(protocol, of[left], of[right])


def _rows(rows: list[int]) -> Rows:
    return rows[0] if len(rows) == 1 else np.array(rows)


def _bell_diagonal(populations: FloatArray) -> FloatArray:
    """Pauli coefficients, shape (..., 16), of populations of shape (..., 4)."""
    vectors = np.zeros((*populations.shape[:-1], 16))
    vectors[..., 0] = 1.0
    vectors[..., [5, 10, 15]] = populations @ BELL_SIGNS
    return vectors
