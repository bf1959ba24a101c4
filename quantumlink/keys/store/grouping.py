"""What several tasks ask of a store at the same time, in one commit: the disk is waited for once.

Nobody is told anything before that. A task whose statement fails takes back its own part only. If the commit fails,
all of them fail, and nothing of any happened. Whoever is alone has a transaction of his own, as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from quantumlink.keys.store.sql import SqlStore

Result = TypeVar("Result")
_Asked = tuple[Callable[..., Any], tuple[Any, ...], asyncio.Future[Any]]

MOST: Final = 64
"""How many share a commit at most."""


class GroupedStore:
    """The store of an event loop: methods run in a thread, those that wait for each other together.

    Args:
        store: the store.
    """

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._asked: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None

    async def run(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Do something with the store; methods of the store may share a commit, all else is done by itself."""
        if self._store.database.blocks or getattr(act, "__self__", None) is not self._store:
            return await asyncio.to_thread(act, *arguments)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked.append((act, arguments, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._asked:
                batch, self._asked = self._asked[:MOST], self._asked[MOST:]
                try:
                    outcomes = await asyncio.to_thread(self._together, batch)
                except BaseException:  # no thread can be had: the service ends
                    for _, _, future in batch:
                        future.cancel()
                    raise
                for (_, _, future), (value, error) in zip(batch, outcomes, strict=True):
                    if future.done():  # its task was cancelled: what it did stays done
                        continue
                    if error is None:
                        future.set_result(value)
                    else:
                        future.set_exception(error)
        finally:
            self._worker = None

    def _together(self, batch: list[_Asked]) -> list[tuple[Any, BaseException | None]]:
        if len(batch) == 1:
            return [_done(*batch[0])]
        outcomes = []
        try:
            with self._store.together():
                for asked in batch:
                    outcomes.append(_done(*asked))
                    self._store.check_together()
        except Exception as error:
            return [(None, error)] * len(batch)
        return outcomes


def _done(act: Callable[..., Any], arguments: tuple[Any, ...], _: object) -> tuple[Any, BaseException | None]:
    try:
        return act(*arguments), None
    except Exception as error:
        return None, error
