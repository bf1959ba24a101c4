"""One hop of a relay: a one-time pad with a one-time authenticator, both from key that the two nodes share.

The pad hides the key perfectly. The tag is Poly1305 under a key that is used once: a changed message passes with a
probability of at most 8 ⌈L/16⌉ / 2¹⁰⁶ for L bytes, whatever an attacker can compute (D. J. Bernstein, FSE 2005).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from quantumlink.keys.material import Secret

TAG_KEY_BYTES: Final = 32
"""Key that the tag of one message uses up."""
TAG_BYTES: Final = 16


class PadError(Exception):
    """A message of a hop was changed, cut, or belongs elsewhere: nothing of it is used."""


def pad_bytes(length: int) -> int:
    """How much key a hop uses up to hand on that many bytes."""
    return length + TAG_KEY_BYTES


def authenticated(secret: Secret, pad: Secret, context: bytes) -> bytes:
    """The message that hands a secret on.

    Args:
        secret: what is handed on.
        pad: `pad_bytes` of shared key, never used before or after.
        context: what the message belongs to, such as its id and the two nodes; it is bound, not sent.
    """
    _check(len(secret), pad)
    hidden = _xor(secret.reveal(), pad.cut(0, len(secret)).reveal())
    return hidden + _tag(hidden, pad, context)


def opened(message: bytes, pad: Secret, context: bytes) -> Secret:
    """The secret of a message.

    Raises:
        PadError: if anything of it, of the pad or of the context is not as it was.
    """
    hidden, tag = message[:-TAG_BYTES], message[-TAG_BYTES:]
    _check(len(hidden), pad)
    key = pad.cut(len(pad) - TAG_KEY_BYTES, TAG_KEY_BYTES).reveal()
    try:
        Poly1305.verify_tag(key, _bound(hidden, context), tag)
    except InvalidSignature:
        raise PadError("a message between two nodes does not have the right tag") from None
    return Secret(_xor(hidden, pad.cut(0, len(hidden)).reveal()))


def forgery_probability(length: int, context: bytes) -> float:
    """At most this probable is it that a changed message of a secret of so many bytes passes.

    >>> forgery_probability(32, b"") == 8 * 3 / 2**106  # 40 bytes, with the length of the context
    True
    """
    return 8 * -(-len(_bound(bytes(length), context)) // 16) * 2.0**-106


def _tag(hidden: bytes, pad: Secret, context: bytes) -> bytes:
    key = pad.cut(len(pad) - TAG_KEY_BYTES, TAG_KEY_BYTES).reveal()
    return Poly1305.generate_tag(key, _bound(hidden, context))


def _check(length: int, pad: Secret) -> None:
    if len(pad) != pad_bytes(length):
        raise PadError(f"a message of {length} bytes needs {pad_bytes(length)} bytes of pad, got {len(pad)}")


def _bound(hidden: bytes, context: bytes) -> bytes:
    return len(context).to_bytes(8, "big") + context + hidden


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")
