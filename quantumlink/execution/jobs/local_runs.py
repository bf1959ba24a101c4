"""Runs in this process, found by whoever opens their job file in it, and kept when it ends.

A simulation's result is nowhere but in the process. So a run belongs to the process, not to the `Job` that started
it: `resume` finds it again, and at the normal end of the process what nobody read is waited for and stored beside
its job file. Only a process that is killed loses it.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qiskit.primitives import PrimitiveJob

from quantumlink.execution.jobs.collecting import collect_local
from quantumlink.execution.jobs.job_file import JobFile


@dataclass(frozen=True)
class _Run:
    file: JobFile
    number: int
    job: Any
    process: int
    """Its threads are in no other, not in a fork of it either."""


_runs: dict[str, _Run] = {}


def remember(file: JobFile, number: int, tag: str, job: Any) -> None:
    """Keep a run until it is read or the process ends.

    Args:
        file: where its result will go.
        number: of the part.
        tag: of the part.
        job: what the sampler returned.
    """
    _runs[tag] = _Run(file, number, job, os.getpid())


def found_run(tag: str) -> Any | None:
    """The run of a part, None if it is not in this process."""
    run = _runs.get(tag)
    return run.job if run is not None and run.process == os.getpid() else None


def forget(tag: str) -> None:
    """Let a run go, as its result is stored or there will be none."""
    _runs.pop(tag, None)


def _store_the_unread() -> None:
    for tag, run in list(_runs.items()):
        # The file may be gone, or tell already that the run was cancelled; at the end nobody can be told.
        with suppress(Exception):
            part = run.file.read().parts[run.number]
            mine = run.process == os.getpid() and (part.tag, part.state) == (tag, "submitted")
            # A thread is waited for in any case; a machine elsewhere may take days.
            if mine and (isinstance(run.job, PrimitiveJob) or run.job.in_final_state()):
                collect_local(run.file, run.number, run.job)


# A simulator starts threads of its own, for which `atexit` is too late: executors are closed before it. What is
# registered here runs before that. Without this hook, which is not public, what runs at the end fails and says so.
getattr(threading, "_register_atexit", atexit.register)(_store_the_unread)
