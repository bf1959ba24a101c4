"""Capacity: against flows and linear programmes over all paths listed by plain recursion, and closed forms."""

import numpy as np
import pytest
import rustworkx as rx
from oracles.ways import ROLES, listed_scale, listed_ways, random_network, some_demands

from quantumlink import Network, Node, chain, evaluate, purify
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand, load_demands
from quantumlink.network.load import TrafficFileError
from quantumlink.rates import secret_fraction


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize(
    ("kinds", "floors", "rounds"),
    [
        (("pairs",), (None,), 0),
        (("pairs",), (None, 0.8, 0.9), 0),
        (("key",), (None,), 0),
        (("pairs", "key"), (None, 0.85), 0),
        (("pairs", "key"), (None, 0.9), 1),
    ],
)
def test_scale_is_the_linear_programme_over_all_paths(rng, case, kinds, floors, rounds):
    compared = 0
    while compared < 2:
        network = random_network(rng, roles=ROLES if case % 2 else ("repeater",))
        demands = some_demands(rng, network, kinds=kinds, floors=floors)
        expected = listed_scale(network, demands, rounds)
        if expected is None:
            with pytest.raises(ValueError, match=r"no route|no path from"):
                network.capacity(demands, purify_rounds=rounds)
            continue
        compared += 1
        found = network.capacity(demands, purify_rounds=rounds)
        assert found.scale == pytest.approx(expected, rel=1e-6)
        assert found.at_most == pytest.approx(expected, rel=1e-6)
        assert found.proven
        check_supplies(network, demands, found, rounds)


def check_supplies(network, demands, found, rounds):
    """What is said of paths adds up: rates of the demands, and of every link no more than it makes."""
    for demand, supply in zip(demands, found.supplies, strict=True):
        assert supply.demand == demand
        assert supply.rate_hz == pytest.approx(found.scale * demand.rate_hz)
        assert sum(share.rate_hz for share in supply.shares) == pytest.approx(supply.rate_hz, rel=1e-6)
        for share in supply.shares:
            assert (share.nodes[0], share.nodes[-1]) == (demand.a, demand.b)
            assert share.fidelity >= (demand.min_fidelity or 0) - 1e-9
            if not share.trusted_nodes:
                assert share.fidelity == pytest.approx(evaluate(chain(share.hops, purify_rounds=rounds)).fidelity)
    assert max(found.use) <= 1
    assert set(found.bottlenecks) <= {link for link, use in zip(found.links, found.use, strict=True) if use > 0.999}
    # Strong duality: the prices of all links' rates make up the share.
    rates = [link.attempts.rate_hz for link in found.links]
    assert np.dot(found.prices, rates) == pytest.approx(found.scale, rel=1e-6)


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("decades", [(0, 3), (-4, 8)])
def test_one_demand_gets_the_least_cut(rng, decades, case):
    """Also where rates are so far apart that a solver's tolerance is above the slowest of them."""

    def made():
        return random_network(rng, nodes=9, links=16, roles=("repeater", "end"), noisy=False, decades=decades)

    network = made()
    while not listed_ways(network, Demand("n0", "n1")):
        network = made()
    cut = network.min_cut("n0", "n1")
    assert network.capacity([Demand("n0", "n1")]).scale == pytest.approx(cut.rate_hz, rel=1e-6)
    assert sum(link.attempts.rate_hz for link in cut.links) == pytest.approx(cut.rate_hz)
    left = [link for link in network.links if link not in cut.links]
    with pytest.raises(ValueError, match="no route"):
        Network(network.nodes.values(), left).min_cut("n0", "n1")
    # Brute force: every side of the nodes that let entanglement through.
    inner = [n for n, node in network.nodes.items() if node.role == "repeater"]
    sides = [{"n0", *(n for i, n in enumerate(inner) if chosen >> i & 1)} for chosen in range(1 << len(inner))]
    open_nodes = {"n0", "n1", *inner}
    usable = [x for x in network.links if {e.name for e in x.ends} <= open_nodes]
    least = min(
        sum(x.attempts.rate_hz for x in usable if (x.left.name in side) != (x.right.name in side)) for side in sides
    )
    assert cut.rate_hz == pytest.approx(least)


