"""Dry runs, seconds and budgets, through IBM's own client against a loopback server."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles.ibm_server import MOCK_ESTIMATE_S, MOCK_LATENCY_DT, IBMServer
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli.jobs import app
from quantumlink.execution.jobs import JobFileError, Limits, Patience, TooExpensive, resume, submit
from quantumlink.execution.jobs.job_file import JobFile
from quantumlink.execution.preparation import predict, prepare

pytestmark = pytest.mark.filterwarnings("ignore")

RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=3)


@pytest.fixture
def backend(server):
    return server.service().backend("ibm_manila")


@pytest.fixture(scope="module")
def prepared():
    with IBMServer() as there:
        return prepare(ql.compose(LINK), there.service().backend("ibm_manila"), corrections="feedforward", seed=1)


def test_a_dry_run_times_and_measures_nothing(server, backend, prepared, tmp_path):
    job = submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE, dry_run=True)
    [there] = server.jobs.values()
    assert there["backend"] == "mock_manila"
    again = resume(job.path, service=server.service(), patience=PATIENCE)
    timing = again.timing()
    assert timing.feedforward_latency_s == pytest.approx(MOCK_LATENCY_DT * backend.target.dt)
    # Everything one after the other in the server's schedule: so many instructions of 100 dt, measurements 5,000.
    circuit = prepared.circuit
    measured = circuit.count_ops()["measure"]
    blocks = circuit.count_ops()["if_else"]
    wanted = 100 * (len(circuit.data) - measured) + 5000 * measured + MOCK_LATENCY_DT * blocks
    assert timing.durations_s == (pytest.approx(wanted * backend.target.dt),)
    for read in (again.result, again.samples):
        with pytest.raises(ValueError, match="dry run"):
            read()
    assert again.usage_s() == 0.0
    told = CliRunner().invoke(app, ["result", str(job.path)], env={"COLUMNS": "200"}).output
    assert "feed-forward latency" in told
    assert f"{timing.feedforward_latency_s * 1e6:.4g} µs" in told


def test_estimate_and_scheduler_stand_side_by_side(server, backend, prepared, tmp_path):
    """Of several parts, too: each circuit once, seconds by the rule with the times of the scheduler's."""
    arguments = {"shots": 600, "directory": tmp_path, "patience": PATIENCE, "mitigate_readout": True}
    job = submit(prepared, backend, dry_run=True, limits=Limits(shots=200), **arguments)
    timing = job.timing()
    assert len(server.jobs) == 3
    assert len(timing.durations_s) == len(timing.assumed_s) == 3  # the program, and two circuits of its calibration
    assert timing.assumed_s[0] == pytest.approx(prepared.cost.duration_s)
    assert timing.assumed_latency_s == prepared.latency_s
    assert timing.estimated_qpu_s == 3 * MOCK_ESTIMATE_S
    delay = backend.configuration().default_rep_delay
    runs = (3 * 600, 600, 600)
    by_the_rule = 3 * 2.0 + sum(n * (t + delay) for n, t in zip(runs, timing.durations_s, strict=True))
    assert timing.scheduled_s == pytest.approx(by_the_rule, rel=1e-12)
    assert timing.estimate_s == job.estimate_s != timing.scheduled_s
    assert timing.difference == pytest.approx(by_the_rule / job.estimate_s - 1)
    told = CliRunner().invoke(app, ["result", str(job.path)], env={"COLUMNS": "200"}).output
    for seconds in (timing.estimate_s, timing.scheduled_s):
        assert f"{seconds:.4g} s" in told
    for length in (*timing.assumed_s, *timing.durations_s):
        assert f"{length * 1e6:.4g} µs" in told


def test_a_difference_in_seconds_is_told(server, backend, prepared, tmp_path):
    """With hardly any delay between executions the circuits are what costs, and the mock has its own times."""
    options = {"execution": {"rep_delay": 1e-6}}
    job = submit(
        prepared, backend, shots=100_000, directory=tmp_path, patience=PATIENCE, dry_run=True, options=options
    )
    with pytest.warns(UserWarning, match=r"were estimated, .* by the scheduler's times"):
        timing = job.timing()
    assert abs(timing.difference) > 0.05


def test_the_estimate_assumes_the_latency_of_the_preparation(backend, tmp_path):
    delay = backend.configuration().default_rep_delay
    for latency_s in (0.0, 50e-6):
        prepared = prepare(LINK, backend, corrections="feedforward", seed=1, feedforward_latency_s=latency_s)
        job = submit(prepared, backend, shots=1000, directory=tmp_path, patience=PATIENCE)
        assert prepared.cost.duration_s > latency_s
        assert job.estimate_s == pytest.approx(2.0 + 3000 * (prepared.cost.duration_s + delay), rel=1e-12)


def test_forged_times_are_refused(backend, prepared, tmp_path):
    job = submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE, dry_run=True)
    job.timing()
    whole = job.record
    for changes in (
        {"timing": {"durations_s": [1e-6, 2e-6], "feedforward_latency_s": None}},
        {"timing": {"durations_s": ["1 µs"], "feedforward_latency_s": None}},
        {"timing": {"feedforward_latency_s": None}},
        {"assumed": {"lengths_s": 3, "latency_s": 0.0}},
    ):
        JobFile(job.path).update(lambda _, changes=changes: replace(whole, **changes))
        with pytest.raises(JobFileError, match="no times that can be read"):
            job.timing()


