"""Random dynamic circuits of everything that an engine may claim to take, drawn from a `random.Random`.

Few qubits and few bits, so that `oracles.dynamic_circuits` can enumerate them, but every habit of people who write
circuits: bits in registers that overlap, stand reversed, leave gaps, are empty or absent, or are longer than a
machine word; composites; conditions in each of their forms; blocks within blocks; loops that end.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
from qiskit.circuit import ClassicalRegister, Clbit, Instruction, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_unitary

import quantumlink as ql
from quantumlink.circuits import PauliChannel
from quantumlink.program import Frame, Program

CLIFFORD_1Q = ("h", "s", "sdg", "x", "y", "z", "sx", "id")
CLIFFORD_2Q = ("cx", "cz", "swap", "cy", "iswap")


@dataclass(frozen=True)
class Palette:
    """What may stand in a circuit."""

    clifford: bool = False
    """Clifford gates only."""
    noise: bool = True
    """Pauli channels in between."""
    conditional: tuple[str, ...] = ("x", "y", "z")
    """What conditional blocks may hold: names of gates, or measure, reset, gate, block."""
    loops: bool = False
    """for, while and switch."""
    variables: bool = False
    """Classical variables and ``store``."""
    composites: bool = True
    """Instructions that are circuits."""
    simple_conditions: bool = False
    """Only one bit's value or the parity of some bits."""
    measure_once: bool = False
    """No bit is written twice."""


FRAMES = Palette(clifford=True, simple_conditions=True, measure_once=True)
"""What a Pauli frame can follow, mostly."""
DEFERRABLE = Palette(conditional=("gate",), noise=False)
EVERYTHING = Palette(conditional=("gate", "measure", "reset", "block"), loops=True, variables=True)
WITHOUT_VARIABLES = Palette(conditional=("gate", "measure", "reset", "block"), loops=True)
CLIFFORD = Palette(clifford=True, conditional=("gate", "measure", "reset", "block"), loops=True)


def random_program(rng: Random, palette: Palette) -> Program:
    """A program of two ends, with heralds and frame of its own, around a random circuit."""
    circuit = random_circuit(rng, palette, qubits=rng.randint(2, 4))
    ends = dict(zip(("alice", "bob"), rng.sample(range(circuit.num_qubits), 2), strict=True))
    nodes = (ql.Node("laboratory"),) * circuit.num_qubits  # gates across nodes are refused under noise
    written = _written(circuit)

    def parity() -> tuple[int, ...]:
        return tuple(sorted(rng.sample(written, rng.randint(1, len(written))))) if written else ()

    heralds = tuple(parity() for _ in range(rng.choice((0, 0, 1, 2))) if written)
    frame = {name: Frame(parity(), parity() if rng.random() < 0.5 else ()) for name in ends if rng.random() < 0.4}
    return Program(circuit, ends, nodes, heralds, frame)


def random_circuit(rng: Random, palette: Palette, qubits: int, bits: int | None = None) -> QuantumCircuit:
    """One circuit; its bits may stand in any registers, or in none."""
    bits = rng.randint(1, 4) if bits is None else bits
    circuit = QuantumCircuit(*_quantum(rng, qubits))
    own = [Clbit() for _ in range(bits)]
    _add_classical(rng, circuit, own)
    writer = _Writer(rng, palette, own)
    for qubit in circuit.qubits:  # or most measurements would find 0
        if rng.random() < 0.8:
            circuit.h(qubit)
            writer._gate(circuit, list(circuit.qubits), depth=0)
    for _ in range(rng.randint(5, 12)):
        writer.step(circuit, list(circuit.qubits), depth=0)
    return circuit


def _quantum(rng: Random, qubits: int) -> list[object]:
    if rng.random() < 0.5:
        return [QuantumRegister(qubits, "q")]
    loose = [Qubit() for _ in range(qubits)]
    return [loose]


