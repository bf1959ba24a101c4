"""The untrusted relay: detectors walked through click by click, and error rates in closed form.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from itertools import product
from math import log

import pytest
from scipy.stats import binom

from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd.protocols import MDI, mdi

ALARM = 1e-7


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total}, not {probability}"


def announced(clicks):
    """Ψ⁺ or Ψ⁻ from clicks (1H, 1V, 2H, 2V), None for anything else."""
    return {(1, 1, 0, 0): "+", (0, 0, 1, 1): "+", (1, 0, 0, 1): "-", (0, 1, 1, 0): "-"}.get(clicks)


def lit_by(bits):
    """For photons of rectilinear polarization, the ways they leave the beam splitter: (probability, detectors)."""
    if not bits:
        return [(1.0, ())]
    if len(bits) == 1:  # either output, its own polarization
        return [(0.5, (bits[0],)), (0.5, (2 + bits[0],))]
    if bits[0] == bits[1]:  # two alike leave together
        return [(0.5, (bits[0],)), (0.5, (2 + bits[0],))]
    return [(0.25, (a, b)) for a, b in product((0, 2), (0, 2)) for a, b in [(a, b + 1)]]


def in_z(eta_a, eta_b, p, e_d):
    """P(accepted) and P(error and accepted), both having sent Z: every photon and every dark count enumerated."""
    accepted = wrong = 0.0
    for bit_a, bit_b, turn_a, turn_b, here_a, here_b in product((0, 1), repeat=6):
        chance = 0.25
        for turn in (turn_a, turn_b):
            chance *= e_d if turn else 1 - e_d
        for here, eta in ((here_a, eta_a), (here_b, eta_b)):
            chance *= eta if here else 1 - eta
        photons = [bit ^ turn for bit, turn, here in ((bit_a, turn_a, here_a), (bit_b, turn_b, here_b)) if here]
        for way, lit in lit_by(photons):
            for dark in product((0, 1), repeat=4):
                noise = 1.0
                for d in dark:
                    noise *= p if d else 1 - p
                if announced(tuple(int(i in lit or dark[i]) for i in range(4))):
                    accepted += chance * way * noise
                    if bit_a == bit_b:  # Bob flips after Ψ±
                        wrong += chance * way * noise
    return accepted, wrong


@pytest.mark.parametrize(
    ("km", "detector"),
    [
        ((0, 0), Detector()),
        ((5, 20), Detector(0.8)),
        ((5, 20), Detector(0.5, dark_count_rate_hz=2e8, misalignment=0.03)),
        ((60, 60), Detector(0.5, dark_count_rate_hz=5e7)),
    ],
)
def test_gain_and_error_rate_by_enumeration(km, detector, seed):
    rounds = 2_000_000
    session = MDI(
        medium_a=Fiber(km[0]), medium_b=Fiber(km[1]), rounds=rounds, seed=seed, detector=detector, z_probability=0.9
    )
    sifted = session.sift()
    eta = [Fiber(length).transmittance * detector.efficiency for length in km]
    accepted, wrong = in_z(*eta, detector.noise_probability_each(4), detector.misalignment)
    assert_binomial(len(sifted.key_alice), rounds, 0.81 * accepted)
    assert_binomial(int((sifted.key_alice != sifted.key_bob).sum()), len(sifted.key_alice), wrong / accepted)


def test_error_rate_in_x_is_that_of_fakes_and_turned_photons(seed):
    """X: the phase is right unless one photon was turned; fakes are wrong half of the time."""
    p, e_d, eta = 0.02, 0.04, 0.4
    rate = -4 * log(1 - p) / 1e-9
    detector = Detector(eta, dark_count_rate_hz=rate, misalignment=e_d)
    sifted = MDI(medium_a=Fiber(0), rounds=2_000_000, seed=seed, detector=detector, z_probability=0.2).sift()
    lit, unlit = 2 * p * (1 - p) ** 2, 4 * p**2 * (1 - p) ** 2
    real = eta**2 / 2 * (1 - p) ** 2
    fake = eta**2 / 2 * lit + 2 * eta * (1 - eta) * lit + (1 - eta) ** 2 * unlit
    expected = (real * 2 * e_d * (1 - e_d) + fake / 2) / (real + fake)
    assert_binomial(len(sifted.test_alice), 2_000_000, 0.64 * (real + fake))
    assert_binomial(sifted.test_errors, len(sifted.test_alice), expected)


@pytest.mark.parametrize("linear_optics", [True, False])
def test_an_ideal_relay_makes_no_errors_and_gives_a_key(linear_optics, seed):
    key = mdi(Fiber(0), 200_000, seed=seed, linear_optics=linear_optics)
    assert key.qber == 0
    assert key.test_qber == 0
    assert_binomial(key.accepted, 200_000, 0.5 if linear_optics else 1 - 1e-12)
    assert len(key) > 10_000
    assert (key.secret_bits == key.peer_bits).all()


def test_what_the_relay_cannot_be_is_refused():
    with pytest.raises(ValueError, match="detector must have no dark"):
        MDI(medium_a=Fiber(0), rounds=10, linear_optics=False, detector=Detector(dark_count_rate_hz=1e3))
    with pytest.raises(TypeError, match="medium_b must be a medium"):
        MDI(medium_a=Fiber(0), medium_b=3, rounds=10)
    with pytest.raises(ValueError, match="z_probability must lie between"):
        MDI(medium_a=Fiber(0), rounds=10, z_probability=0)
