"""How fast a network under load is played: the compiled loop beside the plain one, which it must agree with.

`pytest tests/benchmarks --benchmark-only` prints the table, `extra_info` has the ratio; nothing here fails because
a machine is slow. Compiling takes a minute or more the first time and is kept on disk.
"""

from time import process_time

import numpy as np
import pytest

from quantumlink import Memory, Network, Node, Processor, operate
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand, MaxWeight
from quantumlink.network.control import operating


def dumbbell():
    """Two ends on either side of two repeaters; slots of 1 ms, p = .1."""
    memory, processor = Memory(t2_s=1.0), Processor(depolarizing_2q=1e-3)
    a, b, c, d, left, right = (Node(x, memory=memory, processor=processor) for x in "abcdlr")
    ends = (a, left), (b, left), (left, right), (right, c), (right, d)
    attempts = {"success_probability": 0.1, "attempt_time_s": 1e-3, "fidelity": 0.99}
    links = [ElementaryLink(x, y, **attempts) for x, y in ends]
    return Network([a, b, c, d, left, right], links), [Demand("a", "c"), Demand("b", "d")]


def played(network, demands, duration_s, trials=1):
    options = {"policy": MaxWeight(), "seed": 7, "cutoff_s": 0.1, "trials": trials}
    started = process_time()
    found = operate(network, demands, duration_s=duration_s, **options)
    return found, process_time() - started


def test_compiled_beside_plain(benchmark, monkeypatch):
    pytest.importorskip("numba")
    network, demands = dumbbell()
    plain, plain_s = played(network, demands, 2.0)
    monkeypatch.setattr(operating, "WORTH_COMPILING", 0)
    played(network, demands, 0.01)  # compiles
    compiled, compiled_s = played(network, demands, 2.0)
    benchmark(played, network, demands, 2.0)
    assert vars(compiled.pairs) == vars(plain.pairs)
    assert compiled.deliveries.time_s == pytest.approx(plain.deliveries.time_s)
    assert compiled.deliveries.fidelity == pytest.approx(plain.deliveries.fidelity, abs=1e-12)
    benchmark.extra_info["plain / compiled"] = round(plain_s / compiled_s, 1)


@pytest.mark.benchmark(group="many trials of a dumbbell")
@pytest.mark.parametrize("trials", [100, 1000])
def test_together_beside_compiled(benchmark, monkeypatch, trials):
    """Without numba, many trials are played together; the same trials compiled, and one of them alone."""
    pytest.importorskip("numba")
    trials, duration_s = (trials, 10.0) if benchmark.enabled else (5, 0.05)
    network, demands = dumbbell()
    monkeypatch.setattr(operating, "WORTH_COMPILING", 0)
    played(network, demands, 0.01)  # compiles
    compiled, compiled_s = played(network, demands, duration_s, trials=trials)
    monkeypatch.setattr(operating, "has_numba", lambda: False)
    monkeypatch.setattr(operating, "worth_together", lambda flows: 2)
    _, alone_s = played(network, demands, duration_s)
    together, together_s = benchmark.pedantic(played, (network, demands, duration_s), {"trials": trials}, rounds=1)
    for one, other in zip(compiled.trials, together.trials, strict=True):
        assert one.counted.tolist() == other.counted.tolist()
        assert one.record_times == pytest.approx(other.record_times)
        assert one.record_fidelity == pytest.approx(other.record_fidelity, abs=1e-12)
    benchmark.extra_info["compiled, ms of CPU a trial"] = round(1e3 * compiled_s / trials, 2)
    benchmark.extra_info["together / compiled"] = round(together_s / compiled_s, 1)
    benchmark.extra_info["alone / together, a trial"] = round(alone_s * trials / together_s, 1)


def country(nodes, demands, seed=7):
    """Random places, each joined to its three nearest, and random demands; slots of 1 ms, p = .1."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1, (nodes, 2))
    memory, processor = Memory(t2_s=1.0), Processor(depolarizing_2q=1e-3)
    made = [Node(f"n{i}", memory=memory, processor=processor) for i in range(nodes)]
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    pairs = {tuple(sorted((i, int(j)))) for i in range(nodes) for j in np.argsort(apart[i])[1:4]}
    attempts = {"success_probability": 0.1, "attempt_time_s": 1e-3, "fidelity": 0.99}
    network = Network(made, [ElementaryLink(made[i], made[j], **attempts) for i, j in sorted(pairs)])
    names, chosen = max(network.groups(), key=len), set()
    while len(chosen) < demands:
        a, b = sorted(rng.choice(len(names), 2, replace=False).tolist())
        chosen.add((names[a], names[b]))
    return network, [Demand(a, b) for a, b in sorted(chosen)]


@pytest.mark.benchmark(group="one trial of a country")
@pytest.mark.parametrize(("nodes", "demands", "slots"), [(50, 40, 10**6), (200, 100, 10**5)])
def test_country(benchmark, nodes, demands, slots):
    """All demands all the time; what is made without pause by every link."""
    pytest.importorskip("numba")
    slots = 200 if benchmark.disabled else slots
    network, wanted = country(nodes if not benchmark.disabled else 20, demands if not benchmark.disabled else 5)
    options = {"policy": MaxWeight(recovery=0), "cutoff_s": 0.1, "records": 0, "seed": 7}
    started = process_time()
    found = benchmark.pedantic(operate, (network, wanted), {"duration_s": slots * 1e-3, **options}, rounds=1)
    seconds = process_time() - started
    benchmark.extra_info["CPU seconds"] = round(seconds, 1)
    benchmark.extra_info["slots × links a CPU second"] = round(slots * len(found.links) / seconds)
    assert found.pairs.delivered > 0
