"""Sources against photons followed one by one: Fock states, beam splitters, and every pattern of clicks."""

from functools import cache
from itertools import product
from math import exp, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from quantumlink.hardware import (
    Arms,
    Detector,
    DualDownlink,
    Fiber,
    FreeSpace,
    MidpointBellMeasurement,
    MidpointSource,
    NodeSource,
    SatellitePass,
    SinglePhotonHeralding,
    plob_bits,
)
from quantumlink.hardware.arms import arms_of, capacity
from quantumlink.qkd import bb84_rate

EXACT = 1e-12
PAULIS = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1, -1])}
PAULIS["Y"] = 1j * PAULIS["X"] @ PAULIS["Z"]
BELL = {
    "Φ+": np.array([1, 0, 0, 1]) / sqrt(2),
    "Φ-": np.array([1, 0, 0, -1]) / sqrt(2),
    "Ψ+": np.array([0, 1, 1, 0]) / sqrt(2),
    "Ψ-": np.array([0, 1, -1, 0]) / sqrt(2),
}


def populations(rho):
    return np.array([np.real(state.conj() @ rho @ state) for state in BELL.values()])


def noisy_fiber(eta, gamma=0.0, delta=0.0):
    """A fibre of 10 km of that transmittance and noise."""
    return Fiber(10, attenuation_db_per_km=-np.log10(eta), depolarization_per_km=gamma, dephasing_per_km=delta)


def noisy(rho, channel, qubit):
    """A Pauli channel on one qubit (0 left, 1 right) of a two-qubit state."""
    if channel is None:
        return rho
    px, py, pz = channel.params
    out = (1 - px - py - pz) * rho
    for p, name in ((px, "X"), (py, "Y"), (pz, "Z")):
        pauli = np.kron(PAULIS[name], np.eye(2)) if qubit == 0 else np.kron(np.eye(2), PAULIS[name])
        out = out + p * pauli @ rho @ pauli.conj().T
    return out


def werner_matrix(fidelity):
    return fidelity * np.outer(BELL["Φ+"], BELL["Φ+"]) + (1 - fidelity) / 3 * (
        np.eye(4) - np.outer(BELL["Φ+"], BELL["Φ+"])
    )


# --- a source of single pairs: what both receivers read in every basis


def read(detector):
    """A receiver's answers: probability of (photon or None, bit or None), bits by the measured qubit's own."""
    rate = (detector.dark_count_rate_hz + detector.background_rate_hz) / 2
    noise = 1 - exp(-rate * detector.window_s)
    answers = {}
    for place, first, second in product((None, "right", "wrong"), (False, True), (False, True)):
        p = (noise if first else 1 - noise) * (noise if second else 1 - noise)
        p *= {None: 1.0, "right": 1 - detector.misalignment, "wrong": detector.misalignment}[place]
        yes, no = first or place == "right", second or place == "wrong"
        bits = {(True, True): {0: 0.5, 1: 0.5}, (True, False): {0: 1.0}, (False, True): {1: 1.0}}
        for flip, q in bits.get((yes, no), {None: 1.0}).items():
            key = (place is not None, flip)
            answers[key] = answers.get(key, 0.0) + p * q
    return answers


def both_read(rho, basis, etas, receivers, made=1.0):
    """Probability that both ends click, and of unequal bits where Φ+ has equal ones."""
    turn = {
        "Z": np.eye(2),
        "X": np.array([[1, 1], [1, -1]]) / sqrt(2),
        "Y": np.array([[1, -1j], [1, 1j]]) / sqrt(2),
    }
    # Φ⁺ has YY = −1: there unequal outcomes are the right ones.
    u = np.kron(turn[basis], turn[basis])
    joint = np.real(np.diag(u @ rho @ u.conj().T)).reshape(2, 2)
    clicks = wrong = 0.0
    answers = [read(receiver) for receiver in receivers]
    for pair, p_pair in ((True, made), (False, 1 - made)):
        for here, there in product((True, False), repeat=2):
            p = p_pair
            for arrives, eta in zip((here, there), etas, strict=True):
                p *= (eta if pair else 0.0) if arrives else (1 - eta if pair else 1.0)
            for a, b in product((0, 1), repeat=2):
                # The other photon's fate is irrelevant: a lost one leaves the marginal, the same sum.
                for (seen_a, flip_a), q_a in answers[0].items():
                    for (seen_b, flip_b), q_b in answers[1].items():
                        if seen_a != here or seen_b != there or flip_a is None or flip_b is None:
                            continue
                        weight = p * joint[a, b] * q_a * q_b
                        clicks += weight
                        wrong += weight * ((a ^ flip_a) != (b ^ flip_b) ^ (basis == "Y"))
    return clicks, wrong


