"""Two nodes with their web services, in a thread of their own, for tests of delivery."""

import asyncio
import os
import random
import socket
import threading
from dataclasses import dataclass

from oracles.key_material import block

from quantumlink.keys import open_store
from quantumlink.keys.certificates import Authority
from quantumlink.keys.delivery import Application, Peer, Registry
from quantumlink.keys.delivery.registry import PushingDevice
from quantumlink.keys.sealing import new_kek
from quantumlink.keys.service.client import KeyClient
from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.tls import Credentials

HOMES = {"alice": "a", "alan": "a", "alien/1": "a", "bob": "b", "bea": "b", "carol": "b", "eve": "b"}
"""Applications and their nodes; eve may share with nobody."""


@dataclass
class Node:
    id: str
    port: int
    issued: object
    where: object
    service: KeyService | None = None

    @property
    def url(self):
        return f"https://localhost:{self.port}"


def free_ports(count):
    """Ports on loopback, each with nine more behind it that are free too.

    Below those that systems hand out, so that no connection takes one meanwhile; parallel workers
    of the tests choose among different ones.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found = []
    while len(found) < count:
        first = 20_000 + 10 * (8 * random.SystemRandom().randrange(150) + worker % 8)
        if first not in found and all(_is_free(first + i) for i in range(10)):
            found.append(first)
    return found


def _is_free(port):
    with socket.socket() as held:
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class KeyNetwork:
    """Nodes a and b with an authority, certificates and filled stores.

    Args:
        folder: where everything is.
        where: for each node, the address of its store; files in the folder if None.
        options: for the services.
    """

    def __init__(self, folder, where=None, **options):
        self.folder, self.options = folder, options
        self.authority = Authority(folder / "pki")
        self.authority.revoke([])
        self.kek = new_kek()
        self.nodes, self.issued = {}, {}
        self._next_block = 0
        for name, port in zip("ab", free_ports(2), strict=True):
            issued = self.authority.issue(
                f"kme-{name}", uri=f"urn:kme:{name}", hosts=["localhost", "127.0.0.1", f"kme-{name}"], server=True
            )
            self.nodes[name] = Node(name, port, issued, (where or {}).get(name, folder / f"{name}.db"))
        for sae in HOMES:
            uri = None if sae == "alan" else f"urn:sae:{sae}"  # alan is known by his common name
            self.issued[sae] = self.authority.issue(sae, uri=uri)
        self.issued["module"] = self.authority.issue("module", uri="urn:qkd:module")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.registry_changes = {}

    def registry(self, name):
        applications = []
        for sae, home in HOMES.items():
            mark = {"common_name": "alan"} if sae == "alan" else {"uri": f"urn:sae:{sae}"}
            applications.append(Application(id=sae, kme=home, **mark, **self.registry_changes.get(sae, {})))
        peers = [
            Peer(id=other.id, url=other.url, uri=f"urn:kme:{other.id}", tls_name=f"kme-{other.id}")
            for other in self.nodes.values()
            if other.id != name
        ]
        friends = [sae for sae in HOMES if sae != "eve"]
        pairs = frozenset((x, y) for x in friends for y in friends)
        devices = tuple(
            PushingDevice(uri="urn:qkd:module", pool=peer.id, link="a–b", protocol="BB84", epsilon=1e-10)
            for peer in peers
        )
        return Registry(name, tuple(applications), tuple(peers), pairs, devices=devices)

    def run(self, coroutine, timeout=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def start(self, *names, **options):
        for name in names or self.nodes:
            node = self.nodes[name]
            store = open_store(
                node.where, kme_id=name, kek=self.kek, checkpoint=self.folder / f"{name}.checkpoint",
                simulated_allowed=True,
            )  # fmt: skip
            credentials = Credentials(
                node.issued.certificate, node.issued.key, self.authority.certificate, self.authority.revocations
            )
            node.service = KeyService(
                store, self.registry(name), credentials, port=node.port, **(self.options | options)
            )
            self.run(node.service.start())
        return self

    def stop(self, *names):
        for name in names or self.nodes:
            service, self.nodes[name].service = self.nodes[name].service, None
            if service is not None:
                self.run(service.stop())

    def close(self):
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def store(self, name):
        return self.nodes[name].service.store

    def fill(self, size=1 << 16):
        """The same block into both stores, in the thread of the services."""
        shared = block(self._next_block, size)
        self._next_block += 1
        for name, other in (("a", "b"), ("b", "a")):
            self.do(self.store(name).ingest, other, shared)

    def do(self, act, *arguments):
        async def there():
            return act(*arguments)

        return self.run(there())

    def client(self, sae, **options):
        node, issued = self.nodes[HOMES[sae]], self.issued[sae]
        return KeyClient(
            node.url, certificate=issued.certificate, key=issued.key, ca=self.authority.certificate, **options
        )
