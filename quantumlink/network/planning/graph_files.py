"""Sites and fibres of GraphML and GML files, as the Internet Topology Zoo writes them, and what became of the rest.

An edge without a length has that of the way over ground times a detour. Of two directed edges with opposite
directions and one length, one fibre is made: they are a cable, told for each direction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from quantumlink import validation
from quantumlink.network.geography import great_circle_km
from quantumlink.network.planning.places import Fibre, Site

LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon")
"""Names of the coordinates of a site, in whatever case, in degrees."""

LENGTH = ("length_km", "length")
"""Names of the length of a fibre, in whatever case, in kilometers."""

LEAST_KM = 1e-3
"""Of a fibre between two sites at one place, whose file tells no length."""

MOST_TOLD = 5
"""Most names that a note tells."""


class Vertex(NamedTuple):
    """A node of a file."""

    id: Hashable
    data: Mapping[str, Any]


class Edge(NamedTuple):
    """An edge of a file."""

    source: Hashable
    target: Hashable
    data: Mapping[str, Any]
    directed: bool


def read_graphml(path: Path) -> tuple[list[Vertex], list[Edge]]:
    """The nodes and edges of a GraphML file of one graph.

    Raises:
        ValueError: if it is none, two nodes have one id, or an edge ends at no node.
    """
    root = ElementTree.parse(path).getroot()
    graphs = [part for part in root if _tag(part) == "graph"]
    if _tag(root) != "graphml" or len(graphs) != 1:
        raise ValueError(f"GraphML must have a <graphml> with one <graph>, got <{_tag(root)}> with {len(graphs)}")
    keys = {part.get("id"): part for part in root if _tag(part) == "key"}
    known = {
        kind: {k: part for k, part in keys.items() if part.get("for", "all") in (kind, "all")}
        for kind in ("node", "edge")
    }
    usual = graphs[0].get("edgedefault")
    if usual not in ("directed", "undirected"):
        raise ValueError(f"<graph> must say edgedefault='undirected' or 'directed', got {usual!r}")
    nodes, edges = [], []
    for part in graphs[0]:
        kind = _tag(part)
        if kind == "node":
            nodes.append(Vertex(part.get("id"), _data(part, known["node"])))
        elif kind == "edge":
            directed = part.get("directed", str(usual == "directed").lower()) == "true"
            edges.append(Edge(part.get("source"), part.get("target"), _data(part, known["edge"]), directed))
        elif kind == "hyperedge":
            raise ValueError("a <hyperedge> joins more than two sites, and a fibre joins two")
        if kind in ("node", "edge") and any(_tag(inner) == "graph" for inner in part):
            raise ValueError(f"the {kind} {part.get('id')!r} holds a graph of its own: one graph a file")
    return nodes, edges


def read_gml(path: Path) -> tuple[list[Vertex], list[Edge]]:
    """The nodes and edges of a GML file.

    Raises:
        ImportError: if networkx is not installed.
        ValueError: if it is no GML.
    """
    try:
        import networkx
    except ImportError as error:
        raise ImportError("GML files need networkx: pip install quantumlink[topologies]") from error
    try:
        graph = networkx.read_gml(path, label="id")
    except networkx.NetworkXError as error:
        hint = "; 'multigraph 1' says that several edges join two nodes" if "duplicated" in str(error) else ""
        raise ValueError(f"{error}{hint}") from error
    directed = graph.is_directed()
    nodes = [Vertex(key, data) for key, data in graph.nodes(data=True)]
    return nodes, [Edge(a, b, data, directed) for a, b, data in graph.edges(data=True)]


def sites_and_fibres(
    nodes: Sequence[Vertex], edges: Sequence[Edge], detour: float
) -> tuple[tuple[Site, ...], tuple[Fibre, ...], tuple[str, ...]]:
    """The sites and fibres of a graph, and notes on what is not in them as the file has it.

    Raises:
        ValueError: if a node or an edge is missing, or says what cannot be; it is named.
    """
    names = _names(nodes)
    sites = {key: _site(name, data) for (key, data), name in zip(nodes, names.values(), strict=True)}
    ways, loops = [], []
    for number, edge in enumerate(edges, start=1):
        for end in (edge.source, edge.target):
            if end not in sites:
                raise ValueError(
                    f"edge number {number} must join two of the nodes, and ends at {end!r}, which is none"
                )
        if edge.source == edge.target:
            loops.append(sites[edge.source].name)
            continue
        ways.append((edge, _fibre(sites[edge.source], sites[edge.target], edge.data, detour)))
    fibres = tuple(_cables(ways))
    renamed = [n for (key, data), n in zip(nodes, names.values(), strict=True) if n != _label(key, data)]
    told = [
        _note("{} named as others have their id behind the label", renamed, "site"),
        _note("{} from a site to itself left out", loops, "edge"),
    ]
    if both := len(ways) - len(fibres):
        told.append(
            f"{both} fibre{'' if both == 1 else 's'} told by directed edges to and fro of one length: each is one"
        )
    many = Counter(frozenset((fibre.a, fibre.b)) for fibre in fibres)
    several = ["–".join(sorted(pair)) + f" ({count})" for pair, count in many.items() if count > 1]
    told.append(_note("{} of sites joined by several fibres, each of which counts", several, "pair"))
    joined = {end for fibre in fibres for end in (fibre.a, fibre.b)}
    told.append(_note("{} without a fibre", [s.name for s in sites.values() if s.name not in joined], "site"))
    return tuple(sites.values()), fibres, tuple(note for note in told if note)


def _tag(part: ElementTree.Element) -> str:
    return part.tag.rsplit("}", 1)[-1]


def _data(part: ElementTree.Element, keys: Mapping[str | None, ElementTree.Element]) -> dict[str, Any]:
    """What is said of a node or an edge, defaults included."""
    found: dict[str, Any] = {}
    for key in keys.values():
        default = next((inner.text for inner in key if _tag(inner) == "default"), None)
        if default is not None:
            found[str(key.get("attr.name"))] = default
    for inner in part:
        if _tag(inner) == "data":
            named = keys.get(inner.get("key"))
            if named is None:
                raise ValueError(f"{_tag(part)} {part.get('id')!r}: the key {inner.get('key')!r} is not declared")
            found[str(named.get("attr.name"))] = inner.text
    return found


def _names(nodes: Iterable[Vertex]) -> dict[Hashable, str]:
    """A name for each node: its label, with its id behind where another has that name already."""
    names: dict[Hashable, str] = {}
    taken: set[str] = set()
    for key, data in nodes:
        if key is None or key in names:
            raise ValueError(f"every node must have an id of its own, got {key!r}{'' if key is None else ' twice'}")
        name = _label(key, data)
        while name in taken:
            name = f"{name} ({key})"
        names[key] = name
        taken.add(name)
    if not names:
        raise ValueError("a map needs at least one node, got none")
    return names


def _label(key: Hashable, data: Mapping[str, Any]) -> str:
    said = _said(data, ("label",))
    return str(key if said is None or not str(said).strip() else said)


def _said(data: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of some names, in whatever case."""
    lower = {str(key).lower(): value for key, value in data.items()}
    return next((lower[name] for name in names if lower.get(name) is not None), None)


