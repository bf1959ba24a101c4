"""The schedule of a fold: in which steps a tree is folded, and where each part's state is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import prod
from operator import attrgetter
from typing import cast

import numpy as np

from quantumlink.hardware import Memory
from quantumlink.link import ElementaryLink
from quantumlink.link.elementary import arriving_coefficients, moved
from quantumlink.readings.contraction import (
    BELL_SUPPORT,
    EVERYTHING,
    Contraction,
    carried_support,
    relaxed_support,
    support_of,
)
from quantumlink.readings.fold_residuals import residual_parts
from quantumlink.readings.fold_steps import Arrive, Carry, Chunk, Contract, Correct, Rows, Step, Table, Tables, Wait
from quantumlink.readings.maps import Carrying, carrier, is_pair_map, is_sampled, pair_contraction
from quantumlink.readings.points import Hold, Points
from quantumlink.readings.tree import Tree


class Schedule:
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
        self._residuals = residual_parts(tree)
        self._holds: defaultdict[int, list[Hold]] = defaultdict(list)
        for hold in points.holds:
            for k in hold.parts:
                self._holds[k].append(hold)
        steps: list[Step] = [*self._joins(points), *self._arrivals(points), *self._waits()]
        steps.sort(key=attrgetter("when"))
        self._steps: tuple[list[Step], list[Step]] = ([], [])
        for step in steps:
            self._steps[step.varies].append(step)

    def fixed(self) -> Tables:
        """Fold what does not vary; the other table is empty."""
        tables = Table(self.counts[False], 1), Table(0, 0)
        self.run(False, tables, Chunk())
        return tables

    def run(self, varies: bool, tables: Tables, chunk: Chunk) -> None:
        """Fold what varies, or what does not."""
        for step in self._steps[varies]:
            step.run(tables, chunk)

    def _joins(self, points: Points) -> Iterator[Contract | Carry | Correct]:
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
            elif k in self._residuals:
                support[k] = self._maps.support(key, tuple([support[child] for child in children]))
                level[k] = 1 + max([level[child] for child in children])
                moves = any(varies[child] for child in children)
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
            elif k in self._residuals:
                vectors[moves] += self._residuals[k].vectors
        self._level = level
        vectors[0], vectors[1] = vectors[0] + counts[0], vectors[1] + counts[1]
        for (height, contraction, a, b, c), places in groups.items():
            left, right = zip(*[tree.children[k] for k in places], strict=True)
            first, second, result = (_rows([row[k] for k in some]) for some in (left, right, places))
            yield Contract(3 * height + 1, contraction, a, b, c, first, second, result, tree, places)
        for (height, carries, alike, moves), places in carried.items():
            columns = zip(*(tree.children[k] for k in places), strict=True)
            rows = tuple(tuple(row[child] for child in column) for column in columns)
            may_fail = tree.parts[places[0]].operation.may_fail  # type: ignore[attr-defined]
            links = [tree.parts[k] for k in places]
            results = tuple(row[k] for k in places)
            yield Carry(3 * height + 1, carries, may_fail, alike, moves, rows, results, links)
        for k, residuals in self._residuals.items():
            inputs = tree.children[k]
            alike, entering = tuple([varies[child] for child in inputs]), tuple([row[child] for child in inputs])
            may_fail = tree.parts[k].operation.may_fail  # type: ignore[attr-defined]
            yield Correct(3 * level[k] + 1, residuals, may_fail, alike, varies[k], entering, row[k], tree.parts[k])

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

    def _arrivals(self, points: Points) -> Iterator[Arrive]:
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
                yield Arrive(0, np.array([self.row[k] for k in mine]), varies, arrival, vectors, factors)

    def _waits(self) -> Iterator[Wait]:
        alike: defaultdict[tuple[int, bool, tuple[Memory, ...], Hold], list[int]] = defaultdict(list)
        for k, holds in self._holds.items():
            memories = tuple(node.memory for node in self.tree.parts[k].ends)
            for hold in holds:
                if not all(m.per_attempt == 0 if hold.attempts else m.is_ideal for m in memories):
                    alike[self._level[k], self.varies[k], memories, hold].append(self.row[k])
        for (level, varies, memories, hold), rows in alike.items():
            yield Wait(3 * level + 2, np.array(rows), varies, memories, hold)


class _Maps:
    """The maps of one tree: looked up by numbers, shared by all parts of equal noise."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._whole = [is_pair_map(operation) for operation in tree.operations]
        self.known: dict[tuple[int, int, int], Contraction] = {}
        """Contractions that were asked for, by their map and the supports of both children."""
        self._carriers: dict[tuple[int, tuple[int, ...]], tuple[Carrying, int]] = {}

    def contraction(self, key: int, first_support: int, second_support: int) -> Contraction | None:
        """The contraction for children of these supports; None if the operation does not make a pair of two."""
        if not self._whole[self._tree.maps[key][0]]:
            return None
        found = pair_contraction(*self._tree.acting(key), first_support, second_support)
        self.known[key, first_support, second_support] = found
        return found

    def support(self, key: int, supports: tuple[int, ...]) -> int:
        """The support of the pair that an operation makes of such children."""
        if len(supports) == 2 and (found := self.contraction(key, *supports)) is not None:
            return found.support
        return self.carrier(key, supports)[1]

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
