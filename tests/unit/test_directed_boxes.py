"""Boxes that direct IBM's Executor are not opened: what they ask for would be lost without a word."""

import pytest
from qiskit.circuit import Annotation, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, interpreter_size
from quantumlink.execution import ExactSampler
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.jobs import submit
from quantumlink.execution.preparation import prepare
from quantumlink.program import Program
from quantumlink.rewrites import expanded_circuit


class Directing(Annotation):
    """As those of samplomatic, which need not be there."""

    namespace = "samplomatic.twirl"


class Remark(Annotation):
    """Somebody's own."""

    namespace = "somebody.else"


def boxed(annotation):
    circuit = QuantumCircuit(2, 2)
    with circuit.box([annotation]):
        circuit.h(0)
        circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def program(annotation):
    circuit = boxed(annotation).copy_empty_like()
    circuit.append(boxed(annotation).data[0])
    return Program(circuit, {"alice": 0, "bob": 1}, (ql.Node("alice"), ql.Node("bob")))


WAYS = {
    "expanded": lambda a, folder: expanded_circuit(boxed(a)).count_ops()["cx"],
    "exact": lambda a, folder: ExactSampler(seed=1).run([boxed(a)], shots=10).result(),
    "size": lambda a, folder: interpreter_size(boxed(a)),
    "clifford": lambda a, folder: CliffordSampler(seed=1).run([boxed(a)], shots=10).result(),
    "prepare": lambda a, folder: prepare(program(a), GenericBackendV2(2, seed=1), seed=1),
    "submit": lambda a, folder: submit(program(a), GenericBackendV2(2, seed=1), shots=10, directory=folder, seed=1),
}


@pytest.mark.parametrize("way", WAYS)
def test_directions_are_not_dropped(way, tmp_path):
    with pytest.raises(UnsupportedOperation, match=r"a 'box' annotated with Directing: .* options="):
        WAYS[way](Directing(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_remarks_are_somebody_elses(way, tmp_path):
    WAYS[way](Remark(), tmp_path)


def test_samplomatics_own_are_known():
    samplomatic = pytest.importorskip("samplomatic")
    for annotation in (samplomatic.Twirl(), samplomatic.ChangeBasis(), samplomatic.InjectNoise("n")):
        with pytest.raises(UnsupportedOperation, match=type(annotation).__name__):
            expanded_circuit(boxed(annotation))
