"""For people who think in transpilers: distribution as a pass, and a pass manager.

A pass sees a circuit, not a network, and this one changes how wide it is: so it is made for one network, and the
rest of the compilation comes afterwards, node by node, for each node's own target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import PassManager, TransformationPass

from quantumlink.distributed.distributing import distribute
from quantumlink.distributed.distribution import Distribution
from quantumlink.network import Network


class DistributeCircuit(TransformationPass):  # type: ignore[misc]
    """A circuit becomes the dynamic circuit of the whole; ``property_set["distribution"]`` is all there is to know.

    Args:
        network: see `distribute`.
        options: its other arguments.
    """

    def __init__(self, network: Network, **options: Any) -> None:
        super().__init__()
        self.network = network
        self.options = options

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Distribute a circuit."""
        found = distribute(dag_to_circuit(dag), self.network, **self.options)
        self.property_set["distribution"] = found
        return circuit_to_dag(found.circuit)


def distributed_pass_manager(network: Network, **options: Any) -> PassManager:
    """A pass manager that distributes circuits over a network.

    >>> import quantumlink as ql
    >>> a, b = (ql.Node(name, qubits=1) for name in "ab")
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.cx(0, 1)
    >>> manager = distributed_pass_manager(ql.Network([a, b], [ql.ElementaryLink(a, b)]), budget_s=0)
    >>> [register.name for register in manager.run(circuit).qregs], manager.property_set["distribution"].ebits
    (['a', 'a_link', 'b', 'b_link'], 1)
    """
    return PassManager([DistributeCircuit(network, **options)])


def transpiled_programs(
    distribution: Distribution, targets: Mapping[str, Any], *, optimization_level: int = 1, seed: int | None = None
) -> dict[str, QuantumCircuit]:
    """Each node's own circuit, transpiled for its target; its requests for pairs stay, as annotated boxes.

    Args:
        distribution: the distributed circuit.
        targets: a backend or a target for each node that has a program, by name.
        optimization_level: Qiskit's, 0 to 3.
        seed: makes the transpilation repeatable.

    Raises:
        ValueError: if a node has no target.
    """
    missing = [name for name in distribution.programs if name not in targets]
    if missing:
        raise ValueError(f"targets must name one for each node with a program, {', '.join(missing)} has none")
    found = {}
    for name, program in distribution.programs.items():
        given = targets[name]
        key = "backend" if hasattr(given, "target") else "target"
        found[name] = transpile(
            program.circuit, **{key: given}, optimization_level=optimization_level, seed_transpiler=seed
        )
    return found
