"""How long after an attempt began both ends know of it: ways of light and ways of messages, clocked or not."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from quantumlink import ElementaryLink, Fiber, Memory, Network, Node, forecast, simulate, swap
from quantumlink.hardware import (
    Arms,
    BarrettKok,
    ContinuousSource,
    Detector,
    DualDownlink,
    Environment,
    HeraldedPair,
    MidpointBellMeasurement,
    MidpointSource,
    NodeSource,
    SatellitePass,
    SinglePhotonHeralding,
    TimeBinMeasurement,
)
from quantumlink.link import under
from quantumlink.network import Demand, Reservation, operate
from quantumlink.parts import from_data, to_data

A, R, B = Node("a"), Node("r", Memory(depolarizing_s=2e-3), memories=1), Node("b")
WAY_S = Fiber(100).delay_s
FAR = Arms(Fiber(25), Fiber(75))
P = 1e-6
"""False alarms of what is sampled."""

# The ways of light until it is detected, and of messages until both ends know: over equal arms, and over arms of a
# quarter and three quarters of the way.
SOURCES = {
    "node": (NodeSource, (1, 1), None),
    "midpoint": (MidpointSource, (0.5, 1), (0.75, 1)),
    "bell": (MidpointBellMeasurement, (0.5, 0.5), (0.75, 0.75)),
    "time bins": (TimeBinMeasurement, (0.5, 0.5), (0.75, 0.75)),
    "one photon": (lambda **clock: SinglePhotonHeralding(0.2, **clock), (0.5, 0.5), (0.75, 0.75)),
    "two rounds": (BarrettKok, (0.5, 0.5), (0.75, 0.75)),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("arms", [False, True])
@pytest.mark.parametrize("slower", [None, 1, 3.5, 0.25])
def test_light_and_messages_take_their_ways(kind, arms, slower):
    """A clock changes how often there are attempts, not when the ends know of one."""
    source, equal, unequal = SOURCES[kind]
    ways, medium = (unequal, FAR) if arms else (equal, Fiber(100))
    if ways is None:
        return
    delay_s = None if slower is None else slower * WAY_S
    expected = (ways[0] + ways[1] * (1 if slower is None else slower)) * WAY_S
    for clock_hz in (None, 1e7, 10.0):
        link = ElementaryLink(A, B, medium, source=source(clock_hz=clock_hz), classical_delay_s=delay_s)
        step_s = 1 / clock_hz if clock_hz else expected
        p = link.attempts.success_probability
        for told in (link, link.reversed()):
            assert told.herald_delay_s == pytest.approx(expected, rel=1e-12)
            assert told.attempts.time_s == pytest.approx(step_s, rel=1e-12)
            first_s = (1 / p - 1) * step_s + max(step_s, expected)
            assert forecast(told).latency_s == pytest.approx(first_s, rel=1e-9)


def test_what_comes_before_the_light_leaves_counts():
    before = ElementaryLink(A, B, Fiber(100), source=NodeSource(preparation_s=1e-3), classical_delay_s=2 * WAY_S)
    assert before.herald_delay_s == before.attempt_time_s == pytest.approx(1e-3 + 3 * WAY_S, rel=1e-12)
    rounds = ElementaryLink(A, B, Fiber(100), source=BarrettKok(round_s=1e-4, clock_hz=1e6))
    assert rounds.herald_delay_s == pytest.approx(1e-4 + WAY_S, rel=1e-12)
    detour = ElementaryLink(A, B, Fiber(0), source=NodeSource(clock_hz=1e6), classical_delay_s=1e-3)
    assert detour.herald_delay_s == 1e-3


def test_over_a_pass_of_a_satellite_it_is_the_mean():
    telescopes = {"wavelength_nm": 810, "beam_waist_m": 0.1, "receiver_diameter_m": 1.2}
    passes = (SatellitePass(500, max_elevation_deg=angle, **telescopes) for angle in (40, 60))
    both = DualDownlink(*passes, station_distance_km=1000)
    light_s, message_s = 0.0, 0.0
    for share, arms in both.moments:
        ways_s = [arm.distance_km / 299792.458 for arm in (arms.left, arms.right)]
        light_s += share * max(ways_s)
        message_s += share * sum(ways_s)
    for source in (MidpointSource(), MidpointSource(clock_hz=1e8)):
        for slower in (1, 3):
            link = ElementaryLink(A, B, both, source=source, classical_delay_s=slower * both.delay_s)
            expected = light_s + slower * message_s
            found = [told.herald_delay_s for told in (link, link.reversed())]
            assert found == pytest.approx([expected] * 2, rel=1e-5)


def test_coincidences_are_known_when_either_end_has_told_the_other():
    detector = Detector(0.6, dark_count_rate_hz=500, window_s=1e-9)
    link = ElementaryLink(A, B, Fiber(100), source=ContinuousSource(pair_rate_hz=1e6), detector=detector)
    assert link.attempts.time_s == 1e-9
    assert link.herald_delay_s == pytest.approx(1.5 * WAY_S, rel=1e-12)


def test_two_links_of_unlike_sources_as_they_are_drawn_by_hand(rng, seed):
    """Photons there and back on one side, from the middle on the other; the earlier half waits in the relay."""
    clock_hz, trials, lengths_km = 1e5, 40_000, (60, 90)
    hops = [
        ElementaryLink(*ends, Fiber(km), source=source(clock_hz=clock_hz))
        for ends, km, source in zip(((A, R), (R, B)), lengths_km, (NodeSource, MidpointSource), strict=True)
    ]
    one, other = (
        (rng.geometric(10 ** (-0.02 * km), trials) - 1) / clock_hz + ways * km * 1.468 / 299792.458
        for km, ways in zip(lengths_km, (2, 1.5), strict=True)
    )
    swapped = np.maximum(one, other)
    left = np.exp(-(2 * swapped - one - other) / 2e-3)
    told, link = swapped + max(lengths_km) * 1.468 / 299792.458, swap(*hops)
    played = simulate(link, trials=trials, seed=seed)
    assert stats.ks_2samp(played.latencies_s.round(9), told.round(9)).pvalue > P
    assert stats.ks_2samp(played.fidelities.round(9), ((1 + 3 * left) / 4).round(9)).pvalue > P
    found = forecast(link)
    error = stats.norm.isf(P / 2) / np.sqrt(trials)
    assert found.latency_s == pytest.approx(told.mean(), abs=error * told.std() + 1e-3 * told.std())
    assert found.fidelity == pytest.approx((1 + 3 * left.mean()) / 4, abs=error * left.std() + 3e-4)


@dataclass(frozen=True)
class Wire:
    """A medium of a given delay."""

    delay_s: float
    transmittance: float = 0.6
    channel = None

    def half(self):
        return Wire(self.delay_s / 2)


@pytest.mark.parametrize("source", [NodeSource, MidpointSource])
@pytest.mark.parametrize("memories", [None, 1])
def test_what_is_operated_is_what_is_simulated(seed, source, memories):
    """Over links whose moments are those of whole slots."""
    nodes = [Node(name, Memory(depolarizing_s=0.05), memories=memories) for name in "arb"]
    hops = [
        ElementaryLink(*ends, Wire(way_s), source=source(clock_hz=500.0))
        for ends, way_s in zip(pairwise(nodes), (4e-3, 6e-3), strict=True)
    ]
    network, number = Network(nodes, hops), 400
    requests = [Demand("a", "b", count=number)]
    operation = operate(network, requests, policy=Reservation(setup=False), duration_s=100, slot_s=1e-3, seed=seed)
    found, played = operation.deliveries, simulate(network.route("a", "b"), trials=10_000, seed=seed)
    latencies = np.diff(found.time_s, prepend=0.0)
    assert len(latencies) == number
    # There and back over the longer link, or one and a half times its way, and the way of the swap's outcome.
    least_s = (2 if source is NodeSource else 1.5) * 6e-3 + 6e-3
    assert latencies.min() == pytest.approx(least_s) == played.latencies_s.min()
    assert stats.ks_2samp(latencies.round(6), played.latencies_s.round(6)).pvalue > P
    assert stats.ks_2samp(found.fidelity.round(9), played.fidelities.round(9)).pvalue > P


class Beacon:
    """A source of one's own, of a state that is not the same from either end."""

    def __init__(self, **told):
        self.told = told

    def herald(self, medium, *, detector=None):
        state = np.diag([0.5, 0.3, 0.1, 0.1]).astype(complex)
        return HeraldedPair(0.2, 1e-6, state=state, **self.told)


