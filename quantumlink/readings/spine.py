"""Long chains that swap from left to right: their state by products of matrices, all hops at once.

A swap that cannot fail takes the state of the pair so far linearly to the next one, by a matrix of the hop that
arrives. Products of matrices may be bracketed anyhow, so neighbors are multiplied in pairs, then pairs of pairs: a
few array operations instead of one step a hop. Maps, their rounding and the checks of nodes are those of the fold.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.link import ElementaryLink, Link, Swap
from quantumlink.link.elementary import arriving_coefficients, moved
from quantumlink.readings.contraction import Contraction, support_of
from quantumlink.readings.maps import is_pair_map, pair_map
from quantumlink.readings.tree import MapKey, Numbers

SHORTEST = 64
"""Chains of fewer swaps are folded as any link."""

MOST_MAPS = 64
"""Chains of more different maps, too: each is made and kept as a matrix of its own."""

_BLOCK = 1 << 12
"""Hops multiplied at once."""


def spine_state(link: Link) -> FloatArray | None:
    """The state of a long chain of swaps from left to right, shape (16,); None of any other link.

    Every swap joins what is on its left with one elementary link, and none can fail.

    Raises:
        ValueError: if two different nodes share a name.
    """
    swaps = _swaps(link)
    if swaps is None:
        return None
    hops = cast("list[ElementaryLink]", [swaps[0].links[0], *(swap.links[1] for swap in swaps)])
    numbers = Numbers()
    number = numbers.number
    for hop in hops:
        number(hop.left)
        number(hop.right)
    keys: dict[MapKey, int] = {}
    which = []
    for swap in swaps:
        a, b, c = swap.nodes
        key = numbers.operation(swap.operation), number(a), number(b), number(c)
        which.append(keys.setdefault(key, len(keys)))
    if len(keys) > MOST_MAPS:
        return None
    matrices = [pair_map(numbers.operations[key[0]], [numbers.processors[n] for n in key[1:]]) for key in keys]
    pairs = arriving_coefficients(hops)
    if (factors := moved(hops)) is not None:
        pairs *= factors
    arriving = support_of(np.abs(pairs[1:]).max(axis=0))
    support = support_of(pairs[0])
    while True:  # what the state can hold, all along
        maps = [Contraction.of(matrix, support, arriving) for matrix in matrices]
        if not all(one.certain for one in maps):
            return None
        grown = support
        for one in maps:
            grown |= one.support
        if grown == support:
            break
        support = grown
    return _multiplied(maps, np.array(which), pairs, support, arriving)


def _swaps(link: Link) -> list[Swap] | None:
    """The swaps of such a chain, the first one first."""
    found: list[Swap] = []
    part = link
    while type(part) is Swap:
        left, right = part.links
        if type(right) is not ElementaryLink or len(part.nodes) != 3:
            return None
        found.append(part)
        part = left
    if type(part) is not ElementaryLink or len(found) < SHORTEST:
        return None
    if not all(is_pair_map(operation) for operation in {id(s.operation): s.operation for s in found}.values()):
        return None
    return found[::-1]


def _multiplied(
    maps: list[Contraction], which: IndexArray, pairs: FloatArray, support: int, arriving: int
) -> FloatArray:
    held = [i for i in range(16) if support >> i & 1]
    met = [i for i in range(16) if arriving >> i & 1]
    tensors = np.zeros((len(maps), len(held), len(held), len(met)))
    for tensor, one in zip(tensors, maps, strict=True):
        for k, (first, second) in enumerate(zip(one.first.tolist(), one.second.tolist(), strict=True)):
            tensor[:, held.index(first), met.index(second)] = one.weights[k, held]
    state, added = pairs[0, held], pairs[1:, met]
    for start in range(0, len(which), _BLOCK):
        kinds, values = which[start : start + _BLOCK], added[start : start + _BLOCK]
        block = np.empty((len(kinds), len(held), len(held)))
        for kind in np.unique(kinds):
            mine = kinds == kind
            block[mine] = (values[mine] @ tensors[kind].reshape(-1, len(met)).T).reshape(-1, len(held), len(held))
        state = _product(block) @ state
    result = np.zeros(16)
    result[held] = state
    return result


def _product(matrices: FloatArray) -> FloatArray:
    """Their product, the last one leftmost."""
    while len(matrices) > 1:
        odd = matrices[len(matrices) // 2 * 2 :]
        matrices = np.concatenate([matrices[1::2] @ matrices[: len(matrices) // 2 * 2 : 2], odd])
    result: FloatArray = matrices[0]
    return result
