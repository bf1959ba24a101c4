"""Routes and strategies with exact scores on large networks, beside shortest paths that score nothing.

`pytest tests/benchmarks/test_routing_speed.py --benchmark-only`; the results are checked, never the times.
"""

from itertools import pairwise

import numpy as np
import pytest
import rustworkx as rx
from scipy.spatial import cKDTree

import quantumlink as ql
from quantumlink.network import Demand, best_strategy, forecast


def metropolis(nodes, seed=5):
    """Random places, each joined to its three nearest; three kinds of processors and memories."""
    rng = np.random.default_rng(seed)
    processors = [ql.Processor(depolarizing_2q=float(d), readout_error=float(d)) for d in (5e-4, 1e-3, 2e-3)]
    memories = [ql.Memory(t1_s=100, t2_s=float(t)) for t in (0.5, 1, 5)]
    places = rng.uniform(0, 1, (nodes, 2))
    made = [
        ql.Node(f"n{i}", memories[rng.integers(3)], processors[rng.integers(3)]) for i in range(nodes)
    ]  # fmt: skip
    apart, near = cKDTree(places).query(places, 4)
    pairs = {
        tuple(sorted((i, j))): away
        for i in range(nodes)
        for j, away in zip(near[i, 1:].tolist(), apart[i, 1:].tolist(), strict=True)
    }
    links = []
    for i, j in sorted(pairs):
        km = float(pairs[i, j] * np.sqrt(nodes) * 25)
        rate = float(1e4 * 10 ** (-0.02 * km) * rng.uniform(0.5, 1))
        links.append(
            ql.ElementaryLink(made[i], made[j], ql.Fiber(km), fidelity=float(rng.uniform(0.995, 1)), rate_hz=rate)
        )
    return ql.Network(made, links)


def with_ends(nodes):
    network = metropolis(nodes)
    group = max(network.groups(), key=len)
    return network, group[0], group[-1]


@pytest.fixture(scope="module")
def large():
    return with_ends(1000)


@pytest.fixture(scope="module")
def middling():
    return with_ends(200)


@pytest.mark.benchmark(group="a route through 1,000 nodes")
@pytest.mark.parametrize("by", ["secret_key_rate", "rate", "length"])
def test_route(benchmark, large, by):
    network, source, target = large
    (route,) = benchmark.pedantic(network.routes, (source, target, 1), {"by": by}, rounds=1)
    benchmark.extra_info["hops"] = len(route.hops)
    benchmark.extra_info["proven"] = route.proven
    assert route.proven or route.at_most is not None
    assert route.fidelity == pytest.approx(forecast(route.link).fidelity)


@pytest.mark.benchmark(group="a route by length through 10,000 nodes")
def test_long_route(benchmark):
    network, source, target = with_ends(100 if benchmark.disabled else 10_000)
    (route,) = benchmark.pedantic(network.routes, (source, target, 1), {"by": "length"}, rounds=1)
    benchmark.extra_info["hops"] = len(route.hops)
    assert route.proven


@pytest.mark.benchmark(group="capacity")
def test_capacity(benchmark):
    """Pairs among fifty nodes, two hundred demands at once."""
    network, _, _ = with_ends(50)
    names = max(network.groups(), key=len)
    rng = np.random.default_rng(7)
    demands = [Demand(*map(str, rng.choice(names, 2, replace=False))) for _ in range(200)]
    found = benchmark.pedantic(network.capacity, (demands,), rounds=1)
    assert found.proven


@pytest.mark.benchmark(group="a route through 1,000 nodes")
def test_beside_a_shortest_path(benchmark, large):
    """What a search by length alone costs, and how much of the key its path loses."""
    network, source, target = large
    graph = rx.PyGraph()
    index = {name: graph.add_node(name) for name in network.nodes}
    graph.add_edges_from([(index[x.left.name], index[x.right.name], x) for x in network.links])
    lengths = benchmark(
        rx.dijkstra_shortest_paths, graph, index[source], index[target], lambda x: x.medium.length_km
    )  # fmt: skip
    assert len(lengths[index[target]]) > 2


@pytest.mark.benchmark(group="several routes through 200 nodes")
@pytest.mark.parametrize("what", ["five best", "two disjoint", "over trusted nodes"])
def test_several(benchmark, middling, what):
    network, source, target = middling
    if what == "five best":
        assert len(benchmark.pedantic(network.routes, (source, target, 5), rounds=1)) == 5
    elif what == "two disjoint":
        assert len(benchmark.pedantic(network.disjoint_routes, (source, target), rounds=1).routes) >= 1
    else:
        assert benchmark.pedantic(network.key_route, (source, target), rounds=1).secret_key_rate_hz > 0


@pytest.mark.benchmark(group="the best strategy on one path")
@pytest.mark.parametrize("hops", [4, 8, 12])
def test_strategy(benchmark, hops):
    processor, memory = ql.Processor(depolarizing_2q=1e-3, readout_error=1e-3), ql.Memory(t1_s=100, t2_s=2)
    nodes = [ql.Node(f"n{i}", memory, processor) for i in range(hops + 1)]
    links = [
        ql.ElementaryLink(a, b, ql.Fiber(20), fidelity=0.95 + 0.005 * (i % 5), rate_hz=200 + 10 * i)
        for i, (a, b) in enumerate(pairwise(nodes))
    ]
    strategy = benchmark.pedantic(best_strategy, (links,), {"max_rounds": 1, "breadth": 32}, rounds=1)
    benchmark.extra_info["complete"] = strategy.complete
    assert strategy.secret_key_rate_hz > 0
