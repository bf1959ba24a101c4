"""Asymptotic rates against entropies of explicit density matrices, and against brute-force thresholds."""

from math import log2, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.qkd import bb84_rate, binary_entropy, device_independent_rate, six_state_rate

BELL = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]) / sqrt(2)
RATES = [bb84_rate, six_state_rate, lambda qber: device_independent_rate(qber=qber, chsh=2 * sqrt(2))]


def von_neumann(rho):
    eigenvalues = np.linalg.eigvalsh(rho)
    return -sum(x * log2(x) for x in eigenvalues if x > 1e-15)


def devetak_winter(weights):
    """H(A|E) − H(A|B) of Alice's Z bit, for a Bell-diagonal state that the eavesdropper purifies.

    Given Alice's outcome, Bob and the eavesdropper share a pure state: their entropies are equal.
    """
    rho = sum(w * np.outer(v, v) for w, v in zip(weights, BELL, strict=True))
    blocks = rho.reshape(2, 2, 2, 2)
    given_alice = [blocks[a, :, a, :] for a in (0, 1)]
    conditional = sum(np.trace(b) * von_neumann(b / np.trace(b)) for b in given_alice)
    alice_and_eve = 1 + conditional
    eve = von_neumann(rho)
    joint = np.diag(rho)
    bob = [joint[0] + joint[2], joint[1] + joint[3]]
    shannon = lambda p: -sum(x * log2(x) for x in p if x > 0)
    return (alice_and_eve - eve) - (shannon(joint) - shannon(bob))


def threshold(rate):
    """The error rate at which a rate reaches zero, by bisection from below."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rate(middle) > 0 else (low, middle)
    return low


@pytest.mark.parametrize("q", [0.0, 0.01, 0.05, 0.1, 0.126])
def test_six_state_rate_is_that_of_the_depolarized_pair(q):
    expected = devetak_winter([1 - 1.5 * q, q / 2, q / 2, q / 2])
    assert six_state_rate(qber=q) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("q", [0.0, 0.01, 0.05, 0.1])
def test_bb84_rate_is_that_of_the_worst_state_with_these_error_rates(q):
    """Both error rates fix all but one weight; the worst choice of that weight is the rate."""
    worst = min(devetak_winter([1 - 2 * q + t, q - t, q - t, t]) for t in np.linspace(0, q, 2001))
    assert bb84_rate(qber=q) == pytest.approx(worst, abs=1e-6)  # the grid misses the minimum by ~1e-7


def test_thresholds():
    assert threshold(lambda q: bb84_rate(qber=q)) == pytest.approx(0.1100, abs=5e-5)
    assert threshold(lambda q: six_state_rate(qber=q)) == pytest.approx(0.1262, abs=5e-5)
    # Acín et al. (2007): 7.1 % for a Werner pair, S = 2√2·(1 − 2Q)
    werner = lambda q: device_independent_rate(qber=q, chsh=2 * sqrt(2) * (1 - 2 * q))
    assert threshold(werner) == pytest.approx(0.0715, abs=1e-4)


@pytest.mark.parametrize("rate", [bb84_rate, six_state_rate])
@given(q=st.floats(0, 0.1), f=st.floats(1, 2))
@settings(deadline=None, max_examples=50)
def test_efficiency_costs_what_reconciliation_discloses(rate, q, f):
    expected = max(0.0, rate(qber=q) - (f - 1) * binary_entropy(q))
    assert rate(qber=q, efficiency=f) == pytest.approx(expected, abs=1e-12)


@given(q=st.floats(0, 1))
@settings(deadline=None, max_examples=100)
def test_rates_lie_between_nothing_and_one_and_know_no_mirror_image(q):
    for rate in RATES:
        assert 0 <= rate(qber=q) <= 1
        if q > 0.5:
            assert rate(qber=q) == 0


def test_no_errors_at_all_and_nothing_but_errors():
    for rate in RATES:
        assert rate(qber=0.0) == pytest.approx(1)
        assert rate(qber=1.0) == 0  # h(1) = 0 as well: without care this would be a perfect key


@pytest.mark.parametrize("s", [-2.8, 0.0, 1.999, 2.0])
def test_no_violation_no_device_independent_key(s):
    assert device_independent_rate(qber=0.0, chsh=s) == 0


def test_rounding_above_tsirelson_is_forgiven_and_more_is_not():
    assert device_independent_rate(qber=0.0, chsh=2 * sqrt(2) + 5e-10) == 1
    for s in (2 * sqrt(2) + 1e-6, -3.0, 4.0, float("nan")):
        with pytest.raises(ValueError, match="chsh must be"):
            device_independent_rate(qber=0.0, chsh=s)


def test_scalars_stay_plain_and_arrays_broadcast():
    class Estimated(float):
        pass

    for value in (0.05, np.float64(0.05), Estimated(0.05), 0):
        assert type(bb84_rate(qber=value)) is float
    q, f = np.array([0.0, 0.05, 0.6]), np.array([[1.0], [1.2]])
    grid = bb84_rate(qber=q, efficiency=f)
    assert grid.shape == (2, 3)
    assert grid[1, 1] == pytest.approx(bb84_rate(qber=0.05, efficiency=1.2), abs=1e-15)
    assert six_state_rate(qber=q, efficiency=f).shape == (2, 3)
    assert device_independent_rate(qber=0.01, chsh=np.array([2.0, 2.7])).shape == (2,)
    assert str(binary_entropy(np.array([0.0, 1.0]))) == "[0. 0.]"  # no negative zero


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf"), "high", [0.1], None])
def test_bad_error_rates_are_refused(wrong):
    calls = [
        lambda: bb84_rate(qber=wrong),
        lambda: six_state_rate(qber=wrong),
        lambda: device_independent_rate(qber=wrong, chsh=2.5),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"qber must be .*\[0, 1\], got"):
            call()


def test_one_bad_entry_of_an_array_is_named():
    with pytest.raises(ValueError, match="got nan"):
        bb84_rate(qber=np.array([0.1, np.nan]))


@pytest.mark.parametrize("wrong", [0.99, float("nan"), float("inf")])
def test_bad_efficiencies_are_refused(wrong):
    for rate in (bb84_rate, six_state_rate):
        with pytest.raises(ValueError, match="efficiency must be"):
            rate(qber=0.05, efficiency=wrong)
