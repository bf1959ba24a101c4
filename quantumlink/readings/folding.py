"""The fold: the states of all parts of a link's tree, from its elementary links upwards, at many points at once.

Parts of one height that need the same map are folded together, so a balanced tree takes a few array operations a
level; each distinct part is folded once, however often it occurs. What does not change from point to point is
folded once for all points, and the points go in chunks, so that memory stays bounded. Two pairs become one by a
map, reduced to what its inputs can hold; whatever else an operation makes of links, their states are carried
through its circuit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from operator import attrgetter
from typing import cast

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.hardware import Memory
from quantumlink.hardware.pauli_coefficients import bell_coefficients, bell_populations
from quantumlink.link import ElementaryLink, Link, Purify, Swap
from quantumlink.link.elementary import arriving_coefficients, moved
from quantumlink.progress import track
from quantumlink.readings.contraction import (
    BELL_SUPPORT,
    EVERYTHING,
    Contraction,
    carried_support,
    relaxed_support,
    support_of,
)
from quantumlink.readings.maps import Carrying, PairMap, carrier, is_pair_map, is_sampled, pair_map
from quantumlink.readings.points import Arrival, Hold, Points
from quantumlink.readings.tree import Tree
from quantumlink.readings.waiting import qubit_disturbed, qubit_waited, waited

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding, not physics."""

MAX_VECTORS = 1 << 19
"""Most states kept at once of the parts that vary: 64 MB."""

MAX_POINTS = 1 << 10
"""Most points in a chunk: with more, states no longer stay in the caches (measured: three times slower)."""


class NeverSucceeds(ValueError):
    """An operation whose heralds refuse every run."""


Rows = int | IndexArray
"""Rows of a table: one as a number, which numpy looks up much faster."""


@dataclass(frozen=True, eq=False)
class Folded:
    """What the fold knows of one link of the tree."""

    vector: FloatArray
    """Shape (4^ends,), 16 of a pair: its normalized Pauli coefficients."""
    accepted: float
    """The probability that its own heralds accept, given that its children's did."""
    success_probability: float
    """The probability that all heralds within it accept."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺, of a pair.

        Raises:
            ValueError: if the link does not have two ends: see `evaluate`.
        """
        if len(self.vector) != 16:
            raise ValueError("the fidelity to Φ⁺ is of two ends: evaluate tells that of other states")
        return float(bell_populations(self.vector)[0])


def fold(link: Link) -> dict[int, Folded]:
    """The exact state of every distinct link object of a tree, by its ``id``.

    Raises:
        ValueError: if two different nodes share a name, or a purification can never succeed.
    """
    schedule = _Schedule(Tree(link), Points())
    table, _ = schedule.fixed()
    accepted, success = table.accepted[:, 0].tolist(), table.success[:, 0].tolist()
    return {
        id(part): Folded(table.wide[k][0] if k in table.wide else table.vectors[k, 0], accepted[k], success[k])
        for k, part in enumerate(schedule.tree.parts)
    }


