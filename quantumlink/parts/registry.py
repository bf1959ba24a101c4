"""The registry: under which name each part is stored, found again, and offered on the command line.

A part is known by its kind and its name. The library's own are in `library`; a class of somebody else joins them by
`register`, once, wherever it is defined. Other processes know it if they import that module: by themselves, or
because an installed package names the module as an entry point of the group ``quantumlink.parts``::

    [project.entry-points."quantumlink.parts"]
    my_lab = "my_lab.quantum_parts"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Any, TypeVar, cast, overload

from quantumlink import validation
from quantumlink.circuits import add_code, add_operation, forget_code, forget_operation, load_entry_points
from quantumlink.codes.decoders import add_decoder, forget_decoder
from quantumlink.link import as_operation
from quantumlink.parts.kinds import CODING, IN_TABLES, KINDS, OPERATIONS, Kind, check_class, kind_of_class
from quantumlink.parts.library import LIBRARY

T = TypeVar("T")

Arguments = Mapping[str, Any]
"""What a class is called with, by name, to make a part again."""


class UnknownPart(TypeError, ValueError):
    """A part without a name, or a name without a part; the text says how to register one."""


@dataclass(frozen=True)
class Part:
    """An entry of the registry."""

    kind: Kind
    """What it is."""
    name: str
    """What it is called, unique within its kind."""
    target: str
    """Where its class is: ``"module:Class"``."""
    known_class: type[Any] | None = None
    """The class itself, where it was registered rather than found by its place."""
    encode: Callable[[Any], Arguments] | None = None
    """The arguments that make a part again; if None, its fields."""
    decode: Callable[..., Any] | None = None
    """Makes a part of them; if None, the class."""

    @property
    def cls(self) -> type[Any]:
        """The class."""
        if self.known_class is not None:
            return self.known_class
        module, _, name = self.target.partition(":")
        return cast("type[Any]", getattr(import_module(module), name))

    def arguments(self, value: Any) -> dict[str, Any]:
        """What makes this part again, by argument's name."""
        if self.encode is not None:
            return dict(self.encode(value))
        if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return dict(value.to_dict())

    def make(self, arguments: Arguments) -> Any:
        """A part of its arguments."""
        if self.decode is not None:
            return self.decode(**arguments)
        if is_dataclass(self.cls):
            return self.cls(**arguments)
        return cast(Any, self.cls).from_dict(dict(arguments))

    @property
    def summary(self) -> str:
        """The first line of its class's docstring."""
        return summary_of(self.cls)


def _library() -> dict[tuple[str, str], Part]:
    return {
        (kind, name): Part(cast(Kind, kind), name, target)
        for kind, names in LIBRARY.items()
        for name, target in names.items()
    }


_parts = _library()
_by_target = {part.target: part for part in _parts.values()}


@overload
def register(name: str, *, kind: str | None = ..., encode: Any = ..., decode: Any = ...) -> Callable[[T], T]: ...


@overload
def register(name: str, part: T, *, kind: str | None = ..., encode: Any = ..., decode: Any = ...) -> T: ...


def register(
    name: str,
    part: Any = None,
    *,
    kind: str | None = None,
    encode: Callable[[Any], Arguments] | None = None,
    decode: Callable[..., Any] | None = None,
) -> Any:
    """Give a class of your own, or an operation, a name: from then on it is stored and found like the library's.

    A decorator, ``@register("dusty_fiber")``, or a function, ``register("dusty_fiber", DustyFiber)``. Network
    files, records of sessions, job files, sweeps and the command line then know it; other processes do once they
    have imported the module that registers it, or by an entry point (see the module).

    Args:
        name: what it is to be called, unique within its kind.
        part: the class. Of an operation, an `Operation`, its circuit or a builder of one; a `Code`; a decoder.
        kind: what it is (see `KINDS`), or ``"purification"``, ``"swap"`` or ``"operation"`` for what links are
            joined by, ``"code"`` or ``"decoder"`` for what they are encoded in and by. If None, what the class
            seems to be.
        encode: the arguments, by name, that make such a part again; for a dataclass its fields if None, else what
            its ``to_dict()`` gives.
        decode: makes a part of these keyword arguments; the class if None, or its ``from_dict(arguments)`` if it is
            no dataclass.

    Returns:
        The class or operation, unchanged.

    Raises:
        ValueError: if the name is taken, or the kind unknown.
        TypeError: if the class is not of that kind, or nothing says how its parts are made again.

    >>> from dataclasses import dataclass
    >>> @register("vacuum_tube")
    ... @dataclass(frozen=True)
    ... class VacuumTube:
    ...     length_km: float
    ...     transmittance = 1.0
    ...     channel = None
    ...     @property
    ...     def delay_s(self):
    ...         return self.length_km / 299_792.458
    >>> part_of(VacuumTube(1.0)).name
    'vacuum_tube'
    >>> forget("medium", "vacuum_tube")
    """
    if not isinstance(name, str) or not name.strip():
        raise validation.WrongKind(f"name must be a text that is not empty, got {name!r}")
    if kind is not None:
        validation.choice("kind", kind, (*KINDS, *OPERATIONS, *CODING))
    if part is None:
        return lambda given: register(name, given, kind=kind, encode=encode, decode=decode)
    if kind in (*OPERATIONS, *CODING) and (encode is not None or decode is not None):
        raise ValueError(f"a {kind} is stored by its name: give neither encode nor decode")
    if kind in CODING:
        (add_code if kind == "code" else add_decoder)(name, part)
        return part
    if kind in OPERATIONS:
        _register_operation(str(kind), name, part)
        return part
    if not isinstance(part, type):
        raise TypeError(f"what is registered must be a class, or an operation with its kind; got {part!r}")
    chosen = kind_of_class(part) if kind is None else cast(Kind, kind)
    check_class(part, chosen)
    _check_codec(part, encode, decode)
    _add(Part(chosen, name, place_of(part), part, encode, decode))
    return part


