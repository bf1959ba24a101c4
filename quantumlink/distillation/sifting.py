"""Sifting: what both ends say of their raw rounds, and which rounds then make the key.

It happens inside the conversation that is authenticated. Who could strike rounds from the list of detections on
its way, once she knows the bases, would keep those only of which she knows the bit.

Bob speaks first: which rounds he detected and, where the protocol has bases, his basis in each. Alice answers with
her settings and classes. The proofs take the detected rounds as a fair sample: that detection does not depend on
the bases. What the ends say tells whether that can be true, so both look, and give up if it is as good as
impossible.

Every protocol sorts rounds into streams: 0 is dropped, 1 makes the key, 2, 3, … are compared in public.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.distillation.bits import Bits, looked_up, occurrences
from quantumlink.distillation.records import RawRounds, Symbols

DROPPED, KEY, COMPARED = 0, 1, 2
"""Streams; those compared are numbered from `COMPARED` on."""

FAIR_SAMPLE = 1e-12
"""How improbable the shares of the settings must be for the ends to give up: an honest channel is refused once in
10¹² conversations."""

Streams = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Sifting(ABC):
    """What all protocols share; its ``repr`` is what both ends compare."""

    classes: tuple[str, ...] = ("",)
    """Names of the classes of rounds (intensities), which Alice tells."""

    compared: ClassVar[tuple[str, ...]]
    """Names of the streams that are compared in public; the first is the test basis of the report."""
    compared_fraction: ClassVar[float] = 0.0
    """Share of the key rounds, chosen at random, that is moved to the first of the streams compared."""
    sampled_apart: ClassVar[bool] = False
    """Whether each key round is in the sample by chance of its own, and not so many of them."""
    equal_detection: ClassVar[bool] = False
    """Whether both ends tell settings among which detection must be the same, as `unequal_detection` looks for."""
    answered: ClassVar[bool] = False
    """Whether Bob says which rounds he keeps once he knows what Alice announced."""
    symbols: ClassVar[tuple[int, int]] = (1, 1)
    """How many symbols Alice's announcement and Bob's have."""
    blocks: ClassVar[tuple[str, ...]] = ("",)
    """Names of the parts of the key that are reconciled and hashed apart; where there are several, rounds have no
    classes."""

    def alice_says(self, raw: RawRounds, others: Bits) -> Symbols:
        """Alice's announcement of each detected round; ``others`` are fresh random bits, one a round."""
        return np.zeros(len(raw.bits), dtype=np.uint8)

    def bob_says(self, raw: RawRounds) -> Symbols:
        """Bob's announcement of each detected round."""
        return np.zeros(len(raw.bits), dtype=np.uint8)

    def bob_keeps(self, raw: RawRounds, alice: Symbols) -> Bits:
        """Which rounds Bob keeps, where he answers."""
        return np.ones(len(raw.bits), dtype=np.uint8)

    @abstractmethod
    def streams(self, alice: Symbols, bob: Symbols, kept: Bits) -> Streams:
        """The stream of each round, from what was said."""

    def block_of(self, alice: Symbols, bob: Symbols) -> Symbols:
        """The block of each round that makes the key."""
        return np.zeros(len(alice), dtype=np.uint8)

    def alice_bits(self, raw: RawRounds) -> Bits:
        """Alice's bit of each round."""
        return raw.bits

    def bob_bits(self, raw: RawRounds, alice: Symbols) -> Bits:
        """Bob's bit of each round, once he knows what Alice announced."""
        return raw.bits

    def unfair(self, alice: Symbols, bob: Symbols) -> str | None:
        """Why the detected rounds cannot be a fair sample of all; None if they can."""
        return None


