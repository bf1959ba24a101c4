"""What failures take from a network: the result of `Network.resilience`.

What can fail are nodes and links, one by one and several at once. A failure *cuts off* a demand if no path is left
that serves it: one whose pairs are as good as is wanted, or that yields a key. A demand is not counted as cut off
by the failure of its own ends. Failure sets are told that are minimal: without one of them the demand has a path.

Plain demands of pairs are looked at all at once, for every set of failures. Where a floor or a key decides what is
a path, each demand's sets are found from its paths: some member of a set must lie on every path that is left, so
that one path is looked for, and then, for each of its nodes and links, another one without it, and so on. Both are
complete.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.interrupts import keep
from quantumlink.link import ElementaryLink
from quantumlink.network.graph import Avoid, Graph, listed
from quantumlink.network.load.capacities import Capacity, capacity_among, field_for, ways_of
from quantumlink.network.load.connectivity import Connectivity
from quantumlink.network.load.demand import Demand, checked_demands
from quantumlink.network.load.matrices import users_or_all
from quantumlink.network.load.region import struck
from quantumlink.network.load.ways import Ways
from quantumlink.network.routing import Field, Plan
from quantumlink.progress import steps

MOST_FAILURES = 3
"""So many at once are looked at: the work grows with their number as its power."""

Part = str | int
"""What fails: the name of a node, or the number of a link."""


@dataclass(frozen=True, eq=False, repr=False)
class Failure:
    """Nodes and links that fail together, and what that cuts off."""

    nodes: tuple[str, ...]
    """Names of the nodes that fail, and with them their links."""
    links: tuple[ElementaryLink, ...]
    """The links that fail besides."""
    cut_off: tuple[Demand, ...]
    """Demands that no path serves any more."""
    numbers: tuple[int, ...]
    """The positions of the links in ``Network.links``: there may be several alike."""

    @property
    def name(self) -> str:
        """What fails, in words."""
        return " and ".join([*self.nodes, *(f"the link {link.left}–{link.right}" for link in self.links)])

    def __repr__(self) -> str:
        return f"<Failure of {self.name or 'nothing'}: {len(self.cut_off)} cut off>"


@dataclass(frozen=True, eq=False, repr=False)
class Resilience:
    """How a network stands failures.

    >>> import quantumlink as ql
    >>> a, m, b = ql.Node("a", role="end"), ql.Node("m"), ql.Node("b", role="end")
    >>> net = ql.Network([a, m, b], [ql.ElementaryLink(a, m, rate_hz=1), ql.ElementaryLink(m, b, rate_hz=1)])
    >>> found = net.resilience(failures=1)
    >>> [cut.name for cut in found.single_points], found.harmless(1)  # of three nodes and two links
    (['the link a–m', 'the link m–b', 'm'], 0.4)
    """

    failures: int
    """How many failures at once were looked at."""
    demands: tuple[Demand, ...]
    """Those that are served while nothing has failed."""
    unserved: tuple[Demand, ...]
    """Those that are not even then."""
    cuts: tuple[Failure, ...]
    """Minimal sets of failures that cut off a demand, the smallest and most harmful first."""
    proven: bool
    """Whether the searches for paths came to their ends, so that there are no other cuts."""
    interrupted: bool
    """Whether Ctrl-C came before as many failures as were asked for were looked at."""
    _among: _Among = field(compare=False)

    @property
    def single_points(self) -> tuple[Failure, ...]:
        """The single nodes and links whose failure cuts off a demand."""
        return tuple(cut for cut in self.cuts if len(cut.nodes) + len(cut.links) == 1)

    def harmless(self, failures: int) -> float:
        """The share of all sets of so many failures that cut off nobody.

        Raises:
            ValueError: if more are asked for than were looked at.
        """
        if validation.count("failures", failures, at_least=1) > self.failures:
            raise ValueError(f"failures must be at most {self.failures}, as many as were looked at; got {failures}")
        return self._among.harmless(failures)

    def after(self, *, nodes: Iterable[str] = (), links: Avoid = ()) -> Failure:
        """What the failure of some nodes and links cuts off, demands with an end among them included.

        Raises:
            ValueError: if one of them is not in the network.
        """
        return self._among.failure(*self._among.read(nodes, links))

    def region(self, position: tuple[float, float], radius_km: float) -> Failure:
        """What a disaster takes out: the nodes within a radius, and the links that pass through.

        A link is taken to run along the great circle between its ends.

        Args:
            position: latitude and longitude of the center in degrees.
            radius_km: the radius over ground.

        Raises:
            ValueError: if a node of the network has no position, or an argument is out of range.
        """
        network = self._among.network
        return self._among.failure(*struck(network, position, radius_km))

    def capacity_after(self, failure: Failure) -> Capacity | None:
        """What is left for the demands that a failure does not cut off; None if it cuts off all of them.

        Raises:
            ValueError: if the links do not say how their pairs come.
        """
        return self._among.capacity(failure)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data, as ``quantumlink network resilience --json`` prints it."""
        return {
            "failures": self.failures,
            "demands": len(self.demands),
            "proven": self.proven,
            "interrupted": self.interrupted,
            "unserved": [_ends(demand) for demand in self.unserved],
            "harmless": {str(n): self.harmless(n) for n in range(1, self.failures + 1)},
            "cuts": [failure_data(cut) for cut in self.cuts],
        }

    def __repr__(self) -> str:
        points = len(self.single_points)
        what = "1 single point of failure" if points == 1 else f"{points} single points of failure"
        stopped = ", interrupted" if self.interrupted else ""
        looked_at = "1 failure" if self.failures == 1 else f"{self.failures} failures"
        served, unserved = len(self.demands), len(self.unserved)
        told = f"{served} demand{'' if served == 1 else 's'} to {looked_at}{stopped}: {what}"
        if unserved and served:
            told += f"; {unserved} more not served even without a failure"
        elif unserved:
            told = f"no demand{stopped}: {unserved} not served even without a failure"
        return f"<Resilience of {told}>"


