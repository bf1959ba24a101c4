"""Seeds, one for each test, and the way to the oracles.

Every test draws from a seed of its own, made of the run's seed and the test's id, so that a failure
repeats in any order and alone: rerun with the printed seed, ``pytest --quantumlink-seed=N`` or the variable
``QUANTUMLINK_SEED``. Without either, each run draws a new one.
"""

import hashlib
import os
import secrets
import sys
from pathlib import Path

import numpy as np
import pytest

# The oracles are plain modules, shared by tests of several folders: ``from oracles.density import ...``.
sys.path.insert(0, str(Path(__file__).parent))

_OPTION = "--quantumlink-seed"
_VARIABLE = "QUANTUMLINK_SEED"


def pytest_addoption(parser):
    parser.addoption(_OPTION, type=int, default=None, help="seed of all tests' random numbers")


def pytest_configure(config):
    # Set once and in the options, so that parallel workers are given the same one.
    if config.getoption(_OPTION) is None:
        config.option.quantumlink_seed = int(os.environ.get(_VARIABLE) or secrets.randbits(32))


def pytest_report_header(config):
    return f"quantumlink seed: {config.getoption(_OPTION)}"


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    if exitstatus:  # a quiet run prints no header
        terminalreporter.write_line(f"quantumlink seed: rerun with {_OPTION}={config.getoption(_OPTION)}")


@pytest.fixture
def seed(request):
    """An integer in [0, 2³¹), this test's own."""
    text = f"{request.config.getoption(_OPTION)}:{request.node.nodeid}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@pytest.fixture
def rng(seed):
    """A numpy Generator, this test's own."""
    return np.random.default_rng(seed)
