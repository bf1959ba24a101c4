"""The published schema of network files: it passes what `Network.load` reads, and refuses what is misspelt."""

import copy
import tomllib
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from quantumlink import Fiber, Memory, Network, Node, Processor
from quantumlink.hardware import Arms, ClassicalSignal, Detector, DualDownlink, MidpointSource, SatellitePass
from quantumlink.link import ElementaryLink
from quantumlink.network import NetworkFileError, file_schema
from quantumlink.parts import forget, parts_of, register

Draft202012Validator = pytest.importorskip("jsonschema").Draft202012Validator
FOLDER = Path(__file__).parents[2] / "notebooks" / "networks"
BEAM = {"wavelength_nm": 810.0, "receiver_diameter_m": 1.2, "divergence_rad": 1e-5, "divergence_angle": "full"}
PASS = SatellitePass(500, max_elevation_deg=40, **BEAM)
MEDIA = [
    None,
    Fiber(20, traffic=(ClassicalSignal(1.0, 1540), ClassicalSignal(0.5, 1310, "backward"))),
    DualDownlink(PASS, PASS, station_distance_km=1203),
    Arms(Fiber(3), Fiber(4, connectors=2)),
]
LINKS = [
    {"bell_diagonal": (0.7, 0.1, 0.15, 0.05), "success_probability": 0.5, "attempt_time_s": 1e-9},
    {"fidelity": 0.9, "rate_hz": 3},
    {"source": MidpointSource(fidelity=0.98), "detector": (Detector(0.5), Detector(0.25))},
]

FILE = """
name = "two"
[defaults.node]
memory = { t2_s = 1.0 }
[templates.span]
source = { clock_hz = 1e6 }
fiber = { length_km = 5.0 }
[nodes.a]
role = "end"
position = [1.0, 2.0]
[nodes.b]
processor = { readout_error = { kind = "per_qubit", left = 0.1, right = 0.2 } }
[[links]]
use = "span"
between = ["a", "b"]
source = { kind = "midpoint", fidelity = 0.98 }
"""


def wrong(text):
    return [error.message for error in Draft202012Validator(file_schema()).iter_errors(tomllib.loads(text))]


def test_it_is_a_schema():
    Draft202012Validator.check_schema(file_schema())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_networks_that_ship_pass(path):
    assert wrong(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("medium", "given"), product(MEDIA, LINKS))
def test_what_is_saved_passes(medium, given):
    if medium is None and "source" in given:
        medium = Fiber(7)
    processor = Processor(1e-4, readout_error=((0.99, 0.01), (0.03, 0.97)), readout_s=1e-3)
    a, b = Node("a", Memory(10, 1), processor, position=(1, 2)), Node("b", memories=2, role="end")
    assert wrong(Network([a, b], [ElementaryLink(a, b, medium, **given)]).to_toml()) == []


def test_templates_pass(tmp_path):
    (tmp_path / "net.toml").write_text(FILE)
    Network.load(tmp_path / "net.toml")
    assert wrong(FILE) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name =", "nam ="),
        ("[nodes.a]", "[node.a]"),
        ('role = "end"', 'role = "and"'),
        ("position = [1.0, 2.0]", "position = [1.0]"),
        ("t2_s = 1.0", "t3_s = 1.0"),
        ("t2_s = 1.0", 't2_s = "long"'),
        ("[defaults.node]", "[defaults.nodes]"),
        ("length_km", "lenght_km"),
        ("clock_hz", "clock"),
        ('kind = "midpoint"', 'kind = "midpint"'),
        ('["a", "b"]', '["a"]'),
        ('between = ["a", "b"]', ""),
        ('use = "span"', "use = 3"),
    ],
)
def test_it_refuses_what_the_reader_refuses(tmp_path, old, new):
    assert FILE.count(old) == 1
    text = FILE.replace(old, new)
    (tmp_path / "net.toml").write_text(text)
    with pytest.raises(NetworkFileError):
        Network.load(tmp_path / "net.toml")
    assert wrong(text)


def test_every_medium_and_own_parts_are_in_it():
    before = copy.deepcopy(file_schema())
    assert {*parts_of("medium")} <= {*before["$defs"]["link"]["properties"]}

    @register("rope_of_a_test")
    @dataclass(frozen=True)
    class Rope:
        length_km: float
        transmittance = 1.0
        channel = None
        delay_s = 0.0

    try:
        assert "rope_of_a_test" in file_schema()["$defs"]["link"]["properties"]
    finally:
        forget("medium", "rope_of_a_test")
    assert file_schema() == before


def test_the_guide_says_what_loads(tmp_path):
    page = (FOLDER.parent / "guide" / "network_files.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    assert wrong(text) == []
    (tmp_path / "net.toml").write_text(text)
    network = Network.load(tmp_path / "net.toml")
    assert network.nodes["b"].memory == Memory(10, 2)
    assert [link.medium.connectors for link in network.links] == [2, 4]
    assert [link.source is None for link in network.links] == [True, False]
