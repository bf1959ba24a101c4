"""The example of a class: a right answer gets all points, a wrong one those that it deserves, with the reason."""

import re
import shutil
from pathlib import Path

import pytest

CLASS = Path(__file__).parents[2] / "notebooks" / "class"
GUIDE = CLASS.parent / "guide" / "testing_circuits.md"
PLUGIN = "quantumlink.testing.plugin"

HEAD = "from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister\n"
SINGLET = """
def singlet():
    circuit = QuantumCircuit(2)
    circuit.x([0, 1])
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit
"""
TELEPORTATION = """
def teleportation():
    m, s, r = (QuantumRegister(1, name) for name in ("message", "sender", "receiver"))
    record = ClassicalRegister(2, "record")
    circuit = QuantumCircuit(m, s, r, record)
    circuit.h(s)
    circuit.cx(s, r)
    circuit.cx(m, s)
    circuit.h(m)
    circuit.measure([0, 1], record)
    with circuit.if_test((record[1], 1)):
        circuit.x(r)
    with circuit.if_test((record[0], 1)):
        circuit.z(r)
    return circuit
"""
PARITY = """
def parity_check():
    data, ancilla = QuantumRegister(2, "data"), QuantumRegister(1, "ancilla")
    parity = ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(data, ancilla, parity)
    circuit.cx(data[0], ancilla[0])
    circuit.cx(data[1], ancilla[0])
    circuit.measure(ancilla, parity)
    return circuit
"""
TRIPLET = SINGLET.replace("circuit.x([0, 1])", "circuit.x(1)")
WITHOUT_Z = TELEPORTATION.replace("circuit.z(r)", "circuit.id(r)")
CROSSED = TELEPORTATION.replace("record[1], 1", "record[9], 1").replace("record[0], 1", "record[1], 1")
CROSSED = CROSSED.replace("record[9], 1", "record[0], 1")
LOOKED_AT = PARITY.replace("circuit.measure(", "circuit.measure(0, 0)\n    circuit.measure(")


@pytest.fixture
def graded(pytester, monkeypatch):
    """What the hidden tests say of a file that was handed in: its points, and a line for each test."""

    def grade(text):
        for path in CLASS.iterdir():
            if path.is_file():
                shutil.copy(path, pytester.path)
        if text is not None:
            (pytester.path / "handed_in.py").write_text(HEAD + text, encoding="utf-8")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        said = pytester.runpytest_subprocess("-q", "-p", PLUGIN, "--strict-markers").stdout.str()
        (points,) = re.findall(r"^(\d+) of 10 points$", said, flags=re.MULTILINE)
        lines = re.findall(r"^(\d) of \d  (.*)$", said, flags=re.MULTILINE)
        return int(points), [int(reached) for reached, _ in lines], [text for _, text in lines]

    return grade


def test_a_right_answer_gets_all(graded):
    points, each, lines = graded(SINGLET + TELEPORTATION + PARITY)
    assert (points, each) == (10, [1, 2, 1, 3, 1, 2])
    assert not any(":" in line for line in lines)


def test_forgotten_signs_and_corrections_cost_what_they_break(graded):
    points, each, lines = graded(TRIPLET + WITHOUT_Z + PARITY)
    assert (points, each) == (5, [1, 0, 1, 0, 1, 2])
    assert "expected -1" in lines[1]
    assert "X" in lines[3]


def test_crossed_corrections_and_a_look_too_many(graded):
    points, each, lines = graded(SINGLET + CROSSED + LOOKED_AT)
    assert (points, each) == (4, [1, 2, 0, 0, 1, 0])
    assert all(":" in line for line, reached in zip(lines, each, strict=True) if not reached)


def test_nothing_handed_in_is_told(graded):
    points, each, lines = graded(None)
    assert (points, each) == (0, [0] * 6)
    assert all("not handed in" in line for line in lines)


def test_a_file_that_cannot_be_read_is_told(graded):
    points, each, lines = graded("def (")
    assert (points, each) == (0, [0] * 6)
    assert all("invalid syntax" in line or "SyntaxError" in line for line in lines)


def test_the_guide_shows_what_it_says(graded):
    _, _, lines = graded(TRIPLET + WITHOUT_Z + PARITY)
    shown = re.search(r"```text\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL).group(1)
    assert [line.split("  ", 1)[1] for line in shown.splitlines()[:-1]] == lines