def _site(name: str, data: Mapping[str, Any]) -> Site:
    place = [_said(data, names) for names in (LATITUDE, LONGITUDE)]
    if place == [None, None]:
        return Site(name)
    bounds = (("Latitude", 90.0), ("Longitude", 180.0))
    latitude, longitude = (
        _number(
            f"node {name!r}: {said}",
            value,
            f"from {-m:g} to {m:g}",
            partial(validation.number, at_least=-m, at_most=m),
        )
        for (said, m), value in zip(bounds, place, strict=True)
    )
    return Site(name, (latitude, longitude))


def _fibre(a: Site, b: Site, data: Mapping[str, Any], detour: float) -> Fibre:
    length = _said(data, LENGTH)
    where = f"edge {a.name}–{b.name}"
    if length is not None:
        return Fibre(
            a.name, b.name, _number(f"{where}: length", length, "of kilometers above 0", validation.positive)
        )
    if a.position is None or b.position is None:
        lacking = " and ".join(repr(site.name) for site in (a, b) if site.position is None)
        raise ValueError(
            f"{where} has no length ({' or '.join(LENGTH)}, in kilometers), and {lacking} no Latitude and "
            f"Longitude: one or the other is needed"
        )
    return Fibre(a.name, b.name, max(detour * great_circle_km(a.position, b.position), LEAST_KM))


def _number(where: str, value: Any, allowed: str, check: Callable[[str, float], float]) -> float:
    try:
        return check(where, float(value))
    except (TypeError, ValueError):
        raise ValueError(f"{where} must be a number {allowed}, got {value!r}") from None


def _cables(ways: Iterable[tuple[Edge, Fibre]]) -> Iterator[Fibre]:
    """Each fibre, but a directed one that runs opposite to another one of the same length only once."""
    alone: Counter[tuple[str, str, float]] = Counter()
    for edge, fibre in ways:
        length = round(fibre.length_km, 6)
        back = (fibre.b, fibre.a, length)
        if edge.directed and alone[back]:
            alone[back] -= 1
            continue
        if edge.directed:
            alone[fibre.a, fibre.b, length] += 1
        yield fibre


def _note(text: str, names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    count = f"{len(names)} {what}" + ("" if len(names) == 1 else "s")
    return f"{text.format(count)}: {', '.join(names[:MOST_TOLD])}{more}"
