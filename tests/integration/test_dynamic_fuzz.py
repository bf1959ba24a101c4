"""Random dynamic circuits: every engine and every rewrite beside an enumeration that shares no code with them.

By default some 2,000 cases in under a minute; ``--fuzz-cases=20000`` looks further. A case is repeated by the
number that a failure prints. What an engine or a rewrite refuses is no failure, as long as it refuses in its
own words, and not most of what it claims to take.
"""

from collections import Counter
from random import Random

import numpy as np
import pytest
from oracles.dynamic_circuits import delivered, probabilities
from oracles.random_circuits import CLIFFORD, DEFERRABLE, EVERYTHING, FRAMES, WITHOUT_VARIABLES, random_program

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.rewrites import (
    deferred_measurement,
    feedforward,
    pauli_frame,
    reuse_qubits,
)

SHARES = {"exact": 0.45, "clifford": 0.15, "aer": 0.05, "rewrite": 0.35}
"""How the cases are shared out; Aer costs most a case."""

SHOTS = 300
FALSE_ALARM = 1e-9
"""Of one comparison: some thousands a session stay below 1e-5."""

MAX_QUBITS = 8
"""Widest circuit that is enumerated: 4⁸ entries."""


@pytest.fixture
def cases(request, seed):
    """The numbers of this session's cases, and how many the test of this kind runs."""
    total = request.config.getoption("--fuzz-cases")
    return lambda kind, parts=1: [seed * 1_000_003 + i for i in range(max(1, int(total * SHARES[kind] / parts)))]


def assert_same_state(found, expected, number):
    assert np.abs(found - expected).max() < 1e-9, f"case {number}"


def test_the_exact_interpreter(cases):
    refused = Counter()
    for number in cases("exact"):
        program = random_program(Random(number), EVERYTHING)
        circuit = program.circuit
        expected = probabilities(circuit)
        try:
            told = branches(circuit, inputs=[], outputs=[])
        except UnsupportedOperation as refusal:
            refused[str(refusal)] += 1
            continue
        found = {record: float(tensor.ravel()[0]) for record, tensor in told.items()}
        for record in {*found, *expected}:
            assert found.get(record, 0) == pytest.approx(expected.get(record, 0), abs=1e-9), f"case {number}"
    assert sum(refused.values()) < len(cases("exact")) / 10, refused.most_common(5)


PALETTES = {"clifford": CLIFFORD, "aer": WITHOUT_VARIABLES, "exact": EVERYTHING}


@pytest.mark.parametrize(("engine", "palette"), PALETTES.items())
def test_engines_measure_what_is_enumerated(engine, palette, cases):
    """Accepted outcomes of one basis: none that cannot happen, and each about as often as it should."""
    basis = {"ZZ": np.eye(4), "XX": np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]]) / 2}
    refused, numbers = Counter(), cases(engine, parts=4 if engine == "exact" else 1)
    for number in numbers:
        program = random_program(Random(number), palette)
        label = ("ZZ", "XX")[number % 2]
        exact = np.real(np.diag(basis[label] @ delivered(program) @ basis[label]))
        try:
            samples = ql.sample(program, [label], shots=SHOTS, seed=number % 2**31, engine=engine)
        except (UnsupportedOperation, ValueError) as refusal:
            assert not isinstance(refusal, IndexError | KeyError)
            refused[str(refusal)[:160]] += 1
            continue
        counts = np.array(samples.outcomes[label])
        # Hoeffding, two-sided, for each of four outcomes.
        tolerance = np.sqrt(np.log(8 / FALSE_ALARM) / (2 * SHOTS))
        assert np.abs(counts / SHOTS - exact).max() < tolerance, f"case {number}: {counts / SHOTS} for {exact}"
        assert not counts[exact < 1e-12].any(), f"case {number}: {counts} for {exact}"
    assert sum(refused.values()) < len(numbers) / 4, refused.most_common(5)


REWRITES = {
    "pauli_frame": (pauli_frame, FRAMES),
    "feedforward": (feedforward, FRAMES),
    "deferred": (deferred_measurement, DEFERRABLE),
    "reused": (reuse_qubits, EVERYTHING),
    "framed at random": (pauli_frame, EVERYTHING),
    "deferred at random": (deferred_measurement, EVERYTHING),
}
MOSTLY_REFUSED = {"framed at random", "deferred at random"}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites_deliver_the_same_state(name, cases):
    rewrite, palette = REWRITES[name]
    refused, numbers, wide = Counter(), cases("rewrite", parts=len(REWRITES)), 0
    for number in numbers:
        program = random_program(Random(number), palette)
        try:
            rewritten = rewrite(program)
        except UnsupportedOperation as refusal:
            refused[str(refusal)[:160]] += 1
            continue
        if rewritten.circuit.num_qubits > MAX_QUBITS:
            wide += 1
            continue
        assert_same_state(delivered(rewritten), delivered(program), number)
    limit = len(numbers) if name in MOSTLY_REFUSED else len(numbers) / 2
    assert sum(refused.values()) + wide < limit, (wide, refused.most_common(5))
