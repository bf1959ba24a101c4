"""Conditions of `if_test` in a form that can be compared, and evaluated for all shots at once.

A row of bits holds one bit a shot, eight to a byte, the first shot lowest: shape (⌈shots/8⌉,), as in stim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.conditions import check_condition, condition_bits, holds
from quantumlink.exact.expressions import check_types

Row = npt.NDArray[np.uint8]
"""One bit for each shot, packed."""


@dataclass(frozen=True)
class Parity:
    """Whether the parity of some bits is odd (or even)."""

    bits: tuple[int, ...]
    """The classical bits, by index."""
    odd: bool

    def evaluate(self, rows: Sequence[Row], every: Row) -> Row:
        """In which shots it holds.

        Args:
            rows: the value of each of the bits.
            every: the row with all shots set.
        """
        if self.odd and len(rows) == 1:
            return rows[0]
        result = np.zeros(len(every), dtype=np.uint8) if self.odd else every.copy()
        for row in rows:
            result ^= row
        return result


@dataclass(frozen=True)
class Equal:
    """Whether some bits, the first one lowest, spell a number."""

    bits: tuple[int, ...]
    value: int

    def evaluate(self, rows: Sequence[Row], every: Row) -> Row:
        """In which shots it holds: see `Parity.evaluate`."""
        result = every.copy() if 0 <= self.value < 1 << len(rows) else np.zeros_like(every)
        for i, row in enumerate(rows):
            result &= row if self.value >> i & 1 else every ^ row
        return result


@dataclass(frozen=True)
class Expression:
    """Any other classical expression: it is worked out once for each pattern of bits that occurs."""

    bits: tuple[int, ...]
    key: tuple[Any, ...]
    """The expression's content, with its bits by index."""
    node: expr.Expr = field(compare=False)
    clbits: tuple[Clbit, ...] = field(compare=False)
    """The bits as the expression calls them."""

    def evaluate(self, rows: Sequence[Row], every: Row) -> Row:
        """In which shots it holds: see `Parity.evaluate`."""
        if not rows:
            return every.copy() if holds(self.node, {}) else np.zeros_like(every)
        table = np.unpackbits(np.array(rows), axis=1, bitorder="little")
        packed = np.ascontiguousarray(np.packbits(table, axis=0).T)
        _, first, which = np.unique(
            packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_inverse=True
        )
        found = [
            holds(self.node, dict(zip(self.clbits, map(int, pattern), strict=True))) for pattern in table.T[first]
        ]
        result: Row = np.packbits(np.array(found)[which], bitorder="little") & every
        return result


Condition: TypeAlias = Parity | Equal | Expression


def read_condition(condition: Any, cell_of: Callable[[Clbit], int]) -> Condition:
    """What `if_test` was given, with its bits by index.

    Raises:
        UnsupportedOperation: if it reads a classical variable, holds a value of a type without a rule (a Duration),
            or has no one meaning (`check_condition`).

    >>> from qiskit.circuit import QuantumCircuit
    >>> circuit = QuantumCircuit(1, 3)
    >>> a, b, c = circuit.clbits
    >>> read_condition(expr.bit_not(expr.bit_xor(a, c)), {a: 0, b: 1, c: 2}.__getitem__)
    Parity(bits=(0, 2), odd=False)
    """
    check_condition(condition)
    if isinstance(condition, tuple):
        target, value = condition
        if isinstance(target, Clbit):
            return Parity((cell_of(target),), bool(value))
        return Equal(tuple(cell_of(bit) for bit in target), int(value))
    check_types(condition)
    parity = _parity(condition)
    if parity is not None:
        return Parity(tuple(sorted(cell_of(bit) for bit in parity[0])), not parity[1])
    clbits = tuple(sorted(condition_bits(condition), key=cell_of))
    return Expression(tuple(cell_of(bit) for bit in clbits), _key(condition, cell_of), condition, clbits)


def _parity(node: expr.Expr) -> tuple[frozenset[Clbit], bool] | None:
    """The bits whose xor an expression is, and whether that is inverted; None if it is something else."""
    if isinstance(node, expr.Value) and node.type == types.Bool():
        return frozenset(), bool(node.value)
    if isinstance(node, expr.Var) and isinstance(node.var, Clbit):
        return frozenset([node.var]), False
    if isinstance(node, expr.Unary) and node.op.name in ("LOGIC_NOT", "BIT_NOT") and node.type == types.Bool():
        inner = _parity(node.operand)
        return None if inner is None else (inner[0], not inner[1])
    if isinstance(node, expr.Binary) and node.op.name in ("BIT_XOR", "NOT_EQUAL", "EQUAL"):
        left, right = _parity(node.left), _parity(node.right)
        if left is None or right is None:
            return None
        return left[0] ^ right[0], left[1] ^ right[1] ^ (node.op.name == "EQUAL")
    return None


def _key(node: expr.Expr, cell_of: Callable[[Clbit], int]) -> tuple[Any, ...]:
    if isinstance(node, expr.Var):
        bits = list(node.var) if isinstance(node.var, ClassicalRegister) else [node.var]
        return ("bits", *(cell_of(bit) for bit in bits))
    if isinstance(node, expr.Value):
        return ("value", node.value, repr(node.type))
    if isinstance(node, expr.Cast):
        return ("cast", repr(node.type), _key(node.operand, cell_of))
    if isinstance(node, expr.Unary):
        return (node.op.name, repr(node.type), _key(node.operand, cell_of))
    if isinstance(node, expr.Binary):
        return (node.op.name, repr(node.type), _key(node.left, cell_of), _key(node.right, cell_of))
    if isinstance(node, expr.Index):
        return ("index", _key(node.target, cell_of), _key(node.index, cell_of))
    raise UnsupportedOperation(f"this classical expression is not supported: {node!r}")
