"""The finite-key bound against an evaluation in decimal arithmetic, and its limits."""

from decimal import ROUND_FLOOR, Decimal, getcontext
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.qkd import bb84_rate, binary_entropy, finite_key_length
from quantumlink.security.finite_key import finite_key_terms

USUAL = {"n": 10**6, "k": 10**5, "qber": 0.03, "leak": 211_000, "eps_sec": 1e-10, "eps_cor": 1e-10}


def decimal_length(n, k, qber, leak, eps_sec, eps_cor, numerator="4"):
    """The formula once more, in 50 digits."""
    getcontext().prec = 50
    n, k, q = Decimal(n), Decimal(k), Decimal(qber)
    log2 = lambda x: Decimal(x).ln() / Decimal(2).ln()
    mu = ((n + k) / (n * k) * (k + 1) / k * (Decimal(numerator) / Decimal(eps_sec)).ln()).sqrt()
    p = q + mu
    entropy = 1 + p * log2(p) + (1 - p) * log2(1 - p)
    length = n * entropy - Decimal(leak) - log2(2 / (Decimal(eps_sec) ** 2 * Decimal(eps_cor)))
    return int(length.to_integral_value(ROUND_FLOOR))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"n": 50_000, "k": 50_000, "leak": 9_000},
        {"eps_sec": 1e-6, "eps_cor": 1e-15},
        {"qber": 0.0, "leak": 0},
        {"leak": 211_000.5},
    ],
)
def test_length_agrees_with_decimal_arithmetic(change):
    arguments = USUAL | change
    assert finite_key_length(**arguments, tail="serfling") == decimal_length(**arguments)


def test_the_comparison_tells_the_constant_in_the_logarithm():
    """The less careful reading, ln(2/ε), gives some other length: the test above would notice."""
    assert decimal_length(**USUAL, numerator="2") > finite_key_length(**USUAL, tail="serfling")


def hypergeometric_tail(errors, total, marked, drawn):
    """The probability of so few marked ones, in whole numbers."""
    ways = sum(comb(marked, x) * comb(total - marked, drawn - x) for x in range(errors + 1))
    return Fraction(ways, comb(total, drawn))


# Lengths of both forms, the leak 1.05·n·h(Q).
LENGTHS = [
    (10**6, 10**5, 3_000, 524_941, 573_499),
    (10**5, 10**4, 200, 47_779, 62_075),
    (9_000, 1_000, 10, 2_119, 4_572),
]


@pytest.mark.parametrize(("n", "k", "errors", "serfling", "exact"), LENGTHS)
def test_both_forms_of_the_tail(n, k, errors, serfling, exact):
    arguments = {"n": n, "k": k, "qber": errors / k, "eps_sec": 1e-10, "eps_cor": 1e-10}
    leak = 1.05 * n * binary_entropy(errors / k)
    assert finite_key_length(**arguments, leak=leak, tail="serfling") == serfling
    assert finite_key_length(**arguments, leak=leak) == exact


@pytest.mark.parametrize(
    ("n", "k", "errors"), [row[:3] for row in LENGTHS[1:]] + [(500, 60, 0), (40, 40, 40), (7, 3, 1)]
)
@pytest.mark.parametrize("eps_sec", [1e-10, 0.3])
def test_the_exact_tail_in_whole_numbers(n, k, errors, eps_sec):
    """So many errors among the rest are still likely enough, one more is not: (ε_sec/4)²."""
    terms = finite_key_terms(n=n, k=k, qber=errors / k, leak=0, eps_sec=eps_sec, eps_cor=1e-10)
    most = round((terms.qber + terms.mu) * n)
    allowed = (Fraction(eps_sec) / 4) ** 2
    assert hypergeometric_tail(errors, n + k, errors + most, k) > allowed
    if most < n:
        assert hypergeometric_tail(errors, n + k, errors + most + 1, k) <= allowed


