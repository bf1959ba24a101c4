"""Copies of links, pickled or deep: of any depth, equal, and shared within where the original is."""

import copy
import pickle
import sys
from itertools import pairwise

import pytest

import quantumlink as ql
from quantumlink.link import distinct_links

COPIERS = [copy.deepcopy, *(lambda x, p=p: pickle.loads(pickle.dumps(x, protocol=p)) for p in range(6))]


def chain_of(hops, order):
    nodes = [ql.Node(f"n{i}", memory=ql.Memory(t2_s=1)) for i in range(hops + 1)]
    links = [
        ql.ElementaryLink(*ends, ql.Fiber(10), fidelity=0.9 + 1e-5 * i) for i, ends in enumerate(pairwise(nodes))
    ]
    return ql.chain(links, order=order, purify_rounds=1)


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("order", ["sequential", "balanced"])
def test_a_chain_deeper_than_the_stack(copier, order):
    link = chain_of(2 * sys.getrecursionlimit(), order)
    other = copier(link)
    assert other == link
    assert other is not link
    assert hash(other) == hash(link)
    assert ql.evaluate(other).fidelity == ql.evaluate(link).fidelity


@pytest.mark.parametrize("copier", COPIERS)
def test_what_is_shared_stays_shared(copier):
    a, b = ql.Node("a"), ql.Node("b")
    link = leaf = ql.ElementaryLink(a, b, fidelity=0.9)
    for _ in range(30):  # 2³⁰ pairs
        link = ql.purify(link, link, protocol="bbpssw")
    other = copier(link)
    assert other == link
    assert len(list(distinct_links(other))) == 31
    assert other.kept is other.spent
    first = next(distinct_links(other))
    assert first == leaf
    assert first.left is other.left  # nodes, too
    assert other.protocol == "bbpssw"


@pytest.mark.parametrize("copier", COPIERS)
def test_leaves_and_links_beside_each_other(copier):
    a, r, b = (ql.Node(name) for name in "arb")
    left, right = ql.ElementaryLink(a, r), ql.ElementaryLink(r, b, bell_diagonal=(0.7, 0.2, 0.1, 0))
    other = copier({"left": left, "both": ql.swap(left, right)})
    assert other["left"] == left
    assert other["both"] == ql.swap(left, right)
    assert other["both"].left_link is other["left"]
    assert other["both"].relay.name == "r"


@pytest.mark.parametrize("copier", COPIERS)
def test_losses_of_memories_are_counted_once_in_a_copy_that_is_built_anew(copier):
    a, b = ql.Node("a"), ql.Node("b")
    relay = ql.Node("relay", memory=ql.Memory(retrieval=0.9))
    by = "linear_optics_swap"
    link = copier(ql.swap(ql.ElementaryLink(a, relay), ql.ElementaryLink(relay, b), by=by))
    again = link.with_links(link.links)
    assert again == link
    assert ql.evaluate(again).success_probability == pytest.approx(0.9**2 / 2, abs=1e-12)
    perfect = ql.Node("relay")
    ideal = link.with_links([ql.ElementaryLink(a, perfect), ql.ElementaryLink(perfect, b)])
    assert ql.evaluate(ideal).success_probability == pytest.approx(1 / 2, abs=1e-12)
