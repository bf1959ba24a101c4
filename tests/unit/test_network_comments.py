"""Saving over a file that a person wrote: comments and templates stay, and what is read back is the network."""

import pickle
import random
import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import quantumlink as ql
from quantumlink import ElementaryLink, Network, Node
from quantumlink.network import NetworkFileError
from quantumlink.network.comments import revised

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"
SHIPPED = sorted(path.stem for path in NETWORKS.glob("*.toml"))

FILE = """\
# A network of two cities.
name = "cities"  # for short

[defaults.node]
memory = { t1_s = 10.0 }

[templates.span]
fiber = { connectors = 2 }
fidelity = 0.97

# Where it begins.
[nodes.a]
position = [48.1, 16.2]  # the old station

[nodes.b]
qubits = 3  # all there are

[nodes.c]

[[links]]  # the first
between = ["a", "b"]
use = "span"
fiber = { length_km = 25.0 }  # measured

# The second is rented.
[[links]]
between = ["b", "c"]
fidelity = 0.9
rate_hz = 10.0
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cities.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def saved(network, path):
    network.save(path)
    assert ql.Network.load(path) == network
    return path.read_text(encoding="utf-8")


def with_links(network, links, nodes=()):
    changed = {node.name: node for node in nodes}

    def joined(link):
        left, right = (changed.get(node.name, node) for node in (link.left, link.right))
        kwargs = {"fidelity": link.fidelity} if link.is_bell_diagonal else {"state": link.state}
        return ql.ElementaryLink(left, right, link.medium, rate_hz=link.rate_hz, **kwargs)

    every = [changed.get(name, node) for name, node in network.nodes.items()]
    return ql.Network(every, [joined(link) for link in links], network.name)


def test_nothing_changes_where_nothing_changed(file):
    assert saved(ql.Network.load(file), file) == FILE


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_stay_as_they_are(name):
    path = NETWORKS / f"{name}.toml"
    assert revised(path.read_text(encoding="utf-8"), ql.Network.load(path)) == path.read_text(encoding="utf-8")


def test_one_number_is_one_number(file):
    network = ql.Network.load(file)
    rented = ql.ElementaryLink(network.nodes["b"], network.nodes["c"], fidelity=0.9, rate_hz=20.0)
    text = saved(ql.Network(network.nodes.values(), [network.links[0], rented], "cities"), file)
    assert text == FILE.replace("rate_hz = 10.0", "rate_hz = 20.0")


def test_a_link_less_takes_only_itself(file):
    text = saved(ql.Network.load(file).without(links=[("b", "c")], nodes=["c"]), file)
    assert "# measured" in text
    assert "# the old station" in text
    assert "rate_hz" not in text
    assert "nodes.c" not in text


def test_several_nodes_less_take_only_themselves_where_nodes_are_dotted_keys(file):
    nodes = "".join(f'nodes.{name}.role = "end"  # {name}\n\n' for name in "abcdef")
    dotted = 'name = "row"  # for short\n\n' + nodes
    links = "".join(
        f'[[links]]\nbetween = ["{a}", "{b}"]  # {a}{b}\nfidelity = 0.9\n\n' for a, b in pairwise("abcdef")
    )
    file.write_text(dotted + links)
    network = ql.Network.load(file)
    for gone in ("ab", "ef", "abc", "af", "abef", "dcba"):
        text = revised(dotted + links, network.without(nodes=list(gone)))
        kept = [name for name in "abcdef" if name not in gone]
        said = kept + [f"{a}{b}" for a, b in pairwise("abcdef") if not {a, b} & set(gone)]
        assert re.findall(r"# (.*)", text) == ["for short", *said]
        file.write_text(text)
        assert ql.Network.load(file) == network.without(nodes=list(gone))


def test_what_differs_from_a_default_is_written_beside_it(file):
    network = ql.Network.load(file)
    node = replace(network.nodes["c"], memory=ql.Memory())  # the default of the library, not of the file
    new = ql.Node("d", qubits=1)
    joined = ql.ElementaryLink(new, network.nodes["a"], fidelity=0.9)
    text = saved(with_links(ql.Network([*network.nodes.values(), new], [*network.links, joined], "cities"),
                            [*network.links, joined], [node]), file)  # fmt: skip
    assert text.startswith(FILE[: FILE.index("[nodes.c]")])
    assert "[nodes.c]\nmemory = { t1_s = inf, t2_s = inf }\n" in text
    assert text.count("t1_s = inf") == 2


def test_what_no_word_takes_back_is_written_out(file):
    file.write_text(FILE.replace("memory = { t1_s = 10.0 }", "memories = 3"))
    network = ql.Network.load(file)
    node = replace(network.nodes["c"], memories=None)  # for which TOML has no word
    text = saved(with_links(network, network.links, [node]), file)
    assert "defaults" not in text
    assert "# A network of two cities." in text
    assert "# the old station" in text


def test_new_links_and_nodes_come_last(file):
    network = ql.Network.load(file)
    d = ql.Node("d e", memory=ql.Memory(t1_s=10.0))
    more = ql.Network(
        [*network.nodes.values(), d], [*network.links, ql.ElementaryLink(network.nodes["c"], d)], "cities"
    )
    text = saved(more, file)
    assert text.startswith(FILE[: FILE.index("[nodes.b]")])
    assert "# The second is rented." in text


def test_another_network_is_written_plainly(file):
    x, y = ql.Node("x"), ql.Node("y")
    assert "#" not in saved(ql.Network([x, y], [ql.ElementaryLink(x, y)], "other"), file)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not toml", b'name = "x"\n[nodes.a]\nmemory = 3\n'])
def test_over_what_is_no_network_file(content, file):
    network = ql.Network.load(file)
    file.write_bytes(content)
    assert saved(network, file) == FILE
    file.write_bytes(content)
    anew = Network(network.nodes.values(), network.links, network.name)
    assert saved(anew, file) == network.to_toml()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_line_ends_and_a_byte_order_mark_stay(file, mark, end):
    file.write_bytes(mark + FILE.replace("\n", end).encode())
    network = ql.Network.load(file)
    network.save(file)
    assert file.read_bytes() == mark + FILE.replace("\n", end).encode()
    ql.Network(network.nodes.values(), network.links[:1], "town").save(file)
    found = file.read_bytes()
    assert found.startswith(mark + b"# A network of two cities." + end.encode() + b'name = "town"  # for short')
    assert found.count(b"\n") == found.count(end.encode())


SMALL = [name for name in SHIPPED if (NETWORKS / f"{name}.toml").stat().st_size < 5_000]
"""Large ones take a second for each change, and are written in no other way, but for the links of the backbone."""


@pytest.mark.parametrize("seed", range(40))
def test_whatever_changed_is_read_back(seed, tmp_path):
    dice = random.Random(seed)
    source = NETWORKS / f"{'germany' if seed == 39 else dice.choice(SMALL)}.toml"
    path = tmp_path / "network.toml"
    path.write_bytes(source.read_bytes())
    network = ql.Network.load(path)
    for _ in range(3):
        links, nodes = list(network.links), dict(network.nodes)
        match dice.choice(["drop", "shuffle", "twice", "add", "rename", "node less"]):
            case "drop":
                del links[dice.randrange(len(links))]
            case "shuffle":
                dice.shuffle(links)
            case "twice":
                links.insert(dice.randrange(len(links)), dice.choice(links))
            case "add":
                one, other = dice.sample(sorted(nodes), 2)
                links.append(
                    ql.ElementaryLink(nodes[one], nodes[other], ql.Fiber(dice.uniform(1, 90)), fidelity=0.8)
                )
            case "rename":
                network = ql.Network(nodes.values(), links, network.name + " ü'\"")
            case "node less":
                gone = dice.choice(sorted(nodes))
                links = [link for link in links if gone not in (link.left.name, link.right.name)]
                del nodes[gone]
        if not links:
            return
        network = ql.Network(nodes.values(), links, network.name)
        text = saved(network, path)
        assert text == path.read_text(encoding="utf-8")


DEFAULTS = """name = "x"

