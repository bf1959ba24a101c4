"""Bounds recomputed apart, in decimals; and each number and operator of theirs, changed, is noticed.

The figures are made of the papers' formulas by `decimal`, without anything of the library. Mutants that no check
notices fail the test, but for those that are listed with the reason why they change nothing.
"""

from dataclasses import replace
from decimal import Decimal, localcontext
from functools import cache
from itertools import product
from math import ceil, exp, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize
from oracles.decimals import TWO, close, h, log2
from oracles.formula_mutations import survivors

from quantumlink.distillation.distilling import at_one_table
from quantumlink.distillation.group.conference import ConferenceAgreement
from quantumlink.distillation.group.sharing import SharingAgreement
from quantumlink.distillation.group.talking import key_of_all, talk_over_lines
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.reconciliation import Cascade
from quantumlink.distillation.records import Records
from quantumlink.security import (
    DecoyBound,
    channel_rates,
    collective,
    entropy_accumulation,
    photon_numbers,
    relay_decoy,
)
from quantumlink.security.collective import DeviceIndependentBound, SixStateBound
from quantumlink.security.contract import Tally
from quantumlink.security.decoy import DecoyEstimate, phase_error_rate
from quantumlink.security.entropy_accumulation import AccumulationBound, Tradeoff, Trial
from quantumlink.security.photon_numbers import Interval
from quantumlink.security.relay_decoy import RelayDecoyBound, RelayEstimate
from quantumlink.security.sampling import most_remaining_errors
from quantumlink.security.sharing import SharingBound
from quantumlink.security.single_photon import SinglePhotonBound
from quantumlink.security.twin_field import TwinEstimate, TwinFieldBound

EPS = Decimal("1e-10")
SECRET, CORRECT = {"eps_sec": 1e-10, "eps_cor": 1e-12}, Decimal("1e-12")


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec = 40
        yield


# --- collective attacks: M. Tomamichel, R. Colbeck, R. Renner, IEEE Trans. Inf. Theory 55, 5840


def loss(n, eps):
    scale = log2(2 / eps**2)
    return Decimal(n) if n < Decimal(8) / 5 * scale else 4 * log2(2 + TWO.sqrt()) * (n * scale).sqrt()


def key_length(n, entropy, leak):
    part = EPS / 4  # smoothing, hashing, and the estimate, and one to spare
    return int(n * entropy - loss(n, part) - leak - log2(2 / (part**2 * CORRECT)))


def check_equipartition():
    for n, eps in ((10**6, "2.5e-11"), (10**4, "1e-6"), (113, "2.5e-11"), (115, "2.5e-11")):
        close(collective.equipartition_loss(n, float(eps)), loss(n, Decimal(eps)))


def check_device_independent():
    for tested, n in ((10**7, 10**7), (10**8, 10**9), (10**4, 10**5)):
        margin = 8 * ((4 / EPS).ln() / (2 * tested)).sqrt()
        for chsh in ("2.75", "2.6", "3.9", "2.01"):
            s = min(Decimal(chsh) - margin, 2 * TWO.sqrt())
            entropy = Decimal(0) if s <= 2 else 1 - h((1 + ((s / 2) ** 2 - 1).sqrt()) / 2)
            bound = DeviceIndependentBound(tested=tested, chsh=float(chsh), **SECRET)
            told = bound.terms(n=n, leak=1000)
            close(told.epsilon_bits, log2(2 / ((EPS / 4) ** 2 * CORRECT)))
            assert abs(told.length - max(0, key_length(n, entropy, 1000))) <= 1
            assert told.entropy_bits == pytest.approx(max(0.0, float(n * entropy - loss(n, EPS / 4))), rel=1e-9)


def six_state(x, y, z):
    s = (x + y + z) / 2
    return 1 + h(z) - sum(-p * log2(p) for p in (1 - s, s - x, s - y, s - z))


