"""Streams of sealed records: in order, each once, and nothing of another key, name or direction."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from quantumlink.keys import Secret
from quantumlink.keys.hybrid import Agreed
from quantumlink.keys.protection import RecordOpener, RecordRefused, RecordSealer

AGREED = Agreed(Secret(bytes(range(32))), "0123-key", "post-quantum + QKD")


def ends(**options):
    return RecordSealer(AGREED, "alice", "bob", **options), RecordOpener(AGREED, "alice", "bob")


def test_records_arrive_in_order_and_no_other_way():
    seal, opener = ends()
    first, second, third = (seal.seal(text) for text in (b"one", b"two", b""))
    for wrong in (second, first[:-1], first + b"x", bytes([first[0] ^ 1]) + first[1:], b"", b"x" * 16):
        with pytest.raises(RecordRefused):
            opener.open(wrong)
    assert opener.open(first) == b"one"
    for wrong in (first, third):  # again, and out of turn
        with pytest.raises(RecordRefused):
            opener.open(wrong)
    assert [opener.open(each) for each in (second, third)] == [b"two", b""]
    assert (seal.count, opener.count) == (3, 3)


def test_another_key_name_or_direction_opens_nothing():
    message = ends()[0].seal(b"text")
    others = [
        RecordOpener(AGREED, "bob", "alice"),
        RecordOpener(AGREED, "alic", "ebob"),
        RecordOpener(Agreed(AGREED.key, "other", AGREED.mode), "alice", "bob"),
        RecordOpener(Agreed(Secret(bytes(32)), AGREED.key_id, AGREED.mode), "alice", "bob"),
    ]
    for opener in others:
        with pytest.raises(RecordRefused):
            opener.open(message)
    back = RecordSealer(AGREED, "bob", "alice").seal(b"text")
    assert back != message  # one key for both directions would use a nonce twice


def test_against_the_primitives():
    parts = [b"quantumlink records 1", b"0123-key", b"alice", b"bob"]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    cipher = AESGCM(HKDFExpand(hashes.SHA384(), 32, info).derive(bytes(range(32))))
    seal, _ = ends()
    seal.seal(b"first")
    assert seal.seal(b"second") == cipher.encrypt((1).to_bytes(12, "big"), b"second", b"0123-key")


def test_when_a_new_key_is_due(monkeypatch):
    seal, _ = ends(rekey_records=2)
    assert not seal.is_due
    seal.seal(b"")
    seal.seal(b"")
    assert seal.is_due
    assert ends(rekey_s=0.0)[0].is_due
    monkeypatch.setattr("quantumlink.keys.protection.records.MOST_RECORDS", 2)
    with pytest.raises(OverflowError, match="new one"):
        seal.seal(b"")
