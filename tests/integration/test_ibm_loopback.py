"""Jobs through IBM's own client against a loopback server: each fault ends in the right result or a clear error."""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles.ibm_server import API_KEY, CRN, Fault, IBMServer, connect
from qiskit_ibm_runtime import Batch, Session
from qiskit_ibm_runtime.executor_sampler import Sampler

import quantumlink as ql
from quantumlink.execution.jobs import (
    BackendNotFound,
    ForeignResult,
    JobError,
    JobFailed,
    JobFileError,
    JobUnfinished,
    Limits,
    NotAuthorized,
    Patience,
    ResultUnreadable,
    ServiceUnavailable,
    resume,
    submit,
)
from quantumlink.execution.jobs.job_file import JobFile
from quantumlink.execution.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore")

LINK = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
LIMITS = Limits(shots=25, executions=40)
PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=4)


@pytest.fixture
def prepared(prepared_pair):
    return prepared_pair


@pytest.fixture
def send(server, service, prepared, tmp_path):
    """Submit the small job, with other arguments if wanted."""
    backend = service.backend("ibm_manila")

    def submitted(what=prepared, on=backend, **arguments):
        arguments = {"shots": 60, "directory": tmp_path, "patience": PATIENCE, **arguments}
        return submit(what, on, **arguments)

    return submitted


def check(samples, shots=60):
    """The link is ideal and the machine noiseless, so that every figure is exact."""
    assert samples.shots == dict.fromkeys(("XX", "YY", "ZZ"), shots)
    assert samples.fidelity().best == 1.0
    assert samples.acceptance.best == 1.0


def posts(server):
    return server.requests.count("POST /jobs")


# --- without faults


def test_a_link_goes_there_and_comes_back(server, service, tmp_path):
    relay = ql.Node("relay")
    link = ql.swap(ql.ElementaryLink(ql.Node("alice"), relay), ql.ElementaryLink(relay, ql.Node("bob")))
    job = submit(
        link, service.backend("ibm_manila"), shots=100, directory=tmp_path, seed=3, hardware=True, patience=PATIENCE
    )
    assert job.path.parent == tmp_path
    assert job.ids == ("job0001",)
    check(job.samples(), 100)
    record = job.record
    assert record.where.backend == "ibm_manila"
    assert len(record.layout) == 4
    assert record.seeds["preparation"] == 3
    assert {"qiskit", "quantumlink", "qiskit-ibm-runtime"} <= set(record.versions)
    assert job.status() == "done"


def test_the_default_arguments_are_those_of_the_design(server, service, tmp_path, monkeypatch):
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(tmp_path / "jobs"))
    job = submit(ql.compose(LINK), bases=["ZZ"], backend=service.backend("ibm_manila"), patience=PATIENCE)
    assert job.path.parent == tmp_path / "jobs"
    assert job.samples().shots == {"ZZ": 4096}


def test_another_process_reads_a_stored_result_without_a_service(server, send):
    job = send()
    check(job.samples())
    before = len(server.requests)
    check(resume(job.path).samples())
    assert len(server.requests) == before


def test_another_machine_has_the_file_alone(server, service, send, tmp_path):
    job = send()
    check(job.samples())
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = folder / "renamed.job.json"
    shutil.copy(job.path, path)
    check(resume(path, service=service, patience=PATIENCE).samples())
    assert posts(server) == 1


def test_a_queue_outlives_the_process(server, service, send):
    server.polls = 10**6
    job = send()
    assert job.status() == "queued"
    with pytest.raises(JobUnfinished, match="goes on"):
        job.samples(timeout_s=0.05)
    again = resume(job.path, service=connect(server.url), patience=PATIENCE)
    server.jobs["job0001"]["polls"] = 2
    check(again.samples())
    assert posts(server) == 1


def test_batch_and_session_stay_the_users(server, service, prepared, tmp_path):
    backend = service.backend("ibm_manila")
    for mode, name in ((Session, "session"), (Batch, "batch")):
        with mode(backend) as opened:
            job = submit(prepared, opened, shots=60, directory=tmp_path, patience=PATIENCE, limits=Limits(shots=30))
            assert (job.record.where.mode, job.record.where.session_id) == (name, opened.session_id)
            assert server.sessions[opened.session_id]["accepting_jobs"]
            assert {server.jobs[i]["session_id"] for i in job.ids} == {opened.session_id}
        assert not server.sessions[opened.session_id]["accepting_jobs"]
        check(resume(job.path, service=service, patience=PATIENCE).samples())


