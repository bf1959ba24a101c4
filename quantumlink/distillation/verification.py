"""Verification: a short tag of the reconciled key that shows whether both ends hold the same one.

Reconciliation promises nothing for certain, so its result is compared before it is used. The tag is a
two-universal hash with fresh, public random bits: two keys that differ in any way get the same t-bit tag with
probability 2⁻ᵗ, whatever the difference. The tag discloses t bits of the key.

Reference:
    J. L. Carter, M. N. Wegman, J. Comput. Syst. Sci. 18, 143 (1979), universal hashing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.bits import as_bit_pair, random_bits


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether the two tags agreed, and how many bits they disclosed."""

    matched: bool
    """The tags agree: the keys are equal, but for a probability of at most ``eps_cor``."""
    tag_bits: int
    """Length of the tag, all of it public."""


def tag_length(eps_cor: float, *, tags: int = 1) -> int:
    """Bits of the tag that lets different keys pass with a probability of at most ``eps_cor``.

    Args:
        eps_cor: that probability, in (0, 1).
        tags: of how many tags together; each is longer by its share.

    Raises:
        ValueError: if ``eps_cor`` lies outside (0, 1).

    >>> tag_length(1e-10), tag_length(1e-10, tags=2)
    (34, 35)
    """
    return ceil(log2(tags) - log2(validation.tolerance("eps_cor", eps_cor)))


def verify(
    alice_bits: ArrayLike,
    bob_bits: ArrayLike,
    *,
    eps_cor: float,
    seed: int | np.random.Generator | None = None,
) -> Verification:
    """Compare two keys through a tag of ``⌈log₂(1/eps_cor)⌉`` bits.

    Args:
        alice_bits: Alice's key, at least one bit.
        bob_bits: Bob's key, as long as Alice's.
        eps_cor: the probability with which different keys may pass, in (0, 1).
        seed: where the random bits of the hash come from; they must be chosen after the keys.

    Raises:
        ValueError: if an argument is out of range, or the lengths differ.

    >>> verify([1, 0, 1, 1], [1, 0, 1, 1], eps_cor=1e-10, seed=7)
    Verification(matched=True, tag_bits=34)
    >>> verify([1, 0, 1, 1], [1, 0, 0, 1], eps_cor=1e-10, seed=7).matched
    False
    """
    alice, bob = as_bit_pair("alice_bits", alice_bits, "bob_bits", bob_bits, minimum=1)
    tag_bits = tag_length(eps_cor)
    matrix = random_bits(np.random.default_rng(seed), len(alice) + tag_bits - 1)
    tags = [toeplitz_hash(bits, seed=matrix, length=tag_bits) for bits in (alice, bob)]
    return Verification(matched=bool(np.array_equal(tags[0], tags[1])), tag_bits=tag_bits)
