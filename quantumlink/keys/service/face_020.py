"""The face of ETSI GS QKD 020 between domains: whole keys come from another domain's key manager, confirmed.

``GET /kmapi/versions`` · ``POST /kmapi/v1/ext_keys`` (200 at once, or 202 and a call back) ·
``POST /kmapi/v1/ext_keys/void`` · ``POST /kmapi/v1/ext_keys/ack``. TLS 1.3, mutual. Errors are RFC 9457 objects.
Between the two managers a key is protected by TLS alone: both must stand in one trusted place.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
from aiohttp import web

from quantumlink.keys.delivery.etsi014 import canonical
from quantumlink.keys.delivery.manager import KeyManager, PeerSilent
from quantumlink.keys.delivery.refusal import Refusal, malformed
from quantumlink.keys.delivery.registry import Peer
from quantumlink.keys.material import DeliveredKey, Secret
from quantumlink.keys.service.faces import Call, MethodNotAllowed, answer, not_found
from quantumlink.keys.service.tls import Outbound
from quantumlink.keys.store.contract import StoreError, StoreUnavailable

log = logging.getLogger("quantumlink.keys")

MOST_ACKS: Final = 1024
STATUSES: Final = ("relayed", "failed", "voided", "failed to void", "key not present")
_CALLS: set[asyncio.Task[None]] = set()


class Domains:
    """The face, and the way to the managers of other domains.

    Args:
        manager: the key manager of this node.
        session: the HTTP client.
        tls: TLS with this node's certificate.
        timeout_s: how long to wait for an answer.
    """

    def __init__(
        self,
        manager: KeyManager,
        session: aiohttp.ClientSession,
        tls: Outbound,
        *,
        timeout_s: float = 5.0,
    ) -> None:
        self._manager, self._session, self._tls = manager, session, tls
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self.acknowledged: dict[str, str] = {}
        """The last status of each key that was sent and is confirmed by a call back."""

    async def answer(self, peer: Peer, call: Call) -> web.Response:
        """Answer the manager of another domain."""
        try:
            return await self._answer(peer, call)
        except MethodNotAllowed as refusal:
            return problem(405, refusal.message, Allow=", ".join(refusal.methods))
        except Refusal as refusal:
            known = refusal.status in (400, 401, 404, 408, 413, 415)
            return problem(refusal.status if known else 503, refusal.message)

    async def _answer(self, peer: Peer, call: Call) -> web.Response:
        match call.parts:
            case ["kmapi", "versions"]:
                call.only("GET")
                return answer({"versions": ["v1"]})
            case ["kmapi", "v1", "ext_keys"]:
                call.only("POST")
                return await self._take(peer, await call.members())
            case ["kmapi", "v1", "ext_keys", "void"]:
                call.only("POST")
                return await self._void(peer, await call.members())
            case ["kmapi", "v1", "ext_keys", "ack"]:
                call.only("POST")
                return self._hear(await call.members())
        raise not_found()

    async def _take(self, peer: Peer, members: Mapping[str, Any]) -> web.Response:
        keys = _keys(members, self._manager.limits.max_key_per_request)
        initiator, targets = _text(members, "initiator_sae_id"), _texts(members, "target_sae_ids")
        registry = self._manager.registry
        first = registry.application(initiator)
        if first is None or first.kme != peer.id:
            raise malformed("initiator_sae_id must be an SAE of the sending domain")
        for target in targets:
            known = registry.application(target)
            if known is None or known.kme != registry.kme_id or not known.enabled:
                raise malformed("target_sae_ids must be SAEs of this KME")
            if not registry.may_share(initiator, target):
                raise Refusal(401, "this pair of SAEs is not allowed to share keys", cause="pair")
        if members.get("extension_mandatory"):
            raise malformed("not all extension_mandatory parameters are supported")
        call_back = members.get("ack_callback_url")
        if call_back is not None and not _is_of(peer, call_back):
            raise malformed("ack_callback_url must be an address of the sending KME")
        ids = [key.key_id for key in keys]
        try:
            await self._manager.run(self._manager.store.accept_values, peer.id, initiator, targets, keys)
        except StoreUnavailable as error:
            return problem(503, str(error))
        except StoreError as error:
            return problem(400, str(error))
        if call_back is None:
            return answer({"ack_status": "relayed", "key_ids": ids})
        task = asyncio.create_task(self._call_back(peer, str(call_back), ids, "relayed"))
        _CALLS.add(task)
        task.add_done_callback(_CALLS.discard)
        return answer({"key_ids": ids}, 202)

    async def _void(self, peer: Peer, members: Mapping[str, Any]) -> web.Response:
        ids = _texts(members, "key_ids", may_be_empty=True)
        if not isinstance(confirmed := members.get("all_confirmation", False), bool):
            raise malformed("all_confirmation must be true or false")
        if not ids and not confirmed:
            raise malformed("key_ids is empty: all keys are voided with all_confirmation: true only")
        named = {key_id: canonical(key_id) for key_id in ids}
        there = [known for known in dict.fromkeys(named.values()) if known is not None]
        said = {}
        if there or not ids:
            said = await self._manager.run(self._manager.store.void_values, peer.id, there if ids else None)
        found = (
            {key_id: said.get(known or "", "key not present") for key_id, known in named.items()} if ids else said
        )
        return answer({"acks": [{"key_id": key_id, "ack_status": status} for key_id, status in found.items()]})

    def _hear(self, members: Mapping[str, Any]) -> web.Response:
        ids, status = _texts(members, "key_ids"), members.get("ack_status")
        if status not in STATUSES:
            raise malformed(f"ack_status must be one of {', '.join(STATUSES)}")
        if len(ids) > MOST_ACKS:
            raise malformed(f"key_ids may hold {MOST_ACKS} ids at most")
        for key_id in ids:
            if key_id in self.acknowledged:
                self.acknowledged[key_id] = str(status)
        return answer({"key_ids": ids})

    async def _call_back(self, peer: Peer, url: str, ids: list[str], status: str) -> None:
        for start in range(0, len(ids), MOST_ACKS):
            try:
                await self._post(peer, url, {"key_ids": ids[start : start + MOST_ACKS], "ack_status": status})
            except PeerSilent as error:
                log.warning("the KME %s did not hear that keys were relayed: %s", peer.id, error)

    async def send(self, peer: Peer, initiator: str, targets: Sequence[str], keys: Sequence[DeliveredKey]) -> None:
        """Send keys to another domain, until they are confirmed.

        Raises:
            StoreError: if they are refused, and nothing was kept.
            PeerSilent: if it is not known what became of them: then `void` them.
        """
        content = {
            "keys": [
                {"key_id": key.key_id, "value": base64.b64encode(key.secret.reveal()).decode()} for key in keys
            ],
            "initiator_sae_id": initiator,
            "target_sae_ids": list(targets),
        }
        status, said = await self._post(peer, f"{peer.url}/kmapi/v1/ext_keys", content)
        if status in (400, 401):
            raise StoreError(f"the other domain refuses: {said.get('detail', status)}")
        if status != 200 or said.get("ack_status") != "relayed":
            raise PeerSilent(f"it answers {status}")

    async def void(self, peer: Peer, key_ids: Sequence[str]) -> dict[str, str]:
        """Void keys that were sent; the status of each.

        Raises:
            PeerSilent: if it does not answer.
        """
        status, said = await self._post(peer, f"{peer.url}/kmapi/v1/ext_keys/void", {"key_ids": list(key_ids)})
        if status != 200:
            raise PeerSilent(f"it answers {status}")
        return {str(each["key_id"]): str(each["ack_status"]) for each in said.get("acks", [])}

    async def _post(self, peer: Peer, url: str, content: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            async with self._session.post(
                url, json=content, ssl=self._tls.context(), server_hostname=peer.tls_name, timeout=self._timeout,
                allow_redirects=False,
            ) as response:  # fmt: skip
                said = json.loads(await response.read())
                return response.status, said if isinstance(said, dict) else {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerSilent(type(error).__name__) from None


def problem(status: int, detail: str, **headers: str) -> web.Response:
    """An error as RFC 9457 has it."""
    body = json.dumps({"type": "about:blank", "status": status, "detail": detail}).encode()
    said = {"Cache-Control": "no-store", **headers} | ({"Retry-After": "2"} if status == 503 else {})
    if status in (408, 413):  # what is left of the body is not read
        said["Connection"] = "close"
    return web.Response(body=body, status=status, content_type="application/problem+json", headers=said)


def _keys(members: Mapping[str, Any], most: int) -> list[DeliveredKey]:
    entries = members.get("keys")
    if not isinstance(entries, list) or not 1 <= len(entries) <= most:
        raise malformed(f"keys must be a list of 1 to {most} objects")
    found = []
    for entry in entries:
        try:
            secret = Secret(base64.b64decode(entry["value"], validate=True))
            key_id = str(uuid.UUID(entry["key_id"]))
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
            raise malformed("each key needs a key_id, a UUID, and a value in base64") from None
        if not len(secret):
            raise malformed("a key must hold at least one byte")
        found.append(DeliveredKey(key_id, secret))
    if len({key.key_id for key in found}) < len(found):
        raise malformed("keys names a key_id twice")
    return found


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise malformed(f"{name} must be a string")
    return value


def _texts(members: Mapping[str, Any], name: str, *, may_be_empty: bool = False) -> list[str]:
    value = members.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise malformed(f"{name} must be a list of strings")
    if not value and not may_be_empty:
        raise malformed(f"{name} must not be empty")
    if len(set(value)) < len(value):
        raise malformed(f"{name} names something twice")
    return value


def _is_of(peer: Peer, url: object) -> bool:
    return isinstance(url, str) and url.startswith(peer.url.rstrip("/") + "/")
