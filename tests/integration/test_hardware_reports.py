"""Reports of jobs: mitigated beside raw, measured beside predicted, the circuits as files."""

import numpy as np
import pytest
from qiskit import qasm3, qpy
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

import quantumlink as ql
from quantumlink.exact import branches
from quantumlink.execution.jobs import Comparison, Limits, Patience, resume, submit
from quantumlink.execution.preparation import predict, prepare
from quantumlink.qkd import BB84, BBM92
from quantumlink.visualization.hardware import draw_comparison

pytestmark = pytest.mark.filterwarnings("ignore")

SURE = 1 - 1e-7
"""Intervals of this confidence miss the truth with a probability of 1e-7 each, as far as they are normal."""
QUICK = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05)
ALICE, RELAY, BOB = ql.Node("alice"), ql.Node("relay"), ql.Node("bob")
PAIR = ql.ElementaryLink(ALICE, BOB)
SWAPPED = ql.swap(ql.ElementaryLink(ALICE, RELAY), ql.ElementaryLink(RELAY, BOB))
PURIFIED = ql.purify(PAIR, PAIR)
ZERO, ONE = 0.04, 0.11
"""Readout errors of |0⟩ and of |1⟩, of every qubit."""


@pytest.fixture
def misreading():
    """Aer with readout errors and no others."""
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1 - ZERO, ZERO], [ONE, 1 - ONE]]))
    return AerSimulator(noise_model=model)


@pytest.fixture
def device():
    return GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=3)


@pytest.fixture
def run(tmp_path, seed):
    def submitted(what, on, **arguments):
        arguments = {"shots": 4000, "directory": tmp_path, "patience": QUICK, "seed": seed, **arguments}
        return submit(what, on, **arguments)

    return submitted


# --- mitigation, in the same job


def test_a_perfect_pair_that_is_misread(run, misreading):
    """The truth is known: fidelity 1. Raw, the parity of equal bits is a² + c², that of unequal ones a² − c²."""
    job = run(PAIR, misreading, mitigate_readout=True)
    mitigated = job.mitigated()
    a, c = ONE - ZERO, 1 - ONE - ZERO
    for basis, sign in (("XX", 1), ("YY", -1), ("ZZ", 1)):
        assert job.samples().expectation(basis, confidence=SURE).covers(a * a + sign * c * c)
        assert mitigated.expectation(basis, confidence=SURE).covers(sign)
    assert mitigated.raw == job.samples()
    assert not mitigated.raw.fidelity(confidence=SURE).covers(1)
    assert mitigated.fidelity(confidence=SURE).covers(1)
    assert mitigated.fidelity(confidence=SURE).high - 1 < 0.1  # and it says something
    for each in mitigated.errors:  # 4000 runs: Hoeffding, 2 exp(−2·4000·0.05²) = 4e-9
        assert [rate.best for rate in each.rates] == pytest.approx([ZERO, ONE], abs=0.05)


def test_ends_and_all_answer_two_questions(run, misreading):
    """A swap whose frame is misread: with the ends mitigated its own errors stay, with all none do."""
    job = run(ql.compose(SWAPPED, corrections="frame"), misreading, bases=["ZZ"], mitigate_readout=True)
    a, c = ONE - ZERO, 1 - ONE - ZERO
    # ⟨ZZ⟩ needs the frame's one X bit, which is 0 or 1 as often: its misreading takes the parity to a·0 + c.
    assert job.mitigated().expectation("ZZ", confidence=SURE).covers(c)
    assert not job.mitigated().expectation("ZZ", confidence=SURE).covers(1)
    assert job.mitigated(scope="all").expectation("ZZ", confidence=SURE).covers(1)
    even = job.samples().expectation("ZZ", confidence=SURE)
    # Both ends equal up to the frame m: E = Σ_m ½ E[(−1)^frame|m] E[(−1)^ends|m], with the ends even for m = 0.
    assert even.covers(((a + c) * (a * a + c * c) + (a - c) * (a * a - c * c)) / 2)


