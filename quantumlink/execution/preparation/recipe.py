"""How to read what a device measured: everything a later process needs, and nothing that needs a circuit.

A recipe is plain data (`to_dict`, `from_dict`, JSON): registers in order, heralds and frames as parities of bits,
the bits of the two ends, the basis of each row of the broadcast PUB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.execution.bases import is_basis
from quantumlink.execution.preparation.conditional_paulis import ConditionalPaulis
from quantumlink.execution.records import Recorder
from quantumlink.execution.samples import Outcomes, Samples
from quantumlink.program import Frame, Program, accepted_by, frame_bits, parity

RECIPE_VERSION = 1

MAX_UNREGISTERED = 1_000
"""Most bits in no register that a recipe may skip: more are a mistake, or are to take memory."""


@dataclass(frozen=True)
class Recipe:
    """How to read a result. Bits go by their index in the circuit."""

    registers: tuple[tuple[str, tuple[int, ...]], ...]
    """The classical registers by name, and the bits of each, bit 0 first."""
    ends: tuple[tuple[str, int], ...]
    """The ends by name, left one first, and the bit into which each was measured."""
    bases: tuple[str, ...]
    """The basis of each row of the PUB; the rightmost letter belongs to the left end."""
    heralds: tuple[tuple[int, ...], ...] = ()
    """Parities that must all be even for a run to be accepted."""
    frame: tuple[tuple[str, Frame], ...] = ()
    """The correction that each end still needs."""
    source: str = ""
    """Where it ran, for the samples to tell."""
    odd_heralds: tuple[tuple[int, ...], ...] = ()
    """Parities that must all be odd for a run to be accepted."""
    stabilizers: tuple[tuple[str, int], ...] = ()
    """Where there are not two ends: the stabilizers, and their signs, of the state that is to be delivered."""
    conditional: ConditionalPaulis | None = None
    """What conditions did to the bits, where it can be undone in the record; None if there are none."""
    dropped: tuple[str, ...] = ()
    """Noise of the program's own that does not act, as the device has its own."""
    spectators: tuple[int, ...] = ()
    """Bits of qubits beside those in use, which are 0 in a run that nothing disturbed from beside."""

    @property
    def num_bits(self) -> int:
        """Classical bits of the circuit."""
        return 1 + max(bit for _, bits in self.registers for bit in bits)

    @property
    def bit_names(self) -> dict[int, str]:
        """What the records of `Samples` call each bit: register and place in it; those of the ends as the ends."""
        names = {bit: f"{name}[{i}]" for name, bits in reversed(self.registers) for i, bit in enumerate(bits)}
        return names | {bit: end for end, bit in self.ends}

    def samples(self, result: Any) -> Samples:
        """What was measured: accepted and corrected counts per basis.

        Args:
            result: a sampler's result of the one PUB, that PUB's result, or its data by register name, as
                ``BitArray`` of shape (rows,).

        Raises:
            ValueError: if a register is missing, or the number of rows or of bits is not the recipe's: then the
                result is another circuit's.
        """
        data = _data_of(result)
        arrays = {name: self._register(data, name, len(bits)) for name, bits in self.registers}
        shots = {array.shape[1] for array in arrays.values()}
        if len(shots) != 1:
            raise ValueError(f"the registers of a result must have equal shots, got {sorted(shots)}")
        (runs_of_row,) = shots
        size = 2 ** len(self.ends)
        outcomes = {basis: np.zeros(size, dtype=int) for basis in dict.fromkeys(self.bases)}
        runs = dict.fromkeys(outcomes, 0)
        names = self.bit_names
        last = [bit for _, bit in self.ends]
        there = [*sorted(names.keys() - set(last)), *last]
        recorder = Recorder([end for end, _ in self.ends])
        for row, basis in enumerate(self.bases):
            bits = np.zeros((runs_of_row, self.num_bits), dtype=bool)
            for name, places in self.registers:
                bits[:, list(places)] = arrays[name][row]
            accepted, values = self.read(bits, basis)
            outcomes[basis] += np.bincount(values[accepted], minlength=size)
            recorder.add(basis, [names[bit] for bit in there], bits[:, there], accepted, values)
            runs[basis] += runs_of_row
        told: dict[str, Outcomes] = {basis: tuple(counts.tolist()) for basis, counts in outcomes.items()}
        ends = tuple(name for name, _ in self.ends)
        return Samples(
            ends,
            told,
            runs,
            "sampler",
            self.source,
            stabilizers=self.stabilizers,
            dropped=self.dropped,
            recorded=recorder.recorded(),
        )

    def counts(self, bits: BoolArray, basis: str) -> npt.NDArray[np.int_]:
        """Accepted runs with each outcome, 00, 01, … (last end, …, first end), of shape (2^ends,).

        Args:
            bits: shape (shots, bits), bit 0 first.
            basis: the basis in which they were measured.
        """
        accepted, value = self.read(bits, basis)
        return np.bincount(value[accepted], minlength=2 ** len(self.ends))

    def read(self, bits: BoolArray, basis: str) -> tuple[BoolArray, npt.NDArray[np.int_]]:
        """Of each run whether it is accepted, and its corrected outcome 0, 1, …, the left end as the lowest bit."""
        frames = dict(self.frame)
        value = np.zeros(bits.shape[:-1], dtype=int)
        for i, ((name, bit), letter) in enumerate(zip(self.ends, reversed(basis), strict=True)):
            inverting = frames.get(name, Frame()).inverting(letter)
            value += (bits[..., bit] ^ parity(bits, inverting)).astype(int) << i
        return accepted_by(bits, self.heralds, self.odd_heralds), value

    @property
    def bits_read(self) -> set[int]:
        """The classical bits that it reads, those of its ends as well."""
        read = {bit for _, bit in self.ends}.union(*self.heralds, *self.odd_heralds)
        read |= frame_bits(frame for _, frame in self.frame)
        return read if self.conditional is None else read | self.conditional.bits

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON can hold it."""
        told = {
            "version": RECIPE_VERSION,
            "registers": [[name, list(bits)] for name, bits in self.registers],
            "ends": [[name, bit] for name, bit in self.ends],
            "bases": list(self.bases),
            "heralds": [list(herald) for herald in self.heralds],
            "frame": [[name, list(frame.x), list(frame.z)] for name, frame in self.frame],
            "source": self.source,
        }
        # Only where there are any: what an older version of the package wrote, and can read, is as it was.
        if self.odd_heralds:
            told["odd_heralds"] = [list(herald) for herald in self.odd_heralds]
        if self.stabilizers:
            told["stabilizers"] = [[label, sign] for label, sign in self.stabilizers]
        if self.conditional is not None:
            told["conditional"] = self.conditional.to_dict()
        if self.dropped:
            told["dropped"] = list(self.dropped)
        if self.spectators:
            told["spectators"] = list(self.spectators)
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` told, also after JSON.

        Raises:
            ValueError: if it is of another version, or something is missing or of the wrong kind.
        """
        if not isinstance(told, Mapping) or told.get("version") != RECIPE_VERSION:
            version = told.get("version") if isinstance(told, Mapping) else told
            raise ValueError(f"a recipe must have version {RECIPE_VERSION}, got {version!r}")
        try:
            found = cls(
                tuple((str(name), _bits(bits)) for name, bits in told["registers"]),
                tuple((str(name), validation.count("bit", bit)) for name, bit in told["ends"]),
                tuple(map(str, told["bases"])),
                tuple(_bits(herald) for herald in told["heralds"]),
                tuple((str(name), Frame(_bits(x), _bits(z))) for name, x, z in told["frame"]),
                str(told["source"]),
                tuple(_bits(herald) for herald in told.get("odd_heralds", ())),
                tuple((str(label), int(sign)) for label, sign in told.get("stabilizers", ())),
                ConditionalPaulis.from_dict(told["conditional"]) if "conditional" in told else None,
                tuple(map(str, told.get("dropped", ()))),
                _bits(told.get("spectators", ())),
            )
            found._check()
            return found
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this is no recipe: {type(error).__name__}: {error}") from error

    def _check(self) -> None:
        """Refuse bits that are nowhere, and labels of another number of ends."""
        there = {bit for _, bits in self.registers for bit in bits}
        read = self.bits_read.union(self.spectators)
        if not read <= there or self.num_bits > len(there) + MAX_UNREGISTERED:
            raise ValueError(f"it reads bits that are in no register, or names bits up to {self.num_bits - 1}")
        for label in self.bases:
            if not is_basis(label, len(self.ends)):
                raise ValueError(
                    f"a basis must have a letter X, Y or Z for each of {len(self.ends)} ends: {label!r}"
                )

    def _register(self, data: Any, name: str, width: int) -> BoolArray:
        array = data.get(name) if isinstance(data, Mapping) else getattr(data, name, None)
        if not isinstance(array, BitArray):
            raise ValueError(f"the result must hold the register {name!r}, got none: it is another circuit's")
        # A PUB with a single row may come back without its axis.
        bits: BoolArray = array.to_bool_array(order="little").reshape(-1, array.num_shots, array.num_bits)
        if bits.shape[0] != len(self.bases) or bits.shape[2] != width:
            raise ValueError(
                f"register {name!r} of the result must have {len(self.bases)} rows of {width} bits, got "
                f"{bits.shape[0]} rows of {bits.shape[2]}: it is another circuit's"
            )
        return bits


