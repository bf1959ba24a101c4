"""Sifting inside what is authenticated: whoever changes what is said of the rounds gets nothing."""

import copy
import json
import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation.agreement import two_bases
from quantumlink.distillation.announcements import pack_positions, pack_symbols, unpack_positions, unpack_symbols
from quantumlink.distillation.distilling import distill
from quantumlink.distillation.ends import (
    AUTHENTICATION_BITS,
    Agreement,
    Alice,
    Bob,
    Records,
    SharedSecret,
    converse,
)
from quantumlink.distillation.equal_detection import unequal_detection
from quantumlink.distillation.records import RecordsConsumed
from quantumlink.distillation.sifting import BasisSifting, StateSifting
from quantumlink.distillation.transcript import Message, TranscriptError, pack, unpack
from quantumlink.qkd import Cascade, NoSecretKey
from quantumlink.security.recipes import Decoys
from quantumlink.security.single_photon import least_test_errors

N = 400_000


def intercepted(rounds=N, seed=1):
    """Every photon measured by Eve: (a, A) Alice's bits and bases, (b, B) Bob's, E Eve's bases."""
    rng = np.random.default_rng(seed)
    a, A, B, E = rng.integers(0, 2, (4, rounds))
    e = np.where(E == A, a, rng.integers(0, 2, rounds))
    b = np.where(B == E, e, rng.integers(0, 2, rounds))
    return a, A, b, B, E


def honest(rounds, seed=2, noise=0.01):
    rng = np.random.default_rng(seed)
    a, A, B = rng.integers(0, 2, (3, rounds))
    b = np.where(A == B, a ^ (rng.random(rounds) < noise), rng.integers(0, 2, rounds))
    return a, A, b, B


def ends(a, A, b, B, *, agreement, detected=None, secrets=None, seed=3):
    shared = np.random.default_rng(9).integers(0, 2, AUTHENTICATION_BITS)
    secrets = secrets or [SharedSecret(shared), SharedSecret(shared)]
    alice = Alice(Records(bits=a, settings=A), agreement=agreement, secret=secrets[0], seed=seed)
    return alice, Bob(Records(bits=b, settings=B, detected=detected), agreement=agreement, secret=secrets[1])


def over(alice, bob, meddle):
    """Let them talk over a line on which ``meddle`` gives the lines that arrive instead of one."""
    listener, other, waiting = bob, alice, meddle(alice.open())
    for _ in range(10_000):
        replies = [reply for line in waiting if (reply := listener.receive(line)) is not None]
        listener, other = other, listener
        waiting = [line for reply in replies for line in meddle(reply)]
        if not waiting:
            break
    alice.hang_up()
    bob.hang_up()


def test_striking_rounds_from_the_list_of_detections_gives_nothing():
    """Eve leaves those rounds only of which she knows the bit; both ends used to get 37,340 bits, all hers."""
    a, A, b, B, E = intercepted()
    agreement = Agreement(protocol="BB84", rounds=N)
    alice, bob = ends(a, A, b, B, agreement=agreement)
    known = (E == A) | (A != B)

    def strike(line):
        message = Message.decode(line)
        if message.kind != "detections":
            return [line]
        kept = np.flatnonzero(known)
        body = message.body | {"rounds": pack_positions(kept), "said": pack_symbols(B[kept].astype(np.uint8), 2)}
        return [replace(message, body=body).encode()]

    over(alice, bob, strike)
    assert len(alice.key) == len(bob.key) == 0
    assert "depends on the settings" in alice.reason
    assert b"compared" not in b"".join(alice.transcript)  # she stopped before she told any bit


def test_detections_that_depend_on_the_bases_are_refused_however_they_come_about():
    """The same list as what Bob's receiver noted: no channel gives that, and the proof does not cover it."""
    a, A, b, B, E = intercepted()
    det = (E == A) | (A != B)
    key = distill(
        Records(bits=a, settings=A),
        Records(bits=b, settings=B, detected=det),
        agreement=Agreement(protocol="BB84", rounds=N),
    )
    assert len(key) == 0
    assert (
        "which were chosen with probability 0.25: whether a round is detected depends on the settings" in key.reason
    )
    with pytest.raises(NoSecretKey):
        key.take(1)


