"""What every primitive of the library promises, proven exactly and with nothing but the test kit.

``PROOFS[name]`` takes the circuit that the builder of that name returns without arguments, or one that claims to be
it, and raises if a promise is broken. What is expected is written down here and never asked of a builder: an ideal
gate, a state, a distribution, the flows of a textbook.

Flows are a complete proof where each X and Z of the qubits that remain and each classical bit has one, with every
input carried: these generate all that can be observed, and flows multiply. The letters of a flow, and the axes of
an amplitude tensor, stand in the order of the circuit's qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from math import cos, pi, sin, sqrt

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import CCXGate, CPhaseGate, CXGate, CZGate, SwapGate, SXGate, TGate, UGate
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, Pauli, StabilizerState

from quantumlink.circuits import PauliChannel
from quantumlink.exact import outcome_probabilities
from quantumlink.testing import assert_channel, assert_detects, assert_flow, assert_prepares

Proof = Callable[[QuantumCircuit], None]

PROOFS: dict[str, Proof] = {}

PHI_PLUS = np.eye(2) / sqrt(2)

DIRECTIONS = {"X": (pi / 2, 0), "Y": (pi / 2, pi / 2), "Z": (0, 0), "any": (0.7, 1.9)}
"""Polar angle and azimuth of some Bloch vectors."""

ANGLES = (0, pi / 2, pi, 0.7)

ERRORS = ((0.03, 0.05, 0.11), (0.02, 0.13, 0.07), (0.09, 0.04, 0.06), (0.08, 0.01, 0.12), (0.1, 0.14, 0.02))
"""Probabilities of X, Y and Z on the arriving pairs: all different, so that no exchange goes unseen."""


def proves(*names: str) -> Callable[[Proof], Proof]:
    def registered(proof: Proof) -> Proof:
        PROOFS.update(dict.fromkeys(names, proof))
        return proof

    return registered


# --- what proofs share


def bind(circuit: QuantumCircuit, **values: float) -> QuantumCircuit:
    """The circuit with parameters by name, ``twirl_0`` for ``twirl[0]``; one that it lacks is no matter here."""
    known: dict[str, Parameter] = {p.name.replace("[", "_").rstrip("]"): p for p in circuit.parameters}
    return circuit.assign_parameters({known[name]: value for name, value in values.items() if name in known})


def arriving(circuit: QuantumCircuit, errors: Sequence[tuple[float, float, float]] | None = None) -> QuantumCircuit:
    """The circuit together with the pairs that it expects, each just before it is used, with or without errors."""
    result = circuit.copy_empty_like()
    waiting = dict(enumerate(circuit.metadata["pairs"]))

    def arrive(touched: Iterable[int]) -> None:
        for i in [i for i, pair in waiting.items() if not {*pair}.isdisjoint(touched)]:
            a, b = waiting.pop(i)
            result.h(a)
            result.cx(a, b)
            if errors is not None:
                result.append(PauliChannel(*errors[i]), [a])

    for instruction in circuit.data:
        arrive([circuit.find_bit(qubit).index for qubit in instruction.qubits])
        result.append(instruction)
    arrive(range(circuit.num_qubits))
    return result


def with_reference(circuit: QuantumCircuit, port: str) -> QuantumCircuit:
    """The circuit with half of Φ⁺ at a port: the state it prepares is what it does to every input."""
    reference = QuantumRegister(1, "reference")
    result = QuantumCircuit(reference, *circuit.qregs, *circuit.cregs)
    (target,) = next(register for register in circuit.qregs if register.name == port)
    result.h(reference)
    result.cx(reference, target)
    return result.compose(circuit, circuit.qubits, circuit.clbits)


def sent(circuit: QuantumCircuit, *state: Sequence[complex]) -> QuantumCircuit:
    """The circuit after these states have been prepared on its qubits."""
    result = circuit.copy_empty_like()
    for qubit, amplitudes in enumerate(state):
        result.prepare_state(amplitudes, qubit)
    return result.compose(circuit)


def flows(circuit: QuantumCircuit, *expected: str, inputs: Sequence[str | int] | None = None) -> None:
    """Each of these flows, whatever arrives on the inputs: all qubits if None."""
    for flow in expected:
        assert_flow(circuit, flow, inputs=range(circuit.num_qubits) if inputs is None else inputs)


def outcomes(circuit: QuantumCircuit, expected: Mapping[tuple[int, ...], float]) -> None:
    """Exactly these probabilities of the records; a missing one is 0."""
    found = outcome_probabilities(circuit)
    for record in {*found, *expected}:
        p, wanted = found.get(record, 0.0), expected.get(record, 0.0)
        if abs(p - wanted) > 1e-9:
            raise AssertionError(f"the record {record} has probability {p:.6g}, expected {wanted:.6g}")


def bloch(theta: float, phi: float = 0.0) -> np.ndarray:
    return np.array([sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)])


def ket(theta: float, phi: float = 0.0) -> np.ndarray:
    return np.array([cos(theta / 2), np.exp(1j * phi) * sin(theta / 2)])


def amplitudes(tensor: np.ndarray) -> np.ndarray:
    """Qiskit's vector of a tensor that has an axis for each qubit: the last qubit is its most significant digit."""
    return np.asarray(tensor).T.ravel()


