"""The way to another node of ours: what it is told, over HTTPS.

Assignments that tasks tell at the same time go in one message, and are answered each for itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import aiohttp

from quantumlink.keys.delivery.handing import Handed, NotHandedOn
from quantumlink.keys.delivery.manager import PeerSilent
from quantumlink.keys.delivery.registry import Peer
from quantumlink.keys.service.peer_messages import (
    MOST_KEYS_TOGETHER,
    MOST_TOGETHER,
    plain,
    position,
    written,
)
from quantumlink.keys.service.tls import Outbound
from quantumlink.keys.store.contract import Assignment, PositionsGone, StoreError

_Said = tuple[int, dict[str, Any]]
"""A status, and what was said."""


class PeerLine:
    """The way to another node of ours.

    Args:
        own_id: id of this node.
        peer: the other.
        session: the HTTP client.
        tls: TLS with this node's certificate.
        timeout_s: how long to wait for an answer.
    """

    def __init__(
        self,
        own_id: str,
        peer: Peer,
        session: aiohttp.ClientSession,
        tls: Outbound,
        *,
        timeout_s: float = 2.0,
    ) -> None:
        self._own_id, self._peer = own_id, peer
        self._session, self._tls = session, tls
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._waiting: list[tuple[Assignment, asyncio.Future[_Said]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def assign(self, assignment: Assignment) -> None:
        """Tell an assignment: see `Line`."""
        status, content = await self._post("assign", assignment)
        if status == 409:
            raise PositionsGone([position(each) for each in content.get("gone", [])])
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
        said = asdict(handed) | {name: [plain(each) for each in getattr(handed, name)] for name in ("pad", "tag")}
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

    async def _post(self, what: str, assignment: Assignment) -> _Said:
        if what != "assign":
            return await self._send(what, written(assignment, self._own_id))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Said] = loop.create_future()
        self._waiting.append((assignment, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._tell_all)  # once all tasks that are ready have theirs
        return await future

    def _tell_all(self) -> None:
        """Tell the assignments that wait, as many in a message as fit."""
        while self._waiting:
            count, keys = 0, 0
            for assignment, _ in self._waiting[:MOST_TOGETHER]:
                keys += len(assignment.key_ids)
                if count and keys > MOST_KEYS_TOGETHER:
                    break
                count += 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            task = asyncio.create_task(self._tell(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, batch: list[tuple[Assignment, asyncio.Future[_Said]]]) -> None:
        failure: Exception = PeerSilent("the service ends")
        answers: list[_Said] = []
        try:
            answers = await self._answers([written(assignment, self._own_id) for assignment, _ in batch])
        except Exception as error:
            failure = error
        finally:
            for number, (_, future) in enumerate(batch):
                if future.done():  # its task was cancelled
                    continue
                if answers:
                    future.set_result(answers[number])
                else:
                    future.set_exception(failure)

    async def _answers(self, told: list[dict[str, Any]]) -> list[_Said]:
        if len(told) == 1:
            return [await self._send("assign", told[0])]
        status, content = await self._send("assign", {"assignments": told})
        answers = content.get("answers")
        if status == 200 and isinstance(answers, list) and len(answers) == len(told):
            return [_one(each) for each in answers]
        return [(status if status != 200 else 500, content)] * len(told)

    async def _send(self, what: str, content: Mapping[str, Any], hops: int = 1) -> _Said:
        body = json.dumps({"from": self._own_id, "to": self._peer.id, **content}).encode()
        timeout = self._timeout if hops == 1 else aiohttp.ClientTimeout(total=hops * (self._timeout.total or 2.0))
        try:
            async with self._session.post(
                f"{self._peer.url}/peer/v1/{what}",
                data=body,
                headers={"Content-Type": "application/json"},
                ssl=self._tls.context(),
                server_hostname=self._peer.tls_name,
                timeout=timeout,
            ) as response:
                content = json.loads(await response.read())
                return response.status, content if isinstance(content, dict) else {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerSilent(f"{type(error).__name__}") from None


def _one(said: Any) -> _Said:
    """One answer of several."""
    status = said.get("status") if isinstance(said, dict) else None
    return (status, said) if isinstance(status, int) else (500, {})
