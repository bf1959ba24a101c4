"""What a device's target says of some of its qubits, as the arguments of a `Processor`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
from qiskit.transpiler import Target

from quantumlink import validation
from quantumlink.hardware.gate_errors import mean_error

_TWO_QUBIT_GATES = ("cx", "cz", "ecr", "rzz", "iswap")
"""A device's own two-qubit gates, the preferred ones first."""

_ONE_QUBIT = ("h", "rx", "ry", "sx", "sxdg", "u", "x", "y")
"""Gates that take a pulse. Rotations about Z are changes of a frame, without error."""

_TWO_QUBIT = ("ch", "cp", "cx", "cy", "cz", "ecr", "iswap", "rxx", "rzz", "swap")


def device_errors(backend: Any, qubits: Sequence[int]) -> dict[str, Any]:
    """The arguments of a `Processor` like these qubits: see `Processor.from_backend`.

    Raises:
        TypeError: if the backend has no target.
        ValueError: if there is no such qubit, or no two of several are coupled.
    """
    target = getattr(backend, "target", None)
    if not isinstance(target, Target):
        raise TypeError(f"backend must be a backend with a target, got {backend!r}")
    chosen = [validation.count("qubits", q) for q in validation.sequence("qubits", qubits, "physical qubits")]
    if not chosen or len(set(chosen)) != len(chosen) or max(chosen) >= (target.num_qubits or 0):
        raise ValueError(
            f"qubits must be different qubits of the device, 0…{target.num_qubits - 1}; got {qubits!r}"
        )
    model = _model(target, chosen)
    one = {name: _errors(model, name, 1) for name in ("sx", "x", "reset")}
    arguments: dict[str, Any] = {"noise": {}}
    usual = one["sx"] or one["x"]
    if usual:
        arguments["noise"] |= {name: mean_error(one.get(name) or usual) for name in _ONE_QUBIT}
    if one["reset"]:
        arguments["noise"]["reset"] = mean_error(one["reset"])
    arguments["gate_1q_s"] = _duration(target, [(name, (q,)) for name in ("sx", "x") for q in chosen])
    pair_gates = [(name, pair) for name in _TWO_QUBIT_GATES for pair in _pairs(target, name, chosen)]
    if len(chosen) > 1:
        if not pair_gates:
            raise ValueError(f"qubits must hold two that are coupled, got {list(chosen)}")
        names = list(dict.fromkeys(name for name, _ in pair_gates))
        own = {name: _errors(model, name, 2) for name in names}
        found = next((errors for errors in own.values() if errors), [])
        if found:
            arguments["noise"] |= {name: mean_error(own.get(name) or found) for name in _TWO_QUBIT}
        arguments["gate_2q_s"] = _duration(target, [gate for gate in pair_gates if gate[0] == names[0]])
    arguments["readout_s"] = _duration(target, [("measure", (q,)) for q in chosen])
    arguments["readout_error"] = _readout(model, chosen)
    return arguments


def _pairs(target: Target, name: str, chosen: Sequence[int]) -> list[tuple[int, ...]]:
    known = target[name] if name in target.operation_names else None
    return [] if not known else [pair for pair in known if pair is not None and set(pair) <= set(chosen)]


def _model(target: Target, chosen: Sequence[int]) -> Any:
    """Aer's noise model of the instructions on these qubits."""
    from qiskit_aer.noise import NoiseModel
    from qiskit_aer.noise.device.models import basic_device_gate_errors, basic_device_readout_errors

    part = Target(num_qubits=target.num_qubits, qubit_properties=target.qubit_properties, dt=target.dt)
    for name in ("sx", "x", "reset", "measure", *_TWO_QUBIT_GATES):
        known = target[name] if name in target.operation_names else None
        mine = {} if not known else {q: known[q] for q in known if q is not None and set(q) <= set(chosen)}
        if mine:
            part.add_instruction(target.operation_from_name(name), mine)
    model = NoiseModel()
    for name, places, error in basic_device_gate_errors(target=part):
        model.add_quantum_error(error, name, places)
    if "measure" in part.operation_names:
        for places, error in basic_device_readout_errors(target=part):
            model.add_readout_error(error, places)
    return model


def _errors(model: Any, name: str, qubits: int) -> list[Any]:
    return [error for error in model._local_quantum_errors.get(name, {}).values() if error.num_qubits == qubits]


def _duration(target: Target, gates: Sequence[tuple[str, tuple[int, ...]]]) -> float:
    times = [
        properties.duration
        for name, places in gates
        if name in target.operation_names
        and (properties := (target[name] or {}).get(places)) is not None
        and properties.duration is not None
    ]
    return fmean(times) if times else 0.0


def _readout(model: Any, chosen: Sequence[int]) -> Any:
    ideal = np.eye(2)
    errors = model._local_readout_errors
    found = [np.asarray(errors[(q,)].probabilities) if (q,) in errors else ideal for q in chosen]
    if len(found) == 2:
        return {place: matrix.tolist() for place, matrix in enumerate(found)}
    return np.mean(found, axis=0).tolist()
