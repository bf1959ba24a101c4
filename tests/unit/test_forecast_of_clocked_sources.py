"""Sources clocked faster than light: the first pair waits for its herald, the stream of pairs does not."""

from itertools import pairwise

import numpy as np
import pytest

from quantumlink import Fiber, Memory, Network, Node, Processor, chain, purify
from quantumlink.hardware import MidpointSource, NodeSource
from quantumlink.link import ElementaryLink
from quantumlink.network import best_strategy, forecast
from quantumlink.network.objectives import OBJECTIVES, score
from quantumlink.readings.timeline import simulate

MEMORY = Memory(t1_s=5, t2_s=0.05)
NOISY = Processor(depolarizing_2q=5e-3, readout_error=4e-3)


def hops(lengths_km, clock_hz=1e7, *, source=NodeSource, memory=MEMORY, fidelity=0.97, roles="repeater"):
    ends = ["end", *[roles] * (len(lengths_km) - 1), "end"]
    nodes = [Node(f"n{i}", memory, NOISY, role=role) for i, role in enumerate(ends)]
    made = source(clock_hz=clock_hz, fidelity=fidelity)
    return [
        ElementaryLink(a, b, Fiber(length), source=made)
        for (a, b), length in zip(pairwise(nodes), lengths_km, strict=True)
    ]


def agree(link, seed, *, trials=20_000, slack=1e-3):
    """The forecast and the timeline: 5.5 standard errors, a false alarm below 10⁻⁷, and what it neglects."""
    found, sampled = forecast(link), simulate(link, trials=trials, seed=seed)
    error = 5.5 * sampled.latencies_s.std() / np.sqrt(trials)
    assert abs(found.latency_s - sampled.latencies_s.mean()) < error + slack * found.latency_s
    error = 5.5 * sampled.fidelities.std() / np.sqrt(trials)
    assert abs(found.fidelity - sampled.fidelities.mean()) < error + 2e-4
    return found


@pytest.mark.parametrize("source", [NodeSource, MidpointSource])
@pytest.mark.parametrize("clock_hz", [3e2, 1e4, 1e7])
@pytest.mark.parametrize("length_km", [1, 100])
def test_a_single_link(source, clock_hz, length_km, seed):
    """k attempts, k geometric; the herald comes with the last one's end, or as long after its start as it takes.

    From one end, the light goes all the way and the word of it back; from the middle, half, and then all of it.
    """
    (link,) = hops([length_km], clock_hz, source=source)
    p, delay = link.attempts.success_probability, (2 if source is NodeSource else 1.5) * Fiber(length_km).delay_s
    assert link.attempts.time_s == 1 / clock_hz
    found = agree(link, seed, slack=1e-9)
    assert found.latency_s == pytest.approx((1 / p - 1) / clock_hz + max(1 / clock_hz, delay), rel=1e-12)
    assert found.latency_s >= delay
    assert found.rate_hz == pytest.approx(p * clock_hz, rel=1e-9)  # as fast as its clock, wherever it ends
    assert found.secret_key_rate_hz == pytest.approx(p * clock_hz * found.secret_fraction, rel=1e-9)
    assert found.fidelity == pytest.approx(link.fidelity, abs=1e-12)  # that is its state at the herald


@pytest.mark.parametrize("lengths_km", [(100, 100), (20, 150), (150, 20)])
@pytest.mark.parametrize(("clock_hz", "t2_s"), [(3e3, 20), (1e5, 1), (1e7, 0.05)])
def test_a_swap_of_two(lengths_km, clock_hz, t2_s, seed):
    """Waits are far shorter than T2, as the forecast counts them to first order."""
    link = chain(hops(lengths_km, clock_hz, memory=Memory(t2_s=t2_s)))
    found = agree(link, seed)
    # the later herald, and then the way of the outcome to the farther end
    assert found.latency_s >= 3 * Fiber(max(lengths_km)).delay_s
    assert found.rate_hz == pytest.approx(1 / found.latency_s, rel=1e-12)  # every pair begins with nothing


def test_a_swap_of_two_equal_links():
    """E[max] = (3 − 2p)/(p(2 − p)) attempts, less the one during which the herald is on its way already."""
    first, second = hops([100, 100], 1e5)
    p, step, delay = first.attempts.success_probability, 1e-5, first.medium.delay_s
    expected = step * (3 - 2 * p) / (p * (2 - p)) + (2 * delay - step) + delay
    assert forecast(chain([first, second])).latency_s == pytest.approx(expected, rel=0.01)


