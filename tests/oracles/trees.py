"""A link's tree as density matrices, gate by gate and branch by branch: plain numpy, apart from the library's maps.

States are tensors with an axis of 2 for each qubit, then as many again; a branch is told by the bits it read.
"""

from functools import reduce
from itertools import product

import numpy as np
from oracles.density import depolarizing
from qiskit.circuit import Clbit, IfElseOp
from qiskit.quantum_info import Operator

ZERO = np.diag([1.0, 0.0])


def state_of_tree(link):
    """The normalized density matrix, the first end least significant, and the probability of success."""
    if not link.children:
        return np.asarray(link.state.data), 1.0
    below = [state_of_tree(child) for child in link.links]
    found, accepted = operated(link.operation, [rho for rho, _ in below], [node.processor for node in link.nodes])
    return found / accepted, accepted * np.prod([success for _, success in below])


def operated(operation, states, processors):
    """What an operation makes of states, and how probably: all branches of its circuit that its heralds accept."""
    circuit, n = operation.circuit, operation.circuit.num_qubits
    order = [q for qubits in operation.inputs for q in qubits]
    fresh = [q for q in range(n) if q not in order]
    rho = reduce(np.kron, [*(ZERO for _ in fresh), *reversed(states)])  # the last factor is the least significant
    axes = [*reversed(fresh), *reversed(order)]
    tensor = rho.reshape((2,) * (2 * n)).transpose(np.argsort([*axes, *(n + q for q in axes)]))
    at = [processors[site] for site in operation.site_of_qubit]
    branches = {(0,) * circuit.num_clbits: tensor}
    qubits = {q: i for i, q in enumerate(circuit.qubits)}
    clbits = {c: i for i, c in enumerate(circuit.clbits)}
    branches = run(circuit, qubits, clbits, at, branches)
    total = 0
    for bits, part in branches.items():
        even = all(sum(bits[c] for c in herald) % 2 == 0 for herald in operation.heralds)
        odd = all(sum(bits[c] for c in herald) % 2 == 1 for herald in operation.odd_heralds)
        if even and odd:
            total = total + part
    outputs = list(operation.outputs)
    rest = [q for q in range(n) if q not in outputs]
    axes = [*reversed(outputs), *rest]
    size = 2 ** len(outputs)
    square = total.transpose([*axes, *(n + q for q in axes)]).reshape(size, 2 ** len(rest), size, 2 ** len(rest))
    found = operation.success_probability * np.einsum("axbx->ab", square)
    return found, np.trace(found).real


def run(circuit, qubit_of, clbit_of, processors, branches):
    for instruction in circuit.data:
        operation, name = instruction.operation, instruction.name
        qubits = [qubit_of[q] for q in instruction.qubits]
        if name == "barrier":
            continue
        if isinstance(operation, IfElseOp):
            bit, value = operation.condition
            assert isinstance(bit, Clbit)
            split = {True: {}, False: {}}
            for bits, part in branches.items():
                split[bits[clbit_of[bit]] == value][bits] = part
            branches = {}
            for holds, block in zip((True, False), (*operation.blocks, None), strict=False):
                mine = split[holds]
                if block is not None and mine:
                    inner_q = {q: qubit_of[o] for q, o in zip(block.qubits, instruction.qubits, strict=True)}
                    inner_c = {c: clbit_of[o] for c, o in zip(block.clbits, instruction.clbits, strict=True)}
                    mine = run(block, inner_q, inner_c, processors, mine)
                branches |= mine
            continue
        if name == "measure":
            branches = measured(branches, qubits[0], clbit_of[instruction.clbits[0]], processors[qubits[0]])
            continue
        processor = processors[qubits[0]]
        strength = processor.depolarizing_1q if len(qubits) == 1 else processor.depolarizing_2q
        matrix = Operator(operation).data
        kraus = [k @ matrix for k in depolarizing(strength, len(qubits))] if strength else [matrix]
        branches = {bits: sum(sandwiched(part, k, qubits) for k in kraus) for bits, part in branches.items()}
    return branches


def measured(branches, qubit, clbit, processor):
    found = {}
    for bits, part in branches.items():
        for true, read in product((0, 1), repeat=2):
            weight = processor.confusion[true][read]
            if not weight:
                continue
            told = (*bits[:clbit], read, *bits[clbit + 1 :])
            seen = weight * sandwiched(part, np.diag([1.0 - true, float(true)]), [qubit])
            found[told] = found.get(told, 0) + seen
    return found


def sandwiched(tensor, matrix, qubits):
    """K·ρ·K† on some qubits, the first least significant."""
    k, n = len(qubits), tensor.ndim // 2
    gate = matrix.reshape((2,) * (2 * k))
    axes = list(reversed(qubits))
    left = np.moveaxis(np.tensordot(gate, tensor, axes=(range(k, 2 * k), axes)), range(k), axes)
    behind = [n + q for q in axes]
    return np.moveaxis(np.tensordot(gate.conj(), left, axes=(range(k, 2 * k), behind)), range(k), behind)
