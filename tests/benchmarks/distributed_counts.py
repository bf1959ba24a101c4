"""Writes the guide's tables of e-bit counts: ``python tests/benchmarks/distributed_counts.py [SECONDS] [ROW …]``.

Circuits are written anew from their definitions; counts of others are as published, under the conventions of the
heading. SECONDS is the time for each search, by default 8; hard ones get more. Of rows that are named, by how their
names begin, only those are made anew.
"""

import math
import sys
from itertools import combinations, pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_unitary

import quantumlink as ql
from quantumlink.distributed.proof import check_linear

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "distributed_computing.md"
COUNTS = "<!-- counts -->", "<!-- end of counts -->"
GRID = "<!-- grid -->", "<!-- end of grid -->"


def network(n, k, capacity=None):
    nodes = [ql.Node(f"n{i}", qubits=capacity or n // k + 1) for i in range(k)]
    return ql.Network(nodes, [ql.ElementaryLink(a, b) for a, b in combinations(nodes, 2)])


def core_grid(communication=None):
    """Cores in two rows of three, each joined with its neighbors, of 14 qubits to compute."""
    nodes = [ql.Node(f"core{i}", qubits=14, communication=communication) for i in range(6)]
    joined = [(a, b) for a, b in combinations(range(6), 2) if b - a == 3 or (b - a == 1 and b != 3)]
    return ql.Network(nodes, [ql.ElementaryLink(nodes[a], nodes[b]) for a, b in joined])


def qft(n):
    circuit = QuantumCircuit(n)
    for i in range(n):
        circuit.h(i)
        for j in range(i + 1, n):
            circuit.cp(np.pi / 2 ** (j - i), j, i)
    return circuit


def quantum_volume(n, seed):
    rng = np.random.default_rng(seed)
    block = UnitaryGate(random_unitary(4, seed=seed))  # which block it is does not matter for counts
    circuit = QuantumCircuit(n)
    for _ in range(n):
        order = rng.permutation(n).tolist()
        for a, b in zip(order[::2], order[1::2], strict=False):
            circuit.append(block, [a, b])
    return circuit


def controlled_phases(n, seed):
    """n layers; in each, every qubit has H with probability 1/2, the others are joined in pairs by CP."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(n)
    for _ in range(n):
        turned = rng.random(n) < 0.5
        for q in np.flatnonzero(turned).tolist():
            circuit.h(q)
        rest = rng.permutation(np.flatnonzero(~turned)).tolist()
        for a, b in zip(rest[::2], rest[1::2], strict=False):
            circuit.cp(rng.uniform(0, np.pi), a, b)
    return circuit


def ghz(n):
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    return circuit


def bernstein_vazirani(n):
    circuit = QuantumCircuit(n)
    circuit.x(n - 1)
    circuit.h(range(n))
    for q in range(0, n - 1, 2):
        circuit.cx(q, n - 1)
    circuit.h(range(n - 1))
    return circuit


def ising(n):
    circuit = QuantumCircuit(n)
    circuit.h(range(n))
    for first in (0, 1):
        for q in range(first, n - 1, 2):
            circuit.rzz(0.3, q, q + 1)
    circuit.rx(0.7, range(n))
    return circuit


def swap_test(n):
    half = (n - 1) // 2
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(1, half + 1):
        circuit.cswap(0, q, q + half)
    circuit.h(0)
    return circuit


def adder(n):
    """Cuccaro's ripple-carry adder of (n - 2)/2 bits."""
    bits = (n - 2) // 2
    circuit = QuantumCircuit(n)
    a, b, carry, out = range(1, 1 + bits), range(1 + bits, 1 + 2 * bits), 0, n - 1
    rows = list(zip([carry, *a[:-1]], b, a, strict=True))
    for x, y, z in rows:
        circuit.cx(z, y), circuit.cx(z, x), circuit.ccx(x, y, z)
    circuit.cx(a[-1], out)
    for x, y, z in reversed(rows):
        circuit.ccx(x, y, z), circuit.cx(z, x), circuit.cx(x, y)
    return circuit


def multiplier(bits, every_gate=False):
    """Two numbers of equal length by the schoolbook: for each bit of the first, the second is added if it is 1.

    Registers are both numbers, of at least two bits, and their product. Of the adder only what leaves a trace is
    controlled, the sum and the carry that goes out; or every gate, as where an adder is controlled as a whole.
    """
    circuit = QuantumCircuit(4 * bits)
    for i in range(bits):
        steps = carrying(range(bits, 2 * bits), range(2 * bits + i, 3 * bits + i), 3 * bits + i)
        for (*controls, target), leaves_a_trace in steps:
            circuit.mcx([i, *controls] if leaves_a_trace or every_gate else controls, target)
    return circuit


def carrying(a, b, carry):
    """The adder of Takahashi, Tani and Kunihiro, without further qubits: its NOTs, and which leave a trace."""
    rows, pairs = list(zip(a, b, strict=True)), list(pairwise(a))
    yield from ((row, False) for row in rows[1:])
    yield (a[-1], carry), True
    yield from (((x, z), False) for x, z in reversed(pairs[1:]))
    yield from (((x, y, z), False) for (x, y), z in zip(rows, a[1:], strict=False))
    yield (*rows[-1], carry), True
    for (x, y), row in reversed(list(pairwise(rows))):
        yield row, True
        yield (x, y, row[0]), False
    yield from ((pair, False) for pair in pairs[1:])
    yield rows[0], True
    yield from ((row, False) for row in rows[1:])


def w_state(n):
    circuit = QuantumCircuit(n)
    circuit.x(0)
    for q in range(n - 1):
        circuit.cry(2 * np.arccos(np.sqrt(1 / (n - q))), q, q + 1)
        circuit.cx(q + 1, q)
    return circuit


def chained(circuit, qubits, *gates):
    for a, b in pairwise(qubits):
        for gate in gates:
            getattr(circuit, gate)(0.3, a, b)


def swapped_by_the_first(circuit, half):
    circuit.h(0)
    for q in range(1, half + 1):
        circuit.cswap(0, q, q + half)
    circuit.h(0)


def deep_network(n):
    """A state is learned, and compared with data by a swap test (QASMBench's dnn)."""
    half = (n - 1) // 2
    circuit = QuantumCircuit(n)
    for q in range(1, n):
        circuit.ry(0.3, q), circuit.rz(0.4, q)
    chained(circuit, range(1, half + 1), "ryy", "rzz")
    chained(circuit, range(1, half + 1), "cry", "crz")
    swapped_by_the_first(circuit, half)
    return circuit


def adversarial(n):
    """Two states are made by chains and compared by a swap test (QASMBench's qugan)."""
    half = (n - 1) // 2
    circuit = QuantumCircuit(n)
    circuit.ry(0.3, range(1, n))
    for qubits in (range(1, half + 1), range(half + 1, n)):
        chained(circuit, qubits, "ryy", "cry")
    swapped_by_the_first(circuit, half)
    return circuit


HARD = 4.0
"""How many times as long hard ones are searched for."""

ROWS = [
    *((f"QFT {n}/2", qft(n), 2, f"{n // 2 - 1}") for n in (16, 32, 64, 96)),
    *((f"QFT {n}/3", qft(n), 3, f"{m}") for n, m in ((16, 14), (24, 21), (32, 31), (48, 45), (64, 62), (96, 93))),
    *((f"QFT {n}/4", qft(n), 4, f"{3 * n // 2 - 6}") for n in (16, 32, 64, 96)),
    *(
        (f"qft_n29/{k}", qft(29), k, m)
        for k, m in ((2, "14 / 14 / 14"), (3, "27 / 28 / 28"), (4, "39.4 / 39 / 39"))
    ),
    ("cat_n35/3", ghz(35), 3, "9 / 2 / 2"),
    ("cat_n35/4", ghz(35), 4, "9 / 3 / 3"),
    ("ghz_n78/4", ghz(78), 4, "3 / 16.2 / 3"),
    ("bv_n70/4", bernstein_vazirani(70), 4, "2 / 16.2 / 2"),
    ("ising_n42/4", ising(42), 4, "14.4 / 3 / 3"),
    ("knn_n31/2", swap_test(31), 2, "2.4 / 1 / 1"),
    ("knn_n31/3", swap_test(31), 3, "4.4 / 2 / 2"),
    ("knn_n31/4", swap_test(31), 4, "10.8 / 3 / 3"),
    ("swap_test_n41/4", swap_test(41), 4, "9.2 / 3 / 3"),
    ("adder_n64/4", adder(64), 4, "9 / 11.4 / 6", 3 * HARD),
    *((f"dnn_n51/{k}", deep_network(51), k, m) for k, m in ((3, "10 / 11.6 / 8"), (4, "15 / 20 / 15"))),
    *(
        (f"qugan_n39/{k}", adversarial(39), k, m)
        for k, m in ((2, "5 / 3.4 / 4"), (3, "12 / 8 / 10"), (4, "21 / 14.2 / 14"))
    ),
    ("qugan_n71/4", adversarial(71), 4, "15 / 16.6 / 15"),
    ("wstate_n36/2", w_state(36), 2, "2 / 1.4 / 2"),
    ("wstate_n36/4", w_state(36), 4, "6 / 5 / 6"),
    ("quantum volume 16/2", quantum_volume(16, 1), 2, "51.8 / – / 38"),
    ("quantum volume 32/2", quantum_volume(32, 1), 2, "206.8 / 182.4 / 168"),
    ("quantum volume 32/4", quantum_volume(32, 1), 4, "380.4 / 345.8 / 295", HARD),
    ("quantum volume 64/2", quantum_volume(64, 1), 2, "826.2 / 709.6 / 632", HARD),
    ("quantum volume 64/4", quantum_volume(64, 1), 4, "1,458 / 1,298 / 1,130", HARD),
    ("CP ½ 112/2", controlled_phases(112, 1), 2, "642.2", HARD),
    ("CP ½ 112/4", controlled_phases(112, 1), 4, "1,213.6", HARD),
    ("CP ½ 128/2", controlled_phases(128, 1), 2, "842.8", HARD),
    ("CP ½ 256/2", controlled_phases(256, 1), 2, "3,478", 2 * HARD),
    ("CP ½ 256/4", controlled_phases(256, 1), 4, "6,477", 2 * HARD),
]


class GridRow(NamedTuple):
    """A circuit on the grid of cores, under a limit."""

    circuit: str
    limit: str
    communication: int | None = None
    live_copies: int | None = None


CIRCUITS = {
    "multiplier": multiplier(16),
    "multiplier of CX": transpile(multiplier(16, True), basis_gates=["cx", "rz", "sx", "x"], optimization_level=1),
    "CP ½ 64": controlled_phases(64, 1),
}
GRID_ROWS = [
    GridRow(circuit, limit, **limits)
    for circuit in CIRCUITS
    for limit, limits in (
        ("none", {}),
        ("3 live copies", {"live_copies": 3}),
        ("2 live copies", {"live_copies": 2}),
        ("3 communication qubits", {"communication": 3}),
        ("2 communication qubits", {"communication": 2}),
    )
]


def searched(circuit, network, seconds, live_copies=None):
    """The distributed circuit, its order checked, and how many seconds it took."""
    began = perf_counter()
    d = ql.distribute(circuit, network, budget_s=seconds, live_copies=live_copies)
    took = perf_counter() - began
    check_linear(d.candidate.plan, d.candidate.scheduled)
    return d, took


def joint_gates(circuit):
    return sum(len(i.qubits) > 1 for i in circuit.data)


def count_row(seconds, name, circuit, k, published, *longer):
    d, took = searched(circuit, network(circuit.num_qubits, k), seconds * math.prod(longer))
    bound = f"{d.lower_bound:g}" if d.lower_bound else "–"
    joint = joint_gates(circuit)
    return f"| {name} | {circuit.num_qubits} | {joint} | {published} | {d.ebits} | {bound} | {took:.1f} |"


def grid_row(seconds, row):
    circuit = CIRCUITS[row.circuit]
    d, took = searched(circuit, core_grid(row.communication), HARD * seconds, row.live_copies)
    joint = joint_gates(circuit)
    return f"| {grid_name(row)} | {circuit.num_qubits} | {joint} | {d.pairs} | {d.ebits} | {took:.1f} |"


def grid_name(row):
    return f"{row.circuit} grid, {row.limit}"


def made(rows: dict[str, Any], asked: list[str]) -> dict[str, str]:
    """Those rows that were asked for, all if none was."""
    lines = {}
    for name, make in rows.items():
        if not asked or any(name.startswith(one) for one in asked):
            lines[name] = make()
            print(lines[name], flush=True)  # noqa: T201
    return lines


def with_rows(text: str, marks: tuple[str, str], order: list[str], lines: dict[str, str]) -> str:
    """The page with these rows; others stay as they are."""
    before, _, rest = text.partition(marks[0])
    table, _, after = rest.partition(marks[1])
    heading, known = table.strip().splitlines()[:2], table.strip().splitlines()[2:]
    every = {line.split("|")[1].strip(): line for line in known} | lines
    ordered = [every[name] for name in order if name in every]
    return before + "\n".join([marks[0], *heading, *ordered, marks[1]]) + after


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    counts = {row[0]: lambda row=row: count_row(seconds, *row) for row in ROWS}
    grid = {grid_name(row): lambda row=row: grid_row(seconds, row) for row in GRID_ROWS}
    for marks, rows in ((COUNTS, counts), (GRID, grid)):
        lines = made(rows, sys.argv[2:])
        text = PAGE.read_text(encoding="utf-8")  # now: it may have been written while rows were made
        PAGE.write_text(with_rows(text, marks, list(rows), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
