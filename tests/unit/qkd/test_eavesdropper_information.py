"""What Eve knows: against the closed forms of the literature, and Helstrom's bound computed apart.

Nothing here is sampled.
"""

from math import acos, asin, cos, exp, log2, pi, sin, sqrt

import pytest
from oracles.eavesdropper import best_guess, binary_entropy, eve_states
from quantumlink_circuits.eavesdropping import phase_covariant_cloner, universal_cloner

from quantumlink.circuits import BB84_STATES, bb84_preparation
from quantumlink.hardware import Detector, Fiber, Memory
from quantumlink.qkd.eavesdropping import (
    DetectorBlinding,
    EntanglingProbe,
    InterceptResend,
    MemoryAttack,
    PhaseCovariantCloner,
    PhotonNumberSplitting,
    UniversalCloner,
)
from quantumlink.qkd.protocols import B92, BB84, SARG04, DecoyBB84, SixState


def knows(eve, kind=BB84, **options):
    return eve.information(kind(medium=Fiber(10), rounds=10, eavesdropper=eve, **options))


def phi(x):
    return sum((1 + s * x) * log2(1 + s * x) for s in (1, -1) if 1 + s * x > 0)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_intercept_resend_in_a_random_basis_tells_half(fraction):
    found = knows(InterceptResend(fraction))
    assert found.holevo == pytest.approx(fraction / 2, abs=1e-9)
    assert found.mutual == pytest.approx(fraction / 2, abs=1e-9)
    assert found.guess == pytest.approx(0.5 + fraction / 4, abs=1e-9)
    assert found.attacked == pytest.approx(fraction, abs=1e-12)


@pytest.mark.parametrize(("basis", "bits"), [("Z", 1.0), ("X", 0.0), ("Y", 0.0)])
def test_intercept_resend_in_one_basis(basis, bits):
    assert knows(InterceptResend(1.0, basis)).holevo == pytest.approx(bits, abs=1e-9)


def test_the_breidbart_basis_tells_a_little_always():
    found, right = knows(InterceptResend(1.0, "breidbart")), cos(pi / 8) ** 2
    assert found.guess == pytest.approx(right, abs=1e-9)
    assert found.mutual == pytest.approx(1 - binary_entropy(right), abs=1e-9)


@pytest.mark.parametrize("disturbance", [0.0, 0.05, (1 - 1 / sqrt(2)) / 2, 0.3, 0.5])
def test_phase_covariant_cloner_reaches_the_best_individual_attack(disturbance):
    found = knows(PhaseCovariantCloner(disturbance=disturbance))
    assert found.mutual == pytest.approx(phi(2 * sqrt(disturbance * (1 - disturbance))) / 2, abs=1e-9)
    states = [
        eve_states(phase_covariant_cloner(acos(1 - 2 * disturbance)), bb84_preparation(BB84_STATES[bit, "Z"]))
        for bit in (0, 1)
    ]
    assert found.guess == pytest.approx(best_guess(*states), abs=1e-9)
    assert found.holevo >= found.mutual - 1e-12


def test_at_the_crossing_eve_knows_as_much_as_bob():
    disturbance = (1 - 1 / sqrt(2)) / 2
    found = knows(PhaseCovariantCloner(disturbance=disturbance))
    assert found.mutual == pytest.approx(1 - binary_entropy(disturbance), abs=1e-9)


@pytest.mark.parametrize("strength", [0.0, 0.7, pi / 2, pi])
def test_entangling_probe_by_the_overlap_of_two_pure_states(strength):
    found, right = knows(EntanglingProbe(strength=strength)), (1 + sin(strength / 2)) / 2
    assert found.guess == pytest.approx(right, abs=1e-9)
    assert found.mutual == pytest.approx(1 - binary_entropy(right), abs=1e-9)
    # Holevo of two pure states of overlap c: the entropy of their mixture, eigenvalues (1 ± c)/2.
    assert found.holevo == pytest.approx(binary_entropy((1 + cos(strength / 2)) / 2), abs=1e-9)


@pytest.mark.parametrize("disturbance", [0.0, 0.1, 1 / 6, 0.4])
def test_universal_cloner_in_six_states(disturbance):
    found = knows(UniversalCloner(disturbance=disturbance), SixState)
    assert found.guess == pytest.approx((1 + disturbance + sqrt(disturbance * (2 - 3 * disturbance))) / 2, abs=1e-9)
    theta = asin(sqrt(1.5 * disturbance))
    states = [eve_states(universal_cloner(theta), bb84_preparation(BB84_STATES[bit, "Z"])) for bit in (0, 1)]
    assert found.guess == pytest.approx(best_guess(*states), abs=1e-9)
    # Q = D in all bases: with all that Eve holds she purifies a Bell-diagonal state, S(E) − S(E|Z) = S(λ) − h(D).
    populations = [1 - 1.5 * disturbance, *[disturbance / 2] * 3]
    entropy = -sum(p * log2(p) for p in populations if p > 0)
    assert found.holevo == pytest.approx(entropy - binary_entropy(disturbance), abs=1e-9)


