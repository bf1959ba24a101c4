"""A job: its file on disk, and through it the machine, the result, and what the result says."""

from __future__ import annotations

from functools import partial
from html import escape
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import PrimitiveResult, SamplerPubResult

from quantumlink import validation
from quantumlink.execution.export import bound_circuits, export_circuits
from quantumlink.execution.jobs.calibration_of_another import errors_by_another
from quantumlink.execution.jobs.collecting import Collected, collect_local, collect_remote, stored_pieces
from quantumlink.execution.jobs.connection import Connection, default_service
from quantumlink.execution.jobs.errors import JobDeleted, JobFailed, JobFileError, JobLost, JobUnfinished
from quantumlink.execution.jobs.job_file import JobFile, JobRecord, Part
from quantumlink.execution.jobs.local_runs import forget, found_run, remember
from quantumlink.execution.jobs.locks import locked_job
from quantumlink.execution.jobs.machine import IBMMachine, LocalMachine, Machine, machine_again
from quantumlink.execution.jobs.patience import Patience, patiently
from quantumlink.execution.jobs.pubs_on_file import Rows, joined
from quantumlink.execution.jobs.readers import rebuilt_analyst
from quantumlink.execution.jobs.sending import cancelled, find_sent_by_copies, recovered, send_part
from quantumlink.execution.jobs.status import ORDER, REMOTE, Status, summed, without_planned
from quantumlink.execution.jobs.timing import Timing, timing_again, warn_of_difference
from quantumlink.execution.jobs.waiting import shown
from quantumlink.execution.mitigation import Calibration, Mitigated, QuietRuns, Scope
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.execution.samples import Samples
from quantumlink.tables import html_table


