"""The trail of deliveries as a file: one JSON object a line, checked anywhere, without the store; no secret in it.

    {"format": "quantumlink trail 1", "kme": …, "before": digest before the first entry}
    {"number": …, "event": …, "at_s": …, …, "digest": …}            each entry
    {"entries": how many, "head": digest of the last one}

A chain of hashes shows any change within it. That its end was cut off, or all of it was written anew, only an
earlier head shows, which an auditor keeps: give it to `verify_file`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quantumlink.keys.store import trail

FORMAT: Final = "quantumlink trail 1"


class TrailError(ValueError):
    """A trail was changed, cut or is not what it says."""


@dataclass(frozen=True)
class CheckedTrail:
    """What a file was found to hold."""

    kme: str
    entries: int
    before: str
    """The digest that its first entry follows."""
    head: str
    """The digest of its last entry."""


def export(path: str | Path, kme: str, entries: Iterable[dict[str, Any]], *, before: str = trail.BEGINNING) -> str:
    """Write a trail to a new file; returns its head.

    Args:
        path: the file.
        kme: id of the node.
        entries: what `Store.trail` gives; verified on the way.
        before: the digest that the first entry follows.

    Raises:
        TrailError: if the entries do not follow from one another.
        FileExistsError: if the file is there.
    """
    listed = list(entries)
    try:
        head = trail.verify(listed, before)
    except ValueError as error:
        raise TrailError(str(error)) from None
    lines = [{"format": FORMAT, "kme": kme, "before": before}, *listed, {"entries": len(listed), "head": head}]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)
    return head


def verify_file(path: str | Path, *, earlier_head: str | None = None) -> CheckedTrail:
    """Check a file.

    Args:
        path: the file.
        earlier_head: the head of an earlier file of the same node, which must be a link of this chain.

    Raises:
        TrailError: if anything in it is not as it was written, or it does not go on from the earlier one.
        OSError: if it cannot be read.
    """
    try:
        lines = list(_lines(path))
    except UnicodeDecodeError as error:
        raise TrailError(f"{path}: this is no text in UTF-8: {error}") from None
    if len(lines) < 2 or lines[0].get("format") != FORMAT or set(lines[-1]) != {"entries", "head"}:
        raise TrailError(f"{path}: this is no whole trail: its first or last line is missing")
    first, entries, last = lines[0], lines[1:-1], lines[-1]
    try:
        head = trail.verify(entries, str(first["before"]))
    except (KeyError, TypeError, ValueError) as error:
        raise TrailError(f"{path}: {error}") from None
    if (last["entries"], last["head"]) != (len(entries), head):
        raise TrailError(f"{path}: the last line does not fit the {len(entries)} entries before it")
    if earlier_head is not None and earlier_head not in {first["before"], *(each["digest"] for each in entries)}:
        raise TrailError(
            f"{path}: the earlier head is no part of this trail: what was before it was changed or cut"
        )
    return CheckedTrail(str(first.get("kme")), len(entries), str(first["before"]), head)


def _lines(path: str | Path) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                found = json.loads(line, object_pairs_hook=_no_duplicates)
            except (ValueError, RecursionError):
                raise TrailError(f"{path}: line {number} is no JSON object with each member once") from None
            if not isinstance(found, dict):
                raise TrailError(f"{path}: line {number} is no JSON object")
            yield found


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is given twice")
    return found
