"""Sending-or-not-sending twin fields: how many bits came from one photon of one end, and how secret they are.

    ℓ = n₁·(1 − h(φ)) − leak − log₂(2/(ε_sec²·ε_cor))

In Z each end sends a pulse with a small probability q, or nothing. Alice's bit is 1 if she sends, Bob's if he does
not. Where one end sends and its pulse holds one photon, the bits agree, and the relay gets a photon that came from
Alice (1, 1) or from Bob (0, 0), equally likely: one half of (|10⟩⟨10| + |01⟩⟨01|), which is as well one half of
(|ψ₊⟩⟨ψ₊| + |ψ₋⟩⟨ψ₋|), ψ± = (|10⟩ ± |01⟩)/√2. Had the ends kept the pair of bits in superposition, they could have
asked for the sign instead; who can tell it from what the relay announced leaves nobody with the bit. All other
rounds of Z are taken as known to everybody, with the bits of both ends. As the bits of the good ones agree, where
reconciliation finds errors is known as well: what Bob replies discloses no more than what Alice said.

**How many there are.** In X each end sends strong or weak pulses or nothing. Where one end sends and the other does
not, whoever holds the relay sees n photons of that end and no more of the intensity. So the counts of strong, weak
and vacuum (in which neither sends) bound the rounds with one photon, as in `quantumlink.security.photon_numbers`.
These fall to Z and to X by chance, in known shares.

**How many signs are wrong.** Where both send weak pulses whose phases differ by δ or by π + δ, |δ| at most a
window, the phase of both together stays unknown, so that there is a total number of photons; if it is one, the
state is (|10⟩ ± e^{iδ}|01⟩)/√2: of the same mean over both signs as in Z. As the window is symmetric, the sign is
read with noise, by (1 ± cos δ·X)/2. To read Z's so, too, costs no entropy: the uncertainty relation has the overlap
⟨z|(1 ± c·X)/2|z⟩ = 1/2 for any c. Hence the noisy errors in X tell those of Z by the exact distribution of a
sample. Errors of rounds without any photon are fair coins; how many there are at least follows from the vacuum
count, and they are left out.

Phases are one of 64. That makes the numbers of photons known up to multiples of 64: at a distance of at most
2·√Pr[a Poisson number ≥ 64] a round, which ε_sec is made to bear.

Nine bounds together fail with (ε_sec/4)²: four of counts, two of shares, one of errors without a photon, one of the
sample taken of the key, one of the phase errors.

Assumed is that:

- both ends send exactly the same mean numbers of photons with the same probabilities, and choose by themselves;
- where an end sends nothing no light leaves it, and a pulse tells nothing of its setting but by its photons;
- phases of different pulses are drawn apart, also in Z, where they are never told;
- the relay has announced all rounds before either end says a word of them. What it may do meanwhile is not limited:
  n photons are the same state in every setting that allows them (in X with the sign unknown), so what it announces
  cannot depend on the setting. The number of photons of a tested pair and its phase, which is told later, cannot
  both be measured; but the number enters only in how improbable it is that counts and phase errors fit together,
  and neither depends on the phase of both pulses.

The theorems are those of the references. That the noisy sign may be taken in the place of the sign, and how the
nine bounds fit together, is a derivation of ours, not one that was published: finite keys of the same protocol by
others (Jiang et al.) go another way and end with other terms.

References:
    X.-B. Wang, Z.-W. Yu, X.-L. Hu, Phys. Rev. A 98, 062323 (2018): the protocol.
    C. Jiang, Z.-W. Yu, X.-L. Hu, X.-B. Wang, Phys. Rev. Applied 12, 024061 (2019): finite keys.
    M. Tomamichel, R. Renner, Phys. Rev. Lett. 106, 110506 (2011): uncertainty with any two measurements.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1: variable length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, lgamma, log
from typing import ClassVar

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.decoy import Counts, Triple, check_intensities, phase_error_rate
from quantumlink.security.deviations import least_elsewhere, left_by_sample
from quantumlink.security.photon_numbers import Interval, photon_probability, three_intensity_counts
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price

PHASES = 64
"""Phases of a pulse, equally likely, evenly over the circle."""

_EVENTS = 9
"""What may fail: see above."""


@dataclass(frozen=True, kw_only=True)
class TwinFieldBound:
    """The bound for sending-or-not-sending twin fields, against coherent attacks, whatever the relay does.

    Args:
        rounds: pairs of time windows, in which each end sent or not.
        signal: mean photon number of a pulse in Z, above 0.
        sending: with which each end sends one, in (0, 1).
        z_probability: with which each end chooses Z, in (0, 1).
        intensities: mean photon numbers in X (strong, weak, 0): strong > weak > 0; vacuum is nothing sent.
        probabilities: with which each end sends each of them, given X; above 0, summing to 1.
        window: by how many of 64 phases those of two weak pulses may differ, each way.
        key_count: announced rounds in which both chose Z, the sample among them.
        sampled: how many of these were compared in public.
        single_counts: announced rounds of X in which one end sent strong or weak and the other nothing, and of
            those in which neither sent.
        tested: announced rounds of X with two weak pulses of phases within the window.
        errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or the intensities are in the wrong order.
    """

    rounds: int
    """Pairs of time windows."""
    signal: float
    """Mean photon number of a pulse in Z."""
    sending: float
    """With which each end sends one."""
    z_probability: float
    """With which each end chooses Z."""
    intensities: Triple
    """Mean photon numbers in X."""
    probabilities: Triple
    """With which each end sends them, given X."""
    window: int
    """By how many of 64 phases those of two weak pulses may differ, each way."""
    key_count: int
    """Announced rounds in Z."""
    sampled: int
    """How many of these were compared in public."""
    single_counts: Counts
    """Announced rounds of X with a strong pulse alone, with a weak one alone, with none."""
    tested: int
    """Announced rounds of X with two weak pulses of phases within the window."""
    errors: int
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor", "z_probability", "sending")
        validation.positive("signal", self.signal)
        check_twin_intensities(self.intensities, self.probabilities)
        checked_window("window", self.window)
        for name in ("rounds", "tested", "errors", "key_count", "sampled"):
            validation.count(name, getattr(self, name))
        if len(self.single_counts) != 3:
            raise ValueError(f"single_counts must hold three counts, got {self.single_counts!r}")
        for count in self.single_counts:
            validation.count("single_counts", count)
        for name, of in (("errors", "tested"), ("sampled", "key_count")):
            if getattr(self, name) > getattr(self, of):
                raise ValueError(f"{name} must be at most {of}, {getattr(self, of)}, got {getattr(self, name)}")

    @property
    def phase_distance(self) -> float:
        """How far the pulses are from such of any phase, all rounds together."""
        most = 2 * max(self.signal, self.intensities[0])
        return 2 * self.rounds * exp(poisson_tail_log(most, PHASES) / 2)

    @property
    def _eps_left(self) -> float:
        return self.eps_sec - self.phase_distance

    @property
    def _log_eps(self) -> float:
        return estimation_log_eps(self._eps_left, events=_EVENTS)

    @property
    def chances(self) -> TwinChances:
        """With what probabilities a round is of which kind."""
        in_x, (_, weak, _), shares = (1 - self.z_probability) ** 2, self.intensities, self.probabilities
        q, near = self.sending, 2 * (2 * self.window + 1) / PHASES
        both_weak = in_x * shares[1] ** 2 * near
        return TwinChances(
            key=self.z_probability**2 * 2 * q * (1 - q) * self.signal * exp(-self.signal),
            alone=in_x * shares[2] * photon_probability(self.intensities, self._alone, 1),
            together=both_weak * 2 * weak * exp(-2 * weak),
            vacuum=in_x * shares[2] ** 2,
            vacuum_wrong=both_weak * exp(-2 * weak) / 2,
        )

    @property
    def _alone(self) -> Triple:
        """How often a strong pulse, a weak one or none is sent, if the other end sends nothing; up to a factor."""
        strong, weak, vacuum = self.probabilities
        return 2 * strong, 2 * weak, vacuum

    @property
    def estimate(self) -> TwinEstimate:
        """What the counts say about the rounds with one photon of one end."""
        if self._eps_left <= 0:
            return TwinEstimate(0.0, 0.0, 0.5)
        price, chances = -self._log_eps, self.chances
        total = sum(self.single_counts)
        expected = [Interval.chernoff(count, total, price) for count in self.single_counts]
        _, alone = three_intensity_counts(self.intensities, self._alone, expected)
        in_z = least_elsewhere(alone, chances.alone, chances.key, price)
        tested = least_elsewhere(alone, chances.alone, chances.together, price)
        empty = least_elsewhere(self.single_counts[2], chances.vacuum, chances.vacuum_wrong, price)
        wrong = max(0.0, self.errors - empty)
        kept = left_by_sample(min(float(self.key_count), in_z), self.key_count, self.sampled, price)
        tested = min(tested, float(self.tested))
        return TwinEstimate(kept, tested, phase_error_rate(wrong, tested, kept, self._log_eps))

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits, all that the sample left, ``leak`` of them disclosed."""
        left = self.key_count - self.sampled
        if validation.count("n", n) != left:
            raise ValueError(f"the raw key must be the {left} bits that the sample left, got n={n}")
        found, usable = self.estimate, self._eps_left > 0
        single = floor(found.single_photon)
        return BoundTerms(
            n=n,
            entropy_bits=single * (1 - binary_entropy(found.phase_error)),
            leak=leak,
            epsilon_bits=hashing_price(self._eps_left if usable else self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from one photon of one end, at least", f"{single}"),
                ("the same among the tested pairs of weak pulses", f"{floor(found.tested)}"),
                ("their phase-error bound", f"{found.phase_error:.6f}, hypergeometric"),
                ("failures of nine estimates together", f"(ε_sec/4)² = {(self.eps_sec / 4) ** 2:.3g}"),
                ("64 phases instead of any", f"{self.phase_distance:.3g}, borne by ε_sec"),
            ),
        )


