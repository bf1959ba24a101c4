"""Decoders: from a syndrome to the Pauli string that is to be done about it.

Anything with a ``name`` and a method ``corrections(code, syndromes)`` is a decoder. Its answer must have the
syndrome that was asked for; where it is another representative than the error, the logical class is what counts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np

from quantumlink import validation
from quantumlink.arrays import Bits, IndexArray, IntArray
from quantumlink.circuits import Code, load_entry_points

_INSTEAD = ", or use decode='lookup' for small codes"

MAX_TABLE = 16
"""Most stabilizers of a code whose syndromes are all looked up: a table of 65,536."""


@runtime_checkable
class Decoder(Hashable, Protocol):
    """What turns syndromes into corrections."""

    @property
    def name(self) -> str:
        """What it is called."""

    def corrections(self, code: Code, syndromes: Bits) -> Bits:
        """Pauli strings with these syndromes: shape (syndromes, r) to (syndromes, 2n), bits (x | z).

        The same for the same syndrome each time: what is found once is kept.
        """


@dataclass(frozen=True)
class Lookup:
    """The lightest Pauli string of every syndrome, found once for all: any code of at most 16 stabilizers.

    Of several equally light ones that with the fewest Y's is taken, then the first in the order of places.
    """

    name: str = field(default="lookup", init=False)

    def corrections(self, code: Code, syndromes: Bits) -> Bits:
        """Pauli strings with these syndromes, the lightest.

        Raises:
            ValueError: if the code has too many stabilizers for a table, or these are no syndromes of it.
        """
        asked = as_syndromes(code, syndromes)
        found: Bits = _table(code)[asked @ _weights(asked.shape[1])]
        return found


@dataclass(frozen=True)
class Matching:
    """Minimum-weight perfect matching of X checks and of Z checks, each for itself (PyMatching, extra ``qec``).

    For codes of X and Z checks on whose every qubit at most two checks of a kind act: surface and repetition codes.
    """

    name: str = field(default="matching", init=False)

    def corrections(self, code: Code, syndromes: Bits) -> Bits:
        """Pauli strings with these syndromes, the fewest X's and the fewest Z's.

        Raises:
            ValueError: if the code does not fit, or these are no syndromes of it.
            ModuleNotFoundError: without PyMatching.
        """
        asked = as_syndromes(code, syndromes)
        found = np.zeros((len(asked), 2 * code.qubits), dtype=np.uint8)
        for checks, columns, matching in _matchings(code):
            found[:, columns] = matching.decode_batch(np.ascontiguousarray(asked[:, checks]))
        return found


@dataclass(frozen=True)
class BpOsd:
    """Belief propagation with ordered statistics (ldpc, extra ``qec``): any code.

    Args:
        error_rate: what it takes the probability of each of X, Y and Z on a qubit to be, in (0, 1/3).
        order: of the ordered statistics (combination sweep), at least 0.
    """

    error_rate: float = 0.03
    """What it takes the probability of each of X, Y and Z on a qubit to be."""
    order: int = 4
    """Of the ordered statistics."""
    name: str = field(default="bposd", init=False)

    def __post_init__(self) -> None:
        rate = validation.positive("error_rate", self.error_rate, at_most=1 / 3)
        object.__setattr__(self, "error_rate", rate)
        object.__setattr__(self, "order", validation.count("order", self.order))

    def corrections(self, code: Code, syndromes: Bits) -> Bits:
        """Pauli strings with these syndromes, likely ones.

        Raises:
            ValueError: if these are no syndromes of the code.
            ModuleNotFoundError: without ldpc.
        """
        decode = _bposd(code, self.error_rate, self.order).decode
        distinct, which = np.unique(as_syndromes(code, syndromes), axis=0, return_inverse=True)
        n = code.qubits
        letters = np.array([decode(row) if row.any() else np.zeros(3 * n) for row in distinct], dtype=np.uint8)
        x, y, z = letters[:, :n], letters[:, n : 2 * n], letters[:, 2 * n :]
        return np.hstack([x ^ y, z ^ y])[which.reshape(-1)]


_OURS: dict[str, type] = {"lookup": Lookup, "matching": Matching, "bposd": BpOsd}
_added: dict[str, Decoder] = {}


def is_decoder(name: str) -> bool:
    """Whether a decoder has that name."""
    return name in (*_OURS, *_added) or name in decoder_names()


def decoder_names() -> tuple[str, ...]:
    """The names of all decoders, the library's first, those of installed packages included."""
    load_entry_points()
    return (*_OURS, *_added)


def as_decoder(argument: str, given: Any) -> Decoder:
    """A decoder of its name, or itself.

    Raises:
        ValueError: if the name is unknown.
        TypeError: if it is neither.
    """
    if isinstance(given, str):
        if not is_decoder(given):
            validation.choice(argument, given, decoder_names())
        made: Decoder = _added[given] if given in _added else _OURS[given]()
        return made
    if not isinstance(given, Decoder) or isinstance(given, type) or not isinstance(given.name, str):
        raise TypeError(
            f"{argument} must be one of {', '.join(decoder_names())}, or an object with a name and a method "
            f"corrections(code, syndromes); got {given!r}"
        )
    return given


