"""Files that a command writes: refused before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

PICTURES = (".png", ".pdf", ".svg")
"""Suffixes of pictures."""


def writable(name: str, path: Path, suffixes: tuple[str, ...] = ()) -> Path:
    """Where a file goes.

    Args:
        name: the option that names it.
        path: what the option said.
        suffixes: what it may end in; anything if empty.

    Raises:
        OSError: if it is a folder, or its folder cannot be written to.
        ValueError: if it ends in something else.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{name} must name a file, {str(path)!r} is a folder")
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{name} must end in {', '.join(suffixes)}; got {str(path)!r}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{name} must lie in a folder that can be written to, got {str(path)!r}")
    return path


def new_secret_file(name: str, path: Path) -> Path:
    """Where a secret goes: a file that is not there yet.

    Raises:
        OSError: if it is there, or its folder cannot be written to.
    """
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{name} must be a new file, so that nobody else can read it; {str(path)!r} exists")
    return writable(name, path)


def write_secret(path: Path, text: str) -> None:
    """Write a new file that its owner alone can read.

    Raises:
        OSError: if the file is there by now, or cannot be written.
    """
    # O_EXCL: never into a file, or through a link, that somebody else has put there and may read.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)  # a part of a key is none
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_data(path: Path, text: str) -> None:
    """Write a file that was asked for; a new one that cannot be written whole is not left behind.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    new = not path.exists()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        if new:
            path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
