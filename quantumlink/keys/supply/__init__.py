"""Suppliers: what fills the stores at both ends of a link, and how it is marked."""

from quantumlink.keys.supply.device_files import DeviceFiles
from quantumlink.keys.supply.interception import intercepted
from quantumlink.keys.supply.links import QkdLink, qkd_links
from quantumlink.keys.supply.live_ends import LineLost, LiveEnd, LiveLink
from quantumlink.keys.supply.push import KeyStreams
from quantumlink.keys.supply.session_blocks import SessionResult, play_session, stock

__all__ = [
    "DeviceFiles",
    "KeyStreams",
    "LineLost",
    "LiveEnd",
    "LiveLink",
    "QkdLink",
    "SessionResult",
    "intercepted",
    "play_session",
    "qkd_links",
    "stock",
]
