"""Stabilizer codes as data: their stabilizers, their logical operators, and the algebra of Pauli strings in bits.

A Pauli string on n qubits is a row of 2n bits (x | z): its letter on qubit i is X, Z or Y where x, z or both are 1.
Two strings anticommute where x·z′ + z·x′ is odd. A text has the letter of qubit 0 first.

References:
    D. Gottesman, Stabilizer codes and quantum error correction, arXiv:quant-ph/9705052 (1997).
    H. Bombin, M. A. Martin-Delgado, Phys. Rev. A 76, 012305 (2007): rotated surface codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from quantumlink_circuits.arguments import whole_number

Bits = npt.NDArray[np.uint8]
"""Pauli strings, shape (strings, 2n), or bits."""

STABILIZER_CODES: dict[str, tuple[str, ...]] = {
    "four_two_two": ("XXXX", "ZZZZ"),
    "five_qubit": ("XZZXI", "IXZZX", "XIXZZ", "ZXIXZ"),
    "steane": ("IIIXXXX", "IXXIIXX", "XIXIXIX", "IIIZZZZ", "IZZIIZZ", "ZIZIZIZ"),
}
"""Stabilizers by name: [[4,2,2]], [[5,1,3]] and [[7,1,3]]."""


MAX_QUBITS = 1000
"""Most physical qubits of a code."""


@dataclass(frozen=True, init=False)
class Code:
    """A stabilizer code: n qubits, r commuting and independent stabilizers, n − r logical qubits.

    Args:
        stabilizers: Pauli strings of letters I, X, Y, Z, the first letter for qubit 0.
        logical_x: the logical X of each logical qubit; found from the stabilizers if None.
        logical_z: the logical Z of each logical qubit; found from the stabilizers if None.
        name: what it is called.

    Raises:
        TypeError: if it is not made of texts.
        ValueError: if there is no stabilizer, one has another length or other letters, two do not commute, one is a
            product of others; or a logical operator does not commute with all of them, or with one of another
            qubit, or a pair X, Z does not anticommute.

    >>> code = Code(["ZZI", "IZZ"])
    >>> code
    <Code stabilizers: 3 qubits, 2 stabilizers, 1 logical qubit>
    >>> code.logical_x, code.logical_z
    (('XXX',), ('ZII',))
    """

    name: str
    """What it is called."""
    stabilizers: tuple[str, ...]
    """The stabilizers, the first letter of each for qubit 0."""
    logical_x: tuple[str, ...]
    """The logical X of each logical qubit."""
    logical_z: tuple[str, ...]
    """The logical Z of each logical qubit."""

    def __init__(
        self,
        stabilizers: Sequence[str],
        logical_x: Sequence[str] | None = None,
        logical_z: Sequence[str] | None = None,
        *,
        name: str = "stabilizers",
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"name must be a text that is not empty, got {name!r}")
        matrix = checked_stabilizers(stabilizers)
        destabilizers(matrix)  # refuses what is not independent
        if (logical_x is None) != (logical_z is None):
            raise ValueError("give both logical_x and logical_z, or neither")
        if logical_x is None or logical_z is None:
            found_x, found_z = (tuple(map(text_of, rows)) for rows in _logical_operators(matrix))
        else:
            found_x = _logical("logical_x", logical_x, matrix)
            found_z = _logical("logical_z", logical_z, matrix)
            _check_pairs(found_x, found_z)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stabilizers", tuple(stabilizers))
        object.__setattr__(self, "logical_x", found_x)
        object.__setattr__(self, "logical_z", found_z)

    @property
    def qubits(self) -> int:
        """How many physical qubits it has, n."""
        return len(self.stabilizers[0])

    @property
    def logical_qubits(self) -> int:
        """How many logical qubits it has."""
        return self.qubits - len(self.stabilizers)

    @cached_property
    def matrix(self) -> Bits:
        """The stabilizers as bits, shape (r, 2n)."""
        return bits_of(self.stabilizers)

    @cached_property
    def logical_matrix(self) -> Bits:
        """The logical operators as bits, shape (2k, 2n): every X, then every Z."""
        return bits_of((*self.logical_x, *self.logical_z), self.qubits)

    @cached_property
    def destabilizers(self) -> Bits:
        """Shape (r, 2n): row i anticommutes with stabilizer i, and commutes with all else and every logical one."""
        rows = np.vstack([self.matrix, self.logical_matrix])
        return destabilizers(rows)[: len(self.matrix)]

    @cached_property
    def is_css(self) -> bool:
        """Whether every stabilizer is of X alone, or of Z alone."""
        n = self.qubits
        return not np.any(self.matrix[:, :n].any(axis=1) & self.matrix[:, n:].any(axis=1))

    def syndromes(self, errors: Bits) -> Bits:
        """Which stabilizers errors violate: shape (errors, 2n) to (errors, r)."""
        return anticommuting(errors, self.matrix)

    def logical_flips(self, errors: Bits) -> Bits:
        """Which logical operators errors turn round: shape (errors, 2n) to (errors, 2k), every X, then every Z."""
        return anticommuting(errors, self.logical_matrix)

    def __repr__(self) -> str:
        counts = {"qubit": self.qubits, "stabilizer": len(self.stabilizers), "logical qubit": self.logical_qubits}
        told = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items())
        return f"<Code {self.name}: {told}>"


def surface_code(distance: int) -> Code:
    """The rotated surface code, d² qubits in rows, odd d ≥ 3: logical X down the first column, Z along a row.

    Args:
        distance: d, with d² at most `MAX_QUBITS`.

    Raises:
        TypeError: if the distance is no whole number.
        ValueError: if it is even, less than 3, or takes too many qubits.

    >>> surface_code(3)
    <Code surface:3: 9 qubits, 8 stabilizers, 1 logical qubit>
    """
    d = whole_number("distance", distance, at_least=3)
    if d % 2 == 0:
        raise ValueError(f"distance must be an odd whole number, at least 3; got {distance!r}")
    if d * d > MAX_QUBITS:
        raise ValueError(f"a code has at most {MAX_QUBITS} qubits, distance {d} takes {d * d}")
    stabilizers = []
    for row in range(-1, d):
        for column in range(-1, d):
            letter = "X" if (row + column) % 2 else "Z"
            inside = [(r, c) for r in (row, row + 1) for c in (column, column + 1) if 0 <= r < d and 0 <= c < d]
            # Two qubits at an edge: X's above and below, Z's on the left and the right.
            edge = "X" if row in (-1, d - 1) else "Z"
            if len(inside) == 4 or (len(inside) == 2 and letter == edge):
                stabilizers.append(_string(d * d, [r * d + c for r, c in inside], letter))
    stabilizers.sort(key=lambda s: "Z" in s)
    down = _string(d * d, range(0, d * d, d), "X")
    along = _string(d * d, range(d), "Z")
    return Code(stabilizers, [down], [along], name=f"surface:{d}")


def repetition_code(distance: int, letter: str = "Z") -> Code:
    """The repetition code of d qubits, stabilizers ``ZZ`` of neighbors (or ``XX``): corrects one kind of flip.

    Args:
        distance: d, from 2 on.
        letter: of the stabilizers: ``"Z"`` corrects bit flips, ``"X"`` phase flips.

    Raises:
        TypeError: if the distance is no whole number.
        ValueError: if it is less than 2 or more than `MAX_QUBITS`, or the letter is another.

    >>> repetition_code(3)
    <Code repetition_z:3: 3 qubits, 2 stabilizers, 1 logical qubit>
    """
    if letter not in ("Z", "X"):
        raise ValueError(f"letter must be 'Z' or 'X', got {letter!r}")
    d, other = whole_number("distance", distance, at_least=2), "X" if letter == "Z" else "Z"
    if d > MAX_QUBITS:
        raise ValueError(f"distance must be a whole number, at least 2 and at most {MAX_QUBITS}; got {distance!r}")
    checks = [_string(d, (i, i + 1), letter) for i in range(d - 1)]
    long, short = _string(d, range(d), other), _string(d, [0], letter)
    x, z = (long, short) if letter == "Z" else (short, long)
    return Code(checks, [x], [z], name=f"repetition_{letter.lower()}:{d}")


def bits_of(strings: Sequence[str], qubits: int | None = None) -> Bits:
    """Pauli strings as bits (x | z), shape (strings, 2n)."""
    n = len(strings[0]) if qubits is None else qubits
    rows = [[c in "XY" for c in s] + [c in "YZ" for c in s] for s in strings]
    return np.array(rows, dtype=np.uint8).reshape(len(strings), 2 * n)


def text_of(row: Bits) -> str:
    """A Pauli string of its bits."""
    n = len(row) // 2
    return "".join("IXZY"[int(row[q]) + 2 * int(row[n + q])] for q in range(n))


def anticommuting(left: Bits, right: Bits) -> Bits:
    """1 where a row of one and a row of the other anticommute: shape (rows of left, rows of right)."""
    half = right.shape[1] // 2
    # In numbers of two bytes: sums of more than 255 bits must not wrap before their parity is taken.
    return (left.astype(np.int32) @ np.roll(right, half, axis=1).T.astype(np.int32) % 2).astype(np.uint8)


def checked_stabilizers(stabilizers: Sequence[str]) -> Bits:
    """The stabilizers as bits, shape (r, 2n), once they are known to be strings of one length that commute.

    Raises:
        TypeError: if they are not a sequence of texts.
        ValueError: as `Code`.
    """
    texts = isinstance(stabilizers, Sequence) and not isinstance(stabilizers, str)
    if not texts or not all(isinstance(s, str) for s in stabilizers):
        raise TypeError(f"code must be a name or a sequence of texts such as ['ZZI', 'IZZ'], got {stabilizers!r}")
    if not stabilizers:
        raise ValueError("code must have at least one stabilizer, got none")
    n = len(stabilizers[0])
    if n > MAX_QUBITS:
        raise ValueError(f"a code has at most {MAX_QUBITS} qubits, got stabilizers of {n} letters")
    for s in stabilizers:
        if set(s) - set("IXYZ") or len(s) != n or not set(s) - {"I"}:
            raise ValueError(f"stabilizers must consist of {n} letters I, X, Y, Z each, not all I; got {s!r}")
    matrix = bits_of(stabilizers)
    clash = np.argwhere(anticommuting(matrix, matrix))
    if len(clash):
        i, j = clash[0]
        raise ValueError(f"stabilizers must commute, got {stabilizers[i]!r} and {stabilizers[j]!r}")
    return matrix


def destabilizers(stabilizers: Bits) -> Bits:
    """For each of some independent strings one that anticommutes with it and commutes with the others.

    Raises:
        ValueError: if they are not independent.
    """
    r, width = stabilizers.shape
    # Row-reduce the matrix M of "anticommutes with": then each pivot column solves M·x = e_i for one i.
    rows = np.hstack([np.roll(stabilizers, width // 2, axis=1), np.eye(r, dtype=np.uint8)])
    pivots: list[int] = []
    for i in range(r):
        columns = np.flatnonzero(rows[i, :width])
        if not len(columns):
            raise ValueError(f"stabilizers must be independent, got number {i} as a product of those before it")
        pivots.append(int(columns[0]))
        for j in range(r):
            if j != i and rows[j, columns[0]]:
                rows[j] ^= rows[i]
    solutions = np.zeros((r, width), dtype=np.uint8)
    solutions[:, pivots] = rows[:, width:].T
    return solutions


def _logical_operators(stabilizers: Bits) -> tuple[list[Bits], list[Bits]]:
    """Pairs (X, Z) of logical operators, by a symplectic Gram–Schmidt of what commutes with all stabilizers."""
    left = _null_space(np.roll(stabilizers, stabilizers.shape[1] // 2, axis=1))
    x, z = [], []
    while left:
        row, *left = left
        partner = next((i for i, other in enumerate(left) if anticommuting(row[None], other[None])[0, 0]), None)
        if partner is None:
            continue  # a product of stabilizers
        other = left.pop(partner)
        x.append(row)
        z.append(other)
        left = [
            each
            ^ (row * anticommuting(each[None], other[None])[0, 0])
            ^ (other * anticommuting(each[None], row[None])[0, 0])
            for each in left
        ]
    return x, z


def _null_space(matrix: Bits) -> list[Bits]:
    """A basis of the rows v with matrix·v = 0."""
    rows = matrix.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        rank = len(pivots)
        below = np.flatnonzero(rows[rank:, column])
        if not len(below):
            continue
        rows[[rank, rank + below[0]]] = rows[[rank + below[0], rank]]
        others = np.flatnonzero(rows[:, column])
        rows[others[others != rank]] ^= rows[rank]
        pivots.append(column)
        if len(pivots) == len(rows):
            break
    basis = []
    for free in range(rows.shape[1]):
        if free not in pivots:
            v = np.zeros(rows.shape[1], dtype=np.uint8)
            v[free] = 1
            v[pivots] = rows[: len(pivots), free]
            basis.append(v)
    return basis


def _logical(argument: str, given: Sequence[str], stabilizers: Bits) -> tuple[str, ...]:
    r, width = stabilizers.shape
    n, k = width // 2, width // 2 - r
    texts = isinstance(given, Sequence) and not isinstance(given, str)
    if not texts or not all(isinstance(s, str) for s in given):
        raise TypeError(f"{argument} must be a sequence of texts such as ['XXX'], got {given!r}")
    if len(given) != k:
        raise ValueError(f"{argument} must name {k} operators, one a logical qubit; got {len(given)}")
    for s in given:
        if set(s) - set("IXYZ") or len(s) != n:
            raise ValueError(f"{argument} must consist of {n} letters I, X, Y, Z each; got {s!r}")
        clash = np.flatnonzero(anticommuting(bits_of([s]), stabilizers)[0])
        if len(clash):
            raise ValueError(
                f"{argument} must commute with all stabilizers, {s!r} does not with "
                f"{text_of(stabilizers[clash[0]])!r}"
            )
    return tuple(given)


def _check_pairs(x: Sequence[str], z: Sequence[str]) -> None:
    k = len(x)
    if not k:
        return
    rows = bits_of([*x, *z])
    wanted = np.roll(np.eye(2 * k, dtype=np.uint8), k, axis=1)
    wrong = np.argwhere(anticommuting(rows, rows) != wanted)
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"of the logical operators, X and Z of one qubit must anticommute and all others commute; "
            f"{text_of(rows[i])!r} and {text_of(rows[j])!r} do not fit"
        )


def _string(n: int, places: Sequence[int] | range, letter: str) -> str:
    at = set(places)
    return "".join(letter if q in at else "I" for q in range(n))
