"""Length of the secret key that a finite number of detected pairs (or single photons) can give.

    ℓ = n·(1 − h(Q + μ)) − leak − log₂(2 / (ε_sec²·ε_cor)),   μ = √((n+k)/(n·k) · (k+1)/k · ln(4/ε_sec))

n bits measured in the key basis are kept, k bits measured in the test basis are compared in public and differ
with frequency Q. The n kept bits *would* have differed with a frequency of at most Q + μ had they been
measured in the test basis (sampling without replacement), and by an uncertainty relation that bounds what
anybody else can know about them.

Assumptions: the basis of each round is chosen at random and independently of everything, each detection is a
qubit measurement (or is squashed to one), the detection efficiency does not depend on the basis, and the
classical channel is authenticated. The theorem speaks of a protocol that fixes n, k, the tolerated Q, the
disclosed bits and ℓ beforehand. Evaluated with observed numbers, as here, the length varies from run to run;
for proofs that allow this see the last reference.

References:
    M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nat. Commun. 3, 634 (2012), with ln(4/ε), the
        conservative reading.
    J. Wiesemann et al., arXiv:2405.16578 (2024), flaws of earlier fixed-length arguments mended.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), keys of variable length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf, log, log2, sqrt

from quantumlink.qkd.arguments import as_count, as_finite, as_probability, as_tolerance
from quantumlink.qkd.asymptotic import binary_entropy


@dataclass(frozen=True, kw_only=True)
class FiniteKeyTerms:
    """Every term of the finite-key bound, so that a report can list them.

    >>> terms = finite_key_terms(n=10**6, k=10**5, qber=0.03, leak=211_000, eps_sec=1e-10, eps_cor=1e-10)
    >>> round(terms.mu, 6), round(terms.phase_error_bound, 6), round(terms.epsilon_bits, 2), terms.length
    (0.016387, 0.046387, 100.66, 518052)
    """

    n: int
    """Bits of the raw key, all measured in the key basis."""
    k: int
    """Bits compared in the test basis."""
    qber: float
    """Fraction of the ``k`` bits that differed."""
    mu: float
    """What the finite sample adds to it, the more the smaller ``eps_sec``; infinite if n or k is 0."""
    phase_error_bound: float
    """``min(qber + mu, 1/2)``: at one half an eavesdropper may know all of the raw key."""
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
            ("finite-sample margin μ", f"{self.mu:.6f}"),
            ("phase-error bound", f"{self.phase_error_bound:.6f}"),
            ("entropy", f"{self.entropy_bits:.1f} bits"),
            ("leak of reconciliation", f"{self.leak:.0f} bits"),
            (
                "price of ε",
                f"{self.epsilon_bits:.1f} bits, the tag among them "
                f"(ε_sec = {self.eps_sec:g}, ε_cor = {self.eps_cor:g})",
            ),
        ]


def finite_key_terms(*, n: int, k: int, qber: float, leak: float, eps_sec: float, eps_cor: float) -> FiniteKeyTerms:
    """Evaluate the bound and keep each term.

    Args:
        n: bits of the raw key.
        k: bits compared in the test basis; they are not part of the raw key.
        qber: fraction of the ``k`` bits that differed, in [0, 1].
        leak: bits disclosed by reconciliation. The verification tag is *not* part of it.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or not a number.
    """
    n, k = as_count("n", n), as_count("k", k)
    qber, leak = as_probability("qber", qber), as_finite("leak", leak, minimum=0)
    eps_sec, eps_cor = as_tolerance("eps_sec", eps_sec), as_tolerance("eps_cor", eps_cor)
    # a sum of logarithms, for the product of tiny epsilons may underflow
    mu = sqrt((n + k) / (n * k) * (k + 1) / k * (log(4) - log(eps_sec))) if n and k else inf
    bound = min(qber + mu, 0.5)  # h falls again beyond one half, the eavesdropper's knowledge does not
    entropy_bits = n * (1 - binary_entropy(bound))
    epsilon_bits = 1 - 2 * log2(eps_sec) - log2(eps_cor)
    return FiniteKeyTerms(
        n=n,
        k=k,
        qber=qber,
        mu=mu,
        phase_error_bound=bound,
        entropy_bits=entropy_bits,
        leak=leak,
        epsilon_bits=epsilon_bits,
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        length=max(0, floor(entropy_bits - leak - epsilon_bits)),
    )


def finite_key_length(*, n: int, k: int, qber: float, leak: float, eps_sec: float, eps_cor: float) -> int:
    """Number of secret bits, rounded down, never negative.

    Args:
        n: bits of the raw key.
        k: bits compared in the test basis; they are not part of the raw key.
        qber: fraction of the ``k`` bits that differed, in [0, 1].
        leak: bits disclosed by reconciliation. The verification tag is *not* part of it.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or not a number.

    >>> finite_key_length(n=10**6, k=10**5, qber=0.03, leak=211_000, eps_sec=1e-10, eps_cor=1e-10)
    518052
    >>> finite_key_length(n=10**4, k=100, qber=0.03, leak=2_110, eps_sec=1e-10, eps_cor=1e-10)
    0
    """
    return finite_key_terms(n=n, k=k, qber=qber, leak=leak, eps_sec=eps_sec, eps_cor=eps_cor).length
