"""Identity: what a value or a function *is*, as bytes that are the same in every process and session.

Either a sweep is given a ``task``: then, as with other packages that collect samples, a point is its data, the
task's name and the arguments as `quantumlink.parts` writes them, and no code is looked at. Or it is given a
function alone: then a stale number must not pass for a new one, and what the function does is part of what it is.

Values are told by their content, parts by their names and arguments. A function is told by its compiled code
rather than by its text, because the code is what ran: two lambdas on one line differ, a file that was edited but
not loaded again does not lie, and a comment changes nothing. With the code go its defaults, its closure, and the
global values and functions of the user's own modules that it names, so that ``SCALE = 3`` in another notebook cell
makes another function. Installed packages count by name, quantumlink by its source.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import json
import logging
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from quantumlink.circuits import Operation
from quantumlink.estimation import Estimate
from quantumlink.link import Link, distinct_links
from quantumlink.parts import UnknownPart, find_part, to_data

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, Fraction, Decimal, type(...))

Seen = dict[int, tuple[int, Any]]
"""Functions and classes on the way, by id: they may name themselves."""


class NoIdentity(TypeError):
    """A value whose content cannot be told."""


def sha256(*parts: bytes) -> bytes:
    """The digest of some parts, which may not run into one another."""
    return hashlib.sha256(_join(*parts)).digest()


def encode(value: Any) -> bytes:
    """A value's content as bytes: equal bytes, equal content and kind (1 and 1.0 differ).

    Raises:
        NoIdentity: if the content cannot be told.

    >>> import numpy as np
    >>> encode(np.float64(0.5)) == encode(0.5), encode(1) == encode(1.0)
    (True, False)
    """
    return _encode(value, {})


def function_identity(function: Any) -> str:
    """The identity of a function, its surroundings, and this library: 64 hexadecimal digits.

    Raises:
        NoIdentity: if it uses something whose content cannot be told; the text says what.
    """
    return sha256(_encode(function, {}), library_digest()).hex()


def task_identity(task: str) -> str:
    """The identity of a task: its name, and this library."""
    return sha256(b"task", task.encode(), library_digest()).hex()


@functools.lru_cache(maxsize=1)
def library_digest() -> bytes:
    """The digest of quantumlink's own source: its version, and more than that while it is being developed."""
    digest = hashlib.sha256()
    for folder in _library_folders():
        for path in sorted(folder.rglob("*.py")):
            digest.update(_join(path.relative_to(folder).as_posix().encode(), path.read_bytes()))
    return digest.digest()


