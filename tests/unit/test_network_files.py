"""Network files: what is written is read back, and the networks that ship are what their comments say."""

import string
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from qiskit_aer.noise import amplitude_damping_error

from quantumlink import Fiber, Memory, Network, Node, Processor
from quantumlink.hardware import (
    Arms,
    BarrettKok,
    ClassicalSignal,
    Detector,
    DualDownlink,
    FreeSpace,
    InterSatelliteLink,
    MidpointBellMeasurement,
    MidpointSource,
    NodeSource,
    SatellitePass,
    SinglePhotonHeralding,
    TimeBinMeasurement,
)
from quantumlink.hardware.continuous_source import ContinuousSource
from quantumlink.hardware.source import TurnedSource
from quantumlink.link import ElementaryLink
from quantumlink.network import great_circle_km
from quantumlink.network.files import NODE_KEYS, link_keys
from quantumlink.parts import IN_TABLES, parts_of

FOLDER = Path(__file__).parents[2] / "notebooks" / "networks"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.toml"))
BUILT = {"beijing-shanghai", "cambridge", "cambridge-bt", "madrid", "secoqc", "tokyo"}
"""Networks that stand somewhere, with the lengths and rates that were published, and positions only where told."""

BEAM = {"wavelength_nm": 810.0, "receiver_diameter_m": 1.2, "divergence_rad": 1e-5, "divergence_angle": "full"}
PASS = SatellitePass(500, max_elevation_deg=40, **BEAM)
PARTS = [
    Fiber(20, traffic=(ClassicalSignal(1.0, 1540), ClassicalSignal(0.5, 1310, "backward"))),
    Fiber(12.5, group_index=1.45, connectors=3),
    FreeSpace(3, elevation_deg=20, weather_loss_db=2, **BEAM),
    PASS,
    DualDownlink(PASS, PASS, station_distance_km=1203),
    InterSatelliteLink(1000, altitude_km=600, other_altitude_km=700, **BEAM),
    Arms(Fiber(3), FreeSpace(5, **BEAM)),
    None,
]
GIVEN = [
    {"fidelity": 0.87},
    {"fidelity": 0.9, "rate_hz": 3.5},
    {"bell_diagonal": (0.7, 0.1, 0.15, 0.05), "success_probability": 1 / 3, "attempt_time_s": 1e-9},
    {"fidelity": 1.0, "success_probability": 0.1, "multiplexing": 7},
    {},
]
SOURCED = [
    {"source": MidpointSource(fidelity=0.98), "detector": Detector(0.9, dark_count_rate_hz=3.0)},
    {"source": MidpointSource(mean_pairs=0.1, clock_hz=1e6), "detector": (Detector(0.5), Detector(0.25))},
    {"source": NodeSource("right", kept_efficiency=0.5), "multiplexing": 3},
    {"source": ContinuousSource(pair_rate_hz=1e6, fidelity=0.98, correlation_time_s=2e-10)},
    {"source": MidpointBellMeasurement(visibility=0.9, preparation_s=1e-6)},
    {"source": TimeBinMeasurement(phase_jitter_rad=0.1, one_detector_twice=False)},
    {"source": SinglePhotonHeralding(0.05, phase_jitter_rad=0.1, phase_rad=0.3, double_excitation=0.01)},
    {"source": BarrettKok(visibility=0.9, round_s=1e-6)},
    {"source": TurnedSource(NodeSource("left", kept_efficiency=0.25))},
]
NAMES = st.text(string.printable + "äΦ→\x7f\x01\u2028", min_size=1, max_size=6).filter(str.strip)
NODE_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "memory": st.sampled_from(
            [Memory(10, 1), Memory(t1_s=3), Memory(), Memory(depolarizing_s=2, gaussian_s=3)]
        ),
        "processor": st.sampled_from(
            [
                Processor(1e-4, 2e-3, ((0.99, 0.01), (0.03, 0.97)), readout_s=1e-3),
                Processor(readout_error={0: 0.01, 1: [[0.9, 0.1], [0.2, 0.8]]}),
                Processor(noise={"x": amplitude_damping_error(0.1)}, reset_error=0.01, always_correct=True),
            ]
        ),
        "role": st.sampled_from(["end", "repeater", "trusted", "satellite"]),
        "memories": st.integers(1, 9),
        "position": st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    },
)


