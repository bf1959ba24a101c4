"""Media against integrals, channels and an atmosphere of one's own; and what is refused."""

from math import exp, inf, log10, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, trapezoid
from scipy.stats import ncx2

from quantumlink.hardware import (
    Arms,
    Fiber,
    FreeSpace,
    InterSatelliteLink,
    Medium,
    air_mass,
    background_rate_hz,
    earth_radiance,
    plob_bits,
)

EXACT = 1e-12
PAULIS = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
DOWN = {"wavelength_nm": 850, "beam_waist_m": 0.15, "receiver_diameter_m": 1.0}


def mixed(rho, channel):
    """A Pauli channel on a density matrix."""
    px, py, pz = channel.params
    return sum(p * q @ rho @ q.conj().T for p, q in zip((1 - px - py - pz, px, py, pz), PAULIS, strict=True))


# --- fibre


@settings(max_examples=40, deadline=None, derandomize=True)
@given(length=st.floats(0, 300), connectors=st.integers(0, 20), loss=st.floats(0, 2))
def test_connectors_add_their_loss(length, connectors, loss):
    fiber = Fiber(length, connectors=connectors, connector_loss_db=loss)
    assert fiber.loss_db == pytest.approx(0.2 * length + connectors * loss, rel=EXACT)
    assert fiber.transmittance == pytest.approx(10 ** (-0.02 * length) * 10 ** (-connectors * loss / 10), rel=1e-9)
    assert sum(fiber.losses_db.values()) == fiber.loss_db
    half = fiber.half()
    assert half.transmittance**2 == pytest.approx(fiber.transmittance, rel=1e-9)
    assert 2 * half.delay_s == pytest.approx(fiber.delay_s, rel=EXACT)


def test_polarization_on_the_way_by_many_short_pieces():
    gamma, delta, length, pieces = 2e-3, 5e-3, 80.0, 4000
    rho = np.array([[0.7, 0.3 - 0.2j], [0.3 + 0.2j, 0.3]])
    wanted = rho
    # A kilometre at a time and less: white noise, and a phase flip, each to first order.
    for _ in range(pieces):
        step = length / pieces
        wanted = (1 - gamma * step) * wanted + gamma * step * np.eye(2) / 2
        wanted = (1 - delta * step / 2) * wanted + delta * step / 2 * PAULIS[3] @ wanted @ PAULIS[3]
    fiber = Fiber(length, depolarization_per_km=gamma, dephasing_per_km=delta)
    # Euler's error: (γ² + γδ + δ²)·L²/2 over the number of pieces.
    np.testing.assert_allclose(
        mixed(rho, fiber.channel), wanted, rtol=0, atol=(gamma + delta) ** 2 * length**2 / pieces
    )


def test_polarization_shrinks_by_exponentials():
    channel = Fiber(30, depolarization_per_km=1e-3, dephasing_per_km=4e-3).channel
    for pauli, shrunk in ((PAULIS[1], exp(-0.15)), (PAULIS[2], exp(-0.15)), (PAULIS[3], exp(-0.03))):
        np.testing.assert_allclose(mixed(pauli, channel), shrunk * pauli, rtol=0, atol=1e-12)


def test_two_halves_disturb_as_much_as_the_whole():
    fiber = Fiber(40, depolarization_per_km=3e-3, dephasing_per_km=1e-3)
    arms = Arms(fiber.half(), fiber.half())
    np.testing.assert_allclose(arms.channel.params, fiber.channel.params, rtol=0, atol=1e-15)
    assert arms.transmittance == pytest.approx(fiber.transmittance, rel=EXACT)
    assert arms.delay_s == pytest.approx(fiber.delay_s, rel=EXACT)


def test_no_noise_no_channel():
    assert Fiber(50, connectors=3).channel is None
    assert Fiber(0, depolarization_per_km=1).channel is None
    assert FreeSpace(10, **DOWN).channel is None
    assert Arms(Fiber(1), Fiber(2)).channel is None
    assert Arms(Fiber(1, dephasing_per_km=1e-3), Fiber(2)).channel is not None
    long = Fiber(1e6, depolarization_per_km=1)  # all is lost: a maximally mixed qubit
    assert long.channel.params == [0.25, 0.25, 0.25]


