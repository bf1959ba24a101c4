"""Node programs as NetQASM, the assembly language of quantum network nodes.

A node's program is a list of *subroutines*: its quantum processor runs one, then its host receives and sends bits,
then the next one is run. A subroutine is cut before a message that it needs (a template in its text, as
``{from_b_0}``, that the host fills in) and after a measurement that others need. Qubits keep their states.

- Virtual qubits are the node's computing qubits, then its qubits for halves of pairs.
- Array ``@0`` has the node's classical bits; ``@1``, ``@2`` and ``@3`` serve requests of pairs: what came, where it
  goes, what is asked. Of two nodes the one that comes first in the network creates, the other receives.
- Rotations are n·π/2ᵈ with n below 256: any angle is told by up to four of them, to within 10⁻⁹.
- Pairs are taken to arrive in |Φ⁺⟩, with all corrections of the link done.

Reference:
    A. Dahlberg, B. van der Vecht et al., "NetQASM: a low-level instruction set architecture for hybrid
    quantum-classical programs in a quantum internet", Quantum Sci. Technol. 7, 035023 (2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

from qiskit import transpile
from qiskit.circuit import ClassicalRegister, Clbit, IfElseOp, QuantumCircuit
from qiskit.circuit.classical import expr

from quantumlink.distributed.node_programs import EbitRequest, Message, NodeProgram
from quantumlink.exact import UnsupportedOperation

BITS, CAME, PLACES, ASKED = range(4)
"""The addresses of arrays."""

FIELDS_OF_A_PAIR, FIELDS_OF_A_REQUEST = 10, 20
"""The lengths of what the network stack tells of a pair, and of what it is asked."""

PLAIN = {name: name for name in ("h", "x", "y", "z", "s", "t")} | {"cx": "cnot", "cz": "cphase"}
ROTATIONS = {"rx": "rot_x", "ry": "rot_y", "rz": "rot_z"}
STEP = 30
"""Angles are told in multiples of π/2³⁰."""


@dataclass(frozen=True)
class Subroutine:
    """What a node's quantum processor runs in one go."""

    text: str
    """The subroutine."""
    receives: tuple[str, ...]
    """Messages that must be there before, by the name of the template."""
    sends: tuple[tuple[Message, int], ...]
    """Messages that are told after it, each with its place in array ``@0``."""


class NetQASMProgram(str):
    """A node's program, to be read; its ``subroutines`` are what runs."""

    node: str
    """The node's name."""
    subroutines: tuple[Subroutine, ...]
    """In order."""


def netqasm_program(program: NodeProgram, nodes: Mapping[str, int]) -> NetQASMProgram:
    """One node's program.

    Args:
        program: as OpenQASM 3, with its circuit.
        nodes: the number of each node, by name.

    Raises:
        UnsupportedOperation: on what NetQASM does not have.
        ValueError: if parameters are not bound.
    """
    if program.circuit.parameters:
        names = ", ".join(p.name for p in program.circuit.parameters)
        raise ValueError(f"NetQASM has no free parameters; assign {names} before distributing")
    return _Writer(program, nodes).written()