def ghz(num_qubits: int) -> np.ndarray:
    return (np.arange(2**num_qubits) % (2**num_qubits - 1) == 0) / sqrt(2)


def bits_of(correlation: float) -> dict[tuple[int, int], float]:
    """Two bits, each uniform, with this mean of (−1)^(a ⊕ b)."""
    return {(a, b): (1 + (-1) ** (a + b) * correlation) / 4 for a, b in product((0, 1), repeat=2)}


# --- states and their measurement


@proves("bell_pair")
def _(circuit):
    assert_prepares(circuit, amplitudes(PHI_PLUS))


@proves("rotated_pair")
def _(circuit):
    for theta, phi in product(ANGLES, repeat=2):
        state = np.diag([cos(theta / 2), np.exp(1j * phi) * sin(theta / 2)])
        assert_prepares(bind(circuit, theta=theta, phi=phi), amplitudes(state))


@proves("bell_measurement", "mdi_relay_measurement")
def _(circuit):
    flows(circuit, "XX -> __ xor phase", "ZZ -> __ xor parity")


@proves("basis_measurement")
def _(circuit):
    for theta, phi in DIRECTIONS.values():
        bound = bind(circuit, theta=theta, phi=phi)
        outcomes(sent(bound, ket(theta, phi)), {(0,): 1})
        outcomes(sent(bound, ket(pi - theta, phi + pi)), {(1,): 1})


@proves("partial_bell_measurement")
def _(circuit):
    told = {(0, 1): [[0, 1], [1, 0]], (1, 1): [[0, 1], [-1, 0]], (0, 0): [[1, 0], [0, 0]], (1, 0): [[0, 0], [0, 1]]}
    for record, state in told.items():
        prepared = circuit.copy_empty_like()
        prepared.prepare_state(amplitudes(state) / np.linalg.norm(state))
        outcomes(prepared.compose(circuit), {record: 1})


@proves("parity_measurement")
def _(circuit):
    kept = ("Z__ -> Z__", "_Z_ -> _Z_", "XX_ -> XX_")
    flows(circuit, "ZZ_ -> ___ xor parity", "1 -> __Z xor parity", *kept, inputs=["q"])


@proves("ghz_state")
def _(circuit):
    assert_prepares(circuit, ghz(3))


@proves("w_state")
def _(circuit):
    assert_prepares(circuit, np.isin(np.arange(8), (1, 2, 4)) / sqrt(3))


@proves("graph_state")
def _(circuit):
    flows(circuit, "1 -> XZ_", "1 -> ZXZ", "1 -> _ZX", inputs=[])


@proves("cluster_state")
def _(circuit):
    flows(circuit, "1 -> XZ__", "1 -> ZXZ_", "1 -> _ZXZ", "1 -> __ZX", inputs=[])


# --- teleportation


