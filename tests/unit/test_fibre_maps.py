"""Fibre maps from files and from topohub, and the command that plans with them."""

import json
import sys
from types import ModuleType

import pytest
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink import Network
from quantumlink.cli import app
from quantumlink.network import file_schema, great_circle_km, load_demands, plan_network
from quantumlink.network.planning import Costs, Fibre, FibreMap, FibreMapError, Site, load_costs

MAP = """
name = "delta"
detour = 1.5
[sites.delft]
position = [52.01, 4.36]
hosts = []
[sites.utrecht]
position = [52.09, 5.12]
extra = 3.0
[sites.arnhem]
position = [51.98, 5.91]
hosts = []
[[fibres]]
between = ["delft", "utrecht"]
length_km = 62.0
[[fibres]]
between = ["utrecht", "arnhem"]
[parts]
fidelity = 0.98
success_probability = 0.2
attempt_time_s = 1e-3
memory = { t2_s = 2.0 }
"""
TRAFFIC = "a,b,kind,rate_hz\ndelft,arnhem,pairs,3\n"
PRICES = "repeater = 100.0\nsource = 5\nfibre_per_km = 1.0\nopex_per_year = 0.05\n"
GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key attr.name="label" attr.type="string" for="node" id="d0"/>
<key attr.name="Latitude" attr.type="double" for="node" id="d1"/>
<key attr.name="Longitude" attr.type="double" for="node" id="d2"/>
<key attr.name="length_km" attr.type="double" for="edge" id="d3"/>
<graph edgedefault="undirected">
<node id="0"><data key="d0">A</data><data key="d1">52.1</data><data key="d2">5.1</data></node>
<node id="1"><data key="d0">B</data><data key="d1">52.3</data><data key="d2">5.2</data></node>
<node id="2"><data key="d0">B</data></node>
<edge source="0" target="1"/><edge source="1" target="2"><data key="d3">12.5</data></edge>
</graph></graphml>"""


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("map.toml", "traffic.csv", "prices.toml")]
    for path, text in zip(paths, (MAP, TRAFFIC, PRICES), strict=True):
        path.write_text(text)
    return paths


def test_a_toml_map_says_all(files):
    found = FibreMap.load(files[0])
    assert found.sites[1] == Site("utrecht", (52.09, 5.12), extra=3.0)
    assert found.sites[0].hosts == ()
    over_ground = great_circle_km((52.09, 5.12), (51.98, 5.91))
    assert found.fibres == (Fibre("delft", "utrecht", 62.0), Fibre("utrecht", "arnhem", 1.5 * over_ground))
    assert (found.parts.fidelity, found.parts.memory.t2_s) == (0.98, 2.0)
    assert load_costs(files[2]) == Costs(repeater=100, source=5, fibre_per_km=1, opex_per_year=0.05)


def test_graphml_is_read(tmp_path):
    path = tmp_path / "net.graphml"
    path.write_text(GRAPHML)
    found = FibreMap.load(path, detour=1.2)
    assert [site.name for site in found.sites] == ["A", "B", "B (2)"]
    assert found.fibres[0].length_km == pytest.approx(1.2 * great_circle_km((52.1, 5.1), (52.3, 5.2)))
    assert found.fibres[1] == Fibre("B", "B (2)", 12.5)


GML = """graph [
  Network "Three"
  multigraph 1
  node [ id 0 label "A" Latitude 52.1 Longitude 5.1 ]
  node [ id 4 label "B" Latitude 52.3 Longitude 5.2 ]
  node [ id 9 label "B" ]
  edge [ source 0 target 4 LinkLabel "rented" ]
  edge [ source 0 target 4 length 33.0 ]
  edge [ source 4 target 9 length_km 12.5 ]
]
"""


def test_gml_is_read(tmp_path):
    pytest.importorskip("networkx")
    path = tmp_path / "net.gml"
    path.write_text(GML)
    found = FibreMap.load(path, detour=1.2)
    assert [site.name for site in found.sites] == ["A", "B", "B (9)"]
    assert found.sites[0].position == (52.1, 5.1)
    over_ground = great_circle_km((52.1, 5.1), (52.3, 5.2))
    assert [fibre.length_km for fibre in found.fibres] == pytest.approx([1.2 * over_ground, 33.0, 12.5])
    path.write_text("graph [ node [")
    with pytest.raises(FibreMapError, match=r"net\.gml"):
        FibreMap.load(path)


def test_gml_without_networkx_says_what_to_install(tmp_path, monkeypatch):
    (path := tmp_path / "net.gml").write_text(GML)
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ImportError, match=r"quantumlink\[topologies\]"):
        FibreMap.load(path)


def test_a_lit_map_is_a_network(tmp_path):
    (path := tmp_path / "net.graphml").write_text(GRAPHML)
    found = FibreMap.load(path)
    parts = {"fidelity": 0.97, "success_probability": 0.1, "attempt_time_s": 1e-3}
    network = found.network(parts, role={"A": "end", "B": "repeater", "B (2)": "end"})
    assert [node.role for node in network.nodes.values()] == ["end", "repeater", "end"]
    assert network.nodes["A"].position == (52.1, 5.1)
    link = network.links[1]
    assert link.success_probability == pytest.approx(0.1 * 10 ** (-0.2 * 12.5 / 10))
    assert ql.evaluate(network.route("A", "B (2)")).fidelity == pytest.approx(0.97**2 + 0.03**2 / 3)
    ends = FibreMap("two", (Site("x", hosts=()), Site("y")), (Fibre("x", "y", 3),)).network()
    assert [node.role for node in ends.nodes.values()] == ["end", "repeater"]
    with pytest.raises(ValueError, match="role"):
        found.network(parts, role={"A": "end"})


def test_a_map_becomes_a_network_file(tmp_path):
    (path := tmp_path / "net.graphml").write_text(GRAPHML)
    options = ["--end", "A", "--fidelity", "0.95", "--detour", "1.2", "--output", str(tmp_path / "net.toml")]
    done = CliRunner().invoke(app, ["network", "import", str(path), *options])
    assert done.exit_code == 0, done.output
    network = Network.load(tmp_path / "net.toml")
    assert [node.role for node in network.nodes.values()] == ["end", "repeater", "repeater"]
    assert network.links[1].fidelity == 0.95
    for wrong, said in ((["--end", "C"], "--end must name a site"), (["--fidelity", "2"], "--fidelity must be")):
        refused = CliRunner().invoke(app, ["network", "import", str(path), *wrong])
        assert refused.exit_code == 1
        assert said in refused.output


def test_the_schema_is_printed_or_written(tmp_path):
    printed = CliRunner().invoke(app, ["network", "schema"])
    assert json.loads(printed.output) == file_schema()
    path = tmp_path / "network.schema.json"
    assert CliRunner().invoke(app, ["network", "schema", "--output", str(path)]).exit_code == 0
    assert json.loads(path.read_text()) == file_schema()


def test_topohub_has_places_and_distances(monkeypatch):
    """As its documentation says: node-link data, positions as longitude and latitude, distances over ground."""
    own = ModuleType("topohub")
    nodes = [{"id": "0", "name": "X", "pos": [5.0, 52.0]}, {"id": "1", "name": "Y", "pos": [6.0, 53.0]}]
    data = {"graph": {"name": "two"}, "nodes": nodes, "edges": [{"source": "0", "target": "1", "dist": 100.0}]}
    own.get = lambda key: {"some/two": data}[key]
    monkeypatch.setitem(sys.modules, "topohub", own)
    found = FibreMap.from_topohub("some/two", detour=1.5)
    assert found.fibres == (Fibre("X", "Y", 150.0),)
    assert found.sites[0].position == (52.0, 5.0)
    with pytest.raises(ValueError, match="must name a topology"):
        FibreMap.from_topohub("some/three")
    monkeypatch.setitem(sys.modules, "topohub", None)
    with pytest.raises(ImportError, match="topologies"):
        FibreMap.from_topohub("some/two")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[fibres]]", "[[fibers]]", "did you mean 'fibres'"),
        ('["delft", "utrecht"]', '["delft", "utrect"]', "must be one of"),
        ("length_km = 62.0", "length_km = -1", "length_km"),
        ("hosts = []", 'hosts = ["shop"]', "hosts must be one of"),
        ("fidelity = 0.98", "fidelity = 2", "fidelity"),
        ("position = [51.98, 5.91]\n", "", "has no length, and its sites have no positions"),
        ("name", "=", "not TOML"),
    ],
)
def test_mistakes_in_a_map_are_named(tmp_path, old, new, said):
    path = tmp_path / "map.toml"
    path.write_text(MAP.replace(old, new, 1))
    with pytest.raises(FibreMapError, match=said):
        FibreMap.load(path)


def build(*arguments):
    return CliRunner(env={"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}).invoke(
        app, ["build", *map(str, arguments)]
    )


def test_the_command_says_what_the_library_finds(files, tmp_path):
    given = (files[0], "--demands", files[1], "--costs", files[2], "--max-link-km", "100")
    result = build(*given, "--json", "--network", tmp_path / "net.toml", "--output", tmp_path / "map.png")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    found = FibreMap.load(files[0])
    plan = plan_network(found.sites, found.fibres, load_demands(files[1]), parts=found.parts,
                        costs=load_costs(files[2]), max_link_km=100, name="delta")  # fmt: skip
    assert told["cost"] == plan.cost
    assert told["built"] == {"utrecht": "repeater"}
    assert told["total"] == pytest.approx(1.5 * plan.cost)
    assert Network.load(tmp_path / "net.toml") == plan.network
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert "proven to be the least" in build(*given).stdout


def test_the_command_refuses(files):
    given = (files[0], "--demands", files[1], "--costs", files[2])
    assert build(*given, "--max-link-km", "60").exit_code == 3
    refused = build(*given, "--paths", "0")
    assert (refused.exit_code, refused.stdout) == (1, "")
    files[2].write_text("repeater = -1")
    refused = build(*given)
    assert refused.exit_code == 1
    assert "repeater" in refused.output


def test_sites_that_are_a_list_are_refused_in_words(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('sites = [{ name = "a" }, { name = "b" }]')
    with pytest.raises(FibreMapError, match=r"map.toml: sites must be tables headed \[sites.NAME\], got list"):
        FibreMap.load(path)
