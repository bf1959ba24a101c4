"""The operator's page of a demonstration or a node: its own listener, with a token; only health is open.

The token is taken as ``Authorization: Bearer``, as the password of HTTP Basic, or once by the form, which sets a
cookie. Nothing on the page holds key material.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from typing import Final

from aiohttp import web

from quantumlink.keys.service.demonstration import Demonstration
from quantumlink.keys.service.node_view import NodeView

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASSETS: Final = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/map.js": ("map.js", "text/javascript"),
    "/uPlot.iife.min.js": ("uPlot.iife.min.js", "text/javascript"),
}
_STYLES: Final = {"/page.css": ("page.css", "text/css"), "/uPlot.min.css": ("uPlot.min.css", "text/css")}
_OPEN: Final = frozenset({"/health", "/ready", "/login", *_STYLES})
_COOKIE: Final = "operator"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OperatorPage:
    """The page's server.

    Args:
        demonstration: what it shows.
        host: where it listens.
    """

    def __init__(self, demonstration: Demonstration | NodeView, host: str) -> None:
        self._demo, self._host = demonstration, host
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        application = web.Application(middlewares=[self._guarded], client_max_size=4096)
        for path, (name, kind) in (_ASSETS | _STYLES).items():
            application.router.add_get(path, _asset(name, kind))
        application.router.add_get("/health", self._health)
        application.router.add_get("/ready", self._ready)
        application.router.add_post("/login", self._login)
        application.router.add_get("/api/state", self._state)
        application.router.add_get("/api/events", self._events)
        application.router.add_get("/api/trail", self._trail)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_post("/api/attack", self._attack)
        application.router.add_post("/api/quarantine", self._quarantine)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._demo.page_port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and not _is_own(request):
            return _protected(web.json_response({"message": "this request is from another site"}, status=403))
        if request.path == "/" and "token" in request.query:
            return _protected(self._entered(request.query["token"]))
        if request.path not in _OPEN and not self._is_operator(request):
            if request.path == "/" and "text/html" in request.headers.get("Accept", ""):
                body = _read("login.html")
                return _protected(web.Response(body=body, content_type="text/html", charset="utf-8", status=401))
            headers = {"WWW-Authenticate": "Bearer"}
            answer = web.json_response({"message": "the operator's token is needed"}, status=401, headers=headers)
            return _protected(answer)
        try:
            return _protected(await handler(request))
        except web.HTTPRedirection as redirection:
            return _protected(redirection)
        except web.HTTPException as error:
            return _protected(web.json_response({"message": error.reason}, status=error.status))

    def _is_operator(self, request: web.Request) -> bool:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        elif kind.lower() != "bearer":
            value = request.cookies.get(_COOKIE, "")
        return hmac.compare_digest(value.strip().encode(), self._demo.token.encode())

    async def _login(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        await asyncio.sleep(0.2)  # guessing is slow
        return self._entered(str(form.get("token", "")))

    def _entered(self, token: str) -> web.StreamResponse:
        """The page with a cookie for this token, or the form again."""
        given = token.strip()
        if not hmac.compare_digest(given.encode(), self._demo.token.encode()):
            return web.Response(body=_read("login.html"), content_type="text/html", charset="utf-8", status=401)
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(_COOKIE, given, httponly=True, samesite="Strict", path="/")
        return answer

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "alive"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        ready = self._demo.is_ready
        return web.json_response({"status": "ready" if ready else "starting"}, status=200 if ready else 503)

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._demo.snapshot())

    async def _trail(self, request: web.Request) -> web.StreamResponse:
        """The trail of deliveries of a node."""
        node = request.query.get("node", "")
        if node not in self._demo.services:
            raise web.HTTPBadRequest(reason="node must be a node of the demonstration")
        return web.json_response({"entries": self._demo.services[node].store.trail()})

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self._demo.metrics(), content_type="text/plain", charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **_HEADERS})
        await response.prepare(request)
        with suppress(ConnectionError):  # the page was closed
            while True:
                text = json.dumps(self._demo.snapshot())
                await response.write(f"event: state\ndata: {text}\n\n".encode())
                await self._demo.changed(1.0)
        return response

    async def _attack(self, request: web.Request) -> web.StreamResponse:
        body = await _object(request)
        hop, fraction = body.get("hop"), body.get("fraction")
        if type(hop) is not int or not isinstance(fraction, int | float) or isinstance(fraction, bool):
            raise web.HTTPBadRequest(reason="hop must be a whole number, fraction a number in [0, 1]")
        if not 0 <= fraction <= 1:
            raise web.HTTPBadRequest(reason="fraction must be in [0, 1]")
        try:
            self._demo.attack(hop, float(fraction))
        except ValueError as error:
            raise web.HTTPBadRequest(reason=str(error)) from None
        return web.json_response({"attacked": self._demo.attacked})

    async def _quarantine(self, request: web.Request) -> web.StreamResponse:
        body = await _object(request)
        if body.get("action") not in ("release", "burn"):
            raise web.HTTPBadRequest(reason="action must be release or burn")
        try:
            moved = self._demo.end_quarantine(str(body.get("link")), burn=body["action"] == "burn")
        except ValueError as error:
            raise web.HTTPBadRequest(reason=str(error)) from None
        return web.json_response({"bytes": moved})


def _is_own(request: web.Request) -> bool:
    """Whether a request that changes something is from this page, or from no page at all."""
    origin = request.headers.get("Origin")
    return origin is None or origin == f"{request.scheme}://{request.host}"


async def _object(request: web.Request) -> dict[str, object]:
    try:
        content = await request.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise web.HTTPBadRequest(reason="the body must be a JSON object")
    return content


def _asset(name: str, kind: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=_read(name), content_type=kind, charset="utf-8")

    return answer


def _read(name: str) -> bytes:
    return (files("quantumlink.keys.service") / "page" / name).read_bytes()


def _protected(response: web.StreamResponse) -> web.StreamResponse:
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response
