"""One click in the middle: states with their |11⟩ and their phase, two rounds, double excitation, time bins."""

from itertools import product
from math import exp, pi, sqrt

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Operator
from scipy.integrate import dblquad

import quantumlink as ql
from quantumlink.circuits import epl
from quantumlink.hardware import (
    Arms,
    BarrettKok,
    Detector,
    MidpointBellMeasurement,
    SinglePhotonHeralding,
    TimeBinMeasurement,
    interference_visibility,
)

EXACT = 1e-9
A, B = ql.Node("a"), ql.Node("b")
FAR = ql.Fiber(400)  # η = 1e-4 in each arm: two photons are as good as never counted


def link(source, medium=FAR, **more):
    return ql.ElementaryLink(A, B, medium, source=source, **more)


def raw(p, theta, coherence=1.0):
    """p·|Ψθ⟩⟨Ψθ| + (1 − p)·|11⟩⟨11| with the left qubit as the least significant: |01⟩ is index 2."""
    rho = np.diag([0, p / 2, p / 2, 1 - p]).astype(complex)
    rho[1, 2] = coherence * p / 2 * np.exp(1j * theta)
    rho[2, 1] = rho[1, 2].conj()
    return rho


@pytest.mark.parametrize(("p", "theta"), [(0.7, 0.0), (0.8, 0.4), (0.95, -2.0)])
def test_the_state_is_the_raw_one_with_an_x_at_one_end(p, theta):
    # With η → 0 a click is of one photon: α/2 and α/2 to one of |01⟩, |10⟩ each, twice as likely from |11⟩.
    alpha = 1 - p
    state = DensityMatrix(link(SinglePhotonHeralding(alpha, phase_rad=theta)).state)
    flipped = state.evolve(Operator.from_label("X"), [1])
    np.testing.assert_allclose(flipped.data, raw(p, theta), rtol=0, atol=2e-4)
    np.testing.assert_allclose(link(SinglePhotonHeralding(alpha)).fidelity, p, atol=2e-4)


def distilled(rho):
    """EPL on two copies, by density matrices: the probability of both bits 1, and the state then."""
    gates = epl().remove_final_measurements(inplace=False)
    order = QuantumCircuit(4)
    order.compose(gates, [0, 2, 3, 1], inplace=True)  # kept is (0, 1), spent (2, 3)
    part = DensityMatrix(np.kron(rho, rho)).evolve(order).data.reshape((4,) * 4)[3, :, 3, :]
    return np.trace(part).real, part / np.trace(part).real


@pytest.mark.parametrize(
    ("p", "jitter", "fidelity", "success"), [(0.7, 0.0, 1.0, 0.245), (0.8, sqrt(-2 * np.log(0.9)), 0.905, 0.32)]
)
def test_worked_epl_over_single_photon_links(p, jitter, fidelity, success):
    source = SinglePhotonHeralding(1 - p, phase_rad=0.7, phase_jitter_rad=jitter)
    # In η → 0; what is left of two photons in one window is of the order of η = 1e-8.
    found, state = distilled(link(source, ql.Fiber(800)).state.data)
    assert found == pytest.approx(success, abs=1e-6)
    assert (state[0, 0] + state[3, 3] + 2 * state[0, 3]).real / 2 == pytest.approx(fidelity, abs=1e-6)
    for theta in (0.0, 1.3):
        found, state = distilled(raw(p, theta, exp(-(jitter**2) / 2)))
        assert found == pytest.approx(success, abs=EXACT)
        assert (state[1, 1] + state[2, 2] + 2 * state[1, 2]).real / 2 == pytest.approx(fidelity, abs=EXACT)


def one_click(photons, noise):
    """Exactly one of two detectors clicks: every photon counted by one of them, or lost; noise in each."""
    total = 0.0
    for places in product((0, 1, None), repeat=len(photons)):
        for counts in product((False, True), repeat=2):
            p = np.prod([1 - eta if place is None else eta / 2 for eta, place in zip(photons, places, strict=True)])
            p *= np.prod([noise if count else 1 - noise for count in counts])
            clicks = {place for place in places if place is not None} | {k for k in (0, 1) if counts[k]}
            total += p if len(clicks) == 1 else 0.0
    return total


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("twice", [0.0, 0.1, 1.0])
def test_populations_by_enumeration(rounds, twice):
    detector = Detector(0.8, dark_count_rate_hz=2e7, window_s=5e-9)
    arms = Arms(ql.Fiber(3), ql.Fiber(8))
    left, right = (0.8 * arm.transmittance for arm in (arms.left, arms.right))
    noise, alpha = detector.noise_probability_each(2), 0.3

    def clicks(bits):
        """Photons of distinguishable emitters (visibility 0), each bright one perhaps with a second photon."""
        total = 0.0
        bright = [eta for bit, eta in zip(bits, (left, right), strict=True) if bit]
        for seconds in product((0, 1), repeat=len(bright)):
            weight = np.prod([twice if second else 1 - twice for second in seconds])
            every = [*bright, *(eta for eta, second in zip(bright, seconds, strict=True) if second)]
            total += weight * one_click(every, noise)
        return total

    more = {"visibility": 0.0, "double_excitation": twice}
    if rounds == 1:
        source = SinglePhotonHeralding(alpha, **more)
        expected = {
            bits: np.prod([alpha if bit else 1 - alpha for bit in bits]) * clicks(bits)
            for bits in product((0, 1), repeat=2)
        }
    else:
        source = BarrettKok(**more)
        expected = {
            bits: clicks(bits) * clicks([1 - bit for bit in bits]) / 4 for bits in product((0, 1), repeat=2)
        }
    found = link(source, arms, detector=detector)
    total = sum(expected.values())
    assert found.success_probability == pytest.approx(total, abs=EXACT)
    state = DensityMatrix(found.state).evolve(Operator.from_label("X"), [1]).data
    for (a, b), p in expected.items():
        assert state[a + 2 * b, a + 2 * b].real == pytest.approx(p / total, abs=EXACT)
    np.testing.assert_allclose(state - np.diag(np.diag(state)), 0, atol=EXACT)  # visibility 0: no coherence


