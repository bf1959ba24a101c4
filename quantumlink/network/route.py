"""Results of routing: a path with what it delivers, and several that run side by side."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink.link import ElementaryLink, Link
from quantumlink.link.way import MOST_LETTERS, way_text
from quantumlink.network.objectives import length_km
from quantumlink.readings.forecasting import Forecast
from quantumlink.tables import html_table

MOST_TRUSTED = 8
"""Most trusted nodes that a route's short text names."""


@dataclass(frozen=True, eq=False, repr=False)
class Route:
    """A path through a network, entangled from end to end or in segments between trusted nodes.

    >>> import quantumlink as ql
    >>> a, m, b = ql.Node("a"), ql.Node("m"), ql.Node("b")
    >>> links = [ql.ElementaryLink(x, y, ql.Fiber(20), fidelity=0.97, rate_hz=100) for x, y in ((a, m), (m, b))]
    >>> (route,) = ql.Network([a, m, b], links).routes("a", "b", 1)
    >>> route.nodes, route.length_km, len(route.hops), round(route.rate_hz, 1)
    (('a', 'm', 'b'), 40.0, 2, 66.3)
    """

    nodes: tuple[str, ...]
    """Names of the nodes in turn, source and target included."""
    hops: tuple[ElementaryLink, ...]
    """The elementary links in turn, each told from the source's side."""
    segments: tuple[Link, ...]
    """One link for each entangled segment; a single one unless there are trusted nodes."""
    forecasts: tuple[Forecast, ...]
    """What each segment delivers."""
    proven: bool
    """Whether the search showed that nothing better exists under the model of `forecast`."""
    at_most: float | None
    """Where it did not: what the best route cannot exceed, in the units of what was asked for."""
    in_line: frozenset[str] = frozenset()
    """Nodes of the network that stand in a line: `way` tells them by their number."""

    @property
    def way(self) -> str:
        """The nodes in turn, repeaters in a line by their number: ``hamburg –2– hannover – berlin``."""
        return way_text(self.nodes, self.in_line)

    @property
    def link(self) -> Link:
        """The link from end to end.

        Raises:
            ValueError: if there are trusted nodes between.
        """
        if len(self.segments) > 1:
            raise ValueError(
                f"this route is not one link: it passes through the trusted nodes {', '.join(self.trusted_nodes)}; "
                f"its segments are links"
            )
        return self.segments[0]

    @property
    def trusted_nodes(self) -> tuple[str, ...]:
        """Nodes that come to know the key: all of them must be trusted."""
        return tuple(segment.right.name for segment in self.segments[:-1])

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺ of the pairs; with trusted nodes, of the worst segment's."""
        return min(found.fidelity for found in self.forecasts)

    @property
    def latency_s(self) -> float | None:
        """Mean time to a pair; with trusted nodes, of the slowest segment. None where it is not known."""
        times = [found.latency_s for found in self.forecasts]
        return None if None in times else max(time for time in times if time is not None)

    @property
    def rate_hz(self) -> float | None:
        """Pairs per second, see `Forecast.rate_hz`; with trusted nodes, of the slowest segment. None if unknown."""
        rates = [found.rate_hz for found in self.forecasts]
        return None if None in rates else min(rate for rate in rates if rate is not None)

    @property
    def secret_key_rate_hz(self) -> float | None:
        """Secret bits per second: of the slowest segment, since each hands on the key of the others."""
        rates = [found.secret_key_rate_hz for found in self.forecasts]
        return None if None in rates else min(rate for rate in rates if rate is not None)

    @property
    def length_km(self) -> float:
        """Length of the way in km, see `objectives.length_km`."""
        return sum(length_km(hop) for hop in self.hops)

    def __repr__(self) -> str:
        names = self.trusted_nodes
        told = ", ".join(names) if len(names) <= MOST_TRUSTED else f"{len(names)} nodes"
        trusted = f", trusting {told}" if names else ""
        way = way_text(self.nodes, self.in_line, most_letters=MOST_LETTERS)
        return f"<Route {way}: fidelity {self.fidelity:.4f}{rates_text(self)}{trusted}>"

    def _repr_html_(self) -> str:
        rows = [
            ("nodes", self.way),
            ("length", f"{self.length_km:.0f} km"),
            ("fidelity to Φ⁺", f"{self.fidelity:.6f}"),
            ("pairs a second", _number(self.rate_hz)),
            ("secret bits a second", _number(self.secret_key_rate_hz)),
            ("must be trusted", ", ".join(self.trusted_nodes) or "nobody"),
            ("best under the model", "yes" if self.proven else "not proven"),
        ]
        return html_table(f"route {self.nodes[0]} – {self.nodes[-1]}", rows)


@dataclass(frozen=True, eq=False, repr=False)
class Multipath:
    """Routes that share no link, and so run at the same time.

    >>> import quantumlink as ql
    >>> a, m, b = ql.Node("a"), ql.Node("m"), ql.Node("b")
    >>> links = [ql.ElementaryLink(x, y, fidelity=0.97, rate_hz=100) for x, y in ((a, m), (m, b), (a, b))]
    >>> both = ql.Network([a, m, b], links).disjoint_routes("a", "b", 3)
    >>> [route.nodes for route in both.routes], both.possible
    ([('a', 'b'), ('a', 'm', 'b')], 2)
    """

    routes: tuple[Route, ...]
    """The routes, best first."""
    possible: int
    """How many routes without a common link there are between the two nodes."""

    @property
    def rate_hz(self) -> float | None:
        """Pairs per second of all routes together; None where one is not known."""
        return _total([route.rate_hz for route in self.routes])

    @property
    def secret_key_rate_hz(self) -> float | None:
        """Secret bits per second of all routes together, a key made over each; None where one is not known."""
        return _total([route.secret_key_rate_hz for route in self.routes])

    def __repr__(self) -> str:
        ends = f"{self.routes[0].nodes[0]}–{self.routes[0].nodes[-1]}"
        count = f"{len(self.routes)} of {self.possible} disjoint route" + ("" if self.possible == 1 else "s")
        return f"<Multipath {ends}: {count}{rates_text(self)}>"


def rates_text(found: Route | Multipath) -> str:
    """The rates in words, empty where they are not known."""
    if found.rate_hz is None:
        return ""
    return f", {found.rate_hz:.4g} pairs/s, {found.secret_key_rate_hz:.4g} secret bits/s"


def _total(rates: list[float | None]) -> float | None:
    return None if None in rates else sum(rate for rate in rates if rate is not None)


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.6g}"
