"""Keys of passes and who gets them: sums over photon numbers, passes in closed form, bounds by hand, capacities."""

from dataclasses import replace
from itertools import combinations
from math import exp, factorial

import numpy as np
import pytest

from quantumlink.hardware import (
    CircularOrbit,
    DecoyDownlink,
    Detector,
    DualDownlink,
    MidpointSource,
    Node,
    Optics,
    PairDownlink,
    SatellitePass,
    sun_synchronous,
    walker,
)
from quantumlink.hardware.astronomy import sun_elevation_deg
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand, Network, Weather, find_overpasses, satellite_keys, serve_keys
from quantumlink.network.globe.keys import asymptotic_bits, secret_length
from quantumlink.rates import binary_entropy
from quantumlink.security import DecoyBound, SinglePhotonBound

START = "2026-03-20T00:00:00Z"
TELESCOPES = Optics(
    wavelength_nm=850, divergence_rad=10e-6, divergence_angle="full", pointing_jitter_rad=1.2e-6,
    receiver_diameter_m=1.0, zenith_loss_db=3.0, optics_efficiency=0.16, seeing_rad=5e-6, depolarization=0.01,
)  # fmt: skip
DETECTOR = Detector(0.5, dark_count_rate_hz=100, window_s=2e-9, misalignment=0.005)
DECOYS = DecoyDownlink(TELESCOPES, DETECTOR)
PAIRS = PairDownlink(
    replace(TELESCOPES, optics_efficiency=0.3, zenith_loss_db=1.0), replace(DETECTOR, window_s=1e-9),
    source=MidpointSource(fidelity=0.97, pair_probability=0.05, clock_hz=1e9),
)  # fmt: skip
CITIES = [
    Node("vienna", position=(48.2, 16.4)),
    Node("madrid", position=(40.4, -3.7)),
    Node("beijing", position=(39.9, 116.4)),
]


def flock(link=None, count=6):
    orbits = walker(count, 3, 1, altitude_km=500, inclination_deg=60)
    return [Node(f"s{i}", role="satellite", memories=0, orbit=o, downlink=link) for i, o in enumerate(orbits)]


@pytest.fixture(scope="module")
def day():
    return find_overpasses(flock(DECOYS), CITIES, start=START)


@pytest.fixture(scope="module")
def keys(day):
    return satellite_keys(day)


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.8])
def test_a_pulse_clicks_as_the_sum_over_its_photons(mean):
    detector, eta, kept = Detector(0.5, dark_count_rate_hz=1e5, window_s=1e-6, misalignment=0.02), 0.3, 0.9
    clicks = wrong = 0.0
    noise = detector.noise_probability
    for photons in range(40):
        weight = exp(-mean) * mean**photons / factorial(photons)
        seen = 1 - (1 - eta * 0.5) ** photons
        clicks += weight * (seen + (1 - seen) * noise)
        wrong += weight * (seen * (1 - kept * detector.contrast) / 2 + (1 - seen) * noise / 2)
    found = detector.pulse_clicks(np.array([eta]), mean, kept=kept)
    assert [float(x[0]) for x in found] == pytest.approx([clicks, wrong], rel=1e-12)


def test_what_a_pass_brings_is_the_integral_of_the_pass_in_closed_form():
    leo = Node("leo", orbit=CircularOrbit(500, 0.0, precession=False), downlink=DECOYS)
    quito = Node("quito", position=(0.0, -78.5))
    day = find_overpasses([leo], [quito], start=START)
    keys = satellite_keys(day, block="pass")
    optics = {name: getattr(TELESCOPES, name) for name in TELESCOPES.__dataclass_fields__}
    over = SatellitePass(500, min_elevation_deg=20, inclination_deg=0.0, **optics)
    receiver = DECOYS.lit("night")
    stray = over.background_rate_hz("night", field_of_view_rad=5e-5, filter_nm=1.0)
    assert receiver.background_rate_hz == pytest.approx(0.5 * stray)

    def rate(path, mean, which):
        return 1e8 * float(receiver.pulse_clicks(np.array([path.transmittance]), mean, kept=0.99)[which][0])

    by_pass = [[x for x in keys.slices if x.overpass == i] for i in sorted({x.overpass for x in keys.slices})]
    whole = [found for found in by_pass if sum(x.duration_s for x in found) == pytest.approx(over.duration_s)]
    assert len(whole) >= 4
    for slices in whole:
        counts = np.sum([one.clicks for one in slices], axis=0)
        for i, (mean, share) in enumerate(zip(DECOYS.intensities, DECOYS.probabilities, strict=True)):
            for which in (0, 1):
                expected = share * over.integrate(lambda path, m=mean, w=which: rate(path, m, w))
                assert counts[which, i] == pytest.approx(expected, rel=2e-4)


