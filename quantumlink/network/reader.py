"""Reading network files: tables become parts, and every complaint names the file, the table and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from quantumlink import validation
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink
from quantumlink.network.files import (
    FILE_KEYS,
    LINK_VALUES,
    NODE_CHOICES,
    NODE_KEYS,
    NODE_PARTS,
    NODE_VALUES,
    NetworkFileError,
    field_types,
    link_keys,
)
from quantumlink.network.graph import Graph
from quantumlink.network.templates import ONCE, STATES, Common, Table, What
from quantumlink.parts import IN_TABLES, Part, named_part, part_at, parts_of, place_of

T = TypeVar("T")
G = TypeVar("G", bound=Graph)


def load(kind: type[G], path: Path) -> G:
    """Read a file: see `files` for its form, and `Network.load` for what is refused."""
    if path.is_dir():
        raise NetworkFileError(f"{path}: this is a directory, and a network file is needed")
    written = path.read_bytes()
    try:
        network = read(kind, text_of(written), path, name=path.stem)
    except UnicodeDecodeError as error:
        raise NetworkFileError(f"{path}: this is not TOML: {error}") from error
    network.written = written
    return network


def text_of(written: bytes) -> str:
    """The text of a file, whatever its line ends.

    Raises:
        UnicodeDecodeError: if it is not UTF-8.
    """
    return written.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def read(kind: type[G], text: str, path: Path | str, *, name: str = "network") -> G:
    """Read the text of a file.

    Args:
        kind: what to make.
        text: the TOML.
        path: the file that complaints name.
        name: of the network, if the text gives it none.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise NetworkFileError(f"{path}: this is not TOML: {error}") from error
    reader = _Reader(path)
    reader.keys("the file", data, FILE_KEYS)
    name = data.get("name", name)
    if not isinstance(name, str):
        raise reader.error("the file", f"name must be a string, got {name!r}")
    reader.read_common(data)
    tables = reader.table("the file", data, "nodes")
    nodes = {key: reader.node(key, table) for key, table in tables.items()}
    entries = data.get("links", [])
    if not isinstance(entries, list):
        raise reader.error("links", "must be a list of tables, each headed [[links]]")
    links = [reader.link(i, entry, nodes) for i, entry in enumerate(entries, start=1)]
    return reader.build("the file", lambda: kind(nodes.values(), links, name))


