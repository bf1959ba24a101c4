"""The finite-key bound against an evaluation in decimal arithmetic, and its limits."""

from decimal import ROUND_FLOOR, Decimal, getcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.qkd import bb84_rate, binary_entropy, finite_key_length
from quantumlink.qkd.finite_key import finite_key_terms

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
    assert finite_key_length(**arguments) == decimal_length(**arguments)


def test_the_comparison_tells_the_constant_in_the_logarithm():
    """The less careful reading, ln(2/ε), gives some other length: the test above would notice."""
    assert decimal_length(**USUAL, numerator="2") > finite_key_length(**USUAL)


def test_terms_add_up():
    terms = finite_key_terms(**USUAL)
    total = terms.entropy_bits - terms.leak - terms.epsilon_bits
    assert terms.length <= total < terms.length + 1
    assert terms.phase_error_bound == terms.qber + terms.mu


@given(
    n=st.integers(0, 10**7),
    k=st.integers(0, 10**7),
    qber=st.floats(0, 1),
    leak=st.integers(0, 10**6),
    eps_sec=st.floats(1e-300, 0.99),
    eps_cor=st.floats(1e-300, 0.99),
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
    ],
)
def test_bad_arguments_are_named(name, wrong):
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got"):
        finite_key_length(**USUAL | {name: wrong})
