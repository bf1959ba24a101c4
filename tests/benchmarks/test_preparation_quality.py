"""How good a preparation is beside a plain transpilation at level 3 of the same dynamic circuit, and its time.

``pytest tests/benchmarks/test_preparation_quality.py --benchmark-only`` prints the times; the figures of merit
stand in ``extra_info`` (``--benchmark-json``). With ``--benchmark-disable`` only short chains are prepared.
"""

import warnings
from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pytest
from qiskit.transpiler import generate_preset_pass_manager

import quantumlink as ql
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.cost import cost_of

pytest.importorskip("qiskit_ibm_runtime")

FAKES = ("FakeSherbrooke", "FakeTorino", "FakeMarrakesh", "FakeKingston")
HOPS = (1, 2, 5, 10, 20)
SEED = 11


def fake(name):
    from qiskit_ibm_runtime import fake_provider

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(fake_provider, name)()


def chain_program(hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.compose(ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)]))


def figures(prepared):
    return {
        "two_qubit_gates": prepared.cost.two_qubit_gates,
        "depth": prepared.cost.depth,
        "duration_us": round(prepared.cost.duration_s * 1e6, 2),
        "fidelity": round(predict(prepared, method="exact").fidelity().best, 4),
    }


def plainly_transpiled(backend, dynamic):
    """The same measured, dynamic circuit by Qiskit's level 3, read in the same way."""
    plain = generate_preset_pass_manager(3, backend=backend, seed_transpiler=SEED).run(dynamic.program.circuit)
    return replace(dynamic, circuit=plain, cost=cost_of(plain, Calibration(backend.target)))


def compared(backend, hops):
    """Figures of our choice, of ours with the corrections where they are, and of the plain transpilation."""
    program = chain_program(hops)
    chosen = prepare(program, backend, seed=SEED)
    lowering = "frame" if hops == 1 else "sequential"
    dynamic = prepare(program, backend, corrections=lowering, seed=SEED)
    found = {"chosen": chosen, "same corrections": dynamic, "plain": plainly_transpiled(backend, dynamic)}
    return {name: figures(prepared) for name, prepared in found.items()}


@pytest.mark.benchmark(group="chains of swaps on fake devices: ours beside plain level 3")
@pytest.mark.parametrize("name", FAKES)
def test_quality_of_chains(benchmark, name, request):
    quick = request.config.getoption("benchmark_disable")
    backend = fake(name)
    table = {}

    def run():
        for hops in (2,) if quick else HOPS:
            table[hops] = compared(backend, hops)

    benchmark.pedantic(run, rounds=1)
    gains = {
        ours: mean(row[ours]["fidelity"] - row["plain"]["fidelity"] for row in table.values())
        for ours in ("chosen", "same corrections")
    }
    benchmark.extra_info.update({"by hops": table, "mean fidelity gain": gains})
    for row in table.values():
        for ours in ("chosen", "same corrections"):
            assert row[ours]["two_qubit_gates"] <= row["plain"]["two_qubit_gates"]
    assert gains["chosen"] > 0


@pytest.mark.benchmark(group="time to prepare a chain (Torino)")
@pytest.mark.parametrize("hops", [2, 20])
@pytest.mark.parametrize("how", ["prepare", "plain level 3"])
def test_time_to_prepare(benchmark, hops, how):
    backend = fake("FakeTorino")
    program = chain_program(hops)
    if how == "prepare":
        prepared = benchmark.pedantic(prepare, (program, backend), {"seed": SEED}, rounds=3, warmup_rounds=1)
        assert prepared.cost.two_qubit_gates == 2 * hops - 1
        return
    circuit = prepare(program, backend, corrections="sequential", optimization_level=0, seed=SEED).program.circuit
    manager = generate_preset_pass_manager(3, backend=backend, seed_transpiler=SEED)
    isa = benchmark.pedantic(manager.run, (circuit,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["two_qubit_gates"] = sum(len(i.qubits) == 2 for i in isa.data)
    assert benchmark.extra_info["two_qubit_gates"] >= 2 * hops - 1
