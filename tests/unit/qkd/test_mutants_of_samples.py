"""Bounds from samples, of two bases, two intensities, weak pulses and two states, recomputed in whole numbers and
decimals; and each number and operator of theirs, changed, is noticed. See `test_mutants_of_bounds`.
"""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import comb, cos, exp, inf, sin, sqrt

import numpy as np
import pytest
from oracles.decimals import TWO, close, h, log2
from oracles.formula_mutations import survivors
from oracles.intervals import decimal_interval

from quantumlink import security
from quantumlink.security import (
    BothBasesBound,
    OneDecoyBound,
    SinglePhotonBound,
    TwoStateBound,
    WeakPulseBound,
    decoy,
    deviations,
    finite_key,
    phase_error,
    photon_numbers,
    recipes,
    sampling,
    single_photon,
    terms,
    two_state,
    weak_pulses,
)
from quantumlink.security.contract import Tally
from quantumlink.security.phase_error import Observed

EPS, CORRECT = Decimal("1e-10"), Decimal("1e-12")
SECRET = {"eps_sec": 1e-10, "eps_cor": 1e-12}
PRICE_BITS = 1 - (2 * EPS.ln() + CORRECT.ln()) / TWO.ln()
"""log₂(2/(ε_sec²·ε_cor))"""


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec = 40
        yield


# --- samples without replacement, in whole numbers


@cache
def chance(seen, total, marked, drawn):
    """Of so few marked ones among those drawn."""
    ways = sum(comb(marked, x) * comb(total - marked, drawn - x) for x in range(min(seen, drawn) + 1))
    return Fraction(ways, comb(total, drawn))


@cache
def most(errors, k, n, allowed):
    return max(e for e in range(n + 1) if chance(errors, n + k, errors + e, k) > allowed)


SAMPLES = [(12, 300, 400, Fraction(1, 10**6)), (0, 60, 500, Fraction(1, 50)), (40, 40, 40, Fraction(1, 9)),
           (1, 3, 7, Fraction(1, 10)), (90, 500, 200, Fraction(1, 10**20)), (0, 3, 1, Fraction(9, 10)),
           (3, 3, 5, Fraction(1, 10))]  # fmt: skip


def check_sample():
    for errors, k, n, allowed in SAMPLES:
        found = sampling.remaining_error_bound(errors=errors, k=k, n=n, eps=float(allowed))
        assert found == most(errors, k, n, allowed) / n


def check_tails():
    for seen, total, marked, drawn in ((3, 60, 20, 20), (0, 60, 20, 20), (12, 90, 30, 50), (7, 5000, 40, 2000),
                                       (200, 6000, 2000, 900), (5, 30, 25, 10), (9, 30, 25, 10), (4, 30, 25, 10),
                                       (1, 3, 2, 2), (1100, 3600, 1500, 2700), (5, 12, 9, 7),
                                       (30, 40, 35, 33), (12, 30, 10, 20), (20, 30, 20, 10)):  # fmt: skip
        exact = chance(seen, total, marked, drawn)
        found = sampling.log_hypergeometric_cdf(seen, total, marked, drawn)
        if exact:
            expected = Decimal(exact.numerator).ln() - Decimal(exact.denominator).ln()
            assert found == pytest.approx(float(expected), rel=1e-11, abs=1e-11), (seen, total, marked, drawn)
        else:
            assert found == -inf
    # of a distribution so wide that it is summed in many parts: either so few, or more
    fewer = sampling.log_hypergeometric_cdf(49_999_000, 10**9, 5 * 10**8, 10**8)
    more = sampling.log_hypergeometric_cdf(10**8 - 49_999_001, 10**9, 5 * 10**8, 10**8)
    assert exp(fewer) + exp(more) == pytest.approx(1, abs=1e-4)  # the logarithms are of 10⁹ nats
    assert 0.3 < exp(fewer) < 0.5


def check_serfling():
    n, k = Decimal(700), Decimal(300)
    expected = ((n + k) / (n * k) * (k + 1) / k * 1000 * Decimal(10).ln() / 2).sqrt()
    close(sampling.serfling_deviation(700, 300, float(-1000 * Decimal(10).ln())), expected)
    close(sampling.serfling_margin(n=700, k=300, eps=1e-5), expected / Decimal(200).sqrt())
    assert sampling.serfling_margin(n=0, k=3, eps=0.1) == inf == sampling.serfling_margin(n=3, k=0, eps=0.1)


CHSH = {"00": (60, 12), "01": (50, 20), "10": (45, 0), "11": (7, 43)}


def at_least(successes, failures, eps):
    """The rate at which so many successes, or more, have that probability, by halving (Clopper and Pearson)."""
    total, low, high = successes + failures, Decimal(0), Decimal(1)
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(comb(total, j) * p**j * (1 - p) ** (total - j) for j in range(successes, total + 1))
        low, high = (low, p) if tail > eps else (p, high)
    return low if successes else Decimal(0)


@cache
def least_chsh():
    good = [(60, 12), (50, 20), (45, 0), (43, 7)]
    return sum(2 * at_least(*pair, Decimal("0.0001") / 4) - 1 for pair in good)


