"""Users of a network: who they are, in files and pictures, and that traffic and failures are counted them."""

from itertools import combinations, pairwise
from pathlib import Path

import pytest

from quantumlink import ElementaryLink, Network, Node
from quantumlink.network import gravity_demands, uniform_demands
from quantumlink.network.inline_repeaters import in_line

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"


def line(*nodes):
    return Network(nodes, [ElementaryLink(a, b) for a, b in pairwise(nodes)])


def test_an_end_is_a_user_and_a_repeater_none_unless_it_says_so():
    nodes = [
        Node("a", role="end"), Node("probe", role="end", user=False), Node("city-1", user=True), Node("r-1"),
        Node("r-2"), Node("site", role="trusted", user=True),
    ]  # fmt: skip
    network = line(*nodes)
    assert network.users == ("a", "city-1", "site")
    assert in_line(network) == {"r-1", "r-2"}
    wanted = {frozenset(pair) for pair in combinations(network.users, 2)}
    assert {frozenset(demand.nodes) for demand in uniform_demands(network, 3.0)} == wanted
    found = network.resilience(1)
    assert {frozenset(demand.nodes) for demand in (*found.demands, *found.unserved)} == wanted
    assert "3 users" in network._repr_html_()


def test_where_nobody_is_said_to_be_a_user_all_nodes_are():
    assert len(uniform_demands(line(Node("a"), Node("b"), Node("c")), 1.0)) == 3


def test_users_are_kept_in_files(tmp_path):
    network = line(Node("a", user=True), Node("r"), Node("b", role="end", user=False))
    network.save(tmp_path / "net.toml")
    assert Network.load(tmp_path / "net.toml") == network
    with pytest.raises(TypeError, match=r"user must be True, False or None, got 'yes'"):
        Node("a", user="yes")


def test_the_users_of_the_backbone_are_its_cities():
    network = Network.load(NETWORKS / "germany.toml")
    assert set(network.users) == {name for name in network.nodes if "-" not in name}
    assert len(gravity_demands(network, 1.0)) == 55


@pytest.mark.parametrize("file", sorted(NETWORKS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_network_has_users_that_are_no_nodes_in_a_line(file):
    network = Network.load(file)
    assert len(network.users) != 1
    assert not set(network.users) & in_line(network)
