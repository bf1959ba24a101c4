"""The interval of a sum of proportions, such as a fidelity of three bases: its coverage by enumeration.

Nothing is sampled: for numbers of accepted runs (n_X, n_Y, n_Z) every outcome is enumerated, and for each state of
a grid the probabilities of the outcomes whose interval misses its fidelity are added up. The variable
``QUANTUMLINK_LONG_TESTS=1`` enumerates all triples from 0 to 30 (five minutes); without it a representative part.
"""

import os
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from scipy.stats import binom

from quantumlink.estimation import (
    affine_estimate,
    binomial_estimate,
    lower_limits,
    proportions_estimate,
    weighted_estimate,
)
from quantumlink.execution import Samples

EXACT = 1e-9
LONG = "QUANTUMLINK_LONG_TESTS" in os.environ
TRIPLES = (
    list(combinations_with_replacement(range(31), 3))
    if LONG
    else [
        *combinations_with_replacement((0, 1, 2, 3, 5, 8), 3),
        *[(0, 1, 30), (0, 30, 30), (1, 1, 30), (1, 30, 30), (3, 17, 30), (2, 9, 24), (10, 11, 12), (20, 20, 20)],
        *[(29, 30, 30), (30, 30, 30), (8, 8, 15), (7, 7, 19), (10, 10, 20), (5, 5, 22), (8, 9, 27), (26, 26, 26)],
    ]
)


def grid_of_states():
    """Populations (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻): pure states, edges and faces of the tetrahedron, near to them, and within."""
    found = {tuple(np.array(c) / sum(c)) for c in product((0, 1, 2, 4), repeat=4) if sum(c)}
    small = (0, 0.002, 0.007, 0.02, 0.05, 0.1) if LONG else (0, 0.007, 0.02, 0.07)
    for place, rest in product(range(4), product(small, repeat=3)):
        found.add((*rest[:place], 1 - sum(rest), *rest[place:]))
    # One error, or all alike, at every rate: what a pooled interval just covers shows only at some of them.
    for error, (a, b, c) in product(np.linspace(0, 1, 101 if LONG else 26), (*np.eye(3), np.full(3, 1 / 3))):
        found.add((1 - error, error * a, error * b, error * c))
    return np.array(sorted(found))


STATES = grid_of_states()
STATES_OF_FIDELITY = {fidelity: np.flatnonzero(STATES[:, 0] == fidelity) for fidelity in np.unique(STATES[:, 0])}
# The probabilities that XX, YY and ZZ come out as they would for Φ⁺.
RIGHT = np.stack([STATES[:, [0, 2]].sum(1), STATES[:, [0, 3]].sum(1), STATES[:, [0, 1]].sum(1)], axis=1)


def limits_of_all_outcomes(n, tail=0.025):
    """Low and high of the fidelity for every outcome, each of shape (n_X + 1, n_Y + 1, n_Z + 1)."""
    shape = tuple(k + 1 for k in n)
    seen = [i for i in range(3) if n[i]]
    if not seen:
        return np.full(shape, -0.5), np.full(shape, 1.0)
    found, trials = np.indices(shape)[seen], [n[i] for i in seen]
    wrong = np.array(trials).reshape(-1, 1, 1, 1) - found
    low, high = lower_limits(found, trials, tail), 3 - lower_limits(wrong, trials, tail)
    return (low - 1) / 2, (high - 1) / 2


def test_all_limits_are_those_of_the_estimate_that_users_see(rng):
    for n in [(0, 0, 0), (0, 4, 9), (7, 7, 7), (30, 1, 12)]:
        low, high = limits_of_all_outcomes(n)
        for _ in range(30):
            k = tuple(int(rng.integers(0, m + 1)) for m in n)
            outcomes = {
                basis: (good, bad, 0, 0) if basis != "YY" else (bad, good, 0, 0)
                for basis, good, bad in zip(("XX", "YY", "ZZ"), k, np.subtract(n, k), strict=True)
            }
            runs = dict.fromkeys(outcomes, 1000)
            seen = Samples(("a", "b"), {b: tuple(map(int, o)) for b, o in outcomes.items()}, runs).fidelity()
            np.testing.assert_allclose(
                [seen.low, seen.high], np.clip([low[k], high[k]], 0, 1), rtol=0, atol=EXACT, err_msg=f"{k} of {n}"
            )


