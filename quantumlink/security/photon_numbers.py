"""How many detections came from pulses without a photon and with one, by the counts of two or three intensities.

Pulses are phase-randomized: whoever holds them sees numbers of photons, Poisson distributed, and nothing else of
the intensity. So among the detections that n photons gave, intensity k was sent with probability

    p(k|n) = p_k·e^(−μ_k)·μ_kⁿ / (n!·τ_n),    τ_n = Σ_k p_k·e^(−μ_k)·μ_kⁿ/n!,

each on its own. The expected count of intensity k is therefore Σ_n p(k|n)·s_n, with s_n the number of detections
from n photons, and e^(μ_k)/p_k times it is Σ_n μ_kⁿ·s_n/(n!·τ_n): one linear equation an intensity for the s_n. The
seen count is a sum of independent yes or no, not all alike; `Interval` bounds its expectation.

References:
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005).
    C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014): three intensities.
    D. Rusca, A. Boaron, F. Grünenfelder, A. Martin, H. Zbinden, Appl. Phys. Lett. 112, 171104 (2018): two.
    W. Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963): theorem 1 holds for sums whose terms are not all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, factorial, sqrt

from quantumlink.security.deviations import chernoff_high, chernoff_low


@dataclass(frozen=True)
class Interval:
    """What the expectation of a count is at least and at most, each but for its own probability."""

    low: float
    high: float

    @classmethod
    def hoeffding(cls, count: float, total: float, log_inverse_eps: float) -> Interval:
        """The count of ``total`` and √(total/2·ln(1/ε)) either way: the form of the published decoy bounds."""
        spread = sqrt(total / 2 * log_inverse_eps)
        return cls(max(0.0, count - spread), count + spread)

    @classmethod
    def chernoff(cls, count: float, total: float, log_inverse_eps: float) -> Interval:
        """By relative entropy, theorem 1 of Hoeffding: never wider, and narrow where counts are few."""
        if not total:
            return cls(0.0, 0.0)
        return cls(
            total * chernoff_low(count, total, log_inverse_eps),
            total * chernoff_high(count, total, log_inverse_eps),
        )

    def scaled(self, mean: float, share: float) -> Interval:
        """e^μ/p times it."""
        factor = exp(mean) / share
        return Interval(factor * self.low, factor * self.high)


def photon_probability(intensities: Sequence[float], probabilities: Sequence[float], photons: int) -> float:
    """τ_n: the probability that a pulse holds ``photons`` photons, whatever its intensity."""
    weights = zip(intensities, probabilities, strict=True)
    return sum(p * exp(-mean) * mean**photons for mean, p in weights) / factorial(photons)


def three_intensity_counts(
    intensities: Sequence[float], probabilities: Sequence[float], expected: Sequence[Interval]
) -> tuple[float, float]:
    """Lower bounds on the detections of vacuum and of single-photon pulses: eqs. (2) and (3) of Lim et al.

    They rest on five one-sided bounds: both ends for decoy and vacuum, the upper one for the signal.
    """
    m1, m2, m3 = intensities
    signal, decoy, empty = _scaled(intensities, probabilities, expected)
    tau0, tau1 = (photon_probability(intensities, probabilities, n) for n in (0, 1))
    vacuum = max(0.0, tau0 * (m2 * empty.low - m3 * decoy.high) / (m2 - m3))
    rest = signal.high - vacuum / tau0
    gap = decoy.low - empty.high - (m2**2 - m3**2) / m1**2 * rest
    return vacuum, max(0.0, tau1 * m1 * gap / (m1 * (m2 - m3) - m2**2 + m3**2))


def two_intensity_counts(
    intensities: Sequence[float],
    probabilities: Sequence[float],
    expected: Sequence[Interval],
    errors: Sequence[Interval] | None,
    total: float,
    log_inverse_eps: float,
) -> tuple[float, float]:
    """Lower bounds on the detections of vacuum and of single-photon pulses: as Rusca et al.

    They rest on three one-sided bounds of counts (both ends for the decoy, the upper one for the signal) and, where
    errors are known, on the upper ends of two of these and the fair coins of vacuum.
    """
    m1, m2 = intensities
    signal, decoy = _scaled(intensities, probabilities, expected)
    tau0, tau1 = (photon_probability(intensities, probabilities, n) for n in (0, 1))
    vacuum = max(0.0, tau0 * (m1 * decoy.low - m2 * signal.high) / (m1 - m2))
    most = min(total, tau0 * signal.high, tau0 * decoy.high)
    if errors is not None:
        wrong = tau0 * min(item.high for item in _scaled(intensities, probabilities, errors))
        most = min(most, most_vacuum_detections(wrong, log_inverse_eps))
    gap = decoy.low - (m2 / m1) ** 2 * signal.high - (1 - (m2 / m1) ** 2) * most / tau0
    return vacuum, max(0.0, tau1 * m1 / (m2 * (m1 - m2)) * gap)


def most_vacuum_detections(wrong: float, log_inverse_eps: float) -> float:
    """How many fair coins may have shown as few as ``wrong`` errors, but for a probability of ε (Hoeffding).

    s/2 − √(s/2·ln(1/ε)) ≤ wrong, solved for s.
    """
    half = log_inverse_eps / 2
    return (sqrt(half) + sqrt(half + 2 * wrong)) ** 2


def single_photon_errors(
    intensities: Sequence[float], probabilities: Sequence[float], expected: Sequence[Interval]
) -> float:
    """Upper bound on the errors of single-photon pulses, from the weaker two intensities: eq. (4) of Lim et al.

    With two intensities the same equation holds for both (Rusca et al.). Two one-sided bounds.
    """
    *_, upper, lower = _scaled(intensities, probabilities, expected)
    gap = intensities[-2] - intensities[-1]
    return max(0.0, photon_probability(intensities, probabilities, 1) * (upper.high - lower.low) / gap)


def _scaled(
    intensities: Sequence[float], probabilities: Sequence[float], expected: Sequence[Interval]
) -> list[Interval]:
    return [e.scaled(m, p) for e, m, p in zip(expected, intensities, probabilities, strict=True)]
