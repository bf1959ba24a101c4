"""What faces have in common: a request with its caller, a body within bounds, an answer in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from quantumlink.keys.delivery.etsi014 import error_object, members_of
from quantumlink.keys.delivery.refusal import Refusal, malformed
from quantumlink.keys.delivery.registry import Certified

MAX_BODY: Final = 1 << 18
"""Bytes of a body: room for the largest request that the limits allow."""
BODY_SECONDS: Final = 10.0
_HEADERS: Final = {"Cache-Control": "no-store"}

Answer = Callable[["Call"], Awaitable[web.Response]]


@dataclass
class Call:
    """A request, and whose certificate made it."""

    request: web.BaseRequest
    certificate: Certified

    @cached_property
    def parts(self) -> list[str]:
        """The parts of the path, each decoded by itself: an id may hold a slash as %2F."""
        raw = self.request.raw_path.partition("?")[0]
        try:
            return [unquote(part, errors="strict") for part in raw.split("/")[1:]]
        except UnicodeDecodeError:
            raise malformed("the path is not UTF-8") from None

    def query(self) -> list[tuple[str, str]]:
        """The query, in order."""
        text = self.request.raw_path.partition("?")[2]
        try:
            return parse_qsl(
                text, keep_blank_values=True, errors="strict", strict_parsing=bool(text), max_num_fields=50
            )
        except ValueError:
            raise malformed("the query is malformed") from None

    async def members(self) -> dict[str, Any]:
        """The members of the body.

        Raises:
            Refusal: if it is no JSON object, too large, too slow, or of another type.
        """
        body = await self._body()
        if body.strip() and self.request.content_type != "application/json":
            raise Refusal(415, "the body must be application/json", cause="media type")
        return members_of(body)

    async def _body(self) -> bytes:
        if (self.request.content_length or 0) > MAX_BODY:
            raise _too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while chunk := await self.request.content.readany():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise _too_large()
        except TimeoutError:
            raise Refusal(408, "the body came too slowly", cause="slow") from None
        return bytes(body)

    def only(self, *methods: str) -> None:
        """Refuse other methods."""
        if self.request.method not in methods:
            raise MethodNotAllowed(methods)


class MethodNotAllowed(Refusal):
    """A method that a path does not have."""

    def __init__(self, methods: tuple[str, ...]) -> None:
        super().__init__(405, f"this path takes {' and '.join(methods)}", cause="method")
        self.methods = methods


def answer(content: Mapping[str, Any], status: int = 200, **headers: str) -> web.Response:
    """An answer in JSON that nobody may store."""
    return web.Response(
        body=json.dumps(content).encode(),
        status=status,
        content_type="application/json",
        headers=_HEADERS | headers,
    )


def refused(refusal: Refusal) -> web.Response:
    """A refusal in JSON."""
    headers = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after_s)))
    if isinstance(refusal, MethodNotAllowed):
        headers["Allow"] = ", ".join(refusal.methods)
    if refusal.status in (408, 413):  # what is left of the body is not read
        headers["Connection"] = "close"
    return answer(error_object(refusal), refusal.status, **headers)


def not_found() -> Refusal:
    """No such path."""
    return Refusal(404, "there is nothing at this path", cause="path")


def _too_large() -> Refusal:
    return Refusal(413, f"the body may have {MAX_BODY} bytes", cause="too large")
