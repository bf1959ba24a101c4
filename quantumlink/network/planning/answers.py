"""What the programme of a plan answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PathFound:
    """A path of a demand."""

    demand: int
    sites: tuple[int, ...]
    spans: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """What the solver says."""

    paths: tuple[PathFound, ...]
    roles: dict[int, str]
    """What stands where."""
    value: float
    at_least: float
    interrupted: bool = False
