"""A program: one flat circuit, and how to read its bits.

Heralds and frames are parities of classical bits: a run is *accepted* when every herald's parity is even,
and an end qubit still needs X (or Z) when the parity of its frame's x (or z) bits is odd. Both are
xor-reductions over a bit array; nothing loops over shots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.circuits import RandomSetting as RandomSetting
from quantumlink.hardware import Node

Corrections = Literal["sequential", "feedforward", "frame"]
"""Where a program's Pauli corrections are applied: in the circuit after each swap (``"sequential"``), in the
circuit at the end by one parity condition per end and Pauli (``"feedforward"``), or afterwards, on the
measured bits (``"frame"``). They differ in which gates there are, and so in which gates are noisy."""

CORRECTIONS: tuple[Corrections, ...] = get_args(Corrections)

HANDED_ON = "next node"
"""The label of a reset after which a reused qubit belongs to the next node."""


@dataclass(frozen=True)
class Frame:
    """The Pauli correction that an end qubit still needs, as parities of classical bits (by index)."""

    x: tuple[int, ...] = ()
    """X is needed when the parity of these bits is odd."""
    z: tuple[int, ...] = ()
    """Z is needed when the parity of these bits is odd."""

    def __post_init__(self) -> None:
        for name in ("x", "z"):
            object.__setattr__(self, name, tuple(validation.count(name, bit) for bit in getattr(self, name)))

    def inverting(self, letter: str) -> tuple[int, ...]:
        """The bits whose parity inverts what is measured in that direction; none for I.

        >>> Frame(x=(0, 3), z=(1, 3, 3)).inverting("Y")  # a bit that is there twice changes nothing
        (0, 1, 3)
        """
        # X anticommutes with Z and Y, Z with X and Y.
        needs = (*(self.x if letter in "YZ" else ()), *(self.z if letter in "XY" else ()))
        return tuple(sorted(toggle(set(), needs)))


@dataclass(frozen=True)
class Program:
    """A composed circuit and how to read it.

    Qubits and classical bits are named by their index in the circuit, little-endian as in Qiskit.

    >>> import quantumlink as ql
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    >>> program = ql.compose(ql.purify(pair, pair))
    >>> program.circuit.num_qubits, len(program.heralds), program.ends
    (4, 1, {'a': 0, 'b': 2})
    """

    circuit: QuantumCircuit
    """The flat circuit: elementary pairs as ``bell_pair`` and ``pauli_channel``, then the protocol."""
    ends: Mapping[str, int]
    """The end qubits by node name, in the order in which the link delivers them; where a node has
    several, with a number in brackets."""
    nodes: tuple[Node, ...]
    """The node that holds each qubit; of one that is reused, the last one."""
    heralds: tuple[tuple[int, ...], ...] = ()
    """Parities of classical bits that must all be even for a run to be accepted."""
    frame: Mapping[str, Frame] = field(default_factory=dict)
    """What each end still needs, by node name; an end that is missing needs nothing."""
    random_settings: tuple[RandomSetting, ...] = ()
    """Parameters to be drawn at random for every run, each independently."""
    corrections: Corrections = "sequential"
    """Where the Pauli corrections are applied."""
    earlier_nodes: Mapping[int, tuple[Node, ...]] = field(default_factory=dict)
    """Of each qubit that is reused, the nodes that held it before, in turn: at every reset with the label
    `HANDED_ON` the next one takes it."""
    odd_heralds: tuple[tuple[int, ...], ...] = ()
    """Parities of classical bits that must all be odd for a run to be accepted."""
    stabilizers: tuple[tuple[str, int], ...] = ()
    """Where there are not two ends: the stabilizers, and their signs, of the state that the program is to
    deliver; the rightmost letter belongs to the first end. Nothing if it is no stabilizer state, or has too many
    ends."""

    def __post_init__(self) -> None:
        if len(self.nodes) != self.circuit.num_qubits:
            raise ValueError(
                f"nodes must name the node of each of the {self.circuit.num_qubits} qubits, got {len(self.nodes)}"
            )
        _check_places("ends", self.ends.values(), self.circuit.num_qubits)
        for name in ("heralds", "odd_heralds"):
            for parity_of in getattr(self, name):
                _check_places(name, parity_of, self.circuit.num_clbits)

    @property
    def node_by_end(self) -> dict[str, Node]:
        """The end nodes by name."""
        return {name: self.nodes[qubit] for name, qubit in self.ends.items()}

    @property
    def waiting_parameters(self) -> frozenset[Parameter]:
        """The circuit's parameters that are durations of delays."""
        delays = (i.operation for i in self.circuit.data if i.name == "delay")
        return frozenset(
            parameter for delay in delays if delay.is_parameterized() for parameter in delay.duration.parameters
        )

    def accepted(self, bits: BoolArray) -> BoolArray:
        """Which runs are accepted.

        Args:
            bits: shape (..., clbits), clbit 0 first, as from ``BitArray.to_bool_array(order="little")``.

        Returns:
            Shape (...): True where every herald is even, and every odd one odd.
        """
        return accepted_by(bits, self.heralds, self.odd_heralds)

    @property
    def herald_bits(self) -> frozenset[int]:
        """All bits that heralds read."""
        return frozenset(bit for herald in (*self.heralds, *self.odd_heralds) for bit in herald)

    @property
    def bits_read(self) -> frozenset[int]:
        """All bits that heralds and frame read: with those of the ends' measurement, all that matter."""
        return self.herald_bits | frame_bits(self.frame.values())

    def flips(self, bits: BoolArray, end: str, basis: str) -> BoolArray:
        """Which measured bits of an end the frame inverts, when it was measured in that Pauli basis.

        Args:
            bits: shape (..., clbits), clbit 0 first.
            end: the end node's name.
            basis: ``"X"``, ``"Y"`` or ``"Z"``.
        """
        return parity(bits, self.frame.get(end, Frame()).inverting(basis))

    def __repr__(self) -> str:
        qubits = f"{self.circuit.num_qubits} qubits"
        if self.earlier_nodes:
            qubits += f" in place of {self.circuit.num_qubits + sum(map(len, self.earlier_nodes.values()))}"
        return (
            f"<Program {'–'.join(self.ends)}: {qubits}, depth {self.circuit.depth()}, "
            f"{len(self.heralds) + len(self.odd_heralds)} heralds, corrections {self.corrections!r}>"
        )


