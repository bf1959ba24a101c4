"""Random trees of operations: evaluate, the composed circuit, and density matrices played gate by gate agree."""

from math import log, pi

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracles.trees import state_of_tree
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.circuits import Operation, entanglement_swap, fuse_pairs_to_ghz

EXACT = 1e-9

ONE = ("h", "s", "sx", "t", "x")
TWO = ("cx", "cz", "cy", "swap")

shares = st.sampled_from([0.0, 0.01, 0.05])
errors = st.sampled_from([0.0, 0.02, ((0.98, 0.02), (0.05, 0.95))])
processors = st.builds(ql.Processor, shares, shares, errors)


def gates(draw, circuit, qubits, count):
    """Random gates on the qubits of one site."""
    for _ in range(count):
        qubit = draw(st.sampled_from(qubits))
        others = [q for q in qubits if q != qubit]
        kind = draw(st.sampled_from([*ONE, "rx", *(TWO if others else ())]))
        if kind == "rx":
            circuit.rx(draw(st.sampled_from([0.3, pi / 3, 2.1])), qubit)
        elif kind in ONE:
            getattr(circuit, kind)(qubit)
        else:
            getattr(circuit, kind)(qubit, draw(st.sampled_from(others)))


@st.composite
def from_many_pairs(draw, links, kept):
    """An operation between two nodes that makes some pairs of more, by anything that either node can do."""
    circuit = QuantumCircuit(2 * links, 2 * (links - kept))
    for side in (range(links), range(links, 2 * links)):
        gates(draw, circuit, list(side), draw(st.integers(0, 4)))
    spent = [*range(kept, links), *range(links + kept, 2 * links)]
    circuit.measure(spent, circuit.clbits)
    for _ in range(draw(st.integers(0, 2)) if spent else 0):
        with circuit.if_test((draw(st.sampled_from(circuit.clbits)), draw(st.integers(0, 1)))):
            getattr(circuit, draw(st.sampled_from(ONE)))(draw(st.sampled_from([0, links])))
    half = len(spent) // 2
    parities = [[bit, half + bit] for bit in range(half)]
    told = draw(st.lists(st.sampled_from(["even", "odd", "none"]), min_size=half, max_size=half))
    outputs = [q for i in range(kept) for q in (i, links + i)]
    return Operation(
        circuit,
        [(i, links + i) for i in range(links)],
        outputs,
        heralds=[p for p, how in zip(parities, told, strict=True) if how == "even"],
        odd_heralds=[p for p, how in zip(parities, told, strict=True) if how == "odd"],
        success_probability=draw(st.sampled_from([1.0, 0.4])),
        sites={q: "a" if q < links else "b" for q in range(2 * links)},
    )


