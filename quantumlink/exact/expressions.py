"""Qiskit's classical expressions, evaluated by their types.

A Bool is a `bool`, a Uint a whole number from 0 to 2ʷ − 1 that wraps at its width, a Float a `float`. What has no
one meaning (an index or a quotient out of range, a Float that fits in no Uint, a Duration before it is scheduled)
is refused, never guessed.

Reference:
    OpenQASM 3.1 specification, "Types and casting" and "Classical instructions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from operator import add, and_, eq, floordiv, ge, gt, le, lt, mul, ne, or_, sub, truediv, xor
from typing import Any, TypeAlias

from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

from quantumlink.exact.transfer import UnsupportedOperation

Value: TypeAlias = bool | int | float
Cell: TypeAlias = Clbit | expr.Var
"""What holds a value: a classical bit, or a variable."""

Values: TypeAlias = Mapping[Any, Value | None]
"""The value of each cell; None of a variable that has none yet."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQUAL": eq,
    "NOT_EQUAL": ne,
    "LESS": lt,
    "LESS_EQUAL": le,
    "GREATER": gt,
    "GREATER_EQUAL": ge,
}
_BITWISE: dict[str, Callable[[Any, Any], Any]] = {"BIT_AND": and_, "BIT_OR": or_, "BIT_XOR": xor}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"ADD": add, "SUB": sub, "MUL": mul}


def cells_of(node: expr.Expr) -> list[Cell]:
    """The bits and variables that an expression reads, each once.

    Raises:
        UnsupportedOperation: if it reads something else, such as a stretch.
    """
    found: dict[Cell, None] = {}
    for leaf in expr.iter_identifiers(node):
        if isinstance(leaf, expr.Stretch):
            raise UnsupportedOperation(f"the stretch {leaf.name!r} has no value before the circuit is scheduled")
        if isinstance(leaf.var, ClassicalRegister):
            found.update(dict.fromkeys(leaf.var))
        else:
            found[leaf.var if isinstance(leaf.var, Clbit) else leaf] = None
    return list(found)


def check_types(node: expr.Expr) -> None:
    """Refuse an expression that has a part of a type without a rule, whether it would be worked out or not.

    Raises:
        UnsupportedOperation: naming that part.
    """
    _check_type(node)
    for name in ("operand", "left", "right", "target", "index"):
        part = getattr(node, name, None)
        if isinstance(part, expr.Expr):
            check_types(part)


def value_of(node: expr.Expr, values: Values) -> Value:
    """The value of an expression.

    Args:
        node: the expression.
        values: the value of each bit and variable that it reads.

    Raises:
        UnsupportedOperation: naming the part of a type without a rule, or whose value is not defined.

    >>> value_of(expr.shift_left(expr.lift(5, types.Uint(3)), 1), {})
    2
    >>> value_of(expr.greater(expr.cast(expr.lift(3, types.Uint(2)), types.Float()), 3.5), {})
    False
    """
    _check_type(node)
    if isinstance(node, expr.Var):
        return _read(node, values)
    if isinstance(node, expr.Value):
        return _of_type(node.value, node)
    if isinstance(node, expr.Cast):
        return _cast(value_of(node.operand, values), node)
    if isinstance(node, expr.Unary):
        return _unary(node, value_of(node.operand, values))
    if isinstance(node, expr.Binary):
        return _binary(node, values)
    if isinstance(node, expr.Index):
        return _indexed(node, values)
    raise UnsupportedOperation(f"this classical expression is not supported: {node!r}")


def _check_type(node: expr.Expr) -> None:
    if not isinstance(node.type, types.Bool | types.Uint | types.Float):
        raise UnsupportedOperation(
            f"no rule for a classical expression of the type {node.type!r}, not one of Bool, Uint, Float: {node!r}"
        )


def _read(node: expr.Var, values: Values) -> Value:
    if isinstance(node.var, Clbit):
        return bool(values[node.var])
    if isinstance(node.var, ClassicalRegister):
        return sum(int(values[bit] or 0) << i for i, bit in enumerate(node.var))
    value = values[node]
    if value is None:
        raise UnsupportedOperation(f"the classical variable {node.name!r} is read before it has a value")
    return value


def _of_type(value: Any, node: expr.Expr) -> Value:
    if isinstance(node.type, types.Bool):
        return bool(value)
    if isinstance(node.type, types.Float):
        return float(value)
    return int(int(value) & ((1 << node.type.width) - 1))


def _cast(value: Value, node: expr.Cast) -> Value:
    if isinstance(node.type, types.Uint) and isinstance(value, float):
        if not isfinite(value) or not 0 <= int(value) < 1 << node.type.width:
            raise UnsupportedOperation(f"{value} does not fit in {node.type!r}, to which it is cast: {node!r}")
        return int(value)  # towards 0
    return _of_type(value, node)


def _unary(node: expr.Unary, value: Value) -> Value:
    name = node.op.name
    if name == "LOGIC_NOT":
        return not value
    if name == "BIT_NOT":
        return not value if isinstance(node.type, types.Bool) else _of_type(~int(value), node)
    if name == "NEGATE":  # of a Uint it would be its complement to 2ʷ
        return -float(value) if isinstance(node.type, types.Float) else _of_type(-int(value), node)
    raise UnsupportedOperation(f"no rule for {name} in a classical expression: {node!r}")


def _binary(node: expr.Binary, values: Values) -> Value:
    name = node.op.name
    left = value_of(node.left, values)
    if name in ("LOGIC_AND", "LOGIC_OR"):  # the right side is not looked at where the left one decides
        return bool(left) if bool(left) == (name == "LOGIC_OR") else bool(value_of(node.right, values))
    right = value_of(node.right, values)
    if name in _COMPARISONS:
        return bool(_COMPARISONS[name](left, right))
    if name in _BITWISE:
        return _of_type(_BITWISE[name](left, right), node)
    if name in ("SHIFT_LEFT", "SHIFT_RIGHT"):
        return _shifted(node, int(left), int(right))
    if name in _ARITHMETIC:
        return _finite(_ARITHMETIC[name](left, right), node)
    if name == "DIV":
        if right == 0:
            raise UnsupportedOperation(f"a classical expression divides by 0: {node!r}")
        return _finite(truediv(left, right) if isinstance(node.type, types.Float) else floordiv(left, right), node)
    raise UnsupportedOperation(f"no rule for {name} in a classical expression: {node!r}")


def _shifted(node: expr.Binary, value: int, by: int) -> int:
    width = node.type.width
    if by >= width:  # nothing is left
        return 0
    return int(value << by & ((1 << width) - 1)) if node.op.name == "SHIFT_LEFT" else value >> by


def _finite(value: Any, node: expr.Expr) -> Value:
    if isinstance(value, float) and not isfinite(value):
        raise UnsupportedOperation(f"a classical expression has no finite value: {node!r}")
    return _of_type(value, node)


def _indexed(node: expr.Index, values: Values) -> bool:
    index, width = int(value_of(node.index, values)), node.target.type.width
    if not 0 <= index < width:
        raise UnsupportedOperation(f"an index of {index} in a number of {width} bits is out of range: {node!r}")
    return bool(int(value_of(node.target, values)) >> index & 1)
