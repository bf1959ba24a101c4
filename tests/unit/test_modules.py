"""Modules are what their names say: none is hidden behind a function or object that its package exports."""

import importlib
import pkgutil
import sys

import pytest
import quantumlink_circuits

import quantumlink


@pytest.mark.parametrize("root", [quantumlink, quantumlink_circuits], ids=lambda root: root.__name__)
def test_no_module_is_hidden_by_what_its_package_exports(root):
    names = [info.name for info in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")]
    assert len(names) > 20
    for name in names:
        importlib.import_module(name)
    hidden = []
    for name in names:
        package, _, leaf = name.rpartition(".")
        if getattr(sys.modules[package], leaf) is not sys.modules[name]:
            hidden.append(name)
    assert not hidden
