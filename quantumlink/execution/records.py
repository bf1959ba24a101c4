"""The records of single runs: every bit by its name, and which runs were accepted.

Bits are as they were measured; what the frame makes of the ends' bits is asked for. An engine that adds records up
while a program runs, or follows it exactly, has those bits alone that acceptance, frame and ends read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from quantumlink import validation
from quantumlink.arrays import BoolArray

IntArray = npt.NDArray[np.int_]


class Records(BitArray):
    """Runs as a Qiskit `BitArray` of shape (), one shot a run, whose bits have names.

    ``records["purify_0[0]"]`` is the column of that bit, shape (runs,); so are ``accepted``, ``basis``.
    """

    def __init__(
        self,
        bits: BoolArray,
        names: Sequence[str],
        basis: npt.NDArray[np.str_],
        accepted: BoolArray,
        *,
        corrected: bool,
        left_out: Sequence[str] = (),
    ) -> None:
        packed = BitArray.from_bool_array(bits, order="little")
        super().__init__(packed.array, bits.shape[1])
        self.names = tuple(names)
        """The name of each bit, bit 0 first: register and place in it; those of the ends are called as the ends."""
        self.basis = basis
        """The basis of each run, shape (runs,)."""
        self.accepted = accepted
        """Which runs are accepted, shape (runs,)."""
        self.corrected = corrected
        """Whether the ends' bits are those after the frame."""
        self.left_out = tuple(left_out)
        """The names of bits that the program has, and that were not kept."""

    def __getitem__(self, which: Any) -> Any:
        """The column of a bit by its name; anything else as for a `BitArray`."""
        if not isinstance(which, str):
            return super().__getitem__(which)
        if which in self.left_out:
            raise ValueError(
                f"bit {which!r} was not kept: the exact engine follows those bits alone that acceptance, frame and "
                f"ends read ({', '.join(self.names)}); sample with keep=[{which!r}]"
            )
        validation.choice("bit", which, self.names)
        columns = self.to_bool_array(order="little")
        return columns[:, self.names.index(which)]

    def __repr__(self) -> str:
        frame = ", frame applied" if self.corrected else ""
        told = f"{len(self.basis)} runs, {int(self.accepted.sum())} accepted{frame}"
        return f"<Records of {told}: {', '.join(self.names)}>"


Keep = Mapping[str, int] | Callable[[Records], BoolArray]
"""Which runs to keep: values of bits by their names, or a function from records to a truth for each run."""


@dataclass(frozen=True, eq=False, repr=False)
class RunsOfBasis:
    """The runs of one basis."""

    packed: npt.NDArray[np.uint8]
    """Shape (runs, bytes): bit 0 is the lowest of the first byte."""
    accepted: BoolArray
    """Shape (runs,)."""
    values: IntArray
    """The outcome of the ends after the frame, shape (runs,), the first end as the lowest bit."""


