"""Circuits in boxes go to IBM's Executor by its own client, and come back as samples; each fault as of any job."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("samplomatic")

from oracles.ibm_server import Fault, IBMServer
from qiskit.circuit import BoxOp, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import PassManager
from qiskit.transpiler.basepasses import TransformationPass
from samplomatic import ChangeBasis, InjectNoise, Twirl
from samplomatic.transpiler import generate_boxing_pass_manager

import quantumlink as ql
from quantumlink.execution.jobs import JobFileError, Patience, resume, submit
from quantumlink.execution.jobs.directed import _item, _randomizations, sampled
from quantumlink.execution.preparation import NotSubmittable, prepare

pytestmark = pytest.mark.filterwarnings("ignore")

PATIENCE = Patience(first_s=0.01, longest_s=0.05, poll_s=0.02, grace_s=0.05, tries=4)
TWIRLED = {"enable_gates": True, "enable_measures": True}


def chain(hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.compose(ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)]))


@pytest.fixture
def server():
    with IBMServer() as there:
        yield there


@pytest.fixture
def backend(server):
    return server.service().backend("ibm_manila")


@pytest.fixture
def send(backend, tmp_path):
    def sent(program=None, **more):
        given = {"shots": 200, "directory": tmp_path, "patience": PATIENCE, "seed": 1, **more}
        boxes = given.pop("boxes", generate_boxing_pass_manager(**TWIRLED))
        prepared = prepare(chain(2) if program is None else program, backend, corrections="frame", seed=1)
        return submit(prepared, backend, boxes=boxes, **given)

    return sent


def posted(server):
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
    return [converter.decoder(converter.model.model_validate(job["params"]))[0] for job in server.jobs.values()]


def test_a_directed_job_arrives_and_is_read(server, send):
    job = send()
    samples = job.samples()
    assert samples.fidelity().best == 1.0
    [program] = posted(server)
    [item] = program.items
    assert hasattr(item, "samplex")
    assert item.shape == (4, 3)  # 200 shots as 4 draws of 64, of three bases
    assert program.shots == 64
    assert not any(isinstance(i.operation, BoxOp) for i in item.circuit.data)
    [told] = server.jobs.values()
    assert told["tags"] == [job.record.parts[0].tag]
    assert job.result()[0].data.shape == (3,)


def test_without_the_flips_undone_it_would_be_noise(server, send, monkeypatch):
    """The machine has no noise, and half of the measured bits were flipped on purpose."""
    from quantumlink.execution.jobs import directed

    monkeypatch.setattr(directed, "_FLIPS", "no such name.")
    monkeypatch.setattr(
        directed, "_item", lambda item, tag: _item({k: v for k, v in item.items() if "." not in k}, tag)
    )
    assert send().samples().fidelity().best < 0.9


def test_it_is_resumed_from_its_file_alone(server, send):
    server.plan("POST /jobs", Fault("lose"))
    path = send().path
    assert len(server.jobs) == 1
    again = resume(path, service=server.service(), patience=PATIENCE)
    assert again.samples().fidelity().best == 1.0
    with pytest.raises(ValueError, match="the service draws"):
        again.circuits()


def test_randomizations_are_the_users(server, send):
    job = send(options={"twirling": {"num_randomizations": 10}})
    [program] = posted(server)
    assert (program.items[0].shape, program.shots) == ((10, 3), 20)
    assert job.result()[0].data.ends.num_shots == 200


def test_its_calibration_is_in_boxes_too(server, send):
    job = send(mitigate_readout=True)
    [program] = posted(server)
    assert len(program.items) == 3
    assert all(hasattr(item, "samplex") for item in program.items)
    found = job.mitigated().fidelity()
    assert found.best == pytest.approx(1.0, abs=1e-12)


def test_a_dry_run_tells_times(send):
    assert send(dry_run=True).timing().durations_s[0] > 0


def test_a_fake_runs_boxes_as_the_samplers_own_twirling(tmp_path):
    """The same boxing by the client's sampler: equal within five standard deviations of what differs by chance."""
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    device = FakeManilaV2()
    prepared = prepare(chain(1), device, seed=1)
    boxes = generate_boxing_pass_manager(**TWIRLED)
    ours = submit(prepared, device, shots=20_000, directory=tmp_path, seed=2, boxes=boxes)
    options = {"twirling": {"enable_gates": True, "enable_measure": True}}
    theirs = submit(prepared, device, shots=20_000, directory=tmp_path, seed=3, options=options)
    mine, other = ours.samples().fidelity().best, theirs.samples().fidelity().best
    assert 0.9 < mine < 0.99
    assert abs(mine - other) < 5 * np.sqrt(2 * 3 * mine * (1 - mine) / 20_000)


