"""BB84 with weak coherent pulses of one intensity: no decoys, so every pulse of several photons is given to Eve.

    ℓ = n₁·(1 − h(φ)) − leak − log₂(2/(ε_sec²·ε_cor))

Of N pulses at most M_Z hold several photons *and* met Z at both ends, by the binomial distribution whatever Eve did
with them: all of them may be in the raw key, and she knows them. The other n₁ = n − M_Z bits come from pulses of at
most one photon, whose state is the same in both bases. Likewise at least k₁ = k − M_X of the tested bits, and all
errors seen may be theirs; φ follows by the exact distribution of the sample. The three bounds fail together with at
most (ε_sec/4)².

Much is given away: where most pulses are lost, those of several photons may be all that Bob ever sees. Then nothing
is secret, and photon-number splitting shows that this is no weakness of the proof.

References:
    D. Gottesman, H.-K. Lo, N. Lütkenhaus, J. Preskill, Quantum Inf. Comput. 4, 325 (2004): tagged bits.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, floor
from typing import ClassVar

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.decoy import phase_error_rate
from quantumlink.security.deviations import largest_frequency
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price

_EVENTS = 3
"""What may fail: how many pulses of several photons each basis has, and the sample."""


@dataclass(frozen=True, kw_only=True)
class WeakPulseBound:
    """The bound for BB84 with phase-randomized pulses of one intensity, against coherent attacks.

    Args:
        intensity: mean photon number of a pulse, above 0.
        rounds: pulses sent.
        z_probability: with which each end chooses Z, in (0, 1).
        tested: bits compared in the test basis.
        errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.

    >>> bound = WeakPulseBound(intensity=0.02, rounds=10**9, z_probability=0.8, tested=80_000, errors=800,
    ...                        eps_sec=1e-10, eps_cor=1e-10)
    >>> bound.terms(n=1_280_000, leak=110_000).length
    906428
    """

    intensity: float
    """Mean photon number of a pulse."""
    rounds: int
    """Pulses sent."""
    z_probability: float
    """With which each end chooses Z."""
    tested: int
    """Bits compared in the test basis."""
    errors: int
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        validation.positive("intensity", self.intensity)
        validation.tolerance("z_probability", self.z_probability)
        validation.count("rounds", self.rounds)
        if validation.count("errors", self.errors) > validation.count("tested", self.tested):
            raise ValueError(f"errors must be at most tested, {self.tested}, got {self.errors}")
        if self.tested > self.rounds:
            raise ValueError(f"tested must be at most rounds, {self.rounds}, got {self.tested}")

    def several_photons(self, share: float) -> float:
        """At most that many pulses hold several photons, among the share of the rounds with a pair of bases."""
        chance = several_photons(self.intensity) * share
        log_inverse_eps = -estimation_log_eps(self.eps_sec, events=_EVENTS)
        return self.rounds * largest_frequency(chance, self.rounds, log_inverse_eps)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed."""
        n, z = validation.count("n", n), self.z_probability
        if n + self.tested > self.rounds:
            raise ValueError(f"n must be at most the {self.rounds - self.tested} rounds not tested, got {n}")
        given, in_test = self.several_photons(z**2), self.several_photons((1 - z) ** 2)
        kept, tested = max(0, floor(n - given)), max(0.0, self.tested - in_test)
        phase = phase_error_rate(self.errors, tested, kept, estimation_log_eps(self.eps_sec, events=_EVENTS))
        return BoundTerms(
            n=n,
            entropy_bits=kept * (1 - binary_entropy(phase)),
            leak=leak,
            epsilon_bits=hashing_price(self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("bits from pulses of several photons, at most", f"{min(given, float(n)):.0f}, all known to Eve"),
                ("bits from at most one photon, at least", f"{kept}"),
                ("their phase-error bound", f"{phase:.6f}"),
            ),
        )


def several_photons(intensity: float) -> float:
    """The probability 1 − (1 + μ)·e^(−μ) that a pulse holds several photons.

    >>> round(several_photons(0.1) / 0.1**2, 4)
    0.4679
    """
    # From the series where the closed form would lose all digits.
    if intensity < 1e-3:
        return intensity**2 * (0.5 - intensity / 3 + intensity**2 / 8)
    return -expm1(-intensity) - intensity * (expm1(-intensity) + 1)
