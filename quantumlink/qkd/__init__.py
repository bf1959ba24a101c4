"""Quantum key distribution: protocols, the way from raw rounds to a secret key, its length."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

# All names stand in the stub, with the modules that they come from; they are loaded at their first use, so that the
# import stays about as quick as Qiskit's own. `lazy_loader` reads stubs too, but only with names from within.
_HOME = {
    alias.name: statement.module
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'quantumlink.qkd' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