@pytest.mark.parametrize("errors", [0, 7, 30, 299])
def test_a_rate_between_two_counts_is_that_of_more_errors(errors):
    """By a millionth at most a rate is that of the count below: so far rounding may take it."""
    given = {"n": 10**4, "k": 1_000, "leak": 0, "eps_sec": 1e-10, "eps_cor": 1e-10}
    bound = {e: finite_key_terms(**given, qber=e / 1_000).phase_error_bound for e in (errors, errors + 1)}
    for beyond in (1.5e-6, 0.01, 0.99):
        between = finite_key_terms(**given, qber=(errors + beyond) / 1_000).phase_error_bound
        assert between == pytest.approx(bound[errors + 1], rel=1e-12)
    assert bound[errors] < bound[errors + 1]


def test_tiny_tolerances_do_not_underflow():
    """(ε/4)² of 1e-300 is no float: the bound goes on as it began."""
    lengths = [finite_key_length(**USUAL | {"eps_sec": 10.0**-power}) for power in (10, 150, 170, 200, 300)]
    assert lengths == sorted(lengths, reverse=True)
    assert 0 < lengths[-1] < lengths[0]


def test_terms_add_up():
    terms = finite_key_terms(**USUAL)
    total = terms.entropy_bits - terms.leak - terms.epsilon_bits
    assert terms.length <= total < terms.length + 1
    assert terms.phase_error_bound == terms.qber + terms.mu
    assert terms.tail == "hypergeometric"


@given(
    n=st.integers(0, 10**7),
    k=st.integers(0, 10**7),
    qber=st.floats(0, 1),
    leak=st.integers(0, 10**6),
    eps_sec=st.floats(2e-300, 0.99),
    eps_cor=st.floats(2e-300, 0.99),
)
@settings(deadline=None, max_examples=200)
def test_length_is_never_more_than_what_there_is(n, k, qber, leak, eps_sec, eps_cor):
    terms = finite_key_terms(n=n, k=k, qber=qber, leak=leak, eps_sec=eps_sec, eps_cor=eps_cor)
    assert 0 <= terms.length <= max(0, n - leak)
    assert terms.length <= n * (1 - binary_entropy(min(qber, 0.5)))  # what infinitely many rounds would give
    if terms.qber + terms.mu >= 0.5:
        assert terms.length == 0
    worse = finite_key_terms(
        n=n, k=k, qber=min(1.0, qber + 0.01), leak=leak + 1, eps_sec=eps_sec / 2, eps_cor=eps_cor / 2
    )
    assert worse.length <= terms.length


@pytest.mark.parametrize("qber", [0.49, 0.5, 0.7, 0.97, 1.0])
def test_more_errors_than_half_are_no_secret(qber):
    """h falls again beyond one half: the formula taken literally would grant a key at 0.97."""
    assert finite_key_length(**USUAL | {"qber": qber, "leak": 0}) == 0


def test_approaches_the_asymptotic_rate():
    n = 10**13
    length = finite_key_length(n=n, k=n, qber=0.05, leak=0, eps_sec=1e-10, eps_cor=1e-10)
    assert length / n == pytest.approx((1 + bb84_rate(qber=0.05)) / 2, abs=1e-4)  # 1 − h(Q)


def test_no_bits_no_key():
    assert finite_key_length(**USUAL | {"n": 0}) == 0
    assert finite_key_length(**USUAL | {"k": 0}) == 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("n", -1),
        ("n", 1.5),
        ("k", -1),
        ("k", "many"),
        ("qber", -0.1),
        ("qber", 1.1),
        ("qber", float("nan")),
        ("leak", -1),
        ("leak", float("nan")),
        ("leak", float("inf")),
        ("eps_sec", 0),
        ("eps_sec", 1),
        ("eps_sec", float("nan")),
        ("eps_cor", 0),
        ("eps_cor", 1.0),
        ("eps_cor", -1e-10),
        ("eps_cor", "1e-10"),
        ("qber", "0.03"),
        ("tail", "exact"),
    ],
)
def test_bad_arguments_are_named(name, wrong):
    with pytest.raises(ValueError, match=rf"^{name} must be .*[,;] got"):
        finite_key_length(**USUAL | {name: wrong})
