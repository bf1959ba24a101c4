"""Intervals: how often they cover the truth, computed exactly by enumerating all outcomes; nothing is sampled."""

import copy
import json
import pickle
from itertools import product
from math import comb, inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from quantumlink.estimation import Estimate, affine_estimate, binomial_estimate

# Roots of the incomplete beta function, by two routes.
EXACT = 1e-9


def distribution(n, p):
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


# --- one probability


@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data(), total=st.integers(1, 10**6), confidence=st.floats(0.5, 0.999))
def test_binomial_estimate_is_clopper_pearson(data, total, confidence):
    successes = data.draw(st.integers(0, total))
    found = binomial_estimate(successes, total, confidence)
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, successes, total - successes + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, total - successes) if successes < total else 1.0
    assert found.best == successes / total
    assert (found.low, found.high) == pytest.approx((low, high), abs=EXACT)
    assert found.confidence == confidence


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_binomial_estimate_covers_every_truth_as_often_as_it_says(n, confidence):
    # Coverage jumps where an interval ends: look just beside every end, too.
    estimates = [binomial_estimate(k, n, confidence) for k in range(n + 1)]
    ends = [end + d for e in estimates for end in (e.low, e.high) for d in (-1e-9, 0, 1e-9)]
    for p in [*np.linspace(0, 1, 101), *(end for end in ends if 0 <= end <= 1)]:
        covered = [e.covers(p) for e in estimates]
        # The sum of all probabilities is 1 up to rounding of n terms.
        assert distribution(n, p)[covered].sum() >= confidence - EXACT


def test_binomial_estimate_is_not_wider_than_it_must_be():
    # For one interval of this kind the coverage comes down to the stated value somewhere: at p = 1/2 and
    # n = 1000 it is within the largest single probability, 0.025.
    estimates = [binomial_estimate(k, 1000) for k in range(1001)]
    coverage = distribution(1000, 0.5)[[e.covers(0.5) for e in estimates]].sum()
    assert 0.95 <= coverage <= 0.95 + 0.026


def test_no_trials_tell_nothing():
    found = binomial_estimate(0, 0)
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "total"), [(0, 5), (5, 5), (2, 5)])
def test_failures_mirror_successes(successes, total):
    found, mirrored = binomial_estimate(successes, total), binomial_estimate(total - successes, total)
    assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=EXACT)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((-1, 5), "-1"),
        ((6, 5), "6"),
        ((1, 5, 0.0), "confidence"),
        ((1, 5, 1.0), "confidence"),
        ((1, 5, nan), "confidence"),
        ((1, 5, 95), "95"),
    ],
)
def test_impossible_counts_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        binomial_estimate(*arguments)


# --- combinations


def test_affine_estimate_of_one_term_is_that_interval_scaled():
    x = binomial_estimate(3, 20)
    up, down = affine_estimate([(2.0, x)], offset=-1.0), affine_estimate([(-2.0, x)], offset=1.0)
    assert list(up) == pytest.approx([2 * x.low - 1, 2 * x.best - 1, 2 * x.high - 1], abs=EXACT)
    assert list(down) == pytest.approx([1 - 2 * x.high, 1 - 2 * x.best, 1 - 2 * x.low], abs=EXACT)


def test_affine_estimate_adds_distances_in_squares():
    # MOVER, written out for two terms of different sign.
    x, y = Estimate(0.4, 0.5, 0.7), Estimate(0.1, 0.3, 0.35)
    found = affine_estimate([(1.0, x), (-2.0, y)], offset=0.1)
    assert found.best == pytest.approx(0.5 - 0.6 + 0.1, abs=EXACT)
    assert found.best - found.low == pytest.approx(np.hypot(0.1, 2 * 0.05), abs=EXACT)
    assert found.high - found.best == pytest.approx(np.hypot(0.2, 2 * 0.2), abs=EXACT)


def test_affine_estimate_stays_within_its_bounds():
    x = Estimate(0.2, 0.9, 1.0)
    found = affine_estimate([(2.0, x)], offset=-0.5, bounds=(0.0, 1.0))
    assert list(found) == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("n", "lowest"),
    [
        # The fidelity of three bases, a good pair with x = n·p expected errors in each. Exactly, by enumeration,
        # the coverage of the interval of 95 % is 0.9106 at its lowest (x = 0.2) and above 0.94 from x = 0.5 on:
        # MOVER is an approximation where errors are rare. A wrong sign or a missing term falls far below.
        (10, 0.91),
        (20, 0.91),
    ],
)
def test_affine_estimate_covers_nearly_as_often_as_it_says(n, lowest):
    one = [affine_estimate([(2.0, binomial_estimate(k, n))], offset=-1.0) for k in range(n + 1)]
    low, high = np.empty((2, n + 1, n + 1, n + 1))
    for i, j, k in product(range(n + 1), repeat=3):
        terms = [(0.25, one[i]), (-0.25, one[j]), (0.25, one[k])]
        low[i, j, k], _, high[i, j, k] = affine_estimate(terms, offset=0.25, bounds=(0.0, 1.0))
    coverages = {}
    for x in (0, 0.05, 0.2, 0.5, 1, 2, 4):
        p = x / n
        weights = [distribution(n, q) for q in (1 - p, p, 1 - p)]
        truth = 1 - 1.5 * p
        within = (low <= truth + EXACT) & (truth - EXACT <= high)
        coverages[x] = np.einsum("ijk,i,j,k->", within, *weights)
    assert min(coverages.values()) >= lowest
    assert min(coverage for x, coverage in coverages.items() if x >= 0.5) >= 0.94


