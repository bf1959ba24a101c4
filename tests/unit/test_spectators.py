"""Qubits that watch from beside: which, when, and what their flips tell."""

import numpy as np
import pytest
from qiskit.primitives import BitArray
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import pauli_error

import quantumlink as ql
from quantumlink.execution import ExactSampler
from quantumlink.execution.jobs import resume, submit
from quantumlink.execution.mitigation import QuietRuns, cancelled
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.recipe import Recipe

PAIR = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
LINE = [[0, 1], [1, 2], [2, 3], [3, 4]]


def device(size=5, coupling=LINE):
    """With readout errors between .1 and .4 %."""
    backend = GenericBackendV2(size, coupling_map=coupling, seed=1)
    for q in range(size):
        backend.target.update_instruction_properties(
            "measure", (q,), InstructionProperties(duration=1e-6, error=1e-3 * (1 + q % 4))
        )
    return backend


def watched(backend=None, **options):
    options = {"initial_layout": [1, 2], "spectators": True, "seed": 1, "optimization_level": 1, **options}
    return prepare(PAIR, backend or device(), **options)


def test_neighbors_are_measured_after_everything_else():
    prepared = watched()
    assert prepared.spectators == (0, 3)
    assert prepared.physical_qubits == (1, 2)
    names = [i.name for i in prepared.circuit.data]
    assert names[-3:] == ["barrier", "measure", "measure"]
    assert [prepared.circuit.find_bit(i.qubits[0]).index for i in prepared.circuit.data[-2:]] == [0, 3]
    assert "spectators: 0, 3" in prepared.report()
    bare = watched(spectators=False)
    assert bare.spectators == bare.recipe.spectators == ()
    assert prepared.cost == bare.cost
    assert predict(prepared).fidelity() == predict(bare).fidelity()
    assert prepared.again(device()).spectators == prepared.spectators


def test_bad_readers_do_not_watch_unless_asked():
    backend = device()
    backend.target.update_instruction_properties("measure", (3,), InstructionProperties(duration=1e-6, error=0.2))
    assert watched(backend).spectators == (0,)
    assert watched(backend, spectators=[3, 4]).spectators == (3, 4)


@pytest.mark.parametrize("wrong", [[1], [5], [0, 0], [-1]])
def test_what_cannot_watch_is_refused(wrong):
    with pytest.raises(ValueError, match="spectators"):
        watched(spectators=wrong)
    with pytest.raises(TypeError, match="spectators"):
        watched(spectators="yes")


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_what_flips_both_is_dropped_and_what_flips_one_stays(p, seed):
    """With probability p an end and its neighbor flip together; with q the other end by itself."""
    q = 0.2
    prepared = watched(bases=["ZZ"])
    circuit = prepared.circuit.copy_empty_like()
    both = pauli_error([("XX", p), ("II", 1 - p)]).to_instruction()
    one = pauli_error([("X", q), ("I", 1 - q)]).to_instruction()
    done = False
    for instruction in prepared.circuit.data:
        if instruction.name == "measure" and not done:
            circuit.append(both, [2, 3])
            circuit.append(one, [1])
            done = True
        circuit.append(instruction)
    shots = 20_000
    table = prepared.settings()
    found = QuietRuns.of(prepared.recipe, ExactSampler(seed=seed).run([(circuit, table, shots)]).result())
    # Hoeffding for ±1 at 1e-6: ±.0381 of 20,000, ±.0456 of 14,000.
    assert found.raw.expectation("ZZ").best == pytest.approx((1 - 2 * p) * (1 - 2 * q), abs=0.0381)
    assert found.selected.expectation("ZZ").best == pytest.approx(1 - 2 * q, abs=0.0458)
    assert found.kept.best == pytest.approx(1 - p, abs=0.0191)
    assert found.flipped[0].best == 0.0
    assert found.flipped[1].best == pytest.approx(p, abs=0.0191)
    assert found.selected.selected
    assert not found.raw.selected


def test_counts_by_hand():
    """Of ten runs: six quiet and right, one quiet and wrong, three with a flip beside, two of these wrong."""
    recipe = Recipe(
        (("ends", (0, 1)), ("spectators", (2, 3))), (("alice", 0), ("bob", 1)), ("ZZ",), spectators=(2, 3)
    )
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    rows = [(0, 0, 0, 0)] * 3 + [(1, 1, 0, 0)] * 3 + [(0, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (1, 1, 1, 1)]
    bits = np.array([rows], dtype=bool)
    data = {
        "ends": BitArray.from_bool_array(bits[..., :2], order="little"),
        "spectators": BitArray.from_bool_array(bits[..., 2:], order="little"),
    }
    found = QuietRuns.of(recipe, data)
    assert found.raw.expectation("ZZ").best == pytest.approx((7 - 3) / 10)
    assert found.selected.expectation("ZZ").best == pytest.approx((6 - 1) / 7)
    assert found.selected.shots == {"ZZ": 10}
    assert found.kept.best == pytest.approx(0.7)
    assert [each.best for each in found.flipped] == [0.2, 0.2]
    assert "none of 2 spectators" in str(found)
    assert "raw" in repr(found)
    forged = recipe.to_dict() | {"spectators": [9]}
    with pytest.raises(ValueError, match="in no register"):
        Recipe.from_dict(forged)
    with pytest.raises(ValueError, match="no spectators"):
        QuietRuns.of(Recipe(recipe.registers, recipe.ends, ("ZZ",)), data)


def test_through_a_job_file(tmp_path):
    backend = device()
    prepared = watched(backend)
    job = submit(prepared, backend, shots=500, directory=tmp_path, seed=1, mitigate_readout=True)
    found = resume(job.path, backend=backend).quiet_runs()
    assert found.raw == job.samples()
    assert 0.5 < found.kept < 1.0
    assert found.selected.fidelity().best > 0.8
    assert job.mitigated().raw == found.raw
    assert cancelled(prepared, job.result()).raw == found.raw
    plain = submit(watched(backend, spectators=False), backend, shots=50, directory=tmp_path, seed=1)
    with pytest.raises(ValueError, match="no spectators"):
        plain.quiet_runs()
    key = submit(ql.qkd.BBM92(link=PAIR, rounds=200, seed=1), backend, directory=tmp_path, seed=1)
    with pytest.raises(ValueError, match="job of a session"):
        key.quiet_runs()
