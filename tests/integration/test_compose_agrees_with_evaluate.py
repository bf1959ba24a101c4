"""The readings agree: for random small links, the folded state is that of the composed circuit under noise.

`evaluate` folds 4×4 states with maps that it extracted from the primitives. Here the whole composed circuit
is run instead, on Aer's density matrix with its measurements deferred (see `oracles.density`): the noise is
written anew from the nodes' data, so that neither the noise rewrite nor the branch interpreter takes part.
"""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from oracles.density import program_state

import quantumlink as ql

# Both sides are exact. What remains is rounding: some hundred products of matrices with entries below 1, at
# 2e-16 each, divided by a success probability of 0.05 or more.
EXACT = 1e-9

# Without shrinking: an example takes 50 ms, minutes for a shrunk one; the shapes, one by one, are as telling.
few = settings(deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])

SHAPES = {
    "one link": (1, lambda make, purify: make(0, 1)),
    "swap": (2, lambda make, purify: ql.swap(make(0, 1), make(1, 2))),
    "purify": (1, lambda make, purify: purify(make(0, 1), make(0, 1))),
    "chain of three, from left": (3, lambda make, purify: ql.swap(ql.swap(make(0, 1), make(1, 2)), make(2, 3))),
    "chain of three, from right": (3, lambda make, purify: ql.swap(make(0, 1), ql.swap(make(1, 2), make(2, 3)))),
    "purify, then swap": (2, lambda make, purify: ql.swap(purify(make(0, 1), make(0, 1)), make(1, 2))),
    "swap with a purified right": (2, lambda make, purify: ql.swap(make(0, 1), purify(make(1, 2), make(1, 2)))),
    "swap, then purify": (
        2,
        lambda make, purify: purify(ql.swap(make(0, 1), make(1, 2)), ql.swap(make(0, 1), make(1, 2))),
    ),
    "a swapped link purified by a direct one": (
        2,
        lambda make, purify: purify(ql.swap(make(0, 1), make(1, 2)), make(0, 2)),
    ),
    "a direct link purified by a swapped one": (
        2,
        lambda make, purify: purify(make(0, 2), ql.swap(make(0, 1), make(1, 2))),
    ),
    "there and back: a relay that is also an end": (
        3,
        lambda make, purify: ql.swap(ql.swap(make(0, 1), make(1, 2)), make(2, 1)),
    ),
    "from right to left": (2, lambda make, purify: ql.swap(make(2, 1), purify(make(1, 0), make(1, 0)))),
    "purified twice, one pair after the other": (
        1,
        lambda make, purify: purify(purify(make(0, 1), make(0, 1)), make(0, 1)),
    ),
    "purified twice, nested": (
        1,
        lambda make, purify: purify(purify(make(0, 1), make(0, 1)), purify(make(0, 1), make(0, 1))),
    ),
    "balanced chain of four": (
        4,
        lambda make, purify: ql.chain([make(i, i + 1) for i in range(4)], order="balanced"),
    ),
    "chain of three, middle purified": (
        3,
        lambda make, purify: ql.swap(ql.swap(make(0, 1), purify(make(1, 2), make(1, 2))), make(2, 3)),
    ),
}
"""Name: (hops, how to build it from make(i, j), an elementary link between nodes i and j, and purify)."""

rates = st.floats(0, 0.3) | st.sampled_from([0.0, 1e-3])
readouts = rates | st.tuples(rates, rates).map(lambda ab: [[1 - ab[0], ab[0]], [ab[1], 1 - ab[1]]])
processors = st.builds(ql.Processor, depolarizing_1q=rates, depolarizing_2q=rates, readout_error=readouts)


@st.composite
def populations(draw):
    """A Bell-diagonal state with at least a third of Φ⁺, so that any purification succeeds now and then."""
    first = draw(st.floats(1 / 3, 1))
    weights = draw(st.tuples(*[st.floats(0, 1)] * 3).filter(lambda w: sum(w) > 1e-3))
    return (first, *((1 - first) * w / sum(weights) for w in weights))


def random_state(rng, rank=4):
    """A density matrix of two qubits with this rank, and at least a third of Φ⁺ in it if of full rank."""
    vectors = rng.normal(size=(4, rank)) + 1j * rng.normal(size=(4, rank))
    rho = vectors @ vectors.conj().T
    rho /= np.trace(rho).real
    if rank == 4:
        share = rng.uniform(1 / 3, 1)
        rho = (1 - share) * rho + share * np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2
    return rho


@st.composite
def links(draw, shapes=tuple(SHAPES), protocols=("dejmps", "bbpssw"), stated=False):
    hops, build = SHAPES[draw(st.sampled_from(shapes))]
    nodes = [ql.Node(name, processor=draw(processors)) for name in "abcde"[: hops + 1]]
    protocol = draw(st.sampled_from(protocols))

    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def make(i, j):
        if stated and draw(st.booleans()):
            return ql.ElementaryLink(nodes[i], nodes[j], state=random_state(rng))
        return ql.ElementaryLink(nodes[i], nodes[j], bell_diagonal=draw(populations()))

    return build(make, lambda kept, spent: ql.purify(kept, spent, protocol=protocol))


