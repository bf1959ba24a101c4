"""Digital signatures from keys of QKD: transactions that nobody can change or deny, whatever computers there are.

Three parties, a signer and two recipients, hold keys with one another. Each recipient has k one-time keys of a
message tag in common with the signer, and hands half of them, chosen at random, in secret to the other recipient.
So each of them can check k tags: the half kept, and the half received; the signer does not know which are where.

A signature of a message is its 2·k tags. The first recipient accepts if none of those he can check is wrong. The
second one, to whom it is shown later, is milder, so that what one accepted the other does too: of each half he can
check fewer than v must be wrong.

- *Forgery*: whoever changes the message needs right tags for k/2 keys of which he knows nothing, but for fewer than
  v: at most Σ_{j > k/2 − v} C(k/2, j)·ε_tag^j, with ε_tag = B/2¹²⁸ for a message of B blocks. A forged message may
  be longer than the one that was signed, so all three agree on the longest that is accepted.
- *Repudiation*: a signer who wants one to accept and the other to reject makes w ≥ v tags wrong for the keys that
  she shares with one of them. All of these must be among the ones that the second recipient checks, while the
  halves are random: C(k − w, k/2 − w)/C(k, k/2) at most, for either of the two sets of keys.

Both hold as long as the keys are secret; by how much these may fail (`Key.epsilon`) is added. One set of keys signs
one message. At most one of the three is dishonest; recipients hand halves over by a channel of their own, encrypted
and authenticated by a key that they share.

References:
    P. Wallden, V. Dunjko, A. Kent, E. Andersson, Phys. Rev. A 91, 042304 (2015): signatures from keys of QKD.
    R. Amiri, A. Abidin, P. Wallden, E. Andersson, ACNS 2018, LNCS 10892, 143: tags by universal hashing.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Any, NoReturn

import numpy as np

from quantumlink import validation
from quantumlink.distillation.authentication import forgery_probability, polynomial_hash

TAG_BYTES = 16
ONE_KEY_BYTES = 2 * TAG_BYTES
"""A secret point and a mask."""
_PLACE_BYTES = 2
_LEAST_EPS = 1e-30
_MOST_OF_A_TAG = 1e-6


@dataclass(frozen=True)
class SignatureScheme:
    """How many keys, and how many wrong tags the second recipient rejects.

    Args:
        keys: k, one-time keys of each recipient with the signer, even.
        reject_at: v, wrong tags among one half at which the second recipient rejects, in [1, k/2].

    Raises:
        ValueError: if an argument is out of range.

    >>> scheme = SignatureScheme.for_tolerance(1e-10, message_bytes=1000)
    >>> scheme, scheme.signature_bytes, scheme.key_bytes
    (SignatureScheme(keys=38, reject_at=19), 1216, 1216)
    """

    keys: int
    """One-time keys of each recipient with the signer."""
    reject_at: int
    """Wrong tags among one half at which the second recipient rejects."""

    def __post_init__(self) -> None:
        validation.plain(self)
        if validation.count("keys", self.keys, at_least=2) % 2 or self.keys > 1 << 15:
            raise ValueError(f"keys must be even and at most {1 << 15}, got {self.keys}")
        if validation.count("reject_at", self.reject_at, at_least=1) > self.keys // 2:
            raise ValueError(f"reject_at must be at most half of the {self.keys} keys, got {self.reject_at}")

    @classmethod
    def for_tolerance(cls, eps: float, *, message_bytes: int) -> SignatureScheme:
        """The fewest keys with which forgery and repudiation together have a probability of at most ε.

        Args:
            eps: in [1e-30, 1).
            message_bytes: length of the longest message.

        Raises:
            ValueError: if ε is below 1e-30 or not below 1, or the message too long for tags of 128 bits.
        """
        eps, size = (
            validation.number("eps", eps, at_least=_LEAST_EPS),
            validation.count("message_bytes", message_bytes),
        )
        if eps >= 1:
            raise ValueError(f"eps must be a number in [{_LEAST_EPS:g}, 1), got {eps}")
        if forgery_probability(size) > _MOST_OF_A_TAG:
            raise ValueError(f"message_bytes must be fewer: tags of 128 bits do not cover {message_bytes}")
        for half in range(1, (1 << 14) + 1):
            if 2 * Fraction(1, comb(2 * half, half)) > Fraction(eps):
                continue
            # More wrong tags to reject at make repudiation less likely and forgery more.
            for scheme in (cls(2 * half, reject_at) for reject_at in range(1, half + 1)):
                denied = scheme.repudiation_probability()
                if denied <= eps and denied + scheme.forgery_probability(size) <= eps:
                    return scheme
        raise ValueError(f"eps must be larger, got {eps}")

    @property
    def key_bytes(self) -> int:
        """Bytes of key that the signer shares with each recipient, for one message."""
        return self.keys * ONE_KEY_BYTES

    @property
    def exchanged_bytes(self) -> int:
        """Bytes that each recipient hands to the other in secret."""
        return self.keys // 2 * (_PLACE_BYTES + ONE_KEY_BYTES)

    @property
    def signature_bytes(self) -> int:
        """Bytes of a signature."""
        return 2 * self.keys * TAG_BYTES

    def forgery_probability(self, message_bytes: int) -> float:
        """At most this probable is it that the second recipient accepts another message."""
        half, one = self.keys // 2, Fraction(forgery_probability(message_bytes))
        least = half - self.reject_at + 1
        return min(1.0, float(sum(comb(half, j) * one**j for j in range(least, half + 1))))

    def repudiation_probability(self) -> float:
        """At most this probable is it that the first recipient accepts and the second one does not."""
        half = self.keys // 2
        # Any w ≥ v wrong tags must all lie in the half that the second one checks: the fewer, the likelier.
        one = Fraction(comb(self.keys - self.reject_at, half - self.reject_at), comb(self.keys, half))
        return min(1.0, float(2 * one))


class Signer:
    """Who signs, once.

    Args:
        scheme: what all three agreed on.
        first: key shared with the first recipient, ``scheme.key_bytes`` long.
        second: key shared with the second one.
        message_bytes: length of the longest message that is signed; any if None.

    Raises:
        ValueError: if a key is of another length, or the length of messages is out of range.
    """

    def __init__(
        self, scheme: SignatureScheme, first: bytes, second: bytes, *, message_bytes: int | None = None
    ) -> None:
        self._longest = _longest(message_bytes)
        self._keys: bytes | None = _checked("first", first, scheme.key_bytes) + _checked(
            "second", second, scheme.key_bytes
        )

    def sign(self, message: bytes) -> bytes:
        """The signature of a message.

        Raises:
            ValueError: if the message is longer than was agreed; the keys are then as good as before.
            RuntimeError: if something was signed already.
        """
        if self._longest is not None and len(message) > self._longest:
            raise ValueError(f"message must hold at most {self._longest} bytes, as agreed, got {len(message)}")
        keys, self._keys = self._keys, None
        if keys is None:
            raise RuntimeError("these keys have signed a message: another one needs new keys")
        return b"".join(_tag(keys[i : i + ONE_KEY_BYTES], message) for i in range(0, len(keys), ONE_KEY_BYTES))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a signer cannot be copied or pickled: its keys are good for one message")


class Recipient:
    """One of the two who check.

    Args:
        scheme: what all three agreed on.
        own: key shared with the signer, ``scheme.key_bytes`` long.
        first: whether it is the first recipient, who accepts nothing wrong, or the second.
        message_bytes: length of the longest message that is accepted, for which ``forgery_probability`` is told;
            any if None, and then whoever forges may choose a long one.
        seed: which half is handed over, for study; None draws from the system.

    Raises:
        ValueError: if the key is of another length, or the length of messages is out of range.

    >>> scheme = SignatureScheme(keys=8, reject_at=3)
    >>> keys = [bytes(range(256)), bytes(reversed(range(256)))]  # in earnest: taken of keys of QKD
    >>> bob, carol = Recipient(scheme, keys[0], first=True), Recipient(scheme, keys[1], first=False)
    >>> bob.take(carol.hand_over()); carol.take(bob.hand_over())
    >>> signature = Signer(scheme, *keys).sign(b"pay 10 to Bob")
    >>> bob.accepts(b"pay 10 to Bob", signature), carol.accepts(b"pay 99 to Bob", signature)
    (True, False)
    """

    def __init__(
        self,
        scheme: SignatureScheme,
        own: bytes,
        *,
        first: bool,
        message_bytes: int | None = None,
        seed: int | None = None,
    ) -> None:
        own = _checked("own", own, scheme.key_bytes)
        self._longest = _longest(message_bytes)
        self._scheme, self._first = scheme, bool(first)
        chosen = _half(scheme.keys, seed)
        keys = [own[i : i + ONE_KEY_BYTES] for i in range(0, len(own), ONE_KEY_BYTES)]
        self._kept = {place: key for place, key in enumerate(keys) if place not in chosen}
        self._given: dict[int, bytes] | None = {place: keys[place] for place in chosen}
        self._received: dict[int, bytes] | None = None
        self._checked = False

    def hand_over(self) -> bytes:
        """The half that the other recipient gets, by a channel that is encrypted and authenticated; once.

        Raises:
            RuntimeError: if it was handed over already.
        """
        given, self._given = self._given, None
        if given is None:
            raise RuntimeError("this half was handed over already")
        return b"".join(place.to_bytes(_PLACE_BYTES, "big") + key for place, key in sorted(given.items()))

    def take(self, handed: bytes) -> None:
        """The half of the other recipient.

        Raises:
            ValueError: if it is no such half.
            RuntimeError: if one was taken already.
        """
        if self._received is not None:
            raise RuntimeError("the other half was taken already")
        _checked("handed", handed, self._scheme.exchanged_bytes)
        step = _PLACE_BYTES + ONE_KEY_BYTES
        parts = [handed[i : i + step] for i in range(0, len(handed), step)]
        found = {int.from_bytes(part[:_PLACE_BYTES], "big"): part[_PLACE_BYTES:] for part in parts}
        if len(found) != len(parts) or max(found) >= self._scheme.keys:
            raise ValueError(f"handed must hold {len(parts)} different places below {self._scheme.keys}")
        self._received = found

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is one of this message; asked once, for one message.

        Raises:
            RuntimeError: if it was asked already, or the halves were not exchanged.
        """
        if self._received is None or self._given is not None:
            raise RuntimeError("the recipients must have exchanged their halves before anything is signed")
        if self._checked:
            raise RuntimeError("these keys have checked a message: another one needs new keys")
        self._checked = True
        if len(signature) != self._scheme.signature_bytes:
            return False
        if self._longest is not None and len(message) > self._longest:
            return False  # a tag of a longer message is guessed more easily than was agreed
        size = self._scheme.keys * TAG_BYTES
        tags = (signature[:size], signature[size:]) if self._first else (signature[size:], signature[:size])
        wrong = [_wrong(keys, part, message) for keys, part in zip((self._kept, self._received), tags, strict=True)]
        return max(wrong) < (1 if self._first else self._scheme.reject_at)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a recipient cannot be copied or pickled: its keys are good for one message")


