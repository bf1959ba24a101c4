"""The key manager of one node: hands keys over exactly once, together with the manager of another node.

1. The giving node assigns key material of its own half to keys, and commits.
2. It tells the other node, which does the same with its copy, commits and acknowledges.
3. The giving node takes the keys out of its store, commits, and only then answers.

If an acknowledgement is lost, the same assignment is told again, which changes nothing at the other end if it
came. If it stays away, the assignment is given up at both ends, now or when the other end is there again. What was
assigned never goes back.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from quantumlink.keys.delivery.etsi014 import KeyRequest, Limits
from quantumlink.keys.delivery.handing import Handing
from quantumlink.keys.delivery.pair_modes import PairModes
from quantumlink.keys.delivery.refusal import Refusal, busy, malformed, unknown_key
from quantumlink.keys.delivery.registry import Application, Peer, Registry
from quantumlink.keys.hybrid.modes import ModePolicy
from quantumlink.keys.material import CHUNK_BYTES, DeliveredKey, Position, Secret
from quantumlink.keys.store.contract import (
    Assignment,
    KeyNotFound,
    NotEnoughKeys,
    NotNamed,
    PositionsGone,
    StoreError,
    StoreUnavailable,
)
from quantumlink.keys.store.grouping import GroupedStore
from quantumlink.keys.store.sql import SqlStore

log = logging.getLogger("quantumlink.keys")

Result = TypeVar("Result")

_TRIES: Final = 32
"""How often other key material is tried when the other node lacks some."""


_CLOCKS_DIFFER_S: Final = 3600.0
"""How far ahead the clock of another process with the same store may be."""


class PeerSilent(Exception):
    """The other node did not answer, or not so that one could tell what it did."""


class Line(Protocol):
    """The way to another node."""

    async def assign(self, assignment: Assignment) -> None:
        """Tell it an assignment. Raises PositionsGone, StoreError if it refuses, PeerSilent."""

    async def void(self, assignment: Assignment) -> None:
        """Tell it that an assignment is given up. Raises PeerSilent."""


class DomainLine(Protocol):
    """The way to the key managers of other domains."""

    async def send(self, peer: Peer, initiator: str, targets: Sequence[str], keys: Sequence[DeliveredKey]) -> None:
        """Send keys until they are confirmed. Raises StoreError, PeerSilent."""

    async def void(self, peer: Peer, key_ids: Sequence[str]) -> dict[str, str]:
        """Void keys. Raises PeerSilent."""


class KeyManager:
    """The key manager of one node.

    Args:
        store: its key store.
        registry: who is who.
        lines: the way to each peer, by its id.
        limits: what it offers.
        patience_s: how long an assignment is told again before it is given up.
        is_relay: whether it hands on secrets that are for others, which it can read.
        on_alarm: called with a text when a pair of applications gets less than its mode says.
    """

    def __init__(
        self,
        store: SqlStore,
        registry: Registry,
        lines: Mapping[str, Line],
        *,
        limits: Limits | None = None,
        patience_s: float = 3.0,
        on_alarm: Callable[[str], object] | None = None,
        is_relay: bool = False,
    ) -> None:
        self.store, self.registry, self.limits = store, registry, limits or Limits()
        self._lines, self._patience_s = lines, patience_s
        self._grouped = GroupedStore(store)
        self.modes = PairModes(ModePolicy(registry.default_mode, registry.modes, on_alarm))
        self._untold = 0
        self.domains: DomainLine | None = None
        self.handing = Handing(self, lines, is_relay=is_relay)

    async def run(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Do something with the store; what is asked at the same time may share a commit."""
        return await self._grouped.run(act, *arguments)

    def share_of(self, caller: Application, other_id: str, *, caller_is_master: bool = True) -> Application:
        """The other application of a pair.

        Raises:
            Refusal: if it is unknown, or the two may not share keys.
        """
        other = self.registry.application(other_id)
        if other is None:
            raise malformed(f"the SAE {other_id[:80]!r} is not known here")
        pair = (caller.id, other.id) if caller_is_master else (other.id, caller.id)
        if not other.enabled or not self.registry.may_share(*pair):
            raise Refusal(401, "this pair of SAEs is not allowed to share keys", cause="pair")
        return other

    async def status(self, caller: Application, slave_id: str) -> dict[str, Any]:
        """The status of a pair.

        Raises:
            Refusal: if the pair is unknown or not allowed.
        """
        slave = self.share_of(caller, slave_id)
        size, limits = self.limits.key_size // 8, self.limits
        most = self.store.policy(slave.kme).capacity_bytes // 2 // size
        if slave.kme == self.registry.kme_id:
            stored = most
        else:
            stored = (await self.run(self.store.level, slave.kme)).available // size
        return {
            "source_KME_ID": self.registry.kme_id,
            "target_KME_ID": slave.kme,
            "master_SAE_ID": caller.id,
            "slave_SAE_ID": slave.id,
            "key_size": limits.key_size,
            "stored_key_count": stored,
            "max_key_count": most,
            "max_key_per_request": limits.max_key_per_request,
            "max_key_size": limits.max_key_size,
            "min_key_size": limits.min_key_size,
            "max_SAE_ID_count": limits.max_sae_id_count,
        }

    async def make(self, master: Application, slave_id: str, request: KeyRequest) -> list[DeliveredKey]:
        """New keys for a master, kept at the other node for its slaves.

        Raises:
            Refusal: if something in the request is not allowed, or cannot be met now.
        """
        slaves = [self.share_of(master, each) for each in (slave_id, *request.additional)]
        if len({slave.id for slave in slaves}) < len(slaves):
            raise malformed("additional_slave_SAE_IDs names the slave of the path, or an id twice")
        by_node: dict[str, list[str]] = {}
        for slave in slaves:
            by_node.setdefault(slave.kme, []).append(slave.id)
        node, further = self._first_node(by_node)
        peer = self.registry.peer(node)
        pairs = [(master.id, slave.id) for slave in slaves]
        self.modes.admit(pairs, has_line=peer is not None and not peer.is_other_domain)
        request.check_extensions(await self._origins(node) if request.mandatory else frozenset())
        ids = [str(uuid.uuid4()) for _ in range(request.number)]
        names = by_node[node]
        try:
            keys = await self._made(node, peer, master.id, names, ids, request.size // 8, further)
        except Refusal as refusal:
            raise self.modes.lacking(pairs, refusal) if refusal.status == 503 else refusal from None
        self.modes.fine(pairs)
        return keys

    def _first_node(self, by_node: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Sequence[str]]]:
        """The node that a key is assigned with, and those to which it is handed; this one comes last."""
        own = self.registry.kme_id
        if len(by_node) == 1:
            return next(iter(by_node)), {}
        for name in by_node:
            peer = self.registry.peer(name)
            if name != own and (peer is None or peer.is_other_domain):
                raise malformed("slaves of another domain cannot share a key with slaves elsewhere")
        first = next(name for name in by_node if name != own)
        return first, {name: names for name, names in by_node.items() if name != first}

    async def _made(
        self,
        node: str,
        peer: Peer | None,
        master: str,
        names: Sequence[str],
        ids: Sequence[str],
        key_bytes: int,
        further: Mapping[str, Sequence[str]],
    ) -> list[DeliveredKey]:
        with _Refusals():
            if node == self.registry.kme_id:
                return await self.run(self.store.assign_here, str(uuid.uuid4()), master, names, ids, key_bytes)
            if peer is not None and peer.is_other_domain:
                return await self._send_to(peer, master, names, ids, key_bytes)
            return await self._make_with(node, master, names, ids, key_bytes, further)

    async def hand_out(self, slave: Application, master_id: str, key_ids: Sequence[str]) -> list[DeliveredKey]:
        """Keys that a master has got before, for one of its slaves.

        Raises:
            Refusal: if one is not there, or not for this caller.
        """
        self.share_of(slave, master_id, caller_is_master=False)
        with _Refusals():
            return await self.run(self.store.collect, slave.id, master_id, key_ids)

    async def recover(self, older_than_s: float = 30.0) -> int:
        """Give up old assignments that nobody waits for, and tell the other ends.

        To be called when the service starts and now and then; another process with the same store may be at work on
        younger ones. What seems to be of the future is old too: the clock was set back. Returns how many could not
        be told yet.
        """
        now = time.time()
        for assignment in await self.run(self.store.pending, now - older_than_s, now + _CLOCKS_DIFFER_S):
            await self.run(self.store.void, assignment)
        untold = 0
        for assignment in await self.run(self.store.given_up):
            untold += not await self._tell_void(assignment)
        if untold and untold != self._untold:
            log.warning("%d assignments were given up of which other KMEs do not know yet", untold)
        self._untold = untold
        return untold

    async def _send_to(
        self, peer: Peer, master: str, slaves: Sequence[str], ids: Sequence[str], key_bytes: int
    ) -> list[DeliveredKey]:
        """Keys made here for another domain: confirmed there before the master has them."""
        if self.domains is None:
            raise busy(f"there is no line to the KME {peer.id!r}", "no line")
        keys = [DeliveredKey(key_id, Secret(secrets.token_bytes(key_bytes))) for key_id in ids]
        try:
            await self.domains.send(peer, master, slaves, keys)
        except StoreError as error:
            raise busy(str(error), "peer", 5.0) from None
        except PeerSilent:
            with suppress(PeerSilent):  # not known there, or never to be collected: it expires
                await self.domains.void(peer, ids)
            raise busy(f"the KME {peer.id!r} cannot be reached", "peer", 2.0) from None
        await self.run(self.store.note_sent, peer.id, master, slaves, keys)
        return keys

    async def _make_with(
        self,
        node: str,
        master: str,
        slaves: Sequence[str],
        ids: Sequence[str],
        key_bytes: int,
        further: Mapping[str, Sequence[str]],
    ) -> list[DeliveredKey]:
        line = self._lines.get(node)
        if line is None:
            raise busy(f"there is no line to the KME {node!r}", "no line")
        for _ in range(_TRIES):
            assignment = await self.run(self.store.assign, str(uuid.uuid4()), node, master, slaves, ids, key_bytes)
            try:
                await self._told(line.assign, assignment)
            except PositionsGone as gone:  # the other end lacks some of it: use none of it, and take other
                await self._give_up(assignment)
                await self.run(self.store.burn, node, _whole_chunks(gone.positions))
                continue
            except (PeerSilent, StoreError) as error:
                await self._give_up(assignment)
                raise busy(f"the KME {node!r} cannot be reached: {error}", "peer", 2.0) from None
            await self._hand_further(assignment, further)
            try:
                return await self.run(self.store.deliver, assignment.assignment_id)
            except KeyNotFound:
                raise busy("the assignment was given up meanwhile", "given up") from None
        raise busy(
            f"the stores here and at {node!r} differ: nothing that both have was found", "stores differ", 5.0
        )

    async def _hand_further(self, assignment: Assignment, further: Mapping[str, Sequence[str]]) -> None:
        """The same keys for slaves at further nodes, before the master has them: at all, or given up at all."""
        if not further:
            return
        keys = await self.run(self.store.peek, assignment.assignment_id)
        try:
            for node, slaves in further.items():
                if node == self.registry.kme_id:
                    await self.run(self.store.accept_values, node, assignment.master, slaves, keys)
                else:
                    await self.handing.give(node, assignment.master, slaves, keys)
        except (StoreError, PeerSilent) as error:
            for node in further:
                with suppress(StoreError, PeerSilent):  # never known there, or it expires: nobody has its id
                    if node == self.registry.kme_id:
                        await self.run(self.store.void_values, node, assignment.key_ids)
                    else:
                        await self._lines[node].void_values(assignment.key_ids)  # type: ignore[attr-defined]
            await self._give_up(assignment)
            raise busy(f"a further KME cannot be reached: {error}", "peer", 2.0) from None

    async def _told(self, tell: Callable[[Assignment], Awaitable[None]], assignment: Assignment) -> None:
        until, pause = time.monotonic() + self._patience_s, 0.05
        while True:
            try:
                return await tell(assignment)
            except PeerSilent:
                if time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def _give_up(self, assignment: Assignment) -> None:
        await self.run(self.store.void, assignment)
        await self._tell_void(assignment)

    async def _tell_void(self, assignment: Assignment) -> bool:
        line = self._lines.get(assignment.pool)
        if line is None:
            return False
        try:
            await line.void(assignment)
        except (PeerSilent, StoreError):
            return False
        await self.run(self.store.forget, assignment.assignment_id)
        return True

    async def _origins(self, node: str) -> frozenset[str]:
        if node == self.registry.kme_id:
            return frozenset({"system"})
        return frozenset(account.origin for account in await self.run(self.store.accounts, node))


def _whole_chunks(positions: Sequence[Position]) -> list[Position]:
    return [Position(chunk, 0, CHUNK_BYTES) for chunk in dict.fromkeys(each.chunk for each in positions)]


class _Refusals:
    """What a store raises, as refusals."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case NotEnoughKeys():
                raise busy("there are not enough keys for this pair at present", "no keys", 5.0) from None
            case KeyNotFound():
                raise unknown_key() from None
            case NotNamed():
                raise Refusal(401, "the caller was not named when the key was made", cause="not named") from None
            case StoreUnavailable():
                log.error("the store cannot be used: %s", error)
                raise busy("the key store cannot be used at present", "store") from None
