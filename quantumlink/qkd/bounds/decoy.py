"""Decoy-state BB84 with three intensities: what came from single photons, and how much of it is secret.

    ℓ = s₀ + s₁·(1 − h(φ)) − leak − 6·log₂(21/ε_sec) − log₂(2/ε_cor)

s₀ and s₁ bound from below how many of the n key bits came from vacuum and single-photon pulses, φ bounds from above
the phase error rate of the latter. Pulses are phase-randomized, so an attacker sees photon numbers, Poisson
distributed with one of the three mean numbers, and can treat a pulse by its photon number only; the counts of three
intensities are three linear equations for what she did.

The counts of each intensity deviate by at most √(n/2·ln(21/ε_sec)) (Hoeffding). The key basis is called X in the
paper; here it is the key basis.

References:
    C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014); its 21 counts the failure
        probabilities of this protocol, with two decoys.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, factorial, log, log2, sqrt

from quantumlink import validation
from quantumlink.qkd.arguments import as_count, as_tolerance
from quantumlink.qkd.asymptotic import binary_entropy
from quantumlink.qkd.bounds.terms import BoundTerms

Triple = tuple[float, float, float]
Counts = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class DecoyBound:
    """The bound of Lim et al. for decoy-state BB84 with three intensities, against coherent attacks.

    Args:
        intensities: mean photon numbers (signal, decoy, vacuum): signal > decoy + vacuum, decoy > vacuum ≥ 0.
        probabilities: with which each intensity is sent, above 0, summing to 1.
        key_counts: detections in the key basis by intensity, before any bits were disclosed.
        test_counts: detections in the test basis by intensity.
        test_errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or the intensities are in the wrong order.
    """

    intensities: Triple
    """Mean photon numbers, signal, decoy, vacuum."""
    probabilities: Triple
    """With which they are sent."""
    key_counts: Counts
    """Detections in the key basis."""
    test_counts: Counts
    """Detections in the test basis."""
    test_errors: Counts
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    def __post_init__(self) -> None:
        as_tolerance("eps_sec", self.eps_sec)
        as_tolerance("eps_cor", self.eps_cor)
        check_intensities(self.intensities, self.probabilities)
        for name in ("key_counts", "test_counts", "test_errors"):
            if len(getattr(self, name)) != 3:
                raise ValueError(f"{name} must hold three counts, one an intensity; got {getattr(self, name)!r}")
            for count in getattr(self, name):
                as_count(name, count)
        for errors, count in zip(self.test_errors, self.test_counts, strict=True):
            if errors > count:
                raise ValueError(f"test_errors must not exceed test_counts, got {errors} of {count}")

    @property
    def estimate(self) -> DecoyEstimate:
        """What the counts say about vacuum and single-photon pulses."""
        log_inverse = log(21 / self.eps_sec)
        key = _photon_counts(self.intensities, self.probabilities, self.key_counts, log_inverse)
        test = _photon_counts(self.intensities, self.probabilities, self.test_counts, log_inverse)
        wrong = _single_photon_errors(self.intensities, self.probabilities, self.test_errors, log_inverse)
        s1, tested = key[1], test[1]
        if s1 <= 0 or tested <= 0:
            return DecoyEstimate(key[0], max(0.0, s1), 0.5)
        seen = min(0.5, wrong / tested)
        phase = seen + _phase_margin(self.eps_sec, seen, tested, s1)
        return DecoyEstimate(key[0], s1, min(0.5, phase))

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed.

        Of the bits of the key basis that are no longer in the raw key all may have been the good ones.
        """
        n = as_count("n", n)
        total = sum(self.key_counts)
        if n > total:
            raise ValueError(
                f"the raw key cannot be longer than the {total} detections in the key basis, got n={n}"
            )
        found = self.estimate
        lost = float(total - n)
        single = max(0.0, found.single_photon - lost)
        vacuum = max(0.0, found.vacuum - max(0.0, lost - found.single_photon))
        entropy = vacuum + single * (1 - binary_entropy(found.phase_error))
        return BoundTerms(
            n=n,
            entropy_bits=min(entropy, float(n)),
            leak=leak,
            epsilon_bits=6 * log2(21 / self.eps_sec) + log2(2 / self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from vacuum, at least", f"{vacuum:.0f}"),
                ("bits from single photons, at least", f"{single:.0f}"),
                ("their phase-error bound", f"{found.phase_error:.6f}"),
            ),
        )