def unequal(efficiencies, rounds=1_600_000, seed=5, errors=0.01):
    """The key where Bob's four detectors (by basis and bit) see so much of what arrives."""
    rng = np.random.default_rng(seed)
    bits, hers, his = rng.integers(0, 2, (3, rounds))
    heard = np.where(hers == his, bits ^ (rng.random(rounds) < errors), rng.integers(0, 2, rounds))
    seen = rng.random(rounds) < np.array(efficiencies)[his, heard]
    alice = Records(bits=bits, settings=hers)
    bob = Records(bits=heard, settings=his, detected=seen)
    return distill(alice, bob, agreement=Agreement(protocol="BB84", rounds=rounds, sample_fraction=0.2), seed=1)


def test_detectors_of_unequal_efficiency_are_told_by_bits_that_the_test_basis_does_not_allow():
    """As many clicks in both bases, but more zeros than ones in Z: X would have to show it, too."""
    for efficiencies in ([[0.5, 0.25], [0.375, 0.375]], [[0.05, 0.5], [0.275, 0.275]]):
        key = unequal(efficiencies)
        assert not key
        assert "whether a photon is detected depends on its bit" in key.reason
    assert unequal([[0.4, 0.4], [0.4, 0.4]])


def test_a_tenth_less_efficiency_for_ones_is_told_by_the_other_ends_basis():
    """Too little for the errors in X to show it, but Alice has fewer ones of a basis where Bob measured it too."""
    key = unequal([[0.9, 0.81], [0.9, 0.81]], rounds=600_000)
    assert "rounds in which the other end chose" in key.reason
    assert "whether a photon is detected depends on its bit" in key.reason


def test_equal_detection_is_refused_no_more_often_than_stated(monkeypatch):
    """Every choice of the other end's settings for seven ones of twelve bits, counted."""
    monkeypatch.setattr("quantumlink.distillation.equal_detection.FAIR_SAMPLE", 0.2)
    bits, counted = (np.arange(12) < 7).astype(np.uint8), np.ones(12, dtype=np.bool_)
    own, refused, total = np.zeros(12, dtype=np.uint8), 0, 0
    for chosen in combinations(range(12), 5):
        others = np.isin(np.arange(12), chosen).astype(np.uint8)
        ones = int(bits[others == 1].sum())
        found = unequal_detection(bits, own, others, counted, "Z", "ZX", looks=1)
        assert (found is not None) == (ones in (0, 1, 5))  # 36 and 21 of 792, of 39.6 allowed at either side
        found_of_three = unequal_detection(bits, own, others, counted, "Z", "ZX", looks=3)
        assert (found_of_three is not None) == (ones == 0)  # 1 of 792, of 13.2 allowed at either side
        refused, total = refused + (found is not None), total + 1
    assert 0 < refused / total <= 0.2
    raw = counted.copy()
    raw[:6] = False  # rounds of the raw key are not looked at
    assert unequal_detection(bits, own, (bits == 0).astype(np.uint8), raw, "Z", "ZX", looks=1) is None


@pytest.mark.parametrize("seed", range(20))
def test_no_state_has_fewer_errors_in_x_than_its_bits_in_z_allow(seed):
    """Random states of a qubit and four levels of Bob's, and his best guess of Alice's X (the trace norm)."""
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    vectors = rng.normal(size=(8, rank)) + 1j * rng.normal(size=(8, rank))
    vectors[:4] *= rng.random()
    state = vectors @ vectors.conj().T
    state /= np.trace(state).real
    coherence = state[:4, 4:]
    guessed = np.linalg.norm(coherence + coherence.conj().T, "nuc")
    ones = np.trace(state[4:, 4:]).real
    assert 0.5 - guessed / 2 >= least_test_errors(ones) - 1e-12
    pure = np.sqrt([1 - ones, ones])  # √p₀|00⟩ + √p₁|11⟩ reaches it
    x = np.outer(pure, pure) @ np.array([[0, 1], [1, 0]])
    assert 0.5 - np.trace(x) / 2 == pytest.approx(least_test_errors(ones), abs=1e-12)


