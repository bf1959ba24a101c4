"""An eavesdropper as a policy: the circuit she inserts, in which share of the rounds, and what she learns by it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware import Node
from quantumlink.program import RandomSetting
from quantumlink.qkd.eavesdropping.information import EveInformation, circuit_information
from quantumlink.qkd.eavesdropping.overheard import Overheard
from quantumlink.qkd.photon_numbers import thinned

Floats = FloatArray


@dataclass(frozen=True)
class Eavesdropper(ABC):
    """What Eve does. Subclasses say which circuit the traveling qubit passes.

    Her circuit has the traveling qubit on the register ``signal``; all else in it is hers: quantum registers
    ``probe…``, which begin in |0⟩ and which she keeps until everything public has been said, and classical bits.

    Args:
        fraction: share of the rounds she attacks, each with this probability, in [0, 1].
    """

    fraction: float = 1.0
    """Share of the rounds that are attacked."""

    outside_model: ClassVar[str | None] = None
    """Why no security bound covers this attack; None if bounds do."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", validation.probability("fraction", self.fraction))

    @abstractmethod
    def circuit(self) -> QuantumCircuit:
        """What she inserts: ``signal`` travels, the rest is hers."""

    def settings(self) -> tuple[RandomSetting, ...]:
        """Parameters of her circuit that she draws anew in every round she attacks."""
        return ()

    def nodes(self, circuit: QuantumCircuit) -> tuple[Node, ...]:
        """Whose noise acts on each qubit of a round with her circuit in it; ideal unless said otherwise."""
        return tuple(Node("ideal") for _ in circuit.qubits)

    def arrivals(self, photons: Floats, transmittance: float) -> Floats:
        """How many photons reach Bob's detectors in rounds that are attacked.

        Args:
            photons: probability of 0, 1, 2, … photons in a pulse.
            transmittance: of the medium and the detectors together.

        Returns:
            Probability of 0, 1, 2, … arriving. Here she changes nothing: each passes with the transmittance.
        """
        return thinned(photons, transmittance)

    def tuned(self, session: Overheard) -> Eavesdropper:
        """The policy as it acts in a session, for attacks that look at the pulses first.

        Raises:
            ValueError: if the attack does not fit the session.
        """
        return self

    def responds(self, basis: str | None, draw: int) -> float:
        """The probability that Bob's detectors answer an arriving photon, if he measures in a basis.

        Args:
            basis: Bob's, or None if the protocol does not name it.
            draw: the index of Eve's own setting.
        """
        return 1.0

    def information(self, session: Overheard) -> EveInformation:
        """What she knows about a bit of Alice's sifted key, exactly, from the session's own circuit."""
        return circuit_information(session, self.fraction, self.nodes, self.responds)


def renamed(circuit: QuantumCircuit, names: Mapping[str, str], *, name: str | None = None) -> QuantumCircuit:
    """The same circuit on registers of other names; those that are not in ``names`` keep theirs.

    >>> from quantumlink.circuits import entangling_probe
    >>> [register.name for register in renamed(entangling_probe(0.1), {"q": "signal", "eve": "probe"}).qregs]
    ['signal', 'probe']
    """
    quantum = [QuantumRegister(r.size, names.get(r.name, r.name)) for r in circuit.qregs]
    # The classical name stays: conditions refer to its bits.
    classical = [ClassicalRegister(r.size, r.name) for r in circuit.cregs]
    result = QuantumCircuit(*quantum, *classical, name=name or circuit.name, metadata=circuit.metadata)
    return result.compose(circuit, result.qubits, result.clbits)


def as_stage(circuit: QuantumCircuit) -> QuantumCircuit:
    """An eavesdropper's circuit as what stands between Alice and Bob, whose port is called ``q``.

    Raises:
        ValueError: if there is no register ``signal`` of one qubit.
    """
    if [register.size for register in circuit.qregs if register.name == "signal"] != [1]:
        found = ", ".join(f"{register.name} of {register.size}" for register in circuit.qregs) or "none"
        raise ValueError(f"an eavesdropper's circuit must have a register 'signal' of 1 qubit, got {found}")
    return renamed(circuit, {"signal": "q"})
