"""Signatures: probabilities by enumeration, and everything that a dishonest party may try."""

import copy
import pickle
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest

from quantumlink.distillation.authentication import forgery_probability
from quantumlink.keys.signatures import ONE_KEY_BYTES, TAG_BYTES, Recipient, SignatureScheme, Signer

SCHEME = SignatureScheme(keys=12, reject_at=4)
MESSAGE = b"pay 10 to Bob"


def parties(scheme=SCHEME, seed=1):
    rng = np.random.default_rng(seed)
    first, second = (rng.bytes(scheme.key_bytes) for _ in range(2))
    bob = Recipient(scheme, first, first=True, seed=seed + 10)
    carol = Recipient(scheme, second, first=False, seed=seed + 20)
    handed = carol.hand_over(), bob.hand_over()
    bob.take(handed[0])
    carol.take(handed[1])
    return Signer(scheme, first, second), bob, carol, (first, second, *handed)


def test_what_was_signed_both_accept():
    alice, bob, carol, _ = parties()
    signature = alice.sign(MESSAGE)
    assert len(signature) == SCHEME.signature_bytes == 2 * 12 * TAG_BYTES
    assert bob.accepts(MESSAGE, signature)
    assert carol.accepts(MESSAGE, signature)


@pytest.mark.parametrize("message", [b"pay 99 to Bob", b"", MESSAGE + b"\x00", MESSAGE[:-1]])
def test_another_message_neither_accepts(message):
    alice, bob, carol, _ = parties()
    signature = alice.sign(MESSAGE)
    assert not bob.accepts(message, signature)
    assert not carol.accepts(message, signature)


def test_bob_cannot_forge_with_all_that_he_knows():
    """He makes right tags for his own keys and for the half that Carol gave him, and that is not enough."""
    from quantumlink.keys.signatures import _tag

    alice, _, carol, (first, _, from_carol, _) = parties()
    signature = bytearray(alice.sign(MESSAGE))
    forged = b"pay 99 to Bob"
    for place in range(SCHEME.keys):
        key = first[place * ONE_KEY_BYTES : (place + 1) * ONE_KEY_BYTES]
        signature[place * TAG_BYTES : (place + 1) * TAG_BYTES] = _tag(key, forged)
    step = 2 + ONE_KEY_BYTES
    for start in range(0, len(from_carol), step):
        place, key = int.from_bytes(from_carol[start : start + 2], "big"), from_carol[start + 2 : start + step]
        at = (SCHEME.keys + place) * TAG_BYTES
        signature[at : at + TAG_BYTES] = _tag(key, forged)
    assert not carol.accepts(forged, bytes(signature))


@pytest.mark.parametrize(("wrong", "accepted"), [(3, True), (4, False)])
def test_the_second_is_milder_by_as_much_as_was_agreed(wrong, accepted):
    """So many wrong tags among those that Bob handed to Carol, which Bob does not look at."""
    alice, bob, carol, (_, _, _, from_bob) = parties()
    signature = bytearray(alice.sign(MESSAGE))
    step = 2 + ONE_KEY_BYTES
    for start in range(0, wrong * step, step):
        signature[int.from_bytes(from_bob[start : start + 2], "big") * TAG_BYTES] ^= 1
    assert bob.accepts(MESSAGE, bytes(signature))
    assert carol.accepts(MESSAGE, bytes(signature)) is accepted


def test_one_wrong_tag_that_the_first_can_check_is_enough_for_him():
    alice, bob, _, (_, _, from_carol, _) = parties()
    signature = bytearray(alice.sign(MESSAGE))
    signature[(SCHEME.keys + int.from_bytes(from_carol[:2], "big")) * TAG_BYTES] ^= 1
    assert not bob.accepts(MESSAGE, bytes(signature))


# --- probabilities


