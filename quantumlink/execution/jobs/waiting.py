"""What a waiting user sees: one line that says how the parts of a job stand, and is gone in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import monotonic

from quantumlink.progress import DELAY_S


@contextmanager
def shown(title: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows how things stand, on a terminal or in a notebook, if it takes long."""
    from rich.console import Console

    console = Console(stderr=True)
    started = monotonic()
    if console.is_jupyter:
        ipython = import_module("IPython.display")
        handle = ipython.display(ipython.HTML(""), display_id=True)

        def in_notebook(text: str) -> None:
            if monotonic() - started > DELAY_S:
                handle.update(ipython.HTML(f"{title}: {text}"))

        yield in_notebook
        handle.update(ipython.HTML(""))
    elif console.is_terminal:
        with console.status(title) as status:
            yield lambda text: status.update(f"{title}: {text}, {monotonic() - started:.0f} s")
    else:
        yield _nowhere


def _nowhere(_: str) -> None:
    pass
