"""Classical conditions of `if_test`: which bits they read, and their value for given bits.

One meaning, for every engine and rewrite:

- ``(bit, value)`` compares a bit with 0 or 1; any other value is refused, as Qiskit and Aer differ over it;
- ``(register, value)`` compares the number that the register spells, bit 0 lowest; a number that does not fit
  in the register is never spelt, a negative one is refused;
- an expression is evaluated by its types: see `quantumlink.exact.expressions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr

from quantumlink.exact.expressions import cells_of, value_of
from quantumlink.exact.transfer import UnsupportedOperation

Condition: TypeAlias = tuple[Any, int] | Any
"""What `if_test` takes: (bit or register, value), or a classical expression."""


def check_condition(condition: Condition) -> None:
    """Refuse a condition that has no one meaning.

    Raises:
        UnsupportedOperation: if a bit is compared with anything but 0 and 1, or a register with a negative number.
    """
    if not isinstance(condition, tuple):
        return
    target, value = condition
    if isinstance(target, Clbit) and int(value) not in (0, 1):
        raise UnsupportedOperation(f"a condition must compare a bit with 0 or 1, got {int(value)} for {target!r}")
    if isinstance(target, ClassicalRegister) and int(value) < 0:
        raise UnsupportedOperation(
            f"a condition must compare a register with a number of at least 0, got {int(value)} for {target!r}"
        )


def two_bits_of_one_name(bit: Clbit) -> str:
    """Why a condition within a block is refused."""
    return (
        f"a condition within a block reads {bit!r}, which is one bit in the block and another one in the circuit "
        f"around it (QuantumCircuit.compose onto bits of the same names in another order leaves it so, and "
        f"simulators differ over it): give one of the registers another name"
    )


def condition_bits(condition: Condition) -> set[Clbit]:
    """The classical bits that a condition reads.

    Raises:
        UnsupportedOperation: if it reads a classical variable, too.
    """
    if isinstance(condition, tuple):
        target = condition[0]
        return {target} if isinstance(target, Clbit) else set(target)
    cells = cells_of(condition)
    variables = [cell for cell in cells if not isinstance(cell, Clbit)]
    if variables:
        raise UnsupportedOperation(f"conditions on a classical variable are not supported, got {variables[0]!r}")
    return set(cells)


def holds(condition: Condition, bits: Mapping[Clbit, int]) -> bool:
    """Whether the condition holds for these bits."""
    if isinstance(condition, tuple):
        check_condition(condition)
        target, wanted = condition
        return _read(target, bits) == int(wanted)
    return bool(value_of(condition, bits))


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
