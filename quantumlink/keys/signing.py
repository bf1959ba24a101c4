"""Signatures from three keys of QKD: from distilled keys to a signer and two recipients, and what may fail in all.

The signer shares a key with either recipient, and the recipients share one with each other. By the third they hand
one another half of the first two, under a one-time pad with a one-time authenticator. Then one message can be
signed and checked (see `quantumlink.keys.signatures`).

What may fail adds up: forgery and repudiation of the scheme, ε of each of the three keys (secrecy, correctness and
forgery in the conversations that made them), and a forged hand-over.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink import validation
from quantumlink.distillation.key import Key
from quantumlink.distillation.vault import KeyTaken
from quantumlink.keys.material import Secret
from quantumlink.keys.relay.one_time_pad import authenticated, opened, pad_bytes
from quantumlink.keys.signatures import Recipient, SignatureScheme, Signer

_CONTEXTS = (b"first to second", b"second to first")
_TAG_BLOCK, _TAG_BITS, _TAG_FACTOR = 16, 106, 8
"""Poly1305 under a key used once lets a forgery pass with 8·⌈L/16⌉/2¹⁰⁶ at most (D. J. Bernstein, FSE 2005)."""


@dataclass(frozen=True, kw_only=True)
class SigningTerms:
    """What may fail of one signed message, and what it spends."""

    scheme: SignatureScheme
    """How many keys, and how many wrong tags are too many."""
    message_bytes: int
    """Length of the longest message."""
    key_epsilons: tuple[float, float, float]
    """ε of the keys: signer and first recipient, signer and second, both recipients."""

    @property
    def forgery(self) -> float:
        """Another message is accepted."""
        return self.scheme.forgery_probability(self.message_bytes)

    @property
    def repudiation(self) -> float:
        """The first recipient accepts and the second does not."""
        return self.scheme.repudiation_probability()

    @property
    def exchange_forgery(self) -> float:
        """One of the two hand-overs is forged."""
        blocks = -(-(self.scheme.exchanged_bytes + max(map(len, _CONTEXTS))) // _TAG_BLOCK) + 2
        return 2 * _TAG_FACTOR * blocks / 2.0**_TAG_BITS

    @property
    def epsilon(self) -> float:
        """All that may fail."""
        return self.forgery + self.repudiation + self.exchange_forgery + sum(self.key_epsilons)

    @property
    def spent_bytes(self) -> tuple[int, int, int]:
        """Of each of the three keys, in the order of ``key_epsilons``."""
        size = self.scheme.key_bytes
        return size, size, 2 * pad_bytes(self.scheme.exchanged_bytes)

    def lines(self) -> list[tuple[str, str]]:
        """Every term as a label and a readable value."""
        names = ("signer and first recipient", "signer and second recipient", "both recipients")
        return [
            ("one-time keys with each recipient", f"{self.scheme.keys}"),
            ("wrong tags at which the second rejects", f"{self.scheme.reject_at} of {self.scheme.keys // 2}"),
            ("signature", f"{self.scheme.signature_bytes} bytes"),
            *((f"key of {name}", f"{n} bytes spent") for name, n in zip(names, self.spent_bytes, strict=True)),
            ("forgery", f"{self.forgery:.3g}"),
            ("repudiation", f"{self.repudiation:.3g}"),
            *((f"ε of the key of {name}", f"{e:.3g}") for name, e in zip(names, self.key_epsilons, strict=True)),
            ("a forged hand-over", f"{self.exchange_forgery:.3g}"),
            ("all that may fail, ε", f"{self.epsilon:.3g}"),
        ]


@dataclass(frozen=True, eq=False)
class Signing:
    """Three who are ready to sign and check one message."""

    signer: Signer
    """Who signs."""
    first: Recipient
    """Who checks first, and accepts nothing wrong."""
    second: Recipient
    """To whom the signature is shown later."""
    terms: SigningTerms
    """What may fail."""


def prepare_signing(
    first: Key,
    second: Key,
    exchange: Key,
    *,
    eps: float = 1e-10,
    message_bytes: int = 4096,
    seeds: tuple[int, int] | None = None,
) -> Signing:
    """Make a signer and two recipients of three keys, whose bytes are then taken.

    All three sit at one table here: every key holds what both of its ends have.

    Args:
        first: key of the signer and the first recipient.
        second: key of the signer and the second recipient.
        exchange: key of both recipients.
        eps: of forgery and repudiation together, in [1e-30, 1).
        message_bytes: length of the longest message: a longer one is neither signed nor accepted.
        seeds: which halves are handed over, for study; None draws from the system.

    Raises:
        ValueError: if ε or the length is out of range, or two of the keys are one.
        NoSecretKey: if a key was refused.
        KeyTaken: if a key is too short; then nothing is taken of any.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd import bb84
    >>> keys = [bb84(Fiber(1), 100_000, seed=seed) for seed in (1, 2, 3)]
    >>> ready = prepare_signing(*keys, eps=1e-10, message_bytes=100)
    >>> signature = ready.signer.sign(b"pay 10 to Bob")
    >>> ready.first.accepts(b"pay 10 to Bob", signature), ready.second.accepts(b"pay 10 to Bob", signature)
    (True, True)
    """
    scheme = SignatureScheme.for_tolerance(eps, message_bytes=message_bytes)
    keys = (first, second, exchange)
    for name, key in zip(("first", "second", "exchange"), keys, strict=True):
        validation.instance(name, key, Key, "a key of QKD")
        key.open_vault()
    if len({id(key.open_vault()) for key in keys}) < len(keys):
        raise ValueError("first, second and exchange must be three keys: who holds one must not hold another")
    epsilons = (first.epsilon, second.epsilon, exchange.epsilon)
    terms = SigningTerms(scheme=scheme, message_bytes=message_bytes, key_epsilons=epsilons)
    for name, key, needed in zip(("first", "second", "exchange"), keys, terms.spent_bytes, strict=True):
        if key.left < 8 * needed:
            raise KeyTaken(
                f"the key {name} must have {needed} bytes left to sign a message, it has {key.left // 8}"
            )
    taken = [bytes(key.take(scheme.key_bytes)) for key in keys[:2]]
    chosen = seeds or (None, None)
    recipients = [
        Recipient(scheme, own, first=not i, message_bytes=message_bytes, seed=chosen[i])
        for i, own in enumerate(taken)
    ]
    handed = []
    for recipient, context in zip(recipients, _CONTEXTS, strict=True):
        pad = Secret(bytes(exchange.take(pad_bytes(scheme.exchanged_bytes))))
        message = authenticated(Secret(recipient.hand_over()), pad, context)
        handed.append(opened(message, pad, context).reveal())
    recipients[0].take(handed[1])
    recipients[1].take(handed[0])
    signer = Signer(scheme, *taken, message_bytes=message_bytes)
    return Signing(signer, recipients[0], recipients[1], terms)
