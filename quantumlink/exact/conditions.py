"""Classical conditions of `if_test`: which bits they read, and their value for given bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import and_, eq, ge, gt, le, lshift, lt, ne, or_, rshift, xor
from typing import Any, TypeAlias

from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr

from quantumlink.exact.transfer import UnsupportedOperation

_BINARY: dict[str, Callable[[int, int], int]] = {
    "BIT_AND": and_,
    "BIT_OR": or_,
    "BIT_XOR": xor,
    "LOGIC_AND": lambda a, b: bool(a) and bool(b),
    "LOGIC_OR": lambda a, b: bool(a) or bool(b),
    "EQUAL": eq,
    "NOT_EQUAL": ne,
    "LESS": lt,
    "LESS_EQUAL": le,
    "GREATER": gt,
    "GREATER_EQUAL": ge,
    "SHIFT_LEFT": lshift,
    "SHIFT_RIGHT": rshift,
}

Condition: TypeAlias = tuple[Any, int] | Any
"""What `if_test` takes: (bit or register, value), or a classical expression."""


def condition_bits(condition: Condition) -> set[Clbit]:
    """The classical bits that a condition reads."""
    if isinstance(condition, tuple):
        target = condition[0]
        return {target} if isinstance(target, Clbit) else set(target)
    bits: set[Clbit] = set()
    for node in expr.iter_vars(condition):
        if isinstance(node.var, Clbit):
            bits.add(node.var)
        elif isinstance(node.var, ClassicalRegister):
            bits.update(node.var)
        else:
            raise UnsupportedOperation(f"conditions on a classical variable are not supported, got {node!r}")
    return bits


def holds(condition: Condition, bits: Mapping[Clbit, int]) -> bool:
    """Whether the condition holds for these bits."""
    if isinstance(condition, tuple):
        target, wanted = condition
        return _read(target, bits) == int(wanted)
    return bool(_value(condition, bits))


def xor_leaves(condition: Condition) -> list[Clbit] | None:
    """The bits of which a condition is the xor, or None if it is something else."""
    if isinstance(condition, expr.Var) and isinstance(condition.var, Clbit):
        return [condition.var]
    if isinstance(condition, expr.Binary) and condition.op.name == "BIT_XOR":
        left, right = xor_leaves(condition.left), xor_leaves(condition.right)
        return None if left is None or right is None else left + right
    return None


def _read(target: Any, bits: Mapping[Clbit, int]) -> int:
    if isinstance(target, Clbit):
        return bits[target]
    if isinstance(target, ClassicalRegister):
        return sum(bits[bit] << i for i, bit in enumerate(target))
    raise UnsupportedOperation(f"conditions on a classical variable are not supported, got {target!r}")


def _value(node: expr.Expr, bits: Mapping[Clbit, int]) -> int:
    if isinstance(node, expr.Var):
        return _read(node.var, bits)
    if isinstance(node, expr.Value):
        return int(node.value)
    if isinstance(node, expr.Cast):
        value = _value(node.operand, bits)
        return _fit(value, node.type)
    if isinstance(node, expr.Unary):
        value = _value(node.operand, bits)
        return int(not value) if node.op.name == "LOGIC_NOT" else _fit(~value, node.type)
    if isinstance(node, expr.Binary) and node.op.name in _BINARY:
        return _fit(int(_BINARY[node.op.name](_value(node.left, bits), _value(node.right, bits))), node.type)
    if isinstance(node, expr.Index):
        return _value(node.target, bits) >> _value(node.index, bits) & 1
    raise UnsupportedOperation(f"this classical expression is not supported: {node!r}")


def _fit(value: int, kind: Any) -> int:
    width = getattr(kind, "width", None)
    if width is None:  # a Bool; Python's ~ makes a negative number of it
        return value & 1 if value < 0 else int(value != 0)
    return int(value & ((1 << width) - 1))