[defaults.node]
memories = 3
qubits = 7

# an end
[nodes.a]

[nodes.b]   # here

[[links]]
between = ["a", "b"]
fidelity = 0.9  # good
"""


def test_what_one_node_leaves_out_the_others_say_themselves(tmp_path):
    """TOML has no word for None: only the default in the way goes, the rest stays as it is written."""
    path = tmp_path / "x.toml"
    path.write_text(DEFAULTS)
    before = Network.load(path)
    a, b = before.nodes["a"], replace(before.nodes["b"], memories=None)
    network = Network([a, b], [ElementaryLink(a, b, fidelity=0.9)], "x")
    network.save(path)
    assert Network.load(path) == network
    text = path.read_text()
    assert "[defaults.node]\nqubits = 7\n\n# an end\n[nodes.a]\nmemories = 3\n" in text
    assert "fidelity = 0.9  # good" in text


def test_new_nodes_and_links_stand_apart(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(DEFAULTS)
    before = Network.load(path)
    c = Node("c", memories=3, qubits=7)
    new = ElementaryLink(before.nodes["b"], c, fidelity=0.8)
    Network([*before.nodes.values(), c], [*before.links, new], "x").save(path)
    text = path.read_text()
    for head in ("[nodes.c]", '[[links]]\nbetween = ["a"', '[[links]]\nbetween = ["b"'):
        assert f"\n\n{head}" in text
    assert text.endswith("fidelity = 0.8\n")


def test_a_directory_is_no_network_file(tmp_path):
    with pytest.raises(NetworkFileError, match="this is a directory"):
        Network.load(tmp_path)


# --- saved elsewhere


@pytest.mark.parametrize("name", SHIPPED)
def test_saved_to_a_new_place_a_file_is_the_same(name, tmp_path):
    path = NETWORKS / f"{name}.toml"
    Network.load(path).save(tmp_path / f"{name}.toml")
    assert (tmp_path / f"{name}.toml").read_bytes() == path.read_bytes()


def test_comments_stay_in_a_new_place(file, tmp_path):
    network = Network.load(file)
    text = saved(network.without(links=[("b", "c")], nodes=["c"]), tmp_path / "less.toml")
    for kept in ("# A network of two cities.", "# measured", "# the old station", "[templates.span]"):
        assert kept in text
    assert "nodes.c" not in text
    network.name = "towns"
    assert saved(network, tmp_path / "towns.toml") == FILE.replace('"cities"', '"towns"')


def test_the_file_that_is_there_counts_before_the_one_that_was_loaded(file, tmp_path):
    there = tmp_path / "mine.toml"
    there.write_text(FILE.replace("# measured", "# guessed"))
    assert "# guessed" in saved(Network.load(file).without(links=[("b", "c")]), there)
    there.write_text('[nodes.x]\n[nodes.y]\n[[links]]  # another\nbetween = ["x", "y"]\n')
    assert saved(Network.load(file), there) == FILE


def test_a_file_that_has_one_node_in_common_is_not_of_the_same_network(file, tmp_path):
    network = Network.load(file)
    other = tmp_path / "other.toml"
    nodes = "".join(f"[nodes.{name}]\n" for name in "cdef")
    links = "".join(f'[[links]]\nbetween = ["{a}", "{b}"]\nfidelity = 0.9\n' for a, b in pairwise("cdef"))
    other.write_text("# What somebody else measured.\n" + nodes + links)
    network.save(other)
    assert other.read_text() == file.read_text()


def test_a_network_made_anew_is_written_like_another_file(file, tmp_path):
    network = Network.load(file)
    anew = Network(network.nodes.values(), network.links[:1], "cities")
    assert "#" not in saved(anew, tmp_path / "plain.toml")
    anew.save(tmp_path / "like.toml", like=file)
    assert Network.load(tmp_path / "like.toml") == anew
    assert "# measured" in (tmp_path / "like.toml").read_text()
    with pytest.raises(FileNotFoundError):
        anew.save(tmp_path / "never.toml", like=tmp_path / "missing.toml")
    assert not (tmp_path / "never.toml").exists()


def test_a_file_without_a_name_is_called_as_it_is(file, tmp_path):
    bare = FILE.replace('name = "cities"  # for short\n', "")
    file.write_text(bare)
    network = Network.load(file)
    assert saved(network, file) == bare
    text = saved(network, tmp_path / "elsewhere.toml")
    assert tomllib.loads(text)["name"] == "cities"
    assert "# measured" in text


def test_line_ends_go_to_the_new_place(file, tmp_path):
    file.write_bytes(b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode())
    Network.load(file).save(tmp_path / "new.toml")
    assert (tmp_path / "new.toml").read_bytes() == file.read_bytes()


def test_what_was_loaded_is_no_part_of_a_networks_value(file):
    network = Network.load(file)
    same = Network(network.nodes.values(), network.links, network.name)
    assert network == same
    assert hash(network) == hash(same)
    assert pickle.loads(pickle.dumps(network)).written == network.written