class _Reader:
    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._common = Common({}, {}, ())

    def error(self, where: str, text: str) -> NetworkFileError:
        return NetworkFileError(f"{self._path}, {where}: {text}")

    def build(self, where: str, make: Callable[[], T]) -> T:
        try:
            return make()
        except (TypeError, ValueError, OverflowError) as error:
            raise self.error(where, str(error)) from error

    def choice(self, where: str, key: str, value: Any, allowed: Collection[str]) -> str:
        return self.build(where, lambda: validation.choice(key, value, allowed))

    def keys(self, where: str, table: Any, allowed: Iterable[str]) -> Mapping[str, Any]:
        if not isinstance(table, Mapping):
            raise self.error(where, f"must be a table, got {table!r}")
        known = list(allowed)
        for key in table:
            if key not in known:
                hint = validation.did_you_mean(key, known)
                raise self.error(where, f"unknown key {key!r}{hint}; known are {', '.join(known)}")
        return table

    def table(self, where: str, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(where, f"{key} must be a table, got {value!r}")
        return value

    def part(self, where: str, table: Any, part: Part, *, named: bool = False) -> Any:
        """A part from a table of its fields; ``named`` if the table's ``kind`` was read before."""
        known = self.fields(where, table, part, named=named)
        values = {key: value for key, value in table.items() if not (named and key == "kind")}
        missing = [field.name for field in known or () if _required(field) and field.name not in values]
        if missing:
            raise self.error(where, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        hints = field_types(part.cls)
        given = {key: self.value(f"{where} {key}", x, hints.get(key)) for key, x in values.items()}
        return self.build(where, lambda: part.make(given))

    def fields(self, where: str, table: Any, part: Part, *, named: bool) -> list[Field[Any]] | None:
        """The fields of a part, none if its class has its own way to be made; the table has no other keys."""
        known = [field for field in fields(part.cls) if field.init] if is_dataclass(part.cls) else None
        if known is not None:
            self.keys(where, table, [*(["kind"] if named else []), *(field.name for field in known)])
        elif not isinstance(table, Mapping):
            raise self.error(where, f"must be a table, got {table!r}")
        return known

    def value(self, where: str, value: Any, expected: Any) -> Any:
        """A plain value; or a part, of the class that the field expects, or of the kind that the table names."""
        if isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
            return tuple(self.named(where, entry, *IN_TABLES) for entry in value)
        if not isinstance(value, Mapping):
            return value
        usual = part_at(place_of(expected)) if isinstance(expected, type) else None
        if usual is not None and "kind" not in value:
            return self.part(where, value, usual)
        return self.named(where, value, *IN_TABLES)

    def named(self, where: str, table: Any, *kinds: str) -> Any:
        """A part whose ``kind`` chooses its class."""
        if not isinstance(table, Mapping):
            raise self.error(where, f"must be a table, got {table!r}")
        known = parts_of(*kinds)
        if "kind" not in table:
            raise self.error(where, f"kind is missing, one of {', '.join(known)}")
        name = table["kind"]
        self.choice(where, "kind", name, known)
        return self.part(where, table, known[name], named=True)

    def read_common(self, data: Mapping[str, Any]) -> None:
        """The file's defaults and templates; whatever no node or link could use is refused where it stands."""
        known = {what: [key for key in _KEYS[what]() if key not in ONCE] for what in _KEYS}
        defaults = self.table("the file", data, "defaults")
        self.keys("[defaults]", defaults, known)
        for what, keys in known.items():
            if what in defaults:
                self.keys(f"[defaults.{what}]", defaults[what], keys)
                self.shapes(f"[defaults.{what}]", defaults[what])
        templates = self.table("the file", data, "templates")
        for name, table in templates.items():
            where = f"[templates.{name}]"
            given = table if isinstance(table, Mapping) else ()
            # What it is for: that of which it has the most keys.
            likely = max(known, key=lambda what: sum(key in known[what] for key in given))
            self.keys(where, table, known[likely])
            self.shapes(where, table)
        self._common = Common(defaults, templates, list(parts_of("medium")))

    def shapes(self, where: str, table: Table) -> None:
        """Refuse unknown keys in the tables of a default or template."""
        media = parts_of("medium")
        usual = {**media, **{key: named_part(key, key) for key in (*NODE_PARTS, "detector")}}
        for key, value in table.items():
            if key not in usual and key != "source":
                continue
            for entry in value if key == "detector" and isinstance(value, list) else [value]:
                if isinstance(entry, Mapping) and "kind" in entry and key not in media:
                    kind = self.choice(f"{where} {key}", "kind", entry["kind"], parts_of(key))
                    self.fields(f"{where} {key}", entry, named_part(key, kind), named=True)
                elif key in usual:
                    self.fields(f"{where} {key}", entry, usual[key], named=False)

    def completed(self, where: str, what: What, own: Any) -> Table:
        """A table with what it takes from the templates that it uses, and from the defaults."""
        known = _KEYS[what]()
        self.keys(where, own, [*known, "use"])
        used = own.get("use", [])
        used = [used] if isinstance(used, str) else used
        if not isinstance(used, list) or not all(isinstance(name, str) for name in used):
            raise self.error(where, f"use must be the name of a template, or a list of names, got {used!r}")
        for name in used:
            self.choice(where, "use", name, self._common.templates)
            for key in self._common.templates[name]:
                if key not in known:
                    raise self.error(where, f"use names [templates.{name}], whose {key!r} is no key of a {what}")
        return self._common.completed(what, own, used)

    def node(self, name: str, table: Any) -> Node:
        where = f"[nodes.{name}]"
        table = self.completed(where, "node", table)
        parts = {key: self.node_part(f"{where} {key}", self.table(where, table, key), key) for key in NODE_PARTS}
        parts |= {
            key: self.named(f"{where} {key}", self.table(where, table, key), key)
            for key in NODE_CHOICES
            if key in table
        }
        values = {key: table[key] for key in NODE_VALUES if key in table}
        return self.build(where, lambda: Node(name, **parts, **values))

    def node_part(self, where: str, table: Mapping[str, Any], key: str) -> Any:
        return self.named(where, table, key) if "kind" in table else self.part(where, table, named_part(key, key))

    def link(self, number: int, table: Any, nodes: Mapping[str, Node]) -> ElementaryLink:
        where = f"[[links]] number {number}"
        table = self.completed(where, "link", table)
        between = table.get("between")
        if not isinstance(between, list) or len(between) != 2 or not all(isinstance(x, str) for x in between):
            raise self.error(where, f"between must name two nodes, got {between!r}")
        for name in between:
            if name not in nodes:
                hint = validation.did_you_mean(name, nodes)
                raise self.error(where, f"between names the unknown node {name!r}{hint}")
        left, right = (nodes[name] for name in between)
        where = f"{where} ({left}–{right})"
        if not any(key in table for key in STATES):
            raise self.error(
                where, "needs fidelity, bell_diagonal or state, or a source: the state in which its pairs arrive"
            )
        given: dict[str, Any] = {key: table[key] for key in LINK_VALUES if key in table}
        if "source" in table:
            given["source"] = self.named(f"{where} source", table["source"], "source")
        if "detector" in table:
            given["detector"] = self.detector(f"{where} detector", table["detector"])
        medium = self.medium(where, table)
        return self.build(where, lambda: ElementaryLink(left, right, medium, **given))

    def medium(self, where: str, table: Mapping[str, Any]) -> Any:
        media = parts_of("medium")
        found = [key for key in media if key in table]
        if len(found) > 1:
            raise self.error(where, f"a link has one medium, got {' and '.join(found)}")
        if not found:
            return None
        return self.part(f"{where} {found[0]}", self.table(where, table, found[0]), media[found[0]])

    def detector(self, where: str, value: Any) -> Any:
        """One detector for both ends, or the left and the right one."""
        if not isinstance(value, list):
            return self.one_detector(where, value)
        if len(value) != 2:
            raise self.error(
                where, f"must be a table, or two of them for the left and the right end, got {value!r}"
            )
        left, right = (self.one_detector(where, entry) for entry in value)
        return left, right

    def one_detector(self, where: str, table: Any) -> Any:
        if isinstance(table, Mapping) and "kind" in table:
            return self.named(where, table, "detector")
        return self.part(where, table, named_part("detector", "detector"))


_KEYS: Mapping[What, Callable[[], tuple[str, ...]]] = {"node": lambda: NODE_KEYS, "link": link_keys}


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
