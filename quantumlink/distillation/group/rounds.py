"""One party's rounds inside a conversation of several: what it discloses of them, and what is left."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.group.agreement import GroupAgreement
from quantumlink.distillation.sifting import KEY, Streams
from quantumlink.distillation.transcript import Message, pack_bits, unpack_bits


class GroupRounds:
    """The rounds that all detected, as one party has them; all make the same choices among them.

    Args:
        agreement: what all hold alike.
        bits: this party's bit of each round.
        streams: the stream of each.
        seed: the public seed of the sample, drawn by Alice when all had named their rounds and settings.
    """

    def __init__(self, agreement: GroupAgreement, bits: Bits, streams: Streams, seed: int) -> None:
        self._agreement, self.bits, self.streams = agreement, bits, streams
        keys = np.flatnonzero(streams == KEY)
        sample = np.zeros(len(keys), dtype=np.bool_)
        size = min(ceil(agreement.sample_fraction * len(keys)), len(keys) - 1)
        if size > 0:
            sample[np.random.default_rng(seed).choice(len(keys), size, replace=False)] = True
        self._sampled, self._left = keys[sample], keys[~sample]

    @property
    def raw(self) -> Bits:
        """The bits that nobody was told."""
        return self.bits[self._left]

    @property
    def public(self) -> NDArray[np.bool_]:
        """Which rounds hold no bit of the raw key."""
        counted = np.ones(len(self.bits), dtype=np.bool_)
        counted[self._left] = False
        return counted

    @property
    def sample(self) -> Bits:
        """The bits of the key basis that are compared."""
        return self.bits[self._sampled]

    def disclosed(self, party: int) -> dict[str, Any]:
        """What a party after Alice tells her."""
        return {"compared": pack_bits(self.bits[self._told_by(party)]), "sample": pack_bits(self.sample)}

    def heard(self, party: int, message: Message) -> tuple[Bits, Bits]:
        """What a party told: its bit of every round, 0 where it told none, and its sample.

        Raises:
            TranscriptError: if it told something else.
        """
        places = np.flatnonzero(self._told_by(party))
        bits = np.zeros(len(self.bits), dtype=np.uint8)
        bits[places] = unpack_bits(message.body.get("compared"), len(places))
        return bits, unpack_bits(message.body.get("sample"), len(self._sampled))

    def _told_by(self, party: int) -> Any:
        return np.isin(self.streams, self._agreement.told_by(party))
