"""Secret bits that two ends share beforehand: taken in order, never twice, whatever crashes.

Both ends hold the same string and count how much of it they have taken. At the begin of a conversation they compare
their counts, and the one that is behind, after a crash or from an old copy of its file, skips ahead: bits that one
end may have used are lost to both.

A secret in a file is counted there before any bit of it is handed out, so no crash brings a bit back. It is counted
a second time beside it: an old copy of the file goes on where that count says, and without a count none is opened.
Who brings back an old copy of both has the same bits twice, and nothing here can tell; the honest other end makes
such an end skip, but somebody in its place would not. So neither belongs into a backup: what was lost is made anew,
at both ends.
"""

from __future__ import annotations

import json
import os
import tempfile
from hmac import compare_digest
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bits
from quantumlink.distillation.file_lock import FileLock
from quantumlink.distillation.single_use import SingleUse

_FORMAT = "quantumlink shared secret 1"

_UNFINISHED = ".new"

_TELLING = 128
"""As many bits that are all alike come from no source of secrets."""


class SecretExhausted(ValueError):
    """Too few bits are left of the secret that authenticates."""


class SharedSecret:
    """Secret bits that two ends share beforehand, taken in order and never twice.

    It cannot be copied or pickled, and is of no use in a forked process: two copies would use the same bits twice.

    Args:
        bits: the secret; a copy is taken.
        epsilon: how far it may be from a perfect secret, as keys have it that it is made of.

    Raises:
        ValueError: if they are no bit string, or 128 bits and more that are all alike.

    >>> secret = SharedSecret(np.random.default_rng(1).integers(0, 2, 256))  # in earnest: from the system, shared
    >>> len(secret.take(128)), secret, secret.index
    (128, SharedSecret(128 bits left), 128)
    """

    # No dictionary: `vars` and what prints it show no bit.
    __slots__ = ("_bits", "_index", "_lock", "_once", "_path", "_start", "epsilon")

    def __init__(self, bits: ArrayLike, *, epsilon: float = 0.0) -> None:
        self._bits = _secret_bits(bits).copy()
        self._start = 0
        self._index = 0
        self._path: Path | None = None
        self._lock: FileLock | None = None
        self._once = SingleUse("a shared secret")
        self.epsilon = validation.probability("epsilon", epsilon)
        """How far the bits may be from perfect secrets, that of all keys they came from together."""

    @classmethod
    def create(cls, path: str | Path, bits: ArrayLike, *, epsilon: float = 0.0) -> SharedSecret:
        """A secret that lives in a new file, readable to its owner alone.

        Raises:
            FileExistsError: if there is a file of that name: overwriting it would start its count anew.
            OSError: if it cannot be written.
            ValueError: as for ``SharedSecret(bits)``.
        """
        secret = cls(bits, epsilon=epsilon)
        file = Path(path).resolve()
        secret._lock = FileLock(file)
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            secret._path = file
            try:
                secret._lock.restart()
                secret._store()
            except BaseException:
                file.unlink(missing_ok=True)
                raise
        except BaseException:
            secret.close()
            raise
        return secret

    @classmethod
    def open(cls, path: str | Path) -> SharedSecret:
        """The secret of a file that `create` made, with what is left of it.

        Raises:
            BlockingIOError: if somebody holds it open already.
            ValueError: if the file is none of this kind, or damaged; if its count is missing or damaged; if it is
                an old copy, from before bits were appended that have been used; or if it has several names (hard
                links), of which each would keep bits of its own.
            OSError: if it cannot be read.
        """
        file = Path(path).resolve()  # a link to it, or another directory to work in, is no second secret
        if file.stat().st_nlink > 1:
            raise ValueError(f"{str(path)!r} must have one name, but it has {file.stat().st_nlink} (hard links)")
        lock = FileLock(file)
        try:
            secret = cls._read(file, str(path))
            if lock.count > secret._index + len(secret):
                raise ValueError(
                    f"{str(path)!r} is an old copy: it ends at bit {secret._index + len(secret)}, and {lock.count} "
                    "have been used; both ends need a new secret"
                )
            _remove_leftovers(file)
            secret._path, secret._lock = file, lock
            if lock.count > secret._index:
                secret._advance(lock.count)
        except BaseException:
            lock.close()
            raise
        return secret

    @classmethod
    def _read(cls, file: Path, name: str) -> SharedSecret:
        head, _, body = file.read_bytes().partition(b"\n")
        try:
            fields = json.loads(head)
            kind, index, count, epsilon = (fields[name] for name in ("kind", "index", "bits", "epsilon"))
            if kind != _FORMAT or len(body) != (count + 7) // 8:
                raise ValueError
            bits = np.unpackbits(np.frombuffer(body, dtype=np.uint8), count=count)
            secret = cls(bits, epsilon=epsilon)
            secret._start = secret._index = validation.count("index", index)
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{name!r} holds no shared secret, or is damaged") from None
        return secret

    def close(self) -> None:
        """Let go of the file; what is left is forgotten here."""
        self._bits, self._start = self._bits[:0], self._index
        self._path = None
        if self._lock is not None:
            self._lock.close()

    @property
    def index(self) -> int:
        """How many bits were taken or skipped since the beginning."""
        return self._index

    def repeats(self, other: SharedSecret) -> bool:
        """Whether it holds bits of another one at the same places: 128 and more that are equal are no chance."""
        if other is self:
            return True
        begin = max(self._index, other._index)
        bits = min(self._index + len(self), other._index + len(other)) - begin
        if bits < _TELLING:
            return False
        mine, others = (s._bits[begin - s._start :][:bits].tobytes() for s in (self, other))
        return compare_digest(mine, others)

    def __len__(self) -> int:
        return self._start + len(self._bits) - self._index

    def __repr__(self) -> str:
        return f"SharedSecret({len(self)} bits left)"

    def take(self, count: int) -> Bits:
        """The next ``count`` bits, which are then gone.

        Raises:
            SecretExhausted: if fewer are left.
            OSError: if the count cannot be stored; nothing is taken then.
            RuntimeError: in a process that was forked from the one that made this.
        """
        with self._once:
            if validation.count("count", count) > len(self):
                raise SecretExhausted(f"{count} bits of the shared secret are needed, {len(self)} are left")
            begin = self._index - self._start
            taken = self._bits[begin : begin + count].copy()
            self._advance(self._index + count)
        return taken

    def skip_to(self, index: int) -> None:
        """Give up all bits before an index, which the other end has reached.

        Raises:
            ValueError: if the index was passed already.
            SecretExhausted: if the secret does not reach so far.
            OSError: if the count cannot be stored; nothing is skipped then.
            RuntimeError: in a process that was forked from the one that made this.
        """
        with self._once:
            if validation.count("index", index) < self._index:
                raise ValueError(f"index must be at least {self._index}, for earlier bits are gone; got {index}")
            if index > (end := self._index + len(self)):
                raise SecretExhausted(f"the other end is at bit {index}, this secret ends at {end}")
            self._advance(index)

    def refill(self, bits: ArrayLike, *, epsilon: float = 0.0) -> None:
        """Append fresh secret bits, as both ends must do alike.

        Args:
            bits: what ``key.take`` gave, say: an array of bits, or bytes of them (the first bit first).
            epsilon: how far these may be from perfect, apart from what is counted here already; the sum counts from
                here on. ``key.own_epsilon`` of a key that this very secret has authenticated, ``key.epsilon`` of
                any other one.

        Raises:
            ValueError: if they are no bit string, or 128 bits and more that are all alike.
        """
        if isinstance(bits, bytes):
            bits = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
        fresh, more = _secret_bits(bits), validation.probability("epsilon", epsilon)
        with self._once:
            before = self._bits, self._start, self.epsilon
            left = self._bits[self._index - self._start :]
            self._bits, self._start = np.concatenate([left, fresh]), self._index
            self.epsilon += more
            try:
                self._store()
            except OSError:
                self._bits, self._start, self.epsilon = before
                raise

    def _advance(self, index: int) -> None:
        before, self._index = self._index, index
        try:
            self._store()
        except OSError:
            self._index = before
            raise
        self._bits[: index - self._start] = 0

    def _store(self) -> None:
        """Replace the file by one without the bits that are gone; it is there, whole, before this returns."""
        if self._path is None or self._lock is None:
            return
        left = self._bits[self._index - self._start :]
        fields = {"kind": _FORMAT, "index": self._index, "bits": len(left), "epsilon": self.epsilon}
        data = json.dumps(fields).encode("ascii") + b"\n" + np.packbits(left).tobytes()
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.", suffix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        if os.name == "posix":  # the new name itself is on the disk only when the folder is
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        self._lock.raise_to(self._index)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a shared secret cannot be copied or pickled: its bits would be used twice")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a shared secret cannot be copied or pickled: its bits would be used twice")


def _secret_bits(bits: ArrayLike) -> Bits:
    """Bits that may be a secret: with zeros alone every message would have the same tag."""
    checked = as_bits("bits", bits)
    if len(checked) >= _TELLING and checked.min() == checked.max():
        raise ValueError(f"bits must be random and secret; got {len(checked)} bits that are all {checked[0]}")
    return checked


def _remove_leftovers(file: Path) -> None:
    """Remove what a process that was killed had begun to write: nobody else is at work on this file."""
    front = f".{file.name}."
    for entry in file.parent.iterdir():
        name = entry.name
        # A dot within: of another file, whose name begins alike.
        if (
            name.startswith(front)
            and name.endswith(_UNFINISHED)
            and "." not in name[len(front) : -len(_UNFINISHED)]
        ):
            entry.unlink(missing_ok=True)