# --- free space


def test_a_gaussian_beam_spreads_as_in_the_textbook():
    for distance in (0.0, 1.0, 83.2, 1200.0, 40_000.0):
        path = FreeSpace(distance, **DOWN)
        rayleigh = pi * 0.15**2 / 850e-9
        radius = 0.15 * sqrt(1 + (distance * 1e3 / rayleigh) ** 2)
        assert path.beam_radius_m == pytest.approx(radius, rel=EXACT)
        assert path.transmittance == pytest.approx(1 - exp(-2 * 0.5**2 / radius**2), rel=1e-9)
        assert path.delay_s == pytest.approx(distance / 299_792.458, rel=EXACT)


def collected(radius, jitter, aperture, shadow=0.0):
    """The mean share of a beam whose axis wanders, by quadrature over where the axis is.

    Intensity is a Gaussian of standard deviation w/2 an axis; how much of it a disk off its axis holds is a
    noncentral chi-squared distribution; and the offset is a Rayleigh variable.
    """
    scale = radius / 2

    def held(offset):
        return float(np.diff(ncx2.cdf((np.array([shadow, aperture]) / scale) ** 2, 2, (offset / scale) ** 2))[0])

    if not jitter:
        return held(0.0)
    return quad(lambda x: held(x) * x / jitter**2 * exp(-(x**2) / 2 / jitter**2), 0, 12 * jitter, epsabs=1e-11)[0]


@pytest.mark.parametrize("jitter", [0.0, 0.4e-6, 2e-6])
@pytest.mark.parametrize("shadow", [0.0, 0.35])
@pytest.mark.parametrize("distance", [20.0, 500.0, 1200.0])
def test_jitter_is_averaged_exactly_for_any_aperture(jitter, shadow, distance):
    path = FreeSpace(distance, **DOWN, pointing_jitter_rad=jitter, receiver_obscuration_m=shadow)
    wanted = collected(path.beam_radius_m, jitter * distance * 1e3, 0.5, shadow / 2)
    assert path.transmittance == pytest.approx(wanted, abs=1e-9)


def test_jitter_of_a_small_receiver_is_the_familiar_factor():
    small = {**DOWN, "receiver_diameter_m": 0.01}
    still, moving = FreeSpace(1000, **small), FreeSpace(1000, **small, pointing_jitter_rad=1e-6)
    w, sigma = still.beam_radius_m, 1.0
    assert moving.transmittance / still.transmittance == pytest.approx(w**2 / (w**2 + 4 * sigma**2), rel=1e-5)
    # 1e-5: the receiver is 0.005 m beside a beam of 1.8 m, (0.005/1.8)² = 8e-6


def test_seeing_is_jitter_of_the_same_width_that_grows_with_air_mass():
    sigma = 2e-6
    seeing = FreeSpace(600, **DOWN, seeing_rad=2 * sqrt(2 * np.log(2)) * sigma)
    jitter = FreeSpace(600, **DOWN, pointing_jitter_rad=sigma)
    assert seeing.transmittance == pytest.approx(jitter.transmittance, rel=EXACT)
    low = FreeSpace(600, **DOWN, seeing_rad=seeing.seeing_rad, elevation_deg=30)
    spread = FreeSpace(600, **DOWN, pointing_jitter_rad=sigma * float(air_mass(30)) ** 0.6)
    assert low.transmittance == pytest.approx(spread.transmittance, rel=EXACT)


def test_half_and_full_angles_differ_by_six_decibels():
    rest = {"wavelength_nm": 850, "receiver_diameter_m": 0.1}
    half = FreeSpace(1200, **rest, divergence_rad=10e-6, divergence_angle="half")
    full = FreeSpace(1200, **rest, divergence_rad=10e-6, divergence_angle="full")
    assert half.loss_db - full.loss_db == pytest.approx(20 * log10(2), abs=1e-3)  # a receiver of 0.1 m in 6 m
    assert FreeSpace(1200, **rest, divergence_rad=20e-6, divergence_angle="full").loss_db == half.loss_db


