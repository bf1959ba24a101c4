"""Two ends that exchange bytes: whatever happens to the bytes, never two keys that differ."""

import os
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.raw_rounds import raw_records
from qiskit.primitives import StatevectorSampler

from quantumlink.distillation.agreement import two_bases
from quantumlink.distillation.ends import (
    AUTHENTICATION_BITS,
    Agreement,
    Alice,
    Bob,
    Records,
    SharedSecret,
    converse,
    replay,
)
from quantumlink.distillation.reconciliation import Ldpc
from quantumlink.distillation.transcript import Message, Transcript, TranscriptError, unpack
from quantumlink.hardware import Fiber
from quantumlink.qkd import BB84, SARG04, Cascade, NoSecretKey, OneDecoyBB84
from quantumlink.security.recipes import Decoys

N = 4_000
AGREED = Agreement(protocol="BB84", rounds=4 * N, eps_sec=1e-6, eps_cor=1e-10)


def records(seed=1, error_rate=0.005):
    """What both ends noted of N rounds for the key, as many for the test, and twice as many others."""
    rng = np.random.default_rng(seed)
    key, test = rng.integers(0, 2, (2, N), dtype=np.uint8)
    noisy = [bits ^ (rng.random(N) < error_rate) for bits in (key, test)]
    return raw_records(key, noisy[0], test, noisy[1])[:2]


def both(seed=1, error_rate=0.005, agreement=AGREED, secret=None, **bob):
    """A pair of ends with raw records; ``secret`` is what they share."""
    hers, his = records(seed, error_rate)
    shared = np.random.default_rng(seed).integers(0, 2, AUTHENTICATION_BITS) if secret is None else secret
    alice = Alice(hers, agreement=agreement, secret=SharedSecret(shared), seed=seed)
    return alice, Bob(his, **{"agreement": agreement, "secret": SharedSecret(shared)} | bob)


def recorded(**options):
    alice, bob = both(**options)
    converse(alice, bob)
    return alice, bob


ALICE, BOB = recorded()
LENGTH = len(ALICE.transcript)


def outcome(alice, bob):
    """True for equal keys, False for no key at one end or both; never are there two keys that differ."""
    alice.hang_up()
    bob.hang_up()
    if alice.key and bob.key:
        assert np.array_equal(alice.key.secret_bits, bob.key.secret_bits)
        return True
    for end in (alice, bob):
        if not end.key:
            assert end.reason
            with pytest.raises(NoSecretKey):
                _ = end.key.secret_bits
    return False


def talk(alice, bob, meddle):
    """Let them talk over a line on which ``meddle(number, message)`` gives the messages that arrive instead."""
    listener, other = bob, alice
    waiting = meddle(0, alice.open())
    number = 0
    while waiting:
        replies = [reply for line in waiting if (reply := listener.receive(line)) is not None]
        listener, other = other, listener
        number += 1
        waiting = [line for reply in replies for line in meddle(number, reply)]
        assert number < 10 * LENGTH
    return outcome(alice, bob)


def test_undisturbed_they_get_the_same_key_and_transcript():
    assert outcome(*recorded())
    assert ALICE.transcript == BOB.transcript
    assert len(ALICE.key) > 200
    for end in (ALICE, BOB):
        assert end.key.authentication_bits == AUTHENTICATION_BITS
        assert sum(bits for _, bits in end.key.ledger) == len(end.key)
    assert ALICE.key.ledger == BOB.key.ledger
    # How many errors he corrected Bob keeps to himself.
    lines = [set(end.key.report().splitlines()) for end in (ALICE, BOB)]
    assert all("errors corrected" in line for line in lines[0] ^ lines[1])
    assert ALICE.key.corrected_errors is None
    assert b"corrected" not in b"".join(ALICE.transcript)
    assert list(ALICE.transcript)[-1].count(b"confirmed") == 1


