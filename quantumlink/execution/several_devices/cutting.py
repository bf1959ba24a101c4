"""A program told to several devices, each what is its own; pairs between them are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qiskit.circuit import CircuitInstruction, ClassicalRegister, Parameter, QuantumCircuit
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.circuits import basis_measurement
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.several_devices.parts import REGISTER
from quantumlink.program import Frame, Program, toggle


class Cutter:
    """Goes through a program once and tells each device what is its own."""

    def __init__(self, program: Program, devices: Mapping[str, BackendV2]) -> None:
        self._program = program
        names = [node.name for node in program.nodes]
        self.backends, device_of = _named_devices(names, devices)
        self._device = [device_of[name] for name in names]
        self._qubit_of = {q: i for i, q in enumerate(program.circuit.qubits)}
        own = {name: [i for i, d in enumerate(self._device) if d == name] for name in self.backends}
        self._place = {i: place for qubits in own.values() for place, i in enumerate(qubits)}
        self.circuits = {name: QuantumCircuit(len(qubits)) for name, qubits in own.items()}
        self._bits: dict[str, list[int]] = {name: [] for name in self.backends}
        self.cut: list[tuple[str, str]] = []
        self.correlations: list[tuple[float, ...]] = []
        self.dropped = 0
        self._fresh: dict[int, int] = {}
        measured = [self._qubit_of[s.qubits[0]] for s in program.circuit.data if s.name == "measure"]
        measured += program.ends.values()
        for name, circuit in self.circuits.items():
            size = sum(self._device[qubit] == name for qubit in measured)
            circuit.add_register(ClassicalRegister(size, REGISTER))
        for step in program.circuit.data:
            self._step(step)
        for number, qubit in enumerate(program.ends.values()):
            measurement = basis_measurement(*(Parameter(f"end_{number}_{name}") for name in ("theta", "phi")))
            bit = self._bit(qubit, -1 - number)
            self.circuits[self._device[qubit]].compose(measurement, [self._place[qubit]], [bit], inplace=True)

    def share(self, name: str, label: str) -> tuple[int, ...]:
        """The bits on a device whose parity is its share of the outcome of a label."""
        wanted: set[int] = set()
        for number, (end, letter) in enumerate(zip(self._program.ends, reversed(label), strict=True)):
            frame = self._program.frame.get(end, Frame())
            wanted = toggle(wanted, {-1 - number})
            wanted = toggle(wanted, frame.inverting(letter))
        return tuple(i for i, bit in enumerate(self._bits[name]) if bit in wanted)

    def nodes_on(self, name: str) -> tuple[str, ...]:
        """The nodes on a device."""
        there = (node.name for node, d in zip(self._program.nodes, self._device, strict=True) if d == name)
        return tuple(dict.fromkeys(there))

    def _index(self, step: CircuitInstruction) -> list[int]:
        return [self._qubit_of[q] for q in step.qubits]

    def _bit(self, qubit: int, program_bit: int) -> int:
        bits = self._bits[self._device[qubit]]
        if program_bit in bits:
            raise UnsupportedOperation(f"classical bit {program_bit} is written twice")
        bits.append(program_bit)
        return len(bits) - 1

    def _step(self, step: CircuitInstruction) -> None:
        qubits = self._index(step)
        there = dict.fromkeys(self._device[q] for q in qubits)
        if step.name == "pauli_channel":
            self._channel(step, qubits[0])
            return
        if step.name == "barrier":
            return
        if len(there) > 1:
            self._pair(step, qubits)
            return
        for qubit in qubits:
            self._fresh.pop(qubit, None)
        name = next(iter(there), None)
        if name is None:
            return
        places = [self._place[q] for q in qubits]
        if step.name == "measure":
            self.circuits[name].measure(places, [self._bit(qubits[0], self._clbit(step))])
        elif step.clbits:
            raise UnsupportedOperation(f"{step.name!r} reads or writes bits: across devices only measurements may")
        else:
            self.circuits[name].append(step.operation, places)

    def _clbit(self, step: CircuitInstruction) -> int:
        return int(self._program.circuit.find_bit(step.clbits[0]).index)

    def _pair(self, step: CircuitInstruction, qubits: list[int]) -> None:
        names = [self._program.nodes[q].name for q in qubits]
        if step.name != "bell_pair":
            raise UnsupportedOperation(
                f"{step.name!r} is between {' and '.join(names)}, on different devices: only a Bell pair may be"
            )
        number = len(self.cut)
        for side, qubit in zip(("left", "right"), qubits, strict=True):
            theta, phi = (Parameter(f"{side}_{number}_{name}") for name in ("theta", "phi"))
            circuit = self.circuits[self._device[qubit]]
            circuit.ry(theta, self._place[qubit])
            circuit.rz(phi, self._place[qubit])
            self._fresh[qubit] = number
        self.cut.append((names[0], names[1]))
        self.correlations.append((1.0, 1.0, 1.0))

    def _channel(self, step: CircuitInstruction, qubit: int) -> None:
        if qubit not in self._fresh:
            self.dropped += 1
            return
        x, y, z = map(float, step.operation.params)
        kept = (1 - 2 * (y + z), 1 - 2 * (x + z), 1 - 2 * (x + y))
        number = self._fresh[qubit]
        self.correlations[number] = tuple(t * k for t, k in zip(self.correlations[number], kept, strict=True))


def _named_devices(
    nodes: Sequence[str], devices: Mapping[str, BackendV2]
) -> tuple[dict[str, BackendV2], dict[str, str]]:
    """Devices by different names, and for each node the name of its own."""
    validation.instance("devices", devices, Mapping, "a mapping from names of nodes to backends")
    backends: dict[str, BackendV2] = {}
    device_of: dict[str, str] = {}
    for node in dict.fromkeys(nodes):
        if node not in devices:
            raise ValueError(f"devices must have one for each node, {node!r} has none")
        backend = (
            validation.instance(f"devices[{node!r}]", devices[node], BackendV2, "a BackendV2") or devices[node]
        )
        known = next((name for name, there in backends.items() if there is backend), None)
        if known is None:
            same = sum(there.name == backend.name for there in backends.values())
            known = backend.name if not same else f"{backend.name} ({same + 1})"
            backends[known] = backend
        device_of[node] = known
    return backends, device_of
