"""Measurements as instruments: exact maps, against projectors written by hand and against an optics model."""

from itertools import combinations_with_replacement, product
from math import cos, nan, pi, sin, sqrt

import numpy as np
import pytest
from oracles.stim_circuits import has_flow
from qiskit.circuit import ClassicalRegister
from qiskit.quantum_info import Kraus, Operator, SuperOp
from quantumlink_circuits.bell import bell_pair
from quantumlink_circuits.conditions import odd_parity
from quantumlink_circuits.measurement import (
    BASIS_ANGLES,
    basis_measurement,
    parity_measurement,
    partial_bell_measurement,
)

from quantumlink.exact import branches, transfer_of_superoperator
from quantumlink.exact.conditions import condition_bits, holds
from quantumlink.testing import assert_detects

EXACT = 1e-12
PAULIS = [Operator.from_label(letter).data for letter in "IXYZ"]
KETS = {"psi+": [0, 1, 1, 0], "psi-": [0, 1, -1, 0], "00": [1, 0, 0, 0], "11": [0, 0, 0, 1]}  # |ab⟩: 00, 01, 10, 11


def povm(circuit, num_qubits):
    """The effect of each record as a matrix on |q0 q1 …⟩, from its functional on Pauli coefficients."""
    effects = {}
    for record, tensor in branches(circuit, inputs=range(num_qubits)).items():
        total = np.zeros((2**num_qubits,) * 2, dtype=complex)
        for weight, letters in zip(tensor.ravel(), product(range(4), repeat=num_qubits), strict=True):
            matrix = np.eye(1)
            for letter in letters:
                matrix = np.kron(matrix, PAULIS[letter])
            total += weight * matrix
        effects[record] = total
    return effects


def projector(ket):
    ket = np.asarray(ket) / np.linalg.norm(ket)
    return np.outer(ket, ket.conj())


def test_basis_measurement_reads_the_bloch_direction(rng):
    for _ in range(5):
        theta, phi = rng.uniform(0, pi), rng.uniform(-pi, pi)
        effects = povm(basis_measurement(theta, phi), 1)
        direction = [sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)]
        wanted = sum(n * pauli for n, pauli in zip(direction, PAULIS[1:], strict=True))
        assert np.abs(effects[(0,)] - effects[(1,)] - wanted).max() < EXACT


@pytest.mark.parametrize("basis", BASIS_ANGLES)
def test_basis_angles_name_the_paulis(basis):
    effects = povm(basis_measurement(*BASIS_ANGLES[basis]), 1)
    assert np.abs(effects[(0,)] - effects[(1,)] - PAULIS["IXYZ".index(basis)]).max() < EXACT


def test_partial_bell_measurement_projects_as_promised():
    found = povm(partial_bell_measurement(), 2)  # (phase, success)
    promised = {(0, 1): "psi+", (1, 1): "psi-", (0, 0): "00", (1, 0): "11"}
    assert found.keys() == promised.keys()
    for record, name in promised.items():
        assert np.abs(found[record] - projector(KETS[name])).max() < EXACT


def test_partial_bell_measurement_reveals_what_detectors_see():
    """Two photons on a balanced beam splitter, detectors for H and V behind each of its ports."""

    def behind(arm, polarization):
        # a†(1) → (c† + d†)/√2, a†(2) → (c† − d†)/√2
        return {("c", polarization): 1 / sqrt(2), ("d", polarization): (1 if arm == 1 else -1) / sqrt(2)}

    modes = list(product("cd", "HV"))
    seen = {}
    for pattern in combinations_with_replacement(modes, 2):
        ket = []
        for a, b in product("HV", repeat=2):
            first, second = behind(1, a), behind(2, b)
            amplitude = sum(first.get(m, 0) * second.get(n, 0) for m, n in {pattern, pattern[::-1]})
            ket.append(amplitude * (sqrt(2) if pattern[0] == pattern[1] else 1))  # (c†)²|0⟩ = √2|2⟩
        seen[pattern] = np.outer(ket, ket)
    assert np.abs(sum(seen.values()) - np.eye(4)).max() < EXACT

    def clicks(*patterns):
        return sum(seen[tuple(sorted(pattern))] for pattern in patterns)

    c_h, c_v, d_h, d_v = modes
    found = povm(partial_bell_measurement(), 2)
    assert np.abs(found[(0, 1)] - clicks((c_h, c_v), (d_h, d_v))).max() < EXACT  # one arm, both polarizations
    assert np.abs(found[(1, 1)] - clicks((c_h, d_v), (c_v, d_h))).max() < EXACT  # both arms, both polarizations
    assert np.abs(found[(0, 0)] - clicks((c_h, c_h), (d_h, d_h), (c_h, d_h))).max() < EXACT
    assert np.abs(found[(1, 0)] - clicks((c_v, c_v), (d_v, d_v), (c_v, d_v))).max() < EXACT


