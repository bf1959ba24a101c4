"""The record that a circuit would have made without its conditions: see `ConditionalPaulis`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantumlink.arrays import BoolArray
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.program import Frame, parity


def bare_record(
    bits: BoolArray, recipe: Recipe, place: Mapping[int, int], pauli: str
) -> tuple[BoolArray, BoolArray]:
    """Undo what conditions did to recorded bits.

    Args:
        bits: as recorded, shape (patterns, columns).
        recipe: which knows what conditions did.
        place: the column of each bit.
        pauli: in which direction each end was measured, the first end's letter last; I where it does not matter.

    Returns:
        The bare bits, and which of them were read as their opposite: both of the shape of the bits.
    """
    told = recipe.conditional
    if told is None:
        return bits, np.zeros_like(bits)
    found, turned = bits.copy(), np.zeros_like(bits)
    corrections = dict(told.ends)
    ends = [
        (bit, corrections.get(name, Frame()).inverting(letter))
        for (name, bit), letter in zip(recipe.ends, reversed(pauli), strict=True)
    ]
    for bit, flips in (*told.flips, *ends):
        column = place[bit]
        turned[:, column] = parity(found, [place[other] for other in flips])
        found[:, column] ^= turned[:, column]
    return found, turned
