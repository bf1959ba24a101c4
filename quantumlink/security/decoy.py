"""Decoy-state BB84 with three intensities: what came from single photons, and how much of it is secret.

    ℓ = s₀ + s₁·(1 − h(φ)) − leak − price of ε

s₀ and s₁ bound from below how many of the n key bits came from vacuum and single-photon pulses, φ bounds from above
the phase error rate of the latter (see `quantumlink.security.photon_numbers`). Two ways to get there:

- ``tail="hypergeometric"``, the default. All bounds together fail with a probability of at most (ε_sec/4)²: twelve
  of counts, by relative entropy, and the one of the sample, by its exact distribution. The square is there because
  smoothing charges the root of what the estimate may fail with (theorem 1 of Tupkary et al., ε_AT² there, which
  holds for decoys and lengths that vary); the price is log₂(2/(ε_sec²·ε_cor)). Of the single photons' bits exactly
  ⌊s₁⌋, chosen at random and known to nobody else, are argued about, and ⌊s₁⌋ of the tested ones: so the sizes are
  whole numbers and the sample is without replacement. A pulse without a photon has no phase error (Koashi).
  How much hangs on the square: of (.5, .1, 0) sent with (.7, .2, .1), detections (10⁶, 57,000, 0) of the key and
  (250,000, 14,250, 0) of the test, no errors and ε_sec = 1e-10, Hoeffding's counts to ε_sec/21 and an exact sample
  to ε_sec/21 give φ = 3.71e-4, a sample to (ε_sec/21)² 7.44e-4. This proof needs the square in all thirteen bounds,
  the counts too: 1.29e-3 by Hoeffding, and the 4.11e-4 that are claimed by relative entropy.
- ``tail="lim"``, as published by Lim et al.: Hoeffding to ε_sec/21, a Taylor form for the sample and a price of
  6·log₂(21/ε_sec) + log₂(2/ε_cor). *For comparison only*: near zero errors the form promises more than is so.

The key basis is called X in the paper of Lim et al.; here it is the key basis.

References:
    C. C. W. Lim, M. Curty, N. Walenta, F. Xu, H. Zbinden, Phys. Rev. A 89, 022307 (2014); its 21 counts the failure
        probabilities of this protocol, with two decoys.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024).
    M. Koashi, New J. Phys. 11, 045018 (2009); H.-K. Lo, Quantum Inf. Comput. 5, 413 (2005): vacuum pulses.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log, log2, sqrt
from typing import ClassVar, Literal, get_args

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.photon_numbers import Interval, single_photon_errors, three_intensity_counts
from quantumlink.security.sampling import most_remaining_errors
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price

Triple = tuple[float, float, float]
Counts = tuple[int, int, int]
DecoyTail = Literal["hypergeometric", "lim"]
"""How a sample bounds the rest: by the exact distribution, or as Lim et al. published it."""

_EVENTS = 13
"""What may fail: five bounds of counts in each basis, two of errors, and the sample."""


@dataclass(frozen=True, kw_only=True)
class DecoyBound:
    """The bound for decoy-state BB84 with three intensities, against coherent attacks.

    Args:
        intensities: mean photon numbers (signal, decoy, vacuum): signal > decoy + vacuum, decoy > vacuum ≥ 0.
        probabilities: with which each intensity is sent, above 0, summing to 1.
        key_counts: detections in the key basis by intensity, before any bits were disclosed.
        test_counts: detections in the test basis by intensity.
        test_errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        tail: ``"hypergeometric"``, or ``"lim"`` for the published form, to compare with.

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
    tail: DecoyTail = "hypergeometric"
    """How the sample bounds the rest."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        validation.choice("tail", self.tail, get_args(DecoyTail))
        check_intensities(self.intensities, self.probabilities)
        for name in ("key_counts", "test_counts", "test_errors"):
            if len(getattr(self, name)) != 3:
                raise ValueError(f"{name} must hold three counts, one an intensity; got {getattr(self, name)!r}")
            for count in getattr(self, name):
                validation.count(name, count)
        for errors, count in zip(self.test_errors, self.test_counts, strict=True):
            if errors > count:
                raise ValueError(f"test_errors must not exceed test_counts, got {errors} of {count}")

    @property
    def estimate(self) -> DecoyEstimate:
        """What the counts say about vacuum and single-photon pulses."""
        published = self.tail == "lim"
        log_eps = log(self.eps_sec) - log(21) if published else estimation_log_eps(self.eps_sec, events=_EVENTS)
        interval = Interval.hoeffding if published else Interval.chernoff

        def expected(counts: Counts) -> list[Interval]:
            return [interval(count, sum(counts), -log_eps) for count in counts]

        sent = self.intensities, self.probabilities
        vacuum, s1 = three_intensity_counts(*sent, expected(self.key_counts))
        _, tested = three_intensity_counts(*sent, expected(self.test_counts))
        wrong = single_photon_errors(*sent, expected(self.test_errors))
        if s1 <= 0 or tested <= 0:
            return DecoyEstimate(vacuum, s1, 0.5)
        if not published:
            return DecoyEstimate(vacuum, s1, phase_error_rate(wrong, tested, s1, log_eps))
        seen = min(0.5, wrong / tested)
        phase = seen + published_phase_margin(self.eps_sec, seen, tested, s1)
        return DecoyEstimate(vacuum, s1, min(0.5, phase))

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed.

        Of the bits of the key basis that are no longer in the raw key all may have been the good ones: those of
        vacuum, then those of single photons without a phase error. Counts of the kept rounds alone give more.
        """
        n = validation.count("n", n)
        total = sum(self.key_counts)
        if n > total:
            raise ValueError(
                f"the raw key cannot be longer than the {total} detections in the key basis, got n={n}"
            )
        found = self.estimate
        lost = float(total - n)
        vacuum = max(0.0, found.vacuum - lost)
        single = max(0.0, found.single_photon - max(0.0, lost - found.vacuum))
        wrong = found.phase_error * found.single_photon
        phase = min(0.5, wrong / single) if single else 0.5
        entropy = vacuum + single * (1 - binary_entropy(phase))
        return BoundTerms(
            n=n,
            entropy_bits=min(entropy, float(n)),
            leak=leak,
            epsilon_bits=self._price,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from vacuum, at least", f"{vacuum:.0f}"),
                ("bits from single photons, at least", f"{single:.0f}"),
                ("their phase-error bound", f"{phase:.6f}, {self.tail}"),
            ),
        )

    @property
    def _price(self) -> float:
        if self.tail == "lim":
            return 6 * (log2(21) - log2(self.eps_sec)) + 1 - log2(self.eps_cor)
        return hashing_price(self.eps_sec, self.eps_cor)


