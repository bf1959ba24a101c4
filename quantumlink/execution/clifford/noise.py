"""Noise in terms of Paulis: mixtures of them, as stim draws them, and what an Aer noise model adds where.

A mixture's terms are words with one letter a qubit: I, X, Y, Z, or, where the qubit is reset, the value 0 or
1 that it is left in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import Gate, Instruction

from quantumlink.arrays import FloatArray
from quantumlink.exact import Transfer, UnsupportedOperation, transfer_matrix, transfer_of_superoperator
from quantumlink.execution.clifford.gates import TOLERANCE, clifford_gate, refusal

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel, QuantumError

Readout = tuple[float, float]
"""The probabilities to read 1 where it is 0, and 0 where it is 1."""

NOT_PAULI = "it is not a mixture of Paulis"
DENSITY_MATRIX = "Aer's SamplerV2 can, with method='statevector' or 'density_matrix'"
"""What could take other noise."""

PRODUCT = {a + b: c for a, row in zip("IXYZ", ("IXYZ", "XIZY", "YZIX", "ZYXI"), strict=True)
            for b, c in zip("IXYZ", row, strict=True)}  # fmt: skip
_TOGGLED = {"I": "01", "Z": "01", "X": "10", "Y": "10"}


@dataclass(frozen=True, eq=False)
class PauliMixture:
    """One of several Paulis, at random. Equal mixtures are one object, so that they compare by identity."""

    num_qubits: int
    terms: tuple[tuple[float, str], ...]
    """Probabilities and words, the first letter for the first qubit; what is missing from 1 is the identity."""
    prefix: str | None
    """stim's instruction up to its targets; None if stim has no single one for it."""

    @cached_property
    def resets(self) -> bool:
        """Whether a term resets a qubit."""
        return any(set(word) & {"0", "1"} for _, word in self.terms)

    def lines(self, targets: Sequence[int]) -> list[str]:
        """The text for stim of the mixture on these targets."""
        if self.prefix is not None:
            return [f"{self.prefix} {' '.join(map(str, targets))}"]
        result: list[str] = []
        left = 1.0
        for p, word in self.terms:
            paulis = " ".join(f"{letter}{t}" for letter, t in zip(word, targets, strict=True) if letter != "I")
            result.append(f"{'ELSE_CORRELATED_ERROR' if result else 'E'}({min(1.0, p / left)!r}) {paulis}")
            left = max(left - p, 1e-300)
        return result

    def bit_map(self) -> FloatArray:
        """What a one-qubit mixture does to the value a measurement would find: shape (2, 2), [before][after]."""
        result = np.eye(2) * (1 - sum(p for p, _ in self.terms))
        for p, letter in self.terms:
            for before in (0, 1):
                result[before, int(_TOGGLED[letter][before] if letter in _TOGGLED else letter)] += p
        return result


def mixture(num_qubits: int, terms: Sequence[tuple[float, str]]) -> PauliMixture | None:
    """The mixture of these terms, or None if it does nothing."""
    total: dict[str, float] = {}
    for p, word in terms:
        if p > 0 and set(word) != {"I"}:
            total[word] = total.get(word, 0.0) + float(p)
    if not total:
        return None
    scale = max(1.0, sum(total.values()))  # rounding only
    return _interned(num_qubits, tuple((total[word] / scale, word) for word in sorted(total)))


@lru_cache(maxsize=4096)
def _interned(num_qubits: int, terms: tuple[tuple[float, str], ...]) -> PauliMixture:
    by_word = {word: p for p, word in terms}
    prefix = None
    if num_qubits <= 2 and not set("".join(by_word)) & {"0", "1"}:
        letters = ["".join(word) for word in product("IXYZ", repeat=num_qubits)][1:]
        values = [by_word.get(word, 0.0) for word in letters]
        total, most = sum(values), len(letters) / (len(letters) + 1)
        if max(values) - min(values) < 1e-15 and total <= most:
            prefix = f"DEPOLARIZE{num_qubits}({total!r})"
        elif num_qubits == 1 and len(by_word) == 1:
            prefix = f"{terms[0][1]}_ERROR({total!r})"
        else:
            prefix = f"PAULI_CHANNEL_{num_qubits}({','.join(map(repr, values))})"
    return PauliMixture(num_qubits, terms, prefix)


# By identity; the error is kept beside its mixture, so that its identity cannot pass to another one.
_known: dict[int, tuple[object, PauliMixture | None]] = {}


class NotPauli(Exception):
    """A channel that is not a mixture of Paulis and resets."""


def mixture_of_error(error: QuantumError) -> PauliMixture | None:
    """The mixture that an Aer error is, or None if it does nothing.

    Raises:
        NotPauli: if it is not a mixture of Paulis and resets.
    """
    known = _known.get(id(error))
    if known is None:
        if len(_known) >= 4096:
            _known.clear()
        known = _known[id(error)] = (error, _read_error(error))
    return known[1]