def _tag(key: bytes, message: bytes) -> bytes:
    point, mask = (int.from_bytes(part, "little") for part in (key[:TAG_BYTES], key[TAG_BYTES:]))
    return (polynomial_hash(message, point=point) ^ mask).to_bytes(TAG_BYTES, "little")


def _wrong(keys: dict[int, bytes], tags: bytes, message: bytes) -> int:
    """How many of the keys' tags are wrong; all are computed, whatever they are."""
    return sum(
        not hmac.compare_digest(_tag(key, message), tags[place * TAG_BYTES : (place + 1) * TAG_BYTES])
        for place, key in keys.items()
    )


def _half(keys: int, seed: int | None) -> set[int]:
    """Half of the places, any equally likely."""
    if validation.seed("seed", seed) is not None:
        return set(np.random.default_rng(seed).choice(keys, keys // 2, replace=False).tolist())
    return set(secrets.SystemRandom().sample(range(keys), keys // 2))


def _longest(message_bytes: int | None) -> int | None:
    return None if message_bytes is None else validation.count("message_bytes", message_bytes)


def _checked(name: str, value: bytes, length: int) -> bytes:
    if not isinstance(value, (bytes, bytearray)) or len(value) != length:
        got = f"{len(value)} bytes" if isinstance(value, (bytes, bytearray)) else type(value).__name__
        raise ValueError(f"{name} must hold {length} bytes, got {got}")
    return bytes(value)
