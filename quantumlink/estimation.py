"""Estimates: what a finite number of shots says about a number, always with an interval.

Assumption: shots are independent. Every interval here is two-sided and holds its stated confidence for
every true value (Clopper-Pearson), or is a combination of such intervals (MOVER). A combination of three may fall a
little short where events are rare: 95 % stated is 91 % at 0.2 expected errors in each, and above 94 % from half an
error on (by enumeration).

References:
    C. J. Clopper, E. S. Pearson, Biometrika 26, 404 (1934).
    G. Y. Zou, A. Donner, Biometrics 64, 1303 (2008), on combining intervals (MOVER).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt

CONFIDENCE = 0.95


class Estimate(float):
    """A number with its interval: ``low <= best <= high``.

    It *is* its best value wherever a float is expected, so that it can be compared and plotted, and it
    unpacks as ``low, best, high``. Adding or multiplying an exact number keeps the interval.

    >>> fidelity = Estimate(0.91, 0.93, 0.95)
    >>> fidelity > 0.9, fidelity.low, fidelity.covers(0.94)
    (True, 0.91, True)
    >>> 1 - fidelity
    Estimate(low=0.05, best=0.07, high=0.09)
    """

    __slots__ = ("confidence", "high", "low")

    low: float
    high: float
    confidence: float

    def __new__(cls, low: float, best: float, high: float, confidence: float = CONFIDENCE) -> Estimate:
        """Make an estimate.

        Raises:
            ValueError: unless ``low <= best <= high``.
        """
        if not low <= best <= high:
            raise ValueError(f"an estimate needs low <= best <= high, got {low}, {best}, {high}")
        self = super().__new__(cls, best)
        self.low, self.high, self.confidence = float(low), float(high), float(confidence)
        return self

    @property
    def best(self) -> float:
        """The most likely value."""
        return float(self)

    @property
    def errors(self) -> tuple[float, float]:
        """The distances from the best value down to ``low`` and up to ``high``, as error bars want them."""
        return self.best - self.low, self.high - self.best

    def covers(self, value: float) -> bool:
        """Whether ``value`` lies within the interval (both ends included)."""
        return self.low <= value <= self.high

    # An exact number shifts or scales the interval too; of two estimates only floats come, as nothing is known
    # of how they hang together (see `affine_estimate` for independent ones).
    def _scaled(self, factor: float, shift: float) -> Estimate:
        low, high = sorted((factor * self.low + shift, factor * self.high + shift))
        best = min(max(factor * self.best + shift, low), high)
        return Estimate(low, best, high, self.confidence)

    def __neg__(self) -> Estimate:
        return self._scaled(-1.0, 0.0)

    def __add__(self, other: float) -> float:
        return float.__add__(self, other) if isinstance(other, Estimate) else self._scaled(1.0, float(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> float:
        return float.__sub__(self, other) if isinstance(other, Estimate) else self._scaled(1.0, -float(other))

    def __rsub__(self, other: float) -> float:
        return self._scaled(-1.0, float(other))

    def __mul__(self, other: float) -> float:
        return float.__mul__(self, other) if isinstance(other, Estimate) else self._scaled(float(other), 0.0)

    __rmul__ = __mul__

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.best, self.high))

    def __getnewargs__(self) -> tuple[float, float, float, float]:  # type: ignore[override]
        return (self.low, self.best, self.high, self.confidence)

    def __repr__(self) -> str:
        return f"Estimate(low={self.low:.6g}, best={self.best:.6g}, high={self.high:.6g})"

    def __str__(self) -> str:
        return f"{self.best:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        return f"{self.best:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def binomial_estimate(successes: int, total: int, confidence: float = CONFIDENCE) -> Estimate:
    """A probability from ``successes`` out of ``total`` independent trials (Clopper-Pearson, exact).

    Args:
        successes: trials that succeeded, ``0 <= successes <= total``.
        total: number of trials; with none at all the interval is [0, 1].
        confidence: the probability with which the interval covers the truth, in (0, 1).

    Raises:
        ValueError: if a count or the confidence is out of range.

    >>> binomial_estimate(0, 100)
    Estimate(low=0, best=0, high=0.0362167)
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= total:
        raise ValueError(f"successes must lie in [0, total], got {successes} of {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    if total == 0:
        return Estimate(0.0, 0.5, 1.0, confidence)
    tail = (1 - confidence) / 2
    best = successes / total
    low = 0.0 if successes == 0 else float(betaincinv(successes, total - successes + 1, tail))
    high = 1.0 if successes == total else float(betaincinv(successes + 1, total - successes, 1 - tail))
    return Estimate(min(low, best), best, max(high, best), confidence)


def affine_estimate(
    terms: Sequence[tuple[float, Estimate]], offset: float = 0.0, bounds: tuple[float, float] | None = None
) -> Estimate:
    """``offset + Σ cᵢ·xᵢ`` of independent estimates, their intervals combined by MOVER (Zou, Donner 2008).

    Args:
        terms: pairs (coefficient, estimate).
        offset: a constant added to the sum.
        bounds: the physical range of the result; best and interval are clipped into it.

    Raises:
        ValueError: if there are no terms or their confidences differ.
    """
    confidences = {x.confidence for _, x in terms}
    if len(confidences) != 1:
        raise ValueError(f"the estimates need one common confidence, got {sorted(confidences)}")
    best = offset + sum(c * x.best for c, x in terms)
    below = sqrt(sum((c * (x.best - (x.low if c > 0 else x.high))) ** 2 for c, x in terms))
    above = sqrt(sum((c * ((x.high if c > 0 else x.low) - x.best)) ** 2 for c, x in terms))
    low, high = best - below, best + above
    if bounds is not None:
        low, best, high = (min(max(value, bounds[0]), bounds[1]) for value in (low, best, high))
    return Estimate(low, best, high, confidences.pop())