def test_pairs_are_those_of_a_dual_downlink():
    leo = Node("leo", orbit=CircularOrbit(500, 0.0, precession=False), downlink=replace(PAIRS, by_day=False))
    stations = [Node("west", position=(0.0, 0.0)), Node("east", position=(0.0, float(np.degrees(900 / 6371))))]
    keys = satellite_keys(find_overpasses([leo], stations, start=START, min_elevation_deg=20), block="pass")
    optics = {name: getattr(PAIRS.optics, name) for name in TELESCOPES.__dataclass_fields__}
    over = SatellitePass(500, min_elevation_deg=20, inclination_deg=0.0, **optics)
    both = DualDownlink(over, over, station_distance_km=900)
    pair = PAIRS.source.herald(both, detector=PAIRS.lit("night"))
    full = [block for block in keys.blocks if block.light_s == pytest.approx(both.duration_s, abs=1e-2)]
    assert full
    for block in full:
        assert block.ends == ("west", "east")
        assert block.sifted == pytest.approx(1e9 * pair.success_probability * both.duration_s / 2, rel=1e-3)
        _, phase, flip, twice = pair.bell_diagonal
        assert block.qber == pytest.approx((flip + 2 * twice + phase) / 2, rel=1e-3)


def test_lengths_are_those_of_the_bounds(keys):
    block = keys.blocks[0]
    counts = np.sum(
        [x.clicks for x in keys.slices if (x.satellite, x.stations) == (block.satellite, block.ends)], axis=0
    )
    key = tuple(int(x) for x in np.rint(counts[0] / 4))
    errors = tuple(int(x) for x in np.rint(counts[1] / 4))
    bound = DecoyBound(
        intensities=(0.8, 0.1, 0.0), probabilities=(0.5, 0.25, 0.25), key_counts=key, test_counts=key,
        test_errors=errors, eps_sec=1e-9, eps_cor=1e-15,
    )  # fmt: skip
    shares = counts[1] / counts[0]
    leak = sum(n * min(1.0, 1.16 * binary_entropy(float(e))) for n, e in zip(key, shares, strict=True))
    assert block.length == bound.terms(n=sum(key), leak=leak).length
    assert block.sifted == 2 * sum(key)
    pairs = np.array([[40_000.0], [800.0], [900.0]])
    length, sifted, qber = secret_length(PAIRS, pairs, keys.proof)
    by_hand = SinglePhotonBound(tested=10_000, qber=0.0225, eps_sec=1e-9, eps_cor=1e-15)
    assert length == by_hand.terms(n=10_000, leak=10_000 * 1.16 * binary_entropy(0.02)).length
    assert (sifted, qber) == (20_000, pytest.approx(0.02125))


@pytest.mark.parametrize("link", [DECOYS, PAIRS])
def test_long_blocks_come_to_the_asymptotic_key_from_below(link, keys):
    one = np.array([[1e4], [150.0], [200.0]]) if link is PAIRS else keys.slices[3].clicks
    limit = asymptotic_bits(link, one, keys.proof)
    shares = [secret_length(link, one * 10**i, keys.proof)[0] / 10**i / limit for i in range(7)]
    assert shares == sorted(shares)
    assert shares[-1] < 1 + 1e-6
    assert shares[-1] > 0.97


def test_light_only_counts_by_night_and_under_a_clear_sky(day):
    def light(**options):
        return sum(block.light_s for block in satellite_keys(day, **options).blocks)

    by_night = 0.0
    for one in day:
        times = one.rise_s + (np.arange(2000) + 0.5) * one.duration_s / 2000
        by_night += np.mean(sun_elevation_deg(times, day.stations[one.station].position) < -12) * one.duration_s
    assert light() == pytest.approx(by_night, abs=10)
    assert light(twilight_deg=-18) < light() < light(twilight_deg=0)
    assert light(weather=Weather(0.0)) == 0
    nothing = serve_keys(satellite_keys(day, weather=Weather(0.0)), [("vienna", "beijing")], choose=2)
    assert (nothing.bits, nothing.stations, len(nothing.out_of_reach)) == ((0,), (), 1)
    assert light(weather=Weather(1.0, seed=1)) == light()
    always = satellite_keys(
        find_overpasses(flock(replace(DECOYS, by_day=True)), CITIES, start=START), twilight_deg=-12
    )
    assert sum(one.duration_s for one in always.slices) == pytest.approx(sum(one.duration_s for one in day))


