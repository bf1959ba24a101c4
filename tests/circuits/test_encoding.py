"""Encoded Bell pairs: every Pauli error, the code space, the logical pairs and their fidelity.

Expected refusals are the symplectic products of the stabilizers, written down here, with the error. The circuit's
own come from stim, with its resets and feed-forward; the smaller codes go through the branch interpreter as well.
"""

import inspect
import io
import re
from functools import reduce
from itertools import combinations, product

import numpy as np
import pytest
import stim
from qiskit import qasm3, qpy
from qiskit.circuit import IfElseOp, QuantumCircuit
from quantumlink_circuits.channel import bell_diagonal_channel
from quantumlink_circuits.encoding import STABILIZER_CODES, encoded_bell_pair, repetition_bell_pair

from quantumlink.exact import branches
from quantumlink.testing import assert_detects, assert_flow

LETTERS = "IXYZ"
CODES = {  # stabilizers, logical operators
    "four_two_two": (["XXXX", "ZZZZ"], ["XXII", "ZIZI", "XIXI", "ZZII"]),
    "five_qubit": (["XZZXI", "IXZZX", "XIXZZ", "ZXIXZ"], ["XXXXX", "ZZZZZ"]),
    "steane": (
        ["IIIXXXX", "IXXIIXX", "XIXIXIX", "IIIZZZZ", "IZZIIZZ", "ZIZIZIZ"],
        ["XXXXXXX", "ZZZZZZZ"],
    ),
    "bit 2": (["ZZ"], ["XX", "ZI"]),
    "bit 3": (["ZZI", "IZZ"], ["XXX", "ZII"]),
    "phase 3": (["XXI", "IXX"], ["ZZZ", "IXI"]),
    "bit 4": (["ZZII", "IZZI", "IIZZ"], ["XXXX", "IIIZ"]),
    "with Y": (["XYZ"], ["XII", "IYI", "YXI", "IZY"]),  # an odd number of Y: side b holds another code
}
ENUMERATORS = {  # on how many pairs: products of stabilizers, and strings that commute with all of them
    "four_two_two": ([1, 0, 0, 0, 3], [1, 0, 18, 24, 21]),
    "five_qubit": ([1, 0, 0, 0, 15, 0], [1, 0, 0, 30, 15, 18]),
    "steane": ([1, 0, 0, 0, 21, 0, 42, 0], [1, 0, 0, 21, 21, 126, 42, 45]),
}
SMALL = ["four_two_two", "bit 2", "bit 3", "phase 3", "with Y"]
every_code = pytest.mark.parametrize("name", CODES)
small_code = pytest.mark.parametrize("name", SMALL)


def built(name):
    if name in STABILIZER_CODES:
        return encoded_bell_pair(name)
    if name == "with Y":
        return encoded_bell_pair(["XYZ"])
    kind, distance = name.split()
    return repetition_bell_pair(int(distance), kind)


def letters_of(strings):
    return np.array([[LETTERS.index(c) for c in string] for string in strings], dtype=np.uint8)


def anticommute(strings, errors):
    """Whether strings (rows) and errors (columns) anticommute, both as letters."""
    different = (strings[:, None] != errors[None]) & (strings[:, None] > 0) & (errors[None] > 0)
    return different.sum(axis=2) % 2 == 1


def all_letters(count):
    return np.array(list(product(range(4), repeat=count)), dtype=np.uint8)


def multiplied(left, right):
    """Letters of products of Paulis, up to their phase."""
    x = np.isin(left, (1, 2)) ^ np.isin(right, (1, 2))
    z = np.isin(left, (2, 3)) ^ np.isin(right, (2, 3))
    return np.where(x, np.where(z, 2, 1), np.where(z, 3, 0)).astype(np.uint8)


def group(generators):
    """All products of Pauli strings given as letters, up to their phase."""
    result = np.zeros((1, generators.shape[1]), dtype=np.uint8)
    for generator in generators:
        result = np.vstack([result, multiplied(result, generator)])
    return result


def as_stim(circuit, *, fresh=False):
    """The circuit with its resets, measurements and corrections, and the record of each classical bit.

    With ``fresh`` all qubits start in |0⟩; else, as in stim, they are inputs.
    """
    result, record = stim.Circuit(), {}
    result.append("R", range(circuit.num_qubits if fresh else 0))
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            (bit, value), (block,) = instruction.operation.condition, instruction.operation.blocks
            assert value == 1
            for inner in block.data:
                target = qubits[block.find_bit(inner.qubits[0]).index]
                back = stim.target_rec(record[circuit.find_bit(bit).index] - result.num_measurements)
                result.append(f"C{inner.name.upper()}", [back, target])
        elif instruction.name == "measure":
            record[circuit.find_bit(instruction.clbits[0]).index] = result.num_measurements
            result.append("M", qubits)
        else:
            result.append({"reset": "R"}.get(instruction.name, instruction.name.upper()), qubits)
    return result, record


