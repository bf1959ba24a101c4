"""Keys relayed hop by hop over trusted nodes, from store to store: each hop a one-time pad with a one-time tag.

A relay fills the pool that two far nodes share. The first one draws the key; each hop uses up as much shared key as
it hands on, booked as relayed, and 32 bytes for its tag, booked as authentication. Every node on the way reads the
key: over several paths, `relay_shared` lets fewer than a given number of paths know nothing at all.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from quantumlink import validation
from quantumlink.keys.material import Block, Origin, Position, Provenance, Secret
from quantumlink.keys.relay.chained import added_up, chained_epsilon
from quantumlink.keys.relay.one_time_pad import (
    TAG_KEY_BYTES,
    PadError,
    authenticated,
    forgery_probability,
    opened,
)
from quantumlink.keys.relay.shares import combine_shares, share_threshold
from quantumlink.keys.store.contract import StoreError
from quantumlink.keys.store.sql import SqlStore

_SEVERITY: tuple[Origin, ...] = ("device", "system", "simulated", "seeded")

Channel = Callable[[str, str, bytes], bytes]
"""What happens to a message from one node to the next: returns what arrives. It is public and may be anybody's."""


class RelayFailed(Exception):
    """A relay did not arrive: what it had used up is spent, and nothing was stored."""


@dataclass(frozen=True)
class _Hop:
    """What is said in public from one node to the next."""

    number: str
    path: tuple[str, ...]
    at: int
    pad: tuple[Position, ...]
    tag: tuple[Position, ...]

    def context(self) -> bytes:
        """What the tag binds: the relay, its path, the hop, and which key material it used."""
        return json.dumps([self.number, self.path, self.at, self._plain(self.pad), self._plain(self.tag)]).encode()

    @staticmethod
    def _plain(positions: Sequence[Position]) -> list[list[object]]:
        return [[p.chunk, p.start, p.length] for p in positions]


def widest_path(
    available: Mapping[tuple[str, str], float],
    source: str,
    target: str,
    *,
    relays: Collection[str],
    failed: Collection[tuple[str, str]] = (),
) -> list[str] | None:
    """The path whose least available key is largest (the shorter one, where equal), or None.

    Args:
        available: bytes that each of two neighbors can give out to the other without its reserve, by (from, to).
        source: the node that begins.
        target: the node at the end.
        relays: the trusted nodes, through which it may lead.
        failed: links not to be used, such as those under alarm, in either order.
    """
    gone = {frozenset(link) for link in failed}
    best: dict[str, tuple[float, int]] = {source: (float("inf"), 0)}
    before: dict[str, str] = {}
    open_nodes = {source}
    while open_nodes:
        here = max(open_nodes, key=lambda name: (best[name][0], -best[name][1]))
        open_nodes.remove(here)
        if here == target:
            path = [target]
            while path[0] != source:
                path.insert(0, before[path[0]])
            return path
        if here not in (source, *relays):
            continue
        for (start, end), amount in available.items():
            if start != here or amount <= 0 or frozenset((start, end)) in gone:
                continue
            width, hops = min(best[here][0], amount), best[here][1] + 1
            known = best.get(end)
            if known is None or (width, -hops) > (known[0], -known[1]):
                best[end], before[end] = (width, hops), here
                open_nodes.add(end)
    return None


def relay(
    stores: Mapping[str, SqlStore], path: Sequence[str], length: int, *, channel: Channel | None = None
) -> Block:
    """Relay a fresh key along a path, and store it at both ends under their pool.

    Args:
        stores: the nodes' stores, by id.
        path: ids of the nodes, both ends included.
        length: bytes of the key.
        channel: what happens to the messages on the way.

    Raises:
        RelayFailed: if a message was changed, or key is missing at a hop.
    """
    secret = Secret(secrets.token_bytes(validation.count("length", length, at_least=1)))
    check_path(stores, path)
    hops: list[float | None] = []
    if _carried(stores, path, secret, channel, hops) != secret:
        raise RelayFailed("the key did not arrive as it was sent")
    return stored_at_ends(stores, path[0], path[-1], secret, [path], added_up(hops))


