"""Jobs on simulators of this machine: fakes in the runtime's local mode, Aer, samplers, sessions; commands."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import (
    BackendSamplerV2,
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    SamplerPubResult,
    StatevectorSampler,
)
from qiskit.providers.fake_provider import GenericBackendV2
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.execution.jobs import (
    Comparison,
    JobFailed,
    JobFileError,
    JobLost,
    Limits,
    Patience,
    resume,
    submit,
)
from quantumlink.execution.jobs.job_file import JobFile
from quantumlink.execution.jobs.local_runs import found_run
from quantumlink.execution.jobs.readers import register_reader
from quantumlink.execution.preparation import NotSubmittable, predict, prepare
from quantumlink.parts import forget

pytestmark = pytest.mark.filterwarnings("ignore")

QUICK = Patience(first_s=0.01, poll_s=0.05)
ALICE, RELAY, BOB = ql.Node("alice"), ql.Node("relay"), ql.Node("bob")
LINK = ql.swap(ql.ElementaryLink(ALICE, RELAY), ql.ElementaryLink(RELAY, BOB))


@pytest.fixture
def device():
    return GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=3)


@dataclass(frozen=True)
class Coins:
    """The least that a session can be: it counts how often each angle gives 1."""

    angles: tuple

    def circuits(self):
        made = QuantumCircuit(1)
        made.rx(Parameter("angle"), 0)
        made.measure_all()
        return [(made, np.array(self.angles)[:, None], 30)]

    def analyse(self, result):
        return result[0].data.meas.to_bool_array(order="little").mean(axis=(-1, -2)).tolist()

    def to_dict(self):
        return {"angles": list(self.angles)}

    @classmethod
    def from_dict(cls, data):
        return cls(tuple(data["angles"]))


@pytest.mark.parametrize(
    "sampler", [StatevectorSampler(seed=1), ql.ExactSampler(seed=1)], ids=lambda s: type(s).__name__
)
def test_any_sampler(sampler, tmp_path):
    job = submit(LINK, sampler, shots=50, directory=tmp_path, patience=QUICK, limits=Limits(shots=20))
    samples = job.samples()
    assert samples.shots == {"XX": 50, "YY": 50, "ZZ": 50}
    assert samples.fidelity().best == 1.0  # ideal: every outcome is certain
    assert job.status() == "done"
    assert resume(job.path).samples() == samples


def test_aer_without_a_device(tmp_path):
    from qiskit_aer import AerSimulator

    job = submit(LINK, AerSimulator(), shots=50, bases=["ZZ"], directory=tmp_path, patience=QUICK, seed=1)
    assert job.samples().qber("Z").best == 0.0


def test_a_fake_device_in_local_mode_is_compared_with_its_prediction(tmp_path):
    fakes = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    fake = fakes.FakeManilaV2()
    prepared = prepare(ql.compose(LINK), fake, seed=1)
    job = submit(prepared, fake, shots=2000, directory=tmp_path, patience=QUICK, seed=2)
    comparison = Comparison(job.samples(), predict(prepared))
    lines = {line.name: line for line in comparison.lines()}
    assert list(lines) == ["fidelity to Φ⁺", "⟨XX⟩", "⟨YY⟩", "⟨ZZ⟩", "acceptance"]
    assert lines["fidelity to Φ⁺"].ideal.best == pytest.approx(1.0)
    # Each of the three terms, ±1 with weight 1/4, has 2000 runs: Hoeffding at 1e-6 / 3 gives √(2 ln(6e6) / 2000) =
    # 0.125 for it, 0.094 for the fidelity. The rest is that the noise is modeled twice, by Aer and by us.
    measured, predicted = lines["fidelity to Φ⁺"].measured.best, lines["fidelity to Φ⁺"].predicted.best
    assert measured < 0.97
    assert abs(measured - predicted) < 0.12
    assert "predicted" in str(comparison)
    assert comparison._repr_html_().count("<tr>") == 6
    assert comparison.table().row_count == 5
    record = job.record
    assert (record.where.kind, record.where.backend, record.layout) == ("local", fake.name, prepared.layout)


def test_the_same_seed_gives_the_same_counts(device, tmp_path):
    results = [
        submit(LINK, device, shots=100, directory=tmp_path, patience=QUICK, seed=seed).samples()
        for seed in (5, 5, 6)
    ]
    assert results[0] == results[1]
    assert results[0].outcomes != results[2].outcomes


ELSEWHERE = """
import os, sys
import quantumlink as ql
from qiskit.providers.fake_provider import GenericBackendV2
device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=3)
link = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
job = ql.submit(link, device, shots=50, directory=sys.argv[1], seed=1)
print(job.path, flush=True)
if sys.argv[2] == "killed":
    os._exit(9)
