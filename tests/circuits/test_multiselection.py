"""Multiple selection: which Pauli errors each circuit refuses, and what it makes of Bell-diagonal pairs.

What each circuit should do is written down here by hand, as Pauli strings over the pairs (kept, spent 0, …): an
error flips a herald if it anticommutes with the herald's string. All Pauli errors on all qubits are then compared
with the circuit's own flips, followed by stim; states and probabilities with the branch interpreter.
"""

import inspect
import re
from functools import reduce
from itertools import product

import numpy as np
import pytest
import stim
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.channel import bell_diagonal_channel
from quantumlink_circuits.multiselection import (
    PAULI_CHECKS,
    double_selection,
    expedient_round,
    single_selection_3to1,
    stringent_round,
)

from quantumlink.exact import branches
from quantumlink.testing import assert_detects, assert_prepares

LETTERS = "IXYZ"
X_PART, Z_PART = np.array([0, 1, 1, 0], dtype=bool), np.array([0, 0, 1, 1], dtype=bool)
BELL_OF_LETTER = (0, 2, 3, 1)  # I, X, Y, Z on one half of Φ⁺, in the order Φ⁺, Φ⁻, Ψ⁺, Ψ⁻
PHI_PLUS = np.array([1, 0, 0, 1]) / 2**0.5


def seen(check):
    """The basis r of a checking pair, and the other one, o: r and o as letters."""
    return ("Z", "X") if check == "Z" else ("X", "Z")


def double_claims(check="Z"):
    r, o = seen(check)
    return [f"{check}{r}{r}", f"I{o}{o}"], [(f"I{o}I", check)]


def three_to_one_claims(first="Z", second="X"):
    (r1, o1), (r2, o2) = seen(first), seen(second)
    return [f"{first}{r1}I", f"{second}{o1}{r2}"], [(f"I{o1}I", first), (f"II{o2}", second)]


def expedient_claims(check="Z"):
    r, o = seen(check)
    return [f"{check}{r}I{r}", f"I{r}{r}I", f"I{o}{o}{o}"], [(f"I{o}{o}I", check)]


def stringent_claims(check="Z"):
    r, o = seen(check)
    heralds = [f"{check}{r}I{r}{r}", f"I{r}{r}II", f"I{o}{o}{o}I", f"I{o}{o}I{o}"]
    return heralds, [(f"I{o}{o}II", check)]


CASES = [
    pytest.param(build, claims, arguments, id="-".join([build.__name__, *arguments]))
    for build, claims, choices in (
        (double_selection, double_claims, [(c,) for c in PAULI_CHECKS]),
        (
            single_selection_3to1,
            three_to_one_claims,
            [c for c in product(PAULI_CHECKS, repeat=2) if len({*c}) == 2],
        ),
        (expedient_round, expedient_claims, [(c,) for c in PAULI_CHECKS]),
        (stringent_round, stringent_claims, [(c,) for c in PAULI_CHECKS]),
    )
    for arguments in choices
]
BUILDERS = [double_selection, single_selection_3to1, expedient_round, stringent_round]
CLAIMS = dict(zip(BUILDERS, [double_claims, three_to_one_claims, expedient_claims, stringent_claims], strict=True))


def anticommute(strings, errors):
    """Whether each string (rows) anticommutes with each error (columns); errors as letters, shape (…, pairs)."""
    result = []
    for string in strings:
        clash = np.zeros(len(errors), dtype=bool)
        for pair, letter in enumerate(string):
            other = errors[:, pair]
            clash ^= (other != 0) & (letter != "I") & (other != LETTERS.index(letter))
        result.append(clash)
    return np.array(result)


def product_letter(left, right):
    """The letters of products of Paulis, up to their phase."""
    x, z = X_PART[left] ^ X_PART[right], Z_PART[left] ^ Z_PART[right]
    return np.where(x, np.where(z, 2, 1), np.where(z, 3, 0))