def forget(kind: str, name: str) -> None:
    """Take back what was registered; the library's own parts stay.

    Raises:
        ValueError: if there is none of that name, or it is the library's.
    """
    forgetting = {"code": forget_code, "decoder": forget_decoder, **dict.fromkeys(OPERATIONS, forget_operation)}
    if kind in forgetting:
        forgetting[kind](name)
        return
    part = _parts.get((kind, name))
    if part is None or part.known_class is None:
        raise ValueError(f"no {kind} {name!r} was registered")
    del _parts[kind, name]
    _by_target.pop(part.target, None)


def part_of(value: Any) -> Part:
    """The entry of a part.

    Raises:
        UnknownPart: if its class has no name.
    """
    part = find_part(value)
    if part is None:
        kind = type(value)
        raise UnknownPart(
            f"quantumlink.parts has no name for {value!r}: its class {kind.__qualname__} is not registered, as "
            f"Fiber or BB84 are. Put @quantumlink.parts.register('a name') before the class, and import "
            f"{kind.__module__} where what was stored is read"
        )
    return part


def find_part(value: Any) -> Part | None:
    """The entry of a part, None if its class has no name."""
    return _by_target.get(place_of(type(value)))


def named_part(kind: str, name: object) -> Part:
    """The entry of that name.

    Raises:
        UnknownPart: if there is none; what it could have been is said.
    """
    if (kind, name) not in _parts:
        load_entry_points()
    if (kind, name) not in _parts:
        known = list(parts_of(kind))
        raise UnknownPart(
            f"{kind} must be one of {', '.join(known)}; got {name!r}{validation.did_you_mean(name, known)}. One of "
            f"your own has to be registered first: import the module that calls quantumlink.parts.register"
        )
    return _parts[kind, str(name)]


def part_at(target: str) -> Part | None:
    """The entry of a class by its place, ``"module:Class"``; None if it has none."""
    if target not in _by_target:
        load_entry_points()
    return _by_target.get(target)


def parts_of(*kinds: str) -> dict[str, Part]:
    """All entries of some kinds by name, the library's first.

    >>> list(parts_of("reconciliation"))
    ['cascade', 'ldpc']
    """
    load_entry_points()
    return {part.name: part for kind in kinds for part in _parts.values() if part.kind == kind}


def summary_of(cls: type[Any]) -> str:
    """The first line of a class's docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0]


def place_of(cls: type[Any]) -> str:
    """Where a class is: ``"module:Class"``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _add(part: Part) -> None:
    taken = _parts.get((part.kind, part.name))
    if taken is not None and taken.target != part.target:
        raise ValueError(f"the {part.kind} {part.name!r} is {taken.target} already")
    if taken is not None and taken.known_class is None:
        raise ValueError(f"the {part.kind} {part.name!r} is the library's own")
    for kind in IN_TABLES if part.kind in IN_TABLES else ():
        if kind != part.kind and (kind, part.name) in _parts:
            raise ValueError(
                f"a network file could not tell the {part.kind} {part.name!r} from the {kind} so called"
            )
    before = _by_target.get(part.target)
    if before is not None and before.kind == "reader":
        del _parts[before.kind, before.name]  # a reader is also what a protocol is
    elif before is not None and (before.kind, before.name) != (part.kind, part.name):
        raise ValueError(f"{part.target} is registered already, as the {before.kind} {before.name!r}")
    _parts[part.kind, part.name] = part
    _by_target[part.target] = part


def _check_codec(cls: type[Any], encode: object, decode: object) -> None:
    for what, given, method in (("encode", encode, "to_dict"), ("decode", decode, "from_dict")):
        if given is not None and not callable(given):
            raise TypeError(f"{what} must be a function, got {given!r}")
        if given is None and not is_dataclass(cls) and not hasattr(cls, method):
            raise TypeError(
                f"{cls.__name__} is no dataclass: give encode and decode, or the methods to_dict and from_dict"
            )


def _register_operation(kind: str, name: str, given: Any) -> None:
    if isinstance(given, str):
        raise TypeError(f"what is registered as a {kind} must be an operation, not the name of one; got {given!r}")
    add_operation(kind, name, as_operation("part", given))
