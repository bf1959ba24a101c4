"""Bounds from samples: against enumeration of all samples, and against each other."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.security.sampling import (
    chsh_estimate,
    chsh_lower_bound,
    remaining_error_bound,
    serfling_margin,
)


@pytest.mark.parametrize("eps", [0.3, 0.1, 0.01])
@pytest.mark.parametrize(("n", "k"), [(6, 4), (4, 6), (9, 3)])
def test_bounds_fail_no_more_often_than_promised(n, k, eps):
    """Every population and every sample of it, counted."""
    bounds = [remaining_error_bound(errors=s, k=k, n=n, eps=eps) for s in range(k + 1)]
    margin = serfling_margin(n=n, k=k, eps=eps)
    for total in range(n + k + 1):
        failed = [0, 0]
        for sample in combinations(range(n + k), k):
            found = sum(place < total for place in sample)
            rest = (total - found) / n
            failed[0] += rest > bounds[found] + 1e-12
            failed[1] += rest > found / k + margin + 1e-12
        assert max(failed) / comb(n + k, k) <= eps


def test_the_exact_bound_could_not_be_lower():
    """One error fewer, and some population would break it more often than allowed."""
    n, k, eps = 9, 5, 0.05
    for found in range(k + 1):
        most = round(n * remaining_error_bound(errors=found, k=k, n=n, eps=eps))
        if most:
            total = most + found
            below = sum(comb(total, s) * comb(n + k - total, k - s) for s in range(found + 1))
            assert below / comb(n + k, k) > eps


@given(k=st.integers(1, 3_000), n=st.integers(1, 30_000), share=st.floats(0, 1), eps=st.sampled_from([1e-3, 1e-10]))
@settings(deadline=None, max_examples=60)
def test_exact_is_never_looser_than_serfling(k, n, share, eps):
    errors = int(share * k)
    exact = remaining_error_bound(errors=errors, k=k, n=n, eps=eps)
    assert exact <= min(1.0, errors / k + serfling_margin(n=n, k=k, eps=eps)) + 1e-9
    # Nor lower than what is likely: the sample's own rate, down to a whole number of errors.
    assert exact >= errors / k - 1 / n


def test_serfling_is_the_finite_key_margin():
    """The finite-key theorem takes it at ε²/16 = (ε/4)²: μ² = (n+k)(k+1)/(nk²)·ln(4/ε)."""
    n, k, eps = 10**6, 10**5, 1e-10
    written = sqrt((n + k) / (n * k) * (k + 1) / k * np.log(4 / eps))
    assert serfling_margin(n=n, k=k, eps=(eps / 4) ** 2) == pytest.approx(written, rel=1e-12)
    assert serfling_margin(n=0, k=5, eps=0.1) == np.inf == serfling_margin(n=5, k=0, eps=0.1)


def counts_of(correlators, shots, rng=None):
    counts = {}
    for settings_, e in correlators.items():
        same = round(shots * (1 + e) / 2) if rng is None else int(rng.binomial(shots, (1 + e) / 2))
        counts[settings_] = (same, shots - same)
    return counts


QUANTUM = dict.fromkeys(["00", "01", "10"], 1 / sqrt(2)) | {"11": -1 / sqrt(2)}


def test_chsh_of_the_best_and_of_a_local_strategy():
    assert chsh_estimate(counts_of(QUANTUM, 10**8)) == pytest.approx(2 * sqrt(2), abs=1e-6)
    assert chsh_estimate(counts_of(dict.fromkeys(QUANTUM, 1.0), 1_000)) == 2.0
    assert chsh_lower_bound(counts_of(dict.fromkeys(QUANTUM, 1.0), 1_000), eps=1e-6) < 2.0
    assert chsh_lower_bound(counts_of(QUANTUM, 10**8), eps=1e-10) == pytest.approx(2 * sqrt(2), abs=3e-3)


def test_chsh_intervals_cover_the_truth(rng):
    """600 runs. At 99 % the interval misses in 6 on average, in 26 or more with probability below 1e-9."""
    truth, missed, above = 2 * sqrt(2), 0, 0
    for _ in range(600):
        counts = counts_of(QUANTUM, 400, rng)
        missed += not chsh_estimate(counts, confidence=0.99).covers(truth)
        above += chsh_lower_bound(counts, eps=0.01) > truth
    assert missed < 26
    assert above < 26


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: remaining_error_bound(errors=5, k=4, n=4, eps=0.1), "errors must be at most k, 4, got 5"),
        (lambda: remaining_error_bound(errors=0, k=4, n=0, eps=0.1), "n must be a whole number, at least 1; got 0"),
        (lambda: serfling_margin(n=4, k=4, eps=1.0), "eps must be a number strictly between 0 and 1, got 1.0"),
        (lambda: chsh_estimate({"00": (1, 1)}), "counts must hold the settings 00, 01, 10, 11, got 00"),
        (lambda: chsh_estimate(dict.fromkeys(QUANTUM, (1, -1))), r"counts\['00'\] must be a whole number"),
        (lambda: chsh_lower_bound(dict.fromkeys(QUANTUM, (1, 1)), eps=0), "eps must be a number strictly"),
    ],
)
def test_bad_arguments_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