@pytest.mark.parametrize(
    "agreement",
    [Agreement(protocol="BB84", rounds=4 * N, eps_sec=1e-6, reconciliation=Ldpc(frame=2_000))],
)
def test_other_reconciliations_talk_as_well(agreement):
    alice, bob = recorded(agreement=agreement)
    assert outcome(alice, bob)


# The last message is the one exception that no protocol can mend: Bob notices, Alice cannot.


@given(number=st.integers(0, LENGTH - 2), where=st.floats(0, 0.999), flip=st.integers(1, 255))
@settings(deadline=None, max_examples=120)
def test_a_changed_byte_anywhere_ends_in_two_aborts(number, where, flip):
    """A change survives with probability 2⁻¹²⁰ or less; where Alice or Bob refuses, the other learns of it."""

    def meddle(position, line):
        place = int(where * len(line))
        return [line[:place] + bytes([line[place] ^ flip]) + line[place + 1 :] if position == number else line]

    alice, bob = both()
    assert not talk(alice, bob, meddle)
    assert not alice.key
    assert not bob.key


@given(
    number=st.integers(0, LENGTH - 2), field=st.sampled_from(["kind", "sender", "session", "number", "tag", "body"])
)
@settings(deadline=None, max_examples=80)
def test_a_well_formed_lie_is_found_out(number, field):
    def lie(message):
        body = dict(message.body)
        for name, value in body.items():
            if isinstance(value, str) and value:
                body[name] = ("A" if value[0] != "A" else "B") + value[1:]
            elif isinstance(value, bool):
                body[name] = not value
            elif isinstance(value, int):
                body[name] = value ^ 1
        lies = {
            "kind": "check",
            "sender": "bob" if message.sender == "alice" else "alice",
            "session": "00",
            "number": message.number + 1,
            "tag": "AAAA" if message.tag is None else None,
            "body": body or {"more": 1},
        }
        return Message(**(message.__dict__ | {field: lies[field]})).encode()

    def meddle(position, line):
        return [lie(Message.decode(line)) if position == number else line]

    alice, bob = both()
    changed = lie(ALICE.transcript[number]) != ALICE.transcript[number].encode()
    assert talk(alice, bob, meddle) is not changed
    assert bool(alice.key) is bool(bob.key) is not changed


@given(number=st.integers(0, LENGTH - 1), kind=st.sampled_from(["drop", "twice", "again", "swap"]))
@settings(deadline=None, max_examples=80)
def test_lost_repeated_replayed_and_reordered_messages(number, kind):
    heard = []

    def meddle(position, line):
        heard.append(line)
        if position != number:
            return [line]
        return {
            "drop": [],
            "twice": [line, line],
            "again": [heard[0]],
            "swap": [heard[max(0, position - 2)], line],
        }[kind]

    alice, bob = both()
    together = talk(alice, bob, meddle)
    if number == LENGTH - 1 and kind == "twice":
        assert together  # what comes after the end is not listened to
    elif not together:
        assert not bob.key
        # Bob has confirmed by then: he gives up over the last message, or over hearing the one before his twice.
        late = number == LENGTH - 1 or (number, kind) == (LENGTH - 3, "twice")
        assert late or not alice.key


def test_a_lost_last_message_leaves_bob_without_a_key_and_saying_so():
    alice, bob = both()
    assert not talk(alice, bob, lambda number, line: [line] if number < LENGTH - 1 else [])
    assert alice.key
    assert not bob.key
    assert bob.reason == "the conversation ended before it was complete"


def test_yesterdays_conversation_convinces_nobody():
    """Bob has the same bits and yesterday's messages, but the masks have moved on."""
    fresh = np.random.default_rng(99).integers(0, 2, AUTHENTICATION_BITS)
    _, bob = both(secret=fresh)
    for line in ALICE.transcript:
        if Message.decode(line).sender == "alice":
            bob.receive(line)
    assert not bob.key
    assert "authentication tag" in bob.reason