def check_chsh():
    close(sampling.chsh_lower_bound(CHSH, eps=0.0001), least_chsh())
    shares = [Fraction(60, 72), Fraction(50, 70), Fraction(1), Fraction(43, 50)]
    found = sampling.chsh_estimate(CHSH)
    assert found.best == pytest.approx(float(2 * sum(shares) - 4), rel=1e-12)
    assert found.low < found.best < found.high <= 4
    none = dict.fromkeys(CHSH, (0, 10)) | {"11": (10, 0)}
    assert sampling.chsh_lower_bound(none, eps=0.0001) == sampling.chsh_estimate(none).low == -4.0
    all_good = dict.fromkeys(CHSH, (10, 0)) | {"11": (0, 10)}
    assert sampling.chsh_estimate(all_good).high == 4.0


# --- two bases


def check_terms():
    for events in (1, 13):
        close(terms.estimation_log_eps(1e-10, events=events), 2 * (EPS / 4).ln() - Decimal(events).ln())
    close(terms.estimation_log_eps(1e-10), 2 * (EPS / 4).ln())
    given = {"n": 1000, "entropy_bits": 800.75, "leak": 200, "epsilon_bits": 100.5, **SECRET}
    assert terms.BoundTerms(**given).length == 500
    assert terms.BoundTerms(**given | {"entropy_bits": 2000.0}).length == 699
    assert terms.BoundTerms(**given | {"leak": 900}).length == 0


def check_finite():
    for n, k, errors in ((400, 300, 12), (500, 60, 0), (40, 40, 40)):
        allowed = (Fraction(1, 1000) / 4) ** 2
        given = {"n": n, "k": k, "leak": 7, "eps_sec": 1e-3, "eps_cor": 1e-12}
        exact = Decimal(most(errors, k, n, allowed)) / n
        price = log2(2 / (Decimal("1e-6") * CORRECT))
        for rate in (errors / k, (errors - 0.5) / k, (errors - 1 + 1.5e-6) / k)[: 3 if errors else 1]:
            found = finite_key.finite_key_terms(qber=rate, **given)
            assert found.qber + found.mu == pytest.approx(float(exact), rel=1e-12)
        expected = n * (1 - h(min(exact, Decimal("0.5"))))
        close(found.entropy_bits + 1, expected + 1)
        close(found.epsilon_bits, price)
        assert found.length == max(0, int(expected - 7 - price))
    assert finite_key.finite_key_length(n=10**5, k=10**4, qber=0.02, leak=0, **SECRET) > 10**4
    given = {"n": 10**5, "k": 10**4, "qber": 0.02, "leak": 15_000, **SECRET, "tail": "serfling"}
    n, k = Decimal(10**5), Decimal(10**4)
    margin = ((n + k) / (n * k) * (k + 1) / k * (4 / EPS).ln()).sqrt()
    close(finite_key.finite_key_terms(**given).mu, margin)
    assert finite_key.finite_key_length(**given) == int(n * (1 - h(Decimal("0.02") + margin)) - 15_000 - PRICE_BITS)
    for none in ({"n": 0}, {"k": 0}):
        told = finite_key.finite_key_terms(**given | none | {"tail": "hypergeometric"})
        assert (told.phase_error_bound, told.entropy_bits) == (0.5, 0)


def check_single_photon():
    for share in ("0.1", "0.75"):
        p = Decimal(share)
        close(single_photon.least_test_errors(float(share)), (1 - 2 * (p * (1 - p)).sqrt()) / 2)
    assert single_photon.least_test_errors(0.5) == 0


def check_both_bases():
    raw, errors, leak = (400, 300), (12, 9), (30, 20)
    found = BothBasesBound(raw=raw, errors=errors, eps_sec=2e-3, eps_cor=2e-12).terms(leak=leak, n=700)
    for kept, block in enumerate((found.z, found.x)):
        n, k = raw[kept], raw[1 - kept]
        phase = Decimal(most(errors[1 - kept], k, n, (Fraction(1, 1000) / 4) ** 2)) / n
        close(block.phase_error_bound, phase)
        close(block.leak, leak[kept] + log2(n + 1))
        close(block.epsilon_bits, log2(2 / (Decimal("1e-6") * CORRECT)))
        assert block.length == int(
            n * (1 - h(phase)) - leak[kept] - log2(n + 1) - log2(2 / (Decimal("1e-6") * CORRECT))
        )
    assert found.lengths == (found.z.length, found.x.length)
    assert found.length == found.z.length + found.x.length > 0
    assert (found.eps_sec, found.eps_cor) == (2e-3, 2e-12)
    none = BothBasesBound(raw=(400, 0), errors=(12, 0), **SECRET).terms(leak=(0, 0))
    assert (none.z.phase_error_bound, none.length) == (0.5, 0)


# --- counts that are drawn apart


def divergence(a, b):
    first = a * (a / b).ln() if a else Decimal(0)
    return first + ((1 - a) * ((1 - a) / (1 - b)).ln() if a < 1 else 0)


def above(p, trials, price):
    """What a coin's frequency exceeds with e^(−price) at most."""
    low, high = Decimal(p), Decimal(1)
    for _ in range(130):
        middle = (low + high) / 2
        low, high = (middle, high) if trials * divergence(middle, Decimal(p)) <= price else (low, middle)
    return high


@cache
def counted(count, total, price):
    return decimal_interval(count, total, Decimal(price))