def coverages(n, tail=0.025):
    """The coverage in every state of the grid. States of one fidelity share what is within, hence one product."""
    low, high = limits_of_all_outcomes(n, tail)
    x, y, z = (binom.pmf(np.arange(k + 1), k, RIGHT[:, [i]]) for i, k in enumerate(n))
    found = np.empty(len(STATES))
    for fidelity, states in STATES_OF_FIDELITY.items():
        within = ((low <= fidelity + EXACT) & (fidelity <= high + EXACT)).astype(float)
        found[states] = np.einsum("xys,sx,sy->s", within @ z[states].T, x[states], y[states], optimize=True)
    return found


def test_the_fidelity_of_few_accepted_runs_is_covered_as_often_as_it_says():
    worst = {n: coverages(n) for n in TRIPLES}
    lowest = min(worst, key=lambda n: worst[n].min())
    assert worst[lowest].min() >= 0.95, f"{lowest}, {STATES[worst[lowest].argmin()]}"
    # It is no interval that covers everything: somewhere it comes near to what it says.
    assert worst[30, 30, 30].min() <= 0.96


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_other_confidences_hold_as_well(confidence):
    for n in [(1, 1, 1), (0, 3, 7), (5, 5, 5), (4, 9, 20), (20, 20, 20)]:
        assert coverages(n, (1 - confidence) / 2).min() >= confidence


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_the_bases_makes_no_difference(order):
    counts = [(3, 4), (20, 30), (0, 7)]
    swapped = proportions_estimate([counts[i] for i in order])
    assert list(swapped) == pytest.approx(list(proportions_estimate(counts)), abs=EXACT)


def test_nothing_accepted_tells_nothing():
    none = dict.fromkeys(("XX", "YY", "ZZ"), (0, 0, 0, 0))
    found = Samples(("a", "b"), none, dict.fromkeys(none, 10)).fidelity()
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize("successes", range(0, 13, 3))
def test_one_proportion_is_clopper_pearson(successes):
    found, wanted = proportions_estimate([(successes, 12)]), binomial_estimate(successes, 12)
    assert list(found) == pytest.approx(list(wanted), abs=EXACT)


@pytest.mark.parametrize("successes", [0, 1, 4, 9, 10])
def test_equal_rates_are_pooled(successes):
    found, pooled = proportions_estimate([(successes, 10)] * 3), binomial_estimate(3 * successes, 30)
    assert list(found) == pytest.approx([3 * x for x in pooled], abs=EXACT)


def test_failures_mirror_successes():
    counts = [(3, 4), (20, 30), (0, 0), (0, 7)]
    found, mirrored = proportions_estimate(counts), proportions_estimate([(n - k, n) for k, n in counts])
    assert list(found) == pytest.approx([4 - x for x in reversed(list(mirrored))], abs=EXACT)


@pytest.mark.parametrize("n", [1000, 20_000])
def test_many_runs_have_intervals_no_wider_than_combined_ones(n):
    """Beside MOVER's, which falls short of its confidence: at most 3 % wider, and most often narrower."""
    rates = (0, 0.001, 0.01, 0.05, 0.2, 0.5)
    ratios = []
    for a, b, c in [*product(rates, repeat=3), (1, 1, 0), (1, 0.5, 0.5)]:
        right = [round((1 - e) * n) for e in (a, b, c)]
        found = proportions_estimate([(k, n) for k in right], scale=0.5, offset=-0.5, bounds=(0, 1))
        terms = [(0.5, binomial_estimate(k, n)) for k in right]
        combined = affine_estimate(terms, offset=-0.5, bounds=(0, 1))
        ratios.append((found.high - found.low) / (combined.high - combined.low))
    assert max(ratios) <= 1.03
    assert np.median(ratios) <= 1


