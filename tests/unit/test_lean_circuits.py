"""Lean circuits: the same program on reused qubits, exactly, under the noise of every node in its turn.

The whole instrument is compared, record by record, with that of the wide circuit; on ideal nodes also with the
deferred measurement of `oracles.density`, and long chains with their stabiliser flows in stim.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from oracles.density import program_state
from oracles.stim_circuits import has_flow
from qiskit.circuit import IfElseOp, QuantumCircuit

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.program import HANDED_ON
from quantumlink.rewrites import (
    add_noise,
    clifford_rotations,
    deferred_measurement,
    noisy_circuit,
    pauli_frame,
    sampled_channels,
    without_medium,
)
from quantumlink.rewrites.qubit_reuse import reuse_qubits, reused_circuit

# Both sides are exact; rounding of some hundred products of numbers below 1.
EXACT = 1e-12

CORRECTIONS = ("sequential", "feedforward", "frame")


def noisy_nodes(number, rng):
    """Nodes that all differ, so that noise at the wrong node shows."""
    return [
        ql.Node(
            f"n{i}",
            processor=ql.Processor(*rng.uniform(0.01, 0.1, 2), [[1 - a, a], [b, 1 - b]]),
        )
        for i, (a, b) in enumerate(rng.uniform(0.01, 0.1, (number, 2)))
    ]


def hops(nodes, rng):
    states = 0.7 * np.eye(4)[0] + 0.3 * rng.dirichlet(np.ones(4), len(nodes) - 1)
    return [
        ql.ElementaryLink(*ends, bell_diagonal=state)
        for *ends, state in zip(nodes, nodes[1:], states, strict=False)
    ]


def a_chain(num_hops, rng=None, **options):
    if rng is None:
        nodes = [ql.Node(f"n{i}") for i in range(num_hops + 1)]
        links = [ql.ElementaryLink(*ends) for ends in pairwise(nodes)]
    else:
        links = hops(noisy_nodes(num_hops + 1, rng), rng)
    return ql.chain(links, **options)


def from_the_right(links):
    joined = links[-1]
    for link in links[-2::-1]:
        joined = ql.swap(link, joined)
    return joined


def swapped_then_purified(rng):
    nodes = noisy_nodes(3, rng)
    return ql.purify(ql.swap(*hops(nodes, rng)), ql.swap(*hops(nodes, rng)))


LINKS = {
    "one hop": lambda rng: a_chain(1, rng),
    "swap": lambda rng: a_chain(2, rng),
    "sequential": lambda rng: a_chain(5, rng, order="sequential"),
    "balanced": lambda rng: a_chain(5, rng, order="balanced"),
    "from the right": lambda rng: from_the_right(hops(noisy_nodes(5, rng), rng)),
    "purified": lambda rng: a_chain(1, rng, purify_rounds=1),
    "purified hops": lambda rng: a_chain(2, rng, purify_rounds=1),
    "swapped, then purified": swapped_then_purified,
}


def assert_same_states(mine, theirs):
    """Record by record; what rounds to nothing may be missing in one of them."""
    for record in {*mine, *theirs}:
        a, b = (found.get(record, 0) for found in (mine, theirs))
        np.testing.assert_allclose(a, b, rtol=0, atol=EXACT)


def assert_same_instrument(program, other):
    """All classical bits and the two ends together: the same table of unnormalised states."""
    assert_same_states(*(branches(p.circuit, outputs=[*p.ends.values()]) for p in (program, other)))


def assert_same_reading(program, other):
    """Ends, heralds, frame and random settings mean the same, and the classical bits are the same."""
    assert [*program.ends] == [*other.ends]
    assert program.node_by_end == other.node_by_end
    for name in ("heralds", "frame", "corrections", "random_settings"):
        assert getattr(program, name) == getattr(other, name)
    assert program.circuit.clbits == other.circuit.clbits
    assert program.circuit.cregs == other.circuit.cregs


# --- the same program, exactly


@pytest.mark.parametrize("corrections", CORRECTIONS)
@pytest.mark.parametrize("name", LINKS)
def test_the_lean_program_is_the_wide_one_under_noise(name, corrections, rng):
    link = LINKS[name](rng)
    wide = ql.compose(link, corrections=corrections)
    lean = ql.compose(link, corrections=corrections, reuse_qubits=True)
    assert_same_reading(lean, wide)
    assert_same_instrument(add_noise(lean), add_noise(wide))
    assert_same_instrument(reuse_qubits(add_noise(wide)), add_noise(wide))
    mine, theirs = ql.evaluate(lean), ql.evaluate(wide)
    assert mine.success_probability == pytest.approx(theirs.success_probability, abs=EXACT)
    np.testing.assert_allclose(mine.coefficients, theirs.coefficients, rtol=0, atol=10 * EXACT)


@pytest.mark.parametrize("corrections", CORRECTIONS)
def test_the_lean_program_by_deferred_measurement(corrections, rng):
    # The oracle knows no nodes in turn: ideal nodes, noisy media.
    nodes = [ql.Node(f"n{i}") for i in range(4)]
    link = ql.chain(hops(nodes, rng))
    wide = ql.compose(link, corrections=corrections)
    (mine, p), (theirs, q) = map(program_state, (reuse_qubits(wide), wide))
    assert p == pytest.approx(q, abs=1e-9)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9)


def test_a_twirl_keeps_its_settings(rng):
    link = a_chain(1, rng, purify_rounds=1, protocol="bbpssw")
    wide = ql.compose(link)
    lean = reuse_qubits(wide)
    assert_same_reading(lean, wide)
    assert set(lean.circuit.parameters) == set(wide.circuit.parameters)
    values = {
        p: rng.choice(setting.rows[1:], axis=0)[i]
        for setting in wide.random_settings
        for i, p in enumerate(setting.parameters)
    }
    bound = [replace(p, circuit=p.circuit.assign_parameters(values)) for p in map(add_noise, (lean, wide))]
    assert_same_instrument(*bound)


@pytest.mark.parametrize("corrections", CORRECTIONS)
@pytest.mark.parametrize("order", ["sequential", "balanced"])
def test_a_long_lean_chain_has_the_flows_of_a_bell_pair(order, corrections):
    program = without_medium(ql.compose(a_chain(100, order=order), corrections=corrections, reuse_qubits=True))
    assert program.circuit.num_qubits == 4
    bits = {"X": [], "Z": []}
    for frame in program.frame.values():
        bits["X"] += frame.z
        bits["Z"] += frame.x
    for letter in "XZ":
        pauli = ["_"] * 4
        for qubit in program.ends.values():
            pauli[qubit] = letter
        flow = f"1 -> {''.join(pauli)}"
        assert has_flow(program.circuit, flow, zeros=range(4), bits=bits[letter])
        assert not has_flow(program.circuit, flow.replace("-> ", "-> -"), zeros=range(4), bits=bits[letter])


# --- how few qubits


@pytest.mark.parametrize("corrections", CORRECTIONS)
@pytest.mark.parametrize("order", ["sequential", "balanced"])
@pytest.mark.parametrize(("num_hops", "rounds"), [(1, 0), (2, 0), (3, 0), (33, 0), (1, 1), (9, 1), (1, 3), (5, 3)])
def test_the_number_of_qubits_does_not_grow_with_the_chain(num_hops, rounds, order, corrections):
    link = a_chain(num_hops, order=order, purify_rounds=rounds)
    program = ql.compose(link, corrections=corrections, reuse_qubits=True)
    # The pair so far, and a pair that is purified: its own two qubits and two for each round.
    assert program.circuit.num_qubits == 2 * (num_hops > 1) + 2 + 2 * rounds
    assert program.circuit.depth() <= 6 * link.pairs


def test_a_chain_told_from_the_right_is_as_lean():
    nodes = [ql.Node(f"n{i}") for i in range(31)]
    links = [ql.ElementaryLink(*ends) for ends in pairwise(nodes)]
    assert ql.compose(from_the_right(links), reuse_qubits=True).circuit.num_qubits == 4


def test_purified_at_every_level_takes_at_most_two_pairs_a_level():
    nodes = [ql.Node(f"n{i}", processor=ql.Processor()) for i in range(17)]
    links = [ql.ElementaryLink(*ends, fidelity=0.95) for ends in pairwise(nodes)]
    counts = []
    while len(links) > 1:
        swapped = [ql.swap(*pair) for pair in zip(links[::2], links[1::2], strict=True)]
        links = [ql.purify(link, link) for link in swapped]
        counts.append(ql.compose(links[0], reuse_qubits=True).circuit.num_qubits)
    assert links[0].pairs == 256
    assert all(count <= 2 + 4 * level for level, count in enumerate(counts, 1))


def test_a_lean_program_stays_as_it_is():
    lean = ql.compose(a_chain(6, np.random.default_rng(1)), reuse_qubits=True)
    again = reuse_qubits(lean)
    assert again.circuit.num_qubits == lean.circuit.num_qubits
    assert sum(map(len, again.earlier_nodes.values())) == 8
    assert_same_instrument(add_noise(again), add_noise(lean))


def test_blocks_are_told_in_the_circuits_own_bits():
    # Qiskit's drawer needs them so.
    circuit = ql.compose(a_chain(4), reuse_qubits=True).circuit
    conditional = [i for i in circuit.data if isinstance(i.operation, IfElseOp)]
    assert len(conditional) == 6
    for instruction in conditional:
        (block,) = instruction.operation.blocks
        assert tuple(block.qubits) == tuple(instruction.qubits)
        assert tuple(block.clbits) == tuple(instruction.clbits)
    circuit.draw()


def test_defaults_stay_wide():
    program = ql.compose(a_chain(3))
    assert program.circuit.num_qubits == 6
    assert not program.earlier_nodes
    assert [register.name for register in program.circuit.qregs] == ["n0", "n1", "n2", "n3"]


# --- nodes in turn


def test_each_qubit_says_who_held_it():
    lean = ql.compose(a_chain(3, np.random.default_rng(1)), reuse_qubits=True)
    in_turn = [[*lean.earlier_nodes.get(q, ()), node] for q, node in enumerate(lean.nodes)]
    assert [[node.name for node in nodes] for nodes in in_turn] == [["n0"], ["n1", "n2"], ["n1", "n3"], ["n2"]]
    resets = [i for i in lean.circuit.data if i.name == "reset"]
    assert [reset.operation.label for reset in resets] == [HANDED_ON] * 2
    assert repr(lean) == "<Program n0–n3: 4 qubits in place of 6, depth 11, 0 heralds, corrections 'sequential'>"


def test_noise_at_one_node_acts_in_its_turn_only():
    # Readout errors at one relay of four cost 0.9² of its two outcomes wherever it stands, and at the ends nothing.
    def fidelity(noisy):
        nodes = [ql.Node(f"n{i}", processor=ql.Processor(readout_error=0.1 * (i == noisy))) for i in range(6)]
        links = [ql.ElementaryLink(*ends) for ends in pairwise(nodes)]
        return ql.evaluate(ql.compose(ql.chain(links), reuse_qubits=True)).fidelity

    assert [fidelity(i) for i in range(6)] == pytest.approx([1, 0.81, 0.81, 0.81, 0.81, 1], abs=EXACT)


def test_noise_refuses_a_lean_circuit_whose_nodes_it_cannot_follow():
    lean = ql.compose(a_chain(3, np.random.default_rng(1)), reuse_qubits=True)
    alone = QuantumCircuit(2, 2)
    alone.measure([0, 1], [0, 1])
    with pytest.raises(UnsupportedOperation, match=r"at node 'n0' is handed on, but earlier_nodes do not tell"):
        noisy_circuit(reused_circuit(alone).circuit, lean.nodes[:1])
    with pytest.raises(UnsupportedOperation, match=r"qubit 0 stays at node 'n1' but was to be handed on to n0"):
        noisy_circuit(QuantumCircuit(1), lean.nodes[:1], earlier_nodes={0: lean.earlier_nodes[1]})
    with pytest.raises(UnsupportedOperation, match="reused, which takes resets"):
        deferred_measurement(lean)


def test_other_rewrites_may_come_before_or_after(rng):
    link = a_chain(4, rng)
    wide = ql.compose(link)
    lean = reuse_qubits(wide)
    assert_same_instrument(add_noise(pauli_frame(lean)), add_noise(pauli_frame(wide)))
    assert pauli_frame(lean).frame == pauli_frame(wide).frame
    assert_same_instrument(without_medium(lean), without_medium(wide))
    assert_same_instrument(clifford_rotations(add_noise(lean)), add_noise(wide))
    first, second = (sampled_channels(reuse_qubits(p)) for p in (wide, lean))
    values = dict.fromkeys(first.circuit.parameters, 0.7)
    assert {p.name for p in values} == {p.name for p in second.circuit.parameters}


def test_a_dropped_reset_shows():
    # A mutant: without the resets that hand qubits on, the chain must fail.
    lean = ql.compose(a_chain(3), reuse_qubits=True)
    circuit = lean.circuit.copy_empty_like()
    for instruction in lean.circuit.data:
        if instruction.name != "reset":
            circuit.append(instruction)
    flow = {
        letter: "1 -> " + "".join(letter if q in lean.ends.values() else "_" for q in range(4)) for letter in "XZ"
    }
    for of, whole in ((lean.circuit, True), (circuit, False)):
        bare = without_medium(replace(lean, circuit=of)).circuit
        assert all(has_flow(bare, text, zeros=range(4)) for text in flow.values()) is whole


# --- running


def test_a_lean_program_is_sampled_with_its_noise(seed):
    link = a_chain(3, np.random.default_rng(2))
    wide, lean = (ql.compose(link, corrections="frame", reuse_qubits=reuse) for reuse in (False, True))
    # Hoeffding at 1e-6/3 for 1,300 runs: ±0.155 for each correlator, 3/4 of it for the fidelity.
    samples = ql.sample(lean, shots=1300, seed=seed)
    assert abs(samples.fidelity().best - ql.evaluate(lean).fidelity) < 0.75 * 0.155
    # The ends' own noise as well, at the last of their qubits' nodes: half of ±0.155 for each of two error rates.
    mine, theirs = (ql.sample(p, ["ZZ"], shots=1300, seed=seed, noisy_ends=True) for p in (lean, wide))
    assert abs(mine.qber("Z").best - theirs.qber("Z").best) < 0.155


def test_a_bare_lean_chain_of_eighty_qubits_runs_on_a_statevector_of_four(seed):
    from qiskit_aer import AerSimulator

    lean = ql.compose(a_chain(40), reuse_qubits=True)
    samples = ql.sample(lean, shots=100, seed=seed, sampler=AerSimulator(method="statevector"), noise="sampler")
    assert samples.fidelity().best == 1  # perfect pairs, perfect gates: no luck needed
