"""The loop compiled by numba, where it is installed.

Else it runs as it is, or for many trials at once (`quantumlink.network.control.lockstep`): more slowly, with the
same results.

The loop's functions are plain ones, on two tuples of some hundred arrays. Handed over as such, every call would
pass a thousand numbers, and compiling would take minutes. So the arrays are laid one after the other into two, one
of integers and one of floats, and the functions are rewritten: ``S.made[pair]`` becomes ``F[O[k] + pair]``, with
the table O saying where each array begins, how long it is, and how far apart its rows are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from inspect import getsource
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray, IntArray
from quantumlink.network.control import advancing, fusing, links, pool, rules, states, tables
from quantumlink.network.control.tables import State, Tables
from quantumlink.progress import doing

MODULES = (pool, states, links, rules, fusing, advancing)
"""Those that the loop is made of, each needing only those before."""

ENTRIES = 4
"""Of each array in the table O: its beginning, its length, how far apart rows are, and planes' rows."""

COMPILED_ONCE = ("push", "at_slot", "after_slot")
"""Functions that are called with many constants: for each of these numba would compile them anew."""

GIVEN = ("O", "I", "F")
"""What every function gets in the place of the tuples."""

Fields = dict[tuple[str, str], tuple[int, str, int]]
"""For each tuple and field its number, I or F, and how many axes it has."""


@dataclass(eq=False)
class Packed:
    """The arrays of a run, laid out for the compiled loop."""

    S: State
    """Views into what follows."""
    O: IntArray  # noqa: E741
    I: IntArray  # noqa: E741
    F: FloatArray

    @classmethod
    def of(cls, T: Tables, S: State) -> Packed:
        """Lay out tables and state; the state's arrays are copied, and are views from then on."""
        sizes = {"I": 0, "F": 0}
        table, places = [], []
        for value in (*T, *S):
            array, kind = np.asarray(value), _kind(value)
            shape = (*array.shape, 1, 1, 1)
            rows = [int(np.prod(array.shape[axis:])) for axis in (1, 2)]
            table.append([sizes[kind], shape[0] if array.ndim else 1, *rows])
            places.append((kind, sizes[kind], array))
            sizes[kind] += array.size
        both: dict[str, Any] = {"I": np.zeros(sizes["I"], dtype=np.int64), "F": np.zeros(sizes["F"])}
        views: list[Any] = []
        for kind, start, array in places:
            view = both[kind][start : start + array.size].reshape(array.shape)
            view[...] = array
            views.append(view)
        offsets = np.array(table, dtype=np.int64).reshape(-1)
        return cls(State(*views[len(T) :]), offsets, both["I"], both["F"])


@cache
def has_numba() -> bool:
    """Whether numba is installed."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


_compiled: dict[int, Callable[..., int]] = {}


def compiled_advance(T: Tables, S: State) -> Callable[..., int]:
    """`advance`, compiled: takes O, I, F, the random numbers and the slot until which to go.

    Args:
        T: any tables, for the number of axes of each.
        S: any state, likewise.
    """
    if not _compiled:
        fields = _fields(T, S)
        # Numba's cache looks at the file of a function only, not at those of the functions that it calls.
        mark = sha256("".join(getsource(m) for m in (tables, *MODULES)).encode()).hexdigest()[:16]
        names: dict[str, Any] = {"np": np}
        for module in MODULES:
            names.update({k: v for k, v in vars(module).items() if isinstance(v, (int, float)) and k.isupper()})
        known = [f.name for module in MODULES for f in _functions(module)]
        for module in MODULES:
            for function in _functions(module):
                rewritten = _Rewriting(fields, known).visit(function)
                tree = ast.fix_missing_locations(ast.Module([rewritten], []))
                exec(compile(tree, str(module.__file__), "exec"), names)  # our own source, rewritten
                plain = names[function.name]
                plain.__qualname__ = f"{function.name}_{mark}"
                plain.__module__ = module.__name__
                options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
                options["cache" if function.name == "advance" else "no_cpython_wrapper"] = True
                names[function.name] = _jitted(plain, options)
        _compiled[0] = names["advance"]
    return _compiled[0]


def _jitted(plain: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A function that is compiled when it is needed; kept on disk only where there is a folder for that."""
    from numba import njit

    try:
        return njit(**options)(plain)
    except RuntimeError:  # numba can write nowhere
        return njit(**{**options, "cache": False})(plain)


