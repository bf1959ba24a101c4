"""Sifted bits of both ends at one table, for study: a key comes of raw records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from quantumlink.distillation.bits import Bits


@dataclass(frozen=True, eq=False)
class Sifted:
    """What both ends have after sifting, and what they said in public on the way."""

    key_alice: Bits
    """Alice's bits of the key basis."""
    key_bob: Bits
    """Bob's, as many."""
    test_alice: Bits
    """Alice's bits that are compared in public."""
    test_bob: Bits
    """Bob's, as many."""
    accepted: int
    """Rounds in which a bit was detected (and every herald accepted)."""
    statistics: Mapping[str, int] = field(default_factory=dict)
    """Public counts that a bound may need besides, by name."""

    @property
    def test_errors(self) -> int:
        """How many of the compared bits differ."""
        return int(np.count_nonzero(self.test_alice != self.test_bob))

    def __repr__(self) -> str:
        return (
            f"<Sifted: {len(self.key_alice)} bits for the key, {len(self.test_alice)} for the test, "
            f"{self.accepted} detected>"
        )