def test_a_faster_measurement_in_the_middle_is_sent_and_timed(tmp_path):
    """Program and calibration are measured by it, over the wire, from the file, and on the mock."""
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    with IBMServer(names=("ibm_kingston",)) as there:
        backend = there.service().backend("ibm_kingston")
        found = prepare(LINK, backend, corrections="feedforward", seed=1, spectators=True)
        assert set(found.measured_by.values()) == {"measure_2"}
        arguments = {"shots": 60, "directory": tmp_path, "patience": PATIENCE}
        job = submit(found, backend, mitigate_readout=True, **arguments)
        converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
        [sent] = [told["params"] for told in there.jobs.values()]
        program, _ = converter.decoder(converter.model.model_validate(sent))
        counts = [item.circuit.count_ops() for item in program.items]
        assert [count["measure_2"] for count in counts] == [2, 2, 2]
        assert counts[0]["measure"] == 2 + len(found.spectators)
        again = resume(job.path, service=there.service(), patience=PATIENCE)
        assert again.samples().fidelity().best == again.mitigated().fidelity().best == 1.0
        assert again.quiet_runs().kept.best == 1.0
        timing = submit(found, backend, dry_run=True, **arguments).timing()
        assert timing.feedforward_latency_s == pytest.approx(MOCK_LATENCY_DT * backend.target.dt)


def test_the_measured_latency_replaces_the_assumed_one(server, backend, prepared, tmp_path):
    timing = submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE, dry_run=True).timing()
    latency = timing.feedforward_latency_s
    assert latency < prepared.latency_s
    measured = prepare(ql.compose(LINK), backend, corrections="feedforward", seed=1, feedforward_latency_s=latency)
    told = [predict(prepared), predict(prepared, feedforward_latency_s=latency), predict(measured)]
    assert told[0].fidelity().best < told[1].fidelity().best
    if measured.layout == prepared.layout:
        assert told[2].fidelity().best == pytest.approx(told[1].fidelity().best, abs=1e-9)


def test_a_simulation_has_no_dry_run(prepared, tmp_path):
    from qiskit.providers.fake_provider import GenericBackendV2

    with pytest.raises(ValueError, match="dry_run is the service's"):
        submit(LINK, GenericBackendV2(5, seed=1), directory=tmp_path, dry_run=True)
    assert not list(tmp_path.iterdir())


def test_seconds_before_and_after(server, backend, prepared, tmp_path):
    job = submit(prepared, backend, shots=600, directory=tmp_path, patience=PATIENCE, limits=Limits(shots=200))
    delay = backend.configuration().default_rep_delay
    assert delay == pytest.approx(250e-6)
    # Documented: an overhead of 2 s a job, and of each execution the circuit and the repetition delay.
    assert job.estimate_s == pytest.approx(3 * 2.0 + 1800 * (prepared.cost.duration_s + delay))
    assert job.usage_s() is None
    job.samples()
    assert job.usage_s() == 3.0
    assert JobFile(job.path).read().usage_s == {part.tag: 1.0 for part in job.record.parts}


def test_a_repetition_delay_of_the_users_counts(backend, prepared, tmp_path):
    options = {"execution": {"rep_delay": 100e-6}}
    job = submit(prepared, backend, shots=1000, directory=tmp_path, patience=PATIENCE, options=options)
    assert job.estimate_s == pytest.approx(2.0 + 3000 * (prepared.cost.duration_s + 100e-6))


def test_a_budget_refuses_beforehand(server, backend, prepared, tmp_path):
    arguments = {"shots": 1000, "directory": tmp_path, "patience": PATIENCE}
    with pytest.raises(TooExpensive, match="max_qpu_s=2 allows less"):
        submit(prepared, backend, max_qpu_s=2.0, **arguments)
    assert not list(tmp_path.iterdir())
    assert server.jobs == {}
    with pytest.raises(ValueError, match="max_qpu_s must be"):
        submit(prepared, backend, max_qpu_s=-1, **arguments)
    submit(prepared, backend, max_qpu_s=3.0, **arguments)
    assert len(server.jobs) == 1


def test_the_list_sums_seconds_and_the_file_keeps_the_calibration(server, backend, prepared, tmp_path):
    jobs = [submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE) for _ in range(2)]
    jobs[0].samples()
    out = CliRunner().invoke(app, ["list", "--directory", str(tmp_path)], env={"COLUMNS": "200"}).output
    assert "2 jobs" in out
    assert "1 s used" in out
    known = json.loads(jobs[0].path.read_text())["calibration"]
    assert datetime.fromisoformat(known["calibrated_at"]) == backend.properties().last_update_date.replace(
        microsecond=0
    )
    assert set(known["qubits"]) == {str(q) for q in prepared.physical_qubits}
    assert known["qubits"][str(prepared.layout[0])][0] == backend.properties().t1(prepared.layout[0])