def test_somebody_without_the_secret_gets_nothing():
    alice, bob = both(secret=np.random.default_rng(3).integers(0, 2, AUTHENTICATION_BITS), **{})
    _, stranger = both(secret=np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS))
    converse(alice, stranger)
    assert not stranger.key
    assert not alice.key
    assert "authentication tag" in stranger.reason
    # She cannot tell the stranger's abort from that of somebody on the line, and is not told to believe either.
    assert alice.reason == "the conversation ended before it was complete"
    assert not alice.heard_abort
    assert not bob.finished


@pytest.mark.parametrize(
    "change",
    [
        {"eps_sec": 1e-7},
        {"eps_cor": 1e-7},
        {"reconciliation": Cascade.original()},
        {"protocol": "B92"},
        {"recipe": Decoys((0.5, 0.1, 0.0), (0.7, 0.2, 0.1))},
        {"sifting": two_bases(0.6)},
        {"sample_fraction": 0.2},
    ],
)
def test_ends_that_disagree_stop_at_once(change):
    other = Agreement(**AGREED.__dict__ | change)
    alice, bob = both(agreement=AGREED)
    _, odd = both(agreement=other)
    converse(alice, odd)
    assert odd.reason == f"the two ends do not agree on {next(iter(change))}"
    assert not alice.key
    assert not bob.finished


def test_replay_of_a_saved_transcript(tmp_path):
    ALICE.transcript.save(tmp_path / "talk.jsonl")
    transcript = Transcript.load(tmp_path / "talk.jsonl")
    for end, original in zip(both(), (ALICE, BOB), strict=True):
        assert np.array_equal(replay(transcript, end).secret_bits, original.key.secret_bits)
    shorter = Transcript()
    for line in list(transcript)[:-1]:
        shorter.append(line)
    assert not replay(shorter, both()[1])
    with pytest.raises(TranscriptError, match="is not what this end says"):
        replay(transcript, both(seed=2)[0])
    with pytest.raises(TranscriptError, match="is not what this end says; it gave up: the authentication tag"):
        replay(transcript, both(secret=np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS))[1])


def test_secrets_are_in_no_message_and_no_text():
    bits = ALICE.key.secret_bits
    from quantumlink.distillation.transcript import pack_bits

    spoken = b"".join(ALICE.transcript)
    assert pack_bits(bits)[:40].encode() not in spoken
    raw = ALICE._raw.bits[:N]
    assert pack_bits(raw)[:40].encode() not in spoken
    texts = [repr(ALICE), repr(BOB), repr(ALICE.key), ALICE.key.report(), repr(ALICE.transcript)]
    again = recorded(seed=1)
    assert texts == [
        repr(again[0]),
        repr(again[1]),
        repr(again[0].key),
        again[0].key.report(),
        repr(again[0].transcript),
    ]
    digits = "".join(map(str, bits[:30]))
    assert not any(digits in text or " ".join(digits) in text for text in texts)


def test_the_secret_is_taken_by_both_and_stays_in_step():
    secrets = [SharedSecret(np.random.default_rng(2).integers(0, 2, 2 * AUTHENTICATION_BITS + 5)) for _ in range(2)]
    for left in (AUTHENTICATION_BITS + 5, 5):
        hers, his = records()
        alice = Alice(hers, agreement=AGREED, secret=secrets[0], seed=1)
        bob = Bob(his, agreement=AGREED, secret=secrets[1])
        converse(alice, bob)
        assert alice.key
        assert bob.key
        assert [len(s) for s in secrets] == [left, left]
    with pytest.raises(ValueError, match="bits of the shared secret are needed, 5 are left"):
        Bob(records()[1], agreement=AGREED, secret=secrets[1])


def test_a_secret_that_would_accept_every_tag_ends_both_without_one():
    wiped = np.concatenate([np.zeros(128, dtype=int), np.random.default_rng(3).integers(0, 2, 384)])
    alice, bob = both(secret=wiped)
    converse(alice, bob)
    assert not alice.key
    assert not bob.key
    assert "128 bits of the shared secret are 0" in bob.reason


