"""Conversations about successive blocks over one line, a few of them at once, so that neither end waits.

Within a conversation the ends take turns: while Alice sifts, Bob waits; while he decodes, she does. With two under
way each works at one block while the other works at another, and a slow line holds nobody up.

Each conversation is what it is by itself: its own raw records, transcript, tags and part of the shared secret. All
may take theirs from one `SharedSecret`: the ends compare their places when each begins. What is added is the
number of the conversation, eight bytes before each message. It is not authenticated: a message under a wrong
number is heard by an end that was told other things before, and which gives up as for any changed message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from quantumlink import validation
from quantumlink.distillation.ends import Alice, Bob
from quantumlink.distillation.key import Key

_NUMBER: Final = 8


class Interleaved:
    """One end of several conversations over a line that keeps messages in order.

    Args:
        ends: `Alice` of each block, or `Bob` of each, made when it is asked for: a generator that waits for the
            records of the next block will do.
        on_key: told of each block, as soon as its conversation is over: its number, from 0, and the key or refusal.
        at_once: how many conversations are under way at most; at Bob's end no fewer than at Alice's.

    Raises:
        ValueError: if ``at_once`` is no whole number of at least 1.

    >>> import numpy as np
    >>> from quantumlink.qkd import AUTHENTICATION_BITS, Agreement, Records, SharedSecret
    >>> rng = np.random.default_rng(5)
    >>> agreed = Agreement(protocol="BB84", rounds=160_000)
    >>> bits, hers, his = rng.integers(0, 2, (3, 4, 160_000))
    >>> heard = np.where(hers == his, bits, rng.integers(0, 2, (4, 160_000)))
    >>> shared = rng.integers(0, 2, 4 * AUTHENTICATION_BITS)  # in earnest: from the keys before
    >>> def ends(kind, bits, settings):
    ...     secret = SharedSecret(shared)
    ...     for block in range(4):
    ...         yield kind(Records(bits=bits[block], settings=settings[block]), agreement=agreed, secret=secret)
    >>> keys = {"Alice": {}, "Bob": {}}
    >>> alice = Interleaved(ends(Alice, bits, hers), on_key=keys["Alice"].__setitem__)
    >>> bob = Interleaved(ends(Bob, heard, his), on_key=keys["Bob"].__setitem__)
    >>> said = alice.open()
    >>> while said:  # in earnest, a line between two machines
    ...     said = [line for heard in said for line in bob.receive(heard)]
    ...     said = [line for heard in said for line in alice.receive(heard)]
    >>> alice.finished, [np.array_equal(keys["Alice"][i].secret_bits, keys["Bob"][i].secret_bits) for i in range(4)]
    (True, [True, True, True, True])
    """

    def __init__(
        self,
        ends: Iterable[Alice] | Iterable[Bob],
        *,
        on_key: Callable[[int, Key], object],
        at_once: int = 2,
    ) -> None:
        self._coming: Iterator[Alice | Bob] = iter(ends)
        self._on_key, self._at_once = on_key, validation.count("at_once", at_once, at_least=1)
        self._under_way: dict[int, Alice | Bob] = {}
        self._begun, self._more, self._opens = 0, True, False

    @property
    def finished(self) -> bool:
        """Whether there are no more blocks, or the line was lost."""
        return not self._more and not self._under_way

    def open(self) -> list[bytes]:
        """Alice's first messages, which make this end hers.

        Raises:
            RuntimeError: if the conversations have begun already.
        """
        if self._begun or self._opens:
            raise RuntimeError("the conversations have begun already")
        self._opens = True
        return self._opened()

    def receive(self, line: bytes) -> list[bytes]:
        """Hear a message; returns what to say, of which some may begin the next conversations.

        A message of no conversation that is under way, or that may begin, is passed over.
        """
        number = int.from_bytes(line[:_NUMBER], "big")
        if not self._opens and number == self._begun:
            self._begin()
        end = self._under_way.get(number)
        if end is None or len(line) < _NUMBER:
            return []
        answer = end.receive(line[_NUMBER:])
        said = [] if answer is None else [_numbered(number, answer)]
        if end.finished:
            self._close(number)
            said += self._opened() if self._opens else []
        return said

    def hang_up(self, reason: str = "the line was lost before the conversation was complete") -> None:
        """Take note that nothing more will arrive: conversations under way end without a key."""
        self._more = False
        for number in list(self._under_way):
            self._under_way[number].hang_up(reason)
            self._close(number)

    def _opened(self) -> list[bytes]:
        """The first messages of as many conversations as may begin."""
        said = []
        while (end := self._begin()) is not None:
            if not isinstance(end, Alice):
                raise TypeError(f"ends must be Alice's where they open conversations, got {end!r}")
            said.append(_numbered(self._begun - 1, end.open()))
        return said

    def _begin(self) -> Alice | Bob | None:
        """The end of the next block, if one may begin and there is one."""
        if not self._more or len(self._under_way) >= self._at_once:
            return None
        end = next(self._coming, None)
        if end is None:
            self._more = False
            return None
        self._under_way[self._begun] = end
        self._begun += 1
        return end

    def _close(self, number: int) -> None:
        self._on_key(number, self._under_way.pop(number).key)


def _numbered(number: int, line: bytes) -> bytes:
    return number.to_bytes(_NUMBER, "big") + line
