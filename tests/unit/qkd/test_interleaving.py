"""Conversations that overlap on one line: each as by itself, whatever is done to the line."""

import numpy as np
import pytest
from oracles.raw_rounds import raw_records

from quantumlink.distillation.ends import AUTHENTICATION_BITS, Agreement, Alice, Bob, SharedSecret, converse
from quantumlink.distillation.interleaving import Interleaved
from quantumlink.distillation.reconciliation import Ldpc
from quantumlink.distillation.transcript import Message

N, BLOCKS = 4_000, 4
AGREED = Agreement(protocol="BB84", rounds=4 * N, eps_sec=1e-6, eps_cor=1e-10, reconciliation=Ldpc())
SHARED = np.random.default_rng(3).integers(0, 2, (BLOCKS + 3) * AUTHENTICATION_BITS)


def records(block):
    rng = np.random.default_rng(block)
    key, test = rng.integers(0, 2, (2, N), dtype=np.uint8)
    noisy = [bits ^ (rng.random(N) < 0.005) for bits in (key, test)]
    return raw_records(key, noisy[0], test, noisy[1])[:2]


def alices(secret, blocks=BLOCKS):
    for block in range(blocks):
        yield Alice(records(block)[0], agreement=AGREED, secret=secret, seed=block)


def bobs(secret, blocks=BLOCKS):
    for block in range(blocks):
        yield Bob(records(block)[1], agreement=AGREED, secret=secret)


def line(at_once=2, blocks=BLOCKS):
    keys = {}, {}
    secrets = SharedSecret(SHARED), SharedSecret(SHARED)
    alice = Interleaved(alices(secrets[0], blocks), on_key=keys[0].__setitem__, at_once=at_once)
    return alice, Interleaved(bobs(secrets[1], blocks), on_key=keys[1].__setitem__, at_once=at_once), keys, secrets


def carried(alice, bob, meddle=lambda number, line: [line]):
    """Carry messages in their order, each as what ``meddle`` makes of it; returns how many there were."""
    waiting, count = [(bob, said) for said in alice.open()], 0
    while waiting:
        listener, said = waiting.pop(0)
        for heard in meddle(count, said):
            waiting += [(alice if listener is bob else bob, answer) for answer in listener.receive(heard)]
        count += 1
    alice.hang_up()
    bob.hang_up()
    return count


def agree(keys):
    """Both ends have told of the same blocks, and no two keys differ; returns the blocks with a key at both."""
    hers, his = keys
    both = sorted(block for block in hers if block in his and hers[block] and his[block])
    assert all(np.array_equal(hers[block].secret_bits, his[block].secret_bits) for block in both)
    return both


@pytest.fixture(scope="module")
def alone():
    """Each block talked about by itself, one after the other."""
    secrets, found = (SharedSecret(SHARED), SharedSecret(SHARED)), []
    for alice, bob in zip(alices(secrets[0]), bobs(secrets[1]), strict=True):
        converse(alice, bob)
        found.append(alice.key.secret_bits)
    return found


@pytest.mark.parametrize("at_once", [1, 2, 3, 9])
def test_keys_are_those_of_conversations_apart(alone, at_once):
    alice, bob, keys, secrets = line(at_once)
    carried(alice, bob)
    assert agree(keys) == list(range(BLOCKS))
    assert alice.finished
    for block in range(BLOCKS):
        assert np.array_equal(keys[0][block].secret_bits, alone[block])
    # no bit of the secret is lost, whatever the number at once
    assert secrets[0].index == secrets[1].index == BLOCKS * AUTHENTICATION_BITS


