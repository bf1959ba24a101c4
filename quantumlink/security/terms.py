"""One evaluation of a bound on the length of a key: every term of it, for a report to list."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log, log2

from quantumlink import validation


@dataclass(frozen=True, kw_only=True)
class BoundTerms:
    """Every term of a bound ``⌊entropy − leak − price of ε⌋``.

    >>> BoundTerms(n=1000, entropy_bits=800.5, leak=200, epsilon_bits=100, eps_sec=1e-9, eps_cor=1e-9).length
    500
    """

    n: int
    """Bits of the raw key."""
    entropy_bits: float
    """What an eavesdropper lacks of the raw key before anything was disclosed, in bits."""
    leak: float
    """Bits disclosed by reconciliation."""
    epsilon_bits: float
    """The price of the failure probabilities, in bits; the verification tag is among them."""
    eps_sec: float
    """Secrecy: the key differs from a perfect one with at most this probability."""
    eps_cor: float
    """Correctness: the keys of both ends differ with at most this probability."""
    details: tuple[tuple[str, str], ...] = ()
    """What else a report lists, as labels and readable values."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("n", self.n)
        validation.number("leak", self.leak, at_least=0.0)
        validation.number("entropy_bits", self.entropy_bits)
        validation.number("epsilon_bits", self.epsilon_bits, at_least=0.0)
        validation.probabilities(self, "eps_sec", "eps_cor")

    @property
    def length(self) -> int:
        """Secret bits; 0 if there are none."""
        return max(0, floor(min(self.entropy_bits, self.n) - self.leak - self.epsilon_bits))

    def lines(self) -> list[tuple[str, str]]:
        """Every term as a label and a readable value."""
        return [
            ("raw key", f"{self.n} bits"),
            *self.details,
            ("entropy", f"{self.entropy_bits:.1f} bits"),
            ("leak of reconciliation", f"{self.leak:.0f} bits"),
            (
                "price of ε",
                f"{self.epsilon_bits:.1f} bits, the tag among them "
                f"(ε_sec = {self.eps_sec:g}, ε_cor = {self.eps_cor:g})",
            ),
        ]


def hashing_price(eps_sec: float, eps_cor: float) -> float:
    """``log₂(2/(ε_sec²·ε_cor))``: what privacy amplification and verification cost (Tomamichel et al. 2012)."""
    return 1 - 2 * log2(eps_sec) - log2(eps_cor)


def estimation_log_eps(eps_sec: float, *, events: int = 1) -> float:
    """``ln((ε_sec/4)²/events)``: what each of that many bounds may fail with, as a logarithm.

    Smoothing charges twice the root of all of them together, hashing the other half: 2·√p + ε_sec/2 ≤ ε_sec for
    p = (ε_sec/4)² (theorem 1 of Tupkary et al., arXiv:2408.17349).

    >>> round(estimation_log_eps(1e-10), 3), round(estimation_log_eps(1e-10, events=13), 3)
    (-48.824, -51.389)
    """
    return 2 * (log(eps_sec) - log(4)) - log(events)
