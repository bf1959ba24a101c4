"""Classical expressions by their types, against hand-worked values and an enumeration in plain arithmetic."""

from itertools import product

import pytest
from qiskit.circuit import ClassicalRegister, Clbit, Duration
from qiskit.circuit.classical import expr, types

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.conditions import holds
from quantumlink.exact.expressions import cells_of, value_of

UINT3, UINT5, FLOAT, BOOL = types.Uint(3), types.Uint(5), types.Float(), types.Bool()


def uint(value, width=3):
    return expr.Value(value, types.Uint(width))


@pytest.mark.parametrize(("a", "b"), [*product(range(8), repeat=2)])
def test_whole_numbers_wrap_at_their_width(a, b):
    left, right = uint(a), uint(b)
    table = {
        expr.bit_and: a & b,
        expr.bit_or: a | b,
        expr.bit_xor: a ^ b,
        expr.add: (a + b) % 8,
        expr.sub: (a - b) % 8,
        expr.mul: (a * b) % 8,
        expr.shift_left: (a * 2**b) % 8,
        expr.shift_right: a // 2**b,
        expr.less: a < b,
        expr.less_equal: a <= b,
        expr.greater: a > b,
        expr.greater_equal: a >= b,
        expr.equal: a == b,
        expr.not_equal: a != b,
    }
    for build, wanted in table.items():
        found = value_of(build(left, right), {})
        assert found == wanted, build
        assert type(found) is type(wanted), build
    if b:
        assert value_of(expr.div(left, right), {}) == a // b
    assert value_of(expr.bit_not(left), {}) == 7 - a
    assert value_of(expr.Unary(expr.Unary.Op.NEGATE, left, UINT3), {}) == (8 - a) % 8  # no complement of the bits


def test_a_float_is_compared_as_a_float():
    for a in range(8):
        half = expr.greater(expr.cast(uint(a), FLOAT), 1.5)
        assert value_of(half, {}) is (a > 1.5)
        assert holds(half, {}) is (a > 1.5)
    assert value_of(expr.negate(expr.lift(1.5)), {}) == -1.5
    assert value_of(expr.div(expr.lift(1.0), expr.lift(4.0)), {}) == 0.25
    assert value_of(expr.less(expr.negate(expr.lift(0.5)), 0.25), {}) is True


def test_casts():
    assert value_of(expr.cast(uint(2), BOOL), {}) is True
    assert value_of(expr.cast(uint(0), BOOL), {}) is False
    assert value_of(expr.cast(expr.lift(0.25), BOOL), {}) is True
    assert value_of(expr.cast(uint(21, 5), UINT3), {}) == 5
    assert value_of(expr.cast(expr.lift(2.9), UINT3), {}) == 2
    assert value_of(expr.cast(expr.lift(True), FLOAT), {}) == 1.0
    assert value_of(expr.bit_not(expr.cast(uint(5), UINT5)), {}) == 0b11010
    assert value_of(expr.cast(expr.bit_not(uint(5)), UINT5), {}) == 0b00010


def test_a_register_is_read_lowest_bit_first_and_indexed():
    register = ClassicalRegister(3, "c")
    for number in range(8):
        values = {bit: number >> i & 1 for i, bit in enumerate(register)}
        assert value_of(expr.lift(register), values) == number
        for i in range(3):
            assert value_of(expr.index(register, i), values) is bool(number >> i & 1)
        assert value_of(expr.shift_left(register, uint(200, 8)), values) == 0
    assert cells_of(expr.bit_and(register, expr.lift(register))) == list(register)


def test_a_logical_operation_does_not_look_further_than_it_must():
    bad = expr.index(uint(1), uint(7))
    assert value_of(expr.logic_or(True, bad), {}) is True
    assert value_of(expr.logic_and(False, bad), {}) is False


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (expr.less(Duration.dt(100), Duration.dt(200)), "Duration"),
        (expr.index(uint(1), uint(7)), "an index of 7 in a number of 3 bits is out of range"),
        (expr.div(uint(1), uint(0)), "divides by 0"),
        (expr.div(expr.lift(1.0), expr.lift(0.0)), "divides by 0"),
        (expr.cast(expr.lift(8.5), UINT3), "does not fit in Uint\\(3\\)"),
        (expr.cast(expr.negate(expr.lift(2.5)), UINT3), "-2.5 does not fit"),
        (expr.mul(expr.lift(1e300), expr.lift(1e300)), "no finite value"),
    ],
)
def test_what_has_no_one_value_is_refused(node, words):
    with pytest.raises(UnsupportedOperation, match=words):
        value_of(node, {})


def test_a_variable_without_a_value_is_refused():
    variable = expr.Var.new("a", UINT3)
    assert value_of(variable, {variable: 5}) == 5
    assert cells_of(expr.equal(variable, 3)) == [variable]
    with pytest.raises(UnsupportedOperation, match="'a' is read before it has a value"):
        value_of(variable, {variable: None})


def test_bits_are_bools():
    bit = Clbit()
    assert value_of(expr.bit_not(bit), {bit: 1}) is False
    assert value_of(expr.bit_xor(bit, expr.lift(True)), {bit: 1}) is False
