"""What the commands say when something is wrong: one line, as it is."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def print_error(error: BaseException | str) -> None:
    """Print an error on standard error, its brackets and all."""
    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
