"""`import quantumlink` beside `import qiskit`, each in a fresh interpreter."""

import subprocess
import sys

import pytest


@pytest.mark.benchmark(group="import in a fresh interpreter")
@pytest.mark.parametrize("module", ["qiskit", "quantumlink"])
def test_import(benchmark, module):
    benchmark.pedantic(
        subprocess.run, ([sys.executable, "-c", f"import {module}"],), {"check": True}, rounds=5, warmup_rounds=1
    )
