"""Attempts: how pairs of an elementary link come about in rounds, where several attempts go on at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.link import ElementaryLink

IN_STEP = 1e-6
"""Of an attempt: what begins that much before or after a moment begins at that moment."""


def whole_attempts(periods: npt.ArrayLike) -> FloatArray:
    """How many attempts begin in so many periods, from the beginning of the first one."""
    found: FloatArray = np.ceil(np.maximum(np.asarray(periods, dtype=float) - IN_STEP, 0.0))
    return found


@dataclass(frozen=True)
class Rounds:
    """Rounds of attempts of an elementary link, one after the other, the first one from time 0."""

    success_probability: float | None
    """The probability that a round delivers a pair; None for pairs at random moments."""
    time_s: float
    """The duration of a round; of pairs at random moments, the mean time to the next."""
    delay_s: float
    """How long after an attempt began it is heralded at the earliest."""

    @property
    def herald_s(self) -> float:
        """How much later than its round's end a pair is heralded: messages may be slower than attempts.

        Pairs at random moments come without a herald.
        """
        return 0.0 if self.success_probability is None else max(self.delay_s - self.time_s, 0.0)

    @property
    def mean_s(self) -> float:
        """The mean time to the first herald."""
        return self.time_s / (self.success_probability or 1.0) + self.herald_s


def rounds_of(link: ElementaryLink, at_once: int = 1) -> Rounds | None:
    """The rounds of an elementary link that makes so many attempts at once; None if it does not say how they go."""
    attempts = link.attempts
    if attempts is None:
        return None
    together = attempts.at_once(at_once)
    return Rounds(together.success_probability, together.time_s, link.herald_delay_s)
