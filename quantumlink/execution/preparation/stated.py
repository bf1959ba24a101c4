"""What is stated of the noise that a circuit meets on a device, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit.circuit import CircuitInstruction, ControlFlowOp, QuantumCircuit
from qiskit.transpiler import Target

from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.slow_dephasing import DephasingTimes, time_of
from quantumlink.rewrites import noise_of

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

SHOWN = 4
"""Places that are named; of more the number is told."""

_WITHOUT_ERRORS = ("barrier", "delay", "reset", "measure")
"""How the names of operations begin that are no gates."""

Places = dict[str, dict[tuple[int, ...], None]]
"""Names, and the physical qubits of each, in their order."""


@dataclass(frozen=True)
class Stated:
    """Which noise is known."""

    included: tuple[str, ...]
    """The kinds of noise of which at least one figure was found."""
    unknown: tuple[str, ...] = ()
    """Figures that are missing, and where: as if nothing went wrong there."""


def stated_by_target(circuit: QuantumCircuit, target: Target, *, latency_s: float) -> Stated:
    """What a target states of the noise of an ISA circuit.

    Args:
        circuit: an ISA circuit.
        target: its device.
        latency_s: of the feed-forward, in seconds.
    """
    calibration = Calibration(target)
    used = _used(circuit)
    gates = {name: places for name, places in used.items() if not name.startswith(_WITHOUT_ERRORS)}
    readouts = {name: places for name, places in used.items() if name.startswith("measure")}
    touched = list(dict.fromkeys(q for places in used.values() for qubits in places for q in qubits))
    lifetimes = {q: calibration.stated_lifetimes(q) for q in touched}
    known, lacking, untimed_places = list[str](), list[str](), 0
    for kind, operations in (("gate errors", gates), ("readout errors", readouts)):
        missing = {
            name: [qubits for qubits in places if calibration.error(name, qubits) is None]
            for name, places in operations.items()
        }
        known += _of_kind(kind, sum(map(len, operations.values())), sum(map(len, missing.values())))
        lacking += [f"error of {name} on {_told(there)}" for name, there in missing.items() if there]
    resets = {name: places for name, places in used.items() if name.startswith("reset")}
    unstated = {
        name: [qubits for qubits in places if calibration.error(name, qubits) is None]
        for name, places in resets.items()
    }
    if found := _of_kind("reset errors", sum(map(len, resets.values())), sum(map(len, unstated.values()))):
        known += found
        lacking += [f"error of {name} on {_told(there)}" for name, there in unstated.items() if there]
    for i, name in enumerate(("T1", "T2")):
        there = [(q,) for q, told in lifetimes.items() if told[i] is None]
        lacking += [f"{name} of {_told(there)}"] if there else []
    for name, places in used.items():
        untimed = [qubits for qubits in places if calibration.duration(name, qubits) is None]
        if untimed and name != "delay":
            lacking.append(f"duration of {name} on {_told(untimed)}")
            untimed_places += len(untimed)
    timed = any(calibration.duration(name, qubits) for name, places in used.items() for qubits in places)
    if (timed or "delay" in used) and any(told != (None, None) for told in lifetimes.values()):
        whole = not untimed_places and all(None not in told for told in lifetimes.values())
        kind = "relaxation of waiting qubits" + ("" if whole else " where stated")
        known.append(f"{kind} (feed-forward latency {latency_s * 1e6:g} µs)")
    return Stated(tuple(known), tuple(lacking))


def stated_by_model(circuit: QuantumCircuit, noise_model: NoiseModel, *, relaxes: bool) -> Stated:
    """What a noise model says of an ISA circuit: what it does not say is not there.

    Args:
        circuit: an ISA circuit.
        noise_model: by physical qubits.
        relaxes: whether it relaxes qubits during a `Delay`.
    """
    found = dict.fromkeys(
        "readout" if kind == "readout" else "gate"
        for instruction, qubits in _instructions(circuit, list(range(circuit.num_qubits)))
        for kind in noise_of(instruction, noise_model, qubits)
    )
    known = [f"{kind} errors of the noise model" for kind in ("gate", "readout") if kind in found]
    if relaxes and "delay" in _used(circuit):
        known.append("relaxation during delays by the noise model")
    return Stated(tuple(known))


def with_slow_dephasing(
    stated: Stated, dephasing_s: DephasingTimes, used: Sequence[int], several: Sequence[int]
) -> Stated:
    """The same with low-frequency dephasing, as it is stated for the physical qubits in use.

    Args:
        stated: what else is known.
        dephasing_s: its T.
        used: physical qubits.
        several: those of them that wait before and after a turn.
    """
    times = {q: time_of(dephasing_s, q) for q in used}
    missing = [(q,) for q, t in times.items() if t is None]
    found = [t for t in times.values() if t is not None]
    known = stated.included
    if found:
        spread = f"{min(found) * 1e6:.4g}" + (f" to {max(found) * 1e6:.4g}" if max(found) > min(found) else "")
        known += (f"low-frequency dephasing of waiting qubits (T {spread} µs)",)
    lacking = [f"low-frequency dephasing of {_told(missing)}"] if missing else []
    if several:
        places = _told([(q,) for q in several])
        lacking.append(f"that the slow frequency is the same before and after a turn of {places}")
    return Stated(known, (*stated.unknown, *lacking))


def _of_kind(kind: str, places: int, missing: int) -> list[str]:
    if missing >= places:
        return []
    return [f"{kind} where stated" if missing else kind]


def _told(places: Sequence[tuple[int, ...]]) -> str:
    shown = ", ".join("-".join(map(str, qubits)) for qubits in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{'qubit' if len(places) == 1 and len(places[0]) == 1 else 'qubits'} {shown}{more}"


def _used(circuit: QuantumCircuit) -> Places:
    found: Places = {}
    for instruction, qubits in _instructions(circuit, list(range(circuit.num_qubits))):
        if instruction.name != "barrier":
            found.setdefault(instruction.name, {})[qubits] = None
    return found


def _instructions(
    circuit: QuantumCircuit, outer: list[int]
) -> Iterator[tuple[CircuitInstruction, tuple[int, ...]]]:
    """Every instruction that is no control flow, and its physical qubits."""
    qubit_of = {q: outer[i] for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        qubits = [qubit_of[q] for q in instruction.qubits]
        if isinstance(instruction.operation, ControlFlowOp):
            for block in instruction.operation.blocks:
                yield from _instructions(block, qubits)
        else:
            yield instruction, tuple(qubits)
