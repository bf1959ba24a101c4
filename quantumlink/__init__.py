"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps, purifications and encodings. `compose`, `evaluate`, `forecast`,
`simulate`, `sample` and `submit` are readings of it: the circuit, the exact state, that state in time by its means
and trial by trial, the measured state here or on hardware.
"""

from importlib import import_module
from typing import Any

import lazy_loader

__version__ = "0.2.0"

# All names stand in the stub. What they need is loaded at the first use: a command answers before Qiskit is there.
_public, _public_names, __all__ = lazy_loader.attach_stub(__name__, __file__)

_LOADED = ("arrays", "codes", "estimation", "hardware", "link", "program", "rates", "tables", "validation")
"""Modules that are there without an import of their own."""


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.{name}") if name in _LOADED else _public(name)


def __dir__() -> list[str]:
    return sorted([*_public_names(), "__version__"])
