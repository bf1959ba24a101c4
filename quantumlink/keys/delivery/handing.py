"""Secrets handed from node to node under one-time pads: keys for slaves at a further node, and relays over others.

Each hop uses up as much key as it hands on, and 32 bytes for its tag, out of the pool of its two nodes; positions
are named, never bytes. The message says whose turn it is, by which path, and for what; all of that is bound by the
tag. A message that is heard twice finds its pads gone, and does nothing. A node on the way reads what it hands on,
and hands on only if it was told that it is a relay.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from quantumlink import validation
from quantumlink.keys.material import Block, DeliveredKey, Origin, Position, Provenance, Secret
from quantumlink.keys.relay.chained import added_up, chained_epsilon
from quantumlink.keys.relay.one_time_pad import (
    TAG_KEY_BYTES,
    PadError,
    authenticated,
    forgery_probability,
    opened,
)
from quantumlink.keys.store.contract import StoreError

if TYPE_CHECKING:
    from quantumlink.keys.delivery.manager import KeyManager

SEVERITY: Final[tuple[Origin, ...]] = ("device", "system", "simulated", "seeded")
MOST_NODES: Final = 16


_DIGITS: Final = 24
"""A number is no longer as text."""


class NotHandedOn(StoreError):
    """A secret did not come to its end: what was used up for it is spent."""


@dataclass(frozen=True)
class Handed:
    """What one node tells the next, beside the hidden secret."""

    relay_id: str
    path: tuple[str, ...]
    at: int
    """Which of the path tells it."""
    origin: Origin
    """The worst origin of the pads so far."""
    master: str = ""
    """For keys: the master; empty for a relay into the pool of the two ends."""
    slaves: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    key_bytes: int = 0
    pad: tuple[Position, ...] = ()
    tag: tuple[Position, ...] = ()
    epsilon: float | None = 0.0
    """What the pads and tags so far may fail with; None if nobody knows."""

    def context(self) -> bytes:
        """What the tag binds."""
        return json.dumps(asdict(self), sort_keys=True).encode()


class HandingLine(Protocol):
    """The way to another node."""

    async def hand(self, handed: Handed, message: bytes) -> dict[str, Any]:
        """Hand it on; what the last node says. Raises NotHandedOn."""


class Handing:
    """What a node does with secrets that are handed from node to node.

    Args:
        manager: its key manager.
        lines: the way to each peer, by its id.
        is_relay: whether it hands on what is for others.
    """

    def __init__(self, manager: KeyManager, lines: Mapping[str, Any], *, is_relay: bool = False) -> None:
        self._manager, self._lines, self.is_relay = manager, lines, is_relay

    async def relay(self, path: Sequence[str], length: int) -> Block:
        """Relay a fresh secret along a path that begins here, into the pool of its two ends.

        Args:
            path: ids of the nodes, both ends included.
            length: bytes of the secret.

        Raises:
            NotHandedOn: if it did not arrive; nothing is stored here then.
        """
        if len(path) < 2 or len(set(path)) < len(path) or len(path) > MOST_NODES:
            raise ValueError(f"path must lead through 2 to {MOST_NODES} different nodes, got {list(path)}")
        if path[0] != self._manager.registry.kme_id:
            raise ValueError(f"path must begin at {self._manager.registry.kme_id!r}, got {path[0]!r}")
        secret = Secret(secrets.token_bytes(validation.count("length", length, at_least=1)))
        said = await self._tell(Handed(secrets.token_hex(16), tuple(path), 0, SEVERITY[0]), secret)
        block = _block(path, said["number"], secret, said["origin"], said["epsilon"])
        await self._manager.run(self._manager.store.ingest, path[-1], block)
        return block

    async def give(self, node: str, master: str, slaves: Sequence[str], keys: Sequence[DeliveredKey]) -> None:
        """Hand keys to a node for its slaves.

        Raises:
            NotHandedOn: if it is not known that they came.
        """
        own, ids = self._manager.registry.kme_id, tuple(key.key_id for key in keys)
        secret = Secret(b"".join(key.secret.reveal() for key in keys))
        size = len(keys[0].secret)
        first = Handed(secrets.token_hex(16), (own, node), 0, SEVERITY[0], master, tuple(slaves), ids, size)
        await self._tell(first, secret)

    async def heard(self, handed: Handed, message: bytes) -> dict[str, Any]:
        """What another node hands here: keep it, or hand it on.

        Raises:
            NotHandedOn: if it is not as it was, or did not come to its end.
        """
        store, own = self._manager.store, self._manager.registry.kme_id
        sender, is_last = handed.path[handed.at], handed.at + 2 == len(handed.path)
        if handed.path[handed.at + 1] != own or (not is_last and not self.is_relay):
            raise NotHandedOn("this node is no relay of that path")
        try:
            pad = await self._manager.run(store.withdraw_at, sender, handed.pad, "relayed")
            tag = await self._manager.run(store.withdraw_at, sender, handed.tag, "authentication")
            secret = opened(message, Secret(pad.reveal() + tag.reveal()), handed.context())
        except (PadError, StoreError) as error:
            raise NotHandedOn(str(error)) from None
        if not is_last:
            return await self._tell(replace(handed, at=handed.at + 1, pad=(), tag=()), secret)
        return await self._keep(handed, secret)

    async def _keep(self, handed: Handed, secret: Secret) -> dict[str, Any]:
        store, first = self._manager.store, handed.path[0]
        if handed.master:
            size = handed.key_bytes
            keys = [DeliveredKey(key_id, secret.cut(i * size, size)) for i, key_id in enumerate(handed.key_ids)]
            await self._manager.run(store.accept_values, first, handed.master, handed.slaves, keys)
            return {"relay_id": handed.relay_id}
        number = await self._manager.run(store.next_block, first, _source(handed.path))
        block = _block(handed.path, number, secret, handed.origin, handed.epsilon)
        await self._manager.run(store.ingest, first, block)
        told = {"number": number, "origin": handed.origin, "epsilon": handed.epsilon}
        return {"relay_id": handed.relay_id, **told}

    async def _tell(self, handed: Handed, secret: Secret) -> dict[str, Any]:
        """Hand a secret to the next node of the path."""
        store, following = self._manager.store, handed.path[handed.at + 1]
        line: HandingLine | None = self._lines.get(following)
        if line is None:
            raise NotHandedOn(f"there is no line to the KME {following!r}")
        accounts = await self._manager.run(store.accounts, following)
        origins = [handed.origin, *(account.origin for account in accounts)]
        pad, pad_at = await self._manager.run(store.withdraw, following, len(secret), "relayed")
        tag, tag_at = await self._manager.run(store.withdraw, following, TAG_KEY_BYTES, "authentication")
        told = replace(handed, origin=max(origins, key=SEVERITY.index), pad=pad_at, tag=tag_at)
        forgery = forgery_probability(len(secret), told.context() + bytes(_DIGITS))
        hop = chained_epsilon(accounts, (*pad_at, *tag_at), forgery)
        told = replace(told, epsilon=added_up((handed.epsilon, hop)))
        message = authenticated(secret, Secret(pad.reveal() + tag.reveal()), told.context())
        return await line.hand(told, message)


def read(members: Mapping[str, Any], message: bytes, *, sender: str, position: Callable[[Any], Position]) -> Handed:
    """What a message says, checked.

    Raises:
        ValueError, TypeError, KeyError: if it makes no sense, or is not from its sender.
    """
    path = tuple(_text(name) for name in members["path"])
    at = validation.count("at", members["at"])
    if not 2 <= len(path) <= MOST_NODES or len(set(path)) < len(path) or at > len(path) - 2 or path[at] != sender:
        raise ValueError("the path is none, or is not the sender's")
    validation.choice("origin", members["origin"], SEVERITY)
    found = Handed(
        _text(members["relay_id"]), path, at, members["origin"], str(members["master"]),
        tuple(_text(name) for name in members["slaves"]), tuple(_text(name) for name in members["key_ids"]),
        validation.count("key_bytes", members["key_bytes"]),
        tuple(position(each) for each in members["pad"]), tuple(position(each) for each in members["tag"]),
        None if members["epsilon"] is None else validation.probability("epsilon", members["epsilon"]),
    )  # fmt: skip
    hidden = sum(each.length for each in found.pad)
    if found.master and (not found.slaves or hidden != found.key_bytes * len(found.key_ids) or len(path) != 2):
        raise ValueError("the keys do not make up the message")
    if len(message) != hidden + 16 or sum(each.length for each in found.tag) != TAG_KEY_BYTES:
        raise ValueError("the pads do not fit the message")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a name must be a string")
    return value


def _source(path: Sequence[str]) -> str:
    """Each direction counts for itself: both ends may begin at once."""
    return f"relay {path[0]}–{path[-1]}".replace("/", "_")


def _block(path: Sequence[str], number: int, secret: Secret, origin: Origin, epsilon: float | None) -> Block:
    account = Provenance(link="–".join(path), protocol="relay", origin=origin, epsilon=epsilon, block=number)
    return Block(_source(path), number, secret, account)
