"""The command line: ``quantumlink run``, ``circuits``, ``network``, ``plan``, ``qkd``, ``jobs``."""

from quantumlink.cli.app import app

__all__ = ["app"]
