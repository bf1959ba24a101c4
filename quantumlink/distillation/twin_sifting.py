"""Sifting of sending-or-not-sending twin fields: what both ends tell of the rounds that the relay announced.

The phase of every pulse is one of `PHASES`, of which an end notes the half (0 or π) as its bit, and tells the rest.
Bob has turned his bit over where the relay's other detector clicked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.records import RawRounds, Symbols
from quantumlink.distillation.sifting import COMPARED, DROPPED, KEY, Sifting, Streams
from quantumlink.security.twin_field import PHASES, checked_window

HALF = PHASES // 2
"""Those of half the circle, which are told apart in public."""
Z, VACUUM, STRONG, WEAK = range(4)
"""Settings: the key basis, then the three intensities of X; weak ones are WEAK plus what is told of the phase."""


@dataclass(frozen=True, kw_only=True)
class TwinSifting(Sifting):
    """Z makes the key; weak pulses whose phases (nearly) agree, or are opposite, test it; single pulses count.

    Whether the announced rounds are a fair sample is not asked for: the bound counts each setting apart, and a
    photon that is in one arm or the other tells nothing of the setting.

    >>> sifting = TwinSifting(window=1)
    >>> alice, bob = np.array([0, 1, 1, 3, 3, 4], np.uint8), np.array([0, 1, 2, 1, 5, 3], np.uint8)
    >>> sifting.streams(alice, bob, np.ones(6, np.uint8)).tolist()  # key, vacuum, strong, weak, no, phase
    [1, 5, 3, 4, 0, 2]
    """

    window: int = 3
    """By how many phases of 64 those of the two weak pulses may differ."""

    compared: ClassVar[tuple[str, ...]] = ("X phase", "X strong", "X weak", "X vacuum")
    symbols: ClassVar[tuple[int, int]] = (WEAK + HALF, WEAK + HALF)

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", checked_window("window", self.window))

    def alice_says(self, raw: RawRounds, others: Bits) -> Symbols:
        """Her setting, with what is told of the phase."""
        return raw.settings

    def bob_says(self, raw: RawRounds) -> Symbols:
        """His setting, likewise."""
        return raw.settings

    def streams(self, alice: Symbols, bob: Symbols, kept: Bits) -> Streams:
        """By the two settings, and the difference of the phases where both pulses are weak."""
        found = np.full(len(alice), DROPPED, dtype=np.uint8)
        found[(alice == Z) & (bob == Z)] = KEY
        apart = np.abs(alice.astype(np.int8) - bob.astype(np.int8))
        near = (apart <= self.window) | (apart >= HALF - self.window)
        found[(alice >= WEAK) & (bob >= WEAK) & near] = COMPARED
        low, high = np.minimum(alice, bob), np.maximum(alice, bob)
        found[(low == VACUUM) & (high == STRONG)] = COMPARED + 1
        found[(low == VACUUM) & (high >= WEAK)] = COMPARED + 2
        found[(low == VACUUM) & (high == VACUUM)] = COMPARED + 3
        return found

    def bob_bits(self, raw: RawRounds, alice: Symbols) -> Bits:
        """His bit, turned over where phases that agree are told as if half a circle apart.

        Just below π and just above 0 are neighbors on the circle of halves, and of opposite bits.
        """
        apart = np.abs(raw.settings.astype(np.int8) - alice.astype(np.int8))
        around = (raw.settings >= WEAK) & (alice >= WEAK) & (apart > HALF // 2)
        turned: Bits = (raw.bits ^ around).astype(np.uint8)
        return turned
