"""What each engine of `sample` takes for chains of many lengths: CPU seconds and peak memory, in fresh processes.

``python tests/benchmarks/test_engine_memory.py`` prints the table by which the engines are chosen. The tests hold
every engine that takes 1,000 links to 500 MB, and Aer to as much where its own choice would ask for 2⁴⁰ amplitudes.
"""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest

import quantumlink as ql
from quantumlink.execution.engine import ENGINE_NAMES

LIMIT_MB = 500
LINKS = (2, 4, 8, 16, 64, 256, 1000)
SHOTS = 10_000
AER_SHOTS = 500
"""Aer's time is proportional to the shots wherever it goes shot by shot, and told for `SHOTS`."""
AER_LINKS = 64
"""Longest chain that the table lets Aer run."""


def chain(links, corrections, relaxing):
    """A chain of noisy swaps; where it is relaxing, both halves of each pair wait 0.1 s in memories."""
    memory = ql.Memory(t1_s=10, t2_s=5) if relaxing else ql.Memory()
    processor = ql.Processor(depolarizing_1q=1e-3, depolarizing_2q=1e-2, readout_error=0.01)
    nodes = [ql.Node(f"n{i}", memory=memory, processor=processor) for i in range(links + 1)]
    pairs = [ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)]
    program = ql.compose(ql.chain(pairs, order="sequential"), corrections=corrections)
    if not relaxing:
        return program
    circuit = program.circuit.copy_empty_like()
    for instruction in program.circuit.data:
        circuit.append(instruction)
        if instruction.name == "bell_pair":
            for qubit in instruction.qubits:
                circuit.delay(0.1, qubit, unit="s")
    return replace(program, circuit=circuit)


def measure(engine, links, corrections, relaxing, shots):
    """Sample one basis in this process: seconds of a processor, peak megabytes, and what ran."""
    program = chain(links, corrections, relaxing)
    started = process_time()
    samples = ql.sample(program, "ZZ", shots=shots, seed=7, engine=engine)
    return {"seconds": process_time() - started, "peak_mb": peak_mb(), "engine": samples.engine}


def peak_mb():
    # What getrusage tells a process that was forked may be its parent's peak.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measured(*case):
    """The case measured in a fresh process."""
    call = [sys.executable, __file__, json.dumps(case)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True, timeout=120).stdout)


@pytest.mark.parametrize("corrections", ["frame", "sequential"])
@pytest.mark.parametrize(("engine", "relaxing", "shots"), [("exact", True, SHOTS), ("clifford", False, SHOTS)])
def test_a_thousand_links_stay_small(engine, relaxing, shots, corrections):
    found = measured(engine, 1000, corrections, relaxing, shots)
    assert found["engine"].startswith(engine)
    assert found["peak_mb"] < LIMIT_MB


@pytest.mark.parametrize("links", [20, 1000])
def test_aer_runs_relaxing_chains_in_little_memory(links):
    found = measured("aer", links, "frame", True, 10)
    assert "statevector on 4 qubits" in found["engine"]
    assert found["peak_mb"] < LIMIT_MB


def cases():
    for relaxing in (False, True):
        for corrections in ("frame", "sequential"):
            for engine in ENGINE_NAMES:
                if not (relaxing and engine == "clifford"):
                    yield engine, corrections, relaxing


def row(engine, corrections, relaxing):
    cells = []
    for links in LINKS:
        if engine == "aer" and links > AER_LINKS:
            cells.append("")
            continue
        static = engine == "aer" and corrections == "frame" and links <= 4
        shots = SHOTS if static or engine != "aer" else AER_SHOTS
        found = measured(engine, links, corrections, relaxing, shots)
        cells.append(f"{found['seconds'] * SHOTS / shots:.2g} s, {found['peak_mb']:.0f} MB")
    return f"| {'relaxation' if relaxing else 'Paulis'} | {corrections} | {engine} | {' | '.join(cells)} |"


def main():
    print(f"| noise | corrections | engine | {' | '.join(f'{n} links' for n in LINKS)} |")  # noqa: T201
    print("|---" * (3 + len(LINKS)) + "|")  # noqa: T201
    for case in cases():
        print(row(*case), flush=True)  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*json.loads(sys.argv[1]))))  # noqa: T201
    else:
        main()
