"""Failures: against every set of them tried on the network itself, by paths listed by plain recursion."""

from itertools import combinations

import numpy as np
import pytest
import rustworkx as rx
from oracles.ways import ROLES, listed_ways, random_network, some_demands

from quantumlink import Fiber, Network, Node
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand
from quantumlink.network.geography import great_circle_km
from quantumlink.network.load.failures import _Among
from quantumlink.network.load.region import struck


def tried_cuts(network, demands, failures):
    """Minimal cuts of each demand, by listing its ways once and striking out those that failures touch."""
    parts = [*network.nodes, *range(len(network.links))]
    found = {}
    for demand in demands:
        ways = []
        for needs in listed_ways(network, demand):
            links = np.flatnonzero(needs).tolist()
            inner = {end.name for i in links for end in network.links[i].ends} - {demand.a, demand.b}
            ways.append({*links, *inner})
        if not ways:
            continue
        cuts = []
        for size in range(1, failures + 1):
            for chosen in combinations([p for p in parts if p not in (demand.a, demand.b)], size):
                cut = set(chosen)
                if all(way & cut for way in ways) and not any(less <= cut for less in cuts):
                    cuts.append(cut)
        for cut in cuts:
            found.setdefault(frozenset(cut), set()).add(demand)
    return found


def told_cuts(found):
    return {frozenset([*cut.nodes, *cut.numbers]): set(cut.cut_off) for cut in found.cuts}


@pytest.mark.parametrize(
    ("kinds", "floors", "failures"),
    [
        (("pairs",), (None,), 3),
        (("pairs",), (0.25,), 2),  # a floor that all reach: the same by the other method
        (("pairs", "key"), (None, 0.8, 0.9), 2),
    ],
)
@pytest.mark.parametrize("case", range(3))
def test_cuts_are_those_of_every_set_of_failures(rng, case, kinds, floors, failures):
    network = random_network(rng, nodes=6, links=9, roles=ROLES if case else ("repeater",))
    demands = some_demands(rng, network, number=5, kinds=kinds, floors=floors)
    found = network.resilience(failures, demands=demands)
    expected = tried_cuts(network, demands, failures)
    assert found.proven
    assert told_cuts(found) == expected
    served = {d for d in demands if listed_ways(network, d)}
    assert (set(found.demands), set(found.unserved)) == (served, set(demands) - served)
    parts = [*network.nodes, *range(len(network.links))]
    sets = list(combinations(parts, 2))
    safe = sum(not any(cut <= set(chosen) for cut in expected) for chosen in sets)
    assert found.harmless(2) == pytest.approx(safe / len(sets))


def test_single_points_of_a_random_graph_are_its_articulation_points_and_bridges(rng):
    graph = rx.undirected_gnm_random_graph(14, 17, seed=int(rng.integers(1000)))
    nodes = [Node(f"n{i}") for i in range(14)]
    network = Network(nodes, [ElementaryLink(nodes[a], nodes[b]) for a, b in graph.edge_list()])
    found = network.resilience(1)
    bridges = {tuple(sorted(edge)) for edge in rx.bridges(graph)}
    points = {cut.nodes[0] for cut in found.single_points if cut.nodes}
    # An articulation point that parts only what is joined to nothing else parts nobody: all count here.
    assert points == {f"n{i}" for i in rx.articulation_points(graph)}
    lines = {
        tuple(sorted(int(end.name[1:]) for end in cut.links[0].ends)) for cut in found.single_points if cut.links
    }
    assert lines == bridges


def test_equal_parallel_links_fail_one_by_one():
    a, b = Node("a"), Node("b")
    link = ElementaryLink(a, b, rate_hz=10)
    network = Network([a, b], [link, link])
    found = network.resilience(2)
    assert [cut.numbers for cut in found.cuts] == [(0, 1)]
    floored = network.resilience(1, demands=[Demand("a", "b", min_fidelity=0.5)])
    assert not floored.cuts
    assert floored.capacity_after(floored.after()).scale == pytest.approx(20)


def square():
    places = {"a": (50.0, 10.0), "b": (50.0, 12.0), "c": (52.0, 12.0), "d": (52.0, 10.0)}
    nodes = {name: Node(name, position=place) for name, place in places.items()}
    sides = [("a", "b", 10), ("b", "c", 20), ("c", "d", 30), ("d", "a", 40)]
    links = [ElementaryLink(nodes[x], nodes[y], Fiber(10), rate_hz=rate) for x, y, rate in sides]
    return Network(nodes.values(), links)


def test_what_is_left_after_a_failure():
    found = square().resilience(2, demands=[Demand("a", "c", rate_hz=10), Demand("a", "b", rate_hz=5)])
    assert not found.single_points
    failure = found.after(links=[("a", "b")])
    assert failure.cut_off == ()
    # Both demands now go by d; 20 pairs a second between b and c, 30 between c and d.
    assert found.capacity_after(failure).scale == pytest.approx(2)
    gone = found.after(nodes=["b"])
    assert gone.cut_off == (Demand("a", "b", rate_hz=5),)
    assert found.capacity_after(gone).scale == pytest.approx(3)
    assert found.capacity_after(found.after(nodes=["a"])) is None