def test_a_source_of_ones_own_says_it_or_not():
    silent = ElementaryLink(A, B, Fiber(100), source=Beacon(), classical_delay_s=3 * WAY_S)
    assert silent.heralded_s is None
    assert silent.herald_delay_s == silent.reversed().herald_delay_s == 2 * WAY_S
    told = {"heralded_s": 1e-2, "message_s": 2 * WAY_S}
    link = ElementaryLink(A, B, Fiber(100), source=Beacon(**told), classical_delay_s=3 * WAY_S)
    assert link.herald_delay_s == link.reversed().herald_delay_s == pytest.approx(1e-2 + 4 * WAY_S, rel=1e-12)
    assert link.attempts.time_s == 1e-6
    waiting = ElementaryLink(A, B, Fiber(100), source=Beacon(**told, waits=True), classical_delay_s=3 * WAY_S)
    assert waiting.attempts.time_s == waiting.herald_delay_s == link.herald_delay_s


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"heralded_s": -1.0}, "heralded_s"),
        ({"heralded_s": float("nan")}, "heralded_s"),
        ({"message_s": 1.0}, "message_s"),
        ({"heralded_s": 1.0, "message_s": 2.0}, "message_s"),
        ({"waits": True}, "heralded_s"),
    ],
)
def test_what_cannot_be_is_refused(told, word):
    with pytest.raises(ValueError, match=word):
        HeraldedPair(0.5, 1.0, (1, 0, 0, 0), **told)


