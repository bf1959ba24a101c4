"""What distillation asks of a security proof: how many bits of a raw key are secret.

Both ends agree beforehand on a `Recipe`. What it makes a bound of is a `Tally`: the counts that the two ends made
of what they told one another, inside the conversation that is authenticated. A bound that was made elsewhere, from
counts of somebody else, has no place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from quantumlink import validation


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The counts of a conversation, all of them public.

    >>> tally = Tally(rounds=100, detected=60, sampled=2, sample_errors=0, compared={"X": (10, 1)}, raw={"": 18})
    >>> tally.n, tally.compared["X"]
    (18, (10, 1))
    """

    rounds: int
    """Rounds attempted."""
    detected: int
    """Rounds in which Bob's receiver answered (and every herald accepted)."""
    sampled: int
    """Bits of the key basis compared in public, which are not in the raw key."""
    sample_errors: int
    """How many of these differed."""
    compared: Mapping[str, tuple[int, int]]
    """Other bits compared in public, and how many of them differed, by the name of their stream; where rounds come
    in classes (intensities) by stream and class, as in ``"X decoy"``."""
    raw: Mapping[str, int]
    """Bits of the raw key by class, or by block where it has blocks; the one class has the name ``""`` where there
    are no others."""
    corrected: Mapping[str, int] | None = None
    """How many of these reconciliation found to differ, by the same names; None where that was not told."""

    def __post_init__(self) -> None:
        validation.plain(self)
        if validation.count("detected", self.detected) > validation.count("rounds", self.rounds):
            raise ValueError(f"detected must be at most rounds, {self.rounds}, got {self.detected}")
        pairs = {"sampled": (self.sampled, self.sample_errors), **self.compared}
        for name, (bits, errors) in pairs.items():
            if validation.count(f"errors of {name}", errors) > validation.count(name, bits):
                raise ValueError(f"errors of {name} must be at most {bits}, got {errors}")
        for name, bits in self.raw.items():
            validation.count(f"raw[{name!r}]", bits)
        if self.corrected is not None:
            if set(self.corrected) != set(self.raw):
                raise ValueError(
                    f"corrected must have the names of raw, {list(self.raw)}, got {list(self.corrected)}"
                )
            for name, errors in self.corrected.items():
                if validation.count(f"corrected[{name!r}]", errors) > self.raw[name]:
                    raise ValueError(f"corrected[{name!r}] must be at most {self.raw[name]}, got {errors}")

    @property
    def n(self) -> int:
        """Bits of the raw key."""
        return sum(self.raw.values())


@runtime_checkable
class KeyTerms(Protocol):
    """One evaluation of a bound, with everything a report must list."""

    @property
    def length(self) -> int:
        """Secret bits; 0 if there are none."""
        ...

    @property
    def eps_sec(self) -> float:
        """Secrecy: the key differs from a perfect one with at most this probability."""
        ...

    @property
    def eps_cor(self) -> float:
        """Correctness: the keys of both ends differ with at most this probability."""
        ...

    def lines(self) -> list[tuple[str, str]]:
        """Every term of the bound as a label and a readable value."""
        ...


@runtime_checkable
class KeyBound(Protocol):
    """A security proof, ready to be evaluated."""

    count_replies: ClassVar[bool]
    """Whether what Bob says in the reconciliation is disclosed information too, as bounds that take more than
    error rates alike for both outcomes must assume (see `quantumlink.distillation.reconciliation`). A bound that
    does not say counts them."""

    def terms(self, *, n: int, leak: float) -> KeyTerms:
        """Evaluate the bound.

        Args:
            n: bits of the raw key.
            leak: bits disclosed by reconciliation. The verification tag, ``⌈log₂(1/eps_cor)⌉`` bits, is *not*
                part of it: the bound charges for it in its own price of ε. Where the key has blocks (see
                `BlockKeyBound`), a number for each.
        """
        ...


@runtime_checkable
class BlockKeyBound(Protocol):
    """A proof of keys that are reconciled and hashed apart, block by block; its terms have ``lengths`` of each."""

    def terms(self, *, n: int, leak: tuple[float, ...]) -> KeyTerms:
        """Evaluate the bound; ``n`` counts the raw bits of all blocks."""
        ...


class Recipe(Protocol):
    """How a bound is made of the counts of a conversation. Its ``repr`` is what both ends compare.

    A recipe whose attribute ``tells_errors`` is true asks Bob to tell how many errors reconciliation found, by the
    names of `Tally.raw`. Until then it is given a tally that says 0 of each, for the most that could come of it.
    Its bound must charge for what is told.
    """

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> KeyBound | BlockKeyBound:
        """The bound that these counts give, for the tolerances that both ends agreed on."""
        ...
