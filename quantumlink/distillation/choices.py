"""Random choices of the end that makes them all: from the system, or for study from a seed."""

from __future__ import annotations

import secrets
from math import ceil

import numpy as np

from quantumlink.distillation.bits import Bits, random_bits

SEED_BITS = 128
"""Of the public seeds that one end draws for both."""


class Choices:
    """Where random choices come from.

    Args:
        seed: None draws from the system, as a key for use must have it.
    """

    def __init__(self, seed: int | np.random.Generator | None) -> None:
        self.generator = None if seed is None else np.random.default_rng(seed)
        """Where a seed makes them, their source."""
        self.seeded = seed is not None
        """Whether a seed makes them."""

    def seed(self) -> int:
        """A seed for both ends."""
        if self.generator is None:
            return secrets.randbits(SEED_BITS)
        return int.from_bytes(self.generator.bytes(SEED_BITS // 8), "little")

    def bits(self, count: int) -> Bits:
        """So many bits."""
        if self.generator is None:  # what was said in public before must not tell which hash function comes
            drawn = np.frombuffer(secrets.token_bytes(ceil(count / 8)), dtype=np.uint8)
            return np.unpackbits(drawn, count=count)
        return random_bits(self.generator, count)
