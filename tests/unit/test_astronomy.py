"""Orbits, the Sun and the Earth's turning: published values, closed forms, and what is refused."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from quantumlink.hardware import CircularOrbit, Node, TleOrbit, sun_synchronous, walker
from quantumlink.hardware.astronomy import in_shadow, place_km, seconds_of, seen_from, sun_elevation_deg, utc_of
from quantumlink.hardware.astronomy.clock import sidereal_angle_deg
from quantumlink.hardware.astronomy.sun import sun_direction
from quantumlink.hardware.orbit import EARTH_RADIUS_KM

VANGUARD = (
    "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753",
    "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667",
)
STATION = (
    "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927",
    "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537",
)


def test_sidereal_time_is_that_of_published_examples():
    # J. Meeus, Astronomical Algorithms, examples 12.a and 12.b.
    for time, (hours, minutes, seconds) in (
        ("1987-04-10T00:00:00Z", (13, 10, 46.3668)),
        ("1987-04-10T19:21:00Z", (8, 34, 57.0896)),
    ):
        published = 15 * (hours + minutes / 60 + seconds / 3600)
        assert sidereal_angle_deg(seconds_of("time", time)) == pytest.approx(published, abs=1e-5)


def test_the_sun_stands_where_the_almanac_has_it():
    # Meeus, example 25.a: 1992 October 13, apparent place.
    time = seconds_of("time", "1992-10-13T00:00:00Z")
    x, y, z = sun_direction(time)
    assert np.degrees(np.arcsin(z)) == pytest.approx(-7.78507, abs=0.01)
    ascension = np.degrees(np.arctan2(y, x)) + sidereal_angle_deg(time)
    assert ascension % 360 == pytest.approx(198.38083, abs=0.012)


@pytest.mark.parametrize(
    ("time", "declination"),
    [
        ("2026-03-20T14:46:00Z", 0.0),
        ("2026-06-21T08:25:00Z", 23.436),
        ("2026-09-23T00:06:00Z", 0.0),
        ("2026-12-21T20:50:00Z", -23.436),
    ],
)
def test_equinoxes_and_solstices_of_2026(time, declination):
    *_, z = sun_direction(seconds_of("time", time))
    assert np.degrees(np.arcsin(z)) == pytest.approx(declination, abs=0.01)


def test_the_sun_sets_after_half_a_day_at_an_equinox_and_never_in_the_polar_summer():
    times = seconds_of("time", "2026-03-20") + np.arange(0, 86_400, 10.0)
    for latitude in (0.0, 45.0, -60.0):
        assert np.mean(sun_elevation_deg(times, (latitude, 30.0)) > 0) == pytest.approx(0.5, abs=0.004)
    summer = seconds_of("time", "2026-06-21") + np.arange(0, 86_400, 60.0)
    assert (sun_elevation_deg(summer, (67.5, 10.0)) > 0).all()
    assert (sun_elevation_deg(summer, (-67.5, 10.0)) < 0).all()
    # The length of the night by its own closed form, cos h = −tan φ·tan δ.
    night = np.mean(sun_elevation_deg(summer, (48.0, 16.0)) < 0)
    hour_angle = np.degrees(np.arccos(-np.tan(np.radians(48.0)) * np.tan(np.radians(23.436))))
    assert night == pytest.approx(1 - hour_angle / 180, abs=0.002)


def test_a_plain_circle_closes_after_keplers_period_and_keeps_its_height():
    orbit = CircularOrbit(500, 63.0, node_deg=20.0, phase_deg=40.0, precession=False)
    assert orbit.period_s == pytest.approx(2 * np.pi * np.sqrt(6871.0**3 / 398_600.4418), rel=1e-12)
    times = seconds_of("time", "2026-03-20") + np.linspace(0, 86_400, 4001)
    places = orbit.places_km(times)
    assert np.linalg.norm(places, axis=-1) == pytest.approx(np.full(4001, 6871.0), rel=1e-12)
    assert np.degrees(np.arcsin(places[:, 2] / 6871.0)).max() == pytest.approx(63.0, abs=0.01)


def test_the_node_of_a_sun_synchronous_orbit_keeps_its_hour():
    start = "2026-01-01T00:00:00Z"
    orbit = sun_synchronous(500, node_hour=22.5, epoch=start)
    assert orbit.node_drift_deg_per_day * 365.2422 == pytest.approx(360.0, abs=1e-9)
    # Published rule of thumb: some 97.4° at 500 km, 98.6° at 800 km.
    assert orbit.inclination_deg == pytest.approx(97.4, abs=0.05)
    assert sun_synchronous(800, node_hour=12).inclination_deg == pytest.approx(98.6, abs=0.05)
    begin = seconds_of("time", start)
    times = begin + np.arange(0, 365 * 86_400.0, 20.0)
    z = orbit.places_km(times)[:, 2]
    north = np.flatnonzero((z[:-1] < 0) & (z[1:] >= 0))[::40]
    sun, below = sun_direction(times[north]), orbit.places_km(times[north])
    hours = (12 + np.degrees(np.arctan2(below[:, 1], below[:, 0]) - np.arctan2(sun[:, 1], sun[:, 0])) / 15) % 24
    assert hours[0] == pytest.approx(22.5, abs=0.05)
    assert np.abs(hours - 22.5).max() < 0.6  # the equation of time, counted from that of the first of January


def test_walker_patterns_spread_planes_and_satellites_evenly():
    galileo = walker(24, 3, 1, altitude_km=23_222, inclination_deg=56)
    assert sorted({orbit.node_deg for orbit in galileo}) == [0.0, 120.0, 240.0]
    phases = [orbit.phase_deg for orbit in galileo]
    assert np.diff(phases[:8]) == pytest.approx(np.full(7, 45.0))
    assert phases[8] - phases[0] == pytest.approx(15.0)
    star = walker(66, 6, 2, altitude_km=780, inclination_deg=86.4, pattern="star")
    assert sorted({orbit.node_deg for orbit in star}) == pytest.approx([0, 30, 60, 90, 120, 150])
    # A delta pattern looks the same from every plane: turning it by one plane and one phase step maps it on itself.
    seen = {(round(o.node_deg, 6), round(o.phase_deg, 6)) for o in galileo}
    turned = {(round((o.node_deg + 120) % 360, 6), round((o.phase_deg + 15) % 360, 6)) for o in galileo}
    assert turned == seen


def test_half_turns_in_the_shadow_as_the_closed_form_says():
    start = seconds_of("time", "2026-03-20T14:46:00Z")
    orbit = CircularOrbit(600, 0.0, precession=False)
    times = start + np.linspace(0, orbit.period_s, 20_001)
    share = in_shadow(orbit.places_km(times), times).mean()
    assert share == pytest.approx(np.arcsin(EARTH_RADIUS_KM / orbit.radius_km) / np.pi, abs=2e-4)
    polar = sun_synchronous(1500, node_hour=6.0, epoch="2026-03-20T14:46:00Z")
    times = start + np.linspace(0, polar.period_s, 2001)
    assert not in_shadow(polar.places_km(times), times).any()


def test_elevations_on_the_ellipsoid_and_the_sphere():
    for earth in ("sphere", "ellipsoid"):
        station = (48.2, 16.4)
        up = place_km((48.2, 16.4), "sphere") / EARTH_RADIUS_KM
        above = place_km(station, earth) + 700 * up
        elevation, distance = seen_from(station, earth, above)
        assert (float(elevation), float(distance)) == pytest.approx((90.0, 700.0))
    # WGS 84: the radius of the parallel and the height over the equator at 45°, from the ellipse itself.
    x, _, z = place_km((45.0, 0.0), "ellipsoid")
    assert (x / 6378.137) ** 2 + (z / 6356.752314) ** 2 == pytest.approx(1.0, abs=1e-9)
    slope = (z / 6356.752314**2) / (x / 6378.137**2)
    assert np.degrees(np.arctan(slope)) == pytest.approx(45.0, abs=1e-7)


def fixed_to_stars(places, times):
    angle = np.radians(sidereal_angle_deg(times))
    x, y, z = places.T
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y, z], axis=-1)


def test_two_line_elements_reproduce_the_published_verification():
    pytest.importorskip("sgp4")
    orbit = TleOrbit(*VANGUARD)
    # Vallado et al., AIAA 2006-6753: satellite 5 at its epoch and 360 and 4,320 minutes later, in km.
    published = {
        0.0: (7022.46529266, -1400.08296755, 0.03995155),
        360.0: (-7154.03120202, -3783.17682504, -3536.19412294),
        4320.0: (-9060.47373569, 4658.70952502, 813.68673153),
    }
    # Day 179.78495062 of 2000: 27 June.
    epoch = seconds_of("time", "2000-01-01T00:00:00Z") + 178.78495062 * 86_400
    times = epoch + 60 * np.array(list(published))
    places = fixed_to_stars(orbit.places_km(times), times)
    # A microsecond of the epoch is 8 mm; the Julian date holds some 10 µs.
    assert places == pytest.approx(np.array(list(published.values())), abs=2e-4)


def test_all_of_the_published_file_is_followed():
    sgp4 = pytest.importorskip("sgp4")
    folder = Path(sgp4.__file__).parent
    if not (folder / "tcppver.out").exists():
        pytest.skip("this sgp4 comes without its verification")
    found, satellite = {}, None
    for line in (folder / "tcppver.out").read_text().splitlines():
        words = line.split()
        if line.endswith("xx"):
            satellite = int(words[0])
        elif satellite is not None and len(words) >= 7:
            found.setdefault(satellite, []).append([float(word) for word in words[:4]])
    lines = (folder / "SGP4-VER.TLE").read_text().splitlines()
    checked = 0
    for first, second in pairwise(lines):
        if not (first.startswith("1 ") and second.startswith("2 ")):
            continue
        try:
            orbit = TleOrbit(first[:69], second[:69])
            rows = np.array(found[int(first[2:7])])
            year = int(first[18:20])
            begin = seconds_of("time", f"{1900 + year if year > 56 else 2000 + year}-01-01")
            times = begin + (float(first[20:32]) - 1) * 86_400 + 60 * rows[:, 0]
            places = fixed_to_stars(orbit.places_km(times), times)
        except ValueError:
            continue  # some of the file are broken on purpose, decay, or lie in the atmosphere
        error = np.linalg.norm(places - rows[:, 1:], axis=-1)
        assert error.max() < 1e-3, first
        checked += 1
    assert checked >= 15


def test_precession_is_that_of_two_line_elements():
    pytest.importorskip("sgp4")
    tle = TleOrbit(*STATION)
    start = seconds_of("time", "2008-09-20T12:25:40Z")

    def node(orbit, day):
        """The node's right ascension, by the direction of the angular momentum, averaged over an orbit."""
        times = start + day * 86_400 + np.linspace(0, orbit.period_s, 721)
        places = fixed_to_stars(orbit.places_km(times), times)
        normal = np.cross(places[:-1], places[1:]).sum(axis=0)
        return np.degrees(np.arctan2(normal[0], -normal[1]))

    circle = CircularOrbit(tle.altitude_km, tle.inclination_deg)
    kepler = (398_600.44 * (tle.period_s / (2 * np.pi)) ** 2) ** (1 / 3) - 6371
    assert tle.altitude_km == pytest.approx(kepler, abs=2)
    drift = (node(tle, 2) - node(tle, 0)) / 2
    assert (node(circle, 2) - node(circle, 0)) / 2 == pytest.approx(circle.node_drift_deg_per_day, abs=1e-5)
    assert circle.node_drift_deg_per_day == pytest.approx(drift, rel=0.01)


