"""Saving a network: whole or not at all, and what a person wrote in the file stays."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

from quantumlink.network.comments import revised
from quantumlink.network.graph import Graph
from quantumlink.network.writer import to_toml


def save(network: Graph, path: Path) -> None:
    """Write a file whole or not at all: whoever reads it, also after a crash, has the old one or the new one."""
    text = to_toml(network)
    path = path.resolve()  # a link to a file stays one
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_text(text, encoding="utf-8")
        return
    if path.exists():
        text = _with_what_was_written(path, network) or text
    beside = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _with_what_was_written(path: Path, network: Graph) -> str | None:
    try:
        before = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):  # it cannot be read, or is no text
        return None
    return revised(before, network)
