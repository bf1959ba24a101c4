"""The condition of a correction: that a parity of classical bits is odd, flat, as hardware wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr

Condition: TypeAlias = tuple[Clbit, int] | Any
"""What `if_test` takes: (bit, value), or a classical expression."""


def odd_parity(bits: Sequence[Clbit]) -> Condition:
    """The condition that an odd number of the bits is set: one flat xor, as hardware wants it.

    Raises:
        ValueError: if there are no bits.

    >>> from qiskit.circuit import ClassicalRegister
    >>> odd_parity(ClassicalRegister(1, "c"))
    (<Clbit register=(1, "c"), index=0>, 1)
    """
    if len(bits) == 0:
        raise ValueError("bits must name at least one classical bit, got none")
    if len(bits) == 1:
        return bits[0], 1
    # As a balanced tree: Qiskit walks expressions recursively.
    parts: list[expr.Expr] = [expr.lift(bit) for bit in bits]
    while len(parts) > 1:
        pairs = [expr.bit_xor(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]
