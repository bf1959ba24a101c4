"""Values as plain data for JSON, and back: parts by the names of the registry, and links made of them.

A part is ``{"kind": …, "name": …, "arguments": {…}}``. Only what is registered is ever made of data, so that
reading a record never runs code that a file has chosen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from quantumlink.circuits import Code, name_of_operation
from quantumlink.codes.decoders import name_of_decoder
from quantumlink.hardware.pauli_coefficients import nested
from quantumlink.link import (
    ElementaryLink,
    Encoded,
    Join,
    Link,
    Purify,
    Swap,
    distinct_links,
    encode,
    join,
    purify,
    swap,
)
from quantumlink.link.encoded import DETECT, LogicalSwap
from quantumlink.parts.kinds import KINDS
from quantumlink.parts.registry import UnknownPart, named_part, part_at, part_of

_JOINS: Mapping[type[Join], tuple[str, Callable[..., Join]]] = {
    Swap: ("swap", lambda links, by: swap(*links, by=by)),
    Purify: ("purify", lambda links, by: purify(*links, by=by)),
    Join: ("join", lambda links, by: join(by, *links)),
}
"""What each kind of join is called, and how it is made again."""

_REMADE = dict(_JOINS.values())


def to_data(value: Any) -> Any:
    """A value as JSON can hold it: numbers, text, tuples, mappings, arrays, registered parts, and links of them.

    Lists come back as tuples.

    Raises:
        UnknownPart: if it, or a part of it, has no name; the text says how to register one.

    >>> from quantumlink.hardware import Memory
    >>> from_data(to_data(Memory(t1_s=2.0))) == Memory(t1_s=2.0)
    True
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, complex):
        return {"complex": [to_data(value.real), to_data(value.imag)]}
    if isinstance(value, (tuple, list)):
        return {"tuple": [to_data(item) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[to_data(key), to_data(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return {"array": to_data(value.tolist()), "dtype": value.dtype.str}
    if isinstance(value, Link):
        return _link_data(value)
    part = part_of(value)
    return {"kind": part.kind, "name": part.name, "arguments": _each(part.arguments(value))}


def from_data(data: Any) -> Any:
    """What `to_data` was given.

    Raises:
        ValueError: if it is no such value, or names a part that is not known here.
    """
    if not isinstance(data, Mapping):
        return data
    for word, read in _READERS.items():
        if word in data:
            return read(data)
    raise ValueError(f"stored data must name a part by kind and name, got the keys {sorted(data)}")


def _each(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_data(value) for name, value in arguments.items()}


def _part(data: Mapping[str, Any]) -> Any:
    kind, name = data["kind"], data.get("name")
    if kind not in KINDS:
        raise ValueError(f"stored data must name a part by kind and name, got the kind {kind!r}")
    part = named_part(kind, name)
    return part.make({key: from_data(value) for key, value in data.get("arguments", {}).items()})


def _part_of_old(data: Mapping[str, Any]) -> Any:
    """As parts were told when they went by module and class."""
    place = f"{data['module']}:{data.get('class')}"
    arguments = {key: from_data(value) for key, value in data.get("arguments", {}).items()}
    if place == "quantumlink.link.elementary:ElementaryLink":
        return ElementaryLink(**arguments)
    part = part_at(place)
    if part is None:
        raise UnknownPart(
            f"what is stored may hold data classes of quantumlink only, or registered ones; got {place}: import "
            f"the module that calls quantumlink.parts.register with it"
        )
    return part.make(arguments)


# --- links


def _link_data(link: Link) -> dict[str, Any]:
    """Every distinct link once, children first: a chain may be deep, and share its parts."""
    place: dict[int, int] = {}
    found: list[Any] = []
    for each in distinct_links(link):
        found.append(_own_data(each, [place[id(child)] for child in each.children]))
        place[id(each)] = len(found) - 1
    return {"link": found}


def _own_data(link: Link, children: list[int]) -> dict[str, Any]:
    if type(link) is ElementaryLink:
        return {"elementary": _each(_arguments(link))}
    if isinstance(link, Encoded):
        return {"encode": children, **_coding_data(link)}
    if isinstance(link, Join) and type(link) in _JOINS:
        word, made = _JOINS[type(link)]
        name = name_of_operation(link.operation) or link.operation.name
        if isinstance(link.operation, LogicalSwap):
            name = "entanglement_swap"  # that it is one follows from how its links are encoded
        if not _is_remade(link, made, name):
            kind = {"swap": "swap", "purify": "purification", "join": "operation"}[word]
            raise UnknownPart(
                f"{link.operation!r} has no name under which it can be stored: register it, "
                f'quantumlink.parts.register("a name", operation, kind="{kind}")'
            )
        return {word: children, "by": name}
    raise UnknownPart(f"there is no way to store a link of the kind {type(link).__name__}: {link!r}")


def _coding_data(link: Encoded) -> dict[str, Any]:
    """The code, by what it is made of, and the decoder, by its name."""
    code = link.code
    made: dict[str, Any] = {
        "code": {"name": code.name, "stabilizers": [*code.stabilizers]},
        "decode": DETECT if link.operation.detects else name_of_decoder(link.decoder),
    }
    made["code"] |= {"logical_x": [*code.logical_x], "logical_z": [*code.logical_z]}
    if made["decode"] is None:
        raise UnknownPart(
            f"the decoder {link.decoder!r} has no name under which it can be stored: register it, "
            f'quantumlink.parts.register("a name", decoder, kind="decoder")'
        )
    return made


def _encoded(links: list[Link], own: Mapping[str, Any]) -> Link:
    code = Code(**own["code"])
    if len(links) != code.qubits or any(link != links[0] for link in links):
        raise ValueError(
            f"stored data must encode {code.qubits} copies of one link in {code.name}, got {len(links)}"
        )
    return encode(links[0], code, own["decode"])


def _is_remade(link: Join, made: Callable[..., Join], name: str) -> bool:
    try:
        again = made(link.links, name)
    except (TypeError, ValueError):
        return False
    # Its links are the same objects; what is compared is its operation, and the losses at its nodes.
    return again._own_fields() == link._own_fields() and again.ends == link.ends


def _link(data: Mapping[str, Any]) -> Link:
    links: list[Link] = []
    for own in data["link"]:
        if "elementary" in own:
            links.append(ElementaryLink(**{key: from_data(value) for key, value in own["elementary"].items()}))
            continue
        if "encode" in own:
            links.append(_encoded([links[i] for i in own["encode"]], own))
            continue
        word = next((word for word in _REMADE if word in own), None)
        if word is None:
            raise ValueError(f"stored data has a link of an unknown kind, with the keys {sorted(own)}")
        links.append(_REMADE[word]([links[i] for i in own[word]], own["by"]))
    return links[-1]


def _arguments(link: ElementaryLink) -> dict[str, Any]:
    # Its state is stated by its populations, by all of it, or by its source, which then decides more than that.
    left_out = {"self", "fidelity", "state" if link.is_bell_diagonal else "bell_diagonal"}
    if link.source is not None:
        left_out |= {"bell_diagonal", "state", "rate_hz", "success_probability", "attempt_time_s", "heralded_s"}
    names = [name for name in inspect.signature(ElementaryLink.__init__).parameters if name not in left_out]
    return {name: nested(link.state.data) if name == "state" else getattr(link, name) for name in names}


def _swap_of_old(data: Mapping[str, Any]) -> Link:
    left, right = (from_data(part) for part in data["swap"])
    return swap(left, right, by=data.get("by", "entanglement_swap"))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "kind": _part,
    "link": _link,
    "float": lambda data: float(data["float"]),
    "complex": lambda data: complex(*(from_data(part) for part in data["complex"])),
    "tuple": lambda data: tuple(from_data(item) for item in data["tuple"]),
    "mapping": lambda data: {from_data(key): from_data(item) for key, item in data["mapping"]},
    "array": lambda data: np.array(_lists(from_data(data["array"])), dtype=data["dtype"]),
    "module": _part_of_old,
    "swap": _swap_of_old,
    "purify": lambda data: purify(*(from_data(part) for part in data["purify"]), by=data["protocol"]),
}
"""How data is read, by the word that it holds."""


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value
