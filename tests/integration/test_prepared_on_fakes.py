"""Preparation for fake devices of all families: the ISA circuit obeys the target, and means what the program means.

By default each circuit of the library goes to two of the families, and each kind of link to all of them;
``QUANTUMLINK_ALL_FAKES=1`` sends every circuit to every family.

Two circuits are told apart by a random product state before and random directions of measurement after them: the
difference of their outcome probabilities is a polynomial in the angles, and is zero at random ones only if it is
zero everywhere.
"""

import os
import warnings
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister
from qiskit.transpiler import generate_preset_pass_manager
from quantumlink_circuits import builders

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.preparation import compiled, lint, predict, prepare
from quantumlink.execution.preparation.device_noise import small
from quantumlink.execution.preparation.evaluation_order import measured_early
from quantumlink.execution.preparation.prepared import used_qubits
from quantumlink.rewrites import reuse_qubits

runtime = pytest.importorskip("qiskit_ibm_runtime")

FAMILIES = {  # what each stands for
    "FakeSherbrooke": "Eagle: ecr in one direction",
    "FakeTorino": "Heron r1",
    "FakeMarrakesh": "Heron r2",
    "FakeKingston": "Heron r3: only if_else, and measure_2",
    "FakeNighthawk": "a square lattice",
    "FakeMiami": "neither if_else nor reset",
}
MAX_RECORDED_BITS = 11
"""Most bits whose joint probabilities are compared; of larger circuits some qubits are left out, at random."""


