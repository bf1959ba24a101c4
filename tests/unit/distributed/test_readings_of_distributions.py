"""Estimates, times, bounds and node programs of distributed circuits, against closed forms and one another."""

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import Clifford, Operator, random_clifford

import quantumlink as ql
from quantumlink.distributed import Methods, single_paths, steiner_tree
from quantumlink.distributed.bounds import _clifford_rank, _tensor_rank, lower_bound
from quantumlink.distributed.estimating import composed, exact_fidelity, sampled_fidelity
from quantumlink.exact import branches

PROCESSOR = ql.Processor(
    depolarizing_1q=1e-3, depolarizing_2q=1e-2, readout_error=5e-3, gate_1q_s=1e-6, gate_2q_s=1e-5, readout_s=1e-4
)


def two_nodes(qubits=1, processor=None, memory=None, **link):
    parts = {"processor": processor, "memory": memory}
    given = {name: part for name, part in parts.items() if part is not None}
    a, b = (ql.Node(name, qubits=qubits, **given) for name in "ab")
    return ql.Network([a, b], [ql.ElementaryLink(a, b, **link)])


def remote_cx():
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    return circuit


@pytest.mark.parametrize("fidelity", [1.0, 0.9, 0.7])
def test_a_remote_gate_over_a_werner_pair_is_as_good_as_the_pair(fidelity):
    found = ql.distribute(remote_cx(), two_nodes(fidelity=fidelity), budget_s=0).evaluate()
    assert found.method == "exact"
    assert found.fidelity.best == pytest.approx(fidelity, abs=1e-12)
    assert found.lost["pairs"] == pytest.approx(-np.log(fidelity), abs=1e-12)


def test_what_resets_within_is_followed_and_is_no_unitary_channel():
    # A channel with a reset has less than 1 with itself: .25 was told of a Bell state that is prepared.
    circuit = QuantumCircuit(2)
    circuit.initialize(np.array([1, 0, 0, 1]) / np.sqrt(2))
    d = ql.distribute(circuit, two_nodes(fidelity=1.0), placement={0: "a", 1: "b"}, budget_s=0)
    assert (d.evaluate().method, d.evaluate().fidelity.best) == ("composition", 1.0)
    assert "state" in d.verify().tiers
    assert d.lower_bound <= d.ebits


def test_purified_pairs_are_better_and_say_how_often_they_are_accepted():
    network = two_nodes(fidelity=0.8)
    pair = ql.chain(list(network.links), purify_rounds=1)
    state = ql.evaluate(pair)
    found = ql.distribute(remote_cx(), network, purify_rounds=1, budget_s=0).evaluate()
    assert found.success_probability == pytest.approx(state.success_probability, abs=1e-12)
    assert found.fidelity.best == pytest.approx(state.fidelity, abs=1e-12)


def test_what_is_composed_bounds_what_is_exact(rng):
    for _ in range(6):
        circuit = QuantumCircuit(3)
        for _ in range(4):
            a, b = rng.permutation(3)[:2].tolist()
            getattr(circuit, rng.choice(["cx", "cz"]))(a, b)
            circuit.ry(rng.uniform(0, 6), a)
        d = ql.distribute(circuit, two_nodes(2, PROCESSOR, fidelity=0.97), budget_s=0.05)
        exact = d.evaluate()
        assert exact.method == "exact"
        low, best, _ = composed(Counter({("all", loss): 1 for loss in exact.lost.values()}))
        assert low - 1e-9 <= exact.fidelity.best
        assert exact.fidelity.best == pytest.approx(best, abs=0.08)


def clifford(rng, n, gates):
    circuit = QuantumCircuit(n)
    for _ in range(gates):
        a, b = rng.permutation(n)[:2].tolist()
        getattr(circuit, rng.choice(["cx", "cz"]))(a, b)
        circuit.h(a), circuit.s(b)
    return circuit