def there_and_back(folder, network):
    network.save(folder / "net.toml")
    return Network.load(folder / "net.toml")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("saved")


@pytest.mark.parametrize("medium", PARTS, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("given", [*GIVEN, *SOURCED], ids=lambda values: "-".join(values) or "nothing")
def test_every_part_comes_back(tmp_path, medium, given):
    a, b = Node("a"), Node("b")
    try:
        link = ElementaryLink(a, b, medium, **given)
    except (TypeError, ValueError):
        assert "source" in given  # which needs a medium, and may need one that has a middle
        return
    network = Network([a, b], [link, link.reversed()], "parts")
    again = there_and_back(tmp_path, network)
    assert again == network
    assert again.links[0].attempts == link.attempts


def shipped_parts(*kinds):
    """Those of the library, without what other tests register."""
    return {name: part for name, part in parts_of(*kinds).items() if part.cls.__module__.startswith("quantumlink.")}


def test_the_parts_above_are_all_that_files_know():
    assert {type(part) for part in PARTS if part} == {part.cls for part in shipped_parts("medium").values()}
    assert {type(values["source"]) for values in SOURCED} == {part.cls for part in shipped_parts("source").values()}


def test_the_schema_is_documented():
    from quantumlink.network import files

    for key in [*link_keys(), *NODE_KEYS, *shipped_parts(*IN_TABLES)]:
        assert key in files.__doc__ or key in ElementaryLink.__doc__


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_network_comes_back(scratch, data):
    names = data.draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    nodes = [Node(name, **data.draw(NODE_VALUES)) for name in names]
    links = [
        ElementaryLink(a, b, data.draw(st.sampled_from(PARTS)), **data.draw(st.sampled_from(GIVEN)))
        for a, b in pairwise(nodes)
    ]
    network = Network(nodes, links, data.draw(st.text(max_size=5).filter(str.isprintable)))
    assert there_and_back(scratch, network) == network


@settings(max_examples=60, deadline=None)
@given(fidelity=st.floats(0.25, 1))
@example(fidelity=0.1 + 0.2 + 0.4)
def test_numbers_come_back_to_the_last_digit(scratch, fidelity):
    network = Network([Node("a"), Node("b")], [ElementaryLink(Node("a"), Node("b"), fidelity=fidelity)])
    assert there_and_back(scratch, network).links[0].bell_diagonal == network.links[0].bell_diagonal


def test_a_medium_of_ones_own_cannot_be_written():
    class Rope:
        transmittance, delay_s, channel = 1.0, 1.0, None

    network = Network([Node("a"), Node("b")], [ElementaryLink(Node("a"), Node("b"), Rope())])
    with pytest.raises(TypeError, match=r"has no name for .*Rope.*Fiber"):
        network.to_toml()


# --- distances


@pytest.mark.parametrize(
    ("first", "second", "km"),
    [
        ((0, 0), (0, 180), 20015.1),  # half of the equator, 6371·π
        ((90, 0), (-90, 57), 20015.1),
        ((0, 0), (0, 0), 0),
        ((52.52, 13.405), (48.1351, 11.582), 504.4),  # Berlin, Munich
    ],
)
def test_great_circles(first, second, km):
    assert great_circle_km(first, second) == pytest.approx(km, abs=0.5)
    assert great_circle_km(second, first) == great_circle_km(first, second)


def test_great_circles_by_vectors(rng):
    """The angle between the places as vectors: another way than the haversine."""
    from math import acos, cos, radians, sin

    for _ in range(50):
        places = [(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(2)]
        (a, b), (c, d) = [[radians(x) for x in place] for place in places]
        dot = sin(a) * sin(c) + cos(a) * cos(c) * cos(b - d)
        assert great_circle_km(*places) == pytest.approx(6371 * acos(max(-1, min(1, dot))), abs=1e-3)


# --- networks that ship


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request):
    return Network.load(FOLDER / f"{request.param}.toml")


def test_the_networks_that_ship():
    programs = {"bank", "government", "hospitals", "laboratories"}
    assert set(SHIPPED) >= {"germany", "intercontinental", "metro", *programs}


def test_shipped_networks_come_back(shipped, tmp_path):
    assert there_and_back(tmp_path, shipped) == shipped


def on_a_satellite(node):
    return node.name.startswith("leo") or node.orbit is not None


def test_shipped_networks_hang_together(shipped):
    if not any(node.orbit for node in shipped.nodes.values()):  # which join islands of fibre
        assert len(shipped.groups()) == 1
    if shipped.name in BUILT:
        return
    assert all(link.attempts is not None for link in shipped.links)
    assert all(node.position is not None for node in shipped.nodes.values() if not on_a_satellite(node))


def test_shipped_fibres_are_no_shorter_than_the_way(shipped):
    for link in shipped.links:
        placed = link.left.position is not None and link.right.position is not None
        if isinstance(link.medium, Fiber) and placed:
            factor = link.medium.length_km / great_circle_km(link.left.position, link.right.position)
            assert factor >= 1.05
            if shipped.name in BUILT:
                continue
            if shipped.name in ("germany", "intercontinental", "metro") or link.medium.length_km > 40:
                assert factor <= 1.41  # within a town fibres go round


def test_no_shipped_link_beats_plob(shipped):
    """Secret bits per attempt and mode, at most those of a link without a repeater over the same medium."""
    from quantumlink.network import forecast

    for link in shipped.links:
        if link.source is not None:
            per_attempt = forecast(link).secret_fraction * link.success_probability
            assert per_attempt <= link.medium.plob_bits + 1e-12


def test_the_backbone_gives_keys_over_germany():
    network = Network.load(FOLDER / "germany.toml")
    (route,) = network.routes("hamburg", "munich", 1)
    assert route.proven
    assert route.length_km > 1.4 * great_circle_km((53.5511, 9.9937), (48.1351, 11.5820))
    assert route.secret_key_rate_hz > 10
    assert all(hop.medium.length_km <= 80 for hop in network.links)


def test_a_key_from_vienna_to_beijing_passes_a_satellite():
    network = Network.load(FOLDER / "intercontinental.toml")
    route = network.key_route("vienna", "beijing")
    assert {"graz", "leo", "xinglong"} <= set(route.trusted_nodes)
    assert route.secret_key_rate_hz > 1000
    with pytest.raises(ValueError, match=r"no route from 'vienna' to 'beijing'.*'graz'.*key_route"):
        network.route("vienna", "beijing")
    with pytest.raises(ValueError, match="no route"):
        network.without(nodes=["leo", "leo-2"]).key_route("vienna", "beijing")
    # the published rate of entangled pairs at 1203 km is about one a second (Yin et al. 2017)
    assert 0.3 < network.key_route("delingha", "lijiang").rate_hz < 3
    assert network.key_route("delingha", "lijiang").trusted_nodes == ()


def test_the_metropolitan_network_survives_its_relay():
    network = Network.load(FOLDER / "metro.toml")
    assert network.routes("vienna", "bratislava", 1)[0].nodes == ("vienna", "relay", "bratislava")
    broken = network.without(nodes=["relay"])
    assert broken.routes("vienna", "bratislava", 1)[0].nodes == ("vienna", "south", "bratislava")
    with pytest.raises(ValueError, match=r"no route from 'alice' to 'bob'.*groups.*'alice' \|"):
        broken.route("alice", "bob")


def test_a_place_that_cannot_be_written_is_named_as_it_was_given(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        Network.load(FOLDER / "metro.toml").save(tmp_path / "nowhere" / "net.toml")
    assert caught.value.filename == str(tmp_path / "nowhere" / "net.toml")
