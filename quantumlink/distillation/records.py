"""Raw records: what one end noted of its rounds, before anything was said about them.

They are secret, and good for one conversation: whoever distills from them uses them up, whatever becomes of it. A
second conversation about the same bits would disclose other parts of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bits
from quantumlink.distillation.single_use import SingleUse

Positions = NDArray[np.int64]
Symbols = NDArray[np.uint8]


class RecordsConsumed(RuntimeError):
    """Raw records were asked for after a conversation had used them up."""


class RawRounds(NamedTuple):
    """The noted rounds of one end, in the order of time; arrays of one length."""

    positions: Positions | None
    """Which of all rounds they are, rising; None for all."""
    bits: Bits
    """The bit of each."""
    settings: Symbols
    """The setting (basis) of each, as the number of its name in the `Sifting`; 0 where there is but one."""
    classes: Symbols
    """The class (intensity) of each, likewise."""

    def __repr__(self) -> str:
        return f"RawRounds({len(self.bits)} rounds)"  # the bits are secret

    def at(self, positions: Positions | None) -> RawRounds | None:
        """These rounds only; None if one of them was not noted."""
        if positions is None:
            return self if self.positions is None else None
        if self.positions is None:
            if len(positions) and positions[-1] >= len(self.bits):
                return None
            places = positions
        else:
            places = np.searchsorted(self.positions, positions)
            inside = places < len(self.positions)
            if not inside.all() or not np.array_equal(self.positions[places], positions):
                return None
        return RawRounds(positions, self.bits[places], self.settings[places], self.classes[places])


class Records:
    """The raw records of one end: one bit and one setting a round, for the rounds that it noted.

    Bob notes the rounds in which his receiver answered, Alice all rounds, or in a simulation those only that will
    be asked for.

    Args:
        bits: shape (noted rounds,); with ``detected``, shape (rounds,).
        settings: the setting of each, as the number of its name in the `Sifting`; all 0 if None.
        classes: the class of each (the intensity, as Alice knows it), likewise.
        rounds: how many rounds there were; as many as bits if None.
        positions: which of all rounds these are, rising, from 0; all if None.
        detected: instead of ``positions``, whether each of all rounds was detected: shape (rounds,).
        simulated: whether no quantum channel was there; the key will say so.
        seeded: whether bits or settings come from a seed, so that whoever has it can compute them; likewise.

    Raises:
        ValueError: if arrays do not fit together, or hold something else.

    >>> bob = Records(bits=[0, 1, 1, 0], settings=[0, 0, 1, 1], detected=[True, False, True, True])
    >>> bob
    Records(3 of 4 rounds)
    """

    __slots__ = ("_once", "_raw", "noted", "rounds", "seeded", "simulated")

    def __init__(
        self,
        *,
        bits: ArrayLike,
        settings: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        rounds: int | None = None,
        positions: ArrayLike | None = None,
        detected: ArrayLike | None = None,
        simulated: bool = False,
        seeded: bool = False,
    ) -> None:
        own = as_bits("bits", bits)
        arrays = [_symbols(name, a, len(own)) for name, a in (("settings", settings), ("classes", classes))]
        if detected is not None:
            if positions is not None or (rounds is not None and rounds != len(own)):
                raise ValueError("detected must come without positions, and with one bit for each of the rounds")
            mask = as_bits("detected", detected).astype(np.bool_)
            if len(mask) != len(own):
                raise ValueError(f"detected must hold one value a bit, {len(own)}, got {len(mask)}")
            rounds, positions = len(own), np.flatnonzero(mask)
            own, arrays = own[mask], [array[mask] for array in arrays]
        self.rounds = len(own) if rounds is None else validation.count("rounds", rounds)
        """How many rounds there were."""
        self.noted = len(own)
        """How many of them this end noted."""
        self.simulated = bool(simulated)
        """Whether no quantum channel was there."""
        self.seeded = bool(seeded)
        """Whether bits or settings come from a seed."""
        places = None if positions is None else _places(positions, self.rounds)
        if (self.rounds if places is None else len(places)) != len(own):
            raise ValueError(f"bits must hold one bit for each noted round of {self.rounds}, got {len(own)}")
        self._once = SingleUse("a raw record")
        self._raw: RawRounds | None = RawRounds(places, own.copy(), *(array.copy() for array in arrays))

    def consume(self) -> RawRounds:
        """The rounds, once.

        Raises:
            RecordsConsumed: if a conversation has had them.
            RuntimeError: in a process that was forked from the one that made them.
        """
        with self._once:
            raw, self._raw = self._raw, None
        if raw is None:
            raise RecordsConsumed("these raw records have been in a conversation already: new ones must be made")
        return raw

    @property
    def consumed(self) -> bool:
        """Whether a conversation has had them."""
        return self._raw is None

    def __len__(self) -> int:
        return self.noted

    def __repr__(self) -> str:
        return f"Records({self.noted} of {self.rounds} rounds{', consumed' if self.consumed else ''})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("raw records cannot be copied or pickled: they are good for one conversation")


def _symbols(name: str, values: ArrayLike | None, count: int) -> Symbols:
    if values is None:
        return np.zeros(count, dtype=np.uint8)
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind not in "bui":
        raise ValueError(f"{name} must hold {count} whole numbers, got shape {array.shape} of {array.dtype}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < 256:
        raise ValueError(f"{name} must lie in [0, 255], got {array.min()} to {array.max()}")
    return array.astype(np.uint8, copy=False)


def _places(values: ArrayLike, rounds: int) -> Positions:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "ui"):
        raise ValueError(f"positions must be whole numbers, got shape {array.shape} of {array.dtype}")
    array = array.astype(np.int64, copy=False)
    if array.size and (array[0] < 0 or array[-1] >= rounds or (np.diff(array) <= 0).any()):
        raise ValueError(f"positions must rise strictly within [0, {rounds})")
    return array
