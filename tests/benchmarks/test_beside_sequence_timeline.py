"""A repeater chain in time, beside SeQUeNCe's whole network: the same latencies, and the time that a trial takes.

`pytest tests/benchmarks/test_beside_sequence_timeline.py --benchmark-only` where the package sequence is installed.
Seconds are those of this process alone. Its routers reserve the path, negotiate every attempt, herald it, and swap
in the same balanced order. How times map:

- Two memories may emit once in ``PERIOD_S``, and the answer to a negotiation comes ``MESSAGE_S`` later: attempts
  follow one another after the sum of both. Its first is heralded at once, ours one attempt later.
- Besides, its handshakes take 3.5 messages until the first herald and 3 for each level of swaps. They add nothing
  else, so that its latency is (k − 1) attempts and those messages, k the largest of the hops' geometric numbers.
  That is asserted of every trial; then k is compared with ours.

What it says of a swapped pair's fidelity is F₁·F₂·degradation, no reading of a state: fidelities are compared with
ReQuSim's timeline instead. In SeQUeNCe 0.8.5 the Bell-diagonal formalism gives no outcome to its own swap, which
stops there; it is given zeros. A free memory asks a busy one again as soon as it is refused, so that its time per
trial grows with ``PERIOD_S / MESSAGE_S``.
"""

import json
from itertools import combinations, pairwise
from math import log2
from time import process_time

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.readings.timeline import simulate

PERIOD_S, MESSAGE_S, PROBABILITY = 0.01, 50e-6, 0.3
PICOSECONDS = 1e12
BEGIN = 10**9


@pytest.fixture
def network(monkeypatch, tmp_path):
    """A function of hops and seed: SeQUeNCe's latency in seconds until the first end-to-end pair."""
    pytest.importorskip("sequence")
    from sequence.constants import BELL_DIAGONAL_STATE_FORMALISM, SINGLE_HERALDED
    from sequence.entanglement_management.generation import EntanglementGenerationA, EntanglementGenerationB
    from sequence.kernel.quantum_manager import QuantumManager, QuantumManagerBellDiagonal

    for kind in (EntanglementGenerationA, EntanglementGenerationB):
        monkeypatch.setattr(kind, "_global_type", SINGLE_HERALDED)
    monkeypatch.setattr(
        QuantumManagerBellDiagonal, "run_circuit", lambda self, circuit, keys, sample=None: dict.fromkeys(keys, 0)
    )
    before = QuantumManager.get_active_formalism()
    path = tmp_path / "network.json"

    def play(hops, seed):
        path.write_text(json.dumps(configuration(hops, seed, formalism=BELL_DIAGONAL_STATE_FORMALISM)))
        return sequence_latency(path, hops)

    yield play
    QuantumManager.set_global_manager_formalism(before)


def configuration(hops, seed, *, formalism):
    """A chain of routers as SeQUeNCe reads it: lossless fibres, and a Bell measurement that succeeds sometimes."""
    names = [f"r{i}" for i in range(hops + 1)]
    perfect = {"efficiency": 1.0, "dark_count": 0, "count_rate": 1e12, "time_resolution": 1}
    middle = {"success_rate": PROBABILITY, "detectors": [perfect, perfect]}
    memories = {"frequency": 1 / PERIOD_S, "efficiency": 1.0, "coherence_time": -1, "fidelity": 0.97}
    return {
        "formalism": formalism,
        "is_parallel": False,
        "stop_time": 10**14,
        "templates": {
            "router": {"MemoryArray": memories},
            "middle": {"encoding_type": "single_heralded", "SingleHeraldedBSM": middle},
        },
        "nodes": [
            {
                "name": name,
                "type": "QuantumRouter",
                "seed": 1000 * seed + i,
                "memo_size": 2 if 0 < i < hops else 1,
                "template": "router",
            }
            for i, name in enumerate(names)
        ],
        "qconnections": [
            {
                "node1": a,
                "node2": b,
                "attenuation": 0,
                "distance": 2,
                "type": "meet_in_the_middle",
                "seed": 1000 * seed + 500 + i,
                "template": "middle",
            }
            for i, (a, b) in enumerate(pairwise(names))
        ],
        "cconnections": [
            {"node1": a, "node2": b, "delay": round(MESSAGE_S * PICOSECONDS)} for a, b in combinations(names, 2)
        ],
    }


def sequence_latency(path, hops):
    """Play the network of that file until its ends share a pair."""
    from sequence.app.request_app import RequestApp
    from sequence.topology.router_net_topo import RouterNetTopo

    class FirstPair(RequestApp):
        arrived = None

        def get_memory(self, info):
            if self.arrived is None and info.state == "ENTANGLED" and info.remote_node == self.responder:
                self.arrived = self.node.timeline.now()
                self.node.timeline.stop()

    topology = RouterNetTopo(str(path))
    timeline = topology.get_timeline()
    routers = {router.name: router for router in topology.get_nodes_by_type("QuantumRouter")}
    app = FirstPair(routers["r0"])
    RequestApp(routers[f"r{hops}"])
    timeline.init()
    app.start(f"r{hops}", BEGIN, 10**14 - 1, 1, 0.1)
    timeline.run()
    return (app.arrived - BEGIN) / PICOSECONDS


@pytest.mark.benchmark(group="first pair of a chain: a trial beside SeQUeNCe's network")
@pytest.mark.parametrize("hops", [2, 4, 8])
def test_beside_sequence(benchmark, network, hops):
    trials = 10 if benchmark.disabled else 200 // hops
    started = process_time()
    latencies = np.array([network(hops, seed) for seed in range(1, trials + 1)])
    seconds = (process_time() - started) / trials

    attempt_s = PERIOD_S + MESSAGE_S
    nodes = [ql.Node(f"r{i}") for i in range(hops + 1)]
    link = ql.chain(
        [
            ql.ElementaryLink(a, b, fidelity=0.97, success_probability=PROBABILITY, attempt_time_s=attempt_s)
            for a, b in pairwise(nodes)
        ]
    )
    simulate(link, trials=1, seed=1)
    timeline = benchmark.pedantic(simulate, (link,), {"trials": 10_000, "seed": 1}, rounds=3)
    started = process_time()
    simulate(link, trials=10_000, seed=1)
    own_seconds = (process_time() - started) / 10_000
    benchmark.extra_info["milliseconds a trial there"] = 1e3 * seconds
    benchmark.extra_info["microseconds a trial here"] = 1e6 * own_seconds
    benchmark.extra_info["times as fast per trial"] = seconds / own_seconds

    handshakes_s = MESSAGE_S * (3.5 + 3 * log2(hops))
    attempts = (latencies - handshakes_s) / attempt_s + 1
    np.testing.assert_allclose(attempts, attempts.round(), rtol=0, atol=1e-4)
    ours = timeline.latencies_s / attempt_s
    np.testing.assert_allclose(ours, ours.round(), rtol=0, atol=1e-9)
    benchmark.extra_info["mean attempts there, here"] = f"{attempts.mean():.3f}, {ours.mean():.3f}"
    # Six standard errors; both draw from fixed seeds, so no chance is left.
    assert abs(attempts.mean() - ours.mean()) < 6 * ours.std() / np.sqrt(trials)
