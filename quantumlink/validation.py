"""Checks at the door: each returns the value it was given, or says which argument, what it was, what is allowed."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

BELL_SUM_TOLERANCE = 1e-9
"""How far the sum of four populations may be from 1 (rounding in a file, not a missing population)."""


class WrongKind(TypeError, ValueError):
    """A value of the wrong kind; a value error too, so that one clause guards against all bad values."""


def number(name: str, value: Any, *, at_least: float | None = None, at_most: float | None = None) -> float:
    """A finite real number within the given bounds (both included), as float."""
    allowed = _range_text(at_least, at_most)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongKind(f"{name} must be {allowed}, got {value!r}")
    result = _as_float(name, value, allowed)
    below = at_least is not None and result < at_least
    above = at_most is not None and result > at_most
    if not isfinite(result) or below or above:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def probability(name: str, value: Any) -> float:
    """A number in [0, 1]."""
    return number(name, value, at_least=0.0, at_most=1.0)


def probabilities(owner: Any, *names: str) -> None:
    """Check that each of these attributes of a frozen object is a `probability`, and make it a float."""
    for name in names:
        object.__setattr__(owner, name, probability(name, getattr(owner, name)))


SMALLEST_TOLERANCE = 1e-300
"""Below that, parts of a failure probability would be lost among the smallest numbers of a machine."""


def tolerance(name: str, value: Any) -> float:
    """A number strictly between 0 and 1: a failure probability, or a fraction that leaves something over.

    Below 1e-300 it is refused.

    >>> tolerance("eps_sec", 1e-10)
    1e-10
    """
    allowed = "a number strictly between 0 and 1"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongKind(f"{name} must be {allowed}, got {value!r}")
    if not 0 < (result := _as_float(name, value, allowed)) < 1:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    if result < SMALLEST_TOLERANCE:
        raise ValueError(f"{name} must be at least {SMALLEST_TOLERANCE:g}, got {value!r}")
    return result


def tolerances(owner: Any, *names: str) -> None:
    """Check that each of these attributes of a frozen object is a `tolerance`, and make it a float."""
    for name in names:
        object.__setattr__(owner, name, tolerance(name, getattr(owner, name)))


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
        raise WrongKind(f"{name} must be {allowed}, got {value!r}")
    result = _as_float(name, value, allowed)
    if not result > 0:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def count(name: str, value: Any, *, at_least: int = 0, at_most: int | None = None) -> int:
    """A whole number within the given bounds (both included)."""
    return whole(name, value, at_least=at_least, at_most=at_most)


def whole(name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """A whole number, of either sign unless it must be at least that large."""
    told = "a whole number" if at_least is None else f"a whole number, at least {at_least}"
    if at_most is not None:
        told = f"a whole number, {at_least} to {at_most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongKind(f"{name} must be {told}; got {value!r}")
    if (at_least is not None and int(value) < at_least) or (at_most is not None and int(value) > at_most):
        raise ValueError(f"{name} must be {told}; got {value!r}")
    return int(value)


def counts(owner: Any, *names: str, at_least: int = 0) -> None:
    """Check that each of these attributes of a frozen object is a `count`, and make it an int."""
    for name in names:
        object.__setattr__(owner, name, count(name, getattr(owner, name), at_least=at_least))


def flags(owner: Any, *names: str) -> None:
    """Check that each of these attributes of a frozen object is True or False, and make it Python's own."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, (bool, np.bool_)):
            raise WrongKind(f"{name} must be True or False, got {value!r}")
        object.__setattr__(owner, name, bool(value))


def many(name: str, value: Any, *, at_least: int = 1) -> int:
    """A whole number, which may be written as 1e6."""
    return count(name, int(value) if isinstance(value, float) and value.is_integer() else value, at_least=at_least)


def plain(owner: Any) -> None:
    """Make numpy's numbers among a frozen object's attributes Python's own, so that they are told and stored alike.

    Those in tuples too; an array of no dimension is refused.

    >>> from types import SimpleNamespace
    >>> odd = SimpleNamespace(rounds=np.int64(3), rates=(np.float64(0.5), 1), seen=np.bool_(True))
    >>> plain(odd)
    >>> odd
    namespace(rounds=3, rates=(0.5, 1), seen=True)
    """
    for name, value in vars(owner).items():
        if isinstance(value, np.ndarray) and not value.ndim:
            raise WrongKind(f"{name} must be a number, got {value!r}")
        if type(value) not in _OWN and (found := _plain(value)) is not value:
            object.__setattr__(owner, name, found)


