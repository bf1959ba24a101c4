"""Processes that resume at the same moment: ``python ibm_race.py URL apart|together PATH PATH …``.

It forks a child for each file. All wait for the same signal. Where they are ``apart``, each has a home of its own,
as if it were on another machine.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(url, how, *paths):
    from oracles.ibm_server import connect

    from quantumlink.execution.jobs import Patience, resume

    connect(url)  # loads what is loaded late
    begin, signal = os.pipe()
    children = []
    for number, path in enumerate(paths):
        child = os.fork()
        if child:
            children.append(child)
            continue
        os.close(signal)
        if how == "apart":
            os.environ["XDG_DATA_HOME"] = str(Path(path).parent / f"home{number}")
        code = 1
        try:
            service = connect(url)
            os.read(begin, 1)
            resume(path, service=service, patience=Patience(first_s=0.01, longest_s=0.05, grace_s=0.2, tries=3))
            code = 0
        finally:
            os._exit(code)
    os.close(signal)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    main(*sys.argv[1:])
