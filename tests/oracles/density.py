"""A dynamic, noisy circuit as one density matrix, without sampling: deferred measurement on Aer.

Written apart from the library's noise rewrite and its branch interpreter, to check both:

- a measurement copies a qubit into a record qubit (or, if the qubit is not used again, makes a record of the
  qubit itself) and sends it through the classical channel "0 is read as 1 with probability a, 1 as 0 with b";
- what stands in an `if_test` acts, noise included, within the projector on the records for which it holds;
- a gate is followed by Kraus operators of its node's depolarising channel, taken from `Processor` data;
- gates whose parameters are drawn at random are one channel, the weighted average of their products, as the
  depolarising noise after them commutes with every gate on the same qubit;
- heralds and frame are read from the diagonal of the record qubits.
"""

from dataclasses import dataclass, field
from functools import lru_cache, reduce
from itertools import product
from math import sqrt

import numpy as np
from qiskit.circuit import Clbit, IfElseOp, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UGate
from qiskit.quantum_info import Kraus, Operator
from qiskit_aer import AerSimulator

PAULIS = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}
BELL_VECTORS = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]) / sqrt(2)
"""Φ⁺, Φ⁻, Ψ⁺, Ψ⁻."""

CNOT = np.eye(4)[[0, 3, 2, 1]]
"""The first qubit, the least significant, controls."""

NEGLIGIBLE = 1e-12
"""Kraus operators below this, probabilities below 1e-24, are left out: Aer fails on denormal numbers."""

_IDEAL = ((1.0, 0.0), (0.0, 1.0))
_SKIPPED = {"barrier", "delay"}


@lru_cache(maxsize=4096)
def depolarizing(strength, num_qubits):
    """Kraus operators of ρ ↦ (1 − λ)ρ + λ·𝟙/2ⁿ."""
    share = strength / 4**num_qubits
    operators = []
    for letters in product("IXYZ", repeat=num_qubits):
        weight = share + (1 - strength if set(letters) == {"I"} else 0)
        operators.append(sqrt(weight) * reduce(np.kron, [PAULIS[letter] for letter in letters]))
    return operators


def pauli_channel(px, py, pz):
    """Kraus operators of the medium."""
    weights = {"I": 1 - px - py - pz, "X": px, "Y": py, "Z": pz}
    return [sqrt(max(weight, 0.0)) * PAULIS[letter] for letter, weight in weights.items()]


def readout(confusion):
    """Kraus operators |read⟩⟨true|·√P(read | true): they also forget the phase."""
    operators = []
    for true, read in product((0, 1), repeat=2):
        operator = np.zeros((2, 2))
        operator[read, true] = sqrt(confusion[true][read])
        operators.append(operator)
    return operators


@dataclass
class Deferred:
    """The static circuit, and where each classical bit's record is."""

    circuit: QuantumCircuit
    outputs: list[int]
    num_clbits: int
    record: dict[int, int] = field(default_factory=dict)

    def density_matrix(self):
        """The final state of all qubits, qubit 0 the least significant."""
        circuit = self.circuit.copy()
        circuit.save_density_matrix()
        # Fusion of Kraus operators errs, by as much as 1e-6 in rare cases (Aer 0.18).
        simulator = AerSimulator(method="density_matrix", max_parallel_threads=1, fusion_enable=False)
        return np.asarray(simulator.run(circuit, shots=1).result().data()["density_matrix"])

    def by_record(self):
        """For each record (clbit 0 first) the unnormalised state of the outputs, the first least significant."""
        outputs = self.outputs
        rho = self.density_matrix()
        n = self.circuit.num_qubits
        kept = [*self.record.values()]
        rest = [q for q in range(n) if q not in outputs and q not in kept]
        axes = [n - 1 - q for q in [*kept, *reversed(outputs), *rest]]  # Aer's first axis is the last qubit
        tensor = rho.reshape((2,) * (2 * n)).transpose([*axes, *(n + axis for axis in axes)])
        shape = (2 ** len(kept), 2 ** len(outputs), 2 ** len(rest))
        tensor = np.einsum("roxrpx->rop", tensor.reshape(*shape, *shape))
        found = {}
        for values, part in zip(product((0, 1), repeat=len(kept)), tensor, strict=True):
            bits = [0] * self.num_clbits
            for clbit, value in zip(self.record, values, strict=True):
                bits[clbit] = value
            found[tuple(bits)] = part
        return found


