"""Checks of plain arguments: each names the argument, the value it got and what would be accepted."""

from __future__ import annotations

import operator
from typing import Any, SupportsIndex


def as_count(name: str, value: SupportsIndex, *, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``.

    Raises:
        ValueError: if ``value`` is no integer, or is too small.

    >>> as_count("n", 5)
    5
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}") from None
    if count < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {count}")
    return count


def as_probability(name: str, value: float) -> float:
    """A number in [0, 1], both ends included.

    Raises:
        ValueError: if ``value`` lies outside, or is not a number.

    >>> as_probability("qber", 0)
    0.0
    """
    number = _as_float(name, value, "a number in [0, 1]")
    if not 0 <= number <= 1:  # written so that NaN is refused as well
        raise ValueError(f"{name} must be a number in [0, 1], got {number}")
    return number


def as_tolerance(name: str, value: float) -> float:
    """A number strictly between 0 and 1: a failure probability, or a fraction that leaves something over.

    Raises:
        ValueError: if ``value`` lies outside, or is not a number.

    >>> as_tolerance("eps_sec", 1e-10)
    1e-10
    """
    number = _as_float(name, value, "a number strictly between 0 and 1")
    if not 0 < number < 1:
        raise ValueError(f"{name} must be a number strictly between 0 and 1, got {number}")
    return number


def as_finite(name: str, value: float, *, minimum: float) -> float:
    """A finite number of at least ``minimum``.

    Raises:
        ValueError: if ``value`` is smaller, infinite, or not a number.

    >>> as_finite("leak", 211_000, minimum=0)
    211000.0
    """
    number = _as_float(name, value, f"a finite number of at least {minimum}")
    if not minimum <= number < float("inf"):
        raise ValueError(f"{name} must be a finite number of at least {minimum}, got {number}")
    return number


def _as_float(name: str, value: Any, allowed: str) -> float:
    try:
        if not isinstance(value, str | bytes):  # float() would read them
            return float(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be {allowed}, got {value!r}")
