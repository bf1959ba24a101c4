"""Prints the figures of key delivery: ``PYTHONPATH=tests python tests/benchmarks/key_delivery_figures.py [KEYS]``.

Two nodes and the client have a process each. Beside each rate stand the CPU seconds of every process for a key (for
a request, where there is none), which a busy machine changes least, and in the same run what a plain aiohttp hello
takes over the same mutual TLS. KEYS (by default a million) are delivered to see whether memory grows, and that many
wait in the store that is opened.
"""

import asyncio
import json
import multiprocessing
import os
import ssl
import sys
import tempfile
import time
import uuid
from itertools import chain
from pathlib import Path

from oracles.key_material import block
from oracles.key_network import free_ports
from oracles.key_processes import Pair

from quantumlink.keys import open_store
from quantumlink.keys.sealing import new_kek
from quantumlink.keys.service.client import AsyncKeyClient
from quantumlink.keys.store import PoolPolicy

TICKS = os.sysconf("SC_CLK_TCK")


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def plain(folder, name, port, ready):
    """A server over mutual TLS that says hello, and acknowledges what a node tells it, without doing anything."""
    from aiohttp import web

    from quantumlink.keys.service.tls import Credentials, server_context

    context = server_context(Credentials(folder / f"kme-{name}.crt", folder / f"kme-{name}.key", folder / "ca.crt"))

    async def answer(request):
        body = await request.read()
        told = json.loads(body) if body else {}
        if "assignments" in told:
            ids = [each["assignment_id"] for each in told["assignments"]]
            return web.json_response({"answers": [{"status": 200, "acknowledged": each} for each in ids]})
        return web.json_response({"acknowledged": told.get("assignment_id"), "hello": "world"})

    async def serve():
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(serve())


