"""Gates turned round before they are translated, where pairs have different gates in one direction each.

Qiskit turns gates after it has translated them. Where some pairs have ``cx`` and others ``ecr``, a ``cx`` against
the direction of its pair counts as translated, and is then refused.
"""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import ECRGate
from qiskit.converters import circuit_to_dag
from qiskit.dagcircuit import DAGCircuit, DAGOpNode
from qiskit.transpiler import Target, TransformationPass


class Turned(TransformationPass):
    """Writes a routed ``cx`` or ``ecr`` that the target has in the other direction only with what it has.

    Args:
        target: the device's.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Turn gates outside of conditions."""
        for node in dag.op_nodes(ECRGate):
            if self._is_against(node, dag):
                dag.substitute_node_with_dag(node, _ECHO)
        for node in dag.named_nodes("cx"):
            if self._is_against(node, dag):
                dag.substitute_node_with_dag(node, _TURNED_CX)
        return dag

    def _is_against(self, node: DAGOpNode, dag: DAGCircuit) -> bool:
        a, b = (dag.find_bit(q).index for q in node.qargs)
        supported = self._target.instruction_supported
        return supported(node.name, (b, a)) and not supported(node.name, (a, b))


def _turned_cx() -> DAGCircuit:
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.cx(1, 0)
    circuit.h([0, 1])
    return circuit_to_dag(circuit)


def _echo() -> DAGCircuit:
    """The echoed cross resonance by a CX, up to a phase of the circuit."""
    circuit = QuantumCircuit(2, global_phase=-0.7853981633974483)
    circuit.s(0)
    circuit.sx(1)
    circuit.cx(0, 1)
    circuit.x(0)
    return circuit_to_dag(circuit)


_TURNED_CX, _ECHO = _turned_cx(), _echo()
