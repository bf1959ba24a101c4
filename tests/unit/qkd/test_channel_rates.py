"""Rates over a channel against photon-by-photon sums, an optical simulation written apart, and PLOB."""

from decimal import Decimal
from itertools import product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.formula_mutations import survivors
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
    eta, detector = 0.04, Detector(0.7, dark_count_rate_hz=4e6)
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
    assert expected > 1e-4
    assert rates.mdi_channel_rate(eta, detector) == pytest.approx(expected, rel=1e-12)


# --- the other protocols, photon by photon, in decimals


def log2(x):
    return x.ln() / Decimal(2).ln()


def h(p):
    return -p * log2(p) - (1 - p) * log2(1 - p) if 0 < p < 1 else Decimal(0)


RECEIVER = Detector(0.9, dark_count_rate_hz=1e5, window_s=2e-8, misalignment=0.01)


def clicks(eta):
    """How often a receiver clicks, and in how many of these cases wrongly: two detectors of one window each."""
    arrives = Decimal(eta) * Decimal("0.9")
    dark = 1 - (-Decimal("0.002") / 2).exp()  # of one detector; each rate is half of 10⁵/s, for 20 ns
    either = 1 - (1 - dark) ** 2
    flipped = Decimal("0.01")
    # With a photon, the detector that it did not take is dark or not; if not, both clicked, and a coin decides.
    wrong = arrives * (flipped * (1 - dark) + dark / 2) + (1 - arrives) * either / 2
    click = arrives + (1 - arrives) * either
    return click, wrong / click


def in_two_bases(errors, phase, f=Decimal("1.16")):
    return 1 - h(phase) - f * h(errors)


def rate_of(name):
    """The function of that protocol; looked up by its own name, as a mutant of it is."""
    return getattr(rates, f"{name.replace('-', '_')}_channel_rate")


def test_every_rate_goes_by_the_name_of_its_protocol():
    assert {name: rate_of(name) for name in rates.CHANNEL_RATES} == rates.CHANNEL_RATES


@pytest.mark.parametrize("eta", ["0.5", "0.04"])
def test_rates_of_single_photons_in_decimals(eta):
    gain, e = clicks(eta)
    assert float(e) == pytest.approx(RECEIVER.qber(float(eta)), rel=1e-12)
    found = {name: rate_of(name)(float(eta), RECEIVER) for name in rates.CHANNEL_RATES if name != "twin-field"}
    assert found["bb84"] == pytest.approx(float(gain * in_two_bases(e, e)), rel=1e-9)
    populations = (1 - 3 * e / 2, e / 2, e / 2, e / 2)  # of the state, if Eve's errors are alike in three bases
    entropy = sum(-p * log2(p) for p in populations)
    assert found["six-state"] == pytest.approx(float(gain * (1 - entropy - (Decimal("1.16") - 1) * h(e))), rel=1e-9)
    # SARG04: |0⟩ was sent, |0⟩ or |+⟩ is announced. Measured in Z, 1 tells |+⟩, wrongly; in X, − tells |0⟩.
    wrong, right = e / 2, Decimal("0.5") / 2
    bits = wrong / (wrong + right)
    assert found["sarg04"] == pytest.approx(
        max(0.0, float(gain * (wrong + right) * in_two_bases(bits, bits * 3 / 2))), rel=1e-9
    )
    single, its_error = clicks(Decimal(eta).sqrt())  # either photon of a pair has half of the way
    pair_error = its_error * (1 - its_error) + (1 - its_error) * its_error
    assert found["bbm92"] == pytest.approx(float(single**2 * in_two_bases(pair_error, pair_error)), rel=1e-9)
    assert all(found[name] > 1e-3 for name in ("bb84", "six-state", "bbm92"))


def test_the_device_independent_rate_in_decimals():
    detector = Detector(0.985, dark_count_rate_hz=1e5, window_s=2e-8, misalignment=0.002)
    dark, arrives = 1 - (-Decimal("0.001")).exp(), Decimal("0.985") * Decimal("0.98").sqrt()
    either = 1 - (1 - dark) ** 2
    click = arrives + (1 - arrives) * either
    flip = (arrives * (Decimal("0.002") * (1 - dark) + dark / 2) + (1 - arrives) * either / 2) / click
    error = 2 * flip * (1 - flip)
    s, key_error = Decimal(0), Decimal(0)
    for alice, bob in product((True, False), repeat=2):  # whether each device clicked; if not, it says 0
        weight = (click if alice else 1 - click) * (click if bob else 1 - click)
        if alice and bob:
            s += weight * 2 * Decimal(2).sqrt() * (1 - 2 * error)
            key_error += weight * error
        elif alice or bob:
            key_error += weight / 2  # the other bit is random, and correlated with nothing
        else:
            s += weight * 2  # +1 in each of four correlations, one of which is subtracted
    rate = 1 - h(key_error) - h((1 + ((s / 2) ** 2 - 1).sqrt()) / 2)
    assert rate > Decimal("0.3")
    assert rates.device_independent_channel_rate(0.98, detector) == pytest.approx(float(rate), rel=1e-9)


def test_announcements_of_misaligned_photons():
    # Either photon is turned with probability e_d before the relay: two turned ones cancel.
    eta, detector = 0.25, Detector(0.8, misalignment=0.02)
    gain = Decimal("0.5") * Decimal("0.4") ** 2
    wrong = Decimal("0.02") * Decimal("0.98") * 2
    assert rates.mdi_channel_rate(eta, detector) == pytest.approx(
        float(gain * in_two_bases(wrong, wrong)), rel=1e-9
    )


