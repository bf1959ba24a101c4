"""Two flows through one bottleneck, beside SeQUeNCe's network and its reservation: the same counts, and the time.

`pytest tests/benchmarks/test_beside_sequence_load.py --benchmark-only` where the package sequence is installed.
Seconds are those of this process alone. A dumbbell of six nodes: a and b on one side, c and d on the other, one
link between the two routers in the middle, which have one memory for each of a path's links. Both flows are
reserved in one run, one after the other, for half of the time each; here they take turns (`TimeSlots`). How times
map: see test_beside_sequence_timeline.py. Its handshakes take some messages more for each pair, so that it
delivers a little less; the share is bounded by ``HANDSHAKES``. What its reservation drops when it ends is here
thrown away ``CUTOFF_S`` later, which is longer than pairs wait in their own turn but once in a million times; the
other flow may miss that much of its time.
"""

import json
from itertools import combinations
from time import process_time

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.network import Demand, TimeSlots

PERIOD_S, MESSAGE_S, PROBABILITY, SLOTS = 1e-3, 50e-6, 0.1, 10_000
PICOSECONDS = 1e12
FLOWS = (("a", "c"), ("b", "d"))
LINKS = (("a", "l"), ("b", "l"), ("l", "r"), ("r", "c"), ("r", "d"))
CUTOFF_S = 0.15
HANDSHAKES = 12
"""Messages that it needs for a pair beside those of its attempts, at most."""


@pytest.fixture
def delivered(monkeypatch, tmp_path):
    """A function of the seed: what each flow got in SeQUeNCe's network, and seconds that it took."""
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

    def play(seed):
        path.write_text(json.dumps(configuration(seed, BELL_DIAGONAL_STATE_FORMALISM)))
        return counts_of(path)

    yield play
    QuantumManager.set_global_manager_formalism(before)


def configuration(seed, formalism):
    perfect = {"efficiency": 1.0, "dark_count": 0, "count_rate": 1e12, "time_resolution": 1}
    return {
        "formalism": formalism,
        "is_parallel": False,
        "stop_time": 10**15,
        "templates": {
            "router": {"MemoryArray": {
                "frequency": 1 / PERIOD_S, "efficiency": 1.0, "coherence_time": -1, "fidelity": 0.99
            }},
            "middle": {
                "encoding_type": "single_heralded",
                "SingleHeraldedBSM": {"success_rate": PROBABILITY, "detectors": [perfect, perfect]},
            },
        },
        "nodes": [
            {"name": name, "type": "QuantumRouter", "seed": 1000 * seed + i,
             "memo_size": 2 if name in "lr" else 1, "template": "router"}
            for i, name in enumerate("abcdlr")
        ],
        "qconnections": [
            {"node1": a, "node2": b, "attenuation": 0, "distance": 2, "type": "meet_in_the_middle",
             "seed": 1000 * seed + 500 + i, "template": "middle"}
            for i, (a, b) in enumerate(LINKS)
        ],
        "cconnections": [
            {"node1": a, "node2": b, "delay": round(MESSAGE_S * PICOSECONDS)} for a, b in combinations("abcdlr", 2)
        ],
    }  # fmt: skip


def counts_of(path):
    """Play the network of that file: both flows reserved for half of the time each."""
    from sequence.app.request_app import RequestApp
    from sequence.topology.router_net_topo import RouterNetTopo

    topology = RouterNetTopo(str(path))
    timeline = topology.get_timeline()
    routers = {router.name: router for router in topology.get_nodes_by_type("QuantumRouter")}
    apps = {name: RequestApp(routers[name]) for name in "abcd"}
    timeline.init()
    half = round(SLOTS / 2 * (PERIOD_S + MESSAGE_S) * PICOSECONDS)
    begin = 10**10
    for i, (a, b) in enumerate(FLOWS):
        apps[a].start(b, begin + i * (half + begin), begin + i * (half + begin) + half, 1, 0.1)
    started = process_time()
    timeline.stop_time = 3 * begin + 2 * half
    timeline.run()
    return [apps[a].memory_counter for a, _ in FLOWS], process_time() - started


def own(trials, seed):
    """The same here: shape (trials, flows), and seconds a trial."""
    slot_s = PERIOD_S + MESSAGE_S
    nodes = {name: ql.Node(name, memories=1) for name in "abcdlr"}
    links = [
        ql.ElementaryLink(nodes[a], nodes[b], fidelity=0.99, success_probability=PROBABILITY, attempt_time_s=slot_s)
        for a, b in LINKS
    ]
    network, duration_s = ql.Network(nodes.values(), links), SLOTS * slot_s
    options = {
        "policy": TimeSlots(turn_s=duration_s / 2, recovery=0),
        "swapping": "balanced",
        "records": 0,
        "cutoff_s": CUTOFF_S,
    }
    demands = [Demand(a, b) for a, b in FLOWS]
    ql.operate(network, demands, duration_s=duration_s, trials=10, seed=seed, **options)  # compiles
    started = process_time()
    found = ql.operate(network, demands, duration_s=duration_s, trials=trials, seed=seed, **options)
    seconds = (process_time() - started) / trials
    return np.array([trial.served.sum(axis=0) for trial in found.trials]), seconds


@pytest.mark.benchmark(group="two flows through a dumbbell, 10,000 slots: a trial beside SeQUeNCe's network")
def test_two_flows_beside_sequence(benchmark, delivered):
    trials = 2 if benchmark.disabled else 6
    there, seconds = zip(*(delivered(seed) for seed in range(1, trials + 1)), strict=True)
    there = np.array(there)
    here, own_seconds = benchmark.pedantic(own, (400, 7), rounds=1)
    pairs, spread = here.mean(axis=0), here.std(axis=0)
    slower = HANDSHAKES * MESSAGE_S * pairs / (SLOTS / 2 * (PERIOD_S + MESSAGE_S))
    benchmark.extra_info["pairs there, here"] = f"{there.mean(axis=0)}, {pairs}"
    benchmark.extra_info["their spread there, here"] = f"{there.std(axis=0, ddof=1)}, {spread}"
    benchmark.extra_info["milliseconds a trial there, here"] = (1e3 * float(np.mean(seconds)), 1e3 * own_seconds)
    benchmark.extra_info["times as fast per trial"] = float(np.mean(seconds)) / own_seconds
    # Six standard errors of what a flow by itself scatters; both draw from fixed seeds, so no chance is left.
    off, error = pairs - there.mean(axis=0), 6 * spread[0] / np.sqrt(trials)
    missed = np.array([0.0, CUTOFF_S / (SLOTS / 2 * (PERIOD_S + MESSAGE_S))])
    assert (off > -error - missed * pairs).all()
    assert (off < error + slower * pairs).all()
    assert (there.std(axis=0, ddof=1) < 3 * spread[0]).all()
    assert spread[1] < 2 * spread[0]
