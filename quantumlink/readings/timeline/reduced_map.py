"""What an operation does to states, without the coefficients that vanish in every trial.

Perfect memories or pure dephasing leave 4 of a pair's 16 coefficients, relaxation 6: products of two are then 16 or
36 in place of 256. Of the products, only those matter that the operation makes something of. Where there are too
many to try each, those are found by `quantumlink.readings.sparse_carrying`; where it finds too many, states are
carried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.hardware import Processor
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.contraction import MOST_PRODUCTS, without_rounding
from quantumlink.readings.maps import Carrying, carrier, is_pair_map, is_sampled, pair_map
from quantumlink.readings.sparse_carrying import Products, products_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class ReducedMap:
    """An operation on states of many trials."""

    outputs: IndexArray
    """The coefficients of the result that may differ from zero."""
    size: int
    """How many coefficients the result has, those that vanish included."""
    products: tuple[IndexArray, ...]
    """Of each state, shape (K,): which of its coefficients."""
    matrix: FloatArray | csr_array
    """Shape (outputs, K): what the products make; sparse where there are many."""
    carries: Carrying | None = None
    """What carries states instead, where there are too many products."""

    def __call__(self, states: Sequence[FloatArray]) -> FloatArray:
        """Shapes (4^ends, n) each to (4^outputs, n), not normalized."""
        if self.carries is not None:
            return np.ascontiguousarray(self.carries(*(np.ascontiguousarray(state.T) for state in states)).T)
        products = states[0][self.products[0]]
        for state, places in zip(states[1:], self.products[1:], strict=True):
            products *= state[places]
        joined = np.zeros((self.size, products.shape[1]))
        joined[self.outputs] = self.matrix @ products
        return joined


def reduced_map(
    operation: Operation, processors: tuple[Processor, ...], supports: Sequence[IndexArray]
) -> ReducedMap:
    """The part of an operation that matters for states with those supports."""
    return _reduced_map(operation, processors, tuple(tuple(support.tolist()) for support in supports))


@lru_cache(maxsize=1024)
def _reduced_map(
    operation: Operation, processors: tuple[Processor, ...], supports: tuple[tuple[int, ...], ...]
) -> ReducedMap:
    size = 4 ** len(operation.outputs)
    carries = None
    if prod(map(len, supports)) > MOST_PRODUCTS or is_sampled(carries := carrier(operation, processors)):
        carries = carries or carrier(operation, processors)
        if isinstance(carries, Carrier) and (found := products_of(carries, operation, supports)) is not None:
            return _of_products(found, size)
        return ReducedMap(np.arange(size), size, (), np.zeros((size, 0)), carries)
    places = [index.ravel() for index in np.meshgrid(*supports, indexing="ij")]
    if is_pair_map(operation):
        whole = pair_map(operation, processors)[:, 16 * places[0] + places[1]]
    else:
        rows = [np.eye(4 ** len(q))[place] for q, place in zip(operation.inputs, places, strict=True)]
        whole = carrier(operation, processors)(*rows).T
    whole = without_rounding(whole)
    columns, outputs = np.flatnonzero(whole.any(axis=0)), np.flatnonzero(whole.any(axis=1))
    matrix = np.ascontiguousarray(whole[np.ix_(outputs, columns)])
    return ReducedMap(outputs, size, tuple(place[columns] for place in places), matrix)


def _of_products(found: Products, size: int) -> ReducedMap:
    from scipy.sparse import csr_array

    choices, column = np.unique(np.array(found.choices), axis=1, return_inverse=True)
    outputs, row = np.unique(found.outputs, return_inverse=True)
    matrix = csr_array((found.weights, (row.ravel(), column.ravel())), shape=(len(outputs), choices.shape[1]))
    return ReducedMap(outputs, size, tuple(choices), matrix)
