"""Networks: nodes and elementary links as a graph, read from a TOML file; a route through it is a link.

The file has one table a node, and one entry a link::

    name = "metro"

    [nodes.relay]
    memory = { t1_s = 10.0, t2_s = 1.0 }
    processor = { depolarizing_1q = 1e-4, depolarizing_2q = 2e-3, readout_error = 1e-3 }

    [nodes.alice]

    [[links]]
    between = ["alice", "relay"]
    fiber = { length_km = 25.0 }
    fidelity = 0.97                  # Werner; or bell_diagonal = [0.97, 0.01, 0.01, 0.01]
    rate_hz = 500.0                  # pairs a second, optional

The keys are those of `Memory`, `Processor`, `Fiber` and `ElementaryLink`. The graph must be a tree, so that
there is exactly one route between any two nodes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import rustworkx as rx

from quantumlink import validation
from quantumlink.circuits import PurificationProtocol
from quantumlink.hardware import Fiber, Memory, Node, Processor
from quantumlink.link import ChainOrder, ElementaryLink, Link, chain

T = TypeVar("T")


class NetworkFileError(ValueError):
    """A network file that cannot be read; the text names the file, the table and the key."""


class Network:
    """Nodes joined by elementary links.

    Args:
        nodes: the nodes, names unique.
        links: the elementary links between them; each node has at least one, and there is no cycle.
        name: a name for tables and plots.

    Raises:
        ValueError: if names repeat, a link's node is not among the nodes, or the graph is disconnected or
            has a cycle.

    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> network = Network([a, r, b], [ElementaryLink(a, r), ElementaryLink(b, r)])
    >>> network.route("a", "b")
    <Swap a–b, 2 elementary pairs>
    """

    def __init__(self, nodes: Iterable[Node], links: Iterable[ElementaryLink], name: str = "") -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}
        for node in _listed("nodes", nodes):
            validation.instance("nodes", node, Node, "nodes")
            if node.name in self.nodes:
                raise ValueError(f"two nodes are named {node.name!r}")
            self.nodes[node.name] = node
        self.links = tuple(
            validation.instance("links", x, ElementaryLink, "elementary links") for x in _listed("links", links)
        )
        if not self.nodes:
            raise ValueError("a network needs at least one node, got none")
        if not self.links:
            raise ValueError("a network needs at least two nodes and a link between them, got no link")
        self._graph: rx.PyGraph[str, ElementaryLink] = rx.PyGraph()
        self._index = {name: self._graph.add_node(name) for name in self.nodes}
        for link in self.links:
            for end in link.ends:
                if self.nodes.get(end.name) != end:
                    raise ValueError(f"the link {link.left}–{link.right} ends at {end!r}, which is no node here")
            self._graph.add_edge(self._index[link.left.name], self._index[link.right.name], link)
        self._check_tree()

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network from a TOML file: see the module for its form.

        Raises:
            NetworkFileError: if the file is not TOML, or anything in it is missing, misspelt or out of
                range: file, table and key are named.
            FileNotFoundError: if there is no such file.
        """
        return _load(cls, Path(path))

    def route(
        self,
        source: str,
        target: str,
        *,
        order: ChainOrder = "balanced",
        purify_rounds: int = 0,
        protocol: PurificationProtocol = "dejmps",
    ) -> Link:
        """The link from one node to another, along the only path: see `chain` for the options.

        Raises:
            ValueError: if a node is unknown (near names are suggested), or both are the same.
        """
        for argument, name in (("source", source), ("target", target)):
            validation.choice(argument, name, self.nodes)
        if source == target:
            raise ValueError(f"a route needs two different nodes, got {source!r} twice")
        start, stop = self._index[source], self._index[target]
        path = list(rx.dijkstra_shortest_paths(self._graph, start, target=stop)[stop])
        hops = []
        for here, there in pairwise(path):
            link = self._graph.get_edge_data(here, there)
            hops.append(link if link.left.name == self._graph[here] else link.reversed())
        return chain(hops, order=order, purify_rounds=purify_rounds, protocol=protocol)

    def _check_tree(self) -> None:
        for link in self.links:
            if (number := len(self._between(link))) > 1:
                raise ValueError(
                    f"there are {number} links between {link.left.name!r} and {link.right.name!r}: "
                    f"the graph must be a tree"
                )
        # One link after the other: the first that joins what is joined already closes a cycle.
        forest: rx.PyGraph[str, None] = rx.PyGraph()
        forest.add_nodes_from(list(self.nodes))
        for link in self.links:
            start, stop = self._index[link.left.name], self._index[link.right.name]
            if rx.has_path(forest, start, stop):
                path = rx.dijkstra_shortest_paths(forest, start, target=stop)[stop]
                names = ", ".join(repr(forest[i]) for i in path)
                raise ValueError(f"the links form a cycle through {names}: the graph must be a tree")
            forest.add_edge(start, stop, None)
        parts = rx.connected_components(self._graph)
        if len(parts) > 1:
            groups = " | ".join(", ".join(sorted(repr(self._graph[i]) for i in part)) for part in parts)
            raise ValueError(f"the nodes are not all connected, these groups are apart: {groups}")

    def _between(self, link: ElementaryLink) -> list[ElementaryLink]:
        left, right = self._index[link.left.name], self._index[link.right.name]
        return list(self._graph.get_all_edge_data(left, right))

    def __repr__(self) -> str:
        return f"<Network {self.name!r}: {len(self.nodes)} nodes, {len(self.links)} links>"


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {name}, got {values!r}")
    return list(values)


