"""Operations by name: the library's purifications and swaps, and those that somebody else registered.

Where a builder takes arguments, they are part of the name: ``"multiway_swap(4)"``, ``"double_selection(X)"``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple, get_args

from qiskit.circuit import QuantumCircuit

from quantumlink_circuits.encoding import (
    REPETITION_KINDS,
    StabilizerCode,
    encoded_bell_pair,
    repetition_bell_pair,
)
from quantumlink_circuits.entry_points import load_entry_points
from quantumlink_circuits.fusion import distribute_ghz, fuse_pairs_to_ghz
from quantumlink_circuits.multiselection import (
    PAULI_CHECKS,
    double_selection,
    expedient_round,
    single_selection_3to1,
    stringent_round,
)
from quantumlink_circuits.operation import Operation
from quantumlink_circuits.purifications import bbpssw, dejmps, epl
from quantumlink_circuits.remote_gates import cat_entangler, teleported_swap
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

OTHERS: dict[str, Builder] = {"teleported_swap": teleported_swap}
"""Every other operation of the library that takes no arguments, by name."""

_KNOWN: dict[str, Builder] = {
    **PURIFICATIONS,
    **SWAPS,
    **OTHERS,
    "expedient_round": expedient_round,
    "stringent_round": stringent_round,
}


class _Family(NamedTuple):
    """Operations of one builder."""

    builder: Callable[..., QuantumCircuit]
    """Takes the size, if it has one, and the choices."""
    more_links: int | None = None
    """How many links there are more than its size says; None if it has no size."""
    choices: tuple[tuple[str, ...], ...] = ()
    """What each further argument may be."""
    kind: str = "operation"


def _plain_bbpssw(twirl: str) -> QuantumCircuit:
    return bbpssw(twirl=twirl == "twirled")


_CHECK = (PAULI_CHECKS,)
_FAMILIES: dict[str, _Family] = {
    "fuse_pairs_to_ghz": _Family(fuse_pairs_to_ghz, 0),
    "distribute_ghz": _Family(distribute_ghz, 0),
    "multiway_swap": _Family(multiway_swap, 0),
    "chain_swap": _Family(chain_swap, 1),
    "cat_entangler": _Family(cat_entangler, 0),
    "repetition_bell_pair": _Family(repetition_bell_pair, 0, (REPETITION_KINDS,)),
    "encoded_bell_pair": _Family(encoded_bell_pair, None, (get_args(StabilizerCode),)),
    "bbpssw": _Family(_plain_bbpssw, None, (("twirled", "untwirled"),), "purification"),
    "double_selection": _Family(double_selection, None, _CHECK, "purification"),
    "single_selection_3to1": _Family(single_selection_3to1, None, _CHECK * 2, "purification"),
    "expedient_round": _Family(expedient_round, None, _CHECK, "purification"),
    "stringent_round": _Family(stringent_round, None, _CHECK, "purification"),
}
"""Builders with arguments, by name."""

_WITH_ARGUMENTS = re.compile(r"(\w+)\((\w+(?:, \w+)*)\)")
_SIZE = re.compile(r"[1-9][0-9]?")

_added: dict[str, tuple[str, Operation]] = {}


def known_operation(name: str) -> Operation:
    """The operation of that name: always the same object.

    Raises:
        ValueError: if the name is unknown.

    >>> known_operation("stringent")
    <Operation stringent: kept_a–kept_b, spent_a[0]–spent_b[0], spent_a[1]–spent_b[1], spent_a[2]–spent_b[2], \
