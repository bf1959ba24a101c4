"""What one device runs of a network, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.execution.jobs.readers import register_reader

REGISTER = "bits"


@dataclass(frozen=True, eq=False, repr=False)
class DevicePart:
    """What one device runs: it can be submitted, as a session can; the result of its job is `RowMeans`."""

    parities: tuple[tuple[int, ...], ...]
    """For each row the bits whose parity is this device's share."""
    shots: int
    """Of each row."""
    circuit: QuantumCircuit | None = None
    """In the device's instructions; None once it was read from a file, where the job has it."""
    table: FloatArray | None = None
    """Shape (rows, parameters)."""

    def circuits(self) -> list[tuple[QuantumCircuit, FloatArray | None, int]]:
        """The PUB."""
        if self.circuit is None:
            raise ValueError("this part was read from a file; its circuit stands with its job")
        return [(self.circuit, self.table, self.shots)]

    def analyse(self, result: Any) -> RowMeans:
        """The mean sign of the parity of each row."""
        array = getattr(result[0].data, REGISTER, None)
        if not isinstance(array, BitArray):
            raise ValueError(f"the result must hold the register {REGISTER!r}: it is another circuit's")
        bits = array.to_bool_array(order="little").reshape(-1, array.num_shots, array.num_bits)
        if len(bits) != len(self.parities):
            raise ValueError(f"the result must have {len(self.parities)} rows, got {len(bits)}")
        odd = [row[:, list(which)].sum(axis=-1) % 2 for row, which in zip(bits, self.parities, strict=True)]
        return RowMeans(np.array([1.0 - 2.0 * each.mean() for each in odd]), bits.shape[1])

    def to_dict(self) -> dict[str, Any]:
        """What is needed to read the result."""
        return {"parities": [list(which) for which in self.parities], "shots": self.shots}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> DevicePart:
        """From what `to_dict` told, without the circuit."""
        parities = tuple(tuple(validation.count("bit", bit) for bit in which) for which in told["parities"])
        return cls(parities, validation.count("shots", told["shots"], at_least=1))

    def __repr__(self) -> str:
        return f"<DevicePart: {len(self.parities)} rows of {self.shots} shots>"


register_reader(DevicePart)


@dataclass(frozen=True, eq=False, repr=False)
class RowMeans:
    """The mean sign of a device's parity, row by row."""

    values: FloatArray
    """Shape (rows,)."""
    shots: int
    """Of each row."""

    def __repr__(self) -> str:
        return f"<RowMeans: {len(self.values)} rows of {self.shots} shots>"