def test_the_same_eve_on_a_channel_without_a_list_to_strike_is_seen_in_the_test():
    a, A, b, B, _ = intercepted(100_000)
    alice, bob = ends(a, A, b, B, agreement=Agreement(protocol="BB84", rounds=100_000))
    converse(alice, bob)
    assert len(alice.key) == len(bob.key) == 0
    assert alice.key.test_qber.low < 0.25 < alice.key.test_qber.high


@pytest.mark.parametrize("kind", ["hello", "detections", "test", "tested"])
def test_a_list_with_fair_shares_is_still_authenticated(kind):
    """Any single character of any field of the sifting changed: no key at either end."""
    a, A, b, B = honest(20_000)
    agreement = Agreement(protocol="BB84", rounds=20_000, eps_sec=1e-6)
    for place in (0.1, 0.5, 0.9):
        alice, bob = ends(a, A, b, B, agreement=agreement, detected=np.arange(20_000) % 10 != 0)

        def change(line, place=place):
            if Message.decode(line).kind != kind:
                return [line]
            middle = int(place * len(line))
            other = b"A" if line[middle : middle + 1] != b"A" else b"B"
            return [line[:middle] + other + line[middle + 1 :]]

        over(alice, bob, change)
        assert not alice.key
        assert not bob.key


def test_an_intensity_changed_on_its_way_is_found_out():
    rounds = 200_000
    a, A, b, B = honest(rounds, noise=0.0)
    decoys = Decoys((0.5, 0.1, 0.0), (0.7, 0.2, 0.1))
    sifting = replace(two_bases(0.5), classes=("signal", "decoy", "vacuum"))
    agreement = Agreement(protocol="decoy", rounds=rounds, sifting=sifting, recipe=decoys)
    shared = np.random.default_rng(9).integers(0, 2, AUTHENTICATION_BITS)
    # counts of single photons without loss: 1 − exp(−μ) of each intensity is detected, of the vacuum nothing
    chance = np.array([0.7 * (1 - np.exp(-0.5)), 0.2 * (1 - np.exp(-0.1))])
    classes = np.random.default_rng(4).choice(2, rounds, p=chance / chance.sum())
    results = []
    for attacked in (False, True):
        alice = Alice(
            Records(bits=a, settings=A, classes=classes), agreement=agreement, secret=SharedSecret(shared)
        )
        bob = Bob(Records(bits=b, settings=B), agreement=agreement, secret=SharedSecret(shared))

        def swap(line, attacked=attacked):
            message = Message.decode(line)
            if not attacked or message.kind != "test":
                return [line]
            body = message.body | {"classes": pack_symbols((classes ^ 1).astype(np.uint8), 3)}
            return [replace(message, body=body).encode()]

        over(alice, bob, swap)
        results.append((len(alice.key), len(bob.key)))
    assert results[0][0] == results[0][1] > 100
    assert results[1] == (0, 0)


# --- records are good for one conversation


def test_records_are_used_up_whatever_becomes_of_the_conversation():
    a, A, _, _ = honest(10_000)
    agreement = Agreement(protocol="BB84", rounds=10_000)
    records = Records(bits=a, settings=A)
    secret = SharedSecret(np.random.default_rng(2).integers(0, 2, 10 * AUTHENTICATION_BITS))
    alice = Alice(records, agreement=agreement, secret=secret)
    alice.open()
    alice.hang_up("the line is cut")
    assert records.consumed
    with pytest.raises(RecordsConsumed, match="new ones must be made"):
        Alice(records, agreement=agreement, secret=secret)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="good for one conversation"):
            attempt(Records(bits=a))
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            attempt(alice)