spent_a[3]–spent_b[3] -> kept_a, kept_b>
    """
    if name in _KNOWN or has_arguments(name):
        return _of_the_library(name)
    if name not in _added:
        load_entry_points()
    if name not in _added:
        raise ValueError(f"name must be one of {', '.join((*_KNOWN, *_added))}; got {name!r}")
    return _added[name][1]


def operation_summary(name: str) -> str:
    """What a known operation does, in a line, as its builder says; of one that was registered its name.

    >>> operation_summary("dejmps")
    'Purify by the protocol of Deutsch et al. (1996).'
    """
    builder = _KNOWN.get(name)
    return known_operation(name).name if builder is None else (builder.__doc__ or "").strip().partition("\n")[0]


@lru_cache(maxsize=64)
def _of_the_library(name: str) -> Operation:
    if name in _KNOWN:
        return Operation(_KNOWN[name](), name=name)
    builder, arguments = _parsed(name)
    return Operation(_FAMILIES[builder].builder(*arguments), name=name)


def _parsed(name: str) -> tuple[str, tuple[int | str, ...]]:
    """Builder and arguments of a name, neither if it is none."""
    found = _WITH_ARGUMENTS.fullmatch(name)
    if found is None or found[1] not in _FAMILIES:
        return "", ()
    family, words = _FAMILIES[found[1]], found[2].split(", ")
    size = words[:1] if family.more_links is not None else []
    chosen = words[len(size) :]
    if not all(map(_SIZE.fullmatch, size)) or len(chosen) != len(family.choices):
        return "", ()
    if any(word not in allowed for word, allowed in zip(chosen, family.choices, strict=True)):
        return "", ()
    return found[1], (*map(int, size), *chosen)


def has_arguments(name: str, kind: str | None = None) -> bool:
    """Whether a name is that of a builder of the library with its arguments: a size of at most 99, or choices.

    Args:
        name: the name.
        kind: ``"purification"``, ``"swap"`` or ``"operation"`` if it must be one; any if None.

    >>> has_arguments("multiway_swap(4)"), has_arguments("double_selection(X)"), has_arguments("dejmps(2)")
    (True, True, False)
    """
    builder, _ = _parsed(name)
    return bool(builder) and kind in (None, _FAMILIES[builder].kind)


def is_operation(name: str, kind: str | None = None) -> bool:
    """Whether an operation has that name, arguments included.

    Args:
        name: the name.
        kind: ``"purification"``, ``"swap"`` or ``"operation"`` if it must be one; any if None.

    >>> is_operation("dejmps"), is_operation("dejmps", "swap"), is_operation("multiway_swap(4)")
    (True, False, True)
    """
    return has_arguments(name, kind) or name in _names(kind) or name in operation_names(kind)


def operation_names(kind: str | None = None) -> tuple[str, ...]:
    """The names of all operations of a kind, the library's first, those of installed packages included.

    Args:
        kind: ``"purification"``, ``"swap"``, or ``"operation"`` for those that are neither; all if None.
    """
    load_entry_points()
    return _names(kind)


def _names(kind: str | None) -> tuple[str, ...]:
    """The names that are known so far."""
    ours = {"purification": tuple(PURIFICATIONS), "swap": tuple(SWAPS), "operation": tuple(OTHERS)}
    names = (*PURIFICATIONS, *SWAPS, *OTHERS) if kind is None else ours[kind]
    return (*names, *(name for name, (its_kind, _) in _added.items() if kind in (None, its_kind)))


def add_operation(kind: str, name: str, operation: Operation) -> None:
    """Let an operation of somebody else be known by a name, until `forget_operation`.

    Args:
        kind: what it is for, as in `operation_names`.
        name: what is written in ``by=`` and in files.
        operation: what the name means.

    Raises:
        ValueError: if the name is the library's, or that of another kind.
    """
    if name in _KNOWN or has_arguments(name):
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

    It is that of the same operation or, if there is none, of one some of whose links are told from their other end.

    >>> name_of_operation(Operation(dejmps())), name_of_operation(Operation(multiway_swap(4)))
    ('dejmps', 'multiway_swap(4)')
    """
    plain = operation.plain
    for same in (plain.__eq__, plain.is_turned):
        found = next((name for name in _names_that_fit(plain) if same(known_operation(name))), None)
        if found is not None:
            return found
    return None


def _names_that_fit(plain: Operation) -> Iterator[str]:
    known = _names(None)
    yield from (name for name in known if name == plain.name)
    yield from (name for name in known if name != plain.name)
    for builder, family in _FAMILIES.items():
        if plain.name.partition("(")[0] != builder:
            continue
        size = () if family.more_links is None else (str(len(plain.inputs) - family.more_links),)
        names = (f"{builder}({', '.join((*size, *chosen))})" for chosen in product(*family.choices))
        yield from filter(_is_built, names)


def _is_built(name: str) -> bool:
    if not has_arguments(name):
        return False
    try:
        known_operation(name)
    except ValueError:  # too small
        return False
    return True
