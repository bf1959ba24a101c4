"""Satellites in network files: saved, loaded, described by the schema, and refused by name."""

import tomllib

import pytest

from quantumlink.hardware import (
    DecoyDownlink,
    Detector,
    Memory,
    MidpointSource,
    Node,
    Optics,
    PairDownlink,
    TleOrbit,
    walker,
)
from quantumlink.network import Network, NetworkFileError, file_schema

OPTICS = Optics(wavelength_nm=850, receiver_diameter_m=1.0, beam_waist_m=0.15)
LINES = (
    "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927",
    "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537",
)


@pytest.fixture
def network():
    one, other = walker(2, 2, 1, altitude_km=500, inclination_deg=97.4)
    detector, source = Detector(0.5), MidpointSource(fidelity=0.95, clock_hz=1e7)
    nodes = [
        Node("s0", role="satellite", memories=0, orbit=one, downlink=DecoyDownlink(OPTICS, detector, by_day=True)),
        Node("s1", role="satellite", orbit=other, downlink=PairDownlink(OPTICS, detector, source=source)),
        Node("s2", role="satellite", memory=Memory(t1_s=10.0), memories=100, orbit=TleOrbit(*LINES)),
        Node("vienna", position=(48.2, 16.4)),
    ]
    return Network(nodes, [], "sky")


def test_satellites_come_back_with_memories_or_none(network, tmp_path):
    network.save(tmp_path / "sky.toml")
    loaded = Network.load(tmp_path / "sky.toml")
    assert loaded == network
    assert loaded.nodes["s0"].memories == 0
    assert loaded.nodes["s2"].memory.t1_s == 10.0


def test_the_schema_knows_them(network):
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(file_schema())
    data = tomllib.loads(network.to_toml())
    check.validate(data)
    data["nodes"]["s0"]["orbit"]["altitude_km"] = "high"
    assert list(check.iter_errors(data))


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ('kind = "circular"', 'kind = "round"', "one of circular, tle"),
        ("altitude_km = 500.0", "altitude_km = 5.0", "altitude_km must be at least 100"),
        (LINES[0], LINES[0][:-1] + "1", "checksum 7"),
        ("inclination_deg", "inclination", "unknown key 'inclination'"),
        ('kind = "decoy_downlink"', 'kind = "memory"', "one of decoy_downlink, pair_downlink"),
    ],
)
def test_mistakes_are_told_with_their_place(network, tmp_path, written, instead, says):
    text = network.to_toml()
    assert written in text
    (tmp_path / "broken.toml").write_text(text.replace(written, instead, 1))
    with pytest.raises(NetworkFileError, match=says) as refusal:
        Network.load(tmp_path / "broken.toml")
    assert "[nodes.s" in str(refusal.value)


def test_what_all_satellites_share_is_said_once(tmp_path):
    text = """
    [templates.leo]
    role = "satellite"
    memories = 0
    orbit = { kind = "circular", altitude_km = 500.0, inclination_deg = 97.4 }
    [nodes.a]
    use = "leo"
    orbit = { node_deg = 10.0 }
    [nodes.b]
    use = "leo"
    orbit = { node_deg = 130.0, phase_deg = 5.0 }
    """
    (tmp_path / "sky.toml").write_text(text)
    network = Network.load(tmp_path / "sky.toml")
    assert network.nodes["b"].orbit.altitude_km == 500.0
    assert (network.nodes["a"].orbit.node_deg, network.nodes["b"].orbit.phase_deg) == (10.0, 5.0)


def test_a_network_without_links_needs_a_satellite():
    with pytest.raises(ValueError, match="got no link"):
        Network([Node("a"), Node("b")], [])