def test_records_are_not_used_up_by_what_is_refused_beforehand():
    records = Records(bits=[0, 1], settings=[0, 1])
    enough = SharedSecret(np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS))
    with pytest.raises(ValueError, match="records must be of 3 rounds, as agreed, got 2"):
        Bob(records, agreement=Agreement(protocol="x", rounds=3), secret=enough)
    with pytest.raises(ValueError, match="512 bits of the shared secret are needed, 3 are left"):
        Bob(records, agreement=Agreement(protocol="x", rounds=2), secret=SharedSecret([1, 1, 1]))
    assert not records.consumed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"bits": [0, 2]}, "bits must hold the numbers 0 and 1 only"),
        ({"bits": [0, 1], "settings": [0]}, r"settings must hold 2 whole numbers, got shape \(1,\)"),
        ({"bits": [0, 1], "settings": [0, -1]}, r"settings must lie in \[0, 255\], got -1 to 0"),
        ({"bits": [0, 1], "classes": [0.5, 1]}, "classes must hold 2 whole numbers"),
        ({"bits": [0, 1], "rounds": 3}, "bits must hold one bit for each noted round of 3, got 2"),
        ({"bits": [0, 1], "rounds": 3, "positions": [1, 1]}, r"positions must rise strictly within \[0, 3\)"),
        ({"bits": [0, 1], "rounds": 3, "positions": [1, 3]}, r"positions must rise strictly within \[0, 3\)"),
        ({"bits": [0, 1], "detected": [1]}, "detected must hold one value a bit, 2, got 1"),
        ({"bits": [0, 1], "detected": [1, 0], "positions": [0]}, "detected must come without positions"),
    ],
)
def test_bad_records_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        Records(**arguments)


# --- both ends agree where they are in the secret


def run_with(secrets, seed=3):
    alice, bob = ends(
        *honest(10_000),
        agreement=Agreement(protocol="BB84", rounds=10_000, eps_sec=1e-6),
        secrets=secrets,
        seed=seed,
    )
    converse(alice, bob)
    return alice, bob


@pytest.mark.parametrize("behind", ["alice", "bob"])
def test_the_end_that_is_behind_skips_ahead(behind):
    """After a crash one end has used bits that the other has not: those are lost to both, no mask comes twice."""
    bits = np.random.default_rng(6).integers(0, 2, 10 * AUTHENTICATION_BITS)
    secrets = [SharedSecret(bits), SharedSecret(bits)]
    secrets[behind == "alice"].skip_to(777)
    alice, bob = run_with(secrets)
    assert len(alice.key) == len(bob.key) > 0
    assert [s.index for s in secrets] == [777 + AUTHENTICATION_BITS] * 2
    alice, bob = run_with(secrets, seed=4)
    assert len(alice.key) == len(bob.key) > 0


def test_nobody_on_the_line_can_use_up_the_secret_at_once():
    bits = np.random.default_rng(6).integers(0, 2, 2_000 * AUTHENTICATION_BITS)
    secrets = [SharedSecret(bits), SharedSecret(bits)]
    alice, bob = ends(*honest(10_000), agreement=Agreement(protocol="BB84", rounds=10_000), secrets=secrets)

    def lead_astray(line):
        message = Message.decode(line)
        if message.kind == "hello":
            return [replace(message, body=message.body | {"secret_index": 1_500 * AUTHENTICATION_BITS}).encode()]
        return [line]

    over(alice, bob, lead_astray)
    assert bob.reason == "the other end goes on at bit 768000 of the shared secret, this one is at 0"
    assert [s.index for s in secrets] == [0, 0]


