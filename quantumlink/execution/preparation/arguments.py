"""The arguments of `prepare`, checked before anything is compiled, each refused in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.compilation import is_device
from quantumlink.execution.preparation.lowering import Lowered
from quantumlink.link.arriving_pair import ARRIVALS
from quantumlink.program import Program
from quantumlink.rewrites import reuse_qubits

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

_WIDE_GATES = frozenset({"ccx", "ccz", "cswap", "rccx", "c3x", "c3sx", "rc3x"})
"""Gates beside which Qiskit compiles for no coupling map."""


def check_backend(backend: BackendV2) -> None:
    """Refuse what is no device, and no simulator of one.

    Raises:
        TypeError, ValueError: then.
    """
    if not isinstance(backend, BackendV2):
        raise TypeError(
            f"backend must be a BackendV2, such as QiskitRuntimeService().backend(name) returns; got {backend!r} "
            f"({type(backend).__name__})"
        )
    if not is_device(backend):
        raise ValueError(
            f"backend must be a device, or a simulator with a device's coupling map (AerSimulator.from_backend "
            f"makes one); {backend.name} has none: use sample(program, sampler=...) there"
        )
    if type(backend).__module__.split(".")[0] == "qiskit_aer":
        _check_simulator(backend)


def _check_simulator(backend: BackendV2) -> None:
    """A coupling map joins pairs: Qiskit does not compile for it where gates on more qubits are among the gates."""
    given = getattr(backend.options, "basis_gates", None)
    named: Sequence[str] = given or backend.configuration().basis_gates
    wide = sorted(set(named) & _WIDE_GATES)
    if wide:
        raise ValueError(
            f"backend must have gates on one and two qubits, as its coupling map joins pairs; {backend.name} has "
            f"{', '.join(wide[:3])} … besides: give the simulator a device's, such as "
            f"AerSimulator(coupling_map=…, basis_gates=['cz', 'rz', 'sx', 'x'])"
        )


def own_noise(backend: BackendV2) -> NoiseModel | None:
    """What an `AerSimulator` plays, which may be nothing; None for whatever else is a backend."""
    if type(backend).__module__.split(".")[0] != "qiskit_aer":
        return None
    from qiskit_aer.noise import NoiseModel

    model = getattr(backend.options, "noise_model", None)
    return NoiseModel() if model is None else model


def checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options, after the runtime's own check if it is installed."""
    if options is None:
        return {}
    validation.instance("options", options, Mapping, "a mapping of the runtime sampler's options")
    if find_spec("qiskit_ibm_runtime") is not None:
        models = import_module("qiskit_ibm_runtime.options_models.sampler")
        try:
            models.SamplerOptions(**options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"options must be those of the runtime's sampler: {error}") from error
    return dict(options)


def checked_layout(layout: Sequence[int], told: Lowered, backend: BackendV2) -> list[int]:
    """Physical qubits, one for each of the lowered program's.

    Raises:
        ValueError: if they are not.
    """
    wanted, there = told.program.circuit.num_qubits, backend.target.num_qubits
    qubits = [validation.count("initial_layout", q) for q in layout]
    if len(qubits) != wanted or len(set(qubits)) != wanted or max(qubits) >= there:
        raise ValueError(
            f"initial_layout must name {wanted} different physical qubits below {there}, one for each qubit of the "
            f"lowered program; got {list(layout)}"
        )
    return qubits


def check_size(program: Program, backend: BackendV2) -> None:
    """Refuse a program of more qubits than the device has.

    Raises:
        ValueError: then, saying what would fit.
    """
    if program.circuit.num_qubits > Calibration(backend.target).num_qubits:
        raise ValueError(too_long(program, backend))


def too_long(program: Program, backend: BackendV2) -> str:
    """How many qubits there are and would be needed, and what would fit."""
    need, there = program.circuit.num_qubits, Calibration(backend.target).num_qubits
    text = f"the link is too long for {backend.name}: it needs {need} qubits, the device has {there}"
    pairs = sum(instruction.name in ARRIVALS for instruction in program.circuit.data)
    hints = []
    if pairs > 1 and there * pairs >= need and not program.earlier_nodes:
        hints.append(f"a link of up to {there * pairs // need} elementary pairs instead of {pairs}")
    if "reset" in backend.target.operation_names and not program.earlier_nodes:
        try:
            lean = reuse_qubits(program).circuit.num_qubits
        except UnsupportedOperation:
            lean = need
        if lean <= there:
            hints.append(f"the same link with compose(link, reuse_qubits=True), on {lean} qubits")
    return f"{text}; what would fit: {', or '.join(hints)}" if hints else text
