"""Where stim is missing all but its engine works, and the engine says what to do."""

from itertools import pairwise

import pytest

import quantumlink as ql
from quantumlink.execution.clifford import sampler


@pytest.fixture(autouse=True)
def without_stim(monkeypatch):
    found = sampler.find_spec
    monkeypatch.setattr(sampler, "find_spec", lambda name: None if name == "stim" else found(name))


def chain_of(hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)])


def test_another_engine_runs_what_stim_would():
    samples = ql.sample(chain_of(40), shots=200, seed=1)
    assert not samples.engine.startswith("clifford")
    assert sum(sum(counts) for counts in samples.outcomes.values()) == 600


def test_asked_for_it_says_what_to_install():
    with pytest.raises(ValueError, match="pip install stim"):
        ql.sample(chain_of(2), shots=10, engine="clifford")
    with pytest.raises(ImportError, match="pip install stim"):
        ql.CliffordSampler()
