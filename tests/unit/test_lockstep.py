"""Functions rewritten for many lanes at once do for each lane what they do by themselves."""

import ast
from types import SimpleNamespace

import numpy as np
import pytest

from quantumlink.network.control.lanes import Lanes
from quantumlink.network.control.lockstep import USED
from quantumlink.network.control.loop_source import Loop, changes
from quantumlink.network.control.rewriting import rewritten

SOURCE = '''
def collatz(T, S, start, most):
    """Steps to 1; -1 for more than some."""
    steps, n = 0, start
    while True:
        if n == 1:
            break
        if steps == most:
            return -1
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def larger(T, S, i, j):
    return bool(S.values[i] > S.values[j])


def sort(T, S, first, last):
    """Moves values down to where they belong; gives the number of exchanges."""
    moves = 0
    for i in range(4, last):
        j = i
        while j > first and larger(T, S, j - 1, j):
            S.values[j - 1], S.values[j] = S.values[j], S.values[j - 1]
            moves += 1
            j -= 1
    return moves


def either(T, S, i, j):
    return 2 if i > 2 or larger(T, S, i, j) else int(i)


def exchange(T, S, i, j):
    S.values[i], S.values[j] = S.values[j], S.values[i]


def looks(T, S, i, j):
    """What it looks at changes by its own hand and by another's."""
    before = S.values[i]
    exchange(T, S, i, j)
    between = S.values[i]
    S.values[i] += 10
    S.values[j] = S.values[i] + 1
    between += 3 * S.values[j]
    S.values[j] = before + 7
    return before + 100 * between + 10_000 * S.values[i] + 1_000_000 * S.values[j]


def halves(T, S, n):
    """A whole number for some, and another one for the others."""
    found = 0
    if n % 2 == 1:
        found = n / 2
    if n > 3:
        found = found + n
    return found


def place(T, S, wanted):
    """Where a value is first, from the end; sees half of the even places only, and none behind a 99."""
    for i in range(len(S.values) - 1, -1, -1):
        if i % 4 == 2:
            continue
        if S.values[i] == 99:
            break
        if S.values[i] == wanted and (T.even or i % 2 == 1):
            return i
    return -1


def drawn(T, S, rng, p):
    """How many of four draws are below some probability, if the first one is."""
    count = 0
    for k in range(4):
        if k == 0 and rng.random() >= p:
            return count
        if (k > 0 and rng.random() < p) or k == 0:
            count += 1
    return count


def table(T, S, row):
    total = 0.0
    for k in range(3):
        total += T.weights[row, k] * (1.0 if k < 2 else -2.0)
        S.sums[row, k] += total
    S.sums[3] = S.sums[row]
    return max(total, S.sums[row, 2], 0.5) if row in (0, 2) else -total
'''

TREES = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)]
AXES = {("S", "values"): 1, ("S", "sums"): 2, ("T", "weights"): 2, ("T", "even"): 0}
LANES = 40


class State:
    """Arrays of all lanes, or of one."""

    def __init__(self, values, sums):
        self.lanes = len(values)
        for name, whole in (("values", values), ("sums", sums)):
            setattr(self, name, whole.reshape(-1))
        self.row_size = SimpleNamespace(values=values.shape[1], sums=sums[0].size)
        self.axis0 = SimpleNamespace(values=values.shape[1], sums=sums.shape[1])
        self.axis1 = SimpleNamespace(sums=sums.shape[2])
        self.in_rows = SimpleNamespace(sums=sums.reshape(-1, sums.shape[2]))


class Stream:
    """Numbers of each lane in turn, for many lanes or for one."""

    def __init__(self, numbers):
        self.numbers, self.next = numbers, np.zeros(len(numbers), dtype=int)

    def random(self, lanes):
        found = self.numbers[lanes.which, self.next[lanes.which]]
        self.next[lanes.which] += 1
        return found


def rewritten_functions():
    loop, names = Loop(AXES, changes(TREES)), dict(USED)
    for tree in TREES:
        exec(rewritten(tree, loop), names)
    return names


def plain_functions():
    names = {}
    exec(SOURCE, names)
    return names


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("collatz", [(1, 60), (5, 50)]),
        ("sort", [(0, 4), (4, 9)]),
        ("place", [(0, 5)]),
        ("table", [(0, 3)]),
        ("looks", [(0, 4), (4, 9)]),
        ("halves", [(0, 9)]),
        ("either", [(0, 5), (4, 9)]),
    ],
)
def test_each_lane_does_what_it_does_alone(rng, name, bounds, even):
    values = rng.choice([0, 1, 2, 3, 4, 99], size=(LANES, 9), p=[0.2, 0.2, 0.2, 0.2, 0.15, 0.05])
    sums, weights = rng.normal(size=(LANES, 4, 3)), rng.normal(size=(3, 3))
    arguments = [rng.integers(low, high, LANES) for low, high in bounds]
    T = SimpleNamespace(weights=weights, even=even)
    expected, alone = [], plain_functions()[name]
    own_values, own_sums = values.copy(), sums.copy()
    for lane in range(0, LANES, 2):
        S = SimpleNamespace(values=own_values[lane], sums=own_sums[lane])
        expected.append(alone(T, S, *(int(a[lane]) for a in arguments)))
    lanes = Lanes(np.arange(0, LANES, 2))
    S = State(values, sums)
    found = rewritten_functions()[name](T, S, *(a[::2] for a in arguments), lanes)
    assert found.tolist() == pytest.approx(expected)
    assert len(set(expected)) > 1
    np.testing.assert_array_equal(values, own_values)
    np.testing.assert_allclose(sums, own_sums)


def test_numbers_are_drawn_only_by_those_that_need_them(rng):
    numbers = rng.random((LANES, 5))
    one, expected = plain_functions()["drawn"], []
    for lane in range(LANES):
        drawn = iter(numbers[lane])
        expected.append(one(None, None, SimpleNamespace(random=lambda drawn=drawn: next(drawn)), 0.6))
    S = State(np.zeros((LANES, 1)), np.zeros((LANES, 1, 1)))
    found = rewritten_functions()["drawn"](None, S, Stream(numbers), 0.6, Lanes(np.arange(LANES)))
    assert found.tolist() == expected
    assert set(expected) >= {0, 1, 2, 3}


def test_what_it_does_not_know_is_refused():
    tree = ast.parse("def f(T, S, x):\n    with x:\n        pass").body[0]
    with pytest.raises(NotImplementedError, match="has no With"):
        rewritten(tree, Loop({}, {"f": set()}))