def test_the_intensities_that_are_tried_are_fine_enough(monkeypatch):
    """The best of a grid a hundred times as fine, and wider, is hardly better."""
    eta, detector = 10.0 ** np.arange(-4, 0), Detector(0.7, dark_count_rate_hz=100, misalignment=0.01)
    coarse = rates.decoy_bb84_channel_rate(eta, detector), rates.twin_field_channel_rate(eta, detector)
    monkeypatch.setattr(rates, "_INTENSITIES", np.linspace(0.005, 2, 4000))
    monkeypatch.setattr(rates, "_AMPLITUDES_SQUARED", np.geomspace(1e-4, 0.6, 1500))
    fine = rates.decoy_bb84_channel_rate(eta, detector), rates.twin_field_channel_rate(eta, detector)
    for found, best in zip(coarse, fine, strict=True):
        assert (best > 0).all()
        assert (found <= best * (1 + 1e-12)).all()
        assert (found >= 0.995 * best).all(), found / best


def test_a_relay_of_fields_has_two_detectors_and_reconciliation_its_price():
    """Of an arm and the noise counts of each of two detectors, at the efficiency 1.16."""
    eta, detector = 0.01, Detector(0.5, dark_count_rate_hz=1e3, window_s=2e-8, misalignment=0.01)
    dark = float(1 - (-Decimal("0.00001")).exp())
    found = rates.twin_field_channel_rate(eta, detector)
    assert found == pytest.approx(rates._twin_field(0.05, dark, 0.01, 1.16), rel=1e-12)
    assert rates.twin_field_channel_rate(eta, detector, f=1.3) < found


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


# --- each number and operator of these formulas, changed, is noticed


def single_photons():
    for eta in ("0.5", "0.04"):
        test_rates_of_single_photons_in_decimals(eta)


def number_yields():
    for arm in (0.9, 0.3):
        test_the_yields_of_photon_numbers_by_a_beam_splitter_in_fock_space(arm)


def much_misaligned():
    """Errors beyond one half of what is conclusive, or of what is seen, are no better than a coin."""
    turned = Detector(1.0, misalignment=0.5)
    for name in rates.CHANNEL_RATES:
        assert rate_of(name)(0.5, turned) == 0


def without_light():
    """Nothing arrives, nothing is announced: no key, and no division by nothing."""
    for name in rates.CHANNEL_RATES:
        assert rate_of(name)(np.zeros(2), Detector()).tolist() == [0.0, 0.0]


def shares():
    """More errors than half are a coin's, and so is what never happens."""
    found = rates._h(np.array([0.6, 1.0, 0.25, 0.0]), np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, [1.0, 1.0, float(h(Decimal("0.25"))), 1.0], rtol=1e-12)


ANNOUNCED = [test_mdi_announcements_by_enumeration_of_clicks, test_announcements_of_misaligned_photons]
CHECKS = {
    "bb84_channel_rate": [single_photons],
    "six_state_channel_rate": [single_photons],
    "sarg04_channel_rate": [single_photons, test_ideal_rates_are_the_textbook_ones, much_misaligned],
    "bbm92_channel_rate": [single_photons],
    "device_independent_channel_rate": [test_the_device_independent_rate_in_decimals, much_misaligned],
    "decoy_bb84_channel_rate": [test_decoy_rates_by_a_sum_over_photon_numbers, much_misaligned],
    "mdi_channel_rate": [*ANNOUNCED, without_light],
    "twin_field_channel_rate": [test_a_relay_of_fields_has_two_detectors_and_reconciliation_its_price],
    "_number_yields": [number_yields, test_a_relay_of_fields_has_two_detectors_and_reconciliation_its_price],
    "_received": [single_photons, test_bad_input],
    "_pairs": [single_photons],
    "_pair_error": [single_photons],
    "_h": [test_decoy_rates_by_a_sum_over_photon_numbers, without_light, shares],
    "_checked": [test_bad_input, test_ideal_rates_are_the_textbook_ones],
}
AT_MOST_HALF = dict.fromkeys(
    ("0.5 is 1.5", "0.5 is 1.0"), "beyond one half reconciliation alone takes all there is"
)
AT_TSIRELSON = dict.fromkeys(("2 is 3", "2 is 4"), "guards rounding at Tsirelson's bound")
HARMLESS: dict[str, str] = {
    **{f"sarg04_channel_rate, line 11, column 99: {what}": why for what, why in AT_MOST_HALF.items()},
    **{f"decoy_bb84_channel_rate, line 9, column 105: {what}": why for what, why in AT_MOST_HALF.items()},
    **{
        f"device_independent_channel_rate, line 15, column {column}: {what}": why
        for column in (71, 83)
        for what, why in AT_TSIRELSON.items()
    },
    "device_independent_channel_rate, line 2, column 82: 1.0 is 2.0": "taken for the sake of the others, not used",
    "_h, line 2, column 82: 0.5 is 1.5": "the next line takes one half of it",
    "_h, line 2, column 82: 0.5 is 1.0": "the next line takes one half of it",
    "mdi_channel_rate, line 17, column 88: 0.5 is 1.0": "the share of what is never announced",
    "_number_yields, line 7, column 26: 1 is 2": "a larger table",
}
"""Mutants that are the same function, or differ where nothing is told, and why."""


@pytest.mark.parametrize("name", CHECKS)
def test_every_changed_number_and_operator_is_noticed(name):
    found = survivors(f"{rates.__name__}:{name}", CHECKS[name])
    assert not [mutant for mutant in found if mutant not in HARMLESS]