def test_partial_bell_measurement_without_success_is_refused():
    circuit = partial_bell_measurement()
    ((bit,),) = circuit.metadata["odd_heralds"]
    assert circuit.clbits[bit] == circuit.cregs[1][0]
    assert circuit.cregs[1].name == "success"
    accepted = sum(effect for record, effect in povm(circuit, 2).items() if record[bit] == 1)
    assert np.abs(accepted - projector(KETS["psi+"]) - projector(KETS["psi-"])).max() < EXACT


def test_partial_bell_measurement_refuses_a_pair_that_was_flipped():
    """Ψ⁻ comes in: what turns it into Φ± is caught, what leaves it Ψ± is not."""
    assert_detects(
        partial_bell_measurement(), ["X_", "_X", "Y_", "_Y"], undetected=["Z_", "XX"], prepare=bell_pair("psi-")
    )


@pytest.mark.parametrize("pauli", ["X", "Y", "Z", "ZZ", "XX", "YY", "IZ", "XY", "XIY", "YZX", "ZZZ"])
def test_parity_measurement_is_the_projective_instrument(pauli):
    n = len(pauli)
    string = Operator.from_label(pauli[::-1]).data  # Qiskit's labels have qubit 0 last
    circuit = parity_measurement(pauli)
    found = branches(circuit, inputs=range(n), outputs=range(n))
    for outcome in (0, 1):
        kraus = (np.eye(2**n) + (-1) ** outcome * string) / 2
        wanted = transfer_of_superoperator(SuperOp(Kraus([kraus])).data)
        assert np.abs(found[(outcome,)].reshape(4**n, 4**n) - wanted).max() < EXACT


@pytest.mark.parametrize("n", [2, 5, 12])
def test_parity_measurement_flows_at_any_width(n, rng):
    pauli = "X" + "".join(rng.choice(list("IXYZ"), n - 1))
    text = pauli.replace("I", "_")
    circuit = parity_measurement(pauli)
    assert has_flow(circuit, f"{text}_ -> 1", zeros=[n], bits=[0])
    assert has_flow(circuit, f"{text}_ -> {text}_", zeros=[n])
    assert has_flow(circuit, f"1 -> {'_' * n}Z", zeros=[n], bits=[0])  # the ancilla is left in |m⟩
    other = ["_"] * n
    for place in range(n):  # a letter that commutes passes, one that does not is lost
        for letter in "XYZ":
            other[place] = letter
            word = "".join(other)
            commutes = pauli[place] in ("I", letter)
            assert has_flow(circuit, f"{word}_ -> {word}_", zeros=[n]) == commutes
        other[place] = "_"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_odd_parity_holds_when_an_odd_number_is_set(count):
    register = ClassicalRegister(count, "c")
    condition = odd_parity(register)
    assert condition_bits(condition) == set(register)
    for bits in product((0, 1), repeat=count):
        assert holds(condition, dict(zip(register, bits, strict=True))) == (sum(bits) % 2 == 1)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: basis_measurement(nan), ValueError, "theta must be a finite angle in radians, got nan"),
        (lambda: basis_measurement(0, "x"), TypeError, "phi must be an angle"),
        (lambda: basis_measurement(True), TypeError, "theta must be an angle"),
        (lambda: parity_measurement("ZQ"), ValueError, "letters I, X, Y, Z and not of I alone, got 'ZQ'"),
        (lambda: parity_measurement("II"), ValueError, "got 'II'"),
        (lambda: parity_measurement(""), ValueError, "got ''"),
        (lambda: parity_measurement(["Z", "Z"]), TypeError, "pauli must be a text"),
        (lambda: odd_parity([]), ValueError, "at least one classical bit"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
