"""A key from both bases: what was measured in each is kept, and tests the other.

Where all bits are reconciled, both ends learn how many differed, so no bit need be given away to be compared. The
e_X errors of the n_X bits of X bound the phase errors of the n_Z bits of Z, for the rounds of X are a random sample
of all, and the other way around:

    ℓ = ℓ_Z + ℓ_X,   ℓ_Z = n_Z·(1 − h(φ_Z)) − leak_Z − log₂(n_Z + 1) − log₂(2/(ε²·ε_cor/2)),  ε = ε_sec/2,

φ_Z as in `quantumlink.security.finite_key` with k = n_X, likewise ℓ_X. The length of one key tells how many errors
the other's raw bits had: at most log₂(n + 1) bits about them, which are charged.

**Each basis is hashed apart**, into a key of its own length with a hash function of its own. The proof is of two
keys: that of Z is secret even from somebody who is told all bits of X (they are the test of theorem 1 of Tupkary
et al.), so from somebody who knows the key of X; that of X is secret from whoever holds what is public. By the
triangle inequality both together are as secret as the sum, ε_sec/2 + ε_sec/2. One hash over both bases together is
*not* covered.

What 3,100 bits of a satellite at 4.51 % give hangs on one assumption: how improbable the estimate's failure must
be. Here smoothing charges its root, so each key's may fail with (ε_sec/8)², and 34 bits are left. Had it to fail
with ε_sec only, the same form would leave 388; without charging for the errors told 408. 372 were published.

Assumptions: those of `quantumlink.security.finite_key`; the basis of each end in each round is drawn apart, so that
given how many fell into each, every choice of them is as likely.

References:
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1.
    J. Yin et al., Nature 582, 501 (2020): a satellite's pairs, both bases kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import ClassVar

from quantumlink import validation
from quantumlink.security.finite_key import FiniteKeyTerms, finite_key_terms


@dataclass(frozen=True, kw_only=True)
class BothBasesBound:
    """Two keys, one of each basis, against coherent attacks.

    Args:
        raw: bits of the raw keys (Z, X).
        errors: how many of them reconciliation found to differ (Z, X).
        eps_sec: secrecy of both keys together, in (0, 1) and at least 2e-300, for each key has half of it.
        eps_cor: correctness of both together, likewise.

    Raises:
        ValueError: if an argument is out of range.

    >>> bound = BothBasesBound(raw=(1550, 1550), errors=(70, 70), eps_sec=1e-10, eps_cor=1e-10)
    >>> terms = bound.terms(leak=(489, 489))
    >>> terms.length == terms.z.length + terms.x.length
    True
    """

    raw: tuple[int, int]
    """Bits of the raw keys, Z and X."""
    errors: tuple[int, int]
    """How many of them differed."""
    eps_sec: float
    """Secrecy of both together."""
    eps_cor: float
    """Correctness of both together."""

    count_replies: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        for name in ("eps_sec", "eps_cor"):
            if (given := getattr(self, name)) < 2 * validation.SMALLEST_TOLERANCE:
                raise ValueError(
                    f"{name} must be at least {2 * validation.SMALLEST_TOLERANCE:g}, as each of the two keys has "
                    f"half of it; got {given!r}"
                )
        for name in ("raw", "errors"):
            if len(getattr(self, name)) != 2:
                raise ValueError(f"{name} must hold two counts, of Z and of X; got {getattr(self, name)!r}")
        for basis, n, wrong in zip("ZX", self.raw, self.errors, strict=True):
            validation.count(f"raw bits of {basis}", n)
            if validation.count(f"errors of {basis}", wrong) > n:
                raise ValueError(f"errors of {basis} must be at most its {n} raw bits, got {wrong}")
        for name in ("raw", "errors"):  # plain integers: products of numpy's narrow ones would wrap
            object.__setattr__(self, name, tuple(map(int, getattr(self, name))))

    def terms(self, *, leak: tuple[float, ...], n: int | None = None) -> BothBasesTerms:
        """Evaluate the bound.

        Args:
            n: bits of both raw keys together, if they are to be checked against ``raw``.
            leak: bits disclosed by the reconciliation of Z and of X, without the verification tags. Nothing said
                about one may depend on the bits of the other.
        """
        if len(leak) != 2:
            raise ValueError(f"leak must hold two numbers, of Z and of X; got {leak!r}")
        if n is not None and n != sum(self.raw):
            raise ValueError(f"n must be the {sum(self.raw)} bits of both raw keys, got {n}")
        return BothBasesTerms(z=self._block(0, leak[0]), x=self._block(1, leak[1]))

    def _block(self, kept: int, leak: float) -> FiniteKeyTerms:
        n, k = self.raw[kept], self.raw[1 - kept]
        leak = validation.number("leak", leak, at_least=0)
        return finite_key_terms(
            n=n,
            k=k,
            qber=self.errors[1 - kept] / k if k else 0.5,
            leak=leak + log2(n + 1),
            eps_sec=self.eps_sec / 2,
            eps_cor=self.eps_cor / 2,
        )


@dataclass(frozen=True, kw_only=True)
class BothBasesTerms:
    """The terms of both keys; the leak of each counts what the number of its errors tells."""

    z: FiniteKeyTerms
    """The key of basis Z."""
    x: FiniteKeyTerms
    """The key of basis X."""

    @property
    def lengths(self) -> tuple[int, int]:
        """Secret bits of Z and of X."""
        return self.z.length, self.x.length

    @property
    def length(self) -> int:
        """Secret bits of both."""
        return sum(self.lengths)

    @property
    def eps_sec(self) -> float:
        """Secrecy of both together."""
        return self.z.eps_sec + self.x.eps_sec

    @property
    def eps_cor(self) -> float:
        """Correctness of both together."""
        return self.z.eps_cor + self.x.eps_cor

    def lines(self) -> list[tuple[str, str]]:
        """Every term as a label and a readable value."""
        blocks = (("Z", self.z), ("X", self.x))
        return [(f"{label}, {basis}", value) for basis, block in blocks for label, value in block.lines()]
