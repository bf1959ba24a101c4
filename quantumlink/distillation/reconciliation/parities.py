"""The public side of Cascade: which parities are asked, what their answers mean, where the errors are.

Nothing here sees a secret bit. The state follows from the seed of the orders and from the *differences* of
the two ends' parities, which are public, so both ends keep the same state without telling each other what they
ask: a question is known to both, and only answers travel.

Many frames are gone through at once. Each is treated as if it were alone; all that they share are the orders.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.reconciliation.outcome import ReconciliationError

Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockQuestion:
    """The parities of the first ``blocks`` blocks of an order, in each of some frames."""

    order: Places
    frames: Places
    block: int
    blocks: int

    def __len__(self) -> int:
        return len(self.frames) * self.blocks


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentQuestion:
    """The parities of segments ``[start, stop)``, each of one order and one frame."""

    orders: Places
    """All orders, one a row."""
    numbers: Places
    frames: Places
    starts: Places
    stops: Places

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Errors:
    """Bits found to differ; Bob flips them."""

    frames: Places
    places: Places


_LONG = 300
"""Mean length from which segments are gone through one by one."""

Step: TypeAlias = BlockQuestion | SegmentQuestion | Errors


class ParitySource:
    """One end's bits, and the only thing that looks at them: it answers parities."""

    def __init__(self, frames: Bits) -> None:
        """Take the bits as an array of shape (frames, bits of a frame), which ``flip`` will write to."""
        self.frames = frames

    def answer(self, question: BlockQuestion | SegmentQuestion) -> Bits:
        """The parities asked for, one bit of leak each; those of a block question frame by frame."""
        if isinstance(question, BlockQuestion):
            return self._blocks(question)
        return self._segments(question)

    def flip(self, errors: Errors) -> None:
        """Correct the bits."""
        self.frames[errors.frames, errors.places] ^= 1

    def _blocks(self, question: BlockQuestion) -> Bits:
        everything = len(question.frames) == len(self.frames)
        rows = self.frames if everything else self.frames[question.frames]
        starts = np.arange(question.blocks) * question.block
        ordered = rows.take(question.order[: starts[-1] + question.block], axis=1)
        parities: Bits = np.bitwise_xor.reduceat(ordered, starts, axis=1).ravel()
        return parities

    def _segments(self, question: SegmentQuestion) -> Bits:
        n = self.frames.shape[1]
        lengths = question.stops - question.starts
        ends = lengths.cumsum()
        if ends[-1] > _LONG * len(lengths):
            return self._long_segments(question)
        offsets = ends - lengths
        positions = (question.numbers * n + question.starts - offsets).repeat(lengths)
        positions += np.arange(len(positions))
        places = question.orders.ravel().take(positions)
        places += (question.frames * n).repeat(lengths)
        parities: Bits = np.bitwise_xor.reduceat(self.frames.ravel().take(places), offsets)
        return parities

    def _long_segments(self, question: SegmentQuestion) -> Bits:
        """One after the other, which is quicker for few and long ones."""
        marks, orders = self.frames.view(np.bool_), question.orders
        columns = (question.numbers, question.frames, question.starts, question.stops)
        places = zip(*(column.tolist() for column in columns), strict=True)
        counts = [np.count_nonzero(marks[f].take(orders[k, start:stop])) for k, f, start, stop in places]
        return np.array([count & 1 for count in counts], dtype=np.uint8)


