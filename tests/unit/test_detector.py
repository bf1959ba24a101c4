"""Detectors against every way a window may go, counted one by one, and against arrivals drawn at random."""

from itertools import product
from math import exp, inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.hardware import Detector, Fiber, SatellitePass

EXACT = 1e-12

detectors = st.builds(
    Detector,
    st.floats(0, 1),
    dark_count_rate_hz=st.floats(0, 1e9),
    background_rate_hz=st.floats(0, 1e8),
    window_s=st.floats(1e-10, 1e-8),
    misalignment=st.floats(0, 0.5),
)


def window(detector, transmittance):
    """Probability of a click, and of a wrong bit, over all that may happen in a window; bit 0 was sent."""
    rate = (detector.dark_count_rate_hz + detector.background_rate_hz) / 2
    noise = 1 - exp(-rate * detector.window_s)
    clicks = wrong = 0.0
    eta = transmittance * detector.efficiency
    photon = {None: 1 - eta, 0: eta * (1 - detector.misalignment), 1: eta * detector.misalignment}
    for (place, p), first, second in product(photon.items(), (False, True), (False, True)):
        p *= (noise if first else 1 - noise) * (noise if second else 1 - noise)
        zero, one = first or place == 0, second or place == 1
        clicks += p * (zero or one)
        wrong += p * (0.5 if zero and one else float(one))
    return clicks, wrong


@settings(max_examples=100, deadline=None, derandomize=True)
@given(detector=detectors, transmittance=st.floats(0, 1))
def test_gain_and_qber_over_every_way_a_window_may_go(detector, transmittance):
    clicks, wrong = window(detector, transmittance)
    assert detector.gain(transmittance) == pytest.approx(clicks, abs=EXACT)
    assert detector.qber(transmittance) * detector.gain(transmittance) == pytest.approx(wrong, abs=EXACT)
    assert 0 <= detector.qber(transmittance) <= 0.5 + EXACT


@pytest.mark.parametrize("transmittance", [1.0, 0.1, 1e-3, 1e-5])
def test_the_familiar_formulas_hold_to_first_order_in_the_noise(transmittance):
    detector = Detector(0.2, dark_count_rate_hz=1000, window_s=1e-9, misalignment=0.015)
    noise, eta = 1e-6, 0.2 * transmittance
    assert detector.gain(transmittance) == pytest.approx(noise + eta, rel=1e-6)
    # (Y₀/2 + e_d·η)/(Y₀ + η), off by Y₀ at most.
    assert detector.qber(transmittance) == pytest.approx((noise / 2 + 0.015 * eta) / (noise + eta), abs=noise)


def test_arrays_broadcast():
    detector = Detector(0.5, dark_count_rate_hz=1e4, misalignment=0.01)
    etas = np.array([[0.1, 0.01], [0.001, 0.0]])
    for method in (detector.gain, detector.qber):
        values = method(etas)
        assert values.shape == (2, 2)
        np.testing.assert_allclose(values, [[method(float(x)) for x in row] for row in etas], rtol=0, atol=0)
        assert isinstance(method(0.1), float)
    np.testing.assert_array_equal(Detector().qber(np.array([0.0, 1.0])), [0.5, 0.0])


@pytest.mark.parametrize("basis", ["X", "Y", "Z"])
def test_gain_and_qber_of_a_medium(basis):
    detector = Detector(0.5, dark_count_rate_hz=1e7, misalignment=0.02)
    quiet, fiber = Fiber(50), Fiber(50, depolarization_per_km=1e-3, dephasing_per_km=5e-3)
    assert detector.gain(fiber) == detector.gain(fiber.transmittance) == detector.gain(quiet)
    assert detector.qber(quiet, basis=basis) == detector.qber(quiet.transmittance)
    # The qubit's own flips: before the receiver, which reads it rightly or wrongly.
    px, py, pz = fiber.channel.params
    flip = {"X": py + pz, "Y": px + pz, "Z": px + py}[basis]
    flipped = {"X": (1 - exp(-0.3)) / 2, "Y": (1 - exp(-0.3)) / 2, "Z": (1 - exp(-0.05)) / 2}[basis]
    assert flip == pytest.approx(flipped, rel=EXACT)
    turned = Detector(0.5, dark_count_rate_hz=1e7, misalignment=0.02 * (1 - flip) + 0.98 * flip)
    assert detector.qber(fiber, basis=basis) == pytest.approx(turned.qber(fiber.transmittance), rel=1e-9)


