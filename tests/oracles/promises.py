"""What the primitives promise, worked out by hand: their stabiliser flows, and their closed forms.

A flow "P -> Q xor bits" says that measuring P before is measuring Q after, up to the parity of classical bits.
Letters belong to qubits in the order of the circuit's registers.
"""

from dataclasses import dataclass

import numpy as np
from oracles.stim_circuits import has_flow

from quantumlink.circuits import bbpssw, dejmps, entanglement_swap, teleportation
from quantumlink.exact import branches

PHASE, PARITY = 0, 1


@dataclass(frozen=True)
class Promise:
    """A circuit with the flows it must have, and those of likely mistakes, which it must not have."""

    circuit: object
    flows: tuple
    wrong: tuple
    zeros: tuple = ()
    """Qubits that start in |0⟩; the others carry any input."""

    def broken_flows(self, circuit=None):
        """The flows that a circuit lacks; all that the promise names if it is not Clifford any more."""
        circuit = self.circuit if circuit is None else circuit
        return [flow for flow in self.flows if not _has(circuit, flow, self.zeros)]

    def wrong_flows(self):
        """The forbidden flows that the circuit has."""
        return [flow for flow in self.wrong if _has(self.circuit, flow, self.zeros)]


def _has(circuit, flow, zeros):
    text, *bits = flow.split(" xor ")
    return has_flow(circuit, text, zeros=zeros, bits=[int(bit) for bit in bits])


# Qubits: message, sender, receiver.
TELEPORTATION = Promise(
    teleportation(),
    ("X__ -> __X", "Y__ -> __Y", "Z__ -> __Z"),
    ("X__ -> -__X", "Z__ -> -__Z", "X__ -> __Z", "Z__ -> __X", "X__ -> _X_", "1 -> __Z", "X__ -> X__"),
    zeros=(1, 2),
)
# Through a given pair: what the message is joins what correlation the pair has; the outcome is that of the
# Bell measurement, XX as the phase and ZZ as the parity.
GIVEN_PAIR = Promise(
    teleportation(prepare_pair=False),
    ("XXX -> __X", "ZZZ -> __Z", "XX_ -> 1 xor 0", "ZZ_ -> 1 xor 1"),
    ("X__ -> __X", "Z__ -> __Z", "XXX -> -__X", "XZX -> __X", "XX_ -> 1 xor 1", "-ZZ_ -> 1 xor 1"),
)
# Qubits: left, relay_0, relay_1, right. XX (ZZ) of the joined pair is the product of those of the two; the left
# end is not touched.
SWAP = Promise(
    entanglement_swap(),
    (
        "XXXX -> X__X",
        "ZZZZ -> Z__Z",
        "YYYY -> -Y__Y",
        "_XX_ -> 1 xor 0",
        "_ZZ_ -> 1 xor 1",
        "X___ -> X___",
        "Z___ -> Z___",
    ),
    ("XXXX -> -X__X", "ZZZZ -> -Z__Z", "YYYY -> Y__Y", "XX__ -> X__X", "1 -> X__X", "ZZZZ -> X__X"),
)
PREPARED_SWAP = Promise(
    entanglement_swap(prepare_pairs=True),
    ("1 -> X__X", "1 -> -Y__Y", "1 -> Z__Z"),
    ("1 -> -X__X", "1 -> Y__Y", "1 -> -Z__Z", "1 -> X___"),
    zeros=(0, 1, 2, 3),
)
# Qubits: kept_a, spent_a, spent_b, kept_b. Backwards through the bilateral CNOT (controls kept) the kept XX
# spreads to XXXX, the kept ZZ stays, and the spent ZZ, which the herald compares, comes from ZZZZ.
BBPSSW = Promise(
    bbpssw(twirl=False),
    ("XXXX -> X__X", "Z__Z -> Z__Z", "YXXY -> Y__Y", "ZZZZ -> 1 xor 0 xor 1", "ZZ__ -> 1 xor 0", "__ZZ -> 1 xor 1"),
    ("XXXX -> -X__X", "Z__Z -> -Z__Z", "X__X -> X__X", "Y__Y -> Z__Z", "YYYY -> 1 xor 0 xor 1", "ZZZZ -> 1 xor 0"),
)
# Further back through √X on side a (Z from Y) and √X† on side b (Z from −Y): the kept ZZ comes from −YY, the
# spent one from +YYYY, as two minus signs meet.
DEJMPS = Promise(
    dejmps(),
    (
        "XXXX -> X__X",
        "-Y__Y -> Z__Z",
        "-ZXXZ -> Y__Y",
        "YYYY -> 1 xor 0 xor 1",
        "YY__ -> 1 xor 0",
        "__YY -> 1 xor 1",
    ),
    ("XXXX -> -X__X", "Y__Y -> Z__Z", "Z__Z -> Z__Z", "X__X -> X__X", "ZZZZ -> 1 xor 0 xor 1", "YYYY -> 1 xor 0"),
)

