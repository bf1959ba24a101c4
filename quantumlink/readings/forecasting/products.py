"""Products: what an operation makes of pairs that wait, as a sum over products of their coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.codes.sampled import SampledRecovery
from quantumlink.hardware import Processor
from quantumlink.readings.contraction import BELL_SUPPORT, MOST_PRODUCTS, ROUNDING, carried_support
from quantumlink.readings.forecasting.waits import HeldPair
from quantumlink.readings.maps import Carrying, carrier, is_pair_map, is_sampled, pair_map

AT_ONCE = 1 << 21
"""Products at once: 16 MB."""

NOTHING = 1e-18
"""Tries that are less probable in a cell are left out where states are carried."""


class Contraction:
    """What an operation makes of pairs in the basis of their decay: Pauli coefficients of one."""

    support: tuple[int, ...]
    """Which coefficients the result can have."""

    def __call__(self, *pairs: FloatArray) -> FloatArray:
        """Shapes (..., k) each to (..., coefficients), not normalized."""
        raise NotImplementedError


class Summed(Contraction):
    """A sum over the products that matter.

    Args:
        weights: shape (k, l, ..., 16): of each pair's coefficients, and the result's.
    """

    def __init__(self, weights: FloatArray) -> None:
        axes = tuple(range(weights.ndim - 1))
        self.support = tuple(np.flatnonzero(weights.any(axis=axes)).tolist())
        self.places: tuple[IndexArray, ...] = np.nonzero(weights.any(axis=-1))
        """Of each pair, shape (K,): which of its coefficients."""
        self.weights = np.ascontiguousarray(weights[self.places][:, list(self.support)])
        """Shape (K, coefficients)."""

    def __call__(self, *pairs: FloatArray) -> FloatArray:
        """As any `Contraction`."""
        shape = np.broadcast_shapes(*(pair.shape[:-1] for pair in pairs))
        if prod(shape) * len(self.weights) > AT_ONCE and shape[0] > 1:
            half = shape[0] // 2
            parts = [pair if len(pair) == 1 else pair[:half] for pair in pairs]
            others = [pair if len(pair) == 1 else pair[half:] for pair in pairs]
            return np.concatenate([self(*parts), self(*others)])
        products = pairs[0].take(self.places[0], axis=-1)
        for pair, place in zip(pairs[1:], self.places[1:], strict=True):
            products = products * pair.take(place, axis=-1)
        joined: FloatArray = products.reshape(-1, len(self.weights)) @ self.weights
        return joined.reshape(*shape, len(self.support))


class Carried(Contraction):
    """States that are carried through the operation's circuit: more products than are kept."""

    def __init__(self, carries: Carrying, bases: Sequence[FloatArray]) -> None:
        self._carries, self._bases = carries, bases
        masks = [sum(1 << int(i) for i in np.flatnonzero(basis.any(axis=1))) for basis in bases]
        found = BELL_SUPPORT if is_sampled(carries) else carried_support(carries, masks)
        self.support = tuple(i for i in range(16) if found >> i & 1)

    def __call__(self, *pairs: FloatArray) -> FloatArray:
        """As any `Contraction`."""
        shape = np.broadcast_shapes(*(pair.shape[:-1] for pair in pairs))
        states = [
            np.broadcast_to(pair @ basis.T, (*shape, 16)).reshape(-1, 16)
            for pair, basis in zip(pairs, self._bases, strict=True)
        ]
        likely = np.flatnonzero(np.prod([state[:, 0] for state in states], axis=0) > NOTHING)
        made = np.zeros((len(states[0]), len(self.support)))
        if len(likely):
            if isinstance(self._carries, SampledRecovery):  # each pair is the last one in a call of its own
                self._carries.check_states(*(state[likely] for state in states), calls=len(pairs))
            made[likely] = self._carries(*(state[likely] for state in states))[:, list(self.support)]
        return made.reshape(*shape, len(self.support))


@lru_cache(maxsize=4096)
def contraction(operation: Operation, processors: tuple[Processor, ...], held: tuple[HeldPair, ...]) -> Contraction:
    """What an operation makes of pairs, under the noise of the processors at its sites."""
    bases = [_pauli_basis(pair) for pair in held]
    if is_pair_map(operation):
        matrix = pair_map(operation, processors).reshape(16, 16, 16)
        weights = np.tensordot(bases[0], matrix @ bases[1], axes=(0, 1)).transpose(0, 2, 1)
    elif prod(len(pair.support) for pair in held) > MOST_PRODUCTS or is_sampled(carrier(operation, processors)):
        return Carried(carrier(operation, processors), bases)
    else:
        grid = np.meshgrid(*(np.arange(basis.shape[1]) for basis in bases), indexing="ij")
        rows = [basis.T[index.ravel()] for basis, index in zip(bases, grid, strict=True)]
        weights = carrier(operation, processors)(*rows).reshape(*grid[0].shape, 16)
    weights = np.where(np.abs(weights) > ROUNDING, weights, 0.0)
    if not operation.may_fail:  # it never does: else rounding would add up over a long chain
        weights[..., 0] = 0.0
        weights[(0,) * weights.ndim] = 1.0
    return Summed(weights)


def _pauli_basis(held: HeldPair) -> FloatArray:
    basis = np.zeros((16, len(held.support)))
    basis[list(held.support)] = np.eye(len(held.support)) if held.to_pauli is None else held.to_pauli
    return basis
