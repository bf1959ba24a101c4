"""Bases: in which the ends of a program are measured, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence

from quantumlink import validation
from quantumlink.program import Program
from quantumlink.readings.shared_state import MAX_ENDS, bases_for

OF_A_PAIR = (("XX", 1), ("YY", -1), ("ZZ", 1))
"""The stabilizers of Φ⁺ and their signs."""

_LETTERS = {1: "one-letter", 2: "two-letter", 3: "three-letter"}


def checked_bases(program: Program, bases: Sequence[str] | None) -> list[str]:
    """Labels with a letter for each end, each once; those that the fidelity needs if None.

    Raises:
        ValueError: if there are none, one is no label, or none are given and no bases tell the fidelity.
        TypeError: if it is no list of labels.
    """
    ends = len(program.ends)
    if bases is None:
        if ends == 2:
            return [label for label, _ in OF_A_PAIR]
        if not program.stabilizers:
            raise ValueError(
                f"bases must be given: what {'–'.join(program.ends)} are to share is not known to be a stabilizer "
                f"state (of at most {MAX_ENDS} ends), so that no bases tell its fidelity"
            )
        return bases_for(program.stabilizers)
    labels = [bases] if isinstance(bases, str) else list(validation.sequence("bases", bases, "labels"))
    for label in labels:
        if not is_basis(label, ends):
            letters = _LETTERS.get(ends, f"{ends}-letter")
            raise ValueError(f"bases must be {letters} labels of X, Y, Z such as {'Z' * ends!r}; got {label!r}")
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"bases must hold at least one label, each once; got {labels}")
    return labels


def is_basis(label: object, ends: int) -> bool:
    """Whether it is a label with a letter X, Y or Z for each of so many ends."""
    return isinstance(label, str) and len(label) == ends and not set(label) - set("XYZ")


def sign_of(pauli: str, outcome: int) -> int:
    """The eigenvalue of a label for an outcome 0, 1, …, the first, left end as the least significant bit."""
    bits = (outcome >> end & 1 for end in reversed(range(len(pauli))))
    return 1 - 2 * (sum(bit for bit, letter in zip(bits, pauli, strict=True) if letter != "I") % 2)
