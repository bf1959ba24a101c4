"""Files of time tags: a plain table, numpy's own files, and PicoQuant's (see `picoquant`).

**CSV**: text, a line ``time_ps,channel`` first, then a click a line, whole numbers, in the order of time. Lines
that begin with ``#`` are remarks; ``# simulated`` alone on a line says that no detector was there.

**NumPy**: ``.npz`` with arrays ``times_ps`` and ``channels``, and ``simulated`` if need be; or ``.npy`` with whole
numbers of shape (clicks, 2), times first.
"""

from __future__ import annotations

import warnings
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from quantumlink import validation
from quantumlink.qkd.timetags.picoquant import read_picoquant
from quantumlink.qkd.timetags.tags import TimeTags

_HEAD: Final = "time_ps,channel"
_SIMULATED: Final = "# simulated"
SUFFIXES: Final = (".csv", ".npz", ".npy", ".ptu")
"""What the names of files of time tags end in."""


def read_tags(path: str | PathLike[str]) -> TimeTags:
    """Read the clicks of one receiver; the kind of file is told by the end of its name.

    Args:
        path: a file ``.csv``, ``.npz``, ``.npy`` or ``.ptu``.

    Raises:
        ValueError: if the name ends in something else, or the content is not what it should be.
        OSError: if the file cannot be read.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"a file of time tags must end in {', '.join(SUFFIXES)}; got {str(file)!r}")
    if suffix == ".ptu":
        return read_picoquant(file)
    try:
        return _read_csv(file) if suffix == ".csv" else _read_numpy(file, suffix)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{file}: {error}") from None


def write_tags(tags: TimeTags, path: str | PathLike[str]) -> Path:
    """Write clicks as ``.csv`` or ``.npz``.

    Raises:
        ValueError: if the name ends in something else.
        OSError: if the file cannot be written.
    """
    file = Path(path)
    validation.instance("tags", tags, TimeTags, "TimeTags")
    if file.suffix.lower() == ".npz":
        np.savez(file, times_ps=tags.times_ps, channels=tags.channels, simulated=np.array(tags.simulated))
    elif file.suffix.lower() == ".csv":
        head = f"{_SIMULATED}\n{_HEAD}" if tags.simulated else _HEAD
        np.savetxt(
            file, np.column_stack([tags.times_ps, tags.channels]), fmt="%d", delimiter=",", header=head, comments=""
        )
    else:
        raise ValueError(f"time tags are written as .csv or .npz, got {str(file)!r}")
    return file


def _read_csv(file: Path) -> TimeTags:
    with file.open(encoding="utf-8-sig") as lines:  # spreadsheets put a mark in front
        simulated = False
        for line in lines:
            if line.strip() == _HEAD:
                break
            if not line.startswith("#") and line.strip():
                raise ValueError(f"the first line must be {_HEAD}, got {line.strip()[:60]!r}")
            simulated |= line.strip() == _SIMULATED
        else:
            raise ValueError(f"the first line must be {_HEAD}, the file has none")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file without clicks
            try:
                table = np.loadtxt(lines, dtype=np.int64, delimiter=",", ndmin=2)
            except ValueError as error:  # its remedies are those of another reader
                told = str(error).split(";")[0]
                raise ValueError(f"each line must hold a time and a channel, whole numbers: {told}") from None
    if not table.size:
        table = table.reshape(0, 2)
    if table.shape[1] != 2:
        raise ValueError(f"each line must hold a time and a channel, got {table.shape[1]} numbers")
    return TimeTags(table[:, 0], table[:, 1], simulated)


def _read_numpy(file: Path, suffix: str) -> TimeTags:
    with file.open("rb") as opened:
        head = opened.read(6)
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY")):
        raise ValueError(f"the content is not that of a {suffix} file")
    loaded: Any = np.load(file, allow_pickle=False)
    if suffix == ".npy":
        if not isinstance(loaded, np.ndarray) or loaded.ndim != 2 or loaded.shape[1] != 2:
            raise ValueError("a .npy file must hold whole numbers of shape (clicks, 2)")
        return TimeTags(loaded[:, 0], loaded[:, 1])
    with loaded:
        missing = {"times_ps", "channels"} - set(loaded.files)
        if missing:
            raise ValueError(f"a .npz file must hold times_ps and channels; {', '.join(sorted(missing))} missing")
        simulated = loaded["simulated"] if "simulated" in loaded else np.array(False)
        if simulated.ndim or simulated.dtype != np.bool_:
            raise ValueError(f"simulated must be one truth value, got shape {simulated.shape} of {simulated.dtype}")
        return TimeTags(loaded["times_ps"], loaded["channels"], bool(simulated))
