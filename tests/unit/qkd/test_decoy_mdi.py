"""Decoy states through a relay: numbers of photons by linear programming, optics in closed form, attacks.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from itertools import product
from math import comb, exp, factorial, sqrt

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import i0
from scipy.stats import binom

from quantumlink.distillation.reconciliation import Ldpc
from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import DecoyMDI, decoy_mdi, expected_key, optimize_session
from quantumlink.qkd.protocols.relay_optics import coherent_announcements, pauli_turns
from quantumlink.security import RelayDecoyBound
from quantumlink.security.photon_numbers import Interval
from quantumlink.security.relay_decoy import single_pair_errors, single_pairs

SIGNALS = (0.5, 0.55)
ALICE, BOB, SHARES = (0.5, 0.1, 0.01), (0.6, 0.15, 0.02), (0.5, 0.3, 0.2)
EPS = {"eps_sec": 1e-10, "eps_cor": 1e-12}
STILL = pauli_turns(None, 0.0)
PHOTONS = 9


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > 1e-7, f"{successes} of {total}, not {probability}"


def shares_of(means):
    """p(intensity | photons): shape (3, photons)."""
    table = np.array([[p * exp(-m) * m**n for n in range(PHOTONS)] for m, p in zip(means, SHARES, strict=True)])
    return table / table.sum(axis=0)


def means_of(announced):
    """The expected counts of nine pairs of intensities, from the rounds announced by numbers of photons."""
    return np.einsum("ai,bj,ij->ab", shares_of(ALICE), shares_of(BOB), announced)


def exactly(counts):
    return [[Interval(float(c), float(c)) for c in row] for row in counts]


def from_above(counts):
    """The fewest rounds with one photon each that explain the counts: a linear program."""
    rows = np.einsum("ai,bj->abij", shares_of(ALICE), shares_of(BOB)).reshape(9, -1)
    cost = np.zeros(PHOTONS**2)
    cost[PHOTONS + 1] = 1
    scale = counts.sum()
    return scale * linprog(cost, A_eq=rows, b_eq=counts.ravel() / scale, bounds=(0, None)).fun


# --- numbers of photons


@pytest.mark.parametrize("case", range(6))
def test_numbers_of_photons_never_exceed_the_truth_nor_what_a_linear_program_allows(case, rng):
    announced = rng.exponential(1.0, (PHOTONS, PHOTONS)) * 10**5
    if case < 3:  # as an honest channel of small transmittance has it
        n = np.arange(PHOTONS)
        poisson = [sum(p * np.exp(-m) * float(m) ** n for m, p in zip(means, SHARES, strict=True)) / [
            factorial(k) for k in n] for means in (ALICE, BOB)]  # fmt: skip
        announced = 1e9 * np.outer(*poisson) * (1 - 0.9 ** n[:, None]) * (1 - 0.9**n)
    counts = means_of(announced)
    found = single_pairs(ALICE, BOB, SHARES, exactly(counts))
    assert found <= announced[1, 1] * (1 + 1e-9)
    if found:
        assert found <= from_above(counts) * (1 + 1e-6)
    if case < 3:
        assert found > 0.5 * announced[1, 1]
    wrong = announced * rng.random((PHOTONS, PHOTONS))
    assert single_pair_errors(ALICE, BOB, SHARES, exactly(means_of(wrong))) >= wrong[1, 1] * (1 - 1e-9)


def test_only_single_photons_are_counted_to_the_last():
    announced = np.zeros((PHOTONS, PHOTONS))
    announced[1, 1] = 10**6
    counts = exactly(means_of(announced))
    assert single_pairs(ALICE, BOB, SHARES, counts) == pytest.approx(10**6, rel=1e-9)
    assert single_pair_errors(ALICE, BOB, SHARES, counts) == pytest.approx(10**6, rel=1e-9)


@pytest.mark.parametrize("photons", [(1, 2), (2, 1), (2, 2), (0, 1), (3, 0), (0, 0)])
def test_what_is_not_one_photon_each_is_not_taken_for_it(photons):
    announced = np.zeros((PHOTONS, PHOTONS))
    announced[photons] = 10**6
    assert single_pairs(ALICE, BOB, SHARES, exactly(means_of(announced))) == pytest.approx(0.0, abs=1e-3)


def bound_of(counts, key_count, sampled=0, errors=((0, 0, 0),) * 3, **change):
    given = {
        "signals": SIGNALS, "intensities": ALICE, "intensities_b": BOB, "probabilities": SHARES,
        "z_probability": 0.6,
        "key_count": key_count, "sampled": sampled, "test_counts": tuple(map(tuple, counts)), "test_errors": errors,
    }  # fmt: skip
    return RelayDecoyBound(**given | EPS | change)


def test_a_relay_that_announces_pulses_of_several_photons_alone_gets_no_key():
    """It knows every bit, and no error shows."""
    announced = np.zeros((PHOTONS, PHOTONS))
    announced[2:, 2:] = 10**6
    counts = means_of(announced).astype(int).tolist()
    assert bound_of(counts, 10**7).terms(n=10**7, leak=0).length == 0
    announced[1, 1] = 10**8  # the same, with honest rounds besides
    counts = means_of(announced).astype(int).tolist()
    assert bound_of(counts, 10**9).terms(n=10**9, leak=0).length > 10**6


def test_the_share_of_rounds_in_z():
    """Both ends together: chances of a basis and one photon each, by enumeration."""
    chances = {"Z": 0.6**2, "X": 0.4**2}
    for signal, means in zip(SIGNALS, (ALICE, BOB), strict=True):
        chances["Z"] *= signal * exp(-signal)
        chances["X"] *= sum(p * m * exp(-m) for m, p in zip(means, SHARES, strict=True))
    found = bound_of(np.zeros((3, 3), int), 0).z_share
    assert found == pytest.approx(chances["Z"] / (chances["Z"] + chances["X"]), rel=1e-12)


def test_drawn_counts_stay_within_what_is_claimed(rng):
    """At ε_sec = 0.4 all bounds together fail once in a hundred; 200 runs fail 12 times with a chance of 2e-6."""
    announced = np.zeros((PHOTONS, PHOTONS))
    announced[:3, :3] = [[500, 3000, 400], [3000, 60_000, 8000], [400, 8000, 9000]]
    truth, fails = announced.astype(int), 0
    a, b = shares_of(ALICE), shares_of(BOB)
    share = bound_of(np.zeros((3, 3), int), 0).z_share
    for _ in range(200):
        counts, in_x = np.zeros((3, 3), int), rng.binomial(300_000, 1 - share)
        truth[1, 1] = in_x
        for i, j in product(range(3), repeat=2):
            counts += rng.multinomial(truth[i, j], np.outer(a[:, i], b[:, j]).ravel()).reshape(3, 3)
        in_z, others, sampled = 300_000 - in_x, 50_000, 1000
        gone = rng.hypergeometric(in_z, others, sampled)
        found = bound_of(counts.tolist(), in_z + others, sampled, eps_sec=0.4, eps_cor=0.1).estimate
        assert found.single_pairs > 10_000
        fails += found.single_pairs > in_z - gone or found.tested_pairs > in_x
    assert fails < 12


# --- optics


@pytest.mark.parametrize(("a", "b", "dark"), [(0.02, 0.02, 0.0), (0.3, 0.1, 1e-3), (2.0, 0.5, 0.05)])
def test_gains_in_closed_form(a, b, dark):
    """X. Ma, M. Razavi, Phys. Rev. A 86, 062319: Bessel functions, for a relay without misalignment."""
    x, y = sqrt(a * b) / 2, (1 - dark) * exp(-(a + b) / 4)
    right = 2 * (1 - dark) ** 2 * exp(-(a + b) / 2)
    right *= (1 - (1 - dark) * exp(-a / 2)) * (1 - (1 - dark) * exp(-b / 2))
    false = 2 * dark * (1 - dark) ** 2 * exp(-(a + b) / 2) * (i0(2 * x) - (1 - dark) * exp(-(a + b) / 2))
    found = coherent_announcements((a, b), dark, (STILL, STILL))
    assert found[[1, 2]].sum() / 4 == pytest.approx(right, rel=1e-9)
    assert found[[0, 3]].sum() / 4 == pytest.approx(false, rel=1e-9, abs=1e-15)
    in_x = 2 * y**2 * (1 + 2 * y**2 - 4 * y * i0(x) + i0(2 * x))
    assert found[12:].sum() / 4 == pytest.approx(in_x, rel=1e-9)


def fock(n, m, bits):
    """The probability of Ψ⁺ and of Ψ⁻ for n and m photons of polarizations in Z, by leaving the beam splitter.

    Photons of one polarization meet photons of the same one only: amplitudes of a beam splitter.
    """

    def outputs(k, m):
        """Of k and m photons at the two inputs: the probability that c leave by output 1."""
        found = []
        for c in range(k + m + 1):
            amplitude = sum(
                comb(k, s) * comb(m, c - s) * (-1) ** (m - c + s) for s in range(max(0, c - m), min(k, c) + 1)
            )
            found.append(
                amplitude**2 * factorial(c) * factorial(k + m - c) / factorial(k) / factorial(m) / 2 ** (k + m)
            )
        return found

    horizontal = (n if bits[0] == 0 else 0, m if bits[1] == 0 else 0)
    vertical = (n - horizontal[0], m - horizontal[1])
    told = [0.0, 0.0]
    for c, p in enumerate(outputs(*horizontal)):
        for d, q in enumerate(outputs(*vertical)):
            lit = (c > 0, d > 0, sum(horizontal) - c > 0, sum(vertical) - d > 0)
            if lit in ((1, 1, 0, 0), (0, 0, 1, 1)):
                told[0] += p * q
            if lit in ((1, 0, 0, 1), (0, 1, 1, 0)):
                told[1] += p * q
    return told


@pytest.mark.parametrize("bits", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_coherent_pulses_are_mixtures_of_numbers_of_photons(bits):
    a, b = 0.2, 0.35
    expected = np.zeros(2)
    for n, m in product(range(9), repeat=2):
        expected += exp(-a - b) * a**n * b**m / factorial(n) / factorial(m) * np.array(fock(n, m, bits))
    found = coherent_announcements((a, b), 0.0, (STILL, STILL))[2 * bits[0] + bits[1]]
    assert found == pytest.approx(expected, abs=1e-8)


def test_pairs_of_single_photons_by_the_circuit_and_the_rest_by_optics():
    """Two ways to the rounds with one photon of each: the circuit's, and the mixed second derivative of optics."""
    session = DecoyMDI(
        medium_a=Fiber(1, depolarization_per_km=0.02), medium_b=Fiber(3, depolarization_per_km=0.02), rounds=10,
        seed=1, detector=Detector(0.5, dark_count_rate_hz=1e7, misalignment=0.03),
    )  # fmt: skip
    turns = tuple(pauli_turns(medium.channel, 0.03) for medium in session.arms)
    step = 1e-3
    told = {
        (i, j): exp((i + j) * step) * coherent_announcements((i * step, j * step), session._dark, turns)
        for i, j in product(range(3), repeat=2)
    }
    # of e^(a+b)·Q(a, b) = Σ aⁿbᵐ·Y/(n!m!), at 0 and to second order in the step
    weights = {0: -3.0, 1: 4.0, 2: -1.0}
    mixed = sum(weights[i] * weights[j] * told[i, j] for i, j in told) / (2 * step) ** 2
    assert mixed == pytest.approx(session._announced_singles, abs=1e-4)


