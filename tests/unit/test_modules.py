"""Modules are what their names say, and know of one another in one direction only."""

import ast
import importlib
import pkgutil
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest
import quantumlink_circuits

import quantumlink
from quantumlink import qkd


def names_of(root):
    return [info.name for info in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")]


@pytest.mark.parametrize("root", [quantumlink, quantumlink_circuits], ids=lambda root: root.__name__)
def test_no_module_is_hidden_by_what_its_package_exports(root):
    names = names_of(root)
    assert len(names) > 20
    for name in names:
        importlib.import_module(name)
    hidden = []
    for name in names:
        package, _, leaf = name.rpartition(".")
        if getattr(sys.modules[package], leaf) is not sys.modules[name]:
            hidden.append(name)
    assert not hidden


def imported(tree, modules):
    """The modules of ours that a module imports, within functions too, but not for the sake of types alone."""
    stack, found = [tree], set()
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in whole}
        stack += ast.iter_child_nodes(node)
    return found & modules


@pytest.mark.parametrize("root", [quantumlink, quantumlink_circuits], ids=lambda root: root.__name__)
def test_no_imports_go_in_circles_not_even_those_within_functions(root):
    modules = set(names_of(root))
    graph = {}
    for name in modules:
        tree = ast.parse(Path(find_spec(name).origin).read_text(encoding="utf-8"))
        graph[name] = imported(tree, modules) - {name}
    TopologicalSorter(graph).prepare()  # which names a circle, if there is one


def test_the_names_of_the_key_protocols_stand_in_one_place_and_load():
    names = qkd.__all__
    assert len(names) == len(set(names)) > 100
    assert {"BB84", "bb84", "Key", "finite_key_length"} <= set(names)
    homes = {getattr(getattr(qkd, name), "__module__", "quantumlink") for name in names}
    assert all(home.startswith("quantumlink") for home in homes)
    assert set(names) <= set(dir(qkd))
    with pytest.raises(AttributeError, match="no attribute 'bb48'"):
        qkd.bb48  # noqa: B018
