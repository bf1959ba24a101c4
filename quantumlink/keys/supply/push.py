"""Streams of key that a device pushes, in the manner of ETSI GS QKD 004: opened, pushed chunk by chunk, closed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quantumlink import validation
from quantumlink.keys.material import Block, Provenance, Secret

MOST_STREAMS: Final = 64
"""How many streams may be open at a time."""


@dataclass
class _Stream:
    link: str
    protocol: str
    chunk_bytes: int
    next_index: int


@dataclass
class KeyStreams:
    """The receiving side of pushed streams.

    Args:
        ingest: takes each block, such as a store's, with the pool bound.
        next_block: number of the next block that a source may bring, such as a store's; a stream that is opened
            again after a restart goes on there.
        proof: name of the devices' security proof.
        epsilon: its failure probability for a chunk.
    """

    ingest: Callable[[Block], object]
    next_block: Callable[[str], int] = lambda _source: 0
    proof: str = ""
    epsilon: float | None = None
    _streams: dict[str, _Stream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.epsilon is not None:
            validation.probabilities(self, "epsilon")

    def open_connect(
        self, link: str, protocol: str, *, key_chunk_size: int, key_stream_id: str | None = None
    ) -> str:
        """Open a stream; both ends of a link open it with one id.

        Args:
            link: name of the link.
            protocol: its protocol.
            key_chunk_size: bytes of each chunk.
            key_stream_id: a UUID that the other end has; a new one if None.

        Raises:
            ValueError: if the id is none, or open already, or too many are open.
        """
        validation.count("key_chunk_size", key_chunk_size, at_least=1)
        stream_id = str(uuid.uuid4() if key_stream_id is None else uuid.UUID(key_stream_id))
        if stream_id in self._streams:
            raise ValueError(f"the key stream {stream_id} is open already")
        if len(self._streams) >= MOST_STREAMS:
            raise ValueError(f"{MOST_STREAMS} key streams are open, which is the most: close one")
        following = self.next_block(_source(stream_id))
        self._streams[stream_id] = _Stream(link, protocol, key_chunk_size, following)
        return stream_id

    def next_index(self, key_stream_id: str) -> int:
        """The index that the next chunk must have at least.

        Raises:
            KeyError: if no such stream is open.
        """
        return self._streams[key_stream_id].next_index

    def push(self, key_stream_id: str, index: int, key: bytes) -> None:
        """Take a chunk; indices rise, and may leave out what the ends have agreed to drop.

        Raises:
            KeyError: if no such stream is open.
            ValueError: if the index came before, or the size is not the agreed one.
        """
        stream = self._streams[key_stream_id]
        if len(key) != stream.chunk_bytes:
            raise ValueError(f"a chunk of this stream has {stream.chunk_bytes} bytes, got {len(key)}")
        if validation.count("index", index) < stream.next_index:
            raise ValueError(f"index must be {stream.next_index} or later, got {index}")
        account = Provenance(
            link=stream.link, protocol=stream.protocol, origin="device", proof=self.proof, epsilon=self.epsilon,
            block=index,
        )  # fmt: skip
        self.ingest(Block(_source(key_stream_id), index, Secret(key), account))
        stream.next_index = index + 1

    def close(self, key_stream_id: str) -> None:
        """Close a stream."""
        del self._streams[key_stream_id]


def _source(key_stream_id: str) -> str:
    return f"stream {key_stream_id}"