@proves("teleportation")
def _(circuit):
    assert_channel(circuit, "I", inputs="message", outputs="receiver")


@proves("teleport_half")
def _(circuit):
    assert_channel(circuit, "II", inputs=["reference", "message"], outputs=["reference", "receiver"])


@proves("gate_teleportation")
def _(circuit):
    assert_channel(circuit, TGate(), inputs="message", outputs="receiver")


@proves("chain_teleportation")
def _(circuit):
    assert_channel(arriving(circuit), "I", inputs="message", outputs="receiver")


@proves("superdense_coding")
def _(circuit):
    for p, q in [*product((0, 1), repeat=2), (0.3, 0.8)]:
        phase, parity = ((cos(pi * b / 2) ** 2, sin(pi * b / 2) ** 2) for b in (p, q))
        wanted = {(i, j): phase[i] * parity[j] for i, j in product((0, 1), repeat=2)}
        outcomes(bind(circuit, phase_bit=p, parity_bit=q), wanted)


# --- swapping and fusion


@proves("entanglement_swap")
def _(circuit):
    told = ("_XX_ -> ____ xor phase", "_ZZ_ -> ____ xor parity")
    flows(circuit, "X___ -> X___", "Z___ -> Z___", "_XXX -> ___X", "_ZZZ -> ___Z", *told)


@proves("linear_optics_swap")
def _(circuit):
    told = ("_XX_ -> ____ xor phase", "_ZZ_ -> ____ xor parity")
    flows(circuit, "X___ -> X___", "Z___ -> Z___", "_XXX -> ___X", "_ZZZ -> ___Z", *told)
    (bit,) = circuit.cregs[1]
    assert circuit.metadata["odd_heralds"] == [[circuit.find_bit(bit).index]]


@proves("chain_swap")
def _(circuit):
    assert_prepares(arriving(circuit), amplitudes(PHI_PLUS), qubits=["left", "right"])


@proves("multiway_swap", "distribute_ghz")
def _(circuit):
    assert_prepares(arriving(circuit), ghz(3), qubits="end")


@proves("fuse_pairs_to_ghz")
def _(circuit):
    flows(circuit, "X___ -> X___", "Z___ -> Z___", "_X__ -> _X__", "_ZZZ -> _Z__")
    flows(circuit, "__Z_ -> __Z_", "__XX -> __X_", "__ZZ -> ____ xor parity")
    assert_prepares(arriving(circuit), ghz(3), qubits=["end", 2])


# --- gates between nodes


@proves("cat_entangler")
def _(circuit):
    flows(circuit, "Z__ -> Z__", "XX_ -> X__", "ZZZ -> __Z", "__X -> __X", "ZZ_ -> ___ xor copied")
    assert_prepares(with_reference(arriving(circuit), "control"), ghz(3), qubits=["reference", "control", "far"])


@proves("cat_disentangler")
def _(circuit):
    flows(circuit, "Z_ -> Z_", "XX -> X_", "_X -> __ xor removed")


@proves("remote_cnot")
def _(circuit):
    assert_channel(arriving(circuit), CXGate(), inputs=["control", "target"], outputs=["control", "target"])
    told = ("ZZ__ -> ____ xor copied", "__XX -> ____ xor removed")
    flows(circuit, "Z___ -> Z___", "XXXX -> X___", "ZZZZ -> ___Z", "___X -> ___X", *told)


@proves("remote_cz")
def _(circuit):
    assert_channel(arriving(circuit), CZGate(), inputs=["control", "target"], outputs=["control", "target"])
    told = ("ZZ__ -> ____ xor copied", "__XZ -> ____ xor removed")
    flows(circuit, "Z___ -> Z___", "XXXZ -> X___", "ZZZX -> ___X", "___Z -> ___Z", *told)


@proves("remote_controlled")
def _(circuit):
    ports = ["control", "target"]
    for theta in ANGLES:
        assert_channel(arriving(bind(circuit, theta=theta)), CPhaseGate(theta), inputs=ports, outputs=ports)
    PROOFS["remote_cz"](bind(circuit, theta=pi))