def test_waist_and_divergence_say_the_same_at_the_limit_of_diffraction():
    limit = 850e-9 / (pi * 0.15)
    by_waist = FreeSpace(1200, **DOWN)
    rest = {"wavelength_nm": 850, "receiver_diameter_m": 1.0, "divergence_rad": limit, "divergence_angle": "half"}
    by_angle, by_both = FreeSpace(1200, **rest), FreeSpace(1200, **rest, beam_waist_m=0.15)
    assert by_angle.waist_m == pytest.approx(0.15, rel=EXACT)
    assert by_angle.transmittance == pytest.approx(by_waist.transmittance, rel=EXACT)
    assert by_both.transmittance == pytest.approx(by_waist.transmittance, rel=EXACT)
    wide = FreeSpace(1200, **{**rest, "divergence_rad": 2 * limit}, beam_waist_m=0.15)
    assert wide.beam_radius_m == pytest.approx(sqrt(0.15**2 + (2 * limit * 1.2e6) ** 2), rel=EXACT)


def test_air_mass_of_an_exponential_atmosphere_on_a_sphere():
    # Straight rays through air that falls by e every 8.4 km; refraction and the true profile make 1 % above 10°.
    def column(elevation):
        up = 6371 * np.sin(np.radians(elevation))

        def height(s):
            return (s**2 + 2 * s * up + 6371**2) ** 0.5 - 6371

        return quad(lambda s: exp(-height(s) / 8.4), 0, 2000, limit=200)[0]

    for elevation in (90, 60, 30, 20, 10):
        assert float(air_mass(elevation)) == pytest.approx(column(elevation) / column(90), rel=0.01)
    # As Kasten and Young tabulate: 38 at the horizon, to a percent; and never below one, never falling.
    assert float(air_mass(0)) == pytest.approx(38, rel=0.01)
    masses = air_mass(np.linspace(0, 90, 500))
    assert masses[-1] == 1
    assert np.all(np.diff(masses) <= 0)


def test_losses_by_their_causes():
    path = FreeSpace(
        800, **DOWN, pointing_jitter_rad=1e-6, zenith_loss_db=2.0, weather_loss_db=1.5, elevation_deg=30.0,
        optics_efficiency=0.25, seeing_rad=5e-6,
    )  # fmt: skip
    losses = path.losses_db
    assert sum(losses.values()) == pytest.approx(path.loss_db, rel=EXACT)
    assert path.transmittance == pytest.approx(10 ** (-path.loss_db / 10), rel=1e-12)
    assert losses["atmosphere"] == pytest.approx(2 * 1.9943, rel=1e-4)
    assert losses["weather"] == pytest.approx(1.5, rel=EXACT)
    assert losses["optics"] == pytest.approx(6.0206, rel=1e-5)
    assert losses["diffraction"] == pytest.approx(FreeSpace(800, **DOWN).loss_db, rel=EXACT)
    assert min(losses.values()) > 0.1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    distance=st.floats(0, 1e6),
    waist=st.floats(1e-3, 2),
    diameter=st.floats(1e-3, 10),
    jitter=st.floats(0, 1e-3),
    zenith=st.floats(0, 20),
    elevation=st.floats(0, 90),
)
def test_no_path_makes_light_or_gains_by_worse_parts(distance, waist, diameter, jitter, zenith, elevation):
    parts = {"wavelength_nm": 850, "beam_waist_m": waist, "receiver_diameter_m": diameter}
    path = FreeSpace(distance, **parts, pointing_jitter_rad=jitter, zenith_loss_db=zenith, elevation_deg=elevation)
    assert isinstance(path, Medium)
    assert 0 <= path.transmittance <= 1
    assert path.transmittance <= FreeSpace(distance, **parts).transmittance * (1 + EXACT)
    assert path.plob_bits >= path.transmittance / np.log(2) * (1 - EXACT)
    assert all(loss >= 0 for loss in path.losses_db.values())


