"""Ports of an operation: which qubits and bits a name, an index or itself means, and what they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any, TypeAlias

from qiskit.circuit import Clbit, ControlFlowOp, QuantumCircuit, Qubit

from quantumlink_circuits.conditions import odd_parity
from quantumlink_circuits.opening import opened

Port: TypeAlias = int | str | Qubit | Clbit
"""A qubit or a bit: itself, its index, the name of its register of one, or ``"register[i]"``."""


class Ports:
    """The qubits and bits of a circuit by name."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.circuit = circuit
        self._qubits = _named(circuit.qregs)
        self._clbits = _named(circuit.cregs)

    def qubit(self, argument: str, port: Any) -> int:
        """The index of a qubit."""
        return self._index(argument, port, Qubit, "qubit", self._qubits, self.circuit.num_qubits)

    def clbit(self, argument: str, port: Any) -> int:
        """The index of a classical bit."""
        return self._index(argument, port, Clbit, "classical bit", self._clbits, self.circuit.num_clbits)

    def register(self, argument: str, port: Any) -> list[int]:
        """The indices of a register's qubits, or that of one qubit."""
        for register in self.circuit.qregs:
            if register.name == port:
                return [self.circuit.find_bit(bit).index for bit in register]
        if isinstance(port, str) and not self.has(port):
            registers = {register.name: None for register in self.circuit.qregs}
            have = ", ".join(registers | self._qubits) or "none"
            raise ValueError(
                f"{argument} names no register and no qubit of {self.circuit.name!r}: {port!r}; it has {have}"
            )
        return [self.qubit(argument, port)]

    def has(self, name: Any) -> bool:
        """Whether there is a register of qubits, or a qubit, of that name."""
        return name in self._qubits or any(register.name == name for register in self.circuit.qregs)

    def name(self, qubit: int) -> str:
        """How a qubit is called."""
        registers = self.circuit.find_bit(self.circuit.qubits[qubit]).registers
        if not registers:
            return f"qubit {qubit}"
        register, place = registers[0]
        return str(register.name) if register.size == 1 else f"{register.name}[{place}]"

    def _index(self, argument: str, port: Any, kind: type, what: str, names: dict[str, Any], size: int) -> int:
        if isinstance(port, kind):
            try:
                return int(self.circuit.find_bit(port).index)
            except Exception:
                raise ValueError(f"{argument} names a {what} of another circuit: {port!r}") from None
        if isinstance(port, str):
            if port not in names:
                have = ", ".join(names) or "none"
                raise ValueError(f"{argument} names no {what} of {self.circuit.name!r}: {port!r}; it has {have}")
            return int(self.circuit.find_bit(names[port]).index)
        try:
            place = index(port)
        except TypeError:
            raise TypeError(f"{argument} must name a {what} by index, name or itself, got {port!r}") from None
        if isinstance(port, bool) or not 0 <= place < size:
            raise ValueError(f"{argument} must name a {what} from 0 to {size - 1}, got {port!r}")
        return place


def _named(registers: Iterable[Any]) -> dict[str, Any]:
    names = {}
    for register in registers:
        if register.size == 1:
            names[register.name] = register[0]
        names.update({f"{register.name}[{i}]": bit for i, bit in enumerate(register)})
    return names


def qubits_of_links(ports: Ports, stated: Any, argument: str = "inputs") -> tuple[tuple[int, ...], ...]:
    """For each link the qubits that receive its ends; by the names of the registers if nothing is stated."""
    if stated is None:
        stated = _by_registers(ports.circuit)
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        raise TypeError(f"{argument} must list, for each link, the qubits that receive its ends; got {stated!r}")
    found, seen = [], set()
    for i, qubits in enumerate(stated):
        one = f"{argument}[{i}]"
        if isinstance(qubits, str) or not isinstance(qubits, Sequence):
            raise TypeError(f"{one} must list the qubits that receive the ends of link {i}, got {qubits!r}")
        link = tuple(ports.qubit(one, qubit) for qubit in qubits)
        if len(link) < 2:
            raise ValueError(f"{one} must name a qubit for each end of a link, at least two; got {qubits!r}")
        for qubit in link:
            if qubit in seen:
                raise ValueError(f"{argument} must name each qubit once, got {ports.name(qubit)} again in {one}")
            seen.add(qubit)
        found.append(link)
    if not found:
        raise ValueError(f"{argument} must name the ports of at least one link, got none")
    return tuple(found)


def _by_registers(circuit: QuantumCircuit) -> list[list[int]]:
    """The ports of a purification or a swap, by the names that the library uses."""
    size = {register.name: register.size for register in circuit.qregs}
    at = {r.name: [circuit.find_bit(bit).index for bit in r] for r in circuit.qregs}
    if {"kept_a", "kept_b", "spent_a", "spent_b"} <= size.keys():
        if size["kept_a"] != size["kept_b"] or size["spent_a"] != size["spent_b"]:
            raise ValueError(
                f"the ports of {circuit.name!r} must come in pairs: kept_a has {size['kept_a']} and kept_b "
                f"{size['kept_b']} qubits, spent_a {size['spent_a']} and spent_b {size['spent_b']}"
            )
        pairs = [*zip(at["kept_a"], at["kept_b"], strict=True), *zip(at["spent_a"], at["spent_b"], strict=True)]
        return [list(pair) for pair in pairs]
    if {"left", "relay", "right"} <= size.keys() and (size["left"], size["relay"], size["right"]) == (1, 2, 1):
        return [[at["left"][0], at["relay"][0]], [at["relay"][1], at["right"][0]]]
    have = ", ".join(f"{name} of {n}" for name, n in size.items()) or "none"
    raise ValueError(
        f"the circuit {circuit.name!r} does not say which qubits receive its links: give an Operation with inputs, "
        f"metadata with pairs, or registers kept_a, spent_a, spent_b, kept_b (a purification) or left, relay of 2, "
        f"right (a swap); it has {have}"
    )


