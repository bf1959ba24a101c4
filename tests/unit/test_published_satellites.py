"""Published passes and constellations beside what is computed here, with their assumptions and the difference."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from scipy.optimize import brentq

from quantumlink.hardware import CircularOrbit, DecoyDownlink, Detector, Node, Optics, SatellitePass, walker
from quantumlink.hardware.astronomy import seconds_of, seen_from
from quantumlink.hardware.orbit import slant_range_km
from quantumlink.network.globe.keys import Proof, secret_length

PROOF = Proof(eps_sec=1e-9, eps_cor=1e-15, f=1.16)


def counts_of(link, over, step_s=0.5):
    half = over.duration_s / 2
    times = np.arange(-half, half, step_s) + step_s / 2
    elevation, distance = over.position(times)
    clicks = link.clicks_hz(link.transmittance(distance, elevation), np.ones(len(times), dtype=bool))
    return np.array([found.sum(axis=1) * step_s for found in clicks])


def over_of(optics, **options):
    return SatellitePass(**options, **{name: getattr(optics, name) for name in optics.__dataclass_fields__})


def test_the_pass_of_micius():
    """Liao et al., Nature 549, 43 (2017): 273 s from 1,200 km over 645 km to 1,200 km, 1.67 Mbit, 300,939 bits.

    Assumed besides: a circle at 500 km; 100 MHz; intensities 0.8, 0.1, 0 sent with 1/2, 1/4, 1/4; bases with 1/2
    each; 10 µrad edge to edge, 1.2 µrad of jitter, 1 m, 3 dB at the zenith, telescopes that pass 16 %, detectors of
    50 %.
    """
    highest, lowest = (
        brentq(lambda e, d=distance: float(slant_range_km(500, e)) - d, 5, 90) for distance in (645, 1200)
    )
    optics = Optics(
        wavelength_nm=850, divergence_rad=10e-6, divergence_angle="full", pointing_jitter_rad=1.2e-6,
        receiver_diameter_m=1.0, zenith_loss_db=3.0, optics_efficiency=0.16,
    )  # fmt: skip
    over = over_of(
        optics, altitude_km=500, max_elevation_deg=highest, min_elevation_deg=lowest, inclination_deg=97.4
    )
    # Nothing fitted: the time is right to half a percent, the light is 3.4 dB too much.
    assert over.duration_s == pytest.approx(273, abs=1.5)
    detector = Detector(0.5, dark_count_rate_hz=100, window_s=2e-9, misalignment=0.0095)

    def sifted(efficiency):
        link = DecoyDownlink(replace(optics, optics_efficiency=efficiency), detector)
        return link, counts_of(link, over)

    assert sifted(0.16)[1][0].sum() / 2 == pytest.approx(3.68e6, rel=0.01)
    efficiency = brentq(lambda x: sifted(x)[1][0].sum() / 2 - 1.67e6, 0.01, 0.2)
    assert 10 * np.log10(0.16 / efficiency) == pytest.approx(3.44, abs=0.02)
    link, counts = sifted(efficiency)
    secret, bits, qber = secret_length(link, counts, PROOF)
    assert bits == pytest.approx(1.67e6, rel=1e-3)
    assert qber == pytest.approx(0.0114, abs=2e-4)  # 1.1 % were published; the misalignment was chosen so
    # Here one basis makes the key and the other tests it; published, both made it. So much lies between:
    assert secret == pytest.approx(187_600, rel=0.01)
    assert secret < 300_939 < 2 * secret
    assert 2 * secret == pytest.approx(300_939, rel=0.26)


@pytest.mark.parametrize(
    ("loss_db", "detected", "secret"),
    [(26.9897, 1.22667e8, 4.86131e7), (32.9897, 3.08272e7, 1.19647e7), (38.9897, 7.74796e6, 2.91404e6)],
)
def test_zenith_passes_of_satquma(loss_db, detected, secret):
    """The table that SatQuMA ships (out_multi-Pec-QBERI_1.0GHz.csv): a pass through the zenith, ±220 s.

    Its assumptions: 500 km, 1 GHz, intensities 0.7921, 0.1707, 0 with 0.7501, 0.1749, 0.075, key basis 0.7611, loss
    at the zenith as given, intrinsic errors 0.1 %, dark counts 1e-8 a window, afterpulses 0.1 %, ε = 1e-9, 1e-15.
    Its air is a MODTRAN table, of which 1 dB at the zenith is the nearest here; its bound of Lim et al. has other
    tails.
    """
    optics = Optics(wavelength_nm=810, beam_waist_m=0.15, receiver_diameter_m=1.2, zenith_loss_db=1.0)
    known_db = -10 * np.log10(optics.transmitted(500.0, 90.0)["diffraction"]) + 1.0
    optics = replace(optics, optics_efficiency=float(10 ** ((known_db - loss_db) / 10)))
    over = over_of(optics, altitude_km=500, min_elevation_deg=10.0268)
    assert over.duration_s == pytest.approx(2 * 220, rel=0.01)
    # An afterpulse is a wrong bit half of the time.
    detector = Detector(dark_count_rate_hz=20.0, window_s=1e-9, misalignment=0.001 + 0.0005)
    link = DecoyDownlink(
        optics, detector, clock_hz=1e9, intensities=(0.7921, 0.1707, 0.0), probabilities=(0.7501, 0.1749, 0.075),
        z_probability=0.7611, field_of_view_rad=1e-9, filter_nm=1e-3,
    )  # fmt: skip
    counts = counts_of(link, over)
    assert 0.7611**2 * counts[0].sum() == pytest.approx(detected, rel=0.06)
    assert secret_length(link, counts, PROOF)[0] == pytest.approx(secret, rel=0.06)


def published_losses(stations, rings, each, height_km, times):
    """Losses in dB to both stations over every satellite, as the programme of Khatri et al. computes them.

    Written after its formulas: polar rings over 180°, the Earth turning in 86,400 s, air by h/L − (L² − h²)/(2RL).
    """
    radius, mass = 6371e3, 6.67408e-11 * 5.972e24
    height = height_km * 1e3
    speed = np.sqrt(mass) / (radius + height) ** 1.5
    ring, number = np.meshgrid(np.arange(rings) * np.pi / rings, 2 * np.pi * np.arange(each) / each, indexing="ij")
    phase = number.ravel()[:, None] + speed * times
    ring = ring.ravel()[:, None]
    sky = (radius + height) * np.stack(
        [np.sin(phase) * np.cos(ring), np.sin(phase) * np.sin(ring), np.cos(phase)]
    )  # fmt: skip
    total = 0.0
    for latitude, longitude in stations:
        angle = np.radians(longitude) + 2 * np.pi * times / 86_400
        level = np.cos(np.radians(latitude))
        ground = radius * np.stack(
            [level * np.cos(angle), level * np.sin(angle), np.full_like(angle, np.sin(np.radians(latitude)))]
        )
        length = np.linalg.norm(sky - ground[:, None, :], axis=0)
        spread = 0.025 * np.sqrt(1 + (length * 810e-9 / (np.pi * 0.025**2)) ** 2)
        upright = height / length - (length**2 - height**2) / (2 * radius * length)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            passed = (1 - np.exp(-2 * 0.75**2 / spread**2)) * np.where(upright > 0, 0.5 ** (1 / upright), 0.0)
            total = total - 10 * np.log10(passed)
    return total


@pytest.mark.parametrize(("rings", "each", "height_km"), [(3, 4, 1500), (8, 12, 1000), (20, 20, 600)])
def test_polar_constellations_of_khatri_and_others(rings, each, height_km):
    """Khatri et al., npj Quantum Inf. 7, 4 (2021): pairs from polar rings to two stations, at most 90 dB.

    Compared with the programme the authors published beside the preprint, not with the figures of the paper: waists
    of 2.5 cm, telescopes of 0.75 m radius, 810 nm, half of the light through the air at the zenith. The difference
    is the air near the horizon (here that of Kasten and Young), and the sidereal day.
    """
    stations = [(0.0, 5.0), (0.0, 15.0)]
    times = np.arange(0, 86_400, 120.0)
    published = published_losses(stations, rings, each, height_km, times).min(axis=0)
    orbits = walker(
        rings * each, rings, 0, altitude_km=height_km, inclination_deg=90, pattern="star", precession=False
    )
    optics = Optics(wavelength_nm=810, beam_waist_m=0.025, receiver_diameter_m=1.5, zenith_loss_db=3.0103)
    start = seconds_of("time", "2026-03-20")
    best = np.full(len(times), np.inf)
    for orbit in orbits:
        total = np.zeros(len(times))
        for place in stations:
            elevation, distance = seen_from(place, "sphere", orbit.places_km(start + times))
            up = elevation > 0
            passed = prod(optics.transmitted(distance[up], elevation[up]).values())
            total[up] -= 10 * np.log10(passed)
            total[~up] = np.inf
        best = np.minimum(best, total)
    covered = (published < 90).mean()
    assert (best < 90).mean() == pytest.approx(covered, abs=0.02)
    assert (covered < 0.9) == (rings == 3)
    for share in (0.1, 0.25, 0.5) if rings > 3 else (0.1, 0.25):
        assert np.quantile(best, share) == pytest.approx(
            np.quantile(published, share), abs=0.3 if rings > 3 else 0.5
        )


def test_iridium_covers_the_globe_from_eight_degrees():
    """66 satellites, 6 planes, 780 km, 86.4°: designed for 8.2° of least elevation everywhere."""
    satellites = [
        Node(f"s{i}", orbit=orbit)
        for i, orbit in enumerate(walker(66, 6, 2, altitude_km=780, inclination_deg=86.4, pattern="star"))
    ]
    times = seconds_of("time", "2026-03-20") + np.arange(0, 6100, 60.0)
    places = np.stack([node.orbit.places_km(times) for node in satellites])
    for place in [(0.0, x) for x in range(-180, 180, 30)] + [(35.0, 10.0), (-60.0, 100.0), (90.0, 0.0)]:
        elevation, _ = seen_from(place, "sphere", places)
        assert (elevation.max(axis=0) > 8.2).mean() > 0.9
    assert CircularOrbit(780, 86.4).period_s == pytest.approx(100.4 * 60, rel=0.005)