@proves("remote_toffoli")
def _(circuit):
    assert_channel(arriving(circuit), CCXGate(), inputs=["control", "target"], outputs=["control", "target"])


@proves("teleported_swap")
def _(circuit):
    assert_channel(arriving(circuit), SwapGate(), inputs=["a", "b"], outputs=["a", "b"])


# --- key distribution


@proves("bb84_preparation")
def _(circuit):
    for theta in ANGLES:
        assert_prepares(bind(circuit, alice_theta=theta), ket(theta))


@proves("six_state_preparation")
def _(circuit):
    for theta, phi in DIRECTIONS.values():
        assert_prepares(bind(circuit, alice_theta=theta, alice_phi=phi), ket(theta, phi))


@proves("bb84_round", "sarg04_round", "b92_round")
def _(circuit):
    for a, b in product(ANGLES, repeat=2):
        p = cos((a - b) / 2) ** 2
        outcomes(bind(circuit, alice_theta=a, bob_theta=b), {(0,): p, (1,): 1 - p})


@proves("six_state_round")
def _(circuit):
    for (a, x), (b, y) in product(DIRECTIONS.values(), repeat=2):
        p = (1 + bloch(a, x) @ bloch(b, y)) / 2
        bound = bind(circuit, alice_theta=a, alice_phi=x, bob_theta=b, bob_phi=y)
        outcomes(bound, {(0,): p, (1,): 1 - p})


@proves("bbm92_measurement", "e91_measurement")
def _(circuit):
    for angle, letter in ((0, "Z"), (pi / 2, "X")):
        bound = bind(circuit, alice_theta=angle, bob_theta=angle)
        flows(bound, f"{letter}_ -> __ xor outcome_a", f"_{letter} -> __ xor outcome_b")
    for a, b in product((0, pi / 4, pi / 2, 3 * pi / 4), repeat=2):
        outcomes(arriving(bind(circuit, alice_theta=a, bob_theta=b)), bits_of(cos(a - b)))


@proves("six_state_measurement")
def _(circuit):
    for a, b in product("XYZ", repeat=2):
        angles = zip(
            ("alice_theta", "alice_phi", "bob_theta", "bob_phi"), DIRECTIONS[a] + DIRECTIONS[b], strict=True
        )
        flows(bind(circuit, **dict(angles)), f"{a}_ -> __ xor outcome_a", f"_{b} -> __ xor outcome_b")
    turned = bind(circuit, alice_theta=0.7, alice_phi=1.9, bob_theta=2.3, bob_phi=0.4)
    outcomes(arriving(turned), bits_of(bloch(0.7, 1.9) * [1, -1, 1] @ bloch(2.3, 0.4)))


@proves("mdi_round")
def _(circuit):
    for a, b in product(ANGLES, repeat=2):
        equal, opposite = cos((a - b) / 2) ** 2 / 2, cos((a + b) / 2) ** 2 / 2
        wanted = {(0, 0): equal, (1, 0): opposite, (0, 1): 1 / 2 - opposite, (1, 1): 1 / 2 - equal}
        outcomes(bind(circuit, alice_theta=a, bob_theta=b), wanted)


# --- eavesdroppers


@proves("intercept_resend")
def _(circuit):
    for letter, (theta, phi) in DIRECTIONS.items():
        bound, found = bind(circuit, eve_theta=theta, eve_phi=phi), [ket(theta, phi), ket(pi - theta, phi + pi)]
        assert_channel(bound, Kraus([np.outer(k, k.conj()) for k in found]), inputs="q", outputs="q")
        outcomes(sent(bound, found[0]), {(0,): 1})
        if letter != "any":
            flows(bound, f"{letter} -> _ xor eve", f"1 -> {letter} xor eve")


@proves("entangling_probe")
def _(circuit):
    for theta in ANGLES:
        state = [[[1, 0], [0, 0]], [[0, 0], ket(theta).real]]  # reference, traveling qubit, probe
        bound = bind(circuit, eve_theta=theta)
        assert_prepares(with_reference(bound, "q"), amplitudes(state) / sqrt(2))


