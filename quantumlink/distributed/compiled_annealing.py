"""The annealing compiled by numba, where it is installed; else it runs as it is, some twenty times more slowly."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from inspect import getsource
from types import FunctionType
from typing import Any

from quantumlink.distributed import cover_arrays, run_annealing

MODULES = (cover_arrays, run_annealing)
"""Those that it is made of."""


@cache
def has_numba() -> bool:
    """Whether numba is installed."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def compiled_anneal() -> Callable[..., tuple[float, float]]:
    """`anneal` of `quantumlink.distributed.run_annealing`, compiled for arrays. The first time takes a while."""
    from numba import njit

    # Numba's cache looks at the file of a function only, not at those of the functions that it calls.
    mark = sha256("".join(map(getsource, MODULES)).encode()).hexdigest()[:16]
    names: dict[str, Any] = {}
    for module in MODULES:
        names.update(vars(module))
    for module in MODULES:
        for name, function in list(vars(module).items()):
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                plain = FunctionType(function.__code__, names, name, function.__defaults__)
                plain.__module__, plain.__qualname__ = module.__name__, f"{name}_{mark}"
                outer = name == "anneal"
                options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
                options["cache" if outer else "no_cpython_wrapper"] = True
                names[name] = njit(**options)(plain)
    anneal: Callable[..., tuple[float, float]] = names["anneal"]
    return anneal
