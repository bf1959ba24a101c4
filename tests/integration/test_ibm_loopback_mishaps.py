"""Copies of a file, deleted jobs, full disks, options that the client refuses: none is lost, none runs twice."""

import errno
import shutil

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles.ibm_server import Fault, IBMServer, connect

import quantumlink as ql
from quantumlink.execution.jobs import JobError, JobFailed, Limits, Patience, collecting, resume, sending, submit
from quantumlink.execution.jobs import job_file as files
from quantumlink.execution.jobs.job_file import JobFile
from quantumlink.execution.preparation import NotSubmittable, prepare

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore::RuntimeWarning")

PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=3)


@pytest.fixture
def prepared(prepared_pair):
    return prepared_pair


@pytest.fixture
def send(service, prepared, tmp_path):
    backend = service.backend("ibm_manila")

    def submitted(**arguments):
        arguments = {"shots": 60, "directory": tmp_path / "jobs", "patience": PATIENCE, **arguments}
        return submit(prepared, backend, **arguments)

    return submitted


@pytest.fixture
def planned(server, send, tmp_path):
    """A file of three parts, none of which was sent."""
    server.plan("POST /jobs", Fault("status", 403))
    with pytest.raises(JobError, match="refuses"):
        send(limits=Limits(shots=20))
    [path] = (tmp_path / "jobs").glob("*.job.json")
    assert {part.state for part in JobFile(path).read().parts} == {"planned"}
    return path


def check(samples):
    assert samples.shots == dict.fromkeys(("XX", "YY", "ZZ"), 60)
    assert samples.fidelity().best == 1.0


def copied(path, name):
    path.parent.with_name(name).mkdir()
    return shutil.copy(path, path.parent.with_name(name) / path.name)


def test_copies_with_planned_parts_submit_once(server, service, planned):
    copies = [copied(planned, name) for name in ("one", "two")]
    for path in (planned, *copies):
        check(resume(path, service=service, patience=PATIENCE).samples())
    assert len(server.jobs) == 3


def test_a_copy_waits_for_a_listing_that_lags(server, service, planned):
    copy = copied(planned, "one")
    first = resume(planned, service=service, patience=PATIENCE)
    server.hidden = 3
    again = resume(copy, service=service, patience=Patience(first_s=0.01, longest_s=0.05, grace_s=2.0, tries=3))
    assert again.ids == first.ids
    assert len(server.jobs) == 3


def test_a_clock_that_is_wrong_makes_nothing_run_twice(server, service, send, tmp_path, monkeypatch):
    """The file says that it was sent long ago, and the listing lags."""
    monkeypatch.setattr(sending, "now", lambda: "2001-01-01T00:00:00.000+00:00")
    server.plan("POST /jobs", Fault("lose"))
    server.plan("GET /jobs", Fault("status", 400))
    with pytest.raises(Exception, match="400"):
        send()
    [path] = (tmp_path / "jobs").glob("*.job.json")
    server.hidden = 3
    check(resume(path, service=service, patience=Patience(first_s=0.01, longest_s=0.05, grace_s=2.0)).samples())
    assert len(server.jobs) == 1


def test_a_deleted_job_runs_again_when_asked(server, service, send):
    job = send(limits=Limits(shots=30))
    del server.jobs["job0001"]
    assert job.status() == "lost"
    with pytest.raises(JobError, match="rerun=True"):
        job.result()
    assert len(server.jobs) == 1
    again = resume(job.path, service=service, patience=PATIENCE, rerun=True)
    check(again.samples())
    assert again.record.parts[0].earlier_ids == ("job0001",)
    assert server.requests.count("POST /jobs") == 3


def test_a_job_of_another_account_is_not_taken_for_a_deleted_one(server, service, send):
    job = send()
    record = job.record
    JobFile(job.path).update(
        lambda r: type(r)(**{**vars(r), "where": type(r.where)(**{**vars(record.where), "account": "0" * 16})})
    )
    del server.jobs["job0001"]
    with pytest.raises(JobError, match="no such job"):
        resume(job.path, service=service, patience=PATIENCE, rerun=True)
    assert server.requests.count("POST /jobs") == 1


def test_the_reason_of_a_cancellation_is_kept(server, service, send):
    job = send()
    server.jobs["job0001"]["state"] = {"status": "Cancelled", "reason": "the reservation has ended"}
    with pytest.raises(JobFailed, match="the reservation has ended"):
        job.result()
    assert job.record.parts[0].reason == "the reservation has ended"


def no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_nothing_from_being_read(server, service, send, monkeypatch):
    job = send(limits=Limits(shots=30))
    with monkeypatch.context() as full:
        full.setattr(files.os, "fsync", no_space)
        with pytest.warns(UserWarning, match=r"could not be stored.*part0"):
            check(job.samples())
        check(job.samples())  # from memory
    assert [part.state for part in job.record.parts] == ["submitted", "submitted"]
    assert not [path for path in job.path.parent.iterdir() if path.suffix in (".npz", ".raw", ".tmp")]
    check(resume(job.path, service=service, patience=PATIENCE).samples())
    assert {part.state for part in job.record.parts} == {"done"}