def deferred(circuit, outputs, nodes=None, random_settings=()):
    """Turn a dynamic circuit into a static one on qubits only.

    Args:
        circuit: measurements, `if_test`, resets, gates, Kraus and Pauli channels; each bit written once.
        outputs: the qubits whose final state is wanted.
        nodes: the node of each qubit, whose processor is noisy; ideal if None.
        random_settings: parameters with rows and weights, to be averaged; each gate depends on one of them.
    """
    return _Deferral(circuit, outputs, nodes, random_settings).result


class _Deferral:
    def __init__(self, circuit, outputs, nodes, random_settings):
        self.source, self.nodes = circuit, nodes
        self.setting_of = {p: setting for setting in random_settings for p in setting.parameters}
        owners = [self.owner(instruction.operation) for instruction in circuit.data]
        self.open = {id(s): (s, owners.count(s), []) for s in random_settings}
        reused = _measured_and_used_again(circuit, outputs)
        fresh = len(reused) + _measurements_in_blocks(circuit)
        self.fresh = iter(range(circuit.num_qubits, circuit.num_qubits + fresh))
        self.reused = reused
        out = QuantumCircuit(circuit.num_qubits + fresh)
        self.result = Deferred(out, list(outputs), circuit.num_clbits)
        qubits = {q: i for i, q in enumerate(circuit.qubits)}
        clbits = {c: i for i, c in enumerate(circuit.clbits)}
        for place, instruction in enumerate(circuit.data):
            self.step(instruction, qubits, clbits, [], place)
        assert not self.open, "a random setting without all its gates"

    def processor(self, qubit):
        return None if self.nodes is None else self.nodes[qubit].processor

    def step(self, instruction, qubit_of, clbit_of, conditions, place=None):
        operation, name = instruction.operation, instruction.name
        qubits = [qubit_of[q] for q in instruction.qubits]
        if name in _SKIPPED:
            return
        if isinstance(operation, IfElseOp):
            written = set(self.result.record)  # a bit that the block itself writes does not decide over it
            for block, wanted in zip(operation.blocks, (True, False), strict=False):
                inner_q = {q: qubit_of[o] for q, o in zip(block.qubits, instruction.qubits, strict=True)}
                inner_c = {c: clbit_of[o] for c, o in zip(block.clbits, instruction.clbits, strict=True)}
                for inner in block.data:
                    condition = (operation.condition, wanted, clbit_of, written)
                    self.step(inner, inner_q, inner_c, [*conditions, condition])
            return
        if name == "measure":
            self.measure(qubits[0], clbit_of[instruction.clbits[0]], conditions, place)
            return
        if name == "bell_pair":
            self.result.circuit.h(qubits[0])
            self.result.circuit.cx(*qubits)
            return
        setting = self.owner(operation)
        if name == "stated_pair":
            self.prepare(setting, operation, qubits)
            return
        if setting is not None:
            assert not conditions
            self.draw(setting, operation, qubits[0])
            return
        busy = {q for _, _, gates in self.open.values() for _, q in gates}
        assert not busy.intersection(qubits), "something stands between the gates of a random setting"
        self.channel(self.kraus(instruction, qubits), qubits, conditions)

    def kraus(self, instruction, qubits):
        operation, name = instruction.operation, instruction.name
        if name == "pauli_channel":
            return pauli_channel(*map(float, operation.params))
        if name == "reset":
            return [np.array([[1, 0], [0, 0]]), np.array([[0, 1], [0, 0]])]
        if name in ("kraus", "superop", "quantum_channel"):
            error = getattr(operation, "_quantum_error", operation)
            left, right = Kraus(error)._data
            assert right is None
            return left
        matrix = Operator(operation).data
        processor = self.processor(qubits[0])
        if processor is None:
            return [matrix]
        strength = {1: processor.depolarizing_1q, 2: processor.depolarizing_2q}[len(qubits)]
        return [k @ matrix for k in depolarizing(strength, len(qubits))] if strength else [matrix]

    def channel(self, kraus, qubits, conditions):
        """Kraus operators on qubits, where the conditions on the records hold."""
        kraus = [k for k in kraus if np.abs(k).max() > NEGLIGIBLE]
        if conditions:
            # A bit that has not been written is 0 and has no record.
            records = sorted({c for condition in conditions for c in _bits_of(condition) if c in condition[3]})
            yes = np.zeros(2 ** len(records))
            for index in range(2 ** len(records)):
                bits = {c: index >> i & 1 for i, c in enumerate(records)}
                yes[index] = all(
                    _holds(condition, {c: bits[c] if c in condition[3] else 0 for c in _bits_of(condition)})
                    == condition[1]
                    for condition in conditions
                )
            qubits = [*qubits, *(self.result.record[c] for c in records)]
            identity = np.eye(len(kraus[0]))
            otherwise = np.kron(np.diag(1 - yes), identity)
            if len(kraus) == 1:  # a unitary; the records hold no phases, so that the cases do not interfere
                kraus = [np.kron(np.diag(yes), kraus[0]) + otherwise]
            else:
                kraus = [*(np.kron(np.diag(yes), k) for k in kraus), otherwise]
            kraus = [k for k in kraus if np.abs(k).max() > NEGLIGIBLE]
        if len(kraus) == 1:
            self.result.circuit.unitary(kraus[0], qubits)
        else:
            self.result.circuit.append(Kraus(kraus).to_instruction(), qubits)

    def measure(self, qubit, clbit, conditions, place):
        assert clbit not in self.result.record, "each bit is written once"
        processor = self.processor(qubit)
        confusion = _IDEAL if processor is None else processor.confusion
        target = qubit
        if conditions or place in self.reused:
            target = next(self.fresh)
            self.channel([CNOT], [qubit, target], conditions)
        self.channel(readout(confusion), [target], conditions)
        self.result.record[clbit] = target

    def owner(self, operation):
        settings = {id(s): s for s in map(self.setting_of.get, _parameters(operation)) if s is not None}
        assert len(settings) <= 1
        return next(iter(settings.values()), None)

    def prepare(self, setting, operation, qubits):
        """A pair that arrives in one of several states at random, without the noise of any node."""
        rows, weights = ((), ()), (1.0,)
        if setting is not None:
            del self.open[id(setting)]
            rows, weights = setting.rows, setting.weights
        kraus = []
        for row, weight in zip(rows, weights, strict=False):
            values = {} if setting is None else dict(zip(setting.parameters, row, strict=True))
            angles = [
                float(p.bind({q: values[q] for q in p.parameters})) if values else float(p)
                for p in operation.params
            ]
            schmidt, left, right = angles[0], angles[1:4], angles[4:]
            local = np.kron(Operator(UGate(*right)).data, Operator(UGate(*left)).data)
            start = np.zeros((4, 4))
            start[0, 0], start[3, 0] = np.cos(schmidt / 2), np.sin(schmidt / 2)
            start[:, 1:] = np.linalg.svd(start[:, :1])[0][:, 1:]  # the qubits are in |00⟩: any unitary will do
            kraus.append(sqrt(weight) * local @ start)
        self.channel(kraus, qubits, [])

    def draw(self, setting, operation, qubit):
        """Collect the one-qubit gates of a random setting, and emit their average when all are there."""
        _, needed, gates = self.open[id(setting)]
        gates.append((operation, qubit))
        if len(gates) < needed:
            return
        del self.open[id(setting)]
        qubits = list(dict.fromkeys(q for _, q in gates))
        kraus = []
        for row, weight in zip(setting.rows, setting.weights, strict=True):
            values = dict(zip(setting.parameters, row, strict=True))
            product_of = dict.fromkeys(qubits, np.eye(2))
            for gate, q in gates:
                product_of[q] = _bound(gate, values) @ product_of[q]
            kraus.append(sqrt(weight) * reduce(np.kron, [product_of[q] for q in reversed(qubits)]))
        self.channel(kraus, qubits, [])
        for _, q in gates:
            processor = self.processor(q)
            if processor is not None and processor.depolarizing_1q:
                self.channel(depolarizing(processor.depolarizing_1q, 1), [q], [])