PROMISES = {
    "teleportation": TELEPORTATION,
    "teleportation through a given pair": GIVEN_PAIR,
    "swap": SWAP,
    "swap of prepared pairs": PREPARED_SWAP,
    "bbpssw": BBPSSW,
    "dejmps": DEJMPS,
}


# --- closed forms, on populations in the order Φ⁺, Φ⁻, Ψ⁺, Ψ⁻

# Signs of XX, YY, ZZ in each Bell state.
SIGNS = np.array([[1, -1, 1], [-1, 1, 1], [1, 1, -1], [-1, -1, -1]])


def swapped(first, second):
    """XOR-convolution: the index bits are (phase, parity) with Φ⁺ = 0, Φ⁻ = 1, Ψ⁺ = 2, Ψ⁻ = 3."""
    result = np.zeros(4)
    for i in range(4):
        for j in range(4):
            result[i ^ j] += first[i] * second[j]
    return result


def purified_dejmps(kept, spent):
    """Populations and success probability of Deutsch et al. (1996), in their order (Φ⁺, Ψ⁻, Ψ⁺, Φ⁻)."""
    A, D, C, B = kept
    a, d, c, b = spent
    n = (A + B) * (a + b) + (C + D) * (c + d)
    # A′ Φ⁺, B′ Ψ⁻, C′ Ψ⁺, D′ Φ⁻
    new = (A * a + B * b, C * d + D * c, C * c + D * d, A * b + B * a)
    return np.array([new[0], new[3], new[2], new[1]]) / n, n


def purified_bbpssw(kept, spent):
    """Without the twirl, any Bell-diagonal pairs: X errors must agree, Z errors add up."""
    phi_p, phi_m, psi_p, psi_m = kept
    a, b, c, d = spent
    n = (phi_p + phi_m) * (a + b) + (psi_p + psi_m) * (c + d)
    new = (phi_p * a + phi_m * b, phi_p * b + phi_m * a, psi_p * c + psi_m * d, psi_p * d + psi_m * c)
    return np.array(new) / n, n


def coefficients(populations):
    """Pauli coefficients of a Bell-diagonal pair, shape (4, 4)."""
    return np.diag([1, *(np.asarray(populations) @ SIGNS)])


def closed_form_error(kind, circuit, first=(0.61, 0.21, 0.11, 0.07), second=(0.53, 0.09, 0.24, 0.14)):
    """By how much a circuit, read by the branch interpreter, misses its closed form.

    The populations of the two pairs are all different, so that no exchange of two of them goes unseen.
    """
    if kind == "teleportation":
        found = sum(branches(circuit, inputs=[0], outputs=[2]).values())
        return np.abs(found - np.eye(4)).max()
    if kind == "teleportation through a given pair":
        found = sum(branches(circuit, inputs=[0, 1, 2], outputs=[2]).values()).reshape(4, 4, 16)
        # A Bell-diagonal pair teleports as a Pauli channel: signs +1 for XX and ZZ of Φ⁺, −1 for YY.
        through = np.tensordot(found, coefficients(first).ravel(), axes=(2, 0))
        xx, yy, zz = np.asarray(first) @ SIGNS
        return np.abs(through - np.diag([1, xx, -yy, zz])).max()
    if kind == "swap of prepared pairs":
        found = sum(branches(circuit, outputs=[0, 3]).values()).reshape(4, 4)
        return np.abs(found - coefficients((1, 0, 0, 0))).max()
    if kind == "swap":
        # Any left pair, its right half sent through the Pauli channel that the right pair teleports by.
        anything = np.vstack([[1, 0.11, -0.23, 0.31], np.linspace(-0.4, 0.45, 12).reshape(3, 4)])
        xx, yy, zz = np.asarray(second) @ SIGNS
        pairs = np.einsum("ab,cd->abcd", anything, coefficients(second)).ravel()
        found = sum(branches(circuit, inputs=[0, 1, 2, 3], outputs=[0, 3]).values()).reshape(16, 256) @ pairs
        return np.abs(found.reshape(4, 4) - anything * [1, xx, -yy, zz]).max()
    pairs = np.einsum("ad,bc->abcd", coefficients(first), coefficients(second)).ravel()
    found = np.zeros((4, 4))
    for record, matrix in branches(circuit, inputs=[0, 1, 2, 3], outputs=[0, 3]).items():
        if sum(record) % 2 == 0:
            found += (matrix.reshape(16, 256) @ pairs).reshape(4, 4)
    new, success = {"dejmps": purified_dejmps, "bbpssw": purified_bbpssw}[kind](first, second)
    return np.abs(found - success * coefficients(new)).max()
