"""Rounds of purification that are chosen against the time they take."""

import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed.following import Following, amplitudes
from quantumlink.distributed.following_order import emptied_sooner
from quantumlink.distributed.proof import check_linear


def over_three(t2_s, fidelities, **options):
    """Two remote gates, one over each hop of a line."""
    nodes = [ql.Node(name, qubits=2, communication=12, memory=ql.Memory(t1_s=1e3, t2_s=t2_s)) for name in "abc"]
    links = [
        ql.ElementaryLink(nodes[i], nodes[i + 1], ql.Fiber(50), fidelity=f, success_probability=0.02)
        for i, f in enumerate(fidelities)
    ]
    circuit = QuantumCircuit(6)
    circuit.h(range(6))
    circuit.cp(0.3, 1, 2)
    circuit.cp(0.4, 3, 4)
    place = {q: "abc"[q // 2] for q in range(6)}
    net = ql.Network(nodes, links)
    return ql.distribute(circuit, net, placement=place, migrate=False, budget_s=0, **options)


def value(d):
    return d.simulate(trials=200, seed=7).fidelity.best


@pytest.mark.parametrize("t2_s", [100.0, 0.2])
def test_no_choice_of_the_same_rounds_or_of_one_more_is_better(t2_s):
    chosen = over_three(t2_s, (0.93, 0.93), purify_rounds="best")
    rounds = chosen.machine.purify_rounds
    others = [over_three(t2_s, (0.93, 0.93), purify_rounds=n) for n in range(4)]
    for edge, names in (((0, 1), ("a", "b")), ((1, 2), ("b", "c"))):
        for change in (-1, 1):
            if 0 <= rounds.get(edge, 0) + change <= 3:
                told = {("a", "b"): rounds.get((0, 1), 0), ("b", "c"): rounds.get((1, 2), 0)}
                told[names] += change
                others.append(over_three(t2_s, (0.93, 0.93), purify_rounds=told))
    assert value(chosen) == pytest.approx(max(map(value, [chosen, *others])), abs=1e-12)
    check_linear(chosen.candidate.plan, chosen.candidate.scheduled)


def test_good_memories_wait_for_better_pairs_and_poor_ones_do_not():
    good, poor = (over_three(t2_s, (0.93, 0.93), purify_rounds="best") for t2_s in (100.0, 0.02))
    assert all(good.machine.purify_rounds.get(edge, 0) >= 1 for edge in ((0, 1), (1, 2)))
    assert poor.machine.purify_rounds == {}
    assert good.conventions["rounds of purification"].startswith("a–b: ")
    assert poor.conventions["rounds of purification"] == "none"


def test_each_hop_has_its_own():
    d = over_three(100.0, (1.0, 0.9), purify_rounds="best")
    assert d.machine.purify_rounds.get((0, 1), 0) == 0
    assert d.machine.purify_rounds[1, 2] >= 1
    with pytest.raises(ValueError, match="purify_rounds must be a number, one for some pairs of names, or 'best'"):
        over_three(1.0, (0.9, 0.9), purify_rounds="most")


def test_three_rounds_are_followed_with_few_qubits_in_use_at_one_time():
    """Eight pairs a hop: all at once would be two to the twenty amplitudes, and thousands of outcomes."""
    a, b = (ql.Node(name, qubits=2) for name in "ab")
    circuit = QuantumCircuit(4)
    circuit.h(0)
    circuit.cx(0, [1, 2, 3])
    circuit.t(2)
    circuit.cx(2, 1)
    net = ql.Network([a, b], [ql.ElementaryLink(a, b, fidelity=0.95)])
    d = ql.distribute(circuit, net, budget_s=0, purify_rounds=3)
    assert d.program.circuit.num_qubits == 20
    ordered = emptied_sooner(d.circuit)
    assert sorted(map(str, ordered.data)) == sorted(str(i) for i in d.circuit.data if i.name != "barrier")
    assert amplitudes(ordered, list(d.inputs.values())) < amplitudes(d.circuit, list(d.inputs.values())) / 10
    assert d.verify().word == "proven"


def test_ctrl_c_leaves_a_tier_out(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    d = over_three(100.0, (0.9, 0.9))
    monkeypatch.setattr(Following, "run", interrupted)
    proof = d.verify()
    assert proof.tiers == ("linear",)
    assert proof.left_out[-1] == "state: stopped by Ctrl-C"
