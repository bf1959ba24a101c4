"""What several tasks ask of a store at the same time, in one commit: the disk is waited for once.

Nobody is told anything before that. A task whose statement fails takes back its own part only. If the commit fails,
all of them fail, and nothing of any happened. Whoever is alone has a transaction of his own, as ever.

Where a commit takes as long as a few statements, the event loop itself does the work: a thread of its own would
fight with the loop for the interpreter's lock at every statement, which takes longer. A database that is waited
for, and whatever takes long, has a thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from quantumlink.keys.store.sql import SqlStore

Result = TypeVar("Result")
_Asked = tuple[Callable[..., Any], tuple[Any, ...], asyncio.Future[Any]]
_Outcome = tuple[Any, BaseException | None]

MOST: Final = 64
"""How many share a commit at most."""

_LONG: Final = frozenset(
    {"audit", "burn", "expire", "given_up", "ingest", "pending", "quarantine", "release", "trail"}
)
"""Methods of a store that may go through all of it."""


class GroupedStore:
    """The store of an event loop: what tasks ask of it is done in the order in which they ask.

    Args:
        store: the store.
    """

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._asked: deque[_Asked] = deque()
        self._is_at_work = False

    async def run(self, act: Callable[..., Result], *arguments: Any) -> Result:
        """Do something with the store; methods of the store may share a commit, all else is done by itself."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._asked.append((act, arguments, future))
        if not self._is_at_work:
            self._is_at_work = True
            loop.call_soon(self._work, loop)  # once all tasks that are ready have asked
        return await future

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._asked:
            self._is_at_work = False
            return
        batch = self._next()
        if self._store.database.blocks or not self._is_short(batch[0]):
            try:
                thread = loop.run_in_executor(None, self._together, batch)
            except RuntimeError:  # no thread can be had: the service ends
                self._drop(batch)
                return
            thread.add_done_callback(partial(self._done_there, loop, batch))
        else:
            _tell(batch, self._together(batch))
            loop.call_soon(self._work, loop)

    def _done_there(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Asked], thread: asyncio.Future[list[_Outcome]]
    ) -> None:
        if thread.cancelled() or thread.exception() is not None:
            self._drop(batch)
            return
        _tell(batch, thread.result())
        self._work(loop)

    def _next(self) -> list[_Asked]:
        """Those that share the next commit: the first one, and those after it as long as they may."""
        batch = [self._asked.popleft()]
        if self._is_short(batch[0]):
            while self._asked and len(batch) < MOST and self._is_short(self._asked[0]):
                batch.append(self._asked.popleft())
        return batch

    def _is_short(self, asked: _Asked) -> bool:
        act = asked[0]
        return getattr(act, "__self__", None) is self._store and getattr(act, "__name__", "") not in _LONG

    def _together(self, batch: list[_Asked]) -> list[_Outcome]:
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

    def _drop(self, batch: list[_Asked]) -> None:
        for _, _, future in (*batch, *self._asked):
            future.cancel()
        self._asked.clear()
        self._is_at_work = False


def _tell(batch: list[_Asked], outcomes: list[_Outcome]) -> None:
    for (_, _, future), (value, error) in zip(batch, outcomes, strict=True):
        if future.done():  # its task was cancelled: what it did stays done
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _done(act: Callable[..., Any], arguments: tuple[Any, ...], _: object) -> _Outcome:
    try:
        return act(*arguments), None
    except Exception as error:
        return None, error
