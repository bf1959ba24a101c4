"""Rates over a channel against photon-by-photon sums, an optical simulation written apart, and PLOB."""

from itertools import product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from quantumlink.hardware import Detector
from quantumlink.rates import binary_entropy, plob_rate
from quantumlink.security import channel_rates as rates

DETECTORS = st.builds(
    Detector,
    st.floats(0.05, 1),
    dark_count_rate_hz=st.floats(0, 1e5),
    misalignment=st.floats(0, 0.1),
)


@settings(deadline=None, max_examples=40)
@given(detector=DETECTORS, db=st.floats(0.1, 80))
def test_nothing_without_a_relay_that_measures_fields_beats_plob(detector, db):
    eta = 10 ** (-db / 10)
    for name, rate in rates.CHANNEL_RATES.items():
        found = rate(np.array([eta]), detector)
        assert found.shape == (1,)
        assert found[0] >= 0
        if name != "twin-field":
            assert found[0] <= plob_rate(eta)


def test_ideal_rates_are_the_textbook_ones():
    eta = np.array([1.0, 0.1, 0.001])
    np.testing.assert_allclose(rates.bb84_channel_rate(eta), eta)
    np.testing.assert_allclose(rates.six_state_channel_rate(eta), eta)
    np.testing.assert_allclose(rates.bbm92_channel_rate(eta), eta)
    np.testing.assert_allclose(rates.mdi_channel_rate(eta), eta / 2)
    np.testing.assert_allclose(rates.sarg04_channel_rate(eta), eta / 4)
    # Coherent pulses: η·μ·e^{−μ} is largest at one photon.
    np.testing.assert_allclose(rates.decoy_bb84_channel_rate(eta[1:]), eta[1:] / np.e, rtol=1e-6)
    assert rates.device_independent_channel_rate(1.0) == pytest.approx(1)


def test_twin_fields_scale_as_the_root_and_cross_plob():
    eta = np.array([1e-6, 1e-8])
    near, far = rates.twin_field_channel_rate(eta, Detector())
    assert far / near == pytest.approx(0.1, rel=0.02)
    assert near > plob_rate(eta)[0]
    assert rates.twin_field_channel_rate(0.1, Detector()) < plob_rate(0.1)


@pytest.mark.parametrize("arm", [0.9, 0.3])
def test_the_yields_of_photon_numbers_by_a_beam_splitter_in_fock_space(arm):
    """Photons in both arms, each arm with its loss, on a 50:50 beam splitter built from ladder operators."""
    noise, size = 0.01, 7
    lower = np.diag(np.sqrt(np.arange(1, size)), 1)
    a, b = np.kron(lower, np.eye(size)), np.kron(np.eye(size), lower)
    splitter = expm(np.pi / 4 * (a.T @ b - b.T @ a))
    yields = rates._number_yields(arm, noise)
    for n, m in product(range(4), repeat=2):
        if n + m > 5:
            continue
        total = 0.0
        for j, k in product(range(n + 1), range(m + 1)):  # photons that survive: losses leave a mixture
            weight = 1.0
            for number, left in ((n, j), (m, k)):
                ways = factorial(number) / factorial(left) / factorial(number - left)
                weight *= ways * arm**left * (1 - arm) ** (number - left)
            out = np.abs(splitter[:, j * size + k].reshape(size, size)) ** 2
            only_first = out[1:, 0].sum() + out[0, 0] * noise
            total += weight * only_first * (1 - noise)
        assert yields[n, m] == pytest.approx(total, abs=1e-9)


def test_the_announcements_of_twin_fields_by_coherent_states():
    # Equal phases interfere to √2·α on one side: clicks there only, by Poisson statistics of each port.
    arm, noise, energy = 0.3, 0.01, 0.2
    up, down = 2 * arm * energy, 0.0
    click = [1 - (1 - noise) * np.exp(-x) for x in (up, down)]
    quiet = [(1 - noise) * np.exp(-x) for x in (up, down)]
    right, wrong = click[0] * quiet[1], quiet[0] * click[1]
    gamma = arm * energy
    dark = np.exp(-gamma) * (1 - noise)
    assert (right + wrong) / 2 == pytest.approx(
        (1 - noise) * (np.exp(-gamma) + np.exp(gamma)) * np.exp(-gamma) / 2 - dark**2
    )