def kept_after(damage, errors):
    """The kept pair's letter in the end."""
    kept = errors[:, 0]
    for string, letter in damage:
        kept = product_letter(kept, np.where(anticommute([string], errors)[0], LETTERS.index(letter), 0))
    return kept


def all_letters(count):
    return np.array(list(product(range(4), repeat=count)), dtype=np.uint8)


def flips(circuit, errors):
    """Followed by stim: the classical bits that each error flips, and the letter left on each qubit.

    Args:
        circuit: Clifford gates and measurements.
        errors: letters on the arriving qubits, shape (errors, qubits).

    Returns:
        Arrays of shape (clbits, errors) and (qubits, errors).
    """
    names = {"sx": "SQRT_X", "sxdg": "SQRT_X_DAG", "measure": "M"}
    followed, written = stim.Circuit(), []
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        followed.append(names.get(instruction.name, instruction.name.upper()), qubits)
        written.extend(circuit.find_bit(c).index for c in instruction.clbits)
    simulator = stim.FlipSimulator(
        batch_size=len(errors), num_qubits=circuit.num_qubits, disable_stabilizer_randomization=True
    )
    for i, letter in enumerate(LETTERS[1:], start=1):
        simulator.broadcast_pauli_errors(pauli=letter, mask=np.ascontiguousarray((errors == i).T))
    simulator.do(followed)
    x, z, measured, _, _ = simulator.to_numpy(output_xs=True, output_zs=True, output_measure_flips=True)
    bits = np.zeros((circuit.num_clbits, len(errors)), dtype=bool)
    bits[written] = measured
    return bits, np.where(x, np.where(z, 2, 1), np.where(z, 3, 0))


def herald_bits(circuit):
    """The bits of herald i, one for each spent pair in turn, whatever parity it wants."""
    return sorted([*circuit.metadata.get("heralds", []), *circuit.metadata.get("odd_heralds", [])])


def of_pairs(circuit, letters):
    """Errors on pairs, as errors on the qubits of side a."""
    errors = np.zeros((len(letters), circuit.num_qubits), dtype=np.uint8)
    errors[:, [a for a, _ in circuit.metadata["pairs"]]] = letters
    return errors


def agrees(circuit, heralds, damage, errors):
    """Whether the circuit's flips under these errors on the qubits are as claimed."""
    pairs = np.array(circuit.metadata["pairs"])
    letters = product_letter(errors[:, pairs[:, 0]], errors[:, pairs[:, 1]])
    bits, left = flips(circuit, errors)
    flipped = np.array([reduce(np.logical_xor, bits[bit]) for bit in herald_bits(circuit)])
    kept = product_letter(*left[pairs[0]])
    return np.array_equal(flipped, anticommute(heralds, letters)) and np.array_equal(
        kept, kept_after(damage, letters)
    )


def with_pairs(circuit, bell_diagonals=None):
    """The circuit after the arrival of its pairs, Φ⁺ or Bell-diagonal."""
    result = QuantumCircuit(*circuit.qregs, *circuit.cregs, metadata=circuit.metadata)
    for i, (a, b) in enumerate(circuit.metadata["pairs"]):
        result.h(a)
        result.cx(a, b)
        if bell_diagonals is not None:
            result.append(bell_diagonal_channel(bell_diagonals[i]), [a])
    return result.compose(circuit)


def accepted(circuit, record):
    wanted = {"heralds": 0, "odd_heralds": 1}
    return all(sum(record[c] for c in h) % 2 == wanted[k] for k in wanted for h in circuit.metadata.get(k, []))


def populations(circuit, bell_diagonals):
    """By the interpreter: the kept pair's populations of Φ⁺, Φ⁻, Ψ⁺, Ψ⁻, summing up to the success probability."""
    outputs = circuit.metadata["pairs"][0]
    found = branches(with_pairs(circuit, bell_diagonals), outputs=outputs)
    total = sum(tensor.reshape(4, 4) for record, tensor in found.items() if accepted(circuit, record))
    one, xx, yy, zz = np.diag(total)
    assert np.allclose(total, np.diag(np.diag(total)), atol=1e-12)
    return np.array([one + xx - yy + zz, one - xx + yy + zz, one + xx + yy - zz, one - xx - yy - zz]) / 4