# --- sessions

LINK = {"detector": Detector(0.8, dark_count_rate_hz=1e5, misalignment=0.01)}
SIGNAL, STRONG, WEAK, VACUUM = range(4)


def test_counts_of_a_run_are_those_to_expect(seed):
    rounds = 20_000_000
    session = DecoyMDI(medium_a=Fiber(3), medium_b=Fiber(8), rounds=rounds, seed=seed, **LINK)
    kinds = session.expected_rounds()
    sifted = session.sift()
    assert_binomial(sifted.accepted, rounds, kinds[5].sum() / rounds)
    for pair, (a, b) in {
        "strong strong": (STRONG, STRONG),
        "weak weak": (WEAK, WEAK),
        "strong vacuum": (STRONG, VACUUM),
    }.items():
        here = (kinds[0] == a) & (kinds[2] == b)
        wrong = here & (kinds[1] != kinds[3])
        count, errors = sifted.statistics[f"X {pair} rounds"], sifted.statistics[f"X {pair} errors"]
        assert_binomial(count, rounds, kinds[5, here].sum() / rounds)
        assert_binomial(errors, count, kinds[5, wrong].sum() / kinds[5, here].sum())
    key = (kinds[0] == SIGNAL) & (kinds[2] == SIGNAL)
    wrong = key & (kinds[1] != kinds[3])
    assert_binomial(len(sifted.key_alice), rounds, kinds[5, key].sum() / rounds)
    errors = int((sifted.key_alice != sifted.key_bob).sum())
    assert_binomial(errors, len(sifted.key_alice), kinds[5, wrong].sum() / kinds[5, key].sum())