def bell_diagonal_from_errors(wrong):
    """Populations from the error rates in Z, X and Y: Q_Z = Ψ⁺ + Ψ⁻, Q_X = Φ⁻ + Ψ⁻, Q_Y = Φ⁻ + Ψ⁺."""
    z, x, y = wrong
    return [1 - (z + x + y) / 2, (x + y - z) / 2, (z + y - x) / 2, (z + x - y) / 2]


RECEIVERS = [
    Detector(0.7, dark_count_rate_hz=4e7, window_s=2e-9, misalignment=0.02),
    Detector(0.4, dark_count_rate_hz=1e7, background_rate_hz=3e7, window_s=3e-9, misalignment=0.1),
]


@pytest.mark.parametrize("made", [1.0, 0.3])
@pytest.mark.parametrize("fidelity", [1.0, 0.85])
def test_a_midpoint_source_of_single_pairs_photon_by_photon(made, fidelity):
    arms = Arms(noisy_fiber(0.5, 5e-3, 2e-2), noisy_fiber(0.2, 1e-2))
    rho = noisy(noisy(werner_matrix(fidelity), arms.left.channel, 0), arms.right.channel, 1)
    etas = [
        0.9 * arm.transmittance * r.efficiency for arm, r in zip((arms.left, arms.right), RECEIVERS, strict=True)
    ]
    source = MidpointSource(fidelity=fidelity, pair_probability=made, coupling_efficiency=0.9)
    pair = source.herald(arms, detector=RECEIVERS)
    readings = [both_read(rho, basis, etas, RECEIVERS, made) for basis in "ZXY"]
    for clicks, _ in readings:
        assert pair.success_probability == pytest.approx(clicks, abs=EXACT)
    wanted = bell_diagonal_from_errors([wrong / clicks for clicks, wrong in readings])
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=EXACT)


def test_a_node_source_photon_by_photon():
    fiber, ideal = noisy_fiber(0.3, 1e-2, 3e-2), Detector()
    rho = noisy(werner_matrix(0.9), fiber.channel, 1)
    far = RECEIVERS[1]
    etas = [0.8, 0.9 * 0.3 * far.efficiency]
    pair = NodeSource(fidelity=0.9, kept_efficiency=0.8, coupling_efficiency=0.9).herald(fiber, detector=far)
    readings = [both_read(rho, basis, etas, (ideal, far)) for basis in "ZXY"]
    assert pair.success_probability == pytest.approx(readings[0][0], abs=EXACT)
    wanted = bell_diagonal_from_errors([wrong / clicks for clicks, wrong in readings])
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=EXACT)
    # Measured at both ends, and told from the other one.
    both = NodeSource(fidelity=0.9, coupling_efficiency=0.9).herald(fiber, detector=RECEIVERS)
    clicks, wrong = both_read(rho, "Z", [RECEIVERS[0].efficiency, 0.9 * 0.3 * far.efficiency], RECEIVERS)
    assert both.success_probability == pytest.approx(clicks, abs=EXACT)
    assert both.bell_diagonal[2] + both.bell_diagonal[3] == pytest.approx(wrong / clicks, abs=EXACT)
    turned = NodeSource("right", fidelity=0.9, coupling_efficiency=0.9).herald(fiber, detector=RECEIVERS[::-1])
    assert turned == both


