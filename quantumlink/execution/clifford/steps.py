"""Reading a circuit: Qiskit's instructions, noise included, as a few kinds of steps that compare by content.

Composites are taken apart. Steps are plain tuples of numbers and of objects that are shared when equal, so that
a list of them is a dictionary's key: what was translated to stim once is found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from qiskit.circuit import CircuitInstruction, Gate, Parameter, QuantumCircuit, Qubit
from qiskit.circuit.library import UnitaryGate

from quantumlink.exact import UnsupportedOperation, instruction_of
from quantumlink.exact.classical import Scope
from quantumlink.exact.directed_boxes import refuse_directed
from quantumlink.exact.transfer import device_operation
from quantumlink.execution.clifford.conditions import Condition, read_condition
from quantumlink.execution.clifford.gates import STATEVECTOR, CliffordGate, clifford_gate, refusal, standard_gate
from quantumlink.execution.clifford.noise import (
    DENSITY_MATRIX,
    NOT_PAULI,
    ModelNoise,
    NotPauli,
    PauliMixture,
    Readout,
    mixture_of_channel,
)
from quantumlink.rewrites.noise_model import NATIVE_GATES, NEVER_NOISY

ANY_METHOD = "Aer's SamplerV2 can"
"""What could take a dynamic operation that this sampler has no rule for."""

_CHANNELS = {"pauli_channel", "quantum_channel", "kraus", "superop"}
_NOTHING = {"barrier", "global_phase"}


class GateStep(NamedTuple):
    """A Clifford gate."""

    gate: CliffordGate
    qubits: tuple[int, ...]


class RotationStep(NamedTuple):
    """A gate whose parameters are yet to be bound."""

    name: str
    params: tuple[Any, ...]
    qubits: tuple[int, ...]


class NoiseStep(NamedTuple):
    """A mixture of Paulis."""

    mixture: PauliMixture
    qubits: tuple[int, ...]


class MeasureStep(NamedTuple):
    """A measurement, and how its record may differ from what was found."""

    qubit: int
    clbit: int
    readout: Readout


class ResetStep(NamedTuple):
    """A reset."""

    qubit: int


class IfStep(NamedTuple):
    """Steps that are taken where a condition holds, and others where it does not."""

    condition: Condition
    body: tuple[Step, ...]
    other: tuple[Step, ...]


Step: TypeAlias = GateStep | RotationStep | NoiseStep | MeasureStep | ResetStep | IfStep


_ON_ONE = (MeasureStep, ResetStep)
"""A tuple, as a union of classes would be made anew for each step."""


class RefusedStep(UnsupportedOperation):
    """A step without a rule, and its index among the circuit's steps."""

    def __init__(self, text: str, step: int) -> None:
        super().__init__(text)
        self.step = step


def read(circuit: QuantumCircuit, noise: ModelNoise) -> list[Step]:
    """The steps of a circuit, under a noise model.

    Raises:
        UnsupportedOperation: on an operation without a rule: which, on which qubits, where, why, and what could
            run it.

    >>> circuit = QuantumCircuit(1, 1)
    >>> _ = circuit.h(0), circuit.measure(0, 0)
    >>> [type(step).__name__ for step in read(circuit, ModelNoise(None))]
    ['GateStep', 'MeasureStep']
    """
    reader, qubit_of, scope = _reader(circuit, noise)
    try:
        return reader.block(circuit.data, qubit_of, scope)
    except UnsupportedOperation:
        steps: list[Step] = []
        for place, instruction in enumerate(circuit.data):
            try:
                steps += reader.block([instruction], qubit_of, scope)
            except UnsupportedOperation as error:
                raise UnsupportedOperation(f"{error}{place_of(circuit, place)}") from error
        raise


def located(error: RefusedStep, circuit: QuantumCircuit, noise: ModelNoise) -> UnsupportedOperation:
    """The error with the place of its step in the circuit that was read."""
    reader, qubit_of, scope = _reader(circuit, noise)
    left = error.step
    for place, instruction in enumerate(circuit.data):
        left -= len(reader.block([instruction], qubit_of, scope))
        if left < 0:
            return UnsupportedOperation(f"{error}{place_of(circuit, place)}")
    raise AssertionError(f"no step {error.step}")


