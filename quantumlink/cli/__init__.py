"""The command line: ``quantumlink run``, ``circuits``, ``network``, ``plan``, ``qkd``, ``jobs``."""

from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    # Not at once: `start` answers Ctrl-C from before this takes its time.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quantumlink.cli.commands import app

    return app