def test_by_day_the_sky_ends_most_keys(day):
    bright = DecoyDownlink(TELESCOPES, DETECTOR, by_day=True)
    dark, light = bright.lit("night"), bright.lit("day")
    ratio = (light.background_rate_hz) / (dark.background_rate_hz)
    assert ratio == pytest.approx(0.15 / 1.5e-6)
    times = np.array([1e-4])
    night, day_ = (bright.clicks_hz(times, np.array([when]))[1][0] for when in (True, False))
    assert day_[0] > 100 * night[0]


def test_weather_is_clear_as_often_as_said_and_forgets_as_said():
    hours = 200_000
    sky = Weather(0.3, correlation_h=5.0, seed=4)
    clear = sky.passed("a", hours)
    # Correlated draws: the variance of the mean is (1+r)/(1−r) times that of independent ones.
    r = exp(-1 / 5)
    error = np.sqrt(0.3 * 0.7 / hours * (1 + r) / (1 - r))
    assert abs(clear.mean() - 0.3) < 5 * error
    lag = np.corrcoef(clear[:-5], clear[5:])[0, 1]
    assert lag == pytest.approx(exp(-1), abs=0.02)
    assert (sky.passed("a", hours) == clear).all()
    assert (sky.passed("b", hours) != clear).any()
    assert (Weather(0.3, correlation_h=5.0, seed=5).passed("a", hours) != clear).any()
    assert Weather({"a": [0.5, 1.0]}).passed("a", 2).tolist() == [0.5, 1.0]


def test_thin_clouds_are_loss(day):
    # A short window, for clouds let stray light through and worse optics do not.
    sharp = replace(DECOYS, detector=replace(DETECTOR, window_s=1e-13))
    half = Weather({city.name: [0.5] * 24 for city in CITIES})
    veiled = satellite_keys(find_overpasses(flock(sharp), CITIES, start=START), weather=half)
    dim = replace(sharp, optics=replace(TELESCOPES, optics_efficiency=0.08))
    halved = satellite_keys(find_overpasses(flock(dim), CITIES, start=START))
    assert len(veiled.slices) == len(halved.slices) == len(satellite_keys(day).slices)
    for one, other in zip(veiled.slices, halved.slices, strict=True):
        assert one.clicks[:, :2] == pytest.approx(other.clicks[:, :2], rel=1e-3)


def test_one_pair_of_cities_gets_what_its_satellites_hand_on(keys):
    # Vienna and Beijing see no satellite at once, so nothing is in the way.
    served = serve_keys(keys, [("vienna", "beijing")])
    assert served.bits == (keys.relayed_bits("vienna", "beijing"),)
    assert served.total_bits > 1e6
    assert served.proven
    assert served.limit_bits == pytest.approx(served.bits[0], rel=1e-6)


def as_network(served):
    """Satellites as trusted nodes, pools as links of perfect pairs: what the capacities of networks say of it."""
    names = {pool[0] for pool in served.pools}
    nodes = {name: Node(name, role="trusted") for name in names} | {
        c.name: Node(c.name, role="end") for c in CITIES
    }
    links = [
        ElementaryLink(nodes[satellite], nodes[station], fidelity=1.0, rate_hz=bits / served.duration_s)
        for (satellite, station), bits in served.pools.items()
    ]
    used = {end.name for link in links for end in link.ends}
    return Network([node for name, node in nodes.items() if name in used], links)


def test_a_second_telescope_serves_a_second_satellite():
    orbits = [sun_synchronous(500, node_hour=22.5, phase_deg=phase) for phase in (0.0, 1.0)]
    twins = [Node(f"s{i}", orbit=orbit, downlink=DECOYS) for i, orbit in enumerate(orbits)]
    stations = [CITIES[0], CITIES[2]]
    keys = satellite_keys(find_overpasses(twins, stations, start=START, duration_s=2 * 86_400))
    one, two, three = (serve_keys(keys, [("vienna", "beijing")], telescopes=n).bits[0] for n in (1, 2, 3))
    assert two == three == keys.relayed_bits("vienna", "beijing")
    assert one < 0.75 * two