def test_cut_of_equal_links_is_their_number_in_rustworkx(rng):
    graph = rx.undirected_gnm_random_graph(9, 16, seed=int(rng.integers(1000)))
    nodes = [Node(f"n{i}") for i in range(9)]
    network = Network(nodes, [ElementaryLink(nodes[a], nodes[b], rate_hz=7) for a, b in graph.edge_list()])
    cuts = []
    for a in range(9):
        for b in range(a):
            try:
                cuts.append(network.min_cut(f"n{a}", f"n{b}").rate_hz)
            except ValueError:
                cuts.append(0.0)
    assert min(cuts) == pytest.approx(7 * rx.stoer_wagner_min_cut(graph, weight_fn=lambda _: 1.0)[0])


def line(rates=(100.0, 60.0), fidelity=0.95, role="repeater"):
    a, r, b = Node("a"), Node("r", role=role), Node("b")
    ends = [(a, r), (r, b)]
    return Network(
        [a, r, b], [ElementaryLink(*e, fidelity=fidelity, rate_hz=x) for e, x in zip(ends, rates, strict=True)]
    )


def test_closed_forms_of_a_line():
    werner = (4 * 0.95 - 1) / 3
    swapped = (1 + 3 * werner**2) / 4
    found = line().capacity([Demand("a", "b")])
    assert found.scale == pytest.approx(60)
    assert found.supplies[0].fidelity == pytest.approx(swapped)
    assert found.bottlenecks == (line().links[1],)
    assert found.prices == pytest.approx((0, 1))
    q = (1 - werner**2) / 2
    assert line().capacity([Demand("a", "b", "key")]).scale == pytest.approx(60 * secret_fraction(q, q))
    # Over a trusted node each link makes a key of its own, from pairs that are not swapped.
    one = (1 - werner) / 2
    trusted = line(role="trusted").capacity([Demand("a", "b", "key")])
    assert trusted.scale == pytest.approx(60 * secret_fraction(one, one))
    assert trusted.supplies[0].shares[0].trusted_nodes == ("r",)
    # BBPSSW on Werner pairs: F² + 2Fe + 5e² of the tries succeed, and each takes two pairs.
    e = 0.05 / 3
    success = 0.95**2 + 2 * 0.95 * e + 5 * e**2
    purified = line().capacity([Demand("a", "b")], purify_rounds=1, protocol="bbpssw")
    assert purified.scale == pytest.approx(60 * success / 2)


def test_two_demands_share_a_link():
    found = line().capacity(
        [Demand("a", "b", rate_hz=20), Demand("b", "r", rate_hz=10), Demand("a", "r", rate_hz=1)]
    )
    assert found.scale == pytest.approx(2)
    assert [supply.rate_hz for supply in found.supplies] == pytest.approx([40, 20, 2])


@pytest.mark.parametrize("number", [1, 3, 40])
def test_equal_links_side_by_side_carry_as_many_times_more(number):
    """As if all links of one were so many times as fast."""
    a, b, c, r = (Node(name) for name in "abcr")
    hops = [ElementaryLink(x, r, fidelity=0.97, rate_hz=rate) for x, rate in ((a, 30.0), (b, 60.0), (c, 30.0))]
    demands = [Demand("a", "b", rate_hz=10), Demand("c", "b", rate_hz=10), Demand("a", "c", rate_hz=1)]
    alone = Network([a, b, c, r], hops).capacity(demands)
    network = Network([a, b, c, r], hops * number)
    found = network.capacity(demands)
    assert alone.scale == pytest.approx(30 / 11)  # 10 and 1 of the hop of a
    assert found.scale == pytest.approx(number * alone.scale)
    assert found.proven
    check_supplies(network, demands, found, 0)
    assert found.use == pytest.approx(alone.use * number)


def test_a_slow_link_beside_a_fast_one():
    a, b, c, d = (Node(name) for name in "abcd")
    network = Network([a, b, c, d], [ElementaryLink(a, b, rate_hz=1e-3), ElementaryLink(c, d, rate_hz=1e9)])
    slow, fast = Demand("a", "b", rate_hz=1), Demand("c", "d", rate_hz=1e6)
    found = network.capacity([slow, fast])
    assert found.scale == pytest.approx(1e-3, rel=1e-6)
    assert [supply.rate_hz for supply in found.supplies] == pytest.approx([1e-3, 1e3], rel=1e-6)
    assert found.use == pytest.approx((1, 1e-6), rel=1e-5)


def test_two_rounds_of_purification_count_their_pairs():
    found = line().capacity([Demand("a", "r")], purify_rounds=2, protocol="dejmps")
    link = line().links[0]
    once = purify(link, link)
    first = evaluate(once).success_probability
    both = evaluate(purify(once, once)).success_probability
    second = both / first**2
    assert found.scale == pytest.approx(100 * first * second / 4)


