"""Mutants: every small mistake that a person could make in a primitive must fail its checks.

Each primitive is rewritten, one mistake at a time: an instruction left out, exchanged with its neighbour or put
on another qubit or bit; a gate turned round or replaced; a correction that is another Pauli, reads another bit,
fires at the wrong value or always; a pair in another Bell state. Two checks look at each mutant: the stabiliser
flows, decided by stim, and the closed form on two different Bell-diagonal pairs, read by the branch interpreter.
Some rewritten circuits are still right; they are named, with the reason, and must pass.
"""

import pytest
from oracles.promises import PROMISES, closed_form_error
from qiskit.circuit import IfElseOp, QuantumCircuit
from qiskit.circuit.library import CZGate, HGate, SGate, SXdgGate, SXGate, XGate, YGate, ZGate

# Exact up to rounding: a mutant that is wrong is wrong by a difference of populations, 0.02 or more.
EXACT = 1e-9

REPLACEMENTS = {"h": [SGate()], "cx": [CZGate()], "sx": [SXdgGate(), HGate()], "sxdg": [SXGate(), HGate()]}
CORRECTIONS = {"x": XGate(), "y": YGate(), "z": ZGate()}


def mutants(circuit, prepared_qubits=()):
    """Yield (name, circuit), one mistake each."""
    data = list(circuit.data)

    def rebuilt(instructions):
        result = circuit.copy_empty_like()
        for instruction in instructions:
            result.append(instruction)
        return result

    def with_instead(place, *instructions):
        return rebuilt([*data[:place], *instructions, *data[place + 1 :]])

    for i, instruction in enumerate(data):
        operation, name = instruction.operation, instruction.name
        at = f"{i} {name}"
        yield f"drop {at}", with_instead(i)
        if i + 1 < len(data) and set(instruction.qubits) & set(data[i + 1].qubits):
            yield f"exchange {at} with the next", rebuilt([*data[:i], data[i + 1], instruction, *data[i + 2 :]])
        if isinstance(operation, IfElseOp):
            yield from ((f"{what} {at}", with_instead(i, *new)) for what, new in _corrections(circuit, instruction))
            continue
        for gate in REPLACEMENTS.get(name, ()):
            yield f"{gate.name} for {at}", with_instead(i, instruction.replace(operation=gate))
        if name == "cx":
            yield f"turn round {at}", with_instead(i, instruction.replace(qubits=instruction.qubits[::-1]))
        for position, mine in enumerate(instruction.qubits):
            for other in circuit.qubits:
                if other not in instruction.qubits:
                    qubits = [*instruction.qubits]
                    qubits[position] = other
                    names = f"{circuit.find_bit(mine).index} to {circuit.find_bit(other).index}"
                    yield f"move {at}, qubit {names}", with_instead(i, instruction.replace(qubits=qubits))
    measured = [i for i, instruction in enumerate(data) if instruction.name == "measure"]
    first, second = measured
    exchanged = list(data)
    exchanged[first] = data[first].replace(clbits=data[second].clbits)
    exchanged[second] = data[second].replace(clbits=data[first].clbits)
    yield "exchange the measured bits", rebuilt(exchanged)
    conditional = [i for i in range(len(data)) if isinstance(data[i].operation, IfElseOp)]
    if conditional:
        first, second = conditional
        exchanged = list(data)
        for mine, other in ((first, second), (second, first)):
            (_, correction) = _conditional(
                circuit, data[mine], gate=data[other].operation.blocks[0].data[0].operation
            )
            exchanged[mine] = correction
        yield "exchange X and Z of both corrections", rebuilt(exchanged)
    for qubit in prepared_qubits:
        start = next(
            i for i, x in enumerate(data) if i > 0 and x.name == "cx" and circuit.qubits[qubit] in x.qubits
        )
        for gate in (XGate(), YGate(), ZGate()):
            wrong = QuantumCircuit(circuit.qubits)
            wrong.append(gate, [qubit])
            state = {"x": "Ψ⁺", "y": "Ψ⁻", "z": "Φ⁻"}[gate.name]
            yield (
                f"{state} for Φ⁺ on qubit {qubit}",
                rebuilt([*data[: start + 1], wrong.data[0], *data[start + 1 :]]),
            )