def test_no_mask_is_used_for_two_tags(monkeypatch):
    """Over conversations that end well, badly and halfway, every mask hides one hash only."""
    bits = np.random.default_rng(6).integers(0, 2, 40 * AUTHENTICATION_BITS)
    secrets = [SharedSecret(bits), SharedSecret(bits)]
    used = []
    from quantumlink.distillation.authentication import Authenticator

    honest_tag = Authenticator.tag
    monkeypatch.setattr(
        Authenticator,
        "tag",
        lambda self, m, *, place: used.append(self._masks[place]) or honest_tag(self, m, place=place),
    )
    rng = np.random.default_rng(5)
    for number in range(12):
        alice, bob = ends(
            *honest(6_000, seed=number),
            agreement=Agreement(protocol="x", rounds=6_000, eps_sec=1e-6),
            secrets=secrets,
        )
        stop = int(rng.integers(1, 12))
        heard = []

        def cut(line, stop=stop, heard=heard):
            heard.append(line)
            return [line] if len(heard) != stop else [line.replace(b'"x"', b'"y"'), b"noise"][number % 2 :]  # noqa: B023

        over(alice, bob, cut)
    assert len(used) == len(set(used)) > 5


# --- giving up is authenticated


def test_an_abort_that_nobody_tagged_is_not_obeyed():
    a, A, b, B = honest(10_000)
    alice, bob = ends(a, A, b, B, agreement=Agreement(protocol="BB84", rounds=10_000, eps_sec=1e-6))

    def inject(line):
        message = Message.decode(line)
        forged = [
            replace(message, kind="abort", body={"reason": "go home"}, tag=tag).encode()
            for tag in (None, pack(bytes(16)), "no base64!")
        ]
        return [*forged, line] if 1 < message.number < 40 else [line]

    over(alice, bob, inject)
    assert len(alice.key) == len(bob.key) > 0
    assert not alice.heard_abort
    assert not bob.heard_abort


def test_an_abort_of_the_other_end_is_believed_even_where_the_conversation_was_changed():
    """It has a tag of its own, which no change to earlier messages spoils."""
    a, A, b, B = honest(10_000)
    alice, bob = ends(a, A, b, B, agreement=Agreement(protocol="BB84", rounds=10_000, eps_sec=1e-6))

    def change(line):
        message = Message.decode(line)
        if message.kind == "check":
            return [replace(message, body=message.body | {"tag": pack(bytes(5))}).encode()]
        return [line]

    over(alice, bob, change)
    assert bob.reason.startswith("the authentication tag of message")
    assert alice.reason == f"the other end gave up: {bob.reason}"
    assert alice.heard_abort


def test_an_end_tires_of_forged_aborts():
    a, A, b, B = honest(10_000)
    alice, bob = ends(a, A, b, B, agreement=Agreement(protocol="BB84", rounds=10_000))
    reply = bob.receive(alice.open())
    forged = replace(Message.decode(reply), kind="abort", body={"reason": "go home"}).encode()
    alice.receive(reply)
    for _ in range(999):
        assert alice.receive(forged) is None
        assert not alice.finished
    alice.receive(forged)
    assert alice.reason.startswith("somebody without the shared secret keeps on saying")


class Liar(Cascade):
    """Bob's sample was true, the bits that he reconciles are noise."""

    def bob_end(self, bits, *, qber, seed):
        return super().bob_end(np.random.default_rng(7).integers(0, 2, len(bits)), qber=qber, seed=seed)

    def __repr__(self):
        return repr(Cascade())


def test_reconciliation_with_a_peer_of_random_bits_ends_when_it_costs_more_than_there_is():
    """Cascade finds errors in every pass, and would go on for ever."""
    rounds = 40_000
    a, A, b, B = honest(rounds, noise=0.0)
    agreement = Agreement(protocol="BB84", rounds=rounds, eps_sec=1e-6)
    alice, _ = ends(a, A, b, B, agreement=agreement)
    _, bob = ends(a, A, b, B, agreement=replace(agreement, reconciliation=Liar()))
    converse(alice, bob)
    asked = [m for m in map(Message.decode, alice.transcript) if m.kind == "reconcile"]
    disclosed = sum(len(unpack(m.body["data"])) * 8 - 7 for m in asked)
    # Where it comes to an end by itself, what it cost is known to the bit, and refused as well.
    assert "leave no key" in alice.reason or "which leaves nothing" in alice.reason
    assert len(alice.key) == 0
    assert 0 < disclosed <= alice.account.most_leak


