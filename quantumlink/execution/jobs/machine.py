"""What a job runs on: IBM's service, or a sampler of this process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from qiskit.primitives import BackendSamplerV2, BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink.execution.engine import Engine, checked_engine
from quantumlink.execution.engine_sampler import EngineSampler
from quantumlink.execution.jobs.connection import (
    Connection,
    account_of,
    default_service,
    named_backend,
    require_runtime,
    runtime_class,
)
from quantumlink.execution.jobs.directed import DirectedPub, run_directed
from quantumlink.execution.jobs.job_file import Mode, Where
from quantumlink.execution.jobs.patience import Patience, patiently
from quantumlink.execution.jobs.splitting import Limits
from quantumlink.execution.preparation.compilation import backend_of, is_device
from quantumlink.execution.preparation.mid_circuit import is_variant, told_plainly


@dataclass(frozen=True, eq=False)
class IBMMachine:
    """A backend of IBM's service, in job, session or batch mode."""

    connection: Connection
    backend: BackendV2
    mode: Any
    """The backend, or the session or batch of the user's."""
    where: Where
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of a runtime sampler that was given."""

    @property
    def limits(self) -> Limits:
        """What one of its jobs may hold."""
        configuration = getattr(self.backend, "configuration", None)
        shots = getattr(configuration(), "max_shots", None) if callable(configuration) else None
        return Limits(shots=shots if isinstance(shots, int) and shots > 0 else None)

    def send(self, pubs: Sequence[Any], options: Mapping[str, Any], tag: str, *, dry_run: bool = False) -> Any:
        """Submit one job, once."""
        return self.connection.send(self.mode, pubs, options, tag, dry_run=dry_run)


@dataclass(frozen=True, eq=False)
class LocalMachine:
    """A sampler of this process, or a backend that is simulated in it."""

    name: str
    backend: BackendV2 | None
    """What circuits are prepared for; None if they run as they are."""
    make_sampler: Callable[[Mapping[str, Any], int | None], BaseSamplerV2]
    """A sampler, from options and a seed."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> Where:
        """For the job file."""
        return Where("local", self.name)

    @property
    def limits(self) -> Limits:
        """None but those of the format."""
        return Limits()

    def run(self, pubs: Sequence[Any], options: Mapping[str, Any], seed: int | None) -> Any:
        """Start one job; simulators measure in one way only."""
        if any(isinstance(pub, DirectedPub) for pub in pubs):
            return run_directed(self.backend, pubs, options, seed=seed)
        variants = {i.name for circuit, *_ in pubs for i in circuit.data if is_variant(i.operation)}
        if variants and self.backend is not None:
            warnings.warn(
                f"{self.name} is simulated, where {', '.join(sorted(variants))} runs as the ordinary measure or "
                f"reset, with that one's errors: prepare with mid_circuit='measure' to predict what is simulated",
                UserWarning,
                stacklevel=2,
            )
            pubs = [(told_plainly(circuit), *rest) for circuit, *rest in pubs]
        return self.make_sampler(options, seed).run(list(pubs))


Machine = IBMMachine | LocalMachine


def machine_of(given: Any, *, service: Any, hardware: bool, patience: Patience) -> Machine:
    """What a job of the user's is to run on.

    Args:
        given: a backend or its name, a `Session` or `Batch` of the runtime, a `BaseSamplerV2` or an
            `Engine`.
        service: where a name is looked up; the account saved on this machine if None.
        hardware: refuse everything that is simulated.
        patience: with the service.

    Raises:
        TypeError: if it is none of these.
        ValueError: if hardware was asked for and this is none.
        BackendNotFound: if no backend has the name.
    """
    if isinstance(given, str):
        given = named_backend(default_service() if service is None else service, given, patience)
    machine = _machine(given, patience)
    if isinstance(machine, IBMMachine):
        device = machine.backend
        patiently(lambda: device.target, patience, f"asking for the calibration of {device.name}")
    if hardware and (isinstance(machine, LocalMachine) or _simulates(machine.backend)):
        raise ValueError(
            f"hardware was asked for, and {machine.where.backend} is simulated: give a backend of "
            f"QiskitRuntimeService().backends(simulator=False, operational=True), or leave hardware=True out"
        )
    return machine


def _machine(given: Any, patience: Patience) -> Machine:
    if runtime_class(given, "Session", "Batch"):
        return _of_runtime(given, given._backend, _kind_of_mode(given), patience, {})
    if runtime_class(given, "IBMBackend"):
        return _of_runtime(given, given, "job", patience, {})
    if isinstance(given, BaseSamplerV2) and type(given).__module__.startswith("qiskit_ibm_runtime"):
        return _of_runtime_sampler(given, patience)
    if isinstance(given, BackendV2):
        return _of_backend(given)
    if isinstance(given, BaseSamplerV2):
        backend = backend_of(given)
        prepared_for = backend if backend is not None and is_device(backend) else None
        return LocalMachine(type(given).__name__, prepared_for, partial(_as_it_is, given))
    if isinstance(given, Engine):
        return LocalMachine(type(given).__name__, None, partial(_on_engine, checked_engine("backend", given)))
    raise TypeError(
        f"backend must be a BackendV2 or its name, a Session or Batch of qiskit-ibm-runtime, a BaseSamplerV2 or an "
        f"Engine; "
        f"got {given!r} ({type(given).__name__})"
    )


