"""Traffic matrices: demands between every two of some nodes, stated or made.

References:
    G. K. Zipf, Am. Sociol. Rev. 11, 677 (1946): traffic grows with the product of sizes and falls with distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.network.geography import great_circle_km
from quantumlink.network.graph import Graph
from quantumlink.network.load.demand import Demand

LEAST_KM = 1.0
"""Nodes that are nearer to each other count as that far apart."""


def demands_of_matrix(nodes: Any, rates_hz: Any, **fields: Any) -> tuple[Demand, ...]:
    """A demand for every two nodes that want something of each other.

    Args:
        nodes: names of the nodes.
        rates_hz: shape (nodes, nodes), symmetric, zero on the diagonal: what two of them want together.
        fields: what else is said of every demand, as `Demand` takes it.

    Raises: ValueError: if the matrix has another shape, is not symmetric or negative anywhere, or nobody wants
        anything.

    >>> demands_of_matrix(["a", "b", "c"], [[0, 5, 0], [5, 0, 1], [0, 1, 0]], kind="key")
    (Demand('a', 'b', kind='key', rate_hz=5.0), Demand('b', 'c', kind='key', rate_hz=1.0))
    """
    names = list(validation.sequence("nodes", nodes, "names of nodes"))
    try:
        rates = np.array(rates_hz, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"rate_hz must be rows of numbers, got {rates_hz!r}") from None
    if rates.shape != (len(names), len(names)):
        raise ValueError(
            f"rate_hz must have {len(names)} rows of {len(names)} numbers, got the shape {rates.shape}"
        )
    if not (np.isfinite(rates).all() and (rates >= 0).all() and (rates == rates.T).all()) or np.diag(rates).any():
        raise ValueError("rate_hz must be symmetric, at least 0, and 0 from a node to itself")
    wanted = [(i, j) for i, j in combinations(range(len(names)), 2) if rates[i, j] > 0]
    if not wanted:
        raise ValueError("rate_hz must hold at least one rate above 0")
    return tuple(Demand(names[i], names[j], rate_hz=float(rates[i, j]), **fields) for i, j in wanted)


def uniform_demands(
    network: Graph, total_hz: float, *, nodes: Sequence[str] | None = None, **fields: Any
) -> tuple[Demand, ...]:
    """The same rate between every two nodes.

    Args:
        network: the network.
        total_hz: all demands together.
        nodes: between which nodes; all of `Network.users` if None, or all nodes where there are fewer than two.
        fields: what else is said of every demand, as `Demand` takes it.

    Raises:
        ValueError: if a node is unknown, there are fewer than two, or the total is not above zero.

    >>> import quantumlink as ql
    >>> from quantumlink.network import uniform_demands
    >>> nodes = [ql.Node(name, role="end") for name in "abc"]
    >>> net = ql.Network(nodes, [ql.ElementaryLink(nodes[0], other, rate_hz=10) for other in nodes[1:]])
    >>> [(demand.nodes, demand.rate_hz) for demand in uniform_demands(net, 6.0)]
    [(('a', 'b'), 2.0), (('a', 'c'), 2.0), (('b', 'c'), 2.0)]
    """
    names = _chosen(network, nodes)
    pairs = list(combinations(names, 2))
    rate_hz = validation.positive("total_hz", total_hz) / len(pairs)
    return tuple(Demand(a, b, rate_hz=rate_hz, **fields) for a, b in pairs)


def gravity_demands(
    network: Graph,
    total_hz: float,
    *,
    sizes: Mapping[str, float] | None = None,
    nodes: Sequence[str] | None = None,
    exponent: float = 1.0,
    **fields: Any,
) -> tuple[Demand, ...]:
    """Rates in proportion to the sizes of both nodes, and to their distance to the power of minus ``exponent``.

    Args:
        network: the network; with an exponent other than 0 its nodes need positions.
        total_hz: all demands together.
        sizes: of the nodes, such as inhabitants; 1 each if None.
        nodes: between which nodes; those of ``sizes`` if None, or as `uniform_demands` does.
        exponent: 0 for no influence of distance.
        fields: what else is said of every demand, as `Demand` takes it.

    Raises:
        ValueError: if a node is unknown, has no position or no size, or a number is out of range.

    >>> import quantumlink as ql
    >>> from quantumlink.network import gravity_demands
    >>> nodes = [ql.Node(name, role="end", position=(48, 10 + i)) for i, name in enumerate("abc")]
    >>> net = ql.Network(nodes, [ql.ElementaryLink(nodes[1], other, rate_hz=10) for other in (nodes[0], nodes[2])])
    >>> wanted = gravity_demands(net, 12.0)
    >>> round(sum(demand.rate_hz for demand in wanted), 9), max(wanted, key=lambda demand: demand.rate_hz).nodes
    (12.0, ('a', 'b'))
    """
    names = _chosen(network, list(sizes) if nodes is None and sizes is not None else nodes)
    exponent = validation.number("exponent", exponent, at_least=0.0)
    weights = []
    for name in names:
        if sizes is not None and name not in sizes:
            raise ValueError(f"sizes must hold every node, and {name!r} is missing")
        weights.append(1.0 if sizes is None else validation.positive(f"sizes[{name!r}]", sizes[name]))
    pairs = list(combinations(range(len(names)), 2))
    pulls = np.array([weights[i] * weights[j] * _near(network, names[i], names[j], exponent) for i, j in pairs])
    rates = validation.positive("total_hz", total_hz) * pulls / pulls.sum()
    return tuple(
        Demand(names[i], names[j], rate_hz=rate, **fields)
        for (i, j), rate in zip(pairs, rates.tolist(), strict=True)
    )


def _near(network: Graph, a: str, b: str, exponent: float) -> float:
    if not exponent:
        return 1.0
    places = [network.nodes[name].position for name in (a, b)]
    for name, place in zip((a, b), places, strict=True):
        if place is None:
            raise ValueError(f"node {name!r} has no position: give it one, or choose exponent=0")
    km = great_circle_km(places[0], places[1])  # type: ignore[arg-type]
    return float(max(km, LEAST_KM) ** -exponent)


def users_or_all(network: Graph) -> list[str]:
    """Names of the users of a network, or of all nodes where there are fewer than two users."""
    return list(network.users if len(network.users) > 1 else network.nodes)


def _chosen(network: Graph, nodes: Sequence[str] | None) -> list[str]:
    if nodes is None:
        names = users_or_all(network)
    else:
        names = [validation.choice("nodes", n, network.nodes) for n in validation.sequence("nodes", nodes, "names")]
    if len(set(names)) < max(len(names), 2):
        raise ValueError(f"nodes must be at least two different nodes, got {names}")
    return names