@proves("phase_covariant_cloner")
def _(circuit):
    for theta in (0, pi / 4, 0.9):
        clones = np.zeros((2, 2, 2))  # traveling qubit and clone by input, in the frame of the equator
        clones[0, 0, 0], clones[1, 0, 1], clones[0, 1, 1] = 1, cos(theta), sin(theta)
        frame = Operator(SXGate()).data
        state = np.einsum("aq,be,abi,ir->rqe", frame.conj(), frame.conj(), clones, frame)
        assert_prepares(with_reference(bind(circuit, eve_theta=theta), "q"), amplitudes(state) / sqrt(2))


@proves("universal_cloner")
def _(circuit):
    both = np.einsum("rq,ef->rqef", PHI_PLUS, PHI_PLUS) + np.einsum("re,qf->rqef", PHI_PLUS, PHI_PLUS)
    assert_prepares(with_reference(circuit, "q"), amplitudes(both) / sqrt(3))


# --- purification


@proves("dejmps", "purification")
def _(circuit):
    flows(circuit, "XX__ -> X___", "Y___ -> Z___", "YY__ -> ____ xor outcome_a")
    flows(circuit, "__XX -> ___X", "-___Y -> ___Z", "__YY -> ____ xor outcome_b")
    assert_detects(circuit, ["X___", "__Z_"], undetected=["Y___", "XX__", "_Z_Z"])


BILATERAL_CNOT = (
    *("XX__ -> X___", "Z___ -> Z___", "ZZ__ -> ____ xor outcome_a"),
    *("__XX -> ___X", "___Z -> ___Z", "__ZZ -> ____ xor outcome_b"),
)


@proves("bbpssw")
def _(circuit):
    names = [f"twirl_{pair}_{i}" for pair in ("kept", "spent") for i in range(3)]
    plain = bind(circuit, **dict.fromkeys(names, 0))
    flows(plain, *BILATERAL_CNOT)
    assert_detects(plain, ["X___", "__Y_"], undetected=["Z___", "XX__", "_Y_X"])
    turned = arriving(bind(circuit, **dict(zip(names, (0.3, 1.1, 0.7, 1.9, 0.4, 2.2), strict=True))))
    assert_prepares(turned, amplitudes(PHI_PLUS), qubits=["kept_a", "kept_b"])
    outcomes(turned, {(0, 0): 1 / 2, (1, 1): 1 / 2})


@proves("epl")
def _(circuit):
    flows(circuit, *BILATERAL_CNOT)
    raw = circuit.copy_empty_like()
    for a, b in ((0, 3), (1, 2)):
        raw.prepare_state(amplitudes([[0, 1], [np.exp(0.7j), 0]]) / sqrt(2), [a, b])
    assert_prepares(raw.compose(circuit), amplitudes([[0, 1], [1, 0]]) / sqrt(2), qubits=["kept_a", "kept_b"])


@proves("bilateral_twirl")
def _(circuit):
    for angles in ((0.3, 1.1, 0.7), (pi / 2, 0, pi / 2), (pi, 0, pi)):
        bound = bind(circuit, **{f"twirl_{i}": angle for i, angle in enumerate(angles)})
        rotation = Operator(UGate(*angles))
        assert_channel(bound, rotation.conjugate() ^ rotation, inputs=["a", "b"], outputs=["a", "b"])


@proves("double_selection")
def _(circuit):
    purifies(circuit, ("0X", "Z"), ("0", "1Z"), ("0", "1"))


@proves("single_selection_3to1")
def _(circuit):
    purifies(circuit, ("0X", "1Z"), ("0", "1Z"), ("X", "1"))


@proves("expedient_round")
def _(circuit):
    purifies(circuit, ("0X", "Z"), ("01", "2Z"), ("1", "2Z"), ("0", "2"))


@proves("stringent_round")
def _(circuit):
    purifies(circuit, ("0X", "Z"), ("01", "23Z"), ("1", "23Z"), ("0", "2"), ("0", "3"))


