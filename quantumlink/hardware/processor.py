"""Quantum processors: how noisy a node's gates and measurements are, and how long they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from quantumlink import validation
from quantumlink.hardware.gate_errors import GateErrors, read_errors

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

Confusion = tuple[tuple[float, float], tuple[float, float]]
"""A readout confusion matrix: ``confusion[true][read]`` is a probability, each row sums to 1."""

Side = Literal["left", "right"]
"""On which side of a node a link is: its left or its right neighbor's."""


@dataclass(frozen=True)
class PerQubit:
    """Readout errors of a node's two qubits, where they differ."""

    left: float | Confusion
    """Of the qubit of a link to the left: the node is its right end."""
    right: float | Confusion
    """Of the qubit of a link to the right."""

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            object.__setattr__(self, name, _readout_error(getattr(self, name)))


@dataclass(frozen=True, repr=False)
class Processor:
    """The noise and the durations of a node's local operations; ideal and instantaneous unless said otherwise.

    Each gate is followed by a depolarizing channel on its qubits, ρ ↦ (1 − λ)·ρ + λ·𝟙/2ⁿ (Aer's convention;
    from an average gate infidelity r, λ = 2r for one qubit and λ = 4r/3 for two), or by an error of its own. A
    correction that does not fire makes no noise, unless it is said to be ``always_correct``. A measurement reads
    the wrong bit with the readout error.

    Args:
        depolarizing_1q: λ of one-qubit gates, in [0, 1].
        depolarizing_2q: λ of two-qubit gates, in [0, 1].
        readout_error: the probability to read the wrong bit, or a 2×2 matrix ``[true][read]`` whose rows
            sum to 1; or ``{0: …, 1: …}`` with either for each of two qubits: 0 belongs to links to the left (whose
            right end the node is), 1 to links to the right.
        gate_1q_s: duration of a one-qubit gate in seconds.
        gate_2q_s: duration of a two-qubit gate in seconds.
        readout_s: duration of a measurement in seconds.
            The durations are time only: what waiting does to a qubit is its memory's business.
        noise: errors of gates by name, each an Aer `QuantumError` of any kind (coherent, biased, correlated), in
            the place of the depolarizing one; ``"measure"`` acts before the readout, ``"reset"`` after a reset. Or
            an Aer `NoiseModel` that is the same for all qubits, which may bring the readout error too.
        reset_error: the probability that a reset leaves |1⟩.
        always_correct: whether a correction costs its gate whether it fires or not, as where a frame of gates is
            played in any case: the noise after it is then always there. Corrections are conditions of any form with
            nothing but gates in them.

    Raises:
        ValueError: if a value is out of its range, a row of the matrix does not sum to 1, or ``noise`` is not
            what it may be.
        TypeError: if a value is of the wrong kind.

    >>> Processor(readout_error=[[0.99, 0.01], [0.03, 0.97]]).confusion
    ((0.99, 0.01), (0.03, 0.97))
    """

    depolarizing_1q: float = 0.0
    """λ of one-qubit gates."""
    depolarizing_2q: float = 0.0
    """λ of two-qubit gates."""
    readout_error: float | Confusion | PerQubit = 0.0
    """Probability of a wrong bit, or the matrix ``[true][read]``; or one of them for each of two qubits."""
    gate_1q_s: float = 0.0
    """Duration of a one-qubit gate in seconds."""
    gate_2q_s: float = 0.0
    """Duration of a two-qubit gate in seconds."""
    readout_s: float = 0.0
    """Duration of a measurement in seconds."""
    _: KW_ONLY
    noise: Any = ()
    """Errors of gates by name, as `GateErrors` holds them: see `gate_errors`."""
    reset_error: float = 0.0
    """Probability that a reset leaves |1⟩."""
    always_correct: bool = False
    """Whether a correction costs its gate whether it fires or not."""

    def __post_init__(self) -> None:
        for name in ("depolarizing_1q", "depolarizing_2q", "reset_error"):
            object.__setattr__(self, name, validation.probability(name, getattr(self, name)))
        for name in ("gate_1q_s", "gate_2q_s", "readout_s"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        validation.flags(self, "always_correct")
        errors, readout = read_errors("noise", self.noise)
        object.__setattr__(self, "noise", errors.entries)
        if readout is not None:
            if self.readout_error != 0:
                raise ValueError(f"give readout_error or a noise model that has one, not both; got {self!r}")
            object.__setattr__(self, "readout_error", readout)
        object.__setattr__(self, "readout_error", _readout_errors(self.readout_error))

    @classmethod
    def from_backend(cls, backend: BackendV2, qubits: Sequence[int]) -> Processor:
        """A processor like some qubits of a device, as far as its target states their errors and durations.

        A two-qubit gate counts as one of the device's, a one-qubit gate as one of its ``sx``; what a device does
        by name, its ``x`` or ``cz``, has the error of that name, and rotations about Z none. Gates have the mean
        error of these qubits; two qubits have their own readout errors, the first for links to the left, more have
        the mean.

        Args:
            backend: the device.
            qubits: physical qubits by number, at least one; if more, some two of them coupled.

        Raises:
            ValueError: if there is no such qubit, or no two of several are coupled.
        """
        from quantumlink.hardware.device_errors import device_errors

        return cls(**device_errors(backend, qubits))

    @property
    def gate_errors(self) -> GateErrors:
        """Errors of gates by name, of resets and measurements too."""
        return GateErrors(self.noise)

    @property
    def confusion(self) -> Confusion:
        """The readout error as a matrix ``[true][read]``; of two qubits, the mean."""
        left, right = (_confusion(error) for error in self._both)
        if left == right:
            return left
        (a, b), (c, d) = ((np.array(left) + np.array(right)) / 2).tolist()
        return (a, b), (c, d)

    @property
    def _both(self) -> tuple[float | Confusion, float | Confusion]:
        error = self.readout_error
        return (error.left, error.right) if isinstance(error, PerQubit) else (error, error)

    @property
    def is_even(self) -> bool:
        """Whether its qubits are read alike."""
        return not isinstance(self.readout_error, PerQubit)

    def facing(self, side: Side | None) -> Processor:
        """The processor as the qubit of a link on that side meets it, with one readout error; None for the mean."""
        if self.is_even:
            return self
        error = self.confusion if side is None else self._both[side == "right"]
        return replace(self, readout_error=error)

    @property
    def is_ideal(self) -> bool:
        """Whether gates and measurements are noiseless."""
        silent = not (self.depolarizing_1q or self.depolarizing_2q or self.reset_error or self.noise)
        return silent and all(_confusion(error) == ((1, 0), (0, 1)) for error in self._both)

    def without_gate_errors(self) -> Processor:
        """The same with perfect gates and resets: readout errors and durations stay."""
        return replace(self, depolarizing_1q=0.0, depolarizing_2q=0.0, noise=(), reset_error=0.0)

    def __repr__(self) -> str:
        usual = {f.name: f.default for f in fields(self)}
        told = []
        for f in fields(self):
            value = getattr(self, f.name)
            if value != usual[f.name]:
                errors = f"<{', '.join(sorted(self.gate_errors.names))}>"
                told.append(f"{f.name}={errors if f.name == 'noise' else repr(value)}")
        return f"Processor({', '.join(told)})"


def _confusion(error: float | Confusion) -> Confusion:
    return error if isinstance(error, tuple) else ((1 - error, error), (error, 1 - error))


def _readout_errors(value: Any) -> float | Confusion | PerQubit:
    if isinstance(value, PerQubit):
        value = {0: value.left, 1: value.right}
    if not isinstance(value, Mapping):
        return _readout_error(value)
    if set(value) != {0, 1}:
        raise ValueError(f"readout_error by qubit must tell that of 0 and of 1, got {value!r}")
    left, right = _readout_error(value[0]), _readout_error(value[1])
    return left if left == right else PerQubit(left, right)


def _readout_error(value: Any) -> float | Confusion:
    is_matrix = isinstance(value, Sequence) or hasattr(value, "__len__")
    rule = "readout_error must be a probability, or a 2x2 matrix [true][read] whose rows sum to 1"
    if isinstance(value, str):
        raise validation.WrongKind(f"{rule}; got {value!r}")
    if not is_matrix or getattr(value, "shape", None) == ():
        return validation.probability("readout_error", value)
    rows = [list(row) if hasattr(row, "__len__") else [row] for row in value]
    if len(rows) != 2 or any(len(row) != 2 for row in rows):
        raise ValueError(f"{rule}; got {value!r}")
    numbers = [[validation.probability("readout_error", x) for x in row] for row in rows]
    (a, b), (c, d) = (validation.summing_to_one(*pair, rule) for pair in zip(rows, numbers, strict=True))
    return ((a, b), (c, d))