def _on_engine(engine: Engine, options: Mapping[str, Any], seed: int | None) -> BaseSamplerV2:
    if options:
        raise ValueError(f"options are for the runtime's sampler, {type(engine).__name__} has its own: {options}")
    return EngineSampler(engine.seeded(seed))


def _as_it_is(sampler: BaseSamplerV2, options: Mapping[str, Any], _seed: int | None) -> BaseSamplerV2:
    if options:
        raise ValueError(f"options are for the runtime's sampler, {type(sampler).__name__} has its own: {options}")
    return sampler


def _kind_of_mode(given: Any) -> Mode:
    return "batch" if runtime_class(given, "Batch") else "session"


def _of_runtime(mode: Any, backend: Any, kind: Mode, patience: Patience, options: Mapping[str, Any]) -> Machine:
    service = mode.service
    if getattr(service, "is_local", False):
        return _simulated(backend, _runtime_sampler(mode), options)
    session_id = None if kind == "job" else mode.session_id
    where = Where("ibm", backend.name, kind, session_id, account_of(backend))
    return IBMMachine(Connection(service, patience), backend, mode, where, options)


def _of_runtime_sampler(sampler: Any, patience: Patience) -> Machine:
    from qiskit_ibm_runtime.executor_sampler import Sampler

    mode = sampler.mode or sampler.backend()
    if not isinstance(sampler, Sampler):
        raise TypeError(
            "backend must be no sampler of the deprecated kind qiskit_ibm_runtime.SamplerV2: give its backend, "
            "Session or Batch, or a qiskit_ibm_runtime.executor_sampler.Sampler"
        )
    options = _changed(sampler.options.model_dump(), type(sampler.options)().model_dump())
    if not runtime_class(mode, "IBMBackend", "Session", "Batch"):
        return _simulated(mode, _runtime_sampler(mode), options)
    kind = "job" if runtime_class(mode, "IBMBackend") else _kind_of_mode(mode)
    return _of_runtime(mode, sampler.backend(), kind, patience, options)


def _changed(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as it is by default, group by group."""
    found = {}
    for name, value in options.items():
        default = defaults.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            value = _changed(value, default)
            if value:
                found[name] = value
        elif value != default:
            found[name] = value
    return found


def _of_backend(backend: BackendV2) -> LocalMachine:
    if type(backend).__module__.startswith("qiskit_ibm_runtime"):
        return _simulated(backend, _runtime_sampler(backend), {})

    def sampler(options: Mapping[str, Any], seed: int | None) -> BaseSamplerV2:
        if options:
            raise ValueError(f"options are for the runtime's sampler; {backend.name} takes none: {options}")
        return BackendSamplerV2(backend=backend, options={"seed_simulator": seed})

    return _simulated(backend, sampler, {})


def _simulated(
    backend: BackendV2,
    make_sampler: Callable[[Mapping[str, Any], int | None], BaseSamplerV2],
    options: Mapping[str, Any],
) -> LocalMachine:
    """A backend of this process: circuits are prepared for it unless it simulates any circuit."""
    prepared_for = backend if is_device(backend) else None
    return LocalMachine(backend.name, prepared_for, make_sampler, options)


def _runtime_sampler(mode: Any) -> Callable[[Mapping[str, Any], int | None], BaseSamplerV2]:
    def sampler(options: Mapping[str, Any], seed: int | None) -> BaseSamplerV2:
        require_runtime()
        from qiskit_ibm_runtime.executor_sampler import Sampler

        try:
            made = Sampler(mode=mode, options=dict(options))
        except (TypeError, ValueError) as error:
            raise ValueError(f"options must be those of the runtime's sampler: {error}") from error
        if seed is not None:
            made.options.simulator.seed_simulator = seed
        return made

    return sampler


def _simulates(backend: BackendV2) -> bool:
    configuration = getattr(backend, "configuration", None)
    return bool(getattr(configuration(), "simulator", False)) if callable(configuration) else False


def machine_again(where: Where, *, service: Any, backend: Any, patience: Patience) -> Machine:
    """What a stored job runs on, in another process.

    Args:
        where: from the job file.
        service: the one to ask; the account saved on this machine if None.
        backend: what the user gives instead for parts that were never sent.
        patience: with the service.
    """
    if backend is not None:
        return machine_of(backend, service=service, hardware=where.kind == "ibm", patience=patience)
    if where.kind == "local":
        raise ValueError(
            f"this job ran on {where.backend} in a process of its own: give backend=... to run it again"
        )
    service = default_service() if service is None else service
    found: Any = named_backend(service, where.backend, patience)
    if where.mode == "job":
        return _of_runtime(found, found, "job", patience, {})
    runtime = import_module("qiskit_ibm_runtime")
    mode = (runtime.Batch if where.mode == "batch" else runtime.Session).from_id(where.session_id, service)
    return _of_runtime(mode, found, where.mode, patience, {})
