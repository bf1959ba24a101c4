"""A circuit of stim's as Qiskit's: what others wrote for stim becomes an operation of a link, or runs anywhere.

Nothing is approximated: each instruction is translated, is an annotation, or is refused by name.

Reference:
    C. Gidney, Quantum 5, 497 (2021).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from typing import TYPE_CHECKING, Any

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.clifford.noise import PRODUCT

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]
    from qiskit_aer.noise import QuantumError

MOST_INSTRUCTIONS = 1_000_000
"""A circuit of stim's may repeat itself longer than anyone can wait."""

_GATES = {
    "I": "id",
    "X": "x",
    "Y": "y",
    "Z": "z",
    "H": "h",
    "S": "s",
    "S_DAG": "sdg",
    "SQRT_X": "sx",
    "SQRT_X_DAG": "sxdg",
    "CX": "cx",
    "CY": "cy",
    "CZ": "cz",
    "SWAP": "swap",
    "ISWAP": "iswap",
}
"""stim's gates that Qiskit has a method for; of the others stim knows the parts."""
_UNDER_A_RECORD = {"CX": "x", "CY": "y", "CZ": "z", "XCZ": "x", "YCZ": "y"}
_NOTHING = {"QUBIT_COORDS", "II", "I_ERROR", "II_ERROR"}
_POWERS_OF_S = ((), ("s",), ("z",), ("sdg",))


def from_stim(source: stim.Circuit) -> QuantumCircuit:
    r"""A circuit of stim's as Qiskit's: qubit i is stim's qubit i, each record a classical bit, in their order.

    Gates are translated up to a global phase; inverted and joint measurements, resets and Paulis under a record
    exactly. ``REPEAT`` is written out, ``TICK`` is a barrier, and noise an instruction of Aer's. A readout error is
    a flip before the measurement, so that its qubit must be reset before it is used again, as in `add_noise`.

    Args:
        source: the circuit.

    Returns:
        The circuit, with the registers ``q`` and ``rec``. Its metadata have, as lists of indices of classical bits:
        ``heralds``, the parities of the detectors, which must be even; ``odd_heralds``, those of the detectors
        that are odd where all qubits start in |0⟩ and nothing is noisy; and ``observables``, in stim's order. A
        detector that is random then, as in a part that waits for pairs, must be even.

    Raises:
        TypeError: if it is no circuit of stim's.
        UnsupportedOperation: on what a circuit of Qiskit's cannot say, by name: heralded errors, sweep bits, a
            padded record of 1, observables of Paulis, a noisy joint measurement, use after a noisy measurement.
        ValueError: if, written out, it has more than `MOST_INSTRUCTIONS`.
        ImportError: if stim is not installed.

    >>> import stim
    >>> parity = from_stim(stim.Circuit("MPP X0*X1 !Z0*Z1 \n CZ rec[-2] 0 \n DETECTOR rec[-1]"))
    >>> parity.num_clbits, parity.metadata["odd_heralds"]
    (2, [[1]])
    """
    if find_spec("stim") is None:
        raise ImportError("from_stim needs stim, which is not installed (pip install stim)")
    import stim

    validation.instance("source", source, stim.Circuit, "a stim.Circuit")
    length = _length(source)
    if length > MOST_INSTRUCTIONS:
        raise ValueError(
            f"source must have at most {MOST_INSTRUCTIONS} instructions with its repetitions written out; "
            f"got {length}"
        )
    translation = _Translation(source)
    for instruction in source.flattened():
        translation.add(instruction)
    circuit = translation.circuit
    odd, uncertain = _reference(source)
    wanted_odd = [odd[i] and i not in uncertain for i in range(len(translation.detectors))]
    circuit.metadata = {
        "heralds": [d for d, is_odd in zip(translation.detectors, wanted_odd, strict=True) if d and not is_odd],
        "odd_heralds": [d for d, is_odd in zip(translation.detectors, wanted_odd, strict=True) if is_odd],
        "observables": [sorted(translation.observables.get(i, set())) for i in range(source.num_observables)],
    }
    return circuit


def _length(circuit: stim.Circuit) -> int:
    return sum(
        part.repeat_count * _length(part.body_copy()) if part.name == "REPEAT" else len(part.targets_copy()) or 1
        for part in circuit
    )


