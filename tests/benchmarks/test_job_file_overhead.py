"""What the job file costs: beside the same run without one, and by the size of the job."""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.execution.jobs import Patience, submit
from quantumlink.execution.jobs.job_file import SUFFIX, JobFile, _text
from quantumlink.execution.preparation import prepare

QUICK = Patience(first_s=0.001, poll_s=0.01)


@pytest.fixture(scope="module")
def prepared():
    qubits = 20
    device = GenericBackendV2(qubits, coupling_map=[[i, i + 1] for i in range(qubits - 1)], seed=1)
    nodes = [ql.Node(f"n{i}") for i in range(qubits // 2 + 1)]
    links = [ql.ElementaryLink(a, b) for a, b in pairwise(nodes)]
    return prepare(ql.compose(ql.chain(links)), device, optimization_level=1, corrections="frame", seed=1)


def test_job_file_beside_the_run(benchmark, prepared, tmp_path):
    """Submit, store and join a 20-qubit job on a stabilizer sampler, against running and reading it alone."""
    from quantumlink.execution.clifford import CliffordSampler

    shots = 10_000

    def plain():
        started = time.perf_counter()
        prepared.samples(CliffordSampler(seed=1).run(prepared.pubs(shots)).result())
        return time.perf_counter() - started

    def with_file():
        job = submit(prepared, CliffordSampler(seed=1), shots=shots, directory=tmp_path, patience=QUICK)
        assert sum(job.samples().shots.values()) == 3 * shots
        return job

    alone = min(plain() for _ in range(3))
    job = benchmark.pedantic(with_file, rounds=3, iterations=1)
    benchmark.extra_info["job_file_bytes"] = job.path.stat().st_size
    benchmark.extra_info["result_file_bytes"] = sum(p.stat().st_size for p in tmp_path.glob("*.npz")) // len(
        list(tmp_path.glob("*.npz"))
    )
    benchmark.extra_info["seconds_without_the_file"] = alone
    if benchmark.stats is not None:
        benchmark.extra_info["added_seconds"] = benchmark.stats.stats.min - alone


def test_job_file_update(benchmark, prepared, tmp_path):
    """One durable change of state: read, checked, written, flushed."""
    from quantumlink.execution.clifford import CliffordSampler

    job = submit(prepared, CliffordSampler(seed=1), shots=100, directory=tmp_path, patience=QUICK)
    job.result()
    file = JobFile(job.path)
    benchmark.pedantic(file.update, args=(lambda r: r.with_part(0, reason=""),), rounds=10, iterations=1)
    assert file.read().parts[0].state == "done"


def test_a_thousand_jobs_listed(benchmark, prepared, tmp_path):
    """``quantumlink jobs list`` in a fresh interpreter, the start of Python and all imports included."""
    from quantumlink.execution.clifford import CliffordSampler

    job = submit(prepared, CliffordSampler(seed=1), shots=100, directory=tmp_path, patience=QUICK)
    for number in range(1000):
        copy = replace(job.record, job=f"{number:08x}")
        (tmp_path / f"{number:04d}-{copy.job}{SUFFIX}").write_text(_text(copy), encoding="utf-8")
    code = "from quantumlink.cli import app; app()"
    arguments = [sys.executable, "-c", code, "jobs", "list", "--directory", str(tmp_path)]
    benchmark.pedantic(subprocess.run, (arguments,), {"check": True, "stdout": subprocess.DEVNULL}, rounds=3)
