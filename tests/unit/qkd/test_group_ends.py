"""Several ends over lines: whatever happens to the bytes of any, never two keys that differ, nor a false claim."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation.announcements import unpack_positions, unpack_symbols
from quantumlink.distillation.group.talking import key_of_all, talk_over_lines
from quantumlink.distillation.transcript import Message, unpack_bits
from quantumlink.qkd import (
    AUTHENTICATION_BITS,
    Cascade,
    ConferenceAgreement,
    ConferenceAlice,
    ConferenceBob,
    Dealer,
    Ldpc,
    NoSecretKey,
    Player,
    Records,
    RecordsConsumed,
    SharedSecret,
    SharingAgreement,
    convene,
)

ROUNDS = 24_000
COMMON = {"rounds": ROUNDS, "eps_sec": 1e-6, "eps_cor": 1e-10, "sample_fraction": 0.05}
CONFERENCE = ConferenceAgreement(
    protocol="conference", parties=3, z_probability=0.7, bases="independent",
    reconciliation=Cascade(confirmations=12), **COMMON,
)  # fmt: skip
SHARING = SharingAgreement(
    protocol="sharing", z_probability=0.25, reconciliation=Cascade(confirmations=12), **COMMON
)


def ghz_bits(parties, z_probability, rng, *, noise=0.002):
    """Settings and bits of a GHZ state measured by all: Z bits equal, X bits of all of even parity."""
    chosen = (rng.random((parties, ROUNDS)) >= z_probability).astype(np.uint8)
    bits = rng.integers(0, 2, (parties, ROUNDS), dtype=np.uint8)
    common = rng.integers(0, 2, ROUNDS, dtype=np.uint8)
    bits = np.where(chosen == 0, common, bits)
    in_x = (chosen == 1).all(axis=0)
    bits[-1, in_x] = np.bitwise_xor.reduce(bits[:-1, in_x], axis=0)
    bits[1:] ^= rng.random((parties - 1, ROUNDS)) < noise
    return chosen, bits


def raw(agreement, seed=1, **options):
    rng = np.random.default_rng(seed)
    chosen, bits = ghz_bits(agreement.count_of_parties, agreement.z_probability, rng, **options)
    return [Records(bits=b, settings=s) for b, s in zip(bits, chosen, strict=True)]


def ends(agreement, seed=1, records=None, secrets=None):
    records = raw(agreement, seed) if records is None else records
    shared = [np.random.default_rng([seed, p]).integers(0, 2, AUTHENTICATION_BITS) for p in range(len(records) - 1)]
    first, other = (Dealer, Player) if isinstance(agreement, SharingAgreement) else (ConferenceAlice, ConferenceBob)
    alice = first(records[0], agreement=agreement, secrets=[SharedSecret(s) for s in shared], seed=seed)
    others = [
        other(own, party=p, agreement=agreement, secret=SharedSecret((secrets or shared)[p - 1]))
        for p, own in enumerate(records[1:], start=1)
    ]
    return alice, others


def spoken(agreement):
    alice, others = ends(agreement)
    convene(alice, others)
    return alice, others


UNDISTURBED = {agreement.protocol: (agreement, *spoken(agreement)) for agreement in (CONFERENCE, SHARING)}
PROTOCOLS = sorted(UNDISTURBED)


def lengths(name):
    return [len(transcript) for transcript in UNDISTURBED[name][1].transcripts]


def talk(alice, others, meddle):
    """Let them talk over lines on which ``meddle(party, number, line)`` gives what arrives instead."""
    numbers = [0] * (len(others) + 1)
    waiting = deque((party, line, True) for party, line in alice.open())
    steps = 0
    while waiting:
        party, line, to_other = waiting.popleft()
        steps += 1
        assert steps < 10_000
        arriving = meddle(party, numbers[party], line)
        numbers[party] += 1
        for told in arriving:
            if to_other:
                reply = others[party - 1].receive(told)
                if reply is not None:
                    waiting.append((party, reply, False))
            else:
                waiting.extend((p, said, True) for p, said in alice.receive(party, told))
    for end in (alice, *others):
        end.hang_up()


def judged(name, alice, others):
    """How many ends have keys; each is that of the undisturbed conversation, with all that it says of itself."""
    _, first, rest = UNDISTURBED[name]
    for end, honest in zip((alice, *others), (first, *rest), strict=True):
        if end.key:
            assert np.array_equal(end.key.secret_bits, honest.key.secret_bits)
            assert end.key.report().splitlines()[:-1] == honest.key.report().splitlines()[:-1]
            assert end.key.ledger == honest.key.ledger
            assert end.key.marks == honest.key.marks
        else:
            assert end.reason
            with pytest.raises(NoSecretKey):
                _ = end.key.secret_bits
    # The others have keys only if Alice has, and none had one before the tags of all lines were right.
    assert alice.key or not any(end.key for end in others)
    return sum(bool(end.key) for end in (alice, *others))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_undisturbed_all_have_one_account_and_the_bits_that_belong_together(name):
    _, alice, others = UNDISTURBED[name]
    held = [alice.key, *(end.key for end in others)]
    assert all(len(key) == len(alice.key) > 1000 for key in held)
    assert all(key.ledger == alice.key.ledger for key in held)
    assert sum(bits for _, bits in alice.key.ledger) == len(alice.key)
    assert all(key.authentication_bits == (len(held) - 1) * AUTHENTICATION_BITS for key in held)
    assert all(key.marks == ("seeded",) for key in held)  # the others were told
    bits = [key.secret_bits for key in held]
    if name == "sharing":
        assert np.array_equal(bits[1] ^ bits[2], bits[0])
    else:
        assert np.array_equal(bits[1], bits[0])
        assert np.array_equal(bits[2], bits[0])
    for end, transcript in zip(others, alice.transcripts, strict=True):
        assert end.transcript == transcript
    with pytest.raises(AttributeError, match="held by one end"):
        held[1].bits_of(0)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("kind", ["drop", "twice", "replay", "first again", "flip"])
@given(data=st.data())
@settings(deadline=None, max_examples=12)
def test_lost_repeated_replayed_reordered_and_changed_messages(name, kind, data):
    party = data.draw(st.integers(1, len(lengths(name))))
    number = data.draw(st.integers(0, lengths(name)[party - 1] - 1))
    where, flip = data.draw(st.floats(0, 0.999)), data.draw(st.integers(1, 255))
    heard = []

    def meddle(p, n, line):
        if p == party:
            heard.append(line)
        if (p, n) != (party, number):
            return [line]
        if kind == "flip":
            place = int(where * len(line))
            return [line[:place] + bytes([line[place] ^ flip]) + line[place + 1 :]]
        replayed = heard[0 if kind == "first again" else max(0, n - 2)]
        arriving = {"drop": [], "twice": [line, line], "first again": [replayed], "replay": [replayed, line]}
        return arriving[kind]

    agreement = UNDISTURBED[name][0]
    alice, others = ends(agreement)
    talk(alice, others, meddle)
    found = judged(name, alice, others)
    last = number == lengths(name)[party - 1] - 1
    if kind == "twice" and last:
        assert found == 3  # what comes after the end is not listened to
    elif last:
        assert found == 2  # the one that it was for says that it has none
    elif kind in ("drop", "flip"):
        assert found == 0


@pytest.mark.parametrize("name", PROTOCOLS)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_well_formed_lie_on_any_line_is_found_out(name, data):
    """Detections, settings, what a round is for, counts, leaks, seeds: each is under a tag of that line."""
    party = data.draw(st.integers(1, len(lengths(name))))
    number = data.draw(st.integers(0, lengths(name)[party - 1] - 2))

    def changed(value):
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value ^ 1
        if isinstance(value, str) and value:
            return ("A" if value[0] != "A" else "B") + value[1:]
        if isinstance(value, list) and value:
            return [changed(value[0]), *value[1:]]
        if isinstance(value, dict) and value:
            key = data.draw(st.sampled_from(sorted(value)))
            return value | {key: changed(value[key])}
        return "more"

    told = []

    def meddle(p, n, line):
        if (p, n) != (party, number):
            return [line]
        message = Message.decode(line)
        told.append(replace(message, body=changed(message.body)).encode())
        return [told[0]]

    alice, others = ends(UNDISTURBED[name][0])
    talk(alice, others, meddle)
    assert judged(name, alice, others) == 0


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    "counts", [{"compared": {}}, {"compared": {"Q": [4, 1]}}, {"wrong": [0] * 5}, {"wrong": []}]
)
def test_counts_that_nobody_agreed_on_raise_nothing_and_end_the_conversation(name, counts):
    def meddle(party, number, line):
        message = Message.decode(line)
        return [replace(message, body=message.body | counts).encode() if message.kind == "counted" else line]

    alice, others = ends(UNDISTURBED[name][0])
    talk(alice, others, meddle)
    assert judged(name, alice, others) == 0
    assert any("does not hold the counts that were agreed on" in end.reason for end in others)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_lines_do_not_understand_one_another(name):
    """What was said to one party is worth nothing on the line of another: the secrets differ."""
    for number in range(0, min(lengths(name))):
        alice, others = ends(UNDISTURBED[name][0])
        seen, swapped = {}, []

        def swap(p, n, line, number=number, seen=seen, swapped=swapped):
            if n == number:
                seen[p] = line
                if p == 2 and 1 in seen:
                    swapped.append(number)
                    return [seen[1]]
            return [line]

        talk(alice, others, swap)
        found = judged(name, alice, others)
        last = lengths(name)[1] - 1 == number
        assert found == (2 if last else 0) if swapped else 3


def test_secrets_of_two_parties_are_two():
    shared = SharedSecret(np.random.default_rng(1).integers(0, 2, 2 * AUTHENTICATION_BITS))
    records = raw(CONFERENCE)[0]
    with pytest.raises(ValueError, match="secrets must be 2, one shared with each of the others, got 1"):
        ConferenceAlice(records, agreement=CONFERENCE, secrets=[shared])
    with pytest.raises(ValueError, match="got the same bits for parties 1 and 2"):
        ConferenceAlice(records, agreement=CONFERENCE, secrets=[shared, shared])
    assert records.consume() is not None  # refused at the door: nothing was used up


@pytest.mark.parametrize("used", [(0, 0), (0, 300), (300, 0), (300, 301)])
@pytest.mark.parametrize("longer", [(0, 0), (0, 64), (64, 0)])
def test_secrets_with_the_same_bits_in_two_objects_are_refused(used, longer):
    """One was used already, or one was refilled: at the same places stand the same bits."""
    bits = np.random.default_rng(1).integers(0, 2, 2 * AUTHENTICATION_BITS)
    secrets = []
    for taken, more in zip(used, longer, strict=True):
        secrets.append(SharedSecret(np.concatenate([bits, np.random.default_rng(more).integers(0, 2, more)])))
        secrets[-1].take(taken)
    with pytest.raises(ValueError, match="got the same bits for parties 1 and 2"):
        ConferenceAlice(raw(CONFERENCE)[0], agreement=CONFERENCE, secrets=secrets)


def test_a_secret_repeats_another_by_its_bits_alone():
    rng = np.random.default_rng(1)
    bits, others = rng.integers(0, 2, (2, 512))
    near = bits.copy()
    near[-1] ^= 1
    secret = SharedSecret(bits)
    assert secret.repeats(secret)
    assert secret.repeats(SharedSecret(bits))
    assert not secret.repeats(SharedSecret(others))
    assert not secret.repeats(SharedSecret(near))
    short = SharedSecret(bits)
    short.take(512 - 127)
    assert not secret.repeats(short)  # 127 bits may be equal by chance, for all that is promised here


def test_somebody_in_the_place_of_one_party_gets_nothing_and_spoils_the_key():
    strange = [np.random.default_rng([9, p]).integers(0, 2, AUTHENTICATION_BITS) for p in range(2)]
    honest = [np.random.default_rng([1, p]).integers(0, 2, AUTHENTICATION_BITS) for p in range(2)]
    alice, others = ends(CONFERENCE, secrets=[honest[0], strange[1]])
    convene(alice, others)
    assert not any(end.key for end in (alice, *others))
    assert "authentication tag" in others[1].reason


@pytest.mark.parametrize("agreement", [CONFERENCE, SHARING])
def test_eve_who_lets_through_only_what_she_knows_is_found_out(agreement):
    """She measures in Z every photon of the last party and strikes, from its list, where Z was not its basis."""
    alice, others = ends(agreement)
    settings_of_last = raw(agreement)[-1].consume().settings

    def strike(p, n, line):
        message = Message.decode(line)
        if p == 2 and message.kind == "detections":
            from quantumlink.distillation.announcements import pack_positions

            body = message.body | {"rounds": pack_positions(np.flatnonzero(settings_of_last == 0))}
            return [replace(message, body=body).encode()]
        return [line]

    talk(alice, others, strike)
    assert not any(end.key for end in (alice, *others))
    assert "whether a round is detected depends on the settings" in alice.reason


@pytest.mark.parametrize("agreement", [CONFERENCE, SHARING])
def test_rounds_that_one_party_missed_are_nobodys(agreement):
    """Each detects other rounds: what is left is what all detected, by counting."""
    rng = np.random.default_rng(3)
    records = raw(agreement)
    found = rng.random((3, ROUNDS)) < 0.9
    lossy = []
    for own, seen in zip(records, found, strict=True):
        rounds = own.consume()
        lossy.append(Records(bits=rounds.bits, settings=rounds.settings, detected=seen))
    alice, others = ends(agreement, records=lossy)
    convene(alice, others)
    both = found.all(axis=0)
    assert alice.key.accepted == int(both.sum()) < 0.8 * ROUNDS
    assert alice.key
    said = Message.decode(list(alice.transcripts[1])[2])
    assert said.kind == "accepted"
    assert np.array_equal(unpack_positions(said.body["rounds"], ROUNDS), np.flatnonzero(both))


def test_no_setting_is_said_before_everybody_has_named_his_rounds():
    """A dishonest player must not choose his rounds by the settings of the others."""
    agreement, alice, _ = UNDISTURBED["sharing"]
    for transcript in alice.transcripts:
        kinds = [Message.decode(line).kind for line in transcript][:5]
        assert kinds == ["hello", "detections", "accepted", "settings", "test"]
    # Alice says nothing more to anybody before both have answered.
    alice, others = ends(agreement)
    opened = dict(alice.open())
    assert alice.receive(1, others[0].receive(opened[1])) == []
    assert [p for p, _ in alice.receive(2, others[1].receive(opened[2]))] == [1, 2]


def test_bits_are_told_of_test_rounds_and_of_the_sample_alone():
    """Counted in the transcripts: of the key rounds that are left no party told a bit."""
    agreement, alice, _ = UNDISTURBED["sharing"]
    chosen, _ = ghz_bits(3, agreement.z_probability, np.random.default_rng(1))
    both = [(chosen[0] == 0) & (chosen[i] == 0) for i in (1, 2)]
    for transcript, tests in zip(alice.transcripts, both, strict=True):
        body = Message.decode(list(transcript)[5]).body
        unpack_bits(body["compared"], int(tests.sum()))  # raises if there are more or fewer
        unpack_bits(body["sample"], alice.key.sampled)
    streams = unpack_symbols(Message.decode(list(alice.transcripts[0])[4]).body["streams"], ROUNDS, 7)
    assert int((streams == 1).sum()) == int(chosen.all(axis=0).sum())


def test_records_are_good_for_one_conversation():
    records = raw(CONFERENCE)
    alice, others = ends(CONFERENCE, records=records)
    convene(alice, others[:0] or others)
    for own in records:
        assert own.consumed
    with pytest.raises(RecordsConsumed):
        ends(CONFERENCE, records=records)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"eps_sec": 1e-7}, "eps_sec"),
        ({"bases": "marked"}, "bases"),
        ({"reconciliation": Ldpc()}, "reconciliation"),
    ],
)
def test_parties_that_disagree_stop_at_once(change, name):
    alice, others = ends(CONFERENCE)
    _, odd = ends(replace(CONFERENCE, **change))
    convene(alice, [others[0], odd[1]])
    assert odd[1].reason == f"the two ends do not agree on {name}"
    assert not alice.key
    assert not others[0].key


def test_a_simulated_record_of_any_party_marks_all_keys():
    records = raw(CONFERENCE)
    last = records[2].consume()
    records[2] = Records(bits=last.bits, settings=last.settings, simulated=True)
    alice, others = ends(CONFERENCE, records=records)
    convene(alice, others)
    assert all(end.key.simulated and end.key.seeded for end in (alice, *others))


def test_what_the_secrets_lack_adds_up_in_epsilon():
    _, others = ends(CONFERENCE)
    shared = [np.random.default_rng([1, p]).integers(0, 2, AUTHENTICATION_BITS) for p in range(2)]
    secrets = [SharedSecret(bits, epsilon=lack) for bits, lack in zip(shared, (1e-9, 3e-9), strict=True)]
    alice = ConferenceAlice(raw(CONFERENCE)[0], agreement=CONFERENCE, secrets=secrets, seed=1)
    convene(alice, others)
    assert alice.key.inherited_epsilon == 4e-9
    assert alice.key.epsilon == pytest.approx(1e-6 + 1e-10 + 4e-9)
    # Whoever forged on one line has spoiled the keys of all.
    for end in others:
        assert end.key.inherited_epsilon == 4e-9
        assert end.key.forgery_probability >= alice.key.forgery_probability / 2
        assert end.key.forgery_probability > end._tagger.forgery_probability


def test_a_liar_among_the_players_spoils_the_key_and_learns_nothing_of_it():
    """Charlie tells false parities: the dealer's tag does not fit, or reconciliation finds no end."""
    alice, others = ends(SHARING)
    dishonest = others[1]
    record = raw(SHARING)[2].consume()
    noise = np.random.default_rng(4).integers(0, 2, len(record.bits), dtype=np.uint8)
    told = dishonest._raw
    dishonest._raw = told._replace(bits=np.where(told.settings == 1, told.bits ^ noise, told.bits))
    convene(alice, others)
    assert not any(end.key for end in (alice, *others))


