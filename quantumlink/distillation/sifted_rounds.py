"""One end's sifted rounds inside a conversation: what it discloses of them, what it counts, what is left."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.account import Account
from quantumlink.distillation.bits import Bits, occurrences
from quantumlink.distillation.equal_detection import unequal_detection
from quantumlink.distillation.party import Abort, Party
from quantumlink.distillation.records import RawRounds, Symbols
from quantumlink.distillation.sifting import COMPARED, KEY, BasisSifting
from quantumlink.distillation.transcript import Message, pack_bits, unpack_bits
from quantumlink.security.contract import Tally

Mask = NDArray[np.bool_]


class SiftedRounds:
    """The sifted rounds of one end; both ends have the same ones and make the same choices among them.

    Args:
        end: whose they are.
        bits: this end's bit of each detected round.
        streams: the stream of each (see `Sifting`).
        classes: the class of each, or its block where the key has several.
        settings: what this end said of each, and the other one.
    """

    def __init__(
        self,
        end: Party,
        bits: Bits,
        streams: NDArray[np.uint8],
        classes: Symbols,
        settings: tuple[Symbols, Symbols],
    ) -> None:
        self._end, self._detected, self._settings = end, len(bits), settings
        self._bits, self._streams, self._classes = bits, streams, classes
        self._sampled = self._left = self._compared = np.zeros(0, dtype=np.intp)

    def choose(self, seed: int) -> None:
        """Choose by a public seed which key rounds are compared and which are the sample.

        Raises:
            Abort: if this end's bits show that detection depends on them.

        Alice has drawn the seed when Bob had named his rounds. That what a generator makes of it is as good as a
        choice drawn bit by bit is an assumption: no attack can be fitted to a seed that comes later.
        """
        rng, fraction = np.random.default_rng(seed), self._end.agreement.sifting.compared_fraction
        if fraction:
            keys = np.flatnonzero(self._streams == KEY)
            self._streams = self._streams.copy()
            self._streams[rng.choice(keys, round(fraction * len(keys)), replace=False)] = COMPARED
        keys = np.flatnonzero(self._streams == KEY)
        self._compared = np.flatnonzero(self._streams >= COMPARED)
        total = len(keys)
        sample = np.zeros(total, dtype=np.bool_)
        if self._end.agreement.sifting.sampled_apart:
            sample = rng.random(total) < self._end.agreement.sample_fraction
        else:
            # never none, and never all of two or more
            size = min(ceil(self._end.agreement.sample_fraction * total), total - 1)
            if size > 0:
                sample[rng.choice(total, size, replace=False)] = True
        self._sampled, self._left = (keys[np.flatnonzero(mask)] for mask in (sample, ~sample))
        self._check_detection()

    def _check_detection(self) -> None:
        sifting = self._end.agreement.sifting
        if not isinstance(sifting, BasisSifting) or not sifting.equal_detection:
            return
        names = [list(sifting.alice), list(sifting.bob)]
        counted = np.ones(self._detected, dtype=np.bool_)
        counted[self._left] = False
        mine, theirs = names if self._end.name == "alice" else names[::-1]
        unequal = unequal_detection(self._bits, *self._settings, counted, mine, theirs, looks=2)
        if unequal is not None:
            raise Abort(unequal)

    @property
    def raw(self) -> list[Bits]:
        """The bits that nobody was told, block by block."""
        count = len(self._end.agreement.sifting.blocks)
        if count == 1:
            return [self._bits[self._left]]
        blocks = self._classes[self._left]
        return [self._bits[self._left[blocks == number]] for number in range(count)]

    def errors(self, block: int, wrong: Mask) -> list[int]:
        """How many bits of a block of the raw key are wrong, by class where there is but one block."""
        sifting = self._end.agreement.sifting
        if len(sifting.blocks) > 1:
            return [int(np.count_nonzero(wrong))]
        classes = self._classes[self._left][wrong]
        return [int(n) for n in np.bincount(classes, minlength=len(sifting.classes))]

    def disclosed(self) -> dict[str, Any]:
        """What this end tells."""
        return {
            "compared": pack_bits(self._bits[self._compared]),
            "sample": pack_bits(self._bits[self._sampled]),
        }

    def compare(self, heard: Message) -> Account:
        """The account that opens with what the other end tells."""
        compared, sample = self._compared, self._bits[self._sampled]
        theirs = unpack_bits(heard.body.get("compared"), len(compared))
        errors = self._bits[compared] != theirs
        told = unpack_bits(heard.body.get("sample"), len(sample))
        wrong = sample != told
        sample_errors = int(np.count_nonzero(wrong))
        first_stream = errors[self._streams[compared] == COMPARED]
        self._end.compared_errors = {"Z": wrong, "X": first_stream}
        tally = self._tally(self._streams[compared], self._classes[compared], errors, sample_errors)
        first = len(first_stream)
        account = self._end._open_account(
            tally, detected=self._detected, sifted=len(self._sampled) + len(self._left) + first
        )
        account.sample_ones = int(np.count_nonzero(sample if self._end.name == "alice" else told))
        return account

    def _tally(self, streams: NDArray[np.uint8], classes: Symbols, errors: Mask, sample_errors: int) -> Tally:
        sifting = self._end.agreement.sifting
        width = len(groups := sifting.classes if len(sifting.blocks) == 1 else sifting.blocks)
        cells = (streams.astype(np.intp) - COMPARED) * width + classes
        size = len(sifting.compared) * width
        bits, wrong = (np.bincount(cells[mask], minlength=size) for mask in (slice(None), errors))
        names = [f"{stream} {name}".rstrip() for stream in sifting.compared for name in groups]
        raw = occurrences(self._classes[self._left], width) if width > 1 else [len(self._left)]
        return Tally(
            rounds=self._end.agreement.rounds,
            detected=self._detected,
            sampled=len(self._sampled),
            sample_errors=sample_errors,
            compared={name: (int(n), int(e)) for name, n, e in zip(names, bits, wrong, strict=True)},
            raw=dict(zip(groups, raw, strict=True)),
            corrected=dict.fromkeys(groups, 0) if self._end.account.tells_errors else None,
        )


def sift_rounds(end: Party, mine: RawRounds, bits: Bits, alice: Symbols, bob: Symbols, kept: Bits) -> SiftedRounds:
    """Sort one end's rounds by what both said.

    Args:
        end: whose they are.
        mine: its detected rounds.
        bits: its bit of each.
        alice: what Alice said of each.
        bob: what Bob said of each.
        kept: which Bob keeps, where he answers.

    Raises:
        Abort: if the detected rounds cannot be a fair sample of all.
    """
    sifting = end.agreement.sifting
    if (unfair := sifting.unfair(alice, bob)) is not None:
        raise Abort(unfair)
    classes = mine.classes if len(sifting.blocks) == 1 else sifting.block_of(alice, bob)
    settings = (alice, bob) if end.name == "alice" else (bob, alice)
    return SiftedRounds(end, bits, sifting.streams(alice, bob, kept), classes, settings)
