"""Length of the secret key that a finite number of detected pairs (or single photons) can give.

    ℓ = n·(1 − h(φ)) − leak − log₂(2 / (ε_sec²·ε_cor))

n bits measured in the key basis are kept, k bits measured in the test basis are compared in public and differ
with frequency Q. The n kept bits *would* have differed with a frequency of at most φ had they been measured in the
test basis, but for a probability of (ε_sec/4)² over the choice of the sample; and by an uncertainty relation that
bounds what anybody else can know about them. The square is there because smoothing charges the root of what the
estimate may fail with. Two forms of φ:

- ``"hypergeometric"``, the default: the largest number of errors among the n that leaves as few errors as were seen
  with more than that probability, by the exact distribution of a sample without replacement;
- ``"serfling"``, the published closed form, φ = Q + √((n+k)/(n·k) · (k+1)/k · ln(4/ε_sec)): never smaller.

Assumptions: the basis of each round is chosen at random and independently of everything, each detection is a
qubit measurement (or is squashed to one), the detection efficiency does not depend on the basis, and the
classical channel is authenticated. n, k, Q, the leak and so ℓ are the observed ones: the length varies from run to
run. Theorem 1 of Tupkary et al. allows this for any rule that gives φ from the counts and fails with at most ε²
whatever the state was, which both forms do; at most ε_sec/2 goes to smoothing, ε_sec/2 to privacy amplification.

References:
    M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nat. Commun. 3, 634 (2012), with ln(4/ε), the
        conservative reading.
    J. Wiesemann et al., arXiv:2405.16578 (2024), flaws of earlier fixed-length arguments mended.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), phase errors, keys of variable length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.sampling import most_remaining_errors, serfling_deviation
from quantumlink.security.terms import estimation_log_eps, hashing_price

Tail = Literal["hypergeometric", "serfling"]
"""How a sample bounds the rest: by the exact distribution, or by the published closed form."""


@dataclass(frozen=True, kw_only=True)
class FiniteKeyTerms:
    """Every term of the finite-key bound, so that a report can list them.

    >>> terms = finite_key_terms(n=10**6, k=10**5, qber=0.03, leak=211_000, eps_sec=1e-10, eps_cor=1e-10)
    >>> round(terms.mu, 6), round(terms.phase_error_bound, 6), round(terms.epsilon_bits, 2), terms.length
    (0.005715, 0.035715, 100.66, 566611)
    """

    n: int
    """Bits of the raw key, all measured in the key basis."""
    k: int
    """Bits compared in the test basis."""
    qber: float
    """Fraction of the ``k`` bits that differed."""
    mu: float
    """What the finite sample adds to it, the more the smaller ``eps_sec``; at least 1/2 if n or k is 0."""
    phase_error_bound: float
    """``min(qber + mu, 1/2)``: at one half an eavesdropper may know all of the raw key."""
    tail: Tail
    """How the sample bounds the rest."""
    entropy_bits: float
    """``n·(1 − h(phase_error_bound))``, the secret content before anything was disclosed."""
    leak: float
    """Bits disclosed by reconciliation."""
    epsilon_bits: float
    """``log₂(2/(ε_sec²·ε_cor))``, the price of the two failure probabilities, verification tag included."""
    eps_sec: float
    """Secrecy: the key differs from a perfect one with at most this probability."""
    eps_cor: float
    """Correctness: the keys of both ends differ with at most this probability."""
    length: int
    """Secret bits; 0 if there are none."""

    def lines(self) -> list[tuple[str, str]]:
        """Every term as a label and a readable value."""
        return [
            ("raw key", f"{self.n} bits"),
            ("finite-sample margin μ", f"{self.mu:.6f}, {self.tail}"),
            ("phase-error bound", f"{self.phase_error_bound:.6f}"),
            ("entropy", f"{self.entropy_bits:.1f} bits"),
            ("leak of reconciliation", f"{self.leak:.0f} bits"),
            (
                "price of ε",
                f"{self.epsilon_bits:.1f} bits, the tag among them "
                f"(ε_sec = {self.eps_sec:g}, ε_cor = {self.eps_cor:g})",
            ),
        ]


def finite_key_terms(
    *,
    n: int,
    k: int,
    qber: float,
    leak: float,
    eps_sec: float,
    eps_cor: float,
    tail: Tail = "hypergeometric",
) -> FiniteKeyTerms:
    """Evaluate the bound and keep each term.

    Args:
        n: bits of the raw key.
        k: bits compared in the test basis; they are not part of the raw key.
        qber: fraction of the ``k`` bits that differed, in [0, 1].
        leak: bits disclosed by reconciliation. The verification tag is *not* part of it.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        tail: ``"hypergeometric"`` or ``"serfling"``.

    Raises:
        ValueError: if an argument is out of range or not a number, or the tail is unknown.
    """
    n, k = validation.count("n", n), validation.count("k", k)
    qber, leak = validation.probability("qber", qber), validation.number("leak", leak, at_least=0)
    eps_sec, eps_cor = validation.tolerance("eps_sec", eps_sec), validation.tolerance("eps_cor", eps_cor)
    validation.choice("tail", tail, get_args(Tail))
    mu = _margin(n, k, qber, eps_sec, tail)
    bound = min(qber + mu, 0.5)  # h falls again beyond one half, the eavesdropper's knowledge does not
    entropy_bits = n * (1 - binary_entropy(bound))
    epsilon_bits = hashing_price(eps_sec, eps_cor)
    return FiniteKeyTerms(
        n=n,
        k=k,
        qber=qber,
        mu=mu,
        phase_error_bound=bound,
        tail=tail,
        entropy_bits=entropy_bits,
        leak=leak,
        epsilon_bits=epsilon_bits,
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        length=max(0, floor(entropy_bits - leak - epsilon_bits)),
    )


def _margin(n: int, k: int, qber: float, eps_sec: float, tail: Tail) -> float:
    """μ, which fails with a probability of at most (ε_sec/4)²."""
    log_eps = estimation_log_eps(eps_sec)
    if tail == "serfling":
        return serfling_deviation(n, k, log_eps)
    if not n or not k:
        return 1.0
    errors = ceil(qber * k - 1e-6)  # a rate made of counts comes back as the count
    return most_remaining_errors(errors=min(errors, k), k=k, n=n, log_eps=log_eps) / n - qber


def finite_key_length(
    *,
    n: int,
    k: int,
    qber: float,
    leak: float,
    eps_sec: float,
    eps_cor: float,
    tail: Tail = "hypergeometric",
) -> int:
    """Number of secret bits, rounded down, never negative.

    Args:
        n: bits of the raw key.
        k: bits compared in the test basis; they are not part of the raw key.
        qber: fraction of the ``k`` bits that differed, in [0, 1].
        leak: bits disclosed by reconciliation. The verification tag is *not* part of it.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        tail: ``"hypergeometric"`` or ``"serfling"``.

    Raises:
        ValueError: if an argument is out of range or not a number, or the tail is unknown.

    >>> finite_key_length(n=10**6, k=10**5, qber=0.03, leak=211_000, eps_sec=1e-10, eps_cor=1e-10)
    566611
    >>> finite_key_length(n=10**4, k=100, qber=0.03, leak=2_110, eps_sec=1e-10, eps_cor=1e-10)
    0
    """
    return finite_key_terms(n=n, k=k, qber=qber, leak=leak, eps_sec=eps_sec, eps_cor=eps_cor, tail=tail).length
