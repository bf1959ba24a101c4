"""Two who resume one job at the same instant, from its file or from copies of it: it is submitted once."""

import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles import ibm_race
from oracles.ibm_server import Fault, IBMServer

from quantumlink.execution.jobs import JobError, Limits, Patience, submit
from quantumlink.execution.jobs.job_file import JobFile

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked, to begin together"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*:DeprecationWarning"),
]

PARTS = 2


@pytest.fixture(scope="module")
def planned(tmp_path_factory, prepared_pair):
    """A file of two parts, none of which was sent."""
    folder = tmp_path_factory.mktemp("planned")
    with IBMServer() as there:
        backend = there.service().backend("ibm_manila")
        there.plan("POST /jobs", Fault("status", 403))
        patience = Patience(first_s=0.01, tries=1, grace_s=0.01)
        with pytest.raises(JobError, match="refuses"):
            submit(prepared_pair, backend, shots=40, directory=folder, patience=patience, limits=Limits(shots=20))
    [path] = folder.glob("*.job.json")
    return path


def raced(how, server, paths, home):
    """Let two resume, and return their files' content."""
    command = [sys.executable, "-W", "ignore", ibm_race.__file__, server.url, how, *map(str, paths)]
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "RAYON_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    return [JobFile(path).read().parts for path in paths]


def copies(planned, folder):
    found = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        found.append(folder / name / planned.name)
        shutil.copy(planned, found[-1])
    return found


@pytest.mark.parametrize("same", [True, False])
def test_on_one_machine(planned, tmp_path, same):
    one, two = copies(planned, tmp_path)
    with IBMServer(polls=1000) as server:
        found = raced("together", server, [one, one if same else two], tmp_path)
        assert len(server.jobs) == PARTS
        for parts in found:
            assert [part.job_id for part in parts] == list(server.jobs)


def test_on_two_machines(planned, tmp_path):
    """Both may have sent; one of two jobs is cancelled, and both files know the other."""
    with IBMServer(polls=1000) as server:
        found = raced("apart", server, copies(planned, tmp_path), tmp_path)
        left = [name for name, job in server.jobs.items() if job["state"]["status"] != "Cancelled"]
        assert len(left) == PARTS
        for parts in found:
            assert sorted(part.job_id for part in parts) == sorted(left)
