"""Keys over trusted relays: entangled segments between nodes that hand the key on.

The end of one segment is the beginning of the next; there the two keys are compared in public by their XOR,
which tells the relay everything and others nothing. The key is as fast as its slowest segment: the best route
is a widest path, found exactly by Dijkstra's algorithm over the trusted nodes, with each segment's best rate
from the search. Segments that share a link take turns; where the winner has such segments, their rates are
divided accordingly, and that another route might then be better is not excluded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from quantumlink.network.graph import Avoid, Graph
from quantumlink.network.route import Route
from quantumlink.network.routing import Field, Plan


def key_route(network: Graph, source: str, target: str, *, plan: Plan, avoid: Avoid = ()) -> Route:
    """The route of the highest secret-key rate over entanglement and trusted nodes: see `Network.key_route`."""
    field = Field(network, source, target, by="secret_key_rate", plan=plan, avoid=avoid)
    trusted = [n.name for n in network.nodes.values() if n.role == "trusted" and n.name not in (source, target)]
    open_nodes = [*trusted, target]
    rate = {source: float("inf")}
    last: dict[str, Route] = {}
    here = source
    while here != target:
        for there in open_nodes:
            search = field.search(here, there)
            if search is None:
                continue
            outcome = search.run(1, above=rate.get(there, 0.0))
            if outcome.best:
                segment = field.route(outcome.best[0], outcome)
                speed = min(rate[here], segment.secret_key_rate_hz or 0.0)
                if speed > rate.get(there, 0.0):
                    rate[there], last[there] = speed, segment
        candidates = [name for name in open_nodes if name in rate]
        if not candidates:
            raise _no_key(field, source, target, trusted)
        here = max(candidates, key=lambda name: rate[name])
        open_nodes.remove(here)
    segments = [last[target]]
    while segments[0].nodes[0] != source:
        segments.insert(0, last[segments[0].nodes[0]])
    return _joined(segments)


def _joined(segments: list[Route]) -> Route:
    nodes = (segments[0].nodes[0], *(name for segment in segments for name in segment.nodes[1:]))
    hops = tuple(hop for segment in segments for hop in segment.hops)
    users = Counter(frozenset((hop, hop.reversed())) for hop in hops)
    forecasts = []
    for segment in segments:
        turns = max(users[frozenset((hop, hop.reversed()))] for hop in segment.hops)
        found = segment.forecasts[0]
        # links that do not say how pairs come are not searched
        assert found.latency_s is not None
        assert found.interval_s is not None
        latency = found.latency_s + (turns - 1) * found.interval_s
        forecasts.append(replace(found, latency_s=latency, interval_s=found.interval_s * turns))
    proven = all(segment.proven for segment in segments) and max(users.values()) == 1
    links, hidden = tuple(segment.link for segment in segments), segments[0].in_line
    return Route(nodes, hops, links, tuple(forecasts), proven, None, hidden)


def _no_key(field: Field, source: str, target: str, trusted: list[str]) -> ValueError:
    if not _is_reachable(field, source, target, trusted):
        return field.no_route(source, target, trusting=True)
    return ValueError(
        f"no route from {source!r} to {target!r} yields a key: the segments that can be made are too noisy, even "
        f"between trusted nodes; purification (purify_rounds) or more trusted nodes may help"
    )


def _is_reachable(field: Field, source: str, target: str, trusted: list[str]) -> bool:
    """Whether there are segments from trusted node to trusted node all the way, however noisy."""
    missing, open_nodes = {*trusted, target}, [source]
    while open_nodes and target in missing:
        here = open_nodes.pop()
        near = {there for there in missing if field.search(here, there) is not None}
        missing -= near
        open_nodes.extend(near)
    return target not in missing
