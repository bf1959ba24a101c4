"""Toeplitz hashing against the matrix itself, its universality exhaustively, and its guards."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation import amplification
from quantumlink.qkd import toeplitz_hash


def matrix(seed, n, length, index=lambda i, j, n: i - j + n - 1):
    """The matrix entry by entry, from the definition of its index."""
    return np.array([[seed[index(i, j, n)] for j in range(n)] for i in range(length)])


def random_case(seed, n, length):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, n), rng.integers(0, 2, n + length - 1)


@given(
    n=st.integers(1, 70),
    length=st.integers(1, 70),
    seed=st.integers(0, 2**32),
    tile=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    stripe=st.integers(1, 20),
    flat=st.sampled_from([1, 20, 1 << 17]),
    few=st.sampled_from([0, 30, 256]),
)
@settings(deadline=None, max_examples=150)
def test_agrees_with_the_matrix_product_however_it_is_tiled(n, length, seed, tile, stripe, flat, few):
    """Row by row, or in tiles of any size, by transforms of one or of two dimensions."""
    x, s = random_case(seed, n, length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amplification, "_ROWS", tile[0])
        patch.setattr(amplification, "_COLUMNS", tile[1])
        patch.setattr(amplification, "_STRIPE", stripe)
        patch.setattr(amplification, "_FLAT", flat)
        patch.setattr(amplification, "_FEW", few)
        amplification._Transform.of.cache_clear()
        result = toeplitz_hash(x, seed=s, length=length)
    amplification._Transform.of.cache_clear()
    assert result.dtype == np.uint8
    assert np.array_equal(result, matrix(s, n, length) @ x % 2)


def test_the_comparison_tells_a_wrong_index():
    s, x = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0], [1, 1, 0, 1, 0, 0, 1, 0]
    right = toeplitz_hash(x, seed=s, length=4)
    assert right.tolist() == [0, 1, 1, 1]
    for wrong in (lambda i, j, n: i + j, lambda i, j, n: j - i + 3, lambda i, j, n: i - j + n - 2):
        assert (matrix(s, 8, 4, wrong) @ x % 2).tolist() != right.tolist()


def test_long_keys_agree_row_by_row():
    n, length = 300_000, 200_000
    x, s = random_case(11, n, length)
    result = toeplitz_hash(x, seed=s, length=length)
    for i in np.random.default_rng(12).integers(0, length, 50):
        row = s[i : i + n][::-1]  # s[i − j + n − 1] for j = 0 … n − 1
        assert result[i] == np.count_nonzero(row & x) % 2


@pytest.mark.parametrize("few", [0, 256])
def test_two_universal_exactly(few, monkeypatch):
    """Over all seeds, any two different strings collide with a probability of exactly 2⁻ᴸ."""
    monkeypatch.setattr(amplification, "_FEW", few)
    n, length = 4, 2
    strings = list(product((0, 1), repeat=n))
    collisions = {pair: 0 for pair in product(range(len(strings)), repeat=2) if pair[0] < pair[1]}
    seeds = list(product((0, 1), repeat=n + length - 1))
    for seed in seeds:
        hashes = [toeplitz_hash(x, seed=seed, length=length).tolist() for x in strings]
        for a, b in collisions:
            collisions[a, b] += hashes[a] == hashes[b]
    assert set(collisions.values()) == {len(seeds) // 2**length}


@pytest.mark.parametrize("kind", [list, np.array, lambda b: np.array(b, bool), lambda b: np.array(b, float)])
def test_accepts_what_holds_zeros_and_ones_and_leaves_it_alone(kind):
    x, s = kind([1, 0, 1]), kind([1, 1, 0, 1])
    before = list(x), list(s)
    assert toeplitz_hash(x, seed=s, length=2).tolist() == [1, 0]  # rows 011 and 101
    assert (list(x), list(s)) == before


def test_an_inexact_transform_is_refused(monkeypatch):
    import scipy.fft

    monkeypatch.setattr(amplification, "_FEW", 0)
    exact = scipy.fft.irfft
    monkeypatch.setattr(scipy.fft, "irfft", lambda *args: exact(*args) + 0.3)  # the last step of any transform
    with pytest.raises(ArithmeticError, match=r"must be below 0\.25"):
        toeplitz_hash([1, 0, 1], seed=[1, 1, 0, 1], length=2)
    monkeypatch.setattr(scipy.fft, "irfft", lambda *args: exact(*args) * np.nan)
    with pytest.raises(ArithmeticError):
        toeplitz_hash([1, 0, 1], seed=[1, 1, 0, 1], length=2)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"bits": []}, "bits must hold at least 1 bits, got 0"),
        ({"bits": [0, 1, 2]}, "bits must hold the numbers 0 and 1 only, got 1 other values among 3"),
        ({"bits": [0, 1, float("nan")]}, "bits must hold the numbers 0 and 1 only"),
        ({"bits": "101"}, "bits must be one-dimensional"),
        ({"bits": ["1", "0", "1"]}, "bits must hold the numbers 0 and 1 only"),
        ({"bits": [[0, 1, 1]]}, r"bits must be one-dimensional, got an array of shape \(1, 3\)"),
        ({"bits": [[0], [1, 1]]}, "bits must be one-dimensional, got a ragged"),
        ({"seed": [1, 1, 0]}, r"seed must hold len\(bits\) \+ length - 1 = 4 bits, got 3"),
        ({"seed": [1, 1, 0, -1]}, "seed must hold the numbers 0 and 1 only"),
        ({"length": 0}, "length must be a whole number, at least 1; got 0"),
        ({"length": 2.0}, "length must be a whole number"),
    ],
)
def test_bad_arguments_are_named(change, text):
    arguments = {"bits": [1, 0, 1], "seed": [1, 1, 0, 1], "length": 2} | change
    bits = arguments.pop("bits")
    with pytest.raises(ValueError, match=text):
        toeplitz_hash(bits, **arguments)


@pytest.mark.parametrize("length", [1, 34, 256, 257])
def test_tags_of_long_keys_agree_row_by_row(length):
    n = 300_003
    x, s = random_case(13, n, length)
    result = toeplitz_hash(x, seed=s, length=length)
    assert result.tolist() == [np.count_nonzero(s[i : i + n][::-1] & x) % 2 for i in range(length)]


@pytest.mark.parametrize("n", [300_001, 300_002])
def test_what_is_not_random_is_hashed_exactly_too(n):
    """All ones: each sum is n, as large as can be. Every second bit against every second: n/2 or none, in turn."""
    length = 100_003
    ones = np.ones(n + length - 1, dtype=np.uint8)
    assert (toeplitz_hash(ones[:n], seed=ones, length=length) == n % 2).all()
    comb = np.arange(n + length - 1) % 2  # row i adds comb[i − j + n − 1]·comb[j] over j
    meets = (np.arange(length) + n) % 2 == 1
    assert np.array_equal(toeplitz_hash(comb[:n], seed=comb, length=length), meets * (n // 2 % 2))