_OWN = frozenset({int, float, bool, str, type(None)})
"""What is Python's own: a long tuple of it is seen at once."""


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is not tuple or _OWN.issuperset(map(type, value)):
        return value
    return tuple(map(_plain, value)) if any(_plain(each) is not each for each in value) else value


def choice(name: str, value: Any, allowed: Collection[str]) -> str:
    """One of the allowed words; a near miss is pointed out."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name} must be one of {_listed(value, allowed)}; got {value!r}{did_you_mean(value, allowed)}"
        )
    return value


MOST_LISTED = 24
"""Words that are all told; of more, those that are near, or the first ones."""


def _listed(value: Any, allowed: Collection[str]) -> str:
    """What is allowed, as far as it helps.

    >>> _listed("n12", [f"n{i}" for i in range(100)])
    '100 names, such as n12, n2, n1'
    """
    if len(allowed) <= MOST_LISTED:
        return ", ".join(allowed)
    near = get_close_matches(str(value), list(allowed), n=3) or list(allowed)[:3]
    return f"{len(allowed)} names, such as {', '.join(near)}"


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
        raise WrongKind(f"{rule}, got {value!r}")
    if any(isinstance(x, bool) or not isinstance(x, Real) for x in value):
        raise WrongKind(f"{rule}, got {value!r}")
    numbers = [_as_float(name, x, "four probabilities that sum to 1") for x in value]
    if len(numbers) != 4 or not all(isfinite(x) and 0 <= x <= 1 for x in numbers):
        raise ValueError(f"{rule}, got {value!r}")
    a, b, c, d = summing_to_one(value, numbers, rule)
    return a, b, c, d


def summing_to_one(given: Any, numbers: Sequence[float], rule: str) -> Sequence[float]:
    """Probabilities that sum to 1, as far as the type in which they were given can tell.

    Args:
        given: the value of the user's, of whose numbers the coarsest type counts (float32, float16).
        numbers: the same as floats.
        rule: the beginning of the error's text.
    """
    total = sum(numbers)
    coarsest = max((_precision(x) for x in given), default=0.0)
    if abs(total - 1) > max(BELL_SUM_TOLERANCE, len(numbers) * coarsest):
        raise ValueError(f"{rule}, got {given!r} with sum {total!r}")
    return [x / total for x in numbers] if abs(total - 1) > BELL_SUM_TOLERANCE else numbers


def _precision(number: Any) -> float:
    """The relative precision of a number's type, 0 for one of Python's own."""
    dtype = getattr(number, "dtype", None)
    if getattr(dtype, "kind", "") != "f":
        return 0.0
    from numpy import finfo

    return float(finfo(dtype).eps)


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


CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where the control group of a container says how many bytes it may use: version 2, version 1."""


def in_memory(name: str, number: int, bytes_each: float, of: str) -> int:
    """Refuse more of something than this machine has memory for.

    Args:
        name: the argument that says how many.
        number: how many.
        bytes_each: memory for each of them.
        of: what they are, in words.

    Raises:
        ValueError: if they take more memory than there is; it tells how many do not.
    """
    memory = memory_bytes()
    if memory and number * bytes_each > memory:
        raise ValueError(
            f"{name} must be at most about {memory / bytes_each:.0e} on this machine, got {number:.3g}: {of} take "
            f"{number * bytes_each / 1e9:.0f} GB of memory, and there are {memory / 1e9:.0f}"
        )
    return number


def memory_bytes() -> int | None:
    """The memory of this machine, or of the container if that may use less; None where the system does not say.

    Linux and macOS say it, Windows does not. Containers are the control groups of Linux, of either version.
    """
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        found = []
    for limit in CONTAINER_LIMITS:
        try:
            found.append(int(Path(limit).read_text(encoding="ascii")))
        except (OSError, ValueError):  # there is none, or it is "max"
            continue
    return min(found, default=None)