def program_state(program):
    """What a program's two ends hold when it is accepted, and how often that is.

    Returns:
        The normalised density matrix (left end least significant) and the success probability.
    """
    static = deferred(program.circuit, [*program.ends.values()], program.nodes, program.random_settings)
    total = np.zeros((4, 4), dtype=complex)
    for bits, part in static.by_record().items():
        if any(sum(bits[c] for c in herald) % 2 for herald in program.heralds):
            continue
        factors = []
        for end in program.ends:
            frame = program.frame.get(end)
            needs = (0, 0) if frame is None else tuple(sum(bits[c] for c in f) % 2 for f in (frame.x, frame.z))
            factors.append(PAULIS["X"] @ PAULIS["Z"] if needs == (1, 1) else PAULIS["IXZ"[needs[0] + 2 * needs[1]]])
        correction = np.kron(factors[1], factors[0])
        total += correction @ part @ correction.conj().T
    success = np.trace(total).real
    return total / success if success > 0 else total, success


def pauli_coefficients(rho, num_qubits):
    """Tr(P·ρ), shape (4,)·n: the least significant qubit is the first axis."""
    result = np.empty((4,) * num_qubits)
    for digits in product(range(4), repeat=num_qubits):
        matrix = reduce(np.kron, [PAULIS["IXYZ"[d]] for d in reversed(digits)], np.eye(1))
        result[digits] = np.trace(matrix @ rho).real
    return result


