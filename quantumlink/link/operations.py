"""What the user may give for an operation: its name, a builder, a circuit, or itself."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.circuits import Operation, is_operation, known_operation, operation_names

_ROUNDS = {"expedient_round": "expedient", "stringent_round": "stringent"}


def as_operation(argument: str, given: Any, kind: str | None = None) -> Operation:
    """An operation, from its name, a builder of its circuit, its circuit, or itself.

    Args:
        argument: what it is called where it was given.
        given: the library's name (with arguments where it takes some: ``"multiway_swap(4)"``), one that was
            registered, a builder, a circuit, or an operation.
        kind: ``"purification"`` or ``"swap"``, whose names are known then; all names if None.

    Raises:
        ValueError: if the name is unknown, the circuit has no ports (see `Operation`), the operation is one of
            logical qubits, or it is none of these.
        TypeError: if a builder does not build a circuit.
    """
    if isinstance(given, Operation):
        if not given.takes_any_link:
            raise ValueError(
                f"{argument} must be an operation on qubits, {given.name!r} is one on a code's: encode makes such "
                f"links, and swap joins them in their code"
            )
        return given
    if isinstance(given, str):
        name = _ROUNDS.get(given, given)
        if not is_operation(name, kind):
            validation.choice(argument, given, operation_names(kind))
        return known_operation(name)
    if isinstance(given, QuantumCircuit):
        return Operation(given)
    if callable(given):
        built = given()
        if not isinstance(built, (Operation, QuantumCircuit)):
            raise TypeError(
                f"{argument} must build a QuantumCircuit or an Operation when called without arguments, "
                f"{given!r} gave {built!r}"
            )
        return as_operation(argument, built)
    names = ", ".join(operation_names(kind or "purification"))
    raise ValueError(
        f"{argument} must be a builder function, a QuantumCircuit, an Operation, or one of {names}; got {given!r}"
    )
