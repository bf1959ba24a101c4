"""Distribution as a pass, and what comes after it: each node's part for its own target."""

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.distributed import distributed_pass_manager, transpiled_programs


def test_a_pass_distributes_and_each_part_is_transpiled_for_its_target():
    a, b = (ql.Node(name, qubits=1) for name in "ab")
    network = ql.Network([a, b], [ql.ElementaryLink(a, b, fidelity=0.9)])
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    manager = distributed_pass_manager(network, budget_s=0)
    whole = manager.run(circuit)
    found = manager.property_set["distribution"]
    assert whole.num_qubits == found.circuit.num_qubits == 4
    assert whole.count_ops() == found.circuit.count_ops()
    backends = {
        name: GenericBackendV2(2, control_flow=True, seed=1, basis_gates=["rz", "sx", "x", "cx"]) for name in "ab"
    }
    parts = transpiled_programs(found, backends, seed=1)
    for part in parts.values():
        assert set(part.count_ops()) <= {"rz", "sx", "x", "cx", "measure", "reset", "if_else", "box", "delay"}
        boxes = [i.operation for i in part.data if i.name == "box"]
        assert [box.annotations[0].number for box in boxes] == [0]
    with pytest.raises(ValueError, match="b has none"):
        transpiled_programs(found, {"a": backends["a"]})