def truth_table(condition, clbit_of):
    """For which values of the bits that it reads (by index, ascending) a condition of `if_test` holds."""
    condition = (condition, True, clbit_of, ())
    read = sorted(set(_bits_of(condition)))
    rows = [dict(zip(read, row, strict=True)) for row in product((0, 1), repeat=len(read))]
    return tuple(read), tuple(_holds(condition, row) for row in rows)


def odd(bits):
    """The condition that an odd number of bits is set."""
    return (bits[0], 1) if len(bits) == 1 else reduce(expr.bit_xor, bits)


def _measured_and_used_again(circuit, outputs):
    """The places of measurements whose qubit is wanted later, so that they need a record of their own."""
    later, places = {circuit.qubits[q] for q in outputs}, set()
    for place in reversed(range(len(circuit.data))):
        instruction = circuit.data[place]
        if instruction.name in _SKIPPED:
            continue
        if instruction.name == "measure" and instruction.qubits[0] in later:
            places.add(place)
        later.update(instruction.qubits)
    return places


def _measurements_in_blocks(circuit):
    blocks = [b for x in circuit.data if isinstance(x.operation, IfElseOp) for b in x.operation.blocks]
    return sum(b.count_ops().get("measure", 0) + _measurements_in_blocks(b) for b in blocks)


def _parameters(operation):
    return {q for p in operation.params for q in getattr(p, "parameters", ())}


def _bound(gate, values):
    numbers = []
    for p in gate.params:
        mine = {q: values[q] for q in getattr(p, "parameters", ())}
        numbers.append(float(p.bind(mine)) if mine else float(p))
    return Operator(gate.base_class(*numbers)).data


def _bits_of(condition):
    test, _, clbit_of, _ = condition
    if isinstance(test, tuple):
        return [clbit_of[test[0]]] if isinstance(test[0], Clbit) else [clbit_of[c] for c in test[0]]
    bits = []
    for node in expr.iter_vars(test):
        bits.extend([clbit_of[node.var]] if isinstance(node.var, Clbit) else [clbit_of[c] for c in node.var])
    return bits


def _holds(condition, bits):
    test, _, clbit_of, _ = condition

    def number(target):
        if isinstance(target, Clbit):
            return bits[clbit_of[target]]
        return sum(bits[clbit_of[c]] << i for i, c in enumerate(target))

    def value(node):
        match node:
            case expr.Var():
                return number(node.var)
            case expr.Value():
                return int(node.value)
            case expr.Binary():
                left, right = value(node.left), value(node.right)
                table = {"BIT_XOR": left ^ right, "BIT_AND": left & right, "BIT_OR": left | right}
                table |= {"EQUAL": left == right, "LOGIC_AND": left and right, "LESS": left < right}
                return int(table[node.op.name])
            case expr.Unary():
                assert node.op.name == "LOGIC_NOT"
                return int(not value(node.operand))
        raise AssertionError(f"the oracle does not read {node!r}")

    if isinstance(test, tuple):
        return number(test[0]) == int(test[1])
    return bool(value(test))
