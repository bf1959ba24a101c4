"""Which Pauli each qubit needs, and what each bit means, while conditional Paulis leave a circuit.

Both are polynomials over the measured bits, with xor as their sum: a set of terms, each a bit (by index), or the
product of several (a frozen set of them). A constant term is never remembered: that Pauli is applied at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from qiskit.circuit import CircuitInstruction, Clbit, Gate, IfElseOp, QuantumCircuit, Qubit
from qiskit.circuit.library import XGate, YGate, ZGate
from qiskit.quantum_info import Clifford, Pauli

from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.condition_forms import parity_of, polynomial_of
from quantumlink.exact.conditions import Condition
from quantumlink.exact.transfer import device_operation
from quantumlink.rewrites.expansion import expanded_circuit

Term: TypeAlias = int | frozenset[int]
Terms: TypeAlias = set[Term]

MAX_TERMS = 4_096
"""Most terms of a condition's polynomial."""

_ONE: frozenset[int] = frozenset()
_GATES = {(True, False): XGate, (True, True): YGate, (False, True): ZGate}
_PAULIS = {"x": (True, False), "y": (True, True), "z": (False, True), "id": (False, False)}
# Symmetric under every Pauli: a remembered Pauli passes through unchanged.
_TRANSPARENT = {"barrier", "delay", "pauli_channel", "global_phase"}
_CHANNELS = {"quantum_channel", "kraus", "superop"}


