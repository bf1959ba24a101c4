"""A man in the middle on the classical channel: what he does to the public messages on their way.

He acts on serialized messages, as they are, in their order; whether the ends notice is what authentication is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from quantumlink import validation

Tampering = Literal["flip", "drop", "repeat", "swap", "truncate", "forge"]

TAMPERINGS: tuple[Tampering, ...] = get_args(Tampering)


@dataclass(frozen=True)
class ManInTheMiddle:
    """Changes one message, or the order of two.

    Args:
        action: ``"flip"`` (one bit of a message), ``"drop"`` (a message), ``"repeat"`` (it is sent twice),
            ``"swap"`` (it and the next change places), ``"truncate"`` (all from it on are lost), ``"forge"``
            (random bytes of the same length in its place).
        message: which one, counted from 0; drawn at random if None.
        seed: of what is drawn; None draws anew each time.

    Raises:
        ValueError: if the action is unknown, or a number is out of range.
        TypeError: if a number is not a whole one.

    >>> ManInTheMiddle("swap", message=0).act([b"first", b"second", b"third"])
    [b'second', b'first', b'third']
    """

    action: Tampering
    """What he does."""
    message: int | None = None
    """To which message."""
    seed: int | None = None
    """Of what is drawn."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.choice("action", self.action, TAMPERINGS)
        if self.message is not None:
            validation.count("message", self.message)
        validation.seed("seed", self.seed)

    def act(self, messages: Sequence[bytes]) -> list[bytes]:
        """The messages as they arrive; always others than were sent.

        Raises:
            ValueError: if there is no such message, or nothing in it that could be changed.
        """
        sent = list(messages)
        last = len(sent) - (2 if self.action == "swap" else 1)
        rng = np.random.default_rng(self.seed)
        i = self.message if self.message is not None else int(rng.integers(max(last + 1, 1)))
        if i > last:
            raise ValueError(
                f"message must be at most {last} to {self.action} one of {len(sent)} messages, got {i}"
            )
        if self.action == "drop":
            return sent[:i] + sent[i + 1 :]
        if self.action == "truncate":
            return sent[:i]
        if self.action == "repeat":
            return [*sent[: i + 1], *sent[i:]]
        if self.action == "swap":
            return [*sent[:i], sent[i + 1], sent[i], *sent[i + 2 :]]
        return [*sent[:i], self._changed(sent[i], rng), *sent[i + 1 :]]

    def _changed(self, message: bytes, rng: np.random.Generator) -> bytes:
        if not message:
            raise ValueError(f"message must hold at least one byte to {self.action} it, got none")
        if self.action == "forge":
            forged = rng.bytes(len(message))
            while forged == message:
                forged = rng.bytes(len(message))
            return forged
        changed = bytearray(message)
        place = int(rng.integers(8 * len(message)))
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)
