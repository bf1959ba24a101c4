"""What distillation asks of a security proof: how many bits of a raw key are secret.

A bound is an object that was given the public test data beforehand (error counts, decoy counts, a CHSH
value) and is asked once the length of the raw key and the number of disclosed bits are known. Distillation hands
out as many bits as it answers, less those that authentication spends.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


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

    def terms(self, *, n: int, leak: float) -> KeyTerms:
        """Evaluate the bound.

        Args:
            n: bits of the raw key.
            leak: bits disclosed by reconciliation. The verification tag, ``⌈log₂(1/eps_cor)⌉`` bits, is *not*
                part of it: the bound charges for it in its own price of ε.
        """
        ...


@runtime_checkable
class SampledKeyBound(KeyBound, Protocol):
    """A security proof that gains from the error rate of the key basis too, known only from the sample."""

    def given_sample(self, *, sampled: int, errors: int) -> KeyBound:
        """The bound that knows the sample of the key basis besides.

        Args:
            sampled: bits of the key basis compared in public, which are not in the raw key.
            errors: how many of them differed.
        """
        ...
