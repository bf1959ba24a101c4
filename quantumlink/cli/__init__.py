"""The command line: ``quantumlink run``, ``circuits``, ``network``, ``plan``, ``qkd``, ``jobs``."""

from quantumlink.cli.commands import app

__all__ = ["app"]
