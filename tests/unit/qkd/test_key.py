"""The key: who may read it, what it says about itself, and what it never says."""

import pickle

import numpy as np
import pytest

from quantumlink.estimation import binomial_estimate
from quantumlink.qkd import ConferenceKey, Key, NoSecretKey
from quantumlink.qkd.bounds.contract import KeyTerms
from quantumlink.qkd.finite_key import finite_key_terms

TERMS = finite_key_terms(n=20_000, k=20_000, qber=0.02, leak=3_100, eps_sec=1e-10, eps_cor=1e-12)


def key(**change):
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
        "_alice_bits": np.array([1, 0, 1, 1, 0, 1, 0, 0]),
        "_bob_bits": np.array([1, 0, 1, 1, 0, 1, 0, 0]),
    }
    return Key(**facts | change)


def refused(reason="nothing is secret", **change):
    return key(reason=reason, _alice_bits=None, _bob_bits=None, **change)


def test_bits_of_both_ends():
    given = key(_bob_bits=[1, 0, 1, 1, 0, 1, 0, 1])
    assert len(given) == 8
    assert bool(given)
    assert given.secret_bits.tolist() == [1, 0, 1, 1, 0, 1, 0, 0]
    assert given.peer_bits.tolist() == [1, 0, 1, 1, 0, 1, 0, 1]
    assert given.secret_bits.dtype == np.uint8


def test_bits_are_a_sealed_copy():
    source = np.array([1, 0, 1], dtype=np.uint8)
    given = key(_alice_bits=source, _bob_bits=source)
    source[:] = 0
    assert given.secret_bits.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        given.secret_bits[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        given.peer_bits[0] = 0


def test_a_stored_key_is_as_sealed():
    conference = {"error_rates": (binomial_estimate(0, 9),) * 2, "_others": (np.array([1, 0, 1, 1, 0, 1, 0, 0]),)}
    facts = dict(key().__dict__)
    for given in (key(), ConferenceKey(**facts | conference)):
        copy = pickle.loads(pickle.dumps(given))
        assert repr(copy) == repr(given)
        bits = [copy.secret_bits, copy.peer_bits, *([copy.bits_of(2)] if isinstance(copy, ConferenceKey) else [])]
        for found in bits:
            assert found.tolist() == [1, 0, 1, 1, 0, 1, 0, 0]
            with pytest.raises(ValueError, match="read-only"):
                found[0] = 0
    assert not pickle.loads(pickle.dumps(refused()))


def test_a_refused_key_says_why_and_gives_nothing():
    nothing = refused("the tags differ")
    assert len(nothing) == 0
    assert not nothing
    for read in (lambda: nothing.secret_bits, lambda: nothing.peer_bits):
        with pytest.raises(NoSecretKey, match="there is no secret key: the tags differ") as caught:
            read()
        assert caught.value.reason == "the tags differ"
    copy = pickle.loads(pickle.dumps(NoSecretKey("the tags differ")))
    assert (copy.reason, str(copy)) == ("the tags differ", "there is no secret key: the tags differ")


def test_no_text_depends_on_the_secret():
    """Two keys that differ in their secret only say exactly the same about themselves."""
    rng = np.random.default_rng(1)
    one, other = (key(_alice_bits=bits, _bob_bits=bits) for bits in rng.integers(0, 2, (2, 256)))
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
        key(authentication_bits=512, _alice_bits=bits, _bob_bits=bits)


def test_a_key_held_by_one_end_knows_its_own_bits_only():
    alone = key(_bob_bits=None, holder="alice")
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
    for half in ({"_alice_bits": None}, {"_bob_bits": None}, {"holder": "bob"}):
        with pytest.raises(ValueError, match="a key needs the bits of both ends"):
            key(**half)
    with pytest.raises(ValueError, match="a key needs the bits of both ends"):
        key(_alice_bits=None, reason="half a key")
    with pytest.raises(ValueError, match="a key needs the bits of both ends"):
        key(_alice_bits=None, _bob_bits=None)
    with pytest.raises(ValueError, match="holds no bits"):
        key(reason="something")
    with pytest.raises(ValueError, match="same length, got 2 and 1 bits"):
        key(_alice_bits=[0, 1], _bob_bits=[0])
    with pytest.raises(ValueError, match="alice_bits must hold the numbers 0 and 1 only"):
        key(_alice_bits=[0, 2], _bob_bits=[0, 1])
    with pytest.raises(ValueError, match=f"at most {TERMS.length} secret bits, got {TERMS.length + 1}"):
        key(_alice_bits=np.zeros(TERMS.length + 1), _bob_bits=np.zeros(TERMS.length + 1))