def refused(circuit, errors):
    """By stim: which heralds each error on the arriving qubits flips, shape (heralds, errors)."""
    followed, record = as_stim(circuit)
    simulator = stim.FlipSimulator(
        batch_size=len(errors), num_qubits=circuit.num_qubits, disable_stabilizer_randomization=True
    )
    for i, letter in enumerate(LETTERS[1:], start=1):
        simulator.broadcast_pauli_errors(pauli=letter, mask=np.ascontiguousarray((errors == i).T))
    simulator.do(followed)
    flips = simulator.get_measurement_flips()
    heralds = [[flips[record[c]] for c in herald] for herald in circuit.metadata["heralds"]]
    return np.array([reduce(np.logical_xor, herald) for herald in heralds])


def on_qubits(circuit, side_a, side_b=None):
    """Errors on pairs, one side or both, as errors on the circuit's qubits."""
    errors = np.zeros((len(side_a), circuit.num_qubits), dtype=np.uint8)
    errors[:, [a for a, _ in circuit.metadata["pairs"]]] = side_a
    if side_b is not None:
        errors[:, [b for _, b in circuit.metadata["pairs"]]] = side_b
    return errors


def with_pairs(circuit, populations=None):
    """The circuit after the arrival of its pairs, Φ⁺ or Bell-diagonal."""
    result = QuantumCircuit(*circuit.qregs, *circuit.cregs, metadata=circuit.metadata)
    for a, b in circuit.metadata["pairs"]:
        result.h(a)
        result.cx(a, b)
        if populations is not None:
            result.append(bell_diagonal_channel(populations), [a])
    return result.compose(circuit)


def output_stabilizers(name):
    """Signed Pauli strings on all qubits (data_a, check_a, check_b, data_b) that hold for the accepted output."""
    stabilizers, logical = CODES[name]
    idle = "_" * (len(stabilizers[0]) + 1)

    def sign(string):
        return "-" if string.count("Y") % 2 else "+"

    def text(string):
        return string.replace("I", "_")

    for string in stabilizers:
        yield f"+{text(string)}_{idle}"
        yield f"{sign(string)}{idle}_{text(string)}"
    for string in logical:
        yield f"{sign(string)}{text(string)}__{text(string)}"


# --- errors


@every_code
def test_the_table_of_codes(name):
    stabilizers, logical = (letters_of(strings) for strings in CODES[name])
    assert not anticommute(stabilizers, stabilizers).any()
    assert not anticommute(stabilizers, logical).any()
    n, r = stabilizers.shape[1], len(stabilizers)
    assert len(np.unique(group(np.vstack([stabilizers, logical])), axis=0)) == 2 ** (r + 2 * (n - r))
    if name in STABILIZER_CODES:
        assert [*STABILIZER_CODES[name]] == CODES[name][0]


@every_code
def test_every_pauli_error_on_one_side(name):
    circuit, stabilizers = built(name), letters_of(CODES[name][0])
    errors = all_letters(stabilizers.shape[1])  # up to 4⁷ = 16,384
    expected = anticommute(stabilizers, errors)
    assert np.array_equal(refused(circuit, on_qubits(circuit, errors)), expected)
    nothing = np.zeros_like(errors)
    assert np.array_equal(refused(circuit, on_qubits(circuit, nothing, errors)), expected)


@every_code
def test_two_sided_errors_count_as_their_product(name, rng):
    circuit, stabilizers = built(name), letters_of(CODES[name][0])
    n = stabilizers.shape[1]
    if n <= 4:
        errors = all_letters(2 * n)
    else:  # all of weight 1 and 2, wherever they are
        errors = np.zeros((9 * n * (2 * n - 1), 2 * n), dtype=np.uint8)
        places = [(i, j, p, q) for i, j in combinations(range(2 * n), 2) for p, q in product((1, 2, 3), repeat=2)]
        for row, (i, j, p, q) in enumerate(places):
            errors[row, [i, j]] = p, q
    expected = anticommute(stabilizers, multiplied(errors[:, :n], errors[:, n:]))
    assert np.array_equal(refused(circuit, on_qubits(circuit, errors[:, :n], errors[:, n:])), expected)