@dataclass(frozen=True)
class TwinChances:
    """The probabilities that a round is of one kind or another, before the relay has a say."""

    key: float
    """Z, one end sends, and one photon."""
    alone: float
    """X, one end sends and the other chose vacuum, and one photon."""
    together: float
    """X, two weak pulses of phases within the window, and one photon of both."""
    vacuum: float
    """X, and nothing sent."""
    vacuum_wrong: float
    """X, two weak pulses within the window without a photon, and whatever is announced is wrong."""


@dataclass(frozen=True)
class TwinEstimate:
    """What the counts say about the rounds with one photon of one end."""

    single_photon: float
    """At least that many bits of the raw key came from them."""
    tested: float
    """At least that many of the pairs of weak pulses held one photon."""
    phase_error: float
    """At most that fraction of the former would have had the wrong sign."""


def poisson_tail_log(mean: float, least: int) -> float:
    """The logarithm of a bound on the probability that a Poisson number is at least so large: mean^k/k!.

    >>> round(poisson_tail_log(1.0, 64))
    -205
    """
    return least * log(mean) - lgamma(least + 1)


def check_twin_intensities(intensities: Triple, probabilities: Triple, *, named: str = "probabilities") -> None:
    """Check the intensities in X and how often each is sent.

    Raises:
        ValueError: if they are out of range or in the wrong order, or vacuum is something sent.
    """
    check_intensities(intensities, probabilities, named=named)
    if intensities[2] != 0:
        raise ValueError(f"intensities must end with 0, for nothing sent, got {intensities!r}")


def checked_window(name: str, value: int) -> int:
    """By how many of 64 phases two may differ that count as equal.

    Raises:
        ValueError: if it is no whole number from 0 to 8.
    """
    if (found := validation.count(name, value)) > PHASES // 8:
        raise ValueError(f"{name} must be at most {PHASES // 8} of {PHASES} phases, got {value!r}")
    return found