def test_a_sampler_brings_its_options(server, service, prepared, tmp_path):
    sampler = Sampler(mode=service.backend("ibm_manila"))
    sampler.options.environment.job_tags = ["mine"]
    sampler.options.twirling.enable_measure = True
    options = {"max_execution_time": 100}
    job = submit(prepared, sampler, shots=64, directory=tmp_path, patience=PATIENCE, options=options)
    assert server.jobs["job0001"]["tags"] == ["mine", job.record.parts[0].tag]
    assert job.record.options["max_execution_time"] == 100
    check(job.samples(), 64)


def test_too_many_shots_are_split_and_joined(prepared, tmp_path):
    with IBMServer(max_shots=25, max_executions=40) as server:
        backend = server.service().backend("ibm_manila")
        job = submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE, limits=LIMITS)
        assert len(job.ids) == len(server.jobs) == 6  # 3 times 20 shots, and of the 3 rows 2 and 1 in a job
        check(job.samples())
    with IBMServer(max_shots=25) as server:  # which the backend tells
        job = submit(
            prepared, server.service().backend("ibm_manila"), shots=60, directory=tmp_path, patience=PATIENCE
        )
        assert [part.shots for part in job.record.parts] == [20, 20, 20]
        check(job.samples())


# --- faults while submitting