def test_halves_of_a_path_in_air():
    path = FreeSpace(20, **DOWN, weather_loss_db=3, depolarization=0.19)
    half = path.half()
    assert (half.distance_km, half.weather_loss_db) == (10, 1.5)
    assert half.depolarization == pytest.approx(0.1, abs=EXACT)  # 1 − 0.9²
    np.testing.assert_allclose(Arms(half, half).channel.params, path.channel.params, rtol=0, atol=1e-15)


def test_capacity_of_two_arms_is_that_of_the_weaker():
    assert Arms(Fiber(50), Fiber(10)).plob_bits == plob_bits(0.1)
    assert plob_bits(0.5) == 1
    assert plob_bits(1) == inf
    assert plob_bits(0) == 0


# --- between satellites


@pytest.mark.parametrize(
    ("distance", "one", "other", "lowest"),
    [
        (2000, 500, 500, sqrt(6871**2 - 1000**2) - 6371),
        (500, 500, 1000, 500),  # straight up
        (4600, 500, 500, sqrt(6871**2 - 2300**2) - 6371),
        (700, 500, 1000, 500),  # rising all the way
    ],
)
def test_how_low_a_path_between_satellites_comes(distance, one, other, lowest):
    path = InterSatelliteLink(distance, altitude_km=one, other_altitude_km=other, **DOWN)
    assert path.lowest_altitude_km == pytest.approx(lowest, abs=1e-9)
    # The same by walking along it: place the satellites in a plane, the first one on the x axis.
    r1, r2 = 6371 + one, 6371 + other
    angle = np.arccos((r1**2 + r2**2 - distance**2) / (2 * r1 * r2))
    ends = np.array([[r1, 0], [r2 * np.cos(angle), r2 * np.sin(angle)]])
    walk = np.linspace(ends[0], ends[1], 20_001)
    assert np.linalg.norm(walk, axis=1).min() - 6371 == pytest.approx(lowest, abs=1e-3)
    assert path.transmittance == FreeSpace(distance, **DOWN).transmittance


def test_a_medium_shows_what_was_said_of_it():
    path = FreeSpace(1200, **DOWN, zenith_loss_db=2)
    said = "distance_km=1200.0, wavelength_nm=850.0, receiver_diameter_m=1.0, beam_waist_m=0.15, zenith_loss_db=2.0"
    assert repr(path) == f"FreeSpace({said})"
    assert eval(repr(path)) == path


def test_satellites_whose_altitudes_do_not_matter():
    path = InterSatelliteLink(40_000, **DOWN)
    assert path.lowest_altitude_km == inf
    assert path.half() == FreeSpace(20_000, **DOWN)


# --- stray light


def test_stray_light_by_counting_photons():
    rate = background_rate_hz(
        1.5e-6, wavelength_nm=850, receiver_diameter_m=1.0, field_of_view_rad=1e-4, filter_nm=1.0, efficiency=0.5
    )
    photon_j = 6.62607015e-34 * 299_792_458 / 850e-9
    assert rate == pytest.approx(0.5 * 1.5e-6 * pi / 4 * pi * (0.5e-4) ** 2 / photon_j, rel=1e-9)


def test_the_sun_as_a_black_body_gives_the_solar_constant():
    # Sunlight over all wavelengths, from the radiance of a ground of albedo 0.3: the solar constant, 1361 W/m².
    wavelengths = np.geomspace(150, 2e5, 4000)
    spectrum = [earth_radiance("day", float(x)) * pi / 0.3 for x in wavelengths]
    assert trapezoid(spectrum, wavelengths) == pytest.approx(1361, rel=2e-3)
    # The full moon lights the ground about 400,000 times less than the sun; as a matt sphere, within a factor of 2.
    assert 2e5 < earth_radiance("day", 550) / earth_radiance("night", 550) < 8e5


# --- refusals