@pytest.mark.parametrize(("at_once", "waits"), [(1, True), (2, False)])
def test_neither_end_waits_for_the_other(at_once, waits):
    """Either end says the next thing while the other has not answered the last one."""
    alice, bob, _, _ = line(at_once)
    to_bob, to_alice, turns, idle = alice.open(), [], 0, 0
    while not alice.finished:
        # both work at once, each at what waits for it at the beginning of the turn
        heard = to_bob[:1], to_alice[:1]
        del to_bob[:1], to_alice[:1]
        turns, idle = turns + 1, idle + (not (heard[0] and heard[1]))
        to_alice += [said for message in heard[0] for said in bob.receive(message)]
        to_bob += [said for message in heard[1] for said in alice.receive(message)]
    assert alice.finished
    assert idle == turns if waits else idle < 0.4 * turns


def test_an_end_holds_no_more_conversations_than_it_was_told_to():
    made = []
    bob = Interleaved((made.append(end) or end for end in bobs(SharedSecret(SHARED))), on_key=lambda *_: None)
    hello = Alice(records(0)[0], agreement=AGREED, secret=SharedSecret(SHARED), seed=0).open()
    for number in (7, 0, 1, 2, 3, 2**64 - 1):
        bob.receive(number.to_bytes(8, "big") + hello)
    assert len(made) == 2
    assert bob.receive(b"") == bob.receive(b"\0" * 7) == []


def spoiled(which, how, rng):
    """Does something to the one message."""

    def meddle(count, line):
        if count != which:
            return [line]
        number, message = line[:8], line[8:]
        if how == "lost":
            return []
        if how == "twice":
            return [line, line]
        if how == "another number":
            return [(int.from_bytes(number, "big") ^ 1).to_bytes(8, "big") + message]
        place = int(rng.integers(len(message)))
        return [number + message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]]

    return meddle


@pytest.mark.parametrize("how", ["lost", "twice", "another number", "changed"])
def test_whatever_happens_to_a_message_no_two_keys_differ(how, rng):
    count = carried(*line(blocks=2)[:2])
    assert count > 15
    whole = []
    for which in range(0, count, 2):
        alice, bob, keys, _ = line(blocks=2)
        carried(alice, bob, spoiled(which, how, rng))
        whole.append(len(agree(keys)))
        assert set(keys[0]) == {0, 1}
    # A conversation is not touched by what is done to the other; without her first message Bob hears of neither.
    least = {"lost": [0] + [1] * (len(whole) - 1), "another number": [0] * len(whole)}.get(how, [1] * len(whole))
    assert all(found >= few for found, few in zip(whole, least, strict=True))
    assert max(whole) == (2 if how == "twice" else 1)


def test_two_messages_that_change_places_cost_keys_and_no_secret():
    """The answers that settle the places in the secret come in another order: the earlier block gives up."""
    alice, bob, keys, secrets = line(blocks=2)
    answers = [said for hello in alice.open() for said in bob.receive(hello)]
    assert [Message.decode(said[8:]).kind for said in answers] == ["detections", "detections"]
    waiting = [(bob, said) for heard in reversed(answers) for said in alice.receive(heard)]
    while waiting:
        listener, said = waiting.pop(0)
        waiting += [(alice if listener is bob else bob, more) for more in listener.receive(said)]
    assert agree(keys) == [1]
    assert "goes on at bit 0 of the shared secret" in keys[0][0].reason
    assert secrets[0].index == secrets[1].index == 2 * AUTHENTICATION_BITS


def test_a_line_that_is_lost_ends_all_that_was_under_way():
    alice, bob, keys, _ = line()
    for hello in alice.open():
        bob.receive(hello)
    alice.hang_up()
    bob.hang_up("the cable was cut")
    assert alice.finished
    assert bob.finished
    assert [keys[1][block].reason for block in (0, 1)] == ["the cable was cut"] * 2
    assert not keys[0][0]
    assert alice.receive((0).to_bytes(8, "big") + b"late") == []


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at_once must be a whole number, at least 1; got 0"):
        line(at_once=0)
    alice, bob, _, _ = line()
    alice.open()
    with pytest.raises(RuntimeError, match="have begun already"):
        alice.open()
    with pytest.raises(TypeError, match="ends must be Alice's"):
        bob.open()
