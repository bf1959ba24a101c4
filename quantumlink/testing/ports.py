"""Ports, records and heralds: how the checks name what they look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit, QuantumRegister, Qubit

Port: TypeAlias = str | int | np.integer | Qubit | QuantumRegister
"""A register (by name or itself), which stands for all its qubits in order, or one qubit (by index or itself)."""


def qubit_indices(
    circuit: QuantumCircuit, ports: Port | Sequence[Port] | npt.NDArray[np.integer], argument: str
) -> list[int]:
    """The qubits that ports name, in order; an array of indices names those.

    Raises:
        ValueError: if a port is not one of the circuit's, or a qubit is named twice.
    """
    if isinstance(ports, np.ndarray):
        ports = ports.ravel().tolist()
    single = isinstance(ports, (str, int, np.integer, Qubit, QuantumRegister))
    listed: list[Any] = [ports] if single else list(ports)  # type: ignore[arg-type]
    registers = {register.name: register for register in circuit.qregs}
    indices: list[int] = []
    for port in listed:
        if isinstance(port, str) and port in registers:
            indices.extend(circuit.find_bit(q).index for q in registers[port])
        elif isinstance(port, QuantumRegister) and port in circuit.qregs:
            indices.extend(circuit.find_bit(q).index for q in port)
        elif isinstance(port, (int, np.integer)) and not isinstance(port, bool) and 0 <= port < circuit.num_qubits:
            indices.append(int(port))
        elif isinstance(port, Qubit) and port in circuit.qubits:
            indices.append(circuit.find_bit(port).index)
        else:
            raise ValueError(
                f"{argument} must name registers or qubits of the circuit ({', '.join(registers)}, or 0 to "
                f"{circuit.num_qubits - 1}); got {port!r}"
            )
    if len(set(indices)) != len(indices):
        raise ValueError(f"{argument} must name each qubit once, got {listed!r}")
    return indices


def bit_name(circuit: QuantumCircuit, index: int) -> str:
    """A classical bit as its register and place, or as ``clbit i``."""
    for register, place in circuit.find_bit(circuit.clbits[index]).registers:
        return register.name if register.size == 1 else f"{register.name}[{place}]"
    return f"clbit {index}"


def bit_index(circuit: QuantumCircuit, name: str) -> int:
    """The index of a classical bit from its name: ``parity``, ``parity[0]``, or ``rec[i]`` for bit i.

    Raises:
        ValueError: if there is no such bit.
    """
    label, _, place = name.strip().partition("[")
    number = place.rstrip("]") or "0"
    if number.isdigit():
        if label == "rec" and int(number) < circuit.num_clbits:
            return int(number)
        for register in circuit.cregs:
            if register.name == label and int(number) < register.size:
                return int(circuit.find_bit(register[int(number)]).index)
    names = ", ".join(bit_name(circuit, i) for i in range(circuit.num_clbits))
    raise ValueError(f"a classical bit must be one of {names or 'none'}, or rec[i]; got {name!r}")


def record_text(circuit: QuantumCircuit, record: Sequence[int]) -> str:
    """A branch, told by its classical bits."""
    if not record:
        return "the only branch"
    return "the branch " + ", ".join(f"{bit_name(circuit, i)}={bit}" for i, bit in enumerate(record))


def accepts(circuit: QuantumCircuit, record: Sequence[int]) -> bool:
    """Whether the heralds in the circuit's metadata accept a record of all classical bits.

    ``heralds`` lists parities that must be even, ``odd_heralds`` parities that must be odd.
    """
    metadata = circuit.metadata or {}
    return all(
        sum(record[bit] for bit in herald) % 2 == wanted
        for key, wanted in (("heralds", 0), ("odd_heralds", 1))
        for herald in metadata.get(key, [])
    )


Arrivals: TypeAlias = QuantumCircuit | Literal["pairs"] | None
"""What comes before a circuit: another one on its first qubits, Φ⁺ on each of its promised pairs, or nothing."""


def with_arrivals(circuit: QuantumCircuit, prepare: Arrivals, error: str = "") -> QuantumCircuit:
    """The circuit after what arrives: the preparation, and then Pauli errors, one letter a qubit.

    Raises:
        ValueError: if pairs are asked for and the circuit's metadata promises none.
    """
    if prepare is None and not error:
        return circuit
    result = circuit.copy_empty_like()
    if isinstance(prepare, QuantumCircuit):
        result.compose(prepare, range(prepare.num_qubits), inplace=True)
    elif prepare == "pairs":
        pairs = (circuit.metadata or {}).get("pairs", [])
        if not pairs:
            raise ValueError("prepare='pairs' needs a circuit whose metadata lists pairs that arrive")
        for a, b in pairs:
            result.h(a)
            result.cx(a, b)
    elif prepare is not None:
        raise ValueError(f"prepare must be a circuit, 'pairs' or None, got {prepare!r}")
    for qubit, letter in enumerate(error):
        if letter != "I":
            getattr(result, letter.lower())(qubit)
    for instruction in circuit.data:
        result.append(instruction)
    return result
