"""One node as a web service: it knows its callers by their certificates, and answers on all its faces."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web

from quantumlink.keys.delivery.etsi014 import Limits
from quantumlink.keys.delivery.manager import KeyManager
from quantumlink.keys.delivery.refusal import Refusal, busy
from quantumlink.keys.delivery.registry import Application, Certified, Registry
from quantumlink.keys.service.face014 import keys_014
from quantumlink.keys.service.face_020 import Domains
from quantumlink.keys.service.face_peer import check_version, from_peer
from quantumlink.keys.service.face_push import Devices
from quantumlink.keys.service.face_skip import skip
from quantumlink.keys.service.faces import Call, refused
from quantumlink.keys.service.peer_line import PeerLine
from quantumlink.keys.service.tls import Credentials, Outbound, Revocations, server_context
from quantumlink.keys.store.sql import SqlStore

log = logging.getLogger("quantumlink.keys")

_RECOVER_EVERY_S: Final = 5.0


@dataclass
class Counts:
    """What a service has done, for its page and its metrics."""

    answered: Counter[str] = field(default_factory=Counter)
    """Answers by face."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals by cause."""
    mode_alarms: int = 0
    """How often a pair of applications got less than its mode says."""


class KeyService:
    """One node.

    Args:
        store: its key store.
        registry: who is who.
        credentials: its certificate and those it trusts.
        host: where it listens.
        port: where it listens.
        limits: what it offers.
        abandon_s: how old an open assignment must be to be given up.
        is_relay: whether it hands on secrets that are for others, which it can read.
    """

    def __init__(
        self,
        store: SqlStore,
        registry: Registry,
        credentials: Credentials,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        abandon_s: float = 30.0,
        is_relay: bool = False,
    ) -> None:
        self.store, self.registry, self.credentials = store, registry, credentials
        self.host, self.port = host, port
        self.counts = Counts()
        self.on_alarm: Callable[[str], object] | None = None
        """Called with a text when a pair of applications gets less than its mode says."""
        self.revocations = Revocations(credentials.revocations, credentials.ca)
        self._limits, self._abandon_s, self._is_relay = limits, abandon_s, is_relay
        self._quotas: dict[str, _Quota] = {
            each.id: _Quota(each.requests_per_s)
            for each in registry.applications
            if each.requests_per_s is not None
        }
        self._devices = Devices(store)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self.manager: KeyManager = None  # type: ignore[assignment]

    async def start(self) -> None:
        """Listen; what was open when the last process ended is given up soon."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60))
        tls = Outbound(self.credentials)
        lines = {peer.id: PeerLine(self.registry.kme_id, peer, self._session, tls) for peer in self.registry.peers}
        self.manager = KeyManager(
            self.store, self.registry, lines, limits=self._limits, on_alarm=self._alarm, is_relay=self._is_relay
        )
        self._domains = Domains(self.manager, self._session, tls)
        self.manager.domains = self._domains
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self.host, self.port, ssl_context=server_context(self.credentials), backlog=1024
        )
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._upkeep = asyncio.create_task(self._keep_up())

    async def stop(self) -> None:
        """Stop listening and close the store."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await self._upkeep
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        self.store.close()

    def _alarm(self, text: str) -> None:
        self.counts.mode_alarms += 1
        log.warning("mode alarm: %s", text, extra={"kme": self.registry.kme_id})
        if self.on_alarm is not None:
            self.on_alarm(text)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            call = Call(request, self._certificate(request))
            response = await self._answer(call)
        except Refusal as refusal:
            self.counts.refused[refusal.cause] += 1
            log.info(
                "refused", extra={"cause": refusal.cause, "status": refusal.status, "kme": self.registry.kme_id}
            )
            return refused(refusal)
        except Exception:
            # No text of the error: it could hold anything.
            log.exception("a request failed")
            self.counts.refused["fault"] += 1
            return refused(Refusal(500, "the service failed", cause="fault"))
        return response

    def _certificate(self, request: web.BaseRequest) -> Certified:
        tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
        der = None if tls is None else tls.getpeercert(binary_form=True)
        if der is None:
            raise Refusal(401, "a client certificate is needed", cause="no certificate")
        certificate = Certified.read(der)
        self.revocations.check(certificate)
        return certificate

    async def _answer(self, call: Call) -> web.Response:
        face = call.parts[0]
        if face in ("peer", "kmapi"):
            peer = self.registry.peer_with(call.certificate)
            if peer is None:
                raise Refusal(401, "this certificate is none of a known KME", cause="unknown peer")
            self.counts.answered["peer"] += 1
            check_version(call)
            if face == "kmapi":
                return await self._domains.answer(peer, call)
            if peer.is_other_domain:
                raise Refusal(401, "another domain sends whole keys only", cause="unknown peer")
            return await from_peer(self.manager, peer, call)
        if face == "push":
            device = self.registry.device_with(call.certificate)
            if device is None:
                raise Refusal(401, "this certificate is none of a device of this KME", cause="unknown device")
            self.counts.answered["push"] += 1
            return await self._devices.answer(device, call)
        caller = self.registry.caller(call.certificate)
        if caller is None:
            raise Refusal(401, "this certificate is none of an SAE of this KME", cause="unknown SAE")
        self._take_turn(caller)
        if face in ("capabilities", "key", "entropy"):
            self.counts.answered["skip"] += 1
            return await skip(self.manager, caller, call)
        response = await keys_014(self.manager, caller, call)
        self.counts.answered[call.parts[-1]] += 1
        return response

    def _take_turn(self, caller: Application) -> None:
        quota = self._quotas.get(caller.id)
        if quota is not None and (wait := quota.wait()) > 0:
            raise busy("this SAE asks too often", "quota", wait)

    async def _keep_up(self) -> None:
        while True:
            try:
                await self.manager.recover(self._abandon_s)
                await self.manager.run(self.store.expire)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("upkeep failed: %s", type(error).__name__)
            await asyncio.sleep(_RECOVER_EVERY_S)


class _Quota:
    """A token bucket: a second's worth at once, then at the rate."""

    def __init__(self, per_s: float) -> None:
        self._per_s, self._most = per_s, max(1.0, per_s)
        self._tokens, self._at = self._most, time.monotonic()

    def wait(self) -> float:
        """Take a token: 0, or in how many seconds there will be one."""
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_s
        self._tokens -= 1
        return 0.0
