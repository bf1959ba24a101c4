"""Sifting: keep the rounds in which both ends got a bit in the same basis, and sort them by basis.

What the ends announce for it, which rounds arrived and in which basis, is public and must be authenticated; the
bits are not announced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.qkd.bits import Bits, as_bits, sealed


@dataclass(frozen=True, kw_only=True, eq=False)
class Sifted:
    """The sifted bits of both ends, and where they come from."""

    alice: dict[Any, Bits] = field(repr=False)
    """Alice's bits of each basis, in the order of the rounds, read-only."""
    bob: dict[Any, Bits] = field(repr=False)
    """Bob's, position by position."""
    rounds: dict[Any, NDArray[np.int64]] = field(repr=False)
    """The rounds that these bits come from, counted from 0."""
    attempted: int
    """Rounds in all."""
    accepted: int
    """Rounds in which both ends got a bit."""
    mismatched: int
    """Accepted rounds that were dropped because the bases differed."""

    @property
    def sifted(self) -> int:
        """Rounds kept."""
        return self.accepted - self.mismatched


def sift(
    alice_bits: ArrayLike,
    bob_bits: ArrayLike,
    *,
    alice_bases: ArrayLike,
    bob_bases: ArrayLike,
    detected: ArrayLike | None = None,
) -> Sifted:
    """Sift one raw bit an end and round.

    Args:
        alice_bits: Alice's bit of each round, shape (rounds,).
        bob_bits: Bob's; what stands at a round that was not detected must be 0 or 1 and is not looked at.
        alice_bases: Alice's basis of each round: integers, or short strings such as ``"Z"``.
        bob_bases: Bob's, in the same terms.
        detected: True where both ends got a bit; by default everywhere. A mask of zeros and ones, or Booleans.

    Returns:
        The bits of each basis that both ends used, and counts of what was dropped. Bases that only one end
        ever used have no entry, one that never met itself has empty arrays.

    Raises:
        ValueError: if the arrays differ in length, bits are not 0 or 1, or bases are neither integers nor strings.

    >>> found = sift([0, 1, 1, 0], [0, 1, 0, 1], alice_bases=list("ZZXX"), bob_bases=list("ZXXX"),
    ...              detected=[1, 1, 1, 0])
    >>> found.alice, found.bob
    ({'X': array([1], dtype=uint8), 'Z': array([0], dtype=uint8)},
     {'X': array([0], dtype=uint8), 'Z': array([0], dtype=uint8)})
    >>> found
    Sifted(attempted=4, accepted=3, mismatched=1)
    """
    alice, bob = as_bits("alice_bits", alice_bits), as_bits("bob_bits", bob_bits)
    arrived = np.ones(len(alice), dtype=np.bool_)
    if detected is not None:
        arrived = as_bits("detected", detected).astype(np.bool_)
    bases_a, bases_b = _as_bases("alice_bases", alice_bases), _as_bases("bob_bases", bob_bases)
    columns = {"bob_bits": bob, "alice_bases": bases_a, "bob_bases": bases_b, "detected": arrived}
    for name, column in columns.items():
        if len(column) != len(alice):
            raise ValueError(f"alice_bits and {name} must have the same length, got {len(alice)} and {len(column)}")
    if bases_a.dtype.kind != bases_b.dtype.kind and len(alice):
        raise ValueError("alice_bases and bob_bases must both name bases by integers or both by strings")
    kept = arrived & (bases_a == bases_b)
    rounds = {basis.item(): np.flatnonzero(kept & (bases_a == basis)) for basis in np.intersect1d(bases_a, bases_b)}
    accepted = int(np.count_nonzero(arrived))
    return Sifted(
        alice={basis: sealed(alice[places]) for basis, places in rounds.items()},
        bob={basis: sealed(bob[places]) for basis, places in rounds.items()},
        rounds=rounds,
        attempted=len(alice),
        accepted=accepted,
        mismatched=accepted - int(np.count_nonzero(kept)),
    )


def _as_bases(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got an array of shape {array.shape}")
    if array.dtype.kind in "bui" or not len(array):
        return array.astype(np.int64)
    if array.dtype.kind != "U":
        raise ValueError(f"{name} must hold integers or strings, got values of type {array.dtype}")
    return array