def test_a_region_takes_nodes_and_what_passes_through():
    network = square()
    found = network.resilience(1)
    assert (found.region((50.0, 10.0), 20).nodes, found.region((50.0, 10.0), 20).numbers) == (("a",), ())
    assert found.region((51.0, 12.0), 5).numbers == (1,)  # halfway along a meridian
    assert found.region((51.0, 11.0), 5).numbers == ()
    assert len(found.region((51.0, 11.0), 500).cut_off) == 6


def test_regions_by_points_along_the_arcs(rng):
    for _ in range(20):
        places = [(float(rng.uniform(-60, 60)), float(rng.uniform(-170, 170))) for _ in range(2)]
        center = (float(rng.uniform(-60, 60)), float(rng.uniform(-170, 170)))
        radius = float(rng.uniform(100, 8000))
        a, b = (Node(name, position=place) for name, place in zip("ab", places, strict=True))
        nodes, links = struck(Network([a, b], [ElementaryLink(a, b)]), center, radius)
        ends = [[np.cos(x) * np.cos(y), np.cos(x) * np.sin(y), np.sin(x)] for x, y in np.radians(places)]
        way = np.linspace(0, 1, 4001)[:, None] * np.subtract(ends[1], ends[0]) + ends[0]
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        sites = np.degrees([np.arcsin(way[:, 2]), np.arctan2(way[:, 1], way[:, 0])]).T
        distances = [great_circle_km(center, tuple(site)) for site in sites.tolist()]
        if abs(min(distances) - radius) < 10:
            continue
        assert nodes == [n for n, d in (("a", distances[0]), ("b", distances[-1])) if d <= radius]
        assert bool(nodes or links) == (min(distances) <= radius)


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: square().resilience(0), "failures must be a whole number, at least 1"),
        (lambda: square().resilience(4), "failures must be at most 3, got 4"),
        (lambda: square().resilience(1, demands=[Demand("a", "x")]), r"demands\[0\]\.b must be one of"),
        (lambda: square().resilience(1).harmless(2), "at most 1, as many as were looked at; got 2"),
        (lambda: square().resilience(1).region((95, 0), 10), "latitude"),
        (lambda: square().resilience(1).region((5, 0), 0), "radius_km must be above zero"),
        (lambda: square().resilience(1).after(nodes=["x"]), "nodes must be one of a, b, c, d; got 'x'"),
    ],
)
def test_refusals(ask, text):
    with pytest.raises(ValueError, match=text):
        ask()


def test_a_region_needs_all_positions():
    a, b = Node("a"), Node("b", position=(1, 1))
    with pytest.raises(ValueError, match="1 have no position: a"):
        Network([a, b], [ElementaryLink(a, b)]).resilience(1).region((1, 1), 10)


def test_what_is_wrong_with_failures_is_said_of_their_argument():
    a, b, c = Node("a"), Node("b"), Node("c")
    found = Network([a, b, c], [ElementaryLink(a, b), ElementaryLink(b, c)]).resilience(1)
    with pytest.raises(TypeError, match="nodes must be a list of nodes, got 'a'"):
        found.after(nodes="a")
    with pytest.raises(ValueError, match="links must hold nodes and links"):
        found.after(links=[("a", "c")])


def test_a_look_says_in_a_line_who_is_served_at_all():
    nodes = [Node(name) for name in "abcd"]
    network = Network(nodes, [ElementaryLink(*nodes[i : i + 2], fidelity=0.95, rate_hz=10) for i in range(3)])
    poor, good = Demand("a", "d", min_fidelity=0.99), Demand("a", "c")
    told = {
        (poor,): "<Resilience of no demand: 1 not served even without a failure>",
        (good,): "<Resilience of 1 demand to 1 failure: 3 single points of failure>",
        (good, poor): "<Resilience of 1 demand to 1 failure: 3 single points of failure; 1 more not served even "
        "without a failure>",
    }
    for demands, text in told.items():
        assert repr(network.resilience(1, demands=demands)) == text


@pytest.mark.parametrize("floor", [None, 0.6])
def test_an_interrupted_look_keeps_the_failures_that_it_was_through_with(monkeypatch, floor):
    nodes = [Node(name) for name in "abcdef"]
    around = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5), (5, 0)]
    network = Network(nodes, [ElementaryLink(nodes[i], nodes[j], fidelity=0.95, rate_hz=10) for i, j in around])
    demands = [Demand("a", "c"), Demand("b", "e", min_fidelity=floor)]
    once, whole = network.resilience(1, demands=demands), network.resilience(2, demands=demands)
    assert told_cuts(once) != told_cuts(whole)
    assert not once.interrupted
    looks = _Among._cut_by

    def pressed(self, chosen, *arguments):
        if len(chosen) == 2 and chosen[0] == "c":
            raise KeyboardInterrupt
        return looks(self, chosen, *arguments)

    monkeypatch.setattr(_Among, "_cut_by", pressed)
    with pytest.warns(UserWarning, match="interrupted: the result holds 1 failure at once, not 2"):
        found = network.resilience(2, demands=demands)
    assert (found.interrupted, found.failures, told_cuts(found)) == (True, 1, told_cuts(once))
    assert found.as_dict() == {**once.as_dict(), "interrupted": True}
    assert "interrupted" in repr(found)
    monkeypatch.setattr(_Among, "_cut_by", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        network.resilience(2, demands=demands)