class _Writer:
    def __init__(self, program: NodeProgram, nodes: Mapping[str, int]) -> None:
        self._program, self._nodes, self._circuit = program, nodes, program.circuit
        self._qubit = {q: i for i, q in enumerate(self._circuit.qubits)}
        self._bit = {b: i for i, b in enumerate(self._circuit.clbits)}
        self._subroutines: list[Subroutine] = []
        self._lines: list[str] = []
        self._has: set[str] = set()
        self._in_use: set[int] = set()
        self._labels = 0

    def written(self) -> NetQASMProgram:
        self._begin()
        for index, instruction in enumerate(self._circuit.data):
            if self._needed(instruction) - self._has:
                self._cut(())
                self._has |= self._needed(instruction)
            self._instruction(instruction, self._circuit)
            told = self._program.told_after.get(index, ())
            if told:
                self._cut(told)
        self._cut(())
        result = NetQASMProgram("\n\n".join(self._explained()))
        result.node, result.subroutines = self._program.node, tuple(self._subroutines)
        return result

    def _explained(self) -> Iterator[str]:
        for number, part in enumerate(self._subroutines):
            lines = [f"// {self._program.node}, subroutine {number}"]
            lines += [f"// needs {name}" for name in part.receives]
            sends = [f"// then tell {m.target}: {m.name} is @{BITS}[{place}]" for m, place in part.sends]
            yield "\n".join([*lines, part.text, *sends])

    def _begin(self) -> None:
        for qubit in range(self._circuit.num_qubits):
            if not self._holds_pairs(qubit):
                self._add(f"set Q0 {qubit}", "qalloc Q0", "init Q0")
        if self._bit:
            self._array(BITS, len(self._bit))
            for place in range(len(self._bit)):
                self._store(0, BITS, place)

    def _add(self, *lines: str) -> None:
        self._lines += lines

    def _array(self, address: int, length: int) -> None:
        self._add(f"set R0 {length}", f"array R0 @{address}")

    def _store(self, value: int, address: int, place: int) -> None:
        self._add(f"set R0 {value}", f"set R1 {place}", f"store R0 @{address}[R1]")

    def _cut(self, told: tuple[tuple[Message, int], ...]) -> None:
        if not self._lines:
            return
        if self._bit:
            self._add(f"ret_arr @{BITS}")
        text = "\n".join(["# NETQASM 1.0", "# APPID 0", *self._lines])
        receives = tuple(
            name for name in (v.name for v in self._circuit.iter_input_vars()) if f"{{{name}}}" in text
        )
        self._subroutines.append(Subroutine(text, receives, told))
        self._lines = []

    # Instructions.

    def _needed(self, instruction: Any) -> set[str]:
        """The messages that an instruction reads."""
        operation = instruction.operation
        if isinstance(operation, IfElseOp):
            condition = operation.condition
            return set() if isinstance(condition, tuple) else _messages(condition)
        return _messages(operation.rvalue) if instruction.name == "store" else set()

    def _instruction(self, instruction: Any, circuit: QuantumCircuit) -> None:
        operation, name = instruction.operation, instruction.name
        qubits = [self._qubit[q] for q in instruction.qubits]
        if name in ("barrier", "delay"):
            return
        if name == "box":
            self._pair(operation.annotations[0], qubits[0])
        elif name == "measure":
            place = self._bit[instruction.clbits[0]]
            self._add(f"set Q0 {qubits[0]}", "meas Q0 M0", f"set R1 {place}", f"store M0 @{BITS}[R1]")
        elif name == "reset":
            self._reset(qubits[0])
        elif name == "store":
            self._value(operation.rvalue, "R2")
            self._add(f"set R1 {self._bit[operation.lvalue.var]}", f"store R2 @{BITS}[R1]")
        elif isinstance(operation, IfElseOp):
            self._condition(instruction)
        else:
            self._gate(instruction, qubits)

    def _reset(self, qubit: int) -> None:
        """A qubit for pairs is given back, to be allocated by the next pair that arrives at it."""
        if not self._holds_pairs(qubit):
            self._add(f"set Q0 {qubit}", "init Q0")
        elif qubit in self._in_use:
            self._add(f"set Q0 {qubit}", "qfree Q0")
            self._in_use.discard(qubit)

    def _holds_pairs(self, qubit: int) -> bool:
        return bool(self._circuit.find_bit(self._circuit.qubits[qubit]).registers[0][0].name == "link")

    def _gate(self, instruction: Any, qubits: Sequence[int]) -> None:
        name = instruction.name
        if name in PLAIN:
            self._add(*(f"set Q{i} {q}" for i, q in enumerate(qubits)))
            self._add(" ".join([PLAIN[name], *(f"Q{i}" for i in range(len(qubits)))]))
        elif name in ROTATIONS:
            self._add(f"set Q0 {qubits[0]}")
            self._add(*(f"{ROTATIONS[name]} Q0 {n} {d}" for n, d in rotations(float(instruction.params[0]))))
        else:
            for inner, places in _smaller(instruction):
                self._gate(inner, [qubits[place] for place in places])

    def _pair(self, request: EbitRequest, qubit: int) -> None:
        own, other = self._nodes[self._program.node], self._nodes[request.partner]
        self._add(f"// pair {request.number} with {request.partner}")
        if qubit in self._in_use:
            self._add(f"set Q0 {qubit}", "qfree Q0")
        self._in_use.add(qubit)
        self._array(CAME, FIELDS_OF_A_PAIR)
        self._array(PLACES, 1)
        self._store(qubit, PLACES, 0)
        if own < other:
            self._array(ASKED, FIELDS_OF_A_REQUEST)
            self._store(0, ASKED, 0)  # to be kept
            self._store(1, ASKED, 1)  # one pair
            self._add(f"set R0 {other}", "set R1 0", f"set R2 {PLACES}", f"set R3 {ASKED}", f"set R4 {CAME}")
            self._add("create_epr R0 R1 R2 R3 R4")
        else:
            self._add(f"set R0 {other}", "set R1 0", f"set R2 {PLACES}", f"set R3 {CAME}", "recv_epr R0 R1 R2 R3")
        self._add("set R0 0", f"set R1 {FIELDS_OF_A_PAIR}", f"wait_all @{CAME}[R0:R1]")

    # Conditions.

    def _condition(self, instruction: Any) -> None:
        operation = instruction.operation
        self._value(_as_expression(operation.condition), "R2")
        number = self._labels
        self._labels += 1
        self._add(f"bez R2 ELSE{number}")
        self._block(operation.blocks[0], instruction)
        if len(operation.blocks) > 1:
            self._add(f"jmp END{number}", f"ELSE{number}:")
            self._block(operation.blocks[1], instruction)
            self._add(f"END{number}:")
        else:
            self._add(f"ELSE{number}:")
        self._add("set R0 0")  # a label needs an instruction after it

    def _block(self, block: QuantumCircuit, outer: Any) -> None:
        at = dict(zip(block.qubits, outer.qubits, strict=True))
        told = dict(zip(block.clbits, outer.clbits, strict=True))
        for inner in block.data:
            qubits, clbits = tuple(at[q] for q in inner.qubits), tuple(told[c] for c in inner.clbits)
            self._instruction(inner.replace(qubits=qubits, clbits=clbits), block)

    def _value(self, value: Any, register: str) -> None:
        """A condition's truth, as 0 or 1, in a register; deeper ones use the registers after it."""
        number = int(register[1:])
        if number > 14:
            raise UnsupportedOperation(f"the condition {value!r} is too deep for NetQASM's registers")
        if isinstance(value, expr.Var) and isinstance(value.var, Clbit):
            self._add(f"set R1 {self._bit[value.var]}", f"load {register} @{BITS}[R1]")
        elif isinstance(value, expr.Var) and value.name is not None:
            self._add(f"set {register} {{{value.name}}}")
        elif isinstance(value, expr.Value):
            self._add(f"set {register} {int(value.value)}")
        elif _compares_register(value):
            self._value(_as_expression((value.left.var, value.right.value)), register)
            if value.op.name == "NOT_EQUAL":
                self._add("set R0 1", f"sub {register} R0 {register}")
        elif isinstance(value, expr.Unary) and value.op.name in ("LOGIC_NOT", "BIT_NOT"):
            self._value(value.operand, register)
            self._add("set R0 1", f"sub {register} R0 {register}")
        elif isinstance(value, expr.Binary) and value.op.name in ("LOGIC_AND", "BIT_AND", "LOGIC_OR", "BIT_OR"):
            other = f"R{number + 1}"
            self._value(value.left, register)
            self._value(value.right, other)
            if value.op.name.endswith("AND"):
                self._both(register, other)
            else:
                for own in (register, other):
                    self._add("set R0 1", f"sub {own} R0 {own}")
                self._both(register, other)
                self._add("set R0 1", f"sub {register} R0 {register}")
        else:
            raise UnsupportedOperation(f"a condition on {value!r} is not told in NetQASM; use bits, not, and, or")

    def _both(self, register: str, other: str) -> None:
        number = self._labels
        self._labels += 1
        self._add(f"bnz {other} AND{number}", f"set {register} 0", f"AND{number}:", "set R0 0")