def accepted_by(
    bits: BoolArray, heralds: Iterable[Sequence[int]], odd_heralds: Iterable[Sequence[int]]
) -> BoolArray:
    """Which runs some heralds accept: shape (..., clbits) to shape (...)."""
    accepted = np.ones(bits.shape[:-1], dtype=bool)
    for herald in heralds:
        accepted &= ~parity(bits, herald)
    for herald in odd_heralds:
        accepted &= parity(bits, herald)
    return accepted


def frame_bits(frames: Iterable[Frame]) -> frozenset[int]:
    """All bits that some frames read."""
    return frozenset(bit for frame in frames for bit in (*frame.x, *frame.z))


def parity(bits: BoolArray, which: Sequence[int]) -> BoolArray:
    """The parity of some of the bits: shape (..., clbits) to shape (...)."""
    if not which:
        return np.zeros(bits.shape[:-1], dtype=bool)
    result: BoolArray = np.logical_xor.reduce(bits[..., list(which)], axis=-1)
    return result


def toggle(parity_bits: set[int], others: Sequence[int] | set[int]) -> set[int]:
    """The bits of the xor of two parities: a bit that stands in both cancels, and one that stands twice in one."""
    if isinstance(others, set):  # nothing is there twice
        return parity_bits ^ others
    odd = set[int]()
    for bit in others:
        odd ^= {bit}
    return parity_bits ^ odd


def _check_places(name: str, places: Iterable[int], number: int) -> None:
    """Refuse indices that are none of a circuit's qubits or bits."""
    for place in places:
        if not 0 <= validation.whole(name, place) < number:
            raise ValueError(f"{name} must hold indices from 0 to {number - 1} of the circuit's, got {place!r}")