def test_gain_and_qber_of_a_pass_are_those_of_its_counts():
    detector = Detector(0.5, dark_count_rate_hz=1e4, misalignment=0.02)
    optics = {"wavelength_nm": 850, "beam_waist_m": 0.1, "receiver_diameter_m": 1.0}
    over = SatellitePass(500, **optics, zenith_loss_db=3, depolarization=0.01)
    clicks = sum(share * detector.gain(path) for share, path in over.moments)
    wrong = sum(share * detector.gain(path) * detector.qber(path) for share, path in over.moments)
    assert detector.gain(over) == pytest.approx(clicks, rel=1e-12)
    assert detector.qber(over) == pytest.approx(wrong / clicks, rel=1e-12)


def test_noise_counts_are_shared_by_the_detectors_of_a_receiver():
    detector = Detector(dark_count_rate_hz=3e7, background_rate_hz=1e7, window_s=5e-9)
    assert detector.noise_probability == pytest.approx(1 - exp(-0.2), rel=EXACT)
    for count in (1, 2, 4):
        each = detector.noise_probability_each(count)
        assert 1 - (1 - each) ** count == pytest.approx(detector.noise_probability, rel=EXACT)
    assert Detector().noise_probability == 0
    assert detector.with_background(0).noise_probability == pytest.approx(1 - exp(-0.15), rel=EXACT)


def test_counts_with_dead_time_against_arrivals_one_by_one(rng):
    detector, rate = Detector(dead_time_s=1e-6), 2e6
    times = np.cumsum(rng.exponential(1 / rate, 400_000))
    counted, last = 0, -inf
    for time in times:
        if time - last >= 1e-6:
            counted, last = counted + 1, time
    # Counts of a renewal process: gaps of mean 1.5 µs and deviation 0.5 µs, so a relative deviation of
    # (0.5/1.5)/√133,000 = 0.091 % of the count, and 1/√400,000 = 0.16 % of the time: 0.2 % together at the most,
    # of which 1.2 % is six: false alarm 2e-9.
    assert counted / times[-1] == pytest.approx(detector.count_rate_hz(rate), rel=0.012)
    assert detector.count_rate_hz(rate) == pytest.approx(2e6 / 3, rel=EXACT)


def test_dead_time_saturates():
    detector = Detector(dead_time_s=50e-9)
    assert detector.count_rate_hz(1e15) == pytest.approx(2e7, rel=1e-6)
    assert Detector().count_rate_hz(1e9) == 1e9
    rates = detector.count_rate_hz(np.geomspace(1, 1e12, 50))
    assert np.all(np.diff(rates) > 0)


REFUSED = [
    (ValueError, lambda: Detector(1.2), ["efficiency", "1.2", "[0, 1]"]),
    (ValueError, lambda: Detector(-0.1), ["efficiency", "-0.1"]),
    (TypeError, lambda: Detector("0.9"), ["efficiency", "'0.9'"]),
    (ValueError, lambda: Detector(dark_count_rate_hz=-1), ["dark_count_rate_hz", "-1"]),
    (ValueError, lambda: Detector(background_rate_hz=nan), ["background_rate_hz", "nan"]),
    (ValueError, lambda: Detector(dead_time_s=-1e-9), ["dead_time_s"]),
    (ValueError, lambda: Detector(window_s=inf), ["window_s", "inf"]),
    (ValueError, lambda: Detector(misalignment=0.6), ["misalignment", "0.6", "0.5"]),
    (ValueError, lambda: Detector().gain(1.1), ["transmittance", "1.1"]),
    (ValueError, lambda: Detector().qber(np.array([0.5, -0.1])), ["transmittance", "-0.1"]),
    (ValueError, lambda: Detector().gain(nan), ["transmittance", "nan"]),
    (ValueError, lambda: Detector().count_rate_hz(-1), ["rate_hz", "-1"]),
    (ValueError, lambda: Detector().qber(0.1, basis="W"), ["basis", "'W'", "X, Y, Z"]),
    (ValueError, lambda: Detector().noise_probability_each(0), ["detectors", "0"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_impossible_detectors_are_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)
