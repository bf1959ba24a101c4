"""What the runtime's options and a circuit forbid each other: its client refuses them, but only while it submits.

Decoupling and twirling are done by the client before anything is sent. Neither takes control flow; decoupling needs
the duration of every instruction; twirling has no form for some circuits. The first is known here, so that
preparation can avoid it; for the rest the client itself is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
from qiskit.circuit import ControlFlowOp, QuantumCircuit
from qiskit.transpiler import Target

_NAMES = {"dynamical_decoupling": "dynamical decoupling", "twirling": "twirling"}


def against_conditions(options: Mapping[str, Any] | None) -> str:
    """Which of the options refuse circuits with conditions, in words; empty if none does.

    >>> against_conditions({"dynamical_decoupling": {"enable": True}})
    'dynamical decoupling'
    """
    found = []
    for group, switches in (
        ("dynamical_decoupling", ("enable",)),
        ("twirling", ("enable_gates", "enable_measure")),
    ):
        told = (options or {}).get(group)
        value = told if isinstance(told, Mapping) else {name: getattr(told, name, None) for name in switches}
        if any(value.get(name) for name in switches):
            found.append(_NAMES[group])
    return " and ".join(found)


def option_findings(
    circuit: QuantumCircuit, options: Mapping[str, Any] | None, target: Target
) -> Iterator[tuple[str, str]]:
    """Kinds of findings, and where each is; see the module."""
    asked = against_conditions(options)
    if not asked or options is None:
        return
    if any(isinstance(instruction.operation, ControlFlowOp) for instruction in circuit.data):
        yield f"the runtime's {asked} takes no circuit with conditions: switch it off, or corrections='frame'", ""
        return
    refusal = _refusal(circuit, options, target)
    if refusal:
        yield f"the runtime's client refuses it with {asked}: {refusal}", ""


def _refusal(circuit: QuantumCircuit, options: Mapping[str, Any], target: Target) -> str:
    """What the client says of one row of the circuit; empty if it takes it, or is not there to be asked."""
    if find_spec("qiskit_ibm_runtime") is None:
        return ""
    try:
        client = import_module("qiskit_ibm_runtime.executor_sampler.prepare")
        models = import_module("qiskit_ibm_runtime.options_models")
    except ImportError:  # another version, whose insides look otherwise
        return ""
    row = np.zeros((1, circuit.num_parameters)) if circuit.num_parameters else None
    try:
        client.prepare(
            [(circuit, row, 1)], models.SamplerOptions(**options), backend=SimpleNamespace(target=target)
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