def expected_populations(heralds, damage, bell_diagonals):
    """The same by adding up all the errors that pass."""
    letters = all_letters(len(bell_diagonals))
    weights = np.prod(
        [np.array(b)[list(BELL_OF_LETTER)][letters[:, i]] for i, b in enumerate(bell_diagonals)], axis=0
    )
    weights = weights * ~anticommute(heralds, letters).any(axis=0)
    kept = np.array(BELL_OF_LETTER)[kept_after(damage, letters)]
    return np.array([weights[kept == k].sum() for k in range(4)])


@pytest.mark.parametrize(("build", "claims", "arguments"), CASES)
def test_every_pauli_error_on_all_qubits(build, claims, arguments):
    circuit = build(*arguments)
    if circuit.num_qubits <= 8 or arguments == ("Z",):
        errors = all_letters(circuit.num_qubits)  # two-sided, on all pairs: 4⁶ to 4¹⁰
    else:  # a million takes three seconds: each side by itself will do
        errors = of_pairs(circuit, all_letters(circuit.num_qubits // 2))
        errors = np.vstack([errors, errors[:, ::-1]])
    assert agrees(circuit, *claims(*arguments), errors)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_docstring_tells_which_heralds_an_error_flips(build):
    table = re.findall(r"^(?:kept|spent \d) +(\S+) +(\S+) +(\S+)$", inspect.getdoc(build), flags=re.MULTILINE)
    circuit = build()
    count = len(circuit.metadata["pairs"])
    assert len(table) == count
    for pair, row in enumerate(table):
        letters = np.zeros((3, count), dtype=np.uint8)
        letters[:, pair] = 1, 2, 3
        bits, _ = flips(circuit, of_pairs(circuit, letters))
        for i, cell in enumerate(row):
            flipped = [h for h, (a, b) in enumerate(herald_bits(circuit)) if bits[a, i] ^ bits[b, i]]
            assert ",".join(map(str, flipped)) == cell.replace("-", "")


@pytest.mark.parametrize("build", [double_selection, single_selection_3to1])
def test_single_errors_by_the_interpreter(build):
    circuit = build()
    heralds, _ = CLAIMS[build]()
    detected, passing = [], []
    for qubit, letter in product(range(circuit.num_qubits), "XYZ"):
        error = "I" * qubit + letter + "I" * (circuit.num_qubits - 1 - qubit)
        pair = next(i for i, pair in enumerate(circuit.metadata["pairs"]) if qubit in pair)
        caught = any(string[pair] not in ("I", letter) for string in heralds)
        (detected if caught else passing).append(error)
    assert_detects(circuit, detected, undetected=passing)
    assert len(passing) == 2  # the one letter of the one pair, on either side


@pytest.mark.parametrize(("build", "claims", "arguments"), CASES)
def test_perfect_pairs_are_kept_as_they_are(build, claims, arguments):
    circuit = build(*arguments)
    assert_prepares(with_pairs(circuit), PHI_PLUS, qubits=["kept_a", "kept_b"])
    perfect = [(1, 0, 0, 0)] * len(circuit.metadata["pairs"])
    assert populations(circuit, perfect) == pytest.approx([1, 0, 0, 0], abs=1e-12)


@pytest.mark.parametrize(("build", "claims", "arguments"), CASES)
def test_bell_diagonal_pairs_become_what_adding_up_the_errors_says(build, claims, arguments, rng):
    circuit = build(*arguments)
    bell_diagonals = rng.dirichlet([8, 1, 1, 1], size=len(circuit.metadata["pairs"]))
    expected = expected_populations(*claims(*arguments), bell_diagonals)
    assert populations(circuit, bell_diagonals) == pytest.approx(expected, abs=1e-9)


CLOSED_FORMS = {  # coefficients of 1, w, w², …: of P and of F′·P
    double_selection: (np.array([1, 0, 1, 2]) / 4, np.array([1, 1, 7, 7]) / 16),
    single_selection_3to1: (np.array([1, 0, 1, 2]) / 4, np.array([1, 1, 7, 7]) / 16),
    expedient_round: (np.array([1, 0, 1, 4, 2]) / 8, np.array([1, 1, 5, 15, 10]) / 32),
    stringent_round: (np.array([1, 0, 2, 4, 5, 4]) / 16, np.array([1, 1, 6, 14, 25, 17]) / 64),
}


@pytest.mark.parametrize("fidelity", [0.3, 0.7, 0.95])
@pytest.mark.parametrize(("build", "claims", "arguments"), CASES)
def test_werner_pairs_follow_the_closed_form(build, claims, arguments, fidelity):
    w = (4 * fidelity - 1) / 3
    success, right = (np.polynomial.Polynomial(c)(w) for c in CLOSED_FORMS[build])
    werner = (fidelity, *[(1 - fidelity) / 3] * 3)
    pairs = len(build().metadata["pairs"])
    expected = expected_populations(*claims(*arguments), [werner] * pairs)
    assert (expected.sum(), expected[0]) == pytest.approx((success, right), abs=1e-12)
    if arguments in ((), ("Z",), ("Z", "X")):
        found = populations(build(*arguments), [werner] * pairs)
        assert (found.sum(), found[0]) == pytest.approx((success, right), abs=1e-9)


@pytest.mark.parametrize(
    ("build", "least", "always"),
    [
        (double_selection, 2, {1, 2}),
        (single_selection_3to1, 1, set()),
        (expedient_round, 2, {3}),
        (stringent_round, 3, {3, 4}),
    ],
)
def test_how_many_spent_pairs_must_fail_to_spoil_the_kept_one(build, least, always):
    heralds, damage = CLAIMS[build]()
    letters = all_letters(len(build().metadata["pairs"]))
    letters = letters[letters[:, 0] == 0]
    passing = letters[~anticommute(heralds, letters).any(axis=0) & (kept_after(damage, letters) != 0)]
    assert (passing != 0).sum(axis=1).min() == least
    assert set(np.flatnonzero((passing != 0).all(axis=0)).tolist()) >= always


@pytest.mark.parametrize("build", BUILDERS)
def test_no_gate_can_be_left_out(build):
    circuit = build()
    heralds, damage = CLAIMS[build]()
    errors = np.vstack([np.eye(circuit.num_qubits, dtype=np.uint8) * i for i in (1, 2, 3)])
    assert agrees(circuit, heralds, damage, errors)
    for place, instruction in enumerate(circuit.data):
        if instruction.name != "measure":
            mutant = circuit.copy_empty_like()
            mutant.data = [other for i, other in enumerate(circuit.data) if i != place]
            assert not agrees(mutant, heralds, damage, errors), instruction


def test_the_check_of_yy_wants_different_outcomes():
    assert double_selection("Y").metadata["odd_heralds"] == [[0, 2]]
    assert double_selection("Y").metadata["heralds"] == [[1, 3]]
    assert single_selection_3to1("Y", "Z").metadata["odd_heralds"] == [[0, 2]]
    assert stringent_round("Y").metadata["odd_heralds"] == [[0, 4]]


@pytest.mark.parametrize("build", [double_selection, expedient_round, stringent_round])
@pytest.mark.parametrize("check", ["x", "I", "", "ZZ", None])
def test_an_unknown_check_is_refused(build, check):
    with pytest.raises(ValueError, match=r"check must be one of X, Y, Z; got"):
        build(check)


def test_checks_of_two_rounds_must_differ():
    with pytest.raises(ValueError, match="second must be one of X, Y, Z; got 'W'"):
        single_selection_3to1("X", "W")
    with pytest.raises(ValueError, match=r"first and second must differ.* got 'Y' twice"):
        single_selection_3to1("Y", "Y")
