"""What the conditions of a circuit did to it, told by its own record: so that it can be undone there.

A correction by feed-forward is a Pauli, decided by what was *recorded*. It flips what is measured later, and
nothing else. So the record of a circuit with conditions tells the record that the same circuit would have made
without them, the *bare* one: every later bit is flipped back where recorded bits had flipped it. A bit that was
misread has applied a wrong correction; in the bare record it has not, and may be wrong with its probability as any
other bit.

Reference:
    J. M. Koh, D. E. Koh, J. Thompson, arXiv:2406.07611 (2024), on errors of the readout that feed-forward acts on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import IfElseOp

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.program import Frame, Program, frame_bits
from quantumlink.rewrites import framed_circuit, pauli_frame


@dataclass(frozen=True)
class ConditionalPaulis:
    """Parities of bare bits, each by the index of the bit in the circuit."""

    flips: tuple[tuple[int, tuple[int, ...]], ...]
    """In the order of measurement: a bit, and the earlier bits whose parity says that it was flipped."""
    ends: tuple[tuple[str, Frame], ...]
    """The corrections that the ends have had when they are measured."""
    heralds: tuple[tuple[int, ...], ...]
    """The heralds of a run that is read rightly."""
    frame: tuple[tuple[str, Frame], ...]
    """The corrections that the ends of the bare circuit need, in a run that is read rightly."""

    @property
    def bits(self) -> set[int]:
        """All bits that are read."""
        frames = [*dict(self.ends).values(), *dict(self.frame).values()]
        found = {bit for bit, _ in self.flips}.union(*(flips for _, flips in self.flips), *self.heralds)
        return found | frame_bits(frames)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "flips": [[bit, list(flips)] for bit, flips in self.flips],
            "heralds": [list(herald) for herald in self.heralds],
            **{name: [[end, list(f.x), list(f.z)] for end, f in getattr(self, name)] for name in ("ends", "frame")},
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> ConditionalPaulis:
        """From what `to_dict` told.

        Raises:
            KeyError, TypeError, ValueError: if something is missing or of the wrong kind.
        """
        ends, frame = (
            tuple((str(end), Frame(_bits(x), _bits(z))) for end, x, z in told[name]) for name in ("ends", "frame")
        )
        flips = tuple((validation.count("bit", bit), _bits(others)) for bit, others in told["flips"])
        return cls(flips, ends, tuple(map(_bits, told["heralds"])), frame)


def conditional_paulis(program: Program) -> ConditionalPaulis | None:
    """What the conditions of a program do.

    Returns:
        None if it has no conditions, or they are not Paulis on parities of bits that can be followed.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> from quantumlink.readings import compose
    >>> relay = Node("relay")
    >>> link = swap(ElementaryLink(Node("alice"), relay), ElementaryLink(relay, Node("bob")))
    >>> dict(conditional_paulis(compose(link, corrections="feedforward")).ends)
    {'alice': Frame(x=(), z=()), 'bob': Frame(x=(1,), z=(0,))}
    """
    circuit = program.circuit
    if not any(isinstance(instruction.operation, IfElseOp) for instruction in circuit.data):
        return None
    try:
        framed, told = framed_circuit(circuit), pauli_frame(program)
    except UnsupportedOperation:
        return None
    written = [circuit.find_bit(clbit).index for i in circuit.data if i.name != "if_else" for clbit in i.clbits]
    if len(set(written)) != len(written) or program.odd_heralds:
        return None
    flips = ((bit, tuple(other for other in framed.bits[bit] if other != bit)) for bit in written)
    return ConditionalPaulis(
        tuple((bit, others) for bit, others in flips if others),
        tuple((end, framed.frames[qubit]) for end, qubit in program.ends.items()),
        told.heralds,
        tuple(told.frame.items()),
    )


def _bits(value: Any) -> tuple[int, ...]:
    return tuple(validation.count("bit", bit) for bit in value)
