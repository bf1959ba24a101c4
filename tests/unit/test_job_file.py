"""Job files, splitting and joining, patience: without any service."""

import json
import os
import threading
import time
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult, StatevectorSampler

from quantumlink.execution.jobs import (
    ForeignResult,
    JobFileError,
    Limits,
    NotAuthorized,
    Patience,
    ServiceUnavailable,
)
from quantumlink.execution.jobs import job_file as module
from quantumlink.execution.jobs.job_file import (
    JobFile,
    JobRecord,
    Part,
    Where,
    default_folder,
    new_tag,
    now,
)
from quantumlink.execution.jobs.locks import locked
from quantumlink.execution.jobs.patience import patiently, trouble_of
from quantumlink.execution.jobs.pubs_on_file import (
    PubOnFile,
    bits_as_bytes,
    bits_from_bytes,
    checked_pieces,
    joined,
)
from quantumlink.execution.jobs.splitting import Load, Piece, split


def circuit(bits=3):
    """A qubit turned by an angle, and others that stay: of angles 0 and π every outcome is certain."""
    made = QuantumCircuit(bits, name="probe")
    made.rx(Parameter("angle"), 0)
    made.measure_all()
    return made


def record(folder, pub=None, loads=None):
    pub = pub or PubOnFile.of(circuit(), np.array([[0.0], [np.pi]]))
    loads = loads or [Load((Piece(0, 0, 2),), 10)]
    return JobRecord(
        job="0123abcd",
        title="alice – bob",
        created=now(),
        where=Where("ibm", "ibm_manila"),
        reader={"kind": "recipe", "data": {"x": 1.5}},
        shots=10,
        pubs=(pub,),
        parts=tuple(Part(new_tag(), load.pieces, load.shots) for load in loads),
        options={"twirling": {"enable_gates": True}},
        seeds={"run": 7},
        layout=(3, 4),
        versions={"quantumlink": "0.1.0"},
    )


@pytest.fixture
def file(tmp_path):
    return JobFile.create(tmp_path / "jobs", record(tmp_path))


def test_a_record_comes_back_as_it_was(tmp_path):
    probe = circuit()
    file = JobFile.create(tmp_path / "jobs", record(tmp_path, PubOnFile.of(probe, np.array([[0.0], [np.pi]]))))
    told = file.read()
    assert told.to_dict() == JobRecord.from_dict(json.loads(json.dumps(told.to_dict()))).to_dict()
    assert told.parts[0].pieces == (Piece(0, 0, 2),)
    assert told.layout == (3, 4)
    assert told.pubs[0].circuit == probe
    np.testing.assert_array_equal(told.pubs[0].table, [[0.0], [np.pi]])
    changed = file.update(lambda r: r.with_part(0, state="submitted", job_id="x"))
    assert file.read() == changed


def test_nothing_is_overwritten(file):
    text = file.path.read_bytes()
    with pytest.raises(FileExistsError, match="not touched"):
        JobFile.create(file.path.parent, file.read())
    assert file.path.read_bytes() == text


def test_every_truncation_is_found(file):
    """Each shorter beginning of the file is refused, and left as it is."""
    whole = file.path.read_bytes().rstrip()
    for size in [*range(0, len(whole), 37), len(whole) - 1]:
        file.path.write_bytes(whole[:size])
        with pytest.raises(JobFileError, match="cut short"):
            file.read()
        assert file.path.read_bytes() == whole[:size]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_edit_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("edits")
    file = JobFile.create(folder, record(folder))
    told = json.loads(file.path.read_text())
    name = data.draw(st.sampled_from(sorted(set(told) - {"format", "version"})))
    told[name] = data.draw(
        st.one_of(st.integers(), st.text(), st.lists(st.integers())).filter(lambda v: v != told[name])
    )
    text = json.dumps(told)
    file.path.write_text(text)
    with pytest.raises(JobFileError):
        file.read()
    assert file.path.read_text() == text


def test_files_of_other_kinds_and_versions(file):
    told = json.loads(file.path.read_text())
    for change, match in (({"version": 99}, "version 99"), ({"format": "other"}, "no job file")):
        file.path.write_text(json.dumps({**told, **change}))
        with pytest.raises(JobFileError, match=match):
            file.read()
    with pytest.raises(FileNotFoundError, match="no job file"):
        JobFile(file.path.with_name("none")).read()


