"""Hybrid keys: the combiner against an independent computation, modes, and an agreement that fails closed."""

import hashlib
import hmac
import os
import uuid

import pytest

from quantumlink.keys import DeliveredKey, Secret
from quantumlink.keys.hybrid import (
    AgreementError,
    Downgrade,
    Identity,
    KeyParts,
    ModePolicy,
    Offer,
    Responder,
    catkdf,
    combine,
)


def hkdf(material, info, length):
    """RFC 5869 with SHA-384, by hand."""
    extracted = hmac.digest(bytes(48), material, "sha384")
    block, out, count = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(extracted, block + info + bytes([count]), "sha384")
        out, count = out + block, count + 1
    return out[:length]


def test_the_combiner_is_what_it_says():
    qkd, mlkem, x25519 = (Secret(os.urandom(32)) for _ in range(3))
    said = {"key_id": "id", "master": "alice", "slave": "bob", "transcript": b"all that was said"}
    pieces = [b"quantumlink hybrid key", b"\x01", b"QKD required", b"id", b"master", b"alice", b"slave", b"bob",
              hashlib.sha384(b"all that was said").digest()]  # fmt: skip
    info = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
    parts = KeyParts(x25519, mlkem, qkd)
    for length in (32, 48, 100):
        key = combine(parts, mode="QKD required", length=length, **said)
        assert key.reveal() == hkdf(qkd.reveal() + mlkem.reveal() + x25519.reveal(), info, length)


def test_every_input_of_the_combiner_counts():
    def key(mode="post-quantum + QKD", swap=None, **changes):
        made = {"x25519": b"x" * 32, "mlkem": b"m" * 32, "qkd": b"q" * 32}
        made |= {swap: b"!" * 32} if swap else {}
        said = {"key_id": "id", "master": "alice", "slave": "bob", "transcript": b"t"} | changes
        return combine(
            KeyParts(**{name: Secret(value) for name, value in made.items()}), mode=mode, **said
        ).reveal()

    keys = [key(), key(mode="QKD required"), key(key_id="ie"), key(master="alic", slave="ebob"),
            key(transcript=b"u"), key(master="bob", slave="alice"), key(swap="x25519"), key(swap="mlkem"),
            key(swap="qkd")]  # fmt: skip
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("mode", "given"),
    [("classical", "xm"), ("classical", ""), ("post-quantum", "x"), ("post-quantum", "xmq"), ("QKD required", "xm"),
     ("post-quantum + QKD", "xq")],
)  # fmt: skip
def test_parts_must_be_those_of_the_mode(mode, given):
    parts = {name: Secret(bytes(32)) if name[0] in given else None for name in ("x25519", "mlkem", "qkd")}
    with pytest.raises(ValueError, match="uses"):
        combine(KeyParts(**parts), mode=mode, key_id="", master="a", slave="b", transcript=b"")
    with pytest.raises(ValueError, match="32 bytes"):
        combine(KeyParts(Secret(b"short")), mode="classical", key_id="", master="a", slave="b", transcript=b"")


class Ends:
    def __init__(self, mode="post-quantum + QKD", slave_mode=None):
        self.alice, self.bob = Identity.create("alice"), Identity.create("bob")
        self.master_policy, self.policy = ModePolicy(mode), ModePolicy(slave_mode or mode)
        self.keys = {}
        self.responder = Responder(
            self.bob, self.policy, {"alice": self.alice.public}, lambda master, key_id: self.keys.pop(key_id)
        )

    def qkd(self):
        key = DeliveredKey(str(uuid.uuid4()), Secret(os.urandom(32)))
        self.keys[key.key_id] = key.secret
        return key


@pytest.mark.parametrize("level", [768, 1024])
@pytest.mark.parametrize("mode", ["classical", "post-quantum", "post-quantum + QKD", "QKD required"])
def test_both_ends_agree(mode, level):
    ends = Ends(mode)
    offer = Offer(ends.alice, "bob", ends.master_policy, qkd=ends.qkd(), level=level)
    answer, theirs = ends.responder.answer(offer.message)
    ours = offer.finish(answer, ends.bob.public)
    assert ours == theirs
    assert (ours.mode, len(ours.key)) == (mode, 32)
    assert ends.policy.alarms == ends.master_policy.alarms == []
    assert (len(ends.keys) == 0) == ("QKD" in mode)


def test_without_a_qkd_key():
    heard = []
    ends = Ends()
    ends.master_policy.on_alarm = heard.append
    offer = Offer(ends.alice, "bob", ends.master_policy, qkd=None)
    answer, theirs = ends.responder.answer(offer.message)
    assert offer.finish(answer, ends.bob.public) == theirs
    assert theirs.mode == "post-quantum"
    assert len(heard) == len(ends.policy.alarms) == 1  # both ends know
    strict = Ends("QKD required")
    with pytest.raises(Downgrade, match="requires"):
        Offer(strict.alice, "bob", strict.master_policy, qkd=None)
    assert strict.master_policy.alarms


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [("classical", "post-quantum"), ("classical", "post-quantum + QKD"), ("post-quantum", "QKD required"),
     ("classical", "QKD required")],
)  # fmt: skip
def test_an_offer_of_less_is_refused(offered, agreed):
    ends = Ends(offered, agreed)
    offer = Offer(ends.alice, "bob", ends.master_policy, qkd=ends.qkd())
    with pytest.raises(Downgrade):
        ends.responder.answer(offer.message)
    assert ends.policy.alarms