def relay_shared(
    stores: Mapping[str, SqlStore],
    paths: Sequence[Sequence[str]],
    length: int,
    *,
    needed: int,
    channel: Channel | None = None,
) -> Block:
    """Relay a key as shares over several paths: any ``needed`` of them bring it, fewer know nothing of it.

    Args:
        stores: the nodes' stores, by id.
        paths: the paths, which should have no node in common but their ends.
        length: bytes of the key.
        needed: how many shares make the key; all for n-of-n.
        channel: what happens to the messages on the way.

    Raises:
        RelayFailed: if fewer than ``needed`` shares arrive.
    """
    if len({(path[0], path[-1]) for path in paths}) != 1:
        raise ValueError("paths must have the same two ends")
    secret = Secret(secrets.token_bytes(validation.count("length", length, at_least=1)))
    shares = share_threshold(secret, len(paths), needed=needed)
    arrived: dict[int, Secret] = {}
    hops: list[float | None] = []
    for (number, share), path in zip(shares.items(), paths, strict=True):
        check_path(stores, path)
        try:
            arrived[number] = _carried(stores, path, share, channel, hops)
        except RelayFailed:
            continue
    if len(arrived) < needed:
        raise RelayFailed(f"{len(arrived)} of {len(paths)} shares arrived, {needed} are needed")
    if combine_shares(arrived, needed=needed) != secret:
        raise RelayFailed("the key did not arrive as it was sent")
    return stored_at_ends(stores, paths[0][0], paths[0][-1], secret, paths, added_up(hops))


def check_path(stores: Mapping[str, SqlStore], path: Sequence[str]) -> None:
    """Refuse a path that is none."""
    if len(path) < 2 or len(set(path)) < len(path):
        raise ValueError(f"a path must lead through two or more different nodes, got {list(path)}")
    for name in path:
        validation.choice("a node of the path", name, stores)


def _carried(
    stores: Mapping[str, SqlStore],
    path: Sequence[str],
    secret: Secret,
    channel: Channel | None,
    failures: list[float | None],
) -> Secret:
    """What the last node has, when each has handed it on; ``failures`` gets what each hop may fail with."""
    number = secrets.token_hex(16)
    for at, (here, there) in enumerate(pairwise(path)):
        try:
            pad, pad_at = stores[here].withdraw(there, len(secret), "relayed")
            tag, tag_at = stores[here].withdraw(there, TAG_KEY_BYTES, "authentication")
            hop = _Hop(number, tuple(path), at, pad_at, tag_at)
            forgery = forgery_probability(len(secret), hop.context())
            failures.append(chained_epsilon(stores[here].accounts(there), (*pad_at, *tag_at), forgery))
            message = authenticated(secret, Secret(pad.reveal() + tag.reveal()), hop.context())
            message = message if channel is None else channel(here, there, message)
            pad = stores[there].withdraw_at(here, hop.pad, "relayed")
            tag = stores[there].withdraw_at(here, hop.tag, "authentication")
            secret = opened(message, Secret(pad.reveal() + tag.reveal()), hop.context())
        except (PadError, StoreError) as error:
            raise RelayFailed(f"the hop from {here!r} to {there!r} failed: {error}") from error
    return secret


def stored_at_ends(
    stores: Mapping[str, SqlStore],
    first: str,
    last: str,
    secret: Secret,
    paths: Sequence[Sequence[str]],
    epsilon: float | None,
) -> Block:
    """Store what was relayed at both ends, marked as the worst of what it came over.

    ``epsilon`` is what all of it together may fail with.
    """
    source = "relay " + "–".join(sorted((first, last)))
    number = max(stores[first].next_block(last, source), stores[last].next_block(first, source))
    accounts = [
        account for path in paths for here, there in pairwise(path) for account in stores[here].accounts(there)
    ]
    worst = max((account.origin for account in accounts), key=_SEVERITY.index, default=_SEVERITY[-1])
    ways = ", ".join("–".join(path) for path in paths)
    account = Provenance(link=ways, protocol="relay", origin=worst, epsilon=epsilon, block=number)
    block = Block(source, number, secret, account)
    stores[last].ingest(first, block)  # first at the far end: the near one gives out nothing before it is there
    stores[first].ingest(last, block)
    return block
