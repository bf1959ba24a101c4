"""Keys through an untrusted relay from weak coherent pulses: how many came from a photon of each, and how secret.

    ℓ = n₁₁·(1 − h(φ)) − leak − log₂(2/(ε_sec²·ε_cor))

Both ends send phase-randomized pulses: in Z, where the key is made, of one intensity; in X of three. Whoever holds
the relay sees numbers of photons i and j, and no more of the intensities: of the S_ij rounds announced in X with
these numbers intensities a and b were sent in the share p(a|i)·p(b|j), each on its own (see
`quantumlink.security.photon_numbers`). So e^(μ_a + ν_b)/(p_a·p_b) times the expected count is Σ μ_aⁱ·ν_bʲ·s_ij with
s_ij = S_ij/(i!·j!·τ_i·τ_j). Two differences leave out the pulses without a photon,

    D(a, b) = G(a, b) + G(vacuum, vacuum) − G(a, vacuum) − G(vacuum, b) = Σ_{i,j≥1} (μ_aⁱ − ω_Aⁱ)(ν_bʲ − ω_Bʲ)·s_ij,

and D(weak, weak) − κ·D(strong, strong) holds nothing but s₁₁ with a positive sign, if κ is the largest ratio of the
two coefficients apart from that of i = j = 1: it is that of (1, 2) or of (2, 1), as each factor of the ratio falls
with the number of photons.

A photon of each end is a pair that the relay has measured, whose halves the ends measure in Z or X; whoever holds
the relay cannot know in which. Therefore such rounds fall to Z and to X by chance, in known shares: those of X tell
how many there are in Z. Phase errors of those in the key follow from the errors seen in X, by the exact
distribution of a sample, as in `quantumlink.security.decoy`.

All fourteen bounds together fail with (ε_sec/4)²: seven of counts in X, four of errors, one of the shares of Z and
X, one of the sample taken of the key, and one of the phase errors.

References:
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012).
    M. Curty, F. Xu, W. Cui, C. C. W. Lim, K. Tamaki, H.-K. Lo, Nat. Commun. 5, 3732 (2014): finite keys.
    F. Xu, H. Xu, H.-K. Lo, Phys. Rev. A 89, 052333 (2014): the differences.
    Y.-H. Zhou, Z.-W. Yu, X.-B. Wang, Phys. Rev. A 93, 042324 (2016): one intensity in Z, three in X.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1: variable length.
    W. Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963): theorem 4, a sample without replacement deviates no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor
from typing import ClassVar

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.decoy import Triple, check_intensities, phase_error_rate
from quantumlink.security.deviations import least_elsewhere, left_by_sample
from quantumlink.security.photon_numbers import Interval, photon_probability
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price

Counts = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
"""Counts by Alice's intensity in X (strong, weak, vacuum), and for each by Bob's."""

Pair = tuple[float, float]

_EVENTS = 14
"""What may fail: see above."""

_STRONG, _WEAK, _VACUUM = range(3)


@dataclass(frozen=True, kw_only=True)
class RelayDecoyBound:
    """The bound for decoy states through an untrusted relay, against coherent attacks, whatever the relay does.

    Args:
        signals: mean photon numbers of Alice's and Bob's pulses in Z, above 0.
        intensities: Alice's mean photon numbers in X (strong, weak, vacuum): strong > weak + vacuum, weak > vacuum.
        intensities_b: Bob's.
        probabilities: with which each end sends each of them, given X; above 0, summing to 1.
        z_probability: with which each end chooses Z, in (0, 1).
        key_count: announced rounds in which both chose Z, the sample among them.
        sampled: how many of these were compared in public.
        test_counts: announced rounds in which both chose X.
        test_errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or the intensities are in the wrong order.
    """

    signals: Pair
    """Mean photon numbers in Z, Alice's and Bob's."""
    intensities: Triple
    """Alice's in X, strong, weak, vacuum."""
    intensities_b: Triple
    """Bob's."""
    probabilities: Triple
    """With which each end sends them, given X."""
    z_probability: float
    """With which each end chooses Z."""
    key_count: int
    """Announced rounds in Z."""
    sampled: int
    """How many of these were compared in public."""
    test_counts: Counts
    """Announced rounds in X."""
    test_errors: Counts
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor", "z_probability")
        check_relay_light(self.signals, self.intensities, self.intensities_b, self.probabilities)
        for name in ("test_counts", "test_errors"):
            rows = getattr(self, name)
            if len(rows) != 3 or any(len(row) != 3 for row in rows):
                raise ValueError(f"{name} must hold three rows of three counts, got {rows!r}")
            for count in _flat(rows):
                validation.count(name, count)
        for errors, count in zip(_flat(self.test_errors), _flat(self.test_counts), strict=True):
            if errors > count:
                raise ValueError(f"test_errors must not exceed test_counts, got {errors} of {count}")
        if validation.count("sampled", self.sampled) > validation.count("key_count", self.key_count):
            raise ValueError(f"sampled must be at most key_count, {self.key_count}, got {self.sampled}")

    @property
    def _log_eps(self) -> float:
        return estimation_log_eps(self.eps_sec, events=_EVENTS)

    @property
    def estimate(self) -> RelayEstimate:
        """What the counts say about the rounds in which both pulses held one photon."""
        sent = self.intensities, self.intensities_b, self.probabilities
        tested = single_pairs(*sent, self._expected(self.test_counts))
        wrong = single_pair_errors(*sent, self._expected(self.test_errors))
        wrong = min(wrong, float(sum(_flat(self.test_errors))))
        kept = self._left_by_sample(min(float(self.key_count), self._in_z(tested)))
        return RelayEstimate(kept, tested, phase_error_rate(wrong, tested, kept, self._log_eps))

    def _expected(self, counts: Counts) -> list[list[Interval]]:
        total = sum(_flat(counts))
        return [[Interval.chernoff(count, total, -self._log_eps) for count in row] for row in counts]

    @property
    def z_share(self) -> float:
        """Of the rounds with a photon of each end and one basis, the share in Z."""
        in_z, in_x = self._chances
        return in_z / (in_z + in_x)

    @property
    def _chances(self) -> Pair:
        """That a round has a photon of each end and Z, or X."""
        in_z, in_x = self.z_probability**2, (1 - self.z_probability) ** 2
        for signal, means in zip(self.signals, (self.intensities, self.intensities_b), strict=True):
            in_z *= signal * exp(-signal)
            in_x *= photon_probability(means, self.probabilities, 1)
        return in_z, in_x

    def _in_z(self, tested: float) -> float:
        """With so many rounds of single photons in X there are at least that many in Z."""
        in_z, in_x = self._chances  # not one less the other: next to 1 nothing would be left of it
        return least_elsewhere(tested, in_x, in_z, -self._log_eps)

    def _left_by_sample(self, pairs: float) -> float:
        """Of so many rounds of single photons in Z at least that many are in the raw key."""
        return left_by_sample(pairs, self.key_count, self.sampled, -self._log_eps)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits, all that the sample left, ``leak`` of them disclosed."""
        left = self.key_count - self.sampled
        if validation.count("n", n) != left:
            raise ValueError(f"the raw key must be the {left} bits that the sample left, got n={n}")
        found = self.estimate
        single = floor(found.single_pairs)
        return BoundTerms(
            n=n,
            entropy_bits=single * (1 - binary_entropy(found.phase_error)),
            leak=leak,
            epsilon_bits=hashing_price(self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from a photon of each end, at least", f"{single}"),
                ("the same in the test basis", f"{floor(found.tested_pairs)}"),
                ("their phase-error bound", f"{found.phase_error:.6f}, hypergeometric"),
            ),
        )


@dataclass(frozen=True)
class RelayEstimate:
    """What the counts say about the rounds in which both pulses held one photon."""

    single_pairs: float
    """At least that many bits of the raw key came from one photon of each end."""
    tested_pairs: float
    """At least that many of the rounds in X did."""
    phase_error: float
    """At most that fraction of the former would have erred in X."""


def single_pairs(alice: Triple, bob: Triple, probabilities: Triple, expected: list[list[Interval]]) -> float:
    """A lower bound on the announced rounds in which both pulses held one photon.

    It rests on seven one-sided bounds: low ends of (weak, weak), (vacuum, vacuum), (strong, vacuum) and (vacuum,
    strong), high ends of (strong, strong), (weak, vacuum) and (vacuum, weak).

    Args:
        alice: mean photon numbers, strong, weak, vacuum.
        bob: likewise.
        probabilities: with which each end sends them.
        expected: by Alice's and Bob's intensity, between what the expectation of the count lies.
    """
    gains = _scaled(alice, bob, probabilities, expected)
    kappa = max(_ratio(alice, i) * _ratio(bob, j) for i, j in ((1, 2), (2, 1)))
    weak = gains[_WEAK][_WEAK].low - gains[_WEAK][_VACUUM].high - gains[_VACUUM][_WEAK].high
    strong = gains[_STRONG][_STRONG].high - gains[_STRONG][_VACUUM].low - gains[_VACUUM][_STRONG].low
    left = weak - kappa * strong + (1 - kappa) * gains[_VACUUM][_VACUUM].low
    gap = _gaps(alice, bob, _WEAK) - kappa * _gaps(alice, bob, _STRONG)
    return max(0.0, _pair_probability(alice, bob, probabilities) * left / gap)


def single_pair_errors(alice: Triple, bob: Triple, probabilities: Triple, expected: list[list[Interval]]) -> float:
    """An upper bound on their errors, from the two weaker intensities: four one-sided bounds.

    The arguments are those of `single_pairs`.
    """
    gains = _scaled(alice, bob, probabilities, expected)
    most = gains[_WEAK][_WEAK].high + gains[_VACUUM][_VACUUM].high
    most -= gains[_WEAK][_VACUUM].low + gains[_VACUUM][_WEAK].low
    return max(0.0, _pair_probability(alice, bob, probabilities) * most / _gaps(alice, bob, _WEAK))


def _scaled(
    alice: Triple, bob: Triple, probabilities: Triple, expected: list[list[Interval]]
) -> list[list[Interval]]:
    return [
        [cell.scaled(a + b, p * q) for cell, b, q in zip(row, bob, probabilities, strict=True)]
        for row, a, p in zip(expected, alice, probabilities, strict=True)
    ]


def _ratio(means: Triple, photons: int) -> float:
    """(weakⁱ − vacuumⁱ)/(strongⁱ − vacuumⁱ)."""
    strong, weak, vacuum = (mean**photons for mean in means)
    return (weak - vacuum) / (strong - vacuum)


def _gaps(alice: Triple, bob: Triple, which: int) -> float:
    return (alice[which] - alice[_VACUUM]) * (bob[which] - bob[_VACUUM])


def _pair_probability(alice: Triple, bob: Triple, probabilities: Triple) -> float:
    return photon_probability(alice, probabilities, 1) * photon_probability(bob, probabilities, 1)


def _flat(counts: Counts) -> list[int]:
    return [count for row in counts for count in row]


def check_relay_light(signals: Pair, intensities: Triple, intensities_b: Triple, probabilities: Triple) -> None:
    """Check what both ends send: an intensity in Z, three in X, and how often each of these.

    Raises:
        ValueError: if they are out of range or in the wrong order.
    """
    if len(signals) != 2:
        raise ValueError(f"signals must be two numbers, Alice's and Bob's, got {signals!r}")
    for mean in signals:
        validation.positive("signals", mean)
    check_intensities(intensities, probabilities)
    check_intensities(intensities_b, probabilities, called="intensities_b")