def check_chernoff():
    for count, total, price in (
        (30, 1000, 20),
        (0, 1000, 20),
        (1, 1000, 20),
        (999, 1000, 50),
        (1000, 1000, 20),
        (3, 10**12, 40),
    ):
        low, high = counted(count, total, price) if count < total else (None, total)
        if count == total:
            low = total * (Decimal(-price) / total).exp()
        close(deviations.chernoff_low(count, total, price), low / total, rel=1e-9)
        close(deviations.chernoff_high(count, total, price), high / total, rel=1e-9)
        found = photon_numbers.Interval.chernoff(count, total, price)
        close(found.low, low, rel=1e-9)
        close(found.high, high, rel=1e-9)
    assert deviations.chernoff_low(7, 5, 20) == deviations.chernoff_low(5, 5, 20)  # estimates may leave the range
    assert deviations.chernoff_high(-1, 5, 20) == deviations.chernoff_high(0, 5, 20)
    assert deviations.chernoff_high(1, 0, 20) == 1 == deviations.chernoff_high(7, 5, 20)
    assert deviations.chernoff_low(5, 0, 20) == 0 == deviations.chernoff_low(-1, 5, 20)
    assert photon_numbers.Interval.chernoff(0, 0, 20) == photon_numbers.Interval(0.0, 0.0)


def check_frequency():
    # The last two reach a frequency of 1, where rare events are far from likely.
    cases = ("0.1", 10**6, 20), ("0.9", 50, 30), ("1e-9", 10**8, 46), ("0.201", 2, 40), ("0.0116", 2, 40)
    for p, trials, price in cases:
        close(deviations.largest_frequency(float(p), trials, price), above(p, trials, price))
    assert [deviations.largest_frequency(p, 100, 20) for p in (-0.1, 0.0, 1.0, 1.5)] == [0, 0, 1, 1]
    assert deviations.largest_frequency(0.3, 0, 20) == 1
    for count, p, price in ((1000, "0.25", 20), (3, "0.5", 40)):
        found = Decimal(deviations.fewest_trials(count, float(p), price))
        assert found * above(p, found, price) == pytest.approx(count, rel=1e-9)


# --- two intensities, weak pulses


SENT = {"intensities": (0.5, 0.15), "probabilities": (0.7, 0.3)}
COUNTS = {"key_counts": (7_000_000, 960_000), "test_counts": (780_000, 107_000), "test_errors": (8_100, 1_300)}
KEY_ERRORS = (72_000, 11_500)
M, P = (Decimal("0.5"), Decimal("0.15")), (Decimal("0.7"), Decimal("0.3"))
TAU = [sum(p * (-m).exp() * (m if n else 1) for m, p in zip(M, P, strict=True)) for n in (0, 1)]


def hoeffding(count, total, price):
    spread = (Decimal(total) / 2 * Decimal(price)).sqrt()
    return max(Decimal(0), count - spread), count + spread


def scaled(counts, interval, price):
    """The ends of e^μ/p times each count."""
    ends = [interval(c, sum(counts), price) for c in counts]
    return [tuple(m.exp() / p * end for end in pair) for m, p, pair in zip(M, P, ends, strict=True)]


def of_two(counts, errors, interval, price):
    """Rusca et al.: s₀ and s₁."""
    (_, high), (low_d, high_d) = scaled(counts, interval, price)
    none = max(Decimal(0), TAU[0] / (M[0] - M[1]) * (M[0] * low_d - M[1] * high))
    ceiling = min(Decimal(sum(counts)), TAU[0] * high, TAU[0] * high_d)
    if errors is not None:
        wrong, half = TAU[0] * min(pair[1] for pair in scaled(errors, interval, price)), Decimal(price) / 2
        ceiling = min(ceiling, (half.sqrt() + (half + 2 * wrong).sqrt()) ** 2)
    ratio = M[1] ** 2 / M[0] ** 2
    one = TAU[1] * M[0] / (M[1] * (M[0] - M[1])) * (low_d - ratio * high - (1 - ratio) * ceiling / TAU[0])
    return none, max(Decimal(0), one)


@cache
def one_decoy(published, told):
    eps = EPS / 19 if published else EPS**2 / 16 / 14
    interval, price = hoeffding if published else counted, -eps.ln()
    none, one = of_two(COUNTS["key_counts"], KEY_ERRORS if told else None, interval, price)
    tested = of_two(COUNTS["test_counts"], COUNTS["test_errors"], interval, price)[1]
    (_, upper), (lower, _) = scaled(COUNTS["test_errors"], interval, price)
    return none, one, tested, TAU[1] / (M[0] - M[1]) * (upper - lower), price


