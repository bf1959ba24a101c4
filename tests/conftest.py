"""The plugin that the library gives to others, and the way to the oracles.

Every test draws from a seed of its own, made of the run's seed and the test's id, so that a failure
repeats in any order and alone: rerun with the printed seed, ``pytest --quantumlink-seed=N`` or the variable
``QUANTUMLINK_SEED``. Without either, each run draws a new one.
"""

import sys
from pathlib import Path

import pytest

pytest_plugins = ["quantumlink.testing.plugin", "pytester"]
# The oracles are plain modules, shared by tests of several folders: ``from oracles.density import ...``.
sys.path.insert(0, str(Path(__file__).parent))


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
