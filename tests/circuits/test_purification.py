"""Purification with one spent pair: errors, closed forms, the twirl, and extreme photon loss."""

import inspect
import re
from itertools import product

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Kraus, Statevector
from quantumlink_circuits.channel import bell_diagonal_channel
from quantumlink_circuits.purifications import TWIRL_ANGLES, bbpssw, bilateral_twirl, dejmps, epl, purification

from quantumlink.exact import branches
from quantumlink.testing import assert_detects, assert_prepares

BELL_VECTORS = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]) / 2**0.5
LETTERS = "IXYZ"
HERALDED = {"dejmps": "XZ", "bbpssw": "XY"}
"""The letters that flip the herald when they are on one pair."""

plain = pytest.mark.parametrize("name", HERALDED)


def built(name):
    return dejmps() if name == "dejmps" else bbpssw(twirl=False)


def times(left, right):
    """The letter of a product of two Paulis."""
    if "I" in (left, right):
        return left if right == "I" else right
    return "I" if left == right else next(iter({*"XYZ"} - {left, right}))


def with_pairs(circuit, kept, spent):
    """The circuit after the arrival of two Bell-diagonal pairs."""
    result = QuantumCircuit(*circuit.qregs, *circuit.cregs)
    for (a, b), populations in zip(circuit.metadata["pairs"], (kept, spent), strict=True):
        result.h(a)
        result.cx(a, b)
        result.append(bell_diagonal_channel(populations), [a])
    return result.compose(circuit)


def kept_pair(circuit, kept, spent):
    """By the interpreter: the unnormalised Bell populations of the kept pair when both outcomes are equal."""
    found = branches(with_pairs(circuit, kept, spent), outputs=circuit.metadata["pairs"][0])
    total = sum(tensor.reshape(4, 4) for record, tensor in found.items() if record[0] == record[1])
    one, xx, yy, zz = np.diag(total)
    return np.array([one + xx - yy + zz, one - xx + yy + zz, one + xx + yy - zz, one - xx - yy - zz]) / 4


# --- errors


@plain
def test_metadata(name):
    expected = {"heralds": [[0, 1]], "pairs": [[0, 3], [1, 2]]}
    assert built(name).metadata == expected
    twirls = {"twirls": ["twirl_kept", "twirl_spent"]} if name == "bbpssw" else {}
    assert purification(name).metadata == expected | twirls


@plain
def test_every_pauli_error_on_all_qubits(name):
    refused, passing = [], []
    for kept_a, spent_a, spent_b, kept_b in product(LETTERS, repeat=4):
        letters = times(kept_a, kept_b), times(spent_a, spent_b)
        flips = sum(letter in HERALDED[name] for letter in letters)
        (refused if flips % 2 else passing).append(kept_a + spent_a + spent_b + kept_b)
    assert (len(refused), len(passing)) == (128, 128)
    assert_detects(built(name), refused, undetected=passing)


@plain
def test_the_docstring_tells_which_errors_are_refused(name):
    text = inspect.getdoc({"dejmps": dejmps, "bbpssw": bbpssw}[name])
    table = re.findall(r"^(?:kept|spent) +(\S) +(\S) +(\S)$", text, flags=re.MULTILINE)
    assert table == [tuple("0" if letter in HERALDED[name] else "-" for letter in "XYZ")] * 2


@plain
def test_what_the_missed_errors_leave(name):
    phi, bad = np.eye(4)[0], {"dejmps": 3, "bbpssw": 1}[name]  # Y and Z on one half of Φ⁺: Ψ⁻ and Φ⁻
    for pairs in ((np.eye(4)[bad], phi), (phi, np.eye(4)[bad])):
        assert kept_pair(built(name), *pairs) == pytest.approx([0, 1, 0, 0], abs=1e-12)
    assert kept_pair(built(name), phi, phi) == pytest.approx([1, 0, 0, 0], abs=1e-12)


# --- closed forms


