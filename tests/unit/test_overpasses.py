"""Passes over stations: closed forms, a scan second by second, and what is refused."""

import numpy as np
import pytest

from quantumlink.hardware import CircularOrbit, DualDownlink, Node, SatellitePass, TleOrbit, walker
from quantumlink.hardware.astronomy import seconds_of, seen_from, utc_of
from quantumlink.network import Network, find_overpasses

START = "2026-03-20T00:00:00Z"
OPTICS = {"wavelength_nm": 850, "beam_waist_m": 0.15, "receiver_diameter_m": 1.0}
STATION = TleOrbit(
    "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927",
    "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537",
)


def test_a_pass_along_the_equator_lasts_as_long_as_the_closed_form_says():
    # Over the equator the Earth's turning is exactly a slower satellite: SatellitePass has the closed form.
    leo = Node("leo", orbit=CircularOrbit(500, 0.0, precession=False))
    quito = Node("quito", position=(0.0, -78.5))
    for mask in (0.0, 10.0, 45.0, 80.0):
        day = find_overpasses([leo], [quito], start=START, min_elevation_deg=mask)
        expected = SatellitePass(500, min_elevation_deg=mask, inclination_deg=0.0, **OPTICS)
        whole = [one for one in day if one.rise_s > day.start_s and one.set_s < day.start_s + day.duration_s]
        assert len(whole) in (13, 14, 15)
        for one in whole:
            assert one.duration_s == pytest.approx(expected.duration_s, abs=1e-4)
            assert one.max_elevation_deg == pytest.approx(90.0, abs=1e-3)
            assert one.min_distance_km == pytest.approx(500.0, abs=1e-3)
            assert one.culmination_s == pytest.approx((one.rise_s + one.set_s) / 2, abs=1e-3)
        between = np.diff([one.culmination_s for one in whole])
        assert between == pytest.approx(np.full(len(between), 2 * np.pi / expected.angular_speed_rad_s), abs=2e-3)


def test_two_stations_share_a_satellite_as_long_as_a_dual_downlink_says():
    leo = Node("leo", orbit=CircularOrbit(500, 0.0, precession=False))
    degrees = np.degrees(1203 / 6371)
    stations = [Node("west", position=(0.0, 10.0)), Node("east", position=(0.0, 10.0 + degrees))]
    day = find_overpasses([leo], stations, start=START, min_elevation_deg=10)
    over = SatellitePass(500, inclination_deg=0.0, **OPTICS)
    both = DualDownlink(over, over, station_distance_km=1203)
    windows = day.common("west", "east")
    assert len(windows) >= 13
    assert [one.duration_s for one in windows[1:-1]] == pytest.approx(
        [both.duration_s] * (len(windows) - 2), abs=1e-3
    )
    assert [one.start_s for one in day.common("east", "west")] == [one.start_s for one in windows]


@pytest.mark.parametrize("case", range(4))
def test_passes_are_those_of_a_scan_second_by_second(case):
    generator = np.random.default_rng(case)
    heights, tilts = generator.uniform(300, 2000, 3), generator.uniform(0, 180, 3)
    nodes, phases = generator.uniform(0, 360, (2, 3))
    orbits = [
        CircularOrbit(h, i, node_deg=n, phase_deg=p)
        for h, i, n, p in zip(heights, tilts, nodes, phases, strict=True)
    ]
    if case == 0:
        pytest.importorskip("sgp4")
        orbits.append(STATION)
    start = "2008-09-20" if case == 0 else START
    satellites = [Node(f"s{i}", orbit=orbit) for i, orbit in enumerate(orbits)]
    places = np.stack([generator.uniform(-90, 90, 4), generator.uniform(-180, 180, 4)], axis=1)
    stations = [Node(f"g{i}", position=(float(a), float(b))) for i, (a, b) in enumerate(places)]
    masks = {f"g{i}": mask for i, mask in enumerate((0.0, 10.0, 35.0, 60.0))}
    day = find_overpasses(satellites, stations, start=start, min_elevation_deg=masks)
    times = day.start_s + np.arange(86_400.0)
    for satellite in satellites:
        spots = satellite.orbit.places_km(times)
        for station in stations:
            elevation, distance = seen_from(station.position, satellite.orbit.earth, spots)
            seen = elevation > masks[station.name]
            passes = [one for one in day.over(station.name) if one.satellite == satellite.name]
            told = np.zeros_like(seen)
            for one in passes:
                within = (times >= one.rise_s) & (times < one.set_s)
                told |= within
                if within.any():
                    assert elevation[within].max() <= one.max_elevation_deg + 1e-9
                    assert elevation[within].max() == pytest.approx(one.max_elevation_deg, abs=0.15)
                    assert distance[within].min() == pytest.approx(one.min_distance_km, rel=0.01)
            assert (told == seen).all()