def check_six_state():
    tested = {"X": 10**6, "Y": 2 * 10**6, "Z": 5 * 10**5}
    errors = {basis: bits // 25 for basis, bits in tested.items()}
    margin = {b: ((6 * 4 / EPS).ln() / (2 * bits)).sqrt() for b, bits in tested.items()}
    signs = {"X": 1, "Y": 1, "Z": -1}
    corner = [Decimal("0.04") + signs[basis] * margin[basis] for basis in "XYZ"]
    lowest, tiny = six_state(*corner), Decimal("1e-12")
    for i, sign in enumerate(signs.values()):  # the entropy is convex and falls towards the corner: lowest there
        inwards = [q - sign * tiny * (i == j) for j, q in enumerate(corner)]
        assert six_state(*inwards) > lowest
    told = SixStateBound(tested=tested, errors=errors, **SECRET).terms(n=10**7, leak=1000)
    assert told.entropy_bits == pytest.approx(float(10**7 * lowest - loss(10**7, EPS / 4)), rel=1e-7)
    assert abs(told.length - key_length(10**7, lowest, 1000)) <= 2
    assert [float(text.split(" + ")[0]) for _, text in told.details[:3]] == [0.04] * 3


CORNERS = {  # rates of X, Y, Z and their margin: where no state, or few, have such rates
    "inside": ((0.04, 0.05, 0.03), 0.01),
    "without errors": ((0.0, 0.0, 0.0), 0.02),
    "X above Y and Z": ((0.10, 0.02, 0.02), 0.03),
    "Y above X and Z": ((0.02, 0.10, 0.02), 0.03),
    "Z above X and Y": ((0.02, 0.02, 0.10), 0.03),
    "X apart": ((0.10, 0.02, 0.02), 0.025),
    "Y apart": ((0.02, 0.10, 0.02), 0.025),
    "Z apart": ((0.02, 0.02, 0.10), 0.025),
    "more than two": ((0.70, 0.70, 0.70), 0.05),
    "turned": ((0.99, 0.99, 0.01), 0.02),
}


@cache
def lowest_on_a_grid(rates, margin):
    """By Renner's conditional entropies, on a grid of the states that there are; the lowest, and how coarse."""
    sides = [np.linspace(max(0, q - margin), min(1, q + margin), 101) for q in rates]
    x, y, z = (side.ravel() for side in np.meshgrid(*sides, indexing="ij"))
    there = (x <= y + z + 1e-12) & (y <= x + z + 1e-12) & (z <= x + y + 1e-12) & (x + y + z <= 2 + 1e-12)
    x, y, z = x[there], y[there], z[there]
    with np.errstate(all="ignore"):
        where_z, elsewhere = (x + z - y) / 2 / z, (x + y - z) / 2 / (1 - z)
        entropy = 1 - z * np.nan_to_num(of_a_coin(where_z)) - (1 - z) * np.nan_to_num(of_a_coin(elsewhere))
    return float(entropy.min())


def of_a_coin(p):
    p = np.clip(p, 0.0, 1.0)
    return -np.where(p > 0, p * np.log2(p), 0) - np.where(p < 1, (1 - p) * np.log2(1 - p), 0)


def check_corners():
    for rates, margin in CORNERS.values():
        given = dict(zip("XYZ", rates, strict=True)), dict.fromkeys("XYZ", margin)
        found, lowest = collective.lowest_six_state_entropy(*given), lowest_on_a_grid(rates, margin)
        assert found <= lowest + 1e-9  # never above the entropy of a state that there is
        assert found >= lowest - 2e-3, (rates, found, lowest)
    nowhere = {"X": 0.5, "Y": 0.1, "Z": 0.1}, dict.fromkeys("XYZ", 0.05)
    assert collective.lowest_six_state_entropy(*nowhere) == 0
    few = dict.fromkeys("XYZ", 0.5), dict.fromkeys("XYZ", 0.5)
    assert 0 <= collective.lowest_six_state_entropy(*few) < 1e-9


def check_tangents():
    """Where a minimization gives up at once, the tangent plane there still bounds the entropy from below."""
    minimize = scipy.optimize.minimize
    scipy.optimize.minimize = lambda _, start, **options: SimpleNamespace(x=start)
    try:
        for rates, margin in CORNERS.values():
            given = dict(zip("XYZ", rates, strict=True)), dict.fromkeys("XYZ", margin)
            found, lowest = collective.lowest_six_state_entropy(*given), lowest_on_a_grid(rates, margin)
            assert found <= lowest + 1e-9
        (rates, margin), signs = CORNERS["inside"], (1, 1, -1)
        given = dict(zip("XYZ", rates, strict=True)), dict.fromkeys("XYZ", margin)
        slopes = collective.six_state_gradient(np.array(rates))
        plane = float(six_state(*(Decimal(str(q)) for q in rates))) + sum(slopes * signs) * margin
        assert collective.lowest_six_state_entropy(*given) == pytest.approx(plane, rel=1e-9)
    finally:
        scipy.optimize.minimize = minimize


def check_entropies():
    for point in (("0.04", "0.05", "0.03"), ("0.3", "0.2", "0.25"), ("0.01", "0.9", "0.9")):
        x, y, z = map(Decimal, point)
        close(collective.six_state_entropy(*map(float, point)), six_state(x, y, z))
        step, slopes = Decimal("1e-12"), collective.six_state_gradient(np.array(point, float))
        for i, slope in enumerate(slopes):
            up, down = ([q + sign * step * (i == j) for j, q in enumerate((x, y, z))] for sign in (1, -1))
            close(slope, (six_state(*up) - six_state(*down)) / (2 * step), rel=1e-9)
    assert np.isnan(collective.six_state_entropy(0.1, 0.02, 0.02))
    assert collective.six_state_entropy(0.1, 0.1, 0.0) == pytest.approx(float(1 - h(Decimal("0.1"))), rel=1e-12)
    assert collective.six_state_entropy(0.0, 0.0, 0.0) == 1
    assert np.isfinite(collective.six_state_gradient(np.array([1.0, 0.0, 1.0]))).all()
    assert np.isfinite(collective.six_state_gradient(np.zeros(3))).all()


# --- decoy states as published: C. C. W. Lim et al., Phys. Rev. A 89, 022307


INTENSITIES, SHARES = ("0.5", "0.1", "0.01"), ("0.7", "0.2", "0.1")
COUNTS = {"key_counts": (10**7, 6 * 10**5, 90_000), "test_counts": (10**6, 60_000, 9_000)}
ERRORS = (10_000, 2_000, 600)


def lim(errors):
    mu, p = [Decimal(x) for x in INTENSITIES], [Decimal(x) for x in SHARES]
    tau = [sum(q * (-m).exp() * (m if n else 1) for q, m in zip(p, mu, strict=True)) for n in (0, 1)]

    def ends(counts):
        spread = (Decimal(sum(counts)) / 2 * (21 / EPS).ln()).sqrt()
        low = [m.exp() / q * max(Decimal(0), c - spread) for m, q, c in zip(mu, p, counts, strict=True)]
        return low, [m.exp() / q * (c + spread) for m, q, c in zip(mu, p, counts, strict=True)]

    def numbers(counts):
        low, high = ends(counts)
        vacuum = max(Decimal(0), tau[0] * (mu[1] * low[2] - mu[2] * high[1]) / (mu[1] - mu[2]))
        gap = low[1] - high[2] - (mu[1] ** 2 - mu[2] ** 2) / mu[0] ** 2 * (high[0] - vacuum / tau[0])
        return vacuum, tau[1] * mu[0] * gap / (mu[0] * (mu[1] - mu[2]) - mu[1] ** 2 + mu[2] ** 2)

    low, high = ends(errors)
    wrong = max(Decimal(0), tau[1] * (high[1] - low[2]) / (mu[1] - mu[2]))
    vacuum, kept = numbers(COUNTS["key_counts"])
    _, tested = numbers(COUNTS["test_counts"])
    c, d, b = tested, kept, max(min(Decimal("0.5"), wrong / tested), 1 / tested)
    inner = log2((c + d) / (c * d * (1 - b) * b) * 21**2 / EPS**2)
    gamma = ((c + d) * (1 - b) * b / (c * d * TWO.ln()) * inner).sqrt()
    return vacuum, kept, min(Decimal("0.5"), min(Decimal("0.5"), wrong / tested) + gamma)


def check_lim():
    sent = {"intensities": tuple(map(float, INTENSITIES)), "probabilities": tuple(map(float, SHARES))}
    for errors in (ERRORS, (100, 0, 0), (0, 0, 0)):
        vacuum, kept, phase = lim(errors)
        bound = DecoyBound(**sent, **COUNTS, test_errors=errors, tail="lim", **SECRET)
        found = bound.estimate
        close(found.vacuum, vacuum)
        close(found.single_photon, kept)
        close(found.phase_error, phase, rel=1e-9)
        n = sum(COUNTS["key_counts"])
        price = 6 * log2(21 / EPS) + log2(2 / CORRECT)
        told = bound.terms(n=n, leak=1000)
        close(told.epsilon_bits, price)
        close(told.entropy_bits, vacuum + kept * (1 - h(phase)), rel=1e-9)
        # Of bits that are gone those of vacuum are gone first, then those of single photons without an error.
        gone = bound.terms(n=n - int(vacuum) - 100_000, leak=0)
        single = kept - (int(vacuum) + 100_000 - vacuum)
        close(gone.entropy_bits, single * (1 - h(min(Decimal("0.5"), phase * kept / single))), rel=1e-9)
        part = bound.terms(n=n - 1000, leak=0)  # only bits of vacuum are gone
        close(part.entropy_bits, vacuum - 1000 + kept * (1 - h(phase)), rel=1e-9)
        for left in (1000, 0):  # all good bits are gone, then all bits
            assert bound.terms(n=left, leak=0).entropy_bits == 0
        few = bound.terms(n=n - int(vacuum + kept * (1 - phase * Decimal("1.5"))), leak=0)
        assert few.entropy_bits == 0  # two of three good bits that are left may have an error of phase
    many = DecoyBound(**sent, **COUNTS, test_errors=(500_000, 30_000, 4_500), tail="lim", **SECRET)
    assert many.estimate.phase_error == 0.5
    none = DecoyBound(**sent, **{**COUNTS, "key_counts": (10**7, 10, 0)}, test_errors=ERRORS, tail="lim", **SECRET)
    assert none.estimate == DecoyEstimate(0, 0, 0.5)
    silent = DecoyBound(
        **sent, **{**COUNTS, "test_counts": (10**6, 2_000, 600)}, test_errors=ERRORS, tail="lim", **SECRET
    )
    assert silent.estimate.phase_error == 0.5
    mu, p = [Decimal(x) for x in INTENSITIES], [Decimal(x) for x in SHARES]
    two = sum(q * (-m).exp() * m**2 for q, m in zip(p, mu, strict=True)) / 2
    close(photon_numbers.photon_probability(sent["intensities"], sent["probabilities"], 2), two)


# --- a relay: M. Curty et al., Nat. Commun. 5, 3732; Y.-H. Zhou, Z.-W. Yu, X.-B. Wang, Phys. Rev. A 93, 042324

RELAY = {
    "signals": (0.5, 0.55), "intensities": (0.5, 0.1, 0.01), "intensities_b": (0.6, 0.15, 0.02),
    "probabilities": (0.5, 0.3, 0.2), "z_probability": 0.6, "key_count": 10**8, "sampled": 20_000,
    "test_counts": ((31_841_474, 7_810_989, 3_432_795), (8_761_112, 822_525, 132_543), (4_512_552, 230_636, 5750)),
    "test_errors": ((7_655_597, 2_483_260, 1_584_862), (3_261_125, 217_759, 48_353), (2_179_588, 102_049, 1647)),
}  # fmt: skip


def divergence(a, b):
    first = a * (a / b).ln() if a else Decimal(0)
    return first + ((1 - a) * ((1 - a) / (1 - b)).ln() if a < 1 else 0)


def chernoff(count, total, price):
    """Between what the mean of a count lies, by halving."""
    ends, seen = [], Decimal(count) / total
    for beyond in (Decimal(0), Decimal(1)):
        near, far = seen, beyond
        for _ in range(110):
            middle = (near + far) / 2
            near, far = (middle, far) if total * divergence(seen, middle) <= price else (near, middle)
        ends.append(total * near)
    return ends


def frequency(p, trials, price):
    """What a coin's frequency exceeds with e^(−price) at most."""
    low, high = p, Decimal(1)
    for _ in range(110):
        middle = (low + high) / 2
        low, high = (middle, high) if trials * divergence(middle, p) <= price else (low, middle)
    return high


@cache
def relay():
    """ln(1/ε), shares of Z and X, single photons of X, of Z and of the raw key, and errors: found by halving."""
    price = (14 * 16 / EPS**2).ln()
    a, b, p = ([Decimal(str(x)) for x in RELAY[name]] for name in ("intensities", "intensities_b", "probabilities"))
    one = [sum(q * (-m).exp() * m for q, m in zip(p, means, strict=True)) for means in (a, b)]

    def ends(table):
        total = sum(map(sum, table))
        found = {}
        for i, j in product(range(3), repeat=2):
            factor = (a[i] + b[j]).exp() / (p[i] * p[j])
            found[i, j] = [factor * end for end in chernoff(table[i][j], total, price)]
        return found

    low, high = ({k: v[end] for k, v in ends(RELAY["test_counts"]).items()} for end in (0, 1))

    def gap(i, j, n, m):
        return (a[i] ** n - a[2] ** n) * (b[j] ** m - b[2] ** m)

    ratio = max(gap(1, 1, n, m) / gap(0, 0, n, m) for n, m in product(range(1, 6), repeat=2) if (n, m) != (1, 1))
    left = low[1, 1] - high[1, 2] - high[2, 1] + low[2, 2]
    left -= ratio * (high[0, 0] - low[0, 2] - low[2, 0] + low[2, 2])
    tested = one[0] * one[1] * left / (gap(1, 1, 1, 1) - ratio * gap(0, 0, 1, 1))
    wrong = ends(RELAY["test_errors"])
    most = wrong[1, 1][1] + wrong[2, 2][1] - wrong[1, 2][0] - wrong[2, 1][0]
    most *= one[0] * one[1] / gap(1, 1, 1, 1)
    z, s = Decimal("0.6") ** 2, [Decimal(str(x)) for x in RELAY["signals"]]
    z *= s[0] * s[1] * (-s[0] - s[1]).exp()
    x = Decimal("0.4") ** 2 * one[0] * one[1]
    few, many = tested, 3 * tested * (z + x) / x
    for _ in range(110):
        middle = (few + many) / 2
        few, many = (few, middle) if middle * frequency(x / (z + x), middle, price) >= tested else (middle, many)
    in_z = few - tested
    kept = in_z - 20_000 * frequency(in_z / 10**8, Decimal(20_000), price)
    return price, z, x, tested, kept, most


def check_relay():
    price, z, x, tested, kept, most = relay()
    bound = RelayDecoyBound(**RELAY, **SECRET)
    found = bound.estimate
    close(bound.z_share, z / (z + x))
    close(found.tested_pairs, tested, rel=1e-8)
    close(found.single_pairs, kept, rel=1e-8)
    phase = phase_error_rate(float(most), float(tested), float(kept), -float(price))
    assert found.phase_error == pytest.approx(phase, rel=1e-5)
    assert 0.02 < phase < 0.4
    told = bound.terms(n=10**8 - 20_000, leak=1000)
    close(told.entropy_bits, int(kept) * (1 - h(Decimal(found.phase_error))), rel=1e-6)
    close(told.epsilon_bits, log2(2 / (EPS**2 * CORRECT)))
    # Few in Z: no more than were announced; none taken as a sample; none seen in X.
    short = replace(bound, key_count=1000, sampled=0).estimate
    assert short.single_pairs == 1000
    taken = replace(bound, key_count=1000, sampled=999).estimate
    assert taken.single_pairs == pytest.approx(1.0)
    none = ((0, 0, 0),) * 3
    assert replace(bound, test_counts=none, test_errors=none).estimate == RelayEstimate(0, 0, 0.5)
    clean = replace(bound, test_errors=none).estimate
    assert clean.phase_error == phase_error_rate(0.0, float(tested), float(kept), -float(price))
    turned = {"intensities": RELAY["intensities_b"], "intensities_b": RELAY["intensities"]}
    turned["test_counts"] = tuple(zip(*RELAY["test_counts"], strict=True))
    close(replace(bound, **turned, test_errors=none).estimate.tested_pairs, tested, rel=1e-8)
    sent = RELAY["intensities"], RELAY["intensities_b"], RELAY["probabilities"]
    seen = [[Interval(1.0, 1.0)] * 3, [Interval(1.0, 1.0)] * 2 + [Interval(9.0, 9.0)], [Interval(1.0, 1.0)] * 3]
    assert relay_decoy.single_pair_errors(*sent, seen) == 0  # less than none is none


# --- twin fields, sending or not: X.-B. Wang, Z.-W. Yu, X.-L. Hu, Phys. Rev. A 98, 062323


TWIN = {
    "rounds": 10**11, "signal": 0.45, "sending": 0.05, "z_probability": 0.6, "intensities": (0.4, 0.08, 0.0),
    "probabilities": (0.2, 0.5, 0.3), "window": 3, "key_count": 4_000_000_000, "sampled": 30_000,
    "single_counts": (200_000_000, 130_000_000, 20_000), "tested": 55_000_000, "errors": 900_000,
}  # fmt: skip


def elsewhere(count, here, there, price):
    """The fewest rounds there if so many are here."""
    few, many, share = count, 3 * count * (here + there) / here, here / (here + there)
    for _ in range(120):
        middle = (few + many) / 2
        few, many = (few, middle) if middle * frequency(share, middle, price) >= count else (middle, many)
    return few - count


@cache
def twin():
    """Chances of the five kinds of rounds, single photons of the raw key and of the test, errors, distance."""
    strong, weak, signal = Decimal("0.4"), Decimal("0.08"), Decimal("0.45")
    x, z, q = Decimal("0.16"), Decimal("0.36"), Decimal("0.05")
    near = Decimal("0.25") * 14 / 64 * x
    p = [Decimal("0.4"), Decimal(1), Decimal("0.3")]  # strong, weak, nothing, if the other sends nothing
    kinds = {
        "key": z * 2 * q * (1 - q) * signal * (-signal).exp(),
        "alone": x * Decimal("0.3") * (p[0] * strong * (-strong).exp() + p[1] * weak * (-weak).exp()),
        "together": near * 2 * weak * (-2 * weak).exp(),
        "vacuum": x * Decimal("0.09"),
        "vacuum_wrong": near * (-2 * weak).exp() / 2,
    }
    factorial = Decimal(1)
    for k in range(1, 65):
        factorial *= k
    distance = 2 * Decimal(10) ** 11 * ((2 * signal) ** 64 / factorial).sqrt()
    price = (9 * 16 / (EPS - distance) ** 2).ln()
    counts = TWIN["single_counts"]
    ends = [chernoff(count, sum(counts), price) for count in counts]
    high = [m.exp() / share * end[1] for m, share, end in zip((strong, weak, Decimal(0)), p, ends, strict=True)]
    low = [m.exp() / share * end[0] for m, share, end in zip((strong, weak, Decimal(0)), p, ends, strict=True)]
    # G(weak) − G(0) − (weak/strong)²·(G(strong) − G(0)) leaves single photons, and others with a negative sign
    left = low[1] - high[2] - (weak / strong) ** 2 * (high[0] - low[2])
    tau = p[0] * strong * (-strong).exp() + p[1] * weak * (-weak).exp()
    alone = tau * left / (weak - weak**2 / strong)
    in_z = elsewhere(alone, kinds["alone"], kinds["key"], price)
    tested = elsewhere(alone, kinds["alone"], kinds["together"], price)
    errors = 900_000 - elsewhere(Decimal(20_000), kinds["vacuum"], kinds["vacuum_wrong"], price)
    kept = in_z - 30_000 * frequency(in_z / TWIN["key_count"], Decimal(30_000), price)
    return kinds, kept, tested, errors, distance, price


def check_twin():
    kinds, kept, tested, errors, distance, price = twin()
    bound = TwinFieldBound(**TWIN, **SECRET)
    for name, chance in kinds.items():
        close(getattr(bound.chances, name), chance)
    close(bound.phase_distance, distance)
    stronger = replace(bound, intensities=(0.6, 0.08, 0.0))  # the strongest pulse counts
    close(stronger.phase_distance / bound.phase_distance, (Decimal("0.6") / Decimal("0.45")) ** 32)
    found = bound.estimate
    close(found.single_photon, kept, rel=1e-8)
    close(found.tested, tested, rel=1e-8)
    phase = phase_error_rate(float(errors), float(tested), float(kept), -float(price))
    assert found.phase_error == pytest.approx(phase, rel=1e-5)
    assert 0.02 < phase < 0.4
    told = bound.terms(n=TWIN["key_count"] - 30_000, leak=1000)
    close(told.entropy_bits, int(kept) * (1 - h(Decimal(found.phase_error))), rel=1e-6)
    close(told.epsilon_bits, log2(2 / (EPS**2 * CORRECT)))
    few = replace(bound, key_count=1000, sampled=0, tested=10, errors=0).estimate
    assert (few.single_photon, few.tested) == (1000, 10)
    clean = replace(bound, errors=0).estimate
    assert clean.phase_error == phase_error_rate(0.0, float(tested), float(kept), -float(price))
    lost = replace(bound, signal=20.0)  # 64 phases are too few
    assert lost.estimate == TwinEstimate(0.0, 0.0, 0.5)
    told = lost.terms(n=TWIN["key_count"] - 30_000, leak=0)
    assert told.entropy_bits == 0
    close(told.epsilon_bits, log2(2 / (EPS**2 * CORRECT)))
    much = replace(bound, eps_sec=bound.phase_distance * 2)  # half of ε_sec is used up
    close(
        much.terms(n=TWIN["key_count"] - 30_000, leak=0).epsilon_bits, log2(2 / (distance**2 * CORRECT)), rel=1e-9
    )


# --- entropy accumulation with testing: T. Metger et al., Commun. Math. Phys. 405, 261


SEVEN = Decimal(7)


def accumulated_loss(alpha, n, slopes, shares):
    """The theorem for values that are a half of slope/share up or down."""
    a, ln2 = Decimal(alpha), TWO.ln()
    beta = (a - 1) / (2 - a)
    variance = sum(s**2 / (4 * p) for s, p in zip(slopes, shares, strict=True))
    v = log2(2 * SEVEN**2 + 1) + (2 + variance).sqrt()
    # the largest value less the least mean, which no rate of failures undercuts
    spread = max(abs(s) / (2 * p) for s, p in zip(slopes, shares, strict=True)) + sum(map(abs, slopes)) / 2
    width = 2 * log2(SEVEN) + spread
    third = (2 - a) ** 3 / (6 * (3 - 2 * a) ** 3 * ln2) * TWO ** (beta * width) * (TWO**width + TWO.exp()).ln() ** 3
    told = log2(2 / (EPS / 4) ** 2) - a * log2(EPS)
    return n * (beta * ln2 / 2 * v**2 + beta**2 * third) + told / (a - 1)


def check_accumulation():
    slopes, shares = [Decimal("3.5"), Decimal("-0.5"), Decimal(2)], [Decimal(x) for x in ("0.01", "0.02", "0.05")]
    tests = tuple(Trial(probability=float(p), slope=float(s)) for p, s in zip(shares, slopes, strict=True))
    function = Tradeoff(base=0.75, tests=tests)
    for alpha, n in (("1.0005", 10**6), ("1.02", 10**5), ("1.3", 1000)):
        close(entropy_accumulation.loss_at(float(alpha), n, function, eps_sec=1e-10),
              accumulated_loss(alpha, n, slopes, shares), rel=1e-9)  # fmt: skip
    flat = Tradeoff(base=0.75, tests=(Trial(probability=0.5, slope=0.001),))
    close(entropy_accumulation.loss_at(1.1, 10**4, flat, eps_sec=1e-10),
          accumulated_loss("1.1", 10**4, [Decimal("0.001")], [Decimal("0.5")]), rel=1e-9)  # fmt: skip
    least = min(accumulated_loss(1 + Decimal(x) / 10**6, 10**7, slopes, shares) for x in range(160, 260, 4))
    found = entropy_accumulation.accumulation_loss(10**7, function, eps_sec=1e-10)
    close(found, least, rel=1e-3)
    rates = [Decimal("0.1"), Decimal("0.2"), Decimal("0.3")]
    close(function.mean([0.1, 0.2, 0.3]), Decimal("0.75") - sum(map(Decimal.__mul__, slopes, rates)))
    bits = [int(p * 10**6) for p in shares]
    seen = tuple((k, int(k * q)) for k, q in zip(bits, rates, strict=True))
    close(function.score(10**6, seen), function.mean([0.1, 0.2, 0.3]))
    shifted = function.score(10**6, ((bits[0] + 1000, seen[0][1] + 600), *seen[1:]))  # 400 passed, 600 failed
    close(shifted, Decimal(function.mean([0.1, 0.2, 0.3])) - 200 * Decimal("3.5") / (2 * Decimal("0.01")) / 10**6)


def check_tradeoffs():
    q, key, shares = Decimal("0.06"), Decimal("0.7"), (0.01, 0.02, 0.03)
    found = entropy_accumulation.six_state_tradeoff(0.06, key=0.7, tests=shares)
    step = Decimal("1e-12")
    value = six_state(q, q, q)
    for i, test in enumerate(found.tests):
        moved = [q + step * (i == j) for j in range(3)], [q - step * (i == j) for j in range(3)]
        close(test.slope, -key * (six_state(*moved[0]) - six_state(*moved[1])) / (2 * step), rel=1e-9)
        assert test.probability == shares[i]
    close(found.mean([0.06] * 3), key * value)
    touched = Decimal("2.64")

    def entropy(s):
        return 1 - h((1 + ((s / 2) ** 2 - 1).sqrt()) / 2)

    bell = entropy_accumulation.chsh_tradeoff(2.64, key=0.7, test=0.05)
    close(bell.mean([(4 - 2.64) / 8]), key * entropy(touched))
    close(bell.tests[0].slope, 8 * key * (entropy(touched + step) - entropy(touched - step)) / (2 * step), rel=1e-9)
    assert bell.tests[0].probability == 0.05


ACCUMULATED = {
    "rounds": 10**8, "tolerated": (0.17,), "seen": ((5_000_000, 800_000),), "comparable": 0.06,
    "compared": 6_000_000, "leak_limit": 9e6,
}  # fmt: skip


def check_accumulated_key():
    bell = entropy_accumulation.chsh_tradeoff(2.64, key=0.7, test=0.05)
    bound = AccumulationBound(tradeoff=bell, **ACCUMULATED, **SECRET)
    most = int(10**8 * frequency(Decimal("0.06"), Decimal(10**8), Decimal(10**12).ln()))
    loss = accumulated_best(Decimal(bell.tests[0].slope), Decimal("0.05"))
    entropy = 10**8 * Decimal(bell.mean([0.17])) - loss - 2 * most
    told = bound.terms(n=6 * 10**7, leak=8e6)
    assert bound.comparable_most == most
    assert told.leak == 9e6
    close(told.entropy_bits, entropy, rel=1e-4)
    close(told.epsilon_bits, log2(2 / (EPS**2 * CORRECT)))
    assert told.length > 10**6
    for change in ({"compared": most + 1}, {"leak_limit": 7e6}, {"seen": ((5_000_000, 900_000),)}, {"rounds": 0,
                   "seen": ((0, 0),), "compared": 0}):  # fmt: skip
        assert replace(bound, **change).terms(n=6 * 10**7, leak=8e6).entropy_bits == 0
    assert replace(bound, compared=most).terms(n=6 * 10**7, leak=9e6).length == told.length
    few = replace(bound, rounds=10**6, seen=((50_000, 0),), compared=50_000)
    assert few.terms(n=10**6, leak=0).entropy_bits == 0


@cache
def accumulated_best(slope, share):
    return min(accumulated_loss(1 + Decimal(x) / 10**6, 10**8, [slope], [share]) for x in range(66, 86))


# --- sharing among three


def check_sharing():
    given = {"tested": (10**5, 9 * 10**4), "errors": (2000, 1000), "population": (10**6, 11 * 10**5)}
    bound, n = SharingBound(**given, **SECRET), 900_000
    price = float(2 * (EPS / 4).ln())
    for i in (0, 1):
        k, e, rest = (given[name][i] for name in ("tested", "errors", "population"))
        assert bound.phase_error(i, n) == most_remaining_errors(errors=e, k=k, n=rest, log_eps=price) / n
    told = bound.terms(n=n, leak=200_000)
    phase = Decimal(max(bound.phase_error(i, n) for i in (0, 1)))
    close(told.entropy_bits, n * (1 - h(phase)))
    close(told.epsilon_bits, log2(2 / (EPS**2 * CORRECT)))
    assert bound.phase_error(0, 30_000) == 0.5
    assert replace(bound, tested=(0, 1), errors=(0, 0)).phase_error(0, n) == 0.5
    assert replace(bound, tested=(1, 1), errors=(0, 0)).phase_error(0, n) == 0.5
    assert bound.phase_error(1, 0) == 0.5
    assert replace(bound, tested=(0, 1), errors=(0, 0), population=(1, 1)).terms(n=1, leak=0).length == 0


# --- twin fields: M. Curty, K. Azuma, H.-K. Lo, npj Quantum Inf. 5, 64


ENERGY = Decimal("0.09")


def amplitude(n):
    """Of the Fock state n in a coherent state of that energy, √(e^{−μ}μⁿ/n!)."""
    factorial = Decimal(1)
    for k in range(2, n + 1):
        factorial *= k
    return ((-ENERGY).exp() * ENERGY**n / factorial).sqrt()


def check_tail():
    for parity in (0, 1):
        beyond = sum(amplitude(n) for n in range(11, 80) if n % 2 == parity)
        close(channel_rates._tail(np.array([float(ENERGY)]), parity)[0], beyond)
    strong = sum(Decimal(-1).exp().sqrt() / Decimal(f).sqrt() for f in _factorials(12, 60))
    close(channel_rates._tail(np.array([1.0]), 0)[0], strong)


def _factorials(first, last):
    value = 1
    for n in range(1, last):
        value *= n
        if n >= first and n % 2 == 0:
            yield value


def check_twin_field():
    """Clicks by Poisson statistics of each port, phase errors by amplitudes of photon numbers."""
    energies = channel_rates._AMPLITUDES_SQUARED
    channel_rates._AMPLITUDES_SQUARED = np.array([float(ENERGY)])
    try:
        for arm, noise, turned in ((0.1, 1e-6, 0.02), (0.3, 1e-5, 0.01), (0.05, 0.0, 0.01)):
            light = 2 * arm * float(ENERGY)
            alone = lambda right, wrong, noise=noise: (1 - (1 - noise) * exp(-right)) * (1 - noise) * exp(-wrong)
            equal = alone(light * (1 - turned), light * turned)
            unequal = alone(light * turned, light * (1 - turned))
            clicks = (equal + unequal) / 2
            yields, phase = channel_rates._number_yields(arm, noise), 0.0
            for parity in (0, 1):
                inside = {n: float(amplitude(n)) for n in range(11) if n % 2 == parity}
                rest = float(sum(amplitude(n) for n in range(11, 80) if n % 2 == parity))
                seen = sum(inside[n] * inside[m] * sqrt(yields[n, m]) for n in inside for m in inside)
                phase += (seen + 2 * sum(inside.values()) * rest + rest**2) ** 2
            bit = Decimal(unequal / 2 / clicks)
            rate = 2 * clicks * (1 - 1.1 * float(h(bit)) - float(h(Decimal(min(0.5, phase / clicks)))))
            assert channel_rates._twin_field(arm, noise, turned, 1.1) == pytest.approx(max(0, rate), rel=1e-7)
            assert rate > 0
    finally:
        channel_rates._AMPLITUDES_SQUARED = energies


# --- the conference key: F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014


class Told:
    """Reconciliation that knows the answer, says how much it leaked, and notes what it was told."""

    def __init__(self):
        self.rates = []

    def reconcile(self, alice, bob, *, qber, seed):
        self.rates.append(qber)
        return replace(REAL, bits=alice, leaked_bits=500)


REAL = Cascade().reconcile([0, 1], [0, 1], qber=0.01, seed=1)
KEY_ROUNDS, TESTED = 12_001, 8_000


def raw_of_all(seed, last_error=0.03, key_rounds=KEY_ROUNDS):
    """Raw records of four: key rounds with errors of 1, 2 and 3 %, test rounds with odd parity in 2 %."""
    rng = np.random.default_rng(seed)
    alice = rng.integers(0, 2, key_rounds, dtype=np.uint8)
    copies = [alice, *(alice ^ (rng.random(key_rounds) < q) for q in (0.01, 0.02, last_error))]
    x = rng.integers(0, 2, (4, TESTED), dtype=np.uint8)
    x[3] = x[0] ^ x[1] ^ x[2] ^ (rng.random(TESTED) < 0.02)
    settings = np.repeat([0, 1], [key_rounds, TESTED])
    records = [Records(bits=np.concatenate([z, y]), settings=settings) for z, y in zip(copies, x, strict=True)]
    return records, np.bitwise_xor.reduce(x, axis=0)


def check_conference():
    records, odd = raw_of_all(5)
    method = Told()
    given = {"protocol": "p", "parties": 4, "bases": "marked", "sample_fraction": 0.1}
    rounds, z = KEY_ROUNDS + TESTED, KEY_ROUNDS / (KEY_ROUNDS + TESTED)
    reconciliation = at_one_table(method)
    few = {"rounds": rounds, "z_probability": z, "reconciliation": reconciliation, **given, **SECRET}
    agreed = ConferenceAgreement(**few)
    marking = ceil(rounds * h(Decimal(z)))
    assert agreed.marking_bits == marking
    assert ConferenceAgreement(**few | {"bases": "independent"}).marking_bits == 0
    account = agreed.account(
        Tally(rounds=10**6, detected=10**6, sampled=1_201, sample_errors=36, compared={"X": (TESTED, 160)},
              raw={"": 10**5}),
        (12, 24, 36), inherited=0.0, simulated=False, seeded=False,
    )  # fmt: skip
    tag = int(log2(3 / CORRECT)) + 1
    # A tag for each of the others may fail with a third of ε_cor: ⌈log₂(3/ε_cor)⌉ bits. The bound prices one.
    further = 3 * tag - int(log2(1 / CORRECT))
    assert (agreed.tag_bits, agreed.further_tag_bits) == (tag, further)
    assert account.refusal_before() is None
    assert account.least_leaks() == [sum(int(10**5 * float(h(Decimal(rate.low)))) for rate in account.rates)]
    likely = [int(Decimal("1.05") * 10**5 * h(Decimal(rate.best))) for rate in account.rates]
    assert account.likely_leaks() == [sum(likely)]  # of Cascade's answers hers alone count here
    shared = replace(account, answering=2)
    assert shared.least_leaks() == [2 * account.least_leaks()[0]]
    assert shared.likely_leaks() == [
        sum(int(Decimal("2.1") * 10**5 * h(Decimal(rate.best))) for rate in account.rates)
    ]
    turned = replace(account, wrong=(1_201, 0, 0))  # more errors than half tell all
    assert turned.least_leaks() == [10**5]
    assert turned.likely_leaks() == [105_000]
    told = [np.array(bits, dtype=np.uint8) for bits in ([0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0])]
    assert agreed.wrong(told[0], told[1:]) == (1, 1, 2)
    assert agreed.compared(np.array([2, 2, 1, 2]), told[0], told[1:]) == {"X": (3, 1)}
    assert account.reconciled([(1_500, 700)]) is None
    bound = SinglePhotonBound(tested=TESTED, qber=160 / TESTED, **SECRET).terms(n=10**5, leak=1_500 + further)
    length = bound.length - 3 * AUTHENTICATION_BITS - marking
    assert account.settle() == [length]
    assert [account.expected(i) for i in range(3)] == [13 / 1_203, 25 / 1_203, 37 / 1_203]
    assert sum(bits for _, bits in account.ledger) == length > 1000
    assert dict(account.ledger)["verification tags beyond the first"] == -further
    assert dict(account.ledger)["spent on marking the test rounds"] == -marking
    independent = replace(agreed, bases="independent")
    settings = np.array([[0, 0, 1, 1]] * 3 + [[0, 1, 1, 0]])
    assert independent.streams(settings).tolist() == [1, 0, 2, 0]
    sharing = SharingAgreement(protocol="p", rounds=rounds, z_probability=z, sample_fraction=0.1, **SECRET)
    tests = sharing.tests
    streams = np.repeat([tests["X against Bob"][0][0], tests["Z against Bob"][0][0]], [3, 2])
    told = sharing.compared(streams, np.zeros(5, np.uint8), [np.ones(5, np.uint8)] * 2)
    assert (told["X against Bob"], told["Z against Bob"][1]) == ((3, 0), told["Z against Bob"][0])
    key = key_of_all(*talk_over_lines(records, agreement=replace(agreed, bases="marked"), seed=5))
    size = 1_201  # a tenth, rounded up
    assert (key.sampled, key.sifted, key.tested) == (size, KEY_ROUNDS + TESTED, TESTED)
    assert key.test_qber == pytest.approx(float(np.mean(odd)))
    assert "marking" in key.reason  # of so few rounds it takes more than there is
    assert len(method.rates) == 0


def check_sharing_agreed():
    """Settings of the dealer, Bob, Charlie; whoever is honest is compared in Z, and his rounds in X are counted."""
    agreed = SharingAgreement(protocol="p", rounds=100, z_probability=0.5, reconciliation=Cascade(), **SECRET)
    rounds = [*["XXX"] * 4, *["ZZZ"] * 3, *["ZZX"] * 5, *["ZXZ"] * 2, *["XXZ"] * 6, *["XZX"] * 7, "XZZ"]
    streams = agreed.streams(np.array([["ZX".index(one[party]) for one in rounds] for party in range(3)]))
    bits = np.zeros((3, len(rounds)), dtype=np.uint8)
    bits[1, [0, 4, 7, 8, 12]] = 1  # Bob's: in the key, with all, with the dealer
    bits[2, [1, 12]] = 1
    assert agreed.compared(streams, bits[0], list(bits[1:])) == {
        "Z against Bob": (3 + 2, 1),
        "X against Bob": (4 + 7, 0),
        "Z against Charlie": (3 + 5, 3),
        "X against Charlie": (4 + 6, 0),
    }
    assert agreed.wrong(bits[0, :4], list(bits[1:, :4])) == (2,)
    tag = int(log2(1 / CORRECT)) + 1
    assert (agreed.tag_bits, agreed.further_tag_bits) == (tag, 2 * tag - int(log2(1 / CORRECT)))
    assert (agreed.count_of_parties, agreed.answering) == (3, 2)


# --- what is mutated, what notices it, and what changes nothing

SECURITY = "quantumlink.security."
CHECKS = {
    SECURITY + "collective:equipartition_loss": [check_equipartition],
    SECURITY + "collective:_collective_terms": [check_device_independent],
    SECURITY + "collective:DeviceIndependentBound.terms": [check_device_independent],
    SECURITY + "collective:SixStateBound.terms": [check_six_state],
    SECURITY + "collective:lowest_six_state_entropy": [check_six_state, check_corners, check_tangents],
    SECURITY + "collective:six_state_entropy": [check_entropies],
    SECURITY + "collective:_entropy_and_gradient": [check_entropies, check_corners],
    SECURITY + "terms:hashing_price": [check_device_independent],
    SECURITY + "deviations:hoeffding": [check_device_independent],
    SECURITY + "decoy:DecoyBound.estimate": [check_lim],
    SECURITY + "decoy:DecoyBound.terms": [check_lim],
    SECURITY + "decoy:DecoyBound._price": [check_lim],
    SECURITY + "decoy:published_phase_margin": [check_lim],
    SECURITY + "photon_numbers:Interval.hoeffding": [check_lim],
    SECURITY + "photon_numbers:Interval.scaled": [check_lim],
    SECURITY + "photon_numbers:photon_probability": [check_lim],
    SECURITY + "photon_numbers:three_intensity_counts": [check_lim],
    SECURITY + "photon_numbers:single_photon_errors": [check_lim],
    SECURITY + "relay_decoy:RelayDecoyBound.estimate": [check_relay],
    SECURITY + "relay_decoy:RelayDecoyBound.z_share": [check_relay],
    SECURITY + "relay_decoy:RelayDecoyBound._in_z": [check_relay],
    SECURITY + "relay_decoy:RelayDecoyBound._left_by_sample": [check_relay],
    SECURITY + "relay_decoy:RelayDecoyBound.terms": [check_relay],
    SECURITY + "relay_decoy:single_pairs": [check_relay],
    SECURITY + "relay_decoy:single_pair_errors": [check_relay],
    SECURITY + "relay_decoy:_ratio": [check_relay],
    SECURITY + "relay_decoy:_gaps": [check_relay],
    SECURITY + "relay_decoy:_pair_probability": [check_relay],
    SECURITY + "deviations:least_elsewhere": [check_relay, check_twin],
    SECURITY + "deviations:left_by_sample": [check_relay],
    SECURITY + "twin_field:TwinFieldBound.estimate": [check_twin],
    SECURITY + "twin_field:TwinFieldBound.chances": [check_twin],
    SECURITY + "twin_field:TwinFieldBound.phase_distance": [check_twin],
    SECURITY + "twin_field:TwinFieldBound._eps_left": [check_twin],
    SECURITY + "twin_field:TwinFieldBound._alone": [check_twin],
    SECURITY + "twin_field:TwinFieldBound.terms": [check_twin],
    SECURITY + "twin_field:poisson_tail_log": [check_twin],
    SECURITY + "entropy_accumulation:loss_at": [check_accumulation],
    SECURITY + "entropy_accumulation:Tradeoff.mean": [check_accumulation],
    SECURITY + "entropy_accumulation:Tradeoff.score": [check_accumulation],
    SECURITY + "entropy_accumulation:Tradeoff.variance": [check_accumulation],
    SECURITY + "entropy_accumulation:Tradeoff.spread": [check_accumulation],
    SECURITY + "entropy_accumulation:six_state_tradeoff": [check_tradeoffs],
    SECURITY + "entropy_accumulation:chsh_tradeoff": [check_tradeoffs],
    SECURITY + "entropy_accumulation:AccumulationBound.comparable_most": [check_accumulated_key],
    SECURITY + "entropy_accumulation:AccumulationBound.terms": [check_accumulated_key],
    SECURITY + "sharing:SharingBound.phase_error": [check_sharing],
    SECURITY + "sharing:SharingBound.terms": [check_sharing],
    SECURITY + "channel_rates:_tail": [check_tail],
    SECURITY + "channel_rates:_twin_field": [check_twin_field],
    "quantumlink.distillation.group.account:GroupAccount.expected": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.evaluate": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.reconciled": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.settle": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.least_leaks": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.likely_leaks": [check_conference],
    "quantumlink.distillation.group.account:GroupAccount.answers": [check_conference],
    "quantumlink.distillation.group.agreement:GroupAgreement.compared": [check_conference, check_sharing_agreed],
    "quantumlink.distillation.group.sharing:SharingAgreement.streams": [check_sharing_agreed],
    "quantumlink.distillation.group.sharing:SharingAgreement.further_tag_bits": [check_sharing_agreed],
    "quantumlink.distillation.group.sharing:SharingAgreement.tests": [check_sharing_agreed],
    "quantumlink.distillation.group.agreement:differing": [check_conference],
    "quantumlink.distillation.group.conference:ConferenceAgreement.tests": [check_conference],
    "quantumlink.distillation.group.conference:ConferenceAgreement.strings": [check_conference],
    "quantumlink.distillation.group.conference:ConferenceAgreement.streams": [check_conference],
}
HARMLESS: dict[str, str] = {
    **{
        f"SharingAgreement.streams, line 3, column {column}: 2 is {size}": "settings are 0 and 1"
        for column in (21, 24, 27)
        for size in (3, 4)
    },
    "SharingAgreement.further_tag_bits, line 4, column 15: 0 is 1": "of two tags there is always more",
    "AccumulationBound.terms, line 7, column 38: 0.0 is 1.0": "told of a key that there is not",
    "chsh_tradeoff, line 10, column 40: Add is Sub": "the entropy of a coin is that of its other side",
    "DeviceIndependentBound.terms, line 7, column 62: 1.0 is 2.0": "guards rounding at Tsirelson's bound",
    "lowest_six_state_entropy, line 10, column 49: 1.0 is 2.0": "states have no rate above one",
    "lowest_six_state_entropy, line 27, column 28: 200 is 201": "fewer steps are enough",
    "lowest_six_state_entropy, line 27, column 28: 200 is 400": "fewer steps are enough",
    "lowest_six_state_entropy, line 27, column 41: 1e-13 is 2e-13": "the tangent plane counts",
    "lowest_six_state_entropy, line 32, column 15: 0.0 is 1.0": "there is a state: that was asked before",
    "lowest_six_state_entropy, line 33, column 32: 0.0 is 1.0": "guards rounding",
    "six_state_entropy, line 9, column 27: 1e-12 is 2e-12": "allows for rounding",
    "six_state_entropy, line 12, column 52: 1.0 is 2.0": "guards rounding: states have no rate above one",
    "DecoyBound.estimate, line 15, column 13: 0 is 1": "less than one single photon gives no key either way",
    "DecoyBound.estimate, line 15, column 28: 0 is 1": "less than one single photon gives no key either way",
    "DecoyBound.estimate, line 19, column 15: 0.5 is 1.5": "what is made of it is at most one half, too",
    "DecoyBound.estimate, line 19, column 15: 0.5 is 1.0": "what is made of it is at most one half, too",
    "DecoyBound.terms, line 16, column 17: 0.0 is 1.0": "a single photon with a phase error is worth nothing",
    "DecoyBound.terms, line 18, column 52: 0.5 is 1.0": "of no photons",
    "published_phase_margin, line 6, column 38: 0.5 is 1.5": "who calls it gives at most one half",
    "published_phase_margin, line 6, column 38: 0.5 is 1.0": "who calls it gives at most one half",
    "_tail, line 3, column 32: Sub is Add": "of a parity",
    "_tail, line 3, column 32: Add is Sub": "of a parity",
    "_tail, line 4, column 35: 24 is 25": "of numbers two apart",
    "_tail, line 4, column 35: 24 is 48": "terms of nothing",
}
"""Mutants that are the same function, or differ where nothing is told, and why."""


@pytest.mark.parametrize(
    "check", sorted({c for checks in CHECKS.values() for c in checks}, key=lambda c: c.__name__)
)
def test_bounds_are_what_their_formulas_say_in_decimals(check):
    check()


@pytest.mark.parametrize("target", CHECKS)
def test_every_changed_number_and_operator_is_noticed(target):
    unexplained = [name for name in survivors(target, CHECKS[target]) if name not in HARMLESS]
    assert not unexplained, unexplained
