"""The score of a round: what one compared bit says for an attack and against the baseline.

An error counts +m and an agreement −1, in units of the agreement's log-likelihood ratio. A whole number m makes
every walk of scores a Markov chain on whole numbers, whose run lengths are exact sums; it is the ratio of the two
log-likelihoods, rounded, and the attack rate that belongs to that m is told as ``attack``.

References:
    M. R. Reynolds, Z. G. Stoumbos, J. Qual. Technol. 31, 87 (1999): the Bernoulli CUSUM.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p

from quantumlink import validation


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
    """Score m of an error, at least 1; an agreement scores −1."""
    unit: float
    """Log-likelihood ratio of a score of 1, in nats."""

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
        error = max(1, round(_ratio(low, high)))
        moved = _rate_of(low, error)
        return cls(low, moved, error, -log((1 - moved) / (1 - low)))


def _ratio(low: float, high: float) -> float:
    return -log(high / low) / (log1p(-high) - log1p(-low))


def _rate_of(low: float, error: int) -> float:
    """The rate above ``low`` whose ratio of log-likelihoods is ``error``."""
    from scipy.optimize import brentq

    # The ratio falls from (1 − low)/low at the baseline to 0 at rate 1.
    if error >= _ratio(low, low * (1 + 1e-9)):
        raise ValueError(
            f"the rate to be told from the baseline {low:g} is too near to it: scores that are whole numbers "
            f"need a larger difference"
        )
    return float(brentq(lambda rate: _ratio(low, rate) - error, low * (1 + 1e-9), 1 - 1e-12, xtol=1e-15))
