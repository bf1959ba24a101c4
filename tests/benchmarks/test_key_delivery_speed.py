"""How fast keys are delivered by two nodes; `pytest tests/benchmarks --benchmark-only` prints the table.

Nodes and client share the machine; each run notes keys a second, and beside it what a plain aiohttp hello does over
the same TLS, with a client certificate too. The goals, on two idle cores with a disk that syncs in 0.1 ms: 600
single keys a second through both nodes, 15,000 in hundreds. A key alone costs three commits (two here, one there);
tasks that wait for the disk at the same time share them.
"""

import asyncio
import multiprocessing
import ssl
import time

import pytest
from oracles.key_network import free_ports
from oracles.key_processes import Pair

from quantumlink.keys.service.client import AsyncKeyClient

ATONCE = [1, 8]


def hello(folder, port, ready):
    """A server that says hello over mutual TLS, in a process of its own."""
    from pathlib import Path

    from aiohttp import web

    from quantumlink.keys.service.tls import Credentials, server_context

    folder = Path(folder)
    context = server_context(Credentials(folder / "kme-a.crt", folder / "kme-a.key", folder / "ca.crt"))

    async def answer(request):
        await request.read()
        return web.json_response({"hello": "world"})

    async def serve():
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(serve())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    found = Pair(tmp_path_factory.mktemp("measured"), blocks=8)
    for name in "ba":
        found.start(name)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def plain(pair):
    context = multiprocessing.get_context("forkserver")
    (port,), ready = free_ports(1), context.Event()
    process = context.Process(target=hello, args=(str(pair.folder), port, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    yield port
    process.kill()
    process.join(30)


class Client:
    """A client in a loop of its own, kept connected."""

    def __init__(self, pair, port):
        files = {"certificate": pair.folder / "alice.crt", "key": pair.folder / "alice.key"}
        self.loop = asyncio.new_event_loop()
        self.client = AsyncKeyClient(f"https://localhost:{port}", ca=pair.folder / "ca.crt", timeout_s=60, **files)
        self.lasted = []

    def ask(self, act, count, at_once):
        """So many calls, some at once."""

        async def some():
            for _ in range(count // at_once):
                began = time.perf_counter()
                await act(self.client)
                self.lasted.append(time.perf_counter() - began)

        async def all_of_them():
            await asyncio.gather(*(some() for _ in range(at_once)))

        self.loop.run_until_complete(all_of_them())

    def close(self):
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


def measured(benchmark, client, act, *, count, at_once, keys):
    client.ask(act, at_once, at_once)  # connects
    client.lasted.clear()
    benchmark.pedantic(client.ask, args=(act, count, at_once), rounds=3, iterations=1)
    lasted = sorted(client.lasted)
    if benchmark.stats is not None:
        benchmark.extra_info["a second"] = round(count * keys / benchmark.stats["min"])
        benchmark.extra_info["p50 ms"] = round(1e3 * lasted[len(lasted) // 2], 2)
        benchmark.extra_info["p99 ms"] = round(1e3 * lasted[int(0.99 * len(lasted))], 2)
    client.close()


@pytest.mark.benchmark(group="key delivery: single requests")
@pytest.mark.parametrize("at_once", ATONCE)
def test_single_keys(benchmark, pair, at_once):
    client = Client(pair, pair.ports["a"])
    measured(benchmark, client, lambda client: client.new_keys("bob"), count=64, at_once=at_once, keys=1)


@pytest.mark.benchmark(group="key delivery: single requests")
@pytest.mark.parametrize("at_once", ATONCE)
def test_hello_over_the_same_tls(benchmark, pair, plain, at_once):
    client = Client(pair, plain)
    measured(benchmark, client, lambda client: client.status("bob"), count=64, at_once=at_once, keys=1)


@pytest.mark.benchmark(group="key delivery: in hundreds")
def test_keys_in_hundreds(benchmark, pair):
    client = Client(pair, pair.ports["a"])
    measured(benchmark, client, lambda client: client.new_keys("bob", 200), count=8, at_once=4, keys=200)


@pytest.mark.benchmark(group="key delivery: connections")
def test_fresh_connections(benchmark, pair):
    async def fresh(client):
        reader, writer = await asyncio.open_connection("localhost", pair.ports["a"], ssl=client._context)
        writer.write(b"GET /api/v1/keys/bob/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200" in (await reader.read(100))
        writer.close()

    client = Client(pair, pair.ports["a"])
    assert isinstance(client.client._context, ssl.SSLContext)
    measured(benchmark, client, fresh, count=40, at_once=4, keys=1)
