"""Stabilizer codes as data: their algebra, and what is refused."""

from itertools import product

import numpy as np
import pytest
from qiskit.quantum_info import Pauli
from quantumlink_circuits import Code, add_code, code_names, forget_code, known_code, repetition_code, surface_code
from quantumlink_circuits.codes import bits_of

CODES = ["steane", "five_qubit", "surface:3", "surface:5", "repetition_z:4", "repetition_x:3", "four_two_two"]


@pytest.mark.parametrize("name", CODES)
def test_logical_operators_and_destabilizers_have_their_relations(name):
    code = known_code(name)
    k, r = code.logical_qubits, len(code.stabilizers)
    # By Qiskit's own Pauli algebra, the first letter for qubit 0.
    strings = [*code.stabilizers, *code.logical_x, *code.logical_z]
    paulis = [Pauli(s[::-1]) for s in strings]
    clash = np.array([[not a.commutes(b) for b in paulis] for a in paulis])
    expected = np.zeros_like(clash)
    expected[r:, r:] = np.roll(np.eye(2 * k, dtype=bool), k, axis=1)
    assert (clash == expected).all()
    assert (code.syndromes(code.destabilizers) == np.eye(r)).all()
    assert not code.logical_flips(code.destabilizers).any()


def test_logical_operators_that_are_found_have_their_relations(rng):
    for _ in range(20):  # random codes: a Clifford image of Z's
        from qiskit.quantum_info import random_clifford

        n = int(rng.integers(2, 7))
        r = int(rng.integers(1, n + 1))
        images = random_clifford(n, seed=int(rng.integers(1 << 31))).stab[:r, : 2 * n].astype(np.uint8)
        code = Code(["".join("IXZY"[row[q] + 2 * row[n + q]] for q in range(n)) for row in images])
        assert code.logical_qubits == n - r == len(code.logical_x)
        rows = code.logical_matrix
        assert not code.syndromes(rows).any()
        assert (code.logical_flips(rows) == np.roll(np.eye(2 * (n - r)), n - r, axis=1)).all()
        assert not code.logical_flips(code.destabilizers).any()


@pytest.mark.parametrize(("name", "distance"), [("steane", 3), ("five_qubit", 3), ("surface:3", 3)])
def test_distance_is_the_lightest_logical_error(name, distance):
    code, found = known_code(name), None
    for weight in range(1, 4):
        for places in _places(code.qubits, weight):
            for letters in product("XYZ", repeat=weight):
                text = ["I"] * code.qubits
                for place, letter in zip(places, letters, strict=True):
                    text[place] = letter
                row = bits_of(["".join(text)])
                if not code.syndromes(row).any() and code.logical_flips(row).any():
                    found = found or weight
    assert found == distance


def _places(n, weight):
    from itertools import combinations

    return combinations(range(n), weight)


def test_surface_code_has_checks_of_four_and_of_two():
    code = surface_code(5)
    assert sorted(len(s) - s.count("I") for s in code.stabilizers) == [2] * 8 + [4] * 16
    assert {len(set(s) - {"I"}) for s in code.stabilizers} == {1}
    columns = np.array([[c == "X" for c in s] for s in code.stabilizers]).sum(axis=0)
    assert columns.max() == 2
    assert code.logical_x[0].count("X") == code.logical_z[0].count("Z") == 5


@pytest.mark.parametrize(
    ("stabilizers", "error", "words"),
    [
        (["XX", "ZI"], ValueError, "must commute, got 'XX' and 'ZI'"),
        (["XX", "ZZI"], ValueError, "2 letters"),
        (["XX", "QI"], ValueError, "letters I, X, Y, Z"),
        (["II"], ValueError, "not all I"),
        (["XX", "ZZ", "YY"], ValueError, "number 2"),
        ([], ValueError, "got none"),
        (7, TypeError, "sequence of texts"),
        ([1, 2], TypeError, "sequence of texts"),
    ],
)
def test_stabilizers_that_make_no_code_are_refused(stabilizers, error, words):
    with pytest.raises(error, match=words):
        Code(stabilizers)


@pytest.mark.parametrize(
    ("x", "z", "words"),
    [
        (["XXI"], ["ZII"], "must commute with all stabilizers, 'XXI' does not with 'IZZ'"),
        (["XXX"], ["ZZI"], "must anticommute"),
        (["XXX", "ZII"], ["ZII"], "must name 1 operators"),
        (["XX"], ["ZII"], "3 letters"),
        (["XXX"], None, "both"),
    ],
)
def test_logical_operators_that_do_not_fit_are_refused(x, z, words):
    with pytest.raises(ValueError, match=words):
        Code(["ZZI", "IZZ"], x, z)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stean", "did you mean 'steane'"),
        ("Steane", "did you mean 'steane'"),
        ("surface", "needs its distance, such as 'surface:3'"),
        ("surfaces:5", "did you mean 'surface:5'"),
        ("surface:four", "needs its distance"),
        ("surface:4", "odd whole number"),
        ("surface:1", "at least 3"),
        ("repetition_z:1", "at least 2"),
        ("repetition_z:100000", "at most 1000"),
        ("surface:2001", "at most 1000 qubits, distance 2001 takes 4004001"),
        ("shor", "must be one of four_two_two, five_qubit, steane, surface:3"),
    ],
)
def test_unknown_codes_are_refused_with_what_is_near(name, words):
    with pytest.raises(ValueError, match=words):
        known_code(name)


def test_a_code_of_ones_own_is_known_until_it_is_forgotten():
    add_code("mine", repetition_code(5))
    try:
        assert known_code("mine").qubits == 5
        assert "mine" in code_names()
    finally:
        forget_code("mine")
    with pytest.raises(ValueError, match="no code"):
        forget_code("mine")
    with pytest.raises(ValueError, match="library's own"):
        add_code("surface:7", repetition_code(5))
