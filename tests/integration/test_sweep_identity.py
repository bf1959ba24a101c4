"""Which points a cache takes for the same: by the task's name and the content of arguments."""

import importlib
import itertools
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.estimation import Estimate
from quantumlink.sweeps import sweep
from quantumlink.sweeps.identity import encode, sha256, task_identity


@pytest.fixture(scope="module")
def here():
    with ThreadPoolExecutor(2) as here:
        yield here


@pytest.fixture
def settled(monkeypatch):
    """For tests across processes: somebody may be editing the library while they run."""
    monkeypatch.setattr("quantumlink.sweeps.identity.library_digest", bytes)


def lines_of(cache):
    return [line for path in Path(cache).rglob("*.jsonl") for line in path.read_bytes().splitlines()]


def module(tmp_path, monkeypatch, source, name):
    """A user's own module, imported anew."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions of one size within a second look alike
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(source)
    importlib.invalidate_caches()
    sys.modules.pop(name, None)
    return importlib.import_module(name)


FIRST = """
def f(x):
    return 2 * x
"""


def test_a_point_is_its_task_and_arguments_whatever_the_code(here, tmp_path, monkeypatch):
    def run(source, task):
        own = module(tmp_path, monkeypatch, source, "own_module")
        return sweep(own.f, {"x": [5]}, executor=here, cache=tmp_path / "c", task=task)["value"].tolist()

    assert run(FIRST, "double, 1") == [10]
    with pytest.warns(UserWarning, match=r"1 of 1 points of the task 'double, 1' .* when f had another text"):
        assert run(FIRST.replace("2 *", "3 *"), "double, 1") == [10]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("# elsewhere\n" + FIRST, "double, 1") == [10]
        assert run(FIRST.replace("2 *", "3 *"), "double, 2") == [15]
        assert run(FIRST.replace("f(x)", "f(x, factor=2)"), "three") == [10]
    assert len(lines_of(tmp_path / "c")) == 3
    # New points of an edited function do not speak for the old ones.
    own = module(tmp_path, monkeypatch, FIRST.replace("2 *", "3 *"), "own_module")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"1 of 2 points"):
            found = sweep(own.f, {"x": [5, 6]}, executor=here, cache=tmp_path / "c", task="double, 1")
        assert found["value"].tolist() == [10, 18]


def test_functions_without_a_text_of_their_own_are_taken_as_they_are(here, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            given = {"executor": here, "cache": tmp_path, "task": "powers"}
            assert sweep(partial(pow, 3), {"exp": [2]}, **given)["value"].tolist() == [9]
            assert sweep(Which(), {"given": [1]}, **given)["value"].tolist() == [0.5]
    assert len(lines_of(tmp_path)) == 2


@dataclass(frozen=True)
class Policy:
    limit: int
    links: tuple = ()


def leaf(fidelity, **more):
    return ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=fidelity, **more)


def network(*links, name="", turned=False):
    nodes = [ql.Node("a"), ql.Node("b"), ql.Node("c", role="trusted" if turned else "end")]
    return ql.Network(nodes, links, name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("1", b"1"),
        ((1, 2), [1, 2]),
        ((1, (2,)), ((1, 2),)),
        (("ab", "c"), ("a", "bc")),
        ((b"a", b"b5bytesc"), (b"a5bytesb", b"c")),
        ((b"a", b"b2bytesc"), (b"a2bytesb", b"c")),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        ({"a": 1}, {"a": 2}),
        (Policy(1), Policy(2)),
        (Policy(1, (leaf(0.9),)), Policy(1, (leaf(0.91),))),
        (leaf(0.9), leaf(0.9, rate_hz=2)),
        (leaf(0.9), leaf(0.9, medium=ql.Fiber(1))),
        (ql.purify(leaf(0.9), leaf(0.9)), ql.purify(leaf(0.9), leaf(0.9), "bbpssw")),
        (ql.purify(leaf(0.9), leaf(0.8)), ql.purify(leaf(0.8), leaf(0.9))),
        (Estimate(0, 0.5, 1), Estimate(0, 0.5, 0.9)),
        (network(leaf(0.9)), network(leaf(0.91))),
        (network(leaf(0.9)), network(leaf(0.9), leaf(0.9))),
        (network(leaf(0.9)), network(leaf(0.9), name="other")),
        (network(leaf(0.9)), network(leaf(0.9), turned=True)),
        (abs, max),
        (Policy, Estimate),
    ],
)
def test_different_arguments_are_different_points(one, other, here, tmp_path):
    table = sweep(Which(), [{"given": one}, {"given": other}], executor=here, cache=tmp_path, task="t", chunk=1)
    assert len(lines_of(tmp_path)) == 2
    assert len(table) == 2


def test_the_library_is_part_of_a_point(here, tmp_path, monkeypatch):
    for version in (b"1", b"2", b"1"):
        monkeypatch.setattr("quantumlink.sweeps.identity.library_digest", lambda version=version: version)
        sweep(Which(), {"given": [1]}, executor=here, cache=tmp_path, task="t")
    assert len(lines_of(tmp_path)) == 2


@dataclass(frozen=True)
class Which:
    """A policy that is called."""

    def __call__(self, given):
        return 0.5


def test_equal_content_is_one_point(here, tmp_path):
    deep = [leaf(0.9)] + [
        ql.ElementaryLink(ql.Node(a), ql.Node(b), fidelity=0.9)
        for a, b in itertools.pairwise(["b", *map(str, range(1500))])
    ]
    for value in (
        1.5,
        leaf(0.9),
        ql.purify(leaf(0.9), leaf(0.9)),
        np.arange(4),
        {3, 1, 2},
        Policy(3),
        {"a": (1, None)},
    ):
        sweep(Which(), {"given": [value]}, executor=here, cache=tmp_path, task="t")
    for value in (
        np.float64(1.5),
        leaf(np.float64(0.9)),
        ql.purify(leaf(0.9), leaf(0.9)),
        np.arange(8)[:4],
        {2, 3, 1},
        Policy(3),
        {"a": (1, None)},
    ):
        sweep(Which(), {"given": [value]}, executor=here, cache=tmp_path, task="t")
    assert len(lines_of(tmp_path)) == 7
    # A chain deeper than Python's stack, its parts shared.
    for _ in range(2):
        sweep(Which(), {"given": [ql.chain(deep, order="sequential")]}, executor=here, cache=tmp_path, task="t")
    assert len(lines_of(tmp_path)) == 8


def test_equal_networks_are_one_point(here, tmp_path):
    for _ in range(2):
        sweep(Which(), {"given": [network(leaf(0.9), name="n")]}, executor=here, cache=tmp_path, task="t")
    assert len(lines_of(tmp_path)) == 1


def test_what_has_no_content_is_refused(here, tmp_path):
    for value in (object(), lambda x: x, np.random.default_rng(1), partial(pow, 3)):
        with pytest.raises(TypeError, match=r"a cache cannot know .*\(x=.*again: cannot tell"):
            sweep(lambda x: 1, {"x": [value]}, executor=here, cache=tmp_path, task="t")
        with pytest.raises(TypeError, match="no seed can be derived"):
            sweep(lambda x, seed: 1, {"x": [value]}, executor=here, seed=1)
        assert sweep(lambda x: 1, {"x": [value]}, executor=here)["value"].tolist() == [1]


def test_identity_is_the_same_in_another_process(settled):
    """Sets and dictionaries of strings must not depend on the hash seed."""

    value = {"a", "b", "c", "d", "e"}, {"z": 1.5, "y": None}, [2**70, 1j, b"q"]
    expected = [task_identity("t"), sha256(encode(value)).hex()]
    code = (
        "from quantumlink.sweeps.identity import *\n"
        "import quantumlink.sweeps.identity as identity; identity.library_digest = bytes\n"
        f"print(task_identity('t'), sha256(encode({value})).hex())"
    )
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        out = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert out.stdout.split() == expected
