"""The face of ETSI GS QKD 014 V1.1.1: ``/api/v1/keys/{SAE}/status``, ``enc_keys``, ``dec_keys``."""

from __future__ import annotations

from aiohttp import web

from quantumlink.keys.delivery.etsi014 import KeyRequest, container, key_ids_of_members, key_ids_of_query
from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.delivery.registry import Application
from quantumlink.keys.service.faces import Call, answer, not_found


async def keys_014(manager: KeyManager, caller: Application, call: Call) -> web.Response:
    """Answer a request of an application."""
    match call.parts:
        case ["api", "v1", "keys", other, "status"] if other:
            call.only("GET")
            return answer(await manager.status(caller, other))
        case ["api", "v1", "keys", slave, "enc_keys"] if slave:
            call.only("GET", "POST")
            if call.request.method == "GET":
                request = KeyRequest.from_query(call.query(), manager.limits)
            else:
                request = KeyRequest.from_members(await call.members(), manager.limits)
            return answer(container(await manager.make(caller, slave, request)))
        case ["api", "v1", "keys", master, "dec_keys"] if master:
            call.only("GET", "POST")
            if call.request.method == "GET":
                ids = key_ids_of_query(call.query())
            else:
                ids = key_ids_of_members(await call.members(), manager.limits)
            return answer(container(await manager.hand_out(caller, master, ids)))
    raise not_found()
