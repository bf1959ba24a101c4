"""Keys relayed by announcements: each node on the way says the XOR of its two link keys; a centre or the end adds.

With link keys K₁ … Kₙ along a path, node i announces Kᵢ ⊕ Kᵢ₊₁. The far end, which has Kₙ, adds all announcements
to it and has K₁. An announcement tells nothing about either key to whoever has neither: each link key is used once,
as a pad. Nodes on the way know what they announce of, and so the key.

Announcements must come from whom they say. Here each is authenticated to the one who collects them with a one-time
tag, out of the pool that the node shares with him: it must share one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from quantumlink import validation
from quantumlink.keys.material import Block, Position, Secret
from quantumlink.keys.relay.chained import added_up, chained_epsilon
from quantumlink.keys.relay.hop_by_hop import RelayFailed, check_path, stored_at_ends
from quantumlink.keys.relay.one_time_pad import TAG_BYTES, TAG_KEY_BYTES, forgery_probability
from quantumlink.keys.relay.shares import unshare_xor
from quantumlink.keys.store.contract import StoreError
from quantumlink.keys.store.sql import SqlStore

Announced = Callable[[str, str, bytes], bytes]
"""What happens to an announcement from a node to a collector: returns what arrives. It is public."""


def relay_announced(
    stores: Mapping[str, SqlStore],
    path: Sequence[str],
    length: int,
    *,
    centre: str | None = None,
    channel: Announced | None = None,
) -> Block:
    """Relay a key along a path by announcements, and store it at both ends under their pool.

    Args:
        stores: the nodes' stores, by id.
        path: ids of the nodes, both ends included.
        length: bytes of the key.
        centre: who collects the announcements and tells the far end their sum; the far end itself if None. A centre
            learns nothing of the key, unless it is on the path.
        channel: what happens to the announcements on their way.

    Raises:
        RelayFailed: if an announcement was changed or did not come, or key is missing somewhere.
    """
    check_path(stores, path)
    collector = path[-1] if centre is None else validation.choice("centre", centre, stores)
    number = secrets.token_hex(16)
    validation.count("length", length, at_least=1)
    try:
        failures: list[float | None] = []
        links = [_link_key(stores, here, there, length, failures) for here, there in pairwise(path)]
        sums = []
        for place, node in enumerate(path[1:-1]):
            announced = unshare_xor([links[place][1], links[place + 1][0]])  # what this node has of both
            context = json.dumps([number, list(path), place, collector]).encode()
            sums.append(_told(stores, node, collector, announced, context, channel, failures))
        total = unshare_xor(sums) if sums else Secret(bytes(length))
        if collector != path[-1]:
            context = json.dumps([number, list(path), "sum", path[-1]]).encode()
            total = _told(stores, collector, path[-1], total, context, channel, failures)
    except StoreError as error:
        raise RelayFailed(f"a relay by announcements failed: {error}") from error
    first, last = links[0][0], unshare_xor([links[-1][1], total])
    if first != last:
        raise RelayFailed("the key did not arrive as it was sent")
    return stored_at_ends(stores, path[0], path[-1], first, [path], added_up(failures))


def _link_key(
    stores: Mapping[str, SqlStore], here: str, there: str, length: int, failures: list[float | None]
) -> tuple[Secret, Secret]:
    """The key of a link, as both its ends have it."""
    own, positions = stores[here].withdraw(there, length, "relayed")
    failures.append(chained_epsilon(stores[here].accounts(there), positions, 0.0))
    return own, stores[there].withdraw_at(here, positions, "relayed")


def _told(
    stores: Mapping[str, SqlStore],
    node: str,
    collector: str,
    what: Secret,
    context: bytes,
    channel: Announced | None,
    failures: list[float | None],
) -> Secret:
    """An announcement as the collector has it, if its tag is right."""
    if node == collector:
        return what
    key, positions = stores[node].withdraw(collector, TAG_KEY_BYTES, "authentication")
    forgery = forgery_probability(len(what), context)
    failures.append(chained_epsilon(stores[node].accounts(collector), positions, forgery))
    message = what.reveal() + Poly1305.generate_tag(key.reveal(), _bound(what.reveal(), context))
    heard = message if channel is None else channel(node, collector, message)
    said, tag = heard[:-TAG_BYTES], heard[-TAG_BYTES:]
    theirs = _same(stores, node, collector, positions)
    try:
        Poly1305.verify_tag(theirs.reveal(), _bound(said, context), tag)
    except InvalidSignature:
        raise RelayFailed(f"the announcement of {node!r} does not have the right tag") from None
    return Secret(said)


def _same(stores: Mapping[str, SqlStore], node: str, collector: str, positions: Sequence[Position]) -> Secret:
    return stores[collector].withdraw_at(node, positions, "authentication")


def _bound(said: bytes, context: bytes) -> bytes:
    return len(context).to_bytes(8, "big") + context + said