def qubits_with_data(
    ports: Ports, inputs: tuple[tuple[int, ...], ...], stated: Sequence[Port] | None, argument: str = "data"
) -> tuple[int, ...]:
    """The qubits that bring a state of their own; all that receive no link if none are stated."""
    taken = {q for link in inputs for q in link}
    if stated is None:
        return tuple(q for q in range(ports.circuit.num_qubits) if q not in taken)
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        raise TypeError(f"{argument} must list the qubits that carry an input, got {stated!r}")
    found: list[int] = []
    for port in stated:
        for qubit in ports.register(argument, port):
            if qubit in taken or qubit in found:
                name = ports.name(qubit)
                raise ValueError(f"{argument} names {name}, which receives a link or stands there already")
            found.append(qubit)
    return tuple(found)


def delivered_qubits(
    circuit: QuantumCircuit, ports: Ports, inputs: tuple[tuple[int, ...], ...], stated: Any
) -> tuple[int, ...]:
    """The qubits that are delivered, in order; input qubits not measured in the end by default."""
    measured = _left_measured(circuit)
    if stated is None:
        found = tuple(sorted(q for link in inputs for q in link if q not in measured))
    else:
        if isinstance(stated, str) or not isinstance(stated, Sequence):
            raise TypeError(f"outputs must list the qubits that are delivered, got {stated!r}")
        found = tuple(ports.qubit("outputs", qubit) for qubit in stated)
    if not found:
        raise ValueError(f"the circuit {circuit.name!r} delivers nothing: all its input qubits are measured")
    for qubit in found:
        if found.count(qubit) > 1:
            raise ValueError(f"outputs must name each qubit once, got {ports.name(qubit)} again")
        if qubit in measured:
            raise ValueError(f"outputs names {ports.name(qubit)}, which the circuit measures in the end")
    return found


def _left_measured(circuit: QuantumCircuit) -> set[int]:
    """The qubits of which the last thing that happens is a measurement or a reset."""
    last: dict[Qubit, str] = {}
    for instruction in circuit.data:
        if instruction.name not in ("barrier", "delay"):
            last.update(dict.fromkeys(instruction.qubits, instruction.name))
    return {circuit.find_bit(q).index for q, name in last.items() if name in ("measure", "reset")}


def parities_of_bits(
    argument: str, circuit: QuantumCircuit, ports: Ports, stated: Any
) -> tuple[tuple[int, ...], ...]:
    """Parities of bits that the circuit writes, each a tuple of indices."""
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        raise TypeError(f"{argument} must list parities, each a list of classical bits; got {stated!r}")
    written = {circuit.find_bit(bit).index for bit in _written(circuit)}
    found = []
    for parity in stated:
        if isinstance(parity, str) or not isinstance(parity, Sequence):
            raise TypeError(f"{argument} must list parities, each a list of classical bits; got {parity!r}")
        bits = tuple(ports.clbit(argument, bit) for bit in parity)
        if not bits or len(set(bits)) != len(bits):
            raise ValueError(f"each of {argument} must name at least one bit, each once; got {list(parity)!r}")
        for bit in bits:
            if bit not in written:
                told = _told(circuit, circuit.clbits[bit])
                raise ValueError(f"{argument} reads {told}, which the circuit never writes")
        found.append(bits)
    return tuple(found)


def _told(circuit: QuantumCircuit, bit: Clbit) -> str:
    """A classical bit by its index, and by its register where it has one."""
    index, registers = circuit.find_bit(bit)
    return f"classical bit {index}" + "".join(f" ({r.name}[{place}])" for r, place in registers[:1])


def _written(circuit: QuantumCircuit) -> set[Clbit]:
    found: set[Clbit] = set()
    for instruction in circuit.data:
        if not isinstance(instruction.operation, ControlFlowOp):
            found.update(instruction.clbits)
        for block in getattr(instruction.operation, "blocks", ()):
            inner = _written(block)
            told = dict(zip(block.clbits, instruction.clbits, strict=False))  # others are the circuit's own
            found.update(told.get(bit, bit) for bit in inner)
    return found


def with_corrections(
    circuit: QuantumCircuit, ports: Ports, frame: Mapping[Port, tuple[Sequence[Port], Sequence[Port]]] | None
) -> QuantumCircuit:
    """The circuit, its parts opened, with the frame's corrections in the end."""
    result = opened(circuit)
    if frame is None:
        return result
    if not isinstance(frame, Mapping):
        raise TypeError(f"frame must give two lists of bits, (x, z), by qubit; got {frame!r}")
    measured, written = _left_measured(result), _written(result)
    for port, parities in frame.items():
        qubit = ports.qubit("frame", port)
        if qubit in measured:
            raise ValueError(f"frame corrects {ports.name(qubit)}, which the circuit measures in the end")
        two = isinstance(parities, Sequence) and not isinstance(parities, str) and len(parities) == 2
        if not two or any(isinstance(bits, str) or not isinstance(bits, Sequence) for bits in parities):
            raise ValueError(f"frame must give two lists of bits, (x, z), for each qubit; got {parities!r}")
        for gate, bits in zip(("x", "z"), parities, strict=True):
            which = [result.clbits[ports.clbit("frame", bit)] for bit in bits]
            for bit in which:
                if bit not in written:
                    raise ValueError(f"frame reads {_told(result, bit)}, which the circuit never writes")
            if len(set(which)) != len(which):
                raise ValueError(f"frame must name each bit of a parity once, got {list(bits)!r}")
            if which:
                with result.if_test(odd_parity(which)):
                    getattr(result, gate)(qubit)
    return result