def assert_same(state, program):
    rho, success = program_state(program)
    assert state.success_probability == pytest.approx(success, abs=EXACT)
    np.testing.assert_allclose(np.asarray(state.density_matrix), rho, rtol=0, atol=EXACT)


@settings(few, max_examples=60)
@given(link=links())
def test_evaluate_is_the_composed_circuit_under_noise(link):
    assert_same(ql.evaluate(link), ql.compose(link))


@pytest.mark.parametrize("shape", SHAPES)
@settings(few, max_examples=2)
@given(data=st.data())
def test_every_shape(shape, data):
    link = data.draw(links(shapes=(shape,)))
    assert_same(ql.evaluate(link), ql.compose(link))


@settings(few, max_examples=40)
@given(link=links(stated=True))
def test_states_of_any_kind(link):
    assert_same(ql.evaluate(link), ql.compose(link))


@pytest.mark.parametrize("shape", ["swap", "purify"])
@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
def test_programs_of_stated_states(shape, corrections, rng):
    _, build = SHAPES[shape]
    nodes = [ql.Node(name, processor=ql.Processor(0.02, 0.05, 0.03)) for name in "abc"]
    link = build(
        lambda i, j: ql.ElementaryLink(nodes[i], nodes[j], state=random_state(rng)), lambda a, b: ql.purify(a, b)
    )
    for reuse in (False, True):
        program = ql.compose(link, corrections=corrections, reuse_qubits=reuse)
        if not reuse:
            assert_same(ql.evaluate(program), program)
        states = [ql.evaluate(program), ql.evaluate(ql.compose(link, corrections=corrections))]
        np.testing.assert_allclose(states[0].coefficients, states[1].coefficients, rtol=0, atol=EXACT)


@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
@settings(few, max_examples=15)
@given(link=links(protocols=("dejmps",)))
def test_a_program_is_evaluated_with_its_own_kind_of_corrections(corrections, link):
    program = ql.compose(link, corrections=corrections)
    assert program.corrections == corrections
    assert_same(ql.evaluate(program), program)


def test_a_twirled_program_is_averaged_over_its_settings():
    # One example: the library walks through all 144 settings of the two twirls.
    nodes = [
        ql.Node("a", processor=ql.Processor(0.03, 0.05, [[0.97, 0.03], [0.08, 0.92]])),
        ql.Node("b", processor=ql.Processor(0.02, 0.04, 0.01)),
    ]
    kept, spent = (ql.ElementaryLink(*nodes, bell_diagonal=p) for p in ((0.8, 0.12, 0.05, 0.03), (0.7, 0, 0.3, 0)))
    link = ql.purify(kept, spent, protocol="bbpssw")
    program = ql.compose(link)
    assert_same(ql.evaluate(program), program)
    assert_same(ql.evaluate(link), program)


def test_a_shared_link_is_a_pair_of_its_own_each_time():
    # The same object twice is two pairs: four qubits and the same state as two equal objects.
    nodes = [ql.Node("a", processor=ql.Processor(0.02, 0.03, 0.04)), ql.Node("b")]
    first, second = (ql.ElementaryLink(*nodes, bell_diagonal=(0.75, 0.05, 0.15, 0.05)) for _ in range(2))
    shared, apart = ql.purify(first, first), ql.purify(first, second)
    program = ql.compose(shared)
    assert program.circuit.num_qubits == 4
    assert_same(ql.evaluate(shared), program)
    states = ql.evaluate(shared), ql.evaluate(apart)
    np.testing.assert_allclose(states[0].coefficients, states[1].coefficients, rtol=0, atol=1e-15)


def test_the_noise_of_each_node_acts_where_that_node_acts():
    # The oracle would agree with a reading that mixes up nodes if all were alike: make one node noisy at a time,
    # and see that the fidelity falls where it takes part and only there.
    def fidelity(noisy, processor):
        nodes = [ql.Node(n, processor=processor if n == noisy else ql.Processor()) for n in "abc"]
        return ql.evaluate(ql.swap(ql.ElementaryLink(*nodes[:2]), ql.ElementaryLink(*nodes[1:]))).fidelity

    two_qubit, readout = ql.Processor(depolarizing_2q=0.1), ql.Processor(readout_error=0.1)
    assert [fidelity(n, two_qubit) for n in "abc"] == pytest.approx([1, 1 - 0.1 * 3 / 4, 1], abs=EXACT)
    assert [fidelity(n, readout) for n in "abc"] == pytest.approx([1, 0.9**2, 1], abs=EXACT)
    # X fires half the time, so does Z: (1 + pX)/2 on two coefficients, with p = 0.9 (see the reference).
    one_qubit = (1 + 3 * 0.95**2) / 4
    assert fidelity("c", ql.Processor(depolarizing_1q=0.1)) == pytest.approx(one_qubit, abs=EXACT)