def test_a_floor_picks_the_better_way():
    a, b, r = Node("a"), Node("b"), Node("r")
    short = ElementaryLink(a, b, fidelity=0.8, rate_hz=1000)
    way = [ElementaryLink(a, r, fidelity=0.99, rate_hz=10), ElementaryLink(r, b, fidelity=0.99, rate_hz=20)]
    network = Network([a, b, r], [short, *way])
    assert network.capacity([Demand("a", "b")]).scale == pytest.approx(1010)
    assert network.capacity([Demand("a", "b", min_fidelity=0.9)]).scale == pytest.approx(10)
    with pytest.raises(ValueError, match=r"no path from 'a' to 'b' is good enough with fidelity 0\.99 or better: "
                                         r"the best there is has fidelity 0\.980133"):  # fmt: skip
        network.capacity([Demand("a", "b", min_fidelity=0.99)])


# --- bad input


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Demand("a", "a"), "two different nodes, got 'a' twice"),
        (lambda: Demand("a", "b", kind="bits"), "kind must be one of pairs, key, ghz; got 'bits'"),
        (lambda: Demand("a", "b", rate_hz=0), "rate_hz must be above zero"),
        (lambda: Demand("a", "b", rate_hz=float("nan")), "rate_hz must be a finite number"),
        (lambda: Demand("a", "b", min_fidelity=1.5), r"min_fidelity must be a number in \[0, 1\]"),
        (lambda: line().capacity([]), "at least one Demand, got none"),
        (lambda: line().capacity([Demand("a", "bb")]), r"demands\[0\]\.b must be one of a, r, b; got 'bb'"),
        (lambda: line(role="end").capacity([Demand("a", "b")]), "no route from 'a' to 'b'"),
        (lambda: line(fidelity=0.8).capacity([Demand("a", "b", "key")]), "yields a key: the best there is"),
        (lambda: line().capacity([Demand("a", "b")], avoid=["b"]), r"avoid holds 'b', an end of demands\[0\]"),
        (lambda: line().capacity([Demand("a", "b")], avoid=["r"]), "no route|no link"),
        (lambda: line().min_cut("a", "c"), "must be one of a, r, b"),
    ],
)
def test_refusals(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_links_of_unknown_rate_are_refused():
    a, b = Node("a"), Node("b")
    with pytest.raises(ValueError, match="links of unknown rate: a–b"):
        Network([a, b], [ElementaryLink(a, b)]).capacity([Demand("a", "b")])
    with pytest.raises(TypeError, match="demands must be a list of Demand objects"):
        line().capacity("a-b")


# --- files


def test_traffic_files_agree(tmp_path):
    toml, table = tmp_path / "t.toml", tmp_path / "t.csv"
    toml.write_text(
        '[[demands]]\nbetween = ["a", "b"]\nkind = "key"\nrate_hz = 2\n'
        '[[demands]]\nbetween = ["c", "d"]\nmin_fidelity = 0.9\n'
    )
    table.write_text("a,b,kind,rate_hz,min_fidelity\na,b,key,2,\n\nc,d,pairs,,0.9\n")
    expected = (Demand("a", "b", "key", 2.0), Demand("c", "d", min_fidelity=0.9))
    assert load_demands(toml) == load_demands(table) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.toml", "[[demands]]\nbetween = ['a']\n", "demand 1: between must name two nodes"),
        ("t.toml", "[[demands]]\nbetween = ['a', 'b']\nrate = 1\n", "unknown 'rate' .did you mean 'rate_hz'"),
        ("t.toml", "demands = 3", "must be a list of tables"),
        ("t.toml", "", "there is no demand"),
        ("t.toml", "[[", "not TOML"),
        ("t.toml", "[[demands]]\nbetween = [1, 2]\n", "a must be the name of a node"),
        ("t.csv", "a,b,rate_hz\nx,y,fast\n", "line 2: rate_hz must be a number, got 'fast'"),
        ("t.csv", "a,b\nx\n", "line 2: must have 2 values, got 1"),
        ("t.csv", "a,c\nx,y\n", "unknown 'c'"),
        ("t.csv", "a,a\nx,y\n", "columns a and b must be there"),
        ("t.csv", "a,b,rate_hz\nx,y,-1\n", "line 2: rate_hz must be a finite number, at least 0"),
        ("t.json", "{}", "must end in .toml or .csv"),
    ],
)
def test_bad_traffic_files(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(TrafficFileError, match=message):
        load_demands(path)
