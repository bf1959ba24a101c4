"""Entanglement at a distance, as it is taught and as ours: ``notebooks/guide/beside_plain_circuits.md``.

``python tests/integration/test_baselines_table.py`` writes the page anew; the test computes some of its rows again.
"""

from functools import reduce
from itertools import pairwise
from pathlib import Path

import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.transpiler import generate_preset_pass_manager

import quantumlink as ql
from quantumlink.circuits import ghz_state
from quantumlink.execution.preparation import compiled, predict, prepare
from quantumlink.program import Program
from quantumlink.rewrites import reuse_qubits

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "beside_plain_circuits.md"
SEED = 7

OPENING = """# Entanglement at a distance, beside plain circuits

One Bell pair between the ends of a line of qubits, three ways, each in the instructions of the same fake devices
with the calibration of some day: `ladder` entangles by a ladder of CNOTs and undoes it on the way back; `taught`
makes neighboring pairs, measures in the middle and corrects the last qubit by parities (`if_test`); both compiled
by Qiskit at level 3. `ours` is `prepare` of the link, which chooses place and corrections. The predicted fidelity
to Φ⁺ is that of `predict`: stated errors, relaxation, the readout of the ends and a feed-forward latency of 1 µs,
nothing else; the ladders of ten are sampled, to about ±0.003. Nothing here was measured on a device.
`tests/integration/test_baselines_table.py` writes this page.

A ladder measures nothing on the way. Where a readout errs more than a gate, as here, it is the better pair over a
short line; what is measured in the middle wins as the line grows, for its depth does not. And a ladder needs gates
all the way: between nodes of a network there are none.

| device | qubits | how | two-qubit gates | depth | µs | predicted fidelity |
|---|---|---|---|---|---|---|
"""

LARGE = """
Larger ones, by the product of the stated fidelities (`expected fidelity`), which compares circuits; of the chains
the predicted fidelity to Φ⁺ stands beside it, of which a quarter is nothing. A hundred hops are two hundred qubits:
they go along a line of the chip and back on it, over qubits that were measured and reset (`reuse_qubits` with
`at_most=102`), or around on four.

| device | what | how | qubits | two-qubit gates | depth | µs | expected fidelity | predicted fidelity |
|---|---|---|---|---|---|---|---|---|
"""

SPREAD = 102
"""Qubits on which a chain of a hundred hops takes two rounds."""


def devices():
    from qiskit_ibm_runtime import fake_provider

    return [fake_provider.FakeTorino(), fake_provider.FakeFez()]


def ladder(size):
    """CNOTs to the far end, and back for all but the last."""
    circuit = QuantumCircuit(size)
    circuit.h(0)
    for q in range(size - 1):
        circuit.cx(q, q + 1)
    for q in reversed(range(size - 2)):
        circuit.cx(q, q + 1)
    return _program(circuit)


def taught(size):
    """Neighboring pairs, Bell measurements between them, two parities that correct the far end."""
    swaps = size // 2 - 1
    record = ClassicalRegister(2 * swaps, "record")
    circuit = QuantumCircuit(QuantumRegister(size, "q"), record)
    for q in range(0, size, 2):
        circuit.h(q)
        circuit.cx(q, q + 1)
    for k in range(swaps):
        left, right = 2 * k + 1, 2 * k + 2
        circuit.cx(left, right)
        circuit.h(left)
        circuit.measure(left, record[2 * k])
        circuit.measure(right, record[2 * k + 1])
    for first, gate in ((1, circuit.x), (0, circuit.z)):
        bits = [expr.lift(bit) for bit in list(record)[first::2]]
        with circuit.if_test(reduce(expr.bit_xor, bits)):
            gate(size - 1)
    return _program(circuit)


def _program(circuit):
    ends = {"alice": 0, "bob": circuit.num_qubits - 1}
    return Program(circuit, ends, tuple(ql.Node(f"n{q}") for q in range(circuit.num_qubits)))


def chain(hops):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)])


