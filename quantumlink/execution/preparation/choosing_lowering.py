"""Which of its lowerings a program takes on a device: what each would cost where it would go, and the best."""

from __future__ import annotations

from typing import Literal

from qiskit.providers import BackendV2

from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.preparation.arguments import too_long
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.compilation import NoPlace, compiled, placed
from quantumlink.execution.preparation.cost import Cost
from quantumlink.execution.preparation.lowering import LOWERINGS, Lowered, Lowering, Medium, lowered
from quantumlink.execution.preparation.placement import Placement
from quantumlink.execution.preparation.prepared import Choice
from quantumlink.program import Program

MAX_DEFERRED_ESTIMATE = 12
"""Most qubits for which the cost of deferring is estimated beside a frame, which is always cheaper."""

NO_DIFFERENCE = 1e-9
"""Log fidelities nearer than that are equal: then the lowering that is named first is taken."""


def chosen_lowering(
    program: Program,
    corrections: Lowering | Literal["auto"],
    medium: Medium,
    backend: BackendV2,
    latency_s: float,
    seed: int | None,
    unconditional: str,
) -> tuple[Lowering, Lowered, tuple[Choice, ...], list[Placement]]:
    """The lowering that was asked for, or the best one by its estimated cost; and where it may go.

    Raises:
        UnsupportedOperation: if none is possible.
        ValueError, NoPlace: if the device has no room.
    """
    possible, choices = _possible(program, corrections, medium, backend, unconditional)
    if not possible:
        notes = "; ".join(f"{choice.corrections}: {choice.note}" for choice in choices)
        raise UnsupportedOperation(f"no way of applying the corrections is possible on {backend.name}: {notes}")
    size = Calibration(backend.target).num_qubits
    regions: dict[bool, list[Placement]] = {}
    best: tuple[float, Lowering] | None = None
    nowhere: NoPlace | None = None
    for lowering, told in possible.items():
        circuit, deferred = told.program.circuit, lowering == "deferred"
        if circuit.num_qubits > size:
            choices.append(Choice(lowering, None, f"impossible: it takes {circuit.num_qubits} qubits"))
            continue
        if best is not None and deferred and circuit.num_qubits > MAX_DEFERRED_ESTIMATE:
            choices.append(Choice(lowering, None, f"not estimated: {circuit.num_qubits} qubits"))
            continue
        if deferred not in regions:  # the other lowerings ask for the same pairs of the same qubits
            regions[deferred] = placed(circuit, backend, latency_s=latency_s)
        fidelity = 0.0
        cost = None
        if len(possible) > 1:
            try:
                cost = _quick_cost(told, backend, regions[deferred], latency_s, seed)
            except NoPlace as error:
                choices.append(Choice(lowering, None, f"impossible: {error}"))
                nowhere = error
                continue
            fidelity = cost.log_fidelity
        choices.append(Choice(lowering, cost))
        if best is None or fidelity > best[0] + NO_DIFFERENCE:
            best = fidelity, lowering
    if best is None and nowhere is not None:
        raise nowhere
    if best is None:
        raise ValueError(too_long(next(iter(possible.values())).program, backend))
    choices.sort(key=lambda choice: LOWERINGS.index(choice.corrections))
    chosen = best[1]
    return chosen, possible[chosen], tuple(choices), regions[chosen == "deferred"]


def _possible(
    program: Program,
    corrections: Lowering | Literal["auto"],
    medium: Medium,
    backend: BackendV2,
    unconditional: str,
) -> tuple[dict[Lowering, Lowered], list[Choice]]:
    """The lowerings that can be had, and why the others cannot; options may take no conditions."""
    possible: dict[Lowering, Lowered] = {}
    choices: list[Choice] = []
    for lowering in LOWERINGS if corrections == "auto" else (corrections,):
        try:
            told = lowered(program, lowering, medium, backend.target)
            if unconditional and told.has_conditions:
                raise UnsupportedOperation(
                    f"the options ask for {unconditional}, which the runtime does not do with conditions"
                )
            possible[lowering] = told
        except UnsupportedOperation as error:
            if corrections != "auto":
                raise UnsupportedOperation(
                    f"corrections={corrections!r} is impossible on {backend.name}: {error}"
                ) from error
            choices.append(Choice(lowering, None, f"impossible: {error}"))
    return possible, choices


def _quick_cost(
    told: Lowered, backend: BackendV2, region: list[Placement], latency_s: float, seed: int | None
) -> Cost:
    """The cost at the best placement that can be compiled, after little optimization."""

    def cost(candidates: list[Placement]) -> Cost:
        return compiled(
            told.program.circuit,
            backend,
            candidates=candidates,
            compare_plain=False,
            optimization_level=1,
            seed=seed,
            latency_s=latency_s,
        ).cost

    try:
        return cost(region[:1])
    except NoPlace:
        if not region:
            raise
        return cost(region[1:])
