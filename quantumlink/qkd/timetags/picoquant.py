"""Time tags from PicoQuant's unified files (``.ptu``) in T2 mode, by the layout that the vendor documents.

A file opens with ``PQTTTR`` and a version, eight bytes each. Then come tags of 48 bytes, little-endian: a name of
32 bytes, an index, a type and a value; text and arrays stand behind their tag, with as many bytes as the value
says. The tag ``Header_End`` is the last. Records follow, 32 bits each.

HydraHarp (version 2), TimeHarp 260, MultiHarp and PicoHarp 330: the top bit is *special*, six bits name a channel,
25 count time. Special records of channel 63 are overflows, of so many times 2²⁵ as they count (0 counts as 1), of
channel 0 clicks of the sync input, of channels 1 to 15 markers. Other records are clicks of input channel + 1.
PicoHarp 300: four bits of channel, 28 of time; channel 15 is special, an overflow of 210,698,240 if the four lowest
bits are 0, else a marker. One unit of time is ``MeasDesc_GlobalResolution``.

Reference:
    PicoQuant, unified TTTR file format: github.com/PicoQuant/PicoQuant-Time-Tagged-File-Format-Demos, folder doc.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quantumlink.arrays import IntArray
from quantumlink.qkd.timetags.tags import PS, TimeTags

_MAGIC: Final = b"PQTTTR"
_TAG: Final = struct.Struct("<32siI8s")
_FLOATS: Final = (0x20000008, 0x21000008)
_LONG: Final = (0x2001FFFF, 0x4001FFFF, 0x4002FFFF, 0xFFFFFFFF)
_PICOHARP_300: Final = 0x00010203
_SPECIAL_BIT: Final = {
    0x01010204: "HydraHarp T2, version 2",
    0x00010205: "TimeHarp 260 N T2",
    0x00010206: "TimeHarp 260 P T2",
    0x00010207: "generic T2 (MultiHarp, PicoHarp 330)",
}
_WRAP: Final = 1 << 25
_WRAP_300: Final = 210_698_240

Records = NDArray[np.uint32]


def read_picoquant(path: Path) -> TimeTags:
    """The clicks of a file in T2 mode; markers are left out, clicks of the sync input are channel 0.

    Raises:
        ValueError: if it is no such file, is of another mode or device, or is cut short.
    """
    content = path.read_bytes()
    if not content.startswith(_MAGIC):
        raise ValueError(f"{path} must begin with PQTTTR, as a unified file of PicoQuant does")
    header, start = _header(path, content)
    kind = _whole(path, header, "TTResultFormat_TTTRRecType")
    known = ", ".join(["PicoHarp 300 T2", *_SPECIAL_BIT.values()])
    if kind != _PICOHARP_300 and kind not in _SPECIAL_BIT:
        raise ValueError(f"{path} has records of type 0x{kind:08X}; read are {known}")
    unit_s = header.get("MeasDesc_GlobalResolution")
    if not isinstance(unit_s, float) or not 0 < unit_s < 1:
        raise ValueError(f"{path} must say MeasDesc_GlobalResolution in seconds, got {unit_s!r}")
    records = _records(path, content[start:], _whole(path, header, "TTResult_NumberOfRecords"))
    times, channels = _picoharp_300(records) if kind == _PICOHARP_300 else _special_bit(records)
    return _tags(times, channels, unit_s)


def _header(path: Path, content: bytes) -> tuple[dict[str, Any], int]:
    """The single values of the header by name, and where the records begin."""
    found: dict[str, Any] = {}
    at = 16
    while at + _TAG.size <= len(content):
        raw, index, kind, value = _TAG.unpack_from(content, at)
        at += _TAG.size
        name = raw.split(b"\0", 1)[0].decode("ascii", "replace")
        if name == "Header_End":
            return found, at
        number = struct.unpack("<d" if kind in _FLOATS else "<q", value)[0]
        if kind in _LONG:
            if number < 0:
                break
            at += number
        elif index == -1:
            found[name] = number
    raise ValueError(f"{path} is cut short: its header has no end")


def _whole(path: Path, header: dict[str, Any], name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{path} must say {name} in its header, got {value!r}")
    return value


def _records(path: Path, content: bytes, count: int) -> Records:
    """As many records as the header says; all that there are where it says none, as in an unfinished file."""
    whole, rest = divmod(len(content), 4)
    if count <= 0:
        count = whole
        if rest:
            raise ValueError(f"{path} is cut short: {rest} bytes are left after {whole} records of 4 bytes")
    if whole < count:
        raise ValueError(f"{path} is cut short: its header says {count} records, {whole} are there")
    return np.frombuffer(content, dtype="<u4", count=count).astype(np.uint32, copy=False)


def _special_bit(records: Records) -> tuple[IntArray, IntArray]:
    channel = (records >> np.uint32(25)) & np.uint32(0x3F)
    count = (records & np.uint32(_WRAP - 1)).astype(np.int64)
    special = records >> np.uint32(31) == 1
    over = special & (channel == 0x3F)
    times = np.cumsum(np.where(over, np.maximum(count, 1) * _WRAP, 0)) + count
    clicks = ~special | (channel == 0)
    channels = np.where(special, 0, channel.astype(np.int64) + 1)
    return times[clicks], channels[clicks]


def _picoharp_300(records: Records) -> tuple[IntArray, IntArray]:
    channels = (records >> np.uint32(28)).astype(np.int64)
    count = (records & np.uint32((1 << 28) - 1)).astype(np.int64)
    special = channels == 0xF
    over = special & (count & 0xF == 0)
    times = np.cumsum(np.where(over, _WRAP_300, 0)) + count
    return times[~special], channels[~special]


def _tags(times: IntArray, channels: IntArray, unit_s: float) -> TimeTags:
    """The clicks in picoseconds; inputs may be a little out of order where their delays were set."""
    unit_ps = unit_s * PS
    near = round(unit_ps)
    whole = (
        times * near if near and abs(unit_ps - near) < 1e-6 * near else np.rint(times * unit_ps).astype(np.int64)
    )
    if (np.diff(whole) < 0).any():
        return TimeTags.sorted(whole, channels)
    return TimeTags(whole, channels.astype(np.uint8))
