"""Writing network files: the text that `Network.load` reads back as an equal network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from math import isinf, isnan
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from quantumlink.hardware import Detector, Node
from quantumlink.hardware.bell_diagonal import werner
from quantumlink.hardware.pauli_coefficients import nested
from quantumlink.link import ElementaryLink
from quantumlink.network.files import LINK_VALUES, NODE_CHOICES, NODE_PARTS, NODE_VALUES, STATED, field_types
from quantumlink.network.graph import Graph
from quantumlink.parts import part_at, part_of, place_of

Table = Mapping[str, Any]

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def to_toml(network: Graph) -> str:
    """The text of a file: see `Network.to_toml`."""
    blocks = [f"name = {value_text(network.name)}"]
    blocks += ["\n".join([f"[nodes.{_key(n.name)}]", *_pairs(node_table(n))]) for n in network.nodes.values()]
    blocks += ["\n".join(["[[links]]", *_pairs(link_table(link))]) for link in network.links]
    return "\n\n".join(blocks) + "\n"


def node_table(node: Node, defaults: Table = MappingProxyType({})) -> dict[str, Any]:
    """What a file says of a node, whose ``[defaults.node]`` say something already."""
    usual = Node("usual")
    table = {
        key: value
        for key in NODE_VALUES
        if (value := getattr(node, key)) is not None and (value != getattr(usual, key) or key in defaults)
    }
    for key, kind in NODE_PARTS.items():
        part = getattr(node, key)
        if part != kind() or key in defaults:
            table[key] = _told(part, kind, defaults.get(key))
    for key in NODE_CHOICES:
        if getattr(node, key) is not None:
            table[key] = _told(getattr(node, key), None, defaults.get(key))
    return table


def link_table(link: ElementaryLink, defaults: Table = MappingProxyType({})) -> dict[str, Any]:
    """What a file says of a link, whose ``[defaults.link]`` say something already."""
    table: dict[str, Any] = {"between": [link.left.name, link.right.name]}
    if link.medium is not None:
        medium = part_of(link.medium).name
        table[medium] = _part(link.medium, defaults.get(medium))
    source, detector = link.source, link.detector
    given = [key for key in LINK_VALUES if key not in STATED]
    if source is not None:
        table["source"] = _told(source, None, defaults.get("source"))
        # What the source makes of them is not given again.
        given = [key for key in given if key in ("multiplexing", "classical_delay_s")]
    elif not link.is_bell_diagonal:
        table["state"] = nested(link.state.data)
    elif link.bell_diagonal == werner(link.fidelity):
        table["fidelity"] = link.fidelity
    else:
        table["bell_diagonal"] = link.bell_diagonal
    if detector is not None:
        pair = detector if isinstance(detector, tuple) else None
        one = defaults.get("detector") if pair is None else None
        table["detector"] = _told(detector, Detector, one) if pair is None else [_told(x, Detector) for x in pair]
    bare = ElementaryLink(link.left, link.right)
    for key in given:
        value = getattr(link, key)
        if value is not None and (value != getattr(bare, key) or key in defaults):
            table[key] = value
    return table


def _told(part: Any, expected: Any = None, said: Any = None) -> dict[str, Any]:
    """A part as a table, with its kind where another class is expected, or none."""
    table = _part(part, said)
    return table if type(part) is expected else {"kind": part_of(part).name, **table}


def _part(part: Any, said: Any = None) -> dict[str, Any]:
    """The arguments of a part that are not at their default, and those of which something is said already."""
    table: dict[str, Any] = {}
    said = said if isinstance(said, Mapping) else {}
    hints, defaults = field_types(type(part)), _defaults(type(part))
    for name, value in part_of(part).arguments(part).items():
        if value is None or (name in defaults and value == defaults[name] and name not in said):
            continue
        if isinstance(value, tuple) and value and all(map(_is_part, value)):
            table[name] = [_told(entry) for entry in value]
        elif _is_part(value):
            expected = hints.get(name)
            known = isinstance(expected, type) and part_at(place_of(expected)) is not None
            table[name] = _told(value, expected if known else None, said.get(name))
        else:
            table[name] = value
    return table


def _is_part(value: Any) -> bool:
    plain = value is None or isinstance(value, (str, Real, Mapping, Sequence))
    return not plain and not isinstance(value, type)


def _defaults(cls: type[Any]) -> dict[str, Any]:
    return {field.name: _default(field) for field in fields(cls)} if is_dataclass(cls) else {}


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {value_text(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return name if name and set(name) <= _BARE else _text(name)


def value_text(value: Any) -> str:
    """A value as TOML."""
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
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    raise TypeError(f"a network file cannot hold {value!r} ({type(value).__name__})")


def _text(text: str) -> str:
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter
