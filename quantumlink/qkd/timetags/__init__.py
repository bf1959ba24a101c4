"""Raw time tags: from files of clicks of both ends to coincidences and raw records of BBM92."""

from quantumlink.qkd.timetags.clock_search import NoCommonPeak
from quantumlink.qkd.timetags.clocks import ClockAlignment, align_clocks
from quantumlink.qkd.timetags.coincidences import FoundCoincidences, find_coincidences, match
from quantumlink.qkd.timetags.receiver import Detections, Receiver
from quantumlink.qkd.timetags.simulated import SimulatedTags, simulate_tags
from quantumlink.qkd.timetags.tag_files import read_tags, write_tags
from quantumlink.qkd.timetags.tags import TimeTags

__all__ = [
    "ClockAlignment",
    "Detections",
    "FoundCoincidences",
    "NoCommonPeak",
    "Receiver",
    "SimulatedTags",
    "TimeTags",
    "align_clocks",
    "find_coincidences",
    "match",
    "read_tags",
    "simulate_tags",
    "write_tags",
]