# --- waiting


@pytest.mark.parametrize("wait_s", [0.0, 0.3, 2.0])
def test_a_dephasing_memory_costs_what_it_should(wait_s):
    """The probe of a full copy of Z is classical in Z: dephasing costs nothing. Tilted states lose their X part."""
    memory = Memory(t2_s=1.0)
    full = knows(MemoryAttack(attack=EntanglingProbe(strength=pi), wait_s=wait_s, memory=memory))
    assert full.holevo == pytest.approx(1, abs=1e-9)
    # Probe states |0⟩ and cos(θ/2)|0⟩ + sin(θ/2)|1⟩: the Bloch vectors differ by (sin θ·e^(−t/T2), 0, cos θ − 1).
    theta = 1.0
    tilted = knows(MemoryAttack(attack=EntanglingProbe(strength=theta), wait_s=wait_s, memory=memory))
    distance = sqrt((sin(theta) * exp(-wait_s)) ** 2 + (1 - cos(theta)) ** 2) / 2
    assert tilted.guess == pytest.approx((1 + distance) / 2, abs=1e-9)


def test_a_relaxed_memory_forgets_all_and_no_wait_costs_nothing():
    attack = PhaseCovariantCloner(disturbance=0.1)
    short = Memory(t1_s=1e-3)
    assert knows(MemoryAttack(attack=attack, wait_s=1.0, memory=short)).holevo == pytest.approx(0, abs=1e-9)
    fresh, now = knows(MemoryAttack(attack=attack, memory=short)), knows(attack)
    assert (fresh.holevo, fresh.guess) == pytest.approx((now.holevo, now.guess), abs=1e-12)


def test_only_the_fraction_of_the_memory_attack_counts():
    half = knows(MemoryAttack(0.5, attack=PhaseCovariantCloner(disturbance=0.1)))
    assert half.holevo == pytest.approx(knows(PhaseCovariantCloner(disturbance=0.1)).holevo / 2, abs=1e-9)


# --- pulses and detectors


def test_photon_number_splitting_by_hand():
    """All single photons blocked: what clicks held several. None blocked: by the weights of what gets through."""
    eve = PhotonNumberSplitting(blocked=1.0, transmittance=1.0)
    assert knows(eve, DecoyBB84).holevo == pytest.approx(1)
    eve = PhotonNumberSplitting(0.4, blocked=0.0, transmittance=1.0)
    known = total = 0.0
    eta = Fiber(10).transmittance
    for mean, share in zip((0.5, 0.1, 0.0), (0.7, 0.2, 0.1), strict=True):
        single, several = mean * exp(-mean), 1 - exp(-mean) * (1 + mean)
        known += share * 0.4 * several
        total += share * (0.4 * (single + several) + 0.6 * (1 - exp(-mean * eta)))
    assert knows(eve, DecoyBB84).holevo == pytest.approx(known / total, abs=1e-12)


@pytest.mark.parametrize("length_km", [40, 100])
def test_photon_number_splitting_keeps_the_signal_and_not_the_decoys(length_km):
    session = DecoyBB84(medium=Fiber(length_km), rounds=10, detector=Detector(0.5))
    eve = PhotonNumberSplitting().tuned(session)
    eta = Fiber(length_km).transmittance * 0.5
    gains = [1 - eve.arrivals(photons, eta)[0] for _, photons in session.photons()]
    assert gains[0] == pytest.approx(1 - exp(-0.5 * eta), rel=1e-9)
    assert gains[1] < 0.8 * (1 - exp(-0.1 * eta))


def test_blinding_tells_everything_without_an_error():
    session = BB84(medium=Fiber(50), rounds=10, eavesdropper=DetectorBlinding())
    found = session.probabilities(attacked=True)
    assert found[0, "Z", "Z"] == pytest.approx((0.5, 0.0), abs=1e-12)  # half of the time Eve chose the other basis
    assert found[0, "X", "Z"] == pytest.approx((0.25, 0.25), abs=1e-12)
    assert session.eavesdropper.information(session).holevo == pytest.approx(1, abs=1e-12)
    assert session.arrival_probability(attacked=True) == pytest.approx(0.2)  # half of it clicks: 0.1 as before


@pytest.mark.parametrize("kind", [B92, SARG04])
def test_sifting_that_looks_at_results_favors_the_rounds_attacked(kind):
    """Intercept-resend in a random basis, by enumeration: quiet rounds are kept 1/4 of the time, others 3/8."""
    found = knows(InterceptResend(0.5), kind)
    assert found.attacked == pytest.approx((3 / 8) / (3 / 8 + 1 / 4), abs=1e-9)
