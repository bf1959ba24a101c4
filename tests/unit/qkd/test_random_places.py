"""Which rounds are detected: any set of so many is equally likely, however it is drawn."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest

from quantumlink.qkd.protocols import random_places
from quantumlink.qkd.protocols.random_places import random_places as places_of


@pytest.fixture
def by_blocks(monkeypatch):
    """Few rounds drawn as many are."""

    def small(block, drawn, sparse=1 / 64):
        for name, value in (("_SHUFFLED", 0), ("_BLOCK", block), ("_DRAWN", drawn), ("_SPARSE", sparse)):
            monkeypatch.setattr(random_places, name, value)

    return small


@pytest.mark.parametrize(("rounds", "count"), [(7, 2), (7, 3), (6, 4), (8, 0), (5, 4)])
@pytest.mark.parametrize(("block", "sparse"), [(3, 0.0), (100, 0.0), (3, 1.0)])
def test_all_sets_of_so_many_places_are_equally_likely(by_blocks, rounds, count, block, sparse, rng):
    by_blocks(block, 2, sparse)
    sets = dict.fromkeys(combinations(range(rounds), count), 0)
    trials = 40 * len(sets)
    for _ in range(trials):
        sets[tuple(places_of(rounds, count, rng).tolist())] += 1
    # the sum of squares over the mean, of a chi-squared distribution: six standard deviations
    freedom, mean = comb(rounds, count) - 1, trials / len(sets)
    spread = sum((n - mean) ** 2 for n in sets.values()) / mean
    assert spread < freedom + 6 * sqrt(2 * freedom) + 20


@pytest.mark.parametrize(("rounds", "count"), [(10**9, 10**5), (10**12, 10**5), (10**8, 3 * 10**6)])
def test_places_of_many_rounds_rise_and_are_spread_out(rounds, count, rng):
    places = places_of(rounds, count, rng)
    assert len(places) == count
    assert places[0] >= 0
    assert places[-1] < rounds
    assert (np.diff(places) > 0).all()
    # of each tenth of the rounds a hypergeometric number, within six standard deviations
    found = np.diff(np.searchsorted(places, np.linspace(0, rounds, 11)))
    assert np.abs(found - count / 10).max() < 6 * sqrt(count * 0.09 * (1 - count / rounds)) + 2


def test_none_stands_for_all_rounds(rng):
    assert places_of(5, 5, rng) is None
