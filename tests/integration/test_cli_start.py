"""A command loads what it needs, not what other commands do: listing jobs is a matter of reading their files."""

import subprocess
import sys

from quantumlink.execution import ExactSampler
from quantumlink.execution.jobs import submit
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink

NEEDLESS = {
    *("qiskit_aer", "qiskit_ibm_runtime", "stim", "matplotlib", "scipy.optimize", "scipy.stats", "pandas", "dask"),
    *("numba", "mitiq", "pymatching", "ldpc", "cvxpy", "aiohttp", "cryptography", "sqlite3"),
    *("quantumlink.readings", "quantumlink.network", "quantumlink.qkd.protocols", "quantumlink.keys"),
    *("quantumlink.distributed", "quantumlink.visualization", "quantumlink.execution.sampling"),
    *("quantumlink.execution.preparation.preparing", "quantumlink.execution.jobs.submission"),
}
"""Modules that take their time, and that neither the list of jobs nor a look at one has any use for."""

LOADED = """
import sys
from quantumlink.cli import app
try:
    app()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sys.modules)
"""


def loaded(*arguments):
    """What a command printed, and the modules that were loaded in the end."""
    told = subprocess.run([sys.executable, "-c", LOADED, *arguments], check=True, capture_output=True, text=True)
    said, _, names = told.stdout.rpartition("LOADED")
    return said, set(names.split())


def test_jobs_are_listed_and_shown_without_what_makes_and_runs_them(tmp_path):
    job = submit(ElementaryLink(Node("alice"), Node("bob")), ExactSampler(seed=1), shots=10, directory=tmp_path)
    for arguments in (("list", "--directory", str(tmp_path)), ("show", str(job.path))):
        said, names = loaded("jobs", *arguments)
        assert job.record.job in said
        assert not NEEDLESS & names


def test_that_test_would_see_it():
    """What plays a link does need some of these."""
    _, names = loaded("plan", "--help")
    assert NEEDLESS & names


def test_the_package_loads_qiskit_when_it_is_needed():
    """So that a command answers before."""
    program = (
        "import sys, quantumlink as ql; assert 'qiskit' not in sys.modules; "
        "names = 'arrays codes estimation hardware link program rates tables validation'.split(); "
        "assert all(getattr(ql, name).__name__ == f'quantumlink.{name}' for name in names); "
        "assert all(hasattr(ql, name) for name in dir(ql)); assert not hasattr(ql, 'fiber')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