def test_a_disk_that_fills_between_bits_and_record(server, send, monkeypatch):
    job = send()
    real, written = files.write_durably, []

    def write(path, data):
        written.append(path)
        if path == job.path:
            raise OSError(errno.ENOSPC, "full", str(path))
        real(path, data)

    monkeypatch.setattr(files, "write_durably", write)
    monkeypatch.setattr(collecting, "write_durably", write)
    with pytest.warns(UserWarning, match="could not be stored"):
        check(job.samples())
    assert job.path in written


def test_a_full_disk_names_the_file(send, tmp_path, server, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(OSError, match=r"\.job\.json") as caught:
        send()
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename.endswith(".job.json")
    assert server.jobs == {}


RELAY = ql.Node("relay")
LONG = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))


@pytest.mark.parametrize(
    "options",
    [
        {"dynamical_decoupling": {"enable": True}},
        {"twirling": {"enable_gates": True}},
        {"twirling": {"enable_measure": True}},
    ],
)
def test_options_that_take_no_conditions(server, tmp_path, options):
    from qiskit_ibm_runtime.executor_sampler import Sampler

    with IBMServer(names=("ibm_torino",)) as there:
        backend = there.service().backend("ibm_torino")
        dynamic = prepare(ql.compose(LONG), backend, corrections="feedforward", seed=1)
        with pytest.raises(NotSubmittable, match="takes no circuit with conditions"):
            submit(dynamic, backend, options=options, directory=tmp_path, patience=PATIENCE)
        with pytest.raises(
            ql.exact.UnsupportedOperation if hasattr(ql, "exact") else Exception, match="does not do"
        ):
            prepare(ql.compose(LONG), backend, corrections="feedforward", options=options, seed=1)
        assert not list(tmp_path.iterdir())
        job = submit(LONG, backend, options=options, directory=tmp_path, patience=PATIENCE, shots=60, seed=1)
        assert len(there.jobs) == 1
        assert job.record.options == options
        sampler = Sampler(mode=backend, options=options)
        assert ql.sample(LONG, sampler=sampler, shots=60, seed=1).fidelity().best == 1.0
        pulsed = prepare(LONG, backend, decoupling="XX", corrections="frame", seed=1)
        if "dynamical_decoupling" in options:
            with pytest.raises(ValueError, match=r"pulses of ours .*'XX'.*: take one of them"):
                submit(pulsed, backend, options=options, directory=tmp_path, patience=PATIENCE)


@pytest.mark.parametrize("calibration", [True, "balanced"])
def test_the_calibration_is_twirled_as_the_program_is(server, send, calibration):
    """The runtime's readout twirling, in one job: so what it makes of the errors is what is inverted."""
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    twirl = {"twirling": {"enable_measure": True, "enable_gates": False}}
    job = send(options=twirl, mitigate_readout=calibration)
    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
    program, _ = converter.decoder(converter.model.model_validate(server.jobs["job0001"]["params"]))
    assert len(program.items) == 3
    assert all(hasattr(item, "samplex") for item in program.items)
    found = job.mitigated()
    assert found.fidelity().best == 1.0
    for each in found.errors:  # the client rounds runs up to its number of twirls
        assert each.wrong == (0, 0)
        assert each.runs[0] == each.runs[1] >= (8 * 30 if calibration == "balanced" else 60)


def test_what_the_client_refuses_stays_planned(server, service, send, prepared, tmp_path, monkeypatch):
    """Whatever it is: nothing was sent, so it can be resumed, and neither raises for ever nor runs twice."""
    from qiskit_ibm_runtime.executor_sampler import Sampler

    def refuse(*_, **__):
        raise ValueError("no such thing")

    with monkeypatch.context() as broken:
        broken.setattr(Sampler, "run", refuse)
        with pytest.raises(JobError, match=r"client refuses.*nothing was sent.*no such thing"):
            send()
    [path] = (tmp_path / "jobs").glob("*.job.json")
    [part] = JobFile(path).read().parts
    assert (part.state, part.reason) == ("planned", "no such thing")
    assert server.jobs == {}
    check(resume(path, service=connect(server.url), patience=PATIENCE).samples())
    assert len(server.jobs) == 1


@pytest.mark.parametrize("what", ["GET /backends", "GET /backends/[^/]+/status", "GET /instances/usage"])
def test_trouble_before_the_request_needs_no_search(server, service, send, what):
    server.plan(what, Fault("status", 403), times=1)
    before = server.requests.count("GET /jobs")
    try:
        job = send()
    except JobError:
        return
    check(job.samples())
    assert server.requests.count("GET /jobs") == before