def encode_as_data(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as `quantumlink.parts` writes them, whatever the code of their classes.

    Raises:
        NoIdentity: if one is neither plain data, nor registered, nor a link of what is.

    >>> encode_as_data({"b": 1, "a": 1.0})
    b'{"a": 1.0, "b": 1}'
    """
    try:
        return json.dumps({name: to_data(value) for name, value in arguments.items()}, sort_keys=True).encode()
    except UnknownPart as error:
        raise NoIdentity(str(error)) from None


def _encode(value: Any, seen: Seen) -> bytes:
    kind = type(value)
    if kind in _PLAIN:
        return _join(kind.__name__.encode(), value if kind is bytes else repr(value).encode())
    if isinstance(value, np.generic | np.ndarray):
        return _encode_numpy(value, seen)
    if kind in (list, tuple):
        return _join(kind.__name__.encode(), *(_encode(item, seen) for item in value))
    if kind is dict:
        return _join(b"dict", *(_encode(item, seen) for pair in value.items() for item in pair))
    if kind in (set, frozenset):
        return _join(kind.__name__.encode(), *sorted(_encode(item, seen) for item in value))
    if isinstance(value, Link):
        return _encode_link(value, seen)
    if isinstance(value, Operation):
        return _join(b"operation", _encode(value._content, seen))
    if isinstance(value, Estimate):
        return _join(b"Estimate", *(_encode(x, seen) for x in (*value, value.confidence)))
    if isinstance(value, Enum):
        return _join(b"enum", _name(kind), value.name.encode())
    if isinstance(value, PurePath):
        return _join(b"path", str(value).encode())
    if is_dataclass(value) and not isinstance(value, type):
        content = (_join(f.name.encode(), _encode(getattr(value, f.name), seen)) for f in fields(value))
        return _join(b"dataclass", _encode(kind, seen), *content)
    part = find_part(value)
    if part is not None:
        name = (part.kind.encode(), part.name.encode())
        return _join(b"part", *name, _encode(kind, seen), _encode(part.arguments(value), seen))
    if isinstance(value, tuple):  # a named tuple
        return _join(b"tuple", _name(kind), *(_encode(item, seen) for item in value))
    return _encode_code(value, seen)


def _encode_numpy(value: Any, seen: Seen) -> bytes:
    if isinstance(value, np.generic):
        plain = value.item()
        if isinstance(plain, np.generic):
            raise NoIdentity(f"cannot tell the content of {value!r} ({type(value).__name__})")
        return _encode(plain, seen)
    if type(value) is not np.ndarray or value.dtype.hasobject:
        return _join(b"objects", _name(type(value)), repr(value.shape).encode(), _encode(value.tolist(), seen))
    return _join(b"array", repr(value.dtype.descr).encode(), repr(value.shape).encode(), value.tobytes())


def _encode_link(link: Link, seen: Seen) -> bytes:
    # Children before parents and each once, as a chain may be deep and share its parts.
    digests: dict[int, bytes] = {}
    for part in distinct_links(link):
        own = (_encode(field, seen) for field in part._own_fields())
        digests[id(part)] = sha256(_name(type(part)), *own, *(digests[id(child)] for child in part.children))
    return _join(b"link", digests[id(link)])


def _encode_code(value: Any, seen: Seen) -> bytes:
    """Functions, classes and modules."""
    if id(value) in seen:
        return _join(b"again", str(seen[id(value)][0]).encode())
    if isinstance(value, FunctionType | type):
        seen[id(value)] = len(seen), value
    if isinstance(value, FunctionType):
        return _encode_function(value, seen)
    if isinstance(value, type):
        return _join(b"class", _name(value), *(() if _is_installed(value.__module__) else _members(value, seen)))
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
        own = b"" if _is_installed(value.__name__) or file is None else Path(file).read_bytes()
        return _join(b"module", value.__name__.encode(), own)
    if isinstance(value, MethodType):
        return _join(b"method", _encode(value.__self__, seen), _encode(value.__func__, seen))
    if isinstance(value, functools.partial):
        parts = (value.func, value.args, value.keywords)
        return _join(b"partial", *(_encode(part, seen) for part in parts))
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | type(None)):
        return _join(b"builtin", str(value.__module__).encode(), value.__qualname__.encode())
    if isinstance(value, np.ufunc):
        return _join(b"ufunc", value.__name__.encode())
    if isinstance(value, logging.Logger):  # says what happens, changes nothing
        return b"logger"
    if hasattr(value, "__wrapped__"):  # functools.lru_cache
        return _join(b"wrapped", _encode(value.__wrapped__, seen))
    raise NoIdentity(f"cannot tell the content of {value!r} ({type(value).__name__})")


def _encode_function(function: FunctionType, seen: Seen) -> bytes:
    name = _name(function)
    if _is_installed(function.__module__) and "<locals>" not in function.__qualname__:
        return _join(b"function", name)
    parts = [_encode_instructions(function.__code__, seen)]
    surroundings = {f"default {i}": value for i, value in enumerate(function.__defaults__ or ())}
    surroundings |= {f"default of {key}": value for key, value in (function.__kwdefaults__ or {}).items()}
    for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        surroundings[f"variable {key}"] = _content(cell)
    for key in sorted(set(_globals_named(function.__code__))):
        if key in function.__globals__:
            surroundings[f"global {key}"] = function.__globals__[key]
    for what, value in surroundings.items():
        try:
            parts.append(_join(what.encode(), _encode(value, seen)))
        except NoIdentity as error:
            raise NoIdentity(f"{function.__qualname__} uses the {what}: {error}") from None
    return _join(b"function", name, *parts)


def _encode_instructions(code: CodeType, seen: Seen) -> bytes:
    consts = (
        _encode_instructions(const, seen) if isinstance(const, CodeType) else _encode(const, seen)
        for const in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    table = getattr(code, "co_exceptiontable", b"")
    version = str(sys.implementation.cache_tag).encode()  # bytecode means nothing to another Python
    return _join(b"code", version, code.co_code, table, repr((names, counts)).encode(), *consts)


def _globals_named(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _globals_named(const)


def _members(cls: type, seen: Seen) -> Iterator[bytes]:
    yield from (_encode(base, seen) for base in cls.__bases__)
    for name, member in vars(cls).items():
        for part in _functions_in(member):
            # What dataclasses write themselves follows from the fields.
            if isinstance(part, FunctionType) and part.__code__.co_filename != "<string>":
                yield _join(name.encode(), _encode(part, seen))
        if type(member) in (*_PLAIN, list, tuple, dict, set) and not name.startswith("__"):
            yield _join(name.encode(), _encode(member, seen))


def _functions_in(member: Any) -> tuple[Any, ...]:
    if isinstance(member, staticmethod | classmethod):
        return (member.__func__,)
    if isinstance(member, property):
        return member.fget, member.fset
    return (getattr(member, "__wrapped__", None) or getattr(member, "func", member),)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return ...


@functools.cache
def _is_installed(module: str) -> bool:
    """Whether a module is a library's rather than the user's own."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if module == "__main__" or module not in sys.modules:
        return False
    if file is None:
        return True
    path = Path(file).resolve()
    folders = (Path(sysconfig.get_paths()["stdlib"]).resolve(), *_library_folders())
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or any(f in path.parents for f in folders)


def _library_folders() -> tuple[Path, Path]:
    import quantumlink_circuits

    return Path(__file__).resolve().parents[1], Path(str(quantumlink_circuits.__file__)).resolve().parent


def _name(thing: Any) -> bytes:
    return f"{thing.__module__}.{thing.__qualname__}".encode()


def _join(*parts: bytes) -> bytes:
    # Lengths stand before contents: no two lists of parts make the same bytes.
    return b"".join(b"%d:" % len(part) + part for part in (b"%d" % len(parts), *parts))
