"""What a gate asks of each of its qubits: along which axis it only *reads* the qubit.

A gate reads a qubit along a Pauli axis if it commutes with that Pauli on the qubit: CX reads its control along Z
and its target along X. Then a copy of the qubit along that axis (see `quantumlink.distributed.gadgets`) serves the
gate as well as the qubit itself. A gate that turns the axis around (X that of Z) is served by a flip of each copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from math import pi
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from qiskit import QiskitError
from qiskit.circuit import ControlledGate, Gate, Parameter, ParameterExpression
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from quantumlink.arrays import ComplexArray

EXACT = 1e-10
"""How far from commuting a gate may be (rounding)."""

MAX_MATRIX_QUBITS = 5
"""Most qubits of a gate whose axes are found from its matrix."""

MAX_KNOWN = 1000
"""Most kinds of standard gates whose axes are kept."""

QUARTERS = 8
"""How many quarter turns bring every standard gate back to where it was: half-angles stand in them."""

Kinds: TypeAlias = tuple[int | None, ...]
"""Of each angle how many quarter turns it is; None where it is none, or not known yet."""

_KNOWN: dict[tuple[str, int, int | None, Kinds], tuple[type, Axes]] = {}

_PAULIS: dict[str, ComplexArray] = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}
TURNS = ("u", "u3", "cu", "cu3")
"""Standard gates whose first angles are θ, φ, λ of U."""

_IRRATIONAL = (0.7390851332, 1.6180339887, 2.2360679775, 0.5671432904, 1.2020569032, 0.9159655942)
"""Angles at which nothing holds by accident."""


class Axes(NamedTuple):
    """How a gate treats its qubits, one entry a qubit."""

    reads: tuple[str, ...]
    """The axes, letters of Z, X, Y, along which it reads the qubit; empty if along none."""
    turns: tuple[str, ...]
    """Of a gate on one qubit, the axes that it turns around; otherwise empty."""


def axes_of(gate: Any) -> Axes:
    """The axes of a gate; of a standard gate, those that all gates with angles of the same kinds have.

    An angle that is a number of quarter turns may give it more of them: U(π, φ, λ) turns Z around. A parameter's
    value is not known, so that what holds for some of its values does not count.

    >>> from qiskit.circuit.library import CCXGate, CXGate, XGate
    >>> axes_of(CXGate()).reads, axes_of(CCXGate()).reads, axes_of(XGate())
    (('Z', 'X'), ('Z', 'Z', 'X'), Axes(reads=('X',), turns=('ZY',)))
    """
    standard = gate.base_class in standard_classes() if isinstance(gate, Gate) else False
    kinds = kinds_of(gate.name, gate.params) if standard else ()
    known = _KNOWN.get((gate.name, gate.num_qubits, getattr(gate, "ctrl_state", None), kinds))
    if known is not None and known[0] is gate.base_class:
        return known[1]
    width = gate.num_qubits
    if gate.name == "delay" or width == 0:
        return Axes(("ZXY",) * width, ("",) * width)
    if not isinstance(gate, Gate):
        return Axes(("",) * width, ("",) * width)
    if isinstance(gate, ControlledGate) and width > MAX_MATRIX_QUBITS:
        base = axes_of(gate.base_gate)
        return Axes(("Z",) * gate.num_ctrl_qubits + base.reads, ("",) * width)
    if width > MAX_MATRIX_QUBITS:
        return Axes(("",) * width, ("",) * width)
    if standard:
        usual = gate.base_class(*_angles(kinds)) if kinds else gate
        state = getattr(gate, "ctrl_state", None)
        if state is not None and usual.ctrl_state != state:
            usual = usual.to_mutable()
            usual.ctrl_state = state
        found = _found(np.asarray(Operator(usual).data), width)
        if len(_KNOWN) < MAX_KNOWN and width == usual.num_qubits:
            _KNOWN[gate.name, width, state, kinds] = gate.base_class, found
        return found
    try:
        matrix = np.asarray(Operator(_generic(gate)).data)
    except QiskitError:  # it has none, and its parts are not known either
        return Axes(("",) * width, ("",) * width)
    return _found(matrix, width)


def kinds_of(name: str, angles: Sequence[Any]) -> Kinds:
    """The kinds of a standard gate's angles, those of U(θ, φ, λ) told by as few as its axes depend on.

    >>> from math import pi
    >>> kinds_of("rx", [pi]), kinds_of("rx", [3.0]), kinds_of("u", [pi, 0.3, 0.3])
    ((2,), (None,), (2, 0, 0))
    """
    if name in TURNS and not any(isinstance(angle, ParameterExpression) for angle in angles):
        theta, phi, lam, *rest = angles
        turned = _quarters(theta)
        if turned is not None and turned % 2 == 0:  # diagonal, or all but: only the sum or the difference counts
            angles = [theta, phi - lam if turned % 4 else phi + lam, 0.0, *rest]
    return tuple([_quarters(angle) for angle in angles])


def _quarters(angle: Any) -> int | None:
    """How many quarter turns an angle is, if it is a whole number of them."""
    if isinstance(angle, ParameterExpression):
        return None
    turns = float(angle) / (pi / 2)
    whole = round(turns)
    return whole % QUARTERS if abs(turns - whole) < EXACT / 2 else None


def _angles(kinds: Kinds) -> list[float]:
    """Angles of these kinds, at which nothing else holds by accident."""
    return [_IRRATIONAL[i] if kind is None else kind * pi / 2 for i, kind in enumerate(kinds)]


@lru_cache(maxsize=1)
def standard_classes() -> frozenset[type]:
    """The classes of Qiskit's standard gates: these are told by class and parameters."""
    every = {gate.base_class for gate in get_standard_gate_name_mapping().values() if isinstance(gate, Gate)}
    return frozenset(every)


def _generic(gate: Gate) -> Gate:
    """The gate with angles in the place of its free parameters, at which nothing holds by accident."""
    free = {p for value in gate.params for p in getattr(value, "parameters", ())}
    if not free:
        return gate
    values = {p: _IRRATIONAL[i % 6] + i // 6 for i, p in zip(count(), sorted(free, key=_by_name), strict=False)}
    result = gate.to_mutable()
    result.params = [v.bind({p: values[p] for p in v.parameters}) if hasattr(v, "bind") else v for v in gate.params]
    if gate.definition is not None:
        result.definition = gate.definition.assign_parameters(values, strict=False)
    return result


def _by_name(parameter: Parameter) -> str:
    return str(parameter.name)


def _found(matrix: ComplexArray, width: int) -> Axes:
    reads, turns = [], []
    for qubit in range(width):
        along = {axis: _sign(matrix, axis, qubit, width) for axis in "ZXY"}
        reads.append("".join(axis for axis, sign in along.items() if sign == 1))
        turns.append("".join(axis for axis, sign in along.items() if sign == -1) if width == 1 else "")
    return Axes(tuple(reads), tuple(turns))


@lru_cache(maxsize=64)
def _pauli(axis: str, qubit: int, width: int) -> ComplexArray:
    inner = np.kron(_PAULIS[axis], np.eye(2**qubit))
    return np.asarray(np.kron(np.eye(2 ** (width - 1 - qubit)), inner), dtype=complex)


def _sign(matrix: ComplexArray, axis: str, qubit: int, width: int) -> int:
    """1 if a matrix commutes with a Pauli on a qubit, −1 if it anticommutes, else 0."""
    pauli = _pauli(axis, qubit, width)
    left, right = matrix @ pauli, pauli @ matrix
    if np.abs(left - right).max() < EXACT:
        return 1
    return -1 if np.abs(left + right).max() < EXACT else 0
