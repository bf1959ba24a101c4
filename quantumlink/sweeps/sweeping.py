"""The sweep: a function over a grid, in parallel, repeatable, and resumed from disk."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import Any

from quantumlink import validation
from quantumlink.progress import track
from quantumlink.sweeps.cache import Cache
from quantumlink.sweeps.crew import Crew
from quantumlink.sweeps.grid import Grid, Point, check_parameters, derived_seed, describe, name_of, points_of
from quantumlink.sweeps.identity import NoIdentity, encode, sha256, task_identity, text_digest
from quantumlink.sweeps.table import Table
from quantumlink.sweeps.values import Values

KEY_DIGITS = 32
"""Hexadecimal digits of a point's key."""


def sweep(
    function: Callable[..., Any],
    grid: Grid,
    *,
    seed: int | None = None,
    executor: Executor | None = None,
    cache: str | os.PathLike[str] | None = None,
    task: str | None = None,
    chunk: int | None = None,
    progress: bool = True,
) -> Table:
    """Call a function at every point of a grid and gather its numbers in a table, one row a point, in grid order.

    The function takes the grid's names as keyword arguments. What it returns becomes the columns: a mapping of
    names to numbers; a number (the column ``value``); a link (its exact ``fidelity``, ``success_probability``,
    ``qber_z``, ``qber_x`` and ``chsh``); an `Estimate` in a mapping also gives ``<name>_low`` and ``<name>_high``.

    The result never depends on the executor, the number of workers, or the chunks. With a cache, finished points
    are on disk within about a second, and the same sweep, run again after whatever interrupted it (or with a
    larger grid), computes only what is missing. A point is its data: the ``task``'s name, the arguments, and
    quantumlink's version. The function's code is not looked at, nor that of classes: what changes its results (the
    code, a file, the version of another library) needs another name. Where the function's own text has changed
    since points were computed, a warning says so.

    Args:
        function: a function of keyword arguments. The default pool sends it to other processes: it must be
            importable there, or cloudpickle installed.
        grid: values by parameter name, for all their combinations in the order given (the last name runs
            fastest); or a sequence of mappings, the points one by one. NumPy scalars arrive as Python's.
        seed: if given, every point's call gets a ``seed`` argument in [0, 2³¹), derived from this and the point's
            content; the table has it as the column ``seed``.
        executor: any `concurrent.futures.Executor`, such as a Dask client's ``get_executor()``; left open. None
            for a pool of spawned processes, one a core; a few quick points are computed in this one.
        cache: a folder for finished points, shared freely between tasks and sweeps, also at the same time.
        task: a name for what the function computes, such as ``"chain, version 2"``: with a cache, and only then.
        chunk: the most points that one batch has; None chooses. A task hands in what it has after a second.
        progress: whether to show how far it is, if it takes longer than a second.

    Raises:
        TypeError: if the grid or the function is of the wrong kind, the function does not take the grid's names,
            or it cannot be sent to another process.
        ValueError: if a seed is missing or has no use, a cache comes without a task, or the columns of two points
            or of grid and function clash.
        PointError: if the function raises; the text has the point's arguments.
        WorkerDied: if worker processes keep dying; a pool that was given is never replaced.
        KeyboardInterrupt: on Ctrl-C; finished points are in the cache.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> def hop(werner):
    ...     return ElementaryLink(Node("a"), Node("b"), fidelity=werner)
    >>> with ThreadPoolExecutor(1) as here:  # without an executor: all cores
    ...     table = sweep(hop, {"werner": [0.9, 0.95, 1.0]}, executor=here)
    >>> table["qber_z"].round(4)
    array([0.0667, 0.0333, 0.    ])
    """
    _check_callable(function)
    if executor is not None:
        validation.instance("executor", executor, Executor, "a concurrent.futures.Executor or None")
    chunk = None if chunk is None else validation.count("chunk", chunk, at_least=1)
    seed = None if seed is None else validation.count("seed", seed)
    _check_task(function, task, cache)
    names, points = points_of(grid)
    calls = points
    if check_parameters(function, names, seed, empty=not points):
        assert seed is not None
        calls = [_with_seed(point, seed) for point in points]
    values = _compute(function, calls, executor, cache, task, chunk, progress)
    return Table.from_rows(function, names, calls, values)


