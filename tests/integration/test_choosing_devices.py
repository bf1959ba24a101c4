"""Which device a program goes to, preparations that have become old, pass managers of the user's."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties, PassManager, generate_preset_pass_manager

import quantumlink as ql
from quantumlink.execution.jobs import Patience, submit
from quantumlink.execution.preparation import NotSubmittable, predict, prepare

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
LINE = [[0, 1], [1, 2], [2, 3], [3, 4]]
PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=3)


def device(name, error, queue=None, rep_delay=250e-6, size=5):
    backend = GenericBackendV2(size, coupling_map=[pair for pair in LINE if max(pair) < size], seed=1)
    backend.name = name
    for pair in list(backend.target["cx"]):
        told = backend.target["cx"][pair]
        backend.target.update_instruction_properties("cx", pair, InstructionProperties(told.duration, error))
    backend.configuration = lambda: SimpleNamespace(default_rep_delay=rep_delay)
    if queue is not None:
        backend.status = lambda: SimpleNamespace(pending_jobs=queue)
    return backend


def test_fidelity_then_queue_then_seconds():
    devices = [
        device("worse", 0.05, queue=0),
        device("longer", 1e-3, queue=7, rep_delay=1e-6),
        device("dearer", 1e-3, queue=2, rep_delay=500e-6),
        device("best", 1e-3, queue=2),
        device("unknown", 1e-3),
        device("small", 1e-6, queue=0, size=3),
    ]
    found = ql.best_backend(LINK, devices, seed=1, corrections="frame")
    assert [each.backend.name for each in found] == ["best", "dearer", "longer", "unknown", "worse"]
    assert found.backend is devices[3]
    assert found.prepared.backend_name == "best"
    assert found[0].expected_fidelity == found.prepared.cost.expected_fidelity
    [(name, why)] = found.refused
    assert (name, "needs 4 qubits" in why) == ("small", True)
    # Three bases of 4,096 shots, each with the circuit and the delay, in one job.
    executions = 3 * 4096
    wanted = 2.0 + executions * (found.prepared.cost.duration_s + 250e-6)
    assert found[0].seconds.total_s == pytest.approx(wanted)
    assert "<tr>" in found._repr_html_()
    assert "best: expected fidelity" in repr(found)


def test_no_device_takes_it():
    with pytest.raises(ValueError, match="small: the link is too long"):
        ql.best_backend(LINK, [device("small", 1e-3, size=3)])
    with pytest.raises(ValueError, match="there is none"):
        ql.best_backend(LINK, [])
    for service in ("ibm_torino", 3, ["ibm_torino"]):
        with pytest.raises(TypeError, match="service must be"):
            ql.best_backend(LINK, service)


def test_devices_of_a_service():
    pytest.importorskip("qiskit_ibm_runtime")
    from oracles.ibm_server import IBMServer

    with IBMServer() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ql.best_backend(LINK, server.service(), seed=1, optimization_level=1)
        assert [each.backend.name for each in found] == ["ibm_manila"]
        assert found[0].queue == 0
        assert found[0].calibrated_at == found.prepared.calibrated_at is not None


def test_an_old_preparation_is_noticed_and_renewed(tmp_path):
    pytest.importorskip("qiskit_ibm_runtime")
    from oracles.ibm_server import IBMServer

    with IBMServer() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        backend = server.service().backend("ibm_manila")
        prepared = prepare(LINK, backend, seed=1, optimization_level=1, bases=["ZZ"])
        assert "calibrated: " in prepared.report()
        arguments = {"shots": 20, "directory": tmp_path, "patience": PATIENCE}
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            submit(prepared, backend, **arguments)
        old = replace(prepared, calibrated_at="2001-01-01T00:00:00+00:00")
        with pytest.warns(UserWarning, match="renew=True"):
            kept = submit(old, backend, **arguments)
        assert kept.record.layout == old.layout
        elsewhere = replace(old, layout=(9, 9, 9, 9))
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            renewed = submit(elsewhere, backend, renew=True, **arguments)
        assert renewed.record.layout == prepared.layout
        assert renewed.record.reader == kept.record.reader


def test_a_pass_manager_of_the_users():
    backend = device("device", 1e-3)
    manager = generate_preset_pass_manager(1, backend=backend, initial_layout=[3, 2, 1, 0], seed_transpiler=1)
    prepared = prepare(LINK, backend, pass_manager=manager, corrections="frame", seed=1)
    assert prepared.layout == (3, 2, 1, 0)
    assert prepared.origin == "pass manager"
    assert "by the given pass manager" in prepared.report()
    same = prepare(LINK, backend, initial_layout=[3, 2, 1, 0], optimization_level=1, corrections="frame", seed=1)
    assert predict(prepared).fidelity().best == pytest.approx(predict(same).fidelity().best, abs=1e-9)
    with pytest.raises(NotSubmittable, match="no instruction of the target"):
        prepare(LINK, GenericBackendV2(5, basis_gates=["cz", "sx", "rz", "x"], seed=1), pass_manager=PassManager())
    with pytest.raises(ValueError, match="initial_layout must be None"):
        prepare(LINK, backend, pass_manager=manager, initial_layout=[0, 1, 2, 3])
    with pytest.raises(TypeError, match="PassManager"):
        prepare(LINK, backend, pass_manager=lambda circuit: circuit)
