"""PUBs and results as a file holds them: circuits as QPY, tables as arrays, bits packed."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import qpy
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.execution.jobs.directed import DirectedPub
from quantumlink.execution.jobs.errors import ForeignResult, JobFileError

MAX_UNPACKED_BYTES = 2**27
"""Most bytes that a circuit or a table may unfold to."""

MAX_STORED_BYTES = 2**31
"""Most bytes that a register of a stored result may unfold to: ten million executions of 1,700 bits."""


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
    samplex_text: str | None = None
    """From what the parameters of a directed circuit are drawn, as JSON, compressed, in base64; see `directed`."""

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

    def with_samplex(self, template: QuantumCircuit, samplex: str) -> PubOnFile:
        """The same rows for the template of the circuit in boxes, and its samplex as JSON."""
        packed = base64.b64encode(zlib.compress(samplex.encode())).decode()
        return replace(self, circuit_text=_circuit_text(template), samplex_text=packed)

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
            found = qpy.load(io.BytesIO(unpacked(self.circuit_text)))[0]
        except JobFileError:
            raise
        except Exception as error:
            raise JobFileError(
                f"a circuit of the job file cannot be read by the Qiskit at hand: {type(error).__name__}: {error}"
            ) from error
        registers = tuple((register.name, len(register)) for register in getattr(found, "cregs", ()))
        if not isinstance(found, QuantumCircuit) or registers != self.registers:
            raise JobFileError(f"a circuit of the job file has the registers {registers}, not {self.registers}")
        return found

    @cached_property
    def table(self) -> FloatArray | None:
        """The table as rows, shape (rows, parameters), or None."""
        if self.table_text is None:
            return None
        values = array_from(io.BytesIO(unpacked(self.table_text)), np.dtype(float))
        if values.ndim == 0 or values.shape[:-1] != self.shape:
            raise JobFileError(f"a table of the job file has the shape {values.shape}, not {(*self.shape, '…')}")
        return values.reshape(-1, values.shape[-1])

    def piece(self, start: int, stop: int, shots: int, tag: str) -> Any:
        """Some rows as a PUB for a sampler, or for the Executor; the tag comes back with the result."""
        if self.samplex_text is not None:
            table = None if self.table is None else self.table[start:stop]
            return DirectedPub(self.circuit, unpacked(self.samplex_text).decode(), table, shots, tag)
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
            **({} if self.samplex_text is None else {"samplex": self.samplex_text}),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> PubOnFile:
        """From JSON.

        Raises:
            KeyError, TypeError, ValueError: if something is missing or of the wrong kind.
        """
        registers = tuple(
            (str(name), validation.count("bits of a register", bits, at_least=1))
            for name, bits in told["registers"]
        )
        shape = tuple(validation.count("shape", size, at_least=1) for size in told["shape"])
        circuit, table, samplex = told["circuit"], told["table"], told.get("samplex")
        if not isinstance(circuit, str) or not isinstance(table, str | None) or not isinstance(samplex, str | None):
            raise TypeError("a circuit, a table and a samplex must be texts")
        if not registers or len(dict(registers)) != len(registers):
            raise ValueError("a PUB must have classical registers of different names")
        if max(prod(shape), sum(bits for _, bits in registers)) > MAX_UNPACKED_BYTES:
            raise ValueError(f"a PUB of shape {shape} with registers {registers} is larger than any device takes")
        return cls(circuit, table, shape, registers, samplex)

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
    """The bits of each piece, from what `bits_as_bytes` wrote.

    Raises:
        JobFileError: if it holds something else, or claims to hold more than it should.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as there:
            return [
                {name: _stored_bits(there, f"{i}/{name}.npy", (bits + 7) // 8) for name, bits in pub.registers}
                for i, pub in enumerate(wanted)
            ]
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise JobFileError(f"a stored result cannot be read: {type(error).__name__}: {error}") from error


def _stored_bits(there: zipfile.ZipFile, name: str, width: int) -> npt.NDArray[np.uint8]:
    size = there.getinfo(name).file_size
    if size > MAX_STORED_BYTES:
        raise JobFileError(f"a stored result unfolds to {size} bytes, at most {MAX_STORED_BYTES} are read")
    with there.open(name) as stream:
        bits = array_from(io.BytesIO(stream.read(size)), np.dtype(np.uint8))
    if bits.ndim != 3 or bits.shape[-1] != width:
        raise JobFileError(f"a stored register has the shape {bits.shape}, not (rows, shots, {width})")
    return bits


def unpacked(text: str) -> bytes:
    """The bytes of a compressed text, if they are not too many.

    Raises:
        JobFileError: if they are, or it is no such text.
    """
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), MAX_UNPACKED_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise JobFileError(f"a text of the job file cannot be unpacked: {error}") from error
    if len(data) > MAX_UNPACKED_BYTES:
        raise JobFileError(f"a text of the job file unfolds to more than {MAX_UNPACKED_BYTES} bytes")
    if not stream.eof:
        raise JobFileError("a text of the job file is cut short")
    return data


def array_from(stream: io.BytesIO, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array file of that kind whose head promises what it holds: a forged head makes no memory be taken.

    Raises:
        JobFileError: if it is none.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, in_columns, found = read(stream)
    except (KeyError, ValueError, EOFError) as error:
        raise JobFileError(f"an array of the job file cannot be read: {type(error).__name__}: {error}") from error
    data = stream.read()
    if found != dtype or min(shape, default=1) < 0 or prod(shape) * dtype.itemsize != len(data):
        raise JobFileError(f"an array of the job file promises {shape} of {found}, and holds {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C").copy()


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
