"""The medium in a circuit: a Pauli channel on one qubit, as an instruction with plain parameters.

The instruction says what the medium does; it is not noise until a noise rewrite, or a simulator that knows
it, says so. Its definition is empty, so that a hardware target simply drops it, and so do Qiskit's
``Operator`` and ``SuperOp``, which look at definitions.
"""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import Instruction, QuantumCircuit

from quantumlink_circuits.arguments import probability

CHANNEL_NAME = "pauli_channel"
"""The instruction's name: what survives a round trip through QPY is this name and the three parameters."""


class PauliChannel(Instruction):
    """ρ ↦ (1 − px − py − pz)·ρ + px·XρX + py·YρY + pz·ZρZ on one qubit.

    On one half of Φ⁺ it gives the Bell-diagonal state (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) = (1 − px − py − pz, pz, px, py).

    Args:
        px: probability of X.
        py: probability of Y.
        pz: probability of Z.

    Raises:
        ValueError: if a probability is outside [0, 1], or their sum exceeds 1.
        TypeError: if one is not a number.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.append(PauliChannel(0.01, 0.02, 0.03), [0])
    >>> circuit.data[0].operation.params
    [0.01, 0.02, 0.03]
    """

    def __init__(self, px: float, py: float, pz: float) -> None:
        px, py, pz = pauli_probabilities(px, py, pz)
        super().__init__(CHANNEL_NAME, 1, 0, [px, py, pz], label="Pauli X,Y,Z")

    def _define(self) -> None:
        self.definition = QuantumCircuit(1)

    def inverse(self, annotated: bool = False) -> Instruction:
        """Refuse: a channel that forgets has no inverse.

        Raises:
            ValueError: always.
        """
        raise ValueError("a Pauli channel has no inverse")


def pauli_probabilities(px: float, py: float, pz: float) -> tuple[float, float, float]:
    """Check the three probabilities of a Pauli channel and return them as floats.

    Raises:
        ValueError: if one is outside [0, 1], or their sum exceeds 1 (beyond 1e-9, for rounding).
    """
    x, y, z = probability("px", px), probability("py", py), probability("pz", pz)
    if x + y + z > 1 + 1e-9:
        raise ValueError(f"px + py + pz must not exceed 1, got {px} + {py} + {pz} = {x + y + z}")
    return x, y, z


def bell_diagonal_channel(bell_diagonal: Sequence[float]) -> PauliChannel:
    """The channel that, on one half of Φ⁺, gives the populations (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻).

    Raises:
        ValueError: if they are not four probabilities that sum to 1 (within 1e-9, for rounding).

    >>> bell_diagonal_channel((0.97, 0.02, 0.01, 0.0)).params
    [0.01, 0.0, 0.02]
    """
    populations = [float(population) for population in bell_diagonal]
    if len(populations) != 4 or not abs(sum(populations) - 1) <= 1e-9:
        raise ValueError(
            f"bell_diagonal must be four probabilities (Φ+, Φ−, Ψ+, Ψ−) that sum to 1, got {bell_diagonal!r}"
        )
    _, phi_minus, psi_plus, psi_minus = populations
    return PauliChannel(px=psi_plus, py=psi_minus, pz=phi_minus)
