"""The order in which counted rounds are laid out: each as likely as any other."""

from collections import Counter
from math import factorial, prod

import numpy as np
import pytest
from scipy.stats import chi2

from quantumlink.qkd.protocols.observed import _AT_ONCE, _in_random_order

DRAWN = 24_000


@pytest.mark.parametrize(
    ("counts", "at_once"),
    [
        *(([1], 10), ([2, 1, 1], 10), ([3, 0, 2], 10), ([1, 1, 1, 1], 10), ([4, 1], 10), ([1] * 3 + [0] * 253, 10)),
        *(([3, 0, 2], 2), ([2, 1, 1], 3)),
    ],
)
def test_all_orders_are_equally_likely(seed, counts, at_once, monkeypatch):
    monkeypatch.setattr("quantumlink.qkd.protocols.observed._AT_ONCE", at_once)
    rng = np.random.default_rng(seed)
    found = Counter(_in_random_order(counts, rng).tobytes() for _ in range(DRAWN))
    orders = factorial(sum(counts)) // prod(map(factorial, counts))
    assert all(
        np.bincount(np.frombuffer(order, np.uint8), minlength=len(counts)).tolist() == counts for order in found
    )
    assert len(found) == orders
    expected = DRAWN / orders
    statistic = sum((number - expected) ** 2 / expected for number in found.values())
    assert statistic < chi2.isf(1e-7, max(orders - 1, 1))


@pytest.mark.parametrize("counts", [[], [0, 0], [10**6, 3, 0, 500_001], [40_000, 1] * 20, [255] * 256])
def test_every_kind_as_often_as_counted_and_spread_evenly(seed, counts):
    order = _in_random_order(counts, np.random.default_rng(seed))
    assert np.bincount(order, minlength=len(counts)).tolist() == counts
    assert len(order) < _AT_ONCE
    for kind, count in enumerate(counts):
        if count > 200:
            # The mean place of a sample without replacement: five and a half standard deviations.
            mean, total = np.flatnonzero(order == kind).mean(), len(order)
            deviation = np.sqrt((total + 1) * (total - count) / (12 * count))
            assert abs(mean - (total - 1) / 2) < 5.5 * deviation


def test_rounds_beyond_what_is_looked_up_are_laid_out_too(seed, monkeypatch):
    monkeypatch.setattr("quantumlink.qkd.protocols.observed._AT_ONCE", 10)
    order = _in_random_order([20, 5, 0, 1], np.random.default_rng(seed))
    assert np.bincount(order).tolist() == [20, 5, 0, 1]
    assert (np.diff(order.astype(int)) < 0).any()
