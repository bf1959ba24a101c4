"""How Aer is to run a program: which form of its circuit, and which of Aer's methods.

Aer's own choice for circuits that are not Clifford is a state vector of all qubits: 20 links then ask for 2⁴⁰
amplitudes. And whatever measures before its end, it simulates anew for each shot. So, in this order:

1. a circuit that measures last, or does so once its measurements are deferred, as a density matrix: one run for all
   shots, as long as it has few qubits (or as a state vector, if it has no noise);
2. else with its qubits reused, shot by shot, as a state vector: links need four to six qubits, however long;
3. else the same circuit as a matrix product state, whose memory grows with the entanglement, not with the qubits.

All of this happens to a circuit that has its noise in it already. Deferring moves a measurement past nothing that
acts on its qubit, and takes no noisy conditional block; reuse keeps the order of what happens to each qubit, and
adds perfect resets. So each form has the same noise and the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from qiskit.circuit import QuantumCircuit

from quantumlink.exact import UnsupportedOperation
from quantumlink.program import Program
from quantumlink.rewrites import deferred_circuit, reuse_qubits

MAX_DENSITY_QUBITS = 10
"""Most qubits of a density matrix that is run once: 0.3 s; 12 take 4.6 s, longer than 20,000 lean shots do."""

MAX_STATIC_QUBITS = 20
"""Most qubits of a state vector that is run once."""

MAX_VECTOR_QUBITS = 12
"""Most qubits of a state vector that is run for each shot."""

_CHANNELS = {"quantum_channel", "kraus", "superop", "pauli_channel"}


@dataclass(frozen=True)
class AerPlan:
    """What Aer runs."""

    program: Program
    """The program in the form that is run; bits, heralds and frame as before."""
    method: str
    """Aer's name of the method."""
    reason: str
    """Method, form and number of qubits, in words."""


def aer_plan(program: Program) -> AerPlan:
    """The cheapest way to run a program whose noise is written into its circuit: see the module.

    >>> from quantumlink.hardware import Node

    >>> from quantumlink.link import ElementaryLink, swap
    >>> from quantumlink.readings import compose
    >>> a, r, b = (Node(name) for name in "arb")
    >>> program = compose(swap(ElementaryLink(a, r, fidelity=0.9), ElementaryLink(r, b)), corrections="frame")
    >>> aer_plan(program).reason
    'density_matrix on 4 qubits, measured last: one run for all shots'
    """
    static = _static(program)
    if static is not None:
        circuit, how = static
        if (method := one_run_method(circuit)) is not None:
            reason = f"{method} on {circuit.num_qubits} qubits, {how}: one run for all shots"
            return AerPlan(_in_form(program, circuit), method, reason)
    lean = lean_form(program)
    qubits = lean.circuit.num_qubits
    reused = f"{qubits} qubits"
    if qubits < program.circuit.num_qubits:
        reused += f" used again in place of {program.circuit.num_qubits}"
    method = shot_by_shot_method(lean.circuit)
    return AerPlan(lean, method, f"{method} on {reused}, shot by shot")


def one_run_method(circuit: QuantumCircuit) -> str | None:
    """How Aer draws all shots of a circuit in one run; None if it measures before its end, or is too large."""
    noisy = not _CHANNELS.isdisjoint(circuit.count_ops())
    if not _measures_last(circuit) or circuit.num_qubits > (MAX_DENSITY_QUBITS if noisy else MAX_STATIC_QUBITS):
        return None
    return "density_matrix" if noisy else "statevector"


def shot_by_shot_method(circuit: QuantumCircuit) -> str:
    """How Aer simulates a circuit anew for each shot."""
    return "statevector" if circuit.num_qubits <= MAX_VECTOR_QUBITS else "matrix_product_state"


def _static(program: Program) -> tuple[QuantumCircuit, str] | None:
    """The circuit with all its measurements at the end, and how it came to that; None if it cannot be."""
    circuit = program.circuit
    if _measures_last(circuit):
        return circuit, "measured last"
    try:
        deferred = deferred_circuit(circuit)
    except UnsupportedOperation:
        return None
    known = deferred.num_qubits <= MAX_STATIC_QUBITS and set(deferred.count_ops()) <= _aer_names() | _CHANNELS
    return (deferred, "its measurements deferred") if known and _measures_last(deferred) else None


def _measures_last(circuit: QuantumCircuit) -> bool:
    done = set()
    for instruction in circuit.data:
        if instruction.name == "measure":
            done.update(instruction.qubits)
        elif instruction.name == "barrier":
            continue
        elif instruction.clbits or instruction.name == "reset" or not done.isdisjoint(instruction.qubits):
            return False
    return True


@lru_cache(maxsize=1)
def _aer_names() -> frozenset[str]:
    from qiskit_aer import AerSimulator

    return frozenset(AerSimulator().configuration().basis_gates) | {"measure", "barrier"}


def _in_form(program: Program, circuit: QuantumCircuit) -> Program:
    more = circuit.num_qubits - len(program.nodes)
    return replace(program, circuit=circuit, nodes=(*program.nodes, *[program.nodes[0]] * more))


def lean_form(program: Program) -> Program:
    """The program with its qubits reused, if that takes fewer of them."""
    try:
        lean = reuse_qubits(program)
    except UnsupportedOperation:
        return program
    return lean if lean.circuit.num_qubits < program.circuit.num_qubits else program
