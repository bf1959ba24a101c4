"""Photons, dark counts and dead time: the receiver against closed forms, sums over photon numbers, and brute force.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from math import exp

import numpy as np
import pytest
from scipy.stats import binom, norm

from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd.photon_numbers import thinned
from quantumlink.qkd.protocols import BB84, MDI, Conference, DecoyBB84, DecoyMDI, SecretSharing, TwinField
from quantumlink.qkd.protocols.pools import DrawnPool, ExactPool
from quantumlink.qkd.protocols.pulsed_bb84 import poisson
from quantumlink.qkd.protocols.reception import (
    DARK,
    Receiver,
    bits_of_patterns,
    blind_rounds,
    clicks_in,
    receiver_of,
)

ALARM = 1e-7
NOISY = Detector(0.4, dark_count_rate_hz=4e7, background_rate_hz=1e7, window_s=1e-9, misalignment=0.03)


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total}, not {probability}"


def expected_results(receiver, arriving, one):
    """P(lost), P(0), P(1) by adding up every pattern of photons and dark counts, one by one."""
    p = 1 - (1 - receiver.dark_probability) ** 0.5
    one = receiver.flipped(np.array(one)).item()
    result = np.zeros(3)
    for m, weight in enumerate(arriving):
        for ones in range(m + 1):
            photons = weight * binom.pmf(ones, m, one)
            for dark0 in (0, 1):
                for dark1 in (0, 1):
                    chance = photons * (p if dark0 else 1 - p) * (p if dark1 else 1 - p)
                    click0, click1 = dark0 or ones < m, dark1 or ones > 0
                    if click0 and click1:
                        result[1:] += chance / 2
                    else:
                        result[1 if click0 else 2 if click1 else 0] += chance
    return result


@pytest.mark.parametrize("length_km", [0.0, 10.0, 50.0])
def test_gain_and_error_rate_are_those_of_the_detector(length_km):
    """The enumeration above gives the closed forms of `Detector`, which are written apart."""
    fiber, receiver = Fiber(length_km), receiver_of(NOISY)
    arriving = thinned(np.array([0.0, 1.0]), fiber.transmittance * receiver.efficiency)
    lost, right, wrong = expected_results(receiver, arriving, one=0.0)
    assert right + wrong == pytest.approx(NOISY.gain(fiber.transmittance), rel=1e-12)
    assert wrong / (right + wrong) == pytest.approx(NOISY.qber(fiber.transmittance), rel=1e-12)
    assert lost == pytest.approx(1 - NOISY.gain(fiber.transmittance), rel=1e-12)


@pytest.mark.parametrize("length_km", [0.0, 25.0])
def test_a_session_clicks_and_errs_as_the_detector_says(length_km, seed):
    fiber = Fiber(length_km)
    sifted = BB84(medium=fiber, rounds=400_000, seed=seed, detector=NOISY).sift()
    assert_binomial(sifted.accepted, 400_000, NOISY.gain(fiber.transmittance))
    wrong = int(np.count_nonzero(sifted.key_alice != sifted.key_bob))
    assert_binomial(wrong, len(sifted.key_alice), NOISY.qber(fiber.transmittance))
    assert_binomial(sifted.test_errors, len(sifted.test_alice), NOISY.qber(fiber.transmittance))


# --- pulses of several photons


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.5, 3.0])
def test_a_thinned_poisson_distribution_is_one(mean):
    found, expected = thinned(poisson(mean), 0.3), poisson(0.3 * mean)
    size = min(len(found), len(expected))
    assert found[:size] == pytest.approx(expected[:size], abs=1e-13)
    assert found.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("length_km", [0.0, 40.0])
@pytest.mark.parametrize("name", ["signal", "decoy", "vacuum"])
def test_decoy_gain_is_a_sum_over_photon_numbers(length_km, name):
    """Y_n = 1 − (1 − Y₀)(1 − η)ⁿ, Q = Σ Y_n·Poisson (Ma et al. 2005), against the closed form and the patterns."""
    session = DecoyBB84(medium=Fiber(length_km), rounds=10, detector=NOISY, intensities=(0.6, 0.2, 0.01))
    mean = dict(zip(("signal", "decoy", "vacuum"), session.intensities, strict=True))[name]
    eta, y0 = Fiber(length_km).transmittance * NOISY.efficiency, NOISY.noise_probability
    chance, by_number, n = exp(-mean), 0.0, 0
    while n < 60:
        by_number += chance * (1 - (1 - y0) * (1 - eta) ** n)
        n += 1
        chance *= mean / n
    assert session.exact_gain(name) == pytest.approx(by_number, rel=1e-10)
    lost, *_ = expected_results(session.receiver, thinned(poisson(mean), eta), one=0.0)
    assert 1 - lost == pytest.approx(by_number, rel=1e-10)


def test_decoy_detections_and_errors_by_intensity(seed):
    rounds, detector = 3_000_000, Detector(0.5, dark_count_rate_hz=1e6, misalignment=0.02)
    session = DecoyBB84(medium=Fiber(10), rounds=rounds, seed=seed, detector=detector)
    statistics = session.sift().statistics
    eta = Fiber(10).transmittance * 0.5
    for name, mean, share in zip(
        ("signal", "decoy", "vacuum"), session.intensities, session.intensity_probabilities, strict=True
    ):
        _, right, wrong = expected_results(session.receiver, thinned(poisson(mean), eta), one=0.0)
        for basis, chosen in (("Z", 0.64), ("X", 0.04)):
            assert_binomial(statistics[f"{basis} {name}"], rounds, share * chosen * (right + wrong))
        assert_binomial(statistics[f"X errors {name}"], statistics[f"X {name}"], wrong / (right + wrong))


@pytest.mark.parametrize("photons", [1, 2, 5])
@pytest.mark.parametrize("probabilities", [(0.7, 0.3), (1.0, 0.0), (0.5, 0.2, 0.3)])
def test_exact_and_drawn_pools_agree(photons, probabilities, rng):
    """The patterns of many photons by formula, and photon by photon."""
    rounds = 40_000
    exact = ExactPool(np.array([probabilities]), rng).patterns(0, rounds, photons)
    single = rng.choice(len(probabilities), rounds * photons, p=probabilities)
    drawn = DrawnPool([single], len(probabilities), rng).patterns(0, rounds, photons)
    for a, b in zip(exact, drawn, strict=True):
        # Two counts of one law differ by at most 5.33 standard deviations but for 1e-7.
        spread = ((a + b) * (1 - (a + b) / (2 * rounds))) ** 0.5
        assert abs(a - b) <= -norm.ppf(ALARM / 2) * spread + 1


def test_a_drawn_pool_gives_each_outcome_once(rng):
    pool = DrawnPool([np.array([0, 0, 1, 1, 1])], 2, rng)
    assert (pool.counts(0, 2) + pool.counts(0, 3)).tolist() == [2, 3]
    with pytest.raises(ValueError, match="6 are needed"):
        pool.counts(0, 1)


def test_double_clicks_are_random_bits(rng):
    patterns = np.zeros((4, 4), dtype=np.int64)
    patterns[3, 0] = 40_000  # both by photons
    patterns[1, DARK.index((0, 1))] = 20_000  # a photon at 0, a dark count at 1
    patterns[0, 0] = 500  # nothing at all
    zeros, ones = bits_of_patterns(patterns, rng)
    assert zeros + ones == 60_000
    assert_binomial(int(ones), 60_000, 0.5)


# --- dead time


def by_hand(rounds, probability, blind, rng):
    clicks, dead = 0, 0
    for hit in rng.random(rounds) < probability:
        if dead:
            dead -= 1
        elif hit:
            clicks, dead = clicks + 1, blind
    return clicks


@pytest.mark.parametrize(("probability", "blind"), [(0.3, 4), (0.02, 30), (1.0, 9), (0.9, 1)])
def test_dead_time_against_a_walk_through_the_rounds(probability, blind, rng):
    rounds, runs = 400, 400
    ours = np.array([clicks_in(rounds, probability, blind, rng) for _ in range(runs)])
    walk = np.array([by_hand(rounds, probability, blind, rng) for _ in range(runs)])
    # Means of 400 runs each are normal to good approximation: 6 standard errors, false alarm below 1e-8.
    error = ((ours.var() + walk.var()) / runs) ** 0.5
    assert abs(ours.mean() - walk.mean()) <= 6 * error + 1e-9
    if probability < 1:
        assert ours.var() == pytest.approx(walk.var(), rel=0.6)


@pytest.mark.parametrize(
    ("rounds", "probability", "blind"), [(12, 0.3, 2), (9, 0.7, 1), (10, 0.2, 4), (5, 0.5, 90)]
)
def test_clicks_with_dead_time_have_the_very_distribution(rounds, probability, blind, rng):
    """By the recursion over the rounds, exact; 40,000 draws, six standard deviations."""
    exact = np.zeros((rounds + blind + 2, rounds + 2))
    exact[rounds:, 0] = 1
    for at in range(rounds - 1, -1, -1):
        exact[at] = (1 - probability) * exact[at + 1]
        exact[at, 1:] += probability * exact[at + 1 + blind, :-1]
    found = np.bincount([clicks_in(rounds, probability, blind, rng) for _ in range(40_000)], minlength=rounds + 2)
    assert (np.abs(found - 40_000 * exact[0]) < 6 * np.sqrt(40_000 * exact[0] * (1 - exact[0])) + 1).all()


@pytest.mark.parametrize(
    ("rounds", "probability", "blind"), [(10**12, 0.01, 100), (10**15, 0.3, 2), (10**9, 1e-5, 10**6)]
)
def test_clicks_of_very_many_rounds_with_dead_time(rounds, probability, blind, rng):
    """A renewal process: mean R/m and variance R·v/m³, with m and v of the rounds from one click to the next."""
    mean, spread = blind + 1 / probability, (1 - probability) / probability**2
    expected, deviation = rounds / mean, (rounds * spread / mean**3) ** 0.5
    found = np.array([clicks_in(rounds, probability, blind, rng) for _ in range(8)])
    assert np.abs(found - expected).max() < 6 * deviation + 1
    assert found.std() > deviation / 8


def test_dead_time_saturates_a_session(seed):
    """Renewal theory: n clicks a round become n/(1 + n·k)."""
    detector = Detector(dead_time_s=1e-7)
    session = BB84(medium=Fiber(0), rounds=1_000_000, seed=seed, detector=detector, repetition_rate_hz=1e9)
    assert session.sift().accepted == 10_000  # every photon clicks, then 99 rounds are blind
    quiet = BB84(medium=Fiber(50), rounds=1_000_000, seed=seed, detector=detector, repetition_rate_hz=1e9)
    # Variance of a renewal count, N·σ²/μ³, is below that of a binomial count: 6σ is beyond 1e-8.
    expected = 1_000_000 * 0.1 / (1 + 0.1 * 99)
    assert abs(quiet.sift().accepted - expected) < 6 * expected**0.5


def test_rounds_within_the_dead_time():
    assert [blind_rounds(t, 1e6) for t in (0.0, 0.5e-6, 1e-6, 1.5e-6, 2e-6, 10e-6)] == [0, 0, 0, 1, 1, 9]


# --- bad input


def test_a_bad_detector_is_refused():
    with pytest.raises(TypeError, match="detector must be a Detector"):
        BB84(medium=Fiber(1), rounds=10, detector="none")
    assert receiver_of(None) == Receiver()
    assert receiver_of(NOISY).dark_probability == pytest.approx(NOISY.noise_probability, rel=1e-12)


ROUNDS = {"rounds": 1000, "seed": 1}


@pytest.mark.parametrize(
    ("make", "counts"),
    [
        (lambda d: BB84(medium=Fiber(1), detector=d, **ROUNDS), True),
        (lambda d: DecoyBB84(medium=Fiber(1), detector=d, **ROUNDS), True),
        (lambda d: MDI(medium_a=Fiber(1), detector=d, **ROUNDS), False),
        (lambda d: DecoyMDI(medium_a=Fiber(1), detector=d, **ROUNDS), False),
        (lambda d: TwinField(medium_a=Fiber(1), detector=d, **ROUNDS), False),
        (lambda d: Conference(media=[Fiber(1)] * 3, detector=d, **ROUNDS).receiver, False),
        (lambda d: SecretSharing(media=[Fiber(1)] * 3, detector=d, **ROUNDS).receiver, False),
    ],
)
def test_what_a_session_would_leave_out_is_refused(make, counts):
    """A detector's jitter and dead time change what is seen, so they are reckoned with or refused."""
    with pytest.raises(ValueError, match=r"jitter_s of the detector must be 0 .* got 1e-10"):
        make(Detector(jitter_s=1e-10))
    make(Detector(elements=4))  # without dead time their number changes nothing
    if counts:
        make(Detector(dead_time_s=1e-6))
        with pytest.raises(ValueError, match=r"elements of the detector must be 1 .* got 4"):
            make(Detector(dead_time_s=1e-6, elements=4))
    else:
        with pytest.raises(ValueError, match="dead_time_s of the detector must be 0 in this session, got 1e-06"):
            make(Detector(dead_time_s=1e-6))