def test_a_stated_link_may_say_it(tmp_path):
    stated = {"fidelity": 0.9, "success_probability": 0.5, "attempt_time_s": 1e-6}
    link = ElementaryLink(A, B, Fiber(100), **stated, heralded_s=2 * WAY_S)
    assert forecast(link).latency_s == pytest.approx(1e-6 + 2 * WAY_S, rel=1e-9)
    assert simulate(link, trials=3, seed=1).latencies_s.min() >= 2 * WAY_S
    assert link != ElementaryLink(A, B, Fiber(100), **stated)
    assert ElementaryLink(A, B, success_probability=0.5, heralded_s=1e-3).attempts.time_s == 1e-3
    for each in (link, link.reversed(), ElementaryLink(A, B, Fiber(100), source=NodeSource(clock_hz=1e6))):
        assert each.heralded_s == 2 * WAY_S
        assert from_data(json.loads(json.dumps(to_data(each)))) == each
        Network([A, B], [each], name="n").save(tmp_path / "n.toml")
        assert Network.load(tmp_path / "n.toml").links == (each,)
    with pytest.raises(ValueError, match="not both"):
        ElementaryLink(A, B, Fiber(100), source=NodeSource(clock_hz=1e6), heralded_s=1e-3)


def test_an_interrupted_link_is_heralded_as_late():
    day = Environment([0, 24], temperature_c=[20, 20], recalibration_s=10, calibration_s=2)
    link = ElementaryLink(A, B, Fiber(100), source=NodeSource(clock_hz=1e6))
    found = under(link, day, 0)
    assert found.attempts.time_s > link.attempts.time_s
    assert found.herald_delay_s == link.herald_delay_s