def _corrections(circuit, instruction):
    """Mistakes in a conditional Pauli: what it is called, and the instructions in its place."""
    (gate,) = (inner.operation for inner in instruction.operation.blocks[0].data)
    (target,) = instruction.qubits
    bit, value = instruction.operation.condition
    for letter, other in CORRECTIONS.items():
        if letter != gate.name:
            yield f"{letter} in", [_conditional(circuit, instruction, gate=other)[1]]
    for clbit in circuit.clbits:
        if clbit != bit:
            yield "other bit in", [_conditional(circuit, instruction, condition=(clbit, value))[1]]
    yield "fire at 0 in", [_conditional(circuit, instruction, condition=(bit, 0))[1]]
    always = QuantumCircuit(circuit.qubits, circuit.clbits)
    always.append(gate, [target])
    yield "always fire", [always.data[0]]
    for qubit in circuit.qubits:
        if qubit != target:
            name = f"on qubit {circuit.find_bit(qubit).index}"
            yield name, [_conditional(circuit, instruction, qubit=qubit)[1]]


def _conditional(circuit, instruction, *, gate=None, condition=None, qubit=None):
    operation = instruction.operation
    (inner,) = operation.blocks[0].data
    target = instruction.qubits[0] if qubit is None else qubit
    made = QuantumCircuit(circuit.qubits, circuit.clbits)
    with made.if_test(operation.condition if condition is None else condition):
        made.append(inner.operation if gate is None else gate, [target])
    return made, made.data[0]


# Where each primitive prepares pairs of its own: one qubit of each.
PREPARED = {"teleportation": (2,), "swap of prepared pairs": (0, 3)}

COMMUTE = "X and Z commute up to a sign, which no state remembers"
EITHER_HALF = "on a perfect pair of the circuit's own, a gate on one half is the same gate on the other"
STILL_RIGHT = {
    ("teleportation", "exchange 6 if_else with the next"): COMMUTE,
    ("teleportation through a given pair", "exchange 4 if_else with the next"): COMMUTE,
    ("swap", "exchange 4 if_else with the next"): COMMUTE,
    ("swap of prepared pairs", "exchange 8 if_else with the next"): COMMUTE,
    ("teleportation", "move 2 cx, qubit 1 to 2"): EITHER_HALF,
    ("swap of prepared pairs", "move 4 cx, qubit 1 to 0"): EITHER_HALF,
    ("swap of prepared pairs", "move 4 cx, qubit 2 to 3"): EITHER_HALF,
    ("swap of prepared pairs", "on qubit 0 8 if_else"): EITHER_HALF,
    ("swap of prepared pairs", "on qubit 0 9 if_else"): EITHER_HALF,
}
"""Rewritten circuits that are no mistakes, with the reason. The last kind are mistakes on given pairs."""

ALL = [
    (name, what, mutant)
    for name, promise in PROMISES.items()
    for what, mutant in mutants(promise.circuit, PREPARED.get(name, ()))
]
WRONG = [
    pytest.param(name, mutant, id=f"{name}: {what}")
    for name, what, mutant in ALL
    if (name, what) not in STILL_RIGHT
]


_caught = {}


def caught_by(name, circuit):
    """The checks that a circuit fails."""
    if id(circuit) in _caught:  # the mutants stay alive in ALL, so that their identities are theirs alone
        return _caught[id(circuit)]
    checks = _caught[id(circuit)] = set()
    if PROMISES[name].broken_flows(circuit):
        checks.add("flows")
    if closed_form_error(name, circuit) > EXACT:
        checks.add("closed form")
    return checks


@pytest.mark.parametrize("name", PROMISES)
def test_the_primitives_themselves_pass(name):
    assert caught_by(name, PROMISES[name].circuit) == set()


@pytest.mark.parametrize(("name", "mutant"), WRONG)
def test_every_mutant_is_caught(name, mutant):
    assert caught_by(name, mutant)


def test_circuits_that_are_still_right_pass():
    found = {(name, what): mutant for name, what, mutant in ALL}
    assert len(found) == len(ALL)
    assert {key: caught_by(key[0], found[key]) for key in STILL_RIGHT} == {key: set() for key in STILL_RIGHT}


def test_catch_rate(record_property):
    # All by the two checks together; the rates of each alone tell how much they overlap.
    caught = [caught_by(*param.values) for param in WRONG]
    rates = {check: sum(check in c for c in caught) / len(WRONG) for check in ("flows", "closed form")}
    rates["either"] = sum(map(bool, caught)) / len(WRONG)
    record_property("mutants", len(WRONG))
    record_property("catch_rates", rates)
    print(f"{len(WRONG)} mutants, caught: {rates}")  # noqa: T201  shown with -rP
    assert rates["either"] == 1
    # Every kind of mistake that this file promises is among them.
    kinds = (
        "drop",
        "exchange",
        "turn round",
        "move",
        "other bit",
        "fire at 0",
        "always fire",
        "on qubit",
        "Ψ⁺ for",
    )
    for kind in kinds:
        assert any(param.id.split(": ")[1].startswith(kind) for param in WRONG), kind