def test_heralds_that_are_misread(run, misreading):
    """A perfect pair purified by a perfect one: every run should be accepted; 00 and 11 are read as even or not."""
    job = run(PURIFIED, misreading, bases=["ZZ"], mitigate_readout=True)
    kept = ((1 - ZERO) ** 2 + ZERO**2 + (1 - ONE) ** 2 + ONE**2) / 2
    account = job.mitigated().post_selection(confidence=SURE)
    assert abs(account.accepted - kept) < 0.05  # Hoeffding: 2 exp(−2·4000·0.0025) = 4e-9
    assert account.acceptable.covers(1)
    assert account.wrongly_accepted.covers(0)
    assert account.wrongly_refused.covers(1 - kept)
    assert account.runs == 4000


def test_a_fake_is_mitigated_towards_what_it_would_be(run):
    """FakeManila: the mitigated figures are those that its noise without the ends' readout errors predicts."""
    fakes = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    fake = fakes.FakeManilaV2()
    job = run(prepare(ql.compose(PAIR), fake, seed=1), fake, mitigate_readout=True)
    prepared = prepare(ql.compose(PAIR), fake, seed=1)
    model = NoiseModel.from_backend(fake, readout_error=False)
    perfectly_read = predict(prepared, noise_model=model)
    mitigated = job.mitigated()
    for basis in ("XX", "YY", "ZZ"):
        assert mitigated.expectation(basis, confidence=SURE).covers(perfectly_read.expectation(basis).best)
    assert not mitigated.raw.fidelity(confidence=SURE).covers(perfectly_read.fidelity().best)


def test_rows_of_random_draws_have_a_calibration_of_the_same_size(run, device):
    link = ql.ElementaryLink(ALICE, BOB, bell_diagonal=(0.9, 0.05, 0.03, 0.02))
    prepared = prepare(ql.compose(link), device, medium="play", randomizations=20, bases=["ZZ"], seed=1)
    mitigated = run(prepared, device, shots=1000, mitigate_readout=True).mitigated()
    assert mitigated.raw.shots == {"ZZ": 1000}
    assert {each.runs for each in mitigated.errors} == {(1000, 1000)}


def test_through_the_service_in_parts(run, tmp_path):
    pytest.importorskip("qiskit_ibm_runtime")
    from oracles.ibm_server import IBMServer

    with IBMServer() as server:
        service = server.service()
        job = run(
            PAIR,
            service.backend("ibm_manila"),
            shots=60,
            mitigate_readout=True,
            limits=Limits(shots=25, executions=90),
        )
        assert len(server.jobs) > 3  # shots in thirds, five rows in halves
        mitigated = resume(job.path, service=service, patience=QUICK).mitigated()
    assert mitigated.fidelity().best == pytest.approx(1)  # this machine has no noise
    assert {each.runs for each in mitigated.errors} == {(60, 60)}
    assert resume(job.path).samples() == mitigated.raw


def test_a_key_is_never_mitigated(run, tmp_path):
    for session in (BB84(medium=ql.Fiber(0), rounds=100, seed=1), BBM92(link=PAIR, rounds=100, seed=1)):
        with pytest.raises(ValueError, match="a key is never mitigated"):
            run(session, ql.ExactSampler(seed=1), shots=None, mitigate_readout=True)
        assert not list(tmp_path.iterdir())
    job = run(session, ql.ExactSampler(seed=1), shots=None)
    with pytest.raises(ValueError, match="a key is never mitigated"):
        job.mitigated()
    assert job.key().qber == 0


def test_without_calibration_nothing_is_mitigated(run):
    job = run(PAIR, ql.ExactSampler(seed=1), shots=50)
    with pytest.raises(ValueError, match="mitigate_readout=True"):
        job.mitigated()


# --- reports and pictures


@pytest.fixture
def reported(run, device):
    prepared = prepare(ql.compose(SWAPPED), device, seed=1)
    job = run(prepared, device, shots=1000, mitigate_readout=True)
    return Comparison(job.samples(), predict(prepared)), job.mitigated()


