"""What reconciliation gives, and what any way to reconcile must offer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.distillation.bits import Bits
from quantumlink.rates import binary_entropy


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconciliation:
    """What reconciliation gave, and what it cost."""

    bits: Bits = field(repr=False)
    """Bob's bits after correction, read-only."""
    leaked_bits: int
    """Bits about her string that Alice disclosed, each counted once when it was sent."""
    corrected_errors: int
    """Bits of Bob that were flipped. Where none is left wrong, this is the number of errors."""
    passes: int
    """Rounds of the method, at most, for any frame: orders gone through, or decodings tried."""
    replied_bits: int = 0
    """Bits that depend on Bob's string and were sent in public (see `distillation.reconciliation`)."""

    def efficiency(self, qber: float | None = None) -> float:
        """Bits disclosed over Shannon's limit, ``f = leaked_bits / (n·h(qber))``.

        Args:
            qber: error rate to compare with; by default the rate of the errors that were corrected.

        Returns:
            ``f``, infinite where there was nothing to correct.

        Raises:
            ValueError: if ``qber`` lies outside [0, 1].
        """
        n = len(self.bits)
        limit = n * binary_entropy(
            self.corrected_errors / n if qber is None else validation.probability("qber", qber)
        )
        return self.leaked_bits / limit if limit else inf


AliceEnd: TypeAlias = Generator[bytes, bytes, tuple[int, int]]
"""Yields what Alice sends, is sent what Bob replies, and returns the bits that she and that he disclosed."""

BobEnd: TypeAlias = Generator[bytes, bytes, Reconciliation]
"""Yields nothing (``b""``) at first, is sent what Alice says, and yields each reply."""


class Reconciler(Protocol):
    """A way to reconcile, chosen by the user: ``Cascade`` or ``Ldpc``.

    ``reconcile`` does it where both strings are at hand. ``alice_end`` and ``bob_end`` are the same for two
    parties who exchange only bytes; fed with each other's output they disclose as much and correct the same.
    """

    def reconcile(
        self,
        alice_bits: ArrayLike,
        bob_bits: ArrayLike,
        *,
        qber: float,
        seed: int | np.random.Generator | None = None,
    ) -> Reconciliation:
        """Correct ``bob_bits`` to ``alice_bits`` and count every bit disclosed about the latter."""
        ...

    def alice_end(self, bits: ArrayLike, *, qber: float, seed: int) -> AliceEnd:
        """Alice's part; ``seed`` is public and the same at both ends."""
        ...

    def bob_end(self, bits: ArrayLike, *, qber: float, seed: int) -> BobEnd:
        """Bob's part."""
        ...


class ReconciliationError(ValueError):
    """The other end sent something that cannot be part of this reconciliation."""