class Job:
    """A job that was submitted, or is to be: what `submit` and `resume` return.

    Args:
        file: where everything about it stands.
        patience: with the service.
        machine: on what it runs; found from the file when it is needed, if None.
        service: of the account; the one saved on this machine if None.
    """

    def __init__(
        self, file: JobFile, patience: Patience, *, machine: Machine | None = None, service: Any = None
    ) -> None:
        self._file, self._patience = file, patience
        self._given_machine, self._service = machine, service
        self._connection: Connection | None = None
        self._shown_title = file.read().title
        self._unwritten: dict[str, list[Rows]] = {}
        """By tag what came and could not be stored."""

    # --- what it is

    @property
    def path(self) -> Path:
        """The job file."""
        return self._file.path

    @property
    def record(self) -> JobRecord:
        """The content of the file, as it is now."""
        return self._file.read()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the service gave, part by part; those without are left out."""
        return tuple(part.job_id for part in self.record.parts if part.job_id is not None)

    def status(self) -> Status:
        """How it stands, after asking the service about what is not over."""
        found = [self._status_of(part) for part in self.record.parts]
        return min(found, key=ORDER.index)

    # --- what it says

    def result(self, timeout_s: float | None = None) -> PrimitiveResult[SamplerPubResult]:
        """What was measured, the parts joined; waits for it, and sends first what was not sent.

        What arrives is stored beside the file at once: an interrupted or repeated call fetches nothing twice.

        Args:
            timeout_s: how long to wait; without end if None.

        Raises:
            ValueError: if the time is negative, or it is a dry run.
            JobUnfinished: if it takes longer.
            JobFailed: if a part failed or was cancelled; the others are stored all the same.
            JobLost: if it ran in a process that is gone.
        """
        if self.record.dry_run:
            raise ValueError(
                f"{str(self.path)!r} is a dry run: its bits are random, so it has no result; see timing()"
            )
        return self._joined(timeout_s)

    def _joined(self, timeout_s: float | None) -> PrimitiveResult[SamplerPubResult]:
        self._finish(None if timeout_s is None else validation.number("timeout_s", timeout_s, at_least=0.0))
        record = self.record
        bad = [part for part in record.parts if part.state != "done" and part.tag not in self._unwritten]
        if bad:
            told = "; ".join(f"{part.job_id or part.tag} {part.state}: {part.reason}" for part in bad)
            raise JobFailed(
                f"{len(bad)} of {len(record.parts)} parts of {str(self.path)!r} have no result ({told}); "
                f"resume(path, rerun=True) submits them again"
            )
        pieces = [
            (piece.pub, piece.start, bits)
            for number, part in enumerate(record.parts)
            for piece, bits in zip(part.pieces, self._pieces(number, part), strict=True)
        ]
        return joined(record.pubs, pieces)

    @property
    def estimate_s(self) -> float | None:
        """Quantum seconds as estimated before it was sent, None where none are used: see `submit`."""
        return self.record.estimate_s

    def usage_s(self) -> float | None:
        """Quantum seconds that the service counted so far, None if it has not said anything yet."""
        used = self.record.usage_s.values()
        return sum(used) if used else None

    def timing(self, timeout_s: float | None = None) -> Timing:
        """What the service's scheduler says, for a dry run, beside what was assumed; see `result`.

        A warning says so where the estimate of quantum seconds is another one by the scheduler's times.

        Raises:
            ValueError: if it is no dry run.
            JobFileError: if the file holds no times, or none that can be read.
        """
        if not self.record.dry_run:
            raise ValueError(
                f"{str(self.path)!r} is no dry run: submit with dry_run=True for the scheduler's times"
            )
        self._joined(timeout_s)
        record = self.record
        if record.timing is None:
            raise JobFileError(f"{str(self.path)!r} holds no times of its dry run")
        try:
            found = timing_again(record)
        except (KeyError, TypeError, ValueError) as error:
            raise JobFileError(f"{str(self.path)!r} holds no times that can be read: {error}") from error
        warn_of_difference(found)
        return found

    def samples(self, timeout_s: float | None = None) -> Samples:
        """Accepted and corrected outcomes per basis, for a job of a link or a program; see `result`."""
        recipe = self._recipe()
        return recipe.samples(self.result(timeout_s)[0])  # what else came is its calibration

    def mitigated(
        self, timeout_s: float | None = None, *, scope: Scope = "ends", calibration: Job | None = None
    ) -> Mitigated:
        """Readout errors taken out of parities and stabilizers, each figure beside the raw one; see `result`.

        Args:
            timeout_s: how long to wait; without end if None.
            scope: whose errors are taken out, ``"ends"`` or ``"all"``: see `Mitigated`.
            calibration: a job whose calibration is used for this one too: of the same device, since its last own
                calibration, and of all qubits that are read here. If None, this job's own.

        Raises:
            ValueError: if there is no calibration, it is of another device, time or qubits, or this is a job of a
                session.
        """
        told = self.record.reader
        if told["kind"] != "recipe":
            raise ValueError(f"{str(self.path)!r} is a job of a session: a key is never mitigated")
        if calibration is not None:
            validation.instance("calibration", calibration, Job, "a job submitted with mitigate_readout=True")
            mine, errors = errors_by_another(calibration, self.record, self._recipe(), timeout_s)
            return Mitigated.of(self._recipe(), mine, self.result(timeout_s), scope=scope, errors=errors)
        if "calibration" not in told:
            raise ValueError(
                f"{str(self.path)!r} has no calibration: submit with mitigate_readout=True, or give one that has"
            )
        found = Calibration.from_dict(told["calibration"])
        return Mitigated.of(self._recipe(), found, self.result(timeout_s), scope=scope)

    def quiet_runs(self, timeout_s: float | None = None) -> QuietRuns:
        """Figures of the runs in which no spectator flipped, beside those of all runs; see `result`.

        Raises:
            ValueError: if it was prepared without spectators, or this is a job of a session.
        """
        return QuietRuns.of(self._recipe(), self.result(timeout_s)[0])

    def key(self, timeout_s: float | None = None) -> Any:
        """What the session makes of its rounds, such as the key, for a job of a session; see `result`."""
        reader = self.record.reader
        if reader["kind"] != "analyst":
            raise ValueError(f"{str(self.path)!r} is a job of a program: it has samples(), a session has a key")
        return rebuilt_analyst(reader).analyse(self.result(timeout_s))

    def circuits(self) -> list[QuantumCircuit]:
        """The circuits exactly as they run, one for each row of each PUB, all parameters bound.

        Raises:
            JobFileError: if the file does not say how its rows are read.
            ValueError: if they are directed: then the service draws their parameters.
        """
        record = self.record
        if any(pub.samplex_text is not None for pub in record.pubs):
            raise ValueError(f"{str(self.path)!r} is directed by boxes: the service draws what runs")
        names = list(self._recipe().bases) if record.reader["kind"] == "recipe" else []
        if names and len(names) != record.pubs[0].rows:
            raise JobFileError(
                f"{str(self.path)!r} cannot be read: it names {len(names)} bases for {record.pubs[0].rows} rows"
            )
        return [
            circuit
            for number, pub in enumerate(record.pubs)
            for circuit in bound_circuits(pub.circuit, pub.table, () if number else names)
        ]

    def export(self, path: str | PathLike[str]) -> tuple[Path, ...]:
        """Write these circuits as QPY (``.qpy``) or OpenQASM 3 (``.qasm``): see `export_circuits`."""
        return export_circuits(self.circuits(), path)

    # --- what can be done

    def cancel(self) -> Status:
        """Cancel what is not over: at the service, and what was not sent will not be.

        Returns:
            How the job stands then. What was finished before stays finished.
        """
        for number in range(len(self.record.parts)):
            part = self._file.update(partial(without_planned, number=number)).parts[number]
            if part.state in ("submitting", "submitted"):
                self._cancel_part(number, part)
        return self.status()

    def deleted_parts(self) -> tuple[str, ...]:
        """The tags of submitted parts whose job the service does not have, and whose result is not here.

        Raises:
            JobError: if it cannot be known, as the job belongs to another account or instance.
        """
        if self._is_local():
            return ()
        found = []
        for part in self.record.parts:
            if part.state == "submitted":
                try:
                    self._connected().attach(str(part.job_id), part.tag)
                except JobDeleted:
                    if not self._connected().knows(self.record.where.account):
                        raise
                    found.append(part.tag)
        return tuple(found)

    def send(self, *, is_new: bool = False) -> None:
        """Send what was not sent, once; `submit` and `resume` do it.

        Args:
            is_new: whether the file was written just now, so that no copy of it can have been sent.
        """
        if not any(part.state in ("planned", "submitting") for part in self.record.parts):
            return
        machine = self._machine()
        with locked_job(self.record.job), shown(f"submitting {self._shown_title}") as show:
            if isinstance(machine, IBMMachine) and not is_new:
                find_sent_by_copies(self._file, machine)
            parts = self.record.parts  # another process may have sent some while this one waited
            for number, part in enumerate(parts):
                if part.state not in ("planned", "submitting"):
                    continue
                show(f"part {number + 1} of {len(parts)}")
                if isinstance(machine, IBMMachine):
                    send_part(self._file, number, machine, is_new=is_new)
                else:
                    self._start(number, part, machine)

    # --- how

    def _pieces(self, number: int, part: Part) -> list[Rows]:
        return self._unwritten[part.tag] if part.tag in self._unwritten else stored_pieces(self._file, number)

    def _recipe(self) -> Recipe:
        reader = self.record.reader
        if reader["kind"] != "recipe":
            raise ValueError(f"{str(self.path)!r} is a job of a session: it has a key(), a program has samples")
        try:
            return Recipe.from_dict(reader["data"])
        except (KeyError, ValueError) as error:
            raise JobFileError(f"{str(self.path)!r} cannot be read: {error}") from error

    def _machine(self) -> Machine:
        if self._given_machine is None:
            self._given_machine = machine_again(
                self.record.where, service=self._service, backend=None, patience=self._patience
            )
        return self._given_machine

    def _connected(self) -> Connection:
        """To the service; the backend need not be there any more."""
        if self._connection is None:
            if isinstance(self._given_machine, IBMMachine):
                self._connection = self._given_machine.connection
            else:
                service = default_service() if self._service is None else self._service
                self._connection = Connection(service, self._patience)
        return self._connection

    def _start(self, number: int, part: Part, machine: LocalMachine) -> None:
        record = self.record
        pubs = [record.pubs[p.pub].piece(p.start, p.stop, part.shots, part.tag) for p in part.pieces]
        seed = record.seeds.get("run")
        live = machine.run(pubs, record.options, None if seed is None else seed + number)
        remember(self._file, number, part.tag, live)
        self._file.update(lambda r: r.with_part(number, state="submitted", job_id=str(live.job_id()), reason=""))

    def _is_local(self) -> bool:
        return self.record.where.kind == "local"

    def _finish(self, timeout_s: float | None) -> None:
        """Until every part is over, or the time is."""
        self.send()
        started = monotonic()
        with shown(self._shown_title) as show:
            for wait in self._patience.waits(self._patience.poll_s):
                parts = enumerate(self.record.parts)
                open_parts = [(n, p) for n, p in parts if p.state == "submitted" and p.tag not in self._unwritten]
                left = [(n, p) for n, p in open_parts if not self._collected(n, p)]
                if not left:
                    return
                show(self._summary())
                over = None if timeout_s is None else timeout_s - (monotonic() - started)
                if over is not None and over <= 0:
                    raise JobUnfinished(
                        f"{self._summary()} after {timeout_s:g} s; the job goes on, and resume({str(self.path)!r}) "
                        f"finds it"
                    )
                self._patience.sleep(wait if over is None else min(wait, over))

    def _collected(self, number: int, part: Part) -> bool:
        if not self._is_local():
            return self._noted(part, collect_remote(self._file, number, self._connected()))
        live = found_run(part.tag)
        if live is None:
            if self.record.parts[number].state != "submitted":  # another thread has just read it
                return True
            raise JobLost(
                f"{str(self.path)!r} ran in a process of its own, which is gone with the result; resume(path, "
                f"rerun=True, backend=...) runs it again"
            )
        if not live.in_final_state():
            return False
        found = self._noted(part, collect_local(self._file, number, live))
        if part.tag not in self._unwritten:  # else the process keeps it, for a disk with room
            forget(part.tag)
        return found

    def _noted(self, part: Part, collected: Collected) -> bool:
        if collected.unwritten is not None:
            self._unwritten[part.tag] = collected.unwritten
        return collected.is_over

    def _status_of(self, part: Part) -> Status:
        if part.state in ("planned", "submitting"):
            return "unsubmitted"
        if part.state == "done" or part.state == "failed" or part.state == "cancelled":
            return part.state
        if self._is_local():
            live = found_run(part.tag)
            if live is None:
                return "lost"
            return "done" if live.in_final_state() else "running"
        try:
            remote = self._connected().attach(str(part.job_id), part.tag)
        except JobDeleted:
            if not self._connected().knows(self.record.where.account):
                raise
            return "lost"
        told = patiently(remote.status, self._patience, f"asking for the status of job {part.job_id}")
        return REMOTE.get(str(told), "queued")

    def _cancel_part(self, number: int, part: Part) -> None:
        if self._is_local():
            live = found_run(part.tag)
            if live is not None and live.cancel():
                self._mark_cancelled(number)
                forget(part.tag)
            return
        connection = self._connected()
        if part.state == "submitting":
            remote = recovered(connection, part)
            if remote is None:
                self._mark_cancelled(number)
                return
        else:
            remote = connection.attach(str(part.job_id), part.tag)
        job_id = str(remote.job_id())
        if cancelled(remote, self._patience):
            self._mark_cancelled(number, job_id)
        else:  # it was over before
            self._file.update(lambda r: r.with_part(number, state="submitted", job_id=job_id))

    def _mark_cancelled(self, number: int, job_id: str | None = None) -> None:
        def change(record: JobRecord) -> JobRecord:
            known = job_id or record.parts[number].job_id
            return record.with_part(number, state="cancelled", job_id=known, reason="it was cancelled")

        self._file.update(change)

    def _summary(self) -> str:
        return summed(self.record)

    def _repr_html_(self) -> str:
        where, created = self.record.where, self.record.created
        rows = [("on", where.backend), ("mode", where.mode), ("parts", self._summary())]
        rows += [("ids", ", ".join(self.ids)), ("created", created), ("file", str(self.path))]
        return html_table(self._shown_title, [(name, escape(text)) for name, text in rows])

    def __repr__(self) -> str:
        record = self.record
        return f"<Job {record.title} on {record.where.backend}: {self._summary()}, {str(self.path)!r}>"