def test_dejmps_on_unequal_bell_diagonal_pairs(rng):
    for kept, spent in rng.dirichlet([3, 1, 1, 1], size=(4, 2)):
        (A, D, C, B), (a, d, c, b) = kept, spent  # Φ⁺, Φ⁻, Ψ⁺, Ψ⁻
        expected = [A * a + B * b, A * b + B * a, C * c + D * d, C * d + D * c]
        assert kept_pair(dejmps(), kept, spent) == pytest.approx(expected, abs=1e-9)


def test_dejmps_nested_twice():
    pair = np.array([0.8, *[0.2 / 3] * 3])
    for fidelity in (0.838150, 0.943639):
        pair = kept_pair(dejmps(), pair, pair)
        pair /= pair.sum()
        assert pair[0] == pytest.approx(fidelity, abs=5e-7)


@pytest.mark.parametrize("fidelity", [0.5, 0.7, 0.9])
def test_bbpssw_on_werner_pairs(fidelity):
    e = (1 - fidelity) / 3
    found = kept_pair(bbpssw(twirl=False), *[(fidelity, e, e, e)] * 2)
    assert found.sum() == pytest.approx(fidelity**2 + 2 * fidelity * e + 5 * e**2, abs=1e-9)
    assert found[0] == pytest.approx(fidelity**2 + e**2, abs=1e-9)


def test_the_twirl_makes_any_pair_a_werner_state(rng):
    vectors = rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    rho = DensityMatrix(vectors @ vectors.conj().T / np.trace(vectors @ vectors.conj().T))
    twirl = bilateral_twirl()
    turned = [rho.evolve(twirl.assign_parameters(row)).data for row in TWIRL_ANGLES]
    phi = BELL_VECTORS[0]
    fidelity = (phi @ rho.data @ phi).real
    werner = fidelity * np.outer(phi, phi) + (1 - fidelity) / 3 * (np.eye(4) - np.outer(phi, phi))
    assert np.abs(np.mean(turned, axis=0) - werner).max() < 1e-9


def test_bbpssw_twirled_purifies_a_pair_of_any_form():
    kept, spent = (0.8, 0.2, 0, 0), (0.7, 0, 0.25, 0.05)
    circuit, total = bbpssw(), 0
    for row in TWIRL_ANGLES:
        for other in TWIRL_ANGLES:
            total += kept_pair(circuit.assign_parameters([*row, *other]), kept, spent) / len(TWIRL_ANGLES) ** 2
    F, f = kept[0], spent[0]
    e, g = (1 - F) / 3, (1 - f) / 3
    assert total.sum() == pytest.approx((F + e) * (f + g) + 4 * e * g, abs=1e-9)
    assert total[0] == pytest.approx(F * f + e * g, abs=1e-9)


# --- extreme photon loss


def raw_pair(p, theta, coherence=1.0):
    """p·|Ψθ⟩⟨Ψθ| + (1 − p)·|11⟩⟨11| on (a, b), the coherence of Ψθ reduced."""
    rho = np.zeros((4, 4), dtype=complex)  # |b a⟩: 1 is |a=1, b=0⟩, 2 is |a=0, b=1⟩
    rho[1, 1] = rho[2, 2] = p / 2
    rho[1, 2] = p / 2 * coherence * np.exp(1j * theta)
    rho[2, 1] = rho[1, 2].conjugate()
    rho[3, 3] = 1 - p
    return rho


def prepared(rho):
    """The channel that replaces two qubits by a state."""
    values, vectors = np.linalg.eigh(rho)
    columns = [np.sqrt(max(value, 0)) * vector for value, vector in zip(values, vectors.T, strict=True)]
    return Kraus([np.outer(column, row) for column in columns for row in np.eye(4)]).to_instruction()


