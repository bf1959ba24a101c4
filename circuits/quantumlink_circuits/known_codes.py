"""Codes by name: the library's, surface codes of any distance, and those that somebody else registered."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache

from quantumlink_circuits.codes import STABILIZER_CODES, Code, repetition_code, surface_code
from quantumlink_circuits.entry_points import load_entry_points

_LOGICAL = {"five_qubit": (["XXXXX"], ["ZZZZZ"]), "steane": (["XXXXXXX"], ["ZZZZZZZ"])}

_FAMILIES: dict[str, tuple[str, Callable[[int], Code]]] = {
    "surface": ("surface:3", surface_code),
    "repetition_z": ("repetition_z:3", lambda d: repetition_code(d, "Z")),
    "repetition_x": ("repetition_x:3", lambda d: repetition_code(d, "X")),
}
"""Families of codes, named ``"family:distance"``: an example of each, and what makes one."""

_added: dict[str, Code] = {}


def known_code(name: str) -> Code:
    """The code of that name: always the same object.

    Raises:
        ValueError: if the name is unknown, or the distance is none that its family has; what is near is said.

    >>> known_code("steane")
    <Code steane: 7 qubits, 6 stabilizers, 1 logical qubit>
    >>> known_code("surface:5").qubits
    25
    """
    family, colon, distance = name.partition(":")
    if name in STABILIZER_CODES or (colon and family in _FAMILIES and distance.isdecimal()):
        return _of_the_library(name)
    if name not in _added:
        load_entry_points()
    if name in _added:
        return _added[name]
    if family in _FAMILIES:
        raise ValueError(f"code {family!r} needs its distance, such as {_FAMILIES[family][0]!r}; got {name!r}")
    near = [f"{close}:{distance}" for close in get_close_matches(family.casefold(), _FAMILIES, n=1) if colon]
    near += get_close_matches(name.casefold(), code_names(), n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"code must be one of {', '.join(code_names())}, a Code, or stabilizers; got {name!r}{hint}")


@lru_cache(maxsize=64)
def _of_the_library(name: str) -> Code:
    if name in STABILIZER_CODES:
        return Code(STABILIZER_CODES[name], *_LOGICAL.get(name, (None, None)), name=name)
    family, _, distance = name.partition(":")
    return _FAMILIES[family][1](int(distance))


def code_names() -> tuple[str, ...]:
    """The names of all codes, the library's first, those of installed packages included; of families an example."""
    load_entry_points()
    return (*STABILIZER_CODES, *(example for example, _ in _FAMILIES.values()), *_added)


def add_code(name: str, code: Code) -> None:
    """Let a code of somebody else be known by a name, until `forget_code`.

    Raises:
        ValueError: if the name is the library's, or that of another code.
        TypeError: if it is no `Code`.
    """
    if not isinstance(code, Code):
        raise TypeError(f"what is registered as a code must be a Code, got {code!r}")
    if name in STABILIZER_CODES or name.partition(":")[0] in _FAMILIES:
        raise ValueError(f"the code {name!r} is the library's own")
    if _added.setdefault(name, code) != code:
        raise ValueError(f"the code {name!r} is {_added[name]!r} already")


def forget_code(name: str) -> None:
    """Take back what `add_code` added.

    Raises:
        ValueError: if it did not.
    """
    if name not in _added:
        raise ValueError(f"no code {name!r} was registered")
    del _added[name]
