"""A device's calibration as it was: its figures by qubits and gates, and when they were measured.

Kept with a job, so that what was measured can be set beside what was known; and compared with the device's own time
of calibration, so that a preparation that has become old is noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from inspect import signature
from math import inf
from typing import Any

from qiskit.providers import BackendV2

from quantumlink.execution.preparation.calibration import Calibration


def calibrated_at(backend: BackendV2, *, refresh: bool = False) -> str | None:
    """When a device was calibrated last (UTC, ISO 8601), None if it does not say.

    Args:
        backend: the device.
        refresh: whether to ask its service anew, where it has one.
    """
    properties = getattr(backend, "properties", None)
    anew = {"refresh": True} if refresh and "refresh" in _arguments(properties) else {}
    try:
        told = properties(**anew) if callable(properties) else None
    except Exception:  # a simulator's, or a service's that is not there: then it is not known
        return None
    when = getattr(told, "last_update_date", None)
    if not isinstance(when, datetime):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _arguments(function: Any) -> Collection[str]:
    try:
        return signature(function).parameters
    except (TypeError, ValueError):
        return ()


def snapshot(backend: BackendV2, qubits: Iterable[int]) -> dict[str, Any]:
    """What a device states of some of its qubits, as plain data.

    Args:
        backend: the device.
        qubits: physical qubits; gates are told that act on these alone.

    Returns:
        ``calibrated_at``, ``taken_at``, ``dt_s``; ``qubits``: by number T1, T2 and readout error; ``gates``: of
        each operation the error and the duration by its qubits, such as ``"3-5"``. None where nothing is stated.
    """
    calibration = Calibration(backend.target)
    wanted = sorted(set(qubits))
    figures = {q: [*calibration.stated_lifetimes(q), calibration.error("measure", (q,))] for q in wanted}
    gates: dict[str, dict[str, list[float | None]]] = {}
    for name in backend.target.operation_names:
        places = backend.target[name]
        if isinstance(places, Mapping) and name not in ("delay", "barrier"):
            gates[name] = {
                "-".join(map(str, q)): [calibration.error(name, q), calibration.duration(name, q)]
                for q in places
                if q is not None and set(q) <= figures.keys()
            }
    dt = backend.target.dt
    return {
        "calibrated_at": calibrated_at(backend),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dt_s": None if dt is None else float(dt),
        "qubits": {str(q): [v if v is None or v < inf else None for v in row] for q, row in figures.items()},
        "gates": gates,
    }