class KnownSegments:
    """The segments whose parity is known, of every order and frame, and those among them that are odd.

    An order is cut into blocks and blocks are only ever halved, so the cuts are a binary tree and the segment
    that holds a position is found by going down. ``odd`` holds the segments in which the two ends differ,
    each named by ``(order · frames + frame) · n + start``.
    """

    def __init__(self, frames: int, n: int) -> None:
        self.shape = frames, n
        self.count = 0
        self.orders: Places = np.empty((0, n), dtype=np.int64)
        self.positions: Places = np.empty((0, n), dtype=np.int64)
        self.block: Places = np.empty((0, frames), dtype=np.int64)
        self.cut = np.zeros(0, dtype=np.bool_)
        self.odd: Places = np.empty(0, dtype=np.int64)
        self.flipped = np.zeros((frames, n), dtype=np.bool_)

    def add(self, order: Places, block: Places) -> int:
        """Take up an order, with a block size for each frame, 0 where it is not asked."""
        if self.count == len(self.orders):
            self._grow(max(32, self.count))
        self.orders[self.count] = order
        self.positions[self.count, order] = np.arange(len(order))
        self.block[self.count] = block
        self.count += 1
        return self.count - 1

    def _grow(self, more: int) -> None:
        frames, n = self.shape
        self.orders, self.positions, self.block = (
            _lengthened(old, more) for old in (self.orders, self.positions, self.block)
        )
        self.cut = _lengthened(self.cut, more * frames * n)

    def locate(self, rows: Places, positions: Places) -> tuple[Places, Places]:
        """Starts and stops of the segments that hold ``positions``; a row is ``order · frames + frame``."""
        n = self.shape[1]
        block = self.block.ravel()[rows]
        start = positions // block * block
        stop = np.minimum(start + block, n)
        open_, base = np.arange(len(positions)), rows * n
        while open_.size:
            low, high = start[open_], stop[open_]
            middle = (low + high) >> 1
            further = self.cut[base[open_] + middle] & (high - low > 1)
            open_, middle = open_[further], middle[further]
            right = positions[open_] >= middle
            start[open_[right]] = middle[right]
            stop[open_[~right]] = middle[~right]
        return start, stop

    def toggle(self, errors: Errors) -> None:
        """Take note that these bits were flipped: the segments that hold them change parity."""
        frames, n = self.shape
        positions = self.positions[: self.count, errors.places].ravel()
        rows = (np.arange(self.count)[:, None] * frames + errors.frames).ravel()
        known = self.block.ravel()[rows] > 0
        rows, positions = rows[known], positions[known]
        start, _ = self.locate(rows, positions)
        self.change(rows * n + start)

    def change(self, names: Places) -> None:
        """Let the named segments change parity, once for each time they are named."""
        both = np.concatenate([self.odd, names])
        both.sort()
        new = np.ones(len(both) + 1, dtype=np.bool_)
        np.not_equal(both[1:], both[:-1], out=new[1:-1])
        first = np.flatnonzero(new)
        odd = ((first[1:] - first[:-1]) & 1).astype(np.bool_)
        self.odd = both[first[:-1][odd]]

    def bisect(self) -> Generator[Step, Bits, Errors]:
        """Find an error in each odd segment of the earliest order that has any, in every frame at once.

        Raises:
            ReconciliationError: if a bit that was corrected is found wrong again.
        """
        frames, n = self.shape
        rows, position = np.divmod(self.odd, n)
        frame = rows % frames
        earliest = np.full(frames, self.count * frames)
        np.minimum.at(earliest, frame, rows)
        # the earliest order has the shortest segments, where a bisection costs least
        chosen = rows == earliest[frame]
        rows, position, names = rows[chosen], position[chosen], self.odd[chosen]
        number, frame = np.divmod(rows, frames)
        start = yield from self._halve(number, frame, *self.locate(rows, position))
        errors = Errors(frames=frame, places=self.orders[number, start])
        self._flip_once(errors)
        self.change(np.concatenate([names, rows * n + start]))  # what was odd is now known to be odd there
        self.toggle(errors)
        return errors

    def _halve(self, numbers: Places, frames: Places, low: Places, high: Places) -> Generator[Step, Bits, Places]:
        """Where, in segments of odd parity, half after half leads to."""
        found, place, base = low.copy(), np.arange(len(low)), (numbers * self.shape[0] + frames) * self.shape[1]
        while True:
            further = high - low > 1
            if not further.all():
                found[place[~further]] = low[~further]
                low, high, base, place = (x[further] for x in (low, high, base, place))
                numbers, frames = numbers[further], frames[further]
            if not place.size:
                return found
            middle = (low + high) >> 1
            odd = yield SegmentQuestion(
                orders=self.orders, numbers=numbers, frames=frames, starts=low, stops=middle
            )
            self.cut[base + middle] = True
            left = odd.astype(np.bool_)
            low, high = np.where(left, low, middle), np.where(left, middle, high)

    def _flip_once(self, errors: Errors) -> None:
        # true parities lead to an error, and each error once; else this might go on for ever
        if self.flipped[errors.frames, errors.places].any():
            raise ReconciliationError("the parities of the other end contradict one another")
        self.flipped[errors.frames, errors.places] = True


def _lengthened(old: NDArray[Any], more: int) -> NDArray[Any]:
    """The same with rows of zeros behind, for which no memory is spent until they are written to."""
    new = np.zeros((len(old) + more, *old.shape[1:]), dtype=old.dtype)
    new[: len(old)] = old
    return new


def go_through(known: KnownSegments, order: Places, block: Places) -> Generator[Step, Bits, NDArray[np.int64]]:
    """Compare the blocks of a new order, and correct until no known segment of any order is odd.

    Args:
        known: what is known so far; nothing in it is odd.
        order: an order of the n bits of a frame.
        block: block size for each frame, 0 for frames that are left alone.

    Returns:
        The number of errors corrected in each frame.
    """
    frames = known.shape[0]
    number = known.add(order, block)
    for size in np.unique(block[block > 0]):
        yield from _compare(known, number, int(size))
    corrected = np.zeros(frames, dtype=np.int64)
    while known.odd.size:
        errors = yield from known.bisect()
        yield errors
        np.add.at(corrected, errors.frames, 1)
    return corrected


def _compare(known: KnownSegments, number: int, size: int) -> Generator[Step, Bits, None]:
    """Ask for the blocks of one size; of all but the first order the last block follows from the others."""
    frames, n = known.shape
    members = np.flatnonzero(known.block[number] == size)
    blocks = -(-n // size) - (number > 0)
    if not blocks:
        return
    answer = yield BlockQuestion(order=known.orders[number], frames=members, block=size, blocks=blocks)
    odd = answer.reshape(len(members), blocks)
    if number:  # both ends' bits had equal total parity before this order
        odd = np.column_stack([odd, np.bitwise_xor.reduce(odd, axis=1)])
    row, column = np.nonzero(odd)
    known.change((number * frames + members[row]) * n + column * size)
