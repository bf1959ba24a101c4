"""Classical traffic in a fibre: scattered light by quadrature, by its limits, and in all that counts photons."""

from math import exp, log

import numpy as np
import pytest
from scipy.constants import c, h, k
from scipy.integrate import quad

import quantumlink as ql
from quantumlink.hardware import ClassicalSignal, Detector, MidpointSource, SinglePhotonHeralding, raman_coefficient

BETA = 2e-9


def by_quadrature(signal, length, quantum_db, filter_nm):
    """Watts: at each place what is scattered there, and its way to the end of the quantum channel."""
    classical = (
        (quantum_db if signal.attenuation_db_per_km is None else signal.attenuation_db_per_km) * log(10) / 10
    )
    quantum = quantum_db * log(10) / 10
    start = (lambda x: x) if signal.direction == "forward" else (lambda x: length - x)
    found, _ = quad(lambda x: exp(-classical * start(x)) * exp(-quantum * (length - x)), 0, length)
    return signal.power_mw * 1e-3 * signal.raman_per_km_nm * filter_nm * found


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("own", [None, 0.2, 0.35])
@pytest.mark.parametrize("length", [0.0, 1e-6, 25.0, 200.0])
def test_scattered_light_by_quadrature(direction, own, length):
    signal = ClassicalSignal(2.0, 1540, direction, attenuation_db_per_km=own, raman_per_km_nm=BETA)
    fiber = ql.Fiber(length, 0.2, traffic=(signal,), wavelength_nm=1550, filter_nm=0.2)
    expected = by_quadrature(signal, length, 0.2, 0.2) * 1550e-9 / (h * c)
    assert fiber.background_hz == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_forward_light_is_most_at_one_attenuation_length_and_backward_light_saturates():
    forward, backward = (
        [
            ql.Fiber(x, traffic=(ClassicalSignal(1, 1540, way, raman_per_km_nm=BETA),)).background_hz
            for x in (10, 21.7, 40, 150, 300)
        ]
        for way in ("forward", "backward")
    )
    assert max(forward) == forward[1]
    assert all(np.diff(backward) > 0)
    # αL = ln(10)/5·150: what is left to come is 1e-6.
    assert backward[-1] == pytest.approx(backward[-2], rel=2e-6)


def test_the_coefficient_is_that_of_silica():
    # Measured in the C band: 2 to 3e-9 per km and nm a few nanometres away (Eraerds et al. 2010).
    assert 1.5e-9 < raman_coefficient(1550, 1540) < 4e-9
    # Detailed balance at equal shifts: Stokes over anti-Stokes light per hertz is exp(hΔ/kT), but for ν.
    signal, shift = c / 1550e-9, 5e12
    down, up = (c / (signal - shift) * 1e9, c / (signal + shift) * 1e9)
    per_hertz = [raman_coefficient(1550, nm) * nm**2 * nm for nm in (down, up)]
    assert per_hertz[0] / per_hertz[1] == pytest.approx(exp(h * shift / (k * 295)), rel=1e-6)
    # The peak is 13.2 THz away, and far from it there is little: what O-band channels are for.
    places = [raman_coefficient(1550, c / (signal - x) * 1e9) for x in np.arange(1e12, 30e12, 2e11)]
    assert 12.5e12 < np.arange(1e12, 30e12, 2e11)[int(np.argmax(places))] < 14e12
    assert raman_coefficient(1550, 1310) < 1e-3 * raman_coefficient(1550, 1540)


def test_powers_add():
    one, other = ClassicalSignal(1, 1540), ClassicalSignal(0.5, 1530, "backward")
    both = ql.Fiber(20, traffic=(one, other)).background_hz
    assert both == pytest.approx(sum(ql.Fiber(20, traffic=(s,)).background_hz for s in (one, other)))
    assert ql.Fiber(20).background_hz == 0


def test_whoever_counts_photons_counts_these():
    lit = ql.Fiber(20, traffic=(ClassicalSignal(0.1, 1540),))
    dark = ql.Fiber(20)
    detector = Detector(0.5, dark_count_rate_hz=100)
    noisy = detector.with_background(0.5 * lit.background_hz)
    assert detector.qber(lit) == noisy.qber(dark) > detector.qber(dark)
    assert detector.gain(lit) == noisy.gain(dark)
    for source in (MidpointSource(), SinglePhotonHeralding(0.1)):
        arms = 1 if isinstance(source, MidpointSource) else 2
        same = detector.with_background(arms * 0.5 * lit.half().background_hz)
        found, expected = source.herald(lit, detector=detector), source.herald(dark, detector=same)
        assert found.success_probability == pytest.approx(expected.success_probability, rel=1e-12)
        assert found.fidelity == pytest.approx(expected.fidelity, rel=1e-12)
        assert found.fidelity < source.herald(dark, detector=detector).fidelity


def test_a_session_counts_them_too():
    lit = ql.Fiber(20, traffic=(ClassicalSignal(50.0, 1540),))
    key = ql.qkd.bb84(lit, rounds=200_000, seed=3, detector=Detector(0.5))
    dark = ql.qkd.bb84(ql.Fiber(20), rounds=200_000, seed=3, detector=Detector(0.5))
    assert dark.qber.best == 0 < key.qber.best


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ClassicalSignal(-1, 1550), "power_mw"),
        (lambda: ClassicalSignal(1, 0), "wavelength_nm"),
        (lambda: ClassicalSignal(1, 1550, "sideways"), "direction"),
        (lambda: ql.Fiber(1, filter_nm=0), "filter_nm"),
        (lambda: ql.Fiber(1, traffic=(3,)), "traffic"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises((TypeError, ValueError), match=text):
        make()


def test_a_cold_fibre_has_no_phonons_to_scatter_upwards():
    """At the temperature of a dilution refrigerator light is scattered to longer wavelengths only, as at 1 K."""
    for kelvin in (1e-300, 1e-3, 0.01):
        assert raman_coefficient(1550, 1540, temperature_k=kelvin) == 0
        cold, cool = (raman_coefficient(1550, 1560, temperature_k=t) for t in (kelvin, 1.0))
        assert cold == pytest.approx(cool, rel=1e-12)
    warm = [raman_coefficient(1550, 1540, temperature_k=t) for t in (1.0, 10.0, 77.0, 295.0)]
    assert warm == sorted(warm)


@pytest.mark.parametrize("given", [(1e-300, 1550), (1550, 1e300), (0.0, 1550), (1550, -1)])
def test_what_is_no_light_of_a_fibre_is_refused(given):
    with pytest.raises(ValueError, match=r"(signal|quantum)_nm must"):
        raman_coefficient(*given)
