"""A whole network of nodes in one process, for a demonstration: services, stores, suppliers, consumers, an attack.

Its keys are simulated and so not secret. Each node has a store, a certificate and a listener of its own, and they
talk to each other as they would between machines.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from quantumlink import interrupts
from quantumlink.keys.sealing import new_kek, read_kek, write_kek
from quantumlink.keys.service import demo_identities as identities
from quantumlink.keys.service.client import AsyncKeyClient, KeyServiceError
from quantumlink.keys.service.demo_identities import HOST, kme_of, saes_of
from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.link_watch import LinkWatch
from quantumlink.keys.service.metrics import metrics
from quantumlink.keys.service.relays import Relays
from quantumlink.keys.service.snapshot import snapshot
from quantumlink.keys.store import PoolPolicy, open_store
from quantumlink.keys.store.contract import BlockRefused, StoreFull
from quantumlink.keys.supply.links import key_nodes, qkd_link, qkd_links
from quantumlink.keys.supply.session_blocks import SessionResult, play_session, stock
from quantumlink.link import ElementaryLink
from quantumlink.network import Network

log = logging.getLogger("quantumlink.keys")

ROUNDS: Final = 60_000
"""Pairs of a block."""
CAPACITY_BYTES: Final = 1 << 22
LOW_WATER_BYTES: Final = 1 << 14
STOCK_S: Final = 86_400.0
"""The stores begin with what the links make in a day, by their forecast rates."""


class Demonstration:
    """The network, running.

    Args:
        network: the network.
        directory: where certificates, stores and ``demo.json`` are; what is there already is used again.
        port: port of the first node; the others follow. With 0 each takes a free one.
        page_port: port of the operator's page.
        at: the nodes that hold keys; by default its ends and trusted nodes.
        pause_s: rest between two blocks of key, so that the machine is left to others.
        consume_every_s: how often the consumers take a key.
    """

    def __init__(
        self,
        network: Network,
        directory: str | Path,
        *,
        port: int,
        page_port: int,
        at: Sequence[str] = (),
        pause_s: float = 2.0,
        consume_every_s: float = 1.0,
    ) -> None:
        self.network, self.directory = network, Path(directory).resolve()
        self.nodes = key_nodes(network, at)
        self.links = [LinkWatch(link) for link in qkd_links(network, self.nodes)]
        if not self.links:
            raise ValueError(f"no link between {', '.join(self.nodes)} yields a key")
        self.ports = identities.ports(self.nodes, port)
        if page_port in self.ports.values():
            raise ValueError(f"page_port must not be among the ports {port} to {port + len(self.nodes) - 1}")
        self.page_port = page_port
        self.token = secrets.token_urlsafe(24)
        self.services: dict[str, KeyService] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=500)
        self.attacked: dict[int, float] = {}
        """Fraction of pairs intercepted, by the number of the elementary link."""
        self.started_at_s = time.time()
        self.is_ready = False
        self._avoided: set[int] = set()
        self.consumed = {watch.name: 0 for watch in self.links}
        self.failed = {watch.name: 0 for watch in self.links}
        self._pause_s, self._consume_every_s = pause_s, consume_every_s
        self._tasks: list[asyncio.Task[None]] = []
        self._players: ProcessPoolExecutor | None = None
        self._clients: dict[str, AsyncKeyClient] = {}
        self._changed = asyncio.Event()

    @property
    def page(self) -> str:
        """Address of the operator's page."""
        return f"http://{HOST}:{self.page_port}/"

    async def start(self) -> None:
        """Start all nodes, fill their stores, and write ``demo.json`` last."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "demo.json").unlink(missing_ok=True)
        credentials = identities.credentials(self._pki, self.nodes)
        kek_file = self.directory / "kek"
        if not kek_file.exists():
            write_kek(kek_file, new_kek())
        kek = read_kek(kek_file)
        (self.directory / "stores").mkdir(mode=0o700, exist_ok=True)
        for node in self.nodes:
            store = open_store(
                self.directory / "stores" / f"{node}.db", kme_id=kme_of(node), kek=kek,
                checkpoint=self.directory / "stores" / f"{node}.checkpoint",
                policy=PoolPolicy(capacity_bytes=CAPACITY_BYTES, low_water_bytes=LOW_WATER_BYTES),
                simulated_allowed=True,
            )  # fmt: skip
            service = KeyService(
                store,
                identities.registry(node, self.ports),
                credentials[node],
                host=HOST,
                port=self.ports[node],
                is_relay=self.network.nodes[node].role == "trusted",
            )
            service.on_alarm = partial(self.tell, "mode alarm")
            self.services[node] = service
            await service.start()
        for watch in self.links:
            block = stock(
                source=f"{watch.name} stock", link=watch.name, rate_bit_s=watch.link.rate_bit_s,
                duration_s=STOCK_S, at_most=CAPACITY_BYTES // 4,
            )  # fmt: skip
            with suppress(BlockRefused):  # it is there since the last start
                self._ingest(watch, (block, block))
        self.relays = Relays(
            {kme_of(node): service.manager for node, service in self.services.items()},
            [kme_of(node) for node in self.nodes if self.network.nodes[node].role == "end"],
            {kme_of(node) for node in self.nodes if self.network.nodes[node].role == "trusted"},
            [(kme_of(watch.link.ends[0]), kme_of(watch.link.ends[1])) for watch in self.links],
        )
        await self._relay()
        self._clients = {node: self._client(node) for node in self.nodes}

    def announce(self) -> Path:
        """Write ``demo.json``: all is ready."""
        content = {
            "page": self.page,
            "operator": {"token": self.token},
            "ca": str(self._pki / "ca.crt"),
            "kmes": [
                {
                    "id": kme_of(node),
                    "url": f"https://localhost:{self.ports[node]}",
                    "saes": [
                        {"id": sae, "cert": str(self._pki / f"{sae}.crt"), "key": str(self._pki / f"{sae}.key")}
                        for sae in saes_of(node)
                    ],
                }
                for node in self.nodes
            ],
        }
        fresh = self.directory / "demo.json.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
        fresh.replace(self.directory / "demo.json")
        self.is_ready = True
        self.tell("ready", f"{len(self.nodes)} nodes, {len(self.links)} links")
        return self.directory / "demo.json"

    def begin(self) -> None:
        """Begin to make and to use keys."""
        self._players = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_be_nice)
        self._tasks = [asyncio.create_task(self._supply()), asyncio.create_task(self._consume())]

    async def stop(self) -> None:
        """Stop all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._players is not None:
            players = [*(self._players._processes or {}).values()]
            self._players.shutdown(wait=False, cancel_futures=True)
            for player in players:
                player.terminate()  # nobody waits for the session that it is at
        for client in self._clients.values():
            await client.close()
        for service in self.services.values():
            await service.stop()

    def curl(self) -> str:
        """A line that gets a key."""
        first, second = self.links[0].link.ends
        sae, other = self._pki / saes_of(first)[0], saes_of(second)[0]
        url = f"https://localhost:{self.ports[first]}/api/v1/keys/{other}/enc_keys"
        return f"curl --cacert '{self._pki / 'ca.crt'}' --cert '{sae}.crt' --key '{sae}.key' {url}"

    def attack(self, hop: int, fraction: float) -> None:
        """Somebody begins to intercept pairs of an elementary link (or ends it, at a fraction of 0)."""
        if not 0 <= hop < len(self.network.links):
            raise ValueError(f"hop must be the number of a link, 0 to {len(self.network.links) - 1}, got {hop}")
        if fraction:
            self.attacked[hop] = fraction
        else:
            self.attacked.pop(hop, None)
        link = self.network.links[hop]
        what = f"an eavesdropper measures {fraction:.0%} of the pairs" if fraction else "the eavesdropper has left"
        self.tell("attack" if fraction else "attack over", f"{link.left}–{link.right}: {what}")

    def end_quarantine(self, name: str, *, burn: bool) -> int:
        """Release or burn what is held back of a link, at both ends; the link goes back to its best way."""
        watch = next((each for each in self.links if each.name == name), None)
        if watch is None:
            raise ValueError(f"link must be one of {', '.join(each.name for each in self.links)}, got {name!r}")
        moved = 0
        for own, other in (watch.link.ends, watch.link.ends[::-1]):
            moved += self.services[own].store.release(kme_of(other), burn=burn)
        self._avoided.clear()
        watch.take_way(qkd_link(self.network, *watch.link.ends, self.nodes) or watch.link)
        watch.calm()
        self.tell("burnt" if burn else "released", f"{name}: {moved} bytes of both ends")
        return moved

    def tell(self, kind: str, text: str) -> None:
        """Put an event on the page and in the log."""
        self.events.append({"at_s": time.time(), "kind": kind, "text": text})
        log.info("%s: %s", kind, text)
        self._changed.set()
        self._changed = asyncio.Event()

    def snapshot(self) -> dict[str, Any]:
        """What the page shows."""
        return snapshot(self)

    def metrics(self) -> str:
        """The metrics of all nodes."""
        return metrics(self)

    async def changed(self, timeout_s: float) -> None:
        """Wait for an event, or for that long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)

    async def _supply(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for watch in self.links:
                if not watch.is_down:
                    way = watch.link
                    link = watch.played(self._fraction_on(way.hops))
                    began = time.monotonic()
                    try:
                        with interrupts.not_for_children():
                            played = loop.run_in_executor(self._players, play_session, link, ROUNDS)
                        result = await played
                        if watch.link is way:  # else the operator has changed it meanwhile
                            self._take(watch, result)
                    except (ValueError, RuntimeError) as error:
                        self.tell("fault", f"{watch.name}: no session: {error}")
                    await asyncio.sleep(min(self._pause_s, 1 + time.monotonic() - began))
                else:
                    await asyncio.sleep(0.1)
            await self._relay()

    async def _relay(self) -> None:
        """Top up the pools of far ends, past links that are under alarm and without another way."""
        failed = [(kme_of(each.link.ends[0]), kme_of(each.link.ends[1])) for each in self.links if each.is_down]
        for text in await self.relays.top_up(failed):
            self.tell("relay", text)

    def _take(self, watch: LinkWatch, result: SessionResult) -> None:
        alarms = watch.hear(result)
        if alarms:
            self._alarm(watch, str(alarms[0]))
        elif result.reason is not None:
            self.tell("no key", f"{watch.name}: {result.reason}")
        elif not watch.is_alarmed:
            number = max(
                self.services[own].store.next_block(kme_of(other), watch.source)
                for own, other in (watch.link.ends, watch.link.ends[::-1])
            )
            watch.last_block = number
            blocks = tuple(result.block(end, source=watch.source, number=number, link=watch.name) for end in (0, 1))
            with suppress(StoreFull):
                self._ingest(watch, blocks)

    def _alarm(self, watch: LinkWatch, text: str) -> None:
        held = 0
        for own, other in (watch.link.ends, watch.link.ends[::-1]):
            held += self.services[own].store.quarantine(kme_of(other), watch.source, max(0, watch.last_block - 2))
        self.tell("alarm", f"{watch.name}: {text}; {held} bytes of both ends held back")
        if not self._rerouted(watch):
            watch.is_down = True
            self.tell("no way", f"{watch.name}: no other way; what is stored is used up")
        for each in self.links:  # the more links are under alarm, the clearer where it comes from
            if each.is_down and each is not watch:
                self._rerouted(each)

    def _rerouted(self, watch: LinkWatch) -> bool:
        other_way = qkd_link(self.network, *watch.link.ends, self.nodes, avoid=self._suspects(watch))
        if other_way is None:
            return False
        watch.take_way(other_way)
        self.tell("rerouted", f"{watch.name} now by {' – '.join(other_way.nodes())}")
        return True

    def _suspects(self, watch: LinkWatch) -> list[ElementaryLink]:
        """Hops of links under alarm that no quiet link uses; all of this link's, if that leaves none of its own."""
        quiet = {
            number
            for each in self.links
            if each is not watch and not each.is_alarmed
            for number in self._numbers(each.link.hops)
        }
        loud = set(self._numbers(watch.link.hops)) - quiet
        if not loud:
            return list(watch.link.hops)
        self._avoided |= loud
        return [self.network.links[number] for number in sorted(self._avoided)]

    def _numbers(self, hops: Sequence[ElementaryLink]) -> list[int]:
        found = []
        for hop in hops:
            found += [i for i, link in enumerate(self.network.links) if link in (hop, hop.reversed())][:1]
        return found

    def _fraction_on(self, hops: Sequence[ElementaryLink]) -> float:
        free = 1.0
        for number in self._numbers(hops):
            free *= 1 - self.attacked.get(number, 0.0)
        return 1 - free

    def _ingest(self, watch: LinkWatch, blocks: Sequence[Any]) -> None:
        for (own, other), block in zip((watch.link.ends, watch.link.ends[::-1]), blocks, strict=True):
            self.services[own].store.ingest(kme_of(other), block)

    async def _consume(self) -> None:
        while True:
            for watch in self.links:
                first, second = watch.link.ends
                try:
                    keys = await self._clients[first].new_keys(saes_of(second)[0])
                    ids = [key.key_id for key in keys]
                    if await self._clients[second].keys_with_ids(saes_of(first)[0], ids) == keys:
                        self.consumed[watch.name] += len(keys)
                except KeyServiceError:
                    self.failed[watch.name] += 1
                await asyncio.sleep(self._consume_every_s)

    @property
    def _pki(self) -> Path:
        return self.directory / "pki"

    def hop(self, first: str, second: str) -> int:
        """Number of the elementary link between two nodes, for `attack`."""
        for number, link in enumerate(self.network.links):
            if {link.left.name, link.right.name} == {first, second}:
                return number
        raise ValueError(f"no link joins {first!r} and {second!r}")

    def _client(self, node: str) -> AsyncKeyClient:
        sae = saes_of(node)[0]
        return AsyncKeyClient(
            f"https://localhost:{self.ports[node]}", certificate=self._pki / f"{sae}.crt",
            key=self._pki / f"{sae}.key", ca=self._pki / "ca.crt",
        )  # fmt: skip


def _be_nice() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where the parent could not keep it from here
    if hasattr(os, "nice"):
        os.nice(5)
