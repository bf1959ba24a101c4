"""What a request of ETSI GS QKD 014 V1.1.1 may say, checked whole before anything is taken; sizes are in bits."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quantumlink import validation
from quantumlink.keys.delivery.refusal import Refusal, malformed, unknown_key
from quantumlink.keys.material import DeliveredKey

ORIGIN_EXTENSION: Final = "quantumlink_origin"
"""The extension that we know: where the keys must be from, such as ``{"quantumlink_origin": "device"}``."""

_DIGITS: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a node offers, sizes in bits."""

    key_size: int = 256
    """Size of a key that does not say it."""
    min_key_size: int = 64
    max_key_size: int = 4096
    max_key_per_request: int = 1024
    max_sae_id_count: int = 8
    """How many slaves a key may have beside the first."""

    def __post_init__(self) -> None:
        validation.plain(self)
        for name in ("key_size", "min_key_size", "max_key_size"):
            if validation.count(name, getattr(self, name), at_least=8) % 8:
                raise ValueError(f"{name} must be a multiple of 8, got {getattr(self, name)}")
        if not self.min_key_size <= self.key_size <= self.max_key_size:
            raise ValueError(
                f"key_size must be between {self.min_key_size} and {self.max_key_size}, got {self.key_size}"
            )
        validation.count("max_key_per_request", self.max_key_per_request, at_least=1)
        validation.count("max_sae_id_count", self.max_sae_id_count)


@dataclass(frozen=True)
class KeyRequest:
    """A request for new keys."""

    number: int
    size: int
    additional: tuple[str, ...] = ()
    mandatory: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        validation.counts(self, "number", "size", at_least=1)

    @classmethod
    def from_query(cls, query: Sequence[tuple[str, str]], limits: Limits) -> KeyRequest:
        """Read the query of a GET request.

        Raises:
            Refusal: if it says anything else than number and size, or what is not allowed.
        """
        given: dict[str, Any] = {}
        for name, value in query:
            if name not in ("number", "size"):
                raise malformed(f"GET takes number and size only, got {name!r}: use POST")
            if name in given:
                raise malformed(f"{name} is given twice")
            if not _DIGITS.fullmatch(value):
                raise malformed(f"{name} must be a whole number, got {value[:40]!r}")
            given[name] = int(value)
        return cls.from_members(given, limits)

    @classmethod
    def from_members(cls, members: Mapping[str, Any], limits: Limits) -> KeyRequest:
        """Read the members of a JSON object.

        Raises:
            Refusal: if one is of the wrong type or out of range.
        """
        number = _whole(members, "number", 1)
        size = _whole(members, "size", limits.key_size)
        if size % 8:
            raise malformed("size shall be a multiple of 8")
        if not limits.min_key_size <= size <= limits.max_key_size:
            raise malformed(f"size must be between {limits.min_key_size} and {limits.max_key_size}, got {size}")
        if not 1 <= number <= limits.max_key_per_request:
            raise malformed(f"number must be between 1 and {limits.max_key_per_request}, got {number}")
        additional = _strings(members, "additional_slave_SAE_IDs")
        if len(additional) > limits.max_sae_id_count:
            raise malformed(
                f"additional_slave_SAE_IDs may hold {limits.max_sae_id_count} ids at most, got {len(additional)}"
            )
        if len(set(additional)) < len(additional):
            raise malformed("additional_slave_SAE_IDs names an id twice")
        _objects(members, "extension_optional")
        return cls(number, size, additional, _objects(members, "extension_mandatory"))

    def check_extensions(self, origins: frozenset[str]) -> None:
        """Check the mandatory extensions; ``origins`` is where the keys of that pair can be from.

        Raises:
            Refusal: if one is unknown, or cannot be met.
        """
        if any(set(each) != {ORIGIN_EXTENSION} for each in self.mandatory):
            raise Refusal(400, "not all extension_mandatory parameters are supported", cause="extension")
        if any({each[ORIGIN_EXTENSION]} != origins if isinstance(each[ORIGIN_EXTENSION], str) else True
               for each in self.mandatory):  # fmt: skip
            raise Refusal(400, "not all extension_mandatory request options could be met", cause="extension")


def key_ids_of_query(query: Sequence[tuple[str, str]]) -> list[str]:
    """The one id of a GET request for keys that were made.

    Raises:
        Refusal: if there is none, more than one, or anything else.
    """
    if [name for name, _ in query] != ["key_ID"]:
        raise malformed("GET takes one key_ID and nothing else: use POST for several")
    return [_known(query[0][1])]


def key_ids_of_members(members: Mapping[str, Any], limits: Limits) -> list[str]:
    """The ids of a POST request for keys that were made, in their order.

    Raises:
        Refusal: if there are none, too many, or one twice.
    """
    entries = members.get("key_IDs")
    if not isinstance(entries, list) or not entries:
        raise malformed("key_IDs must be a list of objects with a key_ID each, at least one")
    if len(entries) > limits.max_key_per_request:
        raise malformed(f"key_IDs may hold {limits.max_key_per_request} ids at most, got {len(entries)}")
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("key_ID"), str):
            raise malformed("each entry of key_IDs must be an object with a key_ID, which is a string")
        found.append(_known(entry["key_ID"]))
    if len(set(found)) < len(found):
        raise malformed("key_IDs names a key_ID twice")
    return found


def members_of(body: bytes) -> dict[str, Any]:
    """The members of a JSON object in UTF-8; an empty body is an empty object.

    Raises:
        Refusal: if it is none, names a member twice, or nests too deep.
    """
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise malformed("the body nests too deep") from None
    except ValueError as error:  # also of the encoding, and of numbers with thousands of digits
        raise malformed(f"the body is no JSON object: {str(error)[:80]}") from None
    if not isinstance(value, dict):
        raise malformed("the body must be a JSON object")
    if b"\\u" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no text can hold
            raise malformed("the body is no JSON object: a string of it is no Unicode text") from None
    return value


def container(keys: Sequence[DeliveredKey]) -> dict[str, Any]:
    """The key container."""
    return {
        "keys": [
            {"key_ID": key.key_id, "key": base64.b64encode(key.secret.reveal()).decode("ascii")} for key in keys
        ]
    }


def error_object(refusal: Refusal) -> dict[str, Any]:
    """The error object."""
    return {"message": refusal.message} | ({"details": refusal.details} if refusal.details else {})


def canonical(key_id: str) -> str | None:
    """A UUID as we write it, None if it is none: then no key has that id."""
    try:
        return str(uuid.UUID(key_id)) if len(key_id) == 36 else None
    except ValueError:
        return None


def _known(key_id: str) -> str:
    if (found := canonical(key_id)) is None:
        raise unknown_key()
    return found


def _whole(members: Mapping[str, Any], name: str, default: int) -> int:
    value = members.get(name, default)
    if type(value) is not int:  # true is an int in Python, and 2.0 is none in JSON
        raise malformed(f"{name} must be a whole number")
    return value


def _strings(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = members.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise malformed(f"{name} must be a list of strings")
    return tuple(value)


def _objects(members: Mapping[str, Any], name: str) -> tuple[dict[str, Any], ...]:
    value = members.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) and each for each in value):
        raise malformed(f"{name} must be a list of objects")
    return tuple(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
