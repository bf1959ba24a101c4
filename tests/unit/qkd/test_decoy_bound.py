"""Decoy states against decimals, a linear program over what Eve may do, and exact sampling."""

from decimal import Decimal, getcontext
from fractions import Fraction
from math import comb, factorial

import pytest
from oracles.intervals import decimal_interval

from quantumlink.security import DecoyBound
from quantumlink.security.decoy import phase_error_rate
from quantumlink.security.photon_numbers import Interval

SENT = {"intensities": (0.5, 0.1, 0.0), "probabilities": (0.7, 0.2, 0.1)}
CLEAN = {"key_counts": (10**6, 57_000, 0), "test_counts": (250_000, 14_250, 0), "test_errors": (0, 0, 0)}
EPS = {"eps_sec": 1e-10, "eps_cor": 1e-12}
SIGNAL = {"key_counts": (10**6, 57_000, 100), "test_counts": (250_000, 14_250, 25), "test_errors": (2_500, 180, 12)}

getcontext().prec = 40


def decimal_estimate(intensities, probabilities, key_counts, test_counts, test_errors, eps_sec):
    """Vacuum and single photons, tested and wrong, in decimals: thirteen events share (ε_sec/4)²."""
    price = (13 * 16 / Decimal(eps_sec) ** 2).ln()
    m = [Decimal(x) for x in intensities]
    p = [Decimal(x) for x in probabilities]
    tau = [sum(q * (-x).exp() * (x**n if n else 1) for q, x in zip(p, m, strict=True)) for n in (0, 1)]

    def scaled(counts):
        ends = [decimal_interval(c, sum(counts), price) if sum(counts) else (Decimal(0),) * 2 for c in counts]
        return [tuple(x.exp() / q * end for end in pair) for x, q, pair in zip(m, p, ends, strict=True)]

    def numbers(counts):
        (_, s_high), (d_low, d_high), (v_low, v_high) = scaled(counts)
        none = max(Decimal(0), tau[0] * (m[1] * v_low - m[2] * d_high) / (m[1] - m[2]))
        ratio = (m[1] ** 2 - m[2] ** 2) / m[0] ** 2
        over = m[0] * (m[1] - m[2]) - m[1] ** 2 + m[2] ** 2
        return none, tau[1] * m[0] / over * (d_low - v_high - ratio * (s_high - none / tau[0]))

    _, (_, upper), (lower, _) = scaled(test_errors)
    return (*numbers(key_counts), numbers(test_counts)[1], tau[1] * (upper - lower) / (m[1] - m[2]))


@pytest.mark.parametrize("counts", [CLEAN, SIGNAL])
def test_the_default_in_decimals(counts):
    """A constant other than 13·16, or another formula, changes these by more than rounding."""
    bound = DecoyBound(**SENT, **counts, **EPS)
    vacuum, single, tested, wrong = decimal_estimate(**SENT, **counts, eps_sec="1e-10")
    found = bound.estimate
    assert found.vacuum == pytest.approx(float(vacuum), rel=1e-9)
    assert found.single_photon == pytest.approx(float(single), rel=1e-9)
    log_eps = float((Decimal("1e-10") ** 2 / 16 / 13).ln())
    assert found.phase_error == phase_error_rate(float(wrong), float(tested), float(single), log_eps)
    n = sum(counts["key_counts"])
    p = Decimal(found.phase_error)
    entropy = 1 + (p * p.ln() + (1 - p) * (1 - p).ln()) / Decimal(2).ln()
    price = (2 / (Decimal("1e-20") * Decimal("1e-12"))).ln() / Decimal(2).ln()
    assert bound.terms(n=n, leak=1000).length == int(vacuum + single * entropy - 1000 - price)


def test_no_errors_in_whole_numbers():
    """So many phase errors among the kept would show none in the sample with more than the probability."""
    found = DecoyBound(**SENT, **CLEAN, **EPS).estimate
    tested = int(decimal_estimate(**SENT, **CLEAN, eps_sec="1e-10")[2])
    kept = int(found.single_photon)
    most = round(found.phase_error * kept)
    allowed = Fraction(1, 10**20) / 16 / 13

    def unseen(marked):
        chance = Fraction(1)
        for i in range(marked):
            chance *= Fraction(kept - i, kept + tested - i)
        return chance

    assert unseen(most) > allowed >= unseen(most + 1)


@pytest.mark.parametrize(("eps_share", "expected"), [(1, 3.71e-4), (2, 7.44e-4)])
def test_the_published_counts_with_an_exact_sample(eps_share, expected):
    """With the published bounds of the counts the sample alone leaves that much; the published form claims less."""
    published = DecoyBound(**SENT, **CLEAN, **EPS, tail="lim").estimate
    log_eps = eps_share * float((Decimal("1e-10") / 21).ln())
    exact = phase_error_rate(0, 75_450.87, published.single_photon, log_eps)
    assert exact == pytest.approx(expected, rel=1e-3)
    assert published.phase_error < exact / 2


def hoeffding_single(counts, price):
    """Single photons by Hoeffding, in decimals; no vacuum detections, so that the vacuum count is bounded by 0."""
    spread = (Decimal(sum(counts)) / 2 * price).sqrt()
    m, p = ([Decimal(str(x)) for x in SENT[name]] for name in ("intensities", "probabilities"))
    signal, decoy, vacuum = (
        e.exp() / q * (c + sign * spread) for e, q, c, sign in zip(m, p, counts, (1, -1, 1), strict=True)
    )
    tau = sum(q * (-x).exp() * x for q, x in zip(p, m, strict=True))
    return tau * m[0] / (m[0] * m[1] - m[1] ** 2) * (decoy - vacuum - (m[1] / m[0]) ** 2 * signal)


