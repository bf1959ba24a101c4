"""What every circuit of the library promises, tested for all of them: a new builder is in it by itself.

The builders are found in ``quantumlink_circuits.__all__``: functions that return a `QuantumCircuit` and can be
called without arguments. Their variants come from their signatures: each choice of a `Literal`, each value of
a switch, one angle where none is needed.
"""

import inspect
import io
import warnings
from contextlib import suppress
from typing import Literal, get_args, get_origin, get_type_hints

import matplotlib as mpl
import numpy as np
import pytest
import quantumlink_circuits as library
from oracles.density import truth_table
from qiskit import qasm3, qpy
from qiskit.circuit import Gate, IfElseOp, Instruction, QuantumCircuit
from qiskit.quantum_info import Operator

# A dispatcher to other builders refers to their docstrings.
DISPATCHERS = {"purification"}


def _builders():
    for name in library.__all__:
        function = getattr(library, name)
        if inspect.isfunction(function) and get_type_hints(function).get("return") is QuantumCircuit:
            yield name, function


def _variants():
    """(id, circuit) of every builder with its defaults, and with each of its options changed."""
    for name, builder in _builders():
        parameters = inspect.signature(builder).parameters
        if any(p.default is inspect.Parameter.empty for p in parameters.values()):
            continue
        yield name, builder()
        hints = get_type_hints(builder)
        for option, parameter in parameters.items():
            if get_origin(hints.get(option)) is Literal:
                values = [v for v in get_args(hints[option]) if v != parameter.default]
            elif isinstance(parameter.default, bool):
                values = [not parameter.default]
            elif parameter.default is None and float in get_args(hints.get(option)):
                values = [0.7]
            else:
                values = []
            for value in values:
                # Two options may exclude each other: such a choice is refused, and is no variant.
                with suppress(ValueError):
                    yield f"{name}({option}={value!r})", builder(**{option: value})


ALL = dict(_variants())
every_circuit = pytest.mark.parametrize("circuit", ALL.values(), ids=ALL)


def bound(circuit):
    """The circuit with its parameters set to different plain angles."""
    return circuit.assign_parameters(np.linspace(0.3, 2.1, circuit.num_parameters).tolist())


def steps(circuit, qubit_of=None, clbit_of=None):
    """A circuit as plain data: operations by name with their bits by index, blocks with their truth tables."""
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)} if qubit_of is None else qubit_of
    clbit_of = {c: i for i, c in enumerate(circuit.clbits)} if clbit_of is None else clbit_of
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [qubit_of[q] for q in instruction.qubits]
        clbits = [clbit_of[c] for c in instruction.clbits]
        if not isinstance(operation, IfElseOp):
            yield instruction.name, qubits, clbits, operation
            continue
        yield "if_test", (), (), truth_table(operation.condition, clbit_of)
        for block in operation.blocks:
            yield from steps(
                block, dict(zip(block.qubits, qubits, strict=True)), dict(zip(block.clbits, clbits, strict=True))
            )
            yield "end", (), (), None


def same_step(mine, other):
    if mine[1:3] != other[1:3]:
        return False
    if isinstance(mine[3], Gate):
        # By what the gates do: the importer may know them by other names.
        return Operator(other[3]).equiv(Operator(mine[3]))
    return mine[0] == other[0] and (mine[0] != "if_test" or mine[3] == other[3])


def test_builders_are_found():
    assert {"bell_pair", "teleportation", "entanglement_swap", "dejmps", "bbpssw"} <= set(ALL)
    assert {"bell_pair(state='psi-')", "teleportation(prepare_pair=False)", "bbpssw(twirl=False)"} <= set(ALL)


def test_every_builder_can_be_called_without_arguments():
    # So that none escapes the contract.
    assert [name for name, _ in _builders() if name not in ALL] == []


@pytest.mark.parametrize("name", [name for name, _ in _builders()])
def test_docstring_has_a_drawing_the_ports_and_an_example(name):
    text = inspect.getdoc(getattr(library, name))
    assert ">>>" in text
    if name in DISPATCHERS:
        return
    drawing = text.split("```")[1]
    assert any(line in drawing for line in "─═")
    assert "Ports:" in text
    # The ports are the registers: each is named in the text, in backquotes.
    for register in (*ALL[name].qregs, *ALL[name].cregs):
        assert f"``{register.name}``" in text or f"``{register.name}[" in text or "as `" in text.split("Ports:")[1]


@every_circuit
def test_every_bit_belongs_to_one_named_register(circuit):
    assert circuit.name
    assert not circuit.name.startswith("circuit-")
    for bits, registers in ((circuit.qubits, circuit.qregs), (circuit.clbits, circuit.cregs)):
        assert [bit for register in registers for bit in register] == bits
    names = [register.name for register in (*circuit.qregs, *circuit.cregs)]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isidentifier()
        assert len(name) == 1 or not name[1:].isdigit(), f"{name!r} is Qiskit's default name"


@every_circuit
def test_heralds_are_parities_of_its_own_bits(circuit):
    metadata = circuit.metadata or {}
    for herald in (*metadata.get("heralds", []), *metadata.get("odd_heralds", [])):
        assert herald
        assert len(set(herald)) == len(herald)
        assert all(0 <= bit < circuit.num_clbits for bit in herald)


