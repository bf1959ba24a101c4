"""`best_backend`: which device a program should go to, by what is predicted, how long one waits, and what it costs.

A program is prepared for every device of a service that can take it, and its expected fidelity read off the
calibration (`quantumlink.execution.preparation.cost`). Fidelities that differ by less than they can be known count
as equal: then the shorter queue is better, and of equal ones fewer seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import floor
from typing import Any

from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.jobs.connection import default_service
from quantumlink.execution.jobs.patience import Patience, patiently
from quantumlink.execution.jobs.seconds import Seconds, estimated, rep_delay_s
from quantumlink.execution.jobs.splitting import Limits, split
from quantumlink.execution.preparation import NotSubmittable, Prepared, prepare
from quantumlink.execution.preparation.compilation import is_device
from quantumlink.execution.preparation.snapshot import calibrated_at
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.readings import compose
from quantumlink.tables import html_table

EQUAL_FIDELITY = 0.01
"""Expected fidelities in the same step of this width count as equal."""


@dataclass(frozen=True, eq=False, repr=False)
class Candidate:
    """One device, and what a program would meet there."""

    backend: BackendV2
    prepared: Prepared
    """The program, prepared for it."""
    expected_fidelity: float
    """The probability that nothing goes wrong, by the calibration."""
    queue: int | None
    """Jobs that wait, None if it does not say."""
    seconds: Seconds
    """The estimate of quantum seconds."""
    calibrated_at: str | None
    """When it was calibrated last (UTC), None if it does not say."""

    def __repr__(self) -> str:
        queue = "queue not told" if self.queue is None else f"{self.queue} jobs wait"
        return (
            f"<Candidate {self.backend.name}: expected fidelity {self.expected_fidelity:.4f}, {queue}, "
            f"{self.seconds.total_s:.3g} s>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Sequence[Candidate]):
    """Devices, the best first; as a sequence of candidates."""

    candidates: tuple[Candidate, ...]
    refused: tuple[tuple[str, str], ...]
    """Devices that cannot take the program, by name, and why."""

    @property
    def backend(self) -> BackendV2:
        """The best device."""
        return self.candidates[0].backend

    @property
    def prepared(self) -> Prepared:
        """The program, prepared for the best device."""
        return self.candidates[0].prepared

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, index: Any) -> Any:
        return self.candidates[index]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def _repr_html_(self) -> str:
        rows = [(each.backend.name, escape(repr(each)[1:-1].partition(": ")[2])) for each in self]
        rows += [(name, escape(f"cannot take it: {why}")) for name, why in self.refused]
        return html_table("devices, the best first", rows)

    def __repr__(self) -> str:
        refused = f"; cannot take it: {', '.join(name for name, _ in self.refused)}" if self.refused else ""
        return f"<Ranking {', '.join(repr(each)[1:-1] for each in self)}{refused}>"


def best_backend(
    program: Program | Link,
    service: Any = None,
    *,
    shots: int = 4096,
    seed: int | None = None,
    patience: Patience | None = None,
    **arguments: Any,
) -> Ranking:
    """Rank devices for a program: by expected fidelity in steps of 0.01, then queue, then the estimated seconds.

    Args:
        program: a program, or a link to be composed.
        service: a `QiskitRuntimeService`, of which the operational devices are taken, or a list of backends; the
            account saved on this machine if None.
        shots: runs of each basis, for the estimate.
        seed: makes the preparations repeatable.
        patience: with the service.
        arguments: for `prepare`.

    Returns:
        The ranking; its ``backend`` and ``prepared`` are the best ones'.

    Raises:
        ValueError: if no device can take the program, saying of each why.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> link = ElementaryLink(Node("alice"), Node("bob"))
    >>> found = best_backend(link, [GenericBackendV2(1 + n, seed=n) for n in (1, 2)], seed=1)
    >>> len(found), found[0].expected_fidelity >= found[1].expected_fidelity
    (2, True)
    """
    if isinstance(program, Link):
        program = compose(program)
    validation.instance("program", program, Program, "a Program or a link")
    shots = validation.many("shots", shots)
    patience = Patience() if patience is None else patience
    candidates, refused = [], []
    for backend in _backends(service, patience):
        try:
            prepared = prepare(program, backend, seed=seed, **arguments)
        except (UnsupportedOperation, NotSubmittable, ValueError) as error:
            refused.append((backend.name, str(error)))
            continue
        candidates.append(_candidate(backend, prepared, shots, patience))
    if not candidates:
        told = "; ".join(f"{name}: {why}" for name, why in refused) or "there is none"
        raise ValueError(f"no device can take the program: {told}")
    candidates.sort(key=_rank)
    return Ranking(tuple(candidates), tuple(refused))


def _rank(candidate: Candidate) -> tuple[float, float, float]:
    step = floor(candidate.expected_fidelity / EQUAL_FIDELITY)
    queue = float("inf") if candidate.queue is None else candidate.queue
    return -step, queue, candidate.seconds.total_s


def _backends(service: Any, patience: Patience) -> list[BackendV2]:
    if isinstance(service, Sequence) and not isinstance(service, str):
        for backend in service:
            validation.instance("service", backend, BackendV2, "a QiskitRuntimeService or a list of backends")
        return list(service)
    service = default_service() if service is None else service
    if not callable(getattr(service, "backends", None)):
        raise TypeError(f"service must be a QiskitRuntimeService or a list of backends, got {service!r}")
    local = getattr(service, "is_local", False)
    found = patiently(
        (lambda: service.backends()) if local else lambda: service.backends(simulator=False, operational=True),
        patience,
        "asking for the backends",
    )
    return [backend for backend in found if is_device(backend) and not backend.name.startswith("mock_")]


def _candidate(backend: BackendV2, prepared: Prepared, shots: int, patience: Patience) -> Candidate:
    [(_, table, row_shots)] = prepared.pubs(shots)
    loads = split([len(table)], [0], row_shots, Limits())
    seconds = estimated(loads, [prepared.cost.duration_s], rep_delay_s(backend, prepared.options))
    return Candidate(
        backend,
        prepared,
        prepared.cost.expected_fidelity,
        _queue(backend, patience),
        seconds,
        calibrated_at(backend),
    )


def _queue(backend: BackendV2, patience: Patience) -> int | None:
    status = getattr(backend, "status", None)
    if not callable(status):
        return None
    told = patiently(status, patience, f"asking for the status of {backend.name}")
    waiting = getattr(told, "pending_jobs", None)
    return waiting if isinstance(waiting, int) else None
