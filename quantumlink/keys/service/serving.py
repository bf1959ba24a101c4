"""Running until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.node_file import Line, NodeFile
from quantumlink.keys.store.contract import StoreError
from quantumlink.keys.supply.live_ends import LineLost, LiveEnd

if TYPE_CHECKING:
    from quantumlink.keys.service.demonstration import Demonstration
    from quantumlink.keys.service.operator_page import OperatorPage

log = logging.getLogger("quantumlink.keys")

_LOOK_EVERY_S: Final = 1.0
_SWITCH_S: Final = 0.0005
"""How long the event loop may keep the interpreter from a thread that has waited for the disk."""


async def serve_demonstration(demo: Demonstration, ready: Callable[[Path], None]) -> None:
    """Run a demonstration until SIGINT or SIGTERM.

    Args:
        demo: the demonstration.
        ready: called with the path of ``demo.json`` once everything answers.
    """
    from quantumlink.keys.service.demo_identities import HOST
    from quantumlink.keys.service.operator_page import OperatorPage

    sys.setswitchinterval(_SWITCH_S)
    stopped = _told_to_stop()
    page = OperatorPage(demo, HOST)
    try:
        await demo.start()
        await page.start()
        ready(demo.announce())
        demo.begin()
        await stopped.wait()
    finally:
        await page.stop()
        await demo.stop()


def _told_to_stop() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # on Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    return stopped


async def serve_node(node: NodeFile, *, demo: bool, ready: Callable[[KeyService], None]) -> None:
    """Run one node until SIGINT or SIGTERM.

    Args:
        node: its file.
        demo: whether keys of simulations may come in.
        ready: called once it answers.

    Raises:
        StoreError: if its store cannot be opened.
        ValueError: if it has simulated lines, and this is no demonstration.
        OSError: if a file cannot be read, or it cannot listen.
    """
    sys.setswitchinterval(_SWITCH_S)
    stopped = _told_to_stop()
    if node.lines and not demo:
        raise ValueError(f"{node.path}: lines are simulated, and their keys not secret: serve them with --demo")
    service = node.service(demo=demo)
    await service.start()
    tasks = [asyncio.create_task(_take_files(node, service))]
    tasks += [asyncio.create_task(_play(line, service)) for line in node.lines]
    page = await _page(node, service, demo=demo)
    try:
        ready(service)
        await stopped.wait()
    finally:
        if page is not None:
            await page.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.stop()


async def _page(node: NodeFile, service: KeyService, *, demo: bool) -> OperatorPage | None:
    """The operator's page of a node, if its file names a port."""
    from quantumlink.keys.service.demo_identities import HOST
    from quantumlink.keys.service.node_view import NodeView, operator_token
    from quantumlink.keys.service.operator_page import OperatorPage

    port = node.content.get("page_port")
    if port is None:
        return None
    token = operator_token(node.path.parent / str(node.content.get("operator_token", "operator.token")))
    page = OperatorPage(NodeView(service, page_port=int(port), token=token, is_demo=demo), HOST)
    await page.start()
    return page


async def _play(line: Line, service: KeyService) -> None:
    """Play one end of a link, and begin again when the other end went away."""
    end = LiveEnd(line.live, line.role, service.store, line.pool)
    try:
        if line.role == "bob":
            await end.listen(line.host, line.port)
            await asyncio.Event().wait()
        while True:
            try:
                await end.connect(line.host, line.port)
            except (LineLost, OSError, StoreError) as error:
                log.warning("no key is made over %s: %s", line.live.name, error)
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await end.close()


async def _take_files(node: NodeFile, service: KeyService) -> None:
    """Take in what the devices have written, as long as there is room."""
    while True:
        for pool, files in node.devices:
            try:
                await service.manager.run(files.hand_to, partial(service.store.ingest, pool))
            except (OSError, StoreError) as error:
                log.warning("no key of %s is taken in: %s", files.link, error)
        await asyncio.sleep(_LOOK_EVERY_S)