def failure_data(failure: Failure) -> dict[str, Any]:
    """A failure as plain data."""
    return {
        "nodes": list(failure.nodes),
        "links": [[link.left.name, link.right.name] for link in failure.links],
        "cut_off": [_ends(demand) for demand in failure.cut_off],
    }


def _ends(demand: Demand) -> dict[str, Any]:
    return {"a": demand.a, "b": demand.b, "kind": demand.kind, "min_fidelity": demand.min_fidelity}


def resilience_of(network: Graph, failures: int, demands: Any, *, plan: Plan, avoid: Avoid = ()) -> Resilience:
    """How a network stands failures: see `Network.resilience`."""
    if validation.count("failures", failures, at_least=1) > MOST_FAILURES:
        raise ValueError(f"failures must be at most {MOST_FAILURES}, got {failures}")
    wanted = _between_users(network) if demands is None else checked_demands(network, demands)
    among = _Among(network, wanted, plan, listed("avoid", avoid))
    served = among.served(set(wanted), frozenset())
    left = [demand for demand in wanted if demand in served]
    looked_at, pairs, proven = 0, list[tuple[Demand, frozenset[Part]]](), True
    try:
        for size in range(1, failures + 1):
            pairs = among.cuts(size, left)
            looked_at, proven = size, among.proven
    except KeyboardInterrupt:
        if not looked_at:
            raise
        keep()
        several = "1 failure" if looked_at == 1 else f"{looked_at} failures"
        told = f"interrupted: the result holds {several} at once, not {failures}"
        warnings.warn(told, UserWarning, stacklevel=3)
    cuts: dict[frozenset[Part], list[Demand]] = {}
    for demand, parts in pairs:
        cuts.setdefault(parts, []).append(demand)
    order = sorted(cuts, key=lambda parts: (len(parts), -len(cuts[parts]), sorted(map(str, parts))))
    found = tuple(among.told(parts, cuts[parts]) for parts in order)
    among.minimal = order
    unserved = tuple(demand for demand in wanted if demand not in served)
    return Resilience(looked_at, tuple(left), unserved, found, proven, looked_at < failures, among)