def test_sampled_fidelities_are_the_exact_ones(rng, seed):
    """72,544 samples: within .01, false alarm 1e-6 (Hoeffding); heralds are lost and found too."""
    network = two_nodes(2, PROCESSOR, fidelity=0.93)
    d = ql.distribute(clifford(rng, 3, 4), network, purify_rounds=int(rng.integers(2)), budget_s=0.05)
    exact, success = exact_fidelity(d.source, d.program, *d._start_and_end(d.built))
    sampled = sampled_fidelity(d.source, d.program, *d._start_and_end(d.built), 150_000, seed)
    assert sampled is not None
    assert sampled[1] == pytest.approx(success, abs=0.01)
    assert sampled[0].best == pytest.approx(exact, abs=0.01 / np.sqrt(min(success, 0.48) / 0.48))
    assert exact < 0.98


def test_clifford_circuits_of_many_qubits_are_sampled(rng):
    d = ql.distribute(clifford(rng, 60, 80), two_nodes(31, fidelity=0.995), budget_s=0)
    found = d.evaluate(shots=20_000)
    assert found.method == "sampled"
    assert d.ebits > 10
    # Pairs alone are noisy, each in a mixture of Paulis: errors may cancel or do no harm, but seldom do. Five
    # standard errors of 20,000 samples are .018.
    composed = np.exp(-found.lost["pairs"])
    assert composed - 0.018 < found.fidelity.best < composed + 0.05
    assert found.fidelity.low < found.fidelity.best < found.fidelity.high
    turned = d.source.copy()
    turned.t(0)
    other = ql.distribute(turned, two_nodes(31, fidelity=0.995), budget_s=0)
    assert other.evaluate().method == "composition"


@pytest.mark.parametrize(("time", "unit"), [(10, "dt"), (Parameter("pause"), "us")])
def test_a_delay_without_a_length_is_not_played_as_none(time, unit):
    circuit = remote_cx()
    circuit.delay(time, 0, unit=unit)
    d = ql.distribute(circuit, two_nodes(), budget_s=0)
    with pytest.raises(
        ValueError, match=rf"bound duration in one of s, ms, us, ns, ps to be played in time, got .*{unit}"
    ):
        d.simulate(trials=2)


@pytest.mark.parametrize(("time", "unit", "longer_s"), [(0, "dt", 0.0), (2500, "us", 2.5e-3), (0.5, "ms", 5e-4)])
@pytest.mark.parametrize("between", [False, True])
def test_a_delay_is_played_where_it_stands(time, unit, longer_s, between):
    """Delays cost no pair. Messages of an open copy go both ways within a delay of the control."""
    plain, delayed = (QuantumCircuit(3) for _ in range(2))
    for circuit in (plain, delayed):
        circuit.cx(0, 1)
        if circuit is delayed:
            circuit.delay(time, [0] if between else [0, 1, 2], unit=unit)
        if between:
            circuit.cx(0, 2)
    nodes = [ql.Node("a", qubits=1), ql.Node("b", qubits=2)]
    link = ql.ElementaryLink(*nodes, ql.Fiber(20), success_probability=1.0, attempt_time_s=1e-3)
    found = [
        ql.distribute(c, ql.Network(nodes, [link]), placement={0: "a", 1: "b", 2: "b"}, budget_s=0)
        for c in (plain, delayed)
    ]
    assert [d.ebits for d in found] == [1, 1]
    first, later = (d.simulate(trials=1, seed=1).latencies_s[0] for d in found)
    hidden_s = 2 * link.delay_s if between else 0.0
    assert later - first == pytest.approx(max(longer_s - hidden_s, 0.0), abs=1e-12)


def test_cutting_costs_what_pairs_are_worth():
    d = ql.distribute(remote_cx(), two_nodes(), budget_s=0)
    assert (d.cutting_overhead.one_by_one, d.cutting_overhead.together) == (9, 9)
    assert "samples if cut instead" in d.report()