def test_flips_are_undone_as_the_clients_sampler_does():
    from qiskit_ibm_runtime.decoders.executor_sampler.post_processor_v0_1 import sampler_v2_post_processor_v0_1
    from qiskit_ibm_runtime.results.quantum_program import QuantumProgramItemResult, QuantumProgramResult

    def came(passthrough):
        draw = np.random.default_rng(5)
        data = {
            "ends": draw.random((4, 3, 7, 11)) < 0.3,
            "heralds": draw.random((4, 3, 7, 2)) < 0.5,
            "measurement_flips.ends": draw.random((4, 3, 1, 11)) < 0.5,
        }
        return QuantumProgramResult([QuantumProgramItemResult(data)], passthrough_data=passthrough)

    told = {"twirling": True, "meas_type": "classified", "shots": 7, "options": {}, "version": "v0.1"}
    theirs = sampler_v2_post_processor_v0_1(came({"post_processor": told}))[0].data
    ours = sampled(came({"quantumlink": "tag"}))[0]
    assert ours.metadata["circuit_metadata"] == {"quantumlink": "tag"}
    for name in ("ends", "heralds"):
        assert ours.data[name].num_shots == 28
        assert np.array_equal(ours.data[name].array, theirs[name].array)


@pytest.mark.parametrize("shots", [1, 63, 64, 65, 4096, 100_001])
@pytest.mark.parametrize("twirling", [{}, {"num_randomizations": 7}, {"shots_per_randomization": 10}])
def test_shots_are_divided_as_the_client_does(shots, twirling):
    from qiskit_ibm_runtime.executor.calculate_twirling_shots import calculate_twirling_shots

    told = {"num_randomizations": "auto", "shots_per_randomization": "auto", **twirling}
    assert _randomizations(shots, twirling) == calculate_twirling_shots(shots, **told)
    draws, each = _randomizations(shots, {"num_randomizations": 3, "shots_per_randomization": 5})
    assert draws * each >= shots  # where both are given, no row has fewer shots than were asked for


# --- what is refused, and nothing is written


class Annotated(TransformationPass):
    """Puts every measurement into a box with this annotation, and leaves the gates."""

    def __init__(self, *annotations):
        super().__init__()
        self.annotations = annotations

    def run(self, dag):
        from qiskit.converters import circuit_to_dag, dag_to_circuit

        circuit = dag_to_circuit(dag)
        result = circuit.copy_empty_like()
        for instruction in circuit.data:
            if instruction.name != "measure":
                result.append(instruction)
                continue
            body = QuantumCircuit(list(instruction.qubits), list(instruction.clbits))
            body.append(instruction)
            box = BoxOp(body, annotations=list(self.annotations))
            result.append(box, instruction.qubits, instruction.clbits)
        return circuit_to_dag(result)


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        (PassManager(), "made no box"),
        (PassManager([Annotated(Twirl(), ChangeBasis())]), "want values for each run: basis_changes"),
        (PassManager([Annotated(Twirl(), InjectNoise("n"))]), r"want values for each run|InjectNoise|in boxes: "),
    ],
)
def test_boxes_that_cannot_be_run_are_refused(server, send, tmp_path, boxes, reason):
    with pytest.raises(NotSubmittable, match=reason):
        send(boxes=boxes)
    assert not list(tmp_path.iterdir())
    assert not server.jobs


def test_conditions_are_refused(server, backend, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qiskit_ibm_runtime.fake_provider import FakeTorino

        device = FakeTorino()
    prepared = prepare(chain(2), device, corrections="sequential", seed=1)
    assert "if_else" in prepared.circuit.count_ops()
    with pytest.raises(NotSubmittable, match="if_else"):
        submit(prepared, device, directory=tmp_path, boxes=generate_boxing_pass_manager(**TWIRLED))
    assert not list(tmp_path.iterdir())


def test_only_the_executor_takes_boxes(tmp_path):
    device = GenericBackendV2(5, seed=1)
    with pytest.raises(ValueError, match=r"boxes are for IBM's Executor"):
        submit(chain(1), device, directory=tmp_path, boxes=generate_boxing_pass_manager(**TWIRLED))
    with pytest.raises(TypeError, match="boxes must be a PassManager"):
        submit(chain(1), device, directory=tmp_path, boxes=True)


def test_options_do_not_twirl_what_is_in_boxes(send, tmp_path):
    with pytest.raises(ValueError, match="twirling where boxes= says"):
        send(options={"twirling": {"enable_gates": True}})
    assert not list(tmp_path.iterdir())


def test_a_file_with_a_forged_samplex_is_refused(server, send):
    job = send()
    job.path.write_text(job.path.read_text().replace('"samplex": "', '"samplex": "AAAA', 1))
    with pytest.raises(JobFileError):
        resume(job.path, service=server.service(), patience=PATIENCE)
