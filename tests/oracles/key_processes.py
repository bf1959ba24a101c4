"""Two nodes in processes of their own, for tests that kill and measure them."""

import multiprocessing
import os
import signal

from oracles.key_material import block
from oracles.key_network import free_ports

from quantumlink.keys import open_store
from quantumlink.keys.certificates import Authority
from quantumlink.keys.sealing import new_kek, read_kek, write_kek
from quantumlink.keys.service.client import KeyClient


def live(path, die_at, ready):
    """A node's process; it kills itself at a step of its store, if told to."""
    import asyncio

    from quantumlink.keys.service import kme
    from quantumlink.keys.service.node_file import NodeFile
    from quantumlink.keys.service.serving import serve_node
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

    def tell(service):
        service._abandon_s = 1.0
        ready.set()

    asyncio.run(serve_node(node, demo=True, ready=tell))


class Pair:
    """Two nodes in processes of their own, forked from one that has everything loaded."""

    def __init__(self, folder, blocks=4):
        self.folder = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["quantumlink.keys.service.serving"])
        self.ports = dict(zip("ab", free_ports(2), strict=True))
        authority = Authority(folder)
        write_kek(folder / "kek", new_kek())
        for name in "ab":
            authority.issue(f"kme-{name}", uri=f"urn:kme:{name}", hosts=["localhost"], server=True)
        for sae in ("alice", "bob"):
            authority.issue(sae, uri=f"urn:sae:{sae}")
        for name, other in (("a", "b"), ("b", "a")):
            (folder / f"{name}.toml").write_text(
                f'id = "{name}"\nport = {self.ports[name]}\n'
                f'certificate = "kme-{name}.crt"\nkey = "kme-{name}.key"\n'
                f'ca = "ca.crt"\nstore = "{name}.db"\ncheckpoint = "{name}.checkpoint"\nkek = "kek"\n'
                '[[applications]]\nid = "alice"\nkme = "a"\nuri = "urn:sae:alice"\n'
                '[[applications]]\nid = "bob"\nkme = "b"\nuri = "urn:sae:bob"\n'
                f'[[peers]]\nid = "{other}"\nurl = "https://localhost:{self.ports[other]}"\n'
                f'uri = "urn:kme:{other}"\n'
            )
        stores = {name: self.open(name) for name in "ab"}
        for number in range(blocks):
            shared = block(number, 1 << 19)
            stores["a"].ingest("b", shared), stores["b"].ingest("a", shared)
        for store in stores.values():
            store.close()
        self.processes = {}

    def open(self, name):
        return open_store(
            self.folder / f"{name}.db", kme_id=name, kek=read_kek(self.folder / "kek"),
            checkpoint=self.folder / f"{name}.checkpoint", simulated_allowed=True,
        )  # fmt: skip

    def start(self, name, die_at=None):
        ready = self.context.Event()
        process = self.context.Process(target=live, args=(self.folder / f"{name}.toml", die_at, ready), daemon=True)
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
        for name in "ab":
            store = self.open(name)
            store.audit()
            store.ledger().check()
            store.close()
