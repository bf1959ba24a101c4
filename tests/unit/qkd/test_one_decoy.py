"""Two intensities against decimals, a linear program over what Eve may do, and fair coins."""

from decimal import Decimal, getcontext
from math import exp, factorial, log

import numpy as np
import pytest
from oracles.intervals import decimal_interval
from scipy.optimize import linprog
from scipy.stats import binom

from quantumlink.security import OneDecoyBound
from quantumlink.security.decoy import phase_error_rate
from quantumlink.security.photon_numbers import Interval, most_vacuum_detections

getcontext().prec = 40
SENT = {"intensities": (0.5, 0.15), "probabilities": (0.7, 0.3)}
COUNTS = {"key_counts": (7_000_000, 960_000), "test_counts": (780_000, 107_000), "test_errors": (8_100, 1_300)}
KEY_ERRORS = (72_000, 11_500)
EPS = {"eps_sec": 1e-10, "eps_cor": 1e-12}
N = sum(COUNTS["key_counts"])


def log2(x):
    return Decimal(x).ln() / Decimal(2).ln()


def in_decimals(eps, interval):
    """Rusca et al. once more: s₀, s₁, single photons tested and their errors."""
    (m1, m2), (p1, p2) = (tuple(map(Decimal, pair)) for pair in (("0.5", "0.15"), ("0.7", "0.3")))
    factors = m1.exp() / p1, m2.exp() / p2
    tau0 = p1 * (-m1).exp() + p2 * (-m2).exp()
    tau1 = p1 * m1 * (-m1).exp() + p2 * m2 * (-m2).exp()

    def numbers(counts, errors):
        total = sum(counts)
        low, high = zip(*(interval(c, total) for c in counts), strict=True)
        low, high = (tuple(f * c for f, c in zip(factors, ends, strict=True)) for ends in (low, high))
        none = max(Decimal(0), tau0 / (m1 - m2) * (m1 * low[1] - m2 * high[0]))
        wrong = min(tau0 * f * interval(c, sum(errors))[1] for f, c in zip(factors, errors, strict=True))
        half = (1 / eps).ln() / 2
        most = min((half.sqrt() + (half + 2 * wrong).sqrt()) ** 2, tau0 * high[1], tau0 * high[0], Decimal(total))
        ratio = m2**2 / m1**2
        one = tau1 * m1 / (m2 * (m1 - m2)) * (low[1] - ratio * high[0] - (m1**2 - m2**2) / m1**2 * most / tau0)
        return none, one

    none, one = numbers(COUNTS["key_counts"], KEY_ERRORS)
    tested = numbers(COUNTS["test_counts"], COUNTS["test_errors"])[1]
    (_, upper), (lower, _) = (interval(c, sum(COUNTS["test_errors"])) for c in COUNTS["test_errors"])
    return none, one, tested, tau1 / (m1 - m2) * (factors[0] * upper - factors[1] * lower)


def test_the_published_form_in_decimals():
    bound = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS, **EPS, tail="rusca")
    eps = Decimal("1e-10") / 19

    def interval(count, total):
        spread = (Decimal(total) / 2 * (1 / eps).ln()).sqrt()
        return max(Decimal(0), count - spread), count + spread

    none, one, tested, wrong = in_decimals(eps, interval)
    rate = wrong / tested
    pooled = (tested + one) * (1 - rate) * rate / (tested * one)
    size = (tested + one) / (tested * one * (1 - rate) * rate) / eps**2
    phase = rate + (pooled / Decimal(2).ln() * log2(size)).sqrt()
    found = bound.estimate
    assert found.vacuum == pytest.approx(float(none), rel=1e-9)
    assert found.single_photon == pytest.approx(float(one), rel=1e-9)
    assert found.phase_error == pytest.approx(float(phase), rel=1e-9)
    entropy = 1 + phase * log2(phase) + (1 - phase) * log2(1 - phase)
    price = 6 * log2(19 / Decimal("1e-10")) + log2(2 / Decimal("1e-12"))
    assert bound.terms(n=N, leak=900_000).length == int(none + one * entropy - 900_000 - price)


def test_the_default_in_decimals():
    """Fourteen events share (ε_sec/4)²: thirteen would give other numbers."""
    eps = Decimal("1e-10") ** 2 / 16 / 14
    price = (1 / eps).ln()
    none, one, tested, wrong = in_decimals(eps, lambda count, total: decimal_interval(count, total, price))
    found = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS, **EPS).estimate
    assert found.vacuum == pytest.approx(float(none), abs=1e-3)
    assert found.single_photon == pytest.approx(float(one), rel=1e-9)
    wrong = min(float(wrong), sum(COUNTS["test_errors"]))
    assert found.phase_error == phase_error_rate(wrong, float(tested), float(one), -float(price))


