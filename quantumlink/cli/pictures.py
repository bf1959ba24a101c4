"""Where a command's picture goes."""

from __future__ import annotations

from pathlib import Path

from quantumlink.cli.written_files import PICTURES, writable


def picture_path(output: Path) -> Path:
    """The file for a picture, ``.png`` if it says nothing else.

    Raises:
        OSError: if it is a folder, or lies where nothing can be written.
        ValueError: if its suffix is that of no picture.
    """
    path = output if output.suffix or output.is_dir() else output.with_suffix(".png")
    return writable("--output", path, PICTURES)