def test_an_unfinished_end_has_no_key_yet():
    alice, _ = both()
    alice.open()
    with pytest.raises(RuntimeError, match="not over"):
        _ = alice.key
    with pytest.raises(RuntimeError, match="begun already"):
        alice.open()


@given(noise=st.binary(max_size=60))
def test_noise_on_the_line_is_answered_by_an_abort(noise):
    _, bob = both()
    assert Message.decode(bob.receive(noise)).kind == "abort"
    assert "not a message" in bob.reason
    assert bob.receive(b"more") is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rounds": -1}, "rounds must be a whole number, at least 0; got -1"),
        ({"eps_cor": 0}, "eps_cor must be a number strictly between 0 and 1"),
        ({"sample_fraction": 1.5}, "sample_fraction must be a number strictly between 0 and 1"),
    ],
)
def test_bad_agreements_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        Agreement(**AGREED.__dict__ | change)


@pytest.mark.parametrize("reconciliation", [Cascade(), Ldpc(frame=2_000)])
@pytest.mark.parametrize("number", [4, 6])
def test_whoever_says_that_reconciliation_is_over_too_soon_is_answered_by_an_abort(reconciliation, number):
    """Bob is sent the check where parities or syndromes are due: he gives up, and does not break down."""
    agreed = replace(AGREED, reconciliation=reconciliation)

    for tag in (None, "A" * 22 + "=="):
        alice, bob = both(agreement=agreed)

        def hurry(position, line, tag=tag):
            message = Message.decode(line)
            early = position == number and message.kind == "reconcile"
            return [replace(message, kind="check", tag=tag).encode() if early else line]

        assert not talk(alice, bob, hurry)
        assert bob.reason is not None


KINDS = (
    "detections",
    "announced",
    "kept",
    "test",
    "tested",
    "reconcile",
    "reconciled",
    "count",
    "counted",
    "check",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session", [BB84, SARG04])
def test_no_message_out_of_turn_breaks_an_end_down(session, kind):
    """Each of the first messages said to be of another kind, with a body of its own or none: an end gives up."""
    options = {"key_bases": "both", "rounds": 30_000} if session is BB84 else {"rounds": 60_000}
    played = session(medium=Fiber(0), seed=2, eps_sec=1e-6, **options)
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    for number, empty in product(range(1, 9), (False, True)):
        hers, his = played.records()
        alice = Alice(hers, agreement=played.agreement(), secret=SharedSecret(shared), seed=2)
        bob = Bob(his, agreement=played.agreement(), secret=SharedSecret(shared))

        def turn(position, line, number=number, empty=empty):
            message = Message.decode(line)
            if position != number or message.kind == kind:
                return [line]
            return [replace(message, kind=kind, body={} if empty else message.body).encode()]

        if not talk(alice, bob, turn):
            assert alice.reason is not None
            assert bob.reason is not None


def test_a_reconciliation_cut_short_is_an_abort_wherever_no_tag_is_checked():
    """Where Bob tells his errors the message after it has no tag: anybody on the line could say it."""
    session = OneDecoyBB84(medium=Fiber(0), rounds=400_000, seed=2, eps_sec=1e-6)
    hers, his = session.records()
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    alice = Alice(hers, agreement=session.agreement(), secret=SharedSecret(shared), seed=2)
    bob = Bob(his, agreement=session.agreement(), secret=SharedSecret(shared))
    seen = []

    def hurry(number, line):
        message = Message.decode(line)
        if message.kind == "reconcile":
            seen.append(number)
            if len(seen) == 3:
                return [replace(message, kind="count", body={}).encode()]
        return [line]

    assert not talk(alice, bob, hurry)
    assert "bits come in" in bob.reason


def test_records_of_other_rounds_are_refused():
    secret = SharedSecret(np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS))
    with pytest.raises(ValueError, match="records must be of 16000 rounds, as agreed, got 1"):
        Bob(Records(bits=[0]), agreement=AGREED, secret=secret)


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("simulated", [(False, False), (True, False), (False, True)])
def test_both_ends_know_where_their_key_comes_from(seed, simulated):
    """Whoever has Alice's seed, or played the channel, has Bob's key too: it is marked at his end as at hers."""
    hers, his = (
        Records(rounds=raw.rounds, **{name: getattr(kept, name) for name in ("bits", "settings")}, simulated=flag)
        for raw, kept, flag in ((r, r.consume(), flag) for r, flag in zip(records(), simulated, strict=True))
    )
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    alice = Alice(hers, agreement=AGREED, secret=SharedSecret(shared), seed=seed)
    bob = Bob(his, agreement=AGREED, secret=SharedSecret(shared))
    converse(alice, bob)
    for end in (alice, bob):
        assert len(end.key) > 200
        assert end.key.simulated == any(simulated)
        assert end.key.seeded == (seed is not None)
        assert ("for study, not for use" in end.key.report()) == (any(simulated) or seed is not None)


