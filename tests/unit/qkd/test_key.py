"""The key: who may read it, what it says about itself, and what it never says."""

import ast
import base64
import copy
import pickle
from dataclasses import asdict

import numpy as np
import pytest

from quantumlink.distillation.vault import KeyTaken, Vault
from quantumlink.estimation import binomial_estimate
from quantumlink.qkd import ConferenceKey, Key, NoSecretKey, SharedKey
from quantumlink.security.contract import KeyTerms
from quantumlink.security.finite_key import finite_key_terms

TERMS = finite_key_terms(n=20_000, k=20_000, qber=0.02, leak=3_100, eps_sec=1e-10, eps_cor=1e-12)


BITS = [1, 0, 1, 1, 0, 1, 0, 0]


def key(alice=BITS, bob=BITS, **change):
    """A key with the bits of both ends, of one (``bob`` is None), or refused (``alice`` is None)."""
    copies = [np.array(bits) for bits in (alice, bob) if bits is not None]
    facts = {
        "protocol": "bbm92",
        "rounds": 100_000,
        "accepted": 90_000,
        "sifted": 41_000,
        "sampled": 1_000,
        "tested": 20_000,
        "qber": binomial_estimate(19, 1_000),
        "test_qber": binomial_estimate(400, 20_000),
        "corrected_errors": 391,
        "tag_bits": 40,
        "terms": TERMS,
        "_vault": Vault(*copies) if copies else None,
    }
    return Key(**facts | change)


def refused(reason="nothing is secret", **change):
    return key(None, None, reason=reason, **change)


def test_bits_of_both_ends():
    given = key(bob=[1, 0, 1, 1, 0, 1, 0, 1])
    assert len(given) == 8
    assert bool(given)
    assert given.secret_bits.tolist() == [1, 0, 1, 1, 0, 1, 0, 0]
    assert given.peer_bits.tolist() == [1, 0, 1, 1, 0, 1, 0, 1]
    assert given.secret_bits.dtype == np.uint8


def test_bits_are_a_sealed_copy():
    source = np.array([1, 0, 1], dtype=np.uint8)
    given = key(source, source)
    source[:] = 0
    assert given.secret_bits.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        given.secret_bits[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        given.peer_bits[0] = 0


def conference_key(copies=3):
    rates = (binomial_estimate(0, 9),) * 2
    return ConferenceKey(**key().__dict__ | {"error_rates": rates, "_vault": Vault(*[np.array(BITS)] * copies)})


def test_a_copy_of_a_key_is_its_account_alone():
    """Bits stay where they were made: two copies could both be used."""
    for given in (key(), conference_key()):
        for copied in (pickle.loads(pickle.dumps(given)), copy.copy(given), copy.deepcopy(given)):
            assert repr(copied) == repr(given)
            assert copied.report() == given.report()
            assert copied.left in (0, 8)
        fresh = pickle.loads(pickle.dumps(given))
        assert (len(fresh), fresh.left) == (8, 0)
        for read in (lambda k=fresh: k.secret_bits, lambda k=fresh: k.peer_bits, lambda k=fresh: k.take(1)):
            with pytest.raises(NoSecretKey, match="the bits stayed in the process that made them"):
                read()
    assert not pickle.loads(pickle.dumps(refused()))


def test_a_shallow_copy_shares_what_is_left():
    """One take counts for both: there is no second use of a bit."""
    given = key()
    twin = copy.copy(given)
    assert twin.take(1) == b"\xb4"
    with pytest.raises(KeyTaken):
        given.take(1)


def test_a_key_is_taken_once():
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, 77)
    given = key(bits, bits)
    first, second = given.take(4), given.take(5)
    assert isinstance(first, bytes)
    together = np.unpackbits(np.frombuffer(bytes(first + second), dtype=np.uint8))
    assert together.tolist() == bits[:72].tolist()
    assert first.bits.tolist() == bits[:32].tolist()
    assert first.hex() == bytes(first).hex()
    assert base64.b64decode(first.base64()) == first
    assert (len(given), given.left) == (77, 5)
    assert given.secret_bits.tolist() == given.peer_bits.tolist() == bits[72:].tolist()
    with pytest.raises(KeyTaken, match=r"1 bytes of the key are asked for, 0 are left \(5 bits\)"):
        given.take(1)
    assert given.left == 5  # what cannot be had costs nothing
    for wrong in (0, -1, 1.5, True, "4"):
        with pytest.raises(ValueError, match="n must be a whole number, at least 1"):
            given.take(wrong)
    with pytest.raises(NoSecretKey, match="the tags differ"):
        refused("the tags differ").take(1)