def test_a_purification(seed):
    link = hops([100], 1e5)[0]
    found = agree(purify(link, link), seed)
    assert found.latency_s > 3 * link.medium.delay_s
    assert found.rate_hz == pytest.approx(1 / found.latency_s, rel=1e-12)


def test_attempts_that_are_stated_and_faster_than_light(seed):
    a, b = Node("a", MEMORY), Node("b", MEMORY)
    link = ElementaryLink(a, b, Fiber(200), success_probability=0.02, attempt_time_s=1e-6)
    assert agree(link, seed, slack=1e-9).latency_s == pytest.approx(49e-6 + link.medium.delay_s, rel=1e-12)
    stream = ElementaryLink(a, b, Fiber(200), rate_hz=1e6)  # random moments, of which no herald is told
    assert agree(stream, seed, slack=1e-9).latency_s == pytest.approx(1e-6, rel=1e-12)


def test_the_first_pair_and_the_most_pairs_are_two_things():
    a, b, c = (Node(name) for name in "abc")
    stream = ElementaryLink(a, b, Fiber(200), source=NodeSource(clock_hz=1e10))
    around = [ElementaryLink(*ends, Fiber(5), fidelity=0.99, rate_hz=5e3) for ends in ((a, c), (c, b))]
    network = Network([a, b, c], [stream, *around])
    assert network.route("a", "b", by="rate") == network.route("a", "b", by="secret_key_rate") == stream
    assert network.route("a", "b", by="latency") == chain(around)
    (route,) = network.routes("a", "b", 1, by="rate")
    assert route.rate_hz == pytest.approx(stream.attempts.rate_hz, rel=1e-6)
    assert route.latency_s >= 2 * stream.medium.delay_s


def random_network(rng):
    """Clocks and lengths of all kinds; two links lead from end to end."""
    nodes = [Node(f"n{i}", MEMORY, NOISY, role="end" if i < 2 else "repeater") for i in range(6)]
    ends = [(0, 1), (1, 0), *(rng.choice(6, 2, replace=False) for _ in range(9))]
    made = []
    for a, b in ends:
        source = NodeSource(clock_hz=float(10 ** rng.uniform(3, 7)), fidelity=float(rng.uniform(0.9, 1)))
        made.append(ElementaryLink(nodes[a], nodes[b], Fiber(float(rng.uniform(1, 120))), source=source))
    return Network(nodes, made)


def all_paths(network, here="n0", seen=("n0",)):
    if here == "n1":
        yield ()
        return
    for way in (turned for link in network.links for turned in (link, link.reversed())):
        if way.left.name == here and way.right.name not in seen:
            yield from ((way, *rest) for rest in all_paths(network, way.right.name, (*seen, way.right.name)))


@pytest.mark.parametrize("by", OBJECTIVES)
@pytest.mark.parametrize("rounds", [0, 1])
def test_the_best_routes_are_those_of_an_enumeration(rng, by, rounds):
    for _ in range(3):
        network = random_network(rng)
        paths = list(all_paths(network))
        expected = sorted((score(by, forecast(chain(p, purify_rounds=rounds)), p) for p in paths), reverse=True)
        found = network.routes("n0", "n1", 5, by=by, purify_rounds=rounds)
        assert len(found) == min(5, len(paths)) >= 2
        for route, best in zip(found, expected, strict=False):
            assert score(by, route.forecasts[0], route.hops) == pytest.approx(best, rel=1e-9)
            assert route.proven


def test_keys_over_trusted_nodes_are_as_fast_as_the_slowest_stream():
    links = hops([80, 120], roles="trusted")
    route = Network([links[0].left, *(x.right for x in links)], links).key_route("n0", "n2")
    each = [forecast(link) for link in links]
    assert route.trusted_nodes == ("n1",)
    assert route.secret_key_rate_hz == pytest.approx(min(x.secret_key_rate_hz for x in each), rel=1e-12)
    assert route.rate_hz == pytest.approx(1e7 * links[1].attempts.success_probability, rel=1e-9)
    assert route.latency_s == max(x.latency_s for x in each)


@pytest.mark.parametrize("objective", ["rate", "secret_key_rate"])
def test_a_strategy_knows_the_stream(objective):
    (link,) = hops([100])
    strategy = best_strategy([link], objective=objective)
    assert strategy.link == link  # purifying would cost the stream
    assert strategy.rate_hz == pytest.approx(link.attempts.rate_hz, rel=1e-9)
    better = best_strategy([link], objective="rate", min_fidelity=0.975)
    assert better.rate_hz < 1 / (3 * link.medium.delay_s)
