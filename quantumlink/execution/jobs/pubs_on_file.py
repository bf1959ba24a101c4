"""PUBs and results as a file holds them: circuits as QPY, tables as arrays, bits packed."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import qpy
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from quantumlink import validation
from quantumlink.execution.jobs.errors import ForeignResult, JobFileError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class PubOnFile:
    """One circuit and the table of its parameters; the shots stand with the parts of the job."""

    circuit_text: str
    """The circuit as QPY, compressed, in base64."""
    table_text: str | None
    """The table as an array file, compressed, in base64; None if the circuit has no parameters."""
    shape: tuple[int, ...]
    """Rows of the table, as the result will have them; () without a table."""
    registers: tuple[tuple[str, int], ...]
    """Classical registers by name, and how many bits each has."""

    @classmethod
    def of(cls, circuit: QuantumCircuit, table: Any = None) -> PubOnFile:
        """From a circuit and its table of shape (..., parameters)."""
        validation.instance("circuit", circuit, QuantumCircuit, "a QuantumCircuit")
        registers = tuple((register.name, len(register)) for register in circuit.cregs)
        if not registers:
            raise ValueError(f"circuit {circuit.name!r} has no classical register, so nothing would come back")
        values = None if circuit.num_parameters == 0 or table is None else np.asarray(table, dtype=float)
        if values is None:
            rows = () if table is None else np.shape(table)[:-1]
        else:
            if values.ndim == 0 or values.shape[-1] != circuit.num_parameters:
                raise ValueError(
                    f"the table of {circuit.name!r} must have {circuit.num_parameters} columns, got {values.shape}"
                )
            rows = values.shape[:-1]
        told = cls(_circuit_text(circuit), None if values is None else _array_text(values), tuple(rows), registers)
        if values is None and rows not in ((), (1,)):
            raise ValueError(f"{circuit.name!r} has no parameters, so its table must have one row, got {rows}")
        if told.rows == 0:
            raise ValueError(f"the table of {circuit.name!r} must have at least one row, got {rows}")
        return told

    @property
    def rows(self) -> int:
        """How many settings are run."""
        return int(np.prod(self.shape, dtype=int))

    @cached_property
    def circuit(self) -> QuantumCircuit:
        """The circuit.

        Raises:
            JobFileError: if it was written by a later Qiskit than the one at hand.
        """
        try:
            found: QuantumCircuit = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(self.circuit_text))))[0]
        except Exception as error:
            raise JobFileError(
                f"a circuit of the job file cannot be read by the Qiskit at hand: {type(error).__name__}: {error}"
            ) from error
        return found

    @cached_property
    def table(self) -> FloatArray | None:
        """The table as rows, shape (rows, parameters), or None."""
        if self.table_text is None:
            return None
        data = zlib.decompress(base64.b64decode(self.table_text))
        values: FloatArray = np.load(io.BytesIO(data), allow_pickle=False)
        return values.reshape(-1, values.shape[-1])

    def piece(self, start: int, stop: int, shots: int, tag: str) -> tuple[QuantumCircuit, FloatArray | None, int]:
        """Some rows as a PUB for a sampler; the tag comes back with the result."""
        circuit = self.circuit.copy()
        circuit.metadata = {"quantumlink": tag}
        return circuit, None if self.table is None else self.table[start:stop], shots

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "circuit": self.circuit_text,
            "table": self.table_text,
            "shape": list(self.shape),
            "registers": [list(register) for register in self.registers],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> PubOnFile:
        """From JSON."""
        registers = tuple((str(name), int(bits)) for name, bits in told["registers"])
        return cls(told["circuit"], told["table"], tuple(told["shape"]), registers)

    def __repr__(self) -> str:
        return f"<PubOnFile: {self.rows} rows, registers {dict(self.registers)}>"


Rows = dict[str, npt.NDArray[np.uint8]]
"""Packed bits of a piece by register, shape (rows, shots, bytes), as in ``BitArray.array``."""


def checked_pieces(
    result: Any, wanted: Sequence[tuple[PubOnFile, int]], shots: int, tag: str, where: str
) -> list[Rows]:
    """The bits of a sampler's result, after a look whether it is the one that was asked for.

    Args:
        result: of one job.
        wanted: of each of its PUBs what it is part of, and how many rows.
        shots: at least so many of each row (twirling rounds up).
        tag: of the job.
        where: for error texts.

    Raises:
        ForeignResult: if it is another job's.
    """
    if not hasattr(result, "__len__") or len(result) != len(wanted):
        size = len(result) if hasattr(result, "__len__") else type(result).__name__
        raise ForeignResult(f"{where}: the result has {size} PUBs, {len(wanted)} were submitted: it is another's")
    return [
        _checked_piece(result[i], pub, rows, shots, tag, f"{where}, PUB {i}")
        for i, (pub, rows) in enumerate(wanted)
    ]


def _checked_piece(found: Any, pub: PubOnFile, rows: int, shots: int, tag: str, where: str) -> Rows:
    metadata = (getattr(found, "metadata", None) or {}).get("circuit_metadata") or {}
    told = metadata.get("quantumlink", tag) if isinstance(metadata, Mapping) else tag
    if told != tag:
        raise ForeignResult(f"{where}: the result carries the tag {told!r}, the job has {tag!r}")
    bits: Rows = {}
    for name, size in pub.registers:
        array = getattr(found.data, name, None)
        if not isinstance(array, BitArray):
            raise ForeignResult(f"{where}: register {name!r} is missing, there are: {', '.join(found.data)}")
        there = int(np.prod(array.shape, dtype=int))
        if array.num_bits != size or there != rows or array.num_shots < shots:
            raise ForeignResult(
                f"{where}: register {name!r} should have {rows} rows of {shots} shots of {size} bits, got {there} "
                f"rows of {array.num_shots} shots of {array.num_bits} bits"
            )
        bits[name] = array.array.reshape(rows, *array.array.shape[-2:])
    return bits


def bits_as_bytes(pieces: Sequence[Rows]) -> bytes:
    """Bits as the content of an array file."""
    buffer = io.BytesIO()
    arrays = {f"{i}/{name}": array for i, piece in enumerate(pieces) for name, array in piece.items()}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def bits_from_bytes(data: bytes, wanted: Sequence[PubOnFile]) -> list[Rows]:
    """The bits of each piece, from what `bits_as_bytes` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as there:
        return [{name: there[f"{i}/{name}"] for name, _ in pub.registers} for i, pub in enumerate(wanted)]


def joined(pubs: Sequence[PubOnFile], pieces: Sequence[tuple[int, int, Rows]]) -> PrimitiveResult[SamplerPubResult]:
    """One result of all PUBs, from pieces in any order.

    Args:
        pubs: the PUBs as they were before they were split.
        pieces: of which PUB, from which row on, and its bits. Pieces of the same rows add their shots.
    """
    results = []
    for number, pub in enumerate(pubs):
        arrays = {}
        for name, bits in pub.registers:
            rows: list[list[npt.NDArray[np.uint8]]] = [[] for _ in range(pub.rows)]
            for _, start, piece in (p for p in pieces if p[0] == number):
                for i, row in enumerate(piece[name], start=start):
                    rows[i].append(row)
            whole = [np.concatenate(parts) for parts in rows]
            shots = min(len(row) for row in whole)
            packed = np.stack([row[:shots] for row in whole])
            arrays[name] = BitArray(packed.reshape(*pub.shape, *packed.shape[1:]), bits)
        results.append(SamplerPubResult(DataBin(**arrays, shape=pub.shape)))
    return PrimitiveResult(results)


def _circuit_text(circuit: QuantumCircuit) -> str:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def _array_text(values: FloatArray) -> str:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()