def compile_now(T: Tables, S: State) -> None:
    """Compile `advance`, or read it from disk, before it is first called."""
    from numba import typeof

    advance, packed = compiled_advance(T, S), Packed.of(T, S)
    arguments = (packed.O, packed.I, packed.F, np.random.default_rng(0), 0)
    with doing("compiling the loop: half a minute or more the first time, a second once it is kept on disk"):
        advance.compile(tuple(map(typeof, arguments)))  # type: ignore[attr-defined]


def _functions(module: Any) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(getsource(module)).body if isinstance(node, ast.FunctionDef)]


def _kind(value: Any) -> str:
    return "F" if np.asarray(value).dtype.kind == "f" else "I"


def _fields(T: Tables, S: State) -> Fields:
    named = [("T", name, value) for name, value in zip(T._fields, T, strict=True)]
    named += [("S", name, value) for name, value in zip(S._fields, S, strict=True)]
    return {(owner, name): (i, _kind(x), np.asarray(x).ndim) for i, (owner, name, x) in enumerate(named)}


class _Rewriting(ast.NodeTransformer):
    """Takes the tuples out of a function."""

    def __init__(self, fields: Fields, known: list[str]) -> None:
        self._fields, self._known = fields, known

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        own = [argument.arg for argument in node.args.args if argument.arg not in ("T", "S")]
        node.args.args = [ast.arg(name) for name in (*GIVEN, *own)]
        node.returns = None
        node.body = [self.visit(part) for part in node.body]
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "len" and (field := self._field(node.args[0])) is not None:
            return _entry(field[0], 1)
        if name in self._known:
            own = [x for x in node.args if not (isinstance(x, ast.Name) and x.id in ("T", "S"))]
            given: list[ast.expr] = [ast.Name(x, ast.Load()) for x in GIVEN]
            passed = [self.visit(x) for x in own]
            node.args = [*given, *(map(_no_literal, passed) if name in COMPILED_ONCE else passed)]
            return node
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        field = self._field(node.value)
        if field is None:
            return self.generic_visit(node)
        number, array, axes = field
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        start: ast.expr = _entry(number, 0)
        if axes == 1 and isinstance(index[0], ast.Slice):
            low, high = index[0].lower, index[0].upper
            assert low is not None
            assert high is not None
            bounds = (ast.BinOp(start, ast.Add(), self.visit(x)) for x in (low, high))
            return _part(array, ast.Slice(*bounds), node.ctx)
        for axis, place in enumerate(index):
            step: ast.expr = self.visit(place)
            if axis < axes - 1:
                step = ast.BinOp(step, ast.Mult(), _entry(number, 2 + axis))
            start = ast.BinOp(start, ast.Add(), step)
        if len(index) == axes:
            return _part(array, start, node.ctx)
        end = ast.BinOp(start, ast.Add(), _entry(number, 1 + len(index)))
        return _part(array, ast.Slice(start, end), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        field = self._field(node)
        if field is None:
            return self.generic_visit(node)
        number, array, axes = field
        start = _entry(number, 0)
        if not axes:
            return _part(array, start, node.ctx)
        return _part(array, ast.Slice(start, ast.BinOp(start, ast.Add(), _entry(number, 1))), node.ctx)

    def _field(self, node: ast.expr) -> tuple[int, str, int] | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return self._fields.get((node.value.id, node.attr))
        return None


def _no_literal(node: ast.expr) -> ast.expr:
    """A constant as any other integer."""
    named = isinstance(node, ast.Name) and node.id.isupper() and node.id not in GIVEN
    whole = isinstance(node, ast.Constant) and isinstance(node.value, int)
    if not (named or whole):
        return node
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), "int64", ast.Load()), [node], [])


def _entry(number: int, which: int) -> ast.Subscript:
    return ast.Subscript(ast.Name("O", ast.Load()), ast.Constant(ENTRIES * number + which), ast.Load())


def _part(array: str, index: ast.expr, context: ast.expr_context) -> ast.Subscript:
    return ast.Subscript(ast.Name(array, ast.Load()), index, context)
