"""Wegman-Carter tags: against a slow field written apart, by algebra, and by enumeration in a small field."""

import gc
import weakref
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation import authentication
from quantumlink.distillation.authentication import (
    GF128,
    Authenticator,
    BinaryField,
    PolynomialHash,
    SecretExhausted,
    SharedSecret,
    forgery_probability,
    polynomial_hash,
)

ELEMENTS = st.integers(0, 2**128 - 1)
GF256 = BinaryField(8, 0x1B)


def school_multiply(a, b):
    """Multiply the polynomials as at school, then divide by x^128 + x^7 + x^2 + x + 1."""
    product = 0
    for i in range(128):
        if b >> i & 1:
            product ^= a << i
    modulus = (1 << 128) | 0b10000111
    for i in reversed(range(128, 256)):
        if product >> i & 1:
            product ^= modulus << (i - 128)
    return product


def school_hash(message, point):
    """The sum as it is written, power by power."""
    data = message + bytes(-len(message) % 16) + len(message).to_bytes(16, "little")
    blocks = [int.from_bytes(data[i : i + 16], "little") for i in range(0, len(data), 16)]
    total, power = 0, point
    for block in reversed(blocks):
        total ^= school_multiply(block, power)
        power = school_multiply(power, point)
    return total


@given(a=ELEMENTS, b=ELEMENTS)
def test_products_agree_with_school(a, b):
    assert GF128.multiply(a, b) == school_multiply(a, b) == GF128.multiply(b, a)


@given(a=ELEMENTS, b=ELEMENTS, c=ELEMENTS)
def test_field_axioms(a, b, c):
    times = GF128.multiply
    assert times(a, times(b, c)) == times(times(a, b), c)
    assert times(a, b ^ c) == times(a, b) ^ times(a, c)
    assert times(a, 1) == a


@given(rows=st.lists(ELEMENTS, min_size=1, max_size=9), factor=ELEMENTS)
def test_many_products_at_once_are_those_one_by_one(rows, factor):
    found = GF128.times(GF128.words(b"".join(row.to_bytes(16, "little") for row in rows)), factor)
    assert [int.from_bytes(row.tobytes(), "little") for row in found] == [GF128.multiply(r, factor) for r in rows]


def test_products_of_single_bits_and_of_all_ones():
    """Every place meets every place, and sums are as large as they can be."""
    for factor in (2**128 - 1, *(1 << place for place in range(0, 128, 3))):
        rows = [2**128 - 1, *(1 << place for place in range(0, 128, 5))]
        found = GF128.times(GF128.words(b"".join(row.to_bytes(16, "little") for row in rows)), factor)
        assert [int.from_bytes(r.tobytes(), "little") for r in found] == [GF128.multiply(r, factor) for r in rows]


@pytest.mark.parametrize("blocks", [1, 15, 16, 17, 31, 33, 4095, 4096, 4097, 8192, 8193])
def test_long_hashes_are_horners(blocks):
    """The strides of the evaluation and their ends, against one product after the other."""
    rng = np.random.default_rng(blocks)
    message, point = rng.bytes(16 * blocks - 3), int.from_bytes(rng.bytes(16), "little")
    total = 0
    for start in range(0, len(message), 16):
        total = GF128.multiply(total, point) ^ int.from_bytes(message[start : start + 16], "little")
    total = GF128.multiply(GF128.multiply(total, point) ^ len(message), point)
    assert polynomial_hash(message, point=point) == total


def test_every_element_has_an_inverse():
    """In the small field each product with a fixed factor is a permutation; in the large one a^(2^128 − 1) = 1."""
    for a in range(1, 256):
        assert sorted(GF256.multiply(a, b) for b in range(256)) == list(range(256))
    a, power = 0x0123456789ABCDEF0123456789ABCDEF, 1
    for _ in range(128):
        power = GF128.multiply(GF128.multiply(power, power), a)
    assert power == 1


@given(message=st.binary(max_size=400), point=ELEMENTS)
def test_hash_agrees_with_the_sum_as_written(message, point):
    assert polynomial_hash(message, point=point) == school_hash(message, point)


@given(
    pair=st.integers(0, 100).flatmap(lambda n: st.tuples(*[st.binary(min_size=n, max_size=n)] * 2)), point=ELEMENTS
)
def test_hash_is_affine_in_messages_of_one_length(pair, point):
    a, b = pair
    both = bytes(x ^ y for x, y in zip(a, b, strict=True))
    hashes = [polynomial_hash(m, point=point) for m in (a, b, both, bytes(len(a)))]
    assert hashes[0] ^ hashes[1] ^ hashes[2] ^ hashes[3] == 0


def test_a_difference_goes_unnoticed_at_as_few_points_as_promised():
    """All 256 points of the small field: messages of B blocks agree at B of them at most, and some at that many."""
    rng, most = np.random.default_rng(3), 0
    for _ in range(60):
        lengths = rng.integers(0, 5, 2)
        a, b = (rng.bytes(n) for n in lengths)
        if a == b:
            continue
        agree = sum(
            polynomial_hash(a, point=r, field=GF256) == polynomial_hash(b, point=r, field=GF256) for r in range(256)
        )
        assert agree <= max(lengths) + 1
        most = max(most, agree)
    assert most >= 3


def test_the_best_forgery_succeeds_with_probability_of_blocks_over_field():
    """Small field, one message with its tag seen: over all keys no forgery is accepted more often."""
    seen = b"\x05"
    for forged, shift in product([b"\x04", b"\x99", b"", b"\x05\x00", b"\x01\x02"], range(0, 256, 40)):
        accepted = sum(
            polynomial_hash(seen, point=r, field=GF256) ^ polynomial_hash(forged, point=r, field=GF256) == shift
            for r in range(256)
        )
        assert accepted <= max(len(seen), len(forged)) + 1


