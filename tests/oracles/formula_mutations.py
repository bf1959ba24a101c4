"""Mutants of formulas: a function of the library with one number or one operator of its source changed.

A mutant takes the function's place everywhere it is known by name, for as long as a test looks at it. Texts, types
and docstrings are left alone.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
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


def mutants(target: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every mutant of a function, ``"module:name"`` or ``"module:Class.name"``: what was changed, and its tree."""
    tree = _tree(target)
    for place, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            copied = deepcopy(tree)
            changed = next(n for i, n in enumerate(ast.walk(copied)) if i == place)
            change(changed)
            where = f"line {node.lineno}, column {node.col_offset}"  # type: ignore[attr-defined]
            yield f"{target.partition(':')[2]}, {where}: {what}", copied


@contextmanager
def in_place_of(target: str, tree: ast.FunctionDef) -> Iterator[None]:
    """Let a mutant stand wherever the function is known by its name."""
    owner, name, original = _found(target)
    function = _function(original)
    scope = dict(function.__globals__)
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), f"<mutant of {target}>", "exec"), scope)
    mutant = scope[name]
    mutant.__kwdefaults__ = mutant.__kwdefaults__ or function.__kwdefaults__
    if isinstance(original, (property, classmethod, staticmethod)):
        mutant = type(original)(mutant)
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


def survivors(target: str, checks: Iterable[Callable[[], None]]) -> list[str]:
    """The mutants that pass all checks, each of which the function itself passes."""
    checks, found = list(checks), []
    for check in checks:  # else every mutant would seem to be noticed
        check()
    for name, tree in mutants(target):
        with in_place_of(target, tree), np.errstate(all="ignore"):
            try:
                for check in checks:
                    check()
            except Exception:
                continue
        found.append(name)
    return found


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
