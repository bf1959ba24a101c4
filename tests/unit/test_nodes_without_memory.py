"""Nodes that hold no qubit: what they can be used for, and with which reason the rest is refused."""

import pytest

import quantumlink as ql
from quantumlink.network import best_strategy, forecast

PAIRS = {"fidelity": 0.98, "rate_hz": 100.0}


def square(**middle):
    """Alice and bob over a node in the middle, and the long way over two others."""
    nodes = {name: ql.Node(name) for name in ("alice", "bob", "left", "right")}
    nodes["middle"] = ql.Node("middle", **middle)
    between = [("alice", "middle"), ("middle", "bob"), ("alice", "left"), ("left", "right"), ("right", "bob")]
    return ql.Network(nodes.values(), [ql.ElementaryLink(nodes[a], nodes[b], **PAIRS) for a, b in between])


def hops(network):
    return network.links[:2]


@pytest.mark.parametrize("by", ["secret_key_rate", "rate", "fidelity", "latency", "length", "hops"])
def test_routes_lead_around_a_node_without_memory(by):
    assert square().routes("alice", "bob", 1, by=by)[0].nodes == ("alice", "middle", "bob")
    without = square(memories=0)
    assert without.routes("alice", "bob", 1, by=by)[0].nodes == ("alice", "left", "right", "bob")
    assert len(without.disjoint_routes("alice", "bob", 2, by=by).routes) == 1
    assert without.best_strategy("alice", "bob", max_rounds=0).nodes == ("alice", "left", "right", "bob")


@pytest.mark.parametrize(
    "use",
    [
        lambda network: network.route("alice", "bob", avoid=["left"]),
        lambda network: network.routes("alice", "bob", by="fidelity", avoid=["left"]),
        lambda network: network.disjoint_routes("alice", "bob", avoid=["left"]),
        lambda network: network.best_strategy("alice", "bob", avoid=["left"]),
        lambda network: network.key_route("alice", "bob", avoid=["left"]),
        lambda network: network.route("alice", "middle", purify_rounds=1),
        lambda network: best_strategy(hops(network)),
        lambda network: forecast(ql.chain(hops(network))),
        lambda network: ql.simulate(ql.chain(hops(network)), trials=10, seed=1),
        lambda network: ql.simulate(ql.purify(network.links[0], network.links[0]), trials=10, seed=1),
    ],
)
def test_where_a_memory_is_needed_the_node_is_named(use):
    with pytest.raises(ValueError, match=r"memory \(memories=0\).*'?middle'?|'middle' has no memory"):
        use(square(memories=0))


def test_an_end_without_memory_cannot_wait_for_corrections():
    alice, relay, bob = ql.Node("alice", memories=0), ql.Node("relay"), ql.Node("bob")
    network = ql.Network([alice, relay, bob], [ql.ElementaryLink(x, relay, **PAIRS) for x in (alice, bob)])
    with pytest.raises(ValueError, match=r"without memory.*'alice' can only end a link"):
        network.route("alice", "bob")


def test_a_single_link_is_used_as_it_comes():
    network = square(memories=0)
    link = network.route("alice", "middle")
    assert link == network.links[0]
    # Nobody waits: the state is that of the herald, the time that of one pair of the stream.
    assert forecast(link).latency_s == pytest.approx(0.01, rel=1e-12)
    timeline = ql.simulate(link, trials=1000, seed=1)
    assert timeline.fidelities == pytest.approx(0.98, abs=1e-12)
    plain = ql.simulate(square().links[0], trials=1000, seed=1)
    assert (timeline.latencies_s == plain.latencies_s).all()
    assert best_strategy([link]).steps == ("use alice–middle as it is",)


def test_a_trusted_relay_needs_no_memory():
    network = square(memories=0, role="trusted")
    route = network.key_route("alice", "bob")
    assert route.nodes == ("alice", "middle", "bob")
    assert route.trusted_nodes == ("middle",)
    assert route.rate_hz == pytest.approx(100.0)


def test_files_keep_it(tmp_path):
    network = square(memories=0)
    network.save(tmp_path / "square.toml")
    assert ql.Network.load(tmp_path / "square.toml") == network
