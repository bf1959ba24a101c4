"""How much of a dealer's raw key is secret from either of two players, one of whom may be dishonest.

    ℓ = n·(1 − h(φ)) − leak − log₂(2/(ε_sec²·ε_cor)),    φ = max(φ_B, φ_C)

Three share GHZ states. In X the dealer's bit is the parity of the two players' bits: the key. In Z all bits are
equal: the test. If one player is dishonest, and so perhaps on the side of whoever made the states, the other
one is honest, and how well *his* Z predicts the dealer's bounds what the dishonest one can know of her X,
whatever he holds: the uncertainty relation of three parties. So φ_B, against a dishonest Bob, comes of the
rounds in which the dealer and Charlie both measured Z, whatever Bob says of them.

A dishonest player tells his basis last, once he knows the others'. By that he may choose which of the rounds
that both others measured in X make the key, though not which of them are tested. So all phase errors that those
N rounds may have, by the exact distribution of the sample, are taken to be among the n that make the key: φ_B =
e/n.

Who is dishonest is settled, not chosen later: the bound holds against Bob, and against Charlie, not against both.

References:
    M. Hillery, V. Bužek, A. Berthiaume, Phys. Rev. A 59, 1829 (1999): secret sharing.
    M. Tomamichel, R. Renner, Phys. Rev. Lett. 106, 110506 (2011): the relation of three parties.
    M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nat. Commun. 3, 634 (2012): finite keys.
    D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1: variable length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quantumlink import validation
from quantumlink.rates import binary_entropy
from quantumlink.security.sampling import most_remaining_errors
from quantumlink.security.terms import BoundTerms, estimation_log_eps, hashing_price


@dataclass(frozen=True, kw_only=True)
class SharingBound:
    """The bound for a secret shared among two players, against coherent attacks and one dishonest player.

    Args:
        tested: rounds in which the dealer and the honest player measured Z: against Bob (Charlie is honest), and
            against Charlie.
        errors: how many of these differed, likewise.
        population: rounds in which the dealer and the honest player measured X, likewise.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.

    >>> bound = SharingBound(tested=(10**5, 10**5), errors=(2000, 1000), population=(10**6, 10**6), eps_sec=1e-10,
    ...                      eps_cor=1e-10)
    >>> bound.terms(n=900_000, leak=200_000).length
    536353
    """

    tested: tuple[int, int]
    """Rounds in Z of the dealer and the honest player."""
    errors: tuple[int, int]
    """How many of these differed."""
    population: tuple[int, int]
    """Rounds in X of the dealer and the honest player."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.tolerances(self, "eps_sec", "eps_cor")
        for name in ("tested", "errors", "population"):
            if len(getattr(self, name)) != 2:
                raise ValueError(f"{name} must hold two counts, got {getattr(self, name)!r}")
            # Plain integers: products of numpy's narrow ones would wrap.
            object.__setattr__(self, name, tuple(validation.count(name, bits) for bits in getattr(self, name)))
        for wrong, bits in zip(self.errors, self.tested, strict=True):
            if wrong > bits:
                raise ValueError(f"errors must be at most tested, {bits}, got {wrong}")

    def phase_error(self, against: int, n: int) -> float:
        """At most that share of the n bits would have differed in Z, if Bob (0) or Charlie (1) is dishonest."""
        tested, rest = self.tested[against], self.population[against]
        if n > rest:
            raise ValueError(f"n must be at most the {rest} rounds that both others measured in X, got {n}")
        if not tested or not n:
            return 0.5
        log_eps = estimation_log_eps(self.eps_sec)
        most = most_remaining_errors(errors=self.errors[against], k=tested, n=rest, log_eps=log_eps)
        return min(0.5, most / n)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed."""
        phases = [self.phase_error(against, validation.count("n", n)) for against in (0, 1)]
        return BoundTerms(
            n=n,
            entropy_bits=n * (1 - binary_entropy(max(phases))),
            leak=leak,
            epsilon_bits=hashing_price(self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=tuple(
                (f"phase-error bound, {who} dishonest", f"{phase:.6f}, hypergeometric")
                for who, phase in zip(("Bob", "Charlie"), phases, strict=True)
            ),
        )