@pytest.mark.parametrize("n", [(3, 3, 3, 3), (6, 2, 9, 4)])
def test_a_chsh_value_of_few_rounds_is_covered_as_often_as_it_says(n):
    shape = tuple(k + 1 for k in n)
    found, trials = np.indices(shape), np.array(n).reshape(-1, 1, 1, 1, 1)
    low, high = lower_limits(found, n, 0.025), 4 - lower_limits(trials - found, n, 0.025)
    quantum = (2 + 2**0.5) / 4
    for right in [(quantum,) * 4, (1, 1, 1, 0), (1, 1, 1, 1), (0.5,) * 4, (0.9, 0.6, 0.8, 0.3), (0.02,) * 4]:
        tables = [binom.pmf(np.arange(k + 1), k, p) for k, p in zip(n, right, strict=True)]
        within = (low <= sum(right) + EXACT) & (sum(right) <= high + EXACT)
        assert np.einsum("ijkl,i,j,k,l->", within, *tables) >= 0.95


@pytest.mark.parametrize(("counts", "text"), [([], "counts"), ([(3, 2)], "3 of 2"), ([(-1, 2)], "-1")])
def test_impossible_counts_are_refused(counts, text):
    with pytest.raises(ValueError, match=text):
        proportions_estimate(counts)


@pytest.mark.parametrize(
    ("weights", "trials"),
    [((0.75, 0.25), (50, 20)), ((1, 1, 1), (12, 12, 12)), ((1, 0.1, -0.3), (9, 8, 10)), ((0.5, -0.5), (25, 25))],
)
def test_weighted_sums_cover_by_enumeration(weights, trials):
    """Every outcome with its probability, for rare, even and certain events in each of the sums."""
    rates = [0.001, 0.01, 0.05, 0.2, 0.35, 0.65, 0.9, 0.98, 0.999]
    low, high = (np.zeros([n + 1 for n in trials]) for _ in range(2))
    for outcome in np.ndindex(low.shape):
        found = weighted_estimate([(w, x, n) for w, x, n in zip(weights, outcome, trials, strict=True)])
        low[outcome], high[outcome] = found.low, found.high
    for truth in product(rates, repeat=len(trials)):
        chance = np.ones(())
        for n, rate in zip(trials, truth, strict=True):
            chance = np.multiply.outer(chance, binom.pmf(np.arange(n + 1), n, rate))
        value = float(np.dot(weights, truth))
        assert chance[(low <= value + 1e-12) & (value <= high + 1e-12)].sum() >= 0.96


def test_shares_of_stabilizers_cover_like_coins():
    """A run that gives two thirds of an event: 3 runs of 12 with such, in two bases."""
    trials, rates = 12, [0.01, 0.05, 0.1, 0.3]
    for first, second in product(rates, repeat=2):
        covered = 0.0
        for a, b in np.ndindex(trials + 1, trials + 1):
            found = weighted_estimate([(0.75, trials - 2 * a / 3, trials), (0.25, trials - b, trials)])
            if found.covers(0.75 * (1 - 2 * first / 3) + 0.25 * (1 - second)):
                covered += binom.pmf(a, trials, first) * binom.pmf(b, trials, second)
        assert covered >= 0.95


def test_a_weighted_sum_knows_what_was_never_tried():
    found = weighted_estimate([(0.5, 0, 0), (0.5, 40, 40)], offset=0.1)
    assert (found.best, found.high) == pytest.approx((0.1 + 0.25 + 0.5, 1.1))
    assert found.low < 0.1 + 0.5
    everything = weighted_estimate([(1.0, 0, 0), (-1.0, 0, 0)])
    assert (everything.low, everything.high) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="at least one triple"):
        weighted_estimate([])
    with pytest.raises(ValueError, match="successes"):
        weighted_estimate([(1.0, 5, 4)])
