"""Links played in real time: two ends in two places, each with its own half, that talk over a socket.

Each block takes as long as the link takes for its pairs, and its key is distilled by the two ends themselves,
Alice's and Bob's, in messages that anybody may hear. The secret that authenticates a block comes out of the store,
booked as authentication: Alice's end takes it from its own half and names it, Bob's cuts out the same. So a new
link needs a first block from elsewhere, and a link whose stores are empty cannot go on.

The quantum channel is simulated: both ends play it by one seed and keep their own half. Whoever has the seed has
the keys, and so they are marked ``"seeded"``, and only a demonstration takes them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, Literal, TypeVar

import numpy as np

from quantumlink import readings, validation
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.ends import AUTHENTICATION_BITS, Alice, Bob
from quantumlink.distillation.key import Key
from quantumlink.distillation.records import Records
from quantumlink.distillation.shared_secret import SharedSecret
from quantumlink.keys.material import Block, Position, Provenance, Secret
from quantumlink.keys.relay.chained import added_up
from quantumlink.keys.store.contract import StoreError
from quantumlink.keys.store.sql import SqlStore
from quantumlink.link import Link
from quantumlink.qkd import BBM92
from quantumlink.readings.forecasting import forecast

log = logging.getLogger("quantumlink.keys")

Role = Literal["alice", "bob"]
Result = TypeVar("Result")

_SECRET_BYTES: Final = AUTHENTICATION_BITS // 8
_LONGEST: Final = 1 << 26
_HEADER, _MESSAGE, _REFUSAL = b"h", b"m", b"r"


class LineLost(Exception):
    """The other end hung up, said nothing in time, or said what makes no sense."""


@dataclass(frozen=True, kw_only=True)
class LiveLink:
    """What both ends of a played link must hold alike.

    Args:
        name: name of the link, such as ``"alice–bob"``.
        link: the link.
        rounds: how often it is run for a block.
        seed: plays the quantum channel.
        speed: how much faster than the link itself; infinity does not wait at all.
    """

    name: str
    link: Link
    rounds: int = 200_000
    seed: int
    speed: float = 1.0

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("rounds", self.rounds, at_least=1)
        validation.count("seed", self.seed)
        if self.speed != inf:
            validation.positive("speed", self.speed)

    @property
    def block_s(self) -> float:
        """How long a block takes: its pairs at the rate of the link.

        Raises:
            ValueError: if the link does not say at which rate its pairs come.
        """
        if self.speed == inf:
            return 0.0
        rate_hz = forecast(self.link).rate_hz
        if not rate_hz:
            raise ValueError(f"link must say at which rate its pairs come, {self.name} does not")
        pairs = self.rounds * float(readings.evaluate(self.link).success_probability)
        return pairs / float(rate_hz) / self.speed

    def half(self, number: int, role: Role) -> tuple[Records, Agreement]:
        """What one end notes of a block, and what both have agreed on; the number is a part of that."""
        (seed,) = np.random.SeedSequence([self.seed, number]).generate_state(1)
        session = BBM92(link=self.link, rounds=self.rounds, seed=int(seed))
        agreed = replace(session.agreement(), protocol=f"{session.protocol}, block {number} of {self.name}")
        return session.records()[role == "bob"], agreed


class LiveEnd:
    """One end of a played link, with its node's store.

    Args:
        live: the link.
        role: which end; Alice's connects, Bob's listens.
        store: the store of its node.
        pool: id of the other node.
        on_key: told of each block: its number and the key, or why there is none.
        patience_s: how long an answer may take.
    """

    def __init__(
        self,
        live: LiveLink,
        role: Role,
        store: SqlStore,
        pool: str,
        *,
        on_key: Callable[[int, Key], object] = lambda _number, _key: None,
        patience_s: float = 60.0,
    ) -> None:
        validation.choice("role", role, ("alice", "bob"))
        self.live, self._store, self._pool = live, store, pool
        self.role: Role = role
        self._on_key, self._patience_s = on_key, patience_s
        self._server: asyncio.Server | None = None

    @property
    def source(self) -> str:
        """Name of its stream of blocks."""
        return f"{self.live.name} live"

    async def connect(self, host: str, port: int, *, blocks: float = inf) -> None:
        """Alice's end: make blocks with the other end.

        Args:
            host: where the other end listens.
            port: where it listens.
            blocks: how many.

        Raises:
            LineLost: if the other end goes away.
            NotEnoughKeys: if nothing is left to authenticate with.
            OSError: if nobody listens there.
        """
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        try:
            due, made = time.monotonic() + self.live.block_s, 0
            number = await self._run(self._store.next_block, self._pool, self.source)
            while made < blocks:
                await asyncio.sleep(due - time.monotonic())
                number = await self._offer(reader, writer, number)
                due, made = max(due, time.monotonic() - self.live.block_s) + self.live.block_s, made + 1
        finally:
            writer.close()

    async def listen(self, host: str, port: int) -> int:
        """Bob's end: listen, until `close`; the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=1 << 20)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _offer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> int:
        """Make a block of that number, or of the one that the other end is at; the number of the next."""
        secret, positions = await self._run(self._store.withdraw, self._pool, _SECRET_BYTES, "authentication")
        header = {"block": number, "positions": [[p.chunk, p.start, p.length] for p in positions]}
        await _say(writer, _HEADER, json.dumps(header).encode())
        records, agreed = await asyncio.to_thread(self.live.half, number, self.role)
        inherited = await self._inherited()
        alice = Alice(records, agreement=agreed, secret=_shared(secret, inherited or 0.0))
        await _say(writer, _MESSAGE, alice.open())
        while not alice.finished:
            kind, said = await self._hear(reader, alice)
            if kind == _REFUSAL:
                alice.hang_up("the other end refused the block")
                ahead = json.loads(said).get("next")
                await self._keep(number, alice.key, inherited)
                return max(number + 1, validation.count("next", ahead)) if ahead is not None else number + 1
            if kind == _MESSAGE and (reply := await asyncio.to_thread(alice.receive, said)) is not None:
                await _say(writer, _MESSAGE, reply)
        await self._keep(number, alice.key, inherited)
        return number + 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, said = await _heard(reader)
                if kind == _HEADER:
                    await self._answer(reader, writer, said)
        except (LineLost, OSError) as error:
            log.info("the line of %s is closed: %s", self.live.name, error)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: bytes) -> None:
        number, positions = _read(header)
        following = await self._run(self._store.next_block, self._pool, self.source)
        try:
            if number < following:
                raise StoreError("this block came before")
            secret = await self._run(self._store.withdraw_at, self._pool, positions, "authentication")
        except StoreError as error:
            log.warning("block %d of %s is refused: %s", number, self.live.name, error)
            await _say(writer, _REFUSAL, json.dumps({"next": max(number + 1, following)}).encode())
            return
        records, agreed = await asyncio.to_thread(self.live.half, number, self.role)
        inherited = await self._inherited()
        bob = Bob(records, agreement=agreed, secret=_shared(secret, inherited or 0.0))
        while not bob.finished:
            kind, said = await self._hear(reader, bob)
            if kind == _MESSAGE and (reply := await asyncio.to_thread(bob.receive, said)) is not None:
                await _say(writer, _MESSAGE, reply)
        await self._keep(number, bob.key, inherited)

    async def _hear(self, reader: asyncio.StreamReader, end: Alice | Bob) -> tuple[bytes, bytes]:
        try:
            return await asyncio.wait_for(_heard(reader), self._patience_s)
        except (LineLost, TimeoutError) as error:
            end.hang_up("nothing more was heard")
            raise LineLost(str(error) or f"nothing was heard for {self._patience_s} s") from None

    async def _keep(self, number: int, key: Key, inherited: float | None) -> None:
        if key and (size := key.left // 8):
            account = Provenance(
                link=self.live.name, protocol=key.protocol, origin="seeded", proof="finite key, coherent attacks",
                epsilon=None if inherited is None else min(1.0, key.epsilon), block=number,
            )  # fmt: skip
            block = Block(self.source, number, Secret(bytes(key.take(size))), account)
            try:
                await self._run(self._store.ingest, self._pool, block)
            except StoreError as error:  # full: the other end lacks it too, or finds that it is gone here
                log.warning("block %d of %s is not stored: %s", number, self.live.name, error)
        self._on_key(number, key)

    async def _inherited(self) -> float | None:
        """How far what authenticates may be from a perfect secret, whichever of the pool's blocks it came from.

        The last block of this line counts all before it, whose keys have authenticated it. None if nobody knows.
        """
        accounts = await self._run(self._store.accounts, self._pool)
        return added_up(account.failure_probability for account in accounts)

    async def _run(self, act: Callable[..., Result], *arguments: Any) -> Result:
        if self._store.database.blocks:
            return await asyncio.to_thread(act, *arguments)
        return act(*arguments)


def _shared(secret: Secret, epsilon: float) -> SharedSecret:
    try:
        return SharedSecret(np.unpackbits(np.frombuffer(secret.reveal(), dtype=np.uint8)), epsilon=epsilon)
    except ValueError as error:  # the pool was filled with something else
        raise LineLost(f"the secret of the pool cannot authenticate: {error}") from None


def _read(header: bytes) -> tuple[int, list[Position]]:
    try:
        said = json.loads(header)
        positions = [Position(str(chunk), start, length) for chunk, start, length in said["positions"]]
        number = validation.count("block", said["block"])
    except (ValueError, KeyError, TypeError):
        raise LineLost("the header of a block makes no sense") from None
    if sum(position.length for position in positions) != _SECRET_BYTES:
        raise LineLost(f"a block takes {_SECRET_BYTES} bytes of secret, others were named")
    return number, positions


async def _say(writer: asyncio.StreamWriter, kind: bytes, said: bytes) -> None:
    writer.write(kind + len(said).to_bytes(4, "big") + said)
    await writer.drain()


async def _heard(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    try:
        frame = await reader.readexactly(5)
        length = int.from_bytes(frame[1:], "big")
        if frame[:1] not in (_HEADER, _MESSAGE, _REFUSAL) or length > _LONGEST:
            raise LineLost("what was heard is no message")
        return frame[:1], await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise LineLost(f"the other end hung up: {type(error).__name__}") from None