def _load(kind: type[Network], path: Path) -> Network:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of tomllib, and of bytes that are not UTF-8
        raise NetworkFileError(f"{path}: this is not TOML: {error}") from error
    reader = _Reader(path)
    reader.keys("the file", data, ("name", "nodes", "links"))
    name = data.get("name", path.stem)
    if not isinstance(name, str):
        raise reader.error("the file", f"name must be a string, got {name!r}")
    tables = reader.table("the file", data, "nodes")
    nodes = {key: reader.node(key, table) for key, table in tables.items()}
    entries = data.get("links", [])
    if not isinstance(entries, list):
        raise reader.error("links", "must be a list of tables, each headed [[links]]")
    links = [reader.link(i, entry, nodes) for i, entry in enumerate(entries, start=1)]
    return reader.build("the file", lambda: kind(nodes.values(), links, name))


class _Reader:
    """Turns tables into parts, and every complaint into one that names file, table and key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def error(self, where: str, text: str) -> NetworkFileError:
        return NetworkFileError(f"{self._path}, {where}: {text}")

    def build(self, where: str, make: Callable[[], T]) -> T:
        try:
            return make()
        except (TypeError, ValueError) as error:
            raise self.error(where, str(error)) from error

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

    def part(self, where: str, table: Mapping[str, Any], key: str, kind: Callable[..., T]) -> T:
        allowed = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        values = self.keys(f"{where} {key}", self.table(where, table, key), allowed)
        required = [f.name for f in fields(kind) if f.default is MISSING]  # type: ignore[arg-type]
        missing = [name for name in required if name not in values]
        if missing:
            raise self.error(f"{where} {key}", f"{missing[0]} is missing")
        return self.build(f"{where} {key}", lambda: kind(**values))

    def node(self, name: str, table: Any) -> Node:
        where = f"[nodes.{name}]"
        self.keys(where, table, ("memory", "processor"))
        memory = self.part(where, table, "memory", Memory)
        processor = self.part(where, table, "processor", Processor)
        return self.build(where, lambda: Node(name, memory, processor))

    def link(self, number: int, table: Any, nodes: Mapping[str, Node]) -> ElementaryLink:
        where = f"[[links]] number {number}"
        self.keys(where, table, ("between", "fiber", "fidelity", "bell_diagonal", "rate_hz"))
        between = table.get("between")
        if not isinstance(between, list) or len(between) != 2 or not all(isinstance(x, str) for x in between):
            raise self.error(where, f"between must name two nodes, got {between!r}")
        for name in between:
            if name not in nodes:
                hint = validation.did_you_mean(name, nodes)
                raise self.error(where, f"between names the unknown node {name!r}{hint}")
        left, right = (nodes[name] for name in between)
        where = f"{where} ({left}–{right})"
        if "fidelity" not in table and "bell_diagonal" not in table:
            raise self.error(where, "needs fidelity or bell_diagonal: the state in which its pairs arrive")
        fiber = self.part(where, table, "fiber", Fiber) if "fiber" in table else None
        state = {key: table[key] for key in ("fidelity", "bell_diagonal", "rate_hz") if key in table}
        return self.build(where, lambda: ElementaryLink(left, right, fiber, **state))