def test_nothing_shows_the_bits():
    bits = np.random.default_rng(5).integers(0, 2, 400)
    given = key(bits, bits)
    taken = given.take(8)
    texts = [str(given), repr(given), str(vars(given)), str(asdict(given)), given.report(), repr(given._vault)]
    texts += [repr(taken), str(taken), f"{taken}", str(pickle.dumps(given)), str(given.__reduce_ex__(4))]
    packed = np.packbits(bits).tobytes()
    secrets = [packed.hex()[:16], "".join(map(str, bits[:24])), str(bits[:12].tolist())[1:-1], packed[:6].hex()]
    secrets += [str(packed[:6])[2:-1], "".join(f"{byte:08b}" for byte in packed[40:43])]
    for text in texts:
        assert not any(secret in text for secret in secrets)
    assert packed[10:20] not in pickle.dumps(given)
    assert not hasattr(given._vault, "__dict__")


def test_where_a_key_comes_from_is_said():
    assert "for study" not in key(bob=None, holder="alice").report()
    assert "both ends in one place: for study, not for use" in key().report()
    for origin, words in (
        ({"simulated": True}, "simulated: for study, not for use"),
        ({"seeded": True}, "seeded: for study, not for use"),
        ({"simulated": True, "seeded": True}, "simulated, seeded: for study, not for use"),
    ):
        assert words in key(**origin).report()


def test_failure_probabilities_add_up():
    first = key(eps_sec=1e-10, eps_cor=2e-10, forgery_probability=3e-30)
    assert first.epsilon == pytest.approx(3e-10)
    later = key(eps_sec=1e-10, eps_cor=2e-10, forgery_probability=3e-10, inherited_epsilon=first.epsilon)
    assert later.epsilon == pytest.approx(9e-10)
    assert "ε in all  " in later.report()
    assert (
        "9e-10 (secrecy 1e-10, correctness 2e-10, forgery 3e-10, keys that authenticated 3e-10)" in later.report()
    )


def test_a_refused_key_says_why_and_gives_nothing():
    nothing = refused("the tags differ")
    assert len(nothing) == 0
    assert not nothing
    for read in (lambda: nothing.secret_bits, lambda: nothing.peer_bits):
        with pytest.raises(NoSecretKey, match="there is no secret key: the tags differ") as caught:
            read()
        assert caught.value.reason == "the tags differ"
    copied = pickle.loads(pickle.dumps(NoSecretKey("the tags differ")))
    assert (copied.reason, str(copied)) == ("the tags differ", "there is no secret key: the tags differ")


def test_no_text_depends_on_the_secret():
    """Two keys that differ in their secret only say exactly the same about themselves."""
    rng = np.random.default_rng(1)
    one, other = (key(bits, bits) for bits in rng.integers(0, 2, (2, 256)))
    assert not np.array_equal(one.secret_bits, other.secret_bits)
    assert repr(one) == repr(other)
    assert str(one) == str(other)
    assert f"{one}" == f"{other}"
    assert one.report() == other.report()


