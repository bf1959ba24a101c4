"""Identity: what a task and a value *are*, as bytes that are the same in every process and session.

As with other packages that collect samples, a task is its data: the name that its user gave it, the arguments, and
this library. No code is looked at. What a function computes depends on more than any look at it could tell (files,
other packages, what is edited and not loaded again), so who changes it says so, by another name.

Values are told by their content: parts and dataclasses by the name of their class and their fields, classes and
functions among the arguments by their names.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from quantumlink.circuits import Operation
from quantumlink.codes.decoders import Decoder, name_of_decoder
from quantumlink.estimation import Estimate
from quantumlink.link import Link, distinct_links
from quantumlink.parts import find_part

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, Fraction, Decimal, type(...))


class NoIdentity(TypeError):
    """A value whose content cannot be told."""


def sha256(*parts: bytes) -> bytes:
    """The digest of some parts, which may not run into one another."""
    return hashlib.sha256(_join(*parts)).digest()


def task_identity(task: str) -> str:
    """The identity of a task, its name and this library: 64 hexadecimal digits."""
    return sha256(b"task", task.encode(), library_digest()).hex()


def text_digest(function: Any) -> str:
    """The digest of a function's text, by which a warning says that it was edited; empty if it has none.

    >>> text_digest(functools.partial(sha256)) == text_digest(sha256), text_digest(len)
    (True, '')
    """
    while isinstance(function, functools.partial):
        function = function.func
    try:
        text = inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(inspect.cleandoc(text).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1)
def library_digest() -> bytes:
    """The digest of quantumlink's own source: its version, and more than that while it is being developed."""
    digest = hashlib.sha256()
    for folder in _library_folders():
        for path in sorted(folder.rglob("*.py")):
            digest.update(_join(path.relative_to(folder).as_posix().encode(), path.read_bytes()))
    return digest.digest()


def encode(value: Any) -> bytes:
    """A value's content as bytes: equal bytes, equal content and kind (1 and 1.0 differ).

    Raises:
        NoIdentity: if the content cannot be told.

    >>> import numpy as np
    >>> encode(np.float64(0.5)) == encode(0.5), encode(1) == encode(1.0)
    (True, False)
    """
    kind = type(value)
    if kind in _PLAIN:
        return _join(kind.__name__.encode(), value if kind is bytes else repr(value).encode())
    if isinstance(value, np.generic | np.ndarray):
        return _encode_numpy(value)
    if kind in (list, tuple):
        return _join(kind.__name__.encode(), *map(encode, value))
    if kind is dict:
        return _join(b"dict", *(encode(item) for pair in value.items() for item in pair))
    if kind in (set, frozenset):
        return _join(kind.__name__.encode(), *sorted(map(encode, value)))
    if isinstance(value, Link):
        return _encode_link(value)
    if isinstance(value, Operation):
        return _join(b"operation", encode(value._content))
    if isinstance(value, Estimate):
        return _join(b"Estimate", *map(encode, (*value, value.confidence)))
    if isinstance(value, Enum):
        return _join(b"enum", _name(kind), value.name.encode())
    if isinstance(value, PurePath):
        return _join(b"path", str(value).encode())
    if is_dataclass(value) and not isinstance(value, type):
        content = (_join(f.name.encode(), encode(getattr(value, f.name))) for f in fields(value))
        return _join(b"dataclass", encode(kind), *content)
    part = find_part(value)
    if part is not None:
        name = (part.kind.encode(), part.name.encode())
        return _join(b"part", *name, encode(kind), encode(part.arguments(value)))
    if isinstance(value, Decoder) and (known := name_of_decoder(value)) is not None:
        return _join(b"decoder", known.encode(), encode(kind))
    if isinstance(value, tuple):  # a named tuple
        return _join(b"tuple", _name(kind), *map(encode, value))
    return _encode_network(value) or _encode_named(value)


def _encode_numpy(value: Any) -> bytes:
    if isinstance(value, np.generic):
        plain = value.item()
        if isinstance(plain, np.generic):
            raise NoIdentity(f"cannot tell the content of {value!r} ({type(value).__name__})")
        return encode(plain)
    if type(value) is not np.ndarray or value.dtype.hasobject:
        return _join(b"objects", _name(type(value)), repr(value.shape).encode(), encode(value.tolist()))
    return _join(b"array", repr(value.dtype.descr).encode(), repr(value.shape).encode(), value.tobytes())


def _encode_link(link: Link) -> bytes:
    # Children before parents and each once, as a chain may be deep and share its parts.
    digests: dict[int, bytes] = {}
    for part in distinct_links(link):
        own = map(encode, part._own_fields())
        digests[id(part)] = sha256(_name(type(part)), *own, *(digests[id(child)] for child in part.children))
    return _join(b"link", digests[id(link)])


def _encode_network(value: Any) -> bytes:
    """A network by its name, nodes and links; nothing if it is none."""
    from quantumlink.network.graph import Graph  # much to load, for what few sweeps vary

    if not isinstance(value, Graph):
        return b""
    return _join(b"network", *map(encode, (type(value), value.name, tuple(value.nodes.values()), value.links)))


def _encode_named(value: Any) -> bytes:
    """Classes and functions, by the name under which another process finds them."""
    if isinstance(value, type):
        return _join(b"class", _name(value))
    if isinstance(value, FunctionType | BuiltinFunctionType):
        if "<" in value.__qualname__ or value.__module__ is None:
            raise NoIdentity(f"cannot tell {value!r} from other functions: it has no name that others can find")
        return _join(b"function", _name(value))
    raise NoIdentity(
        f"cannot tell the content of {value!r} ({type(value).__name__}): it is no dataclass, and not registered "
        f"(quantumlink.parts.register)"
    )


def _library_folders() -> tuple[Path, Path]:
    import quantumlink_circuits

    return Path(__file__).resolve().parents[1], Path(str(quantumlink_circuits.__file__)).resolve().parent


def _name(thing: Any) -> bytes:
    return f"{thing.__module__}.{thing.__qualname__}".encode()


def _join(*parts: bytes) -> bytes:
    # Lengths stand before contents: no two lists of parts make the same bytes.
    return b"".join(b"%d:" % len(part) + part for part in (b"%d" % len(parts), *parts))