class Trees:
    """Draws trees between nodes that keep their noise."""

    def __init__(self, draw):
        self.draw, self.nodes, self.left = draw, {}, 4

    def node(self, name):
        if name not in self.nodes:
            self.nodes[name] = ql.Node(name, processor=self.draw(processors))
        return self.nodes[name]

    def pair(self, a, b):
        self.left -= 1
        populations = self.draw(st.sampled_from([(0.9, 0.05, 0.03, 0.02), (0.7, 0.1, 0.2, 0.0), (1.0, 0, 0, 0)]))
        if self.draw(st.booleans()):
            return ql.ElementaryLink(self.node(a), self.node(b), bell_diagonal=populations)
        vector = np.sqrt(populations) * [1, 1j, 1, -1]
        rho = 0.8 * np.outer(vector, vector.conj()) + 0.2 * np.diag([0.4, 0.1, 0.2, 0.3])
        return ql.ElementaryLink(self.node(a), self.node(b), state=rho)

    def link(self, a, b):
        """A link between two nodes: a pair, or made of some, as far as pairs are left."""
        kinds = (
            ["pair"] + ["swap", "failing swap", "optics", "purify"] * (self.left >= 2) + ["more"] * (self.left >= 3)
        )
        kind = self.draw(st.sampled_from(kinds))
        if kind == "pair":
            return self.pair(a, b)
        if kind == "purify":
            return ql.join(self.draw(from_many_pairs(2, 1)), self.pair(a, b), self.link(a, b))
        if kind == "more":
            if self.draw(st.booleans()):
                return ql.join(self.draw(from_many_pairs(3, 1)), *(self.pair(a, b) for _ in range(3)))
            two = ql.join(self.draw(from_many_pairs(3, 2)), *(self.pair(a, b) for _ in range(3)))
            return ql.join(self.of_four_ends(), two)
        relay = f"r{len(self.nodes)}"
        by = {
            "swap": "entanglement_swap",
            "optics": "linear_optics_swap",
            "failing swap": Operation(entanglement_swap(), success_probability=0.3),
        }[kind]
        return ql.swap(self.pair(a, relay), self.link(relay, b), by=by)

    def of_four_ends(self):
        """Two pairs that may be entangled with one another become one: the other one's ends are measured."""
        circuit = QuantumCircuit(4, 2)
        for qubit in range(4):
            gates(self.draw, circuit, [qubit], self.draw(st.integers(0, 2)))
        circuit.measure([2, 3], [0, 1])
        with circuit.if_test((circuit.clbits[0], 1)):
            getattr(circuit, self.draw(st.sampled_from(ONE)))(1)
        heralds = [[0, 1]] if self.draw(st.booleans()) else []
        return Operation(circuit, [(0, 1, 2, 3)], [0, 1], heralds=heralds)

    def tree(self):
        kind = self.draw(st.sampled_from(["link", "ghz", "two pairs"]))
        if kind == "two pairs":
            return ql.join(
                self.draw(from_many_pairs(3, 2)), self.pair("a", "b"), self.pair("a", "b"), self.link("a", "b")
            )
        if kind == "ghz":
            arms = self.draw(st.integers(2, 3))
            first = [self.pair(f"e{i}", "hub") for i in range(arms - 1)]
            return ql.join(fuse_pairs_to_ghz(arms), *first, self.link("z", "hub"))
        return self.link("a", "b")


@st.composite
def trees(draw):
    return Trees(draw).tree()


def exact(link):
    rho, success = state_of_tree(link)
    assume(success > 1e-6)
    return rho, success


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(link=trees())
def test_evaluate_is_what_density_matrices_are(link):
    rho, success = exact(link)
    state = ql.evaluate(link)
    assert state.success_probability == pytest.approx(success, abs=EXACT)
    np.testing.assert_allclose(np.asarray(state.density_matrix), rho, rtol=0, atol=EXACT / success)


@settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
@given(link=trees(), reuse=st.booleans())
def test_composed_circuits_are_what_density_matrices_are(link, reuse):
    rho, success = exact(link)
    found = ql.evaluate(ql.compose(link, reuse_qubits=reuse))
    assert found.success_probability == pytest.approx(success, abs=EXACT)
    np.testing.assert_allclose(np.asarray(found.density_matrix), rho, rtol=0, atol=EXACT / success)


@settings(deadline=None, max_examples=2, suppress_health_check=list(HealthCheck))
@given(link=trees(), run=st.integers(0, 2**31))
def test_samples_are_what_density_matrices_are(link, run):
    rho, success = exact(link)
    assume(success > 0.05)
    shots, basis = 20_000, "Z" * len(link.ends)
    samples = ql.sample(ql.compose(link), [basis], shots=shots, seed=run)
    outcomes = np.array(samples.outcomes[basis], dtype=float)
    # Hoeffding at 1e-6, for the share that is accepted and for each outcome, by the number of those.
    assert abs(outcomes.sum() / shots - success) < (log(2e6) / (2 * shots)) ** 0.5
    bound = (log(2e6 * len(outcomes)) / (2 * outcomes.sum())) ** 0.5
    np.testing.assert_allclose(outcomes / outcomes.sum(), rho.diagonal().real, rtol=0, atol=bound)


def test_what_perfect_pairs_never_give_is_told_without_a_fidelity():
    # Of three perfect pairs the spent one's outcomes always agree: odd ones come of errors alone.
    circuit = QuantumCircuit(6, 2)
    circuit.measure([2, 5], [0, 1])
    odd = Operation(circuit, [(0, 3), (1, 4), (2, 5)], [0, 3, 1, 4], odd_heralds=[[0, 1]])
    a, b = ql.Node("a"), ql.Node("b")
    state = ql.evaluate(ql.join(odd, *[ql.ElementaryLink(a, b, fidelity=0.7)] * 3))
    assert state.success_probability == pytest.approx(0.2, abs=1e-12)
    with pytest.raises(ValueError, match="not known"):
        _ = state.fidelity