@pytest.mark.parametrize(
    ("of_counts", "of_sample", "expected"),
    [("21/e", "21/e", 3.71e-4), ("21/e", "(21/e)²", 7.44e-4), ("208/e²", "208/e²", 1.293e-3)],
)
def test_what_the_square_costs_and_where_it_belongs(of_counts, of_sample, expected):
    """Published figures with a sample to ε/21, to its square, and both as the default has them but by Hoeffding."""
    price = {"21/e": (21 / Decimal("1e-10")).ln(), "208/e²": (208 / Decimal("1e-20")).ln()}
    price["(21/e)²"] = 2 * price["21/e"]
    kept, tested = (int(hoeffding_single(CLEAN[f"{b}_counts"], price[of_counts])) for b in ("key", "test"))
    unseen, most = Decimal(0), -1
    while unseen > -price[of_sample]:
        most += 1
        unseen += (Decimal(kept - most) / (kept + tested - most)).ln()
    assert most / kept == pytest.approx(expected, rel=1e-3)
    assert DecoyBound(**SENT, **CLEAN, **EPS).estimate.phase_error == pytest.approx(4.106e-4, rel=1e-3)


def test_no_yields_of_eve_are_below_the_bound():
    """The least number of single photons over all yields, as a linear program: never below, and near."""
    from scipy.optimize import linprog

    found = DecoyBound(**SENT, **SIGNAL, **EPS).estimate
    photons = range(12)
    price = float((13 * 16 / Decimal("1e-10") ** 2).ln())
    pairs = list(zip(SENT["intensities"], SENT["probabilities"], strict=True))
    poisson = [[p * float(Decimal(-m).exp()) * m**n / factorial(n) for n in photons] for m, p in pairs]
    chance = [[row[n] / sum(r[n] for r in poisson) for n in photons] for row in poisson]
    total = sum(SIGNAL["key_counts"])
    ends = [Interval.chernoff(c, total, price) for c in SIGNAL["key_counts"]]
    rows = chance + [[-x for x in row] for row in chance]
    limits = [e.high for e in ends] + [-e.low for e in ends]
    # Found in units of a thousand: the solver's tolerance is absolute.
    least = linprog([float(n == 1) for n in photons], rows, [x / 1000 for x in limits])
    assert least.success
    assert 0.97 * 1000 * least.fun < found.single_photon <= 1000 * least.fun * (1 + 1e-6)


@pytest.mark.parametrize(("errors", "tested", "kept"), [(0, 40, 70), (3, 90, 50), (10, 100, 400)])
def test_the_sample_of_single_photons_by_enumeration(errors, tested, kept):
    allowed = Fraction(1, 1000)
    rate = phase_error_rate(errors, tested + 0.9, kept + 0.9, -6.907755278982137)
    most = round(rate * kept)

    def chance(marked):
        ways = sum(comb(marked, x) * comb(kept + tested - marked, tested - x) for x in range(errors + 1))
        return Fraction(ways, comb(kept + tested, tested))

    assert chance(errors + most) > allowed >= chance(errors + most + 1)


def test_the_default_gives_more_and_the_published_form_is_as_published():
    exact, published = (DecoyBound(**SENT, **SIGNAL, **EPS, tail=tail) for tail in ("hypergeometric", "lim"))
    n = sum(SIGNAL["key_counts"])
    assert exact.terms(n=n, leak=0).length > 1.2 * published.terms(n=n, leak=0).length
    price = 6 * (21 / Decimal("1e-10")).ln() / Decimal(2).ln() + (2 / Decimal("1e-12")).ln() / Decimal(2).ln()
    assert published.terms(n=n, leak=0).epsilon_bits == pytest.approx(float(price), rel=1e-12)


def test_tolerances_of_any_size():
    lengths = [
        DecoyBound(**SENT, **SIGNAL, eps_sec=10.0**-power, eps_cor=1e-12, tail=tail).terms(n=10**6, leak=0).length
        for tail in ("hypergeometric", "lim")
        for power in (10, 100, 200, 300)
    ]
    assert lengths[0] > lengths[1] > lengths[2] > lengths[3] >= 0
    assert lengths[4] > lengths[5] >= lengths[6] >= lengths[7] >= 0


def test_an_unknown_tail_is_refused():
    with pytest.raises(ValueError, match="tail must be one of hypergeometric, lim"):
        DecoyBound(**SENT, **SIGNAL, **EPS, tail="serfling")


@pytest.mark.parametrize("lost", [1, 100, 10**5, 5 * 10**5])
def test_of_bits_that_are_gone_the_best_ones_are_gone(lost):
    """No choice of the lost bits among vacuum, right and wrong single photons leaves less, and one leaves that."""
    bound = DecoyBound(**SENT, **SIGNAL, **EPS)
    found, n = bound.estimate, sum(SIGNAL["key_counts"])
    wrong = found.phase_error * found.single_photon

    def left(of_vacuum, of_wrong):
        single = found.single_photon - (lost - of_vacuum)
        rate = Decimal(max(0.0, min(0.5, (wrong - of_wrong) / single)))
        h = -(rate * rate.ln() + (1 - rate) * (1 - rate).ln()) / Decimal(2).ln() if rate else 0
        return Decimal(found.vacuum - of_vacuum) + Decimal(single) * (1 - h)

    none = min(found.vacuum, lost)
    choices = [left(none * v, min(wrong, lost - none) * w) for v in (0, 0.5, 1) for w in (0, 0.5, 1)]
    assert bound.terms(n=n - lost, leak=0).entropy_bits == pytest.approx(float(min(choices)), rel=1e-9)