@pytest.mark.parametrize("seeded", [(False, False), (True, False), (False, True)])
def test_both_ends_know_that_records_are_seeded(seeded):
    hers, his = (
        Records(rounds=raw.rounds, bits=kept.bits, settings=kept.settings, seeded=flag)
        for raw, kept, flag in ((r, r.consume(), flag) for r, flag in zip(records(), seeded, strict=True))
    )
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    alice = Alice(hers, agreement=AGREED, secret=SharedSecret(shared))
    bob = Bob(his, agreement=AGREED, secret=SharedSecret(shared))
    converse(alice, bob)
    for end in (alice, bob):
        assert len(end.key) > 200
        assert end.key.marks == (("seeded",) if any(seeded) else ())


@pytest.mark.parametrize("seed", [None, 7])
def test_records_of_a_session_are_seeded_whatever_measures(seed):
    """Alice's bits and all settings come from the session's seed, which is not a choice of the system for each."""
    session = BB84(medium=Fiber(0), rounds=20_000, seed=seed, eps_sec=1e-6)
    shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    hers, his = session.records(StatevectorSampler(seed=1))
    assert not hers.simulated
    alice = Alice(hers, agreement=session.agreement(), secret=SharedSecret(shared))
    bob = Bob(his, agreement=session.agreement(), secret=SharedSecret(shared))
    converse(alice, bob)
    for end in (alice, bob):
        assert end.key
        assert end.key.marks == ("seeded",)


@pytest.mark.parametrize("told", [None, "device", ["seeded"], "seeded, simulated", True])
def test_an_origin_that_is_none_is_refused(told):
    def lie(number, line):
        message = Message.decode(line)
        return [replace(message, body=message.body | {"origin": told}).encode() if number == 0 else line]

    alice, bob = both()
    assert not talk(alice, bob, lie)
    assert "does not say where the key comes from" in bob.reason


def test_without_a_seed_the_system_draws_the_hash_functions(monkeypatch):
    """What Alice has published of a generator must not tell which hash function she draws next."""
    drawn = []

    def recorded(count):
        drawn.append(os.urandom(count))
        return drawn[-1]

    monkeypatch.setattr("secrets.token_bytes", recorded)
    told = []
    for _ in range(2):
        hers, his = records()
        shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
        alice = Alice(hers, agreement=AGREED, secret=SharedSecret(shared))
        bob = Bob(his, agreement=AGREED, secret=SharedSecret(shared))
        converse(alice, bob)
        assert not alice.key.seeded
        assert not alice.key.simulated
        assert len(alice.key) > 0
        assert np.array_equal(alice.key.secret_bits, bob.key.secret_bits)
        body = next(m for m in map(Message.decode, alice.transcript) if m.kind == "check").body
        for name, source in zip(("verification", "amplification"), drawn[-2:], strict=True):
            assert unpack(body[name])[:-1] == source[:-1]  # the last byte is filled up with zeros
        told.append((Message.decode(next(iter(alice.transcript))).session, body["amplification"]))
    assert len(drawn) == 4
    assert told[0][0] != told[1][0]
    assert told[0][1] != told[1][1]