@pytest.mark.parametrize("name", ENUMERATORS)
def test_how_many_errors_are_harmless_and_how_many_missed(name):
    harmless, passing = ENUMERATORS[name]
    stabilizers = letters_of(CODES[name][0])
    n = stabilizers.shape[1]
    weights = (group(stabilizers) > 0).sum(axis=1)
    assert np.bincount(weights, minlength=n + 1).tolist() == harmless
    circuit, errors = built(name), all_letters(n)
    passes = ~refused(circuit, on_qubits(circuit, errors)).any(axis=0)
    assert np.bincount((errors[passes] > 0).sum(axis=1), minlength=n + 1).tolist() == passing
    (line,) = re.findall(rf'^"{name}" .*$', inspect.getdoc(encoded_bell_pair), flags=re.MULTILINE)
    numbers = [int(number) for number in re.findall(r"(?<= )\d+(?= |$)", line)]
    assert numbers[-2 * (n + 1) :] == harmless + passing


def test_what_four_two_two_misses():
    circuit = built("four_two_two")
    single, twice, other = [], [], []
    for qubit, letter in product([0, 1, 2, 3, 6, 7, 8, 9], "XYZ"):
        single.append("_" * qubit + letter + "_" * (9 - qubit))
    for (i, j), (p, q) in product(combinations(range(4), 2), product("XYZ", repeat=2)):
        letters = ["_"] * 10
        letters[i], letters[j] = p, q
        (twice if p == q else other).append("".join(letters))
    assert (len(single), len(twice), len(other)) == (24, 18, 36)
    assert_detects(circuit, single[::5] + other[::9], undetected=twice[::7])  # a quarter of a second each
    pairs = letters_of([error[:4].replace("_", "I") for error in (*twice, *other)])
    assert refused(circuit, on_qubits(circuit, pairs)).any(axis=0).tolist() == [False] * 18 + [True] * 36


@pytest.mark.parametrize("distance", [2, 3, 5])
@pytest.mark.parametrize(("kind", "seen", "unseen"), [("bit", (1, 2), 3), ("phase", (2, 3), 1)])
def test_what_a_repetition_code_sees(distance, kind, seen, unseen):
    circuit = repetition_bell_pair(distance, kind)
    errors = all_letters(distance)
    flipped = np.isin(errors, seen).sum(axis=1)
    expected = (flipped > 0) & (flipped < distance)
    assert np.array_equal(refused(circuit, on_qubits(circuit, errors)).any(axis=0), expected)
    if distance == 3:
        single = [["_"] * 8 for _ in range(18)]
        for letters, (qubit, letter) in zip(single, product([0, 1, 2, 5, 6, 7], "XYZ"), strict=True):
            letters[qubit] = letter
        texts = ["".join(letters) for letters in single]
        passing = [text for text in texts if LETTERS[unseen] in text]
        assert_detects(circuit, [text for text in texts if text not in passing], undetected=passing)


@pytest.mark.parametrize("name", ["five_qubit", "steane"])
def test_errors_on_one_pair_differ_in_their_syndromes(name):
    n = len(CODES[name][0][0])
    errors = np.array([np.eye(n, dtype=np.uint8)[i] * letter for i in range(n) for letter in (1, 2, 3)])
    syndromes = refused(built(name), on_qubits(built(name), errors)).T
    assert len(np.unique(syndromes, axis=0)) == 3 * n
    assert syndromes.any(axis=1).all()


# --- what comes out


@every_code
def test_code_space_and_logical_pairs_by_stim(name):
    circuit = with_pairs(built(name))
    followed, record = as_stim(circuit, fresh=True)
    for stabilizer in output_stabilizers(name):
        assert followed.has_flow(stim.Flow(f"1 -> {stabilizer}")), stabilizer
    for herald in circuit.metadata["heralds"]:  # perfect pairs are never refused
        assert followed.has_flow(stim.Flow("1 -> 1 xor " + " xor ".join(f"rec[{record[c]}]" for c in herald)))


@small_code
def test_code_space_and_logical_pairs_by_the_interpreter(name):
    circuit = with_pairs(built(name))
    for stabilizer in output_stabilizers(name):
        assert_flow(circuit, f"1 -> {stabilizer}")


