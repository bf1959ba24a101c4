"""Stabilizer flows and detected errors: the two exact promises of a Clifford protocol.

A flow ``P -> Q xor c`` says that measuring the Pauli P on the input tells the same as measuring Q on the
output, up to the parity of the classical bits c (the notation of stim's flows). Pauli strings read from left
to right: the first letter belongs to qubit 0, ``_`` or ``I`` to the identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.exact import branches
from quantumlink.testing.exact import ATOL
from quantumlink.testing.failure import CheckFailed
from quantumlink.testing.ports import Arrivals, Port, accepts, bit_index, bit_name, qubit_indices, with_arrivals

_FLOW = re.compile(r"^\s*([+-]?[IXYZ_]+|1)\s*->\s*([+-]?[IXYZ_]+|1)((?:\s*xor\s*[^\s]+)*)\s*$")


def assert_flow(
    circuit: QuantumCircuit,
    flow: str,
    *,
    inputs: Port | Sequence[Port] | None = None,
    prepare: Arrivals = None,
) -> None:
    """The circuit has this stabilizer flow, exactly: through measurement, feed-forward and noise-free gates.

    Args:
        circuit: the circuit, parameters bound.
        flow: such as ``"X__ -> __X"``, ``"ZZ -> __ xor parity[0]"`` or ``"__ -> -YY"``: one letter a qubit,
            an optional sign, and the classical bits (by name, or ``rec[i]`` for bit i) whose parity enters.
        inputs: registers or qubits that carry an arbitrary input although their letter is ``_``. A qubit
            with ``_`` that is not named starts in |0⟩, as qubits do in Qiskit.
        prepare: a circuit that is run first, or ``"pairs"`` for Φ⁺ on each of the pairs in the metadata.

    All records count, also those that heralds would refuse: their parity can stand in the flow.

    Raises:
        AssertionError: if the flow does not hold; with what the output really depends on.
        ValueError: if the flow is malformed, has another number of letters than the circuit has qubits, or
            names an unknown bit.

    >>> from quantumlink.circuits import bell_pair, teleportation
    >>> assert_flow(teleportation(), "X__ -> __X")
    >>> assert_flow(bell_pair("phi-"), "__ -> -XX")
    """
    start, end, sign, bits = _parsed(circuit, flow)
    whole = with_arrivals(circuit, prepare)
    named = set() if inputs is None else set(qubit_indices(circuit, inputs, "inputs"))
    carrying = [q for q, letter in enumerate(start) if letter != "I" or q in named]
    watched = [q for q, letter in enumerate(end) if letter != "I"]
    functional = np.zeros(4 ** len(carrying))
    row = _index([end[q] for q in watched])
    for record, tensor in branches(whole, inputs=carrying, outputs=watched, keep=bits).items():
        weight = sign * (-1) ** (sum(record) % 2)
        functional += weight * tensor.reshape(-1, 4 ** len(carrying))[row]
    wanted = np.zeros_like(functional)
    wanted[_index([start[q] for q in carrying])] = 1.0
    if np.abs(functional - wanted).max() <= ATOL:
        return
    found = [
        f"{functional[i]:+.6g}·{_spread(i, carrying, circuit.num_qubits)}"
        for i in np.flatnonzero(np.abs(functional) > ATOL)[:4]
    ]
    parity = "".join(f" xor {bit_name(circuit, bit)}" for bit in bits)
    raise CheckFailed(
        f"the circuit does not have the flow {flow!r}: the output stabilizer {'-' if sign < 0 else ''}"
        f"{end.replace('I', '_')}{parity} tells {' '.join(found) or 'nothing'} of the input, not "
        f"+1·{start.replace('I', '_')}",
        whole,
    )


def assert_detects(
    circuit: QuantumCircuit,
    errors: Iterable[str],
    *,
    undetected: Iterable[str] = (),
    prepare: Arrivals = "pairs",
) -> None:
    """Each of these Pauli errors on the arriving qubits makes a herald refuse, with certainty.

    Args:
        circuit: a circuit with ``heralds`` (or ``odd_heralds``) in its metadata.
        errors: Pauli strings, one letter a qubit, such as ``"_X__"``.
        undetected: errors that must be accepted as surely as no error is.
        prepare: what arrives without an error: a circuit, ``"pairs"`` for Φ⁺ on each of the pairs in the
            metadata, or None for |0…0⟩.

    Raises:
        AssertionError: naming the errors that are not as claimed, each with its probability of acceptance; or
            if nothing is accepted even without an error.
        ValueError: if the circuit has no heralds, or a string has the wrong length.

    >>> from quantumlink.circuits import purification
    >>> assert_detects(purification("dejmps"), ["X___", "_Z__"], undetected=["XX__"])
    """
    metadata = circuit.metadata or {}
    if not metadata.get("heralds") and not metadata.get("odd_heralds"):
        raise ValueError("the circuit's metadata names no heralds: nothing can be detected")
    clean = _acceptance(circuit, "I" * circuit.num_qubits, prepare)
    if clean < ATOL:
        raise CheckFailed("the circuit accepts nothing even without an error: is what arrives prepared?", circuit)
    wrong = []
    for error in errors:
        accepted = _acceptance(circuit, _checked(circuit, error, "errors"), prepare)
        if accepted > ATOL:
            wrong.append(f"{error} is accepted with probability {accepted:.6g}")
    for error in undetected:
        accepted = _acceptance(circuit, _checked(circuit, error, "undetected"), prepare)
        if abs(accepted - clean) > ATOL:
            wrong.append(f"{error} is accepted with probability {accepted:.6g}, not {clean:.6g} as without it")
    if wrong:
        raise CheckFailed(f"the circuit does not detect what is claimed: {'; '.join(wrong)}", circuit)


def _parsed(circuit: QuantumCircuit, flow: str) -> tuple[str, str, int, list[int]]:
    match = _FLOW.match(flow) if isinstance(flow, str) else None
    if match is None:
        raise ValueError(f"flow must read like 'X__ -> __X xor bit[0]', with letters I, X, Y, Z, _; got {flow!r}")
    sign, sides = 1, []
    for side in match.group(1, 2):
        sign *= -1 if side.startswith("-") else 1
        letters = side.lstrip("+-").replace("_", "I")
        sides.append("I" * circuit.num_qubits if letters == "1" else letters)
    for letters in sides:
        _checked(circuit, letters, "flow")
    names = re.findall(r"xor\s*([^\s]+)", match.group(3))
    parity: set[int] = set()
    for name in names:
        parity ^= {bit_index(circuit, name)}
    return sides[0], sides[1], sign, sorted(parity)


def _checked(circuit: QuantumCircuit, letters: str, argument: str) -> str:
    plain = letters.replace("_", "I")
    if len(plain) != circuit.num_qubits or set(plain) - set("IXYZ"):
        raise ValueError(
            f"{argument} must have one letter of I, X, Y, Z, _ for each of the {circuit.num_qubits} qubits, "
            f"got {letters!r} with {len(letters)}"
        )
    return plain


def _acceptance(circuit: QuantumCircuit, error: str, prepare: Arrivals) -> float:
    injected = with_arrivals(circuit, prepare, error)
    return sum(
        float(tensor.reshape(())) for record, tensor in branches(injected).items() if accepts(circuit, record)
    )


def _index(letters: Sequence[str]) -> int:
    index = 0
    for letter in letters:
        index = 4 * index + "IXYZ".index(letter)
    return index


def _spread(index: int, qubits: Sequence[int], total: int) -> str:
    letters = ["_"] * total
    for place, qubit in enumerate(reversed(qubits)):
        letters[qubit] = "_XYZ"[(index >> 2 * place) & 3]
    return "".join(letters)
