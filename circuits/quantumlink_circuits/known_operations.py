"""Operations by name: the library's purifications and swaps, and those that somebody else registered.

Where an operation is built for any number of links, the number is part of its name: ``"multiway_swap(4)"``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from qiskit.circuit import QuantumCircuit

from quantumlink_circuits.fusion import distribute_ghz, fuse_pairs_to_ghz
from quantumlink_circuits.multiselection import (
    double_selection,
    expedient_round,
    single_selection_3to1,
    stringent_round,
)
from quantumlink_circuits.operation import Operation
from quantumlink_circuits.purifications import bbpssw, dejmps, epl
from quantumlink_circuits.swapping import chain_swap, entanglement_swap, linear_optics_swap, multiway_swap

Builder = Callable[[], QuantumCircuit]

PURIFICATIONS: dict[str, Builder] = {
    "dejmps": dejmps,
    "bbpssw": bbpssw,
    "epl": epl,
    "double_selection": double_selection,
    "single_selection_3to1": single_selection_3to1,
    "expedient": expedient_round,
    "stringent": stringent_round,
}
"""Every purification of the library by name."""

SWAPS: dict[str, Builder] = {"entanglement_swap": entanglement_swap, "linear_optics_swap": linear_optics_swap}
"""Every swap of two links by name."""

_KNOWN: dict[str, Builder] = {
    **PURIFICATIONS,
    **SWAPS,
    "expedient_round": expedient_round,
    "stringent_round": stringent_round,
}

_SIZED: dict[str, tuple[Callable[[int], QuantumCircuit], int]] = {
    "fuse_pairs_to_ghz": (fuse_pairs_to_ghz, 0),
    "distribute_ghz": (distribute_ghz, 0),
    "multiway_swap": (multiway_swap, 0),
    "chain_swap": (chain_swap, 1),
}
"""Builders of any size, and how many links there are more than the size says."""

_SIZED_NAME = re.compile(r"(\w+)\(([1-9]\d?)\)")

_added: dict[str, tuple[str, Operation]] = {}


def known_operation(name: str) -> Operation:
    """The operation of that name: always the same object.

    Raises:
        ValueError: if the name is unknown.

    >>> known_operation("stringent")
    <Operation stringent: kept_a–kept_b, spent_a[0]–spent_b[0], spent_a[1]–spent_b[1], spent_a[2]–spent_b[2], \
spent_a[3]–spent_b[3] -> kept_a, kept_b>
    """
    if name in _added:
        return _added[name][1]
    if name not in _KNOWN and not is_sized_name(name):
        raise ValueError(f"name must be one of {', '.join((*_KNOWN, *_added))}; got {name!r}")
    return _of_the_library(name)


@lru_cache(maxsize=64)
def _of_the_library(name: str) -> Operation:
    if name in _KNOWN:
        return Operation(_KNOWN[name](), name=name)
    builder, size = name.removesuffix(")").split("(")
    return Operation(_SIZED[builder][0](int(size)), name=name)


def is_sized_name(name: str) -> bool:
    """Whether a name is that of a builder of the library with a size, of at most 99.

    >>> is_sized_name("multiway_swap(4)"), is_sized_name("multiway_swap"), is_sized_name("dejmps(2)")
    (True, False, False)
    """
    found = _SIZED_NAME.fullmatch(name)
    return found is not None and found[1] in _SIZED


def operation_names(kind: str | None = None) -> tuple[str, ...]:
    """The names of all operations of a kind, the library's first.

    Args:
        kind: ``"purification"``, ``"swap"``, or ``"operation"`` for those that are neither; all if None.
    """
    ours = {"purification": tuple(PURIFICATIONS), "swap": tuple(SWAPS), "operation": ()}
    names = (*PURIFICATIONS, *SWAPS) if kind is None else ours[kind]
    return (*names, *(name for name, (its_kind, _) in _added.items() if kind in (None, its_kind)))


def add_operation(kind: str, name: str, operation: Operation) -> None:
    """Let an operation of somebody else be known by a name, until `forget_operation`.

    Raises:
        ValueError: if the name is the library's, or that of another kind.
    """
    if name in _KNOWN or is_sized_name(name):
        raise ValueError(f"the operation {name!r} is the library's own")
    if name in _added and _added[name][0] != kind:
        raise ValueError(f"the operation {name!r} is a {_added[name][0]} already")
    _added[name] = kind, operation


def forget_operation(name: str) -> None:
    """Take back what `add_operation` added.

    Raises:
        ValueError: if it did not.
    """
    if name not in _added:
        raise ValueError(f"no operation {name!r} was registered")
    del _added[name]


def added_operations() -> dict[str, tuple[str, Operation]]:
    """What was added: kind and operation by name."""
    return dict(_added)


def name_of_operation(operation: Operation) -> str | None:
    """The name by which an operation is known, None if it has none.

    >>> name_of_operation(Operation(dejmps())), name_of_operation(Operation(multiway_swap(4)))
    ('dejmps', 'multiway_swap(4)')
    """
    plain = operation.plain
    names = (plain.name, *(name for name in operation_names() if name != plain.name))
    found = next((name for name in names if name in operation_names() and known_operation(name) == plain), None)
    return found or _sized_name_of(plain)


def _sized_name_of(plain: Operation) -> str | None:
    for builder, (_, more) in _SIZED.items():
        name = f"{builder}({len(plain.inputs) - more})"
        if plain.name in (builder, name) and is_sized_name(name) and known_operation(name) == plain:
            return name
    return None
