"""Nodes in processes of their own, for tests that kill and measure them."""

import multiprocessing
import os
import signal
from contextlib import suppress
from itertools import pairwise

from oracles.key_material import block
from oracles.key_network import free_ports

from quantumlink.keys import open_store
from quantumlink.keys.certificates import Authority
from quantumlink.keys.sealing import new_kek, read_kek, write_kek
from quantumlink.keys.service.client import KeyClient


def live(path, die_at, ready, relayed=None):
    """A node's process; it kills itself at a step of its store, if told to, or relays along a path all the time."""
    import asyncio

    from quantumlink.keys.service import kme
    from quantumlink.keys.service.node_file import NodeFile
    from quantumlink.keys.service.serving import serve_node
    from quantumlink.keys.store import StoreError
    from quantumlink.keys.store.sql import SqlStore

    kme._RECOVER_EVERY_S = 0.2
    if die_at is not None:
        step, when = die_at
        act = getattr(SqlStore, step)

        def dying(*arguments, **options):
            if when == "after":
                act(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(SqlStore, step, dying)
    node = NodeFile.read(path)

    async def relay(service):
        while True:
            with suppress(StoreError):
                await service.manager.handing.relay(relayed, 640)
            await asyncio.sleep(0.02)

    def tell(service):
        service._abandon_s = 1.0
        if relayed is not None:
            tasks.append(asyncio.get_running_loop().create_task(relay(service)))
        ready.set()

    tasks = []
    asyncio.run(serve_node(node, demo=True, ready=tell))


class Pair:
    """Nodes in processes of their own, forked from one that has everything loaded.

    Two by default, or more in a row: alice is at the first one, bob at the last, and those between them relay.
    """

    def __init__(self, folder, blocks=4, names="ab"):
        self.folder, self.names = folder, names
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["quantumlink.keys.service.serving"])
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        authority = Authority(folder)
        write_kek(folder / "kek", new_kek())
        for name in names:
            authority.issue(f"kme-{name}", uri=f"urn:kme:{name}", hosts=["localhost"], server=True)
        for sae in ("alice", "bob"):
            authority.issue(sae, uri=f"urn:sae:{sae}")
        for name in names:
            (folder / f"{name}.toml").write_text(self._file(name))
        stores = {name: self.open(name) for name in names}
        for left, right in pairwise(names):
            for number in range(blocks):
                shared = block(number, 1 << 19)
                stores[left].ingest(right, shared), stores[right].ingest(left, shared)
        for store in stores.values():
            store.close()
        self.processes = {}

    def _file(self, name):
        peers = [
            f'[[peers]]\nid = "{other}"\nurl = "https://localhost:{self.ports[other]}"\nuri = "urn:kme:{other}"\n'
            for other in self.names
            if other != name
        ]
        return (
            f'id = "{name}"\nport = {self.ports[name]}\ncertificate = "kme-{name}.crt"\nkey = "kme-{name}.key"\n'
            f'ca = "ca.crt"\nstore = "{name}.db"\ncheckpoint = "{name}.checkpoint"\nkek = "kek"\n'
            f"relay = {'true' if name in self.names[1:-1] else 'false'}\n"
            f'[[applications]]\nid = "alice"\nkme = "{self.names[0]}"\nuri = "urn:sae:alice"\n'
            f'[[applications]]\nid = "bob"\nkme = "{self.names[-1]}"\nuri = "urn:sae:bob"\n' + "".join(peers)
        )

    def open(self, name):
        return open_store(
            self.folder / f"{name}.db", kme_id=name, kek=read_kek(self.folder / "kek"),
            checkpoint=self.folder / f"{name}.checkpoint", simulated_allowed=True,
        )  # fmt: skip

    def start(self, name, die_at=None, relayed=None):
        ready = self.context.Event()
        process = self.context.Process(
            target=live, args=(self.folder / f"{name}.toml", die_at, ready, relayed), daemon=True
        )
        process.start()
        assert ready.wait(60), f"{name} does not start"
        self.processes[name] = process

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].join(30)

    def client(self, sae, name):
        files = {"certificate": self.folder / f"{sae}.crt", "key": self.folder / f"{sae}.key"}
        return KeyClient(f"https://localhost:{self.ports[name]}", ca=self.folder / "ca.crt", timeout_s=8, **files)

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.join(30)

    def check(self, masters, slaves):
        """What must hold whatever happened; ``masters`` and ``slaves`` list what each has got, in order."""
        self.stop()
        got = [key_id for key_id, _ in slaves]
        assert len(set(got)) == len(got), "an id was handed over twice"
        sent = dict(masters)
        assert len(sent) == len(masters)
        assert len(set(sent.values())) == len(sent), "the same bytes under two ids"
        for key_id, value in slaves:
            assert sent[key_id] == value, "two ends have different bytes under one id"
        for name in self.names:
            store = self.open(name)
            store.audit()
            store.ledger().check()
            store.close()