def _add_classical(rng: Random, circuit: QuantumCircuit, bits: list[Clbit]) -> None:
    kind = rng.choice(("one", "loose", "reversed", "overlapping", "gaps", "long", "several", "aliased"))
    order = list(bits)
    if kind in ("loose", "gaps", "overlapping"):
        rng.shuffle(order)
        circuit.add_bits(order)
    if kind == "one":
        circuit.add_register(ClassicalRegister(bits=bits, name="c"))
    elif kind == "reversed":
        circuit.add_bits(bits)
        circuit.add_register(ClassicalRegister(bits=bits[::-1], name="backwards"))
    elif kind == "overlapping":
        for i in range(rng.randint(1, 3)):
            chosen = rng.sample(bits, rng.randint(1, len(bits)))
            circuit.add_register(ClassicalRegister(bits=chosen, name=f"part{i}"))
    elif kind == "gaps":
        circuit.add_register(ClassicalRegister(bits=rng.sample(bits, rng.randint(1, len(bits))), name="some"))
        circuit.add_register(ClassicalRegister(0, "empty"))
    elif kind == "long":
        circuit.add_register(ClassicalRegister(rng.choice((61, 64, 70)), "unused"))
        circuit.add_register(ClassicalRegister(bits=bits, name="c"))
    elif kind == "several":
        for i, bit in enumerate(bits):
            circuit.add_register(ClassicalRegister(bits=[bit], name=rng.choice(("m", "ends", "meas")) + str(i)))
    elif kind == "aliased":
        circuit.add_register(ClassicalRegister(bits=bits, name="c"))
        circuit.add_register(ClassicalRegister(bits=[rng.choice(bits)], name="alias"))


def _written(circuit: QuantumCircuit) -> list[int]:
    """Bits that something at the top writes: heralds and frames read these."""
    return sorted(
        {
            circuit.find_bit(bit).index
            for instruction in circuit.data
            if "measure" in instruction.name
            for bit in instruction.clbits
        }
    )


