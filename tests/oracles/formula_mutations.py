"""Mutants of formulas: a function of the library with one number or one operator of its source changed.

A mutant takes the function's place everywhere it is known by name, for as long as a test looks at it. Texts, types
and docstrings are left alone.
"""

from __future__ import annotations

import ast
import inspect
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

EXCHANGED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
}


def mutants(target: str) -> Iterator[tuple[str, Any]]:
    """Every mutant of ``"module:name"`` or ``"module:Class.name"``: what was changed, and what it is then.

    Of a function that is its tree; a number of a module has a value one higher and one twice as high.
    """
    if isinstance(value := _found(target)[2], (int, float)):
        yield from ((f"{target.partition(':')[2]} is {other}", other) for other in (value + 1, value * 2))
        return
    tree = _tree(target)
    for place, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            copied = deepcopy(tree)
            changed = next(n for i, n in enumerate(ast.walk(copied)) if i == place)
            change(changed)
            where = f"line {node.lineno}, column {node.col_offset}"  # type: ignore[attr-defined]
            yield f"{target.partition(':')[2]}, {where}: {what}", copied


@contextmanager
def in_place_of(target: str, changed: Any) -> Iterator[None]:
    """Let a mutant stand wherever the original is known by its name."""
    owner, name, original = _found(target)
    mutant = _compiled(target, name, original, changed) if isinstance(changed, ast.FunctionDef) else changed
    places = [owner]
    if not isinstance(owner, type):
        known = [module for key, module in sys.modules.items() if key.startswith("quantumlink")]
        places = [module for module in known if vars(module).get(name) is original]
    for each in places:
        setattr(each, name, mutant)
    try:
        yield
    finally:
        for each in places:
            setattr(each, name, original)


def _compiled(target: str, name: str, original: Any, tree: ast.FunctionDef) -> Any:
    function = _function(original)
    scope = dict(function.__globals__)
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), f"<mutant of {target}>", "exec"), scope)
    mutant = scope[name]
    mutant.__kwdefaults__ = mutant.__kwdefaults__ or function.__kwdefaults__
    return type(original)(mutant) if isinstance(original, (property, classmethod, staticmethod)) else mutant


def survivors(target: str, checks: Iterable[Callable[[], None]]) -> list[str]:
    """The mutants that pass all checks, each of which the function itself passes."""
    checks, found = list(checks), []
    for _ in range(2):  # else every mutant would seem to be noticed; the second time nothing is worked out anew
        begun = time.process_time()
        for check in checks:
            check()
    limit = 0.5 + 10 * (time.process_time() - begun)
    for name, tree in mutants(target):
        with in_place_of(target, tree), np.errstate(all="ignore"), _no_longer_than(limit):
            try:
                for check in checks:
                    check()
            except Exception:
                continue
        found.append(name)
    return found


@contextmanager
def _no_longer_than(cpu_s: float) -> Iterator[None]:
    """End what goes on for ever, as halving does where a sign is wrong; that is noticed, too."""

    def ended(number: int, frame: Any) -> None:
        raise TimeoutError(f"more than {cpu_s} s")

    before = signal.signal(signal.SIGVTALRM, ended)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _changes(node: ast.AST) -> list[tuple[str, Any]]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        return [
            (f"{value} is {other}", _setter("value", other)) for other in (value + 1, value * 2) if other != value
        ]
    if isinstance(node, ast.BinOp) and type(node.op) in EXCHANGED:
        other = EXCHANGED[type(node.op)]
        return [(f"{type(node.op).__name__} is {other.__name__}", _setter("op", other()))]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [("a sign is lost", _setter("op", ast.UAdd()))]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):
        other = "min" if node.func.id == "max" else "max"
        return [(f"{node.func.id} is {other}", _setter("func", ast.Name(other, ast.Load())))]
    return []


def _setter(field: str, value: Any) -> Any:
    return lambda node: setattr(node, field, value)


def _found(target: str) -> tuple[Any, str, Any]:
    module, _, path = target.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    return owner, name, vars(owner)[name]


def _function(original: Any) -> FunctionType:
    if isinstance(original, property):
        return original.fget  # type: ignore[return-value]
    return original.__func__ if isinstance(original, (classmethod, staticmethod)) else original


def _tree(target: str) -> ast.FunctionDef:
    function = _function(_found(target)[2])
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list, tree.returns = [], None
    for argument in (*tree.args.args, *tree.args.kwonlyargs):
        argument.annotation = None
    tree.body = [
        line for line in tree.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # what a report says
            node.values = [ast.Constant("text")]
    return tree
