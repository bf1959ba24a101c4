"""Sampled recoveries: what is left of n pairs of a code that is too large to be followed exactly, by stim.

The circuit that measures the syndromes is played with its Pauli errors on pairs in Bell-diagonal states, then the
stabilizers and the logical operators of both sides are looked at without errors. What the decoder makes of it is
counted. The numbers are estimates, and say so: by a `SampledWarning`, and `evaluate` by how far they may be off.

Reference:
    C. Gidney, Quantum 5, 497 (2021): stim.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import Bits, BoolArray, FloatArray, IndexArray
from quantumlink.circuits import Code
from quantumlink.codes.decoders import Decoder, decoded
from quantumlink.codes.faults import pauli_errors
from quantumlink.estimation import binomial_estimate
from quantumlink.hardware.pauli_coefficients import bell_coefficients, bell_populations

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]

SHOTS = 100_000
"""Tries of each state."""

TRIES_OF_LEFT_OVER = 10_000
"""Tries of what a circuit leaves behind, which only says how far something may be off."""

AT_ONCE = 20_000
"""Tries that are decoded at once."""

MAX_STATES = 64
"""Most different states that are sampled at once: each takes seconds."""

CONFIDENCE = 0.95
"""With which a state is not farther off than it says."""

_DIAGONAL = (0, 5, 10, 15)
_TOLERANCE = 1e-9
_DIGITS = 10


class SampledWarning(UserWarning):
    """What is told is estimated from tries, and not exact."""


class SampledRecovery:
    """What pairs become by one code and decoder, from tries of the circuit.

    Args:
        code: a code of one logical qubit.
        decoder: what turns differences of syndromes into corrections.
        circuit: the circuit that measures, under its Pauli errors; data of side a, two checks, data of side b.
        detects: whether runs whose syndromes differ are refused instead.
        shots: how many tries of each state.
    """

    entries = 256

    def __init__(
        self, code: Code, decoder: Decoder, circuit: QuantumCircuit, *, detects: bool = False, shots: int = SHOTS
    ) -> None:
        self._decoder, self._circuit = decoder, circuit
        self._detects, self._shots = detects, shots
        self.is_noisy = any(hasattr(i.operation, "_quantum_error") for i in circuit.data)
        """Whether the circuit has errors."""
        self.code = code
        """The code."""
        self._known: dict[bytes, tuple[FloatArray, float]] = {}
        self.off_by = 0.0
        """How far the populations of any state so far may be off, all together (total variation)."""

    def __call__(self, *links: FloatArray) -> FloatArray:
        """The delivered states, not normalized where runs may be refused: Bell-diagonal.

        Args:
            links: of each of the n pairs, shape (points or 1, 16): its Pauli coefficients.

        Returns:
            Shape (points, 16), likewise.

        Raises:
            ValueError: if a pair is not Bell-diagonal, or too many states differ.
        """
        likely, traces, distinct, which = self._states(*links)
        self._refuse_many(len(distinct))
        result = np.zeros((len(traces), 16))
        if len(likely):
            found = np.array([self._one(row) for row in distinct])[which.reshape(-1)]
            result[likely] = found * traces[likely].prod(axis=1)
        return result

    def check_states(self, *links: FloatArray, calls: int) -> None:
        """Refuse what would take too long where so many calls with as many different states as these are to come.

        Raises:
            ValueError: as a call.
        """
        self._refuse_many(calls * len(self._states(*links)[2]))

    def _refuse_many(self, states: int) -> None:
        if states > MAX_STATES:
            raise ValueError(
                f"{self.code!r} is sampled, for at most {MAX_STATES} different states at once; got {states}: "
                f"pairs that wait in memories differ each time. Use evaluate, ideal memories or a smaller code"
            )

    def _states(self, *links: FloatArray) -> tuple[IndexArray, FloatArray, FloatArray, IndexArray]:
        """Which points are likely, all traces, the likely ones' different populations, and which is which."""
        points = max(len(link) for link in links)
        rows = np.hstack([np.broadcast_to(link, (points, 16)) for link in links])
        pairs = rows.reshape(points, -1, 16)
        others = np.delete(pairs, _DIAGONAL, axis=2)
        if np.abs(others).max(initial=0.0) > _TOLERANCE:
            raise ValueError(
                f"{self.code!r} is sampled, for pairs in Bell-diagonal states only; these have other parts: use a "
                f"smaller code, which is exact for any state"
            )
        traces = pairs[:, :, :1]
        likely = np.flatnonzero((traces > 0).all(axis=(1, 2)))
        populations = bell_populations(pairs[likely] / traces[likely]).clip(0.0, 1.0).round(_DIGITS)
        distinct, which = np.unique(populations.reshape(len(likely), -1), axis=0, return_inverse=True)
        return likely, traces, distinct, which

    def _one(self, row: FloatArray) -> FloatArray:
        key = row.tobytes()
        if key not in self._known:
            self._known[key] = self._sampled(row.reshape(-1, 4), key)
        found, off_by = self._known[key]
        self.off_by = max(self.off_by, off_by)
        return found

    def _sampled(self, populations: FloatArray, key: bytes) -> tuple[FloatArray, float]:
        """The state that comes of these populations, shape (n, 4), and how far it may be off."""
        counts, accepted = np.zeros(4, dtype=np.int64), 0
        digest = sha256(key + repr((self.code.stabilizers, self._decoder.name)).encode()).digest()
        seed = int.from_bytes(digest[:8], "big") >> 1
        for flips, kept in self._tries(populations, seed):
            # Of side b: what turns X round alone is a Z error.
            letters = np.array([0, 1, 2, 3])[flips[kept, 0] + 2 * flips[kept, 1]]
            counts += np.bincount(letters, minlength=4)
            accepted += int(kept.sum())
        if not accepted:
            return np.zeros(16), 1.0
        tail = 1 - (1 - CONFIDENCE) / 4
        limits = [binomial_estimate(int(count), accepted, tail) for count in counts[1:]]
        success = binomial_estimate(accepted, self._shots, tail)
        off_by = sum(max(limit.high - limit.best, limit.best - limit.low) for limit in limits)
        warnings.warn(
            f"{self.code.name} by {self._decoder.name} is sampled, not exact: {self._shots} tries, "
            f"{counts[1:].sum()} logical errors in {accepted} accepted ones; the fidelity of each such pair may be "
            f"off by {off_by:.2g} (confidence {CONFIDENCE:.0%})",
            SampledWarning,
            stacklevel=2,
        )
        # Φ⁺, and the errors Z, X, Y on side b.
        return bell_coefficients((counts / accepted)[None])[0] * success.best, float(off_by)

    @cached_property
    def left_over(self) -> float:
        """How often the circuit leaves something that a look without errors would find, on perfect pairs."""
        r = len(self.code.stabilizers)
        perfect = np.tile([1.0, 0.0, 0.0, 0.0], (self.code.qubits, 1))
        sampler = played(self.code, self._circuit, perfect).compile_detector_sampler(seed=r)
        seen = sampler.sample(TRIES_OF_LEFT_OVER)
        return float((seen[:, :r] != seen[:, r : 2 * r]).any(axis=1).mean())

    def _tries(self, populations: FloatArray, seed: int) -> Iterator[tuple[Bits, BoolArray]]:
        """Which logical operators (X, Z) are turned round in the end, and which tries are accepted."""
        r = len(self.code.stabilizers)
        sampler = played(self.code, self._circuit, populations).compile_detector_sampler(seed=seed)
        for start in range(0, self._shots, AT_ONCE):
            shots = min(AT_ONCE, self._shots - start)
            seen, flips = sampler.sample(shots, separate_observables=True)
            first, last, flips = seen[:, :r].astype(np.uint8), seen[:, r:].astype(np.uint8), flips.astype(np.uint8)
            kept = np.ones(shots, dtype=bool)
            if self._detects:
                kept, first = ~first.any(axis=1), np.zeros_like(first)
            for syndromes in (first, last ^ first) if self.is_noisy or self._detects else (last,):
                flips = flips ^ self.code.logical_flips(decoded(self.code, self._decoder, syndromes))
            yield flips, kept


