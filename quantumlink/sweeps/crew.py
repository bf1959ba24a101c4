"""The crew: tasks handed to an executor, and what happens when its workers die.

A pool of our own is replaced when it breaks. Nobody then says which task was to blame, so all that were under way
are halved and tried again; those that were there three times wait until all else is done and then run alone. A
task of one point that breaks a pool alone is to blame, and is named when the others are done. A pool that was
given is not ours to replace.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from quantumlink import interrupts
from quantumlink.sweeps.grid import Point, describe
from quantumlink.sweeps.values import Values
from quantumlink.sweeps.workers import Parcel, Report, WorkerDied, point_error, work

TRIES = 3
"""Broken pools that a task may have been in before it is run alone."""

MAX_DEADLY = 3
"""Points that may kill their worker before the sweep gives up on all the others."""

STILLBORN = 3
"""Pools that may break before anything at all is finished."""

MAX_CHUNK = 256
"""The most points a task has unless said otherwise."""

QUEUED = 256
"""Tasks handed at once to an executor of unknown size."""

FEW, QUICK_S = 8, 0.3
"""So many points at most are begun without a pool, and go on so while each takes no longer than that."""

ALIVE_S = 5.0
"""After this time without news, see whether a Dask client is still there: its futures may never end if not."""

Done = Callable[[Sequence[tuple[int, Values]]], None]
"""Takes the points (by index) that a task has finished."""


@dataclass(frozen=True)
class Task:
    """Some points, and how many broken pools they have been in."""

    points: tuple[int, ...]
    deaths: int = 0

    def halves(self) -> list[Task]:
        """The two halves, or itself if it is one point."""
        middle = (len(self.points) + 1) // 2
        parts = (self.points[:middle], self.points[middle:])
        return [replace(self, points=part) for part in parts if part]


class Crew:
    """Runs a function at points.

    Args:
        function: the function.
        points: the arguments of every call; tasks name them by index.
        executor: where to run; None for a pool of processes, one a core.
        on_done: called in this process with every batch of finished points.
    """

    def __init__(
        self, function: Callable[..., Any], points: Sequence[Point], executor: Executor | None, on_done: Done
    ) -> None:
        self._function, self._points, self._on_done = function, points, on_done
        self._parcel = Parcel(function, f"the function {getattr(function, '__qualname__', function)!s}")
        self._given = executor
        self._size = _size(executor)
        self._executor: Executor | None = executor
        self._queue: deque[Task] = deque()
        self._alone: deque[Task] = deque()
        self._under_way: dict[Future[Report], Task] = {}
        self._breaks = 0
        self._deadly: list[str] = []
        self._finished = False

    def run(self, todo: Sequence[int], chunk: int | None) -> None:
        """Run the points of these indices; each is handed to ``on_done`` once.

        Raises:
            PointError: if the function raises.
            WorkerDied: if workers die and trying again did not help.
            TypeError: if the function or its arguments cannot be sent.
        """
        todo = self._here(todo)
        if not todo:
            return
        size = chunk or min(MAX_CHUNK, max(1, len(todo) // (4 * (self._size or os.cpu_count() or 1))))
        self._queue.extend(Task(tuple(todo[i : i + size])) for i in range(0, len(todo), size))
        if self._given is None or isinstance(self._given, ProcessPoolExecutor) or _is_dask(self._given):
            self._parcel.pack()
        ended = False
        try:
            while self._queue or self._alone or self._under_way:
                self._fill()
                finished, _ = wait(self._under_way, timeout=ALIVE_S, return_when=FIRST_COMPLETED)
                if not finished and _is_closed(self._given):
                    raise WorkerDied(f"the executor's client was closed. {self._kept()}")
                self._collect(finished)
            if self._deadly:
                raise WorkerDied(self._verdict())
            ended = True
        finally:
            if not ended:
                self._save_what_is_there()
            self._leave(kill=not ended)

    def _here(self, todo: Sequence[int]) -> Sequence[int]:
        """What is left for a pool of our own, which takes seconds to start: nothing of a few quick points."""
        if self._given is not None or len(todo) > FEW:
            return todo
        for done, i in enumerate(todo, start=1):
            started = monotonic()
            points: Any = Parcel([self._points[i]], "")
            self._take(Task((i,)), work("", self._parcel, points))
            if monotonic() - started > QUICK_S:
                return todo[done:]
        return ()

    def _fill(self) -> None:
        limit = 2 * self._size if self._size else QUEUED
        try:
            while self._queue and len(self._under_way) < limit:
                self._submit(self._queue[0])
                self._queue.popleft()
            if self._alone and not self._under_way:
                self._submit(self._alone[0])
                self._alone.popleft()
        except BrokenExecutor as error:
            self._broken(error)

    def _submit(self, task: Task) -> None:
        if self._executor is None:
            self._executor = _own_pool(self._size)
        points = [self._points[i] for i in task.points]
        parcel = Parcel(points, f"an argument of {describe(self._function, points[0])}")
        with interrupts.not_for_children():
            self._under_way[self._executor.submit(work, secrets.token_hex(8), self._parcel, parcel)] = task

    def _collect(self, finished: set[Future[Report]]) -> None:
        for future in finished:
            task = self._under_way[future]
            if future.cancelled():
                raise WorkerDied(f"the executor was shut down, or has cancelled the work. {self._kept()}")
            error = future.exception()
            if error is None:
                self._take(task, future.result())
                del self._under_way[future]
            elif isinstance(error, BrokenExecutor):
                self._broken(error)
                return
            elif type(error).__name__ == "KilledWorker":  # Dask has tried other workers before it says so
                raise WorkerDied(
                    f"Dask gave up after several workers died: {error}. {self._suspects(task)}"
                ) from error
            else:
                raise error

    def _take(self, task: Task, report: Report) -> None:
        done = len(report.values)
        if done:
            self._finished = True
            self._on_done(list(zip(task.points, report.values, strict=False)))
        if report.failure is not None:
            raise point_error(self._function, self._points[task.points[report.failure.index]], report.failure)
        if task.points[done:]:
            rest = replace(task, points=task.points[done:])
            (self._alone if task.deaths >= TRIES else self._queue).appendleft(rest)

    def _broken(self, error: BrokenExecutor) -> None:
        if self._given is not None:
            raise WorkerDied(
                f"the executor broke ({error}), and it is not the sweep's to replace. {self._kept()}"
            ) from error
        self._breaks += 1
        alone = len(self._under_way) == 1
        # The pool has ended all futures by now, or is about to.
        for future in wait(self._under_way).done:
            task = self._under_way.pop(future)
            if future.exception() is None:
                self._take(task, future.result())
            elif alone and task.deaths >= TRIES:
                self._blame(task, error)
            else:
                self._try_again(task)
        self._leave(kill=True)
        if self._breaks >= STILLBORN and not self._finished:
            raise WorkerDied(
                f"{self._breaks} pools of processes broke before anything was finished ({error}). In a script, "
                "call sweep under `if __name__ == '__main__':`, as every worker imports the script; else the "
                "function, or the machine (memory?), ends its processes"
            ) from error

    def _try_again(self, task: Task) -> None:
        for part in replace(task, deaths=task.deaths + 1).halves():
            (self._alone if part.deaths >= TRIES else self._queue).append(part)

    def _blame(self, task: Task, error: BaseException) -> None:
        if len(task.points) > 1:
            self._alone.extendleft(reversed(task.halves()))
            return
        # Not raised yet: the other points are to be finished first.
        self._deadly.append(describe(self._function, self._points[task.points[0]]))
        if len(self._deadly) == MAX_DEADLY:
            raise WorkerDied(self._verdict()) from error

    def _save_what_is_there(self) -> None:
        for future, task in self._under_way.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                report = future.result()
                self._on_done(list(zip(task.points, report.values, strict=False)))

    def _leave(self, *, kill: bool) -> None:
        if self._given is not None:
            for future in self._under_way:
                future.cancel()
        # A pool of our own cancels them itself: to those cancelled behind its back it fails to tell that it broke.
        self._under_way.clear()
        if self._given is None and self._executor is not None:
            # Taken before the shutdown, which forgets them; Python 3.14 has kill_workers for this.
            processes = list((getattr(self._executor, "_processes", None) or {}).values())
            self._executor.shutdown(wait=not kill, cancel_futures=True)
            if kill:
                for process in processes:
                    process.terminate()
            self._executor = None

    def _verdict(self) -> str:
        return f"{' and '.join(self._deadly)} ended the worker process, also when run alone. {self._kept()}"

    def _suspects(self, task: Task) -> str:
        calls = [describe(self._function, self._points[i]) for i in task.points[:3]]
        more = f" and {len(task.points) - 3} more" if len(task.points) > 3 else ""
        return f"The points under way were {', '.join(calls)}{more}. {self._kept()}"

    @staticmethod
    def _kept() -> str:
        return "What was finished is in the cache, if there is one: the same sweep, run again, goes on from there"


def _own_pool(size: int | None) -> ProcessPoolExecutor:
    from multiprocessing import get_context

    # Forked children of a process whose numerical libraries have started threads may hang: always spawn.
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"), initializer=_ignore_interrupts)


def _ignore_interrupts() -> None:
    # Ctrl-C goes to the whole terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _size(executor: Executor | None) -> int | None:
    if executor is None:
        return _cores()
    size = getattr(executor, "_max_workers", None)
    return (
        size if isinstance(size, int) and isinstance(executor, ProcessPoolExecutor | ThreadPoolExecutor) else None
    )


def _cores() -> int:
    # The cores this process may use, which in a container are fewer than the machine's.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_dask(executor: Executor) -> bool:
    return type(executor).__module__.partition(".")[0] == "distributed"


def _is_closed(executor: Executor | None) -> bool:
    return getattr(getattr(executor, "_client", None), "status", None) == "closed"
