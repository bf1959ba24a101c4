"""Any small dynamic circuit, enumerated: each classical history with the density matrix that it leaves.

Written apart from the library's interpreter, its rewrites and its engines, to check all three. Density matrices of
all qubits, one product after the other; nothing is cached, shared, deferred or forgotten. Slow, and plain:

- what is classical is a pair: the values of the circuit's bits by their index, and of its variables by identity;
- a register is read through its own bits, whatever else stands in the circuit; an operation that is not known is
  followed through its definition, step by step, its bits told by position;
- a block ends normally, with ``break`` or with ``continue``: three sets of histories come out of it.

Classical expressions are evaluated in their stated types: unsigned integers wrap at their width, booleans are
Python's, floats are floats.
"""

from collections import defaultdict

import numpy as np
from qiskit.circuit import (
    AnnotatedOperation,
    BoxOp,
    BreakLoopOp,
    ClassicalRegister,
    Clbit,
    ContinueLoopOp,
    ForLoopOp,
    Gate,
    IfElseOp,
    QuantumCircuit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.controlflow import CASE_DEFAULT
from qiskit.quantum_info import Clifford, Operator, SuperOp

MAX_ROUNDS = 64
"""Most rounds of a ``while`` loop; what is still inside after them is an error."""

NEGLIGIBLE = 1e-15

_PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_MEASURES = {"measure", "measure_2", "measure_reset"}
_RESETS = {"reset", "reset_2"}
_NOTHING = {"barrier", "delay"}


def histories(circuit: QuantumCircuit, state: np.ndarray | None = None) -> dict[tuple[int, ...], np.ndarray]:
    """Each record of the classical bits with the unnormalised density matrix of all qubits that goes with it.

    Bits by their index in the circuit, bit 0 first; matrices little-endian, from |0…0⟩ unless a state is given.
    """
    size = 2**circuit.num_qubits
    if state is None:
        state = np.zeros((size, size), dtype=complex)
        state[0, 0] = 1
    run = _Run(circuit)
    start = {((0,) * circuit.num_clbits, ()): np.asarray(state, dtype=complex)}
    normal, _, _ = run.steps(circuit, start, range(circuit.num_qubits), range(circuit.num_clbits))
    records: dict = defaultdict(lambda: 0)
    for (bits, _), matrix in normal.items():
        records[bits] = records[bits] + matrix
    return dict(records)


def probabilities(circuit: QuantumCircuit) -> dict[tuple[int, ...], float]:
    """The probability of each record of the classical bits, bit 0 first."""
    return {bits: float(np.trace(matrix).real) for bits, matrix in histories(circuit).items()}


class _Run:
    def __init__(self, circuit):
        self.n = circuit.num_qubits

    def steps(self, block, states, qubits, clbits):
        """What leaves a block normally, by break and by continue."""
        qubit = dict(zip(block.qubits, qubits, strict=True))
        clbit = dict(zip(block.clbits, clbits, strict=True))
        broken, continued = {}, {}
        for instruction in block.data:
            operation = instruction.operation
            if isinstance(operation, BreakLoopOp):
                return {}, _plus(broken, states), continued
            if isinstance(operation, ContinueLoopOp):
                return {}, broken, _plus(continued, states)
            where = [qubit[q] for q in instruction.qubits]
            bits = [clbit[c] for c in instruction.clbits]
            states, more_broken, more_continued = self.step(operation, states, where, bits, clbit)
            broken, continued = _plus(broken, more_broken), _plus(continued, more_continued)
        return states, broken, continued

    def step(self, operation, states, qubits, bits, clbit):
        name = operation.name
        if name in _NOTHING:
            return states, {}, {}
        if name in _MEASURES:
            after = self.measured(states, qubits[0], bits[0])
            return (self.cleared(after, qubits[0]) if name == "measure_reset" else after), {}, {}
        if name in _RESETS:
            return self.cleared(states, qubits[0]), {}, {}
        if isinstance(operation, Store):
            return _stored(operation, states, clbit), {}, {}
        if isinstance(operation, IfElseOp):
            return self.if_else(operation, states, qubits, bits, clbit)
        if isinstance(operation, SwitchCaseOp):
            return self.switch(operation, states, qubits, bits, clbit)
        if isinstance(operation, ForLoopOp):
            return self.for_loop(operation, states, qubits, bits)
        if isinstance(operation, WhileLoopOp):
            return self.while_loop(operation, states, qubits, bits, clbit)
        if isinstance(operation, BoxOp):
            return self.steps(operation.blocks[0], states, qubits, bits)
        superoperator = None if bits else _superoperator(operation)
        if superoperator is not None:
            return {key: self.acted(matrix, superoperator, qubits) for key, matrix in states.items()}, {}, {}
        return self.steps(operation.definition, states, qubits, bits)

    def acted(self, matrix, superoperator, qubits):
        """ρ ↦ Σ S ρ: a superoperator [out row, out column, in row, in column] on some of the qubits."""
        n, k = self.n, len(qubits)
        # Axis of qubit q: the most significant bit is the first axis. Rows, then columns.
        rows = [n - 1 - q for q in reversed(qubits)]
        axes = rows + [n + row for row in rows]
        tensor = superoperator.reshape((2,) * (4 * k))
        moved = np.tensordot(tensor, matrix.reshape((2,) * (2 * n)), axes=(range(2 * k, 4 * k), axes))
        return np.moveaxis(moved, range(2 * k), axes).reshape(matrix.shape)

    def measured(self, states, qubit, bit):
        found = {}
        for (bits, variables), matrix in states.items():
            for value in (0, 1):
                kept = (np.arange(2**self.n) >> qubit & 1) == value
                part = matrix * np.outer(kept, kept)
                if np.trace(part).real > NEGLIGIBLE:
                    told = (*bits[:bit], value, *bits[bit + 1 :])
                    found = _plus(found, {(told, variables): part})
        return found

    def cleared(self, states, qubit):
        to_zero = np.zeros((2, 2, 2, 2))
        to_zero[0, 0, 0, 0] = to_zero[0, 0, 1, 1] = 1
        return {key: self.acted(matrix, to_zero, [qubit]) for key, matrix in states.items()}

    def if_else(self, operation, states, qubits, bits, clbit):
        branches = [{}, {}]
        for key, matrix in states.items():
            branches[0 if _holds(operation.condition, key, clbit) else 1][key] = matrix
        outcome = ({}, {}, {})
        for states_of, block in zip(branches, [*operation.blocks, None][:2], strict=True):
            left = (states_of, {}, {}) if block is None else self.steps(block, states_of, qubits, bits)
            outcome = tuple(_plus(a, b) for a, b in zip(outcome, left, strict=True))
        return outcome

    def switch(self, operation, states, qubits, bits, clbit):
        outcome = ({}, {}, {})
        for key, matrix in states.items():
            target = operation.target
            if isinstance(target, Clbit | ClassicalRegister):
                value = _read(target, key, clbit)
            else:
                value = _value(target, key, clbit)
            chosen = None
            for labels, block in operation.cases_specifier():
                if CASE_DEFAULT in labels or any(int(label) == int(value) for label in labels):
                    chosen = block
                    break
            one = {key: matrix}
            left = (one, {}, {}) if chosen is None else self.steps(chosen, one, qubits, bits)
            outcome = tuple(_plus(a, b) for a, b in zip(outcome, left, strict=True))
        return outcome

    def for_loop(self, operation, states, qubits, bits):
        values, parameter, body = operation.params
        done = {}
        for value in values:
            block = body if parameter is None else body.assign_parameters({parameter: value}, strict=False)
            states, broken, continued = self.steps(block, states, qubits, bits)
            done, states = _plus(done, broken), _plus(states, continued)
        return _plus(done, states), {}, {}

    def while_loop(self, operation, states, qubits, bits, clbit):
        done = {}
        for _ in range(MAX_ROUNDS):
            inside = {}
            for key, matrix in states.items():
                if _holds(operation.condition, key, clbit):
                    inside[key] = matrix
                else:
                    done = _plus(done, {key: matrix})
            if not inside:
                return done, {}, {}
            states, broken, continued = self.steps(operation.blocks[0], inside, qubits, bits)
            done, states = _plus(done, broken), _plus(states, continued)
        raise RuntimeError(f"a while loop has not ended after {MAX_ROUNDS} rounds")


def _plus(first, second):
    total = dict(first)
    for key, matrix in second.items():
        total[key] = total[key] + matrix if key in total else matrix
    return total


def _superoperator(operation):
    """[out row, out column, in row, in column], each index a number of the operation's qubits, little-endian."""
    if operation.name == "pauli_channel":
        px, py, pz = map(float, operation.params)
        weights = [1 - px - py - pz, px, py, pz]
        return sum(
            w * np.einsum("ij,kl->ikjl", pauli, pauli.conj()) for w, pauli in zip(weights, _PAULIS, strict=True)
        )
    if isinstance(operation, Gate | Clifford | AnnotatedOperation):
        unitary = Operator(operation).data
        return np.einsum("ij,kl->ikjl", unitary, unitary.conj())
    error = getattr(operation, "_quantum_error", None)
    if error is not None or operation.name in {"kraus", "superop"}:
        data = SuperOp(operation if error is None else error).data
        size = round(data.shape[0] ** 0.5)
        return data.reshape((size,) * 4).transpose(1, 0, 3, 2)  # columns are stacked
    return None


# ------------------------------------------------------------------------------------------------ classical


def _holds(condition, key, clbit):
    if isinstance(condition, tuple):
        target, wanted = condition
        return _read(target, key, clbit) == int(wanted)
    return bool(_value(condition, key, clbit))


def _read(target, key, clbit):
    bits, _ = key
    if isinstance(target, Clbit):
        return bits[clbit[target]]
    return sum(bits[clbit[bit]] << place for place, bit in enumerate(target))


def _stored(operation, states, clbit):
    stored = {}
    for key, matrix in states.items():
        value = _value(operation.rvalue, key, clbit)
        bits, variables = key
        target = operation.lvalue.var if isinstance(operation.lvalue, expr.Var) else None
        if isinstance(target, Clbit):
            place = clbit[target]
            bits = (*bits[:place], int(value), *bits[place + 1 :])
        elif isinstance(target, ClassicalRegister):
            changed = list(bits)
            for i, bit in enumerate(target):
                changed[clbit[bit]] = int(value) >> i & 1
            bits = tuple(changed)
        else:
            variables = tuple(sorted({**dict(variables), str(target): value}.items()))
        stored = _plus(stored, {(bits, variables): matrix})
    return stored


def _value(node, key, clbit):
    if isinstance(node, expr.Var):
        if isinstance(node.var, Clbit | ClassicalRegister):
            return _typed(_read(node.var, key, clbit), node.type)
        return dict(key[1])[str(node.var)]
    if isinstance(node, expr.Value):
        return _typed(node.value, node.type)
    if isinstance(node, expr.Cast):
        return _typed(_value(node.operand, key, clbit), node.type)
    if isinstance(node, expr.Index):
        target, index = _value(node.target, key, clbit), _value(node.index, key, clbit)
        return bool(target >> index & 1)
    if isinstance(node, expr.Unary):
        value = _value(node.operand, key, clbit)
        name = node.op.name
        if name == "LOGIC_NOT":
            return not value
        if name == "BIT_NOT":
            return not value if isinstance(node.type, types.Bool) else _typed(~value, node.type)
        if name == "NEGATE":
            return _typed(-value, node.type)
    if isinstance(node, expr.Binary):
        left, right = _value(node.left, key, clbit), _value(node.right, key, clbit)
        return _typed(_BINARY[node.op.name](left, right), node.type)
    raise NotImplementedError(f"{node!r}")


def _typed(value, kind):
    if isinstance(kind, types.Bool):
        return bool(value)
    if isinstance(kind, types.Uint):
        return int(value) % 2**kind.width
    if isinstance(kind, types.Float):
        return float(value)
    raise NotImplementedError(f"{kind!r}")


_BINARY = {
    "BIT_AND": lambda a, b: a & b,
    "BIT_OR": lambda a, b: a | b,
    "BIT_XOR": lambda a, b: a ^ b,
    "LOGIC_AND": lambda a, b: a and b,
    "LOGIC_OR": lambda a, b: a or b,
    "EQUAL": lambda a, b: a == b,
    "NOT_EQUAL": lambda a, b: a != b,
    "LESS": lambda a, b: a < b,
    "LESS_EQUAL": lambda a, b: a <= b,
    "GREATER": lambda a, b: a > b,
    "GREATER_EQUAL": lambda a, b: a >= b,
    "SHIFT_LEFT": lambda a, b: a << b,
    "SHIFT_RIGHT": lambda a, b: a >> b,
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b if isinstance(a, float) else a // b,
}


# -------------------------------------------------------------------------------------------------- programs


def delivered(program) -> np.ndarray:
    """The accepted, corrected, unnormalised state of a program's two ends, shape (4, 4), the left end's bit lowest.

    Averaged over its random settings, by all their rows.
    """
    total = np.zeros((4, 4), dtype=complex)
    for weight, circuit in _settings(program.circuit, program.random_settings):
        for bits, matrix in histories(circuit).items():
            if any(sum(bits[i] for i in herald) % 2 for herald in program.heralds):
                continue
            pair = _reduced(matrix, list(program.ends.values()), circuit.num_qubits)
            for place, end in enumerate(program.ends):
                frame = program.frame.get(end)
                x = sum(bits[i] for i in frame.x) % 2 if frame else 0
                z = sum(bits[i] for i in frame.z) % 2 if frame else 0
                pauli = np.linalg.matrix_power(_PAULIS[1], x) @ np.linalg.matrix_power(_PAULIS[3], z)
                whole = np.kron(np.eye(2), pauli) if place == 0 else np.kron(pauli, np.eye(2))
                pair = whole @ pair @ whole.conj().T
            total += weight * pair
    return total


def _settings(circuit, settings):
    if not settings:
        yield 1.0, circuit
        return
    first, *others = settings
    for weight, row in zip(first.weights, first.rows, strict=True):
        bound = circuit.assign_parameters(dict(zip(first.parameters, row, strict=True)), strict=False)
        for more, complete in _settings(bound, others):
            yield weight * more, complete


def _reduced(matrix, kept, n):
    """The state of some qubits, the first one's bit lowest."""
    rows = [n - 1 - q for q in reversed(kept)]
    others = [axis for axis in range(n) if axis not in rows]
    tensor = matrix.reshape((2,) * (2 * n)).transpose(
        [*rows, *others, *(n + a for a in rows), *(n + a for a in others)]
    )
    size, rest = 2 ** len(kept), 2 ** (n - len(kept))
    return np.einsum("abcb->ac", tensor.reshape(size, rest, size, rest))