def test_report_lists_every_step():
    report = key().report()
    for text in (
        "bbm92: 8 secret bits",
        "100000",
        "90000",
        "41000, of these 20000 in the test basis",
        "20000 test bits and 1000 key bits",
        "0.0190 [0.0115, 0.0295] (95 % confidence)",  # Clopper-Pearson, from tables
        "0.0200 [0.0181, 0.0220] (95 % confidence)",
        "391 errors corrected",
        "3100 bits",
        "a tag of 40 bits",
        f"{TERMS.mu:.6f}",
        f"{TERMS.phase_error_bound:.6f}",
        "ε_sec = 1e-10, ε_cor = 1e-12",
        "assumed to be authenticated",
        "not deducted",
    ):
        assert text in report


def test_report_of_a_refused_key_gives_the_reason():
    report = refused("the tags differ", terms=None, corrected_errors=None, tag_bits=None).report()
    assert "bbm92: no secret key" in report
    assert "refused: the tags differ" in report
    assert "margin" not in report
    assert "not measured" in refused(sampled=0).report()


def test_what_authentication_spent_is_reported_and_lowers_the_limit():
    report = key(authentication_bits=512).report()
    assert "512 bits of shared secret, deducted" in report
    assert "assumed" not in report
    bits = np.zeros(TERMS.length - 511)
    with pytest.raises(ValueError, match=f"at most {TERMS.length - 512} secret bits, got {TERMS.length - 511}"):
        key(bits, bits, authentication_bits=512)


def test_a_key_held_by_one_end_knows_its_own_bits_only():
    alone = key(bob=None, holder="alice")
    assert alone.secret_bits.tolist() == [1, 0, 1, 1, 0, 1, 0, 0]
    with pytest.raises(AttributeError, match="held by one end"):
        _ = alone.peer_bits


def test_the_terms_of_a_bound_keep_the_contract():
    assert isinstance(TERMS, KeyTerms)
    assert (TERMS.eps_sec, TERMS.eps_cor) == (1e-10, 1e-12)
    assert ("raw key", "20000 bits") in TERMS.lines()


def test_plain_floats_do_as_error_rates():
    plain = key(qber=0.019, test_qber=0.02)
    assert "0.0190\n" in plain.report()
    assert "qber=0.019" in repr(plain)


def test_impossible_keys_are_refused():
    with pytest.raises(ValueError, match="a key needs its bits, or a reason for its refusal"):
        key(None, None)
    with pytest.raises(ValueError, match="holds no bits"):
        key(reason="something")
    with pytest.raises(ValueError, match=r"one length, got \[2, 1\] bits"):
        key([0, 1], [0])
    with pytest.raises(ValueError, match="bits must hold the numbers 0 and 1 only"):
        key([0, 2], [0, 1])
    with pytest.raises(ValueError, match="at least one bit"):
        key([], [])
    with pytest.raises(ValueError, match="a conference key of 3 needs a copy each, got 2"):
        conference_key(copies=2)
    with pytest.raises(ValueError, match=f"at most {TERMS.length} secret bits, got {TERMS.length + 1}"):
        key(np.zeros(TERMS.length + 1), np.zeros(TERMS.length + 1))


@pytest.mark.parametrize("kind", [Key, ConferenceKey, SharedKey])
@pytest.mark.parametrize("made", [key, refused])
def test_every_word_of_its_text_is_an_attribute_of_that_value(kind, made):
    """``secret_bits`` is an array, and ``length`` how long it is, whatever was taken of it."""
    facts = {name: getattr(made(), name) for name in Key.__dataclass_fields__}
    more = {"error_rates": (binomial_estimate(1, 100),) * 2} if kind is not Key else {}
    copies = {Key: 2, ConferenceKey: 3, SharedKey: 3}[kind]
    vault = None if made is refused else Vault(*[np.array(BITS)] * copies)
    shown = kind(**facts | more | {"_vault": vault})
    if vault is not None:
        shown.take(1)
    call = ast.parse(repr(shown), mode="eval").body
    assert call.func.id == kind.__name__
    told = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert told["length"] == len(shown) == (0 if made is refused else 8)
    for name, value in told.items():
        assert getattr(shown, name) == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)
