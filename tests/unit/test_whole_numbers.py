"""How often something is run is a whole number, which may be written as 1e6, wherever it is asked for."""

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.execution.jobs import Limits
from quantumlink.execution.several_devices import prepare_across
from quantumlink.network import Demand

ALICE, RELAY, BOB = (ql.Node(name) for name in ("alice", "relay", "bob"))
LINKS = ql.ElementaryLink(ALICE, RELAY, ql.Fiber(1)), ql.ElementaryLink(RELAY, BOB, ql.Fiber(1))
LINK = ql.swap(*LINKS)


@pytest.fixture(scope="module")
def device():
    return GenericBackendV2(5, seed=1)


@pytest.fixture(scope="module")
def prepared(device):
    return ql.prepare(LINK, device, seed=1)


@pytest.fixture(scope="module")
def distribution():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    ends = [ql.Node(name, qubits=1, communication=1) for name in "ab"]
    network = ql.Network(ends, [ql.ElementaryLink(*ends, ql.Fiber(1))])
    return ql.distribute(circuit, network, seed=1)


def calls(device, prepared, distribution, folder):
    network = ql.Network([ALICE, RELAY, BOB], LINKS)
    demand = [Demand("alice", "bob", kind="pairs")]
    return {
        "sample": lambda n: ql.sample(LINK, shots=n, seed=1),
        "submit": lambda n: ql.submit(LINK, device, shots=n, seed=1, directory=folder).record.shots,
        "prepared.pubs": lambda n: prepared.pubs(n)[0][2],
        "prepare": lambda n: ql.prepare(LINK, device, medium="play", randomizations=n, seed=1).randomizations,
        "predict": lambda n: ql.predict(prepared, method="sampled", shots=n, seed=1),
        "best_backend": lambda n: ql.best_backend(LINK, [device], shots=n, seed=1)[0].seconds,
        "limits": lambda n: Limits(shots=n, executions=n, broadcast_bits=n),
        "simulate": lambda n: ql.simulate(LINK, trials=n, seed=1),
        "a stream": lambda n: ql.simulate(LINK, trials=10, pairs=n, seed=1),
        "operate": lambda n: ql.operate(network, demand, duration_s=1e-3, trials=n, seed=1),
        "a demand": lambda n: Demand("alice", "bob", kind="pairs", count=n),
        "a distribution": lambda n: distribution.simulate(trials=n, seed=1),
        "its fidelity": lambda n: distribution.evaluate(shots=n, seed=1),
        "a session": lambda n: ql.qkd.bbm92(LINK, rounds=n, seed=1),
    }


NAMES = [*calls(None, None, None, None)]


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_float_is_a_whole_number(name, device, prepared, distribution, tmp_path):
    call = calls(device, prepared, distribution, tmp_path)[name]
    assert repr(call(2e1)) == repr(call(20))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [True, 2.5, float("inf"), float("nan"), "20", -20.0, 1e-3])
def test_anything_else_is_refused(name, bad, device, prepared, distribution, tmp_path):
    with pytest.raises((TypeError, ValueError), match="must be a whole number"):
        calls(device, prepared, distribution, tmp_path)[name](bad)


def test_a_scan_for_a_threshold_takes_it_too():
    pytest.importorskip("pymatching")
    from quantumlink.encoding import threshold_scan

    assert threshold_scan((3,), (0.1,), shots=1e2, seed=1).shots == 100
    with pytest.raises(ValueError, match="shots must be"):
        threshold_scan((3,), (0.1,), shots=1.5, seed=1)


def test_a_network_over_devices_takes_it_too(device):
    where = {"alice": device, "relay": device, "bob": GenericBackendV2(2, seed=2)}
    found = prepare_across(LINK, where, shots=2e1, seed=1)
    assert [part.shots for part in found.parts.values()] == [20, 20]
