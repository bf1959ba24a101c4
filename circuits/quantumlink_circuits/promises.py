"""Promises: what an operation is said to deliver of perfect links, proven, or refused by the ports that fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qiskit.quantum_info import Pauli

from quantumlink_circuits.proving import NotClifford, delivered_stabilizers, sign_in

if TYPE_CHECKING:
    from quantumlink_circuits.operation import Operation


def proven_stabilizers(operation: Operation, delivers: Sequence[str] | None) -> tuple[str, ...]:
    """The stabilizers that an operation delivers: see `Operation.verify`.

    Raises:
        ValueError: if it delivers no state of its own, or not the promised one; or a label is none.
    """
    heralds = [(parity, False) for parity in operation.heralds]
    heralds += [(parity, True) for parity in operation.odd_heralds]
    promised = [_promise(label, len(operation.outputs)) for label in delivers or ()]
    of_pairs = [len(qubits) for qubits in operation.inputs] == [2] * len(operation.inputs)
    if delivers is None and of_pairs and len(operation.outputs) == 2:
        promised = [Pauli("XX"), Pauli("ZZ")]
    try:
        found = delivered_stabilizers(operation.circuit, operation.inputs, operation.outputs, heralds)
    except NotClifford:
        if delivers:
            raise
        return ()
    for promise in promised:
        _check_promise(operation, found, promise)
    if len(found) < len(operation.outputs):
        loose = [
            operation.port(q) for i, q in enumerate(operation.outputs) if not any(p.x[i] or p.z[i] for p in found)
        ] or [operation.port(q) for q in operation.outputs]
        raise ValueError(
            f"{operation.name} does not deliver one state of perfect links: at the ports {', '.join(loose)} it "
            f"depends on what was measured; is a correction there missing, or a herald?"
        )
    return tuple(("-" if p.phase else "+") + str(Pauli((p.z, p.x))) for p in found)


def _check_promise(operation: Operation, found: Sequence[Pauli], promise: Pauli) -> None:
    sign = sign_in(found, promise)
    if sign == 1:
        return
    ports = ", ".join(
        operation.port(q) for q, x, z in zip(operation.outputs, promise.x, promise.z, strict=True) if x or z
    )
    told = "depends on what was measured, or on what arrives" if sign is None else "has the other sign"
    raise ValueError(
        f"{operation.name} does not deliver {promise} at the ports {ports}: of perfect links it {told}; "
        f"is a correction there missing, or a herald?"
    )


def _promise(label: Any, outputs: int) -> Pauli:
    letters = label.lstrip("+-") if isinstance(label, str) else ""
    if len(letters) != outputs or set(letters) - set("IXYZ") or set(letters) == {"I"}:
        raise ValueError(f"delivers must list labels of {outputs} letters of I, X, Y, Z, not all I; got {label!r}")
    return Pauli(label)