def bind(steps: Sequence[Step], values: Mapping[Parameter, float]) -> tuple[Step, ...]:
    """The steps with all their parameters set.

    Raises:
        RefusedStep: if a gate is not Clifford at its angle.
    """
    bound = []
    for i, step in enumerate(steps):
        try:
            bound.append(_bound(step, values))
        except UnsupportedOperation as error:
            raise RefusedStep(str(error), i) from error
    return tuple(bound)


def touched(step: Step) -> Iterator[int]:
    """The qubits of a step, those of its blocks included; some may come twice."""
    if isinstance(step, IfStep):
        for inner in (*step.body, *step.other):
            yield from touched(inner)
    elif isinstance(step, _ON_ONE):
        yield step.qubit
    else:
        yield from step.qubits


def _reader(circuit: QuantumCircuit, noise: ModelNoise) -> tuple[_Reader, dict[Qubit, int], Scope]:
    qubit_of = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    scope = Scope({clbit: i for i, clbit in enumerate(circuit.clbits)})
    return _Reader(noise), qubit_of, scope


def place_of(circuit: QuantumCircuit, place: int) -> str:
    """Where an instruction stands, to be said after why it is refused."""
    return f"; it stands at circuit.data[{place}] ({circuit.data[place].name!r})"


def _bound(step: Step, values: Mapping[Parameter, float]) -> Step:
    if isinstance(step, RotationStep):
        params = tuple(_value(p, values) for p in step.params)
        gate = standard_gate(step.name, params)
        if gate is None:
            raise _not_clifford(step.name, params, step.qubits)
        return GateStep(gate, step.qubits)
    if isinstance(step, IfStep):
        return IfStep(step.condition, bind(step.body, values), bind(step.other, values))
    return step


def _value(param: Any, values: Mapping[Parameter, float]) -> float:
    if isinstance(param, Parameter):
        return float(values[param])
    free = getattr(param, "parameters", ())
    return float(param.bind({p: values[p] for p in free}) if free else param)


def _not_clifford(name: str, params: Sequence[float], qubits: Sequence[int]) -> UnsupportedOperation:
    if not params:
        return refusal(repr(name), qubits, "it is not a Clifford gate", STATEVECTOR)
    angles = ", ".join(f"{p:.6g}" for p in params)
    return refusal(
        f"'{name}({angles})'", qubits, "it is not a Clifford gate at these angles in radians", STATEVECTOR
    )


