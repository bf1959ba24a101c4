"""Chains from left to right by products of matrices, beside the fold that goes hop by hop."""

from itertools import pairwise

import numpy as np
import pytest
from qiskit.quantum_info import random_density_matrix

import quantumlink as ql
from quantumlink.link.elementary import arriving_coefficients
from quantumlink.readings import spine
from quantumlink.readings.folding import fold
from quantumlink.readings.spine import SHORTEST, spine_state


def chain(rng, swaps, *, stated=0.0, noises=3):
    noise = [
        ql.Processor(*rng.uniform(0, 0.02, 2), readout_error=[[0.99, 0.01], [0.03, 0.97]]) for _ in range(noises)
    ]
    nodes = [ql.Node(f"n{i}", processor=noise[rng.integers(noises)]) for i in range(swaps + 2)]
    hops = []
    for a, b in pairwise(nodes):
        if rng.random() < stated:
            state = 0.97 * np.diag([0.5, 0, 0, 0.5]) + 0.03 * random_density_matrix(4, seed=rng).data
            state[0, 3] = state[3, 0] = 0.45
            hops.append(ql.ElementaryLink(a, b, state=state / np.trace(state)))
        else:
            hops.append(ql.ElementaryLink(a, b, bell_diagonal=rng.dirichlet([400, 1, 1, 1])))
    return ql.chain(hops, order="sequential")


@pytest.mark.parametrize("stated", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("swaps", [SHORTEST, SHORTEST + 1, 200])
def test_products_of_matrices_and_the_fold_agree(seed, swaps, stated):
    link = chain(np.random.default_rng(seed), swaps, stated=stated)
    found = spine_state(link)
    assert np.abs(found - fold(link)[id(link)].vector).max() < 1e-13
    state = ql.evaluate(link)
    assert np.array_equal(state.coefficients.ravel(), found)
    assert state.success_probability == 1.0


def test_a_chain_of_several_blocks_against_its_closed_form(monkeypatch):
    monkeypatch.setattr(spine, "_BLOCK", 37)
    nodes = [ql.Node(str(i)) for i in range(1001)]
    link = ql.chain([ql.ElementaryLink(a, b, fidelity=1 - 3e-4) for a, b in pairwise(nodes)], order="sequential")
    w = (4 * (1 - 3e-4) - 1) / 3
    assert ql.evaluate(link).fidelity == pytest.approx((1 + 3 * w**1000) / 4, abs=1e-13)


def test_the_order_of_hops_matters(seed):
    """A pair that is no mixture of Bell states: matrices in the wrong order give another state."""
    link = chain(np.random.default_rng(seed), SHORTEST, stated=1.0)
    parts = list(link.elementary_links())
    turned = arriving_coefficients([parts[0], parts[2], parts[1], *parts[3:]])
    assert np.abs(turned - arriving_coefficients(parts)).max() > 1e-3
    a = np.arange(27.0).reshape(3, 3, 3)
    assert np.array_equal(spine._product(a), a[2] @ a[1] @ a[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda link, hop: ql.purify(link, link),
        lambda link, hop: ql.swap(link, ql.purify(hop, hop)),
        lambda link, hop: ql.swap(link, hop, by="linear_optics_swap"),
        lambda link, hop: ql.swap(link.reversed(), hop) if hasattr(link, "reversed") else ql.purify(link, link),
    ],
)
def test_other_links_are_folded(seed, change):
    link = chain(np.random.default_rng(seed), SHORTEST)
    other = change(link, ql.ElementaryLink(link.right, ql.Node("last"), fidelity=0.99))
    assert spine_state(other) is None
    assert ql.evaluate(other).fidelity == pytest.approx(fold(other)[id(other)].fidelity, abs=1e-13)


def test_losses_and_names_are_not_forgotten():
    lossy = ql.Node("lossy", memory=ql.Memory(retrieval=0.5))
    nodes = [*(ql.Node(str(i)) for i in range(80)), lossy, ql.Node("end")]
    link = ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)], order="sequential")
    assert ql.evaluate(link).success_probability == pytest.approx(0.25)
    nodes = [ql.Node(str(i)) for i in range(80)]
    nodes[70] = ql.Node("3", memories=7)
    link = ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)], order="sequential")
    with pytest.raises(ValueError, match="two different nodes are named '3'"):
        ql.evaluate(link)
