"""The fold: the states of all parts of a link's tree, from its elementary links upwards, at many points at once.

Parts of one height that need the same map are folded together, so a balanced tree takes a few array operations a
level; each distinct part is folded once, however often it occurs. What does not change from point to point is
folded once for all points, and the points go in chunks, so that memory stays bounded. Two pairs become one by a
map, reduced to what its inputs can hold; whatever else an operation makes of links, their states are carried
through its circuit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware.pauli_coefficients import bell_populations
from quantumlink.link import Link
from quantumlink.progress import track
from quantumlink.readings.fold_schedule import Schedule
from quantumlink.readings.fold_steps import IMPOSSIBLE, Chunk, NeverSucceeds, Table
from quantumlink.readings.points import Points
from quantumlink.readings.tree import Tree

__all__ = ["IMPOSSIBLE", "Folded", "NeverSucceeds", "fold", "fold_points"]

MAX_VECTORS = 1 << 19
"""Most states kept at once of the parts that vary: 64 MB."""

MAX_POINTS = 1 << 10
"""Most points in a chunk: with more, states no longer stay in the caches (measured: three times slower)."""


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

    >>> import quantumlink as ql
    >>> from quantumlink.readings import fold
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.7)
    >>> link = ql.purify(pair, pair, by="bbpssw")
    >>> states = fold(link)
    >>> round(float(states[id(pair)].fidelity), 6), round(float(states[id(link)].fidelity), 6)
    (0.7, 0.735294)
    """
    schedule = Schedule(Tree(link), Points())
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
    schedule = Schedule(tree, points)
    size, root = prod(points.shape), len(tree.parts) - 1
    row = schedule.row[root]
    tables = schedule.fixed()
    if not schedule.varies[root]:
        fixed = tables[False]
        vectors, success = np.tile(fixed.state(row), (size, 1)), np.repeat(fixed.success[row], size)
    else:
        vectors, success = np.empty((size, 4 ** len(tree.parts[root].ends))), np.empty(size)
        step = max(1, min(size, MAX_POINTS, MAX_VECTORS // schedule.vectors[True]))
        moving = Table(schedule.counts[True], step)
        for start in track(range(0, size, step), "evaluating"):
            chunk = Chunk(points.shape, start, min(start + step, size))
            part = moving.of(chunk.size)
            schedule.run(True, (tables[False], part), chunk)
            vectors[start : start + step], success[start : start + step] = part.state(row), part.success[row]
    return vectors.reshape(*points.shape, vectors.shape[1]), success.reshape(points.shape)
