"""The JSON Schema of network files, made of the registry of parts: one of your own is in it once it is registered.

For editors that complete and check TOML as it is written. It knows keys, kinds and types, and nothing of ranges or
of what must not stand together: `Network.load` decides. A table without a ``kind``, where the kind may stand in a
template or default, may have any key of any kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink
from quantumlink.network.files import LINK_VALUES, NODE_CHOICES, NODE_PARTS, NODE_VALUES, field_types
from quantumlink.network.templates import ONCE
from quantumlink.parts import IN_TABLES, Part, parts_of

Schema = dict[str, Any]

_PLAIN: Mapping[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}


def file_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a network file, with all parts that are registered now.

    >>> file_schema()["properties"]["nodes"]
    {'type': 'object', 'additionalProperties': {'$ref': '#/$defs/node'}}
    """
    node_types, link_types = get_type_hints(Node), get_type_hints(ElementaryLink.__init__)
    node = {key: _of_kind(key) for key in (*NODE_PARTS, *NODE_CHOICES)} | {
        key: _of_type(node_types[key]) for key in NODE_VALUES
    }
    detector = _of_kind("detector")
    link = {
        "between": {**_TEXTS, "minItems": 2, "maxItems": 2},
        **{name: _of_part(part) for name, part in parts_of("medium").items()},
        **{key: _of_type(link_types[key]) for key in LINK_VALUES},
        "source": _of_kind("source"),
        "detector": _one_of([detector, {"type": "array", "items": detector, "minItems": 2, "maxItems": 2}]),
    }
    use = {"use": _one_of([{"type": "string"}, _TEXTS])}
    shared_node, shared_link = (
        _table({key: value for key, value in keys.items() if key not in ONCE}) for keys in (node, link)
    )
    templates = _one_of([shared_node, shared_link])
    properties = {
        "name": {"type": "string"},
        "defaults": _table({"node": shared_node, "link": shared_link}),
        "templates": {"type": "object", "additionalProperties": templates},
        "nodes": {"type": "object", "additionalProperties": {"$ref": "#/$defs/node"}},
        "links": {"type": "array", "items": {"$ref": "#/$defs/link"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A quantumlink network file",
        **_table(properties),
        "$defs": {
            "node": _table({**node, **use}),
            "link": {**_table({**link, **use}), "required": ["between"]},
            "part": _one_of([*map(_named, parts_of(*IN_TABLES).values()), _kindless()]),
        },
    }


def _table(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _one_of(choices: Iterable[Schema]) -> Schema:
    distinct: list[Schema] = []
    for choice in choices:
        if choice not in distinct:
            distinct.append(choice)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _kindless() -> Schema:
    return {"type": "object", "not": {"required": ["kind"]}}


def _properties(part: Part) -> dict[str, Schema] | None:
    """The fields of a part; None if its class has its own way to be made."""
    if not is_dataclass(part.cls):
        return None
    hints = field_types(part.cls)
    return {field.name: _of_type(hints.get(field.name)) for field in fields(part.cls) if field.init}


def _of_part(part: Part) -> Schema:
    properties = _properties(part)
    found = {"type": "object"} if properties is None else _table(properties)
    return {"description": part.summary, **found}


def _named(part: Part) -> Schema:
    kind, found = {"kind": {"const": part.name}}, _of_part(part)
    return {**found, "properties": kind | found.get("properties", {}), "required": ["kind"]}


def _of_kind(kind: str) -> Schema:
    """A table that names one of the parts of a kind, or none, which a template or default may name."""
    parts = list(parts_of(kind).values())
    known = [_properties(part) for part in parts]
    if None in known:
        return _one_of([*map(_named, parts), _kindless()])
    together: dict[str, list[Schema]] = {}
    for properties in known:
        for key, value in (properties or {}).items():
            together.setdefault(key, []).append(value)
    return _one_of([*map(_named, parts), _table({key: _one_of(values) for key, values in together.items()})])


def _of_type(hint: Any) -> Schema:
    """Of a value of that type; of a type that tables hold no plain value of, a part, and of any, anything."""
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    make = _BY_ORIGIN.get(get_origin(hint))
    if make is not None:
        return make(get_args(hint))
    if isinstance(hint, type):
        return {"$ref": "#/$defs/part"}
    return {}


def _of_union(members: tuple[Any, ...]) -> Schema:
    return _one_of(_of_type(member) for member in members if member is not NoneType)


def _of_tuple(members: tuple[Any, ...]) -> Schema:
    if members[-1:] == (Ellipsis,):
        return _of_items(members[:1])
    entries = [_of_type(member) for member in members]
    return {"type": "array", "prefixItems": entries, "minItems": len(entries), "maxItems": len(entries)}


def _of_items(members: tuple[Any, ...]) -> Schema:
    return {"type": "array", "items": _of_type(members[0])}


_BY_ORIGIN: Mapping[Any, Callable[[tuple[Any, ...]], Schema]] = {
    Union: _of_union,
    UnionType: _of_union,
    Literal: lambda members: {"enum": list(members)},
    tuple: _of_tuple,
    list: _of_items,
    Sequence: _of_items,
}
