"""The plugin that the library gives to others, and the way to the oracles.

Every run is the same: each test draws from a seed of its own, made of the run's seed (in pyproject.toml) and
the test's id, and Hypothesis chooses its examples by the test's source. ``make explore`` draws all of them anew;
a failure repeats with the printed seed, ``pytest --quantumlink-seed=N`` or the variable ``QUANTUMLINK_SEED``.
"""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["quantumlink.testing.plugin", "pytester"]
# The oracles are plain modules, shared by tests of several folders: ``from oracles.density import ...``.
sys.path.insert(0, str(Path(__file__).parent))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or the tests of Ctrl-C would wait for good

settings.register_profile("repeatable", derandomize=True, deadline=None)  # a loaded machine fails no test
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser):
    parser.addoption("--fuzz-cases", type=int, default=2000, help="random circuits that the fuzz looks at")


@pytest.fixture
def seed(quantumlink_seed):
    """An integer in [0, 2³¹), this test's own."""
    return quantumlink_seed


@pytest.fixture
def rng(quantumlink_rng):
    """A numpy Generator, this test's own."""
    return quantumlink_rng
