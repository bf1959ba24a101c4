"""Networks: what a file gives, what a route is, and what is said about a file that cannot be read."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quantumlink import Fiber, Memory, Network, Node, Processor, chain, evaluate, purify, swap
from quantumlink.link import ElementaryLink
from quantumlink.network import NetworkFileError

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"

USER = Processor(depolarizing_1q=1e-4, readout_error=2e-3)
ALICE = Node("alice", processor=USER, role="end", position=(48.277, 16.910))
BOB = Node("bob", processor=USER, role="end", position=(47.949, 16.843))
RELAY = Node(
    "relay",
    memory=Memory(t1_s=10, t2_s=1),
    processor=Processor(depolarizing_1q=1e-4, depolarizing_2q=2e-3, readout_error=1e-3),
    position=(48.114, 16.866),
)
SOUTH = Node("south", RELAY.memory, RELAY.processor, position=(47.846, 16.523))
VIENNA = Node("vienna", role="end", position=(48.208, 16.373))
BRATISLAVA = Node("bratislava", role="end", position=(48.149, 17.108))
A_R = ElementaryLink(ALICE, RELAY, Fiber(25), fidelity=0.97, rate_hz=400)
R_B = ElementaryLink(RELAY, BOB, Fiber(25), bell_diagonal=(0.97, 0.01, 0.01, 0.01), rate_hz=400)
V_R = ElementaryLink(VIENNA, RELAY, Fiber(45), fidelity=0.96, rate_hz=150)
R_V = ElementaryLink(RELAY, VIENNA, Fiber(45), fidelity=0.96, rate_hz=150)
R_A = ElementaryLink(RELAY, ALICE, Fiber(25), fidelity=0.97, rate_hz=400)
B_R = ElementaryLink(BOB, RELAY, Fiber(25), bell_diagonal=(0.97, 0.01, 0.01, 0.01), rate_hz=400)
R_BRATISLAVA = ElementaryLink(RELAY, BRATISLAVA, Fiber(20), bell_diagonal=(0.975, 0.015, 0.005, 0.005), rate_hz=500)

GOOD = """\
name = "small"

[nodes.relay]
memory = { t1_s = 10.0, t2_s = 1.0 }
processor = { depolarizing_2q = 2e-3 }

[nodes.alice]

[nodes.bob]

[[links]]
between = ["alice", "relay"]
fiber = { length_km = 25.0 }
fidelity = 0.97

