"""The steps of a fold, and the tables where it keeps what it knows.

A step takes states of many parts of one height from the tables and puts others there: pairs that arrive, pairs that
are contracted into one by a map, states that are carried through an operation, and states that wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.hardware import Memory
from quantumlink.hardware.pauli_coefficients import bell_coefficients
from quantumlink.link import Link, Purify, Swap
from quantumlink.readings.contraction import Contraction
from quantumlink.readings.fold_residuals import Residuals
from quantumlink.readings.maps import Carrying
from quantumlink.readings.points import Arrival, Hold
from quantumlink.readings.tree import Tree
from quantumlink.readings.waiting import qubit_disturbed, qubit_waited, waited

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding, not physics."""


class NeverSucceeds(ValueError):
    """An operation whose heralds refuse every run."""


Rows = int | IndexArray
"""Rows of a table: one as a number, which numpy looks up much faster."""


class Table:
    """What is known of some parts at some points."""

    def __init__(self, parts: int, points: int) -> None:
        self.vectors = np.empty((parts, points, 16))
        """The states of pairs."""
        self.wide: dict[int, FloatArray] = {}
        """Those of parts with another number of ends, shape (points, 4^ends), by row."""
        self.residuals: dict[int, FloatArray] = {}
        """What circuits left on encoded links, shape (2^r, 2^r, points, 16), by row."""
        self.accepted = np.ones((parts, points))
        self.success = np.ones((parts, points))

    def of(self, points: int) -> Table:
        """A view of the first so many points."""
        view = Table(0, 0)
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


Tables = tuple[Table, Table]
"""Of the parts that are the same at all points, and of those that vary."""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive points, or a single one for what never varies."""

    shape: tuple[int, ...] = ()
    start: int = 0
    stop: int = 1

    @property
    def size(self) -> int:
        """How many points there are."""
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
class Arrive:
    """Elementary links' pairs arrive."""

    when: int
    rows: IndexArray
    varies: bool
    arrival: Arrival | None
    """None: each in its own state, as `vectors` says."""
    vectors: FloatArray | None
    factors: FloatArray | None = None
    """Shape (rows, 16): what moving stated pairs into their memories leaves of them; None: all."""

    def run(self, tables: Tables, chunk: Chunk) -> None:
        """Put their states into a table."""
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
class Wait:
    """States wait in the same kinds of memory."""

    when: int
    rows: IndexArray
    varies: bool
    memories: tuple[Memory, ...]
    hold: Hold

    def run(self, tables: Tables, chunk: Chunk) -> None:
        """Let them wait, in their tables."""
        table = tables[self.varies]
        times = [chunk.of(amounts) for amounts in self.hold.amounts]
        if self.hold.attempts:
            self._disturb(table, times)
            return
        if len(times) == 2:
            left, right = self.memories
            for row in set(self.rows.tolist()) & set(table.residuals):
                table.residuals[row] = waited(table.residuals[row], left, right, *times)
            table.vectors[self.rows] = waited(table.vectors[self.rows], left, right, *times)
            return
        for row in self.rows.tolist():
            state = table.wide[row]
            for end, (memory, time_s) in enumerate(zip(self.memories, times, strict=True)):
                state = qubit_waited(state, end, len(times), memory, time_s)
            table.wide[row] = state

    def _disturb(self, table: Table, attempts: list[FloatArray]) -> None:
        """Let the nodes make so many attempts for other pairs."""
        for row in self.rows.tolist():
            state = table.state(row)
            if row in table.residuals:
                table.residuals[row] = self._disturbed(table.residuals[row], attempts)
            for end, (memory, count) in enumerate(zip(self.memories, attempts, strict=True)):
                state = qubit_disturbed(state, end, len(attempts), memory, count)
            if row in table.wide:
                table.wide[row] = state
            else:
                table.vectors[row] = state

    def _disturbed(self, residuals: FloatArray, attempts: list[FloatArray]) -> FloatArray:
        shape = np.broadcast_shapes(residuals.shape[:3], *(count.shape for count in attempts))
        state = np.broadcast_to(residuals, (*shape, 16)).reshape(-1, 16)
        for end, (memory, count) in enumerate(zip(self.memories, attempts, strict=True)):
            state = qubit_disturbed(state, end, 2, memory, np.broadcast_to(count, shape).reshape(-1))
        return state.reshape(*shape, 16)


@dataclass(eq=False, slots=True)  # not frozen: a sequential chain has one a hop, and a frozen one takes longer
class Contract:
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

    def run(self, tables: Tables, chunk: Chunk) -> None:
        """Contract them, and put the results into a table."""
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

    def _refuse(self, accepted: FloatArray, chunk: Chunk) -> None:
        _refuse(accepted, chunk, [self.tree.parts[place] for place in self.places])


@dataclass(frozen=True, eq=False)
class Carry:
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

    def run(self, tables: Tables, chunk: Chunk) -> None:
        """Carry them, and put the results into a table."""
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


@dataclass(frozen=True, eq=False)
class Correct:
    """A link is encoded, or two are swapped in their code, with what noisy circuits left."""

    when: int
    residuals: Residuals
    may_fail: bool
    child_varies: tuple[bool, ...]
    varies: bool
    children: tuple[int, ...]
    """The rows of the links that enter."""
    result: int
    link: Link
    """The link that is made."""

    def run(self, tables: Tables, chunk: Chunk) -> None:
        """Correct them, and put the result into a table."""
        out = tables[self.varies]
        entering = [(tables[varies], row) for varies, row in zip(self.child_varies, self.children, strict=True)]
        carried, found = self.residuals(
            [table.vectors[row] for table, row in entering], [table.residuals.get(row) for table, row in entering]
        )
        accepted = found[:, 0]
        if accepted.size and accepted.min() < IMPOSSIBLE:
            _refuse(accepted, chunk, [self.link])
        out.residuals[self.result] = carried / accepted[:, None]
        out.vectors[self.result] = found / accepted[:, None]
        success = np.prod([np.broadcast_to(t.success[row], accepted.shape) for t, row in entering], axis=0)
        if self.may_fail:
            success = success * accepted
            out.accepted[self.result] = accepted
        out.success[self.result] = success


def _refuse(accepted: FloatArray, chunk: Chunk, links: Sequence[Link]) -> None:
    part, point = np.argwhere(np.atleast_2d(accepted) < IMPOSSIBLE)[0]
    link = links[part]
    what = {Purify: "purification", Swap: "swap"}.get(type(link), "operation")
    raise NeverSucceeds(f"this {what} can never succeed{chunk.name(int(point))}: {link!r}")


Step = Arrive | Contract | Carry | Correct | Wait
"""Each has a moment ``when``: at each height, pairs arrive or are joined, then wait."""
