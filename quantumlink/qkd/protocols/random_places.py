"""Which of many rounds were detected: so many places, any of them equally likely, in the order of time."""

from __future__ import annotations

from math import ceil, log1p, sqrt
from typing import Final

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.progress import track

_SHUFFLED: Final = 1 << 24
"""So many rounds are shuffled all at once, half a second that Ctrl-C has to wait; more are drawn by blocks."""
_BLOCK: Final = 1 << 20
"""Rounds of a block that are marked one by one, where enough of them are chosen."""
_SPARSE: Final = 1 / 64
_DRAWN: Final = 1 << 19
"""Places of a block that are sorted, where fewer are."""


def random_places(rounds: int, count: int, rng: np.random.Generator) -> IntArray | None:
    """So many of the rounds, any equally likely, rising; None for all."""
    if count == rounds:
        return None
    if rounds > _SHUFFLED:
        return _by_blocks(rounds, count, rng)
    if rounds <= 32 * count:
        mask = np.zeros(rounds, dtype=np.bool_)
        mask[:count] = True
        rng.shuffle(mask)
        return np.flatnonzero(mask)
    return np.sort(rng.choice(rounds, count, replace=False, shuffle=False)).astype(np.int64)


def _by_blocks(rounds: int, count: int, rng: np.random.Generator) -> IntArray:
    if 2 * count > rounds:  # rather those that are not chosen
        chosen = np.ones(rounds, dtype=np.bool_)
        chosen[_distinct(rounds, rounds - count, rng)] = False
        return np.flatnonzero(chosen)
    return _distinct(rounds, count, rng)


def _distinct(rounds: int, count: int, rng: np.random.Generator) -> IntArray:
    """At most half of the rounds.

    Places are drawn with repetition, a few too many. Whatever the number of different ones, all sets of so many are
    equally likely; and so they are when as many as are too many are struck out at random.
    """
    found = np.zeros(0, dtype=np.int64)
    share = count / rounds
    mean = -rounds * log1p(-share)
    draws = ceil(mean + 10 * sqrt(mean)) + 100 if count else 0  # too few once in more than 10¹⁰ times
    while len(found) < count:
        found = _drawn(rounds, draws, share, rng)
    return np.delete(found, rng.choice(len(found), len(found) - count, replace=False))


def _drawn(rounds: int, draws: int, share: float, rng: np.random.Generator) -> IntArray:
    """The different places of so many draws with repetition, rising."""
    size = _BLOCK if share >= _SPARSE else ceil(_DRAWN / share)
    starts = np.arange(0, rounds, size)
    sizes = np.minimum(size, rounds - starts)
    found, filled = np.empty(draws, dtype=np.int64), 0
    blocks = list(
        zip(starts.tolist(), sizes.tolist(), rng.multinomial(draws, sizes / rounds).tolist(), strict=True)
    )
    for start, length, some in track(blocks, "drawing which rounds are detected"):
        places = rng.integers(length, size=some)
        if share >= _SPARSE:
            mask = np.zeros(length, dtype=np.bool_)
            mask[places] = True
            places = np.flatnonzero(mask)
        else:
            places.sort()
            places = places[np.diff(places, prepend=-1) > 0]
        found[filled : filled + len(places)] = places + start
        filled += len(places)
    return found[:filled]