def purifies(circuit: QuantumCircuit, *becomes: tuple[str, str]) -> None:
    """What X and Z on each pair become: heralds that they flip (by number), and letters left on the kept pair."""
    accepted = accepted_errors(becomes)
    letters = {"": "I", "X": "X", "Z": "Z", "XZ": "Y"}
    phi_plus = DensityMatrix(amplitudes(PHI_PLUS))
    parts = [p * phi_plus.evolve(Pauli(letters["".join(sorted(left))]), [0]).data for left, p in accepted.items()]
    promised(circuit, accepted, sum(parts), ["kept_a", "kept_b"])


def accepted_errors(becomes: Sequence[tuple[str, str]]) -> dict[frozenset[str], float]:
    """The probability of each set of letters that is left when no herald (a digit) is flipped, for `ERRORS`."""
    flipped: dict[frozenset[str], float] = {frozenset(): 1.0}
    for (x, z), (p_x, p_y, p_z) in zip(becomes, ERRORS, strict=False):
        choices = (("", 1 - p_x - p_y - p_z), (x, p_x), ({*x} ^ {*z}, p_y), (z, p_z))
        found: dict[frozenset[str], float] = {}
        for (before, p), (change, q) in product(flipped.items(), choices):
            after = before ^ {*change}
            found[after] = found.get(after, 0.0) + p * q
        flipped = found
    return {left: p for left, p in flipped.items() if not any(symbol.isdigit() for symbol in left)}


def promised(
    circuit: QuantumCircuit, accepted: Mapping[frozenset[str], float], state: np.ndarray, qubits: Sequence[str]
) -> None:
    """From pairs with errors: accepted as often as these, and then in this state (not normalised)."""
    noisy, total = arriving(circuit, ERRORS), sum(accepted.values())
    heralds = circuit.metadata["heralds"]
    even = {
        record: p
        for record, p in outcome_probabilities(noisy).items()
        if not any(sum(record[bit] for bit in herald) % 2 for herald in heralds)
    }
    if abs(sum(even.values()) - total) > 1e-9:
        raise AssertionError(f"a run is accepted with probability {sum(even.values()):.6g}, expected {total:.6g}")
    assert_prepares(noisy, state / total, qubits=qubits)


# --- encoded pairs


@proves("repetition_bell_pair")
def _(circuit):
    encodes(circuit, stabilizers=("ZZI", "IZZ"), logical=("XXX", "ZII"))


@proves("encoded_bell_pair")
def _(circuit):
    encodes(circuit, stabilizers=("XXXX", "ZZZZ"), logical=("XXII", "ZIZI", "XIXI", "ZZII"))


def encodes(circuit: QuantumCircuit, stabilizers: Sequence[str], logical: Sequence[str]) -> None:
    """Both sides in the code, and L ⊗ L = +1 for its logical operators but for the errors that pass unseen."""
    marks = [*(str(i) for i in range(len(stabilizers))), *(chr(ord("a") + i) for i in range(len(logical)))]
    operators = dict(zip(marks, (*stabilizers, *logical), strict=True))
    becomes = [
        tuple("".join(mark for mark, string in operators.items() if string[i] in seen) for seen in ("ZY", "XY"))
        for i in range(len(stabilizers[0]))
    ]
    accepted = accepted_errors(becomes)
    state = sum(p * code_state(tuple(stabilizers), tuple(logical), left) for left, p in accepted.items())
    promised(circuit, accepted, state, ["data_a", "data_b"])


@cache
def code_state(stabilizers: tuple[str, ...], logical: tuple[str, ...], turned: frozenset[str]) -> np.ndarray:
    """Each stabiliser +1 on both sides, each L ⊗ L +1, or −1 if it is named: a, b, … in order."""
    same = "I" * len(stabilizers[0])
    fixed = [f"+{string[::-1]}" for s in stabilizers for string in (s + same, same + s)]
    joint = [("-" if chr(ord("a") + i) in turned else "+") + (s + s)[::-1] for i, s in enumerate(logical)]
    return DensityMatrix(StabilizerState.from_stabilizer_list(fixed + joint).clifford.to_circuit()).data