def test_times_are_read_and_told():
    assert utc_of(seconds_of("t", "2026-03-20T06:00:00+02:00")) == "2026-03-20T04:00:00Z"
    assert seconds_of("t", 12.5) == 12.5


BROKEN = STATION[0][:-1] + "3"
REFUSED = [
    (ValueError, lambda: CircularOrbit(-10, 50), ["altitude_km", "inside the Earth"]),
    (ValueError, lambda: CircularOrbit(50, 50), ["altitude_km", "atmosphere"]),
    (ValueError, lambda: CircularOrbit(1e9, 50), ["altitude_km", "500000"]),
    (ValueError, lambda: CircularOrbit(500, 190), ["inclination_deg", "180"]),
    (ValueError, lambda: CircularOrbit(500, 50, node_deg=float("nan")), ["node_deg"]),
    (ValueError, lambda: CircularOrbit(500, 50, epoch="yesterday"), ["epoch", "yesterday"]),
    (ValueError, lambda: CircularOrbit(500, 50, epoch="1900-01-01"), ["epoch", "1950"]),
    (TypeError, lambda: CircularOrbit(500, 50, precession=1), ["precession"]),
    (ValueError, lambda: sun_synchronous(8000, node_hour=12), ["altitude_km", "8000"]),
    (ValueError, lambda: sun_synchronous(500, node_hour=25), ["node_hour"]),
    (ValueError, lambda: walker(10, 3, 0, altitude_km=500, inclination_deg=50), ["planes", "divide"]),
    (ValueError, lambda: walker(9, 3, 3, altitude_km=500, inclination_deg=50), ["phasing", "2"]),
    (
        ValueError,
        lambda: walker(9, 3, 1, altitude_km=500, inclination_deg=50, pattern="stars"),
        ["pattern", "star"],
    ),
    (ValueError, lambda: TleOrbit(BROKEN, STATION[1]), ["line1", "checksum 7"]),
    (ValueError, lambda: TleOrbit(STATION[0], STATION[1][:-3]), ["line2", "69 characters"]),
    (ValueError, lambda: TleOrbit(STATION[1], STATION[0]), ["line1", "begin"]),
    (ValueError, lambda: TleOrbit(VANGUARD[0], STATION[1]), ["line2", "same satellite"]),
    (TypeError, lambda: TleOrbit(1, STATION[1]), ["line1"]),
    (TypeError, lambda: Node("a", orbit="low"), ["orbit", "CircularOrbit"]),
    (TypeError, lambda: Node("a", orbit=CircularOrbit), ["orbit"]),
    (ValueError, lambda: Node("a", orbit=CircularOrbit(500, 50), position=(1, 2)), ["moves", "position"]),
    (TypeError, lambda: Node("a", orbit=CircularOrbit(500, 50), downlink="light"), ["downlink"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_impossible_orbits_are_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)


def test_elements_that_make_no_orbit_say_so():
    pytest.importorskip("sgp4")
    # Satellite 28350 of the published file decays: SGP4 gives up where the published run does.
    falling = TleOrbit(
        "1 28350U 04020A   06167.21788666  .16154492  76267-5  18678-3 0  8894",
        "2 28350  64.9977 345.6130 0024870 260.7578  99.9590 16.47856722116490",
    )
    start = seconds_of("time", "2006-06-16T05:13:45Z")
    with pytest.raises(ValueError, match="28350"):
        falling.places_km(start + np.linspace(0, 30 * 86_400, 1000))


def test_without_sgp4_the_extra_is_named(monkeypatch):
    import builtins

    known = builtins.__import__

    def absent(name, *rest, **options):
        if name.startswith("sgp4"):
            raise ModuleNotFoundError(name)
        return known(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ModuleNotFoundError, match=r"quantumlink\[orbits\]"):
        TleOrbit(*STATION).places_km(0.0)