@dataclass(frozen=True, eq=False, repr=False)
class Recorded:
    """What is kept of all runs."""

    names: tuple[str, ...]
    """Of each bit; the ends' are the last ones."""
    ends: tuple[str, ...]
    """The names of the ends."""
    runs: Mapping[str, RunsOfBasis]
    """By basis."""
    left_out: tuple[str, ...] = ()
    """The names of bits that the program has, and that were not kept."""

    def records(self, basis: str | None, accepted: bool | None, *, corrected: bool) -> Records:
        """See `Samples.records`."""
        labels = list(self.runs) if basis is None else [validation.choice("basis", basis, list(self.runs))]
        parts = [self.runs[label] for label in labels]
        bits = np.concatenate([self._bits(part, corrected=corrected) for part in parts])
        told = np.repeat(labels, [len(part.accepted) for part in parts])
        taken = np.concatenate([part.accepted for part in parts])
        wanted = np.ones_like(taken) if accepted is None else taken == accepted
        found = told[wanted], taken[wanted]
        return Records(bits[wanted], self.names, *found, corrected=corrected, left_out=self.left_out)

    def where(self, keep: Keep, *, heralds: bool) -> Recorded:
        """The same with other runs accepted: see `Samples.where`."""
        found = {}
        for label, part in self.runs.items():
            kept = self._kept(keep, label)
            if not heralds:
                found[label] = replace(part, accepted=kept)
            else:
                found[label] = replace(part, accepted=part.accepted & kept)
        return replace(self, runs=found)

    def outcomes(self) -> dict[str, tuple[int, ...]]:
        """The accepted counts of each basis."""
        size = 2 ** len(self.ends)
        return {
            label: tuple(np.bincount(part.values[part.accepted], minlength=size).tolist())
            for label, part in self.runs.items()
        }

    def __add__(self, other: Recorded) -> Recorded | None:
        if (self.names, self.ends) != (other.names, other.ends):  # and so what was left out
            return None
        return replace(self, runs=merged(self.runs, other.runs))

    def _bits(self, part: RunsOfBasis, *, corrected: bool) -> BoolArray:
        bits = np.unpackbits(part.packed, axis=1, count=len(self.names), bitorder="little").astype(bool)
        if corrected:
            first = len(self.names) - len(self.ends)
            for i in range(len(self.ends)):
                bits[:, first + i] = part.values >> i & 1
        return bits

    def _kept(self, keep: Keep, label: str) -> BoolArray:
        records = self.records(label, None, corrected=False)
        if callable(keep):
            kept = np.asarray(keep(records))
            if kept.dtype != bool or kept.shape != records.accepted.shape:
                raise ValueError(
                    f"keep must give True or False for each of the {len(records.accepted)} runs, got "
                    f"{kept.dtype} of shape {kept.shape}"
                )
            return kept
        validation.instance(
            "keep", keep, Mapping, "a function of records, or a mapping from names of bits to 0 or 1"
        )
        kept = np.ones_like(records.accepted)
        for name, value in keep.items():
            if name in self.ends:
                raise ValueError(f"keep must not select by what an end measured, got {name!r}: that is no herald")
            if value not in (0, 1):
                raise ValueError(f"keep must give 0 or 1 for {name!r}, got {value!r}")
            kept &= records[name] == bool(value)
        return kept


class Recorder:
    """Gathers runs as they come, as long as their bits are the same ones.

    Args:
        ends: the names of the ends.
        every: those of all bits of the program but the ends', as far as they are known.
    """

    def __init__(self, ends: Sequence[str], every: Sequence[str] = ()) -> None:
        self._every = tuple(every)
        self._ends, self._names = tuple(ends), None  # type: tuple[str, ...], tuple[str, ...] | None
        self._runs: dict[str, RunsOfBasis] = {}
        self._differ = False

    def add(self, label: str, names: Sequence[str], bits: BoolArray, accepted: BoolArray, values: IntArray) -> None:
        """Add runs of one basis: ``bits`` of shape (runs, bits), the ends' ones last."""
        self._names = tuple(names) if self._names is None else self._names
        self._differ |= self._names != tuple(names)
        if not self._differ:
            packed = np.packbits(bits, axis=1, bitorder="little")
            self._runs = merged(self._runs, {label: RunsOfBasis(packed, accepted, values)})

    def recorded(self) -> Recorded | None:
        """All of it; None if there is nothing, or the bits were not always the same ones."""
        if self._differ or self._names is None:
            return None
        left_out = tuple(name for name in self._every if name not in self._names)
        return Recorded(self._names, self._ends, self._runs, left_out)


def merged(first: Mapping[str, RunsOfBasis], second: Mapping[str, RunsOfBasis]) -> dict[str, RunsOfBasis]:
    """The runs of both, by basis."""
    found = dict(first)
    for label, more in second.items():
        if label in found:
            pairs = zip(vars(found[label]).values(), vars(more).values(), strict=True)
            more = RunsOfBasis(*(np.concatenate(pair) for pair in pairs))
        found[label] = more
    return found


def bit_names(circuit: QuantumCircuit, ends: Mapping[str, int]) -> list[str]:
    """The name of each classical bit of a circuit: the end that it is of, or register and place.

    Args:
        circuit: the circuit.
        ends: the bit of each end, by the end's name.
    """
    end_of = {bit: name for name, bit in ends.items()}
    names = []
    for i, clbit in enumerate(circuit.clbits):
        places = circuit.find_bit(clbit).registers
        place = f"{places[0][0].name}[{places[0][1]}]" if places else f"clbit {i}"
        names.append(end_of.get(i, place))
    return names