@cache
def fake(name):
    from qiskit_ibm_runtime import fake_provider

    if not hasattr(fake_provider, name):
        pytest.skip(f"this runtime has no {name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(fake_provider, name)()


def library_cases():
    everywhere = os.environ.get("QUANTUMLINK_ALL_FAKES")
    names = list(FAMILIES)
    for i, name in enumerate(builders()):
        for family in names if everywhere else {names[i % len(names)], names[(i + 3) % len(names)]}:
            yield name, family


def between_random_directions(circuit, rng):
    """The circuit after a random product state, and measured in random directions."""
    whole = circuit.copy_empty_like()
    record = ClassicalRegister(circuit.num_qubits, "tomography")
    whole.add_register(record)
    for q in range(circuit.num_qubits):
        whole.u(*rng.uniform(0, 2 * np.pi, 3), q)
    whole.compose(circuit, range(circuit.num_qubits), range(circuit.num_clbits), inplace=True)
    for q in range(circuit.num_qubits):
        whole.u(*rng.uniform(0, 2 * np.pi, 3), q)
        whole.measure(q, record[q])
    return whole


def assert_isa(circuit, target):
    """By our lint, and by the runtime's own check."""
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    assert is_isa_circuit(circuit, target) == ""
    lint([(circuit, np.zeros((1, circuit.num_parameters)))], target)


def assert_same_outcomes(first, second, keep):
    a, b = branches(first, keep=keep), branches(second, keep=keep)
    for bits in a.keys() | b.keys():
        assert float(a.get(bits, np.zeros(1))[0]) == pytest.approx(float(b.get(bits, np.zeros(1))[0]), abs=1e-7)


@pytest.mark.parametrize(("name", "family"), sorted(library_cases()))
def test_every_circuit_of_the_library(name, family, rng):
    backend = fake(family)
    circuit = builders()[name]()
    circuit = circuit.assign_parameters(rng.uniform(0.3, 2.8, circuit.num_parameters))
    whole = between_random_directions(circuit, rng)
    result = compiled(whole, backend, seed=1)
    assert_isa(result.circuit, backend.target)
    assert len(set(result.layout)) == len(result.layout) >= circuit.num_qubits
    isa = measured_early(small(result.circuit, used_qubits(result.circuit)))
    own = list(range(circuit.num_clbits))
    room = max(2, MAX_RECORDED_BITS - circuit.num_clbits)
    outputs = circuit.num_clbits + rng.permutation(circuit.num_qubits)[:room]
    assert_same_outcomes(measured_early(whole), isa, [*own, *outputs.tolist()])


def links():
    """Links of one to six hops, with and without purification."""
    for hops in range(1, 7):
        nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
        yield hops, ql.chain([ql.ElementaryLink(a, b, fidelity=0.95) for a, b in pairwise(nodes)])
    nodes = [ql.Node(name) for name in "abc"]
    pairs = [ql.ElementaryLink(a, b, fidelity=0.9) for a, b in pairwise(nodes)]
    yield "purified", ql.chain(pairs, purify_rounds=1)


LINKS = dict(links())


def assert_means_the_same(prepared, expected):
    """Without any noise the ISA circuit, read by its recipe, has the program's own exact state."""
    from qiskit_aer.noise import NoiseModel

    found = predict(prepared, noise_model=NoiseModel(), method="exact").predicted
    assert found.acceptance.best == pytest.approx(expected.success_probability, abs=1e-8)
    for pauli in ("XX", "YY", "ZZ", "IZ", "ZX", "YX"):
        told = found.expectation(pauli).best
        assert told == pytest.approx(expected.expectation(pauli), abs=1e-7), pauli


BASES = ["XX", "YY", "ZZ", "ZX", "YX"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("which", LINKS)
def test_links_in_their_best_lowering(which, family):
    backend = fake(family)
    program = ql.compose(LINKS[which])
    prepared = prepare(program, backend, bases=BASES, seed=1)
    assert_isa(prepared.circuit, backend.target)
    assert prepared.corrections == "frame"
    assert set(prepared.physical_qubits) >= set(prepared.layout)
    assert prepared.plain_cost is None or prepared.cost.two_qubit_gates <= prepared.plain_cost.two_qubit_gates
    assert_means_the_same(prepared, ideal_state(which))
    if which != "purified":
        # A chain is a line: every node's qubits are neighbors, and nothing is routed.
        assert prepared.cost.two_qubit_gates == 2 * which - 1


@cache
def ideal_state(which, medium="drop"):
    """From the fold over the link, without noise: no circuit that was prepared has a part in it."""
    link = LINKS[which]
    if medium == "play":
        return ql.evaluate(link)
    hops = 2 if which == "purified" else which
    nodes = [ql.Node(name) for name in ("abc" if which == "purified" else [f"n{i}" for i in range(hops + 1)])]
    perfect = [ql.ElementaryLink(a, b) for a, b in pairwise(nodes)]
    return ql.evaluate(ql.chain(perfect, purify_rounds=1 if which == "purified" else 0))


@pytest.mark.parametrize(
    ("family", "corrections"),
    [
        ("FakeSherbrooke", "feedforward"),
        ("FakeTorino", "sequential"),
        ("FakeMarrakesh", "deferred"),
        ("FakeKingston", "feedforward"),
        ("FakeNighthawk", "sequential"),
        ("FakeMiami", "deferred"),
    ],
)
def test_links_in_other_lowerings(family, corrections):
    backend = fake(family)
    for which in (2, 3):
        prepared = prepare(ql.compose(LINKS[which]), backend, bases=BASES, corrections=corrections, seed=1)
        assert prepared.corrections == corrections
        assert_isa(prepared.circuit, backend.target)
        assert_means_the_same(prepared, ideal_state(which))


@pytest.mark.parametrize("family", ["FakeTorino", "FakeMiami"])
def test_a_medium_that_is_played(family):
    backend = fake(family)
    prepared = prepare(ql.compose(LINKS[2]), backend, bases=BASES, medium="play", randomizations=30, seed=1)
    assert_isa(prepared.circuit, backend.target)
    assert_means_the_same(prepared, ideal_state(2, "play"))


@pytest.mark.parametrize("family", ["FakeSherbrooke", "FakeNighthawk"])
def test_a_long_chain_by_clifford_simulation(family, seed):
    """Forty qubits: every run has the parities of a perfect pair, and the exact state is one."""
    backend = fake(family)
    nodes = [ql.Node(f"n{i}") for i in range(21)]
    program = ql.compose(ql.chain([ql.ElementaryLink(a, b, fidelity=0.95) for a, b in pairwise(nodes)]))
    best = prepare(program, backend, bases=BASES, seed=1)
    assert_isa(best.circuit, backend.target)
    assert_means_the_same(best, ideal_state(1))
    for corrections in ("frame", "sequential"):
        # Level 3 may write a Clifford circuit with other gates.
        prepared = prepare(
            program, backend, corrections=corrections, initial_layout=best.layout, optimization_level=1, seed=1
        )
        circuit = small(prepared.circuit, used_qubits(prepared.circuit))
        ((_, table, shots),) = prepared.pubs(200)
        order = [list(prepared.circuit.parameters).index(p) for p in circuit.parameters]
        samples = prepared.samples(CliffordSampler(seed=seed).run([(circuit, table[:, order], shots)]).result())
        assert [samples.expectation(basis).best for basis in ("XX", "YY", "ZZ")] == [1.0, -1.0, 1.0]
        assert samples.shots == {"XX": 200, "YY": 200, "ZZ": 200}


def test_reused_qubits_need_a_reset():
    program = reuse_qubits(ql.compose(LINKS[4]))
    prepared = prepare(program, fake("FakeTorino"), bases=BASES, corrections="sequential", seed=1)
    assert len(prepared.physical_qubits) == 4
    assert_isa(prepared.circuit, fake("FakeTorino").target)
    assert_means_the_same(prepared, ideal_state(4))
    with pytest.raises(UnsupportedOperation, match="no reset: compose the link without reuse_qubits"):
        prepare(program, fake("FakeMiami"))


def test_waiting_memories_stay_delays():
    program = ql.compose(LINKS[1])
    program.circuit.delay(1.0001, 0, unit="us")
    prepared = prepare(program, fake("FakeSherbrooke"), seed=1)
    delays = [i.operation for i in prepared.circuit.data if i.name == "delay"]
    assert [d.unit for d in delays] == ["dt"]
    assert delays[0].duration % 16 == 0
    dt = fake("FakeSherbrooke").target.dt
    assert 0 <= delays[0].duration * dt - 1.0001e-6 == pytest.approx(prepared.delay_rounding_s, abs=1e-15)
    assert "rounded up" in prepared.report()
    still = prepare(ql.compose(LINKS[1]), fake("FakeSherbrooke"), seed=1, initial_layout=prepared.layout)
    assert predict(prepared).fidelity() < predict(still).fidelity()


def test_never_more_gates_than_the_plain_transpilation():
    """Also where no line is long enough: 50 hops, and rings that a heavy hexagon has no room for."""
    backend = fake("FakeTorino")
    nodes = [ql.Node(f"n{i}") for i in range(51)]
    long = ql.compose(ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)]), corrections="frame")
    for program in (long, ql.compose(LINKS["purified"])):
        prepared = prepare(program, backend, corrections="frame", seed=7)
        plain = generate_preset_pass_manager(3, backend=backend, seed_transpiler=7).run(prepared.program.circuit)
        gates = sum(len(i.qubits) == 2 and i.name != "barrier" for i in plain.data)
        assert prepared.cost.two_qubit_gates <= gates