def _as_expression(condition: Any) -> Any:
    """A condition by bits alone."""
    if not isinstance(condition, tuple):
        return condition
    target, value = condition
    if not isinstance(target, ClassicalRegister):
        return expr.lift(target) if value else expr.logic_not(expr.lift(target))
    told: Any = None
    for i, bit in enumerate(target):
        one = expr.lift(bit) if int(value) >> i & 1 else expr.logic_not(expr.lift(bit))
        told = one if told is None else expr.logic_and(told, one)
    return told


def _compares_register(value: Any) -> bool:
    """Whether it is a register that is a number, or is not."""
    named = isinstance(value, expr.Binary) and value.op.name in ("EQUAL", "NOT_EQUAL")
    if not named or not isinstance(value.left, expr.Var) or not isinstance(value.right, expr.Value):
        return False
    return isinstance(value.left.var, ClassicalRegister)


def _messages(value: Any) -> set[str]:
    return {node.name for node in expr.iter_vars(value) if node.name is not None}


def _smaller(instruction: Any) -> list[tuple[Any, list[int]]]:
    """A gate by those that NetQASM has, each with its places."""
    alone = QuantumCircuit(len(instruction.qubits))
    alone.append(instruction.operation, alone.qubits)
    basis = [*PLAIN, *ROTATIONS]
    try:
        found = transpile(alone, basis_gates=basis, optimization_level=1, seed_transpiler=0)
    except Exception as error:
        raise UnsupportedOperation(f"{instruction.name!r} is not told by NetQASM's gates: {error}") from error
    return [(step, [found.find_bit(q).index for q in step.qubits]) for step in found.data if step.name != "barrier"]


def rotations(angle: float) -> list[tuple[int, int]]:
    """An angle as a sum of n·π/2ᵈ, each with 0 < n < 256.

    >>> rotations(3 * pi / 4), rotations(-pi / 2)
    ([(3, 2)], [(3, 1)])
    """
    left = round(angle / pi * 2**STEP) % 2 ** (STEP + 1)
    found = []
    shift = STEP - 6  # the first eight bits reach to 2π
    while left:
        shift = max(shift, 0)
        n, d = left >> shift, STEP - shift
        left -= n << shift
        if n:
            while n % 2 == 0 and d > 0:
                n, d = n // 2, d - 1
            found.append((n, d))
        shift -= 8
    return found


__all__ = ["NetQASMProgram", "Subroutine", "netqasm_program"]