def _check_callable(function: object) -> None:
    if not callable(function):
        raise TypeError(
            f"function must be a function of the grid's names that returns numbers or a link, got {function!r}"
        )


def _compute(
    function: Callable[..., Any],
    calls: Sequence[Point],
    executor: Executor | None,
    folder: str | os.PathLike[str] | None,
    task: str | None,
    chunk: int | None,
    progress: bool,
) -> list[Values]:
    """The values of every call, in order."""
    with ExitStack() as stack:
        cache, keys = None, [str(i) for i in range(len(calls))]
        known: dict[str, Values] = {}
        if folder is not None:
            assert task is not None
            identity = task_identity(task)
            keys = [sha256(identity.encode(), _content(function, call)).hex()[:KEY_DIGITS] for call in calls]
            cache = Cache(folder, name=task, identity=identity, text=text_digest(function))
            known = stack.enter_context(cache).read()
            _warn_of_edits(function, task, keys, cache.edited)
        # Equal points have equal keys: the first one is computed.
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        todo = sorted(i for key, i in first.items() if key not in known)
        if todo and cache is not None:
            cache.open()
        advance = stack.enter_context(_progress(len(todo), progress))

        def keep(batch: Sequence[tuple[int, Values]]) -> None:
            new = [(keys[i], values) for i, values in batch if keys[i] not in known]
            if cache is not None:
                cache.write(new)
            known.update(new)
            advance(len(new))

        if todo:
            try:
                Crew(function, calls, executor, keep).run(todo, chunk)
            except KeyboardInterrupt as interrupt:
                interrupt.add_note(_interrupted(sum(key in known for key in keys), len(keys), folder))
                raise
        return [known[key] for key in keys]


def _check_task(function: Callable[..., Any], task: object, cache: object) -> None:
    if task is None and cache is not None:
        raise ValueError(
            f"a cache knows points by the task's name and their arguments: give task=, a name for what "
            f"{name_of(function)} computes, such as {name_of(function) + ', version 1'!r}, and another one when "
            f"that changes"
        )
    if task is None:
        return
    if not isinstance(task, str) or not task.strip():
        raise TypeError(f"task must be a name for what is computed, or None; got {task!r}")
    if cache is None:
        raise ValueError(f"task={task!r} has no use without a cache, which knows points by it")


def _content(function: Callable[..., Any], call: Point) -> bytes:
    try:
        return encode(sorted(call.items()))
    except NoIdentity as error:
        raise NoIdentity(
            f"a cache cannot know {describe(function, call)} again: {error}. Give numbers, text, nodes, links or "
            "dataclasses, or sweep without a cache"
        ) from None


def _warn_of_edits(function: Callable[..., Any], task: str, keys: Sequence[str], edited: set[str]) -> None:
    count = sum(key in edited for key in keys)
    if count:
        warnings.warn(
            f"{count} of {len(keys)} points of the task {task!r} were computed when {name_of(function)} had "
            f"another text, and are taken from the cache as they are: if its results have changed since, give the "
            f"task another name",
            UserWarning,
            stacklevel=4,
        )


def _with_seed(point: Point, seed: int) -> Point:
    try:
        return {**point, "seed": derived_seed(seed, point)}
    except NoIdentity as error:
        raise NoIdentity(f"no seed can be derived for the point {point!r}: {error}") from None


@contextmanager
def _progress(total: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    bar = track(range(total if wanted else 0), "sweep")
    next(bar, None)

    def advance(count: int) -> None:
        for _ in range(count):
            next(bar, None)

    try:
        yield advance
    finally:
        bar.close()  # type: ignore[attr-defined]


def _interrupted(done: int, total: int, folder: str | os.PathLike[str] | None) -> str:
    if folder is None:
        return f"{done} of {total} points were finished, and are lost: a sweep with cache=<folder> keeps them"
    return f"{done} of {total} points are in the cache {os.fspath(folder)!r}: run the same sweep again to go on"