def test_the_picture_shows_the_figures(reported):
    comparison, mitigated = reported
    figure = draw_comparison(comparison, mitigated=mitigated)
    lines = {line.name: line for line in comparison.lines()}
    corrected = {name: estimate for name, _, estimate in mitigated.lines()}
    drawn = 0
    for axes in figure.axes:
        names = [label.get_text() for label in axes.get_yticklabels()]
        bars = {}
        for container in axes.containers:
            (x,), (y,) = container.lines[0].get_data()
            segment = container.lines[2][0].get_segments()[0]
            bars.setdefault(names[round(y)], []).append((segment[0][0], x, segment[1][0]))
        for name in names:
            true_name, sign = name.removeprefix("−"), -1 if name.startswith("−") else 1
            wanted = [lines[true_name].measured, lines[true_name].predicted]
            wanted += [corrected[true_name]] if true_name in corrected else []
            wanted = [sorted(sign * value for value in estimate) for estimate in wanted]
            assert sorted(map(tuple, wanted)) == pytest.approx(np.array(sorted(bars[name])))
            drawn += len(wanted)
    assert drawn == 3 * 4 + 2
    assert "−⟨YY⟩" in names
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(texts) == {"ideal", "measured", "measured, mitigated", "predicted"}


def test_a_picture_needs_one_measurement(reported, run):
    comparison, mitigated = reported
    other = run(PAIR, ql.ExactSampler(seed=1), shots=50, mitigate_readout=True).mitigated()
    with pytest.raises(ValueError, match="the same measurement"):
        draw_comparison(comparison, mitigated=other)
    with pytest.raises(TypeError, match="a Comparison"):
        draw_comparison(mitigated)
    assert len(draw_comparison(comparison).legends[0].get_texts()) == 3


# --- the circuits as files


@pytest.mark.parametrize("corrections", ["frame", "sequential"])
def test_the_circuits_as_files(corrections, tmp_path):
    device = GenericBackendV2(4, coupling_map=[[0, 1], [1, 2], [2, 3]], control_flow=True, seed=3)
    prepared = prepare(ql.compose(SWAPPED), device, corrections=corrections, seed=1)
    circuits = prepared.circuits()
    assert [circuit.name for circuit in circuits] == ["XX", "YY", "ZZ"]
    (path,) = prepared.export(tmp_path / "all.qpy")
    with path.open("rb") as stream:
        assert qpy.load(stream) == circuits
    texts = prepared.export(tmp_path / "each.qasm")
    assert [path.name for path in texts] == ["each-0.qasm", "each-1.qasm", "each-2.qasm"]
    pytest.importorskip("qiskit_qasm3_import")
    for path, circuit in zip(texts, circuits, strict=True):
        told, wanted = branches(qasm3.loads(path.read_text())), branches(circuit)
        for record in told.keys() | wanted.keys():
            first, second = (float(np.ravel(found.get(record, 0.0))[0]) for found in (told, wanted))
            assert first == pytest.approx(second, abs=1e-9)


def test_a_job_tells_its_circuits(run, device, tmp_path):
    prepared = prepare(ql.compose(PAIR), device, seed=1)
    job = run(prepared, device, shots=50, mitigate_readout=True)
    circuits = job.circuits()
    assert [circuit.name for circuit in circuits] == ["XX", "YY", "ZZ", "readout of 0", "readout of 1"]
    assert circuits[:3] == prepared.circuits()
    assert len(job.export(tmp_path / "job.qasm")) == 5
    session = run(BB84(medium=ql.Fiber(0), rounds=100, seed=1), device, shots=None)
    assert len(session.circuits()) == 8
    assert {circuit.num_parameters for circuit in session.circuits()} == {0}


def test_bad_paths_for_circuits(device, tmp_path):
    prepared = prepare(ql.compose(PAIR), device, seed=1)
    with pytest.raises(ValueError, match=r"must end in .qpy or .qasm"):
        prepared.export(tmp_path / "circuits.txt")
    with pytest.raises(TypeError, match="path must be"):
        prepared.export(3)
    with pytest.raises(FileNotFoundError):
        prepared.export(tmp_path / "nowhere" / "circuits.qpy")
