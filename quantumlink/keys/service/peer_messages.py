"""What nodes of ours tell each other about assignments, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from quantumlink import validation
from quantumlink.keys.delivery.refusal import malformed
from quantumlink.keys.material import Position
from quantumlink.keys.store.contract import Assignment

MOST_TOGETHER: Final = 64
"""How many assignments one message may tell."""
MOST_KEYS_TOGETHER: Final = 1024
"""How many keys they may have, if there is more than one: such a message fits well into a body."""


def written(assignment: Assignment, own_id: str) -> dict[str, Any]:
    """An assignment as it is told."""
    return {
        "from": own_id,
        "to": assignment.pool,
        "assignment_id": assignment.assignment_id,
        "master": assignment.master,
        "slaves": list(assignment.slaves),
        "key_ids": list(assignment.key_ids),
        "key_bytes": assignment.key_bytes,
        "positions": [plain(position) for position in assignment.positions],
    }


def read(members: Any, sender: str, own_id: str) -> Assignment:
    """An assignment as the node has it to which it is told: its pool is the one with the sender.

    Raises:
        Refusal: if it is none, or not from its sender to this node.
    """
    if not isinstance(members, Mapping) or members.get("from") != sender or members.get("to") != own_id:
        raise malformed("the message is not from its sender to this node")
    try:
        found = Assignment(
            assignment_id=text(members["assignment_id"]),
            pool=sender,
            master=text(members["master"]),
            slaves=tuple(text(each) for each in listed(members["slaves"])),
            key_ids=tuple(text(each) for each in listed(members["key_ids"])),
            key_bytes=validation.count("key_bytes", members["key_bytes"], at_least=1),
            positions=tuple(position(each) for each in listed(members["positions"])),
        )
    except (KeyError, TypeError, ValueError):
        raise malformed("the message is no assignment") from None
    if sum(each.length for each in found.positions) != found.key_bytes * len(found.key_ids) or not found.slaves:
        raise malformed("the positions do not make up the keys")
    return found


def listed(value: Any) -> list[Any]:
    """A list, or a TypeError."""
    if not isinstance(value, list):
        raise TypeError
    return value


def text(value: Any) -> str:
    """A string that is not empty, or a TypeError."""
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def plain(position: Position) -> list[Any]:
    """A position as it is told."""
    return [position.chunk, position.start, position.length]


def position(value: Any) -> Position:
    """A position that was told. Raises TypeError, ValueError."""
    chunk, start, length = value
    return Position(text(chunk), start, length)
