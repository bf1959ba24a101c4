"""Patches across a seam, lattice surgery and thresholds against published figures; distill or encode."""

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.encoding import (
    ThresholdScan,
    distill_or_encode,
    lattice_surgery,
    logical_error_rate,
    seam_memory,
    threshold_scan,
)
from quantumlink.estimation import binomial_estimate

pymatching = pytest.importorskip("pymatching", reason="needs the extra qec")

A, B = ql.Node("a"), ql.Node("b")


@pytest.mark.parametrize("experiment", [seam_memory, lattice_surgery])
@pytest.mark.parametrize("basis", ["X", "Z"])
@pytest.mark.parametrize("distance", [3, 5])
def test_no_fewer_faults_than_the_distance_go_unnoticed(experiment, basis, distance):
    circuit = experiment(distance, local=1e-3, remote=1e-2, basis=basis)
    # stim refuses a circuit whose detectors or observable are not certain without errors.
    assert len(circuit.shortest_graphlike_error()) == distance
    perfect = experiment(distance, local=0.0, remote=0.0, basis=basis)
    assert not perfect.compile_detector_sampler().sample(20, append_observables=True).any()


@pytest.mark.parametrize("basis", ["X", "Z"])
def test_without_a_seam_it_is_the_memory_that_stim_itself_generates(basis, seed):
    import stim

    p, shots = 0.008, 40_000
    ours = logical_error_rate(seam_memory(3, local=p, remote=p, basis=basis), shots=shots, seed=seed)
    generated = stim.Circuit.generated(
        f"surface_code:rotated_memory_{basis.lower()}",
        distance=3,
        rounds=3,
        after_clifford_depolarization=p,
        after_reset_flip_probability=p,
        before_measure_flip_probability=p,
        before_round_data_depolarization=p,
    )
    theirs = logical_error_rate(generated, shots=shots, seed=seed + 1)
    # Five standard deviations of a difference of two rates near .05, and another order of the gates.
    assert abs(ours - theirs) < 5 * np.sqrt(2 * 0.05 / shots) + 0.1 * theirs


@pytest.mark.parametrize(("distance", "published"), [(3, 0.026), (5, 0.018), (7, 0.009)])
def test_memory_across_a_seam_meets_the_published_figures(distance, published, seed):
    shots = 20_000
    found = logical_error_rate(seam_memory(distance, local=1e-3, remote=0.05), shots=shots, seed=seed)
    # Five standard deviations of ours, and theirs to half a digit and some per cent of its own sampling.
    assert abs(found - published) < 5 * np.sqrt(published / shots) + 0.0005 + 0.05 * published


@pytest.mark.parametrize(("local", "below", "above"), [(1e-3, 0.06, 0.2), (3e-3, 0.05, 0.17), (5e-3, 0.015, 0.14)])
def test_distances_change_places_where_published(local, below, above, seed):
    # Crossings near .10–.15, .08–.12 and .03–.10: on either side of them, certainly.
    scan = threshold_scan((3, 7), (below, above), local=local, shots=6_000, seed=seed)
    assert scan.crossings == ((below, above),)


def test_without_matching_it_is_said_what_needs_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pymatching", None)
    with pytest.raises(ModuleNotFoundError, match=r"logical_error_rate needs PyMatching, .*\[qec\]'\)$"):
        logical_error_rate(seam_memory(3, local=1e-3, remote=0.01), shots=100)


def test_crossings_are_told_only_where_they_are_certain():
    def rates(*wrong):
        return tuple(binomial_estimate(k, 10_000) for k in wrong)

    strengths = np.array([0.1, 0.2, 0.3])
    scan = ThresholdScan(
        0.0, (3, 5, 7), strengths, (rates(500, 900, 1500), rates(300, 905, 2000), rates(299, 906, 1990)), 10_000
    )
    assert scan.crossings == ((0.1, 0.3), None)


