"""The kinds of parts that have names, and what a class of each must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from quantumlink.hardware import Detector, Memory, Processor

Kind = Literal[
    "medium",
    "source",
    "detector",
    "memory",
    "processor",
    "detail",
    "orbit",
    "downlink",
    "node",
    "environment",
    "eavesdropper",
    "protocol",
    "reconciliation",
    "bound",
    "reader",
    "policy",
    "engine",
]
"""What a part is: a ``"bound"`` is a recipe that makes a bound of what was counted, a ``"reader"`` an object that
submits circuits of its own and reads their result, a ``"policy"`` says who of a network's demands is served first,
an ``"engine"`` runs circuits, a ``"detail"`` is data of any other part's."""

KINDS: tuple[Kind, ...] = get_args(Kind)

OPERATIONS = ("purification", "swap", "operation")
"""Kinds of operations: they have builders rather than classes."""

CODING = ("code", "decoder")
"""Kinds of what links are encoded in and by: objects rather than classes."""

IN_TABLES: tuple[Kind, ...] = ("medium", "source", "detector", "memory", "processor", "orbit", "downlink", "detail")
"""Kinds that a table of a network file may be: a name is of one of them only."""

_SUBCLASSES: Mapping[Kind, type] = {"detector": Detector, "memory": Memory, "processor": Processor}
"""Kinds that are a class of ours, or its child."""

_MEMBERS: Mapping[Kind, tuple[str, ...]] = {
    "medium": ("transmittance", "delay_s", "channel"),
    "source": ("herald",),
    "orbit": ("places_km", "period_s", "earth"),
    "downlink": ("optics", "lit", "kind"),
    "protocol": ("plays", "sifting", "recipe", "run"),
    "eavesdropper": ("circuit", "arrivals", "information"),
    "reconciliation": ("reconcile",),
    "bound": ("bound",),
    "policy": ("weights", "paths", "recovery"),
    "engine": ("run", "noise", "seeded", "has_target"),
    "reader": ("circuits", "analyse", "to_dict", "from_dict"),
}
"""Kinds by what a class has; a protocol is a reader too, and is told first."""


def kind_of_class(cls: type[Any]) -> Kind:
    """The kind that a class is, as it seems.

    Raises:
        TypeError: if it could be none, or several.
    """
    found = [kind for kind in (*_SUBCLASSES, *_MEMBERS) if not _missing(cls, kind)]
    if "protocol" in found:
        return "protocol"
    if len(found) == 1:
        return found[0]
    seems = f"it could be {' or '.join(found)}" if found else "it has the members of none"
    raise TypeError(f"kind must be given for {cls.__name__}, one of {', '.join(KINDS)}: {seems}")


def check_class(cls: type[Any], kind: Kind) -> None:
    """Refuse a class that is not of that kind.

    Raises:
        TypeError: naming what it lacks.
    """
    missing = _missing(cls, kind)
    if missing:
        raise TypeError(f"a {kind} must have {', '.join(missing)}, which {cls.__name__} lacks")


def _missing(cls: type[Any], kind: Kind) -> list[str]:
    if kind in _SUBCLASSES:
        parent = _SUBCLASSES[kind]
        return [] if issubclass(cls, parent) else [f"the parent {parent.__name__}"]
    # A field without a default is an annotation, and no attribute of the class.
    declared = {name for each in cls.__mro__ for name in vars(each).get("__annotations__", ())}
    return [name for name in _MEMBERS.get(kind, ()) if not hasattr(cls, name) and name not in declared]
