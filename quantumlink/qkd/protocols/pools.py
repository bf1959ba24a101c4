"""Pools: where a session takes the outcomes of its rounds from, exact probabilities or what a sampler gave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from quantumlink.arrays import IntArray
from quantumlink.qkd.protocols.playing import Counts, Floats
from quantumlink.qkd.protocols.reception import BOTH, NO_PHOTON, ONLY_ONE, ONLY_ZERO


class Pool(ABC):
    """The outcomes of one circuit, setting by setting; each is given away once."""

    @abstractmethod
    def counts(self, setting: int, rounds: int) -> Counts:
        """The outcomes of so many rounds, counted: shape (outcomes,)."""

    @abstractmethod
    def patterns(self, setting: int, rounds: int, photons: int) -> Counts:
        """What so many rounds, of that many photons each, make click: counts of the four patterns.

        The outcomes are 0, 1 and, where there is a third, a photon that is not seen.
        """


class ExactPool(Pool):
    """Draws from exact probabilities.

    Args:
        probabilities: shape (settings, outcomes).
        rng: source of the draws.
    """

    def __init__(self, probabilities: Floats, rng: np.random.Generator) -> None:
        self._probabilities = probabilities
        self._rng = rng

    def counts(self, setting: int, rounds: int) -> Counts:
        """See `Pool.counts`."""
        return np.asarray(self._rng.multinomial(rounds, self._probabilities[setting]), dtype=np.int64)

    def patterns(self, setting: int, rounds: int, photons: int) -> Counts:
        """See `Pool.patterns`: no photon is 1 with probability (1 − p₁)ᵐ, and so on."""
        p = self._probabilities[setting]
        unseen = p[2] if len(p) > 2 else 0.0
        none = unseen**photons
        zero, one = (p[0] + unseen) ** photons - none, (p[1] + unseen) ** photons - none
        table = np.clip([none, zero, one, 1 - none - zero - one], 0.0, None)
        return np.asarray(self._rng.multinomial(rounds, table / table.sum()), dtype=np.int64)


class DrawnPool(Pool):
    """Hands out outcomes that a sampler gave, in random order, each once.

    Args:
        outcomes: for each setting the outcomes, an array of whole numbers below ``size``.
        size: number of outcomes.
        rng: source of the order.
    """

    def __init__(self, outcomes: Sequence[IntArray], size: int, rng: np.random.Generator) -> None:
        self._outcomes = [rng.permutation(array) for array in outcomes]
        self._size = size
        self._used = [0] * len(outcomes)

    def counts(self, setting: int, rounds: int) -> Counts:
        """See `Pool.counts`."""
        return np.bincount(self._take(setting, rounds), minlength=self._size)

    def patterns(self, setting: int, rounds: int, photons: int) -> Counts:
        """See `Pool.patterns`."""
        found = self._take(setting, rounds * photons).reshape(rounds, photons)
        zero, one = (found == 0).any(axis=1), (found == 1).any(axis=1)
        index = np.array([[NO_PHOTON, ONLY_ONE], [ONLY_ZERO, BOTH]])[zero.astype(int), one.astype(int)]
        return np.bincount(index, minlength=4)

    def _take(self, setting: int, count: int) -> IntArray:
        start = self._used[setting]
        self._used[setting] = start + count
        taken = self._outcomes[setting][start : start + count]
        if len(taken) < count:
            raise ValueError(
                f"setting {setting} has {len(self._outcomes[setting])} outcomes, {start + count} are needed"
            )
        return taken