@pytest.mark.parametrize("wanted", [[(0, 2), (1, 2), (0, 1)], [(0, 2), (1, 2)]])
def test_what_is_served_is_the_capacity_of_the_keys_made(keys, wanted):
    demands = [(CITIES[i].name, CITIES[j].name) for i, j in wanted]
    served = serve_keys(keys, demands)
    found = as_network(served).capacity([Demand(a, b, kind="key") for a, b in demands])
    # The least that anybody gets is the network's largest common share.
    assert min(served.bits) == pytest.approx(found.scale * served.duration_s, rel=1e-5)
    assert served.total_bits <= served.limit_bits * (1 + 1e-3)


def test_nobody_looks_at_two_at_once_and_no_key_is_used_twice(keys):
    demands = [(a.name, b.name) for a, b in combinations(CITIES, 2)]
    served = serve_keys(keys, demands, aim="total")
    shares = {}
    for look in served.looks:
        for who in (look.satellite, *look.stations):
            shares[who, look.start_s] = shares.get((who, look.start_s), 0.0) + look.share
    assert max(shares.values()) <= 1 + 1e-6
    assert max(shares.values()) > 0.99
    # Every bit of a city's is one of its pools'.
    for city in CITIES:
        made = sum(bits for pool, bits in served.pools.items() if city.name in pool)
        used = sum(bits for ends, bits in zip(demands, served.bits, strict=True) if city.name in ends)
        assert used <= made
    two = serve_keys(keys, demands, aim="total", telescopes=2)
    assert two.total_bits >= served.total_bits
    fair = serve_keys(keys, demands)
    assert min(fair.bits) > min(served.bits)
    assert fair.total_bits <= served.total_bits * (1 + 1e-3)


def test_the_best_stations_are_those_of_trying_every_choice(keys):
    demands = [
        Demand("vienna", "beijing", kind="key", rate_hz=20),
        Demand("madrid", "beijing", kind="key", rate_hz=5),
    ]
    chosen = serve_keys(keys, demands, aim="total", choose=2)
    assert len(chosen.stations) == 2
    assert chosen.proven
    best = {}
    for names in combinations([c.name for c in CITIES], 2):
        within = [d for d in demands if {d.a, d.b} <= set(names)]
        if within:
            best[names] = serve_keys(keys, within, aim="total").total_bits
    assert chosen.stations == max(best, key=best.get)
    assert chosen.total_bits == pytest.approx(max(best.values()), rel=1e-4)
    # No more than is wanted.
    assert all(bits <= d.rate_hz * 86_400 for bits, d in zip(chosen.bits, demands, strict=True))


def test_fibre_joins_the_islands(keys):
    end, relay = Node("graz", position=(47.1, 15.4), role="end"), Node("relay", role="trusted")
    vienna = replace(CITIES[0], role="trusted")
    fibre = Network(
        [vienna, relay, end, CITIES[2]],
        [
            ElementaryLink(vienna, relay, fidelity=1.0, rate_hz=30.0),
            ElementaryLink(relay, end, fidelity=1.0, rate_hz=10.0),
        ],
    )
    direct = serve_keys(keys, [("vienna", "beijing")])
    served = serve_keys(keys, [("graz", "beijing")], network=fibre)
    assert served.bits == (min(direct.bits[0], 10 * 86_400),)
    both = serve_keys(keys, [("graz", "beijing"), ("graz", "vienna")], network=fibre)
    # Both demands share the slow fibre to Graz.
    assert sum(both.bits) == pytest.approx(864_000, abs=2)
    assert both.by_fiber[1] == both.bits[1]
    with pytest.raises(ValueError, match="no fibre leads from 'graz'"):
        serve_keys(keys, [("graz", "beijing")], network=Network([end, relay], [ElementaryLink(end, relay)]))


def test_pairs_need_no_trust_and_both_stations_at_once():
    leo = Node("leo", orbit=sun_synchronous(500, node_hour=22.5), downlink=PAIRS)
    stations = [CITIES[0], Node("graz", position=(47.1, 15.4)), CITIES[2]]
    keys = satellite_keys(find_overpasses([leo], stations, start=START, duration_s=3 * 86_400))
    assert {block.ends for block in keys.blocks} == {("vienna", "graz")}
    assert keys.total_bits("vienna", "graz") > 0
    assert keys.relayed_bits("vienna", "graz") == 0
    served = serve_keys(keys, [("graz", "vienna")])
    assert served.bits == (keys.total_bits("vienna", "graz"),)
    apart = serve_keys(keys, [("graz", "beijing"), ("graz", "vienna")])
    assert apart.bits == (0, *served.bits)  # what nobody can be given takes nothing from others
    assert [(one.a, one.b) for one in apart.out_of_reach] == [("graz", "beijing")]


