"""The face of SKIP (draft-cisco-skip, version 2 in practice): ids and keys in hexadecimal, for routers.

Systems are the applications of the registry: the local one is the caller, the remote one is named by the router.
"""

from __future__ import annotations

import secrets
import uuid

from aiohttp import web

from quantumlink.keys.delivery.etsi014 import KeyRequest
from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.delivery.refusal import malformed, unknown_key
from quantumlink.keys.delivery.registry import Application
from quantumlink.keys.service.faces import Call, answer, not_found

MOST_ENTROPY_BITS = 4096
"""Random bits that one answer holds at most."""


async def skip(manager: KeyManager, caller: Application, call: Call) -> web.Response:
    """Answer a request of a router."""
    call.only("GET")
    query = call.query()
    given = dict(query)
    if len(given) < len(query):
        raise malformed("a parameter is given twice")
    match call.parts:
        case ["capabilities"]:
            return answer(_capabilities(manager, caller))
        case ["key"]:
            size = _whole(given, "size", manager.limits.key_size)
            request = KeyRequest.from_members({"size": size}, manager.limits)
            (key,) = await manager.make(caller, _remote(given), request)
            return answer({"keyId": uuid.UUID(key.key_id).hex, "key": key.secret.reveal().hex()})
        case ["key", key_id]:
            remote = _remote(given)
            try:
                wanted = str(uuid.UUID(hex=key_id))
            except ValueError:
                raise unknown_key() from None
            (key,) = await manager.hand_out(caller, remote, [wanted])
            return answer({"keyId": key_id, "key": key.secret.reveal().hex()})
        case ["entropy"]:
            bits = _whole(given, "minentropy", 256)
            if not 8 <= bits <= MOST_ENTROPY_BITS:
                raise malformed(f"minentropy must be between 8 and {MOST_ENTROPY_BITS}, got {bits}")
            size = -(-bits // 8)
            return answer({"randomStr": secrets.token_bytes(size).hex(), "minentropy": 8 * size})
    raise not_found()


def _capabilities(manager: KeyManager, caller: Application) -> dict[str, object]:
    remote = [
        each.id
        for each in manager.registry.applications
        if each.id != caller.id and each.enabled and manager.registry.may_share(caller.id, each.id)
    ]
    return {
        "entropy": True,
        "key": True,
        "algorithm": "QKD",
        "localSystemID": caller.id,
        "remoteSystemID": remote,
    }


def _remote(given: dict[str, str]) -> str:
    if not given.get("remoteSystemID"):
        raise malformed("remoteSystemID must be given")
    return given["remoteSystemID"]


def _whole(given: dict[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise malformed(f"{name} must be a whole number")
    return int(value)
