"""What each engine and rewrite takes and refuses: found by trying, and told in ``notebooks/guide/engines.md``.

Each cell is tried: what is taken has the distribution that an independent enumeration gives, what is refused is
refused by an error that names it. ``python tests/integration/test_engine_table.py`` writes the page anew.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pytest
from oracles.dynamic_circuits import delivered, probabilities
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import HGate, IGate
from qiskit_aer.noise import QuantumError, amplitude_damping_error, pauli_error, thermal_relaxation_error

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.engine import Setting
from quantumlink.execution.engine_choice import local_engine
from quantumlink.rewrites import deferred_circuit, noisy_circuit, pauli_frame, reused_circuit
from quantumlink.testing import assert_counts

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "engines.md"
SHOTS = 2_000


def base():
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    return circuit


def ending(circuit):
    circuit.h(1)
    circuit.measure([0, 1], [1, 2])
    return circuit


def when(condition, act, otherwise=None):
    def build():
        circuit = base()
        found = condition(circuit) if callable(condition) else condition
        with circuit.if_test(found) as other:
            act(circuit)
        if otherwise is not None:
            with other:
                otherwise(circuit)
        return ending(circuit)

    return build


def doing(act):
    def build():
        circuit = base()
        act(circuit)
        return ending(circuit)

    return build


def switched(circuit):
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1):
            circuit.x(1)
        with case(case.DEFAULT):
            circuit.z(1)


def looped(circuit):
    with circuit.for_loop(range(3)):
        circuit.x(1)
        circuit.measure(1, 1)


def left_early(circuit):
    with circuit.for_loop(range(3)):
        circuit.h(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.break_loop()


def until_success(circuit):
    with circuit.while_loop((circuit.clbits[1], 0)):
        circuit.h(1)
        circuit.measure(1, 1)


def boxed(circuit):
    with circuit.box():
        circuit.s(1)


def with_variable(circuit):
    number = circuit.add_var("number", expr.cast(circuit.clbits[0], types.Uint(3)))
    with circuit.if_test(expr.equal(expr.add(number, 1), 2)):
        circuit.x(1)


def composite(circuit):
    inner = QuantumCircuit(1, 1)
    with inner.if_test((0, 1)):
        inner.x(0)
    correction = Instruction("correction", 1, 1, [])
    correction.definition = inner
    circuit.append(correction, [1], [0])
    circuit.reset(0)
    circuit.measure(0, 0)


def device(name, clbits):
    return lambda c: c.append(Instruction(name, 1, clbits, []), [0], [0][:clbits])


def more_than_half(circuit):
    return expr.greater(expr.cast(circuit.cregs[0], types.Float()), 0.5)


ONE = (0, 1)
GATES = {
    "Clifford gates, measurement in the middle, reset": doing(lambda c: [c.reset(0), c.s(1)]),
    "other gates (T, rotations)": doing(lambda c: [c.t(1), c.rx(0.3, 1)]),
    "`measure_2`": doing(device("measure_2", 1)),
    "`reset_2`": doing(device("reset_2", 0)),
    "`measure_reset`": doing(device("measure_reset", 1)),
    "a composite that reads a bit": doing(composite),
    "`box`": doing(boxed),
}
CONDITIONAL = {
    "`if_test` around Paulis": when(ONE, lambda c: c.x(1)),
    "… with `else`": when(ONE, lambda c: c.x(1), lambda c: c.z(1)),
    "… on a register's value": when(lambda c: (c.cregs[0], 1), lambda c: c.x(1)),
    "… on an exclusive or": when(lambda c: expr.bit_xor(c.clbits[0], c.clbits[1]), lambda c: c.x(1)),
    "… on another expression": when(
        lambda c: expr.greater(expr.cast(c.cregs[0], types.Float()), 0.5), lambda c: c.x(1)
    ),
    "a conditional Clifford gate": when(ONE, lambda c: c.h(1)),
    "a conditional T": when(ONE, lambda c: c.t(1)),
    "a conditional measurement": when(ONE, lambda c: c.measure(1, 1)),
    "a conditional reset": when(ONE, lambda c: c.reset(1)),
}
FLOW = {
    "`switch`": doing(switched),
    "`for_loop`": doing(looped),
    "`break_loop`": doing(left_early),
    "`while_loop`": doing(until_success),
    "classical variables, `store`": doing(with_variable),
    "`store` into a bit": doing(lambda c: c.store(c.clbits[0], expr.bit_not(c.clbits[0]))),
}
CLIFFORD_NOISE = QuantumError([([(HGate(), [0])], 0.3), ([(IGate(), [0])], 0.7)])
NOISE = {
    "Pauli noise": doing(lambda c: c.append(pauli_error([("X", 0.2), ("Z", 0.1), ("I", 0.7)]), [1])),
    "… in a conditional block": when(ONE, lambda c: c.append(pauli_error([("X", 0.2), ("I", 0.8)]), [1])),
    "a Clifford gate by chance": doing(lambda c: c.append(CLIFFORD_NOISE, [1])),
    "relaxation with T2 ≤ T1": doing(lambda c: c.append(thermal_relaxation_error(5, 4, 2), [1])),
    "amplitude damping, other Kraus operators": doing(lambda c: c.append(amplitude_damping_error(0.3), [1])),
}
FEATURES = {"Gates and composites": GATES, "Conditions": CONDITIONAL, "Loops and variables": FLOW, "Noise": NOISE}


def program_of(circuit):
    return ql.Program(circuit, {"a": 0, "b": 1}, (ql.Node("n"), ql.Node("n")))


def on_engine(name):
    def run(circuit):
        runner, form = local_engine(program_of(circuit), [Setting(np.zeros(0), SHOTS)], 7, name)
        (bits,) = runner.run(form.circuit, [Setting(np.zeros(0), SHOTS)], range(form.circuit.num_clbits))
        ends = bits[:, -2:]  # the last two bits are those of the ends, in every form
        assert_counts(_counted(ends), _shortened(probabilities(circuit), lambda record: record[-2:]))

    return run


def by_frame(circuit):
    program = program_of(circuit)
    framed = pauli_frame(program)
    assert not any(i.is_control_flow() for i in framed.circuit.data)
    np.testing.assert_allclose(delivered(framed), delivered(program), rtol=0, atol=1e-9)


def by_rewrite(rewrite):
    def run(circuit):
        found = _shortened(probabilities(rewrite(circuit)), lambda record: record)
        assert found == pytest.approx(probabilities(circuit), abs=1e-9)

    return run


def by_noise(circuit):
    ideal = noisy_circuit(circuit, (ql.Node("n"), ql.Node("n")))
    assert probabilities(ideal) == pytest.approx(probabilities(circuit), abs=1e-9)


COLUMNS = {
    "exact": on_engine("exact"),
    "clifford": on_engine("clifford"),
    "aer": on_engine("aer"),
    "`pauli_frame`": by_frame,
    "`deferred_circuit`": by_rewrite(deferred_circuit),
    "`reused_circuit`": by_rewrite(lambda c: reused_circuit(c).circuit),
    "`add_noise`": by_noise,
}


def _counted(bits):
    found = {}
    for record in map(tuple, bits.astype(int).tolist()):
        found[record] = found.get(record, 0) + 1
    return found


def _shortened(table, key):
    found = {}
    for record, p in table.items():
        if p > 1e-12:
            found[key(record)] = found.get(key(record), 0.0) + p
    return found


def tried(build, column):
    """Whether a column takes a feature; wrong numbers and unclear errors are failures."""
    try:
        COLUMNS[column](build())
    except (UnsupportedOperation, ValueError) as error:
        assert len(str(error)) > 20
        return "–"
    return "yes"


INTRODUCTION = """
`yes`: it is taken, and has the distribution that an independent enumeration of its branches gives. `–`: it is
refused, by an error that names the operation and why. Every cell was tried by
`tests/integration/test_engine_table.py`, which writes this page.