@pytest.mark.parametrize("eta", [1.0, 0.1, 1e-4])
def test_a_node_source_errs_as_its_detector_says(eta):
    detector = Detector(0.6, dark_count_rate_hz=2e6, misalignment=0.03)
    pair = NodeSource().herald(noisy_fiber(eta), detector=detector)
    assert pair.success_probability == pytest.approx(detector.gain(eta), rel=EXACT)
    assert pair.bell_diagonal[2] + pair.bell_diagonal[3] == pytest.approx(detector.qber(eta), rel=1e-9)


# --- down-conversion: photon numbers


def down_converted_modes(pairs, etas, noises, most=60):
    """Q and the correlation from two independent two-mode squeezed states, over all photon numbers to ``most``.

    Left H goes with right V, left V with right H: perfectly anticorrelated bits.
    """
    thermal = pairs ** np.arange(most) / (1 + pairs) ** np.arange(1, most + 1)

    def silent(left, right):
        """Probability, of one squeezed state, that the photons of the ends asked for make no click."""
        n = np.arange(most)
        return thermal @ ((1 - etas[0]) ** (n * left) * (1 - etas[1]) ** (n * right))

    # Per squeezed state: the joint distribution of whether the photons of the two ends click.
    p00 = silent(True, True)
    p01, p10 = silent(True, False) - p00, silent(False, True) - p00
    state = {(0, 0): p00, (0, 1): p01, (1, 0): p10, (1, 1): 1 - p00 - p01 - p10}
    click, correlation = 0.0, 0.0
    for (h_left, v_right), p in state.items():
        for (v_left, h_right), q in state.items():
            for darks in product((0, 1), repeat=4):
                weight = p * q
                for dark, noise in zip(darks, (noises[0], noises[0], noises[1], noises[1]), strict=True):
                    weight *= noise if dark else 1 - noise
                left = (h_left or darks[0], v_left or darks[1])
                right = (h_right or darks[2], v_right or darks[3])
                if any(left) and any(right):
                    click += weight
                    correlation += weight * (left[0] - left[1]) * (right[0] - right[1])
    return click, correlation


@pytest.mark.parametrize("mu", [0.01, 0.1, 0.6])
@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (0.5, 0.2), (0.03, 0.9)])
@pytest.mark.parametrize("dark", [0.0, 3e7])
def test_down_conversion_over_all_photon_numbers(mu, left, right, dark):
    receivers = [Detector(dark_count_rate_hz=dark, window_s=2e-9), Detector(dark_count_rate_hz=2 * dark)]
    noises = [receiver.noise_probability_each(2) for receiver in receivers]
    click, correlation = down_converted_modes(mu / 2, (left, right), noises)
    pair = MidpointSource(mean_pairs=mu).herald(Arms(noisy_fiber(left), noisy_fiber(right)), detector=receivers)
    # Photon numbers above 60 have a probability of (0.3/1.3)⁶⁰ at most.
    assert pair.success_probability == pytest.approx(click, rel=1e-11)
    w = -correlation / click
    wanted = [(1 + 3 * w) / 4, *[(1 - w) / 4] * 3]
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize("angle", [0.0, pi / 4, 0.3])
def test_down_conversion_errs_alike_in_every_basis(angle):
    # n pairs are a singlet of two spins n/2. Both measure along an axis turned by `angle` (polarization), by
    # Wigner's rotation of the photon numbers; lost photons drop out binomially.
    pairs, etas, most = 0.05, (0.6, 0.3), 7
    click = correlation = 0.0
    for n in range(most):
        spin = n / 2
        m = np.arange(spin, -spin - 1, -1)
        raising = np.diag(np.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1)
        rotation = expm(-1j * (2 * angle) * (raising - raising.T) / 2j)
        singlet = np.zeros((n + 1, n + 1), dtype=complex)
        for k in range(n + 1):  # k of n photons vertical at the left, n − k at the right
            singlet[k, n - k] = (-1) ** k / sqrt(n + 1)
        joint = np.abs(rotation @ singlet @ rotation.T) ** 2
        weight = (n + 1) * pairs**n / (1 + pairs) ** (n + 2)
        for i, j in product(range(n + 1), repeat=2):
            signs, seen = [], []
            for vertical, eta in ((i, etas[0]), (j, etas[1])):
                h, v = 1 - (1 - eta) ** (n - vertical), 1 - (1 - eta) ** vertical
                signs.append(h * (1 - v) - v * (1 - h))
                seen.append(1 - (1 - h) * (1 - v))
            click += weight * joint[i, j] * seen[0] * seen[1]
            correlation += weight * joint[i, j] * signs[0] * signs[1]
    pair = MidpointSource(mean_pairs=2 * pairs).herald(Arms(noisy_fiber(etas[0]), noisy_fiber(etas[1])))
    # Seven pairs and more: below 8·(0.05/1.05)⁷ = 5e-9 in all.
    assert pair.success_probability == pytest.approx(click, abs=1e-8)
    w = (4 * pair.fidelity - 1) / 3
    assert w * pair.success_probability == pytest.approx(-correlation, abs=1e-8)