@pytest.mark.parametrize("name", ["four_two_two", "bit 3", "phase 3", "with Y"])
@pytest.mark.parametrize("fidelity", [0.7, 0.95])
def test_fidelity_of_all_logical_pairs(name, fidelity):
    stabilizers = letters_of(CODES[name][0])
    n = stabilizers.shape[1]
    e = (1 - fidelity) / 3
    circuit = built(name)
    outputs = [q for side in zip(*circuit.metadata["pairs"], strict=True) for q in side]
    found = branches(with_pairs(circuit, (fidelity, e, e, e)), outputs=outputs)
    heralds = circuit.metadata["heralds"]
    state = sum(t for record, t in found.items() if not any(sum(record[c] for c in h) % 2 for h in heralds))
    state = state.reshape((4,) * 2 * n)
    # The projector on the encoded pairs is the mean of all products of their stabilizers.
    products = [stim.PauliString(circuit.num_qubits)]
    for stabilizer in output_stabilizers(name):
        products += [p * stim.PauliString(stabilizer) for p in products]
    right = np.mean([p.sign.real * state[tuple(p[q] for q in outputs)] for p in products])
    harmless, passing = (
        np.bincount((strings > 0).sum(axis=1), minlength=n + 1)
        for strings in (group(stabilizers), normalizer(stabilizers))
    )
    powers = fidelity ** (n - np.arange(n + 1)) * e ** np.arange(n + 1)
    assert state[(0,) * 2 * n] == pytest.approx(passing @ powers, abs=1e-9)
    assert right == pytest.approx(harmless @ powers, abs=1e-9)


def normalizer(stabilizers):
    errors = all_letters(stabilizers.shape[1])
    return errors[~anticommute(stabilizers, errors).any(axis=0)]


# --- mistakes


@pytest.mark.parametrize("name", ["four_two_two", "bit 3", "with Y", "five_qubit"])
def test_no_instruction_can_be_left_out(name):
    circuit = built(name)
    stabilizers = letters_of(CODES[name][0])
    errors = on_qubits(circuit, all_letters(stabilizers.shape[1]))
    expected = anticommute(stabilizers, all_letters(stabilizers.shape[1]))
    for place, instruction in enumerate(circuit.data):
        if instruction.name == "measure":
            continue
        mutant = circuit.copy_empty_like()
        mutant.data = [other for i, other in enumerate(circuit.data) if i != place]
        followed, record = as_stim(with_pairs(mutant), fresh=True)
        flows = [f"1 -> {s}" for s in output_stabilizers(name)]
        flows += ["1 -> 1 xor " + " xor ".join(f"rec[{record[c]}]" for c in h) for h in circuit.metadata["heralds"]]
        fine = all(followed.has_flow(stim.Flow(flow)) for flow in flows)
        assert not (fine and np.array_equal(refused(mutant, errors), expected)), (place, instruction)


# --- what goes in


def test_metadata_and_ports():
    circuit = encoded_bell_pair("five_qubit")
    assert circuit.metadata == {
        "heralds": [[0, 4], [1, 5], [2, 6], [3, 7]],
        "pairs": [[0, 7], [1, 8], [2, 9], [3, 10], [4, 11]],
    }
    assert circuit.name == "encoded_bell_pair"
    assert repetition_bell_pair().name == "repetition_bell_pair"
    assert encoded_bell_pair().num_qubits == 10


@pytest.mark.parametrize("code", STABILIZER_CODES)
def test_codes_by_name_survive_export(code):
    circuit = encoded_bell_pair(code)
    file = io.BytesIO()
    qpy.dump(circuit, file)
    file.seek(0)
    (loaded,) = qpy.load(file)
    assert loaded == circuit
    assert loaded.metadata == circuit.metadata
    assert qasm3.dumps(circuit).count("measure") == 2 * len(STABILIZER_CODES[code])


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("shor", ValueError, "code must be one of four_two_two, five_qubit, steane, or stabilizers; got 'shor'"),
        ([], ValueError, "at least one stabilizer"),
        (["ZZ", "Z"], ValueError, "stabilizers must consist of 2 letters I, X, Y, Z each, not all I; got 'Z'"),
        (["Zz"], ValueError, "got 'Zz'"),
        (["ZZ", "II"], ValueError, "not all I; got 'II'"),
        (["XI", "ZZ"], ValueError, "stabilizers must commute, got 'XI' and 'ZZ'"),
        (["ZZI", "IZZ", "ZIZ"], ValueError, "stabilizers must be independent, got number 2 as a product"),
        ([1, 2], TypeError, "code must be a name or a sequence of texts"),
        (7, TypeError, "code must be a name or a sequence of texts"),
    ],
)
def test_bad_codes_are_refused(code, error, text):
    with pytest.raises(error, match=re.escape(text)):
        encoded_bell_pair(code)


def test_bad_repetition_codes_are_refused():
    with pytest.raises(ValueError, match="distance must be at least 2, got 1"):
        repetition_bell_pair(1)
    with pytest.raises(TypeError, match="distance must be a whole number, got '3'"):
        repetition_bell_pair("3")
    with pytest.raises(ValueError, match="kind must be one of bit, phase; got 'X'"):
        repetition_bell_pair(3, "X")
