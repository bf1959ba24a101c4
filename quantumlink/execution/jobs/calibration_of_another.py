"""The readout errors of one job, by the calibration that another one brought along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantumlink.execution.jobs.job_file import JobRecord
from quantumlink.execution.mitigation import Calibration, ReadoutErrors, calibration_of
from quantumlink.execution.preparation.recipe import Recipe

if TYPE_CHECKING:
    from quantumlink.execution.jobs.job import Job


def errors_by_another(
    other: Job, here: JobRecord, recipe: Recipe, timeout_s: float | None
) -> tuple[Calibration, list[ReadoutErrors]]:
    """Which bits of a job need calibration, and what another job's calibration says of their qubits.

    Args:
        other: the job that was calibrated.
        here: the record of the one that was not.
        recipe: how that one is read.
        timeout_s: how long to wait for the other's result.

    Raises:
        ValueError: if the other has no calibration, or it is of another device, time or qubits.
    """
    there = other.record
    if "calibration" not in there.reader:
        raise ValueError(f"calibration must be a job with mitigate_readout=True, {str(other.path)!r} has none")
    if there.where.backend != here.where.backend:
        raise ValueError(
            f"calibration must be of {here.where.backend}, where this job ran; it is of {there.where.backend}"
        )
    times = [(record.calibration or {}).get("calibrated_at") for record in (there, here)]
    if times[0] != times[1]:
        raise ValueError(
            f"calibration must be as old as this job: {here.where.backend} was calibrated at {times[1]} when "
            f"this was submitted, at {times[0]} for the calibration"
        )
    told = Calibration.from_dict(there.reader["calibration"])
    result = other.result(timeout_s)
    by_qubit = {each.qubit: each for each in told.errors(result[1], result[2])}
    mine = calibration_of(here.pubs[0].circuit, recipe, shots=1, row_shots=1)
    ways = dict(told.variants), dict(mine.variants)
    missing = sorted(q for q in set(mine.qubits) if q not in by_qubit or ways[0].get(q) != ways[1].get(q))
    if missing:
        raise ValueError(
            f"calibration must be of all qubits that are read here, measured in the same way; it lacks {missing}"
        )
    return mine, [by_qubit[qubit] for qubit in mine.qubits]