def test_faint_down_conversion_is_a_source_of_single_pairs():
    fiber, mu = Fiber(100), 1e-7
    faint = MidpointSource(mean_pairs=mu).herald(fiber)
    # Two pairs at once have μ/2 of the probability of one, times 3/2, in clicks up to 1/η = 10 as likely a side.
    assert faint.success_probability == pytest.approx(mu * fiber.transmittance, rel=200 * mu)
    assert faint.fidelity == pytest.approx(1, abs=200 * mu)


# --- Bell measurement by linear optics: two photons in eight modes


def two_photon_patterns(left, right):
    """Clicks of two photons (amplitudes over modes port × polarization × shape) at four detectors.

    Yields:
        (detectors that click, amplitude) for each pair of modes.
    """
    for first, second in product(range(8), repeat=2):
        if second < first:
            continue
        if first == second:
            amplitude = sqrt(2) * left[first] * right[first]
        else:
            amplitude = left[first] * right[second] + left[second] * right[first]
        yield frozenset({first // 2, second // 2}), (first, second), amplitude


@cache
def mode(port, polarization, shape_angle):
    """One photon after the beam splitter, over port × polarization × shape."""
    ports = np.array([1, 1 if port == 0 else -1]) / sqrt(2)
    return np.kron(np.kron(ports, np.eye(2)[polarization]), [np.cos(shape_angle), np.sin(shape_angle)])


def bell_measurement(etas, noise, visibility, errors):
    """Probability of a herald, and the memories' populations after correction, from amplitudes and clicks.

    Detectors: 0 and 1 are H and V of the first port, 2 and 3 of the second; ``errors`` are of the two photons.
    """
    shape = np.arccos(sqrt(visibility))
    photons = {}  # clicks by photons alone -> unnormalized state of the memories

    def add(clicks, state):
        photons[clicks] = photons.get(clicks, 0) + state

    # Both counted: memories and photons in Φ⁺ ⊗ Φ⁺, amplitude ½ for each pair of polarizations.
    vectors = {}
    for a, b in product((0, 1), repeat=2):
        for clicks, modes, amplitude in two_photon_patterns(mode(0, a, 0.0), mode(1, b, shape)):
            vector = vectors.setdefault((clicks, modes), np.zeros(4, dtype=complex))
            vector[2 * a + b] += amplitude / 2
    for (clicks, _), vector in vectors.items():
        add(clicks, etas[0] * etas[1] * np.outer(vector, vector.conj()))
    # One counted: its memory is in the same polarization, the other memory is random.
    for port, side in product((0, 1), repeat=2):
        eta = etas[side] * (1 - etas[1 - side])
        for polarization in (0, 1):
            known = np.diag(np.eye(2)[polarization])
            state = np.kron(known, np.eye(2) / 2) if side == 0 else np.kron(np.eye(2) / 2, known)
            add(frozenset({2 * port + polarization}), eta / 4 * state)
    add(frozenset(), (1 - etas[0]) * (1 - etas[1]) * np.eye(4) / 4)

    heralded = np.zeros((4, 4), dtype=complex)
    corrections = {
        frozenset({0, 1}): "X", frozenset({2, 3}): "X",  # Ψ⁺
        frozenset({0, 3}): "Y", frozenset({1, 2}): "Y",  # Ψ⁻
    }  # fmt: skip
    for clicks, state in photons.items():
        for dark in product((False, True), repeat=4):
            weight = np.prod([noise if d else 1 - noise for d in dark])
            seen = clicks | {i for i, d in enumerate(dark) if d}
            if seen in corrections:
                fix = np.kron(np.eye(2), PAULIS[corrections[seen]])
                heralded += weight * fix @ state @ fix.conj().T
    # A Pauli of a photon is the same Pauli (transposed) of its memory, and passes the correction.
    for qubit, channels in enumerate(errors):
        for channel in channels:
            heralded = noisy(heralded, channel, qubit)
    return np.real(np.trace(heralded)), populations(heralded) / np.real(np.trace(heralded))


@pytest.mark.parametrize("visibility", [1.0, 0.8, 0.0])
@pytest.mark.parametrize("dark", [0.0, 1e8])
@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (0.6, 0.05)])
def test_a_bell_measurement_in_the_middle_from_amplitudes(visibility, dark, left, right):
    detector = Detector(0.7, dark_count_rate_hz=dark, window_s=2e-9)
    arms = Arms(noisy_fiber(left, 1e-2, 5e-3), noisy_fiber(right, delta=2e-2))
    source = MidpointBellMeasurement(visibility=visibility, emission_efficiency=0.9)
    pair = source.herald(arms, detector=detector)
    etas = [0.9 * 0.7 * left, 0.9 * 0.7 * right]
    noise = 1 - exp(-dark * 2e-9 / 4)
    total, wanted = bell_measurement(etas, noise, visibility, [[arms.left.channel], [arms.right.channel]])
    assert pair.success_probability == pytest.approx(total, abs=EXACT)
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=EXACT)


