"""Conditions of `if_test`: one meaning, and every form of a condition has it.

The meaning is checked against a table by hand; the forms against the meaning, for all values of the bits.
"""

from itertools import product

import pytest
from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import bitwise, compared, mapped, parity_of, polynomial_of
from quantumlink.exact.conditions import check_condition, condition_bits, holds
from quantumlink.rewrites import expanded_circuit

REGISTER = ClassicalRegister(3, "r")
A, B, C = REGISTER
LOOSE = Clbit()


def rows(bits):
    for values in product((0, 1), repeat=len(bits)):
        yield dict(zip(bits, values, strict=True))


# The values of the register, or of (A, B, C) as a number with A lowest, for which each holds: by hand.
BY_HAND = {
    "bit is 1": ((A, 1), {1, 3, 5, 7}),
    "bit is 0": ((A, 0), {0, 2, 4, 6}),
    "bit is True": ((B, True), {2, 3, 6, 7}),
    "register is 5": ((REGISTER, 5), {5}),
    "register is too small for 9": ((REGISTER, 9), set()),
    "bit equals True": (expr.equal(A, True), {1, 3, 5, 7}),
    "bit equals False": (expr.equal(A, False), {0, 2, 4, 6}),
    "not": (expr.bit_not(C), {0, 1, 2, 3}),
    "xor": (expr.bit_xor(A, expr.bit_xor(B, C)), {1, 2, 4, 7}),
    "unequal": (expr.not_equal(A, B), {1, 2, 5, 6}),
    "and": (expr.logic_and(A, C), {5, 7}),
    "or": (expr.bit_or(A, C), {1, 3, 4, 5, 6, 7}),
    "less": (expr.less(REGISTER, 3), {0, 1, 2}),
    "at least": (expr.greater_equal(REGISTER, 6), {6, 7}),
    "cast to Bool": (expr.cast(REGISTER, types.Bool()), {1, 2, 3, 4, 5, 6, 7}),
    "complement wraps": (expr.equal(expr.bit_not(REGISTER), 1), {6}),
    "sum wraps": (expr.equal(expr.add(REGISTER, 3), 1), {6}),
    "difference wraps": (expr.equal(expr.sub(REGISTER, 1), 7), {0}),
    "product wraps": (expr.equal(expr.mul(REGISTER, 3), 1), {3}),
    "quotient": (expr.equal(expr.div(REGISTER, 2), 3), {6, 7}),
    "shift to the left": (expr.equal(expr.shift_left(REGISTER, 1), 2), {1, 5}),
    "shift to the right": (expr.equal(expr.shift_right(REGISTER, 2), 1), {4, 5, 6, 7}),
    "shift out": (expr.equal(expr.shift_right(REGISTER, expr.lift(200, types.Uint(8))), 0), set(range(8))),
    "index": (expr.index(REGISTER, 1), {2, 3, 6, 7}),
    "index by a register": (expr.index(REGISTER, expr.bit_and(REGISTER, 1)), {3, 7}),
    "float": (expr.greater(expr.cast(REGISTER, types.Float()), 1.5), {2, 3, 4, 5, 6, 7}),
    "negative float": (expr.less(expr.negate(expr.cast(REGISTER, types.Float())), -2.5), {3, 4, 5, 6, 7}),
    "not a float": (expr.logic_not(expr.cast(expr.cast(REGISTER, types.Float()), types.Bool())), {0}),
    "always": (expr.lift(True), set(range(8))),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_condition_holds_where_it_should(name):
    condition, wanted = BY_HAND[name]
    check_condition(condition)
    found = {n for n in range(8) if holds(condition, {bit: n >> i & 1 for i, bit in enumerate(REGISTER)})}
    assert found == wanted


@pytest.mark.parametrize("name", BY_HAND)
def test_every_form_of_a_condition_means_the_same(name):
    condition, wanted = BY_HAND[name]
    parity, polynomial, single = parity_of(condition), polynomial_of(condition), bitwise(condition)
    other = [Clbit(), Clbit(), Clbit()]
    moved = mapped(condition, dict(zip(REGISTER, other, strict=True)))
    plain = compared(condition)
    assert (plain is condition) == (name not in ("cast to Bool", "not a float"))
    for number in range(8):
        bits = {bit: number >> i & 1 for i, bit in enumerate(REGISTER)}
        true = number in wanted
        assert sum(all(bits[b] for b in term) for term in polynomial) % 2 == true
        if parity is not None:
            assert (sum(bits[b] for b in parity[0]) + parity[1]) % 2 == true
        assert (single if isinstance(single, bool) else holds(single, bits)) == true
        assert holds(plain, bits) == true
        told = dict(zip(other, bits.values(), strict=True))
        assert (moved if isinstance(moved, bool) else holds(moved, told)) == true
    if not isinstance(single, bool | tuple):
        assert all(isinstance(node.var, Clbit) for node in expr.iter_vars(single))


def test_a_parity_is_found_in_every_form_and_nowhere_else():
    odd = {name for name, (_, wanted) in BY_HAND.items() if is_parity(wanted)}
    assert {name for name, (condition, _) in BY_HAND.items() if parity_of(condition) is not None} == odd


def is_parity(wanted):
    """A function of three bits is one of the sixteen parities, or it is none."""
    return any(
        wanted == {n for n in range(8) if (n & mask).bit_count() % 2 != even}
        for mask in range(8)
        for even in (0, 1)
    )


def test_random_tables(rng):
    bits = [*REGISTER, LOOSE]
    for _ in range(100):
        table = rng.integers(0, 2, 16).tolist()
        # As an or of ands, one for each row that is set.
        terms = [
            [expr.lift(b) if n >> i & 1 else expr.logic_not(b) for i, b in enumerate(bits)]
            for n in range(16)
            if table[n]
        ]
        condition = expr.lift(False)
        for term in terms:
            whole = expr.lift(True)
            for factor in term:
                whole = expr.logic_and(whole, factor)
            condition = expr.logic_or(condition, whole)
        single, polynomial = bitwise(condition), polynomial_of(condition)
        for n in range(16):
            values = {b: n >> i & 1 for i, b in enumerate(bits)}
            assert (single if isinstance(single, bool) else holds(single, values)) == bool(table[n])
            assert sum(all(values[b] for b in term) for term in polynomial) % 2 == table[n]


def test_wide_conditions():
    register = ClassicalRegister(70, "wide")
    single = bitwise((register, 2**69 + 1))
    for number, wanted in ((2**69 + 1, True), (2**69, False), (1, False), (0, False)):
        bits = {bit: number >> i & 1 for i, bit in enumerate(register)}
        assert holds(single, bits) is wanted
        assert holds((register, 2**69 + 1), bits) is wanted
    whole = expr.lift(register[0])
    for bit in register[1:]:
        whole = expr.bit_xor(whole, bit)
    assert parity_of(whole) == (frozenset(register), False)
    with pytest.raises(UnsupportedOperation, match="70"):
        polynomial_of(expr.less(register, 5))


def test_a_register_that_stays_is_kept():
    condition = (REGISTER, 2)
    assert mapped(condition, {LOOSE: Clbit()}) is condition
    moved = mapped(expr.less(REGISTER, 3), {A: B, B: A})
    assert condition_bits(moved) == {A, B, C}
    for bits in rows(list(REGISTER)):
        assert holds(moved, bits) == (bits[B] + 2 * bits[A] + 4 * bits[C] < 3)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ((A, 2), "0 or 1, got 2"),
        ((A, -1), "0 or 1, got -1"),
        ((REGISTER, -1), "at least 0, got -1"),
    ],
)
def test_a_condition_without_one_meaning_is_refused(condition, text):
    for read in (check_condition, parity_of, bitwise, polynomial_of):
        with pytest.raises(UnsupportedOperation, match=text):
            read(condition)
    with pytest.raises(UnsupportedOperation, match=text):
        holds(condition, dict.fromkeys(REGISTER, 0))


def test_a_condition_on_a_variable_is_no_function_of_bits():
    variable = QuantumCircuit(1).add_var("v", expr.lift(True))
    assert parity_of(variable) is None
    for read in (polynomial_of, bitwise, condition_bits):
        with pytest.raises(UnsupportedOperation, match="variable"):
            read(variable)


def test_no_expanded_circuit_reads_a_number_as_a_truth_value():
    circuit = QuantumCircuit(QuantumRegister(1, "q"), REGISTER)
    with circuit.if_test(expr.logic_not(REGISTER)):
        circuit.x(0)
    with circuit.switch(expr.cast(REGISTER, types.Bool())) as case, case(True):
        circuit.z(0)
    conditions = [step.operation.condition for step in expanded_circuit(circuit).data]
    assert all(compared(condition) is condition for condition in conditions)
    for number in range(8):
        bits = {bit: number >> i & 1 for i, bit in enumerate(REGISTER)}
        assert [holds(condition, bits) for condition in conditions] == [number == 0, number > 0]