@dataclass(frozen=True, kw_only=True)
class BasisSifting(Sifting):
    """Both ends tell their settings; pairs of settings make the key or are compared.

    >>> two = BasisSifting(alice={"Z": 0.8, "X": 0.2}, bob={"Z": 0.8, "X": 0.2}, key=[("Z", "Z")],
    ...                    compare={"X": [("X", "X")]})
    >>> two.streams(np.array([0, 0, 1, 1], np.uint8), np.array([0, 1, 0, 1], np.uint8), np.ones(4, np.uint8))
    array([1, 0, 0, 2], dtype=uint8)
    """

    alice: dict[str, float]
    """The probability with which Alice chooses each of her settings."""
    bob: dict[str, float]
    """The probability with which Bob chooses each of his."""
    key: list[tuple[str, str]]
    """Pairs of settings, Alice's first, whose rounds make the key."""
    compare: dict[str, list[tuple[str, str]]]
    """By the name of each stream the pairs of settings whose rounds are compared in public."""
    apart: bool = False
    """Whether the rounds of each pair of ``key`` are a block of their own, named by Alice's setting."""

    equal_detection: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.flags(self, "apart")
        if self.apart and len(self.classes) > 1:
            raise ValueError(f"blocks apart have no classes besides, got classes {self.classes}")
        for name in ("alice", "bob"):
            total = sum(validation.probability(f"{name}[{s!r}]", p) for s, p in getattr(self, name).items())
            if abs(total - 1) > 1e-9:
                raise ValueError(f"the probabilities of {name} must sum to 1, got {total}")
        object.__setattr__(self, "symbols", (len(self.alice), len(self.bob)))
        object.__setattr__(self, "compared", tuple(self.compare))
        alice, bob = list(self.alice), list(self.bob)
        table = np.zeros((len(alice), len(bob)), dtype=np.uint8)
        for stream, pairs in enumerate([self.key, *self.compare.values()], start=KEY):
            for a, b in pairs:
                table[alice.index(validation.choice("setting", a, alice)), bob.index(b)] = stream
        object.__setattr__(self, "_table", table)
        blocks = np.zeros_like(table)
        if self.apart:
            object.__setattr__(self, "blocks", tuple(a for a, _ in self.key))
            for number, (a, b) in enumerate(self.key):
                blocks[alice.index(a), bob.index(b)] = number
        object.__setattr__(self, "_block_table", blocks)

    def alice_says(self, raw: RawRounds, others: Bits) -> Symbols:
        """Her setting."""
        return raw.settings

    def bob_says(self, raw: RawRounds) -> Symbols:
        """His setting."""
        return raw.settings

    def streams(self, alice: Symbols, bob: Symbols, kept: Bits) -> Streams:
        """By the pair of settings."""
        table: Streams = self._table  # type: ignore[attr-defined]
        return looked_up(table.ravel(), alice * np.uint8(table.shape[1]) + bob)

    def block_of(self, alice: Symbols, bob: Symbols) -> Symbols:
        """By the pair of settings."""
        table: Symbols = self._block_table  # type: ignore[attr-defined]
        return looked_up(table.ravel(), alice * np.uint8(table.shape[1]) + bob)

    def unfair(self, alice: Symbols, bob: Symbols) -> str | None:
        """Whether pairs of settings are among the detected rounds as often as they were chosen."""
        n, settings = len(alice), (list(self.alice), list(self.bob))
        pairs = alice * np.uint8(len(settings[1])) + bob
        found = occurrences(pairs, self._table.size)  # type: ignore[attr-defined]
        chosen = np.outer(list(self.alice.values()), list(self.bob.values())).ravel()
        cell = unlikely_share(found, chosen.tolist())
        if cell is None:
            return None
        a, b = settings[0][cell // len(settings[1])], settings[1][cell % len(settings[1])]
        return unfair_share(n, found[cell], f"the settings {a} and {b}", chosen[cell])


def unlikely_share(found: Sequence[int], chosen: Sequence[float]) -> int | None:
    """The first cell that was found as good as impossibly often, or seldom; None if there is none.

    Args:
        found: how many rounds are in each cell.
        chosen: the probability of each.
    """
    from scipy.special import betainc

    n = sum(found)
    for cell, (count, share) in enumerate(zip(found, chosen, strict=True)):
        # the tails of the binomial distribution, both ends included
        more = betainc(count, n - count + 1, share) if count else 1.0
        fewer = betainc(n - count, count + 1, 1 - share) if count < n else 1.0
        if min(more, fewer) * 2 * len(chosen) < FAIR_SAMPLE:
            return cell
    return None


def unfair_share(n: int, count: int, settings: str, share: float) -> str:
    """What is said of such a cell."""
    return (
        f"of {n} detected rounds {count} have {settings}, which were chosen with probability {share:.4g}: whether "
        "a round is detected depends on the settings"
    )


@dataclass(frozen=True, kw_only=True)
class AccumulatingSifting(BasisSifting):
    """The same for keys by entropy accumulation, which is of rounds drawn apart: the sample is so too."""

    sampled_apart: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ConclusiveSifting(Sifting):
    """Bob tells which rounds were conclusive; a random share of them is compared. Alice says nothing (B92)."""

    fraction: float
    """Share of the conclusive rounds that is compared, in (0, 1)."""

    compared: ClassVar[tuple[str, ...]] = ("conclusive",)
    symbols: ClassVar[tuple[int, int]] = (1, 2)

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerance("fraction", self.fraction)
        object.__setattr__(self, "compared_fraction", self.fraction)

    def bob_says(self, raw: RawRounds) -> Symbols:
        """1 where the round was conclusive: Bob's setting holds that."""
        return raw.settings

    def streams(self, alice: Symbols, bob: Symbols, kept: Bits) -> Streams:
        """The conclusive ones make the key."""
        return bob


@dataclass(frozen=True, kw_only=True)
class StateSifting(Sifting):
    """Alice tells two states, hers and a random one of the other basis; Bob keeps what excludes one (SARG04).

    The setting is the basis (0 is Z), the bit that of the state or of Bob's result. Alice's bit of the key is her
    basis, Bob's the basis that he did not measure.
    """

    fraction: float
    """Share of the kept rounds that is compared, in (0, 1)."""

    compared: ClassVar[tuple[str, ...]] = ("conclusive",)
    answered: ClassVar[bool] = True
    symbols: ClassVar[tuple[int, int]] = (4, 1)

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerance("fraction", self.fraction)
        object.__setattr__(self, "compared_fraction", self.fraction)

    def alice_says(self, raw: RawRounds, others: Bits) -> Symbols:
        """The bit of the Z state, plus twice that of the X state."""
        z = np.where(raw.settings == 0, raw.bits, others)
        x = np.where(raw.settings == 0, others, raw.bits)
        said: Symbols = (z + 2 * x).astype(np.uint8)
        return said

    def bob_keeps(self, raw: RawRounds, alice: Symbols) -> Bits:
        """Where his result is orthogonal to the announced state of the basis that he measured."""
        announced = np.where(raw.settings == 0, alice & 1, alice >> 1)
        kept: Bits = (raw.bits != announced).astype(np.uint8)
        return kept

    def streams(self, alice: Symbols, bob: Symbols, kept: Bits) -> Streams:
        """The kept ones make the key."""
        return kept

    def alice_bits(self, raw: RawRounds) -> Bits:
        """Her basis."""
        return raw.settings

    def bob_bits(self, raw: RawRounds, alice: Symbols) -> Bits:
        """The basis that he did not measure."""
        return (1 - raw.settings).astype(np.uint8)