OPTICS = {"wavelength_nm": 850, "receiver_diameter_m": 1.0}
REFUSED = [
    (ValueError, lambda: Fiber(1, connectors=-1), ["connectors", "-1"]),
    (TypeError, lambda: Fiber(1, connectors=1.5), ["connectors", "1.5"]),
    (ValueError, lambda: Fiber(1, connector_loss_db=-0.3), ["connector_loss_db", "-0.3"]),
    (ValueError, lambda: Fiber(1, depolarization_per_km=-1), ["depolarization_per_km", "-1"]),
    (ValueError, lambda: Fiber(1, dephasing_per_km=inf), ["dephasing_per_km", "inf"]),
    (ValueError, lambda: FreeSpace(-1, **DOWN), ["distance_km", "-1"]),
    (ValueError, lambda: FreeSpace(1, **OPTICS), ["beam_waist_m", "divergence_rad", "neither"]),
    (ValueError, lambda: FreeSpace(1, **OPTICS, beam_waist_m=0), ["beam_waist_m", "above zero", "0"]),
    (ValueError, lambda: FreeSpace(1, **OPTICS, divergence_rad=1e-5), ["divergence_angle", "half", "full"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, divergence_angle="half"), ["divergence_angle", "divergence_rad"]),
    (
        ValueError,
        lambda: FreeSpace(1, **OPTICS, divergence_rad=1e-5, divergence_angle="ful"),
        ["divergence_angle", "'full'"],
    ),
    (
        ValueError,
        lambda: FreeSpace(1, **DOWN, divergence_rad=1.8e-6, divergence_angle="half"),
        ["narrower than diffraction", "1.8e-06", "1.804e-06"],
    ),
    (
        ValueError,
        lambda: FreeSpace(1, **DOWN, divergence_rad=3.6e-6, divergence_angle="full"),
        ["narrower than diffraction"],
    ),
    (ValueError, lambda: FreeSpace(1, **DOWN, elevation_deg=-1), ["elevation_deg", "-1", "0"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, elevation_deg=91), ["elevation_deg", "91"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, zenith_loss_db=-1), ["zenith_loss_db", "-1"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, optics_efficiency=1.1), ["optics_efficiency", "1.1"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, optics_efficiency=0), ["optics_efficiency", "0"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, pointing_jitter_rad=-1e-6), ["pointing_jitter_rad"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, receiver_obscuration_m=1.0), ["receiver_obscuration_m", "1"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, depolarization=1.5), ["depolarization", "1.5"]),
    (ValueError, lambda: FreeSpace(1, **{**DOWN, "wavelength_nm": 0}), ["wavelength_nm", "0"]),
    (ValueError, lambda: FreeSpace(1, **DOWN, zenith_loss_db=1).half(), ["zenith_loss_db", "Arms"]),
    (TypeError, lambda: Arms(Fiber(1), 2.0), ["right", "2.0"]),
    (ValueError, lambda: InterSatelliteLink(4900, altitude_km=500, **DOWN), ["4900", "500", "the atmosphere"]),
    (ValueError, lambda: InterSatelliteLink(9000, altitude_km=500, **DOWN), ["9000", "the Earth"]),
    (ValueError, lambda: InterSatelliteLink(20_000, altitude_km=500, **DOWN), ["20000", "impossible"]),
    (
        ValueError,
        lambda: InterSatelliteLink(100, altitude_km=500, other_altitude_km=700, **DOWN),
        ["100", "500", "700", "impossible"],
    ),
    (
        ValueError,
        lambda: InterSatelliteLink(100, altitude_km=-5, **DOWN),
        ["altitude_km", "-5", "inside the Earth"],
    ),
    (
        ValueError,
        lambda: InterSatelliteLink(100, other_altitude_km=500, **DOWN),
        ["other_altitude_km", "altitude_km"],
    ),
    (ValueError, lambda: InterSatelliteLink(100, **DOWN, zenith_loss_db=1), ["zenith_loss_db", "no air"]),
    (ValueError, lambda: plob_bits(1.1), ["transmittance", "1.1"]),
    (ValueError, lambda: earth_radiance("noon", 850), ["time_of_day", "'noon'", "day"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_impossible_media_are_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)