def recipe_of(
    program: Program,
    circuit: QuantumCircuit,
    end_bits: Mapping[str, int],
    bases: Sequence[str],
    source: str,
    conditional: ConditionalPaulis | None = None,
    dropped: tuple[str, ...] = (),
) -> Recipe:
    """How to read a circuit that was made of a program.

    Args:
        program: whose heralds and frame hold.
        circuit: what runs; classical bits as in the program, those of the ends besides.
        end_bits: the bit into which each end is measured, by name.
        bases: the basis of each row.
        source: where it runs.
        conditional: what the conditions do, if it is known.
        dropped: noise of the program's own that does not act.

    Raises:
        ValueError: if a bit that matters is in no register, and so would not come back.
    """
    clbit_of = {clbit: i for i, clbit in enumerate(circuit.clbits)}
    registers = tuple((r.name, tuple(clbit_of[clbit] for clbit in r)) for r in circuit.cregs)
    there = {bit for _, bits in registers for bit in bits}
    frames = tuple(program.frame.items())
    needed = program.bits_read | set(end_bits.values())
    if needed - there:
        raise ValueError(
            f"every classical bit that heralds or frames read must be in a register, as samplers return registers; "
            f"bits {sorted(needed - there)} are in none"
        )
    return Recipe(
        registers,
        tuple(end_bits.items()),
        tuple(bases),
        program.heralds,
        frames,
        source,
        program.odd_heralds,
        program.stabilizers,
        conditional if conditional is not None and conditional.bits <= there else None,
        dropped,
    )


def _bits(value: Any) -> tuple[int, ...]:
    return tuple(validation.count("bit", bit) for bit in value)


def _data_of(result: Any) -> Any:
    if isinstance(result, Mapping):
        return result
    if hasattr(result, "data"):
        return result.data
    if hasattr(result, "__len__") and len(result) == 1 and hasattr(result[0], "data"):
        return result[0].data
    size = f"{type(result).__name__} of {len(result)}" if hasattr(result, "__len__") else type(result).__name__
    raise ValueError(f"the result must be that of one PUB, got {size}")