@pytest.mark.parametrize("detour_s", [None, 3e-4])
def test_a_deterministic_run_takes_as_long_as_its_parts(detour_s):
    attempts = {"success_probability": 1.0, "attempt_time_s": 1e-3, "classical_delay_s": detour_s}
    network = two_nodes(processor=PROCESSOR, medium=ql.Fiber(20), fidelity=0.9, **attempts)
    d = ql.distribute(remote_cx(), network, budget_s=0)
    played = d.simulate(trials=3, seed=1)
    delay = detour_s or ql.Fiber(20).delay_s
    pair = ql.simulate(network.links[0], trials=1, seed=1).latencies_s[0]
    wanted = pair + (1e-5 + 1e-4 + delay + 1e-6) + 1e-5 + (1e-6 + 1e-4 + delay + 1e-6)
    assert played.latencies_s == pytest.approx([wanted] * 3, rel=1e-12)
    assert played.lost["waiting"] == 0


def test_waiting_qubits_dephase_as_their_memory_says():
    network = two_nodes(
        memory=ql.Memory(t1_s=1e9, t2_s=0.5), fidelity=1.0, success_probability=1.0, attempt_time_s=0.1
    )
    played = ql.distribute(remote_cx(), network, budget_s=0).simulate(trials=2, seed=1)
    decay = ql.Memory(t1_s=1e9, t2_s=0.5).decay(0.1)
    one = (1 + 2 * decay.coherence + decay.kept) / 4
    assert played.fidelities == pytest.approx([one**2] * 2, rel=1e-9)  # both data qubits wait for the pair


def test_pairs_take_as_long_as_their_link_says(seed):
    network = two_nodes(fidelity=0.9, success_probability=0.1, attempt_time_s=1e-3)
    played = ql.distribute(remote_cx(), network, budget_s=0).simulate(trials=4000, seed=seed)
    # Geometric with p = .1: standard deviation 9.5 ms; five standard errors of 2,000 histories, 1e-6.
    assert played.latency_s.best == pytest.approx(1e-2, abs=5 * 9.5e-3 / np.sqrt(2000) * 1.3)


def test_bounds_of_known_gates():
    circuit = QuantumCircuit(2)
    circuit.cp(0.3, 0, 1)
    assert lower_bound(circuit, [0, 1], [0, 1], 1) == 1
    assert lower_bound(circuit, [0, 0], [0, 0], 1) == 0
    circuit = QuantumCircuit(2)
    circuit.swap(0, 1)
    assert lower_bound(circuit, [0, 1], [0, 1], 1) == 2
    assert lower_bound(circuit, [0, 1], [1, 0], 1) == 0


def test_both_ways_to_a_rank_agree(seed):
    clifford = random_clifford(4, seed=seed)
    tensor = np.asarray(Operator(clifford.to_circuit()).data).reshape((2,) * 8)
    for size in (1, 2, 3):
        for part in combinations(range(4), size):
            axes = [3 - q for q in part] + [7 - q for q in part]
            assert _clifford_rank(Clifford(clifford))(part, part) == _tensor_rank(tensor, axes)


def test_no_distribution_beats_its_bound(rng):
    for _ in range(8):
        circuit = QuantumCircuit(5)
        for _ in range(8):
            a, b = rng.permutation(5)[:2].tolist()
            circuit.cp(rng.uniform(0.1, 3), a, b)
            circuit.h(a)
        nodes = [ql.Node(f"n{i}", qubits=2) for i in range(3)]
        network = ql.Network(nodes, [ql.ElementaryLink(a, b) for a, b in combinations(nodes, 2)])
        d = ql.distribute(circuit, network, budget_s=0.05)
        assert 0 < d.lower_bound <= d.ebits


