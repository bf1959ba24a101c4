"""Forms of a condition with the same value: a parity of bits, a polynomial over two elements, single bits only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

from quantumlink.arrays import BoolArray
from quantumlink.exact.conditions import Condition, check_condition, condition_bits, holds
from quantumlink.exact.expressions import cells_of
from quantumlink.exact.transfer import UnsupportedOperation

Table: TypeAlias = BoolArray

MAX_TABLE_BITS = 12
"""Most bits of a condition that is told apart by its truth table: 4,096 rows."""

Polynomial: TypeAlias = frozenset[frozenset[Clbit]]
"""A Boolean function as its algebraic normal form: the products of bits whose xor it is; the empty product is 1."""


def parity_of(condition: Condition) -> tuple[frozenset[Clbit], bool] | None:
    """The bits whose parity a condition is, and whether it holds where that is even; None if it is something else.

    Whatever its form: ``(bit, 0)``, ``bit == True``, a xor, a register of one bit, and any other expression of up
    to `MAX_TABLE_BITS` bits that amounts to one.

    Raises:
        UnsupportedOperation: as `check_condition`.

    >>> a, b = ClassicalRegister(2, "c")
    >>> parity_of(expr.bit_not(expr.bit_xor(a, b))) == ({a, b}, True)
    True
    >>> parity_of(expr.logic_and(a, b)) is None
    True
    """
    check_condition(condition)
    if isinstance(condition, tuple):
        target, value = condition
        if isinstance(target, Clbit):
            return frozenset([target]), not value
        if int(value) >> len(target):
            return frozenset(), False
        if len(target) <= 1:
            return frozenset(target), not value
        return None
    if not all(isinstance(cell, Clbit) for cell in cells_of(condition)):
        return None
    return _parity_of_form(condition) or _parity_of_table(condition)


def polynomial_of(condition: Condition) -> Polynomial:
    """A condition as the xor of products of bits.

    Raises:
        UnsupportedOperation: as `check_condition`, and if it reads a classical variable, or more than
            `MAX_TABLE_BITS` bits otherwise than as their parity.

    >>> a, b = ClassicalRegister(2, "c")
    >>> polynomial_of(expr.logic_or(a, b)) == {frozenset([a]), frozenset([b]), frozenset([a, b])}
    True
    """
    parity = parity_of(condition)
    if parity is not None:
        bits, even = parity
        return frozenset([frozenset([bit]) for bit in bits] + [frozenset()] * even)
    order, table = _truth_table(condition)
    for i in range(len(order)):  # the Möbius transform: each coefficient is the xor over all subsets
        halves = table.reshape(-1, 2, 1 << i)
        halves[:, 1] ^= halves[:, 0]
    return frozenset(
        frozenset(bit for i, bit in enumerate(order) if number >> i & 1)
        for number in np.flatnonzero(table).tolist()
    )


def bitwise(condition: Condition) -> Condition | bool:
    """The same condition on single bits, of no register; True or False where it does not depend on them.

    Raises:
        UnsupportedOperation: as `polynomial_of`; ``(register, value)`` may be of any width.
    """
    parity = parity_of(condition)
    if parity is not None:
        bits, even = parity
        if not bits:
            return even
        if len(bits) == 1:
            return next(iter(bits)), int(not even)
        whole = _tree(expr.bit_xor, [expr.lift(bit) for bit in _ordered(bits)])
        return expr.logic_not(whole) if even else whole
    if isinstance(condition, tuple):
        register, value = condition
        return _tree(expr.bit_and, [_literal(bit, int(value) >> i & 1) for i, bit in enumerate(register)])
    order, table = _truth_table(condition)
    return _decided(order, table)


def mapped(condition: Condition, clbit_of: Mapping[Clbit, Clbit]) -> Condition | bool:
    """The same condition, told in other bits; bits that the mapping leaves out stay.

    A register all of whose bits stay remains; any other condition on a register becomes `bitwise`.
    """
    cells = condition_bits(condition) if isinstance(condition, tuple) else cells_of(condition)
    if all(clbit_of.get(cell, cell) is cell for cell in cells if isinstance(cell, Clbit)):
        return condition
    if isinstance(condition, tuple):
        target, value = condition
        if isinstance(target, Clbit):
            return clbit_of.get(target, target), value
        return bitwise((_moved_register(target, clbit_of), value))
    moved = _moved_expression(condition, clbit_of)
    has_registers = any(isinstance(node.var, ClassicalRegister) for node in expr.iter_vars(moved))
    return bitwise(moved) if has_registers else moved


def compared(condition: Condition) -> Condition:
    """The same condition, with every number that is read as a truth value compared with 0.

    Both mean the same; Aer reads the first wrongly. A condition without such a number is returned as it is.

    >>> register = ClassicalRegister(2, "c")
    >>> compared(expr.logic_not(register)) == expr.logic_not(expr.not_equal(register, 0))
    True
    """
    if not isinstance(condition, expr.Expr) or not _has_truth_values(condition):
        return condition
    return _compared(condition)


def _has_truth_values(node: expr.Expr) -> bool:
    left = [node]
    while left:
        part = left.pop()
        if _is_truth_value(part):
            return True
        inner = (getattr(part, name, None) for name in ("operand", "left", "right", "target", "index"))
        left += [each for each in inner if isinstance(each, expr.Expr)]
    return False


def _is_truth_value(node: expr.Expr) -> bool:
    return isinstance(node, expr.Cast) and node.type == types.Bool() and node.operand.type != types.Bool()


def _compared(node: expr.Expr) -> expr.Expr:
    if isinstance(node, expr.Cast):
        inner = _compared(node.operand)
        if _is_truth_value(node):
            zero = 0.0 if inner.type == types.Float() else 0
            return expr.not_equal(inner, expr.lift(zero, inner.type))
        return expr.Cast(inner, node.type, implicit=node.implicit)
    if isinstance(node, expr.Unary):
        return expr.Unary(node.op, _compared(node.operand), node.type)
    if isinstance(node, expr.Binary):
        return expr.Binary(node.op, _compared(node.left), _compared(node.right), node.type)
    if isinstance(node, expr.Index):
        return expr.Index(_compared(node.target), _compared(node.index), node.type)
    return node


def _parity_of_form(node: expr.Expr) -> tuple[frozenset[Clbit], bool] | None:
    """`parity_of` of xors, negations and comparisons of single bits, however many: without recursion."""
    bits: frozenset[Clbit] = frozenset()
    even = False
    left = [node]
    while left:
        part = left.pop()
        if isinstance(part, expr.Value) and part.type == types.Bool():
            even ^= bool(part.value)
        elif isinstance(part, expr.Var) and isinstance(part.var, Clbit):
            bits ^= {part.var}
        elif isinstance(part, expr.Unary) and part.type == part.operand.type == types.Bool():
            even = not even
            left.append(part.operand)
        elif isinstance(part, expr.Binary) and part.op.name in ("BIT_XOR", "NOT_EQUAL", "EQUAL"):
            if not part.left.type == part.right.type == types.Bool():
                return None
            even ^= part.op.name == "EQUAL"
            left += [part.left, part.right]
        else:
            return None
    return bits, even


def _parity_of_table(node: expr.Expr) -> tuple[frozenset[Clbit], bool] | None:
    if len(condition_bits(node)) > MAX_TABLE_BITS:
        return None
    order, table = _truth_table(node)
    even = bool(table[0])
    bits = [bit for i, bit in enumerate(order) if table[1 << i] != table[0]]
    wanted = np.full(len(table), even)
    for i, bit in enumerate(order):
        if bit in bits:
            wanted ^= (np.arange(len(table)) >> i & 1).astype(bool)
    return (frozenset(bits), even) if np.array_equal(wanted, table) else None


def _truth_table(condition: Condition) -> tuple[list[Clbit], Table]:
    """The bits that a condition reads, and its value for each of their values, the first bit lowest."""
    bits = _ordered(condition_bits(condition))
    if len(bits) > MAX_TABLE_BITS:
        raise UnsupportedOperation(
            f"a condition on more than {MAX_TABLE_BITS} bits must be their parity, this one reads {len(bits)}: "
            f"{condition!r}"
        )
    rows = product((0, 1), repeat=len(bits))
    return bits, np.array([holds(condition, dict(zip(bits, row[::-1], strict=True))) for row in rows])


def _decided(order: Sequence[Clbit], table: Table) -> Any:
    """A truth table as decisions on its bits, the last one first."""
    if table.all() or not table.any():
        return bool(table[0])
    *rest, last = order
    low, high = np.split(table, 2)
    no, yes = _decided(rest, low), _decided(rest, high)
    if np.array_equal(low, high):
        return no
    if no is False or no is True:
        other = _literal(last, 1 if no is False else 0)
        joined = expr.bit_and if no is False else expr.bit_or
        return other if yes is (not no) else joined(other, _lifted(yes))
    if yes is False or yes is True:
        other = _literal(last, 0 if yes is False else 1)
        return (expr.bit_and if yes is False else expr.bit_or)(other, _lifted(no))
    return expr.bit_or(expr.bit_and(_literal(last, 1), _lifted(yes)), expr.bit_and(_literal(last, 0), _lifted(no)))


def _lifted(condition: Condition) -> expr.Expr:
    return _literal(*condition) if isinstance(condition, tuple) else condition


def _literal(bit: Clbit, value: int) -> expr.Expr:
    return expr.lift(bit) if value else expr.logic_not(bit)


def _tree(join: Callable[[expr.Expr, expr.Expr], expr.Expr], parts: list[expr.Expr]) -> expr.Expr:
    """Parts joined as a balanced tree: Qiskit walks expressions recursively."""
    while len(parts) > 1:
        pairs = [join(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]


def _ordered(bits: set[Clbit] | frozenset[Clbit]) -> list[Clbit]:
    """Bits in an order that does not change from run to run, as far as they have names."""
    return sorted(bits, key=repr)


def _moved_register(register: ClassicalRegister, clbit_of: Mapping[Clbit, Clbit]) -> ClassicalRegister:
    return ClassicalRegister(bits=[clbit_of.get(bit, bit) for bit in register], name=register.name)


def _moved_expression(node: expr.Expr, clbit_of: Mapping[Clbit, Clbit]) -> expr.Expr:
    def moved(part: expr.Expr) -> expr.Expr:
        return _moved_expression(part, clbit_of)

    if isinstance(node, expr.Var):
        if isinstance(node.var, Clbit):
            return expr.Var(clbit_of.get(node.var, node.var), node.type)
        if isinstance(node.var, ClassicalRegister):
            return expr.Var(_moved_register(node.var, clbit_of), node.type)
        return node
    if isinstance(node, expr.Cast):
        return expr.Cast(moved(node.operand), node.type, implicit=node.implicit)
    if isinstance(node, expr.Unary):
        return expr.Unary(node.op, moved(node.operand), node.type)
    if isinstance(node, expr.Binary):
        return expr.Binary(node.op, moved(node.left), moved(node.right), node.type)
    if isinstance(node, expr.Index):
        return expr.Index(moved(node.target), moved(node.index), node.type)
    return node
