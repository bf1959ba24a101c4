"""What a failed check carries: its words, and the circuit and the branch that they are about."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit

WIDTH = 100
"""Characters a line of a drawn circuit."""
MOST_INSTRUCTIONS = 400
"""Circuits longer than this are not drawn."""


class CheckFailed(AssertionError):
    """A circuit does not do what a check claims.

    Args:
        message: what is wrong.
        circuit: the circuit that was checked, with what was prepared before it.
        record: the classical bits of the branch that is worst, clbit 0 first; None if it is no single one.
    """

    def __init__(self, message: str, circuit: QuantumCircuit, record: Sequence[int] | None = None):
        super().__init__(message)
        self.circuit = circuit
        self.record = None if record is None else tuple(record)

    def picture(self) -> str:
        """The circuit as text, and under it the values of the classical bits in the worst branch."""
        from quantumlink.testing.ports import record_text

        if self.circuit.size() > MOST_INSTRUCTIONS:
            drawn = f"(a circuit of {self.circuit.size()} instructions on {self.circuit.num_qubits} qubits)"
        else:
            drawn = str(self.circuit.draw("text", fold=WIDTH))
        if self.record is None or not self.record:
            return drawn
        return f"{drawn}\nworst is {record_text(self.circuit, self.record)}"