@dataclass(frozen=True)
class DecoyEstimate:
    """What the counts of three intensities say about the bits of the key basis."""

    vacuum: float
    """At least that many came from pulses without a photon."""
    single_photon: float
    """At least that many came from pulses of one photon."""
    phase_error: float
    """At most that fraction of the latter would have erred in the test basis."""


def check_intensities(
    intensities: Triple, probabilities: Triple, *, called: str = "intensities", named: str = "probabilities"
) -> None:
    """Check three intensities and how often each is sent, which a session and its other end have by other names.

    Raises:
        ValueError: if they are out of range or in the wrong order.
    """
    for name, values in ((called, intensities), (named, probabilities)):
        if len(values) != 3:
            raise ValueError(f"{name} must be three numbers (signal, decoy, vacuum), got {values!r}")
    signal, decoy, vacuum = (validation.number(called, x, at_least=0.0) for x in intensities)
    if not (signal > decoy + vacuum and decoy > vacuum):
        raise ValueError(
            f"{called} must be (signal, decoy, vacuum) with signal > decoy + vacuum and decoy > vacuum, "
            f"got {intensities!r}"
        )
    shares = [validation.probability(named, p) for p in probabilities]
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"{named} must be above 0 and sum to 1, got {probabilities!r}")


def phase_error_rate(errors: float, tested: float, kept: float, log_eps: float) -> float:
    """The phase error rate of ``kept`` single photons' bits, at most, by the exact distribution of the sample.

    Args:
        errors: errors of single photons in the test basis, at most.
        tested: their detections in the test basis, at least.
        kept: their bits of the raw key, at least.
        log_eps: logarithm of the probability with which the sample may mislead.

    Returns:
        A rate in [0, 1/2]; one half where nothing is known.
    """
    n, k, seen = floor(kept), floor(tested), ceil(errors)
    if n < 1 or k < 1 or 2 * seen >= k:
        return 0.5
    return min(0.5, most_remaining_errors(errors=seen, k=k, n=n, log_eps=log_eps) / n)


def published_phase_margin(eps: float, rate: float, tested: float, kept: float, *, parts: int = 21) -> float:
    """γ of the paper: by how much the phase error rate of the kept bits exceeds the tested bits' error rate.

    The formula gives 0 at rate 0. No error seen is bounded as one error seen: an upper bound grows with the number.
    """
    rate = min(max(rate, 1 / tested), 0.5)
    size = (tested + kept) / (tested * kept * (1 - rate) * rate)
    spread = (tested + kept) * (1 - rate) * rate / (tested * kept * log(2))
    return sqrt(max(0.0, spread * (log2(size) + 2 * (log2(parts) - log2(eps)))))