def test_imperfect_memories_and_misaligned_detectors_are_errors_of_the_photons():
    from quantumlink.circuits import PauliChannel

    detector = Detector(dark_count_rate_hz=1e8, misalignment=0.04)
    source = MidpointBellMeasurement(fidelity=0.9, visibility=0.95)
    pair = source.herald(Fiber(20), detector=detector)
    # Werner of fidelity F: each Pauli with (1 − F)/3. Wrong with e_d in each basis: each Pauli with e_d/2.
    errors = [PauliChannel(*[0.1 / 3] * 3), PauliChannel(*[0.02] * 3)]
    eta = Fiber(10).transmittance
    total, wanted = bell_measurement((eta, eta), 1 - exp(-1e8 * 1e-9 / 4), 0.95, [errors, errors])
    assert pair.success_probability == pytest.approx(total, abs=EXACT)
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=EXACT)


def test_half_of_the_bell_states_and_no_more():
    ideal = MidpointBellMeasurement().herald(Fiber(0))
    assert ideal.success_probability == 0.5
    assert ideal.bell_diagonal == (1, 0, 0, 0)


# --- one photon: memory and photon number


def single_photon(alpha, etas, noise, visibility, jitter):
    """The same from amplitudes: modes port × shape, none, one or two photons, averaged over the phase."""
    shape = np.arccos(sqrt(visibility))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    total = np.zeros((4, 4), dtype=complex)

    def arm(port, shape_angle):
        return np.kron(np.array([1, 1 if port == 0 else -1]) / sqrt(2), [np.cos(shape_angle), np.sin(shape_angle)])

    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        left, right = arm(0, 0.0), arm(1, shape) * np.exp(1j * jitter * node)
        photons = {}
        # Kraus over which photons were lost; what is left are vectors over the memories (00, 01, 10, 11).
        for lost in product((0, 1), repeat=2):
            vectors = {}
            for a, b in product((0, 1), repeat=2):
                amplitude = sqrt(alpha) ** (a + b) * sqrt(1 - alpha) ** (2 - a - b)
                counts = []
                for sent, gone, eta in zip((a, b), lost, etas, strict=True):
                    if gone > sent:
                        amplitude = 0.0
                    amplitude *= sqrt(1 - eta) if gone else (sqrt(eta) if sent else 1.0)
                    counts.append(sent - gone)
                if not amplitude:
                    continue
                for modes, clicks, part in arriving(counts, left, right):
                    vector = vectors.setdefault((modes, clicks), np.zeros(4, dtype=complex))
                    vector[2 * a + b] += amplitude * part
            for (_, clicks), vector in vectors.items():
                photons[clicks] = photons.get(clicks, 0) + np.outer(vector, vector.conj())
        for clicks, state in photons.items():
            for dark in product((False, True), repeat=2):
                seen = clicks | {i for i, d in enumerate(dark) if d}
                p = weight * np.prod([noise if d else 1 - noise for d in dark])
                if len(seen) == 1:
                    fix = np.kron(np.eye(2), PAULIS["X"] @ (PAULIS["Z"] if 1 in seen else PAULIS["I"]))
                    total += p * fix @ state @ fix.conj().T
    return np.real(np.trace(total)), populations(total) / np.real(np.trace(total))


