"""Distillation: from the sifted bits of both ends to a secret key, or to a refusal with its reason.

The steps, each a message of one end to the other (see ``quantumlink.qkd.party``):

1. All bits of the test basis (X) are compared in public; their error rate bounds the phase errors of the key
   basis.
2. A random sample of the key basis (Z) is compared in public and thrown away; its error rate tells
   reconciliation what to expect. It has no part in the secrecy.
3. If no key can come of it, the protocol stops here, before anything more is disclosed.
4. Reconciliation, then verification by a tag. If the tags differ the key is refused.
5. The security bound says how many bits are secret. Privacy amplification keeps that many, less those that the
   authentication of the conversation has spent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.qkd.agreement import Agreement
from quantumlink.qkd.arguments import as_count
from quantumlink.qkd.authentication import SharedSecret
from quantumlink.qkd.bits import Bits, as_bit_pair, as_bits, random_bits
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.ends import Alice, Bob, converse
from quantumlink.qkd.key import Key
from quantumlink.qkd.party import AUTHENTICATION_BITS
from quantumlink.qkd.reconciliation import AliceEnd, BobEnd, Cascade, Reconciler, Reconciliation

_CASCADE = Cascade()


def distill(
    *,
    protocol: str,
    rounds: int,
    accepted: int,
    key_alice: ArrayLike,
    key_bob: ArrayLike,
    test_alice: ArrayLike,
    test_bob: ArrayLike,
    sample_fraction: float = 0.05,
    reconciliation: Reconciler = _CASCADE,
    bound: KeyBound | None = None,
    count_replies: bool = False,
    eps_sec: float = 1e-10,
    eps_cor: float = 1e-10,
    rng: np.random.Generator,
    remarks: tuple[str, ...] = (),
) -> Key:
    """Distill a key from sifted bits: both ends in one process, talking as they would over a line.

    Args:
        protocol: name of the protocol, for the report.
        rounds: rounds attempted, for the report.
        accepted: rounds in which both ends got a bit, for the report.
        key_alice: Alice's sifted bits of the key basis, in the order of the rounds.
        key_bob: Bob's, as many; where the protocol anticorrelates, one end has flipped its bits before.
        test_alice: Alice's sifted bits of the test basis; all of them are disclosed.
        test_bob: Bob's, as many.
        sample_fraction: share of the key-basis bits disclosed to estimate their error rate, in (0, 1).
        reconciliation: how the errors are corrected, `Cascade` or `Ldpc`. An object that has ``reconcile`` but no
            ends of its own, which needs both strings at hand, will do for study.
        bound: how many bits are secret; by default the bound for qubits in two bases, from the test bits.
        count_replies: count what Bob says in the reconciliation as disclosed too, as some bounds must (see
            ``quantumlink.qkd.reconciliation``).
        eps_sec: secrecy, in (0, 1); a bound that was given has its own.
        eps_cor: correctness, in (0, 1).
        rng: source of all random choices: sample, orders, hash functions.
        remarks: what else the report must say.

    Returns:
        The key. One in which nothing is secret is refused: it holds a reason and no bits.

    Raises:
        ValueError: if an argument is out of range, no bit string, or differs in length from its counterpart.
        TypeError: if ``reconciliation`` is no such object.

    >>> rng = np.random.default_rng(5)
    >>> alice = rng.integers(0, 2, (2, 40_000))
    >>> bob = alice ^ (rng.random((2, 40_000)) < 0.02)
    >>> key = distill(protocol="bbm92", rounds=160_000, accepted=160_000, key_alice=alice[0], key_bob=bob[0],
    ...               test_alice=alice[1], test_bob=bob[1], rng=rng)
    >>> len(key) > 15_000, np.array_equal(key.secret_bits, key.peer_bits)
    (True, True)
    """
    key_a, key_b = as_bit_pair("key_alice", key_alice, "key_bob", key_bob)
    test_a, test_b = as_bit_pair("test_alice", test_alice, "test_bob", test_bob)
    sifted = len(key_a) + len(test_a)
    if not sifted <= as_count("accepted", accepted) <= as_count("rounds", rounds):
        raise ValueError(
            f"accepted must lie between the sifted bits and the rounds, [{sifted}, {rounds}], got {accepted}"
        )
    agreement = Agreement(
        protocol=protocol,
        rounds=rounds,
        accepted=accepted,
        sample_fraction=sample_fraction,
        reconciliation=_for_two_ends(reconciliation),
        bound=bound,
        count_replies=count_replies,
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        remarks=remarks,
    )
    shared = random_bits(rng, AUTHENTICATION_BITS)
    alice = Alice(key_a, test_a, agreement=agreement, secret=SharedSecret(shared), seed=rng)
    bob = Bob(key_b, test_b, agreement=agreement, secret=SharedSecret(shared))
    converse(alice, bob)
    if alice.key and bob.key:
        return replace(alice.key, holder=None, _bob_bits=bob.key.secret_bits)
    # the refusal that says why, not the one that says that the other end gave up
    return replace(bob.key if alice.key or alice.heard_abort else alice.key, holder=None)


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


def _for_two_ends(method: Reconciler) -> Reconciler:
    has_ends = hasattr(method, "alice_end") and hasattr(method, "bob_end")
    if isinstance(method, type) or has_ends or not callable(getattr(method, "reconcile", None)):
        return method  # `Agreement` has the last word on it
    return _AtOneTable(method)
