"""A demonstration in a thread of its own, for programs and tests that use its keys as applications do.

with running_demonstration("net.toml") as demo, demo.client("anna") as anna, demo.client("ben") as ben:
    (key,) = anna.new_keys("ben")
    demo.attack("anna", "north")
    demo.wait_for("rerouted")
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from quantumlink.keys.ledger import Ledger
from quantumlink.keys.service.client import KeyClient
from quantumlink.keys.service.demonstration import Demonstration
from quantumlink.network import Network

Result = TypeVar("Result")


class BackgroundDemonstration:
    """A running demonstration, used from another thread.

    Args:
        demonstration: not yet started.
        loop: the loop that it runs in.
    """

    def __init__(self, demonstration: Demonstration, loop: asyncio.AbstractEventLoop) -> None:
        self.demonstration = demonstration
        self._loop = loop
        self._heard = 0

    def client(self, sae: str) -> KeyClient:
        """The client of an application: its certificate, at its node."""
        demo = self.demonstration
        node = next((node for node in demo.nodes if sae in (node, f"{node}-2")), None)
        if node is None:
            raise ValueError(f"sae must be an application of {', '.join(demo.nodes)}, got {sae!r}")
        pki = demo.directory / "pki"
        return KeyClient(
            f"https://localhost:{demo.ports[node]}", certificate=pki / f"{sae}.crt", key=pki / f"{sae}.key",
            ca=pki / "ca.crt",
        )  # fmt: skip

    def attack(self, first: str, second: str, fraction: float = 1.0) -> None:
        """Somebody begins to intercept pairs between two neighbors (or ends it, at 0)."""
        number = self.demonstration.hop(first, second)
        self._heard = len(self.demonstration.events)
        self.do(self.demonstration.attack, number, fraction)

    def wait_for(self, kind: str, timeout_s: float = 60.0) -> str:
        """The text of the next event of a kind since the last attack.

        Raises:
            TimeoutError: if there is none.
        """
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found: list[dict[str, Any]] = self.do(lambda: list(self.demonstration.events)[self._heard :])
            for event in found:
                if event["kind"] == kind:
                    return str(event["text"])
            time.sleep(0.05)
        raise TimeoutError(f"no event of the kind {kind!r} within {timeout_s} s")

    def audited(self) -> Ledger:
        """The books of all stores together, after every row was counted and every record opened.

        Raises:
            LedgerError: if something is unaccounted for.
        """

        def audit() -> Ledger:
            total = Ledger()
            for service in self.demonstration.services.values():
                service.store.audit()
                total += service.store.ledger()
            return total

        found = self.do(audit)
        found.check()
        return found

    def do(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Do something in the thread of the demonstration."""

        async def there() -> Result:
            return act(*arguments)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(60)


@contextmanager
def running_demonstration(
    network: Network | str | Path, directory: str | Path | None = None, *, pause_s: float = 0.2
) -> Iterator[BackgroundDemonstration]:
    """Run a demonstration on free ports, until the block is left.

    Args:
        network: the network, or its file.
        directory: where certificates and stores are; a temporary one if None.
        pause_s: rest between two blocks of key.
    """
    found = network if isinstance(network, Network) else Network.load(network)
    with tempfile.TemporaryDirectory(prefix="quantumlink-") as temporary:
        demo = Demonstration(found, directory or temporary, port=0, page_port=0, pause_s=pause_s)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        async def begin() -> None:
            await demo.start()
            demo.announce()
            demo.begin()

        try:
            try:
                asyncio.run_coroutine_threadsafe(begin(), loop).result(120)
                yield BackgroundDemonstration(demo, loop)
            finally:
                asyncio.run_coroutine_threadsafe(demo.stop(), loop).result(60)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()