@pytest.mark.parametrize("n", [8, 25])
def test_affine_estimate_of_two_terms_covers_nearly_as_often_as_it_says(n):
    # A sum and a difference of two probabilities anywhere: 0.94 and more, by enumeration.
    estimates = [binomial_estimate(k, n) for k in range(n + 1)]
    for sign in (1.0, -1.0):
        found = [[affine_estimate([(1.0, x), (sign, y)]) for y in estimates] for x in estimates]
        for p, q in product(np.linspace(0, 1, 11), repeat=2):
            within = [[e.low - EXACT <= p + sign * q <= e.high + EXACT for e in row] for row in found]
            assert distribution(n, p) @ np.array(within) @ distribution(n, q) >= 0.94


def test_affine_estimate_refuses_what_does_not_fit_together():
    with pytest.raises(ValueError, match="confidence"):
        affine_estimate([(1.0, binomial_estimate(1, 2, 0.9)), (1.0, binomial_estimate(1, 2, 0.95))])
    with pytest.raises(ValueError, match="confidence"):
        affine_estimate([])


# --- the number itself


def test_an_estimate_is_its_best_value_and_its_interval():
    x = Estimate(0.91, 0.93, 0.95, confidence=0.9)
    assert x == 0.93
    assert x > 0.92
    assert (x.low, x.best, x.high, x.confidence) == (0.91, 0.93, 0.95, 0.9)
    low, best, high = x
    assert (low, best, high) == (0.91, 0.93, 0.95)
    assert x.covers(0.91)
    assert x.covers(0.95)
    assert not x.covers(0.96)
    assert np.isclose(np.float64(x), 0.93)


@pytest.mark.parametrize("values", [(0.5, 0.4, 0.6), (0.1, 0.7, 0.6), (nan, 0.5, 0.6), (0.1, nan, 0.6)])
def test_an_interval_that_does_not_hold_its_best_value_is_refused(values):
    with pytest.raises(ValueError, match="low <= best <= high"):
        Estimate(*values)


def test_an_estimate_keeps_its_interval_when_it_is_copied_or_pickled():
    x = Estimate(0.1, 0.2, 0.4, confidence=0.99)
    for again in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (list(again), again.confidence) == (list(x), 0.99)
    assert json.loads(json.dumps(x)) == 0.2


def test_an_estimate_prints_itself_with_its_interval():
    x = Estimate(0.91, 0.93, 0.95)
    assert repr(x) == "Estimate(low=0.91, best=0.93, high=0.95)"
    assert f"{x}" == str(x) == "0.9300 [0.9100, 0.9500]"
    assert f"{x:.2f}" == "0.93 [0.91, 0.95]"


def test_exact_numbers_shift_and_scale_the_interval_with_the_value():
    x = Estimate(0.1, 0.2, 0.4, confidence=0.9)
    for found, wanted in (
        (1 - x, (0.6, 0.8, 0.9)),
        (x - 1, (-0.9, -0.8, -0.6)),
        (x + 1, (1.1, 1.2, 1.4)),
        (-x, (-0.4, -0.2, -0.1)),
        (2 * x, (0.2, 0.4, 0.8)),
        (x * -2, (-0.8, -0.4, -0.2)),
    ):
        assert isinstance(found, Estimate)
        assert list(found) == pytest.approx(wanted, abs=EXACT)
        assert found.confidence == 0.9


def test_two_estimates_together_are_a_plain_number():
    # How they hang together is not known, so that no interval is made up.
    x, y = Estimate(0.1, 0.2, 0.4), Estimate(0.3, 0.5, 0.6)
    for found, wanted in ((x + y, 0.7), (x - y, -0.3), (x * y, 0.1)):
        assert type(found) is float
        assert found == pytest.approx(wanted, abs=EXACT)


def test_unbounded_intervals_are_allowed():
    assert Estimate(-inf, 0.0, inf).covers(1e300)
