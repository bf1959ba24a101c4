"""The command line: ``quantumlink run``, ``quantumlink circuits``."""

from quantumlink.cli.app import app

__all__ = ["app"]
