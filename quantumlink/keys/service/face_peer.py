"""The face for other nodes of ours: assignments told, and one given up. Each names who tells whom.

A message that is heard twice, late, or sent back to its sender does nothing: see the store. TLS 1.3 only.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from aiohttp import web

from quantumlink.keys.delivery.handing import read as read_handed
from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.delivery.refusal import Refusal, malformed
from quantumlink.keys.delivery.registry import Peer
from quantumlink.keys.service.faces import Call, answer, not_found
from quantumlink.keys.service.peer_messages import MOST_TOGETHER, listed, plain, position, read, text
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
    if call.parts[2] == "assign":
        return await _assigned(manager, peer, await call.members())
    if call.parts[2] == "void":
        status, said = await _done(
            manager, peer, read(await call.members(), peer.id, manager.registry.kme_id), "void"
        )
        return answer(said, status)
    raise not_found()


async def _assigned(manager: KeyManager, peer: Peer, members: dict[str, Any]) -> web.Response:
    """Answer one assignment, or each of several: all of them are done in one commit."""
    if "assignments" not in members:
        one = read(members, peer.id, manager.registry.kme_id)
        status, said = await _done(manager, peer, one, "assign")
        return answer(said, status)
    told = members["assignments"]
    if not isinstance(told, list) or not 1 <= len(told) <= MOST_TOGETHER:
        raise malformed(f"assignments must be a list of 1 to {MOST_TOGETHER}")
    all_of_them = [read(each, peer.id, manager.registry.kme_id) for each in told]
    done = await asyncio.gather(*(_answered(manager, peer, each) for each in all_of_them))
    return answer({"answers": [{"status": status, **said} for status, said in done]})


async def _answered(manager: KeyManager, peer: Peer, assignment: Assignment) -> tuple[int, dict[str, Any]]:
    try:
        return await _done(manager, peer, assignment, "assign")
    except Refusal as refusal:
        return refusal.status, {"message": refusal.message}


async def _done(manager: KeyManager, peer: Peer, assignment: Assignment, what: str) -> tuple[int, dict[str, Any]]:
    """Do what is told; the status and what to say."""
    try:
        if what == "assign":
            for slave in assignment.slaves:
                _check_named(manager, peer, assignment.master, slave)
            await manager.run(manager.store.accept, assignment)
            return 200, {"acknowledged": assignment.assignment_id}
        whole = await manager.run(manager.store.void, assignment)
        return 200, {"voided": assignment.assignment_id, "nothing_was_handed_over": whole}
    except PositionsGone as gone:
        return 409, {"gone": [plain(each) for each in gone.positions]}
    except HeldBack as error:
        return 423, {"message": str(error)}
    except StoreUnavailable as error:
        return 503, {"message": str(error)}
    except StoreError as error:
        return 400, {"message": str(error)}


async def _handed(manager: KeyManager, peer: Peer, call: Call) -> web.Response:
    """Answer a node that hands on a secret, or gives keys up that it handed here."""
    members = await call.members()
    try:
        if members.get("from") != peer.id or members.get("to") != manager.registry.kme_id:
            raise ValueError
        if call.parts[2] == "void_values":
            ids = [text(each) for each in listed(members["key_ids"])]
            return answer({"voided": await manager.run(manager.store.void_values, peer.id, ids)})
        message = base64.b64decode(members["message"], validate=True)
        handed = read_handed(members["handed"], message, sender=peer.id, position=position)
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