def test_decoy_rates_by_a_sum_over_photon_numbers():
    eta, detector = 0.01, Detector(0.5, dark_count_rate_hz=500, misalignment=0.02)
    noise, wrong = detector.noise_probability, (1 - detector.contrast) / 2
    best = 0.0
    for mean in rates._INTENSITIES:
        gain = errors = 0.0
        for n in range(30):
            weight = np.exp(-mean) * mean**n / factorial(n)
            some = 1 - (1 - eta * 0.5) ** n
            gain += weight * (some + (1 - some) * noise)
            errors += weight * (some * wrong + (1 - some) * noise / 2)
        single = mean * np.exp(-mean) * detector.gain(eta) * (1 - binary_entropy(detector.qber(eta)))
        best = max(best, single - gain * 1.16 * binary_entropy(errors / gain))
    assert rates.decoy_bb84_channel_rate(eta, detector) == pytest.approx(best, rel=1e-9)


def test_mdi_announcements_by_enumeration_of_clicks():
    """Every fate of two photons and four noise counts, in the basis in which announced bits are unequal."""
    eta, detector = 0.04, Detector(0.7, dark_count_rate_hz=4e7)
    arm, noise = np.sqrt(eta) * 0.7, detector.noise_probability_each(4)
    announced = [{"cH", "dV"}, {"cV", "dH"}, {"cH", "cV"}, {"dH", "dV"}]
    gain = errors = 0.0
    for bits in product("HV", repeat=2):
        for arrives in product((0, 1), repeat=2):
            weight = np.prod([arm if x else 1 - arm for x in arrives]) / 4
            photons = [bit for bit, x in zip(bits, arrives, strict=True) if x]
            if len(photons) == 2 and photons[0] == photons[1]:
                fates = [(0.5, {port + photons[0]}) for port in "cd"]  # Hong, Ou, Mandel: together
            else:
                fates = [(0.5 ** len(photons), set(map("".join, zip(ports, photons, strict=True))))
                         for ports in product("cd", repeat=len(photons))]  # fmt: skip
            for chance, clicks in fates:
                for dark in product((0, 1), repeat=4):
                    counts = {d for d, x in zip(("cH", "cV", "dH", "dV"), dark, strict=True) if x}
                    p = weight * chance * np.prod([noise if x else 1 - noise for x in dark])
                    if clicks | counts in announced:
                        gain += p
                        errors += p * (bits[0] == bits[1])
    expected = gain * max(0.0, 1 - 2.16 * binary_entropy(errors / gain))
    assert rates.mdi_channel_rate(eta, detector) == pytest.approx(expected, rel=0.02)


def test_device_independence_needs_detections():
    # Eberhard-like loss with maximally entangled states and 'no click is 0': S exceeds 2 above 82.8 %.
    just = (2 * (np.sqrt(2) - 1)) ** 2  # both arms together
    assert rates.device_independent_channel_rate(just * 0.9) == 0
    assert rates.device_independent_channel_rate(0.98) > 0


def test_bad_input():
    with pytest.raises(ValueError, match="transmittance must lie in"):
        rates.bb84_channel_rate(1.2)
    with pytest.raises(TypeError, match="a Detector or None"):
        rates.bb84_channel_rate(0.5, "good")


def test_the_threshold_of_sarg04_and_the_rates_of_relays_and_conferences():
    from quantumlink.rates import conference_rate, mdi_rate, sarg04_rate

    assert sarg04_rate(0.0889) > 0 == sarg04_rate(0.0891)
    # Two single photons only: MDI is BB84 on announced rounds.
    gain = mdi_rate(1e-3, 0.03, single_photon_gain=1e-3, single_photon_error=0.03)
    assert gain == pytest.approx(1e-3 * (1 - 2 * binary_entropy(0.03)))
    # A conference of two is BBM92.
    assert conference_rate(0.05, 0.04) == pytest.approx(1 - binary_entropy(0.05) - binary_entropy(0.04))
    assert conference_rate(np.array([0.6]), 0.0).tolist() == [0.0]