@dataclass(frozen=True)
class DecoyEstimate:
    """What the counts of three intensities say about the bits of the key basis."""

    vacuum: float
    """At least that many came from pulses without a photon."""
    single_photon: float
    """At least that many came from pulses of one photon."""
    phase_error: float
    """At most that fraction of the latter would have erred in the test basis."""


def check_intensities(intensities: Triple, probabilities: Triple) -> None:
    """Check three intensities and how often each is sent.

    Raises:
        ValueError: if they are out of range or in the wrong order.
    """
    for name, values in (("intensities", intensities), ("probabilities", probabilities)):
        if len(values) != 3:
            raise ValueError(f"{name} must be three numbers (signal, decoy, vacuum), got {values!r}")
    signal, decoy, vacuum = (validation.number("intensities", x, at_least=0.0) for x in intensities)
    if not (signal > decoy + vacuum and decoy > vacuum):
        raise ValueError(
            f"intensities must be (signal, decoy, vacuum) with signal > decoy + vacuum and decoy > vacuum, "
            f"got {intensities!r}"
        )
    shares = [validation.probability("probabilities", p) for p in probabilities]
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"probabilities must be above 0 and sum to 1, got {probabilities!r}")


def photon_probability(intensities: Triple, probabilities: Triple, photons: int) -> float:
    """τ_n: the probability that a pulse holds ``photons`` photons, whatever its intensity."""
    weights = zip(intensities, probabilities, strict=True)
    return sum(p * exp(-mean) * mean**photons for mean, p in weights) / factorial(photons)


def _scaled(mean: float, share: float, count: float) -> float:
    return exp(mean) / share * count


def _photon_counts(
    intensities: Triple, probabilities: Triple, counts: Counts, log_inverse_eps: float
) -> tuple[float, float]:
    """Lower bounds on the detections of vacuum and of single-photon pulses: eqs. (2) and (3) of the paper."""
    m1, m2, m3 = intensities
    spread = sqrt(sum(counts) / 2 * log_inverse_eps)
    low = [_scaled(m, p, max(0.0, c - spread)) for m, p, c in zip(intensities, probabilities, counts, strict=True)]
    high = [_scaled(m, p, c + spread) for m, p, c in zip(intensities, probabilities, counts, strict=True)]
    tau0, tau1 = (photon_probability(intensities, probabilities, n) for n in (0, 1))
    vacuum = max(0.0, tau0 * (m2 * low[2] - m3 * high[1]) / (m2 - m3))
    rest = high[0] - vacuum / tau0
    single = tau1 * m1 * (low[1] - high[2] - (m2**2 - m3**2) / m1**2 * rest) / (m1 * (m2 - m3) - m2**2 + m3**2)
    return vacuum, max(0.0, single)


def _single_photon_errors(
    intensities: Triple, probabilities: Triple, errors: Counts, log_inverse_eps: float
) -> float:
    """Upper bound on the errors of single-photon pulses: eq. (4) of the paper."""
    _, m2, m3 = intensities
    spread = sqrt(sum(errors) / 2 * log_inverse_eps)
    high = _scaled(m2, probabilities[1], errors[1] + spread)
    low = _scaled(m3, probabilities[2], max(0.0, errors[2] - spread))
    return max(0.0, photon_probability(intensities, probabilities, 1) * (high - low) / (m2 - m3))


def _phase_margin(eps: float, rate: float, tested: float, kept: float) -> float:
    """γ of the paper: by how much the phase error rate of the kept bits exceeds the tested bits' error rate.

    The formula gives 0 at rate 0. No error seen is bounded as one error seen: an upper bound grows with the number.
    """
    rate = min(max(rate, 1 / tested), 0.5)
    size = (tested + kept) / (tested * kept * (1 - rate) * rate)
    spread = (tested + kept) * (1 - rate) * rate / (tested * kept * log(2))
    return sqrt(max(0.0, spread * log2(size * 21**2 / eps**2)))