def test_a_write_that_fails_leaves_the_old_content(file, monkeypatch):
    before = file.path.read_bytes()

    def full(_):
        raise OSError("no space left")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        file.update(lambda r: r.with_part(0, state="done"))
    assert file.path.read_bytes() == before
    assert not list(file.path.parent.glob("*.tmp")) + list(file.path.parent.glob(".*.tmp"))


def test_the_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("QUANTUMLINK_JOBS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder().parts[-2:] == ("quantumlink", "jobs")


def test_a_folder_of_an_earlier_version_stays_the_one_on_a_mac(monkeypatch, tmp_path):
    for name in ("QUANTUMLINK_JOBS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    earlier = tmp_path / ".local" / "share" / "quantumlink"
    with monkeypatch.context() as mac:
        mac.setattr("quantumlink.execution.jobs.locks.sys.platform", "darwin")
        earlier.mkdir(parents=True)
        assert default_folder() == earlier / "jobs"


def test_only_one_at_a_time(file):
    """Between threads by a lock of the process, between processes by one of the system."""
    fcntl = pytest.importorskip("fcntl")
    entered, threads = [], []
    descriptor = os.open(file.path.with_name(f".{file.path.name}.submit.lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # as another process would hold it

    def enter(number):
        with locked(file.path, "submit"):
            entered.append(number)
            time.sleep(0.02)
            entered.append(number)

    for number in range(3):
        threads.append(threading.Thread(target=enter, args=(number,)))
        threads[-1].start()
    time.sleep(0.1)
    assert entered == []
    os.close(descriptor)
    for thread in threads:
        thread.join(timeout=10)
    assert len(entered) == 6
    assert entered[::2] == entered[1::2]  # nobody entered between another's two marks


# --- splitting and joining


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    shots=st.integers(1, 500),
    most=st.one_of(st.none(), st.integers(1, 300)),
    executions=st.integers(1, 2000),
    bits=st.integers(0, 40),
)
def test_a_split_job_runs_each_row_as_often_as_wanted(rows, shots, most, executions, bits):
    limits = Limits(shots=most, executions=executions, broadcast_bits=50)
    loads = split(rows, [bits] * len(rows), shots, limits)
    ran = [np.zeros(total, dtype=int) for total in rows]
    for load in loads:
        assert load.shots <= limits.row_shots
        assert sum(piece.rows for piece in load.pieces) * load.shots <= executions
        assert len(load.pieces) * bits <= 50
        for piece in load.pieces:
            ran[piece.pub][piece.start : piece.stop] += load.shots
    assert all((counted == shots).all() for counted in ran)
    assert max(load.shots for load in loads) - min(load.shots for load in loads) <= 1


def test_a_circuit_over_the_limit_is_refused():
    with pytest.raises(ValueError, match="read 60 bits"):
        split([1], [60], 10, Limits(broadcast_bits=50))


@settings(max_examples=20, deadline=None)
@given(
    shape=st.sampled_from([(4,), (2, 2), (1,)]),
    bits=st.integers(1, 20),
    shots=st.integers(1, 40),
    most=st.integers(1, 40),
    executions=st.integers(1, 100),
    number=st.integers(0, 2**32 - 1),
)
def test_pieces_join_to_the_whole(shape, bits, shots, most, executions, number):
    """A whole result of random bits, cut as the split says, stored, loaded and joined, is the whole result."""
    rng = np.random.default_rng(number)
    probe = QuantumCircuit(bits)
    probe.rx(Parameter("angle"), 0)
    probe.measure_all()
    pub = PubOnFile.of(probe, rng.random((*shape, 1)))
    whole = rng.random((*shape, shots, bits)) < 0.5
    flat = whole.reshape(-1, shots, bits)
    pieces, first = [], np.zeros(pub.rows, dtype=int)
    for load in split([pub.rows], [0], shots, Limits(shots=most, executions=executions)):
        arrays = []
        for piece in load.pieces:
            cut = np.stack([flat[r, first[r] : first[r] + load.shots] for r in range(piece.start, piece.stop)])
            first[piece.start : piece.stop] += load.shots
            data = DataBin(meas=BitArray.from_bool_array(cut, order="little"), shape=cut.shape[:1])
            arrays.append(SamplerPubResult(data))
        wanted = [(pub, piece.rows) for piece in load.pieces]
        found = checked_pieces(PrimitiveResult(arrays), wanted, load.shots, "tag", "here")
        loaded = bits_from_bytes(bits_as_bytes(found), [pub] * len(found))
        pieces += [(0, piece.start, rows) for piece, rows in zip(load.pieces, loaded, strict=True)]
    result = joined([pub], [pieces[i] for i in rng.permutation(len(pieces))])
    assert result[0].data.meas.shape == shape
    got = result[0].data.meas.to_bool_array(order="little").reshape(flat.shape)
    for row, expected in zip(got, flat, strict=True):  # the order of the shots is nobody's
        assert sorted(map(tuple, row)) == sorted(map(tuple, expected))


def test_what_is_another_result():
    pub = PubOnFile.of(circuit(), np.array([[0.0], [np.pi]]))
    good = StatevectorSampler(seed=1).run([pub.piece(0, 2, 10, "tag")]).result()
    [bits] = checked_pieces(good, [(pub, 2)], 10, "tag", "here")
    assert bits["meas"].shape == (2, 10, 1)
    np.testing.assert_array_equal(bits["meas"][:, :, 0], [[0] * 10, [1] * 10])
    for result, wanted, shots, tag, match in (
        (good, [(pub, 2), (pub, 2)], 10, "tag", "has 1 PUBs, 2"),
        (good, [(pub, 3)], 10, "tag", "3 rows of 10 shots"),
        (good, [(pub, 2)], 11, "tag", "2 rows of 11 shots"),
        (good, [(pub, 2)], 10, "other", "carries the tag 'tag'"),
        (good, [(PubOnFile.of(circuit(4), [[0.0]]), 2)], 10, "tag", "of 4 bits"),
        (None, [(pub, 2)], 10, "tag", "NoneType PUBs"),
    ):
        with pytest.raises(ForeignResult, match=match):
            checked_pieces(result, wanted, shots, tag, "here")


def test_bad_pubs():
    silent = QuantumCircuit(1)
    with pytest.raises(ValueError, match="no classical register"):
        PubOnFile.of(silent)
    with pytest.raises(ValueError, match="1 columns"):
        PubOnFile.of(circuit(), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="at least one row"):
        PubOnFile.of(circuit(), np.zeros((0, 1)))


# --- patience


class Answer:
    def __init__(self, code, headers=None):
        self.status_code, self.headers = code, headers or {}


class Unhappy(Exception):
    def __init__(self, code, headers=None):
        super().__init__(f"answer {code}")
        self.response = Answer(code, headers)


def hidden(error):
    """As the client does it: the first cause behind another error, with ``from None``."""
    try:
        try:
            raise error
        except Exception as first:
            raise RuntimeError("failed to run") from first
    except RuntimeError:
        try:
            raise KeyError("x") from None
        except KeyError as last:
            return last


@pytest.mark.parametrize(
    ("code", "transient", "refusal"),
    [
        (400, False, True),
        (401, False, True),
        (404, False, True),
        (408, True, False),
        (409, False, True),
        (429, True, True),
        (500, True, False),
        (501, False, False),
        (503, True, False),
        (504, True, False),
    ],
)
def test_what_a_status_means(code, transient, refusal):
    trouble = trouble_of(hidden(Unhappy(code)))
    assert (trouble.status, trouble.is_transient, trouble.is_refusal) == (code, transient, refusal)


def test_what_other_errors_mean():
    assert trouble_of(hidden(ConnectionResetError())).is_transient
    assert trouble_of(TimeoutError()).is_transient
    assert trouble_of(ValueError("of our own")).status is None


def test_retry_after_in_seconds_and_as_a_date():
    assert trouble_of(Unhappy(429, {"Retry-After": "7"})).retry_after_s == 7
    date = formatdate(time.time() + 100, usegmt=True)
    assert 90 < trouble_of(Unhappy(429, {"Retry-After": date})).retry_after_s <= 101
    assert trouble_of(Unhappy(429, {"Retry-After": "soon"})).retry_after_s == 0


def test_waits_grow_and_end():
    waits, calls = [], []

    def action():
        calls.append(1)
        raise Unhappy(500 if len(calls) != 2 else 429, {"Retry-After": "5"} if len(calls) == 2 else None)

    patience = Patience(tries=5, first_s=1, factor=3, longest_s=4, sleep=waits.append)
    with pytest.raises(ServiceUnavailable, match="tried 5 times"):
        patiently(action, patience, "asking")
    assert waits == [1, 5, 4, 4]
    with pytest.raises(NotAuthorized, match="asking"):
        patiently(lambda: (_ for _ in ()).throw(Unhappy(401)), patience, "asking")
    assert len(waits) == 4
    with pytest.raises(ValueError, match="first_s"):
        Patience(first_s=0)
