"""Both bases as key against whole numbers and decimals; a satellite's counts."""

from decimal import ROUND_FLOOR, Decimal, getcontext
from fractions import Fraction
from math import comb

import pytest

from quantumlink.rates import binary_entropy
from quantumlink.security import BothBasesBound

getcontext().prec = 40
SATELLITE = {"raw": (1550, 1550), "errors": (70, 70), "eps_sec": 1e-10, "eps_cor": 1e-10}
LEAK = 1.19 * 1550 * binary_entropy(70 / 1550)


def log2(x):
    return Decimal(x).ln() / Decimal(2).ln()


def most_errors(n, k, seen, allowed):
    """The most errors among n that leave as few in the sample with more than that, in whole numbers."""
    ways = comb(n + k, k)

    def chance(marked):
        return Fraction(sum(comb(marked, x) * comb(n + k - marked, k - x) for x in range(seen + 1)), ways)

    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if chance(seen + middle) > allowed else (low, middle)
    return low


def exact_length(n, k, seen, leak, *, allowed=Fraction(1, 8 * 10**10) ** 2, told=True):
    """One block at ε_sec/2 and ε_cor/2 of 1e-10 each: smoothing takes the root of (ε_sec/8)²."""
    most = most_errors(n, k, seen, allowed)
    if 2 * most >= n:
        return 0
    p = Decimal(most) / n
    entropy = n * (1 + (p * log2(p) + (1 - p) * log2(1 - p) if most else 0))
    price = log2(2 / (Decimal("5e-11") ** 2 * Decimal("5e-11")))
    return max(0, int((entropy - Decimal(leak) - told * log2(n + 1) - price).to_integral_value(ROUND_FLOOR)))


@pytest.mark.parametrize(
    ("raw", "errors"),
    [((1550, 1550), (70, 70)), ((2500, 900), (30, 12)), ((1550, 1550), (20, 90)), ((60, 0), (1, 0))],
)
def test_both_keys_in_whole_numbers(raw, errors):
    terms = BothBasesBound(raw=raw, errors=errors, eps_sec=1e-10, eps_cor=1e-10).terms(leak=(300, 200))
    (z, x), (wrong_z, wrong_x) = raw, errors
    assert terms.z.length == (exact_length(z, x, wrong_x, 300) if x else 0)
    assert terms.x.length == (exact_length(x, z, wrong_z, 200) if x else 0)
    assert terms.length == terms.z.length + terms.x.length
    assert (terms.eps_sec, terms.eps_cor) == (1e-10, 1e-10)


@pytest.mark.parametrize("name", ["eps_sec", "eps_cor"])
def test_a_tolerance_whose_halves_are_too_small_is_refused_by_its_own_name(name):
    """Each key has half of it: what was given is told, not the half."""
    for given in (1e-300, 1.999e-300):
        with pytest.raises(ValueError, match=f"{name} must be at least 2e-300, .* got {given}"):
            BothBasesBound(**SATELLITE | {name: given})
    assert BothBasesBound(**SATELLITE | {name: 2e-300}).terms(leak=(0, 0)).length == 0


def test_a_satellite_gives_a_key():
    """3,100 sifted bits at 4.51 %, f = 1.19: 372 bits were published; half of them to test the rest gives none."""
    terms = BothBasesBound(**SATELLITE).terms(leak=(LEAK, LEAK))
    assert 0 < terms.length < 372
    assert terms.length == 2 * exact_length(1550, 1550, 70, LEAK)


def test_what_makes_the_difference_to_the_published_length():
    """How improbable the estimate's failure must be: for 372 published bits ours has 34, with ε_sec itself 388."""
    counts = (1550, 1550, 70, LEAK)
    assert 2 * exact_length(*counts) == 34
    plain = {"allowed": Fraction(1, 10**10)}
    assert 2 * exact_length(*counts, **plain) == 388
    assert 2 * exact_length(*counts, **plain, told=False) == 408


def test_errors_of_one_basis_shorten_the_key_of_the_other():
    terms = BothBasesBound(**SATELLITE | {"errors": (40, 70)}).terms(leak=(LEAK, LEAK))
    assert terms.x.length > terms.z.length > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"errors": (1551, 0)}, "errors of Z must be at most its 1550"),
        ({"raw": (10, 10, 10)}, "raw must hold two counts"),
        ({"eps_sec": 0}, "eps_sec"),
        ({"raw": (1550, -1), "errors": (0, 0)}, "raw bits of X"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        BothBasesBound(**SATELLITE | change)


@pytest.mark.parametrize("leak", [(-1.0, 0.0), (float("nan"), 0.0), (1.0,)])
def test_impossible_leaks_are_refused(leak):
    with pytest.raises(ValueError, match="leak"):
        BothBasesBound(**SATELLITE).terms(leak=leak)
