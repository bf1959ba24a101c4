"""Links by the hour: what temperature, sky, weather and drift make of fibres, detectors, sources and states."""

from dataclasses import replace
from math import exp, inf, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

import quantumlink as ql
from quantumlink.hardware import (
    SKY_RADIANCE,
    Detector,
    Environment,
    FreeSpace,
    MidpointSource,
    SinglePhotonHeralding,
    background_rate_hz,
)
from quantumlink.link import under

A, B, C = (ql.Node(name) for name in "abc")
DAY = Environment([0, 6, 18, 24], temperature_c=[10, 10, 34, 10], recalibration_s=10.0, polarization_drift=1e-3)
BEAM = {"wavelength_nm": 810.0, "receiver_diameter_m": 0.3, "beam_waist_m": 0.05}


def test_values_are_linear_between_hours_and_stay_outside():
    assert [DAY.at(h).temperature_c for h in (-1, 0, 3, 6, 12, 18, 21, 24, 30)] == [
        10,
        10,
        10,
        10,
        22,
        34,
        22,
        10,
        10,
    ]
    assert DAY.at(12).warming_k_per_s == pytest.approx(2 / 3600)
    assert DAY.at(21).warming_k_per_s == pytest.approx(-4 / 3600)
    assert DAY.at(3).warming_k_per_s == 0
    assert Environment([5]).at(7).temperature_c == 20


def test_dark_counts_double():
    day = Environment([0, 1], temperature_c=[20, 36], doubling_k=8)
    counts = [day.detector(Detector(0.5, dark_count_rate_hz=100.0), h).dark_count_rate_hz for h in (0, 0.5, 1)]
    assert counts == pytest.approx([100, 200, 400])
    cooled = Environment([0, 1], temperature_c=[20, 36], doubling_k=inf)
    assert cooled.detector(Detector(dark_count_rate_hz=100.0), 1).dark_count_rate_hz == 100


def test_fibres_grow_and_turn():
    fiber = DAY.medium(ql.Fiber(50), 18)
    assert fiber.delay_s == pytest.approx(ql.Fiber(50).delay_s * (1 + 14 * 7e-6), rel=1e-12)
    assert fiber.transmittance == ql.Fiber(50).transmittance
    # The mean of <sin²θ> over the time since the last calibration, θ a random walk: by quadrature.
    error, _ = quad(lambda t: (1 - exp(-2 * 1e-6 * 50 * t)) / 2 / 10, 0, 10)
    assert DAY.polarization_error(50) == pytest.approx(error, rel=1e-9)
    px, py, pz = map(float, fiber.channel.params)
    for flips in (px + py, py + pz, px + pz):
        assert flips == pytest.approx(error, rel=1e-9)


def test_the_walk_itself(rng):
    # 20,000 walks of the angle over one interval, each looked at at a random moment: Hoeffding at 1e-6 is ±0.02.
    day = Environment([0], polarization_drift=0.05, recalibration_s=20.0)
    times = rng.uniform(0, 20, 20_000)
    angles = rng.normal(0, 0.05 * np.sqrt(30 * times))
    assert day.polarization_error(30) == pytest.approx(np.mean(np.sin(angles) ** 2), abs=0.02)


def test_recalibration_keeps_the_error():
    interval = DAY.recalibration_for(50, 0.02)
    assert (1 - exp(-2 * 1e-6 * 50 * interval)) / 2 == pytest.approx(0.02)
    assert Environment([0]).recalibration_for(50, 0.02) == inf


@pytest.mark.parametrize("recalibration_s", [1.0, 10.0, 16.0, 25.0])
def test_phase_drifts_while_it_warms(recalibration_s):
    source = SinglePhotonHeralding(0.1, phase_jitter_rad=0.1, phase_rad=0.2)
    link = ql.ElementaryLink(A, B, ql.Fiber(0.01), source=source)
    day = replace(DAY, recalibration_s=recalibration_s)
    still, warming = (under(link, day, h) for h in (3, 12))
    assert still.source == source
    largest = 2 * pi * 1.468 * 10 / 1550e-9 * 7e-6 * 2 / 3600 * recalibration_s
    assert day.phase_jitter_rad(0.01, 1.468, 12) == pytest.approx(largest / sqrt(3))
    # The mean of the state over the interval, the phase growing evenly, one way or the other.
    times = (np.arange(100) + 0.5) / 100
    sources = [replace(source, phase_rad=0.2 + sign * x) for sign in (1, -1) for x in largest * times]
    mean = np.mean([ql.ElementaryLink(A, B, ql.Fiber(0.01), source=s).state.data for s in sources], axis=0)
    # A hundred points: the midpoint rule errs by φ²/24·10⁻⁴ of the coherence.
    np.testing.assert_allclose(warming.state.data, mean, rtol=0, atol=1e-4)


