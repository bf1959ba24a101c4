"""The modes of pairs of applications at their key manager: who gets QKD keys, and what their lack means.

A key manager sees when a pair that agreed on QKD keys gets none. That is an alarm, once until there are keys again,
and the application is told whether its mode lets it go on without.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from quantumlink.keys.delivery.refusal import Refusal, busy
from quantumlink.keys.hybrid.modes import Downgrade, Mode, ModePolicy

Pair = tuple[str, str]
WITHOUT_QKD: Final[tuple[Mode, ...]] = ("classical", "post-quantum")


class PairModes:
    """The modes, and which pairs are below theirs at present.

    Args:
        policy: the modes by pair; its alarms are raised here.
    """

    def __init__(self, policy: ModePolicy) -> None:
        self.policy = policy
        self.downgraded: dict[Pair, str] = {}
        """Pairs that go on, or stand still, with less than agreed, and why."""

    def admit(self, pairs: Sequence[Pair], *, has_line: bool) -> None:
        """Check pairs that ask for a key.

        Args:
            pairs: (master, slave) for each slave.
            has_line: whether their keys come over a QKD link, and not from this node alone or another domain.

        Raises:
            Refusal: if a pair's mode takes no QKD keys, or requires them and there is no link.
        """
        for pair in pairs:
            mode = self.policy.mode(*pair)
            if mode in WITHOUT_QKD:
                raise Refusal(401, f"the mode of this pair is {mode!r}: it gets no QKD keys", cause="mode")
            if mode == "QKD required" and not has_line:
                raise self.lacking([pair], busy("this pair requires QKD keys, and no link makes any", "mode"))

    def lacking(self, pairs: Sequence[Pair], refusal: Refusal) -> Refusal:
        """There was no key for these pairs: the refusal, with what their modes say; an alarm if that is new."""
        details = []
        for pair in pairs:
            mode = self.policy.mode(*pair)
            if pair not in self.downgraded:
                self.downgraded[pair] = refusal.message
                with suppress(Downgrade):  # the alarm is raised, and nothing is handed out
                    self.policy.settle(*pair, has_qkd=False)
            goes_on = mode != "QKD required"
            details.append({"master_SAE_ID": pair[0], "slave_SAE_ID": pair[1], "mode": mode, "may_go_on": goes_on})
        refusal.details = [*(refusal.details or []), *details]
        return refusal

    def fine(self, pairs: Sequence[Pair]) -> None:
        """There was a key for these pairs."""
        for pair in pairs:
            self.downgraded.pop(pair, None)
