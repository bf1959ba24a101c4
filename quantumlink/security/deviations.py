"""How far a finite sample may be from the truth: one-sided deviations for a stated failure probability.

For samples drawn without replacement see `quantumlink.security.sampling`.

Failure probabilities are passed as logarithms ``ln(1/ε)``, for their products underflow.

References:
    W. Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963).
    H. Chernoff, Ann. Math. Stat. 23, 493 (1952).
"""

from __future__ import annotations

from math import inf, log, log1p, sqrt


def hoeffding(samples: float, log_inverse_eps: float) -> float:
    """Deviation of the mean of independent values in [0, 1]: ``√(ln(1/ε)/(2·samples))``.

    >>> round(hoeffding(72_544, 13.8155), 6)  # ε = 1e-6, one-sided
    0.009758
    """
    return sqrt(log_inverse_eps / (2 * samples)) if samples else inf


def chernoff_high(count: float, trials: float, log_inverse_eps: float) -> float:
    """The largest probability that still gives ``count`` or fewer of ``trials`` with probability ε (Chernoff).

    >>> round(chernoff_high(0, 1000, 13.8155), 6)  # 1 − exp(−13.8155/1000)
    0.013721
    """
    if not trials or count >= trials:
        return 1.0
    return _as_far_as(1.0, max(0.0, count / trials), trials, log_inverse_eps)


def chernoff_low(count: float, trials: float, log_inverse_eps: float) -> float:
    """The smallest probability that still gives ``count`` or more of ``trials`` with probability ε (Chernoff)."""
    if not trials or count <= 0:
        return 0.0
    return _as_far_as(0.0, min(1.0, count / trials), trials, log_inverse_eps)


def _as_far_as(end: float, seen: float, trials: float, log_inverse_eps: float) -> float:
    """The probability on the way from a frequency to 0 or 1 up to which the frequency is likely enough."""
    possible, excluded = seen, end
    while (middle := (possible + excluded) / 2) not in (possible, excluded):
        if trials * _divergence(seen, middle) > log_inverse_eps:
            excluded = middle
        else:
            possible = middle
    return excluded


def largest_frequency(probability: float, trials: float, log_inverse_eps: float) -> float:
    """The frequency that events of some probability exceed with probability at most ε (Chernoff).

    >>> largest_frequency(0.0, 1000, 20.0), round(largest_frequency(0.1, 10**6, 20.0), 6)
    (0.0, 0.101903)
    """
    if not 0 < probability < 1 or not trials:
        return min(max(probability, 0.0), 1.0) if trials else 1.0
    low, high = probability, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if trials * _divergence(middle, probability) > log_inverse_eps:
            high = middle
        else:
            low = middle
    return high


def fewest_trials(count: float, probability: float, log_inverse_eps: float) -> float:
    """The least number of trials of which ``count`` events may be seen, but for a probability of ε (Chernoff).

    >>> round(fewest_trials(1000, 0.25, 20.0))
    3353
    """
    low, high = count, 2 * count / probability
    for _ in range(200):
        middle = (low + high) / 2
        if high - low <= 1e-12 * high:
            break
        if middle * largest_frequency(probability, middle, log_inverse_eps) >= count:
            high = middle
        else:
            low = middle
    return low


def least_elsewhere(count: float, here: float, there: float, log_inverse_eps: float) -> float:
    """With at least so many rounds of a kind here there are at least that many there, but for a probability of ε.

    Args:
        count: rounds here, at least.
        here: the probability that a round is of the kind and falls here.
        there: likewise, for there.
        log_inverse_eps: ln(1/ε).

    >>> round(least_elsewhere(1000, 0.1, 0.3, 20.0))
    2353
    """
    return fewest_trials(count, here / (here + there), log_inverse_eps) - count


def left_by_sample(good: float, total: int, sampled: int, log_inverse_eps: float) -> float:
    """Of at least so many good ones of a total, how many a sample leaves, but for a probability of ε.

    A sample without replacement deviates no more than one with it (Hoeffding, theorem 4).

    >>> left_by_sample(900.0, 1000, 0, 20.0), round(left_by_sample(900.0, 1000, 100, 20.0), 3)
    (900.0, 800.0)
    """
    if not sampled:
        return good
    return max(0.0, good - sampled * largest_frequency(good / total, sampled, log_inverse_eps))


def _divergence(a: float, b: float) -> float:
    """Relative entropy of two coins, in nats."""
    first = a * log(a / b) if a else 0.0
    if a >= 1:
        return first
    # By the difference, for the ratio of two numbers near 1 would lose what rare events add; not where it is far
    # from 1, for there the difference rounds to −1.
    apart = (b - a) / (1 - b)
    return first + (1 - a) * (log1p(apart) if apart > -0.5 else log((1 - a) / (1 - b)))
