"""Checks at the door: each returns the value it was given, or says which argument, what it was, what is allowed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from typing import Any

BELL_SUM_TOLERANCE = 1e-9
"""How far the sum of four populations may be from 1 (rounding in a file, not a missing population)."""


def number(name: str, value: Any, *, at_least: float | None = None, at_most: float | None = None) -> float:
    """A finite real number within the given bounds (both included), as float."""
    allowed = _range_text(at_least, at_most)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    result = _as_float(name, value, allowed)
    below = at_least is not None and result < at_least
    above = at_most is not None and result > at_most
    if not isfinite(result) or below or above:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def probability(name: str, value: Any) -> float:
    """A number in [0, 1]."""
    return number(name, value, at_least=0.0, at_most=1.0)


def positive(name: str, value: Any, *, at_most: float | None = None) -> float:
    """A finite number above zero, at most that large, as float."""
    result = number(name, value, at_least=0.0, at_most=at_most)
    if not result:
        raise ValueError(f"{name} must be above zero, got {value!r}")
    return result


def lifetime(name: str, value: Any) -> float:
    """A positive time in seconds; infinity means no decay."""
    allowed = "a positive time in seconds (or infinity)"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    result = _as_float(name, value, allowed)
    if not result > 0:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def count(name: str, value: Any, *, at_least: int = 0) -> int:
    """A whole number, at least that large."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, at least {at_least}; got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be a whole number, at least {at_least}; got {value!r}")
    return int(value)


def choice(name: str, value: Any, allowed: Collection[str]) -> str:
    """One of the allowed words; a near miss is pointed out."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}{did_you_mean(value, allowed)}")
    return value


def did_you_mean(word: Any, allowed: Collection[str]) -> str:
    """The hint that ends an error text, empty if nothing is near."""
    folded = {option.casefold(): option for option in allowed}
    near = get_close_matches(str(word).casefold(), list(folded), n=1)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""


def seed(name: str, value: Any) -> int | None:
    """A whole number, at least 0, or None."""
    return None if value is None else count(name, value)


def sequence(name: str, value: Any, what: str) -> Sequence[Any]:
    """A list, a tuple or the like (no string); ``what`` says in words what it must hold."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of {what}, got {value!r}")
    return value


def instance(name: str, value: Any, kind: type, what: str) -> Any:
    """A value of that class; ``what`` says in words what is allowed."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {what}, got {value!r} ({type(value).__name__})")
    return value


def populations(name: str, value: Any) -> tuple[float, float, float, float]:
    """Four probabilities that sum to 1: the populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
    rule = f"{name} must be four probabilities (Φ+, Φ−, Ψ+, Ψ−) that sum to 1"
    if isinstance(value, str) or not (isinstance(value, Sequence) or hasattr(value, "__array__")):
        raise TypeError(f"{rule}, got {value!r}")
    if any(isinstance(x, bool) or not isinstance(x, Real) for x in value):
        raise TypeError(f"{rule}, got {value!r}")
    numbers = [_as_float(name, x, "four probabilities that sum to 1") for x in value]
    if len(numbers) != 4 or not all(isfinite(x) and 0 <= x <= 1 for x in numbers):
        raise ValueError(f"{rule}, got {value!r}")
    if abs(sum(numbers) - 1) > BELL_SUM_TOLERANCE:
        raise ValueError(f"{rule}, got {value!r} with sum {sum(numbers)!r}")
    a, b, c, d = numbers
    return a, b, c, d


def _as_float(name: str, value: Any, allowed: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {allowed}, got a number too large for a float") from None


def _range_text(at_least: float | None, at_most: float | None) -> str:
    if at_least is not None and at_most is not None:
        return f"a number in [{at_least:g}, {at_most:g}]"
    if at_least is not None:
        return f"a finite number, at least {at_least:g}"
    if at_most is not None:
        return f"a finite number, at most {at_most:g}"
    return "a finite number"
