"""Swaps of encoded links for readings in time, which follow a pair's own coefficients and no residuals.

What noisy circuits left on two links changes each coefficient of the pair that a swap in their code makes by a
factor. It comes from the exact fold, where nothing has waited. Waits of logical pairs that mix no coefficients
(dephasing, depolarizing) leave it as it is. What pairs lose before they are encoded brings it nearer to one, which
is not followed: a warning says by how much the fidelity may be too low, as all that the factors do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation
from quantumlink.hardware.pauli_coefficients import bell_populations
from quantumlink.link import Encoded, Join, Link, LogicalSwap, distinct_links
from quantumlink.link.joins import retrieved
from quantumlink.readings.fold_residuals import residual_parts
from quantumlink.readings.folding import fold
from quantumlink.readings.maps import carrier
from quantumlink.readings.tree import Tree

LEAST_TOLD = 1e-3
"""What may be off in a fidelity is told from there on."""

_VANISHING = 1e-12


def swaps_with_residuals(link: Link) -> dict[int, Operation]:
    """What stands for the operation of each swap in a code after noisy circuits, by the ``id`` of the part.

    Raises:
        ValueError: as `fold`.
    """
    if not any(isinstance(part, Encoded) for part in distinct_links(link)):
        return {}
    tree = Tree(link)
    parts = [tree.parts[k] for k in residual_parts(tree)]
    swaps = [part for part in parts if isinstance(part, Join) and isinstance(part.operation, LogicalSwap)]
    if not swaps:
        return {}
    folded, found, off_by = fold(link), {}, 0.0
    for part in swaps:
        vectors = [folded[id(child)].vector for child in part.links]
        found[id(part)], more = _with_factors(part, vectors, folded[id(part)].vector)
        off_by += more
    if off_by > LEAST_TOLD and any(_decays_before(part) for part in parts if isinstance(part, Encoded)):
        warnings.warn(
            f"what noisy circuits leave on encoded links is decoded as if no pair had lost anything in a memory "
            f"before it was encoded: the fidelity of {link!r} may come out too low by up to {off_by:.1g}",
            UserWarning,
            stacklevel=4,
        )
    return found


def swaps_of_doubling(first: Link, swap: Join, times: int) -> tuple[list[Operation], float]:
    """What stands for the operation of each swap where two equal links are swapped, then two of these, and so on.

    Args:
        first: the first one of the links, as encoded or as bare as the others.
        swap: it and the second one.
        times: how often the line is doubled.

    Returns:
        The operations; and by how much the fidelity of the line may come out too low, as pairs lose something in
        memories before they are encoded.
    """
    tree = Tree(swap)
    made = residual_parts(tree)
    if not (made and isinstance(first, Encoded)):
        return [swap.operation] * times, 0.0
    folded = fold(first)
    kept, last = made[tree.parts.index(first)], made[len(tree.parts) - 1]
    left, vectors = kept([folded[id(link)].vector[None] for link in first.links], [None] * len(first.links))
    found, off_by = [], 0.0
    for doubled in range(times):
        before = vectors[0] / vectors[0, 0]
        left, vectors = last([vectors, vectors], [left, left])
        operation, changed = _with_factors(swap, [before, before], vectors[0] / vectors[0, 0])
        found.append(operation)
        off_by += changed * 2 ** (times - 1 - doubled)
        left, vectors = left / vectors[:, 0], vectors / vectors[:, :1]
    return found, min(off_by, 1.0) if _decays_before(first) else 0.0


def _with_factors(part: Join, vectors: Sequence[FloatArray], exact: FloatArray) -> tuple[Operation, float]:
    """The swap that makes the exact state of these, and by how much that changes the fidelity."""
    assert isinstance(part.operation, LogicalSwap)
    alone = carrier(part.operation, [node.processor for node in part.nodes])
    told = alone(*(vector[None] for vector in vectors))[0]
    told = told / told[0]
    factors = np.divide(exact, told, out=np.ones(16), where=np.abs(told) > _VANISHING)
    changed = float(np.ptp(bell_populations(np.array([exact, told]))[:, 0]))
    return retrieved(part.operation.with_factors(factors.tolist()), part.nodes), changed


def _decays_before(encoded: Encoded) -> bool:
    """Whether the pairs that a link is encoded in wait in memories that make them worse."""
    return any(
        not node.memory.is_ideal or node.memory.per_attempt > 0
        for part in distinct_links(encoded.physical)
        for node in part.ends
    )