class _Reader:
    def __init__(self, noise: ModelNoise) -> None:
        self._noise = noise
        self._plain: dict[str, CliffordGate] = {}
        """The standard gates without parameters that came so far."""

    def block(self, data: Iterable[CircuitInstruction], qubit_of: Mapping[Qubit, int], scope: Scope) -> list[Step]:
        steps: list[Step] = []
        no_errors = self._noise.is_empty
        for instruction in data:
            name = instruction.name
            if name in _NOTHING:
                continue
            qubits = tuple([qubit_of[q] for q in instruction.qubits])
            gate = self._plain.get(name) if no_errors else None
            if gate is not None and instruction.is_standard_gate():
                steps.append(GateStep(gate, qubits))
                continue
            if no_errors or name in NEVER_NOISY:
                self._add(steps, instruction, name, qubits, scope)
                continue
            error = self._noise.after(instruction.label or name, qubits)
            measures = name.startswith("measure") and device_operation(instruction.operation) is not None
            if error is not None and measures:
                steps.append(NoiseStep(error, qubits))
            self._add(steps, instruction, name, qubits, scope)
            if error is not None and not measures:
                steps.append(NoiseStep(error, qubits))
        return steps

    def _add(
        self,
        steps: list[Step],
        instruction: CircuitInstruction,
        name: str,
        qubits: tuple[int, ...],
        scope: Scope,
    ) -> None:
        if name == "if_else":
            steps.append(self._if(instruction, qubits, scope))
        elif instruction.is_standard_gate():
            gate = self._plain.get(name)
            if gate is not None:
                steps.append(GateStep(gate, qubits))
                return
            step = _standard(name, instruction.params, qubits)
            if isinstance(step, GateStep) and not instruction.params:
                self._plain[name] = step.gate
            steps.append(step)
        elif name == "measure":
            clbit = scope.cell(instruction.clbits[0])
            steps.append(MeasureStep(qubits[0], clbit, self._noise.readout(qubits[0])))
        elif name == "reset":
            steps.append(ResetStep(qubits[0]))
        elif name in _CHANNELS:
            try:
                mixture = mixture_of_channel(instruction.operation)
            except NotPauli:
                raise refusal(f"the noise {name!r}", qubits, NOT_PAULI, DENSITY_MATRIX) from None
            if mixture is not None:
                steps.append(NoiseStep(mixture, qubits))
        elif name.startswith(("measure_", "reset_")) and (kind := device_operation(instruction.operation)):
            if kind != "reset":
                clbit = scope.cell(instruction.clbits[0])
                steps.append(MeasureStep(qubits[0], clbit, self._noise.readout(qubits[0])))
            if kind != "measure":
                steps.append(ResetStep(qubits[0]))
        elif name == "box":
            refuse_directed(instruction.operation)
            (block,) = instruction.operation.blocks
            inner_qubits = dict(zip(block.qubits, qubits, strict=True))
            steps += self.block(block.data, inner_qubits, scope.inner(block.clbits, instruction.clbits, block=True))
        elif name != "delay":
            steps.extend(self._composite(instruction, qubits, scope))

    def _if(self, instruction: CircuitInstruction, qubits: tuple[int, ...], scope: Scope) -> IfStep:
        operation = instruction.operation
        bodies = []
        for block in operation.blocks:
            inner_qubits = dict(zip(block.qubits, qubits, strict=True))
            inner_scope = scope.inner(block.clbits, instruction.clbits, block=True)
            bodies.append(tuple(self.block(block.data, inner_qubits, inner_scope)))
        condition = read_condition(operation.condition, scope.read)
        return IfStep(condition, bodies[0], bodies[1] if len(bodies) > 1 else ())

    def _composite(self, instruction: CircuitInstruction, qubits: tuple[int, ...], scope: Scope) -> list[Step]:
        operation, name = instruction_of(instruction.operation), instruction.name
        refused: UnsupportedOperation | None = None
        whole = isinstance(operation, UnitaryGate) or instruction.is_control_flow()
        definition = None if whole else operation.definition
        if definition is not None:
            inner_qubits = dict(zip(definition.qubits, qubits, strict=True))
            parts = _Reader(ModelNoise(None)) if name in NATIVE_GATES else self
            try:
                return parts.block(
                    definition.data, inner_qubits, scope.inner(definition.clbits, instruction.clbits, block=False)
                )
            except UnsupportedOperation as error:
                refused = error
        # Its parts may be no Clifford gates and the whole be one; but the noise model may know the parts.
        known = self._noise.is_empty or name in NATIVE_GATES
        gate = clifford_gate(operation) if isinstance(operation, Gate) and (known or refused is None) else None
        if gate is not None:
            return [GateStep(gate, qubits)]
        if refused is not None:
            raise UnsupportedOperation(f"{refused} (inside {name!r})") from refused
        if isinstance(operation, Gate):
            raise refusal(repr(name), qubits, "it is not a Clifford gate", STATEVECTOR)
        rules = "rules exist for Clifford gates, measure, reset, delay, barrier, control flow and noise"
        raise refusal(repr(name), qubits, rules, ANY_METHOD)


def _standard(name: str, params: Sequence[Any], qubits: tuple[int, ...]) -> Step:
    if not params:
        gate = standard_gate(name)
    elif any(getattr(p, "parameters", None) for p in params):
        return RotationStep(name, tuple(params), qubits)
    else:
        params = tuple(map(float, params))
        gate = standard_gate(name, params)
    if gate is None:
        raise _not_clifford(name, params, qubits)
    return GateStep(gate, qubits)
