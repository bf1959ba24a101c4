"""The catalogue: every builder of the library, found by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from qiskit.circuit import QuantumCircuit


def builders(library: ModuleType | None = None) -> dict[str, Callable[..., QuantumCircuit]]:
    """The public functions that return a circuit and can be called without arguments, by name.

    Args:
        library: a module with ``__all__``; this library if None.

    >>> "teleportation" in builders()
    True
    """
    module = import_module("quantumlink_circuits") if library is None else library
    found = {}
    for name in module.__all__:
        function = getattr(module, name)
        if not inspect.isfunction(function):
            continue
        signature = inspect.signature(function)
        returns = signature.return_annotation in ("QuantumCircuit", QuantumCircuit)
        if returns and all(p.default is not inspect.Parameter.empty for p in signature.parameters.values()):
            found[name] = function
    return dict(sorted(found.items()))