def arriving(counts, left, right):
    """(occupied modes, detectors that click, amplitude) of so many photons from either side."""
    if counts == [0, 0]:
        yield (), frozenset(), 1.0
    elif counts == [1, 1]:
        for i, j in product(range(4), repeat=2):
            if i == j:
                yield (i, i), frozenset({i // 2}), sqrt(2) * left[i] * right[i]
            elif i < j:
                yield (i, j), frozenset({i // 2, j // 2}), left[i] * right[j] + left[j] * right[i]
    else:
        photon = left if counts[0] else right
        for i in range(4):
            yield (i,), frozenset({i // 2}), photon[i]


@pytest.mark.parametrize("alpha", [0.05, 0.4])
@pytest.mark.parametrize(("visibility", "jitter"), [(1.0, 0.0), (0.8, 0.3)])
@pytest.mark.parametrize("dark", [0.0, 1e8])
@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (0.3, 0.3), (0.5, 0.02)])
def test_one_photon_heralds_from_amplitudes(alpha, visibility, jitter, dark, left, right):
    detector = Detector(0.8, dark_count_rate_hz=dark, window_s=2e-9)
    source = SinglePhotonHeralding(alpha, visibility=visibility, phase_jitter_rad=jitter, emission_efficiency=0.9)
    pair = source.herald(Arms(noisy_fiber(left), noisy_fiber(right)), detector=detector)
    noise = 1 - exp(-dark * 2e-9 / 2)
    total, wanted = single_photon(alpha, (0.72 * left, 0.72 * right), noise, visibility, jitter)
    assert pair.success_probability == pytest.approx(total, abs=EXACT)
    np.testing.assert_allclose(pair.bell_diagonal, wanted, rtol=0, atol=1e-11)  # quadrature over the phase


def test_one_photon_in_the_limit_of_rare_photons():
    # Success 2αη of one arm, infidelity α (Humphreys et al. 2018).
    alpha, arm = 0.05, Fiber(100)
    pair = SinglePhotonHeralding(alpha).herald(Arms(arm, arm))
    assert pair.success_probability == pytest.approx(2 * alpha * arm.transmittance, rel=1.1 * arm.transmittance)
    assert 1 - pair.fidelity == pytest.approx(alpha, rel=1.1 * arm.transmittance)


# --- time, media that move, and the bound


def test_how_long_an_attempt_takes():
    fiber, arms = Fiber(100), Arms(Fiber(30), Fiber(70))
    there = fiber.delay_s
    assert NodeSource().herald(fiber).attempt_time_s == pytest.approx(2 * there, rel=EXACT)
    assert MidpointBellMeasurement().herald(fiber).attempt_time_s == pytest.approx(there, rel=EXACT)
    assert SinglePhotonHeralding(0.1).herald(fiber).attempt_time_s == pytest.approx(there, rel=EXACT)
    assert MidpointSource().herald(fiber).attempt_time_s == pytest.approx(1.5 * there, rel=EXACT)
    assert MidpointBellMeasurement().herald(arms).attempt_time_s == pytest.approx(1.4 * there, rel=EXACT)
    assert MidpointSource().herald(arms).attempt_time_s == pytest.approx(1.7 * there, rel=EXACT)
    assert NodeSource(preparation_s=1e-3).herald(fiber).attempt_time_s == pytest.approx(1e-3 + 2 * there, rel=EXACT)
    assert MidpointSource(clock_hz=1e9).herald(fiber).attempt_time_s == 1e-9


OPTICS = {"wavelength_nm": 810, "divergence_rad": 1e-5, "divergence_angle": "full", "receiver_diameter_m": 1.2}


def test_a_moving_medium_is_the_mean_of_its_moments():
    passes = [SatellitePass(500, max_elevation_deg=e, **OPTICS, zenith_loss_db=2) for e in (40, 50)]
    both = DualDownlink(*passes, station_distance_km=1200)
    detector = Detector(0.5, dark_count_rate_hz=1e5, misalignment=0.01)
    source = MidpointSource(fidelity=0.93, mean_pairs=0.05, clock_hz=1e8)
    whole = source.herald(both, detector=detector)
    # An independent mean, by many even steps through the time in common.
    start, stop = both.window_s
    times = start + (stop - start) * (np.arange(400) + 0.5) / 400
    pairs = [source.herald(both.at(t), detector=detector) for t in times]
    p = np.array([pair.success_probability for pair in pairs])
    state = np.array([pair.bell_diagonal for pair in pairs])
    assert whole.success_probability == pytest.approx(p.mean(), rel=1e-5)  # the midpoint rule's error: h²/24
    np.testing.assert_allclose(whole.bell_diagonal, (p @ state) / p.sum(), rtol=0, atol=1e-6)
    count = both.integrate(lambda arms: 1e8 * source.herald(arms, detector=detector).success_probability)
    assert count == pytest.approx(1e8 * whole.success_probability * both.duration_s, rel=EXACT)
    assert source.herald(both.reversed(), detector=detector).success_probability == pytest.approx(
        whole.success_probability, rel=1e-9
    )


def test_a_pass_over_one_station_and_a_fibre_from_there():
    over = SatellitePass(500, **OPTICS)
    pair = MidpointSource().herald(Arms(over, Fiber(10)))
    assert pair.success_probability == pytest.approx(over.transmittance * Fiber(10).transmittance, rel=1e-9)
    assert MidpointSource().herald(Arms(Fiber(10), over)).success_probability == pytest.approx(
        pair.success_probability, rel=1e-12
    )


media = st.one_of(
    st.builds(Fiber, st.floats(0.1, 400), depolarization_per_km=st.floats(0, 1e-2)),
    st.builds(lambda d: FreeSpace(d, **OPTICS), st.floats(1, 5000)),
    st.builds(lambda e: SatellitePass(500, max_elevation_deg=e, **OPTICS, zenith_loss_db=2), st.floats(20, 90)),
    st.builds(lambda a, b: Arms(Fiber(a), Fiber(b)), st.floats(0, 200), st.floats(0, 200)),
)
receivers = st.one_of(
    st.builds(Detector, st.floats(0.01, 1)),
    st.builds(Detector, st.floats(0.01, 1), dark_count_rate_hz=st.floats(0, 1e8), misalignment=st.floats(0, 0.1)),
)
fidelities = st.floats(0.8, 1)
sources = st.one_of(
    st.builds(NodeSource, fidelity=fidelities),
    st.builds(NodeSource, mean_pairs=st.floats(1e-4, 5)),
    st.builds(MidpointSource, fidelity=fidelities, pair_probability=st.floats(0.01, 1)),
    st.builds(MidpointSource, mean_pairs=st.floats(1e-4, 5)),
    st.builds(MidpointBellMeasurement, fidelity=fidelities, visibility=st.floats(0, 1)),
    st.builds(SinglePhotonHeralding, st.floats(0.001, 0.5), visibility=st.floats(0, 1)),
)


def key_per_attempt(pair):
    _, phi_minus, psi_plus, psi_minus = pair.bell_diagonal
    return pair.success_probability * bb84_rate(psi_plus + psi_minus, phase_error=phi_minus + psi_minus)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(medium=media, source=sources, detector=receivers)
def test_no_source_beats_the_bound_of_its_medium(medium, source, detector):
    in_the_middle = not isinstance(source, NodeSource)
    if in_the_middle and isinstance(medium, SatellitePass):
        medium = medium.at(0.0)  # one way to one station has no middle: its path, with air at both ends
        medium = Arms(medium, medium)
    pair = source.herald(medium, detector=detector)
    assert 0 <= pair.success_probability <= 1
    assert sum(pair.bell_diagonal) == pytest.approx(1, abs=1e-12)
    assert min(pair.bell_diagonal) >= 0
    # Whoever sends or measures in the middle parts the medium in two: neither arm carries more than its bound.
    weakest = arms_of(medium) if in_the_middle else medium
    assert key_per_attempt(pair) <= capacity(weakest) + 1e-12
    # With two photons an attempt, or one at a node, the two arms together carry no more than one fibre as long.
    if not isinstance(source, SinglePhotonHeralding) and not isinstance(weakest, SatellitePass):
        assert key_per_attempt(pair) <= plob_bits(weakest.transmittance) + 1e-12


def test_one_photon_may_beat_the_bound_of_the_whole_fibre_but_not_of_its_half():
    # As twin-field protocols do: the station in the middle counts as a repeater.
    fiber = Fiber(400)
    key = key_per_attempt(SinglePhotonHeralding(0.05).herald(fiber))
    assert fiber.plob_bits < key < fiber.half().plob_bits


# --- refusals

FIBER = Fiber(10)
REFUSED = [
    (ValueError, lambda: MidpointSource(fidelity=0.2), ["fidelity", "0.2"]),
    (ValueError, lambda: MidpointSource(pair_probability=0), ["pair_probability", "0"]),
    (ValueError, lambda: MidpointSource(mean_pairs=-0.1), ["mean_pairs", "-0.1"]),
    (ValueError, lambda: MidpointSource(mean_pairs=0.1, pair_probability=0.5), ["not both", "0.1", "0.5"]),
    (ValueError, lambda: MidpointSource(coupling_efficiency=1.5), ["coupling_efficiency", "1.5"]),
    (ValueError, lambda: MidpointSource(clock_hz=0), ["clock_hz", "0"]),
    (
        ValueError,
        lambda: MidpointSource(clock_hz=1e6, preparation_s=1e-6),
        ["clock_hz", "preparation_s", "not both"],
    ),
    (ValueError, lambda: NodeSource("middle"), ["at", "'middle'", "left", "right"]),
    (ValueError, lambda: NodeSource(kept_efficiency=2), ["kept_efficiency", "2"]),
    (ValueError, lambda: NodeSource(preparation_s=-1), ["preparation_s", "-1"]),
    (ValueError, lambda: MidpointBellMeasurement(visibility=1.1), ["visibility", "1.1"]),
    (ValueError, lambda: MidpointBellMeasurement(emission_efficiency=0), ["emission_efficiency", "0"]),
    (ValueError, lambda: SinglePhotonHeralding(0), ["bright_population", "0"]),
    (ValueError, lambda: SinglePhotonHeralding(1), ["bright_population", "1"]),
    (ValueError, lambda: SinglePhotonHeralding(0.1, phase_jitter_rad=-1), ["phase_jitter_rad", "-1"]),
    (TypeError, lambda: MidpointSource().herald(10), ["medium", "10"]),
    (
        TypeError,
        lambda: MidpointSource().herald(SatellitePass(500, **OPTICS)),
        ["SatellitePass", "no middle", "Arms"],
    ),
    (TypeError, lambda: MidpointSource().herald(FIBER, detector=0.9), ["detector", "0.9"]),
    (TypeError, lambda: MidpointSource().herald(FIBER, detector=[Detector()]), ["detector", "one each"]),
    (TypeError, lambda: MidpointSource().herald(FIBER, detector=[Detector(), 1]), ["detector", "1"]),
    (
        ValueError,
        lambda: MidpointBellMeasurement().herald(FIBER, detector=[Detector(), Detector(0.5)]),
        ["one station", "MidpointBellMeasurement", "two"],
    ),
    (
        ValueError,
        lambda: MidpointSource().herald(FreeSpace(700, **OPTICS, zenith_loss_db=1)),
        ["zenith_loss_db", "Arms"],
    ),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_impossible_sources_are_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)
