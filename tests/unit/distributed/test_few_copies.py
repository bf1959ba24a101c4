"""Few copies at one time: what is driven out, and what that costs."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed.needs import Needs
from quantumlink.distributed.plans import DoesNotFit
from quantumlink.distributed.proof import check_linear
from quantumlink.distributed.schedule import _Scheduling


def over_two(circuit, live_copies, qubits=8):
    nodes = [ql.Node(name, qubits=qubits) for name in "ab"]
    place = {q: "a" if q < circuit.num_qubits // 2 else "b" for q in range(circuit.num_qubits)}
    net = ql.Network(nodes, [ql.ElementaryLink(*nodes)])
    options = {"placement": place, "migrate": False, "budget_s": 0}
    d = ql.distribute(circuit, net, live_copies=live_copies, **options)
    check_linear(d.candidate.plan, d.candidate.scheduled)
    return d.ebits


def random_gates(n, count, seed):
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(n)
    for _ in range(count):
        if rng.random() < 0.25:
            circuit.h(int(rng.integers(n)))
        else:
            circuit.cz(*rng.choice(n, 2, replace=False).tolist())
    return circuit


def test_three_copies_cost_little_more_than_as_many_as_fit():
    """A sixteenth for dense circuits of two nodes; a fifth if the copies for late tasks are opened first, too."""
    total = np.zeros(3)
    for seed in range(3):
        circuit = random_gates(16, 400, seed)
        counts = [over_two(circuit, live) for live in (None, 3, 1)]
        assert counts == sorted(counts)
        total += counts
    assert total[1] <= 1.1 * total[0]
    assert total[2] <= 1.4 * total[0]


def test_the_copy_whose_next_task_is_the_farthest_is_driven_out():
    """Three copies for two places: each is needed twice, one of them only at the end."""
    circuit = QuantumCircuit(8)
    for early in (0, 1):  # their partners read along X, so that the copies come from here
        circuit.cx(early, 4), circuit.cx(early, 5)
    circuit.cx(2, 4), circuit.cx(2, 5)
    circuit.h([4, 5])
    circuit.cx(0, 4), circuit.cx(0, 5), circuit.cx(1, 4), circuit.cx(1, 5)
    circuit.h([4, 5])
    circuit.cx(2, 4), circuit.cx(2, 5)
    assert over_two(circuit, None) == 3
    assert over_two(circuit, 2) == 4
    assert over_two(circuit, 1) >= 5


def test_a_task_is_done_at_its_other_end_if_the_copy_there_is_open(monkeypatch):
    circuit = random_gates(8, 40, 102)
    cost = over_two(circuit, 1)
    monkeypatch.setattr(Needs, "other_way", lambda self, number: None)
    assert cost < over_two(circuit, 1)


def test_an_order_that_does_not_fit_is_left_out(monkeypatch):
    """The others are taken; where none fits, the reason is told."""
    circuit, run = random_gates(8, 40, 0), _Scheduling.run
    cost = over_two(circuit, 2)

    def only_early_ones_fit(scheduling):
        if scheduling._first == "most":
            raise DoesNotFit("too small")
        return run(scheduling)

    monkeypatch.setattr(_Scheduling, "run", only_early_ones_fit)
    assert over_two(circuit, 2) == cost

    def none_fits(scheduling):
        raise DoesNotFit("too small")

    monkeypatch.setattr(_Scheduling, "run", none_fits)
    with pytest.raises(ValueError, match="too small"):
        over_two(circuit, 2)
