"""A job is found by any part of its id that no other has; what several have is no job's."""

import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import quantumlink as ql
from quantumlink.cli import app
from quantumlink.execution.jobs import submit
from quantumlink.execution.jobs.job_file import JobFile

IDS = ("55f5d21d", "55f5ff21", "af25d21e")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    link = ql.ElementaryLink(ql.Node("vienna"), ql.Node("graz"), fidelity=0.97)
    job = submit(link, ql.ExactSampler(seed=1), shots=50, directory=folder)
    job.samples()
    for second, name in enumerate(IDS):
        record = replace(job.record, job=name, created=f"2026-11-30T13:22:3{second}+00:00")
        JobFile.create(folder, record)
    job.path.unlink()
    return folder


def invoke(command, part, folder):
    env = {"NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80", "TTY_COMPATIBLE": "1"}
    return CliRunner(env=env).invoke(app, ["jobs", command, part, "--directory", str(folder)])


@pytest.mark.parametrize(
    ("part", "which"), [("55f5d", 0), ("5f5d", 0), ("f5f", 1), ("af", 2), ("21e", 2), ("55f5ff21", 1)]
)
def test_any_part_that_one_alone_has(part, which, jobs):
    shown = invoke("show", part, jobs)
    assert shown.exit_code == 0, shown.output
    assert re.search(rf"^  job +{IDS[which]}$", shown.stdout, re.M)  # a label and its value on one line


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("55", "JOB must be a part of one id; '55' is in 2: 55f5ff21, 55f5d21d"),
        ("d21", "JOB must be a part of one id; 'd21' is in 2: af25d21e, 55f5d21d"),
        ("f5", "JOB must be a part of one id; 'f5' is in 2: 55f5ff21, 55f5d21d"),
        ("5", f"JOB must be a part of one id; '5' is in 3: {', '.join(IDS[::-1])}"),
        ("55f5d22d", "no job fits '55f5d22d' (did you mean '55f5d21d'?)"),
        ("", "no job fits ''"),
    ],
)
@pytest.mark.parametrize("command", ["show", "result", "cancel"])
def test_what_is_none_or_several(command, part, said, jobs):
    refused = invoke(command, part, jobs)
    assert refused.exit_code == 1
    assert said in " ".join(refused.stderr.split())


def test_cancelling_names_the_job_and_says_if_it_was_over(jobs):
    assert invoke("cancel", "ff", jobs).stdout == f"{IDS[1]}: done, nothing was left to cancel\n"
