"""Conversations whose messages are changed anywhere, past the counts most of all: an abort or the right keys.

Somebody on the line cannot make tags. Another end that lies can: of it no more is asked than that nothing breaks
down, and that no key is longer than its account.
"""

import base64
import random
from dataclasses import replace

import numpy as np
import pytest

from quantumlink.distillation.channel import Channel
from quantumlink.distillation.ends import AUTHENTICATION_BITS, Alice, Bob, SharedSecret
from quantumlink.distillation.reconciliation import Ldpc
from quantumlink.distillation.transcript import Message
from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import BB84, SARG04, OneDecoyBB84

HERE = {"medium": Fiber(0), "seed": 2, "eps_sec": 1e-6}
LDPC = {"reconciliation": Ldpc(frame=2_000)}
NOISY = Detector(misalignment=0.0005)
SESSIONS = {
    "BB84": BB84(rounds=8_000, detector=NOISY, **HERE, **LDPC),
    "both bases": BB84(rounds=16_000, detector=NOISY, key_bases="both", z_probability=0.5, **HERE),
    "SARG04": SARG04(rounds=30_000, **HERE),
    "errors told": OneDecoyBB84(rounds=120_000, **HERE),
}
JUNK = (None, True, -1, 0, 2**64, 10**30, 1.5, "", "AAAA", "====", "é", [], [None], {}, {"a": 1}, [2**70] * 3,
        base64.b64encode(bytes(100_000)).decode())  # fmt: skip
KINDS = (
    "reconcile",
    "reconciled",
    "check",
    "verified",
    "confirmed",
    "count",
    "counted",
    "tested",
    "abort",
    "other",
)


def ends(session):
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    hers, his = session.records()
    agreed = {"agreement": session.agreement()}
    alice = Alice(hers, **agreed, secret=SharedSecret(shared), seed=2)
    return alice, Bob(his, **agreed, secret=SharedSecret(shared))


def talk(alice, bob, meddle):
    """How many messages there were; ``meddle(number, line)`` gives what arrives instead of a line."""
    listener, other, number, waiting = bob, alice, 0, meddle(0, alice.open())
    while waiting:
        replies = [reply for line in waiting if (reply := listener.receive(line)) is not None]
        listener, other, number = other, listener, number + 1
        waiting = [line for reply in replies for line in meddle(number, reply)]
        assert number < 1_000
    alice.hang_up()
    bob.hang_up()
    return number


def of_data(rng, text):
    """Binary data with a bit turned over, cut short, filled up, or of other bits."""
    try:
        data = bytearray(base64.b64decode(text))
    except ValueError:
        return "?"
    how = rng.randrange(4)
    if how == 0 and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == 1:
        data = data[: rng.randrange(len(data) + 1)]
    elif how == 2:
        data += bytes(rng.randrange(1, 20))
    else:
        data = bytearray(rng.randbytes(len(data)))
    return base64.b64encode(data).decode()


def changed(rng, message):
    """A message with one thing changed."""
    body, how = dict(message.body), rng.random()
    if body and how < 0.9:
        name = rng.choice(sorted(body))
        if isinstance(body[name], str) and rng.random() < 0.5:
            body[name] = of_data(rng, body[name])
        elif isinstance(body[name], int) and rng.random() < 0.6:
            body[name] = body[name] + rng.choice((-1, 1, 7, 2**40))
        elif rng.random() < 0.2:
            del body[name]
        else:
            body[name] = rng.choice(JUNK)
        return replace(message, body=body)
    if how < 0.97:
        return replace(message, kind=rng.choice(KINDS))
    return replace(message, tag=rng.choice((None, "", "A" * 22 + "==")))


def arriving(rng, line, said):
    """What arrives instead of a line: another, none, two, a part of it, or what was said before."""
    how = rng.choices(("changed", "dropped", "twice", "cut", "old"), (16, 1, 1, 1, 1))[0]
    if how == "changed":
        return [changed(rng, Message.decode(line)).encode()]
    return {"dropped": [], "twice": [line, line], "cut": [line[: rng.randrange(len(line))]], "old": said[-2:-1]}[
        how
    ]


@pytest.mark.parametrize("lies", [False, True], ids=["on the line", "the other end"])
@pytest.mark.parametrize("name", SESSIONS)
def test_whatever_is_changed_there_is_an_abort_or_the_right_key(name, lies, monkeypatch):
    alice, bob = ends(SESSIONS[name])
    length = talk(alice, bob, lambda number, line: [line])
    honest = alice.key.secret_bits
    assert np.array_equal(honest, bob.key.secret_bits)
    if lies:
        monkeypatch.setattr(Channel, "_has_tag", lambda end, message: True)
    for seed in range(27):
        rng, said = random.Random(f"{name} {lies} {seed}"), []
        at = rng.randrange(length) if seed % 3 == 0 else length - (3, 3, 2, 4)[seed % 4]  # the check, and near

        def meddle(number, line, at=at, rng=rng, said=said):
            said.append(line)
            return arriving(rng, line, said) if number == at else [line]

        alice, bob = ends(SESSIONS[name])
        talk(alice, bob, meddle)
        for end in (alice, bob):
            assert end.key or end.reason
            if end.key:
                assert len(end.key) == sum(bits for _, bits in end.key.ledger) <= end.key.terms.length
                assert lies or np.array_equal(end.key.secret_bits, honest)


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("field", ["verification", "amplification", "tag"])
def test_a_bit_of_the_check_is_not_changed_unnoticed(name, field):
    alice, bob = ends(SESSIONS[name])

    def meddle(number, line):
        message = Message.decode(line)
        if message.kind != "check":
            return [line]
        block = message.body.get("blocks", [message.body])[0]
        data = bytearray(base64.b64decode(block[field]))
        data[len(data) // 2] ^= 8
        block[field] = base64.b64encode(data).decode()
        return [message.encode()]

    talk(alice, bob, meddle)
    assert not alice.key
    assert "what was said has been changed" in bob.key.reason