@pytest.mark.parametrize("builder", [builder for _, builder in _builders()], ids=lambda b: b.__name__)
def test_a_builder_returns_a_new_circuit_each_time(builder):
    first, second = builder(), builder()
    size, metadata = len(second.data), dict(second.metadata or {})
    first.barrier()
    if first.metadata:
        first.metadata["touched"] = True
        for value in first.metadata.values():
            if isinstance(value, list):
                value.append("touched")
    assert len(second.data) == size
    assert (second.metadata or {}) == metadata == (builder().metadata or {})


@every_circuit
def test_survives_qpy(circuit):
    file = io.BytesIO()
    qpy.dump(circuit, file)
    file.seek(0)
    (loaded,) = qpy.load(file)
    assert loaded == circuit
    assert loaded.metadata == circuit.metadata
    assert [str(p) for p in loaded.parameters] == [str(p) for p in circuit.parameters]
    assert [r.name for r in (*loaded.qregs, *loaded.cregs)] == [r.name for r in (*circuit.qregs, *circuit.cregs)]


@every_circuit
def test_exports_to_openqasm3_and_back(circuit):
    pytest.importorskip("qiskit_qasm3_import")
    text = qasm3.dumps(bound(circuit))
    if "^" in text:  # Qiskit's importer knows no xor: these conditions are only exported
        return
    loaded = qasm3.loads(text)
    # The exporter renames a register that is called like a gate or a keyword ("phase" to "phase_0").
    for mine, other in zip((*circuit.qregs, *circuit.cregs), (*loaded.qregs, *loaded.cregs), strict=True):
        assert mine.size == other.size
        assert other.name == mine.name or other.name.rpartition("_")[0] == mine.name
    assert all(same_step(a, b) for a, b in zip(steps(bound(circuit)), steps(loaded), strict=True))


@every_circuit
def test_draws(circuit):
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        text = str(circuit.draw("text", fold=-1))
        for register in (*circuit.qregs, *circuit.cregs):
            assert register.name in text
        figure = circuit.draw("mpl")
        try:
            assert figure.get_size_inches().min() > 0
        finally:
            plt.close(figure)


# Families of IBM processors: Eagle (ECR, heavy hexagons), Heron r1 and r2 (CZ), Nighthawk (a square lattice).
MACHINES = {
    "Eagle": "FakeSherbrooke",
    "Heron r1": "FakeTorino",
    "Heron r2": "FakeMarrakesh",
    "Nighthawk": "FakeNighthawk",
}


def transpiler(family, level):
    fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    from qiskit.transpiler import generate_preset_pass_manager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some snapshots warn that they are not typical
        backend = getattr(fake_provider, MACHINES[family])()
    return backend.target, generate_preset_pass_manager(level, backend=backend, seed_transpiler=7)


@pytest.fixture(scope="module")
def machine():
    return transpiler("Heron r1", 1)


@pytest.fixture(scope="module", params=[(f, level) for f in MACHINES for level in (1, 3)], ids=str)
def any_machine(request):
    return transpiler(*request.param)


def assert_compiles(circuit, machine):
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    target, pass_manager = machine
    compiled = pass_manager.run(circuit)
    assert is_isa_circuit(compiled, target) == ""  # else the reason
    assert compiled.num_clbits == circuit.num_clbits
    measured = [op.count_ops().get("measure", 0) for op in (circuit, compiled)]
    assert measured[0] == measured[1]


@every_circuit
def test_transpiles_for_a_machine(circuit, machine):
    assert_compiles(circuit, machine)


@pytest.mark.parametrize("name", [name for name, _ in _builders()])
def test_transpiles_for_every_family_at_levels_1_and_3(name, any_machine):
    assert_compiles(ALL[name], any_machine)


# --- the channel instruction, which is no circuit of its own


def test_pauli_channel_survives_qpy_and_is_dropped_by_a_machine(machine):
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.append(library.PauliChannel(0.1, 0.2, 0.3), [0])
    file = io.BytesIO()
    qpy.dump(circuit, file)
    file.seek(0)
    (loaded,) = qpy.load(file)
    operation = loaded.data[1].operation
    assert isinstance(operation, Instruction)
    assert (operation.name, [float(p) for p in operation.params]) == ("pauli_channel", [0.1, 0.2, 0.3])
    assert "pauli_channel" not in machine[1].run(circuit).count_ops()


@pytest.mark.parametrize(
    ("probabilities", "text"),
    [
        ((-0.1, 0, 0), "px must be a probability in [0, 1], got -0.1"),
        ((0, 1.1, 0), "py must be a probability in [0, 1], got 1.1"),
        ((0, 0, float("nan")), "pz must be a probability in [0, 1], got nan"),
        ((0.5, 0.4, 0.2), "px + py + pz must not exceed 1"),
    ],
)
def test_pauli_channel_refuses_impossible_probabilities(probabilities, text):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  the text is compared literally
        library.PauliChannel(*probabilities)
    assert text in str(refusal.value)


def test_pauli_channel_has_no_inverse():
    with pytest.raises(ValueError, match="no inverse"):
        library.PauliChannel(0.1, 0, 0).inverse()


@pytest.mark.parametrize(
    ("builder", "wrong"),
    [
        (library.bell_pair, {"state": "phi"}),
        (library.bell_pair, {"theta": float("inf")}),
        (library.purification, {"protocol": "entangle"}),
    ],
)
def test_builders_refuse_and_say_what_they_would_accept(builder, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        builder(**wrong)