def test_a_local_run_of_the_runtime_is_read(seed):
    """What the runtime's own sampler returns for a PUB of ours, in its local mode, is what `predict` says."""
    from qiskit_ibm_runtime.executor_sampler import Sampler

    backend = fake("FakeManilaV2")
    prepared = prepare(ql.compose(LINKS[2]), backend, seed=1)
    sampler = Sampler(mode=backend)
    sampler.options.simulator.seed_simulator = seed % 2**31
    samples = prepared.samples(sampler.run(prepared.pubs(4_000)).result())
    assert samples.shots == {"XX": 4_000, "YY": 4_000, "ZZ": 4_000}
    from qiskit_aer.noise import NoiseModel

    # The local mode adds no noise to waiting qubits: so is the prediction.
    expected = predict(prepared, noise_model=NoiseModel.from_backend(backend))
    for basis in ("XX", "YY", "ZZ"):
        # Hoeffding for 4,000 shots of ±1: ±0.0852 at 1e-6.
        assert abs(samples.expectation(basis).best - expected.expectation(basis)) < 0.0852


def test_the_same_seed_prepares_the_same():
    program = ql.compose(LINKS["purified"])
    first, second = (prepare(program, fake("FakeTorino"), medium="play", seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.settings(), second.settings())
    row = first.settings()[7]
    assert first.circuit.assign_parameters(row) == second.circuit.assign_parameters(row)
    assert first.layout == second.layout


def test_too_long_a_link_is_told_what_would_fit():
    program = ql.compose(LINKS[4])
    backend = fake("FakeManilaV2")
    with pytest.raises(ValueError, match="it needs 8 qubits, the device has 5") as caught:
        prepare(program, backend)
    assert "up to 2 elementary pairs instead of 4" in str(caught.value)
    assert "reuse_qubits=True), on 4 qubits" in str(caught.value)
    assert prepare(reuse_qubits(program), backend, corrections="sequential").circuit.num_qubits == 5


def test_wrong_backends_and_arguments():
    from qiskit_aer import AerSimulator

    program = ql.compose(LINKS[1])
    with pytest.raises(TypeError, match="backend must be a BackendV2"):
        prepare(program, "ibm_torino")
    with pytest.raises(ValueError, match="use sample"):
        prepare(program, AerSimulator())
    played = prepare(program, AerSimulator.from_backend(fake("FakeManilaV2")), seed=1)
    assert_isa(played.circuit, fake("FakeManilaV2").target)
    backend = fake("FakeManilaV2")
    of_link, of_program = (prepare(what, backend, seed=1).circuit for what in (LINKS[1], program))
    assert of_link.count_ops() == of_program.count_ops()
    with pytest.raises(TypeError, match="program must be"):
        prepare("a link", backend)
    with pytest.raises(ValueError, match="2 different physical qubits below 5"):
        prepare(program, backend, initial_layout=[0, 5])
    with pytest.raises(ValueError, match=r"did you mean 'frame'"):
        prepare(program, backend, corrections="frames")
    with pytest.raises(ValueError, match="bases must be two-letter labels"):
        prepare(program, backend, bases=["Z"])
    with pytest.raises(UnsupportedOperation, match="corrections='sequential' is impossible on fake_miami"):
        prepare(ql.compose(LINKS[2]), fake("FakeMiami"), corrections="sequential")
    with pytest.raises(ValueError, match="options must be those of the runtime"):
        prepare(program, backend, options={"dynamical_decouplin": {}})
    kept = prepare(program, backend, options={"dynamical_decoupling": {"enable": True}})
    assert kept.options == {"dynamical_decoupling": {"enable": True}}


def test_the_layout_is_kept_and_drawn():
    prepared = prepare(ql.compose(LINKS[2]), fake("FakeManilaV2"), initial_layout=[3, 2, 1, 0], seed=1)
    assert prepared.layout == (3, 2, 1, 0)
    assert prepared.origin == "given"
    axes = prepared.draw().get_axes()[0]
    assert axes.get_title() == "n0 – n2 on fake_manila"
    assert sum(line.get_linewidth() == 4 for line in axes.lines) == 3
    assert "n0 – n2 on fake_manila" in prepared._repr_html_()