def test_messages_that_were_changed_replayed_or_swapped(rng):
    ends = Ends()
    offer = Offer(ends.alice, "bob", ends.master_policy, qkd=ends.qkd())
    for place in rng.integers(0, len(offer.message), 60):
        changed = bytearray(offer.message)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises((AgreementError, Downgrade)):
            ends.responder.answer(bytes(changed))
    answer, _ = ends.responder.answer(offer.message)
    for place in rng.integers(0, len(answer), 60):
        changed = bytearray(answer)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(AgreementError):
            offer.finish(bytes(changed), ends.bob.public)
    other = Offer(ends.alice, "bob", ends.master_policy, qkd=ends.qkd())
    with pytest.raises(AgreementError, match="another offer"):
        other.finish(answer, ends.bob.public)
    with pytest.raises(AgreementError):
        offer.finish(offer.message, ends.bob.public)  # reflected
    with pytest.raises(KeyError):
        ends.responder.collect("alice", offer.key_id)
    mallory = Offer(Identity.create("alice"), "bob", ends.master_policy, qkd=ends.qkd())
    with pytest.raises(AgreementError, match="signed"):
        ends.responder.answer(mallory.message)
    elsewhere = Offer(ends.alice, "carol", ends.master_policy, qkd=ends.qkd())
    with pytest.raises(AgreementError, match="not for this end"):
        ends.responder.answer(elsewhere.message)


def test_catkdf_recomputed_with_hashlib_alone():
    """ETSI TS 103 744, sections 7.2 and 8.2, step by step with the standard library."""
    psk, first, second = bytes(range(32)), bytes([7]) * 32, bytes([9]) * 48
    a, b, context, label = b"message of A", b"message of B" * 9, b"context", b"label"
    for name, digest in (("SHA-256", "sha256"), ("SHA-384", "sha384")):
        bound = hashlib.new(
            digest, b"".join(len(piece).to_bytes(4, "big") + piece for piece in (context, a, b))
        ).digest()
        extracted = hmac.digest(label, psk + first + second, digest)
        expected, block, number = b"", b"", 1
        while len(expected) < 100:
            block = hmac.digest(extracted, block + bound + bytes([number]), digest)
            expected, number = expected + block, number + 1
        found = catkdf(
            [Secret(first), Secret(second)], message_a=a, message_b=b, context=context, label=label,
            psk=Secret(psk), length=100, hash_name=name,
        )  # fmt: skip
        assert found.reveal() == expected[:100]


VECTORS = [
    ("SHA-256", True, "2007addf6b74e87b9d6f443eb07c6f6b9bc54c49f1534de0"
     "1f825b5a1cc58cb63572fd1e8ed410940fb106092cb3522f"),
    ("SHA-256", False, "88c8d78888e88294e38d26eaac49f7fb7473bf19b2e09af3"
     "72d77d8fd8902a9e449e2a54d34d05040ce74e3e058e7de6"),
    ("SHA-384", True, "34d5f2420b64ee8fa051917e3de01a588dfab903a391f774"
     "098bb3da833792737c2cc855d86a45e5049ab3d4952d4d4d"),
    ("SHA-384", False, "f09b0a3f7bc4dfd751f683a0132f6f926e0148bdeec9c6a8"
     "064b23ea62d7874b1934e92cfee51716e1cf61308988233f"),
]  # fmt: skip
"""What ETSI's reference implementation of TS 103 744 gives for the parts of the next test: ``hkex_concat`` of the
edition V1.1.1 and ``hkex_concat_hkdf`` of V1.2.1, which agree; with a psk and without."""


@pytest.mark.parametrize(("name", "with_psk", "expected"), VECTORS)
def test_catkdf_gives_what_the_reference_implementation_gives(name, with_psk, expected):
    found = catkdf(
        [Secret(bytes(range(32, 64))), Secret(bytes(range(64, 96)))], message_a=b"message of the initiator " * 40,
        message_b=b"message of the responder " * 44, context=b"context", label=b"label of sixteen",
        psk=Secret(bytes(range(32))) if with_psk else None, length=48, hash_name=name,
    )  # fmt: skip
    assert found.reveal().hex() == expected


def test_catkdf_binds_everything():
    given = {"message_a": b"a", "message_b": b"b", "context": b"c", "label": b"l", "psk": Secret(b"p" * 32)}
    secrets = [Secret(b"1" * 32), Secret(b"2" * 32)]
    keys = [catkdf(secrets, **given).reveal(), catkdf(secrets[::-1], **given).reveal()]
    keys += [
        catkdf(secrets, **(given | {name: b"x"})).reveal()
        for name in ("message_a", "message_b", "context", "label")
    ]
    keys += [catkdf(secrets, **(given | change)).reveal() for change in (
        {"message_a": b"ab", "message_b": b""}, {"psk": None}, {"psk": Secret(b"q" * 32)})]  # fmt: skip
    assert len(set(keys)) == len(keys)
    for wrong in ([Secret(b"1")], [Secret(b""), Secret(b"1")], []):
        with pytest.raises(ValueError, match="two secrets"):
            catkdf(wrong, **(given | {"psk": None}))