def test_marked_rounds_must_be_marked_alike():
    agreed = replace(CONFERENCE, bases="marked")
    chosen = (np.random.default_rng(2).random(ROUNDS) >= 0.7).astype(np.uint8)
    bits = np.random.default_rng(3).integers(0, 2, (3, ROUNDS), dtype=np.uint8)
    records = [Records(bits=b, settings=chosen ^ (np.arange(ROUNDS) == 5 * p)) for p, b in enumerate(bits)]
    alice, others = ends(agreed, records=records)
    convene(alice, others)
    assert alice.reason == "in 3 rounds the settings differ, although a common key marked them"


def test_the_counts_of_the_account_are_those_of_the_raw_records():
    chosen, bits = ghz_bits(3, CONFERENCE.z_probability, np.random.default_rng(1))
    in_x, in_z = (chosen == 1).all(axis=0), (chosen == 0).all(axis=0)
    key = UNDISTURBED["conference"][1].key
    odd = np.bitwise_xor.reduce(bits[:, in_x], axis=0)
    assert (key.tested, float(key.test_qber)) == (int(in_x.sum()), pytest.approx(float(odd.mean())))
    assert key.sifted - key.tested == int(in_z.sum())
    chosen, bits = ghz_bits(3, SHARING.z_probability, np.random.default_rng(1))
    bound = UNDISTURBED["sharing"][1].account.bound
    pairs = [(chosen[0] == 0) & (chosen[other] == 0) for other in (2, 1)]
    assert bound.tested == tuple(int(pair.sum()) for pair in pairs)
    wrong = [int((bits[0] != bits[other])[pair].sum()) for pair, other in zip(pairs, (2, 1), strict=True)]
    assert bound.errors == tuple(wrong)
    assert bound.population == tuple(int(((chosen[0] == 1) & (chosen[other] == 1)).sum()) for other in (2, 1))


