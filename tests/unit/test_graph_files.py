"""Maps from GraphML and GML: odd graphs against what networkx reads, what is told of them, and faults."""

from collections import Counter

import pytest
from typer.testing import CliRunner

from quantumlink import Network
from quantumlink.cli import app
from quantumlink.network import great_circle_km
from quantumlink.network.planning import FibreMap, FibreMapError

nx = pytest.importorskip("networkx")


def graph(kind, edges, nodes=4, placed=True, **labels):
    made = kind()
    for i in range(nodes):
        made.add_node(
            i, label=labels.get(f"n{i}", f"S{i}"), **({"Latitude": 40 + i, "Longitude": 5.0 - i} if placed else {})
        )
    for a, b, *length in edges:
        made.add_edge(a, b, **({"length_km": length[0]} if length else {}))
    return made


ODD = {
    "to and fro": (graph(nx.DiGraph, [(0, 1), (1, 0), (1, 2), (2, 1), (3, 2)]), ["2 fibres told by directed"]),
    "one way": (graph(nx.DiGraph, [(0, 1), (2, 1), (2, 3)]), []),
    "unequal": (graph(nx.DiGraph, [(0, 1, 10.0), (1, 0, 12.0), (1, 2), (2, 3)]), ["1 pair of sites joined by"]),
    "twice": (graph(nx.MultiGraph, [(0, 1), (0, 1, 99.0), (1, 2), (3, 2)]), ["S0–S1 (2)"]),
    "three of two": (graph(nx.MultiDiGraph, [(0, 1), (0, 1), (1, 0), (1, 2), (2, 3)]), ["1 fibre", "S0–S1 (2)"]),
    "no places": (graph(nx.Graph, [(0, 1, 3.5), (1, 2, 4), (2, 3, 5)], placed=False), []),
    "labels": (graph(nx.Graph, [(0, 1), (1, 2), (2, 3)], n0="C", n1="C", n2="C", n3="C (1)"), ["3 sites named"]),
    "signs": (graph(nx.Graph, [(0, 1), (1, 2), (2, 3)], n0="Zürich", n1="北京", n2='a "b" [c]', n3="x & <y>"), []),
    "loops": (graph(nx.Graph, [(0, 0), (0, 1), (1, 2), (2, 3)]), ["1 edge from a site to itself left out: S0"]),
    "apart": (graph(nx.Graph, [(0, 1)]), ["2 sites without a fibre: S2, S3"]),
}  # fmt: skip


def by_hand(found):
    """Names, places, and the fibres with their lengths, from networkx' graph alone."""
    names = {}
    for n, data in found.nodes(data=True):
        name = data["label"]
        while name in names.values():
            name = f"{name} ({n})"
        names[n] = name
    places = {n: (d["Latitude"], d["Longitude"]) if "Latitude" in d else None for n, d in found.nodes(data=True)}
    counts = Counter()
    for a, b, data in found.edges(data=True):
        if a != b:
            length = data.get("length_km") or 1.3 * great_circle_km(places[a], places[b])
            counts[a, b, round(length, 6)] += 1
    if found.is_directed():
        counts = {(a, b, km): max(n, counts[b, a, km] if a < b else 0) for (a, b, km), n in counts.items()
                  if a < b or not counts[b, a, km]}  # fmt: skip
    fibres = Counter()
    for (a, b, km), n in counts.items():
        fibres[frozenset((names[a], names[b])), km] += n
    return list(names.values()), list(places.values()), fibres


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["graphml", "gml"])
def test_odd_graphs_are_read_as_they_are(tmp_path, name, form):
    made, told = ODD[name]
    path = tmp_path / f"odd.{form}"
    if form == "graphml":
        nx.write_graphml(made, path)
        seen = nx.read_graphml(path)
    else:  # networkx writes its own nodes in place of the labels: these stand in the graph as they are
        seen = made
        head = f"graph [ directed {int(made.is_directed())} multigraph {int(made.is_multigraph())}\n"
        text = [
            f"node [ id {n} "
            + " ".join(f'{k} "{_escaped(v)}"' if isinstance(v, str) else f"{k} {float(v)}" for k, v in data.items())
            + " ]"
            for n, data in seen.nodes(data=True)
        ]
        text += [
            f"edge [ source {a} target {b} {' '.join(f'{k} {float(v)}' for k, v in data.items())} ]"
            for a, b, data in seen.edges(data=True)
        ]
        path.write_text(head + "\n".join(text) + "\n]", encoding="ascii")
    found = FibreMap.load(path)
    names, places, fibres = by_hand(seen)
    assert [site.name for site in found.sites] == names
    assert [site.position for site in found.sites] == places
    assert Counter((frozenset((f.a, f.b)), round(f.length_km, 6)) for f in found.fibres) == fibres
    assert len(found.notes) == len(told)
    assert all(any(text in note for note in found.notes) for text in told)