def test_filling_with_zeros_is_told_apart():
    hashes = {polynomial_hash(bytes(n), point=0xABCDEF) for n in range(40)}
    assert len(hashes) == 40


def ends(bits=1_024, seed=1):
    secret = np.random.default_rng(seed).integers(0, 2, bits)
    return Authenticator(SharedSecret(secret), places=3), Authenticator(SharedSecret(secret), places=3)


def test_tags_are_accepted_in_their_places_and_cost_what_they_say():
    alice, bob = ends()
    for place, message in enumerate([b"one", b"two" * 100, b""]):
        assert bob.check(message, alice.tag(message, place=place), place=place)
    assert alice.spent_bits == bob.spent_bits == 128 * 4
    assert alice.forgery_probability == (2 + 20 + 1) * 2.0**-128
    assert forgery_probability(0) == 2.0**-128


def test_changed_messages_tags_and_old_tags_are_refused():
    for change in (
        lambda m, t: (m + b"\0", t),
        lambda m, t: (m[:-1], t),
        lambda m, t: (m, bytes([t[0] ^ 1]) + t[1:]),
    ):
        alice, bob = ends()
        assert not bob.check(*change(b"message", alice.tag(b"message", place=0)), place=0)
    alice, bob = ends()
    tag = alice.tag(b"again", place=0)
    assert bob.check(b"again", tag, place=0)
    assert not bob.check(b"again", tag, place=1)  # the mask is another one there
    assert not ends(seed=2)[1].check(b"again", tag, place=0)  # and so is a stranger's secret


def test_a_place_is_for_one_tag():
    """Two hashes under one mask would tell their difference, and so the point."""
    alice, _ = ends()
    assert alice.tag(b"same", place=0) != alice.tag(b"same", place=1)
    for message in (b"same", b"other"):
        with pytest.raises(RuntimeError, match="place 0 has a tag already"):
            alice.tag(message, place=0)
    assert [alice.is_free(place) for place in range(3)] == [False, False, True]


def test_the_work_does_not_depend_on_secret_bits(monkeypatch):
    """As many steps for 0 as for all ones: the multiplication takes no branch on a bit."""
    steps = []
    honest = BinaryField.times_x
    monkeypatch.setattr(BinaryField, "times_x", lambda field, a: steps.append(1) or honest(field, a))
    counts = set()
    for a, b in ((0, 0), (0, 2**128 - 1), (2**128 - 1, 0), (1 << 127, 1), (2**128 - 1, 2**128 - 1)):
        steps.clear()
        GF128.multiply(a, b)
        counts.add(len(steps))
    assert counts == {128}


def test_nothing_of_a_point_outlives_its_conversation():
    """No table of the module may hold what belongs to one secret point."""
    hashed = PolynomialHash(0x1234567890ABCDEF)
    reference = weakref.ref(hashed)
    hashed(bytes(10_000))
    del hashed
    gc.collect()
    assert reference() is None
    cached = [name for name, value in vars(authentication).items() if hasattr(value, "cache_info")]
    assert cached == []


def test_a_point_of_zero_is_refused():
    """All messages have the hash 0 there, so a tag that was seen is right for any other message."""
    assert {polynomial_hash(message, point=0) for message in (b"", b"yes", b"no" * 100)} == {0}
    secret = np.concatenate([np.zeros(128, dtype=int), np.random.default_rng(3).integers(0, 2, 384)])
    with pytest.raises(ValueError, match="the next 128 bits of the shared secret are 0: any message would do"):
        Authenticator(SharedSecret(secret), places=3)


def test_the_secret_runs_out_and_never_shows():
    rng = np.random.default_rng(4)
    secret = SharedSecret(rng.integers(0, 2, 300))
    assert len(secret) == 300
    with pytest.raises(SecretExhausted, match="512 bits of the shared secret are needed, 300 are left"):
        Authenticator(secret, places=3)
    Authenticator(secret, places=1)
    assert repr(secret) == "SharedSecret(44 bits left)"
    secret.refill([1] * 100)
    assert secret.take(144)[44:].tolist() == [1] * 100


@pytest.mark.parametrize("point", [-1, 2**128])
def test_points_outside_of_the_field_are_refused_without_being_shown(point):
    with pytest.raises(ValueError, match="point must be an element of 128 bits") as caught:
        polynomial_hash(b"", point=point)
    assert str(point) not in str(caught.value)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(pieces=st.lists(st.binary(max_size=200), max_size=6), point=st.integers(0, 2**128 - 1))
def test_a_hash_that_runs_along_is_that_of_the_whole_message(pieces, point):
    running = PolynomialHash(point).running(pieces[0] if pieces else b"")
    said = pieces[0] if pieces else b""
    for piece in pieces[1:]:
        assert running.value() == school_hash(said, point)
        assert running.value() == school_hash(said, point)  # asking changes nothing
        running.extend(piece)
        said += piece
    assert running.value() == school_hash(said, point)
    assert len(running) == len(said)


def test_tags_of_a_growing_message_are_those_of_each_of_its_states():
    alice, bob = ends()
    said = alice.running(b"first")
    for place, piece in enumerate((b"", b"x" * 16, b"last" * 1_000)):
        said.extend(piece)
        whole = b"first" + b"".join((b"", b"x" * 16, b"last" * 1_000)[: place + 1])
        assert bob.check(whole, alice.tag(said, place=place), place=place)
    assert alice.forgery_probability == bob.forgery_probability