def test_a_key_from_pulses_through_a_relay(seed):
    key = decoy_mdi(Fiber(1), 40_000_000, seed=seed, z_probability=0.4, sample_fraction=0.01)
    assert len(key) > 10_000
    assert (key.secret_bits == key.peer_bits).all()
    assert sum(bits for _, bits in key.ledger) == len(key)
    assert 0.2 < key.test_qber.best < 0.3  # by nature
    assert key.epsilon == pytest.approx(2e-10, rel=0.1)


def test_errors_of_the_single_photons_end_the_key():
    session = DecoyMDI(medium_a=Fiber(10), rounds=10**12, seed=3, detector=Detector(0.5, misalignment=0.05))
    found = expected_key(session)
    assert found.bits == 0
    assert "more rounds will not help" in found.limit


def test_settings_are_chosen_for_the_link():
    link = {"medium_a": Fiber(25), "rounds": 10**12, "seed": 7, "reconciliation": Ldpc()}
    begin = DecoyMDI(**link, detector=Detector(0.5, dark_count_rate_hz=100, misalignment=0.01))
    found = optimize_session(begin, fixed=["z_probability", "intensities", "sample_fraction"])
    assert found.bits > 1.1 * expected_key(begin).bits
    assert found.session.signal_intensity < 0.5


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"linear_optics": False}, ValueError, "linear_optics must be True"),
        ({"intensities": (0.1, 0.5, 0.0)}, ValueError, "signal > decoy"),
        ({"intensities_b": (0.5, 0.1)}, ValueError, "intensities_b must be three numbers"),
        ({"intensities_b": (0.1, 0.5, 0.0)}, ValueError, "^intensities_b must be .signal, decoy, vacuum. with"),
        ({"intensities": "abc"}, (TypeError, ValueError), "intensities"),
        ({"intensity_probabilities": (0.5, 0.5, 0.5)}, ValueError, "sum to 1"),
        ({"signal_intensity": 0.0}, ValueError, "signal_intensity"),
        ({"signal_intensity_b": -1.0}, ValueError, "signal_intensity_b"),
        ({"medium_b": 3}, TypeError, "medium_b"),
    ],
)
def test_impossible_sessions_are_refused(change, error, text):
    with pytest.raises(error, match=text):
        DecoyMDI(**{"medium_a": Fiber(1), "rounds": 10} | change)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sampled": 101}, "sampled must be at most key_count, 100"),
        ({"test_errors": ((101, 0, 0), (0, 0, 0), (0, 0, 0))}, "test_errors must not exceed"),
        ({"test_counts": ((1, 2), (3, 4))}, "three rows"),
        ({"eps_sec": 0.0}, "eps_sec"),
        ({"signals": (0.1,)}, "two numbers"),
        ({"z_probability": 1.0}, "z_probability"),
        ({"intensities_b": (0.1, 0.1, 0.0)}, "^intensities_b must be"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    counts = ((100, 10, 1), (10, 5, 1), (1, 1, 0))
    with pytest.raises(ValueError, match=text):
        bound_of(counts, 100, **{"sampled": 5} | change)
    with pytest.raises(ValueError, match="must be the 95 bits"):
        bound_of(counts, 100, 5).terms(n=96, leak=0)