class PauliTracker:
    """Goes through a circuit once.

    Args:
        circuit: any circuit; it is expanded first.
        may_wait: for each qubit whether a conditional delay of it does nothing, and may leave the circuit. By
            default it does nothing anywhere: `Delay` is noise only once the noise rewrite says so.

    Raises:
        UnsupportedOperation: naming the operation that cannot be followed.
    """

    def __init__(self, circuit: QuantumCircuit, *, may_wait: Sequence[bool] | None = None) -> None:
        source = expanded_circuit(circuit, keep=lambda _: True)
        self.circuit = source.copy_empty_like()
        """The circuit without its conditional Paulis; bits as before."""
        self._x: list[Terms] = [set() for _ in source.qubits]
        self._z: list[Terms] = [set() for _ in source.qubits]
        # A bit that has not been written is 0: the parity of no bits.
        self._means: list[Terms] = [set() for _ in source.clbits]
        self._written: set[int] = set()
        self._may_wait = may_wait
        self._qubit: dict[Qubit, int] = {q: i for i, q in enumerate(source.qubits)}
        self._clbit: dict[Clbit, int] = {c: i for i, c in enumerate(source.clbits)}
        for instruction in source.data:
            self._step(instruction)

    def frame(self, qubit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The bits whose parity says that a qubit still needs X, and those for Z.

        Raises:
            UnsupportedOperation: if no parity does.
        """
        return _linear(self._x[qubit], f"X on qubit {qubit}"), _linear(self._z[qubit], f"Z on qubit {qubit}")

    def meaning(self, clbit: int) -> tuple[int, ...]:
        """The measured bits whose parity is a bit of the original circuit.

        Raises:
            UnsupportedOperation: if no parity is.
        """
        return _linear(self._means[clbit], f"a change of classical bit {clbit}")

    def _step(self, instruction: CircuitInstruction) -> None:
        name, qubits = instruction.name, [self._qubit[q] for q in instruction.qubits]
        # What is frequent is told apart without Qiskit making an object of it.
        if instruction.is_standard_gate() or (name in _TRANSPARENT and not instruction.clbits):
            self._gate(instruction, qubits)
            return
        operation = instruction.operation
        kind = None if isinstance(operation, Gate) else device_operation(operation)
        if isinstance(operation, IfElseOp):
            self._if(operation, instruction.qubits, {_ONE})
        elif kind is not None:
            self._keep(instruction)
            if kind != "reset":
                self._measure(qubits[0], self._clbit[instruction.clbits[0]])
            if kind != "measure":
                self._x[qubits[0]], self._z[qubits[0]] = set(), set()
        elif instruction.clbits or getattr(operation, "blocks", None) or name in ("store", "break", "continue"):
            raise UnsupportedOperation(f"no Pauli frame for {name!r}: what it does to classical bits is not known")
        else:
            self._gate(instruction, qubits)

    def _gate(self, instruction: CircuitInstruction, qubits: list[int]) -> None:
        if instruction.name not in _TRANSPARENT:
            for q in qubits:
                if self._x[q] or self._z[q]:
                    self._pass_through(instruction, qubits)
                    return
        self._keep(instruction)

    def _keep(self, instruction: CircuitInstruction) -> None:
        """Append what stays; its bits are there, so that Qiskit need not check each again."""
        if instruction.is_parameterized():  # which Qiskit copies, so that no other circuit's values change
            self.circuit.append(instruction)
        else:
            self.circuit._append(instruction)

    def _measure(self, qubit: int, clbit: int) -> None:
        if clbit in self._written:
            others = (terms for bit, terms in enumerate(self._means) if bit != clbit)
            if any(_reads(terms, clbit) for terms in (*self._x, *self._z, *others)):
                raise UnsupportedOperation(
                    f"no Pauli frame for 'measure' into classical bit {clbit}, which is written twice and still "
                    f"needed as it was"
                )
        self._written.add(clbit)
        self._means[clbit] = self._x[qubit] ^ {clbit}
        self._z[qubit] = set()

    def _if(self, operation: IfElseOp, outer_qubits: Sequence[Qubit], outer: Terms) -> None:
        needs = self._terms(operation.condition)
        for block, terms in zip(operation.blocks, (needs, needs ^ {_ONE}), strict=False):
            within = _times(outer, terms)
            if not within:  # it never holds
                continue
            qubits = dict(zip(block.qubits, outer_qubits, strict=True))
            for inner in block.data:
                where = tuple([qubits[q] for q in inner.qubits])
                if within == {_ONE}:
                    self._step(inner.replace(qubits=where))
                else:
                    self._correct(inner, where, within)

    def _correct(self, instruction: CircuitInstruction, where: Sequence[Qubit], needs: Terms) -> None:
        """A conditional operation on some qubits."""
        name, qubits = instruction.name, [self._qubit[q] for q in where]
        if name == "if_else":
            self._if(instruction.operation, where, needs)
            return
        if name in ("barrier", "global_phase"):
            return
        if name == "delay":
            if self._may_wait is not None and not self._may_wait[qubits[0]]:
                raise UnsupportedOperation(
                    f"no Pauli frame for a conditional 'delay' on qubit {qubits[0]}, whose memory is not ideal"
                )
            return
        for qubit, (flip_x, flip_z) in zip(qubits, _pauli_of(instruction), strict=True):
            flips = (flip_x, flip_z)
            if _ONE in needs and flips in _GATES:
                self.circuit.append(CircuitInstruction(_GATES[flips](), (self.circuit.qubits[qubit],)))
            if flip_x:
                self._x[qubit] = self._x[qubit] ^ (needs - {_ONE})
            if flip_z:
                self._z[qubit] = self._z[qubit] ^ (needs - {_ONE})

    def _terms(self, condition: Condition) -> Terms:
        """A condition as a polynomial over the measured bits."""
        parity = parity_of(condition)
        if parity is not None:
            result: Terms = {_ONE} if parity[1] else set()
            for bit in parity[0]:
                result = result ^ self._means[self._clbit[bit]]
            return result
        result = set()
        for term in polynomial_of(condition):
            whole: Terms = {_ONE}
            for bit in term:
                whole = _times(whole, self._means[self._clbit[bit]])
            result = result ^ whole
        return result

    def _pass_through(self, instruction: CircuitInstruction, qubits: list[int]) -> None:
        # Each generator X, Z of each qubit maps to a Pauli; the terms follow linearly.
        try:
            images = _images_of(instruction)
        except Exception as error:
            channel = instruction.name in _CHANNELS
            definition = None if channel else getattr(instruction.operation, "definition", None)
            if definition is None or instruction.is_standard_gate():
                raise UnsupportedOperation(
                    f"a Pauli correction meets {instruction.name!r} on qubits {qubits}, which is not Clifford"
                ) from error
            inner_qubits = dict(zip(definition.qubits, instruction.qubits, strict=True))
            self.circuit.global_phase += definition.global_phase
            for inner in definition.data:
                self._step(inner.replace(qubits=tuple(inner_qubits[q] for q in inner.qubits)))
            return
        self._keep(instruction)
        new_x: list[Terms] = [set() for _ in qubits]
        new_z: list[Terms] = [set() for _ in qubits]
        for i, qubit in enumerate(qubits):
            for terms, is_x in ((self._x[qubit], True), (self._z[qubit], False)):
                if not terms:
                    continue
                flips_x, flips_z = images[i, is_x]
                for j in flips_x:
                    new_x[j] = new_x[j] ^ terms
                for j in flips_z:
                    new_z[j] = new_z[j] ^ terms
        for j, qubit in enumerate(qubits):
            self._x[qubit], self._z[qubit] = new_x[j], new_z[j]


Images: TypeAlias = dict[tuple[int, bool], tuple[tuple[int, ...], tuple[int, ...]]]
"""Of X (True) or Z on each qubit of a gate: on which qubits X, and on which Z, is needed after it instead."""


def _images_of(instruction: CircuitInstruction) -> Images:
    """What a Clifford gate makes of Paulis before it; whatever Qiskit raises if it is none."""
    if instruction.is_standard_gate() and not instruction.params:
        return _images_by_name(instruction.name, instruction.operation)
    return _images(Clifford(instruction.operation))


_known_images: dict[str, Images] = {}


def _images_by_name(name: str, gate: Gate) -> Images:
    if name not in _known_images:
        _known_images[name] = _images(Clifford(gate))
    return _known_images[name]


def _images(clifford: Clifford) -> Images:
    found = {}
    for place, is_x in product(range(clifford.num_qubits), (True, False)):
        image = _generator(place, clifford.num_qubits, is_x).evolve(clifford, frame="s")
        found[place, is_x] = tuple(np.flatnonzero(image.x).tolist()), tuple(np.flatnonzero(image.z).tolist())
    return found


def _generator(place: int, size: int, is_x: bool) -> Pauli:
    one, zero = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    one[place] = True
    return Pauli((zero, one)) if is_x else Pauli((one, zero))


def _pauli_of(instruction: CircuitInstruction) -> list[tuple[bool, bool]]:
    """Whether a gate is X and Z on each of its qubits, up to a phase.

    Raises:
        UnsupportedOperation: naming it, if it is not a product of Paulis.
    """
    if instruction.name in _PAULIS:
        return [_PAULIS[instruction.name]]
    refusal = UnsupportedOperation(
        f"no Pauli frame for the conditional operation {instruction.name!r}: a correction must be of Paulis"
    )
    if not isinstance(instruction.operation, Gate):
        raise refusal
    try:
        clifford = Clifford(instruction.operation)
    except Exception as error:
        raise refusal from error
    n = len(instruction.qubits)
    if not np.array_equal(clifford.symplectic_matrix, np.eye(2 * n, dtype=bool)):
        raise refusal
    # X changes the sign of Z, and Z that of X.
    return list(zip(clifford.phase[n:].tolist(), clifford.phase[:n].tolist(), strict=True))


def _times(left: Terms, right: Terms) -> Terms:
    if left == {_ONE}:
        return right
    if right == {_ONE}:
        return left
    if len(left) * len(right) > MAX_TERMS:
        raise UnsupportedOperation(
            f"no Pauli frame for 'if_else' on a condition of more than {MAX_TERMS} terms in the measured bits"
        )
    result: Terms = set()
    for a, b in product(left, right):
        bits = _bits(a) | _bits(b)
        result ^= {next(iter(bits)) if len(bits) == 1 else bits}
    return result


def _bits(term: Term) -> frozenset[int]:
    return frozenset([term]) if isinstance(term, int) else term


def _reads(terms: Terms, clbit: int) -> bool:
    return clbit in terms or any(clbit in term for term in terms if isinstance(term, frozenset))


def _linear(terms: Iterable[Term], what: str) -> tuple[int, ...]:
    found = []
    for term in terms:
        if isinstance(term, frozenset):
            raise UnsupportedOperation(
                f"no Pauli frame for 'if_else': {what} depends on a product of the bits {sorted(term)}, and must "
                f"on a parity of bits"
            )
        found.append(term)
    return tuple(sorted(found))