def test_two_rounds_by_one_round_twice():
    # A round as a map on the memories' populations and coherence, read off single-photon heralding at α = 1/2.
    detector, arms = Detector(0.9, dark_count_rate_hz=1e6, misalignment=0.02), Arms(ql.Fiber(5), ql.Fiber(15))
    one = link(SinglePhotonHeralding(0.5, visibility=0.85, phase_rad=0.9), arms, detector=detector)
    raw_one = DensityMatrix(one.state).evolve(Operator.from_label("X"), [1]).data * one.success_probability * 4
    flip = np.kron([[0, 1], [1, 0]], [[0, 1], [1, 0]])
    second = flip @ raw_one @ flip  # of the flipped memories, in the names of the first round
    both = raw_one * second / 4
    found = link(BarrettKok(visibility=0.85), arms, detector=detector)
    state = DensityMatrix(found.state).evolve(Operator.from_label("X"), [1]).data
    assert found.success_probability == pytest.approx(np.trace(both).real, abs=EXACT)
    np.testing.assert_allclose(state, both / np.trace(both).real, rtol=0, atol=EXACT)
    jitter = link(BarrettKok(visibility=0.85, phase_jitter_rad=0.4), arms, detector=detector).state.data
    assert jitter[0, 3] == pytest.approx(found.state.data[0, 3] * exp(-0.08), abs=EXACT)


def by_amplitudes(alpha, left, right, visibility, noise, wrong, theta):
    """ρ of the memories' bits (left + 2·right) after one click: bosons in a beam splitter, each amplitude.

    A photon of the right memory has the part √V in the left one's mode of light; one that is counted at all goes to
    the wrong detector with a probability of its own; the second detector's click turns the phase.
    """
    mine = {("c", 0): sqrt(left / 2), ("d", 0): sqrt(left / 2), ("l", 0): sqrt(1 - left)}
    mine = {place: np.exp(1j * theta) * amplitude for place, amplitude in mine.items()}
    other = {}
    for mode, part in ((0, sqrt(visibility)), (1, sqrt(1 - visibility))):
        other |= {("c", mode): part * sqrt(right / 2), ("d", mode): -part * sqrt(right / 2)}
        other["r", mode] = part * sqrt(1 - right)
    amplitudes = {(): np.array([1 - alpha, 0, 0, 0], dtype=complex)}

    def add(places, bits, amplitude):
        amplitudes.setdefault(tuple(sorted(places)), np.zeros(4, dtype=complex))[bits] += amplitude

    for bits, photon in ((1, mine), (2, other)):
        for place, amplitude in photon.items():
            add([place], bits, sqrt(alpha * (1 - alpha)) * amplitude)
    for (one, a), (two, b) in product(mine.items(), other.items()):
        add([one, two], 3, alpha * a * b * (sqrt(2) if one == two else 1))
    rho = np.zeros((4, 4), dtype=complex)
    for places, vector in amplitudes.items():
        counted = [where for where, _ in places if where in "cd"]
        for strays in product((False, True), repeat=len(counted)):
            p = np.prod([wrong if stray else 1 - wrong for stray in strays])
            lit = {
                ("d" if where == "c" else "c") if stray else where
                for where, stray in zip(counted, strays, strict=True)
            }
            for dark in product((False, True), repeat=2):
                clicks = lit | {where for where, there in zip("cd", dark, strict=True) if there}
                if len(clicks) == 1:
                    seen = vector * (np.array([1, 1, -1, -1]) if clicks == {"d"} else 1)
                    darkness = np.prod([noise if there else 1 - noise for there in dark])
                    rho += p * darkness * np.outer(seen, seen.conj())
    return rho


