"""Keys from qubits measured in two bases: BB84 with single photons, BBM92, MDI, and a conference key.

The proof needs only that the key bits would have shown few errors in the other basis: an uncertainty relation then
bounds what anybody knows of them (see `quantumlink.security.finite_key`). What counts as a test bit:

- BB84, BBM92: a round in which both chose the test basis.
- MDI with single photons: the same, among the rounds in which the relay announced a Bell state. Alice's and Bob's
  photons stand for halves of pairs that they keep, so the relay only distributes entanglement between them.
- A conference: a round in which all measured X; its error is an odd parity of all bits (F. Grasselli, H.
Kampermann,
  D. Bruß, New J. Phys. 20, 113014 (2018)). The leak then counts what all receivers were told.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from quantumlink import validation
from quantumlink.security.finite_key import FiniteKeyTerms, finite_key_terms


@dataclass(frozen=True, kw_only=True)
class SinglePhotonBound:
    """The bound of Tomamichel, Lim, Gisin and Renner, against coherent attacks.

    Args:
        tested: bits compared in the test basis, k.
        qber: fraction of them that differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.

    >>> bound = SinglePhotonBound(tested=10**5, qber=0.03, eps_sec=1e-10, eps_cor=1e-10)
    >>> bound.terms(n=10**6, leak=211_000).length
    566611
    """

    tested: int
    """Bits compared in the test basis."""
    qber: float
    """Fraction of them that differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("tested", self.tested)
        validation.probability("qber", self.qber)
        validation.tolerances(self, "eps_sec", "eps_cor")

    def terms(self, *, n: int, leak: float) -> FiniteKeyTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed."""
        return finite_key_terms(
            n=n, k=self.tested, qber=self.qber, leak=leak, eps_sec=self.eps_sec, eps_cor=self.eps_cor
        )


def least_test_errors(share: float) -> float:
    """The lowest error rate in X that a qubit of Alice's allows whose bit in Z is 1 with some probability.

    (1 − 2·√(p(1 − p)))/2: X is made of what stands between |0⟩ and |1⟩, and |⟨0|ρ|1⟩| ≤ √(ρ₀₀·ρ₁₁), whatever Bob
    does. Fewer errors mean that the rounds in Z and in X are not alike: whether a photon is detected depends on the
    basis and its bit, as with detectors of unequal efficiency, and the proof does not hold.

    >>> round(least_test_errors(1 / 3), 6), least_test_errors(0.5)  # detectors of which one is half as efficient
    (0.028595, 0.0)
    """
    return max(0.0, 0.5 - sqrt(share * (1 - share)))