def least(counts, errors, price, photons):
    """The least detections (or, negative photons, the most errors) over all that Eve may do, in thousands."""
    pairs = list(zip(SENT["intensities"], SENT["probabilities"], strict=True))
    orders = range(14)
    weight = np.array([[p * exp(-m) * m**n / factorial(n) for n in orders] for m, p in pairs])
    chance = weight / weight.sum(axis=0)
    rows, limits = [], []
    for k in (0, 1):
        of_counts = Interval.chernoff(counts[k], sum(counts), price)
        of_errors = Interval.chernoff(errors[k], sum(errors), price)
        for sign, right, wrong in ((1, of_counts.high, of_errors.high), (-1, -of_counts.low, -of_errors.low)):
            rows.append(np.concatenate([sign * chance[k], sign * chance[k]]))  # what is right, and what is wrong
            rows.append(np.concatenate([0 * chance[k], sign * chance[k]]))
            limits += [right / 1000, wrong / 1000]
    cost = np.zeros(2 * len(orders))
    cost[[photons, photons + len(orders)]] = 1
    # Half of vacuum's detections are wrong, but for the fair coins' deviation (at most that of all errors).
    vacuum = np.zeros(2 * len(orders))
    vacuum[0], vacuum[len(orders)] = 1, -1
    slack = (2 * most_vacuum_detections(2 * sum(errors), price) * price) ** 0.5 / 1000
    found = linprog(cost, [*rows, vacuum, -vacuum], [*limits, slack, slack])
    assert found.success
    return 1000 * found.fun


def test_no_yields_of_eve_are_below_the_default():
    price = log(14 * 16) + 20 * log(10)
    found = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS, **EPS).estimate
    truth = least(COUNTS["key_counts"], KEY_ERRORS, price, 1)
    assert 0.9 * truth < found.single_photon <= truth * (1 + 1e-6)
    tested = least(COUNTS["test_counts"], COUNTS["test_errors"], price, 1)
    wrong = sum(COUNTS["test_errors"])  # no more than all: the bound uses what the intensities tell besides
    assert found.phase_error <= phase_error_rate(wrong, 0.9 * tested, found.single_photon, -price)


@pytest.mark.parametrize(("wrong", "price"), [(0, 20.0), (7, 20.0), (500, 46.0)])
def test_vacuum_by_fair_coins(wrong, price):
    """One detection more would hardly ever show so few errors."""
    assert binom.cdf(wrong, int(most_vacuum_detections(wrong, price)) + 1, 0.5) <= np.exp(-price)


@pytest.mark.parametrize("seed", range(5))
def test_estimates_are_safe_for_yields_that_eve_chooses(seed):
    """Five seeds at ε_sec = 1e-6: a false alarm has a probability far below 1e-6."""
    rng = np.random.default_rng(seed)
    orders, pulses = 8, 10**9
    chance = rng.uniform(0, 1, orders) * 10.0 ** rng.uniform(-4, 0, orders)
    error = np.concatenate([[0.5], rng.uniform(0, 0.2, orders - 1)])
    joint = np.array(
        [p * exp(-m) * m**n / factorial(n) for m, p in zip(*SENT.values(), strict=True) for n in range(orders)]
    )
    sent = rng.multinomial(pulses, np.append(joint, 1 - joint.sum()))[:-1].reshape(2, orders)
    key, test = rng.binomial(sent, chance * 0.8), rng.binomial(sent, chance * 0.2)
    wrong_key, wrong_test = rng.binomial(key, error), rng.binomial(test, error)
    bound = OneDecoyBound(
        **SENT,
        key_counts=tuple(map(int, key.sum(1))),
        key_errors=tuple(map(int, wrong_key.sum(1))),
        test_counts=tuple(map(int, test.sum(1))),
        test_errors=tuple(map(int, wrong_test.sum(1))),
        eps_sec=1e-6,
        eps_cor=1e-10,
    )
    found = bound.estimate
    assert found.vacuum <= key[:, 0].sum()
    assert found.single_photon <= key[:, 1].sum()
    assert found.phase_error >= min(0.5, error[1] - 6 * (error[1] / max(1, key[:, 1].sum())) ** 0.5)


def test_what_is_told_is_charged_and_helps():
    told = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS, **EPS).terms(n=N, leak=0)
    silent = OneDecoyBound(**SENT, **COUNTS, **EPS).terms(n=N, leak=0)
    price = log2(7_000_001) + log2(960_001)
    assert told.epsilon_bits - silent.epsilon_bits == pytest.approx(float(price), rel=1e-9)
    assert told.length > silent.length
    whole = (2 / (Decimal("1e-20") * Decimal("1e-12"))).ln() / Decimal(2).ln()
    assert silent.epsilon_bits == pytest.approx(float(whole), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"intensities": (0.1, 0.5)}, "signal > decoy > 0"),
        ({"intensities": (0.5, 0.0)}, "signal > decoy > 0"),
        ({"probabilities": (0.7, 0.2)}, "sum to 1"),
        ({"test_errors": (1, 10**7)}, "test_errors must not exceed"),
        ({"key_errors": (1, 2, 3)}, "key_errors must hold two"),
        ({"tail": "lim"}, "tail must be one of"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        OneDecoyBound(**SENT | COUNTS | EPS | change)


def test_only_the_whole_key_basis_is_covered():
    with pytest.raises(ValueError, match="must be the 7960000 detections"):
        OneDecoyBound(**SENT, **COUNTS, **EPS).terms(n=N - 1, leak=0)