def _between_users(network: Graph) -> tuple[Demand, ...]:
    """A demand for pairs between any two users; where there are fewer than two, between any two nodes."""
    return tuple(Demand(a, b) for a, b in combinations(users_or_all(network), 2))


class _Among:
    """The demands on a network, and who is served when parts of it have failed."""

    def __init__(self, network: Graph, demands: tuple[Demand, ...], plan: Plan, avoid: list[Any]) -> None:
        self.network, self._plan, self._avoid = network, plan, avoid
        self._usable = network.usable(avoid)
        self.demands = tuple(dict.fromkeys(demands))
        self._plain = [d for d in self.demands if d.kind == "pairs" and d.min_fidelity is None]
        self._connectivity = Connectivity(network, self._usable)
        index = self._connectivity.index
        self._places = np.array([[index[d.a], index[d.b]] for d in self._plain], dtype=np.int64).reshape(-1, 2)
        self.minimal: list[frozenset[Part]] = []
        self.proven = True
        self._plain_cuts: list[tuple[Demand, frozenset[Part]]] = []
        self._dead: dict[frozenset[Part], BoolArray] = {}
        self._at: dict[str, list[int]] = {name: [] for name in network.nodes}
        for number in sorted(self._usable):
            for end in network.links[number].ends:
                self._at[end.name].append(number)
        self._ways: dict[Demand, Ways] = {}
        picky = tuple(d for d in self.demands if d not in set(self._plain))
        if picky:
            field = field_for(network, picky, plan, avoid)
            self._edge_of = {number: edge for edge, number in enumerate(field.numbers)}
            self._free = np.zeros(len(field.edges))
            for demand in picky:
                self._prepare(field, demand)

    def _prepare(self, field: Field, demand: Demand) -> None:
        try:
            self._ways[demand] = Ways(field, demand)
        except ValueError:  # there is no route at all: it is not served
            return

    @property
    def parts(self) -> list[Part]:
        """All nodes and links that can fail."""
        return [*self.network.nodes, *sorted(self._usable)]

    def served(self, demands: set[Demand], failed: frozenset[Part]) -> set[Demand]:
        """Which of some demands still have a path."""
        found = {d for d in demands if d in self._ways and self._path(d, failed) is not None}
        if self._plain:
            left = self._left(failed)
            found |= {d for d, good in zip(self._plain, left.tolist(), strict=True) if good and d in demands}
        return found

    def _left(self, failed: frozenset[Part]) -> Any:
        nodes = [part for part in failed if isinstance(part, str)]
        links = {part for part in failed if not isinstance(part, str)}
        return self._connectivity.joined(nodes, links)[self._places[:, 0], self._places[:, 1]]

    def cuts(self, failures: int, demands: list[Demand]) -> list[tuple[Demand, frozenset[Part]]]:
        """Each demand with each minimal set that cuts it off, of so many failures or fewer; first ask for fewer."""
        wanted = set(demands)
        more = list(self._cuts_of_plain(failures, wanted))
        picky = [d for d in self.demands if d in wanted and d in self._ways]
        found = [(demand, parts) for demand in picky for parts in self._cuts_of(demand, failures)]
        self._plain_cuts += more
        return [*self._plain_cuts, *found]

    def _cuts_of_plain(self, size: int, wanted: set[Demand]) -> Iterator[tuple[Demand, frozenset[Part]]]:
        if not self._plain:
            return
        served = np.array([demand in wanted for demand in self._plain])
        with steps(comb(len(self.parts), size), "sets of failures") as step:
            for chosen in combinations(self.parts, size):
                yield from self._cut_by(chosen, served)
                step()

    def _cut_by(self, chosen: tuple[Part, ...], served: BoolArray) -> Iterator[tuple[Demand, frozenset[Part]]]:
        parts = frozenset(chosen)
        cut = served & ~self._left(parts)
        for part in chosen:
            if isinstance(part, str):  # its own failure is no failure of the network
                cut &= (self._places != self._connectivity.index[part]).all(axis=1)
        for less in (frozenset(c) for n in range(1, len(chosen)) for c in combinations(chosen, n)):
            if less in self._dead:
                cut &= ~self._dead[less]
        if cut.any():
            self._dead[parts] = cut
            yield from ((self._plain[i], parts) for i in np.flatnonzero(cut).tolist())

    def _cuts_of(self, demand: Demand, failures: int) -> list[frozenset[Part]]:
        found: set[frozenset[Part]] = set()
        seen: set[frozenset[Part]] = set()
        waiting: list[frozenset[Part]] = [frozenset()]
        while waiting:
            failed = waiting.pop()
            if failed in seen:
                continue
            seen.add(failed)
            path = self._path(demand, failed)
            if path is None:
                found.add(failed)
            elif len(failed) < failures:
                waiting.extend(failed | {part} for part in path)
        return [parts for parts in found if not any(other < parts for other in found)]

    def _path(self, demand: Demand, failed: frozenset[Part]) -> list[Part] | None:
        """The inner nodes and the links of a path that is left, None if there is none."""
        if {demand.a, demand.b} & failed:
            return None
        numbers = {n for part in failed for n in (self._at[part] if isinstance(part, str) else [part])}
        edges = {self._edge_of[n] for n in numbers if n in self._edge_of}
        ways = self._ways[demand]
        found = ways.cheapest(self._free, without=edges)
        if found.way is None:
            if not found.proven:
                self.proven = False
                return []
            return None
        return [*found.way.nodes[1:-1], *(ways.field.numbers[edge] for edge in found.way.edges)]

    def harmless(self, failures: int) -> float:
        """The share of sets of failures without a minimal cut in them."""
        harmful = {
            cut.union(others)
            for cut in self.minimal
            if len(cut) <= failures
            for others in combinations([part for part in self.parts if part not in cut], failures - len(cut))
        }
        number = comb(len(self.parts), failures)
        return (number - len(harmful)) / number

    def read(self, nodes: Iterable[str], links: Avoid) -> tuple[list[str], list[int]]:
        """Nodes and links that fail, by name and number."""
        names = [validation.choice("nodes", name, self.network.nodes) for name in listed("nodes", nodes)]
        kept = self.network.usable(links, name="links")
        return names, [i for i in range(len(self.network.links)) if i not in kept]

    def failure(self, nodes: Iterable[str], links: Iterable[int]) -> Failure:
        """What a failure cuts off."""
        parts: frozenset[Part] = frozenset([*nodes, *links])
        before = self.served(set(self.demands), frozenset())
        after = self.served(before, parts)
        return self.told(parts, [d for d in self.demands if d in before and d not in after])

    def told(self, parts: frozenset[Part], demands: list[Demand]) -> Failure:
        """A set of parts as a result."""
        nodes = tuple(name for name in self.network.nodes if name in parts)
        numbers = tuple(i for i in range(len(self.network.links)) if i in parts)
        links = tuple(self.network.links[i] for i in numbers)
        return Failure(nodes, links, tuple(demands), numbers)

    def capacity(self, failure: Failure) -> Capacity | None:
        """The capacity that is left for those that a failure does not cut off."""
        parts: frozenset[Part] = frozenset([*failure.nodes, *failure.numbers])
        served = self.served(set(self.demands), parts)
        demands = tuple(demand for demand in self.demands if demand in served)
        if not demands:
            return None
        field = field_for(self.network, demands, self._plan, self._avoid)
        gone = {*failure.numbers, *(number for name in failure.nodes for number in self._at[name])}
        without = {edge for edge, number in enumerate(field.numbers) if number in gone}
        return capacity_among(self.network, field, demands, ways_of(field, demands), without)