@pytest.mark.parametrize(
    ("visibility", "wrong", "theta", "rate_hz"),
    [
        (1.0, 0.0, 0.0, 0.0),
        (0.9, 0.0, 0.7, 1e7),
        (1.0, 0.05, 0.0, 0.0),
        (0.8, 0.1, -1.1, 3e7),
        (0.0, 0.2, 0.0, 0.0),
    ],
)
def test_the_state_by_amplitudes(visibility, wrong, theta, rate_hz):
    detector = Detector(0.8, dark_count_rate_hz=rate_hz, window_s=5e-9, misalignment=wrong)
    arms = Arms(ql.Fiber(3), ql.Fiber(8))
    counted = [0.8 * arm.transmittance for arm in (arms.left, arms.right)]
    rho = by_amplitudes(0.3, *counted, visibility, detector.noise_probability_each(2), wrong, theta)
    found = link(SinglePhotonHeralding(0.3, visibility=visibility, phase_rad=theta), arms, detector=detector)
    assert found.success_probability == pytest.approx(np.trace(rho).real, abs=EXACT)
    state = DensityMatrix(found.state).evolve(Operator.from_label("X"), [1]).data
    np.testing.assert_allclose(state, rho / np.trace(rho), rtol=0, atol=EXACT)


def test_double_excitation_costs_coherence():
    for p in (0.0, 0.04):
        state = link(SinglePhotonHeralding(0.1, double_excitation=p), ql.Fiber(800)).state.data
        # A second photon makes a click twice as likely and tells where it came from: (1 − p)/(1 + p) is left.
        assert 2 * state[0, 3].real / (state[0, 0] + state[3, 3]).real == pytest.approx((1 - p) / (1 + p), abs=1e-6)


def test_told_from_the_other_end_it_is_the_same_state():
    arms = Arms(ql.Fiber(2), ql.Fiber(30))
    one = link(SinglePhotonHeralding(0.2, phase_rad=0.5, visibility=0.9), arms, detector=Detector(0.7))
    np.testing.assert_allclose(one.reversed().state.data, one.state.reverse_qargs().data, rtol=0, atol=EXACT)
    assert one.reversed().reversed() == one


def test_time_bins():
    fiber = ql.Fiber(30, depolarization_per_km=0.01)
    clean, polarized = TimeBinMeasurement().herald(ql.Fiber(30)), MidpointBellMeasurement().herald(fiber)
    assert TimeBinMeasurement().herald(fiber) == clean  # the polarization does not matter
    assert clean.success_probability == pytest.approx(polarized.success_probability, rel=1e-12)
    dephased = TimeBinMeasurement(phase_jitter_rad=0.5).herald(fiber)
    assert dephased.bell_diagonal == pytest.approx(((1 + exp(-0.125)) / 2, (1 - exp(-0.125)) / 2, 0, 0), abs=EXACT)
    # Two detectors with two bins each make as much noise as four detectors of twice that rate.
    noisy = Detector(0.8, dark_count_rate_hz=1e6)
    four = Detector(0.8, dark_count_rate_hz=2e6)
    one, other = TimeBinMeasurement(visibility=0.9), MidpointBellMeasurement(visibility=0.9)
    assert one.herald(ql.Fiber(30), detector=noisy) == other.herald(ql.Fiber(30), detector=four)
    half = TimeBinMeasurement(visibility=0.9, one_detector_twice=False).herald(ql.Fiber(30), detector=noisy)
    whole = one.herald(ql.Fiber(30), detector=noisy)
    assert half.success_probability == pytest.approx(whole.success_probability / 2, rel=1e-12)
    assert half.bell_diagonal == pytest.approx(whole.bell_diagonal, abs=1e-12)


@pytest.mark.parametrize(
    ("lifetimes", "detuning", "dephasing", "delay"),
    [
        ((1.0, 1.0), 0.1, (np.inf, np.inf), 0.0),
        ((1.0, 2.0), 0.05, (3.0, 8.0), 0.4),
        ((1.5, 0.7), 0.0, (2.0, 2.0), -0.6),
    ],
)
def test_visibility_is_the_overlap_of_wave_packets(lifetimes, detuning, dephasing, delay):
    first, second = (1 / t for t in lifetimes)
    pure = sum(1 / t for t in dephasing)

    def integrand(t, s):
        if min(t, s) < max(0.0, delay):
            return 0.0
        packets = first * second * exp(-(first * (t + s) + second * (t + s - 2 * delay)) / 2)
        return packets * exp(-pure * abs(t - s)) * np.cos(2 * pi * detuning * (t - s))

    start = max(0.0, delay)
    lower, _ = dblquad(integrand, start, start + 30, lambda s: start, lambda s: s, epsabs=1e-10)
    found = interference_visibility(lifetimes, detuning_hz=detuning, dephasing_s=dephasing, delay_s=delay)
    assert found == pytest.approx(2 * lower, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SinglePhotonHeralding(0.1, double_excitation=1.1), "double_excitation"),
        (lambda: SinglePhotonHeralding(0.1, corrected="up"), "corrected"),
        (lambda: BarrettKok(round_s=-1), "round_s"),
        (lambda: TimeBinMeasurement(phase_jitter_rad=-1), "phase_jitter_rad"),
        (lambda: interference_visibility((0, 1)), "lifetimes_s"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()
