"""The service behind a backend, through its own client: submit, find by tag, attach, cancel, fetch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from qiskit.providers import BackendV2

from quantumlink.execution.jobs.errors import BackendNotFound, ForeignResult, JobError, NotAuthorized
from quantumlink.execution.jobs.patience import Patience, patiently

LISTINGS = 3
"""How often backends are listed before one is taken for missing."""


def require_runtime() -> None:
    """Say what to install if IBM's client is not there.

    Raises:
        ImportError: then.
    """
    if find_spec("qiskit_ibm_runtime") is None:
        raise ImportError(
            "jobs on IBM hardware need IBM's client, which is not installed: pip install 'quantumlink[ibm]'"
        )


def default_service() -> Any:
    """The service of the account that is saved on this machine.

    Raises:
        NotAuthorized: if no account is.
    """
    require_runtime()
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.exceptions import IBMAccountError

    try:
        return QiskitRuntimeService()
    except IBMAccountError as error:
        raise NotAuthorized(
            f"there are no credentials for IBM's service ({error}): save an API key once with "
            f"QiskitRuntimeService.save_account(token=...), or give a service"
        ) from error


def named_backend(service: Any, name: str, patience: Patience) -> BackendV2:
    """The backend of this name.

    Raises:
        BackendNotFound: if there is none; names that are near are suggested.
        NotAuthorized: if the account is refused.
    """
    from qiskit.providers.exceptions import QiskitBackendNotFoundError

    what = f"looking for backend {name!r}"
    for tried, wait in enumerate(patience.waits(), start=1):
        try:
            found: BackendV2 = patiently(lambda: service.backend(name), patience, what)
            return found
        except QiskitBackendNotFoundError as error:
            names = _names(service, patience)
            # The client takes a listing that failed for an empty one.
            if (names and name not in names) or tried >= min(patience.tries, LISTINGS):
                raise BackendNotFound(_not_found(name, names)) from error
            patience.sleep(wait)
    raise AssertionError("the waits have no end")


def _not_found(name: str, names: Sequence[str]) -> str:
    folded = {there.casefold().removeprefix("ibm_"): there for there in names}
    near = get_close_matches(name.casefold().removeprefix("ibm_"), list(folded), n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(repr(folded[n]) for n in near)}?)" if near else ""
    there = ", ".join(names) or "none"
    return f"there is no backend {name!r} for this account, or it was retired{hint}; there are: {there}"


class Connection:
    """What is asked of a service about jobs, each tried with patience.

    Args:
        service: a `QiskitRuntimeService`.
        patience: how often.
    """

    def __init__(self, service: Any, patience: Patience) -> None:
        self.service, self.patience = service, patience

    def attach(self, job_id: str, tag: str) -> Any:
        """The job of this id.

        Raises:
            JobError: if the account has no such job.
            ForeignResult: if the job does not carry the tag: then it is another's.
        """
        from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

        what = f"asking for job {job_id}"
        try:
            found = patiently(lambda: self.service.job(job_id), self.patience, what)
        except RuntimeJobNotFound as error:
            raise JobError(
                f"{what}: this account has no such job; it was submitted from another account or instance, or "
                f"deleted"
            ) from error
        if tag not in (found.tags or ()):
            raise ForeignResult(f"job {job_id} does not carry the tag {tag} of this job file: it is another's")
        return found

    def find(self, tag: str) -> Any | None:
        """The job that carries this tag, the oldest if there are several, or None."""
        for instance in self._instances():
            ask = partial(self.service.jobs, limit=None, job_tags=[tag], instance=instance)
            found = patiently(ask, self.patience, f"looking for the job with tag {tag}")
            mine = [job for job in found if tag in (job.tags or ())]  # newest first
            if mine:
                return mine[-1]
        return None

    def send(self, mode: Any, pubs: Sequence[Any], options: Mapping[str, Any], tag: str) -> Any:
        """Submit once, without trying again.

        Args:
            mode: a backend, or a session or batch of the user's.
            pubs: all with the same shots.
            options: of the runtime's sampler.
            tag: to find the job by.
        """
        from qiskit_ibm_runtime.executor_sampler import Sampler

        sampler = Sampler(mode=mode, options=dict(options))
        sampler.options.environment.job_tags = [*sampler.options.environment.job_tags, tag]
        with _without_repetition(self.service):
            return sampler.run(list(pubs))

    def text_of(self, job: Any) -> str:
        """The text of a finished job's result, as the service sent it."""
        what = f"fetching the result of job {job.job_id()}"
        return patiently(lambda: job.result(decoder=[_AsText]), self.patience, what) or ""

    def knows(self, account: str | None) -> bool:
        """Whether the jobs of that instance (see `account_of`) can be seen with this service."""
        return account is None or account in {_fingerprint(instance) for instance in self._instances()}

    def _instances(self) -> list[str | None]:
        """The account's instances: a listing shows the jobs of one of them."""
        told = patiently(self.service.instances, self.patience, "asking for the account's instances")
        return [instance["crn"] for instance in told] or [None]


def account_of(backend: Any) -> str | None:
    """A hash of the instance that a backend's jobs belong to: enough to recognize it, and it tells nothing."""
    return _fingerprint(getattr(backend, "_instance", None))


def _fingerprint(instance: str | None) -> str | None:
    return None if instance is None else hashlib.sha256(instance.encode()).hexdigest()[:16]


def decoded(text: str) -> Any:
    """A result from its text, by the client's own decoders."""
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    result: Any = text
    for decoder in DEFAULT_DECODERS["executor"]:
        if decoder.is_applicable(result):
            result = decoder.decode(result)
    return result


def runtime_class(value: Any, *names: str) -> bool:
    """Whether a value is of one of the runtime's classes, without loading the runtime for others."""
    modules = {cls.__module__.partition(".")[0] for cls in type(value).__mro__}
    if "qiskit_ibm_runtime" not in modules:
        return False
    runtime = import_module("qiskit_ibm_runtime")
    return isinstance(value, tuple(getattr(runtime, name) for name in names))


class _AsText:
    """A decoder that leaves the text as it came."""

    @staticmethod
    def is_applicable(_: Any) -> bool:
        return True

    @staticmethod
    def decode(data: Any) -> Any:
        return data


@contextmanager
def _without_repetition(service: Any) -> Iterator[None]:
    """Keep the client from repeating a POST after a 5xx on its own: the first may have arrived.

    The client has no public switch for it; where its insides look otherwise than known, they are left alone.
    """
    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    adapters = {}
    for client in clients:
        for adapter in getattr(getattr(client, "_session", None), "adapters", {}).values():
            if hasattr(getattr(adapter, "max_retries", None), "new"):
                adapters[id(adapter)] = (adapter, adapter.max_retries)
    for adapter, retries in adapters.values():
        adapter.max_retries = retries.new(status_forcelist=())
    try:
        yield
    finally:
        for adapter, retries in adapters.values():
            adapter.max_retries = retries


def _names(service: Any, patience: Patience) -> list[str]:
    found = patiently(service.backends, patience, "asking for the backends")
    if not found:  # the client takes a refused account for one without backends
        patiently(service.usage, patience, "asking for the account's usage")
    return sorted(backend.name for backend in found)