def _reference(source: stim.Circuit) -> tuple[list[bool], set[int]]:
    """Of each detector whether it is odd without noise, and which are random then."""
    import stim

    quiet = stim.Circuit()
    for part in source.without_noise().flattened():
        if part.name != "OBSERVABLE_INCLUDE":
            quiet.append(part)
    signs, _ = quiet.reference_detector_and_observable_signs()
    errors = quiet.detector_error_model(allow_gauge_detectors=True)
    uncertain = {t.val for error in errors if error.type == "error" for t in error.targets_copy()}
    return [bool(sign) for sign in signs], uncertain


class _Translation:
    """A circuit of Qiskit's in the making."""

    def __init__(self, source: stim.Circuit) -> None:
        self.circuit = QuantumCircuit(
            QuantumRegister(source.num_qubits, "q"), ClassicalRegister(source.num_measurements, "rec")
        )
        self.detectors: list[list[int]] = []
        self.observables: dict[int, set[int]] = {}
        self._records = 0
        self._flipped: set[int] = set()
        """Qubits that a noisy readout has left as they were read, and not as they were."""
        self._chain: list[tuple[float, dict[int, str]]] = []
        """Errors of which one at most happens, so far."""

    def add(self, instruction: stim.CircuitInstruction) -> None:
        name, groups = instruction.name, instruction.target_groups()
        if name != "ELSE_CORRELATED_ERROR":
            self._chain = []
        if name in _NOTHING:
            return
        if name == "TICK":
            self.circuit.barrier()
        elif name == "DETECTOR":
            self.detectors.append(sorted(self._parity(instruction)))
        elif name == "OBSERVABLE_INCLUDE":
            place = int(instruction.gate_args_copy()[0])
            self.observables[place] = self.observables.get(place, set()) ^ self._parity(instruction)
        else:
            for group in groups:
                self._group(instruction, group)

    def _group(self, instruction: stim.CircuitInstruction, group: list[stim.GateTarget]) -> None:
        name, args = instruction.name, instruction.gate_args_copy()
        known = _gate_data(name)
        if any(target.is_sweep_bit_target for target in group):
            raise _refused(name, group, "a sweep bit has no value within the circuit")
        if any(target.is_measurement_record_target for target in group):
            self._under_a_record(name, group)
        elif name == "MPAD":
            self._padded(name, group, args)
        elif known.produces_measurements:
            if name.startswith("HERALDED"):
                raise _refused(name, group, "an error that heralds itself is no instruction of Qiskit's")
            self._measure(name, group, args[0] if args else 0.0)
        elif known.is_noisy_gate:
            self._noise(name, group, args)
        else:
            self._parts(name, group)

    def _parity(self, instruction: stim.CircuitInstruction) -> set[int]:
        bits: set[int] = set()
        for target in instruction.targets_copy():
            if not target.is_measurement_record_target:
                raise _refused(instruction.name, [target], "an observable is a parity of records here")
            bits ^= {self._records + target.value}
        return bits

    def _under_a_record(self, name: str, group: list[stim.GateTarget]) -> None:
        record, *qubits = sorted(group, key=lambda target: not target.is_measurement_record_target)
        (qubit,) = qubits
        if name == "CZ" and qubit.is_measurement_record_target:
            return  # a sign that nobody sees
        self._use([qubit.value], name, group)
        with self.circuit.if_test((self.circuit.clbits[self._records + record.value], 1)):
            getattr(self.circuit, _UNDER_A_RECORD[name])(qubit.value)

    def _padded(self, name: str, group: list[stim.GateTarget], args: Sequence[float]) -> None:
        if group[0].value or any(args):
            raise _refused(name, group, "a record that is not always 0 needs a measurement")
        self._records += 1

    def _measure(self, name: str, group: list[stim.GateTarget], flip: float) -> None:
        if flip and len({target.value for target in group}) > 1:
            raise _refused(name, group, "the readout error of a joint measurement flips no qubit")
        self._parts(name, group, flip, inverted=sum(target.is_inverted_result_target for target in group) % 2 == 1)

    def _parts(self, name: str, group: list[stim.GateTarget], flip: float = 0.0, *, inverted: bool = False) -> None:
        """What an instruction is made of, on one group of its targets."""
        qubits = sorted({target.value for target in group})
        self._use(qubits, name, group, resets=name in ("R", "RX", "RY"))
        for part, own in _decomposed(name, _text(name, group)):
            if part == "MPAD":
                if inverted:
                    raise _refused(name, group, "a record that is not always 0 needs a measurement")
                self._records += 1
            elif part == "M":
                self._read(own[0], flip, inverted=inverted)
            elif part == "R":
                self.circuit.reset(own[0])
                self._flipped.discard(own[0])
            else:
                getattr(self.circuit, part)(*own)

    def _read(self, qubit: int, flip: float, *, inverted: bool) -> None:
        if flip:
            self._err((("X", flip),), [qubit])
            self._flipped.add(qubit)
        if inverted:
            self.circuit.x(qubit)
        self.circuit.measure(qubit, self._records)
        if inverted:
            self.circuit.x(qubit)
        self._records += 1

    def _noise(self, name: str, group: list[stim.GateTarget], args: Sequence[float]) -> None:
        qubits = [target.value for target in group]
        self._use(qubits, name, group)
        if name in ("E", "ELSE_CORRELATED_ERROR"):
            letters: dict[int, str] = {}
            for target in group:
                letters[target.value] = PRODUCT[letters.get(target.value, "I") + target.pauli_type]
            self._correlated(args[0], letters)
            return
        self._err(_mixture(name, args, len(qubits)), qubits)

    def _correlated(self, p: float, letters: dict[int, str]) -> None:
        """One of several errors; the instruction of those before is replaced by one that has this one too."""
        if self._chain:
            self.circuit.data.pop()
        left = 1.0 - sum(weight for weight, _ in self._chain)
        self._chain.append((p * left, letters))
        qubits = sorted({qubit for _, own in self._chain for qubit in own})
        terms = tuple(("".join(own.get(q, "I") for q in qubits), weight) for weight, own in self._chain)
        self._err(terms, qubits)

    def _err(self, terms: tuple[tuple[str, float], ...], qubits: Sequence[int]) -> None:
        self.circuit.append(_error(terms).to_instruction(), qubits)

    def _use(self, qubits: Sequence[int], name: str, group: list[stim.GateTarget], *, resets: bool = False) -> None:
        used = self._flipped.intersection(qubits)
        if resets:
            self._flipped -= used
        elif used:
            raise _refused(name, group, "a qubit was measured with a readout error: reset it first")


