"""Encoded Bell pairs: n arriving pairs are measured into a code on both sides, and the syndromes compared.

Φ⁺ on n pairs is unchanged by P ⊗ P* for every Pauli string P, so both sides find the same random syndrome when
each measures the stabilizers of one code (its complex conjugate on side b), and are left with the Bell pairs of
the k logical qubits. An error on the pairs makes the syndromes differ wherever it anticommutes with a stabilizer:
each comparison is a herald, ``{"heralds": [[i, r + i], …]}`` for r stabilizers, a parity of classical bits (by
index) that must be even. ``"pairs"`` lists the ports, two qubit indices each, on which a Bell pair Φ⁺ is expected
to arrive.

The syndrome that both found is then put right by Paulis on both sides, so that accepted runs end in the code
space proper, each stabilizer +1. Errors are *detected*, not corrected. P on side a and Q on side b of one pair
count as the product PQ on side a. With perfect gates and readout an error string is

- refused with certainty, if it anticommutes with a stabilizer,
- harmless, if it is a product of stabilizers,
- missed otherwise, and then a logical error: of a code of distance d, that takes d pairs or more.

From Werner pairs of fidelity F, e = (1 − F)/3, a run is accepted with P = Σ_w B_w·F^{n−w}·e^w and all logical pairs
are right with F′ = Σ_w A_w·F^{n−w}·e^w / P, where A_w counts products of stabilizers on w pairs and B_w the
strings on w pairs that commute with all stabilizers. Each check uses one ancilla, reset and used again:
an error of the ancilla can spread to the data, so the circuits are not fault tolerant.

References:
    C. H. Bennett, D. P. DiVincenzo, J. A. Smolin, W. K. Wootters, Phys. Rev. A 54, 3824 (1996): codes purify.
    R. Matsumoto, J. Phys. A 36, 8113 (2003): a protocol from any stabilizer code.
    L. Jiang et al., Phys. Rev. A 79, 032325 (2009): repeaters with encoding.
    L. Vaidman, L. Goldenberg, S. Wiesner, Phys. Rev. A 54, R1745 (1996): [[4,2,2]].
    R. Laflamme, C. Miquel, J. P. Paz, W. H. Zurek, Phys. Rev. Lett. 77, 198 (1996): [[5,1,3]].
    A. M. Steane, Proc. R. Soc. A 452, 2551 (1996): [[7,1,3]].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import whole_number
from quantumlink_circuits.codes import STABILIZER_CODES, checked_stabilizers, destabilizers, text_of
from quantumlink_circuits.measurement import parity_measurement

StabilizerCode = Literal["four_two_two", "five_qubit", "steane"]
"""The codes `encoded_bell_pair` knows by name."""

RepetitionKind = Literal["bit", "phase"]
"""What a repetition code detects: flips of the bit (X) or of the phase (Z)."""

REPETITION_KINDS: tuple[RepetitionKind, ...] = get_args(RepetitionKind)


def encoded_bell_pair(code: StabilizerCode | Sequence[str] = "four_two_two") -> QuantumCircuit:
    """Bell pairs of the logical qubits of a stabilizer code, from n arriving pairs.

    n − r logical pairs from r stabilizers. Each is Φ⁺ in the sense that L ⊗ L* = +1 for every logical operator L of
    the code. Side b holds the complex conjugate code: a stabilizer with an odd number of Y is −1 there.

    ```
     data_a: ─/─┤ S₁ ├─────┤ S₂ ├─ … ─[Paulis by syndrome_a]─
                │    │     │    │
    check_a: ───┤    ├─|0⟩─┤    ├─ …       syndrome_a

    check_b: ───┤    ├─|0⟩─┤    ├─ …       syndrome_b, accepted if equal
                │    │     │    │
     data_b: ─/─┤ S₁*├─────┤ S₂*├─ … ─[Paulis by syndrome_b]─
    ```

    By name:

    ```
    code            pairs  refused               A_w, w = 0…n         B_w, w = 0…n
    "four_two_two"  4 → 2  any 1 pair's error    1 0 0 0 3            1 0 18 24 21
    "five_qubit"    5 → 1  any 1 or 2 pairs'     1 0 0 0 15 0         1 0 0 30 15 18
    "steane"        7 → 1  any 1 or 2 pairs'     1 0 0 0 21 0 42 0    1 0 0 21 21 126 42 45
    ```

    ``"four_two_two"`` misses the same letter on two pairs; its logical operators are X₁ = XXII, Z₁ = ZIZI,
    X₂ = XIXI, Z₂ = ZZII. Those of the other two are X…X and Z…Z; there, errors on one pair all differ in syndrome.

    Ports:
        ``data_a``, ``data_b``: n qubits each, pair i arriving on ``data_a[i]`` and ``data_b[i]``, the logical pairs
        afterwards. ``check_a``, ``check_b``: the ancillas, |0⟩ before. ``syndrome_a``, ``syndrome_b``: one
        classical bit for each stabilizer and side.

    Args:
        code: a name in `STABILIZER_CODES`; or stabilizers, commuting and independent Pauli strings of letters
            I, X, Y, Z, the first letter for pair 0.

    Raises:
        TypeError: if it is neither a name nor a sequence of texts.
        ValueError: if the name is unknown, there is no stabilizer, one has another length or other letters, two
            do not commute, or one is a product of others.

    >>> encoded_bell_pair().metadata["heralds"]
    [[0, 2], [1, 3]]
    >>> circuit = encoded_bell_pair(["XXX"])
    >>> [(register.name, register.size) for register in circuit.qregs]
    [('data_a', 3), ('check_a', 1), ('check_b', 1), ('data_b', 3)]
    """
    if isinstance(code, str) and code not in STABILIZER_CODES:
        raise ValueError(f"code must be one of {', '.join(STABILIZER_CODES)}, or stabilizers; got {code!r}")
    return _encoded(STABILIZER_CODES[code] if isinstance(code, str) else code, "encoded_bell_pair")


def repetition_bell_pair(distance: int = 3, kind: RepetitionKind = "bit") -> QuantumCircuit:
    """A Bell pair in the repetition code, one logical pair from ``distance`` arriving ones.

    ``"bit"``: stabilizers Z_i·Z_{i+1}, code words |0…0⟩ and |1…1⟩, logical X = X…X, logical Z = Z on any one.
    An error is refused unless its letters with an X in them (X and Y) are on no pair or on all; Z passes
    always: on an odd number of pairs it is a logical error. ``"phase"``: the same with X and Z exchanged.

    ```
     data_a: ─/─┤ ZZI ├─────┤ IZZ ├─[X's by syndrome_a]─
                │     │     │     │
    check_a: ───┤     ├─|0⟩─┤     ├─  syndrome_a        the same on side b
    ```

    Ports:
        as `encoded_bell_pair`.

    Args:
        distance: number of pairs, at least 2.
        kind: ``"bit"`` or ``"phase"``.

    Raises:
        TypeError: if the distance is not a whole number.
        ValueError: if it is below 2, or the kind is unknown.

    >>> repetition_bell_pair(5, "phase").num_qubits
    12
    """
    distance = whole_number("distance", distance, at_least=2)
    if kind not in REPETITION_KINDS:
        raise ValueError(f"kind must be one of {', '.join(REPETITION_KINDS)}; got {kind!r}")
    letter = "Z" if kind == "bit" else "X"
    stabilizers = ["I" * i + 2 * letter + "I" * (distance - 2 - i) for i in range(distance - 1)]
    return _encoded(stabilizers, "repetition_bell_pair")


def _encoded(stabilizers: Sequence[str], name: str) -> QuantumCircuit:
    fixes = [text_of(row) for row in destabilizers(checked_stabilizers(stabilizers))]
    circuit = compared_syndromes(stabilizers, name)
    data_a, _, _, data_b = circuit.qregs
    syndrome_a, syndrome_b = circuit.cregs
    for i, fix in enumerate(fixes):
        for data, syndrome in ((data_a, syndrome_a), (data_b, syndrome_b)):
            with circuit.if_test((syndrome[i], 1)):
                for qubit, letter in zip(data, fix, strict=True):
                    if letter != "I":
                        getattr(circuit, letter.lower())(qubit)
    return circuit


def compared_syndromes(stabilizers: Sequence[str], name: str, *, told: bool = False) -> QuantumCircuit:
    """The part of `encoded_bell_pair` that measures: both sides' syndromes, one ancilla a side, nothing put right.

    If side b is ``told`` each of side a's bits before it measures, its own register holds the difference.
    """
    circuit = _ports(len(stabilizers[0]), len(stabilizers), name)
    data_a, (check_a,), (check_b,), data_b = circuit.qregs
    syndrome_a, syndrome_b = circuit.cregs
    for i, stabilizer in enumerate(stabilizers):
        if i > 0:
            circuit.reset([check_a, check_b])
        if stabilizer.count("Y") % 2:
            circuit.x(check_b)  # S* = −S: the outcome is turned round
        measure = parity_measurement(stabilizer)
        circuit.compose(measure, [*data_a, check_a], [syndrome_a[i]], inplace=True)
        if told:
            with circuit.if_test((syndrome_a[i], 1)):
                circuit.x(check_b)
        circuit.compose(measure, [*data_b, check_b], [syndrome_b[i]], inplace=True)
    return circuit


def _ports(n: int, r: int, name: str) -> QuantumCircuit:
    sizes = {"data_a": n, "check_a": 1, "check_b": 1, "data_b": n}
    qubits = [QuantumRegister(size, port) for port, size in sizes.items()]
    bits = [ClassicalRegister(r, port) for port in ("syndrome_a", "syndrome_b")]
    metadata = {"heralds": [[i, r + i] for i in range(r)], "pairs": [[i, n + 2 + i] for i in range(n)]}
    return QuantumCircuit(*qubits, *bits, name=name, metadata=metadata)
