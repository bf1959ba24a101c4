"""Rounds and symbols as text for the body of a message, each in one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.records import Positions, Symbols
from quantumlink.distillation.transcript import TranscriptError, pack, unpack

_WIDTHS = (1, 2, 4, 8)

LARGEST = 1 << 62
"""No count in a message is larger."""


def pack_positions(positions: Positions | None) -> dict[str, Any] | None:
    """Rising positions by their distances; None for all rounds."""
    if positions is None:
        return None
    gaps = np.diff(positions, prepend=-1)
    largest = int(gaps.max(initial=0))
    width = next(w for w in _WIDTHS if largest < 1 << (8 * w))
    return {"count": len(positions), "width": width, "gaps": pack(gaps.astype(f"<u{width}").tobytes())}


def unpack_positions(body: Any, rounds: int) -> Positions | None:
    """What `pack_positions` gave, of so many rounds.

    Raises:
        TranscriptError: if it is something else.
    """
    if body is None:
        return None
    if not isinstance(body, dict) or body.get("width") not in _WIDTHS:
        raise TranscriptError("the detected rounds are given in a form not allowed")
    data = unpack(body.get("gaps"))
    width = body["width"]
    if type(width) is not int or type(body.get("count")) is not int or len(data) != width * body["count"]:
        raise TranscriptError("the detected rounds are given in a form not allowed")
    gaps = np.frombuffer(data, dtype=f"<u{width}").astype(np.uint64)
    # In floats, where no sum wraps around; the exact one follows.
    if len(gaps) and (int(gaps.min()) < 1 or float(gaps.sum(dtype=np.float64)) > 2.0 * rounds):
        raise TranscriptError(f"the detected rounds must rise strictly within {rounds}")
    positions = np.cumsum(gaps.astype(np.int64)) - 1
    if len(positions) and int(positions[-1]) >= rounds:
        raise TranscriptError(f"the detected rounds must rise strictly within {rounds}")
    return positions


def unpack_count(body: Mapping[str, Any], name: str, largest: int = LARGEST) -> int:
    """A whole number of a message, from 0 to the largest.

    Raises:
        TranscriptError: if it is something else.
    """
    value = body.get(name)
    if type(value) is not int or not 0 <= value <= largest:
        raise TranscriptError(f"a message holds no number {name} from 0 to {largest}")
    return value


def pack_symbols(values: Symbols, symbols: int) -> str:
    """Whole numbers below ``symbols``, bit plane after bit plane."""
    planes = [np.packbits((values >> plane) & 1).tobytes() for plane in range(_planes(symbols))]
    return pack(b"".join(planes))


def unpack_symbols(text: Any, count: int, symbols: int) -> Symbols:
    """What `pack_symbols` gave.

    Raises:
        TranscriptError: if it is something else.
    """
    planes, size = _planes(symbols), (count + 7) // 8
    data = np.frombuffer(unpack(text), dtype=np.uint8)
    if len(data) != planes * size:
        raise TranscriptError(f"a field of a message must hold {count} symbols, got {len(data)} bytes")
    values = np.zeros(count, dtype=np.uint8)
    for plane in range(planes):
        bits: Bits = np.unpackbits(data[plane * size : (plane + 1) * size], count=count)
        values |= bits << np.uint8(plane)
    if count and int(values.max()) >= symbols:
        raise TranscriptError(f"a field of a message must hold symbols below {symbols}")
    return values


def _planes(symbols: int) -> int:
    return (symbols - 1).bit_length()