def fold_points(tree: Tree, points: Points) -> tuple[FloatArray, FloatArray]:
    """The whole link's states, shape (*points, 4^ends), and success probabilities, shape (*points).

    Raises:
        ValueError: if a purification can never succeed.
    """
    schedule = _Schedule(tree, points)
    size, root = prod(points.shape), len(tree.parts) - 1
    row = schedule.row[root]
    tables = schedule.fixed()
    if not schedule.varies[root]:
        fixed = tables[False]
        vectors, success = np.tile(fixed.state(row), (size, 1)), np.repeat(fixed.success[row], size)
    else:
        vectors, success = np.empty((size, 4 ** len(tree.parts[root].ends))), np.empty(size)
        step = max(1, min(size, MAX_POINTS, MAX_VECTORS // schedule.vectors[True]))
        moving = _Table(schedule.counts[True], step)
        for start in track(range(0, size, step), "evaluating"):
            chunk = _Chunk(points.shape, start, min(start + step, size))
            part = moving.of(chunk.size)
            schedule.run(True, (tables[False], part), chunk)
            vectors[start : start + step], success[start : start + step] = part.state(row), part.success[row]
    return vectors.reshape(*points.shape, vectors.shape[1]), success.reshape(points.shape)


class _Table:
    """What is known of some parts at some points."""

    def __init__(self, parts: int, points: int) -> None:
        self.vectors = np.empty((parts, points, 16))
        """The states of pairs."""
        self.wide: dict[int, FloatArray] = {}
        """Those of parts with another number of ends, shape (points, 4^ends), by row."""
        self.accepted = np.ones((parts, points))
        self.success = np.ones((parts, points))

    def of(self, points: int) -> _Table:
        """A view of the first so many points."""
        view = _Table(0, 0)
        view.vectors, view.accepted, view.success = (
            array[:, :points] for array in (self.vectors, self.accepted, self.success)
        )
        return view

    def state(self, row: int) -> FloatArray:
        """The states of one part, shape (points, 4^ends)."""
        found = self.wide.get(row)
        return self.vectors[row] if found is None else found

    def states(self, rows: Sequence[int]) -> FloatArray:
        """The states of parts with one number of ends, shape (parts, points, 4^ends)."""
        return np.stack([self.wide[row] for row in rows]) if rows[0] in self.wide else self.vectors[list(rows)]


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
    rows: IndexArray
    varies: bool
    arrival: Arrival | None
    """None: each in its own state, as `vectors` says."""
    vectors: FloatArray | None
    factors: FloatArray | None = None
    """Shape (rows, 16): what moving stated pairs into their memories leaves of them; None: all."""

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        if self.arrival is None:
            assert self.vectors is not None
            tables[self.varies].vectors[self.rows] = self.vectors[:, None]
            return
        tail = () if self.arrival.werner else (4,)
        found = self.arrival.populations(chunk.of(self.arrival.values, *tail))
        vectors = bell_coefficients(found)
        tables[self.varies].vectors[self.rows] = (
            vectors if self.factors is None else vectors * self.factors[:, None]
        )


@dataclass(frozen=True, eq=False)
class _Wait:
    """States wait in the same kinds of memory."""

    when: int
    rows: IndexArray
    varies: bool
    memories: tuple[Memory, ...]
    hold: Hold

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        table = tables[self.varies]
        times = [chunk.of(amounts) for amounts in self.hold.amounts]
        if self.hold.attempts:
            self._disturb(table, times)
            return
        if len(times) == 2:
            left, right = self.memories
            table.vectors[self.rows] = waited(table.vectors[self.rows], left, right, *times)
            return
        for row in self.rows.tolist():
            state = table.wide[row]
            for end, (memory, time_s) in enumerate(zip(self.memories, times, strict=True)):
                state = qubit_waited(state, end, len(times), memory, time_s)
            table.wide[row] = state

    def _disturb(self, table: _Table, attempts: list[FloatArray]) -> None:
        """Let the nodes make so many attempts for other pairs."""
        for row in self.rows.tolist():
            state = table.state(row)
            for end, (memory, count) in enumerate(zip(self.memories, attempts, strict=True)):
                state = qubit_disturbed(state, end, len(attempts), memory, count)
            if row in table.wide:
                table.wide[row] = state
            else:
                table.vectors[row] = state


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
        _refuse(accepted, chunk, [self.tree.parts[place] for place in self.places])


@dataclass(frozen=True, eq=False)
class _Carry:
    """States of one height are carried through the same operation."""

    when: int
    carrier: Carrying
    may_fail: bool
    """Whether it has heralds; if not, it preserves the trace."""
    child_varies: tuple[bool, ...]
    varies: bool
    children: tuple[tuple[int, ...], ...]
    """Of each input, the rows of the links that enter there."""
    result: tuple[int, ...]
    links: list[Link]
    """The links that are made."""

    def run(self, tables: _Tables, chunk: _Chunk) -> None:
        parts, points = len(self.result), chunk.size if self.varies else 1
        states, success = [], np.ones((parts, points))
        for rows, varies in zip(self.children, self.child_varies, strict=True):
            state = tables[varies].states(rows)
            states.append(np.broadcast_to(state, (parts, points, state.shape[2])).reshape(parts * points, -1))
            success = success * tables[varies].success[list(rows)]
        found = self.carrier(*states).reshape(parts, points, -1)
        accepted = found[..., 0]
        if accepted.size and accepted.min() < IMPOSSIBLE:
            _refuse(accepted, chunk, self.links)
        found = found / accepted[..., None]
        out = tables[self.varies]
        for row, state in zip(self.result, found, strict=True):
            if state.shape[1] == 16:
                out.vectors[row] = state
            else:
                out.wide[row] = state
        if self.may_fail:
            success = success * accepted
            out.accepted[list(self.result)] = accepted
        out.success[list(self.result)] = success


def _refuse(accepted: FloatArray, chunk: _Chunk, links: Sequence[Link]) -> None:
    part, point = np.argwhere(np.atleast_2d(accepted) < IMPOSSIBLE)[0]
    link = links[part]
    what = {Purify: "purification", Swap: "swap"}.get(type(link), "operation")
    raise NeverSucceeds(f"this {what} can never succeed{chunk.name(int(point))}: {link!r}")


_Step = _Arrive | _Join | _Carry | _Wait
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
        self.vectors = [0, 0]
        """How many pairs' states take as much memory as the parts of each table."""
        self._maps = _Maps(tree)
        self._holds: defaultdict[int, list[Hold]] = defaultdict(list)
        for hold in points.holds:
            for k in hold.parts:
                self._holds[k].append(hold)
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

    def _joins(self, points: Points) -> Iterator[_Join | _Carry]:
        """Place every part, and tell which can be folded together."""
        tree, row, varies, counts, holds = self.tree, self.row, self.varies, self.counts, self._holds
        moving = {k for arrival in points.arrivals if prod(arrival.shape) != 1 for k in arrival.parts}
        level, support = [0] * len(tree.parts), self._supports(points)
        vectors, fixed = self.vectors, not moving and not holds
        groups: dict[tuple[int, Contraction, bool, bool, bool], list[int]] = {}
        carried: dict[tuple[int, Carrying, tuple[bool, ...], bool], list[int]] = {}
        known, contraction_of = self._maps.known.get, self._maps.contraction
        for k, (part, children, key) in enumerate(zip(tree.parts, tree.children, tree.keys, strict=True)):
            if key is None and fixed:  # much of a long chain
                varies.append(False)
                row.append(counts[0])
                counts[0] += 1
                continue
            contraction, carries = None, None
            if key is None:
                moves = k in moving
            elif len(children) == 2 and (
                contraction := known((key, support[children[0]], support[children[1]]))
                or contraction_of(key, support[children[0]], support[children[1]])
            ):
                i, j = children
                level[k] = 1 + (level[i] if level[i] > level[j] else level[j])
                support[k] = contraction.support
                moves = varies[i] or varies[j]
            else:
                carries, support[k] = self._maps.carrier(key, tuple([support[child] for child in children]))
                level[k] = 1 + max([level[child] for child in children])
                moves = any(varies[child] for child in children)
            if k in holds:
                if len(part.ends) == 2:
                    support[k] = relaxed_support(support[k], part.left.memory, part.right.memory)
                moves = moves or any(prod(hold.shape) != 1 for hold in holds[k])
            varies.append(moves)
            row.append(counts[moves])
            counts[moves] += 1
            if contraction is not None:
                groups.setdefault((level[k], contraction, varies[i], varies[j], moves), []).append(k)
            elif carries is not None:
                vectors[moves] += 4 ** len(part.ends) // 16
                alike = tuple([varies[child] for child in children])
                carried.setdefault((level[k], carries, alike, moves), []).append(k)
        self._level = level
        vectors[0], vectors[1] = vectors[0] + counts[0], vectors[1] + counts[1]
        for (height, contraction, a, b, c), places in groups.items():
            left, right = zip(*[tree.children[k] for k in places], strict=True)
            first, second, result = (_rows([row[k] for k in some]) for some in (left, right, places))
            yield _Join(3 * height + 1, contraction, a, b, c, first, second, result, tree, places)
        for (height, carries, alike, moves), places in carried.items():
            columns = zip(*(tree.children[k] for k in places), strict=True)
            rows = tuple(tuple(row[child] for child in column) for column in columns)
            may_fail = tree.parts[places[0]].operation.may_fail  # type: ignore[attr-defined]
            links = [tree.parts[k] for k in places]
            results = tuple(row[k] for k in places)
            yield _Carry(3 * height + 1, carries, may_fail, alike, moves, rows, results, links)

    def _supports(self, points: Points) -> list[int]:
        """What each part's state can hold as far as it is known: that of elementary links."""
        parts = self.tree.parts
        support = [BELL_SUPPORT] * len(parts)
        stated = {k for arrival in points.arrivals for k in arrival.parts}
        for k in self.tree.elementary:
            link = cast("ElementaryLink", parts[k])
            if not link.is_bell_diagonal and k not in stated:
                support[k] = support_of(link.coefficients)
        return support

    def _arrivals(self, points: Points) -> Iterator[_Arrive]:
        stated = {k for arrival in points.arrivals for k in arrival.parts}
        others = [k for k in self.tree.elementary if k not in stated]
        for arrival, parts in [*((arrival, arrival.parts) for arrival in points.arrivals), (None, others)]:
            for varies in (False, True):
                mine = [k for k in parts if self.varies[k] == varies]
                if not mine:
                    continue
                links = cast("list[ElementaryLink]", [self.tree.parts[k] for k in mine])
                factors = moved(links)
                vectors = arriving_coefficients(links) if arrival is None else None
                if vectors is not None and factors is not None:
                    vectors = vectors * factors
                yield _Arrive(0, np.array([self.row[k] for k in mine]), varies, arrival, vectors, factors)

    def _waits(self) -> Iterator[_Wait]:
        alike: defaultdict[tuple[int, bool, tuple[Memory, ...], Hold], list[int]] = defaultdict(list)
        for k, holds in self._holds.items():
            memories = tuple(node.memory for node in self.tree.parts[k].ends)
            for hold in holds:
                if not all(m.per_attempt == 0 if hold.attempts else m.is_ideal for m in memories):
                    alike[self._level[k], self.varies[k], memories, hold].append(self.row[k])
        for (level, varies, memories, hold), rows in alike.items():
            yield _Wait(3 * level + 2, np.array(rows), varies, memories, hold)


class _Maps:
    """The maps of one tree: looked up by numbers, shared by all parts of equal noise."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._whole = [is_pair_map(operation) for operation in tree.operations]
        self.known: dict[tuple[int, int, int], Contraction] = {}
        """Contractions that were asked for, by their map and the supports of both children."""
        self._shared: dict[tuple[int, int, int], Contraction] = {}
        self._matrices: list[PairMap] = []  # kept, so that no other one gets their id
        self._carriers: dict[tuple[int, tuple[int, ...]], tuple[Carrying, int]] = {}

    def contraction(self, key: int, first_support: int, second_support: int) -> Contraction | None:
        """The contraction for children of these supports; None if the operation does not make a pair of two."""
        if not self._whole[self._tree.maps[key][0]]:
            return None
        matrix = pair_map(*self._tree.acting(key))
        shared = (id(matrix), first_support, second_support)
        if shared not in self._shared:
            self._matrices.append(matrix)
            self._shared[shared] = Contraction.of(matrix, first_support, second_support)
        found = self.known[key, first_support, second_support] = self._shared[shared]
        return found

    def carrier(self, key: int, supports: tuple[int, ...]) -> tuple[Carrying, int]:
        """What carries states through an operation; and of a pair that it delivers, the support."""
        found = self._carriers.get((key, supports))
        if found is None:
            operation, processors = self._tree.acting(key)
            carries = carrier(operation, processors)
            pairs = [
                support if len(q) == 2 else None for support, q in zip(supports, operation.inputs, strict=True)
            ]
            support = EVERYTHING
            if is_sampled(carries):
                support = BELL_SUPPORT
            elif len(operation.outputs) == 2 and None not in pairs:
                support = carried_support(carries, supports)
            found = self._carriers[key, supports] = carries, support
        return found


def _rows(rows: list[int]) -> Rows:
    return rows[0] if len(rows) == 1 else np.array(rows)