The engines are those of `sample(..., engine=...)`. **exact** follows every branch (`ExactSampler`), as long as few
qubits are entangled, and few random bits kept, at one time. **clifford** is stim (`CliffordSampler`), of any size;
where more than Paulis is conditional or random, shots that go different ways are followed in groups. **aer** is
Qiskit Aer on this machine, given the circuit with boxes opened and devices' own measurements as plain ones.

A `while_loop` is followed to its end: **exact** sums what is left in it to the last digit, **clifford** runs until
the last shot has left; a loop that does not end is refused with the probability, or the shots, that are left.
"""


def page():
    lines = ["# What each engine and rewrite takes", "", *INTRODUCTION.strip().splitlines(), ""]
    for title, features in FEATURES.items():
        lines += [f"## {title}", "", f"| | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
        lines += [
            f"| {name} | {' | '.join(tried(build, column) for column in COLUMNS)} |"
            for name, build in features.items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def test_the_page_says_what_is_so():
    assert page() == PAGE.read_text(encoding="utf-8"), (
        "python tests/integration/test_engine_table.py writes it anew"
    )


def test_every_engine_takes_something_that_another_refuses():
    cells = {
        c: [tried(b, c) for part in FEATURES.values() for b in part.values()] for c in ("exact", "clifford", "aer")
    }
    assert cells["exact"].count("yes") == len(cells["exact"])
    assert "–" in cells["clifford"]
    assert "–" in cells["aer"]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
