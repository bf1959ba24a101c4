"""Sparse parity-check matrices for reconciliation, of any size, made in a fraction of a second.

Nine of ten rows carry a bit of weight two each, chained like beads (row j and row j + 1), so that these bits
close no cycle at all. Of the other bits three of ten are in ten rows and the rest in three, spread at random so
that all rows have equal weight. Pairs of rows with two bits in common (cycles of length four, which mislead belief
propagation) are then broken up as far as that goes.

References:
    T. Richardson, R. Urbanke, Modern Coding Theory, Cambridge University Press (2008), irregular codes.
    H. Jin, A. Khandekar, R. McEliece, 2nd Int. Symp. on Turbo Codes (2000), chains of weight-two bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHAINED = 0.9  # share of the rows that have a bit of weight two
_HEAVY, _HEAVY_SHARE = 10, 0.3
_LIGHT = 3
_ROUNDS = 20  # of breaking up short cycles; a few remain where rows are long


@lru_cache(maxsize=8)
def parity_checks(rows: int, columns: int) -> Any:
    """A parity-check matrix, the same each time: public like any code.

    Args:
        rows: parities, at least 16.
        columns: bits, more than rows.

    Returns:
        A sparse matrix of zeros and ones, shape (rows, columns), CSR, uint8.

    Raises:
        ValueError: if the shape is out of range.
    """
    from scipy import sparse

    if not 16 <= rows < columns:
        raise ValueError(f"a code needs at least 16 rows and more columns than rows, got {rows} and {columns}")
    rng = np.random.default_rng([rows, columns])
    chained = int(_CHAINED * rows)
    links = np.arange(chained)
    row, column = _random_part(rows, columns, chained, rng)
    for _ in range(_ROUNDS):
        broken = _in_short_cycles(row, column, rows, columns, chained)
        if not broken.size:
            break
        broken = rng.choice(broken, -(-len(broken) // 2), replace=False)  # one of the two that meet is enough
        other = rng.integers(0, len(row), len(broken))
        for a, b in zip(broken, other, strict=True):  # one after the other: an edge may be moved twice
            row[a], row[b] = row[b], row[a]
    edges = np.ones(2 * chained + len(row), dtype=np.uint8)
    positions = np.concatenate([links, links + 1, row]), np.concatenate([links, links, column])
    matrix = sparse.csr_matrix((edges, positions), shape=(rows, columns))
    matrix.data[:] = 1  # an edge that is still there twice counts once
    return matrix[rng.permutation(rows)]  # so that rows of neighboring numbers are not neighbors in the chain


def _random_part(
    rows: int, columns: int, chained: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the edges of all bits that are not in the chain."""
    weight = np.full(columns - chained, _LIGHT)
    weight[: int(_HEAVY_SHARE * len(weight))] = min(_HEAVY, rows // 2)
    column = chained + np.repeat(np.arange(len(weight)), weight)
    taken = np.bincount(np.concatenate([np.arange(chained), np.arange(chained) + 1]), minlength=rows)
    total = len(column) + 2 * chained
    wanted = np.maximum(np.full(rows, total // rows) - taken, 0)
    row = np.repeat(np.arange(rows), wanted)[: len(column)]
    row = np.concatenate([row, rng.choice(rows, len(column) - len(row), replace=len(column) - len(row) > rows)])
    return rng.permutation(row), column


def _in_short_cycles(
    row: NDArray[np.int64], column: NDArray[np.int64], rows: int, columns: int, chained: int
) -> NDArray[np.int64]:
    """Edges to be moved: one of each that is there twice, and one of each cycle of length four."""
    from scipy import sparse

    links = np.arange(chained)
    positions = np.concatenate([links, links + 1, row]), np.concatenate([links, links, column])
    matrix = sparse.csr_matrix((np.ones(len(positions[0]), dtype=np.int32), positions), shape=(rows, columns))
    name = row * columns + column
    _, first = np.unique(name, return_index=True)
    twice = np.setdiff1d(np.arange(len(name)), first)
    shared = sparse.triu(matrix @ matrix.T, k=1).tocsr()
    shared.data = (shared.data > 1).astype(np.int32)
    shared.eliminate_zeros()
    # (row, bit) counts the rows that share this bit with the row, and another one too
    cycles = (shared @ matrix).multiply(matrix).tocoo()
    edges = cycles.row.astype(np.int64) * columns + cycles.col
    return np.union1d(twice, np.flatnonzero(np.isin(name, edges)))
