"""Modes: which keys a pair of applications combines, and that fewer than agreed is an alarm, never silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from quantumlink import validation

Mode = Literal["classical", "post-quantum", "post-quantum + QKD", "QKD required"]
"""``"classical"``: X25519 alone. ``"post-quantum"``: X25519 and ML-KEM. ``"post-quantum + QKD"``: both and a QKD
key; without one it goes on with an alarm. ``"QKD required"``: the same, and without a QKD key it refuses."""

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
DEFAULT: Final[Mode] = "post-quantum + QKD"


class Downgrade(Exception):
    """Less was offered than the pair has agreed on, and its mode does not allow that."""


@dataclass
class ModePolicy:
    """The modes of pairs of applications.

    Args:
        default: of pairs that have none of their own.
        pairs: by (master, slave).
        on_alarm: called with a text at each downgrade.
    """

    default: Mode = DEFAULT
    pairs: Mapping[tuple[str, str], Mode] = field(default_factory=dict)
    on_alarm: Callable[[str], object] | None = None
    alarms: list[str] = field(default_factory=list)
    """All downgrades so far."""

    def __post_init__(self) -> None:
        validation.choice("default", self.default, MODES)
        for mode in self.pairs.values():
            validation.choice("mode", mode, MODES)

    def mode(self, master: str, slave: str) -> Mode:
        """The mode of a pair."""
        return self.pairs.get((master, slave), self.default)

    def settle(self, master: str, slave: str, *, has_qkd: bool, offered: Mode | None = None) -> Mode:
        """What a pair uses now.

        Args:
            master: the master.
            slave: the slave.
            has_qkd: whether there is a QKD key.
            offered: what the other end offers; its own mode if None.

        Raises:
            Downgrade: if that is less than the pair's mode allows; the alarm is on record.
        """
        agreed = self.mode(master, slave)
        wanted = agreed if offered is None else offered
        if MODES.index(wanted) < MODES.index(agreed):
            self._alarm(f"{master}–{slave}: {wanted!r} was offered where {agreed!r} is agreed")
            raise Downgrade(self.alarms[-1])
        if has_qkd or agreed in ("classical", "post-quantum"):
            return agreed
        if agreed == "QKD required":
            self._alarm(f"{master}–{slave}: no QKD key, and the pair requires one")
            raise Downgrade(self.alarms[-1])
        self._alarm(f"{master}–{slave}: no QKD key, it goes on with post-quantum keys alone")
        return "post-quantum"

    def _alarm(self, text: str) -> None:
        self.alarms.append(text)
        if self.on_alarm is not None:
            self.on_alarm(text)