def test_a_scan_repeats_itself_and_is_drawn(seed):
    a, b = (threshold_scan((3,), (0.1, 0.05), local=1e-3, shots=500, seed=seed) for _ in range(2))
    assert a.rates == b.rates
    assert a.remote.tolist() == [0.05, 0.1]
    axes = a.plot()
    assert axes.get_xlabel()
    assert "sampled, 500 tries" in axes.get_title()


def test_surgery_across_a_worse_seam_makes_worse_pairs(seed):
    rates = [
        logical_error_rate(lattice_surgery(3, local=1e-3, remote=q, basis="X"), shots=10_000, seed=seed)
        for q in (0.01, 0.05, 0.15)
    ]
    assert rates[0].high < rates[1].low < rates[1].high < rates[2].low


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"distance": 4}, "distance must be odd"),
        ({"distance": 1}, "at least 3"),
        ({"local": 0.7}, "local must be"),
        ({"remote": -0.1}, "remote must be"),
        ({"rounds": 0}, "rounds must be"),
        ({"basis": "Y"}, "basis must be one of X, Z"),
    ],
)
@pytest.mark.parametrize("experiment", [seam_memory, lattice_surgery])
def test_impossible_experiments_are_refused(experiment, arguments, words):
    with pytest.raises(ValueError, match=words):
        experiment(**{"distance": 3, "local": 1e-3, "remote": 1e-2, **arguments})


# --- distill or encode


def test_options_are_what_their_links_are():
    link = ql.ElementaryLink(A, B, fidelity=0.95)
    options = distill_or_encode(link, 10)
    assert [option.name for option in options.distilled] == ["as it is", "dejmps ×1", "dejmps ×2", "dejmps ×3"]
    assert [option.name for option in options.encoded] == [
        "five_qubit",
        "steane",
        "surface:3",
        "dejmps ×1, then five_qubit",
    ]
    assert all(option.pairs <= 10 for option in options)
    for option in options:
        assert option.fidelity == ql.evaluate(option.link).fidelity
        assert option.rate_hz is None
    twice = options.distilled[1]
    assert twice.spent == pytest.approx(2 / ql.evaluate(ql.purify(link, link)).success_probability, rel=1e-12)
    assert options.encoded[0].spent == 5
    assert options.best is max(options, key=lambda option: option.fidelity)


def test_what_is_best_depends_on_budget_and_link():
    def answer(fidelity, budget, **more):
        return distill_or_encode(ql.ElementaryLink(A, B, fidelity=fidelity), budget, **more).answer

    assert answer(0.95, 1) == "neither"
    assert answer(0.95, 16) == "distill"
    # Against bit flips alone, a code of the right kind needs no second kind of check.
    flips = ql.ElementaryLink(A, B, bell_diagonal=(0.95, 0, 0.05, 0))
    options = distill_or_encode(flips, 3, codes=["repetition_z:3"], protocol="bbpssw")
    assert options.answer == "encode"
    assert options.best.fidelity == pytest.approx(0.95**3 + 3 * 0.95**2 * 0.05, rel=1e-12)


def test_in_time_messages_and_memories_count():
    memory = ql.Memory(t2_s=0.01)
    nodes = [ql.Node(name, memory=memory) for name in "ab"]
    link = ql.ElementaryLink(*nodes, ql.Fiber(100), fidelity=0.97, success_probability=0.9, attempt_time_s=1e-5)
    options = distill_or_encode(link, 5, codes=["five_qubit"])
    encoded = options.best_encoded
    assert encoded.fidelity < encoded.state.fidelity
    assert encoded.rate_hz == pytest.approx(ql.forecast(encoded.link).rate_hz)
    assert options.answer == "neither"


def test_budgets_and_codes_that_cannot_be_are_refused():
    link = ql.ElementaryLink(A, B, fidelity=0.95)
    with pytest.raises(ValueError, match="budget must be"):
        distill_or_encode(link, 0)
    with pytest.raises(ValueError, match="did you mean 'steane'"):
        distill_or_encode(link, 9, codes=["stean"])
    assert distill_or_encode(link, 4).best_encoded is None