def test_node_programs_have_all_steps_once():
    circuit = QuantumCircuit(3, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    circuit.cx(1, 2)
    nodes = [ql.Node(f"lab {i}", qubits=1) for i in range(3)]
    network = ql.Network(nodes, [ql.ElementaryLink(a, b) for a, b in pairwise(nodes)])
    d = ql.distribute(circuit, network, placement={0: "lab 0", 1: "lab 1", 2: "lab 2"}, budget_s=0)
    programs = d.programs
    assert list(programs) == ["lab 0", "lab 1", "lab 2"]
    told = Counter()
    for program in programs.values():
        told.update(program.circuit.count_ops())
        assert program.startswith("OPENQASM 3.0;")
        assert program.count("input bool") == len(program.receives)
        assert program.count("@quantumlink.ebit") == len(program.requests)
    whole = d.circuit.count_ops()
    assert all(told[name] == whole[name] for name in ("h", "cx", "measure", "if_else"))
    assert told["box"] == 2 * d.ebits
    sent = [m for p in programs.values() for m in p.sends]
    received = [m for p in programs.values() for m in p.receives]
    assert sorted(map(str, sent)) == sorted(map(str, received))
    assert len(sent) == 2 * d.ebits + 1  # a copied bit, a removed one, and the condition
    numbers = Counter(r.number for p in programs.values() for r in p.requests)
    assert set(numbers.values()) == {2}


def test_the_measured_bits_follow_the_condition_at_another_node():
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    d = ql.distribute(circuit, two_nodes(), placement={0: "a", 1: "b"}, budget_s=0)
    assert d.ebits == 0
    assert "c[0] = from_a_0;" in d.programs["b"]
    assert set(branches(d.circuit, keep=[0, 1])) == {(1, 1)}
    records = ql.sample(d.program, bases=["ZZ"], shots=50, seed=1, engine="clifford").records()
    assert records["c[0]"].all()
    assert records["c[1]"].all()


def test_requests_and_pictures():
    d = ql.distribute(remote_cx(), two_nodes(processor=PROCESSOR), budget_s=0)
    (request,) = d.requests()
    assert {request.source, request.target} == {"a", "b"}
    assert request.at_s == 0
    assert d.draw().axes
    assert "e-bits" in d.report()


def test_a_stretch_has_no_length_to_be_distributed():
    circuit = remote_cx()
    circuit.delay(circuit.add_stretch("pause"), 0)
    with pytest.raises(ValueError, match=r"'delay' \(instruction 1 .*the stretch 'pause'.*give a time"):
        ql.distribute(circuit, two_nodes(), budget_s=0)


@pytest.mark.parametrize("trees", [single_paths, steiner_tree])
def test_a_network_under_load_serves_what_a_circuit_needs(trees, seed):
    """Pairs that the network delivers are those that are spent, and its swaps join the hops that are told."""
    nodes = [*(ql.Node(name, qubits=2) for name in "abc"), ql.Node("hub")]
    links = [ql.ElementaryLink(n, nodes[3], success_probability=0.5, attempt_time_s=1e-3) for n in nodes[:3]]
    network = ql.Network(nodes, links)
    circuit = QuantumCircuit(6)
    for i in range(6):
        circuit.h(i)
        for j in range(i + 1, 6):
            circuit.cp(0.3, i, j)
    d = ql.distribute(circuit, network, budget_s=0, methods=Methods(trees=trees))
    demands = d.demands(min_fidelity=0.9)
    assert {tuple(sorted((x.a, x.b))) for x in demands} == {tuple(sorted(pair)) for pair in d.ebits_between}
    assert sorted(t for x in demands for t, _ in x.requests) == sorted(r.at_s for r in d.requests())
    served = ql.network.operate(network, demands, duration_s=5.0, seed=seed)
    spent = {frozenset(pair): count for pair, count in d.ebits_between.items()}
    assert {frozenset(r.demand.nodes): r.served for r in served.results} == spent
    assert served.pairs.delivered == len(d.requests()) == sum(spent.values())
    assert served.pairs.delivered + served.pairs.swapped == d.pairs
    assert (d.pairs, d.ebits) == ((10, 6) if trees is steiner_tree else (12, 6))
