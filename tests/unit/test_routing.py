"""Routes: the best path by enumeration of all, disjoint paths by enumeration of sets, keys over trusted nodes."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from quantumlink import Fiber, Memory, Network, Node, Processor, chain, evaluate
from quantumlink.link import ElementaryLink
from quantumlink.network import forecast
from quantumlink.network.disjoint import disjoint_paths
from quantumlink.network.objectives import OBJECTIVES, score

PROCESSORS = [Processor(), Processor(depolarizing_2q=0.01, readout_error=0.005), Processor(1e-3, 0.02, 0.01)]
MEMORIES = [Memory(), Memory(t1_s=2, t2_s=0.3), Memory(t2_s=0.05)]


def random_network(rng, nodes=7, links=12, roles=("repeater",), timed=True):
    """Random links, parallel ones among them; the first two nodes are ends."""
    parts = [
        Node(f"n{i}", MEMORIES[rng.integers(3)], PROCESSORS[rng.integers(3)],
             role="end" if i < 2 else str(rng.choice(roles)))
        for i in range(nodes)
    ]  # fmt: skip
    made = []
    for _ in range(links):
        a, b = rng.choice(nodes, 2, replace=False)
        weights = rng.dirichlet([30, 1, 1, 1])
        rate = float(10 ** rng.uniform(0, 3)) if timed else None
        medium = Fiber(float(rng.uniform(1, 200)))
        made.append(
            ElementaryLink(
                parts[a], parts[b], medium, bell_diagonal=(weights / weights.sum()).tolist(), rate_hz=rate
            )
        )
    return Network(parts, made)


def all_paths(network, source, target, inner=("repeater", "satellite")):
    """Hops of every simple path, by plain recursion."""

    def extended(hops, seen):
        here = hops[-1].right.name if hops else source
        if here == target:
            yield tuple(hops)
            return
        if hops and network.nodes[here].role not in inner:
            return
        for link in network.links:
            for way in (link, link.reversed()):
                if way.left.name == here and way.right.name not in seen:
                    yield from extended([*hops, way], seen | {way.right.name})

    return list(extended([], {source}))


# --- the best of all paths


@pytest.mark.parametrize("by", OBJECTIVES)
@pytest.mark.parametrize("options", [{}, {"order": "sequential"}, {"purify_rounds": 1}])
def test_the_best_routes_are_those_of_an_enumeration(rng, by, options):
    compared = 0
    for _ in range(3):
        network = random_network(rng)
        paths = all_paths(network, "n0", "n1")
        if not paths:
            continue
        expected = sorted((score(by, forecast(chain(p, **options)), p) for p in paths), reverse=True)
        found = network.routes("n0", "n1", 4, by=by, **options)
        assert len(found) == min(4, len(paths))
        for route, best in zip(found, expected, strict=False):
            assert score(by, route.forecasts[0], route.hops) == pytest.approx(best, rel=1e-9)
            assert route.proven
            assert route.link == chain(route.hops, **options)
            # what the search adds up is what the link's own forecast says
            assert route.fidelity == pytest.approx(forecast(route.link).fidelity, rel=1e-12)
            assert route.latency_s == pytest.approx(forecast(route.link).latency_s, rel=1e-12)
        compared += len(paths)
    assert compared > 3


def test_without_rates_the_best_route_is_that_of_the_highest_fidelity(rng):
    network = random_network(rng, timed=False)
    links = [ElementaryLink(*x.ends, bell_diagonal=x.bell_diagonal) for x in network.links]  # nor media
    network = Network(network.nodes.values(), links)
    paths = all_paths(network, "n0", "n1")
    if not paths:
        with pytest.raises(ValueError, match="no route"):
            network.route("n0", "n1")
        return
    best = max(evaluate(chain(p)).fidelity for p in paths)
    assert evaluate(network.route("n0", "n1")).fidelity == pytest.approx(best, abs=1e-12)
    with pytest.raises(ValueError, match=r"no route from 'n0' to 'n1'.*'rate' needs.*rate_hz"):
        network.route("n0", "n1", by="rate")


def test_fast_and_bad_against_slow_and_good():
    a, b = Node("a"), Node("b")
    fast = ElementaryLink(a, b, Fiber(10), fidelity=0.7, rate_hz=1000)
    good = ElementaryLink(a, b, Fiber(20), fidelity=0.99, rate_hz=10)
    relay = Node("r")
    around = [ElementaryLink(a, relay, Fiber(1), fidelity=0.8, rate_hz=50), ElementaryLink(relay, b, Fiber(1))]
    network = Network([a, b, relay], [fast, good, *around])
    assert network.route("a", "b", by="secret_key_rate") == good  # the fast one has no key
    assert network.route("a", "b", by="fidelity") == good
    assert network.route("a", "b", by="rate") == network.route("a", "b", by="latency") == fast
    assert network.route("a", "b", by="length") == chain(around)
    assert network.route("b", "a", by="hops") == good.reversed()
    assert network.route("a", "b") == good
    assert network.route("a", "b", avoid=[good]) == network.without(links=[good]).route("a", "b")
    assert network.route("a", "b", avoid=[("b", "a")]) == chain(around)
    assert network.route("a", "b", avoid=["r", good.reversed()]) == fast


def test_entanglement_passes_repeaters_and_satellites_only():
    def line(role):
        nodes = Node("a"), Node("m", role=role), Node("b", role="end")
        return Network(nodes, [ElementaryLink(x, y, fidelity=0.99, rate_hz=1) for x, y in pairwise(nodes)])

    for role in ("repeater", "satellite"):
        assert line(role).route("a", "b").pairs == 2
    for role in ("end", "trusted"):
        with pytest.raises(ValueError, match=f"no route from 'a' to 'b'.*'m'.*{role}"):
            line(role).route("a", "b")
    assert line("trusted").key_route("a", "b").trusted_nodes == ("m",)
    assert line("trusted").route("a", "m").pairs == 1


def test_many_equal_paths_end():
    """A grid has more shortest paths than atoms in a mole; the search stops, and says what it knows."""
    side = 12
    nodes = [Node(f"{i},{j}", Memory(t2_s=0.5)) for i in range(side) for j in range(side)]
    steps = [(i, i + side) for i in range(side * side - side)]
    steps += [(i, i + 1) for i in range(side * side) if (i + 1) % side]
    links = [ElementaryLink(nodes[i], nodes[j], fidelity=0.999, rate_hz=100) for i, j in steps]
    (route,) = Network(nodes, links).routes("0,0", f"{side - 1},{side - 1}", 1)
    assert len(route.hops) == 2 * side - 2
    assert route.proven or route.at_most >= route.secret_key_rate_hz


# --- failures


def test_failures():
    nodes = a, r, s, b = [Node(name) for name in "arsb"]
    links = [ElementaryLink(*ends, fidelity=0.99, rate_hz=10) for ends in ((a, r), (r, b), (a, s), (s, b))]
    ring = Network(nodes, links, "ring")
    assert ring.without() == ring
    assert list(ring.without(nodes=["r"]).nodes) == ["a", "s", "b"]
    assert ring.without(nodes=["r"]).links == tuple(links[2:])
    assert ring.without(links=[links[0].reversed(), ("b", "r")]).links == tuple(links[2:])
    assert ring.without(nodes=["r"]).route("a", "b") == chain(links[2:])
    broken = ring.without(links=[("a", "r"), ("s", "b")])
    assert broken.groups() == (("a", "s"), ("r", "b"))
    with pytest.raises(ValueError, match=r"'a' to 'b'.*groups are apart: 'a', 's' \| 'b', 'r'"):
        broken.route("a", "b")
    with pytest.raises(ValueError, match=r"no link .* would be left"):
        ring.without(nodes=["r", "s"])
    assert ring != broken
    assert hash(ring.without()) == hash(ring)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda n: n.without(nodes=["relai"]), ValueError, "did you mean 'relay'"),
        (lambda n: n.without(links=[("a", "b")]), ValueError, "no link"),
        (lambda n: n.without(links=["a-relay"]), ValueError, "links must be one of"),
        (lambda n: n.without(nodes="relay"), TypeError, "list of nodes"),
        (lambda n: n.route("a", "b", by="speed"), ValueError, "by must be one of secret_key_rate"),
        (lambda n: n.route("a", "b", avoid=["a"]), ValueError, "avoid holds the source"),
        (lambda n: n.route("a", "b", avoid=["relay"]), ValueError, "2 links are avoided"),
        (lambda n: n.route("a", "b", avoid=[3]), TypeError, "names of its two nodes"),
        (lambda n: n.route("a", "b", purify_rounds=-1), ValueError, "purify_rounds"),
        (lambda n: n.route("a", "b", order="random"), ValueError, "order"),
        (lambda n: n.routes("a", "b", 0), ValueError, "k must be"),
        (lambda n: n.disjoint_routes("a", "b", 0), ValueError, "k must be"),
        (lambda n: n.key_route("a", "a"), ValueError, "two different nodes"),
        (lambda n: n.key_route("a", "x"), ValueError, "target"),
    ],
)
def test_bad_input(call, kind, text):
    nodes = [Node(name) for name in ("a", "relay", "b")]
    network = Network(nodes, [ElementaryLink(x, y, fidelity=0.99, rate_hz=10) for x, y in pairwise(nodes)])
    with pytest.raises(kind, match=text):
        call(network)


def test_too_few_memories_are_told():
    a, b = Node("a", memories=1), Node("b")
    network = Network([a, b], [ElementaryLink(a, b, fidelity=0.9, rate_hz=1)])
    with pytest.raises(ValueError, match=r"no route.*memories=1 for its link to 'b', too few"):
        network.route("a", "b", purify_rounds=1)


# --- paths without a common link


def steps_of(ends, nodes):
    steps = [[] for _ in range(nodes)]
    for number, (a, b) in enumerate(ends):
        steps[a].append((number, b))
        steps[b].append((number, a))
    return steps


def simple_paths(steps, here=0, seen=(0,), edges=()):
    if here == 1:
        yield frozenset(edges)
        return
    for edge, there in steps[here]:
        if there not in seen:
            yield from simple_paths(steps, there, (*seen, there), (*edges, edge))


def test_disjoint_paths_are_most_and_cheapest(rng):
    numbers = set()
    for _ in range(60):
        nodes = int(rng.integers(3, 7))
        ends = [tuple(rng.choice(nodes, 2, replace=False)) for _ in range(int(rng.integers(3, 11)))]
        costs = rng.integers(0, 9, len(ends)).astype(float).tolist()
        steps = steps_of(ends, nodes)
        paths = list(simple_paths(steps))
        for k in (1, 2, 3):
            sets = [s for s in combinations(paths, k) if len(frozenset().union(*s)) == sum(map(len, s))]
            found = disjoint_paths(steps, costs, k)
            used = [edge for path in found for edge in path]
            assert len(used) == len(set(used))
            assert all(frozenset(path) in paths for path in found)
            if not sets:
                assert len(found) < k
                continue
            cheapest = min(sum(costs[e] for path in s for e in path) for s in sets)
            assert len(found) == k
            assert sum(costs[e] for e in used) == pytest.approx(cheapest)
            numbers.add(k)
    assert numbers == {1, 2, 3}


def test_a_trap_for_the_greedy():
    """The best route uses the bridge in the middle, after which there is no second one; two exist without it."""
    a, b, *inner = (Node(name) for name in "abpqrs")
    p, q, r, s = inner
    ends = [((a, p), 500), ((p, s), 500), ((s, b), 500), ((a, r), 90), ((r, s), 90), ((p, q), 90), ((q, b), 90)]
    network = Network([a, b, *inner], [ElementaryLink(*e, fidelity=0.99, rate_hz=rate) for e, rate in ends])
    assert network.routes("a", "b", 1)[0].nodes == ("a", "p", "s", "b")
    both = network.disjoint_routes("a", "b", 2)
    assert {route.nodes for route in both.routes} == {("a", "p", "q", "b"), ("a", "r", "s", "b")}
    assert both.possible == 2
    assert both.rate_hz == pytest.approx(sum(forecast(route.link).rate_hz for route in both.routes))
    assert both.secret_key_rate_hz == pytest.approx(sum(x.secret_key_rate_hz for x in both.routes))
    assert repr(both).startswith("<Multipath a–b: 2 of 2 disjoint routes, ")
    assert len(network.disjoint_routes("a", "b", 5).routes) == 2


# --- keys over trusted nodes


def test_key_routes_are_those_of_an_enumeration(rng):
    trusted = 0
    for _ in range(200):  # until three routes with trusted nodes were compared
        if trusted == 3:
            break
        network = random_network(rng, nodes=6, links=9, roles=("repeater", "trusted"))
        best = 0.0
        for hops in all_paths(network, "n0", "n1", inner=("repeater", "trusted")):
            segments, start = [], 0
            for i, hop in enumerate(hops, start=1):
                if i == len(hops) or hop.right.role == "trusted":
                    segments.append(hops[start:i])
                    start = i
            best = max(best, min(forecast(chain(part)).secret_key_rate_hz for part in segments))
        if not best:
            with pytest.raises(ValueError, match=r"no route|yields a key"):
                network.key_route("n0", "n1")
            continue
        route = network.key_route("n0", "n1")
        assert route.secret_key_rate_hz == pytest.approx(best, rel=1e-9) or not simple(route)
        assert all(network.nodes[name].role == "trusted" for name in route.trusted_nodes)
        assert [s.left.name for s in route.segments[1:]] == list(route.trusted_nodes)
        trusted += bool(route.trusted_nodes)
        if route.trusted_nodes:
            with pytest.raises(ValueError, match="not one link"):
                _ = route.link
    assert trusted


def simple(route):
    """Whether no node is passed twice; segments that meet between trusted nodes may do better than simple paths."""
    return len(set(route.nodes)) == len(route.nodes)


def test_segments_that_share_a_link_take_turns():
    a, m, t, b = Node("a"), Node("m"), Node("t", role="trusted"), Node("b")
    slow = Memory(t2_s=1e-4)  # so that a–m–b has no key, but a–m–t and t–m–b have
    a, m, b = (Node(x.name, slow) for x in (a, m, b))
    good = {"fidelity": 0.999, "success_probability": 1.0, "attempt_time_s": 1e-6}
    links = [ElementaryLink(a, m, fidelity=0.93, success_probability=1.0, attempt_time_s=1e-6),
             ElementaryLink(m, b, fidelity=0.93, success_probability=1.0, attempt_time_s=1e-6),
             ElementaryLink(m, t, **good)]  # fmt: skip
    network = Network([a, m, t, b], links)
    route = network.key_route("a", "b")
    assert route.nodes in (("a", "m", "t", "m", "b"), ("a", "m", "b"))
    if len(route.segments) == 2:
        alone = min(forecast(segment).secret_key_rate_hz for segment in route.segments)
        assert route.secret_key_rate_hz == pytest.approx(alone / 2)
        assert not route.proven


def test_a_key_route_that_is_none_says_so():
    # Beyond the second trusted node nothing leads on: no purification would help.
    names = ("n0", "n1", "n2", "n3")
    nodes = {name: Node(name, role="trusted" if name in ("n1", "n2") else "end") for name in names}
    links = [ElementaryLink(nodes[x], nodes[y], fidelity=0.97, rate_hz=100) for x, y in pairwise(names)]
    network = Network(nodes.values(), links)
    assert network.key_route("n0", "n3").nodes == names
    with pytest.raises(ValueError, match="there is no route from 'n0' to 'n3': 1 links are avoided"):
        network.key_route("n0", "n3", avoid=[("n2", "n3")])


def test_a_key_relay_carries_a_key_where_entanglement_cannot():
    nodes = [Node(f"n{i}", role="trusted" if i == 2 else "repeater") for i in range(5)]
    links = [ElementaryLink(x, y, fidelity=0.93, rate_hz=100) for x, y in pairwise(nodes)]
    direct = [Node(n.name) for n in nodes]
    alone = Network(direct, [ElementaryLink(x, y, fidelity=0.93, rate_hz=100) for x, y in pairwise(direct)])
    assert alone.routes("n0", "n4", 1)[0].secret_key_rate_hz == 0
    with pytest.raises(ValueError, match="yields a key"):
        alone.key_route("n0", "n4")
    route = Network(nodes, links).key_route("n0", "n4")
    assert route.trusted_nodes == ("n2",)
    assert route.secret_key_rate_hz == pytest.approx(forecast(chain(links[:2])).secret_key_rate_hz)
    assert "trusting n2" in repr(route)
    assert "n2" in route._repr_html_()


def test_seeds_are_not_needed(rng):
    """The search draws nothing: the same network gives the same routes."""
    network = random_network(rng, nodes=12, links=30)
    first, second = (network.routes("n2", "n3", 3, by="rate") for _ in range(2))
    assert [r.nodes for r in first] == [r.nodes for r in second]
    assert np.array_equal([r.rate_hz for r in first], [r.rate_hz for r in second])


# --- how a route is told


def test_a_route_tells_nodes_in_a_line_by_their_number():
    """As the shell does; a place keeps its name, and so do nodes of a line that one must trust one by one."""

    def line(names, role):
        nodes = [Node("a", role="end"), *(Node(name, role=role) for name in names), Node("b", role="end")]
        return Network(nodes, [ElementaryLink(x, y, fidelity=0.99, rate_hz=1) for x, y in pairwise(nodes)])

    names = ("a-c-1", "a-c-2", "c", "c-d-1", "d-1", "d-2", "d-3")
    way = "a –2– c – c-d-1 –3– b"
    (route,) = line(names, "repeater").routes("a", "b", 1)
    assert route.nodes == ("a", *names, "b")
    assert route.way == way
    assert repr(route).startswith(f"<Route {way}: fidelity 0.9")
    assert f"<td>{way}</td>" in route._repr_html_()
    over = line(names, "trusted").key_route("a", "b")
    assert over.way == way
    assert repr(over).endswith(f", trusting {', '.join(names)}>")
    longer = line([*names, "e", "f"], "trusted").key_route("a", "b")
    assert repr(longer).endswith(", trusting 9 nodes>")
    strategy = line(names, "repeater").best_strategy("a", "b", max_rounds=0)
    assert repr(strategy).startswith(f"<Strategy {way}: ")
    assert f"Along {way}, " in strategy.explanation


def test_places_with_numbers_keep_their_names():
    """Two sites of one city, two of another, in turn: no line, though each name ends in a digit."""
    nodes = [Node(name, role="trusted") for name in ("x", "koganei-1", "otemachi-1", "koganei-2", "y")]
    links = [ElementaryLink(a, b, fidelity=0.99, rate_hz=1) for a, b in pairwise(nodes)]
    assert Network(nodes, links).key_route("x", "y").way == "x – koganei-1 – otemachi-1 – koganei-2 – y"
