"""Attacks that let the qubit pass and keep a probe of it: entangling probe, cloners, a memory that waits.

References:
    C. A. Fuchs, N. Gisin, R. B. Griffiths, C.-S. Niu, A. Peres, Phys. Rev. A 56, 1163 (1997).
    V. Bužek, M. Hillery, Phys. Rev. A 54, 1844 (1996).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import acos, asin, pi, sqrt

from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.eavesdropping import CLONER_PLANES, ClonerPlane

from quantumlink import validation
from quantumlink.circuits import entangling_probe, phase_covariant_cloner, universal_cloner
from quantumlink.hardware import Memory, Node
from quantumlink.program import RandomSetting
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper, renamed

_PORTS = {"q": "signal", "eve": "probe"}


@dataclass(frozen=True)
class EntanglingProbe(Eavesdropper):
    """A controlled rotation of a probe: reads Z without an error there, and disturbs X and Y.

    e_Z = 0, e_X = e_Y = (1 − cos(θ/2))/2 in the rounds attacked; she tells a bit sent in Z with probability
    (1 + sin(θ/2))/2.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].
        strength: θ in radians, from 0 (nothing) to π (a full copy of Z).

    Raises:
        ValueError: if a value is out of range.

    >>> EntanglingProbe(strength=1.0).circuit().num_qubits
    2
    """

    strength: float = pi / 2
    """θ in radians."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "strength", validation.number("strength", self.strength, at_least=0.0, at_most=pi))

    def circuit(self) -> QuantumCircuit:
        """One controlled rotation."""
        return renamed(entangling_probe(self.strength), _PORTS)


@dataclass(frozen=True)
class PhaseCovariantCloner(Eavesdropper):
    """The best individual attack on a protocol of two bases: the error D in both, and the most for it.

    She waits for the basis, measures her clone in it and learns ½φ(2√(D(1 − D))) bit.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].
        disturbance: D, the error rate in the rounds attacked, in [0, 1/2].
        plane: the protocol's two bases, ``"XZ"``, ``"XY"`` or ``"YZ"``.

    Raises:
        ValueError: if a value is out of range.

    >>> PhaseCovariantCloner(disturbance=0.05)
    PhaseCovariantCloner(fraction=1.0, disturbance=0.05, plane='XZ')
    """

    disturbance: float = (1 - 1 / sqrt(2)) / 2
    """D, the error rate that Bob sees in the rounds attacked."""
    plane: ClonerPlane = "XZ"
    """The two bases."""

    def __post_init__(self) -> None:
        super().__post_init__()
        value = validation.number("disturbance", self.disturbance, at_least=0.0, at_most=0.5)
        object.__setattr__(self, "disturbance", value)
        validation.choice("plane", self.plane, CLONER_PLANES)

    def circuit(self) -> QuantumCircuit:
        """The economical cloner with cos θ = 1 − 2D."""
        return renamed(phase_covariant_cloner(acos(1 - 2 * self.disturbance), plane=self.plane), _PORTS)


@dataclass(frozen=True)
class UniversalCloner(Eavesdropper):
    """The asymmetric universal cloner: the error D in every basis, the attack on the six-state protocol.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].
        disturbance: D, the error rate in the rounds attacked, in [0, 1/2]; 1/6 makes two equal clones.

    Raises:
        ValueError: if a value is out of range.

    >>> UniversalCloner().circuit().num_qubits
    3
    """

    disturbance: float = 1 / 6
    """D, the error rate that Bob sees in the rounds attacked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        value = validation.number("disturbance", self.disturbance, at_least=0.0, at_most=0.5)
        object.__setattr__(self, "disturbance", value)

    def circuit(self) -> QuantumCircuit:
        """The cloner with D = ⅔·sin²θ."""
        return renamed(universal_cloner(asin(sqrt(1.5 * self.disturbance))), _PORTS)


@dataclass(frozen=True)
class MemoryAttack(Eavesdropper):
    """Any probe, kept in a real memory until the bases are announced: what she learns decays with the wait.

    Bob sees what the attack alone does, whose ``fraction`` counts; the memory only costs Eve.

    Args:
        fraction: share of the rounds she attacks, in [0, 1].
        attack: the attack whose probe is stored; with ``fraction`` 1, as this one's is what counts.
        wait_s: seconds from the attack to the announcement.
        memory: T1 and T2 of her memory.

    Raises:
        ValueError: if a value is out of range, or the attack keeps no probe.
        TypeError: if a part is of the wrong kind.

    >>> MemoryAttack(0.5, wait_s=1e-3, memory=Memory(t1_s=1e-2, t2_s=1e-3)).circuit().count_ops()["delay"]
    1
    """

    attack: Eavesdropper = field(default_factory=PhaseCovariantCloner)
    """The attack whose probe is stored."""
    wait_s: float = 0.0
    """Seconds of waiting."""
    memory: Memory = field(default_factory=Memory)
    """Her memory."""

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.instance("attack", self.attack, Eavesdropper, "an eavesdropper that keeps a probe")
        validation.instance("memory", self.memory, Memory, "a Memory")
        object.__setattr__(self, "wait_s", validation.number("wait_s", self.wait_s, at_least=0.0))
        if self.attack.fraction != 1.0:
            raise ValueError(
                f"attack must have fraction 1, as the memory attack's own fraction counts; got {self.attack!r}"
            )
        if not any(register.name.startswith("probe") for register in self.attack.circuit().qregs):
            raise ValueError(f"attack must keep a probe (a register 'probe…') that waits, got {self.attack!r}")

    def circuit(self) -> QuantumCircuit:
        """The attack's circuit, then the wait of every probe qubit."""
        circuit = self.attack.circuit()
        if self.wait_s:
            for register in circuit.qregs:
                if register.name.startswith("probe"):
                    circuit.delay(self.wait_s, list(register), unit="s")
        return circuit

    def settings(self) -> tuple[RandomSetting, ...]:
        """Those of the attack."""
        return self.attack.settings()

    def nodes(self, circuit: QuantumCircuit) -> tuple[Node, ...]:
        """Her memory: the only waits in a round are those of her probes."""
        return tuple(Node("eve", memory=self.memory) for _ in circuit.qubits)
