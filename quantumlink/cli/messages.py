"""What the commands say when something is wrong: one line, as it is, and an object where JSON was asked for.

Under ``--json`` on standard output there is JSON on it whatever happens: what was found, or ``error`` and
``exit_code``. A file that was named for it is then left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise

import typer
from rich.console import Console
from rich.text import Text

_as_json: list[bool] = []
"""Whether the command that runs is to give JSON on standard output."""


def print_error(error: BaseException | str, exit_code: int = 1) -> None:
    """Print an error on standard error, its brackets and all.

    Args:
        error: what is wrong.
        exit_code: with which the command will end.
    """
    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
    tell_as_json(str(error), exit_code)


def tell_as_json(error: str, exit_code: int) -> None:
    """Tell on standard output what is wrong if JSON is wanted there; otherwise nothing."""
    if _as_json and _as_json[-1]:
        _as_json[-1] = False  # once
        with suppress(OSError):  # where nothing can be written, as was told on standard error
            typer.echo(json.dumps({"error": error, "exit_code": exit_code}, indent=2, ensure_ascii=False))


@contextmanager
def answering(arguments: Sequence[str]) -> Iterator[None]:
    """While this lasts, errors are told as JSON as well if the command line asks for JSON on standard output.

    Which of its words are files, a command knows: see `json_is_wanted`.
    """
    _as_json.append(any(x == "--json" and after[:1] in ("", "-") for x, after in pairwise((*arguments, ""))))
    try:
        yield
    finally:
        _as_json.pop()


def json_is_wanted(wanted: bool) -> None:
    """Say whether the command that runs is to give JSON on standard output."""
    if _as_json:
        _as_json[-1] = wanted