def plain(program, device):
    manager = generate_preset_pass_manager(3, backend=device, seed_transpiler=SEED)
    corrections = "sequential" if program.circuit.num_clbits else "frame"
    return prepare(program, device, pass_manager=manager, corrections=corrections, seed=SEED)


def row(device, size, how):
    """One way to one pair over a line of so many qubits."""
    made = {
        "ladder": lambda: plain(ladder(size), device),
        "taught": lambda: plain(taught(size), device),
        "ours": lambda: prepare(chain(size // 2), device, seed=SEED),
    }[how]()
    found = predict(made, seed=SEED, shots=20_000)  # runs where it is too large to be followed exactly
    cost = made.cost
    told = f"{how} ({made.corrections})" if how == "ours" else how
    return (
        f"| {device.name} | {size} | {told} | {cost.two_qubit_gates} | {cost.depth} | "
        f"{cost.duration_s * 1e6:.2f} | {found.fidelity().best:.4f} |"
    )


def large_rows(device):
    for size in (20, 40):
        for how, depth in (("ladder of CNOTs", "linear"), ("by measurement", "constant")):
            found = compiled(ghz_state(size, depth=depth), device, seed=SEED)
            yield _large(device, f"GHZ of {size}", how, found.circuit, found.cost)
    for how, at_most in (("there and back", SPREAD), ("around on four qubits", None)):
        yield hundred_hops(device, how, at_most)[0]


def hundred_hops(device, how, at_most):
    """The row, and the preparation."""
    lean = reuse_qubits(ql.compose(chain(100), corrections="frame"), at_most=at_most)
    made = prepare(lean, device, seed=SEED, optimization_level=1)
    fidelity = f"{predict(made).fidelity().best:.4f}"
    return _large(device, "100 hops", f"ours, {how}", made.circuit, made.cost, fidelity), made


def _large(device, what, how, circuit, cost, predicted="–"):
    used = len({q for i in circuit.data if i.name not in ("barrier", "delay") for q in i.qubits})
    return (
        f"| {device.name} | {what} | {how} | {used} | {cost.two_qubit_gates} | {cost.depth} | "
        f"{cost.duration_s * 1e6:.1f} | {cost.expected_fidelity:.3g} | {predicted} |"
    )


def page():
    rows = [
        row(device, size, how)
        for device in devices()
        for size in (4, 6, 10)
        for how in ("ladder", "taught", "ours")
    ]
    large = [told for device in devices()[1:] for told in large_rows(device)]
    return OPENING + "\n".join(rows) + "\n" + LARGE + "\n".join(large) + "\n"


@pytest.mark.parametrize("how", ["ladder", "taught"])
def test_the_plain_circuits_make_pairs(how):
    program = {"ladder": ladder, "taught": taught}[how](8)
    samples = ql.sample(program, shots=500, noise="sampler", sampler=ql.ExactSampler(seed=1))
    assert samples.fidelity().best == 1.0


def test_the_page_is_what_is_computed():
    pytest.importorskip("qiskit_ibm_runtime")
    torino = devices()[0]
    told = PAGE.read_text("utf-8")
    fidelities = {}
    for how in ("ladder", "taught", "ours"):
        found = row(torino, 4, how)
        assert found in told
        fidelities[how] = float(found.split("|")[-2])
    assert fidelities["ours"] > fidelities["taught"]


def test_a_hundred_hops_there_and_back():
    """What the page says of their place and cost; their figure is predicted anew by the command alone."""
    pytest.importorskip("qiskit_ibm_runtime")
    device = devices()[1]
    lean = reuse_qubits(ql.compose(chain(100), corrections="frame"), at_most=SPREAD)
    made = prepare(lean, device, seed=SEED, optimization_level=1)
    row = _large(device, "100 hops", "ours, there and back", made.circuit, made.cost)
    assert row.removesuffix(" – |") in PAGE.read_text("utf-8")
    # A CX for each pair and each of the 99 nodes between: nothing is routed, and two rounds last twice one.
    assert made.cost.two_qubit_gates == 100 + 99
    one = prepare(chain(4), device, seed=SEED, optimization_level=1)
    assert made.cost.duration_s < 3 * one.cost.duration_s


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