@pytest.mark.parametrize("agreement", [CONFERENCE, SHARING])
def test_keys_for_use_draw_from_the_system(agreement):
    alice, others = talk_over_lines(raw(agreement), agreement=agreement)
    for end in (alice, *others):
        assert end.key
        assert end.key.marks == ()
        assert end.key.origin == "random choices of the system"
    together = key_of_all(alice, others)  # one program has all copies
    assert together.marks == ("both ends in one place",)


@pytest.mark.parametrize("party", range(3))
def test_a_seeded_record_of_any_party_marks_all_keys(party):
    records = raw(CONFERENCE)
    known = records[party].consume()
    records[party] = Records(bits=known.bits, settings=known.settings, seeded=True)
    alice, others = talk_over_lines(records, agreement=CONFERENCE)
    assert all(end.key.marks == ("seeded",) for end in (alice, *others))


def test_a_conference_with_detectors_of_unequal_efficiency_is_refused():
    """As many clicks of Charlie's in both bases, but in Z ten zeros for a one: X would have to show it."""
    rounds, rng = 400_000, np.random.default_rng(2)
    chosen, z = rng.integers(0, 2, (3, rounds)), np.tile(rng.integers(0, 2, rounds), (3, 1))
    x = rng.integers(0, 2, (3, rounds))
    x[2] = x[0] ^ x[1]
    bits = np.where(chosen == 0, z, x)
    agreement = replace(CONFERENCE, rounds=rounds, z_probability=0.5)
    for of_zero, of_one in ((0.275, 0.275), (0.5, 0.05)):
        seen = rng.random(rounds) < np.where(chosen[2], 0.275, np.where(bits[2], of_one, of_zero))
        records = [Records(bits=b, settings=s) for b, s in zip(bits[:2], chosen[:2], strict=True)]
        records.append(Records(bits=bits[2], settings=chosen[2], detected=seen))
        key = key_of_all(*talk_over_lines(tuple(records), agreement=agreement, seed=1))
        assert bool(key) == (of_zero == of_one)
    assert "whether a photon is detected depends on its bit" in key.reason