def test_sky_and_weather():
    air = FreeSpace(1.0, elevation_deg=90, **BEAM)
    day = Environment(
        [0, 12], sky_radiance=[SKY_RADIANCE["night"], SKY_RADIANCE["day"]], weather_transmittance=[1, 0.25],
        field_of_view_rad=1e-4, filter_nm=0.5,
    )  # fmt: skip
    assert day.medium(air, 12).transmittance == pytest.approx(air.transmittance / 4, rel=1e-9)
    link = ql.ElementaryLink(A, B, air, source=ql.hardware.NodeSource(), detector=Detector(0.5))
    night, noon = under(link, day, 0), under(link, day, 12)
    light = background_rate_hz(
        SKY_RADIANCE["day"], wavelength_nm=810, receiver_diameter_m=0.3, field_of_view_rad=1e-4, filter_nm=0.5
    )
    assert noon.detector.background_rate_hz == pytest.approx(light / 2)
    assert noon.fidelity < night.fidelity
    with pytest.raises(ValueError, match="no light through"):
        Environment([0], weather_transmittance=0).medium(air, 0)


def test_calibrating_takes_its_time():
    day = Environment([0], recalibration_s=10, calibration_s=2)
    assert day.duty == 0.8
    stated = ql.ElementaryLink(A, B, ql.Fiber(10), fidelity=0.9, success_probability=0.1, attempt_time_s=1e-3)
    streamed = ql.ElementaryLink(A, B, fidelity=0.9, rate_hz=10.0)
    made = ql.ElementaryLink(A, B, ql.Fiber(10), source=MidpointSource(), multiplexing=3)
    for link in (stated, streamed, made, ql.ElementaryLink(A, B, ql.Fiber(10), fidelity=0.9)):
        found = under(link, day, 0)
        assert found.attempts.rate_hz == pytest.approx(0.8 * link.attempts.rate_hz)
        assert found.attempts.success_probability == link.attempts.success_probability
        np.testing.assert_allclose(found.coefficients, link.coefficients, atol=1e-12)


def test_a_whole_link_runs_under_it():
    detector = Detector(0.5, dark_count_rate_hz=5e3, window_s=1e-8)
    hops = [
        ql.ElementaryLink(*ends, ql.Fiber(30), source=MidpointSource(clock_hz=1e6), detector=detector)
        for ends in ((A, B), (B, C))
    ]
    link = ql.swap(*hops)
    day = Environment([0, 12], temperature_c=[20, 36])
    cool, warm = (ql.evaluate(under(link, day, h)).fidelity for h in (0, 12))
    assert cool == ql.evaluate(link).fidelity
    hot = [ql.ElementaryLink(*hop.ends, day.medium(hop.medium, 12), source=hop.source,
                             detector=day.detector(detector, 12)) for hop in hops]  # fmt: skip
    assert warm == pytest.approx(ql.evaluate(ql.swap(*hot)).fidelity, abs=1e-12)
    assert warm < cool
    timeline = ql.simulate(under(link, day, 12), trials=20, seed=1)
    assert timeline.fidelity.best == pytest.approx(warm, abs=1e-9)


def test_a_clear_day():
    day = Environment.clear_day(mean_c=10, swing_k=5)
    assert (day.at(15).temperature_c, day.at(3).temperature_c) == (15, 5)
    assert [day.at(h).sky_radiance for h in (0, 6, 23)] == pytest.approx([SKY_RADIANCE["night"]] * 3)
    assert day.at(12).sky_radiance == pytest.approx(SKY_RADIANCE["day"])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Environment([]), "hours"),
        (lambda: Environment([1, 1]), "hours must be rising"),
        (lambda: Environment([0, 1], temperature_c=[1]), "temperature_c must have a value for each of the 2 hours"),
        (lambda: Environment([0], temperature_c=-300), "temperature_c"),
        (lambda: Environment([0], weather_transmittance=1.2), "weather_transmittance"),
        (lambda: Environment([0], recalibration_s=1, calibration_s=1), "calibration_s must be shorter"),
        (lambda: Environment([0], polarization_drift=0.1).medium(ql.Fiber(1), 0), "recalibration_s must be finite"),
        (lambda: under(ql.ElementaryLink(A, B), 3, 0), "environment"),
        (lambda: Environment([0]).medium(3, 0), "Fiber and FreeSpace"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises((TypeError, ValueError), match=text):
        make()