def mixture_of_channel(operation: Instruction) -> PauliMixture | None:
    """The mixture that a ``pauli_channel``, an inlined error, a Kraus or a superoperator instruction is.

    Raises:
        NotPauli: if it is not a mixture of Paulis and resets.
    """
    if operation.name == "pauli_channel":
        px, py, pz = map(float, operation.params)
        return mixture(1, [(px, "X"), (py, "Y"), (pz, "Z")])
    error = getattr(operation, "_quantum_error", None)  # Aer's inlined errors
    if error is not None:
        return mixture_of_error(error)
    matrix = transfer_matrix(operation)
    return None if matrix is None else _diagonal(matrix)


def _read_error(error: QuantumError) -> PauliMixture | None:
    terms = []
    for p, circuit in zip(error.probabilities, error.circuits, strict=True):
        word = _word(circuit)
        if word is None:
            break
        terms.append((float(p), word))
    else:
        return mixture(error.num_qubits, terms)
    if error.num_qubits > 2:
        raise NotPauli
    from qiskit.quantum_info import SuperOp

    return _diagonal(transfer_of_superoperator(SuperOp(error).data))


def _word(circuit: Any) -> str | None:
    """The word of one term of an Aer error, or None if it is something else than Paulis and resets."""
    letters = ["I"] * circuit.num_qubits
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        if instruction.name == "reset":
            letters[qubits[0]] = "0"
            continue
        operation = instruction.operation
        if operation.name == "pauli":
            paulis = str(operation.params[0])[::-1]  # Qiskit's labels begin with the last qubit
        else:
            gate = clifford_gate(operation) if isinstance(operation, Gate) else None
            if gate is None or gate.pauli is None:
                return None
            paulis = gate.pauli
        for qubit, pauli in zip(qubits, paulis, strict=True):
            before = letters[qubit]
            letters[qubit] = _TOGGLED[pauli][int(before)] if before in "01" else PRODUCT[before + pauli]
    return "".join(letters)


def _diagonal(matrix: Transfer) -> PauliMixture | None:
    """The mixture of a diagonal transfer matrix: the probabilities are the transform of its eigenvalues."""
    k = matrix.shape[0].bit_length() // 2
    if np.abs(matrix - np.diag(np.diag(matrix))).max() > TOLERANCE:
        raise NotPauli
    commutes = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    signs = np.ones((1, 1))
    for _ in range(k):
        signs = np.kron(signs, commutes)
    probabilities = signs @ np.diag(matrix) / 4**k
    words = ["".join(word) for word in product("IXYZ", repeat=k)]
    return mixture(k, [(p if p > 1e-12 else 0.0, w) for p, w in zip(probabilities, words, strict=True)])


class ModelNoise:
    """What an Aer noise model adds to each instruction, with Aer's rules.

    A local error (for these qubits, in this order) replaces the default one; a labelled gate has its label's
    errors, not its name's. Errors follow their gate, but come before a measurement; a readout error changes
    the record alone.

    Raises:
        UnsupportedOperation: if the model holds custom passes, or readout errors of several qubits at once.
    """

    def __init__(self, model: NoiseModel | None) -> None:
        self._default: dict[str, Any] = {} if model is None else dict(model._default_quantum_errors)
        self._local: dict[str, Any] = {} if model is None else dict(model._local_quantum_errors)
        self._readout: dict[tuple[int, ...], Any] = {} if model is None else dict(model._local_readout_errors)
        self._default_readout = None if model is None else model._default_readout_error
        if model is not None and model._custom_noise_passes:
            names = ", ".join(type(p).__name__ for p in model._custom_noise_passes)
            raise UnsupportedOperation(
                f"CliffordSampler cannot run a noise_model with custom passes ({names}): apply them to the circuit "
                f"first, if their errors are mixtures of Paulis; Aer's SamplerV2 can"
            )
        self.is_empty = not (self._default or self._local)
        """Whether gates are left as they are."""
        joint = [qubits for qubits in self._readout if len(qubits) != 1]
        if joint:
            raise UnsupportedOperation(
                f"CliffordSampler cannot run a noise_model with a joint readout error of the qubits {joint[0]}: "
                f"give each qubit its own (Aer ignores a joint one, as Qiskit measures one qubit at a time)"
            )

    def after(self, name: str, qubits: tuple[int, ...]) -> PauliMixture | None:
        """The mixture that goes with an instruction of that label or name, or None."""
        local = self._local.get(name)
        error = local.get(qubits) if local else None
        error = self._default.get(name) if error is None else error
        if error is None:
            return None
        what = f"the noise_model's error of {name!r}"
        if error.num_qubits != len(qubits):
            raise refusal(what, qubits, f"the error is on {error.num_qubits} qubits", "give it as many")
        try:
            return mixture_of_error(error)
        except NotPauli:
            raise refusal(what, qubits, NOT_PAULI, DENSITY_MATRIX) from None

    def readout(self, qubit: int) -> Readout:
        """The readout error of a qubit."""
        error = self._readout.get((qubit,), self._default_readout)
        if error is None:
            return 0.0, 0.0
        (_, up), (down, _) = error.probabilities
        return float(up), float(down)
