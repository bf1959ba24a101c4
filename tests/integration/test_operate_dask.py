"""A network under load on a real Dask cluster: trials on two worker processes are those of this one."""

import logging
import os

import pytest

from quantumlink import Network, Node, operate
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand, MaxWeight, Outage

distributed = pytest.importorskip("distributed")


def test_trials_on_worker_processes_are_those_of_this_process(seed):
    """Pairs and GHZ states, a policy, a failure: what is sent there and back is whole."""
    nodes = [Node(name) for name in "habc"]
    links = [ElementaryLink(nodes[0], x, success_probability=0.3, attempt_time_s=1e-3) for x in nodes[1:]]
    network = Network(nodes, links)
    demands = [Demand("a", "b", rate_hz=50), Demand("h", "a", kind="ghz", others=["c"])]
    options = {"policy": MaxWeight(), "duration_s": 0.2, "seed": seed, "happenings": [Outage("b", 0.1, 0.15)]}
    here = operate(network, demands, trials=6, **options)
    with (
        distributed.LocalCluster(
            processes=True, n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        pids = set(client.run(os.getpid).values())
        there = operate(network, demands, trials=6, executor=client.get_executor(), **options)
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert here.as_dict() == there.as_dict()
    assert [trial.served.tolist() for trial in here.trials] == [trial.served.tolist() for trial in there.trials]
    assert here.results[1].state.coefficients == pytest.approx(there.results[1].state.coefficients)
