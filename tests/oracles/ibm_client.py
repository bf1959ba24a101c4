"""A process that submits a job and is killed, once at each step of it: ``python ibm_client.py URL FOLDER``.

It forks a child for each step, which submits into a folder of its own and ends by ``os._exit`` there: no handler
runs, no file is closed. Steps are what the outside can see: a file flushed, a file renamed, a request begun, sent,
answered. It prints how many steps there were, a JSON list of their names.
"""

import gc
import json
import os
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = 2
SHOTS = 40


class Steps:
    """Counts the steps, and ends the process at one of them."""

    def __init__(self, last):
        self.last, self.names, self.posting = last, [], False

    def reach(self, name):
        self.names.append(name)
        if len(self.names) == self.last:
            os._exit(9)

    def watch(self):
        """Put a step before and after each of the calls that leave a trace."""
        from qiskit_ibm_runtime.api.session import RetrySession
        from urllib3.connection import HTTPConnection

        fsync, replace, request, getresponse = (
            os.fsync,
            Path.replace,
            RetrySession.request,
            HTTPConnection.getresponse,
        )

        def watched_fsync(descriptor):
            self.reach("before a flush")
            fsync(descriptor)

        def watched_replace(path, target):
            self.reach("before a rename")
            found = replace(path, target)
            self.reach("after a rename")
            return found

        def watched_request(session, method, url, *args, **kwargs):
            self.posting = method.upper() == "POST" and url.endswith("/jobs")
            if not self.posting:
                return request(session, method, url, *args, **kwargs)
            self.reach("before the request")
            try:
                found = request(session, method, url, *args, **kwargs)
            finally:
                self.posting = False
            self.reach("after the answer")
            return found

        def watched_getresponse(connection):
            if self.posting:
                self.reach("sent, not answered")
            return getresponse(connection)

        os.fsync, Path.replace = watched_fsync, watched_replace
        RetrySession.request, HTTPConnection.getresponse = watched_request, watched_getresponse


def hang_up():
    """The parent's connections are not the child's: an answer to the one must not be read by the other."""
    from qiskit_ibm_runtime.api.session import RetrySession

    for each in gc.get_objects():
        if isinstance(each, RetrySession):
            each.close()


def submit_and_die(backend, folder, prepared, last):
    """In a child: the job, until the step with that number."""
    from quantumlink.execution.jobs import Limits, Patience, submit

    hang_up()
    steps = Steps(last)
    steps.watch()
    patience = Patience(first_s=0.01, grace_s=0.1, tries=2)
    submit(prepared, backend, shots=SHOTS, directory=folder, patience=patience, limits=Limits(shots=SHOTS // PARTS))
    (Path(folder) / "steps.json").write_text(json.dumps(steps.names))
    os._exit(0)


def main(url, folder):
    from oracles.ibm_server import connect

    import quantumlink as ql
    from quantumlink.execution.preparation import prepare

    backend = connect(url).backend("ibm_manila")
    link = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
    prepared = prepare(ql.compose(link), backend, optimization_level=1, initial_layout=[0, 1], seed=1)
    assert threading.active_count() == 1
    for last in range(1, 100):
        child = os.fork()
        if child == 0:
            try:
                submit_and_die(backend, Path(folder) / f"{last:02d}", prepared, last)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            sys.stdout.write((Path(folder) / f"{last:02d}" / "steps.json").read_text() + "\n")
            return
        if code != 9:
            sys.exit(f"the child for step {last} ended with {code}")


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    main(*sys.argv[1:])
