"""How parts show themselves: by what was said of them, without the defaults."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any


def said(part: Any) -> str:
    """The call that makes this part, positional parameters first; for dataclasses, as their ``__repr__``."""
    every = sorted(fields(part), key=lambda field: bool(field.kw_only))
    values = {field.name: getattr(part, field.name) for field in every if _differs(part, field)}
    return f"{type(part).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def _differs(part: Any, field: Any) -> bool:
    return field.default is MISSING or getattr(part, field.name) != field.default
