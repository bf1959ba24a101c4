"""The submitting process is killed at every step of the protocol: no job is lost, none is submitted twice."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from oracles import ibm_client
from oracles.ibm_server import IBMServer

from quantumlink.execution.jobs import Patience, resume
from quantumlink.execution.jobs.job_file import SUFFIX

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the process forks to be killed often"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=4)
EXPECTED = {"before a flush", "before a rename", "after a rename", "before the request", "sent, not answered"} | {
    "after the answer"
}


@pytest.fixture
def folder(tmp_path):
    """One in memory where there is one: a killed process loses nothing that a disk would have kept."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as there:
        yield Path(there)


def test_killed_at_each_step_and_resumed(folder):
    with IBMServer() as server:
        command = [sys.executable, "-W", "ignore", ibm_client.__file__, server.url, str(folder)]
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", "QISKIT_PARALLEL": "FALSE"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
        assert run.returncode == 0, run.stderr
        steps = json.loads(run.stdout.strip().splitlines()[-1])
        assert set(steps) == EXPECTED
        assert steps.count("after the answer") == ibm_client.PARTS
        service = server.service()
        files = {}
        for number, step in enumerate([*steps, "none"], start=1):
            there = list((folder / f"{number:02d}").glob(f"*{SUFFIX}"))
            if not there:  # killed before the file was in place, and so before anything was sent
                assert "before the request" not in steps[:number]
                continue
            [files[number]] = there
            job = resume(there[0], service=service, patience=PATIENCE)
            samples = job.samples()
            assert samples.shots == dict.fromkeys(("XX", "YY", "ZZ"), ibm_client.SHOTS), step
            assert samples.fidelity().best == 1.0  # exact: ideal circuits on a noiseless machine
            assert resume(there[0], service=service).ids == job.ids
        tags = Counter(tag for job in server.jobs.values() for tag in job["tags"])
        wanted = [part["tag"] for path in files.values() for part in json.loads(path.read_text())["parts"]]
        assert tags == Counter(wanted)  # each part once, and nothing besides
        assert len(server.jobs) == len(files) * ibm_client.PARTS
        # Both kinds of ambiguity were there: sent without an answer, and not sent at all.
        assert {"before the request", "sent, not answered"} <= {
            steps[number - 1] for number in files if number <= len(steps)
        }
        assert not list(folder.rglob("*.raw"))
