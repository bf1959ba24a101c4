"""Workers: what happens in another process, and how functions and points get there.

A task is some points of the grid. A worker hands in what it has after a second at the latest (but never less than
one point), so that little is lost with a worker, whatever the size of its task.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from time import monotonic
from typing import Any

from quantumlink.sweeps.grid import Point, describe
from quantumlink.sweeps.values import Values, values_of

HAND_IN_S = 1.0
"""After this time a worker hands in what it has."""


class PointError(RuntimeError):
    """The function raised at a point; the original error is the cause."""

    def __init__(self, text: str, point: Point) -> None:
        super().__init__(text)
        self.point = point
        """The arguments with which the function was called."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.point)


class WorkerDied(RuntimeError):
    """Worker processes died; what was finished before is in the cache, if there is one."""


@dataclass(frozen=True)
class Failure:
    """How a point failed."""

    index: int
    """Which of the task's points."""
    summary: str
    """The error in one line."""
    trace: str
    """The worker's traceback."""
    error: BaseException | None
    """The error itself, if it can travel."""


@dataclass(frozen=True)
class Report:
    """What a worker hands in: the values of the task's first points, and what stopped it, if anything."""

    values: list[Values]
    failure: Failure | None = None


class Parcel:
    """A value on its way: itself within a process, and packed once for all others.

    It is opened within the task, not on the way there, so that what cannot be loaded is an error of the task and
    does not kill the worker.
    """

    def __init__(self, value: Any, what: str) -> None:
        self._value, self._what, self._packed = value, what, b""

    def pack(self) -> bytes:
        """The value as bytes.

        Raises:
            TypeError: if it cannot be pickled.
        """
        if not self._packed:
            try:
                self._packed = _pickler().dumps(self._value)
            except Exception as error:
                raise TypeError(
                    f"{self._what} cannot be sent to other processes ({type(error).__name__}: {error}). {_ADVICE}"
                ) from error
        return self._packed

    def open(self) -> Any:
        """The value."""
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        return _Packed, (self.pack(), self._what)

    def __dask_tokenize__(self) -> bytes:
        return self.pack()


_ADVICE = (
    "Define the function at the top level of a module that the workers can import (a file beside the notebook), "
    "and give it numbers, nodes or links; or install cloudpickle, which also sends functions of a notebook and "
    "lambdas; or stay in this process with executor=concurrent.futures.ThreadPoolExecutor(1)."
)


@dataclass(frozen=True)
class _Packed:
    content: bytes
    what: str

    def open(self) -> Any:
        return _opened(self.content, self.what)

    def __dask_tokenize__(self) -> bytes:
        return self.content


@lru_cache(maxsize=4)
def _opened(content: bytes, what: str) -> Any:
    try:
        return pickle.loads(content)
    except Exception as error:
        raise TypeError(f"a worker cannot load {what} ({type(error).__name__}: {error}). {_ADVICE}") from None


def _pickler() -> Any:
    try:
        return import_module("cloudpickle")
    except ImportError:
        return pickle


def work(ticket: str, function: Parcel | _Packed, points: Parcel | _Packed) -> Report:
    """Call the function at one point after another, until all are done, the time is up or one fails.

    Args:
        ticket: differs for every task, for executors that would run equal tasks once.
        function: the function.
        points: the arguments of each call.
    """
    del ticket
    call: Callable[..., Any] = function.open()
    todo: Sequence[Point] = points.open()
    started = monotonic()
    values: list[Values] = []
    for index, point in enumerate(todo):
        if values and monotonic() - started > HAND_IN_S:
            break
        try:
            values.append(values_of(call(**point)))
        except (Exception, SystemExit) as error:
            summary = f"{type(error).__name__}: {error}"
            return Report(values, Failure(index, summary, traceback.format_exc(), _portable(error)))
    return Report(values)


def point_error(function: Any, point: Point, failure: Failure) -> PointError:
    """The error to raise for a point that failed."""
    error = PointError(f"{describe(function, point)} raised {failure.summary}", point)
    error.__cause__ = failure.error
    error.add_note(f"In the worker:\n{failure.trace.rstrip()}")
    return error


def _portable(error: BaseException) -> BaseException | None:
    # Some errors can be pickled and not loaded again, which would break the pool in the process that waits.
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return None
    return error
