"""Parameter estimation: what a random sample says about the bits that were not looked at.

The ends compare k of n + k bits, chosen at random without putting any back, and find some errors. How many errors
can the n others hold? `remaining_error_bound` sums the hypergeometric distribution itself. `serfling_margin` is
closed,

    Q + μ,   μ = √((n+k)/(n·k) · (k+1)/k · ln(1/ε) / 2),

holds for every population and is looser. Each fails with a probability of at most ε over the choice of the sample,
whatever put the errors where they are.

References:
    R. J. Serfling, Ann. Statist. 2, 39 (1974), sums in sampling without replacement.
    M. Tomamichel, A. Leverrier, Quantum 1, 14 (2017), how it enters a key rate.
    J. F. Clauser, M. A. Horne, A. Shimony, R. A. Holt, Phys. Rev. Lett. 23, 880 (1969).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, lgamma, log, sqrt

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.estimation import CONFIDENCE, Estimate, proportions_estimate

CHSH_SIGNS: Mapping[str, int] = {"00": 1, "01": 1, "10": 1, "11": -1}
"""Signs of the four correlators, named by the settings of Alice and Bob: S = E₀₀ + E₀₁ + E₁₀ − E₁₁."""


def serfling_margin(*, n: int, k: int, eps: float) -> float:
    """What must be added to the error rate of the sample so that it bounds that of the rest.

    Args:
        n: bits not looked at.
        k: bits in the sample.
        eps: probability with which the bound may fail, in (0, 1).

    Returns:
        μ; infinite if n or k is 0, where a sample says nothing.

    Raises:
        ValueError: if an argument is out of range.

    >>> round(serfling_margin(n=10**6, k=10**5, eps=1e-10), 6)
    0.011254
    """
    n, k, eps = validation.count("n", n), validation.count("k", k), validation.tolerance("eps", eps)
    return serfling_deviation(n, k, log(eps))


def serfling_deviation(n: int, k: int, log_eps: float) -> float:
    """As `serfling_margin`, for ln ε: ε itself may underflow."""
    return sqrt((n + k) / (n * k) * (k + 1) / k * -log_eps / 2) if n and k else inf


def remaining_error_bound(*, errors: int, k: int, n: int, eps: float) -> float:
    """The exact bound on the error rate of the n bits that were not looked at.

    The largest number of errors among them that would leave as few as ``errors`` in the sample with a
    probability above ``eps``.

    Args:
        errors: errors found in the sample.
        k: bits in the sample.
        n: bits not looked at, at least one.
        eps: probability with which the bound may fail, in (0, 1).

    Returns:
        An error rate in [0, 1].

    Raises:
        ValueError: if an argument is out of range.

    >>> remaining_error_bound(errors=300, k=10_000, n=90_000, eps=1e-10)
    0.0428...
    >>> 0.03 + serfling_margin(n=90_000, k=10_000, eps=1e-10)
    0.0657...
    """
    k, n, eps = validation.count("k", k), validation.count("n", n, at_least=1), validation.tolerance("eps", eps)
    if (errors := validation.count("errors", errors)) > k:
        raise ValueError(f"errors must be at most k, {k}, got {errors}")
    return most_remaining_errors(errors=errors, k=k, n=n, log_eps=log(eps)) / n


def most_remaining_errors(*, errors: int, k: int, n: int, log_eps: float) -> int:
    """The largest number of errors among n bits that leaves as few as ``errors`` in the sample with more than ε.

    Args:
        errors: errors found in the sample, at most k.
        k: bits in the sample.
        n: bits not looked at.
        log_eps: ln ε, for ε itself may underflow.
    """
    likely, unlikely = 0, n + 1  # the probability falls as the errors become more
    while unlikely - likely > 1:
        middle = (likely + unlikely) // 2
        total = n + k
        # What rounding may have taken from the logarithm counts as probability.
        slack = 1e-14 * total * log(total + 1)
        if log_hypergeometric_cdf(errors, total, errors + middle, k) + slack > log_eps:
            likely = middle
        else:
            unlikely = middle
    return likely


def log_hypergeometric_cdf(seen: int, total: int, marked: int, drawn: int) -> float:
    """Logarithm of the probability of so few marked ones.

    ``seen`` or fewer among ``drawn`` of ``total``, of which ``marked`` are.

    Summed by the ratio of neighbors: exact to rounding, however small it is.
    """
    least, most = max(0, drawn - (total - marked)), min(marked, drawn)
    if seen < least:
        return -inf
    if seen >= most:
        return 0.0
    # From the likeliest term that counts, both ways: all ratios are at most 1.
    start = min(seen, max(least, ((drawn + 1) * (marked + 1)) // (total + 2)))
    log_term = (
        _log_binomial(marked, start) + _log_binomial(total - marked, drawn - start) - _log_binomial(total, drawn)
    )
    rest = total - marked - drawn

    def falling(x: FloatArray) -> FloatArray:
        return x * (rest + x) / ((marked - x + 1) * (drawn - x + 1))

    def rising(x: FloatArray) -> FloatArray:
        return (marked - x) * (drawn - x) / ((x + 1) * (rest + x + 1))

    series = 1.0 + _sum_of_ratios(falling, start, least) + _sum_of_ratios(rising, start, seen)
    return min(0.0, log_term + log(series))


def _sum_of_ratios(ratio: Callable[[FloatArray], FloatArray], first: int, last: int) -> float:
    """The terms that follow 1 from place ``first`` to ``last``, each the one before times its ratio."""
    series, term, step = 0.0, 1.0, 1 if last > first else -1
    while first != last and term > 1e-17 * series:
        stop = first + step * min(_TERMS, abs(last - first))
        terms = term * np.cumprod(ratio(np.arange(first, stop, step, dtype=float)))
        series, term, first = series + float(terms.sum()), float(terms[-1]), stop
    return series


_TERMS = 1_024
"""How many terms are summed at once."""


def _log_binomial(of: int, some: int) -> float:
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)


def chsh_estimate(counts: Mapping[str, tuple[int, int]], *, confidence: float = CONFIDENCE) -> Estimate:
    """S = E₀₀ + E₀₁ + E₁₀ − E₁₁ from counts, with its interval.

    Args:
        counts: for each pair of settings, ``"00"`` to ``"11"`` (Alice's first), how often the outcomes were
            equal and how often they differed.
        confidence: probability with which the interval covers the truth, in (0, 1). Rounds are taken to be
            independent and alike.

    Raises:
        ValueError: if settings are missing, or a count is no whole number of at least 0.

    >>> counts = {"00": (8_500, 1_500), "01": (8_550, 1_450), "10": (8_540, 1_460), "11": (1_480, 8_520)}
    >>> print(chsh_estimate(counts))
    2.8220 [2.7939, 2.8497]
    """
    agreed = [(same if sign > 0 else other, same + other) for sign, same, other in _correlations(counts)]
    return proportions_estimate(agreed, scale=2.0, offset=-4.0, bounds=(-4.0, 4.0), confidence=confidence)


def chsh_lower_bound(counts: Mapping[str, tuple[int, int]], *, eps: float) -> float:
    """What S is at least, but for a probability of ``eps``: each correlator at its own limit, to ε/4.

    Args:
        counts: as for `chsh_estimate`.
        eps: probability with which the bound may fail, in (0, 1). Rounds are taken to be independent and alike.

    Raises:
        ValueError: if an argument is out of range.

    >>> counts = {"00": (8_500, 1_500), "01": (8_550, 1_450), "10": (8_540, 1_460), "11": (1_480, 8_520)}
    >>> round(chsh_lower_bound(counts, eps=1e-10), 4)
    2.6272
    """
    from scipy.special import betaincinv

    share = validation.tolerance("eps", eps) / 4
    total = 0.0
    for sign, same, other in _correlations(counts):
        # the one-sided Clopper-Pearson limit of what counts in favor of S
        good, bad = (same, other) if sign > 0 else (other, same)
        total += 2.0 * (float(betaincinv(good, bad + 1, share)) if good else 0.0) - 1.0
    return total


def _correlations(counts: Mapping[str, tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(sign, equal outcomes, different outcomes) of each pair of settings."""
    if set(counts) != set(CHSH_SIGNS):
        got = ", ".join(counts) or "none"
        raise ValueError(f"counts must hold the settings {', '.join(CHSH_SIGNS)}, got {got}")
    found = []
    for settings, sign in CHSH_SIGNS.items():
        same, other = counts[settings]
        name = f"counts[{settings!r}]"
        found.append((sign, validation.count(name, same), validation.count(name, other)))
    return found
