"""Clients of a key manager that speaks ETSI GS QKD 014: one that waits, one for ``asyncio``.

with KeyClient("https://localhost:8443", certificate=..., key=..., ca=...) as alice:
(key,) = alice.new_keys("bob")          # at Alice's node; send key.key_id to Bob
with KeyClient(...) as bob:
(same,) = bob.keys_with_ids("alice", [key.key_id])
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from quantumlink.keys.material import DeliveredKey, Secret
from quantumlink.keys.service.tls import Credentials, client_context


class KeyServiceError(Exception):
    """A key manager refused, or did not answer as the standard says.

    Attributes:
        status: the HTTP status, None if there was none.
        details: what it told beside the message.
        retry_after_s: when it may be tried again, None if it did not say.
    """

    def __init__(
        self, message: str, status: int | None = None, details: Any = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message if status is None else f"{status}: {message}")
        self.status, self.details, self.retry_after_s = status, details, retry_after_s


class KeyClient:
    """A client that waits for each answer; one at a time, on one connection.

    Args:
        url: such as ``https://localhost:8443``.
        certificate: file of the application's certificate.
        key: file of its key.
        ca: file of the authority that the server's certificate is from.
        timeout_s: how long to wait.
    """

    def __init__(
        self, url: str, *, certificate: str | Path, key: str | Path, ca: str | Path, timeout_s: float = 10.0
    ) -> None:
        host, port = _address(url)
        context = client_context(Credentials(Path(certificate), Path(key), Path(ca)))
        self._connection = http.client.HTTPSConnection(host, port, context=context, timeout=timeout_s)

    def status(self, slave: str) -> dict[str, Any]:
        """What there is for a slave: see the standard."""
        return self._call("GET", _path(slave, "status"))

    def new_keys(
        self,
        slave: str,
        number: int = 1,
        *,
        size: int | None = None,
        additional: Sequence[str] = (),
        mandatory: Sequence[Mapping[str, Any]] = (),
        optional: Sequence[Mapping[str, Any]] = (),
    ) -> list[DeliveredKey]:
        """New keys, as the master.

        Args:
            slave: who is to have them too.
            number: how many.
            size: bits of each; what the node takes by default if None.
            additional: further slaves of the same keys.
            mandatory: extensions that must be met.
            optional: extensions that may be.

        Raises:
            KeyServiceError: if they are refused.
        """
        body = _key_request(number, size, additional, mandatory, optional)
        return _keys(self._call("POST", _path(slave, "enc_keys"), body))

    def keys_with_ids(self, master: str, key_ids: Sequence[str]) -> list[DeliveredKey]:
        """Keys that a master has got, as one of its slaves: all, or an error.

        Raises:
            KeyServiceError: if one is not there (any more), or not for this application.
        """
        return _keys(self._call("POST", _path(master, "dec_keys"), _ids(key_ids)))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> KeyClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        # A request for keys is not sent twice: an answer that is lost may have held keys.
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise KeyServiceError(f"no answer: {error}") from error
        return _content(response.status, raw, response.headers.get("Retry-After"))


class AsyncKeyClient:
    """A client for ``asyncio``, for any number of requests at once; the arguments are those of `KeyClient`."""

    def __init__(
        self, url: str, *, certificate: str | Path, key: str | Path, ca: str | Path, timeout_s: float = 10.0
    ) -> None:
        _address(url)
        self._url = url.rstrip("/")
        self._context = client_context(Credentials(Path(certificate), Path(key), Path(ca)))
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def status(self, slave: str) -> dict[str, Any]:
        """What there is for a slave."""
        return await self._call("GET", _path(slave, "status"))

    async def new_keys(
        self,
        slave: str,
        number: int = 1,
        *,
        size: int | None = None,
        additional: Sequence[str] = (),
        mandatory: Sequence[Mapping[str, Any]] = (),
        optional: Sequence[Mapping[str, Any]] = (),
    ) -> list[DeliveredKey]:
        """New keys, as the master: see `KeyClient.new_keys`."""
        body = _key_request(number, size, additional, mandatory, optional)
        return _keys(await self._call("POST", _path(slave, "enc_keys"), body))

    async def keys_with_ids(self, master: str, key_ids: Sequence[str]) -> list[DeliveredKey]:
        """Keys that a master has got: see `KeyClient.keys_with_ids`."""
        return _keys(await self._call("POST", _path(master, "dec_keys"), _ids(key_ids)))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> AsyncKeyClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout_s)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context), timeout=timeout, requote_redirect_url=False
            )
        from yarl import URL

        try:
            async with self._session.request(method, URL(self._url + path, encoded=True), json=body) as response:
                return _content(response.status, await response.read(), response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KeyServiceError(f"no answer: {error}") from error


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"url must be https://HOST:PORT, got {url!r}")
    return parts.hostname, parts.port or 443


def _path(other: str, what: str) -> str:
    return f"/api/v1/keys/{quote(other, safe='')}/{what}"


def _ids(key_ids: Sequence[str]) -> dict[str, Any]:
    if isinstance(key_ids, str):
        raise TypeError(f"key_ids must be a list of ids, got {key_ids!r}")
    return {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}


def _key_request(
    number: int,
    size: int | None,
    additional: Sequence[str],
    mandatory: Sequence[Mapping[str, Any]],
    optional: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    body: dict[str, Any] = {"number": number}
    if size is not None:
        body["size"] = size
    for name, value in (
        ("additional_slave_SAE_IDs", additional),
        ("extension_mandatory", mandatory),
        ("extension_optional", optional),
    ):
        if value:
            body[name] = list(value)
    return body


def _content(status: int, raw: bytes, retry_after: str | None) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise KeyServiceError("the answer is no JSON object", status)
    if status != 200:
        wait = float(retry_after) if retry_after is not None and retry_after.isdigit() else None
        raise KeyServiceError(str(content.get("message", "refused")), status, content.get("details"), wait)
    return content


def _keys(content: Mapping[str, Any]) -> list[DeliveredKey]:
    try:
        return [
            DeliveredKey(str(each["key_ID"]), Secret(base64.b64decode(each["key"], validate=True)))
            for each in content["keys"]
        ]
    except (KeyError, TypeError, binascii.Error):
        raise KeyServiceError("the answer is no key container", 200) from None