def add_decoder(name: str, decoder: Decoder) -> None:
    """Let a decoder of somebody else be known by a name, until `forget_decoder`.

    Raises:
        ValueError: if the name is the library's, or that of another decoder.
        TypeError: if it is no decoder.
    """
    if name in _OURS:
        raise ValueError(f"the decoder {name!r} is the library's own")
    if _added.setdefault(name, as_decoder("decoder", decoder)) != decoder:
        raise ValueError(f"the decoder {name!r} is {_added[name]!r} already")


def forget_decoder(name: str) -> None:
    """Take back what `add_decoder` added.

    Raises:
        ValueError: if it did not.
    """
    if name not in _added:
        raise ValueError(f"no decoder {name!r} was registered")
    del _added[name]


def name_of_decoder(decoder: Decoder) -> str | None:
    """The name by which a decoder is known, None if it has none."""
    return next((name for name in (*_OURS, *_added) if as_decoder("decoder", name) == decoder), None)


def decoded(code: Code, decoder: Decoder, syndromes: Bits) -> Bits:
    """A decoder's corrections, once they are known to have the syndromes.

    Raises:
        ValueError: if the decoder does not fit the code.
    """
    given = decoder.corrections(
        code, syndromes.copy()
    )  # a decoder that works in place must not change the question
    found = as_bits(given, (len(syndromes), 2 * code.qubits))
    if found is None:
        raise ValueError(
            f"the decoder {decoder.name!r} must give corrections of 0 and 1 in the shape "
            f"{(len(syndromes), 2 * code.qubits)} for {code!r}, got {_told(given)}"
        )
    wrong = np.flatnonzero((code.syndromes(found) != syndromes).any(axis=1))
    if len(wrong):
        raise ValueError(
            f"the decoder {decoder.name!r} does not fit {code!r}: its correction for the syndrome "
            f"{syndromes[wrong[0]].tolist()} has another one, {code.syndromes(found[wrong[:1]])[0].tolist()}"
        )
    return found


def as_syndromes(code: Code, given: Any) -> Bits:
    """Syndromes of a code, shape (syndromes, r).

    Raises:
        ValueError: if they have another shape, or are no bits.
    """
    r = len(code.stabilizers)
    found = as_bits(given, (None, r))
    if found is None:
        raise ValueError(f"syndromes of {code!r} must be 0 and 1 in the shape (syndromes, {r}), got {_told(given)}")
    return found


def as_bits(given: Any, shape: tuple[int | None, int]) -> Bits | None:
    """An array of that shape (None for any number of rows), None if it has another or holds more than 0 and 1."""
    try:
        found = np.asarray(given)
    except ValueError:  # rows of different lengths
        return None
    rows, columns = shape
    if found.ndim != 2 or found.shape[1] != columns or rows not in (None, len(found)):
        return None
    if found.dtype.kind not in "biuf" or not ((found == 0) | (found == 1)).all():
        return None
    return found.astype(np.uint8)


def _told(given: Any) -> str:
    if not isinstance(given, np.ndarray):
        return repr(given)[:80]
    return f"shape {given.shape} of {given.dtype}, such as {given.flat[:4].tolist()}"


def check_fit(code: Code, decoder: Decoder) -> None:
    """Refuse a decoder that does not fit a code, by the syndromes of errors on one qubit.

    Raises:
        ValueError: if it does not fit.
        ModuleNotFoundError: if it needs an extra that is missing.
    """
    errors = np.vstack([np.zeros((1, 2 * code.qubits), np.uint8), np.eye(2 * code.qubits, dtype=np.uint8)])
    decoded(code, decoder, code.syndromes(errors))


def all_syndromes(stabilizers: int) -> Bits:
    """Every syndrome, shape (2^r, r): number i has the bits of i, the lowest first."""
    return (np.arange(1 << stabilizers)[:, None] >> np.arange(stabilizers) & 1).astype(np.uint8)


def _weights(bits: int) -> IntArray:
    return 1 << np.arange(bits, dtype=np.int64)


