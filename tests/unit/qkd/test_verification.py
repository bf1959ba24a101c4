"""The tag that compares two keys."""

import numpy as np
import pytest

from quantumlink.distillation.verification import verify


@pytest.mark.parametrize(("eps_cor", "tag_bits"), [(1e-10, 34), (0.25, 2), (0.3, 2), (2.0**-64, 64), (0.9, 1)])
def test_tag_is_as_long_as_the_tolerance_asks(eps_cor, tag_bits):
    assert verify([0, 1], [0, 1], eps_cor=eps_cor, seed=1).tag_bits == tag_bits
    assert 2.0**-tag_bits <= eps_cor < 2.0 ** (1 - tag_bits)


def test_equal_keys_always_match():
    rng = np.random.default_rng(3)
    for length in (1, 2, 33, 34, 35, 5_000):
        key = rng.integers(0, 2, length)
        assert verify(key, key.copy(), eps_cor=1e-10, seed=rng).matched


def test_any_single_error_is_noticed():
    """A miss has probability 2⁻³⁴ per position: false alarm 3e-9 in all."""
    key = np.zeros(50, dtype=np.uint8)
    for position in range(len(key)):
        wrong = key.copy()
        wrong[position] = 1
        assert not verify(key, wrong, eps_cor=1e-10, seed=position).matched


@pytest.mark.parametrize("errors", [1, 2, 20])
def test_different_keys_pass_as_often_as_promised(errors):
    """2,016 trials hold a frequency within ±0.06 but for a probability of 1e-6 (Hoeffding)."""
    rng = np.random.default_rng(errors)
    wrong = np.zeros(20, dtype=np.uint8)
    wrong[:errors] = 1
    passed = sum(verify(np.zeros(20), wrong, eps_cor=0.25, seed=rng).matched for _ in range(2_016))
    assert passed / 2_016 == pytest.approx(0.25, abs=0.06)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="alice_bits and bob_bits must have the same length, got 2 and 3 bits"):
        verify([0, 1], [0, 1, 1], eps_cor=1e-10)
    with pytest.raises(ValueError, match="alice_bits must hold at least 1 bits"):
        verify([], [], eps_cor=1e-10)
    with pytest.raises(ValueError, match="bob_bits must hold the numbers 0 and 1 only"):
        verify([0, 1], [0, 3], eps_cor=1e-10)
    for wrong in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="eps_cor must be a number strictly between 0 and 1, got"):
            verify([0, 1], [0, 1], eps_cor=wrong)
