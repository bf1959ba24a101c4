"""The face for other nodes of ours: an assignment told, and one given up. Each names who tells whom.

A message that is heard twice, late, or sent back to its sender does nothing: see the store. TLS 1.3 only.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import aiohttp
from aiohttp import web

from quantumlink import validation
from quantumlink.keys.delivery.handing import Handed, NotHandedOn
from quantumlink.keys.delivery.handing import read as read_handed
from quantumlink.keys.delivery.manager import KeyManager, PeerSilent
from quantumlink.keys.delivery.refusal import Refusal, malformed
from quantumlink.keys.delivery.registry import Peer
from quantumlink.keys.material import Position
from quantumlink.keys.service.faces import Call, answer, not_found
from quantumlink.keys.store.contract import (
    Assignment,
    HeldBack,
    PositionsGone,
    StoreError,
    StoreUnavailable,
)


def check_version(call: Call) -> None:
    """Refuse nodes that do not talk over TLS 1.3."""
    transport = call.request.transport
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    if tls is None or tls.version() != "TLSv1.3":
        raise Refusal(401, "nodes talk over TLS 1.3", cause="TLS version")


async def from_peer(manager: KeyManager, peer: Peer, call: Call) -> web.Response:
    """Answer another node."""
    call.only("POST")
    if call.parts[:2] != ["peer", "v1"] or len(call.parts) != 3:
        raise not_found()
    if call.parts[2] in ("hand", "void_values"):
        return await _handed(manager, peer, call)
    assignment = _read(await call.members(), peer.id, manager.registry.kme_id)
    try:
        if call.parts[2] == "assign":
            for slave in assignment.slaves:
                _check_named(manager, peer, assignment.master, slave)
            await manager.run(manager.store.accept, assignment)
            return answer({"acknowledged": assignment.assignment_id})
        if call.parts[2] == "void":
            whole = await manager.run(manager.store.void, assignment)
            return answer({"voided": assignment.assignment_id, "nothing_was_handed_over": whole})
    except PositionsGone as gone:
        return answer({"gone": [_plain(position) for position in gone.positions]}, 409)
    except HeldBack as error:
        return answer({"message": str(error)}, 423)
    except StoreUnavailable as error:
        return answer({"message": str(error)}, 503)
    except StoreError as error:
        return answer({"message": str(error)}, 400)
    raise not_found()


async def _handed(manager: KeyManager, peer: Peer, call: Call) -> web.Response:
    """Answer a node that hands on a secret, or gives keys up that it handed here."""
    members = await call.members()
    try:
        if members.get("from") != peer.id or members.get("to") != manager.registry.kme_id:
            raise ValueError
        if call.parts[2] == "void_values":
            ids = [_text(each) for each in _list(members["key_ids"])]
            return answer({"voided": await manager.run(manager.store.void_values, peer.id, ids)})
        message = base64.b64decode(members["message"], validate=True)
        handed = read_handed(members["handed"], message, sender=peer.id, position=_position)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise malformed("the message hands nothing on") from None
    for slave in handed.slaves:
        _check_named(manager, peer, handed.master, slave)
    try:
        return answer(await manager.handing.heard(handed, message))
    except StoreUnavailable as error:
        return answer({"message": str(error)}, 503)
    except StoreError as error:
        return answer({"message": str(error)}, 409)


def _check_named(manager: KeyManager, peer: Peer, master: str, slave: str) -> None:
    """A node speaks for its own applications only, and for pairs that are allowed here too."""
    registry = manager.registry
    first, second = registry.application(master), registry.application(slave)
    if first is None or second is None or first.kme != peer.id or second.kme != registry.kme_id:
        raise malformed("the master must be an application of the telling node, the slaves of the told one")
    if not registry.may_share(master, slave):
        raise Refusal(401, "this pair of SAEs is not allowed to share keys", cause="pair")


class PeerLine:
    """The way to another node of ours.

    Args:
        own_id: id of this node.
        peer: the other.
        session: the HTTP client.
        context: TLS with this node's certificate.
        timeout_s: how long to wait for an answer.
    """

    def __init__(
        self,
        own_id: str,
        peer: Peer,
        session: aiohttp.ClientSession,
        context: ssl.SSLContext,
        *,
        timeout_s: float = 2.0,
    ) -> None:
        self._own_id, self._peer = own_id, peer
        self._session, self._context = session, context
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def assign(self, assignment: Assignment) -> None:
        """Tell an assignment: see `Line`."""
        status, content = await self._post("assign", assignment)
        if status == 409:
            raise PositionsGone([_position(each) for each in content.get("gone", [])])
        if status in (400, 401, 423):
            raise StoreError(f"it refuses: {content.get('message', status)}")
        if status != 200 or content.get("acknowledged") != assignment.assignment_id:
            raise PeerSilent(f"it answers {status}")

    async def void(self, assignment: Assignment) -> None:
        """Tell that an assignment is given up: see `Line`."""
        status, content = await self._post("void", assignment)
        if status != 200 or content.get("voided") != assignment.assignment_id:
            raise PeerSilent(f"it answers {status}")

    async def hand(self, handed: Handed, message: bytes) -> dict[str, Any]:
        """Hand a secret on: see `HandingLine`."""
        said = asdict(handed) | {
            name: [_plain(position) for position in getattr(handed, name)] for name in ("pad", "tag")
        }
        content = {"handed": said, "message": base64.b64encode(message).decode()}
        try:
            status, told = await self._send("hand", content, len(handed.path))
        except PeerSilent as error:
            raise NotHandedOn(f"the KME {self._peer.id!r} does not answer: {error}") from None
        if status != 200 or told.get("relay_id") != handed.relay_id:
            raise NotHandedOn(f"the KME {self._peer.id!r} refuses: {told.get('message', status)}")
        return told

    async def void_values(self, key_ids: Sequence[str]) -> None:
        """Give up keys that were handed there. Raises PeerSilent."""
        status, _ = await self._send("void_values", {"key_ids": list(key_ids)})
        if status != 200:
            raise PeerSilent(f"it answers {status}")

    async def _post(self, what: str, assignment: Assignment) -> tuple[int, dict[str, Any]]:
        return await self._send(what, _written(assignment, self._own_id))

    async def _send(self, what: str, content: Mapping[str, Any], hops: int = 1) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"from": self._own_id, "to": self._peer.id, **content}).encode()
        timeout = self._timeout if hops == 1 else aiohttp.ClientTimeout(total=hops * (self._timeout.total or 2.0))
        try:
            async with self._session.post(
                f"{self._peer.url}/peer/v1/{what}",
                data=body,
                headers={"Content-Type": "application/json"},
                ssl=self._context,
                server_hostname=self._peer.tls_name,
                timeout=timeout,
            ) as response:
                content = json.loads(await response.read())
                return response.status, content if isinstance(content, dict) else {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerSilent(f"{type(error).__name__}") from None


def _written(assignment: Assignment, own_id: str) -> dict[str, Any]:
    return {
        "from": own_id,
        "to": assignment.pool,
        "assignment_id": assignment.assignment_id,
        "master": assignment.master,
        "slaves": list(assignment.slaves),
        "key_ids": list(assignment.key_ids),
        "key_bytes": assignment.key_bytes,
        "positions": [_plain(position) for position in assignment.positions],
    }


def _read(members: Mapping[str, Any], sender: str, own_id: str) -> Assignment:
    """An assignment as this node has it: its pool is the one with the sender."""
    if members.get("from") != sender or members.get("to") != own_id:
        raise malformed("the message is not from its sender to this node")
    try:
        found = Assignment(
            assignment_id=_text(members["assignment_id"]),
            pool=sender,
            master=_text(members["master"]),
            slaves=tuple(_text(each) for each in _list(members["slaves"])),
            key_ids=tuple(_text(each) for each in _list(members["key_ids"])),
            key_bytes=validation.count("key_bytes", members["key_bytes"], at_least=1),
            positions=tuple(_position(each) for each in _list(members["positions"])),
        )
    except (KeyError, TypeError, ValueError):
        raise malformed("the message is no assignment") from None
    if sum(each.length for each in found.positions) != found.key_bytes * len(found.key_ids) or not found.slaves:
        raise malformed("the positions do not make up the keys")
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _plain(position: Position) -> list[Any]:
    return [position.chunk, position.start, position.length]


def _position(value: Any) -> Position:
    chunk, start, length = value
    return Position(_text(chunk), start, length)