def cpu_s(process):
    if process is None:
        return time.process_time()
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(process):
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Measuring:
    def __init__(self, pair, processes, port):
        self.pair, self.processes, self.port = pair, processes, port

    def client(self):
        files = {"certificate": self.pair.folder / "alice.crt", "key": self.pair.folder / "alice.key"}
        return AsyncKeyClient(
            f"https://localhost:{self.port}", ca=self.pair.folder / "ca.crt", timeout_s=120, **files
        )

    def line(self, name, act, *, calls, at_once, keys=1):
        say(asyncio.run(self._line(name, act, calls, at_once, keys)))

    async def _line(self, name, act, calls, at_once, keys):
        lasted = []

        async def some(client, count):
            for _ in range(count):
                began = time.perf_counter()
                await act(client)
                lasted.append(time.perf_counter() - began)

        client = self.client()
        await asyncio.gather(*(some(client, 2) for _ in range(at_once)))
        lasted.clear()
        before, began = [cpu_s(each) for each in self.processes], time.perf_counter()
        await asyncio.gather(*(some(client, calls // at_once) for _ in range(at_once)))
        took = time.perf_counter() - began
        spent = [cpu_s(each) - was for each, was in zip(self.processes, before, strict=True)]
        await client.close()
        lasted.sort()
        count = calls * keys
        columns = [
            f"{name}, {at_once} at once",
            f"{count / took:,.0f}",
            f"{1e3 * lasted[len(lasted) // 2]:.1f} / {1e3 * lasted[int(0.99 * len(lasted))]:.1f}",
            " / ".join(f"{1e6 * each / count:,.0f}" for each in spent),
            f"{count / max(spent):,.0f}",
        ]
        return "| " + " | ".join(columns) + " |"


async def one_key(client):
    await client.new_keys("bob")


async def hundreds(client):
    await client.new_keys("bob", 500)


async def hello(client):
    await client.status("bob")


def fresh(port):
    async def act(client):
        context = client._context
        assert isinstance(context, ssl.SSLContext)
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(b"GET /api/v1/keys/bob/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200" in (await reader.read(100))
        writer.close()

    return act


def stub(pair, name, port):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=plain, args=(pair.folder, name, port, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    return process


def rates(folder):
    pair = Pair(folder, blocks=64)
    for name in "ba":
        pair.start(name)
    a, b = pair.processes["a"], pair.processes["b"]
    other = stub(pair, "a", port := free_ports(1)[0])
    say(
        "\n| | a second | p50 / p99, ms | CPU, µs of KME / other KME / client | one core of the busiest: a second |"
    )
    say("|---|---|---|---|---|")
    two, one = Measuring(pair, [a, b, None], pair.ports["a"]), Measuring(pair, [other, None], port)
    for at_once in (1, 8):
        one.line("hello over the same TLS (server / client)", hello, calls=1600, at_once=at_once)
        two.line("status", hello, calls=1600, at_once=at_once)
        two.line("one key, through both", one_key, calls=800, at_once=at_once)
    two.line("one key, through both", one_key, calls=1600, at_once=32)
    two.line("keys in hundreds (500), through both", hundreds, calls=48, at_once=4, keys=500)
    one.line("hello, fresh connections (server / client)", fresh(port), calls=400, at_once=4)
    two.line("status, fresh connections", fresh(pair.ports["a"]), calls=400, at_once=4)
    pair.kill("b")
    stubbed = stub(pair, "b", pair.ports["b"])
    alone = Measuring(pair, [a, stubbed, None], pair.ports["a"])
    alone.line("one key, the other KME a stub", one_key, calls=1600, at_once=8)
    alone.line("one key, the other KME a stub", one_key, calls=3200, at_once=32)
    alone.line("keys in hundreds (500), the other KME a stub", hundreds, calls=96, at_once=4, keys=500)
    for each in (other, stubbed):
        each.kill()
        each.join(30)
    pair.stop()


def memory(folder, keys):
    """Memory of both nodes while keys are delivered, new key material coming in meanwhile."""
    per_block = (1 << 19) // 32 // 2
    pair = Pair(folder, blocks=-(-keys // per_block) + 2)
    for name in "ba":
        pair.start(name)
    seen = []
    with pair.client("alice", "a") as alice, pair.client("bob", "b") as bob:
        for number in range(keys // 1000):
            made = alice.new_keys("bob", 1000)
            assert bob.keys_with_ids("alice", [key.key_id for key in made]) == made
            if number % max(1, keys // 5000) == 0:
                seen.append([memory_mb(pair.processes[name]) for name in "ab"])
    seen.append([memory_mb(pair.processes[name]) for name in "ab"])
    pair.stop()
    for name, told in zip("ab", zip(*seen, strict=True), strict=True):
        say(f"memory of node {name} over {keys:,} keys to both ends, MB: {', '.join(f'{x:.0f}' for x in told)}")


def restart(folder, keys):
    """How long it takes to open a store in which that many keys are stored, and that many wait for their slave."""
    kek, options = new_kek(), {"simulated_allowed": True, "policy": PoolPolicy(capacity_bytes=1 << 30)}

    def opened():
        return open_store(folder / "a.db", kme_id="a", kek=kek, checkpoint=folder / "a.checkpoint", **options)

    store = opened()
    for number in range(-(-keys * 64 >> 20)):
        store.ingest("b", block(number, 1 << 20))
    for _ in range(keys // 1000):
        store.assign_here(str(uuid.uuid4()), "alice", ["bob"], [str(uuid.uuid4()) for _ in range(1000)], 32)
    store.close()
    began, cpu = time.perf_counter(), time.process_time()
    store = opened()
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    free, books = store.level("b").own // 32, store.ledger()
    store.close()
    say(f"a store with {free:,} keys to give and {books.assigned // 32:,} that wait opens in {took:.2f} s"
          f" ({spent:.2f} s CPU)")  # fmt: skip


def main():
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for act, arguments in chain([(rates, ())], ((each, (keys,)) for each in (memory, restart))):
        with tempfile.TemporaryDirectory() as folder:
            act(Path(folder), *arguments)


if __name__ == "__main__":
    main()
