"""The face for QKD devices that push keys, with the words of ETSI GS QKD 004 V2.1.1: OPEN_CONNECT, a chunk, CLOSE.

A device is known by its certificate, and its pool by the file of the node. Both devices of a link open one stream,
with one id, each at its own node, and push the same chunks under the same indices. A chunk is durable when it is
answered; one whose answer was lost comes again, is refused, and told which index follows.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from quantumlink.keys.delivery.refusal import Refusal, busy, malformed
from quantumlink.keys.delivery.registry import PushingDevice
from quantumlink.keys.service.faces import Call, answer, not_found
from quantumlink.keys.store.contract import BlockRefused, StoreError, StoreFull
from quantumlink.keys.store.sql import SqlStore
from quantumlink.keys.supply.push import KeyStreams

MOST_CHUNK_BYTES: Final = 1 << 17
"""Bytes of a chunk at most: it must fit into a body."""
MOST_INDEX: Final = 1 << 53
"""The highest index: beyond it, numbers in JSON are not exact everywhere."""


class Devices:
    """The devices of a node.

    Args:
        store: its store.
    """

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._streams: dict[str, KeyStreams] = {}

    async def answer(self, device: PushingDevice, call: Call) -> web.Response:
        """Answer a device."""
        call.only("POST")
        acts = {"open_connect": self._open, "push": self._push, "close": self._close}
        if call.parts[:2] != ["push", "v1"] or len(call.parts) != 3 or call.parts[2] not in acts:
            raise not_found()
        members = await call.members()
        streams = self._streams.setdefault(device.uri, self._new(device))
        act: Callable[[PushingDevice, KeyStreams, Mapping[str, Any]], dict[str, Any]] = acts[call.parts[2]]
        try:
            return answer(await asyncio.to_thread(act, device, streams, members))
        except BlockRefused as error:
            raise Refusal(400, str(error), cause="block refused") from None
        except StoreFull as error:
            raise busy(str(error), "full", 5.0) from None
        except StoreError as error:
            raise busy(str(error), "store", 5.0) from None
        except KeyError:
            raise malformed("no key stream of that id is open: open_connect comes first") from None
        except ValueError as error:
            raise malformed(str(error)) from None

    def _new(self, device: PushingDevice) -> KeyStreams:
        return KeyStreams(
            partial(self._store.ingest, device.pool),
            next_block=partial(self._store.next_block, device.pool),
            proof=device.proof,
            epsilon=device.epsilon,
        )

    def _open(self, device: PushingDevice, streams: KeyStreams, members: Mapping[str, Any]) -> dict[str, Any]:
        size = _whole(members, "key_chunk_size")
        if not 1 <= size <= MOST_CHUNK_BYTES:
            raise ValueError(f"key_chunk_size must be between 1 and {MOST_CHUNK_BYTES}, got {size}")
        wanted = _stream_id(members) if "key_stream_id" in members else None
        opened = streams.open_connect(device.link, device.protocol, key_chunk_size=size, key_stream_id=wanted)
        return {"key_stream_id": opened, "index": streams.next_index(opened)}

    def _push(self, _: PushingDevice, streams: KeyStreams, members: Mapping[str, Any]) -> dict[str, Any]:
        stream, index = _stream_id(members), _whole(members, "index")
        streams.next_index(stream)
        buffer = members.get("key_buffer")
        if not isinstance(buffer, str):
            raise ValueError("key_buffer must be a string in base64")
        try:
            key = base64.b64decode(buffer, validate=True)
        except ValueError:
            raise ValueError("key_buffer must be a string in base64") from None
        streams.push(stream, index, key)
        return {"key_stream_id": stream, "index": streams.next_index(stream)}

    def _close(self, _: PushingDevice, streams: KeyStreams, members: Mapping[str, Any]) -> dict[str, Any]:
        stream = _stream_id(members)
        streams.close(stream)
        return {"key_stream_id": stream}


def _stream_id(members: Mapping[str, Any]) -> str:
    given = members.get("key_stream_id")
    try:
        if not isinstance(given, str) or len(given) != 36:
            raise ValueError
        return str(uuid.UUID(given))
    except ValueError:
        raise ValueError("key_stream_id must be a UUID") from None


def _whole(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if type(value) is not int or not 0 <= value <= MOST_INDEX:  # true is an int in Python, and 2.0 is none in JSON
        raise ValueError(f"{name} must be a whole number, 0 to {MOST_INDEX}")
    return value