# --- announcements


@settings(deadline=None)
@given(rounds=st.integers(1, 10**6), data=st.data())
def test_positions_come_back(rounds, data):
    positions = np.array(sorted(data.draw(st.sets(st.integers(0, rounds - 1), max_size=30))), dtype=np.int64)
    body = json.loads(json.dumps(pack_positions(positions)))
    assert np.array_equal(unpack_positions(body, rounds), positions)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"count": 2, "width": 1, "gaps": pack(b"\x01")},
        {"count": 2, "width": 1, "gaps": pack(b"\x01\x00")},
        {"count": 2, "width": 1, "gaps": pack(b"\x09\x02")},
        {"count": 1, "width": 3, "gaps": pack(b"\x01\x00\x00")},
        {"count": True, "width": True, "gaps": pack(b"\x01")},
        {"count": 2, "width": 8, "gaps": pack(b"\xff" * 8 + b"\x01" + bytes(7))},
        {"count": 3, "width": 8, "gaps": pack((b"\x01" * 7 + b"\x70") * 3)},
    ],
)
def test_impossible_positions_are_refused(body):
    with pytest.raises(TranscriptError):
        unpack_positions(body, 10)


@pytest.mark.parametrize("symbols", [1, 2, 3, 4, 9])
def test_symbols_come_back_and_others_are_refused(symbols, rng):
    values = rng.integers(0, symbols, 101).astype(np.uint8)
    assert np.array_equal(unpack_symbols(pack_symbols(values, symbols), 101, symbols), values)
    with pytest.raises(TranscriptError):
        unpack_symbols(pack_symbols(values, symbols) + "AAAA", 101, symbols)
    if symbols == 3:
        with pytest.raises(TranscriptError, match="symbols below 3"):
            unpack_symbols(pack_symbols(np.full(101, 3, np.uint8), 4), 101, 3)


# --- who sifts what


def test_sarg04_sifts_by_exclusion():
    """All sixteen cases: Bob keeps a round where his result excludes a state that Alice announced."""
    sifting = StateSifting(fraction=0.5)
    for basis in (0, 1):
        for bit in (0, 1):
            for other in (0, 1):
                for measured in (0, 1):
                    for result in (0, 1):
                        mine = Records(bits=[bit], settings=[basis]).consume()
                        his = Records(bits=[result], settings=[measured]).consume()
                        said = sifting.alice_says(mine, np.array([other], dtype=np.uint8))
                        announced = {basis: bit, 1 - basis: other}
                        assert said[0] == announced[0] + 2 * announced[1]
                        kept = sifting.bob_keeps(his, said)
                        assert kept[0] == (result != announced[measured])
                        if kept[0] and measured != basis:  # he excluded her decoy state: his bit is right
                            assert sifting.alice_bits(mine)[0] == sifting.bob_bits(his, said)[0] == basis


def test_how_improbable_shares_must_be():
    """The tails of the binomial distribution, exactly."""
    sifting = BasisSifting(
        alice={"Z": 0.5, "X": 0.5}, bob={"Z": 1.0}, key=[("Z", "Z")], compare={"X": [("X", "Z")]}
    )

    def tail(n, count):
        return min(
            sum(Fraction(comb(n, k), 2**n) for k in range(count, n + 1)),
            sum(Fraction(comb(n, k), 2**n) for k in range(count + 1)),
        )

    n = 200
    for count in range(n + 1):
        alice = np.repeat([0, 1], [count, n - count]).astype(np.uint8)
        refused = sifting.unfair(alice, np.zeros(n, dtype=np.uint8)) is not None
        assert refused == (4 * tail(n, count) < Fraction(1, 10**12))