def check_one_decoy():
    n = sum(COUNTS["key_counts"])
    for told in (True, False):
        none, one, tested, wrong, price = one_decoy(published=False, told=told)
        bound = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS if told else None, **SECRET)
        found = bound.estimate
        assert found.vacuum == pytest.approx(float(none), abs=1e-3)
        close(found.single_photon, one, rel=1e-9)
        rate = decoy.phase_error_rate(min(float(wrong), 9_400), float(tested), float(one), -float(price))
        assert found.phase_error == rate
        got = bound.terms(n=n, leak=1000)
        close(got.entropy_bits, none + one * (1 - h(Decimal(rate))), rel=1e-9)
        close(got.epsilon_bits, PRICE_BITS + (log2(7_000_001) + log2(960_001) if told else 0))
    empty = OneDecoyBound(**SENT, **{**COUNTS, "key_counts": (7_000_000, 1_600_000)}, **SECRET).estimate
    none, _ = of_two((7_000_000, 1_600_000), None, counted, price)
    assert none > 10**5
    close(empty.vacuum, none, rel=1e-9)
    few = OneDecoyBound(**SENT, **{**COUNTS, "test_errors": (60, 90)}, **SECRET).estimate
    tested = of_two(COUNTS["test_counts"], (60, 90), counted, -(EPS**2 / 16 / 14).ln())[1]
    assert few.phase_error == decoy.phase_error_rate(
        min(150.0, sum_of(few_errors((60, 90)))), float(tested), few.single_photon, float((EPS**2 / 16 / 14).ln())
    )
    silent = OneDecoyBound(**SENT, **{**COUNTS, "key_counts": (7_000_000, 0)}, **SECRET)
    assert (silent.estimate.single_photon, silent.estimate.phase_error) == (0.0, 0.5)
    untested = OneDecoyBound(**SENT, **{**COUNTS, "test_counts": (780_000, 0), "test_errors": (0, 0)}, **SECRET)
    assert untested.estimate.phase_error == 0.5


def few_errors(errors):
    (_, upper), (lower, _) = scaled(errors, counted, -(EPS**2 / 16 / 14).ln())
    return TAU[1] / (M[0] - M[1]) * (upper - lower)


def sum_of(value):
    return float(value)


def check_rusca():
    n = sum(COUNTS["key_counts"])
    none, one, tested, wrong, _ = one_decoy(published=True, told=True)
    bound = OneDecoyBound(**SENT, **COUNTS, key_errors=KEY_ERRORS, **SECRET, tail="rusca")
    rate, eps = wrong / tested, EPS / 19
    pooled = (tested + one) * (1 - rate) * rate / (tested * one)
    size = (tested + one) / (tested * one * (1 - rate) * rate) / eps**2
    phase = rate + (pooled / TWO.ln() * log2(size)).sqrt()
    close(bound.estimate.phase_error, phase, rel=1e-9)
    got = bound.terms(n=n, leak=1000)
    close(got.entropy_bits, none + one * (1 - h(phase)), rel=1e-9)
    close(got.epsilon_bits, 6 * log2(19 / EPS) + log2(2 / CORRECT))
    bad = replace(bound, test_errors=(390_000, 53_500))
    assert bad.estimate.phase_error == 0.5
    assert bound.terms(n=n, leak=0).length > 0


def check_vacuum():
    for wrong, price in ((0, 20), (500, 46)):
        s = Decimal(photon_numbers.most_vacuum_detections(wrong, price))
        assert s / 2 - (s / 2 * price).sqrt() == pytest.approx(wrong, abs=1e-9)


