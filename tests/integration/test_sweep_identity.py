"""Which points a cache takes for the same: by the content of arguments, and by everything that made the number."""

import importlib
import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.estimation import Estimate
from quantumlink.sweeps import sweep
from quantumlink.sweeps.identity import encode, function_identity, sha256


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


BASE = """
import own_constants
SCALE = 2
def helper(x): return x
class Rule:
    def apply(self, x): return helper(x)
def f(x, offset=0):
    return SCALE * Rule().apply(x) + offset + own_constants.SHIFT
"""


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("SCALE * Rule", "3 + Rule", 8),
        ("SCALE = 2", "SCALE = 3", 15),
        ("helper(x): return x", "helper(x): return -x", -10),
        ("return helper(x)", "return 1 + helper(x)", 12),
        ("offset=0", "offset=1", 11),
        ("def f", "# only a comment\ndef f", 10),
    ],
)
def test_a_changed_function_is_computed_anew(here, tmp_path, monkeypatch, old, new, value):
    module(tmp_path, monkeypatch, "SHIFT = 0", "own_constants")
    run = lambda source: sweep(
        module(tmp_path, monkeypatch, source, "own_module").f, {"x": [5]}, executor=here, cache=tmp_path / "c"
    )["value"].tolist()
    assert run(BASE) == [10]
    assert run(BASE.replace(old, new)) == [value]
    assert len(lines_of(tmp_path / "c")) == (1 if value == 10 else 2)
    assert run(BASE) == [10]
    assert len(lines_of(tmp_path / "c")) == (1 if value == 10 else 2)


def test_a_changed_module_is_computed_anew(here, tmp_path, monkeypatch):
    for shift in (0, 4):
        module(tmp_path, monkeypatch, f"SHIFT = {shift}", "own_constants")
        own = module(tmp_path, monkeypatch, BASE, "own_module")
        assert sweep(own.f, {"x": [5]}, executor=here, cache=tmp_path / "c")["value"].tolist() == [10 + shift]


def test_closures_defaults_and_lambdas_on_one_line(here, tmp_path):
    def times(factor):
        return lambda x: factor * x

    both = [lambda x: x + 1, lambda x: x + 2]
    functions = [times(2), times(3), *both, partial(pow, 3), partial(pow, 4)]
    for _ in range(2):
        found = []
        for function in functions[:4]:
            found += sweep(function, {"x": [5]}, executor=here, cache=tmp_path)["value"].tolist()
        for function in functions[4:]:
            found += sweep(function, {"exp": [2]}, executor=here, cache=tmp_path)["value"].tolist()
        assert found == [10, 15, 6, 7, 9, 16]
    assert len(lines_of(tmp_path)) == 6


@dataclass(frozen=True)
class Policy:
    limit: int
    links: tuple = ()


def leaf(fidelity, **more):
    return ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=fidelity, **more)


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
        (abs, max),
    ],
)
def test_different_arguments_are_different_points(one, other, here, tmp_path):
    table = sweep(Which(), [{"given": one}, {"given": other}], executor=here, cache=tmp_path, chunk=1)
    assert len(lines_of(tmp_path)) == 2
    assert len(table) == 2


def test_the_library_is_part_of_a_point(here, tmp_path, monkeypatch):
    for version in (b"1", b"2", b"1"):
        monkeypatch.setattr("quantumlink.sweeps.identity.library_digest", lambda version=version: version)
        sweep(Which(), {"given": [1]}, executor=here, cache=tmp_path)
    assert len(lines_of(tmp_path)) == 2


@dataclass(frozen=True)
class Which:
    """A policy that is called: told by its class's code and its fields."""

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
        sweep(Which(), {"given": [value]}, executor=here, cache=tmp_path)
    for value in (
        np.float64(1.5),
        leaf(np.float64(0.9)),
        ql.purify(leaf(0.9), leaf(0.9)),
        np.arange(8)[:4],
        {2, 3, 1},
        Policy(3),
        {"a": (1, None)},
    ):
        sweep(Which(), {"given": [value]}, executor=here, cache=tmp_path)
    assert len(lines_of(tmp_path)) == 7
    # A chain deeper than Python's stack, its parts shared.
    for _ in range(2):
        sweep(Which(), {"given": [ql.chain(deep, order="sequential")]}, executor=here, cache=tmp_path)
    assert len(lines_of(tmp_path)) == 8


def test_what_has_no_content_is_refused(here, tmp_path):
    generator = np.random.default_rng(1)
    with pytest.raises(TypeError, match=r"uses the variable generator: cannot tell .*Generator.*without a cache"):
        sweep(lambda x: generator.random(), {"x": [1]}, executor=here, cache=tmp_path)
    with pytest.raises(TypeError, match=r"a cache cannot know .*\(x=<object"):
        sweep(lambda x: 1, {"x": [object()]}, executor=here, cache=tmp_path)
    with pytest.raises(TypeError, match="no seed can be derived"):
        sweep(lambda x, seed: 1, {"x": [object()]}, executor=here, seed=1)
    assert sweep(lambda x: 1, {"x": [object()]}, executor=here)["value"].tolist() == [1]


def test_identity_is_the_same_in_another_process(tmp_path, monkeypatch, settled):
    """Sets and dictionaries of strings must not depend on the hash seed."""

    value = {"a", "b", "c", "d", "e"}, {"z": 1.5, "y": None}, [2**70, 1j, b"q"]
    own = module(
        tmp_path, monkeypatch, BASE.replace("import own_constants", "import math as own_constants"), "own_module"
    )
    expected = [function_identity(own.f), sha256(encode(value)).hex()]
    code = (
        "import own_module; from quantumlink.sweeps.identity import *\n"
        "import quantumlink.sweeps.identity as identity; identity.library_digest = bytes\n"
        f"print(function_identity(own_module.f), sha256(encode({value})).hex())"
    )
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": hash_seed}
        out = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert out.stdout.split() == expected
