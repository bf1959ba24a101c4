"""Fibre maps: from TOML, GraphML and GML files, and from topohub's collection.

TOML has a table for each site and an entry for each fibre::

    name = "delta"
    detour = 1.3                     # fibres without a length are so many times as long as the way over ground

    [sites.delft]
    position = [52.01, 4.36]         # latitude, longitude
    hosts = []                       # an end; else ["repeater", "trusted"] is meant, or any of them
    extra = 20.0                     # what building there costs beside the usual prices

    [[fibres]]
    between = ["delft", "utrecht"]
    length_km = 62.0

    [parts]                          # numbers of `Equipment`, and its memory and processor
    fidelity = 0.98
    success_probability = 0.2
    attempt_time_s = 1e-3
    processor = { depolarizing_2q = 1e-3 }

A GraphML or GML file has sites as nodes, with a ``label`` (else the node's id), ``Latitude`` and ``Longitude``, as
the Internet Topology Zoo writes them, and fibres as edges with ``length_km`` or ``length``, in kilometers; without
one, the way over ground times a detour. Of several fibres between two sites each counts, but directed edges to and
fro of one length are one. `FibreMap.notes` tells of these, and of what is left out. GML is read by networkx,
topohub has positions and distances over ground; both come with the extra ``topologies``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from quantumlink import validation
from quantumlink.hardware import Memory, Node, Processor
from quantumlink.link import ElementaryLink
from quantumlink.network.geography import great_circle_km
from quantumlink.network.network import Network
from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.equipment import Equipment, Parts, checked_parts
from quantumlink.network.planning.graph_files import (
    LEAST_KM,
    Edge,
    Vertex,
    read_gml,
    read_graphml,
    sites_and_fibres,
)
from quantumlink.network.planning.places import Fibre, Site

DETOUR = 1.3
"""Kilometers of fibre for one over ground, where nothing else is said; 1.2 to 1.5 is usual."""


class FibreMapError(ValueError):
    """A fibre map that cannot be read; the text names the file and the place."""


@dataclass(frozen=True, eq=False)
class FibreMap:
    """Sites and the fibres between them."""

    name: str
    sites: tuple[Site, ...]
    fibres: tuple[Fibre, ...]
    parts: Equipment = field(default_factory=Equipment)
    notes: tuple[str, ...] = ()
    """What is not as the file has it: equal labels, edges that were left out or read as one."""

    @classmethod
    def load(cls, path: str | Path, *, detour: float = DETOUR) -> FibreMap:
        """Read a TOML, GraphML or GML file, by its ending; see `quantumlink.network.planning.maps` for their form.

        Args:
            path: the file.
            detour: kilometers of fibre for one over ground, where neither a fibre nor the file says more.

        Raises:
            FibreMapError: if it is no such file, or anything in it is missing, misspelt or out of range.
            FileNotFoundError: if there is no such file.
            ImportError: if it is GML, and networkx is not installed.
        """
        path = Path(path)
        detour = validation.number("detour", detour, at_least=1.0)
        if path.suffix.lower() not in (".toml", ".graphml", ".gml"):
            raise FibreMapError(f"{path}: a fibre map must end in .toml, .graphml or .gml")
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {str(path)!r}")
        try:
            if path.suffix.lower() == ".toml":
                return _of_toml(path, detour)
            read = read_gml if path.suffix.lower() == ".gml" else read_graphml
            return cls(path.stem, *_of_graph(*read(path), detour))
        except (FibreMapError, ImportError):
            raise
        except Exception as error:  # whatever the readers make of a file that is none
            raise FibreMapError(f"{path}: {error}") from error

    def network(self, parts: Any = None, *, role: str | Mapping[str, str] = "repeater") -> Network:
        """The network in which every fibre is lit.

        Args:
            parts: what it is built from: an `Equipment` or its arguments, or an object with these methods; those of
                the map if None.
            role: of every node, or of each by its name; sites that may host nothing are ends.

        Raises:
            ValueError: if a role is unknown, or that of a site is missing; if there is no fibre.
            TypeError: if the parts are none.

        >>> sites = (Site("a", hosts=()), Site("b"), Site("c", hosts=()))
        >>> FibreMap("abc", sites, (Fibre("a", "b", 40), Fibre("b", "c", 30))).network({"fidelity": 0.98})
        <Network 'abc': 3 nodes, 2 links>
        """
        built = self.parts if parts is None else checked_parts(parts)
        nodes = {site.name: built.node(site, _role(site, role)) for site in self.sites}
        links = [_lit(built, nodes, fibre) for fibre in self.fibres]
        return Network(nodes.values(), links, self.name)

    @classmethod
    def from_topohub(cls, key: str, *, detour: float = DETOUR) -> FibreMap:
        """A topology of topohub's, such as ``"sndlib/germany50"`` or ``"topozoo/Surfnet"``.

        Raises:
            ImportError: if topohub is not installed.
            ValueError: if it has no such topology.
        """
        try:
            import topohub
        except ImportError as error:
            raise ImportError("topologies by name need topohub: pip install quantumlink[topologies]") from error
        try:
            found = topohub.get(key)
        except KeyError:
            raise ValueError(
                f"key must name a topology of topohub, such as 'sndlib/germany50'; got {key!r}"
            ) from None
        nodes = [
            Vertex(n["id"], {"label": n.get("name"), "Longitude": n["pos"][0], "Latitude": n["pos"][1]})
            for n in found["nodes"]
        ]
        detour = validation.number("detour", detour, at_least=1.0)
        edges = [
            Edge(e["source"], e["target"], {"length_km": max(detour * e["dist"], LEAST_KM)}, directed=False)
            for e in found["edges"]
        ]
        return cls(str(found["graph"].get("name", key)), *_of_graph(nodes, edges, detour))


def _of_graph(nodes: list[Vertex], edges: list[Edge], detour: float) -> tuple[Any, ...]:
    """The fields of a map behind its name."""
    sites, fibres, notes = sites_and_fibres(nodes, edges, detour)
    return sites, fibres, Equipment(), notes


def _lit(built: Parts, nodes: Mapping[str, Node], fibre: Fibre) -> ElementaryLink:
    try:
        return built.link(nodes[fibre.a], nodes[fibre.b], fibre.length_km)
    except ValueError as error:  # the parts are good for a kilometer: it is this one's length
        raise ValueError(
            f"the fibre {fibre.a}–{fibre.b} of {fibre.length_km:.6g} km cannot be lit: {error}"
        ) from error


def _role(site: Site, role: str | Mapping[str, str]) -> str:
    if not site.hosts:
        return "end"
    if isinstance(role, str):
        return role
    return role[validation.choice("role", site.name, role)]


def load_costs(path: str | Path) -> Costs:
    """Read prices from a TOML file: the arguments of `Costs`, one a line.

    Raises:
        FibreMapError: if it is no such file, or a name or a price is wrong.
        FileNotFoundError: if there is no such file.
    """
    path = Path(path)
    data = _toml(path)
    _known(path, "prices", data, [f.name for f in fields(Costs)])
    try:
        return Costs(**data)
    except (TypeError, ValueError) as error:
        raise FibreMapError(f"{path}: {error}") from error


def _of_toml(path: Path, detour: float) -> FibreMap:
    data = _toml(path)
    _known(path, "the file", data, ("name", "detour", "sites", "fibres", "parts"))
    detour = validation.number("detour", data.get("detour", detour), at_least=1.0)
    sites = []
    if not isinstance(listed := data.get("sites", {}), dict):
        raise FibreMapError(f"{path}: sites must be tables headed [sites.NAME], got {type(listed).__name__}")
    for name, table in listed.items():
        _known(path, f"[sites.{name}]", table, ("position", "hosts", "extra"))
        with _within(f"[sites.{name}]"):
            sites.append(Site(name, **table))
    places = {site.name: site.position for site in sites}
    fibres = []
    for i, table in enumerate(data.get("fibres", []), start=1):
        where = f"[[fibres]] number {i}"
        _known(path, where, table, ("between", "length_km"))
        between = table.get("between")
        if not isinstance(between, list) or len(between) != 2:
            raise FibreMapError(f"{path}, {where}: between must name two sites, got {between!r}")
        for end in between:
            validation.choice(f"{where}: between", end, places)
        with _within(where):
            fibres.append(_fibre(between[0], between[1], table.get("length_km"), places, detour))
    return FibreMap(
        data.get("name", path.stem), tuple(sites), tuple(fibres), _equipment(path, data.get("parts", {}))
    )


def _equipment(path: Path, table: Mapping[str, Any]) -> Equipment:
    _known(path, "[parts]", table, [f.name for f in fields(Equipment) if f.name not in ("source", "detector")])
    values = dict(table)
    for name, kind in (("memory", Memory), ("processor", Processor)):
        if name in values:
            _known(path, f"[parts] {name}", values[name], [f.name for f in fields(kind)])
            with _within(f"[parts] {name}"):
                values[name] = kind(**values[name])
    with _within("[parts]"):
        return Equipment(**values)


@contextmanager
def _within(where: str) -> Iterator[None]:
    """Say in which table of a file something is wrong."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def _fibre(a: str, b: str, length_km: Any, places: Mapping[str, Any], detour: float) -> Fibre:
    if length_km is None:
        if places[a] is None or places[b] is None:
            raise ValueError(f"the fibre {a}–{b} has no length, and its sites have no positions")
        length_km = detour * great_circle_km(places[a], places[b])
    return Fibre(a, b, length_km)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FibreMapError(f"{path}: this is not TOML: {error}") from error


def _known(path: Path, where: str, table: Any, known: Any) -> None:
    if not isinstance(table, Mapping):
        raise FibreMapError(f"{path}, {where}: must be a table, got {table!r}")
    for key in table:
        if key not in known:
            hint = validation.did_you_mean(key, known)
            raise FibreMapError(f"{path}, {where}: unknown key {key!r}{hint}; known are {', '.join(known)}")