[[links]]
between = ["relay", "bob"]
bell_diagonal = [0.97, 0.01, 0.01, 0.01]
rate_hz = 300
"""


@pytest.fixture
def metro():
    return Network.load(METRO)


def write(folder, text):
    path = folder / "net.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- what a file gives


def test_metro(metro):
    assert metro.name == "metro"
    assert metro.nodes == {node.name: node for node in (RELAY, ALICE, BOB, VIENNA, BRATISLAVA, SOUTH)}
    assert metro.links[:4] == (A_R, R_B, V_R, R_BRATISLAVA)
    assert repr(metro) == "<Network 'metro': 6 nodes, 7 links>"


def test_a_path_may_be_a_string():
    assert Network.load(str(METRO)).links == Network.load(METRO).links


def test_defaults_are_those_of_the_parts(tmp_path):
    network = Network.load(write(tmp_path, GOOD.replace('name = "small"\n', "")))
    assert network.name == "net"  # the file's
    assert network.nodes["alice"] == Node("alice")
    assert network.nodes["relay"] == Node("relay", Memory(10, 1), Processor(depolarizing_2q=2e-3))
    first, second = network.links
    assert (first.medium, first.rate_hz) == (Fiber(25), None)
    assert (second.medium, second.rate_hz) == (None, 300)


def test_readout_matrix_and_the_other_keys(tmp_path):
    text = GOOD.replace(
        "depolarizing_2q = 2e-3", "readout_error = [[0.99, 0.01], [0.03, 0.97]], gate_1q_s = 1e-6, readout_s = 1e-3"
    ).replace("length_km = 25.0", "length_km = 25, attenuation_db_per_km = 0.16, group_index = 1.45")
    network = Network.load(write(tmp_path, text))
    assert network.nodes["relay"].processor == Processor(
        readout_error=((0.99, 0.01), (0.03, 0.97)), gate_1q_s=1e-6, readout_s=1e-3
    )
    assert network.links[0].medium == Fiber(25, attenuation_db_per_km=0.16, group_index=1.45)


# --- routes


@pytest.mark.parametrize(
    ("source", "target", "link"),
    [
        ("alice", "relay", A_R),
        ("relay", "alice", R_A),
        ("alice", "bob", swap(A_R, R_B)),
        ("bob", "alice", swap(B_R, R_A)),
        ("alice", "vienna", swap(A_R, R_V)),
        ("vienna", "alice", swap(V_R, R_A)),
        ("vienna", "bratislava", swap(V_R, R_BRATISLAVA)),
    ],
)
def test_routes_equal_expressions_by_hand(metro, source, target, link):
    assert metro.route(source, target) == link


def test_routes_purify_each_hop(metro):
    expected = swap(purify(purify(V_R, V_R), purify(V_R, V_R)), purify(purify(R_B, R_B), purify(R_B, R_B)))
    assert metro.route("vienna", "bob", purify_rounds=2) == expected
    by_bbpssw = swap(purify(A_R, A_R, "bbpssw"), purify(R_B, R_B, "bbpssw"))
    assert metro.route("alice", "bob", purify_rounds=1, protocol="bbpssw") == by_bbpssw
    assert by_bbpssw != metro.route("alice", "bob", purify_rounds=1)


@pytest.mark.parametrize("order", ["balanced", "sequential"])
def test_routes_through_a_tree_keep_their_order(order):
    # A tree with branches, its links stored in mixed directions: 0–1–2–3–4, and 5, 6, 7 beside it.
    nodes = [Node(f"n{i}") for i in range(8)]
    edges = [(1, 0), (1, 2), (3, 2), (3, 4), (5, 1), (2, 6), (7, 6)]
    links = {edge: ElementaryLink(*(nodes[i] for i in edge), fidelity=0.9 + 0.01 * sum(edge) / 2) for edge in edges}
    network = Network(nodes, links.values())
    forward = [links[1, 0].reversed(), links[1, 2], links[3, 2].reversed(), links[3, 4]]
    assert network.route("n0", "n4", order=order) == chain(forward, order=order)
    back = [links[3, 4].reversed(), links[3, 2], links[1, 2].reversed(), links[1, 0]]
    assert network.route("n4", "n0", order=order) == chain(back, order=order)
    aside = [links[7, 6], links[2, 6].reversed(), links[1, 2].reversed(), links[5, 1].reversed()]
    assert network.route("n7", "n5", order=order) == chain(aside, order=order)


def test_balanced_and_sequential_differ():
    nodes = [Node(f"n{i}") for i in range(5)]
    network = Network(nodes, [ElementaryLink(a, b) for a, b in pairwise(nodes)])
    assert network.route("n0", "n4") != network.route("n0", "n4", order="sequential")


def test_both_directions_give_the_same_state_with_ends_exchanged():
    a, r, b = Node("a"), Node("r"), Node("b")
    left = ElementaryLink(a, r, bell_diagonal=(0.8, 0.1, 0.07, 0.03))
    network = Network([a, r, b], [left, ElementaryLink(b, r, fidelity=0.8)])
    there, back = evaluate(network.route("a", "b")), evaluate(network.route("b", "a"))
    assert (there.ends, back.ends) == (("a", "b"), ("b", "a"))
    assert back.coefficients == pytest.approx(there.coefficients.T, abs=1e-12)


def test_the_direction_in_which_a_link_is_stored_does_not_matter():
    a = Node("a", processor=Processor(depolarizing_1q=0.02))
    r = Node("r", processor=Processor(depolarizing_1q=0.01, depolarizing_2q=0.03, readout_error=0.02))
    b = Node("b", processor=Processor(depolarizing_1q=0.05))
    left = ElementaryLink(a, r, fidelity=0.9)
    stored = [Network([a, r, b], [left, link]) for link in (ElementaryLink(r, b), ElementaryLink(b, r))]
    first, second = (evaluate(network.route("a", "b")).coefficients for network in stored)
    assert (first == second).all()


def test_a_reversed_link_is_the_same_link():
    medium = Fiber(12, attenuation_db_per_km=0.3)
    link = ElementaryLink(ALICE, BOB, medium, bell_diagonal=(0.7, 0.1, 0.15, 0.05), rate_hz=5)
    back = link.reversed()
    assert (back.left, back.right) == (BOB, ALICE)
    assert (back.medium, back.bell_diagonal, back.rate_hz) == (medium, (0.7, 0.1, 0.15, 0.05), 5)
    assert back != link
    assert back.reversed() == link


@pytest.mark.parametrize(
    ("source", "target", "fragments"),
    [
        ("alise", "bob", ("source", "'alise'", "did you mean 'alice'", "vienna")),
        ("alice", "Bob", ("target", "'Bob'", "did you mean 'bob'")),
        ("alice", "prague", ("target", "'prague'", "relay, alice, bob, vienna, bratislava, south")),
        ("alice", "alice", ("two different nodes", "'alice'")),
        ("", "bob", ("source", "''")),
        (None, "bob", ("source", "None")),
        (ALICE, "bob", ("source", "Node(name='alice'")),
    ],
)
def test_routes_that_are_none(metro, source, target, fragments):
    with pytest.raises(ValueError, match=r".") as caught:
        metro.route(source, target)
    for fragment in fragments:
        assert fragment in str(caught.value)


# --- networks that are none


@pytest.mark.parametrize(
    ("nodes", "links", "kind", "fragments"),
    [
        ([], [], ValueError, ("at least one node",)),
        ([ALICE, Node("alice")], [], ValueError, ("two nodes", "'alice'")),
        ([ALICE, "bob"], [], TypeError, ("nodes", "'bob'")),
        ([ALICE, RELAY], ["alice-relay"], TypeError, ("links", "elementary links", "'alice-relay'")),
        ([ALICE, RELAY, BOB], [swap(A_R, R_B)], TypeError, ("links", "elementary links", "<Swap")),
        ([ALICE, BOB], [A_R], ValueError, ("alice–relay", "'relay'", "no node here")),
        ([ALICE, Node("relay")], [A_R], ValueError, ("alice–relay", "t1_s=10.0")),
        ([ALICE, RELAY], [], ValueError, ("no link",)),
    ],
)
def test_graphs_that_are_no_network(nodes, links, kind, fragments):
    with pytest.raises(kind) as caught:
        Network(nodes, links)
    for fragment in fragments:
        assert fragment in str(caught.value)


# --- files that are none

LINK_1 = "[[links]] number 1"
LINK_2 = "[[links]] number 2"
POPULATIONS = "[0.97, 0.01, 0.01, 0.01]"
RULE = ("bell_diagonal", "four probabilities", "sum to 1")
HUGE = "1" + "0" * 400

# What stands in the good file, what stands in its place, and what the text must hold beside the file's name:
# the table, the key or argument, the value, and what is allowed.
MISTAKES = {
    # misspelt keys, at every level
    "top level": (
        "[nodes.bob]\n",
        "[nodes.bob]\n[node.carol]\n",
        ("'node'", "did you mean 'nodes'", "name, nodes, links"),
    ),
    "top level, nothing near": ('name = "small"', "x = 1", ("'x'", "name, nodes, links")),
    "node": ("memory =", "memry =", ("[nodes.relay]", "'memry'", "did you mean 'memory'", "memory, processor")),
    "node, in capitals": ("memory =", "Memory =", ("[nodes.relay]", "'Memory'", "did you mean 'memory'")),
    "memory": ("t2_s", "t2", ("[nodes.relay] memory", "'t2'", "did you mean 't2_s'", "t1_s, t2_s")),
    "memory, in other units": ("t1_s", "t1_ms", ("[nodes.relay] memory", "'t1_ms'", "did you mean 't1_s'")),
    "processor": (
        "depolarizing_2q",
        "depolarising_2q",
        ("[nodes.relay] processor", "'depolarising_2q'", "did you mean 'depolarizing_2q'", "readout_error"),
    ),
    "link": ("fidelity", "fidelty", (LINK_1, "'fidelty'", "did you mean 'fidelity'", "bell_diagonal", "rate_hz")),
    "second link": ("rate_hz", "rate", (LINK_2, "'rate'", "did you mean 'rate_hz'")),
    "between": ("between", "betwen", (LINK_1, "'betwen'", "did you mean 'between'")),
    "fiber": (
        "length_km",
        "lenght_km",
        (LINK_1, "alice–relay", "fiber", "'lenght_km'", "did you mean 'length_km'"),
    ),
    "fibre": ("fiber =", "fibre =", (LINK_1, "'fibre'", "did you mean 'fiber'")),
    # of the wrong type
    "name a number": ('"small"', "5", ("name", "5")),
    "nodes a number": (GOOD, "nodes = 5", ("nodes", "table", "5")),
    "nodes a list": (GOOD, "nodes = ['alice']", ("nodes", "table", "['alice']")),
    "node a number": (GOOD, "[nodes]\nalice = 5", ("[nodes.alice]", "table", "5")),
    "memory a number": ("{ t1_s = 10.0, t2_s = 1.0 }", "5", ("[nodes.relay]", "memory", "table", "5")),
    "memory a list": ("{ t1_s = 10.0, t2_s = 1.0 }", "[10.0]", ("[nodes.relay]", "memory", "table", "[10.0]")),
    "links a number": (GOOD, "links = 5\n[nodes.a]", ("links", "list of tables", "[[links]]")),
    "links a table": (GOOD, "[links]\nbetween = 1\n[nodes.a]", ("links", "list of tables", "[[links]]")),
    "link a string": (GOOD, "links = ['a-b']\n[nodes.a]", (LINK_1, "table", "'a-b'")),
    "fiber a number": ("{ length_km = 25.0 }", "25", (LINK_1, "alice–relay", "fiber", "table", "25")),
    "fiber without length": ("length_km = 25.0", "", (LINK_1, "alice–relay", "fiber", "length_km")),
    "length a string": ("25.0", '"25 km"', (LINK_1, "fiber", "length_km", "'25 km'", "finite number, at least 0")),
    "fidelity a string": ("= 0.97\n", '= "0.97"\n', (LINK_1, "fidelity", "'0.97'", "[0.25, 1]")),
    "fidelity true": ("= 0.97\n", "= true\n", (LINK_1, "fidelity", "True", "[0.25, 1]")),
    "fidelity a date": ("= 0.97\n", "= 1979-05-27\n", (LINK_1, "fidelity", "datetime.date(1979", "[0.25, 1]")),
    "lifetime a string": ("10.0", '"10 s"', ("[nodes.relay] memory", "t1_s", "'10 s'", "positive time in seconds")),
    "readout a string": (
        "depolarizing_2q = 2e-3",
        'readout_error = "low"',
        ("[nodes.relay] processor", "readout_error", "'low'", "probability", "2x2 matrix"),
    ),
    "rate a string": ("300", '"fast"', (LINK_2, "rate_hz", "'fast'", "finite number, at least 0")),
    "populations a number": (POPULATIONS, "0.97", (LINK_2, *RULE, "0.97")),
    "populations of text": (POPULATIONS, '["a", 0.0, 0.0, 1.0]', (LINK_2, *RULE, "'a'")),
    "populations in quotes": (POPULATIONS, '["1", "0", "0", "0"]', (LINK_2, *RULE, "'1'")),
    "populations true and false": (POPULATIONS, "[true, false, false, false]", (LINK_2, *RULE, "True")),
    "populations nested": (POPULATIONS, "[[1.0], 0.0, 0.0, 0.0]", (LINK_2, *RULE, "[1.0]")),
    # nodes of a link
    "no between": ('between = ["relay", "bob"]\n', "", (LINK_2, "between", "two nodes", "None")),
    "between one": ('["relay", "bob"]', '["relay"]', (LINK_2, "between", "two nodes", "['relay']")),
    "between three": ('"bob"]', '"bob", "alice"]', (LINK_2, "between", "two nodes", "'alice'")),
    "between a string": ('["relay", "bob"]', '"relay-bob"', (LINK_2, "between", "two nodes", "'relay-bob'")),
    "unknown node": ('"bob"]', '"bobb"]', (LINK_2, "between", "'bobb'", "did you mean 'bob'")),
    "node a number in between": ('"bob"]', "5]", (LINK_2, "between", "5")),
    "node a list in between": ('"bob"]', '["bob"]]', (LINK_2, "between", "['bob']")),
    "node a table in between": ('"bob"]', '{ name = "bob" }]', (LINK_2, "between", "{'name': 'bob'}")),
    "self-loop": ('"bob"]', '"relay"]', (LINK_2, "two different nodes", "'relay'")),
    "empty node name": ("[nodes.bob]", '[nodes.""]', ("[nodes.", "name", "non-empty", "''")),
    # out of range
    "T2 above 2·T1": ("t2_s = 1.0", "t2_s = 20.1", ("[nodes.relay] memory", "t2_s", "2·t1_s", "20.1", "10.0")),
    "T1 zero": ("t1_s = 10.0", "t1_s = 0", ("[nodes.relay] memory", "t1_s", "positive", "0")),
    "T1 not a number": ("t1_s = 10.0", "t1_s = nan", ("[nodes.relay] memory", "t1_s", "positive", "nan")),
    "probability above 1": ("2e-3", "2", ("[nodes.relay] processor", "depolarizing_2q", "got 2", "[0, 1]")),
    "probability below 0": ("2e-3", "-0.1", ("[nodes.relay] processor", "depolarizing_2q", "-0.1", "[0, 1]")),
    "probability nan": ("2e-3", "nan", ("[nodes.relay] processor", "depolarizing_2q", "nan", "[0, 1]")),
    "fidelity in percent": ("= 0.97\n", "= 97\n", (LINK_1, "alice–relay", "fidelity", "97", "[0.25, 1]")),
    "fidelity nan": ("= 0.97\n", "= nan\n", (LINK_1, "alice–relay", "fidelity", "nan", "[0.25, 1]")),
    "length negative": ("25.0", "-25.0", (LINK_1, "fiber", "length_km", "-25.0", "at least 0")),
    "length infinite": ("25.0", "inf", (LINK_1, "fiber", "length_km", "inf", "finite")),
    "length beyond a float": ("25.0", HUGE, (LINK_1, "fiber", "length_km", "finite")),
    "lifetime beyond a float": ("10.0", HUGE, ("[nodes.relay] memory", "t1_s")),
    "probability beyond a float": ("2e-3", HUGE, ("[nodes.relay] processor", "depolarizing_2q", "[0, 1]")),
    "population beyond a float": ("[0.97,", f"[{HUGE},", (LINK_2, *RULE)),
    "integer of 5000 digits": ("25.0", "1" * 5000, ("TOML",)),
    "rate negative": ("300", "-300", (LINK_2, "rate_hz", "-300", "at least 0")),
    "readout rows": (
        "depolarizing_2q = 2e-3",
        "readout_error = [[0.9, 0.2], [0.1, 0.9]]",
        ("[nodes.relay] processor", "readout_error", "rows", "sum to 1", "[0.9, 0.2] with sum 1.1"),
    ),
    "populations too large": ("[0.97,", "[0.99,", (LINK_2, "relay–bob", *RULE, "1.02")),
    "populations too few": (POPULATIONS, "[0.97, 0.03]", (LINK_2, *RULE, "[0.97, 0.03]")),
    "population negative": (POPULATIONS, "[1.1, -0.1, 0.0, 0.0]", (LINK_2, *RULE, "-0.1")),
    "population nan": (POPULATIONS, "[nan, 0.0, 0.0, 1.0]", (LINK_2, *RULE, "nan")),
    # the state of a link
    "both states": (
        "= 0.97\n",
        f"= 0.97\nbell_diagonal = {POPULATIONS}\n",
        (LINK_1, "fidelity or bell_diagonal, not both", "0.97", POPULATIONS),
    ),
    "neither state": ("fidelity = 0.97\n", "", (LINK_1, "alice–relay", "fidelity, bell_diagonal or state")),
    # what nodes are, and where
    "role": (
        "[nodes.bob]\n",
        '[nodes.bob]\nrole = "repeter"\n',
        ("[nodes.bob]", "role", "did you mean 'repeater'"),
    ),
    "memories": ("[nodes.bob]\n", "[nodes.bob]\nmemories = -1\n", ("[nodes.bob]", "memories", "at least 0")),
    "position": ("[nodes.bob]\n", "[nodes.bob]\nposition = [91, 0]\n", ("[nodes.bob]", "latitude", "91")),
    # media, sources, detectors
    "two media": (
        "fidelity = 0.97\n",
        "fidelity = 0.97\nfree_space = { distance_km = 1 }\n",
        (LINK_1, "one medium", "fiber and free_space"),
    ),
    "medium without what it needs": ("fiber = { length_km = 25.0 }", "satellite = {}", (LINK_1, "altitude_km")),
    "source without kind": ("fidelity = 0.97", "source = {}", (LINK_1, "source", "kind is missing", "midpoint")),
    "source of no kind": (
        "fidelity = 0.97",
        'source = { kind = "midpiont" }',
        (LINK_1, "source", "kind", "did you mean 'midpoint'"),
    ),
    "source with another key": (
        "fidelity = 0.97",
        'source = { kind = "midpoint", fidelty = 1 }',
        (LINK_1, "source", "did you mean 'fidelity'"),
    ),
    "source beside a state": ("= 0.97", '= 0.97\nsource = { kind = "midpoint" }', (LINK_1, "fidelity", "source")),
    "three detectors": (
        "fidelity = 0.97",
        'source = { kind = "midpoint" }\ndetector = [{}, {}, {}]',
        (LINK_1, "detector", "two of them"),
    ),
    "detector out of range": (
        "fidelity = 0.97",
        'source = { kind = "midpoint" }\ndetector = [{}, { efficiency = 2 }]',
        (LINK_1, "detector", "efficiency", "[0, 1]"),
    ),
    "arm of no kind": (
        "fiber = { length_km = 25.0 }",
        "arms = { left = { length_km = 1 }, right = { length_km = 1 } }",
        (LINK_1, "arms left", "kind is missing"),
    ),
    # no network at all
    "empty file": (GOOD, "", ("at least one node",)),
    "only a name": (GOOD, 'name = "x"', ("at least one node",)),
    "only links": (GOOD, '[[links]]\nbetween = ["a", "b"]\nfidelity = 0.9', (LINK_1, "between", "'a'")),
    "not TOML": (GOOD, "nodes = {", ("not TOML",)),
    "JSON": (GOOD, '{"nodes": {}}', ("not TOML", "line 1")),
    "a table twice": ("[nodes.bob]\n", "[nodes.bob]\n[nodes.bob]\n", ("not TOML", "line")),
    "brackets without end": (GOOD, "x = " + "[" * 5000, ("TOML",)),
    "not UTF-8": (GOOD, b'name = "M\xfcnchen"', ("not TOML", "utf-8")),
    "bytes": (GOOD, bytes(range(256)), ("not TOML",)),
}


def test_the_good_file_is_good(tmp_path):
    assert repr(Network.load(write(tmp_path, GOOD))) == "<Network 'small': 3 nodes, 2 links>"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_malformed_files(tmp_path, mistake):
    before, after, fragments = MISTAKES[mistake]
    assert before in GOOD
    path = write(tmp_path, after if before == GOOD else GOOD.replace(before, after, 1))
    with pytest.raises(NetworkFileError) as caught:
        Network.load(path)
    text = str(caught.value)
    for fragment in (str(path), *fragments):
        assert fragment in text
    assert "__init__" not in text  # nobody who edits a file calls anything
    assert "\n" not in text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
        Network.load(tmp_path / "nowhere.toml")


# --- files that nobody wrote

ODD_VALUES = [
    "0", "-1", "97", "1e400", "-inf", "nan", "true", '""', '"alice"', "[]", "[[]]", "{}", "{ a = 1 }",
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", '["alice", "relay"]', "[1, 2, 3, 4]", "[nan, 0, 0, 1]",
    '["a", {}]', "[[1, 0], [0, 1]]", "[{}, {}]", "[0.25, 0.25, 0.25, 0.25]", "0x10", "1_000", "''' '''",
]  # fmt: skip
PIECES = [*ODD_VALUES, "[", "]", "{", "}", "=", ",", ".", '"', "'", "#", "\n", " ", "\ufeff", "\x00", "é",
          "links", "nodes", "[[links]]\n", "[nodes.x]\n", "[nodes]\n", "[links]\n", "\\u0000"]  # fmt: skip
FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def loads_or_refuses(scratch, text):
    """Anything else than a network or the one error fails the test."""
    path = write(scratch, text)
    try:
        network = Network.load(path)
    except NetworkFileError as error:
        text = str(error)
    else:
        text = str(path)
        assert network.nodes
    assert str(path) in text


@FUZZ
@given(data=st.binary(max_size=200) | st.text(max_size=200))
def test_garbage_is_refused(scratch, data):
    loads_or_refuses(scratch, data)


@st.composite
def with_edits(draw):
    """The good file after a few cuts, insertions and repetitions at random places."""
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 12)))
        insert = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[start:stop] * 2))
        text = text[:start] + insert + text[stop:]
    return text


@FUZZ
@given(text=with_edits())
def test_edited_files_load_or_are_refused(scratch, text):
    loads_or_refuses(scratch, text)


RIGHT_SIDES = sorted(
    {line.partition("= ")[2] for line in GOOD.splitlines() if "= " in line} | {"10.0", "25.0", "2e-3"}
)


@FUZZ
@given(change=st.dictionaries(st.sampled_from(RIGHT_SIDES), st.sampled_from(ODD_VALUES), min_size=1, max_size=3))
@example(change={'["relay", "bob"]': "[[], {}]"})
@example(change={"25.0": HUGE})
def test_odd_values_load_or_are_refused(scratch, change):
    text = GOOD
    for before, after in change.items():
        text = text.replace(f" {before}", f" {after}", 1)
    loads_or_refuses(scratch, text)