def epl_run(kept, spent, error="IIII"):
    circuit = QuantumCircuit(*epl().qregs, *epl().cregs)
    circuit.append(prepared(kept), [0, 3])
    circuit.append(prepared(spent), [1, 2])
    for qubit, letter in enumerate(error):
        if letter != "I":
            getattr(circuit, letter.lower())(qubit)
    found = branches(circuit.compose(epl()), outputs=[0, 3]).get((1, 1), np.zeros(16)).reshape(4, 4)
    one, xx, yy, zz = np.diag(found)
    return one, (one + xx + yy - zz) / 4, (one - xx - yy - zz) / 4  # P, P·F(Ψ⁺), P·F(Ψ⁻)


@pytest.mark.parametrize("p", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("coherence", [1.0, 0.8, 0.0])
def test_epl_distills_a_perfect_pair_of_any_phase(p, coherence, rng):
    raw = raw_pair(p, rng.uniform(0, 2 * np.pi), coherence)
    success, fidelity, _ = epl_run(raw, raw)
    assert success == pytest.approx(p**2 / 2, abs=1e-9)
    assert fidelity / success == pytest.approx((1 + coherence**2) / 2, abs=1e-9)


def test_epl_by_density_matrices(rng):
    raw = raw_pair(0.6, rng.uniform(0, 2 * np.pi), 0.9)
    gates = epl().remove_final_measurements(inplace=False)
    order = QuantumCircuit(4)
    order.compose(gates, [0, 2, 3, 1], inplace=True)  # now kept is (0, 1), spent (2, 3)
    rho = DensityMatrix(np.kron(raw, raw)).evolve(order).data.reshape((4,) * 4)[3, :, 3, :]
    psi_plus = BELL_VECTORS[2]
    assert np.trace(rho).real == pytest.approx(0.18, abs=1e-9)
    assert (psi_plus @ rho @ psi_plus).real == pytest.approx(0.18 * (1 + 0.81) / 2, abs=1e-9)


def test_epl_with_two_phases_keeps_their_difference():
    found = epl_run(raw_pair(1, 0.3), raw_pair(1, 0.3 + 1.1))
    assert found == pytest.approx((0.5, np.cos(0.55) ** 2 / 2, np.sin(0.55) ** 2 / 2), abs=1e-9)
    for letter in "XY":  # on both halves of the kept pair: its phase changes sign
        found = epl_run(raw_pair(1, 0.3), raw_pair(1, 0.3), f"{letter}II{letter}")
        assert found == pytest.approx((0.5, np.cos(0.3) ** 2 / 2, np.sin(0.3) ** 2 / 2), abs=1e-9)


@pytest.mark.parametrize("theta", [0.0, 0.4])
def test_epl_refuses_what_its_docstring_says(theta):
    raw = raw_pair(1, theta)
    for kept_a, spent_a, spent_b, kept_b in product(LETTERS, repeat=4):
        if theta and ("I" not in (kept_a, kept_b) or "I" not in (spent_a, spent_b)):
            continue  # X or Y on both halves of one pair change the sign of its θ
        success, plus, minus = epl_run(raw, raw, kept_a + spent_a + spent_b + kept_b)
        kept, spent = times(kept_a, kept_b), times(spent_a, spent_b)
        parity = [letter in "XY" for letter in (kept, spent)]
        phase = (kept in "YZ") ^ (spent in "YZ")
        if parity[0] != parity[1]:
            assert success == pytest.approx(0, abs=1e-12)
        elif parity[0]:
            assert (success, plus + minus) == pytest.approx((0.5, 0), abs=1e-12)
        else:
            assert (success, minus if phase else plus) == pytest.approx((0.5, 0.5), abs=1e-12)


def test_epl_as_a_prepared_circuit():
    circuit = QuantumCircuit(*epl().qregs, *epl().cregs, metadata=epl().metadata)
    for a, b in ((0, 3), (1, 2)):
        circuit.h(a)
        circuit.cx(a, b)
        circuit.x(b)
        circuit.p(0.8, a)
    assert_prepares(circuit.compose(epl()), Statevector(BELL_VECTORS[2]), qubits=["kept_a", "kept_b"])


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="protocol must be one of dejmps, bbpssw; got 'epl'"):
        purification("epl")