def test_the_same_seed_gives_the_same_keys(day):
    sky = Weather(0.6, seed=3)
    one, other = (satellite_keys(day, weather=sky) for _ in range(2))
    assert one.blocks == other.blocks
    assert one.blocks != satellite_keys(day, weather=Weather(0.6, seed=4)).blocks
    assert "secret bits" in one._repr_html_()


REFUSED = [
    (ValueError, lambda d, k: satellite_keys(find_overpasses(flock(), CITIES, start=START)), ["downlink", "'s0'"]),
    (ValueError, lambda d, k: satellite_keys(d, block="day"), ["block", "pass, all"]),
    (ValueError, lambda d, k: satellite_keys(d, twilight_deg=5), ["twilight_deg", "0"]),
    (ValueError, lambda d, k: satellite_keys(d, slice_s=0.1), ["slice_s"]),
    (ValueError, lambda d, k: satellite_keys(d, f=0.9), ["f must", "1"]),
    (ValueError, lambda d, k: satellite_keys(d, eps_sec=0), ["eps_sec"]),
    (TypeError, lambda d, k: satellite_keys(k), ["passes"]),
    (TypeError, lambda d, k: satellite_keys(d, weather=0.5), ["weather"]),
    (ValueError, lambda d, k: Weather(1.5), ["clear", "1.5"]),
    (ValueError, lambda d, k: Weather({"a": []}), ["clear of a"]),
    (ValueError, lambda d, k: Weather({"a": [0.5, 2.0]}), ["clear of a", "2.0"]),
    (ValueError, lambda d, k: Weather({"a": [0.5]}).passed("a", 24), ["24 hours", "1"]),
    (ValueError, lambda d, k: serve_keys(k, []), ["demands"]),
    (ValueError, lambda d, k: serve_keys(k, [("vienna", "bejing")]), ["bejing", "did you mean 'beijing'"]),
    (ValueError, lambda d, k: serve_keys(k, [Demand("vienna", "beijing")]), ["kind 'key'"]),
    (ValueError, lambda d, k: serve_keys(k, [("vienna", "beijing")], choose=4), ["choose", "3"]),
    (ValueError, lambda d, k: serve_keys(k, [("vienna", "beijing")], aim="most"), ["aim", "total"]),
    (ValueError, lambda d, k: serve_keys(k, [("vienna", "beijing")], telescopes=0), ["telescopes"]),
    (ValueError, lambda d, k: k.total_bits("paris"), ["paris"]),
    (ValueError, lambda d, k: replace(DECOYS, intensities=(0.1, 0.8, 0)), ["intensities", "signal"]),
    (ValueError, lambda d, k: replace(DECOYS, probabilities=(0.5, 0.5, 0.5)), ["probabilities", "sum to 1"]),
    (ValueError, lambda d, k: PairDownlink(TELESCOPES, DETECTOR, source=MidpointSource()), ["clock_hz"]),
    (TypeError, lambda d, k: DecoyDownlink(DETECTOR, DETECTOR), ["optics"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_what_cannot_be_is_refused_by_name(kind, make, texts, day, keys):
    with pytest.raises(kind) as refusal:
        make(day, keys)
    for text in texts:
        assert text in str(refusal.value)


@pytest.mark.parametrize("block", ["all", "pass"])
def test_a_bright_day_does_not_spoil_the_key_of_the_night(day, block):
    dark = satellite_keys(day, block=block)
    bright = find_overpasses(flock(replace(DECOYS, by_day=True)), CITIES, start=START)
    lit = satellite_keys(bright, block=block)
    assert sum(one.duration_s for one in lit.slices) > 1.5 * sum(one.duration_s for one in dark.slices)
    for city in ("vienna", "beijing"):  # a slice of dusk is lost here and there
        assert lit.total_bits(city) > 0.98 * dark.total_bits(city) > 0
    ends = [("vienna", "beijing")]
    assert serve_keys(lit, ends).bits[0] > 0.98 * serve_keys(dark, ends).bits[0] > 0