"""


def submitted_elsewhere(folder, end):
    """The file of a job that another process submitted, and did not read before its end."""
    command = [sys.executable, "-c", ELSEWHERE, str(folder), end]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout.strip()


def test_a_local_job_ends_with_a_killed_process(device, tmp_path):
    path = submitted_elsewhere(tmp_path, "killed")
    gone = resume(path, patience=QUICK)
    assert gone.status() == "lost"
    with pytest.raises(JobLost, match="rerun=True"):
        gone.result()
    lost = run("result", path)
    assert lost.exit_code == 1
    assert "rerun=True" in lost.output
    with pytest.raises(ValueError, match="backend="):
        resume(path, rerun=True, patience=QUICK)
    again = resume(path, rerun=True, backend=device, patience=QUICK)
    assert again.samples().shots["XX"] == 50
    assert resume(path).samples() == again.samples()


def test_what_nobody_read_is_stored_at_the_end_of_the_process(device, tmp_path):
    told = resume(submitted_elsewhere(tmp_path, "ended"))
    assert told.status() == "done"
    here = submit(
        ql.ElementaryLink(ALICE, BOB), device, shots=50, directory=tmp_path / "here", patience=QUICK, seed=1
    )
    assert told.samples() == here.samples()


def test_another_device_does_not_run_what_was_lost(device, tmp_path):
    path = submitted_elsewhere(tmp_path, "killed")
    before = JobFile(Path(path)).read()
    other = GenericBackendV2(7, seed=3)
    with pytest.raises(ValueError, match="prepared for generic_backend_5q, they cannot run on generic_backend_7q"):
        resume(path, rerun=True, backend=other)
    assert JobFile(Path(path)).read() == before
    sampler = BackendSamplerV2(backend=device)
    assert resume(path, rerun=True, backend=sampler).samples().shots["ZZ"] == 50


def test_a_negative_time_to_wait(tmp_path):
    job = submit(LINK, ql.ExactSampler(seed=1), shots=10, directory=tmp_path, patience=QUICK)
    with pytest.raises(ValueError, match="timeout_s must be"):
        job.result(timeout_s=-1)


def test_a_run_of_this_process_is_found_by_its_file(device, tmp_path):
    """As the design says: submit, then resume by the path, whether or not the first object is still there."""
    job = submit(ql.compose(LINK), bases=["XX", "YY", "ZZ"], shots=70, backend=device, directory=tmp_path, seed=1)
    path, tag = job.path, job.record.parts[0].tag
    del job
    again = resume(path, rerun=True, backend=device, patience=QUICK)  # not lost, so not run again
    assert again.record.parts[0].tag == tag
    assert again.samples().shots == {"XX": 70, "YY": 70, "ZZ": 70}
    assert found_run(tag) is None
    assert resume(path).samples() == again.samples()


def test_a_local_run_that_fails_says_why(tmp_path):
    class Broken(StatevectorSampler):
        def _run(self, pubs):
            raise RuntimeError("out of order")

    job = submit(LINK, Broken(), shots=10, directory=tmp_path, patience=QUICK)
    with pytest.raises(JobFailed, match="out of order"):
        job.result()
    assert job.record.parts[0].state == "failed"


def test_a_session_of_ones_own(device, tmp_path):
    coins = Coins((0.0, np.pi))
    for machine in (StatevectorSampler(seed=1), device):
        job = submit(coins, machine, directory=tmp_path, patience=QUICK, seed=4)
        low, high = resume(job.path, rerun=True, backend=machine, patience=QUICK).key()
        assert low < 0.3 < 0.7 < high
    with pytest.raises(ValueError, match="a job of a session"):
        job.samples()
    forget(*job.record.reader["part"])
    with pytest.raises(JobFileError, match="register_reader"):
        resume(job.path, rerun=True, backend=device, patience=QUICK).key()
    register_reader(Coins)
    with pytest.raises(TypeError, match="lacks"):
        register_reader(int)


def test_a_parameter_that_the_device_does_not_need(device, tmp_path):
    """A phase before a measurement goes in the transpilation: the columns of the others stay with their names."""

    class Phases(Coins):
        def circuits(self):
            [(plain, table, shots)] = super().circuits()
            made = plain.copy_empty_like()
            made.rx(plain.parameters[0], 0)
            made.rz(Parameter("a_phase"), 0)  # first by name
            made.measure(0, 0)
            assert [parameter.name for parameter in made.parameters] == ["a_phase", "angle"]
            return [(made, np.hstack([np.full_like(table, 0.3), table]), shots)]

    job = submit(Phases((0.0, np.pi)), device, directory=tmp_path, patience=QUICK, seed=4)
    assert [p.name for p in job.record.pubs[0].circuit.parameters] == ["angle"]
    low, high = job.key()
    assert low < 0.3 < 0.7 < high


def test_sessions_of_the_library(tmp_path):
    from quantumlink.qkd.protocols.bbm92_session import BBM92

    session = BBM92(link=LINK, rounds=2000, seed=5)
    job = submit(session, ql.ExactSampler(seed=3), directory=tmp_path, patience=QUICK)
    key = job.key()
    assert key.qber.best == 0.0
    assert resume(job.path).key().report() == key.report()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"program": "x"}, TypeError, "a session with circuits"),
        ({"backend": 3}, TypeError, "backend must be"),
        ({"shots": 0}, ValueError, "shots must be"),
        ({"bases": ["ZA"]}, ValueError, "bases must"),
        ({"hardware": True}, ValueError, "is simulated"),
        ({"options": {"twirling": {}, "no_such": 1}}, ValueError, "options"),
        ({"limits": 3}, TypeError, "limits must be"),
        ({"patience": 3}, TypeError, "patience must be"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"mitigate_readout": "yes"}, TypeError, "mitigate_readout must be True, False or"),
        ({"hardware": 1}, TypeError, "hardware must be True or False"),
    ],
)
def test_bad_input_leaves_no_file(arguments, error, match, device, tmp_path):
    arguments = {"program": LINK, "backend": device, "directory": tmp_path, **arguments}
    with pytest.raises(error, match=match):
        submit(**arguments)
    assert not list(tmp_path.iterdir())


def test_what_is_no_instruction_is_refused(tmp_path):
    """A prepared circuit that was changed afterwards, as the runtime's sampler would take it without a word."""
    from dataclasses import replace

    device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=3)
    prepared = prepare(ql.compose(LINK), device, seed=1)
    circuit = prepared.circuit.copy()
    circuit.h(0)
    with pytest.raises(NotSubmittable, match="'h' is no instruction"):
        submit(replace(prepared, circuit=circuit), device, directory=tmp_path)
    with pytest.raises(ValueError, match="chosen when the program was prepared"):
        submit(prepared, device, bases=["ZZ"], directory=tmp_path)


