"""Saving a network: whole or not at all, and what a person wrote in the file stays."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from pathlib import Path
from secrets import token_hex

from quantumlink.network.comments import revised
from quantumlink.network.graph import Graph
from quantumlink.network.reader import text_of
from quantumlink.network.writer import to_toml


def save(network: Graph, path: Path, like: Path | None = None) -> None:
    """Write a file whole or not at all: whoever reads it, also after a crash, has the old one or the new one."""
    text = to_toml(network)
    path = path.resolve()  # a link to a file stays one
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_text(text, encoding="utf-8")
        return
    there = _written(path)
    likenesses = [there, network.written] if like is None else [like.read_bytes()]
    for before in likenesses:
        found = _with_what_was_written(before, network, path.stem)
        if found is not None:
            text = found
            break
    else:
        before = there
    # Line ends and a byte order mark are somebody's editor's: they stay. A file without line ends has the system's.
    newline = "\r\n" if b"\r\n" in before else "\n" if b"\n" in before else None
    encoding = "utf-8-sig" if before.startswith(BOM_UTF8) else "utf-8"
    beside = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with beside.open("x", encoding=encoding, newline=newline) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    except OSError as error:  # of the file that was asked for, not of the one beside it
        error.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def _written(path: Path) -> bytes:
    """What is there; nothing if there is nothing, or it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _with_what_was_written(before: bytes, network: Graph, stem: str) -> str | None:
    try:
        text = text_of(before)
    except ValueError:  # it is no text
        return None
    return revised(text, network, stem) if text else None