def played(code: Code, circuit: QuantumCircuit, populations: FloatArray) -> stim.Circuit:
    """The circuit in stim: pairs arrive, syndromes are measured, and all is looked at without errors.

    Detectors are the r differences that were measured, then the r that are there in the end; the observables the
    logical X and Z of both sides.

    Args:
        code: the code.
        circuit: the circuit that measures, under its Pauli errors.
        populations: shape (n, 4), of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) of each pair.
    """
    stim = stim_module()
    n, r = code.qubits, len(code.stabilizers)
    sides = range(n), range(n + 2, 2 * n + 2)
    made = stim.Circuit()
    for a, b, (_, phase, flip, both) in zip(*sides, populations.tolist(), strict=True):
        made.append("H", [a])
        made.append("CX", [a, b])
        made.append("PAULI_CHANNEL_1", [b], [flip, both, phase])
    record: dict[int, int] = {}
    for instruction in circuit.data:
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        if instruction.name == "measure":
            record[circuit.find_bit(instruction.clbits[0]).index] = len(record)
        if hasattr(instruction.operation, "_quantum_error"):
            made.append(*_channel(instruction.operation._quantum_error, qubits, instruction.name))
        elif instruction.name != "barrier":
            made.append(_GATES[instruction.name], qubits)
    for string in (*code.stabilizers, *code.logical_x, *code.logical_z):
        targets: list[object] = []
        for side in sides:
            for qubit, letter in zip(side, string, strict=True):
                if letter != "I":
                    targets += [stim.target_pauli(qubit, letter), stim.target_combiner()]
        made.append("MPP", targets[:-1])
    total = len(record) + r + 2
    for i in range(r):
        made.append("DETECTOR", [stim.target_rec(record[i] - total), stim.target_rec(record[r + i] - total)])
    for i in range(r):
        made.append("DETECTOR", [stim.target_rec(i - r - 2)])
    for i in range(2):
        made.append("OBSERVABLE_INCLUDE", [stim.target_rec(i - 2)], i)
    return made


_GATES = {
    "id": "I",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "reset": "R",
    "measure": "M",
}


def _channel(error: object, qubits: Sequence[int], name: str) -> tuple[str, Sequence[int], list[float]]:
    """An Aer error as a Pauli channel of stim's."""
    found = dict.fromkeys(map("".join, product("IXYZ", repeat=len(qubits))), 0.0)
    for pauli, probability in zip(*pauli_errors(error, len(qubits), name), strict=True):
        found[pauli[::-1].to_label().lstrip("+-i")] += probability
    return f"PAULI_CHANNEL_{len(qubits)}", qubits, list(found.values())[1:]


def stim_module() -> Any:
    """The module stim.

    Raises:
        ModuleNotFoundError: if it is not installed; the text says how to.
    """
    try:
        import stim
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a code that is too large to be followed exactly is sampled by stim, which is not installed: pip "
            "install stim, or use a smaller code",
            name=error.name,
        ) from error
    return stim
