"""Sifting against a plain loop over the rounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumlink.qkd.sifting import sift


@given(
    rounds=st.integers(0, 60),
    bases=st.sampled_from([["Z", "X"], ["Z", "X", "Y"], [0, 1]]),
    seed=st.integers(0, 2**32),
)
def test_agrees_with_a_plain_loop(rounds, bases, seed):
    rng = np.random.default_rng(seed)
    a, b, seen = rng.integers(0, 2, (3, rounds))
    bases_a, bases_b = (np.array(bases)[rng.integers(0, len(bases), rounds)] for _ in range(2))
    found = sift(a, b, alice_bases=bases_a, bob_bases=bases_b, detected=seen)
    expected = {}
    for i in range(rounds):
        if seen[i] and bases_a[i] == bases_b[i]:
            expected.setdefault(bases_a[i].item(), []).append((i, a[i], b[i]))
    for basis in found.alice:
        columns = list(zip(found.rounds[basis], found.alice[basis], found.bob[basis], strict=True))
        assert columns == expected.pop(basis, [])
    assert not expected
    assert found.accepted == seen.sum()
    assert found.sifted == sum(map(len, found.alice.values())) == found.accepted - found.mismatched


def test_bits_are_sealed_and_not_shown():
    found = sift([0, 1], [0, 1], alice_bases=[0, 0], bob_bases=[0, 1])
    assert repr(found) == "Sifted(attempted=2, accepted=2, mismatched=1)"
    with pytest.raises(ValueError, match="read-only"):
        found.alice[0][0] = 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"bob_bits": [0]}, "alice_bits and bob_bits must have the same length, got 2 and 1"),
        ({"alice_bases": ["Z"]}, "alice_bits and alice_bases must have the same length, got 2 and 1"),
        ({"detected": [1, 1, 1]}, "alice_bits and detected must have the same length, got 2 and 3"),
        ({"detected": [1, 7]}, "detected must hold the numbers 0 and 1 only"),
        ({"alice_bits": [0, 2]}, "alice_bits must hold the numbers 0 and 1 only"),
        ({"bob_bases": [1, 0]}, "must both name bases by integers"),
        ({"bob_bases": [0.5, 0.5]}, "bob_bases must hold integers or strings"),
        ({"bob_bases": [["Z", "X"]]}, "bob_bases must be one-dimensional"),
    ],
)
def test_bad_arguments_are_named(change, text):
    arguments = {
        "alice_bits": [0, 1],
        "bob_bits": [0, 1],
        "alice_bases": ["Z", "X"],
        "bob_bases": ["Z", "X"],
    } | change
    alice, bob = arguments.pop("alice_bits"), arguments.pop("bob_bits")
    with pytest.raises(ValueError, match=text):
        sift(alice, bob, **arguments)
