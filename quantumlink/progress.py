"""Progress of long work: a bar on standard error, shown after a second, silent unless a person is watching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

DELAY_S = 1.0
"""Work that is done sooner shows nothing."""


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items; if that takes long, show how far it has come, in a terminal or a notebook."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    watched = console.is_terminal or console.is_jupyter
    bar, started = None, monotonic()
    try:
        for i, item in enumerate(items):
            if bar is None and watched and monotonic() - started > DELAY_S:
                bar = Progress(console=console, transient=True)
                task = bar.add_task(description, total=len(items), completed=i)
                bar.start()
            yield item
            if bar is not None:
                bar.advance(task)
    finally:
        if bar is not None:
            bar.stop()
