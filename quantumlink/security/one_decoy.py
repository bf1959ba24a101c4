"""Decoy-state BB84 with two intensities, signal and decoy: no vacuum pulses are sent.

    ℓ = s₀ + s₁·(1 − h(φ)) − leak − price of ε

as in `quantumlink.security.decoy`, where the proof of the default stands too. Two equations say less than three:
how many bits came from vacuum must be bounded from above as well, in two ways of which the better one counts. A
vacuum pulse tells nothing of Alice's bit, so half of its detections are errors: few errors, few of them. And each
intensity's count holds its share of vacuum's. The first needs how many bits of the raw key differed, by intensity.
That is known once they were reconciled, and told: log₂(n + 1) bits for each intensity are charged.

- ``tail="hypergeometric"``, the default: at most fourteen bounds together fail with (ε_sec/4)²;
- ``tail="rusca"``, as published: Hoeffding to ε_sec/19, and the price 6·log₂(19/ε_sec) + log₂(2/ε_cor). *For
  comparison only*: its Taylor form promises too much near zero errors, and it does not charge what is told.

References:
    D. Rusca, A. Boaron, F. Grünenfelder, A. Martin, H. Zbinden, Appl. Phys. Lett. 112, 171104 (2018); its 19 counts
        the failure probabilities of this protocol.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log2
from typing import ClassVar, Literal, get_args

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.decoy import DecoyEstimate, phase_error_rate, published_phase_margin
from quantumlink.security.photon_numbers import Interval, single_photon_errors, two_intensity_counts
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price

Pair = tuple[float, float]
PairCounts = tuple[int, int]
OneDecoyTail = Literal["hypergeometric", "rusca"]
"""How a sample bounds the rest: by the exact distribution, or as Rusca et al. published it."""

_EVENTS = 14
"""What may fail: in each basis three bounds of counts, two of errors, one of vacuum's errors; one more of errors in
the test basis; and the sample."""
_PUBLISHED_PARTS = 19


@dataclass(frozen=True, kw_only=True)
class OneDecoyBound:
    """The bound for decoy-state BB84 with two intensities, against coherent attacks.

    Args:
        intensities: mean photon numbers (signal, decoy): signal > decoy > 0.
        probabilities: with which each is sent, above 0, summing to 1.
        key_counts: detections in the key basis by intensity, all of them in the raw key.
        key_errors: how many of them differed, if that was told; None if it was not.
        test_counts: detections in the test basis by intensity.
        test_errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        tail: ``"hypergeometric"``, or ``"rusca"`` for the published form, to compare with.

    Raises:
        ValueError: if an argument is out of range or the intensities are in the wrong order.
    """

    intensities: Pair
    """Mean photon numbers, signal and decoy."""
    probabilities: Pair
    """With which they are sent."""
    key_counts: PairCounts
    """Detections in the key basis."""
    key_errors: PairCounts | None = None
    """How many of these differed."""
    test_counts: PairCounts
    """Detections in the test basis."""
    test_errors: PairCounts
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""
    tail: OneDecoyTail = "hypergeometric"
    """How the sample bounds the rest."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        validation.choice("tail", self.tail, get_args(OneDecoyTail))
        _check_pair(self.intensities, self.probabilities)
        _check_counts("key", self.key_counts, self.key_errors)
        _check_counts("test", self.test_counts, self.test_errors)

    @property
    def estimate(self) -> DecoyEstimate:
        """What the counts say about vacuum and single-photon pulses."""
        published = self.tail == "rusca"
        log_eps = (
            log(self.eps_sec) - log(_PUBLISHED_PARTS)
            if published
            else estimation_log_eps(self.eps_sec, events=_EVENTS)
        )
        interval = Interval.hoeffding if published else Interval.chernoff

        def expected(counts: PairCounts | None) -> list[Interval] | None:
            return None if counts is None else [interval(count, sum(counts), -log_eps) for count in counts]

        def numbers(counts: PairCounts, errors: PairCounts | None) -> tuple[float, float]:
            total = sum(counts)
            return two_intensity_counts(*sent, expected(counts) or [], expected(errors), total, -log_eps)

        sent = self.intensities, self.probabilities
        vacuum, s1 = numbers(self.key_counts, self.key_errors)
        _, tested = numbers(self.test_counts, self.test_errors)
        wrong = single_photon_errors(*sent, expected(self.test_errors) or [])
        if s1 <= 0 or tested <= 0:
            return DecoyEstimate(vacuum, s1, 0.5)
        if not published:
            wrong = min(wrong, float(sum(self.test_errors)))  # the equation alone may say more than all of them
            return DecoyEstimate(vacuum, s1, phase_error_rate(wrong, tested, s1, log_eps))
        seen = min(0.5, wrong / tested)
        margin = published_phase_margin(self.eps_sec, seen, tested, s1, parts=_PUBLISHED_PARTS)
        return DecoyEstimate(vacuum, s1, min(0.5, seen + margin))

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits, all detections in the key basis, ``leak`` disclosed."""
        n, leak = validation.count("n", n), validation.number("leak", leak, at_least=0)
        if n != (total := sum(self.key_counts)):
            raise ValueError(f"the raw key must be the {total} detections that key_counts counts, got n={n}")
        found = self.estimate
        entropy = found.vacuum + found.single_photon * (1 - binary_entropy(found.phase_error))
        if self.tail == "rusca":
            price = 6 * (log2(_PUBLISHED_PARTS) - log2(self.eps_sec)) + 1 - log2(self.eps_cor)
        else:
            told = self.key_counts if self.key_errors is not None else ()
            price = hashing_price(self.eps_sec, self.eps_cor) + sum(log2(count + 1) for count in told)
        return BoundTerms(
            n=n,
            entropy_bits=min(entropy, float(n)),
            leak=leak,
            epsilon_bits=price,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from vacuum, at least", f"{found.vacuum:.0f}"),
                ("bits from single photons, at least", f"{found.single_photon:.0f}"),
                ("their phase-error bound", f"{found.phase_error:.6f}, {self.tail}"),
            ),
        )


def _check_pair(intensities: Pair, probabilities: Pair) -> None:
    for name, values in (("intensities", intensities), ("probabilities", probabilities)):
        if len(values) != 2:
            raise ValueError(f"{name} must be two numbers (signal, decoy), got {values!r}")
    signal, decoy = (validation.number("intensities", x, at_least=0.0) for x in intensities)
    if not signal > decoy > 0:
        raise ValueError(f"intensities must be (signal, decoy) with signal > decoy > 0, got {intensities!r}")
    shares = [validation.probability("probabilities", p) for p in probabilities]
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"probabilities must be above 0 and sum to 1, got {probabilities!r}")


def _check_counts(basis: str, counts: PairCounts, errors: PairCounts | None) -> None:
    for name, values in ((f"{basis}_counts", counts), (f"{basis}_errors", errors)):
        if values is None:
            continue
        if len(values) != 2:
            raise ValueError(f"{name} must hold two counts, one an intensity; got {values!r}")
        for value in values:
            validation.count(name, value)
    for wrong, count in zip(errors or (0, 0), counts, strict=True):
        if wrong > count:
            raise ValueError(f"{basis}_errors must not exceed {basis}_counts, got {wrong} of {count}")
