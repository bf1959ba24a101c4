"""What a plan begins with: sites, the fibres between them, and links that are made another way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from quantumlink import validation
from quantumlink.arrays import FloatArray, IntArray
from quantumlink.hardware import FreeSpace, Node
from quantumlink.link import ElementaryLink
from quantumlink.network.load.demand import Demand

HOSTED = ("repeater", "trusted", "satellite")
"""What may be put at a site, as `Node.role` names it."""


@dataclass(frozen=True)
class Site:
    """A place at which something may stand.

    Args:
        name: its name.
        position: latitude and longitude in degrees, or None.
        hosts: what may be put there: any of ``"repeater"``, ``"trusted"`` and ``"satellite"``; nothing at a place
            that is only an end of demands.
        extra: what building there costs beside the usual prices.

    >>> from quantumlink.network import Site
    >>> Site("vienna", position=(48.2, 16.4))
    Site(name='vienna', position=(48.2, 16.4), hosts=('repeater', 'trusted'), extra=0.0)
    """

    name: str
    position: tuple[float, float] | None = None
    hosts: tuple[str, ...] = ("repeater", "trusted")
    extra: float = 0.0

    def __post_init__(self) -> None:
        position = Node(self.name, position=self.position).position  # checks both
        object.__setattr__(self, "position", position)
        hosts = tuple(validation.sequence("hosts", self.hosts, "roles"))
        for role in hosts:
            validation.choice("hosts", role, HOSTED)
        object.__setattr__(self, "hosts", hosts)
        object.__setattr__(self, "extra", validation.number("extra", self.extra, at_least=0.0))


@dataclass(frozen=True)
class Fibre:
    """A fibre between two sites, there but dark.

    Args:
        a: name of one site.
        b: name of the other.
        length_km: its length, above zero.

    >>> from quantumlink.network import Fibre
    >>> Fibre("vienna", "graz", length_km=200)
    Fibre(a='vienna', b='graz', length_km=200.0)
    """

    a: str
    b: str
    length_km: float

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise ValueError(f"a fibre must join two different sites, got {self.a!r} twice")
        object.__setattr__(self, "length_km", validation.positive("length_km", self.length_km))


@dataclass(frozen=True)
class Span:
    """A place for an elementary link: two sites, and the fibres between them, or a link that is given."""

    a: int
    b: int
    length_km: float
    fibres: tuple[int, ...]
    """Numbers of the fibres that it runs through."""
    given: ElementaryLink | None = None

    @property
    def is_from_space(self) -> bool:
        """Whether it is a given link to a satellite, or through free space."""
        link = self.given
        if link is None:
            return False
        return isinstance(link.medium, FreeSpace) or any(end.role == "satellite" for end in link.ends)


@dataclass(frozen=True, eq=False)
class Places:
    """Sites and fibres, checked."""

    sites: tuple[Site, ...]
    fibres: tuple[Fibre, ...]
    given: tuple[ElementaryLink, ...]
    """Links that do not run through fibres of the map."""
    index: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {site.name: i for i, site in enumerate(self.sites)})

    @cached_property
    def _shortest(self) -> tuple[FloatArray, IntArray, dict[tuple[int, int], int]]:
        n = len(self.sites)
        best: dict[tuple[int, int], int] = {}
        for number, fibre in enumerate(self.fibres):
            i, j = self.index[fibre.a], self.index[fibre.b]
            for key in ((i, j), (j, i)):
                if key not in best or fibre.length_km < self.fibres[best[key]].length_km:
                    best[key] = number
        lengths = [self.fibres[number].length_km for number in best.values()]
        rows, columns = [i for i, _ in best], [j for _, j in best]
        matrix = csr_array((lengths, (rows, columns)), shape=(n, n))
        distance, before = dijkstra(matrix, directed=True, return_predecessors=True)
        return distance, before, best

    @property
    def distances_km(self) -> FloatArray:
        """Shape (sites, sites): kilometers of fibre from one to the other; infinite where there is none."""
        return self._shortest[0]

    def spans(self, max_link_km: float | None) -> tuple[Span, ...]:
        """Every place for an elementary link: along the shortest fibre between two sites, or a given link."""
        distance, before, best = self._shortest
        longest = np.inf if max_link_km is None else max_link_km * (1 + 1e-12)
        found = []
        for i, j in combinations(range(len(self.sites)), 2):
            if np.isfinite(distance[i, j]) and distance[i, j] <= longest:
                walk = [j]
                while walk[-1] != i:
                    walk.append(int(before[i, walk[-1]]))
                fibres = tuple(best[a, b] for a, b in pairwise(reversed(walk)))
                found.append(Span(i, j, float(distance[i, j]), fibres))
        for link in self.given:
            i, j = self.index[link.left.name], self.index[link.right.name]
            found.append(Span(i, j, 0.0, (), link))
        return tuple(found)


def places_of(sites: Any, fibres: Any, demands: Sequence[Demand]) -> Places:
    """Sites and fibres as they were given.

    Args:
        sites: `Site` or `Node` objects, names, or a mapping from names to positions. A name alone is an end if a
            demand ends there, else a place for a repeater or a trusted node.
        fibres: `Fibre` objects, triples (site, site, kilometers), or `ElementaryLink` objects for what does not run
            through fibre.
        demands: what is wanted, for which names are ends.

    Raises:
        TypeError: if anything is none of these.
        ValueError: if names repeat, or a fibre's site is unknown or its length out of range.
    """
    ends = {name for demand in demands for name in demand.nodes}
    items: Iterable[Any] = sites.items() if isinstance(sites, Mapping) else _sequence("sites", sites)
    found = [_site(item, ends) for item in items]
    names = [site.name for site in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two sites are named {name!r}")
    dark, given = [], []
    for i, item in enumerate(_sequence("fibres", fibres)):
        if isinstance(item, ElementaryLink):
            given.append(item)
        else:
            dark.append(_fibre(i, item))
        pair = [end.name for end in item.ends] if isinstance(item, ElementaryLink) else [dark[-1].a, dark[-1].b]
        for name in pair:
            validation.choice(f"fibres[{i}]: a site", name, names)
    return Places(tuple(found), tuple(dark), tuple(given))


def _sequence(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of {name}, got {value!r}")
    return list(value)


def _site(item: Any, ends: set[str]) -> Site:
    if isinstance(item, Site):
        return item
    if isinstance(item, Node):
        return Site(item.name, item.position, () if item.role == "end" else (item.role,))
    name, position = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if not isinstance(name, str):
        raise TypeError(f"sites must hold Site or Node objects, or names, got {item!r}")
    return Site(name, position, () if name in ends else ("repeater", "trusted"))


def _fibre(number: int, item: Any) -> Fibre:
    if isinstance(item, Fibre):
        return item
    if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 3:
        raise TypeError(
            f"fibres[{number}] must be a Fibre, (site, site, kilometers) or an ElementaryLink, got {item!r}"
        )
    try:
        return Fibre(*item)
    except ValueError as error:
        raise ValueError(f"fibres[{number}]: {error}") from error