class _Writer:
    def __init__(self, rng: Random, palette: Palette, bits: list[Clbit]) -> None:
        self.rng, self.palette, self.bits = rng, palette, bits
        self.unwritten = list(bits)

    def step(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        kinds = ["gate"] * 5 + ["measure"] * 5 + ["if"] * 4 + ["reset", "barrier"]
        kinds += ["channel"] * self.palette.noise + ["composite"] * self.palette.composites
        kinds += ["switch", "for", "while"] * self.palette.loops + ["store"] * self.palette.variables
        getattr(self, "_" + self.rng.choice(kinds))(circuit, qubits, depth)

    def _gate(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        rng = self.rng
        two = len(qubits) > 1 and rng.random() < 0.5
        if self.palette.clifford or rng.random() < 0.5:
            name = rng.choice(CLIFFORD_2Q if two else CLIFFORD_1Q)
            getattr(circuit, name)(*rng.sample(qubits, 1 + two))
        elif two:
            circuit.append(UnitaryGate(random_unitary(4, seed=rng.randint(0, 10**6))), rng.sample(qubits, 2))
        else:
            circuit.u(*(rng.uniform(0, 2 * np.pi) for _ in range(3)), rng.choice(qubits))

    def _measure(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        choices = self.unwritten if self.palette.measure_once else self.bits
        if not choices:
            return
        bit = self.rng.choice(choices)
        if bit in self.unwritten:
            self.unwritten.remove(bit)
        circuit.measure(self.rng.choice(qubits), bit)

    def _reset(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        circuit.reset(self.rng.choice(qubits))

    def _barrier(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        circuit.barrier(self.rng.sample(qubits, self.rng.randint(1, len(qubits))))

    def _channel(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        rates = [self.rng.uniform(0, 0.3) for _ in range(3)]
        circuit.append(PauliChannel(*rates), [self.rng.choice(qubits)])

    def _composite(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        if depth > 0:
            return
        rng = self.rng
        width, bits = rng.randint(1, min(2, len(qubits))), rng.randint(0, min(2, len(self.bits)))
        inner = QuantumCircuit(width, bits)
        writer = _Writer(rng, self.palette, list(inner.clbits))
        for _ in range(rng.randint(1, 3)):
            writer._plain(inner, list(inner.qubits), bits > 0)
        instruction = Instruction(f"part{rng.randint(0, 99)}", width, bits, [])
        instruction.definition = inner
        outer = self.unwritten if self.palette.measure_once else self.bits
        if len(outer) < bits:
            return
        chosen = rng.sample(outer, bits)
        self.unwritten = [bit for bit in self.unwritten if bit not in chosen]
        circuit.append(instruction, rng.sample(qubits, width), chosen)

    def _plain(self, circuit: QuantumCircuit, qubits: list[Qubit], measured: bool) -> None:
        kind = self.rng.choice(("gate", "gate", "measure", "reset", "if"))
        if kind in ("measure", "if") and not measured:
            kind = "gate"
        getattr(self, "_" + kind)(circuit, qubits, 1)

    # ------------------------------------------------------------------------------------- conditions, blocks

    def _condition(self, circuit: QuantumCircuit):
        """Some condition on the circuit's bits, in one of its forms."""
        rng, known = self.rng, [bit for bit in self.bits if bit in circuit.clbits]
        bit, other = rng.choice(known), rng.choice(known)
        simple = [
            (bit, 1),
            expr.lift(bit),
            expr.bit_xor(bit, other),
            expr.equal(expr.lift(bit), expr.lift(True)),
            (bit, True),
        ]
        if self.palette.simple_conditions:
            return rng.choice(simple)
        more = [
            (bit, 0),
            expr.logic_not(bit),
            expr.bit_not(bit),
            expr.logic_or(bit, other),
            expr.bit_and(bit, other),
            expr.not_equal(expr.lift(bit), expr.lift(other)),
        ]
        registers = [r for r in circuit.cregs if 0 < len(r) <= 4 and all(b in circuit.clbits for b in r)]
        for register in registers:
            value = rng.randint(0, 2 ** len(register) - 1)
            more += [
                (register, value),
                expr.less(register, expr.lift(value, types.Uint(len(register)))),
                expr.equal(expr.bit_not(register), expr.lift(value, types.Uint(len(register)))),
            ]
        return rng.choice(simple + more)

    def _if(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        if not self.bits:
            return
        condition = self._condition(circuit)
        with circuit.if_test(condition) as otherwise:
            self._block(circuit, qubits, depth)
        if not self.palette.simple_conditions and self.rng.random() < 0.3:
            with otherwise:
                self._block(circuit, qubits, depth)

    def _block(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        rng = self.rng
        for _ in range(rng.choice((0, 1, 1, 2))):
            kind = rng.choice(self.palette.conditional)
            if kind == "block":
                if depth < 2:
                    self._if(circuit, qubits, depth + 1)
            elif kind == "gate":
                self._gate(circuit, qubits, depth + 1)
            elif kind in ("measure", "reset"):
                getattr(self, "_" + kind)(circuit, qubits, depth + 1)
            else:
                getattr(circuit, kind)(rng.choice(qubits))

    def _switch(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        rng = self.rng
        registers = [r for r in circuit.cregs if 0 < len(r) <= 3 and all(b in circuit.clbits for b in r)]
        if depth or not registers:
            return
        target = rng.choice(registers)
        with circuit.switch(target) as case:
            values = list(range(2 ** len(target)))
            rng.shuffle(values)
            with case(*values[:2]):
                self._block(circuit, qubits, depth + 1)
            if rng.random() < 0.5:
                with case(case.DEFAULT):
                    self._block(circuit, qubits, depth + 1)

    def _for(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        if depth:
            return
        with circuit.for_loop(range(self.rng.randint(0, 3))):
            self._gate(circuit, qubits, depth + 1)
            self._block(circuit, qubits, depth + 1)
            if self.rng.random() < 0.3:
                with circuit.if_test((self.rng.choice(self.bits), 1)):
                    circuit.break_loop() if self.rng.random() < 0.5 else circuit.continue_loop()
            self._gate(circuit, qubits, depth + 1)

    def _while(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        """A loop that ends after its first or second round."""
        if depth:
            return
        rng = self.rng
        bit, qubit = rng.choice(self.bits), rng.choice(qubits)
        with circuit.while_loop((bit, 1)):
            self._gate(circuit, qubits, depth + 1)
            circuit.measure(qubit, bit)
            with circuit.if_test((bit, 1)):
                circuit.x(qubit)
            circuit.measure(qubit, bit)

    def _store(self, circuit: QuantumCircuit, qubits: list[Qubit], depth: int) -> None:
        if depth:
            return
        rng, bit = self.rng, self.rng.choice(self.bits)
        name = f"v{len(list(circuit.iter_declared_vars()))}"
        if rng.random() < 0.5:
            variable = circuit.add_var(name, expr.lift(bit))
            circuit.store(variable, expr.logic_not(variable))
            condition = variable
        else:
            variable = circuit.add_var(name, expr.cast(expr.lift(bit), types.Uint(3)))
            circuit.store(variable, expr.bit_or(variable, expr.lift(rng.randint(0, 7), types.Uint(3))))
            condition = expr.less(variable, expr.lift(rng.randint(0, 7), types.Uint(3)))
        with circuit.if_test(condition):
            self._gate(circuit, qubits, depth + 1)
