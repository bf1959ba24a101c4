"""Classical cells: the bits and variables of a circuit by index, what is read from them and what is stored.

A composite or a block calls its bits by names of its own; here each has one cell, the circuit's bits first and then
its variables, wherever these are declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qiskit.circuit import CASE_DEFAULT, ClassicalRegister, Clbit, Instruction, SwitchCaseOp
from qiskit.circuit.classical import expr

from quantumlink.exact.conditions import Condition, check_condition, holds, two_bits_of_one_name
from quantumlink.exact.expressions import Cell, Value, Values, cells_of, check_types, value_of
from quantumlink.exact.transfer import UnsupportedOperation

Memory = Sequence[Value | None]
"""The value of each cell; None of a variable that has none."""


class Scope:
    """The cells of a circuit, or of a block or a definition inside it."""

    def __init__(self, clbits: Mapping[Clbit, int], outer: Scope | None = None, *, block: bool = False) -> None:
        self._clbits, self._outer = clbits, outer
        self._around = outer if block else None
        self.variables: dict[expr.Var, int] = {} if outer is None else outer.variables
        """The cells of the variables that came so far; all scopes of a circuit share them."""
        self._first: int = len(clbits) if outer is None else outer._first

    def cell(self, key: Cell) -> int:
        """The cell of a bit or variable; a variable that is new gets one."""
        if isinstance(key, Clbit):
            found = self._clbits.get(key)
            if found is None and self._outer is not None:
                return self._outer.cell(key)
            if found is None:
                raise UnsupportedOperation(f"a classical bit is used that the circuit does not have: {key!r}")
            return found
        return self.variables.setdefault(key, self._first + len(self.variables))

    def read(self, key: Cell) -> int:
        """The cell of what a condition or an expression reads.

        Raises:
            UnsupportedOperation: if a block and the circuit around it call two bits so.
        """
        found, around = self.cell(key), self._around
        while around is not None and isinstance(key, Clbit):
            if around._clbits.get(key, found) != found:
                raise UnsupportedOperation(two_bits_of_one_name(key))
            around = around._around
        return found

    @property
    def num_cells(self) -> int:
        """Bits and the variables that came so far."""
        return self._first + len(self.variables)

    def inner(self, clbits: Iterable[Clbit], outer: Iterable[Clbit], *, block: bool) -> Scope:
        """The scope of a definition, or a block, whose first bits stand for some of this one's.

        Where Qiskit composes conditions within others, a block has further ones: the circuit's own.
        """
        return Scope({c: self.cell(o) for c, o in zip(clbits, outer, strict=not block)}, self, block=block)


@dataclass(frozen=True, eq=False)
class Reading:
    """Something that is worked out from the values of some cells."""

    cells: tuple[int, ...]
    keys: tuple[Cell, ...]
    """What the expression calls these cells."""
    evaluate: Callable[[Values], Any]
    known: dict[tuple[Value | None, ...], Any] = field(default_factory=dict)

    def of(self, memory: Memory) -> Any:
        """The result for these values of all cells; it is worked out once for each pattern."""
        return self.of_pattern(tuple([memory[i] for i in self.cells]))

    def of_pattern(self, pattern: tuple[Value | None, ...]) -> Any:
        """The result for these values of its own cells."""
        if pattern not in self.known:
            self.known[pattern] = self.evaluate(dict(zip(self.keys, pattern, strict=True)))
        return self.known[pattern]


@dataclass(frozen=True, eq=False)
class Assignment:
    """Values for some cells."""

    cells: tuple[int, ...]
    values: Reading
    """Gives one value for each of the cells."""


def condition_reading(condition: Condition, scope: Scope) -> Reading:
    """Whether a condition of `if_test` or `while_loop` holds.

    Raises:
        UnsupportedOperation: if it reads what has no value, or has no one meaning.
    """
    check_condition(condition)
    if not isinstance(condition, tuple):
        check_types(condition)
    keys = _target_cells(condition[0]) if isinstance(condition, tuple) else cells_of(condition)
    return _reading(keys, scope, lambda values: holds(condition, values))  # type: ignore[arg-type]


def switch_reading(operation: SwitchCaseOp, scope: Scope) -> Reading:
    """The number of the case that is taken; as many as there are blocks if none is."""
    target = operation.target
    cases = [list(labels) for labels, _ in operation.cases_specifier()]
    number_of = {int(c): i for i, labels in enumerate(cases) for c in labels if c is not CASE_DEFAULT}
    default = next((i for i, labels in enumerate(cases) if CASE_DEFAULT in labels), len(cases))
    node = target if isinstance(target, expr.Expr) else expr.lift(target)
    check_types(node)

    def chosen(values: Values) -> int:
        return number_of.get(int(value_of(node, values)), default)

    return _reading(cells_of(node), scope, chosen)


def assignment(operation: Instruction, scope: Scope) -> Assignment:
    """What a `Store` does.

    Raises:
        UnsupportedOperation: if its types have no rule.
    """
    target, value = operation.params
    check_types(value)
    keys = {*cells_of(target), *cells_of(value)} if isinstance(target, expr.Index) else cells_of(value)
    place = target.target if isinstance(target, expr.Index) else target
    if not isinstance(place, expr.Var):
        raise UnsupportedOperation(f"nothing can be stored in {target!r}")

    def stored(values: Values) -> tuple[Value, ...]:
        new = value_of(value, values)
        if isinstance(target, expr.Index):
            value_of(target, values)  # refuses an index out of range
            index = int(value_of(target.index, values))
            new = int(value_of(place, values)) & ~(1 << index) | int(new) << index
        if isinstance(place.var, ClassicalRegister):
            return tuple(int(new) >> i & 1 for i in range(place.var.size))
        return (int(new) if isinstance(place.var, Clbit) else new,)

    cells = tuple(scope.read(key) for key in _target_cells(place))
    return Assignment(cells, _reading(list(keys), scope, stored))


def constant(variable: expr.Var, value: int, scope: Scope) -> Assignment:
    """A loop's variable set to one of its values."""
    fitted = value_of(expr.Value(value, variable.type), {})
    return Assignment((scope.cell(variable),), Reading((), (), lambda _: (fitted,)))


def _target_cells(target: Any) -> list[Cell]:
    if isinstance(target, expr.Var):
        return [target] if target.standalone else _target_cells(target.var)
    return [target] if isinstance(target, Clbit) else list(target)


def _reading(keys: Sequence[Cell], scope: Scope, evaluate: Callable[[Values], Any]) -> Reading:
    return Reading(tuple(scope.read(key) for key in keys), tuple(keys), evaluate)