def test_bad_paths(tmp_path):
    with pytest.raises(FileNotFoundError, match="no job file"):
        resume(tmp_path / "none")
    with pytest.raises(TypeError, match="path must be"):
        resume(3)


# --- the command line


def run(*arguments):
    return CliRunner().invoke(app, ["jobs", *map(str, arguments)], terminal_width=200, env={"COLUMNS": "200"})


def test_the_command_line(tmp_path):
    assert "no jobs" in run("list", "--directory", tmp_path).output
    job = submit(LINK, ql.ExactSampler(seed=1), shots=50, directory=tmp_path, patience=QUICK)
    listed = run("list", "--directory", tmp_path).output
    assert job.record.job in listed
    assert "1 submitted" in listed
    told = run("result", job.record.job[:6], "--directory", tmp_path)
    assert told.exit_code == 0
    assert "fidelity" in told.output
    assert "itigated" not in told.output
    assert "1.0000" in told.output
    middle = run("show", job.record.job[3:9], "--directory", tmp_path)
    assert job.record.job in middle.output
    unknown = run("show", "nosuchjob", "--directory", tmp_path)
    assert unknown.exit_code == 1
    assert "a part of one id; no job fits 'nosuchjob'" in unknown.output
    shown = run("show", job.path).output
    assert job.record.parts[0].tag in shown
    assert "ExactSampler" in shown
    assert "done" in run("cancel", job.path).output  # what is over stays over


