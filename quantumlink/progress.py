"""Progress of long work: shown after a second, on a terminal or in a notebook, and gone when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import inf
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

DELAY_S = 1.0
"""Work that is done sooner shows nothing."""


_last: list[tuple[str, int, int]] = []
_listeners: list[Callable[[str, float], object]] = []
_running: list[str] = []


def last_step() -> str:
    """What was tracked last, in words: for whoever was interrupted. Empty if nothing was."""
    return "".join(f"{description}, {done} of {total}" for description, done, total in _last)


@contextmanager
def foretold(tell: Callable[[str, float], object]) -> Iterator[None]:
    """While this lasts, be told what work is going to take in all: what it is and how many seconds.

    That is told after `DELAY_S` of it, and again after every further step; of work within other work nothing is.
    """
    _listeners.append(tell)
    try:
        yield
    finally:
        _listeners.remove(tell)


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items; if that takes long and somebody is watching, show how far it has come."""
    with steps(len(items), description) as step:
        for item in items:
            yield item
            step()


@contextmanager
def steps(total: int, description: str) -> Iterator[Callable[[], None]]:
    """Gives a function to be called after each step of work, which shows how far it has come as `track` does.

    There may be fewer steps than that many, or more.
    """
    started, outermost = monotonic(), not _running
    show: Callable[[int | None], None] | None = None
    done, first_s = 0, 0.0

    def step() -> None:
        nonlocal done, first_s, show
        done += 1
        _last[:] = [(description, min(done, total), total)]
        spent_s = monotonic() - started
        if done == 1:
            first_s = spent_s  # in which much is loaded that the next ones need no more
        if spent_s <= DELAY_S or done >= total:
            return
        if outermost and done > 1:
            for listener in _listeners:
                listener(description, first_s + (spent_s - first_s) / (done - 1) * (total - 1))
        if show is None:
            show = _display(description, total)
        show(done)

    _last[:] = [(description, 0, total)]
    _running.append(description)
    try:
        yield step
    finally:
        _running.remove(description)
        if show is not None:
            show(None)


@contextmanager
def doing(description: str) -> Iterator[None]:
    """Say at once what takes long and cannot tell how far it has come, if somebody is watching; gone when done.

    Who wants to be `foretold` is, of infinitely many seconds.
    """
    from rich.console import Console

    for listener in _listeners:
        listener(description, inf)
    console = Console(stderr=True)
    if console.is_terminal and not console.is_jupyter:
        with console.status(description):
            yield
        return
    if not console.is_jupyter:
        yield
        return
    ipython = import_module("IPython.display")
    handle = ipython.display(ipython.HTML(description), display_id=True)
    try:
        yield
    finally:
        handle.update(ipython.HTML(""))


def say(text: str) -> None:
    """Say something in a line of its own, if somebody is watching on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_jupyter:
        console.print(text, highlight=False)


def in_words(seconds: float) -> str:
    """A duration to the precision that anybody needs.

    >>> in_words(42.3), in_words(600), in_words(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _display(description: str, total: int) -> Callable[[int | None], None]:
    """A function to be called with the number of items done, and at the end with None."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:
        return _in_notebook(description, total)
    if console.is_terminal:
        return _on_terminal(console, description, total)
    return _nowhere


def _nowhere(done: int | None) -> None:
    del done


def _on_terminal(console: object, description: str, total: int) -> Callable[[int | None], None]:
    from rich.progress import Progress

    bar = Progress(console=console, transient=True)  # type: ignore[arg-type]
    task = bar.add_task(description, total=total)
    bar.start()

    def show(done: int | None) -> None:
        if done is None:
            bar.stop()
        else:
            bar.update(task, completed=done)

    return show


def _in_notebook(description: str, total: int) -> Callable[[int | None], None]:
    # One line that is replaced: rich's own bar would stay in the saved notebook.
    ipython = import_module("IPython.display")
    handle = ipython.display(ipython.HTML(""), display_id=True)

    first: list[tuple[int, float]] = []

    def show(done: int | None) -> None:
        if done is None:
            handle.update(ipython.HTML(""))
            return
        first[:] = first or [(done, monotonic())]
        before, begun = first[0]
        left = (monotonic() - begun) * (total - done) / (done - before) if done > before else None
        more = "" if left is None else f", {in_words(left)} left"
        handle.update(ipython.HTML(f"{description}: {done} of {total}{more}"))

    return show