def _refused(name: str, group: Sequence[stim.GateTarget], why: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"from_stim cannot translate '{_text(name, group)}': {why}")


def _text(name: str, group: Sequence[stim.GateTarget]) -> str:
    """An instruction on one group of its targets, without the inversion of a record."""
    keep = not _gate_data(name).produces_measurements
    between = "*" if group[0].pauli_type in "XYZ" else " "
    return (
        f"{name} {between.join(('!' if t.is_inverted_result_target and keep else '') + _target(t) for t in group)}"
    )


def _target(target: stim.GateTarget) -> str:
    if target.is_measurement_record_target:
        return f"rec[{target.value}]"
    return (
        f"sweep[{target.value}]" if target.is_sweep_bit_target else f"{target.pauli_type.strip('I')}{target.value}"
    )


@lru_cache(maxsize=256)
def _gate_data(name: str) -> Any:
    import stim

    return stim.gate_data(name)


@lru_cache(maxsize=65_536)
def _decomposed(name: str, text: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Methods of Qiskit's circuits, or M, R and MPAD, each with its qubits."""
    import stim

    whole = stim.Circuit(text)
    return tuple(
        part for instruction in (whole if name in _GATES else whole.decomposed()) for part in _methods(instruction)
    )


def _methods(instruction: stim.CircuitInstruction) -> Iterator[tuple[str, tuple[int, ...]]]:
    groups = [tuple(target.value for target in group) for group in instruction.target_groups()]
    if instruction.name == "S":  # stim's parts say S S for Z
        for qubits, count in Counter(groups).items():
            yield from ((method, qubits) for method in _POWERS_OF_S[count % 4])
        return
    for qubits in groups:
        yield _GATES.get(instruction.name, instruction.name), qubits


def _mixture(name: str, args: Sequence[float], size: int) -> tuple[tuple[str, float], ...]:
    """The words of a channel, the first letter for the first qubit, and their probabilities."""
    words = ["".join(word) for word in product("IXYZ", repeat=size)][1:]
    if name.startswith("DEPOLARIZE"):
        return tuple((word, args[0] / len(words)) for word in words)
    if name.startswith("PAULI_CHANNEL"):
        return tuple(zip(words, args, strict=True))
    return ((name[0], args[0]),)  # X_ERROR, Y_ERROR, Z_ERROR


@lru_cache(maxsize=1024)
def _error(terms: tuple[tuple[str, float], ...]) -> QuantumError:
    from qiskit_aer.noise import pauli_error

    left = max(0.0, 1.0 - sum(p for _, p in terms))
    size = len(terms[0][0])
    return pauli_error([*((word[::-1], p) for word, p in terms), ("I" * size, left)])
