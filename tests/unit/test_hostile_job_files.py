"""Job files that somebody made or damaged: refused as what they are, in little time and memory."""

import base64
import io
import json
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit

from quantumlink.execution.jobs import Job, JobFileError, Patience
from quantumlink.execution.jobs.job_file import FORMAT, JobFile, JobRecord, Part, Where, _checksum, new_tag, now
from quantumlink.execution.jobs.pubs_on_file import MAX_UNPACKED_BYTES, PubOnFile, bits_from_bytes
from quantumlink.execution.jobs.splitting import Piece
from quantumlink.execution.preparation import Recipe

MOST_MEMORY = 3 * MAX_UNPACKED_BYTES
RECIPE = Recipe((("meas", (0, 1)),), (("alice", 0), ("bob", 1)), ("XX", "ZZ")).to_dict()


@pytest.fixture
def told(tmp_path):
    """A good job file's content."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("angle"), 0)
    circuit.measure_all()
    pub = PubOnFile.of(circuit, np.array([[0.0], [np.pi]]))
    record = JobRecord(
        job="0123abcd",
        title="alice – bob",
        created=now(),
        where=Where("ibm", "ibm_manila"),
        reader={"kind": "recipe", "data": {}},
        shots=10,
        pubs=(pub,),
        parts=(Part(new_tag(), (Piece(0, 0, 2),), 10),),
        versions={"quantumlink": "0.1.0"},
    )
    return record.to_dict()


def written(folder, told):
    """With a checksum that is right."""
    told = json.loads(json.dumps(told))
    path = folder / "x.job.json"
    path.write_text(json.dumps({"checksum": _checksum(told), **told}))
    return JobFile(path)


def test_the_good_one_is_read(told, tmp_path):
    assert written(tmp_path, told).read().to_dict() == told


def part(**changes):
    return lambda told: told["parts"][0].update(changes)


def top(**changes):
    return lambda told: told.update(changes)


def pub(**changes):
    return lambda told: told["pubs"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        top(versions=None),
        top(versions=None, version=2),
        top(versions={"quantumlink": 3}),
        top(title=None),
        top(job=["[bold]"]),
        top(reader=[]),
        top(reader={"kind": "code"}),
        top(shots=-1),
        top(shots=1e400),
        top(layout="0"),
        top(layout=[-1]),
        top(seeds={"run": "x"}),
        top(options=None),
        top(where=None),
        top(where={"kind": "ibm", "backend": None}),
        top(where={"kind": "elsewhere", "backend": "x"}),
        top(where={"kind": "ibm", "backend": 3}),
        top(parts=None),
        top(parts=[]),
        top(pubs=None),
        part(pieces=[[1, 0, 2]]),
        part(pieces=[[-1, 0, 2]]),
        part(pieces=[[0, 0, 3]]),
        part(pieces=[[0, 0, 10**15]]),
        part(pieces=[[0, 1, 2]]),
        part(pieces=[[0, 1, 1]]),
        part(pieces=[[0, 0]]),
        part(shots=0),
        part(tag=None),
        part(state="sent"),
        part(state="done"),
        part(state="submitted"),
        part(result={"name": "x"}),
        part(result={"name": 3, "sha256": ""}),
        part(surprise=1),
        pub(shape=[10**15]),
        pub(shape=[-2]),
        pub(registers=[]),
        pub(registers=[["meas", 10**15]]),
        pub(registers=[["meas", "2"]]),
        pub(circuit=None),
    ],
)
def test_what_points_nowhere_is_refused(told, tmp_path, change):
    change(told)
    with pytest.raises(JobFileError):
        written(tmp_path, told).read()


@pytest.mark.parametrize(
    "reader",
    [
        {"kind": "recipe"},
        {"kind": "recipe", "data": None},
        {"kind": "recipe", "data": []},
        {"kind": "recipe", "data": {"bases": 3}},
        {"kind": "recipe", "data": {**RECIPE, "bases": ["ZZ"]}},
        {"kind": "recipe", "data": {**RECIPE, "bases": None}},
    ],
)
def test_circuits_whose_reading_was_forged_are_refused(told, tmp_path, reader):
    told["reader"] = {"kind": "recipe", "data": RECIPE}
    assert [c.name for c in Job(written(tmp_path, told), Patience()).circuits()] == ["XX", "ZZ"]
    told["reader"] = reader
    with pytest.raises(JobFileError):
        Job(written(tmp_path, told), Patience()).circuits()


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_nesting_is_refused(tmp_path, depth):
    path = tmp_path / "deep.job.json"
    path.write_text(f'{{"format": "{FORMAT}", "version": 1, "title": {"[" * depth}{"]" * depth}}}')
    with pytest.raises(JobFileError):
        JobFile(path).read()


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"[]", b"null", b'{"format": "quantumlink job"}'])
def test_what_is_no_job_file_is_refused(tmp_path, raw):
    path = tmp_path / "x.job.json"
    path.write_bytes(raw)
    with pytest.raises(JobFileError):
        JobFile(path).read()
    folder = tmp_path / "folder.job.json"
    folder.mkdir()
    with pytest.raises(JobFileError, match="no file"):
        JobFile(folder).read()


def bomb(size):
    stream = zlib.compressobj(9)
    parts = [stream.compress(bytes(2**20)) for _ in range(size >> 20)]
    return base64.b64encode(b"".join([*parts, stream.flush()])).decode()


def array_with_head(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return base64.b64encode(zlib.compress(stream.getvalue())).decode()


def test_bombs_do_not_go_off(told, tmp_path):
    text = bomb(4 * MAX_UNPACKED_BYTES)
    told["pubs"][0] |= {"circuit": text, "table": text}
    [found] = written(tmp_path, told).read().pubs
    tracemalloc.start()
    try:
        for name in ("circuit", "table"):
            with pytest.raises(JobFileError, match="unfolds to more"):
                getattr(found, name)
        told["pubs"][0]["table"] = array_with_head((10**13, 1))
        with pytest.raises(JobFileError, match="promises"):
            _ = written(tmp_path, told).read().pubs[0].table
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["!!", "", base64.b64encode(b"no zlib").decode()])
def test_texts_that_cannot_be_unpacked(told, tmp_path, text):
    told["pubs"][0] |= {"circuit": text, "table": text}
    [found] = written(tmp_path, told).read().pubs
    for name in ("circuit", "table"):
        with pytest.raises(JobFileError):
            getattr(found, name)


def test_a_circuit_of_other_registers_is_refused(told, tmp_path):
    told["pubs"][0]["registers"] = [["meas", 3]]
    with pytest.raises(JobFileError, match="registers"):
        _ = written(tmp_path, told).read().pubs[0].circuit


def test_stored_bits_that_are_none(told, tmp_path):
    pubs = written(tmp_path, told).read().pubs
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as there:
        there.writestr("0/meas.npy", base64.b64decode(array_with_head((1, 1, 10**12))))
    for data in (b"", b"PK", stream.getvalue(), stream.getvalue()[:-5]):
        with pytest.raises(JobFileError):
            bits_from_bytes(data, pubs)
