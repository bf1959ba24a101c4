"""Satellites in network files: saved, loaded, described by the schema, and refused by name."""

import tomllib

import pytest

from quantumlink.hardware import (
    DecoyDownlink,
    Detector,
    Memory,
    MidpointSource,
    Node,
    NodeSource,
    Optics,
    PairDownlink,
    SatellitePass,
    TleOrbit,
    walker,
)
from quantumlink.link import ElementaryLink
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


PASS = {"wavelength_nm": 850, "beam_waist_m": 0.15, "receiver_diameter_m": 1.0}
LEO, OGS = Node("leo", role="satellite", memories=10), Node("ogs", position=(48.2, 16.4))


@pytest.mark.parametrize("direction", ["downlink", "uplink"])
@pytest.mark.parametrize("ends", [(LEO, OGS), (OGS, LEO)])
def test_a_source_stands_where_the_photons_leave(direction, ends):
    medium = SatellitePass(500, direction=direction, **PASS)
    names = [end.name for end in ends]
    right_side = ("left", "right")[names.index("leo" if direction == "downlink" else "ogs")]
    wrong_side = "left" if right_side == "right" else "right"
    link = ElementaryLink(*ends, medium, source=NodeSource(right_side, clock_hz=1e6))
    assert link.reversed().source.at == wrong_side
    with pytest.raises(ValueError, match=f"source must be where the photons leave.*{direction}.*{wrong_side}"):
        ElementaryLink(*ends, medium, source=NodeSource(wrong_side, clock_hz=1e6))
    # Nobody says where the satellite is: nothing is known to be wrong.
    ElementaryLink(Node("a"), Node("b"), medium, source=NodeSource("right", clock_hz=1e6))


def test_a_satellite_may_hold_pairs_or_none(network):
    medium = SatellitePass(500, **PASS)
    kept = ElementaryLink(LEO, OGS, medium, source=NodeSource("left", clock_hz=1e6))
    other = ElementaryLink(LEO, Node("b"), medium, source=NodeSource("left", clock_hz=1e6))
    route = Network([LEO, OGS, Node("b")], [kept, other]).routes("ogs", "b", 1)[0]
    assert route.nodes == ("ogs", "leo", "b")
    bare = Node("leo", role="satellite", memories=0)
    links = [ElementaryLink(bare, end, medium, source=NodeSource("left", clock_hz=1e6)) for end in (OGS, Node("b"))]
    with pytest.raises(ValueError, match="no route"):
        Network([bare, OGS, Node("b")], links).routes("ogs", "b", 1)


def test_on_a_map_satellites_stand_below_their_orbits(network):
    from quantumlink.visualization import draw_network

    places = {text.get_text() for text in draw_network(network).axes[0].texts}
    assert "vienna" in places
    towns = [Node("graz", position=(47.1, 15.4)), network.nodes["vienna"]]
    circular = [network.nodes[name] for name in ("s0", "s1")]
    axes = draw_network(Network([*towns, *circular], [ElementaryLink(*towns)])).axes[0]
    assert "longitude" in axes.get_xlabel()
    # At the epoch s0 stands at its ascending node: on the equator, 280.46° west of the equinox.
    assert min(axes.get_xlim()) < -280.46 + 360 < max(axes.get_xlim())
    # Nothing but satellites and stations: no link whose line the picture could be measured by.
    alone = draw_network(Network([*towns, *circular], []))
    assert "longitude" in alone.axes[0].get_xlabel()
    alone.draw_without_rendering()