@pytest.mark.parametrize(("keys", "reject_at"), [(2, 1), (6, 2), (8, 3), (10, 5)])
def test_repudiation_by_enumeration(keys, reject_at):
    """Over all halves, the best number of wrong tags among either recipient's keys; twice, for both sets."""
    halves = list(combinations(range(keys), keys // 2))  # the half that Carol checks
    best = max(
        Fraction(sum(wrong >= reject_at and set(range(wrong)) <= set(half) for half in halves), len(halves))
        for wrong in range(keys + 1)
    )
    assert SignatureScheme(keys, reject_at).repudiation_probability() == pytest.approx(float(min(1, 2 * best)))


def test_repudiation_by_drawing():
    """A signer who makes v tags wrong gets her way about as often as was said: 20,000 draws, six deviations."""
    keys, reject_at, draws = 8, 2, 20_000
    rng = np.random.default_rng(3)
    order = rng.permuted(np.tile(np.arange(keys), (draws, 1)), axis=1)
    got = (order[:, : keys // 2] < reject_at).sum(1) == reject_at
    said = SignatureScheme(keys, reject_at).repudiation_probability() / 2  # of one of the two sets of keys
    assert abs(got.mean() - said) < 6 * (said / draws) ** 0.5


def test_forgery_in_fractions():
    one = Fraction(forgery_probability(100))
    expected = sum(comb(6, j) * one**j for j in range(3, 7))
    assert SCHEME.forgery_probability(100) == pytest.approx(float(expected), rel=1e-12)
    assert SignatureScheme(12, 6).forgery_probability(100) == pytest.approx(6 * float(one), rel=1e-9)


@pytest.mark.parametrize("eps", [1e-3, 1e-10, 1e-15])
def test_the_fewest_keys_for_a_tolerance(eps):
    scheme = SignatureScheme.for_tolerance(eps, message_bytes=10_000)
    total = scheme.repudiation_probability() + scheme.forgery_probability(10_000)
    assert total <= eps
    fewer = [SignatureScheme(scheme.keys - 2, v) for v in range(1, scheme.keys // 2)]
    assert all(s.repudiation_probability() + s.forgery_probability(10_000) > eps for s in fewer)


def test_a_tolerance_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="eps"):
        SignatureScheme.for_tolerance(1e-31, message_bytes=10)
    with pytest.raises(ValueError, match="message_bytes must be fewer"):
        SignatureScheme.for_tolerance(1e-10, message_bytes=10**36)


# --- once


def test_keys_sign_and_check_one_message():
    alice, bob, _, _ = parties()
    signature = alice.sign(MESSAGE)
    with pytest.raises(RuntimeError, match="another one needs new keys"):
        alice.sign(b"once more")
    bob.accepts(MESSAGE, signature)
    with pytest.raises(RuntimeError, match="another one needs new keys"):
        bob.accepts(MESSAGE, signature)


def test_nothing_is_checked_before_halves_were_exchanged():
    recipient = Recipient(SCHEME, bytes(SCHEME.key_bytes), first=True)
    with pytest.raises(RuntimeError, match="exchanged their halves"):
        recipient.accepts(MESSAGE, bytes(SCHEME.signature_bytes))
    recipient.hand_over()
    with pytest.raises(RuntimeError, match="handed over already"):
        recipient.hand_over()


def test_halves_of_another_form_are_refused():
    recipient = Recipient(SCHEME, bytes(SCHEME.key_bytes), first=True)
    with pytest.raises(ValueError, match="different places"):
        recipient.take(bytes(SCHEME.exchanged_bytes))
    with pytest.raises(ValueError, match="handed must hold"):
        recipient.take(b"")


@pytest.mark.parametrize("part", [0, 1])
def test_nothing_secret_is_copied_or_shown(part):
    party = parties()[part]
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            attempt(party)
    assert "\\x" not in repr(party)


@pytest.mark.parametrize(
    ("keys", "reject_at", "text"), [(3, 1, "even"), (0, 1, "keys"), (4, 3, "half"), (4, 0, "reject_at")]
)
def test_impossible_schemes_are_refused(keys, reject_at, text):
    with pytest.raises(ValueError, match=text):
        SignatureScheme(keys, reject_at)


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match="first must hold 384 bytes, got 3 bytes"):
        Signer(SCHEME, b"abc", bytes(384))
    with pytest.raises(ValueError, match="own must hold 384 bytes, got str"):
        Recipient(SCHEME, "abc", first=True)
