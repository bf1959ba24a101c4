"""What can be read off the source of the loop: where ways part for good, which names are kept, what is changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import getsource
from types import ModuleType

OF_A_TRIAL = ("requests", "requests_from", "changes_at", "changes_kind", "changes_what", "changes_state")
"""The tables that each trial has for itself."""

ALIKE = (
    ("made", "list", "age", "following", "preceding", "spare"),
    ("since", "known", "bank", "node"),
    ("heap_key", "heap_order", "heap_time", "heap_kind", "heap_what", "heap_age"),
    ("link_up", "link_state", "link_age", "running", "unheard", "holder", "ready", "score"),
    ("first", "last", "size"),
    ("filled", "filled_place"),
    ("filled_size", "active", "held", "route_age", "dirty", "list_of_dirty"),
    ("arrived", "gone", "last_served", "served_ever", "fusing"),
    ("served", "blocked", "latency", "fidelity"),
    ("record_flow", "record_route", "record_fidelity"),
)
"""Fields of the state that always have the same shape, so that places in one are places in the others."""

Path = tuple[tuple[int, int], ...]
"""Where a statement is: of each suite around it, which it is and the place in it."""


@dataclass(frozen=True)
class Loop:
    """What all functions have in common."""

    axes: dict[tuple[str, str], int]
    """Of each field of tables ("T") and state ("S"), how many axes it has."""
    changes: dict[str, set[str]]
    """Of each function, the fields of the state that it may change."""


def functions_of(modules: Sequence[ModuleType]) -> list[ast.FunctionDef]:
    """All functions of some modules."""
    return [n for module in modules for n in ast.parse(getsource(module)).body if isinstance(n, ast.FunctionDef)]


def drops(node: ast.stmt) -> bool:
    """Whether not all that come to a statement may go on after it."""
    if isinstance(node, (ast.Return, ast.Break, ast.Continue)):
        return True
    if isinstance(node, ast.If):
        return any(drops(inner) for inner in [*node.body, *node.orelse])
    return isinstance(node, (ast.For, ast.While)) and has([node], ast.Return)


def has(body: Sequence[ast.AST], *kinds: type[ast.AST]) -> bool:
    """Whether there is something of some kinds within."""
    return any(isinstance(inner, kinds) for node in body for inner in ast.walk(node))


def called(node: ast.AST, known: set[str]) -> set[str]:
    """Which functions of the loop are called within."""
    calls = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name) and func.id in known}


def draws(node: ast.AST) -> bool:
    """Whether random numbers are drawn within, by itself."""
    return any(
        isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "rng"
        for n in ast.walk(node)
    )


def stored(node: ast.AST) -> set[str]:
    """Fields of the state that are changed within, by itself."""
    return {
        n.value.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Attribute)
    }


def changes(trees: Sequence[ast.FunctionDef]) -> dict[str, set[str]]:
    """Of each function, the fields of the state that it and those that it calls may change."""
    known = {tree.name for tree in trees}
    found: dict[str, set[str]] = {}
    for tree in trees:
        found[tree.name] = stored(tree)
    while True:
        before = sum(map(len, found.values()))
        for tree in trees:
            for name in called(tree, known):
                found[tree.name] |= found[name]
        if sum(map(len, found.values())) == before:
            return found


def assigned(nodes: Sequence[ast.stmt]) -> set[str]:
    """Names that are assigned within."""
    names = (n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def wide_names(tree: ast.FunctionDef, arguments: Sequence[str]) -> set[str]:
    """Names of which some lanes may get a new value while others keep theirs.

    All but those that are assigned by one statement, and read after it, in its suite.
    """
    stores: dict[str, list[Path]] = {name: [((id(tree.body), -1),)] for name in arguments}
    loads: dict[str, list[Path]] = {}
    for name, path in _uses(tree.body, ()):
        (stores if isinstance(name.ctx, ast.Store) else loads).setdefault(name.id, []).append(path)
    return {
        name
        for name, places in stores.items()
        if len(places) > 1 or not all(_after(places[0], path) for path in loads.get(name, []))
    }


def _after(store: Path, load: Path) -> bool:
    """Whether something is read later in the suite in which it was assigned, or within what comes there."""
    n = len(store) - 1
    return len(load) > n and load[:n] == store[:n] and load[n][0] == store[n][0] and load[n][1] > store[n][1]


def _uses(body: Sequence[ast.stmt], path: Path) -> Iterator[tuple[ast.Name, Path]]:
    """All names in some statements, and where they are."""
    for i, node in enumerate(body):
        here = (*path, (id(body), i))
        for name, value in ast.iter_fields(node):
            if name in ("body", "orelse"):
                yield from _uses(value, here)
                continue
            inside = (*here, (id(node.body), -1)) if isinstance(node, ast.For) and name == "target" else here
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from ((n, inside) for n in ast.walk(part) if isinstance(n, ast.Name))


def own(array: ast.Attribute) -> bool:
    """Whether each trial has such an array for itself."""
    assert isinstance(array.value, ast.Name)
    return array.value.id == "S" or array.attr in OF_A_TRIAL


def first_like(name: str) -> str:
    """The first field of those that have the same shape."""
    return next((alike[0] for alike in ALIKE if name in alike), name)
