"""Key material: bytes with an id, two ends, an origin and an account, and never a secret in a text about it.

A *block* is what a supplier brings to both ends of a link: the same bytes under the same source and number. Both
ends cut it into *chunks* alike, so that a stretch of key has the same name at both: a `Position`. Chunks alternate
between the ends: each gives out its own half only, and so no two ends ever give out the same bytes.

Python cannot promise that a secret is erased from memory. What is done: secrets are kept apart from text, and
references to them are short-lived.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NoReturn, get_args

from quantumlink import validation

Origin = Literal["device", "system", "simulated", "seeded"]
"""Where the randomness is from: a QKD device, the operating system (keys that never leave one node), a simulation
that draws from the operating system, or a simulation whose seed repeats it. The last two are not secret."""

ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)
SIMULATED: Final[frozenset[Origin]] = frozenset({"simulated", "seeded"})

CHUNK_BYTES: Final = 1024
"""Blocks are cut into chunks of that size: a part of the agreement between two ends."""


class Secret:
    """Secret bytes that do not show in a repr, a log, a traceback or a pickle.

    >>> secret = Secret(b"0123456789abcdef")
    >>> secret, len(secret), secret == Secret(b"0123456789abcdef")
    (<Secret of 128 bits>, 16, True)
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"a secret must be bytes, got a value of type {type(value).__name__}")
        self._bytes = bytes(value)

    def reveal(self) -> bytes:
        """The bytes."""
        return self._bytes

    def cut(self, start: int, length: int) -> Secret:
        """A part of it."""
        if start < 0 or length < 0 or start + length > len(self._bytes):
            raise ValueError(f"a part must lie within {len(self._bytes)} bytes, got {start} to {start + length}")
        return Secret(self._bytes[start : start + length])

    def __len__(self) -> int:
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes, other._bytes)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Secret of {8 * len(self._bytes)} bits>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied: take its bytes with reveal(), and know why")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where key material is from, and how far it can be trusted; no secret in it."""

    link: str
    """The link that made it, such as ``"alice–bob"``."""
    protocol: str
    """The protocol, such as ``"bbm92"``."""
    origin: Origin
    """Where its randomness is from: see `Origin`."""
    proof: str = ""
    """Name of the security proof; empty if there is none."""
    epsilon: float | None = None
    """Failure probability of the proof for this block, None if there is no proof."""
    block: int = 0
    """Number of the block on its link."""
    made_at_s: float = field(default_factory=time.time)
    """When it was made, in seconds since 1970."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.choice("origin", self.origin, ORIGINS)
        if self.epsilon is not None:
            validation.probability("epsilon", self.epsilon)
        validation.count("block", self.block)
        validation.number("made_at_s", self.made_at_s)

    @property
    def is_simulated(self) -> bool:
        """Whether the bytes are from a simulation, and so not secret."""
        return self.origin in SIMULATED

    @property
    def failure_probability(self) -> float | None:
        """``epsilon``; 0 for what the operating system drew, which needs no proof, and None where nobody knows."""
        return 0.0 if self.epsilon is None and self.origin == "system" else self.epsilon

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for a file or a page."""
        return asdict(self)


@dataclass(frozen=True)
class Block:
    """Key material that a supplier brings to both ends of a link.

    Two ends hold the same block if source, number and bytes agree; a store takes a source's numbers in rising
    order only, so that no block counts twice.
    """

    source: str
    """Name of the stream of blocks, the same at both ends."""
    number: int
    """Number of the block in that stream."""
    secret: Secret
    """Its bytes."""
    provenance: Provenance

    def __post_init__(self) -> None:
        validation.plain(self)
        if not self.source or "/" in self.source:
            raise ValueError(f"source must be a name without '/', got {self.source!r}")
        validation.count("number", self.number)
        if not len(self.secret):
            raise ValueError("a block must hold at least one byte, got none")

    def chunks(self) -> list[tuple[str, bool, Secret]]:
        """Name, whether it belongs to the first end (by the order of the ids), and bytes of each chunk."""
        return [
            (
                f"{self.source}/{self.number}/{index}",
                (self.number + index) % 2 == 0,
                self.secret.cut(start, min(CHUNK_BYTES, len(self.secret) - start)),
            )
            for index, start in enumerate(range(0, len(self.secret), CHUNK_BYTES))
        ]


@dataclass(frozen=True, order=True)
class Position:
    """A stretch of a chunk: the name of key material that both ends know, without any of its bytes."""

    chunk: str
    start: int
    length: int

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("start", self.start)
        validation.count("length", self.length, at_least=1)


@dataclass(frozen=True)
class DeliveredKey:
    """A key as it is handed over."""

    key_id: str
    secret: Secret