def check_phase_error_rate():
    cases = (
        (9.2, 300.7, 400.9, Fraction(1, 10**6)),
        (0.0, 60.0, 500.0, Fraction(1, 50)),
        (109.5, 300.0, 400.0, Fraction(1, 50)),
    )
    for errors, tested, kept, allowed in cases:
        up = -int(-errors // 1)
        expected = min(0.5, most(up, int(tested), int(kept), allowed) / int(kept))
        log_eps = float(Decimal(allowed.numerator).ln() - Decimal(allowed.denominator).ln())
        assert decoy.phase_error_rate(errors, tested, kept, log_eps) == expected < 0.5
    for nothing in ((0, 0.9, 50), (0, 50, 0.9), (25, 50, 50), (24.5, 50, 50), (10, 21, 500)):
        assert decoy.phase_error_rate(*nothing, -20.0) == 0.5
    assert decoy.phase_error_rate(1, 1000, 1, -1e-3) == decoy.phase_error_rate(0, 1, 50, -1e-3) == 0.0


PULSES = {"intensity": 0.05, "rounds": 10**9, "z_probability": 0.8, "tested": 200_000, "errors": 2_000}


def refused(call):
    try:
        call()
    except ValueError:
        return
    raise AssertionError("not refused")


@cache
def tagged(share):
    m, price = Decimal("0.05"), (3 * 16 / EPS**2).ln()
    return 10**9 * above((1 - (1 + m) * (-m).exp()) * Decimal(share), 10**9, price)


def check_weak_pulses():
    price = (3 * 16 / EPS**2).ln()
    given, in_test = tagged("0.64"), tagged("0.04")
    bound = WeakPulseBound(**PULSES, **SECRET)
    close(bound.several_photons(0.64), given, rel=1e-9)
    kept = int(5_000_000 - given)
    rate = decoy.phase_error_rate(2_000, 200_000 - float(in_test), kept, -float(price))
    got = bound.terms(n=5_000_000, leak=1)
    close(got.entropy_bits, kept * (1 - h(Decimal(rate))))
    close(got.epsilon_bits, PRICE_BITS)
    assert bound.terms(n=1000, leak=1).entropy_bits == 0
    refused(lambda: bound.terms(n=10**9 - 100_000, leak=1))
    assert replace(bound, tested=1000, errors=10).terms(n=5_000_000, leak=1).entropy_bits == 0
    for mean in ("1e-6", "0.0009999", "0.001", "0.3"):
        m = Decimal(mean)
        close(weak_pulses.several_photons(float(mean)), 1 - (1 + m) * (-m).exp(), rel=1e-9)


# --- two states


def check_operators():
    """By the states: |m_b⟩ is orthogonal to the other state, and every pair is sent as often."""
    angle = 1.1
    states = [np.array([cos(a), sin(a)]) for a in (angle / 4, -angle / 4)]
    b92 = two_state.b92_operators(angle)
    sent = np.concatenate(states) / sqrt(2)
    for other in np.random.default_rng(1).normal(size=(5, 2)):
        other /= np.linalg.norm(other)
        # Alice's bit j and whatever arrives: conclusive by the component across the other state, half as often
        for j in (0, 1):
            round_ = np.zeros(6)
            round_[2 * j : 2 * j + 2] = other
            ways = [abs(other @ np.array([-s[1], s[0]])) ** 2 / 2 for s in states]  # excludes 0, excludes 1
            assert round_ @ b92.conclusive @ round_ == pytest.approx(sum(ways))
            assert round_ @ b92.wrong @ round_ == pytest.approx(ways[j])
    whole = np.append(sent, [0, 0])
    assert whole @ b92.wrong @ whole == pytest.approx(0)
    assert whole @ b92.conclusive @ whole == pytest.approx(sin(angle / 2) ** 2 / 2)
    assert whole @ b92.phase_error @ whole == pytest.approx(phase_of(states))
    sarg = two_state.sarg04_operators()
    bell = np.array([1, 0, 0, 1, 0, 0]) / sqrt(2)
    assert bell @ sarg.wrong @ bell == pytest.approx(0)
    assert bell @ sarg.conclusive @ bell == pytest.approx(1 / 4)
    assert bell @ sarg.phase_error @ bell == pytest.approx(0)
    turned = np.array([1, 0, 0, -1, 0, 0]) / sqrt(2)  # Bob's X states are flipped: of all that is sent in X, wrong
    assert turned @ sarg.wrong @ turned == pytest.approx(1 / 4)
    both = np.diag([1, -1, -1, 1, 0, 0])  # X states of one sign are those of the other, turned
    np.testing.assert_allclose(both @ sarg.conclusive @ both, sarg.conclusive, atol=1e-12)
    for noise in np.random.default_rng(2).normal(size=(5, 4)):
        found = np.append(noise, [0, 0])
        rows = [np.array([-states[1 - b][1], states[1 - b][0]]) for b in (0, 1)]
        rows = np.array([row * np.sign(row @ states[b]) / sqrt(2) for b, row in enumerate(rows)])
        bits = noise.reshape(2, 2) @ rows.T  # ⟨j, b|
        odd = sum((np.array([1, a]) @ bits @ np.array([1, -a]) / 2) ** 2 for a in (1, -1))
        assert found @ b92.phase_error @ found == pytest.approx(odd)
    for operators in (b92, sarg):
        assert np.abs(operators.conclusive[4:]).max() == np.abs(operators.wrong[4:]).max() == 0
    arrives = two_state._arrives()
    np.testing.assert_array_equal(arrives, np.diag([1, 1, 1, 1, 0, 0]))


def phase_of(states):
    """Of Alice's and Bob's bits after his filter, how often X would differ, without any noise."""
    total = 0.0
    rows = [np.array([-states[1 - b][1], states[1 - b][0]]) for b in (0, 1)]
    rows = [row * np.sign(row @ states[b]) / sqrt(2) for b, row in enumerate(rows)]
    filtered = np.array([[rows[b] @ states[j] for b in (0, 1)] for j in (0, 1)]) / sqrt(2)  # ⟨j, b|
    for a, b in ((1, -1), (-1, 1)):
        amplitude = np.array([1, a]) @ filtered @ np.array([1, b]) / 2
        total += amplitude**2
    return total


def check_untouched():
    bloch = {"x": 0.3, "y": 0.0, "z": 0.0}
    rho = np.array([[1, 0.3], [0.3, 1]]) / 2
    for arriving in (np.diag([0.5, 0.2]), np.array([[0.3, 0.1], [0.1, 0.4]])):
        gone = 1 - np.trace(arriving)
        state = np.zeros((6, 6))
        state[:4, :4] = np.kron(rho, arriving)
        state[4:, 4:] = gone * rho
        for item, value in zip(two_state._untouched(0.3), (bloch["x"], bloch["z"], bloch["y"]), strict=True):
            assert np.trace(item.operator @ state).real == pytest.approx(value, abs=1e-12)
            assert item.low == item.high == pytest.approx(value)
    assert {len(np.unique(np.round(item.operator, 6), axis=0)) for item in two_state._untouched(0.3)} == {6}


def known_phase(error, conclusive=10**13):
    share = (2 - (1 - 2 * error) / (1 - error)) / 4
    return TwoStateBound(
        rounds=10**14, detected=round(conclusive / share), conclusive=conclusive, tested=conclusive // 2,
        errors=int(error * conclusive / 2), angle=None, **SECRET,
    )  # fmt: skip


def check_two_states():
    """SARG04 has three phase errors for two bit errors (Fung et al.); six deviations share (ε/4)²."""
    bound = TwoStateBound(rounds=10**7, detected=4 * 10**6, conclusive=10**6, tested=2 * 10**5, errors=4_000,
                          angle=None, **SECRET)  # fmt: skip
    price = (6 * 16 / EPS**2).ln()
    error = counted(4_000, 2 * 10**5, price)[1] / (2 * 10**5)
    # the most conclusive rounds there may be, 3/2 of their errors, and chance once more
    high = counted(10**6, 10**7, price)[1]
    phase = above(Decimal("1.5") * error * high / 10**7, 10**7, price) * 10**7 / 10**6
    assert bound._searched() == pytest.approx(float(phase), rel=2e-6)
    got = bound.terms(n=8 * 10**5, leak=0)
    close(got.entropy_bits, 8 * 10**5 * (1 - h(Decimal(bound.phase_error) * 10 / 8)))
    close(got.epsilon_bits, PRICE_BITS)
    assert bound.terms(n=0, leak=0).entropy_bits == 0
    assert bound.terms(n=5 * 10**4, leak=0).entropy_bits == 0
    for none in ({"conclusive": 0, "tested": 0, "errors": 0}, {"tested": 0, "errors": 0}):
        assert replace(bound, **none)._searched() == 0.5


def check_b92():
    """What the search for the worst state is told: every interval to a sixth of (ε/4)²."""
    bound = TwoStateBound(rounds=10**7, detected=9 * 10**6, conclusive=2 * 10**6, tested=2 * 10**5, errors=4_000,
                          angle=1.1, **SECRET)  # fmt: skip
    price, told = (6 * 16 / EPS**2).ln(), []

    def searched(target, observed):
        told.append((target, observed))
        return 0.07

    largest, two_state.largest_expectation = two_state.largest_expectation, searched
    try:
        found = bound._searched()
    finally:
        two_state.largest_expectation = largest
    ((target, (wrong, conclusive, x, z, y, arrives)),) = told
    operators, share = two_state.b92_operators(1.1), Decimal("0.2")
    np.testing.assert_allclose(target, operators.phase_error / 0.2, atol=1e-12)
    error = float(counted(4_000, 2 * 10**5, price)[1]) / (2 * 10**5)
    np.testing.assert_allclose(wrong.operator, (operators.wrong - error * operators.conclusive) / 0.2, atol=1e-10)
    assert (wrong.low, wrong.high) == (-inf, 0)
    for item, count in ((conclusive, 2 * 10**6), (arrives, 9 * 10**6)):
        for end, exact in zip((item.low, item.high), counted(count, 10**7, price), strict=True):
            close(end, exact / 10**7 / share, rel=1e-9)
    np.testing.assert_allclose(conclusive.operator, operators.conclusive / 0.2, atol=1e-12)
    np.testing.assert_allclose(arrives.operator, two_state._arrives() / 0.2, atol=1e-12)
    assert [x.low, z.low, y.low] == [pytest.approx(cos(0.55)), 0.0, 0.0]
    close(found, above(Decimal("0.07") * share, 10**7, price) / share)


def check_duality():
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    # of ⟨X⟩ = 0.6, ⟨Z⟩ is at most 0.8, on a circle; of a range, by its better end; of nothing, 1
    for low, high, best in ((0.6, 0.6, 0.8), (0.6, 0.9, 0.8), (-0.9, -0.6, 0.8), (-inf, inf, 1), (-0.1, inf, 1)):
        found = phase_error.largest_expectation(z, [Observed(x, low, high)])
        assert best - 1e-9 <= found <= best + 2e-6
    for low, high, best in ((-inf, inf, 1), (-inf, 0.3, 0.3), (0.3, inf, 1)):
        assert phase_error.largest_expectation(z, [Observed(z, low, high)]) == pytest.approx(best, abs=2e-6)
    three = np.diag([1, 0, -1])
    assert phase_error.largest_expectation(three, [Observed(three, 2, 2)]) == pytest.approx(1.0)
    contradiction = phase_error.largest_expectation(z, [Observed(x, 0.9, 0.9), Observed(z, 0.9, 0.9)])
    assert contradiction == pytest.approx(1.0)


# --- recipes, and the names of the counts


def check_recipes():
    tally = Tally(
        rounds=10**9, detected=10**8, sampled=500, sample_errors=9, raw={"": 10**6},
        compared={"X": (2_000, 60), "Y": (3_000, 50), "conclusive": (700, 8), "X signal": (900, 20),
                  "00": (100, 15), "01": (110, 16), "10": (120, 17), "11": (130, 110)},
    )  # fmt: skip
    made = recipes.TwoBases().bound(tally, **SECRET)
    assert made == SinglePhotonBound(tested=2_000, qber=0.03, **SECRET)
    none = recipes.TwoBases().bound(replace(tally, compared={"X": (0, 0)}), **SECRET)
    assert none.qber == 0.5
    made = recipes.ThreeBases().bound(tally, **SECRET)
    assert (made.tested, made.errors) == ({"X": 2_000, "Y": 3_000, "Z": 500}, {"X": 60, "Y": 50, "Z": 9})
    made = recipes.WeakPulses(0.1, 0.8).bound(replace(tally, compared={"X signal": (900, 20)}), **SECRET)
    assert (made.rounds, made.tested, made.errors) == (10**9, 900, 20)
    made = recipes.TwoStates().bound(tally, **SECRET)
    assert (made.detected, made.conclusive, made.tested, made.errors) == (10**8, 10**6 + 500 + 700, 700, 8)
    signs = (("00", 1), ("01", 1), ("10", 1), ("11", -1))
    made = recipes.BellTest(signs).bound(tally, **SECRET)
    assert (made.tested, made.chsh) == (460, pytest.approx(8 * (85 + 94 + 103 + 110) / 460 - 4))
    silent = replace(tally, compared=dict.fromkeys(("00", "01", "10", "11"), (0, 0)))
    assert recipes.BellTest(signs).bound(silent, **SECRET).chsh == 0
    both = Tally(rounds=9, detected=9, sampled=0, sample_errors=0, compared={}, raw={"Z": 5, "X": 4},
                 corrected={"Z": 2, "X": 1})  # fmt: skip
    made = recipes.BothBases().bound(both, **SECRET)
    assert (made.raw, made.errors) == ((5, 4), (2, 1))


def check_accumulated_recipes():
    signs = (("00", 1), ("11", -1))
    tally = Tally(rounds=10**6, detected=10**6, sampled=500, sample_errors=9, raw={"": 10**5},
                  compared={"X": (2_000, 60), "Y": (3_000, 50)})  # fmt: skip
    made = recipes.AccumulatedThreeBases(0.05, 0.8, 0.1, 0.3).bound(tally, **SECRET)
    assert made.leak_limit == pytest.approx(0.3 * 0.64 * 0.9 * 10**6)
    assert made.comparable == pytest.approx(0.01 + 0.01 + 0.064)
    assert [t.probability for t in made.tradeoff.tests] == pytest.approx([0.01, 0.01, 0.064])
    assert made.compared == 5_500
    assert made.seen == ((2_000, 60), (3_000, 50), (500, 9))
    assert made.tradeoff.mean([0.05] * 3) == pytest.approx(
        security.entropy_accumulation.six_state_tradeoff(0.05, key=0.576, tests=(0.01, 0.01, 0.064)).mean(
            [0.05] * 3
        )
    )
    bell = replace(tally, compared={"00": (100, 15), "11": (130, 110), "rest": (40, 3)})
    made = recipes.AccumulatedBellTest(signs, 2.6, 0.7, 0.05, 0.06, 0.3).bound(bell, **SECRET)
    assert made.seen == ((230, 15 + 20),)
    assert made.tolerated == (pytest.approx(1.4 / 8),)
    assert made.compared == 500 + 100 + 130 + 40
    assert made.leak_limit == pytest.approx(0.3 * 0.7 * 10**6)
    assert made.comparable == 0.06


SECURITY = "quantumlink.security."
CHECKS = {
    "sampling:most_remaining_errors": [check_sample],
    "sampling:remaining_error_bound": [check_sample],
    "sampling:log_hypergeometric_cdf": [check_tails],
    "sampling:_sum_of_ratios": [check_tails],
    "sampling:_log_binomial": [check_tails],
    "sampling:serfling_deviation": [check_serfling],
    "sampling:serfling_margin": [check_serfling],
    "sampling:chsh_lower_bound": [check_chsh],
    "sampling:chsh_estimate": [check_chsh],
    "terms:estimation_log_eps": [check_terms],
    "terms:BoundTerms.length": [check_terms],
    "finite_key:finite_key_terms": [check_finite],
    "finite_key:_margin": [check_finite],
    "single_photon:least_test_errors": [check_single_photon],
    "both_bases:BothBasesBound._block": [check_both_bases],
    "both_bases:BothBasesBound.terms": [check_both_bases],
    "both_bases:BothBasesTerms.eps_sec": [check_both_bases],
    "both_bases:BothBasesTerms.eps_cor": [check_both_bases],
    "deviations:chernoff_low": [check_chernoff],
    "deviations:chernoff_high": [check_chernoff],
    "deviations:_as_far_as": [check_chernoff],
    "deviations:_divergence": [check_chernoff, check_frequency],
    "deviations:largest_frequency": [check_frequency],
    "deviations:fewest_trials": [check_frequency],
    "photon_numbers:Interval.chernoff": [check_chernoff],
    "photon_numbers:two_intensity_counts": [check_one_decoy],
    "photon_numbers:most_vacuum_detections": [check_vacuum],
    "one_decoy:OneDecoyBound.estimate": [check_one_decoy, check_rusca],
    "one_decoy:OneDecoyBound.terms": [check_one_decoy, check_rusca],
    "one_decoy:_EVENTS": [check_one_decoy],
    "one_decoy:_PUBLISHED_PARTS": [check_rusca],
    "decoy:phase_error_rate": [check_phase_error_rate],
    "weak_pulses:WeakPulseBound.several_photons": [check_weak_pulses],
    "weak_pulses:WeakPulseBound.terms": [check_weak_pulses],
    "weak_pulses:several_photons": [check_weak_pulses],
    "weak_pulses:_EVENTS": [check_weak_pulses],
    "two_state:TwoStateBound._searched": [check_two_states, check_b92],
    "two_state:TwoStateBound.terms": [check_two_states],
    "two_state:b92_operators": [check_operators],
    "two_state:sarg04_operators": [check_operators],
    "two_state:_real_state": [check_operators],
    "two_state:_filtered": [check_operators],
    "two_state:_with_nothing": [check_operators, check_untouched],
    "two_state:_arrives": [check_operators],
    "two_state:_untouched": [check_untouched],
    "phase_error:largest_expectation": [check_duality],
    "recipes:TwoBases.bound": [check_recipes],
    "recipes:WeakPulses.bound": [check_recipes],
    "recipes:TwoStates.bound": [check_recipes],
    "recipes:BellTest.bound": [check_recipes],
    "recipes:AccumulatedThreeBases.bound": [check_accumulated_recipes],
    "recipes:AccumulatedBellTest.bound": [check_accumulated_recipes],
}
ROUNDING, START, STEPS, HALF = "allows for rounding", "where to begin", "fewer steps are enough", "half is no key"
HARMLESS: dict[str, str] = {
    **dict.fromkeys(
        (
            "log_hypergeometric_cdf, line 14, column 33: FloorDiv is Mult",
            "log_hypergeometric_cdf, line 14, column 35: Add is Sub",
            "log_hypergeometric_cdf, line 14, column 43: 1 is 2",
            "log_hypergeometric_cdf, line 14, column 49: Add is Sub",
            "log_hypergeometric_cdf, line 14, column 58: 1 is 2",
            "log_hypergeometric_cdf, line 14, column 66: Add is Sub",
            "log_hypergeometric_cdf, line 14, column 74: 2 is 3",
            "log_hypergeometric_cdf, line 14, column 74: 2 is 4",
        ),
        START,
    ),
    "log_hypergeometric_cdf, line 8, column 52: min is max": "all terms add up to one, too",
    "chernoff_low, line 5, column 15: 1.0 is 2.0": "no more are seen than there are",
    "_divergence, line 3, column 37: 0.0 is 1.0": "nobody asks of nothing: its end is known",
    "_divergence, line 9, column 55: 0.5 is 1.0": "both forms are right there",
    **dict.fromkeys(
        (
            "most_remaining_errors, line 15, column 16: Mult is Div",
            "most_remaining_errors, line 15, column 16: 1e-14 is 2e-14",
            "most_remaining_errors, line 15, column 36: Add is Sub",
            "most_remaining_errors, line 15, column 44: 1 is 2",
            "most_remaining_errors, line 16, column 11: Add is Sub",
            "log_hypergeometric_cdf, line 27, column 15: 0.0 is 1.0",
            "_sum_of_ratios, line 4, column 35: 1e-17 is 2e-17",
        ),
        ROUNDING,
    ),
    **dict.fromkeys(
        ("fewest_trials, line 7, column 23: 2 is 3", "fewest_trials, line 7, column 23: 2 is 4"), START
    ),
    **dict.fromkeys(
        (
            "largest_frequency, line 10, column 19: 200 is 201",
            "largest_frequency, line 10, column 19: 200 is 400",
            "chernoff_low, line 7, column 19: 200 is 201",
            "chernoff_low, line 7, column 19: 200 is 400",
            "fewest_trials, line 8, column 19: 200 is 201",
            "fewest_trials, line 8, column 19: 200 is 400",
            "fewest_trials, line 10, column 11: Sub is Add",
            "fewest_trials, line 10, column 25: Mult is Div",
            "fewest_trials, line 10, column 25: 1e-12 is 2e-12",
            "largest_expectation, line 38, column 23: a sign is lost",
            "largest_expectation, line 40, column 74: a sign is lost",
        ),
        STEPS,
    ),
    **dict.fromkeys(
        (
            "_margin, line 7, column 15: 1.0 is 2.0",
            "BothBasesBound._block, line 7, column 49: 0.5 is 1.0",
            "OneDecoyBound.estimate, line 23, column 13: 0 is 1",
            "OneDecoyBound.estimate, line 23, column 28: 0 is 1",
            "OneDecoyBound.estimate, line 28, column 15: 0.5 is 1.5",
            "OneDecoyBound.estimate, line 28, column 15: 0.5 is 1.0",
            "OneDecoyBound.estimate, line 30, column 41: 0.5 is 1.5",
            "OneDecoyBound.estimate, line 30, column 41: 0.5 is 1.0",
            "WeakPulseBound.terms, line 7, column 23: 0 is 1",
            "WeakPulseBound.terms, line 7, column 49: 0.0 is 1.0",
            "TwoStateBound.terms, line 11, column 71: 0.5 is 1.0",
        ),
        HALF,
    ),
    "most_remaining_errors, line 10, column 30: 1 is 2": "one more than all errors there are is refused, too",
    "chsh_estimate, line 18, column 78: 4.0 is 5.0": "four correlations reach no further",
    "chsh_estimate, line 18, column 78: 4.0 is 8.0": "four correlations reach no further",
    "chsh_estimate, line 18, column 73: 4.0 is 5.0": "four correlations reach no further",
    "chsh_estimate, line 18, column 73: 4.0 is 8.0": "four correlations reach no further",
    "largest_frequency, line 7, column 29: 1 is 2": "no probability is above one",
    "two_intensity_counts, line 18, column 11: min is max": "where it would count no single photons are left",
    "several_photons, line 8, column 19: 0.001 is 0.002": "the series is good beyond that",
    "_filtered, line 11, column 16: Mult is Div": "by a sign",
    "largest_expectation, line 21, column 49: 0.0 is 1.0": "the price of what may not be bought",
    "largest_expectation, line 42, column 29: Sub is Add": "allows for the accuracy of the search",
}
"""Mutants that are the same function, or differ where nothing is told, and why."""


@pytest.mark.parametrize(
    "check", sorted({c for checks in CHECKS.values() for c in checks}, key=lambda c: c.__name__)
)
def test_bounds_are_what_their_formulas_say(check):
    check()


@pytest.mark.parametrize("target", CHECKS)
def test_every_changed_number_and_operator_is_noticed(target):
    unexplained = [name for name in survivors(SECURITY + target, CHECKS[target]) if name not in HARMLESS]
    assert not unexplained, unexplained
