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

from collections.abc import Mapping
from math import inf, log, sqrt

from quantumlink.estimation import CONFIDENCE, Estimate, affine_estimate, binomial_estimate
from quantumlink.qkd.arguments import as_count, as_tolerance

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
    n, k, eps = as_count("n", n), as_count("k", k), as_tolerance("eps", eps)
    return sqrt((n + k) / (n * k) * (k + 1) / k * -log(eps) / 2) if n and k else inf


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
    from scipy.stats import hypergeom

    k, n, eps = as_count("k", k), as_count("n", n, minimum=1), as_tolerance("eps", eps)
    if (errors := as_count("errors", errors)) > k:
        raise ValueError(f"errors must be at most k, {k}, got {errors}")
    likely, unlikely = 0, n + 1  # errors among the rest; the probability falls as they become more
    while unlikely - likely > 1:
        middle = (likely + unlikely) // 2
        if hypergeom.cdf(errors, n + k, errors + middle, k) > eps:
            likely = middle
        else:
            unlikely = middle
    return likely / n


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
    2.8220 [2.7936, 2.8496]
    """
    return affine_estimate(
        [
            (2.0 * sign, binomial_estimate(same, same + other, confidence))
            for sign, same, other in _correlations(counts)
        ],
        offset=-2.0,
        bounds=(-4.0, 4.0),
    )


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

    share = as_tolerance("eps", eps) / 4
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
        found.append((sign, as_count(name, same), as_count(name, other)))
    return found