def _escaped(text):
    return "".join(c if c.isascii() and c not in '"&' else f"&#{ord(c)};" for c in text)


def test_the_command_tells_what_became_of_edges(tmp_path):
    nx.write_graphml(ODD["to and fro"][0], tmp_path / "odd.graphml")
    done = CliRunner().invoke(
        app, ["network", "import", str(tmp_path / "odd.graphml"), "--output", str(tmp_path / "o.toml")]
    )
    assert done.exit_code == 0, done.output
    assert "2 fibres told by directed edges to and fro of one length: each is one" in done.output
    assert len(Network.load(tmp_path / "o.toml").links) == 3


NODES = '<node id="a"><data key="y">50</data><data key="x">8</data></node><node id="b"/>'
XML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="y" for="node" attr.name="Latitude"
attr.type="double"/><key id="x" for="node" attr.name="Longitude" attr.type="double"/><key id="l" for="edge"
attr.name="length" attr.type="double"/><graph edgedefault="undirected">{}</graph></graphml>"""
EDGE = '<edge source="a" target="b"><data key="l">{}</data></edge>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (NODES + '<edge source="a" target="c"/>', "edge number 1 must join two of the nodes, and ends at 'c'"),
        (NODES + '<node id="a"/>', "every node must have an id of its own, got 'a' twice"),
        ("", "a map needs at least one node"),
        (NODES + EDGE.format(-3), "edge a–b: length must be a number of kilometers above 0, got '-3'"),
        (NODES + EDGE.format("long"), "edge a–b: length must be a number of kilometers above 0, got 'long'"),
        (NODES + EDGE.format("nan"), "edge a–b: length must be a number of kilometers above 0, got 'nan'"),
        (NODES + '<edge source="a" target="b"/>', "edge a–b has no length (length_km or"),
        (NODES.replace("50", "95"), "node 'a': Latitude must be a number from -90 to 90, got '95'"),
        (NODES.replace("50", "north"), "node 'a': Latitude must be a number from -90 to 90, got 'north'"),
        (NODES.replace('<data key="x">8</data>', ""), "node 'a': Longitude must be a number from -180 to 180"),
        (NODES.replace('key="x"', 'key="z"'), "node 'a': the key 'z' is not declared"),
        (NODES + "<hyperedge/>", "a <hyperedge> joins more than two sites"),
        ('</graph><graph edgedefault="directed">', "one <graph>, got <graphml> with 2"),
    ],
)  # fmt: skip
def test_faults_name_the_file_the_place_and_what_is_allowed(tmp_path, body, said):
    (path := tmp_path / "bad.graphml").write_text(XML.format(body))
    with pytest.raises(FibreMapError) as refused:
        FibreMap.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)


def test_gml_with_several_edges_that_does_not_say_so(tmp_path):
    (path := tmp_path / "bad.gml").write_text(
        "graph [ node [ id 1 ] node [ id 2 ] edge [ source 1 target 2 ] edge [ source 1 target 2 ] ]"
    )
    with pytest.raises(FibreMapError, match=r"bad\.gml: .*duplicated; 'multigraph 1' says"):
        FibreMap.load(path)


def test_two_sites_at_one_place_and_a_fibre_too_long(tmp_path):
    made = graph(nx.Graph, [(0, 1), (1, 2, 20_000.0)], nodes=3)
    made.nodes[1].update(Latitude=40, Longitude=5.0)
    nx.write_graphml(made, tmp_path / "two.graphml")
    found = FibreMap.load(tmp_path / "two.graphml")
    assert found.fibres[0].length_km == 1e-3
    with pytest.raises(ValueError, match=r"the fibre S1–S2 of 20000 km cannot be lit: success_probability"):
        found.network({"success_probability": 0.1, "attempt_time_s": 1e-3})