@pytest.mark.parametrize(
    "fault",
    [
        Fault("lose"),
        Fault("cut"),
        Fault("garbage"),
        Fault("status", 500),
        Fault("status", 504, late=True),
        Fault("status", 500, late=True),
        Fault("status", 503, {"Retry-After": "0"}),
        Fault("status", 429, {"Retry-After": "0.05"}),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.code}-{'late' if fault.late else 'early'}",
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_fault_in_submitting_neither_loses_nor_doubles(server, send, fault, times):
    server.plan("POST /jobs", fault, times)
    job = send()
    check(job.samples())
    assert len(server.jobs) == 1
    assert [job["tags"] for job in server.jobs.values()] == [[job.record.parts[0].tag]]


def test_the_service_says_how_long_to_wait(server, send):
    waits = []
    server.plan("POST /jobs", Fault("status", 429, {"Retry-After": "17"}))
    job = send(patience=replace(PATIENCE, sleep=waits.append))
    assert 17.0 in waits
    check(job.samples())


def test_two_who_resume_at_once_submit_once(server, service, send, tmp_path):
    server.plan("POST /jobs", Fault("status", 403))
    with pytest.raises(JobError, match="refuses"):
        send(limits=Limits(shots=20))
    [path] = tmp_path.glob("*.job.json")
    services = [connect(server.url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        jobs = list(pool.map(lambda s: resume(path, service=s, patience=PATIENCE), services))
    assert len(server.jobs) == 3  # the parts, each once
    assert jobs[0].ids == jobs[1].ids == jobs[2].ids
    check(jobs[0].samples())


def test_a_listing_that_lags_is_waited_for(server, send):
    server.plan("POST /jobs", Fault("lose"))
    server.hidden = 3
    job = send(patience=replace(PATIENCE, grace_s=2.0))
    assert posts(server) == 1
    check(job.samples())


def test_a_listing_comes_in_pages(server, service, send):
    """Jobs of others that carry the same tag as a prefix, or no tag, are not taken for ours."""
    server.page = 1
    for _ in range(3):
        send()
    server.plan("POST /jobs", Fault("lose"))
    job = send()
    assert job.ids == ("job0004",)
    assert len(server.jobs) == 4


def test_a_service_that_never_answers_is_given_up_and_resumed(server, service, send, tmp_path):
    server.plan("POST /jobs", Fault("status", 500), times=4)
    with pytest.raises(ServiceUnavailable, match="nothing is lost") as caught:
        send()
    [path] = tmp_path.glob("*.job.json")
    assert str(path) in caught.value.__notes__[0]
    assert JobFile(path).read().parts[0].state == "submitting"
    assert len(server.jobs) == 0
    check(resume(path, service=service, patience=PATIENCE).samples())
    assert len(server.jobs) == 1


def test_too_many_requests_for_too_long(server, service, send, tmp_path):
    server.plan("POST /jobs", Fault("status", 429, {"Retry-After": "0.01"}), times=4)
    with pytest.raises(ServiceUnavailable):
        send()
    [path] = tmp_path.glob("*.job.json")
    assert JobFile(path).read().parts[0].state == "planned"  # refused, so it did not arrive
    check(resume(path, service=service, patience=PATIENCE).samples())


def test_an_expired_token(server, send, tmp_path):
    first = send()
    server.expire()
    with pytest.raises(NotAuthorized, match="401"):
        first.result()
    with pytest.raises(NotAuthorized, match="401"):
        send()
    [path] = set(tmp_path.glob("*.job.json")) - {first.path}
    server.tokens = {"token-2"}
    check(resume(path, service=connect(server.url), patience=PATIENCE).samples())
    check(resume(first.path, service=connect(server.url), patience=PATIENCE).samples())
    assert len(server.jobs) == 2


def test_a_refused_job_says_why_and_stays_planned(service, server, send, tmp_path):
    server.max_executions = 100
    with pytest.raises(JobError, match="180 executions, at most 100"):
        send()
    [path] = tmp_path.glob("*.job.json")
    assert JobFile(path).read().parts[0].state == "planned"
    assert server.jobs == {}


def test_a_closed_session_is_replaced_by_the_users(server, service, prepared, tmp_path):
    backend = service.backend("ibm_manila")
    session = Session(backend)
    server.sessions[session.session_id]["accepting_jobs"] = False
    with pytest.raises(JobError, match="closed"):
        submit(prepared, session, shots=60, directory=tmp_path, patience=PATIENCE)
    [path] = tmp_path.glob("*.job.json")
    with Session(backend) as fresh:
        job = resume(path, service=service, backend=fresh, patience=PATIENCE)
        assert server.jobs[job.ids[0]]["session_id"] == fresh.session_id
    check(job.samples())


# --- faults while waiting


@pytest.mark.parametrize("path", ["/jobs/[^/]+", "/jobs/[^/]+/results"])
@pytest.mark.parametrize(
    "fault",
    [Fault("cut"), Fault("lose"), Fault("status", 500), Fault("status", 429, {"Retry-After": "0"})],
    ids=lambda fault: f"{fault.kind}-{fault.code}",
)
def test_a_fault_in_fetching_is_overcome(server, send, path, fault):
    job = send()
    server.plan(f"GET {path}", fault, times=2 if fault.kind == "cut" else 1)  # the others the client repeats itself
    check(job.samples())
    assert server.faults_left == 0
    assert posts(server) == 1


def test_a_result_that_fails_to_decode_is_kept_and_fetched_again(server, service, send, tmp_path):
    job = send()
    server.plan("GET /jobs/[^/]+/results", Fault("garbage"))
    with pytest.raises(ResultUnreadable, match="kept") as caught:
        job.samples()
    [kept] = tmp_path.glob("*.raw")
    assert str(kept) in str(caught.value)
    assert kept.read_text() == "this is no result"
    check(resume(job.path, service=service, patience=PATIENCE).samples())
    assert not list(tmp_path.glob("*.raw"))


def test_a_result_that_was_kept_is_read_even_if_the_service_forgot_it(server, service, send, tmp_path):
    job = send()
    server._results("job0001", None, None) if job.status() == "done" else None
    text = server.jobs["job0001"]["result"]
    JobFile(job.path).beside(0, ".12345678.raw").write_text(text)  # as if killed between fetching and decoding
    del server.jobs["job0001"]
    check(resume(job.path, service=service, patience=PATIENCE).samples())


def test_a_failed_job_says_why_and_can_be_run_again(server, service, send):
    job = send(limits=Limits(shots=30))
    server.jobs["job0002"]["state"] = {"status": "Failed", "reason": "the fridge was warm", "reason_code": 9999}
    with pytest.raises(JobFailed, match="the fridge was warm"):
        job.samples()
    assert job.status() == "failed"
    assert [part.state for part in job.record.parts] == ["done", "failed"]
    again = resume(job.path, service=service, patience=PATIENCE, rerun=True)
    check(again.samples())
    assert again.record.parts[1].earlier_ids == ("job0002",)
    assert posts(server) == 3


def test_cancelling(server, service, send):
    server.polls = 10**6
    job = send(limits=Limits(shots=30))
    server.jobs["job0001"]["state"] = {"status": "Completed"}
    assert job.cancel() == "cancelled"
    assert server.jobs["job0002"]["state"]["status"] == "Cancelled"
    with pytest.raises(JobFailed, match="it was cancelled"):
        job.result()
    assert [part.state for part in job.record.parts] == ["done", "cancelled"]
    with pytest.raises(JobFailed):
        resume(job.path, service=service, patience=PATIENCE).result()
    assert posts(server) == 2  # a cancelled part is not submitted again unasked


def test_cancelling_what_may_have_arrived(server, service, send, tmp_path):
    server.polls = 10**6
    server.plan("POST /jobs", Fault("lose"))
    server.plan("GET /jobs", Fault("status", 400))
    with pytest.raises(Exception, match="400"):
        send()
    [path] = tmp_path.glob("*.job.json")
    assert JobFile(path).read().parts[0].state == "submitting"
    from quantumlink.execution.jobs.job import Job

    assert Job(JobFile(path), PATIENCE, service=service).cancel() == "cancelled"
    assert server.jobs["job0001"]["state"]["status"] == "Cancelled"


# --- what does not belong together


def test_a_job_of_another_is_not_taken(server, service, send, tmp_path):
    first, second = send(), send()
    file = JobFile(first.path)
    file.update(lambda record: record.with_part(0, job_id=second.ids[0]))
    with pytest.raises(ForeignResult, match="another's"):
        resume(first.path, service=service, patience=PATIENCE).result()


def test_a_result_of_another_is_not_taken(server, service, send):
    first, second = send(), send()
    second.result()
    server.jobs[first.ids[0]]["result"] = server.jobs[second.ids[0]]["result"]
    with pytest.raises(ForeignResult, match="carries the tag"):
        first.result()


def test_a_result_of_other_registers_is_not_taken(server, service, send):
    job = send()
    assert job.status() == "done"
    told = json.loads(server._results("job0001", None, None))
    [bits] = told["data"][0]["results"].values()
    told["data"][0]["results"] = {"other": bits}
    server.jobs["job0001"]["result"] = json.dumps(told)
    with pytest.raises(ForeignResult, match="'ends' is missing"):
        job.result()


def test_another_account_does_not_submit_what_may_have_arrived(server, service, send, tmp_path):
    server.plan("POST /jobs", Fault("status", 500), times=4)
    with pytest.raises(ServiceUnavailable):
        send()
    [path] = tmp_path.glob("*.job.json")
    JobFile(path).update(lambda record: replace(record, where=replace(record.where, account="0123456789abcdef")))
    with pytest.raises(JobError, match="another account"):
        resume(path, service=service, patience=PATIENCE)
    assert server.jobs == {}


def test_an_edited_file_is_refused_and_left(server, service, send):
    job = send()
    text = job.path.read_text().replace('"job0001"', '"job0002"')
    job.path.write_text(text)
    with pytest.raises(JobFileError, match="job0002"):
        resume(job.path, service=service)
    assert job.path.read_text() == text


def test_a_damaged_result_file_is_refused(send, tmp_path):
    job = send()
    job.result()
    [stored] = tmp_path.glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(JobFileError, match="does not fit the checksum"):
        resume(job.path).result()


def test_misspelt_and_retired_backends(server, service, prepared, tmp_path):
    with pytest.raises(BackendNotFound, match="did you mean 'ibm_manila'"):
        submit(prepared, "ibm_manilla", service=service, directory=tmp_path, patience=PATIENCE)
    job = submit(prepared, "ibm_manila", service=service, shots=60, directory=tmp_path, patience=PATIENCE)
    server.names = ()  # retired while the job was in the queue: its result is there all the same
    check(resume(job.path, service=connect(server.url), patience=PATIENCE).samples())


def test_a_listing_that_fails_is_not_taken_for_an_empty_one(server, service, prepared, tmp_path):
    server.plan("GET /backends", Fault("status", 403))
    job = submit(prepared, "ibm_manila", service=service, shots=60, directory=tmp_path, patience=PATIENCE)
    backend = service.backend("ibm_manila")
    server.plan("GET /backends", Fault("status", 403))  # the client lists them for each job
    again = submit(prepared, backend, shots=60, directory=tmp_path, patience=PATIENCE)
    check(job.samples())
    check(again.samples())


def test_prepared_for_another_device(server, service, tmp_path):
    from qiskit.providers.fake_provider import GenericBackendV2

    other = prepare(ql.compose(LINK), GenericBackendV2(2, seed=1), seed=1)
    with pytest.raises(ValueError, match="cannot run on ibm_manila"):
        submit(other, service.backend("ibm_manila"), directory=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_credentials(tmp_path, monkeypatch, send):
    from qiskit_ibm_runtime import accounts

    job = send()
    monkeypatch.setattr(accounts.management, "_DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(tmp_path / "none.json"))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotAuthorized, match="save_account"):
        resume(job.path).result()


def test_nothing_secret_is_in_the_files(server, send, tmp_path):
    job = send()
    job.result()
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert API_KEY.encode() not in content
        assert CRN.encode() not in content
        if os.name == "posix":
            assert path.stat().st_mode & 0o077 == 0


def test_the_server_enforces_the_target(server, service):
    """The client does not look: what is no instruction of the device is refused only there."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.measure_all()
    with pytest.raises(Exception, match="h on qubits"):
        Sampler(mode=service.backend("ibm_manila")).run([circuit], shots=1)
    assert server.jobs == {}


def test_sessions_of_key_distribution(server, service, tmp_path):
    from quantumlink.qkd.protocols.bb84_session import BB84

    session = BB84(medium=ql.Fiber(0), rounds=3000, seed=5)
    job = submit(session, service.backend("ibm_manila"), directory=tmp_path, patience=PATIENCE, seed=1)
    started = time.monotonic()
    key = resume(job.path, service=service, patience=PATIENCE).key()
    assert time.monotonic() - started < 20
    assert key.qber.best == 0.0
    assert key.rounds == 3000
    with pytest.raises(ValueError, match="a job of a session"):
        job.samples()