@lru_cache(maxsize=32)
def _table(code: Code) -> Bits:
    """The lightest Pauli string of every syndrome, shape (2^r, 2n)."""
    r, n = len(code.stabilizers), code.qubits
    if r > MAX_TABLE:
        raise ValueError(
            f"decode='lookup' keeps a table of all syndromes, for at most {MAX_TABLE} stabilizers; {code!r} has "
            f"{r}: use decode='matching' where that fits, or 'bposd'"
        )
    # The syndromes of X, Z and Y on each qubit, as numbers.
    single = code.syndromes(np.eye(2 * n, dtype=np.uint8)).astype(np.int64) @ _weights(r)
    letters = np.stack([single[:n], single[n:], single[:n] ^ single[n:]], axis=1)
    every = np.arange(1 << r)
    best = _lightest(letters, r)
    table = np.zeros((1 << r, 2 * n), dtype=np.uint8)
    left = every.copy()
    for qubit in range(n):  # the first letter that the best string may have here
        open_, now = np.ones(1 << r, dtype=bool), left.copy()
        for letter, syndrome in enumerate(letters[qubit]):
            fits = open_ & (best[qubit][now] == best[qubit + 1][now ^ syndrome] + _cost(qubit, n, letter))
            open_ &= ~fits
            left[fits] ^= syndrome
            table[fits, qubit] = letter != 1
            table[fits, n + qubit] = letter != 0
    return table


def _lightest(letters: IntArray, stabilizers: int) -> list[IntArray]:
    """What the best string on the last qubits costs, of each first one of them and of each syndrome.

    Args:
        letters: shape (n, 3): the syndromes of X, Z and Y on each qubit, as numbers.
        stabilizers: how many there are.
    """
    n, every = len(letters), np.arange(1 << stabilizers)
    kind = np.int64 if n <= _LONGEST else object
    best = [np.array([0 if syndrome == 0 else _NONE << n for syndrome in every], dtype=kind)]
    for qubit in range(n - 1, -1, -1):
        found = best[0]
        for letter, syndrome in enumerate(letters[qubit]):
            found = np.minimum(found, best[0][every ^ syndrome] + _cost(qubit, n, letter))
        best.insert(0, found)
    return best


_LONGEST = 50
"""Qubits for which costs fit into 64 bits."""

_NONE = 1 << 11
"""More than any string weighs: at most one letter a stabilizer, 32 for each, and a Y for each."""


def _cost(qubit: int, n: int, letter: int) -> int:
    """Fewest letters first, then those on the first qubits, then fewest Y's."""
    return (1 << n + 6) - (1 << n - 1 - qubit + 5) + (letter == 2)


@lru_cache(maxsize=32)
def _matchings(code: Code) -> list[tuple[IndexArray, slice, Any]]:
    """Of X and of Z errors: the checks that see them, their columns in (x | z), and the matching."""
    n = code.qubits
    if not code.is_css:
        mixed = next(s for s in code.stabilizers if len(set(s) - {"I"}) > 1)
        raise ValueError(
            f"decode='matching' needs stabilizers of X alone or of Z alone, {code.name} has {mixed!r}: "
            f"use 'lookup' or 'bposd'"
        )
    found = []
    for letter, errors, columns in (("Z", "X", slice(0, n)), ("X", "Z", slice(n, 2 * n))):
        checks = np.array([i for i, s in enumerate(code.stabilizers) if letter in s], dtype=np.intp)
        if not len(checks):
            continue
        matrix = np.array([[c == letter for c in code.stabilizers[i]] for i in checks], dtype=np.uint8)
        if (worst := int(matrix.sum(axis=0).max())) > 2:
            qubit = int(matrix.sum(axis=0).argmax())
            raise ValueError(
                f"decode='matching' needs at most two {letter} stabilizers on each qubit, so that {errors} on it "
                f"is an edge; {code.name} has {worst} on qubit {qubit}: use 'lookup' or 'bposd'"
            )
        found.append((checks, columns, matching_module().Matching(matrix)))
    return found


def matching_module(asking: str = "decode='matching'", instead: str = _INSTEAD) -> Any:
    """The module pymatching.

    Args:
        asking: what needs it.
        instead: what else may be done, for the text of the error.

    Raises:
        ModuleNotFoundError: if it is not installed; the text says how to.
    """
    try:
        import pymatching
    except ModuleNotFoundError as error:
        raise _missing(asking, "PyMatching", error, instead) from error
    return pymatching


@lru_cache(maxsize=32)
def _bposd(code: Code, error_rate: float, order: int) -> Any:
    try:
        from ldpc import BpOsdDecoder  # type: ignore[attr-defined,unused-ignore]
    except ModuleNotFoundError as error:
        raise _missing("decode='bposd'", "ldpc", error, _INSTEAD) from error
    from scipy.sparse import csr_matrix

    n, identity = code.qubits, np.eye(2 * code.qubits, dtype=np.uint8)
    x, z = code.syndromes(identity[:n]).T, code.syndromes(identity[n:]).T
    columns = csr_matrix(np.hstack([x, x ^ z, z]))
    sweep = min(order, max(0, 3 * n - len(code.stabilizers)))
    return BpOsdDecoder(columns, error_rate=error_rate, osd_method="osd_cs", osd_order=sweep, max_iter=30)


def _missing(asking: str, package: str, error: ModuleNotFoundError, instead: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"{asking} needs {package}, which is not installed: install quantumlink with the extra 'qec' "
        f"(pip install -e '.[qec]'){instead}",
        name=error.name,
    )
