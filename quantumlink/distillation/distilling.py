"""Distillation: from the raw records of both ends to a secret key, or to a refusal with its reason.

The steps, each a message of one end to the other (see ``quantumlink.distillation.party``):

1. Sifting: which rounds Bob detected, and what the settings of both were. All of it is inside the conversation
   that is authenticated.
2. The bits of the test rounds are compared in public. So is a random sample of the key basis, which is thrown
   away; its error rate tells reconciliation what to expect.
3. From these counts both ends make the bound that they agreed on. If no key can come of it, they stop here, before
   anything more is disclosed.
4. Reconciliation, then verification by a tag. If the tags differ the key is refused.
5. The security bound says how many bits are secret. Privacy amplification keeps that many, less those that the
   authentication of the conversation has spent.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.authentication import SharedSecret
from quantumlink.distillation.bits import Bits, as_bits, random_bits
from quantumlink.distillation.ends import Alice, Bob, converse
from quantumlink.distillation.key import Key
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.reconciliation import AliceEnd, BobEnd, Reconciler, Reconciliation
from quantumlink.distillation.records import Records


def distill(
    alice: Records,
    bob: Records,
    *,
    agreement: Agreement,
    seed: int | np.random.Generator | None = None,
) -> Key:
    """Distill a key from raw records: both ends in one process, talking as they would over a line.

    Both ends in one place are for study, whatever the records are of: a key for use is made by `Alice` and `Bob`,
    each where its records are.

    Args:
        alice: Alice's raw records; they are used up.
        bob: Bob's raw records, of the rounds he detected; they are used up.
        agreement: what both ends hold alike: rounds, sifting, the recipe of the bound, tolerances. A
            reconciliation that has ``reconcile`` but no ends of its own, which needs both strings at hand, must be
            wrapped by `at_one_table`.
        seed: source of all random choices (sample, orders, hash functions), for study; None draws from the system.

    Returns:
        The key. One in which nothing is secret is refused: it holds a reason and no bits.

    Raises:
        ValueError: if records are of another number of rounds than agreed.
        RecordsConsumed: if records were in a conversation already.

    >>> rng = np.random.default_rng(5)
    >>> bits, (hers, his) = rng.integers(0, 2, 160_000), rng.integers(0, 2, (2, 160_000))
    >>> heard = np.where(hers == his, bits ^ (rng.random(160_000) < 0.02), rng.integers(0, 2, 160_000))
    >>> key = distill(Records(bits=bits, settings=hers), Records(bits=heard, settings=his),
    ...               agreement=Agreement(protocol="BB84", rounds=160_000), seed=7)
    >>> len(key) > 15_000, np.array_equal(key.secret_bits, key.peer_bits), key.seeded
    (True, True, True)
    """
    return key_of(*talk_over(alice, bob, agreement=agreement, seed=seed))


def talk_over(
    alice: Records, bob: Records, *, agreement: Agreement, seed: int | np.random.Generator | None = None
) -> tuple[Alice, Bob]:
    """Both ends after their conversation; the arguments are those of `distill`."""
    rng = None if seed is None else np.random.default_rng(seed)
    shared = _shared(rng)
    hers = Alice(alice, agreement=agreement, secret=SharedSecret(shared), seed=rng)
    his = Bob(bob, agreement=agreement, secret=SharedSecret(shared))
    converse(hers, his)
    return hers, his


def key_of(hers: Alice, his: Bob) -> Key:
    """The key of two ends in one place after their conversation, with the bits of both."""
    if hers.key and his.key:
        bits = hers.key.open_vault().together(his.key.open_vault())
        return replace(hers.key, holder=None, corrected_errors=his.key.corrected_errors, _vault=bits)
    # the refusal that says why, not the one that says that the other end gave up
    told = his.key if hers.key or hers.heard_abort else hers.key
    return replace(told, holder=None, seeded=hers.key.seeded, corrected_errors=his.key.corrected_errors)


def _shared(rng: np.random.Generator | None) -> Bits:
    if rng is not None:
        return random_bits(rng, AUTHENTICATION_BITS)
    return np.unpackbits(np.frombuffer(secrets.token_bytes(AUTHENTICATION_BITS // 8), dtype=np.uint8))


class _AtOneTable:
    """A reconciliation that needs both strings at hand, dressed up as two ends.

    It breaks the rule that the ends share nothing, and so exists only here, where one call holds both strings.
    """

    def __init__(self, method: Reconciler) -> None:
        self._method = method
        self._alice: Bits | None = None
        self._result: Reconciliation | None = None

    def __repr__(self) -> str:
        return repr(self._method)

    def reconcile(
        self,
        alice_bits: ArrayLike,
        bob_bits: ArrayLike,
        *,
        qber: float,
        seed: int | np.random.Generator | None = None,
    ) -> Reconciliation:
        return self._method.reconcile(alice_bits, bob_bits, qber=qber, seed=seed)

    def alice_end(self, bits: ArrayLike, *, qber: float, seed: int) -> AliceEnd:
        self._alice = as_bits("bits", bits)
        yield b""
        assert self._result is not None  # Bob's end came first
        return self._result.leaked_bits, self._result.replied_bits

    def bob_end(self, bits: ArrayLike, *, qber: float, seed: int) -> BobEnd:
        yield b""
        assert self._alice is not None  # Alice's end came first
        self._result = self._method.reconcile(self._alice, bits, qber=qber, seed=seed)
        yield b""
        return self._result


def at_one_table(method: Reconciler) -> Reconciler:
    """A reconciliation for `distill`: itself if it has two ends, else dressed up as two that sit at one table.

    Raises:
        TypeError: if it is no reconciliation.
    """
    if isinstance(method, type) or not callable(getattr(method, "reconcile", None)):
        raise TypeError(
            f"reconciliation must be an object with a method reconcile, such as Cascade(), got {method!r}"
        )
    return method if hasattr(method, "alice_end") and hasattr(method, "bob_end") else _AtOneTable(method)
