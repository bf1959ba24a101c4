"""Ticks: times in a unit of which sums are exact, so that equal ages are found to be equal.

Ages are compared with a cut-off. Where both are sums of the same durations, they are often equal, and rounding must
not decide. So durations are counted in ticks: a tick goes into the cut-off without remainder, and into every
duration that stands to it in a ratio of small integers. What is left of others is rounded to a power of two of a
tick, the grain. Sums of such numbers are exact in floating point as far as the horizon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm, log2

LARGEST_DENOMINATOR = 10**6
"""Ratios of durations are looked for up to this denominator; a tick is not a smaller part of the cut-off."""

ROUNDING = 4e-15
"""Relative: durations that are that near to a ratio were meant to be in it, products and quotients rounded."""

FINEST = -44
"""Binary logarithm of the finest grain."""

EQUAL_GRAINS = 4
"""Sums that differ by fewer grains than that are equal: each of their terms was rounded to one."""


@dataclass(frozen=True)
class Ticks:
    """A unit of time.

    >>> ticks = Ticks.of(1.25 * 1.22418e-4, [1.22418e-4, 2**-15.5], horizon_s=1.0)
    >>> ticks.count(1.22418e-4), ticks.count(1.25 * 1.22418e-4)
    (4.0, 5.0)
    """

    tick_s: float
    """A tick in seconds."""
    grain: float = 0.0
    """The power of two of a tick that counts are multiples of; 0 if they are not rounded."""

    @classmethod
    def of(cls, cutoff_s: float, durations_s: Iterable[float], horizon_s: float) -> Ticks:
        """The ticks in which a cut-off and some durations are counted.

        Args:
            cutoff_s: what ages are compared with, above 0.
            durations_s: the durations of which ages are made, at least 0.
            horizon_s: the longest time up to which all sums are to be exact.
        """
        ratios = (Fraction(duration / cutoff_s) for duration in set(durations_s) if duration > 0)
        near = ((ratio, ratio.limit_denominator(LARGEST_DENOMINATOR)) for ratio in ratios)
        parts = 1
        for denominator in sorted(simple.denominator for ratio, simple in near if _equal(ratio, simple)):
            together = lcm(parts, denominator)
            parts = together if together <= LARGEST_DENOMINATOR else parts
        bits = ceil(log2(max(horizon_s / cutoff_s, 1.0) * parts)) - 52
        return cls(cutoff_s / parts, 2.0 ** max(bits, FINEST))

    def count(self, time_s: float) -> float:
        """How many ticks a duration is."""
        ticks = time_s / self.tick_s
        return round(ticks / self.grain) * self.grain if self.grain else ticks

    @property
    def slack(self) -> float:
        """In ticks: what sums of the same value may differ by."""
        return EQUAL_GRAINS * self.grain


SECONDS = Ticks(1.0)
"""Where nothing is compared exactly: a tick is a second."""


def _equal(ratio: Fraction, simple: Fraction) -> bool:
    return bool(simple) and abs(simple - ratio) <= ROUNDING * ratio
