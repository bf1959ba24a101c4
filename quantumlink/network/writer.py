"""Writing network files: the text that `Network.load` reads back as an equal network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from math import isinf, isnan
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, get_type_hints

from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink
from quantumlink.network.files import LINK_VALUES, NODE_PARTS, kind_of, node_values

if TYPE_CHECKING:
    from quantumlink.network.graph import Network

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def to_toml(network: Network) -> str:
    """The text of a file: see `Network.to_toml`."""
    blocks = [f"name = {_value(network.name)}"]
    blocks += ["\n".join([f"[nodes.{_key(n.name)}]", *_pairs(_node(n))]) for n in network.nodes.values()]
    blocks += ["\n".join(["[[links]]", *_pairs(_link(link))]) for link in network.links]
    return "\n\n".join(blocks) + "\n"


def _node(node: Node) -> dict[str, Any]:
    table = node_values(node)
    for key, kind in NODE_PARTS.items():
        part = getattr(node, key)
        if part != kind():
            table[key] = _part(part)
    return table


def _link(link: ElementaryLink) -> dict[str, Any]:
    table: dict[str, Any] = {"between": [link.left.name, link.right.name]}
    if link.medium is not None:
        kind = kind_of(link.medium)  # which refuses what has no name
        table[kind] = _part(link.medium)
    source, detector = link.source, link.detector
    given = [key for key in LINK_VALUES if key not in ("fidelity", "bell_diagonal")]
    if source is not None:
        table["source"] = {"kind": kind_of(source), **_part(source)}
        # What the source makes of them is not given again.
        given = [key for key in given if key == "multiplexing"]
    elif link.bell_diagonal == _werner(link.fidelity):
        table["fidelity"] = link.fidelity
    else:
        table["bell_diagonal"] = link.bell_diagonal
    if detector is not None:
        pair = detector if isinstance(detector, tuple) else None
        table["detector"] = _part(detector) if pair is None else [_part(one) for one in pair]
    bare = ElementaryLink(link.left, link.right)
    for key in given:
        if getattr(link, key) != getattr(bare, key):
            table[key] = getattr(link, key)
    return table


def _werner(fidelity: float) -> tuple[float, ...]:
    return (fidelity, *[(1 - fidelity) / 3] * 3)


def _part(part: Any) -> dict[str, Any]:
    """The fields of a part that are not at their default."""
    table: dict[str, Any] = {}
    hints = get_type_hints(type(part))
    for field in fields(part):
        value = getattr(part, field.name)
        if not field.init or value is None or value == _default(field):
            continue
        if is_dataclass(value):
            named = {} if type(value) is hints[field.name] else {"kind": kind_of(value)}
            value = {**named, **_part(value)}
        table[field.name] = value
    return table


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return name if name and set(name) <= _BARE else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        if isinf(number) or isnan(number):
            return ("-" if number < 0 else "") + ("inf" if isinf(number) else "nan")
        return repr(number)  # the shortest text that reads back as the same number
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"a network file cannot hold {value!r} ({type(value).__name__})")


def _text(text: str) -> str:
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter
