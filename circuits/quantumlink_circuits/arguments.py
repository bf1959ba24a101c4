"""What builders check of their arguments: angles and sizes."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from operator import index
from typing import Any

from qiskit.circuit import Parameter, ParameterExpression


def angle(name: str, value: float | ParameterExpression | None) -> float | ParameterExpression:
    """An angle in radians as it is, or a fresh parameter of that name for None.

    Raises:
        TypeError: if it is neither a number nor a Qiskit parameter.
        ValueError: if it is not finite.
    """
    if value is None:
        return Parameter(name)
    if isinstance(value, ParameterExpression):
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be an angle in radians or a Qiskit parameter, got {value!r}")
    if not isfinite(value):
        raise ValueError(f"{name} must be a finite angle in radians, got {value}")
    return float(value)


def whole_number(name: str, value: int, at_least: int = 1) -> int:
    """A size as an int.

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it is too small.
    """
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {number}")
    return number


def probability(name: str, value: Any, rule: str = "a probability in [0, 1]") -> float:
    """A probability as a float; ``rule`` is what the error says that it must be.

    Raises:
        TypeError: if it is not a real number.
        ValueError: if it is outside [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {value!r}")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return float(value)
