"""A distributed circuit on one device cut into processors, beside the circuit as it was."""

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import NoiseModel

import quantumlink as ql
from quantumlink.distributed import crossings, layout_on
from quantumlink.execution.preparation import slice_device

LINE = [way for a in range(8) for way in ((a, a + 1), (a + 1, a))]


@pytest.fixture
def backend():
    return GenericBackendV2(9, coupling_map=LINE, seed=1, control_flow=True)


def over_two(fidelity):
    """A GHZ state of five."""
    nodes = [ql.Node("a", qubits=3, communication=1), ql.Node("b", qubits=2, communication=1)]
    network = ql.Network(nodes, [ql.ElementaryLink(*nodes, fidelity=fidelity)])
    circuit = QuantumCircuit(5)
    circuit.h(0)
    for i in range(4):
        circuit.cx(i, i + 1)
    return ql.distribute(circuit, network, placement=dict(enumerate("aaabb")), budget_s=0)


def test_the_pair_is_made_at_the_cut_and_nothing_else_crosses_it(backend):
    parts = slice_device(backend, {"a": 5, "b": 4})
    d = over_two(0.95)
    layout = layout_on(d, parts)
    assert len(set(layout)) == d.circuit.num_qubits
    for place, index in d.built.qubit_of.items():
        assert layout[index] in parts["ab"[place.node]].qubits
    options = {"initial_layout": layout, "bases": ["ZZZZZ"], "seed": 1}
    for corrections in ("frame", "feedforward"):
        prepared = ql.prepare(d.program, backend, corrections=corrections, **options)
        assert crossings(prepared.circuits()[0], parts) == {("a", "b"): d.ebits}
    whole = ql.prepare(d.whole, backend, bases=["ZZZZZ"], seed=1, initial_layout=range(2, 7))
    assert sum(crossings(whole.circuits()[0], parts).values()) >= 1


def test_it_runs_beside_the_circuit_as_it_was(backend, seed, tmp_path):
    """Predicted and run: worse than the circuit as it was, and worse by what the link does where that is played."""
    parts = slice_device(backend, {"a": 5, "b": 4})
    d = over_two(0.5)
    options = {"initial_layout": layout_on(d, parts), "corrections": "frame", "bases": ["XXXXX"], "seed": 1}
    bare = ql.prepare(d.program, backend, medium="drop", **options)
    played = ql.prepare(d.program, backend, medium="play", randomizations=200, **options)
    whole = ql.prepare(d.whole, backend, bases=["XXXXX"], seed=1)
    expected = [ql.predict(p, method="exact").expectation("XXXXX") for p in (whole, bare)]
    assert expected[0] > expected[1] > 0.8
    # A Werner pair turns what is measured along X around with the probability 2(1 − F)/3. Over 200 draws the mean
    # is off by .38 less often than once in a million (Hoeffding); without the noise it would be off by .6.
    scale = 1 - 2 * 2 * (1 - 0.5) / 3
    job = ql.submit(played, backend, shots=2000, seed=seed, directory=tmp_path)
    found = ql.resume(job.path).samples().expectation("XXXXX")
    assert found.best == pytest.approx(expected[1] * scale, abs=0.39)


@pytest.mark.parametrize("fidelity", [0.5, 0.7, 0.95])
def test_the_links_noise_is_on_what_crosses_the_cut_and_nothing_else(backend, fidelity):
    """Nothing else errs: a Werner pair keeps (4F − 1)/3 of every correlation over the cut, exactly."""
    d = over_two(fidelity)
    layout = layout_on(d, slice_device(backend, {"a": 5, "b": 4}))
    played = ql.prepare(
        d.program,
        backend,
        medium="play",
        initial_layout=layout,
        corrections="frame",
        bases=["XXXXX", "ZZZZZ"],
        seed=1,
    )
    found = ql.predict(played, noise_model=NoiseModel(), method="exact")
    for pauli, crosses in (("XXXXX", True), ("IZZII", True), ("ZIIIZ", True), ("IIIZZ", False), ("ZZIII", False)):
        kept = (4 * fidelity - 1) / 3 if crosses else 1.0
        assert found.expectation(pauli).best == pytest.approx(kept, abs=1e-9), pauli


def test_processors_that_do_not_fit_are_refused(backend):
    d = over_two(0.9)
    with pytest.raises(ValueError, match="one for node 'b', it has a"):
        layout_on(d, slice_device(backend, {"a": 5}))
    with pytest.raises(ValueError, match="node 'a' needs 4 qubits with those for pairs, its processor has 3"):
        layout_on(d, slice_device(backend, {"a": 3, "b": 3}))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda d, parts: layout_on(None, parts), "distribution must be what distribute returned, got None"),
        (lambda d, parts: layout_on(d, None), "processors must be a mapping .*, got None"),
        (lambda d, parts: layout_on(d, parts | {"b": 4}), "processors.'b'. must be a VirtualProcessor .*, got 4"),
        (lambda d, parts: layout_on(d, {}), "processors must have one for node 'a', it has none"),
        (lambda d, parts: crossings(None, parts), "circuit must be a prepared circuit, got None"),
        (lambda d, parts: crossings(d.circuit, ["a"]), "processors must be a mapping"),
    ],
)
def test_what_is_no_processor_is_refused(backend, ask, said):
    with pytest.raises((TypeError, ValueError), match=said):
        ask(over_two(0.95), slice_device(backend, {"a": 5, "b": 4}))