def test_a_short_pass_between_two_samples_is_found():
    leo = Node("leo", orbit=CircularOrbit(500, 51.6))
    vienna = Node("vienna", position=(48.2, 16.4))
    low = find_overpasses([leo], [vienna], start=START, duration_s=3 * 86_400, min_elevation_deg=0)
    highest = max(one.max_elevation_deg for one in low)
    brief = find_overpasses([leo], [vienna], start=START, duration_s=3 * 86_400, min_elevation_deg=highest - 0.01)
    assert len(brief) == 1
    assert 0 < brief[0].duration_s < 5


def test_passes_at_the_ends_are_cut_and_a_geostationary_satellite_never_sets():
    fixed = Node("geo", orbit=CircularOrbit(35_793.2, 0.0, precession=False))
    stations = [Node(f"g{i}", position=(0.0, float(i))) for i in range(-180, 180, 20)]
    day = find_overpasses([fixed], stations, start=START, duration_s=7200, min_elevation_deg=10)
    assert day
    assert all(one.duration_s == 7200 for one in day)
    assert day.covered_s(day[0].station) == 7200


def test_what_is_covered_counts_once_what_several_satellites_see():
    satellites = [
        Node(f"s{i}", orbit=orbit)
        for i, orbit in enumerate(walker(66, 6, 2, altitude_km=780, inclination_deg=86.4, pattern="star"))
    ]
    # Iridium's pattern sees every place at all times from some 8° up: 66 satellites, 780 km.
    stations = [Node("equator", position=(0.0, 20.0)), Node("north", position=(60.0, -30.0))]
    day = find_overpasses(satellites, stations, start=START, duration_s=7200, min_elevation_deg=8)
    assert day.covered_s("north") == pytest.approx(7200)
    assert day.covered_s("equator") >= 0.97 * 7200
    assert sum(one.duration_s for one in day.over("north")) > 7200


def test_of_a_network_satellites_and_stations_are_found():
    network = Network([Node("leo", orbit=CircularOrbit(500, 97.4)), Node("a", position=(48, 16)), Node("b")], [])
    day = find_overpasses(network, start=START)
    assert (set(day.satellites), set(day.stations)) == ({"leo"}, {"a"})
    assert day[0].rise == utc_of(day[0].rise_s)
    assert "passes a day" in day._repr_html_()
    assert len(find_overpasses(network, ["a"], start=START)) == len(day)


LEO, PLACE = Node("leo", orbit=CircularOrbit(500, 97.4)), Node("a", position=(48.0, 16.0))
REFUSED = [
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, min_elevation_deg=-5), ["min_elevation_deg"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, min_elevation_deg=90), ["below 90"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, min_elevation_deg={"b": 5}), ["'b'"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, duration_s=1e9), ["duration_s", "366 days"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, duration_s=float("inf")), ["duration_s"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START, duration_s=0), ["duration_s"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start="soon"), ["start", "soon"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start="2050-01-01"), ["2050"]),
    (ValueError, lambda: find_overpasses([PLACE], [PLACE], start=START), ["orbit", "'a'"]),
    (ValueError, lambda: find_overpasses([LEO], [LEO], start=START), ["position", "'leo'"]),
    (ValueError, lambda: find_overpasses([LEO], start=START), ["stations"]),
    (ValueError, lambda: find_overpasses([], [PLACE], start=START), ["satellites"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE, PLACE], start=START), ["twice"]),
    (
        ValueError,
        lambda: find_overpasses(Network([LEO, PLACE], []), ["aa"], start=START),
        ["aa", "did you mean 'a'"],
    ),
    (TypeError, lambda: find_overpasses(LEO, [PLACE], start=START), ["lists"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START).over("b"), ["station", "'b'"]),
    (ValueError, lambda: find_overpasses([LEO], [PLACE], start=START).common("a", "a"), ["another"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_what_cannot_be_looked_for_is_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)


def test_times_of_passes_are_those_of_the_elevation():
    day = find_overpasses([LEO], [PLACE], start=START, min_elevation_deg=25)
    for one in day:
        ends = np.array([one.rise_s, one.set_s])
        elevation, _ = seen_from(PLACE.position, "sphere", LEO.orbit.places_km(ends))
        assert elevation == pytest.approx([25, 25], abs=1e-5)
    assert seconds_of("t", START) == day.start_s
