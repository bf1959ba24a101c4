"""Contractions of maps: the same as the whole map, whatever is left out; and maps are shared by equal noise."""

from itertools import pairwise

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.circuits import entanglement_swap
from quantumlink.exact import branches
from quantumlink.hardware import Memory
from quantumlink.readings.contraction import BELL_SUPPORT, Contraction, relaxed_support
from quantumlink.readings.maps import purification_map, swap_map
from quantumlink.readings.tree import Tree
from quantumlink.readings.waiting import waited
from quantumlink.rewrites import noisy_circuit

EXACT = 1e-13
EVERYTHING = 0xFFFF


def bits(support):
    return np.array([support >> i & 1 for i in range(16)], dtype=bool)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("supports", [(EVERYTHING, EVERYTHING), (BELL_SUPPORT, 0b1011), (1, EVERYTHING)])
def test_a_contraction_is_the_whole_map(rng, density, supports):
    matrix = rng.normal(size=(16, 256)) * (rng.random((16, 256)) < density)
    first, second = (rng.normal(size=(7, 16)) * bits(support) for support in supports)
    contraction = Contraction.of(matrix, *supports)
    wanted = np.einsum("oij,ni,nj->no", matrix.reshape(16, 16, 16), first, second)
    np.testing.assert_allclose(contraction(first, second), wanted, rtol=0, atol=100 * EXACT)
    assert not wanted[:, ~bits(contraction.support)].any()
    assert not contraction.certain


def test_leading_axes_broadcast_and_parts_are_put_together(rng, monkeypatch):
    matrix = rng.normal(size=(16, 256))
    first, second = rng.normal(size=(11, 3, 16)), rng.normal(size=(11, 1, 16))
    contraction = Contraction.of(matrix, EVERYTHING, EVERYTHING)
    wanted = np.einsum("oij,npi,nqj->npo", matrix.reshape(16, 16, 16), first, second)
    np.testing.assert_allclose(contraction(first, second), wanted, rtol=0, atol=1e-11)
    monkeypatch.setattr("quantumlink.readings.contraction._ROWS", 6)
    np.testing.assert_allclose(contraction.many(first, second), wanted, rtol=0, atol=1e-11)


NOISY = ql.Processor(0.02, 0.05, ((0.97, 0.03), (0.08, 0.92)))


@pytest.mark.parametrize("processor", [ql.Processor(), NOISY])
def test_swaps_preserve_the_trace_and_purifications_do_not(processor):
    swap = Contraction.of(swap_map(processor, processor, processor), EVERYTHING, EVERYTHING)
    assert swap.certain
    np.testing.assert_array_equal(swap.weights[:, 0] != 0, (swap.first == 0) & (swap.second == 0))
    for protocol in ("dejmps", "bbpssw"):
        matrix = purification_map(protocol, processor, processor)
        assert not Contraction.of(matrix, EVERYTHING, EVERYTHING).certain


def test_bell_diagonal_pairs_need_few_products():
    # An ideal swap of Bell-diagonal pairs multiplies their four coefficients one by one.
    ideal = Contraction.of(swap_map(*[ql.Processor()] * 3), BELL_SUPPORT, BELL_SUPPORT)
    assert (ideal.first.tolist(), ideal.second.tolist()) == ([0, 5, 10, 15], [0, 5, 10, 15])
    assert ideal.support == BELL_SUPPORT


@pytest.mark.parametrize("left", [Memory(), Memory(t1_s=1), Memory(t2_s=1)])
@pytest.mark.parametrize("right", [Memory(), Memory(t1_s=1), Memory(t2_s=1)])
def test_a_waiting_pairs_support_holds_what_it_can_become(rng, left, right):
    for support in (BELL_SUPPORT, 0b1000_0100_0010_0011, 1):
        after = waited(rng.uniform(0.5, 1, 16) * bits(support), left, right, 0.3, 0.4)
        np.testing.assert_array_equal(after != 0, bits(relaxed_support(support, left, right)))


# --- maps are shared


def test_the_left_end_of_a_swap_has_no_part():
    # So that one map serves all left ends. Extracted here with a noisy one, by its circuit.
    processors = [ql.Processor(0.3, 0.3, 0.3), NOISY, NOISY, ql.Processor(0.04)]
    nodes = tuple(ql.Node(name, processor=p) for name, p in zip("abbc", processors, strict=True))
    circuit = noisy_circuit(entanglement_swap(), nodes)
    (wanted,) = branches(circuit, inputs=[0, 1, 2, 3], outputs=[0, 3], keep=[]).values()
    found = swap_map(processors[0], NOISY, processors[3])
    np.testing.assert_allclose(found, wanted.reshape(16, 256), rtol=0, atol=1e-15)


def test_equal_noise_shares_its_maps():
    one, other = ql.Processor(0.01, 0.02, 0.03), ql.Processor(0.01, 0.02, 0.03)
    slow = ql.Processor(0.01, 0.02, ((0.97, 0.03), (0.03, 0.97)), gate_1q_s=1.0, readout_s=2.0)
    assert one is not other
    assert swap_map(one, one, one) is swap_map(other, slow, other)
    assert purification_map("dejmps", one, slow) is purification_map("dejmps", slow, other)
    assert swap_map(one, one, one) is not swap_map(one, one, NOISY)
    assert purification_map("dejmps", one, one) is not purification_map("bbpssw", one, one)


def test_equal_processors_are_one_in_a_tree():
    nodes = [ql.Node(f"n{i}", processor=ql.Processor(0.01, 0.02, 0.03)) for i in range(5)]
    tree = Tree(ql.chain([ql.ElementaryLink(*ends) for ends in pairwise(nodes)]))
    assert len(tree.processors) == 1
    assert {tree.maps[key] for key in tree.keys if key is not None} == {(0, 0, 0, 0)}
    assert [operation.name for operation in tree.operations] == ["entanglement_swap"]