def test_the_command_line_shows_mitigated_figures_beside_the_raw_ones(device, tmp_path):
    job = submit(
        LINK,
        device,
        shots=400,
        directory=tmp_path,
        patience=QUICK,
        seed=1,
        mitigate_readout=True,
        bases=["XX", "ZZ"],
    )
    told = run("result", job.path)
    assert told.exit_code == 0
    figures = job.mitigated()
    assert "mitigated [95 %]" in told.output
    for name, raw, mitigated in figures.lines():
        [row] = [line for line in told.output.splitlines() if name in line]
        assert row.index(str(raw)) < row.index(str(mitigated))
    assert figures.note() in told.output.replace("\n", " ")


def test_a_readout_that_cannot_be_inverted_leaves_the_raw_figures(tmp_path):
    class Guesses(BaseSamplerV2):
        """Every bit of every run is a coin."""

        def run(self, pubs, *, shots=None):
            rng = np.random.default_rng(1)
            made = []
            for circuit, table, runs in pubs:
                shape = np.shape(table)[:-1] if table is not None else ()
                made.append((circuit, shape, runs))
            arrays = [
                DataBin(
                    **{
                        r.name: BitArray.from_bool_array(rng.random((*shape, runs, r.size)) < 0.5, order="little")
                        for r in circuit.cregs
                    },
                    shape=shape,
                )
                for circuit, shape, runs in made
            ]
            metadata = [{"circuit_metadata": circuit.metadata} for circuit, _, _ in made]
            results = [SamplerPubResult(a, m) for a, m in zip(arrays, metadata, strict=True)]
            job = PrimitiveJob(lambda: PrimitiveResult(results))
            job._submit()
            return job

    job = submit(LINK, Guesses(), shots=400, directory=tmp_path, patience=QUICK, mitigate_readout=True)
    told = run("result", job.path)
    assert told.exit_code == 0
    assert "Not mitigated: the readout of qubit" in told.output
    assert "fidelity" in told.output


def test_the_command_line_says_what_is_wrong(tmp_path):
    broken = tmp_path / "20260101T000000-ffffffff.job.json"
    broken.write_text("{")
    assert "unreadable" in run("list", "--directory", tmp_path).output
    found = run("show", broken)
    assert found.exit_code == 1
    assert "cut short" in found.output
    assert run("show", "nothing", "--directory", tmp_path).exit_code == 1
    assert run("list", "--directory", tmp_path / "none").exit_code == 1
    assert broken.read_text() == "{"


def test_cancelling_what_was_never_sent(tmp_path):
    job = submit(LINK, ql.ExactSampler(seed=1), shots=10, directory=tmp_path, patience=QUICK)
    JobFile(job.path).update(lambda record: record.with_part(0, state="planned", job_id=None))
    assert "cancelled" in run("cancel", job.path).output
