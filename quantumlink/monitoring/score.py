"""The score of a round: what one compared bit says for an attack and against the baseline.

An error counts +m and an agreement −k, whole numbers in the ratio of the two log-likelihoods. Whole numbers make
every walk of scores a Markov chain, whose run lengths are exact sums. The ratio is rounded, with k = 1 wherever
that is fine enough, and the attack rate that belongs to m/k is told as ``attack``.

References:
    M. R. Reynolds, Z. G. Stoumbos, J. Qual. Technol. 31, 87 (1999): the Bernoulli CUSUM.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p

from quantumlink import validation

_SHIFT = 0.1
"""By which part of the difference the attack rate may move."""

_FINEST = 100
"""Largest score of an agreement."""


@dataclass(frozen=True)
class BernoulliScore:
    """Scores that tell an error rate ``attack`` from the rate ``baseline``.

    >>> score = BernoulliScore.between(0.02, 0.06)
    >>> score.error, round(score.attack, 4)
    (26, 0.0614)
    """

    baseline: float
    """Error rate of the undisturbed link, in (0, 1/2)."""
    attack: float
    """Error rate that is told from it: the one for which the scores are the log-likelihood ratio."""
    error: int
    """Score m of an error, at least 1."""
    unit: float
    """Log-likelihood ratio of a score of 1, in nats."""
    agreement: int = 1
    """An agreement scores minus this, at least 1."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.probabilities(self, "baseline", "attack")
        validation.counts(self, "error", "agreement", at_least=1)
        object.__setattr__(self, "unit", validation.positive("unit", self.unit))

    @classmethod
    def between(cls, baseline: float, attack: float) -> BernoulliScore:
        """The scores for two error rates; ``attack`` moves a little, so that the score is a whole number.

        Args:
            baseline: error rate of the undisturbed link, in (0, 1/2).
            attack: error rate to be told from it, above the baseline, at most 1/2.

        Raises:
            ValueError: if the rates are out of range or in the wrong order.
        """
        low = validation.probability("baseline", baseline)
        high = validation.probability("attack", attack)
        if not 0 < low < 0.5:
            raise ValueError(f"baseline must lie between 0 and 1/2, both excluded; got {baseline!r}")
        if not low < high <= 0.5:
            raise ValueError(f"attack must be above the baseline {low:g} and at most 1/2, got {attack!r}")
        ratio = _ratio(low, high)
        for agreement in range(1, _FINEST + 1):
            error = max(1, round(ratio * agreement))
            if error / agreement >= (1 - low) / low:  # the ratio at the baseline itself
                continue
            moved = _rate_of(low, error / agreement)
            if abs(moved - high) <= _SHIFT * (high - low):
                return cls(low, moved, error, -log((1 - moved) / (1 - low)) / agreement, agreement)
        raise ValueError(f"attack must differ more from the baseline {low:g} to be told from it, got {attack!r}")


def _ratio(low: float, high: float) -> float:
    return -log(high / low) / (log1p(-high) - log1p(-low))


def _rate_of(low: float, ratio: float) -> float:
    """The rate above ``low`` at which the log-likelihoods have that ratio."""
    from scipy.optimize import brentq

    # The ratio falls from (1 − low)/low at the baseline to 0 at rate 1.
    return float(brentq(lambda rate: _ratio(low, rate) - ratio, low * (1 + 1e-7), 1 - 1e-12, xtol=1e-15))
